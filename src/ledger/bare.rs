//! What the disk and SQLite can do at best with the rows that a scan writes, for comparison in benchmarks: no decision,
//! no chain, no anchor, no network.

use std::path::Path;
use std::time::{Duration, Instant};

use rusqlite::{Connection, params};

use super::{LedgerError, schema};

/// The rows that a scan writes or changes.
pub struct ScanRows {
    record: Vec<u8>,
    scan: String,
    order: Vec<u8>,
    parcel: Vec<u8>,
    station: Vec<u8>,
}

impl ScanRows {
    /// The newest ones of a database.
    ///
    /// # Errors
    /// It can't be read, or nobody scanned yet.
    pub fn newest(database: &Path) -> Result<ScanRows, LedgerError> {
        let conn = schema::open_reader(database)?;
        let doc = |sql: &str| {
            let found = conn.query_row(sql, [], |row| row.get::<_, Vec<u8>>(0));
            found.map_err(LedgerError::sqlite("can't read the rows of a scan"))
        };
        Ok(ScanRows {
            record: doc("SELECT body FROM ledger ORDER BY seq DESC LIMIT 1")?,
            scan: conn
                .query_row("SELECT scan_id FROM scans ORDER BY seq DESC LIMIT 1", [], |row| row.get(0))
                .map_err(LedgerError::sqlite("can't read the id of a scan"))?,
            order: doc("SELECT doc FROM orders ORDER BY number DESC LIMIT 1")?,
            parcel: doc("SELECT doc FROM parcels ORDER BY number DESC LIMIT 1")?,
            station: doc("SELECT doc FROM stations ORDER BY rowid DESC LIMIT 1")?,
        })
    }

    /// Commits them for `group` stations at a time, for a while, into a database that may have such rows already;
    /// answers scans a second.
    ///
    /// # Errors
    /// The database can't be written.
    pub fn commit(&self, path: &Path, group: usize, span: Duration) -> Result<f64, LedgerError> {
        let conn = schema::open_writer(path)?;
        let sqlite = || LedgerError::sqlite("can't measure the bare commit");
        let sql = "SELECT coalesce(max(seq), 0) FROM ledger";
        let before: i64 = conn.query_row(sql, [], |row| row.get(0)).map_err(sqlite())?;
        let (mut seq, began) = (before, Instant::now());
        while began.elapsed() < span {
            conn.execute_batch("BEGIN IMMEDIATE").map_err(sqlite())?;
            for station in 0..group as i64 {
                seq += 1;
                self.write(&conn, station, seq).map_err(sqlite())?;
            }
            conn.execute_batch("COMMIT").map_err(sqlite())?;
        }
        Ok((seq - before) as f64 / began.elapsed().as_secs_f64())
    }

    fn write(&self, conn: &Connection, station: i64, seq: i64) -> rusqlite::Result<()> {
        // each station has ids of its own, as long as the real ones
        let scan = format!("{station:02}{}-{seq}", self.scan.get(2..36).unwrap_or(&self.scan));
        let order = format!("ENDLESS-{station}");
        conn.prepare_cached("INSERT INTO ledger (seq, body, hash) VALUES (?1, ?2, ?3)")?
            .execute(params![seq, self.record, [0_u8; 32]])?;
        conn.prepare_cached("INSERT INTO scans (scan_id, seq) VALUES (?1, ?2)")?.execute(params![scan, seq])?;
        conn.prepare_cached("INSERT INTO outbox (record, part, type, order_id) VALUES (?1, 0, 'verified', ?2)")?
            .execute(params![seq, order])?;
        let sql = "INSERT INTO orders (number, id, doc) VALUES (?1, ?2, ?3) ON CONFLICT (number) DO UPDATE SET doc = ?3";
        conn.prepare_cached(sql)?.execute(params![station + 1, order, self.order])?;
        let sql = "INSERT INTO parcels (number, id, doc) VALUES (?1, ?2, ?3) ON CONFLICT (number) DO UPDATE SET doc = ?3";
        conn.prepare_cached(sql)?.execute(params![station + 1, format!("B{station}"), self.parcel])?;
        let sql = "INSERT INTO stations (id, doc) VALUES (?1, ?2) ON CONFLICT (id) DO UPDATE SET doc = ?2";
        conn.prepare_cached(sql)?.execute(params![format!("s{station}"), self.station])?;
        Ok(())
    }
}
