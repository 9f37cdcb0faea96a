//! Logs, and counters for Prometheus.

use std::io::IsTerminal;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use tracing_subscriber::EnvFilter;

use crate::domain::verdict::Code;

/// Starts logging to standard error; `filter` as `RUST_LOG` writes it. Only the first call has an effect.
pub fn start_logging(filter: &str) {
    let filter = EnvFilter::try_new(filter).unwrap_or_else(|_| EnvFilter::new("info"));
    let started = tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_ansi(std::io::stderr().is_terminal())
        .with_writer(std::io::stderr)
        .try_init();
    if started.is_err() {
        tracing::debug!("Logging was started before.");
    }
}

/// Upper bounds of the latency histogram, in microseconds.
const BOUNDS_US: [u64; 10] = [100, 200, 500, 1_000, 2_000, 5_000, 10_000, 50_000, 200_000, 1_000_000];

/// Counters of one running service.
#[derive(Debug)]
pub struct Metrics {
    verdicts: Vec<AtomicU64>,
    buckets: [AtomicU64; BOUNDS_US.len() + 1],
    total_us: AtomicU64,
}

impl Default for Metrics {
    fn default() -> Self {
        Metrics {
            verdicts: Code::ALL.iter().map(|_| AtomicU64::new(0)).collect(),
            buckets: Default::default(),
            total_us: AtomicU64::new(0),
        }
    }
}

impl Metrics {
    /// Counts a verdict and how long it took until it was durable.
    pub fn verdict(&self, code: Code, took: Duration) {
        if let Some(counter) =
            Code::ALL.iter().position(|known| *known == code).and_then(|index| self.verdicts.get(index))
        {
            counter.fetch_add(1, Ordering::Relaxed);
        }
        let micros = u64::try_from(took.as_micros()).unwrap_or(u64::MAX);
        let bucket = BOUNDS_US.iter().position(|bound| micros <= *bound).unwrap_or(BOUNDS_US.len());
        self.buckets[bucket].fetch_add(1, Ordering::Relaxed);
        self.total_us.fetch_add(micros, Ordering::Relaxed);
    }

    /// Verdicts with a code so far.
    #[must_use]
    pub fn count(&self, code: Code) -> u64 {
        Code::ALL
            .iter()
            .position(|known| *known == code)
            .map_or(0, |index| self.verdicts[index].load(Ordering::Relaxed))
    }

    /// The counters in Prometheus' text format.
    #[must_use]
    pub fn exposition(&self) -> String {
        let mut text =
            String::from("# HELP waybind_verdicts_total Scans by verdict.\n# TYPE waybind_verdicts_total counter\n");
        for (code, counter) in Code::ALL.iter().zip(&self.verdicts) {
            let count = counter.load(Ordering::Relaxed);
            if count > 0 {
                text.push_str(&format!("waybind_verdicts_total{{code=\"{}\"}} {count}\n", code.as_str()));
            }
        }
        text.push_str("# HELP waybind_scan_seconds From a scan's arrival to its durable verdict.\n# TYPE waybind_scan_seconds histogram\n");
        let mut so_far = 0;
        for (index, bucket) in self.buckets.iter().enumerate() {
            so_far += bucket.load(Ordering::Relaxed);
            let bound = BOUNDS_US.get(index).map_or("+Inf".to_owned(), |bound| (*bound as f64 / 1e6).to_string());
            text.push_str(&format!("waybind_scan_seconds_bucket{{le=\"{bound}\"}} {so_far}\n"));
        }
        let sum = self.total_us.load(Ordering::Relaxed) as f64 / 1e6;
        text.push_str(&format!("waybind_scan_seconds_sum {sum}\nwaybind_scan_seconds_count {so_far}\n"));
        text
    }
}
