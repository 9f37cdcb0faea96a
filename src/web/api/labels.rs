//! Labels: a waybill's own one, as it came from the carrier or the platform.

use axum::extract::{Path, State};
use axum::http::header;
use axum::response::{IntoResponse, Response};

use crate::domain::ids::WaybillNo;
use crate::web::backend::Backend;
use crate::web::problem::Problem;

pub(super) async fn of_waybill<B: Backend>(
    State(backend): State<B>,
    Path(number): Path<String>,
) -> Result<Response, Problem> {
    let missing = || Problem::missing("waybill with a label of its own", &number);
    let waybill = WaybillNo::new(&number).map_err(|_| missing())?;
    let (format, bytes) = backend.label_file(waybill).await?.ok_or_else(missing)?;
    let kind = match format.as_str() {
        "pdf" => "application/pdf",
        "png" => "image/png",
        // a printer's job is for printers: no browser may take it for something else
        _ => "application/octet-stream",
    };
    let name = format!("attachment; filename=\"label.{format}\"");
    let headers = [
        (header::CONTENT_TYPE, kind),
        (header::CONTENT_DISPOSITION, name.as_str()),
        (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
    ];
    Ok((headers, bytes).into_response())
}
