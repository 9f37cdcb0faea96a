//! Traces: what a scanner sent and got, byte for byte with times, as JSON lines; `waybind replay` plays them.

use std::fs::File;
use std::io::{BufRead, BufReader, Write};
use std::path::Path;
use std::time::{Duration, Instant};

use serde::{Deserialize, Serialize};

use super::Scanner;

/// A line of a trace.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(untagged, deny_unknown_fields)]
pub enum TraceLine {
    /// The first line: whose trace it is.
    Head {
        /// The scanner's name.
        device: String,
        /// Its station.
        station: String,
        /// Its definition, `<vendor>/<family>`.
        protocol: String,
        /// For HID POS: the report descriptor, hexadecimal.
        #[serde(skip_serializing_if = "String::is_empty", default)]
        descriptor: String,
    },
    /// Bytes that it sent.
    Read {
        /// Milliseconds since the first line.
        ms: u64,
        /// Hexadecimal.
        read: String,
    },
    /// Bytes that it got.
    Wrote {
        /// Milliseconds since the first line.
        ms: u64,
        /// Hexadecimal.
        wrote: String,
    },
}

/// A trace that was read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Trace {
    /// The scanner's name.
    pub device: String,
    /// Its station.
    pub station: String,
    /// Its definition.
    pub protocol: String,
    /// For HID POS: the report descriptor.
    pub descriptor: Vec<u8>,
    /// What it sent: milliseconds since the beginning, and bytes.
    pub reads: Vec<(u64, Vec<u8>)>,
}

/// Why a trace can't be read.
#[derive(Debug, thiserror::Error)]
#[error("{file}:{line}: {message}")]
pub struct TraceError {
    file: String,
    line: usize,
    message: String,
}

impl Trace {
    /// Reads a trace.
    ///
    /// # Errors
    /// The file can't be read, or a line is no line of a trace.
    pub fn read(path: &Path) -> Result<Trace, TraceError> {
        let failed = |line: usize, message: String| TraceError { file: path.display().to_string(), line, message };
        let file = File::open(path).map_err(|error| failed(0, error.to_string()))?;
        let mut trace: Option<Trace> = None;
        for (index, line) in BufReader::new(file).lines().enumerate() {
            let line = line.map_err(|error| failed(index + 1, error.to_string()))?;
            let parsed: TraceLine =
                serde_json::from_str(&line).map_err(|error| failed(index + 1, error.to_string()))?;
            match (parsed, &mut trace) {
                (TraceLine::Head { device, station, protocol, descriptor }, None) => {
                    let descriptor = data_encoding::HEXLOWER_PERMISSIVE
                        .decode(descriptor.as_bytes())
                        .map_err(|error| failed(index + 1, error.to_string()))?;
                    trace = Some(Trace { device, station, protocol, descriptor, reads: Vec::new() })
                }
                (TraceLine::Read { ms, read }, Some(trace)) => {
                    let bytes = data_encoding::HEXLOWER_PERMISSIVE
                        .decode(read.as_bytes())
                        .map_err(|error| failed(index + 1, error.to_string()))?;
                    trace.reads.push((ms, bytes));
                }
                (TraceLine::Wrote { .. }, Some(_)) => {}
                _ => {
                    return Err(failed(
                        index + 1,
                        "the first line, and only it, names device, station and protocol".into(),
                    ));
                }
            }
        }
        trace.ok_or_else(|| failed(1, "the file is empty".into()))
    }
}

/// Bytes of a trace: a day of scans; one that was forgotten must not fill the disk that the ledger needs.
const TRACE_MAX: u64 = 64 * 1024 * 1024;

/// Writes a trace.
pub struct TraceWriter {
    file: File,
    since: Instant,
    /// A moment of this connection by the device's own clock, and by this trace's.
    clock: Option<(Duration, Duration)>,
    written: u64,
}

impl TraceWriter {
    /// Begins a trace.
    ///
    /// # Errors
    /// The file can't be written.
    pub fn create(path: &Path, scanner: &Scanner, descriptor: &[u8]) -> std::io::Result<TraceWriter> {
        let mut writer = TraceWriter { file: File::create(path)?, since: Instant::now(), clock: None, written: 0 };
        let head = TraceLine::Head {
            device: scanner.id.to_string(),
            station: scanner.station.to_string(),
            protocol: scanner.spoken.protocol.clone(),
            descriptor: data_encoding::HEXLOWER.encode(descriptor),
        };
        writer.line(&head)?;
        Ok(writer)
    }

    fn line(&mut self, line: &TraceLine) -> std::io::Result<()> {
        let mut text = serde_json::to_vec(line)?;
        text.push(b'\n');
        self.written += text.len() as u64;
        if self.written > TRACE_MAX {
            return Err(std::io::Error::new(std::io::ErrorKind::FileTooLarge, "the trace is full"));
        }
        self.file.write_all(&text)
    }

    fn keep(&mut self, line: &TraceLine) {
        if let Err(error) = self.line(line) {
            tracing::warn!(%error, "A line of the trace is lost.");
        }
    }

    /// Goes on with another connection, whose device has a clock of its own.
    #[must_use]
    pub fn resumed(self) -> TraceWriter {
        TraceWriter { clock: None, ..self }
    }

    /// Records what was read; `at` is the device's own time, so that pauses are those of the device and not of this
    /// program.
    pub fn read(&mut self, bytes: &[u8], at: Duration) {
        let now = self.since.elapsed();
        let (device, ours) = *self.clock.get_or_insert((at, now));
        let time = at.checked_sub(device).map_or(now, |since| ours + since);
        let line = TraceLine::Read { ms: milliseconds(time), read: data_encoding::HEXLOWER.encode(bytes) };
        self.keep(&line);
    }

    /// Records what was written.
    pub fn wrote(&mut self, bytes: &[u8]) {
        let line =
            TraceLine::Wrote { ms: milliseconds(self.since.elapsed()), wrote: data_encoding::HEXLOWER.encode(bytes) };
        self.keep(&line);
    }
}

fn milliseconds(time: Duration) -> u64 {
    u64::try_from(time.as_millis()).unwrap_or(u64::MAX)
}
