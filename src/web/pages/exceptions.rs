//! Orders that a person should look at: what upstream wants otherwise, what must go back, what waits for whom; and the
//! supervisor's word on a new address.

use axum::extract::{Extension, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use maud::{Markup, html};
use serde::Deserialize;

use super::Page;
use super::layout::{filter, layout};
use crate::domain::ids::OrderId;
use crate::domain::order::{Attention, Consignee, Order};
use crate::domain::rules::Rule;
use crate::domain::upstream::OrderAction;
use crate::message::{Language, Phrase, attention_text, hold_reason, phrase, rule_name};
use crate::web::api::{EXCEPTIONS_MAX, Exception, acted_json, badge_of, gathered};
use crate::web::asked::Named;
use crate::web::backend::{Acted, Backend, Caller};
use crate::web::body::Body;
use crate::web::form::{back_to, form};
use crate::web::guard::Peer;
use crate::web::link::link;
use crate::web::problem::Problem;
use crate::web::spoken::Spoken;

/// Exceptions that the overview shows before it points to their own page.
const ON_OVERVIEW: usize = 8;

pub(super) async fn page<B: Backend>(State(backend): State<B>, Spoken(language): Spoken) -> Result<Response, Problem> {
    let found = gathered(&backend).await?;
    Ok(Page(whole(&found, None, language)).into_response())
}

fn whole(found: &[Exception], refused: Option<&str>, language: Language) -> Markup {
    let say = |name| phrase(name, language);
    let content = html! {
        main.overview {
            h1 { (say(Phrase::Exceptions)) }
            @if let Some(why) = refused { p.alarm role="alert" { (why) } }
            @if found.is_empty() { p.empty { (say(Phrase::NoExceptions)) } }
            @else { (filter(language)) (table(found, true, language)) }
            @if found.len() >= EXCEPTIONS_MAX { p.bad { (say(Phrase::OnlyTheFirst)) " " (EXCEPTIONS_MAX) } }
            p { a href="/returns" { (say(Phrase::NumbersToReturn)) } " · " a href="/recalls" { (say(Phrase::Recalls)) } }
        }
    };
    layout(say(Phrase::Exceptions), language, "home", None, &content)
}

/// The first exceptions, for the overview; nothing where there are none.
pub(super) fn first(found: &[Exception], language: Language) -> Markup {
    html! {
        @if !found.is_empty() {
            section.exceptions role="status" {
                h2 { a href="/exceptions" { (phrase(Phrase::Exceptions, language)) " " (found.len()) } }
                (table(&found[..found.len().min(ON_OVERVIEW)], false, language))
            }
        }
    }
}

fn table(found: &[Exception], acts: bool, language: Language) -> Markup {
    let say = |name| phrase(name, language);
    html! {
        table.orders {
            thead { tr { th { (say(Phrase::Order)) } th { (say(Phrase::Why)) } th { (say(Phrase::WhatExactly)) } } }
            tbody {
                @for Exception { attention, order } in found {
                    tr {
                        td { a href=(link("/order/", &order.id())) { (order.id()) } }
                        td { strong.bad { (attention_text(*attention, language)) } }
                        td { (details(order, *attention, acts, language)) }
                    }
                }
            }
        }
    }
}

fn details(order: &Order, attention: Attention, acts: bool, language: Language) -> Markup {
    let say = |name| phrase(name, language);
    html! {
        // addresses are for the one who confirms them, not for a monitor in the hall
        @if attention == Attention::Address && acts { (address(order, language)) }
        @for hold in order.holds.iter().filter(|_| attention != Attention::Address) {
            p {
                (hold_reason(hold.reason, language))
                @if let Some(rule) = Rule::of_hold(hold).filter(|_| hold.kind.is_some()) { " · " (rule_name(rule, language)) }
                @if let Some(note) = &hold.note { " · " (note) }
            }
        }
        @for differs in &order.differs {
            @let picked = order.line(differs.line);
            p {
                (say(Phrase::Line)) " " (differs.line) ": "
                @if let Some(line) = picked {
                    (say(Phrase::Picked)) " " (line.spec.sku)
                    @for lot in line.units.iter().filter_map(|unit| unit.identity.lot.as_ref()) { " " (say(Phrase::Lot)) " " (lot) }
                    " × " (line.picked()) "; "
                }
                (say(Phrase::UpstreamWants)) " " strong { (differs.wanted.sku) @if let Some(lot) = &differs.wanted.lot { " " (say(Phrase::Lot)) " " (lot) } } " × " (differs.wanted.quantity)
            }
        }
        @for line in order.lines.iter().filter(|line| line.has_put_back()) {
            @let units: u32 = (0..line.parts.len()).map(|part| line.to_put_back(part)).sum();
            p { (say(Phrase::Line)) " " (line.spec.line) ": " (line.spec.sku) " × " (units) " " (say(Phrase::ToPutBack)) }
        }
        @for line in order.lines.iter().filter(|line| line.short.is_some()) {
            p { (say(Phrase::Line)) " " (line.spec.line) ": " (line.spec.sku) " " (say(Phrase::Short)) " " (line.short.map_or(0, |short| short.quantity)) }
        }
    }
}

/// The old and the new address side by side, and the field for the supervisor's badge.
pub(super) fn address(order: &Order, language: Language) -> Markup {
    let say = |name| phrase(name, language);
    let row = |name, consignee: &Consignee| {
        html! { tr { th { (say(name)) } td { (consignee.name) " " (consignee.phone) br; (consignee.address) } } }
    };
    html! {
        table.addresses {
            @if let Some(before) = &order.readdressed_from { (row(Phrase::AddressBefore, before)) }
            (row(Phrase::AddressNow, &order.spec.consignee))
        }
        form.confirm method="post" action={ (link("/order/", &order.id())) "/confirm-address" } {
            label { (say(Phrase::ConfirmWithBadge)) " " input type="password" name="badge" autocomplete="off" required; }
            button { (say(Phrase::ConfirmAddress)) }
        }
    }
}

/// What the form sends.
#[derive(Deserialize)]
struct Confirmed {
    badge: String,
}

pub(super) async fn confirm<B: Backend>(
    State(backend): State<B>,
    Extension(peer): Extension<Peer>,
    Named(id): Named<String>,
    Spoken(language): Spoken,
    body: Body,
) -> Result<Response, Problem> {
    let order = OrderId::new(&id).map_err(|_| Problem::missing("order", &id))?;
    let badge = badge_of(&form::<Confirmed>(&body)?.badge, &backend.key());
    let refused = match badge {
        None => phrase(Phrase::NoBadge, language).to_owned(),
        Some(badge) => {
            let caller = Caller { peer: peer.to_string(), call: "confirm-address page" };
            let acted = backend.act(caller, order, OrderAction::ConfirmAddress { badge }, None).await?;
            let Acted::Now(outcome) = acted else { return Ok(back_to("/exceptions")) };
            match outcome.refusal() {
                None => return Ok(back_to("/exceptions")),
                Some(_) => {
                    let (_, body) = acted_json(&id, &outcome);
                    body["reason"].as_str().unwrap_or_default().to_owned()
                }
            }
        }
    };
    let found = gathered(&backend).await?;
    Ok((StatusCode::FORBIDDEN, Page(whole(&found, Some(&refused), language))).into_response())
}
