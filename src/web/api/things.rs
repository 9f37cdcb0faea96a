//! Upserts: products, orders, pick lists, waybills, manifests, operators; one object or an array of up to a thousand.

use std::collections::BTreeSet;
use std::ops::RangeInclusive;

use axum::extract::{Extension, State};
use axum::http::StatusCode;
use axum::response::Response;
use jiff::Timestamp;
use jiff::civil::Date;
use serde::Deserialize;
use serde_json::value::RawValue;
use serde_json::{Value, json};

use super::orders::{answered, problem_members};
use super::stop_lists::stop_list;
use crate::barcode::codes::{CodeKind, SiteKey, looks_ours};
use crate::codec::json::{Mistake, compact, strict, typed};
use crate::domain::ids::{CarrierCode, IdError, ManifestId, OperatorId, OrderId, PickListId, Sku, WaybillNo};
use crate::domain::manifest::{Expects, LISTED_MAX};
use crate::domain::order::{
    Component, Consignee, HoldReason, LineSpec, Note, OrderSpec, QUANTITY_MAX, ShipPolicy, Stage,
};
use crate::domain::printing::{JobState, PrintTrouble, Printable};
use crate::domain::product::{Barcode, RevisionPattern, Tracking};
use crate::domain::upstream::{
    ListContent, ListLineSpec, ListSpec, ManifestSpec, OperatorSpec, Outcome, ProductSpec, Thing, WaybillSpec,
};
use crate::domain::view::View;
use crate::domain::work::{LabelFile, Role};
use crate::message::print_trouble;
use crate::web::backend::{Backend, Caller, Pictures, Secrets, Unavailable};
use crate::web::body::Body;
use crate::web::guard::Peer;
use crate::web::problem::Problem;

/// Objects in one request.
const OBJECTS_MAX: usize = 1_000;
/// Longest text of a field that people read, in characters.
const TEXT_MAX: usize = 1_000;
/// Digits of a PIN.
const PIN_DIGITS: RangeInclusive<usize> = 4..=12;

/// What kind of things a body describes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// Products.
    Products,
    /// Orders.
    Orders,
    /// Pick lists.
    PickLists,
    /// Waybills.
    Waybills,
    /// Manifests.
    Manifests,
    /// Operators.
    Operators,
    /// Stop-lists.
    StopLists,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct ProductBody {
    sku: String,
    version: Option<i64>,
    name: Option<String>,
    barcodes: Option<Vec<BarcodeBody>>,
    part_numbers: Option<Vec<String>>,
    tracking: Option<Vec<Tracking>>,
    revision_pattern: Option<RevisionBody>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct BarcodeBody {
    text: String,
    quantity: Option<i64>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RevisionBody {
    after: String,
    length: usize,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct OrderBody {
    id: String,
    version: Option<i64>,
    tracking_code: Option<String>,
    channel: Option<String>,
    priority: Option<i32>,
    carrier: String,
    courier: Option<String>,
    region: Option<String>,
    sort_code: Option<String>,
    ship_at: Option<String>,
    paid_at: Option<String>,
    ship_policy: Option<ShipPolicy>,
    notes: Option<Vec<NoteBody>>,
    consignee: ConsigneeBody,
    stage: Option<Stage>,
    lines: Vec<LineBody>,
    ext: Option<Box<RawValue>>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct NoteBody {
    text: String,
    must_confirm: Option<bool>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct ConsigneeBody {
    name: Option<String>,
    phone: Option<String>,
    address: Option<String>,
    merge_key: Option<String>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct LineBody {
    line: u32,
    sku: String,
    name: Option<String>,
    quantity: i64,
    lot: Option<String>,
    min_expiry: Option<String>,
    revision: Option<String>,
    serials: Option<Vec<String>>,
    gift_of: Option<u32>,
    components: Option<Vec<ComponentBody>>,
    substitutes: Option<Vec<String>>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct ComponentBody {
    sku: String,
    quantity: i64,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct ListBody {
    id: String,
    version: Option<i64>,
    tote: Option<String>,
    orders: Option<Vec<String>>,
    lines: Option<Vec<ListLineBody>>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct ListLineBody {
    order: String,
    line: u32,
    quantity: i64,
    location: Option<String>,
    slot: Option<String>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct WaybillBody {
    number: String,
    version: Option<i64>,
    carrier: String,
    orders: Vec<String>,
    parent: Option<String>,
    replaces: Option<String>,
    label: Option<LabelBody>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct LabelBody {
    format: String,
    data_base64: String,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct ManifestBody {
    id: String,
    version: Option<i64>,
    carrier: String,
    departure: Option<String>,
    orders: Option<Vec<String>>,
    waybills: Option<Vec<String>>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct OperatorBody {
    id: String,
    version: Option<i64>,
    name: Option<String>,
    role: Option<Role>,
    active: Option<bool>,
    pin: Option<String>,
}

/// An object that is well formed and says something that can't be: `id` and why.
type Refused = (String, String);

/// What an object of a body is: a thing to judge, or a refusal already.
pub type Parsed = Result<Thing, Refused>;

/// Reads a body's JSON: one object or an array.
///
/// # Errors
/// The body is malformed, has an unknown field, or too many objects.
pub fn things_from_json(kind: Kind, body: &[u8], secrets: &dyn Secrets) -> Result<(Vec<Parsed>, bool), Problem> {
    let malformed = |mistake: Mistake| Problem::malformed(mistake.to_string());
    let many = body.trim_ascii_start().starts_with(b"[");
    let objects: Vec<Box<RawValue>> =
        if many { typed(body).map_err(malformed)? } else { vec![typed(body).map_err(malformed)?] };
    if objects.len() > OBJECTS_MAX {
        return Err(Problem::malformed(format!("{} objects; up to {OBJECTS_MAX} a request are taken", objects.len())));
    }
    let count = objects.len();
    let mut things = Vec::with_capacity(count);
    let mut faulty: Vec<Value> = Vec::new();
    for (index, object) in objects.into_iter().enumerate() {
        match parse(kind, object.get().as_bytes(), secrets) {
            Ok(parsed) => things.push(parsed),
            Err(error) => {
                let told: Value = serde_json::from_str(object.get()).unwrap_or_default();
                let id = ["id", "sku", "number"].iter().find_map(|name| told[*name].as_str());
                faulty.push(json!({"index": index, "id": id, "reason": error.to_string()}));
            }
        }
    }
    let Some(first) = faulty.first() else { return Ok((things, many)) };
    let reason = first["reason"].as_str().unwrap_or_default();
    if !many {
        return Err(Problem::malformed(reason));
    }
    let named = first["id"].as_str().map(|id| format!(" ({id})")).unwrap_or_default();
    let number = first["index"].as_u64().unwrap_or_default() + 1;
    let more = if faulty.len() > 1 { format!(" ({} more in objects)", faulty.len() - 1) } else { String::new() };
    let detail = format!("nothing of the request was taken; object {number}{named} of {count}: {reason}{more}");
    Err(Problem::malformed(detail).objects(faulty))
}

fn parse(kind: Kind, object: &[u8], secrets: &dyn Secrets) -> Result<Parsed, Mistake> {
    Ok(match kind {
        Kind::Products => product(typed(object)?),
        Kind::Orders => order(with_plain_ext(typed(object)?)?),
        Kind::PickLists => list(typed(object)?),
        Kind::Waybills => waybill(typed(object)?),
        Kind::Manifests => manifest(typed(object)?),
        Kind::Operators => operator(typed(object)?, secrets),
        Kind::StopLists => stop_list(typed(object)?),
    })
}

/// What upstream adds is kept as it is, if it can be read at all: not too deep, and no name twice.
fn with_plain_ext(body: OrderBody) -> Result<OrderBody, Mistake> {
    body.ext.as_deref().map(|ext| strict(ext.get().as_bytes())).transpose()?;
    Ok(body)
}

/// Collects the first thing that is wrong with an object's values.
pub(super) struct Checker {
    id: String,
    fault: Option<String>,
}

impl Checker {
    pub(super) fn new(id: &str) -> Self {
        Checker { id: id.to_owned(), fault: None }
    }

    pub(super) fn fault(&mut self, what: String) {
        self.fault.get_or_insert(what);
    }

    pub(super) fn id<T>(&mut self, field: &str, text: &str, new: impl Fn(&str) -> Result<T, IdError>) -> Option<T> {
        new(text).map_err(|error| self.fault(format!("{field} {error}"))).ok()
    }

    pub(super) fn text(&mut self, field: &str, text: Option<String>) -> Option<String> {
        let text = text.filter(|text| !text.is_empty())?;
        if text.chars().count() > TEXT_MAX {
            self.fault(format!("{field} is longer than {TEXT_MAX} characters"));
        } else if let Some(control) = text.chars().find(|character| character.is_control() && *character != '\n') {
            self.fault(format!("{field} holds the control character U+{:04X}", control as u32));
        }
        Some(text)
    }

    fn quantity(&mut self, field: &str, quantity: i64) -> u32 {
        match u32::try_from(quantity) {
            Ok(quantity) if (1..=QUANTITY_MAX).contains(&quantity) => quantity,
            _ => {
                self.fault(format!("{field} is {quantity}; it must be 1 to {QUANTITY_MAX}"));
                1
            }
        }
    }

    pub(super) fn finish<T>(self, thing: Option<T>) -> Result<T, Refused> {
        match (self.fault, thing) {
            (None, Some(thing)) => Ok(thing),
            (fault, _) => Err((self.id, fault.unwrap_or_else(|| "is not complete".into()))),
        }
    }
}

fn product(body: ProductBody) -> Parsed {
    let mut check = Checker::new(&body.sku);
    let sku = check.id("sku", &body.sku, Sku::new);
    let barcodes = body.barcodes.unwrap_or_default().into_iter().map(|barcode| {
        let text = check.text("barcode", Some(barcode.text)).unwrap_or_default();
        if text.trim().is_empty() {
            check.fault("a barcode has no text".into());
        } else if looks_ours(&text) {
            check.fault(format!("barcode \"{text}\" begins like waybind's own codes, which no product bears"));
        }
        Barcode { text, quantity: check.quantity("barcode quantity", barcode.quantity.unwrap_or(1)) }
    });
    let barcodes: Vec<Barcode> = barcodes.collect();
    let part_numbers = body
        .part_numbers
        .unwrap_or_default()
        .into_iter()
        .filter_map(|number| check.text("part_number", Some(number)))
        .collect();
    let name = check.text("name", body.name).unwrap_or_default();
    let mut tracking = body.tracking.unwrap_or_default();
    tracking.sort_unstable();
    tracking.dedup();
    let revision_pattern =
        body.revision_pattern.map(|pattern| RevisionPattern { after: pattern.after, length: pattern.length });
    let spec = sku.map(|sku| ProductSpec {
        sku,
        version: body.version,
        name,
        barcodes,
        part_numbers,
        tracking,
        revision_pattern,
    });
    check.finish(spec.map(Thing::Product))
}

fn order(body: OrderBody) -> Parsed {
    let mut check = Checker::new(&body.id);
    let id = check.id("id", &body.id, OrderId::new);
    let carrier = check.id("carrier", &body.carrier, CarrierCode::new);
    if let Some(at) = body.ship_at.as_ref().filter(|at| at.parse::<Timestamp>().is_err()) {
        check.fault(format!("ship_at \"{at}\" is no time; write it like 2026-11-21T15:00:00+08:00"));
    }
    let paid_at = body.paid_at.and_then(|at| {
        let read = at.parse::<Timestamp>();
        read.map_err(|_| check.fault(format!("paid_at \"{at}\" is no time; write it like 2026-11-21T15:00:00+08:00")))
            .ok()
    });
    let notes = body.notes.unwrap_or_default().into_iter().filter_map(|note| {
        check.text("note", Some(note.text)).map(|text| Note { text, must_confirm: note.must_confirm.unwrap_or(false) })
    });
    let notes = notes.collect();
    let lines: Vec<Option<LineSpec>> = body.lines.into_iter().map(|line| order_line(line, &mut check)).collect();
    let consignee = consignee(body.consignee, &mut check);
    let optional = |check: &mut Checker, field, text| check.text(field, text);
    let spec = id.zip(carrier).map(|(id, carrier)| OrderSpec {
        id,
        version: body.version,
        tracking_code: optional(&mut check, "tracking_code", body.tracking_code),
        channel: optional(&mut check, "channel", body.channel),
        priority: body.priority.unwrap_or(0),
        carrier,
        courier: optional(&mut check, "courier", body.courier),
        region: optional(&mut check, "region", body.region),
        sort_code: optional(&mut check, "sort_code", body.sort_code),
        ship_at: body.ship_at,
        ship_policy: body.ship_policy.unwrap_or_default(),
        notes,
        consignee,
        stage: body.stage.unwrap_or(Stage::StockLocked),
        lines: lines.into_iter().flatten().collect(),
        paid_at,
        ext: body.ext.map(|ext| compact(ext.get())),
    });
    check.finish(spec.map(|spec| Thing::Order(Box::new(spec))))
}

fn consignee(body: ConsigneeBody, check: &mut Checker) -> Consignee {
    Consignee {
        name: check.text("consignee.name", body.name).unwrap_or_default(),
        phone: check.text("consignee.phone", body.phone).unwrap_or_default(),
        address: check.text("consignee.address", body.address).unwrap_or_default(),
        merge_key: check.text("consignee.merge_key", body.merge_key),
    }
}

/// A consignee by itself, for a change of address.
pub(super) fn consignee_of(body: ConsigneeBody) -> Result<Consignee, String> {
    let mut check = Checker::new("");
    let consignee = consignee(body, &mut check);
    check.finish(Some(consignee)).map_err(|(_, why)| why)
}

fn order_line(body: LineBody, check: &mut Checker) -> Option<LineSpec> {
    let place = format!("line {}:", body.line);
    if body.line == 0 {
        check.fault("line numbers begin with 1".into());
    }
    let min_expiry = body.min_expiry.map(|date| date.parse::<Date>().map_err(|_| date));
    if let Some(Err(date)) = &min_expiry {
        check.fault(format!("{place} min_expiry \"{date}\" is no date; write it like 2027-01-31"));
    }
    let components = body.components.unwrap_or_default().into_iter().filter_map(|component| {
        let sku = check.id(&format!("{place} component sku"), &component.sku, Sku::new)?;
        Some(Component { sku, quantity: check.quantity(&format!("{place} component quantity"), component.quantity) })
    });
    let components: Vec<Component> = components.collect();
    let substitutes: Vec<Option<Sku>> = body
        .substitutes
        .unwrap_or_default()
        .iter()
        .map(|sku| check.id(&format!("{place} substitute"), sku, Sku::new))
        .collect();
    // of a kit each component may have serials of its own
    let one_each = components.is_empty().then_some(body.quantity);
    let serials = serials(body.serials.unwrap_or_default(), one_each, &place, check);
    let sku = check.id(&format!("{place} sku"), &body.sku, Sku::new)?;
    Some(LineSpec {
        line: body.line,
        sku,
        name: check.text(&format!("{place} name"), body.name),
        quantity: check.quantity(&format!("{place} quantity"), body.quantity),
        lot: check.text(&format!("{place} lot"), body.lot),
        min_expiry: min_expiry.and_then(Result::ok),
        revision: check.text(&format!("{place} revision"), body.revision),
        serials,
        gift_of: body.gift_of,
        components,
        substitutes: substitutes.into_iter().flatten().collect(),
    })
}

/// The serials that a line wants: each once, and where a quantity is given one for each; with others it could never be
/// fulfilled.
fn serials(wanted: Vec<String>, quantity: Option<i64>, place: &str, check: &mut Checker) -> Vec<String> {
    let mut seen = BTreeSet::new();
    for serial in &wanted {
        check.text(&format!("{place} serial"), Some(serial.clone()));
        if serial.is_empty() {
            check.fault(format!("{place} a serial has no text"));
        } else if !seen.insert(serial) {
            check.fault(format!("{place} serial \"{serial}\" stands twice"));
        }
    }
    if let Some(quantity) =
        quantity.filter(|quantity| !wanted.is_empty() && i64::try_from(wanted.len()) != Ok(*quantity))
    {
        check.fault(format!("{place} {} serials for a quantity of {quantity}; name one for each", wanted.len()));
    }
    wanted
}

fn list(body: ListBody) -> Parsed {
    let mut check = Checker::new(&body.id);
    let id = check.id("id", &body.id, PickListId::new);
    let tote = check.text("tote", body.tote);
    let content = match (body.orders, body.lines) {
        (Some(orders), None) => {
            let ids: Vec<OrderId> = orders.iter().filter_map(|order| check.id("order", order, OrderId::new)).collect();
            Some(ListContent::Orders(ids))
        }
        (None, Some(lines)) => {
            Some(ListContent::Lines(lines.into_iter().filter_map(|line| list_line(line, &mut check)).collect()))
        }
        _ => {
            check.fault("a pick list has either orders or lines".into());
            None
        }
    };
    let spec = id.zip(content).map(|(id, content)| ListSpec { id, version: body.version, tote, content });
    check.finish(spec.map(Thing::List))
}

fn list_line(body: ListLineBody, check: &mut Checker) -> Option<ListLineSpec> {
    Some(ListLineSpec {
        order: check.id("order", &body.order, OrderId::new)?,
        line: body.line,
        quantity: check.quantity("quantity", body.quantity),
        location: check.text("location", body.location),
        slot: check.text("slot", body.slot),
    })
}

fn waybill(body: WaybillBody) -> Parsed {
    let mut check = Checker::new(&body.number);
    let number = check.id("number", &body.number, WaybillNo::new);
    let carrier = check.id("carrier", &body.carrier, CarrierCode::new);
    let orders: Vec<OrderId> = body.orders.iter().filter_map(|order| check.id("order", order, OrderId::new)).collect();
    let parent = body.parent.and_then(|parent| check.id("parent", &parent, WaybillNo::new));
    let replaces = body.replaces.and_then(|replaces| check.id("replaces", &replaces, WaybillNo::new));
    let label = body.label.and_then(|label| label_file(label, &mut check));
    let spec = number.zip(carrier).map(|(number, carrier)| WaybillSpec {
        number,
        version: body.version,
        carrier,
        orders,
        parent,
        replaces,
        label,
    });
    check.finish(spec.map(Thing::Waybill))
}

/// A label's file; its codes are read later, since that takes long.
fn label_file(body: LabelBody, check: &mut Checker) -> Option<LabelFile> {
    if !matches!(body.format.as_str(), "pdf" | "png" | "zpl" | "tspl") {
        check.fault(format!("label.format is \"{}\"; it must be pdf, png, zpl or tspl", body.format));
        return None;
    }
    match data_encoding::BASE64.decode(body.data_base64.as_bytes()) {
        Ok(bytes) => Some(LabelFile { format: body.format, bytes: bytes.into(), codes: Vec::new() }),
        Err(_) => {
            check.fault("label.data_base64 is no base64".into());
            None
        }
    }
}

fn manifest(body: ManifestBody) -> Parsed {
    let mut check = Checker::new(&body.id);
    let id = check.id("id", &body.id, ManifestId::new);
    let carrier = check.id("carrier", &body.carrier, CarrierCode::new);
    if let Some(at) = body.departure.as_ref().filter(|at| at.parse::<Timestamp>().is_err()) {
        check.fault(format!("departure \"{at}\" is no time; write it like 2026-11-21T18:00:00+08:00"));
    }
    let named = body.orders.as_ref().map_or(0, Vec::len) + body.waybills.as_ref().map_or(0, Vec::len);
    if named > LISTED_MAX {
        check.fault(format!("names {named} orders and waybills; up to {LISTED_MAX} are taken"));
    }
    let expects = match (body.orders, body.waybills) {
        (None, None) => Expects::Everything,
        (orders, waybills) => {
            let (orders, waybills) = (orders.unwrap_or_default(), waybills.unwrap_or_default());
            let orders = orders.iter().filter_map(|order| check.id("order", order, OrderId::new)).collect();
            let waybills = waybills.iter().filter_map(|number| check.id("waybill", number, WaybillNo::new)).collect();
            Expects::Listed { orders, waybills }
        }
    };
    let spec = id.zip(carrier).map(|(id, carrier)| ManifestSpec {
        id,
        version: body.version,
        carrier,
        departure: body.departure,
        expects,
    });
    check.finish(spec.map(Thing::Manifest))
}

fn operator(body: OperatorBody, secrets: &dyn Secrets) -> Parsed {
    let mut check = Checker::new(&body.id);
    let id = check.id("id", &body.id, OperatorId::new);
    let name = check.text("name", body.name).unwrap_or_else(|| body.id.clone());
    let (role, active) = (body.role.unwrap_or_default(), body.active.unwrap_or(true));
    let is_pin = |pin: &str| PIN_DIGITS.contains(&pin.len()) && pin.bytes().all(|byte| byte.is_ascii_digit());
    if body.pin.as_deref().is_some_and(|pin| !is_pin(pin)) {
        check.fault(format!("pin must be {} to {} digits", PIN_DIGITS.start(), PIN_DIGITS.end()));
    }
    let spec = check.finish(id)?;
    let pin = body.pin.map(|pin| secrets.pin_hash(&spec, &pin));
    let fresh_badge = secrets.fresh_badge();
    Ok(Thing::Operator(OperatorSpec { id: spec, version: body.version, name, role, active, fresh_badge, pin }))
}

/// The code to print for a thing.
fn scan_code(view: &dyn View, kind: Kind, id: &str, key: &SiteKey) -> Option<String> {
    Some(match kind {
        Kind::Products => key.code(CodeKind::Product, &view.product(id)?.number.to_string()),
        Kind::Orders => key.code(CodeKind::Order, &view.order(id)?.number.to_string()),
        Kind::PickLists => key.code(CodeKind::PickList, &view.list(id)?.number.to_string()),
        Kind::Waybills | Kind::StopLists => return None,
        Kind::Manifests => key.code(CodeKind::Manifest, &view.manifest(id)?.number.to_string()),
        Kind::Operators => key.code(CodeKind::Badge, &view.operator(id)?.badge),
    })
}

/// Why an order that was taken does not move.
fn held(view: &dyn View, kind: Kind, id: &str) -> Vec<HoldReason> {
    let order = (kind == Kind::Orders).then(|| view.order(id)).flatten();
    order.map(|order| order.holds.iter().map(|hold| hold.reason).collect()).unwrap_or_default()
}

fn id_of(thing: &Thing) -> String {
    match thing {
        Thing::Product(spec) => spec.sku.to_string(),
        Thing::Order(spec) => spec.id.to_string(),
        Thing::List(spec) => spec.id.to_string(),
        Thing::Waybill(spec) => spec.number.to_string(),
        Thing::Manifest(spec) => spec.id.to_string(),
        Thing::Operator(spec) => spec.id.to_string(),
        Thing::StopList(spec) => spec.id.to_string(),
    }
}

/// An outcome's word and reason.
pub(super) fn outcome_words(outcome: &Outcome) -> (&'static str, Option<String>) {
    match outcome {
        Outcome::Created(_) => ("created", None),
        Outcome::Updated(_) => ("updated", None),
        Outcome::Unchanged => ("unchanged", None),
        Outcome::Refused(reason) | Outcome::Disputed(reason, _) => ("refused", Some(reason.to_string())),
    }
}

async fn upsert<B: Backend>(
    backend: B,
    peer: Peer,
    kind: Kind,
    call: &'static str,
    body: Body,
) -> Result<Response, Problem> {
    let secrets = backend.clone();
    // PINs are hashed slowly, and a thousand orders are read: no scan waits behind that
    let read = tokio::task::spawn_blocking(move || things_from_json(kind, &body.0, &secrets));
    let (parsed, many) = read.await.map_err(|error| Unavailable(error.to_string()))??;
    let mut results: Vec<Value> = Vec::with_capacity(parsed.len());
    let mut things = Vec::with_capacity(parsed.len());
    let mut places = Vec::with_capacity(parsed.len());
    for (index, parsed) in parsed.into_iter().enumerate() {
        results.push(Value::Null);
        let parsed = match parsed {
            Ok(thing) => with_label_read(backend.pictures(), thing).await,
            refused => refused,
        };
        match parsed {
            Ok(thing) => {
                places.push((index, id_of(&thing)));
                things.push(thing);
            }
            Err((id, reason)) => {
                results[index] = json!({"id": id, "result": "refused", "reason": reason, "scan_code": null})
            }
        }
    }
    let caller = Caller { peer: peer.to_string(), call };
    let outcomes = backend.intake(caller, things).await?;
    let (key, ids) = (backend.key(), places.iter().map(|(_, id)| id.clone()).collect::<Vec<_>>());
    let codes = backend
        .look(move |view| {
            let told =
                |id: &String| (scan_code(view, kind, id, &key), held(view, kind, id), label_waits(view, kind, id));
            ids.iter().map(told).collect::<Vec<_>>()
        })
        .await?;
    for (((index, id), outcome), (scan_code, held, waits)) in places.into_iter().zip(outcomes).zip(codes) {
        let (result, reason) = outcome_words(&outcome);
        results[index] = json!({"id": id, "result": result, "reason": reason, "scan_code": scan_code});
        if !held.is_empty() {
            results[index]["held"] = json!(held);
        }
        if let Some(trouble) = waits {
            results[index]["label_waits"] = print_trouble(&trouble, backend.language()).into();
        }
    }
    let refused = !many && results[0]["result"] == "refused";
    let status = if refused { StatusCode::UNPROCESSABLE_ENTITY } else { StatusCode::OK };
    let mut answer = json!({ "results": results });
    if refused {
        let reason = answer["results"][0]["reason"].as_str().unwrap_or_default().to_owned();
        problem_members(&mut answer, status, "refused", &reason);
    }
    Ok(answered(status, answer.to_string()))
}

/// Why a waybill's own label can't be printed here, where that is known already.
fn label_waits(view: &dyn View, kind: Kind, id: &str) -> Option<PrintTrouble> {
    let waybill = matches!(kind, Kind::Waybills).then(|| WaybillNo::new(id).ok()).flatten()?;
    let jobs = view.prints_of(&Printable::Waybill { waybill, parcel: None });
    let last = view.print_job(jobs.last()?.as_str())?;
    match &last.state {
        JobState::Failed(trouble @ PrintTrouble::OtherLanguage { .. }) => Some(trouble.clone()),
        _ => None,
    }
}

/// Reads the codes of a waybill's own label, if the thing is a waybill that has one.
///
/// # Errors
/// The label can't be read; the waybill's number and why.
pub async fn with_label_read(pictures: &Pictures, thing: Thing) -> Parsed {
    let Thing::Waybill(mut spec) = thing else { return Ok(thing) };
    if let Some(label) = spec.label.take() {
        let read = pictures.label(label).await;
        spec.label = Some(read.map_err(|why| (spec.number.to_string(), format!("label: {why}")))?);
    }
    Ok(Thing::Waybill(spec))
}

macro_rules! upserts {
    ($($name:ident, $kind:ident, $call:literal;)*) => {$(
        pub(super) async fn $name<B: Backend>(State(backend): State<B>, Extension(peer): Extension<Peer>, body: Body) -> Result<Response, Problem> {
            upsert(backend, peer, Kind::$kind, $call, body).await
        }
    )*};
}

upserts! {
    products, Products, "products";
    orders, Orders, "orders";
    pick_lists, PickLists, "pick-lists";
    waybills, Waybills, "waybills";
    manifests, Manifests, "manifests";
    operators, Operators, "operators";
    stop_lists, StopLists, "stop-lists";
}
