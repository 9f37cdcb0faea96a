//! Reading a request's body: bounded in size and time, and refused with the place of the mistake.

use std::time::Duration;

use axum::body::Bytes;
use axum::extract::{FromRequest, Request};
use axum::http::{StatusCode, header};
use http_body_util::{BodyExt, LengthLimitError, Limited};
use serde::de::DeserializeOwned;

use super::problem::Problem;
use crate::codec::json::typed;
use crate::codec::read::PICTURE_BYTES_MAX;

/// What a body may be.
#[derive(Clone, Copy, Debug)]
pub(super) struct BodyLimit {
    /// The most bytes.
    pub bytes: usize,
    /// The longest that it may take to come.
    pub time: Duration,
    /// What to do about a larger one.
    pub hint: &'static str,
}

/// A body that takes longer does not come from a warehouse's network.
pub(super) const BODY_TIME: Duration = Duration::from_secs(5);

/// A thousand orders of some lines each fit; nothing that is pushed is larger.
const PUSHED: BodyLimit =
    BodyLimit { bytes: 4 * 1024 * 1024, time: BODY_TIME, hint: "send up to 1,000 objects a request" };

/// A picture, which a PDA at the edge of the radio network needs longer for.
pub(super) const PICTURE: BodyLimit = BodyLimit {
    bytes: PICTURE_BYTES_MAX,
    time: Duration::from_secs(15),
    hint: "take the picture with a lower resolution, or cut out the part with the code",
};

impl BodyLimit {
    fn too_large(&self) -> Problem {
        let detail = format!("a body may have {} bytes", self.bytes);
        Problem::new(StatusCode::PAYLOAD_TOO_LARGE, "too_large", detail, self.hint)
    }

    fn slow(&self) -> Problem {
        let detail = format!("the body did not come within {} seconds", self.time.as_secs());
        Problem::new(
            StatusCode::REQUEST_TIMEOUT,
            "slow",
            detail,
            "nothing was changed; send it again where the network is better",
        )
    }
}

/// A request's whole body.
pub(super) struct Body(pub Bytes);

impl<S: Send + Sync> FromRequest<S> for Body {
    type Rejection = Problem;

    async fn from_request(request: Request, _: &S) -> Result<Self, Problem> {
        Body::read(request, PUSHED).await
    }
}

impl Body {
    /// Reads a body within its limits.
    pub(super) async fn read(request: Request, limit: BodyLimit) -> Result<Self, Problem> {
        let announced = request
            .headers()
            .get(header::CONTENT_LENGTH)
            .and_then(|length| length.to_str().ok()?.parse::<usize>().ok());
        if announced.is_some_and(|length| length > limit.bytes) {
            return Err(limit.too_large());
        }
        let read = Limited::new(request.into_body(), limit.bytes).collect();
        match tokio::time::timeout(limit.time, read).await {
            Ok(Ok(body)) => Ok(Body(body.to_bytes())),
            Ok(Err(error)) if error.is::<LengthLimitError>() => Err(limit.too_large()),
            Ok(Err(error)) => Err(Problem::malformed(format!("the body broke off: {error}"))),
            Err(_) => Err(limit.slow()),
        }
    }

    /// Receives the body of a request and keeps none of it.
    pub(super) async fn dropped(request: Request, limit: BodyLimit) -> Result<(), Problem> {
        let mut body = Limited::new(request.into_body(), limit.bytes);
        let read = async { while let Some(Ok(_)) = body.frame().await {} };
        tokio::time::timeout(limit.time, read).await.map_err(|_| limit.slow())
    }

    /// Its JSON.
    pub(super) fn json<T: DeserializeOwned>(&self) -> Result<T, Problem> {
        typed(&self.0).map_err(|mistake| Problem::malformed(mistake.to_string()))
    }
}
