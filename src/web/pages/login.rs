//! The token, once for each browser beyond this machine.

use axum::extract::State;
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Redirect, Response};
use maud::html;

use super::Page;
use super::layout::layout;
use crate::message::{Language, Phrase, phrase};
use crate::web::backend::Backend;
use crate::web::body::Body;
use crate::web::guard::{COOKIE, hash};
use crate::web::spoken::Spoken;

pub(super) async fn page(Spoken(language): Spoken) -> Response {
    form(language, false)
}

fn form(language: Language, wrong: bool) -> Response {
    let content = html! {
        main.overview {
            h1 { "waybind" }
            @if wrong { p.bad role="alert" { (phrase(Phrase::WrongToken, language)) } }
            form method="post" action="/login" {
                label { (phrase(Phrase::Token, language)) " " input type="password" name="token" autocomplete="off" autofocus required; }
                button { (phrase(Phrase::Enter, language)) }
            }
        }
    };
    let status = if wrong { StatusCode::UNAUTHORIZED } else { StatusCode::OK };
    (status, Page(layout("waybind", language, "home", None, &content))).into_response()
}

pub(super) async fn enter<B: Backend>(State(backend): State<B>, Spoken(language): Spoken, body: Body) -> Response {
    // tokens are hexadecimal: nothing in them is percent-encoded
    let token = std::str::from_utf8(&body.0)
        .ok()
        .and_then(|text| text.strip_prefix("token="))
        .unwrap_or_default()
        .trim()
        .to_owned();
    let clean = token.bytes().all(|byte| byte.is_ascii_alphanumeric());
    if clean && backend.scopes(&hash(&token)).is_some() {
        let cookie = format!("{COOKIE}={token}; Path=/; HttpOnly; SameSite=Strict; Max-Age=31536000");
        return ([(header::SET_COOKIE, cookie)], Redirect::to("/")).into_response();
    }
    form(language, true)
}
