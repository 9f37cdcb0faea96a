//! A file with an event a line, synced before the cursor moves, rotated by day and by size.

use std::fs::File;
use std::io::{self, Read, Seek, SeekFrom, Write};
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use jiff::civil::Date;
use serde_json::Value;

use super::batch::Form;
use super::envelope::source;
use super::outlet::Fault;
use super::{Delivery, Outcome, epcis};

/// Bytes at the end of the file in which its last line is looked for: an event is never larger than what came in.
const TAIL: u64 = 8 * 1024 * 1024;

/// Files of one day that are put aside; at 64 MiB each it is far more than a day has.
const FILES_MAX: u32 = 9_999;

/// When a file is put aside, and when it is deleted.
#[derive(Clone, Copy, Debug)]
pub(super) struct Bounds {
    /// Bytes after which it is put aside.
    pub(super) size: u64,
    /// Days after which a file that was put aside is deleted; 0: never.
    pub(super) days: u32,
}

/// A file target.
pub(super) struct Lines {
    path: PathBuf,
    form: Form,
    bounds: Bounds,
    open: Option<Open>,
}

struct Open {
    file: File,
    size: u64,
    /// The day of its last event.
    day: String,
}

impl Lines {
    /// A file target, and the place of the last event that the file holds of this box. A line that a crash broke off
    /// is cut away: its event is written again.
    pub(super) fn open(path: &Path, by: &str, form: Form, bounds: Bounds) -> io::Result<(Lines, Option<u64>)> {
        let mut lines = Lines { path: path.to_owned(), form, bounds, open: None };
        let last = lines.reopen(by)?;
        Ok((lines, last))
    }

    fn reopen(&mut self, by: &str) -> io::Result<Option<u64>> {
        if let Some(folder) = self.path.parent().filter(|folder| !folder.as_os_str().is_empty()) {
            std::fs::create_dir_all(folder)?;
        }
        let mut file = File::options().create(true).truncate(false).read(true).write(true).open(&self.path)?;
        let length = file.metadata()?.len();
        let from = length.saturating_sub(TAIL);
        let mut tail = Vec::new();
        file.seek(SeekFrom::Start(from))?;
        Read::by_ref(&mut file).take(TAIL).read_to_end(&mut tail)?;
        let whole = tail.iter().rposition(|byte| *byte == b'\n').map_or(0, |at| at + 1);
        let size = from + whole as u64;
        if size < length {
            // half a line of ours begins like an object; anything else is somebody's, and stays
            if !tail[whole..].starts_with(b"{\"") {
                let why = "its last line has no end and is none of ours; name another file, or end the line";
                return Err(io::Error::new(io::ErrorKind::InvalidData, why));
            }
            file.set_len(size)?;
        }
        file.seek(SeekFrom::Start(size))?;
        let last = tail[..whole].trim_ascii_end().rsplit(|byte| *byte == b'\n').next().unwrap_or_default();
        let event: Value = serde_json::from_slice(last).unwrap_or_default();
        let (time, last) = self.place(&event, by);
        self.open = Some(Open { file, size, day: time.map(day_of).unwrap_or_default().to_owned() });
        Ok(last)
    }

    /// The time of a line, and the place in the feed through which it goes.
    fn place<'l>(&self, line: &'l Value, by: &str) -> (Option<&'l str>, Option<u64>) {
        match &self.form {
            Form::Cloud => {
                let ours = line["source"] == source(by);
                let sequence = line["sequence"].as_str().filter(|_| ours);
                (line["time"].as_str(), sequence.and_then(|sequence| sequence.parse().ok()))
            }
            Form::Epcis(epcis) => {
                let last = line["epcisBody"]["eventList"].as_array().and_then(|events| events.last());
                let id = last.and_then(|event| event["eventID"].as_str());
                let rest = id.and_then(|id| id.strip_prefix(&epcis.event_id(&format!("{by}-"))));
                let seq = rest.and_then(|rest| rest.split('/').next()).and_then(|seq| seq.parse().ok());
                (line["creationDate"].as_str(), seq)
            }
        }
    }

    pub(super) fn send(&mut self, delivery: &Delivery) -> Outcome {
        let Some(first) = delivery.events.first() else { return Outcome::Delivered };
        match self.write(delivery, &first.fact.by, day_of(&first.fact.time)) {
            Ok(()) => Outcome::Delivered,
            Err(error) => {
                // what was not synced may be lost although it can be read: it is cut away, and what the file holds is
                // looked at anew before the next attempt
                if let Some(open) = self.open.take()
                    && let Err(error) = open.file.set_len(open.size)
                {
                    tracing::warn!(%error, path = %self.path.display(), "A file of a target can't be cut.");
                }
                let why = format!("can't write {}: {error}", self.path.display());
                Outcome::Retry { why, after: None, fault: Fault::Reach }
            }
        }
    }

    fn write(&mut self, delivery: &Delivery, by: &str, day: &str) -> io::Result<()> {
        let mut already = None;
        if self.open.as_ref().is_none_or(|open| !is_there(&open.file, &self.path)) {
            already = self.reopen(by)?;
        }
        self.rotate(by, day)?;
        let Some(open) = &mut self.open else { return Err(io::Error::other("it is not open")) };
        let mut text = Vec::new();
        for letter in delivery.events.iter().filter(|letter| Some(letter.fact.seq) > already) {
            match &self.form {
                Form::Cloud => text.extend_from_slice(&letter.json),
                Form::Epcis(_) => text.extend_from_slice(&epcis::document(&[&letter.json], &letter.fact.time)),
            }
            text.push(b'\n');
        }
        open.file.write_all(&text)?;
        open.file.sync_data()?;
        open.size += text.len() as u64;
        if let Some(last) = delivery.events.last() {
            day_of(&last.fact.time).clone_into(&mut open.day);
        }
        Ok(())
    }

    /// Puts a full file, or one of another day, aside under the day of its last event.
    fn rotate(&mut self, by: &str, day: &str) -> io::Result<()> {
        let Some(open) = &self.open else { return Ok(()) };
        if open.size == 0 || (open.size < self.bounds.size && open.day == day) {
            return Ok(());
        }
        let named = |number: u32| {
            let mut name = self.path.clone().into_os_string();
            name.push(format!(".{}.{number}", open.day));
            PathBuf::from(name)
        };
        let free = (1..=FILES_MAX).map(named).find(|path| !path.exists());
        let aside = free.ok_or_else(|| io::Error::other("too many files of one day"))?;
        std::fs::rename(&self.path, aside)?;
        self.open = None;
        self.forget(day);
        self.reopen(by)?;
        let folder = self.path.parent().filter(|folder| !folder.as_os_str().is_empty());
        File::open(folder.unwrap_or(Path::new(".")))?.sync_all()
    }
}

impl Lines {
    /// Deletes what was put aside too long before a day. All of it was written and synced before the cursor moved.
    fn forget(&self, day: &str) {
        let Some(today) = day.parse::<Date>().ok().filter(|_| self.bounds.days > 0) else { return };
        let folder = self.path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
        let Some(name) = self.path.file_name().and_then(|name| name.to_str()) else { return };
        let Ok(entries) = std::fs::read_dir(folder) else { return };
        for entry in entries.flatten() {
            let aside = entry.file_name();
            let rest = aside.to_str().and_then(|aside| aside.strip_prefix(name)?.strip_prefix('.'));
            let Some(written) = rest.and_then(|rest| rest.split('.').next()?.parse::<Date>().ok()) else { continue };
            let age = today.since(written).map_or(0, |age| age.get_days());
            if i64::from(age) > i64::from(self.bounds.days)
                && let Err(error) = std::fs::remove_file(entry.path())
            {
                tracing::warn!(%error, path = %entry.path().display(), "An old file of a target can't be deleted.");
            }
        }
    }
}

/// Whether a name still means an open file: somebody may have moved or deleted it, and what is written into it then is
/// nowhere.
fn is_there(file: &File, path: &Path) -> bool {
    let (Ok(open), Ok(named)) = (file.metadata(), path.metadata()) else { return false };
    (open.dev(), open.ino()) == (named.dev(), named.ino())
}

/// The day of a time as the site writes it.
fn day_of(time: &str) -> &str {
    time.get(..10).unwrap_or(time)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::upstream::{Fact, envelope};

    const BOUNDS: Bounds = Bounds { size: 1024 * 1024, days: 30 };

    fn open(path: &Path) -> (Lines, Option<u64>) {
        Lines::open(path, "box", Form::Cloud, BOUNDS).expect("opens")
    }

    fn delivery(seqs: std::ops::RangeInclusive<u64>, day: &str) -> Delivery {
        let fact = |seq| Fact {
            by: "box".into(),
            seq,
            id: format!("box-{seq}"),
            time: format!("{day}T10:00:00.000+08:00"),
            kind: "packed".into(),
            order: None,
            data: "null".into(),
        };
        let through = *seqs.end();
        let events = seqs.map(|seq| envelope::letter(fact(seq)).expect("JSON")).collect();
        Delivery { events, through, ..Delivery::default() }
    }

    #[test]
    fn a_broken_line_is_written_again_and_no_whole_one_twice() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("out/events.jsonl");
        let (mut lines, none) = open(&path);
        assert_eq!(none, None);
        assert_eq!(lines.send(&delivery(1..=3, "2026-11-21")), Outcome::Delivered);
        let text = std::fs::read_to_string(&path).expect("there");
        std::fs::write(&path, &text[..text.len() - 10]).expect("written");
        let (mut lines, last) = open(&path);
        assert_eq!(last, Some(2));
        lines.open = None;
        assert_eq!(lines.send(&delivery(1..=3, "2026-11-21")), Outcome::Delivered);
        assert_eq!(std::fs::read_to_string(&path).expect("there"), text);
    }

    #[test]
    fn a_new_day_and_a_full_file_begin_another() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("events.jsonl");
        let (mut lines, _) = open(&path);
        lines.send(&delivery(1..=1, "2026-11-21"));
        lines.send(&delivery(2..=2, "2026-11-22"));
        lines.bounds.size = 10;
        lines.send(&delivery(3..=3, "2026-11-22"));
        let names = |name: &str| folder.path().join(name).exists();
        assert!(names("events.jsonl.2026-11-21.1") && names("events.jsonl.2026-11-22.1") && names("events.jsonl"));
        assert_eq!(std::fs::read_to_string(&path).expect("there").lines().count(), 1);
    }

    #[test]
    fn what_was_put_aside_is_deleted_after_its_days() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("events.jsonl");
        let (mut lines, _) = open(&path);
        for (seq, day) in [(1, "2026-10-01"), (2, "2026-11-10"), (3, "2026-11-22")] {
            assert_eq!(lines.send(&delivery(seq..=seq, day)), Outcome::Delivered);
        }
        let names = |name: &str| folder.path().join(name).exists();
        assert!(!names("events.jsonl.2026-10-01.1") && names("events.jsonl.2026-11-10.1") && names("events.jsonl"));
    }

    #[test]
    fn a_file_of_epcis_documents_goes_on_where_it_ended() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("epcis.jsonl");
        let form = || Form::Epcis(epcis::Epcis::new("https://id.example.cn/wh"));
        let (mut lines, _) = Lines::open(&path, "box", form(), BOUNDS).expect("opens");
        let mut delivery = delivery(4..=5, "2026-11-22");
        for letter in &mut delivery.events {
            let event = serde_json::json!({"eventID": format!("https://id.example.cn/wh/event/{}/2", letter.fact.id)});
            letter.json = event.to_string().into_bytes();
        }
        assert_eq!(lines.send(&delivery), Outcome::Delivered);
        assert_eq!(Lines::open(&path, "box", form(), BOUNDS).expect("opens").1, Some(5));
        assert_eq!(Lines::open(&path, "other", form(), BOUNDS).expect("opens").1, None);
    }
}
