//! JSON files: an object with an array for each kind.

use serde_json::{Map, Value};

use super::document::{DocumentError, Entry};
use crate::intake::Kind;

/// What a JSON file describes.
#[derive(Debug)]
pub struct Objects {
    kinds: Map<String, Value>,
}

impl Objects {
    pub(super) fn read(bytes: &[u8]) -> Result<Objects, DocumentError> {
        let value: Value = serde_json::from_slice(bytes).map_err(|error| DocumentError(error.to_string()))?;
        let known: Vec<&str> = Kind::ALL.iter().map(|kind| kind.name()).collect();
        let Value::Object(kinds) = value else {
            return Err(DocumentError(format!("an object with {} is expected", known.join(", "))));
        };
        if let Some(key) = kinds.keys().find(|key| !known.contains(&key.as_str())) {
            return Err(DocumentError(format!("\"{key}\" is none of {}", known.join(", "))));
        }
        match kinds.iter().find(|(_, value)| !value.is_array()) {
            Some((key, _)) => Err(DocumentError(format!("\"{key}\" is no array"))),
            None => Ok(Objects { kinds }),
        }
    }

    /// The objects of one kind; they are handed out once.
    pub(super) fn take(&mut self, kind: Kind) -> impl Iterator<Item = Entry> + use<> {
        let objects = match self.kinds.remove(kind.name()) {
            Some(Value::Array(objects)) => objects,
            _ => Vec::new(),
        };
        objects.into_iter().map(|object| Entry { sheet: None, rows: Vec::new(), outcome: Ok(object) })
    }

    pub(super) fn count(&self) -> u64 {
        self.kinds.values().filter_map(Value::as_array).map(|objects| objects.len() as u64).sum()
    }
}
