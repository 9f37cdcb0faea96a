//! GS1 element strings: application identifiers with their values, as symbols carry them (GS1 General Specifications,
//! sections 3 and 7) and as people write them, in brackets.

mod coupon;
mod definition;
pub mod digital_link;
mod lists;
mod rules;
mod table;

use jiff::civil::Date;

pub use self::definition::{Ai, CharacterSet, Component, lookup};
use self::definition::{Companions, Dictionary, Lines, definition, identifier_len};
use super::dates;
use super::error::{DecodeErrorCode as Code, Fault};

/// What separates elements of variable length: the scanner's stand-in for FNC1.
pub const GS: char = '\u{1d}';

/// More elements than any symbol holds; the reference engine has the same limit.
pub const ELEMENTS_MAX: usize = 64;

/// One application identifier with its value.
#[derive(Clone, Copy, Debug)]
pub struct Element<'a> {
    /// The identifier's digits.
    pub ai: &'a str,
    /// Its value, exactly as scanned.
    pub value: &'a str,
    line: u8,
}

impl Element<'_> {
    /// What the identifier means.
    #[must_use]
    pub fn definition(&self) -> &'static Ai {
        definition(self.line)
    }

    /// How many decimal places the value has by its identifier's last digit, where it has any.
    #[must_use]
    pub fn implied_decimals(&self) -> Option<u8> {
        self.definition().decimals.then(|| self.ai.as_bytes()[self.ai.len() - 1] - b'0')
    }
}

/// Something that a verifier would mention and a warehouse may live with.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Warning {
    /// The identifier wants company that is missing.
    MissingCompanion {
        /// The identifier that is alone.
        ai: String,
    },
    /// Two identifiers that must not stand together.
    ExcludedPair {
        /// The one whose rule is broken.
        ai: String,
        /// The one that should not be there.
        other: String,
    },
    /// A part of a Digital Link that means nothing to GS1.
    IgnoredParameter {
        /// Its name.
        name: String,
    },
}

impl std::fmt::Display for Warning {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Warning::MissingCompanion { ai } => {
                write!(out, "({ai}) stands without the identifier that must accompany it")
            }
            Warning::ExcludedPair { ai, other } => write!(out, "({ai}) must not stand together with ({other})"),
            Warning::IgnoredParameter { name } => write!(out, "\"{name}\" is no GS1 attribute and was ignored"),
        }
    }
}

/// The elements of one symbol, checked.
#[derive(Clone, Debug, Default)]
pub struct ElementString<'a> {
    elements: Vec<Element<'a>>,
    present: Lines,
}

impl<'a> ElementString<'a> {
    /// The elements in the order of the symbol.
    #[must_use]
    pub fn elements(&self) -> &[Element<'a>] {
        &self.elements
    }

    /// The value of an identifier.
    #[must_use]
    pub fn value(&self, ai: &str) -> Option<&'a str> {
        self.elements.iter().find(|element| element.ai == ai).map(|element| element.value)
    }

    fn push(&mut self, element: Element<'a>, offset: usize) -> Result<(), Fault> {
        if self.present.contains(element.line) && self.value(element.ai).is_some_and(|earlier| earlier != element.value)
        {
            return Err(Fault::new(Code::RepeatedAi, offset));
        }
        if self.elements.len() == ELEMENTS_MAX {
            return Err(Fault::new(Code::TooManyElements, offset));
        }
        self.present.insert(element.line);
        self.elements.push(element);
        Ok(())
    }

    /// What the identifiers' companions leave to be wished for.
    #[must_use]
    pub fn warnings(&self) -> Vec<Warning> {
        let mut warnings = Vec::new();
        let dictionary = Dictionary::get();
        for element in &self.elements {
            self.missing(element, dictionary.companions(element.line), &mut warnings);
        }
        warnings
    }

    fn missing(&self, element: &Element<'_>, wanted: &Companions, warnings: &mut Vec<Warning>) {
        let ai = || element.ai.to_owned();
        let lacks =
            |alternatives: &Vec<definition::Alternative>| !alternatives.iter().any(|one| one.holds(&self.present));
        if wanted.required.iter().any(lacks) {
            warnings.push(Warning::MissingCompanion { ai: ai() });
        }
        if self.present.intersects(&wanted.excluded) {
            let others =
                self.elements.iter().filter(|other| wanted.excluded.contains(other.line) && other.ai != element.ai);
            warnings.extend(others.map(|other| Warning::ExcludedPair { ai: ai(), other: other.ai.to_owned() }));
        }
    }
}

/// Reads an element string as a symbol carries it: no brackets, [`GS`] after values of variable length; a leading
/// GS is passed over. `today` opens the century window of two-digit years.
///
/// # Errors
/// The first fault, with its offset in bytes from the start of `text`. Takes time linear in the length of `text`.
pub fn parse(text: &str, today: Date) -> Result<ElementString<'_>, Fault> {
    let bytes = text.as_bytes();
    let dictionary = Dictionary::get();
    let mut result = ElementString { elements: Vec::with_capacity(6), ..ElementString::default() };
    let mut at = usize::from(bytes.first() == Some(&(GS as u8)));
    if at == bytes.len() {
        return Err(Fault::new(Code::Empty, 0));
    }
    while at < bytes.len() {
        if bytes[at] == GS as u8 {
            return Err(Fault::new(Code::MisplacedSeparator, at));
        }
        let (line, ai_len) = identify(dictionary, bytes, at)?;
        let start = at + ai_len;
        let end = value_end(bytes, start, definition(line))?;
        let value = text.get(start..end).ok_or(Fault::new(Code::InvalidCharacter, start))?;
        check_value(definition(line), value, today.year()).map_err(|fault| fault.after(start))?;
        result.push(Element { ai: &text[at..start], value, line }, at)?;
        at = end + usize::from(bytes.get(end) == Some(&(GS as u8)));
    }
    Ok(result)
}

fn identify(dictionary: &Dictionary, bytes: &[u8], at: usize) -> Result<(u8, usize), Fault> {
    let unknown = Fault::new(Code::UnknownAi, at);
    let [tens @ b'0'..=b'9', units @ b'0'..=b'9'] = *bytes.get(at..at + 2).ok_or(unknown)? else { return Err(unknown) };
    let len = identifier_len((tens - b'0') * 10 + units - b'0');
    let line = bytes.get(at..at + len).and_then(|digits| dictionary.find(digits)).ok_or(unknown)?;
    Ok((line, len))
}

/// Where the value ends: by its pre-defined length, else at the separator or the end.
fn value_end(bytes: &[u8], start: usize, ai: &Ai) -> Result<usize, Fault> {
    let longest = start + ai.max_len();
    let window = &bytes[start..bytes.len().min(longest + 1)];
    match window.iter().position(|byte| *byte == GS as u8) {
        Some(len) if ai.fixed && len < ai.max_len() => Err(Fault::new(Code::TooShort, start + len)),
        Some(len) => Ok(start + len),
        None if ai.fixed && bytes.len() < longest => Err(Fault::new(Code::TooShort, bytes.len())),
        None if ai.fixed => Ok(longest),
        None if bytes.len() > longest => Err(Fault::new(Code::TooLong, longest)),
        None => Ok(bytes.len()),
    }
}

/// Checks a value against its identifier's components: lengths, characters, content.
pub(super) fn check_value(ai: &Ai, value: &str, year: i16) -> Result<(), Fault> {
    let mut at = 0;
    for component in ai.components {
        let rest = value.len() - at;
        if rest == 0 && component.optional {
            continue;
        }
        let len = rest.min(component.max);
        if let Some(offset) =
            value.as_bytes()[at..at + len].iter().position(|byte| !allowed(component.characters, *byte))
        {
            return Err(Fault::new(Code::InvalidCharacter, at + offset));
        }
        if len < component.min {
            return Err(Fault::new(Code::TooShort, value.len()));
        }
        let text = &value[at..at + len];
        for rule in component.rules {
            rule.check(text, year).map_err(|fault| fault.after(at))?;
        }
        at += len;
    }
    if at < value.len() { Err(Fault::new(Code::TooLong, at)) } else { Ok(()) }
}

fn allowed(set: CharacterSet, byte: u8) -> bool {
    match set {
        CharacterSet::Numeric => byte.is_ascii_digit(),
        CharacterSet::Set82 => {
            matches!(byte, b'!' | b'"' | b'%'..=b'?' | b'A'..=b'Z' | b'_' | b'a'..=b'z')
        }
        CharacterSet::Set39 => matches!(byte, b'#' | b'-' | b'/' | b'0'..=b'9' | b'A'..=b'Z'),
        CharacterSet::Base64Url => matches!(byte, b'-' | b'_' | b'=' | b'0'..=b'9' | b'A'..=b'Z' | b'a'..=b'z'),
    }
}

/// Whether a text is an element string in brackets: `(01)09506000134352(10)A1`.
#[must_use]
pub fn is_bracketed(text: &str) -> bool {
    bracketed_ai(text, 0).is_some()
}

/// The identifier in brackets at `at`, and where its value starts.
fn bracketed_ai(text: &str, at: usize) -> Option<(&str, usize)> {
    let rest = text.get(at..)?.strip_prefix('(')?;
    let len = rest.bytes().take(5).position(|byte| byte == b')')?;
    let digits = &rest[..len];
    ((2..=4).contains(&len) && digits.bytes().all(|byte| byte.is_ascii_digit())).then_some((digits, at + len + 2))
}

/// Reads an element string that is written with its identifiers in brackets.
///
/// # Errors
/// As [`parse`].
pub fn parse_bracketed(text: &str, today: Date) -> Result<ElementString<'_>, Fault> {
    let mut result = ElementString::default();
    let mut at = 0;
    while at < text.len() {
        let (ai, start) = bracketed_ai(text, at).ok_or(Fault::new(Code::UnknownAi, at))?;
        let line = Dictionary::get().find(ai.as_bytes()).ok_or(Fault::new(Code::UnknownAi, at + 1))?;
        let end = (start..text.len()).find(|end| bracketed_ai(text, *end).is_some()).unwrap_or(text.len());
        let value = &text[start..end];
        check_value(definition(line), value, today.year()).map_err(|fault| fault.after(start))?;
        result.push(Element { ai, value, line }, at)?;
        at = end;
    }
    if result.elements.is_empty() { Err(Fault::new(Code::Empty, 0)) } else { Ok(result) }
}

/// The date in an element, where its identifier carries one in its first component.
#[must_use]
pub fn date(ai: &str, value: &str, today: Date) -> Option<Date> {
    match ai {
        "11" | "12" | "13" | "15" | "16" | "17" => dates::yymmdd(value, today.year(), true).ok(),
        "4324" | "4325" => dates::yymmdd(value.get(..6)?, today.year(), true).ok(),
        "4326" | "7003" | "7006" | "7007" | "7011" | "8008" => dates::yymmdd(value.get(..6)?, today.year(), false).ok(),
        "7250" | "7251" => dates::yyyymmdd(value.get(..8)?).ok(),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const TODAY: Date = jiff::civil::date(2026, 11, 21);

    fn elements(text: &str) -> Vec<(&str, &str)> {
        let parsed = parse(text, TODAY).unwrap_or_else(|fault| panic!("{text:?}: {fault:?}"));
        parsed.elements.iter().map(|element| (element.ai, element.value)).collect()
    }

    fn fault(text: &str) -> (Code, usize) {
        let fault = parse(text, TODAY).err().unwrap_or_else(|| panic!("{text:?} was accepted"));
        (fault.code, fault.offset)
    }

    #[test]
    fn element_strings_are_split_by_length_and_separator() {
        assert_eq!(
            elements("010950600013435210A1\u{1d}17271231"),
            [("01", "09506000134352"), ("10", "A1"), ("17", "271231")]
        );
        assert_eq!(elements("\u{1d}0109506000134352"), [("01", "09506000134352")]);
        assert_eq!(elements("0109506000134352\u{1d}10A1\u{1d}"), [("01", "09506000134352"), ("10", "A1")]);
        assert_eq!(elements("3103001500"), [("3103", "001500")]);
        assert_eq!(elements("4309002000000003600000000"[..24].as_ref()), [("4309", "00200000000360000000")]);
    }

    #[test]
    fn faults_name_the_offending_character() {
        let table = [
            ("", Code::Empty, 0),
            ("\u{1d}", Code::Empty, 0),
            ("0109506000134353", Code::CheckDigit, 15),
            ("01095060001343", Code::TooShort, 14),
            ("010950600013435210", Code::TooShort, 18),
            ("010950600013435210A1 2", Code::InvalidCharacter, 20),
            ("0509506000134352", Code::UnknownAi, 0),
            ("17261301", Code::InvalidDate, 4),
            ("10A1\u{1d}\u{1d}17271231", Code::MisplacedSeparator, 5),
            ("10A1\u{1d}10A2", Code::RepeatedAi, 5),
            ("10123456789012345678901", Code::TooLong, 22),
            ("0109506000134352\u{1d}7", Code::UnknownAi, 17),
            ("10ä", Code::InvalidCharacter, 2),
        ];
        for (text, code, offset) in table {
            assert_eq!(fault(text), (code, offset), "{text:?}");
        }
    }

    #[test]
    fn brackets_mean_the_same() {
        let parsed = parse_bracketed("(01)09506000134352(10)A(1)(17)271231", TODAY).expect("valid");
        assert_eq!(parsed.value("10"), Some("A(1)"));
        assert_eq!(parsed.value("17"), Some("271231"));
        assert!(is_bracketed("(01)1") && !is_bracketed("(1)") && !is_bracketed("01"));
        assert_eq!(parse_bracketed("(01)0950600013435", TODAY).map(drop), Err(Fault::new(Code::TooShort, 17)));
    }

    #[test]
    fn companions_are_a_matter_of_warnings() {
        let warnings = |text| parse(text, TODAY).expect("valid").warnings();
        assert_eq!(warnings("0209506000134352"), [Warning::MissingCompanion { ai: "02".into() }]);
        assert_eq!(warnings("00095060001343500019020950600013435237105"), []);
        assert!(
            warnings("01095060001343523100000001\u{1d}3101000001")
                .contains(&Warning::ExcludedPair { ai: "3100".into(), other: "3101".into() })
        );
        assert_eq!(warnings("010950600013435210A1"), []);
    }

    #[test]
    fn implied_decimals_come_from_the_last_digit() {
        let parsed = parse("3103001500", TODAY).expect("valid");
        assert_eq!(parsed.elements()[0].implied_decimals(), Some(3));
        assert_eq!(parse("10A", TODAY).expect("valid").elements()[0].implied_decimals(), None);
    }
}
