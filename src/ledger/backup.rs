//! A copy of everything that a box knows, in one file, taken while it works; and a box made of such a copy.
//!
//! # Format
//! A SQLite database as in the data folder, with one table more: `backup(name, bytes)`, the small files that belong to
//! it (the site's key, the targets' places), under their names relative to the data folder, and under `head` the hash of
//! the last record. It holds secrets, so only its owner may read it.

use std::fs::{self, File};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Component, Path, PathBuf};

use rusqlite::Connection;
use rustix::fs::{CWD, RenameFlags, renameat_with};
use rustix::io::Errno;

use super::anchor::{Anchor, Head};
use super::verify::{Report, prove};
use super::writer::{compare, last_of_feed, new_box_id, read_head};
use super::{Folder, LedgerError, schema};

/// A small file of the data folder: its name relative to it, and its bytes.
pub type SmallFile = (String, Vec<u8>);

/// What a backup holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct BackedUp {
    /// The last record in it.
    pub head: u64,
    /// Its size in bytes.
    pub bytes: u64,
    /// The last record that is in archives only: they are files beside it, and not in it.
    pub archived: u64,
}

/// A box that was made of a backup.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Restored {
    /// What its ledger holds.
    pub report: Report,
    /// The id under which it goes on: records of this box after the backup may be known elsewhere, under the old id.
    pub by: String,
    /// The last place of its feed.
    pub last: u64,
}

/// Copies a ledger as it is at one instant, beside the writer or without one, with small files that were read before, and
/// proves the copy as `ledger verify` does. The file is there under its name only once it is whole and on disk.
///
/// # Errors
/// The file exists already or can't be written; the ledger is damaged, or behind its anchor.
pub fn back_up(folder: &Folder, file: &Path, small: &[SmallFile]) -> Result<BackedUp, LedgerError> {
    refuse_existing([file.to_owned()])?;
    let part = Part::beside(file)?;
    // read before the copy is made, so that it can't be ahead of it
    let anchored = Anchor::open(&folder.anchor())?.1;
    let conn = schema::open_reader(&folder.database())?;
    // SQLite fills an empty file, which keeps its owner's rights
    let name = part.path.to_str().ok_or_else(|| std::io::Error::other("its name is no UTF-8, which SQLite wants"));
    let name = name.map_err(LedgerError::io("can't copy to", file))?;
    conn.execute("VACUUM INTO ?1", [name]).map_err(LedgerError::sqlite("can't copy the ledger"))?;
    let mut copy = Connection::open(&part.path).map_err(LedgerError::sqlite("can't open the copy"))?;
    let (report, head) = proved(&copy, anchored, &folder.archives())?;
    add_small(&mut copy, small, head).map_err(LedgerError::sqlite("can't complete the copy"))?;
    drop(copy);
    part.finish(file)?;
    let bytes = file.metadata().map_err(LedgerError::io("can't read", file))?.len();
    let archived = report.archived.map_or(0, |part| part.through);
    Ok(BackedUp { head: head.seq, bytes, archived })
}

/// What a ledger proves; nothing may be wrong with it. Archives that are not there or not whole don't make it worse: a copy
/// of the rest is wanted all the more.
fn proved(conn: &Connection, anchored: Option<Head>, archives: &Path) -> Result<(Report, Head), LedgerError> {
    let (report, head) = prove(conn, archives, anchored)?;
    if let Some(finding) = report.findings.first() {
        return Err(LedgerError::Damaged { what: finding.what.clone() });
    }
    match compare(conn, head, anchored)? {
        Some(damage) => Err(LedgerError::Damaged { what: damage.what }),
        None => Ok((report, head)),
    }
}

/// The hash of the last record.
const HEAD: &str = "head";

fn add_small(copy: &mut Connection, small: &[SmallFile], head: Head) -> rusqlite::Result<()> {
    let tx = copy.transaction()?;
    tx.execute_batch("CREATE TABLE backup (name TEXT PRIMARY KEY, bytes BLOB NOT NULL) STRICT, WITHOUT ROWID")?;
    let small = small.iter().map(|(name, bytes)| (name.as_str(), bytes.as_slice()));
    for (name, bytes) in small.chain([(HEAD, head.hash.as_slice())]) {
        tx.execute("INSERT INTO backup (name, bytes) VALUES (?1, ?2)", (name, bytes))?;
    }
    tx.commit()
}

/// Makes a box of a backup in a folder that has none. Its ledger is proved as `ledger verify` does before anything of it
/// stands there. `belongs` says which small files a data folder has.
///
/// # Errors
/// The folder has a ledger or parts of one or is in use, the file is no backup, or its ledger is not clean.
pub fn restore(file: &Path, folder: &Folder, belongs: impl Fn(&str) -> bool) -> Result<Restored, LedgerError> {
    let mut source = File::open(file).map_err(LedgerError::io("can't read", file))?;
    let _lock = folder.lock()?;
    // a log that was left behind would be played into the database that comes to stand beside it
    let database = folder.database();
    let beside = ["", "-wal", "-shm", "-journal"].map(|ending| ended(&database, ending));
    refuse_existing(beside.into_iter().chain([folder.anchor()]))?;
    let part = Part::beside(&database)?;
    let mut copy = File::options().write(true).open(&part.path).map_err(LedgerError::io("can't write", &part.path))?;
    std::io::copy(&mut source, &mut copy).map_err(LedgerError::io("can't copy", file))?;
    drop(copy);
    let failed = || LedgerError::sqlite("can't read the backup");
    let mut conn = Connection::open(&part.path).map_err(failed())?;
    let small = small_files(&conn).map_err(|source| LedgerError::NoBackup { path: file.to_owned(), source })?;
    let (ends, small): (Vec<_>, Vec<_>) = small.into_iter().partition(|(name, _)| name == HEAD);
    let foreign = small.iter().find(|(name, _)| !(stays_inside(name) && belongs(name)));
    if let Some((name, _)) = foreign {
        return Err(LedgerError::Damaged {
            what: format!("it holds a file \"{name}\", which is none of a data folder"),
        });
    }
    refuse_existing(small.iter().map(|(name, _)| folder.path().join(name)))?;
    conn.execute_batch("DROP TABLE backup").map_err(failed())?;
    schema::migrate(&mut conn)?;
    if !schema::is_ours(&conn)? {
        return Err(LedgerError::Damaged {
            what: "it has tables, indexes or triggers that waybind did not make".into(),
        });
    }
    let head = read_head(&conn)?;
    if ends.first().is_none_or(|(_, hash)| *hash != head.hash) {
        return Err(LedgerError::Damaged { what: format!("record {} is not the last that was copied", head.seq) });
    }
    let (report, _) = proved(&conn, Some(head), &folder.archives())?;
    let by = new_box_id(&conn)?;
    let last = last_of_feed(&conn)?;
    drop(conn);
    put(folder, &small, head, part)?;
    Ok(Restored { report, by, last })
}

/// Puts the parts of a box into its folder, the database last.
fn put(folder: &Folder, small: &[SmallFile], head: Head, part: Part) -> Result<(), LedgerError> {
    let write = || {
        for (name, bytes) in small {
            write_small(&folder.path().join(name), bytes)?;
        }
        let path = folder.anchor();
        Anchor::open(&path)?.0.write(head).map_err(LedgerError::io("can't write", &path))?;
        part.finish(&folder.database())
    };
    write().inspect_err(|_| {
        let written = small.iter().map(|(name, _)| folder.path().join(name)).chain([folder.anchor()]);
        written.for_each(|path| drop(fs::remove_file(path)));
    })
}

fn refuse_existing(paths: impl IntoIterator<Item = PathBuf>) -> Result<(), LedgerError> {
    // a link to nowhere is something, too
    match paths.into_iter().find(|path| path.symlink_metadata().is_ok()) {
        Some(path) => Err(LedgerError::Exists { path }),
        None => Ok(()),
    }
}

/// A file that is being written, readable by its owner only, under a name that nobody foresees; it goes if it is not
/// finished.
struct Part {
    path: PathBuf,
}

impl Part {
    fn beside(file: &Path) -> Result<Part, LedgerError> {
        let random =
            getrandom::u32().map_err(|error| LedgerError::io("can't name", file)(std::io::Error::other(error)))?;
        let path = ended(file, &format!(".{random:08x}.part"));
        let made = File::options().write(true).create_new(true).mode(0o600).open(&path);
        drop(made.map_err(LedgerError::io("can't make", &path))?);
        Ok(Part { path })
    }

    /// Gives the file its name, on disk; one that came to be there meanwhile stays.
    fn finish(&self, file: &Path) -> Result<(), LedgerError> {
        let synced = File::open(&self.path).and_then(|part| part.sync_all());
        synced.map_err(LedgerError::io("can't sync", &self.path))?;
        match renameat_with(CWD, &self.path, CWD, file, RenameFlags::NOREPLACE) {
            Ok(()) => {}
            Err(Errno::EXIST) => return Err(LedgerError::Exists { path: file.to_owned() }),
            // some network file systems can't look and rename at once
            Err(Errno::INVAL | Errno::NOSYS) => {
                refuse_existing([file.to_owned()])?;
                fs::rename(&self.path, file).map_err(LedgerError::io("can't make", file))?;
            }
            Err(error) => return Err(LedgerError::io("can't make", file)(error.into())),
        }
        let folder = file.parent().filter(|parent| !parent.as_os_str().is_empty()).unwrap_or(Path::new("."));
        File::open(folder).and_then(|folder| folder.sync_all()).map_err(LedgerError::io("can't sync", folder))
    }
}

impl Drop for Part {
    fn drop(&mut self) {
        for ending in ["", "-journal"] {
            drop(fs::remove_file(ended(&self.path, ending)));
        }
    }
}

fn small_files(conn: &Connection) -> rusqlite::Result<Vec<SmallFile>> {
    let mut statement = conn.prepare("SELECT name, bytes FROM backup ORDER BY name")?;
    statement.query_map([], |row| Ok((row.get(0)?, row.get(1)?))).and_then(Iterator::collect)
}

fn stays_inside(name: &str) -> bool {
    !name.is_empty() && Path::new(name).components().all(|part| matches!(part, Component::Normal(_)))
}

fn write_small(path: &Path, bytes: &[u8]) -> Result<(), LedgerError> {
    use std::io::Write as _;
    let write = || -> std::io::Result<()> {
        if let Some(parent) = path.parent() {
            fs::create_dir_all(parent)?;
        }
        let mut file = File::options().write(true).create_new(true).mode(0o600).open(path)?;
        file.write_all(bytes)?;
        file.sync_all()
    };
    write().map_err(LedgerError::io("can't write", path))
}

/// The same path with something behind it.
fn ended(path: &Path, ending: &str) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(ending);
    name.into()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_in_a_backup_stays_inside_of_the_folder() {
        assert!(stays_inside("targets/erp/cursor"));
        for wrong in ["", "/etc/passwd", "../site.key", "targets/../../x"] {
            assert!(!stays_inside(wrong), "{wrong}");
        }
    }
}
