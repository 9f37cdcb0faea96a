//! What the disk and SQLite can do at best with the rows that a scan writes, for comparison in benchmarks: no decision,
//! no chain, no anchor, no network.

use std::path::Path;
use std::time::{Duration, Instant};

use rusqlite::params;

use super::{LedgerError, schema};

/// Bytes of a typical record, order and station document.
const RECORD: usize = 700;
const ORDER: usize = 1_500;
const STATION: usize = 1_500;

/// The bare commit of a scan's rows.
pub struct BareCommit;

impl BareCommit {
    /// Commits the rows of `group` scans at a time for a while; answers scans a second.
    ///
    /// # Errors
    /// The database can't be written.
    pub fn measure(path: &Path, group: usize, span: Duration) -> Result<f64, LedgerError> {
        let conn = schema::open_writer(path)?;
        let sqlite = || LedgerError::sqlite("can't measure the bare commit");
        let (mut scans, began) = (0_i64, Instant::now());
        while began.elapsed() < span {
            conn.execute_batch("BEGIN IMMEDIATE").map_err(sqlite())?;
            for station in 0..group as i64 {
                scans += 1;
                let record = vec![b'r'; RECORD];
                let insert = |sql| conn.prepare_cached(sql).map_err(sqlite());
                insert("INSERT INTO ledger (seq, body, hash) VALUES (?1, ?2, ?3)")?
                    .execute(params![scans, record, [0_u8; 32]])
                    .map_err(sqlite())?;
                insert("INSERT INTO scans (scan_id, seq) VALUES (?1, ?2)")?
                    .execute(params![format!("127.0.0.1:40000-{scans}"), scans])
                    .map_err(sqlite())?;
                insert("INSERT INTO outbox (record, part, type, order_id) VALUES (?1, 0, 'verified', ?2)")?
                    .execute(params![scans, format!("SO-{station}")])
                    .map_err(sqlite())?;
                let order = "INSERT INTO orders (number, id, doc) VALUES (?1, ?2, ?3) ON CONFLICT (number) DO UPDATE SET doc = ?3";
                insert(order)?
                    .execute(params![station + 1, format!("SO-{station}"), vec![b'o'; ORDER]])
                    .map_err(sqlite())?;
                let of_station =
                    "INSERT INTO stations (id, doc) VALUES (?1, ?2) ON CONFLICT (id) DO UPDATE SET doc = ?2";
                insert(of_station)?.execute(params![format!("s{station}"), vec![b's'; STATION]]).map_err(sqlite())?;
            }
            conn.execute_batch("COMMIT").map_err(sqlite())?;
        }
        Ok(scans as f64 / began.elapsed().as_secs_f64())
    }
}
