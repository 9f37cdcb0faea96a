//! Words about an order, and about a waybill.

use super::intake::readdressed;
use super::{OrderAction, Outcome, Refusal};
use crate::domain::apply::is_local_stage;
use crate::domain::courier;
use crate::domain::event::Event;
use crate::domain::gate;
use crate::domain::ids::{OrderId, WaybillNo};
use crate::domain::order::{Consignee, Hold, HoldReason, Order, ShortDecision, Stage};
use crate::domain::view::View;
use crate::domain::work::{ParcelState, VoidReason};

/// Judges a word about an order.
#[must_use]
pub fn order_action(view: &dyn View, id: &OrderId, action: OrderAction) -> Outcome {
    let Some(order) = view.order(id.as_str()) else {
        return Outcome::Refused(Refusal::UnknownOrder(id.clone()));
    };
    let judged = match action {
        OrderAction::Hold { reason, note } => Ok(hold(&order, Hold { reason, note })),
        OrderAction::Release { reason } => release(&order, reason),
        OrderAction::Cancel { lines: None } => Ok(cancel(&order)),
        OrderAction::Cancel { lines: Some(lines) } => cancel_lines(view, &order, &lines),
        OrderAction::Address(consignee) => address(view, &order, consignee),
        OrderAction::Stage(stage) => reach(&order, stage),
        OrderAction::Return { exchange_order } => Ok(give_back(&order, exchange_order)),
        OrderAction::ShortDecision { line, decision } => decide_short(view, &order, line, decision),
        OrderAction::EnterNumber { text, by, confirmed } => courier::enter(view, &order, &text, &by, confirmed),
    };
    judged.unwrap_or_else(Outcome::Refused)
}

fn hold(order: &Order, hold: Hold) -> Outcome {
    if order.holds.contains(&hold) {
        return Outcome::Unchanged;
    }
    Outcome::Updated(vec![Event::OrderHeld { order: order.id().clone(), hold }])
}

fn release(order: &Order, reason: Option<HoldReason>) -> Result<Outcome, Refusal> {
    if reason == Some(HoldReason::MasterData) {
        return Err(Refusal::HeldByRule);
    }
    let through_api = order.holds.iter().map(|hold| hold.reason).filter(|held| *held != HoldReason::MasterData);
    let reasons: Vec<HoldReason> = through_api.filter(|held| reason.is_none_or(|reason| reason == *held)).collect();
    Ok(match reasons.is_empty() {
        true => Outcome::Unchanged,
        false => Outcome::Updated(vec![Event::OrderReleased { order: order.id().clone(), reasons }]),
    })
}

fn cancel(order: &Order) -> Outcome {
    if order.cancelled {
        return Outcome::Unchanged;
    }
    Outcome::Updated(vec![Event::OrderCancelled { order: order.id().clone() }])
}

fn cancel_lines(view: &dyn View, order: &Order, lines: &[(u32, u32)]) -> Result<Outcome, Refusal> {
    let mut after = order.clone();
    let mut events = Vec::new();
    for (number, quantity) in lines {
        let id = order.id();
        let line = after.line_mut(*number).ok_or_else(|| Refusal::UnknownLine(id.clone(), *number))?;
        if *quantity > line.demanded() {
            return Err(Refusal::CancelTooMuch { line: *number, wanted: *quantity, demanded: line.demanded() });
        }
        line.cancelled += quantity;
        events.push(Event::LineCancelled { order: id.clone(), line: *number, quantity: *quantity });
    }
    if after.lines.iter().all(|line| line.demanded() == 0) && !order.cancelled {
        events.push(Event::OrderCancelled { order: order.id().clone() });
    } else {
        events.extend(sealed_by_itself(view, &after));
    }
    Ok(Outcome::updated(events))
}

/// A box that waited only for what is no longer wanted is sealed.
fn sealed_by_itself(view: &dyn View, after: &Order) -> Vec<Event> {
    let open = after
        .parcels
        .iter()
        .filter_map(|id| view.parcel(id.as_str()))
        .find(|parcel| parcel.state == ParcelState::Open && parcel.seal_auto);
    open.map(|parcel| gate::seal_if_packed(view, after, &parcel)).unwrap_or_default()
}

fn address(view: &dyn View, order: &Order, consignee: Consignee) -> Result<Outcome, Refusal> {
    if consignee == order.spec.consignee {
        return Ok(Outcome::Unchanged);
    }
    let mut events = readdressed(view, order, &consignee)?;
    events.push(Event::OrderReaddressed { order: order.id().clone(), consignee: Box::new(consignee) });
    Ok(Outcome::Updated(events))
}

fn reach(order: &Order, stage: Stage) -> Result<Outcome, Refusal> {
    if stage <= order.stage {
        return Ok(Outcome::Unchanged);
    }
    let next = match order.stage {
        Stage::Paid => Stage::RiskPassed,
        Stage::RiskPassed => Stage::StockLocked,
        Stage::WaybillReported => Stage::Signed,
        Stage::Signed => Stage::WarrantyActive,
        other => other,
    };
    if stage != next || is_local_stage(stage) {
        return Err(Refusal::StageOutOfTurn { now: order.stage, wanted: stage });
    }
    Ok(Outcome::Updated(vec![Event::StageReached { order: order.id().clone(), stage }]))
}

fn give_back(order: &Order, exchange_order: Option<String>) -> Outcome {
    if order.partially_completed {
        return Outcome::Unchanged;
    }
    Outcome::Updated(vec![Event::OrderReturned { order: order.id().clone(), exchange_order }])
}

fn decide_short(view: &dyn View, order: &Order, line: u32, decision: ShortDecision) -> Result<Outcome, Refusal> {
    let mut after = order.clone();
    let short = after.line_mut(line).ok_or_else(|| Refusal::UnknownLine(order.id().clone(), line))?;
    if short.short.is_none() {
        return Err(Refusal::NotShort(line));
    }
    short.decide_short(&decision);
    let mut events = vec![Event::ShortDecided { order: order.id().clone(), line, decision }];
    events.extend(sealed_by_itself(view, &after));
    Ok(Outcome::Updated(events))
}

/// Judges the word that a waybill no longer holds.
#[must_use]
pub fn void_waybill(view: &dyn View, number: &WaybillNo) -> Outcome {
    match view.waybill(number.as_str()) {
        None => Outcome::Refused(Refusal::UnknownWaybill(number.clone())),
        Some(waybill) if waybill.void.is_some() => Outcome::Unchanged,
        Some(waybill) if waybill.loaded => Outcome::Refused(Refusal::Loaded(number.clone())),
        Some(_) => {
            Outcome::Updated(vec![Event::WaybillVoided { waybill: number.clone(), reason: VoidReason::Requested }])
        }
    }
}
