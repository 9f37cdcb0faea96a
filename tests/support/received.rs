//! What a receiver got, against what the feed says.

use std::collections::{BTreeMap, HashMap};

use serde_json::{Value, json};
use waybind::sim::receiver::{Receiver, Request};

use super::served::{Client, eventually};

pub fn feed(client: &mut Client) -> Vec<Value> {
    let mut events: Vec<Value> = Vec::new();
    loop {
        let after = events.last().map_or(0, |event| event["seq"].as_u64().unwrap());
        let page = client.get(&format!("/api/v1/events?after={after}&limit=1000"));
        match page["events"].as_array().unwrap().as_slice() {
            [] => return events,
            found => events.extend_from_slice(found),
        }
    }
}

pub fn target(client: &mut Client, name: &str) -> Value {
    let all = client.get("/api/v1/targets");
    all["targets"].as_array().unwrap().iter().find(|target| target["name"] == name).unwrap().clone()
}

/// Waits until a target has been told everything; it is asked not to wait for its pauses.
pub fn told(client: &mut Client, name: &str) -> Value {
    eventually("the end of the feed", || {
        client.must(&format!("/api/v1/targets/{name}/retry"), &json!({"ids": []}));
        Some(target(client, name)).filter(|target| target["depth"] == 0)
    })
}

pub fn batch(request: &Request) -> Vec<Value> {
    serde_json::from_slice(&request.body).unwrap()
}

pub fn taken(receiver: &Receiver) -> Vec<Value> {
    taken_of(&receiver.requests())
}

pub fn taken_of(requests: &[Request]) -> Vec<Value> {
    requests.iter().filter(|request| request.taken).flat_map(batch).collect()
}

/// Each event is there, with what the feed says, and each order's come in the feed's order.
pub fn assert_received(feed: &[Value], received: &[Value]) {
    let mut first: BTreeMap<&str, usize> = BTreeMap::new();
    for (place, event) in received.iter().enumerate() {
        first.entry(event["id"].as_str().unwrap()).or_insert(place);
    }
    let mut last_of: HashMap<&Value, usize> = HashMap::new();
    for event in feed {
        let place = *first.get(event["id"].as_str().unwrap()).unwrap_or_else(|| panic!("{event} never came"));
        let came = &received[place];
        for (theirs, ours) in [("type", "type"), ("subject", "order"), ("time", "time"), ("data", "data")] {
            assert_eq!(came[theirs], event[ours], "{theirs} of {event}");
        }
        assert_eq!(came["specversion"], "1.0");
        if let Some(before) = last_of.insert(&event["order"], place) {
            assert!(before < place, "{event} came before an earlier one of its order");
        }
    }
    assert_eq!(first.len(), feed.len(), "something came that is not in the feed");
}
