//! A simulated label printer on a TCP port: it takes ZPL and TSPL, says how it is in the language that it speaks, runs out
//! of paper on demand, is slow, hangs up or talks nonsense, and keeps every label that it printed.

use std::io::{self, Read, Write};
use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

/// Labels that are kept; a test that prints more counts them only.
const KEPT_MAX: usize = 10_000;

/// Bytes of one job: far more than a label has.
const JOB_MAX: usize = 16 * 1024 * 1024;

/// How often a connection looks whether it should end.
const LOOK: Duration = Duration::from_millis(50);

/// What it answers when it is asked how it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Speech {
    /// `~HS`, as Zebra's printers do.
    Zpl,
    /// `<ESC>!?`, as TSC's and Gprinter's do.
    Tspl,
    /// Nothing, as many do.
    Silent,
    /// Something else.
    Nonsense,
}

/// How it takes bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Manner {
    /// As fast as they come.
    Prompt,
    /// At most so many each time this span has passed.
    Slow(usize, Duration),
    /// It hangs up after so many bytes of a connection.
    HangUp(usize),
}

/// What keeps it from printing.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Fault {
    /// No paper.
    pub paper_out: bool,
    /// The head is open.
    pub head_open: bool,
    /// No ribbon.
    pub ribbon_out: bool,
    /// Somebody paused it.
    pub paused: bool,
}

impl Fault {
    fn stops(self) -> bool {
        self.paper_out || self.head_open || self.ribbon_out || self.paused
    }
}

#[derive(Debug, Default)]
struct Tray {
    fault: Fault,
    /// Labels that wait for paper.
    waiting: Vec<Vec<u8>>,
    printed: Vec<Vec<u8>>,
    count: usize,
    connections: usize,
    open: usize,
}

impl Tray {
    fn print(&mut self, label: Vec<u8>) {
        if self.fault.stops() {
            self.waiting.push(label);
            return;
        }
        self.count += 1;
        if self.printed.len() < KEPT_MAX {
            self.printed.push(label);
        }
    }
}

struct Shared {
    speech: Speech,
    manner: Mutex<Manner>,
    tray: Mutex<Tray>,
    stop: AtomicBool,
}

fn held<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// A running printer; it stops when it is dropped.
pub struct SimPrinter {
    /// Where it listens.
    pub address: SocketAddr,
    shared: Arc<Shared>,
}

impl SimPrinter {
    /// Listens at an address of this machine (port 0: any free one).
    ///
    /// # Errors
    /// The address is in use.
    pub fn start(address: &str, speech: Speech) -> io::Result<SimPrinter> {
        let listener = TcpListener::bind(address)?;
        let shared = Arc::new(Shared {
            speech,
            manner: Mutex::new(Manner::Prompt),
            tray: Mutex::default(),
            stop: AtomicBool::new(false),
        });
        let printer = SimPrinter { address: listener.local_addr()?, shared: shared.clone() };
        std::thread::Builder::new().name("printer".into()).spawn(move || accept(&listener, &shared))?;
        Ok(printer)
    }

    /// Takes bytes like this from now on.
    pub fn behave(&self, manner: Manner) {
        *held(&self.shared.manner) = manner;
    }

    /// Has this fault from now on; without one, what waited is printed.
    pub fn set_fault(&self, fault: Fault) {
        let mut tray = held(&self.shared.tray);
        tray.fault = fault;
        for label in std::mem::take(&mut tray.waiting) {
            tray.print(label);
        }
    }

    /// The labels that it printed, oldest first, as they came.
    #[must_use]
    pub fn labels(&self) -> Vec<Vec<u8>> {
        held(&self.shared.tray).printed.clone()
    }

    /// How many it printed.
    #[must_use]
    pub fn count(&self) -> usize {
        held(&self.shared.tray).count
    }

    /// Whether nobody is connected: what was sent to it has arrived.
    #[must_use]
    pub fn is_idle(&self) -> bool {
        held(&self.shared.tray).open == 0
    }

    /// How many connections it had.
    #[must_use]
    pub fn connections(&self) -> usize {
        held(&self.shared.tray).connections
    }
}

impl Drop for SimPrinter {
    fn drop(&mut self) {
        self.shared.stop.store(true, Ordering::Relaxed);
        drop(TcpStream::connect(self.address));
    }
}

fn accept(listener: &TcpListener, shared: &Arc<Shared>) {
    for stream in listener.incoming() {
        if shared.stop.load(Ordering::Relaxed) {
            return;
        }
        let Ok(stream) = stream else { continue };
        {
            let mut tray = held(&shared.tray);
            tray.connections += 1;
            tray.open += 1;
        }
        let shared = shared.clone();
        let spawned = std::thread::Builder::new().name("printer".into()).spawn(move || {
            if let Err(error) = serve(&stream, &shared) {
                tracing::debug!(%error, "A connection to the simulated printer ended.");
            }
            // one that hangs up does so with bytes unread, and the other side's are lost
            if !matches!(*held(&shared.manner), Manner::HangUp(_)) {
                drop(stream.shutdown(Shutdown::Both));
            }
            held(&shared.tray).open -= 1;
        });
        if let Err(error) = spawned {
            tracing::warn!(%error, "The simulated printer has no thread for a connection.");
        }
    }
}

fn serve(mut stream: &TcpStream, shared: &Shared) -> io::Result<()> {
    stream.set_nodelay(true)?;
    stream.set_read_timeout(Some(LOOK))?;
    let mut memory: Vec<u8> = Vec::new();
    let mut buffer = [0; 16 * 1024];
    let mut taken = 0;
    loop {
        if shared.stop.load(Ordering::Relaxed) {
            return Ok(());
        }
        let manner = *held(&shared.manner);
        let room = match manner {
            Manner::Prompt => buffer.len(),
            Manner::Slow(bytes, span) => {
                std::thread::sleep(span);
                bytes.min(buffer.len())
            }
            Manner::HangUp(after) if taken >= after => return Ok(()),
            Manner::HangUp(after) => (after - taken).min(buffer.len()),
        };
        let read = match stream.read(&mut buffer[..room]) {
            Ok(0) => return Ok(()),
            Ok(read) => read,
            Err(error) if matches!(error.kind(), io::ErrorKind::WouldBlock | io::ErrorKind::TimedOut) => continue,
            Err(error) => return Err(error),
        };
        taken += read;
        memory.extend_from_slice(&buffer[..read]);
        if memory.len() > JOB_MAX {
            return Err(io::ErrorKind::OutOfMemory.into());
        }
        while let Some((length, piece)) = piece(&memory) {
            let bytes: Vec<u8> = memory.drain(..length).collect();
            match piece {
                Piece::Label => held(&shared.tray).print(bytes),
                Piece::Question => answer(stream, shared)?,
                Piece::Other => {}
            }
        }
    }
}

/// What stands at the beginning of the memory.
enum Piece {
    Label,
    Question,
    Other,
}

/// The first whole piece and its length; none where more must come.
fn piece(memory: &[u8]) -> Option<(usize, Piece)> {
    let starts = |with: &[u8]| memory.starts_with(with);
    match memory.first()? {
        b'~' | 0x1b if memory.len() < 3 => None,
        _ if starts(b"~HS") || starts(b"\x1b!?") => Some((3, Piece::Question)),
        b'^' if memory.len() < 3 => None,
        _ if starts(b"^XA") => find(memory, b"^XZ").map(|at| (at + 3, Piece::Label)),
        b'S' if memory.len() < 5 => None,
        _ if starts(b"SIZE ") => tspl(memory).map(|length| (length, Piece::Label)),
        _ => Some((1, Piece::Other)),
    }
}

fn find(memory: &[u8], what: &[u8]) -> Option<usize> {
    memory.windows(what.len()).position(|window| window == what)
}

/// The length of a TSPL label from its first line to its `PRINT`; the bytes of a bitmap may be anything.
fn tspl(memory: &[u8]) -> Option<usize> {
    let mut at = 0;
    loop {
        let line = &memory[at..];
        if line.starts_with(b"BITMAP ") {
            let (mut commas, mut head) = (0, 0);
            while commas < 5 {
                commas += usize::from(*line.get(head)? == b',');
                head += 1;
            }
            let text = std::str::from_utf8(&line[7..head]).unwrap_or_default();
            let numbers: Vec<usize> = text.split(',').map(|number| number.parse().unwrap_or(0)).collect();
            at += head + numbers.get(2).zip(numbers.get(3)).map_or(0, |(stride, rows)| stride * rows);
            if at > memory.len() {
                return None;
            }
            continue;
        }
        let end = at + find(line, b"\r\n")? + 2;
        if line.starts_with(b"PRINT ") {
            return Some(end);
        }
        at = end;
    }
}

fn answer(mut stream: &TcpStream, shared: &Shared) -> io::Result<()> {
    let (fault, waiting) = {
        let tray = held(&shared.tray);
        (tray.fault, tray.waiting.len())
    };
    match shared.speech {
        Speech::Silent => Ok(()),
        Speech::Nonsense => stream.write_all(b"\x02HELLO,,\x03\r\n\x02?\x03\r\n\x02\x03\r\n"),
        Speech::Zpl => {
            let bit = u8::from;
            let first = format!("030,{},{},1245,{waiting:03},0,0,0,000,0,0,0", bit(fault.paper_out), bit(fault.paused));
            let second = format!("000,0,{},{},0,2,4,0,{waiting:08},1,000", bit(fault.head_open), bit(fault.ribbon_out));
            stream.write_all(format!("\x02{first}\x03\r\n\x02{second}\x03\r\n\x021234,0\x03\r\n").as_bytes())
        }
        Speech::Tspl => {
            let byte = u8::from(fault.head_open)
                | (u8::from(fault.paper_out) << 2)
                | (u8::from(fault.ribbon_out) << 3)
                | (u8::from(fault.paused) << 4);
            stream.write_all(&[byte])
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn labels_are_found_in_the_stream() {
        let bitmap = b"SIZE 100 mm,150 mm\r\nCLS\r\nBITMAP 0,0,2,3,0,P\r\nT 1\r\nPRINT 1,1\r\n";
        assert_eq!(tspl(bitmap), Some(bitmap.len()));
        assert_eq!(tspl(&bitmap[..bitmap.len() - 1]), None);
        assert!(matches!(piece(b"^XA^FD1^FS^XZ~HS"), Some((13, Piece::Label))));
        assert!(matches!(piece(b"~HS^XA"), Some((3, Piece::Question))));
        assert!(piece(b"^XA^FD").is_none());
        assert!(matches!(piece(b"\r\n"), Some((1, Piece::Other))));
    }
}
