//! A pseudo-terminal: waybind opens its path like any serial port, the simulated scanner holds the other end.

use std::fs::File;
use std::io;
use std::os::fd::OwnedFd;
use std::path::PathBuf;

use rustix::fs::OFlags;
use rustix::pty::{OpenptFlags, grantpt, openpt, ptsname, unlockpt};
use rustix::termios::{OptionalActions, tcgetattr, tcsetattr};

/// A pseudo-terminal in raw mode.
pub struct Pty {
    /// The scanner's end.
    pub scanner: File,
    /// The path of the host's end.
    pub path: PathBuf,
    /// Kept open, so that the scanner's end stays readable while the host is away.
    _host: OwnedFd,
}

impl Pty {
    /// Opens one.
    ///
    /// # Errors
    /// The system has no more of them.
    pub fn open() -> io::Result<Pty> {
        let scanner = openpt(OpenptFlags::RDWR | OpenptFlags::NOCTTY | OpenptFlags::CLOEXEC)?;
        grantpt(&scanner)?;
        unlockpt(&scanner)?;
        let name = ptsname(&scanner, Vec::new())?;
        let path = PathBuf::from(name.to_string_lossy().into_owned());
        let host = rustix::fs::open(&path, OFlags::RDWR | OFlags::NOCTTY | OFlags::CLOEXEC, rustix::fs::Mode::empty())?;
        let mut settings = tcgetattr(&host)?;
        settings.make_raw();
        tcsetattr(&host, OptionalActions::Now, &settings)?;
        Ok(Pty { scanner: File::from(scanner), path, _host: host })
    }
}
