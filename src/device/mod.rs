//! Scanners on serial lines and sockets: reading them, answering them, and finding them again after an unplug.
//!
//! Each scanner has a task of its own, with bounded buffers, so that one that floods or sends rubbish harms nobody
//! else. What a scan means is not decided here: frames go to a [`Sink`].

mod port;
mod supervisor;
mod trace;

use std::future::Future;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;
use serde::Serialize;

use crate::domain::ids::{DeviceId, StationId};
use crate::protocol::{Definition, SerialSettings};

pub use self::supervisor::supervise;
pub use self::trace::{Trace, TraceError, TraceLine, TraceWriter};

/// Where a scanner is.
#[derive(Clone, Debug)]
pub enum Connection {
    /// A serial line.
    Serial(PathBuf, SerialSettings),
    /// A socket to connect to.
    TcpClient(String),
    /// A socket to listen on.
    TcpListener(SocketAddr),
}

impl std::fmt::Display for Connection {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Connection::Serial(path, _) => write!(out, "{}", path.display()),
            Connection::TcpClient(address) => out.write_str(address),
            Connection::TcpListener(address) => write!(out, "{address} (listening)"),
        }
    }
}

/// A scanner.
#[derive(Clone, Debug)]
pub struct Scanner {
    /// Its name.
    pub id: DeviceId,
    /// At which station it is used.
    pub station: StationId,
    /// Where it is.
    pub connection: Connection,
    /// The name of its definition, `<vendor>/<family>`.
    pub protocol: String,
    /// How it talks.
    pub definition: Arc<Definition>,
    /// Identical frames within this time are one trigger pull.
    pub bounce: Duration,
    /// Where everything that it sends and gets is recorded.
    pub trace: Option<PathBuf>,
}

/// What a scanner sent.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DeviceFrame {
    /// The bytes of the code, or what there is of it.
    pub data: Vec<u8>,
    /// Why the frame is broken, if it is.
    pub broken: Option<&'static str>,
    /// Whether the same frame came just before.
    pub bounced: bool,
}

/// What an operator is to feel.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Signal {
    /// It counted.
    Accept,
    /// It was refused.
    Refuse,
    /// Something more must be scanned.
    Attention,
    /// Nothing.
    Silence,
}

/// Where frames go.
pub trait Sink: Clone + Send + Sync + 'static {
    /// Takes a frame; answers what the operator is to feel once that is certain.
    fn scanned(&self, scanner: &Scanner, frame: DeviceFrame) -> impl Future<Output = Signal> + Send;
    /// What the clock says.
    fn now(&self) -> Timestamp;
    /// Hears how a scanner is.
    fn state(&self, scanner: &Scanner, state: DeviceState);
}

/// How a scanner is.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct DeviceState {
    /// Whether it is there.
    pub connected: bool,
    /// When it last sent a code.
    pub last_read: Option<Timestamp>,
    /// What went wrong last.
    pub last_error: Option<String>,
    /// Codes that it sent.
    pub frames: u64,
    /// Broken frames that it sent.
    pub broken: u64,
}
