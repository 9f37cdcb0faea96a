//! Scans, and verdicts as JSON.

use axum::Json;
use axum::extract::{Extension, State};
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{IntoResponse, Response};
use serde::Deserialize;
use serde_json::{Value, json};

use crate::barcode::SCAN_MAX;
use crate::domain::ids::{DeviceId, IdError, OperatorId, ScanId, StationId};
use crate::domain::scan::Scan;
use crate::domain::verdict::{Code, Verdict};
use crate::message::{Language, verdict_text};
use crate::web::backend::Backend;
use crate::web::body::Body;
use crate::web::guard::Peer;
use crate::web::problem::Problem;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct ScanBody {
    id: String,
    station: String,
    data: Option<String>,
    data_base64: Option<String>,
    operator: Option<String>,
    device: Option<String>,
}

impl ScanBody {
    fn scan(self) -> Result<Scan, Problem> {
        let named = |field: &'static str| move |error: IdError| Problem::malformed(format!("{field} {error}"));
        let data = match (self.data, self.data_base64) {
            (Some(data), None) => data.into_bytes(),
            (None, Some(data)) => data_encoding::BASE64.decode(data.as_bytes()).map_err(|error| Problem::malformed(format!("data_base64: {error}")))?,
            _ => return Err(Problem::malformed("a scan has either data or data_base64")),
        };
        if data.len() > SCAN_MAX {
            return Err(Problem::malformed(format!("a scan has up to {SCAN_MAX} bytes")));
        }
        Ok(Scan {
            id: ScanId::new(&self.id).map_err(named("id"))?,
            station: StationId::new(&self.station).map_err(named("station"))?,
            device: self.device.map(|device| DeviceId::new(&device)).transpose().map_err(named("device"))?,
            operator: self.operator.map(|operator| OperatorId::new(&operator)).transpose().map_err(named("operator"))?,
            data,
            broken: None,
            bounced: false,
        })
    }
}

/// The language that a caller asks for, else the site's.
pub(in crate::web) fn language_of(headers: &HeaderMap, site: Language) -> Language {
    let text = |name| headers.get(name).and_then(|value| value.to_str().ok());
    let chosen = text(header::COOKIE).and_then(|cookies| cookies.split(';').find_map(|cookie| cookie.trim().strip_prefix("lang=")));
    chosen.and_then(Language::from_tag).or_else(|| text(header::ACCEPT_LANGUAGE).and_then(Language::from_tag)).unwrap_or(site)
}

/// A verdict as the contract writes it.
#[must_use]
pub fn verdict_json(verdict: &Verdict, language: Language) -> Value {
    let text = verdict_text(verdict, language);
    let outcome = verdict.outcome();
    let mut answer = json!({
        "scan_id": verdict.scan_id,
        "seq": verdict.seq,
        "code": verdict.code.as_str(),
        "accepted": outcome.is_accepted(),
        "severity": verdict.code.severity(),
        "title": text.title,
        "detail": text.detail,
        "hint": text.hint,
        "expected": verdict.expected,
        "got": verdict.got,
        "order": verdict.order,
        "pick_list": verdict.pick_list,
        "line": verdict.line,
        "slot": verdict.slot,
        "picked": verdict.counts.map(|counts| counts.picked),
        "packed": verdict.counts.map(|counts| counts.packed),
        "demanded": verdict.counts.map(|counts| counts.demanded),
        "missing": verdict.missing,
        "candidates": verdict.candidates,
    });
    if let Some(first) = verdict.first_code {
        answer["first_code"] = first.as_str().into();
    }
    if verdict.shadow {
        answer["shadow"] = true.into();
    }
    answer
}

pub(super) async fn scan<B: Backend>(State(backend): State<B>, Extension(peer): Extension<Peer>, headers: HeaderMap, body: Body) -> Result<Response, Problem> {
    let scan = body.json::<ScanBody>()?.scan()?;
    let language = language_of(&headers, backend.language());
    let verdict = backend.scan(scan, peer.to_string()).await.map_err(|unknown| {
        Problem::new(StatusCode::NOT_FOUND, "not_found", unknown.to_string()).hint("GET / lists the stations; add it to the configuration")
    })?;
    let status = match verdict.code {
        Code::NotConfirmed | Code::NotRecorded => StatusCode::SERVICE_UNAVAILABLE,
        _ => StatusCode::OK,
    };
    Ok((status, Json(verdict_json(&verdict, language))).into_response())
}
