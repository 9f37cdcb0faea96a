//! What it costs to move old records to an archive, in bytes, in time, and for the scans meanwhile; measured against the
//! same scans just before. `WAYBIND_RECORDS` says how many records there are; 200,000 if it does not.

#![allow(missing_docs, clippy::unwrap_used, clippy::print_stdout, reason = "a benchmark")]

#[path = "../tests/support/year.rs"]
#[allow(dead_code, reason = "shared with the tests")]
mod year;

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use waybind::ledger::{Cause, Writer, verify};
use year::{RECORDS, Year, day, judge, now, scanned, terms};

/// How many times as long as a step took is rested after it, as the service does.
const REST: u32 = 10;

/// Orders of one transaction while the ledger is made.
const CHUNK: usize = 40;

/// Scans one after the other, each durable before the next, until it is to stop; answers how long each took.
async fn scans(writer: Writer, name: &'static str, stop: Arc<AtomicBool>) -> Vec<Duration> {
    let mut times = Vec::new();
    while !stop.load(Ordering::Relaxed) {
        let (began, number) = (Instant::now(), times.len());
        let scan = move |transaction: &mut waybind::ledger::WriteTransaction<'_>| {
            judge(transaction, &scanned(&format!("{name}-{number}"), "NO SUCH CODE"), now(day(600)));
        };
        writer.submit(scan).await.unwrap();
        times.push(began.elapsed());
    }
    times
}

fn at(times: &mut [Duration], share: f64) -> Duration {
    times.sort_unstable();
    times.get(((times.len() as f64 * share) as usize).min(times.len().saturating_sub(1))).copied().unwrap_or_default()
}

fn mib(bytes: u64) -> f64 {
    bytes as f64 / 1024.0 / 1024.0
}

async fn fill(year: &Year, orders: std::ops::Range<usize>, at_day: i64) {
    for start in orders.clone().step_by(CHUNK) {
        year.orders(start..(start + CHUNK).min(orders.end), now(day(at_day))).await;
    }
}

#[tokio::main]
async fn main() {
    let wanted: usize = std::env::var("WAYBIND_RECORDS").ok().and_then(|text| text.parse().ok()).unwrap_or(200_000);
    let orders = wanted / RECORDS as usize;
    let folder = tempfile::tempdir().unwrap();
    let year = Year::begin(folder.path()).await;
    let began = Instant::now();
    fill(&year, 0..orders, 1).await;
    println!("{} records were written in {:.1} s", year.reader.stats().unwrap().records, began.elapsed().as_secs_f64());
    // the newest records never leave
    year.refused(0..1_100, now(day(400))).await;

    let stop = Arc::new(AtomicBool::new(false));
    let scanning = tokio::spawn(scans(year.writer.clone(), "alone", stop.clone()));
    tokio::time::sleep(Duration::from_secs(3)).await;
    stop.store(true, Ordering::Relaxed);
    let mut alone = scanning.await.unwrap();
    let before = year.reader.stats().unwrap();

    let stop = Arc::new(AtomicBool::new(false));
    let scanning = tokio::spawn(scans(year.writer.clone(), "meanwhile", stop.clone()));
    let began = Instant::now();
    let (mut written, mut deleted, mut longest) = (Duration::ZERO, Duration::ZERO, Duration::ZERO);
    loop {
        let (reader, step) = (year.reader.clone(), Instant::now());
        let moved = tokio::task::spawn_blocking(move || {
            let due = reader.due(&terms(day(300))).unwrap();
            (due.records() > 0).then(|| reader.move_out(&due).unwrap())
        });
        let Some(moved) = moved.await.unwrap() else { break };
        written += step.elapsed();
        let cause = Cause::Local { what: "bench".into() };
        let take = move |transaction: &mut waybind::ledger::WriteTransaction<'_>| {
            transaction.put_archive(now(day(600)).at, cause, &moved)
        };
        year.writer.submit(take).await.unwrap().unwrap();
        loop {
            let step = Instant::now();
            if !year.writer.submit(|transaction| transaction.cut_block()).await.unwrap() {
                break;
            }
            deleted += step.elapsed();
            longest = longest.max(step.elapsed());
            tokio::time::sleep(step.elapsed() * REST).await;
        }
    }
    let took = began.elapsed();
    stop.store(true, Ordering::Relaxed);
    let mut meanwhile = scanning.await.unwrap();
    let after = year.reader.stats().unwrap();
    println!(
        "{} of {} records were archived in {:.1} s: written and proved {:.1} s, deleted {:.1} s (longest step {longest:?}), the rest is rest",
        after.archived,
        before.records,
        took.as_secs_f64(),
        written.as_secs_f64(),
        deleted.as_secs_f64()
    );
    println!(
        "database {:.1} MiB before; after: {:.1} MiB, {:.1} MiB of them free; archives {:.1} MiB ({:.0} bytes a record)",
        mib(before.bytes),
        mib(after.bytes),
        mib(after.free_bytes),
        mib(after.archive_bytes),
        after.archive_bytes as f64 / after.archived as f64
    );
    for (name, share) in [("median", 0.5), ("99 of 100", 0.99)] {
        let (one, other) = (at(&mut alone, share), at(&mut meanwhile, share));
        println!(
            "a durable scan, {name}: {one:?} alone, {other:?} meanwhile; ratio {:.2}",
            other.as_secs_f64() / one.as_secs_f64()
        );
    }
    fill(&year, orders..orders + orders / 2, 400).await;
    let grown = year.reader.stats().unwrap();
    println!(
        "{} records later the database has {:.1} MiB, {:.1} MiB of them free",
        grown.records - after.records,
        mib(grown.bytes),
        mib(grown.free_bytes)
    );
    let began = Instant::now();
    let report = verify(&year.folder).unwrap();
    assert!(report.is_clean(), "{report:#?}");
    println!("verified with its archives in {:.1} s: {} records", began.elapsed().as_secs_f64(), report.records);
}
