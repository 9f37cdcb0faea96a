//! Keyboard-wedge scanners: their keystrokes are taken from everybody else, so that no code leaks to a console.

use std::io;
use std::os::fd::{AsFd, BorrowedFd};
use std::path::Path;
use std::time::{Duration, UNIX_EPOCH};

use evdev::raw_stream::RawDevice;
use evdev::{EventSummary, SynchronizationCode};

use super::reader::{Chunk, Chunks};
use crate::protocol::{KeyEvent, Keystroke};

/// A grabbed keyboard.
pub(super) struct Keyboard {
    device: RawDevice,
    /// Events were lost; what comes before the next report is a remainder.
    losing: bool,
}

impl Keyboard {
    /// Opens a node and grabs it.
    pub(super) fn open(node: &Path) -> io::Result<Keyboard> {
        let mut device = RawDevice::open(node)?;
        device.grab().map_err(|error| match error.kind() {
            io::ErrorKind::ResourceBusy => io::Error::new(error.kind(), "another program has grabbed this keyboard"),
            _ => error,
        })?;
        Ok(Keyboard { device, losing: false })
    }
}

impl AsFd for Keyboard {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.device.as_fd()
    }
}

impl Chunks for Keyboard {
    fn take(&mut self) -> io::Result<Vec<Chunk>> {
        let mut chunks = Vec::new();
        for event in self.device.fetch_events()? {
            let at = event.timestamp().duration_since(UNIX_EPOCH).unwrap_or(Duration::ZERO);
            let stroke = match event.destructure() {
                EventSummary::Synchronization(_, SynchronizationCode::SYN_DROPPED, _) => {
                    self.losing = true;
                    Keystroke::Lost
                }
                EventSummary::Synchronization(_, SynchronizationCode::SYN_REPORT, _) => {
                    self.losing = false;
                    continue;
                }
                EventSummary::Key(_, key, value) if !self.losing => {
                    Keystroke::Key(KeyEvent { code: key.code(), value })
                }
                _ => continue,
            };
            chunks.push(Chunk { bytes: stroke.to_bytes().to_vec(), at });
        }
        Ok(chunks)
    }
}
