//! Orders that a person should look at, and why.

use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use serde_json::{Value, json};

use crate::domain::order::{Attention, Order};
use crate::web::backend::Backend;
use crate::web::problem::Problem;

/// Exceptions that one answer or page lists; who has more has another problem.
pub(in crate::web) const EXCEPTIONS_MAX: usize = 500;

/// An order that a person should look at.
pub(in crate::web) struct Exception {
    /// Why.
    pub attention: Attention,
    /// The order.
    pub order: Arc<Order>,
}

/// Orders that a person should look at, most pressing first, then oldest.
pub(in crate::web) async fn gathered<B: Backend>(backend: &B) -> Result<Vec<Exception>, Problem> {
    let ids = backend.orders_wanting_attention(EXCEPTIONS_MAX).await?;
    let mut found: Vec<Exception> = backend
        .look(move |view| {
            let orders = ids.iter().filter_map(|id| view.order(id));
            orders.filter_map(|order| Some(Exception { attention: order.attention()?, order })).collect()
        })
        .await?;
    found.sort_by_key(|exception| exception.attention);
    Ok(found)
}

pub(super) async fn exceptions<B: Backend>(State(backend): State<B>) -> Result<Json<Value>, Problem> {
    let found = gathered(&backend).await?;
    let rows = found.iter().map(|Exception { attention, order }| {
        let put_back = order.lines.iter().flat_map(|line| (0..line.parts.len()).map(|part| line.to_put_back(part)));
        json!({"order": order.id(), "why": attention, "holds": order.holds, "differs": order.differs,
               "to_put_back": put_back.sum::<u32>(), "waybill_pending": order.waybill_pending})
    });
    Ok(Json(json!({"exceptions": rows.collect::<Vec<_>>()})))
}
