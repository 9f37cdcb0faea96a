//! Workbooks and text tables: looked through once for their headers and ids, and then read thing by thing.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;

use super::document::{DocumentError, Entry, Progress};
use super::text::DELIMITERS;
use super::{SheetError, TextTable, Workbook};
use crate::codec::json::json;
use crate::intake::{
    Assembly, Cell, Columns, Dictionary, HEADER_ROWS, KNOWN_LEAST, Kind, Merged, Row, Survey, Unrecognised,
};
use jiff::tz::TimeZone;

/// Merged cells of a sheet that are told one by one.
const MERGED_TOLD: usize = 20;
/// Sheets of which an error tells why they are nothing.
const SHEETS_TOLD: usize = 5;
/// Cells of a row that are told.
const CELLS_TOLD: usize = 3;
/// Characters of such a cell.
const CHARACTERS_TOLD: usize = 20;

enum Reader {
    Text(TextTable),
    Workbook(Box<Workbook>),
}

type Rows<'a> = Box<dyn Iterator<Item = Result<Row, SheetError>> + 'a>;

impl Reader {
    fn rows(&mut self, sheet: &str) -> Result<Rows<'_>, SheetError> {
        Ok(match self {
            Reader::Text(table) => Box::new(table.rows()),
            Reader::Workbook(workbook) => Box::new(workbook.rows(sheet)?),
        })
    }

    /// The sheets, and why each that is not read is left out.
    fn sheets(&self, file: &str) -> Vec<(String, Option<&'static str>)> {
        match self {
            Reader::Text(_) => {
                vec![(Path::new(file).file_stem().unwrap_or_default().to_string_lossy().into_owned(), None)]
            }
            Reader::Workbook(workbook) => workbook.sheets(),
        }
    }
}

/// Whether a row is below the headers, and not the headers again.
fn is_content(columns: &Columns, row: &Row) -> bool {
    row.number > columns.header_row && !columns.repeats(row)
}

/// The first cells of a row, so that a person sees what it was taken for.
fn beginning(row: &Row) -> String {
    let text = |cell: &Cell| match cell {
        Cell::Text(text) => text.chars().take(CHARACTERS_TOLD).collect(),
        Cell::Number(number) | Cell::Serial(number) => number.to_string(),
        Cell::Bool(truth) => truth.to_string(),
        Cell::Empty | Cell::Fault(_) => String::new(),
    };
    let cells: Vec<String> = row.cells.iter().filter(|cell| !cell.is_empty()).take(CELLS_TOLD).map(text).collect();
    format!("\"{}\"", cells.join("\", \""))
}

/// A sheet whose headers were recognised.
struct Sheet {
    name: Arc<str>,
    columns: Columns,
    merged: Vec<Merged>,
}

/// A file with sheets.
pub struct Table {
    reader: Reader,
    sheets: Vec<Sheet>,
    surveys: BTreeMap<Kind, Survey>,
    /// What is to be told, with its sheet.
    notes: Vec<(Arc<str>, String)>,
}

impl Table {
    /// Looks through a file.
    pub(super) fn open(
        file: &str,
        bytes: Vec<u8>,
        is_workbook: bool,
        dictionary: &Dictionary,
    ) -> Result<Table, DocumentError> {
        let reader = if is_workbook {
            Reader::Workbook(Box::new(Workbook::open(bytes)?))
        } else {
            Reader::Text(TextTable::open(bytes)?)
        };
        let mut table = Table { reader, sheets: Vec::new(), surveys: BTreeMap::new(), notes: Vec::new() };
        for (name, left_out) in table.reader.sheets(file) {
            let name: Arc<str> = name.into();
            match left_out {
                None => table.look_through(&name, dictionary)?,
                Some(why) => table.notes.push((name, format!("the sheet is left out: {why}"))),
            }
        }
        if table.sheets.is_empty() { Err(table.nothing_known()) } else { Ok(table) }
    }

    /// Why there is nothing in it that can be taken, sheet by sheet, and what to do.
    fn nothing_known(&self) -> DocumentError {
        const HINT: &str = "`waybind import --template` writes a workbook with the names that are known, and a file for \
                            --mapping adds a warehouse's own";
        let split = match &self.reader {
            Reader::Text(table) => match table.delimiter() {
                '\t' => " (split at tabs)".to_owned(),
                delimiter => format!(" (split at \"{delimiter}\")"),
            },
            Reader::Workbook(_) => String::new(),
        };
        let told = |(sheet, note): &(Arc<str>, String)| format!("{sheet}: {note}");
        match self.notes.as_slice() {
            [] => DocumentError("it is empty".into()),
            notes => {
                let notes: Vec<String> = notes.iter().take(SHEETS_TOLD).map(told).collect();
                DocumentError(format!("{}{split}; {HINT}", notes.join("; ")))
            }
        }
    }

    fn failed(&self, sheet: &str, error: &dyn std::error::Error) -> DocumentError {
        let DocumentError(why) = DocumentError::of(error);
        if matches!(self.reader, Reader::Text(_)) {
            DocumentError(why)
        } else {
            DocumentError(format!("{sheet}: {why}"))
        }
    }

    fn look_through(&mut self, name: &Arc<str>, dictionary: &Dictionary) -> Result<(), DocumentError> {
        let found = match self.headers(name, dictionary) {
            Ok(found) => found,
            Err(error) => return Err(self.failed(name, &*error)),
        };
        let Some(mut columns) = found else { return Ok(()) };
        columns.counts_from_1904 = matches!(&self.reader, Reader::Workbook(workbook) if workbook.counts_from_1904());
        let merged = match &mut self.reader {
            Reader::Text(_) => Ok(Vec::new()),
            Reader::Workbook(workbook) => workbook.merged(name),
        };
        let mut merged = merged.map_err(|error| self.failed(name, &error))?;
        merged.retain(|merged| merged.rows.1 > columns.header_row);
        self.note_sheet(name, &columns, &merged);
        let survey = self.surveys.entry(columns.kind).or_default();
        survey.begin(name);
        let result = self.reader.rows(name).and_then(|rows| {
            for row in rows {
                let row = row?;
                if is_content(&columns, &row) {
                    survey.see(&columns, &row);
                }
            }
            Ok(())
        });
        result.map_err(|error| self.failed(name, &error))?;
        self.sheets.push(Sheet { name: name.clone(), columns, merged });
        Ok(())
    }

    /// Finds the row with the headers; none in an empty sheet, or in one that is something else.
    fn headers(&mut self, name: &str, dictionary: &Dictionary) -> Result<Option<Columns>, Box<dyn std::error::Error>> {
        let first = self.first_rows(name)?;
        let mut found = dictionary.find(name, &first).map(|columns| (columns, first.clone()));
        let known = found.as_ref().map_or(0, |(columns, _)| columns.known());
        if known < KNOWN_LEAST {
            found = self.headers_by_another_delimiter(name, dictionary, known).map_or(found, Ok);
        }
        let (columns, rows) = match found {
            Ok(found) => found,
            Err(Unrecognised::NoHeaders) => {
                if let Some(row) = first.first() {
                    let why = format!("{}; row {} begins with {}", Unrecognised::NoHeaders, row.number, beginning(row));
                    self.notes.push((name.into(), format!("the sheet is left out: {why}")));
                }
                return Ok(None);
            }
            Err(error) => return Err(error.into()),
        };
        if let Reader::Text(table) = &mut self.reader {
            let row = rows.iter().find(|row| row.number == columns.header_row);
            let last = row.and_then(|row| row.cells.iter().rposition(|cell| !cell.is_empty()));
            table.expect_width(columns.header_row, last.map_or(0, |last| last + 1));
        }
        Ok(Some(columns))
    }

    fn first_rows(&mut self, name: &str) -> Result<Vec<Row>, SheetError> {
        self.reader.rows(name)?.take(HEADER_ROWS).collect()
    }

    /// A title above the headers may have more of another delimiter, or none: then the one by which headers are
    /// recognised is right, if they are more than `known`.
    fn headers_by_another_delimiter(
        &mut self,
        name: &str,
        dictionary: &Dictionary,
        known: usize,
    ) -> Option<(Columns, Vec<Row>)> {
        let Reader::Text(table) = &self.reader else { return None };
        let sniffed = table.delimiter();
        for delimiter in DELIMITERS.into_iter().filter(|delimiter| char::from(*delimiter) != sniffed) {
            self.split_by(delimiter);
            // by a wrong one, quotation marks may seem to be open
            let Ok(rows) = self.first_rows(name) else { continue };
            if let Ok(columns) = dictionary.find(name, &rows)
                && columns.known() > known
            {
                return Some((columns, rows));
            }
        }
        self.split_by(u8::try_from(sniffed).unwrap_or(b','));
        None
    }

    fn split_by(&mut self, delimiter: u8) {
        if let Reader::Text(table) = &mut self.reader {
            table.set_delimiter(delimiter);
        }
    }

    fn note_sheet(&mut self, name: &Arc<str>, columns: &Columns, merged: &[Merged]) {
        let mut notes = columns.notes.clone();
        let told =
            |merged: &Merged| format!("cells {} are merged; only the first of them has the value", merged.name());
        notes.extend(merged.iter().take(MERGED_TOLD).map(told));
        if merged.len() > MERGED_TOLD {
            notes.push(format!("{} more groups of cells are merged", merged.len() - MERGED_TOLD));
        }
        if columns.counts_from_1904 {
            notes.push("the workbook counts days from 1904; dates must be formatted as dates".into());
        }
        self.notes.extend(notes.into_iter().map(|note| (name.clone(), note)));
    }

    /// Rows with content below the headers.
    pub(super) fn rows(&self) -> u64 {
        self.surveys.values().map(Survey::rows).sum()
    }

    pub(super) fn notes(&self) -> &[(Arc<str>, String)] {
        &self.notes
    }

    /// The ids of one kind, each with the first row that has it.
    pub(super) fn ids(&self, kind: Kind) -> Box<dyn Iterator<Item = (&str, u32)> + '_> {
        Box::new(self.surveys.get(&kind).into_iter().flat_map(Survey::ids))
    }

    /// How many sheets describe things of a kind.
    pub(super) fn sheets(&self, kind: Kind) -> usize {
        self.sheets.iter().filter(|sheet| sheet.columns.kind == kind).count()
    }

    /// The things of the so-manieth of these sheets.
    pub(super) fn read<'t>(
        &'t mut self,
        kind: Kind,
        nth: usize,
        zone: &'t TimeZone,
    ) -> Result<Steps<'t>, DocumentError> {
        let sheet = self.sheets.iter().filter(|sheet| sheet.columns.kind == kind).nth(nth);
        let (Some(sheet), Some(survey)) = (sheet, self.surveys.get(&kind)) else {
            return Err(DocumentError(format!("it has no such sheet of {}", kind.name())));
        };
        let mut assembly = Assembly::new(&sheet.columns, survey, &sheet.merged, zone);
        let rows = self.reader.rows(&sheet.name)?;
        let is_wanted =
            move |row: &Result<Row, SheetError>| row.as_ref().map_or(true, |row| is_content(&sheet.columns, row));
        Ok(Box::new(rows.filter(is_wanted).map(move |row| {
            let entry =
                |rows, outcome| Progress::Entry(Box::new(Entry { sheet: Some(sheet.name.clone()), rows, outcome }));
            Ok(match assembly.take(&row?) {
                None => Progress::Row,
                Some(Ok(made)) => entry(made.rows, Ok(json(made.node))),
                Some(Err(refusal)) => entry(refusal.rows, Err((refusal.id, refusal.reason))),
            })
        })))
    }
}

/// Steps through a sheet.
pub type Steps<'a> = Box<dyn Iterator<Item = Result<Progress, DocumentError>> + 'a>;
