//! A scan on a tty: from the scanner's last byte to its beep, and which share of that is the service's own.

use std::path::Path;
use std::time::{Duration, Instant};

use super::service::Service;
use super::{LINES, beside_flushes, failed};
use crate::cli::{Failure, say};
use crate::sim::Pty;
use crate::sim::scanner::{Family, SimScanner};

/// How long a beep may take at all.
const PATIENCE: Duration = Duration::from_secs(10);

pub(super) fn measure(folder: &Path, span: Duration) -> Result<(), Failure> {
    let pty = Pty::open().map_err(failed)?;
    let device = format!(
        "[[device]]\nname = \"gun\"\nstation = \"s0\"\nkind = \"serial\"\npath = \"{}\"\nprotocol = \"{}\"\n",
        pty.path.display(),
        Family::Line.protocol()
    );
    let service = Service::start(folder, &device)?;
    service.seed(1_000)?;
    service.prepare_work()?;
    let end = || pty.scanner.try_clone().map_err(failed);
    let mut gun = SimScanner::new(Family::Line, end()?, end()?).map_err(failed)?;
    let before = service.worked()?;
    let mut took = Duration::ZERO;
    let (beep, flush) = beside_flushes(&folder.join("flush"), span, |turn| {
        let until = Instant::now() + turn;
        let mut times = Vec::new();
        while Instant::now() < until {
            let start = Instant::now();
            gun.scan(&format!("B{}", times.len() % LINES), PATIENCE).map_err(failed)?;
            gun.expect(b"\x07", PATIENCE).map_err(failed)?;
            times.push(start.elapsed());
        }
        took += times.iter().sum::<Duration>();
        Ok(times)
    })?;
    let after = service.worked()?;
    let ours = after.1 - before.1;
    say(&format!(
        "a scan on a tty to its beep, median: {beep:?}; append + fdatasync: {flush:?}; ratio {:.2}; from the whole frame to the durable verdict, in the service: {:.0} % of it, the rest is the tty",
        beep.as_secs_f64() / flush.as_secs_f64(),
        100.0 * ours / took.as_secs_f64()
    ))
}
