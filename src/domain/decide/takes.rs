//! What an item is for on a line: which of its parts it counts on, and how many units of it wait to be packed.

use crate::domain::order::{OrderLine, Part};
use crate::domain::station::Item;

/// The parts of a line that an item is for.
#[derive(Clone, Debug, Default)]
pub(super) struct Takes {
    pub(super) parts: Vec<usize>,
    /// Whether the item is the whole kit, and so so many units of each part a set.
    whole: bool,
}

impl Takes {
    /// What an item is for on a line.
    pub(super) fn of(line: &OrderLine, item: &Item) -> Takes {
        let is_kit = !line.spec.components.is_empty();
        if is_kit && line.spec.sku == item.sku {
            return Takes { parts: (0..line.parts.len()).collect(), whole: true };
        }
        let substitute = !is_kit && line.spec.substitutes.contains(&item.sku);
        let fits = |part: &Part| part.sku == item.sku || substitute;
        Takes { parts: line.parts.iter().position(fits).into_iter().collect(), whole: false }
    }

    /// Whether the item is the whole kit.
    pub(super) fn is_whole(&self) -> bool {
        self.whole
    }

    pub(super) fn is_empty(&self) -> bool {
        self.parts.is_empty()
    }

    /// How many base units of a part an item stands for.
    pub(super) fn units(&self, line: &OrderLine, part: usize, item: &Item) -> u32 {
        if self.whole { item.quantity.saturating_mul(line.parts[part].per_set) } else { item.quantity }
    }
}

/// Units of the scanned identity that were picked and wait to be packed.
pub(super) fn waiting_units(line: &OrderLine, item: &Item) -> u32 {
    if !item.identity.is_captured() {
        return line
            .parts
            .iter()
            .find(|part| part.sku == item.sku)
            .or(line.parts.first())
            .map_or(0, |part| part.picked.saturating_sub(part.packed));
    }
    let same = line.units.iter().filter(|unit| unit.sku == item.sku && unit.identity == item.identity);
    same.map(|unit| unit.picked.saturating_sub(unit.packed)).sum()
}
