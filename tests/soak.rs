//! A soak: the ERP that is asked, its receiver of events, the courier and the printer fail at random while scanners work.
//! At the end every event was received at least once, in order for each outbound order, none is missing, duplicates say the
//! same under the same id, the state that a receiver builds from events alone is the box's, and every label was printed
//! once.
//!
//! `WAYBIND_SEED` repeats a run's outages; `tests/run` soaks for 20 s, plain `cargo test` for 4 s.

#![allow(missing_docs, clippy::unwrap_used, clippy::print_stdout, reason = "a test")]

mod support;

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use serde_json::{Value, json};
use support::known::{box_says, fold};
use support::paper::job_number;
use support::received::{assert_received, batch, feed, taken, target};
use support::served::{Client, PATIENCE, Served, assert_clean, eventually};
use waybind::sim::courier::{Courier, Mood};
use waybind::sim::erp::{Erp, MAPPING, Trouble, order};
use waybind::sim::printer::{Fault, Manner, SimPrinter, Speech};
use waybind::sim::receiver::{Receiver, Reply};

/// Scanners at once; labels are printed at the first one's station.
const SCANNERS: usize = 3;

/// Orders that each of them takes to the truck at least, however slow the machine is.
const LEAST: usize = 2;

/// Numbers that repeat from a seed (SplitMix64).
struct Chance(u64);

impl Chance {
    fn next(&mut self, below: u64) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        (mixed ^ (mixed >> 31)) % below
    }
}

/// All that stands around the box.
struct Around {
    receiver: Receiver,
    erp: Erp,
    courier: Courier,
    printer: SimPrinter,
}

impl Around {
    fn start() -> Around {
        Around {
            receiver: Receiver::start("127.0.0.1:0", true).unwrap(),
            erp: Erp::start("127.0.0.1:0").unwrap(),
            courier: Courier::start(0).unwrap(),
            printer: SimPrinter::start("127.0.0.1:0", Speech::Zpl).unwrap(),
        }
    }

    fn config(&self, folder: &Path) -> String {
        let mapping = folder.join("erp.toml");
        std::fs::write(&mapping, MAPPING).unwrap();
        let mut text = "language = \"en\"\n".to_owned();
        for scanner in 0..SCANNERS {
            text += &format!("[[station]]\nid = \"s{scanner}\"\nmode = \"bench\"\nlatch = false\n");
            if scanner == 0 {
                text += "printer = \"P1\"\nprint_waybill = true\nwaybill_template = \"waybill-76x130\"\n";
            }
        }
        text += "[[station]]\nid = \"dock\"\nmode = \"load\"\nlatch = false\n";
        text += &format!("[[printer]]\nname = \"P1\"\nprofile = \"zpl-203\"\naddress = \"{}\"\n", self.printer.address);
        text += &format!(
            "[[target]]\nname = \"erp\"\nkind = \"webhook\"\nurl = \"http://{}/in\"\nsecret = \"s\"\n",
            self.receiver.address
        );
        text += &self.erp.configuration(&mapping);
        text += "[[carrier]]\ncode = \"ZTO\"\nchannels = [\"direct\", \"ahead\"]\npoll_seconds = 1\n";
        let body = r#"{"request":"{request}","count":"{count}"}"#;
        let address = self.courier.address;
        for (name, path, number, rest) in
            [("direct", "number", "data.no", ""), ("ahead", "numbers", "data.list[*].no", "ahead = 10\nlow = 3\n")]
        {
            text += &format!("[[channel]]\nname = \"{name}\"\nurl = \"http://{address}/{path}\"\nbody = '{body}'\n");
            text += &format!("number = \"{number}\"\nok = \"code\"\ntimeout_seconds = 1\n{rest}");
        }
        text
    }

    /// Bad and good days of all of them, until it is told to stop.
    fn outages(&self, seed: u64, stop: &AtomicBool) {
        let mut chance = Chance(seed);
        while !stop.load(Ordering::Relaxed) {
            self.bad_receiver(&mut chance);
            let moods = Mood::BAD.len() as u64;
            let mood = chance.next(2 * moods);
            self.courier.turn(Mood::BAD.get(mood as usize).copied().unwrap_or(Mood::Works));
            self.erp.standing_trouble(match chance.next(10) {
                0 => Some(Trouble::Reply(Reply::Status(500, "down".into()))),
                1 => Some(Trouble::Slow(Duration::from_millis(150))),
                2 => Some(Trouble::Middle),
                3 => Some(Trouble::Twice),
                4 => Some(Trouble::Backwards),
                5 => Some(Trouble::Inside("busy".into())),
                _ => None,
            });
            let no_paper = Fault { paper_out: true, ..Fault::default() };
            let (manner, fault) = match chance.next(6) {
                0 => (Manner::Prompt, no_paper),
                1 => (Manner::Slow(2_048, Duration::from_millis(20)), Fault::default()),
                2 => (Manner::HangUp(200 + chance.next(8_000) as usize), Fault::default()),
                _ => (Manner::Prompt, Fault::default()),
            };
            self.printer.behave(manner);
            self.printer.set_fault(fault);
            std::thread::sleep(Duration::from_millis(100 + chance.next(500)));
        }
        self.receiver.answer(|_| Reply::take());
        self.courier.turn(Mood::Works);
        self.erp.standing_trouble(None);
        self.printer.behave(Manner::Prompt);
        self.printer.set_fault(Fault::default());
    }

    fn bad_receiver(&self, chance: &mut Chance) {
        let (mood, wobble) = (chance.next(9), chance.next(u64::MAX));
        let count = AtomicUsize::new(0);
        self.receiver.answer(move |_| {
            let turn = count.fetch_add(1, Ordering::Relaxed) as u64;
            match (mood, (wobble >> (turn % 32)) & 1) {
                (0, _) => Reply::Status(500, "down".into()),
                (1, _) => Reply::Close,
                (2, 0) => Reply::Half,
                (3, 0) => Reply::Status(429, "slower".into()),
                (4, _) => Reply::Late(Duration::from_millis(200), 200, "{}".into()),
                (5, 0) => Reply::Huge(1024 * 1024),
                _ => Reply::take(),
            }
        });
    }
}

/// One who packs, an order after the other, from upstream's word to the truck.
struct Packer<'a> {
    client: Client,
    around: &'a Around,
    index: usize,
    station: String,
    scans: usize,
    chance: Chance,
    /// The supervisor's badge.
    badge: &'a str,
}

impl Packer<'_> {
    fn scan(&mut self, station: &str, data: &str) -> String {
        self.scans += 1;
        self.client.scan(&format!("{}-{}", self.index, self.scans), station, data)
    }

    /// Scans at the own station.
    fn here(&mut self, data: &str) -> String {
        let station = self.station.clone();
        self.scan(&station, data)
    }

    fn say(&mut self, id: &str, word: &str, body: &Value) {
        self.client.must(&format!("/api/v1/orders/{id}/{word}"), body);
    }

    /// The order once the box knows it like this; the ERP is not waited for longer than it must be.
    fn heard(&mut self, id: &str, is_so: impl Fn(&Value) -> bool) {
        let until = Instant::now() + PATIENCE;
        loop {
            self.client.must("/api/v1/sources/erp/retry", &json!({}));
            let known = self.client.try_call("GET", &format!("/api/v1/orders/{id}"), None).unwrap();
            if known.0 == 200 && is_so(&known.1) {
                return;
            }
            if Instant::now() > until {
                let source = self.client.get("/api/v1/sources");
                panic!("{} changes, {source}, {known:?}", self.around.erp.last());
            }
            std::thread::sleep(Duration::from_millis(10));
        }
    }

    /// Works for a while; answers how many orders left.
    fn work(mut self, until: Instant) -> usize {
        let (mut left, mut round) = (0, 0);
        while Instant::now() < until || left < LEAST {
            round += 1;
            let id = format!("SO-{}-{round}", self.index);
            let is_asked = round % 2 == 0;
            if is_asked {
                self.around.erp.put_order(order(&id, 1, &[("A", 2), ("B", 1)]));
                self.heard(&id, |_| true);
            } else {
                let pushed = json!({"id": id, "carrier": "ZTO", "consignee": {"name": id, "address": "1 Road"},
                    "lines": [{"line": 1, "sku": "A", "quantity": 2}, {"line": 2, "sku": "B", "quantity": 1}]});
                self.client.must("/api/v1/orders", &pushed);
            }
            left += usize::from(self.pack(&id, is_asked) && self.leave(&id, round));
        }
        left
    }

    /// Packs an order; whether it goes on.
    fn pack(&mut self, id: &str, is_asked: bool) -> bool {
        self.here(id);
        self.here("A");
        match (self.chance.next(8), is_asked) {
            (0, _) => drop(self.here("WB:C:UNDO")),
            (1, _) => {
                self.say(id, "hold", &json!({"reason": "risk"}));
                self.here("A");
                self.say(id, "release", &json!({}));
            }
            (2, _) => {
                if is_asked {
                    self.around.erp.change_order(id, |order| order["status"] = "已关闭".into());
                    self.heard(id, |order| order["disposition"] == "cancelled");
                } else {
                    self.say(id, "cancel", &json!({}));
                }
                self.here("A");
                self.here("WB:C:PAUSE");
                return false;
            }
            (3 | 4, true) => {
                self.around.erp.change_order(id, |order| order["receiver"]["address"] = "南京西路 2 号".into());
                self.heard(id, |order| order["awaits_address"] == true);
                self.here("A");
                let badge = json!({"badge": self.badge});
                self.say(id, "confirm-address", &badge);
            }
            _ => {}
        }
        for sku in ["A", "B", "A"] {
            self.here(sku);
        }
        true
    }

    /// Binds the box to its number, whoever gives it, and loads it.
    fn leave(&mut self, id: &str, round: usize) -> bool {
        let by_hand = format!("78{:04}{round:08}", self.index);
        eventually("a bound waybill", || {
            let order = self.client.get(&format!("/api/v1/orders/{id}"));
            let waybills = order["waybills"].as_array().unwrap();
            let holds = waybills.iter().find(|waybill| waybill["void"].is_null());
            let number = match holds.map(|waybill| waybill["number"].as_str().unwrap().to_owned()) {
                Some(number) => number,
                None if order["waybill_pending"] == true => by_hand.clone(),
                None => return None,
            };
            // the courier may have been quicker than the hand
            (self.here(&number) == "waybill_bound").then_some(())
        });
        let order = self.client.get(&format!("/api/v1/orders/{id}"));
        let number = order["parcels"][0]["waybill"].as_str().unwrap().to_owned();
        self.scan("dock", &number) == "waybill_loaded"
    }
}

/// The jobs of the spool.
fn jobs(client: &mut Client, state: &str) -> Vec<Value> {
    client.get(&format!("/api/v1/print-jobs?state={state}"))["jobs"].as_array().unwrap().clone()
}

/// Waits until nothing waits to be printed, as long as that goes on.
fn printed_out(client: &mut Client) {
    let open = |client: &mut Client| ["queued", "sending"].map(|state| jobs(client, state).len()).iter().sum::<usize>();
    let mut before = open(client);
    while before > 0 {
        before = eventually("the spool to go on", || Some(open(client)).filter(|left| *left < before));
    }
}

/// A person looks at the printer for each job that asks; then every label was printed, and each once.
fn assert_printed(client: &mut Client, printer: &SimPrinter) -> (usize, usize) {
    let lies_there = || {
        eventually("the printer to have what was sent", || printer.is_idle().then_some(()));
        let mut counts: BTreeMap<u64, usize> = BTreeMap::new();
        for label in printer.labels() {
            *counts.entry(u64::from(job_number(&label))).or_default() += 1;
        }
        counts
    };
    printed_out(client);
    let (counts, unknown) = (lies_there(), jobs(client, "unknown"));
    for job in &unknown {
        let number = job["number"].as_u64().unwrap();
        let how = if counts.contains_key(&number) { "printed" } else { "again" };
        client.must(&format!("/api/v1/print-jobs/{number}/resolve"), &json!({"how": how}));
    }
    printed_out(client);
    for state in ["unknown", "failed"] {
        assert_eq!(jobs(client, state), Vec::<Value>::new(), "{state}");
    }
    let (counts, all) = (lies_there(), jobs(client, ""));
    let asked: Vec<u64> = all.iter().map(|job| job["number"].as_u64().unwrap()).rev().collect();
    assert_eq!(counts.keys().copied().collect::<Vec<u64>>(), asked, "a label is lost, or nobody asked for it");
    assert!(counts.values().all(|count| *count == 1), "printed twice: {counts:?}");
    (all.len(), unknown.len())
}

/// Every box that left from the station with the printer got the label that it left under.
fn assert_labelled(client: &mut Client, orders: impl Iterator<Item = String>) {
    let all = jobs(client, "");
    for id in orders.filter(|id| id.starts_with("SO-0-")) {
        let order = client.get(&format!("/api/v1/orders/{id}"));
        let number = &order["parcels"][0]["waybill"];
        let has_label = all.iter().any(|job| job["waybill"] == *number);
        assert!(number.is_null() || has_label, "{id} left under {number} without a label: {all:?}");
    }
}

/// What was received tells the same as the box knows; answers how many events there are, and how many came.
fn assert_told(client: &mut Client, receiver: &Receiver) -> (usize, usize, Vec<String>) {
    eventually("a feed that all of them were told", || {
        client.must("/api/v1/targets/erp/retry", &json!({"ids": []}));
        (target(client, "erp")["depth"] == 0).then_some(())
    });
    let feed = feed(client);
    assert_received(&feed, &taken(receiver));
    // what was answered badly had arrived all the same
    let received: Vec<Value> = receiver.requests().iter().flat_map(batch).collect();
    assert_received(&feed, &received);
    assert!(received.len() > feed.len(), "no outage made a duplicate");
    let known = fold(&received);
    let orders = known.keys().cloned().collect();
    for (id, known) in known {
        let mut said = box_says(client, &id);
        // a line that nothing was counted on is not in the events
        said.picked.retain(|line, count| *count != 0 || known.picked.contains_key(line));
        said.packed.retain(|line, count| *count != 0 || known.packed.contains_key(line));
        assert_eq!(known, said, "{id}");
    }
    (feed.len(), received.len(), orders)
}

#[test]
fn outages_of_erp_courier_and_printer_lose_nothing() {
    let span = if std::env::var_os("WAYBIND_FULL").is_some() { 20 } else { 4 };
    let fresh = || SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_nanos() as u64;
    let seed = std::env::var("WAYBIND_SEED").ok().and_then(|seed| seed.parse().ok()).unwrap_or_else(fresh);
    println!("WAYBIND_SEED={seed}");
    let (folder, around) = (tempfile::tempdir().unwrap(), Around::start());
    let served = Served::start(folder.path(), &around.config(folder.path()));
    let mut client = served.client();
    for sku in ["A", "B"] {
        client.must("/api/v1/products", &json!({"sku": sku}));
    }
    let boss = client.must("/api/v1/operators", &json!({"id": "boss", "role": "supervisor"}));
    let badge = boss["results"][0]["scan_code"].as_str().unwrap().to_owned();
    let (stop, until) = (AtomicBool::new(false), Instant::now() + Duration::from_secs(span));
    let left: usize = std::thread::scope(|scope| {
        let outages = scope.spawn(|| around.outages(seed, &stop));
        let packers: Vec<_> = (0..SCANNERS)
            .map(|index| {
                let (client, station) = (served.client(), format!("s{index}"));
                let chance = Chance(seed ^ (index as u64 + 1));
                let (around, badge) = (&around, badge.as_str());
                let packer = Packer { client, around, index, station, scans: 0, chance, badge };
                scope.spawn(move || packer.work(until))
            })
            .collect();
        let left = packers.into_iter().map(|packer| packer.join()).collect::<Vec<_>>();
        stop.store(true, Ordering::Relaxed);
        outages.join().unwrap();
        left.into_iter().map(|left| left.unwrap()).sum()
    });
    // the first connection was idle for longer than the service keeps one
    let mut client = served.client();
    let (labels, asked) = assert_printed(&mut client, &around.printer);
    let (told, sent, orders) = assert_told(&mut client, &around.receiver);
    assert_labelled(&mut client, orders.into_iter());
    println!("{left} orders left, {told} events, {sent} received, {labels} labels, {asked} jobs asked");
    assert!(labels > 0, "nothing was printed");
    assert!(served.terminate().success());
    assert_clean(&folder.path().join("data"));
}
