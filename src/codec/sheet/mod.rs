//! Bytes of a table into rows, and an empty workbook into bytes.

mod document;
mod objects;
mod said;
mod table;
mod text;
mod unpacked;
mod workbook;
mod written;

pub use document::{Document, DocumentError, Entry, Progress};
pub use objects::Objects;
pub use said::Said;
pub use table::{Steps, Table};
pub use text::{TextRows, TextTable};
pub use unpacked::{HELD_MAX, UNPACKED_MAX};
pub use workbook::{Workbook, WorkbookRows, template};
pub use written::{BOM, csv_line, workbook};

/// Largest file, in bytes: it is held in memory, and a million rows are a quarter of it.
pub const FILE_MAX: usize = 256 * 1024 * 1024;
/// Columns that are read; no export has as many.
pub const COLUMNS_MAX: usize = 512;
/// Rows of a sheet: as many as a spreadsheet can have.
pub const ROWS_MAX: u32 = 1_048_576;

/// Why a file can't be read as a table.
#[derive(Debug, thiserror::Error)]
pub enum SheetError {
    /// It has more than [`FILE_MAX`] bytes.
    #[error("it has more than {} MiB; split it", FILE_MAX / 1024 / 1024)]
    TooLarge,
    /// Its bytes are no text that is known.
    #[error(
        "it is neither UTF-8 (line {utf8_line}, byte {utf8_byte}) nor GB18030 (line {gb_line}, byte {gb_byte}); save it as CSV UTF-8"
    )]
    Encoding {
        /// Where UTF-8 ends, from 1.
        utf8_line: usize,
        /// The byte in that line, from 1.
        utf8_byte: usize,
        /// Where GB18030 ends, from 1.
        gb_line: usize,
        /// The byte in that line, from 1.
        gb_byte: usize,
    },
    /// Text that began as UTF-8 and is broken.
    #[error("it is UTF-8, but not at line {line}, byte {byte}: the file is damaged or cut off")]
    Damaged {
        /// The line, from 1.
        line: usize,
        /// The byte in that line, from 1.
        byte: usize,
    },
    /// Something else than its name says.
    #[error("it is {0}")]
    Foreign(&'static str),
    /// A quoted field that does not end.
    #[error(
        "the quotation mark that opens a field at or after line {line} is not closed: the file is damaged or cut off"
    )]
    OpenQuote {
        /// The line of the record.
        line: u32,
    },
    /// More than [`ROWS_MAX`] rows.
    #[error("it has more than {ROWS_MAX} rows; split it")]
    Rows,
    /// The workbook's archive or XML is broken.
    #[error("the workbook is damaged or cut off")]
    Workbook(#[source] calamine::XlsxError),
    /// The workbook's archive is broken.
    #[error("the workbook is damaged or cut off")]
    Archive(#[source] zip::result::ZipError),
    /// Unpacked it is larger than [`UNPACKED_MAX`], or a part of it than [`HELD_MAX`].
    #[error("its part {part} is larger than a workbook's can be once it is unpacked; save it anew, or split it")]
    Unpacked {
        /// Which.
        part: String,
    },
    /// An archive of thousands of parts.
    #[error("it has more parts than a workbook has")]
    TooManyParts,
    /// The reader of workbooks gave up in a way that it should not.
    #[error("the workbook is damaged")]
    Unreadable,
    /// A workbook with a password.
    #[error("the workbook has a password; save it without one")]
    Password,
    /// The rows of a text can't be split.
    #[error("it can't be split into fields")]
    Fields(#[source] csv::Error),
    /// A workbook could not be written.
    #[error("the workbook could not be made")]
    Write(#[source] rust_xlsxwriter::XlsxError),
}
