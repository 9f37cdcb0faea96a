//! `bench`: the service end to end against this machine's own disk, in one run, as ratios.
//!
//! The service runs as a process of its own, as it would in a warehouse; the clients share the machine with it.

mod drain;
mod service;
mod spool;
mod wire;

use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use self::service::Service;
use super::selftest::flushes;
use super::{Failure, say};
use crate::ledger::{BareCommits, ScanRows};

/// How to measure.
#[derive(clap::Args)]
pub(super) struct Settings {
    /// Open orders on file for start, memory and growth.
    #[arg(long, default_value_t = 100_000)]
    orders: usize,
    /// Where the data folders are made: the disk that is measured.
    #[arg(long)]
    folder: Option<PathBuf>,
    /// Seconds for each measurement.
    #[arg(long, default_value_t = 4)]
    seconds: u64,
    /// Measure only the labels that are printed while stations scan.
    #[arg(long)]
    labels: bool,
    /// Measure only how fast targets take what waited for them.
    #[arg(long)]
    drain: bool,
}

const STATIONS: usize = 32;
/// Lines of an order on file.
const LINES: usize = 5;
/// Orders of one call.
const CHUNK: usize = 500;

pub(super) fn bench(settings: &Settings) -> Result<(), Failure> {
    let base = settings
        .folder
        .clone()
        .unwrap_or_else(std::env::temp_dir)
        .join(format!("waybind-bench-{}", std::process::id()));
    std::fs::create_dir_all(&base).map_err(failed)?;
    let measured = measure(settings, &base);
    let removed = std::fs::remove_dir_all(&base).map_err(failed);
    measured.and(removed)
}

fn failed(error: std::io::Error) -> Failure {
    Failure::failed(&error)
}

fn measure(settings: &Settings, base: &Path) -> Result<(), Failure> {
    let span = Duration::from_secs(settings.seconds);
    match (settings.labels, settings.drain) {
        (true, _) => spool::measure(&base.join("spool"), span),
        (_, true) => drain::measure(&base.join("drain")),
        _ => all(settings, base, span),
    }
}

fn all(settings: &Settings, base: &Path, span: Duration) -> Result<(), Failure> {
    let small = Service::start(&base.join("small"), "")?;
    small.seed(1_000)?;
    small.prepare_work()?;
    let (one, flush) = beside_flushes(&base.join("flush"), span, |turn| small.one_station(turn))?;
    report(
        "one station: scan to durable verdict over HTTP, median",
        one,
        "append + fdatasync of 4 KiB",
        flush,
        "at most 2",
    )?;

    let (many, bare) = beside_bare_commits(&small, &base.join("bare.db"), span)?;
    say(&format!(
        "32 stations: {many:.0} scans/s; the bare commit of the same rows, 32 to a commit: {bare:.0} rows/s; ratio {:.2} (at least 0.3)",
        many / bare
    ))?;
    drop(small);
    wire::measure(&base.join("wire"), span)?;
    drain::measure(&base.join("drain"))?;
    spool::measure(&base.join("spool"), span)?;

    let folder = base.join("large");
    let large = Service::start(&folder, "")?;
    let began = Instant::now();
    large.seed(settings.orders)?;
    let seeding = began.elapsed();
    say(&format!("{} orders of {LINES} lines taken in {:.1} s", settings.orders, seeding.as_secs_f64()))?;
    large.prepare_work()?;
    // the two databases are measured in turns, so that what else the machine does meets both
    let small = Service::start(&base.join("small"), "")?;
    let mut ratios: Vec<f64> = Vec::new();
    for _ in 0..3 {
        let (few, lots) = (median(small.one_station(span / 2)?), median(large.one_station(span / 2)?));
        ratios.push(lots.as_secs_f64() / few.as_secs_f64());
    }
    ratios.sort_by(f64::total_cmp);
    say(&format!(
        "growth: latency with {} orders to that with 1,000: {:.2} (at most 1.2)",
        settings.orders, ratios[1]
    ))?;
    drop(small);
    let many = large.all_stations(span)?.a_second();
    say(&format!(
        "memory with {} orders and 32 stations at {many:.0} scans/s: {:.0} MiB (at most 100)",
        settings.orders,
        large.resident_mib()?
    ))?;
    drop(large);
    let began = Instant::now();
    let again = Service::start(&folder, "")?;
    say(&format!(
        "start with {} orders: ready in {:.2} s (at most 1)",
        settings.orders,
        began.elapsed().as_secs_f64()
    ))?;
    drop(again);
    Ok(())
}

/// How often two measures take turns: what else the machine does meets both.
const TURNS: u32 = 8;
/// Flushes in a turn: some twentieth of a second.
const FLUSHES_A_TURN: usize = 250;

/// The median of scans that are made for a while, and that of appends with their flush, in turns.
fn beside_flushes(
    file: &Path,
    span: Duration,
    mut scan: impl FnMut(Duration) -> Result<Vec<Duration>, Failure>,
) -> Result<(Duration, Duration), Failure> {
    let (mut scans, mut appends) = (Vec::new(), Vec::new());
    for _ in 0..TURNS {
        appends.extend(flushes(file, FLUSHES_A_TURN).map_err(failed)?);
        scans.extend(scan(span / TURNS)?);
    }
    Ok((median(scans), median(appends)))
}

/// Scans a second of all stations, and how many a second their rows could be committed, in turns.
fn beside_bare_commits(service: &Service, database: &Path, span: Duration) -> Result<(f64, f64), Failure> {
    let ledger = |error| Failure::failed(&error);
    let mut bare = BareCommits::new(database, STATIONS as u32).map_err(ledger)?;
    let (mut scans, mut commits) = (Rate::default(), Rate::default());
    for turn in 0..=TURNS {
        let scanned = service.all_stations(span / TURNS)?;
        let rows = ScanRows::newest(service.folder()).map_err(ledger)?;
        let (done, time) = bare.run(&rows, span / TURNS).map_err(ledger)?;
        // the first turn lets both logs grow to their size
        if turn > 0 {
            scans.add(scanned);
            commits.add(Rate { done, time });
        }
    }
    Ok((scans.a_second(), commits.a_second()))
}

/// How much was done in how long.
#[derive(Default)]
struct Rate {
    done: f64,
    time: Duration,
}

impl Rate {
    fn add(&mut self, more: Rate) {
        self.done += more.done;
        self.time += more.time;
    }

    fn a_second(&self) -> f64 {
        self.done / self.time.as_secs_f64()
    }
}

fn report(what: &str, took: Duration, against: &str, base: Duration, bar: &str) -> Result<(), Failure> {
    let ratio = took.as_secs_f64() / base.as_secs_f64();
    say(&format!("{what}: {took:?}; {against}: {base:?}; ratio {ratio:.2} ({bar})"))
}

fn median(mut times: Vec<Duration>) -> Duration {
    times.sort_unstable();
    times[times.len() / 2]
}
