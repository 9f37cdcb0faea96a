//! The targets: how they are, and dead letters sent again.

use axum::Json;
use axum::extract::{Extension, State};
use serde::Deserialize;
use serde_json::{Value, json};

use crate::web::asked::Named;
use crate::web::backend::{Backend, Caller, LetterWord};
use crate::web::body::Body;
use crate::web::guard::Peer;
use crate::web::person::{By, person};
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
    Named(name): Named<String>,
    body: Body,
) -> Result<Json<Value>, Problem> {
    let again: Again = if body.0.trim_ascii().is_empty() { Again::default() } else { body.json()? };
    let sent = backend.send_again(&name, again.ids).ok_or_else(|| Problem::missing("target", &name))?;
    Ok(Json(json!({"target": name, "again": sent})))
}

pub(super) async fn letter<B: Backend>(
    State(backend): State<B>,
    Named((name, id)): Named<(String, String)>,
) -> Result<Json<Value>, Problem> {
    let letter = backend.letter(&name, &id).await?.ok_or_else(|| Problem::missing("dead letter", &id))?;
    Ok(Json(json!(letter)))
}

/// What is sent instead, and who says so.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Corrected {
    data: Value,
    by: String,
}

pub(super) async fn correct<B: Backend>(
    State(backend): State<B>,
    Extension(peer): Extension<Peer>,
    Named((name, id)): Named<(String, String)>,
    body: Body,
) -> Result<Json<Value>, Problem> {
    let corrected: Corrected = body.json()?;
    let by = person(&corrected.by)?;
    let caller = Caller { peer: peer.to_string(), call: "dead letter" };
    if !backend.settle_letter(caller, name.clone(), id.clone(), LetterWord::Send(corrected.data), by).await? {
        return Err(Problem::missing("dead letter", &id));
    }
    Ok(Json(json!({"target": name, "id": id, "again": 1})))
}

pub(super) async fn let_go<B: Backend>(
    State(backend): State<B>,
    Extension(peer): Extension<Peer>,
    Named((name, id)): Named<(String, String)>,
    body: Body,
) -> Result<Json<Value>, Problem> {
    let by = body.json::<By>()?.person()?;
    let caller = Caller { peer: peer.to_string(), call: "dead letter" };
    if !backend.settle_letter(caller, name.clone(), id.clone(), LetterWord::LetGo, by.clone()).await? {
        return Err(Problem::missing("dead letter", &id));
    }
    Ok(Json(json!({"target": name, "id": id, "let_go_by": by})))
}
