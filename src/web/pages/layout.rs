//! What all pages share.

use maud::{DOCTYPE, Markup, html};

use crate::message::{Language, Phrase, phrase};

/// A page around its content; `script` is a module of the assets.
pub(super) fn layout(title: &str, language: Language, class: &str, script: Option<&str>, content: &Markup) -> Markup {
    let other = Language::ALL.into_iter().find(|other| *other != language).unwrap_or_default();
    html! {
        (DOCTYPE)
        html lang=(language.tag()) {
            head {
                meta charset="utf-8";
                meta name="viewport" content="width=device-width, initial-scale=1";
                meta name="color-scheme" content="light dark";
                title { (title) " · waybind" }
                link rel="icon" href="/assets/icon.svg";
                link rel="stylesheet" href="/assets/style.css";
                @if let Some(script) = script {
                    script type="module" src={ "/assets/" (script) } {}
                }
            }
            body class=(class) {
                (content)
                footer.page-foot {
                    a href="/" { (phrase(Phrase::Overview, language)) }
                    a href={ "/language/" (other.tag()) } lang=(other.tag()) { (other.name()) }
                }
            }
        }
    }
}
