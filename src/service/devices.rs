//! The scanners of the configuration, and what their frames become.

use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;

use super::{Core, fresh_scan_id};
use crate::config::{Config, DeviceKind, DeviceSettings, Library};
use crate::device::{
    Connection, Definitions, DeviceFrame, DeviceState, LineChange, Plugs, Scanner, Selector, Signal, Sink, Spoken,
};
use crate::domain::ids::{DeviceId, IdError, StationId};
use crate::domain::scan::Scan;
use crate::domain::verdict::Severity;
use crate::protocol::{Ambiguous, Identity};

/// A scanner of the configuration that can't be served.
#[derive(Debug, thiserror::Error)]
pub enum DeviceError {
    /// A name that is none.
    #[error("device \"{name}\"")]
    Name {
        /// The device.
        name: String,
        /// Why.
        source: IdError,
    },
    /// No such definition.
    #[error("device \"{name}\": there is no definition \"{protocol}\"")]
    Protocol {
        /// The device.
        name: String,
        /// What it should speak.
        protocol: String,
    },
    /// Nothing says where it is.
    #[error("device \"{0}\" says neither what it is nor where")]
    Nowhere(String),
}

/// The scanners of a configuration.
///
/// # Errors
/// One of them can't be served; `waybind check-config` tells all.
pub fn scanners(config: &Config, library: Arc<Library>, plugs: &Plugs) -> Result<Vec<Scanner>, DeviceError> {
    let library = Known(library);
    let scanners: Result<Vec<Scanner>, DeviceError> =
        config.device.iter().map(|settings| scanner(settings, &library, plugs)).collect();
    for scanner in scanners.iter().flatten() {
        if let Some((input, selector)) = scanner.connection.usb() {
            plugs.mean(&scanner.id, input, selector);
        }
    }
    scanners
}

/// The definitions, as scanners ask for them.
#[derive(Clone, Debug)]
struct Known(Arc<Library>);

/// Layouts that scanners are set to by mistake, the likelier ones first.
const LAYOUTS: [&str; 5] = ["us", "de", "fr", "gb", "cz"];

impl Known {
    fn spoken(&self, protocol: &str) -> Option<Spoken> {
        let definition = self.0.get(protocol)?.clone();
        let layouts = self.0.layout_of(&definition).map_or(Vec::new(), |own| {
            let usual = LAYOUTS.iter().filter_map(|name| self.0.layout(name));
            let others = usual.chain(self.0.layouts().filter(|layout| !LAYOUTS.contains(&layout.name())));
            let others = others.filter(|layout| layout.name() != own.name());
            std::iter::once(own).chain(others).cloned().collect()
        });
        Some(Spoken { protocol: protocol.to_owned(), definition, layouts })
    }
}

impl Definitions for Known {
    fn of(&self, identity: &Identity) -> Result<Option<Spoken>, Ambiguous> {
        Ok(self.0.choose(identity)?.and_then(|(name, _)| self.spoken(name)))
    }
}

fn scanner(settings: &DeviceSettings, library: &Known, plugs: &Plugs) -> Result<Scanner, DeviceError> {
    let name = || settings.name.clone();
    let named = |source| DeviceError::Name { name: name(), source };
    let nowhere = || DeviceError::Nowhere(name());
    let kind = settings.kind.ok_or_else(nowhere)?;
    let protocol = settings.protocol.as_deref().unwrap_or(Library::generic(kind.input()));
    let spoken = library.spoken(protocol);
    let spoken = spoken.ok_or_else(|| DeviceError::Protocol { name: name(), protocol: protocol.to_owned() })?;
    let like = || settings.r#match.clone().map(|like| Selector::Like(Box::new(like)));
    let selector = || settings.path.clone().map(Selector::Path).or_else(like).ok_or_else(nowhere);
    let change = LineChange { baud: settings.baud, parity: settings.parity, flow: settings.flow };
    let connection = match kind {
        DeviceKind::Serial => Connection::Serial(selector()?, change),
        DeviceKind::HidKeyboard => Connection::Keyboard(selector()?),
        DeviceKind::HidPos => Connection::HidPos(selector()?),
        DeviceKind::Tcp => match (&settings.address, settings.listen) {
            (Some(address), _) => Connection::TcpClient(address.clone()),
            (None, Some(address)) => Connection::TcpListener(address),
            (None, None) => return Err(nowhere()),
        },
    };
    Ok(Scanner {
        id: DeviceId::new(&settings.name).map_err(named)?,
        station: StationId::new(&settings.station).map_err(named)?,
        connection,
        configured: spoken.clone(),
        spoken,
        definitions: settings.protocol.is_none().then(|| Arc::new(library.clone()) as Arc<dyn Definitions>),
        plugs: plugs.clone(),
        bounce: settings.bounce_ms.map(Duration::from_millis),
        trace: settings.trace.clone(),
    })
}

impl Sink for Core {
    async fn scanned(&self, scanner: &Scanner, frame: DeviceFrame) -> Signal {
        let scan = Scan {
            id: fresh_scan_id(),
            station: scanner.station.clone(),
            device: Some(scanner.id.clone()),
            operator: None,
            data: frame.data,
            broken: frame.broken.map(str::to_owned),
            bounced: frame.bounced,
            retyped: frame.retyped,
        };
        match self.judge(scan, None).await {
            Ok(verdict) => match verdict.code.severity() {
                _ if verdict.shadow => Signal::Accept,
                Severity::Ok => Signal::Accept,
                Severity::More => Signal::Attention,
                Severity::Info => Signal::Silence,
                Severity::Warn | Severity::Stop => Signal::Refuse,
            },
            Err(unknown) => {
                tracing::error!(device = %scanner.id, %unknown, "A scanner belongs to no station.");
                Signal::Refuse
            }
        }
    }

    fn now(&self) -> Timestamp {
        self.parts.clock.now().at.wall
    }

    fn state(&self, scanner: &Scanner, state: DeviceState) {
        self.device_state(scanner, state);
    }
}
