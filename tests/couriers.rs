//! Couriers on real HTTP: whatever they do, an order gets its number over the next channel, from the store, or by hand; and
//! a number that holds is never overwritten.

#![allow(missing_docs, clippy::unwrap_used, reason = "a test")]

mod support;

use std::time::Duration;

use serde_json::{Value, json};
use support::served::{Client, Served, assert_clean, eventually};
use waybind::sim::courier::{Courier, Mood};
use waybind::sim::receiver::Receiver;

const STATION: &str = "language = \"en\"\n[[station]]\nid = \"s\"\nmode = \"bench\"\nlatch = false\n";

fn channel(name: &str, courier: &Courier) -> String {
    format!(
        r#"
[[channel]]
name = "{name}"
url = "http://{}/number?order={{order}}"
headers = {{ authorization = "Bearer {{secret}}" }}
secret = "geheim"
body = '{{"request":"{{request}}","to":{{"name":"{{name}}","phone":"{{phone}}"}},"goods":"{{goods}}"}}'
number = "data.no"
ok = "code"
message = "msg"
timeout_seconds = 1
"#,
        courier.address
    )
}

fn store(name: &str, courier: &Courier) -> String {
    format!(
        r#"
[[channel]]
name = "{name}"
url = "http://{}/numbers"
body = '{{"count":"{{count}}"}}'
number = "data.list[*].no"
ahead = 5
low = 2
"#,
        courier.address
    )
}

fn carrier(channels: &[&str]) -> String {
    format!("[[carrier]]\ncode = \"ZTO\"\nchannels = {channels:?}\npoll_seconds = 1\n")
}

fn order(client: &mut Client, id: &str) {
    client.must(
        "/api/v1/orders",
        &json!({"id": id, "carrier": "ZTO", "consignee": {"name": "张三丰 \"x\"", "phone": "13800001234", "address": "杭州市西湖区文三路一号"},
                "lines": [{"line": 1, "sku": "ITEM", "quantity": 1}]}),
    );
}

fn numbers(client: &mut Client, id: &str) -> Vec<String> {
    let order = client.get(&format!("/api/v1/orders/{id}"));
    let valid = order["waybills"].as_array().unwrap().iter().filter(|waybill| waybill["void"].is_null());
    valid.map(|waybill| waybill["number"].as_str().unwrap().to_owned()).collect()
}

fn number(client: &mut Client, id: &str) -> String {
    eventually("a number", || numbers(client, id).first().cloned())
}

fn facts(client: &mut Client, id: &str, kind: &str) -> Vec<Value> {
    let story = client.get(&format!("/api/v1/orders/{id}/timeline"));
    story["events"].as_array().unwrap().iter().filter(|event| event["type"] == kind).cloned().collect()
}

#[test]
fn whatever_the_first_channel_does_the_second_gives_the_number() {
    let folder = tempfile::tempdir().unwrap();
    let (first, second) = (Courier::start(1_000).unwrap(), Courier::start(2_000).unwrap());
    let config = [STATION, &carrier(&["first", "second"]), &channel("first", &first), &channel("second", &second)];
    let served = Served::start(folder.path(), &config.concat());
    let mut client = served.client();
    client.must("/api/v1/products", &json!({"sku": "ITEM", "name": "Filter"}));
    order(&mut client, "SO-0");
    assert_eq!(number(&mut client, "SO-0"), "75000000001001");
    let request = first.requests().into_iter().next().unwrap();
    assert_eq!((request.path.as_str(), request.header("authorization")), ("/number?order=SO-0", Some("Bearer geheim")));
    let body: Value = serde_json::from_slice(&request.body).unwrap();
    let wanted =
        json!({"request": "SO-0-1", "to": {"name": "张三丰 \"x\"", "phone": "13800001234"}, "goods": "Filter × 1"});
    assert_eq!(body, wanted);

    // the number that everybody gets is taken once, by the order that is asked for first
    for (index, mood) in Mood::BAD.into_iter().filter(|mood| *mood != Mood::Repeats).enumerate() {
        first.turn(mood);
        let id = format!("SO-{}", index + 1);
        order(&mut client, &id);
        let given = number(&mut client, &id);
        assert!(given.starts_with("750000000020"), "{mood:?}: {given}");
    }
    let assigned = facts(&mut client, "SO-1", "waybill_assigned");
    assert_eq!(assigned[0]["data"]["channel"], "second");
    let channels = client.get("/api/v1/channels");
    assert!(channels["channels"][0]["failed"].as_u64().unwrap() > 0, "{channels}");
    assert!(!channels.to_string().contains("geheim"));
    assert!(client.text("GET", "/metrics", "", "").1.contains("waybind_channel_given_total{channel=\"second\"}"));
    assert!(served.terminate().success());
    assert_clean(&folder.path().join("data"));
}

#[test]
fn a_courier_that_gives_everybody_one_number_gives_it_once() {
    let folder = tempfile::tempdir().unwrap();
    let courier = Courier::start(0).unwrap();
    courier.turn(Mood::Repeats);
    let config = [STATION, &carrier(&["only"]), &channel("only", &courier)];
    let served = Served::start(folder.path(), &config.concat());
    let mut client = served.client();
    client.must("/api/v1/products", &json!({"sku": "ITEM"}));
    order(&mut client, "SO-1");
    assert_eq!(number(&mut client, "SO-1"), "75999999999999");
    order(&mut client, "SO-2");
    let pending = eventually("the mark", || facts(&mut client, "SO-2", "waybill_pending").into_iter().next());
    assert_eq!(pending["data"]["pending"]["tried"][0]["why"], "the number 75999999999999 was given before");
    assert!(numbers(&mut client, "SO-2").is_empty());
}

#[test]
fn when_all_fail_people_are_told_and_the_number_is_scanned_at_the_station() {
    let folder = tempfile::tempdir().unwrap();
    let courier = Courier::start(0).unwrap();
    let people = Receiver::start("127.0.0.1:0", true).unwrap();
    courier.turn(Mood::Fails);
    let robot = format!(
        "[[target]]\nname = \"group\"\nkind = \"robot\"\nformat = \"wecom\"\nurl = \"http://{}/send\"\n",
        people.address
    );
    let config = [STATION, &carrier(&["only"]), &channel("only", &courier), &robot];
    let served = Served::start(folder.path(), &config.concat());
    let mut client = served.client();
    client.must("/api/v1/products", &json!({"sku": "ITEM"}));
    order(&mut client, "SO-1");
    let listed = eventually("the list", || {
        let listed = client.get("/api/v1/orders?waybill=pending");
        (listed["count"] == 1).then_some(listed)
    });
    assert_eq!((&listed["orders"][0]["id"], &listed["orders"][0]["waybill_pending"]), (&json!("SO-1"), &json!(true)));
    assert_eq!(client.post("/api/v1/orders?waybill=pending", &json!({})).0, 400);
    assert!(client.text("GET", "/", "", "").1.contains("/order/SO-1"), "the overview lists it");
    eventually("the robot", || {
        let said: String = people.requests().iter().map(|r| String::from_utf8(r.body.clone()).unwrap()).collect();
        said.contains("No waybill number: SO-1 · only: HTTP 500 out of order").then_some(())
    });

    assert_eq!(client.scan("1", "s", "SO-1"), "opened");
    assert_eq!(client.scan("2", "s", "ITEM"), "order_complete");
    let station = client.get("/api/v1/stations/s");
    let form = &station["unbound"][0]["pending"];
    assert_eq!((&form["name"], &form["phone"]), (&json!("张*****"), &json!("*******1234")), "{form}");
    assert_eq!(form["goods"], json!(["ITEM × 1"]));
    let page = client.text("GET", "/station/s", "accept-language: en\r\n", "").1;
    assert!(page.contains("scan or type the waybill number") && !page.contains("13800001234"), "{page}");
    assert_eq!(client.scan("3", "s", "75312345678901"), "waybill_bound");
    assert_eq!(facts(&mut client, "SO-1", "waybill_pending").len(), 1, "told once, tried often");
    assert_eq!(client.get("/api/v1/orders?waybill=pending")["count"], 0);

    // upstream's number for it comes too late
    let late = json!({"number": "75312345678902", "carrier": "ZTO", "orders": ["SO-1"]});
    assert_eq!(client.must("/api/v1/waybills", &late)["results"][0]["result"], "updated");
    assert_eq!(numbers(&mut client, "SO-1"), ["75312345678901"]);
    let conflict = &client.get("/api/v1/orders/SO-1")["numbering"]["conflicts"][0];
    assert_eq!((&conflict["came"], &conflict["from"]), (&json!("75312345678902"), &json!("upstream")));
    let page = client.text("GET", "/order/SO-1", "accept-language: en\r\n", "").1;
    assert!(page.contains("A number came late and is not used"), "{page}");
    assert!(served.terminate().success());
    assert_clean(&folder.path().join("data"));
}

#[test]
fn a_number_that_was_entered_stays_when_the_channels_answer_comes() {
    let folder = tempfile::tempdir().unwrap();
    let courier = Courier::start(0).unwrap();
    courier.turn(Mood::Slow(Duration::from_secs(4)));
    let config = [STATION, &carrier(&["only"]), &channel("only", &courier)];
    let served = Served::start(folder.path(), &config.concat());
    let mut client = served.client();
    client.must("/api/v1/products", &json!({"sku": "ITEM"}));
    order(&mut client, "SO-1");
    eventually("the mark", || facts(&mut client, "SO-1", "waybill_pending").into_iter().next());
    let enter = |client: &mut Client, body: Value| client.post("/api/v1/orders/SO-1/waybill", &body);
    let (status, refused) = enter(&mut client, json!({"number": "SF1234567890123", "by": "王芳"}));
    assert_eq!(status, 422, "{refused}");
    assert_eq!(enter(&mut client, json!({"number": "75312345678901", "by": " "})).0, 400);
    let form = "number=75312345678901&by=%E7%8E%8B%E8%8A%B3";
    let (status, _) =
        client.text("POST", "/order/SO-1/waybill", "content-type: application/x-www-form-urlencoded\r\n", form);
    assert_eq!(status, 303);
    assert_eq!(facts(&mut client, "SO-1", "waybill_entered")[0]["data"]["by"], "王芳");
    let conflict = eventually("the late answer", || facts(&mut client, "SO-1", "waybill_conflict").into_iter().next());
    assert_eq!(conflict["data"]["conflict"]["from"], "only");
    assert_eq!(numbers(&mut client, "SO-1"), ["75312345678901"]);
    assert!(served.terminate().success());
    assert_clean(&folder.path().join("data"));
}

#[test]
fn the_store_goes_on_giving_numbers_when_the_courier_is_gone() {
    let folder = tempfile::tempdir().unwrap();
    let courier = Courier::start(0).unwrap();
    let config = [STATION, &carrier(&["direct", "ahead"]), &channel("direct", &courier), &store("ahead", &courier)];
    let config = config.concat();
    let stored = |client: &mut Client| client.get("/api/v1/channels")["channels"][1]["stored"].as_u64().unwrap();
    let mut served = Served::start(folder.path(), &config);
    let mut client = served.client();
    client.must("/api/v1/products", &json!({"sku": "ITEM"}));
    eventually("a full store", || (stored(&mut client) == 5).then_some(()));
    courier.turn(Mood::Closes);
    order(&mut client, "SO-0");
    assert_eq!(number(&mut client, "SO-0"), "75000000000001");
    served.kill();
    let served = Served::start(folder.path(), &config);
    let mut client = served.client();
    for index in 1..5 {
        order(&mut client, &format!("SO-{index}"));
    }
    let mut given: Vec<String> = (1..5).map(|index| number(&mut client, &format!("SO-{index}"))).collect();
    given.sort();
    assert_eq!(given, ["75000000000002", "75000000000003", "75000000000004", "75000000000005"]);
    order(&mut client, "SO-5");
    let pending = eventually("the mark", || facts(&mut client, "SO-5", "waybill_pending").into_iter().next());
    assert_eq!(pending["data"]["pending"]["tried"][1]["why"], "no number of ahead is left");
    // tried again from time to time until there is one
    courier.turn(Mood::Works);
    number(&mut client, "SO-5");
    assert_eq!(client.get("/api/v1/orders/SO-5")["waybill_pending"], false);
    assert!(served.terminate().success());
    assert_clean(&folder.path().join("data"));
}
