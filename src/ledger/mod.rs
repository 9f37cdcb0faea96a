//! The ledger: every record on disk before anybody sees green, chained, and foldable into the state.
//!
//! # Format
//! `waybind.db` (SQLite, WAL, `synchronous=FULL`, STRICT tables) holds:
//! - `ledger(seq, body, hash)`: `body` is a record ([`Record`]) as JSON, byte for byte as it was hashed; `hash` is
//!   SHA-256 over the previous hash, `seq` as 8 bytes big-endian and `body`. `seq` starts at 1 and has no gaps.
//! - `scans(scan_id, seq)`: which record a scan id has.
//! - `outbox(seq, record, part, type, order_id)`: the feed: which facts the world outside is told, in order.
//! - one table a kind of thing, holding the state as JSON documents, with the columns that they are found by.
//!
//! `anchor` (8 KiB) holds the head of the chain in two alternating slots of 4 KiB, synced after each commit and before
//! green: a database that is behind its anchor has lost its tail, and nothing is green until a person has said so.
//! `lock` is held by the one process that may write. A start also proves the newest records; `accepted` in `meta` is the last
//! one whose damage a person has accepted.
//!
//! Old records are moved to files in `archive/` (`archive.rs` has their format): `archives`, `archive_blocks` and
//! `archived_orders` say where they are found again, and `cut` in `meta` (record, its hash, place of the feed) where the
//! database begins. A record is deleted here only after its archive was read back and its chain proved.
//!
//! # Limits
//! A commit of unknown outcome stops the writer; it opens the database again, syncs what it finds, and tells by scan
//! id what was recorded.

mod anchor;
mod archive;
mod archived;
mod backup;
mod bare;
mod cache;
mod damage;
mod feed;
mod places;
mod prints;
mod reader;
mod rebuilt;
mod record;
mod retention;
mod schema;
mod tables;
mod transaction;
mod verify;
mod writer;

use std::fs::{DirBuilder, File};
use std::os::unix::fs::{DirBuilderExt as _, MetadataExt as _};
use std::path::{Path, PathBuf};

pub use self::archived::Archive;
pub use self::backup::{BackedUp, Restored, SmallFile, back_up, restore};
pub use self::bare::{BareCommits, ScanRows};
pub use self::feed::{FeedEvent, FeedText, OrderHistory, Span};
pub use self::reader::{Reader, Stats};
pub use self::record::{Cause, Record};
pub use self::retention::{Due, Held, HeldBy, KEPT_RECORDS, Marked, MovedOut, NotMoved, RetentionTerms};
pub use self::tables::ReadTransaction;
pub use self::transaction::WriteTransaction;
pub use self::verify::{ArchivedPart, Finding, Report, verify};
pub use self::writer::{Accepted, Health, WriteError, Writer, accept_damage};

/// The folder of archives within a data folder.
const ARCHIVES: &str = "archive";

/// What to do about a damaged database.
pub const HINT_OF_DAMAGE: &str = "keep a copy of the data folder before anything else; `waybind restore` makes a box of the newest backup in an empty folder";

/// Why a ledger can't be used.
#[derive(Debug, thiserror::Error)]
pub enum LedgerError {
    /// Another process has the data folder.
    #[error("the data folder {} is in use by another waybind", .folder.display())]
    InUse {
        /// The folder.
        folder: PathBuf,
    },
    /// A file can't be read or written.
    #[error("{what} {}", .path.display())]
    Io {
        /// What was tried.
        what: &'static str,
        /// With which file.
        path: PathBuf,
        /// Why it failed.
        source: std::io::Error,
    },
    /// The database was taken away from under the one who writes it.
    #[error("{} was moved, deleted or replaced while waybind worked with it", .path.display())]
    Gone {
        /// The database.
        path: PathBuf,
    },
    /// SQLite says no.
    #[error("{what}")]
    Sqlite {
        /// What was tried.
        what: &'static str,
        /// Why it failed.
        source: rusqlite::Error,
    },
    /// The database's file is damaged.
    #[error("{} can't be read: {what}", .path.display())]
    Broken {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        what: String,
    },
    /// There are records, and the key of their codes is not there.
    #[error("{} is missing, without which no code and no badge that was printed is known, and no PIN fits", .path.display())]
    NoKey {
        /// Where it should be.
        path: PathBuf,
    },
    /// A newer waybind wrote it.
    #[error("the database has schema {found}, this waybind knows {known}: use the newer waybind that wrote it")]
    Newer {
        /// In the file.
        found: i64,
        /// Known here.
        known: i64,
    },
    /// SQLite is older than the WAL fix.
    #[error("SQLite {0} has the WAL-reset bug; at least 3.51.3 is needed")]
    OldSqlite(&'static str),
    /// A bug of ours.
    #[error("waybind failed while it judged; nothing of it was kept")]
    Panicked,
    /// A reader keeps the write-ahead log from being moved into the database.
    #[error("only {moved} of {pages} pages of the write-ahead log could be moved into the database")]
    Unsettled {
        /// Pages in the log.
        pages: i64,
        /// Pages that were moved.
        moved: i64,
    },
    /// Something is in the way.
    #[error("{} is there already", .path.display())]
    Exists {
        /// What.
        path: PathBuf,
    },
    /// A file is no backup.
    #[error("{} is no backup of waybind", .path.display())]
    NoBackup {
        /// The file.
        path: PathBuf,
        /// Why.
        source: rusqlite::Error,
    },
    /// What was copied does not prove itself.
    #[error("the copy is damaged: {what}")]
    Damaged {
        /// The first finding.
        what: String,
    },
    /// A record left the database, and its archive is not there.
    #[error("record {seq} is archived in \"{file}\", which is not in the data folder's archive")]
    Archived {
        /// Which record.
        seq: u64,
        /// The archive's name.
        file: String,
    },
    /// A fact does not fit the state.
    #[error("a fact does not fit the state")]
    Apply(#[source] crate::domain::ApplyError),
    /// A document can't be read.
    #[error("{what}")]
    Document {
        /// Which.
        what: String,
        /// Why.
        source: serde_json::Error,
    },
}

impl LedgerError {
    pub(crate) fn sqlite(what: &'static str) -> impl FnOnce(rusqlite::Error) -> Self {
        move |source| LedgerError::Sqlite { what, source }
    }

    pub(crate) fn io(what: &'static str, path: &Path) -> impl FnOnce(std::io::Error) -> Self {
        let path = path.to_owned();
        move |source| LedgerError::Io { what, path, source }
    }

    /// Whether the database's file is damaged, so that it does not help to try again.
    #[must_use]
    pub fn is_damage(&self) -> bool {
        use rusqlite::ErrorCode::{DatabaseCorrupt, NotADatabase};
        match self {
            LedgerError::Broken { .. } => true,
            LedgerError::Sqlite { source, .. } => {
                matches!(source.sqlite_error_code(), Some(DatabaseCorrupt | NotADatabase))
            }
            _ => false,
        }
    }

    /// What the person who runs waybind can do.
    #[must_use]
    pub fn hint(&self) -> &'static str {
        match self {
            LedgerError::Sqlite { .. } if self.is_damage() => HINT_OF_DAMAGE,
            LedgerError::NoKey { .. } => {
                "put it back from a copy of the folder, or from a backup, which `waybind restore` makes a box of in an empty folder; if it is lost for good, `waybind new-key` makes another one, and all is printed anew"
            }
            LedgerError::InUse { .. } => "stop the other waybind, or give this one another --data folder",
            LedgerError::Unsettled { .. } => "it is tried again by itself",
            LedgerError::Panicked => "send the log to waybind's developers",
            LedgerError::Io { .. } => "check that the folder exists, is writable and has space",
            LedgerError::Gone { .. } => "put it back, and it goes on; or start waybind again with what is there now",
            LedgerError::Newer { .. } => "nothing was changed",
            LedgerError::Exists { .. } => "nothing was changed; name another place, or move it away first",
            LedgerError::NoBackup { .. } => "nothing was changed; name a file that `waybind backup` made",
            LedgerError::Archived { .. } => "put the file back into the folder \"archive\" of the data folder",
            LedgerError::Damaged { .. } => "nothing was changed; take an older backup, and keep this one",
            LedgerError::OldSqlite(_) => "build waybind with its bundled SQLite",
            LedgerError::Broken { .. } => HINT_OF_DAMAGE,
            LedgerError::Sqlite { .. } | LedgerError::Document { .. } | LedgerError::Apply(_) => {
                "run `waybind ledger verify`; keep a copy of the folder before anything else"
            }
        }
    }
}

/// A ledger's tail that was lost, a chain that does not fit its anchor, or records that can't be read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Damage {
    /// The last record that is there.
    pub head: u64,
    /// The last record that the anchor knows of.
    pub anchored: u64,
    /// In a sentence.
    pub what: String,
    /// Whether a person can say that the loss is known, and work goes on behind the head.
    pub acceptable: bool,
}

/// A file, whatever it is called: its device and its number there.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Identity(u64, u64);

/// The file names in a data folder.
#[derive(Clone, Debug)]
pub struct Folder {
    path: PathBuf,
}

impl Folder {
    /// A data folder.
    #[must_use]
    pub fn new(path: &Path) -> Self {
        Folder { path: path.to_owned() }
    }

    /// Its path.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// The database.
    #[must_use]
    pub fn database(&self) -> PathBuf {
        self.path.join("waybind.db")
    }

    /// Which file the database is; another one under its name is another ledger.
    fn identity(&self) -> Result<Identity, LedgerError> {
        let path = self.database();
        let metadata = path.metadata().map_err(|_| LedgerError::Gone { path })?;
        Ok(Identity(metadata.dev(), metadata.ino()))
    }

    /// The head of the chain.
    #[must_use]
    pub fn anchor(&self) -> PathBuf {
        self.path.join("anchor")
    }

    /// The folder of the archives.
    #[must_use]
    pub fn archives(&self) -> PathBuf {
        self.path.join(ARCHIVES)
    }

    /// Where commands talk to the running service.
    #[must_use]
    pub fn control_socket(&self) -> PathBuf {
        self.path.join("control.sock")
    }

    /// The site's key.
    #[must_use]
    pub fn site_key(&self) -> PathBuf {
        self.path.join("site.key")
    }

    /// Makes the folder, for nobody but who runs waybind: consignees and their telephone numbers stand in it. Takes its
    /// lock, which lasts as long as the answer.
    ///
    /// # Errors
    /// The folder can't be made, or another process holds it.
    pub fn lock(&self) -> Result<File, LedgerError> {
        let made = DirBuilder::new().recursive(true).mode(0o700).create(&self.path);
        made.map_err(LedgerError::io("can't make the data folder", &self.path))?;
        let path = self.path.join("lock");
        let file = File::options()
            .create(true)
            .truncate(false)
            .write(true)
            .open(&path)
            .map_err(LedgerError::io("can't open", &path))?;
        match file.try_lock() {
            Ok(()) => Ok(file),
            Err(std::fs::TryLockError::WouldBlock) => Err(LedgerError::InUse { folder: self.path.clone() }),
            Err(std::fs::TryLockError::Error(source)) => Err(LedgerError::Io { what: "can't lock", path, source }),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt as _;

    use super::*;

    #[test]
    fn a_new_data_folder_is_nobody_elses() {
        let home = tempfile::tempdir().expect("a folder");
        let folder = Folder::new(&home.path().join("data"));
        let _lock = folder.lock().expect("a lock");
        let mode = folder.path().metadata().expect("a folder").permissions().mode();
        assert_eq!(mode & 0o777, 0o700);
    }
}
