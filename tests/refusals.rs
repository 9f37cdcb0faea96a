//! What targets don't take: a wrong credential makes everything wait, an event that is refused or that breaks the receiver
//! keeps only its own order waiting, and neither is silent.

#![allow(missing_docs, clippy::unwrap_used, reason = "a test")]

mod support;

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use serde_json::{Value, json};
use support::received::{assert_received, batch, feed, taken, target, told};
use support::served::{Client, Served, endless, eventually};
use waybind::sim::receiver::{Receiver, Reply, Request};

/// A webhook; `rest`: further keys of it, and further tables.
fn config(receiver: &Receiver, rest: &str) -> String {
    format!(
        "language = \"en\"\n[[station]]\nid = \"s\"\nmode = \"bench\"\nlatch = false\n[[target]]\nname = \"erp\"\nkind = \"webhook\"\nurl = \"http://{}/in\"\n{rest}",
        receiver.address
    )
}

/// Events that fail are suspected at once, and tried twice, a second apart.
const HASTY: &str = "suspect_seconds = 0\ntries = 2\ntries_minutes = 0\n";

/// Six orders that are opened, scanned and put aside; `round` keeps the ids apart.
fn work(client: &mut Client, round: usize) {
    client.must("/api/v1/products", &json!({"sku": "ITEM"}));
    for number in 0..6 {
        let order = format!("SO-{round}-{number}");
        client.must("/api/v1/orders", &endless(&order));
        for (step, data) in [order.as_str(), "ITEM", "ITEM", "WB:C:PAUSE"].into_iter().enumerate() {
            client.scan(&format!("{round}-{number}-{step}"), "s", data);
        }
    }
}

fn has(request: &Request, kind: &str, order: &str) -> bool {
    batch(request).iter().any(|event| event["type"] == kind && event["subject"] == order)
}

fn of_order<'e>(events: &'e [Value], field: &str, order: &str) -> Vec<&'e Value> {
    events.iter().filter(|event| event[field] == order).collect()
}

/// Answers as `judge` says until the switch is thrown, then takes everything.
fn until_mended(receiver: &Receiver, judge: impl Fn(&Request) -> Reply + Send + Sync + 'static) -> Arc<AtomicBool> {
    let mended = Arc::new(AtomicBool::new(false));
    let switch = mended.clone();
    receiver.answer(move |request| if switch.load(Ordering::Relaxed) { Reply::take() } else { judge(request) });
    mended
}

fn page(client: &mut Client, path: &str) -> String {
    client.text("GET", path, "accept-language: en\r\n", "").1
}

#[test]
fn a_wrong_address_or_credential_makes_everything_wait_and_nothing_dead() {
    let folder = tempfile::tempdir().unwrap();
    let receiver = Receiver::start("127.0.0.1:0", true).unwrap();
    let people = Receiver::start("127.0.0.1:0", true).unwrap();
    let elsewhere = Receiver::start("127.0.0.1:0", true).unwrap();
    let to = format!("http://{}/", elsewhere.address);
    let count = AtomicUsize::new(0);
    let mended = until_mended(&receiver, move |_| {
        let wrong = [401, 403, 404, 405, 407, 410];
        let turn = count.fetch_add(1, Ordering::Relaxed);
        wrong.get(turn % 7).map_or(Reply::Redirect(to.clone()), |status| Reply::Status(*status, "who are you".into()))
    });
    let robot = format!(
        "{HASTY}[[target]]\nname = \"group\"\nkind = \"robot\"\nformat = \"wecom\"\nurl = \"http://{}/send?key=k\"\n",
        people.address
    );
    let served = Served::start(folder.path(), &config(&receiver, &robot));
    let mut client = served.client();
    work(&mut client, 0);
    let state = eventually("an open circuit", || {
        let state = target(&mut client, "erp");
        (state["circuit"] == "open").then_some(state)
    });
    assert_eq!(state["fault"], "setup", "{state}");
    // also when it is tried over and over again
    eventually("many attempts", || {
        client.must("/api/v1/targets/erp/retry", &json!({"ids": []}));
        (receiver.traffic().requests > 30).then_some(())
    });
    let state = target(&mut client, "erp");
    assert!(state["dead"] == 0 && state["delivered"] == 0 && state["depth"].as_u64() > Some(30), "{state}");
    assert!(state["oldest"].is_string() && state["age_seconds"].is_u64(), "{state}");
    let metrics = client.text("GET", "/metrics", "", "").1;
    for line in ["up{target=\"erp\"} 0", "age_seconds{target=\"erp\"} ", "dead_letters{target=\"erp\"} 0"] {
        assert!(metrics.contains(&format!("waybind_target_{line}")), "{line} in {metrics}");
    }
    for path in ["/", "/targets/erp"] {
        assert!(page(&mut client, path).contains("address or credential is wrong"), "{path}");
    }
    eventually("the robot", || {
        let said = people.requests().iter().any(|request| {
            String::from_utf8_lossy(&request.body).contains("Target erp takes nothing, everything waits")
        });
        said.then_some(())
    });
    mended.store(true, Ordering::Relaxed);
    let state = told(&mut client, "erp");
    assert_eq!((&state["dead"], &state["circuit"], &state["fault"]), (&json!(0), &json!("closed"), &Value::Null));
    assert_received(&feed(&mut client), &taken(&receiver));
    assert_eq!(elsewhere.traffic().requests, 0, "a redirect was followed");
}

#[test]
fn an_order_waits_behind_its_dead_letter_and_then_follows_in_order() {
    let folder = tempfile::tempdir().unwrap();
    let receiver = Receiver::start("127.0.0.1:0", true).unwrap();
    let mended = until_mended(&receiver, |request| {
        if has(request, "work_opened", "SO-0-3") { Reply::Status(409, "not yet".into()) } else { Reply::take() }
    });
    let config = config(&receiver, "");
    let mut served = Served::start(folder.path(), &config);
    let mut client = served.client();
    work(&mut client, 0);
    let state = told(&mut client, "erp");
    assert_eq!((&state["dead"], &state["orders_waiting"]), (&json!(1), &json!(1)), "{state}");
    let letter = &state["dead_letters"][0];
    assert_eq!((&letter["type"], &letter["order"]), (&json!("work_opened"), &json!("SO-0-3")));
    assert_eq!((&letter["why"], &letter["next"]), (&json!("refused"), &Value::Null));
    let facts = feed(&mut client);
    let came = taken(&receiver);
    let of_it = of_order(&facts, "order", "SO-0-3");
    let before = of_it.iter().position(|event| event["type"] == "work_opened").unwrap();
    assert_eq!(of_order(&came, "subject", "SO-0-3").len(), before, "nothing overtook it");
    assert_eq!(letter["behind"].as_u64(), Some((of_it.len() - before - 1) as u64), "{letter}");
    assert_eq!(came.len(), facts.len() - (of_it.len() - before), "the others went on");
    let metrics = client.text("GET", "/metrics", "", "").1;
    assert!(metrics.contains("waybind_target_orders_waiting{target=\"erp\"} 1"), "{metrics}");
    assert!(page(&mut client, "/targets/erp").contains("later events of its order wait"));

    // it goes on waiting after a crash, and what comes then waits as well
    served.kill();
    let served = Served::start(folder.path(), &config);
    let mut client = served.client();
    client.must("/api/v1/orders/SO-0-3/hold", &json!({"reason": "risk"}));
    client.must("/api/v1/orders/SO-0-4/hold", &json!({"reason": "risk"}));
    let state = told(&mut client, "erp");
    assert_eq!(state["orders_waiting"], 1, "{state}");
    assert!(!taken(&receiver).iter().any(|event| event["type"] == "order_held" && event["subject"] == "SO-0-3"));
    mended.store(true, Ordering::Relaxed);
    assert_eq!(client.must("/api/v1/targets/erp/retry", &json!({}))["again"], 1);
    let state = eventually("the end of the wait", || {
        let state = target(&mut client, "erp");
        (state["orders_waiting"] == 0).then_some(state)
    });
    assert_eq!(state["dead"], 0);
    client.must("/api/v1/orders/SO-0-3/release", &json!({}));
    told(&mut client, "erp");
    assert_received(&feed(&mut client), &taken(&receiver));
}

#[test]
fn a_person_lets_an_event_go_and_its_order_goes_on() {
    let folder = tempfile::tempdir().unwrap();
    let receiver = Receiver::start("127.0.0.1:0", true).unwrap();
    receiver.answer(|request| {
        if has(request, "order_put", "SO-0-2") { Reply::Status(422, "unknown".into()) } else { Reply::take() }
    });
    let served = Served::start(folder.path(), &config(&receiver, ""));
    let mut client = served.client();
    work(&mut client, 0);
    let letter = told(&mut client, "erp")["dead_letters"][0].clone();
    let way = format!("/api/v1/targets/erp/letters/{}/let-go", letter["id"].as_str().unwrap());
    assert_eq!(client.post(&way, &json!({"by": " "})).0, 400);
    assert_eq!(client.post("/api/v1/targets/erp/letters/x-1/let-go", &json!({"by": "王芳"})).0, 404);
    assert_eq!(client.must(&way, &json!({"by": "王芳"}))["let_go_by"], "王芳");
    // a double click
    client.post(&way, &json!({"by": "王芳"}));
    eventually("the end of the wait", || {
        let state = target(&mut client, "erp");
        (state["dead"] == 0 && state["orders_waiting"] == 0).then_some(())
    });
    told(&mut client, "erp");
    let facts = feed(&mut client);
    let who = facts.iter().find(|event| event["type"] == "letter_let_go").unwrap();
    assert_eq!((&who["data"]["by"], &who["data"]["letter"]), (&json!("王芳"), &letter["id"]));
    let rest: Vec<Value> = facts.into_iter().filter(|event| event["id"] != letter["id"]).collect();
    assert_received(&rest, &taken(&receiver));
}

#[test]
fn a_dead_letter_that_fails_when_it_is_sent_again_holds_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let receiver = Receiver::start("127.0.0.1:0", true).unwrap();
    let refuses = Arc::new(AtomicBool::new(true));
    let first = refuses.clone();
    let mended = until_mended(&receiver, move |request| match has(request, "order_put", "SO-0-2") {
        true if first.load(Ordering::Relaxed) => Reply::Status(422, "unknown".into()),
        true => Reply::Status(500, "crash".into()),
        false => Reply::take(),
    });
    let config = config(&receiver, "tries = 3\ntries_minutes = 600\n");
    let mut served = Served::start(folder.path(), &config);
    let mut client = served.client();
    work(&mut client, 0);
    assert_eq!(told(&mut client, "erp")["dead"], 1);
    refuses.store(false, Ordering::Relaxed);
    client.must("/api/v1/targets/erp/retry", &json!({}));
    let letter = eventually("its failure", || {
        let letter = target(&mut client, "erp")["dead_letters"][0].clone();
        (letter["why"] == "failing").then_some(letter)
    });
    assert_eq!((&letter["answer"], &letter["times"]), (&json!("HTTP 500 crash"), &json!(2)));
    assert!(letter["next"].is_string(), "it is tried again by itself: {letter}");
    work(&mut client, 1);
    let state = told(&mut client, "erp");
    assert_eq!((&state["dead"], &state["circuit"], &state["failures"]), (&json!(1), &json!("closed"), &json!(0)));
    assert!(taken(&receiver).iter().any(|event| event["subject"] == "SO-1-5"), "the feed went on");
    served.kill();
    let served = Served::start(folder.path(), &config);
    let mut client = served.client();
    assert_eq!(target(&mut client, "erp")["dead_letters"][0]["next"], letter["next"], "it outlives a crash");
    mended.store(true, Ordering::Relaxed);
    client.must("/api/v1/targets/erp/retry", &json!({}));
    eventually("the end of the wait", || {
        let state = target(&mut client, "erp");
        (state["dead"] == 0 && state["orders_waiting"] == 0).then_some(())
    });
    told(&mut client, "erp");
    assert_received(&feed(&mut client), &taken(&receiver));
}

#[test]
fn an_event_that_breaks_the_receiver_is_found_and_set_aside() {
    let folder = tempfile::tempdir().unwrap();
    let receiver = Receiver::start("127.0.0.1:0", true).unwrap();
    // it crashes on one event of a batch, and answers 500 to another
    let mended = until_mended(&receiver, |request| {
        match (has(request, "verified", "SO-0-1"), has(request, "order_put", "SO-0-4")) {
            (true, _) => Reply::Close,
            (_, true) => Reply::Status(500, "oops".into()),
            _ => Reply::take(),
        }
    });
    let served = Served::start(folder.path(), &config(&receiver, HASTY));
    let mut client = served.client();
    work(&mut client, 0);
    let state = told(&mut client, "erp");
    assert_eq!((&state["dead"], &state["orders_waiting"], &state["circuit"]), (&json!(2), &json!(2), &json!("closed")));
    let why = |letter: &Value| (letter["order"].clone(), letter["type"].clone(), letter["why"].clone());
    let letters: Vec<_> = state["dead_letters"].as_array().unwrap().iter().map(why).collect();
    let failing = |order: &str, kind: &str| (json!(order), json!(kind), json!("failing"));
    assert_eq!(letters, [failing("SO-0-1", "verified"), failing("SO-0-4", "order_put")]);
    let came = taken(&receiver);
    assert!(!came.iter().any(|event| event["subject"] == "SO-0-4"), "nothing overtook it");
    assert!(came.iter().any(|event| event["subject"] == "SO-0-5" && event["type"] == "verified"));
    assert!(page(&mut client, "/targets/erp").contains("it fails on this event alone"));
    // by itself it is tried twice, then only by a person
    eventually("the last try", || {
        client.must("/api/v1/targets/erp/retry", &json!({"ids": []}));
        let state = target(&mut client, "erp");
        let letters = state["dead_letters"].as_array().unwrap();
        letters.iter().all(|letter| letter["next"].is_null() && letter["times"] == 3).then_some(())
    });
    mended.store(true, Ordering::Relaxed);
    client.must("/api/v1/targets/erp/retry", &json!({}));
    eventually("the end of the wait", || {
        let state = target(&mut client, "erp");
        (state["dead"] == 0 && state["orders_waiting"] == 0).then_some(())
    });
    assert_received(&feed(&mut client), &taken(&receiver));
}

#[test]
fn an_outage_is_no_events_fault() {
    let folder = tempfile::tempdir().unwrap();
    let receiver = Receiver::start("127.0.0.1:0", true).unwrap();
    let count = AtomicUsize::new(0);
    let mended = until_mended(&receiver, move |_| match count.fetch_add(1, Ordering::Relaxed) % 3 {
        0 => Reply::Close,
        1 => Reply::Status(502, "no backend".into()),
        _ => Reply::Half,
    });
    let served = Served::start(folder.path(), &config(&receiver, HASTY));
    let mut client = served.client();
    work(&mut client, 0);
    eventually("many attempts", || {
        client.must("/api/v1/targets/erp/retry", &json!({"ids": []}));
        (receiver.traffic().requests > 40).then_some(())
    });
    let state = target(&mut client, "erp");
    assert_eq!((&state["dead"], &state["circuit"], &state["fault"]), (&json!(0), &json!("open"), &json!("answer")));
    assert!(state["suspect"].is_string(), "what is being found out is named: {state}");
    mended.store(true, Ordering::Relaxed);
    let state = told(&mut client, "erp");
    assert_eq!((&state["dead"], &state["suspect"]), (&json!(0), &Value::Null));
    assert_received(&feed(&mut client), &taken(&receiver));
}

#[test]
fn an_answer_of_any_length_is_an_answer() {
    for reply in [Reply::Huge(10 * 1024 * 1024), Reply::Endless] {
        let folder = tempfile::tempdir().unwrap();
        let receiver = Receiver::start("127.0.0.1:0", true).unwrap();
        let first = AtomicBool::new(true);
        receiver.answer(move |_| if first.swap(false, Ordering::Relaxed) { reply.clone() } else { Reply::take() });
        let served = Served::start(folder.path(), &config(&receiver, ""));
        let mut client = served.client();
        let before = served.resident_kib();
        work(&mut client, 0);
        let begin = Instant::now();
        eventually("the end of the feed", || (target(&mut client, "erp")["depth"] == 0).then_some(()));
        assert!(begin.elapsed() < Duration::from_secs(15), "the whole patience was spent on it");
        let facts = feed(&mut client);
        let came = taken(&receiver);
        assert_received(&facts, &came);
        assert_eq!(came.len(), facts.len(), "nothing was sent twice");
        assert!(served.resident_kib() < before + 64 * 1024, "the answer was kept");
    }
}

#[test]
fn a_receiver_that_takes_little_at_once_gets_little_at_once() {
    const LIMIT: usize = 20 * 1024;
    let folder = tempfile::tempdir().unwrap();
    let receiver = Receiver::start("127.0.0.1:0", true).unwrap();
    receiver.answer(
        |request| {
            if request.body.len() > LIMIT { Reply::Status(413, "too large".into()) } else { Reply::take() }
        },
    );
    let orders: Vec<Value> = (0..1_000).map(|number| endless(&format!("SO-{number}"))).collect();
    let served = Served::start(folder.path(), "");
    served.client().must("/api/v1/orders", &Value::Array(orders));
    assert!(served.terminate().success());
    let served = Served::start(folder.path(), &config(&receiver, ""));
    let mut client = served.client();
    let state = told(&mut client, "erp");
    assert_eq!((&state["dead"], &state["circuit"]), (&json!(0), &json!("closed")));
    assert_received(&feed(&mut client), &taken(&receiver));
    let requests = receiver.requests();
    let refused = requests.iter().filter(|request| !request.taken).count();
    assert!(refused * 3 < requests.len(), "{refused} of {} requests were too large", requests.len());
}
