//! One thing of an export beside the same thing as waybind knows it.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;

/// Fields of an order that are compared as they stand.
const FIELDS: [&str; 12] = [
    "carrier",
    "courier",
    "region",
    "sort_code",
    "channel",
    "stage",
    "ship_policy",
    "priority",
    "tracking_code",
    "consignee.name",
    "consignee.phone",
    "consignee.address",
];

/// Fields of a line.
const LINE_FIELDS: [&str; 4] = ["sku", "lot", "min_expiry", "revision"];

/// A field that says one thing here and another there.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Difference {
    /// Our field, with the line's number or its SKU where it is a line's.
    pub(super) field: String,
    pub(super) here: String,
    pub(super) there: String,
}

fn at<'v>(value: &'v Value, path: &str) -> &'v Value {
    path.split('.').fold(value, |value, key| &value[key])
}

fn text(value: &Value) -> String {
    match value {
        Value::Null => String::new(),
        Value::String(text) => text.clone(),
        other => other.to_string(),
    }
}

fn joined(texts: &BTreeSet<String>) -> String {
    texts.iter().cloned().collect::<Vec<_>>().join(" ")
}

fn array(value: &Value) -> &[Value] {
    value.as_array().map_or(&[], Vec::as_slice)
}

/// Compares what the export says of an order; what it does not say is not compared. An order's quantities are those that
/// are still wanted, so that a refund that only one side knows shows.
pub(super) fn order(here: &Value, there: &Value) -> Vec<Difference> {
    let mut found = Vec::new();
    for field in FIELDS {
        let (ours, theirs) = (text(at(here, field)), text(at(there, field)));
        if !theirs.is_empty() && ours != theirs {
            found.push(Difference { field: field.to_owned(), here: ours, there: theirs });
        }
    }
    if there["waybills"].is_array() {
        let holding = array(&here["waybills"]).iter().filter(|waybill| waybill["void"].is_null());
        let ours: BTreeSet<String> = holding.map(|waybill| text(&waybill["number"])).collect();
        let theirs: BTreeSet<String> = array(&there["waybills"]).iter().map(text).collect();
        if ours != theirs {
            found.push(Difference { field: "waybills".into(), here: joined(&ours), there: joined(&theirs) });
        }
    }
    if there["lines"].is_array() {
        found.extend(lines(array(&here["lines"]), array(&there["lines"])));
    }
    found
}

/// Compares lines by their numbers, where these mean the same lines on both sides, else what each SKU adds up to: an
/// export without line numbers lists them in any order.
fn lines(here: &[Value], there: &[Value]) -> Vec<Difference> {
    let ours: BTreeMap<u64, &Value> = here.iter().filter_map(|line| Some((line["line"].as_u64()?, line))).collect();
    let same = |line: &Value| {
        let ours = line["line"].as_u64().and_then(|number| ours.get(&number));
        ours.is_some_and(|ours| line["sku"].is_null() || ours["sku"] == line["sku"])
    };
    // a number that stands twice there is no number
    let mut numbers = BTreeSet::new();
    let is_once = |line: &Value| line["line"].as_u64().is_none_or(|number| numbers.insert(number));
    if there.iter().all(same) && there.iter().all(is_once) {
        return by_number(&ours, there);
    }
    let sums = |lines: &[Value], quantity: &str| {
        let mut sums: BTreeMap<String, u64> = BTreeMap::new();
        for line in lines {
            *sums.entry(text(&line["sku"])).or_default() += line[quantity].as_u64().unwrap_or(0);
        }
        sums
    };
    let (ours, theirs) = (sums(here, "demanded"), sums(there, "quantity"));
    let skus: BTreeSet<&String> = ours.keys().chain(theirs.keys()).collect();
    let differs = |sku: &&String| ours.get(*sku) != theirs.get(*sku);
    let told = |sums: &BTreeMap<String, u64>, sku: &String| sums.get(sku).map(u64::to_string).unwrap_or_default();
    let difference = |sku: &String| Difference {
        field: format!("lines[{sku}].quantity"),
        here: told(&ours, sku),
        there: told(&theirs, sku),
    };
    skus.into_iter().filter(differs).map(difference).collect()
}

fn by_number(ours: &BTreeMap<u64, &Value>, there: &[Value]) -> Vec<Difference> {
    let mut found = Vec::new();
    let mut missing: BTreeSet<u64> = ours.keys().copied().collect();
    for line in there {
        let Some((number, known)) = line["line"].as_u64().and_then(|number| Some((number, ours.get(&number)?))) else {
            continue;
        };
        missing.remove(&number);
        let mut compare = |field: &str, here: String| {
            let theirs = text(&line[field]);
            if !theirs.is_empty() && here != theirs {
                found.push(Difference { field: format!("lines[{number}].{field}"), here, there: theirs });
            }
        };
        for field in LINE_FIELDS {
            compare(field, text(&known[field]));
        }
        compare("quantity", text(&known["demanded"]));
    }
    // a line that is not wanted any more is missing there rightly
    for number in missing.into_iter().filter(|number| ours[number]["demanded"] != 0) {
        let here = format!("{} × {}", text(&ours[&number]["demanded"]), text(&ours[&number]["sku"]));
        found.push(Difference { field: format!("lines[{number}]"), here, there: String::new() });
    }
    found
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn told(here: &Value, there: &Value) -> Vec<(String, String, String)> {
        order(here, there).into_iter().map(|found| (found.field, found.here, found.there)).collect()
    }

    fn three(field: &str, here: &str, there: &str) -> (String, String, String) {
        (field.into(), here.into(), there.into())
    }

    #[test]
    fn only_what_the_export_says_is_compared() {
        let here = json!({"carrier": "ZTO", "stage": "packed", "consignee": {"name": "张三", "phone": "1"},
            "waybills": [{"number": "75", "void": null}, {"number": "74", "void": "requested"}],
            "lines": [{"line": 1, "sku": "A", "demanded": 2, "lot": null}, {"line": 2, "sku": "B", "demanded": 1}]});
        assert_eq!(told(&here, &json!({"id": "x"})), []);
        assert_eq!(told(&here, &json!({"carrier": "ZTO", "waybills": ["75"], "consignee": {"name": "张三"}})), []);
        assert_eq!(
            told(
                &here,
                &json!({"carrier": "SF", "stage": "signed", "waybills": ["76"], "lines": [{"line": 1, "sku": "A", "quantity": 3, "lot": "L"}]})
            ),
            [
                three("carrier", "ZTO", "SF"),
                three("stage", "packed", "signed"),
                three("waybills", "75", "76"),
                three("lines[1].lot", "", "L"),
                three("lines[1].quantity", "2", "3"),
                three("lines[2]", "1 × B", ""),
            ]
        );
        let twice = json!({"lines": [{"line": 1, "sku": "A", "quantity": 2}, {"line": 1, "sku": "A", "quantity": 2}, {"line": 2, "sku": "B", "quantity": 1}]});
        assert_eq!(told(&here, &twice), [three("lines[A].quantity", "2", "4")]);
        // numbered otherwise: the SKUs count
        let turned = json!({"lines": [{"line": 1, "sku": "B", "quantity": 1}, {"line": 2, "sku": "A", "quantity": 1}, {"line": 3, "sku": "A", "quantity": 1}]});
        assert_eq!(told(&here, &turned), []);
        let other = json!({"lines": [{"line": 1, "sku": "B", "quantity": 2}, {"line": 2, "sku": "C", "quantity": 1}]});
        assert_eq!(
            told(&here, &other),
            [
                three("lines[A].quantity", "2", ""),
                three("lines[B].quantity", "1", "2"),
                three("lines[C].quantity", "", "1")
            ]
        );
    }
}
