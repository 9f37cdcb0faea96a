//! A target's page: how it is, and what it refused, to be corrected and sent again.

use axum::extract::{Extension, Path, State};
use axum::response::{IntoResponse, Response};
use maud::html;
use serde::Deserialize;
use serde_json::Value;

use super::Page;
use super::layout::layout;
use crate::message::{Phrase, phrase};
use crate::web::api::person;
use crate::web::backend::{Backend, Caller, LetterView};
use crate::web::body::Body;
use crate::web::form::{back_to, form};
use crate::web::guard::Peer;
use crate::web::problem::Problem;
use crate::web::spoken::Spoken;

/// Letters of a page: what a person corrects at a sitting.
const SHOWN_MAX: usize = 20;

pub(super) async fn page<B: Backend>(
    State(backend): State<B>,
    Path(name): Path<String>,
    Spoken(language): Spoken,
) -> Result<Response, Problem> {
    let targets = backend.targets().await?;
    let target = targets.iter().find(|target| target.name == name).ok_or_else(|| Problem::missing("target", &name))?;
    let mut letters: Vec<LetterView> = Vec::new();
    for letter in target.dead_letters.iter().take(SHOWN_MAX) {
        letters.extend(backend.letter(&name, &letter.id).await?);
    }
    let say = |name| phrase(name, language);
    let content = html! {
        main.overview {
            h1 { (say(Phrase::Target)) " " (name) }
            p { (target.depth) " " (say(Phrase::Waiting)) " · " (target.dead) " " (say(Phrase::DeadLetters)) }
            @if let Some(error) = &target.last_error { p.bad { (error) } }
            @if letters.is_empty() { p.empty { (say(Phrase::NothingRefused)) } }
            @for view in &letters {
                section.letter {
                    h2 { (view.letter.kind) @if let Some(order) = &view.letter.order { " · " a href={ "/order/" (order) } { (order) } } }
                    p.bad { (view.letter.answer) " · " (super::layout::when(&view.letter.at)) @if let Some(by) = &view.letter.corrected_by { " · " (say(Phrase::CorrectedBy)) " " (by) } }
                    form method="post" action={ "/targets/" (name) "/letters/" (view.letter.id) } {
                        label { (say(Phrase::WhatIsSent)) textarea name="data" rows="12" spellcheck="false" { (serde_json::to_string_pretty(&view.sent).unwrap_or_default()) } }
                        label { (say(Phrase::YourName)) " " input name="by" autocomplete="name" required; }
                        button { (say(Phrase::SendAgain)) }
                    }
                }
            }
        }
    };
    Ok(Page(layout(&name, language, "home", None, &content)).into_response())
}

/// What the form sends.
#[derive(Deserialize)]
struct Corrected {
    data: String,
    by: String,
}

pub(super) async fn correct<B: Backend>(
    State(backend): State<B>,
    Extension(peer): Extension<Peer>,
    Path((name, id)): Path<(String, String)>,
    body: Body,
) -> Result<Response, Problem> {
    let corrected: Corrected = form(&body)?;
    let data: Value = serde_json::from_str(&corrected.data)
        .map_err(|error| Problem::malformed(format!("what is sent is no JSON: {error}")))?;
    let caller = Caller { peer: peer.to_string(), call: "target page" };
    if !backend.correct_letter(caller, name.clone(), id.clone(), data, person(&corrected.by)?).await? {
        return Err(Problem::missing("dead letter", &id));
    }
    Ok(back_to(&format!("/targets/{name}")))
}
