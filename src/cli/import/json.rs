//! JSON files: an object with an array for each kind.

use std::path::Path;

use serde_json::{Map, Value};

use super::report::{Origin, Report};
use crate::cli::Failure;
use crate::intake::Kind;

/// What a JSON file describes.
pub(super) struct Objects {
    file: String,
    kinds: Map<String, Value>,
}

impl Objects {
    pub(super) fn read(file: &Path, bytes: Vec<u8>) -> Result<Objects, String> {
        let value: Value = serde_json::from_slice(&bytes).map_err(|error| error.to_string())?;
        let known: Vec<&str> = Kind::ALL.iter().map(|kind| kind.name()).collect();
        let Value::Object(kinds) = value else {
            return Err(format!("an object with {} is expected", known.join(", ")));
        };
        match kinds.keys().find(|key| !known.contains(&key.as_str())) {
            Some(key) => Err(format!("\"{key}\" is none of {}", known.join(", "))),
            None => Ok(Objects { file: file.display().to_string(), kinds }),
        }
    }

    pub(super) async fn send(&mut self, kind: Kind, report: &mut Report) -> Result<(), Failure> {
        let Some(Value::Array(objects)) = self.kinds.remove(kind.name()) else { return Ok(()) };
        for object in objects {
            report.add(kind, object, Origin::file(&self.file)).await?;
        }
        Ok(())
    }
}
