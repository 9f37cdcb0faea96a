//! Couriers' channels, and the orders that none of them gave a number.

use axum::Json;
use axum::extract::State;
use serde_json::{Value, json};

use crate::web::backend::Backend;
use crate::web::problem::Problem;

pub(super) async fn channels<B: Backend>(State(backend): State<B>) -> Result<Json<Value>, Problem> {
    Ok(Json(json!({"channels": backend.channels().await?})))
}
