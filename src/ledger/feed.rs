//! The feed: what the world outside is told, in order, each fact under an id that never changes.
//!
//! A fact is cut out of its record as it was written: nothing of it is read into types and written again, because a target
//! that was away for days wants it fast.

use std::borrow::Cow;
use std::fmt;

use jiff::Timestamp;
use rusqlite::{Connection, Row};
use serde::Deserialize;
use serde::de::{Error as _, MapAccess, Visitor};
use serde_json::Value;
use serde_json::value::RawValue;

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

/// One fact of the feed, as text.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FeedText {
    /// The box that recorded it.
    pub by: String,
    /// Its place in the feed.
    pub seq: u64,
    /// When it was recorded.
    pub time: Timestamp,
    /// What it is.
    pub kind: String,
    /// The order that it is about.
    pub order: Option<String>,
    /// All of it, as JSON: the fact's own fields, and who, where, with what.
    pub data: String,
}

impl FeedText {
    /// Its id: box and sequence.
    #[must_use]
    pub fn id(&self) -> String {
        format!("{}-{}", self.by, self.seq)
    }

    fn read(self) -> Result<FeedEvent, LedgerError> {
        let unreadable = |source| LedgerError::Document { what: format!("event {} can't be read", self.seq), source };
        Ok(FeedEvent {
            data: serde_json::from_str(&self.data).map_err(unreadable)?,
            id: self.id(),
            by: self.by,
            seq: self.seq,
            time: self.time,
            kind: self.kind,
            order: self.order.and_then(|order| OrderId::new(&order).ok()),
        })
    }
}

/// Which facts are read.
#[derive(Clone, Copy, Debug)]
pub struct Span {
    /// Only facts after this place.
    pub after: u64,
    /// Only facts up to this place.
    pub through: u64,
    /// So many facts at most.
    pub limit: usize,
    /// Facts until their records have so many bytes; at least one where there is one.
    pub bytes: usize,
}

const COLUMNS: &str =
    "SELECT o.seq, o.part, o.type, o.order_id, l.body, o.record FROM outbox o JOIN ledger l ON l.seq = o.record";

/// Facts after a cursor.
pub(super) fn after(conn: &Connection, cursor: u64, limit: usize) -> Result<Vec<FeedEvent>, LedgerError> {
    let span = Span { after: cursor, through: u64::MAX, limit, bytes: usize::MAX };
    within(conn, span)?.into_iter().map(FeedText::read).collect()
}

/// Facts of a span, oldest first. What left the database is read from its archive.
pub(super) fn within(conn: &Connection, mut span: Span) -> Result<Vec<FeedText>, LedgerError> {
    let (mut events, mut opened) = (Vec::new(), Whole::default());
    while span.after < span.through {
        let mut here = rows(conn, span, None)?;
        // places have no gaps: what does not follow the cursor may have left the database, even just now
        let follows = here.first().is_some_and(|first| first.seq == span.after + 1);
        if follows || archived::cut(conn)?.feed <= span.after {
            events.append(&mut here);
            break;
        }
        let begin = events.len();
        'block: for line in archived::after_place(conn, span.after)? {
            span.bytes = span.bytes.saturating_sub(line.body.len());
            for Place(seq, part, kind, order) in line.feed.into_iter().filter(|place| place.0 > span.after) {
                if span.limit == 0 || seq > span.through {
                    break 'block;
                }
                let entry = Entry { seq, part, kind, order, record: line.seq };
                events.push(opened.part(entry, &line.body)?);
                span.limit -= 1;
            }
        }
        let Some(last) = events.get(begin..).and_then(<[FeedText]>::last) else {
            let what = format!("the archives don't tell what comes after place {} of the feed", span.after);
            return Err(LedgerError::Damaged { what });
        };
        span.after = last.seq;
        if span.limit == 0 || span.bytes == 0 {
            break;
        }
    }
    Ok(events)
}

/// Facts of the database in a span, oldest first; those about one order, where one is named.
pub(super) fn rows(conn: &Connection, span: Span, order: Option<&str>) -> Result<Vec<FeedText>, LedgerError> {
    let sqlite = || LedgerError::sqlite("can't read the feed");
    let through = i64::try_from(span.through).unwrap_or(i64::MAX);
    let places = (span.after.cast_signed(), through, span.limit as i64);
    let whose = if order.is_some() { " AND o.order_id = ?4" } else { "" };
    let sql = format!("{COLUMNS} WHERE o.seq > ?1 AND o.seq <= ?2{whose} ORDER BY o.seq LIMIT ?3");
    let mut statement = conn.prepare_cached(&sql).map_err(sqlite())?;
    let mut rows = match order {
        Some(order) => statement.query((places.0, places.1, places.2, order)),
        None => statement.query(places),
    }
    .map_err(sqlite())?;
    let (mut events, mut read_so_far, mut opened) = (Vec::new(), 0, Whole::default());
    while let Some(row) = rows.next().map_err(sqlite())? {
        let (event, length) = read(row, &mut opened)?;
        events.push(event);
        read_so_far += length;
        if read_so_far >= span.bytes {
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
    let mut opened = Whole::default();
    if archived::cut(conn)?.feed > 0 {
        let (told_before, missing) = archived::of_order(conn, order, limit)?;
        history.missing = missing;
        for (Place(seq, part, kind, order), line) in told_before {
            let entry = Entry { seq, part, kind, order, record: line.seq };
            history.events.push(opened.part(entry, &line.body)?.read()?);
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
        history.events.push(read(row, &mut opened)?.0.read()?);
    }
    let surplus = history.events.len().saturating_sub(limit);
    history.events.drain(..surplus);
    history.earlier = skipped + surplus;
    Ok(())
}

/// How many facts about an order stand after a place, up to another.
pub(super) fn count_of(conn: &Connection, order: &str, after: u64, through: u64) -> Result<u64, LedgerError> {
    let sql = "SELECT count(*) FROM outbox WHERE order_id = ?1 AND seq > ?2 AND seq <= ?3";
    let places = (order, after.cast_signed(), i64::try_from(through).unwrap_or(i64::MAX));
    let counted = conn.prepare_cached(sql).and_then(|mut statement| statement.query_row(places, |row| row.get(0)));
    counted.map(i64::cast_unsigned).map_err(LedgerError::sqlite("can't read the feed"))
}

/// The members of a JSON object as they stand in its text.
#[derive(Default)]
struct Members<'r>(Vec<(Cow<'r, str>, &'r RawValue)>);

#[derive(Deserialize)]
struct Name<'r>(#[serde(borrow)] Cow<'r, str>);

impl<'de: 'r, 'r> Deserialize<'de> for Members<'r> {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Fields;
        impl<'de> Visitor<'de> for Fields {
            type Value = Members<'de>;
            fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
                formatter.write_str("an object")
            }
            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Members<'de>, A::Error> {
                let mut members = Vec::with_capacity(FIELDS);
                while let Some((Name(name), value)) = map.next_entry()? {
                    members.push((name, value));
                }
                Ok(Members(members))
            }
        }
        deserializer.deserialize_map(Fields)
    }
}

/// Fields that most facts have at most.
const FIELDS: usize = 8;

impl<'r> Members<'r> {
    fn get(&self, name: &str) -> Option<&'r str> {
        self.0.iter().find(|(known, _)| known == name).map(|(_, value)| value.get())
    }
}

/// A record as it was written.
#[derive(Deserialize)]
struct Stored<'r> {
    #[serde(rename = "box", borrow)]
    by: Cow<'r, str>,
    #[serde(borrow)]
    at: At<'r>,
    #[serde(borrow)]
    cause: Members<'r>,
    #[serde(borrow, default)]
    verdict: Option<Members<'r>>,
    #[serde(borrow, default)]
    events: Vec<Members<'r>>,
}

#[derive(Deserialize)]
struct At<'r> {
    #[serde(borrow)]
    wall: Cow<'r, str>,
}

/// The facts of one record, made ready for the rows that point to them.
#[derive(Default)]
struct Whole {
    seq: u64,
    by: String,
    at: Timestamp,
    events: Vec<String>,
    verdict: String,
}

impl Whole {
    fn new(seq: u64, body: &[u8]) -> Result<Whole, serde_json::Error> {
        let text = std::str::from_utf8(body).map_err(serde_json::Error::custom)?;
        let record: Stored<'_> = serde_json::from_str(text)?;
        let at = record.at.wall.parse().map_err(serde_json::Error::custom)?;
        let whence = whence(&record.cause);
        let told = |fact: &Members<'_>, seq: Option<u64>| told(fact, &whence, seq);
        Ok(Whole {
            seq,
            by: record.by.into_owned(),
            at,
            events: record.events.iter().map(|event| told(event, None)).collect::<Result<_, _>>()?,
            verdict: record.verdict.as_ref().map_or(Ok(NOTHING.into()), |verdict| told(verdict, Some(seq)))?,
        })
    }
}

/// What stands where a record has no such part.
const NOTHING: &str = "null";

/// A row of the feed without its record's text.
struct Entry {
    seq: u64,
    part: i64,
    kind: String,
    order: Option<String>,
    record: u64,
}

impl Whole {
    /// An entry with its text out of its record, which is the one of the entry before as often as not.
    fn part(&mut self, entry: Entry, body: &[u8]) -> Result<FeedText, LedgerError> {
        let Entry { seq, part, kind, order, record } = entry;
        if self.seq != record {
            let document = |source| LedgerError::Document { what: format!("event {seq} can't be read"), source };
            *self = Whole::new(record, body).map_err(document)?;
        }
        let data = match usize::try_from(part) {
            Ok(part) => self.events.get_mut(part).map(std::mem::take).filter(|text| !text.is_empty()),
            Err(_) => Some(self.verdict.clone()),
        };
        let data = data.unwrap_or_else(|| NOTHING.into());
        Ok(FeedText { by: self.by.clone(), seq, time: self.at, kind, order, data })
    }
}

/// Reads a row; answers how many bytes its record has, too. `opened` is the record of the row before.
fn read(row: &Row<'_>, opened: &mut Whole) -> Result<(FeedText, usize), LedgerError> {
    let sqlite = || LedgerError::sqlite("can't read the feed");
    let number = |column| row.get::<_, i64>(column).map(i64::cast_unsigned);
    let entry = || -> rusqlite::Result<Entry> {
        let (seq, part, kind, order) = (number(0)?, row.get(1)?, row.get(2)?, row.get(3)?);
        Ok(Entry { seq, part, kind, order, record: number(5)? })
    };
    let entry = entry().map_err(sqlite())?;
    let body = row.get_ref(4).and_then(|body| Ok(body.as_blob()?)).map_err(sqlite())?;
    Ok((opened.part(entry, body)?, body.len()))
}

/// What is told of a fact: its own fields, and who, where, with what. `seq`: the record of a refusal.
fn told(fact: &Members<'_>, whence: &[(&str, &str)], seq: Option<u64>) -> Result<String, serde_json::Error> {
    let length: usize = fact.0.iter().map(|(name, value)| name.len() + value.get().len() + 4).sum();
    let around: usize = whence.iter().map(|(name, value)| name.len() + value.len() + 4).sum();
    let mut text = String::with_capacity(length + around + 32);
    let mut put = |name: &str, value: &str| {
        text.push(if text.is_empty() { '{' } else { ',' });
        // names of fields are ours: nothing in them wants escaping
        text.extend(["\"", name, "\":", value]);
    };
    for (name, value) in &fact.0 {
        match &**name {
            "type" => {}
            "seq" if seq.is_some() => {}
            "operator" if value.get().starts_with('{') => put(name, &without_secrets(value.get())?),
            name => put(name, value.get()),
        }
    }
    for (name, value) in whence.iter().filter(|(name, _)| fact.get(name).is_none()) {
        put(name, value);
    }
    if let Some(seq) = seq {
        put("seq", &seq.to_string());
    }
    text.push_str(if text.is_empty() { "{}" } else { "}" });
    Ok(text)
}

/// An operator without badge and PIN.
fn without_secrets(operator: &str) -> Result<String, serde_json::Error> {
    let mut operator: Value = serde_json::from_str(operator)?;
    if let Some(fields) = operator.as_object_mut() {
        fields.retain(|name, _| name != "badge" && name != "pin");
    }
    Ok(operator.to_string())
}

/// Who, where, with what: names and JSON.
fn whence<'r>(cause: &Members<'r>) -> Vec<(&'static str, &'r str)> {
    let places: &[(&str, &str)] = match cause.get("cause") {
        Some("\"scan\"") => &[
            ("scan_id", "scan_id"),
            ("station", "station"),
            ("device", "device"),
            ("operator", "operator"),
            ("peer", "peer"),
        ],
        Some("\"upstream\"") => &[("call", "call"), ("peer", "peer")],
        Some("\"local\"") => &[("call", "what")],
        _ => &[("call", "call")],
    };
    places.iter().map(|(name, place)| (*name, cause.get(place).unwrap_or(NOTHING))).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn facts(record: &str) -> (Vec<Value>, Value) {
        let whole = Whole::new(7, record.as_bytes()).expect("a record");
        let value = |text: &String| serde_json::from_str(text).expect("JSON");
        (whole.events.iter().map(value).collect(), value(&whole.verdict))
    }

    #[test]
    fn a_fact_is_told_with_who_and_where_and_without_secrets() {
        let (events, verdict) = facts(
            r#"{"box":"b","at":{"wall":"2026-11-22T01:02:03Z","boot_ms":1,"boot":2},
                "cause":{"cause":"scan","scan_id":"x","station":"s","operator":"anna","raw":"QQ=="},
                "verdict":{"code":"wrong_lot","seq":null,"station":"own"},
                "events":[{"type":"order_held","order":"SO\"1","note":"a\u0007 \\ 箱","station":"t"},{"type":"empty"}]}"#,
        );
        let expected = serde_json::json!({"order": "SO\"1", "note": "a\u{7} \\ 箱", "station": "t", "scan_id": "x",
            "device": null, "operator": "anna", "peer": null});
        assert_eq!(events[0], expected);
        assert_eq!(events[1]["station"], "s");
        assert_eq!(
            (&verdict["seq"], &verdict["station"], &verdict["scan_id"]),
            (&7.into(), &"own".into(), &"x".into())
        );

        let (events, verdict) = facts(
            r#"{"box":"b","at":{"wall":"2026-11-22T01:02:03Z"},"cause":{"cause":"local","what":"tidying"},
                "events":[{"type":"operator_put","operator":{"id":"anna","badge":"secret","pin":null}}]}"#,
        );
        assert_eq!(events[0], serde_json::json!({"operator": {"id": "anna"}, "call": "tidying"}));
        assert_eq!(verdict, Value::Null);
    }

    #[test]
    fn a_record_that_is_none_is_an_error() {
        for broken in ["", "{}", r#"{"box":"b","at":{"wall":"noon"},"cause":{}}"#, "\u{0}"] {
            assert!(Whole::new(1, broken.as_bytes()).is_err(), "{broken}");
        }
        assert!(Whole::new(1, b"{\"box\":\"\xff\"}").is_err());
    }
}
