//! Errors as RFC 9457 problem details, each with a hint for the one who must act.

use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use serde::Serialize;

use super::backend::Unavailable;

/// A problem.
#[derive(Clone, Debug, Serialize)]
pub struct Problem {
    #[serde(rename = "type")]
    kind: String,
    title: &'static str,
    status: u16,
    detail: String,
    hint: String,
    #[serde(flatten)]
    lists: Box<Lists>,
}

/// What only some problems have.
#[derive(Clone, Debug, Default, Serialize)]
struct Lists {
    #[serde(skip_serializing_if = "Vec::is_empty")]
    candidates: Vec<serde_json::Value>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    objects: Vec<serde_json::Value>,
}

impl Problem {
    /// A problem of a kind, with what exactly is wrong, and what to do about it.
    #[must_use]
    pub fn new(status: StatusCode, kind: &str, detail: impl Into<String>, hint: impl Into<String>) -> Self {
        let title = status.canonical_reason().unwrap_or("Error");
        Problem {
            kind: format!("urn:waybind:problem:{kind}"),
            title,
            status: status.as_u16(),
            detail: detail.into(),
            hint: hint.into(),
            lists: Box::default(),
        }
    }

    /// What to do about it, where more can be said than of its kind.
    #[must_use]
    pub fn hint(mut self, hint: impl Into<String>) -> Self {
        self.hint = hint.into();
        self
    }

    /// What the caller may choose from.
    #[must_use]
    pub fn candidates(mut self, candidates: Vec<serde_json::Value>) -> Self {
        self.lists.candidates = candidates;
        self
    }

    /// The objects of a request because of which nothing of it was taken: place from 0, id, reason.
    #[must_use]
    pub fn objects(mut self, objects: Vec<serde_json::Value>) -> Self {
        self.lists.objects = objects;
        self
    }

    /// A body that can't be read.
    #[must_use]
    pub fn malformed(detail: impl Into<String>) -> Self {
        let hint = "nothing was changed; correct what the detail names and send it again";
        Problem::new(StatusCode::BAD_REQUEST, "malformed", detail, hint)
    }

    /// A thing that is not there.
    #[must_use]
    pub fn missing(what: &str, id: &str) -> Self {
        let hint = "GET /api/v1/search?q= finds things by any of their codes or numbers";
        Problem::new(StatusCode::NOT_FOUND, "not_found", format!("there is no {what} \"{id}\""), hint)
    }

    /// What exactly is wrong.
    #[must_use]
    pub fn detail(&self) -> &str {
        &self.detail
    }

    /// Its status.
    #[must_use]
    pub fn status(&self) -> StatusCode {
        StatusCode::from_u16(self.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR)
    }
}

impl IntoResponse for Problem {
    fn into_response(self) -> Response {
        let body = serde_json::to_string(&self).unwrap_or_default();
        (self.status(), [(header::CONTENT_TYPE, "application/problem+json")], body).into_response()
    }
}

impl From<Unavailable> for Problem {
    fn from(error: Unavailable) -> Self {
        let hint = "nothing was recorded; try again when the disk can be written";
        Problem::new(StatusCode::SERVICE_UNAVAILABLE, "ledger", error.0, hint)
    }
}
