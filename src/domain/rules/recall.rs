//! Stop-lists (a recall): products, or lots of them, that may not leave, and where goods of them are.

use std::sync::Arc;

use serde::{Deserialize, Serialize};

use crate::domain::ids::{Sku, StopListId};
use crate::domain::order::{Order, OrderLine, Unit};
use crate::domain::view::View;

/// Lots that one stop-list names: a recall of more is one of the whole product.
pub const LOTS_MAX: usize = 1_000;

/// A product, or some lots of it, that may not leave.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct StopList {
    /// Upstream's id.
    pub id: StopListId,
    /// Upstream's version of this object.
    pub version: Option<i64>,
    /// The product.
    pub sku: Sku,
    /// Its lots; none: all of it.
    pub lots: Vec<String>,
    /// Why, in the words of who stopped it.
    pub reason: Option<String>,
    /// Whether it holds; a lifted one stays as a record.
    pub active: bool,
}

impl StopList {
    /// Whether it names this lot; a lot that is not known may be one of those named.
    #[must_use]
    pub fn names(&self, lot: Option<&str>) -> bool {
        self.lots.is_empty() || lot.is_none_or(|lot| self.lots.iter().any(|named| named == lot))
    }
}

/// Goods of an order that are on a stop-list.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Recalled {
    /// The order's line.
    pub line: u32,
    /// The product.
    pub sku: Sku,
    /// The lot; none where it was not captured.
    pub lot: Option<String>,
    /// Base units.
    pub quantity: u32,
    /// The stop-list.
    pub stop_list: StopListId,
}

/// The stop-list that names a unit for certain: the whole product, or its lot.
#[must_use]
pub fn stop_of(view: &dyn View, sku: &Sku, lot: Option<&str>) -> Option<Arc<StopList>> {
    let stops = view.stops_on(sku);
    stops.into_iter().find(|stop| stop.lots.is_empty() || (lot.is_some() && stop.names(lot)))
}

/// Whether the lot of a product must be known, because some of its lots are on a stop-list.
#[must_use]
pub fn wants_lot(view: &dyn View, sku: &Sku) -> bool {
    view.stops_on(sku).iter().any(|stop| !stop.lots.is_empty())
}

/// Goods that were picked for an order and are on a stop-list now, or may be, as their lot was not captured.
#[must_use]
pub fn on_order(view: &dyn View, order: &Order) -> Vec<Recalled> {
    order.lines.iter().flat_map(|line| on_line(view, line)).collect()
}

/// The same for one line.
#[must_use]
pub fn on_line(view: &dyn View, line: &OrderLine) -> Vec<Recalled> {
    let mut recalled = Vec::new();
    let mut add = |sku: &Sku, lot: Option<&String>, quantity: u32| {
        let stop = view.stops_on(sku).into_iter().find(|stop| stop.names(lot.map(String::as_str)));
        if let Some(stop) = stop.filter(|_| quantity > 0) {
            let (sku, lot, stop_list) = (sku.clone(), lot.cloned(), stop.id.clone());
            recalled.push(Recalled { line: line.spec.line, sku, lot, quantity, stop_list });
        }
    };
    for unit in &line.units {
        // a unit that was let pass at the bench is in the box, though another was picked
        add(&unit.sku, unit.identity.lot.as_ref(), unit.picked.max(unit.packed));
    }
    let captured = |fits: &dyn Fn(&Unit) -> bool| -> u32 {
        line.units.iter().filter(|unit| fits(unit)).map(|unit| unit.picked).sum()
    };
    for part in &line.parts {
        // a substitute is told apart from its line's product only where it was captured
        let of_part = |unit: &Unit| unit.sku == part.sku || line.spec.substitutes.contains(&unit.sku);
        add(&part.sku, None, part.picked.saturating_sub(captured(&of_part)));
    }
    recalled
}
