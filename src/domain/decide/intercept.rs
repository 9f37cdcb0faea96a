//! Interceptions at a station: what stops an order or a unit here, and what would if its rule blocked.

use super::Desk;
use super::draft::Draft;
use super::takes::Takes;
use crate::domain::event::Event;
use crate::domain::ids::{OrderId, Sku};
use crate::domain::order::{Order, OrderLine};
use crate::domain::rules::recall::{self, Recalled};
use crate::domain::rules::{Rule, RuleMode, Step};
use crate::domain::station::Item;
use crate::domain::verdict::{Code, Facts, Warning};

/// What a rule that does not block here would have said of an accepted scan.
struct Interception {
    rule: Rule,
    mode: RuleMode,
    order: OrderId,
}

impl Desk<'_> {
    /// The steps that a scan of goods or work is part of here.
    pub(super) fn steps(&self) -> &'static [Step] {
        self.rules.mode.steps()
    }

    /// Whether an order was released to the warehouse and may be worked on here; else the code that says why not.
    pub(super) fn objection_to(&self, order: &Order) -> Option<Code> {
        self.objection_at(order, self.steps())
    }

    /// The same at other steps than this station's own.
    pub(super) fn objection_at(&self, order: &Order, steps: &[Step]) -> Option<Code> {
        self.site.rules.objection(order, steps)
    }

    /// Whether a unit is on a stop-list, by itself or as part of a set.
    pub(super) fn is_recalled(&self, line: &OrderLine, takes: &Takes, item: &Item) -> bool {
        self.is_stopped(&item.sku, item.identity.lot.as_deref())
            || takes.parts.iter().any(|part| {
                let sku = &line.parts[*part].sku;
                takes.is_whole() && self.is_stopped(sku, None)
            })
    }

    fn is_stopped(&self, sku: &Sku, lot: Option<&str>) -> bool {
        recall::stop_of(self.view, sku, lot).is_some()
    }

    /// Whether the lot must be scanned because some lots of the product are stopped.
    pub(super) fn wants_lot(&self, item: &Item) -> bool {
        self.site.rules.blocks(Rule::Recall, self.steps()) && recall::wants_lot(self.view, &item.sku)
    }

    /// The first goods of these orders that are on a stop-list, where that stops them at this step.
    pub(super) fn recalled_on(&self, orders: &[OrderId], step: Step) -> Option<(OrderId, Recalled)> {
        if !self.site.rules.blocks(Rule::Recall, &[step]) {
            return None;
        }
        orders.iter().filter_map(|id| self.view.order(id.as_str())).find_map(|order| {
            let first = recall::on_order(self.view, &order).into_iter().next()?;
            Some((order.id().clone(), first))
        })
    }

    /// Whether a unit that goes back is one that was picked and is stopped now.
    pub(super) fn is_recalled_back(&self, line: &OrderLine, takes: &Takes, item: &Item) -> bool {
        let [part] = takes.parts.as_slice() else { return false };
        let units = takes.units(line, *part, item);
        let same = |recalled: &Recalled| {
            let lot = item.identity.lot.as_ref();
            recalled.sku == item.sku && (lot.is_none() || recalled.lot.as_ref() == lot) && recalled.quantity >= units
        };
        line.parts[*part].picked >= units && recall::on_line(self.view, line).iter().any(same)
    }

    /// What rules that only warn or observe would have said of an accepted scan: facts, and warnings to show.
    pub(super) fn intercepted(&self, draft: &Draft) -> (Vec<Event>, Vec<Warning>) {
        let (orders, steps) = match draft.code() {
            Code::WaybillLoaded => (self.orders_under(draft), &[Step::Load] as &[Step]),
            Code::WaybillBound => (self.orders_under(draft), &[Step::Label] as &[Step]),
            Code::Accepted
            | Code::LineComplete
            | Code::OrderComplete
            | Code::ListComplete
            | Code::Overridden
            | Code::ParcelSealed
            | Code::Opened => (draft.about_order().into_iter().cloned().collect(), self.steps()),
            _ => return (Vec::new(), Vec::new()),
        };
        let mut found = Vec::new();
        for order in orders.iter().filter_map(|id| self.view.order(id.as_str())) {
            self.quiet_rules(&order, steps, draft, &mut found);
        }
        let event = |found: &Interception| Event::Intercepted {
            station: self.rules.id.clone(),
            order: found.order.clone(),
            rule: found.rule,
            mode: found.mode,
            code: found.rule.code(),
            steps: steps.to_vec(),
        };
        let events = found.iter().map(event).collect();
        let warns = found.into_iter().filter(|found| found.mode == RuleMode::Warn);
        let warnings =
            warns.map(|found| Warning { rule: found.rule, code: found.rule.code(), order: found.order }).collect();
        (events, warnings)
    }

    /// The orders of the waybills that a draft loads or binds: one, or all of a bag. A number that was entered just now
    /// covers the order that the draft is about.
    fn orders_under(&self, draft: &Draft) -> Vec<OrderId> {
        let numbers = draft.recorded().iter().filter_map(|event| match event {
            Event::WaybillLoaded { waybill, .. } | Event::WaybillBound { waybill, .. } => Some(waybill),
            _ => None,
        });
        let mut orders: Vec<OrderId> = Vec::new();
        let covered = numbers.filter_map(|number| self.view.waybill(number.as_str()));
        for order in covered.flat_map(|waybill| waybill.orders.clone()).chain(draft.about_order().cloned()) {
            if !orders.contains(&order) {
                orders.push(order);
            }
        }
        orders
    }

    fn quiet_rules(&self, order: &Order, steps: &[Step], draft: &Draft, found: &mut Vec<Interception>) {
        let mut add = |rule: Rule| {
            let mode = self.site.rules.mode_at(rule, steps).filter(|mode| *mode != RuleMode::Block);
            let known = |found: &&Interception| found.rule == rule && found.order == *order.id();
            if let Some(mode) = mode
                && !found.iter().any(|found| known(&found))
            {
                found.push(Interception { rule, mode, order: order.id().clone() });
            }
        };
        order.holds.iter().filter_map(Rule::of_hold).for_each(&mut add);
        let Facts { sku, lot, .. } = draft.facts();
        let unit = sku.as_ref().is_some_and(|sku| self.is_stopped(sku, lot.as_deref()));
        if unit || (sku.is_none() && !recall::on_order(self.view, order).is_empty()) {
            add(Rule::Recall);
        }
        if draft.code() == Code::ParcelSealed && order.missing_gift().is_some() {
            add(Rule::Gift);
        }
    }
}
