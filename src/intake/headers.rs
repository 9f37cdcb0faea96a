//! Which column is what: a dictionary of header names, and the header row read with it.

use std::collections::BTreeMap;

use super::fields::{Field, Kind};
use super::row::{Cell, Row};
use super::words::Words;

/// Rows at the top of a sheet among which the headers are looked for: a title or a date often stands above them.
pub const HEADER_ROWS: usize = 10;
/// Before the name of a column that is handed back untouched with its order.
const EXT: &str = "ext.";
/// Known headers that make a row the header row; a single one may be a title.
pub const KNOWN_LEAST: usize = 2;

/// An entry that can't be in a dictionary.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum DictionaryError {
    /// The kind has no such field.
    #[error("{kind} have no field \"{path}\"; the nearest is \"{nearest}\"")]
    NoField {
        /// The kind's name.
        kind: &'static str,
        /// The path that was written.
        path: String,
        /// The field that is most like it.
        nearest: &'static str,
    },
}

/// What sheets, headers and values are called, kind by kind. What is added later counts before what was there.
#[derive(Clone, Debug, Default)]
pub struct Dictionary {
    kinds: BTreeMap<Kind, Names>,
    is_comparing: bool,
}

/// Kinds that exports are compared by; where headers fit both, the first counts.
const COMPARED: [Kind; 2] = [Kind::Orders, Kind::Waybills];

#[derive(Clone, Debug, Default)]
struct Names {
    sheets: Vec<String>,
    /// Place of the field, and a name of it.
    headers: Vec<(usize, String)>,
    /// Place of the field; their word, normalised, and ours.
    words: BTreeMap<usize, Vec<(String, String)>>,
}

/// A name without what people add to it: case, space, stars, hyphens; full-width characters as narrow ones.
pub(super) fn normalised(text: &str) -> String {
    let narrow = |character: char| match character {
        '\u{ff01}'..='\u{ff5e}' => char::from_u32(character as u32 - 0xfee0).unwrap_or(character),
        _ => character,
    };
    let is_ornament = |character: &char| character.is_whitespace() || matches!(character, '*' | '_' | '-' | '\u{feff}');
    text.chars().map(narrow).filter(|character| !is_ornament(character)).flat_map(char::to_lowercase).collect()
}

/// The known name that is most like a text.
pub fn nearest<'a>(text: &str, known: impl Iterator<Item = &'a str>) -> Option<&'a str> {
    let likeness = |name: &str| strsim::jaro_winkler(text, name);
    known.max_by(|one, other| likeness(one).total_cmp(&likeness(other)))
}

fn field(kind: Kind, path: &str) -> Result<usize, DictionaryError> {
    let paths = || kind.fields().iter().map(|field| field.path);
    paths().position(|known| known == path).ok_or_else(|| DictionaryError::NoField {
        kind: kind.name(),
        path: path.to_owned(),
        nearest: nearest(path, paths()).unwrap_or_default(),
    })
}

impl Dictionary {
    /// The same names for exports that are compared with what is known: nothing but the id must be there, and columns
    /// count that only tell something.
    #[must_use]
    pub fn comparing(self) -> Dictionary {
        Dictionary { is_comparing: true, ..self }
    }

    /// Adds a name of a sheet.
    pub fn add_sheet(&mut self, kind: Kind, name: &str) {
        for names in self.kinds.values_mut() {
            names.sheets.retain(|known| normalised(known) != normalised(name));
        }
        self.kinds.entry(kind).or_default().sheets.push(name.to_owned());
    }

    /// Adds a header.
    ///
    /// # Errors
    /// The kind has no field of this path.
    pub fn add_header(&mut self, kind: Kind, path: &str, name: &str) -> Result<(), DictionaryError> {
        let place = field(kind, path)?;
        let names = self.kinds.entry(kind).or_default();
        names.headers.retain(|(_, known)| normalised(known) != normalised(name));
        names.headers.push((place, name.to_owned()));
        Ok(())
    }

    /// Adds a word for one of ours.
    ///
    /// # Errors
    /// The kind has no field of this path.
    pub fn add_word(&mut self, kind: Kind, path: &str, theirs: &str, ours: &str) -> Result<(), DictionaryError> {
        let place = field(kind, path)?;
        let words = self.kinds.entry(kind).or_default().words.entry(place).or_default();
        words.retain(|(known, _)| *known != normalised(theirs));
        words.push((normalised(theirs), ours.to_owned()));
        Ok(())
    }

    /// The sheet of a template: its name, its headers, and whether each must be filled in.
    #[must_use]
    pub fn template(&self, kind: Kind) -> (String, Vec<(String, bool)>) {
        let names = self.kinds.get(&kind);
        let sheet = names.and_then(|names| names.sheets.first().cloned()).unwrap_or_else(|| kind.name().to_owned());
        let header = |(place, field): (usize, &Field)| {
            let known = names.and_then(|names| names.headers.iter().find(|(known, _)| *known == place));
            (known.map_or_else(|| field.path.to_owned(), |(_, name)| name.clone()), field.is_required)
        };
        (sheet, kind.fields().iter().enumerate().filter(|(_, field)| !field.is_told).map(header).collect())
    }

    fn kind_of(&self, sheet: &str) -> Option<Kind> {
        let plain = normalised(sheet);
        let is_called = |names: &Names| names.sheets.iter().any(|name| normalised(name) == plain);
        self.kinds.iter().find(|(_, names)| is_called(names)).map(|(kind, _)| *kind)
    }

    /// Finds the headers among the first rows of a sheet: the first row that has all that must be there, else the one
    /// with most known names. A title above them may be a known name itself.
    ///
    /// # Errors
    /// No row has known headers, or something is wrong with the row that has most.
    pub fn find(&self, sheet: &str, rows: &[Row]) -> Result<Columns, Unrecognised> {
        let mut best: Option<(usize, Result<Columns, Unrecognised>)> = None;
        for row in rows {
            let (known, read) = self.judge(sheet, row);
            match read {
                Ok(columns) if known >= KNOWN_LEAST => return Ok(columns),
                Err(Unrecognised::NoHeaders) => {}
                read if best.as_ref().is_none_or(|(most, _)| known > *most) => best = Some((known, read)),
                _ => {}
            }
        }
        best.map_or(Err(Unrecognised::NoHeaders), |(_, read)| read)
    }

    /// Reads a row as the headers of a sheet.
    ///
    /// # Errors
    /// It is no row of headers, or one that something is wrong with.
    pub fn recognise(&self, sheet: &str, row: &Row) -> Result<Columns, Unrecognised> {
        self.judge(sheet, row).1
    }

    /// How many headers of a row are known, and what it is.
    fn judge(&self, sheet: &str, row: &Row) -> (usize, Result<Columns, Unrecognised>) {
        let any = if self.is_comparing { &COMPARED[..] } else { &Kind::ALL };
        let named = self.kind_of(sheet);
        if named.is_some_and(|kind| !any.contains(&kind)) {
            return (0, Err(Unrecognised::NoHeaders));
        }
        let kinds = named.map_or_else(|| any.to_vec(), |kind| vec![kind]);
        let read = kinds.into_iter().map(|kind| self.columns(kind, row, named.is_some()));
        let mut read: Vec<Columns> = read.collect();
        read.sort_by_key(|columns| (std::cmp::Reverse(columns.known()), !columns.missing.is_empty()));
        let mut read = read.into_iter();
        let Some(best) = read.next() else { return (0, Err(Unrecognised::NoHeaders)) };
        let known = best.known();
        let cells = row.cells.iter().filter(|cell| !cell.is_empty()).count();
        let equal = |next: &Columns| next.missing.is_empty() && next.known() == known && !self.is_comparing;
        let judged = if known < KNOWN_LEAST.min(cells) || known == 0 {
            Err(Unrecognised::NoHeaders)
        } else if let Some((header, place)) = best.twice() {
            Err(Unrecognised::Twice(header, best.kind.fields()[place].path))
        } else if !best.missing.is_empty() {
            Err(Unrecognised::Missing(best.kind, best.missing))
        } else if let Some(next) = read.next().filter(equal) {
            Err(Unrecognised::Ambiguous(best.kind, next.kind))
        } else {
            Ok(best)
        };
        (known, judged)
    }

    /// Columns that no sheet has named: a field each, with the title by which people are told of it.
    ///
    /// # Errors
    /// The kind has no such field.
    pub fn columns_of(&self, kind: Kind, titles: &[(&str, String)]) -> Result<Columns, DictionaryError> {
        let mut columns = Columns {
            kind,
            header_row: 0,
            notes: Vec::new(),
            columns: Vec::new(),
            titles: titles.iter().map(|(_, title)| title.clone()).collect(),
            missing: Vec::new(),
            is_comparing: self.is_comparing,
            counts_from_1904: false,
            words: self.kinds.get(&kind).map(|names| names.words.clone()).unwrap_or_default(),
        };
        for (path, _) in titles {
            columns.columns.push(match path.strip_prefix(EXT) {
                Some(name) if kind == Kind::Orders && !name.is_empty() => Target::Ext(name.to_owned()),
                _ => Target::Field(field(kind, path)?),
            });
        }
        Ok(columns)
    }

    /// The words that a field's values may be: what its shape says, and the names that are known for it.
    #[must_use]
    pub fn words(&self, kind: Kind, path: &str) -> Option<Words> {
        let place = field(kind, path).ok()?;
        let mut words = Words::of(kind.fields()[place].shape)?;
        for (theirs, ours) in self.kinds.get(&kind).and_then(|names| names.words.get(&place)).into_iter().flatten() {
            // the names that the program knows are checked by its own tests
            drop(words.add(theirs, ours));
        }
        Some(words)
    }

    fn columns(&self, kind: Kind, row: &Row, is_named: bool) -> Columns {
        let names = self.kinds.get(&kind).cloned().unwrap_or_default();
        let fields = kind.fields();
        let mut columns = Columns {
            kind,
            header_row: row.number,
            columns: Vec::new(),
            titles: Vec::new(),
            missing: Vec::new(),
            notes: Vec::new(),
            words: names.words,
            is_comparing: self.is_comparing,
            counts_from_1904: false,
        };
        for cell in &row.cells {
            let title = if let Cell::Text(text) = cell { text.trim() } else { "" };
            let plain = normalised(title);
            let by_name = names.headers.iter().find(|(_, name)| normalised(name) == plain).map(|(place, _)| *place);
            let is_open = |place: &usize| self.is_comparing || !fields[*place].is_told;
            // `id` and `sku` are columns of many a table: only a name of its own makes one a list of what may not leave
            let is_ours = |place: &usize| is_named || kind != Kind::StopLists || *place > 0;
            let by_path = || fields.iter().position(|field| normalised(field.path) == plain).filter(is_ours);
            let place = by_name.or_else(by_path).filter(is_open);
            let target = match (place, title.strip_prefix(EXT)) {
                (Some(place), _) => Target::Field(place),
                (None, Some(name)) if kind == Kind::Orders && !name.is_empty() => Target::Ext(name.to_owned()),
                _ => Target::Nothing,
            };
            if target == Target::Nothing && !cell.is_empty() {
                let known = names.headers.iter().map(|(_, name)| name.as_str());
                let hint = nearest(title, known).map(|name| format!("; the nearest is \"{name}\"")).unwrap_or_default();
                columns.notes.push(format!("column \"{title}\" is not known{hint}; it is left out"));
            }
            columns.columns.push(target);
            columns.titles.push(title.to_owned());
        }
        let is_there = |place: usize| columns.columns.contains(&Target::Field(place));
        let is_wanted = |place: usize| fields[place].is_required && (place == 0 || !self.is_comparing);
        let missing = fields.iter().enumerate().filter(|(place, _)| is_wanted(*place) && !is_there(*place));
        let title =
            |place: usize| names.headers.iter().find(|(known, _)| *known == place).map(|(_, name)| name.clone());
        let missing = missing.map(|(place, field)| title(place).unwrap_or_else(|| field.path.to_owned())).collect();
        columns.missing = missing;
        columns
    }
}

/// Why a row was not taken for the headers of a sheet.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Unrecognised {
    /// Hardly anything in it is a known header.
    #[error("no row of known headers was found")]
    NoHeaders,
    /// Columns that must be there are not.
    #[error("{} were recognised, but these columns are missing: {}", .0.name(), .1.join(", "))]
    Missing(Kind, Vec<String>),
    /// Two columns are the same field.
    #[error("two columns are {1}: the second is \"{0}\"")]
    Twice(String, &'static str),
    /// The headers fit two kinds.
    #[error("the headers fit {} and {}; name the sheet after one of them", .0.name(), .1.name())]
    Ambiguous(Kind, Kind),
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Target {
    Nothing,
    Field(usize),
    Ext(String),
}

/// A sheet's columns.
#[derive(Clone, Debug)]
pub struct Columns {
    /// What the sheet describes.
    pub kind: Kind,
    /// The row with the headers.
    pub header_row: u32,
    /// What is to be told about the headers.
    pub notes: Vec<String>,
    pub(super) columns: Vec<Target>,
    pub(super) titles: Vec<String>,
    missing: Vec<String>,
    /// Only the id must be there.
    pub(super) is_comparing: bool,
    /// The workbook counts days from 1904: what is not formatted as a date would be another day.
    pub counts_from_1904: bool,
    pub(super) words: BTreeMap<usize, Vec<(String, String)>>,
}

impl Columns {
    /// Columns that are known.
    #[must_use]
    pub fn known(&self) -> usize {
        self.columns.iter().filter(|target| **target != Target::Nothing).count()
    }

    /// Whether a sheet has them; else a mapping file names them.
    pub(super) fn is_of_sheet(&self) -> bool {
        self.header_row > 0
    }

    /// Whether a row has the headers again, as where exports were put one below the other.
    #[must_use]
    pub fn repeats(&self, row: &Row) -> bool {
        let same = |column: usize| {
            let title = self.titles.get(column).map_or("", String::as_str);
            match row.cells.get(column) {
                Some(Cell::Text(text)) => normalised(text) == normalised(title),
                Some(other) => other.is_empty() && title.is_empty(),
                None => title.is_empty(),
            }
        };
        (0..self.titles.len().max(row.cells.len())).all(same)
    }

    fn twice(&self) -> Option<(String, usize)> {
        self.columns.iter().enumerate().find_map(|(column, target)| match target {
            Target::Field(place) if self.columns[..column].contains(target) => {
                Some((self.titles[column].clone(), *place))
            }
            _ => None,
        })
    }

    /// The column of the id, from 0.
    #[must_use]
    pub fn id_column(&self) -> Option<usize> {
        self.column_of(0)
    }

    /// The column of a field, from 0.
    pub(super) fn column_of(&self, place: usize) -> Option<usize> {
        self.columns.iter().position(|target| *target == Target::Field(place))
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a test")]
mod tests {
    use super::*;

    fn dictionary() -> Dictionary {
        let mut dictionary = Dictionary::default();
        dictionary.add_sheet(Kind::Orders, "订单");
        for (path, name) in [
            ("id", "订单号"),
            ("carrier", "承运商"),
            ("consignee.name", "收货人"),
            ("lines.sku", "SKU"),
            ("lines.quantity", "数量"),
        ] {
            dictionary.add_header(Kind::Orders, path, name).unwrap();
        }
        dictionary.add_header(Kind::Products, "sku", "SKU").unwrap();
        dictionary
    }

    fn row(titles: &[&str]) -> Row {
        let cells = titles.iter().map(|title| Cell::Text((*title).to_owned())).collect();
        Row { number: 1, cells, fault: None }
    }

    #[test]
    fn headers_are_recognised_and_the_unknown_told() {
        let titles = ["订单号*", "承运商 ", "收货人", "sku", "数量", "数目", "ext.店铺"];
        let columns = dictionary().recognise("Sheet1", &row(&titles)).unwrap();
        assert_eq!((columns.kind, columns.notes.len()), (Kind::Orders, 1));
        assert!(columns.notes[0].contains("数目") && columns.notes[0].contains("数量"), "{:?}", columns.notes);
        assert_eq!(columns.columns[6], Target::Ext("店铺".into()));
    }

    #[test]
    fn a_table_of_ids_and_skus_is_no_stop_list() {
        let mut dictionary = dictionary();
        dictionary.add_sheet(Kind::StopLists, "停发名单");
        dictionary.add_header(Kind::StopLists, "id", "停发单号").unwrap();
        let kind = |sheet: &str, titles: &[&str]| dictionary.recognise(sheet, &row(titles)).unwrap().kind;
        assert!(dictionary.recognise("Sheet1", &row(&["id", "sku", "version"])).is_err());
        assert_eq!(kind("停发名单", &["id", "sku", "version"]), Kind::StopLists);
        assert_eq!(kind("Sheet1", &["停发单号", "sku", "lots"]), Kind::StopLists);
        let columns = dictionary.recognise("停发名单", &row(&["id", "sku", ""])).unwrap();
        let again = [row(&["ID", "SKU"]), row(&["ID"]), row(&["ID", "SKU", "x"])];
        assert_eq!(again.map(|row| columns.repeats(&row)), [true, false, false]);
    }

    #[test]
    fn what_is_wrong_with_headers_is_named() {
        let read = |sheet: &str, titles: &[&str]| dictionary().recognise(sheet, &row(titles)).unwrap_err();
        assert_eq!(read("订单", &["2026年11月", ""]), Unrecognised::NoHeaders);
        assert_eq!(
            read("订单", &["订单号", "承运商", "收货人", "SKU"]),
            Unrecognised::Missing(Kind::Orders, vec!["数量".into()])
        );
        // it could be read as products, but most of its headers are those of orders
        assert_eq!(
            read("Sheet1", &["订单号", "承运商", "SKU", "数量"]),
            Unrecognised::Missing(Kind::Orders, vec!["收货人".into()])
        );
        let twice = ["订单号", "承运商", "收货人", "SKU", "数量", "lines.quantity"];
        assert_eq!(read("订单", &twice), Unrecognised::Twice("lines.quantity".into(), "lines.quantity"));
        // what must be there stands below a title that is a known name by chance
        let rows = [row(&["SKU"]), row(&["2026-11"]), row(&["订单号", "承运商", "SKU"])];
        let missing = vec!["收货人".to_owned(), "数量".into()];
        assert_eq!(dictionary().find("x", &rows).unwrap_err(), Unrecognised::Missing(Kind::Orders, missing));
        assert_eq!(dictionary().find("x", &rows[..2]).unwrap().kind, Kind::Products);
        let wrong = dictionary().add_header(Kind::Orders, "line.sku", "x").unwrap_err();
        assert!(wrong.to_string().contains("lines.sku"), "{wrong}");
    }
}
