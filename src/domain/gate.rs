//! The gate: when an order is complete, what is still missing, and what seals and binds by itself.

use std::sync::Arc;

use super::event::Event;
use super::ids::{OrderId, WaybillNo};
use super::order::{Order, OrderLine, ShipPolicy, Stage};
use super::verdict::{Code, Missing, MissingWhy};
use super::view::View;
use super::work::{Parcel, ParcelState, Waybill};

/// What keeps an order from leaving; empty if it is complete.
#[must_use]
pub fn missing(view: &dyn View, order: &Order) -> Vec<Missing> {
    let mut missing: Vec<Missing> = order.lines.iter().filter_map(|line| missing_line(order.id(), line)).collect();
    let parcels: Vec<Arc<Parcel>> = order.parcels.iter().filter_map(|id| view.parcel(id.as_str())).collect();
    let whole = |why| Missing { order: order.id().clone(), line: None, quantity: None, why };
    if parcels.iter().any(|parcel| parcel.state == ParcelState::Open && !parcel.contents.is_empty()) {
        missing.push(whole(MissingWhy::NotSealed));
    }
    let boxes = || parcels.iter().filter(|parcel| !parcel.contents.is_empty());
    if boxes().next().is_none() || boxes().any(|parcel| parcel.waybill.is_none()) {
        missing.push(whole(MissingWhy::NotBound));
    }
    missing
}

fn missing_line(order: &OrderId, line: &OrderLine) -> Option<Missing> {
    let entry = |quantity, why| {
        Some(Missing { order: order.clone(), line: Some(line.spec.line), quantity: Some(quantity), why })
    };
    if line.has_put_back() {
        let units = (0..line.parts.len()).map(|part| line.to_put_back(part)).sum();
        return entry(units, MissingWhy::ToPutBack);
    }
    if let Some(short) = line.short {
        return entry(short.quantity, MissingWhy::ShortUndecided);
    }
    if line.is_satisfied() {
        return None;
    }
    let open = line.demanded().saturating_sub(line.packed());
    let why = if line.is_picked() { MissingWhy::NotPacked } else { MissingWhy::NotPicked };
    entry(open, why)
}

/// The order that stops a waybill at the dock, and under which code; cancelled comes before held.
#[must_use]
pub fn stopped(view: &dyn View, waybill: &Waybill) -> Option<(Code, OrderId)> {
    let orders = waybill.orders.iter().filter_map(|id| view.order(id.as_str()));
    let stopped = orders.filter_map(|order| {
        let code = match (order.cancelled, order.holds.is_empty()) {
            (true, _) => Code::OrderCancelled,
            (false, false) => Code::OrderHeld,
            (false, true) => return None,
        };
        Some((code, order.id().clone()))
    });
    stopped.min_by_key(|(code, _)| *code)
}

/// What keeps a waybill from leaving; empty if every order on it may go. An order that may be split asks only for
/// the parcels under this waybill.
#[must_use]
pub fn missing_on(view: &dyn View, waybill: &Waybill) -> Vec<Missing> {
    let mut all = Vec::new();
    for order in waybill.orders.iter().filter_map(|id| view.order(id.as_str())) {
        let own: Vec<Arc<Parcel>> = waybill
            .parcels
            .iter()
            .filter_map(|id| view.parcel(id.as_str()))
            .filter(|parcel| parcel.order == *order.id())
            .collect();
        let whole = |why| Missing { order: order.id().clone(), line: None, quantity: None, why };
        let sealed = own.iter().all(|parcel| parcel.state != ParcelState::Open);
        match order.spec.ship_policy {
            ShipPolicy::Complete => all.extend(missing(view, &order)),
            ShipPolicy::MaySplit => {
                let put_back = order.lines.iter().filter_map(|line| missing_line(order.id(), line));
                all.extend(put_back.filter(|missing| missing.why == MissingWhy::ToPutBack));
                if !sealed {
                    all.push(whole(MissingWhy::NotSealed));
                }
            }
        }
        if own.is_empty() && all.last().is_none_or(|last| last.order != *order.id()) {
            all.push(whole(MissingWhy::NoParcel));
        }
    }
    all
}

/// Seals an order's open parcel if everything is packed, nothing waits to be decided, put back or confirmed.
#[must_use]
pub fn seal_if_packed(view: &dyn View, order: &Order, parcel: &Parcel) -> Vec<Event> {
    let decided = order.lines.iter().all(|line| line.short.is_none());
    if !order.is_packed() || !decided || order.has_put_back() || order.awaits_confirmation() {
        return Vec::new();
    }
    seal(view, order, parcel)
}

/// Seals a parcel; the stage `packed` and an assigned waybill follow by themselves.
#[must_use]
pub fn seal(view: &dyn View, order: &Order, parcel: &Parcel) -> Vec<Event> {
    let (id, station) = (parcel.id.clone(), parcel.station.clone());
    let mut events = vec![Event::ParcelSealed { parcel: id.clone(), order: order.id().clone(), station }];
    let others_sealed = order.parcels.iter().filter(|other| **other != id).all(|other| {
        view.parcel(other.as_str()).is_none_or(|other| other.state != ParcelState::Open || other.contents.is_empty())
    });
    let packed = order.lines.iter().all(OrderLine::is_satisfied) && others_sealed;
    if packed && order.stage < Stage::Packed {
        events.push(Event::StageReached { order: order.id().clone(), stage: Stage::Packed });
    }
    if parcel.bind_assigned
        && parcel.waybill.is_none()
        && let Some(waybill) = assigned_waybill(view, order)
    {
        events.extend(bind(view, order, parcel, &waybill, packed));
    }
    events
}

/// The stages that an order reaches without a scan, as what was still open is no longer wanted.
#[must_use]
pub fn stages(view: &dyn View, order: &Order) -> Vec<Event> {
    let boxes: Vec<Arc<Parcel>> = order
        .parcels
        .iter()
        .filter_map(|id| view.parcel(id.as_str()))
        .filter(|parcel| !parcel.contents.is_empty())
        .collect();
    let packed = !order.cancelled && order.lines.iter().all(OrderLine::is_satisfied);
    if !packed || boxes.is_empty() || boxes.iter().any(|parcel| parcel.state == ParcelState::Open) {
        return Vec::new();
    }
    let bound = boxes.iter().all(|parcel| parcel.waybill.is_some());
    let reached = [(true, Stage::Packed), (bound, Stage::WaybillReported)];
    let new = reached.into_iter().filter(|(is_so, stage)| *is_so && order.stage < *stage);
    new.map(|(_, stage)| Event::StageReached { order: order.id().clone(), stage }).collect()
}

/// The one valid waybill that upstream assigned to an order; several are no assignment.
#[must_use]
pub fn assigned_waybill(view: &dyn View, order: &Order) -> Option<WaybillNo> {
    let mut valid = order.waybills.iter().filter(|number| {
        view.waybill(number.as_str()).is_some_and(|waybill| waybill.void.is_none() && !waybill.loaded)
    });
    valid.next().filter(|_| valid.next().is_none()).cloned()
}

/// Binds a parcel; with its last one bound, the order's numbers can be reported. `packed`: every line is in a box.
#[must_use]
pub fn bind(view: &dyn View, order: &Order, parcel: &Parcel, waybill: &WaybillNo, packed: bool) -> Vec<Event> {
    let mut events =
        vec![Event::WaybillBound { parcel: parcel.id.clone(), order: order.id().clone(), waybill: waybill.clone() }];
    let others_bound = order.parcels.iter().filter(|other| **other != parcel.id).all(|other| {
        view.parcel(other.as_str()).is_none_or(|other| other.waybill.is_some() || other.contents.is_empty())
    });
    if packed && others_bound && order.stage < Stage::WaybillReported {
        events.push(Event::StageReached { order: order.id().clone(), stage: Stage::WaybillReported });
    }
    events
}
