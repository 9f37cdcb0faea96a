//! What sheets and columns are called: the names that the program knows, and a warehouse's own mapping file.

use std::collections::BTreeMap;
use std::path::Path;

use serde::Deserialize;

use crate::intake::{Dictionary, Kind};

const BUILT_IN: &str = include_str!("headers.toml");
/// Largest mapping file, in bytes: some thousand names.
const FILE_MAX: u64 = 1024 * 1024;

/// A mapping file that can't be used.
#[derive(Debug, thiserror::Error)]
#[error("{file}: {message}")]
pub struct HeadersError {
    /// The file.
    pub file: String,
    /// What is wrong with it.
    pub message: String,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    products: Option<Names>,
    operators: Option<Names>,
    stop_lists: Option<Names>,
    orders: Option<Names>,
    pick_lists: Option<Names>,
    waybills: Option<Names>,
    manifests: Option<Names>,
}

#[derive(Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
struct Names {
    sheets: Vec<String>,
    headers: BTreeMap<String, Vec<String>>,
    words: BTreeMap<String, BTreeMap<String, String>>,
}

/// The names that the program knows, and those of a file, which count first.
///
/// # Errors
/// The file can't be read, is no TOML, or names a field that no sheet has.
pub fn headers(file: Option<&Path>) -> Result<Dictionary, HeadersError> {
    let mut dictionary = Dictionary::default();
    add(&mut dictionary, BUILT_IN, "headers.toml")?;
    if let Some(file) = file {
        add(&mut dictionary, &read_mapping(file)?, &file.display().to_string())?;
    }
    Ok(dictionary)
}

/// Reads a mapping file.
pub(super) fn read_mapping(file: &Path) -> Result<String, HeadersError> {
    let failed = |message: String| HeadersError { file: file.display().to_string(), message };
    let size = std::fs::metadata(file).map_err(|error| failed(format!("can't be read: {error}")))?.len();
    if size > FILE_MAX {
        return Err(failed(format!("it has more than {FILE_MAX} bytes")));
    }
    std::fs::read_to_string(file).map_err(|error| failed(format!("can't be read: {error}")))
}

fn add(dictionary: &mut Dictionary, text: &str, name: &str) -> Result<(), HeadersError> {
    let failed = |message: String| HeadersError { file: name.to_owned(), message };
    let file: File = toml::from_str(text).map_err(|error| failed(error.to_string()))?;
    let kinds = [
        (Kind::Products, file.products),
        (Kind::Operators, file.operators),
        (Kind::StopLists, file.stop_lists),
        (Kind::Orders, file.orders),
        (Kind::PickLists, file.pick_lists),
        (Kind::Waybills, file.waybills),
        (Kind::Manifests, file.manifests),
    ];
    for (kind, names) in kinds.into_iter().filter_map(|(kind, names)| Some((kind, names?))) {
        for sheet in &names.sheets {
            dictionary.add_sheet(kind, sheet);
        }
        for (path, headers) in &names.headers {
            for header in headers {
                dictionary.add_header(kind, path, header).map_err(|error| failed(error.to_string()))?;
            }
        }
        for (path, words) in &names.words {
            for (theirs, ours) in words {
                dictionary.add_word(kind, path, theirs, ours).map_err(|error| failed(error.to_string()))?;
            }
        }
    }
    Ok(())
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a test")]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn each_field_has_a_name_and_no_name_means_two() {
        let dictionary = headers(None).unwrap();
        for kind in Kind::ALL {
            let (sheet, names) = dictionary.template(kind);
            assert!(!sheet.is_ascii(), "{sheet}");
            for ((name, _), field) in names.iter().zip(kind.fields()) {
                assert_ne!(name, field.path, "{} have no header for it", kind.name());
            }
        }
        let file: toml::Table = BUILT_IN.parse().unwrap();
        for (kind, table) in &file {
            let mut seen = BTreeSet::new();
            for (path, names) in table["headers"].as_table().unwrap() {
                for name in names.as_array().unwrap() {
                    assert!(
                        seen.insert(name.as_str().unwrap().to_lowercase()),
                        "{kind}: {name} of {path} is there twice"
                    );
                }
            }
        }
    }

    #[test]
    fn a_mapping_file_counts_first_and_its_mistakes_are_told() {
        let mut dictionary = headers(None).unwrap();
        add(&mut dictionary, "[orders.headers]\nid = [\"参考号\"]\n", "own.toml").unwrap();
        let wrong = add(&mut dictionary, "[orders.headers]\nidd = [\"x\"]\n", "own.toml").unwrap_err();
        assert!(wrong.to_string().contains("own.toml") && wrong.to_string().contains("\"id\""), "{wrong}");
        assert!(add(&mut dictionary, "[order]\n", "own.toml").is_err());
        assert!(headers(Some(Path::new("/nonexistent.toml"))).is_err());
    }
}
