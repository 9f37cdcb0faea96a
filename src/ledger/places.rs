//! Proving the feed: its places, read beside the records into which they point.

use rusqlite::{Connection, OptionalExtension as _};

use super::LedgerError;
use super::record::Record;
use super::transaction::public_parts;
use super::verify::Report;

/// A place of the feed.
struct Place {
    seq: i64,
    record: u64,
    part: i64,
    kind: String,
    order: Option<String>,
}

/// The places that were not yet compared.
pub(super) struct Places<'c> {
    conn: &'c Connection,
    ahead: Option<Place>,
    /// The place that was compared last.
    last: u64,
}

impl<'c> Places<'c> {
    /// Of a database whose feed begins behind a place.
    pub(super) fn behind(conn: &'c Connection, last: u64) -> Result<Self, LedgerError> {
        let ahead = after(conn, i64::MIN)?;
        Ok(Places { conn, ahead, last })
    }

    /// Takes the next place, if it points into a record up to this one.
    fn take(&mut self, through: u64, report: &mut Report) -> Result<Option<Place>, LedgerError> {
        let Some(place) = self.ahead.take_if(|place| place.record <= through) else { return Ok(None) };
        if place.seq.cast_unsigned() != self.last + 1 {
            let what = format!("place {} of the feed does not follow place {}", place.seq, self.last);
            report.add(Some(place.record), what);
        }
        self.last = place.seq.cast_unsigned();
        self.ahead = after(self.conn, place.seq)?;
        Ok(Some(place))
    }

    /// Says of the places up to a record that no fact is theirs.
    fn refuse(&mut self, through: u64, report: &mut Report) -> Result<(), LedgerError> {
        while let Some(place) = self.take(through, report)? {
            let what = format!("place {} of the feed tells of a fact that it does not have", place.seq);
            report.add(Some(place.record), what);
        }
        Ok(())
    }

    /// Compares what is told of a record with what it says.
    pub(super) fn compare(&mut self, seq: u64, record: &Record, report: &mut Report) -> Result<(), LedgerError> {
        self.refuse(seq.saturating_sub(1), report)?;
        for (part, kind, order) in public_parts(record) {
            match self.take(seq, report)? {
                None => report.add(Some(seq), format!("the feed does not tell of its fact {kind}")),
                Some(told) => {
                    let order = order.map(|order| order.as_str());
                    if (told.part, told.kind.as_str(), told.order.as_deref()) != (part, kind, order) {
                        let what = format!("place {} of the feed tells otherwise of its fact {kind}", told.seq);
                        report.add(Some(seq), what);
                    }
                }
            }
        }
        self.refuse(seq, report)
    }

    /// Passes the places of records that can't be read.
    pub(super) fn pass(&mut self, through: u64, report: &mut Report) -> Result<(), LedgerError> {
        while self.take(through, report)?.is_some() {}
        Ok(())
    }

    /// Behind the last record nothing is told.
    pub(super) fn finish(mut self, report: &mut Report) -> Result<(), LedgerError> {
        self.refuse(u64::MAX, report)
    }
}

fn after(conn: &Connection, seq: i64) -> Result<Option<Place>, LedgerError> {
    let sql = "SELECT seq, record, part, type, order_id FROM outbox WHERE seq > ?1 ORDER BY seq LIMIT 1";
    let read = |row: &rusqlite::Row<'_>| {
        let record = row.get::<_, i64>(1)?.cast_unsigned();
        Ok(Place { seq: row.get(0)?, record, part: row.get(2)?, kind: row.get(3)?, order: row.get(4)? })
    };
    let found = conn.prepare_cached(sql).and_then(|mut statement| statement.query_row([seq], read).optional());
    found.map_err(LedgerError::sqlite("can't compare the feed"))
}
