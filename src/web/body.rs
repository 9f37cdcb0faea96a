//! Reading a request's body: bounded in size and time, and refused with the place of the mistake.

use std::time::Duration;

use axum::body::Bytes;
use axum::extract::{FromRequest, Request};
use axum::http::{StatusCode, header};
use http_body_util::{BodyExt, LengthLimitError, Limited};
use serde::de::DeserializeOwned;

use super::problem::Problem;

/// How large a call's body may be.
#[derive(Clone, Copy)]
pub(super) struct BodyLimit {
    /// Bytes.
    pub bytes: usize,
    /// What to do about a larger one.
    pub hint: &'static str,
}

/// A thousand orders of some lines each fit; nothing that is pushed is larger.
const PUSHED: BodyLimit = BodyLimit { bytes: 4 * 1024 * 1024, hint: "send up to 1,000 objects a request" };

/// A body that takes longer does not come from a warehouse's network.
const BODY_TIME: Duration = Duration::from_secs(5);

/// A request's whole body.
pub(super) struct Body(pub Bytes);

impl<S: Send + Sync> FromRequest<S> for Body {
    type Rejection = Problem;

    async fn from_request(request: Request, _: &S) -> Result<Self, Problem> {
        Body::read(request, PUSHED).await
    }
}

impl Body {
    /// Reads a body of up to so many bytes.
    pub(super) async fn read(request: Request, limit: BodyLimit) -> Result<Self, Problem> {
        let too_large = || {
            let detail = format!("a body may have {} bytes", limit.bytes);
            Problem::new(StatusCode::PAYLOAD_TOO_LARGE, "too_large", detail).hint(limit.hint)
        };
        let announced = request
            .headers()
            .get(header::CONTENT_LENGTH)
            .and_then(|length| length.to_str().ok()?.parse::<usize>().ok());
        if announced.is_some_and(|length| length > limit.bytes) {
            return Err(too_large());
        }
        let read = Limited::new(request.into_body(), limit.bytes).collect();
        match tokio::time::timeout(BODY_TIME, read).await {
            Ok(Ok(body)) => Ok(Body(body.to_bytes())),
            Ok(Err(error)) if error.is::<LengthLimitError>() => Err(too_large()),
            Ok(Err(error)) => Err(Problem::malformed(format!("the body broke off: {error}"))),
            Err(_) => Err(Problem::new(StatusCode::REQUEST_TIMEOUT, "slow", "the body did not come within 5 seconds")),
        }
    }

    /// Its JSON.
    pub(super) fn json<T: DeserializeOwned>(&self) -> Result<T, Problem> {
        serde_json::from_slice(&self.0).map_err(|error| Problem::malformed(error.to_string()))
    }
}
