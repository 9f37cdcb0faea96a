//! The sources: how they are, what waits and what was refused; and the wish that one looks now.

use axum::Json;
use axum::extract::State;
use serde_json::{Value, json};

use crate::web::asked::Named;
use crate::web::backend::Backend;
use crate::web::problem::Problem;

pub(super) async fn sources<B: Backend>(State(backend): State<B>) -> Json<Value> {
    Json(json!({"sources": backend.sources()}))
}

pub(super) async fn retry<B: Backend>(
    State(backend): State<B>,
    Named(name): Named<String>,
) -> Result<Json<Value>, Problem> {
    if backend.look_now(&name) { Ok(Json(json!({"source": name}))) } else { Err(Problem::missing("source", &name)) }
}
