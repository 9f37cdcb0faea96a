//! Things that wait for others or were refused, durable and bounded.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::{self, BufRead, BufReader, Write};
use std::path::{Path, PathBuf};

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::place::replace;
use super::{KEPT_BYTES_MAX, KEPT_MAX, Reference};
use crate::intake::Kind;

/// Lines of the file beyond those that hold, after which it is written anew.
const STALE_MAX: usize = 20_000;

/// A kind by its name in files.
pub(super) mod kind {
    use serde::{Deserialize, Deserializer, Serializer, de::Error};

    use crate::intake::Kind;

    pub fn serialize<S: Serializer>(kind: &Kind, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(kind.name())
    }

    pub fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Kind, D::Error> {
        let name = String::deserialize(deserializer)?;
        let known = Kind::ALL.into_iter().find(|kind| kind.name() == name);
        known.ok_or_else(|| D::Error::custom(format!("\"{name}\" is no kind")))
    }
}

/// A thing that is kept.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(super) struct Kept {
    #[serde(with = "kind")]
    pub(super) kind: Kind,
    pub(super) id: String,
    pub(super) version: Option<i64>,
    /// As the source described it.
    pub(super) value: Value,
    /// What it waits for; a thing that waits for nothing was refused.
    pub(super) on: Option<Reference>,
    pub(super) reason: String,
    pub(super) since: Timestamp,
    /// How often it was judged.
    pub(super) times: u32,
    /// It was refused, and what it said beside its object was heard all the same.
    #[serde(default)]
    pub(super) heard: bool,
}

pub(super) type Key = (Kind, String);

/// The file with them.
#[derive(Debug)]
pub(super) struct KeptFile {
    path: PathBuf,
    file: File,
    things: BTreeMap<Key, Kept>,
    bytes: usize,
    lines: usize,
    is_synced: bool,
}

#[derive(Deserialize)]
#[serde(rename_all = "snake_case")]
enum Line {
    Keep(Box<Kept>),
    #[serde(with = "drop_key")]
    Drop(Key),
}

mod drop_key {
    use serde::{Deserialize, Deserializer, de::Error};

    use super::Key;
    use crate::intake::Kind;

    pub fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Key, D::Error> {
        let (name, id) = <(String, String)>::deserialize(deserializer)?;
        let kind = Kind::ALL.into_iter().find(|kind| kind.name() == name);
        Ok((kind.ok_or_else(|| D::Error::custom("no kind"))?, id))
    }
}

fn size(kept: &Kept) -> usize {
    kept.value.to_string().len() + kept.id.len() + kept.reason.len()
}

impl KeptFile {
    /// Opens the file, and writes it anew without what is done with. A line that a crash broke off was never relied on.
    pub(super) fn open(home: &Path) -> io::Result<KeptFile> {
        let path = home.join("kept.jsonl");
        let mut things: BTreeMap<Key, Kept> = BTreeMap::new();
        match File::open(&path) {
            Ok(file) => {
                for line in BufReader::new(file).split(b'\n') {
                    match serde_json::from_slice(&line?) {
                        Ok(Line::Keep(kept)) => drop(things.insert((kept.kind, kept.id.clone()), *kept)),
                        Ok(Line::Drop(key)) => drop(things.remove(&key)),
                        Err(error) => tracing::warn!(%error, path = %path.display(), "A line can't be read."),
                    }
                }
            }
            Err(error) if error.kind() == io::ErrorKind::NotFound => {}
            Err(error) => return Err(error),
        }
        let file = rewritten(&path, &things)?;
        let (bytes, lines) = (things.values().map(size).sum(), things.len());
        Ok(KeptFile { path, file, things, bytes, lines, is_synced: true })
    }

    pub(super) fn things(&self) -> &BTreeMap<Key, Kept> {
        &self.things
    }

    /// Whether nothing more should be asked for.
    pub(super) fn is_full(&self) -> bool {
        self.things.len() >= KEPT_MAX || self.bytes >= KEPT_BYTES_MAX
    }

    /// Keeps a thing in place of what was kept under its id. It is on disk after [`sync`](Self::sync).
    pub(super) fn keep(&mut self, mut kept: Kept) -> io::Result<()> {
        let key = (kept.kind, kept.id.clone());
        if let Some(known) = self.things.get(&key) {
            kept.since = known.since;
            kept.times = known.times.saturating_add(1);
            kept.heard |= known.heard && known.value == kept.value;
            let is_same = known.value == kept.value
                && (&known.on, &known.reason, known.heard) == (&kept.on, &kept.reason, kept.heard);
            if is_same {
                // the same again costs no disk
                self.things.insert(key, kept);
                return Ok(());
            }
        }
        self.write(&json!({ "keep": kept }))?;
        self.bytes += size(&kept);
        if let Some(old) = self.things.insert(key, kept) {
            self.bytes -= size(&old);
        }
        Ok(())
    }

    /// A thing is done with.
    pub(super) fn forget(&mut self, key: &Key) -> io::Result<()> {
        if let Some(old) = self.things.remove(key) {
            self.bytes -= size(&old);
            self.write(&json!({"drop": [key.0.name(), key.1]}))?;
        }
        Ok(())
    }

    fn write(&mut self, line: &Value) -> io::Result<()> {
        self.file.write_all(format!("{line}\n").as_bytes())?;
        self.lines += 1;
        self.is_synced = false;
        Ok(())
    }

    /// Everything is on disk afterwards.
    pub(super) fn sync(&mut self) -> io::Result<()> {
        if self.lines > self.things.len() + STALE_MAX {
            self.file = rewritten(&self.path, &self.things)?;
            self.lines = self.things.len();
        } else if !self.is_synced {
            self.file.sync_data()?;
        }
        self.is_synced = true;
        Ok(())
    }
}

fn rewritten(path: &Path, things: &BTreeMap<Key, Kept>) -> io::Result<File> {
    let mut text = String::new();
    for kept in things.values() {
        text.push_str(&json!({ "keep": kept }).to_string());
        text.push('\n');
    }
    replace(path, text.as_bytes())?;
    File::options().append(true).open(path)
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a test")]
mod tests {
    use super::*;

    fn kept(id: &str, value: &str) -> Kept {
        let on = Some(Reference::Order("SO-1".into()));
        let since = Timestamp::UNIX_EPOCH;
        Kept {
            kind: Kind::Waybills,
            id: id.into(),
            version: None,
            value: value.into(),
            on,
            reason: "r".into(),
            since,
            times: 1,
            heard: false,
        }
    }

    #[test]
    fn what_is_kept_is_there_after_a_crash_and_the_same_costs_nothing() {
        let folder = tempfile::tempdir().unwrap();
        let mut file = KeptFile::open(folder.path()).unwrap();
        for value in ["a", "a", "b"] {
            file.keep(kept("W1", value)).unwrap();
        }
        file.keep(kept("W2", "c")).unwrap();
        assert_eq!(file.lines, 3, "the same again was not written");
        file.forget(&(Kind::Waybills, "W2".into())).unwrap();
        file.sync().unwrap();
        file.file.write_all(b"{\"keep\":{\"half").unwrap();

        let file = KeptFile::open(folder.path()).unwrap();
        let only: Vec<(&str, &Value, u32)> =
            file.things().values().map(|kept| (kept.id.as_str(), &kept.value, kept.times)).collect();
        assert_eq!(only, [("W1", &json!("b"), 3)]);
        assert_eq!((file.lines, file.bytes), (1, size(file.things().values().next().unwrap())));
    }
}
