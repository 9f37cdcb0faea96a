//! HID POS scanners: whole reports through the kernel's hidraw nodes.

use std::fs::File;
use std::io::{self, Read, Write};
use std::os::fd::{AsFd, BorrowedFd};
use std::path::Path;
use std::sync::Arc;
use std::time::Instant;

use super::reader::{Chunk, Chunks};

/// The longest report of the HID specification's full-speed devices is 64 bytes; high-speed ones may send 1,024.
const REPORT_MAX: usize = 4 * 1024;

/// An open HID POS scanner.
pub(super) struct HidPos {
    file: Arc<File>,
    may_write: bool,
    since: Instant,
}

impl HidPos {
    /// Opens a node; one that may only be read is taken too, its scanner then can't be made to beep.
    pub(super) fn open(node: &Path) -> io::Result<HidPos> {
        let both = File::options().read(true).write(true).open(node);
        let may_write = both.is_ok();
        let file = both.or_else(|_| File::open(node))?;
        Ok(HidPos { file: Arc::new(file), may_write, since: Instant::now() })
    }

    /// What writes to it, if it may be written.
    pub(super) fn writer(&self) -> Option<Arc<File>> {
        self.may_write.then(|| self.file.clone())
    }
}

/// Writes an output report; it may block while the scanner does not answer, so it is called where that harms nobody.
pub(super) fn write_report(file: &File, report: &[u8]) -> io::Result<()> {
    match (&*file).write(report)? {
        written if written == report.len() => Ok(()),
        // what is left must not go out as a report of its own
        _ => Err(io::ErrorKind::WriteZero.into()),
    }
}

impl AsFd for HidPos {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.file.as_fd()
    }
}

impl Chunks for HidPos {
    fn take(&mut self) -> io::Result<Vec<Chunk>> {
        let mut report = vec![0; REPORT_MAX];
        match (&*self.file).read(&mut report)? {
            0 => Err(io::ErrorKind::UnexpectedEof.into()),
            len => {
                report.truncate(len);
                Ok(vec![Chunk { bytes: report, at: self.since.elapsed() }])
            }
        }
    }
}
