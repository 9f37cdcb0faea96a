//! Text tables: UTF-8 or GB18030; comma, semicolon or tab.
//!
//! No byte of a GB18030 character is a comma, semicolon, tab, quotation mark or line end, so that fields are split first
//! and decoded one by one.

use std::io::{Chain, Read};

use encoding_rs::{DecoderResult, GB18030};

use super::{COLUMNS_MAX, FILE_MAX, ROWS_MAX, SheetError};
use crate::intake::{Cell, Row};

const BOM: &[u8] = b"\xef\xbb\xbf";
/// What may stand between fields.
pub(super) const DELIMITERS: [u8; 3] = [b',', b';', b'\t'];
/// A record after the last one: a quotation mark that is still open swallows it.
const END: &[u8] = b"\n\x04end-of-table\n";

/// A text file that is known to be a table.
#[derive(Debug)]
pub struct TextTable {
    bytes: Vec<u8>,
    /// Where the first record begins.
    start: usize,
    /// Lines before it.
    skipped: u32,
    is_gb: bool,
    delimiter: u8,
    /// The row after which rows have a width, and the width; 0 if it is not known.
    width: (u32, usize),
}

/// Line and byte of a place, each from 1.
fn place(bytes: &[u8], offset: usize) -> (usize, usize) {
    let before = &bytes[..offset.min(bytes.len())];
    let line = before.iter().filter(|byte| **byte == b'\n').count() + 1;
    let begin = before.iter().rposition(|byte| *byte == b'\n').map_or(0, |end| end + 1);
    (line, before.len() - begin + 1)
}

/// Where bytes stop being GB18030.
fn gb_fault(bytes: &[u8]) -> Option<usize> {
    /// Characters that are decoded at once.
    const PIECE: usize = 64 * 1024;
    let mut decoder = GB18030.new_decoder_without_bom_handling();
    let mut piece = String::with_capacity(PIECE);
    let mut read = 0;
    loop {
        piece.clear();
        let (result, took) = decoder.decode_to_string_without_replacement(&bytes[read..], &mut piece, true);
        read += took;
        match result {
            DecoderResult::InputEmpty => return None,
            DecoderResult::OutputFull => {}
            DecoderResult::Malformed(length, after) => {
                return Some(read.saturating_sub(usize::from(length) + usize::from(after)));
            }
        }
    }
}

/// Whether a text that begins as UTF-8 has Chinese characters in it: GB18030 hardly ever looks so by chance.
fn is_clearly_utf8(bytes: &[u8]) -> bool {
    let text = std::str::from_utf8(bytes).unwrap_or_default();
    text.chars().any(|character| ('\u{3000}'..='\u{9fff}').contains(&character))
}

/// Finds out whether bytes are GB18030 (else they are UTF-8).
fn is_gb(bytes: &[u8]) -> Result<bool, SheetError> {
    let Err(error) = std::str::from_utf8(bytes) else { return Ok(false) };
    let (line, byte) = place(bytes, error.valid_up_to());
    if bytes.starts_with(BOM) || is_clearly_utf8(&bytes[..error.valid_up_to()]) {
        return Err(SheetError::Damaged { line, byte });
    }
    match gb_fault(bytes) {
        None => Ok(true),
        Some(offset) => {
            let (gb_line, gb_byte) = place(bytes, offset);
            Err(SheetError::Encoding { utf8_line: line, utf8_byte: byte, gb_line, gb_byte })
        }
    }
}

/// Lines that end with a carriage return alone, as old exports have them, end with a line feed: by those lines are
/// counted.
fn with_line_feeds(mut bytes: Vec<u8>) -> Vec<u8> {
    if !bytes.contains(&b'\n') {
        bytes.iter_mut().filter(|byte| **byte == b'\r').for_each(|byte| *byte = b'\n');
    }
    bytes
}

/// The delimiter that the first line has most of, outside quotation marks.
fn sniff(line: &[u8]) -> u8 {
    let mut counts = DELIMITERS.map(|delimiter| (delimiter, 0));
    let mut is_quoted = false;
    for byte in line {
        is_quoted ^= *byte == b'"';
        if !is_quoted && let Some((_, count)) = counts.iter_mut().find(|(delimiter, _)| delimiter == byte) {
            *count += 1;
        }
    }
    // of equal counts the first counts
    counts.iter().rev().max_by_key(|(_, count)| *count).map_or(b',', |(delimiter, _)| *delimiter)
}

impl TextTable {
    /// Looks at a file's bytes: encoding, delimiter.
    ///
    /// # Errors
    /// It is too large, no text, or no text that is known.
    pub fn open(bytes: Vec<u8>) -> Result<Self, SheetError> {
        if bytes.len() > FILE_MAX {
            return Err(SheetError::TooLarge);
        }
        if bytes.starts_with(b"PK\x03\x04") {
            return Err(SheetError::Foreign("a workbook or another archive; name it .xlsx"));
        }
        if bytes.starts_with(b"\xff\xfe") || bytes.starts_with(b"\xfe\xff") {
            return Err(SheetError::Foreign("UTF-16; save it as CSV UTF-8"));
        }
        if bytes.contains(&0) {
            return Err(SheetError::Foreign("no text: it holds zero bytes"));
        }
        let bytes = with_line_feeds(bytes);
        let is_gb = is_gb(&bytes)?;
        let mut start = if bytes.starts_with(BOM) { BOM.len() } else { 0 };
        let line_at = |start: usize| {
            let rest = &bytes[start..];
            &rest[..rest.iter().position(|byte| *byte == b'\n').map_or(rest.len(), |end| end + 1)]
        };
        let mut skipped = 0;
        let mut told = None;
        // a line by which some spreadsheets tell the delimiter
        if let [b's', b'e', b'p', b'=', delimiter @ (b',' | b';' | b'\t'), ..] = line_at(start) {
            told = Some(*delimiter);
            start += line_at(start).len();
            skipped += 1;
        }
        let mut first = start;
        while first < bytes.len() && line_at(first).trim_ascii().is_empty() {
            first += line_at(first).len();
        }
        let delimiter = told.unwrap_or_else(|| sniff(line_at(first)));
        Ok(TextTable { start, skipped, is_gb, delimiter, bytes, width: (0, 0) })
    }

    /// Splits its fields by another delimiter.
    pub(super) fn set_delimiter(&mut self, delimiter: u8) {
        self.delimiter = delimiter;
    }

    /// The name of its encoding.
    #[must_use]
    pub fn encoding(&self) -> &'static str {
        if self.is_gb { "GB18030" } else { "UTF-8" }
    }

    /// What separates its fields.
    #[must_use]
    pub fn delimiter(&self) -> char {
        char::from(self.delimiter)
    }

    /// After this row, a row with fewer or more cells than `width` is at fault: something was cut off, or a delimiter
    /// stands in a field without quotation marks.
    pub fn expect_width(&mut self, after: u32, width: usize) {
        self.width = (after, width);
    }

    /// Its rows that are not empty, from the first on.
    #[must_use]
    pub fn rows(&self) -> TextRows<'_> {
        let reader = csv::ReaderBuilder::new()
            .has_headers(false)
            .flexible(true)
            .delimiter(self.delimiter)
            .from_reader(self.bytes[self.start..].chain(END));
        TextRows { reader, table: self, record: csv::ByteRecord::new(), has_ended: false }
    }
}

/// The rows of a text table.
pub struct TextRows<'a> {
    reader: csv::Reader<Chain<&'a [u8], &'static [u8]>>,
    table: &'a TextTable,
    record: csv::ByteRecord,
    has_ended: bool,
}

impl TextRows<'_> {
    fn cell(&self, field: &[u8], line: u32) -> Cell {
        let text = if self.table.is_gb {
            GB18030.decode_without_bom_handling_and_without_replacement(field).map(std::borrow::Cow::into_owned)
        } else {
            std::str::from_utf8(field).ok().map(str::to_owned)
        };
        match text {
            Some(text) if text.is_empty() => Cell::Empty,
            Some(text) if text.starts_with('#') && ERRORS.contains(&text.trim()) => {
                Cell::Fault(format!("the spreadsheet wrote the error {}", text.trim()))
            }
            Some(text) => Cell::Text(text),
            None => Cell::Fault(format!("the field in line {line} is not {}", self.table.encoding())),
        }
    }

    /// The line of the record in the file. The reader tells where the one before it ended.
    fn line(&self) -> u32 {
        let Some(position) = self.record.position() else { return 0 };
        let begin = self.table.start.saturating_add(usize::try_from(position.byte()).unwrap_or(usize::MAX));
        let rest = self.table.bytes.get(begin..).unwrap_or_default();
        let ends = rest.iter().take_while(|byte| matches!(byte, b'\r' | b'\n')).filter(|byte| **byte == b'\n').count();
        let line = position.line().saturating_add(ends as u64);
        u32::try_from(line).unwrap_or(u32::MAX).saturating_add(self.table.skipped)
    }

    fn fault(&self, number: u32, found: usize) -> Option<String> {
        let (after, width) = self.table.width;
        let is_over = self.record.iter().skip(width).any(|field| !field.is_empty());
        if width == 0 || number <= after || found == width || (found > width && !is_over) {
            return None;
        }
        let why = if found < width {
            "the row was cut off"
        } else {
            "a delimiter may stand in a field without quotation marks"
        };
        Some(format!("it has {found} fields where the headers are {width}: {why}"))
    }
}

/// What a spreadsheet writes for a formula that failed.
const ERRORS: [&str; 8] = ["#N/A", "#REF!", "#VALUE!", "#NAME?", "#DIV/0!", "#NUM!", "#NULL!", "#SPILL!"];

impl Iterator for TextRows<'_> {
    type Item = Result<Row, SheetError>;

    fn next(&mut self) -> Option<Self::Item> {
        while !self.has_ended {
            match self.reader.read_byte_record(&mut self.record) {
                Ok(true) => {}
                Ok(false) => {
                    self.has_ended = true;
                    let line = u32::try_from(self.reader.position().line()).unwrap_or(u32::MAX);
                    return Some(Err(SheetError::OpenQuote { line }));
                }
                Err(error) => {
                    self.has_ended = true;
                    return Some(Err(SheetError::Fields(error)));
                }
            }
            let number = self.line();
            let ends_inside = self.record.iter().any(|field| field.trim_ascii_end().ends_with(END.trim_ascii()));
            if ends_inside {
                self.has_ended = true;
                let is_end = self.record.len() == 1 && self.record.get(0) == Some(END.trim_ascii());
                return (!is_end).then_some(Err(SheetError::OpenQuote { line: number }));
            }
            if number > ROWS_MAX {
                self.has_ended = true;
                return Some(Err(SheetError::Rows));
            }
            let cells: Vec<Cell> = self.record.iter().take(COLUMNS_MAX).map(|field| self.cell(field, number)).collect();
            if cells.iter().all(Cell::is_empty) {
                continue;
            }
            return Some(Ok(Row { number, cells, fault: self.fault(number, self.record.len()) }));
        }
        None
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a test")]
mod tests {
    use super::*;

    fn rows(bytes: &[u8]) -> Vec<(u32, Vec<String>)> {
        let text = |cell: &Cell| if let Cell::Text(text) = cell { text.clone() } else { format!("{cell:?}") };
        let table = TextTable::open(bytes.to_vec()).unwrap();
        table.rows().map(Result::unwrap).map(|row| (row.number, row.cells.iter().map(text).collect())).collect()
    }

    #[test]
    fn encodings_and_delimiters_are_found() {
        for (text, delimiter) in
            [("订单号,数量\nSO-1,2\n", ','), ("订单号;数量\nSO-1;2", ';'), ("订单号\t数量\r\nSO-1\t2\r\n", '\t')]
        {
            let expected = vec![(1, vec!["订单号".to_owned(), "数量".into()]), (2, vec!["SO-1".into(), "2".into()])];
            assert_eq!(rows(text.as_bytes()), expected);
            assert_eq!(rows(format!("\u{feff}{text}").as_bytes()), expected);
            let gb = GB18030.encode(text).0;
            assert_eq!(rows(&gb), expected);
            assert_eq!(TextTable::open(gb.into_owned()).unwrap().delimiter(), delimiter);
        }
        assert_eq!(rows(b"sep=;\n\na,b;c\n"), [(3, vec!["a,b".to_owned(), "c".into()])]);
        assert_eq!(
            rows(b"\"a\nb\",c\nd,e"),
            [(1, vec!["a\nb".to_owned(), "c".into()]), (3, vec!["d".into(), "e".into()])]
        );
        assert!(rows(b"").is_empty() && rows(b"\n\n").is_empty());
        let numbers = |bytes: &[u8]| rows(bytes).iter().map(|(number, _)| *number).collect::<Vec<_>>();
        assert_eq!((numbers(b"a,b\rc,d\r\re,f"), numbers(b"a,b\r\nc,d\r\n")), (vec![1, 2, 4], vec![1, 2]));
    }

    #[test]
    fn what_is_no_table_is_told_with_its_place() {
        let open = |bytes: &[u8]| TextTable::open(bytes.to_vec()).unwrap_err().to_string();
        assert!(open("订单号\nSO-\u{fffd}".as_bytes().strip_suffix(b"\xbd").unwrap()).contains("line 2, byte 4"));
        assert!(open(b"a,b\nx,\xff\n").contains("GB18030 (line 2, byte 3)"));
        assert!(open(b"\xff\xfea\0").contains("UTF-16"));
        assert!(open(b"PK\x03\x04").contains(".xlsx"));
        let table = TextTable::open(b"a,b\n1,\"2\n3,4\n".to_vec()).unwrap();
        let last = table.rows().last().unwrap().unwrap_err();
        assert!(matches!(last, SheetError::OpenQuote { line: 2 }), "{last}");
    }

    #[test]
    fn rows_of_another_width_are_at_fault() {
        let mut table = TextTable::open(b"title\na,b\n1\n1,2,\n1,2,3\n".to_vec()).unwrap();
        table.expect_width(2, 2);
        let faults: Vec<bool> = table.rows().map(|row| row.unwrap().fault.is_some()).collect();
        assert_eq!(faults, [false, false, true, false, true]);
    }
}
