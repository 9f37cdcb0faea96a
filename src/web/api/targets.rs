//! The targets: how they are, and dead letters sent again.

use axum::Json;
use axum::extract::{Path, State};
use serde::Deserialize;
use serde_json::{Value, json};

use crate::web::backend::Backend;
use crate::web::body::Body;
use crate::web::problem::Problem;

pub(super) async fn targets<B: Backend>(State(backend): State<B>) -> Result<Json<Value>, Problem> {
    Ok(Json(json!({"targets": backend.targets().await?})))
}

/// Which dead letters: all, unless their ids are given.
#[derive(Default, Deserialize)]
#[serde(deny_unknown_fields)]
struct Again {
    ids: Option<Vec<String>>,
}

pub(super) async fn retry<B: Backend>(
    State(backend): State<B>,
    Path(name): Path<String>,
    body: Body,
) -> Result<Json<Value>, Problem> {
    let again: Again = if body.0.trim_ascii().is_empty() { Again::default() } else { body.json()? };
    let sent = backend.send_again(&name, again.ids).ok_or_else(|| Problem::missing("target", &name))?;
    Ok(Json(json!({"target": name, "again": sent})))
}
