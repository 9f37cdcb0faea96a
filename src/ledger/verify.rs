//! Proving a ledger: the chain, its anchor, its facts folded from the start against the tables, the invariants. What left
//! the database is read from its archives; where one is not there, it is said what could not be checked.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::sync::Arc;

use rusqlite::Connection;
use serde::Serialize;

use super::anchor::{Anchor, Head};
use super::archive::{self, Line};
use super::archived::{self, Archive, Cut};
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
    /// What left the database; none where nothing did.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub archived: Option<ArchivedPart>,
    /// What is wrong; empty if all is well.
    pub findings: Vec<Finding>,
}

/// What left the database, and how far it was checked.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct ArchivedPart {
    /// The last record that is in archives only.
    pub through: u64,
    /// The archives whose chain was checked, record by record.
    pub checked: Vec<String>,
    /// Those that were deleted because of their age: nothing of them can be checked.
    pub removed: Vec<String>,
    /// Those that should be there and are not.
    pub missing: Vec<String>,
    /// What is wrong with those that are there.
    pub damaged: Vec<Finding>,
    /// Whether the facts were folded from the first one on, and the tables compared with what comes out. If not, only the
    /// chain, the scan ids and the feed of what is in the database were checked.
    pub folded: bool,
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

    /// Takes over what was found of a part.
    fn absorb(&mut self, part: Report) {
        self.records += part.records;
        self.facts += part.facts;
        self.clock_backsteps += part.clock_backsteps;
        for finding in part.findings {
            self.add(finding.seq, finding.what);
        }
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
    let (mut report, head) = prove(&conn, &folder.archives())?;
    for (seq, what) in report.archived.iter().flat_map(ArchivedPart::wrong).collect::<Vec<_>>() {
        report.add(seq, what);
    }
    // the anchor is written after the commit: beside a working writer it may be ahead of this snapshot
    let anchored = Anchor::open(&folder.anchor())?
        .1
        .filter(|anchored| anchored.seq <= head.seq || read_head_now(folder) < anchored.seq);
    if let Some(damage) = compare(&conn, head, anchored)? {
        report.add(None, damage.what);
    }
    Ok(report)
}

impl ArchivedPart {
    /// What is wrong with the archives.
    fn wrong(&self) -> impl Iterator<Item = (Option<u64>, String)> {
        let missing = self.missing.iter().map(|file| (None, format!("the archive {file} is missing")));
        missing.chain(self.damaged.iter().map(|finding| (finding.seq, finding.what.clone())))
    }
}

/// Proves what one database says, with the archives in a folder: its chain, its facts, its tables. What is wrong with the
/// archives themselves stands apart: the database may be whole without them.
pub(super) fn prove(conn: &Connection, archives: &Path) -> Result<(Report, Head), LedgerError> {
    let mut report = Report::default();
    integrity(conn, &mut report)?;
    let cut = archived::cut(conn)?;
    let mut fold = Fold { state: Some(Memory::default()), ..Fold::default() };
    if cut != Cut::NONE {
        let part = read_archives(conn, archives, cut, &mut report, &mut fold)?;
        if !part.folded {
            // what archives that were read say of archives is still known
            let (archives, removed, unread) = (fold.archives, fold.removed, fold.unread);
            fold = Fold { archives, removed, unread, ..Fold::default() };
        }
        (fold.outbox, report.archived) = (0, Some(part));
    }
    let head = walk(conn, cut.head, &mut report, &mut fold)?;
    report.head = data_encoding::HEXLOWER.encode(&head.hash);
    for violation in fold.state.iter().flat_map(invariants::check) {
        report.add(None, violation);
    }
    if let Some(state) = &fold.state {
        compare_tables(conn, state, &fold, &mut report)?;
    }
    compare_scans(conn, cut, &fold, &mut report)?;
    compare_feed(conn, cut, &fold, &mut report)?;
    compare_archives(conn, &fold, &mut report)?;
    Ok((report, head))
}

/// Reads the archives from the first record on: their chains, and their facts as the beginning of the fold.
fn read_archives(
    conn: &Connection,
    folder: &Path,
    cut: Cut,
    report: &mut Report,
    fold: &mut Fold,
) -> Result<ArchivedPart, LedgerError> {
    let mut part = ArchivedPart { through: cut.head.seq, ..ArchivedPart::default() };
    let mut end = Head::EMPTY;
    let (mut named, mut told) = (0, Told::default());
    for archive in archived::all(conn)? {
        if archive.before() != end {
            report.add(Some(archive.first), format!("the archive {} does not follow what was archived", archive.file));
        }
        end = archive.end();
        let path = folder.join(&archive.file);
        if archive.removed || !path.is_file() {
            // what follows can't be folded on what is not known
            (fold.state, fold.unread) = (None, archive.first);
            if archive.removed { &mut part.removed } else { &mut part.missing }.push(archive.file);
            continue;
        }
        let mut facts = Report::default();
        let read = archive::prove(&path, archive.before(), |line| {
            if line.seq > cut.head.seq {
                return;
            }
            if line.seq == cut.head.seq && line.hash != cut.head.hash {
                facts.add(Some(line.seq), "the cut of the ledger names another record than was archived".into());
            }
            told.take(line);
            take_line(line, &mut facts, fold);
        });
        named += told.end();
        let damaged = match read {
            Ok(proof) => wrong_with(&archive, &proof),
            Err(error) => vec![Finding { seq: Some(archive.first), what: said(&error) }],
        };
        if damaged.is_empty() {
            report.absorb(facts);
        } else {
            (fold.state, fold.unread) = (None, archive.first);
        }
        part.damaged.extend(damaged.into_iter().take(FINDINGS_MAX));
        part.checked.push(archive.file);
    }
    if end.seq < cut.head.seq {
        report.add(Some(end.seq + 1), format!("no archive has the records {} to {}", end.seq + 1, cut.head.seq));
    }
    part.folded = part.removed.is_empty() && part.missing.is_empty() && part.damaged.is_empty();
    if part.folded {
        let sqlite = || LedgerError::sqlite("can't compare the archived orders");
        let kept: i64 =
            conn.query_row("SELECT count(*) FROM archived_orders", [], |row| row.get(0)).map_err(sqlite())?;
        if kept.cast_unsigned() != named {
            report.add(None, format!("{kept} parts of archives are found by their orders, and {named} name one"));
        }
    }
    Ok(part)
}

/// An error with its causes.
fn said(error: &LedgerError) -> String {
    let causes = std::iter::successors(std::error::Error::source(error), |cause| cause.source());
    causes.fold(error.to_string(), |text, cause| format!("{text}: {cause}"))
}

fn wrong_with(archive: &Archive, proof: &archive::Proof) -> Vec<Finding> {
    let file = &archive.file;
    let finding = |seq: u64, what: String| Finding { seq: Some(seq), what };
    let mut wrong: Vec<Finding> =
        proof.wrong.iter().map(|(seq, what)| finding(*seq, format!("{file}: {what}"))).collect();
    if proof.head != archive.end() {
        wrong.push(finding(archive.last, format!("{file}: it ends otherwise than it did when it was written")));
    }
    if wrong.is_empty() && proof.sha256 != archive.sha256 {
        wrong.push(finding(archive.first, format!("{file}: its bytes are others than were written")));
    }
    wrong
}

/// How many blocks name how many orders.
#[derive(Default)]
struct Told {
    block: u64,
    orders: BTreeSet<String>,
    named: u64,
}

impl Told {
    fn take(&mut self, line: &Line) {
        // blocks begin anew with each archive, and every so many records within it
        if self.block == archive::BLOCK {
            self.named += std::mem::take(&mut self.orders).len() as u64;
            self.block = 0;
        }
        self.block += 1;
        self.orders.extend(line.feed.iter().filter_map(|place| place.3.clone()));
    }

    /// At an archive's end.
    fn end(&mut self) -> u64 {
        let told = std::mem::take(self);
        told.named + told.orders.len() as u64
    }
}

fn take_line(line: &Line, report: &mut Report, fold: &mut Fold) {
    report.records += 1;
    match serde_json::from_slice::<Record>(&line.body) {
        Ok(record) => take(&record, line.seq, report, fold),
        Err(error) => report.add(Some(line.seq), format!("the record can't be read: {error}")),
    }
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

#[derive(Default)]
struct Fold {
    /// None where the facts can't be folded from the first one on.
    state: Option<Memory>,
    /// Hashes of the files that facts name.
    files: BTreeSet<String>,
    scans: BTreeMap<String, u64>,
    outbox: u64,
    /// Archives of which the facts tell, by their first record.
    archives: BTreeMap<u64, ArchiveFact>,
    /// Those of which they tell that they were removed.
    removed: BTreeSet<u64>,
    /// The last archive that could not be read, by its first record: what facts tell of earlier ones may stand in it.
    unread: u64,
}

#[derive(PartialEq)]
struct ArchiveFact {
    last: u64,
    file: String,
    hash: String,
    sha256: String,
}

/// Reads every record: no gaps, right hashes, readable, and each fact fits.
fn walk(conn: &Connection, from: Head, report: &mut Report, fold: &mut Fold) -> Result<Head, LedgerError> {
    let sqlite = || LedgerError::sqlite("can't read the ledger");
    let mut statement = conn.prepare("SELECT seq, body, hash FROM ledger ORDER BY seq").map_err(sqlite())?;
    let mut rows = statement.query([]).map_err(sqlite())?;
    let mut head = from;
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
        match event {
            Event::WaybillPut { waybill } => {
                fold.files.extend(waybill.label.as_ref().and_then(|label| label.sha256.clone()));
            }
            Event::RecordsArchived { first, last, hash, file, sha256 } => {
                let fact = ArchiveFact { last: *last, file: file.clone(), hash: hash.clone(), sha256: sha256.clone() };
                fold.archives.insert(*first, fact);
            }
            Event::ArchiveRemoved { first, .. } => drop(fold.removed.insert(*first)),
            _ => {}
        }
        if let Some(Err(error)) = fold.state.as_mut().map(|state| apply(event, state)) {
            report.add(Some(seq), error.to_string());
        }
    }
}

fn compare_tables(conn: &Connection, state: &Memory, fold: &Fold, report: &mut Report) -> Result<(), LedgerError> {
    documents(conn, &state.products, "product", report)?;
    documents(conn, &state.orders, "order", report)?;
    documents(conn, &state.lists, "pick list", report)?;
    documents(conn, &state.parcels, "parcel", report)?;
    documents(conn, &state.waybills, "waybill", report)?;
    if schema::is_current(conn)? || !state.manifests.is_empty() {
        documents(conn, &state.manifests, "manifest", report)?;
    }
    if schema::is_current(conn)? || !state.stop_lists.is_empty() {
        documents(conn, &state.stop_lists, "stop-list", report)?;
    }
    if schema::is_current(conn)? || !state.print_jobs.is_empty() {
        documents(conn, &state.print_jobs, "print job", report)?;
    }
    if schema::is_current(conn)? || !fold.files.is_empty() {
        files(conn, &fold.files, report)?;
    }
    if schema::is_current(conn)? || !state.bags.is_empty() {
        documents(conn, &state.bags, "bag", report)?;
    }
    if schema::is_current(conn)? || !state.pools.is_empty() {
        documents(conn, &state.pools, "store of numbers", report)?;
    }
    documents(conn, &state.operators, "operator", report)?;
    documents(conn, &state.stations, "station", report)?;
    let sqlite = || LedgerError::sqlite("can't compare the tables");
    let serials: i64 = conn.query_row("SELECT count(*) FROM serials", [], |row| row.get(0)).map_err(sqlite())?;
    if serials.cast_unsigned() != state.serials.len() as u64 {
        report.add(None, format!("{serials} serials are in use, the ledger says {}", state.serials.len()));
    }
    Ok(())
}

/// Every scan that was recorded is known by its id, and no other; those of records that can't be read are left out.
fn compare_scans(conn: &Connection, cut: Cut, fold: &Fold, report: &mut Report) -> Result<(), LedgerError> {
    let sqlite = || LedgerError::sqlite("can't compare the tables");
    let after = if fold.state.is_some() { 0 } else { cut.head.seq.cast_signed() };
    let mut statement =
        conn.prepare("SELECT scan_id, seq FROM scans WHERE seq > ?1 ORDER BY scan_id").map_err(sqlite())?;
    let scans: rusqlite::Result<BTreeMap<String, u64>> = statement
        .query_map([after], |row| Ok((row.get(0)?, row.get::<_, i64>(1)?.cast_unsigned())))
        .and_then(Iterator::collect);
    if scans.map_err(sqlite())? != fold.scans {
        report.add(None, "the table of scan ids differs from the ledger".into());
    }
    Ok(())
}

/// The feed has a place for each public fact in the database, and begins behind the cut.
fn compare_feed(conn: &Connection, cut: Cut, fold: &Fold, report: &mut Report) -> Result<(), LedgerError> {
    let sqlite = || LedgerError::sqlite("can't compare the feed");
    let read = |row: &rusqlite::Row<'_>| Ok((row.get::<_, i64>(0)?, row.get::<_, Option<i64>>(1)?));
    let (outbox, first) = conn.query_row("SELECT count(*), min(seq) FROM outbox", [], read).map_err(sqlite())?;
    if outbox.cast_unsigned() != fold.outbox {
        report.add(None, format!("the feed has {outbox} facts, the ledger {}", fold.outbox));
    }
    if first.is_some_and(|first| first.cast_unsigned() != cut.feed + 1) {
        report.add(None, format!("the feed does not go on after place {}, where the database begins", cut.feed));
    }
    Ok(())
}

/// The archives that the tables name are those of which the chain tells.
fn compare_archives(conn: &Connection, fold: &Fold, report: &mut Report) -> Result<(), LedgerError> {
    let kept = archived::all(conn)?;
    for archive in &kept {
        let fact = fold.archives.get(&archive.first);
        let said = ArchiveFact {
            last: archive.last,
            file: archive.file.clone(),
            hash: data_encoding::HEXLOWER.encode(&archive.hash),
            sha256: archive.sha256.clone(),
        };
        let may_be_unread = archive.first < fold.unread;
        let is_told = fact.map_or(may_be_unread, |fact| *fact == said);
        let is_removed = fold.removed.contains(&archive.first) == archive.removed || (archive.removed && may_be_unread);
        if !is_told || !is_removed {
            report.add(Some(archive.first), format!("the ledger tells otherwise of the archive {}", archive.file));
        }
    }
    for (first, fact) in fold.archives.iter().filter(|(first, _)| !kept.iter().any(|known| known.first == **first)) {
        report.add(Some(*first), format!("the archive {} was forgotten", fact.file));
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
