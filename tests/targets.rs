//! Targets: every event arrives at least once and in order, whatever the receiver does and whenever the service is
//! killed; what is refused becomes a dead letter and can be sent again.

#![allow(missing_docs, clippy::unwrap_used, reason = "a test")]

mod support;

use std::collections::HashMap;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::Duration;

use serde_json::{Value, json};
use sha2::{Digest, Sha256};
use support::received::{assert_received, batch, feed, taken, taken_of, target, told};
use support::served::{Client, Served, assert_clean, endless, eventually};
use support::tools::python;
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
            received.extend(receiver.take().map(|receiver| taken_of(&receiver.close())).unwrap_or_default());
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

#[test]
fn a_file_that_somebody_takes_away_is_begun_anew_and_a_foreign_one_is_left_alone() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("events.jsonl");
    let served =
        Served::start(folder.path(), &format!("[[target]]\nname = \"log\"\nkind = \"file\"\npath = {path:?}\n"));
    let mut client = served.client();
    client.must("/api/v1/products", &json!({"sku": "BEFORE"}));
    told(&mut client, "log");
    std::fs::rename(&path, folder.path().join("taken")).unwrap();
    client.must("/api/v1/products", &json!({"sku": "AFTER"}));
    told(&mut client, "log");
    assert_eq!((lines(&folder.path().join("taken")).len(), lines(&path).len()), (1, 1));
    assert!(served.terminate().success());
    // somebody's notes, whose last line has no end
    std::fs::write(&path, "one\ntwo").unwrap();
    let mut other =
        Served::spawn(folder.path(), &format!("[[target]]\nname = \"log\"\nkind = \"file\"\npath = {path:?}\n"), &[]);
    assert!(!other.child.wait().unwrap().success());
    assert_eq!(std::fs::read_to_string(&path).unwrap(), "one\ntwo");
}

fn lines(path: &Path) -> Vec<Value> {
    std::fs::read_to_string(path).unwrap().lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

/// The requests of one target, verified by the library that Standard Webhooks publishes.
const VERIFY: &str = r#"
import base64, json, sys
from standardwebhooks.webhooks import Webhook
count = 0
for line in open(sys.argv[1]):
    request = json.loads(line)
    body = base64.b64decode(request["body"])
    for secret in request["secrets"]:
        Webhook(secret).verify(body, request["headers"])
        count += 1
    try:
        Webhook(secret).verify(body + b" ", request["headers"])
        sys.exit("a changed body was not noticed")
    except Exception as error:
        assert "signature" in str(error).lower(), error
print(count)
"#;

#[test]
fn an_independent_library_verifies_the_signatures() {
    let Some(python) = python() else { return };
    let folder = tempfile::tempdir().unwrap();
    let receiver = Receiver::start("127.0.0.1:0", true).unwrap();
    let served = Served::start(folder.path(), &webhook(&receiver));
    let mut client = served.client();
    for round in 0..3 {
        work(&mut client, round);
        told(&mut client, "erp");
    }
    let lines: Vec<String> = receiver
        .requests()
        .iter()
        .map(|request| {
            let headers: HashMap<_, _> = request.headers.iter().cloned().collect();
            let body = data_encoding::BASE64.encode(&request.body);
            json!({"headers": headers, "body": body, "secrets": SECRETS}).to_string()
        })
        .collect();
    let file = folder.path().join("requests.jsonl");
    std::fs::write(&file, lines.join("\n")).unwrap();
    let output = std::process::Command::new(python).arg("-c").arg(VERIFY).arg(&file).output().unwrap();
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(output.status.success(), "{said}");
    let count: usize = String::from_utf8_lossy(&output.stdout).trim().parse().unwrap();
    assert_eq!(count, 2 * lines.len());
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
    let others = feed(&mut client).iter().filter(|event| event["order"] != "SO-0-3").count();
    assert_eq!(taken(&receiver).len(), others, "the others went on, and nothing of its order came before it");
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
    let served = Served::start(folder.path(), &config);
    let mut client = served.client();
    assert_eq!(target(&mut client, "erp")["dead"], 1, "it outlives a crash");
    correct(&mut client, &receiver, &letter);
    mends.store(true, Ordering::Relaxed);
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

/// A person corrects what is sent; who did is a fact, and the fact that was refused stays as it is.
fn correct(client: &mut Client, receiver: &Receiver, letter: &Value) {
    let way = format!("/api/v1/targets/erp/letters/{}", letter["id"].as_str().unwrap());
    let mut sent = client.get(&way)["sent"].clone();
    let fact = sent.clone();
    sent["spec"]["consignee"]["name"] = json!("李四");
    assert_eq!(client.post(&way, &json!({"data": sent, "by": ""})).0, 400);
    assert_eq!(client.post("/api/v1/targets/erp/letters/x-1", &json!({"data": sent, "by": "王芳"})).0, 404);
    client.must(&way, &json!({"data": sent, "by": "王芳"}));
    let arrived =
        || receiver.requests().iter().flat_map(batch).any(|event| event["id"] == letter["id"] && event["data"] == sent);
    eventually("the corrected letter", || arrived().then_some(()));
    let kept = eventually("its refusal", || {
        Some(target(client, "erp")["dead_letters"][0].clone()).filter(|letter| letter["times"].as_u64() > Some(1))
    });
    assert_eq!(kept["corrected_by"], "王芳");
    let feed = feed(client);
    let told = feed.iter().find(|event| event["type"] == "letter_corrected").unwrap();
    assert_eq!((&told["data"]["by"], &told["data"]["letter"]), (&json!("王芳"), &letter["id"]));
    let refused = feed.iter().find(|event| event["id"] == letter["id"]).unwrap();
    assert_eq!(refused["data"], fact);
    assert!(client.text("GET", "/targets/erp", "", "").1.contains("李四"), "the page shows what is sent");
}

#[test]
fn a_target_gets_the_events_of_its_stations() {
    let folder = tempfile::tempdir().unwrap();
    let receiver = Receiver::start("127.0.0.1:0", true).unwrap();
    let other = "[[station]]\nid = \"other\"\nmode = \"bench\"\nlatch = false\n";
    let config = format!("{other}{}stations = [\"o*\"]\nevents = [\"verified\"]\n", webhook(&receiver));
    let served = Served::start(folder.path(), &config);
    let mut client = served.client();
    work(&mut client, 0);
    client.must("/api/v1/orders", &endless("SO-X"));
    client.scan("x1", "other", "SO-X");
    client.scan("x2", "other", "ITEM");
    told(&mut client, "erp");
    let events = taken(&receiver);
    assert_eq!((events.len(), &events[0]["subject"]), (1, &json!("SO-X")));
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
