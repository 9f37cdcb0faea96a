//! A simulated office printer behind IPP: it takes jobs over HTTP, says how it is, and tells what became of each job.

use std::io::{self, BufRead, BufReader, Cursor, Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use ipp::attribute::IppAttribute;
use ipp::model::{DelimiterTag, IppVersion, Operation, StatusCode};
use ipp::parser::IppParser;
use ipp::request::IppRequestResponse;
use ipp::value::IppValue;

/// Bytes of a request: far more than a manifest has.
const REQUEST_MAX: usize = 64 * 1024 * 1024;

/// How it takes jobs.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Mood {
    /// It prints them.
    #[default]
    Good,
    /// It says `media-empty`.
    PaperOut,
    /// It does not know the format.
    Picky,
    /// It hangs up after it took a job, without an answer.
    Mute,
    /// It breaks down after it took a job, and says only that.
    Failing,
}

#[derive(Default)]
struct Shared {
    mood: Mutex<Mood>,
    printed: Mutex<Vec<Vec<u8>>>,
    stop: AtomicBool,
}

fn held<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// A running office printer; it stops when it is dropped.
pub struct SimOffice {
    /// Where it listens.
    pub address: SocketAddr,
    shared: Arc<Shared>,
}

impl SimOffice {
    /// Listens at an address of this machine (port 0: any free one).
    ///
    /// # Errors
    /// The address is in use.
    pub fn start(address: &str) -> io::Result<SimOffice> {
        let listener = TcpListener::bind(address)?;
        let shared = Arc::new(Shared::default());
        let office = SimOffice { address: listener.local_addr()?, shared: shared.clone() };
        std::thread::Builder::new().name("office".into()).spawn(move || {
            for stream in listener.incoming() {
                if shared.stop.load(Ordering::Relaxed) {
                    return;
                }
                let Ok(stream) = stream else { continue };
                if let Err(error) = serve(&stream, &shared) {
                    tracing::debug!(%error, "A connection to the simulated office printer ended.");
                }
            }
        })?;
        Ok(office)
    }

    /// Takes jobs like this from now on.
    pub fn behave(&self, mood: Mood) {
        *held(&self.shared.mood) = mood;
    }

    /// The documents that it printed.
    #[must_use]
    pub fn printed(&self) -> Vec<Vec<u8>> {
        held(&self.shared.printed).clone()
    }
}

impl Drop for SimOffice {
    fn drop(&mut self) {
        self.shared.stop.store(true, Ordering::Relaxed);
        drop(TcpStream::connect(self.address));
    }
}

fn serve(mut stream: &TcpStream, shared: &Shared) -> io::Result<()> {
    let body = read(stream)?;
    let broken = |error: &dyn std::error::Error| io::Error::new(io::ErrorKind::InvalidData, error.to_string());
    let (header, _, rest) = IppParser::new(Cursor::new(body)).parse_parts().map_err(|error| broken(&error))?;
    let mut document = Vec::new();
    rest.into_inner().read_to_end(&mut document)?;
    let mood = *held(&shared.mood);
    let operation = header.operation_or_status;
    let is_job = operation == Operation::PrintJob as i16;
    if is_job && mood != Mood::Picky {
        held(&shared.printed).push(document);
    }
    if is_job && mood == Mood::Mute {
        return Ok(());
    }
    if is_job && mood == Mood::Failing {
        let answer = "HTTP/1.1 500 Internal Server Error\r\nconnection: close\r\ncontent-length: 0\r\n\r\n";
        return stream.write_all(answer.as_bytes());
    }
    let status = match mood {
        Mood::Picky if is_job => StatusCode::ClientErrorDocumentFormatNotSupported,
        _ => StatusCode::SuccessfulOk,
    };
    let response = IppRequestResponse::new_response(IppVersion::v1_1(), status, header.request_id);
    let mut response = response.map_err(|error| broken(&error))?;
    let mut say = |group, name: &str, value| -> io::Result<()> {
        let attribute = IppAttribute::with_name(name, value).map_err(|error| broken(&error))?;
        response.attributes_mut().add(group, attribute);
        Ok(())
    };
    if operation == Operation::GetPrinterAttributes as i16 {
        let reason = if mood == Mood::PaperOut { "media-empty-error" } else { "none" };
        let keyword = reason.try_into().map_err(|error: ipp::parser::IppParseError| broken(&error))?;
        say(DelimiterTag::PrinterAttributes, IppAttribute::PRINTER_STATE, IppValue::Enum(3))?;
        say(DelimiterTag::PrinterAttributes, IppAttribute::PRINTER_STATE_REASONS, IppValue::Keyword(keyword))?;
    } else if mood != Mood::Picky {
        say(DelimiterTag::JobAttributes, IppAttribute::JOB_ID, IppValue::Integer(7))?;
        say(DelimiterTag::JobAttributes, IppAttribute::JOB_STATE, IppValue::Enum(9))?;
    }
    let bytes = response.to_bytes();
    let head = format!(
        "HTTP/1.1 200 OK\r\ncontent-type: application/ipp\r\nconnection: close\r\ncontent-length: {}\r\n\r\n",
        bytes.len()
    );
    stream.write_all(head.as_bytes())?;
    stream.write_all(&bytes)
}

/// The body of a request.
fn read(stream: &TcpStream) -> io::Result<Vec<u8>> {
    let mut reader = BufReader::new(stream);
    let (mut line, mut length) = (String::new(), 0);
    loop {
        line.clear();
        reader.read_line(&mut line)?;
        if line.trim_end().is_empty() {
            break;
        }
        if let Some(value) = line.to_ascii_lowercase().strip_prefix("content-length:") {
            length = value.trim().parse().unwrap_or(0);
        }
    }
    let mut body = vec![0; length.min(REQUEST_MAX)];
    reader.read_exact(&mut body)?;
    Ok(body)
}
