//! The outgoing side: targets that are told every fact of the feed at least once, in its order.
//!
//! Each target has a worker with a cursor of its own in the data folder, so that one that is down keeps nobody else
//! waiting, the ledger's writer least of all. A delivery ends as delivered, to be retried, or rejected; what is rejected
//! becomes a dead letter that a person can see, correct, send again or let go. What an order does after an event that the
//! target does not have waits behind that event. Nothing is dropped that no person let go.
//!
//! # Files
//! `targets/<name>/cursor` (8 KiB): two alternating slots of 4 KiB, each a line of JSON (generation, box, place in the
//! feed) with its SHA-256; the newer whole one holds. `targets/<name>/dead.jsonl`: a line for each dead letter, one for each
//! that the target got after all or that was let go, and one for each order whose later events it then got; rewritten at
//! the start, and when most of its lines are history.

mod batch;
mod behind;
pub mod courier;
mod cursor;
mod dead;
mod doubt;
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
pub use self::dead::{Correction, DeadLetter, Why};
pub use self::escalation::{Alert, Alerts, Ladder};
pub use self::outlet::{Circuit, Fault, OpenError, Outlet, State};
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
#[derive(Clone, Debug, Default)]
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
    /// All of it, as JSON.
    pub data: String,
}

impl Fact {
    /// All of it, read; null where it is no JSON.
    #[must_use]
    pub fn value(&self) -> serde_json::Value {
        serde_json::from_str(&self.data).unwrap_or_default()
    }
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
    /// Facts about an order after a place and up to another, oldest first: at most so many.
    fn facts_of(
        &self,
        order: &str,
        after: u64,
        through: u64,
        limit: usize,
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
    /// A time as the site writes it.
    fn written(&self, at: Timestamp) -> String;
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
        /// What is at fault, as far as this shows.
        fault: Fault,
    },
    /// The target will never take it as it is.
    Rejected {
        /// What the target answered.
        answer: String,
        /// Whether it was too much at once.
        too_large: bool,
    },
}

/// Several events on their way together.
#[derive(Clone, Debug, Default)]
pub(crate) struct Delivery {
    events: Vec<Letter>,
    /// Where the cursor stands once this is done with.
    through: u64,
    /// What is wrong with other targets, for a robot.
    troubles: Vec<Trouble>,
}

/// What is wrong with a target.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Trouble {
    /// Its name.
    target: String,
    /// Events that became dead letters and that people were not told of.
    dead: u64,
    /// Whether people were not told that it takes nothing.
    down: bool,
    /// How much of both there was since the start.
    told: (u64, u64),
    /// What it answered last.
    answer: String,
}

/// A fact ready to go.
#[derive(Clone, Debug)]
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
