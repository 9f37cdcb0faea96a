//! What can be scanned: products, their barcodes and pack multipliers, and what must be captured with each unit.

use serde::{Deserialize, Serialize};

use super::ids::Sku;

/// A product as upstream describes it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Product {
    /// Its stock-keeping unit.
    pub sku: Sku,
    /// What people call it.
    pub name: String,
    /// waybind's own short number, for `WB:K:` codes.
    pub number: u32,
    /// Upstream's version of this description.
    pub version: Option<i64>,
    /// Codes on it, each with the base units that it stands for.
    pub barcodes: Vec<Barcode>,
    /// Part numbers; they match ignoring case, spaces and hyphens.
    pub part_numbers: Vec<String>,
    /// What must be captured with each unit, in this order.
    pub tracking: Vec<Tracking>,
    /// How this product writes its revision into a lot or serial, where AI (20) doesn't carry it.
    pub revision_pattern: Option<RevisionPattern>,
    /// Codes that were taught at a station and that upstream does not know of yet.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub taught: Vec<Barcode>,
}

impl Product {
    /// All codes on it, taught ones too.
    pub fn codes(&self) -> impl Iterator<Item = &Barcode> {
        self.barcodes.iter().chain(&self.taught)
    }

    /// Forgets taught codes that upstream knows of by now.
    pub(super) fn keep_taught(&mut self) {
        let keys: Vec<String> = self.barcodes.iter().map(|barcode| barcode_key(&barcode.text)).collect();
        self.taught.retain(|barcode| !keys.contains(&barcode_key(&barcode.text)));
    }

    /// Whether a trait must be captured with each unit.
    #[must_use]
    pub fn tracks(&self, tracking: Tracking) -> bool {
        self.tracking.contains(&tracking)
    }
}

/// A barcode and how many base units it stands for.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Barcode {
    /// What the symbol says.
    pub text: String,
    /// Base units: 1 for the piece, 10 for a carton of ten.
    pub quantity: u32,
}

/// What is captured with a unit.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Tracking {
    /// Batch or lot number, AI (10).
    Lot,
    /// Serial number, AI (21): one unit at a time.
    Serial,
    /// Expiry date, AI (17).
    Expiry,
}

/// Where a revision stands in a scanned text: what comes before it, and how many characters it has.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct RevisionPattern {
    /// The characters just before the revision: `-R` in `4420-R03`.
    pub after: String,
    /// Length of the revision in characters.
    pub length: usize,
}

impl RevisionPattern {
    /// The revision within a text.
    #[must_use]
    pub fn find<'a>(&self, text: &'a str) -> Option<&'a str> {
        let start = text.rfind(&self.after)? + self.after.len();
        let end = text[start..].char_indices().nth(self.length).map_or(text.len(), |(at, _)| start + at);
        (text[start..end].chars().count() == self.length).then_some(&text[start..end])
    }
}

/// A barcode's text as it is compared: article numbers as GTIN-14, so that a leading zero or a shorter form of
/// the same number does not matter.
#[must_use]
pub fn barcode_key(text: &str) -> String {
    let digits = (8..=14).contains(&text.len()) && text.bytes().all(|byte| byte.is_ascii_digit());
    if digits { format!("{text:0>14}") } else { text.to_owned() }
}

/// A part number as it is compared: upper case, without spaces and hyphens.
#[must_use]
pub fn part_number_key(text: &str) -> String {
    text.chars()
        .filter(|character| !character.is_whitespace() && *character != '-')
        .flat_map(char::to_uppercase)
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn barcodes_and_part_numbers_are_compared_by_what_they_mean() {
        assert_eq!(barcode_key("6901234567892"), barcode_key("06901234567892"));
        assert_ne!(barcode_key("FLT 204"), barcode_key("FLT204"));
        assert_eq!(part_number_key("a 000-180 26 09"), part_number_key("A0001802609"));
    }

    #[test]
    fn a_revision_is_found_where_the_pattern_says() {
        let pattern = RevisionPattern { after: "-R".into(), length: 2 };
        assert_eq!(pattern.find("4420-R03"), Some("03"));
        assert_eq!(pattern.find("4420-R03X"), Some("03"));
        assert_eq!(pattern.find("4420-R0"), None);
        assert_eq!(pattern.find("4420"), None);
    }
}
