//! What waybind told the world about scans since a moment.

use std::time::Duration;

use serde_json::Value;

use super::guest::{Guest, until};
use super::served::Client;

/// Events of one read; the service gives no more.
const PAGE: usize = 1_000;

/// A refused scan, as the feed tells it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Refused {
    /// Which scanner sent it.
    pub device: String,
    /// Where.
    pub station: String,
    /// The code.
    pub text: String,
}

/// The feed from a moment on.
pub struct Feed {
    client: Client,
    after: u64,
    /// Scans in it that were unreadable.
    pub unreadable: usize,
}

impl Feed {
    /// Begins now.
    pub fn now(guest: &Guest) -> Feed {
        let mut feed = Feed { client: guest.client(), after: 0, unreadable: 0 };
        while !feed.next().is_empty() {}
        feed.unreadable = 0;
        feed
    }

    fn next(&mut self) -> Vec<Value> {
        let mut answer = self.client.get(&format!("/api/v1/events?after={}&limit={PAGE}", self.after));
        let Value::Array(events) = answer["events"].take() else { panic!("{answer}") };
        self.after = events.last().map_or(self.after, |event| event["seq"].as_u64().unwrap());
        events
    }

    /// Waits for this many refusals of codes that could be read, and answers them and whatever came with them.
    pub fn refused(&mut self, count: usize, limit: Duration) -> Vec<Refused> {
        let mut found = Vec::new();
        until(&format!("{count} refusals"), limit, || {
            let text = |event: &Value, at: &str| {
                event["data"].pointer(at).and_then(Value::as_str).unwrap_or_default().to_owned()
            };
            let events = self.next();
            let refused = events.iter().filter(|event| event["type"] == "scan_refused");
            let (broken, refused): (Vec<&Value>, Vec<&Value>) =
                refused.partition(|event| event["data"]["code"] == "unreadable");
            self.unreadable += broken.len();
            let refused = refused.into_iter().map(|event| Refused {
                device: text(event, "/device"),
                station: text(event, "/station"),
                text: text(event, "/got/text"),
            });
            found.extend(refused);
            (found.len() >= count).then_some(())
        });
        found
    }
}
