//! Numbers that couriers give: which order waits for one, what becomes of one that comes, is taken from a store, is
//! entered by hand, or comes too late.
//!
//! A number that holds is never overwritten. What comes after it is a conflict that people see.

use serde::{Deserialize, Serialize};

use super::clock::Moment;
use super::event::Event;
use super::ids::{CarrierCode, OrderId, WaybillNo};
use super::order::{Order, Stage};
use super::upstream::{Outcome, Refusal, WaybillSpec, waybill_put};
use super::view::View;
use super::work::{VoidReason, Waybill, sha256};
use crate::barcode::carrier;

/// Numbers that a store holds at most: a day's work of a carrier, and a document that is rewritten with each number.
pub const POOL_MAX: usize = 2_000;

/// Conflicts of one order that are kept; the first ones tell the story.
pub const CONFLICTS_MAX: usize = 10;

/// How an order's number is coming along.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Numbering {
    /// No channel gave a number: people have to.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub pending: Option<Pending>,
    /// The number that was entered by hand.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub entered: Option<WaybillNo>,
    /// Numbers that came although there was one.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub conflicts: Vec<Conflict>,
}

impl Numbering {
    /// Whether nothing is to be said about it.
    #[must_use]
    pub fn is_silent(&self) -> bool {
        *self == Numbering::default()
    }
}

/// An order that every channel failed for.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Pending {
    /// Since when.
    pub since: Moment,
    /// What each channel answered.
    pub tried: Vec<Tried>,
}

/// A channel that gave no number.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Tried {
    /// Which.
    pub channel: String,
    /// Why.
    pub why: String,
}

/// A number that came although there was one.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Conflict {
    /// The number that holds.
    pub holds: WaybillNo,
    /// The number that came.
    pub came: WaybillNo,
    /// Where from: a channel, or `upstream`.
    pub from: String,
}

/// Numbers fetched ahead from one channel.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Pool {
    /// The channel.
    pub channel: String,
    /// Whose numbers.
    pub carrier: CarrierCode,
    /// Those that are free, oldest first.
    pub free: Vec<WaybillNo>,
}

/// A number that a channel gave for an order.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Offer {
    /// The number.
    pub number: WaybillNo,
    /// The channel.
    pub channel: String,
    /// Whose number it is.
    pub carrier: CarrierCode,
    /// The order's [`purpose`] when it was asked for.
    pub purpose: String,
}

/// For whom a number is asked: eight characters that are others as soon as the carrier or the consignee is another. What
/// reads like the same consignee is the same.
#[must_use]
pub fn purpose(order: &Order) -> String {
    let consignee = order.spec.consignee.normalised();
    let said = [order.spec.carrier.as_str(), &consignee[0], &consignee[1], &consignee[2]].join("\n");
    sha256(said.as_bytes())[..8].to_owned()
}

/// The waybill that covers an order now.
#[must_use]
pub fn holding(view: &dyn View, order: &Order) -> Option<WaybillNo> {
    let valid = |number: &&WaybillNo| view.waybill(number.as_str()).is_some_and(|waybill| waybill.void.is_none());
    order.waybills.iter().find(valid).cloned()
}

/// Whether an order may wait for its number: it may be worked on, and nobody has signed for it. That numbers were reported
/// does not end it: they may be void by now.
#[must_use]
pub fn may_want_number(order: &Order) -> bool {
    order.is_active() && order.stage < Stage::Signed
}

/// Whether an order waits for its number: it may, and none holds.
#[must_use]
pub fn wants_number(view: &dyn View, order: &Order) -> bool {
    may_want_number(order) && holding(view, order).is_none()
}

/// Judges a number that a channel gave for an order.
#[must_use]
pub fn assign(view: &dyn View, id: &OrderId, offer: &Offer) -> Outcome {
    let Offer { number, channel, .. } = offer;
    judged(view, id, |order| {
        let holds = holding(view, order);
        if holds.as_ref() == Some(number) {
            return Ok(Outcome::Unchanged);
        }
        if offer.purpose != purpose(order) {
            return outdated(view, order, offer);
        }
        if let Some(holds) = holds {
            return Ok(conflict(order, &holds, number, channel));
        }
        let assigned = Event::NumberAssigned {
            order: id.clone(),
            waybill: number.clone(),
            channel: channel.clone(),
            pooled: false,
        };
        put(view, order, number, assigned)
    })
}

/// A number that was asked for before the order's consignee or carrier was changed: the parcel under it would go there. It
/// is void at once, goes back to its carrier, and another one is asked for.
fn outdated(view: &dyn View, order: &Order, offer: &Offer) -> Result<Outcome, Refusal> {
    let Offer { number, carrier, .. } = offer;
    if order.waybills.contains(number) {
        return Ok(Outcome::Unchanged);
    }
    if order.cancelled {
        return Err(Refusal::Cancelled(order.id().clone()));
    }
    if view.waybill(number.as_str()).is_some() {
        return Err(Refusal::NumberInUse(number.clone()));
    }
    let waybill = Waybill {
        number: number.clone(),
        version: None,
        carrier: carrier.clone(),
        orders: vec![order.id().clone()],
        parent: None,
        replaces: None,
        // from the beginning, so that nothing is printed or bound
        void: Some(VoidReason::Readdressed),
        loaded: false,
        loading: None,
        given_back: false,
        parcels: Vec::new(),
        label: None,
    };
    let voided = waybill.voided(VoidReason::Readdressed);
    let mut events = vec![Event::WaybillPut { waybill: Box::new(waybill) }, voided];
    if holding(view, order).is_none() {
        events.push(Event::WaybillWanted { order: order.id().clone(), instead_of: vec![number.clone()] });
    }
    Ok(Outcome::Updated(events))
}

/// Takes the oldest usable number of a store for an order that waits for one.
#[must_use]
pub fn take_pooled(view: &dyn View, id: &OrderId, channel: &str) -> Outcome {
    judged(view, id, |order| {
        if holding(view, order).is_some() {
            return Ok(Outcome::Unchanged);
        }
        let number = usable(view, channel, &order.spec.carrier, 1).into_iter().next();
        let number = number.ok_or_else(|| Refusal::PoolEmpty(channel.to_owned()))?;
        let assigned =
            Event::NumberAssigned { order: id.clone(), waybill: number.clone(), channel: channel.into(), pooled: true };
        put(view, order, &number, assigned)
    })
}

/// Up to so many numbers of a carrier that a store can still hand out, oldest first: not those that a person entered
/// meanwhile, nor another carrier's from before the configuration was changed.
#[must_use]
pub fn usable(view: &dyn View, channel: &str, carrier: &CarrierCode, limit: usize) -> Vec<WaybillNo> {
    let Some(pool) = view.pool(channel).filter(|pool| pool.carrier == *carrier) else { return Vec::new() };
    pool.free.iter().filter(|number| view.waybill(number.as_str()).is_none()).take(limit).cloned().collect()
}

/// Judges numbers that were fetched ahead: known ones are left out, and what is too many.
#[must_use]
pub fn fill_pool(view: &dyn View, channel: &str, carrier: &CarrierCode, numbers: Vec<WaybillNo>) -> Outcome {
    let known = view.pool(channel);
    let anew = known.as_ref().is_some_and(|pool| pool.carrier != *carrier);
    let held: &[WaybillNo] = known.as_ref().filter(|_| !anew).map_or(&[], |pool| &pool.free);
    let room = POOL_MAX.saturating_sub(held.len());
    let mut fresh: Vec<WaybillNo> = Vec::new();
    for number in numbers {
        let is_new = !held.contains(&number) && !fresh.contains(&number) && view.waybill(number.as_str()).is_none();
        if is_new && fresh.len() < room {
            fresh.push(number);
        }
    }
    if fresh.is_empty() {
        return Outcome::Unchanged;
    }
    let (channel, carrier) = (channel.to_owned(), carrier.clone());
    Outcome::Updated(vec![Event::NumbersPooled { channel, carrier, numbers: fresh, anew }])
}

/// Judges that no channel gave a number.
#[must_use]
pub fn give_up(view: &dyn View, id: &OrderId, tried: Vec<Tried>, at: Moment) -> Outcome {
    judged(view, id, |order| {
        if !wants_number(view, order) || order.numbering.pending.is_some() {
            return Ok(Outcome::Unchanged);
        }
        let pending = Pending { since: at, tried };
        Ok(Outcome::Updated(vec![Event::NumberPending { order: id.clone(), pending: Box::new(pending) }]))
    })
}

/// Judges a number that a person entered. `confirmed`: it is right although it looks like none of this carrier.
///
/// # Errors
/// It can't be this order's number.
pub fn enter(view: &dyn View, order: &Order, text: &str, by: &str, confirmed: bool) -> Result<Outcome, Refusal> {
    let carrier = &order.spec.carrier;
    let number = match (carrier::shape_of(text, carrier.as_str()), confirmed) {
        (carrier::Shape::Fits(number) | carrier::Shape::Unknown(number), _)
        | (carrier::Shape::Differs(number), true) => number,
        (carrier::Shape::Differs(_) | carrier::Shape::NoNumber, _) => {
            return Err(Refusal::NotItsNumber { carrier: carrier.clone(), text: text.to_owned() });
        }
    };
    let number = WaybillNo::new(&number)
        .map_err(|_| Refusal::NotItsNumber { carrier: carrier.clone(), text: text.to_owned() })?;
    match holding(view, order) {
        Some(holds) if holds == number => return Ok(Outcome::Unchanged),
        Some(holds) => return Err(Refusal::HasNumber(order.id().clone(), holds)),
        None => {}
    }
    let entered = Event::NumberEntered { order: order.id().clone(), waybill: number.clone(), by: by.to_owned() };
    put(view, order, &number, entered)
}

/// The conflict that a waybill from upstream is for an order whose number was entered by hand.
#[must_use]
pub(super) fn late(view: &dyn View, waybill: &Waybill) -> Option<Outcome> {
    waybill.orders.iter().filter_map(|id| view.order(id.as_str())).find_map(|order| {
        let entered = order.numbering.entered.as_ref()?;
        let holds = holding(view, &order).as_ref() == Some(entered);
        let other = *entered != waybill.number && waybill.replaces.as_ref() != Some(entered);
        (holds && other).then(|| conflict(&order, entered, &waybill.number, "upstream"))
    })
}

fn judged(view: &dyn View, id: &OrderId, judge: impl FnOnce(&Order) -> Result<Outcome, Refusal>) -> Outcome {
    let Some(order) = view.order(id.as_str()) else { return Outcome::Refused(Refusal::UnknownOrder(id.clone())) };
    judge(&order).unwrap_or_else(Outcome::Refused)
}

fn conflict(order: &Order, holds: &WaybillNo, came: &WaybillNo, from: &str) -> Outcome {
    let conflict = Conflict { holds: holds.clone(), came: came.clone(), from: from.into() };
    let known = &order.numbering.conflicts;
    if known.contains(&conflict) || known.len() >= CONFLICTS_MAX {
        return Outcome::Unchanged;
    }
    Outcome::Updated(vec![Event::NumberConflict { order: order.id().clone(), conflict }])
}

/// The facts of a number that an order gets; one that covers another order is refused.
fn put(view: &dyn View, order: &Order, number: &WaybillNo, first: Event) -> Result<Outcome, Refusal> {
    if view.waybill(number.as_str()).is_some() {
        return Err(Refusal::NumberInUse(number.clone()));
    }
    let waybill = WaybillSpec {
        number: number.clone(),
        version: None,
        carrier: order.spec.carrier.clone(),
        orders: vec![order.id().clone()],
        parent: None,
        replaces: None,
        label: None,
    };
    match waybill_put(view, waybill)? {
        Outcome::Created(mut events) | Outcome::Updated(mut events) => {
            events.insert(0, first);
            Ok(Outcome::Updated(events))
        }
        other => Ok(other),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::apply;
    use crate::domain::memory::Memory;

    #[test]
    fn a_store_that_serves_another_carrier_begins_anew() {
        let numbers = |all: &[&str]| all.iter().map(|text| WaybillNo::new(text).expect("a number")).collect::<Vec<_>>();
        let (zto, sf) = (CarrierCode::new("ZTO").expect("a code"), CarrierCode::new("SF").expect("a code"));
        let mut state = Memory::default();
        let mut fill = |carrier: &CarrierCode, all: &[&str]| {
            let outcome = fill_pool(&state, "store", carrier, numbers(all));
            for event in outcome.events() {
                apply(event, &mut state).expect("it folds");
            }
            let usable = |carrier| usable(&state, "store", carrier, POOL_MAX);
            (usable(&zto), usable(&sf))
        };
        assert_eq!(fill(&zto, &["1", "2"]), (numbers(&["1", "2"]), Vec::new()));
        assert_eq!(fill(&sf, &["3"]), (Vec::new(), numbers(&["3"])));
        assert_eq!(fill(&sf, &["3", "4"]), (Vec::new(), numbers(&["3", "4"])));
    }
}
