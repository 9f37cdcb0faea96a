//! The spool: a worker for each printer sends what waits for it, one job after another, and says how far each came.
//!
//! The queue is the ledger: a worker asks for the jobs that wait at its printer and holds one of them at a time, so that
//! nothing is lost with the process and no memory fills while a printer is down. That a job is being sent is durable
//! before its first byte goes out; a job that broke off in the middle, or was found half sent, is `unknown` and waits for
//! a person. A printer that is slow, silent, or talks nonsense keeps only its own worker waiting.

mod folder;
mod ipp;
mod link;
mod pause;
mod status;
mod unsent;
mod worker;

use std::collections::BTreeMap;
use std::future::Future;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};

use hyper::Uri;
use hyper::body::Bytes;
use tokio::sync::watch;
use tokio::time::Instant;

use crate::config::PrinterProfile;
use crate::domain::ids::{PrintJobId, PrinterId};
use crate::domain::printing::{Condition, PrintJob, PrintTrouble, Step};

pub use self::link::Patience;
pub use self::worker::Worker;

/// Where a printer is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Place {
    /// On the network, at host and port.
    Network(String),
    /// A node of this machine.
    Node(PathBuf),
    /// Behind IPP.
    Ipp(Uri),
    /// A folder.
    Folder(PathBuf),
}

impl std::fmt::Display for Place {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Place::Network(address) => out.write_str(address),
            Place::Node(path) | Place::Folder(path) => write!(out, "{}", path.display()),
            Place::Ipp(uri) => write!(out, "{uri}"),
        }
    }
}

/// A printer.
#[derive(Clone, Debug)]
pub struct Printer {
    /// Which.
    pub id: PrinterId,
    /// Where it is.
    pub place: Place,
    /// The name of its profile.
    pub kind: String,
    /// What kind of printer it is.
    pub profile: Arc<PrinterProfile>,
    /// The one that takes over while this one can't print.
    pub fallback: Option<PrinterId>,
    /// The templates that it can print.
    pub templates: Vec<String>,
    /// Width and height of the paper in it, in millimetres, where the configuration says so.
    pub paper_mm: Option<[f64; 2]>,
}

/// How a printer is, as its worker last saw it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct PrinterState {
    /// How it is.
    pub condition: Condition,
    /// The job that is being sent.
    pub job: Option<u32>,
    /// What went wrong last, until something went well.
    pub error: Option<String>,
    /// Attempts in a row that came to nothing.
    pub failures: u32,
    /// Jobs that it took since the start.
    pub sent: u64,
    /// Since when something keeps it from printing.
    pub blocked_since: Option<Instant>,
    /// Whether it was looked at since the start.
    pub is_seen: bool,
}

/// Something can't be read or recorded now.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct Unavailable(pub String);

/// What the spool needs of the service.
pub trait Spool: Clone + Send + Sync + 'static {
    /// The first jobs that wait at a printer, oldest first; one whose bytes are going out may be among them.
    fn waiting(&self, printer: &PrinterId) -> impl Future<Output = Result<Vec<PrintJob>, Unavailable>> + Send;
    /// The bytes of a job in a printer's language.
    fn render(&self, job: &PrintJob, printer: &Printer) -> impl Future<Output = Result<Bytes, PrintTrouble>> + Send;
    /// Records how a job goes on; durable when it answers. False, and nothing recorded, where the first step no longer
    /// fits.
    fn record(&self, job: &PrintJobId, steps: Vec<Step>) -> impl Future<Output = Result<bool, Unavailable>> + Send;
    /// Changes when jobs were added or decided about.
    fn moved(&self) -> watch::Receiver<u64>;
    /// Becomes true when waybind stops.
    fn stopping(&self) -> watch::Receiver<bool>;
    /// Is told when a printer's state changed.
    fn changed(&self);
}

/// The states of all printers, shared by their workers and those who show them.
#[derive(Clone, Debug)]
pub struct Board {
    printers: Arc<Vec<Printer>>,
    states: Arc<Mutex<BTreeMap<PrinterId, PrinterState>>>,
    moved: watch::Sender<u64>,
}

impl Board {
    /// A board for these printers, of which nothing is known yet.
    #[must_use]
    pub fn new(printers: Vec<Printer>) -> Board {
        let states = printers.iter().map(|printer| (printer.id.clone(), PrinterState::default())).collect();
        Board { printers: Arc::new(printers), states: Arc::new(Mutex::new(states)), moved: watch::Sender::new(0) }
    }

    /// The printers, in the order of the configuration.
    #[must_use]
    pub fn printers(&self) -> &[Printer] {
        &self.printers
    }

    /// How a printer is.
    #[must_use]
    pub fn state(&self, printer: &PrinterId) -> PrinterState {
        let states = self.states.lock().unwrap_or_else(PoisonError::into_inner);
        states.get(printer).cloned().unwrap_or_default()
    }

    /// Changes a printer's state; whether anything is different now.
    fn update(&self, printer: &PrinterId, change: impl FnOnce(&mut PrinterState)) -> bool {
        let mut states = self.states.lock().unwrap_or_else(PoisonError::into_inner);
        let state = states.entry(printer.clone()).or_default();
        let before = state.clone();
        change(state);
        state.is_seen = true;
        state.blocked_since = if state.condition.blocks() {
            state.blocked_since.or(before.blocked_since).or_else(|| Some(Instant::now()))
        } else {
            None
        };
        let changed = *state != before;
        drop(states);
        if changed {
            self.moved.send_modify(|count| *count = count.wrapping_add(1));
        }
        changed
    }
}
