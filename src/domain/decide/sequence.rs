//! Scans in a row: a lot, serial, expiry or revision after its item, the product of an ambiguous code, a slot, and
//! what a command asked for. A sequence counts nothing until it is whole.

use super::Desk;
use super::draft::Draft;
use super::meaning::{Meaning, identity_of};
use crate::barcode::codes::{CodeCheck, CodeKind, OwnCode, looks_ours};
use crate::barcode::{Content, Reading, dates};
use crate::domain::event::{Event, Memory};
use crate::domain::ids::OrderId;
use crate::domain::order::Identity;
use crate::domain::rules::recall;
use crate::domain::station::{Awaited, Item, Trait, Work};
use crate::domain::verdict::{Code, Facts, Why};

/// After this time a wait lapses, in milliseconds.
pub(super) const LAPSE_MS: u64 = 60_000;

impl Desk<'_> {
    /// Forgets what was awaited.
    pub(super) fn lapse(&mut self) {
        if self.station.awaits.is_some() {
            self.aside.push(Event::Remembered { station: self.rules.id.clone(), memory: Memory::Awaits(None) });
            let mut station = (*self.station).clone();
            station.awaits = None;
            self.station = station.into();
        }
    }

    /// What the scan is to what was awaited; none if it is something else, and the wait has lapsed.
    pub(super) fn awaited(&mut self, reading: &Reading) -> Option<Draft> {
        let awaits = self.station.awaits.clone()?;
        self.lapse();
        if self.now.at.is_past(&awaits.since, LAPSE_MS) {
            return None;
        }
        let meaning = self.meaning(reading);

        match awaits.what {
            Awaited::Trait(item, wanted) => self.trait_of(item, wanted, reading, &meaning),
            Awaited::Sku(items) => self.sku_of(&items, reading, &meaning),
            Awaited::Slot(item, slot) => {
                self.confirmed_slot = Some(slot_text(reading).to_owned());
                self.slot_of(&item, &slot, reading, &meaning)
            }
            Awaited::Short(reason) => {
                self.short(&meaning.items, reason).or_else(|| self.short_line(&reading.text, reason))
            }
            Awaited::Unload => meaning.is_known().then(|| self.unload(&meaning)),
            Awaited::Bag(parcel) => self.scan_of_bag(Some(&parcel), reading, &meaning),
            Awaited::Unbag => meaning.is_known().then(|| self.unbag(&meaning)),
            Awaited::SealBag => self.seal_bag_of(reading, &meaning),
            Awaited::PutBack => Some(self.put_back_of(&meaning)),
            Awaited::TeachCode => Some(self.teach_code(reading, &meaning)),
            Awaited::TeachItem(text) => Some(self.teach_item(text, &meaning)),
            Awaited::OverrideBadge | Awaited::TeachBadge(..) | Awaited::Pin(..) | Awaited::Close => None,
            Awaited::OverrideReason(by) => (!meaning.is_known()).then(|| self.override_with(&by, &reading.text)),
            Awaited::ReprintReason(job) => (!meaning.is_known()).then(|| self.reprint(&job, &reading.text)),
            Awaited::OverrideItem(by, reason) => Some(self.override_item(&by, &reason, &meaning)),
        }
    }

    fn trait_of(&self, item: Item, wanted: Trait, reading: &Reading, meaning: &Meaning) -> Option<Draft> {
        let known = self.completed(&item, reading, meaning);
        let text = || {
            (!meaning.is_known()
                && !looks_ours(&reading.text)
                && matches!(reading.content, Content::Text | Content::Waybill(_) | Content::Article { .. }))
            .then(|| reading.text.clone())
        };
        let identity = match known {
            Some(identity) => identity,
            None => {
                let text = text()?;
                let mut identity = item.identity.clone();
                match wanted {
                    Trait::Lot => identity.lot = Some(text),
                    Trait::Serial => identity.serial = Some(text),
                    Trait::Revision => identity.revision = Some(self.revision_in(&item, &text)),
                    Trait::Expiry => match dates::written(&text, self.now.today.year()) {
                        Some(date) => identity.expiry = Some(date),
                        None => {
                            return Some(self.awaiting(
                                Draft::new(Code::AwaitingExpiry).got_text(&text),
                                Awaited::Trait(item, wanted),
                            ));
                        }
                    },
                }
                identity
            }
        };
        Some(self.settle(&Item { identity, ..item }))
    }

    /// A second GS1 code of the same unit, with what the first one left out.
    fn completed(&self, item: &Item, reading: &Reading, meaning: &Meaning) -> Option<Identity> {
        let (Content::Gs1(elements) | Content::DigitalLink(elements)) = &reading.content else { return None };
        let same = elements.gtin.is_none() || meaning.items.iter().any(|other| other.sku == item.sku);
        let more = identity_of(elements);
        let first = &item.identity;
        let merged = Identity {
            lot: first.lot.clone().or(more.lot),
            serial: first.serial.clone().or(more.serial),
            expiry: first.expiry.or(more.expiry),
            revision: first.revision.clone().or(more.revision),
        };
        (same && merged != *first).then_some(merged)
    }

    fn revision_in(&self, item: &Item, text: &str) -> String {
        let product = self.view.product(item.sku.as_str());
        let pattern = product.as_ref().and_then(|product| product.revision_pattern.as_ref());
        pattern.and_then(|pattern| pattern.find(text)).unwrap_or(text).to_owned()
    }

    /// The product, by its own label or by the shelf that it lies on.
    fn sku_of(&self, items: &[Item], reading: &Reading, meaning: &Meaning) -> Option<Draft> {
        let by_label = items.iter().find(|item| meaning.items.len() == 1 && meaning.items[0].sku == item.sku);
        let claims = self.claims();
        let on_shelf = claims.iter().filter(|claim| claim.location() == Some(reading.text.as_str()));
        let skus: Vec<_> = on_shelf.filter_map(|claim| claim.order_line().map(|line| line.spec.sku.clone())).collect();
        let mut by_shelf = items.iter().filter(|item| skus.contains(&item.sku));
        let chosen = by_label.or_else(|| by_shelf.next().filter(|_| by_shelf.next().is_none()))?;
        Some(self.settle(chosen))
    }

    fn slot_of(&self, item: &Item, slot: &str, reading: &Reading, meaning: &Meaning) -> Option<Draft> {
        if slot_text(reading) == slot {
            return Some(self.item(item));
        }
        let is_slot = self.claims().iter().any(|claim| claim.slot() == Some(slot_text(reading)));
        if is_slot {
            let expected = Facts { slot: Some(slot.to_owned()), sku: Some(item.sku.clone()), ..Facts::default() };
            let got = Facts { slot: Some(slot_text(reading).to_owned()), ..self.item_facts(item) };
            let draft = Draft::new(Code::WrongSlot).expected(expected).got(got).slot(Some(slot));
            return Some(self.overridable(draft, Some(item)));
        }
        if meaning.is_known() {
            return None;
        }
        let unknown = || Draft::new(Code::UnknownCode).got_text(&reading.text);
        let draft = self.place(&reading.text).unwrap_or_else(unknown);
        // neither a shelf nor a stray code is what was asked for: the unit still waits for its slot
        Some(self.awaiting(draft, Awaited::Slot(item.clone(), slot.to_owned())))
    }

    fn put_back_of(&self, meaning: &Meaning) -> Draft {
        let open = self.station.work.as_ref();
        let is_here =
            |order: &OrderId| open.is_none_or(|work| self.orders_of(work).iter().any(|known| known.id() == order));
        if let Some(order) = meaning.order().filter(|order| is_here(order)) {
            let has_goods = self
                .view
                .order(order.as_str())
                .is_some_and(|order| order.has_put_back() || !recall::on_order(self.view, &order).is_empty());
            if !has_goods {
                return Draft::new(Code::WrongStep).why(Why::NothingToPutBack).order(order);
            }
            let station = || self.rules.id.clone();
            let parked = open.map(|work| Event::WorkParked { station: station(), work: work.clone() });
            let opened = Event::WorkOpened { station: station(), work: Work::PutBack(order.clone()) };
            return Draft::new(Code::Opened).order(order).events(parked).event(opened);
        }
        match meaning.items.as_slice() {
            [] if !meaning.is_known() => Draft::new(Code::UnknownCode),
            [item] if open.is_some() => self.put_back_item(item),
            [] if open.is_some() => Draft::new(Code::WrongStep).why(Why::WorkOpen).expected(self.open_work()),
            _ => Draft::new(Code::WrongStep).why(Why::NothingToPutBack),
        }
    }
}

/// What a scanned slot is called: its own name, or the one in our code on it.
fn slot_text(reading: &Reading) -> &str {
    match &reading.content {
        Content::Own(OwnCode::Thing { kind: CodeKind::Place, id, check: CodeCheck::Ok }) => id,
        _ => &reading.text,
    }
}
