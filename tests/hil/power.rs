//! The plug is pulled while four scan: what was acknowledged is on the disk.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread::JoinHandle;
use std::time::Duration;

use serde_json::json;

use super::guest::{FTDI, Guest, Line, Machine, until};
use super::served::{Client, PATIENCE, endless};

/// The stations of the clients over HTTP; the fourth is the first serial scanner's.
pub const STATIONS: [&str; 3] = ["h1", "h2", "h3"];

/// The one that marks a place in the feed.
pub const MARKED: &str = STATIONS[0];

/// The power goes once so many scans were acknowledged: some seconds of work.
const ACKNOWLEDGED: usize = 80;

/// They take some seconds on an idle machine.
const LOAD_TIME: Duration = Duration::from_secs(120);

/// Scans until the guest is gone; answers how many were acknowledged: their ids count up from 0.
fn over_http(mut client: Client, station: &'static str, count: Arc<AtomicUsize>) -> usize {
    for number in 0.. {
        match client.try_scan(&format!("{station}-{number}"), station, "ITEM") {
            Some((200, answer)) if answer["accepted"] == true => count.fetch_add(1, Ordering::Relaxed),
            Some((status, answer)) => panic!("{status} {answer}"),
            None => return number,
        };
    }
    unreachable!("the loop ends by returning")
}

/// The same with a scanner that waits for its beep.
fn over_serial(mut line: Line, count: Arc<AtomicUsize>) -> usize {
    let mut acknowledged = 0;
    while line.scan_accepted("ITEM") {
        acknowledged += 1;
        count.fetch_add(1, Ordering::Relaxed);
    }
    acknowledged
}

fn packed(client: &mut Client, order: &str) -> usize {
    let order = client.get(&format!("/api/v1/orders/{order}"));
    usize::try_from(order["lines"][0]["packed"].as_u64().unwrap()).unwrap()
}

/// Pulls the plug under load, starts again with the same disk, and asks for each acknowledged scan by its id.
pub fn cut(machine: &Machine, mut guest: Guest) -> String {
    let mut client = guest.client();
    for station in STATIONS {
        client.must("/api/v1/orders", &endless(&format!("SO-{station}")));
        assert_eq!(client.scan(&format!("open-{station}"), station, &format!("SO-{station}")), "opened");
    }
    let before = packed(&mut client, "SO-1");
    let count = Arc::new(AtomicUsize::new(0));
    let loads: Vec<JoinHandle<usize>> = STATIONS
        .into_iter()
        .map(|station| {
            let (client, count) = (guest.client(), count.clone());
            std::thread::spawn(move || over_http(client, station, count))
        })
        .collect();
    let (line, counter) = (guest.line(FTDI[0]), count.clone());
    let scanner = std::thread::spawn(move || over_serial(line, counter));
    guest.shell("echo not synced >/data/unsynced");
    until("the load", LOAD_TIME, || (count.load(Ordering::Relaxed) >= ACKNOWLEDGED).then_some(()));
    guest.cut_power();
    let acknowledged: Vec<usize> = loads.into_iter().map(|load| load.join().unwrap()).collect();
    let beeps = scanner.join().unwrap();
    assert!(beeps > 0 && acknowledged.iter().all(|count| *count > 0), "{beeps} {acknowledged:?}");

    let mut guest = machine.start();
    let kernel = guest.shell("dmesg; cat /data/unsynced || :");
    assert!(
        kernel.contains("(vda): recovery complete") && !kernel.contains("not synced"),
        "that was no power cut: {kernel}"
    );
    let mut client = guest.client();
    for (station, acknowledged) in STATIONS.into_iter().zip(&acknowledged) {
        let found = packed(&mut client, &format!("SO-{station}"));
        // the one that was under way may be there, or not
        assert!((*acknowledged..=acknowledged + 1).contains(&found), "{station}: {found} of {acknowledged}");
        for number in 0..*acknowledged {
            let (_, answer) = client.try_scan(&format!("{station}-{number}"), station, "ITEM").unwrap();
            assert_eq!(answer["code"], json!("already_recorded"), "{station}-{number}: {answer}");
        }
    }
    let found = packed(&mut client, "SO-1") - before;
    assert!((beeps..=beeps + 1).contains(&found), "{found} of {beeps} beeps");
    guest.wait_connected(FTDI[0].name, true, PATIENCE);
    assert!(guest.line(FTDI[0]).scan_accepted("ITEM"), "the station's work is open as it was");
    let verified = guest.shell("su -s /bin/sh -c '/bin/waybind ledger verify --data /data/waybind' waybind");
    assert!(verified.contains("clean:") && !verified.contains("NOT"), "{verified}");
    format!(
        "{} + {beeps} scans, up again after {:.1} s; {verified}",
        acknowledged.iter().sum::<usize>(),
        guest.started_in.as_secs_f32()
    )
}
