//! Binding: the waybill that is stuck on a sealed box is scanned.

use std::sync::Arc;

use super::Desk;
use super::draft::Draft;
use crate::barcode::carrier::{self, Shape};
use crate::domain::courier;
use crate::domain::event::Event;
use crate::domain::gate;
use crate::domain::ids::{OrderId, ParcelId, WaybillNo};
use crate::domain::order::{Order, Stage};
use crate::domain::rules::Step;
use crate::domain::station::{Mode, UNBOUND_MAX};
use crate::domain::upstream::Outcome;
use crate::domain::verdict::{Code, Facts};
use crate::domain::work::{Parcel, ParcelState, Waybill};

impl Desk<'_> {
    /// Binds this station's oldest sealed, unbound parcel whose order is on the waybill.
    pub(super) fn bind(&self, number: &WaybillNo) -> Draft {
        let got = Facts { waybill: Some(number.clone()), ..Facts::default() };
        let Some(waybill) = self.view.waybill(number.as_str()) else {
            return Draft::new(Code::UnknownCode).got(got);
        };
        let Some(parcel) = self.unbound_under(&waybill) else {
            return Draft::new(Code::WrongWaybill).got(got).expected(self.wanted_waybill());
        };
        let Some(order) = self.view.order(parcel.order.as_str()) else {
            return Draft::new(Code::UnknownCode).got(got);
        };
        let draft = Draft::new(Code::WaybillBound).order(order.id()).got(got);
        let draft = match self.may_be_labelled(draft, &order, &waybill.orders) {
            Ok(draft) => draft,
            Err(refused) => return *refused,
        };
        if waybill.void.is_some() {
            return draft.with_code(Code::WaybillVoid).expected(replacement(&waybill));
        }
        if waybill.loaded {
            return draft.with_code(Code::WaybillAlreadyLoaded);
        }
        let draft = draft.events(gate::bind(self.view, &order, std::slice::from_ref(&*parcel), number));
        self.tell_bag(draft, &order, &parcel)
    }

    /// The order on a waybill whose box is full here and waits only for its note to be confirmed.
    pub(super) fn unconfirmed_on(&self, number: &WaybillNo) -> Option<Arc<Order>> {
        let waybill = self.view.waybill(number.as_str())?;
        let open = self.station.work.as_ref().map(|work| self.orders_of(work)).unwrap_or_default();
        let waits = |order: &Arc<Order>| {
            waybill.orders.contains(order.id()) && order.is_packed() && order.awaits_confirmation()
        };
        open.into_iter().find(|order| waits(order) && self.open_box(order).is_some())
    }

    /// A number that nobody knows, scanned or typed where the oldest sealed parcel waits for one that no channel gave:
    /// it is entered for that parcel's order, and bound.
    pub(super) fn number_by_hand(&self, text: &str) -> Option<Draft> {
        if !matches!(self.rules.mode, Mode::Pack | Mode::Bench) {
            return None;
        }
        let parcel = self.station.unbound.iter().find_map(|id| self.view.parcel(id.as_str()))?;
        let order = self.view.order(parcel.order.as_str()).filter(|order| order.numbering.pending.is_some())?;
        let by = self.operator.as_ref().map_or(self.rules.id.as_str(), |operator| operator.id.as_str());
        // at a desk a person looks; a scan is taken only for what looks like a number of this very carrier
        let Shape::Fits(_) = carrier::shape_of(text, order.spec.carrier.as_str()) else { return None };
        let Ok(Outcome::Updated(mut events)) = courier::enter(self.view, &order, text, by, false) else { return None };
        let number = events.iter().find_map(|event| match event {
            Event::NumberEntered { waybill, .. } => Some(waybill.clone()),
            _ => None,
        })?;
        let got = Facts { waybill: Some(number.clone()), ..Facts::default() };
        let draft = Draft::new(Code::WaybillBound).order(order.id()).got(got);
        let draft = match self.may_be_labelled(draft, &order, std::slice::from_ref(order.id())) {
            Ok(draft) => draft,
            Err(refused) => return Some(*refused),
        };
        let bound = |event: &Event| matches!(event, Event::WaybillBound { parcel: bound, .. } if *bound == parcel.id);
        if !events.iter().any(bound) {
            events.extend(gate::bind(self.view, &order, std::slice::from_ref(&*parcel), &number));
        }
        Some(draft.events(events))
    }

    /// The parcel that a waybill is stuck on: the oldest one that waits here and may travel under it. One that waited here
    /// so long that the station no longer remembers it is found by its order.
    fn unbound_under(&self, waybill: &Waybill) -> Option<Arc<Parcel>> {
        let remembered = self.station.unbound.iter().filter_map(|id| self.view.parcel(id.as_str()));
        if let Some(parcel) = remembered.into_iter().find(|parcel| waybill.orders.contains(&parcel.order)) {
            return Some(parcel);
        }
        if self.station.unbound.len() < UNBOUND_MAX {
            return None;
        }
        let waits = |parcel: &Arc<Parcel>| {
            parcel.state == ParcelState::Sealed && parcel.waybill.is_none() && parcel.station == self.rules.id
        };
        let orders = waybill.orders.iter().filter_map(|id| self.view.order(id.as_str()));
        let mut parcels = orders.flat_map(|order| order.parcels.clone()).filter_map(|id| self.view.parcel(id.as_str()));
        parcels.find(waits)
    }

    /// Whether a box of an order may get its waybill now; else the refusal.
    fn may_be_labelled(&self, draft: Draft, order: &Order, orders: &[OrderId]) -> Result<Draft, Box<Draft>> {
        if let Some(code) = self.objection_at(order, &[Step::Label]) {
            return Err(Box::new(draft.with_code(code)));
        }
        match self.recalled_on(orders, Step::Label) {
            Some((order, recalled)) => Err(Box::new(draft.with_code(Code::Recalled).recalled(&order, &recalled))),
            None => Ok(draft),
        }
    }

    /// A box takes its waybill by itself only where the scan of it would be taken, too: else it waits for that scan.
    pub(super) fn keep_unlabelled(&self, events: &mut Vec<Event>) {
        let bound = events.iter().find_map(|event| match event {
            Event::WaybillBound { order, .. } => self.view.order(order.as_str()),
            _ => None,
        });
        let Some(order) = bound else { return };
        let draft = Draft::new(Code::WaybillBound);
        if self.may_be_labelled(draft, &order, std::slice::from_ref(order.id())).is_err() {
            let reported = |event: &Event| matches!(event, Event::StageReached { stage: Stage::WaybillReported, .. });
            events.retain(|event| !matches!(event, Event::WaybillBound { .. }) && !reported(event));
        }
    }

    /// Whether what is sealed has its waybill already: from before it was opened again, or by itself.
    pub(super) fn all_labelled(&self, events: &[Event]) -> bool {
        let bound_now = |id: &ParcelId| {
            events.iter().any(|event| matches!(event, Event::WaybillBound { parcel, .. } if parcel == id))
        };
        let bound_before = |id: &ParcelId| self.view.parcel(id.as_str()).is_some_and(|parcel| parcel.waybill.is_some());
        let mut sealed = events.iter().filter_map(|event| match event {
            Event::ParcelSealed { parcel, .. } => Some(parcel),
            _ => None,
        });
        sealed.clone().next().is_some() && sealed.all(|parcel| bound_now(parcel) || bound_before(parcel))
    }

    /// The waybills that the oldest waiting parcel could take.
    fn wanted_waybill(&self) -> Facts {
        let oldest = self.station.unbound.iter().find_map(|id| self.view.parcel(id.as_str()));
        let order = oldest.and_then(|parcel| self.view.order(parcel.order.as_str()));
        let waybill = order.as_ref().and_then(|order| gate::assigned_waybill(self.view, order));
        Facts { waybill, text: order.map(|order| order.id().to_string()), ..Facts::default() }
    }
}

/// The number that holds instead of a void one.
pub(super) fn replacement(waybill: &Waybill) -> Facts {
    let waybill = match &waybill.void {
        Some(crate::domain::work::VoidReason::ReplacedBy(number)) => Some(number.clone()),
        _ => None,
    };
    Facts { waybill, ..Facts::default() }
}
