//! The contract over HTTP: what integrators rely on, rubbish that they send, and clients that are slow or hostile.

#![allow(missing_docs, clippy::unwrap_used, reason = "a test")]

mod support;

use std::io::{Read, Write};
use std::net::TcpStream;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use serde_json::{Value, json};
use support::served::{Client, PATIENCE, Served, assert_clean, program};

fn order(id: &str, quantity: i64) -> Value {
    json!({"id": id, "carrier": "ZTO", "consignee": {"name": "张三"}, "lines": [{"line": 1, "sku": "FLT-204", "quantity": quantity}]})
}

fn started(folder: &tempfile::TempDir) -> (Served, Client) {
    let served = Served::start(folder.path(), "");
    let mut client = served.client();
    client.must(
        "/api/v1/products",
        &json!({"sku": "FLT-204", "name": "滤清器", "barcodes": [{"text": "6901234567892"}]}),
    );
    (served, client)
}

#[test]
fn the_main_flow_without_any_configuration() {
    let folder = tempfile::tempdir().unwrap();
    let (served, mut client) = started(&folder);
    let answer = client.must("/api/v1/orders", &json!([order("SO-1", 2), order("SO-2", 1)]));
    assert_eq!(answer["results"][0]["result"], "created");
    let code = answer["results"][0]["scan_code"].as_str().unwrap().to_owned();
    assert!(code.starts_with("WB:O:1:"), "{code}");
    client.must("/api/v1/waybills", &json!({"number": "75312345678901", "carrier": "ZTO", "orders": ["SO-1"]}));
    assert_eq!(client.scan("1", "http-pick", &code), "opened");
    assert_eq!(client.scan("2", "http-pick", "]E06901234567892"), "accepted");
    assert_eq!(client.scan("3", "http-pick", "6901234567892"), "order_complete");
    assert_eq!(client.scan("4", "http-pick", "WB:C:DONE"), "closed");
    assert_eq!(client.scan("5", "http-load", "75312345678901"), "waybill_incomplete");
    assert_eq!(client.scan("6", "http-pack", "SO-1"), "opened");
    assert_eq!(client.scan("7", "http-pack", "6901234567892"), "accepted");
    assert_eq!(client.scan("8", "http-pack", "6901234567892"), "order_complete");
    assert_eq!(client.scan("9", "http-pack", "75312345678901"), "waybill_bound");
    let (_, verdict) = client.try_scan("10", "http-load", "75312345678901").unwrap();
    for (field, expected) in [
        ("code", json!("waybill_loaded")),
        ("accepted", json!(true)),
        ("severity", json!("ok")),
        ("title", json!("已装车")),
        ("scan_id", json!("10")),
    ] {
        assert_eq!(verdict[field], expected, "{field} of {verdict}");
    }
    for field in [
        "seq",
        "detail",
        "hint",
        "expected",
        "got",
        "order",
        "pick_list",
        "line",
        "slot",
        "picked",
        "packed",
        "demanded",
        "missing",
        "candidates",
    ] {
        assert!(verdict.get(field).is_some(), "{field} is missing in {verdict}");
    }
    let order = client.get("/api/v1/orders/SO-1");
    assert_eq!((&order["stage"], &order["complete"]), (&json!("waybill_reported"), &json!(true)));
    let story = client.get("/api/v1/orders/SO-1/timeline");
    let kinds: Vec<&str> =
        story["events"].as_array().unwrap().iter().map(|event| event["type"].as_str().unwrap()).collect();
    assert_eq!(
        kinds,
        [
            "order_put",
            "waybill_put",
            "work_opened",
            "picked",
            "picked",
            "work_closed",
            "scan_refused",
            "work_opened",
            "parcel_opened",
            "packed",
            "packed",
            "parcel_sealed",
            "stage_reached",
            "waybill_bound",
            "stage_reached",
            "waybill_loaded"
        ]
    );
    for (query, kind) in [
        ("SO-1", "order"),
        ("75312345678901", "waybill"),
        ("B1", "parcel"),
        ("6901234567892", "sku"),
        (code.as_str(), "order"),
    ] {
        let hits = client.get(&format!("/api/v1/search?q={query}"));
        assert!(hits["hits"].as_array().unwrap().iter().any(|hit| hit["kind"] == kind), "{query}: {hits}");
    }
    let feed = client.get("/api/v1/events?after=3&limit=2");
    let seqs: Vec<u64> =
        feed["events"].as_array().unwrap().iter().map(|event| event["seq"].as_u64().unwrap()).collect();
    assert_eq!(seqs, [4, 5]);
    assert!(client.text("GET", "/metrics", "", "").1.contains("waybind_verdicts_total{code=\"waybill_loaded\"} 1"));
    let described = client.get("/openapi.json");
    assert!(described["paths"].as_object().unwrap().len() > 15);
    drop(client);
    assert!(served.terminate().success());
    assert_clean(&folder.path().join("data"));
}

#[test]
fn a_hand_over_survives_a_restart_and_closes_when_nothing_speaks_against_it() {
    let folder = tempfile::tempdir().unwrap();
    let (served, mut client) = started(&folder);
    client.must("/api/v1/operators", &json!({"id": "wang", "role": "lead"}));
    for number in 1..=3 {
        let (id, waybill) = (format!("SO-{number}"), format!("W{number}"));
        client.must("/api/v1/orders", &order(&id, 1));
        client.must("/api/v1/waybills", &json!({"number": waybill, "carrier": "ZTO", "orders": [id]}));
        for (step, data) in [id.as_str(), "6901234567892", &waybill].into_iter().enumerate() {
            client.scan(&format!("{id}-{step}"), "http-bench", data);
        }
    }
    let (status, answer) = client.post("/api/v1/manifests", &json!({"id": "M-1", "carrier": "JD", "waybills": ["W1"]}));
    assert!(status == 422 && answer.to_string().contains("goes with ZTO"), "{answer}");
    let body = json!({"id": "M-1", "carrier": "ZTO", "departure": "2026-11-21T18:00:00+08:00", "orders": ["SO-1"], "waybills": ["W2"]});
    let made = client.must("/api/v1/manifests", &body);
    let code = made["results"][0]["scan_code"].as_str().unwrap().to_owned();
    assert!(made["results"][0]["result"] == "created" && code.starts_with("WB:M:1:"), "{made}");
    assert_eq!(client.must("/api/v1/manifests", &body)["results"][0]["result"], "unchanged");
    for (field, value) in [("departure", json!("tonight")), ("orders", json!([]))] {
        let mut wrong = json!({"id": "M-2", "carrier": "ZTO"});
        wrong[field] = value;
        assert_eq!(client.post("/api/v1/manifests", &wrong).0, 422, "{wrong}");
    }
    assert_eq!(client.scan("open", "http-load", &code), "opened");
    assert_eq!(client.scan("foreign", "http-load", "W3"), "wrong_carrier");
    let loaded =
        client.post("/api/v1/scans", &json!({"id": "w1", "station": "http-load", "data": "W1", "operator": "wang"}));
    assert_eq!(loaded.1["code"], "waybill_loaded");
    drop(client);
    assert!(served.terminate().success());

    let served = Served::start(folder.path(), "");
    let mut client = served.client();
    let manifest = client.get("/api/v1/manifests/M-1");
    assert_eq!((&manifest["state"], &manifest["station"]), (&json!("open"), &json!("http-load")));
    assert_eq!(manifest["counts"], json!({"expected": 2, "loaded": 1, "missing": 1, "stopped": 0, "foreign": 1}));
    assert_eq!(manifest["missing"], json!([{"waybill": "W2", "orders": ["SO-2"]}]));
    let row = &manifest["loaded"][0];
    assert_eq!((&row["waybill"], &row["operator"]), (&json!("W1"), &json!("wang")));
    assert_eq!(manifest["foreign"][0]["waybill"], "W3");
    for path in ["/station/http-load", "/"] {
        let page = client.text("GET", path, "", "").1;
        assert!(page.contains("M-1") && page.contains("1 / 2"), "{path}: {page}");
    }
    assert_eq!(client.get("/api/v1/stations/http-load")["manifest"]["missing"][0]["waybill"], "W2");
    client.must("/api/v1/orders/SO-1/cancel", &json!({}));
    assert!(client.text("GET", "/station/http-load", "", "").1.contains("必须卸下"), "the page says what comes off");
    assert_eq!(client.scan("done-1", "http-load", "WB:C:DONE"), "order_cancelled");
    assert_eq!(client.scan("unload", "http-load", "WB:C:UNLOAD"), "info");
    assert_eq!(client.scan("off", "http-load", "W1"), "unloaded");
    let mut done = |id: &str| {
        let scan = json!({"id": id, "station": "http-load", "data": "WB:C:DONE", "operator": "wang"});
        client.post("/api/v1/scans", &scan).1["code"].as_str().unwrap().to_owned()
    };
    assert_eq!((done("done-2"), done("done-3")), ("wrong_step".into(), "closed".into()));
    let manifest = client.get("/api/v1/manifests/M-1");
    assert_eq!((&manifest["state"], &manifest["counts"]["loaded"]), (&json!("closed"), &json!(0)));
    assert_eq!(client.text("GET", "/api/v1/manifests/M-9", "", "").0, 404);
    let feed = client.get("/api/v1/events?after=0&limit=1000");
    let events: Vec<&Value> = feed["events"].as_array().unwrap().iter().collect();
    let of = |kind: &str| events.iter().find(|event| event["type"] == kind).unwrap_or_else(|| panic!("no {kind}"));
    assert_eq!(of("manifest_opened")["data"]["work"]["manifest"], "M-1");
    assert_eq!(of("manifest_closed")["data"]["work"]["manifest"], "M-1");
    assert_eq!(of("waybill_loaded")["data"]["manifest"], "M-1");
    assert_eq!(of("waybill_unloaded")["data"]["manifest"], "M-1");
    let hits = client.get(&format!("/api/v1/search?q={code}"));
    assert_eq!((&hits["hits"][0]["kind"], &hits["hits"][0]["id"]), (&json!("manifest"), &json!("M-1")));
    drop(client);
    assert!(served.terminate().success());
    assert_clean(&folder.path().join("data"));
}

#[test]
fn a_scan_sent_twice_counts_once_and_a_reused_id_is_a_conflict() {
    let folder = tempfile::tempdir().unwrap();
    let (_served, mut client) = started(&folder);
    client.must("/api/v1/orders", &order("SO-1", 5));
    client.scan("open", "http-bench", "SO-1");
    assert_eq!(client.scan("x", "http-bench", "6901234567892"), "accepted");
    let (_, again) = client.try_scan("x", "http-bench", "6901234567892").unwrap();
    assert_eq!(
        (&again["code"], &again["first_code"], &again["packed"]),
        (&json!("already_recorded"), &json!("accepted"), &json!(1))
    );
    assert_eq!(client.scan("x", "http-bench", "NOSUCH"), "scan_id_conflict");
    assert_eq!(client.get("/api/v1/orders/SO-1")["lines"][0]["packed"], 1);
    let (status, answer) = client.try_scan("y", "nowhere", "A").unwrap();
    assert_eq!((status, answer["status"].clone()), (404, json!(404)));
    let (_, bytes) = client.post("/api/v1/scans", &json!({"id": "z", "station": "http-bench", "data_base64": "//79"}));
    assert_eq!(bytes["code"], "unreadable", "bytes that are no text: {bytes}");
}

#[test]
fn what_upstream_says_of_an_order_bites_at_the_next_scan_and_is_idempotent() {
    let folder = tempfile::tempdir().unwrap();
    let (_served, mut client) = started(&folder);
    client.must("/api/v1/orders", &json!([order("SO-1", 2), order("SO-2", 2)]));
    client.scan("open", "http-bench", "SO-1");
    client.must("/api/v1/orders/SO-1/hold", &json!({"reason": "risk", "note": null}));
    assert_eq!(client.scan("1", "http-bench", "6901234567892"), "order_held");
    client.must("/api/v1/orders/SO-1/release", &json!({"reason": null}));
    assert_eq!(client.scan("2", "http-bench", "6901234567892"), "accepted");
    let key = "idempotency-key: k1\r\n";
    let first = client.text("POST", "/api/v1/orders/SO-1/cancel", key, r#"{"lines":[{"line":1,"quantity":1}]}"#);
    let second = client.text("POST", "/api/v1/orders/SO-1/cancel", key, r#"{"lines":[{"line":1,"quantity":1}]}"#);
    assert_eq!(first, second, "the same key answers the same");
    assert_eq!(client.get("/api/v1/orders/SO-1")["lines"][0]["demanded"], 1, "and counts once");
    assert_eq!(client.text("POST", "/api/v1/orders/SO-1/cancel", key, "{}").0, 409);
    client.must("/api/v1/orders/SO-2/cancel", &json!({"lines": null}));
    client.scan("done", "http-bench", "WB:C:DONE");
    assert_eq!(client.scan("3", "http-bench", "SO-2"), "order_cancelled");
    assert_eq!(client.post("/api/v1/orders/NONE/cancel", &json!({})).0, 404);
    assert_eq!(client.post("/api/v1/orders/SO-1/stage", &json!({"stage": "signed"})).0, 422);
    assert_eq!(client.post("/api/v1/waybills/NONE/void", &json!({})).0, 404);
}

#[test]
fn rubbish_gets_a_clear_refusal_in_its_place_and_everything_else_goes_on() {
    let folder = tempfile::tempdir().unwrap();
    let (served, mut client) = started(&folder);
    let mut refused = |path: &str, body: &str, status: u16, says: &str| {
        let (got, answer) = client.text("POST", path, "content-type: application/json\r\n", body);
        assert_eq!(got, status, "{path} {body}: {answer}");
        assert!(answer.contains(says), "{path} {body} should say {says}: {answer}");
    };
    refused("/api/v1/orders", "{", 400, "EOF");
    refused("/api/v1/orders", "[1]", 400, "nothing of the request was taken; object 1 of 1");
    refused("/api/v1/products", r#"{"sku":"A","colour":"red"}"#, 400, "colour");
    refused(
        "/api/v1/orders",
        r#"{"id":"X","carrier":"ZTO","consignee":{},"lines":[{"line":1,"sku":"A","quantity":1,"color":1}]}"#,
        400,
        "color",
    );
    for quantity in ["0", "-1", "1000000000"] {
        let body = format!(
            r#"{{"id":"X","carrier":"ZTO","consignee":{{}},"lines":[{{"line":1,"sku":"A","quantity":{quantity}}}]}}"#
        );
        refused("/api/v1/orders", &body, 422, "it must be 1 to 1000000");
    }
    refused("/api/v1/orders", r#"{"id":"","carrier":"ZTO","consignee":{},"lines":[]}"#, 422, "is empty");
    refused("/api/v1/orders", r#"{"id":"X","carrier":"ZTO","consignee":{},"lines":[]}"#, 422, "at least one line");
    refused("/api/v1/products", r#"{"sku":"A","name":"bad\u0007bell"}"#, 422, "U+0007");
    refused("/api/v1/pick-lists", r#"{"id":"PL","orders":["NONE"]}"#, 422, "there is no order NONE");
    refused("/api/v1/scans", r#"{"id":"a","station":"http-bench"}"#, 400, "data");
    refused("/api/v1/scans", r#"{"id":"a","station":"http-bench","data":"x","extra":1}"#, 400, "extra");
    let many = Value::Array((0..1_001).map(|number| json!({"sku": format!("S{number}")})).collect());
    refused("/api/v1/products", &many.to_string(), 400, "1000 a request");
    let mut large = TcpStream::connect(served.address).unwrap();
    large.write_all(b"POST /api/v1/products HTTP/1.1\r\nhost: localhost\r\ncontent-length: 10485760\r\n\r\n{").unwrap();
    let mut answer = String::new();
    large.read_to_string(&mut answer).unwrap();
    assert!(answer.starts_with("HTTP/1.1 413") && answer.contains("bytes"), "{answer}");
    let mixed = client.must("/api/v1/orders", &json!([order("SO-1", 1), order("SO-2", 0), {"id": "SO-3", "carrier": "ZTO", "consignee": {}, "lines": [{"line": 1, "sku": "NEW", "quantity": 1}]}]));
    let words: Vec<&str> =
        mixed["results"].as_array().unwrap().iter().map(|result| result["result"].as_str().unwrap()).collect();
    assert_eq!(words, ["created", "refused", "created"]);
    assert_eq!(client.get("/api/v1/orders/SO-3")["holds"][0]["reason"], "master_data");
    client.must("/api/v1/pick-lists", &json!({"id": "PL-1", "orders": ["SO-1"]}));
    assert_eq!(client.post("/api/v1/pick-lists", &json!({"id": "PL-2", "orders": ["SO-1"]})).0, 422);
    let mut other = order("SO-4", 1);
    other["consignee"]["name"] = "李四".into();
    client.must("/api/v1/orders", &other);
    let (status, answer) =
        client.post("/api/v1/waybills", &json!({"number": "W1", "carrier": "ZTO", "orders": ["SO-1", "SO-4"]}));
    assert!(status == 422 && answer.to_string().contains("different consignees"), "{answer}");
    client.must("/api/v1/products", &json!({"sku": "EVIL", "name": "<script>alert(1)</script>"}));
    client.must(
        "/api/v1/orders",
        &json!({"id": "SO-5", "carrier": "ZTO", "consignee": {}, "lines": [{"line": 1, "sku": "EVIL", "quantity": 1}]}),
    );
    client.scan("s", "http-bench", "SO-5");
    let page = client.text("GET", "/station/http-bench", "", "").1;
    assert!(page.contains("&lt;script&gt;") && !page.contains("<script>alert"), "names never reach the page as markup");
}

#[test]
fn ten_thousand_rubbish_requests_are_answered_or_closed() {
    let folder = tempfile::tempdir().unwrap();
    let (served, mut client) = started(&folder);
    let rubbish: [&[u8]; 6] = [
        b"\x00\x01\x02\x03\r\n\r\n",
        b"GET / HTTP/9.9\r\n\r\n",
        b"POST /api/v1/scans HTTP/1.1\r\nhost: localhost\r\ncontent-length: 5\r\ntransfer-encoding: chunked\r\n\r\nzz\r\n",
        b"GET /%2e%2e/%2e%2e/etc/passwd HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n\r\n",
        b"GET /assets/..%2f..%2fetc%2fpasswd HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n\r\n",
        b"NONSENSE\r\n\r\n",
    ];
    let long = [b"GET /", "x".repeat(70_000).as_bytes(), b" HTTP/1.1\r\nhost: localhost\r\n\r\n"].concat();
    let count = if std::env::var_os("WAYBIND_FULL").is_some() { 10_000 } else { 600 };
    for number in 0..count {
        let mut stream = TcpStream::connect(served.address).unwrap();
        stream.set_read_timeout(Some(PATIENCE)).unwrap();
        let bytes = if number % 50 == 0 { long.as_slice() } else { rubbish[number % rubbish.len()] };
        // the service may hang up before everything is written
        drop(stream.write_all(bytes));
        let mut answer = Vec::new();
        drop(stream.read_to_end(&mut answer));
        let text = String::from_utf8_lossy(&answer);
        assert!(text.is_empty() || text.starts_with("HTTP/1.1 4"), "{text}");
        assert!(!text.contains("root:"), "nothing outside is served");
    }
    assert_eq!(client.text("GET", "/healthz", "", "").0, 200);
}

#[test]
fn slow_and_silent_clients_are_hung_up_on() {
    let folder = tempfile::tempdir().unwrap();
    let (served, mut client) = started(&folder);
    let opened = |bytes: &[u8]| {
        let mut stream = TcpStream::connect(served.address).unwrap();
        stream.write_all(bytes).unwrap();
        stream.set_read_timeout(Some(PATIENCE)).unwrap();
        stream
    };
    let began = Instant::now();
    let mut half: Vec<TcpStream> = (0..15).map(|_| opened(b"GET / HTTP/1.1\r\nhost: local")).collect();
    half.extend((0..15).map(|_| opened(b"")));
    half.extend(
        (0..15).map(|_| opened(b"POST /api/v1/scans HTTP/1.1\r\nhost: localhost\r\ncontent-length: 100\r\n\r\n{")),
    );
    assert_eq!(client.text("GET", "/healthz", "", "").0, 200, "others are served meanwhile");
    for mut stream in half {
        let mut rest = Vec::new();
        let read = stream.read_to_end(&mut rest);
        let text = String::from_utf8_lossy(&rest);
        assert!(read.is_ok() && (rest.is_empty() || text.starts_with("HTTP/1.1 408")), "{read:?} {text}");
    }
    assert!(began.elapsed() < Duration::from_secs(50), "five times the ten seconds that are promised");
    // one address gets so many connections and no more
    let mut crowd: Vec<TcpStream> =
        (0..80).map(|_| opened(b"GET /healthz HTTP/1.1\r\nhost: localhost\r\n\r\n")).collect();
    // all stay open until all have been looked at
    let answered = crowd.iter_mut().filter_map(|stream| stream.read(&mut [0; 12]).ok()).filter(|len| *len > 0).count();
    assert!((50..=64).contains(&answered), "{answered} of 80 were served");
}

#[test]
fn pages_of_other_sites_and_other_names_are_turned_away() {
    let folder = tempfile::tempdir().unwrap();
    let (served, mut client) = started(&folder);
    let scan = r#"{"id":"1","station":"http-bench","data":"x"}"#;
    for headers in ["origin: http://evil.example\r\n", "sec-fetch-site: cross-site\r\n", "origin: null\r\n"] {
        assert_eq!(client.text("POST", "/api/v1/scans", headers, scan).0, 403, "{headers}");
    }
    assert_eq!(client.text("POST", "/api/v1/scans", "origin: http://localhost\r\n", scan).0, 200);
    let mut stream = TcpStream::connect(served.address).unwrap();
    stream.write_all(b"GET / HTTP/1.1\r\nhost: evil.example\r\nconnection: close\r\n\r\n").unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    assert!(answer.starts_with("HTTP/1.1 403"), "{answer}");
}

#[test]
fn the_live_feed_resumes_where_it_was_left() {
    let folder = tempfile::tempdir().unwrap();
    let (served, mut client) = started(&folder);
    client.must("/api/v1/orders", &json!([order("SO-1", 1), order("SO-2", 1)]));
    let mut stream = TcpStream::connect(served.address).unwrap();
    stream.set_read_timeout(Some(PATIENCE)).unwrap();
    stream.write_all(b"GET /api/v1/events/stream HTTP/1.1\r\nhost: localhost\r\nlast-event-id: 2\r\n\r\n").unwrap();
    let mut seen = String::new();
    let mut until = |stream: &mut TcpStream, wanted: &str| {
        let mut buffer = [0; 4096];
        while !seen.contains(wanted) {
            let len = stream.read(&mut buffer).unwrap();
            assert!(len > 0, "the stream ended: {seen}");
            seen.push_str(&String::from_utf8_lossy(&buffer[..len]));
        }
        assert!(!seen.contains("\nid: 2\n"), "what was seen is not sent again");
    };
    until(&mut stream, "SO-2");
    client.must("/api/v1/orders", &order("SO-3", 1));
    until(&mut stream, "SO-3");
}

#[test]
fn a_badge_and_a_pin_sign_in_and_the_pin_stands_nowhere() {
    let folder = tempfile::tempdir().unwrap();
    let config = "[[station]]\nid = \"pin-01\"\nmode = \"bench\"\nsign_in = \"badge-pin\"\n";
    let served = Served::start(folder.path(), config);
    let mut client = served.client();
    let refused = client.post("/api/v1/operators", &json!({"id": "li", "pin": "12a4"}));
    assert_eq!(refused.0, 422, "{:?}", refused.1);
    let li = json!({"id": "li", "name": "李雷", "pin": "47114711"});
    let badge = client.must("/api/v1/operators", &li)["results"][0]["scan_code"].as_str().unwrap().to_owned();
    assert_eq!(client.must("/api/v1/operators", &li)["results"][0]["result"], "unchanged", "the same PIN again");

    let enter = |client: &mut Client, pin: &str| client.post("/api/v1/stations/pin-01/pin", &json!({"pin": pin}));
    assert_eq!(enter(&mut client, "47114711").0, 409, "no badge was shown");
    assert_eq!(client.scan("a", "pin-01", &badge), "info");
    assert_eq!(client.get("/api/v1/stations/pin-01")["awaiting"], "pin");
    let wrong = enter(&mut client, "00000000");
    assert_eq!(wrong.0, 422);
    assert!(wrong.1["detail"].as_str().unwrap().contains("4 tries"), "{:?}", wrong.1);
    assert_eq!(client.scan("b", "pin-01", "SO-1"), "not_signed_in");
    let right = enter(&mut client, "47114711");
    assert_eq!((right.0, &right.1["operator"]), (200, &json!("li")));
    assert_eq!(client.get("/api/v1/stations/pin-01")["operator"], "李雷");
    assert_eq!(client.scan("c", "pin-01", "SO-1"), "unknown_code");

    let feed = client.get("/api/v1/events?after=0&limit=100").to_string();
    assert!(feed.contains("pin_refused") && feed.contains("signed_in"), "{feed}");
    assert!(!feed.contains("argon2") && !feed.contains(&badge[5..20]), "no secret goes out: {feed}");
    let data = served.data.clone();
    assert!(served.terminate().success());
    for entry in std::fs::read_dir(&data).unwrap() {
        let bytes = std::fs::read(entry.unwrap().path()).unwrap_or_default();
        assert!(!bytes.windows(8).any(|window| window == b"47114711"), "the PIN is on the disk");
    }
    assert_clean(&data);
}

#[test]
fn an_order_with_an_unknown_product_is_taken_and_says_that_it_is_held() {
    let folder = tempfile::tempdir().unwrap();
    let (_served, mut client) = started(&folder);
    let strange = json!({"id": "SO-9", "carrier": "ZTO", "consignee": {}, "lines": [{"line": 1, "sku": "NOWHERE", "quantity": 1}]});
    let result = &client.must("/api/v1/orders", &strange)["results"][0];
    assert_eq!((&result["result"], &result["held"]), (&json!("created"), &json!(["master_data"])));
}

#[test]
fn a_plan_groups_parcels_says_why_and_changes_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let (served, mut client) = started(&folder);
    let parcel = |order: &str, time: &str| json!({"order": order, "carrier": "ZTO", "courier": "HZ-3", "region": "330106", "ship_time": format!("2026-11-21T{time}")});
    let mut parcels = vec![
        parcel("SO-4", "10:09:00+08:00"),
        parcel("SO-1", "10:00:00+08:00"),
        parcel("SO-3", "02:08:00Z"),
        parcel("SO-2", "10:03:00.5+08:00"),
    ];
    parcels.push(json!({"order": "SO-5", "carrier": "YTO", "region": "330106", "ship_time": null}));
    parcels.push(json!({"order": "SO-6", "carrier": "YTO", "courier": "", "region": "310115", "ship_time": "2026-11-21T10:00:00+08:00"}));
    let plan = client.must("/api/v1/labels/plan", &json!({"parcels": parcels}));
    let orders: Vec<Value> = plan["groups"].as_array().unwrap().iter().map(|group| group["orders"].clone()).collect();
    assert_eq!(json!(orders), json!([["SO-6"], ["SO-1", "SO-2", "SO-3"], ["SO-4"], ["SO-5"]]));
    assert_eq!(plan["groups"][1]["why"], "快递 HZ-3（ZTO）发往 330106 的 3 件，发货时间相差 8 分；面单已满");
    assert_eq!(plan["groups"][2]["parcels"][0]["why"], "SO-1 的面单已满（3 件）");
    assert_eq!(plan["groups"][1]["parcels"][2]["order"], "SO-3");
    let body = json!({"parcels": parcels, "max": 4}).to_string();
    let (status, text) = client.text("POST", "/api/v1/labels/plan", "accept-language: en\r\n", &body);
    let english: Value = serde_json::from_str(&text).unwrap();
    assert_eq!((status, &english["groups"][1]["orders"]), (200, &json!(["SO-1", "SO-2", "SO-3", "SO-4"])));
    assert_eq!(english["groups"][0]["why"], "no other parcel of carrier YTO for region 310115");
    assert_eq!(client.must("/api/v1/labels/plan", &json!({"parcels": [], "max": null})), json!({"groups": []}));
    assert_eq!(
        client.get("/api/v1/events?after=0")["events"].as_array().unwrap().len(),
        1,
        "only the product is there"
    );

    let mut refused = |body: &str, status: u16, says: &str| {
        let (got, answer) = client.text("POST", "/api/v1/labels/plan", "", body);
        assert!(got == status && answer.contains(says), "{body:.200} should say {says}: {got} {answer}");
    };
    let with = |field: &str| format!(r#"{{"parcels":[{{"order":"A","carrier":"ZTO"}},{{"order":"B",{field}}}]}}"#);
    refused(&with(r#""carrier":"ZTO","ship_time":"2026-11-21T10:00:00""#), 400, "parcels[1]: order B: ship_time");
    refused(&with(r#""carrier":"ZTO","ship_time":"2026-13-21T10:00:00Z""#), 400, "parcels[1]: order B: ship_time");
    refused(
        &with(r#""carrier":"ZTO","ship_time":5"#),
        400,
        "parcels[1].ship_time: the number 5 stands where a text belongs",
    );
    refused(&with(r#""carrier":"ZTO","colour":"red""#), 400, "parcels[1]: unknown field `colour`");
    refused(&with(r#""carrier":"""#), 400, "parcels[1]: order B: carrier is empty");
    refused(
        &with(r#""carrier":"ZTO","region":"a\u0007""#),
        400,
        "parcels[1]: order B: region holds the control character",
    );
    refused(&with(r#""region":"1""#), 400, "parcels[1]: missing field `carrier`");
    refused(r#"{"parcels":[{"order":"","carrier":"ZTO"}]}"#, 400, "parcels[0]: order is empty");
    refused(r#"{"parcels":[],"extra":1}"#, 400, "unknown field `extra`");
    refused(r#"{"max":3}"#, 400, "missing field `parcels`");
    refused(r#"{"parcels":{}}"#, 400, "parcels: an object stands where an array of parcels belongs");
    for max in ["0", "13", "-1"] {
        refused(
            &format!(r#"{{"parcels":[],"max":{max}}}"#),
            400,
            "it must be 1 to 12: more codes than that do not fit",
        );
    }
    refused(
        &format!(r#"{{"parcels":[{{"order":"A","carrier":"Z","ship_time":"{}"}}]}}"#, "9".repeat(5_000_000)),
        400,
        "is no time",
    );
    let mut large = TcpStream::connect(served.address).unwrap();
    large
        .write_all(b"POST /api/v1/labels/plan HTTP/1.1\r\nhost: localhost\r\ncontent-length: 34000000\r\n\r\n{")
        .unwrap();
    let mut answer = String::new();
    large.read_to_string(&mut answer).unwrap();
    assert!(answer.starts_with("HTTP/1.1 413") && answer.contains("100,000 parcels"), "{answer}");
}

#[test]
fn a_hundred_thousand_parcels_are_planned_in_one_request() {
    let folder = tempfile::tempdir().unwrap();
    let (_served, mut client) = started(&folder);
    let parcel = |number: usize| {
        let (minute, second) = (number / 60 % 60, number % 60);
        format!(
            r#"{{"order":"SO-{number}","carrier":"ZTO","courier":null,"region":"33{:04}","ship_time":"2026-11-21T10:{minute:02}:{second:02}+08:00"}}"#,
            number % 50
        )
    };
    let parcels: Vec<String> = (0..100_000).map(parcel).collect();
    let (status, answer) =
        client.text("POST", "/api/v1/labels/plan", "", &format!(r#"{{"parcels":[{}]}}"#, parcels.join(",")));
    assert_eq!(status, 200, "{answer:.300}");
    let answer: Value = serde_json::from_str(&answer).unwrap();
    let planned = answer["groups"].as_array().unwrap().iter().map(|group| group["orders"].as_array().unwrap().len());
    assert_eq!(planned.sum::<usize>(), 100_000);
    let one_more = format!(r#"{{"parcels":[{},{}]}}"#, parcels.join(","), parcel(1));
    let (status, answer) = client.text("POST", "/api/v1/labels/plan", "", &one_more);
    assert!(status == 400 && answer.contains("up to 100000 parcels"), "{answer:.300}");
}

#[test]
fn commands_reach_the_running_service_and_work_without_it() {
    let folder = tempfile::tempdir().unwrap();
    let (served, mut client) = started(&folder);
    let file = folder.path().join("work.json");
    std::fs::write(&file, json!({"orders": [order("SO-1", 1), order("SO-2", 0)]}).to_string()).unwrap();
    let import = |data: &std::path::Path| {
        Command::new(program()).arg("import").arg(&file).arg("--data").arg(data).output().unwrap()
    };
    let output = import(&served.data);
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    assert!(text.contains("orders SO-1 created") && text.contains("orders SO-2 refused"), "{text}");
    assert_eq!(output.status.code(), Some(1), "something was refused");
    assert_eq!(client.get("/api/v1/orders/SO-1")["id"], "SO-1");
    let trace = concat!(env!("CARGO_MANIFEST_DIR"), "/fixtures/traces/bench-01.jsonl");
    let replayed = Command::new(program())
        .args(["replay", trace, "--station", "http-bench", "--data"])
        .arg(&served.data)
        .output()
        .unwrap();
    assert!(
        replayed.status.success() && String::from_utf8_lossy(&replayed.stdout).contains("6901234567892"),
        "{replayed:?}"
    );
    drop(client);
    let data = served.data.clone();
    assert!(served.terminate().success());
    assert!(String::from_utf8_lossy(&import(&data).stdout).contains("orders SO-1 unchanged"));
    for (arguments, code) in [
        (vec!["check-config", "/nonexistent"], 2),
        (vec!["ledger", "stats", "--data", "/nonexistent"], 1),
        (vec!["dance"], 2),
        (vec!["serve", "--listen", "rubbish"], 2),
        (vec!["import", "/nonexistent.json"], 1),
        (vec!["--help"], 0),
    ] {
        assert_eq!(
            Command::new(program()).args(&arguments).output().unwrap().status.code(),
            Some(code),
            "{arguments:?}"
        );
    }
    for arguments in [
        vec!["ledger", "stats", "--json"],
        vec!["ledger", "export"],
        vec!["selftest", "disk", "--json"],
        vec!["devices"],
    ] {
        let output = Command::new(program()).args(&arguments).arg("--data").arg(&data).output().unwrap();
        assert!(output.status.success() && !output.stdout.is_empty(), "{arguments:?}: {output:?}");
    }
}

#[test]
fn what_is_put_again_beside_something_new_takes_nobodys_number() {
    let folder = tempfile::tempdir().unwrap();
    let served = Served::start(folder.path(), "");
    let mut client = served.client();
    let order = |id: &str, quantity: u32| json!({"id": id, "carrier": "ZTO", "consignee": {"name": "x"}, "lines": [{"line": 1, "sku": "A", "quantity": quantity}]});
    client.must("/api/v1/products", &json!([{"sku": "A"}, {"sku": "B"}, {"sku": "C"}]));
    client.must("/api/v1/orders", &json!([order("SO-1", 1), order("SO-2", 1), order("SO-3", 1)]));
    client.must("/api/v1/products", &json!([{"sku": "A", "name": "changed"}, {"sku": "D"}]));
    client.must("/api/v1/orders", &json!([order("SO-1", 2), order("SO-4", 1)]));
    for id in ["SO-1", "SO-2", "SO-3", "SO-4"] {
        assert_eq!(client.get(&format!("/api/v1/orders/{id}"))["id"], id);
    }
    let lists = json!([{"id": "PL-1", "orders": ["SO-1"]}, {"id": "PL-2", "orders": ["SO-2"]}, {"id": "PL-3", "orders": ["SO-3"]}]);
    client.must("/api/v1/pick-lists", &lists);
    client.must(
        "/api/v1/pick-lists",
        &json!([{"id": "PL-1", "tote": "T1", "orders": ["SO-1"]}, {"id": "PL-4", "orders": ["SO-4"]}]),
    );
    assert_eq!(client.scan("1", "http-pick", "PL-2"), "opened");
    assert!(served.terminate().success());
    assert_clean(&folder.path().join("data"));
}

#[test]
fn the_alarm_that_a_station_shows_names_its_record() {
    let folder = tempfile::tempdir().unwrap();
    let served = Served::start(folder.path(), "[[station]]\nid = \"b1\"\nmode = \"bench\"\n");
    let mut client = served.client();
    client.must("/api/v1/products", &json!([{"sku": "A"}, {"sku": "B"}]));
    client.must("/api/v1/orders", &json!({"id": "SO-1", "carrier": "ZTO", "consignee": {"name": "x"}, "lines": [{"line": 1, "sku": "A", "quantity": 1}]}));
    client.scan("1", "b1", "SO-1");
    let alarm = client.try_scan("2", "b1", "B").unwrap().1;
    assert_eq!(alarm["code"], "not_on_list");
    let latched = client.get("/api/v1/stations/b1")["latched"].clone();
    assert_eq!((&latched["scan_id"], &latched["seq"]), (&alarm["scan_id"], &alarm["seq"]));
    assert!(alarm["seq"].is_u64(), "{alarm}");
    drop(client);
    assert!(served.terminate().success());
    assert_clean(&folder.path().join("data"));
}

#[test]
fn a_parcel_with_a_kit_says_how_many_whole_sets_it_has() {
    let folder = tempfile::tempdir().unwrap();
    let served = Served::start(folder.path(), "");
    let mut client = served.client();
    client.must("/api/v1/products", &json!([{"sku": "KIT"}, {"sku": "AIR"}, {"sku": "OIL"}, {"sku": "PAD"}]));
    client.must(
        "/api/v1/orders",
        &json!({"id": "SO-1", "carrier": "ZTO", "consignee": {"name": "x"}, "lines": [
            {"line": 1, "sku": "KIT", "quantity": 2, "components": [{"sku": "AIR", "quantity": 2}, {"sku": "OIL", "quantity": 1}]},
            {"line": 2, "sku": "PAD", "quantity": 1}]}),
    );
    client.scan("open", "http-bench", "SO-1");
    let contents = |client: &mut Client| client.get("/api/v1/orders/SO-1")["parcels"][0]["contents"].clone();
    for (index, sku) in ["AIR", "AIR", "AIR", "OIL"].iter().enumerate() {
        client.scan(&format!("one-{index}"), "http-bench", sku);
    }
    let components = |air: u32, oil: u32| json!([{"sku": "AIR", "quantity": air}, {"sku": "OIL", "quantity": oil}]);
    assert_eq!(contents(&mut client), json!([{"line": 1, "quantity": 1, "components": components(3, 1)}]));
    for (index, sku) in ["AIR", "OIL", "PAD"].iter().enumerate() {
        client.scan(&format!("two-{index}"), "http-bench", sku);
    }
    let whole = json!({"line": 1, "quantity": 2, "components": components(4, 2)});
    assert_eq!(contents(&mut client), json!([whole, {"line": 2, "quantity": 1}]));
}

#[test]
fn the_service_of_systemd_is_not_begun_again_with_a_configuration_that_has_mistakes() {
    let unit = include_str!("../fixtures/systemd/waybind.service");
    let value = |key: &str| unit.lines().find_map(|line| line.strip_prefix(key)).unwrap();
    let folder = tempfile::tempdir().unwrap();
    let config = folder.path().join("waybind.toml");
    std::fs::write(&config, "listn = \"127.0.0.1:0\"\n").unwrap();
    let (config, data) = (config.to_str().unwrap(), folder.path().join("data"));
    let words = value("ExecStart=").replace("/etc/waybind.toml", config);
    let words = words.replace("/var/lib/waybind", data.to_str().unwrap());
    let started = Command::new(program()).args(words.split(' ').skip(1)).output().unwrap();
    let told = String::from_utf8_lossy(&started.stderr);
    assert!(told.contains("there is no key \"listn\""), "{told}");
    assert_eq!(started.status.code().unwrap().to_string(), value("RestartPreventExitStatus="));
}

#[test]
fn the_demo_plays_its_story_as_expected() {
    let folder = tempfile::tempdir().unwrap();
    let played = Command::new(program())
        .args(["demo", "--fast", "--exit", "--listen", "127.0.0.1:0", "--data"])
        .arg(folder.path().join("data"))
        .output()
        .unwrap();
    let text = String::from_utf8_lossy(&played.stdout).into_owned();
    assert!(played.status.success(), "{text}{}", String::from_utf8_lossy(&played.stderr));
    assert!(text.contains("waybill_loaded"), "{text}");
    assert_clean(&folder.path().join("data"));
}

#[test]
fn decode_answers_every_line() {
    let mut child = Command::new(program())
        .args(["decode", "--jsonl"])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let lines = b"{\"raw\": \"]C10109506000134352\\u001d10A1\"}\nnonsense\n{\"raw\":\"]E06901234567891\"}\n";
    child.stdin.take().unwrap().write_all(lines).unwrap();
    let output = child.wait_with_output().unwrap();
    let answers: Vec<Value> =
        String::from_utf8(output.stdout).unwrap().lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    assert_eq!(answers.len(), 3);
    assert_eq!(
        (&answers[0]["ok"], &answers[1]["ok"], &answers[2]["error"]["offset"]),
        (&json!(true), &json!(false), &json!(15))
    );
}
