//! The demo's scanners: four on pseudo-terminals, one on a socket.

use std::net::TcpListener;
use std::path::Path;

use super::DemoError;
use crate::config::{Config, DeviceKind, DeviceSettings};
use crate::sim::Pty;
use crate::sim::scanner::{Family, SimScanner};

pub(super) type Ends = Vec<(&'static str, Family, Pty)>;

/// Opens their lines, and adds them to the configuration.
pub(super) fn plug_in(config: &mut Config, traces: Option<&Path>) -> Result<(Ends, TcpListener), DemoError> {
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

/// Connects the scanners to their lines, once the service is there.
pub(super) async fn connect(
    ends: Ends,
    fixed_mount: TcpListener,
) -> Result<Vec<(&'static str, SimScanner)>, DemoError> {
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
