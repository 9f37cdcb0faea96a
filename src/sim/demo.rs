//! The demo: the service with simulated scanners, a label printer and an ERP, and a shift played on them.

#![allow(clippy::print_stdout, reason = "the demo tells its story on the terminal")]

use std::collections::{BTreeMap, BTreeSet};
use std::io::IsTerminal;
use std::net::{SocketAddr, TcpListener};
use std::path::{Path, PathBuf};
use std::time::Duration;

use hyper::StatusCode;
use serde_json::Value;
use tokio::sync::broadcast::Receiver;

use super::Pty;
use super::caller::Caller;
use super::printer::{SimPrinter, Speech};
use super::receiver::{Receiver as SimErp, Reply};
use super::scanner::{Family, SimScanner};
use super::story::{CONFIGURATION, SHIFT, STATIONS, Step, work};
use crate::barcode::codes::CodeKind;
use crate::config::{Config, DeviceKind, DeviceSettings};
use crate::domain::ids::StationId;
use crate::domain::verdict::{Severity, Verdict};
use crate::message::{Language, verdict_text};
use crate::service::{Running, ServeError, start};
use crate::web::backend::{Backend, Unavailable};

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
    /// The simulated printer or ERP can't listen.
    #[error("the simulated printer and ERP can't listen")]
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

/// Between two scans, at a human pace.
const PACE: Duration = Duration::from_millis(1_400);
/// For a verdict; a machine that is busy with other things needs a while.
const PATIENCE: Duration = Duration::from_secs(20);

/// For what the ERP missed while it was down: a target that does not work is tried from time to time only.
const OUTAGE: Duration = Duration::from_secs(120);
/// Between two looks for what comes about by itself.
const LOOK: Duration = Duration::from_millis(30);

struct Shift {
    running: Running,
    scanners: Vec<(&'static str, SimScanner)>,
    updates: Receiver<StationId>,
    around: Around,
    upstream: Caller,
    /// Where documents are kept.
    folder: PathBuf,
    /// The supervisor's badge.
    badge: String,
    fast: bool,
    outcome: Outcome,
}

/// What stands around the service besides scanners.
struct Around {
    printer: SimPrinter,
    erp: SimErp,
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
    let printer = SimPrinter::start("127.0.0.1:0", Speech::Zpl).map_err(DemoError::Simulation)?;
    let erp = SimErp::start("127.0.0.1:0", true).map_err(DemoError::Simulation)?;
    let around = Around { printer, erp };
    let mut config = configuration(&around)?;
    (config.listen, config.data) = (settings.listen, folder.to_owned());
    let (ends, fixed_mount) = plug_in(&mut config, settings.traces.as_deref())?;
    let running = start(&config).await?;
    let stations = STATIONS.map(|id| format!("/station/{id}")).join("  ");
    println!("waybind demo: http://{}/  (stations: {stations})", running.address);
    let scanners = connect(ends, fixed_mount).await?;
    let (updates, upstream) = (running.core.updates(), Caller { service: running.address });
    let (folder, fast, outcome) = (folder.join("documents"), settings.fast, Outcome::default());
    std::fs::create_dir_all(&folder).map_err(|source| DemoError::Folder { path: folder.clone(), source })?;
    let badge = String::new();
    let mut shift = Shift { running, scanners, updates, around, upstream, folder, badge, fast, outcome };
    shift.bring_work().await?;
    for step in SHIFT {
        shift.play(step).await?;
    }
    shift.settle().await?;
    let Outcome { scans, unexpected } = shift.outcome;
    println!("\n{scans} scans, {} as expected, {unexpected} not", scans - unexpected.min(scans));
    if settings.data.is_some() {
        println!("Labels and the manifest lie in {}.", shift.folder.display());
    }
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

/// The story's stations, its label printer, and the ERP that is told everything.
fn configuration(around: &Around) -> Result<Config, DemoError> {
    let text = format!(
        r#"{CONFIGURATION}
[[printer]]
name = "label-01"
profile = "zpl-203"
address = "{}"

[[target]]
name = "erp"
kind = "webhook"
url = "http://{}/events"
secret = "whsec_c2ltdWxhdGVkLWVycC1vZi10aGUtZGVtby0wMQ=="
"#,
        around.printer.address, around.erp.address
    );
    Config::parse(&text, &BTreeMap::new())
        .map_err(|problems| DemoError::Story(problems.iter().map(ToString::to_string).collect::<Vec<_>>().join("; ")))
}

type Ends = Vec<(&'static str, Family, Pty)>;

/// Four scanners on pseudo-terminals, one on a socket.
fn plug_in(config: &mut Config, traces: Option<&Path>) -> Result<(Ends, TcpListener), DemoError> {
    let families = [
        ("pick-01", Family::Ssi),
        ("bench-01", Family::Line),
        ("bench-02", Family::Honeywell),
        ("bag-01", Family::Line),
    ];
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
            let answer = self.post(path, &body).await?;
            let results = answer["results"].as_array().map(Vec::as_slice).unwrap_or_default();
            if let Some(refused) = results.iter().find(|result| result["result"] == "refused") {
                return Err(DemoError::Story(refused.to_string()));
            }
            if path.ends_with("operators") {
                self.badge = results[0]["scan_code"].as_str().unwrap_or_default().to_owned();
            }
        }
        Ok(())
    }

    async fn play(&mut self, step: &Step) -> Result<(), DemoError> {
        match step {
            Step::Say(words) => println!("\n  {words}"),
            Step::Call(path, body) => {
                println!("           upstream  {path}");
                let body = serde_json::from_str(&body.replace("{badge}", &self.badge));
                let body = body.map_err(|error| DemoError::Story(format!("{path}: {error}")))?;
                self.post(path, &body).await?;
            }
            Step::Outage(is_down) => {
                let is_down = *is_down;
                let reply =
                    move || if is_down { Reply::Status(503, "down".into()) } else { Reply::Status(200, "".into()) };
                self.around.erp.answer(move |_| reply());
            }
            Step::Keep(path, name) => self.keep(path, name).await?,
            Step::Printed(count) => self.printed(*count).await?,
            Step::Scan(station, data, expected) => {
                if !self.fast {
                    tokio::time::sleep(PACE).await;
                }
                self.scan(station, &self.spelled(data), expected).await?;
            }
        }
        Ok(())
    }

    /// A code with its group separators and the site's own check.
    fn spelled(&self, data: &str) -> String {
        let label = data.strip_prefix("{L").and_then(|rest| rest.strip_suffix('}'));
        match label {
            Some(member) => self.running.core.key().code(CodeKind::LabelMember, member),
            None => data.replace('␝', "\u{1d}"),
        }
    }

    async fn post(&self, path: &str, body: &Value) -> Result<Value, DemoError> {
        let unanswered = |source| DemoError::Unanswered { path: path.to_owned(), source };
        match self.upstream.post(path, body).await.map_err(unanswered)? {
            (StatusCode::OK, answer) => Ok(answer),
            (status, answer) => Err(DemoError::Story(format!("{path}: {status} {answer}"))),
        }
    }

    /// Keeps a document of the API; one that lacks its font is told, as the demo needs none.
    async fn keep(&self, path: &str, name: &str) -> Result<(), DemoError> {
        let unanswered = |source| DemoError::Unanswered { path: path.to_owned(), source };
        let (status, bytes) = self.upstream.get(path).await.map_err(unanswered)?;
        if status != StatusCode::OK {
            println!("           {name} can't be made: {}", String::from_utf8_lossy(&bytes));
            return Ok(());
        }
        let path = self.folder.join(name);
        println!("           document  {}", path.display());
        std::fs::write(&path, bytes).map_err(|source| DemoError::Folder { path, source })
    }

    /// Waits until the printer has printed so many labels, or says that it can't: without a Chinese font no label is made.
    async fn printed(&mut self, count: usize) -> Result<(), DemoError> {
        let until = tokio::time::Instant::now() + PATIENCE;
        while self.around.printer.count() < count {
            let failed = self.upstream.get("/api/v1/print-jobs?state=failed").await;
            let (_, failed) =
                failed.map_err(|source| DemoError::Unanswered { path: "/api/v1/print-jobs".into(), source })?;
            let failed: Value = serde_json::from_slice(&failed).unwrap_or_default();
            if let Some(job) = failed["jobs"].as_array().and_then(|jobs| jobs.last()) {
                println!("           label-01  not printed: {job}");
                return Ok(());
            }
            if tokio::time::Instant::now() > until {
                println!("           label-01  expected {count} label(s), printed {}", self.around.printer.count());
                self.outcome.unexpected += 1;
                return Ok(());
            }
            tokio::time::sleep(LOOK).await;
        }
        println!("           label-01  {count} label(s) printed");
        Ok(())
    }

    /// Waits until the ERP was told everything, and compares.
    async fn settle(&mut self) -> Result<(), DemoError> {
        let feed = self.upstream.get("/api/v1/events?after=0&limit=1000").await;
        let (_, feed) = feed.map_err(|source| DemoError::Unanswered { path: "/api/v1/events".into(), source })?;
        let feed: Value = serde_json::from_slice(&feed).unwrap_or_default();
        let wanted = ids(&feed["events"]);
        let until = tokio::time::Instant::now() + OUTAGE;
        let mut missing = wanted.len();
        while missing > 0 && tokio::time::Instant::now() < until {
            tokio::time::sleep(LOOK).await;
            let told = self.around.erp.requests();
            let told = told.iter().flat_map(|request| ids(&serde_json::from_slice(&request.body).unwrap_or_default()));
            missing = wanted.difference(&told.collect()).count();
        }
        println!("           upstream  told of {} events, {missing} missing", wanted.len() - missing);
        self.outcome.unexpected += usize::from(missing > 0);
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

/// The ids of events.
fn ids(events: &Value) -> BTreeSet<String> {
    let events = events.as_array().map(Vec::as_slice).unwrap_or_default();
    events.iter().filter_map(|event| event["id"].as_str().map(str::to_owned)).collect()
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
