//! What the facts of interceptions do to the state.

use crate::domain::event::Event;
use crate::domain::ids::OrderId;
use crate::domain::order::{HoldReason, Order};
use crate::domain::view::State;

/// What a fact names and is not there.
pub(in crate::domain) struct Lost {
    pub kind: &'static str,
    pub id: String,
}

fn order_mut<'s>(state: &'s mut dyn State, id: &OrderId) -> Result<&'s mut Order, Lost> {
    state.order_mut(id).ok_or_else(|| Lost { kind: "order", id: id.to_string() })
}

/// Applies a fact about an interception; any other does nothing here.
pub(in crate::domain) fn fold(event: &Event, state: &mut dyn State) -> Result<(), Lost> {
    match event {
        Event::AddressConfirmed { order, .. } => {
            let order = order_mut(state, order)?;
            order.holds.retain(|hold| hold.reason != HoldReason::AddressChange);
            order.readdressed_from = None;
        }
        Event::WaybillWanted { order, .. } => order_mut(state, order)?.waybill_pending = true,
        Event::OrderDiffers { order, differences } => order_mut(state, order)?.differs.clone_from(differences),
        Event::WaybillGivenBack { waybill } => {
            let lost = || Lost { kind: "waybill", id: waybill.to_string() };
            state.waybill_mut(waybill).ok_or_else(lost)?.given_back = true;
        }
        Event::StopListPut { stop } => state.put_stop_list((**stop).clone()),
        Event::BarcodeTaught { sku, barcode, .. } => {
            let known = state.view().product(sku.as_str());
            let mut product = (*known.ok_or_else(|| Lost { kind: "product", id: sku.to_string() })?).clone();
            product.taught.push(barcode.clone());
            state.put_product(product);
        }
        Event::BarcodeForgotten { sku, text } => {
            let known = state.view().product(sku.as_str());
            let mut product = (*known.ok_or_else(|| Lost { kind: "product", id: sku.to_string() })?).clone();
            product.taught.retain(|barcode| barcode.text != *text);
            state.put_product(product);
        }
        _ => {}
    }
    Ok(())
}
