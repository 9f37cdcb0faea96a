//! Workbooks and text tables: looked through once for their headers and ids, and then read thing by thing.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;

use super::document::{DocumentError, Entry, Progress};
use super::{SheetError, TextTable, Workbook};
use crate::codec::json;
use crate::intake::{Assembly, Columns, Dictionary, HEADER_ROWS, Kind, Merged, Row, Survey, Unrecognised};
use jiff::tz::TimeZone;

/// Merged cells of a sheet that are told one by one.
const MERGED_TOLD: usize = 20;

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

    /// The sheets, and whether each is shown.
    fn sheets(&self, file: &str) -> Vec<(String, bool)> {
        match self {
            Reader::Text(_) => {
                vec![(Path::new(file).file_stem().unwrap_or_default().to_string_lossy().into_owned(), true)]
            }
            Reader::Workbook(workbook) => workbook.sheets(),
        }
    }
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
        for (name, is_shown) in table.reader.sheets(file) {
            let name: Arc<str> = name.into();
            if is_shown {
                table.look_through(&name, dictionary)?;
            } else {
                table.notes.push((name, "the sheet is hidden and left out".into()));
            }
        }
        if table.sheets.is_empty() {
            return Err(DocumentError::of(&Unrecognised::NoHeaders));
        }
        Ok(table)
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
        let Some(columns) = found else { return Ok(()) };
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
                if row.number > columns.header_row {
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
        let mut found = None;
        let mut is_empty = true;
        for row in self.reader.rows(name)?.take(HEADER_ROWS) {
            let row = row?;
            is_empty = false;
            match dictionary.recognise(name, &row) {
                Ok(columns) => {
                    let width = row.cells.iter().rposition(|cell| !cell.is_empty()).map_or(0, |last| last + 1);
                    found = Some((columns, width));
                    break;
                }
                Err(Unrecognised::NoHeaders) => {}
                Err(error) => return Err(error.into()),
            }
        }
        let Some((columns, width)) = found else {
            if !is_empty {
                self.notes.push((name.into(), format!("the sheet is left out: {}", Unrecognised::NoHeaders)));
            }
            return Ok(None);
        };
        if let Reader::Text(table) = &mut self.reader {
            table.expect_width(columns.header_row, width);
        }
        Ok(Some(columns))
    }

    fn note_sheet(&mut self, name: &Arc<str>, columns: &Columns, merged: &[Merged]) {
        let mut notes = columns.notes.clone();
        let told =
            |merged: &Merged| format!("cells {} are merged; only the first of them has the value", merged.name());
        notes.extend(merged.iter().take(MERGED_TOLD).map(told));
        if merged.len() > MERGED_TOLD {
            notes.push(format!("{} more groups of cells are merged", merged.len() - MERGED_TOLD));
        }
        if matches!(&self.reader, Reader::Workbook(workbook) if workbook.counts_from_1904()) {
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
        let below =
            move |row: &Result<Row, SheetError>| row.as_ref().map_or(true, |row| row.number > sheet.columns.header_row);
        Ok(Box::new(rows.filter(below).map(move |row| {
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
