//! What waybind told the world about scans since a moment.

use std::time::Duration;

use serde_json::Value;

use super::guest::{Guest, until};
use super::power::MARKED;
use super::served::{Client, PATIENCE};

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
    marks: usize,
}

impl Feed {
    /// Begins now.
    pub fn now(guest: &Guest) -> Feed {
        let mut feed = Feed { client: guest.client(), after: 0, unreadable: 0, marks: 0 };
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

    /// Waits for this many refusals of codes that a scanner sent and that could be read, and answers them and whatever
    /// was recorded up to a scan that is made after them.
    pub fn refused(&mut self, count: usize, limit: Duration) -> Vec<Refused> {
        let mut found = Vec::new();
        until(&format!("{count} refusals"), limit, || {
            self.take(&mut found);
            (found.len() >= count).then_some(())
        });
        self.marks += 1;
        let mark = format!("MARK-{}-{}", self.after, self.marks);
        assert_eq!(self.client.scan(&mark, MARKED, &mark), "unknown_code");
        until("the mark", PATIENCE, || self.take(&mut found).contains(&mark).then_some(()));
        found
    }

    /// Takes what is new; answers the codes of no scanner.
    fn take(&mut self, found: &mut Vec<Refused>) -> Vec<String> {
        let text =
            |event: &Value, at: &str| event["data"].pointer(at).and_then(Value::as_str).unwrap_or_default().to_owned();
        let mut others = Vec::new();
        for event in self.next().iter().filter(|event| event["type"] == "scan_refused") {
            let (device, code) = (text(event, "/device"), text(event, "/got/text"));
            match event["data"]["code"] == "unreadable" {
                true => self.unreadable += 1,
                false if device.is_empty() => others.push(code),
                false => found.push(Refused { device, station: text(event, "/station"), text: code }),
            }
        }
        others
    }
}
