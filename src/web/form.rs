//! Forms of the pages, as browsers send them.

use axum::extract::Query;
use axum::http::Uri;
use axum::response::{IntoResponse, Redirect, Response};
use serde::de::DeserializeOwned;

use super::body::Body;
use super::problem::Problem;

/// Reads a form; its fields are written like those of an address.
pub(super) fn form<T: DeserializeOwned>(body: &Body) -> Result<T, Problem> {
    let text = std::str::from_utf8(&body.0).map_err(|_| Problem::malformed("the form is no UTF-8"))?;
    let uri: Uri = format!("/?{text}")
        .parse()
        .map_err(|_| Problem::malformed("the form is too large, or no form; the API takes more"))?;
    let query = Query::<T>::try_from_uri(&uri).map_err(|error| Problem::malformed(error.to_string()))?;
    Ok(query.0)
}

/// Goes back to a page after a form was taken.
pub(super) fn back_to(path: &str) -> Response {
    Redirect::to(path).into_response()
}
