//! The dock: a waybill leaves only if every order on it is complete and may be shipped at this instant.

use super::Desk;
use super::bind::replacement;
use super::draft::Draft;
use super::meaning::Meaning;
use crate::domain::event::Event;
use crate::domain::gate;
use crate::domain::ids::{OrderId, WaybillNo};
use crate::domain::manifest::ManifestState;
use crate::domain::rules::Step;
use crate::domain::verdict::{Code, Facts, Missing, MissingWhy, Why};

/// What a scan at the dock is about.
enum Cargo {
    Waybill(WaybillNo),
    Several(Vec<String>),
    /// An order or a parcel without a valid waybill.
    Unbound(OrderId),
    Other,
}

impl Desk<'_> {
    pub(super) fn load(&self, meaning: &Meaning) -> Draft {
        if let Some(member) = &meaning.member {
            return self.load_bag(member);
        }
        let cargo = self.cargo(meaning);
        if let Some(manifest) = &meaning.manifest {
            let also = match cargo {
                Cargo::Other => return self.open_manifest(manifest),
                Cargo::Waybill(number) => number.to_string(),
                Cargo::Several(numbers) => numbers.join(", "),
                Cargo::Unbound(order) => order.to_string(),
            };
            return Draft::new(Code::AmbiguousCode).candidates([manifest.to_string(), also]);
        }
        match cargo {
            Cargo::Waybill(number) => self.load_waybill(&number),
            Cargo::Several(numbers) => Draft::new(Code::AmbiguousCode).candidates(numbers),
            Cargo::Unbound(order) => self.load_unbound(&order),
            Cargo::Other => Draft::new(Code::WrongStep).why(Why::NotHere),
        }
    }

    /// An order without a waybill that holds: it stays here, for what stands first against it.
    fn load_unbound(&self, id: &OrderId) -> Draft {
        let draft = Draft::new(Code::WaybillIncomplete).order(id);
        let Some(order) = self.view.order(id.as_str()) else { return Draft::new(Code::UnknownCode) };
        if let Some(code) = self.objection_at(&order, &[Step::Load]) {
            return draft.with_code(code);
        }
        if let Some((order, recalled)) = self.recalled_on(std::slice::from_ref(id), Step::Load) {
            return draft.with_code(Code::Recalled).recalled(&order, &recalled);
        }
        if let Some(manifest) = self.manifest_here().filter(|manifest| !manifest.takes_order(&order)) {
            return self.foreign_order(&manifest, &order);
        }
        let mut missing = gate::missing(self.view, &order);
        if missing.iter().all(|missing| missing.why != MissingWhy::NotBound) {
            missing.push(Missing { order: id.clone(), line: None, quantity: None, why: MissingWhy::NotBound });
        }
        draft.missing(missing)
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

    pub(super) fn load_waybill(&self, number: &WaybillNo) -> Draft {
        let got = Facts { waybill: Some(number.clone()), ..Facts::default() };
        let Some(waybill) = self.view.waybill(number.as_str()) else { return Draft::new(Code::UnknownCode).got(got) };
        let draft = match waybill.orders.as_slice() {
            [order] => Draft::new(Code::WaybillLoaded).order(order),
            _ => Draft::new(Code::WaybillLoaded),
        };
        let draft = draft.got(got);
        if let Some((code, order)) = gate::stopped(self.view, &waybill) {
            return draft.with_code(code).order(&order);
        }
        if let Some((order, recalled)) = self.recalled_on(&waybill.orders, Step::Load) {
            return draft.with_code(Code::Recalled).recalled(&order, &recalled);
        }
        if waybill.void.is_some() {
            return draft.with_code(Code::WaybillVoid).expected(replacement(&waybill));
        }
        if let Some(void) = self.in_void_bag(&waybill.parcels).filter(|_| !waybill.loaded) {
            return void.got(Facts { waybill: Some(number.clone()), ..Facts::default() });
        }
        let manifest = self.manifest_here();
        if let Some(manifest) = manifest.as_ref().filter(|manifest| !manifest.takes(self.view, &waybill)) {
            return self.foreign_waybill(draft, manifest, &waybill);
        }
        // what was loaded before its manifest was opened is counted on it when it is scanned again
        let on_no_manifest = manifest.is_some() && waybill.loading.is_none();
        if waybill.loaded && !on_no_manifest {
            return draft.with_code(Code::WaybillAlreadyLoaded);
        }
        let missing = gate::missing_on(self.view, &waybill);
        if !missing.is_empty() {
            return draft.with_code(Code::WaybillIncomplete).missing(missing);
        }
        let loading = manifest.map(|manifest| self.loading(&manifest));
        let (parcels, order) = (waybill.parcels.clone(), waybill.only_order().cloned());
        draft.event(Event::WaybillLoaded { waybill: number.clone(), parcels, order, loading })
    }

    /// Takes a waybill off the truck again.
    pub(super) fn unload(&self, meaning: &Meaning) -> Draft {
        if let Some(member) = &meaning.member {
            return self.unload_bag(member);
        }
        match self.cargo(meaning) {
            Cargo::Waybill(number) => self.unload_waybill(number),
            Cargo::Several(numbers) => Draft::new(Code::AmbiguousCode).candidates(numbers),
            Cargo::Unbound(order) => Draft::new(Code::WrongStep).why(Why::NotLoaded).order(&order),
            Cargo::Other => Draft::new(Code::WrongStep).why(Why::NotHere),
        }
    }

    pub(super) fn unload_waybill(&self, number: WaybillNo) -> Draft {
        let got = Facts { waybill: Some(number.clone()), ..Facts::default() };
        match self.view.waybill(number.as_str()).filter(|waybill| waybill.loaded) {
            Some(waybill) => {
                let manifest = waybill.loading.as_ref().map(|loading| loading.manifest.clone());
                let known = manifest.as_ref().and_then(|id| self.view.manifest(id.as_str()));
                if known.is_some_and(|manifest| manifest.state == ManifestState::Closed) {
                    return Draft::new(Code::WrongStep).why(Why::ManifestClosed).got(got);
                }
                let (parcels, order) = (waybill.parcels.clone(), waybill.only_order().cloned());
                let draft = Draft::new(Code::Unloaded).got(got);
                let draft = order.iter().fold(draft, |draft, order| draft.order(order));
                draft.event(Event::WaybillUnloaded { waybill: number, parcels, order, manifest })
            }
            None => Draft::new(Code::WrongStep).why(Why::NotLoaded).got(got),
        }
    }
}
