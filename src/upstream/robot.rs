//! Robots in groups of people: exceptions in words, as WeCom, DingTalk and Feishu take them.

use std::time::Duration;

use hyper::Uri;
use hyper::body::Bytes;
use jiff::Timestamp;
use serde_json::{Value, json};
use tokio::time::Instant;

use super::http::{PATIENCE, Poster};
use super::outlet::Fault;
use super::signature::hmac;
use super::{Delivery, Fact, Outcome, Trouble, cut};
use crate::config::Format;
use crate::domain::courier::{Conflict, Pending};
use crate::domain::order::{Difference, Hold};
use crate::domain::printing::{Condition, Step};
use crate::domain::verdict::{Severity, Verdict};
use crate::message::{EXCEPTIONS, Language, Notice, notice_text};

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

    pub(super) async fn send(&mut self, delivery: &Delivery, now: Timestamp) -> Outcome {
        let text = self.text(delivery);
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
            Ok(answer) => Outcome::Retry { why: answer.summary(), after: answer.retry_after, fault: Fault::Answer },
            Err(why) => Outcome::Retry { why, after: None, fault: Fault::Reach },
        }
    }

    fn text(&self, delivery: &Delivery) -> String {
        let exceptions = delivery.events.iter().filter_map(|letter| exception(&letter.fact, self.language));
        let troubles = delivery.troubles.iter().flat_map(|Trouble { target, dead, down, answer, .. }| {
            let down = down.then(|| Notice::TargetDown { target, why: answer });
            let dead = (*dead > 0).then(|| Notice::DeadLetters { target, count: *dead, answer });
            down.into_iter().chain(dead).map(|notice| notice_text(notice, self.language))
        });
        self.joined(&troubles.chain(exceptions).collect::<Vec<String>>())
    }

    /// Exceptions as one message: a line for each, with nothing in it that this kind of robot takes for mark-up.
    pub(super) fn joined(&self, all: &[String]) -> String {
        let line = |text: &String| cut(&without_markup(&one_line(text), self.format), LINE_MAX).to_owned();
        let mut lines: Vec<String> = all.iter().take(LINES_MAX).map(line).collect();
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

/// A text without line breaks, control characters, and marks that change the direction of what follows: what people and
/// other systems wrote must not look like a message of waybind.
pub(super) fn one_line(text: &str) -> String {
    let is_break = |letter: char| letter.is_control() || matches!(letter, '\u{2028}' | '\u{2029}');
    let is_hidden = |letter: &char| matches!(letter, '\u{ad}' | '\u{61c}' | '\u{200b}'..='\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2060}'..='\u{206f}' | '\u{feff}');
    let shown = text.chars().filter(|letter| !is_hidden(letter));
    shown.map(|letter| if is_break(letter) { ' ' } else { letter }).collect()
}

/// A line in which each character that a kind of robot takes for mark-up, a link or a call stands in its full width: people
/// read the same, and nothing is set off. All three are sent plain texts; Feishu reads tags and emphasis in these too.
fn without_markup(line: &str, format: Format) -> String {
    let taken = match format {
        Format::Feishu => "<>@[]*~`",
        _ => "<>@",
    };
    // the full-width forms of ASCII stand in the same order
    let wide = |letter: char| char::from_u32(u32::from(letter) - 0x21 + 0xff01).unwrap_or(' ');
    line.chars().map(|letter| if taken.contains(letter) { wide(letter) } else { letter }).collect()
}

/// An exception ([`EXCEPTIONS`]) in words; none of any other fact, and of those that need nobody.
pub(super) fn exception(fact: &Fact, language: Language) -> Option<String> {
    let order = fact.order.as_deref();
    if !EXCEPTIONS.contains(&fact.kind.as_str()) {
        return None;
    }
    let data = fact.value();
    match fact.kind.as_str() {
        "scan_refused" => {
            let station = data["station"].as_str().unwrap_or_default().to_owned();
            let verdict: Verdict = serde_json::from_value(data).ok()?;
            let stopped = Notice::Stopped { station: &station, order, verdict: &verdict };
            // a station in shadow raises no alarm, here neither
            (verdict.code.severity() == Severity::Stop && !verdict.shadow).then(|| notice_text(stopped, language))
        }
        "order_held" => {
            let hold: Hold = serde_json::from_value(data["hold"].clone()).ok()?;
            let held = Notice::Held { order: order?, reason: hold.reason, note: hold.note.as_deref() };
            Some(notice_text(held, language))
        }
        "order_differs" => {
            let differences: Vec<Difference> = serde_json::from_value(data["differences"].clone()).ok()?;
            let first = differences.first()?;
            Some(notice_text(Notice::Differs { order: order?, first, count: differences.len() }, language))
        }
        "waybill_pending" => {
            let pending: Pending = serde_json::from_value(data["pending"].clone()).ok()?;
            Some(notice_text(Notice::NoNumber { order: order?, tried: &pending.tried }, language))
        }
        "waybill_conflict" => {
            let conflict: Conflict = serde_json::from_value(data["conflict"].clone()).ok()?;
            Some(notice_text(Notice::LateNumber { order: order?, conflict: &conflict }, language))
        }
        "print_failed" | "print_unknown" => {
            let text = |name: &str| data[name].as_str().unwrap_or_default();
            let (asks, trouble) = match serde_json::from_value(data["step"].clone()).ok()? {
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
            let condition: Condition = serde_json::from_value(data["condition"].clone()).ok()?;
            let waiting = data["waiting"].as_u64().unwrap_or_default();
            let printer = data["printer"].as_str()?;
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
            data: json!({"hold": {"reason": "risk", "note": "长".repeat(500)}}).to_string(),
        };
        let events = (0..30).map(|seq| crate::upstream::envelope::letter(fact(seq)).expect("JSON")).collect();
        let trouble = Trouble { target: "erp".into(), dead: 2, down: true, told: (9, 1), answer: "HTTP 422".into() };
        let text = robot.text(&Delivery { events, through: 30, troubles: vec![trouble] });
        let first = "Target erp takes nothing, everything waits · HTTP 422\nTarget erp refused 2 event(s) · HTTP 422\nOn hold: SO-0 · risk · 长";
        assert!(text.starts_with(first), "{text}");
        assert!(text.ends_with("and 22 more") && text.len() < 2_048, "{}", text.len());
    }

    #[test]
    fn what_people_wrote_is_neither_a_line_nor_mark_up() {
        let note = "paid\r\n✕ dock · SO-9 \u{2028}<at user_id=\"all\">all</at> @all <@all> **now** [here](https://evil.example) `x`\u{202e}\u{7}";
        let fact = Fact {
            kind: "order_held".into(),
            order: Some("SO-1\n@所有人".into()),
            data: json!({"hold": {"reason": "other", "note": note}}).to_string(),
            ..Fact::default()
        };
        let events = vec![crate::upstream::envelope::letter(fact).expect("JSON")];
        let delivery = Delivery { events, ..Delivery::default() };
        for format in [Format::Wecom, Format::Dingtalk, Format::Feishu] {
            let robot = Robot::new(&Uri::from_static("http://127.0.0.1:1/"), format, None, Language::English);
            let text = robot.text(&delivery);
            assert!(text.starts_with("On hold: SO-1 ＠所有人 · other · paid  ✕ dock"), "{text}");
            assert!(!text.contains(['\n', '\r', '@', '<', '>', '\u{2028}', '\u{202e}', '\u{7}']), "{format:?}: {text}");
            assert!(text.len() <= LINE_MAX, "{}", text.len());
        }
        let feishu = without_markup("[x](y) **b** ~~s~~ `c` a_b-c #1", Format::Feishu);
        assert_eq!(feishu, "［x］(y) ＊＊b＊＊ ～～s～～ ｀c｀ a_b-c #1");
        assert_eq!(without_markup("SO_1 *2 [3]", Format::Wecom), "SO_1 *2 [3]");
    }

    #[test]
    fn what_is_escaped_stays_within_its_bytes() {
        let robot = Robot::new(&Uri::from_static("http://127.0.0.1:1/"), Format::Feishu, None, Language::Chinese);
        let lines: Vec<String> = (0..30).map(|_| "<@>".repeat(5_000)).collect();
        let text = robot.joined(&lines);
        assert!(text.len() < 2_048 && text.lines().count() == LINES_MAX + 1, "{}", text.len());
    }
}
