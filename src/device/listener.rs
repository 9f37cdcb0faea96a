//! A socket that scanners connect to. Connections are accepted as they come, whatever becomes of the one before: a
//! scanner that lost its power or its radio says nothing when it goes, and connects again.

use std::io;
use std::net::SocketAddr;
use std::time::{Duration, Instant};

use tokio::net::{TcpListener, TcpStream};
use tokio::sync::mpsc;
use tokio::task::JoinHandle;

/// Connections that may wait to be taken up; a scanner makes one at a time.
const WAITING_MAX: usize = 8;

/// What lay unread for so long is not judged any more: its operator has gone on.
const STALE: Duration = Duration::from_secs(1);

/// A pause after the kernel refused to accept, as where no file is left to open.
const REST: Duration = Duration::from_secs(1);

/// A connection that somebody made.
pub(super) struct Newcomer {
    pub stream: TcpStream,
    pub from: SocketAddr,
    at: Instant,
}

impl Newcomer {
    /// Whether it had to wait too long for what it sent meanwhile.
    pub(super) fn is_stale(&self) -> bool {
        self.at.elapsed() > STALE
    }
}

/// A bound socket, and who connected to it.
pub(super) struct Listener {
    newcomers: mpsc::Receiver<Newcomer>,
    /// Somebody who was seen and not yet taken up.
    ahead: Option<Newcomer>,
    accepting: JoinHandle<()>,
}

impl Listener {
    pub(super) async fn bind(address: SocketAddr) -> io::Result<Listener> {
        let socket = TcpListener::bind(address).await?;
        let (found, newcomers) = mpsc::channel(WAITING_MAX);
        Ok(Listener { newcomers, ahead: None, accepting: tokio::spawn(accept(socket, found)) })
    }

    /// The next connection.
    pub(super) async fn next(&mut self) -> io::Result<Newcomer> {
        match self.ahead.take() {
            Some(ahead) => Ok(ahead),
            None => self.newcomers.recv().await.ok_or_else(|| io::Error::other("nobody accepts connections any more")),
        }
    }

    /// Waits until somebody connects, who is then the next; answers from where.
    pub(super) async fn somebody(&mut self) -> SocketAddr {
        loop {
            if let Some(ahead) = &self.ahead {
                return ahead.from;
            }
            match self.newcomers.recv().await {
                Some(newcomer) => self.ahead = Some(newcomer),
                None => std::future::pending().await,
            }
        }
    }
}

impl Drop for Listener {
    fn drop(&mut self) {
        self.accepting.abort();
    }
}

async fn accept(socket: TcpListener, found: mpsc::Sender<Newcomer>) {
    loop {
        match socket.accept().await {
            Ok((stream, from)) => {
                if found.try_send(Newcomer { stream, from, at: Instant::now() }).is_err() {
                    tracing::warn!(%from, "A connection was closed: too many of one scanner wait.");
                }
            }
            Err(error) => {
                tracing::warn!(%error, "A scanner's connection could not be accepted.");
                tokio::time::sleep(REST).await;
            }
        }
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a test")]
mod tests {
    use std::os::fd::AsFd;
    use std::sync::Arc;

    use rustix::net::sockopt;
    use tokio::io::{AsyncReadExt, AsyncWriteExt};

    use super::*;
    use crate::config::Library;
    use crate::device::line::Line;
    use crate::device::port::take_up;
    use crate::device::{Connection, Plugs, Scanner, Spoken};
    use crate::domain::ids::{DeviceId, StationId};
    use crate::protocol::Item;

    fn scanner(address: SocketAddr) -> Scanner {
        let library = Library::built_in().unwrap();
        let protocol = "generic/line".to_owned();
        let definition = Arc::clone(library.get(&protocol).unwrap());
        let spoken = Spoken { protocol, definition, layouts: Vec::new() };
        Scanner {
            id: DeviceId::new("reader").unwrap(),
            station: StationId::new("b1").unwrap(),
            connection: Connection::TcpListener(address),
            configured: spoken.clone(),
            spoken,
            definitions: None,
            plugs: Plugs::default(),
            bounce: None,
            trace: None,
        }
    }

    /// A connection with what it sent, at both ends.
    async fn connected(sent: &[u8]) -> (TcpStream, Newcomer) {
        let socket = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let mut caller = TcpStream::connect(socket.local_addr().unwrap()).await.unwrap();
        let (stream, from) = socket.accept().await.unwrap();
        caller.write_all(sent).await.unwrap();
        stream.readable().await.unwrap();
        (caller, Newcomer { stream, from, at: Instant::now() })
    }

    #[tokio::test]
    async fn what_waited_unread_for_long_is_told_and_not_judged() {
        let (mut caller, newcomer) = connected(b"6901\r6902\r").await;
        let scanner = scanner(newcomer.from);
        let late = Newcomer { at: newcomer.at.checked_sub(2 * STALE).unwrap(), ..newcomer };
        let mut line = Line::new(take_up(&scanner, late).unwrap(), &scanner, None);
        let passed_over = Item::Broken("it was sent while nobody could listen", b"6901\r6902\r".to_vec());
        assert_eq!(line.settle().await, Ok(Some(passed_over)));
        caller.write_all(b"6903\r").await.unwrap();
        assert_eq!(line.read().await, Ok(vec![Item::Frame(b"6903".to_vec())]));
    }

    #[tokio::test]
    async fn who_calls_scans_and_goes_at_once_is_judged() {
        let (caller, newcomer) = connected(b"6901\r").await;
        drop(caller);
        let scanner = scanner(newcomer.from);
        let mut line = Line::new(take_up(&scanner, newcomer).unwrap(), &scanner, None);
        assert_eq!(line.settle().await, Ok(None));
        assert_eq!(line.read().await, Ok(vec![Item::Frame(b"6901".to_vec())]));
        assert!(line.read().await.is_err());
    }

    #[tokio::test]
    async fn connections_are_accepted_beside_each_other_and_too_many_are_closed() {
        let address = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
        let mut listener = Listener::bind(address).await.unwrap();
        let mut callers = Vec::new();
        for _ in 0..WAITING_MAX {
            callers.push(TcpStream::connect(address).await.unwrap());
        }
        let from = |caller: &TcpStream| caller.local_addr().unwrap();
        assert_eq!(listener.somebody().await, from(&callers[0]));
        callers.push(TcpStream::connect(address).await.unwrap());
        let mut refused = TcpStream::connect(address).await.unwrap();
        assert_eq!(refused.read(&mut [0]).await.unwrap(), 0);
        for caller in &callers {
            assert_eq!(listener.next().await.unwrap().from, from(caller));
        }
    }

    #[tokio::test]
    async fn a_peer_that_is_silent_is_asked_for_a_sign_of_life() {
        let (_caller, newcomer) = connected(b"6901\r").await;
        let (scanner, fd) = (scanner(newcomer.from), newcomer.stream.as_fd().try_clone_to_owned().unwrap());
        let _opened = take_up(&scanner, newcomer).unwrap();
        assert!(sockopt::socket_keepalive(&fd).unwrap());
        let idle = sockopt::tcp_keepidle(&fd).unwrap();
        let asked = sockopt::tcp_keepintvl(&fd).unwrap() * sockopt::tcp_keepcnt(&fd).unwrap();
        let unacknowledged = Duration::from_millis(sockopt::tcp_user_timeout(&fd).unwrap().into());
        assert!(idle + asked <= Duration::from_secs(15) && unacknowledged == idle + asked);
    }
}
