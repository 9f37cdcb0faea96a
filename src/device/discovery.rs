//! What is plugged in: serial ports, keyboards and HID POS scanners, as the kernel describes them under `/sys`.
//!
//! Nothing is opened for this, so it needs no right and disturbs no scanner.

use std::fs;
use std::path::{Path, PathBuf};

use crate::protocol::{Ambiguous, Identity, Input, Match, hid_pos};

/// Where the kernel describes its devices and where their nodes are.
#[derive(Clone, Debug)]
pub struct Roots {
    /// `/sys`.
    pub sys: PathBuf,
    /// `/dev`.
    pub dev: PathBuf,
}

impl Default for Roots {
    fn default() -> Self {
        Roots { sys: "/sys".into(), dev: "/dev".into() }
    }
}

/// Something that is plugged in and may be a scanner.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Plugged {
    /// Its node, such as `/dev/ttyACM0`; it may change with every plugging.
    pub node: PathBuf,
    /// A link to the node that stays: under `by-id` where a serial number makes it certain, else under `by-path`.
    pub link: Option<PathBuf>,
    /// What it says of itself.
    pub identity: Identity,
    /// For HID POS: the report descriptor.
    pub descriptor: Vec<u8>,
}

/// Which of the plugged devices is meant.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Selector {
    /// The one with this node or link.
    Path(PathBuf),
    /// The one that is like this.
    Like(Box<Match>),
}

impl std::fmt::Display for Selector {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Selector::Path(path) => write!(out, "{}", path.display()),
            Selector::Like(like) => write!(out, "{like}"),
        }
    }
}

/// Why no device can be told.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum NotFound {
    /// None is plugged in.
    #[error("it is not plugged in")]
    Absent,
    /// Several are.
    #[error("{} fit, and none of them is read: add serial or interface to the match, or name the socket by its by-path link", .0.join(" and "))]
    Several(Vec<String>),
    /// Several definitions know it equally well.
    #[error("{0}")]
    Ambiguous(Ambiguous),
    /// Another configured scanner means the same device.
    #[error("device \"{0}\" means the same scanner: say more in one of the two")]
    Contested(String),
}

/// Every serial port over USB, keyboard and HID POS scanner, by node.
#[must_use]
pub fn plugged(roots: &Roots) -> Vec<Plugged> {
    let links = links(&roots.dev);
    let mut found: Vec<Plugged> = Vec::new();
    for (class, look) in [("tty", serial as Look), ("input", keyboard as Look), ("hidraw", scanner_reports as Look)] {
        let folder = roots.sys.join("class").join(class);
        for name in names(&folder) {
            let Ok(place) = fs::canonicalize(folder.join(&name)) else { continue };
            let Some((mut identity, descriptor)) = look(&name, &place) else { continue };
            let node = if class == "input" { roots.dev.join("input").join(&name) } else { roots.dev.join(&name) };
            let of_node = |kind: &str| {
                let fits = |(link, target): &&(PathBuf, PathBuf)| *target == node && in_folder(link, kind);
                links.iter().find(fits).map(|(link, _)| link.clone())
            };
            let by_id = of_node("by-id");
            identity.by_id = by_id.as_deref().and_then(Path::file_name).unwrap_or_default().to_string_lossy().into();
            found.push(Plugged {
                node: node.clone(),
                link: by_id.or_else(|| of_node("by-path")),
                identity,
                descriptor,
            });
        }
    }
    found.sort_by(|one, other| one.node.cmp(&other.node));
    found
}

type Look = fn(&str, &Path) -> Option<(Identity, Vec<u8>)>;

fn names(folder: &Path) -> Vec<String> {
    let entries = fs::read_dir(folder).into_iter().flatten().flatten();
    entries.filter_map(|entry| entry.file_name().into_string().ok()).collect()
}

/// Links that udev keeps, with what they point to.
fn links(dev: &Path) -> Vec<(PathBuf, PathBuf)> {
    let folders = ["serial/by-id", "serial/by-path", "input/by-id", "input/by-path"].map(|folder| dev.join(folder));
    let all = folders.iter().flat_map(|folder| names(folder).into_iter().map(|name| folder.join(name)));
    all.filter_map(|link| Some((fs::canonicalize(&link).ok()?, link))).map(|(target, link)| (link, target)).collect()
}

fn in_folder(link: &Path, kind: &str) -> bool {
    link.parent().and_then(Path::file_name).is_some_and(|folder| folder == kind)
}

/// An attribute's text; none if it is not there.
fn attribute(folder: &Path, name: &str) -> Option<String> {
    fs::read_to_string(folder.join(name)).ok().map(|text| text.trim().to_owned())
}

fn number(text: &str) -> Option<u16> {
    u16::from_str_radix(text.get(text.len().checked_sub(4)?..)?, 16).ok()
}

/// The nearest folder above that has an attribute: the USB interface, or the USB device.
fn above(place: &Path, name: &str) -> Option<PathBuf> {
    place.ancestors().find(|folder| folder.join(name).is_file()).map(Path::to_owned)
}

fn interface(place: &Path) -> Option<u8> {
    let folder = above(place, "bInterfaceNumber")?;
    u8::from_str_radix(&attribute(&folder, "bInterfaceNumber")?, 16).ok()
}

fn serial(_name: &str, place: &Path) -> Option<(Identity, Vec<u8>)> {
    let usb = above(place, "idVendor")?;
    let text = |name| attribute(&usb, name).unwrap_or_default();
    let identity = Identity {
        input: Input::Serial,
        vendor: number(&text("idVendor")),
        product: number(&text("idProduct")),
        name: text("product"),
        serial: text("serial"),
        interface: interface(place),
        by_id: String::new(),
    };
    Some((identity, Vec::new()))
}

/// Keys that a keyboard has and a mouse, a power button or a volume knob has not: the digits, letters and Enter.
const KEYBOARD_KEYS: [usize; 4] = [2, 11, 28, 30];

fn keyboard(name: &str, place: &Path) -> Option<(Identity, Vec<u8>)> {
    if !name.starts_with("event") {
        return None;
    }
    let device = place.join("device");
    let keys = attribute(&device, "capabilities/key")?;
    if !KEYBOARD_KEYS.iter().all(|key| has_bit(&keys, *key)) {
        return None;
    }
    let text = |name| attribute(&device, name).unwrap_or_default();
    let identity = Identity {
        input: Input::Keyboard,
        vendor: number(&text("id/vendor")),
        product: number(&text("id/product")),
        name: text("name"),
        serial: text("uniq"),
        interface: interface(place),
        by_id: String::new(),
    };
    Some((identity, Vec::new()))
}

/// Whether a bit is set in words of 64 bits as the kernel prints them, the highest first, without leading zeros.
fn has_bit(words: &str, bit: usize) -> bool {
    let word = words.split_whitespace().rev().nth(bit / 64).and_then(|word| u64::from_str_radix(word, 16).ok());
    word.is_some_and(|word| word >> (bit % 64) & 1 == 1)
}

fn scanner_reports(_name: &str, place: &Path) -> Option<(Identity, Vec<u8>)> {
    let device = place.join("device");
    let descriptor = fs::read(device.join("report_descriptor")).ok()?;
    if !hid_pos::parse(&descriptor).is_ok_and(|fields| fields.scanner) {
        return None;
    }
    let uevent = attribute(&device, "uevent")?;
    let value = |key: &str| {
        uevent.lines().find_map(|line| line.strip_prefix(key)?.strip_prefix('=')).unwrap_or_default().to_owned()
    };
    let id = value("HID_ID");
    let mut ids = id.split(':').skip(1).map(number);
    let identity = Identity {
        input: Input::HidPos,
        vendor: ids.next().flatten(),
        product: ids.next().flatten(),
        name: value("HID_NAME"),
        serial: value("HID_UNIQ"),
        interface: interface(&fs::canonicalize(&device).unwrap_or(device)),
        by_id: String::new(),
    };
    Some((identity, descriptor))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A tree as the kernel and udev make it: an FTDI cable, a scanner that is a keyboard and a HID POS device, a mouse.
    fn tree(folder: &Path) -> Roots {
        let roots = Roots { sys: folder.join("sys"), dev: folder.join("dev") };
        let file = |path: &str, text: &[u8]| {
            let path = folder.join(path);
            fs::create_dir_all(path.parent().expect("a folder")).expect("made");
            fs::write(path, text).expect("written");
        };
        let link = |from: &str, to: &str| {
            let from = folder.join(from);
            fs::create_dir_all(from.parent().expect("a folder")).expect("made");
            std::os::unix::fs::symlink(folder.join(to), from).expect("linked");
        };
        file("sys/devices/usb1/1-1/idVendor", b"0403\n");
        file("sys/devices/usb1/1-1/idProduct", b"6001\n");
        file("sys/devices/usb1/1-1/serial", b"SCN001\n");
        file("sys/devices/usb1/1-1/product", b"USB Serial\n");
        file("sys/devices/usb1/1-1/1-1:1.0/bInterfaceNumber", b"00\n");
        file("sys/devices/usb1/1-1/1-1:1.0/ttyUSB0/tty/ttyUSB0/dev", b"188:0\n");
        link("sys/class/tty/ttyUSB0", "sys/devices/usb1/1-1/1-1:1.0/ttyUSB0/tty/ttyUSB0");
        file("sys/devices/virtual/tty/tty0/dev", b"4:0\n");
        link("sys/class/tty/tty0", "sys/devices/virtual/tty/tty0");
        for (number, name, keys) in [
            (3, "Scanner", "1000000000007 ff9f207ac14057ff febeffdfffefffff fffffffffffffffe"),
            (4, "Mouse", "ff0000 0 0 0 0"),
        ] {
            let base = format!("sys/devices/usb1/1-2/1-2:1.0/input/input{number}");
            file(&format!("{base}/name"), name.as_bytes());
            file(&format!("{base}/uniq"), b"K1\n");
            file(&format!("{base}/id/vendor"), b"0c2e\n");
            file(&format!("{base}/id/product"), b"0b61\n");
            file(&format!("{base}/capabilities/key"), keys.as_bytes());
            file(&format!("{base}/event{number}/dev"), b"13:3\n");
            link(&format!("{base}/event{number}/device"), &base);
            link(&format!("sys/class/input/event{number}"), &format!("{base}/event{number}"));
        }
        file("sys/devices/usb1/1-2/1-2:1.0/bInterfaceNumber", b"00\n");
        file("sys/devices/usb1/1-2/1-2:1.1/bInterfaceNumber", b"01\n");
        let hid = "sys/devices/usb1/1-2/1-2:1.1/0003:0C2E:0B61.0002";
        file(&format!("{hid}/report_descriptor"), &[0x05, 0x8C, 0x09, 0x02, 0xA1, 0x01, 0xC0]);
        file(
            &format!("{hid}/uevent"),
            b"DRIVER=hid-generic\nHID_ID=0003:00000C2E:00000B61\nHID_NAME=Honeywell Scanner\nHID_UNIQ=K1\n",
        );
        file(&format!("{hid}/hidraw/hidraw0/dev"), b"240:0\n");
        link(&format!("{hid}/hidraw/hidraw0/device"), hid);
        link("sys/class/hidraw/hidraw0", &format!("{hid}/hidraw/hidraw0"));
        for node in ["ttyUSB0", "input/event3", "input/event4", "hidraw0"] {
            file(&format!("dev/{node}"), b"");
        }
        link("dev/serial/by-id/usb-FTDI_USB_Serial_SCN001-if00-port0", "dev/ttyUSB0");
        link("dev/input/by-path/pci-usb-0:2:1.0-event-kbd", "dev/input/event3");
        roots
    }

    #[test]
    fn what_may_be_a_scanner_is_found_with_what_it_says_of_itself() {
        let folder = tempfile::tempdir().expect("a folder");
        let root = fs::canonicalize(folder.path()).expect("a path");
        let roots = tree(&root);
        let found = plugged(&roots);
        let told: Vec<_> = found
            .iter()
            .map(|device| &device.identity)
            .map(|it| (it.input, it.vendor, it.product, it.serial.as_str(), it.interface))
            .collect();
        assert_eq!(
            told,
            [
                (Input::HidPos, Some(0x0C2E), Some(0x0B61), "K1", Some(1)),
                (Input::Keyboard, Some(0x0C2E), Some(0x0B61), "K1", Some(0)),
                (Input::Serial, Some(0x0403), Some(0x6001), "SCN001", Some(0)),
            ],
            "neither the mouse nor the console"
        );
        assert_eq!(found[2].identity.by_id, "usb-FTDI_USB_Serial_SCN001-if00-port0");
        assert!(found[1].link.as_ref().is_some_and(|link| link.ends_with("by-path/pci-usb-0:2:1.0-event-kbd")));
    }
}
