//! Escalation on real HTTP: an exception goes from the robot to the gateway until somebody takes it, over a restart too.

#![allow(missing_docs, clippy::unwrap_used, reason = "a test")]

mod support;

use serde_json::{Value, json};
use support::served::{Client, Served, assert_clean, endless, eventually};
use waybind::sim::printer::{Fault, Manner, SimPrinter, Speech};
use waybind::sim::receiver::{Receiver, Reply};

fn config(group: &Receiver, sms: &Receiver) -> String {
    format!(
        r#"language = "en"
[[target]]
name = "group"
kind = "robot"
format = "feishu"
url = "http://{}/bot"
events = []
[[target]]
name = "sms"
kind = "gateway"
url = "http://{}/send?order={{order}}"
headers = {{ x-key = "{{secret}}" }}
secret = "geheim"
body = '{{"to":"13800000000","text":"{{text}}"}}'
[[escalation]]
name = "ladder"
steps = ["group", "sms"]
wait_seconds = 1
events = ["order_held"]
"#,
        group.address, sms.address
    )
}

fn said(receiver: &Receiver) -> Vec<String> {
    receiver.requests().iter().map(|request| String::from_utf8(request.body.clone()).unwrap()).collect()
}

fn open(client: &mut Client) -> Vec<Value> {
    client.get("/api/v1/alerts")["alerts"].as_array().unwrap().clone()
}

fn hold(client: &mut Client, order: &str) -> Value {
    client.must("/api/v1/orders", &endless(order));
    client.must(&format!("/api/v1/orders/{order}/hold"), &json!({"reason": "risk", "note": "unpaid \"x\""}));
    eventually("the alert", || open(client).into_iter().find(|alert| alert["order"] == order))
}

#[test]
fn an_exception_climbs_until_somebody_takes_it() {
    let folder = tempfile::tempdir().unwrap();
    let (group, sms) = (Receiver::start("127.0.0.1:0", true).unwrap(), Receiver::start("127.0.0.1:0", true).unwrap());
    let config = config(&group, &sms);
    let mut served = Served::start(folder.path(), &config);
    let mut client = served.client();
    client.must("/api/v1/products", &json!({"sku": "ITEM"}));

    let alert = hold(&mut client, "SO-1");
    eventually("the robot", || said(&group).iter().any(|text| text.contains("SO-1")).then_some(()));
    eventually("the gateway", || said(&sms).iter().any(|text| text.contains("SO-1")).then_some(()));
    let request = &sms.requests()[0];
    assert_eq!((request.path.as_str(), request.header("x-key")), ("/send?order=SO-1", Some("geheim")));
    let body: Value = serde_json::from_slice(&request.body).unwrap();
    assert_eq!(body["text"], "On hold: SO-1 · risk · unpaid \"x\"");

    served.kill();
    let served = Served::start(folder.path(), &config);
    let mut client = served.client();
    let kept = eventually("the alert", || open(&mut client).into_iter().next());
    assert_eq!(kept["id"], alert["id"], "it outlives a crash");
    let page = client.text("GET", "/", "accept-language: en\r\n", "").1;
    assert!(page.contains("I take it") && page.contains("SO-1"), "{page}");
    let way = format!("/api/v1/alerts/{}/take", alert["id"].as_str().unwrap());
    assert_eq!(client.post(&way, &json!({})).0, 400);
    assert_eq!(client.post("/api/v1/alerts/x-9/take", &json!({"by": "王芳"})).0, 404);
    assert_eq!(client.must(&way, &json!({"by": "王芳"}))["taken_by"], "王芳");
    eventually("an end", || open(&mut client).is_empty().then_some(()));
    let feed = client.get("/api/v1/events?after=0&limit=100");
    let taken = feed["events"].as_array().unwrap().iter().find(|event| event["type"] == "alert_taken").unwrap();
    assert_eq!((&taken["data"]["alert"], &taken["data"]["by"]), (&alert["id"], &json!("王芳")));

    // a step that can't be reached is passed over at once
    group.answer(|_| Reply::Status(500, String::new()));
    let before = said(&sms).len();
    hold(&mut client, "SO-2");
    eventually("the gateway", || said(&sms)[before..].iter().any(|text| text.contains("SO-2")).then_some(()));
    // what is over needs nobody
    client.must("/api/v1/orders/SO-2/release", &json!({}));
    eventually("an end", || open(&mut client).is_empty().then_some(()));
    assert!(!said(&group).iter().chain(&said(&sms)).any(|text| text.contains("order_put")));
    assert!(served.terminate().success());
}

/// A bench with a printer, people who are told after a second, and an order of one piece to pack.
fn print_shop(folder: &std::path::Path, group: &Receiver, printer: &SimPrinter, profile: &str) -> Served {
    let ladder = config(group, group).replace("events = [\"order_held\"]", "events = [\"print*\"]");
    let bench = "[[station]]\nid = \"bench\"\nmode = \"bench\"\nlatch = false\nprint_waybill = true\nprinter = \"P1\"";
    let place = format!("profile = \"{profile}\"\naddress = \"{}\"", printer.address);
    let config = format!("printer_wait_seconds = 1\n{ladder}{bench}\n[[printer]]\nname = \"P1\"\n{place}\n");
    let served = Served::start(folder, &config);
    let mut client = served.client();
    client.must("/api/v1/products", &json!({"sku": "ITEM"}));
    let line = json!([{"line": 1, "sku": "ITEM", "quantity": 1}]);
    client.must(
        "/api/v1/orders",
        &json!({"id": "SO-1", "carrier": "ZTO", "consignee": {"name": "Li", "address": "1 Road"}, "lines": line}),
    );
    client.must("/api/v1/waybills", &json!({"number": "W1", "carrier": "ZTO", "orders": ["SO-1"]}));
    assert_eq!(client.scan("open", "bench", "SO-1"), "opened");
    assert_eq!(client.scan("item", "bench", "ITEM"), "order_complete");
    served
}

#[test]
fn a_printer_without_paper_is_told_of_until_it_prints() {
    let folder = tempfile::tempdir().unwrap();
    let (group, printer) =
        (Receiver::start("127.0.0.1:0", true).unwrap(), SimPrinter::start("127.0.0.1:0", Speech::Zpl).unwrap());
    printer.set_fault(Fault { paper_out: true, ..Fault::default() });
    let mut served = print_shop(folder.path(), &group, &printer, "zpl-203");
    let mut client = served.client();
    let alert = eventually("the alert", || open(&mut client).into_iter().next());
    assert_eq!((&alert["type"], &alert["station"]), (&json!("printer_stopped"), &json!("bench")), "{alert}");
    assert_eq!(alert["text"], "Printer P1: out of paper, 1 job(s) wait");
    eventually("the robot", || said(&group).iter().any(|text| text.contains("out of paper")).then_some(()));
    let config = std::fs::read_to_string(folder.path().join("waybind.toml")).unwrap();
    served.kill();
    // who was told before the restart is not told as if it were new, and is told the end
    let served = Served::start(folder.path(), &config);
    let mut client = served.client();
    std::thread::sleep(std::time::Duration::from_secs(3));
    let kept = open(&mut client);
    assert_eq!((kept.len(), &kept[0]["id"]), (1, &alert["id"]), "{kept:?}");
    printer.set_fault(Fault::default());
    eventually("the label", || (printer.count() == 1).then_some(()));
    eventually("an end", || open(&mut client).is_empty().then_some(()));
    let feed = client.get("/api/v1/events?after=0&limit=500")["events"].as_array().unwrap().clone();
    let count = |kind: &str| feed.iter().filter(|event| event["type"] == kind).count();
    assert_eq!((count("printer_stopped"), count("printer_resumed")), (1, 1));
    drop(client);
    assert!(served.terminate().success());
    assert_clean(&folder.path().join("data"));
}

#[test]
fn a_job_that_asks_is_told_of_until_somebody_answers() {
    let folder = tempfile::tempdir().unwrap();
    let (group, printer) =
        (Receiver::start("127.0.0.1:0", true).unwrap(), SimPrinter::start("127.0.0.1:0", Speech::Silent).unwrap());
    printer.behave(Manner::HangUp(2_000));
    let served = print_shop(folder.path(), &group, &printer, "zpl-clone-203");
    let mut client = served.client();
    let alert = eventually("the alert", || open(&mut client).into_iter().next());
    assert_eq!(
        (&alert["type"], &alert["order"], &alert["station"]),
        (&json!("print_unknown"), &json!("SO-1"), &json!("bench"))
    );
    assert!(alert["text"].as_str().unwrap().starts_with("Was it printed? W1 · SO-1 · P1 · "), "{alert}");
    eventually("the robot", || said(&group).iter().any(|text| text.contains("Was it printed? W1")).then_some(()));
    let page = client.text("GET", "/station/bench", "accept-language: en\r\n", "").1;
    assert!(page.contains("was it printed?"), "{page}");
    client.must("/api/v1/print-jobs/1/resolve", &json!({"how": "printed", "operator": "wang"}));
    eventually("an end", || open(&mut client).is_empty().then_some(()));
    assert!(served.terminate().success());
}

#[test]
fn a_target_that_takes_nothing_is_escalated_until_it_works_again() {
    let folder = tempfile::tempdir().unwrap();
    let (erp, sms) = (Receiver::start("127.0.0.1:0", true).unwrap(), Receiver::start("127.0.0.1:0", true).unwrap());
    erp.answer(|_| Reply::Status(401, "who <are> you".into()));
    let config = format!(
        r#"language = "en"
[[target]]
name = "erp"
kind = "webhook"
url = "http://{}/in"
[[target]]
name = "sms"
kind = "gateway"
url = "http://{}/send"
body = '{{"text":"{{text}}"}}'
[[escalation]]
name = "night"
steps = ["sms"]
wait_seconds = 3600
events = ["target_down"]
"#,
        erp.address, sms.address
    );
    let served = Served::start(folder.path(), &config);
    let mut client = served.client();
    client.must("/api/v1/products", &json!({"sku": "ITEM"}));
    let alert = eventually("the alert", || open(&mut client).into_iter().next());
    assert_eq!((&alert["type"], &alert["order"]), (&json!("target_down"), &Value::Null));
    eventually("the gateway", || {
        let text = "Target erp takes nothing, everything waits · HTTP 401";
        said(&sms).iter().any(|said| said.contains(text)).then_some(())
    });
    erp.answer(|_| Reply::take());
    eventually("an end", || {
        client.must("/api/v1/targets/erp/retry", &json!({"ids": []}));
        open(&mut client).is_empty().then_some(())
    });
    assert_eq!(said(&sms).len(), 1, "told once");
}
