//! Facts as EPCIS 2.0 events in JSON-LD, by the Core Business Vocabulary (CBV 2.0).
//!
//! | fact | event | business step |
//! |---|---|---|
//! | `picked`, `verified` | ObjectEvent OBSERVE | picking |
//! | `packed`, `verified` | AggregationEvent ADD: goods into the parcel | packing |
//! | `undone`, `put_back` of packed goods | AggregationEvent DELETE | unpacking |
//! | `put_back` | ObjectEvent OBSERVE | storing |
//! | `parcel_opened` | ObjectEvent ADD: a parcel's id comes to be | commissioning |
//! | `waybill_bound` | TransactionEvent ADD: parcel, waybill (`bol`), order (`po`) | |
//! | `waybill_voided` | TransactionEvent DELETE: nothing belongs to the waybill any more | |
//! | `waybill_loaded` | ObjectEvent OBSERVE of the parcels | loading |
//! | `waybill_unloaded` | ObjectEvent OBSERVE of the parcels | void_shipping |
//!
//! EPCIS tells what happened to objects. It has no word for what is only said of an order (stages, holds, addresses),
//! for work, people, refusals and master data: those facts are left out. An undone pick that was not packed is left out
//! too: the event that it takes back can't be named by then.

use std::collections::HashMap;

use serde_json::{Value, json};

use super::Fact;

/// The media type of a document.
pub(super) const MEDIA_TYPE: &str = "application/ld+json; charset=utf-8";

/// Where GS1 Digital Link identifiers begin in their canonical form.
const GS1_ID: &str = "https://id.gs1.org";

/// How facts of a site become events.
#[derive(Clone, Debug)]
pub(super) struct Epcis {
    site: String,
}

/// What an event says of the goods: one by one, or so many of a class.
enum Goods {
    Epc(String),
    Class { class: String, quantity: u64 },
}

impl Epcis {
    /// Events with the site's own identifiers under this address.
    pub(super) fn new(site: &str) -> Epcis {
        Epcis { site: site.trim_end_matches('/').to_owned() }
    }

    /// The id that the first event of a fact has.
    pub(super) fn event_id(&self, id: &str) -> String {
        format!("{}/event/{}", self.site, escaped(id))
    }

    /// A fact as events; none where EPCIS has no word for it. `gtins`: the GTIN-14 of each SKU that has one.
    pub(super) fn events(&self, fact: &Fact, gtins: &HashMap<String, String>) -> Vec<Value> {
        let data = &fact.value();
        let mut events = match fact.kind.as_str() {
            "picked" | "packed" | "verified" | "undone" | "put_back" => self.counted(fact, data, gtins),
            "parcel_opened" => {
                let parcel = self.own("parcel", &data["parcel"]["id"]);
                vec![
                    json!({"type": "ObjectEvent", "action": "ADD", "bizStep": "commissioning", "disposition": "active",
                            "epcList": [parcel], "bizTransactionList": self.transactions(fact, None)}),
                ]
            }
            "waybill_bound" => vec![json!({"type": "TransactionEvent", "action": "ADD",
                "bizTransactionList": self.transactions(fact, data["waybill"].as_str()),
                "epcList": [self.own("parcel", &data["parcel"])]})],
            "waybill_voided" => vec![json!({"type": "TransactionEvent", "action": "DELETE",
                "bizTransactionList": self.transactions(fact, data["waybill"].as_str()), "epcList": []})],
            "waybill_loaded" => self.moved(fact, data, "loading"),
            "waybill_unloaded" => self.moved(fact, data, "void_shipping"),
            _ => Vec::new(),
        };
        for (index, event) in events.iter_mut().enumerate() {
            self.complete(event, fact, data, index);
        }
        events
    }

    /// The SKU whose GTIN an event of this fact would name.
    pub(super) fn sku(fact: &Fact) -> Option<String> {
        let counts = matches!(fact.kind.as_str(), "picked" | "packed" | "verified" | "undone" | "put_back");
        counts.then(|| fact.value()["count"]["sku"].as_str().map(str::to_owned)).flatten()
    }

    fn counted(&self, fact: &Fact, data: &Value, gtins: &HashMap<String, String>) -> Vec<Value> {
        let count = &data["count"];
        let of = |what: &str| {
            let parts = count["parts"].as_array().map(Vec::as_slice).unwrap_or_default();
            parts.iter().any(|part| part[what].as_u64().is_some_and(|units| units > 0))
        };
        let taken_back = matches!(fact.kind.as_str(), "undone" | "put_back");
        let goods = self.goods(count, gtins);
        let orders = self.transactions(fact, None);
        let mut events = Vec::new();
        let step = match fact.kind.as_str() {
            "put_back" => Some("storing"),
            _ if of("picked") && !taken_back => Some("picking"),
            _ => None,
        };
        let observed = step.map(|step| {
            let mut event = json!({"type": "ObjectEvent", "action": "OBSERVE", "bizStep": step,
                                   "disposition": "in_progress", "bizTransactionList": orders});
            goods.put_into(&mut event, "epcList", "quantityList");
            event
        });
        let aggregated = count["parcel"].as_str().filter(|_| of("packed")).map(|parcel| {
            let (action, step) = if taken_back { ("DELETE", "unpacking") } else { ("ADD", "packing") };
            let parent = format!("{}/parcel/{}", self.site, escaped(parcel));
            let mut event = json!({"type": "AggregationEvent", "action": action, "bizStep": step,
                                   "disposition": "in_progress", "parentID": parent, "bizTransactionList": orders});
            goods.put_into(&mut event, "childEPCs", "childQuantityList");
            event
        });
        // goods leave the box before they lie on the shelf, and the shelf before they lie in the box
        if taken_back {
            events.extend(aggregated.into_iter().chain(observed));
        } else {
            events.extend(observed.into_iter().chain(aggregated));
        }
        events
    }

    fn goods(&self, count: &Value, gtins: &HashMap<String, String>) -> Goods {
        let sku = count["sku"].as_str().unwrap_or_default();
        let identity = |name: &str| count["identity"][name].as_str().map(escaped);
        let (base, serial, lot) = match gtins.get(sku) {
            Some(gtin) => (format!("{GS1_ID}/01/{gtin}"), "21", "10"),
            None => (format!("{}/sku/{}", self.site, escaped(sku)), "serial", "lot"),
        };
        let quantity = count["quantity"].as_u64().unwrap_or(1);
        match (identity("serial"), identity("lot")) {
            (Some(value), _) => Goods::Epc(format!("{base}/{serial}/{value}")),
            (None, Some(value)) => Goods::Class { class: format!("{base}/{lot}/{value}"), quantity },
            (None, None) => Goods::Class { class: base, quantity },
        }
    }

    fn moved(&self, fact: &Fact, data: &Value, step: &str) -> Vec<Value> {
        let parcels = data["parcels"].as_array().map(Vec::as_slice).unwrap_or_default();
        let epcs: Vec<String> = parcels.iter().map(|parcel| self.own("parcel", parcel)).collect();
        let transactions = self.transactions(fact, data["waybill"].as_str());
        vec![json!({"type": "ObjectEvent", "action": "OBSERVE", "bizStep": step, "disposition": "in_progress",
                    "epcList": epcs, "bizTransactionList": transactions})]
    }

    /// The order and the waybill that an event belongs to.
    fn transactions(&self, fact: &Fact, waybill: Option<&str>) -> Vec<Value> {
        let one = |kind: &str, what: &str, id: &str| json!({"type": kind, "bizTransaction": format!("{}/{what}/{}", self.site, escaped(id))});
        let waybill = waybill.map(|number| one("bol", "waybill", number));
        let order = fact.order.as_deref().map(|order| one("po", "order", order));
        waybill.into_iter().chain(order).collect()
    }

    fn own(&self, what: &str, id: &Value) -> String {
        format!("{}/{what}/{}", self.site, escaped(id.as_str().unwrap_or_default()))
    }

    /// What every event has: id, time and place.
    fn complete(&self, event: &mut Value, fact: &Fact, data: &Value, index: usize) {
        let id = self.event_id(&fact.id);
        event["eventID"] = if index == 0 { id } else { format!("{id}/{}", index + 1) }.into();
        event["eventTime"] = fact.time.clone().into();
        event["eventTimeZoneOffset"] = offset(&fact.time).into();
        if let Some(station) = data["station"].as_str() {
            event["readPoint"] = json!({"id": format!("{}/station/{}", self.site, escaped(station))});
        }
        // a transaction event says nothing of where things are
        if event["type"] != "TransactionEvent" {
            event["bizLocation"] = json!({"id": self.site});
        }
        let no_transactions = event["bizTransactionList"].as_array().is_some_and(Vec::is_empty);
        if no_transactions && let Some(fields) = event.as_object_mut() {
            fields.remove("bizTransactionList");
        }
    }
}

impl Goods {
    fn put_into(&self, event: &mut Value, one_by_one: &str, by_class: &str) {
        match self {
            Goods::Epc(epc) => event[one_by_one] = json!([epc]),
            Goods::Class { class, quantity } => event[by_class] = json!([{"epcClass": class, "quantity": quantity}]),
        }
    }
}

/// A document around events that stand side by side with commas between them. `created`: the time of the last one, so
/// that the same events make the same document.
pub(super) fn document(events: &[&[u8]], created: &str) -> Vec<u8> {
    let head = json!({"@context": ["https://ref.gs1.org/standards/epcis/2.0.0/epcis-context.jsonld"],
                      "type": "EPCISDocument", "schemaVersion": "2.0", "creationDate": created});
    let mut text = head.to_string().into_bytes();
    text.pop();
    text.extend_from_slice(b",\"epcisBody\":{\"eventList\":[");
    text.extend_from_slice(&events.join(&b','));
    text.extend_from_slice(b"]}}");
    text
}

/// The offset of a time as the site writes it.
fn offset(time: &str) -> &str {
    let at = time.len().checked_sub(6).filter(|at| matches!(time.as_bytes().get(*at), Some(b'+' | b'-')));
    at.and_then(|at| time.get(at..)).unwrap_or("+00:00")
}

/// A text as a segment of an address.
fn escaped(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for byte in text.bytes() {
        if byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'.' | b'_' | b'~') {
            escaped.push(char::from(byte));
        } else {
            escaped.push_str(&format!("%{byte:02X}"));
        }
    }
    escaped
}

#[cfg(test)]
mod tests {
    use super::*;

    fn fact(kind: &str, data: Value) -> Fact {
        Fact {
            by: "b".into(),
            seq: 7,
            id: "b-7".into(),
            time: "2026-11-22T12:00:00.000+08:00".into(),
            kind: kind.into(),
            order: Some("SO 1".into()),
            data: data.to_string(),
        }
    }

    fn count(identity: Value, picked: u32, packed: u32) -> Value {
        let parts = json!([{"part": 0, "picked": picked, "packed": packed}]);
        json!({"station": "pack-01", "count": {"order": "SO 1", "line": 1, "sku": "FLT/204", "quantity": 3,
               "identity": identity, "parts": parts, "parcel": "P1"}})
    }

    fn events(fact: &Fact, gtins: &[(&str, &str)]) -> Vec<Value> {
        let gtins = gtins.iter().map(|(sku, gtin)| ((*sku).to_owned(), (*gtin).to_owned())).collect();
        Epcis::new("https://id.example.cn/wh/").events(fact, &gtins)
    }

    #[test]
    fn a_verified_unit_is_picked_and_packed() {
        let told = events(&fact("verified", count(json!({"lot": "A1"}), 3, 3)), &[("FLT/204", "06901234567892")]);
        assert_eq!(told.len(), 2);
        assert_eq!((&told[0]["bizStep"], &told[1]["bizStep"]), (&json!("picking"), &json!("packing")));
        assert_eq!(told[0]["eventID"], "https://id.example.cn/wh/event/b-7");
        assert_eq!(told[1]["eventID"], "https://id.example.cn/wh/event/b-7/2");
        let class = json!([{"epcClass": "https://id.gs1.org/01/06901234567892/10/A1", "quantity": 3}]);
        assert_eq!((&told[0]["quantityList"], &told[1]["childQuantityList"]), (&class, &class));
        assert_eq!(told[1]["parentID"], "https://id.example.cn/wh/parcel/P1");
        assert_eq!(told[0]["eventTimeZoneOffset"], "+08:00");
        assert_eq!(told[0]["bizTransactionList"][0]["bizTransaction"], "https://id.example.cn/wh/order/SO%201");
    }

    #[test]
    fn what_is_put_back_leaves_its_box_first() {
        let told = events(&fact("put_back", count(json!({"serial": "S/1"}), 1, 1)), &[]);
        assert_eq!((&told[0]["action"], &told[0]["bizStep"]), (&json!("DELETE"), &json!("unpacking")));
        assert_eq!(told[1]["bizStep"], "storing");
        assert_eq!(told[1]["epcList"], json!(["https://id.example.cn/wh/sku/FLT%2F204/serial/S%2F1"]));
        assert!(events(&fact("undone", count(json!({}), 1, 0)), &[]).is_empty());
        assert!(events(&fact("order_held", json!({})), &[]).is_empty());
    }

    #[test]
    fn the_truck_and_the_waybill_have_their_words() {
        let data = json!({"waybill": "75312345678901", "parcels": ["P1", "P2"], "station": "dock"});
        let told = events(&fact("waybill_unloaded", data), &[]);
        assert_eq!(
            (&told[0]["bizStep"], told[0]["epcList"].as_array().map(Vec::len)),
            (&json!("void_shipping"), Some(2))
        );
        let text = document(&[told[0].to_string().as_bytes(), b"{}"], "2026-11-22T12:00:00Z");
        let document: Value = serde_json::from_slice(&text).expect("JSON");
        assert_eq!(document["epcisBody"]["eventList"].as_array().map(Vec::len), Some(2));
        assert_eq!(offset("2026-11-22T12:00:00Z"), "+00:00");
    }
}
