//! A manifest: what is expected, loaded, missing and was refused; who loaded what and when.

use axum::Json;
use axum::extract::State;
use axum::response::{IntoResponse, Response};
use jiff::Timestamp;
use serde_json::{Value, json};

use super::printing::manifest_pdf;
use crate::barcode::codes::{CodeKind, SiteKey};
use crate::domain::manifest::{Expects, Manifest, ManifestState, tally, to_unload};
use crate::domain::rules::Rules;
use crate::domain::view::View;
use crate::web::asked::Named;
use crate::web::backend::Backend;
use crate::web::problem::Problem;

pub(super) async fn manifest<B: Backend>(
    State(backend): State<B>,
    Named(id): Named<String>,
) -> Result<Response, Problem> {
    if let Some(id) = id.strip_suffix(".pdf") {
        return manifest_pdf(&backend, id).await;
    }
    let (key, wanted, clock, rules) = (backend.key(), id.clone(), backend.clone(), backend.interceptions());
    let written = move |at: Timestamp| clock.written(at);
    let found = backend
        .look(move |view| view.manifest(&wanted).map(|manifest| manifest_json(view, &manifest, &rules, &key, &written)))
        .await?;
    found.map(|found| Json(found).into_response()).ok_or_else(|| Problem::missing("manifest", &id))
}

fn manifest_json(
    view: &dyn View,
    manifest: &Manifest,
    rules: &Rules,
    key: &SiteKey,
    written: &dyn Fn(Timestamp) -> String,
) -> Value {
    let tally = tally(view, manifest);
    let (state, station) = match &manifest.state {
        ManifestState::Waiting => ("waiting", None),
        ManifestState::Open(station) => ("open", Some(station)),
        ManifestState::Parked => ("parked", None),
        ManifestState::Closed => ("closed", None),
    };
    let (orders, waybills) = match &manifest.expects {
        Expects::Everything => (None, None),
        Expects::Listed { orders, waybills } => (Some(orders), Some(waybills)),
    };
    let loaded: Vec<Value> = tally
        .loaded
        .iter()
        .filter_map(|waybill| Some((waybill, waybill.loading.as_ref()?)))
        .map(|(waybill, loading)| {
            json!({"waybill": waybill.number, "orders": waybill.orders, "parcels": waybill.parcels,
                   "station": loading.station, "operator": loading.by, "time": written(loading.at.wall)})
        })
        .collect();
    let stopped: Vec<Value> = to_unload(view, rules, manifest, &tally)
        .iter()
        .map(|stopped| json!({"waybill": stopped.waybill, "order": stopped.order, "why": stopped.code}))
        .collect();
    let foreign: Vec<Value> = manifest
        .foreign
        .iter()
        .map(|foreign| {
            json!({"waybill": foreign.waybill, "order": foreign.order, "station": foreign.station,
                   "operator": foreign.by, "time": written(foreign.at.wall)})
        })
        .collect();
    json!({
        "id": manifest.id, "scan_code": key.code(CodeKind::Manifest, &manifest.number.to_string()),
        "version": manifest.version, "carrier": manifest.carrier, "departure": manifest.departure,
        "orders": orders, "waybills": waybills, "state": state, "station": station,
        "counts": {"expected": tally.expected(), "loaded": loaded.len(), "missing": tally.missing.len(),
                   "stopped": stopped.len(), "foreign": foreign.len()},
        "loaded": loaded, "missing": tally.missing, "stopped": stopped, "foreign": foreign,
    })
}
