//! Things that upstream describes.

use std::cmp::Ordering;

use super::action::{gifts_of_nothing, of_less_wanted};
use super::address::readdress;
use super::{
    ListContent, ListLineSpec, ListSpec, OperatorSpec, Outcome, ProductSpec, Refusal, Terms, Thing, WaybillSpec,
};
use crate::domain::apply::is_local_stage;
use crate::domain::courier;
use crate::domain::event::Event;
use crate::domain::gate;
use crate::domain::ids::{OrderId, Sku, WaybillNo};
use crate::domain::order::{
    Difference, Hold, HoldReason, Identity, LineSpec, Order, OrderLine, OrderSpec, QUANTITY_MAX, Stage,
};
use crate::domain::product::{Product, barcode_key};
use crate::domain::view::{Numbered, View};
use crate::domain::work::{
    LabelFile, ListState, Operator, Parcel, ParcelState, PickLine, PickList, VoidReason, Waybill, WrongPins,
};

/// Judges a thing that upstream describes. Every object may carry a version; an older one changes nothing, and one that
/// is known says the same again or is refused.
#[must_use]
pub fn intake(view: &dyn View, terms: &Terms, thing: Thing) -> Outcome {
    let judged = match thing {
        Thing::Product(spec) => product(view, spec),
        Thing::Order(spec) => order(view, terms, *spec),
        Thing::List(spec) => list(view, spec),
        Thing::Waybill(spec) => waybill_put(view, spec),
        Thing::Manifest(spec) => super::manifest::manifest(view, spec),
        Thing::Operator(spec) => operator(view, spec),
        Thing::StopList(spec) => super::stop_list::stop_list(view, spec),
    };
    judged.unwrap_or_else(Outcome::Refused).with_bags(view)
}

pub(super) fn is_old(known: Option<i64>, new: Option<i64>) -> bool {
    matches!((known, new), (Some(known), Some(new)) if new < known)
}

/// What is said under a version that is known, and is not what was said under it before.
pub(super) fn check_version(what: &impl ToString, known: Option<i64>, new: Option<i64>) -> Result<(), Refusal> {
    match new.filter(|new| known == Some(*new)) {
        Some(version) => Err(Refusal::VersionReused { what: what.to_string(), version }),
        None => Ok(()),
    }
}

fn product(view: &dyn View, spec: ProductSpec) -> Result<Outcome, Refusal> {
    let known = view.product(spec.sku.as_str());
    let number = known.as_ref().map_or_else(|| view.next_number(Numbered::Product), |known| known.number);
    let ProductSpec { sku, version, name, barcodes, part_numbers, tracking, revision_pattern } = spec;
    let taught = known.as_ref().map(|known| known.taught.clone()).unwrap_or_default();
    if known.as_ref().is_some_and(|known| is_old(known.version, version)) {
        return Ok(Outcome::Unchanged);
    }
    let known_version = known.as_ref().and_then(|known| known.version);
    let mut product = Product {
        sku,
        name,
        number,
        version: version.or(known_version),
        barcodes,
        part_numbers,
        tracking,
        revision_pattern,
        taught,
    };
    product.keep_taught();
    if known.as_ref().is_some_and(|known| **known == product) {
        return Ok(Outcome::Unchanged);
    }
    check_version(&product.sku, known_version, version)?;
    let sku = product.sku.clone();
    let mut events = forgotten(view, &product);
    events.push(Event::ProductPut { product: Box::new(product) });
    if known.is_some() {
        return Ok(Outcome::Updated(events));
    }
    for order in view.waiting_for_product(&sku).iter().filter_map(|id| view.order(id.as_str())) {
        let still_unknown =
            order.lines.iter().flat_map(skus).any(|wanted| *wanted != sku && view.product(wanted.as_str()).is_none());
        if !still_unknown {
            events.push(Event::OrderReleased { order: order.id().clone(), reasons: vec![HoldReason::MasterData] });
        }
    }
    Ok(Outcome::Created(events))
}

/// Codes that a station taught for another product: upstream's word is the stronger.
fn forgotten(view: &dyn View, product: &Product) -> Vec<Event> {
    let mut events = Vec::new();
    for key in product.barcodes.iter().map(|barcode| barcode_key(&barcode.text)) {
        let others = view.barcode(&key).into_iter().filter(|(sku, _)| *sku != product.sku);
        for other in others.filter_map(|(sku, _)| view.product(sku.as_str())) {
            let taught = other.taught.iter().filter(|barcode| barcode_key(&barcode.text) == key);
            events
                .extend(taught.map(|code| Event::BarcodeForgotten { sku: other.sku.clone(), text: code.text.clone() }));
        }
    }
    events
}

/// The products that a line can't do without.
fn skus(line: &OrderLine) -> impl Iterator<Item = &Sku> {
    line.parts.iter().map(|part| &part.sku)
}

fn order(view: &dyn View, terms: &Terms, mut spec: OrderSpec) -> Result<Outcome, Refusal> {
    check_lines(&spec)?;
    let known = view.order(spec.id.as_str());
    if let Some(known) = &known {
        if is_old(known.spec.version, spec.version) {
            return Ok(Outcome::Unchanged);
        }
        if spec.stage <= known.stage {
            // a stage is never lowered, so that there is nothing new in an earlier one
            spec.stage = known.spec.stage;
        }
    }
    let version = spec.version;
    spec.version = spec.version.or(known.as_ref().and_then(|known| known.spec.version));
    spec.paid_at = spec.paid_at.or_else(|| known.as_ref().map_or(Some(terms.at), |known| known.spec.paid_at));
    let id = spec.id.clone();
    if let Some(code) = &spec.tracking_code
        && let Some(other) = view.order_by_tracking(code).filter(|other| *other != id)
    {
        return Err(Refusal::TrackingTaken(code.clone(), other));
    }
    if let Some(known) = known.as_deref().filter(|known| version.is_some() && known.spec.version == version) {
        if !says_the_same(known, &spec) {
            check_version(&id, known.spec.version, version)?;
        }
        return Ok(Outcome::Unchanged);
    }
    let now = known.as_ref().map_or(Stage::Paid, |known| known.stage);
    if spec.stage > now
        && spec.stage > Stage::StockLocked
        && (is_local_stage(spec.stage) || now < Stage::WaybillReported)
    {
        return Err(Refusal::StageOutOfTurn { now, wanted: spec.stage });
    }
    let number = known.as_ref().map_or_else(|| view.next_number(Numbered::Order), |known| known.number);
    let mut events = Vec::new();
    let mut after = match &known {
        Some(known) => {
            let differences = differences(known, &spec);
            if let Some(first) = differences.first() {
                let refusal = Refusal::LineBegun(first.line);
                let told = known.differs == differences;
                let event = Event::OrderDiffers { order: id, differences };
                return Ok(if told { Outcome::Refused(refusal) } else { Outcome::Disputed(refusal, vec![event]) });
            }
            check_carrier(view, known, &spec)?;
            events.extend(readdress(view, terms, known, spec.consignee.clone())?);
            (**known).clone().merge(spec.clone())
        }
        None => Order::new(spec.clone(), number),
    };
    if known.as_ref().is_some_and(|known| **known == after) {
        return Ok(Outcome::Unchanged);
    }
    let readdressed = !events.is_empty();
    events.push(Event::OrderPut { spec: Box::new(spec), number });
    events.extend(lines_of_cancelled(&mut after));
    events.extend(gifts_of_nothing(&mut after));
    if let Some(known) = known.as_deref().filter(|_| !readdressed) {
        events.extend(of_less_wanted(view, known, &mut after));
    }
    events.extend(master_data(view, &id, &after));
    Ok(if known.is_some() { Outcome::Updated(events) } else { Outcome::Created(events) })
}

/// Whether nothing is wanted otherwise, whatever happened to the order here.
fn says_the_same(known: &Order, spec: &OrderSpec) -> bool {
    let after = known.clone().merge(spec.clone());
    let lines = |order: &Order| order.lines.iter().map(|line| line.spec.clone()).collect::<Vec<_>>();
    after.spec == known.spec && lines(&after) == lines(known)
}

/// A cancelled order wants nothing, whatever is said of its lines later: its goods still go back.
fn lines_of_cancelled(after: &mut Order) -> Vec<Event> {
    let (id, cancelled) = (after.id().clone(), after.cancelled);
    let lines = after.lines.iter_mut().filter(|line| cancelled && line.demanded() > 0);
    let cancel = |line: &mut OrderLine| {
        let quantity = line.demanded();
        line.cancelled += quantity;
        Event::LineCancelled { order: id.clone(), line: line.spec.line, quantity }
    };
    lines.map(cancel).collect()
}

fn check_lines(spec: &OrderSpec) -> Result<(), Refusal> {
    if spec.lines.is_empty() {
        return Err(Refusal::NoLines);
    }
    for (index, line) in spec.lines.iter().enumerate() {
        if spec.lines[..index].iter().any(|earlier| earlier.line == line.line) {
            return Err(Refusal::LineTwice(line.line));
        }
        let too_many = |units: u32| u64::from(units) * u64::from(line.quantity) > u64::from(QUANTITY_MAX);
        if line.components.iter().any(|component| too_many(component.quantity)) {
            return Err(Refusal::KitTooLarge(line.line));
        }
        let other = |gift_of: u32| gift_of != line.line && spec.lines.iter().any(|other| other.line == gift_of);
        if let Some(gift_of) = line.gift_of.filter(|gift_of| !other(*gift_of)) {
            return Err(Refusal::GiftToNothing(line.line, gift_of));
        }
    }
    Ok(())
}

/// Lines whose goods were begun and that are wanted otherwise now: another product, or units that were not picked.
fn differences(known: &Order, spec: &OrderSpec) -> Vec<Difference> {
    let differs = |line: &&OrderLine| {
        let new = spec.lines.iter().find(|new| new.line == line.spec.line)?;
        let begun = line.parts.iter().any(|part| part.picked > 0 || part.packed > 0);
        let other_goods = new.sku != line.spec.sku || new.components != line.spec.components;
        let pins = |spec: &LineSpec| (spec.lot.clone(), spec.revision.clone(), spec.serials.clone(), spec.min_expiry);
        let other_units = pins(new) != pins(&line.spec) && line.units.iter().any(|unit| !fits(new, &unit.identity));
        (begun && (other_goods || other_units)).then(|| Difference { line: new.line, wanted: new.clone() })
    };
    known.lines.iter().filter_map(|line| differs(&line)).collect()
}

/// Whether a unit that was picked is one that a line wants; what was not captured can't contradict.
fn fits(line: &LineSpec, unit: &Identity) -> bool {
    let agrees = |wanted: &Option<String>, got: &Option<String>| wanted.is_none() || got.is_none() || wanted == got;
    let serial = unit.serial.as_ref().is_none_or(|serial| line.serials.is_empty() || line.serials.contains(serial));
    let expiry = unit.expiry.zip(line.min_expiry).is_none_or(|(expiry, earliest)| expiry >= earliest);
    agrees(&line.lot, &unit.lot) && agrees(&line.revision, &unit.revision) && serial && expiry
}

/// The carrier stays while numbers of it hold.
fn check_carrier(view: &dyn View, known: &Order, spec: &OrderSpec) -> Result<(), Refusal> {
    let valid = || {
        known
            .waybills
            .iter()
            .filter_map(|number| view.waybill(number.as_str()))
            .filter(|waybill| waybill.void.is_none())
    };
    if spec.carrier != known.spec.carrier
        && let Some(waybill) = valid().next()
    {
        return Err(Refusal::CarrierFixed(waybill.number.clone(), waybill.carrier.clone()));
    }
    Ok(())
}

/// An order that names an unknown product is held until the product comes.
fn master_data(view: &dyn View, id: &OrderId, after: &Order) -> Option<Event> {
    let unknown = after.lines.iter().flat_map(skus).find(|sku| view.product(sku.as_str()).is_none());
    let held = after.holds.iter().any(|hold| hold.reason == HoldReason::MasterData);
    match (unknown, held) {
        (Some(sku), _) => {
            let hold = Hold::by_rule(HoldReason::MasterData, Some(sku.to_string()));
            Some(Event::OrderHeld { order: id.clone(), hold })
        }
        (None, true) => Some(Event::OrderReleased { order: id.clone(), reasons: vec![HoldReason::MasterData] }),
        (None, false) => None,
    }
}

fn list(view: &dyn View, spec: ListSpec) -> Result<Outcome, Refusal> {
    let known = view.list(spec.id.as_str());
    if let Some(known) = &known {
        let is_known = spec.version.is_some() && spec.version == known.version;
        if is_old(known.version, spec.version) || (is_known && names_the_same(view, known, &spec)) {
            return Ok(Outcome::Unchanged);
        }
        check_version(&spec.id, known.version, spec.version)?;
    }
    let mut lines = match &spec.content {
        ListContent::Orders(orders) => lines_of_orders(view, &spec, orders)?,
        ListContent::Lines(lines) => lines
            .iter()
            .map(|line| {
                pick_line(line.order.clone(), line.line, line.quantity, line.location.clone(), line.slot.clone())
            })
            .collect(),
    };
    lines.sort_by(|one, other| {
        natural(one.slot.as_deref(), other.slot.as_deref())
            .then_with(|| natural(Some(one.order.as_str()), Some(other.order.as_str())))
            .then(one.line.cmp(&other.line))
    });
    let number = known.as_ref().map_or_else(|| view.next_number(Numbered::PickList), |known| known.number);
    let list = PickList {
        id: spec.id.clone(),
        number,
        version: spec.version.or(known.as_ref().and_then(|known| known.version)),
        tote: spec.tote.clone(),
        state: ListState::Waiting,
        lines,
    };
    if let Some(known) = &known {
        let same_lines = known.lines.iter().map(plan).eq(list.lines.iter().map(plan));
        if same_lines && known.tote == list.tote {
            return Ok(Outcome::Unchanged);
        }
        let begun = known.lines.iter().any(|line| line.picked.iter().chain(&line.packed).any(|count| *count > 0));
        if begun || !matches!(known.state, ListState::Waiting | ListState::Parked) {
            return Err(Refusal::ListInWork(known.id.clone()));
        }
    }
    check_free(view, &list)?;
    let event = vec![Event::ListPut { list: Box::new(list) }];
    Ok(if known.is_some() { Outcome::Updated(event) } else { Outcome::Created(event) })
}

/// Whether a list's description names what the list was made of; of orders the lines that are still wanted may have changed.
fn names_the_same(view: &dyn View, known: &PickList, spec: &ListSpec) -> bool {
    let same = match &spec.content {
        ListContent::Orders(orders) => {
            let listed = |id: &OrderId| known.lines.iter().any(|line| line.order == *id);
            let wants = |id: &OrderId| {
                view.order(id.as_str()).is_none_or(|order| order.lines.iter().any(|line| line.wanted() > 0))
            };
            known.lines.iter().all(|line| orders.contains(&line.order))
                && orders.iter().all(|id| listed(id) || !wants(id))
        }
        ListContent::Lines(lines) => {
            let said = |line: &ListLineSpec| {
                (line.order.clone(), line.line, line.quantity, line.location.clone(), line.slot.clone())
            };
            let kept = |line: &PickLine| {
                (line.order.clone(), line.line, line.quantity, line.location.clone(), line.slot.clone())
            };
            let (mut said, mut kept): (Vec<_>, Vec<_>) =
                (lines.iter().map(said).collect(), known.lines.iter().map(kept).collect());
            said.sort_unstable();
            kept.sort_unstable();
            said == kept
        }
    };
    same && known.tote == spec.tote
}

fn pick_line(order: OrderId, line: u32, quantity: u32, location: Option<String>, slot: Option<String>) -> PickLine {
    PickLine { order, line, quantity, location, slot, short: 0, picked: Vec::new(), packed: Vec::new() }
}

/// A line without its progress.
fn plan(line: &PickLine) -> (&OrderId, u32, u32, &Option<String>, &Option<String>) {
    (&line.order, line.line, line.quantity, &line.location, &line.slot)
}

fn lines_of_orders(view: &dyn View, spec: &ListSpec, orders: &[OrderId]) -> Result<Vec<PickLine>, Refusal> {
    let mut lines = Vec::new();
    for id in orders {
        let order = view.order(id.as_str()).ok_or_else(|| Refusal::UnknownOrder(id.clone()))?;
        for line in &order.lines {
            let listed = listed_elsewhere(view, spec.id.as_str(), &order, line.spec.line);
            if listed > 0 {
                let (wanted, free) = (line.wanted(), line.wanted().saturating_sub(listed));
                return Err(Refusal::AlreadyListed { order: id.clone(), line: line.spec.line, wanted, free });
            }
            if line.wanted() > 0 {
                lines.push(pick_line(id.clone(), line.spec.line, line.wanted(), None, None));
            }
        }
    }
    if lines.is_empty() { Err(Refusal::NothingToPick) } else { Ok(lines) }
}

/// How much of a line other unfinished lists have.
fn listed_elsewhere(view: &dyn View, list: &str, order: &Order, line: u32) -> u32 {
    let others = order.lists.iter().filter(|id| id.as_str() != list).filter_map(|id| view.list(id.as_str()));
    let unfinished = others.filter(|other| other.state != ListState::Done);
    unfinished
        .map(|other| {
            other
                .lines
                .iter()
                .filter(|entry| entry.order == *order.id() && entry.line == line)
                .map(|entry| entry.quantity)
                .sum::<u32>()
        })
        .sum()
}

fn check_free(view: &dyn View, list: &PickList) -> Result<(), Refusal> {
    if list.lines.is_empty() {
        return Err(Refusal::NothingToPick);
    }
    for entry in &list.lines {
        let order = view.order(entry.order.as_str()).ok_or_else(|| Refusal::UnknownOrder(entry.order.clone()))?;
        let line = order.line(entry.line).ok_or_else(|| Refusal::UnknownLine(entry.order.clone(), entry.line))?;
        let here: u32 = list
            .lines
            .iter()
            .filter(|other| other.order == entry.order && other.line == entry.line)
            .map(|other| other.quantity)
            .sum();
        let free = line.wanted().saturating_sub(listed_elsewhere(view, list.id.as_str(), &order, entry.line));
        if here > free {
            return Err(Refusal::AlreadyListed { order: entry.order.clone(), line: entry.line, wanted: here, free });
        }
    }
    Ok(())
}

/// Texts with numbers in them as people sort them: A2 before A10; nothing comes last.
fn natural(one: Option<&str>, other: Option<&str>) -> Ordering {
    let (Some(one), Some(other)) = (one, other) else { return other.is_some().cmp(&one.is_some()) };
    let (mut left, mut right) = (one, other);
    while let (Some(a), Some(b)) = (left.chars().next(), right.chars().next()) {
        let ordering = if a.is_ascii_digit() && b.is_ascii_digit() {
            let (number_a, rest_a) = leading_digits(left);
            let (number_b, rest_b) = leading_digits(right);
            (left, right) = (rest_a, rest_b);
            number_a.len().cmp(&number_b.len()).then_with(|| number_a.cmp(number_b))
        } else {
            (left, right) = (&left[a.len_utf8()..], &right[b.len_utf8()..]);
            a.cmp(&b)
        };
        if ordering != Ordering::Equal {
            return ordering;
        }
    }
    left.len().cmp(&right.len()).then_with(|| one.cmp(other))
}

fn leading_digits(text: &str) -> (&str, &str) {
    let end = text.bytes().position(|byte| !byte.is_ascii_digit()).unwrap_or(text.len());
    (text[..end].trim_start_matches('0'), &text[end..])
}

/// Judges a waybill, whoever assigned it.
pub(in crate::domain) fn waybill_put(view: &dyn View, spec: WaybillSpec) -> Result<Outcome, Refusal> {
    let known = view.waybill(spec.number.as_str());
    if known.as_ref().is_some_and(|known| is_old(known.version, spec.version)) {
        return Ok(Outcome::Unchanged);
    }
    let version = spec.version;
    let (mut waybill, label) = new_waybill(spec);
    if let Some(known) = &known {
        waybill.version = waybill.version.or(known.version);
        (waybill.loaded, waybill.parcels) = (known.loaded, known.parcels.clone());
        waybill.void.clone_from(&known.void);
        waybill.given_back = known.given_back;
        waybill.loading.clone_from(&known.loading);
        if **known == waybill {
            return Ok(Outcome::Unchanged);
        }
        check_version(&known.number, known.version, version)?;
        if known.void.is_some() {
            return Err(Refusal::Void(known.number.clone()));
        }
        if known.orders != waybill.orders && !known.parcels.is_empty() {
            return Err(Refusal::Bound(known.number.clone()));
        }
    }
    if waybill.replaces.as_ref() == Some(&waybill.number) {
        return Err(Refusal::ReplacesItself(waybill.number));
    }
    check_orders(view, &waybill)?;
    if let Some(label) = &label {
        check_label(view, &waybill, label)?;
    }
    if known.is_none()
        && let Some(late) = courier::late(view, &waybill)
    {
        return Ok(late);
    }
    let mut events = Vec::new();
    if let Some(old) =
        waybill.replaces.as_ref().and_then(|old| view.waybill(old.as_str())).filter(|old| old.void.is_none())
    {
        if old.loaded {
            return Err(Refusal::Loaded(old.number.clone()));
        }
        events.push(old.voided(VoidReason::ReplacedBy(waybill.number.clone())));
    }
    let successor = known.is_none().then(|| replaced_already(view, &waybill)).flatten();
    let then = match successor {
        Some(successor) => vec![waybill.voided(VoidReason::ReplacedBy(successor))],
        None => bind_waiting(view, &waybill),
    };
    events.push(Event::WaybillPut { waybill: Box::new(waybill) });
    events.extend(then);
    Ok(if known.is_some() { Outcome::Updated(events) } else { Outcome::Created(events) })
}

/// A waybill as upstream says it, before anything happened to it, and the file of its label. Each order stands once.
fn new_waybill(spec: WaybillSpec) -> (Waybill, Option<LabelFile>) {
    let WaybillSpec { number, version, carrier, mut orders, parent, replaces, label } = spec;
    let mut seen: Vec<OrderId> = Vec::new();
    orders.retain(|order| {
        !seen.contains(order) && {
            seen.push(order.clone());
            true
        }
    });
    let waybill = Waybill {
        number,
        version,
        carrier,
        orders,
        parent,
        replaces,
        void: None,
        loaded: false,
        loading: None,
        given_back: false,
        parcels: Vec::new(),
        label: label.as_ref().map(LabelFile::label),
    };
    (waybill, label)
}

/// The number that came before this one and replaces it.
fn replaced_already(view: &dyn View, waybill: &Waybill) -> Option<WaybillNo> {
    let orders = waybill.orders.iter().filter_map(|id| view.order(id.as_str()));
    let numbers = orders.flat_map(|order| order.waybills.clone()).filter_map(|number| view.waybill(number.as_str()));
    let successor = numbers.into_iter().find(|other| other.replaces.as_ref() == Some(&waybill.number));
    successor.map(|successor| successor.number.clone())
}

/// Every order is there, not cancelled, with this carrier, and all go to one consignee.
fn check_orders(view: &dyn View, waybill: &Waybill) -> Result<(), Refusal> {
    let mut seen: Vec<std::sync::Arc<Order>> = Vec::new();
    for id in &waybill.orders {
        let order = view.order(id.as_str()).ok_or_else(|| Refusal::UnknownOrder(id.clone()))?;
        if order.cancelled {
            return Err(Refusal::Cancelled(id.clone()));
        }
        if order.spec.carrier != waybill.carrier {
            let (wanted, got) = (order.spec.carrier.clone(), waybill.carrier.clone());
            return Err(Refusal::WrongCarrier { order: id.clone(), wanted, got });
        }
        // "the same consignee" is not transitive: every pair must agree
        if let Some(other) = seen.iter().find(|other| !other.spec.consignee.same_as(&order.spec.consignee)) {
            return Err(Refusal::TwoConsignees(other.id().clone(), id.clone()));
        }
        seen.push(order);
    }
    if seen.is_empty() { Err(Refusal::NoOrders) } else { Ok(()) }
}

/// A label from outside shows its waybill's number, and no other waybill's but the shipment's main one.
fn check_label(view: &dyn View, waybill: &Waybill, label: &LabelFile) -> Result<(), Refusal> {
    /// Characters of the codes that a refusal tells.
    const TOLD_MAX: usize = 200;
    if label.codes.is_empty() {
        return Err(Refusal::LabelUnread(waybill.number.clone()));
    }
    if !label.shows(waybill.number.as_str()) {
        let read = label.codes.join(", ").chars().take(TOLD_MAX).collect();
        return Err(Refusal::LabelOfAnother { number: waybill.number.clone(), read });
    }
    let others = label.codes.iter().filter_map(|code| view.waybill(code));
    let mut foreign =
        others.filter(|other| other.number != waybill.number && Some(&other.number) != waybill.parent.as_ref());
    match foreign.next() {
        Some(other) => Err(Refusal::LabelOfTwo(waybill.number.clone(), other.number.clone())),
        None => Ok(()),
    }
}

/// Sealed parcels that take their order's waybill as soon as there is one.
fn bind_waiting(view: &dyn View, waybill: &Waybill) -> Vec<Event> {
    let mut events = Vec::new();
    if waybill.loaded {
        return events;
    }
    for order in waybill.orders.iter().filter_map(|id| view.order(id.as_str())) {
        let replaced = |number: &WaybillNo| waybill.replaces.as_ref() == Some(number);
        let has_other =
            gate::assigned_waybill(view, &order).is_some_and(|number| number != waybill.number && !replaced(&number));
        let free = |parcel: &Parcel| {
            let free = parcel.waybill.is_none() || parcel.waybill.as_ref().is_some_and(replaced);
            parcel.bind_assigned && parcel.state == ParcelState::Sealed && free && !parcel.contents.is_empty()
        };
        let parcels = order.parcels.iter().filter_map(|id| view.parcel(id.as_str())).filter(|parcel| free(parcel));
        let parcels: Vec<Parcel> = parcels.filter(|_| !has_other).map(|parcel| (*parcel).clone()).collect();
        events.extend(gate::bind(view, &order, &parcels, &waybill.number));
    }
    events
}

fn operator(view: &dyn View, spec: OperatorSpec) -> Result<Outcome, Refusal> {
    let known = view.operator(spec.id.as_str());
    let mut operator = Operator {
        id: spec.id,
        version: spec.version,
        name: spec.name,
        role: spec.role,
        badge: spec.fresh_badge,
        active: spec.active,
        station: None,
        pin: spec.pin,
        wrong_pins: WrongPins::default(),
    };
    let Some(known) = known else {
        return Ok(Outcome::Created(vec![Event::OperatorPut { operator: Box::new(operator) }]));
    };
    if is_old(known.version, operator.version) {
        return Ok(Outcome::Unchanged);
    }
    let version = operator.version;
    operator.version = operator.version.or(known.version);
    operator.badge.clone_from(&known.badge);
    operator.station.clone_from(&known.station);
    if operator.pin.is_none() || operator.pin == known.pin {
        operator.pin.clone_from(&known.pin);
        operator.wrong_pins = known.wrong_pins;
    }
    if *known == operator {
        return Ok(Outcome::Unchanged);
    }
    check_version(&known.id, known.version, version)?;
    Ok(Outcome::Updated(vec![Event::OperatorPut { operator: Box::new(operator) }]))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn slots_sort_as_people_count() {
        let mut slots = [Some("A10"), None, Some("A2"), Some("B1"), Some("A02")];
        slots.sort_by(|one, other| natural(*one, *other));
        assert_eq!(slots, [Some("A02"), Some("A2"), Some("A10"), Some("B1"), None]);
    }
}
