//! An order's page: where it stands, and its whole story.

use std::sync::Arc;

use axum::extract::State;
use axum::response::{IntoResponse, Response};
use maud::{Markup, html};

use super::Page;
use super::exceptions::address;
use super::layout::{layout, when};
use super::numbers::{self, Typed};
use super::printing::stories;
use crate::domain::gate;
use crate::domain::ids::OrderId;
use crate::domain::order::{Attention, Order};
use crate::domain::rules::recall;
use crate::domain::view::View;
use crate::domain::work::{Parcel, ParcelState};
use crate::message::{
    Language, Phrase, attention_text, code_name_title, fact_title, hold_reason, missing_why, order_stage, phrase,
};
use crate::web::api::{bags_in, prints_of};
use crate::web::asked::Named;
use crate::web::backend::{Backend, FeedItem};
use crate::web::link::link;
use crate::web::problem::Problem;
use crate::web::spoken::Spoken;

pub(super) async fn page<B: Backend>(
    State(backend): State<B>,
    Named(id): Named<String>,
    Spoken(language): Spoken,
) -> Result<Response, Problem> {
    Ok(Page(shown(&backend, &id, None, language).await?).into_response())
}

/// An order's page; with what was typed and not taken, if that was before.
pub(super) async fn shown<B: Backend>(
    backend: &B,
    id: &str,
    typed: Option<&Typed>,
    language: Language,
) -> Result<Markup, Problem> {
    let wanted = OrderId::new(id).map_err(|_| Problem::missing("order", id))?;
    let story = backend.history(wanted.clone()).await?;
    let bags = bags_in(&story.events);
    let found = backend
        .look(move |view| {
            let order = view.order(wanted.as_str())?;
            let (missing, recalled) = (gate::missing(view, &order), recall::on_order(view, &order));
            Some((missing, recalled, boxes(view, &order), prints_of(view, &wanted, &bags), order))
        })
        .await?;
    let (missing, recalled, boxes, prints, order) = found.ok_or_else(|| Problem::missing("order", id))?;
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
                    @for exchange in &order.exchange_orders { " · " (say(Phrase::ExchangeOrder)) " " a href=(link("/order/", &exchange)) { (exchange) } }
                }
            }
            @if missing.is_empty() && recalled.is_empty() && !order.cancelled && order.holds.is_empty() { p.good { "✓ " (say(Phrase::Complete)) } }
            @for goods in &recalled {
                p.bad {
                    "✕ " a href=(link("/recalls/", &goods.stop_list)) { (say(Phrase::Recall)) " " (goods.stop_list) }
                    " · " (goods.sku) " " (goods.lot.as_deref().unwrap_or_default()) " × " (goods.quantity)
                }
            }
            (numbers::section(&order, typed, language))
            ul { @for entry in &missing { li.bad { @if let Some(line) = entry.line { (say(Phrase::Line)) " " (line) " " } (missing_why(entry.why, language)) } } }
            table.orders {
                thead { tr { th { (say(Phrase::Line)) } th { (say(Phrase::Sku)) } th { (say(Phrase::Picked)) } th { (say(Phrase::Packed)) } th { (say(Phrase::Demanded)) } } }
                tbody { @for line in &order.lines { tr { td { (line.spec.line) } td { (line.spec.sku) } td { (line.picked()) } td { (line.packed()) } td { (line.demanded()) } } } }
            }
            @if !boxes.is_empty() {
                h2 { (say(Phrase::Parcel)) }
                ul {
                    @for parcel in &boxes {
                        li {
                            (parcel.id) " · " (parcel_state(parcel, language)) " · "
                            @match &parcel.waybill { Some(number) => (number), None => span.bad { (say(Phrase::NoWaybillYet)) } }
                            @if let Some(bag) = &parcel.bag { " · " a href=(link("/labels/", &bag)) { (bag) } }
                        }
                    }
                }
            }
            @if !prints.is_empty() { h2 { (say(Phrase::Printing)) } (stories(backend, &prints, language)) }
            h2 { (say(Phrase::Story)) }
            @if !story.missing.is_empty() { p.bad { (say(Phrase::StoryArchived)) " " (story.missing.join(", ")) } }
            @if story.earlier > 0 { p { (say(Phrase::StoryEarlier)) " " (story.earlier) } }
            ol.story { @for event in &story.events { (entry(event, language)) } }
        }
    };
    Ok(layout(id, language, "home", None, &content))
}

/// An order's boxes that hold something.
fn boxes(view: &dyn View, order: &Order) -> Vec<Arc<Parcel>> {
    let parcels = order.parcels.iter().filter_map(|id| view.parcel(id.as_str()));
    parcels.filter(|parcel| !parcel.contents.is_empty()).collect()
}

fn parcel_state(parcel: &Parcel, language: Language) -> &'static str {
    let name = match parcel.state {
        ParcelState::Open => Phrase::BeingFilled,
        ParcelState::Sealed => Phrase::Sealed,
        ParcelState::Loaded => Phrase::Loaded,
    };
    phrase(name, language)
}

fn entry(event: &FeedItem, language: Language) -> Markup {
    let refused = event.kind == "scan_refused";
    let field = |name: &str| event.data.get(name).and_then(serde_json::Value::as_str).unwrap_or_default().to_owned();
    html! {
        li class=[refused.then_some("bad")] {
            (when(&event.time)) " "
            strong title=(event.kind) { (if refused { code_name_title(&field("code"), language).to_owned() } else { fact_title(&event.kind, language).to_owned() }) } " "
            @if let Some(said) = event.data.get("rule").and_then(serde_json::Value::as_str) { (said) " " (field("mode")) " " (code_name_title(&field("code"), language)) " " }
            @if let Some(by) = event.data.get("by").and_then(serde_json::Value::as_str) { (by) " " }
            span { (field("station")) " " (field("operator")) " " (field("device")) " " (field("call")) }
        }
    }
}
