//! A printer's worker: takes the oldest job that waits, asks the printer how it is, sends, and records each step.

use std::collections::VecDeque;
use std::time::Duration;

use hyper::body::Bytes;
use tokio::time::{Instant, sleep};

use super::link::{Broken, Fate, Link, Patience};
use super::pause::pause;
use super::status::Answer;
use super::{Board, Place, Printer, PrinterState, Spool, folder, ipp};
use crate::clock::chance;
use crate::config::{PrinterLanguage, StatusDialect};
use crate::domain::ids::PrintJobId;
use crate::domain::printing::{Condition, JobState, PrintJob, PrintTrouble, Printable, Step};

/// How long a printer that did not answer is not asked again: asking one that never answers costs each job its wait.
const SILENT_FOR: Duration = Duration::from_secs(300);

/// How long the ledger is given between two attempts to record something.
const RECORD_AGAIN: Duration = Duration::from_millis(500);

/// How long a job that is being sent may go on when waybind stops.
const DRAIN: Duration = Duration::from_secs(4);

/// How long a job may take from being recorded as going out to being shown so.
const BEGIN: Duration = Duration::from_millis(200);

/// Attempts in a row that came to nothing before another printer takes over.
const FALL_BACK_AFTER: u32 = 2;

/// How long the bytes of a label are kept for a printer that is down: what stands on it may change.
const RENDERED_FOR: Duration = Duration::from_secs(60);

/// Jobs of another printer that are remembered as nothing for this one.
const UNFIT_MAX: usize = 64;

/// What the worker does next.
enum Next {
    /// It looks for a job at once.
    On,
    /// There is none: it waits until something moves.
    Idle,
    /// The printer can't print: it waits this long whatever moves.
    Pause(Duration),
}

/// Why a job did not go out.
enum Hitch {
    /// The printer is not ready; nothing went out.
    NotReady(Condition, String),
    /// The ledger can't be written; nothing went out.
    Unrecorded(String),
    /// It is settled, one way or the other.
    Settled,
}

/// A job's bytes.
struct Rendered {
    job: PrintJobId,
    copy: u32,
    at: Instant,
    bytes: Bytes,
}

/// A printer's worker.
pub struct Worker<S> {
    printer: Printer,
    board: Board,
    spool: S,
    /// Until when the printer is not asked how it is.
    silent_until: Option<Instant>,
    /// The bytes of the job at hand, so that a printer that is down costs its label once.
    rendered: Option<Rendered>,
    /// Jobs of another printer that can't be made for this one, oldest first.
    unfit: VecDeque<(PrintJobId, u32)>,
    patience: Patience,
    /// A job of which it is not known whether it was recorded as going out. Nothing of it went out.
    doubtful: Option<PrintJobId>,
    /// When the printer was last looked at without a job for it.
    looked: Option<Instant>,
}

impl<S: Spool> Worker<S> {
    /// The worker of a printer.
    #[must_use]
    pub fn new(printer: Printer, board: Board, spool: S) -> Self {
        Worker {
            printer,
            board,
            spool,
            silent_until: None,
            rendered: None,
            unfit: VecDeque::new(),
            patience: Patience::default(),
            doubtful: None,
            looked: None,
        }
    }

    /// The same worker with other patience.
    #[must_use]
    pub fn with_patience(self, patience: Patience) -> Self {
        Worker { patience, ..self }
    }

    /// Works until waybind stops.
    pub async fn run(mut self) {
        let (mut moved, mut stop) = (self.spool.moved(), self.spool.stopping());
        let mut others = self.board.moved.subscribe();
        loop {
            moved.mark_unchanged();
            others.mark_unchanged();
            let (mut stop_turn, board, id) = (stop.clone(), self.board.clone(), self.printer.id.clone());
            let drained = async move {
                // a service that is gone stops, too
                if stop_turn.wait_for(|stop| *stop).await.is_err() {
                    return;
                }
                let until = Instant::now() + DRAIN;
                sleep(BEGIN).await;
                while board.state(&id).job.is_some() && Instant::now() < until {
                    sleep(BEGIN).await;
                }
            };
            let next = tokio::select! {
                next = self.turn() => next,
                () = drained => return,
            };
            let look = self.patience.look;
            let woken = async {
                match next {
                    Next::On => {}
                    Next::Pause(span) => sleep(span).await,
                    Next::Idle => tokio::select! {
                        _ = moved.changed() => {}
                        _ = others.changed() => {}
                        () = sleep(look) => {}
                    },
                }
            };
            tokio::select! {
                () = woken => {}
                _ = stop.wait_for(|stop| *stop) => return,
            }
        }
    }

    fn show(&self, change: impl FnOnce(&mut PrinterState)) {
        if self.board.update(&self.printer.id, change) {
            self.spool.changed();
        }
    }

    async fn turn(&mut self) -> Next {
        if let Some(job) = self.doubtful.take()
            && let Err(error) = self.spool.record(&job, vec![Step::Postponed]).await
        {
            tracing::warn!(%error, printer = %self.printer.id, "The spool can't record.");
            self.doubtful = Some(job);
            return Next::Pause(RECORD_AGAIN);
        }
        let job = match self.next_job().await {
            Ok(Some(job)) => job,
            Ok(None) => return self.look().await,
            Err(error) => {
                tracing::warn!(%error, printer = %self.printer.id, "The spool can't be read.");
                return Next::Pause(RECORD_AGAIN);
            }
        };
        let bytes = match self.bytes(&job).await {
            Ok(bytes) => bytes,
            // its own printer may well print it: that one is finer, or speaks its language
            Err(trouble) if job.printer != self.printer.id => {
                tracing::warn!(job = job.number, ?trouble, printer = %self.printer.id, "A print job can't be taken over.");
                if self.unfit.len() >= UNFIT_MAX {
                    self.unfit.pop_front();
                }
                self.unfit.push_back((job.id, job.copy));
                return Next::On;
            }
            Err(trouble) => {
                tracing::warn!(job = job.number, ?trouble, "A print job can't be printed.");
                return match self.spool.record(&job.id, vec![Step::Failed(trouble)]).await {
                    Ok(_) => Next::On,
                    Err(_) => Next::Pause(RECORD_AGAIN),
                };
            }
        };
        match self.deliver(&job, &bytes).await {
            Ok(()) | Err(Hitch::Settled) => Next::On,
            Err(Hitch::Unrecorded(why)) => {
                tracing::warn!(why, printer = %self.printer.id, "The spool can't record.");
                Next::Pause(RECORD_AGAIN)
            }
            Err(Hitch::NotReady(condition, why)) => self.not_ready(condition, why),
        }
    }

    fn not_ready(&self, condition: Condition, why: String) -> Next {
        self.show(|state| {
            state.condition = condition;
            state.error = Some(why).filter(|why| !why.is_empty());
            state.failures = state.failures.saturating_add(1);
            state.job = None;
        });
        let failures = self.board.state(&self.printer.id).failures;
        Next::Pause(pause(failures, condition != Condition::Unreachable, chance()))
    }

    /// The oldest job that waits here, else one that waits at a printer that is down and falls back to this one.
    async fn next_job(&self) -> Result<Option<PrintJob>, super::Unavailable> {
        let mut own = self.spool.waiting(&self.printer.id).await?.into_iter();
        if let Some(job) = own.find(|job| job.state == JobState::Queued) {
            return Ok(Some(job));
        }
        for other in self.board.printers() {
            let state = self.board.state(&other.id);
            let is_down = state.condition.blocks() && state.failures >= FALL_BACK_AFTER;
            if other.fallback.as_ref() != Some(&self.printer.id) || !is_down {
                continue;
            }
            let mut waiting = self.spool.waiting(&other.id).await?.into_iter();
            // a self-test says nothing about another printer
            let fits = |job: &PrintJob| {
                let may_move = !matches!(job.what, Printable::SelfTest { .. });
                let is_unfit = self.unfit.iter().any(|(id, copy)| *id == job.id && *copy == job.copy);
                let takes = may_move && !is_unfit && self.printer.templates.contains(&job.template);
                job.state == JobState::Queued && takes
            };
            if let Some(job) = waiting.find(fits) {
                return Ok(Some(job));
            }
        }
        Ok(None)
    }

    async fn bytes(&mut self, job: &PrintJob) -> Result<Bytes, PrintTrouble> {
        if let Some(known) = &self.rendered
            && known.job == job.id
            && known.copy == job.copy
            && known.at.elapsed() < RENDERED_FOR
        {
            return Ok(known.bytes.clone());
        }
        let bytes = self.spool.render(job, &self.printer).await?;
        let (copy, at) = (job.copy, Instant::now());
        self.rendered = Some(Rendered { job: job.id.clone(), copy, at, bytes: bytes.clone() });
        Ok(bytes)
    }

    /// How the printer is while there is nothing to print.
    async fn look(&mut self) -> Next {
        self.rendered = None;
        if self.looked.is_some_and(|looked| looked.elapsed() < self.patience.look) {
            return Next::Idle;
        }
        self.looked = Some(Instant::now());
        let is_blocked = self.board.state(&self.printer.id).condition.blocks();
        let looked = match &self.printer.place {
            Place::Folder(_) => Ok(Some(Answer { condition: Condition::Ready, is_busy: false })),
            Place::Ipp(uri) => ipp::ask(uri).await.map(Some),
            // one that does not tell is there again as soon as it can be reached
            Place::Network(_) | Place::Node(_) if self.dialect() == StatusDialect::None && is_blocked => {
                let there = Answer { condition: Condition::Unknown, is_busy: false };
                self.open().await.map(|_| Some(there))
            }
            Place::Network(_) | Place::Node(_) if self.dialect() == StatusDialect::None => Ok(None),
            Place::Network(_) | Place::Node(_) => match self.open().await {
                Ok(mut link) => self.ask(&mut link).await,
                Err(why) => Err(why),
            },
        };
        match looked {
            Ok(Some(answer)) if !answer.condition.blocks() => self.well(answer.condition),
            Ok(Some(answer)) => self.show(|state| state.condition = answer.condition),
            // a printer that does not tell is as good as its last job
            Ok(None) => {}
            Err(why) => self.show(|state| {
                state.condition = Condition::Unreachable;
                state.error = Some(why);
            }),
        }
        Next::Idle
    }

    fn well(&self, condition: Condition) {
        self.show(|state| {
            state.condition = condition;
            state.error = None;
            state.failures = 0;
        });
    }

    /// The dialect in which the printer is asked; none while it is known to be silent.
    fn dialect(&self) -> StatusDialect {
        match self.silent_until {
            Some(until) if Instant::now() < until => StatusDialect::None,
            _ => self.printer.profile.status,
        }
    }

    async fn open(&self) -> Result<Link, String> {
        let opened = match &self.printer.place {
            Place::Network(address) => Link::connect(address, self.patience).await,
            Place::Node(path) => Link::open(path, self.patience).await,
            Place::Ipp(_) | Place::Folder(_) => return Err("it is not a stream of bytes".into()),
        };
        opened.map_err(|error| error.to_string())
    }

    /// Asks over an open connection; silence is remembered.
    async fn ask(&mut self, link: &mut Link) -> Result<Option<Answer>, String> {
        let dialect = self.dialect();
        let answer = link.ask(dialect).await.map_err(|error| error.to_string())?;
        if dialect != StatusDialect::None && answer.is_none() {
            self.silent_until = Some(Instant::now() + SILENT_FOR);
        }
        Ok(answer)
    }

    async fn deliver(&mut self, job: &PrintJob, bytes: &Bytes) -> Result<(), Hitch> {
        match self.printer.place.clone() {
            Place::Folder(path) => {
                self.begin(job).await?;
                let extension = self.printer.profile.language.as_str();
                let name = format!("job-{:06}-{}.{extension}", job.number, job.copy);
                let written = folder::write(&path, &name, bytes.to_vec()).await;
                let broken = |error: std::io::Error| Broken { begun: false, why: error.to_string() };
                self.end(job, written.map(|()| Fate::Taken).map_err(broken)).await
            }
            Place::Ipp(uri) => {
                let unreachable = |why| Hitch::NotReady(Condition::Unreachable, why);
                let answer = ipp::ask(&uri).await.map_err(unreachable)?;
                if answer.condition.blocks() {
                    return Err(Hitch::NotReady(answer.condition, String::new()));
                }
                self.begin(job).await?;
                let format = match self.printer.profile.language {
                    PrinterLanguage::Pdf => "application/pdf",
                    PrinterLanguage::Zpl | PrinterLanguage::Tspl => "application/octet-stream",
                };
                match ipp::send(&uri, &format!("waybind {}", job.id), format, bytes).await {
                    Err(broken) => self.end(job, Err(broken)).await,
                    Ok(Err(why)) => {
                        self.commit(job, vec![Step::Failed(PrintTrouble::Refused(why))]).await?;
                        self.finished(Condition::Ready);
                        Ok(())
                    }
                    Ok(Ok(number)) => {
                        self.commit(job, vec![Step::Sent]).await?;
                        let step = match ipp::settle(&uri, number).await {
                            Ok(Fate::Printed) => Some(Step::Printed),
                            Ok(Fate::Taken) => None,
                            Err(why) => Some(Step::Failed(PrintTrouble::Refused(why))),
                        };
                        if let Some(step) = step {
                            self.commit(job, vec![step]).await?;
                        }
                        self.finished(Condition::Ready);
                        Ok(())
                    }
                }
            }
            Place::Network(_) | Place::Node(_) => self.stream(job, bytes).await,
        }
    }

    async fn stream(&mut self, job: &PrintJob, bytes: &Bytes) -> Result<(), Hitch> {
        let unreachable = |why| Hitch::NotReady(Condition::Unreachable, why);
        let mut link = self.open().await.map_err(unreachable)?;
        let was_asked = self.dialect() != StatusDialect::None;
        let answer = self.ask(&mut link).await.map_err(unreachable)?;
        if was_asked && answer.is_none() {
            // its answer may still come, after we are done, and resets this connection: with the job, if it were on it
            drop(link);
            link = self.open().await.map_err(unreachable)?;
        }
        if let Some(answer) = answer.filter(|answer| answer.condition.blocks()) {
            return Err(Hitch::NotReady(answer.condition, String::new()));
        }
        self.begin(job).await?;
        let mut after = answer;
        let delivered = match link.send(bytes).await {
            Ok(()) => link.settle(self.dialect()).await.map(|(fate, last)| {
                after = last;
                fate
            }),
            Err(broken) => Err(broken),
        };
        let is_well = delivered.is_ok();
        self.end(job, delivered).await?;
        if is_well && let Some(answer) = after {
            self.show(|state| state.condition = answer.condition);
        }
        Ok(())
    }

    /// Makes it durable that the job goes out from now on.
    async fn begin(&mut self, job: &PrintJob) -> Result<(), Hitch> {
        match self.spool.record(&job.id, vec![Step::Sending(self.printer.id.clone())]).await {
            Ok(true) => {
                self.show(|state| state.job = Some(job.number));
                Ok(())
            }
            // somebody dropped it, or another printer took it
            Ok(false) => Err(Hitch::Settled),
            Err(error) => {
                self.doubtful = Some(job.id.clone());
                Err(Hitch::Unrecorded(error.0))
            }
        }
    }

    /// Records how the sending ended.
    async fn end(&mut self, job: &PrintJob, delivered: Result<Fate, Broken>) -> Result<(), Hitch> {
        match delivered {
            Ok(fate) => {
                let steps = match fate {
                    Fate::Taken => vec![Step::Sent],
                    Fate::Printed => vec![Step::Sent, Step::Printed],
                };
                self.commit(job, steps).await?;
                self.finished(if fate == Fate::Printed { Condition::Ready } else { Condition::Unknown });
                Ok(())
            }
            Err(Broken { begun: false, why }) => {
                self.commit(job, vec![Step::Postponed]).await?;
                Err(Hitch::NotReady(Condition::Unreachable, why))
            }
            Err(Broken { begun: true, why }) => {
                self.commit(job, vec![Step::Unknown(PrintTrouble::Broken(why.clone()))]).await?;
                Err(Hitch::NotReady(Condition::Unreachable, why))
            }
        }
    }

    fn finished(&self, condition: Condition) {
        self.show(|state| {
            let sent = state.sent + 1;
            *state = PrinterState { condition, sent, ..PrinterState::default() };
        });
    }

    /// Records what is known; it is known here only, so the ledger is waited for.
    async fn commit(&mut self, job: &PrintJob, steps: Vec<Step>) -> Result<(), Hitch> {
        self.rendered = None;
        loop {
            match self.spool.record(&job.id, steps.clone()).await {
                Ok(_) => return Ok(()),
                Err(error) => {
                    tracing::warn!(%error, job = job.number, "What became of a print job can't be recorded yet.");
                    sleep(RECORD_AGAIN).await;
                }
            }
        }
    }
}
