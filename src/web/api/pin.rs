//! The PIN after a badge: typed on the station's page, never scanned.

use axum::Json;
use axum::extract::{Extension, State};
use axum::http::StatusCode;
use serde::Deserialize;
use serde_json::{Value, json};

use crate::domain::decide::PinAnswer;
use crate::web::asked::Named;
use crate::web::backend::{Backend, Caller};
use crate::web::body::Body;
use crate::web::guard::Peer;
use crate::web::problem::Problem;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct PinBody {
    pin: String,
}

pub(super) async fn enter<B: Backend>(
    State(backend): State<B>,
    Extension(peer): Extension<Peer>,
    Named(id): Named<String>,
    body: Body,
) -> Result<Json<Value>, Problem> {
    let rules = backend.station(&id).ok_or_else(|| Problem::missing("station", &id))?;
    let typed = body.json::<PinBody>()?;
    let caller = Caller { peer: peer.to_string(), call: "pin" };
    let refused = |kind, detail: String, hint| Problem::new(StatusCode::UNPROCESSABLE_ENTITY, kind, detail, hint);
    match backend.enter_pin(caller, rules.id, typed.pin).await? {
        PinAnswer::SignedIn(operator) => Ok(Json(json!({"result": "signed_in", "operator": operator}))),
        PinAnswer::MayOverride(operator) => Ok(Json(json!({"result": "may_override", "operator": operator}))),
        PinAnswer::Wrong(left) => {
            Err(refused("pin_wrong", format!("the PIN is wrong; {left} tries are left"), "type it again"))
        }
        PinAnswer::Locked => {
            let hint = "scan the badge again in five minutes, or set a new PIN with POST /api/v1/operators";
            Err(refused("pin_locked", "too many wrong PINs".into(), hint))
        }
        PinAnswer::NotAsked => {
            let (detail, hint) = (
                format!("station \"{id}\" waits for no PIN"),
                "scan the badge first; the question lapses after a minute",
            );
            Err(Problem::new(StatusCode::CONFLICT, "pin_not_asked", detail, hint))
        }
    }
}
