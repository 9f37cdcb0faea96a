//! How facts change an order and its boxes: counting, reversing a count, and taking a new word from upstream.

use std::sync::Arc;

use super::event::Event;
use super::order::{Order, OrderLine, OrderSpec, ShortDecision, Unit};
use super::station::{Count, PartCount};
use super::work::{Content, Parcel, PickLine};

/// Whether a count is added or taken away.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Sign {
    Plus,
    Minus,
}

impl Sign {
    fn change(self, value: &mut u32, by: u32) {
        match self {
            Sign::Plus => *value = value.saturating_add(by),
            Sign::Minus => *value = value.saturating_sub(by),
        }
    }
}

impl Order {
    /// Adds or reverses a count.
    pub(super) fn count(&mut self, count: &Count, sign: Sign) {
        let Some(line) = self.line_mut(count.line) else { return };
        for change in &count.parts {
            if let Some(part) = line.parts.get_mut(change.part) {
                sign.change(&mut part.picked, change.picked);
                sign.change(&mut part.packed, change.packed);
            }
        }
        if count.identity.is_captured() {
            line.count_unit(count, sign);
        }
    }

    /// Takes a word from upstream before it is recorded; whether it could stop the order's parcels.
    pub(super) fn foresee(&mut self, event: &Event) -> bool {
        match event {
            Event::OrderHeld { hold, .. } => self.holds.push(hold.clone()),
            Event::OrderCancelled { .. } => self.cancelled = true,
            Event::LineCancelled { line, quantity, .. } => {
                let Some(line) = self.line_mut(*line) else { return false };
                line.cancelled = line.cancelled.saturating_add(*quantity).min(line.spec.quantity);
            }
            Event::ShortDecided { line, decision, .. } => {
                let Some(line) = self.line_mut(*line) else { return false };
                line.decide_short(decision);
            }
            Event::OrderPut { spec, .. } => *self = self.clone().merge((**spec).clone()),
            _ => return false,
        }
        true
    }

    /// Whether a count is still there to be reversed: its parts, its units, and nothing packed that would not be picked.
    #[must_use]
    pub(super) fn can_take_back(&self, count: &Count) -> bool {
        let Some(line) = self.line(count.line) else { return false };
        let parts = count.parts.iter().all(|change| {
            line.parts.get(change.part).is_some_and(|part| {
                part.picked >= change.picked
                    && part.packed >= change.packed
                    && part.picked - change.picked >= part.packed - change.packed
            })
        });
        let unit = || line.units.iter().find(|unit| unit.sku == count.sku && unit.identity == count.identity);
        let units = count.parts.first().is_none_or(|change| {
            let (picked, packed) = (change.picked.min(count.quantity), change.packed.min(count.quantity));
            unit().is_some_and(|unit| {
                unit.picked >= picked && unit.packed >= packed && unit.picked - picked >= unit.packed - packed
            })
        });
        parts && (!count.identity.is_captured() || units)
    }

    /// Takes upstream's new word; what happened here stays.
    #[must_use]
    pub(super) fn merge(mut self, mut spec: OrderSpec) -> Order {
        let mut specs = std::mem::take(&mut spec.lines);
        for line in &mut self.lines {
            match specs.iter().position(|spec| spec.line == line.spec.line) {
                Some(at) => line.respecify(specs.remove(at)),
                None => Arc::make_mut(&mut line.spec).quantity = 0,
            }
        }
        self.lines.extend(specs.into_iter().map(OrderLine::new));
        self.lines.sort_by_key(|line| line.spec.line);
        self.stage = self.stage.max(spec.stage);
        if self.spec.notes != spec.notes {
            self.notes_confirmed = false;
        }
        self.spec = spec.into();
        self.differs.clear();
        self
    }
}

impl OrderLine {
    fn count_unit(&mut self, count: &Count, sign: Sign) {
        let Count { sku, identity, parts, .. } = count;
        let at =
            self.units.iter().position(|unit| unit.sku == *sku && unit.identity == *identity).unwrap_or_else(|| {
                self.units.push(Unit { sku: sku.clone(), identity: identity.clone(), picked: 0, packed: 0 });
                self.units.len() - 1
            });
        let unit = &mut self.units[at];
        // the units of a whole kit are its sets: the first part speaks for all
        if let Some(change) = parts.first() {
            sign.change(&mut unit.picked, change.picked.min(count.quantity));
            sign.change(&mut unit.packed, change.packed.min(count.quantity));
        }
        if unit.picked == 0 && unit.packed == 0 {
            self.units.remove(at);
        }
    }

    fn respecify(&mut self, spec: super::order::LineSpec) {
        if spec.quantity != self.spec.quantity {
            // the new quantity is upstream's whole demand; what was cancelled before is in it
            self.cancelled = 0;
        }
        let touched = self.parts.iter().any(|part| part.picked > 0 || part.packed > 0);
        if !touched && (spec.sku != self.spec.sku || spec.components != self.spec.components) {
            self.parts = OrderLine::new(spec.clone()).parts;
        }
        self.spec = spec.into();
    }

    /// Carries out what was decided about a short line.
    pub(super) fn decide_short(&mut self, decision: &ShortDecision) {
        let Some(short) = self.short.take() else { return };
        match decision {
            ShortDecision::ShipShort => self.shipped_short += short.quantity,
            ShortDecision::Wait => {}
            ShortDecision::Substitute(sku) => Arc::make_mut(&mut self.spec).substitutes.push(sku.clone()),
            ShortDecision::CancelLine => self.cancelled = self.spec.quantity.saturating_sub(self.shipped_short),
        }
    }
}

impl PickLine {
    /// Whether so much was counted through it.
    #[must_use]
    pub(super) fn holds(&self, parts: &[PartCount]) -> bool {
        let at_least = |counts: &[u32], part: usize, by: u32| counts.get(part).copied().unwrap_or(0) >= by;
        parts.iter().all(|change| {
            at_least(&self.picked, change.part, change.picked) && at_least(&self.packed, change.part, change.packed)
        })
    }

    pub(super) fn count(&mut self, parts: &[PartCount], sign: Sign) {
        for change in parts {
            for counts in [&mut self.picked, &mut self.packed] {
                if counts.len() <= change.part {
                    counts.resize(change.part + 1, 0);
                }
            }
            sign.change(&mut self.picked[change.part], change.picked);
            sign.change(&mut self.packed[change.part], change.packed);
        }
    }
}

impl Parcel {
    /// Whether so much of a line is in it.
    #[must_use]
    pub(super) fn holds(&self, line: u32, parts: &[PartCount]) -> bool {
        parts.iter().all(|change| {
            let content = self.contents.iter().find(|content| content.line == line && content.part == change.part);
            content.map_or(0, |content| content.quantity) >= change.packed
        })
    }

    pub(super) fn count(&mut self, line: u32, parts: &[PartCount], sign: Sign) {
        for change in parts.iter().filter(|change| change.packed > 0) {
            let at = self.contents.iter().position(|content| content.line == line && content.part == change.part);
            let at = at.unwrap_or_else(|| {
                self.contents.push(Content { line, part: change.part, quantity: 0 });
                self.contents.len() - 1
            });
            sign.change(&mut self.contents[at].quantity, change.packed);
            if self.contents[at].quantity == 0 {
                self.contents.remove(at);
            }
        }
    }
}
