//! A copy of everything that a box knows, in one file, taken while it works; and a box made of such a copy.
//!
//! # Format
//! A SQLite database as in the data folder, with one table more: `backup(name, bytes)`, the small files that belong to
//! it (the site's key, the targets' places), under their names relative to the data folder. It holds secrets, so only
//! its owner may read it.

use std::fs::{self, File};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Component, Path, PathBuf};

use rusqlite::Connection;

use super::anchor::{Anchor, Head};
use super::verify::{Report, prove};
use super::writer::{last_of_feed, new_box_id, read_head};
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

/// Copies a ledger as it is at one instant, beside the writer or without one, with small files that were read before.
/// The file is there under its name only once it is whole and on disk.
///
/// # Errors
/// The file exists already, can't be written, or what was copied is damaged.
pub fn back_up(folder: &Folder, file: &Path, small: &[SmallFile]) -> Result<BackedUp, LedgerError> {
    if file.exists() {
        return Err(LedgerError::Exists { path: file.to_owned() });
    }
    let part = beside(file, "part");
    let made = copy(folder, &part, small).and_then(|head| {
        fs::rename(&part, file).map_err(LedgerError::io("can't make", file))?;
        sync_folder_of(file)?;
        let bytes = file.metadata().map_err(LedgerError::io("can't read", file))?.len();
        Ok(BackedUp { head: head.seq, bytes })
    });
    if made.is_err() {
        drop(fs::remove_file(&part));
    }
    made
}

fn copy(folder: &Folder, part: &Path, small: &[SmallFile]) -> Result<Head, LedgerError> {
    // SQLite fills an empty file, which keeps its owner's rights
    let empty = File::options().write(true).create(true).truncate(true).mode(0o600).open(part);
    drop(empty.map_err(LedgerError::io("can't make", part))?);
    let conn = schema::open_reader(&folder.database())?;
    let failed = || LedgerError::sqlite("can't copy the ledger");
    conn.execute("VACUUM INTO ?1", [part.to_string_lossy()]).map_err(failed())?;
    let mut copy = Connection::open(part).map_err(failed())?;
    let sound: String = copy.query_row("PRAGMA quick_check(1)", [], |row| row.get(0)).map_err(failed())?;
    if sound != "ok" {
        return Err(LedgerError::Damaged { what: sound });
    }
    let mut keep = || -> rusqlite::Result<()> {
        let tx = copy.transaction()?;
        tx.execute_batch("CREATE TABLE backup (name TEXT PRIMARY KEY, bytes BLOB NOT NULL) STRICT, WITHOUT ROWID")?;
        for (name, bytes) in small {
            tx.execute("INSERT INTO backup (name, bytes) VALUES (?1, ?2)", (name, bytes))?;
        }
        tx.commit()
    };
    keep().map_err(failed())?;
    let head = read_head(&copy)?;
    drop(copy);
    File::open(part).and_then(|file| file.sync_all()).map_err(LedgerError::io("can't sync", part))?;
    Ok(head)
}

/// Makes a box of a backup in a folder that has none. Its ledger is proved as `ledger verify` does before anything of it
/// stands there.
///
/// # Errors
/// The folder has a ledger or is in use, the file is no backup, or its ledger is not clean.
pub fn restore(file: &Path, folder: &Folder) -> Result<Restored, LedgerError> {
    if !file.is_file() {
        let missing = std::io::Error::from(std::io::ErrorKind::NotFound);
        return Err(LedgerError::io("can't read", file)(missing));
    }
    let _lock = folder.lock()?;
    if folder.database().exists() {
        return Err(LedgerError::Exists { path: folder.database() });
    }
    let part = beside(&folder.database(), "part");
    let made = unpack(file, &part, folder);
    if made.is_err() {
        drop(fs::remove_file(&part));
    }
    made
}

fn unpack(file: &Path, part: &Path, folder: &Folder) -> Result<Restored, LedgerError> {
    let failed = || LedgerError::sqlite("can't read the backup");
    fs::copy(file, part).map_err(LedgerError::io("can't copy", file))?;
    let conn = Connection::open(part).map_err(failed())?;
    let small = small_files(&conn).map_err(|source| LedgerError::NoBackup { path: file.to_owned(), source })?;
    schema::check_version(&conn)?;
    let (report, head) = prove(&conn)?;
    if let Some(finding) = report.findings.first() {
        return Err(LedgerError::Damaged { what: finding.what.clone() });
    }
    conn.execute_batch("DROP TABLE backup").map_err(failed())?;
    let by = new_box_id(&conn)?;
    let last = last_of_feed(&conn)?;
    drop(conn);
    for (name, bytes) in &small {
        write_small(&folder.path().join(inside(name)?), bytes)?;
    }
    let path = folder.anchor();
    drop(fs::remove_file(&path));
    Anchor::open(&path)?.0.write(head).map_err(LedgerError::io("can't write", &path))?;
    File::open(part).and_then(|file| file.sync_all()).map_err(LedgerError::io("can't sync", part))?;
    fs::rename(part, folder.database()).map_err(LedgerError::io("can't make", &folder.database()))?;
    sync_folder_of(&folder.database())?;
    Ok(Restored { report, by, last })
}

fn small_files(conn: &Connection) -> rusqlite::Result<Vec<SmallFile>> {
    let mut statement = conn.prepare("SELECT name, bytes FROM backup ORDER BY name")?;
    statement.query_map([], |row| Ok((row.get(0)?, row.get(1)?))).and_then(Iterator::collect)
}

/// A name that stays inside of the folder.
fn inside(name: &str) -> Result<PathBuf, LedgerError> {
    let path = PathBuf::from(name);
    let plain = path.components().all(|part| matches!(part, Component::Normal(_)));
    if plain && !name.is_empty() {
        Ok(path)
    } else {
        Err(LedgerError::Damaged { what: format!("it holds a file \"{name}\", which would lie elsewhere") })
    }
}

fn write_small(path: &Path, bytes: &[u8]) -> Result<(), LedgerError> {
    use std::io::Write as _;
    let write = || -> std::io::Result<()> {
        if let Some(parent) = path.parent() {
            fs::create_dir_all(parent)?;
        }
        let mut file = File::options().write(true).create(true).truncate(true).mode(0o600).open(path)?;
        file.write_all(bytes)?;
        file.sync_all()
    };
    write().map_err(LedgerError::io("can't write", path))
}

/// The same place under another ending.
fn beside(path: &Path, ending: &str) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(".");
    name.push(ending);
    name.into()
}

fn sync_folder_of(path: &Path) -> Result<(), LedgerError> {
    let folder = path.parent().filter(|parent| !parent.as_os_str().is_empty()).unwrap_or(Path::new("."));
    File::open(folder).and_then(|folder| folder.sync_all()).map_err(LedgerError::io("can't sync", folder))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_in_a_backup_stays_inside_of_the_folder() {
        assert!(inside("targets/erp/cursor").is_ok());
        for wrong in ["", "/etc/passwd", "../site.key", "targets/../../x"] {
            assert!(inside(wrong).is_err(), "{wrong}");
        }
    }
}
