//! The library of scanner definitions and keyboard layouts: those of the program, and a warehouse's own.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;

use include_dir::{Dir, include_dir};

use super::file::Reader;
use crate::protocol::{Ambiguous, Definition, Framing, Identity, Input, Layout, VectorFile, choose, collisions};

static BUILT_IN: Dir<'_> = include_dir!("$CARGO_MANIFEST_DIR/firmware-protocols");

/// The folder with the keyboard layouts beside those of the vendors.
const LAYOUTS: &str = "layouts";

/// Definitions by `<vendor>/<family>`, keyboard layouts by name.
#[derive(Clone, Debug, Default)]
pub struct Library {
    definitions: BTreeMap<String, Arc<Definition>>,
    layouts: BTreeMap<String, Arc<Layout>>,
}

/// A definition or layout file that can't be read.
#[derive(Debug, thiserror::Error)]
#[error("{file}: {message}")]
pub struct ProtocolError {
    /// The file.
    pub file: String,
    /// What is wrong, with its line.
    pub message: String,
}

/// What a file holds.
enum Entry {
    Definition(Box<Definition>),
    Layout(Box<Layout>),
}

/// Reads `<vendor>/<family>` or `layouts/<name>`.
fn parse(file: &str, text: &str) -> Result<Entry, ProtocolError> {
    let failed = |message: String| ProtocolError { file: file.to_owned(), message };
    let Some(name) = file.strip_prefix(LAYOUTS).and_then(|name| name.strip_prefix('/')) else {
        let definition: Definition = toml::from_str(text).map_err(|error| failed(error.to_string()))?;
        definition.check().map_err(|error| failed(error.to_string()))?;
        return Ok(Entry::Definition(Box::new(definition)));
    };
    let layout: Layout = toml::from_str(text).map_err(|error| failed(error.to_string()))?;
    match layout.name() == name {
        true => Ok(Entry::Layout(Box::new(layout))),
        false => Err(failed(format!("the layout calls itself \"{}\", not \"{name}\"", layout.name()))),
    }
}

fn nearest<'a>(name: &str, known: impl Iterator<Item = &'a String>) -> Option<&'a str> {
    known
        .max_by(|one, other| strsim::jaro_winkler(name, one).total_cmp(&strsim::jaro_winkler(name, other)))
        .map(String::as_str)
}

impl Library {
    /// The definitions and layouts that come with the program.
    ///
    /// # Errors
    /// One of them can't be read or names a layout that is not there; a test keeps that from happening.
    pub fn built_in() -> Result<Library, ProtocolError> {
        let mut library = Library::default();
        for file in BUILT_IN.dirs().flat_map(Dir::files) {
            let path = file.path().with_extension("").to_string_lossy().into_owned();
            let is_entry =
                file.path().extension().is_some_and(|extension| extension == "toml") && !path.ends_with(".vectors");
            if let Some(text) = file.contents_utf8().filter(|_| is_entry) {
                let entry = parse(&path, text)?;
                library.insert(path, entry);
            }
        }
        library.drop_unusable().into_iter().next().map_or(Ok(library), Err)
    }

    /// The built-in definitions and those of a folder; a file with a mistake is told and passed over.
    pub(super) fn load(folder: Option<&Path>, reader: &mut Reader<'_>) -> Library {
        let mut library = Library::built_in().unwrap_or_else(|error| {
            reader.problem(None, error.to_string(), "this waybind is damaged; install it again");
            Library::default()
        });
        let Some(folder) = folder else { return library };
        let mut errors = Vec::new();
        for (name, read) in own(folder) {
            match read {
                Ok(entry) => library.insert(name, entry),
                Err(error) => errors.push(error),
            }
        }
        errors.extend(library.drop_unusable());
        for error in errors {
            reader.problem(
                reader.line_of("protocols"),
                error.to_string(),
                "correct that file, or take it out of the folder",
            );
        }
        let all = library.definitions.iter().map(|(name, definition)| (name.as_str(), &**definition));
        for collision in collisions(all) {
            let hint = "say more in one of them, or take its [[match]] out and name it in the [[device]]";
            reader.problem(reader.line_of("protocols"), collision.to_string(), hint);
        }
        library
    }

    /// The built-in definitions and those of a folder that can be read.
    #[must_use]
    pub fn with_folder(folder: Option<&Path>) -> Library {
        Library::load(folder, &mut Reader::new(""))
    }

    fn insert(&mut self, name: String, entry: Entry) {
        match entry {
            Entry::Definition(definition) => drop(self.definitions.insert(name, Arc::from(definition))),
            Entry::Layout(layout) => drop(self.layouts.insert(layout.name().to_owned(), Arc::from(layout))),
        }
    }

    /// Takes out the keyboards that would never give a code, and those whose layout is not there; names it and the
    /// nearest.
    fn drop_unusable(&mut self) -> Vec<ProtocolError> {
        let layouts = &self.layouts;
        let mut errors = Vec::new();
        self.definitions.retain(|file, definition| {
            let Framing::Keyboard(settings) = &definition.framing else { return true };
            let mut failed = |message| errors.push(ProtocolError { file: file.clone(), message });
            let has_end = settings.gap_ends || !settings.end.is_empty();
            if !has_end {
                failed("without an end key, gap-ends must be true".to_owned());
            }
            let is_there = layouts.contains_key(&settings.layout);
            if !is_there {
                let hint = nearest(&settings.layout, layouts.keys())
                    .map(|nearest| format!("; the nearest is \"{nearest}\""))
                    .unwrap_or_default();
                failed(format!("there is no keyboard layout \"{}\"{hint}", settings.layout));
            }
            is_there && has_end
        });
        errors
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

    /// A keyboard layout.
    #[must_use]
    pub fn layout(&self, name: &str) -> Option<&Arc<Layout>> {
        self.layouts.get(name)
    }

    /// The layout that a keyboard's definition names; none where it is no keyboard.
    #[must_use]
    pub fn layout_of(&self, definition: &Definition) -> Option<&Arc<Layout>> {
        match &definition.framing {
            Framing::Keyboard(settings) => self.layout(&settings.layout),
            _ => None,
        }
    }

    /// The definition that fits a device best, with its name.
    ///
    /// # Errors
    /// Several fit equally well.
    pub fn choose(&self, identity: &Identity) -> Result<Option<(&str, &Arc<Definition>)>, Ambiguous> {
        let all = self.definitions.iter().map(|(name, definition)| (name.as_str(), &**definition));
        let chosen = choose(all, identity)?;
        Ok(chosen.and_then(|name| Some((name, self.definitions.get(name)?))))
    }

    /// The definition of a device of which nothing is known but how it hands over what it read.
    #[must_use]
    pub fn generic(input: Input) -> &'static str {
        match input {
            Input::Serial => "generic/line",
            Input::Keyboard => "generic/keyboard",
            Input::HidPos => "generic/hid-pos",
        }
    }

    /// All keyboard layouts, by name.
    pub fn layouts(&self) -> impl Iterator<Item = &Arc<Layout>> {
        self.layouts.values()
    }

    pub(super) fn nearest(&self, name: &str) -> Option<&str> {
        nearest(name, self.definitions.keys())
    }
}

/// A warehouse's own definitions and layouts: `<vendor>/<family>.toml` and `layouts/<name>.toml` in a folder.
fn own(folder: &Path) -> Vec<(String, Result<Entry, ProtocolError>)> {
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
