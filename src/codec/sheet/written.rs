//! Tables written: lines of CSV that a spreadsheet opens as they are meant, and workbooks of plain rows.

use super::SheetError;

/// By this a spreadsheet knows UTF-8.
pub const BOM: &[u8] = b"\xef\xbb\xbf";

/// Characters with which a cell begins that a spreadsheet would calculate.
const CALCULATED: [char; 6] = ['=', '+', '-', '@', '\t', '\r'];

/// A line of CSV with its end. What a spreadsheet would take for a formula has an apostrophe before it: the texts come
/// from elsewhere.
pub fn csv_line<'f>(fields: impl IntoIterator<Item = &'f str>) -> String {
    let mut line = String::new();
    for (number, field) in fields.into_iter().enumerate() {
        if number > 0 {
            line.push(',');
        }
        let is_number = field.parse::<f64>().is_ok();
        let guard = if field.starts_with(CALCULATED) && !is_number { "'" } else { "" };
        let is_plain = !field.contains([',', '"', '\n', '\r']);
        if is_plain {
            line.push_str(guard);
            line.push_str(field);
        } else {
            line.push_str(&format!("\"{guard}{}\"", field.replace('"', "\"\"")));
        }
    }
    line.push_str("\r\n");
    line
}

/// Rows of texts as a workbook; the first row of each sheet is its headers.
///
/// # Errors
/// There are more rows than a sheet can have, or a name can't be a sheet's.
pub fn workbook(sheets: &[(String, Vec<Vec<String>>)]) -> Result<Vec<u8>, SheetError> {
    /// Width of a column in characters.
    const WIDTH: u32 = 18;
    let bold = rust_xlsxwriter::Format::new().set_bold();
    let mut workbook = rust_xlsxwriter::Workbook::new();
    for (name, rows) in sheets {
        let sheet = workbook.add_worksheet();
        sheet.set_name(name).map_err(SheetError::Write)?;
        for (number, row) in (0u32..).zip(rows) {
            for (column, text) in (0u16..).zip(row) {
                let written = match number {
                    0 => sheet.write_string_with_format(number, column, text, &bold),
                    _ => sheet.write_string(number, column, text),
                };
                written.map_err(SheetError::Write)?;
            }
        }
        for column in 0..rows.first().map_or(0, Vec::len) {
            let column = u16::try_from(column).unwrap_or(u16::MAX);
            sheet.set_column_width(column, WIDTH).map_err(SheetError::Write)?;
        }
        sheet.set_freeze_panes(1, 0).map_err(SheetError::Write)?;
    }
    workbook.save_to_buffer().map_err(SheetError::Write)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fields_are_quoted_and_formulas_are_texts() {
        assert_eq!(
            csv_line(["a,b", "say \"x\"", "", "-5", "=1+1", "+x,y"]),
            "\"a,b\",\"say \"\"x\"\"\",,-5,'=1+1,\"'+x,y\"\r\n"
        );
    }
}
