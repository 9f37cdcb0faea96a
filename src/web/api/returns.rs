//! Void waybill numbers that go back to their carriers.

use axum::Json;
use axum::extract::{Extension, State};
use axum::http::header;
use axum::response::{IntoResponse, Response};
use serde::Deserialize;
use serde_json::{Value, json};

use super::orders::{acted_json, answered};
use crate::domain::ids::WaybillNo;
use crate::domain::work::Waybill;
use crate::web::asked::{Asked, Named};
use crate::web::backend::{Backend, Caller};
use crate::web::guard::Peer;
use crate::web::problem::Problem;

/// Numbers that one answer names: a day's changes of address, many times over.
pub(in crate::web) const RETURNS_MAX: usize = 5_000;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Wanted {
    state: Option<String>,
    format: Option<String>,
}

pub(super) async fn waybills<B: Backend>(
    State(backend): State<B>,
    Asked(wanted): Asked<Wanted>,
) -> Result<Response, Problem> {
    if wanted.state.as_deref() != Some("to_return") {
        return Err(Problem::malformed("state is to_return: the numbers that go back to their carriers"));
    }
    let waybills = backend.waybills_to_return(RETURNS_MAX).await?;
    match wanted.format.as_deref() {
        None | Some("json") => {
            let rows: Vec<Value> = waybills.iter().map(waybill_json).collect();
            Ok(Json(json!({ "waybills": rows })).into_response())
        }
        Some("csv") => {
            let disposition = "attachment; filename=\"waybills-to-return.csv\"";
            let headers =
                [(header::CONTENT_TYPE, "text/csv; charset=utf-8"), (header::CONTENT_DISPOSITION, disposition)];
            Ok((headers, csv(&waybills)).into_response())
        }
        Some(other) => Err(Problem::malformed(format!("format is \"{other}\"; it must be json or csv"))),
    }
}

fn waybill_json(waybill: &Waybill) -> Value {
    json!({"number": waybill.number, "carrier": waybill.carrier, "orders": waybill.orders, "void": waybill.void})
}

/// A table for people, with the mark by which their spreadsheets know UTF-8.
fn csv(waybills: &[Waybill]) -> String {
    let mut text = String::from("\u{feff}number,carrier,orders\r\n");
    for waybill in waybills {
        let orders: Vec<&str> = waybill.orders.iter().map(|order| order.as_str()).collect();
        let fields = [waybill.number.as_str(), waybill.carrier.as_str(), &orders.join(" ")].map(field);
        text.push_str(&fields.join(","));
        text.push_str("\r\n");
    }
    text
}

/// A field that no spreadsheet takes for a formula, quoted where it must be.
fn field(text: &str) -> String {
    let text = if text.starts_with(['=', '+', '-', '@']) { format!("'{text}") } else { text.to_owned() };
    if text.contains([',', '"', '\n', '\r']) { format!("\"{}\"", text.replace('"', "\"\"")) } else { text }
}

pub(super) async fn given_back<B: Backend>(
    State(backend): State<B>,
    Extension(peer): Extension<Peer>,
    Named(number): Named<String>,
) -> Result<Response, Problem> {
    let waybill = WaybillNo::new(&number).map_err(|_| Problem::missing("waybill", &number))?;
    let caller = Caller { peer: peer.to_string(), call: "waybill returned" };
    let (status, body) = acted_json(&number, &backend.give_back(caller, waybill).await?);
    Ok(answered(status, body.to_string()))
}

#[cfg(test)]
mod tests {
    use super::field;

    #[test]
    fn a_field_is_quoted_and_is_no_formula() {
        assert_eq!(field("W1"), "W1");
        assert_eq!(field("=1+1"), "'=1+1");
        assert_eq!(field("a,\"b\""), "\"a,\"\"b\"\"\"");
    }
}
