//! Scans as pictures: the one code in a picture is judged like any scan.

use std::collections::HashSet;

use axum::Json;
use axum::extract::{Extension, Request, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use serde::Deserialize;
use serde_json::{Value, json};

use super::scans::{ScanBody, answer, no_station};
use crate::barcode::AimId;
use crate::codec::{ReadError, Symbol};
use crate::web::asked::Asked;
use crate::web::backend::Backend;
use crate::web::body::{Body, PICTURE};
use crate::web::guard::Peer;
use crate::web::problem::Problem;
use crate::web::spoken::Spoken;

/// What an ordinary scan says beside its data.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Wanted {
    id: String,
    station: String,
    operator: Option<String>,
    device: Option<String>,
}

pub(super) async fn scan<B: Backend>(
    State(backend): State<B>,
    Extension(peer): Extension<Peer>,
    Spoken(language): Spoken,
    wanted: Result<Asked<Wanted>, Problem>,
    request: Request,
) -> Result<Response, Problem> {
    // the body is received even where it is refused: who is hung up on while sending sees no answer
    let Some(place) = backend.pictures().place() else {
        Body::dropped(request, PICTURE).await?;
        let hint = "send it again in some seconds, with the same id";
        return Err(Problem::new(StatusCode::SERVICE_UNAVAILABLE, "busy", "other pictures are being read", hint));
    };
    let Body(picture) = Body::read(request, PICTURE).await?;
    let Asked(wanted) = wanted?;
    let mut scan = ScanBody::of(wanted.id, wanted.station, wanted.operator, wanted.device).scan()?;
    if backend.station(scan.station.as_str()).is_none() {
        return Err(no_station(&scan.station));
    }
    let mut symbols = place.read(picture).await.map_err(refused)?;
    // a text that stands there twice, also as another kind of code, says the same
    let mut texts = HashSet::new();
    symbols.retain(|symbol| texts.insert(symbol.text.clone()));
    let symbol = match symbols.as_slice() {
        [symbol] => symbol,
        [] => {
            let (detail, hint) = (
                "no code was found in the picture",
                "take it again nearer, sharper and without glare; nothing was recorded",
            );
            return Err(Problem::new(StatusCode::UNPROCESSABLE_ENTITY, "no_code", detail, hint));
        }
        several => {
            let detail = format!("{} different codes were found in the picture", several.len());
            let hint = "choose one of the candidates and send it as a scan, or take a picture of one code";
            return Err(Problem::new(StatusCode::CONFLICT, "several_codes", detail, hint)
                .candidates(several.iter().map(described).collect()));
        }
    };
    scan.data = symbol.scanned();
    let verdict = backend.scan(scan, peer.to_string()).await.map_err(|unknown| no_station(&unknown.0))?;
    let (status, mut body) = answer(&verdict, language);
    body["symbol"] = described(symbol);
    Ok((status, Json(body)).into_response())
}

fn refused(error: ReadError) -> Problem {
    let (status, kind) = match error {
        ReadError::TooManyBytes { .. } | ReadError::TooLarge { .. } => (StatusCode::PAYLOAD_TOO_LARGE, "too_large"),
        ReadError::UnknownFormat => (StatusCode::UNSUPPORTED_MEDIA_TYPE, "no_picture"),
        ReadError::Broken(_) => (StatusCode::UNPROCESSABLE_ENTITY, "damaged_picture"),
    };
    let hint = error.hint();
    Problem::new(status, kind, error.to_string(), hint)
}

/// A code, with `data` or `data_base64` as an ordinary scan of it has them.
fn described(symbol: &Symbol) -> Value {
    let scanned = symbol.scanned();
    let mut described = json!({
        "symbology": AimId::split(&symbol.aim).map(|(aim, _)| aim.symbology()),
        "text": String::from_utf8_lossy(&symbol.text),
        "bounds": symbol.rounded_bounds(),
    });
    match String::from_utf8(scanned) {
        Ok(data) => described["data"] = data.into(),
        Err(error) => described["data_base64"] = data_encoding::BASE64.encode(error.as_bytes()).into(),
    }
    described
}
