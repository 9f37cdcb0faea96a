//! The dock: a waybill leaves only if every order on it is complete and may be shipped at this instant.

use super::Desk;
use super::bind::replacement;
use super::draft::Draft;
use super::meaning::Meaning;
use crate::domain::event::Event;
use crate::domain::gate;
use crate::domain::ids::WaybillNo;
use crate::domain::verdict::{Code, Facts, Missing, MissingWhy, Why};
use crate::domain::work::Waybill;

/// What a scan at the dock is about.
enum Cargo {
    Waybill(WaybillNo),
    Several(Vec<String>),
    /// An order or a parcel without a valid waybill.
    Unbound(crate::domain::ids::OrderId),
    Other,
}

impl Desk<'_> {
    pub(super) fn load(&self, meaning: &Meaning) -> Draft {
        match self.cargo(meaning) {
            Cargo::Waybill(number) => self.load_waybill(&number),
            Cargo::Several(numbers) => Draft::new(Code::AmbiguousCode).candidates(numbers),
            Cargo::Unbound(order) => {
                let missing = Missing { order: order.clone(), line: None, quantity: None, why: MissingWhy::NotBound };
                Draft::new(Code::WaybillIncomplete).order(&order).missing(vec![missing])
            }
            Cargo::Other => Draft::new(Code::WrongStep).why(Why::NotHere),
        }
    }

    fn cargo(&self, meaning: &Meaning) -> Cargo {
        if let Some(number) = &meaning.waybill {
            return Cargo::Waybill(number.clone());
        }
        if let Some(parcel) = meaning.parcel.as_ref().and_then(|id| self.view.parcel(id.as_str())) {
            return parcel.waybill.clone().map_or(Cargo::Unbound(parcel.order.clone()), Cargo::Waybill);
        }
        let Some(order) = meaning.order().and_then(|id| self.view.order(id.as_str())) else { return Cargo::Other };
        let valid =
            |number: &&WaybillNo| self.view.waybill(number.as_str()).is_some_and(|waybill| waybill.void.is_none());
        let numbers: Vec<&WaybillNo> = order.waybills.iter().filter(valid).collect();
        match numbers.as_slice() {
            [] => Cargo::Unbound(order.id().clone()),
            [number] => Cargo::Waybill((*number).clone()),
            several => Cargo::Several(several.iter().map(ToString::to_string).collect()),
        }
    }

    fn load_waybill(&self, number: &WaybillNo) -> Draft {
        let got = Facts { waybill: Some(number.clone()), ..Facts::default() };
        let Some(waybill) = self.view.waybill(number.as_str()) else { return Draft::new(Code::UnknownCode).got(got) };
        let draft = match waybill.orders.as_slice() {
            [order] => Draft::new(Code::WaybillLoaded).order(order),
            _ => Draft::new(Code::WaybillLoaded),
        };
        let draft = draft.got(got);
        if let Some((code, order)) = self.stopped(&waybill) {
            return draft.with_code(code).order(&order);
        }
        if waybill.void.is_some() {
            return draft.with_code(Code::WaybillVoid).expected(replacement(&waybill));
        }
        if waybill.loaded {
            return draft.with_code(Code::WaybillAlreadyLoaded);
        }
        let missing = gate::missing_on(self.view, &waybill);
        if !missing.is_empty() {
            return draft.with_code(Code::WaybillIncomplete).missing(missing);
        }
        draft.event(Event::WaybillLoaded { waybill: number.clone(), parcels: waybill.parcels.clone() })
    }

    /// Cancelled and held orders come first, under their own codes.
    fn stopped(&self, waybill: &Waybill) -> Option<(Code, crate::domain::ids::OrderId)> {
        let orders = waybill.orders.iter().filter_map(|id| self.view.order(id.as_str()));
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

    /// Takes a waybill off the truck again.
    pub(super) fn unload(&self, meaning: &Meaning) -> Draft {
        let number = match self.cargo(meaning) {
            Cargo::Waybill(number) => number,
            Cargo::Several(numbers) => return Draft::new(Code::AmbiguousCode).candidates(numbers),
            Cargo::Unbound(order) => return Draft::new(Code::WrongStep).why(Why::NotLoaded).order(&order),
            Cargo::Other => return Draft::new(Code::WrongStep).why(Why::NotHere),
        };
        let got = Facts { waybill: Some(number.clone()), ..Facts::default() };
        match self.view.waybill(number.as_str()).filter(|waybill| waybill.loaded) {
            Some(waybill) => {
                let event = Event::WaybillUnloaded { waybill: number, parcels: waybill.parcels.clone() };
                Draft::new(Code::Unloaded).got(got).event(event)
            }
            None => Draft::new(Code::WrongStep).why(Why::NotLoaded).got(got),
        }
    }
}
