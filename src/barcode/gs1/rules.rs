//! The content rules ("linters") of the GS1 Barcode Syntax Dictionary: what a component must be beyond its characters.

use super::coupon;
use super::lists::{COUNTRIES_ALPHA2, COUNTRIES_NUMERIC, CURRENCIES_NUMERIC, PACKAGE_TYPES};
use crate::barcode::error::{DecodeErrorCode as Code, Fault};
use crate::barcode::{check, dates};

/// A content rule of the dictionary; the name is the dictionary's, spelt out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Rule {
    CouponCode,
    CouponPositiveOffer,
    Csum,
    CsumAlpha,
    GcpPos1,
    GcpPos2,
    HasNonDigit,
    Hh,
    HhMi,
    Hyphen,
    Iban,
    ImporterIndex,
    Iso3166,
    Iso3166Or999,
    Iso3166Alpha2,
    Iso4217,
    Iso5218,
    Latitude,
    Longitude,
    MediaType,
    Mi,
    NonZero,
    NoZeroPrefix,
    PackageType,
    PercentEncoded,
    PieceOfTotal,
    PositionInSequence,
    Ss,
    Winding,
    YesNo,
    YyMmD0,
    YyMmDd,
    YyyyMmDd,
    Zero,
}

/// Fewest digits of a GS1 Company Prefix.
const COMPANY_PREFIX_MIN: usize = 4;

impl Rule {
    /// Checks a component's text; the fault's offset counts from the text's start. `year` is today's, for the
    /// century window.
    pub(super) fn check(self, text: &str, year: i16) -> Result<(), Fault> {
        match self {
            Rule::Csum => check::mod10(text).then_some(()).ok_or(Fault::new(Code::CheckDigit, last(text))),
            Rule::CsumAlpha => check::alphanumeric_pair(text),
            Rule::GcpPos1 => company_prefix(text, 0),
            Rule::GcpPos2 => company_prefix(text, 1),
            Rule::YyMmD0 => dates::yymmdd(text, year, true).map(drop),
            Rule::YyMmDd => dates::yymmdd(text, year, false).map(drop),
            Rule::YyyyMmDd => dates::yyyymmdd(text).map(drop),
            Rule::Hh => at_most(text, 23),
            Rule::Mi | Rule::Ss => at_most(text, 59),
            Rule::HhMi => {
                at_most(&text[..2], 23).and_then(|()| at_most(&text[2..], 59).map_err(|fault| fault.after(2)))
            }
            Rule::Iso3166 => listed(text, COUNTRIES_NUMERIC),
            Rule::Iso3166Or999 => {
                if text == "999" {
                    Ok(())
                } else {
                    listed(text, COUNTRIES_NUMERIC)
                }
            }
            Rule::Iso3166Alpha2 => listed(text, COUNTRIES_ALPHA2),
            Rule::Iso4217 => listed(text, CURRENCIES_NUMERIC),
            Rule::PackageType => listed(text, PACKAGE_TYPES),
            Rule::Iban => iban(text),
            Rule::PercentEncoded => percent_encoded(text),
            Rule::Latitude => within(text, 1_800_000_000),
            Rule::Longitude => within(text, 3_600_000_000),
            Rule::PieceOfTotal => piece_of_total(text),
            Rule::PositionInSequence => position_in_sequence(text),
            Rule::CouponCode => coupon::coupon_code(text),
            Rule::CouponPositiveOffer => coupon::positive_offer(text),
            Rule::MediaType => when(matches!(text.parse::<u8>(), Ok(1..=10 | 80..=99)), 0),
            Rule::Iso5218 => when(matches!(text, "0" | "1" | "2" | "9"), 0),
            Rule::Winding => when(matches!(text, "0" | "1" | "9"), 0),
            Rule::YesNo => when(matches!(text, "0" | "1"), 0),
            Rule::Hyphen => when(text.bytes().all(|byte| byte == b'-'), 0),
            Rule::Zero => when(text.bytes().all(|byte| byte == b'0'), 0),
            Rule::NonZero => when(text.bytes().any(|byte| byte != b'0'), 0),
            Rule::NoZeroPrefix => when(text == "0" || !text.starts_with('0'), 0),
            Rule::HasNonDigit => when(text.bytes().any(|byte| !byte.is_ascii_digit()), 0),
            Rule::ImporterIndex => when(text.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'_')), 0),
        }
    }
}

fn last(text: &str) -> usize {
    text.len().saturating_sub(1)
}

fn when(holds: bool, offset: usize) -> Result<(), Fault> {
    if holds { Ok(()) } else { Err(Fault::new(Code::InvalidContent, offset)) }
}

fn at_most(text: &str, limit: u8) -> Result<(), Fault> {
    when(text.parse::<u8>().is_ok_and(|value| value <= limit), 0)
}

fn within(text: &str, limit: u64) -> Result<(), Fault> {
    when(text.parse::<u64>().is_ok_and(|value| value <= limit), 0)
}

fn listed(text: &str, list: &str) -> Result<(), Fault> {
    when(!text.is_empty() && list.split(' ').any(|code| code == text), 0)
}

fn company_prefix(text: &str, start: usize) -> Result<(), Fault> {
    let prefix = text.as_bytes().iter().skip(start).take(COMPANY_PREFIX_MIN);
    let mut seen = 0;
    for (index, byte) in prefix.enumerate() {
        if !byte.is_ascii_digit() {
            return Err(Fault::new(Code::InvalidContent, start + index));
        }
        seen += 1;
    }
    when(seen == COMPANY_PREFIX_MIN, 0)
}

/// International Bank Account Number, ISO 13616: country, two check digits, modulo 97.
fn iban(text: &str) -> Result<(), Fault> {
    let valid_char = |byte: u8| byte.is_ascii_digit() || byte.is_ascii_uppercase();
    if let Some(offset) = text.bytes().position(|byte| !valid_char(byte)) {
        return Err(Fault::new(Code::InvalidContent, offset));
    }
    when(text.len() > 4 && text.as_bytes()[2..4].iter().all(u8::is_ascii_digit), 0)?;
    listed(&text[..2], COUNTRIES_ALPHA2)?;
    let remainder = text.bytes().skip(4).chain(text.bytes().take(4)).fold(0_u32, |rest, byte| match byte {
        b'0'..=b'9' => (rest * 10 + u32::from(byte - b'0')) % 97,
        _ => (rest * 100 + u32::from(byte - b'A') + 10) % 97,
    });
    if remainder == 1 { Ok(()) } else { Err(Fault::new(Code::CheckDigit, 2)) }
}

fn percent_encoded(text: &str) -> Result<(), Fault> {
    let bytes = text.as_bytes();
    let broken = (0..bytes.len()).find(|at| {
        bytes[*at] == b'%' && !bytes.get(at + 1..at + 3).is_some_and(|hex| hex.iter().all(u8::is_ascii_hexdigit))
    });
    broken.map_or(Ok(()), |offset| Err(Fault::new(Code::InvalidContent, offset)))
}

/// `PPTT`: this piece and the total, neither zero, the piece no more than the total.
fn piece_of_total(text: &str) -> Result<(), Fault> {
    let (piece, total) = text.split_at(text.len() / 2);
    when(piece.bytes().any(|byte| byte != b'0'), 0)?;
    when(total.bytes().any(|byte| byte != b'0'), piece.len())?;
    when(piece <= total, 0)
}

/// `P/T`: digits without leading zero on both sides, the position no more than the end.
fn position_in_sequence(text: &str) -> Result<(), Fault> {
    let number = |part: &str| {
        let digits = !part.is_empty() && part.bytes().all(|byte| byte.is_ascii_digit()) && !part.starts_with('0');
        digits.then(|| part.parse::<u32>().ok()).flatten()
    };
    match text.split_once('/').map(|(position, end)| (number(position), number(end))) {
        Some((Some(position), Some(end))) => when(position <= end, 0),
        _ => when(false, 0),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const YEAR: i16 = 2026;

    #[test]
    fn rules_accept_and_refuse() {
        let table: &[(Rule, &[&str], &[&str])] = &[
            (Rule::Csum, &["09506000134352", "6901234567892"], &["09506000134353"]),
            (Rule::CsumAlpha, &["1987654Ad4X4bL5ttr2310c2K"], &["1987654Ad4X4bL5ttr2310cXK", "2", "12 NT"]),
            (Rule::GcpPos1, &["9506A"], &["950A", "950"]),
            (Rule::GcpPos2, &["A9506"], &["A950"]),
            (Rule::YyMmD0, &["261100", "240229"], &["261301", "230229", "261131"]),
            (Rule::YyMmDd, &["261130"], &["261100"]),
            (Rule::YyyyMmDd, &["20261121"], &["20261131", "00001121"]),
            (Rule::HhMi, &["2359"], &["2400", "2360"]),
            (Rule::Iso3166, &["156", "840"], &["999", "000"]),
            (Rule::Iso3166Or999, &["999"], &["998"]),
            (Rule::Iso3166Alpha2, &["CN"], &["XX"]),
            (Rule::Iso4217, &["156"], &["000"]),
            (Rule::PackageType, &["BX", "8", "APE"], &["B", ""]),
            (Rule::Iban, &["GB82WEST12345698765432"], &["GB82WEST12345698765433", "XX82WEST", "gb82"]),
            (Rule::PercentEncoded, &["a%20b"], &["a%2", "%GG"]),
            (Rule::Latitude, &["1800000000"], &["1800000001"]),
            (Rule::Longitude, &["3600000000"], &["3600000001"]),
            (Rule::PieceOfTotal, &["0102", "0202"], &["0001", "0100", "0302"]),
            (Rule::PositionInSequence, &["1/3", "3/3"], &["4/3", "0/1", "/1", "1/", "x"]),
            (Rule::MediaType, &["01", "99"], &["00", "11", "79"]),
            (Rule::Iso5218, &["9"], &["3"]),
            (Rule::Winding, &["9"], &["2"]),
            (Rule::YesNo, &["1"], &["2"]),
            (Rule::Hyphen, &["-"], &["1"]),
            (Rule::Zero, &["0"], &["1"]),
            (Rule::NonZero, &["01"], &["00"]),
            (Rule::NoZeroPrefix, &["10", "0"], &["01"]),
            (Rule::HasNonDigit, &["1a"], &["11"]),
            (Rule::ImporterIndex, &["-", "_", "a", "Z", "0"], &["/"]),
            (Rule::CouponPositiveOffer, &["001234561234560123456"], &["201234561234560123456"]),
            (
                Rule::CouponCode,
                &["061414112345615110000", "0614141123456151100003271231"],
                &["7614141", "a", "0614141123456151100003271331", "06141411234561511000032712314280101"],
            ),
        ];
        for (rule, good, bad) in table {
            for text in *good {
                assert_eq!(rule.check(text, YEAR), Ok(()), "{rule:?} {text}");
            }
            for text in *bad {
                assert!(rule.check(text, YEAR).is_err(), "{rule:?} {text}");
            }
        }
    }
}
