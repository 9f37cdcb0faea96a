//! `backup` and `restore`: everything that a box knows, in one file.

use std::path::{Path, PathBuf};

use super::client::display;
use super::{Failure, Target, existing, say};
use crate::ledger::{BackedUp, Folder, LedgerError, Restored, SmallFile};
use crate::upstream;

fn failed(error: &LedgerError) -> Failure {
    Failure::Failed(format!("{}; {}", display(error), error.hint()))
}

pub(super) fn back_up(file: &Path, target: &Target) -> Result<(), Failure> {
    let folder = existing(&target.load()?)?;
    // read before the ledger is: a target is rather told twice of a fact than never
    let small = small_files(&folder)?;
    if !folder.site_key().exists() {
        super::warn("warning: the site's key is missing, and so it will be in the backup");
    }
    let BackedUp { head, bytes, archived } =
        crate::ledger::back_up(&folder, file, &small).map_err(|error| failed(&error))?;
    if target.json {
        let told = serde_json::json!({"file": file, "records": head, "bytes": bytes, "archived": archived});
        return say(&told.to_string());
    }
    say(&format!("{}: {head} records, {bytes} bytes; it holds the site's key, keep it safe", file.display()))?;
    if archived > 0 {
        let archives = folder.archives();
        say(&format!(
            "Records 1 to {archived} are not in it: copy {}, too. Its files never change.",
            archives.display()
        ))?;
    }
    Ok(())
}

pub(super) fn restore(file: &Path, target: &Target) -> Result<(), Failure> {
    let folder = Folder::new(&target.load()?.data);
    let Restored { report, by, last } =
        crate::ledger::restore(file, &folder, |name| belongs(&folder, name)).map_err(|error| failed(&error))?;
    follow(&folder, &by, last)?;
    let place = folder.path().display();
    match target.json {
        true => {
            let told =
                serde_json::json!({"data": folder.path(), "records": report.records, "head": report.head, "box": by});
            say(&told.to_string())
        }
        false => {
            say(&format!("{place}: {} records, {} facts, clean; head {}", report.records, report.facts, report.head))?;
            super::ledger::say_archived(&report)?;
            say(&format!("The box goes on as {by}; what it recorded after the backup is not here."))
        }
    }
}

/// Makes a key in the place of one that was lost.
pub(super) fn new_key(target: &Target) -> Result<(), Failure> {
    let folder = existing(&target.load()?)?;
    let _lock = folder.lock().map_err(|error| failed(&error))?;
    crate::service::make_key(&folder).map_err(|error| failed(&error))?;
    say(&format!(
        "{}: a new key. Print badges and labels again, and set PINs anew; the old ones are not known any more.",
        folder.site_key().display()
    ))
}

/// Brings the targets' places over to a feed that goes on under another id.
pub(super) fn follow(folder: &Folder, by: &str, last: u64) -> Result<(), Failure> {
    for place in targets(folder)?.into_iter().filter(|path| path.ends_with("cursor")) {
        upstream::carry_over(&place, by, last)
            .map_err(|error| Failure::Failed(format!("{}: {error}", place.display())))?;
    }
    Ok(())
}

/// What belongs to a ledger beside its database.
fn small_files(folder: &Folder) -> Result<Vec<SmallFile>, Failure> {
    let key = Some(folder.site_key()).filter(|path| path.exists());
    let mut small = Vec::new();
    for path in key.into_iter().chain(targets(folder)?) {
        let bytes = std::fs::read(&path).map_err(|error| Failure::Failed(format!("{}: {error}", path.display())))?;
        let name = path.strip_prefix(folder.path()).unwrap_or(&path).to_string_lossy().into_owned();
        small.push((name, bytes));
    }
    Ok(small)
}

/// Whether a small file is one of those that a data folder has.
fn belongs(folder: &Folder, name: &str) -> bool {
    let path = folder.path().join(name);
    path == folder.site_key() || upstream::is_file_of_target(folder.path(), &path)
}

/// The files of all targets.
fn targets(folder: &Folder) -> Result<Vec<PathBuf>, Failure> {
    let place = upstream::folder(folder.path());
    let told = |error: std::io::Error| Failure::Failed(format!("{}: {error}", place.display()));
    let mut files = Vec::new();
    if place.is_dir() {
        for target in std::fs::read_dir(&place).map_err(told)? {
            for file in std::fs::read_dir(target.map_err(told)?.path()).map_err(told)? {
                files.push(file.map_err(told)?.path());
            }
        }
    }
    files.retain(|file| upstream::is_file_of_target(folder.path(), file));
    files.sort();
    Ok(files)
}
