//! The ledger's retention: once a day, at a quiet moment, old records are moved to archives; by hand whenever wanted.

use std::path::PathBuf;
use std::time::Duration;

use jiff::civil::Date;
use jiff::{SignedDuration, Timestamp};
use serde_json::{Value, json};
use tokio::sync::{Mutex, watch};
use tokio::time::{Instant, MissedTickBehavior};

use super::{Core, held};
use crate::config::{Config, EscalationSettings, LedgerSettings, TargetSettings};
use crate::domain::clock::Moment;
use crate::ledger::{Archive, Cause, Due, Health, HeldBy, Marked, RetentionTerms};
use crate::upstream::{Told, told};
use crate::web::backend::{Archiving, Caller, Unavailable};

/// How often it is looked whether something is due.
const LOOK: Duration = Duration::from_secs(60);

/// The first look after the start: a box that is started is soon scanned with.
const FIRST: Duration = Duration::from_secs(600);

/// How often records are archived.
const DAY: Duration = Duration::from_secs(86_400);

/// How long nothing was recorded when a moment counts as quiet.
const QUIET: Duration = Duration::from_secs(300);

/// How long a quiet moment is waited for: a box that works day and night archives all the same, in small steps.
const PATIENCE: Duration = Duration::from_secs(12 * 3_600);

/// Records that are worth an archive of their own: a small shop has one a month rather than one a day.
const WORTH: u64 = 5_000;

/// How much the wall clock may differ from what passed since the start, before nothing is judged by it for a day.
const STEP_MAX: SignedDuration = SignedDuration::from_hours(1);

/// How many times as long as a step of the deletion took nothing is deleted after it, while others write, too.
const REST: u32 = 10;

/// Records of open things wait this many times as long as others: somebody forgot them.
const OPEN_TIMES: i64 = 2;

/// What the retention needs to know, and what came of it last.
pub(super) struct Keeper {
    data: PathBuf,
    settings: LedgerSettings,
    targets: Vec<TargetSettings>,
    ladders: Vec<EscalationSettings>,
    /// One at a time.
    turn: Mutex<()>,
    /// What stays though it is old, and since when.
    overdue: std::sync::Mutex<Option<(HeldBy, Timestamp)>>,
}

impl Keeper {
    pub(super) fn new(config: &Config) -> Self {
        Keeper {
            data: config.data.clone(),
            settings: config.ledger.clone(),
            targets: config.target.clone(),
            ladders: config.escalation.clone(),
            turn: Mutex::new(()),
            overdue: std::sync::Mutex::new(None),
        }
    }
}

/// What one run is to do.
#[derive(Clone)]
struct Run {
    before: Timestamp,
    open_before: Option<Timestamp>,
    least: u64,
    /// How many times as long as a step took is rested after it.
    rest: u32,
    cause: Cause,
}

/// What one run did.
struct Ran {
    archive: Option<Archive>,
    due: Due,
}

/// Archives by itself until waybind stops.
pub(super) async fn look_after_ledger(core: Core) {
    let mut stop = core.stopped();
    let mut ticks = tokio::time::interval(LOOK);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let mut recorded = *core.parts.feed.borrow();
    let (mut since, mut due, mut last) = (Instant::now(), Instant::now() + FIRST, core.parts.clock.now().at);
    loop {
        tokio::select! {
            _ = ticks.tick() => {}
            _ = stop.wait_for(|stop| *stop) => return,
        }
        let now_recorded = *core.parts.feed.borrow();
        if now_recorded != recorded {
            (recorded, since) = (now_recorded, Instant::now());
        }
        let is_quiet = since.elapsed() >= QUIET || Instant::now() >= due + PATIENCE;
        if Instant::now() < due || !is_quiet {
            continue;
        }
        due = Instant::now() + DAY;
        let now = core.parts.clock.now().at;
        if stepped(&last, &now) {
            tracing::warn!("The wall clock was set; nothing is archived by it today.");
        } else {
            core.retain(&now).await;
        }
        last = now;
    }
}

/// Whether the wall clock was set since an earlier moment.
fn stepped(earlier: &Moment, now: &Moment) -> bool {
    let passed = now.millis_since(earlier).and_then(|passed| i64::try_from(passed).ok());
    let by_wall = now.wall.duration_since(earlier.wall);
    passed.is_none_or(|passed| (by_wall - SignedDuration::from_millis(passed)).abs() > STEP_MAX)
}

/// So many days before a moment.
fn days_before(at: Timestamp, days: i64) -> Option<Timestamp> {
    at.checked_sub(SignedDuration::from_hours(days.checked_mul(24)?)).ok()
}

impl Core {
    /// Does what is due today: archives are written, and old ones deleted.
    async fn retain(&self, now: &Moment) {
        let Ok(_turn) = self.parts.keeper.turn.try_lock() else { return };
        if let Err(Unavailable(error)) = self.retain_by(now).await {
            tracing::error!(error, "The ledger can't be archived; it is tried again tomorrow.");
        }
    }

    async fn retain_by(&self, now: &Moment) -> Result<(), Unavailable> {
        self.read(|reader| reader.delete_removed()).await?;
        self.finish_half(REST).await?;
        let keep = i64::from(self.parts.keeper.settings.keep_days);
        if let Some(before) = days_before(now.wall, keep).filter(|_| keep > 0) {
            let open_before = days_before(now.wall, keep * OPEN_TIMES);
            let cause = Cause::Local { what: "retention".into() };
            let run = Run { before, open_before, least: WORTH, rest: REST, cause };
            while !*self.stopped().borrow() {
                let ran = self.run(&run).await?;
                self.tell_overdue(&ran.due, before);
                if ran.archive.is_none() {
                    break;
                }
            }
        }
        let keep = i64::from(self.parts.keeper.settings.keep_archives_days);
        if let Some(before) = days_before(now.wall, keep).filter(|_| keep > 0) {
            self.remove_archives(before).await?;
        }
        Ok(())
    }

    /// Archives what is due, at most one file of it.
    async fn run(&self, run: &Run) -> Result<Ran, Unavailable> {
        if *self.parts.writer.health().borrow() != Health::Good {
            return Err(Unavailable("the ledger can't be written now; nothing is archived before it can".into()));
        }
        let terms = RetentionTerms { before: run.before, open_before: run.open_before, marked: self.marked().await? };
        let due = self.read(move |reader| reader.due(&terms)).await?;
        if due.records() < run.least {
            return Ok(Ran { archive: None, due });
        }
        let wanted = due.clone();
        let moved = self.read(move |reader| reader.move_out(&wanted)).await?;
        let (now, cause, kept) = (self.parts.clock.now(), run.cause.clone(), moved.clone());
        let taken = self.parts.writer.submit(move |transaction| transaction.put_archive(now.at, cause, &kept)).await?;
        taken.map_err(|error| Unavailable(error.to_string()))?;
        self.feed_moved();
        let archive = moved.archive().clone();
        tracing::info!(file = %archive.file, records = due.records(), "Records were archived.");
        self.finish_half(run.rest).await?;
        Ok(Ran { archive: Some(archive), due })
    }

    /// Deletes the records of the newest archive that are still in the database, a block a commit, after the archive was
    /// proved again.
    async fn finish_half(&self, rest: u32) -> Result<(), Unavailable> {
        let Some(archive) = self.read(|reader| reader.half_moved()).await? else { return Ok(()) };
        self.read(move |reader| reader.prove_archive(&archive)).await?;
        let stop = self.stopped();
        while !*stop.borrow() {
            let began = Instant::now();
            if !self.parts.writer.submit(|transaction| transaction.cut_block()).await? {
                break;
            }
            pause(began.elapsed() * rest, &stop).await;
        }
        Ok(())
    }

    /// Marks archives as removed whose newest record is older, oldest first, and deletes their files. What somebody has yet
    /// to be told stays, and everything after it.
    async fn remove_archives(&self, before: Timestamp) -> Result<(), Unavailable> {
        let marked = self.marked().await?;
        let half = self.read(|reader| reader.half_moved()).await?;
        let is_told = |archive: &Archive| marked.iter().all(|marked| marked.place >= archive.feed);
        let is_whole = |archive: &Archive| half.as_ref().is_none_or(|half| half.first != archive.first);
        let old = |archive: &&Archive| archive.newest < before && is_told(archive) && is_whole(archive);
        let archives = self.read(|reader| reader.archives()).await?;
        for archive in archives.iter().filter(|archive| !archive.removed).take_while(old) {
            let (now, gone) = (self.parts.clock.now(), archive.clone());
            self.parts.writer.submit(move |transaction| transaction.remove_archive(now.at, &gone)).await?;
            self.feed_moved();
            tracing::info!(file = %archive.file, "An archive is deleted because of its age.");
        }
        self.read(|reader| reader.delete_removed()).await.map(drop)
    }

    /// Who has yet to be told what.
    async fn marked(&self) -> Result<Vec<Marked>, Unavailable> {
        let core = self.clone();
        let read = move || {
            let keeper = &core.parts.keeper;
            // without the service the configuration may be another one than it is run with
            let all = core.parts.targets.get().is_none();
            told(&keeper.data, core.parts.writer.box_id(), &keeper.targets, &keeper.ladders, all)
        };
        let told = tokio::task::spawn_blocking(read).await.map_err(|error| Unavailable(error.to_string()))?;
        let told = told.map_err(|error| Unavailable(format!("the places of the targets can't be read: {error}")))?;
        Ok(told.into_iter().flat_map(marks).collect())
    }

    /// Says what stays though it is old.
    fn tell_overdue(&self, due: &Due, before: Timestamp) {
        let by = &due.held.by;
        let since = due.held.since.filter(|since| *since < before);
        let overdue = since.filter(|_| !matches!(by, HeldBy::Age | HeldBy::Newest | HeldBy::Size));
        if let Some(since) = overdue {
            let days = before.duration_since(since).as_hours() / 24;
            tracing::warn!(by = ?by, record = due.held.seq, %since, days, "Old records can't be archived.");
        }
        *held(&self.parts.keeper.overdue) = overdue.map(|since| (by.clone(), since));
    }

    /// Archives what a person wants archived, at most one file of it.
    pub(super) async fn archive_by_hand(
        &self,
        caller: Caller,
        before: Option<Date>,
        dry_run: bool,
    ) -> Result<Archiving, Unavailable> {
        let now = self.parts.clock.now().at.wall;
        let keep = i64::from(self.parts.keeper.settings.keep_days);
        let by_age = || days_before(now, keep).filter(|_| keep > 0);
        let before = match before {
            Some(date) => self.parts.clock.begin_of(date),
            None => by_age(),
        };
        let Some(before) = before else { return Ok(Archiving::NoDate) };
        let Ok(_turn) = self.parts.keeper.turn.try_lock() else { return Ok(Archiving::Busy) };
        let open_before = days_before(now, keep * OPEN_TIMES).filter(|_| keep > 0);
        let alone = self.parts.targets.get().is_none();
        let cause = Cause::Upstream { call: caller.call.to_owned(), peer: Some(caller.peer) };
        let run = Run { before, open_before, least: 1, rest: if alone { 0 } else { REST / 2 }, cause };
        if dry_run {
            let marked = self.marked().await?;
            let terms = RetentionTerms { before, open_before, marked };
            let due = self.read(move |reader| reader.due(&terms)).await?;
            return Ok(Archiving::Done(told_of(None, &due)));
        }
        if *self.parts.writer.health().borrow() == Health::Good {
            self.finish_half(run.rest).await?;
        }
        let ran = self.run(&run).await?;
        Ok(Archiving::Done(told_of(ran.archive.as_ref(), &ran.due)))
    }

    /// What stays though it is old, in Prometheus' text format.
    pub(super) fn retention_exposition(&self) -> String {
        let overdue = held(&self.parts.keeper.overdue).clone();
        let now = self.parts.clock.now().at.wall;
        let age = overdue.map_or(0, |(_, since)| now.duration_since(since).as_secs().max(0));
        format!(
            "# HELP waybind_ledger_overdue_seconds Age of the oldest record that should be archived and is kept back.\n# TYPE waybind_ledger_overdue_seconds gauge\nwaybind_ledger_overdue_seconds {age}\n"
        )
    }
}

/// Rests, unless waybind stops.
async fn pause(span: Duration, stop: &watch::Receiver<bool>) {
    let mut stop = stop.clone();
    tokio::select! {
        () = tokio::time::sleep(span) => {}
        _ = stop.wait_for(|stop| *stop) => {}
    }
}

/// What a target or ladder keeps in the database.
fn marks(told: Told) -> Vec<Marked> {
    let name = told.name.clone();
    let who = if told.is_ladder { HeldBy::Escalation { name } } else { HeldBy::Target { name } };
    let refused = told
        .refused
        .map(|place| Marked { who: HeldBy::DeadLetter { name: told.name.clone() }, place: place.saturating_sub(1) });
    [Marked { who, place: told.place }].into_iter().chain(refused).collect()
}

/// A run as the API tells it.
fn told_of(archive: Option<&Archive>, due: &Due) -> Value {
    json!({"due": due.records(), "first": due.first, "last": due.last, "held": due.held, "archive": archive})
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::event::Event;

    /// Records of a moment: a product, and what people took care of.
    async fn write(core: &Core, count: usize, wall: Timestamp) {
        for start in (0..count).step_by(500) {
            let work = move |transaction: &mut crate::ledger::WriteTransaction<'_>| {
                for number in start..(start + 500).min(count) {
                    let fact = Event::AlertTaken { alert: format!("a-{number}"), by: "Li".into() };
                    let at = Moment { wall, boot_ms: 0, boot: 1 };
                    transaction.append(at, Cause::Local { what: "test".into() }, None, vec![fact]);
                }
            };
            core.parts.writer.submit(work).await.expect("written");
        }
    }

    #[tokio::test]
    async fn once_a_day_what_is_old_is_archived_and_what_is_very_old_deleted() {
        let folder = tempfile::tempdir().expect("a folder");
        let text = "[ledger]\nkeep_days = 7\nkeep_archives_days = 30\n";
        let mut config = Config::parse(text, &std::collections::BTreeMap::new()).expect("right");
        config.data = folder.path().to_owned();
        let core = Core::open(&config).expect("opens");
        let began: Timestamp = "2026-01-01T00:00:00Z".parse().expect("a time");
        write(&core, 6_500, began).await;
        let day = |number: i64| {
            let wall = began + SignedDuration::from_hours(24 * number);
            Moment { wall, boot_ms: 0, boot: 1 }
        };
        let stats = || core.parts.reader.stats().expect("readable");
        core.retain(&day(6)).await;
        assert_eq!(stats().archived, 0, "nothing is old enough");
        core.retain(&day(8)).await;
        assert_eq!((stats().archived, stats().archives), (6_500 - crate::ledger::KEPT_RECORDS, 1));
        core.retain(&day(9)).await;
        assert_eq!(stats().archives, 1, "a few records are not worth an archive");
        let archives = core.parts.reader.archives().expect("readable");
        let path = folder.path().join("archive").join(&archives[0].file);
        assert!(path.exists());
        // a target that is behind keeps its archive, too
        let place = folder.path().join("targets/erp");
        std::fs::create_dir_all(&place).expect("a folder");
        let cursor = |seq: u64| {
            let text = format!("{{\"generation\":{seq},\"box\":\"{}\",\"seq\":{seq}}}", core.parts.writer.box_id());
            let sum = data_encoding::HEXLOWER.encode(&<sha2::Sha256 as sha2::Digest>::digest(text.as_bytes()));
            std::fs::write(place.join("cursor"), format!("{text} {sum}\n")).expect("written");
        };
        cursor(100);
        core.retain(&day(60)).await;
        assert!(path.exists());
        cursor(6_500);
        core.retain(&day(61)).await;
        assert!(!path.exists() && core.parts.reader.archives().expect("readable")[0].removed);
        let report = crate::ledger::verify(&crate::ledger::Folder::new(folder.path())).expect("readable");
        assert!(report.is_clean(), "{report:#?}");
    }

    #[test]
    fn a_clock_that_was_set_is_noticed_and_one_that_drifts_is_not() {
        let at = |wall: &str, boot_ms| Moment { wall: wall.parse().expect("a time"), boot_ms, boot: 1 };
        let began = at("2026-11-22T00:00:00Z", 0);
        let day = 86_400_000;
        assert!(!stepped(&began, &at("2026-11-23T00:00:05Z", day)));
        assert!(stepped(&began, &at("2031-11-23T00:00:00Z", day)), "five years ahead");
        assert!(stepped(&began, &at("1970-01-01T00:00:00Z", day)));
        assert!(stepped(&began, &Moment { boot: 2, ..began }), "nothing is known over a restart of the machine");
    }
}
