//! A file with an event a line, synced before the cursor moves, rotated by day and by size.

use std::fs::File;
use std::io::{self, Read, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};

use serde_json::Value;

use super::envelope::source;
use super::{Delivery, Outcome};

/// Bytes after which a file is put aside: what an editor still opens.
const SIZE_MAX: u64 = 64 * 1024 * 1024;

/// Bytes at the end of the file in which its last line is looked for: an event is never larger than what came in.
const TAIL: u64 = 8 * 1024 * 1024;

/// Files of one day that are put aside; at 64 MiB each it is far more than a day has.
const FILES_MAX: u32 = 9_999;

/// A file target.
pub(super) struct Lines {
    path: PathBuf,
    size_max: u64,
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
    pub(super) fn open(path: &Path, by: &str) -> io::Result<(Lines, Option<u64>)> {
        let mut lines = Lines { path: path.to_owned(), size_max: SIZE_MAX, open: None };
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
            file.set_len(size)?;
        }
        file.seek(SeekFrom::Start(size))?;
        let last = tail[..whole].trim_ascii_end().rsplit(|byte| *byte == b'\n').next().unwrap_or_default();
        let event: Value = serde_json::from_slice(last).unwrap_or_default();
        let day = event["time"].as_str().map(day_of).unwrap_or_default().to_owned();
        self.open = Some(Open { file, size, day });
        let ours = event["source"] == source(by);
        Ok(event["sequence"].as_str().filter(|_| ours).and_then(|sequence| sequence.parse().ok()))
    }

    pub(super) fn send(&mut self, delivery: &Delivery) -> Outcome {
        let Some(first) = delivery.events.first() else { return Outcome::Delivered };
        match self.write(delivery, &first.fact.by, day_of(&first.fact.time)) {
            Ok(()) => Outcome::Delivered,
            Err(error) => {
                // what it holds is looked at anew before the next attempt
                self.open = None;
                Outcome::Retry { why: format!("can't write {}: {error}", self.path.display()), after: None }
            }
        }
    }

    fn write(&mut self, delivery: &Delivery, by: &str, day: &str) -> io::Result<()> {
        let mut already = None;
        if self.open.is_none() {
            already = self.reopen(by)?;
        }
        self.rotate(by, day)?;
        let Some(open) = &mut self.open else { return Err(io::Error::other("it is not open")) };
        let mut text = Vec::new();
        for letter in delivery.events.iter().filter(|letter| Some(letter.fact.seq) > already) {
            text.extend_from_slice(&letter.json);
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
        if open.size == 0 || (open.size < self.size_max && open.day == day) {
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
        self.reopen(by)?;
        let folder = self.path.parent().filter(|folder| !folder.as_os_str().is_empty());
        File::open(folder.unwrap_or(Path::new(".")))?.sync_all()
    }
}

/// The day of a time as the site writes it.
fn day_of(time: &str) -> &str {
    time.get(..10).unwrap_or(time)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::upstream::{Fact, envelope};

    fn delivery(seqs: std::ops::RangeInclusive<u64>, day: &str) -> Delivery {
        let fact = |seq| Fact {
            by: "box".into(),
            seq,
            id: format!("box-{seq}"),
            time: format!("{day}T10:00:00.000+08:00"),
            kind: "packed".into(),
            order: None,
            data: Value::Null,
        };
        let through = *seqs.end();
        let events = seqs.map(|seq| envelope::letter(fact(seq)).expect("JSON")).collect();
        Delivery { events, through, buried: Vec::new() }
    }

    #[test]
    fn a_broken_line_is_written_again_and_no_whole_one_twice() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("out/events.jsonl");
        let (mut lines, none) = Lines::open(&path, "box").expect("opens");
        assert_eq!(none, None);
        assert_eq!(lines.send(&delivery(1..=3, "2026-11-21")), Outcome::Delivered);
        let text = std::fs::read_to_string(&path).expect("there");
        std::fs::write(&path, &text[..text.len() - 10]).expect("written");
        let (mut lines, last) = Lines::open(&path, "box").expect("opens");
        assert_eq!(last, Some(2));
        lines.open = None;
        assert_eq!(lines.send(&delivery(1..=3, "2026-11-21")), Outcome::Delivered);
        assert_eq!(std::fs::read_to_string(&path).expect("there"), text);
    }

    #[test]
    fn a_new_day_and_a_full_file_begin_another() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("events.jsonl");
        let (mut lines, _) = Lines::open(&path, "box").expect("opens");
        lines.send(&delivery(1..=1, "2026-11-21"));
        lines.send(&delivery(2..=2, "2026-11-22"));
        lines.size_max = 10;
        lines.send(&delivery(3..=3, "2026-11-22"));
        let names = |name: &str| folder.path().join(name).exists();
        assert!(names("events.jsonl.2026-11-21.1") && names("events.jsonl.2026-11-22.1") && names("events.jsonl"));
        assert_eq!(std::fs::read_to_string(&path).expect("there").lines().count(), 1);
    }
}
