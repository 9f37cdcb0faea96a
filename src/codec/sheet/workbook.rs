//! Workbooks (.xlsx): read cell by cell, so that a sheet is never held as a whole; and the template written.

use std::io::Cursor;
use std::panic::AssertUnwindSafe;

use calamine::{CellErrorType, DataRef, Reader as _, SheetType, SheetVisible, Xlsx, XlsxCellReader, XlsxError};

use super::{COLUMNS_MAX, FILE_MAX, ROWS_MAX, SheetError};
use crate::intake::{Cell, Merged, Row};

/// Days from 1899-12-30 to 1904-01-01, from which some workbooks count.
const EPOCH_1904: f64 = 1_462.0;
/// What old and encrypted workbooks begin with.
const OLE: &[u8] = b"\xd0\xcf\x11\xe0";

/// A workbook.
pub struct Workbook {
    inner: Xlsx<Cursor<Vec<u8>>>,
    is_1904: bool,
}

/// Reads something of a workbook. The reader's own arithmetic may stop at numbers that no spreadsheet writes; a file must
/// not stop the program.
fn guarded<T>(read: impl FnOnce() -> Result<T, XlsxError>) -> Result<T, SheetError> {
    match std::panic::catch_unwind(AssertUnwindSafe(read)) {
        Ok(read) => read.map_err(failed),
        Err(_) => Err(SheetError::Unreadable),
    }
}

fn failed(error: XlsxError) -> SheetError {
    if matches!(error, XlsxError::Password) { SheetError::Password } else { SheetError::Workbook(error) }
}

impl Workbook {
    /// Opens a file's bytes.
    ///
    /// # Errors
    /// It is too large, no workbook, or a damaged one.
    pub fn open(bytes: Vec<u8>) -> Result<Self, SheetError> {
        if bytes.len() > FILE_MAX {
            return Err(SheetError::TooLarge);
        }
        if bytes.starts_with(OLE) {
            return Err(SheetError::Foreign(
                "an old .xls workbook, or one with a password; save it as .xlsx without one",
            ));
        }
        if !bytes.starts_with(b"PK") {
            return Err(SheetError::Foreign("no workbook"));
        }
        super::unpacked::check(&bytes)?;
        let inner = guarded(|| Xlsx::new(Cursor::new(bytes)))?;
        let is_1904 = inner.has_1904_epoch();
        Ok(Workbook { inner, is_1904 })
    }

    /// Its sheets, and why each that can't be read is left out.
    #[must_use]
    pub fn sheets(&self) -> Vec<(String, Option<&'static str>)> {
        let left_out = |sheet: &calamine::Sheet| match (sheet.visible, sheet.typ) {
            (_, SheetType::ChartSheet) => Some("it is a chart"),
            (_, SheetType::DialogSheet | SheetType::MacroSheet | SheetType::Vba) => Some("it is a program"),
            (SheetVisible::Visible, SheetType::WorkSheet) => None,
            (_, SheetType::WorkSheet) => Some("it is hidden"),
        };
        self.inner.sheets_metadata().iter().map(|sheet| (sheet.name.clone(), left_out(sheet))).collect()
    }

    /// Whether it counts days from 1904. Only cells that are formatted as dates are corrected for that.
    #[must_use]
    pub fn counts_from_1904(&self) -> bool {
        self.is_1904
    }

    /// The merged cells of a sheet.
    ///
    /// # Errors
    /// The sheet is damaged.
    pub fn merged(&mut self, sheet: &str) -> Result<Vec<Merged>, SheetError> {
        let merged = guarded(|| self.inner.merge_cells_by_sheet_name(sheet))?;
        let from_one = |number: u32| number.saturating_add(1);
        let merged = merged.into_iter().map(|cells| Merged {
            rows: (from_one(cells.start.0), from_one(cells.end.0)),
            columns: (from_one(cells.start.1), from_one(cells.end.1)),
        });
        Ok(merged.collect())
    }

    /// The rows of a sheet that are not empty. A formula counts as the value that was saved with it.
    ///
    /// # Errors
    /// The sheet is damaged.
    pub fn rows(&mut self, sheet: &str) -> Result<WorkbookRows<'_>, SheetError> {
        let is_1904 = self.is_1904;
        let reader = guarded(|| self.inner.worksheet_cells_reader(sheet))?;
        Ok(WorkbookRows { reader, is_1904, next: None, is_read: false, has_ended: false })
    }
}

/// A cell with its row and column from 0.
type Placed = ((u32, u32), Cell);

/// The rows of a sheet of a workbook.
pub struct WorkbookRows<'a> {
    reader: XlsxCellReader<'a, Cursor<Vec<u8>>>,
    is_1904: bool,
    /// The first cell of the next row.
    next: Option<Placed>,
    /// The last cell was read; asking for more is an error.
    is_read: bool,
    has_ended: bool,
}

fn error_name(error: &CellErrorType) -> &'static str {
    match error {
        CellErrorType::Div0 => "#DIV/0!",
        CellErrorType::NA => "#N/A",
        CellErrorType::Name => "#NAME?",
        CellErrorType::Null => "#NULL!",
        CellErrorType::Num => "#NUM!",
        CellErrorType::Ref => "#REF!",
        CellErrorType::Value => "#VALUE!",
        CellErrorType::GettingData => "#GETTING_DATA",
    }
}

impl WorkbookRows<'_> {
    fn cell(&self, value: DataRef<'_>, is_formula: bool) -> Cell {
        match value {
            DataRef::Empty if is_formula => {
                Cell::Fault("the formula was saved without its value; open and save it".into())
            }
            DataRef::Empty => Cell::Empty,
            DataRef::Int(number) => Cell::Number(number as f64),
            DataRef::Float(number) => Cell::Number(number),
            DataRef::String(text) => Cell::Text(text),
            DataRef::SharedString(text) => Cell::Text(text.to_owned()),
            DataRef::Bool(truth) => Cell::Bool(truth),
            DataRef::DateTime(moment) if moment.is_datetime() => {
                Cell::Serial(moment.as_f64() + if self.is_1904 { EPOCH_1904 } else { 0.0 })
            }
            DataRef::DateTime(_) | DataRef::DurationIso(_) => Cell::Fault("it holds a span of time".into()),
            DataRef::DateTimeIso(text) => Cell::Text(text),
            DataRef::Error(error) => Cell::Fault(format!("the cell holds the error {}", error_name(&error))),
        }
    }

    /// The next cell that is not empty.
    fn next_cell(&mut self) -> Result<Option<Placed>, SheetError> {
        if let Some(kept) = self.next.take() {
            return Ok(Some(kept));
        }
        loop {
            if self.is_read {
                return Ok(None);
            }
            let Some(found) = guarded(|| self.reader.next_cell_with_formula_metadata())? else {
                self.is_read = true;
                return Ok(None);
            };
            let cell = self.cell(found.value, found.formula.is_some());
            if !cell.is_empty() && (found.pos.1 as usize) < COLUMNS_MAX {
                return Ok(Some((found.pos, cell)));
            }
        }
    }

    fn row(&mut self) -> Result<Option<Row>, SheetError> {
        let Some(((row, column), cell)) = self.next_cell()? else { return Ok(None) };
        if row >= ROWS_MAX {
            return Err(SheetError::Rows);
        }
        let mut cells = Vec::new();
        let mut place = |column: u32, cell: Cell| {
            let column = column as usize;
            if cells.len() <= column {
                cells.resize(column + 1, Cell::Empty);
            }
            cells[column] = cell;
        };
        place(column, cell);
        while let Some((position, cell)) = self.next_cell()? {
            if position.0 != row {
                self.next = Some((position, cell));
                break;
            }
            place(position.1, cell);
        }
        Ok(Some(Row { number: row + 1, cells, fault: None }))
    }
}

impl Iterator for WorkbookRows<'_> {
    type Item = Result<Row, SheetError>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.has_ended {
            return None;
        }
        let row = self.row().transpose();
        self.has_ended = !matches!(row, Some(Ok(_)));
        row
    }
}

/// An empty workbook: sheets with their headers, each with whether it must be filled in (then it is bold). Every column
/// is text, so that codes keep their zeros and digits.
///
/// # Errors
/// A name can't be a sheet's.
pub fn template(sheets: &[(String, Vec<(String, bool)>)]) -> Result<Vec<u8>, SheetError> {
    /// Width of a column in characters.
    const WIDTH: u32 = 16;
    let (as_text, bold) = (
        rust_xlsxwriter::Format::new().set_num_format("@"),
        rust_xlsxwriter::Format::new().set_bold().set_num_format("@"),
    );
    let mut workbook = rust_xlsxwriter::Workbook::new();
    for (name, headers) in sheets {
        let sheet = workbook.add_worksheet();
        sheet.set_name(name).map_err(SheetError::Write)?;
        for (column, (header, is_required)) in (0..).zip(headers) {
            let format = if *is_required { &bold } else { &as_text };
            sheet
                .set_column_format(column, &as_text)
                .and_then(|sheet| sheet.set_column_width(column, WIDTH))
                .and_then(|sheet| sheet.write_string_with_format(0, column, header, format))
                .map_err(SheetError::Write)?;
        }
        sheet.set_freeze_panes(1, 0).map_err(SheetError::Write)?;
    }
    workbook.save_to_buffer().map_err(SheetError::Write)
}
