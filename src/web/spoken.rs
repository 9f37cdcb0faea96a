//! The language that a caller reads.

use std::convert::Infallible;

use axum::extract::FromRequestParts;
use axum::http::header;
use axum::http::request::Parts;

use super::backend::Backend;
use crate::message::Language;

/// The language that was chosen on a page, else the one that the caller asks for, else the site's.
#[derive(Clone, Copy)]
pub(super) struct Spoken(pub Language);

impl<B: Backend> FromRequestParts<B> for Spoken {
    type Rejection = Infallible;

    async fn from_request_parts(parts: &mut Parts, backend: &B) -> Result<Self, Infallible> {
        let text = |name| parts.headers.get(name).and_then(|value| value.to_str().ok());
        let chosen = text(header::COOKIE)
            .and_then(|cookies| cookies.split(';').find_map(|cookie| cookie.trim().strip_prefix("lang=")));
        let language =
            chosen.and_then(Language::from_tag).or_else(|| text(header::ACCEPT_LANGUAGE).and_then(Language::from_tag));
        Ok(Spoken(language.unwrap_or_else(|| backend.language())))
    }
}
