//! A target's worker: reads the feed after its cursor, sends, judges the outcome, moves the cursor.

use std::collections::{HashMap, VecDeque};
use std::io;
use std::path::Path;
use std::time::Duration;

use tokio::task::JoinHandle;
use tokio::time::Instant;

use super::batch::{self, Batch, READ_MAX};
use super::dead::{ANSWER_KEPT, Correction, DeadLetter};
use super::outlet::{self, Channel, Circuit, OpenError, Outlet, Parts};
use super::{Delivery, Feed, Letter, Outcome, cut, retry};
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

/// Tells one target.
pub struct Worker<F> {
    parts: Parts,
    feed: F,
    others: Vec<Outlet>,
    /// Dead letters of the others that people were told of.
    told: HashMap<String, u64>,
    ready: VecDeque<Delivery>,
    /// The place through which `ready` was read.
    through: u64,
    /// What comes after that, being read.
    ahead: Option<JoinHandle<Result<Batch, String>>>,
    kept: Instant,
}

/// What to do next.
enum Next {
    /// There may be more.
    Go,
    /// Wait for the feed.
    Idle,
    /// Wait so long.
    Pause(Duration),
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
        let (others, told, ready) = (Vec::new(), HashMap::new(), VecDeque::new());
        Ok(Worker { parts, feed, others, told, ready, through: 0, ahead: None, kept: Instant::now() })
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
        if self.ready.is_empty() {
            if let Some((seq, correction)) = self.parts.outlet.shared.next_correction() {
                return self.correct(seq, correction);
            }
            if let Some(seq) = self.parts.outlet.shared.next_again() {
                return self.send_again(seq).await;
            }
            if self.parts.dead.is_full() {
                return self.trouble("too many dead letters; nothing further is sent until they are");
            }
            match self.read().await {
                Ok(true) => {}
                Ok(false) => return self.idle(),
                Err(error) => return self.trouble(&error),
            }
        }
        let Some(delivery) = self.ready.pop_front() else { return Next::Go };
        self.read_ahead();
        let outcome = self.send(&delivery).await;
        self.settle(delivery, outcome)
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
    fn trouble(&self, error: &str) -> Next {
        let mut state = self.parts.outlet.shared.state();
        if state.last_error.as_deref() != Some(error) {
            tracing::error!(target_name = %self.parts.outlet.name, error, "A target can't be served.");
            state.last_error = Some(error.to_owned());
        }
        Next::Pause(TROUBLE)
    }

    /// Takes what comes next, read ahead or now; false where there is nothing.
    async fn read(&mut self) -> Result<bool, String> {
        let after = self.parts.outlet.shared.state().cursor;
        let ahead = match self.ahead.take() {
            Some(ahead) => ahead.await.map_err(|error| error.to_string())?.ok().filter(|batch| batch.after == after),
            None => None,
        };
        let mut batch = match ahead {
            // what was read ahead and found nothing may be old by now
            Some(batch) if batch.through > after => batch,
            _ => batch::read(&self.feed, &self.parts.selection, after).await?,
        };
        let buried = self.buried();
        if !buried.is_empty() {
            let silent = || Delivery { events: Vec::new(), through: batch.through, buried: Vec::new() };
            let mut last = batch.deliveries.pop_back().unwrap_or_else(silent);
            last.buried = buried;
            batch.deliveries.push_back(last);
        }
        if batch.deliveries.is_empty() {
            self.parts.outlet.shared.state().cursor = batch.through;
            return Ok(batch.through > after);
        }
        self.through = batch.through;
        self.ready = batch.deliveries;
        Ok(true)
    }

    /// Begins to read what comes after the last delivery of this reading, while that is on its way.
    fn read_ahead(&mut self) {
        if self.ahead.is_some() || !self.ready.is_empty() || matches!(self.parts.channel, Channel::Robot(_)) {
            return;
        }
        let (feed, selection, after) = (self.feed.clone(), self.parts.selection.clone(), self.through);
        self.ahead = Some(tokio::spawn(async move { batch::read(&feed, &selection, after).await }));
    }

    /// Dead letters of other targets that people were not told of yet.
    fn buried(&self) -> Vec<(String, u64, String)> {
        if !matches!(self.parts.channel, Channel::Robot(_)) {
            return Vec::new();
        }
        let of = |other: &Outlet| {
            let state = other.shared.state();
            let told = self.told.get(&*other.name).copied().unwrap_or(0);
            let answer = || state.dead.values().next_back().map(|letter| letter.answer.clone()).unwrap_or_default();
            (state.buried > told).then(|| (other.name.to_string(), state.buried, answer()))
        };
        self.others.iter().filter_map(of).collect()
    }

    async fn send(&mut self, delivery: &Delivery) -> Outcome {
        let now = self.feed.now();
        match &mut self.parts.channel {
            Channel::Webhook(webhook) => webhook.send(delivery, now).await,
            Channel::File(lines) => lines.send(delivery),
            Channel::Robot(robot) => {
                let told = &self.told;
                robot.send(delivery, |target| told.get(target).copied().unwrap_or(0), now).await
            }
        }
    }

    fn settle(&mut self, mut delivery: Delivery, outcome: Outcome) -> Next {
        match outcome {
            Outcome::Delivered => {
                self.told.extend(delivery.buried.into_iter().map(|(target, count, _)| (target, count)));
                self.taken(delivery.events.len());
                self.parts.outlet.shared.state().cursor = delivery.through;
                Next::Go
            }
            Outcome::Rejected { .. } if delivery.events.len() > 1 => {
                // which of them it is shows when they go in two halves
                let later = delivery.events.split_off(delivery.events.len() / 2);
                let done = delivery.events.last().map_or(delivery.through, |letter| letter.fact.seq);
                let later = Delivery { events: later, through: delivery.through, buried: Vec::new() };
                self.ready.push_front(later);
                self.ready.push_front(Delivery { through: done, ..delivery });
                self.answered();
                Next::Go
            }
            Outcome::Rejected { answer } => {
                let buried = delivery.events.first().map_or(Ok(()), |letter| self.bury(letter, &answer));
                if let Err(error) = buried {
                    self.ready.push_front(delivery);
                    return self.trouble(&format!("a dead letter can't be kept: {error}"));
                }
                self.parts.outlet.shared.state().cursor = delivery.through;
                self.answered();
                if self.parts.dead.is_full() {
                    self.ready.clear();
                }
                Next::Go
            }
            Outcome::Retry { why, after } => {
                self.ready.push_front(delivery);
                self.failed(&why, after)
            }
        }
    }

    async fn send_again(&mut self, seq: u64) -> Next {
        let shared = self.parts.outlet.shared.clone();
        if !self.parts.dead.letters().contains_key(&seq) {
            shared.done_again(seq);
            return Next::Go;
        }
        let mut fact = match self.feed.facts(seq.saturating_sub(1), 1, READ_MAX).await {
            Ok(facts) => facts.into_iter().find(|fact| fact.seq == seq),
            Err(error) => return self.trouble(&error.0),
        };
        if let (Some(fact), Some(correction)) = (&mut fact, &self.parts.dead.letters()[&seq].correction) {
            fact.data = correction.data.clone();
        }
        let facts = fact.into_iter().collect();
        let letter = match batch::letters(&self.feed, &self.parts.selection.form, facts).await {
            Ok(letters) => letters.into_iter().next(),
            Err(error) => return self.trouble(&error),
        };
        let Some(letter) = letter else {
            shared.done_again(seq);
            return self.trouble(&format!("event {seq} is not in the feed any more, or nothing is left of it"));
        };
        let delivery = Delivery { events: vec![letter], through: seq, buried: Vec::new() };
        let settled = match self.send(&delivery).await {
            Outcome::Delivered => {
                self.taken(1);
                self.parts.dead.revive(seq).map(|()| drop(shared.state().dead.remove(&seq)))
            }
            Outcome::Rejected { answer } => {
                self.answered();
                delivery.events.first().map_or(Ok(()), |letter| self.bury(letter, &answer))
            }
            Outcome::Retry { why, after } => return self.failed(&why, after),
        };
        match settled {
            Ok(()) => {
                shared.done_again(seq);
                Next::Go
            }
            Err(error) => self.trouble(&format!("a dead letter can't be kept: {error}")),
        }
    }

    /// A person's correction is kept with the letter, which then goes out again.
    fn correct(&mut self, seq: u64, correction: Correction) -> Next {
        let shared = self.parts.outlet.shared.clone();
        let Some(letter) = self.parts.dead.letters().get(&seq) else {
            shared.done_correcting(seq);
            return Next::Go;
        };
        let letter = DeadLetter { correction: Some(correction), ..letter.clone() };
        if let Err(error) = self.parts.dead.bury(letter.clone()) {
            return self.trouble(&format!("a correction can't be kept: {error}"));
        }
        shared.state().dead.insert(seq, letter);
        shared.done_correcting(seq);
        Next::Go
    }

    fn bury(&mut self, letter: &Letter, answer: &str) -> io::Result<()> {
        let fact = &letter.fact;
        let known = self.parts.dead.letters().get(&fact.seq);
        let before = known.map_or(0, |letter| letter.times);
        let correction = known.and_then(|letter| letter.correction.clone());
        let dead = DeadLetter {
            seq: fact.seq,
            id: fact.id.clone(),
            kind: fact.kind.clone(),
            order: fact.order.clone(),
            at: self.feed.now(),
            answer: cut(answer, ANSWER_KEPT).to_owned(),
            times: before + 1,
            correction,
        };
        tracing::warn!(target_name = %self.parts.outlet.name, event = %dead.id, answer, "A target refused an event.");
        self.parts.dead.bury(dead.clone())?;
        let mut state = self.parts.outlet.shared.state();
        state.buried += u64::from(before == 0);
        state.dead.insert(dead.seq, dead);
        Ok(())
    }

    /// The target took events.
    fn taken(&self, count: usize) {
        let now = self.feed.now();
        let mut state = self.parts.outlet.shared.state();
        state.delivered += count as u64;
        state.last_delivery = Some(now);
        drop(state);
        self.answered();
    }

    /// The target works.
    fn answered(&self) {
        let mut state = self.parts.outlet.shared.state();
        if state.circuit == Circuit::Open {
            tracing::info!(target_name = %self.parts.outlet.name, "A target works again.");
        }
        (state.circuit, state.failures, state.last_error) = (Circuit::Closed, 0, None);
    }

    fn failed(&self, why: &str, after: Option<Duration>) -> Next {
        let mut state = self.parts.outlet.shared.state();
        state.failures = state.failures.saturating_add(1);
        state.retried += 1;
        let pause = retry::pause(state.failures, after, clock::chance());
        if state.failures == retry::OPEN_AFTER {
            state.circuit = Circuit::Open;
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
