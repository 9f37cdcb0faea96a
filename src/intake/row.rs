//! A row of a sheet, whatever file it came from.

/// What a cell holds.
#[derive(Clone, Debug, PartialEq)]
pub enum Cell {
    /// Nothing.
    Empty,
    /// A text, as it was typed.
    Text(String),
    /// A number. A spreadsheet keeps 15 digits of it.
    Number(f64),
    /// True or false.
    Bool(bool),
    /// A day, and as a fraction the time of day, counted from 1899-12-30.
    Serial(f64),
    /// Something that can't be used, and why: an error value, undecodable bytes.
    Fault(String),
}

impl Cell {
    /// Whether nothing but space is in it.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        match self {
            Cell::Empty => true,
            Cell::Text(text) => text.trim().is_empty(),
            _ => false,
        }
    }
}

/// A row that is not empty.
#[derive(Clone, Debug, PartialEq)]
pub struct Row {
    /// Its number in the sheet, or its line in a text file; the first is 1.
    pub number: u32,
    /// Its cells from the first column on.
    pub cells: Vec<Cell>,
    /// Why the row as a whole can't be used: too few or too many cells.
    pub fault: Option<String>,
}

/// Cells that were merged to one; only the first of them has the value. Rows and columns begin with 1.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Merged {
    /// First and last row.
    pub rows: (u32, u32),
    /// First and last column.
    pub columns: (u32, u32),
}

impl Merged {
    /// The cells in the words of a spreadsheet: `A2:A4`.
    #[must_use]
    pub fn name(&self) -> String {
        let (first, last) = (letters(self.columns.0), letters(self.columns.1));
        format!("{first}{}:{last}{}", self.rows.0, self.rows.1)
    }
}

/// A column's letters: 1 is `A`, 27 is `AA`.
pub(super) fn letters(mut column: u32) -> String {
    let mut reversed = Vec::new();
    while column > 0 {
        column -= 1;
        reversed.push(char::from(b'A' + (column % 26) as u8));
        column /= 26;
    }
    reversed.into_iter().rev().collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn merged_cells_are_named_as_in_a_spreadsheet() {
        assert_eq!(Merged { rows: (2, 4), columns: (1, 1) }.name(), "A2:A4");
        assert_eq!(Merged { rows: (1, 1), columns: (26, 28) }.name(), "Z1:AB1");
    }
}
