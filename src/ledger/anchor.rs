//! The head of the chain, kept outside the database: two slots of 4 KiB, written in turn, each with its checksum.
//!
//! Every scan waits for this write, so it goes past the page cache where the disk takes that.

use std::fs::File;
use std::io::ErrorKind;
use std::os::unix::fs::{FileExt, OpenOptionsExt};
use std::path::Path;

use rustix::fs::OFlags;
use sha2::{Digest, Sha256};

use super::LedgerError;

/// The end of the chain.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Head {
    pub seq: u64,
    pub hash: [u8; 32],
}

impl Head {
    /// Before the first record.
    pub(super) const EMPTY: Head = Head { seq: 0, hash: [0; 32] };
}

/// One disk sector group: a torn write spoils one slot, never both.
const SLOT: usize = 4096;
const MAGIC: &[u8; 8] = b"waybind1";
const CHECKED: usize = 8 + 8 + 32;

/// A slot in memory, from where a disk can fetch it itself.
#[repr(align(4096))]
struct Slot([u8; SLOT]);

pub(super) struct Anchor {
    file: File,
    /// The same file past the page cache, where that goes.
    direct: Option<File>,
    slot: Box<Slot>,
    next: usize,
}

impl Anchor {
    /// Opens the anchor, or makes one; answers the head that it holds.
    pub(super) fn open(path: &Path) -> Result<(Anchor, Option<Head>), LedgerError> {
        let io = |what| LedgerError::io(what, path);
        let file =
            File::options().read(true).write(true).create(true).truncate(false).open(path).map_err(io("can't open"))?;
        let mut bytes = vec![0; 2 * SLOT];
        let length = file.metadata().map_err(io("can't read"))?.len();
        if length < bytes.len() as u64 {
            file.write_all_at(&bytes, 0).map_err(io("can't prepare"))?;
            file.sync_all().map_err(io("can't sync"))?;
        }
        file.read_exact_at(&mut bytes, 0).map_err(io("can't read"))?;
        let slots = [decode(&bytes[..SLOT]), decode(&bytes[SLOT..])];
        let newest = slots
            .iter()
            .enumerate()
            .filter_map(|(index, slot)| slot.map(|head| (index, head)))
            .max_by_key(|(_, head)| head.seq);
        let next = newest.map_or(0, |(index, _)| 1 - index);
        let anchor = Anchor { file, direct: None, slot: Box::new(Slot([0; SLOT])), next };
        Ok((anchor, newest.map(|(_, head)| head)))
    }

    /// Writes past the page cache from now on, if that goes.
    pub(super) fn go_past_the_cache(&mut self, path: &Path) {
        let flags = OFlags::DIRECT.bits().cast_signed();
        let opened = File::options().write(true).custom_flags(flags).open(path);
        self.direct = opened.inspect_err(through_the_cache).ok();
    }

    /// Writes the head into the older slot and syncs it.
    pub(super) fn write(&mut self, head: Head) -> std::io::Result<()> {
        let offset = (self.next * SLOT) as u64;
        self.slot.0[..CHECKED + 32].copy_from_slice(&encode(head));
        let put = |file: &File| file.write_all_at(&self.slot.0, offset).and_then(|()| file.sync_data());
        match self.direct.as_ref().map(put) {
            // the disk does not take such transfers
            Some(Err(error)) if error.kind() == ErrorKind::InvalidInput => {
                through_the_cache(&error);
                put(&self.file)?;
                self.direct = None;
            }
            Some(done) => done?,
            None => put(&self.file)?,
        }
        self.next = 1 - self.next;
        Ok(())
    }
}

fn through_the_cache(error: &std::io::Error) {
    tracing::info!(%error, "The anchor is written through the page cache, which takes longer.");
}

fn encode(head: Head) -> [u8; CHECKED + 32] {
    let mut bytes = [0; CHECKED + 32];
    bytes[..8].copy_from_slice(MAGIC);
    bytes[8..16].copy_from_slice(&head.seq.to_be_bytes());
    bytes[16..CHECKED].copy_from_slice(&head.hash);
    let sum: [u8; 32] = Sha256::digest(&bytes[..CHECKED]).into();
    bytes[CHECKED..].copy_from_slice(&sum);
    bytes
}

fn decode(slot: &[u8]) -> Option<Head> {
    let seq = u64::from_be_bytes(slot.get(8..16)?.try_into().ok()?);
    let hash: [u8; 32] = slot.get(16..CHECKED)?.try_into().ok()?;
    let head = Head { seq, hash };
    (slot.get(..CHECKED + 32)? == encode(head)).then_some(head)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_newest_slot_that_is_whole_counts() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("anchor");
        let head = |seq| Head { seq, hash: [seq as u8; 32] };
        let (mut anchor, found) = Anchor::open(&path).expect("an anchor");
        assert_eq!(found, None);
        anchor.write(head(1)).expect("written");
        anchor.go_past_the_cache(&path);
        anchor.write(head(2)).expect("written");
        // a device that takes the write and refuses to sync it
        anchor.direct = Some(File::options().write(true).open("/dev/null").expect("a device"));
        anchor.write(head(3)).expect("written through the cache");
        assert!(anchor.direct.is_none(), "it is not tried again");
        assert_eq!(Anchor::open(&path).expect("an anchor").1, Some(head(3)));
        // head 3 stands in the first slot: spoil it
        std::os::unix::fs::FileExt::write_all_at(&File::options().write(true).open(&path).expect("open"), b"x", 20)
            .expect("spoilt");
        let (mut anchor, found) = Anchor::open(&path).expect("an anchor");
        assert_eq!(found, Some(head(2)));
        anchor.write(head(4)).expect("written");
        assert_eq!(Anchor::open(&path).expect("an anchor").1, Some(head(4)));
    }
}
