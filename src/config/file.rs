//! Reading TOML key by key, so that every mistake is found and each has its line.

use std::path::PathBuf;

use serde::Deserialize;
use serde::de::DeserializeOwned;
use toml::Spanned;
use toml::de::{DeTable, DeValue, ValueDeserializer};

/// A mistake in a configuration file.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize)]
pub struct Problem {
    /// The line, from 1.
    pub line: Option<usize>,
    /// What is wrong.
    pub message: String,
    /// What to do.
    pub hint: String,
}

impl Problem {
    pub(super) fn unreadable(error: &std::io::Error) -> Self {
        match error.kind() {
            std::io::ErrorKind::NotFound => Problem {
                line: None,
                message: "there is no such file".into(),
                hint: "name the configuration, for example waybind.toml".into(),
            },
            _ => Problem {
                line: None,
                message: format!("can't be read: {error}"),
                hint: "it must be a text file that this user may read".into(),
            },
        }
    }
}

impl std::fmt::Display for Problem {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        if let Some(line) = self.line {
            write!(out, "line {line}: ")?;
        }
        out.write_str(&self.message)?;
        if self.hint.is_empty() { Ok(()) } else { write!(out, " ({})", self.hint) }
    }
}

/// A secret: written out, or in a file of its own.
#[derive(Clone, Default, PartialEq, Eq, Deserialize)]
#[serde(untagged)]
pub enum Secret {
    /// None.
    #[default]
    None,
    /// Written out.
    Text(String),
    /// In a file.
    File {
        /// Which.
        file: PathBuf,
    },
}

impl Secret {
    /// The secret, from its file where it is there; none if there is none.
    ///
    /// # Errors
    /// The file can't be read, or the secret is empty, in words.
    pub fn text(&self) -> Result<Option<String>, String> {
        let text = match self {
            Secret::None => return Ok(None),
            Secret::Text(text) => text.clone(),
            Secret::File { file } => std::fs::read_to_string(file)
                .map_err(|error| format!("the secret's file {} can't be read: {error}", file.display()))?
                .trim()
                .to_owned(),
        };
        if text.is_empty() { Err("a secret is empty".into()) } else { Ok(Some(text)) }
    }
}

impl std::fmt::Debug for Secret {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        out.write_str("Secret(…)")
    }
}

/// Collects mistakes while a file is read.
pub(crate) struct Reader<'t> {
    text: &'t str,
    problems: Vec<Problem>,
}

impl<'t> Reader<'t> {
    pub(super) fn new(text: &'t str) -> Self {
        Reader { text, problems: Vec::new() }
    }

    /// Reads the file's root table.
    pub(super) fn root<T: Default>(&mut self, read: impl FnOnce(&DeTable<'t>, &mut Reader<'t>) -> T) -> T {
        match DeTable::parse(self.text) {
            Ok(table) => read(table.get_ref(), self),
            Err(error) => {
                let line = error.span().map(|span| self.line(span.start));
                self.problem(line, error.message().to_owned(), SYNTAX);
                T::default()
            }
        }
    }

    pub(super) fn line(&self, at: usize) -> usize {
        self.text.as_bytes().iter().take(at).filter(|byte| **byte == b'\n').count() + 1
    }

    /// The line on which a root key stands.
    pub(super) fn line_of(&self, key: &str) -> Option<usize> {
        let stands =
            |line: &str| line.trim_start().strip_prefix(key).is_some_and(|rest| rest.trim_start().starts_with('='));
        self.text.lines().position(stands).map(|index| index + 1)
    }

    /// The line on which a root table begins.
    pub(super) fn table_line(&self, name: &str) -> Option<usize> {
        let begins = |line: &str| line.trim().strip_prefix('[').and_then(|rest| rest.strip_suffix(']')) == Some(name);
        self.text.lines().position(begins).map(|index| index + 1)
    }

    pub(super) fn problem(&mut self, line: Option<usize>, message: impl Into<String>, hint: impl Into<String>) {
        self.problems.push(Problem { line, message: message.into(), hint: hint.into() });
    }

    pub(super) fn unknown(&mut self, key: &Spanned<std::borrow::Cow<'_, str>>, known: &[&'static str]) {
        let name = key.get_ref();
        let likeness = |known: &str| strsim::jaro_winkler(name, known);
        let elsewhere = super::SECTIONS.iter().filter_map(|(section, keys)| Some((section, nearest(name, keys)?)));
        let elsewhere = elsewhere.max_by(|one, other| likeness(one.1).total_cmp(&likeness(other.1)));
        let hint = match (nearest(name, known), elsewhere) {
            (Some(here), Some((section, there))) if likeness(there) > likeness(here) => {
                format!("\"{there}\" belongs to a [[{section}]]")
            }
            (Some(here), _) => format!("the nearest is \"{here}\""),
            (None, _) => "take it out".to_owned(),
        };
        self.problem(Some(self.line(key.span().start)), format!("there is no key \"{name}\""), hint);
    }

    pub(super) fn value<T: DeserializeOwned>(&mut self, key: &str, value: &Spanned<DeValue<'_>>) -> Option<T> {
        match T::deserialize(ValueDeserializer::from(value.clone())) {
            Ok(read) => Some(read),
            Err(error) => {
                let line = self.line(value.span().start);
                let hint = advice(error.message());
                self.problem(Some(line), format!("{key}: {}", error.message().trim()), hint);
                None
            }
        }
    }

    pub(super) fn finish(mut self) -> Vec<Problem> {
        self.problems.sort_by_key(|problem| problem.line);
        self.problems
    }
}

/// What to do about a text that is no TOML.
pub(super) const SYNTAX: &str =
    "write each key as key = value on its own line, texts in quotes, and tables as [name] or [[name]]";

/// What to do about a value, from what its type said of it.
fn advice(said: &str) -> String {
    let names: Vec<&str> = said.split('`').skip(1).step_by(2).collect();
    if said.contains("unknown variant") || said.contains("unknown field") {
        let [written, known @ ..] = names.as_slice() else { return "choose another word".into() };
        let nearest = nearest(written, known).unwrap_or_default();
        return format!("the nearest is \"{nearest}\"; it can be {}", known.join(", "));
    }
    let expected = said.rsplit_once("expected ").map_or("", |(_, expected)| expected.trim());
    let advice = match expected {
        _ if said.contains("socket address") => {
            "write an address and a port, for example 127.0.0.1:8080 or 0.0.0.0:8080"
        }
        "a boolean" => "write true or false, without quotes",
        "a string" | "path string" => "write a text in quotes",
        "a sequence" => "write a list in brackets, for example [\"a\", \"b\"]",
        "u8" | "u16" | "u32" | "u64" | "usize" => "write a whole number from 0, without quotes",
        "i32" | "i64" => "write a whole number, without quotes",
        "f32" | "f64" => "write a number, without quotes",
        _ => "write a value of the kind that the message names",
    };
    advice.to_owned()
}

pub(super) fn nearest<'k>(name: &str, known: &[&'k str]) -> Option<&'k str> {
    let likeness = |known: &str| strsim::jaro_winkler(name, known);
    known.iter().copied().max_by(|one, other| likeness(one).total_cmp(&likeness(other)))
}

/// A key's name in the file: `match` is a word of Rust's too, and written `r#match` there.
pub(crate) const fn key_name(identifier: &'static str) -> &'static str {
    match identifier.as_bytes() {
        [b'r', b'#', ..] => identifier.split_at(2).1,
        _ => identifier,
    }
}

/// Defines a table of the file: each key once, with its documentation, type and default.
macro_rules! section {
    ($(#[$doc:meta])* $name:ident { $($(#[doc = $key_doc:literal])* $key:ident: $type:ty = $default:expr $(, $kind:ident)?;)* }) => {
        $(#[$doc])*
        #[derive(Clone, Debug)]
        pub struct $name {
            $($(#[doc = $key_doc])* pub $key: $type,)*
            /// The line on which it stands in the file.
            pub line: Option<usize>,
        }

        impl Default for $name {
            fn default() -> Self {
                $name { $($key: $default,)* line: None }
            }
        }

        impl $name {
            /// Its keys.
            pub const KEYS: &'static [&'static str] = &[$(crate::config::file::key_name(stringify!($key))),*];

            #[allow(unused_variables, clippy::allow_attributes, reason = "a table without tables in it")]
            pub(crate) fn read(table: &toml::de::DeTable<'_>, reader: &mut crate::config::file::Reader<'_>) -> Self {
                let mut section = $name::default();
                for (key, value) in table.iter() {
                    match key.get_ref().as_ref() {
                        $(name if name == crate::config::file::key_name(stringify!($key)) => section!(@read section, reader, $key, value, $type $(, $kind)?),)*
                        _ => reader.unknown(key, Self::KEYS),
                    }
                }
                section
            }

            /// Takes one key's value from another.
            #[allow(dead_code, clippy::allow_attributes, reason = "only the root table is overridden key by key")]
            pub(crate) fn take(&mut self, key: &str, other: Self) {
                match key {
                    $(stringify!($key) => self.$key = other.$key,)*
                    _ => {}
                }
            }
        }
    };
    (@read $section:ident, $reader:ident, $key:ident, $value:ident, $type:ty) => {
        if let Some(read) = $reader.value::<$type>(crate::config::file::key_name(stringify!($key)), $value) {
            $section.$key = read;
        }
    };
    (@read $section:ident, $reader:ident, $key:ident, $value:ident, $type:ty, tables) => {
        match $value.get_ref().as_array() {
            Some(tables) => {
                for table in tables.iter() {
                    match table.get_ref().as_table() {
                        Some(inner) => {
                            let mut read = <$type as crate::config::file::Tables>::read_one(inner, $reader);
                            read.line = Some($reader.line(table.span().start));
                            $section.$key.push(read);
                        }
                        None => $reader.problem(Some($reader.line(table.span().start)), concat!(stringify!($key), " must be a table"), concat!("write [[", stringify!($key), "]] above its keys")),
                    }
                }
            }
            None => {
                let line = Some($reader.line($value.span().start));
                $reader.problem(line, concat!(stringify!($key), " is written with two brackets: [[", stringify!($key), "]]"), "write that line above its keys, once for each");
            }
        }
    };
}

/// A list of tables whose elements know how to read themselves.
pub(crate) trait Tables {
    type One;
    fn read_one(table: &DeTable<'_>, reader: &mut Reader<'_>) -> Self::One;
}

pub(crate) use section;
