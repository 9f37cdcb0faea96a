//! An order's waybill number on the pages: what the channels said, the form to enter it by hand, conflicts.

use axum::extract::{Extension, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use maud::{Markup, html};
use serde::Deserialize;

use super::Page;
use crate::domain::ids::OrderId;
use crate::domain::order::Order;
use crate::domain::upstream::OrderAction;
use crate::message::{Language, Phrase, number_refusal, phrase};
use crate::web::asked::Named;
use crate::web::backend::{Acted, Backend, Caller, ChannelView};
use crate::web::body::Body;
use crate::web::form::{back_to, form};
use crate::web::guard::Peer;
use crate::web::link::link;
use crate::web::person::person;
use crate::web::problem::Problem;
use crate::web::spoken::Spoken;

/// What was typed and not taken.
pub(super) struct Typed {
    number: String,
    by: String,
    why: String,
}

/// The number's story on an order's page; nothing where all is well.
pub(super) fn section(order: &Order, typed: Option<&Typed>, language: Language) -> Markup {
    let say = |name| phrase(name, language);
    let numbering = &order.numbering;
    let number = typed.map_or("", |typed| typed.number.as_str());
    let by = typed.map_or("", |typed| typed.by.as_str());
    html! {
        @if let Some(typed) = typed { p.alarm role="alert" { "✕ " (typed.why) } }
        @if let Some(pending) = &numbering.pending {
            section.numbers role="alert" {
                h2.bad { "✕ " (say(Phrase::NumberPending)) }
                ul { @for tried in &pending.tried { li { strong { (tried.channel) } " · " (tried.why) } } }
                form method="post" action={ (link("/order/", &order.id())) "/waybill" } {
                    label { (say(Phrase::Waybill)) " " input name="number" value=(number) autocomplete="off" required; }
                    label { (say(Phrase::YourName)) " " input name="by" value=(by) autocomplete="name" required; }
                    label { input type="checkbox" name="confirm" value="true"; " " (say(Phrase::NumberIsRight)) }
                    button { (say(Phrase::EnterNumber)) }
                }
            }
        }
        @for conflict in &numbering.conflicts {
            p.bad role="alert" { "✕ " (say(Phrase::NumberConflict)) " " (conflict.came) " (" (conflict.from) ") · " (say(Phrase::NumberHolds)) " " (conflict.holds) }
        }
    }
}

/// What the overview says: orders without a number, and channels that are left alone.
pub(super) fn troubled(orders: &[OrderId], count: u64, channels: &[ChannelView], language: Language) -> Markup {
    let say = |name| phrase(name, language);
    let resting: Vec<&ChannelView> = channels.iter().filter(|channel| channel.circuit == "open").collect();
    html! {
        @if count > 0 || !resting.is_empty() {
            section.numbers role="status" {
                h2 { (say(Phrase::NumberPending)) " " (count) }
                ul {
                    @for order in orders { li { a href=(link("/order/", &order)) { (order) } } }
                    @for channel in resting {
                        li.bad { "✕ " (say(Phrase::ChannelRests)) " " (channel.name) @if let Some(error) = &channel.last_error { " · " (error) } }
                    }
                }
            }
        }
    }
}

/// What the form sends.
#[derive(Deserialize)]
struct Entered {
    number: String,
    by: String,
    confirm: Option<String>,
}

pub(super) async fn enter<B: Backend>(
    State(backend): State<B>,
    Extension(peer): Extension<Peer>,
    Named(id): Named<String>,
    Spoken(language): Spoken,
    body: Body,
) -> Result<Response, Problem> {
    let order = OrderId::new(&id).map_err(|_| Problem::missing("order", &id))?;
    let entered: Entered = form(&body)?;
    let by = person(&entered.by)?;
    let Entered { number, confirm, .. } = entered;
    let action = OrderAction::EnterNumber { text: number.clone(), by: by.clone(), confirmed: confirm.is_some() };
    let caller = Caller { peer: peer.to_string(), call: "order page" };
    if let Acted::Now(outcome) = backend.act(caller, order, action, None).await?
        && let Some(refusal) = outcome.refusal()
    {
        let typed = Typed { number, by, why: number_refusal(refusal, language) };
        let page = super::order::shown(&backend, &id, Some(&typed), language).await?;
        return Ok((StatusCode::UNPROCESSABLE_ENTITY, Page(page)).into_response());
    }
    Ok(back_to(&link("/order/", &id)))
}
