//! The targets: started with the service, fed from the ledger, shown to people.

use std::collections::HashMap;

use jiff::Timestamp;
use tokio::runtime::Handle;
use tokio::sync::watch;
use tokio::task::JoinSet;

use super::Core;
use crate::config::{Config, TargetKind, TargetSettings};
use crate::domain::event::Event;
use crate::ledger::{Cause, FeedText, Span};
use crate::upstream::{Circuit, Correction, DeadLetter, Fact, Fault, Feed, OpenError, Outlet, Unreadable, Worker};
use crate::web::backend::{Caller, DeadLetterView, LetterView, LetterWord, TargetView, Unavailable};

/// Dead letters of a target that are listed.
const LISTED_MAX: usize = 200;

/// The age of its oldest event after which a target that is behind is shown on the overview.
const BEHIND: jiff::SignedDuration = jiff::SignedDuration::from_mins(5);

impl Feed for Core {
    async fn facts(&self, after: u64, limit: usize, bytes: usize) -> Result<Vec<Fact>, Unreadable> {
        self.texts(Span { after, through: u64::MAX, limit, bytes }, None).await
    }

    async fn facts_of(&self, order: &str, after: u64, through: u64, limit: usize) -> Result<Vec<Fact>, Unreadable> {
        self.texts(Span { after, through, limit, bytes: usize::MAX }, Some(order.to_owned())).await
    }

    async fn gtins(&self, skus: Vec<String>) -> Result<HashMap<String, String>, Unreadable> {
        let read = self.read(move |reader| {
            reader.look(|transaction| {
                let gtin = |sku: &String| Some((sku.clone(), transaction.view().product(sku)?.gtin()?));
                skus.iter().filter_map(gtin).collect()
            })
        });
        read.await.map_err(|Unavailable(why)| Unreadable(why))
    }

    async fn begins(&self) -> Result<u64, Unreadable> {
        self.read(crate::ledger::Reader::feed_begins).await.map_err(|Unavailable(why)| Unreadable(why))
    }

    async fn last(&self) -> Result<u64, Unreadable> {
        self.read(crate::ledger::Reader::last_event).await.map_err(|Unavailable(why)| Unreadable(why))
    }

    fn moved(&self) -> watch::Receiver<u64> {
        self.parts.feed.subscribe()
    }

    fn stopping(&self) -> watch::Receiver<bool> {
        self.stopped()
    }

    fn now(&self) -> Timestamp {
        self.parts.clock.now().at.wall
    }

    fn written(&self, at: Timestamp) -> String {
        self.parts.clock.written(at)
    }
}

impl Core {
    async fn texts(&self, span: Span, order: Option<String>) -> Result<Vec<Fact>, Unreadable> {
        let clock = self.parts.clock.clone();
        let read = self.read(move |reader| {
            let mut written: Option<(Timestamp, String)> = None;
            let mut write = |at: Timestamp| match &written {
                // the facts of one record happened at one time
                Some((known, text)) if *known == at => text.clone(),
                _ => written.insert((at, clock.written(at))).1.clone(),
            };
            let fact = |event: FeedText| Fact {
                id: event.id(),
                time: write(event.time),
                by: event.by,
                seq: event.seq,
                kind: event.kind,
                order: event.order,
                data: event.data,
            };
            let texts = match &order {
                Some(order) => reader.texts_of_order(span, order)?,
                None => reader.texts(span)?,
            };
            Ok(texts.into_iter().map(fact).collect())
        });
        read.await.map_err(|Unavailable(why)| Unreadable(why))
    }

    /// Opens the targets and starts a worker for each, on a thread of its own: what it waits for at the disk keeps
    /// nobody else waiting.
    pub(super) async fn start_targets(&self, config: &Config, tasks: &mut JoinSet<()>) -> Result<(), OpenError> {
        let box_id = self.parts.writer.box_id().clone();
        let mut workers = Vec::new();
        let alone =
            |settings: &&TargetSettings| settings.kind != Some(TargetKind::Gateway) && !settings.events.is_empty();
        for settings in config.target.iter().filter(alone) {
            let opened = Worker::open(settings, &config.data, &box_id, config.language, self.clone());
            workers.push(opened.await?);
        }
        let outlets: Vec<Outlet> = workers.iter().map(Worker::outlet).collect();
        for worker in workers {
            let others = outlets.clone();
            tasks.spawn_blocking(move || Handle::current().block_on(worker.run(others)));
        }
        if self.parts.targets.set(outlets).is_err() {
            tracing::error!("The targets were started twice.");
        }
        Ok(())
    }

    pub(super) fn outlets(&self) -> &[Outlet] {
        self.parts.targets.get().map_or(&[], Vec::as_slice)
    }

    /// A dead letter for people; `behind`: what its order did since.
    fn dead_view(&self, letter: &DeadLetter, behind: u64) -> DeadLetterView {
        DeadLetterView {
            why: letter.why.as_str(),
            next: letter.next.map(|next| self.parts.clock.written(next)),
            behind,
            id: letter.id.clone(),
            kind: letter.kind.clone(),
            order: letter.order.clone(),
            at: self.parts.clock.written(letter.at),
            answer: letter.answer.clone(),
            times: letter.times,
            corrected_by: letter.correction.as_ref().map(|correction| correction.by.clone()),
        }
    }

    fn dead_letter(&self, target: &str, id: &str) -> Option<(Outlet, DeadLetter)> {
        let outlet = self.outlets().iter().find(|outlet| &*outlet.name == target)?;
        Some((outlet.clone(), outlet.dead_letter(id)?))
    }

    /// A dead letter with what is sent.
    pub(super) async fn letter_view(&self, target: &str, id: &str) -> Result<Option<LetterView>, Unavailable> {
        let Some((outlet, dead)) = self.dead_letter(target, id) else { return Ok(None) };
        let sent = match &dead.correction {
            Some(correction) => correction.data.clone(),
            None => {
                let after = dead.seq.saturating_sub(1);
                let events = self.read(move |reader| reader.events_after(after, 1)).await?;
                events.into_iter().find(|event| event.seq == dead.seq).map(|event| event.data).unwrap_or_default()
            }
        };
        let behind = self.behind(vec![dead.clone()], outlet.cursor()).await?;
        Ok(Some(LetterView { letter: self.dead_view(&dead, behind.first().copied().unwrap_or(0)), sent }))
    }

    /// How many facts of each letter's order stand after it, up to a place.
    async fn behind(&self, letters: Vec<DeadLetter>, through: u64) -> Result<Vec<u64>, Unavailable> {
        self.read(move |reader| {
            let count = |letter: &DeadLetter| match &letter.order {
                Some(order) => reader.count_of_order(order, letter.seq, through),
                None => Ok(0),
            };
            letters.iter().map(count).collect()
        })
        .await
    }

    /// Records a person's word about a dead letter; then it is done.
    pub(super) async fn settle_dead(
        &self,
        caller: Caller,
        target: String,
        id: String,
        word: LetterWord,
        by: String,
    ) -> Result<bool, Unavailable> {
        let Some((outlet, _)) = self.dead_letter(&target, &id) else { return Ok(false) };
        let now = self.parts.clock.now();
        let (letter, who) = (id.clone(), by.clone());
        let fact = match &word {
            LetterWord::Send(data) => Event::LetterCorrected { target, letter, data: data.to_string(), by: who },
            LetterWord::LetGo => Event::LetterLetGo { target, letter, by: who },
        };
        let cause = Cause::Upstream { call: caller.call.to_owned(), peer: Some(caller.peer) };
        let written = self.parts.writer.submit(move |transaction| {
            transaction.append(now.at, cause, None, vec![fact]);
        });
        written.await?;
        self.feed_moved();
        Ok(match word {
            LetterWord::Send(data) => outlet.correct(&id, Correction { by, at: now.at.wall, data }),
            LetterWord::LetGo => outlet.let_go(&id),
        })
    }

    /// How the targets are.
    pub(super) async fn target_views(&self) -> Result<Vec<TargetView>, Unavailable> {
        let mut views = Vec::new();
        for outlet in self.outlets() {
            let (state, dead_letters) = outlet.state(LISTED_MAX);
            let cursor = state.cursor;
            let next = Span { after: cursor, through: u64::MAX, limit: 1, bytes: 1 };
            let (last, first) = self.read(move |reader| Ok((reader.last_event()?, reader.texts(next)?))).await?;
            let oldest = first.first().map(|event| event.time);
            let age = oldest.map(|oldest| Feed::now(self).duration_since(oldest));
            let listed: Vec<DeadLetter> = state.dead.into_values().collect();
            let behind = self.behind(listed.clone(), cursor).await?;
            let dead = listed.iter().zip(behind).map(|(letter, behind)| self.dead_view(letter, behind));
            views.push(TargetView {
                name: outlet.name.to_string(),
                kind: outlet.kind.as_str(),
                circuit: if state.circuit == Circuit::Open { "open" } else { "closed" },
                cursor,
                depth: last.saturating_sub(cursor),
                age_seconds: age.map(|age| u64::try_from(age.as_secs()).unwrap_or(0)),
                oldest: oldest.map(|oldest| self.parts.clock.written(oldest)),
                behind: age.is_some_and(|age| age > BEHIND),
                failures: state.failures,
                fault: state.fault.map(Fault::as_str),
                suspect: state.suspect.clone(),
                orders_waiting: state.orders_waiting,
                last_error: state.last_error.clone(),
                last_delivery: state.last_delivery.map(|at| self.parts.clock.written(at)),
                delivered: state.delivered,
                retried: state.retried,
                dead: dead_letters,
                dead_letters: dead.collect(),
            });
        }
        Ok(views)
    }
}

type Sample = fn(&TargetView) -> u64;

/// The targets in Prometheus' text format.
pub(super) fn exposition(targets: &[TargetView]) -> String {
    let samples: [(&str, &str, &str, Sample); 7] = [
        ("waybind_target_depth", "gauge", "Events that a target was not told yet.", |target| target.depth),
        ("waybind_target_age_seconds", "gauge", "Age of the oldest of them.", |target| target.age_seconds.unwrap_or(0)),
        ("waybind_target_dead_letters", "gauge", "Events that a target refused.", |target| target.dead as u64),
        ("waybind_target_orders_waiting", "gauge", "Orders that wait behind them.", |target| {
            target.orders_waiting as u64
        }),
        ("waybind_target_up", "gauge", "Whether a target is being told.", |target| {
            u64::from(target.circuit == "closed")
        }),
        ("waybind_target_delivered_total", "counter", "Events that a target took.", |target| target.delivered),
        ("waybind_target_retries_total", "counter", "Deliveries that failed.", |target| target.retried),
    ];
    let mut text = String::new();
    for (name, kind, help, value) in samples.iter().filter(|_| !targets.is_empty()) {
        text.push_str(&format!("# HELP {name} {help}\n# TYPE {name} {kind}\n"));
        for target in targets {
            text.push_str(&format!("{name}{{target=\"{}\"}} {}\n", target.name, value(target)));
        }
    }
    text
}
