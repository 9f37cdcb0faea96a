//! What a reading means here: products, work that it opens, a waybill, a parcel, a place.

use super::Desk;
use super::bagging::LabelMember;
use crate::barcode::codes::{CodeCheck, CodeKind, OwnCode};
use crate::barcode::{Content, Elements, Reading, carrier};
use crate::domain::ids::{BagId, ManifestId, OrderId, ParcelId, PickListId, Sku, WaybillNo};
use crate::domain::order::Identity;
use crate::domain::product::{barcode_key, part_number_key};
use crate::domain::station::{Item, Mode, Work};
use crate::domain::verdict::Facts;
use crate::domain::view::Numbered;

/// Everything here that bears the code. Several kinds at once are possible, and each step takes the kind it asks for.
#[derive(Debug, Default)]
pub(super) struct Meaning {
    /// Products, with what the code says of the unit.
    pub items: Vec<Item>,
    /// Work that it would open.
    pub opens: Vec<Work>,
    /// A waybill.
    pub waybill: Option<WaybillNo>,
    /// A parcel.
    pub parcel: Option<ParcelId>,
    /// A manifest.
    pub manifest: Option<ManifestId>,
    /// A member of an aggregated label.
    pub member: Option<LabelMember>,
    /// A place, a station or a badge: known, but nothing to work on.
    pub other: bool,
}

impl Meaning {
    pub(super) fn is_known(&self) -> bool {
        !self.items.is_empty()
            || !self.opens.is_empty()
            || self.waybill.is_some()
            || self.parcel.is_some()
            || self.manifest.is_some()
            || self.member.is_some()
            || self.other
    }

    /// The order that it names.
    pub(super) fn order(&self) -> Option<&OrderId> {
        self.opens.iter().find_map(|work| match work {
            Work::Order(order) => Some(order),
            _ => None,
        })
    }

    fn opens(&mut self, work: Work) {
        if !self.opens.contains(&work) {
            self.opens.push(work);
        }
    }
}

/// Places in a text at which a revision may begin.
const PARTS_MAX: usize = 8;

/// What work is called when several could be meant.
pub(super) fn describe(work: &Work) -> String {
    match work {
        Work::List(list) => list.to_string(),
        Work::Order(order) | Work::PutBack(order) => order.to_string(),
        Work::Waybill(waybill) => waybill.to_string(),
        Work::Manifest(manifest) => manifest.to_string(),
    }
}

impl Desk<'_> {
    pub(super) fn meaning(&self, reading: &Reading) -> Meaning {
        let mut meaning = Meaning { items: self.products(reading), ..Meaning::default() };
        let counting = matches!(self.rules.mode, Mode::Pick | Mode::Pack | Mode::Bench) && self.station.work.is_some();
        if counting && self.station.unbound.is_empty() && !meaning.items.is_empty() {
            // with work open an item is an item, whatever else bears its code
            return meaning;
        }
        match &reading.content {
            Content::Own(OwnCode::Thing { kind, id, check: CodeCheck::Ok }) => self.own(*kind, id, &mut meaning),
            Content::Own(OwnCode::Command(_)) => meaning.other = true,
            Content::Own(OwnCode::Thing { .. }) => {}
            Content::Waybill(waybill) | Content::Article { waybill: Some(waybill), .. } => {
                self.named(&reading.text, &mut meaning);
                self.named_waybill(&waybill.number, &mut meaning);
            }
            Content::Text | Content::Article { .. } => self.named(&reading.text, &mut meaning),
            Content::Gs1(_) | Content::DigitalLink(_) => {}
        }
        meaning
    }

    /// Products that bear the code.
    pub(super) fn products(&self, reading: &Reading) -> Vec<Item> {
        let item = |sku: Sku, quantity: u32, identity: &Identity| Item {
            sku,
            quantity,
            identity: identity.clone(),
            waiver: None,
        };
        let plain = Identity::default();
        match &reading.content {
            Content::Gs1(elements) | Content::DigitalLink(elements) => {
                let identity = identity_of(elements);
                let count = elements.count.unwrap_or(1);
                self.products_of(elements)
                    .into_iter()
                    .map(|(sku, pack)| item(sku, pack.saturating_mul(count), &identity))
                    .collect()
            }
            Content::Own(OwnCode::Thing { kind: CodeKind::Product, id, check: CodeCheck::Ok }) => {
                let sku = self.by_number(Numbered::Product, id).and_then(|sku| Sku::new(&sku).ok());
                sku.map(|sku| item(sku, 1, &plain)).into_iter().collect()
            }
            Content::Own(_) => Vec::new(),
            Content::Article { gtin, .. } => self
                .barcode_or_name(gtin, &reading.text)
                .into_iter()
                .map(|(sku, pack)| item(sku, pack, &plain))
                .collect(),
            Content::Waybill(_) | Content::Text => {
                let text = reading.text.as_str();
                let whole = self.barcode_or_name(&barcode_key(text), text).into_iter();
                let mut found: Vec<Item> =
                    whole.map(|(sku, pack)| item(sku.clone(), pack, &self.marked(&sku, text))).collect();
                if found.is_empty() {
                    found.extend(self.with_revision(text).map(|(sku, pack, unit)| item(sku, pack, &unit)));
                }
                found
            }
        }
    }

    /// What a text that bears a product says of the unit: its revision, by the product's own pattern.
    fn marked(&self, sku: &Sku, text: &str) -> Identity {
        let product = self.view.product(sku.as_str());
        let pattern = product.as_ref().and_then(|product| product.revision_pattern.as_ref());
        let revision = pattern.and_then(|pattern| pattern.find(text)).map(str::to_owned);
        Identity { revision, ..Identity::default() }
    }

    /// A product's code with a revision behind it, as its pattern has it.
    fn with_revision(&self, text: &str) -> Option<(Sku, u32, Identity)> {
        let ends = text.char_indices().filter(|(at, character)| *at > 0 && !character.is_alphanumeric());
        let mut parted = ends.take(PARTS_MAX).map(|(at, _)| text.split_at(at));
        parted.find_map(|(code, rest)| {
            let found = self.barcode_or_name(&barcode_key(code), code);
            let [(sku, pack)] = found.as_slice() else { return None };
            let unit = self.marked(sku, rest);
            let product = self.view.product(sku.as_str())?;
            let written = format!("{}{}", product.revision_pattern.as_ref()?.after, unit.revision.as_ref()?);
            (written == rest).then(|| (sku.clone(), *pack, unit))
        })
    }

    fn products_of(&self, elements: &Elements) -> Vec<(Sku, u32)> {
        match &elements.gtin {
            Some(gtin) => self.view.barcode(gtin),
            None => {
                let part_numbers = elements.all.iter().filter(|(ai, _)| matches!(ai.as_str(), "240" | "241"));
                part_numbers
                    .flat_map(|(_, value)| self.view.part_number(&part_number_key(value)))
                    .map(|sku| (sku, 1))
                    .collect()
            }
        }
    }

    /// By barcode, else by the SKU itself, else by part number.
    fn barcode_or_name(&self, key: &str, text: &str) -> Vec<(Sku, u32)> {
        let by_barcode = self.view.barcode(key);
        if !by_barcode.is_empty() {
            return by_barcode;
        }
        if let Some(product) = self.view.product(text) {
            return vec![(product.sku.clone(), 1)];
        }
        self.view.part_number(&part_number_key(text)).into_iter().map(|sku| (sku, 1)).collect()
    }

    fn by_number(&self, kind: Numbered, id: &str) -> Option<String> {
        self.view.by_number(kind, id.parse().ok()?)
    }

    fn own(&self, kind: CodeKind, id: &str, meaning: &mut Meaning) {
        match kind {
            CodeKind::Order => {
                let order = self.by_number(Numbered::Order, id).and_then(|id| OrderId::new(&id).ok());
                meaning.opens.extend(order.map(Work::Order));
            }
            CodeKind::PickList => {
                let list = self.by_number(Numbered::PickList, id).and_then(|id| PickListId::new(&id).ok());
                meaning.opens.extend(list.map(Work::List));
            }
            CodeKind::Parcel => {
                meaning.parcel = self.by_number(Numbered::Parcel, id).and_then(|id| ParcelId::new(&id).ok());
            }
            CodeKind::Place => {
                meaning.opens.extend(self.view.list_by_tote(id).map(Work::List));
                meaning.other = true;
            }
            CodeKind::Station | CodeKind::Badge => meaning.other = true,
            CodeKind::Manifest => {
                meaning.manifest = self.by_number(Numbered::Manifest, id).and_then(|id| ManifestId::new(&id).ok());
            }
            CodeKind::LabelMember => meaning.member = self.label_member(id),
            // products are found by `products`
            CodeKind::Product => {}
        }
    }

    /// `<label>.<version>.<member>` of a label that was printed.
    fn label_member(&self, id: &str) -> Option<LabelMember> {
        let mut numbers = id.splitn(3, '.').map(|part| part.parse::<u32>().ok());
        let (label, version, number) = (numbers.next()??, numbers.next()??, numbers.next()??);
        let bag = self.view.by_number(Numbered::Bag, label).and_then(|id| BagId::new(&id).ok())?;
        let printed = self.view.bag(bag.as_str())?.current().is_some_and(|current| version <= current.version);
        (printed && version > 0).then_some(LabelMember { bag, version, number })
    }

    /// Things that bear a bare id.
    fn named(&self, text: &str, meaning: &mut Meaning) {
        if let Some(order) = self.view.order(text) {
            meaning.opens(Work::Order(order.id().clone()));
        }
        if let Some(order) = self.view.order_by_tracking(text) {
            meaning.opens(Work::Order(order));
        }
        if let Some(list) = self.view.list(text) {
            meaning.opens(Work::List(list.id.clone()));
        }
        if let Some(list) = self.view.list_by_tote(text) {
            meaning.opens(Work::List(list));
        }
        if let Some(parcel) = self.view.parcel(text) {
            meaning.parcel = Some(parcel.id.clone());
        }
        if let Some(manifest) = self.view.manifest(text) {
            meaning.manifest = Some(manifest.id.clone());
        }
        self.named_waybill(text, meaning);
        if meaning.waybill.is_none() {
            // package codes carry the piece behind the number
            if let Some(read) = carrier::read(text) {
                self.named_waybill(&read.number, meaning);
            }
        }
    }

    fn named_waybill(&self, number: &str, meaning: &mut Meaning) {
        if let Some(waybill) = self.view.waybill(number) {
            meaning.opens(Work::Waybill(waybill.number.clone()));
            meaning.waybill = Some(waybill.number.clone());
        }
    }

    /// What an item scan said, for people.
    pub(super) fn item_facts(&self, item: &Item) -> Facts {
        Facts {
            sku: Some(item.sku.clone()),
            name: self
                .view
                .product(item.sku.as_str())
                .map(|product| product.name.clone())
                .filter(|name| !name.is_empty()),
            lot: item.identity.lot.clone(),
            serial: item.identity.serial.clone(),
            expiry: item.identity.expiry,
            revision: item.identity.revision.clone(),
            quantity: (item.quantity > 1).then_some(item.quantity),
            ..Facts::default()
        }
    }
}

/// What an element string says of the unit.
pub(super) fn identity_of(elements: &Elements) -> Identity {
    Identity {
        lot: elements.lot.clone(),
        serial: elements.serial.clone(),
        expiry: elements.expiry,
        revision: elements.variant.clone(),
    }
}
