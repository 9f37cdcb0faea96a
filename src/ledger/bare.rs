//! What the disk and SQLite can do at best with the rows that a scan writes, for comparison in benchmarks: no decision,
//! no chain, no anchor, no network.

use std::path::Path;
use std::time::{Duration, Instant};

use rusqlite::{Connection, params};

use super::transaction::{PUT_PARCEL, UPDATE_ORDER, UPDATE_STATION};
use super::{Folder, LedgerError, schema};

/// The rows that a scan writes or changes.
pub struct ScanRows {
    record: Vec<u8>,
    /// The id of a scan up to the number that its client counts.
    client: String,
    order: Vec<u8>,
    parcel: Vec<u8>,
    station: Vec<u8>,
}

impl ScanRows {
    /// The newest ones of a service's ledger.
    ///
    /// # Errors
    /// It can't be read, or nobody scanned yet.
    pub fn newest(folder: &Folder) -> Result<ScanRows, LedgerError> {
        let conn = schema::open_reader(&folder.database())?;
        let doc = |sql: &str| {
            let found = conn.query_row(sql, [], |row| row.get::<_, Vec<u8>>(0));
            found.map_err(LedgerError::sqlite("can't read the rows of a scan"))
        };
        let scan: String = conn
            .query_row("SELECT scan_id FROM scans ORDER BY seq DESC LIMIT 1", [], |row| row.get(0))
            .map_err(LedgerError::sqlite("can't read the id of a scan"))?;
        Ok(ScanRows {
            record: doc("SELECT body FROM ledger ORDER BY seq DESC LIMIT 1")?,
            client: scan.split('-').next().unwrap_or_default().to_owned(),
            order: doc("SELECT doc FROM orders ORDER BY number DESC LIMIT 1")?,
            parcel: doc("SELECT doc FROM parcels ORDER BY number DESC LIMIT 1")?,
            station: doc("SELECT doc FROM stations ORDER BY rowid DESC LIMIT 1")?,
        })
    }
}

/// Commits the rows of scans and does nothing else.
pub struct BareCommits {
    conn: Connection,
    stations: u32,
    scans: i64,
}

impl BareCommits {
    /// Of so many stations, each with an order and a parcel of its own, in a new database.
    ///
    /// # Errors
    /// The database can't be written.
    pub fn new(path: &Path, stations: u32) -> Result<BareCommits, LedgerError> {
        let conn = schema::open_writer(path)?;
        let prepare = || -> rusqlite::Result<()> {
            for station in 0..stations {
                conn.execute(
                    "INSERT INTO orders (number, id, doc) VALUES (?1, ?2, x'')",
                    params![station, order(station)],
                )?;
                conn.execute("INSERT INTO stations (id, doc) VALUES (?1, x'')", [format!("s{station}")])?;
            }
            Ok(())
        };
        prepare().map_err(LedgerError::sqlite("can't prepare the bare commits"))?;
        Ok(BareCommits { conn, stations, scans: 0 })
    }

    /// Commits for a while, a scan of each station at a time; answers how many scans, and how long it took.
    ///
    /// # Errors
    /// The database can't be written.
    pub fn run(&mut self, rows: &ScanRows, span: Duration) -> Result<(f64, Duration), LedgerError> {
        let (before, began) = (self.scans, Instant::now());
        while began.elapsed() < span {
            self.commit(rows).map_err(LedgerError::sqlite("can't measure the bare commit"))?;
        }
        Ok(((self.scans - before) as f64, began.elapsed()))
    }

    fn commit(&mut self, rows: &ScanRows) -> rusqlite::Result<()> {
        self.conn.execute_batch("BEGIN IMMEDIATE")?;
        let nth = self.scans / i64::from(self.stations);
        for station in 0..self.stations {
            self.scans += 1;
            self.write(rows, station, nth)?;
        }
        self.conn.execute_batch("COMMIT")
    }

    fn write(&self, rows: &ScanRows, station: u32, nth: i64) -> rusqlite::Result<()> {
        // a client's ids stand together, as those of a PDA do
        let scan = format!("{station:02}{}-{nth}", rows.client.get(2..).unwrap_or_default());
        let order = order(station);
        let none: Option<&str> = None;
        let conn = &self.conn;
        conn.prepare_cached("INSERT INTO ledger (seq, body, hash) VALUES (?1, ?2, ?3)")?.execute(params![
            self.scans,
            rows.record,
            [0_u8; 32]
        ])?;
        conn.prepare_cached("INSERT INTO scans (scan_id, seq) VALUES (?1, ?2)")?.execute(params![scan, self.scans])?;
        conn.prepare_cached("INSERT INTO outbox (record, part, type, order_id) VALUES (?1, 0, 'verified', ?2)")?
            .execute(params![self.scans, order])?;
        conn.prepare_cached(UPDATE_ORDER)?.execute(params![station, none, none, rows.order, none])?;
        conn.prepare_cached(PUT_PARCEL)?.execute(params![station, format!("B{station}"), rows.parcel])?;
        conn.prepare_cached(UPDATE_STATION)?.execute(params![format!("s{station}"), rows.station])?;
        Ok(())
    }
}

fn order(station: u32) -> String {
    format!("ENDLESS-{station}")
}
