//! Dead letters: which facts a target would not take, and what it answered. The facts themselves stay in the ledger.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::{self, BufRead, BufReader, Write};
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

/// The name of the file.
pub(super) const FILE: &str = "dead.jsonl";

/// Dead letters that a target may have. One that refuses more than this is set up wrongly: it is told nothing further
/// until somebody has looked, rather than that its dead letters grow without end.
pub(super) const DEAD_MAX: usize = 10_000;

/// Bytes of an answer that are kept: enough to see what the target did not like.
pub(super) const ANSWER_KEPT: usize = 300;

/// A fact that a target would not take.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct DeadLetter {
    /// Its place in the feed.
    pub seq: u64,
    /// Its id.
    pub id: String,
    /// What it is.
    #[serde(rename = "type")]
    pub kind: String,
    /// The order that it is about.
    pub order: Option<String>,
    /// When it was refused.
    pub at: jiff::Timestamp,
    /// What the target answered.
    pub answer: String,
    /// How often it was refused.
    pub times: u32,
    /// What a person made of it, which goes out in its stead.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub correction: Option<Correction>,
}

/// A person's correction of what is sent; the fact in the ledger stays as it is.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Correction {
    /// Who.
    pub by: String,
    /// When.
    pub at: jiff::Timestamp,
    /// What is sent as the event's data.
    pub data: serde_json::Value,
}

#[derive(Serialize, Deserialize)]
#[serde(untagged)]
enum Line {
    Dead(DeadLetter),
    Gone { gone: u64 },
}

/// The open journal.
#[derive(Debug)]
pub(super) struct Dead {
    path: PathBuf,
    file: File,
    letters: BTreeMap<u64, DeadLetter>,
}

impl Dead {
    /// Opens or makes the journal, and rewrites it without what is gone.
    pub(super) fn open(path: &Path) -> io::Result<Dead> {
        let letters = read(path)?;
        let mut text = Vec::new();
        for letter in letters.values() {
            serde_json::to_writer(&mut text, letter)?;
            text.push(b'\n');
        }
        let fresh = path.with_extension("new");
        let mut file = File::create(&fresh)?;
        file.write_all(&text)?;
        file.sync_all()?;
        std::fs::rename(&fresh, path)?;
        if let Some(folder) = path.parent() {
            File::open(folder)?.sync_all()?;
        }
        let file = File::options().append(true).open(path)?;
        Ok(Dead { path: path.to_owned(), file, letters })
    }

    pub(super) fn letters(&self) -> &BTreeMap<u64, DeadLetter> {
        &self.letters
    }

    pub(super) fn is_full(&self) -> bool {
        self.letters.len() >= DEAD_MAX
    }

    /// Keeps a letter; it is on disk afterwards.
    pub(super) fn bury(&mut self, letter: DeadLetter) -> io::Result<()> {
        let seq = letter.seq;
        let line = Line::Dead(letter);
        self.append(&line)?;
        if let Line::Dead(letter) = line {
            self.letters.insert(seq, letter);
        }
        Ok(())
    }

    /// The target has it after all.
    pub(super) fn revive(&mut self, seq: u64) -> io::Result<()> {
        self.append(&Line::Gone { gone: seq })?;
        self.letters.remove(&seq);
        Ok(())
    }

    fn append(&mut self, line: &Line) -> io::Result<()> {
        let mut text = serde_json::to_vec(line)?;
        text.push(b'\n');
        let before = self.file.metadata()?.len();
        let written = self.file.write_all(&text).and_then(|()| self.file.sync_data());
        if written.is_err() {
            // half a line would swallow the next one
            self.file.set_len(before)?;
        }
        written.map_err(|error| io::Error::new(error.kind(), format!("can't write {}: {error}", self.path.display())))
    }
}

/// The place of the first letter that waits; none where there is none.
///
/// # Errors
/// The file can't be read.
pub(super) fn first(path: &Path) -> io::Result<Option<u64>> {
    Ok(read(path)?.first_key_value().map(|(seq, _)| *seq))
}

fn read(path: &Path) -> io::Result<BTreeMap<u64, DeadLetter>> {
    let file = match File::open(path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(BTreeMap::new()),
        opened => opened?,
    };
    let mut letters = BTreeMap::new();
    for line in BufReader::new(file).split(b'\n') {
        match serde_json::from_slice(&line?) {
            Ok(Line::Dead(letter)) => drop(letters.insert(letter.seq, letter)),
            Ok(Line::Gone { gone }) => drop(letters.remove(&gone)),
            // the last line of a crash: the cursor did not pass it, and it is sent again
            Err(error) => tracing::warn!(%error, path = %path.display(), "A line of the dead letters is broken."),
        }
    }
    Ok(letters)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn letter(seq: u64) -> DeadLetter {
        let at = jiff::Timestamp::UNIX_EPOCH;
        DeadLetter {
            seq,
            id: format!("a-{seq}"),
            kind: "packed".into(),
            order: None,
            at,
            answer: "422".into(),
            times: 1,
            correction: None,
        }
    }

    #[test]
    fn what_is_buried_stays_until_it_is_revived() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("dead.jsonl");
        let mut dead = Dead::open(&path).expect("opens");
        for seq in [3, 4, 5] {
            dead.bury(letter(seq)).expect("buried");
        }
        dead.revive(4).expect("revived");
        File::options().append(true).open(&path).expect("there").write_all(b"{\"seq\":9,").expect("written");
        let mut dead = Dead::open(&path).expect("opens");
        assert_eq!(dead.letters().keys().copied().collect::<Vec<_>>(), [3, 5]);
        dead.revive(3).expect("revived");
        assert_eq!(Dead::open(&path).expect("opens").letters().len(), 1);
    }
}
