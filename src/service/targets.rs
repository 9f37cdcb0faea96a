//! The targets: started with the service, fed from the ledger, shown to people.

use std::collections::HashMap;

use jiff::Timestamp;
use tokio::runtime::Handle;
use tokio::sync::watch;
use tokio::task::JoinSet;

use super::Core;
use crate::config::{Config, TargetKind, TargetSettings};
use crate::domain::event::Event;
use crate::ledger::Cause;
use crate::upstream::{Circuit, Correction, DeadLetter, Fact, Feed, OpenError, Outlet, Unreadable, Worker};
use crate::web::backend::{Caller, DeadLetterView, LetterView, TargetView, Unavailable};

/// Dead letters of a target that are listed.
const LISTED_MAX: usize = 200;

/// The age of its oldest event after which a target that is behind is shown on the overview.
const BEHIND: jiff::SignedDuration = jiff::SignedDuration::from_mins(5);

impl Feed for Core {
    async fn facts(&self, after: u64, limit: usize, bytes: usize) -> Result<Vec<Fact>, Unreadable> {
        let read = self.read(move |reader| reader.events_within(after, limit, bytes)).await;
        let events = read.map_err(|Unavailable(why)| Unreadable(why))?;
        let clock = &self.parts.clock;
        let fact = |event: crate::ledger::FeedEvent| Fact {
            time: clock.written(event.time),
            by: event.by,
            seq: event.seq,
            id: event.id,
            kind: event.kind,
            order: event.order.map(|order| order.to_string()),
            data: event.data,
        };
        Ok(events.into_iter().map(fact).collect())
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
}

impl Core {
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

    fn dead_view(&self, letter: &DeadLetter) -> DeadLetterView {
        DeadLetterView {
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
        let Some((_, dead)) = self.dead_letter(target, id) else { return Ok(None) };
        let sent = match &dead.correction {
            Some(correction) => correction.data.clone(),
            None => {
                let after = dead.seq.saturating_sub(1);
                let events = self.read(move |reader| reader.events_after(after, 1)).await?;
                events.into_iter().find(|event| event.seq == dead.seq).map(|event| event.data).unwrap_or_default()
            }
        };
        Ok(Some(LetterView { letter: self.dead_view(&dead), sent }))
    }

    /// Records who corrected a dead letter and how; then it is sent.
    pub(super) async fn correct_dead(
        &self,
        caller: Caller,
        target: String,
        id: String,
        data: serde_json::Value,
        by: String,
    ) -> Result<bool, Unavailable> {
        let Some((outlet, _)) = self.dead_letter(&target, &id) else { return Ok(false) };
        let now = self.parts.clock.now();
        let fact = Event::LetterCorrected { target, letter: id.clone(), data: data.to_string(), by: by.clone() };
        let cause = Cause::Upstream { call: caller.call.to_owned(), peer: Some(caller.peer) };
        let written = self.parts.writer.submit(move |transaction| {
            transaction.append(now.at, cause, None, vec![fact]);
        });
        written.await?;
        self.feed_moved();
        Ok(outlet.correct(&id, Correction { by, at: now.at.wall, data }))
    }

    /// How the targets are.
    pub(super) async fn target_views(&self) -> Result<Vec<TargetView>, Unavailable> {
        let mut views = Vec::new();
        for outlet in self.outlets() {
            let state = outlet.state();
            let cursor = state.cursor;
            let (last, first) =
                self.read(move |reader| Ok((reader.last_event()?, reader.events_within(cursor, 1, 1)?))).await?;
            let oldest = first.first().map(|event| event.time);
            let age = oldest.map(|oldest| Feed::now(self).duration_since(oldest));
            let dead = state.dead.values().take(LISTED_MAX).map(|letter| self.dead_view(letter));
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
                last_error: state.last_error.clone(),
                last_delivery: state.last_delivery.map(|at| self.parts.clock.written(at)),
                delivered: state.delivered,
                retried: state.retried,
                dead: state.dead.len(),
                dead_letters: dead.collect(),
            });
        }
        Ok(views)
    }
}

type Sample = fn(&TargetView) -> u64;

/// The targets in Prometheus' text format.
pub(super) fn exposition(targets: &[TargetView]) -> String {
    let samples: [(&str, &str, &str, Sample); 6] = [
        ("waybind_target_depth", "gauge", "Events that a target was not told yet.", |target| target.depth),
        ("waybind_target_age_seconds", "gauge", "Age of the oldest of them.", |target| target.age_seconds.unwrap_or(0)),
        ("waybind_target_dead_letters", "gauge", "Events that a target refused.", |target| target.dead as u64),
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
