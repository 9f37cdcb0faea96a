//! Couriers on real HTTP: whatever they do, an order gets its number over the next channel, from the store, or by hand; and
//! a number that holds is never overwritten.

#![allow(missing_docs, clippy::unwrap_used, reason = "a test")]

mod support;

use std::time::Duration;

use data_encoding::{BASE64, HEXLOWER};
use md5::{Digest, Md5};
use serde_json::{Value, json};
use support::served::{Client, Served, assert_clean, eventually};
use waybind::sim::courier::{Courier, Mood};
use waybind::sim::receiver::{Receiver, Reply, Request};

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
    let mut body: Value = serde_json::from_slice(&request.body).unwrap();
    let name = body["request"].take();
    assert!(name.as_str().unwrap().starts_with("SO-0-1-"), "{name}");
    let wanted =
        json!({"request": null, "to": {"name": "张三丰 \"x\"", "phone": "13800001234"}, "goods": "Filter × 1"});
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
    // on the page what was typed stays, and what is wrong with it stands beside it
    let headers = "content-type: application/x-www-form-urlencoded\r\naccept-language: en\r\n";
    let form = |number: &str| format!("number={number}&by=%E7%8E%8B%E8%8A%B3");
    let (status, page) = client.text("POST", "/order/SO-1/waybill", headers, &form("SF1234567890123"));
    assert_eq!(status, 422);
    assert!(
        page.contains("does not look like a number of ZTO") && page.contains("value=\"SF1234567890123\""),
        "{page}"
    );
    assert!(page.contains("value=\"王芳\""), "{page}");
    let (status, _) = client.text("POST", "/order/SO-1/waybill", headers, &form("75312345678901"));
    assert_eq!(status, 303);
    // a second click says the same
    assert_eq!(client.text("POST", "/order/SO-1/waybill", headers, &form("75312345678901")).0, 303);
    assert_eq!(facts(&mut client, "SO-1", "waybill_entered").len(), 1);
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
    let why = &pending["data"]["pending"]["tried"][1]["why"];
    assert!(why.as_str().unwrap().starts_with("no number of ahead is left"), "{why}");
    // tried again from time to time until there is one
    courier.turn(Mood::Works);
    number(&mut client, "SO-5");
    assert_eq!(client.get("/api/v1/orders/SO-5")["waybill_pending"], false);
    assert!(served.terminate().success());
    assert_clean(&folder.path().join("data"));
}

#[test]
fn a_number_for_the_old_address_goes_back_and_another_one_is_asked_for() {
    let folder = tempfile::tempdir().unwrap();
    let courier = Courier::start(0).unwrap();
    courier.turn(Mood::Slow(Duration::from_secs(2)));
    let config = [STATION, &carrier(&["only"]), &channel("only", &courier)];
    let served = Served::start(folder.path(), &config.concat());
    let mut client = served.client();
    client.must("/api/v1/products", &json!({"sku": "ITEM"}));
    let boss = client.must("/api/v1/operators", &json!({"id": "boss", "name": "孙", "role": "supervisor"}));
    order(&mut client, "SO-1");
    eventually("the question", || (!courier.requests().is_empty()).then_some(()));
    let moved = json!({"name": "张三丰", "phone": "13800001234", "address": "宁波市中山东路八号"});
    client.must("/api/v1/orders/SO-1/address", &moved);

    let listed = eventually("the number that goes back", || {
        let listed = client.get("/api/v1/waybills?state=to_return");
        (!listed["waybills"].as_array().unwrap().is_empty()).then_some(listed)
    });
    let old = listed["waybills"][0]["number"].as_str().unwrap().to_owned();
    assert_eq!(listed["waybills"][0]["orders"], json!(["SO-1"]));
    let csv = client.text("GET", "/api/v1/waybills?state=to_return&format=csv", "", "").1;
    let page = client.text("GET", "/returns", "", "").1;
    assert!(csv.contains(&old) && page.contains(&old), "{csv}{page}");
    assert!(numbers(&mut client, "SO-1").is_empty(), "it covers nothing");

    courier.turn(Mood::Works);
    let badge = boss["results"][0]["scan_code"].as_str().unwrap();
    client.must("/api/v1/orders/SO-1/confirm-address", &json!({"badge": badge}));
    let new = number(&mut client, "SO-1");
    assert_ne!(new, old);
    let names = courier.requests().into_iter().map(|request| {
        let body: Value = serde_json::from_slice(&request.body).unwrap();
        body["request"].as_str().unwrap().to_owned()
    });
    let names: Vec<String> = names.collect();
    assert_ne!(names.first(), names.last(), "the courier is asked for something else");
    client.must(&format!("/api/v1/waybills/{old}/returned"), &json!({}));
    assert_eq!(client.get("/api/v1/waybills?state=to_return")["waybills"], json!([]));
    assert!(served.terminate().success());
    assert_clean(&folder.path().join("data"));
}

/// The value of a form's field.
fn field(form: &str, name: &str) -> String {
    let found = form.split('&').find_map(|pair| pair.strip_prefix(name)?.strip_prefix('='));
    let mut bytes = Vec::new();
    let mut rest = found.unwrap().bytes();
    while let Some(byte) = rest.next() {
        let hex = |byte: u8| (byte as char).to_digit(16).unwrap() as u8;
        bytes.push(if byte == b'%' { hex(rest.next().unwrap()) * 16 + hex(rest.next().unwrap()) } else { byte });
    }
    String::from_utf8(bytes).unwrap()
}

/// A courier's gate, which knows the secret: digest of the body in a header, of a field and a time in a form, of a field
/// within JSON, of the query.
fn gate(request: &Request) -> bool {
    let md5 = |text: &str| Md5::digest(text.as_bytes()).to_vec();
    let body = String::from_utf8(request.body.clone()).unwrap();
    let json: Value = serde_json::from_str(&body).unwrap_or_default();
    match request.path.split('?').next().unwrap() {
        "/header" => request.header("x-digest") == Some(&BASE64.encode(&md5(&format!("{body}geheim")))),
        "/form" => {
            let (content, time) = (field(&body, "content"), field(&body, "time"));
            time.parse::<u64>().unwrap() > 1_700_000_000_000
                && content.contains("张三丰")
                && field(&body, "digest") == BASE64.encode(&md5(&format!("{content}{time}geheim")))
        }
        "/inside" => {
            let content = json["param"].as_str().unwrap();
            json["sign"] == HEXLOWER.encode(&md5(&format!("{content}create{}geheim", json["nonce"].as_str().unwrap())))
        }
        "/query" => request.path.ends_with(&format!("&sign={}", HEXLOWER.encode(&md5("geheimSO-queryTCTgeheim")))),
        other => panic!("{other}"),
    }
}

/// Carriers, one for each way of signing.
const CODES: [&str; 4] = ["H", "F", "I", "TCT"];

#[test]
fn requests_are_signed_as_each_courier_asks_for_it() {
    let folder = tempfile::tempdir().unwrap();
    let courier = Receiver::start("127.0.0.1:0", true).unwrap();
    courier.answer(|request| {
        let numbers = [("/header", "75000000000001"), ("/form", "75000000000002"), ("/inside", "75000000000003")];
        let known = numbers.iter().find(|(path, _)| request.path == *path);
        let number = known.map_or("75000000000004", |(_, number)| number);
        let answer = if gate(request) { json!({"no": number}) } else { json!({"msg": "wrong signature"}) };
        Reply::Status(200, answer.to_string())
    });
    let content = r#"content = '{"o":"{order}","to":"{name}"}'"#;
    let channels = [
        (
            "header",
            r#"body = '{"o":"{order}","to":"{name}"}'
headers = { x-digest = "{sign}" }
sign = { of = "{body}{secret}" }"#
                .to_owned(),
        ),
        (
            "form",
            format!(
                "{content}\ncontent_type = \"application/x-www-form-urlencoded\"
body = \"content={{content}}&time={{timestamp}}&digest={{sign}}\"
[channel.sign]\nof = \"{{content}}{{timestamp}}{{secret}}\"\nalgorithm = \"md5\"\nencoding = \"base64\""
            ),
        ),
        (
            "inside",
            format!(
                "{content}
body = '{{\"param\":\"{{content}}\",\"nonce\":\"{{nonce}}\",\"sign\":\"{{sign}}\"}}'
sign = {{ of = \"{{content}}create{{nonce}}{{secret}}\", encoding = \"hex\" }}"
            ),
        ),
        ("query", "sign = { of = \"{secret}{order}{carrier}{secret}\", encoding = \"hex\" }".to_owned()),
    ];
    let mut config = STATION.to_owned();
    let secret = folder.path().join("secret");
    std::fs::write(&secret, "geheim\n").unwrap();
    for (index, (name, rest)) in channels.iter().enumerate() {
        let code = CODES[index];
        let query = if *name == "query" { "?order={order}&sign={sign}" } else { "" };
        config += &format!("[[carrier]]\ncode = \"{code}\"\nchannels = [\"{name}\"]\n");
        config += &format!("[[channel]]\nname = \"{name}\"\nurl = \"http://{}/{name}{query}\"\n", courier.address);
        config += &format!("message = \"msg\"\nnumber = \"no\"\nsecret = {{ file = {secret:?} }}\n{rest}\n");
    }
    let served = Served::start(folder.path(), &config);
    let mut client = served.client();
    client.must("/api/v1/products", &json!({"sku": "ITEM"}));
    for (index, (name, _)) in channels.iter().enumerate() {
        let (id, code) = (format!("SO-{name}"), CODES[index]);
        let order = json!({"id": id, "carrier": code, "consignee": {"name": "张三丰 &+"},
            "lines": [{"line": 1, "sku": "ITEM", "quantity": 1}]});
        client.must("/api/v1/orders", &order);
        assert_eq!(number(&mut client, &id), format!("7500000000000{}", index + 1));
    }
    // the secret is read anew
    std::fs::write(&secret, "changed\n").unwrap();
    client.must(
        "/api/v1/orders",
        &json!({"id": "SO-5", "carrier": "H", "consignee": {"name": "x"}, "lines": [{"line": 1, "sku": "ITEM", "quantity": 1}]}),
    );
    let pending = eventually("the mark", || facts(&mut client, "SO-5", "waybill_pending").into_iter().next());
    assert_eq!(pending["data"]["pending"]["tried"][0]["why"], "no number stands in its answer: wrong signature");
    assert!(served.terminate().success());
    assert_clean(&folder.path().join("data"));
}

#[test]
fn a_days_numbers_fit_in_one_answer() {
    let folder = tempfile::tempdir().unwrap();
    let courier = Receiver::start("127.0.0.1:0", true).unwrap();
    let list: Vec<Value> = (0..2_000)
        .map(|nth| json!({"no": format!("75{nth:012}"), "sort_code": "330-106 12", "site": "杭州西湖"}))
        .collect();
    let answer = json!({"data": {"list": list}}).to_string();
    courier.answer(move |_| Reply::Status(200, answer.clone()));
    let store = format!(
        "[[channel]]\nname = \"ahead\"\nurl = \"http://{}/numbers\"\nnumber = \"data.list[*].no\"\nahead = 2000\n",
        courier.address
    );
    let served = Served::start(folder.path(), &[STATION, &carrier(&["ahead"]), &store].concat());
    let mut client = served.client();
    eventually("a full store", || (client.get("/api/v1/channels")["channels"][0]["stored"] == 2_000).then_some(()));
    assert_eq!(courier.requests().len(), 1);
    assert!(served.terminate().success());
    assert_clean(&folder.path().join("data"));
}
