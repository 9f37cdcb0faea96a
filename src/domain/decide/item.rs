//! An item: which line takes it, or why none does.

use super::Desk;
use std::sync::Arc;

use super::counting::Claim;
use super::draft::Draft;
use super::meaning::Meaning;
use crate::barcode::codes::ShortReason;
use crate::domain::event::{Event, Memory};
use crate::domain::gate;
use crate::domain::order::{Identity, Order, OrderLine, Part, Short, Unit};
use crate::domain::product::Tracking;
use crate::domain::progress::Sign;
use crate::domain::rules::Rule;
use crate::domain::station::{Await, Awaited, Count, Item, Mode, PartCount, Refusal, Trait, Work};
use crate::domain::verdict::{Code, Facts, Why};
use crate::domain::work::{Parcel, ParcelState};

/// Why a line does not take an item.
struct Objection {
    code: Code,
    expected: Facts,
}

/// The parts of a line that an item is for.
#[derive(Clone, Debug, Default)]
pub(super) struct Takes {
    pub parts: Vec<usize>,
    /// Whether the item is the whole kit, and so so many units of each part a set.
    whole: bool,
}

impl Takes {
    /// What an item is for on a line.
    pub(super) fn of(line: &OrderLine, item: &Item) -> Takes {
        let is_kit = !line.spec.components.is_empty();
        if is_kit && line.spec.sku == item.sku {
            return Takes { parts: (0..line.parts.len()).collect(), whole: true };
        }
        let substitute = !is_kit && line.spec.substitutes.contains(&item.sku);
        let fits = |part: &Part| part.sku == item.sku || substitute;
        Takes { parts: line.parts.iter().position(fits).into_iter().collect(), whole: false }
    }

    /// Whether the item is the whole kit.
    pub(super) fn is_whole(&self) -> bool {
        self.whole
    }

    pub(super) fn is_empty(&self) -> bool {
        self.parts.is_empty()
    }

    /// How many base units of a part an item stands for.
    pub(super) fn units(&self, line: &OrderLine, part: usize, item: &Item) -> u32 {
        if self.whole { item.quantity.saturating_mul(line.parts[part].per_set) } else { item.quantity }
    }
}

impl Desk<'_> {
    /// An item scan: one product, or several that bear the code.
    pub(super) fn items(&self, meaning: &Meaning) -> Draft {
        let items: Vec<Item> = meaning.items.iter().map(|item| self.times(item)).collect();
        let draft = match (&self.station.work, items.as_slice()) {
            (_, []) => Draft::new(Code::UnknownCode),
            (None, [item]) if self.rules.item_first => self.open_for(item),
            (None, [item, ..]) => Draft::new(Code::WrongStep).why(Why::NothingOpen).got(self.item_facts(item)),
            (Some(_), [item]) => self.item(item),
            (Some(_), several) => self.one_of(several),
        };
        self.forget_quantity(draft)
    }

    /// An item as often as the quantity command said.
    pub(super) fn times(&self, item: &Item) -> Item {
        let times = self.station.quantity.unwrap_or(1);
        Item { quantity: item.quantity.saturating_mul(times), ..item.clone() }
    }

    pub(super) fn forget_quantity(&self, draft: Draft) -> Draft {
        match self.station.quantity {
            Some(_) => draft.remember(&self.rules.id, Memory::Quantity(None)),
            None => draft,
        }
    }

    /// Several products bear the code: if any of them is on the list, the product must be scanned too.
    fn one_of(&self, several: &[Item]) -> Draft {
        let claims = self.claims();
        let listed =
            |item: &&Item| claims.iter().filter_map(Claim::order_line).any(|line| !Takes::of(line, item).is_empty());
        let on_list: Vec<Item> = several.iter().filter(listed).cloned().collect();
        let names = several.iter().map(|item| item.sku.to_string());
        if on_list.is_empty() {
            return Draft::new(Code::AmbiguousCode).candidates(names);
        }
        let names = on_list.iter().map(|item| item.sku.to_string());
        let draft = Draft::new(Code::AwaitingSku).candidates(names.collect::<Vec<_>>());
        self.awaiting(draft, Awaited::Sku(on_list))
    }

    pub(super) fn awaiting(&self, draft: Draft, what: Awaited) -> Draft {
        let since = self.now.at;
        draft.remember(&self.rules.id, Memory::Awaits(Some(Box::new(Await { what, since }))))
    }

    /// One product: it goes whole to the first line that can take it, else the verdict says what stands against it.
    pub(super) fn item(&self, item: &Item) -> Draft {
        let claims = self.claims();
        let product = self.view.product(item.sku.as_str());
        let serial_tracked = product.as_ref().is_some_and(|product| product.tracks(Tracking::Serial));
        let mut objections = Vec::new();
        for claim in &claims {
            let Some(line) = claim.order_line() else { continue };
            let takes = Takes::of(line, item);
            if takes.is_empty() {
                continue;
            }
            let by_serial = serial_tracked || !line.spec.serials.is_empty();
            // a carton's code may carry a serial of the carton: it says nothing of goods that have none
            let plain = Item { identity: Identity { serial: None, ..item.identity.clone() }, ..item.clone() };
            let item = if by_serial { item } else { &plain };
            match self.objection(claim, line, &takes, item) {
                None if item.quantity > 1 && by_serial => {
                    return Draft::new(Code::WrongStep).why(Why::OneByOne).got(self.item_facts(item));
                }
                None => return self.take(claim, line, &takes, item),
                Some(objection) => objections.push((claim, takes, objection)),
            }
        }
        self.refuse(objections, item)
    }

    /// A line that can take it: ask for what is still missing, else count.
    fn take(&self, claim: &Claim, line: &OrderLine, takes: &Takes, item: &Item) -> Draft {
        let facts = |code| {
            Draft::new(code)
                .line(&claim.order, line)
                .slot(claim.slot())
                .got(self.item_facts(item))
                .pick_list(claim.list.as_ref().map(|(list, _)| list))
        };
        if let Some(wanted) = self.missing_trait(line, item) {
            let expected = Facts {
                sku: Some(item.sku.clone()),
                lot: line.spec.lot.clone(),
                revision: line.spec.revision.clone(),
                ..Facts::default()
            };
            return self.awaiting(facts(wanted.code()).expected(expected), Awaited::Trait(item.clone(), wanted));
        }
        let confirmed = |slot: &&str| self.confirmed_slot.as_deref() == Some(*slot) || item.waives(Code::WrongSlot);
        match claim.slot().filter(|slot| self.rules.confirm_slot && !confirmed(slot)) {
            Some(slot) => {
                let expected = Facts { slot: Some(slot.to_owned()), ..Facts::default() };
                let draft = facts(Code::AwaitingSlot).expected(expected);
                self.awaiting(draft, Awaited::Slot(item.clone(), slot.to_owned()))
            }
            None => self.count(claim, takes, item),
        }
    }

    /// What must be captured or compared and was not in the scan.
    fn missing_trait(&self, line: &OrderLine, item: &Item) -> Option<Trait> {
        let product = self.view.product(item.sku.as_str());
        let tracks = |tracking| product.as_ref().is_some_and(|product| product.tracks(tracking));
        let identity = &item.identity;
        let wanted = [
            (
                Trait::Lot,
                identity.lot.is_none() && (tracks(Tracking::Lot) || line.spec.lot.is_some() || self.wants_lot(item)),
            ),
            (Trait::Serial, identity.serial.is_none() && (tracks(Tracking::Serial) || !line.spec.serials.is_empty())),
            (Trait::Expiry, identity.expiry.is_none() && (tracks(Tracking::Expiry) || line.spec.min_expiry.is_some())),
            (Trait::Revision, identity.revision.is_none() && line.spec.revision.is_some()),
        ];
        wanted.into_iter().find(|(_, missing)| *missing).map(|(wanted, _)| wanted)
    }

    /// The first thing that stands against a line taking an item, in the order of the verdict codes.
    fn objection(&self, claim: &Claim, line: &OrderLine, takes: &Takes, item: &Item) -> Option<Objection> {
        let expected = Facts { sku: Some(item.sku.clone()), ..Facts::default() };
        let plain = |code| Objection { code, expected: expected.clone() };
        if let Some(code) = self.objection_to(&claim.order) {
            return Some(plain(code));
        }
        if self.site.rules.blocks(Rule::Recall, self.steps()) && self.is_recalled(line, takes, item) {
            return Some(plain(Code::Recalled));
        }
        if self.serial_is_taken(claim, item) {
            return Some(plain(Code::SerialAlreadyUsed));
        }
        let here = self.station.location.as_deref();
        if let (Some(here), Some(there)) = (here, claim.location())
            && here != there
            && !item.waives(Code::WrongLocation)
        {
            return Some(Objection {
                code: Code::WrongLocation,
                expected: Facts { location: Some(there.to_owned()), ..expected },
            });
        }
        if let Some(objection) = self.wrong_unit(line, item) {
            return Some(objection);
        }
        let fits = |part: &usize| claim.remaining(*part, self.rules.mode) >= takes.units(line, *part, item);
        // at a bench a unit that was not the one picked is taken from the shelf as well
        let taken = self.part_counts(line, takes, item);
        let demanded = |change: &PartCount| {
            let part = &line.parts[change.part];
            change.picked == 0
                || part.picked.saturating_add(change.picked) <= line.wanted().saturating_mul(part.per_set)
        };
        let room = takes.parts.iter().all(fits) && taken.iter().all(demanded);
        (!room).then(|| {
            let left = takes.parts.iter().map(|part| claim.remaining(*part, self.rules.mode)).min().unwrap_or(0);
            Objection { code: Code::OverQuantity, expected: Facts { quantity: Some(left), ..expected } }
        })
    }

    /// Whether a serial belongs to another line, or was counted here before.
    fn serial_is_taken(&self, claim: &Claim, item: &Item) -> bool {
        let Some(serial) = item.identity.serial.as_deref() else { return false };
        let Some((order, line)) = self.view.serial(&item.sku, serial) else { return false };
        let this_line = order == *claim.order.id() && line == claim.line;
        let packable = claim.order_line().is_some_and(|line| {
            line.units.iter().any(|unit| unit.identity.serial.as_deref() == Some(serial) && unit.packed < unit.picked)
        });
        !(this_line && packable && self.rules.mode != Mode::Pick)
    }

    /// A unit that the line does not want: another revision, lot or serial than pinned or picked, or too old. What somebody
    /// let pass hides nothing that comes after it.
    fn wrong_unit(&self, line: &OrderLine, item: &Item) -> Option<Objection> {
        let (wanted, got) = (&line.spec, &item.identity);
        let expected = Facts { sku: Some(item.sku.clone()), ..Facts::default() };
        let differs =
            |wanted: &Option<String>, got: &Option<String>| wanted.is_some() && got.is_some() && wanted != got;
        if differs(&wanted.revision, &got.revision) && !item.waives(Code::WrongRevision) {
            return Some(Objection {
                code: Code::WrongRevision,
                expected: Facts { revision: wanted.revision.clone(), ..expected },
            });
        }
        if differs(&wanted.lot, &got.lot) && !item.waives(Code::WrongLot) {
            return Some(Objection { code: Code::WrongLot, expected: Facts { lot: wanted.lot.clone(), ..expected } });
        }
        if let Some(serial) = got.serial.as_ref().filter(|_| !wanted.serials.is_empty())
            && !wanted.serials.contains(serial)
            && !item.waives(Code::WrongSerial)
        {
            return Some(Objection {
                code: Code::WrongSerial,
                expected: Facts { serial: Some(wanted.serials.join(", ")), ..expected },
            });
        }
        if let Some(objection) = self.not_what_was_picked(line, item).filter(|other| !item.waives(other.code)) {
            return Some(objection);
        }
        let earliest = wanted.min_expiry.unwrap_or(self.now.today).max(self.now.today);
        let expired = got.expiry.is_some_and(|expiry| expiry < earliest) && !item.waives(Code::Expired);
        expired.then_some(Objection { code: Code::Expired, expected: Facts { expiry: Some(earliest), ..expected } })
    }

    /// When packing, and at a bench where everything was picked before: the lot or serial must be one that was picked and
    /// is not yet packed.
    fn not_what_was_picked(&self, line: &OrderLine, item: &Item) -> Option<Objection> {
        let part = line.parts.iter().find(|part| part.sku == item.sku).or(line.parts.first())?;
        let new = item.quantity.saturating_sub(waiting_units(line, item));
        let room = part.picked.saturating_add(new) <= line.wanted().saturating_mul(part.per_set);
        if self.rules.mode == Mode::Pick || (self.rules.mode == Mode::Bench && (new == 0 || room)) {
            return None;
        }
        let waiting = || line.units.iter().filter(|unit| unit.sku == item.sku && unit.packed < unit.picked);
        let names = |trait_of: fn(&Identity) -> Option<String>| {
            let mut names: Vec<String> = waiting().filter_map(|unit| trait_of(&unit.identity)).collect();
            names.sort_unstable();
            names.dedup();
            names.join(", ")
        };
        let expected = Facts { sku: Some(item.sku.clone()), ..Facts::default() };
        let lots = names(|identity| identity.lot.clone());
        // units that were picked without a lot may be of this one
        let left = |unit: &Unit| unit.picked - unit.packed;
        let other_lots = waiting().filter(|unit| unit.identity.lot.is_some() && unit.identity.lot != item.identity.lot);
        let of_this_lot = part.picked.saturating_sub(part.packed).saturating_sub(other_lots.map(left).sum());
        if item.identity.lot.is_some() && !lots.is_empty() && of_this_lot < item.quantity {
            return Some(Objection { code: Code::WrongLot, expected: Facts { lot: Some(lots), ..expected } });
        }
        let serials = names(|identity| identity.serial.clone());
        if item.identity.serial.is_some()
            && !serials.is_empty()
            && !waiting().any(|unit| unit.identity.serial == item.identity.serial)
        {
            return Some(Objection { code: Code::WrongSerial, expected: Facts { serial: Some(serials), ..expected } });
        }
        None
    }

    /// No line takes it: cancelled and held orders first, then goods that go back, then the first objection.
    fn refuse(&self, objections: Vec<(&Claim, Takes, Objection)>, item: &Item) -> Draft {
        let could_have = |code: Code| {
            objections.iter().find(|(claim, takes, objection)| {
                objection.code == code
                    && claim.order_line().is_some_and(|line| {
                        takes.parts.iter().all(|part| could_take(&claim.order, line, takes, *part, item))
                    })
            })
        };
        // a cancelled order alarms once; what is scanned after that goes back to the shelf
        let told =
            |claim: &Claim| !claim.order.cancelled || self.station.told_cancelled.as_ref() == Some(claim.order.id());
        let returns = objections.iter().find(|(claim, takes, _)| told(claim) && put_back_fits(claim, takes, item));
        let stopped = could_have(Code::OrderCancelled).or_else(|| could_have(Code::OrderHeld));
        if let Some((claim, takes, _)) = returns.filter(|(claim, ..)| claim.order.cancelled || stopped.is_none()) {
            return self.put_back(claim.order_line(), &claim.order, takes, item, claim.list.clone());
        }
        let first = stopped.or_else(|| objections.iter().min_by_key(|(_, _, objection)| objection.code));
        let Some((claim, _, objection)) = first else {
            return Draft::new(Code::NotOnList)
                .got(self.item_facts(item))
                .expected(self.expected_items())
                .pick_list(self.open_list());
        };
        let mut draft = Draft::new(objection.code)
            .expected(objection.expected.clone())
            .got(self.item_facts(item))
            .slot(claim.slot());
        if let Some(line) = claim.order_line() {
            draft = draft.line(&claim.order, line);
        }
        let draft = draft.pick_list(claim.list.as_ref().map(|(list, _)| list));
        if objection.code == Code::OrderCancelled {
            return draft.remember(&self.rules.id, Memory::ToldCancelled(claim.order.id().clone()));
        }
        self.overridable(draft, Some(item))
    }

    fn open_list(&self) -> Option<&crate::domain::ids::PickListId> {
        self.station.work.as_ref().and_then(crate::domain::event::work_list)
    }

    /// What would have been right: the first line that is still open.
    fn expected_items(&self) -> Facts {
        let claims = self.claims();
        let open = claims.iter().find(|claim| claim.is_open(self.rules.mode));
        let Some(line) = open.and_then(Claim::order_line) else { return Facts::default() };
        let part = line.parts.iter().position(|part| part.packed < line.wanted() * part.per_set).unwrap_or(0);
        let sku = line.parts.get(part).map_or(&line.spec.sku, |part| &part.sku).clone();
        let name = self.view.product(sku.as_str()).map(|product| product.name.clone()).filter(|name| !name.is_empty());
        Facts { sku: Some(sku), name, lot: line.spec.lot.clone(), ..Facts::default() }
    }

    /// Remembers a refusal that somebody may let pass.
    pub(super) fn overridable(&self, draft: Draft, item: Option<&Item>) -> Draft {
        let code = draft.code();
        if !self.site.overridable.contains(&code) {
            return draft;
        }
        let refusal = Refusal { code, item: item.cloned() };
        draft.remember(&self.rules.id, Memory::Refusal(Some(Box::new(refusal))))
    }

    /// Goods beyond what is demanded now go back to the shelf; a box that holds them is opened for it.
    pub(super) fn put_back(
        &self,
        line: Option<&OrderLine>,
        order: &Order,
        takes: &Takes,
        item: &Item,
        list: Option<(crate::domain::ids::PickListId, usize)>,
    ) -> Draft {
        let Some(line) = line else { return Draft::new(Code::NotOnList) };
        let identity = match self.unit_to_put_back(line, item) {
            Ok(identity) => identity,
            Err(draft) => return draft.line(order, line).got(self.item_facts(item)),
        };
        let mut events = Vec::new();
        let unpacked = |part: usize| {
            let on_the_bench = line.parts[part].picked.saturating_sub(line.parts[part].packed);
            takes.units(line, part, item).saturating_sub(on_the_bench).min(line.parts[part].packed)
        };
        let unpacks = takes.parts.iter().any(|part| unpacked(*part) > 0);
        let holds = |parcel: &Arc<Parcel>| {
            takes.parts.iter().all(|part| {
                let held =
                    parcel.contents.iter().find(|content| content.line == line.spec.line && content.part == *part);
                held.map_or(0, |content| content.quantity) >= unpacked(*part)
            })
        };
        let mut boxes: Vec<Arc<Parcel>> =
            order.parcels.iter().filter_map(|id| self.view.parcel(id.as_str())).filter(holds).collect();
        boxes.sort_by_key(|parcel| parcel.state == ParcelState::Loaded);
        let parcel = boxes.into_iter().next().filter(|_| unpacks);
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
        let parts = takes
            .parts
            .iter()
            .map(|part| PartCount { part: *part, picked: takes.units(line, *part, item), packed: unpacked(*part) })
            .collect();
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

    /// An item of a sequence that is whole now, for whatever is open.
    pub(super) fn settle(&self, item: &Item) -> Draft {
        match &self.station.work {
            Some(Work::PutBack(_)) => self.put_back_item(item),
            _ => self.item(item),
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

    /// An item or line that was not found in full.
    pub(super) fn short(&self, items: &[Item], reason: ShortReason) -> Option<Draft> {
        let claims = self.claims();
        let open = |claim: &&Claim| claim.is_open(self.rules.mode) && self.objection_to(&claim.order).is_none();
        let claim = claims.iter().filter(open).find(|claim| {
            claim.order_line().is_some_and(|line| items.iter().any(|item| !Takes::of(line, item).is_empty()))
        })?;
        Some(self.record_short(claim, reason))
    }

    /// A line by its number, as people write it.
    pub(super) fn short_line(&self, text: &str, reason: ShortReason) -> Option<Draft> {
        let number: u32 = text.trim().parse().ok()?;
        let claims = self.claims();
        let open = |claim: &Claim| claim.is_open(self.rules.mode) && self.objection_to(&claim.order).is_none();
        let open: Vec<&Claim> = claims.iter().filter(|claim| claim.line == number && open(claim)).collect();
        match open.as_slice() {
            [claim] => Some(self.record_short(claim, reason)),
            _ => None,
        }
    }

    /// What this list, or the order by itself, still looked for is short; other lists go on with their share.
    fn record_short(&self, claim: &Claim, reason: ShortReason) -> Draft {
        let Some(line) = claim.order_line() else { return Draft::new(Code::NotOnList) };
        let mode = if self.rules.mode == Mode::Pack { Mode::Bench } else { self.rules.mode };
        let sets =
            (0..line.parts.len()).map(|part| claim.remaining(part, mode).div_ceil(line.parts[part].per_set)).max();
        let before = line.short.map_or(0, |short| short.quantity);
        let short = Short { quantity: before.saturating_add(sets.unwrap_or(0)), reason };
        let event =
            Event::ShortRecorded { order: claim.order.id().clone(), line: claim.line, short, list: claim.list.clone() };
        let got = Facts { sku: Some(line.spec.sku.clone()), quantity: sets, ..Facts::default() };
        let list = claim.list.as_ref().map(|(list, _)| list);
        Draft::new(Code::ShortRecorded).line(&claim.order, line).got(got).event(event).pick_list(list)
    }

    /// With nothing open, an item may open the single-line order that waits for it.
    fn open_for(&self, item: &Item) -> Draft {
        let waiting = self.view.single_line_orders(&item.sku);
        let free = waiting.iter().filter_map(|id| self.view.order(id.as_str())).find(|order| {
            self.objection_to(order).is_none()
                && order.open_at.is_none()
                && order.lists.is_empty()
                && order.lines.first().is_some_and(|line| line.picked() == 0 && line.demanded() >= item.quantity)
        });
        let Some(order) = free else {
            return Draft::new(Code::WrongStep).why(Why::NothingOpen).got(self.item_facts(item));
        };
        let work = Work::Order(order.id().clone());
        let opened = Event::WorkOpened { station: self.rules.id.clone(), work: work.clone() };
        let desk = self.with_work(work);
        let draft = desk.item(item);
        if draft.code().is_accepted() || draft.code().severity() == crate::domain::verdict::Severity::More {
            return Draft::first(opened, draft);
        }
        draft
    }
}

/// Units of the scanned identity that were picked and wait to be packed.
pub(super) fn waiting_units(line: &OrderLine, item: &Item) -> u32 {
    if !item.identity.is_captured() {
        return line
            .parts
            .iter()
            .find(|part| part.sku == item.sku)
            .or(line.parts.first())
            .map_or(0, |part| part.picked.saturating_sub(part.packed));
    }
    let same = line.units.iter().filter(|unit| unit.sku == item.sku && unit.identity == item.identity);
    same.map(|unit| unit.picked.saturating_sub(unit.packed)).sum()
}

fn same_unit(identity: &Identity, item: &Item) -> bool {
    let fits = |scanned: &Option<String>, known: &Option<String>| scanned.is_none() || scanned == known;
    fits(&item.identity.serial, &identity.serial) && fits(&item.identity.lot, &identity.lot)
}

/// Whether a line would have room if its order were not cancelled or held.
fn could_take(order: &Order, line: &OrderLine, takes: &Takes, part: usize, item: &Item) -> bool {
    let demanded = if order.cancelled { line.spec.quantity.saturating_sub(line.shipped_short) } else { line.wanted() };
    let progress = &line.parts[part];
    (demanded.saturating_mul(progress.per_set)).saturating_sub(progress.picked.max(progress.packed))
        >= takes.units(line, part, item)
}

fn put_back_fits(claim: &Claim, takes: &Takes, item: &Item) -> bool {
    let Some(line) = claim.order_line() else { return false };
    !takes.is_empty() && takes.parts.iter().all(|part| line.to_put_back(*part) >= takes.units(line, *part, item))
}
