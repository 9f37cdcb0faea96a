//! A target's page: how it is, and what it refused, to be corrected and sent again.

use axum::extract::{Extension, State};
use axum::response::{IntoResponse, Response};
use maud::{Markup, html};
use serde::Deserialize;
use serde_json::Value;

use super::Page;
use super::layout::{layout, when};
use crate::message::{Language, Phrase, phrase};
use crate::web::asked::Named;
use crate::web::backend::{Backend, Caller, LetterView, LetterWord, TargetView};
use crate::web::body::Body;
use crate::web::form::{back_to, form};
use crate::web::guard::Peer;
use crate::web::link::link;
use crate::web::person::{By, person};
use crate::web::problem::Problem;
use crate::web::spoken::Spoken;

/// Letters of a page: what a person corrects at a sitting.
const SHOWN_MAX: usize = 20;

pub(super) async fn page<B: Backend>(
    State(backend): State<B>,
    Named(name): Named<String>,
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
            (how(target, language))
            @if letters.is_empty() { p.empty { (say(Phrase::NothingRefused)) } }
            @for view in &letters { (letter(&name, view, language)) }
        }
    };
    Ok(Page(layout(&name, language, "home", None, &content)).into_response())
}

/// How a target is: what waits, since when, and why.
fn how(target: &TargetView, language: Language) -> Markup {
    let say = |name| phrase(name, language);
    html! {
        p {
            (target.depth) " " (say(Phrase::Waiting))
            @if let Some(oldest) = &target.oldest { " · " (say(Phrase::Since)) " " (when(oldest)) }
            " · " (target.dead) " " (say(Phrase::DeadLetters))
        }
        @if target.circuit == "open" { p.bad { (say(Phrase::TargetDown)) } }
        @if target.fault == Some("setup") { p.bad { (say(Phrase::TargetSetup)) } }
        @if let Some(error) = &target.last_error { p.bad { (error) } }
        @if let Some(suspect) = &target.suspect { p.bad { (say(Phrase::FailsOn)) " " (suspect) } }
        @if target.orders_waiting > 0 { p.bad { (target.orders_waiting) " " (say(Phrase::OrdersBehind)) } }
    }
}

/// A dead letter: what happened to it, and what a person may do.
fn letter(target: &str, view: &LetterView, language: Language) -> Markup {
    let say = |name| phrase(name, language);
    let letter = &view.letter;
    let way = format!("/targets/{target}/letters/{}", letter.id);
    html! {
        section.letter {
            h2 { (letter.kind) @if let Some(order) = &letter.order { " · " a href=(link("/order/", &order)) { (order) } } }
            p.bad { (letter.answer) " · " (when(&letter.at)) @if let Some(by) = &letter.corrected_by { " · " (say(Phrase::CorrectedBy)) " " (by) } }
            p {
                (letter.id) " · " (letter.times) " " (say(Phrase::Times))
                @if letter.why == "failing" { " · " (say(Phrase::FailsAlone)) }
                @if let Some(next) = &letter.next { " · " (say(Phrase::TriedAgain)) " " (next) }
            }
            @if letter.behind > 0 { p.bad { (letter.behind) " " (say(Phrase::EventsBehind)) } }
            form method="post" action=(way) {
                label { (say(Phrase::WhatIsSent)) textarea name="data" rows="12" spellcheck="false" { (serde_json::to_string_pretty(&view.sent).unwrap_or_default()) } }
                label { (say(Phrase::YourName)) " " input name="by" autocomplete="name" required; }
                button { (say(Phrase::SendAgain)) }
            }
            form method="post" action={ (way) "/let-go" } {
                label { (say(Phrase::YourName)) " " input name="by" autocomplete="name" required; }
                button { (say(Phrase::LetGo)) }
            }
        }
    }
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
    Named((name, id)): Named<(String, String)>,
    body: Body,
) -> Result<Response, Problem> {
    let corrected: Corrected = form(&body)?;
    let data: Value = serde_json::from_str(&corrected.data)
        .map_err(|error| Problem::malformed(format!("what is sent is no JSON: {error}")))?;
    let caller = Caller { peer: peer.to_string(), call: "target page" };
    said(&backend, caller, name, id, LetterWord::Send(data), person(&corrected.by)?).await
}

pub(super) async fn let_go<B: Backend>(
    State(backend): State<B>,
    Extension(peer): Extension<Peer>,
    Named((name, id)): Named<(String, String)>,
    body: Body,
) -> Result<Response, Problem> {
    let caller = Caller { peer: peer.to_string(), call: "target page" };
    said(&backend, caller, name, id, LetterWord::LetGo, form::<By>(&body)?.person()?).await
}

async fn said<B: Backend>(
    backend: &B,
    caller: Caller,
    name: String,
    id: String,
    word: LetterWord,
    by: String,
) -> Result<Response, Problem> {
    if !backend.settle_letter(caller, name.clone(), id.clone(), word, by).await? {
        return Err(Problem::missing("dead letter", &id));
    }
    Ok(back_to(&link("/targets/", &name)))
}
