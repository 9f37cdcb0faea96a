//! Print jobs, read beside the writer: what waits at a printer, what a person must look at.

use rusqlite::{Connection, Row};

use super::LedgerError;
use super::reader::Reader;
use crate::domain::printing::PrintJob;

fn sqlite() -> impl FnOnce(rusqlite::Error) -> LedgerError {
    LedgerError::sqlite("can't read the print jobs")
}

fn jobs(conn: &Connection, sql: &str, params: impl rusqlite::Params) -> Result<Vec<PrintJob>, LedgerError> {
    let mut statement = conn.prepare_cached(sql).map_err(sqlite())?;
    let rows = statement.query_map(params, |row: &Row<'_>| row.get::<_, Vec<u8>>(0));
    let documents: Vec<Vec<u8>> = rows.and_then(Iterator::collect).map_err(sqlite())?;
    let unreadable = |source| LedgerError::Document { what: "a print job can't be read".into(), source };
    documents.iter().map(|document| serde_json::from_slice(document).map_err(unreadable)).collect()
}

impl Reader {
    /// The jobs that wait at a printer, oldest first, at most so many.
    ///
    /// # Errors
    /// The table can't be read.
    pub fn prints_waiting(&self, printer: &str, limit: usize) -> Result<Vec<PrintJob>, LedgerError> {
        let sql = "SELECT doc FROM print_jobs WHERE waits_at = ?1 ORDER BY number LIMIT ?2";
        self.with(|conn| jobs(conn, sql, (printer, limit as i64)))
    }

    /// The jobs in a state, or in any, newest first, at most so many.
    ///
    /// # Errors
    /// The table can't be read.
    pub fn prints_in(&self, state: Option<&str>, limit: usize) -> Result<Vec<PrintJob>, LedgerError> {
        self.with(|conn| match state {
            Some(state) => {
                let sql = "SELECT doc FROM print_jobs WHERE state = ?1 ORDER BY number DESC LIMIT ?2";
                jobs(conn, sql, (state, limit as i64))
            }
            None => jobs(conn, "SELECT doc FROM print_jobs ORDER BY number DESC LIMIT ?1", [limit as i64]),
        })
    }

    /// The jobs that wait or that people must look at, of a station or of all: those that ask first, the newest of each
    /// first; at most so many.
    ///
    /// # Errors
    /// The table can't be read.
    pub fn prints_open(&self, station: Option<&str>, limit: usize) -> Result<Vec<PrintJob>, LedgerError> {
        let sql = "SELECT doc FROM print_jobs WHERE state IN ('unknown', 'failed', 'sending', 'queued') \
                   AND (?1 IS NULL OR json_extract(CAST(doc AS TEXT), '$.station') = ?1) \
                   ORDER BY state IN ('sending', 'queued'), number DESC LIMIT ?2";
        self.with(|conn| jobs(conn, sql, (station, limit as i64)))
    }

    /// How many jobs wait at each printer, those whose bytes are going out included.
    ///
    /// # Errors
    /// The table can't be read.
    pub fn print_queues(&self) -> Result<Vec<(String, u64)>, LedgerError> {
        self.with(|conn| {
            let sql = "SELECT waits_at, count(*) FROM print_jobs WHERE waits_at IS NOT NULL GROUP BY waits_at";
            let mut statement = conn.prepare_cached(sql).map_err(sqlite())?;
            let rows = statement.query_map([], |row| Ok((row.get(0)?, row.get::<_, i64>(1)?.cast_unsigned())));
            rows.and_then(Iterator::collect).map_err(sqlite())
        })
    }
}
