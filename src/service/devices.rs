//! The scanners of the configuration, and what their frames become.

use std::time::Duration;

use jiff::Timestamp;

use super::{Core, fresh_scan_id};
use crate::config::{Config, DeviceKind, DeviceSettings, Library};
use crate::device::{Connection, DeviceFrame, DeviceState, Scanner, Signal, Sink};
use crate::domain::ids::{DeviceId, IdError, StationId};
use crate::domain::scan::Scan;
use crate::domain::verdict::Severity;
use crate::protocol::SerialSettings;

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
    #[error("device \"{0}\" says neither path nor address")]
    Nowhere(String),
}

/// The scanners of a configuration.
///
/// # Errors
/// One of them can't be served; `waybind check-config` tells all.
pub fn scanners(config: &Config) -> Result<Vec<Scanner>, DeviceError> {
    let library = Library::with_folder(config.protocols.as_deref());
    config.device.iter().map(|settings| scanner(settings, &library)).collect()
}

fn scanner(settings: &DeviceSettings, library: &Library) -> Result<Scanner, DeviceError> {
    let name = || settings.name.clone();
    let named = |source| DeviceError::Name { name: name(), source };
    let definition = library.get(&settings.protocol).cloned();
    let definition =
        definition.ok_or_else(|| DeviceError::Protocol { name: name(), protocol: settings.protocol.clone() })?;
    let line = SerialSettings {
        baud: settings.baud.unwrap_or(definition.serial.baud),
        parity: settings.parity.unwrap_or(definition.serial.parity),
        flow: settings.flow.unwrap_or(definition.serial.flow),
        ..definition.serial
    };
    let connection = match (settings.kind, &settings.path, &settings.address, settings.listen) {
        (Some(DeviceKind::Serial), Some(path), _, _) => Connection::Serial(path.clone(), line),
        (Some(DeviceKind::Tcp), _, Some(address), _) => Connection::TcpClient(address.clone()),
        (Some(DeviceKind::Tcp), _, None, Some(address)) => Connection::TcpListener(address),
        _ => return Err(DeviceError::Nowhere(name())),
    };
    Ok(Scanner {
        id: DeviceId::new(&settings.name).map_err(named)?,
        station: StationId::new(&settings.station).map_err(named)?,
        connection,
        protocol: settings.protocol.clone(),
        bounce: Duration::from_millis(settings.bounce_ms.unwrap_or(definition.bounce_ms)),
        definition,
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
