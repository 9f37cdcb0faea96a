//! Who waybind is in the guest, and what udev lets it open.

use super::guest::{Guest, WEDGES, printable, until};
use super::served::PATIENCE;

/// User and group 900, one process, and no capability.
pub fn without_rights(guest: &mut Guest) -> String {
    let status = guest.shell("cat /proc/$(pidof waybind)/status");
    let field = |name: &str| {
        let line = status.lines().find_map(|line| line.strip_prefix(name)).unwrap_or_default();
        line.split_whitespace().collect::<Vec<_>>().join(" ")
    };
    assert_eq!(field("Uid:"), "900 900 900 900");
    assert_eq!((field("Groups:").as_str(), field("CapEff:").as_str()), ("900", "0000000000000000"));
    format!("{} MiB free in the guest", guest.shell("awk '/MemAvailable/ {print int($2 / 1024)}' /proc/meminfo"))
}

/// A report descriptor of a HID POS scanner: page 8C, usage 02, one report of 63 bytes.
const HID_POS: &[u8] = &[
    0x05, 0x8C, 0x09, 0x02, 0xA1, 0x01, 0x85, 0x02, 0x09, 0xFE, 0x15, 0x00, 0x26, 0xFF, 0x00, 0x75, 0x08, 0x95, 0x3F,
    0x81, 0x02, 0xC0,
];

/// Of a pad with eight buttons: no scanner.
const GAME_PAD: &[u8] = &[
    0x05, 0x01, 0x09, 0x05, 0xA1, 0x01, 0x05, 0x09, 0x19, 0x01, 0x29, 0x08, 0x15, 0x00, 0x25, 0x01, 0x75, 0x01, 0x95,
    0x08, 0x81, 0x02, 0xC0,
];

/// The kernel's request that makes a HID device (`UHID_CREATE2` of linux/uhid.h), up to the descriptor's end.
pub fn create(name: &str, vendor: u32, serial: &str, descriptor: &[u8]) -> Vec<u8> {
    let mut request = 11_u32.to_le_bytes().to_vec();
    request.extend_from_slice(name.as_bytes());
    // name 128 bytes, place 64, serial number 64
    request.resize(4 + 128 + 64, 0);
    request.extend_from_slice(serial.as_bytes());
    request.resize(4 + 128 + 64 + 64, 0);
    request.extend_from_slice(&u16::try_from(descriptor.len()).unwrap().to_le_bytes());
    const BUS_USB: u16 = 3;
    request.extend_from_slice(&BUS_USB.to_le_bytes());
    for number in [vendor, 1, 1, 0] {
        request.extend_from_slice(&number.to_le_bytes());
    }
    request.extend_from_slice(descriptor);
    request
}

/// The group of each device's node is what the shipped rules say.
pub fn scanners_only(guest: &mut Guest) -> String {
    assert_eq!(guest.shell("stat -c '%G %a' /dev/ttyUSB0 /dev/ttyUSB1"), "waybind 660\nwaybind 660");
    let groups = guest.shell("stat -c %G /dev/input/event*");
    let ours = groups.lines().filter(|group| *group == "waybind").count();
    assert_eq!(ours, WEDGES.len(), "the wedges, and not the PC's own keyboard: {groups}");
    for (name, descriptor, group) in [("pos", HID_POS, "waybind"), ("pad", GAME_PAD, "root")] {
        let request = printable(&create(name, 0x1234, "", descriptor));
        guest.shell(&format!("exec 5<>/dev/uhid; printf '{request}' >&5"));
        let node = until(&format!("the raw node of {name}"), PATIENCE, || {
            let found = guest.shell("udevadm settle; grep -l HID_NAME=p /sys/class/hidraw/*/device/uevent || :");
            Some(found.split('/').nth(4)?.to_owned())
        });
        assert_eq!(guest.shell(&format!("stat -c %G /dev/{node}")), group, "{name}");
        guest.shell("exec 5>&-; udevadm settle");
    }
    String::new()
}
