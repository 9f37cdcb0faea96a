//! What was not found in full (短拣): of an item that is scanned, or of a line by its number.

use super::Desk;
use super::counting::Claim;
use super::draft::Draft;
use super::takes::Takes;
use crate::barcode::codes::ShortReason;
use crate::domain::event::Event;
use crate::domain::order::Short;
use crate::domain::station::{Item, Mode};
use crate::domain::verdict::{Code, Facts};

impl Desk<'_> {
    /// An item or line that was not found in full.
    pub(super) fn short(&self, items: &[Item], reason: ShortReason) -> Option<Draft> {
        let claims = self.claims();
        let open = |claim: &&Claim| claim.is_open(self.rules.mode) && self.objection_to(&claim.order).is_none();
        let claim = claims.iter().filter(open).find(|claim| {
            claim.order_line().is_some_and(|line| items.iter().any(|item| !Takes::of(line, item).is_empty()))
        })?;
        Some(self.record_short(claim, reason))
    }

    /// A line by its number, as people write it.
    pub(super) fn short_line(&self, text: &str, reason: ShortReason) -> Option<Draft> {
        let number: u32 = text.trim().parse().ok()?;
        let claims = self.claims();
        let open = |claim: &Claim| claim.is_open(self.rules.mode) && self.objection_to(&claim.order).is_none();
        let open: Vec<&Claim> = claims.iter().filter(|claim| claim.line == number && open(claim)).collect();
        match open.as_slice() {
            [claim] => Some(self.record_short(claim, reason)),
            _ => None,
        }
    }

    /// What this list, or the order by itself, still looked for is short; other lists go on with their share.
    fn record_short(&self, claim: &Claim, reason: ShortReason) -> Draft {
        let Some(line) = claim.order_line() else { return Draft::new(Code::NotOnList) };
        let mode = if self.rules.mode == Mode::Pack { Mode::Bench } else { self.rules.mode };
        let sets =
            (0..line.parts.len()).map(|part| claim.remaining(part, mode).div_ceil(line.parts[part].per_set)).max();
        let before = line.short.map_or(0, |short| short.quantity);
        let short = Short { quantity: before.saturating_add(sets.unwrap_or(0)), reason };
        let event =
            Event::ShortRecorded { order: claim.order.id().clone(), line: claim.line, short, list: claim.list.clone() };
        let got = Facts { sku: Some(line.spec.sku.clone()), quantity: sets, ..Facts::default() };
        let list = claim.list.as_ref().map(|(list, _)| list);
        Draft::new(Code::ShortRecorded).line(&claim.order, line).got(got).event(event).pick_list(list)
    }
}
