//! The printers, their jobs, and what people say of jobs that ask.

use axum::Json;
use axum::extract::{Extension, State};
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use serde::Deserialize;
use serde_json::{Value, json};

use crate::domain::ids::OperatorId;
use crate::domain::printing::{JobState, Mark, PrintJob, Printable, Resolution, Unresolved};
use crate::message::{Language, print_trouble};
use crate::web::asked::{Asked, Named};
use crate::web::backend::{Backend, Caller};
use crate::web::body::Body;
use crate::web::guard::Peer;
use crate::web::problem::Problem;
use crate::web::spoken::Spoken;

/// Jobs of one answer, unless fewer are asked for.
const JOBS_MAX: usize = 500;

pub(super) async fn printers<B: Backend>(State(backend): State<B>) -> Result<Json<Value>, Problem> {
    Ok(Json(json!({"printers": backend.printers().await?})))
}

pub(super) async fn test<B: Backend>(
    State(backend): State<B>,
    Named(name): Named<String>,
    Extension(peer): Extension<Peer>,
) -> Result<Json<Value>, Problem> {
    let caller = Caller { peer: peer.to_string(), call: "printers/test" };
    let job = backend.test_printer(caller, name.clone()).await?;
    let job = job.ok_or_else(|| Problem::missing("printer", &name))?;
    Ok(Json(json!({"printer": name, "job": job})))
}

#[derive(Deserialize)]
pub(super) struct Wanted {
    state: Option<String>,
    limit: Option<usize>,
}

pub(super) async fn jobs<B: Backend>(
    State(backend): State<B>,
    Asked(wanted): Asked<Wanted>,
    Spoken(language): Spoken,
) -> Result<Json<Value>, Problem> {
    let state = match wanted.state.as_deref() {
        None | Some("") => None,
        Some(name) => {
            let known = JobState::NAMES.into_iter().find(|known| *known == name);
            Some(known.ok_or_else(|| {
                Problem::malformed(format!("no print job is \"{name}\"")).hint(JobState::NAMES.join(", "))
            })?)
        }
    };
    let found = backend.print_jobs(state, wanted.limit.unwrap_or(JOBS_MAX).min(JOBS_MAX)).await?;
    let jobs: Vec<Value> = found.iter().map(|job| job_json(&backend, job, language)).collect();
    Ok(Json(json!({"jobs": jobs})))
}

/// What a person says.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Word {
    how: Resolution,
    operator: Option<String>,
}

pub(super) async fn resolve<B: Backend>(
    State(backend): State<B>,
    Named(number): Named<String>,
    Extension(peer): Extension<Peer>,
    Spoken(language): Spoken,
    body: Body,
) -> Result<Json<Value>, Problem> {
    let number = number.parse().map_err(|_| Problem::missing("print job", &number))?;
    let Word { how, operator } = body.json()?;
    let by = operator.map(|id| OperatorId::new(&id)).transpose();
    let by = by.map_err(|error| Problem::malformed(format!("operator {error}")))?;
    let caller = Caller { peer: peer.to_string(), call: "print-jobs/resolve" };
    match backend.resolve_print(caller, number, how, by).await? {
        Ok(job) => Ok(Json(json!({"job": job_json(&backend, &job, language)}))),
        Err(Unresolved::NoJob(number)) => Err(Problem::missing("print job", &number.to_string())),
        Err(asked @ Unresolved::NotAsked { .. }) => {
            let hint = "GET /api/v1/print-jobs/ and its number tells how it is";
            Err(Problem::new(StatusCode::CONFLICT, "not_asked", asked.to_string(), hint))
        }
        Err(nowhere @ Unresolved::NoPrinter(_)) => {
            let hint = "name a printer in the configuration, and the station or carrier that prints on it";
            Err(Problem::new(StatusCode::CONFLICT, "no_printer", nowhere.to_string(), hint))
        }
    }
}

pub(super) fn job_json<B: Backend>(backend: &B, job: &PrintJob, language: Language) -> Value {
    let (waybill, parcel) = match &job.what {
        Printable::Waybill { waybill, parcel } => (Some(waybill), parcel.as_ref()),
        _ => (None, None),
    };
    let label = match &job.what {
        Printable::Label { label, .. } => Some(format!("L{label}")),
        _ => None,
    };
    json!({
        "number": job.number, "kind": job.what.kind(), "what": job.what.name(), "waybill": waybill, "parcel": parcel,
        "label": label,
        "order": job.order, "template": job.template, "printer": job.printer, "station": job.station, "copy": job.copy,
        "reason": job.reason, "operator": job.by, "time": backend.written(job.at.wall), "state": job.state.name(),
        "why": job.state.trouble().map(|trouble| print_trouble(trouble, language)),
        "history": job.history.iter().map(|mark| mark_json(backend, mark, language)).collect::<Vec<_>>(),
    })
}

/// A place that a job reached, and who said what of it.
fn mark_json<B: Backend>(backend: &B, mark: &Mark, language: Language) -> Value {
    json!({
        "state": mark.state.name(), "time": backend.written(mark.at.wall), "printer": mark.printer,
        "how": mark.how, "operator": mark.by, "why": mark.state.trouble().map(|trouble| print_trouble(trouble, language)),
    })
}

/// A manifest as PDF.
pub(super) async fn manifest_pdf<B: Backend>(backend: &B, id: &str) -> Result<Response, Problem> {
    match backend.manifest_pdf(id.to_owned()).await? {
        None => Err(Problem::missing("manifest", id)),
        Some(Ok(pdf)) => Ok(([(header::CONTENT_TYPE, "application/pdf")], pdf).into_response()),
        Some(Err(why)) => {
            let hint = "`waybind label check manifest-a4` tells more";
            Err(Problem::new(StatusCode::UNPROCESSABLE_ENTITY, "label", why, hint))
        }
    }
}
