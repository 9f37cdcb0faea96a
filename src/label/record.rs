//! The record that fills a label: nested fields, as they come from JSON or TOML.

use std::collections::BTreeMap;

use serde::Deserialize;

/// A value of a record.
#[derive(Clone, Debug, Default, PartialEq, Deserialize)]
#[serde(untagged)]
pub enum Value {
    /// Nothing: an optional field that is not there.
    #[default]
    Null,
    /// Yes or no.
    Flag(bool),
    /// A whole number.
    Whole(i64),
    /// Any other number.
    Number(f64),
    /// A text.
    Text(String),
    /// Entries, for repetition.
    List(Vec<Value>),
    /// Fields.
    Table(BTreeMap<String, Value>),
}

impl Value {
    /// The field of a table.
    #[must_use]
    pub fn field(&self, name: &str) -> Option<&Value> {
        match self {
            Value::Table(fields) => fields.get(name),
            _ => None,
        }
    }

    /// What it reads as on paper; none for lists and tables, nothing for null.
    #[must_use]
    pub fn as_text(&self) -> Option<String> {
        match self {
            Value::Null => Some(String::new()),
            Value::Flag(flag) => Some(flag.to_string()),
            Value::Whole(number) => Some(number.to_string()),
            Value::Number(number) => Some(number.to_string()),
            Value::Text(text) => Some(text.clone()),
            Value::List(_) | Value::Table(_) => None,
        }
    }

    /// Whether there is nothing to show: null, an empty text, `false`, an empty list or table.
    #[must_use]
    pub fn is_blank(&self) -> bool {
        match self {
            Value::Null | Value::Flag(false) => true,
            Value::Flag(true) | Value::Whole(_) | Value::Number(_) => false,
            Value::Text(text) => text.trim().is_empty(),
            Value::List(entries) => entries.is_empty(),
            Value::Table(fields) => fields.is_empty(),
        }
    }

    /// A table of these fields.
    #[must_use]
    pub fn table<'a>(fields: impl IntoIterator<Item = (&'a str, Value)>) -> Value {
        Value::Table(fields.into_iter().map(|(name, value)| (name.to_owned(), value)).collect())
    }
}

impl From<&str> for Value {
    fn from(text: &str) -> Self {
        Value::Text(text.to_owned())
    }
}

impl From<String> for Value {
    fn from(text: String) -> Self {
        Value::Text(text)
    }
}
