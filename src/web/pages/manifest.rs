//! The open manifest on a dock's page: how much is loaded, what is missing, and what must come off the truck.

use maud::{Markup, html};

use super::view::ManifestView;
use crate::message::{Language, Phrase, code_title, phrase};

pub(super) fn manifest(manifest: &ManifestView, language: Language) -> Markup {
    let say = |name| phrase(name, language);
    let missing = manifest.expected.saturating_sub(manifest.loaded);
    html! {
        section.work {
            h2 { (say(Phrase::Manifest)) " " (manifest.id) " · " (manifest.carrier)
                @if let Some(departure) = &manifest.departure { " · " (say(Phrase::Departure)) " " (departure) } }
            p.progress {
                (say(Phrase::Loaded)) " "
                meter min="0" max=(manifest.expected.max(1)) value=(manifest.loaded) aria-label=(format!("{} / {}", manifest.loaded, manifest.expected)) {}
                span.number { (manifest.loaded) " / " (manifest.expected) }
            }
            @if !manifest.stopped.is_empty() {
                table.lines role="alert" {
                    thead { tr { th colspan="3" { (say(Phrase::MustComeOff)) } } }
                    tbody {
                        @for stopped in &manifest.stopped {
                            tr.stopped {
                                td.sku { (stopped.waybill) }
                                td { (stopped.order) }
                                td {
                                    strong { (code_title(stopped.why, language)) }
                                    @if let Some(sku) = &stopped.sku { " · " (sku) }
                                    @if let Some(lot) = &stopped.lot { " · " (say(Phrase::Lot)) " " (lot) }
                                }
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
