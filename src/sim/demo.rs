//! The demo: the service with four simulated scanners, and a shift played on them.

#![allow(clippy::print_stdout, reason = "the demo tells its story on the terminal")]

use std::io::IsTerminal;
use std::net::{SocketAddr, TcpListener};
use std::path::{Path, PathBuf};
use std::time::Duration;

use serde_json::Value;
use tokio::sync::broadcast::Receiver;

use super::Pty;
use super::scanner::{Family, SimScanner};
use super::story::{SHIFT, STATIONS, Step, work};
use crate::config::{Config, DeviceKind, DeviceSettings, StationSettings};
use crate::domain::ids::{OrderId, StationId};
use crate::domain::order::ShortDecision;
use crate::domain::station::Mode;
use crate::domain::upstream::OrderAction;
use crate::domain::verdict::{Severity, Verdict};
use crate::message::{Language, verdict_text};
use crate::service::{Running, ServeError, start};
use crate::web::api::{Kind, things_from_json};
use crate::web::backend::{Backend, Caller, Unavailable};

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
    /// Verdicts that were not as expected.
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

/// Between two scans, at a human pace.
const PACE: Duration = Duration::from_millis(1_400);
/// For a verdict; a machine that is busy with other things needs a while.
const PATIENCE: Duration = Duration::from_secs(20);

struct Shift {
    running: Running,
    scanners: Vec<(&'static str, SimScanner)>,
    updates: Receiver<StationId>,
    fast: bool,
    outcome: Outcome,
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
    let mut config = Config { listen: settings.listen, data: folder.to_owned(), ..Config::default() };
    config.station = STATIONS.iter().map(|(id, mode)| station(id, mode)).collect();
    let (ends, fixed_mount) = plug_in(&mut config, settings.traces.as_deref())?;
    let running = start(&config).await?;
    println!(
        "waybind demo: http://{}/  (stations: {})",
        running.address,
        STATIONS.map(|(id, _)| format!("/station/{id}")).join("  ")
    );
    let scanners = connect(ends, fixed_mount).await?;
    let updates = running.core.updates();
    let mut shift = Shift { running, scanners, updates, fast: settings.fast, outcome: Outcome::default() };
    shift.bring_work().await?;
    for step in SHIFT {
        shift.play(step).await?;
    }
    let Outcome { scans, unexpected } = shift.outcome;
    println!("\n{scans} scans, {} as expected, {unexpected} not", scans - unexpected);
    if !settings.exit {
        println!("The pages stay open; Ctrl-C ends.");
        if let Err(error) = tokio::signal::ctrl_c().await {
            tracing::warn!(%error, "Ctrl-C can't be awaited.");
        }
    }
    let outcome = shift.outcome;
    shift.running.stop().await;
    Ok(outcome)
}

fn station(id: &str, mode: &str) -> StationSettings {
    let mode = match mode {
        "pick" => Mode::Pick,
        "load" => Mode::Load,
        _ => Mode::Bench,
    };
    StationSettings { id: id.to_owned(), mode, ..StationSettings::default() }
}

type Ends = Vec<(&'static str, Family, Pty)>;

/// Three scanners on pseudo-terminals, one on a socket.
fn plug_in(config: &mut Config, traces: Option<&Path>) -> Result<(Ends, TcpListener), DemoError> {
    let families = [("pick-01", Family::Ssi), ("bench-01", Family::Line), ("bench-02", Family::Honeywell)];
    let trace = |station: &str| traces.map(|folder| folder.join(format!("{station}.jsonl")));
    if let Some(folder) = traces {
        std::fs::create_dir_all(folder).map_err(|source| DemoError::Folder { path: folder.to_owned(), source })?;
    }
    let device = |station: &str, family: Family| DeviceSettings {
        name: format!("sim-{station}"),
        station: station.to_owned(),
        kind: Some(DeviceKind::Serial),
        protocol: Some(family.protocol().to_owned()),
        trace: trace(station),
        ..DeviceSettings::default()
    };
    let mut ends = Vec::new();
    for (station, family) in families {
        let pty = Pty::open().map_err(|source| DemoError::Scanner { station, source })?;
        config.device.push(DeviceSettings { path: Some(pty.path.clone()), ..device(station, family) });
        ends.push((station, family, pty));
    }
    let failed = |source| DemoError::Scanner { station: "dock-01", source };
    let listener = TcpListener::bind("127.0.0.1:0").map_err(failed)?;
    let address = listener.local_addr().map_err(failed)?.to_string();
    config.device.push(DeviceSettings {
        kind: Some(DeviceKind::Tcp),
        address: Some(address),
        ..device("dock-01", Family::FixedMount)
    });
    Ok((ends, listener))
}

async fn connect(ends: Ends, fixed_mount: TcpListener) -> Result<Vec<(&'static str, SimScanner)>, DemoError> {
    let mut scanners = Vec::new();
    for (station, family, pty) in ends {
        let failed = |source| DemoError::Scanner { station, source };
        let reader = pty.scanner.try_clone().map_err(failed)?;
        let writer = pty.scanner.try_clone().map_err(failed)?;
        // the terminal lives as long as the program: dropping it would unplug the scanner
        std::mem::forget(pty);
        scanners.push((station, SimScanner::new(family, writer, reader).map_err(failed)?));
    }
    let failed = |source| DemoError::Scanner { station: "dock-01", source };
    let accepted = tokio::task::spawn_blocking(move || fixed_mount.accept())
        .await
        .map_err(std::io::Error::other)
        .and_then(|accepted| accepted);
    let (stream, _) = accepted.map_err(failed)?;
    let reader = stream.try_clone().map_err(failed)?;
    scanners.push(("dock-01", SimScanner::new(Family::FixedMount, stream, reader).map_err(failed)?));
    Ok(scanners)
}

impl Shift {
    async fn bring_work(&mut self) -> Result<(), DemoError> {
        for (path, body) in work() {
            let kind = match path {
                "/api/v1/products" => Kind::Products,
                "/api/v1/orders" => Kind::Orders,
                "/api/v1/pick-lists" => Kind::PickLists,
                _ => Kind::Waybills,
            };
            let (parsed, _) = things_from_json(kind, body, &self.running.core)
                .map_err(|problem| DemoError::Story(format!("{problem:?}")))?;
            let things = parsed
                .into_iter()
                .collect::<Result<Vec<_>, _>>()
                .map_err(|(id, why)| DemoError::Story(format!("{id} {why}")))?;
            let caller = Caller { peer: "demo".into(), call: "demo" };
            let outcomes = self.running.core.intake(caller, things).await?;
            if let Some(refused) = outcomes.iter().find(|outcome| outcome.events().is_empty()) {
                return Err(DemoError::Story(format!("{refused:?}")));
            }
        }
        Ok(())
    }

    async fn play(&mut self, step: &Step) -> Result<(), DemoError> {
        match step {
            Step::Say(words) => println!("\n  {words}"),
            Step::Call(path, body) => self.call(path, body).await?,
            Step::Scan(station, data, expected) => {
                if !self.fast {
                    tokio::time::sleep(PACE).await;
                }
                self.scan(station, &data.replace('␝', "\u{1d}"), expected).await?;
            }
        }
        Ok(())
    }

    async fn call(&self, path: &str, body: &str) -> Result<(), DemoError> {
        let wrong = |why: &str| DemoError::Story(format!("{path}: {why}"));
        let mut parts = path.rsplit('/');
        let (action, order) = (parts.next().unwrap_or_default(), parts.next().unwrap_or_default());
        let order = OrderId::new(order).map_err(|error| wrong(&error.to_string()))?;
        let body: Value = serde_json::from_str(body).map_err(|error| wrong(&error.to_string()))?;
        let action = match (action, body["line"].as_u64().and_then(|line| u32::try_from(line).ok())) {
            ("cancel", None) => OrderAction::Cancel { lines: None },
            ("short", Some(line)) => OrderAction::ShortDecision { line, decision: ShortDecision::ShipShort },
            _ => return Err(wrong("no such call")),
        };
        println!("           upstream  {path}");
        self.running.core.act(Caller { peer: "demo".into(), call: "demo" }, order, action, None).await?;
        Ok(())
    }

    async fn scan(&mut self, station: &'static str, data: &str, expected: &str) -> Result<(), DemoError> {
        let failed = |source| DemoError::Scanner { station, source };
        let scanner = self.scanners.iter_mut().find(|(known, _)| *known == station);
        let (_, scanner) = scanner.ok_or_else(|| DemoError::Story(format!("there is no scanner at {station}")))?;
        while self.updates.try_recv().is_ok() {}
        let before = self.running.core.shown(&id(station)?).map(|shown| shown.verdict.scan_id);
        scanner.scan(data, PATIENCE).map_err(failed)?;
        let verdict = self.verdict(station, data, before.as_ref()).await?;
        self.outcome.scans += 1;
        let right = verdict.code.as_str() == expected;
        self.outcome.unexpected += usize::from(!right);
        print_verdict(station, data, &verdict, if right { None } else { Some(expected) });
        Ok(())
    }

    /// The next verdict that the station shows.
    async fn verdict(
        &mut self,
        station: &'static str,
        data: &str,
        before: Option<&crate::domain::ids::ScanId>,
    ) -> Result<Verdict, DemoError> {
        let wanted = id(station)?;
        let silent = || DemoError::Silent { station, data: data.to_owned() };
        let shown = tokio::time::timeout(PATIENCE, async {
            loop {
                if let Some(shown) =
                    self.running.core.shown(&wanted).filter(|shown| Some(&shown.verdict.scan_id) != before)
                {
                    return Some(shown.verdict);
                }
                if let Err(tokio::sync::broadcast::error::RecvError::Closed) = self.updates.recv().await {
                    return None;
                }
            }
        });
        shown.await.ok().flatten().ok_or_else(silent)
    }
}

fn id(station: &str) -> Result<StationId, DemoError> {
    StationId::new(station).map_err(|error| DemoError::Story(error.to_string()))
}

fn print_verdict(station: &str, data: &str, verdict: &Verdict, expected: Option<&str>) {
    let (colour, shape) = match verdict.code.severity() {
        Severity::Ok => ("32", "✓"),
        Severity::More => ("34", "⋯"),
        Severity::Info => ("90", "i"),
        Severity::Warn => ("33", "!"),
        Severity::Stop => ("31;1", "✕"),
    };
    let text = verdict_text(verdict, Language::English);
    let visible = data.replace('\u{1d}', "␝");
    let counts = verdict
        .counts
        .filter(|_| verdict.code.is_accepted())
        .map(|counts| format!("  {}/{} picked, {} packed", counts.picked, counts.demanded, counts.packed));
    let counts = counts.unwrap_or_default();
    let code = format!("{shape} {:22}", verdict.code.as_str());
    let code = if std::io::stdout().is_terminal() { format!("\x1b[{colour}m{code}\x1b[0m") } else { code };
    println!("  {station:9} {visible:36} {code} {}{counts}", text.detail);
    if let Some(expected) = expected {
        println!("            expected {expected}");
    }
}
