//! An answer read by its shape: what page it is, and what its things are as objects of the API.

use jiff::Timestamp;
use jiff::tz::TimeZone;
use serde_json::Value;

use super::{Format, Goal, Mapped, Mapping, Origin, Shape, ShapeError};
use crate::codec::json::json;
use crate::intake::{Assembly, Cell, Kind, PARTS_MAX, Row, Survey};

/// Longest text of their error that is told, in characters.
const TOLD_MAX: usize = 200;

/// What an answer says of itself.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Page {
    /// The cursor of the next answer, where answers name it.
    pub next: Option<String>,
    /// Whether there is more, where answers say so.
    pub more: Option<bool>,
    /// The greatest value of the cursor's field.
    pub greatest: Option<String>,
}

/// A thing of an answer, as it stands there.
#[derive(Clone, Copy, Debug)]
pub struct Piece<'v> {
    /// What it is.
    pub kind: Kind,
    /// It.
    pub value: &'v Value,
}

/// A thing that was mapped.
#[derive(Clone, Debug, PartialEq)]
pub struct Made {
    /// Its id.
    pub id: String,
    /// The object for the API.
    pub object: Value,
    /// Whether an order is cancelled, where that is said.
    pub cancelled: Option<bool>,
    /// Why an order is to be held, or `release`.
    pub hold: Option<String>,
    /// What is said about the hold.
    pub hold_note: Option<String>,
}

/// A thing that can't be mapped.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Unfit {
    /// Its id, where that could be read.
    pub id: Option<String>,
    /// Why.
    pub reason: String,
    /// Words that stand in no dictionary: field, and word.
    pub words: Vec<(String, String)>,
    /// Its version, where that could be read: it must not take the place of a newer one.
    pub version: Option<i64>,
}

/// A value as a cell of a sheet would have it.
fn cell(value: Option<&Value>, mapped: &Mapped, zone: &TimeZone) -> Cell {
    let number = |text: String| match (mapped.is_time, mapped.format) {
        (false, _) => Cell::Text(text),
        (true, None) => Cell::Fault(format!("{text} is a number; say in `formats` whether it is unix or unix-ms")),
        (true, Some(format)) => moment(&text, format, zone),
    };
    match value {
        None | Some(Value::Null) => Cell::Empty,
        Some(Value::String(text)) if mapped.format.is_some() && text.trim().parse::<i64>().is_ok() => {
            number(text.trim().to_owned())
        }
        Some(Value::String(text)) => Cell::Text(text.clone()),
        Some(Value::Number(found)) if has_lost_digits(found) => lost_digits(found),
        Some(Value::Number(found)) => number(found.to_string()),
        Some(Value::Bool(truth)) => Cell::Bool(*truth),
        Some(Value::Array(several)) => joined(several.iter()),
        Some(Value::Object(_)) => Cell::Fault("it is an object; its path ends too early".into()),
    }
}

/// Several texts as a cell has them.
fn joined<'v>(several: impl Iterator<Item = &'v Value>) -> Cell {
    let mut texts = Vec::new();
    for value in several {
        match value {
            Value::String(text) if text.contains([',', ';', '、', '，', '；', '\n', '|']) => {
                return Cell::Fault(format!("\"{text}\" stands in a list and has a comma or the like in it"));
            }
            Value::String(text) => texts.push(text.clone()),
            Value::Number(number) if has_lost_digits(number) => return lost_digits(number),
            Value::Number(number) => texts.push(number.to_string()),
            Value::Null => {}
            _ => return Cell::Fault("it is a list of something else than texts".into()),
        }
    }
    if texts.is_empty() { Cell::Empty } else { Cell::Text(texts.join("\n")) }
}

/// Whether a number had more digits than a floating one keeps: a number of a waybill may be that long.
fn has_lost_digits(number: &serde_json::Number) -> bool {
    /// Whole numbers up to here are kept as they are.
    const EXACT_MAX: f64 = 9_007_199_254_740_992.0;
    number.is_f64() && number.as_f64().is_none_or(|number| number.abs() >= EXACT_MAX)
}

fn lost_digits(number: &serde_json::Number) -> Cell {
    Cell::Fault(format!("{number} is too long for a number, its last digits are lost; it must be sent as a text"))
}

fn moment(text: &str, format: Format, zone: &TimeZone) -> Cell {
    let number = text.parse::<i64>().ok();
    let at = number.and_then(|number| match format {
        Format::Unix => Timestamp::from_second(number).ok(),
        Format::UnixMs => Timestamp::from_millisecond(number).ok(),
    });
    at.map_or_else(
        || Cell::Fault(format!("{text} is no time since 1970")),
        |at| Cell::Text(at.to_zoned(zone.clone()).strftime("%Y-%m-%dT%H:%M:%S%:z").to_string()),
    )
}

fn text_of(value: &Value) -> Option<String> {
    match value {
        Value::String(text) if !text.is_empty() => Some(text.clone()),
        Value::Number(number) => Some(number.to_string()),
        Value::Bool(truth) => Some(truth.to_string()),
        _ => None,
    }
}

/// The greater of two cursors: as numbers where both are, else as texts.
fn greater(one: String, other: String) -> String {
    let is_greater = match (one.parse::<i128>(), other.parse::<i128>()) {
        (Ok(one), Ok(other)) => one >= other,
        _ => one >= other,
    };
    if is_greater { one } else { other }
}

impl Shape {
    /// Looks at an answer as a whole.
    ///
    /// # Errors
    /// It says that it is none.
    pub fn page(&self, answer: &Value) -> Result<Page, ShapeError> {
        for (place, wanted) in &self.success {
            let said = place.one(answer).and_then(text_of);
            if said.as_ref() != Some(wanted) {
                let why = self.error.as_ref().and_then(|place| place.one(answer)).and_then(text_of).unwrap_or_default();
                let why: String = why.chars().take(TOLD_MAX).collect();
                let said = said.unwrap_or_else(|| "nothing".into());
                return Err(ShapeError(format!("it says that it failed ({said} instead of {wanted}): {why}")));
            }
        }
        let one = |path: &Option<super::Path>| path.as_ref().and_then(|path| path.one(answer)).and_then(text_of);
        let all = self.cursor.as_ref().and_then(|path| path.all(answer)).unwrap_or_default();
        Ok(Page {
            next: one(&self.next),
            more: one(&self.more).map(|more| !matches!(more.as_str(), "false" | "0")),
            greatest: all.into_iter().filter_map(text_of).reduce(greater),
        })
    }

    /// The later of two cursors, where they are values of a field.
    #[must_use]
    pub fn later(&self, one: Option<String>, other: Option<String>) -> Option<String> {
        match (one, other) {
            (Some(one), Some(other)) => Some(greater(one, other)),
            (one, other) => one.or(other),
        }
    }

    /// The things of an answer, kind by kind, so that what refers to something comes after it.
    ///
    /// # Errors
    /// An array that the mapping names is not there.
    pub fn pieces<'v>(&self, answer: &'v Value) -> Result<Vec<Piece<'v>>, ShapeError> {
        let mut pieces = Vec::new();
        for mapping in &self.mappings {
            let found = mapping.items.all(answer);
            let found = found.ok_or_else(|| {
                ShapeError(format!("the array with the {} is not where the mapping says", mapping.kind.name()))
            })?;
            pieces.extend(found.into_iter().map(|value| Piece { kind: mapping.kind, value }));
        }
        Ok(pieces)
    }

    /// Maps a thing; times without an offset are in `zone`.
    ///
    /// # Errors
    /// It has words that stand in no dictionary, or can't be what it should be.
    pub fn read(&self, kind: Kind, value: &Value, zone: &TimeZone) -> Result<Made, Unfit> {
        let unmapped = || Unfit { reason: "the mapping does not know this kind any more".into(), ..Unfit::default() };
        let mapping = self.mappings.iter().find(|mapping| mapping.kind == kind).ok_or_else(unmapped)?;
        mapping.read(value, zone).map_err(|unfit| Unfit { version: mapping.version(value), ..unfit })
    }
}

/// What is said about an order beside its object.
#[derive(Default)]
struct About {
    cancelled: Option<String>,
    hold: Option<String>,
    note: Option<String>,
}

impl Mapping {
    fn read(&self, value: &Value, zone: &TimeZone) -> Result<Made, Unfit> {
        let refused = |id: Option<String>, reason: String| Unfit { id, reason, ..Unfit::default() };
        let parts: Vec<Option<&Value>> = match &self.parts {
            None => vec![None],
            Some(path) => match path.all(value) {
                Some(parts) if parts.is_empty() => vec![None],
                Some(parts) => parts.into_iter().map(Some).collect(),
                None => return Err(refused(self.id(value), "the array with its lines is not there".into())),
            },
        };
        if parts.len() > PARTS_MAX as usize {
            return Err(refused(self.id(value), format!("it has more than {PARTS_MAX} lines")));
        }
        let mut unknown = Vec::new();
        let mut about = About::default();
        let rows: Vec<Row> = (1..)
            .zip(&parts)
            .map(|(number, part)| Row {
                number,
                cells: self.cells(value, *part, zone, &mut about, &mut unknown),
                fault: None,
            })
            .collect();
        if !unknown.is_empty() {
            unknown.sort();
            unknown.dedup();
            let told: Vec<String> = unknown.iter().map(|(field, word)| format!("{field} \"{word}\"")).collect();
            let reason = format!("not in the dictionary: {}", told.join(", "));
            return Err(Unfit { id: self.id(value), reason, words: unknown, version: None });
        }
        let mut survey = Survey::default();
        survey.begin(self.kind.name());
        rows.iter().for_each(|row| survey.see(&self.columns, row));
        let mut assembly = Assembly::new(&self.columns, &survey, &[], zone);
        let made = rows.iter().filter_map(|row| assembly.take(row)).last();
        match made {
            Some(Ok(entry)) => Ok(Made {
                id: entry.id,
                object: json(entry.node),
                cancelled: about.cancelled.map(|word| word == "true"),
                hold: about.hold,
                hold_note: about.note,
            }),
            Some(Err(refusal)) => Err(refused(refusal.id.or_else(|| self.id(value)), refusal.reason)),
            None => Err(refused(self.id(value), "it has nothing in it".into())),
        }
    }

    fn version(&self, value: &Value) -> Option<i64> {
        text_of(self.version.as_ref()?.one(value)?)?.parse().ok()
    }

    /// The id as it stands there, for people.
    fn id(&self, value: &Value) -> Option<String> {
        let column = self.columns.id_column()?;
        let id = self.fields.iter().find(|mapped| mapped.goal == Goal::Column(column))?;
        let Origin::Thing(path) = &id.origin else { return None };
        path.one(value).and_then(text_of)
    }

    fn cells(
        &self,
        value: &Value,
        part: Option<&Value>,
        zone: &TimeZone,
        about: &mut About,
        unknown: &mut Vec<(String, String)>,
    ) -> Vec<Cell> {
        let mut cells = Vec::new();
        for mapped in &self.fields {
            let mut found = match &mapped.origin {
                Origin::Constant(text) => Cell::Text(text.clone()),
                Origin::Thing(path) if path.depth() > 0 => match path.all(value) {
                    Some(several) => joined(several.into_iter()),
                    None => Cell::Empty,
                },
                Origin::Thing(path) => cell(path.one(value), mapped, zone),
                Origin::Part(path) => cell(part.and_then(|part| path.one(part)), mapped, zone),
            };
            // a line that is not there has no defaults either
            let has_place = part.is_some() || !matches!(mapped.origin, Origin::Part(_));
            if let (true, true, Some(default)) = (found.is_empty(), has_place, &mapped.default) {
                found = Cell::Text(default.clone());
            }
            if let Some(words) = &mapped.words {
                found = translated(found, words, &mapped.title, unknown);
            }
            let said = |cell: Cell| if let Cell::Text(text) = cell { Some(text) } else { None };
            match mapped.goal {
                Goal::Column(_) => cells.push(found),
                Goal::Cancelled => about.cancelled = said(found),
                Goal::Hold => about.hold = said(found),
                Goal::HoldNote => about.note = said(found),
            }
        }
        cells
    }
}

fn translated(cell: Cell, words: &crate::intake::Words, title: &str, unknown: &mut Vec<(String, String)>) -> Cell {
    let text = match &cell {
        Cell::Text(text) => text.trim().to_owned(),
        Cell::Bool(truth) => truth.to_string(),
        _ => return cell,
    };
    if text.is_empty() {
        return Cell::Empty;
    }
    match words.translate(&text) {
        Some("") => Cell::Empty,
        Some(ours) => Cell::Text(ours.to_owned()),
        None => {
            unknown.push((title.to_owned(), text));
            Cell::Empty
        }
    }
}
