//! Rows become things: all rows of one id make one thing, wherever in the sheet they stand.
//!
//! A sheet is read twice. The first time only the ids are counted; the second time each thing is handed on with its last
//! row, so that no more is held than the things that are begun.

use std::collections::HashMap;

use jiff::tz::TimeZone;

use super::fields::{Kind, Level, Shape};
use super::headers::{Columns, Target};
use super::row::{Cell, Merged, Row};
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
    parts: Vec<Vec<(&'static str, Node)>>,
    fault: Option<String>,
}

/// A sheet's rows on their way to things.
pub struct Assembly<'a> {
    columns: &'a Columns,
    survey: &'a Survey,
    merged: &'a [Merged],
    zone: &'a TimeZone,
    open: HashMap<String, Open>,
}

impl<'a> Assembly<'a> {
    /// An assembly of a sheet that was surveyed. Times without an offset are in `zone`.
    #[must_use]
    pub fn new(columns: &'a Columns, survey: &'a Survey, merged: &'a [Merged], zone: &'a TimeZone) -> Self {
        Assembly { columns, survey, merged, zone, open: HashMap::new() }
    }

    /// Takes a row; hands out the thing if this was its last row, or the refusal of a row that belongs to none.
    pub fn take(&mut self, row: &Row) -> Option<Outcome> {
        let title = self.title(0);
        let lost = |reason| Some(Err(Refusal { id: None, rows: vec![row.number], reason }));
        let id = match id_of(self.columns, row) {
            Ok(Some(id)) => id,
            Ok(None) => return lost(format!("{title} is missing{}", self.merged_hint(0, row.number))),
            Err(why) => return lost(format!("{title}: {why}")),
        };
        let mut open = self.open.remove(&id).unwrap_or_default();
        open.seen += 1;
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
                    if let Some(node) = reading.read(cell).map_err(|why| format!("{title}: {why}"))? {
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
            let words = self.columns.words.get(&place).map_or(&[][..], Vec::as_slice);
            let reading = Reading { shape: field.shape, words, zone: self.zone };
            let read = reading.read(cell).map_err(|why| format!("{title}: {why}"))?;
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
            open.parts.push(part);
        }
        Ok(())
    }

    fn finish(&self, id: String, open: Open) -> Outcome {
        let Open { rows, head, ext, parts, fault, .. } = open;
        let fields = self.columns.kind.fields();
        let missing = fields
            .iter()
            .enumerate()
            .filter(|(place, _)| *place == 0 || !self.columns.is_comparing)
            .find(|(place, field)| field.is_required && field.level == Level::Head && !head.contains_key(place));
        let fault = fault.or_else(|| missing.map(|(place, _)| format!("{} is missing", self.title(place))));
        let built = match fault {
            Some(fault) => Err(fault),
            None => {
                let mut head: Vec<(usize, Node)> = head.into_iter().map(|(place, (node, _))| (place, node)).collect();
                head.sort_by_key(|(place, _)| *place);
                let head = head.into_iter().map(|(place, node)| (fields[place].path, node)).collect();
                let ext = ext.into_iter().map(|(name, node, _)| (name, node)).collect();
                build(self.columns.kind, head, ext, parts)
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

fn differs(title: &str, known: &Node, first: u32, node: &Node, row: u32) -> String {
    let text = |node: &Node| match node {
        Node::Text(text) => text.clone(),
        Node::Number(number) => number.to_string(),
        Node::Bool(truth) => truth.to_string(),
        other => format!("{other:?}"),
    };
    format!("{title} is {} in row {first} and {} in row {row}", text(known), text(node))
}

type Fields = Vec<(&'static str, Node)>;

/// Puts a value at a path of at most two steps.
fn put(object: &mut Vec<(String, Node)>, path: &str, node: Node) {
    let Some((outer, inner)) = path.split_once('.') else {
        object.push((path.to_owned(), node));
        return;
    };
    match object.iter_mut().find(|(name, _)| name == outer) {
        Some((_, Node::Object(fields))) => fields.push((inner.to_owned(), node)),
        _ => object.push((outer.to_owned(), Node::Object(vec![(inner.to_owned(), node)]))),
    }
}

fn take(part: &mut Fields, path: &str) -> Option<Node> {
    let place = part.iter().position(|(known, _)| *known == path)?;
    Some(part.remove(place).1)
}

fn has(part: &Fields, path: &str) -> bool {
    part.iter().any(|(known, _)| *known == path)
}

/// A part's object, its paths without the first step.
fn object(part: Fields) -> Node {
    let inner = |path: &str| path.split_once('.').map_or(path, |(_, inner)| inner).to_owned();
    Node::Object(part.into_iter().map(|(path, node)| (inner(path), node)).collect())
}

fn build(kind: Kind, mut head: Fields, ext: Vec<(String, Node)>, parts: Vec<Fields>) -> Result<Node, String> {
    let list = match kind {
        Kind::Products => {
            let pattern = (has(&head, "revision_pattern.after"), has(&head, "revision_pattern.length"));
            if pattern.0 != pattern.1 {
                return Err("a revision pattern has both what comes before it and a length".into());
            }
            Some(("barcodes", barcodes(parts)?))
        }
        Kind::Orders => Some(("lines", lines(parts)?)),
        Kind::PickLists => Some(pick_lines(parts)?),
        Kind::Waybills => Some(("orders", Node::List(parts.into_iter().flatten().flat_map(each).collect()))),
        Kind::Manifests => Some(("waybills", Node::List(parts.into_iter().flatten().flat_map(each).collect()))),
        Kind::Operators => None,
    };
    let note = take(&mut head, "note.text");
    let must_confirm = take(&mut head, "note.must_confirm");
    let mut fields = Vec::new();
    for (path, node) in head {
        put(&mut fields, path, node);
    }
    if let Some(text) = note {
        let mut note = vec![("text".to_owned(), text)];
        note.extend(must_confirm.map(|node| ("must_confirm".to_owned(), node)));
        fields.push(("notes".into(), Node::List(vec![Node::Object(note)])));
    }
    if let Some((name, list)) = list.filter(|(_, list)| *list != Node::List(Vec::new())) {
        fields.push((name.into(), list));
    }
    if !ext.is_empty() {
        fields.push(("ext".into(), Node::Object(ext)));
    }
    Ok(Node::Object(fields))
}

/// The values of a field that holds several.
fn each((_, node): (&'static str, Node)) -> Vec<Node> {
    if let Node::List(nodes) = node { nodes } else { vec![node] }
}

fn barcodes(parts: Vec<Fields>) -> Result<Node, String> {
    let mut barcodes = Vec::new();
    for mut part in parts {
        let quantity = take(&mut part, "barcodes.quantity");
        let Some(texts) = take(&mut part, "barcodes.text") else {
            return Err("a quantity of a barcode stands without the barcode".into());
        };
        for text in each(("", texts)) {
            let mut barcode = vec![("text".to_owned(), text)];
            barcode.extend(quantity.clone().map(|quantity| ("quantity".to_owned(), quantity)));
            barcodes.push(Node::Object(barcode));
        }
    }
    Ok(Node::List(barcodes))
}

/// An order's lines; where no row has a number, they are numbered as they stand.
fn lines(mut parts: Vec<Fields>) -> Result<Node, String> {
    let numbered = parts.iter().filter(|part| has(part, "lines.line")).count();
    if numbered == 0 {
        for (number, part) in (1..).zip(&mut parts) {
            part.insert(0, ("lines.line", Node::Number(number)));
        }
    } else if numbered < parts.len() {
        return Err("some of its rows have a line number and some have none".into());
    }
    Ok(Node::List(parts.into_iter().map(object).collect()))
}

/// A pick list's lines; or its orders, where no row names a line.
fn pick_lines(mut parts: Vec<Fields>) -> Result<(&'static str, Node), String> {
    let is_line = |part: &Fields| has(part, "lines.line") && has(part, "lines.quantity");
    if parts.iter().all(is_line) {
        return Ok(("lines", Node::List(parts.into_iter().map(object).collect())));
    }
    if parts.iter().any(|part| part.len() > 1) {
        return Err("each of its rows needs a line and a quantity, or each only an order".into());
    }
    let orders = parts.iter_mut().filter_map(|part| take(part, "lines.order")).collect();
    Ok(("orders", Node::List(orders)))
}
