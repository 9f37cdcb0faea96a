//! The pages, rendered here; `pages.md` of the design says how they look, sound and behave.

mod alerts;
mod exceptions;
mod home;
mod label;
mod layout;
mod login;
mod manifest;
mod numbers;
mod order;
mod printing;
mod recalls;
mod station;
mod targets;
mod view;

use crate::web::asked::Named;
use axum::Router;
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Redirect, Response};
use axum::routing::{get, post};
use maud::Markup;

pub(super) use self::printing::{printer_of, prints_waiting};
pub(super) use self::view::station_view;
use super::backend::Backend;

/// A page as an answer.
struct Page(Markup);

impl IntoResponse for Page {
    fn into_response(self) -> Response {
        let headers = [
            (header::CONTENT_TYPE, "text/html; charset=utf-8"),
            (
                header::CONTENT_SECURITY_POLICY,
                "default-src 'self'; img-src 'self' data:; frame-ancestors 'none'; base-uri 'none'; form-action 'self'",
            ),
            (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
            (header::REFERRER_POLICY, "same-origin"),
            (header::CACHE_CONTROL, "no-store"),
        ];
        (headers, self.0.into_string()).into_response()
    }
}

pub(super) fn routes<B: Backend>() -> Router<B> {
    Router::new()
        .route("/", get(home::home::<B>))
        .route("/station/{id}", get(station::page::<B>))
        .route("/station/{id}/live", get(station::live::<B>))
        .route("/order/{id}", get(order::page::<B>))
        .route("/order/{id}/confirm-address", post(exceptions::confirm::<B>))
        .route("/labels/{id}", get(label::page::<B>))
        .route("/labels/{id}/print", post(label::print::<B>))
        .route("/labels/{id}/void", post(label::void::<B>))
        .route("/exceptions", get(exceptions::page::<B>))
        .route("/recalls", get(recalls::list::<B>))
        .route("/recalls/{id}", get(recalls::one::<B>))
        .route("/returns", get(recalls::returns::<B>))
        .route("/returns/{number}", post(recalls::given_back::<B>))
        .route("/order/{id}/waybill", post(numbers::enter::<B>))
        .route("/alerts/{id}/take", post(alerts::take::<B>))
        .route("/targets/{name}", get(targets::page::<B>))
        .route("/targets/{name}/letters/{id}", post(targets::correct::<B>))
        .route("/targets/{name}/letters/{id}/let-go", post(targets::let_go::<B>))
        .route("/search", get(home::search::<B>))
        .route("/login", get(login::page).post(login::enter::<B>))
        .route("/language/{tag}", get(language))
        .route("/assets/{name}", get(asset))
}

/// Remembers the language in the browser and goes back.
async fn language(Named(tag): Named<String>, headers: axum::http::HeaderMap) -> Response {
    let tag = crate::message::Language::from_tag(&tag).unwrap_or_default().tag();
    // only the path of where one came from: another site's address is no place to go back to
    let back = headers.get(header::REFERER).and_then(|value| value.to_str().ok()).and_then(|address| {
        let (_, rest) = address.split_once("://")?;
        rest.find('/').map(|at| rest[at..].to_owned())
    });
    let cookie = format!("lang={tag}; Path=/; Max-Age=31536000; SameSite=Strict");
    ([(header::SET_COOKIE, cookie)], Redirect::to(back.as_deref().unwrap_or("/"))).into_response()
}

async fn asset(Named(name): Named<String>) -> Response {
    let (kind, text) = match name.as_str() {
        "style.css" => ("text/css; charset=utf-8", include_str!("../assets/style.css")),
        "station.js" => ("text/javascript; charset=utf-8", include_str!("../assets/station.js")),
        "sound.js" => ("text/javascript; charset=utf-8", include_str!("../assets/sound.js")),
        "wedge.js" => ("text/javascript; charset=utf-8", include_str!("../assets/wedge.js")),
        "resolve.js" => ("text/javascript; charset=utf-8", include_str!("../assets/resolve.js")),
        "page.js" => ("text/javascript; charset=utf-8", include_str!("../assets/page.js")),
        "tables.js" => ("text/javascript; charset=utf-8", include_str!("../assets/tables.js")),
        "times.js" => ("text/javascript; charset=utf-8", include_str!("../assets/times.js")),
        "home.js" => ("text/javascript; charset=utf-8", include_str!("../assets/home.js")),
        "icon.svg" => ("image/svg+xml", include_str!("../assets/icon.svg")),
        _ => return StatusCode::NOT_FOUND.into_response(),
    };
    ([(header::CONTENT_TYPE, kind), (header::CACHE_CONTROL, "max-age=60")], text).into_response()
}
