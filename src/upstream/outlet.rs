//! A target as everybody but its worker sees it: how it is, and the wish to send dead letters again.

use std::collections::{BTreeMap, BTreeSet};
use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use tokio::sync::Notify;

use super::batch::{Form, Selection};
use super::cursor::{self, Cursor};
use super::dead::{self, Correction, Dead, DeadLetter};
use super::epcis::Epcis;
use super::file::{Bounds, Lines};
use super::robot::Robot;
use super::webhook::Webhook;
use crate::config::{Format, TargetKind, TargetSettings};
use crate::message::Language;

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

/// What is at fault when a delivery fails, as far as that shows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fault {
    /// Nobody answers, or patience is asked for: no event is to blame.
    Reach,
    /// It answers, and fails: perhaps on what it was sent.
    Answer,
    /// The address or the credential is wrong.
    Setup,
}

impl Fault {
    /// As the API writes it.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Fault::Reach => "reach",
            Fault::Answer => "answer",
            Fault::Setup => "setup",
        }
    }
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
    /// What was at fault the last time, while there are failures.
    pub fault: Option<Fault>,
    /// How often the circuit opened since the start.
    pub opened: u64,
    /// Since when it is open.
    pub open_since: Option<Timestamp>,
    /// The event that seems to be the only one that the target fails on, while that is being found out.
    pub suspect: Option<String>,
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
    /// Orders that wait behind that, or whose rest is being told.
    pub orders_waiting: usize,
}

/// What people want of a dead letter.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Wish {
    /// That it is sent again.
    Again,
    /// That other data are sent in its stead.
    Correct(Correction),
    /// That the target does without it.
    LetGo,
}

#[derive(Debug, Default)]
pub(super) struct Shared {
    state: Mutex<State>,
    /// What people want of dead letters; at most one wish for each.
    wishes: Mutex<BTreeMap<u64, Wish>>,
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

    /// The first wish that may be done now.
    pub(super) fn next_wish(&self, may: impl Fn(u64, &Wish) -> bool) -> Option<(u64, Wish)> {
        held(&self.wishes).iter().find(|(seq, wish)| may(**seq, wish)).map(|(seq, wish)| (*seq, wish.clone()))
    }

    /// A wish was done; another one for the same letter that came meanwhile stays.
    pub(super) fn done(&self, seq: u64, wish: &Wish) {
        let mut wishes = held(&self.wishes);
        if wishes.get(&seq) == Some(wish) {
            wishes.remove(&seq);
        }
    }

    /// Wishes something of a letter; a plain sending again does not take the place of more.
    pub(super) fn wish(&self, seq: u64, wish: Wish) {
        let mut wishes = held(&self.wishes);
        if wish == Wish::Again {
            wishes.entry(seq).or_insert(wish);
        } else {
            wishes.insert(seq, wish);
        }
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
    /// How it is now, with at most so many dead letters, and how many there are.
    #[must_use]
    pub fn state(&self, letters: usize) -> (State, usize) {
        let state = self.shared.state();
        let dead = state.dead.iter().take(letters).map(|(seq, letter)| (*seq, letter.clone())).collect();
        let (last_error, suspect) = (state.last_error.clone(), state.suspect.clone());
        (State { dead, last_error, suspect, ..*state }, state.dead.len())
    }

    /// The place in the feed up to which it has been told.
    #[must_use]
    pub fn cursor(&self) -> u64 {
        self.shared.state().cursor
    }

    /// A dead letter by its id.
    #[must_use]
    pub fn dead_letter(&self, id: &str) -> Option<DeadLetter> {
        self.shared.state().dead.values().find(|letter| letter.id == id).cloned()
    }

    /// Sends a dead letter again with other data; false if there is none with this id.
    pub fn correct(&self, id: &str, correction: Correction) -> bool {
        self.want(id, Wish::Correct(correction))
    }

    /// Lets the target do without a dead letter, so that what its order did since goes out; false if there is none with
    /// this id.
    pub fn let_go(&self, id: &str) -> bool {
        self.want(id, Wish::LetGo)
    }

    fn want(&self, id: &str, wish: Wish) -> bool {
        let Some(letter) = self.dead_letter(id) else { return false };
        self.shared.wish(letter.seq, wish);
        self.shared.wake.notify_one();
        true
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
        for seq in wanted {
            self.shared.wish(seq, Wish::Again);
        }
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

/// When events themselves are suspected, and how often one that fails alone is tried.
#[derive(Clone, Copy, Debug)]
pub(super) struct Suspicion {
    /// Failures must have gone on for so long.
    pub(super) after: Duration,
    /// How often an event is tried by itself before only a person sends it.
    pub(super) tries: u32,
    /// The time between two tries.
    pub(super) between: SignedDuration,
}

/// What a worker has of its own.
pub(super) struct Parts {
    pub(super) outlet: Outlet,
    pub(super) selection: Arc<Selection>,
    pub(super) channel: Channel,
    pub(super) cursor: Cursor,
    pub(super) dead: Dead,
    pub(super) suspicion: Suspicion,
}

/// Opens a target of the configuration. The feed of the box `by` can be read after `begins`, and ends with `last`.
pub(super) fn open(
    settings: &TargetSettings,
    data: &Path,
    by: &str,
    (begins, last): (u64, u64),
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
    // who was never told anything begins with the first event that there is
    let mut at = known.unwrap_or(if kind == TargetKind::Robot { last } else { begins });
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
    let (letters, orders_waiting) = (dead.letters().clone(), dead.orders_waiting());
    *shared.state() = State { cursor: at, dead: letters, orders_waiting, ..State::default() };
    let outlet = Outlet { name: name.as_str().into(), kind, shared: Arc::new(shared) };
    let selection = Selection {
        events: settings.events.clone(),
        stations: settings.stations.clone(),
        exceptions_only: kind == TargetKind::Robot,
        form: form(settings),
    };
    Ok(Parts { outlet, selection: selection.into(), channel, cursor, dead, suspicion: suspicion(settings) })
}

/// The shortest time between two tries of an event that fails alone.
const BETWEEN: SignedDuration = SignedDuration::from_secs(1);

fn suspicion(settings: &TargetSettings) -> Suspicion {
    let span = SignedDuration::from_mins(i64::from(settings.tries_minutes));
    let between = span.checked_div(i32::try_from(settings.tries).unwrap_or(i32::MAX)).unwrap_or(span).max(BETWEEN);
    Suspicion { after: Duration::from_secs(settings.suspect_seconds.into()), tries: settings.tries, between }
}

fn form(settings: &TargetSettings) -> Form {
    match (settings.format, &settings.site) {
        (Some(Format::Epcis), Some(site)) => Form::Epcis(Epcis::new(site)),
        _ => Form::Cloud,
    }
}

/// The robot of a target.
pub(super) fn robot(settings: &TargetSettings, language: Language) -> Result<Robot, String> {
    let secret = settings.secret.texts()?.into_iter().next();
    Ok(Robot::new(&settings.uri()?, settings.format.unwrap_or(Format::Wecom), secret, language))
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
            (Channel::Webhook(Webhook::new(&settings.uri().map_err(wrong)?, keys, form(settings))), None)
        }
        TargetKind::Robot => (Channel::Robot(Box::new(robot(settings, language).map_err(wrong)?)), None),
        TargetKind::Gateway => return Err(wrong("a gateway is told by escalations only".into())),
        TargetKind::File => {
            let path = settings.path.clone().unwrap_or_default();
            let what = format!("can't use {}", path.display());
            let bounds = Bounds { size: settings.file_mb.saturating_mul(1024 * 1024), days: settings.keep_days };
            let opened = Lines::open(&path, by, form(settings), bounds);
            let (lines, last) =
                opened.map_err(|source| OpenError { name: name.clone(), what, source: Some(source) })?;
            (Channel::File(lines), last)
        }
    })
}
