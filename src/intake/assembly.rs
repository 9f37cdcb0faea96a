//! Rows become things: all rows of one id make one thing, wherever in the sheet they stand.
//!
//! A sheet is read twice. The first time only the ids are counted; the second time each thing is handed on with its last
//! row, so that no more is held than the things that are begun.

use std::collections::HashMap;

use jiff::tz::TimeZone;

use super::build::{Fields, build};
use super::fields::{Kind, Level, Shape};
use super::headers::{Columns, Target};
use super::row::{Cell, Merged, Row, letters};
use super::value::Reading;

/// Rows of one thing: more than any order has, and its object still fits into one call of the API.
pub const PARTS_MAX: u32 = 5_000;

/// A value of an object that the API takes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Node {
    /// A text.
    Text(String),
    /// A whole number.
    Number(i64),
    /// True or false.
    Bool(bool),
    /// An array.
    List(Vec<Node>),
    /// An object, in the order of its fields.
    Object(Vec<(String, Node)>),
}

/// A thing that the rows describe.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Entry {
    /// Its id.
    pub id: String,
    /// Its rows.
    pub rows: Vec<u32>,
    /// The object for the API.
    pub node: Node,
}

/// Rows that are not taken.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Refusal {
    /// The id, where it could be read.
    pub id: Option<String>,
    /// The rows.
    pub rows: Vec<u32>,
    /// Why, with the row and the column.
    pub reason: String,
}

/// What came of rows.
pub type Outcome = Result<Entry, Refusal>;

#[derive(Clone, Copy, Debug)]
struct Seen {
    rows: u32,
    sheet: usize,
    first: u32,
    /// The first row in another sheet.
    elsewhere: Option<(usize, u32)>,
    /// A row without an id right behind one of its rows: perhaps a line of it.
    orphan: Option<u32>,
}

/// How many rows each id of one kind has in a file.
#[derive(Clone, Debug, Default)]
pub struct Survey {
    sheets: Vec<String>,
    seen: HashMap<String, Seen>,
    rows: u64,
    /// The id of the row before, in this sheet.
    last: Option<String>,
}

impl Survey {
    /// Begins with a sheet.
    pub fn begin(&mut self, sheet: &str) {
        self.sheets.push(sheet.to_owned());
        self.last = None;
    }

    /// Counts a row of the sheet that was begun last.
    pub fn see(&mut self, columns: &Columns, row: &Row) {
        self.rows += 1;
        let Ok(Some(id)) = id_of(columns, row) else {
            let before = self.last.as_ref().and_then(|last| self.seen.get_mut(last));
            if let Some(seen) = before.filter(|_| columns.kind.has_parts()) {
                seen.orphan.get_or_insert(row.number);
            }
            return;
        };
        self.last = Some(id.clone());
        let sheet = self.sheets.len().saturating_sub(1);
        let first = Seen { rows: 0, sheet, first: row.number, elsewhere: None, orphan: None };
        let seen = self.seen.entry(id).or_insert(first);
        seen.rows += 1;
        if seen.sheet != sheet {
            seen.elsewhere.get_or_insert((sheet, row.number));
        }
    }

    /// The ids, each with the first row that has it.
    pub fn ids(&self) -> impl Iterator<Item = (&str, u32)> {
        self.seen.iter().map(|(id, seen)| (id.as_str(), seen.first))
    }

    /// Rows that were counted, with an id or without.
    #[must_use]
    pub fn rows(&self) -> u64 {
        self.rows
    }
}

fn id_of(columns: &Columns, row: &Row) -> Result<Option<String>, String> {
    let zone = TimeZone::UTC;
    let cell = columns.column_of(0).and_then(|column| row.cells.get(column)).unwrap_or(&Cell::Empty);
    match (Reading { shape: Shape::Code, words: &[], zone: &zone }).read(cell)? {
        Some(Node::Text(id)) => Ok(Some(id)),
        _ => Ok(None),
    }
}

/// A thing that is begun.
#[derive(Debug, Default)]
struct Open {
    seen: u32,
    rows: Vec<u32>,
    /// By the field's place: the value and its row.
    head: HashMap<usize, (Node, u32)>,
    ext: Vec<(String, Node, u32)>,
    /// What its rows say of themselves: the row, its run, and the values.
    parts: Vec<Part>,
    /// Runs of rows that stand one below the other.
    runs: u32,
    fault: Option<String>,
}

#[derive(Debug)]
struct Part {
    row: u32,
    run: u32,
    fields: Fields,
}

/// A sheet's rows on their way to things.
pub struct Assembly<'a> {
    columns: &'a Columns,
    survey: &'a Survey,
    merged: &'a [Merged],
    zone: &'a TimeZone,
    open: HashMap<String, Open>,
    /// The id of the row before.
    last: Option<String>,
}

impl<'a> Assembly<'a> {
    /// An assembly of a sheet that was surveyed. Times without an offset are in `zone`.
    #[must_use]
    pub fn new(columns: &'a Columns, survey: &'a Survey, merged: &'a [Merged], zone: &'a TimeZone) -> Self {
        Assembly { columns, survey, merged, zone, open: HashMap::new(), last: None }
    }

    /// Takes a row; hands out the thing if this was its last row, or the refusal of a row that belongs to none.
    pub fn take(&mut self, row: &Row) -> Option<Outcome> {
        let title = self.title(0);
        let lost = |reason| Some(Err(Refusal { id: None, rows: vec![row.number], reason }));
        let id = match id_of(self.columns, row) {
            Ok(Some(id)) => id,
            Ok(None) => return lost(format!("{title} is missing{}", self.merged_hint(0, row.number))),
            Err(why) => return lost(self.fault(self.columns.column_of(0).unwrap_or_default(), row, &why)),
        };
        let mut open = self.open.remove(&id).unwrap_or_default();
        open.seen += 1;
        if self.last.as_ref() != Some(&id) {
            open.runs += 1;
            self.last = Some(id.clone());
        }
        if open.seen <= PARTS_MAX {
            open.rows.push(row.number);
            if let Err(why) = self.add(&mut open, row) {
                open.fault.get_or_insert(format!("row {}: {why}", row.number));
            }
        } else {
            open.fault.get_or_insert(format!("it has more than {PARTS_MAX} rows"));
        }
        let (expected, elsewhere) = match self.survey.seen.get(&id) {
            Some(seen) if seen.elsewhere.is_some() => (1, self.elsewhere(seen)),
            Some(seen) => (seen.rows, None),
            None => (1, None),
        };
        if let Some(why) = elsewhere {
            open.fault = Some(why);
        }
        if open.seen < expected {
            self.open.insert(id, open);
            return None;
        }
        if let Some(orphan) = self.survey.seen.get(&id).and_then(|seen| seen.orphan) {
            let why = format!("row {orphan} behind it has no {title} and may be a line of it; write it in each row");
            open.fault.get_or_insert(why);
        }
        Some(self.finish(id, open))
    }

    fn elsewhere(&self, seen: &Seen) -> Option<String> {
        let (sheet, row) = seen.elsewhere?;
        let name = |sheet: usize| self.survey.sheets.get(sheet).map_or("", String::as_str);
        Some(format!("it stands in two sheets: {} row {}, {} row {row}", name(seen.sheet), seen.first, name(sheet)))
    }

    /// The header of a field as the sheet has it.
    fn title(&self, place: usize) -> String {
        let title = self.columns.column_of(place).and_then(|column| self.columns.titles.get(column));
        title.map_or_else(|| self.columns.kind.fields()[place].path.to_owned(), Clone::clone)
    }

    /// The merged cells that a cell belongs to, if they reach over several rows.
    fn merged(&self, column: usize, row: u32) -> Option<&Merged> {
        let column = u32::try_from(column).unwrap_or(u32::MAX).saturating_add(1);
        self.merged.iter().find(|merged| {
            merged.rows.0 < merged.rows.1
                && (merged.rows.0..=merged.rows.1).contains(&row)
                && (merged.columns.0..=merged.columns.1).contains(&column)
        })
    }

    fn merged_hint(&self, place: usize, row: u32) -> String {
        let merged = self.columns.column_of(place).and_then(|column| self.merged(column, row));
        merged.map_or_else(String::new, |merged| {
            format!(" (the cells {} are merged, and only the first has the value; write it in each row)", merged.name())
        })
    }

    fn add(&self, open: &mut Open, row: &Row) -> Result<(), String> {
        if let Some(fault) = &row.fault {
            return Err(fault.clone());
        }
        let fields = self.columns.kind.fields();
        let mut part = Vec::new();
        for (column, target) in self.columns.columns.iter().enumerate() {
            let cell = row.cells.get(column).unwrap_or(&Cell::Empty);
            let title = &self.columns.titles[column];
            let place = match target {
                Target::Nothing => continue,
                Target::Ext(name) => {
                    let reading = Reading { shape: Shape::Text, words: &[], zone: self.zone };
                    if let Some(node) = reading.read(cell).map_err(|why| self.fault(column, row, &why))? {
                        open.add_ext(name, node, row.number)?;
                    }
                    continue;
                }
                Target::Field(place) => *place,
            };
            let field = fields[place];
            // a lot or quantity that counts for several rows, and stands in one of them only, would be lost on the others
            if (place == 0 || field.level == Level::Part) && self.merged(column, row.number).is_some() {
                return Err(format!("{title}{}", self.merged_hint(place, row.number)));
            }
            if self.columns.counts_from_1904 && matches!(field.shape, Shape::Day | Shape::Time) && is_day_number(cell) {
                let why = "it is a number of days, and the workbook counts them from 1904; format the cell as a date";
                return Err(self.fault(column, row, why));
            }
            let words = self.columns.words.get(&place).map_or(&[][..], Vec::as_slice);
            let reading = Reading { shape: field.shape, words, zone: self.zone };
            let read = reading.read(cell).map_err(|why| self.fault(column, row, &why))?;
            match (read, field.level) {
                (Some(node), Level::Head) if field.is_told => open.add_told(place, node, row.number),
                (Some(node), Level::Head) => open.add_head(place, title, node, row.number)?,
                (Some(node), Level::Part) => part.push((field.path, node)),
                (None, Level::Part) if field.is_required && !self.columns.is_comparing => {
                    return Err(format!("{title} is missing"));
                }
                (None, _) => {}
            }
        }
        if !part.is_empty() {
            open.parts.push(Part { row: row.number, run: open.runs, fields: part });
        }
        Ok(())
    }

    /// What is wrong with a cell, with its name: `条码 (F3): …`.
    fn fault(&self, column: usize, row: &Row, why: &str) -> String {
        let title = &self.columns.titles[column];
        if !self.columns.is_of_sheet() {
            return format!("{title}: {why}");
        }
        let column = u32::try_from(column).unwrap_or(u32::MAX).saturating_add(1);
        format!("{title} ({}{}): {why}", letters(column), row.number)
    }

    fn finish(&self, id: String, open: Open) -> Outcome {
        let copied = if self.columns.is_of_sheet() { open.copied(self.columns.kind) } else { None };
        let Open { rows, head, ext, parts, fault, .. } = open;
        let fields = self.columns.kind.fields();
        let missing = fields
            .iter()
            .enumerate()
            .filter(|(place, _)| *place == 0 || !self.columns.is_comparing)
            .find(|(place, field)| field.is_required && field.level == Level::Head && !head.contains_key(place));
        let fault = fault.or(copied).or_else(|| missing.map(|(place, _)| format!("{} is missing", self.title(place))));
        let built = match fault {
            Some(fault) => Err(fault),
            None => {
                let mut head: Vec<(usize, Node)> = head.into_iter().map(|(place, (node, _))| (place, node)).collect();
                head.sort_by_key(|(place, _)| *place);
                let head = head.into_iter().map(|(place, node)| (fields[place].path, node)).collect();
                let ext = ext.into_iter().map(|(name, node, _)| (name, node)).collect();
                let parts = parts.into_iter().map(|part| part.fields).collect();
                build(self.columns.kind, head, ext, parts, rows.len())
            }
        };
        match built {
            Ok(node) => Ok(Entry { id, rows, node }),
            Err(reason) => Err(Refusal { id: Some(id), rows, reason }),
        }
    }
}

impl Open {
    fn add_head(&mut self, place: usize, title: &str, node: Node, row: u32) -> Result<(), String> {
        match self.head.get(&place) {
            Some((known, first)) if *known != node => Err(differs(title, known, *first, &node, row)),
            Some(_) => Ok(()),
            None => {
                self.head.insert(place, (node, row));
                Ok(())
            }
        }
    }

    /// Adds what an export tells in one row and continues in the next: the waybills of an order, each beside its lines.
    fn add_told(&mut self, place: usize, node: Node, row: u32) {
        match (self.head.get_mut(&place), node) {
            (Some((Node::List(known), _)), Node::List(new)) => {
                for node in new {
                    if !known.contains(&node) {
                        known.push(node);
                    }
                }
            }
            (_, node) => drop(self.head.insert(place, (node, row))),
        }
    }

    /// Two rows of an order in different places that say the same and have no line numbers: the order may stand twice in
    /// the sheet, and would be sent twice over.
    fn copied(&self, kind: Kind) -> Option<String> {
        let is_numbered = |part: &Part| part.fields.iter().any(|(path, _)| *path == "lines.line");
        if kind != Kind::Orders || self.runs < 2 || self.parts.iter().any(is_numbered) {
            return None;
        }
        let (one, other) = self.parts.iter().enumerate().find_map(|(index, one)| {
            let same = |other: &&Part| other.run != one.run && other.fields == one.fields;
            self.parts[index + 1..].iter().find(same).map(|other| (one.row, other.row))
        })?;
        Some(format!(
            "rows {one} and {other} say the same, so the order may stand there twice; number its lines, or remove one"
        ))
    }

    fn add_ext(&mut self, name: &str, node: Node, row: u32) -> Result<(), String> {
        match self.ext.iter().find(|(known, ..)| known == name) {
            Some((_, known, first)) if *known != node => Err(differs(name, known, *first, &node, row)),
            Some(_) => Ok(()),
            None => {
                self.ext.push((name.to_owned(), node, row));
                Ok(())
            }
        }
    }
}

/// Whether a cell holds a number where a day is expected.
fn is_day_number(cell: &Cell) -> bool {
    match cell {
        Cell::Number(_) => true,
        Cell::Text(text) => text.trim().parse::<f64>().is_ok_and(|days| days < 100_000.0),
        _ => false,
    }
}

fn differs(title: &str, known: &Node, first: u32, node: &Node, row: u32) -> String {
    let text = |node: &Node| match node {
        Node::Text(text) => text.clone(),
        Node::Number(number) => number.to_string(),
        Node::Bool(truth) => truth.to_string(),
        other => format!("{other:?}"),
    };
    format!("{title} is {} in row {first} and {} in row {row}", text(known), text(node))
}
