//! Whether a receiver fails, or fails on one event: found out by halves, and by another event as a witness.
//!
//! A receiver that fails for long may be down, or may break on something that it was sent. Deliveries that fail are then
//! halved until one event is alone. Whether it is that event shows when another one, of another order, is taken while it
//! still fails: failure, witness, failure. Only then it is set aside; while nothing else is taken either, the receiver is
//! down, and everything waits.

use std::collections::HashSet;

use super::outlet::{Channel, Fault};
use super::worker::Worker;
use super::{Delivery, Feed, Letter, Outcome, retry};

/// Deliveries that are read at most to find a witness.
const READY_MAX: usize = 64;

/// An event that seems to fail alone.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Doubt {
    /// Its place.
    seq: u64,
    /// Whether another one was taken since it failed.
    witnessed: bool,
    /// Witnesses that failed as well.
    failed: usize,
}

impl<F: Feed> Worker<F> {
    /// Whether what fails may be to blame itself: failures have gone on for long, or it is being found out which one it is.
    pub(super) fn suspects(&mut self, through: u64) -> bool {
        if !matches!(self.parts.channel, Channel::Webhook(_)) {
            return false;
        }
        let state = self.parts.outlet.shared.state();
        if state.cursor < self.narrowing {
            return true;
        }
        let long = self.failing_since.is_some_and(|since| since.elapsed() >= self.parts.suspicion.after);
        let suspects = long && state.failures >= retry::OPEN_AFTER;
        if suspects {
            self.narrowing = through;
        }
        suspects
    }

    /// An event failed that was sent alone: whether it is known by now to be the only one.
    pub(super) fn fails_alone(&mut self, letter: &Letter) -> bool {
        let seq = letter.fact.seq;
        let doubt = self.doubt.filter(|doubt| doubt.seq == seq);
        let doubt = *self.doubt.insert(doubt.unwrap_or(Doubt { seq, witnessed: false, failed: 0 }));
        self.parts.outlet.shared.state().suspect = Some(letter.fact.id.clone());
        doubt.witnessed
    }

    /// The event in doubt was settled.
    pub(super) fn no_doubt(&mut self) {
        self.doubt = None;
        self.parts.outlet.shared.state().suspect = None;
    }

    /// Whether another event should be sent to see what is at fault.
    pub(super) fn wants_witness(&self) -> bool {
        self.doubt.is_some_and(|doubt| !doubt.witnessed)
    }

    /// Sends an event of another order alone; true where the target took it, or judged it, and so works.
    pub(super) async fn ask_witness(&mut self) -> bool {
        let Some(mut doubt) = self.doubt else { return false };
        let mut witnesses = self.witnesses(doubt.seq);
        if witnesses.is_empty() && self.ready.len() < READY_MAX {
            if let Ok(batch) = self.batch_after(self.through).await
                && batch.through > self.through
            {
                self.through = batch.through;
                self.ready.extend(batch.deliveries);
                // what this target is not told moves the cursor all the same
                self.ready.push_back(Delivery { through: batch.through, ..Delivery::default() });
            }
            witnesses = self.witnesses(doubt.seq);
        }
        let Some(count) = witnesses.len().checked_sub(1) else { return false };
        let (delivery, event) = witnesses[doubt.failed % (count + 1)];
        let events = vec![self.ready[delivery].events[event].clone()];
        let alone = Delivery { through: 0, events, troubles: Vec::new() };
        match self.send(&alone).await {
            Outcome::Delivered => {
                self.ready[delivery].events.remove(event);
                self.taken(1);
                doubt.witnessed = true;
            }
            // it answers for each by itself; this one is judged when its turn comes
            Outcome::Rejected { .. } => doubt.witnessed = true,
            Outcome::Retry { fault: Fault::Reach, .. } => {}
            Outcome::Retry { .. } => doubt.failed += 1,
        }
        self.doubt = Some(doubt);
        doubt.witnessed
    }

    /// Events that may be sent before the one in doubt: each is of another order, and the first that waits of its own.
    fn witnesses(&self, seq: u64) -> Vec<(usize, usize)> {
        let mut found = Vec::new();
        let mut seen: HashSet<&str> = HashSet::new();
        for (delivery, events) in self.ready.iter().map(|delivery| &delivery.events).enumerate() {
            for (event, letter) in events.iter().enumerate() {
                let is_first = letter.fact.order.as_deref().is_none_or(|order| seen.insert(order));
                if is_first && letter.fact.seq != seq && !self.parts.dead.waits(&letter.fact) {
                    found.push((delivery, event));
                }
            }
        }
        found
    }
}
