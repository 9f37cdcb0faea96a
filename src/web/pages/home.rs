//! The overview: stations with their open work, scanners, the newest orders, one search box.

use axum::extract::State;
use axum::response::{IntoResponse, Response};
use maud::{Markup, html};
use serde::Deserialize;

use super::Page;
use super::exceptions::first;
use super::layout::{filter, layout, when};
use super::printing::prints_waiting;
use super::view::{StationView, station_view};
use super::{alerts, numbers};
use crate::domain::order::Order;
use crate::domain::station::StationRules;
use crate::message::{Language, Phrase, order_stage, phrase};
use crate::web::asked::Asked;
use crate::web::backend::{Backend, DeviceView, KeptView, LedgerHealth, PluggedView, SourceView, TargetView};
use crate::web::link::link;
use crate::web::problem::Problem;
use crate::web::spoken::Spoken;

const ORDERS_SHOWN: usize = 30;

pub(super) async fn home<B: Backend>(State(backend): State<B>, Spoken(language): Spoken) -> Result<Response, Problem> {
    let (rules, interceptions) = (backend.stations(), backend.interceptions());
    let newest = backend.newest_orders(ORDERS_SHOWN).await?;
    let (views, orders) = backend
        .look(move |view| {
            let views: Vec<(StationRules, StationView)> =
                rules.iter().map(|rules| (rules.clone(), station_view(view, rules, &interceptions))).collect();
            let orders: Vec<_> = newest.iter().filter_map(|id| view.order(id)).collect();
            (views, orders)
        })
        .await?;
    let unread: Vec<PluggedView> = backend.unread_devices().await;
    let targets = backend.targets().await?;
    let exceptions = crate::web::api::gathered(&backend).await?;
    let (printers, prints) = (backend.printers().await?, prints_waiting(&backend, None).await?);
    let (pending, pending_count) = backend.pending_numbers(ORDERS_SHOWN).await?;
    let channels = backend.channels().await?;
    let say = |name| phrase(name, language);
    let content = html! {
        main.overview {
            header { h1 { "waybind" } (search_box("", language)) }
            @if let LedgerHealth::Stopped(why) | LedgerHealth::Recovery(why) = backend.health() {
                p.alarm role="alert" { strong { (say(Phrase::LedgerStopped)) } " " (why) }
            }
            div #live {
                (troubled(&targets, language))
                (first(&exceptions, language))
                (super::printing::overview(&printers, &prints, language))
                (asked(&backend.sources(), language))
                (alerts::section(&backend.alerts(), language))
                (numbers::troubled(&pending, pending_count, &channels, language))
                h2 { (say(Phrase::Stations)) }
                ul.stations { @for (rules, view) in &views { (station_card(rules, view, &backend.devices(), language)) } }
                (offers(&unread, language))
                section.newest {
                    h2 { (say(Phrase::Orders)) }
                    @if orders.is_empty() { p.empty { (say(Phrase::NoOrders)) } }
                    @else { (filter(language)) (order_table(orders.iter().map(AsRef::as_ref), language)) }
                }
            }
        }
    };
    Ok(Page(layout(say(Phrase::Overview), language, "home", Some("home.js"), &content)).into_response())
}

/// Targets that somebody should look at: behind for minutes, taking nothing, or refusing events.
fn troubled(targets: &[TargetView], language: Language) -> Markup {
    let say = |name| phrase(name, language);
    let troubled: Vec<&TargetView> =
        targets.iter().filter(|target| target.behind || target.dead > 0 || target.circuit == "open").collect();
    html! {
        @if !troubled.is_empty() {
            section.targets role="status" {
                h2 { (say(Phrase::TargetsBehind)) }
                ul { @for target in troubled {
                    li {
                        strong { a href=(link("/targets/", &target.name)) { (target.name) } }
                        @if target.behind { span.bad { " ✕ " (target.depth) " " (say(Phrase::Waiting)) @if let Some(oldest) = &target.oldest { " · " (say(Phrase::Since)) " " (when(oldest)) } } }
                        @if target.circuit == "open" { span.bad { " ✕ " (say(if target.fault == Some("setup") { Phrase::TargetSetup } else { Phrase::TargetDown })) } }
                        @if target.dead > 0 { span.bad { " ✕ " (target.dead) " " (say(Phrase::DeadLetters)) } }
                        @if target.orders_waiting > 0 { span.bad { " · " (target.orders_waiting) " " (say(Phrase::OrdersBehind)) } }
                        @if let Some(error) = &target.last_error { " · " (error) }
                    }
                } }
            }
        }
    }
}

/// Things that wait or were refused, and words, that are shown of one source.
const KEPT_SHOWN: usize = 20;

/// The sources: when each was read last, what went wrong, what waits and what it could not understand.
fn asked(sources: &[SourceView], language: Language) -> Markup {
    let say = |name| phrase(name, language);
    let kept = |thing: &KeptView| {
        let word = if thing.state == "waiting" { Phrase::Waits } else { Phrase::Refused };
        html! { li { (say(word)) " " (thing.kind) " " strong { (thing.id) } " · " (thing.reason) } }
    };
    html! {
        @if !sources.is_empty() {
            section.targets role="status" {
                h2 { (say(Phrase::Sources)) }
                ul { @for source in sources {
                    li {
                        strong { (source.name) }
                        @if let Some(at) = &source.last_success { " · " (say(Phrase::ReadLast)) " " (when(at)) }
                        @else { " · " (say(Phrase::NeverRead)) }
                        @if source.state == "full" { span.bad { " ✕ " (say(Phrase::SourceFull)) } }
                        @if let Some(error) = &source.last_error { span.bad { " ✕ " (error) } }
                        @if source.waiting > 0 { span { " · " (source.waiting) " " (say(Phrase::Waiting)) } }
                        @if source.refused > 0 { span.bad { " ✕ " (source.refused) " " (say(Phrase::Refused)) } }
                        @if source.waiting + source.refused + source.unknown_words.len() > 0 {
                            details {
                                summary { (say(Phrase::WhatIsOpen)) }
                                ul {
                                    @for unknown in source.unknown_words.iter().take(KEPT_SHOWN) {
                                        li.bad { (say(Phrase::UnknownWord)) " " (unknown.field) ": " strong { (unknown.word) } " × " (unknown.times) }
                                    }
                                    @for thing in source.kept.iter().take(KEPT_SHOWN) { (kept(thing)) }
                                }
                            }
                        }
                    }
                } }
            }
        }
    }
}

/// Scanners that are plugged in and not configured, each with the lines that configure it. A keyboard or a cable of which
/// nobody knows that it is a scanner is not offered here.
fn offers(unread: &[PluggedView], language: Language) -> Markup {
    let scanners: Vec<&PluggedView> = unread.iter().filter(|device| device.looks_like_a_scanner()).collect();
    html! {
        section.offers {
            @if !scanners.is_empty() {
                h2 { (phrase(Phrase::NotConfigured, language)) }
                ul { @for device in scanners {
                    li { details {
                        summary { strong { (device.name) } " " (device.node) @if !device.serial.is_empty() { " · " (device.serial) } @if let Some(fits) = &device.fits { " · " (fits) } }
                        p { (phrase(Phrase::AddToConfiguration, language)) }
                        pre { (device.configuration) }
                        @if let Some(draft) = &device.draft { pre { (draft) } }
                    } }
                } }
            }
        }
    }
}

fn search_box(text: &str, language: Language) -> Markup {
    html! {
        form.search action="/search" role="search" {
            input type="search" name="q" value=(text) placeholder=(phrase(Phrase::SearchHint, language)) aria-label=(phrase(Phrase::Search, language));
            button { (phrase(Phrase::Search, language)) }
        }
    }
}

fn station_card(rules: &StationRules, view: &StationView, devices: &[DeviceView], language: Language) -> Markup {
    let say = |name| phrase(name, language);
    html! {
        li class=[view.latched.is_some().then_some("alarmed")] {
            a href=(link("/station/", &rules.id)) {
                strong { (rules.id) }
                @if view.latched.is_some() { span.bad { "✕ " (say(Phrase::AlarmOpen)) } }
                span { (view.operator.as_deref().unwrap_or(say(Phrase::NobodySignedIn))) }
                span {
                    @match (&view.manifest, &view.work) {
                        (Some(open), _) => { (open.id) " · " (open.loaded) " / " (open.expected) },
                        (None, Some(work)) => { (work.id) " · " (view.lines.len()) " " (say(Phrase::LinesOpen)) },
                        (None, None) => (say(Phrase::NothingOpen)),
                    }
                }
                @for device in devices.iter().filter(|device| device.station == rules.id) {
                    span class=[(!device.connected).then_some("bad")] { (if device.connected { "▣ " } else { "✕ " }) (device.name) }
                }
            }
        }
    }
}

pub(super) fn order_table<'o>(orders: impl Iterator<Item = &'o Order>, language: Language) -> Markup {
    let say = |name| phrase(name, language);
    html! {
        table.orders {
            thead { tr { th { (say(Phrase::Order)) } th { (say(Phrase::Stage)) } th { (say(Phrase::Progress)) } th { (say(Phrase::Carrier)) } } }
            tbody {
                @for order in orders {
                    @let demanded: u32 = order.lines.iter().map(|line| line.demanded()).sum();
                    @let packed: u32 = order.lines.iter().map(|line| line.packed().min(line.demanded())).sum();
                    tr class=[(order.cancelled || !order.holds.is_empty()).then_some("stopped")] {
                        td { a href=(link("/order/", &order.id())) { (order.id()) } }
                        td { (order_stage(order.stage, language)) @if order.cancelled { " · " (say(Phrase::Cancelled)) } @if !order.holds.is_empty() { " · " (say(Phrase::Held)) } }
                        td.progress { meter min="0" max=(demanded.max(1)) value=(packed) {} span.number { (packed) " / " (demanded) } }
                        td { (order.spec.carrier) }
                    }
                }
            }
        }
    }
}

#[derive(Deserialize)]
pub(super) struct SearchQuery {
    #[serde(default)]
    q: String,
}

/// What kind of thing was found, in words.
fn kind_of(kind: &str, language: Language) -> &'static str {
    let name = match kind {
        "order" => Phrase::Order,
        "waybill" => Phrase::Waybill,
        "parcel" => Phrase::Parcel,
        "pick_list" => Phrase::PickList,
        "manifest" => Phrase::Manifest,
        "label" => Phrase::AggregatedLabel,
        "serial" => Phrase::Serial,
        "phone" => Phrase::Phone,
        _ => Phrase::Sku,
    };
    phrase(name, language)
}

pub(super) async fn search<B: Backend>(
    State(backend): State<B>,
    Asked(query): Asked<SearchQuery>,
    Spoken(language): Spoken,
) -> Result<Response, Problem> {
    let hits = crate::web::api::find(&backend, query.q.trim()).await?;
    let text = |value: &serde_json::Value| value.as_str().unwrap_or_default().to_owned();
    let content = html! {
        main.overview {
            header { h1 { "waybind" } (search_box(&query.q, language)) }
            @if hits.is_empty() { p.empty { (phrase(Phrase::NothingFound, language)) } }
            ul.hits {
                @for hit in &hits {
                    @let order = text(&hit["order"]);
                    @let id = text(&hit["id"]);
                    li {
                        span.kind { (kind_of(hit["kind"].as_str().unwrap_or_default(), language)) } " "
                        @if hit["kind"] == "label" { a href=(link("/labels/", &id)) { (id) } } @else { (id) }
                        @if !order.is_empty() { " → " a href=(link("/order/", &order)) { (order) } }
                    }
                }
            }
        }
    };
    Ok(Page(layout(phrase(Phrase::Search, language), language, "home", None, &content)).into_response())
}
