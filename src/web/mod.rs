//! Pages, live events and the API, over HTTP/1.1.
//!
//! The pages are rendered here (`pages`), useful before any script has run, and kept up to date by server-sent
//! events that carry the same fragments. The API ([`api`]) is the contract with integrators. `server` is an accept
//! loop with limits of its own; `guard` checks hosts, origins and tokens.

pub mod api;
mod asked;
pub mod backend;
mod body;
mod form;
mod guard;
mod link;
mod pages;
mod person;
mod pictures;
mod problem;
mod server;
mod spoken;

use axum::Router;
use axum::extract::Request;
use axum::http::StatusCode;
use axum::middleware::{self, Next};
use axum::response::{IntoResponse, Response};

use self::backend::Backend;
pub use self::guard::{Peer, Trust};
pub use self::problem::Problem;
pub use self::server::{Limits, serve_tcp, serve_unix};

/// Everything that is served. `trust` says who may call without a token, `hosts` under which names.
pub fn router<B: Backend>(backend: B, trust: Trust, hosts: Vec<String>) -> Router {
    let guard = guard::Guard::new(backend.clone(), trust, hosts);
    let check = middleware::from_fn(move |request: Request, next: Next| {
        let guard = guard.clone();
        async move {
            match guard.check(&request) {
                Ok(()) => next.run(request).await,
                Err(refused) => *refused,
            }
        }
    });
    api::routes::<B>()
        .merge(pages::routes::<B>())
        .fallback(not_found)
        .method_not_allowed_fallback(other_method)
        .layer(check)
        .with_state(backend)
}

async fn other_method() -> Response {
    let (detail, hint) = ("This address takes another method.", "see /openapi.json for what there is");
    Problem::new(StatusCode::METHOD_NOT_ALLOWED, "method", detail, hint).into_response()
}

async fn not_found() -> Response {
    let (detail, hint) = ("There is nothing here.", "see /openapi.json for what there is");
    Problem::new(StatusCode::NOT_FOUND, "not_found", detail, hint).into_response()
}
