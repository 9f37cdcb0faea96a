//! The gate: when an order is complete, what is still missing, and what seals and binds by itself.

use std::sync::Arc;

use super::bag::Bag;
use super::clock::Moment;
use super::event::Event;
use super::ids::{OrderId, ParcelId, StationId, WaybillNo};
use super::order::{Order, OrderLine, ShipPolicy, Stage};
use super::station::Work;
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

/// Whether an order is worked on at a station: by itself, by a waybill or by a pick list.
#[must_use]
pub fn is_worked_on(view: &dyn View, order: &OrderId, station: &StationId) -> bool {
    match &view.station(station).work {
        Some(Work::Order(id) | Work::PutBack(id)) => id == order,
        Some(Work::Waybill(number)) => {
            view.waybill(number.as_str()).is_some_and(|waybill| waybill.orders.contains(order))
        }
        Some(Work::List(list)) => {
            view.list(list.as_str()).is_some_and(|list| list.lines.iter().any(|line| line.order == *order))
        }
        Some(Work::Manifest(_)) | None => false,
    }
}

/// The first bag of these parcels whose label no longer holds: nothing in it leaves before it is put right.
#[must_use]
pub fn void_bag(view: &dyn View, parcels: &[ParcelId]) -> Option<Arc<Bag>> {
    let parcels = parcels.iter().filter_map(|id| view.parcel(id.as_str()));
    let mut bags = parcels.filter_map(|parcel| view.bag(parcel.bag.as_ref()?.as_str()));
    bags.find(|bag| bag.is_void())
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
            .filter(|parcel| parcel.order == *order.id() && !parcel.contents.is_empty())
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

/// An order's boxes with goods in them, as they will stand: `changed` take the place of what is on record. An empty box is
/// no parcel: its goods went back.
fn boxes(view: &dyn View, order: &Order, changed: &[Parcel]) -> Vec<Parcel> {
    let change = |id: &ParcelId| changed.iter().find(|parcel| parcel.id == *id).cloned();
    let known = order
        .parcels
        .iter()
        .filter_map(|id| change(id).or_else(|| view.parcel(id.as_str()).map(|parcel| (*parcel).clone())));
    let new = changed.iter().filter(|parcel| !order.parcels.contains(&parcel.id)).cloned();
    known.chain(new).filter(|parcel| !parcel.contents.is_empty()).collect()
}

/// The stages that an order has reached with these boxes and did not have before.
fn reached(order: &Order, boxes: &[Parcel]) -> Vec<Stage> {
    let packed = !order.cancelled && order.lines.iter().all(OrderLine::is_satisfied);
    if !packed || boxes.is_empty() || boxes.iter().any(|parcel| parcel.state == ParcelState::Open) {
        return Vec::new();
    }
    let bound = boxes.iter().all(|parcel| parcel.waybill.is_some());
    let reached = [(true, Stage::Packed), (bound, Stage::WaybillReported)];
    reached.into_iter().filter(|(is_so, stage)| *is_so && order.stage < *stage).map(|(_, stage)| stage).collect()
}

fn stage_reached(order: &Order, stage: Stage) -> Event {
    Event::StageReached { order: order.id().clone(), stage }
}

/// Seals an order's open boxes if everything is packed, nothing waits to be decided, put back or confirmed; with the
/// last box the order reaches its stage. `changed` are boxes as they stand after the scan, at the station that has them.
#[must_use]
pub fn seal_if_packed(view: &dyn View, order: &Order, changed: &[Parcel], at: Option<Moment>) -> Vec<Event> {
    let decided = order.lines.iter().all(|line| line.short.is_none());
    if !order.is_packed() || !decided || order.has_put_back() || order.awaits_confirmation() {
        return Vec::new();
    }
    let open = boxes(view, order, changed).into_iter();
    let open = open.filter(|parcel| parcel.state == ParcelState::Open && parcel.seal_auto).collect();
    seal_all(view, order, changed, open, at)
}

/// What follows when goods are taken away: boxes that waited only for that are sealed, or a stage is reached.
#[must_use]
pub fn settled(view: &dyn View, order: &Order, changed: &[Parcel], at: Option<Moment>) -> Vec<Event> {
    let sealed = seal_if_packed(view, order, changed, at);
    if sealed.is_empty() {
        return reached(order, &boxes(view, order, changed))
            .into_iter()
            .map(|stage| stage_reached(order, stage))
            .collect();
    }
    sealed
}

/// Seals a parcel, at a moment where a scan did it; the stage `packed` and an assigned waybill follow by themselves.
#[must_use]
pub fn seal(view: &dyn View, order: &Order, parcel: &Parcel, at: Option<Moment>) -> Vec<Event> {
    seal_all(view, order, &[], vec![parcel.clone()], at)
}

fn seal_all(
    view: &dyn View,
    order: &Order,
    changed: &[Parcel],
    mut sealed: Vec<Parcel>,
    at: Option<Moment>,
) -> Vec<Event> {
    let mut events = Vec::new();
    for parcel in &mut sealed {
        parcel.state = ParcelState::Sealed;
        let (id, station) = (parcel.id.clone(), parcel.station.clone());
        events.push(Event::ParcelSealed { parcel: id, order: order.id().clone(), station, at });
    }
    let after = |sealed: &[Parcel]| {
        let others = changed.iter().filter(|parcel| sealed.iter().all(|known| known.id != parcel.id));
        boxes(view, order, &others.chain(sealed).cloned().collect::<Vec<_>>())
    };
    let before_binding = reached(order, &after(&sealed));
    events.extend(before_binding.iter().map(|stage| stage_reached(order, *stage)));
    let assigned = assigned_waybill(view, order);
    let free = sealed.iter_mut().filter(|parcel| parcel.bind_assigned && parcel.waybill.is_none());
    for (parcel, waybill) in free.filter_map(|parcel| Some((parcel, assigned.clone()?))) {
        parcel.waybill = Some(waybill.clone());
        events.push(Event::WaybillBound { parcel: parcel.id.clone(), order: order.id().clone(), waybill });
    }
    let new = reached(order, &after(&sealed)).into_iter().filter(|stage| !before_binding.contains(stage));
    events.extend(new.map(|stage| stage_reached(order, stage)));
    events
}

/// The one valid waybill that upstream assigned to an order; several are no assignment.
#[must_use]
pub fn assigned_waybill(view: &dyn View, order: &Order) -> Option<WaybillNo> {
    let mut valid = order.waybills.iter().filter(|number| {
        view.waybill(number.as_str()).is_some_and(|waybill| waybill.void.is_none() && !waybill.loaded)
    });
    valid.next().filter(|_| valid.next().is_none()).cloned()
}

/// Binds parcels of an order; with its last one bound, the order's numbers can be reported.
#[must_use]
pub fn bind(view: &dyn View, order: &Order, parcels: &[Parcel], waybill: &WaybillNo) -> Vec<Event> {
    let bound = |parcel: &Parcel| Parcel { waybill: Some(waybill.clone()), ..parcel.clone() };
    let changed: Vec<Parcel> = parcels.iter().map(bound).collect();
    let fact = |parcel: &Parcel| Event::WaybillBound {
        parcel: parcel.id.clone(),
        order: order.id().clone(),
        waybill: waybill.clone(),
    };
    let stages = if parcels.is_empty() { Vec::new() } else { reached(order, &boxes(view, order, &changed)) };
    parcels.iter().map(fact).chain(stages.into_iter().map(|stage| stage_reached(order, stage))).collect()
}
