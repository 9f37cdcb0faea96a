//! What a worker does about what its target does not have: dead letters that are sent again, by a person's wish or by
//! themselves, and what their orders did since, which follows once a letter is settled.
//!
//! One event goes at a time, in turns with the feed, so that nothing here holds up what goes well.

use std::io;
use std::time::Duration;

use super::batch::{self, READ_MAX};
use super::dead::{ANSWER_KEPT, Correction, DeadLetter, Why};
use super::outlet::{Fault, Wish};
use super::worker::{Next, Worker};
use super::{Delivery, Fact, Feed, Letter, Outcome, cut};

/// Facts of an order that are read at once to find the next one that its target is told.
const LOOK: usize = 20;

/// Pause before an order's rest is tried again after the target could not be reached.
const REST: Duration = Duration::from_secs(5);

impl<F: Feed> Worker<F> {
    /// Does one thing about what the target does not have; none where nothing is to be done now.
    pub(super) async fn look_behind(&mut self) -> Option<Next> {
        let dead = &self.parts.dead;
        let wish = self.parts.outlet.shared.next_wish(|seq, wish| {
            *wish != Wish::Again || dead.letters().get(&seq).is_none_or(|letter| dead.may_go(letter))
        });
        if let Some((seq, wish)) = wish {
            return Some(self.grant(seq, wish).await);
        }
        // what goes by itself waits until the target works
        if self.failing_since.is_some() {
            return None;
        }
        let now = self.feed.now();
        let between = self.parts.suspicion.between;
        let is_due = |letter: &&DeadLetter| {
            // a clock that was set back must not put it off
            let is_due = |next: jiff::Timestamp| next <= now || next.duration_since(now) > between;
            letter.next.is_some_and(is_due) && dead.may_go(letter)
        };
        if let Some(seq) = dead.letters().values().find(is_due).map(|letter| letter.seq) {
            return Some(self.send_again(seq, false).await);
        }
        let (order, after) =
            dead.owed().filter(|_| self.rest_until.is_none_or(|until| until <= tokio::time::Instant::now()))?;
        Some(self.tell_rest(order, after).await)
    }

    async fn grant(&mut self, seq: u64, wish: Wish) -> Next {
        let shared = self.parts.outlet.shared.clone();
        if !self.parts.dead.letters().contains_key(&seq) {
            shared.done(seq, &wish);
            return Next::Go;
        }
        match &wish {
            Wish::Again => {
                let next = self.send_again(seq, true).await;
                if matches!(next, Next::Go) {
                    shared.done(seq, &wish);
                }
                next
            }
            Wish::Correct(correction) => match self.correct(seq, correction.clone()) {
                Ok(()) => {
                    shared.done(seq, &wish);
                    shared.wish(seq, Wish::Again);
                    Next::Go
                }
                Err(error) => self.trouble(&format!("a correction can't be kept: {error}")),
            },
            Wish::LetGo => match self.settled(seq) {
                Ok(()) => {
                    tracing::warn!(target_name = %self.parts.outlet.name, seq, "A target does without an event.");
                    shared.done(seq, &wish);
                    Next::Go
                }
                Err(error) => self.trouble(&format!("a dead letter can't be let go: {error}")),
            },
        }
    }

    /// A person's correction is kept with the letter, which then goes out again.
    fn correct(&mut self, seq: u64, correction: Correction) -> io::Result<()> {
        let Some(letter) = self.parts.dead.letters().get(&seq) else { return Ok(()) };
        let letter = DeadLetter { correction: Some(correction), ..letter.clone() };
        self.put(letter)
    }

    /// Sends a dead letter again. Whatever comes of it, the feed goes on; only the disk can stop this.
    async fn send_again(&mut self, seq: u64, by_person: bool) -> Next {
        let mut fact = match self.feed.facts(seq.saturating_sub(1), 1, READ_MAX).await {
            Ok(facts) => facts.into_iter().find(|fact| fact.seq == seq),
            Err(error) => return self.trouble(&error.0),
        };
        let Some(dead) = self.parts.dead.letters().get(&seq).cloned() else { return Next::Go };
        if let (Some(fact), Some(correction)) = (&mut fact, &dead.correction) {
            fact.data = correction.data.to_string();
        }
        let letter = match self.letter(fact).await {
            Ok(letter) => letter,
            Err(error) => return self.trouble(&error),
        };
        let Some(letter) = letter else {
            let nothing = DeadLetter { next: None, left: 0, answer: NOTHING_LEFT.into(), ..dead };
            return self.kept(|worker| worker.put(nothing));
        };
        let left = if by_person { self.parts.suspicion.tries } else { dead.left };
        match self.send_one(&letter).await {
            Outcome::Delivered => {
                self.taken(1);
                self.kept(|worker| worker.settled(seq))
            }
            Outcome::Rejected { answer, .. } => {
                self.answered();
                self.kept(|worker| worker.bury(&letter, &answer, Why::Refused, 0))
            }
            Outcome::Retry { why, fault: Fault::Answer, .. } => {
                self.kept(|worker| worker.bury(&letter, &why, Why::Failing, left.saturating_sub(1)))
            }
            Outcome::Retry { why, .. } => {
                // nothing is learnt of the event
                let next = self.next_try(left);
                let later = DeadLetter { answer: cut(&why, ANSWER_KEPT).to_owned(), left, next, ..dead };
                self.kept(|worker| worker.put(later))
            }
        }
    }

    /// Tells the next thing that an order did since its dead letter was settled.
    async fn tell_rest(&mut self, order: String, after: u64) -> Next {
        let through = self.parts.outlet.shared.state().cursor;
        let facts = match self.feed.facts_of(&order, after, through, LOOK).await {
            Ok(facts) => facts,
            Err(error) => return self.trouble(&error.0),
        };
        let is_all = facts.len() < LOOK;
        for fact in facts {
            let seq = fact.seq;
            if self.parts.dead.letters().contains_key(&seq) {
                // from here on its order waits behind this one
                return self.kept(|worker| worker.told(order));
            }
            let letter = match self.letter(Some(fact)).await {
                Ok(letter) => letter,
                Err(error) => return self.trouble(&error),
            };
            if let Some(letter) = letter {
                return self.tell_one(order, letter).await;
            }
            self.parts.dead.told_through(&order, seq);
        }
        if is_all { self.kept(|worker| worker.told(order)) } else { Next::Go }
    }

    async fn tell_one(&mut self, order: String, letter: Letter) -> Next {
        match self.send_one(&letter).await {
            Outcome::Delivered => {
                self.taken(1);
                self.parts.dead.told_through(&order, letter.fact.seq);
                Next::Go
            }
            Outcome::Rejected { answer, .. } => {
                self.answered();
                self.kept(|worker| worker.bury(&letter, &answer, Why::Refused, 0))
            }
            Outcome::Retry { why, fault: Fault::Answer, .. } => {
                let left = self.parts.suspicion.tries;
                self.kept(|worker| worker.bury(&letter, &why, Why::Failing, left))
            }
            Outcome::Retry { why, .. } => {
                tracing::debug!(target_name = %self.parts.outlet.name, why, order, "An order's rest can't be told now.");
                self.rest_until = Some(tokio::time::Instant::now() + REST);
                Next::Go
            }
        }
    }

    /// A fact ready to go, if this target is told it.
    async fn letter(&self, fact: Option<Fact>) -> Result<Option<Letter>, String> {
        let wanted: Vec<Fact> = fact.into_iter().filter(|fact| self.parts.selection.wants(fact)).collect();
        Ok(batch::letters(&self.feed, &self.parts.selection.form, wanted).await?.pop())
    }

    async fn send_one(&mut self, letter: &Letter) -> Outcome {
        let delivery = Delivery { through: letter.fact.seq, events: vec![letter.clone()], troubles: Vec::new() };
        self.send(&delivery).await
    }

    /// Does something that is kept on disk, and goes on.
    fn kept(&mut self, change: impl FnOnce(&mut Worker<F>) -> io::Result<()>) -> Next {
        match change(self) {
            Ok(()) => Next::Go,
            Err(error) => self.trouble(&format!("a dead letter can't be kept: {error}")),
        }
    }

    /// When an event that fails alone is tried again by itself.
    fn next_try(&self, left: u32) -> Option<jiff::Timestamp> {
        (left > 0).then(|| self.feed.now().checked_add(self.parts.suspicion.between).unwrap_or(jiff::Timestamp::MAX))
    }

    /// Makes a letter of an event that the target does not take. `left`: how often it is tried again by itself.
    pub(super) fn bury(&mut self, letter: &Letter, answer: &str, why: Why, left: u32) -> io::Result<()> {
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
            why,
            left,
            next: self.next_try(left),
            correction,
        };
        tracing::warn!(target_name = %self.parts.outlet.name, event = %dead.id, answer, "A target did not take an event.");
        self.put(dead)?;
        self.parts.outlet.shared.state().buried += u64::from(before == 0);
        Ok(())
    }

    /// Sets an event aside that the target fails on alone: it is tried again by itself, and others pass.
    pub(super) fn set_aside(&mut self, letter: &Letter, why: &str) -> io::Result<()> {
        self.bury(letter, why, Why::Failing, self.parts.suspicion.tries)
    }

    fn put(&mut self, letter: DeadLetter) -> io::Result<()> {
        self.parts.dead.bury(letter.clone())?;
        let mut state = self.parts.outlet.shared.state();
        state.dead.insert(letter.seq, letter);
        state.orders_waiting = self.parts.dead.orders_waiting();
        Ok(())
    }

    fn settled(&mut self, seq: u64) -> io::Result<()> {
        self.parts.dead.settle(seq)?;
        let mut state = self.parts.outlet.shared.state();
        state.dead.remove(&seq);
        state.orders_waiting = self.parts.dead.orders_waiting();
        Ok(())
    }

    fn told(&mut self, order: String) -> io::Result<()> {
        self.parts.dead.told(order)?;
        self.parts.outlet.shared.state().orders_waiting = self.parts.dead.orders_waiting();
        Ok(())
    }
}

/// What stands as the answer of a letter that can't be sent.
const NOTHING_LEFT: &str = "not sent: this target is not told such events any more";
