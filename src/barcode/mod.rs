//! What a scanned string says, without asking anything but the string.
//!
//! [`read`] takes what a scanner sent and answers a [`Reading`]: a GS1 element string or Digital Link, an article
//! number, a carrier's waybill number, one of our own codes, or plain text. A string that claims to be something
//! (by its AIM symbology identifier, a leading GS, brackets) and is not gives an error with the offset of the
//! offending character. No parser panics, and none takes more than linear time.

pub mod aim;
pub mod carrier;
pub mod check;
pub mod codes;
pub mod dates;
pub mod ean;
pub mod error;
pub mod gs1;

use jiff::civil::Date;

pub use self::aim::AimId;
use self::carrier::WaybillText;
use self::codes::{OwnCode, SiteKey};
use self::error::Fault;
pub use self::error::{DecodeError, DecodeErrorCode};
use self::gs1::{ElementString, GS, Warning};

/// Longer than any symbol that a hand-held scanner reads (QR version 40 holds 7,089 digits).
pub const SCAN_MAX: usize = 8 * 1024;

/// What the sender says that the string is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, serde::Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Hint {
    /// Nothing.
    #[default]
    None,
    /// A GS1 element string without symbology identifier.
    Gs1,
}

/// What a scanned string says.
#[derive(Clone, Debug)]
pub struct Reading {
    /// The symbology identifier, where the scanner sent one.
    pub aim: Option<AimId>,
    /// The string without the symbology identifier.
    pub text: String,
    /// What it is.
    pub content: Content,
    /// What a verifier would mention.
    pub warnings: Vec<Warning>,
}

/// What a scanned string is.
#[derive(Clone, Debug)]
pub enum Content {
    /// A GS1 element string.
    Gs1(Elements),
    /// A GS1 Digital Link URI.
    DigitalLink(Elements),
    /// An article number: its GTIN-14.
    Article {
        /// 14 digits.
        gtin: String,
        /// Carriers that might use these digits too.
        waybill: Option<WaybillText>,
    },
    /// A carrier's waybill number, by its shape.
    Waybill(WaybillText),
    /// One of our own codes.
    Own(OwnCode),
    /// Anything else.
    Text,
}

impl Content {
    /// `gs1`, `digital_link`, `ean`, `waybill`, `waybind` (our own) or `text`.
    #[must_use]
    pub fn kind(&self) -> &'static str {
        match self {
            Content::Gs1(_) => "gs1",
            Content::DigitalLink(_) => "digital_link",
            Content::Article { .. } => "ean",
            Content::Waybill(_) => "waybill",
            Content::Own(_) => "waybind",
            Content::Text => "text",
        }
    }
}

/// Application identifiers with their values, and the ones that a warehouse asks for.
#[derive(Clone, Debug, Default)]
pub struct Elements {
    /// In the order of the symbol.
    pub all: Vec<(String, String)>,
    /// (01), (02) or (03), 14 digits.
    pub gtin: Option<String>,
    /// (10).
    pub lot: Option<String>,
    /// (21).
    pub serial: Option<String>,
    /// (17) or the day of (7003).
    pub expiry: Option<Date>,
    /// (20).
    pub variant: Option<String>,
    /// (30) or (37).
    pub count: Option<u32>,
}

impl Elements {
    fn new(all: Vec<(String, String)>, today: Date) -> Self {
        let value = |wanted: &[&str]| {
            wanted.iter().find_map(|ai| all.iter().find(|(known, _)| known == ai)).map(|(_, value)| value.clone())
        };
        let dated = |ai: &str| value(&[ai]).and_then(|value| gs1::date(ai, &value, today));
        Elements {
            gtin: value(&["01", "02", "03"]),
            lot: value(&["10"]),
            serial: value(&["21"]),
            expiry: dated("17").or_else(|| dated("7003")),
            variant: value(&["20"]),
            count: value(&["37", "30"]).and_then(|text| text.parse().ok()),
            all,
        }
    }

    fn from_string(parsed: &ElementString<'_>, today: Date) -> Self {
        let pair = |element: &gs1::Element<'_>| (element.ai.to_owned(), element.value.to_owned());
        Elements::new(parsed.elements().iter().map(pair).collect(), today)
    }
}

/// Reads the bytes that a scanner sent.
///
/// # Errors
/// The bytes are no UTF-8 text; else as [`read`].
pub fn read_bytes(bytes: &[u8], hint: Hint, key: Option<&SiteKey>, today: Date) -> Result<Reading, DecodeError> {
    let text =
        std::str::from_utf8(bytes).map_err(|error| Fault::new(DecodeErrorCode::InvalidUtf8, error.valid_up_to()))?;
    read(text, hint, key, today)
}

/// Reads a scanned string. `key` verifies our own codes, `today` opens the century window of two-digit years.
///
/// # Errors
/// The string claims to be something that it isn't; the offset counts from the start of `raw`.
pub fn read(raw: &str, hint: Hint, key: Option<&SiteKey>, today: Date) -> Result<Reading, DecodeError> {
    if raw.is_empty() {
        return Err(Fault::new(DecodeErrorCode::Empty, 0).into());
    }
    if raw.len() > SCAN_MAX {
        return Err(Fault::new(DecodeErrorCode::TooLarge, SCAN_MAX).into());
    }
    let (aim, text) = match AimId::split(raw) {
        Some((aim, rest)) => (Some(aim), rest),
        None => (None, raw),
    };
    let offset = raw.len() - text.len();
    if text.is_empty() {
        return Err(Fault::new(DecodeErrorCode::Empty, offset).into());
    }
    let (content, warnings) = content(text, aim, hint, key, today).map_err(|fault| fault.after(offset))?;
    Ok(Reading { aim, text: text.to_owned(), content, warnings })
}

type Read = (Content, Vec<Warning>);

fn content(text: &str, aim: Option<AimId>, hint: Hint, key: Option<&SiteKey>, today: Date) -> Result<Read, Fault> {
    let quiet = |content| Ok((content, Vec::new()));
    if aim.is_some_and(AimId::is_gs1) || (aim.is_none() && (hint == Hint::Gs1 || text.starts_with(GS))) {
        return element_string(text, today);
    }
    if gs1::is_bracketed(text) {
        let parsed = gs1::parse_bracketed(text, today)?;
        return Ok((Content::Gs1(Elements::from_string(&parsed, today)), parsed.warnings()));
    }
    if let Some(own) = codes::read(text, key) {
        return quiet(Content::Own(own));
    }
    if gs1::digital_link::is_digital_link(text) {
        let link = gs1::digital_link::parse(text, today)?;
        return Ok((Content::DigitalLink(Elements::new(link.elements, today)), link.warnings));
    }
    if let Some(aim) = aim.filter(|aim| aim.is_article_number()) {
        return article_symbol(text, aim, today);
    }
    // ITF-14: a checked symbol must be right, an unchecked one is an article number only if it is right
    let itf14 = aim.is_some_and(|aim| aim.letter == b'I') && text.len() == 14;
    if itf14 && aim.is_some_and(|aim| aim.modifier == b'1') {
        return quiet(Content::Article { gtin: ean::gtin14(text)?, waybill: None });
    }
    let bare = aim.is_none() && matches!(text.len(), 8 | 12 | 13 | 14);
    match (ean::gtin14(text), carrier::read(text)) {
        (Ok(gtin), waybill) if bare || itf14 => quiet(Content::Article { gtin, waybill }),
        (_, Some(waybill)) => quiet(Content::Waybill(waybill)),
        _ => quiet(Content::Text),
    }
}

fn element_string(text: &str, today: Date) -> Result<Read, Fault> {
    let parsed = gs1::parse(text, today)?;
    Ok((Content::Gs1(Elements::from_string(&parsed, today)), parsed.warnings()))
}

/// An EAN or UPC symbol; with an add-on behind 13 digits (`]E3`), or a composite component behind `|]e0`.
fn article_symbol(text: &str, aim: AimId, today: Date) -> Result<Read, Fault> {
    if let Some((number, composite)) = text.split_once('|') {
        let start = number.len() + 1 + "]e0".len();
        let rest = composite.strip_prefix("]e0").ok_or(Fault::new(DecodeErrorCode::InvalidAim, number.len() + 1))?;
        let parsed = gs1::parse(rest, today).map_err(|fault| fault.after(start))?;
        let mut all = vec![("01".to_owned(), ean::gtin14(number)?)];
        all.extend(parsed.elements().iter().map(|element| (element.ai.to_owned(), element.value.to_owned())));
        return Ok((Content::Gs1(Elements::new(all, today)), Vec::new()));
    }
    let number = match (aim.modifier, text.len()) {
        (b'3', 15 | 18) => text.get(..13).unwrap_or(text),
        _ => text,
    };
    Ok((Content::Article { gtin: ean::gtin14(number)?, waybill: None }, Vec::new()))
}

#[cfg(test)]
mod tests {
    use super::*;

    const TODAY: Date = jiff::civil::date(2026, 11, 21);

    fn reading(raw: &str) -> Reading {
        read(raw, Hint::None, None, TODAY).unwrap_or_else(|error| panic!("{raw}: {error}"))
    }

    fn error(raw: &str) -> (DecodeErrorCode, usize) {
        let error = read(raw, Hint::None, None, TODAY).err().unwrap_or_else(|| panic!("{raw} was accepted"));
        (error.code, error.offset)
    }

    #[test]
    fn the_symbology_identifier_says_what_it_is() {
        let Content::Gs1(elements) = reading("]C10109506000134352\u{1d}10A1").content else { panic!("no GS1") };
        assert_eq!((elements.gtin.as_deref(), elements.lot.as_deref()), (Some("09506000134352"), Some("A1")));
        assert!(
            matches!(reading("]E06901234567892").content, Content::Article { gtin, .. } if gtin == "06901234567892")
        );
        assert!(
            matches!(reading("]E3690123456789212").content, Content::Article { gtin, .. } if gtin == "06901234567892")
        );
        assert!(matches!(reading("]I115400141288763").content, Content::Article { .. }));
        let Content::Gs1(composite) = reading("]E06901234567892|]e010A1").content else { panic!("no composite") };
        assert_eq!((composite.gtin.as_deref(), composite.lot.as_deref()), (Some("06901234567892"), Some("A1")));
    }

    #[test]
    fn bare_digits_are_no_element_string() {
        assert!(matches!(reading("010950600013435210A1").content, Content::Text));
        assert!(matches!(reading("6901234567892").content, Content::Article { .. }));
        assert!(matches!(reading("75312345678901").content, Content::Waybill(_)));
        assert!(matches!(
            read("010950600013435210A1", Hint::Gs1, None, TODAY).map(|reading| reading.content),
            Ok(Content::Gs1(_))
        ));
        assert!(matches!(reading("(01)09506000134352(10)A1").content, Content::Gs1(_)));
        assert!(matches!(reading("\u{1d}0109506000134352").content, Content::Gs1(_)));
        assert!(matches!(reading("https://id.gs1.org/01/09506000134352").content, Content::DigitalLink(_)));
        assert!(matches!(reading("FLT-204").content, Content::Text));
    }

    #[test]
    fn offsets_count_from_the_first_character_that_was_scanned() {
        assert_eq!(error("]E06901234567891"), (DecodeErrorCode::CheckDigit, 15));
        assert_eq!(error("]C10109506000134353"), (DecodeErrorCode::CheckDigit, 18));
        assert_eq!(error("]E06901234567892|]e005"), (DecodeErrorCode::UnknownAi, 20));
        assert_eq!(error(""), (DecodeErrorCode::Empty, 0));
        assert_eq!(error("]C1"), (DecodeErrorCode::Empty, 3));
    }
}
