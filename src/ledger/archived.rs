//! What left the database, found again: the cut, the archives, and one record, place of the feed or order within them.

use std::path::{Path, PathBuf};

use jiff::Timestamp;
use rusqlite::{Connection, OptionalExtension, Row};
use serde::{Deserialize, Serialize};

use super::LedgerError;
use super::anchor::Head;
use super::archive::{self, Line, Place};

/// Where the database begins: the last record and the last place of the feed that are no longer in it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Cut {
    pub head: Head,
    pub feed: u64,
}

impl Cut {
    pub(super) const NONE: Cut = Cut { head: Head::EMPTY, feed: 0 };
}

/// The cut as it stands in the table `meta`.
#[derive(Serialize, Deserialize)]
struct Kept {
    seq: u64,
    hash: String,
    feed: u64,
}

/// A file of records that left the database, or are about to.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Archive {
    /// Its first record.
    pub first: u64,
    /// Its last one.
    pub last: u64,
    /// Its name within the folder of archives.
    pub file: String,
    /// Its SHA-256, hexadecimal.
    pub sha256: String,
    /// Its length.
    pub bytes: u64,
    /// The last place of the feed that it holds.
    pub feed: u64,
    /// When its newest record was made.
    pub newest: Timestamp,
    /// Whether it was deleted because of its age.
    pub removed: bool,
    /// The hash of the record before its first.
    #[serde(skip)]
    pub(super) previous: [u8; 32],
    /// The hash of its last record.
    #[serde(skip)]
    pub(super) hash: [u8; 32],
}

impl Archive {
    pub(super) fn before(&self) -> Head {
        Head { seq: self.first - 1, hash: self.previous }
    }

    pub(super) fn end(&self) -> Head {
        Head { seq: self.last, hash: self.hash }
    }
}

fn sqlite() -> impl FnOnce(rusqlite::Error) -> LedgerError {
    LedgerError::sqlite("can't read what was archived")
}

fn wrong(column: usize, what: &str) -> rusqlite::Error {
    rusqlite::Error::FromSqlConversionFailure(column, rusqlite::types::Type::Text, what.into())
}

/// Whether a name is one that waybind gives to an archive: it comes from a database, and files are deleted by it.
pub(super) fn is_name(name: &str) -> bool {
    let fits = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-';
    let middle = name.strip_prefix("ledger-").and_then(|rest| rest.strip_suffix(".jsonl.gz"));
    middle.is_some_and(|middle| !middle.is_empty() && middle.bytes().all(fits))
}

/// Where the archives of a database lie; none for one in memory.
pub(super) fn folder(conn: &Connection) -> Option<PathBuf> {
    let path = conn.path().filter(|path| !path.is_empty())?;
    Some(Path::new(path).parent()?.join(super::ARCHIVES))
}

/// The cut of a database, of any schema.
pub(super) fn cut(conn: &Connection) -> Result<Cut, LedgerError> {
    let kept: Option<String> = conn
        .prepare_cached("SELECT value FROM meta WHERE key = 'cut'")
        .and_then(|mut statement| statement.query_row([], |row| row.get(0)).optional())
        .map_err(sqlite())?;
    let Some(kept) = kept else { return Ok(Cut::NONE) };
    let unreadable = |source| LedgerError::Document { what: "the cut of the ledger can't be read".into(), source };
    let kept: Kept = serde_json::from_str(&kept).map_err(unreadable)?;
    let hash = data_encoding::HEXLOWER.decode(kept.hash.as_bytes()).ok().and_then(|hash| hash.try_into().ok());
    let hash = hash.ok_or_else(|| unreadable(<serde_json::Error as serde::de::Error>::custom("it has no hash")))?;
    Ok(Cut { head: Head { seq: kept.seq, hash }, feed: kept.feed })
}

/// Moves the cut on.
pub(super) fn set_cut(conn: &Connection, cut: Cut) -> rusqlite::Result<()> {
    let hash = data_encoding::HEXLOWER.encode(&cut.head.hash);
    let kept = Kept { seq: cut.head.seq, hash, feed: cut.feed };
    let kept = serde_json::to_string(&kept).map_err(|error| rusqlite::Error::ToSqlConversionFailure(error.into()))?;
    conn.prepare_cached("INSERT OR REPLACE INTO meta (key, value) VALUES ('cut', ?1)")?.execute([kept]).map(drop)
}

const ARCHIVES: &str = "SELECT first, last, file, sha256, bytes, previous, hash, feed, newest, removed FROM archives";

fn archive(row: &Row<'_>) -> rusqlite::Result<Archive> {
    let number = |column| row.get::<_, i64>(column).map(i64::cast_unsigned);
    let file: String = row.get(2)?;
    if !is_name(&file) {
        return Err(wrong(2, "no archive of waybind has such a name"));
    }
    let newest = row.get_ref(8)?.as_str()?.parse().map_err(|_| wrong(8, "it is no time"))?;
    Ok(Archive {
        first: number(0)?,
        last: number(1)?,
        file,
        sha256: row.get(3)?,
        bytes: number(4)?,
        previous: row.get(5)?,
        hash: row.get(6)?,
        feed: number(7)?,
        newest,
        removed: row.get(9)?,
    })
}

fn one(conn: &Connection, rest: &str, params: impl rusqlite::Params) -> Result<Option<Archive>, LedgerError> {
    let mut statement = conn.prepare_cached(&format!("{ARCHIVES} {rest}")).map_err(sqlite())?;
    statement.query_row(params, archive).optional().map_err(sqlite())
}

/// Every archive, oldest first; none in a database from before there were any.
pub(super) fn all(conn: &Connection) -> Result<Vec<Archive>, LedgerError> {
    let sql = "SELECT count(*) FROM sqlite_schema WHERE name = 'archives'";
    let known: i64 = conn.query_row(sql, [], |row| row.get(0)).map_err(sqlite())?;
    if known == 0 {
        return Ok(Vec::new());
    }
    let mut statement = conn.prepare(&format!("{ARCHIVES} ORDER BY first")).map_err(sqlite())?;
    statement.query_map([], archive).and_then(Iterator::collect).map_err(sqlite())
}

/// The newest archive.
pub(super) fn newest(conn: &Connection) -> Result<Option<Archive>, LedgerError> {
    one(conn, "ORDER BY first DESC LIMIT 1", [])
}

/// The archive with a record.
fn with_record(conn: &Connection, seq: u64) -> Result<Option<Archive>, LedgerError> {
    one(conn, "WHERE first <= ?1 AND last >= ?1 ORDER BY first DESC LIMIT 1", [seq.cast_signed()])
}

/// A block within the database's index of them.
struct Found {
    first: u64,
    at: u64,
    length: u64,
}

fn block(conn: &Connection, rest: &str, value: u64) -> Result<Option<Found>, LedgerError> {
    let sql = format!("SELECT first, at, length FROM archive_blocks {rest} LIMIT 1");
    let found = conn.prepare_cached(&sql).and_then(|mut statement| {
        let number = |row: &Row<'_>, column| row.get::<_, i64>(column).map(i64::cast_unsigned);
        let read = |row: &Row<'_>| Ok(Found { first: number(row, 0)?, at: number(row, 1)?, length: number(row, 2)? });
        statement.query_row([value.cast_signed()], read).optional()
    });
    found.map_err(sqlite())
}

/// The lines of a block; the file must be there.
fn load(conn: &Connection, found: &Found) -> Result<Vec<Line>, LedgerError> {
    let archive = with_record(conn, found.first)?.filter(|archive| !archive.removed);
    let archive = archive.ok_or_else(|| gone(conn, found.first, None))?;
    let path = folder(conn).unwrap_or_default().join(&archive.file);
    match archive::read_block(&path, found.at, found.length) {
        Err(LedgerError::Io { source, .. }) if source.kind() == std::io::ErrorKind::NotFound => {
            Err(gone(conn, found.first, Some(archive)))
        }
        Ok(lines) if lines.first().is_none_or(|line| line.seq != found.first) => {
            Err(LedgerError::Damaged { what: format!("{} has other records than it should", path.display()) })
        }
        read => read,
    }
}

/// The error of a record whose archive is not there.
fn gone(conn: &Connection, seq: u64, archive: Option<Archive>) -> LedgerError {
    let archive = archive.or_else(|| with_record(conn, seq).ok().flatten());
    LedgerError::Archived { seq, file: archive.map(|archive| archive.file).unwrap_or_default() }
}

/// A record that left the database.
pub(super) fn record(conn: &Connection, seq: u64) -> Result<Option<Line>, LedgerError> {
    if seq == 0 || seq > cut(conn)?.head.seq {
        return Ok(None);
    }
    let found = block(conn, "WHERE first <= ?1 ORDER BY first DESC", seq)?.ok_or_else(|| gone(conn, seq, None))?;
    let lines = load(conn, &found)?;
    lines.into_iter().find(|line| line.seq == seq).map(Some).ok_or_else(|| gone(conn, seq, None))
}

/// Records of the first block that tells of something after a place of the feed, which left the database.
pub(super) fn after_place(conn: &Connection, place: u64) -> Result<Vec<Line>, LedgerError> {
    let found = block(conn, "WHERE feed > ?1 ORDER BY feed, first", place)?;
    // the block may be that of a later archive, where an earlier one was removed
    let begins = feed_begins(conn)?;
    let missing = || {
        let archive = one(conn, "WHERE feed > ?1 ORDER BY first LIMIT 1", [place.cast_signed()])?;
        let (seq, file) = archive.map(|archive| (archive.first, archive.file)).unwrap_or_default();
        Err(LedgerError::Archived { seq, file })
    };
    match found {
        Some(found) if place >= begins => load(conn, &found),
        _ => missing(),
    }
}

/// The place after which the whole feed can be read: 0, unless archives were removed or are not there.
pub(super) fn feed_begins(conn: &Connection) -> Result<u64, LedgerError> {
    let cut = cut(conn)?;
    if cut.feed == 0 {
        return Ok(0);
    }
    let folder = folder(conn).unwrap_or_default();
    let is_there = |archive: &Archive| !archive.removed && folder.join(&archive.file).is_file();
    let archives = all(conn)?;
    let missing = archives.iter().rev().filter(|archive| archive.first <= cut.head.seq).find(|found| !is_there(found));
    // of an archive that is not wholly deleted here, the rest is in the database
    Ok(missing.map_or(0, |archive| archive.feed.min(cut.feed)))
}

/// Entries of the feed with their records, and the archives that are not there.
pub(super) type OfOrder = (Vec<(Place, Line)>, Vec<String>);

/// What left the database and tells of an order, oldest first, the newest so many; and the archives that are not there to
/// tell.
pub(super) fn of_order(conn: &Connection, order: &str, limit: usize) -> Result<OfOrder, LedgerError> {
    let mut statement = conn
        .prepare_cached("SELECT block FROM archived_orders WHERE order_id = ?1 ORDER BY block DESC")
        .map_err(sqlite())?;
    let rows = statement.query_map([order], |row| row.get::<_, i64>(0));
    let blocks: Vec<i64> = rows.and_then(Iterator::collect).map_err(sqlite())?;
    let (mut told, mut missing) = (Vec::new(), Vec::new());
    for first in blocks.into_iter().map(i64::cast_unsigned) {
        let lines = match block(conn, "WHERE first = ?1", first)? {
            Some(found) => load(conn, &found),
            None => Err(gone(conn, first, None)),
        };
        match lines {
            Ok(lines) => {
                for line in lines.into_iter().rev() {
                    let about = |place: &&Place| place.3.as_deref() == Some(order);
                    let places: Vec<Place> = line.feed.iter().filter(about).cloned().collect();
                    told.extend(places.into_iter().rev().map(|place| (place, line.clone())));
                }
            }
            Err(LedgerError::Archived { file, .. }) if missing.contains(&file) => {}
            Err(LedgerError::Archived { file, .. }) => missing.push(file),
            Err(error) => return Err(error),
        }
        if told.len() >= limit {
            break;
        }
    }
    told.reverse();
    Ok((told, missing))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_names_of_ours_are_files_that_may_be_deleted() {
        assert!(is_name("ledger-1-100000-0a1b2c3d.jsonl.gz"));
        for wrong in
            ["../site.key", "ledger-.jsonl.gz", "ledger-../../x.jsonl.gz", "ledger-1-2", "", "a/ledger-1.jsonl.gz"]
        {
            assert!(!is_name(wrong), "{wrong}");
        }
    }
}
