//! Binding: the waybill that is stuck on a sealed box is scanned.

use super::Desk;
use super::draft::Draft;
use crate::domain::gate;
use crate::domain::ids::WaybillNo;
use crate::domain::order::OrderLine;
use crate::domain::rules::Step;
use crate::domain::verdict::{Code, Facts};
use crate::domain::work::Waybill;

impl Desk<'_> {
    /// Binds this station's oldest sealed, unbound parcel whose order is on the waybill.
    pub(super) fn bind(&self, number: &WaybillNo) -> Draft {
        let got = Facts { waybill: Some(number.clone()), ..Facts::default() };
        let Some(waybill) = self.view.waybill(number.as_str()) else {
            return Draft::new(Code::UnknownCode).got(got);
        };
        let parcels = self.station.unbound.iter().filter_map(|id| self.view.parcel(id.as_str()));
        let Some(parcel) = parcels.into_iter().find(|parcel| waybill.orders.contains(&parcel.order)) else {
            return Draft::new(Code::WrongWaybill).got(got).expected(self.wanted_waybill());
        };
        let Some(order) = self.view.order(parcel.order.as_str()) else {
            return Draft::new(Code::UnknownCode).got(got);
        };
        let draft = Draft::new(Code::WaybillBound).order(order.id()).got(got);
        if let Some(code) = self.objection_at(&order, &[Step::Label]) {
            return draft.with_code(code);
        }
        if let Some((order, recalled)) = self.recalled_on(&waybill.orders, Step::Label) {
            return draft.with_code(Code::Recalled).recalled(&order, &recalled);
        }
        if waybill.void.is_some() {
            return draft.with_code(Code::WaybillVoid).expected(replacement(&waybill));
        }
        if waybill.loaded {
            return draft.with_code(Code::WaybillAlreadyLoaded);
        }
        let packed = order.lines.iter().all(OrderLine::is_satisfied);
        draft.events(gate::bind(self.view, &order, &parcel, number, packed))
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
