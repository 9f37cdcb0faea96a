//! EPCIS: what a target is told is valid by GS1's JSON schema, says what happened in order, and names goods by their GTIN.

#![allow(missing_docs, clippy::unwrap_used, reason = "a test")]

mod support;

use std::collections::BTreeSet;
use std::process::Command;

use serde_json::{Value, json};
use support::received::told;
use support::served::{Client, Served};
use support::tools::{epcis_schema, python};
use waybind::sim::receiver::Receiver;

const STATIONS: &str = "[[station]]\nid = \"bench/1\"\nmode = \"bench\"\nlatch = false\n[[station]]\nid = \"dock\"\nmode = \"load\"\nlatch = false\n";

/// Validates every file's document; says how many events were in them.
const VALIDATE: &str = r#"
import json, sys
import jsonschema
schema = json.load(open(sys.argv[1]))
validator = jsonschema.Draft7Validator(schema, format_checker=jsonschema.FormatChecker())
count = 0
for line in open(sys.argv[2]):
    document = json.loads(line)
    errors = sorted(validator.iter_errors(document), key=str)
    if errors:
        sys.exit("\n".join(f"{list(error.absolute_path)}: {error.message[:300]}" for error in errors))
    count += len(document["epcisBody"]["eventList"])
broken = json.loads(line)
del broken["epcisBody"]["eventList"][0]["eventTime"]
assert list(validator.iter_errors(broken)), "an event without a time was not noticed"
print(count)
"#;

fn day(client: &mut Client) {
    client.must(
        "/api/v1/products",
        &json!({"sku": "A", "name": "滤芯", "barcodes": [{"text": "6901234567892"}], "tracking": ["lot"]}),
    );
    client.must("/api/v1/products", &json!({"sku": "B 2", "tracking": ["serial"]}));
    let order = json!({"id": "SO/1", "carrier": "ZTO", "consignee": {"name": "x"},
        "lines": [{"line": 1, "sku": "A", "quantity": 2}, {"line": 2, "sku": "B 2", "quantity": 1}]});
    client.must("/api/v1/orders", &order);
    client.must("/api/v1/waybills", &json!({"number": "75312345678901", "carrier": "ZTO", "orders": ["SO/1"]}));
    let plan = [
        ("bench/1", "SO/1", "opened"),
        ("bench/1", "]C10106901234567892\u{1d}10L1", "accepted"),
        ("bench/1", "WB:C:UNDO", "undone"),
        ("bench/1", "]C1010690123456789210L1", "accepted"),
        ("bench/1", "]C1010690123456789210L1", "line_complete"),
        ("bench/1", "B 2", "awaiting_serial"),
        ("bench/1", "S/1", "order_complete"),
        ("bench/1", "75312345678901", "waybill_bound"),
        ("dock", "75312345678901", "waybill_loaded"),
        ("dock", "WB:C:UNLOAD", "info"),
        ("dock", "75312345678901", "unloaded"),
    ];
    for (index, (station, data, code)) in plan.iter().enumerate() {
        assert_eq!(client.scan(&index.to_string(), station, data), *code, "{data}");
    }
    assert_eq!(client.must("/api/v1/waybills/75312345678901/void", &json!({}))["result"], "updated");
}

fn steps(documents: &[Value]) -> Vec<String> {
    let events = documents.iter().flat_map(|document| document["epcisBody"]["eventList"].as_array().unwrap());
    let name = |event: &Value| {
        let step = event["bizStep"].as_str().unwrap_or("-");
        format!("{} {} {step}", event["type"].as_str().unwrap(), event["action"].as_str().unwrap())
    };
    events.map(name).collect()
}

#[test]
fn a_day_is_told_in_epcis() {
    let folder = tempfile::tempdir().unwrap();
    let receiver = Receiver::start("127.0.0.1:0", true).unwrap();
    let site = "format = \"epcis\"\nsite = \"https://id.example.cn/wh-1\"\n";
    let config = format!(
        "{STATIONS}[[target]]\nname = \"gs1\"\nkind = \"webhook\"\nurl = \"http://{}/capture\"\n{site}[[target]]\nname = \"file\"\nkind = \"file\"\npath = \"{}\"\n{site}",
        receiver.address,
        folder.path().join("epcis.jsonl").display()
    );
    let served = Served::start(folder.path(), &config);
    let mut client = served.client();
    day(&mut client);
    told(&mut client, "gs1");
    told(&mut client, "file");
    let requests = receiver.requests();
    assert!(requests.iter().all(|request| request.header("content-type").unwrap().starts_with("application/ld+json")));
    let documents: Vec<Value> = requests.iter().map(|request| serde_json::from_slice(&request.body).unwrap()).collect();
    let (pick, pack) = ("ObjectEvent OBSERVE picking", "AggregationEvent ADD packing");
    let expected = [
        "ObjectEvent ADD commissioning",
        pick,
        pack,
        "AggregationEvent DELETE unpacking",
        pick,
        pack,
        pick,
        pack,
        pick,
        pack,
        "TransactionEvent ADD -",
        "ObjectEvent OBSERVE loading",
        "ObjectEvent OBSERVE void_shipping",
        "TransactionEvent DELETE -",
    ];
    assert_eq!(steps(&documents), expected);
    let text = documents.iter().map(Value::to_string).collect::<String>();
    for id in [
        "https://id.gs1.org/01/06901234567892/10/L1",
        "https://id.example.cn/wh-1/sku/B%202/serial/S%2F1",
        "https://id.example.cn/wh-1/station/bench%2F1",
        "https://id.example.cn/wh-1/waybill/75312345678901",
    ] {
        assert!(text.contains(id), "{id}");
    }
    let events = documents.iter().flat_map(|document| document["epcisBody"]["eventList"].as_array().unwrap());
    let ids: BTreeSet<&str> = events.map(|event| event["eventID"].as_str().unwrap()).collect();
    assert_eq!(ids.len(), expected.len(), "each event has an id of its own");
    let file = std::fs::read_to_string(folder.path().join("epcis.jsonl")).unwrap();
    let lines: Vec<Value> = file.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    assert_eq!(steps(&lines), expected);

    let (Some(python), Some(schema)) = (python(), epcis_schema()) else { return };
    let all = folder.path().join("all.jsonl");
    std::fs::write(&all, documents.iter().chain(&lines).map(|document| format!("{document}\n")).collect::<String>())
        .unwrap();
    let output = Command::new(python).arg("-c").arg(VALIDATE).arg(schema).arg(&all).output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    assert_eq!(String::from_utf8_lossy(&output.stdout).trim(), (2 * expected.len()).to_string());
}
