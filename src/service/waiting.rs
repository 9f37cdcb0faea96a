//! Printers that can't print while jobs wait for them: after a while people are told, and told again when they print.

use std::time::Duration;

use tokio::time::MissedTickBehavior;

use super::Core;
use crate::domain::event::Event;
use crate::domain::ids::{PrinterId, StationId};
use crate::domain::printing::PrintJob;
use crate::ledger::Cause;

/// How often the printers are looked at; they are waited for by the minute.
const LOOK: Duration = Duration::from_secs(1);

/// The event of a printer that can't print.
const STOPPED: &str = "printer_stopped";

/// Looks after the printers until waybind stops. Nothing is read while they print.
pub(super) async fn look_after_printers(core: Core, patience: Duration) {
    let mut stop = core.stopped();
    let mut ticks = tokio::time::interval(LOOK);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    // those of which people were told, before a restart too
    let mut told: Vec<PrinterId> = Vec::new();
    loop {
        tokio::select! {
            _ = ticks.tick() => {}
            _ = stop.wait_for(|stop| *stop) => return,
        }
        for printer in core.parts.board.printers() {
            let id = &printer.id;
            let state = core.parts.board.state(id);
            let was_told = told.contains(id) || core.alerts_about(STOPPED, id.as_str());
            let blocked = state.blocked_since.filter(|since| since.elapsed() >= patience);
            let event = match (blocked, was_told) {
                (Some(_), false) => core.stopped_with(id, patience).await.map(|(waiting, station)| {
                    let (printer, condition) = (id.clone(), state.condition);
                    Event::PrinterStopped { printer, condition, waiting, station }
                }),
                (None, true) if state.is_seen && state.blocked_since.is_none() => {
                    Some(Event::PrinterResumed { printer: id.clone() })
                }
                _ => None,
            };
            let Some(event) = event else { continue };
            let is_over = matches!(event, Event::PrinterResumed { .. });
            if core.tell_of_printer(event).await {
                told.retain(|known| known != id);
                told.extend((!is_over).then(|| id.clone()));
            }
        }
    }
}

impl Core {
    /// How many jobs wait at a printer, and at which station the first of them is waited for; none where none waits for so
    /// long.
    async fn stopped_with(&self, printer: &PrinterId, patience: Duration) -> Option<(u64, Option<StationId>)> {
        let name = printer.to_string();
        let read = self.read(move |reader| Ok((reader.prints_waiting(&name, 1)?, reader.print_queues()?))).await;
        let (first, queues) = read.ok()?;
        let count = queues.into_iter().find(|(name, _)| name == printer.as_str()).map_or(0, |(_, count)| count);
        let now = self.parts.clock.now().at;
        // one from before the machine started has waited
        let waits = |job: &PrintJob| {
            let waited = now.boot_ms.saturating_sub(job.at.boot_ms);
            job.at.boot != now.boot || Duration::from_millis(waited) >= patience
        };
        first.into_iter().next().filter(waits).map(|job| (count, job.station))
    }

    /// Records it; whether it is durable.
    async fn tell_of_printer(&self, event: Event) -> bool {
        let now = self.parts.clock.now();
        let written = self.parts.writer.submit(move |transaction| {
            transaction.append(now.at, Cause::Local { what: "printers".into() }, None, vec![event]);
        });
        match written.await {
            Ok(()) => self.announce_everywhere(),
            Err(error) => {
                tracing::warn!(%error, "How a printer is can't be recorded; it is tried again.");
                return false;
            }
        }
        true
    }
}
