//! Stop-lists (a recall): what may not leave, and where goods of it are.

use axum::Json;
use axum::extract::State;
use serde::Deserialize;
use serde_json::{Value, json};

use super::things::{Checker, Parsed};
use crate::domain::ids::{Sku, StopListId};
use crate::domain::rules::recall::{StopList, on_order};
use crate::domain::upstream::{StopListSpec, Thing};
use crate::domain::view::View;
use crate::web::asked::Named;
use crate::web::backend::Backend;
use crate::web::problem::Problem;

/// Orders with goods of a stop-list that one answer names.
pub(in crate::web) const TRACED_MAX: usize = 1_000;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct StopListBody {
    id: String,
    version: Option<i64>,
    sku: String,
    lots: Option<Vec<String>>,
    reason: Option<String>,
    active: Option<bool>,
}

/// Reads one stop-list.
pub(super) fn stop_list(body: StopListBody) -> Parsed {
    let mut check = Checker::new(&body.id);
    let id = check.id("id", &body.id, StopListId::new);
    let sku = check.id("sku", &body.sku, Sku::new);
    if body.lots.as_ref().is_some_and(Vec::is_empty) {
        check.fault("lots is empty; leave it out to stop the whole product".into());
    }
    let lots = body.lots.unwrap_or_default().into_iter().filter_map(|lot| check.text("lot", Some(lot))).collect();
    let reason = check.text("reason", body.reason);
    let spec = id.zip(sku).map(|(id, sku)| StopListSpec {
        id,
        version: body.version,
        sku,
        lots,
        reason,
        active: body.active.unwrap_or(true),
    });
    check.finish(spec.map(Thing::StopList))
}

pub(in crate::web) fn stop_list_json(stop: &StopList) -> Value {
    let lots = Some(&stop.lots).filter(|lots| !lots.is_empty());
    json!({"id": stop.id, "version": stop.version, "sku": stop.sku, "lots": lots, "reason": stop.reason,
           "active": stop.active})
}

pub(super) async fn list<B: Backend>(State(backend): State<B>) -> Result<Json<Value>, Problem> {
    let stops = backend.stop_lists().await?;
    Ok(Json(json!({"stop_lists": stops.iter().map(stop_list_json).collect::<Vec<_>>()})))
}

/// An order that has goods of a stop-list.
pub(in crate::web) struct Traced {
    /// The order.
    pub order: String,
    /// Its line.
    pub line: u32,
    /// The lot, where it was captured.
    pub lot: Option<String>,
    /// Base units.
    pub quantity: u32,
    /// Its boxes that hold this line, each with its waybill, and whether that is on a truck.
    pub parcels: Vec<(String, Option<String>, bool)>,
}

/// Where goods of a stop-list are, newest order first.
pub(in crate::web) async fn trace<B: Backend>(backend: &B, stop: &StopList) -> Result<Vec<Traced>, Problem> {
    let (ids, stop) = (backend.orders_with_goods(stop.sku.to_string(), TRACED_MAX).await?, stop.clone());
    let traced = move |view: &dyn View| -> Vec<Traced> {
        let orders = ids.iter().filter_map(|id| view.order(id));
        orders.flat_map(|order| on_stop(view, &order, &stop)).collect()
    };
    Ok(backend.look(traced).await?)
}

fn on_stop(view: &dyn View, order: &crate::domain::order::Order, stop: &StopList) -> Vec<Traced> {
    let recalled = on_order(view, order).into_iter().filter(|recalled| recalled.sku == stop.sku);
    let of_this = recalled.filter(|recalled| stop.names(recalled.lot.as_deref()));
    of_this
        .map(|recalled| {
            let parcels = order.parcels.iter().filter_map(|id| view.parcel(id.as_str()));
            let holding = parcels.filter(|parcel| parcel.contents.iter().any(|content| content.line == recalled.line));
            let place = holding.map(|parcel| {
                let loaded = parcel.state == crate::domain::work::ParcelState::Loaded;
                (parcel.id.to_string(), parcel.waybill.as_ref().map(ToString::to_string), loaded)
            });
            Traced {
                order: order.id().to_string(),
                line: recalled.line,
                lot: recalled.lot.clone(),
                quantity: recalled.quantity,
                parcels: place.collect(),
            }
        })
        .collect()
}

pub(super) async fn one<B: Backend>(
    State(backend): State<B>,
    Named(id): Named<String>,
) -> Result<Json<Value>, Problem> {
    let wanted = id.clone();
    let stop = backend.look(move |view| view.stop_list(&wanted)).await?;
    let stop = stop.ok_or_else(|| Problem::missing("stop-list", &id))?;
    let goods: Vec<Value> = trace(&backend, &stop)
        .await?
        .iter()
        .map(|traced| {
            let parcels = traced
                .parcels
                .iter()
                .map(|(parcel, waybill, loaded)| json!({"id": parcel, "waybill": waybill, "loaded": loaded}));
            json!({"order": traced.order, "line": traced.line, "lot": traced.lot, "quantity": traced.quantity,
                   "parcels": parcels.collect::<Vec<_>>()})
        })
        .collect();
    let mut answer = stop_list_json(&stop);
    answer["goods"] = goods.into();
    Ok(Json(answer))
}
