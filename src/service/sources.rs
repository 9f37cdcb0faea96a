//! The sources: started with the service, judged like what is pushed, shown to people.

use std::sync::Arc;

use jiff::tz::TimeZone;
use tokio::runtime::Handle;
use tokio::task::JoinSet;

use super::Core;
use super::backend::{record_as, take_in};
use crate::config::Config;
use crate::domain::clock::Now;
use crate::domain::decide::Site;
use crate::domain::ids::OrderId;
use crate::domain::order::HoldReason;
use crate::domain::upstream::{OrderAction, Outcome, Refusal, Terms, Thing, order_action};
use crate::intake::Kind;
use crate::ledger::{Cause, WriteTransaction};
use crate::upstream::{Arrived, Feed, Inbox, OpenError, Reference, Source, SourceWorker, Taken, Unreadable};
use crate::web::api::{Kind as Described, things_from_json, with_label_read};
use crate::web::backend::{KeptView, SourceView, Unavailable, UnknownWordView};

/// Things of one transaction: few enough that no scan waits long behind them.
const CHUNK: usize = 20;

/// The age of its last success, in intervals, after which a source is shown as behind; and at least so many seconds.
const BEHIND_INTERVALS: u64 = 3;
const BEHIND_LEAST: u64 = 300;

/// A thing that was read: what it is, and what else is said about it.
struct Read {
    thing: Thing,
    cancelled: bool,
    hold: Option<Hold>,
}

enum Hold {
    Place(HoldReason, Option<String>),
    Release,
}

fn described(kind: Kind) -> Described {
    match kind {
        Kind::Products => Described::Products,
        Kind::Operators => Described::Operators,
        Kind::StopLists => Described::StopLists,
        Kind::Orders => Described::Orders,
        Kind::PickLists => Described::PickLists,
        Kind::Waybills => Described::Waybills,
        Kind::Manifests => Described::Manifests,
    }
}

fn hold(word: &str, note: Option<String>) -> Result<Hold, String> {
    if word == "release" {
        return Ok(Hold::Release);
    }
    let reason = serde_json::from_value(word.into()).map_err(|_| format!("\"{word}\" is no reason for a hold"))?;
    Ok(Hold::Place(reason, note))
}

fn read(core: &Core, arrived: Arrived) -> Result<Read, String> {
    let (parsed, _) = things_from_json(described(arrived.kind), arrived.object.to_string().as_bytes(), core)
        .map_err(|problem| problem.detail().to_owned())?;
    let thing = parsed.into_iter().next().ok_or("it has nothing in it")?.map_err(|(_, why)| why)?;
    let hold = arrived.hold.map(|word| hold(&word, arrived.hold_note)).transpose()?;
    Ok(Read { thing, cancelled: arrived.cancelled == Some(true), hold })
}

fn taken(outcome: Outcome) -> Taken {
    match outcome {
        Outcome::Created(_) => Taken::Created,
        Outcome::Updated(_) => Taken::Updated,
        Outcome::Unchanged => Taken::Unchanged,
        Outcome::Refused(refusal) | Outcome::Disputed(refusal, _) => {
            let why = refusal.to_string();
            match refusal {
                Refusal::UnknownOrder(order) => Taken::Waits(Reference::Order(order.to_string()), why),
                Refusal::UnknownLine(order, line) => Taken::Waits(Reference::Line(order.to_string(), line), why),
                Refusal::UnknownWaybill(waybill) => Taken::Waits(Reference::Waybill(waybill.to_string()), why),
                _ => Taken::Refused(why),
            }
        }
    }
}

/// Judges a thing and what is said about it, in one transaction: nobody sees an order that is cancelled and not yet so.
fn judge(transaction: &mut WriteTransaction<'_>, desk: &Desk, read: Read) -> Taken {
    let (order, is_news) = match &read.thing {
        Thing::Order(spec) => {
            let known = transaction.view().order(spec.id.as_str());
            let is_old = known.is_some_and(
                |known| matches!((known.spec.version, spec.version), (Some(known), Some(new)) if new <= known),
            );
            (Some(spec.id.clone()), !is_old)
        }
        _ => (None, false),
    };
    let outcome = take_in(transaction, &desk.terms, read.thing);
    desk.record(transaction, &outcome);
    let mut taken = taken(outcome);
    let Some(order) = order.filter(|_| is_news) else { return taken };
    if let (Taken::Refused(why), Some(_)) = (&taken, transaction.view().order(order.as_str())) {
        taken = Taken::Heard(why.clone());
    }
    // an order whose change was refused is cancelled and held all the same
    for action in actions(transaction, &order, read.cancelled, read.hold) {
        let outcome = order_action(transaction.view(), &desk.terms, &order, action);
        desk.record(transaction, &outcome);
        if !outcome.events().is_empty() && taken == Taken::Unchanged {
            taken = Taken::Updated;
        }
    }
    taken
}

/// The words about an order that say something new.
fn actions(
    transaction: &WriteTransaction<'_>,
    order: &OrderId,
    is_cancelled: bool,
    hold: Option<Hold>,
) -> Vec<OrderAction> {
    let Some(known) = transaction.view().order(order.as_str()) else { return Vec::new() };
    let mut actions = Vec::new();
    match hold {
        Some(Hold::Place(reason, note)) if !known.holds.iter().any(|hold| hold.reason == reason) => {
            actions.push(OrderAction::Hold { reason, note, kind: None });
        }
        Some(Hold::Release) => actions.push(OrderAction::Release { reason: None }),
        Some(Hold::Place(..)) | None => {}
    }
    if is_cancelled && !known.cancelled {
        actions.push(OrderAction::Cancel { lines: None });
    }
    actions
}

/// By what a source's things are judged.
struct Desk {
    source: String,
    site: Arc<Site>,
    terms: Terms,
    now: Now,
}

impl Desk {
    fn record(&self, transaction: &mut WriteTransaction<'_>, outcome: &Outcome) {
        let cause = Cause::Upstream { call: format!("source {}", self.source), peer: None };
        record_as(transaction, &self.site, cause, outcome, self.now);
    }
}

impl Inbox for Core {
    async fn take(&self, source: &str, things: Vec<Arrived>) -> Result<Vec<Taken>, Unreadable> {
        let mut all = Vec::with_capacity(things.len());
        let mut things = things.into_iter().peekable();
        while things.peek().is_some() {
            let mut chunk: Vec<Result<Read, String>> = Vec::with_capacity(CHUNK);
            for thing in things.by_ref().take(CHUNK) {
                chunk.push(self.readied(read(self, thing)).await);
            }
            let now = self.parts.clock.now();
            let (site, terms) = (self.parts.site.clone(), self.terms(now));
            let desk = Desk { source: source.to_owned(), site, terms, now };
            let done = self.parts.writer.submit(move |transaction| {
                let judged = chunk.into_iter().map(|read| match read {
                    Ok(read) => judge(transaction, &desk, read),
                    Err(why) => Taken::Refused(why),
                });
                judged.collect::<Vec<_>>()
            });
            all.extend(done.await.map_err(|error| Unreadable(error.to_string()))?);
        }
        if all
            .iter()
            .any(|taken| matches!(taken, Taken::Created | Taken::Updated | Taken::Refused(_) | Taken::Heard(_)))
        {
            self.announce_everywhere();
        }
        Ok(all)
    }

    async fn there(&self, references: Vec<Reference>) -> Result<Vec<bool>, Unreadable> {
        let looked = self.read(move |reader| {
            reader.look(|transaction| {
                let view = transaction.view();
                let is_there = |reference: &Reference| match reference {
                    Reference::Order(id) => view.order(id).is_some(),
                    Reference::Line(id, line) => view.order(id).is_some_and(|order| order.line(*line).is_some()),
                    Reference::Waybill(number) => view.waybill(number).is_some(),
                };
                references.iter().map(is_there).collect()
            })
        });
        looked.await.map_err(|Unavailable(why)| Unreadable(why))
    }
}

impl Core {
    /// A thing whose label, if it has one, is read.
    async fn readied(&self, read: Result<Read, String>) -> Result<Read, String> {
        let Read { thing, cancelled, hold } = read?;
        let thing = with_label_read(&self.parts.pictures, thing).await.map_err(|(_, why)| why)?;
        Ok(Read { thing, cancelled, hold })
    }

    /// Opens the sources and starts a worker for each, on a thread of its own.
    pub(super) fn start_sources(&self, config: &Config, tasks: &mut JoinSet<()>) -> Result<(), OpenError> {
        let zone: TimeZone = config.zone();
        let workers =
            config.source.iter().map(|settings| SourceWorker::open(settings, &config.data, zone.clone(), self.clone()));
        let workers = workers.collect::<Result<Vec<_>, _>>()?;
        let sources: Vec<Source> = workers.iter().map(SourceWorker::source).collect();
        for worker in workers {
            tasks.spawn_blocking(move || Handle::current().block_on(worker.run()));
        }
        if self.parts.sources.set(sources).is_err() {
            tracing::error!("The sources were started twice.");
        }
        Ok(())
    }

    pub(super) fn sources(&self) -> &[Source] {
        self.parts.sources.get().map_or(&[], Vec::as_slice)
    }

    /// How the sources are.
    pub(super) fn source_views(&self) -> Vec<SourceView> {
        let now = Feed::now(self);
        let written = |at| self.parts.clock.written(at);
        let view = |source: &Source| {
            let state = source.state();
            let since = state.last_success.or(state.started).map(|at| now.duration_since(at).as_secs());
            let age = u64::try_from(since.unwrap_or(0)).unwrap_or(0);
            let limit = (u64::from(source.interval) * BEHIND_INTERVALS).max(BEHIND_LEAST);
            let kept = state.kept.iter().map(|thing| KeptView {
                kind: thing.kind,
                id: thing.id.clone(),
                state: if thing.waits { "waiting" } else { "refused" },
                reason: thing.reason.clone(),
                since: written(thing.since),
                times: thing.times,
            });
            let words = state.words.iter().map(|((field, word), unknown)| UnknownWordView {
                field: field.clone(),
                word: word.clone(),
                times: unknown.times,
                example: unknown.example.clone(),
            });
            SourceView {
                name: source.name.to_string(),
                kind: source.kind.as_str(),
                state: match (state.is_full, state.failures) {
                    (true, _) => "full",
                    (false, 0) => "good",
                    (false, _) => "failing",
                },
                cursor: state.cursor.clone(),
                last_success: state.last_success.map(written),
                age_seconds: age,
                behind: age > limit || state.is_full,
                failures: state.failures,
                last_error: state.last_error.clone(),
                pages: state.pages,
                created: state.counts.created,
                updated: state.counts.updated,
                unchanged: state.counts.unchanged,
                waiting: state.waiting,
                refused: state.refused,
                refused_ever: state.counts.refused,
                kept: kept.collect(),
                unknown_words: words.collect(),
            }
        };
        self.sources().iter().map(view).collect()
    }
}

type Sample = fn(&SourceView) -> u64;

/// The sources in Prometheus' text format.
pub(super) fn exposition(sources: &[SourceView]) -> String {
    let samples: [(&str, &str, &str, Sample); 8] = [
        ("waybind_source_up", "gauge", "Whether a source is being read.", |source| u64::from(source.state == "good")),
        ("waybind_source_age_seconds", "gauge", "Since a source was last read to its end.", |source| {
            source.age_seconds
        }),
        ("waybind_source_waiting", "gauge", "Things that wait for others.", |source| source.waiting as u64),
        ("waybind_source_refused", "gauge", "Things that can't be taken.", |source| source.refused as u64),
        ("waybind_source_unknown_words", "gauge", "Words without a translation.", |source| {
            source.unknown_words.len() as u64
        }),
        ("waybind_source_pages_total", "counter", "Answers or files that were read.", |source| source.pages),
        ("waybind_source_taken_total", "counter", "Things that were new or changed.", |source| {
            source.created + source.updated
        }),
        ("waybind_source_unchanged_total", "counter", "Things that said nothing new.", |source| source.unchanged),
    ];
    let mut text = String::new();
    for (name, kind, help, value) in samples.iter().filter(|_| !sources.is_empty()) {
        text.push_str(&format!("# HELP {name} {help}\n# TYPE {name} {kind}\n"));
        for source in sources {
            text.push_str(&format!("{name}{{source=\"{}\"}} {}\n", source.name, value(source)));
        }
    }
    text
}
