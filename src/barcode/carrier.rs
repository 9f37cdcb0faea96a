//! What carriers' waybill numbers look like. No carrier publishes this: the rules are third-party observations of
//! 2019 to 2024, they drift every year, and plain digits fit several carriers. So they give candidates with a
//! confidence and never decide; the order does.

use serde::Serialize;

use super::check;

/// When the rules were last compared with what is seen in the field.
pub const RULES_OF: &str = "2026-11";

/// How sure a rule is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Confidence {
    /// Digits that several carriers use.
    Low,
    /// Seen with this carrier, overlaps with others.
    Medium,
    /// Letters that no other carrier uses.
    High,
}

/// A carrier that may have issued a number.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct Candidate {
    /// The carrier's code as shippers' interfaces write it (Kdniao's, where it has one).
    pub carrier: &'static str,
    /// How sure.
    pub confidence: Confidence,
}

struct Pattern {
    carrier: &'static str,
    confidence: Confidence,
    /// `#` a digit, `@` a letter, `*` either, anything else itself.
    pattern: &'static str,
    /// The last character may come up to this many more times.
    more: usize,
}

const fn shape(carrier: &'static str, confidence: Confidence, pattern: &'static str, more: usize) -> Pattern {
    Pattern { carrier, confidence, pattern, more }
}

use Confidence::{High, Low, Medium};

#[rustfmt::skip]
const SHAPES: &[Pattern] = &[
    shape("SF",   High,   "SF*############", 0),
    shape("YTO",  High,   "YT#############", 0),
    shape("JD",   High,   "JD**###########", 0),
    shape("JTSD", High,   "JT############", 1),
    shape("DBL",  High,   "DPK###########", 4),
    shape("STO",  High,   "STO##########", 0),
    shape("KYE",  Low,    "KY##########", 5),
    shape("EMS",  Medium, "P@###########", 0),
    shape("ZTO",  Medium, "73############", 0),
    shape("ZTO",  Medium, "74############", 0),
    shape("ZTO",  Medium, "75############", 0),
    shape("ZTO",  Medium, "76############", 0),
    shape("ZTO",  Medium, "78############", 0),
    shape("STO",  Medium, "77############", 3),
    shape("STO",  Low,    "43############", 3),
    shape("YD",   Medium, "3##############", 0),
    shape("YD",   Medium, "4##############", 0),
    shape("YD",   Low,    "5############", 0),
    shape("HTKY", Low,    "7#############", 0),
    shape("EMS",  Medium, "9############", 0),
    shape("EMS",  Low,    "8############", 0),
    shape("EMS",  Low,    "1############", 0),
    shape("CAINIAO", Low, "621############", 0),
    shape("DBL",  Low,    "########", 2),
    shape("ANE",  Low,    "############", 0),
    shape("SF",   Low,    "############", 0),
];

impl Pattern {
    fn matches(&self, number: &[u8]) -> bool {
        let pattern = self.pattern.as_bytes();
        if !(pattern.len()..=pattern.len() + self.more).contains(&number.len()) {
            return false;
        }
        number.iter().enumerate().all(|(at, byte)| match pattern[at.min(pattern.len() - 1)] {
            b'#' => byte.is_ascii_digit(),
            b'@' => byte.is_ascii_uppercase(),
            b'*' => byte.is_ascii_digit() || byte.is_ascii_uppercase(),
            literal => *byte == literal,
        })
    }
}

/// A waybill number and which piece of how many its package code names.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct WaybillText {
    /// The number without the piece suffix, upper case.
    pub number: String,
    /// This piece and the total, where the code says so (`-1-3-` on JD parcels).
    pub piece: Option<(u32, u32)>,
    /// Who may have issued it, most likely first; never empty.
    pub candidates: Vec<Candidate>,
}

/// Reads a text as a waybill number.
#[must_use]
pub fn read(text: &str) -> Option<WaybillText> {
    if text.len() > 40 || !text.is_ascii() {
        return None;
    }
    let upper = text.to_ascii_uppercase();
    let (number, piece) = split_piece(&upper);
    let candidates = candidates(number);
    (!candidates.is_empty()).then(|| WaybillText { number: number.to_owned(), piece, candidates })
}

/// Takes `-1-3-` (piece and total) off a package code.
fn split_piece(text: &str) -> (&str, Option<(u32, u32)>) {
    let mut parts = text.splitn(4, '-');
    let number = parts.next().unwrap_or(text);
    let mut digits = || parts.next().filter(|part| !part.is_empty() && part.len() <= 4)?.parse::<u32>().ok();
    match (digits(), digits()) {
        (Some(piece), Some(total)) if piece >= 1 && piece <= total => (number, Some((piece, total))),
        _ => (text, None),
    }
}

/// How a text looks to one who wants a number of a certain carrier; each with the number as it is kept.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Shape {
    /// Like this carrier's.
    Fits(String),
    /// Nobody knows what this carrier's numbers look like, and it could be one.
    Unknown(String),
    /// Like none of this carrier's.
    Differs(String),
    /// Like no number at all.
    NoNumber,
}

/// Compares a text with the shapes of a carrier's numbers.
#[must_use]
pub fn shape_of(text: &str, carrier: &str) -> Shape {
    let bare = text.trim().to_ascii_uppercase();
    let is_number = (6..=40).contains(&bare.len())
        && bare.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-')
        && bare.bytes().any(|byte| byte.is_ascii_digit());
    if !is_number {
        return Shape::NoNumber;
    }
    let read = read(&bare);
    let number = read.as_ref().map_or(bare, |read| read.number.clone());
    let fits = |read: &WaybillText| read.candidates.iter().any(|candidate| candidate.carrier == carrier);
    if read.as_ref().is_some_and(fits) {
        Shape::Fits(number)
    } else if SHAPES.iter().any(|shape| shape.carrier == carrier) {
        Shape::Differs(number)
    } else {
        Shape::Unknown(number)
    }
}

fn candidates(number: &str) -> Vec<Candidate> {
    let mut found: Vec<Candidate> = Vec::new();
    if is_s10(number) {
        found.push(Candidate { carrier: "EMS", confidence: High });
    }
    for shape in SHAPES.iter().filter(|shape| shape.matches(number.as_bytes())) {
        if !found.iter().any(|known| known.carrier == shape.carrier) {
            found.push(Candidate { carrier: shape.carrier, confidence: shape.confidence });
        }
    }
    found.sort_by_key(|candidate| std::cmp::Reverse(candidate.confidence));
    found
}

/// A postal item number of UPU standard S10: two letters, eight digits, check digit, country.
fn is_s10(number: &str) -> bool {
    let bytes = number.as_bytes();
    bytes.len() == 13
        && bytes[..2].iter().chain(&bytes[11..]).all(u8::is_ascii_uppercase)
        && bytes[2..11].iter().all(u8::is_ascii_digit)
        && check::s10(&number[2..11])
}

#[cfg(test)]
mod tests {
    use super::*;

    fn carriers(text: &str) -> Vec<&'static str> {
        read(text).map(|read| read.candidates.iter().map(|candidate| candidate.carrier).collect()).unwrap_or_default()
    }

    #[test]
    fn letters_name_the_carrier_and_digits_give_candidates() {
        assert_eq!(carriers("SF1234567890123"), ["SF"]);
        assert_eq!(carriers("yt1234567890123"), ["YTO"]);
        assert_eq!(carriers("JDVA12345678901"), ["JD"]);
        assert_eq!(carriers("75312345678901"), ["ZTO", "HTKY"]);
        assert_eq!(carriers("77312345678901"), ["STO", "HTKY"]);
        assert_eq!(carriers("RB123456785GB"), ["EMS"]);
        assert_eq!(carriers("RB123456784GB"), [""; 0]);
        assert_eq!(carriers("FLT-204"), [""; 0]);
    }

    #[test]
    fn a_number_is_compared_with_one_carrier() {
        assert_eq!(shape_of(" sf1234567890123 ", "SF"), Shape::Fits("SF1234567890123".into()));
        assert_eq!(shape_of("SF1234567890123", "ZTO"), Shape::Differs("SF1234567890123".into()));
        assert_eq!(shape_of("AB-123456", "OWN-VAN"), Shape::Unknown("AB-123456".into()));
        assert_eq!(shape_of("hello", "OWN-VAN"), Shape::NoNumber);
        assert_eq!(shape_of("", "SF"), Shape::NoNumber);
    }

    #[test]
    fn the_piece_is_taken_off_a_package_code() {
        let read = read("JDVA12345678901-2-3-").expect("a package code");
        assert_eq!((read.number.as_str(), read.piece), ("JDVA12345678901", Some((2, 3))));
    }
}
