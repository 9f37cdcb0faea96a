//! An item: which line takes it, or why none does.

use std::cmp::Reverse;

use super::Desk;
use super::counting::Claim;
use super::draft::Draft;
use super::meaning::Meaning;
use super::put_back::put_back_fits;
use super::takes::{Takes, waiting_units};
use crate::domain::event::{Event, Memory};
use crate::domain::order::{Identity, Order, OrderLine, Unit};
use crate::domain::product::Tracking;
use crate::domain::rules::Rule;
use crate::domain::station::{Await, Awaited, Item, Mode, PartCount, Refusal, Trait, Work};
use crate::domain::verdict::{Code, Facts, Why};

/// Why a line does not take an item.
struct Objection {
    code: Code,
    expected: Facts,
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
                        let room = |part: &usize| could_take(&claim.order, line, takes, *part, item);
                        takes.parts.iter().all(room) && self.wrong_unit(line, item).is_none()
                    })
            })
        };
        // a cancelled order alarms once; what is scanned after that goes back to the shelf
        let told =
            |claim: &Claim| !claim.order.cancelled || self.station.told_cancelled.as_ref() == Some(claim.order.id());
        let goes_back = |(claim, takes, _): &&(&Claim, Takes, Objection)| put_back_fits(claim, takes, item);
        let returns = objections.iter().filter(goes_back).find(|(claim, ..)| told(claim));
        let untold = objections.iter().filter(goes_back).find(|(claim, ..)| !told(claim));
        let stopped = untold.or_else(|| could_have(Code::OrderCancelled)).or_else(|| could_have(Code::OrderHeld));
        if let Some((claim, takes, _)) = returns.filter(|(claim, ..)| claim.order.cancelled || stopped.is_none()) {
            return self.put_back(claim.order_line(), &claim.order, takes, item, claim.list.clone());
        }
        // of lines that are only full, the one that still takes the most
        let weight = |objection: &Objection| {
            let is_stopped = matches!(objection.code, Code::OrderNotReleased | Code::OrderCancelled | Code::OrderHeld);
            (is_stopped, objection.code, Reverse(objection.expected.quantity))
        };
        let first = stopped.or_else(|| objections.iter().min_by_key(|(_, _, objection)| weight(objection)));
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
        let to_pick =
            claim.order_line().is_some_and(|line| line.picked() <= line.packed() && line.packed() < line.demanded());
        if objection.code == Code::OverQuantity && self.rules.mode == Mode::Pack && to_pick {
            draft = draft.why(Why::PickFirst);
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

    /// An item of a sequence that is whole now, for whatever is open.
    pub(super) fn settle(&self, item: &Item) -> Draft {
        match &self.station.work {
            Some(Work::PutBack(_)) => self.put_back_item(item),
            _ => self.item(item),
        }
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

/// Whether a line would have room if its order were not cancelled or held.
fn could_take(order: &Order, line: &OrderLine, takes: &Takes, part: usize, item: &Item) -> bool {
    let demanded = if order.cancelled { line.spec.quantity.saturating_sub(line.shipped_short) } else { line.wanted() };
    let progress = &line.parts[part];
    (demanded.saturating_mul(progress.per_set)).saturating_sub(progress.picked.max(progress.packed))
        >= takes.units(line, part, item)
}
