//! What a cell says, by the shape of its field. A value that a spreadsheet has spoilt is refused, never repaired.

use jiff::civil::{Date, DateTime, Time, date};
use jiff::tz::TimeZone;
use jiff::{SignedDuration, Timestamp};

use super::assembly::Node;
use super::fields::Shape;
use super::row::Cell;

/// Numbers from here on have more digits than the 15 that a spreadsheet keeps.
const DIGITS_LOST: f64 = 1e15;
/// Day numbers that are taken for days: 2000-01-01 to 2099-12-31. Anything else is a mistyped number.
const DAYS: std::ops::RangeInclusive<f64> = 36_526.0..=73_050.999_999;
/// What separates several values in one cell.
const SEPARATORS: [char; 7] = [',', ';', '、', '，', '；', '\n', '|'];

/// What a field's cells are read with.
pub(super) struct Reading<'a> {
    /// How the cell is read.
    pub shape: Shape,
    /// A warehouse's words for ours, normalised.
    pub words: &'a [(String, String)],
    /// Where times without an offset are.
    pub zone: &'a TimeZone,
}

impl Reading<'_> {
    /// Reads a cell; `None` if it is empty.
    ///
    /// # Errors
    /// It does not say what the field wants; the text says why.
    pub fn read(&self, cell: &Cell) -> Result<Option<Node>, String> {
        if cell.is_empty() {
            return Ok(None);
        }
        if let Cell::Fault(why) = cell {
            return Err(why.clone());
        }
        let node = match self.shape {
            Shape::Code => Node::Text(self.translated(code(cell)?)),
            Shape::Text => Node::Text(text(cell)?),
            Shape::Codes => list(&code(cell)?, |part| Ok(Node::Text(unspoilt(part)?)))?,
            Shape::Words(known) => list(&text(cell)?, |part| Ok(Node::Text(self.word(part, known)?)))?,
            Shape::Components => list(&code(cell)?, component)?,
            Shape::Word(known) => Node::Text(self.word(&text(cell)?, known)?),
            Shape::Whole(least, most) => Node::Number(whole(cell, least, most)?),
            Shape::Truth => Node::Bool(match cell {
                Cell::Bool(truth) => *truth,
                _ => self.word(&text(cell)?, &["true", "false"])? == "true",
            }),
            Shape::Day => Node::Text(moment(cell)?.date().to_string()),
            Shape::Time => Node::Text(self.time(cell)?),
        };
        let is_nothing = matches!(&node, Node::Text(text) if text.is_empty());
        Ok((!is_nothing).then_some(node))
    }

    fn translated(&self, text: String) -> String {
        if self.words.is_empty() {
            return text;
        }
        let plain = super::headers::normalised(&text);
        self.words.iter().find(|(theirs, _)| *theirs == plain).map_or(text, |(_, ours)| ours.clone())
    }

    fn word(&self, text: &str, known: &[&str]) -> Result<String, String> {
        let plain = super::headers::normalised(text);
        if let Some((_, ours)) = self.words.iter().find(|(theirs, _)| *theirs == plain) {
            return Ok(ours.clone());
        }
        match known.iter().find(|word| super::headers::normalised(word) == plain) {
            Some(word) => Ok((*word).to_owned()),
            None => Err(format!("\"{text}\" is none of {}", known.join(", "))),
        }
    }

    fn time(&self, cell: &Cell) -> Result<String, String> {
        if let Cell::Text(text) = cell
            && text.trim().parse::<Timestamp>().is_ok()
        {
            return Ok(text.trim().to_owned());
        }
        let zoned = self.zone.to_zoned(moment(cell)?).map_err(|error| error.to_string())?;
        Ok(zoned.strftime("%Y-%m-%dT%H:%M:%S%:z").to_string())
    }
}

/// A cell as text that people read.
fn text(cell: &Cell) -> Result<String, String> {
    Ok(match cell {
        Cell::Text(text) => unwrapped(text).to_owned(),
        Cell::Number(number) if is_whole(*number) => whole_text(*number)?,
        Cell::Number(number) => number.to_string(),
        Cell::Bool(truth) => truth.to_string(),
        Cell::Serial(_) => {
            let moment = moment(cell)?;
            let is_midnight = moment.time() == Time::midnight();
            if is_midnight { moment.date().to_string() } else { moment.to_string().replace('T', " ") }
        }
        Cell::Fault(why) => return Err(why.clone()),
        Cell::Empty => String::new(),
    })
}

/// A cell as a code: every character counts.
fn code(cell: &Cell) -> Result<String, String> {
    match cell {
        Cell::Number(number) if !is_whole(*number) => {
            Err(format!("{number} is a number with a fraction where a code is expected; format the column as text"))
        }
        Cell::Serial(_) => Err("the spreadsheet has made a date of the code; format the column as text".into()),
        Cell::Bool(truth) => Err(format!("the spreadsheet has made {truth} of the code; format the column as text")),
        Cell::Text(_) => {
            let text = text(cell)?;
            check_code(&text)?;
            unspoilt(&text)
        }
        _ => text(cell),
    }
}

/// Characters that nobody sees and that make another code of one: of no width, or turning the direction of writing.
fn is_invisible(character: char) -> bool {
    matches!(character, '\u{ad}' | '\u{200b}'..='\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2060}'..='\u{2069}' | '\u{feff}')
}

/// What a spreadsheet leaves in place of a code.
fn check_code(text: &str) -> Result<(), String> {
    if text.starts_with('=') {
        return Err(format!("\"{text}\" is a formula; export what it comes to"));
    }
    if let Some(character) = text.chars().find(|character| is_invisible(*character)) {
        return Err(format!("it has the invisible character U+{:04X}; type it anew", u32::from(character)));
    }
    let mut pieces = text.split([';', '；', '、', '|', '\n']).map(str::trim);
    match pieces.find(|piece| is_grouped(piece)) {
        Some(piece) => Err(format!(
            "\"{piece}\" looks like one number with thousands separators; format the column as text, or put ; between several codes"
        )),
        None => Ok(()),
    }
}

/// Whether a text is a number with thousands separators: `6,901,234`.
fn is_grouped(text: &str) -> bool {
    let number = text.strip_prefix(['+', '-']).unwrap_or(text);
    let (whole, fraction) = number.split_once('.').unwrap_or((number, ""));
    let mut groups = whole.split([',', '，']);
    let are_digits = |text: &str| text.bytes().all(|byte| byte.is_ascii_digit());
    let begins = groups.next().is_some_and(|first| (1..=3).contains(&first.len()) && are_digits(first));
    let mut rest = groups.peekable();
    begins && are_digits(fraction) && rest.peek().is_some() && rest.all(|group| group.len() == 3 && are_digits(group))
}

/// Text without the space around it and the `="…"` that keeps spreadsheets from making numbers of codes.
fn unwrapped(text: &str) -> &str {
    let text = text.trim_matches(|character: char| character.is_whitespace() || character == '\u{feff}');
    let inner = text.strip_prefix("=\"").and_then(|rest| rest.strip_suffix('"'));
    inner.map_or(text, str::trim)
}

/// A code that did not go through a number format: `6.90123E+12` has lost its last digits.
fn unspoilt(text: &str) -> Result<String, String> {
    let text = text.trim();
    let Some((mantissa, exponent)) = text.split_once("E+").or_else(|| text.split_once("e+")) else {
        return Ok(text.to_owned());
    };
    let (whole, fraction) = mantissa.split_once('.').unwrap_or((mantissa, ""));
    let is_number = |text: &str| text.bytes().all(|byte| byte.is_ascii_digit());
    if whole.len() != 1 || !is_number(whole) || !is_number(fraction) || exponent.is_empty() || !is_number(exponent) {
        return Ok(text.to_owned());
    }
    if exponent.parse() == Ok(fraction.len()) {
        return Ok(format!("{whole}{fraction}"));
    }
    Err(format!(
        "{text} is a code that a spreadsheet has shortened, its last digits are lost; export the column as text"
    ))
}

fn is_whole(number: f64) -> bool {
    number.fract() == 0.0 && number.is_finite()
}

fn whole_text(number: f64) -> Result<String, String> {
    if number.abs() >= DIGITS_LOST {
        return Err(format!(
            "{number:E} has more than the 15 digits that a spreadsheet keeps; format the column as text"
        ));
    }
    Ok(format!("{number:.0}"))
}

fn whole(cell: &Cell, least: i64, most: i64) -> Result<i64, String> {
    let text = match cell {
        Cell::Serial(_) | Cell::Bool(_) => return Err("a number is expected".into()),
        _ => text(cell)?,
    };
    if is_grouped(&text) {
        let plain = text.replace([',', '，'], "");
        return Err(format!("{text} has thousands separators; write {plain}"));
    }
    let (digits, fraction) = text.split_once('.').unwrap_or((&text, ""));
    let number = digits.parse::<i64>().ok().filter(|_| fraction.bytes().all(|digit| digit == b'0'));
    match number {
        Some(number) if (least..=most).contains(&number) => Ok(number),
        Some(number) => Err(format!("{number} is not {least} to {most}")),
        None => Err(format!("{text} is no whole number")),
    }
}

fn list(text: &str, read: impl Fn(&str) -> Result<Node, String>) -> Result<Node, String> {
    let parts = text.split(SEPARATORS).map(str::trim).filter(|part| !part.is_empty());
    Ok(Node::List(parts.map(read).collect::<Result<_, String>>()?))
}

fn component(text: &str) -> Result<Node, String> {
    let (sku, quantity) = text.rsplit_once(['*', '×']).unwrap_or((text, "1"));
    let quantity = whole(&Cell::Text(quantity.into()), 1, i64::from(crate::domain::order::QUANTITY_MAX))?;
    Ok(Node::Object(vec![("sku".into(), Node::Text(unspoilt(sku)?)), ("quantity".into(), Node::Number(quantity))]))
}

/// A day with its time of day, midnight where none is said.
fn moment(cell: &Cell) -> Result<DateTime, String> {
    match cell {
        Cell::Serial(days) | Cell::Number(days) => serial(*days),
        Cell::Text(text) => {
            let text = unwrapped(text);
            let refused = || format!("\"{text}\" is no date; write it like 2027-01-31");
            if text.len() == 5 && text.bytes().all(|byte| byte.is_ascii_digit()) {
                return serial(text.parse().map_err(|_| refused())?);
            }
            written(text).ok_or_else(refused)
        }
        _ => Err("a date is expected".into()),
    }
}

fn serial(days: f64) -> Result<DateTime, String> {
    let refused = || format!("{days} is no date");
    if !DAYS.contains(&days) {
        return Err(refused());
    }
    // a fraction of a day is a binary fraction: the nearest second is meant
    let seconds = (days * 86_400.0).round() as i64;
    date(1899, 12, 30).at(0, 0, 0, 0).checked_add(SignedDuration::from_secs(seconds)).map_err(|_| refused())
}

/// `2027-01-31`, `2027/1/31`, `2027.1.31`, `2027年1月31日` or `20270131`, and after a space or `T` `15:00` or `15:00:30`.
/// Other orders of day, month and year could mean two days.
fn written(text: &str) -> Option<DateTime> {
    let (day, time) = match text.split_once([' ', 'T']) {
        Some((day, time)) => (day, time.trim()),
        None => (text, ""),
    };
    let number =
        |text: &str| text.bytes().all(|byte| byte.is_ascii_digit()).then(|| text.parse::<i16>().ok()).flatten();
    let is_compact = day.len() == 8 && day.bytes().all(|byte| byte.is_ascii_digit());
    let parts: Vec<&str> = if is_compact {
        vec![&day[..4], &day[4..6], &day[6..]]
    } else {
        day.trim_end_matches('日').split(['-', '/', '.', '年', '月']).collect()
    };
    let [year, month, day] = parts[..] else { return None };
    if year.len() != 4 || month.len() > 2 || day.len() > 2 {
        return None;
    }
    let day = Date::new(number(year)?, number(month)?.try_into().ok()?, number(day)?.try_into().ok()?).ok()?;
    let mut clock = [0_i8; 3];
    if !time.is_empty() {
        let parts: Vec<&str> = time.split(':').collect();
        if !(2..=3).contains(&parts.len()) {
            return None;
        }
        for (place, part) in clock.iter_mut().zip(parts) {
            *place = number(part)?.try_into().ok()?;
        }
    }
    Some(day.to_datetime(Time::new(clock[0], clock[1], clock[2], 0).ok()?))
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a test")]
mod tests {
    use super::*;

    fn read(shape: Shape, cell: Cell) -> Result<Option<Node>, String> {
        let words = [("是".to_owned(), "true".to_owned()), ("批号".to_owned(), "lot".to_owned())];
        let zone = TimeZone::fixed(jiff::tz::offset(8));
        Reading { shape, words: &words, zone: &zone }.read(&cell)
    }

    fn said(shape: Shape, cell: Cell) -> String {
        match read(shape, cell) {
            Ok(Some(Node::Text(text))) => text,
            Ok(Some(Node::Number(number))) => number.to_string(),
            Ok(Some(Node::Bool(truth))) => truth.to_string(),
            Ok(other) => format!("{other:?}"),
            Err(why) => format!("refused: {why}"),
        }
    }

    fn typed(text: &str) -> Cell {
        Cell::Text(text.into())
    }

    #[test]
    fn codes_keep_every_character() {
        for (cell, expected) in [
            (typed(" 00123\t"), "00123"),
            (typed("=\"00123\""), "00123"),
            (typed("12E4"), "12E4"),
            (typed("6.901234567892E+12"), "6901234567892"),
            (Cell::Number(6_901_234_567_892.0), "6901234567892"),
            (typed("10,20-B"), "10,20-B"),
        ] {
            assert_eq!(said(Shape::Code, cell), expected);
        }
        for cell in [
            typed("6.90123E+12"),
            typed("6,901,234"),
            typed("=A2&A3"),
            typed("SO-1\u{200b}"),
            Cell::Number(1e15),
            Cell::Number(1.5),
            Cell::Number(f64::NAN),
            Cell::Serial(46_347.0),
            Cell::Bool(true),
            Cell::Fault("#N/A".into()),
        ] {
            assert!(read(Shape::Code, cell.clone()).is_err(), "{cell:?}");
        }
    }

    #[test]
    fn a_number_with_thousands_separators_is_not_several_codes() {
        for text in ["6,901,234", "6，901，234", "6,901,234,567,892", "690;6,901,234", "-1,000.00"] {
            let refused = read(Shape::Codes, typed(text)).unwrap_err();
            assert!(refused.contains("thousands separators"), "{text}: {refused}");
        }
        for text in ["6901234567892,6901234567893", "690、691", "12,3456", "A1,200", "100;200", ",100"] {
            assert!(read(Shape::Codes, typed(text)).is_ok(), "{text}");
        }
        let refused = read(Shape::Whole(1, 1_000_000), typed("1,000")).unwrap_err();
        assert!(refused.contains("write 1000"), "{refused}");
    }

    #[test]
    fn quantities_are_whole() {
        let shape = Shape::Whole(1, 1_000_000);
        for cell in [typed("2"), typed("2.0"), Cell::Number(2.0)] {
            assert_eq!(said(shape, cell), "2");
        }
        for cell in [typed("2.5"), Cell::Number(2.5), typed("0"), typed("-1"), typed("1,000"), typed("two")] {
            assert!(read(shape, cell.clone()).is_err(), "{cell:?}");
        }
    }

    #[test]
    fn days_come_as_text_and_as_numbers() {
        for cell in [
            typed("2027-01-31"),
            typed("2027/1/31"),
            typed("2027年1月31日"),
            typed("20270131"),
            typed("2027.1.31 00:00:00"),
            typed("46418"),
            Cell::Serial(46_418.75),
            Cell::Number(46_418.0),
        ] {
            assert_eq!(said(Shape::Day, cell), "2027-01-31");
        }
        for cell in
            [typed("31/01/2027"), typed("1/31/27"), typed("2027-02-30"), typed("soon"), Cell::Number(20_270_131.0)]
        {
            assert!(read(Shape::Day, cell.clone()).is_err(), "{cell:?}");
        }
        assert_eq!(said(Shape::Time, typed("2026-11-21 15:00")), "2026-11-21T15:00:00+08:00");
        assert_eq!(said(Shape::Time, Cell::Serial(46_347.625)), "2026-11-21T15:00:00+08:00");
        assert_eq!(said(Shape::Time, typed("2026-11-21T15:00:00Z")), "2026-11-21T15:00:00Z");
    }

    #[test]
    fn words_are_translated_or_refused() {
        assert_eq!(said(Shape::Truth, typed("是")), "true");
        assert_eq!(said(Shape::Truth, Cell::Bool(false)), "false");
        assert!(read(Shape::Truth, typed("maybe")).is_err());
        let tracking = read(Shape::Words(&["lot", "serial"]), typed("批号、Serial"));
        assert_eq!(tracking, Ok(Some(Node::List(vec![Node::Text("lot".into()), Node::Text("serial".into())]))));
    }
}
