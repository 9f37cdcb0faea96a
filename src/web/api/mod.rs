//! The API of the contract. Bodies are dtos of this folder; unknown fields are refused by name.

mod alerts;
mod archive;
mod couriers;
mod events;
mod exceptions;
mod images;
mod labels;
mod manifests;
mod orders;
mod pin;
mod plan;
mod printing;
mod returns;
mod scans;
mod sources;
mod status;
mod stop_lists;
mod targets;
mod things;

use axum::Router;
use axum::extract::Extension;
use axum::routing::{get, post};

use super::backend::Backend;

pub(super) use self::events::find;
pub(super) use self::exceptions::{EXCEPTIONS_MAX, Exception, gathered};
pub use self::labels::label_answer;
pub(super) use self::labels::{LabelView, label_view};
pub use self::orders::acted_json;
pub(super) use self::orders::{badge_of, bags_in, prints_of};
pub(super) use self::returns::RETURNS_MAX;
pub use self::scans::verdict_json;
pub(super) use self::stop_lists::{TRACED_MAX, Traced, trace};
pub use self::things::{Kind, things_from_json, with_label_read};

pub(super) fn routes<B: Backend>() -> Router<B> {
    Router::new()
        .route("/api/v1/products", post(things::products::<B>))
        .route("/api/v1/orders", get(orders::orders::<B>).post(things::orders::<B>))
        .route("/api/v1/pick-lists", post(things::pick_lists::<B>))
        .route("/api/v1/waybills", post(things::waybills::<B>).get(returns::waybills::<B>))
        .route("/api/v1/manifests", post(things::manifests::<B>))
        .route("/api/v1/manifests/{id}", get(manifests::manifest::<B>))
        .route("/api/v1/operators", post(things::operators::<B>))
        .route("/api/v1/scans", post(scans::scan::<B>))
        .route("/api/v1/scans/image", post(images::scan::<B>))
        .route("/api/v1/orders/{id}", get(orders::order::<B>))
        .route("/api/v1/orders/{id}/timeline", get(orders::timeline::<B>))
        .route("/api/v1/orders/{id}/{action}", post(orders::act::<B>))
        .route("/api/v1/waybills/{number}/label", get(labels::of_waybill::<B>))
        .route("/api/v1/waybills/{number}/void", post(orders::void::<B>))
        .route("/api/v1/waybills/{number}/returned", post(returns::given_back::<B>))
        .route("/api/v1/stop-lists", post(things::stop_lists::<B>).get(stop_lists::list::<B>))
        .route("/api/v1/stop-lists/{id}", get(stop_lists::one::<B>))
        .route("/api/v1/exceptions", get(exceptions::exceptions::<B>))
        .route("/api/v1/labels/plan", post(plan::plan).layer(Extension(plan::OneAtATime::default())))
        .route("/api/v1/labels", post(labels::make::<B>))
        .route("/api/v1/labels/{id}", get(labels::label::<B>))
        .route("/api/v1/labels/{id}/print", post(labels::print::<B>))
        .route("/api/v1/labels/{id}/void", post(labels::void::<B>))
        .route("/api/v1/search", get(events::search::<B>))
        .route("/api/v1/events", get(events::events::<B>))
        .route("/api/v1/events/stream", get(events::stream::<B>))
        .route("/api/v1/stations/{id}", get(status::station::<B>))
        .route("/api/v1/stations/{id}/pin", post(pin::enter::<B>))
        .route("/api/v1/devices", get(status::devices::<B>))
        .route("/api/v1/printers", get(printing::printers::<B>))
        .route("/api/v1/printers/{name}/test", post(printing::test::<B>))
        .route("/api/v1/print-jobs", get(printing::jobs::<B>))
        .route("/api/v1/print-jobs/{number}/resolve", post(printing::resolve::<B>))
        .route("/api/v1/targets", get(targets::targets::<B>))
        .route("/api/v1/targets/{name}/retry", post(targets::retry::<B>))
        .route("/api/v1/sources", get(sources::sources::<B>))
        .route("/api/v1/sources/{name}/retry", post(sources::retry::<B>))
        .route("/api/v1/targets/{name}/letters/{id}", get(targets::letter::<B>).post(targets::correct::<B>))
        .route("/api/v1/targets/{name}/letters/{id}/let-go", post(targets::let_go::<B>))
        .route("/api/v1/alerts", get(alerts::alerts::<B>))
        .route("/api/v1/alerts/{id}/take", post(alerts::take::<B>))
        .route("/api/v1/ledger/archive", post(archive::archive::<B>))
        .route("/api/v1/channels", get(couriers::channels::<B>))
        .route("/healthz", get(status::healthz))
        .route("/readyz", get(status::readyz::<B>))
        .route("/metrics", get(status::metrics::<B>))
        .route("/openapi.json", get(status::openapi))
}
