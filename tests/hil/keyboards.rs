//! Scanners that type like a keyboard: QEMU's USB keyboards, typed on through its machine protocol. The PC's own
//! keyboard (i8042) is the one that waybind must leave alone.

use std::time::Duration;

use super::feed::{Feed, Refused};
use super::guest::{Guest, Keyboard, WEDGES, until};
use super::served::PATIENCE;

/// As for serial scanners: told within one second, reading within three, at five times that and more.
const GONE: Duration = Duration::from_secs(10);
const BACK: Duration = Duration::from_secs(30);

/// Every kind of key of the United States layout: capitals, digits, and signs with and without shift.
const SIGNS: &str = "Ab-9_$%*+/.:;#@!~=?,'\"{}[]<>|\\`^&";

fn read(keyboard: Keyboard, text: &str) -> Refused {
    Refused { device: keyboard.name.into(), station: keyboard.station.into(), text: text.into() }
}

/// What is typed arrives, signs with shift too.
pub fn typed(guest: &mut Guest) -> String {
    for keyboard in WEDGES {
        guest.wait_connected(keyboard.name, true, BACK);
    }
    let mut feed = Feed::now(guest);
    guest.type_on(Some(WEDGES[0]), &format!("{SIGNS}\n"));
    assert_eq!(feed.refused(1, PATIENCE), [read(WEDGES[0], SIGNS)]);
    String::new()
}

/// How many bytes of key events a second reader of a node gets while something is typed.
fn overheard(guest: &mut Guest, node: &str, keyboard: Option<Keyboard>, text: &str) -> u64 {
    guest.shell(&format!("cat {node} >/run/overheard & echo $! >/run/reader"));
    until("the second reader", PATIENCE, || {
        (guest.shell("ls -l /proc/$(cat /run/reader)/fd || :").contains(node)).then_some(())
    });
    guest.type_on(keyboard, text);
    // the reader gets events in the order of typing: what comes with this call was there before
    guest.shell("udevadm settle; kill $(cat /run/reader); wait");
    guest.shell("stat -c %s /run/overheard").parse().unwrap()
}

/// A scanner's keys go to waybind alone, the keyboard's to whoever reads it.
pub fn grabbed(guest: &mut Guest) -> String {
    let by_id = format!("readlink -f /dev/input/by-id/*_{}-event-kbd", WEDGES[0].serial);
    let node = guest.shell(&by_id);
    let mut feed = Feed::now(guest);
    assert_eq!(overheard(guest, &node, Some(WEDGES[0]), "grabbed\n"), 0, "{node} is not grabbed");
    assert_eq!(feed.refused(1, PATIENCE), [read(WEDGES[0], "grabbed")]);
    let own = guest.shell("grep -l 'AT Translated' /sys/class/input/event*/device/name");
    let own = format!("/dev/input/{}", own.split('/').nth(4).unwrap());
    let bytes = overheard(guest, &own, None, "secret\n");
    assert!(bytes > 0, "the PC's own keyboard {own} is grabbed");
    guest.type_on(Some(WEDGES[1]), "after\n");
    assert_eq!(feed.refused(1, PATIENCE), [read(WEDGES[1], "after")], "what the PC's own keyboard typed is no scan");
    String::new()
}

/// Two scanners type at the same time, key by key in turn.
pub fn two_at_once(guest: &mut Guest) -> String {
    let mut feed = Feed::now(guest);
    for number in 0..5 {
        let codes = [format!("one-{number}\n"), format!("two-{number}\n")];
        for (first, second) in codes[0].chars().zip(codes[1].chars()) {
            guest.type_on(Some(WEDGES[0]), &first.to_string());
            guest.type_on(Some(WEDGES[1]), &second.to_string());
        }
    }
    let refused = feed.refused(10, PATIENCE);
    for (keyboard, word) in WEDGES.into_iter().zip(["one", "two"]) {
        let got: Vec<Refused> = refused.iter().filter(|scan| scan.device == keyboard.name).cloned().collect();
        let wanted: Vec<Refused> = (0..5).map(|number| read(keyboard, &format!("{word}-{number}"))).collect();
        assert_eq!(got, wanted);
    }
    String::new()
}

/// Half a code before the cable came out is no part of the code after it.
pub fn replugged(guest: &mut Guest) -> String {
    let [keyboard, _] = WEDGES;
    let mut feed = Feed::now(guest);
    guest.type_on(Some(keyboard), "half-a-co");
    guest.unplug(keyboard.name);
    let gone = guest.wait_connected(keyboard.name, false, GONE);
    guest.plug_keyboard(keyboard);
    let back = guest.wait_connected(keyboard.name, true, BACK);
    guest.type_on(Some(keyboard), "whole\n");
    assert_eq!(feed.refused(1, PATIENCE), [read(keyboard, "whole")]);
    format!("told after {:.2} s, reading after {:.2} s", gone.as_secs_f32(), back.as_secs_f32())
}

/// The kernel keeps some sixty events for a reader that does not come, then drops them and says so. What is left of
/// the code is none; the next code is whole.
pub fn overflowed(guest: &mut Guest) -> String {
    let mut feed = Feed::now(guest);
    guest.shell("kill -STOP $(pidof waybind)");
    guest.type_on(Some(WEDGES[0]), "0123456789012345678901234567890123456789");
    guest.shell("kill -CONT $(pidof waybind)");
    guest.type_on(Some(WEDGES[0]), "tail\nnext\n");
    let refused = feed.refused(1, PATIENCE);
    assert_eq!(refused, [read(WEDGES[0], "next")]);
    assert!(feed.unreadable > 0, "the damaged code is recorded as unreadable");
    String::new()
}
