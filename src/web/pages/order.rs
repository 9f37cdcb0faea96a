//! An order's page: where it stands, and its whole story.

use axum::extract::{Path, State};
use axum::response::{IntoResponse, Response};
use maud::{Markup, html};

use super::Page;
use super::exceptions::address;
use super::layout::layout;
use super::numbers;
use super::printing::stories;
use crate::domain::gate;
use crate::domain::ids::OrderId;
use crate::domain::order::Attention;
use crate::domain::rules::recall;
use crate::message::{Phrase, attention_text, hold_reason, missing_why, order_stage, phrase};
use crate::web::api::{bags_in, prints_of};
use crate::web::backend::{Backend, FeedItem};
use crate::web::problem::Problem;
use crate::web::spoken::Spoken;

pub(super) async fn page<B: Backend>(
    State(backend): State<B>,
    Path(id): Path<String>,
    Spoken(language): Spoken,
) -> Result<Response, Problem> {
    let wanted = OrderId::new(&id).map_err(|_| Problem::missing("order", &id))?;
    let story = backend.history(wanted.clone()).await?;
    let bags = bags_in(&story);
    let found = backend
        .look(move |view| {
            view.order(wanted.as_str()).map(|order| {
                (gate::missing(view, &order), recall::on_order(view, &order), prints_of(view, &wanted, &bags), order)
            })
        })
        .await?;
    let (missing, recalled, prints, order) = found.ok_or_else(|| Problem::missing("order", &id))?;
    let say = |name| phrase(name, language);
    let content = html! {
        main.overview {
            h1 { (say(Phrase::Order)) " " (id) }
            p {
                (order_stage(order.stage, language)) " · " (order.spec.carrier)
                @if order.cancelled { strong.bad { " · " (say(Phrase::Cancelled)) } }
                @for hold in &order.holds {
                    strong.bad { " · " (say(Phrase::Held)) " " (hold_reason(hold.reason, language)) " " (hold.kind.as_deref().unwrap_or("")) " " (hold.note.as_deref().unwrap_or("")) }
                }
            }
            @if order.waybill_pending { p.bad { (attention_text(Attention::WaybillPending, language)) } }
            @if order.awaits_address() { (address(&order, language)) }
            @if order.partially_completed {
                p {
                    (say(Phrase::ReturnCameIn))
                    @for exchange in &order.exchange_orders { " · " (say(Phrase::ExchangeOrder)) " " a href={ "/order/" (exchange) } { (exchange) } }
                }
            }
            @if missing.is_empty() && recalled.is_empty() && !order.cancelled && order.holds.is_empty() { p.good { "✓ " (say(Phrase::Complete)) } }
            @for goods in &recalled {
                p.bad {
                    "✕ " a href={ "/recalls/" (goods.stop_list) } { (say(Phrase::Recall)) " " (goods.stop_list) }
                    " · " (goods.sku) " " (goods.lot.as_deref().unwrap_or_default()) " × " (goods.quantity)
                }
            }
            (numbers::section(&order, language))
            ul { @for entry in &missing { li.bad { @if let Some(line) = entry.line { (say(Phrase::Line)) " " (line) " " } (missing_why(entry.why, language)) } } }
            table.orders {
                thead { tr { th { (say(Phrase::Line)) } th { (say(Phrase::Sku)) } th { (say(Phrase::Picked)) } th { (say(Phrase::Packed)) } th { (say(Phrase::Demanded)) } } }
                tbody { @for line in &order.lines { tr { td { (line.spec.line) } td { (line.spec.sku) } td { (line.picked()) } td { (line.packed()) } td { (line.demanded()) } } } }
            }
            @if !prints.is_empty() { h2 { (say(Phrase::Printing)) } (stories(&backend, &prints, language)) }
            h2 { (say(Phrase::Story)) }
            ol.story { @for event in &story { (entry(event)) } }
        }
    };
    Ok(Page(layout(&id, language, "home", None, &content)).into_response())
}

fn entry(event: &FeedItem) -> Markup {
    let refused = event.kind == "scan_refused";
    let field = |name: &str| event.data.get(name).and_then(serde_json::Value::as_str).unwrap_or_default().to_owned();
    html! {
        li class=[refused.then_some("bad")] {
            time datetime=(event.time) { (event.time) } " "
            strong { (if refused { field("code") } else { event.kind.clone() }) } " "
            @if let Some(said) = event.data.get("rule").and_then(serde_json::Value::as_str) { (said) " " (field("mode")) " " (field("code")) " " }
            @if let Some(by) = event.data.get("by").and_then(serde_json::Value::as_str) { (by) " " }
            span { (field("station")) " " (field("operator")) " " (field("device")) " " (field("call")) }
        }
    }
}
