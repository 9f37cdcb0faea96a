//! Starting everything, and stopping it in order.

use std::net::SocketAddr;
use std::time::Duration;

use tokio::net::{TcpListener, UnixListener};
use tokio::signal::unix::{SignalKind, signal};
use tokio::task::JoinSet;

use super::bags::look_after_bags;
use super::retention::look_after_ledger;
use super::waiting::look_after_printers;
use super::{Core, DeviceError, scanners};
use crate::config::Config;
use crate::device::supervise;
use crate::ledger::{Folder, Health, LedgerError};
use crate::upstream::OpenError;
use crate::web::{Limits, Trust, router, serve_tcp, serve_unix};

/// Why the service can't run.
#[derive(Debug, thiserror::Error)]
pub enum ServeError {
    /// The ledger can't be opened.
    #[error(transparent)]
    Ledger(#[from] LedgerError),
    /// A scanner of the configuration can't be served.
    #[error(transparent)]
    Device(#[from] DeviceError),
    /// A target can't be told.
    #[error(transparent)]
    Target(#[from] OpenError),
    /// An address can't be listened on.
    #[error("can't listen on {address}; `--listen`, or `listen` in the configuration, names another address")]
    Listen {
        /// Which.
        address: String,
        /// Why.
        source: std::io::Error,
    },
}

/// A running service.
pub struct Running {
    /// Everything that runs.
    pub core: Core,
    /// Where it listens.
    pub address: SocketAddr,
    tasks: JoinSet<()>,
    devices: JoinSet<()>,
}

impl Running {
    /// Stops: no new work is taken, what was begun is answered.
    pub async fn stop(mut self) {
        self.core.stop();
        while self.tasks.join_next().await.is_some() {}
        self.devices.shutdown().await;
    }
}

/// Starts the service: ledger, scanners, pages and API, control socket.
///
/// # Errors
/// A part can't be started; none of them runs then.
pub async fn start(config: &Config) -> Result<Running, ServeError> {
    let listen = |address: String| move |source| ServeError::Listen { address, source };
    let listener = TcpListener::bind(config.listen).await.map_err(listen(config.listen.to_string()))?;
    let address = listener.local_addr().map_err(listen(config.listen.to_string()))?;
    let core = Core::open(config)?;
    let scanners = scanners(config, core.parts.library.clone(), &core.parts.plugs)?;
    let control = control_socket(&Folder::new(&config.data))?;

    let mut tasks = JoinSet::new();
    core.start_targets(config, &mut tasks).await?;
    core.start_printers(&mut tasks).await;
    core.start_sources(config, &mut tasks)?;
    core.start_ladders(config, &mut tasks).await?;
    core.start_couriers(config, &mut tasks)?;
    let pages = router(core.clone(), Trust::Loopback, config.hosts.clone());
    tasks.spawn(serve_tcp(listener, pages, Limits::default(), core.stopped()));
    tasks.spawn(serve_unix(control, router(core.clone(), Trust::Control, Vec::new()), core.stopped()));
    tasks.spawn(watch_ledger(core.clone()));
    tasks.spawn(look_after_bags(core.clone()));
    tasks.spawn(look_after_ledger(core.clone()));
    if !config.printer.is_empty() {
        let patience = Duration::from_secs(config.printer_wait_seconds);
        tasks.spawn(look_after_printers(core.clone(), patience));
    }
    let mut devices = JoinSet::new();
    for scanner in scanners {
        devices.spawn(supervise(scanner, core.clone()));
    }
    Ok(Running { core, address, tasks, devices })
}

/// The socket through which commands reach the service; one that a dead process left is taken over, as the folder's
/// lock is held.
fn control_socket(folder: &Folder) -> Result<UnixListener, ServeError> {
    let path = folder.control_socket();
    let failed = |source| ServeError::Listen { address: path.display().to_string(), source };
    match std::fs::remove_file(&path) {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => return Err(failed(error)),
        _ => {}
    }
    UnixListener::bind(&path).map_err(failed)
}

/// Tells stations when the ledger stops and when it works again.
async fn watch_ledger(core: Core) {
    let mut health = core.health_changes();
    let mut stop = core.stopped();
    loop {
        if *health.borrow_and_update() == Health::Good {
            let resolving = core.clone();
            if let Err(error) = tokio::task::spawn_blocking(move || resolving.resolve()).await {
                tracing::error!(%error, "Scans of unknown outcome were not looked up.");
            }
        }
        core.announce_everywhere();
        tokio::select! {
            changed = health.changed() => if changed.is_err() { return },
            _ = stop.wait_for(|stop| *stop) => return,
        }
    }
}

/// Runs the service until it is told to stop by SIGTERM or SIGINT.
///
/// # Errors
/// A part can't be started.
pub async fn serve(config: &Config, ready: impl FnOnce(&Running)) -> Result<(), ServeError> {
    let signals = |kind| signal(kind).map_err(|source| ServeError::Listen { address: "signals".into(), source });
    let (mut terminate, mut interrupt) = (signals(SignalKind::terminate())?, signals(SignalKind::interrupt())?);
    let running = start(config).await?;
    ready(&running);
    tokio::select! {
        _ = terminate.recv() => {}
        _ = interrupt.recv() => {}
    }
    tracing::info!("Stopping.");
    running.stop().await;
    Ok(())
}
