//! EAN-8, EAN-13, UPC-A, UPC-E and ITF-14 numbers, and the GTIN-14 that each stands for.

use super::check::mod10;
use super::error::{DecodeErrorCode as Code, Fault};

/// The GTIN-14 of an article number of 8, 12, 13 or 14 digits; 8 digits may also be UPC-E.
///
/// # Errors
/// The length or a character is not that of an article number, or the check digit is wrong (offset of that digit).
pub fn gtin14(digits: &str) -> Result<String, Fault> {
    if let Some(offset) = digits.bytes().position(|byte| !byte.is_ascii_digit()) {
        return Err(Fault::new(Code::InvalidCharacter, offset));
    }
    match digits.len() {
        8 | 12 | 13 | 14 if mod10(digits) => Ok(format!("{digits:0>14}")),
        8 => upc_e(digits),
        12..=14 => Err(Fault::new(Code::CheckDigit, digits.len() - 1)),
        len if len < 12 => Err(Fault::new(Code::TooShort, len)),
        _ => Err(Fault::new(Code::TooLong, 14)),
    }
}

/// The GTIN-14 of a UPC-E number: 6 digits, 7 with its number system, or 8 with the check digit too.
///
/// # Errors
/// As [`gtin14`]; also a number system other than 0 or 1.
pub fn upc_e(digits: &str) -> Result<String, Fault> {
    let (system, body, check) = match digits.len() {
        6 => ("0", digits, None),
        7 => (&digits[..1], &digits[1..], None),
        8 => (&digits[..1], &digits[1..7], Some(&digits[7..])),
        len => return Err(Fault::new(if len < 6 { Code::TooShort } else { Code::TooLong }, len.min(8))),
    };
    if !matches!(system, "0" | "1") {
        return Err(Fault::new(Code::InvalidContent, 0));
    }
    let expanded = format!("{system}{}", expand(body));
    let digit = super::check::mod10_digit(&expanded).ok_or(Fault::new(Code::InvalidCharacter, 0))?;
    if check.is_some_and(|check| check.as_bytes() != [digit]) {
        return Err(Fault::new(Code::CheckDigit, 7));
    }
    Ok(format!("00{expanded}{}", char::from(digit)))
}

/// Puts back the zeros that UPC-E leaves out: the last digit says where.
fn expand(body: &str) -> String {
    let (head, last) = body.split_at(5);
    match last {
        "0" | "1" | "2" => format!("{}{last}0000{}", &head[..2], &head[2..]),
        "3" => format!("{}00000{}", &head[..3], &head[3..]),
        "4" => format!("{}00000{}", &head[..4], &head[4..]),
        _ => format!("{head}0000{last}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_length_becomes_a_gtin14() {
        let table = [
            ("6901234567892", "06901234567892"),
            ("96385074", "00000096385074"),
            ("036000291452", "00036000291452"),
            ("15400141288763", "15400141288763"),
            ("04252614", "00042100005264"),
        ];
        for (digits, gtin) in table {
            assert_eq!(gtin14(digits).as_deref(), Ok(gtin), "{digits}");
        }
        assert_eq!(upc_e("425261").as_deref(), Ok("00042100005264"));
    }

    #[test]
    fn upc_e_puts_its_zeros_back() {
        for (body, expanded) in
            [("123450", "1200000345"), ("123453", "1230000045"), ("123454", "1234000005"), ("123457", "1234500007")]
        {
            assert_eq!(expand(body), expanded, "{body}");
        }
    }

    #[test]
    fn a_wrong_digit_is_named() {
        assert_eq!(gtin14("6901234567891"), Err(Fault::new(Code::CheckDigit, 12)));
        assert_eq!(gtin14("69012345a7892"), Err(Fault::new(Code::InvalidCharacter, 8)));
        assert_eq!(gtin14("123"), Err(Fault::new(Code::TooShort, 3)));
        assert_eq!(gtin14("123456789012345"), Err(Fault::new(Code::TooLong, 14)));
    }
}
