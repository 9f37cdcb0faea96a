//! Couriers' channels, and the orders that none of them gave a number.

use axum::Json;
use axum::extract::{Query, State};
use serde::Deserialize;
use serde_json::{Value, json};

use super::orders::order_json;
use crate::web::backend::Backend;
use crate::web::problem::Problem;

/// Orders that are listed at once.
const LISTED_MAX: usize = 500;

pub(super) async fn channels<B: Backend>(State(backend): State<B>) -> Result<Json<Value>, Problem> {
    Ok(Json(json!({"channels": backend.channels().await?})))
}

/// Which orders are listed.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Wanted {
    waybill: Option<String>,
    limit: Option<usize>,
}

pub(super) async fn orders<B: Backend>(
    State(backend): State<B>,
    Query(wanted): Query<Wanted>,
) -> Result<Json<Value>, Problem> {
    let limit = wanted.limit.unwrap_or(100).min(LISTED_MAX);
    let (ids, count) = match wanted.waybill.as_deref() {
        Some("pending") => {
            let (ids, count) = backend.pending_numbers(limit).await?;
            (ids.iter().map(ToString::to_string).collect(), Some(count))
        }
        None => (backend.newest_orders(limit).await?, None),
        Some(_) => return Err(Problem::malformed("waybill is \"pending\", or left out for the newest orders")),
    };
    let key = backend.key();
    let orders: Vec<Value> = backend
        .look(move |view| {
            ids.iter().filter_map(|id| view.order(id)).map(|order| order_json(view, &order, &key)).collect()
        })
        .await?;
    Ok(Json(json!({"count": count, "orders": orders})))
}
