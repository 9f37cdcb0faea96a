//! A connection to a printer that takes bytes: a socket, or a node such as /dev/usb/lp0. Every wait has an end.

use std::fs::File;
use std::io::{self, Read as _, Write as _};
use std::os::unix::fs::{FileTypeExt as _, OpenOptionsExt as _};
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::time::{Instant, timeout};

use super::status::{self, Answer};
use crate::config::StatusDialect;

/// How long a connection may take.
const CONNECT: Duration = Duration::from_secs(5);

/// How long a printer may take to say how it is.
const ANSWER: Duration = Duration::from_millis(1_500);

/// How long a printer may take none of the bytes that are offered: a label that is being printed holds the next one up
/// for a few seconds.
const STALL: Duration = Duration::from_secs(30);

/// How long a whole job may take; one byte a second is no printer.
const JOB: Duration = Duration::from_secs(600);

/// How long a printer that tells nothing may take to close the connection after the last byte. Some never do.
const CLOSE: Duration = Duration::from_millis(500);

/// How long a printer may say that it is busy with what it got, before its next job is tried.
const CONFIRM: Duration = Duration::from_secs(5);

/// How often it is asked meanwhile.
const CONFIRM_EVERY: Duration = Duration::from_millis(100);

/// Bytes that are offered at once.
const CHUNK: usize = 16 * 1024;

/// A node is waited for with an end, and a terminal line among them must not become this process's own.
const NODE: i32 = rustix::fs::OFlags::NONBLOCK.union(rustix::fs::OFlags::NOCTTY).bits().cast_signed();

/// How a delivery broke off.
#[derive(Debug)]
pub(super) struct Broken {
    /// Whether any byte may have reached the printer.
    pub(super) begun: bool,
    /// Why.
    pub(super) why: String,
}

/// What is known of a delivered job.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Fate {
    /// The printer has its bytes.
    Taken,
    /// The printer said that nothing is left to print.
    Printed,
}

/// An open connection.
pub(super) enum Link {
    Socket(TcpStream),
    Node(Arc<File>),
    /// A plain file in the place of a node.
    Plain(File),
}

impl Link {
    pub(super) async fn connect(address: &str) -> io::Result<Link> {
        let stream =
            timeout(CONNECT, TcpStream::connect(address)).await.map_err(|_| late("no connection", CONNECT))??;
        stream.set_nodelay(true)?;
        Ok(Link::Socket(stream))
    }

    pub(super) async fn open(path: &Path) -> io::Result<Link> {
        let path = path.to_owned();
        let opened = tokio::task::spawn_blocking(move || {
            let kind = std::fs::metadata(&path)?.file_type();
            let is_node = kind.is_char_device() || kind.is_fifo();
            let mut options = File::options();
            options.write(true).custom_flags(NODE);
            if is_node && !kind.is_fifo() {
                options.read(true);
            } else if !is_node {
                options.append(true);
            }
            Ok::<_, io::Error>((options.open(&path)?, is_node))
        });
        let (file, is_node) =
            timeout(CONNECT, opened).await.map_err(|_| late("not opened", CONNECT))?.map_err(io::Error::other)??;
        Ok(if is_node { Link::Node(Arc::new(file)) } else { Link::Plain(file) })
    }

    async fn write_some(&mut self, bytes: &[u8]) -> io::Result<usize> {
        match self {
            Link::Socket(stream) => stream.write(bytes).await,
            Link::Plain(file) => file.write(bytes),
            Link::Node(node) => {
                let bytes = bytes.to_vec();
                at_node(node, PollFlags::OUT, STALL, move |mut node| node.write(&bytes)).await
            }
        }
    }

    async fn read_some(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        match self {
            Link::Socket(stream) => stream.read(buffer).await,
            Link::Plain(_) => Ok(0),
            Link::Node(node) => {
                let mut read = vec![0; buffer.len()];
                let reading = move |mut node: &File| node.read(&mut read).map(|length| read[..length].to_vec());
                let read = at_node(node, PollFlags::IN, ANSWER, reading).await?;
                buffer[..read.len()].copy_from_slice(&read);
                Ok(read.len())
            }
        }
    }

    /// Asks the printer how it is. None where it does not say, or says nothing that can be understood.
    ///
    /// # Errors
    /// The connection broke.
    pub(super) async fn ask(&mut self, dialect: StatusDialect) -> io::Result<Option<Answer>> {
        let Some(question) = status::question(dialect) else { return Ok(None) };
        let mut answer = Vec::new();
        let exchange = async {
            let mut asked = 0;
            while asked < question.len() {
                asked += self.write_some(&question[asked..]).await?;
            }
            let mut buffer = [0; 128];
            while status::is_short(dialect, &answer) && answer.len() < status::ANSWER_MAX {
                match self.read_some(&mut buffer).await? {
                    0 => return Err(io::ErrorKind::ConnectionAborted.into()),
                    read => answer.extend_from_slice(&buffer[..read]),
                }
            }
            Ok::<_, io::Error>(())
        };
        match timeout(ANSWER, exchange).await {
            Ok(Ok(())) => Ok(status::read(dialect, &answer)),
            Ok(Err(error)) if error.kind() == io::ErrorKind::TimedOut => Ok(None),
            Ok(Err(error)) => Err(error),
            Err(_) => Ok(None),
        }
    }

    /// Sends a job's bytes.
    pub(super) async fn send(&mut self, bytes: &[u8]) -> Result<(), Broken> {
        let (mut sent, until) = (0, Instant::now() + JOB);
        while sent < bytes.len() {
            let chunk = &bytes[sent..bytes.len().min(sent + CHUNK)];
            let broken = |why: String| Broken { begun: sent > 0, why };
            match timeout(STALL, self.write_some(chunk)).await {
                Ok(Ok(0)) => return Err(broken("it takes no more bytes".into())),
                Ok(Ok(written)) => sent += written,
                Ok(Err(error)) => return Err(broken(error.to_string())),
                Err(_) => return Err(broken(late("no byte was taken", STALL).to_string())),
            }
            if Instant::now() > until {
                return Err(Broken { begun: true, why: late("the job was not taken", JOB).to_string() });
            }
        }
        Ok(())
    }

    /// After the last byte: what the printer says became of the job, and how it is then.
    pub(super) async fn settle(&mut self, dialect: StatusDialect) -> Result<(Fate, Option<Answer>), Broken> {
        let broken = |error: io::Error| Broken { begun: true, why: error.to_string() };
        let until = Instant::now() + CONFIRM;
        let mut last = None;
        while dialect != StatusDialect::None && Instant::now() < until {
            match self.ask(dialect).await.map_err(broken)? {
                Some(answer) if answer.condition.blocks() => return Ok((Fate::Taken, Some(answer))),
                Some(answer) if !answer.is_busy => return Ok((Fate::Printed, Some(answer))),
                Some(answer) => last = Some(answer),
                None => break,
            }
            tokio::time::sleep(CONFIRM_EVERY).await;
        }
        self.close().await.map_err(broken)?;
        Ok((Fate::Taken, last))
    }

    /// Ends the sending side and waits a moment for the printer to end its own: a connection that is reset instead took
    /// bytes with it.
    async fn close(&mut self) -> io::Result<()> {
        if let Link::Plain(file) = self {
            return file.sync_data();
        }
        let Link::Socket(stream) = self else { return Ok(()) };
        let mut buffer = [0; 128];
        if matches!(stream.try_read(&mut buffer), Ok(0)) {
            // it hung up before it could know that there was no more
            return Err(io::ErrorKind::ConnectionAborted.into());
        }
        stream.shutdown().await?;
        let drained = async {
            let mut read = 0;
            while read < status::ANSWER_MAX {
                match stream.read(&mut buffer).await? {
                    0 => break,
                    more => read += more,
                }
            }
            Ok(())
        };
        timeout(CLOSE, drained).await.unwrap_or(Ok(()))
    }
}

/// Does something with a node as soon as it is ready for it, on a thread that may wait.
async fn at_node<T: Send + 'static>(
    node: &Arc<File>,
    ready: PollFlags,
    patience: Duration,
    mut work: impl FnMut(&File) -> io::Result<T> + Send + 'static,
) -> io::Result<T> {
    let node = node.clone();
    let done = tokio::task::spawn_blocking(move || {
        let seconds = i64::try_from(patience.as_secs()).unwrap_or(i64::MAX);
        let span = Timespec { tv_sec: seconds, tv_nsec: i64::from(patience.subsec_nanos()) };
        let is_ready = poll(&mut [PollFd::new(&*node, ready)], Some(&span))? > 0;
        if is_ready { work(&node) } else { Err(late("the node was not ready", patience)) }
    });
    done.await.map_err(io::Error::other)?
}

fn late(what: &str, after: Duration) -> io::Error {
    io::Error::new(io::ErrorKind::TimedOut, format!("{what} within {} s", after.as_secs_f64()))
}
