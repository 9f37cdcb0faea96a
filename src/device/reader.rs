//! Devices that are read in pieces rather than as a stream: one thread each, as the kernel's interfaces for them block.

use std::io;
use std::os::fd::AsFd;
use std::time::Duration;

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use tokio::sync::mpsc;

/// Pieces that may wait: the keystrokes of some fifty codes. A thread never waits for its listener, as the kernel's own
/// buffer for reports overflows without a word.
const WAITING_MAX: usize = 4 * 1024;

/// How often a thread looks whether anybody still listens.
const LOOK: Timespec = Timespec { tv_sec: 0, tv_nsec: 250_000_000 };

/// One piece: a report, a keystroke.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Chunk {
    /// What it is made of.
    pub bytes: Vec<u8>,
    /// When, by the device's own clock.
    pub at: Duration,
}

/// A device that is read by a thread.
pub(super) trait Chunks: AsFd + Send + 'static {
    /// What can be read now, without waiting.
    fn take(&mut self) -> io::Result<Vec<Chunk>>;
}

/// Reads a device until it is gone or nobody listens any more; the error comes last. Where pieces had to be thrown away,
/// `lost` stands in their place.
pub(super) fn listen(
    name: &str,
    mut device: impl Chunks,
    lost: Vec<u8>,
) -> io::Result<mpsc::Receiver<io::Result<Chunk>>> {
    let (found, listener) = mpsc::channel(WAITING_MAX);
    let mut has_lost = false;
    let work = move || {
        loop {
            match ready(&device) {
                Ok(false) if found.is_closed() => return,
                Ok(false) => continue,
                Ok(true) => {}
                Err(error) => return drop(found.blocking_send(Err(error))),
            }
            match device.take() {
                Ok(chunks) => {
                    for chunk in chunks {
                        // the mark needs a place too
                        if found.capacity() < 2 {
                            has_lost = true;
                            continue;
                        }
                        let mark = Chunk { bytes: lost.clone(), at: chunk.at };
                        let marked = !std::mem::take(&mut has_lost) || found.try_send(Ok(mark)).is_ok();
                        if !marked || found.try_send(Ok(chunk)).is_err() {
                            return;
                        }
                    }
                }
                Err(error) => return drop(found.blocking_send(Err(error))),
            }
        }
    };
    std::thread::Builder::new().name(name.to_owned()).spawn(work)?;
    Ok(listener)
}

/// Whether something can be read; waits for a moment.
fn ready(device: &impl AsFd) -> io::Result<bool> {
    let mut polled = [PollFd::new(device, PollFlags::IN)];
    match poll(&mut polled, Some(&LOOK)) {
        Ok(count) => Ok(count > 0),
        Err(rustix::io::Errno::INTR) => Ok(false),
        Err(error) => Err(error.into()),
    }
}
