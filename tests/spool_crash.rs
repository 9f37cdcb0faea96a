//! kill -9 at random moments while labels are printed on a printer that counts: no job is lost, and none is printed twice
//! without being asked.
//!
//! `WAYBIND_FULL=1` plays 25 rounds, `WAYBIND_LONG=1` 200; plain `cargo test` plays 6.

#![allow(missing_docs, clippy::unwrap_used, reason = "a test")]

mod support;

use std::collections::BTreeMap;
use std::time::Duration;

use proptest::prelude::Rng;
use proptest::test_runner::{RngAlgorithm, TestRng};
use serde_json::{Value, json};
use support::paper::job_number;
use support::served::{Client, Served, assert_clean, eventually};
use waybind::sim::printer::{Manner, SimPrinter, Speech};

/// Orders of a round: some more than are printed in it, so that the spool always has something to do.
const PACKED: usize = 6;

fn rounds() -> usize {
    match (std::env::var_os("WAYBIND_LONG"), std::env::var_os("WAYBIND_FULL")) {
        (Some(_), _) => 200,
        (None, Some(_)) => 25,
        (None, None) => 6,
    }
}

/// Packs an order, so that its waybill prints; every step may be repeated. None once the service is gone.
fn pack(client: &mut Client, number: usize) -> Option<()> {
    let order = json!({"id": format!("SO-{number}"), "carrier": "ZTO", "consignee": {"name": "Li", "address": "1 Road"},
        "lines": [{"line": 1, "sku": "ITEM", "quantity": 1}]});
    client.try_call("POST", "/api/v1/orders", Some(&order))?;
    let waybill = json!({"number": format!("W{number}"), "carrier": "ZTO", "orders": [format!("SO-{number}")]});
    client.try_call("POST", "/api/v1/waybills", Some(&waybill))?;
    for (step, data) in [("open", format!("SO-{number}")), ("item", "ITEM".into()), ("done", "WB:C:DONE".into())] {
        client.try_scan(&format!("{step}-{number}"), "bench", &data)?;
    }
    Some(())
}

/// How often each job was printed.
fn printed(sim: &SimPrinter) -> BTreeMap<u64, usize> {
    eventually("the printer to have what was sent", || sim.is_idle().then_some(()));
    let mut counts = BTreeMap::new();
    for label in sim.labels() {
        *counts.entry(u64::from(job_number(&label))).or_default() += 1;
    }
    counts
}

fn jobs(client: &mut Client, state: &str) -> Vec<Value> {
    client.get(&format!("/api/v1/print-jobs?state={state}"))["jobs"].as_array().unwrap().clone()
}

#[test]
fn no_label_is_lost_or_printed_twice_when_the_process_is_killed() {
    let folder = tempfile::tempdir().unwrap();
    // one that answers, so that the spool is in the middle of something as often as can be
    let sim = SimPrinter::start("127.0.0.1:0", Speech::Zpl).unwrap();
    sim.behave(Manner::Slow(512, Duration::from_millis(4)));
    let config = [
        "language = \"en\"",
        "[[station]]\nid = \"bench\"\nmode = \"bench\"\nlatch = false\nprinter = \"P1\"",
        "print_waybill = true\nwaybill_template = \"waybill-76x130\"",
        "[[printer]]\nname = \"P1\"\nprofile = \"zpl-203\"",
        &format!("address = \"{}\"", sim.address),
    ]
    .join("\n");
    let mut random = TestRng::from_seed(RngAlgorithm::ChaCha, &[11; 32]);
    let (mut next, mut asked) = (1, 0);
    for round in 0..rounds() {
        let mut served = Served::start(folder.path(), &config);
        let mut client = served.client();
        client.must("/api/v1/products", &json!({"sku": "ITEM"}));
        let (from, address) = (next, served.address);
        let packer = std::thread::spawn(move || {
            let mut client = eventually("a connection", || Client::try_connect(address));
            (from..from + PACKED).take_while(|number| pack(&mut client, *number).is_some()).count()
        });
        std::thread::sleep(Duration::from_millis(200 + random.next_u64() % 1_500));
        served.kill();
        next += packer.join().unwrap();

        let counts = printed(&sim);
        assert!(counts.values().all(|count| *count == 1), "round {round}: a job was printed twice: {counts:?}");
        if round % 5 == 0 {
            assert_clean(&served.data);
        }
        asked += settle_unknown(&counts, &Served::start(folder.path(), &config));
    }
    let counts = printed(&sim);
    sim.behave(Manner::Prompt);
    let served = Served::start(folder.path(), &config);
    let mut client = served.client();
    asked += settle_unknown(&counts, &served);
    pack(&mut client, next).unwrap();
    eventually("everything to be printed", || {
        let open = ["queued", "sending"].iter().map(|state| jobs(&mut client, state).len()).sum::<usize>();
        (open == 0).then_some(())
    });
    assert_eq!(jobs(&mut client, "unknown").len() + jobs(&mut client, "failed").len(), 0);
    let counts = printed(&sim);
    assert_eq!(counts.len(), next, "each order's label was printed: {counts:?}, {asked} jobs asked");
    assert!(counts.values().all(|count| *count == 1), "{counts:?}");
    drop(client);
    let data = served.data.clone();
    assert!(served.terminate().success());
    assert_clean(&data);
    eprintln!("{next} labels, {asked} jobs asked");
}

/// A person looks at the printer for each job that asks: what lies there is printed, what does not is printed again.
/// `counts` is what lay there before the service came back; what asks is not printed meanwhile.
fn settle_unknown(counts: &BTreeMap<u64, usize>, served: &Served) -> usize {
    let mut client = served.client();
    let unknown = jobs(&mut client, "unknown");
    for job in &unknown {
        let number = job["number"].as_u64().unwrap();
        let how = if counts.contains_key(&number) { "printed" } else { "again" };
        client.must(&format!("/api/v1/print-jobs/{number}/resolve"), &json!({"how": how}));
    }
    unknown.len()
}
