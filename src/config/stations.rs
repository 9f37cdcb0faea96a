//! Stations and scanners in the configuration.

use std::collections::{HashMap, HashSet};
use std::path::PathBuf;

use serde::Deserialize;
use toml::de::DeTable;

use super::file::{Reader, Tables, section};
use super::{Config, Library, MODE_DEFAULT};
use crate::domain::ids::{DeviceId, PrinterId, StationId};
use crate::domain::station::{Bind, Mode, Seal, SignIn, StationRules, WAYBILL_TEMPLATE};
use crate::protocol::{Flow, Input, Match, Parity};

section! {
    /// A station.
    StationSettings {
        /// Its id, as it stands in the page's address.
        id: String = String::new();
        /// What it is for.
        mode: Mode = MODE_DEFAULT;
        /// How operators sign in.
        sign_in: SignIn = SignIn::None;
        /// Whether a stop stays until acknowledged.
        latch: bool = true;
        /// Whether it only watches: every verdict is recorded, no alarm is raised.
        shadow: bool = false;
        /// Who seals parcels: `auto` or `manual`.
        seal: Seal = Seal::Auto;
        /// How waybills are bound: `scan` or `assigned`.
        bind: Bind = Bind::Scan;
        /// Whether the put-wall slot is scanned after the item.
        confirm_slot: bool = false;
        /// Whether an item scanned first opens the single-line order that waits for it.
        item_first: bool = false;
        /// Seconds without a scan after which the operator is signed out; 0: never.
        sign_out_after: u64 = 0;
        /// Where it prints.
        printer: Option<String> = None;
        /// Whether the waybill of a sealed parcel is printed by itself.
        print_waybill: bool = false;
        /// By which template.
        waybill_template: String = WAYBILL_TEMPLATE.to_owned();
    }
}

section! {
    /// A scanner.
    DeviceSettings {
        /// What people call it.
        name: String = String::new();
        /// At which station it is used.
        station: String = String::new();
        /// How it is connected.
        kind: Option<DeviceKind> = None;
        /// The device's node, best a link under /dev/serial/by-id or /dev/input/by-id.
        path: Option<PathBuf> = None;
        /// What a USB device must be like instead: `{ usb = "05e0:1701", serial = "…" }`.
        r#match: Option<Match> = None;
        /// For TCP: where to connect to.
        address: Option<String> = None;
        /// For TCP: where to listen instead.
        listen: Option<std::net::SocketAddr> = None;
        /// The definition: folder and file of `firmware-protocols/`. Without one, a USB device's own ids choose it.
        protocol: Option<String> = None;
        /// Bits a second, if not as the definition says.
        baud: Option<u32> = None;
        /// Parity, if not as the definition says.
        parity: Option<Parity> = None;
        /// Flow control, if not as the definition says.
        flow: Option<Flow> = None;
        /// Identical frames within this time are one, in milliseconds, if not as the definition says.
        bounce_ms: Option<u64> = None;
        /// A file into which everything that it sends and gets is recorded, for `waybind replay`.
        trace: Option<PathBuf> = None;
    }
}

/// How a scanner is connected.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum DeviceKind {
    /// By a serial line: RS-232, USB-CDC, an FTDI or the like.
    Serial,
    /// By USB, as a keyboard that types.
    HidKeyboard,
    /// By USB, as a HID point-of-sale device.
    HidPos,
    /// By the network.
    Tcp,
}

impl DeviceKind {
    /// How it hands over what it read.
    #[must_use]
    pub fn input(self) -> Input {
        match self {
            DeviceKind::Serial | DeviceKind::Tcp => Input::Serial,
            DeviceKind::HidKeyboard => Input::Keyboard,
            DeviceKind::HidPos => Input::HidPos,
        }
    }
}

macro_rules! tables {
    ($($type:ty),*) => {$(
        impl Tables for Vec<$type> {
            type One = $type;
            fn read_one(table: &DeTable<'_>, reader: &mut Reader<'_>) -> $type {
                <$type>::read(table, reader)
            }
        }
    )*};
}

tables!(StationSettings, DeviceSettings);

impl StationSettings {
    /// The rules for the domain; none if the id is no id.
    #[must_use]
    pub fn rules(&self) -> Option<StationRules> {
        Some(StationRules {
            id: StationId::new(&self.id).ok()?,
            mode: self.mode,
            sign_in: self.sign_in,
            latch: self.latch,
            shadow: self.shadow,
            seal: self.seal,
            bind: self.bind,
            confirm_slot: self.confirm_slot,
            item_first: self.item_first,
            sign_out_after: self.sign_out_after,
            printer: self.printer.as_deref().and_then(|name| PrinterId::new(name).ok()),
            print_waybill: self.print_waybill,
            waybill_template: self.waybill_template.clone(),
        })
    }
}

/// The stations that are there without any configuration.
pub(super) fn without_configuration() -> Vec<StationSettings> {
    let named =
        |id: &str, mode| StationSettings { id: id.to_owned(), mode, latch: false, ..StationSettings::default() };
    vec![
        named("http-pick", Mode::Pick),
        named("http-pack", Mode::Pack),
        named("http-bench", Mode::Bench),
        named("http-load", Mode::Load),
        named("http-info", Mode::Info),
    ]
}

pub(super) fn check(config: &Config, library: &Library, reader: &mut Reader<'_>) {
    let mut seen = HashSet::new();
    for station in &config.station {
        if let Err(error) = StationId::new(&station.id) {
            reader.problem(station.line, format!("a station's id {error}"), "write id = \"pack-01\"");
        } else if !seen.insert(station.id.as_str()) {
            reader.problem(
                station.line,
                format!("station \"{}\" stands twice", station.id),
                "give each station its own id",
            );
        }
    }
    let mut names = HashSet::new();
    let mut places = HashMap::new();
    for device in &config.device {
        let place = device.path.as_ref().map(|path| path.display().to_string());
        if let Some(place) = place.or_else(|| Some(device.r#match.as_ref()?.to_string()))
            && let Some(other) = places.insert((device.kind, place), device.name.as_str())
        {
            reader.problem(
                device.line,
                format!("device \"{}\" is the same as device \"{other}\"", device.name),
                "two of one model are told apart by serial or by-id in the match, or by their path",
            );
        }
        check_device(device, &seen, library, reader);
        if !names.insert(device.name.as_str()) {
            reader.problem(
                device.line,
                format!("device \"{}\" stands twice", device.name),
                "give each device its own name",
            );
        }
    }
}

fn check_device(device: &DeviceSettings, stations: &HashSet<&str>, library: &Library, reader: &mut Reader<'_>) {
    let name = &device.name;
    if let Err(error) = DeviceId::new(name) {
        reader.problem(device.line, format!("a device's name {error}"), "write name = \"gun-01\"");
    }
    let known = stations.contains(device.station.as_str())
        || (stations.is_empty() && without_configuration().iter().any(|station| station.id == device.station));
    if device.station.is_empty() {
        reader.problem(device.line, format!("device \"{name}\" has no station"), "write station = \"pack-01\"");
    } else if !known {
        reader.problem(
            device.line,
            format!("device \"{name}\" belongs to station \"{}\", which is not there", device.station),
            "add a [[station]] with this id",
        );
    }
    check_protocol(device, library, reader);
    check_place(device, reader);
}

fn check_protocol(device: &DeviceSettings, library: &Library, reader: &mut Reader<'_>) {
    let Some(protocol) = &device.protocol else { return };
    let name = &device.name;
    let Some(definition) = library.get(protocol) else {
        let hint = library.nearest(protocol).map(|nearest| format!("the nearest is \"{nearest}\"")).unwrap_or_default();
        reader.problem(device.line, format!("device \"{name}\" speaks \"{protocol}\", which is no definition"), hint);
        return;
    };
    if let Some(kind) = device.kind.filter(|kind| kind.input() != definition.input()) {
        reader.problem(
            device.line,
            format!("device \"{name}\" can't speak \"{protocol}\": that is for another kind of device"),
            format!("\"{}\" is for this kind", Library::generic(kind.input())),
        );
    }
}

fn check_place(device: &DeviceSettings, reader: &mut Reader<'_>) {
    let name = &device.name;
    let is_placed = device.path.is_some() != device.r#match.is_some();
    match device.kind {
        None => reader.problem(
            device.line,
            format!("device \"{name}\" does not say what kind it is"),
            "write kind = \"serial\", \"hid-keyboard\", \"hid-pos\" or \"tcp\"",
        ),
        Some(DeviceKind::Serial | DeviceKind::HidKeyboard | DeviceKind::HidPos) if !is_placed => reader.problem(
            device.line,
            format!("device \"{name}\" needs either a path or a match"),
            "`waybind devices` shows what is plugged in, with the lines for it",
        ),
        Some(DeviceKind::Tcp) if device.address.is_none() == device.listen.is_none() => {
            reader.problem(
                device.line,
                format!("device \"{name}\" needs either an address to connect to or a listen address"),
                "address = \"192.168.1.50:23\"",
            );
        }
        _ => {}
    }
}
