//! The feed: what the world outside is told, in order, each fact under an id that never changes.

use jiff::Timestamp;
use rusqlite::{Connection, Row};
use serde_json::Value;

use super::LedgerError;
use super::record::{Cause, Record};
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
    let (mut events, mut read_so_far) = (Vec::new(), 0);
    while let Some(row) = rows.next().map_err(sqlite())? {
        read_so_far += row.get_ref(4).and_then(|body| Ok(body.as_blob()?.len())).map_err(sqlite())?;
        events.push(read(row)?);
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
    let mut events = Vec::new();
    while let Some(row) = rows.next().map_err(sqlite())? {
        events.push(read(row)?);
    }
    Ok(events)
}

fn read(row: &Row<'_>) -> Result<FeedEvent, LedgerError> {
    let sqlite = || LedgerError::sqlite("can't read the feed");
    let seq: i64 = row.get(0).map_err(sqlite())?;
    let part: i64 = row.get(1).map_err(sqlite())?;
    let kind: String = row.get(2).map_err(sqlite())?;
    let order: Option<String> = row.get(3).map_err(sqlite())?;
    let body: Vec<u8> = row.get(4).map_err(sqlite())?;
    let document = |source| LedgerError::Document { what: format!("event {seq} can't be read"), source };
    let record: Record = serde_json::from_slice(&body).map_err(document)?;
    let fact = match usize::try_from(part) {
        Ok(part) => serde_json::to_value(record.events.get(part)),
        Err(_) => serde_json::to_value(&record.verdict),
    };
    let mut data = fact.map_err(document)?;
    if let Value::Object(fields) = &mut data {
        fields.remove("type");
        for secret in ["badge", "pin"] {
            fields.get_mut("operator").and_then(Value::as_object_mut).map(|operator| operator.remove(secret));
        }
        for (name, value) in whence(&record.cause) {
            fields.entry(name).or_insert(value);
        }
        if part < 0 {
            fields.insert("seq".into(), row.get::<_, i64>(5).map_err(sqlite())?.into());
        }
    }
    Ok(FeedEvent {
        id: format!("{}-{seq}", record.by),
        by: record.by,
        seq: seq.cast_unsigned(),
        time: record.at.wall,
        kind,
        order: order.and_then(|order| OrderId::new(&order).ok()),
        data,
    })
}

/// Who, where, with what.
fn whence(cause: &Cause) -> Vec<(&'static str, Value)> {
    let text = |value: &Option<String>| value.clone().map_or(Value::Null, Value::String);
    match cause {
        Cause::Scan { scan_id, station, device, operator, peer, .. } => vec![
            ("scan_id", scan_id.to_string().into()),
            ("station", station.to_string().into()),
            ("device", text(&device.as_ref().map(ToString::to_string))),
            ("operator", text(&operator.as_ref().map(ToString::to_string))),
            ("peer", text(peer)),
        ],
        Cause::Upstream { call, peer } => vec![("call", call.clone().into()), ("peer", text(peer))],
        Cause::Local { what } => vec![("call", what.clone().into())],
    }
}
