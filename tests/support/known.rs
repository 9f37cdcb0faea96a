//! What a receiver knows of orders from events alone, and what the box itself says, in one form.

use std::collections::{BTreeMap, HashMap};

use serde_json::Value;

use super::served::Client;

/// The stages, the first one first.
const STAGES: [&str; 7] =
    ["paid", "risk_passed", "stock_locked", "packed", "waybill_reported", "signed", "warranty_active"];

/// An order.
#[derive(Debug, Default, PartialEq)]
pub struct Known {
    stage: usize,
    cancelled: bool,
    held: bool,
    address: String,
    pub picked: BTreeMap<u64, i64>,
    pub packed: BTreeMap<u64, i64>,
    /// Its waybills, and whether each holds.
    waybills: BTreeMap<String, bool>,
    bound: Option<String>,
    loaded: Vec<String>,
    pending: bool,
}

/// Folds what was received, each event once, in the order in which it came first.
pub fn fold(received: &[Value]) -> BTreeMap<String, Known> {
    let mut seen: HashMap<&str, &Value> = HashMap::new();
    let mut known: BTreeMap<String, Known> = BTreeMap::new();
    for event in received {
        if let Some(before) = seen.insert(event["id"].as_str().unwrap(), event) {
            assert_eq!(before, event, "a duplicate says something else");
            continue;
        }
        let (kind, data) = (event["type"].as_str().unwrap(), &event["data"]);
        waybills(&mut known, kind, data);
        let Some(id) = event["subject"].as_str() else { continue };
        one(known.entry(id.to_owned()).or_default(), kind, data);
    }
    known
}

fn stage(name: &Value) -> usize {
    STAGES.iter().position(|known| name == known).unwrap_or_else(|| panic!("{name} is no stage"))
}

/// Facts about waybills name no order, or several.
fn waybills(known: &mut BTreeMap<String, Known>, kind: &str, data: &Value) {
    let number = || data["waybill"].as_str().unwrap().to_owned();
    match kind {
        "waybill_put" => {
            let (waybill, holds) = (&data["waybill"], data["waybill"]["void"].is_null());
            for order in waybill["orders"].as_array().unwrap() {
                let order = known.get_mut(order.as_str().unwrap()).unwrap();
                order.waybills.insert(waybill["number"].as_str().unwrap().to_owned(), holds);
                order.pending &= !holds;
            }
        }
        "waybill_voided" => {
            let number = number();
            for order in known.values_mut().filter(|order| order.waybills.contains_key(&number)) {
                order.waybills.insert(number.clone(), false);
                order.bound.take_if(|bound| *bound == number);
            }
        }
        "waybill_loaded" => {
            let number = number();
            for order in known.values_mut().filter(|order| order.waybills.contains_key(&number)) {
                order.loaded.push(number.clone());
            }
        }
        _ => {}
    }
}

fn one(order: &mut Known, kind: &str, data: &Value) {
    match kind {
        "order_put" => {
            order.stage = order.stage.max(stage(&data["spec"]["stage"]));
            order.address = data["spec"]["consignee"]["address"].as_str().unwrap().to_owned();
        }
        "stage_reached" => order.stage = stage(&data["stage"]),
        "order_cancelled" => order.cancelled = true,
        "order_held" => order.held = true,
        "order_released" | "address_confirmed" => order.held = false,
        "order_readdressed" => order.address = data["consignee"]["address"].as_str().unwrap().to_owned(),
        "waybill_bound" => order.bound = data["waybill"].as_str().map(str::to_owned),
        "waybill_pending" | "waybill_wanted" => order.pending = true,
        "picked" | "packed" | "verified" | "undone" | "put_back" => {
            let sign = if matches!(kind, "undone" | "put_back") { -1 } else { 1 };
            let count = &data["count"];
            let line = count["line"].as_u64().unwrap();
            for part in count["parts"].as_array().unwrap() {
                *order.picked.entry(line).or_default() += sign * part["picked"].as_i64().unwrap();
                *order.packed.entry(line).or_default() += sign * part["packed"].as_i64().unwrap();
            }
        }
        _ => {}
    }
}

/// The box's own word about an order.
pub fn box_says(client: &mut Client, id: &str) -> Known {
    let order = client.get(&format!("/api/v1/orders/{id}"));
    let by_line = |name: &str| {
        let lines = order["lines"].as_array().unwrap();
        let counts = lines.iter().map(|line| (line["line"].as_u64().unwrap(), line[name].as_i64().unwrap()));
        counts.collect::<BTreeMap<u64, i64>>()
    };
    let waybills = order["waybills"].as_array().unwrap();
    let number = |waybill: &Value| waybill["number"].as_str().unwrap().to_owned();
    let parcel = order["parcels"].as_array().unwrap().first();
    Known {
        stage: stage(&order["stage"]),
        cancelled: order["disposition"] == "cancelled",
        held: !order["holds"].as_array().unwrap().is_empty(),
        address: order["consignee"]["address"].as_str().unwrap().to_owned(),
        picked: by_line("picked"),
        packed: by_line("packed"),
        waybills: waybills.iter().map(|waybill| (number(waybill), waybill["void"].is_null())).collect(),
        bound: parcel.and_then(|parcel| parcel["waybill"].as_str().map(str::to_owned)),
        loaded: waybills.iter().filter(|waybill| waybill["loaded"] == true).map(number).collect(),
        pending: order["waybill_pending"] == true,
    }
}
