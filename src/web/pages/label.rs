//! An aggregated label's page: its picture, who is on it, its versions and how they were printed; and the open bags of a
//! station.

use axum::extract::{Extension, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use maud::{Markup, html};
use serde::Deserialize;

use super::Page;
use super::layout::{layout, when};
use super::printing::stories;
use super::view::BagView;
use crate::domain::bag::LabelVersion;
use crate::domain::ids::BagId;
use crate::domain::upstream::LabelPrint;
use crate::message::{Language, Phrase, phrase, reprint_reasons, void_why};
use crate::web::api::{LabelView, label_view};
use crate::web::asked::Named;
use crate::web::backend::{Backend, Caller, LabelAction, LabelAnswer};
use crate::web::body::Body;
use crate::web::form::{back_to, form};
use crate::web::guard::Peer;
use crate::web::link::link;
use crate::web::problem::Problem;
use crate::web::spoken::Spoken;

pub(super) async fn page<B: Backend>(
    State(backend): State<B>,
    Named(id): Named<String>,
    Spoken(language): Spoken,
) -> Result<Response, Problem> {
    shown(&backend, id, None, language).await
}

async fn shown<B: Backend>(
    backend: &B,
    id: String,
    refused: Option<&str>,
    language: Language,
) -> Result<Response, Problem> {
    let wanted = id.clone();
    let found = backend.look(move |view| label_view(view, &wanted)).await?;
    let found = found.ok_or_else(|| Problem::missing("label", &id))?;
    let content = whole(backend, &found, refused, language);
    Ok(Page(layout(&id, language, "home", None, &content)).into_response())
}

fn whole<B: Backend>(backend: &B, found: &LabelView, refused: Option<&str>, language: Language) -> Markup {
    let say = |name| phrase(name, language);
    let bag = &found.bag;
    let word = match found.state {
        "open" => Phrase::LabelNotYet,
        "valid" => Phrase::LabelHolds,
        _ => Phrase::LabelIsVoid,
    };
    html! {
        main.overview.label {
            h1 { (say(Phrase::AggregatedLabel)) " " (bag.id) @if let Some(version) = bag.current() { " v" (version.version) } }
            @if let Some(why) = refused { p.bad role="alert" { (why) } }
            p class=[(found.state == "void").then_some("bad")] {
                strong { (say(word)) } " · " (bag.carrier) @if let Some(courier) = &bag.courier { " · " (courier) }
                " · " (bag.region) " · " a href=(link("/station/", &bag.station)) { (bag.station) } @if let Some(tag) = &bag.tag { " · " (tag) }
            }
            @if found.state == "valid" {
                (commands(found, language))
                a href={ "/api/v1/labels/" (bag.id) ".pdf" } { img.paper src={ "/api/v1/labels/" (bag.id) ".png" } alt=(say(Phrase::AggregatedLabel)); }
            }
            h2 { (say(Phrase::InTheBag)) " " (found.members.len()) }
            table.orders {
                thead { tr { th { "#" } th { (say(Phrase::Order)) } th { (say(Phrase::Waybill)) } th { (say(Phrase::Stage)) } } }
                tbody {
                    @for (member, waybill, stopped) in &found.members {
                        tr class=[stopped.map(|_| "stopped")] {
                            td { (member.number) }
                            td { a href=(link("/order/", &member.order)) { (member.order) } " · " (member.parcel) }
                            td.sku { @if let Some(number) = waybill { (number) } }
                            td { @match stopped { Some(why) => strong.bad { (void_why(*why, language)) " · " (say(Phrase::TakeItOut)) }, None => "✓" } }
                        }
                    }
                }
            }
            h2 { (say(Phrase::LabelVersions)) }
            ol.story {
                @for (version, prints) in bag.versions.iter().zip(&found.prints).rev() {
                    li class=[version.void.as_ref().map(|_| "bad")] { (version_line(backend, version, language)) (stories(backend, prints, language)) }
                }
            }
        }
    }
}

/// Printing again with a reason, and voiding: plain forms, which need no script.
fn commands(found: &LabelView, language: Language) -> Markup {
    let say = |name| phrase(name, language);
    let (id, was_printed) = (&found.bag.id, found.prints.last().is_some_and(|prints| !prints.is_empty()));
    html! {
        form.commands method="post" action={ (link("/labels/", &id)) "/print" } {
            @if was_printed {
                span { (say(Phrase::ReprintWhy)) }
                @for (number, reason) in reprint_reasons(language).iter().enumerate() { button name="reason" value=(number) { (reason) } }
            } @else { button { (say(Phrase::Printing)) } }
        }
        form.commands method="post" action={ (link("/labels/", &id)) "/void" } { button { (say(Phrase::VoidIt)) } }
    }
}

fn version_line<B: Backend>(backend: &B, version: &LabelVersion, language: Language) -> Markup {
    let say = |name| phrase(name, language);
    html! {
        strong { "v" (version.version) } " "
        (when(&backend.written(version.at.wall))) " · "
        @for member in &version.members { (member.number) " " (member.order) " · " }
        @match &version.void {
            None => { "✓ " (say(Phrase::LabelHolds)) },
            Some(void) => {
                "✕ " (say(Phrase::VoidWord)) ": " (void_why(void.why, language))
                @if let Some(order) = &void.order { " " (order) }
            },
        }
    }
}

/// What the form sends: which of the reasons for a copy, none for the first print.
#[derive(Deserialize)]
struct Reason {
    reason: Option<String>,
}

pub(super) async fn print<B: Backend>(
    State(backend): State<B>,
    Extension(peer): Extension<Peer>,
    Named(id): Named<String>,
    Spoken(language): Spoken,
    body: Body,
) -> Result<Response, Problem> {
    let label = BagId::new(&id).map_err(|_| Problem::missing("label", &id))?;
    let chosen = form::<Reason>(&body)?.reason.and_then(|number| number.parse::<usize>().ok());
    let reason = chosen.and_then(|number| reprint_reasons(language).get(number).map(|reason| (*reason).to_owned()));
    let wanted = LabelPrint { label, reason, station: None, by: None };
    said(&backend, &peer, id, LabelAction::Print(wanted), language).await
}

pub(super) async fn void<B: Backend>(
    State(backend): State<B>,
    Extension(peer): Extension<Peer>,
    Named(id): Named<String>,
    Spoken(language): Spoken,
) -> Result<Response, Problem> {
    let label = BagId::new(&id).map_err(|_| Problem::missing("label", &id))?;
    said(&backend, &peer, id, LabelAction::Void(label), language).await
}

/// Says it and shows what came of it.
async fn said<B: Backend>(
    backend: &B,
    peer: &Peer,
    id: String,
    action: LabelAction,
    language: Language,
) -> Result<Response, Problem> {
    let caller = Caller { peer: peer.to_string(), call: "label page" };
    let answer = backend.label(caller, action, None).await?;
    match answer {
        LabelAnswer::Given(200, _) | LabelAnswer::KeyConflict => Ok(back_to(&link("/labels/", &id))),
        LabelAnswer::Given(status, body) => {
            let body: serde_json::Value = serde_json::from_str(&body).unwrap_or_default();
            let page = shown(backend, id, body["detail"].as_str(), language).await?;
            Ok((StatusCode::from_u16(status).unwrap_or_default(), page).into_response())
        }
    }
}

/// The bags that a station fills, and those that want something.
pub(super) fn bags(bags: &[BagView], language: Language) -> Markup {
    let say = |name| phrase(name, language);
    html! {
        @for bag in bags {
            p.waiting.bag.asks[bag.void] {
                span.icon aria-hidden="true" { "▣" } (say(Phrase::BagOpen)) " " a href=(link("/labels/", &bag.id)) { (bag.name) } " · " (bag.region)
                " · " (bag.members.len()) " / " (bag.max)
                @if bag.void { " — " (say(Phrase::LabelIsVoid)) } @else { " — " (say(Phrase::RoomFor)) " " (bag.room) " " (say(Phrase::Parcels)) }
                @for member in &bag.members { br; (member.number) " " (member.order) " · " (member.parcel)
                    @if let Some(why) = member.stopped { strong { " — " (void_why(why, language)) " · " (say(Phrase::TakeItOut)) } } }
            }
        }
    }
}
