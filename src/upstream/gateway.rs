//! Gateways for short messages and calls: a request that is written in the configuration, and a limit an hour.

use std::collections::{BTreeMap, VecDeque};
use std::time::Duration;

use hyper::body::Bytes;
use hyper::{Method, Uri};
use tokio::time::Instant;

use super::Outcome;
use super::http::{PATIENCE, Poster};
use super::outlet::Fault;
use crate::config::TargetSettings;
use crate::config::request::{Escape, Template, method};

/// The span of the limit.
const HOUR: Duration = Duration::from_secs(3_600);

/// A gateway.
pub(super) struct Gateway {
    url: Template,
    method: Method,
    body: Template,
    content_type: String,
    headers: BTreeMap<String, Template>,
    secret: String,
    per_hour: usize,
    /// When it was used within the last hour; at most `per_hour` entries.
    used: VecDeque<Instant>,
}

impl Gateway {
    pub(super) fn new(settings: &TargetSettings) -> Result<Gateway, String> {
        Ok(Gateway {
            url: Template::new(settings.url.as_deref().unwrap_or_default()),
            method: method(&settings.method)?,
            body: settings.body.clone(),
            content_type: settings.content_type.clone(),
            headers: settings.headers.clone(),
            secret: settings.secret.texts()?.into_iter().next().unwrap_or_default(),
            per_hour: settings.per_hour as usize,
            used: VecDeque::new(),
        })
    }

    /// How long it must be left alone, for its limit.
    pub(super) fn rests(&mut self, now: Instant) -> Option<Duration> {
        while self.used.front().is_some_and(|used| now.duration_since(*used) >= HOUR) {
            self.used.pop_front();
        }
        let oldest = self.used.front().filter(|_| self.used.len() >= self.per_hour)?;
        Some(HOUR.saturating_sub(now.duration_since(*oldest)))
    }

    pub(super) async fn say(&mut self, mut values: BTreeMap<&'static str, String>) -> Outcome {
        let retry = |why: String| Outcome::Retry { why, after: None, fault: Fault::Answer };
        let now = Instant::now();
        if let Some(rest) = self.rests(now) {
            let why = format!("it was used {} times within the hour", self.per_hour);
            return Outcome::Retry { why, after: Some(rest), fault: Fault::Reach };
        }
        values.insert("secret", self.secret.clone());
        let uri: Uri = match self.url.fill(&values, Escape::Percent).parse() {
            Ok(uri) => uri,
            Err(error) => return retry(format!("its address can't be made: {error}")),
        };
        let mut headers: Vec<(&str, String)> =
            self.headers.iter().map(|(name, value)| (name.as_str(), value.fill(&values, Escape::Plain))).collect();
        headers.push(("content-type", self.content_type.clone()));
        let body = self.body.fill(&values, Escape::of(&self.content_type));
        self.used.push_back(now);
        match Poster::new(&uri, PATIENCE).send(&self.method, None, &headers, Bytes::from(body)).await {
            Ok(answer) if (200..=299).contains(&answer.status) => Outcome::Delivered,
            Ok(answer) => retry(answer.summary()),
            Err(why) => retry(why),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_hour_has_its_limit() {
        let settings =
            TargetSettings { url: Some("http://127.0.0.1:1/".into()), per_hour: 2, ..TargetSettings::default() };
        let mut gateway = Gateway::new(&settings).expect("opens");
        let start = Instant::now();
        gateway.used.extend([start, start + Duration::from_secs(60)]);
        assert_eq!(gateway.rests(start + Duration::from_secs(100)), Some(Duration::from_secs(3_500)));
        assert_eq!(gateway.rests(start + HOUR), None);
    }
}
