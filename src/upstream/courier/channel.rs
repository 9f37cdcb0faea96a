//! One channel: asks for a number as the configuration writes it, and reads the answer.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use hyper::body::Bytes;
use hyper::{Method, Uri};
use jiff::Timestamp;
use serde_json::Value;
use tokio::time::Instant;
use tokio_rustls::TlsConnector;

use super::sign::signature;
use crate::barcode::carrier;
use crate::clock;
use crate::config::ChannelSettings;
use crate::config::request::{Escape, method};
use crate::domain::ids::{CarrierCode, WaybillNo};
use crate::upstream::cut;
use crate::upstream::http::{Poster, connector};
use crate::upstream::retry;

/// How long an answer is still waited for after the next channel was asked: a number that was given is judged, late or not.
const LATE: Duration = Duration::from_secs(60);

/// Failures in a row after which a channel is left alone for a while: an order does not wait for what is down.
const REST_AFTER: u32 = 3;

/// Bytes of a reason that are kept.
const WHY_MAX: usize = 200;

/// Bytes of an answer: as many numbers as a store holds, with some hundred bytes about each.
const ANSWER_MAX: usize = 1024 * 1024;

/// Bytes of chance in a request: nobody meets the same twice.
const NONCE: usize = 16;

/// A channel; cheap to clone.
#[derive(Clone)]
pub struct Channel {
    settings: Arc<ChannelSettings>,
    method: Method,
    tls: Option<TlsConnector>,
    state: Arc<Mutex<Inner>>,
    /// Held by the one who fetches numbers ahead.
    filling: Arc<tokio::sync::Mutex<()>>,
}

#[derive(Debug, Default)]
struct Inner {
    state: ChannelState,
    /// Until when it is left alone.
    rests: Option<Instant>,
}

/// How a channel is.
#[derive(Clone, Debug, Default)]
pub struct ChannelState {
    /// Whose numbers it gives.
    pub carrier: Option<CarrierCode>,
    /// Numbers that it gave since the start.
    pub given: u64,
    /// Requests that failed since the start.
    pub failed: u64,
    /// Failures in a row.
    pub failures: u32,
    /// What went wrong last.
    pub last_error: Option<String>,
}

impl Channel {
    /// A channel of the configuration.
    pub(super) fn open(settings: &ChannelSettings) -> Result<Channel, String> {
        let uri: Uri = settings
            .url
            .fill(&BTreeMap::new(), Escape::Percent)
            .parse()
            .map_err(|error| format!("channel \"{}\": its url is no address: {error}", settings.name))?;
        settings.secret.text().map_err(|why| format!("channel \"{}\": {why}", settings.name))?;
        Ok(Channel {
            method: method(&settings.method).map_err(|why| format!("channel \"{}\": {why}", settings.name))?,
            tls: (uri.scheme_str() == Some("https")).then(connector),
            settings: Arc::new(settings.clone()),
            state: Arc::default(),
            filling: Arc::default(),
        })
    }

    /// Its name.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.settings.name
    }

    /// Numbers that are fetched ahead; 0 if it is asked for each order.
    #[must_use]
    pub fn ahead(&self) -> usize {
        self.settings.ahead
    }

    /// How few its store may hold.
    pub(super) fn least(&self) -> usize {
        self.settings.least()
    }

    /// Waits until nobody else fetches numbers ahead.
    pub(super) async fn fills(&self) -> tokio::sync::MutexGuard<'_, ()> {
        self.filling.lock().await
    }

    /// How long an order waits for it.
    pub(super) fn patience(&self) -> Duration {
        Duration::from_secs(self.settings.timeout_seconds)
    }

    /// How it is now.
    #[must_use]
    pub fn state(&self) -> ChannelState {
        self.inner().state.clone()
    }

    /// Until when it is left alone for its failures, if it is.
    #[must_use]
    pub fn rests(&self, now: Instant) -> Option<Instant> {
        self.inner().rests.filter(|until| now < *until)
    }

    pub(super) fn serve(&self, carrier: &CarrierCode) {
        self.inner().state.carrier = Some(carrier.clone());
    }

    fn inner(&self) -> MutexGuard<'_, Inner> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Asks for numbers: one for an order, or as many as are fetched ahead.
    pub(super) async fn ask(
        &self,
        values: BTreeMap<&'static str, String>,
        now: Timestamp,
    ) -> Result<Vec<WaybillNo>, String> {
        let asked = self.exchange(values, now).await;
        match &asked {
            Ok(numbers) => self.inner().state.given += numbers.len() as u64,
            Err(_) => self.inner().state.failed += 1,
        }
        asked
    }

    /// It did what was asked.
    pub(super) fn worked(&self) {
        let mut inner = self.inner();
        (inner.state.failures, inner.state.last_error, inner.rests) = (0, None, None);
    }

    /// It did not.
    pub(super) fn failed(&self, why: &str, now: Instant) {
        let mut inner = self.inner();
        inner.state.failures = inner.state.failures.saturating_add(1);
        inner.state.last_error = Some(why.to_owned());
        if inner.state.failures >= REST_AFTER {
            if inner.state.failures == REST_AFTER {
                tracing::error!(
                    channel = self.name(),
                    why,
                    "A channel gives no numbers; it is tried from time to time."
                );
            }
            inner.rests = Some(now + retry::pause(inner.state.failures, None, clock::chance()));
        }
    }

    async fn exchange(
        &self,
        mut values: BTreeMap<&'static str, String>,
        now: Timestamp,
    ) -> Result<Vec<WaybillNo>, String> {
        let settings = &*self.settings;
        // read anew, so that it can be changed in its file
        let secret = settings.secret.text()?.unwrap_or_default();
        let mut nonce = [0; NONCE];
        getrandom::fill(&mut nonce).map_err(|error| format!("there is no chance to be had: {error}"))?;
        values.insert("secret", secret.clone());
        values.insert("timestamp", now.as_millisecond().to_string());
        values.insert("seconds", now.as_second().to_string());
        values.insert("nonce", data_encoding::HEXLOWER.encode(&nonce));
        let body = self.write(&mut values, &secret);
        let uri: Uri = settings
            .url
            .fill(&values, Escape::Percent)
            .parse()
            .map_err(|error| format!("its address can't be made: {error}"))?;
        let mut headers: Vec<(&str, String)> =
            settings.headers.iter().map(|(name, value)| (name.as_str(), value.fill(&values, Escape::Plain))).collect();
        headers.push(("content-type", settings.content_type.clone()));
        let mut poster = Poster::trusting(&uri, LATE, self.tls.clone());
        let answer = poster.send_reading(&self.method, None, &headers, Bytes::from(body), ANSWER_MAX).await?;
        if !(200..=299).contains(&answer.status) {
            return Err(hidden(&answer.summary(), &secret));
        }
        if !answer.is_whole {
            return Err(format!("its answer has more than {} MiB", ANSWER_MAX / 1024 / 1024));
        }
        let json: Value = serde_json::from_slice(&answer.body)
            .map_err(|_| hidden(&format!("an answer that is no JSON: {}", answer.summary()), &secret))?;
        self.read(&json).map_err(|why| hidden(&why, &secret))
    }

    /// Writes the body, and adds what only then can be named: the content, the body where that is signed, the signature.
    fn write(&self, values: &mut BTreeMap<&'static str, String>, secret: &str) -> String {
        let settings = &*self.settings;
        let escape = Escape::of(&settings.content_type);
        let content = settings.content.fill(values, settings.content_escape());
        values.insert("content", content);
        let Some(sign) = &settings.sign else { return settings.body.fill(values, escape) };
        let is_of_body = sign.of.names().any(|name| name == "body");
        if is_of_body {
            values.insert("body", settings.body.fill(values, escape));
        }
        let signed = signature(sign, &sign.of.fill(values, Escape::Verbatim), secret);
        values.insert("sign", signed);
        match values.remove("body") {
            Some(body) => body,
            None => settings.body.fill(values, escape),
        }
    }

    /// The numbers in an answer.
    fn read(&self, answer: &Value) -> Result<Vec<WaybillNo>, String> {
        let settings = &*self.settings;
        let said = settings.message.as_ref().and_then(|path| path.find(answer).into_iter().next());
        let refused = |what: String| {
            let said = said.as_deref().map(|said| format!(": {said}")).unwrap_or_default();
            format!("{what}{said}")
        };
        if let Some(ok) = &settings.ok {
            let found = ok.find(answer).into_iter().next().unwrap_or_default();
            if found != settings.ok_is {
                return Err(refused(format!("it answered \"{}\", not \"{}\"", cut(&found, WHY_MAX), settings.ok_is)));
            }
        }
        let found = settings.number.as_ref().map(|path| path.find(answer)).unwrap_or_default();
        let numbers: Result<Vec<WaybillNo>, String> =
            found.iter().map(|text| text.trim()).filter(|text| !text.is_empty()).map(number).collect();
        match numbers {
            Ok(numbers) if !numbers.is_empty() => Ok(numbers),
            Ok(_) => Err(refused("no number stands in its answer".into())),
            Err(why) => Err(refused(why)),
        }
    }
}

/// A number as scans are read: `null`, `0` and other words that stand where a number should are none.
fn number(text: &str) -> Result<WaybillNo, String> {
    if !text.bytes().any(|byte| matches!(byte, b'1'..=b'9')) {
        return Err(format!("\"{}\" in its answer is no number", cut(text, WHY_MAX)));
    }
    let read = carrier::read(text);
    let number = read.as_ref().map_or(text, |read| read.number.as_str());
    WaybillNo::new(number).map_err(|error| format!("a number in its answer {error}"))
}

/// A reason without the secret, and not too long.
fn hidden(why: &str, secret: &str) -> String {
    let why = if secret.is_empty() { why.to_owned() } else { why.replace(secret, "…") };
    cut(&why, WHY_MAX).to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::request::{AnswerPath, Template};
    use crate::config::{SignEncoding, SignEscape, SignSettings};

    fn path(text: &str) -> Option<AnswerPath> {
        AnswerPath::try_from(text.to_owned()).ok()
    }

    fn channel(settings: ChannelSettings) -> Channel {
        let url = Template::new("http://courier.example/{order}");
        Channel::open(&ChannelSettings { name: "direct".into(), url, ..settings }).expect("opens")
    }

    #[test]
    fn an_answer_is_a_number_or_a_reason() {
        let channel = channel(ChannelSettings {
            number: path("data.no"),
            ok: path("code"),
            message: path("msg"),
            ..ChannelSettings::default()
        });
        let read = |answer: Value| channel.read(&answer).map(|numbers| numbers[0].to_string());
        assert_eq!(read(serde_json::json!({"code": 0, "data": {"no": "75"}})), Ok("75".into()));
        let refused = read(serde_json::json!({"code": 7, "msg": "wrong key geheim"}));
        assert_eq!(
            refused.map_err(|why| hidden(&why, "geheim")),
            Err("it answered \"7\", not \"0\": wrong key …".into())
        );
        assert_eq!(read(serde_json::json!({"code": 0})), Err("no number stands in its answer".into()));
        for none in ["null", "0", "-", "无"] {
            let read = read(serde_json::json!({"code": 0, "data": {"no": none}}));
            assert_eq!(read, Err(format!("\"{none}\" in its answer is no number")));
        }
        // as a scanner's code is read
        assert_eq!(
            read(serde_json::json!({"code": 0, "data": {"no": "sf1234567890123"}})),
            Ok("SF1234567890123".into())
        );
        assert_eq!(read(serde_json::json!({"code": 0, "data": {"no": "own-1a"}})), Ok("own-1a".into()));
    }

    #[test]
    fn one_that_fails_is_left_alone_for_a_while() {
        let (channel, now) = (channel(ChannelSettings::default()), Instant::now());
        for _ in 0..REST_AFTER {
            assert_eq!(channel.rests(now), None);
            channel.failed("x", now);
        }
        let until = channel.rests(now).expect("it rests");
        assert_eq!(channel.rests(until), None);
        channel.worked();
        assert_eq!(channel.rests(now), None);
    }

    #[test]
    fn the_signature_stands_where_the_configuration_names_it() {
        let values = || BTreeMap::from([("order", "SO 1".to_owned()), ("timestamp", "12".to_owned())]);
        let written = |settings: ChannelSettings| {
            let mut values = BTreeMap::from([("secret", "geheim".to_owned())]).into_iter().chain(values()).collect();
            let body = channel(settings).write(&mut values, "geheim");
            (body, values.remove("sign").unwrap_or_default())
        };
        // of the whole body, for a header
        let sign = SignSettings { of: Template::new("{body}{secret}"), ..SignSettings::default() };
        let whole = ChannelSettings {
            body: Template::new("{\"o\":\n\"{order}\"}"),
            sign: Some(sign),
            ..ChannelSettings::default()
        };
        assert_eq!(written(whole), ("{\"o\":\n\"SO 1\"}".into(), "7Mgc5XYFeDByQqrMATW5nQ==".into()));
        // of a field with a time, in a form
        let sign = SignSettings {
            of: Template::new("{content}{timestamp}{secret}"),
            escape: SignEscape::Form,
            ..SignSettings::default()
        };
        let form = ChannelSettings {
            content_type: "application/x-www-form-urlencoded;charset=UTF-8".into(),
            content: Template::new("{\"o\":\"{order}\"}"),
            body: Template::new("msgData={content}&timestamp={timestamp}&msgDigest={sign}"),
            sign: Some(sign),
            ..ChannelSettings::default()
        };
        let body = "msgData=%7B%22o%22%3A%22SO%201%22%7D&timestamp=12&msgDigest=6OykEkJRESGxax%2BSJ7gjDA%3D%3D";
        assert_eq!(written(form), (body.into(), "6OykEkJRESGxax+SJ7gjDA==".into()));
        // beside what it signs, within JSON
        let sign = SignSettings {
            of: Template::new("{content}method{secret}"),
            encoding: SignEncoding::Hex,
            ..SignSettings::default()
        };
        let inside = ChannelSettings {
            content: Template::new("{\"o\":\"{order}\"}"),
            body: Template::new("{\"param\":\"{content}\",\"sign\":\"{sign}\"}"),
            sign: Some(sign),
            ..ChannelSettings::default()
        };
        let (body, sign) = written(inside);
        assert_eq!(sign, "addeccad13270ff8bf62951a027c440c");
        let body: Value = serde_json::from_str(&body).expect("JSON");
        assert_eq!(body, serde_json::json!({"param": "{\"o\":\"SO 1\"}", "sign": sign}));
    }
}
