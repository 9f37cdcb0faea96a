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
use super::unsent::unsent;
use crate::config::StatusDialect;

/// How long a printer is waited for, at each of its steps. Every wait has an end, so that no printer holds its worker.
#[derive(Clone, Copy, Debug)]
pub struct Patience {
    /// A connection.
    pub connect: Duration,
    /// An answer to how it is.
    pub answer: Duration,
    /// No byte is taken: a label that is being printed holds the next one up for a few seconds.
    pub stall: Duration,
    /// A whole job; one byte a second is no printer.
    pub job: Duration,
    /// A printer that tells nothing closes the connection after the last byte. Some never do.
    pub close: Duration,
    /// It says that it is busy with what it got, before its next job is tried.
    pub confirm: Duration,
    /// It has nothing to do, before it is asked how it is.
    pub look: Duration,
}

impl Default for Patience {
    fn default() -> Self {
        Patience {
            connect: Duration::from_secs(5),
            answer: Duration::from_millis(1_500),
            stall: Duration::from_secs(30),
            job: Duration::from_secs(600),
            close: Duration::from_millis(500),
            confirm: Duration::from_secs(5),
            look: Duration::from_secs(15),
        }
    }
}

/// How often it is asked while it is busy.
const CONFIRM_EVERY: Duration = Duration::from_millis(100);

/// How often is looked whether everything arrived.
const ARRIVED_EVERY: Duration = Duration::from_millis(50);

/// How long a node is left alone that says it is ready and is not.
const NOT_YET: Duration = Duration::from_millis(10);

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
pub(super) struct Link {
    end: End,
    patience: Patience,
}

/// What is at the other end of it.
enum End {
    Socket(TcpStream),
    Node(Arc<File>),
    /// A plain file in the place of a node.
    Plain(File),
}

impl Link {
    pub(super) async fn connect(address: &str, patience: Patience) -> io::Result<Link> {
        let connected = timeout(patience.connect, TcpStream::connect(address)).await;
        let stream = connected.map_err(|_| late("no connection", patience.connect))??;
        stream.set_nodelay(true)?;
        Ok(Link { end: End::Socket(stream), patience })
    }

    pub(super) async fn open(path: &Path, patience: Patience) -> io::Result<Link> {
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
        let opened = timeout(patience.connect, opened).await.map_err(|_| late("not opened", patience.connect))?;
        let (file, is_node) = opened.map_err(io::Error::other)??;
        let end = if is_node { End::Node(Arc::new(file)) } else { End::Plain(file) };
        Ok(Link { end, patience })
    }

    /// Writes what is taken of the bytes; an error of the kind `TimedOut` after so long without any. What was not taken by
    /// then never goes out: nothing is left behind that writes later.
    async fn write_some(&mut self, bytes: &[u8], patience: Duration) -> io::Result<usize> {
        match &mut self.end {
            End::Socket(stream) => timeout(patience, stream.write(bytes))
                .await
                .unwrap_or_else(|_| Err(late("no byte was taken", patience))),
            End::Plain(file) => file.write(bytes),
            End::Node(node) => {
                let bytes = bytes.to_vec();
                at_node(node, PollFlags::OUT, patience, move |mut node| node.write(&bytes)).await
            }
        }
    }

    async fn read_some(&mut self, buffer: &mut [u8], patience: Duration) -> io::Result<usize> {
        match &mut self.end {
            End::Socket(stream) => {
                timeout(patience, stream.read(buffer)).await.unwrap_or_else(|_| Err(late("no answer", patience)))
            }
            End::Plain(_) => Ok(0),
            End::Node(node) => {
                let mut read = vec![0; buffer.len()];
                let reading = move |mut node: &File| node.read(&mut read).map(|length| read[..length].to_vec());
                let read = at_node(node, PollFlags::IN, patience, reading).await?;
                buffer[..read.len()].copy_from_slice(&read);
                Ok(read.len())
            }
        }
    }

    /// Asks the printer how it is. None where it does not say, or says nothing that can be understood.
    ///
    /// # Errors
    /// The connection broke, or takes not even the question.
    pub(super) async fn ask(&mut self, dialect: StatusDialect) -> io::Result<Option<Answer>> {
        let Some(question) = status::question(dialect) else { return Ok(None) };
        let until = Instant::now() + self.patience.answer;
        let left = || until.saturating_duration_since(Instant::now());
        let mut asked = 0;
        while asked < question.len() {
            asked += match self.write_some(&question[asked..], left()).await? {
                0 => return Err(io::ErrorKind::WriteZero.into()),
                written => written,
            };
        }
        let (mut answer, mut buffer) = (Vec::new(), [0; 128]);
        while status::is_short(dialect, &answer) && answer.len() < status::ANSWER_MAX {
            match self.read_some(&mut buffer, left()).await {
                Ok(0) => return Err(io::ErrorKind::ConnectionAborted.into()),
                Ok(read) => answer.extend_from_slice(&buffer[..read]),
                Err(error) if error.kind() == io::ErrorKind::TimedOut => break,
                Err(error) => return Err(error),
            }
        }
        Ok(status::read(dialect, &answer))
    }

    /// Sends a job's bytes.
    pub(super) async fn send(&mut self, bytes: &[u8]) -> Result<(), Broken> {
        let (mut sent, until) = (0, Instant::now() + self.patience.job);
        while sent < bytes.len() {
            let chunk = &bytes[sent..bytes.len().min(sent + CHUNK)];
            let broken = |why: String| Broken { begun: sent > 0, why };
            match self.write_some(chunk, self.patience.stall).await {
                Ok(0) => return Err(broken("it takes no more bytes".into())),
                Ok(written) => sent += written,
                Err(error) => return Err(broken(error.to_string())),
            }
            if Instant::now() > until {
                return Err(Broken { begun: true, why: late("the job was not taken", self.patience.job).to_string() });
            }
        }
        Ok(())
    }

    /// After the last byte: what the printer says became of the job, and how it is then.
    pub(super) async fn settle(&mut self, dialect: StatusDialect) -> Result<(Fate, Option<Answer>), Broken> {
        let broken = |error: io::Error| Broken { begun: true, why: error.to_string() };
        let until = Instant::now() + self.patience.confirm;
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
        let stream = match &mut self.end {
            End::Plain(file) => return file.sync_data(),
            End::Node(_) => return Ok(()),
            End::Socket(stream) => stream,
        };
        let mut buffer = [0; 128];
        if matches!(stream.try_read(&mut buffer), Ok(0)) {
            // it hung up before it could know that there was no more
            return Err(io::ErrorKind::ConnectionAborted.into());
        }
        stream.shutdown().await?;
        // whatever it says meanwhile is read: closing over bytes that nobody read resets the connection
        let drained = async {
            while stream.read(&mut buffer).await? > 0 {}
            Ok(())
        };
        match timeout(self.patience.close, drained).await {
            Ok(done) => done,
            Err(_) => arrived(stream, self.patience).await,
        }
    }
}

/// Waits until the other side has what was written; as long as it takes any of it, it may take the whole time of a job.
async fn arrived(stream: &TcpStream, patience: Patience) -> io::Result<()> {
    let (Ok(own), Ok(other)) = (stream.local_addr(), stream.peer_addr()) else { return Ok(()) };
    let (until, mut stalled, mut before) = (Instant::now() + patience.job, Instant::now(), u64::MAX);
    while let Some(left) = unsent(own, other).filter(|left| *left > 0) {
        if left < before {
            (before, stalled) = (left, Instant::now());
        }
        if stalled.elapsed() >= patience.stall || Instant::now() > until {
            return Err(late("the last bytes were not taken", stalled.elapsed()));
        }
        tokio::time::sleep(ARRIVED_EVERY).await;
    }
    Ok(())
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
        let until = Instant::now() + patience;
        loop {
            let left = until.saturating_duration_since(Instant::now());
            let seconds = i64::try_from(left.as_secs()).unwrap_or(i64::MAX);
            let span = Timespec { tv_sec: seconds, tv_nsec: i64::from(left.subsec_nanos()) };
            match poll(&mut [PollFd::new(&*node, ready)], Some(&span)) {
                Ok(0) => return Err(late("the node was not ready", patience)),
                Ok(_) => match work(&node) {
                    // ready for somebody else, or for nothing
                    Err(error) if error.kind() == io::ErrorKind::WouldBlock && left.is_zero() => {
                        return Err(late("the node was not ready", patience));
                    }
                    Err(error) if error.kind() == io::ErrorKind::WouldBlock => std::thread::sleep(NOT_YET),
                    Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                    done => return done,
                },
                Err(rustix::io::Errno::INTR) => {}
                Err(error) => return Err(error.into()),
            }
        }
    });
    done.await.map_err(io::Error::other)?
}

fn late(what: &str, after: Duration) -> io::Error {
    io::Error::new(io::ErrorKind::TimedOut, format!("{what} within {} s", after.as_secs_f64()))
}
