//! Scans, and verdicts as JSON.

use axum::Json;
use axum::extract::{Extension, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::barcode::SCAN_MAX;
use crate::domain::ids::{DeviceId, IdError, OperatorId, OrderId, PickListId, ScanId, StationId};
use crate::domain::scan::Scan;
use crate::domain::verdict::{BagNote, Code, Facts, Missing, Severity, Verdict, Warning};
use crate::message::{Language, verdict_text, warning_text};
use crate::web::backend::Backend;
use crate::web::body::Body;
use crate::web::guard::Peer;
use crate::web::problem::Problem;
use crate::web::spoken::Spoken;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct ScanBody {
    id: String,
    station: String,
    data: Option<String>,
    data_base64: Option<String>,
    operator: Option<String>,
    device: Option<String>,
}

impl ScanBody {
    /// A scan whose data is not known yet.
    pub(super) fn of(id: String, station: String, operator: Option<String>, device: Option<String>) -> Self {
        ScanBody { id, station, data: Some(String::new()), data_base64: None, operator, device }
    }

    pub(super) fn scan(self) -> Result<Scan, Problem> {
        let named = |field: &'static str| move |error: IdError| Problem::malformed(format!("{field} {error}"));
        let data = match (self.data, self.data_base64) {
            (Some(data), None) => data.into_bytes(),
            (None, Some(data)) => data_encoding::BASE64
                .decode(data.as_bytes())
                .map_err(|error| Problem::malformed(format!("data_base64: {error}")))?,
            _ => return Err(Problem::malformed("a scan has either data or data_base64")),
        };
        if data.len() > SCAN_MAX {
            return Err(Problem::malformed(format!("a scan has up to {SCAN_MAX} bytes")));
        }
        Ok(Scan {
            id: ScanId::new(&self.id).map_err(named("id"))?,
            station: StationId::new(&self.station).map_err(named("station"))?,
            device: self.device.map(|device| DeviceId::new(&device)).transpose().map_err(named("device"))?,
            operator: self
                .operator
                .map(|operator| OperatorId::new(&operator))
                .transpose()
                .map_err(named("operator"))?,
            data,
            broken: None,
            bounced: false,
            retyped: Vec::new(),
        })
    }
}

/// A verdict as the contract writes it.
#[derive(Serialize)]
struct VerdictBody<'v> {
    scan_id: &'v ScanId,
    seq: Option<u64>,
    code: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    first_code: Option<&'static str>,
    accepted: bool,
    severity: Severity,
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    shadow: bool,
    title: String,
    detail: String,
    hint: String,
    expected: &'v Facts,
    got: &'v Facts,
    order: Option<&'v OrderId>,
    pick_list: Option<&'v PickListId>,
    line: Option<u32>,
    slot: Option<&'v str>,
    picked: Option<u32>,
    packed: Option<u32>,
    demanded: Option<u32>,
    bag: Option<&'v BagNote>,
    missing: &'v [Missing],
    candidates: &'v [String],
    #[serde(skip_serializing_if = "Vec::is_empty")]
    warnings: Vec<WarningBody<'v>>,
}

/// A rule that would have refused and only warns.
#[derive(Serialize)]
struct WarningBody<'v> {
    #[serde(flatten)]
    warning: &'v Warning,
    title: String,
}

impl<'v> VerdictBody<'v> {
    fn new(verdict: &'v Verdict, language: Language) -> Self {
        let text = verdict_text(verdict, language);
        VerdictBody {
            scan_id: &verdict.scan_id,
            seq: verdict.seq,
            code: verdict.code.as_str(),
            first_code: verdict.first_code.map(Code::as_str),
            accepted: verdict.outcome().is_accepted(),
            severity: verdict.outcome().severity(),
            shadow: verdict.shadow,
            title: text.title,
            detail: text.detail,
            hint: text.hint,
            expected: &verdict.expected,
            got: &verdict.got,
            order: verdict.order.as_ref(),
            pick_list: verdict.pick_list.as_ref(),
            line: verdict.line,
            slot: verdict.slot.as_deref(),
            picked: verdict.counts.map(|counts| counts.picked),
            packed: verdict.counts.map(|counts| counts.packed),
            demanded: verdict.counts.map(|counts| counts.demanded),
            bag: verdict.bag.as_deref(),
            missing: &verdict.missing,
            candidates: &verdict.candidates,
            warnings: verdict
                .warnings
                .iter()
                .map(|warning| WarningBody { warning, title: warning_text(warning, language) })
                .collect(),
        }
    }
}

/// A verdict as the contract writes it, as a value among others.
#[must_use]
pub fn verdict_json(verdict: &Verdict, language: Language) -> Value {
    serde_json::to_value(VerdictBody::new(verdict, language)).unwrap_or_default()
}

pub(super) async fn scan<B: Backend>(
    State(backend): State<B>,
    Extension(peer): Extension<Peer>,
    Spoken(language): Spoken,
    body: Body,
) -> Result<Response, Problem> {
    let scan = body.json::<ScanBody>()?.scan()?;
    let verdict = backend.scan(scan, peer.to_string()).await.map_err(|unknown| no_station(&unknown.0))?;
    let (status, body) = answer(&verdict, language);
    Ok((status, Json(body)).into_response())
}

pub(super) fn no_station(id: &StationId) -> Problem {
    Problem::missing("station", id.as_str()).hint("GET / lists the stations; add it to the configuration")
}

/// How a verdict is answered.
pub(super) fn answer(verdict: &Verdict, language: Language) -> (StatusCode, Value) {
    let status = match verdict.code {
        Code::NotConfirmed | Code::NotRecorded => StatusCode::SERVICE_UNAVAILABLE,
        _ => StatusCode::OK,
    };
    (status, verdict_json(verdict, language))
}
