//! A file of any form that describes things, looked through once and then read thing by thing.

use std::sync::Arc;

use jiff::tz::TimeZone;
use serde_json::Value;

use super::objects::Objects;
use super::table::{Steps, Table};
use super::{FILE_MAX, SheetError};
use crate::intake::{Dictionary, Kind};

/// Why a file can't be read.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct DocumentError(pub String);

impl DocumentError {
    /// An error with its causes, in one line.
    pub(super) fn of(error: &dyn std::error::Error) -> DocumentError {
        let causes = std::iter::successors(error.source(), |cause| cause.source());
        DocumentError(causes.fold(error.to_string(), |text, cause| format!("{text}: {cause}")))
    }
}

impl From<SheetError> for DocumentError {
    fn from(error: SheetError) -> Self {
        DocumentError::of(&error)
    }
}

/// A thing of a file, or rows that are none.
#[derive(Clone, Debug)]
pub struct Entry {
    /// The sheet; none in a JSON file.
    pub sheet: Option<Arc<str>>,
    /// Its rows; in a JSON file the line in which it begins.
    pub rows: Vec<u32>,
    /// The object for the API, or the id where it could be read, and why not.
    pub outcome: Result<Value, (Option<String>, String)>,
}

/// A step through a file.
#[derive(Debug)]
pub enum Progress {
    /// A row was read that ends nothing.
    Row,
    /// A thing is whole.
    Entry(Box<Entry>),
}

/// A file that was looked through.
pub enum Document {
    /// A JSON file.
    Json(Objects),
    /// A workbook or a text table.
    Table(Box<Table>),
}

impl Document {
    /// Looks through a file's bytes; its name tells the form.
    ///
    /// # Errors
    /// It is too large, damaged, or says nothing that is known.
    pub fn open(name: &str, bytes: Vec<u8>, dictionary: &Dictionary) -> Result<Document, DocumentError> {
        if bytes.len() > FILE_MAX {
            return Err(SheetError::TooLarge.into());
        }
        let extension = name.rsplit_once('.').map_or("", |(_, extension)| extension).to_lowercase();
        match extension.as_str() {
            "xlsx" | "xlsm" | "csv" | "tsv" | "txt" => {
                Table::open(name, bytes, extension.starts_with("xls"), dictionary)
                    .map(|table| Document::Table(Box::new(table)))
            }
            "xls" | "ods" | "xlsb" => Err(DocumentError("this kind of workbook is not read; save it as .xlsx".into())),
            _ => Objects::read(bytes).map(Document::Json),
        }
    }

    /// Rows with content below the headers, or objects.
    #[must_use]
    pub fn rows(&self) -> u64 {
        match self {
            Document::Json(objects) => objects.count(),
            Document::Table(table) => table.rows(),
        }
    }

    /// What is to be told about its sheets, though it refuses nothing.
    #[must_use]
    pub fn notes(&self) -> &[(Arc<str>, String)] {
        match self {
            Document::Json(_) => &[],
            Document::Table(table) => table.notes(),
        }
    }

    /// How many parts (sheets) of the file describe things of a kind.
    #[must_use]
    pub fn parts(&self, kind: Kind) -> usize {
        match self {
            Document::Json(_) => 1,
            Document::Table(table) => table.sheets(kind),
        }
    }

    /// The ids of one kind, each with the first row or line that has it.
    #[must_use]
    pub fn ids(&self, kind: Kind) -> Box<dyn Iterator<Item = (&str, u32)> + '_> {
        match self {
            Document::Json(objects) => Box::new(objects.ids(kind)),
            Document::Table(table) => table.ids(kind),
        }
    }

    /// The things of one kind in the so-manieth part, in the order of the file.
    ///
    /// # Errors
    /// A sheet can't be read.
    pub fn read<'d>(&'d mut self, kind: Kind, part: usize, zone: &'d TimeZone) -> Result<Steps<'d>, DocumentError> {
        match self {
            Document::Json(objects) => Ok(Box::new(objects.of(kind).map(|entry| Ok(Progress::Entry(Box::new(entry)))))),
            Document::Table(table) => table.read(kind, part, zone),
        }
    }
}
