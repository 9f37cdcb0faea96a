//! Words about an order, and about a waybill.

use super::address::{confirm_address, readdress};
use super::{OrderAction, Outcome, Refusal, Terms};
use crate::domain::apply::is_local_stage;
use crate::domain::courier;
use crate::domain::event::Event;
use crate::domain::gate;
use crate::domain::ids::{OrderId, WaybillNo};
use crate::domain::order::{Consignee, Hold, HoldReason, Order, Short, ShortDecision, Stage};
use crate::domain::view::View;
use crate::domain::work::VoidReason;

/// Judges a word about an order.
#[must_use]
pub fn order_action(view: &dyn View, terms: &Terms, id: &OrderId, action: OrderAction) -> Outcome {
    let Some(order) = view.order(id.as_str()) else {
        return Outcome::Refused(Refusal::UnknownOrder(id.clone()));
    };
    let judged = match action {
        OrderAction::Hold { reason, note, kind } => Ok(hold(&order, Hold { reason, note, kind, by_rule: false })),
        OrderAction::Release { reason } => release(&order, reason),
        OrderAction::Cancel { lines: None } => Ok(cancel(&order)),
        OrderAction::Cancel { lines: Some(lines) } => cancel_lines(view, &order, &lines),
        OrderAction::Address(consignee) => address(view, terms, &order, consignee),
        OrderAction::ConfirmAddress { badge } => confirm_address(view, &order, &badge),
        OrderAction::Stage(stage) => reach(&order, stage),
        OrderAction::Return { exchange_order } => Ok(give_back(&order, exchange_order)),
        OrderAction::ShortDecision { line, decision } => decide_short(view, &order, line, decision),
        OrderAction::EnterNumber { text, by, confirmed } => courier::enter(view, &order, &text, &by, confirmed),
    };
    judged.unwrap_or_else(Outcome::Refused).with_bags(view)
}

fn hold(order: &Order, hold: Hold) -> Outcome {
    let same = |held: &&Hold| held.reason == hold.reason && held.kind == hold.kind && held.note == hold.note;
    if order.holds.iter().any(|held| same(&held)) {
        return Outcome::Unchanged;
    }
    Outcome::Updated(vec![Event::OrderHeld { order: order.id().clone(), hold }])
}

fn release(order: &Order, reason: Option<HoldReason>) -> Result<Outcome, Refusal> {
    let by_rule = |reason| order.holds.iter().any(|hold| hold.reason == reason && hold.is_by_rule());
    if reason.is_some_and(|reason| reason == HoldReason::MasterData || by_rule(reason)) {
        return Err(Refusal::HeldByRule);
    }
    let through_api = order.holds.iter().filter(|hold| !hold.is_by_rule()).map(|hold| hold.reason);
    let mut reasons: Vec<HoldReason> = through_api.filter(|held| reason.is_none_or(|reason| reason == *held)).collect();
    reasons.sort_unstable();
    reasons.dedup();
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
        if *quantity == 0 {
            return Err(Refusal::CancelNothing(*number));
        }
        if *quantity > line.demanded() {
            return Err(Refusal::CancelTooMuch { line: *number, wanted: *quantity, demanded: line.demanded() });
        }
        line.cancelled += quantity;
        events.push(Event::LineCancelled { order: id.clone(), line: *number, quantity: *quantity });
    }
    events.extend(gifts_of_nothing(&mut after));
    events.extend(of_less_wanted(view, order, &mut after));
    Ok(Outcome::updated(events))
}

/// What follows when less is wanted than before: less is missing, boxes that waited only for that are sealed, and an order
/// of which nothing is wanted any more is cancelled.
pub(super) fn of_less_wanted(view: &dyn View, before: &Order, after: &mut Order) -> Vec<Event> {
    if before.cancelled {
        return Vec::new();
    }
    if after.lines.iter().all(|line| line.demanded() == 0) {
        return vec![Event::OrderCancelled { order: after.id().clone() }];
    }
    let mut events = less_is_short(before, after);
    events.extend(gate::settled(view, after, &[], None));
    events
}

/// No more is short than is still missing: of goods to pick, or, where a picked unit was not found at the bench, to pack.
fn less_is_short(before: &Order, after: &mut Order) -> Vec<Event> {
    let id = after.id().clone();
    let mut events = Vec::new();
    for line in &mut after.lines {
        let Some(short) = line.short else { continue };
        let known = before.line(line.spec.line);
        let to_pick = known.is_some_and(|known| short.quantity <= known.demanded().saturating_sub(known.picked()));
        let done = if to_pick { line.picked() } else { line.packed() };
        let missing = line.demanded().saturating_sub(done);
        if missing < short.quantity {
            let short = Short { quantity: missing, ..short };
            line.short = Some(short).filter(|short| short.quantity > 0);
            events.push(Event::ShortRecorded { order: id.clone(), line: line.spec.line, short, list: None });
        }
    }
    events
}

/// A gift goes with its line: where nothing of that is wanted any more, nothing of the gift is. A gift to a gift follows.
pub(super) fn gifts_of_nothing(after: &mut Order) -> Vec<Event> {
    let mut events = Vec::new();
    let id = after.id().clone();
    let orphan = |order: &Order| {
        let gone = |main: u32| order.line(main).is_none_or(|main| main.demanded() == 0);
        let gift = order.lines.iter().find(|line| line.demanded() > 0 && line.spec.gift_of.is_some_and(gone))?;
        Some((gift.spec.line, gift.demanded()))
    };
    while let Some((number, quantity)) = orphan(after) {
        if let Some(gift) = after.line_mut(number) {
            gift.cancelled += quantity;
        }
        events.push(Event::LineCancelled { order: id.clone(), line: number, quantity });
    }
    events
}

fn address(view: &dyn View, terms: &Terms, order: &Order, consignee: Consignee) -> Result<Outcome, Refusal> {
    Ok(Outcome::updated(readdress(view, terms, order, consignee)?))
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
    let told = exchange_order.as_ref().is_none_or(|exchange| order.exchange_orders.contains(exchange));
    if order.partially_completed && told {
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
    events.extend(gifts_of_nothing(&mut after));
    events.extend(of_less_wanted(view, order, &mut after));
    Ok(Outcome::Updated(events))
}

/// Judges the word that a waybill no longer holds.
#[must_use]
pub fn void_waybill(view: &dyn View, number: &WaybillNo) -> Outcome {
    match view.waybill(number.as_str()) {
        None => Outcome::Refused(Refusal::UnknownWaybill(number.clone())),
        Some(waybill) if waybill.void.is_some() => Outcome::Unchanged,
        Some(waybill) if waybill.loaded => Outcome::Refused(Refusal::Loaded(number.clone())),
        Some(waybill) => {
            let voided = waybill.voided(VoidReason::Requested);
            Outcome::Updated(vec![voided]).with_bags(view)
        }
    }
}

/// Judges the word that a void number went back to its carrier.
#[must_use]
pub fn give_back_waybill(view: &dyn View, number: &WaybillNo) -> Outcome {
    match view.waybill(number.as_str()) {
        None => Outcome::Refused(Refusal::UnknownWaybill(number.clone())),
        Some(waybill) if waybill.given_back => Outcome::Unchanged,
        Some(waybill) if waybill.is_to_return() => {
            Outcome::Updated(vec![Event::WaybillGivenBack { waybill: number.clone() }])
        }
        Some(_) => Outcome::Refused(Refusal::NotToReturn(number.clone())),
    }
}
