//! Opening what a scanner hangs on, and moving bytes over it.

use std::fs::File;
use std::io;
use std::path::Path;
use std::pin::Pin;
use std::sync::Arc;
use std::time::{Duration, Instant};

use rustix::net::sockopt;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::sync::mpsc;
use tokio_serial::{SerialPort, SerialPortBuilderExt};

use super::discovery::{NotFound, Plugged, Selector};
use super::hid_pos::{HidPos, write_report};
use super::keyboard::Keyboard;
use super::listener::{Listener, Newcomer};
use super::plugs::Claim;
use super::reader::{self, Chunk, Told};
use super::{Connection, LineChange, Scanner};
use crate::protocol::{Flow, Framer, Input, Keystroke, Parity, SerialSettings};

/// Something that can be read and written.
pub(super) trait Stream: AsyncRead + AsyncWrite + Send + Unpin {}
impl<T: AsyncRead + AsyncWrite + Send + Unpin> Stream for T {}

/// How long a connection may take to come about.
const CONNECT: Duration = Duration::from_secs(5);

/// A peer that lost its power or its cable says nothing when it goes. It is asked for a sign after five seconds of
/// silence, three times, three seconds apart, so that it is given up after 14 s; what it does not acknowledge, likewise.
const SILENCE: Duration = Duration::from_secs(5);
const ASKED_AGAIN: Duration = Duration::from_secs(3);
const ASKED: u32 = 3;
const UNACKNOWLEDGED: Duration = Duration::from_secs(14);

/// Bytes that are read at once.
const READ_MAX: usize = 4 * 1024;

/// An open port.
pub(super) enum Port {
    /// A stream of bytes.
    Stream { stream: Pin<Box<dyn Stream>>, buffer: Vec<u8>, since: Instant },
    /// Keystrokes or reports from a thread of their own; reports may be written back.
    Pieces { pieces: mpsc::Receiver<io::Result<Told>>, reports: Option<Arc<File>> },
}

/// An open port with what makes frames of what comes over it.
pub(super) struct Opened {
    pub port: Port,
    pub framer: Framer,
    /// Of a HID POS device: its report descriptor.
    pub descriptor: Vec<u8>,
    /// Keeps others from reading the same node.
    pub claim: Option<Claim>,
    /// Whether what waits in it was sent too long ago to be judged.
    pub is_stale: bool,
}

/// Opens a scanner's connection, and makes what reads it.
pub(super) async fn open(scanner: &mut Scanner) -> io::Result<Opened> {
    match scanner.connection.clone() {
        Connection::Serial(selector, change) => open_serial_scanner(scanner, &selector, change).await,
        Connection::Keyboard(selector) => {
            let (found, claim) = claimed(scanner, &selector, Input::Keyboard).await?;
            let framer = framer(scanner, &[])?;
            let node = found.node.clone();
            let device = blocking(move || Keyboard::open(&node)).await?;
            still_there(scanner, &found).await?;
            let lost = Keystroke::Lost.to_bytes().to_vec();
            let pieces = reader::listen(scanner.id.as_str(), device, lost, pause(&framer))?;
            let port = Port::Pieces { pieces, reports: None };
            Ok(Opened { port, framer, descriptor: Vec::new(), claim: Some(claim), is_stale: false })
        }
        Connection::HidPos(selector) => {
            let (found, claim) = claimed(scanner, &selector, Input::HidPos).await?;
            let framer = framer(scanner, &found.descriptor)?;
            let node = found.node.clone();
            let device = blocking(move || HidPos::open(&node)).await?;
            still_there(scanner, &found).await?;
            let reports = device.writer();
            // a report of no bytes breaks what it stands in
            let pieces = reader::listen(scanner.id.as_str(), device, Vec::new(), pause(&framer))?;
            let port = Port::Pieces { pieces, reports };
            Ok(Opened { port, framer, descriptor: found.descriptor, claim: Some(claim), is_stale: false })
        }
        Connection::TcpClient(address) => {
            let port = connect(&address).await?;
            Ok(Opened { port, framer: framer(scanner, &[])?, descriptor: Vec::new(), claim: None, is_stale: false })
        }
        Connection::TcpListener(address) => take_up(scanner, Listener::bind(address).await?.next().await?),
    }
}

/// Makes what reads a connection that was accepted.
pub(super) fn take_up(scanner: &Scanner, newcomer: Newcomer) -> io::Result<Opened> {
    let is_stale = newcomer.is_stale();
    let port = stream(newcomer.stream)?;
    Ok(Opened { port, framer: framer(scanner, &[])?, descriptor: Vec::new(), claim: None, is_stale })
}

async fn open_serial_scanner(scanner: &mut Scanner, selector: &Selector, change: LineChange) -> io::Result<Opened> {
    let found = match known(scanner, selector, Input::Serial).await {
        Ok(found) => Some(found),
        // not every serial port is a USB device
        Err(NotFound::Absent) if matches!(selector, Selector::Path(_)) => {
            scanner.spoken = scanner.configured.clone();
            None
        }
        Err(error) => return Err(not_found(&error)),
    };
    let node = match (&found, selector) {
        (Some(found), _) => found.node.clone(),
        (None, Selector::Path(path)) => path.clone(),
        (None, Selector::Like(_)) => return Err(not_found(&NotFound::Absent)),
    };
    let claim = scanner.plugs.take(&node, &scanner.id)?;
    let settings = change.of(scanner.spoken.definition.serial);
    let port = blocking(move || open_serial(&node, settings)).await?;
    if let Some(found) = &found {
        still_there(scanner, found).await?;
    }
    Ok(Opened { port, framer: framer(scanner, &[])?, descriptor: Vec::new(), claim: Some(claim), is_stale: false })
}

/// Runs what may block for as long as a device takes to answer.
async fn blocking<T: Send + 'static>(work: impl FnOnce() -> io::Result<T> + Send + 'static) -> io::Result<T> {
    tokio::task::spawn_blocking(work).await.map_err(io::Error::other)?
}

fn not_found(error: &NotFound) -> io::Error {
    io::Error::new(io::ErrorKind::NotFound, error.to_string())
}

fn framer(scanner: &Scanner, descriptor: &[u8]) -> io::Result<Framer> {
    let spoken = &scanner.spoken;
    let framer = Framer::of_device(spoken.definition.clone(), spoken.layouts.first().cloned(), descriptor);
    framer.map_err(|error| io::Error::new(io::ErrorKind::InvalidData, error.to_string()))
}

/// The silence that ends what was begun.
pub(super) fn pause(framer: &Framer) -> Duration {
    Duration::from_millis(framer.gap_ms())
}

/// Finds a USB device, and how it talks where that is not configured.
async fn known(scanner: &mut Scanner, selector: &Selector, input: Input) -> Result<Plugged, NotFound> {
    let found = scanner.plugs.find(&scanner.id, selector, input).await?;
    if let Some(definitions) = &scanner.definitions {
        let spoken = definitions.of(&found.identity).map_err(NotFound::Ambiguous)?;
        scanner.spoken = spoken.unwrap_or_else(|| scanner.configured.clone());
    }
    Ok(found)
}

async fn claimed(scanner: &mut Scanner, selector: &Selector, input: Input) -> io::Result<(Plugged, Claim)> {
    let found = known(scanner, selector, input).await.map_err(|error| not_found(&error))?;
    let claim = scanner.plugs.take(&found.node, &scanner.id)?;
    Ok((found, claim))
}

/// Refuses a node that was given to another device between the look and the opening, as when a hub resets.
async fn still_there(scanner: &Scanner, found: &Plugged) -> io::Result<()> {
    match scanner.plugs.is_still(found).await {
        true => Ok(()),
        false => Err(io::Error::new(io::ErrorKind::NotFound, "it was plugged elsewhere while it was opened")),
    }
}

async fn connect(address: &str) -> io::Result<Port> {
    let connecting = tokio::time::timeout(CONNECT, TcpStream::connect(address));
    stream(connecting.await.map_err(|_| io::ErrorKind::TimedOut)??)
}

fn stream(stream: TcpStream) -> io::Result<Port> {
    stream.set_nodelay(true)?;
    sockopt::set_socket_keepalive(&stream, true)?;
    sockopt::set_tcp_keepidle(&stream, SILENCE)?;
    sockopt::set_tcp_keepintvl(&stream, ASKED_AGAIN)?;
    sockopt::set_tcp_keepcnt(&stream, ASKED)?;
    sockopt::set_tcp_user_timeout(&stream, UNACKNOWLEDGED.as_millis() as u32)?;
    Ok(Port::of(stream))
}

fn open_serial(path: &Path, settings: SerialSettings) -> io::Result<Port> {
    let builder = tokio_serial::new(path.to_string_lossy(), settings.baud)
        .data_bits(if settings.data_bits == 7 { tokio_serial::DataBits::Seven } else { tokio_serial::DataBits::Eight })
        .stop_bits(if settings.stop_bits == 2 { tokio_serial::StopBits::Two } else { tokio_serial::StopBits::One })
        .parity(match settings.parity {
            Parity::None => tokio_serial::Parity::None,
            Parity::Even => tokio_serial::Parity::Even,
            Parity::Odd => tokio_serial::Parity::Odd,
        })
        .flow_control(match settings.flow {
            Flow::None => tokio_serial::FlowControl::None,
            Flow::RtsCts => tokio_serial::FlowControl::Hardware,
            Flow::XonXoff => tokio_serial::FlowControl::Software,
        });
    let mut port = builder.open_native_async().map_err(io::Error::from)?;
    // ports without these lines (pseudo-terminals, some USB bridges) refuse; they need none
    for raised in [port.write_data_terminal_ready(settings.dtr), port.write_request_to_send(settings.rts)] {
        if let Err(error) = raised {
            tracing::debug!(path = %path.display(), %error, "The port has no control lines.");
        }
    }
    Ok(Port::of(port))
}

impl Port {
    fn of(stream: impl Stream + 'static) -> Port {
        Port::Stream { stream: Box::pin(stream), buffer: vec![0; READ_MAX], since: Instant::now() }
    }

    /// What came in, or that nothing did: over a stream for `pause`, where one is given; keystrokes and reports end by
    /// the pause that their reader was given. Nothing is lost if this is given up half-way.
    pub(super) async fn read(&mut self, pause: Option<Duration>) -> io::Result<Told> {
        match self {
            Port::Stream { stream, buffer, since } => {
                let read = stream.read(buffer);
                let len = match pause {
                    Some(pause) => match tokio::time::timeout(pause, read).await {
                        Ok(read) => read?,
                        Err(_) => return Ok(Told::Quiet),
                    },
                    None => read.await?,
                };
                match len {
                    0 => Err(io::Error::new(io::ErrorKind::UnexpectedEof, "the other end is gone")),
                    len => Ok(Told::Piece(Chunk { bytes: buffer[..len].to_vec(), at: since.elapsed() })),
                }
            }
            Port::Pieces { pieces, .. } => match pieces.recv().await {
                Some(told) => told,
                None => Err(io::Error::new(io::ErrorKind::UnexpectedEof, "its reader ended")),
            },
        }
    }

    /// Sends bytes, or a whole report; a keyboard takes none.
    pub(super) async fn write(&mut self, bytes: &[u8]) -> io::Result<()> {
        match self {
            Port::Stream { stream, .. } => stream.write_all(bytes).await,
            Port::Pieces { reports: None, .. } => Ok(()),
            Port::Pieces { reports: Some(file), .. } => {
                let (file, report) = (file.clone(), bytes.to_vec());
                tokio::task::spawn_blocking(move || write_report(&file, &report)).await.map_err(io::Error::other)?
            }
        }
    }
}
