//! Moving old records out of the database: what is due, the file that takes it, the deletion in small steps.
//!
//! The order of the steps keeps a crash harmless. A file is written under another name, synced, read back and proved
//! before it gets its own; then one commit says which records it has, with a fact in the chain; only then are these
//! records deleted, a block a commit, each of which moves the cut. A crash leaves a file that nothing names and the next
//! run writes again, or records that are in both places, which the next run deletes after it has proved the file again.

use std::collections::HashMap;
use std::fs::{self, File};
use std::path::{Path, PathBuf};

use jiff::Timestamp;
use rusqlite::{Connection, OptionalExtension, params};

use super::LedgerError;
use super::anchor::Head;
use super::archive::{self, BLOCK, Block, Line, Place, Writing};
use super::archived::{self, Archive, Cut};
use super::reader::Reader;
use super::record::{Cause, Record};
use super::tables::ReadTransaction;
use super::transaction::WriteTransaction;
use crate::domain::clock::Moment;
use crate::domain::event::Event;
use crate::domain::retention::{Subject, is_open, subjects};

/// The newest records never leave: the anchor names one of them, and retries, pages and supervisors look at them most.
pub const KEPT_RECORDS: u64 = 1_000;

/// Records of one archive: some 100 MB that a box unpacks in a second or two, and 10 MB on disk.
const ARCHIVE_MAX: u64 = 100_000;

/// Records that are looked at beyond the last one that is old enough: the wall clock may have been ahead for a while, and
/// must not hold up everything after it until its time has come.
const LOOK_AHEAD: u64 = 20_000;

/// Subjects whose state is remembered while records are looked through.
const REMEMBERED_MAX: usize = 50_000;

fn sqlite() -> impl FnOnce(rusqlite::Error) -> LedgerError {
    LedgerError::sqlite("can't archive the ledger")
}

/// A place of the feed that somebody has yet to be told what follows.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Marked {
    /// Who, for people.
    pub who: HeldBy,
    /// The last place that may leave.
    pub place: u64,
}

/// What may leave the database.
#[derive(Clone, Debug)]
pub struct RetentionTerms {
    /// Records from before this moment.
    pub before: Timestamp,
    /// Records of open things only from before this one; none: never.
    pub open_before: Option<Timestamp>,
    /// Who has yet to be told what.
    pub marked: Vec<Marked>,
}

/// What keeps a record.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize)]
#[serde(tag = "by", rename_all = "snake_case")]
pub enum HeldBy {
    /// It is not old enough.
    Age,
    /// It is one of the newest.
    Newest,
    /// As many as one archive takes are due before it.
    Size,
    /// A target has not been told of it.
    Target {
        /// Its name.
        name: String,
    },
    /// A target refused it, and nobody has decided what becomes of that.
    DeadLetter {
        /// The target's name.
        name: String,
    },
    /// A ladder of escalation has not come to it.
    Escalation {
        /// Its name.
        name: String,
    },
    /// It is about something that is still open.
    Open {
        /// What.
        kind: &'static str,
        /// Its id.
        id: String,
    },
    /// It can't be read.
    Unreadable,
}

/// The first record that stays, and why.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize)]
pub struct Held {
    /// The record.
    pub seq: u64,
    /// When it was made; none where there is none, or it can't be read.
    pub since: Option<Timestamp>,
    /// Why it stays.
    #[serde(flatten)]
    pub by: HeldBy,
}

/// What is due to leave.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Due {
    /// The first record.
    pub first: u64,
    /// The last one; before the first, where nothing is due.
    pub last: u64,
    /// When the newest of them was made.
    pub newest: Timestamp,
    /// What stays, and why.
    pub held: Held,
}

impl Due {
    /// How many records.
    #[must_use]
    pub fn records(&self) -> u64 {
        (self.last + 1).saturating_sub(self.first)
    }
}

/// An archive that was written and proved, and that nothing names yet.
#[derive(Clone, Debug)]
pub struct MovedOut {
    archive: Archive,
    blocks: Vec<Block>,
}

impl MovedOut {
    /// The archive.
    #[must_use]
    pub fn archive(&self) -> &Archive {
        &self.archive
    }
}

/// Why an archive was not taken.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum NotMoved {
    /// The ledger is not what it was when the file was written.
    #[error("the archive {0} does not continue what was archived before")]
    DoesNotFollow(String),
    /// The file has other records than the database.
    #[error("the archive {0} does not have what the database has")]
    Differs(String),
}

impl Reader {
    /// What may leave the database now: the longest beginning of it that nothing keeps, up to what one archive takes.
    ///
    /// # Errors
    /// The ledger can't be read.
    pub fn due(&self, terms: &RetentionTerms) -> Result<Due, LedgerError> {
        let (cut, head) = self.with(|conn| Ok((archived::cut(conn)?, super::writer::read_head(conn)?.seq)))?;
        let (limit, by) = self.with(|conn| limit(conn, terms, cut, head))?;
        let mut walk = Walk::new(terms, cut.head.seq, limit, by);
        while !walk.is_done() {
            let seq = walk.seq;
            let rows = self.with(|conn| bodies(conn, seq, BLOCK.min(limit.saturating_sub(seq))))?;
            if rows.is_empty() {
                break;
            }
            self.look(|transaction| walk.take(&rows, transaction))?;
        }
        let since = self.wall_of(walk.end() + 1)?;
        Ok(walk.due(since))
    }

    /// Records that were archived and are still to be deleted here; none where nothing was left in the middle.
    ///
    /// # Errors
    /// The tables can't be read.
    pub fn half_moved(&self) -> Result<Option<Archive>, LedgerError> {
        self.with(|conn| {
            let (cut, newest) = (archived::cut(conn)?, archived::newest(conn)?);
            Ok(newest.filter(|archive| archive.last > cut.head.seq))
        })
    }

    /// The archives, oldest first, removed ones too.
    ///
    /// # Errors
    /// The table can't be read.
    pub fn archives(&self) -> Result<Vec<Archive>, LedgerError> {
        self.with(archived::all)
    }

    /// Reads an archive whole, and proves its chain and its sum.
    ///
    /// # Errors
    /// It is not there or can't be read, or it is not what was written.
    pub fn prove_archive(&self, archive: &Archive) -> Result<(), LedgerError> {
        prove(&self.archives_folder().join(&archive.file), archive)
    }

    /// Writes what is due to an archive, and proves it. The file is there under its name only when it is whole, on disk
    /// and read back.
    ///
    /// # Errors
    /// The folder can't be written, or the ledger can't be read or is damaged.
    pub fn move_out(&self, due: &Due) -> Result<MovedOut, LedgerError> {
        let folder = self.archives_folder();
        fs::create_dir_all(&folder).map_err(LedgerError::io("can't make", &folder))?;
        // a folder that was made just now must be there after a power cut, too
        sync_folder(self.folder().path())?;
        let path = folder.join("next.part");
        self.write_out(due, &folder, &path).inspect_err(|_| {
            // what is half written would fill the disk; the error that is told is the first one
            drop(fs::remove_file(&path));
        })
    }

    fn write_out(&self, due: &Due, folder: &Path, path: &Path) -> Result<MovedOut, LedgerError> {
        let cut = self.with(archived::cut)?;
        let mut writing = Writing::begin(path, cut.head, due.last, cut.feed)?;
        while writing.head.seq < due.last {
            let (head, feed) = (writing.head, writing.feed);
            let lines = self.with(|conn| lines(conn, head, feed, BLOCK.min(due.last - head.seq)))?;
            writing.block(&lines)?;
        }
        let written = writing.finish()?;
        let hash = data_encoding::HEXLOWER.encode(&written.head.hash[..4]);
        let archive = Archive {
            first: due.first,
            last: due.last,
            file: format!("ledger-{}-{}-{hash}.jsonl.gz", due.first, due.last),
            sha256: written.sha256,
            bytes: written.bytes,
            feed: written.feed,
            newest: due.newest,
            removed: false,
            previous: cut.head.hash,
            hash: written.head.hash,
        };
        prove(path, &archive)?;
        prove_blocks(path, &written.blocks)?;
        // a file of this name that nothing names is what a crash left of the same records
        fs::rename(path, folder.join(&archive.file)).map_err(LedgerError::io("can't name", path))?;
        sync_folder(folder)?;
        Ok(MovedOut { archive, blocks: written.blocks })
    }

    /// Deletes the files of archives that were removed.
    ///
    /// # Errors
    /// A file is there and can't be deleted.
    pub fn delete_removed(&self) -> Result<usize, LedgerError> {
        let (folder, mut count) = (self.archives_folder(), 0);
        for archive in self.archives()?.iter().filter(|archive| archive.removed) {
            let path = folder.join(&archive.file);
            match fs::remove_file(&path) {
                Ok(()) => count += 1,
                Err(error) if error.kind() == std::io::ErrorKind::NotFound => {}
                Err(error) => return Err(LedgerError::io("can't delete", &path)(error)),
            }
        }
        Ok(count)
    }

    fn archives_folder(&self) -> PathBuf {
        self.folder().archives()
    }

    fn wall_of(&self, seq: u64) -> Result<Option<Timestamp>, LedgerError> {
        let rows = self.with(|conn| bodies(conn, seq.saturating_sub(1), 1))?;
        let first = rows.into_iter().next().filter(|(found, _)| *found == seq);
        Ok(first.and_then(|(_, body)| serde_json::from_slice::<Record>(&body).ok()).map(|record| record.at.wall))
    }
}

fn sync_folder(folder: &Path) -> Result<(), LedgerError> {
    File::open(folder).and_then(|folder| folder.sync_all()).map_err(LedgerError::io("can't sync", folder))
}

fn prove(path: &Path, archive: &Archive) -> Result<(), LedgerError> {
    let proof = archive::prove(path, archive.before(), |_| {}).map_err(|error| match error {
        LedgerError::Io { source, .. } if source.kind() == std::io::ErrorKind::NotFound => {
            LedgerError::Archived { seq: archive.first, file: archive.file.clone() }
        }
        error => error,
    })?;
    let wrong = proof.wrong.into_iter().next().map(|(seq, what)| format!("record {seq}: {what}"));
    let wrong = wrong.or_else(|| (proof.head != archive.end()).then(|| "it ends otherwise than it should".into()));
    let wrong = wrong.or_else(|| (proof.sha256 != archive.sha256).then(|| "its SHA-256 is another".into()));
    wrong.map_or(Ok(()), |what| Err(LedgerError::Damaged { what: format!("{}: {what}", path.display()) }))
}

/// Every block must be found by itself.
fn prove_blocks(path: &Path, blocks: &[Block]) -> Result<(), LedgerError> {
    for block in blocks {
        let lines = archive::read_block(path, block.at, block.length)?;
        let ends = (lines.first().map(|line| line.seq), lines.last().map(|line| line.seq));
        if ends != (Some(block.first), Some(block.last)) {
            let what = format!("{}: the block of record {} is not where it should be", path.display(), block.first);
            return Err(LedgerError::Damaged { what });
        }
    }
    Ok(())
}

/// The last record that may leave whatever its age, and what keeps the next one.
fn limit(conn: &Connection, terms: &RetentionTerms, cut: Cut, head: u64) -> Result<(u64, HeldBy), LedgerError> {
    let record_at = |place: u64| -> Result<Option<u64>, LedgerError> {
        let sql = "SELECT record FROM outbox WHERE seq = ?1";
        let found = conn.prepare_cached(sql).and_then(|mut statement| {
            statement.query_row([place.cast_signed()], |row| row.get::<_, i64>(0)).optional()
        });
        found.map(|record| record.map(i64::cast_unsigned)).map_err(sqlite())
    };
    let mut limits = vec![(head.saturating_sub(KEPT_RECORDS), HeldBy::Newest)];
    let last_place = super::writer::last_of_feed(conn)?;
    if let Some(record) = record_at(last_place)? {
        // without its last row the feed would give out its places again
        limits.push((record - 1, HeldBy::Newest));
    }
    for marked in terms.marked.iter().filter(|marked| marked.place < last_place) {
        let record = record_at(marked.place + 1)?.map_or(cut.head.seq, |record| record - 1);
        limits.push((record, marked.who.clone()));
    }
    let first = limits.into_iter().min_by_key(|(limit, _)| *limit);
    Ok(first.map_or((cut.head.seq, HeldBy::Newest), |(limit, by)| (limit.max(cut.head.seq), by)))
}

fn bodies(conn: &Connection, after: u64, count: u64) -> Result<Vec<(u64, Vec<u8>)>, LedgerError> {
    let sql = "SELECT seq, body FROM ledger WHERE seq > ?1 ORDER BY seq LIMIT ?2";
    let mut statement = conn.prepare_cached(sql).map_err(sqlite())?;
    let rows = statement.query_map([after.cast_signed(), count.cast_signed()], |row| {
        Ok((row.get::<_, i64>(0)?.cast_unsigned(), row.get(1)?))
    });
    rows.and_then(Iterator::collect).map_err(sqlite())
}

/// The records after one, as an archive has them; their chain is checked.
fn lines(conn: &Connection, mut head: Head, feed: u64, count: u64) -> Result<Vec<Line>, LedgerError> {
    let last = head.seq + count;
    // records stand in the feed in their order: reading ends with the first that is not among these
    let sql = "SELECT seq, record, part, type, order_id FROM outbox WHERE seq > ?1 ORDER BY seq";
    let mut statement = conn.prepare_cached(sql).map_err(sqlite())?;
    let rows = statement.query_map([feed.cast_signed()], |row| {
        let number = |column| row.get::<_, i64>(column).map(i64::cast_unsigned);
        Ok((number(1)?, Place(number(0)?, row.get(2)?, row.get(3)?, row.get(4)?)))
    });
    let mut places = rows.map_err(sqlite())?.peekable();
    let mut lines = Vec::new();
    let sql = "SELECT seq, body, hash FROM ledger WHERE seq > ?1 AND seq <= ?2 ORDER BY seq";
    let mut statement = conn.prepare_cached(sql).map_err(sqlite())?;
    let mut rows = statement.query([head.seq.cast_signed(), last.cast_signed()]).map_err(sqlite())?;
    while let Some(row) = rows.next().map_err(sqlite())? {
        let seq = row.get::<_, i64>(0).map_err(sqlite())?.cast_unsigned();
        let (body, hash): (Vec<u8>, [u8; 32]) = (row.get(1).map_err(sqlite())?, row.get(2).map_err(sqlite())?);
        let expected = head.next(&body);
        if expected != (Head { seq, hash }) {
            return Err(LedgerError::Damaged { what: format!("record {seq}: its hash does not match") });
        }
        head = expected;
        let mut feed = Vec::new();
        while let Some(place) = places.next_if(|place| place.as_ref().map_or(true, |(record, _)| *record <= seq)) {
            let (record, place) = place.map_err(sqlite())?;
            if record != seq {
                return Err(LedgerError::Damaged { what: format!("the feed names record {record} at a wrong place") });
            }
            feed.push(place);
        }
        lines.push(Line { seq, hash, feed, body });
    }
    if head.seq != last {
        return Err(LedgerError::Damaged { what: format!("record {} is missing", head.seq + 1) });
    }
    Ok(lines)
}

/// Looks through the records after the cut for the first one that stays.
struct Walk<'t> {
    terms: &'t RetentionTerms,
    first: u64,
    limit: u64,
    /// The last one that was looked at.
    seq: u64,
    /// The last one that is old, and the wall clock there.
    old: Option<(u64, Timestamp)>,
    /// What keeps the record behind the limit, or behind the last one that was looked at.
    by: HeldBy,
    is_done: bool,
    open: HashMap<Subject, bool>,
}

impl<'t> Walk<'t> {
    fn new(terms: &'t RetentionTerms, cut: u64, limit: u64, by: HeldBy) -> Self {
        let (limit, by) = match cut + ARCHIVE_MAX < limit {
            true => (cut + ARCHIVE_MAX, HeldBy::Size),
            false => (limit, by),
        };
        let is_done = limit <= cut;
        Walk { terms, first: cut + 1, limit, seq: cut, old: None, by, is_done, open: HashMap::new() }
    }

    fn is_done(&self) -> bool {
        self.is_done || self.seq >= self.limit || self.seq - self.end() >= LOOK_AHEAD
    }

    /// The last record that may leave.
    fn end(&self) -> u64 {
        self.old.map_or(self.first - 1, |(seq, _)| seq)
    }

    fn take(&mut self, rows: &[(u64, Vec<u8>)], transaction: &ReadTransaction<'_>) {
        let limit = self.limit;
        for (seq, body) in rows.iter().take_while(|(seq, _)| *seq <= limit) {
            let Ok(record) = serde_json::from_slice::<Record>(body) else {
                return self.stop(HeldBy::Unreadable);
            };
            let wall = record.at.wall;
            if let Some(subject) = self.open_subject(&record, transaction) {
                return self.stop(HeldBy::Open { kind: subject.kind(), id: subject.id().to_owned() });
            }
            self.seq = *seq;
            // a wall clock that stands behind what it said before says nothing about age
            let is_old = wall < self.terms.before && self.old.is_none_or(|(_, last)| wall >= last);
            if is_old {
                self.old = Some((*seq, wall));
            }
        }
    }

    /// Something open that a record is about, unless the record is too old to wait for it.
    fn open_subject(&mut self, record: &Record, transaction: &ReadTransaction<'_>) -> Option<Subject> {
        if self.terms.open_before.is_some_and(|before| record.at.wall < before) {
            return None;
        }
        if self.open.len() > REMEMBERED_MAX {
            self.open.clear();
        }
        let all = record.events.iter().flat_map(subjects);
        all.into_iter().find(|subject| match self.open.get(subject) {
            Some(open) => *open,
            None => {
                let open = is_open(transaction.view(), subject);
                self.open.insert(subject.clone(), open);
                open
            }
        })
    }

    fn stop(&mut self, by: HeldBy) {
        (self.is_done, self.by, self.limit) = (true, by, self.seq);
    }

    fn due(self, since: Option<Timestamp>) -> Due {
        let last = self.end();
        let by = if last < self.limit { HeldBy::Age } else { self.by };
        let newest = self.old.map_or(Timestamp::MIN, |(_, wall)| wall);
        Due { first: self.first, last, newest, held: Held { seq: last + 1, since, by } }
    }
}

impl WriteTransaction<'_> {
    /// Takes an archive: from now on its records may be deleted here. `cause` says who wanted it.
    ///
    /// # Errors
    /// The archive does not have what the ledger has; nothing was changed.
    pub fn put_archive(&mut self, at: Moment, cause: Cause, moved: &MovedOut) -> Result<(), NotMoved> {
        let (conn, archive) = (self.conn(), &moved.archive);
        match fits(conn, archive) {
            Ok(None) => {}
            Ok(Some(wrong)) => return Err(wrong),
            Err(error) => {
                self.fail(error);
                return Ok(());
            }
        }
        if let Err(source) = insert(conn, moved) {
            self.fail(LedgerError::Sqlite { what: "can't take an archive", source });
        }
        let fact = Event::RecordsArchived {
            first: archive.first,
            last: archive.last,
            hash: data_encoding::HEXLOWER.encode(&archive.hash),
            file: archive.file.clone(),
            sha256: archive.sha256.clone(),
        };
        self.append(at, cause, None, vec![fact]);
        Ok(())
    }

    /// Deletes the next block of records that an archive has; answers whether there was one. The archive was proved
    /// before, and is not touched.
    pub fn cut_block(&mut self) -> bool {
        let conn = self.conn();
        match cut_block(conn) {
            Ok(cut) => cut,
            Err(error) => {
                self.fail(error);
                false
            }
        }
    }

    /// Says that an archive's file is deleted because of its age.
    pub fn remove_archive(&mut self, at: Moment, archive: &Archive) {
        let conn = self.conn();
        let first = archive.first.cast_signed();
        let done = conn.execute("UPDATE archives SET removed = 1 WHERE first = ?1 AND removed = 0", [first]).and_then(
            |changed| conn.execute("DELETE FROM archive_blocks WHERE archive = ?1", [first]).map(|_| changed),
        );
        match done {
            Ok(0) => {}
            Ok(_) => {
                let (first, last, file) = (archive.first, archive.last, archive.file.clone());
                let cause = Cause::Local { what: "retention".into() };
                self.append(at, cause, None, vec![Event::ArchiveRemoved { first, last, file }]);
            }
            Err(source) => self.fail(LedgerError::Sqlite { what: "can't remove an archive", source }),
        }
    }
}

/// Whether an archive continues what was archived and ends as the ledger does there.
fn fits(conn: &Connection, archive: &Archive) -> Result<Option<NotMoved>, LedgerError> {
    let cut = archived::cut(conn)?.head;
    let newest = archived::newest(conn)?.map_or(Head::EMPTY, |newest| newest.end());
    if archive.before() != cut || newest != cut {
        return Ok(Some(NotMoved::DoesNotFollow(archive.file.clone())));
    }
    let hash = conn
        .query_row("SELECT hash FROM ledger WHERE seq = ?1", [archive.last.cast_signed()], |row| {
            row.get::<_, [u8; 32]>(0)
        })
        .optional()
        .map_err(sqlite())?;
    Ok((hash != Some(archive.hash)).then(|| NotMoved::Differs(archive.file.clone())))
}

fn insert(conn: &Connection, moved: &MovedOut) -> rusqlite::Result<()> {
    let archive = &moved.archive;
    let number = u64::cast_signed;
    conn.execute(
        "INSERT INTO archives (first, last, file, sha256, bytes, previous, hash, feed, newest, removed) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, 0)",
        params![
            number(archive.first),
            number(archive.last),
            archive.file,
            archive.sha256,
            number(archive.bytes),
            archive.previous,
            archive.hash,
            number(archive.feed),
            archive.newest.to_string()
        ],
    )?;
    let sql = "INSERT INTO archive_blocks (first, last, archive, at, length, feed) VALUES (?1, ?2, ?3, ?4, ?5, ?6)";
    let mut statement = conn.prepare_cached(sql)?;
    for block in &moved.blocks {
        let Block { first, last, at, length, feed } = *block;
        statement.execute([first, last, archive.first, at, length, feed].map(number))?;
    }
    Ok(())
}

fn cut_block(conn: &Connection) -> Result<bool, LedgerError> {
    let cut = archived::cut(conn)?;
    let sql = "SELECT last, feed FROM archive_blocks WHERE first = ?1";
    let read = |row: &rusqlite::Row<'_>| Ok((row.get::<_, i64>(0)?, row.get::<_, i64>(1)?));
    let next = cut.head.seq + 1;
    let found = conn
        .prepare_cached(sql)
        .and_then(|mut statement| statement.query_row([next.cast_signed()], read).optional())
        .map_err(sqlite())?;
    let Some((last, feed)) = found else { return Ok(false) };
    let (first, before) = (next.cast_signed(), cut.feed.cast_signed());
    let delete = || -> rusqlite::Result<()> {
        let sql = "SELECT hash FROM ledger WHERE seq = ?1";
        let hash: [u8; 32] = conn.prepare_cached(sql)?.query_row([last], |row| row.get(0))?;
        let sql = "INSERT OR IGNORE INTO archived_orders (order_id, block) SELECT DISTINCT order_id, ?1 FROM outbox WHERE seq > ?2 AND seq <= ?3 AND order_id IS NOT NULL";
        conn.prepare_cached(sql)?.execute([first, before, feed])?;
        conn.prepare_cached("DELETE FROM outbox WHERE seq > ?1 AND seq <= ?2")?.execute([before, feed])?;
        conn.prepare_cached("DELETE FROM replies WHERE seq >= ?1 AND seq <= ?2")?.execute([first, last])?;
        conn.prepare_cached("DELETE FROM ledger WHERE seq >= ?1 AND seq <= ?2")?.execute([first, last])?;
        let head = Head { seq: last.cast_unsigned(), hash };
        archived::set_cut(conn, Cut { head, feed: feed.cast_unsigned() })
    };
    delete().map_err(sqlite())?;
    Ok(true)
}
