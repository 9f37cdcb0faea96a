//! HID POS scanners: one that a shell of the guest plays through uhid, one that is a USB device of the guest's own
//! gadget driver, on both of the report layouts that scanners are known to have.

use std::time::Duration;

use super::feed::{Feed, Refused};
use super::guest::{Guest, printable, until};
use super::served::PATIENCE;
use super::system::create;

const GONE: Duration = Duration::from_secs(10);
const BACK: Duration = Duration::from_secs(30);

/// Bytes of a report, with its id.
const REPORT: usize = 64;

/// Characters that fit into one report.
const CHARACTERS: usize = 56;

/// Where a report carries what; the id is 2, the length in byte 1, the last bit says that more follows.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Layout {
    /// The AIM identifier, then the characters.
    WithAim,
    /// The characters at once.
    Plain,
}

/// A descriptor of each layout in the words of the HID POS usage tables.
const WITH_AIM: &[u8] = &[
    0x05, 0x8C, 0x09, 0x02, 0xA1, 0x01, 0x09, 0x12, 0xA1, 0x02, 0x85, 0x02, 0x15, 0x00, 0x26, 0xFF, 0x00, 0x75, 0x08,
    0x05, 0x01, 0x09, 0x3B, 0x95, 0x01, 0x81, 0x02, 0x05, 0x8C, 0x19, 0xFB, 0x29, 0xFD, 0x95, 0x03, 0x81, 0x02, 0x09,
    0xFE, 0x95, 0x38, 0x82, 0x02, 0x01, 0x95, 0x02, 0x81, 0x03, 0x25, 0x01, 0x75, 0x01, 0x95, 0x01, 0x09, 0xFF, 0x81,
    0x02, 0x95, 0x07, 0x81, 0x03, 0xC0, 0xC0,
];
const PLAIN: &[u8] = &[
    0x05, 0x8C, 0x09, 0x02, 0xA1, 0x01, 0x09, 0x12, 0xA1, 0x02, 0x85, 0x02, 0x15, 0x00, 0x26, 0xFF, 0x00, 0x75, 0x08,
    0x05, 0x01, 0x09, 0x3B, 0x95, 0x01, 0x81, 0x02, 0x05, 0x8C, 0x09, 0xFE, 0x95, 0x38, 0x82, 0x02, 0x01, 0x95, 0x05,
    0x81, 0x03, 0x25, 0x01, 0x75, 0x01, 0x95, 0x01, 0x09, 0xFF, 0x81, 0x02, 0x95, 0x07, 0x81, 0x03, 0xC0, 0xC0,
];

/// The reports of a code.
fn reports(layout: Layout, code: &str) -> Vec<Vec<u8>> {
    let pieces: Vec<&[u8]> = code.as_bytes().chunks(CHARACTERS).collect();
    let report = |(index, piece): (usize, &&[u8])| {
        let mut report = vec![2, u8::try_from(piece.len()).unwrap()];
        if layout == Layout::WithAim {
            report.extend_from_slice(b"]C0");
        }
        report.extend_from_slice(piece);
        report.resize(REPORT, 0);
        report[REPORT - 1] = u8::from(index + 1 < pieces.len());
        report
    };
    pieces.iter().enumerate().map(report).collect()
}

/// The kernel's request that hands a report over (`UHID_INPUT2`).
fn input(report: &[u8]) -> Vec<u8> {
    let mut request = 12_u32.to_le_bytes().to_vec();
    request.extend_from_slice(&u16::try_from(report.len()).unwrap().to_le_bytes());
    request.extend_from_slice(report);
    request
}

/// What the kernel tells a uhid device: a number and up to 4,376 bytes.
const UHID_EVENT: usize = 4_380;

/// The number of an output report among them.
const UHID_OUTPUT: u8 = 6;

fn long_code() -> String {
    ('A'..='Z').chain('0'..='9').cycle().take(150).collect()
}

fn read(guest: &Guest, feed: &mut Feed, device: &str, station: &str, code: &str) {
    // the three characters of an AIM identifier are not part of the code
    let refused = Refused { device: device.into(), station: station.into(), text: code.into() };
    assert_eq!(feed.refused(1, PATIENCE), [refused], "{}", guest.client().get("/api/v1/devices"));
}

/// Through uhid: a code in one report, one in three, its beep as an output report, gone and back.
pub fn by_uhid(guest: &mut Guest) -> String {
    let request = printable(&create("Acme POS", 0x0C2E, "POS001", WITH_AIM));
    guest.shell(&format!("exec 5<>/dev/uhid; printf '{request}' >&5"));
    guest.wait_connected("pos-uhid", true, BACK);
    let mut feed = Feed::now(guest);
    for code in ["POS-1".to_owned(), long_code()] {
        for report in reports(Layout::WithAim, &code) {
            guest.shell(&format!("printf '{}' >&5", printable(&input(&report))));
        }
        read(guest, &mut feed, "pos-uhid", "b6", &code);
    }
    let beep = until("an output report", PATIENCE, || {
        let event = guest.shell(&format!("dd bs={UHID_EVENT} count=1 <&5 2>/dev/null | head -c 16 | od -An -v -tx1"));
        let bytes: Vec<u8> = event.split_whitespace().map(|byte| u8::from_str_radix(byte, 16).unwrap()).collect();
        (bytes.first() == Some(&UHID_OUTPUT)).then(|| bytes[4..].to_vec())
    });
    assert!(beep.starts_with(b"\xFD\x03\x16\x07\x0D"), "{beep:02X?}");
    guest.shell("exec 5>&-");
    let gone = guest.wait_connected("pos-uhid", false, GONE);
    guest.shell(&format!("exec 5<>/dev/uhid; printf '{request}' >&5"));
    let back = guest.wait_connected("pos-uhid", true, BACK);
    for report in reports(Layout::WithAim, "POS-2") {
        guest.shell(&format!("printf '{}' >&5", printable(&input(&report))));
    }
    read(guest, &mut feed, "pos-uhid", "b6", "POS-2");
    guest.shell("exec 5>&-");
    format!("told after {:.2} s, reading after {:.2} s", gone.as_secs_f32(), back.as_secs_f32())
}

/// As a USB device, whose reports the host polls for; pulled out amid a code of three reports.
pub fn by_usb(guest: &mut Guest) -> String {
    let socket = "/sys/kernel/config/usb_gadget/pos/UDC";
    guest.shell(&format!(
        "cd /sys/kernel/config/usb_gadget && mkdir pos && cd pos &&
        echo 0x1eab >idVendor && echo 0x0d10 >idProduct &&
        mkdir strings/0x409 configs/c.1 functions/hid.0 &&
        echo Acme >strings/0x409/manufacturer && echo 'HID POS' >strings/0x409/product &&
        echo POS002 >strings/0x409/serialnumber && echo {REPORT} >functions/hid.0/report_length &&
        printf '{}' >functions/hid.0/report_desc && ln -s functions/hid.0 configs/c.1/ &&
        echo dummy_udc.1 >UDC",
        printable(PLAIN)
    ));
    guest.wait_connected("pos-usb", true, BACK);
    let mut feed = Feed::now(guest);
    for code in ["USB-1".to_owned(), long_code()] {
        for report in reports(Layout::Plain, &code) {
            guest.shell(&format!("printf '{}' >/dev/hidg0", printable(&report)));
        }
        read(guest, &mut feed, "pos-usb", "b7", &code);
    }
    guest.shell(&format!("printf '{}' >/dev/hidg0", printable(&reports(Layout::Plain, &long_code())[0])));
    guest.shell(&format!("echo >{socket}"));
    let gone = guest.wait_connected("pos-usb", false, GONE);
    guest.shell(&format!("echo dummy_udc.1 >{socket}"));
    let back = guest.wait_connected("pos-usb", true, BACK);
    guest.shell(&format!("printf '{}' >/dev/hidg0", printable(&reports(Layout::Plain, "USB-2")[0])));
    read(guest, &mut feed, "pos-usb", "b7", "USB-2");
    format!("told after {:.2} s, reading after {:.2} s", gone.as_secs_f32(), back.as_secs_f32())
}
