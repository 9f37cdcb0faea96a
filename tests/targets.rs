//! Targets: every event arrives at least once and in order, whatever the receiver does and whenever the service is
//! killed; what is refused becomes a dead letter and can be sent again.

#![allow(missing_docs, clippy::unwrap_used, reason = "a test")]

mod support;

use std::collections::{BTreeMap, HashMap};
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::Duration;

use serde_json::{Value, json};
use sha2::{Digest, Sha256};
use support::served::{Client, Served, assert_clean, endless, eventually};
use waybind::sim::receiver::{Receiver, Reply, Request};

const SECRETS: [&str; 2] = ["whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw", "whsec_AAECAwQFBgcICQoLDA0ODxAREhMUFRYX"];

const STATION: &str = "[[station]]\nid = \"s\"\nmode = \"bench\"\nlatch = false\n";

fn webhook(receiver: &Receiver) -> String {
    format!(
        "{STATION}[[target]]\nname = \"erp\"\nkind = \"webhook\"\nurl = \"http://{}/in?a=1\"\nsecret = {SECRETS:?}\n",
        receiver.address
    )
}

/// Ten orders and some scans; `round` keeps the ids apart.
fn work(client: &mut Client, round: usize) {
    client.must("/api/v1/products", &json!({"sku": "ITEM"}));
    for number in 0..10 {
        client.must("/api/v1/orders", &endless(&format!("SO-{round}-{number}")));
    }
    for number in 0..20 {
        if number % 2 == 0 {
            client.scan(&format!("{round}-open-{number}"), "s", &format!("SO-{round}-{}", number / 2));
        }
        client.scan(&format!("{round}-{number}"), "s", "ITEM");
    }
}

fn feed(client: &mut Client) -> Vec<Value> {
    let mut events: Vec<Value> = Vec::new();
    loop {
        let after = events.last().map_or(0, |event| event["seq"].as_u64().unwrap());
        let page = client.get(&format!("/api/v1/events?after={after}&limit=1000"));
        match page["events"].as_array().unwrap().as_slice() {
            [] => return events,
            found => events.extend_from_slice(found),
        }
    }
}

fn target(client: &mut Client, name: &str) -> Value {
    let all = client.get("/api/v1/targets");
    all["targets"].as_array().unwrap().iter().find(|target| target["name"] == name).unwrap().clone()
}

/// Waits until a target has been told everything; it is asked not to wait for its pauses.
fn told(client: &mut Client, name: &str) -> Value {
    eventually("the end of the feed", || {
        client.must(&format!("/api/v1/targets/{name}/retry"), &json!({"ids": []}));
        Some(target(client, name)).filter(|target| target["depth"] == 0)
    })
}

fn batch(request: &Request) -> Vec<Value> {
    serde_json::from_slice(&request.body).unwrap()
}

fn taken(receiver: &Receiver) -> Vec<Value> {
    receiver.requests().iter().filter(|request| request.taken).flat_map(batch).collect()
}

/// Each event is there, with what the feed says, and each order's come in the feed's order.
fn assert_received(feed: &[Value], received: &[Value]) {
    let mut first: BTreeMap<&str, usize> = BTreeMap::new();
    for (place, event) in received.iter().enumerate() {
        first.entry(event["id"].as_str().unwrap()).or_insert(place);
    }
    let mut last_of: HashMap<&Value, usize> = HashMap::new();
    for event in feed {
        let place = *first.get(event["id"].as_str().unwrap()).unwrap_or_else(|| panic!("{event} never came"));
        let came = &received[place];
        for (theirs, ours) in [("type", "type"), ("subject", "order"), ("time", "time"), ("data", "data")] {
            assert_eq!(came[theirs], event[ours], "{theirs} of {event}");
        }
        assert_eq!(came["specversion"], "1.0");
        if let Some(before) = last_of.insert(&event["order"], place) {
            assert!(before < place, "{event} came before an earlier one of its order");
        }
    }
    assert_eq!(first.len(), feed.len(), "something came that is not in the feed");
}

/// HMAC-SHA256 as RFC 2104 writes it.
fn hmac(key: &[u8], message: &[u8]) -> Vec<u8> {
    let mut block = [0; 64];
    block[..key.len()].copy_from_slice(key);
    let inner = Sha256::new().chain_update(block.map(|byte| byte ^ 0x36)).chain_update(message).finalize();
    Sha256::new().chain_update(block.map(|byte| byte ^ 0x5c)).chain_update(inner).finalize().to_vec()
}

fn signature(secret: &str, id: &str, timestamp: &str, body: &[u8]) -> String {
    let key = data_encoding::BASE64.decode(secret.trim_start_matches("whsec_").as_bytes()).unwrap();
    let message = [id.as_bytes(), b".", timestamp.as_bytes(), b".", body].concat();
    format!("v1,{}", data_encoding::BASE64.encode(&hmac(&key, &message)))
}

#[test]
fn the_published_signature_comes_out_of_this_test() {
    let signed = signature(SECRETS[0], "msg_p5jXN8AQM9LWM0D4loKWxJek", "1614265330", br#"{"test": 2432232314}"#);
    assert_eq!(signed, "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=");
}

#[test]
fn a_receiver_that_answers_badly_gets_every_event_in_order_and_signed() {
    let folder = tempfile::tempdir().unwrap();
    let receiver = Receiver::start("127.0.0.1:0", true).unwrap();
    let count = AtomicUsize::new(0);
    receiver.answer(move |_| match count.fetch_add(1, Ordering::Relaxed) {
        0 => Reply::Status(500, "no".into()),
        1 => Reply::Close,
        2 => Reply::Half,
        3 => Reply::Status(429, "too fast".into()),
        4 => Reply::Redirect("http://127.0.0.1:1/elsewhere".into()),
        5 => Reply::Slow(Duration::from_millis(300)),
        6 => Reply::Huge(10 * 1024 * 1024),
        _ => Reply::take(),
    });
    let served = Served::start(folder.path(), &webhook(&receiver));
    let mut client = served.client();
    for round in 0..4 {
        work(&mut client, round);
        told(&mut client, "erp");
    }
    let requests = receiver.requests();
    assert!(requests.len() > 7, "{} requests", requests.len());
    assert!(requests.iter().all(|request| request.path == "/in?a=1"), "a redirect was followed");
    assert_received(&feed(&mut client), &taken(&receiver));
    let mut bodies: HashMap<String, Vec<u8>> = HashMap::new();
    for request in &requests {
        let header = |name: &str| request.header(name).unwrap_or_else(|| panic!("no {name}")).to_owned();
        let (id, timestamp) = (header("webhook-id"), header("webhook-timestamp"));
        let expected = SECRETS.map(|secret| signature(secret, &id, &timestamp, &request.body)).join(" ");
        assert_eq!(header("webhook-signature"), expected);
        assert!(header("content-type").starts_with("application/cloudevents-batch+json"));
        let same = bodies.entry(id).or_insert_with(|| request.body.clone());
        assert_eq!(*same, request.body, "one id, one body");
    }
    let first: Vec<_> = requests.iter().take(3).map(|request| request.header("webhook-id").unwrap()).collect();
    assert_eq!(first, [first[0]; 3], "a retry goes under the same id");
    let metrics = client.text("GET", "/metrics", "", "").1;
    assert!(metrics.contains("waybind_target_depth{target=\"erp\"} 0"), "{metrics}");
    drop(served);
}

#[test]
fn an_outage_and_kills_lose_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let receiver = Receiver::start("127.0.0.1:0", true).unwrap();
    let address = receiver.address.to_string();
    let config = format!(
        "{}[[target]]\nname = \"log\"\nkind = \"file\"\npath = {:?}\n",
        webhook(&receiver),
        folder.path().join("out/events.jsonl")
    );
    let mut received = Vec::new();
    let mut receiver = Some(receiver);
    for round in 0..5 {
        let mut served = Served::start(folder.path(), &config);
        let mut client = served.client();
        if round % 2 == 1 {
            // nobody listens for this round
            let closed = receiver.take().inspect(Receiver::close);
            received.extend(closed.map(|receiver| taken(&receiver)).unwrap_or_default());
        } else if receiver.is_none() {
            receiver = Some(eventually("the address", || Receiver::start(&address, true).ok()));
        }
        work(&mut client, round);
        if round == 3 {
            eventually("a failure", || target(&mut client, "erp")["last_error"].as_str().map(str::to_owned));
        }
        served.kill();
    }
    let served = Served::start(folder.path(), &config);
    let mut client = served.client();
    told(&mut client, "erp");
    told(&mut client, "log");
    let feed = feed(&mut client);
    received.extend(taken(receiver.as_ref().unwrap()));
    assert_received(&feed, &received);
    assert!(feed.len() > 100);
    let lines = lines(&folder.path().join("out/events.jsonl"));
    assert_eq!(lines.len(), feed.len(), "no line twice");
    assert_received(&feed, &lines);
    assert!(served.terminate().success());
    assert_clean(&folder.path().join("data"));
}

fn lines(path: &Path) -> Vec<Value> {
    std::fs::read_to_string(path).unwrap().lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

#[test]
fn what_is_refused_becomes_a_dead_letter_and_is_sent_again() {
    let folder = tempfile::tempdir().unwrap();
    let receiver = Receiver::start("127.0.0.1:0", true).unwrap();
    let people = Receiver::start("127.0.0.1:0", true).unwrap();
    let mends = Arc::new(AtomicBool::new(false));
    let mended = mends.clone();
    receiver.answer(move |request| {
        let bad = batch(request).iter().any(|event| event["subject"] == "SO-0-3" && event["type"] == "order_put");
        if bad && !mended.load(Ordering::Relaxed) {
            Reply::Status(422, "no such\ncustomer".into())
        } else {
            Reply::take()
        }
    });
    let config = format!(
        "language = \"en\"\n{}[[target]]\nname = \"group\"\nkind = \"robot\"\nformat = \"wecom\"\nurl = \"http://{}/send?key=k\"\n",
        webhook(&receiver),
        people.address
    );
    let mut served = Served::start(folder.path(), &config);
    let mut client = served.client();
    work(&mut client, 0);
    let state = told(&mut client, "erp");
    assert_eq!(state["dead"], 1, "{state}");
    let letter = state["dead_letters"][0].clone();
    assert_eq!((&letter["order"], &letter["answer"]), (&json!("SO-0-3"), &json!("HTTP 422 no such customer")));
    assert_eq!(taken(&receiver).len(), feed(&mut client).len() - 1, "the others went on");
    assert!(client.text("GET", "/", "", "").1.contains("erp"), "the overview tells");

    client.must("/api/v1/orders/SO-0-1/hold", &json!({"reason": "risk", "note": "unpaid"}));
    let messages = |people: &Receiver| -> String {
        people.requests().iter().map(|request| String::from_utf8(request.body.clone()).unwrap()).collect()
    };
    eventually("the robot", || {
        let said = messages(&people);
        (said.contains("Target erp refused 1 event(s)") && said.contains("On hold: SO-0-1 · risk · unpaid"))
            .then_some(())
    });
    assert!(!messages(&people).contains("SO-0-2"), "only exceptions");

    served.kill();
    mends.store(true, Ordering::Relaxed);
    let served = Served::start(folder.path(), &config);
    let mut client = served.client();
    assert_eq!(target(&mut client, "erp")["dead"], 1, "it outlives a crash");
    assert_eq!(client.post("/api/v1/targets/nobody/retry", &json!({})).0, 404);
    assert_eq!(client.post("/api/v1/targets/erp/retry", &json!({"id": "x"})).0, 400);
    assert_eq!(client.text("POST", "/api/v1/targets/erp/retry", "", "").0, 200);
    eventually("the dead letter's delivery", || (target(&mut client, "erp")["dead"] == 0).then_some(()));
    let all = taken(&receiver);
    assert!(all.iter().any(|event| event["id"] == letter["id"]));
    for event in feed(&mut client) {
        eventually("the rest", || taken(&receiver).iter().any(|came| came["id"] == event["id"]).then_some(()));
    }
    drop(served);
}

#[test]
fn scans_go_on_while_a_receiver_keeps_silent() {
    let folder = tempfile::tempdir().unwrap();
    let receiver = Receiver::start("127.0.0.1:0", true).unwrap();
    receiver.answer(|_| Reply::Slow(Duration::from_secs(3_600)));
    let config = format!("{}events = [\"picked\", \"verified\"]\n", webhook(&receiver));
    let served = Served::start(folder.path(), &config);
    let mut client = served.client();
    work(&mut client, 0);
    eventually("a request", || (receiver.traffic().requests > 0).then_some(()));
    work(&mut client, 1);
    let state = target(&mut client, "erp");
    assert!(state["depth"].as_u64().unwrap() > 20 && state["delivered"] == 0, "{state}");
    let sent = batch(&receiver.requests().first().cloned().unwrap_or_else(|| Request {
        path: String::new(),
        headers: Vec::new(),
        body: b"[]".to_vec(),
        taken: false,
    }));
    assert!(sent.iter().all(|event| event["type"] == "verified" || event["type"] == "picked"));
    assert!(served.terminate().success(), "a stop does not wait for the receiver");
}

#[test]
fn https_is_not_spoken_to_whom_nobody_trusts() {
    let folder = tempfile::tempdir().unwrap();
    let receiver = Receiver::start("127.0.0.1:0", true).unwrap();
    let config = webhook(&receiver).replace("http://", "https://");
    let served = Served::start(folder.path(), &config);
    let mut client = served.client();
    work(&mut client, 0);
    let error = eventually("a failure", || target(&mut client, "erp")["last_error"].as_str().map(str::to_owned));
    assert!(error.contains("TLS"), "{error}");
    assert!(taken(&receiver).is_empty());
}
