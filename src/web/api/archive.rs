//! Old records moved to an archive, by hand.

use axum::Json;
use axum::extract::{Extension, State};
use axum::http::StatusCode;
use jiff::civil::Date;
use serde::Deserialize;
use serde_json::Value;

use crate::web::backend::{Archiving, Backend, Caller};
use crate::web::body::Body;
use crate::web::guard::Peer;
use crate::web::problem::Problem;

/// From before which day, and whether only to say what would be archived.
#[derive(Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
struct Wish {
    before: Option<Date>,
    dry_run: bool,
}

/// Archives at most one file of records; who wants more calls again until nothing is due.
pub(super) async fn archive<B: Backend>(
    State(backend): State<B>,
    Extension(peer): Extension<Peer>,
    body: Body,
) -> Result<Json<Value>, Problem> {
    let wish: Wish = if body.0.trim_ascii().is_empty() { Wish::default() } else { body.json()? };
    let caller = Caller { peer: peer.to_string(), call: "archive" };
    match backend.archive(caller, wish.before, wish.dry_run).await? {
        Archiving::Done(done) => Ok(Json(done)),
        Archiving::Busy => {
            let detail = "records are being archived just now";
            Err(Problem::new(StatusCode::CONFLICT, "busy", detail, "try again in a minute"))
        }
        Archiving::NoDate => {
            let detail = "records are kept for ever here, and no day was named";
            let hint = "name a day with `before`, or set keep_days in [ledger]";
            Err(Problem::new(StatusCode::UNPROCESSABLE_ENTITY, "no_date", detail, hint))
        }
    }
}
