//! Labels: aggregated ones made, shown, printed and voided; and a waybill's own one, as it came from the carrier or the
//! platform.

use std::sync::Arc;

use axum::Json;
use axum::extract::{Extension, State};
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{IntoResponse, Response};
use serde::Deserialize;
use serde_json::{Value, json};
use sha2::{Digest, Sha256};

use super::orders::{acted_json, answered, idempotency, key_conflict, problem_members};
use super::printing::job_json;
use crate::barcode::codes::{CodeKind, SiteKey};
use crate::domain::bag::{self, Bag, LabelVersion, Member, VoidWhy};
use crate::domain::consolidate::PARCELS_MAX;
use crate::domain::event::Event;
use crate::domain::ids::{BagId, OperatorId, OrderId, ParcelId, StationId, WaybillNo};
use crate::domain::printing::{PrintJob, PrintTrouble, Printable};
use crate::domain::upstream::{LabelPrint, LabelSpec, Outcome, Refusal};
use crate::domain::view::View;
use crate::label::Resolution;
use crate::web::asked::{Asked, Named};
use crate::web::backend::{Backend, Caller, LabelAction, LabelAnswer};
use crate::web::body::Body;
use crate::web::guard::Peer;
use crate::web::problem::Problem;
use crate::web::spoken::Spoken;

pub(super) async fn of_waybill<B: Backend>(
    State(backend): State<B>,
    Named(number): Named<String>,
) -> Result<Response, Problem> {
    let missing = || Problem::missing("waybill with a label of its own", &number);
    let waybill = WaybillNo::new(&number).map_err(|_| missing())?;
    let (format, bytes) = backend.label_file(waybill).await?.ok_or_else(missing)?;
    let kind = match format.as_str() {
        "pdf" => "application/pdf",
        "png" => "image/png",
        // a printer's job is for printers: no browser may take it for something else
        _ => "application/octet-stream",
    };
    let name = format!("attachment; filename=\"label.{format}\"");
    let headers = [
        (header::CONTENT_TYPE, kind),
        (header::CONTENT_DISPOSITION, name.as_str()),
        (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
    ];
    Ok((headers, bytes).into_response())
}

/// Orders and parcels that one call may name: many times what fits on a label, so that a mistake is still told by name.
const NAMED_MAX: usize = 100;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct LabelBody {
    orders: Option<Vec<String>>,
    parcels: Option<Vec<String>>,
    station: Option<String>,
    template: Option<String>,
    max: Option<usize>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct PrintBody {
    reason: Option<String>,
    station: Option<String>,
    operator: Option<String>,
}

fn ids<T, E: std::fmt::Display>(
    name: &str,
    texts: impl IntoIterator<Item = String>,
    id: impl Fn(&str) -> Result<T, E>,
) -> Result<Vec<T>, Problem> {
    let made = |text: String| id(&text).map_err(|error| Problem::malformed(format!("{name} {error}")));
    texts.into_iter().map(made).collect()
}

fn one<T>(ids: Vec<T>) -> Option<T> {
    ids.into_iter().next()
}

pub(super) async fn make<B: Backend>(
    State(backend): State<B>,
    Extension(peer): Extension<Peer>,
    headers: HeaderMap,
    body: Body,
) -> Result<Response, Problem> {
    let LabelBody { orders, parcels, station, template, max } = body.json()?;
    let (orders, parcels) = (orders.unwrap_or_default(), parcels.unwrap_or_default());
    if orders.len() + parcels.len() > NAMED_MAX {
        return Err(Problem::malformed(format!("a call names up to {NAMED_MAX} orders and parcels")));
    }
    if max.is_some_and(|max| !(1..=PARCELS_MAX).contains(&max)) {
        return Err(Problem::malformed(format!("max must be 1 to {PARCELS_MAX}")));
    }
    let spec = LabelSpec {
        orders: ids("orders", orders, OrderId::new)?,
        parcels: ids("parcels", parcels, ParcelId::new)?,
        template,
        station: one(ids("station", station, StationId::new)?),
    };
    let key = idempotency(&headers, [b"labels", b"make", &body.0]);
    let caller = Caller { peer: peer.to_string(), call: "label make" };
    Ok(given(backend.label(caller, LabelAction::Make(spec, max), key).await?))
}

pub(super) async fn print<B: Backend>(
    State(backend): State<B>,
    Extension(peer): Extension<Peer>,
    Named(id): Named<String>,
    headers: HeaderMap,
    body: Body,
) -> Result<Response, Problem> {
    let label = BagId::new(&id).map_err(|_| Problem::missing("label", &id))?;
    let empty = PrintBody { reason: None, station: None, operator: None };
    let PrintBody { reason, station, operator } = if body.0.is_empty() { empty } else { body.json()? };
    let wanted = LabelPrint {
        label,
        reason,
        station: one(ids("station", station, StationId::new)?),
        by: one(ids("operator", operator, OperatorId::new)?),
    };
    let key = idempotency(&headers, [id.as_bytes(), b"print", &body.0]);
    let caller = Caller { peer: peer.to_string(), call: "label print" };
    Ok(given(backend.label(caller, LabelAction::Print(wanted), key).await?))
}

pub(super) async fn void<B: Backend>(
    State(backend): State<B>,
    Extension(peer): Extension<Peer>,
    Named(id): Named<String>,
    headers: HeaderMap,
    body: Body,
) -> Result<Response, Problem> {
    let label = BagId::new(&id).map_err(|_| Problem::missing("label", &id))?;
    let key = idempotency(&headers, [id.as_bytes(), b"void", &body.0]);
    let caller = Caller { peer: peer.to_string(), call: "label void" };
    Ok(given(backend.label(caller, LabelAction::Void(label), key).await?))
}

fn given(answer: LabelAnswer) -> Response {
    match answer {
        LabelAnswer::Given(status, body) => answered(StatusCode::from_u16(status).unwrap_or_default(), body),
        LabelAnswer::KeyConflict => key_conflict(),
    }
}

/// The answer to a word about a label; `view` is the state after it.
#[must_use]
pub fn label_answer(view: &dyn View, key: &SiteKey, action: &LabelAction, outcome: &Outcome) -> (StatusCode, Value) {
    let made = outcome.events().iter().find_map(|event| match event {
        Event::LabelMade { bag, .. } => Some(bag.clone()),
        _ => None,
    });
    let id = match action {
        LabelAction::Make(..) => made.as_ref(),
        LabelAction::Print(wanted) => Some(&wanted.label),
        LabelAction::Void(label) => Some(label),
    };
    let (mut status, mut body) = acted_json(id.map_or("", BagId::as_str), outcome);
    if let Outcome::Refused(reason) = outcome {
        // what is named in a body and is not there is a refusal; the label in the address is not found
        let named = matches!(reason, Refusal::UnknownOrder(_) | Refusal::UnknownParcel(_));
        let told = match reason {
            Refusal::LabelVoid(_) => Some((StatusCode::CONFLICT, "label_void")),
            _ if named => Some((StatusCode::UNPROCESSABLE_ENTITY, "refused")),
            _ => None,
        };
        if let Some((changed, kind)) = told {
            status = changed;
            problem_members(&mut body, status, kind, &reason.to_string());
        }
        return (status, body);
    }
    for event in outcome.events() {
        if let Event::PrintRequested { job } = event {
            body["job"] = job.number.into();
            body["printer"] = job.printer.as_str().into();
            body["copy"] = job.copy.into();
        }
    }
    let bag = id.and_then(|id| view.bag(id.as_str()));
    if let Some((bag, version)) = bag.as_ref().and_then(|bag| Some((bag, bag.current()?))) {
        body["version"] = version.version.into();
        body["members"] = members_json(view, key, bag, version.version, &version.members);
    }
    (status, body)
}

fn members_json(view: &dyn View, key: &SiteKey, bag: &Bag, version: u32, members: &[Member]) -> Value {
    let member = |member: &Member| {
        let waybill = view.parcel(member.parcel.as_str()).and_then(|parcel| parcel.waybill.clone());
        let code = (version > 0).then(|| key.code(CodeKind::LabelMember, &bag.code_of(version, member.number)));
        json!({"order": member.order, "parcel": member.parcel, "member": member.number, "waybill": waybill,
               "scan_code": code, "stopped": bag::objection(view, bag, member)})
    };
    members.iter().map(member).collect()
}

/// A bag, its label, and how its versions were printed.
pub(in crate::web) struct LabelView {
    pub bag: Arc<Bag>,
    pub state: &'static str,
    /// Each member that is in the bag, with its waybill and why it may not travel.
    pub members: Vec<(Member, Option<WaybillNo>, Option<VoidWhy>)>,
    /// The jobs of each version, in the order of the versions.
    pub prints: Vec<Vec<Arc<PrintJob>>>,
}

/// A label as it stands.
pub(in crate::web) fn label_view(view: &dyn View, id: &str) -> Option<LabelView> {
    let bag = view.bag(id)?;
    let state = match bag.current() {
        None if bag.is_open => "open",
        Some(version) if version.void.is_none() => "valid",
        _ => "void",
    };
    let of_version = |version: &LabelVersion| {
        let what = Printable::Label { label: bag.number, version: version.version };
        view.prints_of(&what).iter().filter_map(|id| view.print_job(id.as_str())).collect()
    };
    let member = |member: &Member| {
        let waybill = view.parcel(member.parcel.as_str()).and_then(|parcel| parcel.waybill.clone());
        (member.clone(), waybill, bag::objection(view, &bag, member))
    };
    let prints = bag.versions.iter().map(of_version).collect();
    Some(LabelView { state, members: bag.members.iter().map(member).collect(), prints, bag })
}

/// How a file of a label is wanted.
#[derive(Deserialize)]
pub(super) struct Wanted {
    dpi: Option<u32>,
    page: Option<usize>,
}

pub(super) async fn label<B: Backend>(
    State(backend): State<B>,
    Named(id): Named<String>,
    Asked(wanted): Asked<Wanted>,
    Spoken(language): Spoken,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    let file = FORMATS
        .iter()
        .find_map(|(format, kind)| Some((id.strip_suffix(format)?.strip_suffix('.')?.to_owned(), *format, *kind)));
    if let Some((id, format, kind)) = file {
        return self::file(&backend, &id, format, kind, &wanted, &headers).await;
    }
    let (key, wanted) = (backend.key(), id.clone());
    let found = backend.look(move |view| {
        let found = label_view(view, &wanted)?;
        let version = found.bag.current().map_or(0, |version| version.version);
        let members = members_json(view, &key, &found.bag, version, &found.bag.members);
        Some((found, members))
    });
    let (found, members) = found.await?.ok_or_else(|| Problem::missing("label", &id))?;
    let bag = &found.bag;
    let versions = bag.versions.iter().zip(&found.prints).map(|(version, prints)| {
        let members: Vec<Value> = version
            .members
            .iter()
            .map(|member| json!({"order": member.order, "parcel": member.parcel, "member": member.number}))
            .collect();
        let prints: Vec<Value> = prints.iter().map(|job| job_json(&backend, job, language)).collect();
        json!({"version": version.version, "made": version.made, "time": backend.written(version.at.wall),
               "void": version.void, "members": members, "prints": prints})
    });
    Ok(Json(json!({
        "id": bag.id, "state": found.state, "version": bag.current().map(|version| version.version),
        "station": bag.station, "tag": bag.tag, "template": bag.template, "carrier": bag.carrier,
        "courier": bag.courier, "region": bag.region, "max": bag.max, "opened": backend.written(bag.opened.wall),
        "members": members, "versions": versions.collect::<Vec<_>>(),
    }))
    .into_response())
}

/// The formats of a label and what they are called on the wire. A printer's job is for printers: no browser may take it
/// for something else.
const FORMATS: [(&str, &str); 4] = [
    ("pdf", "application/pdf"),
    ("png", "image/png"),
    ("zpl", "application/octet-stream"),
    ("tspl", "application/octet-stream"),
];

async fn file<B: Backend>(
    backend: &B,
    id: &str,
    format: &'static str,
    kind: &'static str,
    wanted: &Wanted,
    headers: &HeaderMap,
) -> Result<Response, Problem> {
    let label = BagId::new(id).map_err(|_| Problem::missing("label", id))?;
    let resolution = Resolution::from_dpi(wanted.dpi.unwrap_or_else(|| Resolution::DPI_203.dpi()));
    let resolution = resolution.ok_or_else(|| {
        let known: Vec<String> = Resolution::ALL.iter().map(|known| known.dpi().to_string()).collect();
        Problem::malformed("dpi is none that printers have").hint(known.join(", "))
    })?;
    let files = backend.label_paper(label, format, resolution.dpi()).await?.map_err(|trouble| match trouble {
        PrintTrouble::Void => {
            let hint = "its codes alarm; GET /api/v1/labels/ and its id tells what became of it";
            Problem::new(StatusCode::CONFLICT, "label_void", format!("label {id} is void"), hint)
        }
        PrintTrouble::Label(why) => {
            let hint = "`waybind label check` and the template's name tell more";
            Problem::new(StatusCode::UNPROCESSABLE_ENTITY, "label", why, hint)
        }
        _ => Problem::missing("label", id).hint("the label of an open bag is made when the bag closes"),
    })?;
    let page = wanted.page.unwrap_or(1);
    let bytes = page.checked_sub(1).and_then(|page| files.into_iter().nth(page));
    let bytes = bytes.ok_or_else(|| Problem::missing("page of this label", &page.to_string()))?;
    let etag = format!("\"{}\"", data_encoding::HEXLOWER.encode(&Sha256::digest(&bytes)));
    let known = headers.get_all(header::IF_NONE_MATCH).iter().filter_map(|value| value.to_str().ok());
    let told = [
        (header::ETAG, etag.clone()),
        (header::CACHE_CONTROL, "private, no-cache".to_owned()),
        (header::X_CONTENT_TYPE_OPTIONS, "nosniff".to_owned()),
    ];
    if known.flat_map(|value| value.split(',')).any(|value| value.trim().trim_start_matches("W/") == etag) {
        return Ok((StatusCode::NOT_MODIFIED, told).into_response());
    }
    Ok((told, [(header::CONTENT_TYPE, kind)], bytes).into_response())
}
