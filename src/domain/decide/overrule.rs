//! Overrides: a lead lets one refusal pass, with badge and reason. Cancelled, held, void and incomplete never pass.

use super::Desk;
use super::draft::Draft;
use super::meaning::Meaning;
use crate::domain::event::Memory;
use crate::domain::ids::OperatorId;
use crate::domain::station::{Awaited, Item, Waiver};
use crate::domain::verdict::{Code, Why};

impl Desk<'_> {
    pub(super) fn ask_override(&self) -> Draft {
        match &self.station.refusal {
            Some(_) => self.ask(Why::OverrideBadge, Awaited::OverrideBadge),
            None => Draft::new(Code::WrongStep).why(Why::NothingToOverride),
        }
    }

    /// The reason is given: the refused item counts after all; for an unreadable label, the product comes next.
    pub(super) fn override_with(&self, by: &OperatorId, reason: &str) -> Draft {
        let Some(refusal) = self.station.refusal.clone() else {
            return Draft::new(Code::WrongStep).why(Why::NothingToOverride);
        };
        match refusal.item {
            Some(item) => self.let_pass(&item, refusal.code, by, reason),
            None => self.ask(Why::OverrideItem, Awaited::OverrideItem(by.clone(), reason.to_owned())),
        }
    }

    /// The product of the unreadable label, confirmed by hand.
    pub(super) fn override_item(&self, by: &OperatorId, reason: &str, meaning: &Meaning) -> Draft {
        match meaning.items.as_slice() {
            [item] => self.let_pass(item, Code::Unreadable, by, reason),
            [] => Draft::new(Code::UnknownCode),
            _ => Draft::new(Code::AmbiguousCode).candidates(meaning.items.iter().map(|item| item.sku.to_string())),
        }
    }

    /// The item is judged again, and carries the waiver through whatever must still be scanned for it.
    fn let_pass(&self, item: &Item, code: Code, by: &OperatorId, reason: &str) -> Draft {
        let waiver = Some(Waiver { code, by: by.clone(), reason: reason.to_owned() });
        self.item(&Item { waiver, ..item.clone() }).remember(&self.rules.id, Memory::Refusal(None))
    }
}
