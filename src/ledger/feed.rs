//! The feed: what the world outside is told, in order, each fact under an id that never changes.

use jiff::Timestamp;
use rusqlite::{Connection, Row};
use serde_json::Value;

use super::LedgerError;
use super::archive::Place;
use super::archived;
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

/// Facts after a cursor, until their records have so many bytes; at least one where there is one. What left the database is
/// read from its archive.
pub(super) fn after(
    conn: &Connection,
    mut cursor: u64,
    limit: usize,
    bytes: usize,
) -> Result<Vec<FeedEvent>, LedgerError> {
    let (mut events, mut opened, mut read_so_far) = (Vec::new(), None, 0);
    loop {
        let begin = events.len();
        let mut here = rows_after(conn, cursor, limit - begin, bytes.saturating_sub(read_so_far))?;
        // places have no gaps: what does not follow the cursor may have left the database, even just now
        let follows = here.first().is_some_and(|first| first.seq == cursor + 1);
        if follows || archived::cut(conn)?.feed <= cursor {
            events.append(&mut here);
            return Ok(events);
        }
        'block: for line in archived::after_place(conn, cursor)? {
            read_so_far += line.body.len();
            for Place(place, part, kind, order) in line.feed.into_iter().filter(|place| place.0 > cursor) {
                if events.len() >= limit {
                    break 'block;
                }
                events.push(told(&Entry { place, part, kind, order, record: line.seq }, &line.body, &mut opened)?);
            }
        }
        let Some(last) = events.get(begin..).and_then(<[FeedEvent]>::last) else {
            let what = format!("the archives don't tell what comes after place {cursor} of the feed");
            return Err(LedgerError::Damaged { what });
        };
        cursor = last.seq;
        if events.len() >= limit || read_so_far >= bytes {
            return Ok(events);
        }
    }
}

/// Facts of the database after a cursor.
fn rows_after(conn: &Connection, cursor: u64, limit: usize, bytes: usize) -> Result<Vec<FeedEvent>, LedgerError> {
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

/// An order's story.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct OrderHistory {
    /// Every fact, refusals too, oldest first; the newest of them where there are too many to show.
    pub events: Vec<FeedEvent>,
    /// The archives that tell more of it, and are not there.
    pub missing: Vec<String>,
    /// Facts before these that are not shown.
    pub earlier: usize,
}

/// Facts about an order, the newest so many.
pub(super) fn of_order(conn: &Connection, order: &str, limit: usize) -> Result<OrderHistory, LedgerError> {
    let sqlite = || LedgerError::sqlite("can't read the feed");
    let mut history = OrderHistory::default();
    // one view of both: what is archived meanwhile must not be missing here and there
    conn.execute_batch("BEGIN").map_err(sqlite())?;
    let gathered = gather(conn, order, limit, &mut history);
    conn.execute_batch("COMMIT").map_err(sqlite())?;
    gathered.map(|()| history)
}

fn gather(conn: &Connection, order: &str, limit: usize, history: &mut OrderHistory) -> Result<(), LedgerError> {
    let sqlite = || LedgerError::sqlite("can't read the feed");
    let mut opened = None;
    if archived::cut(conn)?.feed > 0 {
        let (told_before, missing) = archived::of_order(conn, order, limit)?;
        history.missing = missing;
        for (Place(place, part, kind, order), line) in told_before {
            let row = Entry { place, part, kind, order, record: line.seq };
            history.events.push(told(&row, &line.body, &mut opened)?);
        }
    }
    let sql = "SELECT count(*) FROM outbox WHERE order_id = ?1";
    let count = conn.prepare_cached(sql).and_then(|mut count| count.query_row([order], |row| row.get::<_, i64>(0)));
    let count = usize::try_from(count.map_err(sqlite())?).unwrap_or(0);
    let sql = format!("{COLUMNS} WHERE o.order_id = ?1 ORDER BY o.seq LIMIT ?2 OFFSET ?3");
    let mut statement = conn.prepare_cached(&sql).map_err(sqlite())?;
    let skipped = count.saturating_sub(limit);
    let mut rows = statement.query((order, limit as i64, skipped as i64)).map_err(sqlite())?;
    while let Some(row) = rows.next().map_err(sqlite())? {
        history.events.push(read(row, &mut opened)?);
    }
    let surplus = history.events.len().saturating_sub(limit);
    history.events.drain(..surplus);
    history.earlier = skipped + surplus;
    Ok(())
}

/// A row of the feed without its record's text.
struct Entry {
    place: u64,
    part: i64,
    kind: String,
    order: Option<String>,
    record: u64,
}

/// A record as it was written. It is not read into its types: the feed only hands on what stands there, and a target that
/// was away for days wants it fast.
struct Opened {
    seq: u64,
    by: String,
    at: Timestamp,
    whence: Vec<(&'static str, Value)>,
    events: Vec<Value>,
    verdict: Value,
}

impl Opened {
    fn new(seq: u64, body: &[u8]) -> Result<Opened, serde_json::Error> {
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
    let number = |column| row.get::<_, i64>(column).map(i64::cast_unsigned);
    let entry = || -> rusqlite::Result<Entry> {
        let (place, part, kind, order) = (number(0)?, row.get(1)?, row.get(2)?, row.get(3)?);
        Ok(Entry { place, part, kind, order, record: number(5)? })
    };
    let entry = entry().map_err(sqlite())?;
    let body = row.get_ref(4).map_err(sqlite())?.as_blob().map_err(|error| sqlite()(error.into()))?;
    told(&entry, body, opened)
}

/// An entry as it is told, with its record's text.
fn told(entry: &Entry, body: &[u8], opened: &mut Option<Opened>) -> Result<FeedEvent, LedgerError> {
    let (seq, place) = (entry.place, entry.record);
    let record = match opened {
        Some(record) if record.seq == place => record,
        stale => {
            let document = |source| LedgerError::Document { what: format!("event {seq} can't be read"), source };
            stale.insert(Opened::new(place, body).map_err(document)?)
        }
    };
    let mut data = match usize::try_from(entry.part) {
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
        if entry.part < 0 {
            fields.insert("seq".into(), place.into());
        }
    }
    Ok(FeedEvent {
        id: format!("{}-{seq}", record.by),
        by: record.by.clone(),
        seq,
        time: record.at,
        kind: entry.kind.clone(),
        order: entry.order.as_deref().and_then(|order| OrderId::new(order).ok()),
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
