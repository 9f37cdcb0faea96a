//! The library of scanner definitions: those of the program, and a warehouse's own.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;

use include_dir::{Dir, include_dir};

use super::file::Reader;
use crate::protocol::{Definition, VectorFile};

static BUILT_IN: Dir<'_> = include_dir!("$CARGO_MANIFEST_DIR/firmware-protocols");

/// Definitions by `<vendor>/<family>`.
#[derive(Clone, Debug, Default)]
pub struct Library {
    definitions: BTreeMap<String, Arc<Definition>>,
}

/// A definition file that can't be read.
#[derive(Debug, thiserror::Error)]
#[error("{file}: {message}")]
pub struct ProtocolError {
    /// The file.
    pub file: String,
    /// What is wrong, with its line.
    pub message: String,
}

fn parse(file: &str, text: &str) -> Result<Definition, ProtocolError> {
    let failed = |message| ProtocolError { file: file.to_owned(), message };
    let definition: Definition = toml::from_str(text).map_err(|error| failed(error.to_string()))?;
    definition.check().map_err(|error| failed(error.to_string()))?;
    Ok(definition)
}

impl Library {
    /// The definitions that come with the program.
    ///
    /// # Errors
    /// One of them can't be read; a test keeps that from happening.
    pub fn built_in() -> Result<Library, ProtocolError> {
        let mut library = Library::default();
        for file in BUILT_IN.dirs().flat_map(Dir::files) {
            let path = file.path().with_extension("").to_string_lossy().into_owned();
            let is_definition =
                file.path().extension().is_some_and(|extension| extension == "toml") && !path.ends_with(".vectors");
            if let Some(text) = file.contents_utf8().filter(|_| is_definition) {
                library.definitions.insert(path.clone(), Arc::new(parse(&path, text)?));
            }
        }
        Ok(library)
    }

    /// The built-in definitions and those of a folder; a file with a mistake is told and passed over.
    pub(super) fn load(folder: Option<&Path>, reader: &mut Reader<'_>) -> Library {
        let mut library = Library::built_in().unwrap_or_else(|error| {
            reader.problem(None, error.to_string(), "");
            Library::default()
        });
        let Some(folder) = folder else { return library };
        for (name, read) in own(folder) {
            match read {
                Ok(definition) => drop(library.definitions.insert(name, Arc::new(definition))),
                Err(error) => reader.problem(reader.line_of("protocols"), error.to_string(), ""),
            }
        }
        library
    }

    /// The built-in definitions and those of a folder that can be read.
    #[must_use]
    pub fn with_folder(folder: Option<&Path>) -> Library {
        Library::load(folder, &mut Reader::new(""))
    }

    /// A definition.
    #[must_use]
    pub fn get(&self, name: &str) -> Option<&Arc<Definition>> {
        self.definitions.get(name)
    }

    /// All of them, by name.
    pub fn iter(&self) -> impl Iterator<Item = (&String, &Arc<Definition>)> {
        self.definitions.iter()
    }

    pub(super) fn nearest(&self, name: &str) -> Option<&str> {
        let nearest = self
            .definitions
            .keys()
            .max_by(|one, other| strsim::jaro_winkler(name, one).total_cmp(&strsim::jaro_winkler(name, other)));
        nearest.map(String::as_str)
    }
}

/// A warehouse's own definitions: `<vendor>/<family>.toml` in a folder.
fn own(folder: &Path) -> Vec<(String, Result<Definition, ProtocolError>)> {
    let entries = |path: &Path| std::fs::read_dir(path).into_iter().flatten().flatten().map(|entry| entry.path());
    let mut found = Vec::new();
    for file in entries(folder).flat_map(|vendor| entries(&vendor).collect::<Vec<_>>()) {
        let name = file.strip_prefix(folder).unwrap_or(&file).with_extension("").to_string_lossy().into_owned();
        if file.extension().is_none_or(|extension| extension != "toml") || name.ends_with(".vectors") {
            continue;
        }
        let text = std::fs::read_to_string(&file)
            .map_err(|error| ProtocolError { file: name.clone(), message: error.to_string() });
        found.push((name.clone(), text.and_then(|text| parse(&name, &text))));
    }
    found.sort_by(|one, other| one.0.cmp(&other.0));
    found
}

/// The test vectors beside a built-in definition.
///
/// # Errors
/// There are none, or they can't be read.
pub fn read_vectors(name: &str) -> Result<VectorFile, ProtocolError> {
    let failed = |message: String| ProtocolError { file: format!("{name}.vectors.toml"), message };
    let file = BUILT_IN.get_file(format!("{name}.vectors.toml")).ok_or_else(|| failed("is missing".into()))?;
    toml::from_str(file.contents_utf8().unwrap_or_default()).map_err(|error| failed(error.to_string()))
}
