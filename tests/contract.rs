//! The contract's small print: commands that answer at once and in JSON, bodies that are taken as they are meant, ids of any
//! letters, versions, and retries that tell what was told first.

#![allow(missing_docs, clippy::unwrap_used, reason = "a test")]

mod support;

use std::io::{BufRead, BufReader, Write};
use std::path::Path;
use std::process::{Command, Output, Stdio};
use std::sync::mpsc;

use serde_json::{Value, json};
use support::served::{Client, PATIENCE, Served, program};

fn started(folder: &tempfile::TempDir) -> (Served, Client) {
    let served = Served::start(folder.path(), "[[station]]\nid = \"bench\"\nmode = \"bench\"\nlatch = false\n");
    let mut client = served.client();
    client.must("/api/v1/products", &json!({"sku": "A", "barcodes": [{"text": "6901234567892", "quantity": null}]}));
    (served, client)
}

fn order(id: &str, more: &Value) -> Value {
    let mut order = json!({"id": id, "carrier": "ZTO", "consignee": {"name": "x", "phone": "1"}, "lines": [{"line": 1, "sku": "A", "quantity": 2}]});
    for (name, value) in more.as_object().unwrap() {
        order[name] = value.clone();
    }
    order
}

fn run(folder: &Path, arguments: &[&str]) -> Output {
    Command::new(program()).args(arguments).current_dir(folder).env("RUST_LOG", "off").output().unwrap()
}

fn answer(output: &Output) -> Value {
    serde_json::from_slice(&output.stdout).unwrap_or_else(|_| panic!("{output:?}"))
}

#[test]
fn a_line_is_answered_while_the_input_stays_open() {
    let mut child = Command::new(program())
        .args(["decode", "--jsonl"])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let (mut input, output) = (child.stdin.take().unwrap(), child.stdout.take().unwrap());
    let (sender, answers) = mpsc::channel();
    std::thread::spawn(move || BufReader::new(output).lines().try_for_each(|line| sender.send(line.unwrap())));
    for raw in ["6901234567892", "75312345678901"] {
        // the beginning of the next line is no reason to wait
        write!(input, "{}\n{{", json!({ "raw": raw })).unwrap();
        input.flush().unwrap();
        let told = answers.recv_timeout(PATIENCE).expect("an answer while the input is open");
        assert_eq!(serde_json::from_str::<Value>(&told).unwrap()["ok"], true, "{told}");
        writeln!(input, "}}").unwrap();
        assert!(answers.recv_timeout(PATIENCE).unwrap().contains("invalid_json"));
    }
    drop(input);
    assert!(child.wait().unwrap().success(), "whatever the lines say");
}

#[test]
fn commands_tell_what_they_did_in_json_and_by_their_exit_code() {
    let folder = tempfile::tempdir().unwrap();
    let at = folder.path();
    let (right, wrong) = (run(at, &["decode", "6901234567892"]), run(at, &["decode", "]C1019999"]));
    assert_eq!((right.status.code(), wrong.status.code()), (Some(0), Some(1)));
    assert_eq!(answer(&wrong)["ok"], false, "the answer is told all the same");
    assert_eq!(run(at, &["decode", "--jsonl", "6901234567892"]).status.code(), Some(2));
    let line = run(at, &["decode", "--json", "6901234567892"]);
    assert!(line.status.success() && line.stdout.iter().filter(|byte| **byte == b'\n').count() == 1, "{line:?}");
    let label = ["label", "render", "--sample", "--template", "location", "--format", "png", "--json", "-o", "w.png"];
    let rendered = answer(&run(at, &label));
    assert_eq!((&rendered["file"], &rendered["pages"], &rendered["dpi"]), (&json!("w.png"), &json!(1), &json!(203)));
    let read = run(at, &["read", "--json", "w.png"]);
    let symbol = String::from_utf8(read.stdout).unwrap();
    let symbol: Value = serde_json::from_str(symbol.lines().next().unwrap()).unwrap();
    assert_eq!(symbol["file"], "w.png", "{symbol}");
    let sheet = answer(&run(at, &["sheet", "commands", "--language", "en", "--json", "-o", "c.pdf"]));
    assert!(sheet["file"] == "c.pdf" && sheet["pages"].as_u64() >= Some(1), "{sheet}");
    let token = answer(&run(at, &["token", "erp", "--scope", "read", "--json"]));
    assert_eq!((&token["name"], &token["scopes"]), (&json!("erp"), &json!(["read"])));
    std::fs::write(at.join("right.toml"), "").unwrap();
    let checked = Command::new(program())
        .args(["check-config", "right.toml", "--json"])
        .current_dir(at)
        .env("WAYBIND_LISTN", "x")
        .output()
        .unwrap();
    assert!(answer(&checked)["warnings"].to_string().contains("WAYBIND_LISTEN"), "{checked:?}");
}

#[test]
fn codes_of_ours_are_checked_with_the_key_of_the_data_folder() {
    let folder = tempfile::tempdir().unwrap();
    let (served, mut client) = started(&folder);
    let made = client.must("/api/v1/orders", &order("SO-1", &json!({})));
    let code = made["results"][0]["scan_code"].as_str().unwrap().to_owned();
    let data = served.data.to_string_lossy().into_owned();
    let told = |arguments: &[&str]| {
        let told = answer(&run(folder.path(), &[&["decode", "--json"], arguments].concat()));
        (told["kind"].clone(), told["check"].clone())
    };
    assert_eq!(told(&[&code]), (json!("waybind"), json!("unverified")));
    assert!(!folder.path().join("waybind-data").exists(), "a command that reads makes no folder");
    assert_eq!(told(&["--data", &data, &code]), (json!("waybind"), json!("ok")));
    let foreign = code.replace("WB:O:1:", "WB:O:2:");
    assert_eq!(told(&["--data", &data, &foreign]), (json!("waybind"), json!("bad")));
    let short = &code[..code.len() - 1];
    assert_eq!(told(&["--data", &data, short]), (json!("text"), Value::Null));
    // and nobody takes it for the lot or serial that he waits for
    client.must("/api/v1/products", &json!({"sku": "L", "tracking": ["lot"]}));
    client.must("/api/v1/orders", &order("SO-2", &json!({"lines": [{"line": 1, "sku": "L", "quantity": 1}]})));
    assert_eq!(client.scan("1", "bench", "SO-2"), "opened");
    assert_eq!(client.scan("2", "bench", "L"), "awaiting_lot");
    assert_eq!(client.scan("3", "bench", short), "unknown_code");
}

#[test]
fn an_array_is_no_object_and_null_is_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let (_served, mut client) = started(&folder);
    let notes = json!({"notes": [{"text": "木箱", "must_confirm": null}], "ext": null, "stage": null});
    client.must("/api/v1/orders", &order("SO-1", &notes));
    for (path, body) in [
        ("/api/v1/orders/SO-1/hold", json!(["risk", "n", null])),
        ("/api/v1/orders/SO-1/cancel", json!({"lines": [[1, 1]]})),
        ("/api/v1/scans", json!(["a1", "bench", "SO-1", null, null, null])),
        ("/api/v1/orders", order("SO-2", &json!({"consignee": ["x", "1", null, null]}))),
        ("/api/v1/products", json!([["B", null, null, null, null, null, null]])),
        ("/api/v1/products", json!({"sku": "B", "barcodes": [["6901234567892", 1]]})),
    ] {
        let (status, told) = client.post(path, &body);
        assert!(
            status == 400 && told["detail"].as_str().unwrap().contains("an array stands where an object"),
            "{path} {told}"
        );
    }
    assert_eq!(client.get("/api/v1/orders/SO-1")["holds"], json!([]));
    let (_, made) = client.post("/api/v1/labels", &json!({"orders": ["SO-1"], "parcels": null, "station": null}));
    assert!(!made.to_string().contains("stands where"), "{made}");
    let number = json!({"number": "7", "by": "wang", "confirm": null});
    let (_, entered) = client.post("/api/v1/orders/SO-1/waybill", &number);
    assert!(!entered.to_string().contains("stands where"), "{entered}");
}

#[test]
fn what_upstream_adds_comes_back_as_it_was() {
    let folder = tempfile::tempdir().unwrap();
    let (_served, mut client) = started(&folder);
    let ext = r#"{"z":12345678901234567890123,"a":1.50,"批":"\u4e2d中","e":1E2,"list":[-0.0,{"y":1,"b":null}]}"#;
    let body = order("SO-1", &json!({})).to_string();
    let with = |ext: &str| format!("{},\"ext\":{ext}}}", body.strip_suffix('}').unwrap());
    let json_type = "content-type: application/json\r\n";
    let put = |client: &mut Client, ext: &str| {
        let (status, told) = client.text("POST", "/api/v1/orders", json_type, &with(ext));
        assert_eq!(status, 200, "{told}");
        serde_json::from_str::<Value>(&told).unwrap()["results"][0]["result"].as_str().unwrap().to_owned()
    };
    assert_eq!(put(&mut client, ext), "created");
    assert_eq!(put(&mut client, &ext.replace(',', " ,\n ")), "unchanged", "what only sets it out changes nothing");
    for path in ["/api/v1/orders/SO-1", "/api/v1/orders"] {
        let shown = client.text("GET", path, "", "").1;
        assert!(shown.contains(&format!("\"ext\":{ext}")), "{shown}");
    }
    assert_eq!(put(&mut client, &ext.replace("1.50", "1.51")), "updated");
    let twice = client.text("POST", "/api/v1/orders", json_type, &with(r#"{"a":1,"a":2}"#));
    assert!(twice.0 == 400 && twice.1.contains("stands twice"), "{twice:?}");
}

#[test]
fn a_scan_sent_again_says_what_it_was_told_first() {
    let folder = tempfile::tempdir().unwrap();
    let (_served, mut client) = started(&folder);
    client.must("/api/v1/products", &json!({"sku": "B"}));
    client.must("/api/v1/orders", &order("SO-1", &json!({})));
    client.scan("1", "bench", "SO-1");
    for (id, data, code) in [("2", "B", "not_on_list"), ("3", "A", "accepted"), ("4", "NONE", "unknown_code")] {
        let (_, first) = client.try_scan(id, "bench", data).unwrap();
        assert_eq!(first["code"], code);
        let (_, again) = client.try_scan(id, "bench", data).unwrap();
        let mut expected = first.clone();
        expected["code"] = "already_recorded".into();
        expected["first_code"] = code.into();
        assert_eq!(again, expected);
    }
}

#[test]
fn ids_of_any_letters_have_addresses() {
    let folder = tempfile::tempdir().unwrap();
    let (_served, mut client) = started(&folder);
    for (id, address) in
        [("SO/2026/1", "SO%2F2026%2F1"), ("SO#7", "SO%237"), ("a?b", "a%3Fb"), ("订单 1", "%E8%AE%A2%E5%8D%95%201")]
    {
        client.must("/api/v1/orders", &order(id, &json!({})));
        assert_eq!(client.get(&format!("/api/v1/orders/{address}"))["id"], id);
        client.must(&format!("/api/v1/orders/{address}/hold"), &json!({"reason": "risk"}));
        let found = client.text("GET", &format!("/search?q={address}"), "", "").1;
        let link = format!("href=\"/order/{address}\"");
        assert!(found.contains(&link), "{link} in {found}");
        assert_eq!(client.text("GET", &format!("/order/{address}"), "", "").0, 200);
    }
    for path in ["/api/v1/orders/%ff", "/api/v1/stations/%ff", "/order/%ff"] {
        let (status, told) = client.text("GET", path, "", "");
        let problem: Value = serde_json::from_str(&told).unwrap_or_else(|_| panic!("{told}"));
        assert!(status == 400 && problem["hint"].as_str().unwrap().contains("UTF-8"), "{path} {problem}");
    }
}

#[test]
fn numbers_that_are_letters_find_no_telephone() {
    let folder = tempfile::tempdir().unwrap();
    let (_served, mut client) = started(&folder);
    client.must("/api/v1/orders", &order("SO-1", &json!({})));
    let phone = json!({"consignee": {"name": "y", "phone": "138-0013-8000"}});
    client.must("/api/v1/orders", &order("SO-2", &phone));
    for query in ["W1", "B1", "1", "W13800138000"] {
        assert_eq!(client.get(&format!("/api/v1/search?q={query}"))["hits"], json!([]), "{query}");
    }
    for query in ["13800138000", "138%200013-8000"] {
        assert_eq!(client.get(&format!("/api/v1/search?q={query}"))["hits"][0]["order"], "SO-2", "{query}");
    }
}

#[test]
fn what_can_not_be_is_refused_with_its_reason() {
    let folder = tempfile::tempdir().unwrap();
    let (_served, mut client) = started(&folder);
    client.must("/api/v1/orders", &order("SO-1", &json!({})));
    let line = |quantity: u32, serials: Value| {
        order("SO-9", &json!({"lines": [{"line": 1, "sku": "A", "quantity": quantity, "serials": serials}]}))
    };
    let cancelled = json!({"lines": [{"line": 1, "quantity": 0}]});
    for (path, body, why) in [
        ("/api/v1/orders/SO-1/cancel", cancelled, "1 to 1,000,000"),
        ("/api/v1/products", json!({"sku": "B", "barcodes": [{"text": ""}]}), "no text"),
        ("/api/v1/products", json!({"sku": "B", "barcodes": [{"text": "wb:c:undo"}]}), "waybind's own codes"),
        ("/api/v1/orders", line(2, json!(["1"])), "1 serials for a quantity of 2"),
        ("/api/v1/orders", line(2, json!(["1", "1"])), "stands twice"),
        ("/api/v1/orders", line(1, json!(["1", "2", "3"])), "3 serials for a quantity of 1"),
        ("/api/v1/orders", line(1, json!([""])), "no text"),
    ] {
        let (status, told) = client.post(path, &body);
        assert!(status == 422 && told["detail"].as_str().unwrap().contains(why), "{path} {body}: {told}");
    }
    client.must("/api/v1/orders", &line(2, json!(["1", "2"])));
    assert_eq!(client.get("/api/v1/orders/SO-1")["lines"][0]["demanded"], 2);
    assert_eq!(client.text("GET", "/api/v1/events?limit=0", "", "").0, 400);
    client.must("/api/v1/operators", &json!({"id": "gone", "active": false}));
    let mut told = |id: &str, operator: &str| {
        let scan = json!({"id": id, "station": "bench", "data": "SO-1", "operator": operator});
        client.post("/api/v1/scans", &scan).1["detail"].as_str().unwrap().to_owned()
    };
    assert!(told("1", "nobody").contains("没有此工号"));
    assert!(told("2", "gone").contains("已停用"));
}

#[test]
fn a_version_says_one_thing_and_an_earlier_stage_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let (_served, mut client) = started(&folder);
    let mut put = |path: &str, body: &Value| {
        let (status, told) = client.post(&format!("/api/v1/{path}"), body);
        let result = &told["results"][0];
        assert_eq!(status == 422, result["result"] == "refused", "{told}");
        let named = result["reason"].as_str().is_none_or(|reason| reason.contains("version 2"));
        assert!(named, "{told}");
        result["result"].as_str().unwrap().to_owned()
    };
    let orders = |more: Value| order("SO-1", &more);
    assert_eq!(put("orders", &orders(json!({"version": 2, "priority": 1, "stage": "stock_locked"}))), "created");
    for (more, result) in [
        (json!({"version": 2, "priority": 1}), "unchanged"),
        (json!({"version": 2, "priority": 1, "stage": "paid"}), "unchanged"),
        (json!({"priority": 1, "stage": "paid"}), "unchanged"),
        (json!({"version": 1, "priority": 9}), "unchanged"),
        (json!({"version": 2, "priority": 9}), "refused"),
        (json!({"version": 3, "priority": 9}), "updated"),
        (json!({"priority": 8}), "updated"),
    ] {
        assert_eq!(put("orders", &orders(more.clone())), result, "{more}");
    }
    put("orders", &order("SO-2", &json!({})));
    for (path, first, other) in [
        ("products", json!({"sku": "B", "version": 2}), json!({"name": "b"})),
        ("pick-lists", json!({"id": "PL", "version": 2, "orders": ["SO-1"]}), json!({"orders": ["SO-1", "SO-2"]})),
        (
            "waybills",
            json!({"number": "W1", "version": 2, "carrier": "ZTO", "orders": ["SO-1"]}),
            json!({"parent": "W0"}),
        ),
        (
            "manifests",
            json!({"id": "M", "version": 2, "carrier": "ZTO"}),
            json!({"departure": "2026-11-21T18:00:00+08:00"}),
        ),
        ("operators", json!({"id": "wang", "version": 2}), json!({"role": "lead"})),
        ("stop-lists", json!({"id": "R", "version": 2, "sku": "Z"}), json!({"lots": ["1"]})),
    ] {
        let mut changed = first.clone();
        changed.as_object_mut().unwrap().extend(other.as_object().unwrap().clone());
        let results = [&first, &first, &changed].map(|body| put(path, body));
        assert_eq!(results, ["created", "unchanged", "refused"], "{path}");
        changed["version"] = 3.into();
        assert_eq!(put(path, &changed), "updated", "{path}");
    }
}
