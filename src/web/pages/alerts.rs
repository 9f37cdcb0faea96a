//! Open alerts on the overview, and the button with which somebody takes one.

use axum::extract::{Extension, State};
use axum::response::Response;
use maud::{Markup, html};

use crate::message::{Language, Phrase, phrase};
use crate::web::asked::Named;
use crate::web::backend::{AlertView, Backend, Caller};
use crate::web::body::Body;
use crate::web::form::{back_to, form};
use crate::web::guard::Peer;
use crate::web::link::link;
use crate::web::person::By;
use crate::web::problem::Problem;

/// Alerts that the overview shows; the others are in the API.
const SHOWN_MAX: usize = 30;

pub(super) fn section(alerts: &[AlertView], language: Language) -> Markup {
    let say = |name| phrase(name, language);
    html! {
        @if !alerts.is_empty() {
            section.alerts role="status" {
                h2 { (say(Phrase::OpenAlerts)) " " (alerts.len()) }
                ul { @for alert in alerts.iter().take(SHOWN_MAX) {
                    li {
                        strong.bad { (alert.text) } " · " (super::layout::when(&alert.since))
                        @if let Some(order) = &alert.order { " · " a href=(link("/order/", &order)) { (order) } }
                        form method="post" action={ (link("/alerts/", &alert.id)) "/take" } {
                            label { (say(Phrase::YourName)) " " input name="by" autocomplete="name" required; }
                            button { (say(Phrase::TakeAlert)) }
                        }
                    }
                } }
            }
        }
    }
}

pub(super) async fn take<B: Backend>(
    State(backend): State<B>,
    Extension(peer): Extension<Peer>,
    Named(id): Named<String>,
    body: Body,
) -> Result<Response, Problem> {
    let by = form::<By>(&body)?.person()?;
    let caller = Caller { peer: peer.to_string(), call: "overview" };
    // one that somebody else took meanwhile is taken: the overview says so
    backend.take_alert(caller, id, by).await?;
    Ok(back_to("/"))
}
