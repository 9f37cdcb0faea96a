//! Webhooks: several CloudEvents in one signed request.

use std::time::Duration;

use hyper::Uri;
use hyper::body::Bytes;
use jiff::Timestamp;
use sha2::{Digest, Sha256};

use super::batch::Form;
use super::http::{Answer, PATIENCE, Poster};
use super::outlet::Fault;
use super::signature::signatures;
use super::{Delivery, Outcome, envelope, epcis};

/// How long an answer may go on after its head: its status is what counts, and one that never ends must not hold the feed.
const HEARS_OUT: Duration = Duration::from_secs(2);

/// A webhook.
pub(super) struct Webhook {
    keys: Vec<Vec<u8>>,
    poster: Poster,
    form: Form,
}

impl Webhook {
    pub(super) fn new(uri: &Uri, keys: Vec<Vec<u8>>, form: Form) -> Webhook {
        Webhook { keys, poster: Poster::new(uri, PATIENCE).hearing_out(HEARS_OUT), form }
    }

    pub(super) async fn send(&mut self, delivery: &Delivery, now: Timestamp) -> Outcome {
        if delivery.events.is_empty() {
            return Outcome::Delivered;
        }
        let (media_type, body) = match &self.form {
            Form::Cloud => (envelope::MEDIA_TYPE, body(delivery)),
            Form::Epcis(_) => (epcis::MEDIA_TYPE, document(delivery)),
        };
        let (id, timestamp) = (message_id(delivery, &body), now.as_second());
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
            Err(why) => {
                let fault = if self.poster.has_reached() { Fault::Answer } else { Fault::Reach };
                Outcome::Retry { why, after: None, fault }
            }
        }
    }
}

/// Characters of a hash in the id of a message.
const HASH: usize = 16;

/// The id of a message follows from what is in it: the same events go under the same id, after a crash too, and others
/// never do.
fn message_id(delivery: &Delivery, body: &[u8]) -> String {
    let seq = |letter: Option<&super::Letter>| letter.map_or(0, |letter| letter.fact.seq);
    let (first, last) = (delivery.events.first(), delivery.events.last());
    let hash = data_encoding::HEXLOWER.encode(&Sha256::digest(body));
    let by = first.map_or("", |letter| letter.fact.by.as_str());
    format!("{by}-{}-{}-{}", seq(first), seq(last), &hash[..HASH])
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

/// What an answer means. Only a status that judges what was sent refuses it. Any other of 4xx, and a redirect, which is not
/// followed, says that the address or the credential is wrong: no event is to blame, and all of them wait.
fn judge(answer: &Answer) -> Outcome {
    let retry = |fault| Outcome::Retry { why: answer.summary(), after: answer.retry_after, fault };
    match answer.status {
        200..=299 => Outcome::Delivered,
        400 | 409 | 413 | 415 | 422 => Outcome::Rejected { answer: answer.summary(), too_large: answer.status == 413 },
        // it asks for patience
        408 | 425 | 429 => retry(Fault::Reach),
        503 if answer.retry_after.is_some() => retry(Fault::Reach),
        300..=499 => retry(Fault::Setup),
        _ => retry(Fault::Answer),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::upstream::{Fact, Letter};

    fn answer(status: u16, seconds: Option<u64>) -> Outcome {
        let retry_after = seconds.map(Duration::from_secs);
        judge(&Answer { status, retry_after, etag: None, body: b"no".to_vec(), is_whole: true })
    }

    #[test]
    fn only_an_answer_that_judges_the_event_refuses_it() {
        for status in [200, 201, 202, 204] {
            assert_eq!(answer(status, None), Outcome::Delivered);
        }
        for status in [400, 409, 413, 415, 422] {
            let too_large = status == 413;
            assert_eq!(answer(status, None), Outcome::Rejected { answer: format!("HTTP {status} no"), too_large });
        }
        let fault = |outcome| match outcome {
            Outcome::Retry { fault, .. } => Some(fault),
            _ => None,
        };
        for status in [301, 302, 307, 308, 401, 402, 403, 404, 405, 406, 407, 410, 421, 451] {
            assert_eq!(fault(answer(status, None)), Some(Fault::Setup), "{status}");
        }
        for status in [500, 501, 502, 503, 504, 599] {
            assert_eq!(fault(answer(status, None)), Some(Fault::Answer), "{status}");
        }
        for status in [408, 425, 429, 503] {
            assert_eq!(fault(answer(status, Some(9))), Some(Fault::Reach), "{status}");
        }
    }

    #[test]
    fn other_events_never_go_under_the_same_id() {
        let letter = |seq: u64| Letter {
            fact: Fact { by: "b".into(), seq, ..Fact::default() },
            json: format!("{{\"id\":\"b-{seq}\"}}").into_bytes(),
        };
        let id = |seqs: &[u64]| {
            let delivery = Delivery { events: seqs.iter().map(|seq| letter(*seq)).collect(), ..Delivery::default() };
            message_id(&delivery, &body(&delivery))
        };
        assert_eq!(id(&[1, 2, 4, 5]), id(&[1, 2, 4, 5]));
        // one was left out of each, from the same place to the same place
        assert_ne!(id(&[1, 2, 4, 5]), id(&[1, 3, 4, 5]));
        assert!(id(&[1, 3]).starts_with("b-1-3-"));
    }
}
