//! A change of address: within a window after the payment it holds the order, voids its numbers and asks for new ones,
//! until a supervisor has confirmed it. Afterwards it is refused.

use jiff::ToSpan;

use super::{Outcome, Refusal, Terms};
use crate::domain::event::Event;
use crate::domain::ids::{OrderId, WaybillNo};
use crate::domain::order::{Consignee, Hold, HoldReason, Order};
use crate::domain::view::View;
use crate::domain::work::{Role, VoidReason};

/// What a new consignee of a known order brings about; nothing where it is the one already known.
pub(super) fn readdress(view: &dyn View, terms: &Terms, order: &Order, new: Consignee) -> Result<Vec<Event>, Refusal> {
    if new == order.spec.consignee {
        return Ok(Vec::new());
    }
    let voided = void(view, order, &new)?;
    let mut events = Vec::new();
    if !new.reads_like(&order.spec.consignee) && !order.cancelled {
        in_time(terms, order)?;
        let hold = Hold::by_rule(HoldReason::AddressChange, None);
        if !order.holds.contains(&hold) {
            events.push(Event::OrderHeld { order: order.id().clone(), hold });
        }
    }
    let waybills = voided.iter().filter_map(|number| view.waybill(number.as_str()));
    events.extend(waybills.map(|waybill| waybill.voided(VoidReason::Readdressed)));
    events.extend(wanted(view, &voided));
    let (order, elsewhere) = (order.id().clone(), !new.is_at(&order.spec.consignee));
    events.push(Event::OrderReaddressed { order, consignee: Box::new(new), elsewhere });
    Ok(events)
}

/// One correction may follow another while nobody has confirmed the first.
fn in_time(terms: &Terms, order: &Order) -> Result<(), Refusal> {
    let Some(paid_at) = order.spec.paid_at.filter(|_| !order.awaits_address()) else { return Ok(()) };
    let until = paid_at.checked_add(i64::from(terms.address_window_minutes).minutes()).unwrap_or(paid_at);
    if terms.at > until {
        return Err(Refusal::AddressTooLate { order: order.id().clone(), until });
    }
    Ok(())
}

/// The waybills of an order that can't cover its new consignee: those issued for another address, and those that would
/// come to cover two consignees.
fn void(view: &dyn View, order: &Order, new: &Consignee) -> Result<Vec<WaybillNo>, Refusal> {
    let same = new.reads_like(&order.spec.consignee);
    let mut voided = Vec::new();
    let valid = order.waybills.iter().filter_map(|number| view.waybill(number.as_str()));
    for waybill in valid.filter(|waybill| waybill.void.is_none()) {
        let mut others = waybill.orders.iter().filter(|id| *id != order.id()).filter_map(|id| view.order(id.as_str()));
        if same && others.all(|other| new.same_as(&other.spec.consignee)) {
            continue;
        }
        if waybill.loaded {
            return Err(Refusal::Loaded(waybill.number.clone()));
        }
        voided.push(waybill.number.clone());
    }
    Ok(voided)
}

/// Asks for new numbers, for every order that is left without one.
fn wanted(view: &dyn View, voided: &[WaybillNo]) -> Vec<Event> {
    let mut orders: Vec<OrderId> = Vec::new();
    for waybill in voided.iter().filter_map(|number| view.waybill(number.as_str())) {
        orders.extend(waybill.orders.iter().cloned());
    }
    orders.sort_unstable();
    orders.dedup();
    let still_has_one = |order: &Order| {
        let holds = |number: &&WaybillNo| view.waybill(number.as_str()).is_some_and(|known| known.void.is_none());
        order.waybills.iter().filter(|number| !voided.contains(number)).any(|number| holds(&number))
    };
    let without = orders
        .into_iter()
        .filter(|id| view.order(id.as_str()).is_some_and(|order| !order.cancelled && !still_has_one(&order)));
    without.map(|order| Event::WaybillWanted { order, instead_of: voided.to_vec() }).collect()
}

/// Judges a supervisor's word that the new address is right.
pub(super) fn confirm_address(view: &dyn View, order: &Order, badge: &str) -> Result<Outcome, Refusal> {
    if !order.awaits_address() {
        return Err(Refusal::NothingToConfirm(order.id().clone()));
    }
    let person = view.operator_by_badge(badge).filter(|person| person.active && person.role >= Role::Supervisor);
    let person = person.ok_or(Refusal::NoSupervisor)?;
    Ok(Outcome::Updated(vec![Event::AddressConfirmed { order: order.id().clone(), by: person.id.clone() }]))
}
