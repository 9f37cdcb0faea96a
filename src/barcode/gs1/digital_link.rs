//! GS1 Digital Link URIs: a web address whose path and query carry application identifiers (GS1 Digital Link
//! Standard: URI Syntax 1.2). Compressed URIs are not read.

use jiff::civil::Date;

use super::definition::{Dictionary, definition};
use super::{Warning, check_value};
use crate::barcode::error::{DecodeErrorCode as Code, Fault};

/// What a Digital Link says.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct DigitalLink {
    /// Identifiers with their decoded values: in path order, then in query order.
    pub elements: Vec<(String, String)>,
    /// What was passed over.
    pub warnings: Vec<Warning>,
}

/// Whether a text is a web address with a GS1 primary key in its path.
#[must_use]
pub fn is_digital_link(text: &str) -> bool {
    Address::split(text).is_ok_and(|address| find_key(address.path, address.path_at).is_some())
}

/// An address in its parts, with the byte offsets of path and query.
struct Address<'a> {
    path: &'a str,
    path_at: usize,
    query: &'a str,
    query_at: usize,
}

impl<'a> Address<'a> {
    fn split(text: &'a str) -> Result<Self, Fault> {
        let scheme = ["http://", "https://", "HTTP://", "HTTPS://"].into_iter().find(|scheme| text.starts_with(scheme));
        let host_at = scheme.ok_or(Fault::new(Code::InvalidUri, 0))?.len();
        let text = text.split_once('#').map_or(text, |(before, _)| before);
        let end = text[host_at..].find(['/', '?']).map_or(text.len(), |len| host_at + len);
        let host = &text[host_at..end];
        if host.is_empty() {
            return Err(Fault::new(Code::InvalidUri, host_at));
        }
        let foreign = |character: char| "_~@!$&'()*+,;=%".contains(character) || !character.is_ascii_graphic();
        if let Some(offset) = host.find(foreign) {
            return Err(Fault::new(Code::InvalidUri, host_at + offset));
        }
        let (path, query) = text[end..].split_once('?').unwrap_or((&text[end..], ""));
        Ok(Address { path, path_at: end, query, query_at: end + path.len() + 1 })
    }
}

/// A path segment with its offset in the whole text.
type Segment<'a> = (&'a str, usize);

fn segments(path: &str, path_at: usize) -> Vec<Segment<'_>> {
    let mut at = path_at;
    path.split('/')
        .map(|segment| {
            let start = at;
            at += segment.len() + 1;
            (segment, start)
        })
        .collect()
}

/// The segments from the rightmost primary key on.
fn find_key(path: &str, path_at: usize) -> Option<Vec<Segment<'_>>> {
    let mut all = segments(path, path_at);
    let is_key = |segment: &Segment<'_>| super::lookup(segment.0).is_some_and(|ai| ai.qualifiers.is_some());
    // the value of a key is never looked at as a key itself
    let key = (1..all.len().saturating_sub(1))
        .rev()
        .find(|index| is_key(&all[*index]) && (all.len() - index).is_multiple_of(2))
        .or_else(|| (1..all.len().saturating_sub(1)).rev().find(|index| is_key(&all[*index])))?;
    Some(all.split_off(key))
}

/// Reads a Digital Link URI.
///
/// # Errors
/// The first fault, with its offset in bytes from the start of `text`.
pub fn parse(text: &str, today: Date) -> Result<DigitalLink, Fault> {
    let address = Address::split(text)?;
    let path = find_key(address.path, address.path_at).ok_or(Fault::new(Code::InvalidUri, address.path_at))?;
    let mut link = DigitalLink::default();
    let qualifiers = read_path(&path, today, &mut link)?;
    read_query(&address, today, &qualifiers, &mut link)?;
    Ok(link)
}

/// Reads key and qualifiers; answers the qualifiers that may not stand in the query.
fn read_path(path: &[Segment<'_>], today: Date, link: &mut DigitalLink) -> Result<Vec<&'static str>, Fault> {
    if let Some((_, at)) = path.iter().skip(1).find(|(segment, _)| segment.is_empty()) {
        return Err(Fault::new(Code::InvalidUri, at.saturating_sub(1)));
    }
    if path.len() % 2 == 1 {
        return Err(Fault::new(Code::InvalidUri, path[path.len() - 1].1));
    }
    for pair in path.chunks_exact(2) {
        add(link, pair[0], pair[1], today, false)?;
    }
    let key = super::lookup(path[0].0).and_then(|ai| ai.qualifiers).unwrap_or_default();
    let sequences: Vec<Vec<&'static str>> = key.split('|').map(|one| one.split(',').collect()).collect();
    let used: Vec<&str> = path.chunks_exact(2).skip(1).map(|pair| pair[0].0).collect();
    let sequence = sequences.into_iter().find(|sequence| in_order(&used, sequence));
    sequence.ok_or_else(|| Fault::new(Code::MisplacedKey, path.get(2).map_or(path[0].1, |segment| segment.1)))
}

fn in_order(used: &[&str], sequence: &[&str]) -> bool {
    let mut rest = sequence.iter();
    used.iter().all(|ai| rest.any(|known| known == ai))
}

fn read_query(address: &Address<'_>, today: Date, qualifiers: &[&str], link: &mut DigitalLink) -> Result<(), Fault> {
    let mut at = address.query_at;
    for parameter in address.query.split(['&', ';']) {
        let start = at;
        at += parameter.len() + 1;
        let Some((name, value)) = parameter.split_once('=') else {
            if !parameter.is_empty() {
                link.warnings.push(Warning::IgnoredParameter { name: parameter.to_owned() });
            }
            continue;
        };
        if name.is_empty() || !name.bytes().all(|byte| byte.is_ascii_digit()) {
            link.warnings.push(Warning::IgnoredParameter { name: name.to_owned() });
            continue;
        }
        let attribute = super::lookup(name).ok_or(Fault::new(Code::UnknownAi, start))?.attribute;
        if !attribute || qualifiers.contains(&name) || link.elements.iter().any(|(ai, _)| ai == name) {
            return Err(Fault::new(Code::MisplacedKey, start));
        }
        add(link, (name, start), (value, start + name.len() + 1), today, true)?;
    }
    Ok(())
}

fn add(link: &mut DigitalLink, ai: Segment<'_>, value: Segment<'_>, today: Date, in_query: bool) -> Result<(), Fault> {
    let line = Dictionary::get().find(ai.0.as_bytes()).ok_or(Fault::new(Code::UnknownAi, ai.1))?;
    let decoded = percent_decode(value.0, in_query).map_err(|fault| fault.after(value.1))?;
    if decoded.is_empty() {
        return Err(Fault::new(Code::TooShort, value.1));
    }
    check_value(definition(line), &decoded, today.year()).map_err(|fault| fault.after(value.1))?;
    link.elements.push((ai.0.to_owned(), decoded));
    Ok(())
}

fn percent_decode(text: &str, plus_is_space: bool) -> Result<String, Fault> {
    let bytes = text.as_bytes();
    let mut decoded = Vec::with_capacity(bytes.len());
    let mut at = 0;
    while at < bytes.len() {
        let (byte, len) = match bytes[at] {
            b'%' => (hex_pair(bytes, at).ok_or(Fault::new(Code::InvalidUri, at))?, 3),
            b'+' if plus_is_space => (b' ', 1),
            byte => (byte, 1),
        };
        if byte == 0 {
            return Err(Fault::new(Code::InvalidCharacter, at));
        }
        decoded.push(byte);
        at += len;
    }
    String::from_utf8(decoded).map_err(|_| Fault::new(Code::InvalidCharacter, 0))
}

fn hex_pair(bytes: &[u8], at: usize) -> Option<u8> {
    let digit = |byte: u8| char::from(byte).to_digit(16);
    let (high, low) = (digit(*bytes.get(at + 1)?)?, digit(*bytes.get(at + 2)?)?);
    u8::try_from(high * 16 + low).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    const TODAY: Date = jiff::civil::date(2026, 11, 21);

    fn elements(text: &str) -> Vec<(String, String)> {
        parse(text, TODAY).unwrap_or_else(|fault| panic!("{text}: {fault:?}")).elements
    }

    fn pairs(list: &[(&str, &str)]) -> Vec<(String, String)> {
        list.iter().map(|(ai, value)| ((*ai).to_owned(), (*value).to_owned())).collect()
    }

    #[test]
    fn keys_qualifiers_and_attributes() {
        let gtin = ("01", "09506000134352");
        assert_eq!(elements("https://id.gs1.org/01/09506000134352"), pairs(&[gtin]));
        assert_eq!(
            elements("https://shop.example:8443/some/stem/01/09506000134352/10/A%2F1/21/X?17=271231&linkType=all#top"),
            pairs(&[gtin, ("10", "A/1"), ("21", "X"), ("17", "271231")])
        );
        assert_eq!(
            elements("HTTP://EXAMPLE.COM/01/09506000134352/235/Z?&&30=5"),
            pairs(&[gtin, ("235", "Z"), ("30", "5")])
        );
    }

    #[test]
    fn what_is_wrong_is_named_with_its_place() {
        let table = [
            ("ftp://id.gs1.org/01/09506000134352", Code::InvalidUri, 0),
            ("Https://id.gs1.org/01/09506000134352", Code::InvalidUri, 0),
            ("https://id_gs1.org/01/09506000134352", Code::InvalidUri, 10),
            ("https://id.gs1.org/", Code::InvalidUri, 18),
            ("https://id.gs1.org/01/09506000134353", Code::CheckDigit, 35),
            ("https://id.gs1.org/01/9506000134352", Code::TooShort, 35),
            ("https://id.gs1.org/01/09506000134352/21/A/10/B", Code::MisplacedKey, 37),
            ("https://id.gs1.org/01/09506000134352?10=A", Code::MisplacedKey, 37),
            ("https://id.gs1.org/01/09506000134352?05=A", Code::UnknownAi, 37),
            ("https://id.gs1.org/01/09506000134352?17=", Code::TooShort, 40),
            ("https://id.gs1.org/01/09506000134352/10/A%00", Code::InvalidCharacter, 41),
            ("https://id.gs1.org/01/09506000134352/", Code::InvalidUri, 36),
        ];
        for (text, code, offset) in table {
            assert_eq!(parse(text, TODAY).map(drop), Err(Fault::new(code, offset)), "{text}");
        }
    }

    #[test]
    fn an_ordinary_address_is_no_digital_link() {
        assert!(!is_digital_link("https://example.com/products/17"));
        assert!(is_digital_link("https://example.com/01/09506000134352"));
    }
}
