//! Dates as barcodes write them.

use jiff::civil::Date;

use super::error::{DecodeErrorCode as Code, Fault};

fn two_digits(text: &str, at: usize) -> Option<i8> {
    match text.as_bytes().get(at..at + 2)? {
        [tens @ b'0'..=b'9', units @ b'0'..=b'9'] => Some(((tens - b'0') * 10 + units - b'0') as i8),
        _ => None,
    }
}

/// The year that two digits mean, seen from `year`: 49 years back to 50 ahead (GS1 General Specifications, 7.12).
fn century(two: i8, year: i16) -> i16 {
    let difference = i16::from(two) - year.rem_euclid(100);
    let base = year - year.rem_euclid(100) + i16::from(two);
    match difference {
        51..=99 => base - 100,
        -99..=-50 => base + 100,
        _ => base,
    }
}

/// `YYMMDD`; with `month_only` the day may be 00 and means the month's last.
pub(super) fn yymmdd(text: &str, year: i16, month_only: bool) -> Result<Date, Fault> {
    let part = |at: usize| two_digits(text, at).ok_or(Fault::new(Code::InvalidDate, at));
    let (yy, month, day) = (part(0)?, part(2)?, part(4)?);
    date(century(yy, year), month, day, month_only).map_err(|fault| fault.after(2))
}

/// `YYYYMMDD`.
pub(super) fn yyyymmdd(text: &str) -> Result<Date, Fault> {
    let part = |at: usize| two_digits(text, at).ok_or(Fault::new(Code::InvalidDate, at));
    let year = i16::from(part(0)?) * 100 + i16::from(part(2)?);
    if year == 0 {
        return Err(Fault::new(Code::InvalidDate, 0));
    }
    date(year, part(4)?, part(6)?, false).map_err(|fault| fault.after(4))
}

fn date(year: i16, month: i8, day: i8, month_only: bool) -> Result<Date, Fault> {
    let first = Date::new(year, month, 1).map_err(|_| Fault::new(Code::InvalidDate, 0))?;
    match day {
        0 if month_only => Ok(first.last_of_month()),
        _ => Date::new(year, month, day).map_err(|_| Fault::new(Code::InvalidDate, 2)),
    }
}

/// A date as people and labels write it: `YYYY-MM-DD`, `YYYY/MM/DD`, `YYYY.MM.DD`, `YYYYMMDD` or `YYMMDD`.
#[must_use]
pub fn written(text: &str, year: i16) -> Option<Date> {
    let digits: String = text.chars().filter(|character| !matches!(character, '-' | '/' | '.')).collect();
    match (digits.len(), digits.bytes().all(|byte| byte.is_ascii_digit())) {
        (8, true) => yyyymmdd(&digits).ok(),
        (6, true) => yymmdd(&digits, year, true).ok(),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_century_window_slides_with_the_year() {
        for (two, year, expected) in
            [(26, 2026, 2026), (76, 2026, 2076), (77, 2026, 1977), (0, 2026, 2000), (1, 2051, 2101), (2, 2051, 2002)]
        {
            assert_eq!(century(two, year), expected, "{two} seen from {year}");
        }
    }

    #[test]
    fn day_zero_is_the_last_of_the_month() {
        assert_eq!(yymmdd("280200", 2026, true).map(|date| date.to_string()), Ok("2028-02-29".to_owned()));
        assert_eq!(yymmdd("280200", 2026, false), Err(Fault::new(Code::InvalidDate, 4)));
    }

    #[test]
    fn dates_on_labels() {
        for text in ["2027-01-31", "2027/01/31", "20270131", "270131", "270100"] {
            assert_eq!(written(text, 2026).map(|date| date.to_string()).as_deref(), Some("2027-01-31"), "{text}");
        }
        assert_eq!(written("31-01-2027", 2026), None);
    }
}
