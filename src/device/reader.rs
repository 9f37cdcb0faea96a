//! Devices that are read in pieces rather than as a stream: one thread each, as the kernel's interfaces for them block.

use std::io;
use std::os::fd::AsFd;
use std::time::Duration;

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::io::retry_on_intr;
use tokio::sync::mpsc;

/// Pieces that may wait: the keystrokes of some fifty codes. A thread never waits for its listener, as the kernel's own
/// buffer for reports overflows without a word.
const WAITING_MAX: usize = 4 * 1024;

/// How often a thread looks whether anybody still listens.
const LOOK: Duration = Duration::from_millis(250);

/// One piece: a report, a keystroke.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Chunk {
    /// What it is made of.
    pub bytes: Vec<u8>,
    /// When, by the device's own clock.
    pub at: Duration,
}

/// What a reader tells.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Told {
    /// A piece.
    Piece(Chunk),
    /// The device has said nothing since it was opened or since its last piece, for the pause that was asked for. The
    /// reader says so, because only who looks at the device knows that nothing waits in it.
    Quiet,
}

/// A device that is read by a thread.
pub(super) trait Chunks: AsFd + Send + 'static {
    /// What can be read now, without waiting.
    fn take(&mut self) -> io::Result<Vec<Chunk>>;
}

/// Reads a device until it is gone or nobody listens any more; the error comes last. Where pieces had to be thrown away,
/// `lost` stands in their place. A silence of `pause` is told once.
pub(super) fn listen(
    name: &str,
    device: impl Chunks,
    lost: Vec<u8>,
    pause: Duration,
) -> io::Result<mpsc::Receiver<io::Result<Told>>> {
    let (found, listener) = mpsc::channel(WAITING_MAX);
    let work = move || {
        let reader = Reader { found: found.clone(), lost, has_lost: false, is_quiet: false };
        if let Err(error) = reader.read(device, pause) {
            drop(found.blocking_send(Err(error)));
        }
    };
    std::thread::Builder::new().name(name.to_owned()).spawn(work)?;
    Ok(listener)
}

struct Reader {
    found: mpsc::Sender<io::Result<Told>>,
    lost: Vec<u8>,
    has_lost: bool,
    is_quiet: bool,
}

impl Reader {
    /// Ends without an error where nobody listens any more.
    fn read(mut self, mut device: impl Chunks, pause: Duration) -> io::Result<()> {
        while !self.found.is_closed() {
            let look = if self.is_quiet { LOOK } else { pause };
            if ready(&device, look)? {
                for chunk in device.take()? {
                    self.is_quiet = false;
                    self.tell(chunk);
                }
            } else if !self.is_quiet && self.found.capacity() > 0 {
                self.is_quiet = self.found.try_send(Ok(Told::Quiet)).is_ok();
            }
        }
        Ok(())
    }

    fn tell(&mut self, chunk: Chunk) {
        // the mark needs a place too
        if self.found.capacity() < 2 {
            self.has_lost = true;
            return;
        }
        let mark = std::mem::take(&mut self.has_lost).then(|| Chunk { bytes: self.lost.clone(), at: chunk.at });
        for piece in mark.into_iter().chain([chunk]) {
            // nothing else sends, so what fails is that nobody listens, which ends the reading
            drop(self.found.try_send(Ok(Told::Piece(piece))));
        }
    }
}

/// Whether something can be read; waits for it so long. What came while this thread had no turn is seen, as the kernel
/// looks once more after the time is over.
fn ready(device: &impl AsFd, look: Duration) -> io::Result<bool> {
    let look = Timespec::try_from(look).map_err(io::Error::other)?;
    let mut polled = [PollFd::new(device, PollFlags::IN)];
    let count = retry_on_intr(|| poll(&mut polled, Some(&look)))?;
    Ok(count > 0)
}
