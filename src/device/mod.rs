//! Scanners on serial lines and sockets: reading them, answering them, and finding them again after an unplug.
//!
//! Each scanner has a task of its own, with bounded buffers, so that one that floods or sends rubbish harms nobody
//! else. What a scan means is not decided here: frames go to a [`Sink`].

mod discovery;
mod hid_pos;
mod keyboard;
mod line;
mod listener;
mod plugs;
mod port;
mod probe;
mod reader;
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
use crate::domain::scan::Retyped;
use crate::protocol::{Ambiguous, Definition, Flow, Identity, Input, Layout, Parity, SerialSettings};

pub use self::discovery::{NotFound, Plugged, Roots, Selector, plugged};
pub use self::plugs::Plugs;
pub use self::probe::{Heard, probe};
pub use self::supervisor::supervise;
pub use self::trace::{Trace, TraceError, TraceLine, TraceWriter};

/// Where a scanner is.
#[derive(Clone, Debug)]
pub enum Connection {
    /// A serial line.
    Serial(Selector, LineChange),
    /// A keyboard, which is grabbed.
    Keyboard(Selector),
    /// A HID POS device.
    HidPos(Selector),
    /// A socket to connect to.
    TcpClient(String),
    /// A socket to listen on.
    TcpListener(SocketAddr),
}

/// What of a serial line is not as the definition says.
#[derive(Clone, Copy, Debug, Default)]
pub struct LineChange {
    /// Bits a second.
    pub baud: Option<u32>,
    /// Parity.
    pub parity: Option<Parity>,
    /// Flow control.
    pub flow: Option<Flow>,
}

impl LineChange {
    fn of(self, line: SerialSettings) -> SerialSettings {
        SerialSettings {
            baud: self.baud.unwrap_or(line.baud),
            parity: self.parity.unwrap_or(line.parity),
            flow: self.flow.unwrap_or(line.flow),
            ..line
        }
    }
}

impl Connection {
    /// Which USB device it is, if it may be one.
    #[must_use]
    pub fn usb(&self) -> Option<(Input, &Selector)> {
        match self {
            Connection::Serial(selector, _) => Some((Input::Serial, selector)),
            Connection::Keyboard(selector) => Some((Input::Keyboard, selector)),
            Connection::HidPos(selector) => Some((Input::HidPos, selector)),
            Connection::TcpClient(_) | Connection::TcpListener(_) => None,
        }
    }
}

impl std::fmt::Display for Connection {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Connection::Serial(selector, _) | Connection::Keyboard(selector) | Connection::HidPos(selector) => {
                selector.fmt(out)
            }
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
    /// How it talks, as far as it is known.
    pub spoken: Spoken,
    /// How it talks as configured, or as any of its kind.
    pub configured: Spoken,
    /// Who knows how a USB device talks when it is plugged in, where the configuration does not say it.
    pub definitions: Option<Arc<dyn Definitions>>,
    /// What is plugged in, and which nodes are read.
    pub plugs: Plugs,
    /// Identical frames within this time are one trigger pull, if not as the definition says.
    pub bounce: Option<Duration>,
    /// Where everything that it sends and gets is recorded.
    pub trace: Option<PathBuf>,
}

impl Scanner {
    fn bounce(&self) -> Duration {
        self.bounce.unwrap_or(Duration::from_millis(self.spoken.definition.bounce_ms))
    }
}

/// How a scanner talks.
#[derive(Clone, Debug)]
pub struct Spoken {
    /// The name of its definition, `<vendor>/<family>`.
    pub protocol: String,
    /// The definition.
    pub definition: Arc<Definition>,
    /// For a keyboard: its layout, then the others that it may be set to by mistake.
    pub layouts: Vec<Arc<Layout>>,
}

/// Knows scanners by what they say of themselves.
pub trait Definitions: std::fmt::Debug + Send + Sync {
    /// How a device that was plugged in talks; none if no definition knows it.
    ///
    /// # Errors
    /// Several definitions fit equally well.
    fn of(&self, identity: &Identity) -> Result<Option<Spoken>, Ambiguous>;
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
    /// What the same keys say in other layouts.
    pub retyped: Vec<Retyped>,
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
    /// Whether its address is listened on, and nobody has connected.
    pub listening: bool,
    /// When it last sent a code.
    pub last_read: Option<Timestamp>,
    /// What went wrong last; it stays until something else does.
    pub last_error: Option<String>,
    /// When that was.
    pub last_error_at: Option<Timestamp>,
    /// Codes that it sent.
    pub frames: u64,
    /// Broken frames that it sent.
    pub broken: u64,
}
