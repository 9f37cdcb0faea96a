//! One channel: asks for a number as the configuration writes it, and reads the answer.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use hyper::body::Bytes;
use hyper::{Method, Uri};
use serde_json::Value;
use tokio::time::Instant;
use tokio_rustls::TlsConnector;

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

/// Characters of a reason that are kept.
const WHY_MAX: usize = 200;

/// A channel; cheap to clone.
#[derive(Clone)]
pub struct Channel {
    settings: Arc<ChannelSettings>,
    method: Method,
    secret: Arc<str>,
    tls: Option<TlsConnector>,
    state: Arc<Mutex<Inner>>,
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
        let secret = settings.secret.text().map_err(|why| format!("channel \"{}\": {why}", settings.name))?;
        Ok(Channel {
            method: method(&settings.method).map_err(|why| format!("channel \"{}\": {why}", settings.name))?,
            secret: secret.unwrap_or_default().into(),
            tls: (uri.scheme_str() == Some("https")).then(connector),
            settings: Arc::new(settings.clone()),
            state: Arc::default(),
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
    pub(super) fn low(&self) -> usize {
        self.settings.low
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

    /// Whether it is left alone now, for its failures.
    #[must_use]
    pub fn is_resting(&self) -> bool {
        self.inner().rests.is_some_and(|until| Instant::now() < until)
    }

    pub(super) fn serve(&self, carrier: &CarrierCode) {
        self.inner().state.carrier = Some(carrier.clone());
    }

    fn inner(&self) -> MutexGuard<'_, Inner> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Asks for numbers: one for an order, or as many as are fetched ahead.
    pub(super) async fn ask(&self, mut values: BTreeMap<&'static str, String>) -> Result<Vec<WaybillNo>, String> {
        values.insert("secret", self.secret.to_string());
        let asked = self.exchange(&values).await;
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
    pub(super) fn failed(&self, why: &str) {
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
            inner.rests = Some(Instant::now() + retry::pause(inner.state.failures, None, clock::chance()));
        }
    }

    async fn exchange(&self, values: &BTreeMap<&'static str, String>) -> Result<Vec<WaybillNo>, String> {
        let settings = &*self.settings;
        let uri: Uri = settings
            .url
            .fill(values, Escape::Percent)
            .parse()
            .map_err(|error| format!("its address can't be made: {error}"))?;
        let mut headers: Vec<(&str, String)> =
            settings.headers.iter().map(|(name, value)| (name.as_str(), value.fill(values, Escape::Plain))).collect();
        headers.push(("content-type", settings.content_type.clone()));
        let body = settings.body.fill(values, Escape::of(&settings.content_type));
        let mut poster = Poster::trusting(&uri, LATE, self.tls.clone());
        let answer = poster.send(&self.method, None, &headers, Bytes::from(body)).await?;
        if !(200..=299).contains(&answer.status) {
            return Err(self.hidden(&answer.summary()));
        }
        let json: Value = serde_json::from_slice(&answer.body)
            .map_err(|_| self.hidden(&format!("an answer that is no JSON: {}", answer.summary())))?;
        self.read(&json)
    }

    /// The numbers in an answer.
    fn read(&self, answer: &Value) -> Result<Vec<WaybillNo>, String> {
        let settings = &*self.settings;
        let said = settings.message.as_ref().and_then(|path| path.find(answer).into_iter().next());
        let refused = |what: String| {
            let said = said.as_deref().map(|said| format!(": {said}")).unwrap_or_default();
            self.hidden(&format!("{what}{said}"))
        };
        if let Some(ok) = &settings.ok {
            let found = ok.find(answer).into_iter().next().unwrap_or_default();
            if found != settings.ok_is {
                return Err(refused(format!("it answered \"{}\", not \"{}\"", cut(&found, WHY_MAX), settings.ok_is)));
            }
        }
        let found = settings.number.as_ref().map(|path| path.find(answer)).unwrap_or_default();
        let numbers: Result<Vec<WaybillNo>, _> =
            found.iter().map(|text| text.trim()).filter(|text| !text.is_empty()).map(WaybillNo::new).collect();
        match numbers {
            Ok(numbers) if !numbers.is_empty() => Ok(numbers),
            Ok(_) => Err(refused("no number stands in its answer".into())),
            Err(error) => Err(refused(format!("a number in its answer {error}"))),
        }
    }

    /// A reason without the secret, and not too long.
    fn hidden(&self, why: &str) -> String {
        let why = if self.secret.is_empty() { why.to_owned() } else { why.replace(&*self.secret, "…") };
        cut(&why, WHY_MAX).to_owned()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::request::AnswerPath;
    use crate::config::{Secret, request::Template};

    fn path(text: &str) -> Option<AnswerPath> {
        AnswerPath::try_from(text.to_owned()).ok()
    }

    #[test]
    fn an_answer_is_a_number_or_a_reason() {
        let settings = ChannelSettings {
            name: "direct".into(),
            url: Template::new("http://courier.example/{order}"),
            number: path("data.no"),
            ok: path("code"),
            message: path("msg"),
            secret: Secret::Text("geheim".into()),
            ..ChannelSettings::default()
        };
        let channel = Channel::open(&settings).expect("opens");
        let read = |answer: Value| channel.read(&answer).map(|numbers| numbers[0].to_string());
        assert_eq!(read(serde_json::json!({"code": 0, "data": {"no": "75"}})), Ok("75".into()));
        let refused = read(serde_json::json!({"code": 7, "msg": "wrong key geheim"}));
        assert_eq!(refused, Err("it answered \"7\", not \"0\": wrong key …".into()));
        assert_eq!(read(serde_json::json!({"code": 0})), Err("no number stands in its answer".into()));
        for _ in 0..REST_AFTER {
            assert!(!channel.is_resting());
            channel.failed("x");
        }
        assert!(channel.is_resting());
        channel.worked();
        assert!(!channel.is_resting());
    }
}
