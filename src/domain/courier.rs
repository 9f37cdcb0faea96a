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
use super::work::Waybill;
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
pub fn assign(view: &dyn View, id: &OrderId, number: &WaybillNo, channel: &str) -> Outcome {
    judged(view, id, |order| {
        if let Some(holds) = holding(view, order) {
            return Ok(if holds == *number { Outcome::Unchanged } else { conflict(order, &holds, number, channel) });
        }
        let assigned = Event::NumberAssigned {
            order: id.clone(),
            waybill: number.clone(),
            channel: channel.into(),
            pooled: false,
        };
        put(view, order, number, assigned)
    })
}

/// Takes the oldest usable number of a store for an order that waits for one.
#[must_use]
pub fn take_pooled(view: &dyn View, id: &OrderId, channel: &str) -> Outcome {
    judged(view, id, |order| {
        if holding(view, order).is_some() {
            return Ok(Outcome::Unchanged);
        }
        let pool = view.pool(channel).filter(|pool| pool.carrier == order.spec.carrier);
        let unused = |number: &&WaybillNo| view.waybill(number.as_str()).is_none();
        let number = pool.as_ref().and_then(|pool| pool.free.iter().find(unused)).cloned();
        let number = number.ok_or_else(|| Refusal::PoolEmpty(channel.to_owned()))?;
        let assigned =
            Event::NumberAssigned { order: id.clone(), waybill: number.clone(), channel: channel.into(), pooled: true };
        put(view, order, &number, assigned)
    })
}

/// Judges numbers that were fetched ahead: known ones are left out, and what is too many.
#[must_use]
pub fn fill_pool(view: &dyn View, channel: &str, carrier: &CarrierCode, numbers: Vec<WaybillNo>) -> Outcome {
    let known = view.pool(channel);
    let held: &[WaybillNo] = known.as_ref().map_or(&[], |pool| &pool.free);
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
    Outcome::Updated(vec![Event::NumbersPooled { channel: channel.into(), carrier: carrier.clone(), numbers: fresh }])
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
