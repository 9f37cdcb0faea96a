//! The one writer: its own thread, whatever waits goes into one transaction, one commit, then everybody is answered.

use std::panic::AssertUnwindSafe;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use rusqlite::{Connection, OptionalExtension};
use tokio::sync::{mpsc, oneshot, watch};

use super::anchor::{Anchor, Head};
use super::cache::Cache;
use super::transaction::WriteTransaction;
use super::{Damage, Folder, HINT_OF_DAMAGE, Identity, LedgerError, damage, schema};

/// Jobs that may wait. At some 20,000 a second it is a twentieth of a second of work; more waiting helps nobody.
const QUEUE_MAX: usize = 1_024;

/// Jobs in one transaction: beyond some 64 a commit gets slower faster than it gets cheaper.
const GROUP_MAX: usize = 64;

/// How often a stopped writer tries to go on. Green within five seconds of free space is promised.
const RETRY: Duration = Duration::from_millis(500);

/// Why something was not written.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum WriteError {
    /// It is not on disk.
    #[error("it could not be recorded: {0}")]
    NotRecorded(String),
    /// The commit failed in a way that leaves open whether it is on disk.
    #[error("it is not known whether it was recorded: {0}")]
    NotConfirmed(String),
}

/// How the writer is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Health {
    /// It writes.
    Good,
    /// It can't write now, and tries again by itself.
    Stopped(String),
    /// The ledger lost its tail; nothing is green until a person has said so.
    Recovery(Damage),
}

type Answer = Box<dyn FnOnce(Result<(), WriteError>) + Send>;
type Job = Box<dyn FnOnce(Result<&mut WriteTransaction<'_>, WriteError>) -> Answer + Send>;

/// Hands work to the writer.
#[derive(Clone)]
pub struct Writer {
    queue: mpsc::Sender<Job>,
    waiting: Arc<Waiting>,
    health: watch::Receiver<Health>,
    box_id: Arc<str>,
}

impl Writer {
    /// Opens the ledger of a folder and starts its writer. The folder's lock must be held.
    ///
    /// # Errors
    /// The database can't be opened. A damaged one opens in recovery mode instead.
    pub fn start(folder: &Folder) -> Result<Writer, LedgerError> {
        let store = Store::open(folder)?;
        let health = store.damage.clone().map_or(Health::Good, Health::Recovery);
        let (health_tx, health) = watch::channel(health);
        let (queue, jobs) = mpsc::channel(QUEUE_MAX);
        let box_id = store.box_id.clone();
        let main = Main { folder: folder.clone(), health: health_tx };
        let spawned = std::thread::Builder::new().name("ledger".into()).spawn(move || main.run(store, jobs));
        spawned.map_err(LedgerError::io("can't start the writer for", &folder.database()))?;
        Ok(Writer { queue, waiting: Arc::new(Waiting::new()), health, box_id })
    }

    /// Runs something within the writer's transaction; the answer comes when it is durable.
    ///
    /// # Errors
    /// It was not made durable, or its outcome is not known.
    pub async fn submit<T, F>(&self, work: F) -> Result<T, WriteError>
    where
        T: Send + 'static,
        F: FnOnce(&mut WriteTransaction<'_>) -> T + Send + 'static,
    {
        let (reply, answer) = oneshot::channel();
        let job: Job = Box::new(move |transaction| match transaction {
            Ok(transaction) => {
                let done = work(transaction);
                Box::new(move |outcome| drop(reply.send(outcome.map(|()| done))))
            }
            Err(error) => Box::new(move |_| drop(reply.send(Err(error)))),
        });
        let gone = || WriteError::NotRecorded("waybind is stopping".into());
        let caller = self.waiting.one_more();
        self.queue.send(job).await.map_err(|_| gone())?;
        caller.wait(answer).await.ok_or_else(|| WriteError::NotConfirmed("the writer gave no answer".into()))?
    }

    /// How the writer is, and when that changes.
    #[must_use]
    pub fn health(&self) -> watch::Receiver<Health> {
        self.health.clone()
    }

    /// The id of this box; it never changes.
    #[must_use]
    pub fn box_id(&self) -> &Arc<str> {
        &self.box_id
    }
}

/// How long the only caller looks for his answer before he sleeps: some two scans of a good disk; a slower one makes him
/// wait anyway. To be woken takes a tenth of the time of a scan; while others wait too, their work is worth more than his
/// looking.
const ANSWER_LOOK: Duration = Duration::from_millis(1);

/// Those who wait for the writer.
struct Waiting {
    callers: AtomicUsize,
    look: Duration,
}

impl Waiting {
    /// On one core who looks keeps the writer from its work.
    fn new() -> Waiting {
        let cores = std::thread::available_parallelism().map_or(1, std::num::NonZero::get);
        let look = if cores > 1 { ANSWER_LOOK } else { Duration::ZERO };
        Waiting { callers: AtomicUsize::new(0), look }
    }

    fn one_more(&self) -> Caller<'_> {
        self.callers.fetch_add(1, Ordering::Relaxed);
        Caller(self)
    }
}

/// One of those who wait.
struct Caller<'w>(&'w Waiting);

impl Caller<'_> {
    /// The answer; none where the job that was to give it is gone.
    async fn wait<T>(&self, mut answer: oneshot::Receiver<T>) -> Option<T> {
        let until = Instant::now() + self.0.look;
        while self.0.callers.load(Ordering::Relaxed) == 1 && Instant::now() < until {
            match answer.try_recv() {
                Err(oneshot::error::TryRecvError::Empty) => tokio::task::yield_now().await,
                told => return told.ok(),
            }
        }
        answer.await.ok()
    }
}

impl Drop for Caller<'_> {
    fn drop(&mut self) {
        self.0.callers.fetch_sub(1, Ordering::Relaxed);
    }
}

/// The open database with what the writer keeps between transactions.
struct Store {
    folder: Folder,
    identity: Identity,
    conn: Connection,
    anchor: Anchor,
    head: Head,
    last_wall: Option<jiff::Timestamp>,
    cache: Cache,
    box_id: Arc<str>,
    damage: Option<Damage>,
}

impl Store {
    fn open(folder: &Folder) -> Result<Store, LedgerError> {
        let conn = schema::open_writer(&folder.database())?;
        let (mut anchor, anchored) = Anchor::open(&folder.anchor())?;
        anchor.go_past_the_cache(&folder.anchor());
        let (head, damage) = examine(&conn, anchored)?;
        if damage.is_none() && anchored != Some(head) {
            // the last commit was made and its anchor was not: what is there now is synced before it is trusted
            settle(&conn)?;
            anchor.write(head).map_err(LedgerError::io("can't write", &folder.anchor()))?;
        }
        let last_wall = match damage {
            None => last_wall(&conn)?,
            Some(_) => None,
        };
        let box_id = box_id(&conn)?;
        let (folder, identity) = (folder.clone(), folder.identity()?);
        Ok(Store { folder, identity, conn, anchor, head, last_wall, cache: Cache::default(), box_id, damage })
    }

    /// From now on nothing is written: a damaged file is not mended by trying again.
    fn give_up(&mut self, error: &LedgerError) {
        if error.is_damage() {
            let what = format!("the database is damaged: {}", chain(error));
            self.damage = Some(Damage { head: self.head.seq, anchored: self.head.seq, what, acceptable: false });
        }
    }

    /// Opens the same database again; none is made in its place.
    fn reopen(folder: &Folder, identity: Identity) -> Result<Store, LedgerError> {
        still(folder, identity)?;
        Store::open(folder)
    }

    /// Runs a group of jobs in one transaction. The answers are given by the caller, who first says how the writer is.
    fn group(&mut self, jobs: Vec<Job>) -> (Result<(), WriteError>, Vec<Answer>) {
        let mut answers = Vec::with_capacity(jobs.len());
        let outcome = self.transact(jobs, &mut answers);
        (outcome, answers)
    }

    fn transact(&mut self, jobs: Vec<Job>, answers: &mut Vec<Answer>) -> Result<(), WriteError> {
        let mut jobs = jobs.into_iter();
        let not_recorded = |error: &dyn std::error::Error| WriteError::NotRecorded(chain(error));
        let begun = still(&self.folder, self.identity)
            .and_then(|()| run(&self.conn, "BEGIN IMMEDIATE").map_err(LedgerError::sqlite("can't begin")));
        if let Err(error) = begun {
            self.give_up(&error);
            let error = not_recorded(&error);
            answers.extend(jobs.map(|job| job(Err(error.clone()))));
            return Err(error);
        }
        let cache = std::mem::take(&mut self.cache);
        let mut transaction = WriteTransaction::new(&self.conn, cache, self.head, self.last_wall, &self.box_id);
        for job in jobs.by_ref() {
            // a panic is a bug of ours: its transaction is thrown away, and the writer lives on
            match std::panic::catch_unwind(AssertUnwindSafe(|| job(Ok(&mut transaction)))) {
                Ok(answer) => answers.push(answer),
                Err(_) => transaction.spoil(),
            }
            if transaction.has_failed() {
                break;
            }
        }
        let (head, last_wall, cache) = match transaction.finish() {
            Ok(finished) => finished,
            Err(error) => {
                self.give_up(&error);
                let error = not_recorded(&error);
                answers.extend(jobs.map(|job| job(Err(error.clone()))));
                // a failed roll-back leaves nothing committed either; the store is opened anew
                drop(run(&self.conn, "ROLLBACK"));
                return Err(error);
            }
        };
        if head == self.head {
            // nothing was appended: nothing to sync
            self.cache = cache;
            return run(&self.conn, "COMMIT").map_err(|error| not_recorded(&error));
        }
        let unknown = |error: &dyn std::error::Error| WriteError::NotConfirmed(chain(error));
        if let Err(error) = run(&self.conn, "COMMIT").map_err(LedgerError::sqlite("can't commit")) {
            self.give_up(&error);
            return Err(unknown(&error));
        }
        self.anchor.write(head).map_err(|error| unknown(&error))?;
        (self.head, self.last_wall, self.cache) = (head, last_wall, cache);
        Ok(())
    }
}

/// Whether the database is the one that was opened. What is written to a deleted file is lost when it is closed.
fn still(folder: &Folder, identity: Identity) -> Result<(), LedgerError> {
    let is_same = folder.identity()? == identity;
    if is_same { Ok(()) } else { Err(LedgerError::Gone { path: folder.database() }) }
}

/// Runs a statement that stays prepared.
fn run(conn: &Connection, sql: &str) -> rusqlite::Result<()> {
    conn.prepare_cached(sql)?.execute([]).map(drop)
}

/// An error with its causes, in one line.
fn chain(error: &dyn std::error::Error) -> String {
    let causes = std::iter::successors(error.source(), |cause| cause.source());
    causes.fold(error.to_string(), |text, cause| format!("{text}: {cause}"))
}

struct Main {
    folder: Folder,
    health: watch::Sender<Health>,
}

impl Main {
    fn run(self, mut store: Store, mut jobs: mpsc::Receiver<Job>) {
        while let Some(first) = next_job(&mut jobs) {
            if let Some(damage) = &store.damage {
                let answer = first(Err(WriteError::NotRecorded(damage.what.clone())));
                answer(Ok(()));
                continue;
            }
            let mut group = vec![first];
            while group.len() < GROUP_MAX {
                match jobs.try_recv() {
                    Ok(job) => group.push(job),
                    Err(_) => break,
                }
            }
            let (outcome, answers) = store.group(group);
            if let Err(error) = &outcome {
                let stopped = Health::Stopped(error.to_string());
                self.health.send_replace(store.damage.clone().map_or(stopped, Health::Recovery));
            }
            for answer in answers {
                answer(outcome.clone());
            }
            if let Err(error) = outcome {
                if store.damage.is_some() {
                    tracing::error!(%error, hint = HINT_OF_DAMAGE, "The database is damaged; nothing is recorded any more.");
                    continue;
                }
                tracing::error!(%error, "The ledger can't be written; nothing is recorded until it can.");
                match self.reopen(store, &mut jobs) {
                    Some(opened) => store = opened,
                    None => return,
                }
            }
        }
    }

    /// After a failure nothing is trusted: the database is closed, opened again, and what it holds is synced. While
    /// that can't be done every job is refused.
    fn reopen(&self, store: Store, jobs: &mut mpsc::Receiver<Job>) -> Option<Store> {
        let identity = store.identity;
        drop(store);
        loop {
            match Store::reopen(&self.folder, identity).and_then(probed) {
                Ok(store) => {
                    let health = store.damage.clone().map_or(Health::Good, Health::Recovery);
                    tracing::info!(head = store.head.seq, "The ledger can be written again.");
                    self.health.send_replace(health);
                    return Some(store);
                }
                Err(error) => {
                    let reason = chain(&error);
                    self.health.send_if_modified(|health| {
                        let stopped = Health::Stopped(reason.clone());
                        let changed = *health != stopped;
                        *health = stopped;
                        changed
                    });
                    if !refuse_for(RETRY, jobs, &reason) {
                        return None;
                    }
                }
            }
        }
    }
}

/// How long the writer looks for more work before it sleeps: waking it costs the next scan more than a scanner's
/// acknowledgement takes, and an idle box sleeps all the same.
const JOB_LOOK: Duration = Duration::from_micros(150);

/// The next job; none once nobody is left to ask.
fn next_job(jobs: &mut mpsc::Receiver<Job>) -> Option<Job> {
    let until = Instant::now() + JOB_LOOK;
    loop {
        match jobs.try_recv() {
            Ok(job) => return Some(job),
            Err(mpsc::error::TryRecvError::Disconnected) => return None,
            Err(mpsc::error::TryRecvError::Empty) if Instant::now() >= until => return jobs.blocking_recv(),
            Err(mpsc::error::TryRecvError::Empty) => std::thread::yield_now(),
        }
    }
}

/// Refuses what comes in for a while; false once nobody is left to ask.
fn refuse_for(span: Duration, jobs: &mut mpsc::Receiver<Job>, reason: &str) -> bool {
    let until = Instant::now() + span;
    loop {
        match jobs.try_recv() {
            Ok(job) => job(Err(WriteError::NotRecorded(reason.to_owned())))(Ok(())),
            Err(mpsc::error::TryRecvError::Disconnected) => return false,
            Err(mpsc::error::TryRecvError::Empty) if Instant::now() >= until => return true,
            Err(mpsc::error::TryRecvError::Empty) => std::thread::sleep(Duration::from_millis(5)),
        }
    }
}

/// Makes sure that the database can be written before anything relies on it.
fn probed(store: Store) -> Result<Store, LedgerError> {
    settle(&store.conn)?;
    store
        .conn
        .execute("INSERT OR REPLACE INTO meta (key, value) VALUES ('probe', hex(randomblob(2000)))", [])
        .map_err(LedgerError::sqlite("the database can't be written"))?;
    Ok(store)
}

/// Syncs the WAL and moves it into the database: what is read after this is on disk.
fn settle(conn: &Connection) -> Result<(), LedgerError> {
    let moved =
        conn.query_row("PRAGMA wal_checkpoint(PASSIVE)", [], |row| Ok((row.get::<_, i64>(1)?, row.get::<_, i64>(2)?)));
    let (pages, moved) = moved.map_err(LedgerError::sqlite("the write-ahead log can't be synced"))?;
    if pages == moved { Ok(()) } else { Err(LedgerError::Unsettled { pages, moved }) }
}

/// When the last record was made.
fn last_wall(conn: &Connection) -> Result<Option<jiff::Timestamp>, LedgerError> {
    let body = conn
        .query_row("SELECT body FROM ledger ORDER BY seq DESC LIMIT 1", [], |row| row.get::<_, Vec<u8>>(0))
        .optional()
        .map_err(LedgerError::sqlite("can't read the last record"))?;
    Ok(body.and_then(|body| serde_json::from_slice::<super::Record>(&body).ok()).map(|record| record.at.wall))
}

/// The head of a ledger, and what can be seen of damage in the time that a start has: a tail that is not there, newest
/// records that can't be read or don't prove themselves.
fn examine(conn: &Connection, anchored: Option<Head>) -> Result<(Head, Option<Damage>), LedgerError> {
    let at = anchored.map_or(0, |head| head.seq);
    let head = match read_head(conn) {
        Err(error) if error.is_damage() => {
            let head = damage::readable_until(conn, at);
            let what = format!("records {} to {at} can't be read: {}", head.seq + 1, chain(&error));
            return Ok((head, Some(Damage { head: head.seq, anchored: at, what, acceptable: false })));
        }
        read => read?,
    };
    let damage = match compare(conn, head, anchored) {
        Err(error) if error.is_damage() => None,
        compared => compared?,
    };
    if damage.is_some() {
        return Ok((head, damage));
    }
    let known = accepted(conn)?.max(super::archived::cut(conn)?.head.seq);
    let what = damage::of_the_newest(conn, head, known);
    Ok((head, what.map(|what| Damage { head: head.seq, anchored: at, what, acceptable: true })))
}

/// The last record of those whose damage a person has accepted.
fn accepted(conn: &Connection) -> Result<u64, LedgerError> {
    let sql = "SELECT CAST(value AS INTEGER) FROM meta WHERE key = 'accepted'";
    let seq = conn.query_row(sql, [], |row| row.get::<_, i64>(0)).optional();
    seq.map(|seq| seq.unwrap_or(0).cast_unsigned()).map_err(LedgerError::sqlite("can't read what was accepted"))
}

pub(super) fn read_head(conn: &Connection) -> Result<Head, LedgerError> {
    let last = conn
        .query_row("SELECT seq, hash FROM ledger ORDER BY seq DESC LIMIT 1", [], |row| {
            Ok((row.get::<_, i64>(0)?, row.get::<_, [u8; 32]>(1)?))
        })
        .optional()
        .map_err(LedgerError::sqlite("can't read the head of the ledger"))?;
    match last {
        Some((seq, hash)) => Ok(Head { seq: seq.cast_unsigned(), hash }),
        // the newest records never leave, but the chain must not begin again if they did
        None => Ok(super::archived::cut(conn)?.head),
    }
}

/// Whether the database holds what its anchor says that it held.
pub(super) fn compare(conn: &Connection, head: Head, anchored: Option<Head>) -> Result<Option<Damage>, LedgerError> {
    let damage = |anchored: u64, what: String| Some(Damage { head: head.seq, anchored, what, acceptable: true });
    let Some(anchored) = anchored else {
        return Ok((head.seq > 0)
            .then(|| damage(0, format!("the anchor is missing; the ledger ends with record {}", head.seq)))
            .flatten());
    };
    if head.seq < anchored.seq {
        let what =
            format!("records {} to {} are missing: the ledger ends before its anchor", head.seq + 1, anchored.seq);
        return Ok(damage(anchored.seq, what));
    }
    if anchored.seq == 0 {
        return Ok(None);
    }
    let hash = conn
        .query_row("SELECT hash FROM ledger WHERE seq = ?1", [anchored.seq.cast_signed()], |row| {
            row.get::<_, [u8; 32]>(0)
        })
        .optional()
        .map_err(LedgerError::sqlite("can't read the anchored record"))?;
    if hash != Some(anchored.hash) {
        return Ok(damage(anchored.seq, format!("record {} is not the one that the anchor names", anchored.seq)));
    }
    Ok(None)
}

/// The id of this box: made at the first start, and never again under the same data.
fn box_id(conn: &Connection) -> Result<Arc<str>, LedgerError> {
    let sql = "INSERT INTO meta (key, value) VALUES ('box', lower(hex(randomblob(4)))) ON CONFLICT (key) DO NOTHING";
    let made = conn
        .execute(sql, [])
        .and_then(|_| conn.query_row("SELECT value FROM meta WHERE key = 'box'", [], |row| row.get::<_, String>(0)));
    made.map(Into::into).map_err(LedgerError::sqlite("can't read the id of the box"))
}

/// Gives the box a new id, because records that were under the old one are gone and their numbers come again: what was
/// told of them elsewhere must not be taken for the new ones.
pub(super) fn new_box_id(conn: &Connection) -> Result<String, LedgerError> {
    conn.execute("DELETE FROM meta WHERE key = 'box'", []).map_err(LedgerError::sqlite("can't forget the box's id"))?;
    box_id(conn).map(|id| id.to_string())
}

/// A loss that a person has accepted.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Accepted {
    /// What is lost.
    pub damage: Damage,
    /// The id under which the box goes on.
    pub by: String,
    /// The last place of its feed.
    pub last: u64,
}

/// The last place of the feed.
pub(super) fn last_of_feed(conn: &Connection) -> Result<u64, LedgerError> {
    let last = conn.query_row("SELECT max(seq) FROM outbox", [], |row| row.get::<_, Option<i64>>(0));
    last.map(|last| last.unwrap_or(0).cast_unsigned()).map_err(LedgerError::sqlite("can't read the feed"))
}

/// Says that a lost tail is known: the anchor is set to what is there, and work can go on. Only a person may do this,
/// and no other process may hold the folder.
///
/// # Errors
/// The ledger can't be opened, or the anchor can't be written.
pub fn accept_damage(folder: &Folder) -> Result<Option<Accepted>, LedgerError> {
    let mut store = Store::open(folder)?;
    if let Some(damage) = store.damage.take() {
        if !damage.acceptable {
            return Err(LedgerError::Broken { path: folder.database(), what: damage.what });
        }
        let path: PathBuf = folder.anchor();
        let known = "INSERT OR REPLACE INTO meta (key, value) VALUES ('accepted', ?1)";
        store
            .conn
            .execute(known, [store.head.seq.to_string()])
            .map_err(LedgerError::sqlite("can't keep what was accepted"))?;
        // before the anchor: a crash in between must not leave the old id with places that are given out again
        let (by, last) = (new_box_id(&store.conn)?, last_of_feed(&store.conn)?);
        // the newest slot would still win: both are written
        for _ in 0..2 {
            store.anchor.write(store.head).map_err(LedgerError::io("can't write", &path))?;
        }
        return Ok(Some(Accepted { damage, by, last }));
    }
    Ok(None)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_lone_caller_whose_job_breaks_is_told_and_the_next_one_is_served() {
        let folder = tempfile::tempdir().expect("a folder");
        let writer = Writer::start(&Folder::new(folder.path())).expect("a writer");
        let broken = writer.submit(|_| -> () { panic!("a bug of ours") }).await;
        assert!(matches!(broken, Err(WriteError::NotConfirmed(_))), "{broken:?}");
        assert_eq!(writer.submit(|_| 7).await, Ok(7));
        assert_eq!(writer.waiting.callers.load(Ordering::Relaxed), 0);
    }
}
