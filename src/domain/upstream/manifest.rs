//! Manifests as upstream describes them.

use super::{ManifestSpec, Outcome, Refusal};
use crate::domain::event::Event;
use crate::domain::ids::{OrderId, WaybillNo};
use crate::domain::manifest::{Expects, Manifest, ManifestState};
use crate::domain::view::{Numbered, View};

/// Judges a manifest. It may change until it is closed, but not so that something loaded on it is no longer its own.
pub(super) fn manifest(view: &dyn View, spec: ManifestSpec) -> Result<Outcome, Refusal> {
    let known = view.manifest(spec.id.as_str());
    if known.as_ref().is_some_and(|known| super::intake::is_old(known.version, spec.version)) {
        return Ok(Outcome::Unchanged);
    }
    let ManifestSpec { id, version, carrier, departure, expects } = spec;
    let mut manifest = Manifest {
        number: known.as_ref().map_or_else(|| view.next_number(Numbered::Manifest), |known| known.number),
        id,
        version,
        carrier,
        departure,
        expects: distinct(expects),
        state: ManifestState::Waiting,
        foreign: Vec::new(),
    };
    if let Some(known) = &known {
        manifest.version = manifest.version.or(known.version);
        manifest.state.clone_from(&known.state);
        manifest.foreign.clone_from(&known.foreign);
        if **known == manifest {
            return Ok(Outcome::Unchanged);
        }
        super::intake::check_version(&known.id, known.version, version)?;
        if known.state == ManifestState::Closed {
            return Err(Refusal::ManifestClosed(known.id.clone()));
        }
    }
    check(view, &manifest, known.as_deref().filter(|known| known.carrier == manifest.carrier))?;
    for waybill in view.waybills_on(&manifest.id).iter().filter_map(|number| view.waybill(number.as_str())) {
        if !manifest.takes(view, &waybill) {
            return Err(Refusal::Loaded(waybill.number.clone()));
        }
    }
    let event = vec![Event::ManifestPut { manifest: Box::new(manifest) }];
    Ok(if known.is_some() { Outcome::Updated(event) } else { Outcome::Created(event) })
}

/// Each name once.
fn distinct(expects: Expects) -> Expects {
    fn once<T: Ord + Clone>(mut names: Vec<T>) -> Vec<T> {
        let mut seen = std::collections::BTreeSet::new();
        names.retain(|name| seen.insert(name.clone()));
        names
    }
    match expects {
        Expects::Everything => Expects::Everything,
        Expects::Listed { orders, waybills } => Expects::Listed { orders: once(orders), waybills: once(waybills) },
    }
}

/// What is newly named must be there, be the carrier's, and hold. What was named before may have changed since.
fn check(view: &dyn View, manifest: &Manifest, known: Option<&Manifest>) -> Result<(), Refusal> {
    let Expects::Listed { orders, waybills } = &manifest.expects else { return Ok(()) };
    if orders.is_empty() && waybills.is_empty() {
        return Err(Refusal::NothingListed);
    }
    let (old_orders, old_waybills): (&[OrderId], &[WaybillNo]) = match known.map(|known| &known.expects) {
        Some(Expects::Listed { orders, waybills }) => (orders, waybills),
        _ => (&[], &[]),
    };
    let old_orders: std::collections::BTreeSet<&OrderId> = old_orders.iter().collect();
    let old_waybills: std::collections::BTreeSet<&WaybillNo> = old_waybills.iter().collect();
    let other = |what: String, theirs| Refusal::OtherCarrier { what, theirs, wanted: manifest.carrier.clone() };
    for id in orders.iter().filter(|id| !old_orders.contains(id)) {
        let order = view.order(id.as_str()).ok_or_else(|| Refusal::UnknownOrder(id.clone()))?;
        if order.cancelled {
            return Err(Refusal::Cancelled(id.clone()));
        }
        if order.spec.carrier != manifest.carrier {
            return Err(other(format!("order {id}"), order.spec.carrier.clone()));
        }
    }
    for number in waybills.iter().filter(|number| !old_waybills.contains(number)) {
        let waybill = view.waybill(number.as_str()).ok_or_else(|| Refusal::UnknownWaybill(number.clone()))?;
        if waybill.void.is_some() {
            return Err(Refusal::Void(number.clone()));
        }
        if waybill.carrier != manifest.carrier {
            return Err(other(format!("waybill {number}"), waybill.carrier.clone()));
        }
    }
    Ok(())
}
