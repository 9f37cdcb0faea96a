//! Who may call: hosts against DNS rebinding, origins against other sites' pages, tokens beyond loopback.

use std::net::IpAddr;

use axum::extract::Request;
use axum::http::{Method, StatusCode, header};
use axum::response::{IntoResponse, Redirect, Response};
use sha2::{Digest, Sha256};

use super::backend::Backend;
use super::problem::Problem;
use crate::config::Scope;

/// The address that a connection comes from; the accept loop puts it into each request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Peer {
    /// Over TCP.
    Ip(IpAddr),
    /// Over the control socket, which only the user who runs waybind can open.
    Local,
}

impl std::fmt::Display for Peer {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Peer::Ip(address) => address.fmt(out),
            Peer::Local => out.write_str("local"),
        }
    }
}

/// Who may call without a token.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Trust {
    /// Whoever is on this machine.
    Loopback,
    /// The control socket's user.
    Control,
}

/// The cookie in which a browser keeps its token.
pub(super) const COOKIE: &str = "waybind_token";

#[derive(Clone)]
pub(super) struct Guard<B> {
    backend: B,
    trust: Trust,
    hosts: Vec<String>,
}

impl<B: Backend> Guard<B> {
    pub(super) fn new(backend: B, trust: Trust, hosts: Vec<String>) -> Self {
        Guard { backend, trust, hosts }
    }

    /// Lets a request through, or answers it.
    pub(super) fn check(&self, request: &Request) -> Result<(), Box<Response>> {
        if self.trust == Trust::Control {
            return Ok(());
        }
        let refused = |detail: &str, hint: &str| {
            Err(Box::new(Problem::new(StatusCode::FORBIDDEN, "forbidden", detail, hint).into_response()))
        };
        let text = |name| request.headers().get(name).and_then(|value| value.to_str().ok());
        let host = text(header::HOST).unwrap_or_default();
        if !self.is_ours(host) {
            return refused("this box does not go by that name", "add it to `hosts` in the configuration");
        }
        if !matches!(*request.method(), Method::GET | Method::HEAD | Method::OPTIONS) {
            let foreign_origin = text(header::ORIGIN)
                .is_some_and(|origin| origin.split_once("://").is_none_or(|(_, rest)| rest != host));
            let cross_site = request.headers().get("sec-fetch-site").is_some_and(|site| site == "cross-site");
            if foreign_origin || cross_site {
                return refused("pages of other sites may not call", "call from a page of this box, or without Origin");
            }
        }
        self.check_token(request)
    }

    /// Addresses, `localhost` and the configured names.
    fn is_ours(&self, host: &str) -> bool {
        let name = match host.rsplit_once(':') {
            Some((name, port)) if port.bytes().all(|byte| byte.is_ascii_digit()) => name,
            _ => host,
        };
        let bare = name.trim_start_matches('[').trim_end_matches(']');
        bare.parse::<IpAddr>().is_ok()
            || name.eq_ignore_ascii_case("localhost")
            || self.hosts.iter().any(|known| known.eq_ignore_ascii_case(name))
    }

    fn check_token(&self, request: &Request) -> Result<(), Box<Response>> {
        let loopback = match request.extensions().get::<Peer>() {
            Some(Peer::Ip(address)) => address.is_loopback(),
            Some(Peer::Local) => true,
            None => false,
        };
        let path = request.uri().path();
        let open = matches!(path, "/healthz" | "/readyz" | "/login") || path.starts_with("/assets/");
        if loopback || open {
            return Ok(());
        }
        if let Some(scopes) = token(request).and_then(|token| self.backend.scopes(&hash(&token))) {
            let wanted = scope(request.method(), path);
            return if scopes.iter().any(|scope| *scope == wanted || *scope == Scope::Admin) {
                Ok(())
            } else {
                let detail = format!("this token may not be used for that; it wants the scope {}", wanted.as_str());
                let hint = "`waybind token --scope` makes one with it";
                Err(Box::new(Problem::new(StatusCode::FORBIDDEN, "scope_wanted", detail, hint).into_response()))
            };
        }
        let wants_page = request.method() == Method::GET && !path.starts_with("/api/") && path != "/metrics";
        if wants_page {
            return Err(Box::new(Redirect::to(&login_for(path)).into_response()));
        }
        let (detail, hint) =
            ("beyond this machine the API wants a token", "send `Authorization: Bearer …`; `waybind token` makes one");
        Err(Box::new(Problem::new(StatusCode::UNAUTHORIZED, "token_wanted", detail, hint).into_response()))
    }
}

/// The page that asks for a token, and goes on to another page.
fn login_for(page: &str) -> String {
    // of what a path may have, only these mean something in a query
    let written = page.replace('%', "%25").replace('&', "%26").replace('+', "%2B");
    format!("/login?to={written}")
}

/// The scope that a call wants. What nobody thought of here wants the highest.
fn scope(method: &Method, path: &str) -> Scope {
    /// Calls that describe things, and words about them.
    const WRITE: [&str; 9] =
        ["products", "orders", "pick-lists", "waybills", "manifests", "labels", "stop-lists", "printers", "print-jobs"];
    if matches!(*method, Method::GET | Method::HEAD | Method::OPTIONS) {
        return Scope::Read;
    }
    let call = path.strip_prefix("/api/v1/").unwrap_or_default();
    let (room, rest) = call.split_once('/').unwrap_or((call, ""));
    match room {
        // it has no effects
        "labels" if rest == "plan" => Scope::Read,
        "scans" => Scope::Scan,
        "stations" if rest.ends_with("/pin") => Scope::Scan,
        room if WRITE.contains(&room) => Scope::Write,
        _ => Scope::Admin,
    }
}

/// How tokens are stored and compared.
pub(super) fn hash(token: &str) -> String {
    data_encoding::HEXLOWER.encode(&Sha256::digest(token.as_bytes()))
}

fn token(request: &Request) -> Option<String> {
    let text = |name| request.headers().get(name).and_then(|value| value.to_str().ok());
    if let Some(bearer) = text(header::AUTHORIZATION).and_then(|value| value.strip_prefix("Bearer ")) {
        return Some(bearer.trim().to_owned());
    }
    let cookies = text(header::COOKIE)?;
    cookies.split(';').find_map(|cookie| cookie.trim().strip_prefix(COOKIE)?.strip_prefix('=')).map(str::to_owned)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_call_wants_a_scope() {
        for (method, path, wanted) in [
            (Method::GET, "/", Scope::Read),
            (Method::GET, "/api/v1/orders/SO-1", Scope::Read),
            (Method::POST, "/api/v1/labels/plan", Scope::Read),
            (Method::POST, "/api/v1/scans", Scope::Scan),
            (Method::POST, "/api/v1/stations/pack-01/pin", Scope::Scan),
            (Method::POST, "/api/v1/orders", Scope::Write),
            (Method::POST, "/api/v1/orders/SO-1/cancel", Scope::Write),
            (Method::POST, "/api/v1/waybills/75/void", Scope::Write),
            (Method::POST, "/api/v1/operators", Scope::Admin),
            (Method::POST, "/api/v1/targets/erp/retry", Scope::Admin),
            (Method::DELETE, "/api/v1/orders.x", Scope::Admin),
            (Method::POST, "/somewhere/orders", Scope::Admin),
        ] {
            assert_eq!(scope(&method, path), wanted, "{method} {path}");
        }
    }
}
