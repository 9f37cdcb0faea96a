//! What happens to several scanners at once: the hub that they hang on resets, or waybind itself is killed.

use std::time::Duration;

use super::feed::{Feed, Refused};
use super::guest::{FTDI, Ftdi, Guest, Keyboard, WEDGES};
use super::served::PATIENCE;

/// As for one scanner.
const GONE: Duration = Duration::from_secs(10);
const BACK: Duration = Duration::from_secs(30);

fn names() -> impl Iterator<Item = &'static str> {
    FTDI.into_iter().map(|scanner| scanner.name).chain(WEDGES.into_iter().map(|wedge| wedge.name))
}

/// Each scanner reads a code of its own name, which arrives whole and from nobody else.
fn each_reads(guest: &mut Guest, feed: &mut Feed) {
    for scanner in FTDI {
        guest.line(scanner).send(format!("{}\r", scanner.name).as_bytes());
    }
    for keyboard in WEDGES {
        guest.type_on(Some(keyboard), &format!("{}\n", keyboard.name));
    }
    let mut read = feed.refused(FTDI.len() + WEDGES.len(), PATIENCE);
    read.sort_by(|one, other| one.device.cmp(&other.device));
    let serial = FTDI.into_iter().zip(["b1", "b2"]).map(|(Ftdi { name, .. }, station)| (name, station));
    let typed = WEDGES.into_iter().map(|Keyboard { name, station, .. }| (name, station));
    let wanted: Vec<Refused> = serial
        .chain(typed)
        .map(|(name, station)| Refused { device: name.into(), station: station.into(), text: name.into() })
        .collect();
    assert_eq!(read, wanted);
}

fn half_codes(guest: &mut Guest) {
    guest.line(FTDI[0]).send(b"HALF-A-CO");
    guest.type_on(Some(WEDGES[0]), "half-a-co");
}

/// The controller's own hub is switched off and on: every scanner vanishes amid its work and comes back together with the
/// others, in an order that nobody chose.
pub fn reset(guest: &mut Guest) -> String {
    let mut feed = Feed::now(guest);
    let hub = guest
        .shell("dirname $(dirname $(grep -l 0403 /sys/bus/usb/devices/*/idVendor | head -n 1 | xargs readlink -f))");
    half_codes(guest);
    guest.shell(&format!("echo 0 >{hub}/authorized"));
    let gone = names().map(|name| guest.wait_connected(name, false, GONE)).max().unwrap();
    guest.shell(&format!("echo 1 >{hub}/authorized"));
    let back = names().map(|name| guest.wait_connected(name, true, BACK)).max().unwrap();
    each_reads(guest, &mut feed);
    assert_eq!(feed.unreadable, 2, "the halves of the two codes are recorded as such");
    format!("told after {:.2} s, reading after {:.2} s", gone.as_secs_f32(), back.as_secs_f32())
}

/// The half of a code that was read before waybind was killed is no part of the code after it.
pub fn restarted(guest: &mut Guest) -> String {
    half_codes(guest);
    let killed = guest.shell("pidof waybind; kill -9 $(pidof waybind)");
    guest.wait_healthy();
    assert_ne!(guest.shell("pidof waybind"), killed, "waybind was killed");
    for name in names() {
        guest.wait_connected(name, true, BACK);
    }
    let mut feed = Feed::now(guest);
    each_reads(guest, &mut feed);
    String::new()
}
