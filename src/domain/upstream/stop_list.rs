//! Stop-lists as upstream describes them.

use super::intake::{check_version, is_old};
use super::{Outcome, Refusal, StopListSpec};
use crate::domain::event::Event;
use crate::domain::rules::recall::{LOTS_MAX, StopList};
use crate::domain::view::View;

/// Judges a stop-list. The product need not be known yet: what may not leave is stopped before it comes.
pub(super) fn stop_list(view: &dyn View, spec: StopListSpec) -> Result<Outcome, Refusal> {
    let StopListSpec { id, version, sku, mut lots, reason, active } = spec;
    lots.sort_unstable();
    lots.dedup();
    if lots.len() > LOTS_MAX {
        return Err(Refusal::TooManyLots(lots.len()));
    }
    let known = view.stop_list(id.as_str());
    if known.as_ref().is_some_and(|known| is_old(known.version, version)) {
        return Ok(Outcome::Unchanged);
    }
    let said = version;
    let version = version.or(known.as_ref().and_then(|known| known.version));
    let stop = StopList { id, version, sku, lots, reason, active };
    if known.as_ref().is_some_and(|known| **known == stop) {
        return Ok(Outcome::Unchanged);
    }
    check_version(&stop.id, known.as_ref().and_then(|known| known.version), said)?;
    let event = vec![Event::StopListPut { stop: Box::new(stop) }];
    Ok(if known.is_some() { Outcome::Updated(event) } else { Outcome::Created(event) })
}
