//! A simulated courier that gives waybill numbers over HTTP: as a real one it answers a repeated request with the same
//! number, and as a real one it has bad days.

use std::collections::HashMap;
use std::io;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use serde_json::{Value, json};

use super::receiver::{Receiver, Reply, Request};

/// How the courier is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mood {
    /// It gives numbers.
    Works,
    /// It answers 500.
    Fails,
    /// It answers 200 and says no in the body.
    Refuses,
    /// It gives the number, but after a while.
    Slow(Duration),
    /// It closes the connection without a word.
    Closes,
    /// It closes the connection in the middle of its answer.
    Breaks,
    /// It answers with what is no JSON.
    Garbles,
    /// It gives everybody the same number.
    Repeats,
}

impl Mood {
    /// Every mood in which no good number comes in time.
    pub const BAD: [Mood; 7] = [
        Mood::Fails,
        Mood::Refuses,
        Mood::Slow(Duration::from_secs(3)),
        Mood::Closes,
        Mood::Breaks,
        Mood::Garbles,
        Mood::Repeats,
    ];
}

struct Desk {
    mood: Mood,
    /// What its numbers begin with.
    prefix: &'static str,
    /// What number each request got.
    given: HashMap<String, String>,
    next: u64,
}

impl Desk {
    fn fresh(&mut self) -> String {
        self.next += 1;
        format!("{}{:012}", self.prefix, self.next)
    }
}

/// A running courier; it stops when it is dropped.
pub struct Courier {
    /// Where it listens: `/number` for an order's, `/numbers` for many.
    pub address: SocketAddr,
    receiver: Receiver,
    desk: Arc<Mutex<Desk>>,
}

fn held(desk: &Mutex<Desk>) -> MutexGuard<'_, Desk> {
    desk.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Courier {
    /// Listens at a free port of this machine. `first`: the number before its first one, so that two give different ones.
    ///
    /// # Errors
    /// No port is free.
    pub fn start(first: u64) -> io::Result<Courier> {
        Courier::numbering("75", first)
    }

    /// One whose numbers begin otherwise; twelve digits follow.
    ///
    /// # Errors
    /// No port is free.
    pub fn numbering(prefix: &'static str, first: u64) -> io::Result<Courier> {
        let receiver = Receiver::start("127.0.0.1:0", true)?;
        let desk = Arc::new(Mutex::new(Desk { mood: Mood::Works, prefix, given: HashMap::new(), next: first }));
        let judging = desk.clone();
        receiver.answer(move |request| answer(&judging, request));
        Ok(Courier { address: receiver.address, receiver, desk })
    }

    /// From now on it is like this.
    pub fn turn(&self, mood: Mood) {
        held(&self.desk).mood = mood;
    }

    /// What came so far.
    #[must_use]
    pub fn requests(&self) -> Vec<Request> {
        self.receiver.requests()
    }

    /// The number that it gave, or would give, for a request.
    #[must_use]
    pub fn given(&self, request: &str) -> Option<String> {
        held(&self.desk).given.get(request).cloned()
    }
}

fn answer(desk: &Mutex<Desk>, request: &Request) -> Reply {
    let asked: Value = serde_json::from_slice(&request.body).unwrap_or_default();
    let mut desk = held(desk);
    let mood = desk.mood;
    let good = if request.path.starts_with("/numbers") {
        let count = asked["count"].as_str().and_then(|count| count.parse().ok()).unwrap_or(1_usize);
        let list: Vec<Value> = (0..count.min(1_000)).map(|_| json!({"no": desk.fresh()})).collect();
        json!({"code": 0, "data": {"list": list}})
    } else {
        let name = asked["request"].as_str().unwrap_or_default().to_owned();
        let number = match (mood, desk.given.get(&name)) {
            (Mood::Repeats, _) => "75999999999999".to_owned(),
            (_, Some(known)) => known.clone(),
            (_, None) => desk.fresh(),
        };
        if matches!(mood, Mood::Works | Mood::Slow(_)) {
            desk.given.insert(name, number.clone());
        }
        json!({"code": 0, "data": {"no": number}})
    };
    drop(desk);
    match mood {
        Mood::Works | Mood::Repeats => Reply::Status(200, good.to_string()),
        Mood::Fails => Reply::Status(500, "out of order".into()),
        Mood::Refuses => Reply::Status(200, json!({"code": 7, "msg": "no balance"}).to_string()),
        Mood::Slow(span) => Reply::Late(span, 200, good.to_string()),
        Mood::Closes => Reply::Close,
        Mood::Breaks => Reply::Half,
        Mood::Garbles => Reply::Status(200, "<html>busy</html>".into()),
    }
}
