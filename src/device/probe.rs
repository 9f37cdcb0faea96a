//! Listening to a scanner without judging anything: what it sends, piece by piece.

use std::io;
use std::time::Duration;

use super::Scanner;
use super::port::{Opened, open, pause};
use super::reader::{Chunk, Told};

/// What a probe hears.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Heard {
    /// The device is open; of a HID POS device this is its report descriptor.
    Opened(Vec<u8>),
    /// A piece, with the device's own time: bytes of a stream, a keystroke, a report.
    Piece(Vec<u8>, Duration),
    /// Nothing came for the pause of the scanner's definition.
    Pause,
}

/// Opens a scanner and tells what it sends, until it is gone or nobody wants to hear more (`tell` answers false).
///
/// # Errors
/// It can't be opened, or is gone.
pub async fn probe(mut scanner: Scanner, mut tell: impl FnMut(Heard) -> bool) -> io::Result<()> {
    let Opened { mut port, framer, descriptor, claim: _claim, .. } = open(&mut scanner).await?;
    let pause = pause(&framer);
    let mut goes_on = tell(Heard::Opened(descriptor));
    let mut is_begun = false;
    while goes_on {
        match port.read(is_begun.then_some(pause)).await? {
            Told::Piece(Chunk { bytes, at }) => {
                is_begun = true;
                goes_on = tell(Heard::Piece(bytes, at));
            }
            Told::Quiet if std::mem::take(&mut is_begun) => goes_on = tell(Heard::Pause),
            Told::Quiet => {}
        }
    }
    Ok(())
}
