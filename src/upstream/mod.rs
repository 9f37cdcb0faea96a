//! The outgoing side: targets that are told every fact of the feed at least once, in its order.
//!
//! Each target has a worker with a cursor of its own in the data folder, so that one that is down keeps nobody else
//! waiting, the ledger's writer least of all. A delivery ends as delivered, to be retried, or rejected; what is rejected
//! becomes a dead letter that a person can see and send again. Nothing is dropped.
//!
//! # Files
//! `targets/<name>/cursor` (8 KiB): two alternating slots of 4 KiB, each a line of JSON (generation, box, place in the
//! feed) with its SHA-256; the newer whole one holds. `targets/<name>/dead.jsonl`: a line for each dead letter, and one
//! for each that was delivered after all; rewritten at the start.

mod batch;
pub mod courier;
mod cursor;
mod dead;
mod envelope;
mod epcis;
mod escalation;
mod file;
mod gateway;
mod http;
mod outlet;
mod places;
mod retry;
mod robot;
mod signature;
mod source;
mod webhook;
mod worker;

use std::collections::HashMap;
use std::future::Future;
use std::path::{Path, PathBuf};

use jiff::Timestamp;
use tokio::sync::watch;

pub use self::cursor::carry_over;
pub use self::dead::{Correction, DeadLetter};
pub use self::escalation::{Alert, Alerts, Ladder};
pub use self::outlet::{Circuit, OpenError, Outlet, State};
pub use self::places::{Told, told};
pub use self::source::{
    Arrived, Inbox, KeptThing, Reference, Source, SourceState, SourceWorker, Taken, UnknownWord, sources_folder,
};
pub use self::worker::Worker;

/// Events of one delivery at most.
pub const EVENTS_MAX: usize = 500;

/// Bytes of one delivery at most, unless a single event is larger: receivers commonly take 1 MiB.
pub const BYTES_MAX: usize = 256 * 1024;

/// A fact of the feed.
#[derive(Clone, Debug)]
pub struct Fact {
    /// The box that recorded it.
    pub by: String,
    /// Its place in the feed.
    pub seq: u64,
    /// Its id, which never changes.
    pub id: String,
    /// When, as the site writes it.
    pub time: String,
    /// What it is.
    pub kind: String,
    /// The order that it is about.
    pub order: Option<String>,
    /// All of it.
    pub data: serde_json::Value,
}

/// The feed can't be read now.
#[derive(Clone, Debug, thiserror::Error)]
#[error("{0}")]
pub struct Unreadable(pub String);

/// What the targets need of the service.
pub trait Feed: Clone + Send + Sync + 'static {
    /// Facts after a place, oldest first: at most so many, and of not much more than so many bytes.
    fn facts(
        &self,
        after: u64,
        limit: usize,
        bytes: usize,
    ) -> impl Future<Output = Result<Vec<Fact>, Unreadable>> + Send;
    /// The GTIN-14 of each of these SKUs that has one.
    fn gtins(&self, skus: Vec<String>) -> impl Future<Output = Result<HashMap<String, String>, Unreadable>> + Send;
    /// The place after which the whole feed can be read; 0 unless its beginning is gone.
    fn begins(&self) -> impl Future<Output = Result<u64, Unreadable>> + Send;
    /// The last place of the feed.
    fn last(&self) -> impl Future<Output = Result<u64, Unreadable>> + Send;
    /// Changes when there is more.
    fn moved(&self) -> watch::Receiver<u64>;
    /// Becomes true when waybind stops.
    fn stopping(&self) -> watch::Receiver<bool>;
    /// Now.
    fn now(&self) -> Timestamp;
}

/// What became of a delivery.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Outcome {
    /// The target has it.
    Delivered,
    /// The target may take it later.
    Retry {
        /// Why it did not now.
        why: String,
        /// When the target wants to be asked again.
        after: Option<std::time::Duration>,
    },
    /// The target will never take it as it is.
    Rejected {
        /// What the target answered.
        answer: String,
    },
}

/// Several events on their way together.
#[derive(Debug)]
pub(crate) struct Delivery {
    events: Vec<Letter>,
    /// Where the cursor stands once this is done with.
    through: u64,
    /// Dead letters of other targets, for a robot: target, how many there were ever, the last answer.
    buried: Vec<(String, u64, String)>,
}

/// A fact ready to go.
#[derive(Debug)]
pub(crate) struct Letter {
    fact: Fact,
    /// The fact as a CloudEvent in JSON.
    json: Vec<u8>,
}

/// Where the targets of a data folder have their files: a folder for each.
#[must_use]
pub fn folder(data: &Path) -> PathBuf {
    data.join("targets")
}

/// Whether a path is that of a file in which a target keeps its place or its dead letters.
#[must_use]
pub fn is_file_of_target(data: &Path, file: &Path) -> bool {
    let Some(name) = file.file_name().and_then(|name| name.to_str()) else { return false };
    let is_ours = name == cursor::FILE || name == dead::FILE;
    is_ours && file.parent().and_then(Path::parent) == Some(&folder(data))
}

/// A text cut to so many bytes.
pub(crate) fn cut(text: &str, bytes: usize) -> &str {
    let end = (0..=bytes.min(text.len())).rev().find(|end| text.is_char_boundary(*end));
    &text[..end.unwrap_or(0)]
}
