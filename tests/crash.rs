//! kill -9 at random moments, under load from several clients that journal what was acknowledged: nothing that was
//! acknowledged is lost, nothing counts twice, the ledger is clean each time.
//!
//! `WAYBIND_LONG=1` plays 500 rounds instead of 100; plain `cargo test` plays 5.

#![allow(missing_docs, clippy::unwrap_used, reason = "a test")]

mod support;

use std::collections::HashSet;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use proptest::test_runner::{RngAlgorithm, TestRng};
use serde_json::json;
use support::served::{Client, Served, assert_clean, endless};

const CLIENTS: usize = 4;

fn rounds() -> usize {
    match (std::env::var_os("WAYBIND_LONG"), std::env::var_os("WAYBIND_FULL")) {
        (Some(_), _) => 500,
        (None, Some(_)) => 100,
        (None, None) => 5,
    }
}

fn config() -> String {
    (0..CLIENTS).map(|station| format!("[[station]]\nid = \"s{station}\"\nmode = \"bench\"\nlatch = false\n")).collect()
}

/// Scans until the service is gone; answers the ids that were acknowledged as accepted, and the one in flight.
fn load(mut client: Client, station: usize, round: usize, stop: Arc<AtomicBool>) -> (Vec<String>, Option<String>) {
    let mut acknowledged = Vec::new();
    for number in 0.. {
        let id = format!("r{round}-s{station}-{number}");
        match client.try_scan(&id, &format!("s{station}"), "ITEM") {
            Some((200, answer)) if answer["accepted"] == true => acknowledged.push(id),
            Some((status, answer)) => panic!("{status} {answer}"),
            None => return (acknowledged, Some(id)),
        }
        if stop.load(Ordering::Relaxed) {
            return (acknowledged, None);
        }
    }
    unreachable!("the loop ends by returning")
}

#[test]
fn nothing_acknowledged_is_lost_when_the_process_is_killed() {
    let folder = tempfile::tempdir().unwrap();
    let mut random = TestRng::from_seed(RngAlgorithm::ChaCha, &[7; 32]);
    let mut acknowledged: Vec<HashSet<String>> = vec![HashSet::new(); CLIENTS];
    let mut in_flight: Vec<(usize, String)> = Vec::new();
    for round in 0..rounds() {
        let mut served = Served::start(folder.path(), &config());
        let mut client = served.client();
        if round == 0 {
            client.must("/api/v1/products", &json!({"sku": "ITEM"}));
            for station in 0..CLIENTS {
                client.must("/api/v1/orders", &endless(&format!("SO-{station}")));
                assert_eq!(
                    client.scan(&format!("open-{station}"), &format!("s{station}"), &format!("SO-{station}")),
                    "opened"
                );
            }
        }
        // what was in flight when the process died: sent again under its id, it counts once whatever became of it
        for (station, id) in in_flight.drain(..) {
            let (_, answer) = client.try_scan(&id, &format!("s{station}"), "ITEM").unwrap();
            assert_eq!(answer["accepted"], true, "{answer}");
            acknowledged[station].insert(id);
        }
        let stop = Arc::new(AtomicBool::new(false));
        let clients: Vec<_> = (0..CLIENTS)
            .map(|station| {
                let (client, stop) = (served.client(), stop.clone());
                std::thread::spawn(move || load(client, station, round, stop))
            })
            .collect();
        std::thread::sleep(Duration::from_millis(20 + rand(&mut random, 130)));
        served.kill();
        stop.store(true, Ordering::Relaxed);
        for (station, client) in clients.into_iter().enumerate() {
            let (done, open) = client.join().unwrap();
            acknowledged[station].extend(done);
            in_flight.extend(open.map(|id| (station, id)));
        }
        if round % 10 == 9 || round < 5 {
            assert_clean(&served.data);
        }
    }
    let served = Served::start(folder.path(), &config());
    let mut client = served.client();
    for (station, id) in in_flight {
        client.try_scan(&id, &format!("s{station}"), "ITEM").unwrap();
        acknowledged[station].insert(id);
    }
    for (station, acknowledged) in acknowledged.iter().enumerate() {
        let order = client.get(&format!("/api/v1/orders/SO-{station}"));
        assert_eq!(order["lines"][0]["packed"], acknowledged.len(), "station {station}");
        assert!(!acknowledged.is_empty());
    }
    assert_clean(&served.data);
}

fn rand(random: &mut TestRng, below: u64) -> u64 {
    use proptest::prelude::Rng;
    random.next_u64() % below
}
