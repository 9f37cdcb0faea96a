//! Webhooks: several CloudEvents in one signed request.

use hyper::Uri;
use hyper::body::Bytes;
use jiff::Timestamp;

use super::batch::Form;
use super::http::{Answer, PATIENCE, Poster};
use super::signature::signatures;
use super::{Delivery, Outcome, envelope, epcis};

/// A webhook.
pub(super) struct Webhook {
    keys: Vec<Vec<u8>>,
    poster: Poster,
    form: Form,
}

impl Webhook {
    pub(super) fn new(uri: &Uri, keys: Vec<Vec<u8>>, form: Form) -> Webhook {
        Webhook { keys, poster: Poster::new(uri, PATIENCE), form }
    }

    pub(super) async fn send(&mut self, delivery: &Delivery, now: Timestamp) -> Outcome {
        let Some(id) = message_id(delivery) else { return Outcome::Delivered };
        let (media_type, body) = match &self.form {
            Form::Cloud => (envelope::MEDIA_TYPE, body(delivery)),
            Form::Epcis(_) => (epcis::MEDIA_TYPE, document(delivery)),
        };
        let timestamp = now.as_second();
        let mut headers = vec![
            ("content-type", media_type.to_owned()),
            ("webhook-id", id.clone()),
            ("webhook-timestamp", timestamp.to_string()),
        ];
        if !self.keys.is_empty() {
            headers.push(("webhook-signature", signatures(&self.keys, &id, timestamp, &body)));
        }
        match self.poster.post(None, &headers, Bytes::from(body)).await {
            Ok(answer) => judge(&answer),
            Err(why) => Outcome::Retry { why, after: None },
        }
    }
}

/// The id of a message follows from what is in it: the same events go under the same id, after a crash too.
fn message_id(delivery: &Delivery) -> Option<String> {
    let (first, last) = (&delivery.events.first()?.fact, &delivery.events.last()?.fact);
    Some(format!("{}-{}-{}-{}", first.by, first.seq, last.seq, delivery.events.len()))
}

/// The events as one JSON array.
fn body(delivery: &Delivery) -> Vec<u8> {
    let length: usize = delivery.events.iter().map(|letter| letter.json.len() + 1).sum();
    let mut body = Vec::with_capacity(length + 2);
    for (index, letter) in delivery.events.iter().enumerate() {
        body.push(if index == 0 { b'[' } else { b',' });
        body.extend_from_slice(&letter.json);
    }
    body.push(b']');
    body
}

/// The events as one EPCIS document.
pub(super) fn document(delivery: &Delivery) -> Vec<u8> {
    let events: Vec<&[u8]> = delivery.events.iter().map(|letter| letter.json.as_slice()).collect();
    epcis::document(&events, delivery.events.last().map_or("", |letter| &letter.fact.time))
}

/// What an answer means: a redirect is no delivery, and is not followed.
fn judge(answer: &Answer) -> Outcome {
    match answer.status {
        200..=299 => Outcome::Delivered,
        408 | 429 => Outcome::Retry { why: answer.summary(), after: answer.retry_after },
        400..=499 => Outcome::Rejected { answer: answer.summary() },
        _ => Outcome::Retry { why: answer.summary(), after: answer.retry_after },
    }
}
