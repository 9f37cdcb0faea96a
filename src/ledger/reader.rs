//! Reading beside the writer: the state at one instant, the feed, an order's story, search.

use std::path::PathBuf;
use std::sync::{Arc, Mutex};

use rusqlite::{Connection, OptionalExtension};

use super::feed::{self, FeedEvent, FeedText, OrderHistory, Span};
use super::tables::ReadTransaction;
use super::{Folder, LedgerError, archived, schema};
use crate::domain::ids::OrderId;
use crate::domain::rules::recall::StopList;
use crate::domain::work::{Operator, Waybill};

/// Readers that are kept open; each page or call takes one for a moment.
const KEPT_MAX: usize = 4;

/// Reads the ledger; cheap to clone.
#[derive(Clone)]
pub struct Reader {
    folder: Folder,
    path: PathBuf,
    idle: Arc<Mutex<Vec<Connection>>>,
}

/// How much there is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, serde::Serialize)]
pub struct Stats {
    /// Records, archived ones too.
    pub records: u64,
    /// Those that are in archives only.
    pub archived: u64,
    /// Archives that are there.
    pub archives: u64,
    /// Their bytes.
    pub archive_bytes: u64,
    /// Facts in the feed, archived ones too.
    pub events: u64,
    /// Products.
    pub products: u64,
    /// Orders.
    pub orders: u64,
    /// Pick lists.
    pub pick_lists: u64,
    /// Parcels.
    pub parcels: u64,
    /// Waybills.
    pub waybills: u64,
    /// Bytes of the database.
    pub bytes: u64,
    /// Those of them that are free for what comes next.
    pub free_bytes: u64,
}

/// Facts of one order that are shown: more than nearly any order has, and what a page can bear. Of more, the newest.
const HISTORY_MAX: usize = 2_000;

impl Reader {
    /// A reader of a folder's ledger; the database must be there.
    ///
    /// # Errors
    /// The database can't be opened.
    pub fn open(folder: &Folder) -> Result<Reader, LedgerError> {
        let path = folder.database();
        let first = schema::open_reader(&path)?;
        Ok(Reader { folder: folder.clone(), path, idle: Arc::new(Mutex::new(vec![first])) })
    }

    pub(super) fn folder(&self) -> &Folder {
        &self.folder
    }

    pub(super) fn with<T>(&self, work: impl FnOnce(&Connection) -> Result<T, LedgerError>) -> Result<T, LedgerError> {
        let idle = self.idle.lock().map(|mut idle| idle.pop()).unwrap_or_default();
        let conn = idle.map_or_else(|| schema::open_reader(&self.path), Ok)?;
        let done = work(&conn)?;
        if let Ok(mut idle) = self.idle.lock()
            && idle.len() < KEPT_MAX
        {
            idle.push(conn);
        }
        Ok(done)
    }

    /// Looks at the warehouse as it stands at one instant.
    ///
    /// # Errors
    /// A table can't be read.
    pub fn look<T>(&self, work: impl FnOnce(&ReadTransaction<'_>) -> T) -> Result<T, LedgerError> {
        self.with(|conn| {
            conn.execute_batch("BEGIN").map_err(LedgerError::sqlite("can't begin to read"))?;
            let transaction = ReadTransaction::new(conn);
            let done = work(&transaction);
            let read = transaction.finish();
            conn.execute_batch("COMMIT").map_err(LedgerError::sqlite("can't end reading"))?;
            read.map(|()| done)
        })
    }

    /// Facts after a cursor, oldest first.
    ///
    /// # Errors
    /// The feed can't be read.
    pub fn events_after(&self, cursor: u64, limit: usize) -> Result<Vec<FeedEvent>, LedgerError> {
        self.with(|conn| feed::after(conn, cursor, limit))
    }

    /// Facts of a span, oldest first, as text.
    ///
    /// # Errors
    /// The feed can't be read.
    pub fn texts(&self, span: Span) -> Result<Vec<FeedText>, LedgerError> {
        self.with(|conn| feed::within(conn, span))
    }

    /// Facts about an order in a span, oldest first, as text: of those that the database still has.
    ///
    /// # Errors
    /// The feed can't be read.
    pub fn texts_of_order(&self, span: Span, order: &str) -> Result<Vec<FeedText>, LedgerError> {
        self.with(|conn| feed::rows(conn, span, Some(order)))
    }

    /// How many facts about an order stand after a place, up to another.
    ///
    /// # Errors
    /// The feed can't be read.
    pub fn count_of_order(&self, order: &str, after: u64, through: u64) -> Result<u64, LedgerError> {
        self.with(|conn| feed::count_of(conn, order, after, through))
    }

    /// An order's story: every fact, refusals too, also those that were archived.
    ///
    /// # Errors
    /// The feed or an archive can't be read.
    pub fn order_history(&self, order: &str) -> Result<OrderHistory, LedgerError> {
        self.with(|conn| feed::of_order(conn, order, HISTORY_MAX))
    }

    /// The last record; 0 where there is none.
    ///
    /// # Errors
    /// The ledger can't be read.
    pub fn last_record(&self) -> Result<u64, LedgerError> {
        self.with(|conn| super::writer::read_head(conn).map(|head| head.seq))
    }

    /// The last place of the feed.
    ///
    /// # Errors
    /// The feed can't be read.
    pub fn last_event(&self) -> Result<u64, LedgerError> {
        self.with(|conn| {
            let last: Option<i64> = conn
                .query_row("SELECT max(seq) FROM outbox", [], |row| row.get(0))
                .map_err(LedgerError::sqlite("can't read the feed"))?;
            Ok(last.unwrap_or(0).cast_unsigned())
        })
    }

    /// The place after which the whole feed can be read: 0, unless archives were removed or are not there.
    ///
    /// # Errors
    /// The tables can't be read.
    pub fn feed_begins(&self) -> Result<u64, LedgerError> {
        self.with(archived::feed_begins)
    }

    /// The file with a hash, if it is kept.
    ///
    /// # Errors
    /// The table can't be read.
    pub fn file(&self, sha256: &str) -> Result<Option<Vec<u8>>, LedgerError> {
        self.with(|conn| {
            conn.query_row("SELECT bytes FROM files WHERE sha256 = ?1", [sha256], |row| row.get(0))
                .optional()
                .map_err(LedgerError::sqlite("can't read the files"))
        })
    }

    /// The record of a scan, if there is one.
    ///
    /// # Errors
    /// The table can't be read.
    pub fn scan_seq(&self, scan: &str) -> Result<Option<u64>, LedgerError> {
        self.with(|conn| {
            let seq = conn
                .query_row("SELECT seq FROM scans WHERE scan_id = ?1", [scan], |row| row.get::<_, i64>(0))
                .optional();
            seq.map(|seq| seq.map(i64::cast_unsigned)).map_err(LedgerError::sqlite("can't read the scans"))
        })
    }

    /// Ids of orders with a telephone number, where the text can be one, or with a serial on them.
    ///
    /// # Errors
    /// A table can't be read.
    pub fn orders_by(&self, phone_or_serial: &str, limit: usize) -> Result<Vec<(&'static str, String)>, LedgerError> {
        self.with(|conn| {
            let sqlite = || LedgerError::sqlite("can't search");
            let digits = phone_digits(phone_or_serial);
            let sql = "SELECT 'phone', id FROM orders WHERE phone = ?1 UNION ALL SELECT 'serial', order_id FROM serials WHERE serial = ?2 LIMIT ?3";
            let mut statement = conn.prepare_cached(sql).map_err(sqlite())?;
            let rows = statement.query_map((digits, phone_or_serial, limit as i64), |row| {
                let kind = if row.get_ref(0)?.as_str()? == "phone" { "phone" } else { "serial" };
                Ok((kind, row.get(1)?))
            });
            rows.and_then(Iterator::collect).map_err(sqlite())
        })
    }

    /// The people who scan, by id.
    ///
    /// # Errors
    /// The table can't be read.
    pub fn operators(&self) -> Result<Vec<Operator>, LedgerError> {
        self.with(|conn| {
            let sqlite = || LedgerError::sqlite("can't list the operators");
            let mut statement = conn.prepare_cached("SELECT doc FROM operators ORDER BY id").map_err(sqlite())?;
            let rows = statement.query_map([], |row| row.get::<_, Vec<u8>>(0));
            let documents: Vec<Vec<u8>> = rows.and_then(Iterator::collect).map_err(sqlite())?;
            let unreadable = |source| LedgerError::Document { what: "an operator can't be read".into(), source };
            documents.iter().map(|document| serde_json::from_slice(document).map_err(unreadable)).collect()
        })
    }

    /// Orders of a carrier that wait for a waybill number, oldest first, after one with this short number; with their
    /// short numbers.
    ///
    /// # Errors
    /// The table can't be read.
    pub fn numberless(&self, carrier: &str, after: u32, limit: usize) -> Result<Vec<(u32, OrderId)>, LedgerError> {
        let sql = "SELECT number, order_id FROM numberless WHERE carrier = ?1 AND number > ?2 ORDER BY number LIMIT ?3";
        self.with(|conn| {
            let sqlite = || LedgerError::sqlite("can't list the orders without a number");
            let mut statement = conn.prepare_cached(sql).map_err(sqlite())?;
            let rows = statement.query_map((carrier, after, limit as i64), |row| {
                Ok((row.get(0)?, super::tables::id_of(row, 1, OrderId::new)?))
            });
            rows.and_then(Iterator::collect).map_err(sqlite())
        })
    }

    /// Orders that no channel gave a waybill number, oldest first, and how many there are.
    ///
    /// # Errors
    /// The table can't be read.
    pub fn pending_numbers(&self, limit: usize) -> Result<(Vec<OrderId>, u64), LedgerError> {
        self.with(|conn| {
            let sqlite = || LedgerError::sqlite("can't list the orders without a number");
            let sql = "SELECT order_id FROM numberless WHERE pending ORDER BY number LIMIT ?1";
            let mut statement = conn.prepare_cached(sql).map_err(sqlite())?;
            let rows = statement.query_map([limit as i64], |row| super::tables::id_of(row, 0, OrderId::new));
            let orders: Vec<OrderId> = rows.and_then(Iterator::collect).map_err(sqlite())?;
            let count: i64 = conn
                .query_row("SELECT count(*) FROM numberless WHERE pending", [], |row| row.get(0))
                .map_err(sqlite())?;
            Ok((orders, count.cast_unsigned()))
        })
    }

    /// Ids of the orders that came last, or of other things of a table, newest first.
    ///
    /// # Errors
    /// A table can't be read.
    pub fn newest_orders(&self, limit: usize) -> Result<Vec<String>, LedgerError> {
        self.with(|conn| {
            let sqlite = || LedgerError::sqlite("can't list orders");
            let mut statement =
                conn.prepare_cached("SELECT id FROM orders ORDER BY number DESC LIMIT ?1").map_err(sqlite())?;
            let rows = statement.query_map([limit as i64], |row| row.get(0));
            rows.and_then(Iterator::collect).map_err(sqlite())
        })
    }

    /// Ids of the orders that a person should look at, oldest first.
    ///
    /// # Errors
    /// A table can't be read.
    pub fn orders_wanting_attention(&self, limit: usize) -> Result<Vec<String>, LedgerError> {
        let sql = "SELECT id FROM orders WHERE attention IS NOT NULL ORDER BY number LIMIT ?1";
        self.with(|conn| ids(conn, sql, [limit as i64]))
    }

    /// Ids of the orders that have goods of a product, or want some, newest first. The documents are searched: a recall is
    /// rare, and no scan pays for an index of it.
    ///
    /// # Errors
    /// A table can't be read.
    pub fn orders_with_goods(&self, sku: &str, limit: usize) -> Result<Vec<String>, LedgerError> {
        let quoted = serde_json::Value::from(sku).to_string();
        let sql = "SELECT id FROM orders WHERE instr(doc, CAST(?1 AS BLOB)) > 0 ORDER BY number DESC LIMIT ?2";
        self.with(|conn| ids(conn, sql, (quoted, limit as i64)))
    }

    /// Void waybills whose numbers go back to their carriers, by number.
    ///
    /// # Errors
    /// The table can't be read.
    pub fn waybills_to_return(&self, limit: usize) -> Result<Vec<Waybill>, LedgerError> {
        let sql = "SELECT doc FROM waybills WHERE to_return IS NOT NULL ORDER BY id LIMIT ?1";
        self.with(|conn| documents(conn, sql, [limit as i64]))
    }

    /// Every stop-list, lifted ones last.
    ///
    /// # Errors
    /// The table can't be read.
    pub fn stop_lists(&self) -> Result<Vec<StopList>, LedgerError> {
        self.with(|conn| documents(conn, "SELECT doc FROM stop_lists ORDER BY stops IS NULL, id", []))
    }

    /// Ids of orders after an id, in their order.
    ///
    /// # Errors
    /// The table can't be read.
    pub fn orders_after(&self, after: &str, limit: usize) -> Result<Vec<String>, LedgerError> {
        self.with(|conn| {
            let sqlite = || LedgerError::sqlite("can't list orders");
            let sql = "SELECT id FROM orders WHERE id > ?1 ORDER BY id LIMIT ?2";
            let mut statement = conn.prepare_cached(sql).map_err(sqlite())?;
            let rows = statement.query_map((after, limit as i64), |row| row.get(0));
            rows.and_then(Iterator::collect).map_err(sqlite())
        })
    }

    /// How much there is.
    ///
    /// # Errors
    /// A table can't be read.
    pub fn stats(&self) -> Result<Stats, LedgerError> {
        self.with(|conn| {
            let count = |sql: &str| -> Result<u64, LedgerError> {
                let count: i64 =
                    conn.query_row(sql, [], |row| row.get(0)).map_err(LedgerError::sqlite("can't count"))?;
                Ok(count.cast_unsigned())
            };
            let kept: Vec<_> = archived::all(conn)?.into_iter().filter(|archive| !archive.removed).collect();
            Ok(Stats {
                records: count("SELECT coalesce(max(seq), 0) FROM ledger")?,
                archived: archived::cut(conn)?.head.seq,
                archives: kept.len() as u64,
                archive_bytes: kept.iter().map(|archive| archive.bytes).sum(),
                events: count("SELECT coalesce(max(seq), 0) FROM outbox")?,
                products: count("SELECT count(*) FROM products")?,
                orders: count("SELECT count(*) FROM orders")?,
                pick_lists: count("SELECT count(*) FROM lists")?,
                parcels: count("SELECT count(*) FROM parcels")?,
                waybills: count("SELECT count(*) FROM waybills")?,
                bytes: count("SELECT page_count * page_size FROM pragma_page_count(), pragma_page_size()")?,
                free_bytes: count(
                    "SELECT freelist_count * page_size FROM pragma_freelist_count(), pragma_page_size()",
                )?,
            })
        })
    }
}

fn ids(conn: &Connection, sql: &str, params: impl rusqlite::Params) -> Result<Vec<String>, LedgerError> {
    let sqlite = || LedgerError::sqlite("can't list orders");
    let mut statement = conn.prepare_cached(sql).map_err(sqlite())?;
    statement.query_map(params, |row| row.get(0)).and_then(Iterator::collect).map_err(sqlite())
}

fn documents<T: serde::de::DeserializeOwned>(
    conn: &Connection,
    sql: &str,
    params: impl rusqlite::Params,
) -> Result<Vec<T>, LedgerError> {
    let sqlite = || LedgerError::sqlite("can't list documents");
    let mut statement = conn.prepare_cached(sql).map_err(sqlite())?;
    let rows = statement.query_map(params, |row| row.get::<_, Vec<u8>>(0));
    let documents: Vec<Vec<u8>> = rows.and_then(Iterator::collect).map_err(sqlite())?;
    let unreadable = |source| LedgerError::Document { what: "a document can't be read".into(), source };
    documents.iter().map(|document| serde_json::from_slice(document).map_err(unreadable)).collect()
}

/// Digits of the shortest telephone number that is searched for: service numbers have five.
const PHONE_DIGITS_MIN: usize = 5;

/// The digits of a text that can be a telephone number: nothing else than digits and what people write between them.
fn phone_digits(text: &str) -> Option<String> {
    let is_between = |character: char| matches!(character, '+' | '-' | ' ' | '(' | ')' | '（' | '）');
    let digits: String = text.chars().filter(char::is_ascii_digit).collect();
    let is_phone = text.chars().all(|character| character.is_ascii_digit() || is_between(character));
    (is_phone && digits.len() >= PHONE_DIGITS_MIN).then_some(digits)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_can_be_a_telephone_number_is_searched_as_one() {
        for (text, digits) in [
            ("13800138000", Some("13800138000")),
            ("+86 138-0013-8000", Some("8613800138000")),
            ("（010）6552 9988", Some("01065529988")),
            ("95338", Some("95338")),
            ("1", None),
            ("W1", None),
            ("B13800138000", None),
            ("", None),
        ] {
            assert_eq!(phone_digits(text).as_deref(), digits, "{text}");
        }
    }
}
