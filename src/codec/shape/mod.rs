//! The answers of another system, mapped by a file: where its things stand in JSON, what its fields are, and what its
//! words mean. What the file does not say is not read, and nothing is guessed.
//!
//! # Format
//! TOML. `next`, `more`, `cursor`: where those stand in an answer; `[success]`: what an answer says when it is one, and
//! `error`: where it says why not. A table for each kind (`orders`, `products`, …) with `[orders.fields]` (our field =
//! their path; what stands after the first `[*]` is said of each thing, after the second of each of its lines),
//! `[orders.constants]`, `[orders.defaults]`, `[orders.words.<field>]` and `[orders.formats]` (`unix`, `unix-ms`).

mod path;
mod read;

use std::collections::BTreeMap;

use serde::Deserialize;

use self::path::Path;
use crate::intake::{Columns, Dictionary, Kind, Level, Words};

pub use self::read::{Made, Page, Piece, Unfit};

/// A mapping file that can't be used.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct ShapeError(pub String);

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    next: Option<String>,
    more: Option<String>,
    cursor: Option<String>,
    error: Option<String>,
    #[serde(default)]
    success: BTreeMap<String, toml::Value>,
    products: Option<Table>,
    operators: Option<Table>,
    stop_lists: Option<Table>,
    orders: Option<Table>,
    pick_lists: Option<Table>,
    waybills: Option<Table>,
    manifests: Option<Table>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Table {
    fields: BTreeMap<String, String>,
    #[serde(default)]
    constants: BTreeMap<String, toml::Value>,
    #[serde(default)]
    defaults: BTreeMap<String, toml::Value>,
    #[serde(default)]
    words: BTreeMap<String, BTreeMap<String, String>>,
    #[serde(default)]
    formats: BTreeMap<String, Format>,
}

/// How a time is written as a number.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
enum Format {
    /// Seconds since 1970.
    Unix,
    /// Milliseconds since 1970.
    UnixMs,
}

/// What an order may say beside what the API's object has: words about it.
const ABOUT: [&str; 3] = ["cancelled", "hold", "hold_note"];

/// What a hold may be: one of the reasons, `release` for those that came from upstream, or nothing.
const HOLDS: [&str; 5] = ["address_change", "risk", "refund", "other", "release"];

/// Whom a field is for.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Goal {
    /// The column of a thing, from 0.
    Column(usize),
    Cancelled,
    Hold,
    HoldNote,
}

/// Where a field's values come from.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Origin {
    /// A place in the thing.
    Thing(Path),
    /// A place in each of its lines.
    Part(Path),
    /// The file.
    Constant(String),
}

/// A field that is mapped.
#[derive(Clone, Debug)]
struct Mapped {
    goal: Goal,
    /// What people are told of it: theirs and ours.
    title: String,
    origin: Origin,
    default: Option<String>,
    words: Option<Words>,
    format: Option<Format>,
    /// A number would be taken for the days of a spreadsheet.
    is_time: bool,
}

/// Things of one kind in an answer.
#[derive(Clone, Debug)]
struct Mapping {
    kind: Kind,
    items: Path,
    /// Where a thing's lines are.
    parts: Option<Path>,
    fields: Vec<Mapped>,
    columns: Columns,
    /// Where a thing's version is.
    version: Option<Path>,
}

/// How a system's answers are read.
#[derive(Clone, Debug)]
pub struct Shape {
    next: Option<Path>,
    more: Option<Path>,
    cursor: Option<Path>,
    error: Option<Path>,
    success: Vec<(Path, String)>,
    mappings: Vec<Mapping>,
}

fn path(name: &str, text: &str) -> Result<Path, ShapeError> {
    Path::parse(text).map_err(|why| ShapeError(format!("{name}: {why}")))
}

/// A value of the file as the text that an answer would have.
fn plain(name: &str, value: &toml::Value) -> Result<String, ShapeError> {
    match value {
        toml::Value::String(text) => Ok(text.clone()),
        toml::Value::Integer(number) => Ok(number.to_string()),
        toml::Value::Float(number) => Ok(number.to_string()),
        toml::Value::Boolean(truth) => Ok(truth.to_string()),
        _ => Err(ShapeError(format!("{name} is no text, number or truth"))),
    }
}

impl Shape {
    /// Reads a mapping file; `dictionary` has the names that the program knows.
    ///
    /// # Errors
    /// What is wrong with it, with the place where that is known.
    pub fn parse(text: &str, dictionary: &Dictionary) -> Result<Shape, ShapeError> {
        let file: File = toml::from_str(text).map_err(|error| ShapeError(error.to_string()))?;
        let maybe = |name: &str, text: Option<String>| text.map(|text| path(name, &text)).transpose();
        let success = file.success.iter().map(|(place, value)| Ok((path("success", place)?, plain("success", value)?)));
        let tables = [
            (Kind::Products, file.products),
            (Kind::Operators, file.operators),
            (Kind::StopLists, file.stop_lists),
            (Kind::Orders, file.orders),
            (Kind::PickLists, file.pick_lists),
            (Kind::Waybills, file.waybills),
            (Kind::Manifests, file.manifests),
        ];
        let tables = tables.into_iter().filter_map(|(kind, table)| Some((kind, table?)));
        let shape = Shape {
            success: success.collect::<Result<_, ShapeError>>()?,
            next: maybe("next", file.next)?,
            more: maybe("more", file.more)?,
            cursor: maybe("cursor", file.cursor)?,
            error: maybe("error", file.error)?,
            mappings: tables.map(|(kind, table)| table.mapping(kind, dictionary)).collect::<Result<_, _>>()?,
        };
        if shape.mappings.is_empty() {
            return Err(ShapeError("it maps nothing; begin with [orders.fields] and id = \"data[*].order_no\"".into()));
        }
        let several = [("next", &shape.next), ("more", &shape.more), ("error", &shape.error)];
        if let Some((name, _)) = several.iter().find(|(_, path)| path.as_ref().is_some_and(|path| path.depth() > 0)) {
            return Err(ShapeError(format!("{name} is said once of an answer, not of each thing in it")));
        }
        Ok(shape)
    }

    /// Whether an answer names the cursor of the next one.
    #[must_use]
    pub fn has_next(&self) -> bool {
        self.next.is_some()
    }

    /// Whether the cursor is the greatest value of a field.
    #[must_use]
    pub fn has_cursor(&self) -> bool {
        self.cursor.is_some()
    }
}

impl Table {
    fn mapping(mut self, kind: Kind, dictionary: &Dictionary) -> Result<Mapping, ShapeError> {
        let name = kind.name();
        let wrong = |why: String| ShapeError(format!("{name}: {why}"));
        let id = kind.fields()[0].path;
        let missing = || wrong(format!("[{name}.fields] does not say where {id} is"));
        let items = path(&format!("{name}.fields.{id}"), self.fields.get(id).ok_or_else(missing)?)?;
        if items.depth() != 1 {
            return Err(wrong(format!("the path of {id} goes through one array, [*], the one of the things")));
        }
        let items = items.split(1).0;
        let mut parts: Option<Path> = None;
        let mut fields = Vec::new();
        for (field, text) in std::mem::take(&mut self.fields) {
            let place = path(&format!("{name}.fields.{field}"), &text)?;
            let inner = place.after(&items).ok_or_else(|| {
                wrong(format!("the path of {field} is not in the array that {id} is in; constants can't be read"))
            })?;
            let origin = match inner.depth() {
                0 => Origin::Thing(inner),
                _ if self.is_list(kind, &field) => Origin::Thing(inner),
                1 => {
                    let (list, rest) = inner.split(1);
                    if parts.as_ref().is_some_and(|known| *known != list) {
                        return Err(wrong(format!("{field} is in another array than the other lines")));
                    }
                    parts = Some(list);
                    Origin::Part(rest)
                }
                _ => return Err(wrong(format!("the path of {field} goes through too many arrays"))),
            };
            fields.push((field, text, origin));
        }
        for (field, value) in std::mem::take(&mut self.constants) {
            if fields.iter().any(|(known, ..)| *known == field) {
                return Err(wrong(format!("{field} is a constant and has a path")));
            }
            let value = plain(&field, &value)?;
            fields.push((field, String::new(), Origin::Constant(value)));
        }
        let known = |field: &String| fields.iter().any(|(known, ..)| known == field);
        let named = self.defaults.keys().chain(self.words.keys()).chain(self.formats.keys());
        if let Some(stray) = named.into_iter().find(|field| !known(field)) {
            return Err(wrong(format!("{stray} has no path in [{name}.fields]")));
        }
        self.assembled(kind, items, parts, fields, dictionary)
    }

    /// Whether a path through one more array is a list in one value: serials, the orders of a waybill.
    fn is_list(&self, kind: Kind, field: &str) -> bool {
        use crate::intake::Shape::{Codes, Words};
        kind.fields()
            .iter()
            .any(|known| known.path == field && matches!(known.shape, Codes | Words(_)) && !field.starts_with("lines."))
    }

    fn assembled(
        &self,
        kind: Kind,
        items: Path,
        parts: Option<Path>,
        fields: Vec<(String, String, Origin)>,
        dictionary: &Dictionary,
    ) -> Result<Mapping, ShapeError> {
        use crate::intake::Shape::{Day, Time};
        let wrong = |why: String| ShapeError(format!("{}: {why}", kind.name()));
        let mut mapped = Vec::new();
        let mut titles: Vec<(&str, String)> = Vec::new();
        for (field, text, origin) in &fields {
            let title = if text.is_empty() { field.clone() } else { format!("{field} ({text})") };
            let is_about = kind == Kind::Orders && ABOUT.contains(&field.as_str());
            let goal = match (is_about, field.as_str()) {
                (true, "cancelled") => Goal::Cancelled,
                (true, "hold") => Goal::Hold,
                (true, _) => Goal::HoldNote,
                (false, _) => Goal::Column(titles.len()),
            };
            let known = kind.fields().iter().find(|known| known.path == field);
            if known.is_some_and(|known| known.is_told) {
                return Err(wrong(format!("{field} is not part of its object; map [waybills.fields]")));
            }
            if known.is_some_and(|known| known.level == Level::Head) && matches!(origin, Origin::Part(_)) {
                return Err(wrong(format!("{field} is said once of a thing; its path goes through its lines")));
            }
            let mut words = match &goal {
                Goal::Cancelled => Words::of(crate::intake::Shape::Truth),
                Goal::Hold => Some(Words::ours(&HOLDS)),
                _ => dictionary.words(kind, field),
            };
            for (theirs, ours) in self.words.get(field).into_iter().flatten() {
                let added = words.get_or_insert_default().add(theirs, ours);
                added.map_err(|why| wrong(format!("words.{field}: {why}")))?;
            }
            let format = self.formats.get(field).copied();
            let is_time = known.is_some_and(|known| matches!(known.shape, Day | Time));
            if format.is_some() && !is_time {
                return Err(wrong(format!("formats.{field}: it is no time")));
            }
            let default = self.defaults.get(field).map(|value| plain(field, value)).transpose()?;
            if !is_about {
                titles.push((field, title.clone()));
            }
            mapped.push(Mapped { goal, title, origin: origin.clone(), default, words, format, is_time });
        }
        let columns = dictionary.columns_of(kind, &titles).map_err(|error| ShapeError(error.to_string()))?;
        for required in kind.fields().iter().filter(|field| field.is_required) {
            if !titles.iter().any(|(field, _)| *field == required.path) {
                return Err(wrong(format!("nothing says what {} is: a path, or a constant", required.path)));
            }
        }
        let version = fields.iter().find(|(field, ..)| field == "version").and_then(|(.., origin)| match origin {
            Origin::Thing(path) => Some(path.clone()),
            Origin::Part(_) | Origin::Constant(_) => None,
        });
        Ok(Mapping { kind, items, parts, fields: mapped, columns, version })
    }
}
