//! A folder that is watched: each file in it is taken as a whole, and put away with a report beside it.
//!
//! A file is whole when it looks the same twice. One that is still being written can have a name of its own until then:
//! what begins with a dot or `~$`, or ends with `.part`, `.tmp` or the like, is left alone.

use std::collections::HashMap;
use std::fs::{self, File};
use std::io::{self, Read};
use std::os::unix::fs::{MetadataExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::time::Duration;

use jiff::tz::TimeZone;
use rustix::fs::RenameFlags;

use super::handle::Source;
use super::kept::{Kept, KeptFile};
use super::place::{Place, PlaceFile, sync_folder_of};
use super::report::{Report, ReportLine};
use super::take::{Came, Intake};
use super::{Arrived, Inbox, Taken};
use crate::clock;
use crate::codec::shape::Unfit;
use crate::codec::sheet::{Document, Entry, FILE_MAX, Progress};
use crate::config::{SourceKind, SourceSettings, headers};
use crate::intake::{Dictionary, Kind};
use crate::upstream::retry;

/// Files of one look; further ones come with the next.
const FILES_MAX: usize = 1_000;

/// Things that are taken at once.
const CHUNK: usize = 200;

/// Names under which files are still being written.
const UNFINISHED: [&str; 6] = [".part", ".tmp", ".temp", ".crdownload", ".filepart", ".partial"];

/// Where files go.
const DONE: &str = "done";
const REFUSED: &str = "refused";

/// Names of one file that are tried where files of its name were put away before.
const NAMES_MAX: u32 = 10_000;

/// What tells a file from another one of its name.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Stamp {
    node: u64,
    size: u64,
    seconds: i64,
    nanoseconds: i64,
}

impl Stamp {
    fn of(meta: &fs::Metadata) -> Stamp {
        Stamp { node: meta.ino(), size: meta.size(), seconds: meta.mtime(), nanoseconds: meta.mtime_nsec() }
    }

    fn text(&self) -> String {
        format!("{}-{}-{}-{}", self.node, self.size, self.seconds, self.nanoseconds)
    }
}

/// Watches a folder.
pub struct Watcher<I> {
    folder: PathBuf,
    interval: Duration,
    dictionary: Dictionary,
    zone: TimeZone,
    source: Source,
    place: PlaceFile,
    intake: Intake<I>,
    /// How each file looked the last time.
    seen: HashMap<String, Stamp>,
}

/// The id of an object of a kind.
fn id_of(kind: Kind, object: &serde_json::Value) -> Option<String> {
    object[kind.fields()[0].path].as_str().map(str::to_owned)
}

fn arrived(kind: Kind, object: &serde_json::Value) -> Result<Arrived, Unfit> {
    let missing = || Unfit { reason: format!("{} is missing", kind.fields()[0].path), ..Unfit::default() };
    let id = id_of(kind, object).ok_or_else(missing)?;
    Ok(Arrived { kind, id, object: object.clone(), cancelled: None, hold: None, hold_note: None })
}

fn read_kept(kept: &Kept) -> Result<Arrived, Unfit> {
    arrived(kept.kind, &kept.value)
}

impl<I: Inbox> Watcher<I> {
    /// Opens a source's files.
    ///
    /// # Errors
    /// A file can't be read, or the mapping can't be used, in words.
    pub(super) fn open(settings: &SourceSettings, home: &Path, zone: TimeZone, inbox: I) -> Result<Self, String> {
        let source = Source::new(settings, SourceKind::Folder, inbox.now());
        let folder = settings.path.clone().unwrap_or_default();
        check_own(&folder, home)?;
        let failed = |error: io::Error| format!("its files in {} can't be read: {error}", home.display());
        let (place, kept) = (PlaceFile::open(home).map_err(failed)?, KeptFile::open(home).map_err(failed)?);
        source.shared.show(&kept);
        let intake = Intake::new(&source, inbox, kept, false);
        Ok(Watcher {
            folder,
            interval: Duration::from_secs(settings.interval().into()),
            dictionary: headers(settings.mapping.as_deref()).map_err(|error| error.to_string())?,
            zone,
            source,
            place,
            intake,
            seen: HashMap::new(),
        })
    }

    pub(super) fn source(&self) -> Source {
        self.source.clone()
    }

    /// Looks until waybind stops.
    pub(super) async fn run(mut self) {
        let mut stopping = self.intake.inbox.stopping();
        loop {
            let looked = tokio::select! {
                looked = self.look() => looked,
                _ = stopping.wait_for(|stop| *stop) => return,
            };
            let pause = match looked {
                Ok(None) => {
                    self.source.shared.succeeded(self.intake.inbox.now());
                    self.interval
                }
                Ok(Some(why)) => {
                    // one file is no reason to let the others wait
                    self.source.shared.failed(&why);
                    tracing::warn!(source = %self.source.name, why, "A file could not be taken.");
                    self.interval
                }
                Err(why) => {
                    let failures = self.source.shared.failed(&why);
                    tracing::warn!(source = %self.source.name, why, failures, "A folder could not be read.");
                    retry::pause(failures, None, clock::chance()).max(self.interval)
                }
            };
            tokio::select! {
                _ = stopping.wait_for(|stop| *stop) => return,
                () = self.source.shared.wake.notified() => {}
                () = tokio::time::sleep(pause) => {}
            }
        }
    }

    /// Takes the files that look as they did the last time. Answers what is wrong with a file; an error is one of the
    /// folder.
    async fn look(&mut self) -> Result<Option<String>, String> {
        for name in [DONE, REFUSED] {
            let folder = self.folder.join(name);
            fs::create_dir_all(&folder).map_err(|error| format!("{} can't be made: {error}", folder.display()))?;
        }
        self.intake.take_ready(read_kept).await?;
        let found = self.candidates().map_err(|error| format!("{} can't be read: {error}", self.folder.display()))?;
        let (found, unnamed) = found;
        let mut trouble =
            (unnamed > 0).then(|| format!("{unnamed} file(s) have a name that is not UTF-8; name them anew"));
        let seen = std::mem::take(&mut self.seen);
        for (name, stamp) in found {
            if seen.get(&name) == Some(&stamp) {
                if let Err(why) = self.take_file(&name, &stamp).await {
                    trouble.get_or_insert(format!("{name}: {why}"));
                    self.seen.insert(name, stamp);
                }
            } else {
                self.seen.insert(name, stamp);
            }
        }
        Ok(trouble)
    }

    /// The files, the oldest first, and how many have a name that can't be read.
    fn candidates(&self) -> io::Result<(Vec<(String, Stamp)>, usize)> {
        let mut found = Vec::new();
        let mut unnamed = 0;
        for entry in fs::read_dir(&self.folder)? {
            let entry = entry?;
            let Ok(name) = entry.file_name().into_string() else {
                unnamed += 1;
                continue;
            };
            let is_unfinished = UNFINISHED.iter().any(|end| name.to_lowercase().ends_with(end));
            if name.starts_with('.') || name.starts_with("~$") || is_unfinished {
                continue;
            }
            // a link is not followed: it may lead anywhere
            match entry.path().symlink_metadata() {
                Ok(meta) if meta.is_file() => found.push((name, Stamp::of(&meta))),
                // it was renamed or taken away meanwhile
                Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
                _ => {}
            }
        }
        found.sort_by(|(one, before), (other, after)| {
            (before.seconds, before.nanoseconds, one).cmp(&(after.seconds, after.nanoseconds, other))
        });
        found.truncate(FILES_MAX);
        Ok((found, unnamed))
    }

    /// Takes a file and puts it away.
    async fn take_file(&mut self, name: &str, stamp: &Stamp) -> Result<(), String> {
        let told = |error: io::Error| error.to_string();
        if self.intake.kept.is_full() {
            return Err("too much waits; look at it and try again".into());
        }
        if let Some((_, text)) = self.place.get().taken.as_ref().filter(|(known, _)| known == name)
            && let Some((to, known)) = text.split_once(' ')
            && known == stamp.text()
        {
            // it was taken before a crash, and its report is there
            let to = self.folder.join(to);
            return self.put_away(name, &to);
        }
        let mut report = Report::begin(&self.folder).map_err(told)?;
        let read = match self.read(name, stamp).map_err(told)? {
            Ok(bytes) => Document::open(name, bytes, &self.dictionary).map_err(|error| error.to_string()),
            Err(Some(why)) => Err(why),
            // it changed while it was read: it is not whole yet
            Err(None) => return Ok(()),
        };
        match read {
            Ok(document) => self.take(document, &mut report).await?,
            Err(why) => report.note("", "refused", &why).map_err(told)?,
        }
        let folder = if report.refused > 0 { REFUSED } else { DONE };
        let to = self.free_name(folder, name)?;
        report.end(&self.folder.join(format!("{to}.report.csv"))).map_err(told)?;
        let taken = Some((name.to_owned(), format!("{to} {}", stamp.text())));
        self.place.keep(Place { taken, ..Place::default() }).map_err(told)?;
        self.source.shared.state().pages += 1;
        match self.folder.join(name).symlink_metadata() {
            Ok(meta) if Stamp::of(&meta) == *stamp => self.put_away(name, &self.folder.join(to)),
            Ok(_) => Err("it was replaced while it was taken; the new one is taken next".into()),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
            Err(error) => Err(told(error)),
        }
    }

    /// A file's bytes; else why they can't be had, or nothing if it changed meanwhile.
    fn read(&self, name: &str, stamp: &Stamp) -> io::Result<Result<Vec<u8>, Option<String>>> {
        if stamp.size > FILE_MAX as u64 {
            return Ok(Err(Some(format!("it has more than {} MiB; split it", FILE_MAX / 1024 / 1024))));
        }
        let path = self.folder.join(name);
        let flags = rustix::fs::OFlags::NOFOLLOW | rustix::fs::OFlags::NONBLOCK;
        let opened = File::options().read(true).custom_flags(flags.bits().cast_signed()).open(&path);
        let mut bytes = Vec::new();
        let read = opened.and_then(|file| {
            (&file).take(FILE_MAX as u64 + 1).read_to_end(&mut bytes)?;
            file.metadata()
        });
        Ok(match read {
            Ok(meta) if Stamp::of(&meta) == *stamp => Ok(bytes),
            Ok(_) => Err(None),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Err(None),
            Err(error) => Err(Some(format!("it can't be read: {error}"))),
        })
    }

    async fn take(&mut self, mut document: Document, report: &mut Report) -> Result<(), String> {
        let told = |error: io::Error| error.to_string();
        for (sheet, note) in document.notes() {
            report.note(sheet, "note", note).map_err(told)?;
        }
        let zone = self.zone.clone();
        for kind in Kind::ALL {
            for part in 0..document.parts(kind) {
                let mut steps = match document.read(kind, part, &zone) {
                    Ok(steps) => steps.fuse(),
                    Err(error) => return report.note("", "refused", &error.to_string()).map_err(told),
                };
                loop {
                    let (entries, fault) = some_entries(&mut steps);
                    if entries.is_empty() && fault.is_none() {
                        break;
                    }
                    self.take_entries(kind, entries, report).await?;
                    if let Some(why) = fault {
                        return report.note("", "refused", &why).map_err(told);
                    }
                }
            }
        }
        Ok(())
    }

    async fn take_entries(&mut self, kind: Kind, entries: Vec<Entry>, report: &mut Report) -> Result<(), String> {
        let came = entries.iter().map(|entry| match &entry.outcome {
            Ok(object) => Came { kind, value: object.clone(), read: arrived(kind, object) },
            Err((id, reason)) => {
                let unfit = Unfit { id: id.clone(), reason: reason.clone(), ..Unfit::default() };
                Came { kind, value: serde_json::Value::Null, read: Err(unfit) }
            }
        });
        let taken: Vec<Taken> = self.intake.take(came.collect()).await?;
        for (entry, taken) in entries.iter().zip(taken) {
            let id = match &entry.outcome {
                Ok(object) => id_of(kind, object),
                Err((id, _)) => id.clone(),
            };
            let line = ReportLine {
                sheet: entry.sheet.as_deref().unwrap_or_default(),
                rows: &entry.rows,
                kind: kind.name(),
                id: id.as_deref().unwrap_or_default(),
            };
            report.tell(&line, &taken).map_err(|error| error.to_string())?;
        }
        Ok(())
    }

    /// A name under which no file was put away yet, relative to the folder.
    fn free_name(&self, folder: &str, name: &str) -> Result<String, String> {
        let (stem, extension) = name.rsplit_once('.').unwrap_or((name, ""));
        let numbered = |number: u32| match number {
            1 => format!("{folder}/{name}"),
            _ => format!("{folder}/{stem}-{number}.{extension}"),
        };
        let is_free = |to: &String| self.folder.join(to).symlink_metadata().is_err();
        (1..=NAMES_MAX).map(numbered).find(is_free).ok_or_else(|| format!("{folder} has too many files of this name"))
    }

    fn put_away(&self, name: &str, to: &Path) -> Result<(), String> {
        let from = self.folder.join(name);
        moved(&from, to).map_err(|error| format!("it can't be put into {}: {error}", to.display()))?;
        for path in [to, &from] {
            match sync_folder_of(path) {
                // not every share can sync a folder; a name that is lost then is read again, which changes nothing
                Err(error) if matches!(error.kind(), io::ErrorKind::InvalidInput | io::ErrorKind::Unsupported) => {}
                synced => synced.map_err(|error| error.to_string())?,
            }
        }
        Ok(())
    }
}

/// Refuses a folder with files of waybind's own: they would be read, refused and put away.
fn check_own(folder: &Path, home: &Path) -> Result<(), String> {
    let real = |path: &Path| path.canonicalize().unwrap_or_else(|_| path.to_owned());
    let data = home.ancestors().nth(2).map(real);
    let folder_is = real(folder);
    let is_own = data.is_some_and(|data| folder_is == data || folder_is.starts_with(data.join("sources")));
    if is_own || folder.join(crate::config::CONFIG_FILE).exists() {
        return Err(format!("{} has files of waybind's own; give the source a folder of its own", folder.display()));
    }
    Ok(())
}

/// Moves a file, never over another one. A share that can't promise that is looked at first: nobody else puts files
/// into these folders.
fn moved(from: &Path, to: &Path) -> io::Result<()> {
    let cwd = rustix::fs::CWD;
    match rustix::fs::renameat_with(cwd, from, cwd, to, RenameFlags::NOREPLACE) {
        Err(rustix::io::Errno::INVAL | rustix::io::Errno::NOSYS | rustix::io::Errno::OPNOTSUPP) => {
            if to.symlink_metadata().is_ok() {
                return Err(io::ErrorKind::AlreadyExists.into());
            }
            fs::rename(from, to)
        }
        done => Ok(done?),
    }
}

/// The next things of a file, and what ended it.
fn some_entries(
    steps: &mut impl Iterator<Item = Result<Progress, crate::codec::sheet::DocumentError>>,
) -> (Vec<Entry>, Option<String>) {
    let mut entries = Vec::new();
    while entries.len() < CHUNK {
        match steps.next() {
            None => break,
            Some(Ok(Progress::Row)) => {}
            Some(Ok(Progress::Entry(entry))) => entries.push(*entry),
            Some(Err(error)) => return (entries, Some(error.to_string())),
        }
    }
    (entries, None)
}
