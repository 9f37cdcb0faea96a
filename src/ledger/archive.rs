//! Files of records that left the database.
//!
//! # Format
//! `archive/ledger-<first>-<last>-<hash>.jsonl.gz`, with the first eight digits of the last record's hash in its name. It
//! is gzip of several members one after the other, so that `zcat` reads the whole and one member can be read by itself.
//! The first member is a line that says which records follow; each further one is a block of up to [`BLOCK`] lines:
//! `{"seq":1,"hash":"…","feed":[[1,0,"order_put","SO-1"]],"record":{…}}`. `feed` has the record's places in the feed, each
//! with the fact's number within it (-1 for a refusal), its type and its order. What stands behind `"record":` is, byte
//! for byte, what was hashed: `hash` is SHA-256 over the hash before, `seq` as 8 bytes big-endian and these bytes.

use std::fs::File;
use std::io::{BufRead, BufReader, Read, Write};
use std::os::unix::fs::FileExt;
use std::path::Path;

use flate2::Compression;
use flate2::bufread::MultiGzDecoder;
use flate2::write::GzEncoder;
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use super::LedgerError;
use super::anchor::Head;

/// Records of a block: what is read for one of them, and what one commit deletes. Some 160 KB and two milliseconds.
pub(super) const BLOCK: u64 = 200;

/// Bytes of a block when it is unpacked: far more than 200 records have, and no more than a box can bear.
const BLOCK_BYTES_MAX: u64 = 64 * 1024 * 1024;

/// Bytes of the first line.
const HEADER_BYTES_MAX: u64 = 4 * 1024;

/// The version of the format.
const VERSION: u32 = 1;

/// A record's place in the feed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Place(pub u64, pub i64, pub String, pub Option<String>);

/// A record with what the database had beside it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Line {
    pub seq: u64,
    pub hash: [u8; 32],
    pub feed: Vec<Place>,
    pub body: Vec<u8>,
}

#[derive(Serialize, Deserialize)]
struct Front {
    seq: u64,
    hash: String,
    feed: Vec<Place>,
}

/// The first line.
#[derive(Debug, Serialize, Deserialize)]
pub(super) struct Header {
    archive: u32,
    pub first: u64,
    pub last: u64,
    previous: String,
}

/// Where a block lies.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Block {
    pub first: u64,
    pub last: u64,
    pub at: u64,
    pub length: u64,
    /// The last place of the feed up to its end.
    pub feed: u64,
}

/// What stands between a line's front and its record. A quoted word within the front has its quotes escaped.
const BEFORE_RECORD: &[u8] = b",\"record\":";

fn invalid(what: &str) -> std::io::Error {
    std::io::Error::new(std::io::ErrorKind::InvalidData, what.to_owned())
}

impl Line {
    fn write(&self, out: &mut Vec<u8>) -> std::io::Result<()> {
        let hash = data_encoding::HEXLOWER.encode(&self.hash);
        let front = serde_json::to_vec(&Front { seq: self.seq, hash, feed: self.feed.clone() })?;
        out.extend_from_slice(front.strip_suffix(b"}").unwrap_or(&front));
        out.extend_from_slice(BEFORE_RECORD);
        out.extend_from_slice(&self.body);
        out.extend_from_slice(b"}\n");
        Ok(())
    }

    fn read(text: &[u8]) -> std::io::Result<Line> {
        let text = text.strip_suffix(b"}").ok_or_else(|| invalid("a line has no end"))?;
        let split = text.windows(BEFORE_RECORD.len()).position(|window| window == BEFORE_RECORD);
        let split = split.ok_or_else(|| invalid("a line has no record"))?;
        let front: Front = serde_json::from_slice(&[&text[..split], b"}"].concat())?;
        let hash = data_encoding::HEXLOWER.decode(front.hash.as_bytes()).ok().and_then(|hash| hash.try_into().ok());
        let hash = hash.ok_or_else(|| invalid("a line has no hash"))?;
        Ok(Line { seq: front.seq, hash, feed: front.feed, body: text[split + BEFORE_RECORD.len()..].to_vec() })
    }
}

/// Writes an archive.
pub(super) struct Writing<'p> {
    path: &'p Path,
    file: File,
    at: u64,
    sum: Sha256,
    blocks: Vec<Block>,
    /// The last record that was written.
    pub head: Head,
    /// The last place of the feed that was written.
    pub feed: u64,
}

/// What was written.
pub(super) struct Written {
    pub blocks: Vec<Block>,
    pub head: Head,
    pub feed: u64,
    pub bytes: u64,
    pub sha256: String,
}

impl<'p> Writing<'p> {
    /// Begins a file for the records after `previous` up to `last`; `feed` is the place of the feed before them.
    pub(super) fn begin(path: &'p Path, previous: Head, last: u64, feed: u64) -> Result<Writing<'p>, LedgerError> {
        use std::os::unix::fs::OpenOptionsExt as _;
        // a run that was given up may still write into the file that is there: it keeps that, and this one is another
        match std::fs::remove_file(path) {
            Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
                return Err(LedgerError::io("can't replace", path)(error));
            }
            _ => {}
        }
        let made = File::options().write(true).create_new(true).mode(0o600).open(path);
        let file = made.map_err(LedgerError::io("can't make", path))?;
        let mut writing = Writing { path, file, at: 0, sum: Sha256::new(), blocks: Vec::new(), head: previous, feed };
        let first = previous.seq + 1;
        let previous = data_encoding::HEXLOWER.encode(&previous.hash);
        let header = serde_json::to_vec(&Header { archive: VERSION, first, last, previous })
            .map(|line| [line.as_slice(), b"\n"].concat());
        writing.member(&header.map_err(|error| LedgerError::io("can't write", path)(error.into()))?)?;
        Ok(writing)
    }

    fn member(&mut self, text: &[u8]) -> Result<u64, LedgerError> {
        let mut encoder = GzEncoder::new(Vec::new(), Compression::default());
        let packed = encoder.write_all(text).and_then(|()| encoder.finish());
        let packed = packed.and_then(|packed| self.file.write_all(&packed).map(|()| packed));
        let packed = packed.map_err(LedgerError::io("can't write", self.path))?;
        self.sum.update(&packed);
        self.at += packed.len() as u64;
        Ok(packed.len() as u64)
    }

    /// Writes the next records as a block.
    pub(super) fn block(&mut self, lines: &[Line]) -> Result<(), LedgerError> {
        let (Some(first), Some(last)) = (lines.first(), lines.last()) else { return Ok(()) };
        let mut text = Vec::new();
        for line in lines {
            line.write(&mut text).map_err(LedgerError::io("can't write", self.path))?;
            self.feed = line.feed.last().map_or(self.feed, |place| place.0);
        }
        let at = self.at;
        let length = self.member(&text)?;
        self.blocks.push(Block { first: first.seq, last: last.seq, at, length, feed: self.feed });
        self.head = Head { seq: last.seq, hash: last.hash };
        Ok(())
    }

    /// Brings the file onto the disk.
    pub(super) fn finish(self) -> Result<Written, LedgerError> {
        self.file.sync_all().map_err(LedgerError::io("can't sync", self.path))?;
        let sha256 = data_encoding::HEXLOWER.encode(&self.sum.finalize());
        Ok(Written { blocks: self.blocks, head: self.head, feed: self.feed, bytes: self.at, sha256 })
    }
}

/// Reads one block of a file.
pub(super) fn read_block(path: &Path, at: u64, length: u64) -> Result<Vec<Line>, LedgerError> {
    let read = || -> std::io::Result<Vec<Line>> {
        let length = usize::try_from(length).ok().filter(|length| *length as u64 <= BLOCK_BYTES_MAX);
        let mut packed = vec![0; length.ok_or_else(|| invalid("a block is too long"))?];
        File::open(path)?.read_exact_at(&mut packed, at)?;
        lines(MultiGzDecoder::new(packed.as_slice()))
    };
    read().map_err(LedgerError::io("can't read the archive", path))
}

/// The lines of one block.
fn lines(packed: impl Read) -> std::io::Result<Vec<Line>> {
    let mut lines = Vec::new();
    let mut text = BufReader::new(packed.take(BLOCK_BYTES_MAX));
    let mut line = Vec::new();
    while text.read_until(b'\n', &mut line)? > 0 {
        lines.push(Line::read(line.strip_suffix(b"\n").unwrap_or(&line))?);
        line.clear();
    }
    Ok(lines)
}

/// What a file proves of itself.
pub(super) struct Proof {
    pub head: Head,
    pub sha256: String,
    /// What is wrong with it, with the record.
    pub wrong: Vec<(u64, String)>,
}

/// Reads a whole file from its beginning, block after block, and checks the chain from `previous` on; hands on each
/// record.
pub(super) fn prove(path: &Path, previous: Head, mut each: impl FnMut(&Line)) -> Result<Proof, LedgerError> {
    let io = || LedgerError::io("can't read the archive", path);
    let mut summed = Summed { file: BufReader::new(File::open(path).map_err(io())?), sum: Sha256::new() };
    let mut proof = Proof { head: previous, sha256: String::new(), wrong: Vec::new() };
    let mut text = BufReader::new(MultiGzDecoder::new(BufReader::new(&mut summed)));
    let mut line = Vec::new();
    (&mut text).take(HEADER_BYTES_MAX).read_until(b'\n', &mut line).map_err(io())?;
    let header: Header = serde_json::from_slice(&line).map_err(|error| io()(error.into()))?;
    let before = data_encoding::HEXLOWER.encode(&previous.hash);
    if header.archive != VERSION {
        return Err(io()(invalid("it is of a newer waybind")));
    }
    if header.first != previous.seq + 1 || header.previous != before {
        proof.wrong.push((header.first, format!("the archive does not follow record {}", previous.seq)));
    }
    loop {
        line.clear();
        let length = (&mut text).take(BLOCK_BYTES_MAX).read_until(b'\n', &mut line).map_err(io())?;
        if length == 0 {
            break;
        }
        let read = Line::read(line.strip_suffix(b"\n").unwrap_or(&line)).map_err(io())?;
        let expected = proof.head.next(&read.body);
        if read.seq != expected.seq || read.hash != expected.hash {
            proof.wrong.push((read.seq, "the record was changed, or one before it: its hash does not match".into()));
        }
        proof.head = Head { seq: read.seq, hash: read.hash };
        each(&read);
    }
    if proof.head.seq != header.last {
        proof.wrong.push((proof.head.seq, format!("the archive ends here, and should with {}", header.last)));
    }
    drop(text);
    // what stands behind the last member belongs to the file's sum too
    std::io::copy(&mut summed, &mut std::io::sink()).map_err(io())?;
    proof.sha256 = data_encoding::HEXLOWER.encode(&summed.sum.finalize());
    Ok(proof)
}

/// A file whose bytes are summed as they are read.
struct Summed {
    file: BufReader<File>,
    sum: Sha256,
}

impl Read for Summed {
    fn read(&mut self, buffer: &mut [u8]) -> std::io::Result<usize> {
        let length = self.file.read(buffer)?;
        self.sum.update(&buffer[..length]);
        Ok(length)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn chain(count: u64) -> Vec<Line> {
        let mut head = Head::EMPTY;
        let mut line = |seq: u64| {
            let body = format!("{{\"box\":\"a\",\"n\":{seq},\"text\":\"\\\"record\\\":\"}}").into_bytes();
            head = head.next(&body);
            let order = seq.is_multiple_of(2).then(|| format!("SO,\"record\":{seq}"));
            Line { seq, hash: head.hash, feed: vec![Place(seq * 2, 0, "packed".into(), order)], body }
        };
        (1..=count).map(&mut line).collect()
    }

    fn written(path: &Path, lines: &[Line]) -> Written {
        let mut writing = Writing::begin(path, Head::EMPTY, lines.len() as u64, 0).expect("begun");
        lines.chunks(BLOCK as usize).for_each(|chunk| writing.block(chunk).expect("written"));
        writing.finish().expect("on disk")
    }

    #[test]
    fn what_is_written_is_read_whole_and_by_blocks() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("a.jsonl.gz");
        let all = chain(450);
        let done = written(&path, &all);
        assert_eq!((done.blocks.len(), done.feed, done.head.seq), (3, 900, 450));
        let mut read = Vec::new();
        let proof = prove(&path, Head::EMPTY, |line| read.push(line.clone())).expect("readable");
        assert!(proof.wrong.is_empty(), "{:?}", proof.wrong);
        assert_eq!((proof.head, &proof.sha256), (done.head, &done.sha256));
        assert_eq!(read, all);
        let block = done.blocks[1];
        assert_eq!(read_block(&path, block.at, block.length).expect("readable"), all[200..400]);
    }

    #[test]
    fn a_changed_a_cut_and_a_foreign_file_are_found_out() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("a.jsonl.gz");
        let mut all = chain(30);
        written(&path, &all);
        let other = Head { seq: 0, hash: [1; 32] };
        assert!(!prove(&path, other, |_| {}).expect("readable").wrong.is_empty(), "it follows something else");
        let whole = std::fs::read(&path).expect("read");
        for cut in [whole.len() - 1, whole.len() / 2, 10, 0] {
            std::fs::write(&path, &whole[..cut]).expect("cut");
            let proof = prove(&path, Head::EMPTY, |_| {});
            assert!(proof.is_err() || proof.is_ok_and(|proof| !proof.wrong.is_empty()), "cut at {cut}");
        }
        for at in 0..whole.len() {
            let mut spoilt = whole.clone();
            spoilt[at] ^= 0x10;
            std::fs::write(&path, &spoilt).expect("spoilt");
            let sum = data_encoding::HEXLOWER.encode(&Sha256::digest(&whole));
            let proof = prove(&path, Head::EMPTY, |_| {});
            let is_found = proof.is_err() || proof.is_ok_and(|proof| !proof.wrong.is_empty() || proof.sha256 != sum);
            assert!(is_found, "a flip at {at}");
        }
        all[7].body[3] ^= 1;
        written(&path, &all);
        assert_eq!(prove(&path, Head::EMPTY, |_| {}).expect("readable").wrong[0].0, 8);
    }
}
