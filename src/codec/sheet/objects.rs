//! JSON files: an object with an array for each kind. Each object is read by itself, so that a bad one refuses nothing
//! but itself.

use std::collections::{HashMap, HashSet};
use std::fmt;
use std::ops::Range;

use serde::de::{Deserialize, Deserializer, Error, MapAccess, Visitor};
use serde_json::Value;
use serde_json::value::RawValue;
use sha2::{Digest, Sha256};

use super::document::{DocumentError, Entry};
use super::said::Said;
use crate::codec::json::{Mistake, strict};
use crate::intake::{Kind, nearest};

/// UTF-8's mark, with which Windows begins files.
const BOM: &[u8] = b"\xef\xbb\xbf";
/// What a workbook or another archive begins with.
const ARCHIVE: &[u8] = b"PK\x03\x04";

/// What stands for an object where it is compared with another.
type Hash = [u8; 32];

/// What a JSON file describes: its text, and where its objects stand in it. They are read one by one, since as values
/// they take several times the file's size.
#[derive(Debug)]
pub struct Objects {
    text: String,
    items: Vec<Item>,
    /// Ids under which several objects stand that contradict each other.
    twice: HashSet<(Kind, String)>,
}

/// An object of a file.
#[derive(Debug)]
struct Item {
    kind: Kind,
    /// The line in which it begins, from 1.
    line: u32,
    /// Its bytes in the text.
    range: Range<usize>,
    /// Its id, where it could be read.
    id: Option<String>,
}

/// The fields of the outermost object, a name that stands twice among them.
struct Fields<'t>(Vec<(String, &'t RawValue)>);

impl<'de> Deserialize<'de> for Fields<'de> {
    fn deserialize<D: Deserializer<'de>>(reader: D) -> Result<Self, D::Error> {
        struct All;
        impl<'de> Visitor<'de> for All {
            type Value = Fields<'de>;

            fn expecting(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
                out.write_str("an object")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut fields: A) -> Result<Fields<'de>, A::Error> {
                let mut all: Vec<(String, &RawValue)> = Vec::new();
                while let Some((name, value)) = fields.next_entry::<String, &RawValue>()? {
                    if all.iter().any(|(known, _)| *known == name) {
                        return Err(A::Error::custom(format_args!("\"{name}\" stands twice")));
                    }
                    all.push((name, value));
                }
                Ok(Fields(all))
            }
        }
        reader.deserialize_map(All)
    }
}

/// A text of bytes that should be JSON.
fn text_of(mut bytes: Vec<u8>) -> Result<String, DocumentError> {
    let wrong = |what: &str| Err(DocumentError(what.to_owned()));
    if bytes.starts_with(BOM) {
        // a space is nothing to JSON
        bytes[..BOM.len()].fill(b' ');
    }
    if bytes.starts_with(ARCHIVE) {
        return wrong("it is a workbook or another archive; name it .xlsx");
    }
    if bytes.starts_with(b"\xff\xfe") || bytes.starts_with(b"\xfe\xff") {
        return wrong("it is UTF-16; save it as UTF-8");
    }
    if !matches!(bytes.trim_ascii_start().first(), Some(b'{' | b'[')) {
        return wrong("it is no JSON; workbooks are named .xlsx, text tables .csv or .tsv");
    }
    String::from_utf8(bytes).map_err(|error| {
        let good = &error.as_bytes()[..error.utf8_error().valid_up_to()];
        let line = 1 + good.iter().filter(|byte| **byte == b'\n').count();
        DocumentError(format!("it is not UTF-8 at line {line}; save it as UTF-8"))
    })
}

fn malformed(error: &serde_json::Error) -> DocumentError {
    let hint = if error.is_eof() { ": the file is damaged or cut off" } else { "" };
    DocumentError(format!("{error}{hint}"))
}

impl Objects {
    pub(super) fn read(bytes: Vec<u8>) -> Result<Objects, DocumentError> {
        let text = text_of(bytes)?;
        let items = items(&text)?;
        let mut objects = Objects { text, items, twice: HashSet::new() };
        objects.look_through();
        Ok(objects)
    }

    /// Notes the ids, and those that stand twice.
    fn look_through(&mut self) {
        let mut said: HashMap<(Kind, String), Said<Hash>> = HashMap::new();
        for item in &mut self.items {
            let Ok(object) = object(&self.text[item.range.clone()]) else { continue };
            let Some(id) = object[item.kind.fields()[0].path].as_str().map(str::to_owned) else { continue };
            let hash = Hash::from(Sha256::digest(object.to_string().as_bytes()));
            let version = object["version"].as_i64();
            item.id = Some(id.clone());
            let known = said.entry((item.kind, id));
            known.and_modify(|said| said.add(version, hash)).or_insert_with(|| Said::first(version, hash));
        }
        self.twice = said.into_iter().filter(|(_, said)| said.contradicts()).map(|(key, _)| key).collect();
    }

    /// The objects of one kind, in the order of the file.
    pub(super) fn of(&self, kind: Kind) -> impl Iterator<Item = Entry> + '_ {
        self.items.iter().filter(move |item| item.kind == kind).map(move |item| {
            let key = item.id.as_ref().map(|id| (kind, id.clone()));
            let outcome = match key.filter(|key| self.twice.contains(key)) {
                Some((_, id)) => Err((
                    Some(id),
                    "it stands twice in the file and differs; leave one, or give each its version".to_owned(),
                )),
                None => object(&self.text[item.range.clone()]).map_err(|why| (None, why)),
            };
            Entry { sheet: None, rows: vec![item.line], outcome }
        })
    }

    /// The ids of one kind, each with its line.
    pub(super) fn ids(&self, kind: Kind) -> impl Iterator<Item = (&str, u32)> {
        let items = self.items.iter().filter(move |item| item.kind == kind);
        items.filter_map(|item| Some((item.id.as_deref()?, item.line)))
    }

    pub(super) fn count(&self) -> u64 {
        self.items.len() as u64
    }
}

/// Finds the objects of a file.
fn items(text: &str) -> Result<Vec<Item>, DocumentError> {
    let known: Vec<&str> = Kind::ALL.iter().map(|kind| kind.name()).collect();
    if text.trim_start().starts_with('[') {
        let known = known.join(", ");
        return Err(DocumentError(format!(
            "an object with {known} is expected, and this is an array; write {{\"orders\": […]}}"
        )));
    }
    let Fields(fields) = serde_json::from_str(text).map_err(|error| malformed(&error))?;
    let mut lines = Lines { text, at: 0, line: 1 };
    let mut items = Vec::new();
    for (name, value) in fields {
        let Some(kind) = Kind::ALL.into_iter().find(|kind| kind.name() == name) else {
            let like = nearest(&name, known.iter().copied()).unwrap_or_default();
            let known = known.join(", ");
            return Err(DocumentError(format!("\"{name}\" is none of {known}; the nearest is \"{like}\"")));
        };
        let raw: Vec<&RawValue> = serde_json::from_str(value.get())
            .map_err(|_| DocumentError(format!("\"{name}\" is no array of {name}")))?;
        for item in raw {
            let (line, begin) = lines.of(item.get());
            items.push(Item { kind, line, range: begin..begin + item.get().len(), id: None });
        }
    }
    Ok(items)
}

/// Reads an object of its own.
fn object(text: &str) -> Result<Value, String> {
    match strict(text.as_bytes()) {
        Ok(object) if object.is_object() => Ok(object),
        Ok(_) => Err("it is no object".to_owned()),
        Err(error) => Err(Mistake::from(error).to_string()),
    }
}

/// The lines of a text, asked for from its beginning to its end.
struct Lines<'t> {
    text: &'t str,
    at: usize,
    line: u32,
}

impl Lines<'_> {
    /// The line in which a part of the text begins, and its first byte.
    fn of(&mut self, part: &str) -> (u32, usize) {
        let begin = part.as_ptr().addr().saturating_sub(self.text.as_ptr().addr());
        if let Some(passed) = self.text.as_bytes().get(self.at..begin) {
            let ends = passed.iter().filter(|byte| **byte == b'\n').count();
            self.line = self.line.saturating_add(u32::try_from(ends).unwrap_or(u32::MAX));
            self.at = begin;
        }
        (self.line, begin)
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a test")]
mod tests {
    use super::*;

    fn read(text: &str) -> Vec<(u32, String)> {
        let objects = Objects::read(text.as_bytes().to_vec()).unwrap();
        let told = |entry: Entry| match entry.outcome {
            Ok(object) => (entry.rows[0], object["id"].to_string()),
            Err((id, why)) => (entry.rows[0], format!("{}: {why}", id.unwrap_or_default())),
        };
        objects.of(Kind::Orders).map(told).collect()
    }

    #[test]
    fn a_bad_object_is_told_with_its_line_and_the_others_are_read() {
        let text =
            "\u{feff}{\"orders\": [\n{\"id\": \"A\"},\n\n 7, {\"id\": \"B\", \"x\": 1, \"x\": 2},\n{\"id\": \"C\"}]}";
        let told = read(text);
        assert_eq!([told[0].clone(), told[3].clone()], [(2, "\"A\"".to_owned()), (5, "\"C\"".into())]);
        assert_eq!(told[1], (4, ": it is no object".to_owned()));
        assert!(told[2].0 == 4 && told[2].1.contains("field `x` stands twice"), "{:?}", told[2]);
    }

    #[test]
    fn one_id_stands_once_or_says_the_same_or_says_its_version() {
        let twice = |more: &str| {
            let text = format!("{{\"orders\": [{{\"id\": \"A\", \"n\": 1}}, {{\"id\": \"A\", {more}}}]}}");
            read(&text).into_iter().filter(|(_, told)| told.contains("stands twice")).count()
        };
        assert_eq!(["\"n\": 1", "\"n\": 2", "\"n\": 1, \"version\": 2"].map(twice), [0, 2, 2]);
        let versions = "{\"orders\": [{\"id\": \"A\", \"version\": 2}, {\"id\": \"A\", \"version\": 1}]}";
        assert!(read(versions).iter().all(|(_, told)| told == "\"A\""));
    }

    #[test]
    fn what_is_no_json_says_what_it_is() {
        for (text, expected) in [
            (&b"{\"orders\": [{\"id\": \"A\""[..], "cut off"),
            (b"[{\"id\": \"A\"}]", "write {\"orders\""),
            (b"{\"order\": []}", "the nearest is \"orders\""),
            (b"{\"orders\": {}}", "no array"),
            (b"{\"orders\": [], \"orders\": []}", "\"orders\" stands twice"),
            (b"PK\x03\x04", "name it .xlsx"),
            (b"\xff\xfe{\0", "UTF-16"),
            (b"{\"orders\":\n[{\"id\": \"\xb6\xa9\"}]}", "not UTF-8 at line 2"),
            (b"a,b\n1,2\n", "no JSON"),
            (b"", "no JSON"),
        ] {
            let why = Objects::read(text.to_vec()).unwrap_err().to_string();
            assert!(why.contains(expected), "{why}");
        }
    }
}
