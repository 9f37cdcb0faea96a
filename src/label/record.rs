//! The record that fills a label: nested fields, as they come from JSON or TOML.

use std::collections::BTreeMap;
use std::fmt;

use serde::de::{Error, MapAccess, SeqAccess, Visitor};
use serde::{Deserialize, Deserializer};

/// From here on a number with a fraction has lost digits (2^53).
const WHOLE_MAX: f64 = 9_007_199_254_740_992.0;

/// A value of a record.
#[derive(Clone, Debug, Default, PartialEq)]
pub enum Value {
    /// Nothing: an optional field that is not there.
    #[default]
    Null,
    /// Yes or no.
    Flag(bool),
    /// A whole number.
    Whole(i64),
    /// A number with a fraction.
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

    /// What a code of it holds: a text or a whole number; a scanner must read exactly what was meant.
    #[must_use]
    pub fn as_code(&self) -> Option<String> {
        match self {
            Value::Null | Value::Whole(_) | Value::Text(_) => self.as_text(),
            Value::Flag(_) | Value::Number(_) | Value::List(_) | Value::Table(_) => None,
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

impl<'de> Deserialize<'de> for Value {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(Values)
    }
}

struct Values;

impl<'de> Visitor<'de> for Values {
    type Value = Value;

    fn expecting(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str("a text, a number, true or false, a list or fields")
    }

    fn visit_unit<E>(self) -> Result<Value, E> {
        Ok(Value::Null)
    }

    fn visit_bool<E>(self, flag: bool) -> Result<Value, E> {
        Ok(Value::Flag(flag))
    }

    fn visit_i64<E>(self, number: i64) -> Result<Value, E> {
        Ok(Value::Whole(number))
    }

    fn visit_u64<E>(self, number: u64) -> Result<Value, E> {
        Ok(i64::try_from(number).map_or_else(|_| Value::Text(number.to_string()), Value::Whole))
    }

    fn visit_f64<E: Error>(self, number: f64) -> Result<Value, E> {
        // a number of more digits than fit comes as one that ends in other digits
        match number.is_finite() && number.abs() < WHOLE_MAX {
            true => Ok(Value::Number(number)),
            false => {
                Err(E::custom(format!("the number {number:e} is too long to be exact; write it as a text, in quotes")))
            }
        }
    }

    fn visit_str<E>(self, text: &str) -> Result<Value, E> {
        Ok(Value::Text(text.to_owned()))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut entries: A) -> Result<Value, A::Error> {
        let mut list = Vec::new();
        while let Some(entry) = entries.next_element()? {
            list.push(entry);
        }
        Ok(Value::List(list))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut fields: A) -> Result<Value, A::Error> {
        let mut table = BTreeMap::new();
        while let Some((name, value)) = fields.next_entry::<String, Value>()? {
            if table.contains_key(&name) {
                return Err(A::Error::custom(format!("\"{name}\" is there twice")));
            }
            table.insert(name, value);
        }
        Ok(Value::Table(table))
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_number_keeps_every_digit_or_is_refused() {
        let read = |json: &str| serde_json::from_str::<Value>(json).map(|value| value.as_code());
        assert_eq!(read("75312345678901").expect("fits"), Some("75312345678901".into()));
        assert_eq!(read("18446744073709551615").expect("fits"), Some("18446744073709551615".into()));
        assert!(read("12345678901234567890123").expect_err("too long").to_string().contains("as a text"));
        assert_eq!(read("1.5").expect("a number"), None, "no code holds a fraction");
        assert_eq!(read("true").expect("a flag"), None);
        assert!(serde_json::from_str::<Value>(r#"{"a": 1, "a": 2}"#).is_err());
    }
}
