//! Ladders of escalation: an exception is told on one step after the other, until somebody takes it or it is over.
//!
//! # Files
//! `escalations/<name>.json`: the place in the feed and the open alerts, written anew whenever they change. What was said just
//! before a crash may be said again.

use std::collections::{BTreeMap, HashMap};
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::batch::READ_MAX;
use super::gateway::Gateway;
use super::robot::{Robot, exception, one_line};
use super::{EVENTS_MAX, Fact, Feed, OpenError, Outcome, Outlet, cut, outlet};
use crate::config::{EscalationSettings, TargetKind, TargetSettings};
use crate::message::{Language, Notice, TARGET_DOWN, notice_text};
use crate::protocol::Glob;

/// Alerts of one ladder that are open at once: more than people can take. What comes beyond is not escalated, and counted.
const OPEN_MAX: usize = 500;

/// How often a ladder looks by itself.
const LOOK: Duration = Duration::from_secs(5);

/// How soon a ladder looks again at what can't be read, written or said.
const TROUBLE: Duration = Duration::from_secs(5);

/// The longest wait between two steps: nobody waits for longer than a day.
const WAIT_MAX: i64 = 86_400;

/// Bytes of an alert's text: two short messages, where it costs money.
const TEXT_MAX: usize = 400;

/// The longest wait between two messages on the last step.
const REPEAT_MAX: i64 = 3_600;

/// What upstream wants otherwise than it was begun.
const DIFFERS: &str = "order_differs";

/// Whether an exception is over once its order is cancelled.
fn is_about_order(kind: &str) -> bool {
    matches!(kind, "order_held" | DIFFERS)
}

/// An exception that nobody has taken yet.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Alert {
    /// The id of the event that raised it.
    pub id: String,
    /// What it is.
    pub kind: String,
    /// The order that it is about.
    pub order: Option<String>,
    /// Where.
    pub station: Option<String>,
    /// The print job or the printer that it is about.
    #[serde(default)]
    pub about: Option<String>,
    /// In words.
    pub text: String,
    /// When it was raised, as the site writes it.
    pub since: String,
    /// Messages about it so far.
    pub told: usize,
    /// When the next one is due.
    pub next: Timestamp,
}

#[derive(Clone, Debug, Default, Serialize, Deserialize)]
struct Kept {
    #[serde(rename = "box")]
    by: String,
    cursor: u64,
    open: Vec<Alert>,
    /// Exceptions that were not escalated because too many were open.
    #[serde(default)]
    missed: u64,
}

/// The place in the feed of the box `by` that a ladder's file keeps; none where it keeps none.
///
/// # Errors
/// The file can't be read.
pub(super) fn place(path: &Path, by: &str) -> io::Result<Option<u64>> {
    match std::fs::read(path) {
        Ok(bytes) => {
            let kept: Option<Kept> = serde_json::from_slice(&bytes).ok();
            Ok(kept.filter(|kept| kept.by == by).map(|kept| kept.cursor))
        }
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(error),
    }
}

/// A ladder's open alerts, as others see them; cheap to clone.
#[derive(Clone, Debug)]
pub struct Alerts {
    /// The ladder's name.
    pub ladder: Arc<str>,
    kept: Arc<Mutex<Kept>>,
}

impl Alerts {
    fn kept(&self) -> MutexGuard<'_, Kept> {
        self.kept.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The open alerts, oldest first.
    #[must_use]
    pub fn open(&self) -> Vec<Alert> {
        self.kept().open.clone()
    }

    /// Exceptions that were not escalated because too many were open.
    #[must_use]
    pub fn missed(&self) -> u64 {
        self.kept().missed
    }
}

enum Step {
    Robot(Box<Robot>),
    Gateway(Gateway),
}

/// A ladder.
pub struct Ladder<F> {
    alerts: Alerts,
    events: Vec<Glob>,
    stations: Vec<Glob>,
    wait: i64,
    steps: Vec<Step>,
    path: PathBuf,
    language: Language,
    feed: F,
    targets: Vec<Outlet>,
    /// The opening of each target's circuit that was raised last.
    raised: HashMap<String, u64>,
}

impl<F: Feed> Ladder<F> {
    /// Opens a ladder of the configuration; a new one begins with the next event.
    ///
    /// # Errors
    /// Its file or a secret can't be used.
    pub async fn open(
        settings: &EscalationSettings,
        targets: &[TargetSettings],
        data: &Path,
        by: &str,
        language: Language,
        feed: F,
    ) -> Result<Ladder<F>, OpenError> {
        let wrong = |what: String| OpenError { name: settings.name.clone(), what, source: None };
        let folder = data.join("escalations");
        let path = folder.join(format!("{}.json", settings.name));
        let failed = |source| OpenError {
            name: settings.name.clone(),
            what: format!("can't use {}", path.display()),
            source: Some(source),
        };
        std::fs::create_dir_all(&folder).map_err(failed)?;
        let last = feed.last().await.map_err(|error| wrong(error.0))?;
        let known: Option<Kept> = match std::fs::read(&path) {
            Ok(bytes) => match serde_json::from_slice(&bytes) {
                Ok(kept) => Some(kept),
                Err(error) => {
                    tracing::error!(%error, path = %path.display(), "Open alerts can't be read; they are lost.");
                    None
                }
            },
            Err(error) if error.kind() == io::ErrorKind::NotFound => None,
            Err(error) => return Err(failed(error)),
        };
        let fresh = || Kept { by: by.to_owned(), cursor: last, ..Kept::default() };
        let mut kept = known.filter(|kept| kept.by == by).unwrap_or_else(fresh);
        kept.cursor = kept.cursor.min(last);
        let mut steps = Vec::new();
        for target in settings.steps.iter().filter_map(|step| targets.iter().find(|target| target.name == *step)) {
            steps.push(match target.kind {
                Some(TargetKind::Gateway) => Step::Gateway(Gateway::new(target).map_err(wrong)?),
                _ => Step::Robot(Box::new(outlet::robot(target, language).map_err(wrong)?)),
            });
        }
        let alerts = Alerts { ladder: settings.name.as_str().into(), kept: Arc::new(Mutex::new(kept)) };
        let (events, stations) = (settings.events.clone(), settings.stations.clone());
        let wait = i64::try_from(settings.wait_seconds).unwrap_or(WAIT_MAX).min(WAIT_MAX);
        let (targets, raised) = (Vec::new(), HashMap::new());
        Ok(Ladder { alerts, events, stations, wait, steps, path, language, feed, targets, raised })
    }

    /// Its alerts as others see them.
    #[must_use]
    pub fn alerts(&self) -> Alerts {
        self.alerts.clone()
    }

    /// Runs until waybind stops. It writes files while it runs: it wants a thread of its own.
    pub async fn run(mut self, targets: Vec<Outlet>) {
        self.targets = targets;
        let (mut moved, mut stop) = (self.feed.moved(), self.feed.stopping());
        while !*stop.borrow() {
            moved.mark_unchanged();
            let worked = tokio::select! {
                worked = self.round() => worked,
                _ = stop.wait_for(|stop| *stop) => return,
            };
            let pause = match worked {
                Ok(pause) => pause,
                Err(error) => {
                    tracing::error!(ladder = %self.alerts.ladder, error, "A ladder of escalation can't go on.");
                    TROUBLE
                }
            };
            tokio::select! {
                _ = moved.changed() => {}
                () = tokio::time::sleep(pause) => {}
                _ = stop.wait_for(|stop| *stop) => return,
            }
        }
    }

    /// Reads what is new, says what is due; answers how long nothing is to do.
    async fn round(&mut self) -> Result<Duration, String> {
        loop {
            let after = self.alerts.kept().cursor;
            let facts = self.feed.facts(after, EVENTS_MAX, READ_MAX).await.map_err(|error| error.0)?;
            let Some(through) = facts.last().map(|fact| fact.seq) else { break };
            let now = self.feed.now();
            let mut kept = self.alerts.kept().clone();
            let before = kept.open.clone();
            for fact in &facts {
                self.take(fact, &mut kept, now);
            }
            kept.cursor = through;
            let changed = kept.open != before;
            *self.alerts.kept() = kept;
            if changed {
                self.keep()?;
            }
        }
        self.look_at_targets()?;
        self.speak().await?;
        let now = self.feed.now();
        let due = self.alerts.kept().open.iter().map(|alert| alert.next).min();
        let until = due.map(|due| due.duration_since(now)).and_then(|span| Duration::try_from(span).ok());
        Ok(until.unwrap_or(if due.is_some() { Duration::ZERO } else { LOOK }).min(LOOK))
    }

    /// What a fact does to the open alerts.
    fn take(&self, fact: &Fact, kept: &mut Kept, now: Timestamp) {
        let kind = fact.kind.as_str();
        let named = matches!(kind, "alert_taken" | "waybill_put") || kind.starts_with("print");
        let named = named && !kept.open.is_empty();
        let data = if named { fact.value() } else { Value::Null };
        let over = |alert: &Alert| match fact.kind.as_str() {
            "alert_taken" => data["alert"] == alert.id.as_str(),
            "order_released" => alert.kind == "order_held" && alert.order == fact.order,
            "order_cancelled" => is_about_order(&alert.kind) && alert.order == fact.order,
            // an order is put again only with what agrees with its goods
            "order_put" => alert.kind == DIFFERS && alert.order == fact.order,
            "waybill_assigned" | "waybill_entered" => alert.kind == "waybill_pending" && alert.order == fact.order,
            "waybill_put" if data["waybill"]["void"].is_null() => {
                alert.kind == "waybill_pending" && names_order(&data["waybill"]["orders"], alert.order.as_deref())
            }
            "print_resolved" | "print_sent" | "printed" => {
                matches!(alert.kind.as_str(), "print_failed" | "print_unknown") && alert.about == about(fact, &data)
            }
            "printer_resumed" => alert.kind == "printer_stopped" && alert.about == about(fact, &data),
            _ => false,
        };
        kept.open.retain(|alert| !over(alert));
        // a printer that was down before a restart is so after it
        let is_known = |alert: &Alert| {
            fact.kind == "printer_stopped" && alert.kind == fact.kind && alert.about == about(fact, &data)
        };
        if kept.open.iter().any(is_known) {
            return;
        }
        let Some(text) = exception(fact, self.language) else { return };
        let text = cut(&one_line(&text), TEXT_MAX).to_owned();
        let data = fact.value();
        let station = data["station"].as_str();
        if !self.wants(&fact.kind, station) {
            return;
        }
        // upstream may want something else each time it is asked: that is one exception, and its last word counts
        let same = |alert: &&mut Alert| fact.kind == DIFFERS && alert.kind == DIFFERS && alert.order == fact.order;
        if let Some(known) = kept.open.iter_mut().find(same) {
            known.text = text;
            return;
        }
        let alert = Alert {
            id: fact.id.clone(),
            kind: fact.kind.clone(),
            order: fact.order.clone(),
            station: station.map(str::to_owned),
            about: about(fact, &data),
            text,
            since: fact.time.clone(),
            told: 0,
            next: now,
        };
        self.raise(alert, kept);
    }

    fn wants(&self, kind: &str, station: Option<&str>) -> bool {
        self.events.iter().any(|pattern| pattern.fits(kind))
            && (self.stations.is_empty()
                || station.is_some_and(|station| self.stations.iter().any(|pattern| pattern.fits(station))))
    }

    fn raise(&self, alert: Alert, kept: &mut Kept) {
        if kept.open.len() >= OPEN_MAX {
            kept.missed += 1;
            tracing::error!(ladder = %self.alerts.ladder, alert = %alert.id, "Too many alerts are open; this one is not escalated.");
            return;
        }
        kept.open.push(alert);
    }

    /// Raises an alert for each target that takes nothing any more, once for each time, and ends those of targets that work
    /// again. A circuit is no fact of the feed: the targets themselves are asked.
    fn look_at_targets(&mut self) -> Result<(), String> {
        let now = self.feed.now();
        let mut kept = self.alerts.kept().clone();
        let before = kept.open.clone();
        for outlet in &self.targets {
            let (state, _) = outlet.state(0);
            let is_of = |alert: &Alert| alert.kind == TARGET_DOWN && alert.id.starts_with(&format!("{}@", outlet.name));
            let Some(since) = state.open_since else {
                // after a start nothing is known of a target until it took something
                if state.last_delivery.is_some() {
                    kept.open.retain(|alert| !is_of(alert));
                }
                continue;
            };
            let raised = self.raised.insert(outlet.name.to_string(), state.opened);
            let is_known = raised == Some(state.opened) || kept.open.iter().any(is_of);
            if is_known || !self.wants(TARGET_DOWN, None) {
                continue;
            }
            let why = state.last_error.unwrap_or_default();
            let text = notice_text(Notice::TargetDown { target: &outlet.name, why: &why }, self.language);
            let alert = Alert {
                id: format!("{}@{}", outlet.name, since.as_second()),
                kind: TARGET_DOWN.into(),
                order: None,
                station: None,
                about: None,
                text: cut(&one_line(&text), TEXT_MAX).to_owned(),
                since: self.feed.written(since),
                told: 0,
                next: now,
            };
            self.raise(alert, &mut kept);
        }
        if kept.open == before {
            return Ok(());
        }
        *self.alerts.kept() = kept;
        self.keep()
    }

    /// Says what is due, step by step.
    async fn speak(&mut self) -> Result<(), String> {
        let last = self.steps.len().saturating_sub(1);
        for index in 0..self.steps.len() {
            let now = self.feed.now();
            // a clock that was set back must not silence anything
            let longest = SignedDuration::from_secs(WAIT_MAX);
            let is_time = |next: Timestamp| next <= now || next.duration_since(now) > longest;
            let is_due = |alert: &Alert| is_time(alert.next) && alert.told.min(last) == index;
            let mut due: Vec<Alert> = self.alerts.kept().open.iter().filter(|alert| is_due(alert)).cloned().collect();
            if matches!(self.steps[index], Step::Gateway(_)) {
                // one at a time: who takes the others meanwhile is heard first
                due.truncate(1);
            }
            if due.is_empty() {
                continue;
            }
            let said = match &mut self.steps[index] {
                Step::Robot(robot) => {
                    tokio::time::sleep_until(robot.ready()).await;
                    let text = robot.joined(&due.iter().map(|alert| alert.text.clone()).collect::<Vec<_>>());
                    let outcome = robot.say(&text, now).await;
                    due.iter().map(|alert| (alert.id.clone(), outcome.clone())).collect()
                }
                Step::Gateway(gateway) => {
                    let mut said: Vec<(String, Outcome)> = Vec::new();
                    for alert in &due {
                        said.push((alert.id.clone(), gateway.say(values(alert)).await));
                    }
                    said
                }
            };
            self.settle(index, &said)?;
        }
        Ok(())
    }

    /// A step that can't be reached is passed over at once; only the last one is tried again.
    fn settle(&self, index: usize, said: &[(String, Outcome)]) -> Result<(), String> {
        let now = self.feed.now();
        let last = self.steps.len().saturating_sub(1);
        let later = |seconds: i64| now.checked_add(SignedDuration::from_secs(seconds)).unwrap_or(Timestamp::MAX);
        let mut kept = self.alerts.kept();
        for (id, outcome) in said {
            let Some(alert) = kept.open.iter_mut().find(|alert| alert.id == *id) else { continue };
            match outcome {
                Outcome::Delivered => {
                    // on the last step it is repeated, ever more rarely
                    let doubled = alert.told.saturating_sub(last).min(16);
                    alert.told += 1;
                    alert.next = later((self.wait << doubled).min(REPEAT_MAX.max(self.wait)));
                }
                Outcome::Retry { why, .. } | Outcome::Rejected { answer: why, .. } => {
                    tracing::warn!(ladder = %self.alerts.ladder, step = index, why, "A step of escalation can't be reached.");
                    if index < last {
                        alert.told = index + 1;
                    } else {
                        alert.next = later(self.wait.min(60));
                    }
                }
            }
        }
        drop(kept);
        self.keep()
    }

    fn keep(&self) -> Result<(), String> {
        let text = serde_json::to_vec(&*self.alerts.kept()).map_err(|error| error.to_string())?;
        let fresh = self.path.with_extension("new");
        let write = || -> io::Result<()> {
            let mut file = std::fs::File::create(&fresh)?;
            file.write_all(&text)?;
            file.sync_all()?;
            std::fs::rename(&fresh, &self.path)
        };
        write().map_err(|error| format!("can't write {}: {error}", self.path.display()))
    }
}

/// The print job or the printer that a fact is about.
fn about(fact: &Fact, data: &Value) -> Option<String> {
    let name = if fact.kind.starts_with("printer_") { "printer" } else { "job" };
    data[name].as_str().map(str::to_owned)
}

fn names_order(orders: &Value, order: Option<&str>) -> bool {
    let orders = orders.as_array().map(Vec::as_slice).unwrap_or_default();
    orders.iter().any(|named| named.as_str() == order)
}

/// What a gateway's texts may name of an alert.
fn values(alert: &Alert) -> BTreeMap<&'static str, String> {
    BTreeMap::from([
        ("text", alert.text.clone()),
        ("id", alert.id.clone()),
        ("order", alert.order.clone().unwrap_or_default()),
        ("station", alert.station.clone().unwrap_or_default()),
    ])
}
