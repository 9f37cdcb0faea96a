//! JSON files: an object with an array for each kind.

use std::collections::{HashMap, HashSet};

use serde_json::{Map, Value};

use super::document::{DocumentError, Entry};
use crate::intake::Kind;

/// What a JSON file describes.
#[derive(Debug)]
pub struct Objects {
    kinds: Map<String, Value>,
}

fn id_of(kind: Kind, object: &Value) -> Option<&str> {
    object[kind.fields()[0].path].as_str()
}

/// The ids under which several objects stand that differ and do not say which is the later one.
fn twice(kind: Kind, objects: &[Value]) -> HashSet<String> {
    let mut first: HashMap<(&str, Option<i64>), &Value> = HashMap::new();
    let mut twice = HashSet::new();
    for object in objects {
        let Some(id) = id_of(kind, object) else { continue };
        let known = *first.entry((id, object["version"].as_i64())).or_insert(object);
        if known != object {
            twice.insert(id.to_owned());
        }
    }
    twice
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
        let twice = twice(kind, &objects);
        objects.into_iter().map(move |object| {
            let id = id_of(kind, &object).filter(|id| twice.contains(*id)).map(str::to_owned);
            let outcome = match id {
                Some(id) => Err((Some(id), "it stands twice in the file and differs".to_owned())),
                None => Ok(object),
            };
            Entry { sheet: None, rows: Vec::new(), outcome }
        })
    }

    pub(super) fn count(&self) -> u64 {
        self.kinds.values().filter_map(Value::as_array).map(|objects| objects.len() as u64).sum()
    }
}
