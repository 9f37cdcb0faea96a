//! Reading a request's body: bounded in size and time, and refused with the place of the mistake.

use std::time::Duration;

use axum::body::Bytes;
use axum::extract::{FromRequest, Request};
use axum::http::{StatusCode, header};
use http_body_util::{BodyExt, LengthLimitError, Limited};
use serde::de::DeserializeOwned;

use super::problem::Problem;
use crate::codec::read::PICTURE_BYTES_MAX;

/// What a body may be.
pub(super) struct Bounds {
    /// The most bytes.
    bytes: usize,
    /// The longest that it may take to come.
    time: Duration,
    /// What to do about a body that is too large.
    hint: &'static str,
}

impl Bounds {
    fn slow(&self) -> Problem {
        let detail = format!("the body did not come within {} seconds", self.time.as_secs());
        Problem::new(StatusCode::REQUEST_TIMEOUT, "slow", detail)
    }
}

/// A thousand orders of some lines each fit; a body that takes longer does not come from a warehouse's network.
const OBJECTS: Bounds =
    Bounds { bytes: 4 * 1024 * 1024, time: Duration::from_secs(5), hint: "send up to 1,000 objects a request" };

/// A picture, which a PDA at the edge of the radio network needs longer for.
pub(super) const PICTURE: Bounds = Bounds {
    bytes: PICTURE_BYTES_MAX,
    time: Duration::from_secs(15),
    hint: "take the picture with a lower resolution, or cut out the part with the code",
};

/// A request's whole body.
pub(super) struct Body(pub Bytes);

impl<S: Send + Sync> FromRequest<S> for Body {
    type Rejection = Problem;

    async fn from_request(request: Request, _: &S) -> Result<Self, Problem> {
        Body::within(request, &OBJECTS).await
    }
}

impl Body {
    /// The body of a request, if it keeps within bounds.
    pub(super) async fn within(request: Request, bounds: &Bounds) -> Result<Self, Problem> {
        let Bounds { bytes, time, hint } = *bounds;
        let too_large = || {
            Problem::new(StatusCode::PAYLOAD_TOO_LARGE, "too_large", format!("a body may have {bytes} bytes"))
                .hint(hint)
        };
        let announced = request
            .headers()
            .get(header::CONTENT_LENGTH)
            .and_then(|length| length.to_str().ok()?.parse::<usize>().ok());
        if announced.is_some_and(|length| length > bytes) {
            return Err(too_large());
        }
        let read = Limited::new(request.into_body(), bytes).collect();
        match tokio::time::timeout(time, read).await {
            Ok(Ok(body)) => Ok(Body(body.to_bytes())),
            Ok(Err(error)) if error.is::<LengthLimitError>() => Err(too_large()),
            Ok(Err(error)) => Err(Problem::malformed(format!("the body broke off: {error}"))),
            Err(_) => Err(bounds.slow()),
        }
    }

    /// Receives the body of a request and keeps none of it.
    pub(super) async fn dropped(request: Request, bounds: &Bounds) -> Result<(), Problem> {
        let mut body = Limited::new(request.into_body(), bounds.bytes);
        let read = async { while let Some(Ok(_)) = body.frame().await {} };
        tokio::time::timeout(bounds.time, read).await.map_err(|_| bounds.slow())
    }

    /// Its JSON.
    pub(super) fn json<T: DeserializeOwned>(&self) -> Result<T, Problem> {
        serde_json::from_slice(&self.0).map_err(|error| Problem::malformed(error.to_string()))
    }
}
