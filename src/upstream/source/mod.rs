//! The incoming side that waybind drives itself: sources that are asked over HTTP, and folders that are watched.
//!
//! A source's things go through the same judgement as those that are pushed. What refers to something that is not there
//! yet waits, and is taken when that comes; what can't be understood is kept and shown. Both are durable before the
//! cursor moves on, and the cursor moves on only after the ledger has the page: a crash costs things that are taken
//! twice, which changes nothing, and never one that is not taken.
//!
//! # Files
//! `sources/<name>/place`: cursor and version of what was read last, as JSON, replaced whole. `sources/<name>/kept.jsonl`:
//! a line for each thing that waits or was refused, and one for each that is done with; rewritten at the start.

mod folder;
mod handle;
mod kept;
mod place;
mod pull;
mod report;
mod take;

use std::future::Future;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::{Feed, Unreadable};
use crate::intake::Kind;

pub use self::handle::{KeptThing, Source, SourceState, UnknownWord};

/// Things that wait or were refused, of one source. When there are more, it is asked no further until a person has
/// looked: a wrong mapping should not refuse a year of orders one by one.
pub const KEPT_MAX: usize = 10_000;

/// Bytes of these.
pub const KEPT_BYTES_MAX: usize = 64 * 1024 * 1024;

/// A thing that a source described.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Arrived {
    /// What it is.
    #[serde(with = "kept::kind")]
    pub kind: Kind,
    /// Its id.
    pub id: String,
    /// The object as the API takes it.
    pub object: Value,
    /// Whether an order is cancelled, where that is said.
    #[serde(default)]
    pub cancelled: Option<bool>,
    /// Why an order is to be held, or `release`.
    #[serde(default)]
    pub hold: Option<String>,
    /// What is said about the hold.
    #[serde(default)]
    pub hold_note: Option<String>,
}

impl Arrived {
    /// Upstream's version of it.
    fn version(&self) -> Option<i64> {
        self.object["version"].as_i64()
    }
}

/// What became of a thing.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Taken {
    /// It is new.
    Created,
    /// It changed something.
    Updated,
    /// It says nothing new.
    Unchanged,
    /// It refers to something that is not there yet.
    Waits(Reference, String),
    /// It can't be.
    Refused(String),
    /// Its object can't be; what it says beside it was heard.
    Heard(String),
}

/// Something that a thing refers to.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Reference {
    /// An order.
    Order(String),
    /// A line of an order.
    Line(String, u32),
    /// A waybill.
    Waybill(String),
}

/// What sources need of the service, beside what targets do.
pub trait Inbox: Feed {
    /// Takes things, in their order; all that was taken is durable when the answer comes.
    fn take(&self, source: &str, things: Vec<Arrived>) -> impl Future<Output = Result<Vec<Taken>, Unreadable>> + Send;
    /// Whether each of these is there now.
    fn there(&self, references: Vec<Reference>) -> impl Future<Output = Result<Vec<bool>, Unreadable>> + Send;
}

/// Where the sources of a data folder have their files: a folder for each.
#[must_use]
pub fn sources_folder(data: &Path) -> PathBuf {
    data.join("sources")
}

/// A source that can run.
pub enum SourceWorker<I> {
    /// Asked over HTTP.
    Pull(Box<pull::Puller<I>>),
    /// A folder.
    Folder(Box<folder::Watcher<I>>),
}

impl<I: Inbox> SourceWorker<I> {
    /// Opens a source's files.
    ///
    /// # Errors
    /// A file can't be opened, or the configuration can't be used.
    pub fn open(
        settings: &crate::config::SourceSettings,
        data: &Path,
        zone: jiff::tz::TimeZone,
        inbox: I,
    ) -> Result<Self, super::OpenError> {
        let name = settings.name.clone();
        let failed = |what: String| super::OpenError { name: name.clone(), what, source: None };
        let home = sources_folder(data).join(&settings.name);
        let made = std::fs::create_dir_all(&home);
        made.map_err(|error| failed(format!("its folder {} can't be made: {error}", home.display())))?;
        Ok(match settings.kind {
            Some(crate::config::SourceKind::Http) => {
                SourceWorker::Pull(Box::new(pull::Puller::open(settings, &home, zone, inbox).map_err(failed)?))
            }
            Some(crate::config::SourceKind::Folder) => {
                SourceWorker::Folder(Box::new(folder::Watcher::open(settings, &home, zone, inbox).map_err(failed)?))
            }
            None => return Err(failed("it does not say what kind it is".into())),
        })
    }

    /// The source as everybody else sees it.
    #[must_use]
    pub fn source(&self) -> Source {
        match self {
            SourceWorker::Pull(puller) => puller.source(),
            SourceWorker::Folder(watcher) => watcher.source(),
        }
    }

    /// Works until waybind stops.
    pub async fn run(self) {
        match self {
            SourceWorker::Pull(puller) => puller.run().await,
            SourceWorker::Folder(watcher) => watcher.run().await,
        }
    }
}
