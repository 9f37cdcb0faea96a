//! `selftest`: what the machine can do.

use std::fs::File;
use std::os::unix::fs::FileExt;
use std::path::PathBuf;
use std::time::{Duration, Instant};

use clap::Subcommand;

use super::{Failure, load, say};

/// What to measure.
#[derive(Subcommand)]
pub(super) enum Part {
    /// How long the data folder's disk takes to make something durable.
    Disk {
        /// The data folder.
        #[arg(long)]
        data: Option<PathBuf>,
        /// Answer in JSON.
        #[arg(long)]
        json: bool,
    },
}

const FLUSHES: usize = 300;
const BLOCK: usize = 4096;
/// Above this a packer notices that the disk is slow.
const SLOW: Duration = Duration::from_millis(50);

pub(super) fn selftest(part: &Part) -> Result<(), Failure> {
    let Part::Disk { data, json } = part;
    let config = load(None, data.as_deref())?;
    std::fs::create_dir_all(&config.data).map_err(|error| Failure::failed(&error))?;
    let path = config.data.join("selftest.tmp");
    let measured = flushes(&path, FLUSHES);
    let removed = std::fs::remove_file(&path);
    let times = measured
        .and_then(|times| removed.map(|()| times))
        .map_err(|error| Failure::Failed(format!("{}: {error}", path.display())))?;
    let (median, p99) = (times[times.len() / 2], times[times.len() * 99 / 100]);
    let slow = p99 > SLOW;
    if *json {
        let answer = serde_json::json!({"flushes": times.len(), "median_us": median.as_micros() as u64, "p99_us": p99.as_micros() as u64, "slow": slow});
        return say(&answer.to_string());
    }
    say(&format!("{} times 4 KiB appended and flushed: median {median:?}, 99 % within {p99:?}", times.len()))?;
    if slow {
        say("WARNING: this disk is slow; every scan waits for it. Use an SSD with power-loss protection.")?;
    }
    Ok(())
}

/// Appends and flushes; answers the times, shortest first.
pub(super) fn flushes(path: &std::path::Path, count: usize) -> std::io::Result<Vec<Duration>> {
    let file = File::create(path)?;
    let block = [0x5a; BLOCK];
    let mut times = Vec::with_capacity(count);
    for index in 0..count {
        let start = Instant::now();
        file.write_all_at(&block, (index * BLOCK) as u64)?;
        file.sync_data()?;
        times.push(start.elapsed());
    }
    times.sort_unstable();
    Ok(times)
}
