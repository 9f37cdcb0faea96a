//! A fact as a CloudEvent 1.0 in JSON.

use serde::Serialize;
use serde_json::Value;

use super::{Fact, Letter};

/// The media type of several events.
pub(super) const MEDIA_TYPE: &str = "application/cloudevents-batch+json; charset=utf-8";

#[derive(Serialize)]
struct CloudEvent<'f> {
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
    data: &'f Value,
}

/// Where the events of a box come from.
pub(super) fn source(by: &str) -> String {
    format!("urn:waybind:box:{by}")
}

/// Makes a fact ready to go.
pub(super) fn letter(fact: Fact) -> Result<Letter, serde_json::Error> {
    let event = CloudEvent {
        specversion: "1.0",
        id: &fact.id,
        source: source(&fact.by),
        kind: &fact.kind,
        time: &fact.time,
        subject: fact.order.as_deref(),
        datacontenttype: "application/json",
        sequence: fact.seq.to_string(),
        data: &fact.data,
    };
    let json = serde_json::to_vec(&event)?;
    Ok(Letter { fact, json })
}
