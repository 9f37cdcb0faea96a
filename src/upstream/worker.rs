//! A target's worker: reads the feed after its cursor, sends, judges the outcome, moves the cursor.

use std::collections::{HashMap, VecDeque};
use std::io;
use std::path::Path;
use std::time::Duration;

use tokio::task::JoinHandle;
use tokio::time::Instant;

use super::batch::{self, Batch, Most};
use super::dead::Why;
use super::doubt::Doubt;
use super::outlet::{self, Channel, Circuit, Fault, OpenError, Outlet, Parts};
use super::{Delivery, EVENTS_MAX, Feed, Letter, Outcome, Trouble, retry};
use crate::clock;
use crate::config::TargetSettings;
use crate::message::Language;

/// How long a worker that has caught up gathers before it sends again: it spares a request for each scan, and nobody
/// waits for it.
const GATHER: Duration = Duration::from_millis(50);

/// How often an idle worker looks by itself.
const LOOK: Duration = Duration::from_secs(5);

/// How long a cursor that moved may wait for its sync: each one takes from the disk what scans need, and what it
/// spares after a crash is only deliveries that the target knows by their ids.
const KEEP: Duration = Duration::from_secs(1);

/// How soon a worker looks again at a feed that can't be read, or at a disk that can't be written.
const TROUBLE: Duration = Duration::from_secs(1);

/// The least bytes that a delivery is made smaller to when the target says that it is too large.
const BYTES_LEAST: usize = 16 * 1024;

/// Events refused one after the other, none taken between them, after which it is the target that is set up wrongly: as
/// many as a delivery has.
const REFUSED_MAX: usize = EVENTS_MAX;

/// Tells one target.
pub struct Worker<F> {
    pub(super) parts: Parts,
    pub(super) feed: F,
    others: Vec<Outlet>,
    /// Dead letters of the others, and openings of their circuits, that people were told of.
    told: HashMap<String, (u64, u64)>,
    pub(super) ready: VecDeque<Delivery>,
    /// The place through which `ready` was read.
    pub(super) through: u64,
    /// What comes after that, being read.
    ahead: Option<JoinHandle<Result<Batch, String>>>,
    kept: Instant,
    most: Most,
    /// Whether the feed has its turn before dead letters and what is owed.
    feeds_turn: bool,
    /// Events refused since the last one that was taken.
    refused: usize,
    /// When the failures in a row began.
    pub(super) failing_since: Option<Instant>,
    /// Until when what is owed of orders rests.
    pub(super) rest_until: Option<Instant>,
    /// The place through which deliveries that fail are halved, to find the event that they fail on.
    pub(super) narrowing: u64,
    /// The event that the target seems to fail on alone.
    pub(super) doubt: Option<Doubt>,
}

/// What to do next.
pub(super) enum Next {
    /// There may be more.
    Go,
    /// Wait for the feed.
    Idle,
    /// Wait so long.
    Pause(Duration),
}

/// What was sent of a delivery.
struct Sent {
    count: usize,
    bytes: usize,
    /// The event, where it was only one.
    single: Option<Letter>,
}

impl<F: Feed> Worker<F> {
    /// Opens a target of the configuration, with its files under the data folder. `by` is the id of the box.
    ///
    /// # Errors
    /// Its files can't be used, or its secret can't be read.
    pub async fn open(
        settings: &TargetSettings,
        data: &Path,
        by: &str,
        language: Language,
        feed: F,
    ) -> Result<Worker<F>, OpenError> {
        let unreadable =
            |error: super::Unreadable| OpenError { name: settings.name.clone(), what: error.0, source: None };
        let (begins, last) = (feed.begins().await.map_err(unreadable)?, feed.last().await.map_err(unreadable)?);
        let parts = outlet::open(settings, data, by, (begins, last), language)?;
        let most = if matches!(parts.channel, Channel::File(_)) { Most::WRITTEN } else { Most::SENT };
        Ok(Worker {
            parts,
            feed,
            others: Vec::new(),
            told: HashMap::new(),
            ready: VecDeque::new(),
            through: 0,
            ahead: None,
            kept: Instant::now(),
            most,
            feeds_turn: false,
            refused: 0,
            failing_since: None,
            rest_until: None,
            narrowing: 0,
            doubt: None,
        })
    }

    /// The target as others see it.
    #[must_use]
    pub fn outlet(&self) -> Outlet {
        self.parts.outlet.clone()
    }

    /// Runs until waybind stops. It writes files while it runs: it wants a thread of its own.
    pub async fn run(mut self, others: Vec<Outlet>) {
        self.others = others;
        let (mut moved, mut stop) = (self.feed.moved(), self.feed.stopping());
        while !*stop.borrow() {
            moved.mark_unchanged();
            let next = tokio::select! {
                next = self.round() => next,
                _ = stop.wait_for(|stop| *stop) => break,
            };
            let shared = self.parts.outlet.shared.clone();
            let rest = async {
                match next {
                    Next::Go => {}
                    Next::Pause(span) => tokio::select! {
                        () = tokio::time::sleep(span) => {}
                        () = shared.wake.notified() => {}
                    },
                    Next::Idle => {
                        tokio::select! {
                            _ = moved.changed() => tokio::time::sleep(GATHER).await,
                            () = shared.wake.notified() => {}
                            () = tokio::time::sleep(LOOK) => {}
                        }
                    }
                }
            };
            tokio::select! {
                () = rest => {}
                _ = stop.wait_for(|stop| *stop) => break,
            }
        }
        if let Err(error) = self.keep() {
            tracing::warn!(target_name = %self.parts.outlet.name, %error, "A target's cursor could not be kept.");
        }
    }

    async fn round(&mut self) -> Next {
        if let Channel::Robot(robot) = &self.parts.channel {
            tokio::time::sleep_until(robot.ready()).await;
        }
        if self.kept.elapsed() >= KEEP
            && let Err(error) = self.keep()
        {
            return self.trouble(&format!("its cursor can't be kept: {error}"));
        }
        if !self.feeds_turn
            && let Some(next) = self.look_behind().await
        {
            self.feeds_turn = true;
            return next;
        }
        self.feeds_turn = false;
        if self.ready.is_empty() {
            if self.parts.dead.is_full() {
                let behind = self.look_behind().await;
                return behind
                    .unwrap_or_else(|| self.trouble("too many dead letters; nothing further is sent until they are"));
            }
            match self.read().await {
                Ok(true) => {}
                Ok(false) => return self.look_behind().await.unwrap_or_else(|| self.idle()),
                Err(error) => return self.trouble(&error),
            }
        }
        self.read_ahead();
        let Some(delivery) = self.ready.pop_front() else { return Next::Go };
        self.deliver(delivery).await
    }

    /// Sends the next delivery, without what waits behind a dead letter of its order.
    async fn deliver(&mut self, delivery: Delivery) -> Next {
        let dead = &self.parts.dead;
        let waits = |letter: &Letter| dead.waits(&letter.fact);
        let rest = delivery.events.iter().any(waits).then(|| Delivery {
            events: delivery.events.iter().filter(|letter| !waits(letter)).cloned().collect(),
            through: delivery.through,
            troubles: delivery.troubles.clone(),
        });
        let sent = rest.as_ref().unwrap_or(&delivery);
        if sent.events.is_empty() && sent.troubles.is_empty() {
            self.parts.outlet.shared.state().cursor = delivery.through;
            return Next::Go;
        }
        let outcome = self.send(sent).await;
        // what waits now may wait no longer at the next attempt: all of it is tried again
        let sent = Sent {
            count: sent.events.len(),
            bytes: sent.events.iter().map(|letter| letter.json.len()).sum(),
            single: (sent.events.len() < 2).then(|| sent.events.first().cloned()).flatten(),
        };
        let next = self.settle(delivery, sent, outcome);
        if self.wants_witness() && self.ask_witness().await { Next::Go } else { next }
    }

    fn idle(&mut self) -> Next {
        match self.keep() {
            Ok(()) => {
                let mut state = self.parts.outlet.shared.state();
                if state.failures == 0 {
                    state.last_error = None;
                }
                Next::Idle
            }
            Err(error) => self.trouble(&format!("its cursor can't be kept: {error}")),
        }
    }

    /// Something on this side went wrong: it is told, and tried again soon.
    pub(super) fn trouble(&self, error: &str) -> Next {
        let mut state = self.parts.outlet.shared.state();
        if state.last_error.as_deref() != Some(error) {
            tracing::error!(target_name = %self.parts.outlet.name, error, "A target can't be served.");
            state.last_error = Some(error.to_owned());
        }
        Next::Pause(TROUBLE)
    }

    /// What comes after a place, read ahead or now.
    pub(super) async fn batch_after(&mut self, after: u64) -> Result<Batch, String> {
        let ahead = match self.ahead.take() {
            Some(ahead) => ahead.await.map_err(|error| error.to_string())?.ok().filter(|batch| batch.after == after),
            None => None,
        };
        match ahead {
            // what was read ahead and found nothing may be old by now
            Some(batch) if batch.through > after => Ok(batch),
            _ => batch::read(&self.feed, &self.parts.selection, after, self.most).await,
        }
    }

    /// Takes what comes next; false where there is nothing.
    async fn read(&mut self) -> Result<bool, String> {
        let after = self.parts.outlet.shared.state().cursor;
        let mut batch = self.batch_after(after).await?;
        let troubles = self.troubles();
        if !troubles.is_empty() {
            let silent = || Delivery { through: batch.through, ..Delivery::default() };
            let mut last = batch.deliveries.pop_back().unwrap_or_else(silent);
            last.troubles = troubles;
            batch.deliveries.push_back(last);
        }
        self.through = batch.through;
        if batch.deliveries.is_empty() {
            self.parts.outlet.shared.state().cursor = batch.through;
            return Ok(batch.through > after);
        }
        self.ready = batch.deliveries;
        Ok(true)
    }

    /// Begins to read what comes after all that is ready, while that is on its way.
    fn read_ahead(&mut self) {
        if self.ahead.is_some() || matches!(self.parts.channel, Channel::Robot(_)) {
            return;
        }
        let (feed, selection, after, most) = (self.feed.clone(), self.parts.selection.clone(), self.through, self.most);
        self.ahead = Some(tokio::spawn(async move { batch::read(&feed, &selection, after, most).await }));
    }

    /// What is wrong with other targets, and people were not told.
    fn troubles(&self) -> Vec<Trouble> {
        if !matches!(self.parts.channel, Channel::Robot(_)) {
            return Vec::new();
        }
        let of = |other: &Outlet| {
            let state = other.shared.state();
            let (dead, opened) = self.told.get(&*other.name).copied().unwrap_or_default();
            let (dead, down) = (state.buried.saturating_sub(dead), state.opened > opened && state.open_since.is_some());
            let answer = if down {
                state.last_error.clone().unwrap_or_default()
            } else {
                state.dead.values().next_back().map(|letter| letter.answer.clone()).unwrap_or_default()
            };
            let told = (state.buried, state.opened);
            (dead > 0 || down).then(|| Trouble { target: other.name.to_string(), dead, down, told, answer })
        };
        self.others.iter().filter(|other| other.name != self.parts.outlet.name).filter_map(of).collect()
    }

    pub(super) async fn send(&mut self, delivery: &Delivery) -> Outcome {
        let now = self.feed.now();
        match &mut self.parts.channel {
            Channel::Webhook(webhook) => webhook.send(delivery, now).await,
            Channel::File(lines) => lines.send(delivery),
            Channel::Robot(robot) => robot.send(delivery, now).await,
        }
    }

    /// What an outcome means.
    fn settle(&mut self, delivery: Delivery, sent: Sent, outcome: Outcome) -> Next {
        match outcome {
            Outcome::Delivered => {
                self.told.extend(delivery.troubles.into_iter().map(|trouble| (trouble.target, trouble.told)));
                self.taken(sent.count);
                self.parts.outlet.shared.state().cursor = delivery.through;
                self.no_doubt();
                Next::Go
            }
            Outcome::Rejected { too_large, .. } if sent.single.is_none() && sent.count > 0 => {
                if too_large && sent.bytes > BYTES_LEAST {
                    // what is ready is cut anew
                    self.most.bytes = (sent.bytes / 2).max(BYTES_LEAST);
                    self.ready.clear();
                } else {
                    self.halve(delivery);
                }
                self.answered();
                Next::Go
            }
            Outcome::Rejected { answer, .. } => {
                if self.refused >= REFUSED_MAX {
                    self.ready.push_front(delivery);
                    return self.failed(&answer, None, Fault::Setup);
                }
                let buried = sent.single.as_ref().map_or(Ok(()), |letter| self.bury(letter, &answer, Why::Refused, 0));
                if let Err(error) = buried {
                    self.ready.push_front(delivery);
                    return self.trouble(&format!("a dead letter can't be kept: {error}"));
                }
                self.refused += 1;
                self.answered();
                self.pass(&delivery)
            }
            Outcome::Retry { why, after, fault } => {
                let next = self.failed(&why, after, fault);
                let suspected = fault != Fault::Reach && self.suspects(delivery.through);
                match sent.single {
                    None if suspected && sent.count > 0 => self.halve(delivery),
                    Some(letter) if suspected && self.fails_alone(&letter) => {
                        if let Err(error) = self.set_aside(&letter, &why) {
                            self.ready.push_front(delivery);
                            return self.trouble(&format!("a dead letter can't be kept: {error}"));
                        }
                        return self.pass(&delivery);
                    }
                    _ => self.ready.push_front(delivery),
                }
                next
            }
        }
    }

    /// The cursor goes past what will not be delivered now.
    fn pass(&mut self, delivery: &Delivery) -> Next {
        self.parts.outlet.shared.state().cursor = delivery.through;
        self.no_doubt();
        if self.parts.dead.is_full() {
            self.ready.clear();
        }
        Next::Go
    }

    /// Which of several events it is shows when they go in two halves.
    fn halve(&mut self, mut delivery: Delivery) {
        let events = delivery.events.split_off(delivery.events.len() / 2);
        let done = delivery.events.last().map_or(delivery.through, |letter| letter.fact.seq);
        self.ready.push_front(Delivery { events, through: delivery.through, troubles: Vec::new() });
        self.ready.push_front(Delivery { through: done, ..delivery });
    }

    /// The target took events.
    pub(super) fn taken(&mut self, count: usize) {
        let now = self.feed.now();
        self.refused = 0;
        let mut state = self.parts.outlet.shared.state();
        state.delivered += count as u64;
        state.last_delivery = Some(now);
        drop(state);
        self.answered();
    }

    /// The target works.
    pub(super) fn answered(&mut self) {
        self.failing_since = None;
        let mut state = self.parts.outlet.shared.state();
        if state.circuit == Circuit::Open {
            tracing::info!(target_name = %self.parts.outlet.name, "A target works again.");
        }
        (state.circuit, state.failures, state.last_error) = (Circuit::Closed, 0, None);
        (state.fault, state.open_since) = (None, None);
    }

    pub(super) fn failed(&mut self, why: &str, after: Option<Duration>, fault: Fault) -> Next {
        let now = self.feed.now();
        self.failing_since.get_or_insert_with(Instant::now);
        let mut state = self.parts.outlet.shared.state();
        state.failures = state.failures.saturating_add(1);
        state.retried += 1;
        state.fault = Some(fault);
        let pause = retry::pause(state.failures, after, clock::chance());
        let opens = state.failures >= retry::OPEN_AFTER || fault == Fault::Setup;
        if opens && state.circuit == Circuit::Closed {
            state.circuit = Circuit::Open;
            state.opened += 1;
            state.open_since = Some(now);
            tracing::error!(target_name = %self.parts.outlet.name, why, "A target does not work; it is tried from time to time.");
        } else if state.failures == 1 {
            tracing::warn!(target_name = %self.parts.outlet.name, why, "A target failed; it is tried again.");
        }
        state.last_error = Some(why.to_owned());
        Next::Pause(pause)
    }

    /// Keeps the cursor on disk, if it moved.
    fn keep(&mut self) -> io::Result<()> {
        let cursor = self.parts.outlet.shared.state().cursor;
        self.kept = Instant::now();
        if cursor == self.parts.cursor.kept() { Ok(()) } else { self.parts.cursor.keep(cursor) }
    }
}
