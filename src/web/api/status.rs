//! How things are: a station, the scanners, the service itself.

use axum::Json;
use axum::extract::State;
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use serde_json::{Value, json};

use super::scans::verdict_json;
use crate::web::asked::Named;
use crate::web::backend::{Backend, LedgerHealth};
use crate::web::pages::{printer_of, prints_waiting, station_view};
use crate::web::problem::Problem;
use crate::web::spoken::Spoken;

pub(super) async fn station<B: Backend>(
    State(backend): State<B>,
    Named(id): Named<String>,
    Spoken(language): Spoken,
) -> Result<Json<Value>, Problem> {
    let rules = backend.station(&id).ok_or_else(|| Problem::missing("station", &id))?;
    let (station, station_rules) = (rules.id.clone(), rules.clone());
    let shown = backend.shown(&station);
    let interceptions = backend.interceptions();
    let view = backend.look(move |view| station_view(view, &rules, &interceptions)).await?;
    let devices: Vec<_> = backend.devices().into_iter().filter(|device| device.station == station).collect();
    let printer = printer_of(&view, &station_rules, backend.printers().await?);
    let prints = prints_waiting(&backend, Some(&station)).await?;
    let prints: Vec<Value> = prints
        .iter()
        .map(|job| json!({"number": job.number, "kind": job.what.kind(), "what": job.what.name(), "order": job.order, "copy": job.copy, "printer": job.printer, "state": job.state.name()}))
        .collect();
    let reading = shown.as_ref().and_then(|shown| shown.reading.clone());
    Ok(Json(json!({
        "id": id, "mode": view.rules.mode, "operator": view.operator, "work": view.work,
        "latched": view.latched.as_ref().map(|verdict| verdict_json(verdict, language)),
        "awaiting": view.awaiting, "verdict": shown.map(|shown| verdict_json(&shown.verdict, language)), "reading": reading,
        "manifest": view.manifest, "lines": view.lines, "done": view.done, "unbound": view.unbound,
        "bags": view.bags, "devices": devices, "printer": printer, "prints": prints, "recording": backend.health() == LedgerHealth::Good,
    })))
}

pub(super) async fn devices<B: Backend>(State(backend): State<B>) -> Json<Value> {
    Json(json!({"devices": backend.devices(), "unread": backend.unread_devices().await}))
}

pub(super) async fn healthz() -> &'static str {
    "ok\n"
}

pub(super) async fn readyz<B: Backend>(State(backend): State<B>) -> Response {
    match backend.health() {
        LedgerHealth::Good => "ready\n".into_response(),
        LedgerHealth::Stopped(why) => {
            not_ready(why, "nothing is recorded until the disk can be written; free or mend it")
        }
        LedgerHealth::Recovery(why) => {
            not_ready(why, "nothing is recorded; `waybind ledger verify` tells what is missing")
        }
    }
}

fn not_ready(why: String, hint: &str) -> Response {
    Problem::new(StatusCode::SERVICE_UNAVAILABLE, "ledger", why, hint).into_response()
}

pub(super) async fn metrics<B: Backend>(State(backend): State<B>) -> Response {
    ([(header::CONTENT_TYPE, "text/plain; version=0.0.4; charset=utf-8")], backend.metrics().await).into_response()
}

pub(super) async fn openapi() -> Response {
    ([(header::CONTENT_TYPE, "application/json")], include_str!("../assets/openapi.json")).into_response()
}
