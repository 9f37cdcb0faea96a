//! Printing on the pages: the printers, labels that wait, and jobs that ask whether they were printed.

use std::sync::Arc;

use maud::{Markup, html};

use super::view::StationView;
use crate::domain::ids::StationId;
use crate::domain::printing::{JobState, Mark, PrintJob, Printable};
use crate::domain::station::StationRules;
use crate::message::{Language, Phrase, job_state, phrase, print_kind, print_trouble, printer_condition, resolution};
use crate::web::backend::{Backend, PrinterView, Unavailable};

/// Jobs that a page lists.
const LISTED_MAX: usize = 20;

/// The jobs that wait or ask, of one station or of all, those that ask first.
pub(in crate::web) async fn prints_waiting<B: Backend>(
    backend: &B,
    station: Option<&StationId>,
) -> Result<Vec<PrintJob>, Unavailable> {
    backend.open_print_jobs(station, LISTED_MAX).await
}

/// The printer of a station: the one that was chosen there, else its own.
pub(in crate::web) fn printer_of(
    view: &StationView,
    rules: &StationRules,
    printers: Vec<PrinterView>,
) -> Option<PrinterView> {
    let name = view.printer.as_ref().or(rules.printer.as_ref())?;
    printers.into_iter().find(|printer| printer.name == name.as_str())
}

/// What a station waits for: packed, and its label is not there yet.
pub(super) fn waiting(prints: &[PrintJob], language: Language) -> Markup {
    html! {
        @for job in prints {
            p.waiting.print.asks[job.state.trouble().is_some()] {
                span.icon aria-hidden="true" { "▭" } (print_kind(job.what.kind(), language)) " "
                @if let Printable::Label { label, .. } = &job.what { a href={ "/labels/L" (label) } { (job.what.name()) } } @else { (job.what.name()) }
                @if let Some(order) = &job.order { " · " (order) }
                " — " (state(job, language)) " · " (job.printer)
                (buttons(job, language))
            }
        }
    }
}

fn state(job: &PrintJob, language: Language) -> Markup {
    let is_waiting = matches!(job.state, JobState::Queued | JobState::Sending);
    html! {
        @if is_waiting && job.order.is_some() { (phrase(Phrase::LabelWaiting, language)) }
        @else { (job_state(&job.state, language)) }
        @if let Some(trouble) = job.state.trouble() { " · " (print_trouble(trouble, language)) }
    }
}

/// What a person may say of it.
fn buttons(job: &PrintJob, language: Language) -> Markup {
    let say = |name| phrase(name, language);
    let number = job.number;
    html! {
        @if matches!(job.state, JobState::Unknown(_)) { " " button data-resolve=(number) data-how="printed" { (say(Phrase::ItIsPrinted)) } }
        @if job.state.trouble().is_some() {
            " " button data-resolve=(number) data-how="again" { (say(Phrase::PrintAgain)) }
            " " button data-resolve=(number) data-how="dropped" { (say(Phrase::GiveUp)) }
        }
    }
}

/// How jobs went: asked for where, when, why and by whom, and each place that they reached since.
pub(super) fn stories<B: Backend>(backend: &B, prints: &[Arc<PrintJob>], language: Language) -> Markup {
    let say = |name| phrase(name, language);
    html! {
        @if prints.is_empty() { p { (say(Phrase::NotPrintedYet)) } }
        @for job in prints {
            p.print {
                "▭ " (print_kind(job.what.kind(), language)) " " (job.what.name()) " #" (job.copy) " · "
                time { (backend.written(job.at.wall)) } " · " (job.printer) " · " (job_state(&job.state, language))
                @if let Some(reason) = &job.reason { " · " (say(Phrase::ReasonOf)) ": " (reason) }
                @if let Some(by) = &job.by { " · " (by) }
                @for mark in &job.history { (story_line(backend, mark, language)) }
            }
        }
    }
}

fn story_line<B: Backend>(backend: &B, mark: &Mark, language: Language) -> Markup {
    html! {
        br; "  ↳ "
        time { (backend.written(mark.at.wall)) } " · "
        @match mark.how {
            Some(how) => strong { (resolution(how, language)) },
            None => { (mark.printer) " · " (job_state(&mark.state, language)) },
        }
        @if let Some(by) = &mark.by { " · " (by) }
        @if let Some(trouble) = mark.state.trouble() { " · " (print_trouble(trouble, language)) }
    }
}

/// The printers and what waits at them.
pub(super) fn overview(printers: &[PrinterView], prints: &[PrintJob], language: Language) -> Markup {
    let say = |name| phrase(name, language);
    html! {
        section.printing {
            @if !printers.is_empty() {
                h2 { (say(Phrase::Printing)) }
                ul.printers { @for printer in printers {
                    li class=[printer.condition.blocks().then_some("bad")] title=[printer.last_error.as_deref()] {
                        (if printer.condition.blocks() { "✕ " } else { "▭ " }) strong { (printer.name) } " "
                        (printer_condition(printer.condition, language))
                        @if printer.queue > 0 { " · " (say(Phrase::PrinterQueue)) " " (printer.queue) }
                    }
                } }
                (waiting(prints, language))
            }
        }
    }
}
