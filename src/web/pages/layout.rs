//! What all pages share.

use crate::web::link::link;
use maud::{DOCTYPE, Markup, html};

use crate::message::{Language, Phrase, phrase};

/// A time: the script says it as people do, the exact one stays beneath it.
pub(super) fn when(at: &str) -> Markup {
    html! { time datetime=(at) { (at) } }
}

/// The field that filters the tables of a page.
pub(super) fn filter(language: Language) -> Markup {
    let hint = phrase(Phrase::Filter, language);
    html! { input.filter type="search" data-filter placeholder=(hint) aria-label=(hint) autocomplete="off"; }
}

/// A page around its content; `script` is a module of the assets, if it has one of its own.
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
                script type="module" src={ "/assets/" (script.unwrap_or("page.js")) } {}
            }
            body class=(class) {
                (content)
                footer.page-foot {
                    a href="/" { (phrase(Phrase::Overview, language)) }
                    a href=(link("/language/", &other.tag())) lang=(other.tag()) { (other.name()) }
                }
            }
        }
    }
}
