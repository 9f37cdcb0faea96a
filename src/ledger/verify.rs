//! Proving a ledger: the chain, its anchor, its facts folded from the start against the tables, the invariants. What left
//! the database is read from its archives; where one is not there, it is said what could not be checked.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use rusqlite::Connection;
use serde::Serialize;

use super::anchor::{Anchor, Head};
use super::archive::{self, Line};
use super::archived::{self, Archive, Cut};
use super::places::Places;
use super::rebuilt::compare_state;
use super::record::{Cause, Record};
use super::writer::{compare, read_head};
use super::{Folder, LedgerError, damage, schema};
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

    /// Of a file that was never made a ledger, or was emptied.
    fn of_nothing() -> Report {
        let mut report = Report::default();
        report.add(None, "the database is empty: it has no tables".into());
        report
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

    pub(super) fn add(&mut self, seq: Option<u64>, what: String) {
        if self.findings.len() < FINDINGS_MAX {
            self.findings.push(Finding { seq, what });
        }
    }

    /// Takes up that a part could not be read because the file is damaged: the others still can.
    fn tell(&mut self, done: Result<(), LedgerError>) -> Result<(), LedgerError> {
        match done {
            Err(error) if error.is_damage() => {
                self.add(None, said(&error));
                Ok(())
            }
            done => done,
        }
    }
}

/// Verifies a folder's ledger, beside the writer or without one.
///
/// # Errors
/// The database can't be opened or read at all.
pub fn verify(folder: &Folder) -> Result<Report, LedgerError> {
    let anchored = Anchor::open(&folder.anchor())?.1;
    match look_through(folder, anchored) {
        Err(error) if error.is_damage() => {
            let mut report = Report::default();
            report.add(None, said(&error));
            if let Some(head) = anchored {
                report.add(None, format!("records 1 to {} can't be read", head.seq));
            }
            Ok(report)
        }
        looked => looked,
    }
}

fn look_through(folder: &Folder, anchored: Option<Head>) -> Result<Report, LedgerError> {
    let conn = schema::open_reader(&folder.database())?;
    conn.execute_batch("BEGIN").map_err(LedgerError::sqlite("can't begin to read"))?;
    let (mut report, head) = match schema::is_made(&conn)? {
        true => prove(&conn, &folder.archives(), anchored)?,
        false => (Report::of_nothing(), Head::EMPTY),
    };
    for (seq, what) in report.archived.iter().flat_map(ArchivedPart::wrong).collect::<Vec<_>>() {
        report.add(seq, what);
    }
    // the anchor is written after the commit: beside a working writer it may be ahead of this snapshot
    let anchored = Anchor::open(&folder.anchor())?
        .1
        .filter(|anchored| anchored.seq <= head.seq || read_head_now(folder) < anchored.seq);
    match compare(&conn, head, anchored) {
        Ok(damage) => damage.into_iter().for_each(|damage| report.add(None, damage.what)),
        Err(error) => report.tell(Err(error))?,
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
pub(super) fn prove(conn: &Connection, archives: &Path, anchored: Option<Head>) -> Result<(Report, Head), LedgerError> {
    let mut report = Report::default();
    if let Err(error) = integrity(conn, &mut report) {
        report.add(None, format!("the database file is damaged: {error}"));
    }
    let cut = archived::cut(conn)?;
    let mut fold = Fold { state: Some(Memory::default()), ..Fold::default() };
    if cut != Cut::NONE {
        let part = read_archives(conn, archives, cut, &mut report, &mut fold)?;
        if !part.folded {
            // what archives that were read say of archives is still known
            let (archives, removed, unread) = (fold.archives, fold.removed, fold.unread);
            fold = Fold { archives, removed, unread, ..Fold::default() };
        }
        report.archived = Some(part);
    }
    let head = walk(conn, cut, anchored, &mut report, &mut fold)?;
    report.head = data_encoding::HEXLOWER.encode(&head.hash);
    for violation in fold.state.iter().flat_map(invariants::check) {
        report.add(None, violation);
    }
    if let Some(state) = &fold.state {
        compare_state(conn, state, &mut report)?;
        let compared = files(conn, &fold.files, &mut report);
        report.tell(compared)?;
    }
    if !fold.has_gap {
        let compared = compare_scans(conn, cut, &fold, &mut report);
        report.tell(compared)?;
    }
    let compared = compare_archives(conn, &fold, &mut report);
    report.tell(compared)?;
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
        if fold.outbox != cut.feed {
            let what =
                format!("the cut of the ledger says {} places of the feed, its records {}", cut.feed, fold.outbox);
            report.add(None, what);
        }
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
pub(super) fn said(error: &LedgerError) -> String {
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

fn integrity(conn: &Connection, report: &mut Report) -> rusqlite::Result<()> {
    let mut statement = conn.prepare("PRAGMA integrity_check(10)")?;
    let mut rows = statement.query([])?;
    while let Some(row) = rows.next()? {
        let line: String = row.get(0)?;
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
    /// Facts that the feed tells.
    outbox: u64,
    /// Records can't be read: what they say is not known.
    has_gap: bool,
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

/// The records of a database, one after the other.
struct Walk<'c> {
    conn: &'c Connection,
    head: Head,
    /// Whether the record before was read, and the next one can be proved by it.
    proved: bool,
    places: Option<Places<'c>>,
}

/// Reads every record: no gaps, right hashes, readable, and each fact fits. Records that can't be read are passed.
fn walk(
    conn: &Connection,
    cut: Cut,
    anchored: Option<Head>,
    report: &mut Report,
    fold: &mut Fold,
) -> Result<Head, LedgerError> {
    let mut walk = Walk { conn, head: cut.head, proved: true, places: None };
    let places = Places::behind(conn, cut.feed);
    report.tell(places.map(|places| walk.places = Some(places)))?;
    while let Err(error) = walk.go_on(report, fold) {
        if !error.is_damage() {
            return Err(error);
        }
        let (before, first) = (walk.head, walk.head.seq + 1);
        let last = read_head(conn).map_or(0, |head| head.seq).max(anchored.map_or(0, |head| head.seq)).max(first);
        let next = damage::readable_from(conn, first, last);
        let through = next.map_or(last, |next| next - 1);
        (fold.state, fold.has_gap) = (None, true);
        let what =
            format!("records {first} to {through} can't be read, so the tables can't be compared: {}", said(&error));
        report.add(Some(first), what);
        walk.compare_feed(report, |places, report| places.pass(through, report))?;
        if next.is_none() {
            return Ok(before);
        }
        (walk.head.seq, walk.proved) = (through, false);
    }
    if let Some(places) = walk.places {
        let finished = places.finish(report);
        report.tell(finished)?;
    }
    Ok(walk.head)
}

impl<'c> Walk<'c> {
    /// Compares something with the feed, as long as that can be read.
    fn compare_feed(
        &mut self,
        report: &mut Report,
        compare: impl FnOnce(&mut Places<'c>, &mut Report) -> Result<(), LedgerError>,
    ) -> Result<(), LedgerError> {
        let Some(mut places) = self.places.take() else { return Ok(()) };
        match compare(&mut places, report) {
            Ok(()) => self.places = Some(places),
            failed => report.tell(failed)?,
        }
        Ok(())
    }

    fn go_on(&mut self, report: &mut Report, fold: &mut Fold) -> Result<(), LedgerError> {
        let sqlite = || LedgerError::sqlite("can't read the ledger");
        let sql = "SELECT seq, body, hash FROM ledger WHERE seq >= ?1 ORDER BY seq";
        // what stands before the cut does not belong there, and is found too
        let from = if self.proved { 0 } else { self.head.seq.cast_signed() + 1 };
        let mut statement = self.conn.prepare(sql).map_err(sqlite())?;
        let mut rows = statement.query([from]).map_err(sqlite())?;
        while let Some(row) = rows.next().map_err(sqlite())? {
            let seq = row.get::<_, i64>(0).map_err(sqlite())?.cast_unsigned();
            let body: Vec<u8> = row.get(1).map_err(sqlite())?;
            let hash: Vec<u8> = row.get(2).map_err(sqlite())?;
            self.pass(seq, &body, hash, report);
            report.records += 1;
            match serde_json::from_slice::<Record>(&body) {
                Ok(record) => {
                    take(&record, seq, report, fold);
                    self.compare_feed(report, |places, report| places.compare(seq, &record, report))?;
                }
                Err(error) => {
                    report.add(Some(seq), format!("the record can't be read: {error}"));
                    self.compare_feed(report, |places, report| places.pass(seq, report))?;
                }
            }
        }
        Ok(())
    }

    /// Goes on to a record, which must follow the one before.
    fn pass(&mut self, seq: u64, body: &[u8], hash: Vec<u8>, report: &mut Report) {
        if seq != self.head.seq + 1 {
            let missing = format!("records {} to {} are missing", self.head.seq + 1, seq.saturating_sub(1));
            report.add(Some(seq), missing);
            self.head.seq = seq.saturating_sub(1);
        }
        let expected = self.head.next(body);
        if self.proved && hash != expected.hash {
            report.add(Some(seq), "the record was changed, or one before it: its hash does not match".into());
        }
        // go on from what is written, so that one change is told once
        self.head = Head { seq, hash: hash.try_into().unwrap_or(expected.hash) };
        self.proved = true;
    }
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
