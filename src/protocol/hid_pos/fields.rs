//! What a report descriptor says: the fields of a device's input reports.

use std::collections::BTreeMap;
use std::ops::RangeInclusive;

/// The usage page of bar code scanners.
pub(super) const SCANNER_PAGE: u16 = 0x8C;
/// The usage page of what all desktop devices share.
const DESKTOP_PAGE: u16 = 0x01;
/// How many bytes of a buffer count, "Byte Count" of the HID usage tables.
pub(super) const BYTE_COUNT: Usage = Usage { page: DESKTOP_PAGE, id: 0x3B };

/// What a field or collection is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Usage {
    /// The table.
    pub page: u16,
    /// The entry of the table.
    pub id: u16,
}

/// A place in a report.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Span {
    /// Where it begins, in bits; bit 0 is the lowest bit of the first byte.
    pub bit: usize,
    /// How long it is, in bits.
    pub bits: usize,
}

impl Span {
    /// Where it ends, in bits.
    #[must_use]
    pub fn end(self) -> usize {
        self.bit + self.bits
    }

    /// Whether two places share a bit.
    #[must_use]
    pub fn overlaps(self, other: Span) -> bool {
        self.bit.max(other.bit) < self.end().min(other.end())
    }
}

/// Elements of an input report that lie side by side and have usages of one page in a row.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Field {
    /// The report's id; 0 where the device has only one report, without an id.
    pub report: u8,
    /// For what the report is, by the collection around the field: 12 is scanned data.
    pub kind: Option<u16>,
    /// Where the first element begins, in bits behind the report's id.
    pub bit: usize,
    /// The size of an element, in bits.
    pub size: usize,
    /// How many elements.
    pub count: usize,
    /// The page of the usages.
    pub page: u16,
    /// The usages, one an element; the last one is that of all further elements.
    pub ids: RangeInclusive<u16>,
}

impl Field {
    /// Where the elements with a usage lie, in bits behind the report's id.
    #[must_use]
    pub fn of(&self, usage: Usage) -> Option<Span> {
        let index = usize::from(usage.id.checked_sub(*self.ids.start())?);
        if usage.page != self.page || usage.id > *self.ids.end() || index >= self.count {
            return None;
        }
        let count = if usage.id == *self.ids.end() { self.count - index } else { 1 };
        Some(Span { bit: self.bit + index * self.size, bits: count * self.size })
    }

    /// Where the whole field lies, in bits behind the report's id.
    #[must_use]
    pub fn span(&self) -> Span {
        Span { bit: self.bit, bits: self.count * self.size }
    }
}

/// The input reports of a device, and what a scanner's of them hold.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct InputFields {
    /// Whether each report begins with its id.
    pub numbered: bool,
    /// Whether the device is a scanner, among other things perhaps.
    pub scanner: bool,
    /// The length of each input report, in bits behind its id.
    pub bits: BTreeMap<u8, usize>,
    /// The fields of the scanner's reports that have a usage, in the descriptor's order.
    pub fields: Vec<Field>,
}
