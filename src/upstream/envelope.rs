//! A fact as a CloudEvent 1.0 in JSON.

use serde::Serialize;

use super::{Fact, Letter};

/// The media type of several events.
pub(super) const MEDIA_TYPE: &str = "application/cloudevents-batch+json; charset=utf-8";

/// All but the data.
#[derive(Serialize)]
struct Head<'f> {
    specversion: &'static str,
    id: &'f str,
    source: String,
    #[serde(rename = "type")]
    kind: &'f str,
    time: &'f str,
    #[serde(skip_serializing_if = "Option::is_none")]
    subject: Option<&'f str>,
    datacontenttype: &'static str,
    /// The place in the feed, as CloudEvents' sequence extension writes it: a text.
    sequence: String,
}

/// Bytes around the data, as a first guess.
const HEAD: usize = 320;

/// Where the events of a box come from.
pub(super) fn source(by: &str) -> String {
    format!("urn:waybind:box:{by}")
}

/// Makes a fact ready to go: its data stand in it as they are.
pub(super) fn letter(fact: Fact) -> Result<Letter, serde_json::Error> {
    let head = Head {
        specversion: "1.0",
        id: &fact.id,
        source: source(&fact.by),
        kind: &fact.kind,
        time: &fact.time,
        subject: fact.order.as_deref(),
        datacontenttype: "application/json",
        sequence: fact.seq.to_string(),
    };
    let mut json = Vec::with_capacity(HEAD + fact.data.len());
    serde_json::to_writer(&mut json, &head)?;
    json.pop();
    json.extend_from_slice(b",\"data\":");
    json.extend_from_slice(if fact.data.is_empty() { b"null" } else { fact.data.as_bytes() });
    json.push(b'}');
    Ok(Letter { fact, json })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_data_stand_in_it_as_they_are() {
        let fact = Fact {
            by: "b".into(),
            seq: 7,
            id: "b-7".into(),
            time: "2026-11-22T12:00:00.000+08:00".into(),
            kind: "order_held".into(),
            order: Some("SO\"1".into()),
            data: r#"{"z":1.50,"a":"箱"}"#.into(),
        };
        let json = String::from_utf8(letter(fact).expect("JSON").json).expect("UTF-8");
        assert!(json.ends_with(r#","sequence":"7","data":{"z":1.50,"a":"箱"}}"#), "{json}");
        let event: serde_json::Value = serde_json::from_str(&json).expect("JSON");
        assert_eq!((&event["subject"], &event["source"]), (&"SO\"1".into(), &"urn:waybind:box:b".into()));
        let empty = letter(Fact::default()).expect("JSON").json;
        assert!(serde_json::from_slice::<serde_json::Value>(&empty).expect("JSON")["data"].is_null());
    }
}
