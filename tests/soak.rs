//! A soak: the ERP's receiver and the courier fail at random while scanners work. At the end every event was received at
//! least once, in order for each outbound order, none is missing, duplicates say the same under the same id, and the state
//! that a receiver builds from events alone is the box's.
//!
//! `WAYBIND_SEED` repeats a run's outages; `tests/run` soaks for 20 s, plain `cargo test` for 4 s.

#![allow(missing_docs, clippy::unwrap_used, clippy::print_stdout, reason = "a test")]

mod support;

use std::collections::{BTreeMap, HashMap};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use serde_json::{Value, json};
use support::received::{assert_received, batch, feed, taken, target};
use support::served::{Client, Served, assert_clean, eventually};
use waybind::sim::courier::{Courier, Mood};
use waybind::sim::receiver::{Receiver, Reply};

/// Scanners at once.
const SCANNERS: usize = 3;

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

fn config(receiver: &Receiver, courier: &Courier) -> String {
    let mut text = String::new();
    for scanner in 0..SCANNERS {
        text += &format!("[[station]]\nid = \"s{scanner}\"\nmode = \"bench\"\nlatch = false\n");
    }
    text += "[[station]]\nid = \"dock\"\nmode = \"load\"\nlatch = false\n";
    text += &format!(
        "[[target]]\nname = \"erp\"\nkind = \"webhook\"\nurl = \"http://{}/in\"\nsecret = \"s\"\n",
        receiver.address
    );
    text += "[[carrier]]\ncode = \"ZTO\"\nchannels = [\"direct\", \"ahead\"]\npoll_seconds = 1\n";
    let body = r#"{"request":"{request}","count":"{count}"}"#;
    for (name, path, number, rest) in
        [("direct", "number", "data.no", ""), ("ahead", "numbers", "data.list[*].no", "ahead = 10\nlow = 3\n")]
    {
        text +=
            &format!("[[channel]]\nname = \"{name}\"\nurl = \"http://{}/{path}\"\nbody = '{body}'\n", courier.address);
        text += &format!("number = \"{number}\"\nok = \"code\"\ntimeout_seconds = 1\n{rest}");
    }
    text
}

/// Bad and good days of the two others, until it is told to stop.
fn outages(receiver: &Receiver, courier: &Courier, seed: u64, stop: &AtomicBool) {
    let mut chance = Chance(seed);
    while !stop.load(Ordering::Relaxed) {
        let mood = chance.next(9);
        let wobble = chance.next(u64::MAX);
        let count = AtomicUsize::new(0);
        receiver.answer(move |_| {
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
        let moods = Mood::BAD.len() as u64;
        let mood = chance.next(2 * moods);
        courier.turn(Mood::BAD.get(mood as usize).copied().unwrap_or(Mood::Works));
        std::thread::sleep(Duration::from_millis(100 + chance.next(500)));
    }
    receiver.answer(|_| Reply::take());
    courier.turn(Mood::Works);
}

/// One scanner: an order after the other, from upstream's word to the truck; answers how many left.
fn scanner(mut client: Client, index: usize, seed: u64, until: Instant) -> usize {
    let mut chance = Chance(seed);
    let (station, mut scans, mut left) = (format!("s{index}"), 0, 0);
    let mut round = 0;
    while Instant::now() < until {
        round += 1;
        let id = format!("SO-{index}-{round}");
        let order = json!({"id": id, "carrier": "ZTO", "consignee": {"name": id},
            "lines": [{"line": 1, "sku": "A", "quantity": 2}, {"line": 2, "sku": "B", "quantity": 1}]});
        client.must("/api/v1/orders", &order);
        let mut scan = |client: &mut Client, station: &str, data: &str| {
            scans += 1;
            client.scan(&format!("{index}-{scans}"), station, data)
        };
        scan(&mut client, &station, &id);
        scan(&mut client, &station, "A");
        match chance.next(8) {
            0 => drop(scan(&mut client, &station, "WB:C:UNDO")),
            1 => {
                client.must(&format!("/api/v1/orders/{id}/hold"), &json!({"reason": "risk"}));
                scan(&mut client, &station, "A");
                client.must(&format!("/api/v1/orders/{id}/release"), &json!({}));
            }
            2 => {
                client.must(&format!("/api/v1/orders/{id}/cancel"), &json!({}));
                scan(&mut client, &station, "A");
                scan(&mut client, &station, "WB:C:PAUSE");
                continue;
            }
            _ => {}
        }
        for sku in ["A", "B", "A"] {
            scan(&mut client, &station, sku);
        }
        left += usize::from(bind_and_load(&mut client, &mut scan, &station, &id, (index, round)));
    }
    left
}

fn bind_and_load(
    client: &mut Client,
    scan: &mut impl FnMut(&mut Client, &str, &str) -> String,
    station: &str,
    id: &str,
    (index, round): (usize, usize),
) -> bool {
    let by_hand = format!("78{index:04}{round:08}");
    eventually("a bound waybill", || {
        let order = client.get(&format!("/api/v1/orders/{id}"));
        let waybills = order["waybills"].as_array().unwrap();
        let number = waybills.iter().find(|waybill| waybill["void"].is_null()).map(|waybill| waybill["number"].clone());
        let number = match number {
            Some(number) => number.as_str().unwrap().to_owned(),
            None if order["waybill_pending"] == true => by_hand.clone(),
            None => return None,
        };
        // the courier may have been quicker than the hand
        (scan(client, station, &number) == "waybill_bound").then_some(number)
    });
    let order = client.get(&format!("/api/v1/orders/{id}"));
    let number = order["parcels"][0]["waybill"].as_str().unwrap().to_owned();
    scan(client, "dock", &number) == "waybill_loaded"
}

/// What a receiver knows of an order from events alone.
#[derive(Debug, Default, PartialEq)]
struct Known {
    stage: String,
    cancelled: bool,
    held: bool,
    picked: BTreeMap<u64, i64>,
    packed: BTreeMap<u64, i64>,
    waybills: BTreeMap<String, bool>,
    bound: Option<String>,
    loaded: Vec<String>,
    pending: bool,
}

/// Folds what was received, each event once, in the order in which it came first.
fn fold(received: &[Value]) -> BTreeMap<String, Known> {
    let mut seen: HashMap<&str, &Value> = HashMap::new();
    let mut known: BTreeMap<String, Known> = BTreeMap::new();
    for event in received {
        if let Some(before) = seen.insert(event["id"].as_str().unwrap(), event) {
            assert_eq!(before, event, "a duplicate says something else");
            continue;
        }
        let data = &event["data"];
        if let ("waybill_put" | "waybill_loaded", waybill) = (event["type"].as_str().unwrap(), &data["waybill"]) {
            let number = waybill["number"].as_str().or(waybill.as_str()).unwrap().to_owned();
            for order in known.values_mut().filter(|order| order.waybills.contains_key(&number)) {
                order.loaded.push(number.clone());
            }
            for order in waybill["orders"].as_array().into_iter().flatten() {
                let order = known.get_mut(order.as_str().unwrap()).unwrap();
                order.waybills.insert(number.clone(), true);
                order.pending = false;
            }
        }
        let Some(id) = event["subject"].as_str() else { continue };
        one(known.entry(id.to_owned()).or_default(), event["type"].as_str().unwrap(), data);
    }
    known
}

fn one(order: &mut Known, kind: &str, data: &Value) {
    match kind {
        "order_put" => order.stage = data["spec"]["stage"].as_str().unwrap().to_owned(),
        "stage_reached" => order.stage = data["stage"].as_str().unwrap().to_owned(),
        "order_cancelled" => order.cancelled = true,
        "order_held" => order.held = true,
        "order_released" => order.held = false,
        "waybill_bound" => order.bound = data["waybill"].as_str().map(str::to_owned),
        "waybill_pending" => order.pending = true,
        "picked" | "packed" | "verified" | "undone" | "put_back" => {
            let sign = if matches!(kind, "undone" | "put_back") { -1 } else { 1 };
            let count = &data["count"];
            let line = count["line"].as_u64().unwrap();
            for part in count["parts"].as_array().unwrap() {
                *order.picked.entry(line).or_default() += sign * part["picked"].as_i64().unwrap();
                *order.packed.entry(line).or_default() += sign * part["packed"].as_i64().unwrap();
            }
        }
        _ => {}
    }
}

/// The box's own word about an order, in the same form.
fn box_says(client: &mut Client, id: &str) -> Known {
    let order = client.get(&format!("/api/v1/orders/{id}"));
    let by_line = |name: &str| {
        let lines = order["lines"].as_array().unwrap();
        let counts = lines.iter().map(|line| (line["line"].as_u64().unwrap(), line[name].as_i64().unwrap()));
        counts.collect::<BTreeMap<u64, i64>>()
    };
    let waybills = order["waybills"].as_array().unwrap();
    let number = |waybill: &Value| waybill["number"].as_str().unwrap().to_owned();
    Known {
        stage: order["stage"].as_str().unwrap().to_owned(),
        cancelled: order["disposition"] == "cancelled",
        held: !order["holds"].as_array().unwrap().is_empty(),
        picked: by_line("picked"),
        packed: by_line("packed"),
        waybills: waybills.iter().map(|waybill| (number(waybill), true)).collect(),
        bound: order["parcels"]
            .as_array()
            .unwrap()
            .first()
            .and_then(|parcel| parcel["waybill"].as_str().map(str::to_owned)),
        loaded: waybills.iter().filter(|waybill| waybill["loaded"] == true).map(number).collect(),
        pending: order["waybill_pending"] == true,
    }
}

#[test]
fn outages_of_erp_and_courier_lose_nothing() {
    let span = if std::env::var_os("WAYBIND_FULL").is_some() { 20 } else { 4 };
    let fresh = || SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_nanos() as u64;
    let seed = std::env::var("WAYBIND_SEED").ok().and_then(|seed| seed.parse().ok()).unwrap_or_else(fresh);
    println!("WAYBIND_SEED={seed}");
    let folder = tempfile::tempdir().unwrap();
    let (receiver, courier) = (Receiver::start("127.0.0.1:0", true).unwrap(), Courier::start(0).unwrap());
    let served = Served::start(folder.path(), &config(&receiver, &courier));
    let mut client = served.client();
    for sku in ["A", "B"] {
        client.must("/api/v1/products", &json!({"sku": sku}));
    }
    let (stop, until) = (AtomicBool::new(false), Instant::now() + Duration::from_secs(span));
    let left: usize = std::thread::scope(|scope| {
        let outages = scope.spawn(|| outages(&receiver, &courier, seed, &stop));
        let scanners: Vec<_> = (0..SCANNERS)
            .map(|index| {
                let client = served.client();
                scope.spawn(move || scanner(client, index, seed ^ (index as u64 + 1), until))
            })
            .collect();
        let left = scanners.into_iter().map(|scanner| scanner.join().unwrap()).sum();
        stop.store(true, Ordering::Relaxed);
        outages.join().unwrap();
        left
    });
    assert!(left > 5, "only {left} orders left");
    // the first connection was idle for longer than the service keeps one
    let mut client = served.client();
    eventually("a feed that all of them were told", || {
        client.must("/api/v1/targets/erp/retry", &json!({"ids": []}));
        (target(&mut client, "erp")["depth"] == 0).then_some(())
    });
    let feed = feed(&mut client);
    assert_received(&feed, &taken(&receiver));
    // what was answered badly had arrived all the same
    let received: Vec<Value> = receiver.requests().iter().flat_map(batch).collect();
    assert_received(&feed, &received);
    assert!(received.len() > feed.len(), "no outage made a duplicate");
    let known = fold(&received);
    assert!(known.len() >= left);
    for (id, known) in known {
        let mut said = box_says(&mut client, &id);
        // a line that nothing was counted on is not in the events
        said.picked.retain(|line, count| *count != 0 || known.picked.contains_key(line));
        said.packed.retain(|line, count| *count != 0 || known.packed.contains_key(line));
        assert_eq!(known, said, "{id}");
    }
    let sent = received.len();
    println!("{left} orders left, {} events, {sent} received", feed.len());
    assert!(served.terminate().success());
    assert_clean(&folder.path().join("data"));
}
