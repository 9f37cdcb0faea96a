//! A target's place in the feed, in a file that a crash can't damage: two alternating slots, each with its hash.

use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt;
use std::path::Path;

use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

/// The name of the file.
pub(super) const FILE: &str = "cursor";

/// Bytes of a slot: a write that breaks off spoils one block at most.
const SLOT: usize = 4_096;

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
struct Mark {
    generation: u64,
    #[serde(rename = "box")]
    by: String,
    seq: u64,
}

/// The open file.
#[derive(Debug)]
pub(super) struct Cursor {
    file: File,
    mark: Mark,
}

impl Cursor {
    /// Opens or makes the file; answers none for a place that was never kept, or that belongs to another box's feed.
    pub(super) fn open(path: &Path, by: &str) -> io::Result<(Cursor, Option<u64>)> {
        let file = File::options().create(true).truncate(false).read(true).write(true).open(path)?;
        file.set_len(2 * SLOT as u64)?;
        let mut newest: Option<Mark> = None;
        for slot in 0..2 {
            let mut bytes = vec![0; SLOT];
            file.read_exact_at(&mut bytes, slot * SLOT as u64)?;
            if let Some(mark) = parse(&bytes)
                && newest.as_ref().is_none_or(|newest| newest.generation < mark.generation)
            {
                newest = Some(mark);
            }
        }
        let known = newest.as_ref().filter(|mark| mark.by == by).map(|mark| mark.seq);
        let generation = newest.map_or(0, |mark| mark.generation);
        let mark = Mark { generation, by: by.to_owned(), seq: known.unwrap_or(0) };
        Ok((Cursor { file, mark }, known))
    }

    /// The place that was kept last.
    pub(super) fn kept(&self) -> u64 {
        self.mark.seq
    }

    /// Keeps a place; it is on disk afterwards.
    pub(super) fn keep(&mut self, seq: u64) -> io::Result<()> {
        let mark = Mark { generation: self.mark.generation + 1, by: self.mark.by.clone(), seq };
        let text = serde_json::to_string(&mark)?;
        let mut bytes = format!("{text} {}\n", hash(&text)).into_bytes();
        bytes.resize(SLOT, b'\n');
        self.file.write_all_at(&bytes, (mark.generation % 2) * SLOT as u64)?;
        self.file.sync_data()?;
        self.mark = mark;
        Ok(())
    }
}

/// The place that a file keeps of a box's feed; none for a place that was never kept.
///
/// # Errors
/// The file can't be read.
pub(super) fn read(path: &Path, by: &str) -> io::Result<Option<u64>> {
    let bytes = match std::fs::read(path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        read => read?,
    };
    let newest = bytes.chunks(SLOT).filter_map(parse).max_by_key(|mark| mark.generation);
    Ok(newest.filter(|mark| mark.by == by).map(|mark| mark.seq))
}

/// Carries a place over to a feed that goes on under another id and may have lost its end; a file without a whole place
/// stays as it is.
///
/// # Errors
/// The file can't be read or written.
pub fn carry_over(path: &Path, by: &str, last: u64) -> io::Result<()> {
    let bytes = std::fs::read(path)?;
    let marks = bytes.chunks(SLOT).filter_map(parse);
    let Some(mark) = marks.max_by_key(|mark| mark.generation) else { return Ok(()) };
    let mut cursor = Cursor::open(path, &mark.by)?.0;
    cursor.mark.by = by.to_owned();
    cursor.keep(mark.seq.min(last))
}

fn hash(text: &str) -> String {
    data_encoding::HEXLOWER.encode(&Sha256::digest(text.as_bytes()))
}

fn parse(bytes: &[u8]) -> Option<Mark> {
    let line = bytes.split(|byte| *byte == b'\n').next()?;
    let (text, sum) = std::str::from_utf8(line).ok()?.rsplit_once(' ')?;
    if hash(text) != sum {
        return None;
    }
    serde_json::from_str(text).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_newer_whole_slot_holds() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("cursor");
        let (mut cursor, none) = Cursor::open(&path, "a").expect("opens");
        assert_eq!(none, None);
        for seq in [5, 6, 7] {
            cursor.keep(seq).expect("kept");
        }
        assert_eq!(Cursor::open(&path, "a").expect("opens").1, Some(7));
        // generation 3 stands in slot 1
        File::options().write(true).open(&path).expect("there").write_all_at(b"x", SLOT as u64 + 9).expect("written");
        assert_eq!(Cursor::open(&path, "a").expect("opens").1, Some(6));
        assert_eq!(Cursor::open(&path, "b").expect("opens").1, None, "another box's place is not ours");
        carry_over(&path, "c", 9).expect("carried over");
        assert_eq!(Cursor::open(&path, "c").expect("opens").1, Some(6));
        carry_over(&path, "d", 4).expect("carried over");
        assert_eq!(Cursor::open(&path, "d").expect("opens").1, Some(4), "the feed's end was lost");
    }
}
