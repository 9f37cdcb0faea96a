//! Ladders of escalation: started with the service; who takes an alert is a fact.

use tokio::runtime::Handle;
use tokio::task::JoinSet;

use super::Core;
use crate::config::Config;
use crate::domain::event::Event;
use crate::ledger::Cause;
use crate::upstream::{Alerts, Ladder, OpenError};
use crate::web::backend::{AlertView, Caller, Unavailable};

impl Core {
    /// Opens the ladders and starts each on a thread of its own.
    pub(super) async fn start_ladders(&self, config: &Config, tasks: &mut JoinSet<()>) -> Result<(), OpenError> {
        let by = self.parts.writer.box_id().clone();
        let mut opened = Vec::new();
        for settings in &config.escalation {
            let (targets, data) = (&config.target, &config.data);
            let ladder = Ladder::open(settings, targets, data, &by, config.language, self.clone()).await?;
            opened.push(ladder.alerts());
            let outlets = self.outlets().to_vec();
            tasks.spawn_blocking(move || Handle::current().block_on(ladder.run(outlets)));
        }
        if self.parts.alerts.set(opened).is_err() {
            tracing::error!("The ladders were started twice.");
        }
        Ok(())
    }

    fn ladders(&self) -> &[Alerts] {
        self.parts.alerts.get().map_or(&[], Vec::as_slice)
    }

    /// The open alerts; one that is on several ladders stands once for each.
    pub(super) fn alert_views(&self) -> Vec<AlertView> {
        let of = |alerts: &Alerts| {
            let ladder = alerts.ladder.to_string();
            let view = move |alert: crate::upstream::Alert| AlertView {
                id: alert.id,
                ladder: ladder.clone(),
                kind: alert.kind,
                order: alert.order,
                station: alert.station,
                text: alert.text,
                since: alert.since,
                told: alert.told,
                next: self.parts.clock.written(alert.next),
            };
            alerts.open().into_iter().map(view).collect::<Vec<_>>()
        };
        self.ladders().iter().flat_map(of).collect()
    }

    /// Whether an alert of a kind about something is open.
    pub(super) fn alerts_about(&self, kind: &str, about: &str) -> bool {
        let is_it = |alert: crate::upstream::Alert| alert.kind == kind && alert.about.as_deref() == Some(about);
        self.ladders().iter().any(|ladder| ladder.open().into_iter().any(is_it))
    }

    /// Alerts that were not escalated because too many were open.
    pub(super) fn alerts_missed(&self) -> u64 {
        self.ladders().iter().map(Alerts::missed).sum()
    }

    /// Records who takes an alert; false if none with this id is open.
    pub(super) async fn take_open_alert(&self, caller: Caller, id: String, by: String) -> Result<bool, Unavailable> {
        if !self.ladders().iter().any(|alerts| alerts.open().iter().any(|alert| alert.id == id)) {
            return Ok(false);
        }
        let now = self.parts.clock.now();
        let cause = Cause::Upstream { call: caller.call.to_owned(), peer: Some(caller.peer) };
        let written = self.parts.writer.submit(move |transaction| {
            transaction.append(now.at, cause, None, vec![Event::AlertTaken { alert: id, by }]);
        });
        written.await?;
        self.feed_moved();
        Ok(true)
    }
}
