//! A source as everybody but its worker sees it: how it is, and the wish that it looks now.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use jiff::Timestamp;
use tokio::sync::Notify;

use super::kept::KeptFile;
use super::take::Counts;
use crate::config::SourceKind;

/// Things that are listed, and words.
const LISTED_MAX: usize = 200;

/// Words without a translation that are remembered: more are one wrong mapping, and not many words.
const WORDS_MAX: usize = 1_000;

/// A thing that waits or was refused, for people.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct KeptThing {
    /// What it is.
    pub kind: &'static str,
    /// Its id.
    pub id: String,
    /// Whether it waits for something; else it was refused.
    pub waits: bool,
    /// For what, or why.
    pub reason: String,
    /// Since when.
    pub since: Timestamp,
    /// How often it was judged.
    pub times: u32,
}

/// A word that stands in no dictionary.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct UnknownWord {
    /// How often it came.
    pub times: u64,
    /// The last thing with it.
    pub example: String,
}

/// How a source is.
#[derive(Clone, Debug, Default)]
pub struct SourceState {
    /// The cursor of the next call.
    pub cursor: Option<String>,
    /// Failures in a row.
    pub failures: u32,
    /// What went wrong last; none once it is well again.
    pub last_error: Option<String>,
    /// When it was last read to its end.
    pub last_success: Option<Timestamp>,
    /// When this began: what was never read has been waiting since then.
    pub started: Option<Timestamp>,
    /// Answers or files that were read since the start.
    pub pages: u64,
    /// What became of the things since the start.
    pub counts: Counts,
    /// Things that wait now.
    pub waiting: usize,
    /// Things that were refused and did not come right yet.
    pub refused: usize,
    /// The oldest of both.
    pub kept: Vec<KeptThing>,
    /// Words without a translation, by field and word.
    pub words: BTreeMap<(String, String), UnknownWord>,
    /// Whether it is asked no further because too much is kept.
    pub is_full: bool,
}

#[derive(Debug, Default)]
pub(super) struct Shared {
    state: Mutex<SourceState>,
    pub(super) wake: Notify,
}

impl Shared {
    pub(super) fn state(&self) -> MutexGuard<'_, SourceState> {
        // its holders never panic while they hold it
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Shows what is kept.
    pub(super) fn show(&self, kept: &KeptFile) {
        let things = kept.things().values();
        let mut listed: Vec<KeptThing> = things
            .map(|kept| KeptThing {
                kind: kept.kind.name(),
                id: kept.id.clone(),
                waits: kept.on.is_some(),
                reason: kept.reason.clone(),
                since: kept.since,
                times: kept.times,
            })
            .collect();
        listed.sort_by(|one, other| (one.waits, one.since, &one.id).cmp(&(other.waits, other.since, &other.id)));
        let mut state = self.state();
        state.waiting = listed.iter().filter(|thing| thing.waits).count();
        state.refused = listed.len() - state.waiting;
        listed.truncate(LISTED_MAX);
        state.kept = listed;
        state.is_full = kept.is_full();
    }

    /// Remembers words without a translation.
    pub(super) fn tell_words(&self, words: &[(String, String)], example: &str) {
        let mut state = self.state();
        for word in words {
            if state.words.len() < WORDS_MAX || state.words.contains_key(word) {
                let unknown = state.words.entry(word.clone()).or_default();
                unknown.times += 1;
                example.clone_into(&mut unknown.example);
            }
        }
    }

    pub(super) fn failed(&self, why: &str) -> u32 {
        let mut state = self.state();
        state.failures = state.failures.saturating_add(1);
        state.last_error = Some(why.to_owned());
        state.failures
    }

    pub(super) fn succeeded(&self, at: Timestamp) {
        let mut state = self.state();
        state.failures = 0;
        state.last_error = None;
        state.last_success = Some(at);
    }
}

/// A source; cheap to clone.
#[derive(Clone, Debug)]
pub struct Source {
    /// Its name.
    pub name: Arc<str>,
    /// How it is read.
    pub kind: SourceKind,
    /// Seconds between two looks.
    pub interval: u32,
    pub(super) shared: Arc<Shared>,
}

impl Source {
    pub(super) fn new(settings: &crate::config::SourceSettings, kind: SourceKind, now: Timestamp) -> Source {
        let shared = Shared::default();
        shared.state().started = Some(now);
        Source { name: settings.name.as_str().into(), kind, interval: settings.interval(), shared: Arc::new(shared) }
    }

    /// How it is now.
    #[must_use]
    pub fn state(&self) -> SourceState {
        self.shared.state().clone()
    }

    /// Wants the source read now, and what was refused judged again.
    pub fn look_now(&self) {
        self.shared.wake.notify_one();
    }
}
