//! Goods that go back to the shelf: which unit, out of which box, and what follows for the order.

use super::Desk;
use super::counting::Claim;
use super::draft::Draft;
use super::takes::Takes;
use crate::domain::event::Event;
use crate::domain::gate;
use crate::domain::ids::PickListId;
use crate::domain::order::{Identity, Order, OrderLine, Unit};
use crate::domain::progress::Sign;
use crate::domain::station::{Awaited, Count, Item, PartCount, Trait};
use crate::domain::verdict::{Code, Facts, Why};
use crate::domain::work::{Parcel, ParcelState};

impl Desk<'_> {
    /// Goods beyond what is demanded now go back to the shelf; a box that holds them is opened for it.
    pub(super) fn put_back(
        &self,
        line: Option<&OrderLine>,
        order: &Order,
        takes: &Takes,
        item: &Item,
        list: Option<(PickListId, usize)>,
    ) -> Draft {
        let Some(line) = line else { return Draft::new(Code::NotOnList) };
        let identity = match self.unit_to_put_back(line, item) {
            Ok(identity) => identity,
            Err(draft) => return draft.line(order, line).got(self.item_facts(item)),
        };
        let mut events = Vec::new();
        let parts = parts_back(line, takes, item, &identity);
        let unpacks = parts.iter().any(|part| part.packed > 0);
        let boxes = order.parcels.iter().filter_map(|id| self.view.parcel(id.as_str()));
        let holding = boxes.filter(|parcel| unpacks && parcel.holds(line.spec.line, &parts));
        let parcel = holding.min_by_key(|parcel| parcel.state == ParcelState::Loaded);
        match parcel.as_ref().map(|parcel| parcel.state) {
            None if unpacks => {
                // one box does not hold so many: they come back one by one
                return Draft::new(Code::WrongStep).why(Why::OneByOne).line(order, line).got(self.item_facts(item));
            }
            Some(ParcelState::Loaded) => return Draft::new(Code::WrongStep).why(Why::AlreadyLoaded).line(order, line),
            Some(ParcelState::Sealed) => events.extend(parcel.as_ref().map(|parcel| Event::ParcelReopened {
                parcel: parcel.id.clone(),
                order: order.id().clone(),
                station: self.rules.id.clone(),
            })),
            Some(ParcelState::Open) | None => {}
        }
        let count = Count {
            order: order.id().clone(),
            line: line.spec.line,
            list,
            sku: item.sku.clone(),
            quantity: item.quantity,
            identity,
            parts,
            parcel: parcel.as_ref().map(|parcel| parcel.id.clone()),
        };
        let mut after = order.clone();
        after.count(&count, Sign::Minus);
        let left = parcel.map(|parcel| {
            let mut left = self.brought_here(Parcel { state: ParcelState::Open, ..(*parcel).clone() });
            left.count(count.line, &count.parts, Sign::Minus);
            left
        });
        events.push(Event::PutBack { count });
        // its order's boxes may have waited for just that
        events.extend(gate::settled(self.view, &after, left.as_slice(), Some(self.now.at)));
        let changed = after.line(line.spec.line).unwrap_or(line);
        Draft::new(Code::PutBack).line(&after, changed).got(self.item_facts(item)).events(events)
    }

    /// Which captured unit goes back: the one that was scanned, or the only one there is.
    fn unit_to_put_back(&self, line: &OrderLine, item: &Item) -> Result<Identity, Box<Draft>> {
        let units: Vec<&Unit> = line.units.iter().filter(|unit| unit.sku == item.sku).collect();
        let fitting: Vec<&&Unit> =
            units.iter().filter(|unit| same_unit(&unit.identity, item) && unit.picked >= item.quantity).collect();
        let names = |trait_of: fn(&Identity) -> Option<&String>| {
            let names: Vec<&str> =
                units.iter().filter_map(|unit| trait_of(&unit.identity)).map(String::as_str).collect();
            Some(names.join(", ")).filter(|names| !names.is_empty())
        };
        let expected = || Facts {
            sku: Some(item.sku.clone()),
            lot: names(|identity| identity.lot.as_ref()),
            serial: names(|identity| identity.serial.as_ref()),
            ..Facts::default()
        };
        let captured: u32 = line.units.iter().map(|unit| unit.picked).sum();
        let plain = line.parts.first().map_or(0, |part| part.picked.saturating_sub(captured));
        let some_plain = line.spec.components.is_empty() && !item.identity.is_captured() && plain >= item.quantity;
        match fitting.as_slice() {
            _ if units.is_empty() || some_plain => Ok(Identity::default()),
            [unit] => Ok(unit.identity.clone()),
            [] => {
                let code = if item.identity.serial.is_some() { Code::WrongSerial } else { Code::WrongLot };
                Err(Box::new(Draft::new(code).expected(expected())))
            }
            [unit, ..] => {
                let wanted = if unit.identity.serial.is_some() && item.identity.serial.is_none() {
                    Trait::Serial
                } else {
                    Trait::Lot
                };
                let draft = Draft::new(wanted.code()).expected(expected());
                Err(Box::new(self.awaiting(draft, Awaited::Trait(item.clone(), wanted))))
            }
        }
    }

    /// Goods of an order that is open for putting back.
    pub(super) fn put_back_item(&self, item: &Item) -> Draft {
        let claims = self.claims();
        let fitting = claims.iter().find_map(|claim| {
            let line = claim.order_line()?;
            let takes = Takes::of(line, item);
            let fits = put_back_fits(claim, &takes, item) || self.is_recalled_back(line, &takes, item);
            fits.then_some((claim, takes))
        });
        match fitting {
            Some((claim, takes)) => self.put_back(claim.order_line(), &claim.order, &takes, item, claim.list.clone()),
            None => Draft::new(Code::WrongStep).why(Why::NothingToPutBack).got(self.item_facts(item)),
        }
    }
}

/// What goes back of each part: first what was not packed yet, this very unit where units are told apart.
fn parts_back(line: &OrderLine, takes: &Takes, item: &Item, identity: &Identity) -> Vec<PartCount> {
    let unit = line.units.iter().find(|unit| unit.sku == item.sku && unit.identity == *identity);
    let unpacked_units = unit.map_or(0, |unit| unit.picked.saturating_sub(unit.packed));
    let of_part = |part: &usize| {
        let (progress, units) = (&line.parts[*part], takes.units(line, *part, item));
        let waiting =
            if identity.is_captured() { unpacked_units.saturating_mul(units / item.quantity.max(1)) } else { u32::MAX };
        let on_the_bench = progress.picked.saturating_sub(progress.packed).min(waiting);
        PartCount { part: *part, picked: units, packed: units.saturating_sub(on_the_bench).min(progress.packed) }
    };
    takes.parts.iter().map(of_part).collect()
}

fn same_unit(identity: &Identity, item: &Item) -> bool {
    let fits = |scanned: &Option<String>, known: &Option<String>| scanned.is_none() || scanned == known;
    fits(&item.identity.serial, &identity.serial) && fits(&item.identity.lot, &identity.lot)
}

/// Whether so much of a line goes back.
pub(super) fn put_back_fits(claim: &Claim, takes: &Takes, item: &Item) -> bool {
    let Some(line) = claim.order_line() else { return false };
    !takes.is_empty() && takes.parts.iter().all(|part| line.to_put_back(*part) >= takes.units(line, *part, item))
}
