//! Damage of the database file: what is wrong with one that SQLite can't open, which records can't be read, and whether the
//! newest of them still prove themselves.

use std::fs::File;
use std::os::unix::fs::FileExt as _;
use std::path::Path;

use rusqlite::{Connection, OptionalExtension as _};

use super::LedgerError;
use super::anchor::Head;
use super::verify::said;

/// Records that are proved at each start: some 4 MB, which takes a twentieth of the second that a start may take.
const NEWEST: u64 = 4_096;

/// Says of an error what is wrong with the file, where it is damaged.
pub(super) fn named(path: &Path, error: LedgerError) -> LedgerError {
    if !error.is_damage() {
        return error;
    }
    let what = wrong_with(path).unwrap_or_else(|| said(&error));
    LedgerError::Broken { path: path.to_owned(), what }
}

/// What the first hundred bytes and the size tell of a file that is no whole database.
fn wrong_with(path: &Path) -> Option<String> {
    let file = File::open(path).ok()?;
    let mut header = [0; 100];
    file.read_exact_at(&mut header, 0).ok()?;
    if !header.starts_with(b"SQLite format 3\0") {
        return Some("it does not begin as a database of SQLite does".into());
    }
    let page = match u16::from_be_bytes([header[16], header[17]]) {
        1 => 65_536,
        bytes => u64::from(bytes),
    };
    let pages = u64::from(u32::from_be_bytes([header[28], header[29], header[30], header[31]]));
    let (is, should) = (file.metadata().ok()?.len(), page * pages);
    (is < should).then(|| format!("it has {is} bytes and should have {should}: its end was cut off"))
}

/// The first record from here on that can be read; none if none can, up to the last.
pub(super) fn readable_from(conn: &Connection, seq: u64, last: u64) -> Option<u64> {
    let sql = "SELECT seq, body, hash FROM ledger WHERE seq >= ?1 ORDER BY seq LIMIT 1";
    let mut read = conn.prepare(sql).ok()?;
    let mut found = |seq: u64| read.query_row([seq.cast_signed()], |row| Ok((row.get(0)?, row.get::<_, Vec<u8>>(1)?)));
    (seq..=last).find_map(|seq| found(seq).ok()).map(|(seq, _): (i64, _)| seq.cast_unsigned())
}

/// The last record up to this one that can be read.
pub(super) fn readable_until(conn: &Connection, seq: u64) -> Head {
    let sql = "SELECT seq, hash FROM ledger WHERE seq <= ?1 ORDER BY seq DESC LIMIT 1";
    let read = |row: &rusqlite::Row<'_>| Ok(Head { seq: row.get::<_, i64>(0)?.cast_unsigned(), hash: row.get(1)? });
    let found = |seq: u64| conn.prepare_cached(sql)?.query_row([seq.cast_signed()], read).optional();
    (1..=seq).rev().find_map(|seq| found(seq).ok()).flatten().unwrap_or(Head::EMPTY)
}

/// What is wrong with the newest records, of those after one of which that is known already.
pub(super) fn of_the_newest(conn: &Connection, head: Head, known: u64) -> Option<String> {
    let after = head.seq.saturating_sub(NEWEST).max(known);
    let mut before = (after == 0).then_some(Head::EMPTY);
    let mut last = after;
    let mut look = || -> rusqlite::Result<Option<String>> {
        let mut statement = conn.prepare("SELECT seq, body, hash FROM ledger WHERE seq >= ?1 ORDER BY seq")?;
        let mut rows = statement.query([after.cast_signed() + 1])?;
        while let Some(row) = rows.next()? {
            let is = Head { seq: row.get::<_, i64>(0)?.cast_unsigned(), hash: row.get(2)? };
            if is.seq != last + 1 {
                return Ok(Some(format!("records {} to {} are missing", last + 1, is.seq.saturating_sub(1))));
            }
            if before.is_some_and(|before| {
                before.next(row.get_ref(1).and_then(|body| Ok(body.as_blob()?)).unwrap_or_default()) != is
            }) {
                return Ok(Some(format!(
                    "record {} was changed, or the one before it: its hash does not match",
                    is.seq
                )));
            }
            (before, last) = (Some(is), is.seq);
        }
        Ok(None)
    };
    match look() {
        Ok(found) => found,
        Err(error) => {
            let readable = readable_from(conn, last + 1, head.seq).unwrap_or(head.seq + 1);
            Some(format!("records {} to {} can't be read: {error}", last + 1, readable - 1))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_that_is_no_whole_database_is_told_by_its_beginning_and_its_size() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("waybind.db");
        Connection::open(&path).expect("a database").execute_batch("CREATE TABLE t (x)").expect("a table");
        assert_eq!(wrong_with(&path), None);
        let file = File::options().write(true).open(&path).expect("a file");
        file.set_len(4_096).expect("cut");
        assert_eq!(wrong_with(&path).as_deref(), Some("it has 4096 bytes and should have 8192: its end was cut off"));
        file.write_all_at(&[0; 100], 0).expect("spoilt");
        assert!(wrong_with(&path).expect("a reason").contains("does not begin"));
    }
}
