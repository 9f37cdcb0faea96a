//! Stop-lists and where goods of them are; void numbers that go back to their carriers.

use axum::extract::{Extension, State};
use axum::response::{IntoResponse, Response};
use maud::{Markup, html};

use super::Page;
use super::layout::layout;
use crate::domain::ids::WaybillNo;
use crate::domain::rules::recall::StopList;
use crate::message::{Language, Phrase, phrase};
use crate::web::api::{RETURNS_MAX, TRACED_MAX, Traced, trace};
use crate::web::asked::Named;
use crate::web::backend::{Backend, Caller};
use crate::web::form::back_to;
use crate::web::guard::Peer;
use crate::web::link::link;
use crate::web::problem::Problem;
use crate::web::spoken::Spoken;

pub(super) async fn list<B: Backend>(State(backend): State<B>, Spoken(language): Spoken) -> Result<Response, Problem> {
    let stops = backend.stop_lists().await?;
    let say = |name| phrase(name, language);
    let content = html! {
        main.overview {
            h1 { (say(Phrase::Recalls)) }
            @if stops.is_empty() { p.empty { (say(Phrase::NoRecalls)) } }
            @else {
                table.orders {
                    thead { tr { th { (say(Phrase::Recall)) } th { (say(Phrase::Sku)) } th { (say(Phrase::Lot)) } th { (say(Phrase::Why)) } } }
                    tbody { @for stop in &stops { (stop_row(stop, language)) } }
                }
            }
        }
    };
    Ok(Page(layout(say(Phrase::Recalls), language, "home", None, &content)).into_response())
}

fn stop_row(stop: &StopList, language: Language) -> Markup {
    let say = |name| phrase(name, language);
    html! {
        tr class=[(!stop.active).then_some("done")] {
            td { a href=(link("/recalls/", &stop.id)) { (stop.id) } @if !stop.active { " · " (say(Phrase::Lifted)) } }
            td.sku { (stop.sku) }
            td { @if stop.lots.is_empty() { (say(Phrase::AllLots)) } @else { (stop.lots.join(", ")) } }
            td { (stop.reason.as_deref().unwrap_or_default()) }
        }
    }
}

pub(super) async fn one<B: Backend>(
    State(backend): State<B>,
    Named(id): Named<String>,
    Spoken(language): Spoken,
) -> Result<Response, Problem> {
    let wanted = id.clone();
    let stop = backend.look(move |view| view.stop_list(&wanted)).await?;
    let stop = stop.ok_or_else(|| Problem::missing("stop-list", &id))?;
    let goods = trace(&backend, &stop).await?;
    let say = |name| phrase(name, language);
    let units: u32 = goods.iter().map(|traced| traced.quantity).sum();
    let content = html! {
        main.overview {
            h1 { (say(Phrase::Recall)) " " (stop.id) }
            table.orders { tbody { (stop_row(&stop, language)) } }
            h2 { (say(Phrase::WhereItWent)) " · " (units) }
            @if goods.is_empty() { p.good { "✓ " (say(Phrase::NowhereYet)) } }
            @else {
                table.orders {
                    thead { tr { th { (say(Phrase::Order)) } th { (say(Phrase::Line)) } th { (say(Phrase::Lot)) } th { (say(Phrase::Quantity)) } th { (say(Phrase::Parcel)) } } }
                    tbody { @for traced in &goods { (traced_row(traced, language)) } }
                }
            }
            @if goods.len() >= TRACED_MAX { p.bad { (say(Phrase::OnlyTheFirst)) " " (TRACED_MAX) } }
        }
    };
    Ok(Page(layout(&id, language, "home", None, &content)).into_response())
}

fn traced_row(traced: &Traced, language: Language) -> Markup {
    let say = |name| phrase(name, language);
    html! {
        tr {
            td { a href=(link("/order/", &traced.order)) { (traced.order) } }
            td { (traced.line) }
            td { (traced.lot.as_deref().unwrap_or(say(Phrase::LotUnknown))) }
            td { (traced.quantity) }
            td {
                @if traced.parcels.is_empty() { (say(Phrase::NotInABox)) }
                @for (parcel, waybill, loaded) in &traced.parcels {
                    p { (parcel) @if let Some(waybill) = waybill { " · " (waybill) } @if *loaded { strong.bad { " · " (say(Phrase::Loaded)) } } }
                }
            }
        }
    }
}

pub(super) async fn returns<B: Backend>(
    State(backend): State<B>,
    Spoken(language): Spoken,
) -> Result<Response, Problem> {
    let waybills = backend.waybills_to_return(RETURNS_MAX).await?;
    let say = |name| phrase(name, language);
    let content = html! {
        main.overview {
            h1 { (say(Phrase::NumbersToReturn)) }
            @if waybills.is_empty() { p.empty { (say(Phrase::NoNumbersToReturn)) } }
            @else {
                p { a href="/api/v1/waybills?state=to_return&format=csv" { "CSV" } }
                table.orders {
                    thead { tr { th { (say(Phrase::Waybill)) } th { (say(Phrase::Carrier)) } th { (say(Phrase::Order)) } th {} } }
                    tbody {
                        @for waybill in &waybills {
                            tr {
                                td.sku { (waybill.number) }
                                td { (waybill.carrier) }
                                td { @for order in &waybill.orders { a href=(link("/order/", &order)) { (order) } " " } }
                                td { form method="post" action=(link("/returns/", &waybill.number)) { button { (say(Phrase::Returned)) } } }
                            }
                        }
                    }
                }
            }
        }
    };
    Ok(Page(layout(say(Phrase::NumbersToReturn), language, "home", None, &content)).into_response())
}

pub(super) async fn given_back<B: Backend>(
    State(backend): State<B>,
    Extension(peer): Extension<Peer>,
    Named(number): Named<String>,
) -> Result<Response, Problem> {
    let waybill = WaybillNo::new(&number).map_err(|_| Problem::missing("waybill", &number))?;
    let caller = Caller { peer: peer.to_string(), call: "waybill returned page" };
    backend.give_back(caller, waybill).await?;
    Ok(back_to("/returns"))
}
