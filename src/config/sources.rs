//! Sources in the configuration: where waybind fetches by itself what upstream describes, and how it is read.

use std::collections::HashSet;
use std::path::{Path, PathBuf};

use hyper::Uri;
use serde::Deserialize;
use toml::de::DeTable;

use super::CONFIG_FILE;
use super::file::{Reader, Secret, Tables, section};
use super::headers::{headers, read_mapping};
use super::targets::{address, check_name};
use crate::codec::shape::Shape;

/// What a source that watches the wrong folder should do.
const OWN_FOLDER: &str = "give it a folder of its own";

/// What stands for the cursor, the page's number and its size in an address.
pub const PLACEHOLDERS: [&str; 3] = ["{cursor}", "{page}", "{size}"];

section! {
    /// A source: somebody who is asked what there is to do, or a folder that is watched.
    SourceSettings {
        /// What people call it; also its folder's name.
        name: String = String::new();
        /// How it is read.
        kind: Option<SourceKind> = None;
        /// For `http`: what is asked; `{cursor}`, `{page}` and `{size}` are filled in.
        url: Option<String> = None;
        /// For `http`: the cursor of the very first call.
        cursor: String = String::new();
        /// For `http`: things of an answer.
        size: u32 = 200;
        /// For `http`: what is posted to once a page is in the ledger; `{cursor}` and `{page}` are filled in.
        acknowledge: Option<String> = None;
        /// For `http`: how the secret is shown.
        auth: Option<Auth> = None;
        /// For `auth = "basic"`: the user.
        user: String = String::new();
        /// For `auth = "header"`: the header's name.
        header: String = String::new();
        /// For `http`: the token or password.
        secret: Secret = Secret::None;
        /// For `folder`: which.
        path: Option<PathBuf> = None;
        /// A file with names: for `http` the shape of its answers, for `folder` a warehouse's headers.
        mapping: Option<PathBuf> = None;
        /// Seconds between two looks; 60 for `http`, 5 for `folder`.
        every: Option<u32> = None;
    }
}

/// How a source is read.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum SourceKind {
    /// It is asked over HTTP.
    Http,
    /// Files are put into a folder.
    Folder,
}

impl SourceKind {
    /// As the configuration writes it.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            SourceKind::Http => "http",
            SourceKind::Folder => "folder",
        }
    }
}

/// How a secret is shown.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Auth {
    /// `Authorization: Bearer …`.
    Bearer,
    /// `Authorization: Basic …`, of user and secret.
    Basic,
    /// A header of its own.
    Header,
}

impl Tables for Vec<SourceSettings> {
    type One = SourceSettings;
    fn read_one(table: &DeTable<'_>, reader: &mut Reader<'_>) -> SourceSettings {
        SourceSettings::read(table, reader)
    }
}

/// The address that a template is without its placeholders; it has the host that is called.
///
/// # Errors
/// What is wrong with it.
pub fn template_address(template: &str) -> Result<Uri, String> {
    let filled = PLACEHOLDERS.iter().fold(template.to_owned(), |text, placeholder| text.replace(placeholder, "0"));
    if filled.contains(['{', '}']) {
        return Err(format!("it has something else in braces than {}", PLACEHOLDERS.join(", ")));
    }
    let uri = address(&filled)?;
    let host = template.split('/').nth(2).unwrap_or_default();
    if host.contains('{') { Err("its host has a placeholder".into()) } else { Ok(uri) }
}

impl SourceSettings {
    /// Seconds between two looks.
    #[must_use]
    pub fn interval(&self) -> u32 {
        self.every.unwrap_or(if self.kind == Some(SourceKind::Folder) { 5 } else { 60 })
    }

    /// The shape of its answers, and the text that says so.
    ///
    /// # Errors
    /// The mapping file can't be used, in words.
    pub fn shape(&self) -> Result<(Shape, String), String> {
        let file = self.mapping.as_deref().ok_or("it has no mapping")?;
        let text = read_mapping(file).map_err(|error| error.to_string())?;
        let dictionary = headers(None).map_err(|error| error.to_string())?;
        let shape = Shape::parse(&text, &dictionary).map_err(|error| format!("{}: {error}", file.display()))?;
        Ok((shape, text))
    }
}

pub(super) fn check(sources: &[SourceSettings], reader: &mut Reader<'_>) {
    let mut names = HashSet::new();
    let mut paths: HashSet<&Path> = HashSet::new();
    for source in sources {
        let name = &source.name;
        check_name("source", name, source.line, reader);
        if !name.is_empty() && !names.insert(name.as_str()) {
            reader.problem(source.line, format!("source \"{name}\" stands twice"), "give each source its own name");
        }
        if let Some(path) = source.path.as_deref() {
            // what one source puts away is nothing for another
            if paths.iter().any(|known| known.starts_with(path) || path.starts_with(known)) {
                reader.problem(source.line, format!("source \"{name}\" watches another source's folder"), OWN_FOLDER);
            }
            paths.insert(path);
        }
        for (message, hint) in problems(source) {
            reader.problem(source.line, format!("source \"{name}\" {message}"), hint);
        }
    }
}

/// What is wrong with a source, and what to do.
fn problems(source: &SourceSettings) -> Vec<(String, &'static str)> {
    let mut found: Vec<(String, &'static str)> = Vec::new();
    if source.every == Some(0) {
        found.push(("looks without a pause".into(), "write every = 60, in seconds"));
    }
    match source.kind {
        None => found.push(("does not say what kind it is".into(), "write kind = \"http\" or \"folder\"")),
        Some(SourceKind::Folder) => {
            match &source.path {
                None => found.push(("has no path".into(), "write path = \"inbox\", a folder")),
                Some(path) if !path.is_dir() => {
                    found.push((format!("watches {}, which is no folder", path.display()), "make it"));
                }
                Some(path) if path.join(CONFIG_FILE).exists() => {
                    found.push(("watches the folder of a configuration, which would be put away".into(), OWN_FOLDER));
                }
                Some(_) => {}
            }
            if source.url.is_some() || source.acknowledge.is_some() || source.auth.is_some() {
                found.push(("is a folder and has what only http has".into(), "a folder has path, mapping, every"));
            }
            if let Err(error) = headers(source.mapping.as_deref()) {
                found.push((format!("has a mapping that can't be used: {error}"), "correct that file"));
            }
        }
        Some(SourceKind::Http) => problems_of_http(source, &mut found),
    }
    found
}

fn problems_of_http(source: &SourceSettings, found: &mut Vec<(String, &'static str)>) {
    const URL: &str = "write url = \"https://erp.example/orders?since={cursor}&size={size}\"";
    match source.url.as_deref().map(template_address) {
        None => found.push(("has no url".into(), URL)),
        Some(Err(wrong)) => found.push((format!("can't be asked: {wrong}"), URL)),
        Some(Ok(_)) => {}
    }
    if let Some(Err(wrong)) = source.acknowledge.as_deref().map(template_address) {
        found.push((format!("can't be told that a page was taken: {wrong}"), URL));
    }
    if source.path.is_some() {
        found.push(("has a path".into(), "only a folder has one"));
    }
    if !(1..=10_000).contains(&source.size) {
        found.push((format!("asks for {} things at once", source.size), "write size = 200"));
    }
    let secret = source.secret.text();
    match (source.auth, &secret) {
        (_, Err(wrong)) => found.push((format!("has no usable secret: {wrong}"), "secret = { file = \"…\" }")),
        (Some(_), Ok(None)) => found.push(("has no secret to show".into(), "write secret = { file = \"…\" }")),
        (None, Ok(Some(_))) => {
            found.push((
                "does not say how its secret is shown".into(),
                "write auth = \"bearer\", \"basic\" or \"header\"",
            ));
        }
        (None, Ok(None)) | (Some(_), Ok(Some(_))) => {}
    }
    match source.auth {
        Some(Auth::Basic) if source.user.is_empty() => found.push(("has no user".into(), "write user = \"waybind\"")),
        Some(Auth::Header) if source.header.parse::<hyper::header::HeaderName>().is_err() => {
            found.push((
                format!("shows its secret in the header \"{}\"", source.header),
                "write header = \"X-Api-Key\"",
            ));
        }
        _ => {}
    }
    match source.shape() {
        Err(wrong) => found.push((format!("can't be read: {wrong}"), "write mapping = \"erp.toml\"")),
        Ok((shape, _)) => {
            let url = source.url.as_deref().unwrap_or_default();
            if (shape.has_next() || shape.has_cursor()) && !url.contains("{cursor}") {
                found.push(("has a cursor in its answers and none in its url".into(), URL));
            }
            if url.contains("{cursor}") && !shape.has_next() && !shape.has_cursor() {
                found.push((
                    "asks with a cursor, and its mapping does not say where that comes from".into(),
                    "write next or cursor in the mapping",
                ));
            }
        }
    }
}
