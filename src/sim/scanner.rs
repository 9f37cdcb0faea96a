//! Simulated scanners: they frame a code as their family does, wait for what it must be acknowledged with, and hear
//! their beeps.

use std::io::{self, Read, Write};
use std::sync::mpsc::{Receiver, RecvTimeoutError, channel};
use std::time::{Duration, Instant};

/// How a scanner frames a code.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Family {
    /// Zebra SSI packets, acknowledged.
    Ssi,
    /// The code and CR.
    Line,
    /// Honeywell: AIM identifier, the code, CR.
    Honeywell,
    /// A fixed-mount reader: the code and CR LF.
    FixedMount,
}

impl Family {
    /// Its definition.
    #[must_use]
    pub fn protocol(self) -> &'static str {
        match self {
            Family::Ssi => "zebra/ssi",
            Family::Line => "generic/line",
            Family::Honeywell => "honeywell/aim",
            Family::FixedMount => "cognex/dataman-tcp",
        }
    }

    /// The bytes of a code; `]C1` and the like before it say the symbology.
    #[must_use]
    pub fn frame(self, code: &str) -> Vec<u8> {
        match self {
            Family::Ssi => ssi(code),
            Family::Line => [strip_aim(code).as_bytes(), b"\r"].concat(),
            Family::Honeywell => [code.as_bytes(), b"\r"].concat(),
            Family::FixedMount => [code.as_bytes(), b"\r\n"].concat(),
        }
    }

    /// What acknowledges a frame, where that is wanted.
    #[must_use]
    pub fn acknowledgement(self) -> &'static [u8] {
        match self {
            Family::Ssi => &[0x04, 0xD0, 0x04, 0x00, 0xFF, 0x28],
            _ => &[],
        }
    }
}

fn strip_aim(code: &str) -> &str {
    if code.starts_with(']') { code.get(3..).unwrap_or_default() } else { code }
}

/// A DECODE_DATA packet: code types as in Zebra's table.
fn ssi(code: &str) -> Vec<u8> {
    let code_type = match code.get(..3) {
        Some("]E0") => 0x0B,
        Some("]C1") => 0x0F,
        Some("]Q1") => 0x1C,
        _ => 0x03,
    };
    let text = strip_aim(code).as_bytes();
    let length = u8::try_from(5 + text.len()).expect("codes of the simulation fit one packet");
    let mut packet = vec![length, 0xF3, 0x00, 0x00, code_type];
    packet.extend(text);
    let sum = packet.iter().fold(0_u16, |sum, byte| sum.wrapping_add(u16::from(*byte))).wrapping_neg();
    packet.extend(sum.to_be_bytes());
    packet
}

/// A scanner at one end of a line.
pub struct SimScanner {
    family: Family,
    line: Box<dyn Write + Send>,
    heard: Receiver<Vec<u8>>,
    pending: Vec<u8>,
}

impl SimScanner {
    /// A scanner of a family; `reader` is the same line, to read what the host sends.
    ///
    /// # Errors
    /// No thread can be started to listen.
    pub fn new(
        family: Family,
        line: impl Write + Send + 'static,
        mut reader: impl Read + Send + 'static,
    ) -> io::Result<Self> {
        let (tell, heard) = channel();
        std::thread::Builder::new().name("sim-scanner".into()).spawn(move || {
            let mut buffer = [0; 512];
            while let Ok(len) = reader.read(&mut buffer) {
                if len == 0 || tell.send(buffer[..len].to_vec()).is_err() {
                    return;
                }
            }
        })?;
        Ok(SimScanner { family, line: Box::new(line), heard, pending: Vec::new() })
    }

    /// Pulls the trigger over a code; an acknowledged scanner waits for its acknowledgement.
    ///
    /// # Errors
    /// The line is dead, or the acknowledgement did not come in time.
    pub fn scan(&mut self, code: &str, patience: Duration) -> io::Result<()> {
        self.send(&self.family.frame(code))?;
        let wanted = self.family.acknowledgement();
        if wanted.is_empty() { Ok(()) } else { self.expect(wanted, patience) }
    }

    /// Sends bytes as they are.
    ///
    /// # Errors
    /// The line is dead.
    pub fn send(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.line.write_all(bytes)?;
        self.line.flush()
    }

    /// Waits until the host has sent these bytes; what came before them is passed over.
    ///
    /// # Errors
    /// They did not come in time.
    pub fn expect(&mut self, wanted: &[u8], patience: Duration) -> io::Result<()> {
        let until = Instant::now() + patience;
        loop {
            if let Some(at) = self.pending.windows(wanted.len()).position(|window| window == wanted) {
                self.pending.drain(..at + wanted.len());
                return Ok(());
            }
            match self.heard.recv_timeout(until.saturating_duration_since(Instant::now())) {
                Ok(bytes) => self.pending.extend(bytes),
                Err(RecvTimeoutError::Timeout | RecvTimeoutError::Disconnected) => {
                    let heard = data_encoding::HEXLOWER.encode(&self.pending);
                    return Err(io::Error::new(
                        io::ErrorKind::TimedOut,
                        format!("the host did not send what was awaited; it sent {heard}"),
                    ));
                }
            }
        }
    }
}
