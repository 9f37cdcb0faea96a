//! The bags' timer: bags that are full of time close, and labels that can be made anew are.

use std::time::Duration;

use tokio::time::MissedTickBehavior;

use super::Core;
use crate::domain::bag;
use crate::domain::printing::follow;
use crate::ledger::Cause;

/// How often the bags are looked at: a packer who waits for a new label does not notice a second.
const LOOK: Duration = Duration::from_secs(1);

/// Looks after the bags until waybind stops. Nothing is written while nothing is due.
pub(super) async fn look_after_bags(core: Core) {
    let mut stop = core.stopped();
    let mut ticks = tokio::time::interval(LOOK);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        tokio::select! {
            _ = ticks.tick() => {}
            _ = stop.wait_for(|stop| *stop) => return,
        }
        let now = core.parts.clock.now();
        let look = core.read(move |reader| reader.look(|transaction| !bag::due(transaction.view(), now).is_empty()));
        if look.await.unwrap_or(false) {
            core.settle_bags().await;
        }
    }
}

impl Core {
    /// Records what is due now; what it was when it was looked at may have changed.
    async fn settle_bags(&self) {
        let (now, site) = (self.parts.clock.now(), self.parts.site.clone());
        let settled = self.parts.writer.submit(move |transaction| {
            let mut events = bag::due(transaction.view(), now);
            if !events.is_empty() {
                events.extend(follow(transaction.view(), &site, &events, now.at));
                transaction.append(now.at, Cause::Local { what: "bags".into() }, None, events);
            }
        });
        match settled.await {
            Ok(()) => self.announce_everywhere(),
            Err(error) => tracing::warn!(%error, "Bags that are due were not closed; it is tried again."),
        }
    }
}
