//! A target as everybody but its worker sees it: how it is, and the wish to send dead letters again.

use std::collections::{BTreeMap, BTreeSet};
use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use jiff::Timestamp;
use tokio::sync::Notify;

use super::cursor::{self, Cursor};
use super::dead::{self, Dead, DeadLetter};
use super::file::Lines;
use super::robot::Robot;
use super::webhook::Webhook;
use crate::config::{RobotFormat, TargetKind, TargetSettings};
use crate::message::Language;
use crate::protocol::Glob;

/// Why a target or a source can't be started.
#[derive(Debug, thiserror::Error)]
#[error("\"{name}\" can't be started: {what}")]
pub struct OpenError {
    /// Which.
    pub name: String,
    /// What was tried.
    pub what: String,
    /// Why it failed.
    pub source: Option<io::Error>,
}

/// Whether a target is being told.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, serde::Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Circuit {
    /// It is.
    #[default]
    Closed,
    /// It failed several times in a row, and is tried from time to time.
    Open,
}

/// How a target is.
#[derive(Clone, Debug, Default)]
pub struct State {
    /// The place in the feed up to which it has been told.
    pub cursor: u64,
    /// Whether it is being told.
    pub circuit: Circuit,
    /// Failures in a row.
    pub failures: u32,
    /// What went wrong last.
    pub last_error: Option<String>,
    /// When it last took something.
    pub last_delivery: Option<Timestamp>,
    /// Events that it took since the start.
    pub delivered: u64,
    /// Requests or writes that failed since the start.
    pub retried: u64,
    /// Dead letters since the start, delivered after all or not.
    pub buried: u64,
    /// What it would not take.
    pub dead: BTreeMap<u64, DeadLetter>,
}

#[derive(Debug, Default)]
pub(super) struct Shared {
    state: Mutex<State>,
    /// Dead letters to be sent again.
    again: Mutex<BTreeSet<u64>>,
    /// Somebody wants the worker to look now.
    pub(super) wake: Notify,
}

/// A mutex whose holders never panic while they hold it.
fn held<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Shared {
    pub(super) fn state(&self) -> MutexGuard<'_, State> {
        held(&self.state)
    }

    pub(super) fn next_again(&self) -> Option<u64> {
        held(&self.again).first().copied()
    }

    pub(super) fn done_again(&self, seq: u64) {
        held(&self.again).remove(&seq);
    }
}

/// A target; cheap to clone.
#[derive(Clone, Debug)]
pub struct Outlet {
    /// Its name.
    pub name: Arc<str>,
    /// How it is told.
    pub kind: TargetKind,
    pub(super) shared: Arc<Shared>,
}

impl Outlet {
    /// How it is now.
    #[must_use]
    pub fn state(&self) -> State {
        self.shared.state().clone()
    }

    /// Wants dead letters sent again, all or those with these ids, and a target that failed tried now. Answers how
    /// many are to be sent.
    pub fn send_again(&self, ids: Option<&[String]>) -> usize {
        let wanted: BTreeSet<u64> = {
            let state = self.shared.state();
            let chosen = state.dead.values().filter(|letter| ids.is_none_or(|ids| ids.contains(&letter.id)));
            chosen.map(|letter| letter.seq).collect()
        };
        let count = wanted.len();
        held(&self.shared.again).extend(wanted);
        self.shared.wake.notify_one();
        count
    }
}

/// How a target is told.
pub(super) enum Channel {
    Webhook(Webhook),
    File(Lines),
    Robot(Box<Robot>),
}

/// What a worker has of its own.
pub(super) struct Parts {
    pub(super) outlet: Outlet,
    pub(super) events: Vec<Glob>,
    pub(super) channel: Channel,
    pub(super) cursor: Cursor,
    pub(super) dead: Dead,
}

/// Opens a target of the configuration. `last` is the last place of the feed of the box `by`.
pub(super) fn open(
    settings: &TargetSettings,
    data: &Path,
    by: &str,
    last: u64,
    language: Language,
) -> Result<Parts, OpenError> {
    let name = &settings.name;
    let failed = |what: &str, path: PathBuf| {
        let what = format!("{what} {}", path.display());
        move |source| OpenError { name: name.clone(), what, source: Some(source) }
    };
    let kind = settings.kind.unwrap_or(TargetKind::File);
    let folder = super::folder(data).join(name);
    std::fs::create_dir_all(&folder).map_err(failed("can't make", folder.clone()))?;
    let path = folder.join(cursor::FILE);
    let (mut cursor, known) = Cursor::open(&path, by).map_err(failed("can't use", path.clone()))?;
    let (channel, written) = channel(settings, kind, by, language)?;
    let mut at = known.unwrap_or(if kind == TargetKind::Robot { last } else { 0 });
    at = at.max(written.unwrap_or(0));
    if at > last {
        tracing::error!(target_name = %name, cursor = at, last, "A target was told more than the ledger holds.");
        at = last;
    }
    if known != Some(at) {
        cursor.keep(at).map_err(failed("can't write", path))?;
    }
    let path = folder.join(dead::FILE);
    let dead = Dead::open(&path).map_err(failed("can't use", path.clone()))?;
    let shared = Shared::default();
    *shared.state() = State { cursor: at, dead: dead.letters().clone(), ..State::default() };
    let outlet = Outlet { name: name.as_str().into(), kind, shared: Arc::new(shared) };
    Ok(Parts { outlet, events: settings.events.clone(), channel, cursor, dead })
}

/// The way to a target, and the last place that its file holds.
fn channel(
    settings: &TargetSettings,
    kind: TargetKind,
    by: &str,
    language: Language,
) -> Result<(Channel, Option<u64>), OpenError> {
    let name = &settings.name;
    let wrong = |what: String| OpenError { name: name.clone(), what, source: None };
    Ok(match kind {
        TargetKind::Webhook => {
            let keys = settings.secret.keys().map_err(wrong)?;
            (Channel::Webhook(Webhook::new(&settings.uri().map_err(wrong)?, keys)), None)
        }
        TargetKind::Robot => {
            let secret = settings.secret.texts().map_err(wrong)?.into_iter().next();
            let format = settings.format.unwrap_or(RobotFormat::Wecom);
            let uri = settings.uri().map_err(wrong)?;
            (Channel::Robot(Box::new(Robot::new(&uri, format, secret, language))), None)
        }
        TargetKind::File => {
            let path = settings.path.clone().unwrap_or_default();
            let what = format!("can't use {}", path.display());
            let opened = Lines::open(&path, by);
            let (lines, last) =
                opened.map_err(|source| OpenError { name: name.clone(), what, source: Some(source) })?;
            (Channel::File(lines), last)
        }
    })
}
