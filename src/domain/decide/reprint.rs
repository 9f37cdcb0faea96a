//! Printing again what this station printed last, and choosing its printer by the code on it.

use super::Desk;
use super::draft::Draft;
use crate::domain::event::{Event, Memory};
use crate::domain::ids::PrintJobId;
use crate::domain::printing::{PrintJob, Printable, Request, request, stopped_on};
use crate::domain::station::Awaited;
use crate::domain::verdict::{Code, Facts, Why};
use crate::domain::view::Numbered;

impl Desk<'_> {
    /// Asks why the last print is wanted again.
    pub(super) fn ask_reprint(&self) -> Draft {
        let last = self.station.last_print.as_ref().and_then(|id| self.view.print_job(id.as_str()));
        let Some(job) = last else { return Draft::new(Code::WrongStep).why(Why::NothingPrinted) };
        match self.stopped(&job) {
            Some(draft) => draft,
            None => self.ask(Why::ReprintReason, Awaited::ReprintReason(job.id.clone())).got(facts(&job)),
        }
    }

    /// The reason is given: the same thing once more, as another copy.
    pub(super) fn reprint(&self, id: &PrintJobId, reason: &str) -> Draft {
        let Some(job) = self.view.print_job(id.as_str()) else {
            return Draft::new(Code::WrongStep).why(Why::NothingPrinted);
        };
        if let Some(draft) = self.stopped(&job) {
            return draft;
        }
        let wanted = Request {
            what: job.what.clone(),
            template: job.template.clone(),
            station: Some(self.rules.id.clone()),
            order: job.order.clone(),
            reason: Some(reason.to_owned()),
            by: self.operator.as_ref().map(|operator| operator.id.clone()),
        };
        // one that would fail at once is not asked for
        match request(self.view, self.site, wanted, self.now.at, 0).as_slice() {
            [event @ Event::PrintRequested { job }] => {
                let draft = Draft::new(Code::Info).why(Why::Reprinting(job.copy)).got(facts(job));
                let draft = job.order.iter().fold(draft, |draft, order| draft.order(order));
                draft.event(event.clone())
            }
            _ => Draft::new(Code::WrongStep).why(Why::NoPrinter).got(facts(&job)),
        }
    }

    /// A number that no longer holds is not printed again, nor the label of an order that a rule stops.
    fn stopped(&self, job: &PrintJob) -> Option<Draft> {
        if let Printable::Waybill { waybill, .. } = &job.what
            && self.view.waybill(waybill.as_str()).is_none_or(|waybill| waybill.void.is_some())
        {
            return Some(Draft::new(Code::WaybillVoid).got(facts(job)));
        }
        if let Printable::Label { label, version } = job.what {
            return self.label_stopped(label, version);
        }
        let order = self.view.order(job.order.as_ref()?.as_str())?;
        let code = self.site.rules.stops_printing(self.view, &order)?;
        Some(Draft::new(code).order(order.id()).got(facts(job)))
    }

    /// A version of a label that no longer holds is not printed again, nor one with an order that a rule stops.
    fn label_stopped(&self, label: u32, version: u32) -> Option<Draft> {
        let bag = self.view.by_number(Numbered::Bag, label).and_then(|id| self.view.bag(&id))?;
        let what = Printable::Label { label, version };
        if let Some(draft) = self.label_void(&bag, version) {
            return Some(draft.got(facts_of(&what)));
        }
        let (order, code) = stopped_on(self.view, self.site, bag.current()?)?;
        Some(Draft::new(code).order(&order).got(facts_of(&what)))
    }

    /// The code on a printer is its name: this station prints there from now on.
    pub(super) fn choose_printer(&self, text: &str) -> Option<Draft> {
        let printer = self.site.printers.iter().find(|rules| rules.id.as_str().eq_ignore_ascii_case(text))?;
        let memory = Memory::Printer(Some(printer.id.clone()));
        let draft = Draft::new(Code::Info).why(Why::PrinterChosen).got_text(printer.id.as_str());
        Some(draft.remember(&self.rules.id, memory))
    }
}

fn facts(job: &PrintJob) -> Facts {
    facts_of(&job.what)
}

fn facts_of(what: &Printable) -> Facts {
    match what {
        Printable::Label { label, version } => Facts { bag: Some(format!("L{label} v{version}")), ..Facts::default() },
        Printable::Waybill { waybill, .. } => Facts { waybill: Some(waybill.clone()), ..Facts::default() },
        other => Facts { text: Some(other.name()), ..Facts::default() },
    }
}
