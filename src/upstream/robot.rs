//! Robots in groups of people: exceptions in words, as WeCom, DingTalk and Feishu take them.

use std::time::Duration;

use hyper::Uri;
use hyper::body::Bytes;
use jiff::Timestamp;
use serde_json::{Value, json};
use tokio::time::Instant;

use super::http::{PATIENCE, Poster};
use super::signature::hmac;
use super::{Delivery, Fact, Outcome, cut};
use crate::config::Format;
use crate::domain::courier::{Conflict, Pending};
use crate::domain::order::{Difference, Hold};
use crate::domain::printing::{Condition, Step};
use crate::domain::verdict::{Severity, Verdict};
use crate::message::{Language, Notice, notice_text};

/// Pause between two messages: these robots take 20 a minute. What happens meanwhile goes into the next message.
const PAUSE: Duration = Duration::from_secs(3);

/// Exceptions that one message tells one by one.
const LINES_MAX: usize = 10;

/// Bytes of one line: ten of them stay below the 2,048 bytes of the smallest of the three.
const LINE_MAX: usize = 190;

/// A robot.
pub(super) struct Robot {
    format: Format,
    secret: Option<String>,
    language: Language,
    poster: Poster,
    ready: Instant,
}

impl Robot {
    pub(super) fn new(uri: &Uri, format: Format, secret: Option<String>, language: Language) -> Robot {
        Robot { format, secret, language, poster: Poster::new(uri, PATIENCE), ready: Instant::now() }
    }

    /// When it may speak again.
    pub(super) fn ready(&self) -> Instant {
        self.ready
    }

    pub(super) async fn send(&mut self, delivery: &Delivery, told: impl Fn(&str) -> u64, now: Timestamp) -> Outcome {
        let text = self.text(delivery, told);
        if text.is_empty() { Outcome::Delivered } else { self.say(&text, now).await }
    }

    /// Says a text.
    pub(super) async fn say(&mut self, text: &str, now: Timestamp) -> Outcome {
        let (query, body) = message(self.format, self.secret.as_deref(), text, now);
        self.ready = Instant::now() + PAUSE;
        let headers = [("content-type", "application/json; charset=utf-8".to_owned())];
        // no exception is to blame for a refusal: the key is wrong, or the robot gone
        match self.poster.post(query.as_deref(), &headers, Bytes::from(body.to_string())).await {
            Ok(answer) if (200..=299).contains(&answer.status) && was_taken(&answer.body) => Outcome::Delivered,
            Ok(answer) => Outcome::Retry { why: answer.summary(), after: answer.retry_after },
            Err(why) => Outcome::Retry { why, after: None },
        }
    }

    /// The message; `told` says how many dead letters of a target were told before.
    fn text(&self, delivery: &Delivery, told: impl Fn(&str) -> u64) -> String {
        let exceptions = delivery.events.iter().filter_map(|letter| exception(&letter.fact, self.language));
        let buried = delivery.buried.iter().map(|(target, count, answer)| {
            let count = count.saturating_sub(told(target));
            notice_text(Notice::DeadLetters { target, count, answer }, self.language)
        });
        self.joined(&buried.chain(exceptions).collect::<Vec<String>>())
    }

    /// Exceptions as one message.
    pub(super) fn joined(&self, all: &[String]) -> String {
        let mut lines: Vec<String> = all.iter().take(LINES_MAX).map(|line| cut(line, LINE_MAX).to_owned()).collect();
        if all.len() > LINES_MAX {
            lines.push(notice_text(Notice::More(all.len() - LINES_MAX), self.language));
        }
        lines.join("\n")
    }
}

/// Whether people are told of a fact.
pub(super) fn is_exception(fact: &Fact) -> bool {
    exception(fact, Language::English).is_some()
}

/// A stop, a hold, what upstream wants otherwise than it was begun, what is wrong with a number, a print job or a printer,
/// in words; none of anything else.
pub(super) fn exception(fact: &Fact, language: Language) -> Option<String> {
    let order = fact.order.as_deref();
    match fact.kind.as_str() {
        "scan_refused" => {
            let verdict: Verdict = serde_json::from_value(fact.data.clone()).ok()?;
            let station = fact.data["station"].as_str().unwrap_or_default();
            let stopped = Notice::Stopped { station, order, verdict: &verdict };
            // a station in shadow raises no alarm, here neither
            (verdict.code.severity() == Severity::Stop && !verdict.shadow).then(|| notice_text(stopped, language))
        }
        "order_held" => {
            let hold: Hold = serde_json::from_value(fact.data["hold"].clone()).ok()?;
            let held = Notice::Held { order: order?, reason: hold.reason, note: hold.note.as_deref() };
            Some(notice_text(held, language))
        }
        "order_differs" => {
            let differences: Vec<Difference> = serde_json::from_value(fact.data["differences"].clone()).ok()?;
            let first = differences.first()?;
            Some(notice_text(Notice::Differs { order: order?, first, count: differences.len() }, language))
        }
        "waybill_pending" => {
            let pending: Pending = serde_json::from_value(fact.data["pending"].clone()).ok()?;
            Some(notice_text(Notice::NoNumber { order: order?, tried: &pending.tried }, language))
        }
        "waybill_conflict" => {
            let conflict: Conflict = serde_json::from_value(fact.data["conflict"].clone()).ok()?;
            Some(notice_text(Notice::LateNumber { order: order?, conflict: &conflict }, language))
        }
        "print_failed" | "print_unknown" => {
            let text = |name: &str| fact.data[name].as_str().unwrap_or_default();
            let (asks, trouble) = match serde_json::from_value(fact.data["step"].clone()).ok()? {
                // what is not wanted any more needs nobody
                Step::Failed(trouble) if trouble.is_moot() => return None,
                Step::Failed(trouble) => (false, trouble),
                Step::Unknown(trouble) => (true, trouble),
                _ => return None,
            };
            let what = if text("what").is_empty() { text("job") } else { text("what") };
            let print = Notice::Print { what, order, printer: text("printer"), asks, trouble: &trouble };
            Some(notice_text(print, language))
        }
        "printer_stopped" => {
            let condition: Condition = serde_json::from_value(fact.data["condition"].clone()).ok()?;
            let waiting = fact.data["waiting"].as_u64().unwrap_or_default();
            let printer = fact.data["printer"].as_str()?;
            Some(notice_text(Notice::PrinterStopped { printer, condition, waiting }, language))
        }
        _ => None,
    }
}

/// What is added to the address, and the body.
fn message(format: Format, secret: Option<&str>, text: &str, now: Timestamp) -> (Option<String>, Value) {
    let plain = json!({"msgtype": "text", "text": {"content": text}});
    match format {
        // the key in the address is all that WeCom asks for; the configuration gives a robot no other form
        Format::Wecom | Format::Cloudevents | Format::Epcis => (None, plain),
        Format::Dingtalk => {
            let query = secret.map(|secret| {
                let millis = now.as_millisecond();
                let sign = hmac(secret.as_bytes(), &[format!("{millis}\n{secret}").as_bytes()]);
                format!("timestamp={millis}&sign={}", escaped(&sign))
            });
            (query, plain)
        }
        Format::Feishu => {
            let mut body = json!({"msg_type": "text", "content": {"text": text}});
            if let Some(secret) = secret {
                let seconds = now.as_second();
                body["timestamp"] = seconds.to_string().into();
                body["sign"] = hmac(format!("{seconds}\n{secret}").as_bytes(), &[]).into();
            }
            (None, body)
        }
    }
}

/// Base64 as it stands in an address.
fn escaped(base64: &str) -> String {
    base64.replace('+', "%2B").replace('/', "%2F").replace('=', "%3D")
}

/// These robots answer 200 to what they refuse, and say so in the body: `errcode` or `code` is not 0.
fn was_taken(body: &[u8]) -> bool {
    let Ok(answer) = serde_json::from_slice::<Value>(body) else { return true };
    ["errcode", "code"].iter().all(|name| answer.get(name).is_none_or(|code| code.as_i64() == Some(0)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_format_is_signed_its_own_way() {
        let now = Timestamp::from_second(1_600_000_000).expect("a time");
        let (query, body) = message(Format::Wecom, Some("s"), "x", now);
        assert_eq!((query, body), (None, json!({"msgtype": "text", "text": {"content": "x"}})));
        let (query, _) = message(Format::Dingtalk, Some("s"), "x", now);
        let query = query.expect("signed");
        assert!(query.starts_with("timestamp=1600000000000&sign=") && !query.contains(['+', '/']), "{query}");
        let (_, body) = message(Format::Feishu, Some("s"), "x", now);
        assert_eq!(body["timestamp"], "1600000000");
        assert_eq!(body["sign"].as_str().map(str::len), Some(44));
    }

    #[test]
    fn a_refusal_is_seen_in_the_body() {
        assert!(was_taken(br#"{"errcode":0,"errmsg":"ok"}"#) && was_taken(br#"{"code":0}"#) && was_taken(b"ok"));
        assert!(!was_taken(br#"{"errcode":45009}"#) && !was_taken(br#"{"code":19021}"#));
    }

    #[test]
    fn many_exceptions_make_one_message() {
        let uri = Uri::from_static("http://127.0.0.1:1/");
        let robot = Robot::new(&uri, Format::Wecom, None, Language::English);
        let fact = |seq: u64| Fact {
            by: "b".into(),
            seq,
            id: seq.to_string(),
            time: String::new(),
            kind: "order_held".into(),
            order: Some(format!("SO-{seq}")),
            data: json!({"hold": {"reason": "risk", "note": "长".repeat(500)}}),
        };
        let events = (0..30).map(|seq| crate::upstream::envelope::letter(fact(seq)).expect("JSON")).collect();
        let buried = vec![("erp".to_owned(), 7, "HTTP 422".to_owned())];
        let text = robot.text(&Delivery { events, through: 30, buried }, |_| 5);
        assert!(text.starts_with("Target erp refused 2 event(s) · HTTP 422\nOn hold: SO-0 · risk · 长"), "{text}");
        assert!(text.ends_with("and 21 more") && text.len() < 2_048, "{}", text.len());
    }
}
