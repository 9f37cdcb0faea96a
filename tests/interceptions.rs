//! Interceptions over HTTP, as the systems above and a supervisor's browser use them: changes of address, stop-lists,
//! differences, stages, and rules that only warn.

#![allow(missing_docs, clippy::unwrap_used, reason = "a test")]

mod support;

use serde_json::{Value, json};
use support::served::{Client, Served, alone, assert_clean};

fn order(id: &str, sku: &str, quantity: i64) -> Value {
    let consignee = json!({"name": "张三", "phone": "13800001111", "address": "杭州市西湖区文三路 1 号"});
    json!({"id": id, "carrier": "ZTO", "consignee": consignee, "lines": [{"line": 1, "sku": sku, "quantity": quantity}]})
}

fn started(folder: &tempfile::TempDir, config: &str) -> (Served, Client) {
    let served = Served::start(folder.path(), config);
    let mut client = served.client();
    client.must("/api/v1/products", &json!([{"sku": "A"}, {"sku": "B"}, {"sku": "T", "tracking": ["lot"]}]));
    (served, client)
}

/// An order that is packed and bound.
fn bound(client: &mut Client, id: &str, waybill: &str) {
    client.must("/api/v1/orders", &order(id, "A", 1));
    client.must("/api/v1/waybills", &json!({"number": waybill, "carrier": "ZTO", "orders": [id]}));
    assert_eq!(client.scan(&format!("{id}-1"), "http-bench", id), "opened");
    assert_eq!(client.scan(&format!("{id}-2"), "http-bench", "A"), "order_complete");
    assert_eq!(client.scan(&format!("{id}-3"), "http-bench", waybill), "waybill_bound");
    assert_eq!(client.scan(&format!("{id}-4"), "http-bench", "WB:C:DONE"), "closed");
}

fn types(client: &mut Client, order: &str) -> Vec<String> {
    let story = client.get(&format!("/api/v1/orders/{order}/timeline"));
    story["events"].as_array().unwrap().iter().map(|event| event["type"].as_str().unwrap().to_owned()).collect()
}

#[test]
fn a_new_address_waits_for_a_supervisor_and_for_a_new_number() {
    let folder = tempfile::tempdir().unwrap();
    let (served, mut client) = started(&folder, "");
    bound(&mut client, "SO-1", "W1");
    let put = client.must(
        "/api/v1/operators",
        &json!([{"id": "lead", "role": "lead"}, {"id": "boss", "name": "主管", "role": "supervisor"}]),
    );
    let badge = |index: usize| put["results"][index]["scan_code"].as_str().unwrap().to_owned();
    let address = json!({"name": "张三", "phone": "13800001111", "address": "上海市静安区南京西路 2 号"});
    client.must("/api/v1/orders/SO-1/address", &address);
    let held = client.get("/api/v1/orders/SO-1");
    assert_eq!(held["disposition"], "held");
    assert_eq!((&held["awaits_address"], &held["waybill_pending"]), (&json!(true), &json!(true)));
    assert_eq!(client.scan("l1", "http-load", "W1"), "order_held");
    assert_eq!(client.post("/api/v1/orders/SO-1/release", &json!({"reason": "address_change"})).0, 422);
    assert_eq!(client.get("/api/v1/exceptions")["exceptions"][0]["why"], "address");

    // the number goes back to its carrier
    let list = client.get("/api/v1/waybills?state=to_return");
    assert_eq!(list["waybills"][0]["number"], "W1");
    let (status, csv) = client.text("GET", "/api/v1/waybills?state=to_return&format=csv", "", "");
    assert_eq!((status, csv.as_str()), (200, "\u{feff}number,carrier,orders\r\nW1,ZTO,SO-1\r\n"));
    assert_eq!(client.try_call("GET", "/api/v1/waybills?state=all", None).unwrap().0, 400);
    client.must("/api/v1/waybills/W1/returned", &json!({}));
    assert_eq!(client.get("/api/v1/waybills?state=to_return")["waybills"], json!([]));

    // only a supervisor's badge will do, by the API as on the page
    let confirm = "/api/v1/orders/SO-1/confirm-address";
    assert_eq!(client.post(confirm, &json!({"badge": "WB:U:NOBODY:0000"})).0, 400);
    assert_eq!(client.post(confirm, &json!({"badge": badge(0)})).0, 403);
    let form = format!("badge={}", badge(0).replace(':', "%3A"));
    let (status, page) = client.text("POST", "/order/SO-1/confirm-address", "", &form);
    assert_eq!(status, 403);
    assert!(page.contains("南京西路") && page.contains("文三路"), "both addresses are on the page");
    let form = format!("badge={}", badge(1).replace(':', "%3A"));
    assert_eq!(client.text("POST", "/order/SO-1/confirm-address", "", &form).0, 303);
    assert_eq!(client.post(confirm, &json!({"badge": badge(1)})).0, 422);
    let confirmed = client.get("/api/v1/orders/SO-1");
    assert_eq!((&confirmed["disposition"], &confirmed["waybill_pending"]), (&json!("active"), &json!(true)));
    assert_eq!(client.scan("l2", "http-load", "W1"), "waybill_void");
    client.must("/api/v1/waybills", &json!({"number": "W2", "carrier": "ZTO", "orders": ["SO-1"]}));
    assert_eq!(client.get("/api/v1/orders/SO-1")["waybill_pending"], false);
    assert_eq!(client.scan("b1", "http-bench", "W2"), "waybill_bound");
    assert_eq!(client.scan("l3", "http-load", "W2"), "waybill_loaded");
    let told = types(&mut client, "SO-1");
    for kind in ["order_held", "waybill_wanted", "order_readdressed", "address_confirmed"] {
        assert!(told.iter().any(|known| known == kind), "{kind} is not in {told:?}");
    }
    let feed = client.get("/api/v1/events?limit=1000").to_string();
    assert!(!feed.contains(badge(1).split(':').nth(2).unwrap()), "no badge's secret leaves the box");
    served.terminate();
    assert_clean(&folder.path().join("data"));
}

#[test]
fn after_the_window_an_address_stays() {
    let folder = tempfile::tempdir().unwrap();
    let (_served, mut client) = started(&folder, "address_window_minutes = 30\n");
    let mut late = order("SO-1", "A", 1);
    late["paid_at"] = "2026-01-01T00:00:00+08:00".into();
    client.must("/api/v1/orders", &late);
    let (status, answer) = client.post("/api/v1/orders/SO-1/address", &json!({"name": "李四"}));
    assert_eq!(status, 422, "{answer}");
    assert!(answer["detail"].as_str().unwrap().contains("could be changed until"), "{answer}");
    late["consignee"]["name"] = "李四".into();
    assert_eq!(client.post("/api/v1/orders", &late).0, 422);
    assert_eq!(client.get("/api/v1/orders/SO-1")["consignee"]["name"], "张三");
    late["paid_at"] = "yesterday".into();
    assert_eq!(client.post("/api/v1/orders", &late).0, 422);
}

#[test]
fn a_recall_stops_goods_and_says_where_they_went() {
    let folder = tempfile::tempdir().unwrap();
    let (served, mut client) = started(&folder, "");
    for (id, lot) in [("SO-1", "L1"), ("SO-2", "L2")] {
        client.must("/api/v1/orders", &order(id, "T", 1));
        client.must("/api/v1/waybills", &json!({"number": format!("W-{id}"), "carrier": "ZTO", "orders": [id]}));
        for (step, data) in [id, "T", lot, &format!("W-{id}"), "WB:C:DONE"].into_iter().enumerate() {
            client.scan(&format!("{id}-{step}"), "http-bench", data);
        }
    }
    assert_eq!(client.scan("g1", "http-load", "W-SO-2"), "waybill_loaded");
    let stop = json!({"id": "RC-1", "sku": "T", "lots": ["L1"], "reason": "漏液"});
    assert_eq!(client.must("/api/v1/stop-lists", &stop)["results"][0]["result"], "created");
    assert_eq!(client.must("/api/v1/stop-lists", &stop)["results"][0]["result"], "unchanged");
    assert_eq!(client.post("/api/v1/stop-lists", &json!({"id": "RC-2", "sku": "T", "lot": "L1"})).0, 400);
    assert_eq!(client.post("/api/v1/stop-lists", &json!({"id": "RC-2", "sku": "T", "lots": []})).0, 422);
    let (_, verdict) = client.try_scan("g2", "http-load", "W-SO-1").unwrap();
    assert_eq!((&verdict["code"], &verdict["severity"]), (&json!("recalled"), &json!("stop")));
    assert_eq!((&verdict["got"]["lot"], &verdict["order"]), (&json!("L1"), &json!("SO-1")));
    let traced = client.get("/api/v1/stop-lists/RC-1");
    let goods = traced["goods"].as_array().unwrap();
    assert_eq!(goods.len(), 1, "{traced}");
    assert_eq!(
        (&goods[0]["order"], &goods[0]["lot"], &goods[0]["quantity"]),
        (&json!("SO-1"), &json!("L1"), &json!(1))
    );
    assert_eq!(goods[0]["parcels"][0]["waybill"], "W-SO-1");
    // of the whole product, what has left is named too
    client.must("/api/v1/stop-lists", &json!({"id": "RC-3", "sku": "T"}));
    let all = client.get("/api/v1/stop-lists/RC-3");
    assert_eq!(all["goods"].as_array().unwrap().len(), 2);
    assert_eq!(all["goods"][0]["parcels"][0]["loaded"], true);
    assert!(client.text("GET", "/recalls/RC-1", "", "").1.contains("SO-1"));
    client.must("/api/v1/stop-lists", &json!([{"id": "RC-1", "sku": "T", "lots": ["L1"], "active": false}, {"id": "RC-3", "sku": "T", "active": false}]));
    assert_eq!(client.get("/api/v1/stop-lists")["stop_lists"][0]["active"], false);
    assert_eq!(client.scan("g3", "http-load", "W-SO-1"), "waybill_loaded");
    served.terminate();
    assert_clean(&folder.path().join("data"));
}

#[test]
fn recalled_goods_on_the_truck_are_among_what_must_come_off() {
    let folder = tempfile::tempdir().unwrap();
    let (served, mut client) = started(&folder, "");
    client.must("/api/v1/orders", &order("SO-1", "T", 1));
    bound(&mut client, "SO-2", "W-2");
    client.must("/api/v1/waybills", &json!({"number": "W-1", "carrier": "ZTO", "orders": ["SO-1"]}));
    for (step, data) in ["SO-1", "T", "L1", "W-1", "WB:C:DONE"].into_iter().enumerate() {
        client.scan(&format!("a{step}"), "http-bench", data);
    }
    client.must("/api/v1/manifests", &json!({"id": "M-1", "carrier": "ZTO", "waybills": ["W-1", "W-2"]}));
    for (step, data) in ["M-1", "W-1", "W-2"].into_iter().enumerate() {
        client.scan(&format!("b{step}"), "http-load", data);
    }
    let page = |client: &mut Client| client.text("GET", "/station/http-load", "accept-language: en\r\n", "").1;
    assert!(!page(&mut client).contains("must come off"));
    client.must("/api/v1/stop-lists", &json!({"id": "RC-1", "sku": "T", "lots": ["L1"]}));
    let manifest = client.get("/api/v1/manifests/M-1");
    assert_eq!(manifest["stopped"], json!([{"waybill": "W-1", "order": "SO-1", "why": "recalled"}]));
    assert_eq!(manifest["counts"]["stopped"], 1);
    let shown = page(&mut client);
    assert!(
        shown.contains("must come off") && shown.contains("Recalled, do not ship") && shown.contains("L1"),
        "{shown}"
    );
    // a cancelled order is told first; the recall stays the reason of the other
    client.must("/api/v1/orders/SO-2/cancel", &json!({"lines": null}));
    let whys: Vec<Value> = client.get("/api/v1/manifests/M-1")["stopped"]
        .as_array()
        .unwrap()
        .iter()
        .map(|one| one["why"].clone())
        .collect();
    assert!(whys.contains(&json!("order_cancelled")) && whys.contains(&json!("recalled")), "{whys:?}");
    for (step, (data, code)) in [
        ("WB:C:UNLOAD", "info"),
        ("W-2", "unloaded"),
        ("WB:C:DONE", "recalled"),
        ("WB:C:UNLOAD", "info"),
        ("W-1", "unloaded"),
    ]
    .into_iter()
    .enumerate()
    {
        assert_eq!(client.scan(&format!("c{step}"), "http-load", data), code, "{data}");
    }
    assert_eq!(client.get("/api/v1/manifests/M-1")["counts"]["stopped"], 0);
    assert!(!page(&mut client).contains("must come off"));
    served.terminate();
    assert_clean(&folder.path().join("data"));
}

#[test]
fn an_upstream_that_changes_begun_lines_is_an_exception_on_the_screen() {
    let folder = tempfile::tempdir().unwrap();
    let (served, mut client) = started(&folder, "");
    client.must("/api/v1/orders", &order("SO-1", "A", 2));
    assert_eq!(client.scan("1", "http-bench", "SO-1"), "opened");
    assert_eq!(client.scan("2", "http-bench", "A"), "accepted");
    let other = order("SO-1", "B", 2);
    assert_eq!(client.post("/api/v1/orders", &other).0, 422);
    let last = client.get("/api/v1/events?limit=1000")["events"].as_array().unwrap().len();
    for _ in 0..20 {
        assert_eq!(client.post("/api/v1/orders", &other).0, 422);
    }
    let again = client.get("/api/v1/events?limit=1000")["events"].as_array().unwrap().len();
    assert_eq!(again, last, "the same word over and over is told once");
    let exceptions = client.get("/api/v1/exceptions");
    assert_eq!(exceptions["exceptions"][0]["why"], "differs");
    assert_eq!(exceptions["exceptions"][0]["differs"][0]["wanted"]["sku"], "B");
    let page = client.text("GET", "/", "", "").1;
    assert!(page.contains("上游改了已拣的行"), "the overview tells of it");
    assert_eq!(client.get("/api/v1/orders/SO-1")["lines"][0]["sku"], "A", "what was picked stays true");
    assert_eq!(client.scan("3", "http-bench", "A"), "order_complete");
    client.must("/api/v1/orders", &order("SO-1", "A", 2));
    assert_eq!(client.get("/api/v1/exceptions")["exceptions"], json!([]));
    served.terminate();
    assert_clean(&folder.path().join("data"));
}

#[test]
fn stages_come_in_turn_and_a_return_names_its_exchange() {
    let folder = tempfile::tempdir().unwrap();
    let (_served, mut client) = started(&folder, "");
    bound(&mut client, "SO-1", "W1");
    assert_eq!(client.get("/api/v1/orders/SO-1")["stage"], "waybill_reported");
    for (stage, why) in [("packed", "unchanged"), ("warranty_active", "the next one is signed")] {
        let (status, answer) = client.post("/api/v1/orders/SO-1/stage", &json!({"stage": stage}));
        assert!(answer.to_string().contains(why), "{status} {answer}");
        assert_eq!(status, if why == "unchanged" { 200 } else { 422 });
    }
    client.must("/api/v1/orders/SO-1/stage", &json!({"stage": "signed"}));
    client.must("/api/v1/orders/SO-1/return", &json!({"exchange_order": "SO-9"}));
    let returned = client.get("/api/v1/orders/SO-1");
    assert_eq!(returned["disposition"], "partially_completed");
    assert_eq!((&returned["exchange_orders"], &returned["stage"]), (&json!(["SO-9"]), &json!("signed")));
}

#[test]
fn a_rule_that_warns_lets_the_scan_pass_and_says_so() {
    let folder = tempfile::tempdir().unwrap();
    let config = "[[rule]]\nname = \"unpaid\"\nmode = \"warn\"\nsteps = [\"pick\", \"pack\"]\n[[rule]]\nname = \"credit\"\nmode = \"observe\"\n";
    let (served, mut client) = started(&folder, config);
    client.must("/api/v1/orders", &order("SO-1", "A", 2));
    client.must("/api/v1/orders/SO-1/hold", &json!({"reason": "risk", "kind": "unpaid", "note": "尾款未到"}));
    client.must("/api/v1/orders/SO-1/hold", &json!({"reason": "risk", "kind": "credit"}));
    assert_eq!(client.post("/api/v1/orders/SO-1/hold", &json!({"reason": "refund", "kind": "credit"})).0, 400);
    assert_eq!(client.scan("1", "http-bench", "SO-1"), "opened");
    let (_, verdict) = client.try_scan("2", "http-bench", "A").unwrap();
    assert_eq!(verdict["code"], "accepted");
    let warnings = verdict["warnings"].as_array().unwrap();
    assert_eq!(warnings.len(), 1, "{verdict}");
    assert_eq!((&warnings[0]["rule"], &warnings[0]["code"]), (&json!("unpaid"), &json!("order_held")));
    let page = client.text("GET", "/station/http-bench", "", "").1;
    assert!(page.contains("未付款") && page.contains("warned"), "{page}");
    let observed = client.get("/api/v1/orders/SO-1/timeline");
    let modes: Vec<&str> =
        observed["events"].as_array().unwrap().iter().filter_map(|event| event["data"]["mode"].as_str()).collect();
    assert!(modes.contains(&"observe") && modes.contains(&"warn"), "{modes:?}");
    served.terminate();
    assert_clean(&folder.path().join("data"));
}

#[test]
fn a_station_in_shadow_raises_no_alarm_and_what_it_would_refuse_changes_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let config = "[[station]]\nid = \"bench-01\"\nmode = \"bench\"\nlatch = true\nshadow = true\n";
    let (served, mut client) = started(&folder, config);
    client.must("/api/v1/orders", &order("SO-1", "A", 1));
    assert_eq!(client.scan("1", "bench-01", "SO-1"), "opened");
    let before = client.get("/api/v1/orders/SO-1");
    let (_, verdict) = client.try_scan("2", "bench-01", "B").unwrap();
    assert_eq!((&verdict["code"], &verdict["shadow"]), (&json!("not_on_list"), &json!(true)));
    assert_eq!(client.get("/api/v1/orders/SO-1"), before);
    assert_eq!(client.get("/api/v1/stations/bench-01")["latched"], Value::Null);
    let page = client.text("GET", "/station/bench-01", "", "").1;
    assert!(!page.contains("band stop"), "no red in shadow");
    assert_eq!(client.scan("3", "bench-01", "A"), "order_complete");
    let feed = client.get("/api/v1/events?limit=1000");
    let refused = feed["events"].as_array().unwrap().iter().find(|event| event["type"] == "scan_refused").unwrap();
    assert_eq!(refused["data"]["shadow"], true, "the verdict is recorded, and marked");
    served.terminate();
    assert_clean(&folder.path().join("data"));
}

#[test]
fn more_rules_than_people_bear_are_a_warning_that_can_be_overruled() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("waybind.toml");
    let check = |text: &str| {
        std::fs::write(&file, text).unwrap();
        let output = alone().args(["check-config", "--json"]).arg(&file).output().unwrap();
        let answer: Value = serde_json::from_slice(&output.stdout).unwrap();
        (output.status.code().unwrap(), answer)
    };
    let crowded = "[[rule]]\nname = \"unpaid\"\n[[rule]]\nname = \"credit\"\nsteps = [\"pack\"]\n";
    let (status, answer) = check(crowded);
    assert_eq!(status, 0, "{answer}");
    let warnings = answer["warnings"].as_array().unwrap();
    let told = answer.to_string();
    assert!(!warnings.is_empty() && told.contains("at pack there are 5 blocking rules"), "{answer}");
    let (status, answer) = check(&format!("crowded_rules = true\n{crowded}"));
    assert_eq!((status, &answer["warnings"]), (0, &json!([])));
    let (status, answer) = check("[[rule]]\nname = \"binding\"\nmode = \"observe\"\n");
    assert_eq!(status, 2, "the binding is no rule: {answer}");
    let (status, answer) = check("[[rule]]\nmode = \"warn\"\n[[rule]]\nname = \"gift\"\n[[rule]]\nname = \"gift\"\n");
    assert_eq!((status, answer["problems"].as_array().unwrap().len()), (2, 2), "{answer}");
}
