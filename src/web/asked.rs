//! The query and the path of a call, refused as a problem where they can't be read.

use axum::extract::{FromRequestParts, Path, Query};
use axum::http::request::Parts;
use serde::de::DeserializeOwned;

use super::problem::Problem;

/// How much a call asks for: what it says, within bounds.
pub(super) fn limit(asked: Option<usize>, usual: usize, most: usize) -> Result<usize, Problem> {
    match asked {
        Some(0) => Err(Problem::malformed(format!("limit is 0; it must be 1 to {most}"))),
        asked => Ok(asked.unwrap_or(usual).min(most)),
    }
}

/// What a call asks for in its query.
pub(super) struct Asked<T>(pub T);

impl<T: DeserializeOwned, S: Send + Sync> FromRequestParts<S> for Asked<T> {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Problem> {
        let read = Query::try_from_uri(&parts.uri);
        read.map(|Query(asked)| Asked(asked)).map_err(|error| Problem::malformed(error.body_text()))
    }
}

/// What a call names in its path.
pub(super) struct Named<T>(pub T);

impl<T: DeserializeOwned + Send, S: Send + Sync> FromRequestParts<S> for Named<T> {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Problem> {
        let read = Path::from_request_parts(parts, state).await;
        read.map(|Path(named)| Named(named)).map_err(|error| {
            Problem::malformed(error.body_text()).hint("write names in a path as UTF-8, percent-encoded")
        })
    }
}
