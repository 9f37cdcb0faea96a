//! The printers: made from the configuration, asked for tests, shown to people, and what people say of their jobs.

use crate::config::{Config, PrinterProfile, PrinterSettings, Profiles, Templates};
use crate::domain::event::Event;
use crate::domain::ids::{OperatorId, PrinterId};
use crate::domain::printing::{
    JobState, PrintJob, Printable, PrinterRules, Request, Resolution, SELF_TEST_TEMPLATES, Unresolved, request, resolve,
};
use crate::ledger::Cause;
use crate::print::{Place, Printer};
use crate::web::backend::{Caller, PrinterView, Unavailable};

use super::Core;

/// The printers of a configuration that was checked; what is wrong in it all the same is left out.
pub(super) fn printers(config: &Config) -> Vec<Printer> {
    if config.printer.is_empty() {
        return Vec::new();
    }
    let (profiles, wrong) = Profiles::with_folder(config.templates.as_deref());
    for (name, problem) in wrong {
        tracing::error!(profile = name, %problem, "A printer profile can't be used.");
    }
    let (templates, _) = Templates::with_folder(config.templates.as_deref());
    let made = |settings: &PrinterSettings| {
        let kind = settings.profile.clone()?;
        let profile = profiles.get(&kind)?.clone();
        let place = match settings {
            PrinterSettings { address: Some(address), .. } => Place::Network(address.clone()),
            PrinterSettings { path: Some(path), .. } => Place::Node(path.clone()),
            PrinterSettings { folder: Some(folder), .. } => Place::Folder(folder.clone()),
            _ => Place::Ipp(settings.uri().ok()?),
        };
        let fallback = settings.fallback.as_deref().and_then(|name| PrinterId::new(name).ok());
        let templates = settings.templates(&profile, &templates);
        let (id, paper_mm) = (PrinterId::new(&settings.name).ok()?, settings.paper_mm);
        Some(Printer { id, place, kind, profile, fallback, templates, paper_mm })
    };
    config.printer.iter().filter_map(made).collect()
}

/// The same printers as routing sees them.
pub(super) fn rules(printers: &[Printer], config: &Config) -> Vec<PrinterRules> {
    let is_listed = |printer: &Printer| {
        let settings = config.printer.iter().find(|settings| settings.name == printer.id.as_str());
        settings.is_some_and(|settings| !settings.templates.is_empty())
    };
    let rules = |printer: &Printer| PrinterRules {
        id: printer.id.clone(),
        takes: printer.templates.clone(),
        is_listed: is_listed(printer),
        speaks: printer.profile.language.as_str().to_owned(),
    };
    printers.iter().map(rules).collect()
}

/// The widest self-test that fits a printer's paper; the narrowest where none does.
fn self_test_for(templates: &Templates, profile: &PrinterProfile) -> &'static str {
    let fits = |name: &&str| templates.get(name).is_some_and(|file| profile.fits(file.template.size[0]));
    let [.., narrowest] = SELF_TEST_TEMPLATES;
    SELF_TEST_TEMPLATES.into_iter().find(fits).unwrap_or(narrowest)
}

impl Core {
    /// How the printers are.
    pub(super) async fn printer_views(&self) -> Result<Vec<PrinterView>, Unavailable> {
        let board = &self.parts.board;
        if board.printers().is_empty() {
            return Ok(Vec::new());
        }
        let queues = self.read(crate::ledger::Reader::print_queues).await?;
        let view = |printer: &Printer| {
            let state = board.state(&printer.id);
            let queue = queues.iter().find(|(name, _)| name == printer.id.as_str()).map_or(0, |(_, count)| *count);
            PrinterView {
                name: printer.id.to_string(),
                profile: printer.kind.clone(),
                language: printer.profile.language.as_str(),
                dpi: printer.profile.dpi,
                place: printer.place.to_string(),
                condition: state.condition,
                job: state.job,
                queue,
                sent: state.sent,
                last_error: state.error,
                fallback: printer.fallback.as_ref().map(ToString::to_string),
                templates: printer.templates.clone(),
            }
        };
        Ok(board.printers().iter().map(view).collect())
    }

    /// The self-test that a printer's paper is wide enough for. Templates are read where labels are made: the first time
    /// takes long.
    async fn self_test_template(&self, printer: &Printer) -> String {
        let (core, profile) = (self.clone(), printer.profile.clone());
        let chosen = self.parts.press.at_bench(move || {
            let press = core.parts.press.press()?;
            Ok::<_, String>(self_test_for(press.templates(), &profile))
        });
        // where no label can be made at all, the job says why
        chosen.await.and_then(|chosen| chosen).unwrap_or(SELF_TEST_TEMPLATES[0]).to_owned()
    }

    /// Prints a printer's self-test.
    pub(super) async fn self_test(&self, caller: Caller, name: String) -> Result<Option<u32>, Unavailable> {
        let Some(printer) = self.parts.board.printers().iter().find(|printer| printer.id.as_str() == name) else {
            return Ok(None);
        };
        let wanted = Request {
            what: Printable::SelfTest { printer: printer.id.clone() },
            template: self.self_test_template(printer).await,
            station: None,
            order: None,
            reason: None,
            by: None,
        };
        let (now, site) = (self.parts.clock.now(), self.parts.site.clone());
        let asked = self.parts.writer.submit(move |transaction| {
            let view = transaction.view();
            // pressed twice, or while the printer is off: it comes out once
            let known = view.prints_of(&wanted.what).into_iter().rev().take(LAST_TESTS);
            let known = known.filter_map(|id| view.print_job(id.as_str()));
            let mut waiting = known.filter(|job| matches!(job.state, JobState::Queued | JobState::Sending));
            if let Some(job) = waiting.next() {
                return Some(job.number);
            }
            let events = request(view, &site, wanted, now.at, 0);
            let Some(Event::PrintRequested { job }) = events.first() else { return None };
            let number = job.number;
            let cause = Cause::Upstream { call: caller.call.to_owned(), peer: Some(caller.peer) };
            transaction.append(now.at, cause, None, events);
            Some(number)
        });
        let number = asked.await?;
        self.announce_everywhere();
        Ok(number)
    }

    /// Takes a person's word about a job.
    pub(super) async fn settle_print(
        &self,
        caller: Caller,
        number: u32,
        how: Resolution,
        by: Option<OperatorId>,
    ) -> Result<Result<PrintJob, Unresolved>, Unavailable> {
        let (now, site) = (self.parts.clock.now(), self.parts.site.clone());
        let settled = self.parts.writer.submit(move |transaction| {
            let (id, event) = resolve(transaction.view(), &site, number, how, by, now.at)?;
            let cause = Cause::Upstream { call: caller.call.to_owned(), peer: Some(caller.peer) };
            transaction.append(now.at, cause, None, vec![event]);
            let job = transaction.view().print_job(id.as_str());
            job.map(|job| (*job).clone()).ok_or(Unresolved::NoJob(number))
        });
        let settled = settled.await?;
        self.announce_everywhere();
        Ok(settled)
    }
}

/// The last self-tests of a printer among which one that waits is looked for.
const LAST_TESTS: usize = 10;

type Sample = fn(&PrinterView) -> u64;

/// The printers in Prometheus' text format.
pub(super) fn printer_exposition(printers: &[PrinterView]) -> String {
    let samples: [(&str, &str, &str, Sample); 3] = [
        ("waybind_printer_queue", "gauge", "Jobs that wait for a printer.", |printer| printer.queue),
        ("waybind_printer_ready", "gauge", "Whether nothing keeps a printer from printing.", |printer| {
            u64::from(!printer.condition.blocks())
        }),
        ("waybind_printer_jobs_total", "counter", "Jobs that a printer took.", |printer| printer.sent),
    ];
    let mut text = String::new();
    for (name, kind, help, value) in samples.iter().filter(|_| !printers.is_empty()) {
        text.push_str(&format!("# HELP {name} {help}\n# TYPE {name} {kind}\n"));
        for printer in printers {
            text.push_str(&format!("{name}{{printer={:?}}} {}\n", printer.name, value(printer)));
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_self_test_is_no_wider_than_the_paper() {
        let (templates, _) = Templates::with_folder(None);
        let (profiles, _) = Profiles::with_folder(None);
        let on = |width_mm| {
            let profile = PrinterProfile { width_mm, ..(**profiles.get("zpl-203").expect("shipped")).clone() };
            self_test_for(&templates, &profile)
        };
        assert_eq!([on(104.0), on(100.0), on(99.0)], ["printer-selftest"; 3]);
        assert_eq!([on(80.0), on(76.0), on(58.0)], ["printer-selftest-76x130"; 3]);
    }
}
