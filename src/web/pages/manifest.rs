//! The open manifest on a dock's page: how much is loaded, what is missing, and what must come off the truck.

use maud::{Markup, html};

use super::layout::when;
use super::view::{ManifestView, StoppedView};
use crate::message::{Language, Phrase, code_title, phrase};

/// Waybills that the alarm names; where there are more, all stand in a table below.
const NAMED_MAX: usize = 5;

/// What became forbidden after it was loaded: it is said at once, before anybody scans, and again with each new one.
pub(super) fn must_come_off(manifest: &ManifestView, language: Language) -> Markup {
    let named: Vec<&str> = manifest.stopped.iter().map(|stopped| stopped.waybill.as_str()).collect();
    html! {
        @if !named.is_empty() {
            section.alarm role="alert" data-alarm=(named.join(" ")) {
                strong { "✕ " (phrase(Phrase::TakeItOff, language)) }
                @for stopped in manifest.stopped.iter().take(NAMED_MAX) { p { (stopped.waybill) " · " (stopped.order) " · " (reason(stopped, language)) } }
            }
        }
    }
}

/// Why it must come off, and which goods are to blame.
fn reason(stopped: &StoppedView, language: Language) -> Markup {
    html! {
        strong { (code_title(stopped.why, language)) }
        @if let Some(sku) = &stopped.sku { " · " (sku) }
        @if let Some(lot) = &stopped.lot { " · " (phrase(Phrase::Lot, language)) " " (lot) }
    }
}

pub(super) fn manifest(manifest: &ManifestView, language: Language) -> Markup {
    let say = |name| phrase(name, language);
    let missing = manifest.expected.saturating_sub(manifest.loaded);
    html! {
        section.work {
            h2 { (say(Phrase::Manifest)) " " (manifest.id) " · " (manifest.carrier)
                @if let Some(departure) = &manifest.departure { " · " (say(Phrase::Departure)) " " (when(departure)) } }
            p.progress {
                (say(Phrase::Loaded)) " "
                meter min="0" max=(manifest.expected.max(1)) value=(manifest.loaded) aria-label=(format!("{} / {}", manifest.loaded, manifest.expected)) {}
                span.number { (manifest.loaded) " / " (manifest.expected) }
            }
            @if manifest.stopped.len() > NAMED_MAX {
                table.lines {
                    thead { tr { th colspan="3" { (say(Phrase::MustComeOff)) } } }
                    tbody {
                        @for stopped in &manifest.stopped {
                            tr.stopped {
                                td.sku { (stopped.waybill) }
                                td { (stopped.order) }
                                td { (reason(stopped, language)) }
                            }
                        }
                    }
                }
            }
            @if missing > 0 {
                table.lines {
                    thead { tr { th colspan="2" { (say(Phrase::Missing)) " " (missing) } } }
                    tbody {
                        @for absent in &manifest.missing {
                            tr {
                                td.sku { @match &absent.waybill { Some(number) => (number), None => (say(Phrase::NoWaybillYet)) } }
                                td { @for order in &absent.orders { (order) " " } }
                            }
                        }
                        @if missing > manifest.missing.len() { tr.done { td colspan="2" { (say(Phrase::AndMore)) " " (missing - manifest.missing.len()) } } }
                    }
                }
            }
        }
    }
}
