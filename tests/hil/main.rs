//! Scanners on real drivers: a small Linux in QEMU into which USB devices are plugged, scanned with, pulled out and
//! plugged in again while waybind runs in it as a user without rights. `tests/run` plays it; alone it is
//! `cargo test --features hil-tests --test hil`.
//!
//! Needs Debian 12's `apt-get download` once; what it downloads stays in `~/.cache/waybind-hil`, or where
//! `WAYBIND_HIL_CACHE` says, and is installed nowhere.

#![allow(missing_docs, clippy::unwrap_used, clippy::print_stdout, reason = "a test")]

mod feed;
mod guest;
mod hub;
mod initramfs;
mod keyboards;
mod packages;
mod pos;
mod power;
mod qmp;
mod serial;
#[path = "../support/served.rs"]
#[allow(dead_code, reason = "other tests use the rest")]
mod served;
mod system;

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::process::ExitCode;
use std::time::Instant;

use self::guest::{Guest, Machine};
use self::packages::Packages;

/// Lines of the guest's console that are shown when something failed.
const CONSOLE_SHOWN: usize = 60;

/// A wedge by its link and one by what it says of itself; a HID POS scanner of each layout, by its USB ids alone.
const HID: &str = r#"
[[device]]
name = "wedge-1"
station = "b4"
kind = "hid-keyboard"
path = "/dev/input/by-id/usb-QEMU_QEMU_USB_Keyboard_KBD001-event-kbd"
protocol = "generic/keyboard"
[[device]]
name = "wedge-2"
station = "b5"
kind = "hid-keyboard"
match = { usb = "0627:0001", serial = "KBD002" }
protocol = "generic/keyboard"
[[device]]
name = "pos-uhid"
station = "b6"
kind = "hid-pos"
match = { usb = "0c2e:0001" }
protocol = "honeywell/hid-pos"
[[device]]
name = "pos-usb"
station = "b7"
kind = "hid-pos"
match = { usb = "1eab:0d10" }
protocol = "newland/hid-pos"
"#;

/// Stations without a latch, so that a refusal stops nothing; seven with a scanner, three for clients over HTTP.
fn config() -> String {
    let station = |id: &str| format!("[[station]]\nid = \"{id}\"\nmode = \"bench\"\nlatch = false\n");
    let device = |name: &str, station: &str, link: &str| {
        format!(
            "[[device]]\nname = \"{name}\"\nstation = \"{station}\"\nkind = \"serial\"\npath = \"/dev/serial/by-id/{link}\"\nprotocol = \"generic/line\"\n"
        )
    };
    let stations: String =
        ["b1", "b2", "b3", "b4", "b5", "b6", "b7"].into_iter().chain(power::STATIONS).map(station).collect();
    stations
        + &device("ftdi-1", "b1", "usb-QEMU_QEMU_USB_SERIAL_SCN001-if00-port0")
        + &device("ftdi-2", "b2", "usb-QEMU_QEMU_USB_SERIAL_SCN002-if00-port0")
        + &device("acm", "b3", "usb-Acme_USB-COM_scanner_ACM001-if00")
        + HID
}

/// Counts what passed.
#[derive(Default)]
struct Score {
    passed: usize,
    failed: usize,
}

impl Score {
    /// Plays one check, which answers what is worth knowing about it, or panics.
    fn check(&mut self, name: &str, play: impl FnOnce() -> String) {
        let begun = Instant::now();
        let (word, note) = match catch_unwind(AssertUnwindSafe(play)) {
            Ok(note) => {
                self.passed += 1;
                ("ok  ", note)
            }
            Err(_) => {
                self.failed += 1;
                ("FAIL", "as told above".to_owned())
            }
        };
        println!("{word} {name} ({:.1} s) {note}", begun.elapsed().as_secs_f32());
    }
}

fn play(score: &mut Score, machine: &Machine) {
    let mut guest = machine.start();
    println!("the guest is up after {:.1} s", guest.started_in.as_secs_f32());
    type Check = fn(&mut Guest) -> String;
    let checks: [(&str, Check); 18] = [
        ("waybind runs as a user without rights", system::without_rights),
        ("udev gives it scanners, and no keyboard", system::scanners_only),
        ("a scan over FTDI is judged, recorded and beeps", serial::judged),
        ("500 codes at once come in order", serial::burst),
        ("pulled out amid a code and plugged in again", serial::replugged),
        ("a USB-COM scanner works, unplugs and works again", serial::usb_com),
        ("two of one model stay at their stations", serial::two_of_one_model),
        ("and do so when they change sockets", serial::swapped),
        ("what a wedge types is a scan", keyboards::typed),
        ("a wedge's keys go to waybind alone, the keyboard's do not", keyboards::grabbed),
        ("two wedges type at once", keyboards::two_at_once),
        ("a wedge is pulled out amid a code and plugged in again", keyboards::replugged),
        ("keys that the kernel dropped spoil one code", keyboards::overflowed),
        ("a hub resets under four scanners, two amid a code", hub::reset),
        ("waybind is killed amid a code and started again", hub::restarted),
        ("a HID POS scanner through uhid reads, beeps, goes and comes back", pos::by_uhid),
        ("a HID POS scanner on USB does", pos::by_usb),
        ("what the stations show is what was counted", serial::counted),
    ];
    for (name, check) in checks {
        score.check(name, || check(&mut guest));
    }
    score.check("a power cut loses no acknowledged scan", || power::cut(machine, guest));
}

fn main() -> ExitCode {
    let begun = Instant::now();
    let mut score = Score::default();
    let machine = Machine::build(Packages::ready(), &config());
    println!("the guest is built after {:.1} s", begun.elapsed().as_secs_f32());
    if catch_unwind(AssertUnwindSafe(|| play(&mut score, &machine))).is_err() {
        score.failed += 1;
    }
    let console = machine.console();
    score.check("the guest's kernel has nothing to complain about", || {
        let marks = ["BUG:", "Oops", "Call Trace", "WARNING:", "can't be loaded", "not found", "panicked at"];
        let complaints: Vec<&str> =
            console.lines().filter(|line| marks.iter().any(|mark| line.contains(mark))).collect();
        assert!(complaints.is_empty(), "{complaints:#?}");
        String::new()
    });
    if score.failed > 0 {
        let lines: Vec<&str> = console.lines().collect();
        println!("the guest's console:\n{}", lines[lines.len().saturating_sub(CONSOLE_SHOWN)..].join("\n"));
    }
    println!("{} passed, {} failed in {:.0} s", score.passed, score.failed, begun.elapsed().as_secs_f32());
    if score.failed == 0 { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}
