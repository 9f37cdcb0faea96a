//! Old records leave the database for archives: nothing that is needed leaves, nothing is lost at any step, everything
//! that was provable stays so, and what can no longer be proved is said.

#![allow(missing_docs, clippy::unwrap_used, reason = "a test")]

mod support;

use std::path::Path;

use jiff::SignedDuration;
use rusqlite::Connection;
use support::year::{RECORDS, Year, began, day, judge, now, scanned, terms};
use waybind::domain::event::Event;
use waybind::domain::ids::OrderId;
use waybind::ledger::{
    Cause, FeedEvent, HeldBy, KEPT_RECORDS, LedgerError, Marked, Reader, RetentionTerms, Span, back_up, verify,
};

const ORDERS: usize = 400;
/// The product, the orders.
const ALL: u64 = 1 + ORDERS as u64 * RECORDS;

/// 400 orders on 200 days.
async fn year(path: &Path) -> Year {
    let year = Year::begin(path).await;
    for number in 0..ORDERS / 2 {
        year.day(number as i64, number * 2..number * 2 + 2).await;
    }
    assert_eq!(year.reader.stats().unwrap().records, ALL);
    year
}

fn feed(reader: &Reader) -> Vec<FeedEvent> {
    let mut all: Vec<FeedEvent> = Vec::new();
    loop {
        let next = reader.events_after(all.last().map_or(0, |event| event.seq), 333).unwrap();
        if next.is_empty() {
            return all;
        }
        all.extend(next);
    }
}

#[track_caller]
fn assert_proved(year: &Year) {
    let report = verify(&year.folder).unwrap();
    assert!(report.is_clean(), "{report:#?}");
    assert!(report.archived.is_none_or(|part| part.folded));
}

fn in_database(year: &Year) -> (i64, i64) {
    let conn = Connection::open(year.folder.database()).unwrap();
    conn.query_row("SELECT count(*), min(seq) FROM ledger", [], |row| Ok((row.get(0)?, row.get(1)?))).unwrap()
}

#[tokio::test]
async fn old_records_are_in_an_archive_and_everything_is_told_as_before() {
    let folder = tempfile::tempdir().unwrap();
    let year = year(folder.path()).await;
    let (before, story) = (feed(&year.reader), year.reader.order_history("SO-7").unwrap());
    let (opened, again) = (scanned("SO-7-item", "ITEM"), scanned("SO-7-item", "OTHER"));
    let due = year.reader.due(&terms(day(90))).unwrap();
    assert_eq!((due.first, due.last), (1, 1 + 180 * RECORDS), "90 days of two orders each");
    assert_eq!((due.held.by, due.held.since), (HeldBy::Age, Some(day(90))));
    assert_eq!(year.archive(&terms(day(90))).await.unwrap(), 1 + 180 * RECORDS);
    assert_eq!(in_database(&year).1 as u64, due.last + 1);
    assert_proved(&year);
    // a second archive follows the first
    assert_eq!(year.archive(&terms(day(120))).await.unwrap(), 60 * RECORDS);
    assert_proved(&year);
    let after = feed(&year.reader);
    let told: Vec<&FeedEvent> = after.iter().filter(|event| event.kind != "records_archived").collect();
    assert_eq!(told, before.iter().collect::<Vec<_>>(), "the feed is told as before, archived or not");
    assert_eq!(after.len(), before.len() + 2);
    assert_eq!(year.reader.order_history("SO-7").unwrap(), story);
    assert!(story.events.len() >= 6 && story.missing.is_empty());
    let span = Span { after: after[3].seq, through: u64::MAX, limit: 1_000, bytes: 1 };
    let few = year.reader.texts(span).unwrap();
    assert_eq!(few[0].id(), after[4].id, "at least one where there is one");
    let two = year.reader.texts(Span { after: 1, through: 3, limit: 1_000, bytes: usize::MAX }).unwrap();
    assert_eq!(two.iter().map(|event| event.seq).collect::<Vec<_>>(), [2, 3], "no more than was asked for");
    assert_eq!(year.reader.events_after(0, 5).unwrap(), after[..5]);
    // a scan whose record is archived counts no second time, and another one under its id is a conflict
    let (first, other) = year
        .writer
        .submit(move |transaction| {
            let at = now(day(400));
            (judge(transaction, &opened, at), judge(transaction, &again, at))
        })
        .await
        .unwrap();
    assert_eq!(
        (first.code.as_str(), first.first_code.map(|code| code.as_str())),
        ("already_recorded", Some("order_complete"))
    );
    assert!(first.seq.is_some_and(|seq| seq < due.last));
    assert_eq!(other.code.as_str(), "scan_id_conflict");
    let stats = year.reader.stats().unwrap();
    assert_eq!((stats.archived, stats.archives), (due.last + 60 * RECORDS, 2));
    assert!(stats.free_bytes > 0 && stats.archive_bytes > 0);
    assert_proved(&year);
}

#[tokio::test]
async fn what_somebody_needs_stays() {
    let folder = tempfile::tempdir().unwrap();
    let year = year(folder.path()).await;
    let held = |terms: &RetentionTerms| {
        let due = year.reader.due(terms).unwrap();
        (due.last, due.held.by)
    };
    let late = day(9_999);
    assert_eq!(held(&terms(late)), (ALL - KEPT_RECORDS, HeldBy::Newest));
    assert_eq!(held(&terms(began())), (0, HeldBy::Age));
    // a target that was told up to a place: the record of the next one stays
    let places: Vec<(u64, u64)> = {
        let conn = Connection::open(year.folder.database()).unwrap();
        let mut rows = conn.prepare("SELECT seq, record FROM outbox ORDER BY seq LIMIT 900").unwrap();
        let read = |row: &rusqlite::Row<'_>| Ok((row.get::<_, i64>(0)? as u64, row.get::<_, i64>(1)? as u64));
        rows.query_map([], read).unwrap().map(Result::unwrap).collect()
    };
    let erp = HeldBy::Target { name: "erp".into() };
    let refused = HeldBy::DeadLetter { name: "erp".into() };
    for (place, record) in [places[0], places[400], places[899]] {
        let marked = vec![Marked { who: erp.clone(), place: place - 1 }];
        assert_eq!(held(&RetentionTerms { marked, ..terms(late) }), (record - 1, erp.clone()));
    }
    let marked = vec![
        Marked { who: erp.clone(), place: places[800].0 },
        Marked { who: refused.clone(), place: places[50].0 - 1 },
    ];
    assert_eq!(held(&RetentionTerms { marked, ..terms(late) }), (places[50].1 - 1, refused));
    let last = year.reader.last_event().unwrap();
    let marked = vec![Marked { who: erp.clone(), place: last }];
    assert_eq!(held(&RetentionTerms { marked, ..terms(late) }).1, HeldBy::Newest, "who was told all keeps nothing");
    // once its beginning is archived, a target that comes anew keeps the rest
    year.archive(&terms(day(30))).await.unwrap();
    let marked = vec![Marked { who: erp.clone(), place: 0 }];
    assert_eq!(held(&RetentionTerms { marked, ..terms(late) }), (1 + 60 * RECORDS, erp));
}

#[tokio::test]
async fn records_of_open_things_stay_until_somebody_forgot_them() {
    let folder = tempfile::tempdir().unwrap();
    let year = Year::begin(folder.path()).await;
    year.day(0, 0..10).await;
    year.order(10, now(day(1)), false).await;
    year.day(2, 11..20).await;
    // the last one is put out of hand
    year.writer
        .submit(|transaction| {
            assert_eq!(judge(transaction, &scanned("done", "WB:C:DONE"), now(day(2))).code.as_str(), "closed")
        })
        .await
        .unwrap();
    year.refused(0..KEPT_RECORDS as usize + 50, now(day(3))).await;
    let due = year.reader.due(&terms(day(300))).unwrap();
    assert_eq!(due.held.by, HeldBy::Open { kind: "order", id: "SO-10".into() });
    assert_eq!(due.last, 1 + 10 * RECORDS);
    let forgotten = RetentionTerms { open_before: Some(day(2)), ..terms(day(300)) };
    assert_eq!(year.reader.due(&forgotten).unwrap().held.by, HeldBy::Newest);
    let waited_for = RetentionTerms { open_before: Some(day(1)), ..terms(day(300)) };
    assert_eq!(year.reader.due(&waited_for).unwrap().last, due.last);
    year.archive(&forgotten).await.unwrap();
    // the forgotten order is worked on after all, and its story is whole
    let at = now(day(301));
    let codes = year
        .writer
        .submit(move |transaction| {
            let mut scan = |id: &str, data: &str| judge(transaction, &scanned(id, data), at).code.as_str();
            [scan("late-1", "SO-10"), scan("late-2", "ITEM"), scan("late-3", "W00000010")]
        })
        .await
        .unwrap();
    assert_eq!(codes, ["opened", "order_complete", "waybill_bound"]);
    let story = year.reader.order_history("SO-10").unwrap().events;
    assert_eq!(story[0].kind, "order_put");
    assert!(story.iter().any(|event| event.kind == "waybill_bound"));
    assert_proved(&year);
}

#[tokio::test]
async fn a_wall_clock_that_was_wrong_for_a_while_neither_keeps_nor_gives_away_what_it_should_not() {
    let folder = tempfile::tempdir().unwrap();
    let year = Year::begin(folder.path()).await;
    year.refused(0..100, now(day(1))).await;
    year.refused(100..150, now(day(3_650))).await;
    year.refused(150..200, now(day(2))).await;
    year.refused(200..300, now(day(100))).await;
    year.refused(300..310, now(began() - SignedDuration::from_hours(24 * 365 * 20))).await;
    year.refused(310..310 + KEPT_RECORDS as usize, now(day(100))).await;
    let due = year.reader.due(&terms(day(50))).unwrap();
    assert_eq!(due.last, 201, "records from a clock that was ahead leave with those around them");
    assert_eq!(due.held.by, HeldBy::Age, "those from a clock that was behind are not old");
}

#[tokio::test]
async fn a_crash_after_any_step_loses_nothing_and_the_next_run_goes_on() {
    let folder = tempfile::tempdir().unwrap();
    let mut year = year(folder.path()).await;
    let before = feed(&year.reader);
    let told = |year: &Year| -> Vec<FeedEvent> {
        feed(&year.reader).into_iter().filter(|event| event.kind != "records_archived").collect()
    };
    let terms = terms(day(100));
    // half a file under another name
    std::fs::create_dir_all(year.folder.archives()).unwrap();
    std::fs::write(year.folder.archives().join("next.part"), "half").unwrap();
    // a whole one that nothing names
    let due = year.reader.due(&terms).unwrap();
    let moved = year.reader.move_out(&due).unwrap();
    let file = year.folder.archives().join(&moved.archive().file);
    std::fs::write(&file, "not even gzip").unwrap();
    year = Year::open(folder.path());
    assert_proved(&year);
    assert_eq!(year.reader.half_moved().unwrap(), None);
    let moved = year.reader.move_out(&due).unwrap();
    year.take(moved).await;
    // named, nothing deleted
    year = Year::open(folder.path());
    assert_proved(&year);
    let half = year.reader.half_moved().unwrap().unwrap();
    year.reader.prove_archive(&half).unwrap();
    assert_eq!(told(&year), before);
    // in the middle of deleting
    let blocks = due.records().div_ceil(200) as usize;
    for done in 1..=blocks {
        assert_eq!(year.cut(1).await, 1);
        year = Year::open(folder.path());
        assert_proved(&year);
        assert_eq!(told(&year), before, "after {done} blocks");
        assert_eq!(year.reader.order_history("SO-30").unwrap().events[0].kind, "order_put");
    }
    assert_eq!(year.cut(1).await, 0);
    assert_eq!(year.reader.half_moved().unwrap(), None);
    // what does not continue the archives is not taken
    let stale = year.reader.due(&terms).unwrap();
    assert_eq!(stale.records(), 0);
    assert_eq!(in_database(&year).0 as u64, ALL + 1 - due.records());
}

#[tokio::test]
async fn an_archive_that_is_missing_or_spoilt_is_told_and_what_is_left_goes_on() {
    let folder = tempfile::tempdir().unwrap();
    let year = year(folder.path()).await;
    year.archive(&terms(day(50))).await.unwrap();
    year.archive(&terms(day(100))).await.unwrap();
    let archives = year.reader.archives().unwrap();
    let path = year.folder.archives().join(&archives[0].file);
    let whole = std::fs::read(&path).unwrap();
    std::fs::remove_file(&path).unwrap();
    let report = verify(&year.folder).unwrap();
    assert!(report.findings.iter().all(|finding| finding.what.contains("is missing")), "{report:#?}");
    let part = report.archived.unwrap();
    assert_eq!((part.missing.as_slice(), part.folded, part.checked.len()), (&[archives[0].file.clone()][..], false, 1));
    assert!(matches!(year.reader.events_after(0, 10), Err(LedgerError::Archived { .. })));
    assert_eq!(year.reader.feed_begins().unwrap(), archives[0].feed);
    assert_eq!(year.reader.events_after(archives[0].feed, 10).unwrap()[0].seq, archives[0].feed + 1);
    let story = year.reader.order_history("SO-7").unwrap();
    assert_eq!((story.events.len(), story.missing), (0, vec![archives[0].file.clone()]));
    // the scan is known to be recorded, and no more than that
    let records = year.reader.stats().unwrap().records;
    let scan = scanned("SO-7-item", "ITEM");
    let verdict = year.writer.submit(move |transaction| judge(transaction, &scan, now(day(400)))).await.unwrap();
    assert_eq!(
        (verdict.code.as_str(), verdict.first_code, verdict.outcome().is_accepted()),
        ("already_recorded", None, false)
    );
    assert_eq!(year.reader.stats().unwrap().records, records, "it counts no second time");
    // a copy of the rest is wanted all the more
    let copy = back_up(&year.folder, &folder.path().join("copy"), &[]).unwrap();
    assert_eq!(copy.archived, archives[1].last);
    for at in [20, whole.len() / 2, whole.len() - 5] {
        let mut spoilt = whole.clone();
        spoilt[at] ^= 4;
        std::fs::write(&path, spoilt).unwrap();
        let report = verify(&year.folder).unwrap();
        assert!(!report.is_clean() && !report.archived.unwrap().folded, "a flip at {at}");
    }
    std::fs::write(&path, whole).unwrap();
    assert_proved(&year);
    assert_eq!(year.reader.order_history("SO-7").unwrap().events[0].kind, "order_put");
}

#[tokio::test]
async fn archives_that_are_too_old_are_deleted_and_it_is_said_what_can_not_be_proved() {
    let folder = tempfile::tempdir().unwrap();
    let year = year(folder.path()).await;
    year.archive(&terms(day(50))).await.unwrap();
    year.archive(&terms(day(100))).await.unwrap();
    let archives = year.reader.archives().unwrap();
    let old = archives[0].clone();
    assert!(old.newest < day(50) && old.newest >= day(49));
    for _ in 0..2 {
        let old = old.clone();
        year.writer.submit(move |transaction| transaction.remove_archive(now(day(700)).at, &old)).await.unwrap();
    }
    assert!(year.folder.archives().join(&old.file).exists(), "the ledger says it first");
    assert_eq!((year.reader.delete_removed().unwrap(), year.reader.delete_removed().unwrap()), (1, 0));
    let report = verify(&year.folder).unwrap();
    assert!(report.is_clean(), "{report:#?}");
    let part = report.archived.unwrap();
    assert_eq!((part.removed, part.folded), (vec![old.file], false));
    let removed = feed_kinds(&year.reader, archives[0].feed);
    assert_eq!(removed.iter().filter(|kind| *kind == "archive_removed").count(), 1, "told once");
    assert_eq!(year.reader.feed_begins().unwrap(), archives[0].feed);
}

fn feed_kinds(reader: &Reader, after: u64) -> Vec<String> {
    reader.events_after(after, 10_000).unwrap().into_iter().map(|event| event.kind).collect()
}

#[tokio::test]
async fn a_cut_that_was_forged_is_found_out() {
    let folder = tempfile::tempdir().unwrap();
    let year = year(folder.path()).await;
    year.archive(&terms(day(100))).await.unwrap();
    drop(year);
    let data = folder.path();
    Connection::open(data.join("waybind.db")).unwrap().execute_batch("PRAGMA wal_checkpoint(TRUNCATE)").unwrap();
    let clean = std::fs::read(data.join("waybind.db")).unwrap();
    for sql in [
        "DELETE FROM ledger WHERE seq = (SELECT min(seq) FROM ledger)",
        "UPDATE meta SET value = replace(value, '\"seq\":1', '\"seq\":2') WHERE key = 'cut'",
        "DELETE FROM meta WHERE key = 'cut'",
        concat!(
            "UPDATE meta SET value = '{\"seq\":1600,\"hash\":\"' || (SELECT lower(hex(hash)) FROM ledger WHERE seq = 1600)",
            " || '\",\"feed\":' || (SELECT max(seq) FROM outbox WHERE record <= 1600) || '}' WHERE key = 'cut';",
            "DELETE FROM outbox WHERE record <= 1600; DELETE FROM ledger WHERE seq <= 1600"
        ),
        "UPDATE archives SET hash = zeroblob(32)",
        "UPDATE archives SET sha256 = 'x'",
        "UPDATE archives SET removed = 1",
        "DELETE FROM archives",
        "DELETE FROM archived_orders WHERE order_id = 'SO-7'",
        "DELETE FROM scans WHERE scan_id = 'SO-7-item'",
        "UPDATE orders SET phone = NULL, doc = CAST(replace(CAST(doc AS TEXT), '\"packed\":1', '\"packed\":2') AS BLOB) WHERE id = 'SO-7'",
    ] {
        let conn = Connection::open(data.join("waybind.db")).unwrap();
        conn.execute_batch(sql).unwrap();
        conn.execute_batch("PRAGMA wal_checkpoint(TRUNCATE)").unwrap();
        drop(conn);
        let report = verify(&waybind::ledger::Folder::new(data));
        assert!(report.is_err() || report.is_ok_and(|report| !report.is_clean()), "{sql}");
        for ending in ["-wal", "-shm"] {
            drop(std::fs::remove_file(data.join(format!("waybind.db{ending}"))));
        }
        std::fs::write(data.join("waybind.db"), &clean).unwrap();
    }
    assert!(verify(&waybind::ledger::Folder::new(data)).unwrap().is_clean());
}

#[tokio::test]
async fn a_ledger_from_before_there_were_archives_is_proved_and_archived() {
    let folder = tempfile::tempdir().unwrap();
    let year = year(folder.path()).await;
    let path = year.folder.database();
    drop(year);
    let conn = Connection::open(&path).unwrap();
    conn.execute_batch(
        "DROP TABLE archives; DROP TABLE archive_blocks; DROP TABLE archived_orders; DROP INDEX replies_seq; PRAGMA user_version = 7",
    )
    .unwrap();
    let folder_of = waybind::ledger::Folder::new(folder.path());
    assert!(verify(&folder_of).unwrap().is_clean());
    let reader = Reader::open(&folder_of).unwrap();
    assert_eq!((reader.stats().unwrap().archived, reader.feed_begins().unwrap()), (0, 0));
    assert_eq!(reader.order_history("SO-7").unwrap().events[0].kind, "order_put");
    let year = Year::open(folder.path());
    assert!(year.archive(&terms(day(90))).await.unwrap() > 1_000);
    assert_proved(&year);
}

#[tokio::test]
async fn of_a_story_that_is_too_long_the_newest_is_told() {
    let folder = tempfile::tempdir().unwrap();
    let year = Year::begin(folder.path()).await;
    year.orders(0..1, now(day(1))).await;
    for part in 0..13 {
        year.writer
            .submit(move |transaction| {
                for number in part * 170..(part + 1) * 170 {
                    let order = OrderId::new("SO-0").unwrap();
                    let fact = Event::OrderReturned { order, exchange_order: Some(format!("X-{number}")) };
                    transaction.append(now(day(2)).at, Cause::Local { what: "test".into() }, None, vec![fact]);
                }
            })
            .await
            .unwrap();
    }
    year.refused(0..KEPT_RECORDS as usize, now(day(3))).await;
    let newest = |year: &Year| {
        let story = year.reader.order_history("SO-0").unwrap();
        (story.events.len(), story.events.last().unwrap().data["exchange_order"].clone())
    };
    assert_eq!(newest(&year), (2_000, "X-2209".into()));
    assert!(year.reader.order_history("SO-0").unwrap().earlier > 200);
    year.archive(&terms(day(90))).await.unwrap();
    assert_eq!(newest(&year), (2_000, "X-2209".into()), "archived, too");
}

#[tokio::test]
async fn an_archive_that_does_not_have_what_the_ledger_has_is_not_taken() {
    let folder = tempfile::tempdir().unwrap();
    let year = year(folder.path()).await;
    let due = year.reader.due(&terms(day(50))).unwrap();
    let (first, second) = (year.reader.move_out(&due).unwrap(), year.reader.move_out(&due).unwrap());
    year.take(first).await;
    let cause = Cause::Local { what: "test".into() };
    let twice = year.writer.submit(move |transaction| transaction.put_archive(now(day(600)).at, cause, &second));
    assert!(twice.await.unwrap().is_err(), "it is taken once");
    year.cut(usize::MAX).await;
    assert_proved(&year);
}
