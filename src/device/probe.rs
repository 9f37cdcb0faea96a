//! Listening to a scanner without judging anything: what it sends, piece by piece.

use std::io;
use std::time::Duration;

use super::Scanner;
use super::port::{Opened, open};

/// What a probe hears.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Heard {
    /// The device is open; of a HID POS device this is its report descriptor.
    Opened(Vec<u8>),
    /// A piece, with the device's own time: bytes of a stream, a keystroke, a report.
    Piece(Vec<u8>, Duration),
    /// Nothing came for a while.
    Pause,
}

/// After this time without a piece a code is over, whatever the device.
const PAUSE: Duration = Duration::from_millis(500);

/// Opens a scanner and tells what it sends, until it is gone or nobody wants to hear more (`tell` answers false).
///
/// # Errors
/// It can't be opened, or is gone.
pub async fn probe(mut scanner: Scanner, mut tell: impl FnMut(Heard) -> bool) -> io::Result<()> {
    let Opened { mut port, descriptor, claim: _claim, .. } = open(&mut scanner, &mut None).await?;
    if !tell(Heard::Opened(descriptor)) {
        return Ok(());
    }
    let mut is_open = false;
    loop {
        let piece = match is_open {
            true => match tokio::time::timeout(PAUSE, port.read()).await {
                Ok(piece) => piece?,
                Err(_) => {
                    is_open = false;
                    if !tell(Heard::Pause) {
                        return Ok(());
                    }
                    continue;
                }
            },
            false => port.read().await?,
        };
        is_open = true;
        if !tell(Heard::Piece(piece.bytes, piece.at)) {
            return Ok(());
        }
    }
}
