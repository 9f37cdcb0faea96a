//! Proving a ledger: the chain, its anchor, its facts folded from the start against the tables, the invariants.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use rusqlite::Connection;
use serde::Serialize;

use super::anchor::{Anchor, Head};
use super::cache::Document;
use super::record::{Cause, Record};
use super::writer::{compare, read_head};
use super::{Folder, LedgerError, schema};
use crate::domain::event::Event;
use crate::domain::memory::Memory;
use crate::domain::verdict::Code;
use crate::domain::work::sha256;
use crate::domain::{apply, invariants};

/// What the verifier found.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Report {
    /// Records that were read.
    pub records: u64,
    /// Facts that were folded.
    pub facts: u64,
    /// The head's hash, hexadecimal: keep it elsewhere, and a rewritten ledger can be told.
    pub head: String,
    /// Records whose wall clock stood behind the one before.
    pub clock_backsteps: u64,
    /// What is wrong; empty if all is well.
    pub findings: Vec<Finding>,
}

/// Something that is wrong.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Finding {
    /// The record, where it is one.
    pub seq: Option<u64>,
    /// In a sentence.
    pub what: String,
}

/// Findings that are told; a damaged file has them by the thousand.
const FINDINGS_MAX: usize = 100;

impl Report {
    /// Whether nothing is wrong.
    #[must_use]
    pub fn is_clean(&self) -> bool {
        self.findings.is_empty()
    }

    fn add(&mut self, seq: Option<u64>, what: String) {
        if self.findings.len() < FINDINGS_MAX {
            self.findings.push(Finding { seq, what });
        }
    }
}

/// Verifies a folder's ledger, beside the writer or without one.
///
/// # Errors
/// The database can't be opened or read at all.
pub fn verify(folder: &Folder) -> Result<Report, LedgerError> {
    let conn = schema::open_reader(&folder.database())?;
    conn.execute_batch("BEGIN").map_err(LedgerError::sqlite("can't begin to read"))?;
    let (mut report, head) = prove(&conn)?;
    // the anchor is written after the commit: beside a working writer it may be ahead of this snapshot
    let anchored = Anchor::open(&folder.anchor())?
        .1
        .filter(|anchored| anchored.seq <= head.seq || read_head_now(folder) < anchored.seq);
    if let Some(damage) = compare(&conn, head, anchored)? {
        report.add(None, damage.what);
    }
    Ok(report)
}

/// Proves what one database says by itself: its chain, its facts, its tables.
pub(super) fn prove(conn: &Connection) -> Result<(Report, Head), LedgerError> {
    let mut report = Report::default();
    integrity(conn, &mut report)?;
    let mut fold = Fold { state: Memory::default(), files: BTreeSet::new(), scans: BTreeMap::new(), outbox: 0 };
    let head = walk(conn, &mut report, &mut fold)?;
    report.head = data_encoding::HEXLOWER.encode(&head.hash);
    for violation in invariants::check(&fold.state) {
        report.add(None, violation);
    }
    compare_tables(conn, &fold, &mut report)?;
    Ok((report, head))
}

/// The head as a fresh reader sees it.
fn read_head_now(folder: &Folder) -> u64 {
    schema::open_reader(&folder.database()).and_then(|conn| read_head(&conn)).map_or(0, |head| head.seq)
}

fn integrity(conn: &Connection, report: &mut Report) -> Result<(), LedgerError> {
    let sqlite = || LedgerError::sqlite("can't check the database file");
    let mut statement = conn.prepare("PRAGMA integrity_check(10)").map_err(sqlite())?;
    let mut rows = statement.query([]).map_err(sqlite())?;
    while let Some(row) = rows.next().map_err(sqlite())? {
        let line: String = row.get(0).map_err(sqlite())?;
        if line != "ok" {
            report.add(None, format!("the database file is damaged: {line}"));
        }
    }
    Ok(())
}

struct Fold {
    state: Memory,
    /// Hashes of the files that facts name.
    files: BTreeSet<String>,
    scans: BTreeMap<String, u64>,
    outbox: u64,
}

/// Reads every record: no gaps, right hashes, readable, and each fact fits.
fn walk(conn: &Connection, report: &mut Report, fold: &mut Fold) -> Result<Head, LedgerError> {
    let sqlite = || LedgerError::sqlite("can't read the ledger");
    let mut statement = conn.prepare("SELECT seq, body, hash FROM ledger ORDER BY seq").map_err(sqlite())?;
    let mut rows = statement.query([]).map_err(sqlite())?;
    let mut head = Head::EMPTY;
    while let Some(row) = rows.next().map_err(sqlite())? {
        let seq = row.get::<_, i64>(0).map_err(sqlite())?.cast_unsigned();
        let body: Vec<u8> = row.get(1).map_err(sqlite())?;
        let hash: Vec<u8> = row.get(2).map_err(sqlite())?;
        if seq != head.seq + 1 {
            report.add(Some(seq), format!("records {} to {} are missing", head.seq + 1, seq.saturating_sub(1)));
            head.seq = seq.saturating_sub(1);
        }
        let expected = head.next(&body);
        if hash != expected.hash {
            report.add(Some(seq), "the record was changed, or one before it: its hash does not match".into());
        }
        // go on from what is written, so that one change is told once
        head = Head { seq, hash: hash.try_into().unwrap_or(expected.hash) };
        report.records += 1;
        match serde_json::from_slice::<Record>(&body) {
            Ok(record) => take(&record, seq, report, fold),
            Err(error) => report.add(Some(seq), format!("the record can't be read: {error}")),
        }
    }
    Ok(head)
}

fn take(record: &Record, seq: u64, report: &mut Report, fold: &mut Fold) {
    report.clock_backsteps += u64::from(record.clock_went_back);
    let refused = record.verdict.as_ref().is_some_and(|verdict| verdict.code.is_refusal());
    fold.outbox += record.events.iter().filter(|event| event.is_public()).count() as u64 + u64::from(refused);
    if let Cause::Scan { scan_id, .. } = &record.cause {
        let conflict = record.verdict.as_ref().is_some_and(|verdict| verdict.code == Code::ScanIdConflict);
        if !conflict && fold.scans.insert(scan_id.to_string(), seq).is_some() {
            report.add(Some(seq), format!("scan {scan_id} was recorded twice"));
        }
    }
    for event in &record.events {
        report.facts += 1;
        if let Event::WaybillPut { waybill } = event {
            fold.files.extend(waybill.label.as_ref().and_then(|label| label.sha256.clone()));
        }
        if let Err(error) = apply(event, &mut fold.state) {
            report.add(Some(seq), error.to_string());
        }
    }
}

fn compare_tables(conn: &Connection, fold: &Fold, report: &mut Report) -> Result<(), LedgerError> {
    let state = &fold.state;
    documents(conn, &state.products, "product", report)?;
    documents(conn, &state.orders, "order", report)?;
    documents(conn, &state.lists, "pick list", report)?;
    documents(conn, &state.parcels, "parcel", report)?;
    documents(conn, &state.waybills, "waybill", report)?;
    if schema::is_current(conn)? || !state.manifests.is_empty() {
        documents(conn, &state.manifests, "manifest", report)?;
    }
    if schema::is_current(conn)? || !fold.files.is_empty() {
        files(conn, &fold.files, report)?;
    }
    if schema::is_current(conn)? || !state.stop_lists.is_empty() {
        documents(conn, &state.stop_lists, "stop-list", report)?;
    }
    if schema::is_current(conn)? || !state.print_jobs.is_empty() {
        documents(conn, &state.print_jobs, "print job", report)?;
    }
    documents(conn, &state.operators, "operator", report)?;
    documents(conn, &state.stations, "station", report)?;
    let sqlite = || LedgerError::sqlite("can't compare the tables");
    let mut statement = conn.prepare("SELECT scan_id, seq FROM scans ORDER BY scan_id").map_err(sqlite())?;
    let scans: rusqlite::Result<BTreeMap<String, u64>> = statement
        .query_map([], |row| Ok((row.get(0)?, row.get::<_, i64>(1)?.cast_unsigned())))
        .and_then(Iterator::collect);
    if scans.map_err(sqlite())? != fold.scans {
        report.add(None, "the table of scan ids differs from the ledger".into());
    }
    let outbox: i64 = conn.query_row("SELECT count(*) FROM outbox", [], |row| row.get(0)).map_err(sqlite())?;
    if outbox.cast_unsigned() != fold.outbox {
        report.add(None, format!("the feed has {outbox} facts, the ledger {}", fold.outbox));
    }
    let serials: i64 = conn.query_row("SELECT count(*) FROM serials", [], |row| row.get(0)).map_err(sqlite())?;
    if serials.cast_unsigned() != fold.state.serials.len() as u64 {
        report.add(None, format!("{serials} serials are in use, the ledger says {}", fold.state.serials.len()));
    }
    Ok(())
}

/// Every file that a fact names is kept, and each that is kept is still what its hash says.
fn files(conn: &Connection, named: &BTreeSet<String>, report: &mut Report) -> Result<(), LedgerError> {
    let sqlite = || LedgerError::sqlite("can't compare the files");
    let mut statement = conn.prepare("SELECT sha256, bytes FROM files").map_err(sqlite())?;
    let mut rows = statement.query([]).map_err(sqlite())?;
    let mut missing = named.clone();
    while let Some(row) = rows.next().map_err(sqlite())? {
        let name: String = row.get(0).map_err(sqlite())?;
        let bytes: Vec<u8> = row.get(1).map_err(sqlite())?;
        if sha256(&bytes) != name {
            report.add(None, format!("the file {name} was changed"));
        }
        if !missing.remove(&name) && !named.contains(&name) {
            report.add(None, format!("no fact names the file {name}"));
        }
    }
    for name in missing {
        report.add(None, format!("the file {name} is missing"));
    }
    Ok(())
}

fn documents<K, T>(
    conn: &Connection,
    folded: &BTreeMap<K, Arc<T>>,
    kind: &str,
    report: &mut Report,
) -> Result<(), LedgerError>
where
    K: Ord + std::borrow::Borrow<str>,
    T: Document + PartialEq,
{
    let sqlite = || LedgerError::sqlite("can't compare the tables");
    let mut statement = conn.prepare(T::SELECT_ALL).map_err(sqlite())?;
    let mut rows = statement.query([]).map_err(sqlite())?;
    let mut seen = 0;
    while let Some(row) = rows.next().map_err(sqlite())? {
        let bytes: Vec<u8> = row.get(0).map_err(sqlite())?;
        seen += 1;
        match serde_json::from_slice::<T>(&bytes) {
            Ok(item) if folded.get(item.id()).is_some_and(|folded| **folded == item) => {}
            Ok(item) => report.add(None, format!("{kind} {} differs from what the ledger says", item.id())),
            Err(error) => report.add(None, format!("a {kind} can't be read: {error}")),
        }
    }
    if seen != folded.len() {
        report.add(None, format!("there are {seen} of kind {kind}, the ledger says {}", folded.len()));
    }
    Ok(())
}
