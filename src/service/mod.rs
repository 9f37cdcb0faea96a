//! Wiring: builds every part, owns what runs between them, and is the service behind the web and the scanners.

mod alerts;
mod backend;
mod bags;
mod couriers;
mod devices;
mod labels;
mod outside;
mod paper;
mod pin;
mod pipeline;
mod plugged;
mod press;
mod printers;
mod retention;
mod routes;
mod run;
mod sources;
mod spool;
mod targets;
mod waiting;

use std::collections::{BTreeMap, HashMap};
use std::fs::File;
use std::sync::{Arc, Mutex, OnceLock, PoisonError};

use tokio::sync::{Semaphore, broadcast, watch};

use self::backend::unreadable;
use self::pin::PinHasher;
use self::retention::Keeper;
use self::spool::PressRoom;

use crate::barcode::codes::SiteKey;
use crate::clock::Clock;
use crate::config::{Config, Library, Scope, Sender};
use crate::device::{DeviceState, Plugs, Scanner};
use crate::domain::decide::Site;
use crate::domain::ids::{DeviceId, ScanId, StationId};
use crate::domain::station::StationRules;
use crate::ledger::{Folder, Health, LedgerError, Reader, Writer};
use crate::message::Language;
use crate::print::Board;
use crate::telemetry::Metrics;
use crate::upstream::courier::Channel;
use crate::upstream::{Alerts, Outlet, Source};
use crate::web::backend::{Pictures, Shown};

pub use self::devices::{DeviceError, scanners};
pub use self::plugged::unread;
pub use self::press::{Format, Press, PressError};
pub use self::routes::unprintable;
pub use self::run::{Running, ServeError, serve, start};

/// Updates that a slow page may miss before it is told to look anew.
const UPDATES_MAX: usize = 256;

/// Everything that runs, seen from the web and the scanners; cheap to clone.
#[derive(Clone)]
pub struct Core {
    parts: Arc<Parts>,
}

struct Parts {
    writer: Writer,
    reader: Reader,
    site: Arc<Site>,
    stations: Arc<Vec<StationRules>>,
    clock: Clock,
    language: Language,
    /// What each token of the API may be used for, by its hash.
    tokens: HashMap<String, Vec<Scope>>,
    /// Minutes after the payment in which an address may change.
    address_window_minutes: u32,
    metrics: Metrics,
    shown: Mutex<HashMap<StationId, Shown>>,
    devices: Mutex<BTreeMap<DeviceId, (Scanner, DeviceState)>>,
    /// The scanner definitions.
    library: Arc<Library>,
    /// The nodes that are read.
    plugs: Plugs,
    unresolved: Mutex<Vec<(StationId, ScanId)>>,
    /// PINs that are checked at once.
    pin_turns: Semaphore,
    /// Who is told what happened, once that has begun.
    targets: OnceLock<Vec<Outlet>>,
    /// Who is asked what there is to do, once that has begun.
    sources: OnceLock<Vec<Source>>,
    /// The ladders of escalation, once they run.
    alerts: OnceLock<Vec<Alerts>>,
    /// The couriers' channels, once they are open.
    channels: OnceLock<Vec<Channel>>,
    /// Hashes PINs.
    pins: PinHasher,
    /// How the printers are.
    board: Board,
    /// What makes labels, once one is made.
    press: PressRoom,
    /// Who sends the parcels.
    sender: Sender,
    /// Changes when something is to be printed.
    prints: watch::Sender<u64>,
    /// Reads pictures.
    pictures: Pictures,
    /// How long records are kept.
    keeper: Keeper,
    updates: broadcast::Sender<StationId>,
    feed: watch::Sender<u64>,
    stop: watch::Sender<bool>,
    /// Held as long as the service runs: one process a folder.
    _lock: File,
}

/// A mutex whose holders never panic while they hold it; a poisoned one still holds good data.
fn held<T>(mutex: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Core {
    /// Opens the data folder and starts the writer.
    ///
    /// # Errors
    /// Another process holds the folder, or the ledger can't be opened.
    pub fn open(config: &Config) -> Result<Core, LedgerError> {
        let folder = Folder::new(&config.data);
        let lock = folder.lock()?;
        let writer = Writer::start(&folder)?;
        let reader = Reader::open(&folder)?;
        let is_new = *writer.health().borrow() == Health::Good && reader.last_record()? == 0;
        let key = if is_new { open_or_make_key(&folder)? } else { open_key(&folder)? };
        let rules = config.rules();
        let printers = printers::printers(config);
        let site = Site {
            key,
            stations: rules.iter().map(|rules| (rules.id.clone(), rules.clone())).collect(),
            ignore: config.ignore.clone(),
            overridable: config.overridable.clone(),
            rules: config.interceptions(),
            printers: printers::rules(&printers, config),
        };
        let feed = reader.last_event()?;
        let parts = Parts {
            writer,
            reader,
            site: Arc::new(site),
            stations: Arc::new(rules),
            clock: Clock::new(config.zone()),
            language: config.language,
            tokens: config
                .token
                .iter()
                .map(|token| (token.sha256.to_ascii_lowercase(), token.scopes.clone()))
                .collect(),
            address_window_minutes: config.address_window_minutes,
            metrics: Metrics::default(),
            shown: Mutex::default(),
            devices: Mutex::default(),
            library: Library::with_folder(config.protocols.as_deref()).into(),
            plugs: Plugs::default(),
            unresolved: Mutex::default(),
            pin_turns: Semaphore::new(PIN_TURNS),
            targets: OnceLock::new(),
            sources: OnceLock::new(),
            channels: OnceLock::new(),
            alerts: OnceLock::new(),
            pins: PinHasher::default(),
            board: Board::new(printers),
            press: PressRoom::new(config),
            sender: config.sender.clone(),
            prints: watch::Sender::new(0),
            pictures: Pictures::default(),
            keeper: Keeper::new(config),
            updates: broadcast::Sender::new(UPDATES_MAX),
            feed: watch::Sender::new(feed),
            stop: watch::Sender::new(false),
            _lock: lock,
        };
        Ok(Core { parts: Arc::new(parts) })
    }

    /// How the writer is, and when that changes.
    #[must_use]
    pub fn health_changes(&self) -> watch::Receiver<Health> {
        self.parts.writer.health()
    }

    /// The site's key.
    #[must_use]
    pub fn site_key(&self) -> &SiteKey {
        &self.parts.site.key
    }

    /// Counters.
    #[must_use]
    pub fn metrics_of(&self) -> &Metrics {
        &self.parts.metrics
    }

    /// Tells everybody that waybind stops.
    pub fn stop(&self) {
        self.parts.stop.send_replace(true);
    }

    /// Becomes true when waybind stops.
    #[must_use]
    pub fn stopped(&self) -> watch::Receiver<bool> {
        self.parts.stop.subscribe()
    }

    fn announce(&self, station: &StationId) {
        // nobody looking is fine
        if self.parts.updates.send(station.clone()).is_err() {
            tracing::trace!(%station, "Nobody looks at this station.");
        }
    }

    /// Something is to be printed, or was decided about.
    fn prints_moved(&self) {
        self.parts.prints.send_modify(|count| *count = count.wrapping_add(1));
    }

    fn feed_moved(&self) {
        self.parts.feed.send_modify(|place| *place += 1);
    }

    fn device_state(&self, scanner: &Scanner, state: DeviceState) {
        let connection_changed = {
            let mut devices = held(&self.parts.devices);
            let before = devices.insert(scanner.id.clone(), (scanner.clone(), state.clone()));
            before.is_none_or(|(_, before)| before.connected != state.connected)
        };
        if connection_changed {
            self.announce(&scanner.station);
        }
    }
}

/// PINs that are checked at once: more than people type in one second, fewer than would keep pages waiting.
const PIN_TURNS: usize = 8;

/// The key of a data folder's codes. Another one is never made in its place by itself: no code, badge or PIN would fit.
///
/// # Errors
/// It is not there, or can't be read.
pub fn open_key(folder: &Folder) -> Result<SiteKey, LedgerError> {
    let path = folder.site_key();
    let io = |what| LedgerError::io(what, &path);
    match std::fs::read_to_string(&path) {
        Ok(text) => {
            let bytes = data_encoding::HEXLOWER_PERMISSIVE
                .decode(text.trim().as_bytes())
                .ok()
                .and_then(|bytes| bytes.try_into().ok());
            let invalid = || std::io::Error::new(std::io::ErrorKind::InvalidData, "64 hexadecimal digits are expected");
            bytes.map(SiteKey::new).ok_or_else(invalid).map_err(io("can't use the site's key in"))
        }
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => Err(LedgerError::NoKey { path }),
        Err(error) => Err(io("can't read")(error)),
    }
}

/// The key of a data folder, if it has one.
///
/// # Errors
/// The file can't be read, or holds no key.
pub fn known_key(folder: &Folder) -> Result<Option<SiteKey>, LedgerError> {
    match open_key(folder) {
        Ok(key) => Ok(Some(key)),
        Err(LedgerError::NoKey { .. }) => Ok(None),
        Err(error) => Err(error),
    }
}

/// The key of a data folder that may be new: made at its first start.
fn open_or_make_key(folder: &Folder) -> Result<SiteKey, LedgerError> {
    match open_key(folder) {
        Err(LedgerError::NoKey { .. }) => make_key(folder),
        opened => opened,
    }
}

/// Makes a key, in a file that only its owner reads.
///
/// # Errors
/// There is one already, or it can't be written.
pub fn make_key(folder: &Folder) -> Result<SiteKey, LedgerError> {
    use std::io::Write as _;
    use std::os::unix::fs::OpenOptionsExt as _;
    let path = folder.site_key();
    let io = |what| LedgerError::io(what, &path);
    let mut bytes = [0; 32];
    random(&mut bytes);
    let mut file = match File::options().write(true).create_new(true).mode(0o600).open(&path) {
        Err(error) if error.kind() == std::io::ErrorKind::AlreadyExists => {
            return Err(LedgerError::Exists { path: path.clone() });
        }
        made => made.map_err(io("can't make"))?,
    };
    file.write_all(data_encoding::HEXLOWER.encode(&bytes).as_bytes()).map_err(io("can't write"))?;
    file.sync_all().map_err(io("can't sync"))?;
    Ok(SiteKey::new(bytes))
}

/// Random bytes from the kernel.
fn random(bytes: &mut [u8]) {
    getrandom::fill(bytes).expect("the kernel has random bytes from its first second on");
}

/// A scan id for a scanner that makes none.
pub(crate) fn fresh_scan_id() -> ScanId {
    let mut bytes = [0; 16];
    random(&mut bytes);
    ScanId::new(&data_encoding::HEXLOWER.encode(&bytes)).expect("32 hexadecimal digits are an id")
}
