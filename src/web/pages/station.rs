//! The station page: the verdict band, the open work, the rim; and the stream that keeps it up to date.

use std::convert::Infallible;
use std::time::Duration;

use axum::extract::State;
use axum::response::sse::{Event, KeepAlive};
use axum::response::{IntoResponse, Response, Sse};
use futures_util::stream;
use maud::{Markup, html};
use tokio::sync::broadcast::error::RecvError;

use super::Page;
use super::layout::{layout, when};
use super::manifest::{manifest, must_come_off};
use super::printing::{printer_of, prints_waiting};
use super::view::{LineView, PIN_AWAITED, PendingView, REPRINT_AWAITED, StationView, station_view};
use crate::domain::ids::{OrderId, StationId};
use crate::domain::printing::PrintJob;
use crate::domain::station::{Mode, StationRules};
use crate::domain::verdict::{Code, Facts, Severity, Verdict};
use crate::message::{Language, Phrase, phrase, printer_condition, reprint_reasons, verdict_text, warning_text};
use crate::web::asked::Named;
use crate::web::backend::{Backend, DeviceView, LedgerHealth, PrinterView, Shown, TargetView};
use crate::web::problem::Problem;
use crate::web::spoken::Spoken;

/// A comment is sent after this long; the page covers itself when it misses two.
const KEEP_ALIVE: Duration = Duration::from_secs(5);

pub(super) async fn page<B: Backend>(
    State(backend): State<B>,
    Named(id): Named<String>,
    Spoken(language): Spoken,
) -> Result<Response, Problem> {
    let rules = backend.station(&id).ok_or_else(|| Problem::missing("station", &id))?;
    let view = fragment(&backend, &rules, language).await?;
    let content = html! {
        main #view data-station=(id) data-language=(language.tag()) { (view) }
        aside #lost hidden role="alert" { strong { (phrase(Phrase::ConnectionLost, language)) } p { (phrase(Phrase::NothingRecorded, language)) } }
        noscript { p.noscript { (phrase(Phrase::NoScript, language)) } }
    };
    Ok(Page(layout(&id, language, "station", Some("station.js"), &content)).into_response())
}

/// Keeps the page up to date: each event is the whole view again, rendered by the same code.
pub(super) async fn live<B: Backend>(
    State(backend): State<B>,
    Named(id): Named<String>,
    Spoken(language): Spoken,
) -> Result<Response, Problem> {
    let rules = backend.station(&id).ok_or_else(|| Problem::missing("station", &id))?;
    let station = rules.id.clone();
    let (updates, stop) = (backend.updates(), backend.stopping());
    let state = (backend, rules, station, updates, stop, true);
    let events = stream::unfold(state, move |(backend, rules, station, mut updates, mut stop, first)| async move {
        loop {
            if !first {
                tokio::select! {
                    update = updates.recv() => match update {
                        Ok(updated) if updated == station => {}
                        Ok(_) => continue,
                        // too slow for some updates: the newest state is all that matters
                        Err(RecvError::Lagged(_)) => {}
                        Err(RecvError::Closed) => return None,
                    },
                    _ = stop.wait_for(|stop| *stop) => return None,
                }
            }
            let Ok(view) = fragment(&backend, &rules, language).await else { return None };
            let event = Event::default().event("view").data(view.into_string().replace('\n', " "));
            return Some((Ok::<_, Infallible>(event), (backend, rules, station, updates, stop, false)));
        }
    });
    Ok(Sse::new(events).keep_alive(KeepAlive::new().interval(KEEP_ALIVE)).into_response())
}

async fn fragment<B: Backend>(backend: &B, rules: &StationRules, language: Language) -> Result<Markup, Problem> {
    let wanted = rules.clone();
    let interceptions = backend.interceptions();
    let view = backend.look(move |view| station_view(view, &wanted, &interceptions)).await?;
    let shown = backend.shown(&rules.id);
    let devices: Vec<DeviceView> = backend.devices().into_iter().filter(|device| device.station == rules.id).collect();
    let printer = printer_of(&view, rules, backend.printers().await?);
    let prints = prints_waiting(backend, Some(&rules.id)).await?;
    let around = Around {
        devices: &devices,
        printer: printer.as_ref(),
        prints: &prints,
        health: &backend.health(),
        targets: &backend.targets().await?,
        clock_was_moved: backend.clock_was_moved(),
    };
    Ok(render(&rules.id, &view, shown.as_ref(), &around, language))
}

/// What is around a station.
struct Around<'a> {
    devices: &'a [DeviceView],
    printer: Option<&'a PrinterView>,
    prints: &'a [PrintJob],
    health: &'a LedgerHealth,
    targets: &'a [TargetView],
    clock_was_moved: bool,
}

fn render(
    id: &StationId,
    view: &StationView,
    shown: Option<&Shown>,
    around: &Around<'_>,
    language: Language,
) -> Markup {
    let say = |name| phrase(name, language);
    let verdict = view.latched.as_ref().or(shown.map(|shown| &shown.verdict));
    html! {
        @if let Some(open) = &view.manifest { (must_come_off(open, language)) }
        (band(verdict, view, around.health, language))
        @if let Some(shown) = shown { (meaning(shown, language)) }
        @if view.awaiting == Some(PIN_AWAITED) {
            form.pin data-pin {
                label { (say(Phrase::TypePin)) " " input type="password" inputmode="numeric" autocomplete="off" autofocus; }
                button { (say(Phrase::Done)) }
            }
        }
        @if view.awaiting == Some(REPRINT_AWAITED) {
            nav.commands.reasons aria-label=(say(Phrase::ReprintWhy)) {
                strong { (say(Phrase::ReprintWhy)) }
                @for reason in reprint_reasons(language) { button data-scan=(reason) { (reason) } }
            }
        }
        @for note in &view.notes {
            p.note { span.icon aria-hidden="true" { "✎" } (note) " " button data-scan="WB:C:ACK" { (say(Phrase::ConfirmNote)) } }
        }
        (work(view, verdict, language))
        (super::label::bags(&view.bags, language))
        (super::printing::waiting(around.prints, language))
        nav.commands aria-label=(say(Phrase::Commands)) {
            @if matches!(view.rules.mode, Mode::Pick | Mode::Pack | Mode::Bench) {
                button data-scan="WB:C:UNDO" disabled[!view.can_undo] { (say(Phrase::Undo)) }
                button data-scan="WB:C:SHORT" disabled[view.work.is_none()] { (say(Phrase::Short)) }
                button data-scan="WB:C:PAUSE" disabled[view.work.is_none()] { (say(Phrase::Pause)) }
                button data-scan="WB:C:DONE" disabled[view.work.is_none()] { (say(Phrase::Done)) }
                @if view.rules.mode != Mode::Pick { button data-scan="WB:C:SEAL" { (say(Phrase::Seal)) } }
            }
            @if view.rules.mode == Mode::Load {
                button data-scan="WB:C:UNLOAD" { (say(Phrase::Unload)) }
                button data-scan="WB:C:PAUSE" disabled[view.manifest.is_none()] { (say(Phrase::Pause)) }
                button data-scan="WB:C:DONE" disabled[view.manifest.is_none()] { (say(Phrase::Done)) }
            }
            @if view.can_reprint { button data-scan="WB:C:REPRINT" { (say(Phrase::Reprint)) } }
            form.typed { label { span.hidden { (say(Phrase::TypeCode)) } input data-typed autocomplete="off" inputmode="text" enterkeyhint="send" placeholder=(say(Phrase::TypeCode)); } }
        }
        (rim(id, view, around, language))
    }
}

/// The band: colour, shape and words; a latched alarm takes the whole screen.
fn band(verdict: Option<&Verdict>, view: &StationView, health: &LedgerHealth, language: Language) -> Markup {
    let say = |name| phrase(name, language);
    if let LedgerHealth::Stopped(why) | LedgerHealth::Recovery(why) = health {
        return html! {
            section #band.band.stop data-severity="stop" data-key="ledger" role="alert" {
                div.shape aria-hidden="true" { "✕" }
                div.words { h1 { (say(Phrase::LedgerStopped)) } p.detail { (why) } p.hint { (say(Phrase::NothingRecorded)) } }
            }
        };
    }
    let Some(verdict) = verdict else {
        return html! {
            section #band.band.idle data-severity="idle" data-key="idle" role="status" {
                div.shape aria-hidden="true" { "▮▯▮▮▯▮" }
                div.words { h1 { (next_step(view, language)) } }
            }
        };
    };
    let text = verdict_text(verdict, language);
    let severity = if verdict.shadow { Severity::Info } else { verdict.code.severity() };
    let latched = view.latched.is_some();
    let (class, shape) = look(severity);
    let counts = verdict.counts.filter(|_| verdict.code.is_accepted());
    let key = format!("{}-{}", verdict.scan_id, verdict.code.as_str());
    html! {
        section #band class={ "band " (class) @if latched { " latched" } }
            data-severity=(class) data-code=(verdict.code.as_str()) data-key=(key) data-latched=(latched) data-say=[verdict.slot.as_deref()]
            role=(if class == "stop" { "alert" } else { "status" }) {
            div.shape aria-hidden="true" { (shape) }
            div.words {
                h1 { (text.title) }
                @if let Some(counts) = counts {
                    p.count { (if view.rules.mode == Mode::Pick { counts.picked } else { counts.packed }) " / " (counts.demanded) }
                }
                @if let Some(slot) = verdict.slot.as_ref().filter(|_| verdict.code.is_accepted() || verdict.code == Code::AwaitingSlot) {
                    p.slot { (say(Phrase::Slot)) " " strong { (slot) } }
                }
                @if severity == Severity::Stop && (!verdict.expected.is_empty() || !verdict.got.is_empty()) {
                    (comparison(verdict, language))
                } @else { p.detail { (text.detail) } }
                @if !verdict.missing.is_empty() && severity == Severity::Stop { p.detail { (text.detail) } }
                @for warning in verdict.warnings.iter().filter(|_| !verdict.shadow) { p.warned { "! " (warning_text(warning, language)) } }
                @if !text.hint.is_empty() { p.hint { (text.hint) } }
                @if severity == Severity::Stop { p.uncounted { (say(Phrase::NothingCounted)) } }
            }
            @if latched { button.acknowledge data-scan="WB:C:ACK" autofocus { (say(Phrase::Acknowledge)) } }
        }
    }
}

fn look(severity: Severity) -> (&'static str, &'static str) {
    match severity {
        Severity::Ok => ("ok", "✓"),
        Severity::More => ("more", "⋯"),
        Severity::Info => ("idle", "i"),
        Severity::Warn => ("warn", "!"),
        Severity::Stop => ("stop", "✕"),
    }
}

/// What to scan next, as a sentence.
fn next_step(view: &StationView, language: Language) -> &'static str {
    let name = match (view.rules.mode, &view.work) {
        (Mode::Load, None) => Phrase::ScanManifest,
        (Mode::Load, Some(_)) => Phrase::ScanWaybill,
        (Mode::Info, _) => Phrase::ScanAnything,
        (_, None) => Phrase::ScanWork,
        (_, Some(_)) => Phrase::ScanItem,
    };
    phrase(name, language)
}

/// Expected and scanned side by side, what differs emphasised.
fn comparison(verdict: &Verdict, language: Language) -> Markup {
    let say = |name| phrase(name, language);
    let rows = fact_rows(&verdict.expected, &verdict.got, language);
    html! {
        table.comparison {
            thead { tr { th {} th { (say(Phrase::Expected)) } th { (say(Phrase::Scanned)) } } }
            tbody {
                @for (label, expected, got) in &rows {
                    @let differs = expected != got;
                    tr class=[differs.then_some("differs")] { th scope="row" { (label) } td { (expected.as_deref().unwrap_or("–")) } td { (got.as_deref().unwrap_or("–")) } }
                }
            }
        }
    }
}

type FactRow = (&'static str, Option<String>, Option<String>);

fn fact_rows(expected: &Facts, got: &Facts, language: Language) -> Vec<FactRow> {
    let text = |value: &Option<String>| value.clone();
    let same = expected.sku == got.sku;
    let expected_name = expected.name.clone().or_else(|| got.name.clone().filter(|_| same));
    let rows: [FactRow; 12] = [
        (
            phrase(Phrase::Sku, language),
            expected.sku.as_ref().map(ToString::to_string),
            got.sku.as_ref().map(ToString::to_string),
        ),
        (phrase(Phrase::Name, language), expected_name, text(&got.name)),
        (phrase(Phrase::Lot, language), text(&expected.lot), text(&got.lot)),
        (phrase(Phrase::Serial, language), text(&expected.serial), text(&got.serial)),
        (
            phrase(Phrase::Expiry, language),
            expected.expiry.map(|date| date.to_string()),
            got.expiry.map(|date| date.to_string()),
        ),
        (phrase(Phrase::Revision, language), text(&expected.revision), text(&got.revision)),
        (
            phrase(Phrase::Quantity, language),
            expected.quantity.map(|quantity| quantity.to_string()),
            got.quantity.map(|quantity| quantity.to_string()),
        ),
        (phrase(Phrase::Location, language), text(&expected.location), text(&got.location)),
        (phrase(Phrase::Slot, language), text(&expected.slot), text(&got.slot)),
        (
            phrase(Phrase::Waybill, language),
            expected.waybill.as_ref().map(ToString::to_string),
            got.waybill.as_ref().map(ToString::to_string),
        ),
        (
            phrase(Phrase::Carrier, language),
            expected.carrier.as_ref().map(ToString::to_string),
            got.carrier.as_ref().map(ToString::to_string),
        ),
        (phrase(Phrase::Code, language), text(&expected.text), text(&got.text)),
    ];
    rows.into_iter().filter(|(_, expected, got)| expected.is_some() || got.is_some()).collect()
}

/// What the scan said: one line, unfolding to the text as scanned.
fn meaning(shown: &Shown, language: Language) -> Markup {
    let visible = shown.text.replace('\u{1d}', "␝");
    html! {
        details.meaning {
            summary {
                (phrase(Phrase::ThatScan, language)) " "
                @match &shown.reading {
                    Some(reading) if !reading.elements.is_empty() => @for (ai, value) in &reading.elements { span.element { "(" (ai) ")" (value) " " } },
                    _ => code { (visible) },
                }
                @if let Some(symbology) = shown.reading.as_ref().and_then(|reading| reading.symbology) { span.symbology { (symbology) } }
            }
            code { (visible) } " · " @if let Some(device) = &shown.device { (device) " · " } (when(&shown.at.to_string()))
            p.bytes { code { @for byte in shown.text.bytes().take(200) { (format!("{byte:02X} ")) } } }
        }
    }
}

fn work(view: &StationView, verdict: Option<&Verdict>, language: Language) -> Markup {
    let say = |name| phrase(name, language);
    let Some(work) = &view.work else { return html! { (unbound(view, language)) } };
    if let Some(open) = &view.manifest {
        return manifest(open, language);
    }
    let title = match work.kind {
        "pick_list" => Phrase::PickList,
        "waybill" => Phrase::Waybill,
        "put_back" => Phrase::PuttingBack,
        _ => Phrase::Order,
    };
    let touched = |line: &LineView| {
        verdict.is_some_and(|verdict| verdict.order.as_ref() == Some(&line.order) && verdict.line == Some(line.line))
    };
    html! {
        (unbound(view, language))
        section.work {
            h2 { (say(title)) " " (work.id) }
            table.lines {
                thead { tr { th { (say(Phrase::Sku)) } th { (say(Phrase::Name)) } th { (say(Phrase::Location)) } th { (say(Phrase::Slot)) } th { (say(Phrase::Progress)) } } }
                tbody {
                    @for line in &view.lines {
                        @let done = if view.rules.mode == Mode::Pick { line.picked } else { line.packed };
                        tr class={ @if touched(line) { "touched " } @if line.stopped { "stopped " } @if line.to_put_back { "putback" } } {
                            td.sku { (line.sku) @if let Some(lot) = &line.lot { small { " " (say(Phrase::Lot)) " " (lot) } } }
                            td.name { (line.name) @if work.orders.len() > 1 { small { " " (line.order) } } @if line.to_put_back { strong { " " (say(Phrase::ToPutBack)) } } }
                            td { (line.location.as_deref().unwrap_or("")) }
                            td.slot { (line.slot.as_deref().unwrap_or("")) }
                            td.progress {
                                meter min="0" max=(line.demanded.max(1)) value=(done.min(line.demanded)) aria-label=(format!("{done} / {}", line.demanded)) {}
                                span.number { (done) " / " (line.demanded) }
                            }
                        }
                    }
                    @if view.done > 0 { tr.done { td colspan="5" { "✓ " (view.done) " " (say(Phrase::LinesDone)) } } }
                }
            }
        }
    }
}

fn unbound(view: &StationView, language: Language) -> Markup {
    html! {
        @for waiting in &view.unbound {
            p.waiting { span.icon aria-hidden="true" { "▤" } (waiting.order) " · " (waiting.parcel) " — " (phrase(Phrase::StickAndScan, language)) }
            @if let Some(pending) = &waiting.pending { (by_hand(&waiting.order, pending, language)) }
        }
    }
}

/// No channel gave a number: what a person needs to get one, and where it is scanned or typed. It goes the way of any scan.
fn by_hand(order: &OrderId, pending: &PendingView, language: Language) -> Markup {
    let say = |name| phrase(name, language);
    html! {
        section.numbers role="alert" {
            h3.bad { "✕ " (say(Phrase::NumberPending)) " · " (pending.carrier) " — " (say(Phrase::TypeOrScanNumber)) }
            dl {
                dt { (say(Phrase::Order)) } dd { (order) }
                dt { (say(Phrase::Consignee)) } dd { (pending.name) " · " (pending.phone) " · " (pending.address) }
                dt { (say(Phrase::Goods)) } dd { @for goods in &pending.goods { (goods) " " } }
            }
            ul.quiet { @for why in &pending.why { li { (why) } } }
        }
    }
}

/// Whether the systems above know everything: the oldest event that one of them waits for, else that they are in step.
fn upstream(targets: &[TargetView], language: Language) -> Markup {
    let troubled = targets.iter().filter(|target| target.behind || target.circuit == "open");
    let oldest = troubled.max_by_key(|target| target.age_seconds);
    html! {
        @match oldest {
            Some(target) => span.bad {
                "✕ " (phrase(Phrase::UpstreamBehind, language)) " " (target.depth) " · " (target.name)
                @if let Some(oldest) = &target.oldest { " · " (when(oldest)) }
            },
            None => span { "⇅ " (phrase(Phrase::UpstreamGood, language)) },
        }
    }
}

/// Who and what is there: grey when fine.
fn rim(id: &StationId, view: &StationView, around: &Around<'_>, language: Language) -> Markup {
    let Around { devices, printer, health, targets, .. } = *around;
    let say = |name| phrase(name, language);
    let mode = match view.rules.mode {
        Mode::Pick => Phrase::ModePick,
        Mode::Pack => Phrase::ModePack,
        Mode::Bench => Phrase::ModeBench,
        Mode::Load => Phrase::ModeLoad,
        Mode::Info => Phrase::ModeInfo,
    };
    html! {
        footer.rim {
            span { "⌂ " (id) " · " (say(mode)) }
            span { "☺ " (view.operator.as_deref().unwrap_or(say(Phrase::NobodySignedIn))) }
            @for device in devices {
                span.device.bad[!device.connected] title=[device.last_error.as_deref()] {
                    (if device.connected { "▣ " } else { "✕ " }) (device.name) " · "
                    (say(if device.connected { Phrase::ScannerAlive } else { Phrase::ScannerGone }))
                    @if let Some(at) = &device.last_read { " · " (say(Phrase::LastRead)) " " (when(at)) }
                }
            }
            @if let Some(printer) = printer {
                span.printer.bad[printer.condition.blocks()] title=[printer.last_error.as_deref()] {
                    (if printer.condition.blocks() { "✕ " } else { "▭ " }) (printer.name) " · " (printer_condition(printer.condition, language))
                    @if printer.queue > 0 { " · " (say(Phrase::PrinterQueue)) " " (printer.queue) }
                }
            }
            span class=[(*health != LedgerHealth::Good).then_some("bad")] { "▤ " (say(if *health == LedgerHealth::Good { Phrase::LedgerGood } else { Phrase::LedgerStopped })) }
            @if !targets.is_empty() { (upstream(targets, language)) }
            @if around.clock_was_moved { span.bad { "✕ " (say(Phrase::ClockStepped)) } }
            button.quiet data-sound { "♪ " (say(Phrase::SoundOn)) }
            label.quiet { (say(Phrase::Volume)) " " input type="range" min="0" max="1" step="0.1" data-volume; }
            label.quiet { input type="checkbox" data-voice; " " (say(Phrase::Voice)) }
        }
    }
}
