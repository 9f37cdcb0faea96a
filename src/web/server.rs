//! The accept loop. `axum::serve` closes neither half-sent requests nor silent sockets; this one does.

use std::collections::HashMap;
use std::convert::Infallible;
use std::future::Future;
use std::net::IpAddr;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use axum::Router;
use axum::extract::Request;
use axum::response::Response;
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpListener, UnixListener};
use tokio::sync::{OwnedSemaphorePermit, Semaphore, watch};
use tower_service::Service as _;

use super::guard::Peer;

/// What the accept loop allows.
#[derive(Clone, Copy, Debug)]
pub struct Limits {
    /// Connections at once, over all.
    pub connections: usize,
    /// Connections at once from one address: a PDA needs two, a bench's monitor three.
    pub per_address: usize,
    /// How long the head of a request may take, from the connection's first moment.
    pub head: Duration,
    /// Bytes of a request's head.
    pub head_bytes: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Limits { connections: 1_024, per_address: 64, head: Duration::from_secs(5), head_bytes: 16 * 1024 }
    }
}

/// Pause after an accept that failed, so that a full table of files does not make a busy loop.
const ACCEPT_PAUSE: Duration = Duration::from_millis(50);

/// How long open requests may take when waybind stops.
const DRAIN: Duration = Duration::from_secs(5);

#[derive(Clone)]
struct Door {
    limits: Limits,
    all: Arc<Semaphore>,
    by_address: Arc<Mutex<HashMap<IpAddr, usize>>>,
}

/// Holds a connection's places while it lasts.
struct Place {
    address: IpAddr,
    by_address: Arc<Mutex<HashMap<IpAddr, usize>>>,
    _permit: OwnedSemaphorePermit,
}

impl Drop for Place {
    fn drop(&mut self) {
        let mut counts = self.by_address.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(count) = counts.get_mut(&self.address) {
            *count -= 1;
            if *count == 0 {
                counts.remove(&self.address);
            }
        }
    }
}

impl Door {
    fn new(limits: Limits) -> Self {
        Door { limits, all: Arc::new(Semaphore::new(limits.connections)), by_address: Arc::default() }
    }

    fn enter(&self, address: IpAddr) -> Option<Place> {
        let permit = self.all.clone().try_acquire_owned().ok()?;
        let mut counts = self.by_address.lock().unwrap_or_else(PoisonError::into_inner);
        let count = counts.entry(address).or_default();
        if *count >= self.limits.per_address {
            return None;
        }
        *count += 1;
        Some(Place { address, by_address: self.by_address.clone(), _permit: permit })
    }
}

/// Serves TCP connections until `stop` says so, then lets open requests end.
pub async fn serve_tcp(listener: TcpListener, router: Router, limits: Limits, mut stop: watch::Receiver<bool>) {
    let door = Door::new(limits);
    let mut tasks = tokio::task::JoinSet::new();
    loop {
        tokio::select! {
            accepted = listener.accept() => match accepted {
                Ok((stream, address)) => {
                    // an address that has too many connections is hung up on, without a word that costs anything
                    let Some(place) = door.enter(address.ip()) else { continue };
                    if let Err(error) = stream.set_nodelay(true) {
                        tracing::debug!(%error, "A connection ended before it began.");
                        continue;
                    }
                    let served = connection(stream, router.clone(), Peer::Ip(address.ip()), limits, stop.clone());
                    tasks.spawn(async move {
                        served.await;
                        drop(place);
                    });
                }
                Err(error) => {
                    tracing::warn!(%error, "A connection could not be accepted.");
                    tokio::time::sleep(ACCEPT_PAUSE).await;
                }
            },
            Some(_) = tasks.join_next() => {}
            () = stopped(&mut stop) => break,
        }
    }
    drain(tasks).await;
}

/// Serves the control socket until `stop` says so.
pub async fn serve_unix(listener: UnixListener, router: Router, mut stop: watch::Receiver<bool>) {
    let mut tasks = tokio::task::JoinSet::new();
    loop {
        tokio::select! {
            accepted = listener.accept() => match accepted {
                Ok((stream, _)) => drop(tasks.spawn(connection(stream, router.clone(), Peer::Local, Limits::default(), stop.clone()))),
                Err(error) => {
                    tracing::warn!(%error, "A control connection could not be accepted.");
                    tokio::time::sleep(ACCEPT_PAUSE).await;
                }
            },
            Some(_) = tasks.join_next() => {}
            () = stopped(&mut stop) => break,
        }
    }
    drain(tasks).await;
}

async fn stopped(stop: &mut watch::Receiver<bool>) {
    // an error means that nobody can say stop any more, which is a stop too
    if stop.wait_for(|stop| *stop).await.is_err() {
        tracing::debug!("The service went without a word.");
    }
}

async fn drain(mut tasks: tokio::task::JoinSet<()>) {
    let all = async { while tasks.join_next().await.is_some() {} };
    if tokio::time::timeout(DRAIN, all).await.is_err() {
        tracing::info!("Some connections were still open and are closed now.");
    }
}

fn connection<I>(
    io: I,
    router: Router,
    peer: Peer,
    limits: Limits,
    mut stop: watch::Receiver<bool>,
) -> impl Future<Output = ()>
where
    I: AsyncRead + AsyncWrite + Send + Unpin + 'static,
{
    let service = service_fn(move |request: hyper::Request<Incoming>| {
        let mut router = router.clone();
        async move {
            let mut request: Request = request.map(axum::body::Body::new);
            request.extensions_mut().insert(peer);
            router.call(request).await as Result<Response, Infallible>
        }
    });
    async move {
        let mut builder = http1::Builder::new();
        builder.timer(TokioTimer::new()).header_read_timeout(limits.head).max_buf_size(limits.head_bytes);
        let mut serving = std::pin::pin!(builder.serve_connection(TokioIo::new(io), service));
        let ended = tokio::select! {
            ended = serving.as_mut() => ended,
            () = stopped(&mut stop) => {
                serving.as_mut().graceful_shutdown();
                serving.await
            }
        };
        if let Err(error) = ended {
            tracing::debug!(%error, %peer, "A connection ended badly.");
        }
    }
}
