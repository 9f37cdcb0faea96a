//! Serial scanners: FTDI chips whose far end is a socket of the test, and a USB-COM scanner (CDC-ACM) that the guest
//! plugs into itself.

use std::time::{Duration, Instant};

use serde_json::{Value, json};

use super::feed::{Feed, Refused};
use super::guest::{FTDI, Ftdi, Guest, Line};
use super::served::{PATIENCE, endless};

/// A pulled scanner is to be told within one second, a plugged one to read within three: completion deadlines of five
/// times that and more, as the guest is slow where the machine is busy.
const GONE: Duration = Duration::from_secs(10);
const BACK: Duration = Duration::from_secs(30);

/// How many codes a station's memory is emptied of at once.
const BURST: usize = 500;

/// Takes some 10 s on an idle machine.
const BURST_TIME: Duration = Duration::from_secs(120);

/// Codes of each of two scanners that read at once.
const EACH: usize = 40;

/// A thing that nobody knows, with its number.
fn unknown(prefix: &str, number: usize) -> String {
    format!("{prefix}-{number:04}")
}

/// A scan that opens an order, one that counts, one that does not: each with its beep, the record before it.
pub fn judged(guest: &mut Guest) -> String {
    let took = guest.wait_connected(FTDI[0].name, true, BACK);
    let mut client = guest.client();
    client.must("/api/v1/products", &json!({"sku": "ITEM"}));
    client.must("/api/v1/orders", &endless("SO-1"));
    let mut feed = Feed::now(guest);
    let mut line = guest.line(FTDI[0]);
    assert!(line.scan_accepted("SO-1") && line.scan_accepted("ITEM"));
    let station = guest.client().get("/api/v1/stations/b1");
    assert_eq!((&station["work"]["id"], &station["verdict"]["packed"]), (&json!("SO-1"), &json!(1)), "{station}");
    line.send(b"NOBODY-KNOWS\r\n");
    line.expect(b"\x07\x07\x07");
    let refused = Refused { device: "ftdi-1".into(), station: "b1".into(), text: "NOBODY-KNOWS".into() };
    assert_eq!(feed.refused(1, PATIENCE), [refused]);
    let (wire, ours) = timed(guest, &mut line);
    format!(
        "connected {:.1} s after the start; from the last byte to the beep {:.1} ms, {:.0} % of it in the service",
        took.as_secs_f32(),
        wire * 1e3,
        100.0 * ours / wire
    )
}

/// Scans that are timed.
const TIMED: usize = 20;

/// Seconds from a scan's last byte to its beep at the scanner, and how much of that the service itself took.
fn timed(guest: &Guest, line: &mut Line) -> (f64, f64) {
    let before = worked(guest);
    let start = Instant::now();
    for _ in 0..TIMED {
        assert!(line.scan_accepted("ITEM"));
    }
    let wire = start.elapsed().as_secs_f64() / TIMED as f64;
    let after = worked(guest);
    assert_eq!(after.0 - before.0, TIMED as f64);
    (wire, (after.1 - before.1) / TIMED as f64)
}

/// Scans that were judged, and the seconds that they took, as the metrics say.
fn worked(guest: &Guest) -> (f64, f64) {
    let (_, text) = guest.client().text("GET", "/metrics", "", "");
    let value = |name: &str| text.lines().find_map(|line| line.strip_prefix(name)?.trim().parse().ok()).unwrap();
    (value("waybind_scan_seconds_count "), value("waybind_scan_seconds_sum "))
}

/// A scanner that gives out its memory, in pieces that end anywhere.
pub fn burst(guest: &mut Guest) -> String {
    let mut feed = Feed::now(guest);
    let mut line = guest.line(FTDI[0]);
    let codes: Vec<String> = (0..BURST).map(|number| unknown("BURST", number)).collect();
    let bytes: Vec<u8> = codes.iter().flat_map(|code| format!("{code}\r\n").into_bytes()).collect();
    for piece in bytes.chunks(7) {
        line.send(piece);
    }
    let texts: Vec<String> = feed.refused(BURST, BURST_TIME).into_iter().map(|refused| refused.text).collect();
    assert_eq!(texts, codes);
    String::new()
}

fn metric(guest: &Guest, name: &str) -> String {
    let (_, text) = guest.client().text("GET", "/metrics", "", "");
    let wanted = format!("waybind_device_connected{{device=\"{name}\"}} ");
    text.lines().find_map(|line| line.strip_prefix(&wanted)).unwrap_or_else(|| panic!("no {wanted}: {text}")).to_owned()
}

/// Half a code before the cable came out is no part of the code after it.
pub fn replugged(guest: &mut Guest) -> String {
    let [scanner, _] = FTDI;
    let mut feed = Feed::now(guest);
    let mut line = guest.line(scanner);
    line.send(b"BEFORE\rHALF-A-CO");
    assert_eq!(feed.refused(1, PATIENCE)[0].text, "BEFORE");
    assert_eq!(metric(guest, scanner.name), "1");
    line.expect(b"\x07\x07\x07");
    guest.unplug(scanner.name);
    let gone = guest.wait_connected(scanner.name, false, GONE);
    assert_eq!(metric(guest, scanner.name), "0");
    guest.plug(scanner, 1);
    let back = guest.wait_connected(scanner.name, true, BACK);
    assert_eq!(metric(guest, scanner.name), "1");
    line.send(b"WHOLE\r");
    line.expect(b"\x07\x07\x07");
    let texts: Vec<String> = feed.refused(1, PATIENCE).into_iter().map(|refused| refused.text).collect();
    assert_eq!(texts, ["WHOLE"]);
    assert_eq!(feed.unreadable, 1, "the half of a code is recorded as such");
    format!("told after {:.2} s, reading after {:.2} s", gone.as_secs_f32(), back.as_secs_f32())
}

/// A USB device that the guest's kernel plays on one side and finds on the other, and that can be written to.
const USB_COM: &str = "
cd /sys/kernel/config/usb_gadget && mkdir acm && cd acm &&
echo 0x1eab >idVendor && echo 0x8306 >idProduct &&
mkdir strings/0x409 configs/c.1 functions/acm.0 &&
echo Acme >strings/0x409/manufacturer && echo 'USB-COM scanner' >strings/0x409/product &&
echo ACM001 >strings/0x409/serialnumber && ln -s functions/acm.0 configs/c.1/ &&
echo dummy_udc.0 >UDC && stty -F /dev/ttyGS0 raw -echo
";

fn usb_com_reads(guest: &mut Guest, code: &str) {
    let mut feed = Feed::now(guest);
    // the far end stays open between writing and reading, else the beep would go nowhere
    let beep = guest.shell(&format!(
        "exec 6<>/dev/ttyGS0; printf '{code}\\r' >&6; timeout 30 head -c 3 <&6 | od -An -tx1; exec 6>&-"
    ));
    assert_eq!(beep.trim(), "07 07 07", "the beep of {code}");
    let refused = Refused { device: "acm".into(), station: "b3".into(), text: code.into() };
    assert_eq!(feed.refused(1, PATIENCE), [refused]);
}

/// The same for a scanner that is a serial port itself.
pub fn usb_com(guest: &mut Guest) -> String {
    let socket = "/sys/kernel/config/usb_gadget/acm/UDC";
    assert_eq!(metric(guest, "acm"), "0");
    guest.shell(USB_COM);
    guest.wait_connected("acm", true, BACK);
    assert_eq!(guest.shell("stat -c %G /dev/ttyACM0"), "waybind");
    usb_com_reads(guest, "COM-1");
    guest.shell(&format!("echo >{socket}"));
    let gone = guest.wait_connected("acm", false, GONE);
    guest.shell(&format!("echo dummy_udc.0 >{socket}"));
    let back = guest.wait_connected("acm", true, BACK);
    usb_com_reads(guest, "COM-2");
    guest.shell(&format!("echo >{socket}"));
    format!("told after {:.2} s, reading after {:.2} s", gone.as_secs_f32(), back.as_secs_f32())
}

/// Both read at once; each code stands at the station of the scanner that read it.
fn read_at_once(guest: &Guest, round: &str) {
    let mut feed = Feed::now(guest);
    let mut lines = FTDI.map(|scanner| guest.line(scanner));
    for number in 0..EACH {
        for (line, scanner) in lines.iter_mut().zip(FTDI) {
            line.send(format!("{}\r", unknown(&format!("{round}-{}", scanner.serial), number)).as_bytes());
        }
    }
    let refused = feed.refused(2 * EACH, BURST_TIME);
    for (Ftdi { name, serial }, station) in FTDI.into_iter().zip(["b1", "b2"]) {
        let prefix = format!("{round}-{serial}");
        let wanted = (0..EACH).map(|number| unknown(&prefix, number));
        let wanted: Vec<Refused> =
            wanted.map(|text| Refused { device: name.into(), station: station.into(), text }).collect();
        let got: Vec<Refused> = refused.iter().filter(|refused| refused.device == name).cloned().collect();
        assert_eq!(got, wanted);
    }
    assert_eq!(refused.len(), 2 * EACH);
}

/// Two scanners that differ in nothing but their serial numbers.
pub fn two_of_one_model(guest: &mut Guest) -> String {
    guest.wait_connected(FTDI[1].name, true, BACK);
    read_at_once(guest, "A");
    String::new()
}

fn node(guest: &mut Guest, scanner: Ftdi) -> String {
    guest.shell(&format!("readlink -f /dev/serial/by-id/*_{}-*", scanner.serial))
}

/// Both out, then in again in the other's socket and in the other order, so that each gets the other's node.
pub fn swapped(guest: &mut Guest) -> String {
    // nodes are numbered in the order of plugging: begin with the first scanner at the first node
    replug(guest, [(FTDI[0], 1), (FTDI[1], 2)]);
    let before = FTDI.map(|scanner| node(guest, scanner));
    replug(guest, [(FTDI[1], 1), (FTDI[0], 2)]);
    let after = FTDI.map(|scanner| node(guest, scanner));
    assert_eq!([&before[0], &before[1]], [&after[1], &after[0]], "the test is to swap the nodes");
    read_at_once(guest, "B");
    format!("the first went from {} to {}", before[0], after[0])
}

fn replug(guest: &mut Guest, sockets: [(Ftdi, u8); 2]) {
    for scanner in FTDI {
        guest.unplug(scanner.name);
    }
    for scanner in FTDI {
        guest.wait_connected(scanner.name, false, GONE);
    }
    for (scanner, socket) in sockets {
        guest.plug(scanner, socket);
        guest.wait_connected(scanner.name, true, BACK);
    }
}

/// The one item that was counted is still the only one.
pub fn counted(guest: &mut Guest) -> String {
    let order = guest.client().get("/api/v1/orders/SO-1");
    assert_eq!(order["lines"][0]["packed"], Value::from(1 + TIMED));
    String::new()
}
