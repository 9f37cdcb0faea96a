//! The API of the contract. Bodies are dtos of this folder; unknown fields are refused by name.

mod alerts;
mod couriers;
mod events;
mod manifests;
mod orders;
mod pin;
mod plan;
mod scans;
mod status;
mod targets;
mod things;

use axum::Router;
use axum::extract::Extension;
use axum::routing::{get, post};

use super::backend::Backend;

pub(super) use self::events::find;
pub use self::orders::acted_json;
pub use self::scans::verdict_json;
pub(super) use self::targets::person;
pub use self::things::{Kind, things_from_json};

pub(super) fn routes<B: Backend>() -> Router<B> {
    Router::new()
        .route("/api/v1/products", post(things::products::<B>))
        .route("/api/v1/orders", post(things::orders::<B>).get(couriers::orders::<B>))
        .route("/api/v1/pick-lists", post(things::pick_lists::<B>))
        .route("/api/v1/waybills", post(things::waybills::<B>))
        .route("/api/v1/manifests", post(things::manifests::<B>))
        .route("/api/v1/manifests/{id}", get(manifests::manifest::<B>))
        .route("/api/v1/operators", post(things::operators::<B>))
        .route("/api/v1/scans", post(scans::scan::<B>))
        .route("/api/v1/orders/{id}", get(orders::order::<B>))
        .route("/api/v1/orders/{id}/timeline", get(orders::timeline::<B>))
        .route("/api/v1/orders/{id}/{action}", post(orders::act::<B>))
        .route("/api/v1/waybills/{number}/void", post(orders::void::<B>))
        .route("/api/v1/labels/plan", post(plan::plan).layer(Extension(plan::OneAtATime::default())))
        .route("/api/v1/search", get(events::search::<B>))
        .route("/api/v1/events", get(events::events::<B>))
        .route("/api/v1/events/stream", get(events::stream::<B>))
        .route("/api/v1/stations/{id}", get(status::station::<B>))
        .route("/api/v1/stations/{id}/pin", post(pin::enter::<B>))
        .route("/api/v1/devices", get(status::devices::<B>))
        .route("/api/v1/targets", get(targets::targets::<B>))
        .route("/api/v1/targets/{name}/retry", post(targets::retry::<B>))
        .route("/api/v1/targets/{name}/letters/{id}", get(targets::letter::<B>).post(targets::correct::<B>))
        .route("/api/v1/alerts", get(alerts::alerts::<B>))
        .route("/api/v1/alerts/{id}/take", post(alerts::take::<B>))
        .route("/api/v1/channels", get(couriers::channels::<B>))
        .route("/healthz", get(status::healthz))
        .route("/readyz", get(status::readyz::<B>))
        .route("/metrics", get(status::metrics::<B>))
        .route("/openapi.json", get(status::openapi))
}
