//! The demo: the service with simulated scanners, a label printer, an ERP and a courier, and a shift played on them.

#![allow(clippy::print_stdout, reason = "the demo tells its story on the terminal")]

mod plugs;
mod shift;

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};

use self::plugs::{connect, plug_in};
use self::shift::Shift;
use super::caller::Caller;
use super::courier::Courier;
use super::erp::{Erp, MAPPING};
use super::printer::{SimPrinter, Speech};
use super::story::{CHANNEL, CHANNELS, CONFIGURATION, SHIFT, STATIONS};
use crate::config::Config;
use crate::service::{ServeError, start};
use crate::web::backend::Unavailable;

/// How to play.
#[derive(Clone, Debug)]
pub struct Demo {
    /// Where pages and API are served.
    pub listen: SocketAddr,
    /// The data folder; without one, a fresh one that is removed at the end.
    pub data: Option<PathBuf>,
    /// At full speed.
    pub fast: bool,
    /// End after the story.
    pub exit: bool,
    /// Where traces are recorded.
    pub traces: Option<PathBuf>,
}

/// How it went.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Outcome {
    /// Scans.
    pub scans: usize,
    /// Verdicts, prints and deliveries that were not as expected.
    pub unexpected: usize,
}

/// Why the demo can't play.
#[derive(Debug, thiserror::Error)]
pub enum DemoError {
    /// The service can't run.
    #[error(transparent)]
    Serve(#[from] ServeError),
    /// A simulated scanner failed.
    #[error("the simulated scanner at {station}")]
    Scanner {
        /// Where.
        station: &'static str,
        /// Why.
        source: std::io::Error,
    },
    /// The simulated printer, ERP or courier can't listen.
    #[error("the simulated printer, ERP and courier can't listen")]
    Simulation(#[source] std::io::Error),
    /// The API did not answer.
    #[error("{path} was not answered")]
    Unanswered {
        /// What was called.
        path: String,
        /// Why.
        source: std::io::Error,
    },
    /// A folder can't be made.
    #[error("can't use the folder {}", .path.display())]
    Folder {
        /// Which.
        path: PathBuf,
        /// Why.
        source: std::io::Error,
    },
    /// The data folder holds something already.
    #[error("{} is not empty; the demo wants a folder of its own", .0.display())]
    NotEmpty(PathBuf),
    /// The ledger failed.
    #[error("the ledger failed: {0}")]
    Unavailable(#[from] Unavailable),
    /// The story is wrong.
    #[error("the demo's story does not fit: {0}")]
    Story(String),
    /// No verdict came.
    #[error("no verdict came for {data} at {station}")]
    Silent {
        /// Where.
        station: &'static str,
        /// What was scanned.
        data: String,
    },
}

/// What stands around the service besides scanners.
struct Around {
    printer: SimPrinter,
    erp: Erp,
    /// The courier's channels by name.
    couriers: Vec<(&'static str, Courier)>,
}

impl Around {
    fn start() -> std::io::Result<Around> {
        let channels = CHANNELS.into_iter().zip(1..);
        let courier = |(name, nth): (&'static str, u64)| Ok((name, Courier::numbering("SF1", nth * 1_000)?));
        Ok(Around {
            printer: SimPrinter::start("127.0.0.1:0", Speech::Zpl)?,
            erp: Erp::start("127.0.0.1:0")?,
            couriers: channels.map(courier).collect::<std::io::Result<_>>()?,
        })
    }

    /// The story's configuration, with the addresses of all that stands here.
    fn configuration(&self, mapping: &Path) -> Result<Config, DemoError> {
        let mut text = CONFIGURATION
            .replace("PRINTER", &self.printer.address.to_string())
            .replace("ERP", &self.erp.address().to_string());
        for (name, courier) in &self.couriers {
            text += &CHANNEL.replace("NAME", name).replace("ADDRESS", &courier.address.to_string());
        }
        text += &self.erp.configuration(mapping);
        Config::parse(&text, &BTreeMap::new()).map_err(|problems| {
            DemoError::Story(problems.iter().map(ToString::to_string).collect::<Vec<_>>().join("; "))
        })
    }
}

/// Plays the shift.
///
/// # Errors
/// Something that is not part of the story failed.
pub async fn play(settings: &Demo) -> Result<Outcome, DemoError> {
    let (folder, fresh) = folder(settings)?;
    let played = play_in(settings, &folder).await;
    if fresh && let Err(source) = std::fs::remove_dir_all(&folder) {
        tracing::warn!(path = %folder.display(), %source, "The demo's folder could not be removed.");
    }
    played
}

fn folder(settings: &Demo) -> Result<(PathBuf, bool), DemoError> {
    let path = settings
        .data
        .clone()
        .unwrap_or_else(|| std::env::temp_dir().join(format!("waybind-demo-{}", std::process::id())));
    let failed = |source| DemoError::Folder { path: path.clone(), source };
    std::fs::create_dir_all(&path).map_err(failed)?;
    if std::fs::read_dir(&path).map_err(failed)?.next().is_some() {
        return Err(DemoError::NotEmpty(path));
    }
    Ok((path, settings.data.is_none()))
}

async fn play_in(settings: &Demo, folder: &Path) -> Result<Outcome, DemoError> {
    let around = Around::start().map_err(DemoError::Simulation)?;
    let mapping = folder.join("erp.toml");
    std::fs::write(&mapping, MAPPING).map_err(|source| DemoError::Folder { path: mapping.clone(), source })?;
    let mut config = around.configuration(&mapping)?;
    (config.listen, config.data) = (settings.listen, folder.to_owned());
    let (ends, fixed_mount) = plug_in(&mut config, settings.traces.as_deref())?;
    let running = start(&config).await?;
    let stations = STATIONS.map(|id| format!("/station/{id}")).join("  ");
    println!("waybind demo: http://{}/  (stations: {stations})", running.address);
    let scanners = connect(ends, fixed_mount).await?;
    let documents = folder.join("documents");
    std::fs::create_dir_all(&documents).map_err(|source| DemoError::Folder { path: documents.clone(), source })?;
    let upstream = Caller { service: running.address };
    let mut shift = Shift::new(running, scanners, around, upstream, documents, settings.fast);
    shift.bring_work().await?;
    for step in SHIFT {
        shift.play(step).await?;
    }
    shift.settle().await?;
    let outcome = shift.outcome;
    let Outcome { scans, unexpected } = outcome;
    println!("\n{scans} scans, {} as expected, {unexpected} not", scans - unexpected.min(scans));
    if settings.data.is_some() {
        println!("Labels and manifests lie in {}.", shift.documents.display());
    }
    if !settings.exit {
        println!("The pages stay open; Ctrl-C ends.");
        if let Err(error) = tokio::signal::ctrl_c().await {
            tracing::warn!(%error, "Ctrl-C can't be awaited.");
        }
    }
    shift.stop().await;
    Ok(outcome)
}
