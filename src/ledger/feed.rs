//! The feed: what the world outside is told, in order, each fact under an id that never changes.

use jiff::Timestamp;
use rusqlite::{Connection, Row};
use serde_json::Value;

use super::LedgerError;
use crate::domain::ids::OrderId;

/// One fact of the feed.
#[derive(Clone, Debug, PartialEq, serde::Serialize)]
pub struct FeedEvent {
    /// The box that recorded it.
    #[serde(rename = "box")]
    pub by: String,
    /// Its place in the feed.
    pub seq: u64,
    /// Its id: box and sequence.
    pub id: String,
    /// When it was recorded.
    pub time: Timestamp,
    /// What it is.
    #[serde(rename = "type")]
    pub kind: String,
    /// The order that it is about.
    pub order: Option<OrderId>,
    /// All of it: the fact's own fields, and who, where, with what.
    pub data: Value,
}

const COLUMNS: &str =
    "SELECT o.seq, o.part, o.type, o.order_id, l.body, o.record FROM outbox o JOIN ledger l ON l.seq = o.record";

/// Facts after a cursor.
pub(super) fn after(conn: &Connection, cursor: u64, limit: usize) -> Result<Vec<FeedEvent>, LedgerError> {
    let sql = format!("{COLUMNS} WHERE o.seq > ?1 ORDER BY o.seq LIMIT ?2");
    query(conn, &sql, (cursor.cast_signed(), limit as i64))
}

/// Facts after a cursor, until their records have so many bytes; at least one where there is one.
pub(super) fn within(
    conn: &Connection,
    cursor: u64,
    limit: usize,
    bytes: usize,
) -> Result<Vec<FeedEvent>, LedgerError> {
    let sqlite = || LedgerError::sqlite("can't read the feed");
    let sql = format!("{COLUMNS} WHERE o.seq > ?1 ORDER BY o.seq LIMIT ?2");
    let mut statement = conn.prepare_cached(&sql).map_err(sqlite())?;
    let mut rows = statement.query((cursor.cast_signed(), limit as i64)).map_err(sqlite())?;
    let (mut events, mut read_so_far, mut opened) = (Vec::new(), 0, None);
    while let Some(row) = rows.next().map_err(sqlite())? {
        read_so_far += row.get_ref(4).and_then(|body| Ok(body.as_blob()?.len())).map_err(sqlite())?;
        events.push(read(row, &mut opened)?);
        if read_so_far >= bytes {
            break;
        }
    }
    Ok(events)
}

/// Facts about an order, oldest first.
pub(super) fn of_order(conn: &Connection, order: &str, limit: usize) -> Result<Vec<FeedEvent>, LedgerError> {
    let sql = format!("{COLUMNS} WHERE o.order_id = ?1 ORDER BY o.seq LIMIT ?2");
    query(conn, &sql, (order, limit as i64))
}

fn query(conn: &Connection, sql: &str, params: impl rusqlite::Params) -> Result<Vec<FeedEvent>, LedgerError> {
    let sqlite = || LedgerError::sqlite("can't read the feed");
    let mut statement = conn.prepare_cached(sql).map_err(sqlite())?;
    let mut rows = statement.query(params).map_err(sqlite())?;
    let (mut events, mut opened) = (Vec::new(), None);
    while let Some(row) = rows.next().map_err(sqlite())? {
        events.push(read(row, &mut opened)?);
    }
    Ok(events)
}

/// A record as it was written. It is not read into its types: the feed only hands on what stands there, and a target that
/// was away for days wants it fast.
struct Opened {
    seq: i64,
    by: String,
    at: Timestamp,
    whence: Vec<(&'static str, Value)>,
    events: Vec<Value>,
    verdict: Value,
}

impl Opened {
    fn new(seq: i64, body: &[u8]) -> Result<Opened, serde_json::Error> {
        let wrong = |what: &str| <serde_json::Error as serde::de::Error>::custom(format!("it has no {what}"));
        let mut record: Value = serde_json::from_slice(body)?;
        let at = record["at"]["wall"].as_str().and_then(|wall| wall.parse().ok()).ok_or_else(|| wrong("time"))?;
        let Value::String(by) = record["box"].take() else { return Err(wrong("box")) };
        let events = match record["events"].take() {
            Value::Array(events) => events,
            _ => Vec::new(),
        };
        Ok(Opened { seq, by, at, whence: whence(record["cause"].take()), events, verdict: record["verdict"].take() })
    }
}

/// Reads a row; `opened` is the record of the row before, which has often several facts.
fn read(row: &Row<'_>, opened: &mut Option<Opened>) -> Result<FeedEvent, LedgerError> {
    let sqlite = || LedgerError::sqlite("can't read the feed");
    let seq: i64 = row.get(0).map_err(sqlite())?;
    let part: i64 = row.get(1).map_err(sqlite())?;
    let kind: String = row.get(2).map_err(sqlite())?;
    let order: Option<String> = row.get(3).map_err(sqlite())?;
    let place: i64 = row.get(5).map_err(sqlite())?;
    let record = match opened {
        Some(record) if record.seq == place => record,
        stale => {
            let document = |source| LedgerError::Document { what: format!("event {seq} can't be read"), source };
            let body = row.get_ref(4).map_err(sqlite())?.as_blob().map_err(|error| sqlite()(error.into()))?;
            stale.insert(Opened::new(place, body).map_err(document)?)
        }
    };
    let mut data = match usize::try_from(part) {
        Ok(part) => record.events.get_mut(part).map(Value::take).unwrap_or_default(),
        Err(_) => record.verdict.take(),
    };
    if let Value::Object(fields) = &mut data {
        fields.remove("type");
        for secret in ["badge", "pin"] {
            fields.get_mut("operator").and_then(Value::as_object_mut).map(|operator| operator.remove(secret));
        }
        for (name, value) in &record.whence {
            fields.entry(*name).or_insert_with(|| value.clone());
        }
        if part < 0 {
            fields.insert("seq".into(), place.into());
        }
    }
    Ok(FeedEvent {
        id: format!("{}-{seq}", record.by),
        by: record.by.clone(),
        seq: seq.cast_unsigned(),
        time: record.at,
        kind,
        order: order.and_then(|order| OrderId::new(&order).ok()),
        data,
    })
}

/// Who, where, with what.
fn whence(mut cause: Value) -> Vec<(&'static str, Value)> {
    let names: &[&str] = match cause["cause"].as_str() {
        Some("scan") => &["scan_id", "station", "device", "operator", "peer"],
        Some("upstream") => &["call", "peer"],
        _ => &["call"],
    };
    let stands = |name: &'static str| if cause["cause"] == "local" { "what" } else { name };
    let places: Vec<(&'static str, &'static str)> = names.iter().map(|name| (*name, stands(name))).collect();
    let mut take = |place: &str| cause.get_mut(place).map(Value::take).unwrap_or_default();
    places.into_iter().map(|(name, place)| (name, take(place))).collect()
}
