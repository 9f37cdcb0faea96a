//! How a print job goes on: what the spool saw of it, and what a person says of it.

use super::route::{label_that_holds, next_copy, own_language, route};
use super::{HISTORY_MAX, JobState, Mark, PrintJob, PrintTrouble, Printable, Resolution, Step, Unresolved};
use crate::domain::clock::Moment;
use crate::domain::decide::Site;
use crate::domain::event::Event;
use crate::domain::ids::{OperatorId, PrintJobId, PrinterId};
use crate::domain::view::{Numbered, View};

/// How a job goes on; none where it does not stand where that could follow. What no longer holds at the moment when it would
/// go out does not go out: it has failed instead.
#[must_use]
pub fn advance(view: &dyn View, id: &PrintJobId, step: Step, at: Moment) -> Option<Event> {
    let job = view.print_job(id.as_str())?;
    let fits = match (&job.state, &step) {
        (JobState::Queued, Step::Sending(_) | Step::Failed(_)) => true,
        (JobState::Sending, step) => !matches!(step, Step::Sending(_)),
        (JobState::Sent, Step::Printed | Step::Failed(_)) => true,
        _ => false,
    };
    let trouble = matches!(step, Step::Sending(_)).then(|| objection(view, &job)).flatten();
    fits.then(|| step_of(&job, trouble.map_or(step, Step::Failed), at))
}

/// The fact of a step.
pub(super) fn step_of(job: &PrintJob, step: Step, at: Moment) -> Event {
    // people are told of these, and want to know where to look
    let is_told = matches!(step, Step::Failed(_) | Step::Unknown(_));
    Event::PrintStep {
        job: job.id.clone(),
        order: job.order.clone(),
        what: is_told.then(|| job.what.name()),
        station: job.station.clone().filter(|_| is_told),
        printer: is_told.then(|| job.printer.clone()),
        at: Some(at),
        step,
    }
}

/// Why something must not be printed now: it no longer holds, or its order is cancelled.
#[must_use]
pub fn objection(view: &dyn View, job: &PrintJob) -> Option<PrintTrouble> {
    match &job.what {
        Printable::Waybill { waybill, .. } => {
            let Some(waybill) = view.waybill(waybill.as_str()) else { return Some(PrintTrouble::Gone) };
            let order = job.order.as_ref().and_then(|order| view.order(order.as_str()));
            let is_void = waybill.void.is_some() || order.is_some_and(|order| order.cancelled);
            is_void.then_some(PrintTrouble::Void)
        }
        Printable::Label { label, version } => label_that_holds(view, *label, *version).err(),
        Printable::Manifest { .. } | Printable::SelfTest { .. } => None,
    }
}

/// What a person says of a job. One that is printed again goes where it would go now, as another copy.
///
/// # Errors
/// There is no such job, nobody asks about it, or no printer takes it.
pub fn resolve(
    view: &dyn View,
    site: &Site,
    number: u32,
    how: Resolution,
    by: Option<OperatorId>,
    at: Moment,
) -> Result<(PrintJobId, Event), Unresolved> {
    let id = view.by_number(Numbered::PrintJob, number).ok_or(Unresolved::NoJob(number))?;
    let job = view.print_job(&id).ok_or(Unresolved::NoJob(number))?;
    let asked = match job.state {
        JobState::Unknown(_) => true,
        JobState::Failed(_) => how != Resolution::Printed,
        JobState::Queued => how == Resolution::Dropped,
        _ => false,
    };
    if !asked {
        return Err(Unresolved::NotAsked { number, state: job.state.name() });
    }
    let (printer, copy) = match how {
        Resolution::Again => {
            let printer = printer_now(view, site, &job).ok_or(Unresolved::NoPrinter(number))?;
            (Some(printer), Some(next_copy(view, &job.what)))
        }
        Resolution::Printed | Resolution::Dropped => (None, None),
    };
    let order = job.order.clone();
    let event = Event::PrintResolved { job: job.id.clone(), order, how, by, printer, copy, at: Some(at) };
    Ok((job.id.clone(), event))
}

fn printer_now(view: &dyn View, site: &Site, job: &PrintJob) -> Option<PrinterId> {
    if let Printable::SelfTest { printer } = &job.what {
        return site.printers.iter().find(|rules| rules.id == *printer).map(|rules| rules.id.clone());
    }
    let language = own_language(view, &job.what);
    route(view, site, job.station.as_ref(), &job.template, language.as_deref())
}

impl PrintJob {
    /// Takes a step.
    pub(in crate::domain) fn take(&mut self, step: &Step, at: Option<Moment>) {
        self.state = match step {
            Step::Sending(printer) => {
                self.printer = printer.clone();
                JobState::Sending
            }
            Step::Postponed => {
                // nothing went out: it is as if that had not begun
                if self.history.last().is_some_and(|mark| mark.state == JobState::Sending) {
                    self.history.pop();
                }
                self.state = JobState::Queued;
                return;
            }
            Step::Sent => JobState::Sent,
            Step::Printed => JobState::Printed,
            Step::Failed(trouble) => JobState::Failed(trouble.clone()),
            Step::Unknown(trouble) => JobState::Unknown(trouble.clone()),
        };
        self.mark(at, None, None);
    }

    /// Takes a person's word; `printer` and `copy` are where it is printed again, and as which copy.
    pub(in crate::domain) fn settle(
        &mut self,
        how: Resolution,
        by: Option<&OperatorId>,
        (printer, copy): (Option<&PrinterId>, Option<u32>),
        at: Option<Moment>,
    ) {
        self.state = match how {
            Resolution::Printed => JobState::Printed,
            Resolution::Dropped => JobState::Dropped,
            Resolution::Again => {
                // the first may lie there too: the paper says that it is another one
                self.copy = copy.unwrap_or(self.copy.saturating_add(1));
                self.printer = printer.unwrap_or(&self.printer).clone();
                JobState::Queued
            }
        };
        self.mark(at, Some(how), by);
    }

    /// Facts of ledgers from before don't say when, and leave no mark: their tables have none either.
    fn mark(&mut self, at: Option<Moment>, how: Option<Resolution>, by: Option<&OperatorId>) {
        let Some(at) = at else { return };
        if self.history.len() >= HISTORY_MAX {
            self.history.remove(0);
        }
        let (state, printer) = (self.state.clone(), self.printer.clone());
        self.history.push(Mark { state, at, printer, how, by: by.cloned() });
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::apply;
    use crate::domain::memory::Memory;

    fn fold(facts: &[&str]) -> Memory {
        let mut state = Memory::default();
        for fact in facts {
            let event: Event = serde_json::from_str(fact).expect("a fact");
            apply(&event, &mut state).expect("it fits");
        }
        state
    }

    const ASKED: &str = r#"{"type":"print_requested","job":{"id":"J1","number":1,"what":{"manifest":{"manifest":"M1"}},
        "template":"manifest-a4","printer":"P1","station":null,"order":null,"copy":1,"reason":null,"by":null,
        "at":{"wall":"2026-11-21T01:00:00Z","boot_ms":5,"boot":1},"state":"queued"}}"#;

    #[test]
    fn ledgers_from_before_there_was_a_history_fold_as_they_did() {
        let facts = [
            ASKED,
            r#"{"type":"print_step","job":"J1","step":{"sending":"P2"}}"#,
            r#"{"type":"print_step","job":"J1","step":{"unknown":"interrupted"}}"#,
            r#"{"type":"print_resolved","job":"J1","how":"again","by":"wang"}"#,
        ];
        let state = fold(&facts);
        let job = state.print_job("J1").expect("it is there");
        assert_eq!((&job.state, job.copy, job.printer.as_str()), (&JobState::Queued, 2, "P2"));
        let document = serde_json::to_value(&*job).expect("JSON");
        assert_eq!(document.get("history"), None, "the table of such a ledger has none");
    }

    #[test]
    fn a_history_has_an_end_and_what_did_not_go_out_is_not_in_it() {
        let mut state = fold(&[ASKED]);
        let id = PrintJobId::new("J1").expect("an id");
        let at = Moment { wall: "2026-11-21T01:00:00Z".parse().expect("a time"), boot_ms: 9, boot: 1 };
        let printer = PrinterId::new("P1").expect("an id");
        let go = |state: &mut Memory, step: Step| {
            let event = advance(&*state, &id, step, at).expect("it may");
            apply(&event, state).expect("it fits");
        };
        for _ in 0..100 {
            go(&mut state, Step::Sending(printer.clone()));
            go(&mut state, Step::Postponed);
        }
        assert!(state.print_job("J1").expect("it is there").history.is_empty());
        for _ in 0..100 {
            go(&mut state, Step::Sending(printer.clone()));
            go(&mut state, Step::Unknown(PrintTrouble::Interrupted));
            let event = Event::PrintResolved {
                job: id.clone(),
                order: None,
                how: Resolution::Again,
                by: None,
                printer: None,
                copy: None,
                at: Some(at),
            };
            apply(&event, &mut state).expect("it fits");
        }
        let job = state.print_job("J1").expect("it is there");
        assert_eq!((job.history.len(), job.copy), (HISTORY_MAX, 101));
    }
}
