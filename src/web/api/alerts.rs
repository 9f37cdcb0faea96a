//! Alerts that nobody has taken yet, and taking one.

use axum::Json;
use axum::extract::{Extension, State};
use serde_json::{Value, json};

use crate::web::asked::Named;
use crate::web::backend::{Backend, Caller};
use crate::web::body::Body;
use crate::web::guard::Peer;
use crate::web::person::By;
use crate::web::problem::Problem;

pub(super) async fn alerts<B: Backend>(State(backend): State<B>) -> Json<Value> {
    Json(json!({"alerts": backend.alerts()}))
}

pub(super) async fn take<B: Backend>(
    State(backend): State<B>,
    Extension(peer): Extension<Peer>,
    Named(id): Named<String>,
    body: Body,
) -> Result<Json<Value>, Problem> {
    let by = body.json::<By>()?.person()?;
    let caller = Caller { peer: peer.to_string(), call: "alert" };
    if !backend.take_alert(caller, id.clone(), by.clone()).await? {
        return Err(Problem::missing("open alert", &id));
    }
    Ok(Json(json!({"id": id, "taken_by": by})))
}
