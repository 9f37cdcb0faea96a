//! The token, once for each browser beyond this machine.

use axum::extract::State;
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use maud::html;
use serde::Deserialize;

use super::Page;
use super::layout::layout;
use crate::message::{Language, Phrase, phrase};
use crate::web::asked::Asked;
use crate::web::backend::Backend;
use crate::web::body::Body;
use crate::web::form::{back_to, form};
use crate::web::guard::{COOKIE, hash};
use crate::web::problem::Problem;
use crate::web::spoken::Spoken;

/// The page that was wanted; it is not asked for elsewhere than here.
#[derive(Deserialize)]
pub(super) struct Wanted {
    to: Option<String>,
}

impl Wanted {
    fn page(&self) -> &str {
        let ours = |page: &&str| page.starts_with('/') && !page.starts_with("//") && !page.contains('\\');
        self.to.as_deref().filter(ours).unwrap_or("/")
    }
}

#[derive(Deserialize)]
struct Entered {
    token: String,
    #[serde(flatten)]
    wanted: Wanted,
}

pub(super) async fn page(Spoken(language): Spoken, Asked(wanted): Asked<Wanted>) -> Response {
    ask(language, &wanted, false)
}

fn ask(language: Language, wanted: &Wanted, wrong: bool) -> Response {
    let content = html! {
        main.overview {
            h1 { "waybind" }
            @if wrong { p.bad role="alert" { (phrase(Phrase::WrongToken, language)) } }
            form method="post" action="/login" {
                input type="hidden" name="to" value=(wanted.page());
                label { (phrase(Phrase::Token, language)) " " input type="password" name="token" autocomplete="off" autofocus required; }
                button { (phrase(Phrase::Enter, language)) }
            }
        }
    };
    let status = if wrong { StatusCode::UNAUTHORIZED } else { StatusCode::OK };
    (status, Page(layout("waybind", language, "home", None, &content))).into_response()
}

pub(super) async fn enter<B: Backend>(
    State(backend): State<B>,
    Spoken(language): Spoken,
    body: Body,
) -> Result<Response, Problem> {
    let Entered { token, wanted } = form(&body)?;
    let token = token.trim();
    let clean = token.bytes().all(|byte| byte.is_ascii_alphanumeric());
    if clean && backend.scopes(&hash(token)).is_some() {
        let cookie = format!("{COOKIE}={token}; Path=/; HttpOnly; SameSite=Strict; Max-Age=31536000");
        return Ok(([(header::SET_COOKIE, cookie)], back_to(wanted.page())).into_response());
    }
    Ok(ask(language, &wanted, true))
}
