//! A simulated upstream that takes webhooks: it answers as it is told to, also badly, and remembers what came.

use std::collections::HashMap;
use std::io::{self, BufRead, BufReader, Read, Write};
use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

/// Requests that are remembered; a test that sends more does not look at each.
const REMEMBERED_MAX: usize = 100_000;

/// Bytes of a request's body: far more than a delivery has.
const BODY_MAX: usize = 16 * 1024 * 1024;

/// Bytes that a huge answer is written in.
const CHUNK: usize = 64 * 1024;

/// Pause between two bytes of an answer that never ends.
const DRIP: Duration = Duration::from_millis(50);

/// A request.
#[derive(Clone, Debug)]
pub struct Request {
    /// Its path with the query.
    pub path: String,
    /// Its headers, with their names in lower case.
    pub headers: Vec<(String, String)>,
    /// Its body.
    pub body: Vec<u8>,
    /// Whether it was answered with 2xx.
    pub taken: bool,
}

impl Request {
    /// A header's value.
    #[must_use]
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(known, _)| known == name).map(|(_, value)| value.as_str())
    }
}

/// How a request is answered.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Reply {
    /// With a status and a short text.
    Status(u16, String),
    /// With a status, headers and a text.
    With(u16, Vec<(String, String)>, String),
    /// With 200, after a while.
    Slow(Duration),
    /// With 200 and a text, after a while.
    SlowWith(Duration, String),
    /// With the first half of a text; then the connection is closed.
    HalfOf(String),
    /// With a status and a short text, after a while.
    Late(Duration, u16, String),
    /// Not at all: the connection is closed.
    Close,
    /// With half of an answer; then the connection is closed.
    Half,
    /// With 200 and so many bytes.
    Huge(usize),
    /// With 200 and a body that never ends: a byte now and then, until the other side goes.
    Endless,
    /// With a redirect.
    Redirect(String),
}

impl Reply {
    /// 200.
    #[must_use]
    pub fn take() -> Reply {
        Reply::Status(200, "{}".into())
    }

    fn is_taking(&self) -> bool {
        matches!(
            self,
            Reply::Status(200..=299, _)
                | Reply::With(200..=299, ..)
                | Reply::Late(_, 200..=299, _)
                | Reply::SlowWith(..)
                | Reply::Slow(_)
                | Reply::Huge(_)
                | Reply::Endless
        )
    }
}

type Judge = Box<dyn Fn(&Request) -> Reply + Send + Sync>;

/// How much came, and when.
#[derive(Clone, Copy, Debug, Default)]
pub struct Traffic {
    /// Requests.
    pub requests: usize,
    /// Bytes of their bodies.
    pub bytes: usize,
    /// When the first came.
    pub first: Option<Instant>,
    /// When the last came.
    pub last: Option<Instant>,
}

struct Shared {
    judge: Mutex<Arc<Judge>>,
    remembered: Mutex<Vec<Request>>,
    traffic: Mutex<Traffic>,
    /// The connections, each with its number, to end them.
    open: Mutex<HashMap<u64, TcpStream>>,
    remembers: bool,
    stop: AtomicBool,
}

fn held<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// A running receiver; it stops when it is dropped.
pub struct Receiver {
    /// Where it listens.
    pub address: SocketAddr,
    shared: Arc<Shared>,
}

impl Receiver {
    /// Listens at an address of this machine (port 0: any free one) and takes everything. One that does not remember
    /// only counts.
    ///
    /// # Errors
    /// The address is in use.
    pub fn start(address: &str, remembers: bool) -> io::Result<Receiver> {
        let listener = TcpListener::bind(address)?;
        let take: Judge = Box::new(|_| Reply::take());
        let shared = Arc::new(Shared {
            judge: Mutex::new(Arc::new(take)),
            remembered: Mutex::default(),
            traffic: Mutex::default(),
            open: Mutex::default(),
            remembers,
            stop: AtomicBool::new(false),
        });
        let receiver = Receiver { address: listener.local_addr()?, shared: shared.clone() };
        std::thread::Builder::new().name("receiver".into()).spawn(move || accept(&listener, &shared))?;
        Ok(receiver)
    }

    /// Answers from now on as `judge` says.
    pub fn answer(&self, judge: impl Fn(&Request) -> Reply + Send + Sync + 'static) {
        *held(&self.shared.judge) = Arc::new(Box::new(judge));
    }

    /// What came so far.
    #[must_use]
    pub fn requests(&self) -> Vec<Request> {
        held(&self.shared.remembered).clone()
    }

    /// Stops; answers all that came. Nothing is answered after that which is not among it.
    #[must_use]
    pub fn close(self) -> Vec<Request> {
        self.stop();
        held(&self.shared.remembered).clone()
    }

    /// How much came so far.
    #[must_use]
    pub fn traffic(&self) -> Traffic {
        *held(&self.shared.traffic)
    }
}

impl Receiver {
    /// Answers nobody any more: what it remembers afterwards is all that it has answered.
    fn stop(&self) {
        self.shared.stop.store(true, Ordering::Relaxed);
        for (_, stream) in held(&self.shared.open).drain() {
            // it may be closed already
            drop(stream.shutdown(Shutdown::Both));
        }
        drop(TcpStream::connect(self.address));
    }
}

impl Drop for Receiver {
    fn drop(&mut self) {
        self.stop();
    }
}

fn accept(listener: &TcpListener, shared: &Arc<Shared>) {
    for (number, stream) in (0..).zip(listener.incoming()) {
        if shared.stop.load(Ordering::Relaxed) {
            return;
        }
        let Ok(stream) = stream else { continue };
        if let Ok(kept) = stream.try_clone() {
            held(&shared.open).insert(number, kept);
        }
        if shared.stop.load(Ordering::Relaxed) {
            drop(stream.shutdown(Shutdown::Both));
            return;
        }
        let shared = shared.clone();
        let spawned = std::thread::Builder::new().name("receiver".into()).spawn(move || {
            if let Err(error) = serve(&stream, &shared) {
                tracing::debug!(%error, "A connection to the simulated receiver ended.");
            }
            drop(stream.shutdown(Shutdown::Both));
            held(&shared.open).remove(&number);
        });
        if let Err(error) = spawned {
            tracing::warn!(%error, "The simulated receiver has no thread for a connection.");
        }
    }
}

fn serve(stream: &TcpStream, shared: &Shared) -> io::Result<()> {
    stream.set_nodelay(true)?;
    let mut reader = BufReader::new(stream);
    while let Some(mut request) = read(&mut reader)? {
        {
            let mut traffic = held(&shared.traffic);
            let now = Instant::now();
            traffic.requests += 1;
            traffic.bytes += request.body.len();
            traffic.first.get_or_insert(now);
            traffic.last = Some(now);
        }
        let judge = held(&shared.judge).clone();
        let reply = judge(&request);
        request.taken = reply.is_taking();
        if shared.remembers {
            let mut remembered = held(&shared.remembered);
            if remembered.len() < REMEMBERED_MAX {
                remembered.push(request);
            }
        }
        if !write(stream, &reply)? {
            return Ok(());
        }
    }
    Ok(())
}

fn read(reader: &mut BufReader<&TcpStream>) -> io::Result<Option<Request>> {
    let mut line = String::new();
    if reader.read_line(&mut line)? == 0 {
        return Ok(None);
    }
    let path = line.split(' ').nth(1).unwrap_or_default().to_owned();
    let mut headers = Vec::new();
    loop {
        line.clear();
        reader.read_line(&mut line)?;
        let Some((name, value)) = line.trim_end().split_once(':') else { break };
        headers.push((name.to_ascii_lowercase(), value.trim().to_owned()));
    }
    let mut request = Request { path, headers, body: Vec::new(), taken: false };
    let length: usize = request.header("content-length").and_then(|length| length.parse().ok()).unwrap_or(0);
    request.body.resize(length.min(BODY_MAX), 0);
    reader.read_exact(&mut request.body)?;
    Ok(Some(request))
}

/// Answers; whether the connection goes on.
fn write(mut stream: &TcpStream, reply: &Reply) -> io::Result<bool> {
    let whole = |status: u16, headers: &str, body: &str| {
        format!("HTTP/1.1 {status} x\r\ncontent-length: {}\r\n{headers}\r\n{body}", body.len())
    };
    match reply {
        Reply::Status(status, body) => stream.write_all(whole(*status, "", body).as_bytes())?,
        Reply::Redirect(to) => stream.write_all(whole(302, &format!("location: {to}\r\n"), "").as_bytes())?,
        Reply::Slow(span) => {
            std::thread::sleep(*span);
            stream.write_all(whole(200, "", "{}").as_bytes())?;
        }
        Reply::With(status, more, body) => {
            let headers: String = more.iter().map(|(name, value)| format!("{name}: {value}\r\n")).collect();
            stream.write_all(whole(*status, &headers, body).as_bytes())?;
        }
        Reply::SlowWith(span, body) => {
            std::thread::sleep(*span);
            stream.write_all(whole(200, "", body).as_bytes())?;
        }
        Reply::HalfOf(body) => {
            let head = format!("HTTP/1.1 200 x\r\ncontent-length: {}\r\n\r\n", body.len());
            stream.write_all(head.as_bytes())?;
            stream.write_all(&body.as_bytes()[..body.len() / 2])?;
            return Ok(false);
        }
        Reply::Late(span, status, body) => {
            std::thread::sleep(*span);
            stream.write_all(whole(*status, "", body).as_bytes())?;
        }
        Reply::Close => return Ok(false),
        Reply::Half => {
            stream.write_all(b"HTTP/1.1 200 x\r\ncontent-length: 100\r\n\r\n{\"half\":")?;
            return Ok(false);
        }
        Reply::Endless => {
            stream.write_all(b"HTTP/1.1 200 x\r\ntransfer-encoding: chunked\r\n\r\n")?;
            loop {
                stream.write_all(b"1\r\nx\r\n")?;
                std::thread::sleep(DRIP);
            }
        }
        Reply::Huge(length) => {
            stream.write_all(format!("HTTP/1.1 200 x\r\ncontent-length: {length}\r\n\r\n").as_bytes())?;
            for _ in 0..length.div_ceil(CHUNK) {
                stream.write_all(&[b'x'; CHUNK])?;
            }
            return Ok(false);
        }
    }
    Ok(true)
}
