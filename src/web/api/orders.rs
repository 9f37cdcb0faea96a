//! An order's state and story, and words about it.

use std::collections::BTreeSet;
use std::sync::Arc;

use axum::Json;
use axum::extract::{Extension, State};
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{IntoResponse, Response};
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;
use serde_json::{Value, json};
use sha2::{Digest, Sha256};

use super::printing::job_json;
use super::things::{ConsigneeBody, consignee_of, outcome_words};
use crate::barcode::codes::{CodeKind, SiteKey};
use crate::domain::bag::LabelVersion;
use crate::domain::gate;
use crate::domain::ids::{OrderId, ParcelId, Sku, WaybillNo};
use crate::domain::order::{HoldReason, Order, OrderLine, ShortDecision, Stage};
use crate::domain::printing::{PrintJob, Printable};
use crate::domain::rules::recall;
use crate::domain::upstream::{OrderAction, Outcome, Refusal};
use crate::domain::view::View;
use crate::domain::work::Parcel;
use crate::web::asked::{Asked, Named, limit};
use crate::web::backend::{Acted, Backend, Caller, FeedItem, Idempotency};
use crate::web::body::Body;
use crate::web::guard::Peer;
use crate::web::person::person;
use crate::web::problem::Problem;
use crate::web::spoken::Spoken;

/// An order as the API shows it.
#[derive(Serialize)]
pub(super) struct ShownOrder {
    #[serde(flatten)]
    known: Value,
    /// What upstream added, as it was written.
    ext: Box<RawValue>,
}

/// Orders of one answer.
#[derive(Serialize)]
pub(super) struct ShownOrders {
    count: Option<u64>,
    orders: Vec<ShownOrder>,
}

fn shown(view: &dyn View, order: &Order, key: &SiteKey) -> ShownOrder {
    let ext = order.spec.ext.clone().and_then(|ext| RawValue::from_string(ext).ok());
    let ext = ext.unwrap_or_else(|| RawValue::from_string("{}".into()).expect("braces are JSON"));
    ShownOrder { known: known(view, order, key), ext }
}

/// What waybind knows of an order.
fn known(view: &dyn View, order: &Order, key: &SiteKey) -> Value {
    let spec = &order.spec;
    let missing = gate::missing(view, order);
    let disposition = match () {
        () if order.cancelled => "cancelled",
        () if !order.holds.is_empty() => "held",
        () if order.partially_completed => "partially_completed",
        () => "active",
    };
    let parcels: Vec<Value> = order
        .parcels
        .iter()
        .filter_map(|id| view.parcel(id.as_str()))
        .map(|parcel| parcel_json(&parcel, order))
        .collect();
    let waybills: Vec<Value> = order
        .waybills
        .iter()
        .filter_map(|number| view.waybill(number.as_str()))
        .map(|waybill| {
            let manifest = waybill.loading.as_ref().map(|loading| &loading.manifest);
            json!({"number": waybill.number, "carrier": waybill.carrier, "void": waybill.void, "loaded": waybill.loaded,
                   "manifest": manifest, "parcels": waybill.parcels})
        })
        .collect();
    json!({
        "id": spec.id, "scan_code": key.code(CodeKind::Order, &order.number.to_string()), "version": spec.version,
        "tracking_code": spec.tracking_code, "channel": spec.channel, "priority": spec.priority, "carrier": spec.carrier,
        "courier": spec.courier, "region": spec.region, "sort_code": spec.sort_code, "ship_at": spec.ship_at, "ship_policy": spec.ship_policy,
        "notes": spec.notes, "notes_confirmed": order.notes_confirmed, "consignee": spec.consignee,
        "stage": order.stage, "disposition": disposition, "holds": order.holds,
        "complete": missing.is_empty() && !order.cancelled && order.holds.is_empty(), "missing": missing,
        "lines": order.lines.iter().map(line_json).collect::<Vec<_>>(),
        "paid_at": spec.paid_at, "exchange_orders": order.exchange_orders,
        "waybill_pending": order.waybill_pending || order.numbering.pending.is_some(), "numbering": order.numbering,
        "awaits_address": order.awaits_address(), "recalled": recall::on_order(view, order), "differs": order.differs,
        "parcels": parcels, "waybills": waybills, "pick_lists": order.lists,
    })
}

fn parcel_json(parcel: &Parcel, order: &Order) -> Value {
    let contents: Vec<Value> = order.lines.iter().filter_map(|line| contents_json(parcel, line)).collect();
    json!({
        "id": parcel.id, "order": parcel.order, "piece": parcel.piece, "of": order.parcels.len(), "contents": contents,
        "state": parcel.state, "waybill": parcel.waybill, "label": parcel.bag, "station": parcel.station,
    })
}

/// What a parcel has of a line: units, or whole sets of a kit with the components that they are made of.
fn contents_json(parcel: &Parcel, line: &OrderLine) -> Option<Value> {
    let of_part = |part: usize| {
        let here = parcel.contents.iter().filter(|content| content.line == line.spec.line && content.part == part);
        here.map(|content| content.quantity).sum::<u32>()
    };
    let units: Vec<u32> = (0..line.parts.len()).map(of_part).collect();
    if units.iter().all(|units| *units == 0) {
        return None;
    }
    let sets = line.parts.iter().zip(&units).map(|(part, units)| units / part.per_set.max(1)).min().unwrap_or(0);
    let mut contents = json!({"line": line.spec.line, "quantity": sets});
    if !line.spec.components.is_empty() {
        let components = line.parts.iter().zip(&units).map(|(part, units)| json!({"sku": part.sku, "quantity": units}));
        contents["components"] = components.collect();
    }
    Some(contents)
}

fn line_json(line: &OrderLine) -> Value {
    let put_back: u32 = (0..line.parts.len()).map(|part| line.to_put_back(part)).sum();
    let units: Vec<Value> = line
        .units
        .iter()
        .map(|unit| {
            let mut fields = serde_json::to_value(&unit.identity).unwrap_or_default();
            fields["sku"] = unit.sku.as_str().into();
            fields["picked"] = unit.picked.into();
            fields["packed"] = unit.packed.into();
            fields
        })
        .collect();
    json!({
        "line": line.spec.line, "sku": line.spec.sku, "name": line.spec.name, "quantity": line.spec.quantity,
        "lot": line.spec.lot, "min_expiry": line.spec.min_expiry, "revision": line.spec.revision, "serials": line.spec.serials,
        "gift_of": line.spec.gift_of, "components": line.spec.components, "substitutes": line.spec.substitutes,
        "demanded": line.demanded(), "picked": line.picked(), "packed": line.packed(),
        "short": line.short.map_or(0, |short| short.quantity), "short_reason": line.short.map(|short| short.reason),
        "cancelled": line.cancelled, "to_put_back": put_back, "units": units,
    })
}

pub(super) async fn order<B: Backend>(
    State(backend): State<B>,
    Named(id): Named<String>,
) -> Result<Json<ShownOrder>, Problem> {
    let (key, wanted) = (backend.key(), id.clone());
    let found = backend.look(move |view| view.order(&wanted).map(|order| shown(view, &order, &key))).await?;
    found.map(Json).ok_or_else(|| Problem::missing("order", &id))
}

/// Orders of one answer.
const PAGE_MAX: usize = 500;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct PageQuery {
    #[serde(default)]
    after: String,
    limit: Option<usize>,
    waybill: Option<String>,
}

/// Orders after an id, in the order of their ids; with `waybill=pending` those that wait for a number, and how many.
pub(super) async fn orders<B: Backend>(
    State(backend): State<B>,
    Asked(query): Asked<PageQuery>,
) -> Result<Json<ShownOrders>, Problem> {
    let limit = limit(query.limit, PAGE_MAX, PAGE_MAX)?;
    let (ids, count) = match query.waybill.as_deref() {
        Some("pending") => {
            let (ids, count) = backend.pending_numbers(limit).await?;
            (ids.iter().map(ToString::to_string).collect(), Some(count))
        }
        None => (backend.orders_after(query.after, limit).await?, None),
        Some(_) => return Err(Problem::malformed("waybill is \"pending\", or left out for all orders")),
    };
    let key = backend.key();
    let orders = move |view: &dyn View| -> Vec<ShownOrder> {
        ids.iter().filter_map(|id| view.order(id)).map(|order| shown(view, &order, &key)).collect()
    };
    Ok(Json(ShownOrders { count, orders: backend.look(orders).await? }))
}

pub(super) async fn timeline<B: Backend>(
    State(backend): State<B>,
    Named(id): Named<String>,
    Spoken(language): Spoken,
) -> Result<Json<Value>, Problem> {
    let order = OrderId::new(&id).map_err(|_| Problem::missing("order", &id))?;
    let wanted = order.clone();
    if !backend.look(move |view| view.order(wanted.as_str()).is_some()).await? {
        return Err(Problem::missing("order", &id));
    }
    let story = backend.history(order.clone()).await?;
    let bags = bags_in(&story.events);
    let prints = backend.look(move |view| prints_of(view, &order, &bags)).await?;
    let prints: Vec<Value> = prints.iter().map(|job| job_json(&backend, job, language)).collect();
    let (events, earlier, missing) = (story.events, story.earlier, story.missing);
    Ok(Json(json!({"order": id, "events": events, "earlier": earlier, "missing_archives": missing, "prints": prints})))
}

/// The bags that an order's parcels were in, by its story.
pub(in crate::web) fn bags_in(events: &[FeedItem]) -> BTreeSet<String> {
    let bags = events.iter().filter(|event| event.kind == "bagged");
    bags.filter_map(|event| event.data["bag"].as_str().map(str::to_owned)).collect()
}

/// The print jobs about an order, oldest first: of its waybills, and of the aggregated labels that name it.
pub(in crate::web) fn prints_of(view: &dyn View, id: &OrderId, bags: &BTreeSet<String>) -> Vec<Arc<PrintJob>> {
    let Some(order) = view.order(id.as_str()) else { return Vec::new() };
    let parcels: Vec<Arc<Parcel>> = order.parcels.iter().filter_map(|id| view.parcel(id.as_str())).collect();
    let mut things = Vec::new();
    for waybill in &order.waybills {
        let of = |parcel: Option<ParcelId>| Printable::Waybill { waybill: waybill.clone(), parcel };
        things.extend(parcels.iter().map(|parcel| Some(parcel.id.clone())).chain([None]).map(of));
    }
    let now_in = parcels.iter().filter_map(|parcel| parcel.bag.as_ref()).map(ToString::to_string);
    let bags: BTreeSet<String> = now_in.chain(bags.iter().cloned()).collect();
    for bag in bags.iter().filter_map(|id| view.bag(id)) {
        let names = |version: &&LabelVersion| version.members.iter().any(|member| member.order == *id);
        let of = |version: &LabelVersion| Printable::Label { label: bag.number, version: version.version };
        things.extend(bag.versions.iter().filter(names).map(of));
    }
    let jobs = things.iter().flat_map(|what| view.prints_of(what));
    let mut jobs: Vec<Arc<PrintJob>> = jobs.filter_map(|id| view.print_job(id.as_str())).collect();
    // a waybill of several orders
    jobs.retain(|job| job.order.as_ref().is_none_or(|order| order == id));
    jobs.sort_by_key(|job| job.number);
    jobs
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct HoldBody {
    reason: HoldReason,
    note: Option<String>,
    kind: Option<String>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct ConfirmBody {
    badge: String,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct ReleaseBody {
    reason: Option<HoldReason>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct CancelBody {
    lines: Option<Vec<CancelLine>>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct CancelLine {
    line: u32,
    quantity: u32,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct StageBody {
    stage: Stage,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct ReturnBody {
    exchange_order: Option<String>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct ShortBody {
    line: u32,
    decision: ShortWord,
    sku: Option<String>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct NumberBody {
    number: String,
    by: String,
    confirm: Option<bool>,
}

#[derive(Deserialize)]
#[serde(rename_all = "snake_case")]
enum ShortWord {
    ShipShort,
    Wait,
    Substitute,
    CancelLine,
}

/// The secret on a badge, from its code.
pub(in crate::web) fn badge_of(text: &str, key: &SiteKey) -> Option<String> {
    use crate::barcode::codes::{CodeCheck, OwnCode, read};
    match read(text.trim(), Some(key)) {
        Some(OwnCode::Thing { kind: CodeKind::Badge, id, check: CodeCheck::Ok }) => Some(id),
        _ => None,
    }
}

fn action_of(action: &str, body: &Body, key: &SiteKey) -> Result<OrderAction, Problem> {
    let empty = Body(axum::body::Bytes::from_static(b"{}"));
    let body = if body.0.is_empty() { &empty } else { body };
    Ok(match action {
        "hold" => {
            let HoldBody { reason, note, kind } = body.json()?;
            if reason == HoldReason::MasterData {
                return Err(Problem::malformed(
                    "reason is one of address_change, risk, refund, other; waybind itself holds for master_data",
                ));
            }
            if kind.is_some() && reason != HoldReason::Risk {
                return Err(Problem::malformed("kind goes with the reason risk, and only with it"));
            }
            OrderAction::Hold { reason, note, kind }
        }
        "release" => OrderAction::Release { reason: body.json::<ReleaseBody>()?.reason },
        "cancel" => {
            let lines = body.json::<CancelBody>()?.lines;
            OrderAction::Cancel {
                lines: lines.map(|lines| lines.iter().map(|line| (line.line, line.quantity)).collect()),
            }
        }
        "address" => OrderAction::Address(consignee_of(body.json::<ConsigneeBody>()?).map_err(Problem::malformed)?),
        "confirm-address" => {
            let badge = badge_of(&body.json::<ConfirmBody>()?.badge, key).ok_or_else(|| {
                Problem::malformed("badge is no badge of this site").hint("scan the badge into the field: WB:U:…")
            })?;
            OrderAction::ConfirmAddress { badge }
        }
        "stage" => OrderAction::Stage(body.json::<StageBody>()?.stage),
        "return" => OrderAction::Return { exchange_order: body.json::<ReturnBody>()?.exchange_order },
        "short" => short_of(body.json()?)?,
        "waybill" => {
            let NumberBody { number, by, confirm } = body.json()?;
            OrderAction::EnterNumber { text: number, by: person(&by)?, confirmed: confirm.unwrap_or(false) }
        }
        _ => return Err(Problem::missing("action", action)),
    })
}

fn short_of(body: ShortBody) -> Result<OrderAction, Problem> {
    let decision = match (body.decision, body.sku) {
        (ShortWord::ShipShort, None) => ShortDecision::ShipShort,
        (ShortWord::Wait, None) => ShortDecision::Wait,
        (ShortWord::CancelLine, None) => ShortDecision::CancelLine,
        (ShortWord::Substitute, Some(sku)) => {
            ShortDecision::Substitute(Sku::new(&sku).map_err(|error| Problem::malformed(format!("sku {error}")))?)
        }
        _ => return Err(Problem::malformed("sku goes with the decision \"substitute\", and only with it")),
    };
    Ok(OrderAction::ShortDecision { line: body.line, decision })
}

pub(super) async fn act<B: Backend>(
    State(backend): State<B>,
    Extension(peer): Extension<Peer>,
    Named((id, action)): Named<(String, String)>,
    headers: HeaderMap,
    body: Body,
) -> Result<Response, Problem> {
    let parsed = action_of(&action, &body, &backend.key())?;
    let order = OrderId::new(&id).map_err(|_| Problem::missing("order", &id))?;
    let key = idempotency(&headers, [id.as_bytes(), action.as_bytes(), &body.0]);
    let caller = Caller { peer: peer.to_string(), call: "order action" };
    Ok(match backend.act(caller, order, parsed, key).await? {
        Acted::Now(outcome) => {
            let (status, body) = acted_json(&id, &outcome);
            answered(status, body.to_string())
        }
        Acted::Before(status, body) => {
            let status = StatusCode::from_u16(status).unwrap_or(StatusCode::OK);
            answered(status, body)
        }
        Acted::KeyConflict => key_conflict(),
    })
}

/// The caller's key, with what tells a repetition from another call under it.
pub(super) fn idempotency(headers: &HeaderMap, call: [&[u8]; 3]) -> Option<Idempotency> {
    let key = headers.get("idempotency-key").and_then(|value| value.to_str().ok())?;
    let mut hash = Sha256::new();
    for part in call {
        hash.update((part.len() as u64).to_be_bytes());
        hash.update(part);
    }
    Some(Idempotency { key: key.to_owned(), fingerprint: data_encoding::HEXLOWER.encode(&hash.finalize()) })
}

/// The answer where a key was used for another call.
pub(super) fn key_conflict() -> Response {
    let detail = "this Idempotency-Key was used for another call";
    Problem::new(StatusCode::CONFLICT, "idempotency_key", detail, "use a new key for each call").into_response()
}

/// The answer to a call about one thing.
#[must_use]
pub fn acted_json(id: &str, outcome: &Outcome) -> (StatusCode, Value) {
    let (result, reason) = outcome_words(outcome);
    let status = match outcome {
        Outcome::Refused(Refusal::UnknownOrder(_) | Refusal::UnknownWaybill(_) | Refusal::UnknownLabel(_)) => {
            StatusCode::NOT_FOUND
        }
        Outcome::Refused(Refusal::NoSupervisor) => StatusCode::FORBIDDEN,
        Outcome::Refused(_) | Outcome::Disputed(..) => StatusCode::UNPROCESSABLE_ENTITY,
        _ => StatusCode::OK,
    };
    let mut body = json!({"id": id, "result": result, "reason": reason});
    if status != StatusCode::OK {
        problem_members(&mut body, status, "refused", reason.as_deref().unwrap_or_default());
    }
    (status, body)
}

/// Makes an answer a problem of RFC 9457 too.
pub(super) fn problem_members(body: &mut Value, status: StatusCode, kind: &str, detail: &str) {
    body["type"] = format!("urn:waybind:problem:{kind}").into();
    body["title"] = status.canonical_reason().unwrap_or_default().into();
    body["status"] = status.as_u16().into();
    body["detail"] = detail.into();
    body["hint"] = "nothing was changed; correct what the detail names and send it again".into();
}

/// An answer with the media type that its status asks for.
pub(super) fn answered(status: StatusCode, body: String) -> Response {
    let kind = if status.is_success() { "application/json" } else { "application/problem+json" };
    (status, [(header::CONTENT_TYPE, kind)], body).into_response()
}

pub(super) async fn void<B: Backend>(
    State(backend): State<B>,
    Extension(peer): Extension<Peer>,
    Named(number): Named<String>,
) -> Result<Response, Problem> {
    let waybill = WaybillNo::new(&number).map_err(|_| Problem::missing("waybill", &number))?;
    let caller = Caller { peer: peer.to_string(), call: "waybill void" };
    let (status, body) = acted_json(&number, &backend.void(caller, waybill).await?);
    Ok(answered(status, body.to_string()))
}
