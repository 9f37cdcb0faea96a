//! Old records moved to archives by the real program, while stations scan: by hand, under kill -9, over a backup.

#![allow(missing_docs, clippy::unwrap_used, clippy::print_stdout, reason = "a test")]

mod support;

use std::collections::BTreeSet;
use std::path::Path;
use std::process::{Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use proptest::test_runner::{RngAlgorithm, TestRng};
use serde_json::{Value, json};
use support::served::{Client, Served, assert_clean, eventually, program, verify};

const STATIONS: usize = 3;

fn config(target: Option<&Path>) -> String {
    let stations =
        (0..STATIONS).map(|station| format!("[[station]]\nid = \"s{station}\"\nmode = \"bench\"\nlatch = false\n"));
    let target = target.map(|file| {
        format!("[[target]]\nname = \"log\"\nkind = \"file\"\npath = \"{}\"\nfile_mb = 1000\n", file.display())
    });
    stations.chain(target).collect()
}

/// A day that is not over: whatever is not kept for another reason is due.
const TOMORROW: &str = "2999-01-01";

fn ledger(data: &Path, words: &[&str]) -> (bool, Value, String) {
    let mut command = Command::new(program());
    command.arg("ledger").args(words).args(["--json", "--data"]).arg(data).env("RUST_LOG", "off");
    let output = command.current_dir(data).output().unwrap();
    let answer = serde_json::from_slice(&output.stdout).unwrap_or_default();
    (output.status.success(), answer, String::from_utf8_lossy(&output.stderr).into_owned())
}

fn archived(data: &Path) -> u64 {
    ledger(data, &["stats"]).1["archived"].as_u64().unwrap()
}

/// A finished order, and then so many scans that are about nothing.
fn work(served: &Served, scans: usize) {
    let mut client = served.client();
    client.must("/api/v1/products", &json!({"sku": "ITEM"}));
    let line = json!({"line": 1, "sku": "ITEM", "quantity": 1});
    client
        .must("/api/v1/orders", &json!({"id": "SO-1", "carrier": "ZTO", "consignee": {"name": "x"}, "lines": [line]}));
    client.must("/api/v1/waybills", &json!({"number": "75312345678901", "carrier": "ZTO", "orders": ["SO-1"]}));
    for (id, data, code) in [
        ("open", "SO-1", "opened"),
        ("item", "ITEM", "order_complete"),
        ("bind", "75312345678901", "waybill_bound"),
        ("next", "WB:C:DONE", "closed"),
    ] {
        assert_eq!(client.scan(id, "s0", data), code);
    }
    drop(client);
    fill(served, "a", scans);
}

fn fill(served: &Served, name: &str, scans: usize) {
    let threads: Vec<_> = (0..STATIONS)
        .map(|station| {
            let (mut client, name) = (served.client(), name.to_owned());
            std::thread::spawn(move || {
                for number in 0..scans / STATIONS {
                    let id = format!("{name}-{station}-{number}");
                    assert_eq!(client.scan(&id, &format!("s{station}"), "NOTHING"), "unknown_code");
                }
            })
        })
        .collect();
    threads.into_iter().for_each(|thread| thread.join().unwrap());
}

fn feed(client: &mut Client, mut after: u64) -> Vec<Value> {
    let mut all = Vec::new();
    loop {
        let answer = client.get(&format!("/api/v1/events?after={after}&limit=1000"));
        let events = answer["events"].as_array().unwrap();
        let Some(last) = events.last() else { return all };
        after = last["seq"].as_u64().unwrap();
        all.extend(events.iter().cloned());
    }
}

fn ids(events: &[Value]) -> Vec<&str> {
    events.iter().map(|event| event["id"].as_str().unwrap()).collect()
}

#[test]
fn the_service_archives_while_stations_scan_and_answers_as_before() {
    let folder = tempfile::tempdir().unwrap();
    let out = folder.path().join("events.jsonl");
    let served = Served::start(folder.path(), &config(Some(&out)));
    work(&served, 1_500);
    let mut client = served.client();
    let (before, story) = (feed(&mut client, 0), client.get("/api/v1/orders/SO-1/timeline"));
    let lines = || std::fs::read_to_string(&out).unwrap_or_default().lines().count();
    eventually("the file target", || (lines() >= before.len()).then_some(()));
    // its cursor is kept a second later at most
    let due = eventually("what is due", || {
        let (done, dry, error) = ledger(&served.data, &["archive", "--dry-run", "--before", TOMORROW]);
        assert!(done, "{error}");
        dry["due"].as_u64().filter(|due| *due >= 500 && dry["held"]["by"] == "newest")
    });
    assert_eq!(archived(&served.data), 0, "a dry run moves nothing");
    let stop = Arc::new(AtomicBool::new(false));
    let scanning = {
        let (mut client, stop) = (served.client(), stop.clone());
        std::thread::spawn(move || {
            let mut scans = 0;
            while !stop.load(Ordering::Relaxed) {
                assert_eq!(client.scan(&format!("b-{scans}"), "s1", "NOTHING"), "unknown_code");
                scans += 1;
            }
            scans
        })
    };
    let (done, answer, error) = ledger(&served.data, &["archive", "--before", TOMORROW]);
    stop.store(true, Ordering::Relaxed);
    assert!(scanning.join().unwrap() > 0);
    assert!(done, "{error}");
    assert!(answer["archives"][0]["last"].as_u64().unwrap() >= due, "{answer}");
    assert!(archived(&served.data) >= due);
    let after = feed(&mut client, 0);
    assert_eq!(after[..before.len()], before, "the feed is told from its beginning as before");
    assert_eq!(client.get("/api/v1/orders/SO-1/timeline"), story);
    assert_eq!(client.scan("item", "s0", "ITEM"), "already_recorded");
    assert_eq!(client.get("/api/v1/orders/SO-1")["lines"][0]["packed"], 1);
    let metrics = client.text("GET", "/metrics", "", "").1;
    assert!(metrics.contains("waybind_ledger_overdue_seconds 0"), "{metrics}");
    assert_clean(&served.data);
    let (_, report) = verify(&served.data);
    assert_eq!(report["archived"]["folded"], true, "{report}");

    // without its archive the beginning is gone, and said so
    let archives = served.data.join("archive");
    std::fs::rename(&archives, folder.path().join("aside")).unwrap();
    let (status, problem) = client.try_call("GET", "/api/v1/events?after=0", None).unwrap();
    assert_eq!(status, 410, "{problem}");
    let begins: u64 =
        problem["hint"].as_str().unwrap().split("after=").nth(1).unwrap().split(',').next().unwrap().parse().unwrap();
    let rest = feed(&mut client, begins);
    assert_eq!(ids(&rest), ids(&after)[begins as usize..]);
    let missing = client.get("/api/v1/orders/SO-1/timeline");
    assert!(missing["missing_archives"][0].as_str().unwrap().starts_with("ledger-1-"), "{missing}");
    assert_eq!(client.scan("item", "s0", "ITEM"), "already_recorded");
    let (clean, report) = verify(&served.data);
    assert!(!clean && report.to_string().contains("is missing"), "{report}");
    std::fs::rename(folder.path().join("aside"), &archives).unwrap();
    assert_clean(&served.data);
    drop(client);
    assert!(served.terminate().success());
    // the same by a process of its own, which knows nothing of the configuration but what stands in the folder
    let (done, answer, error) = ledger(&folder.path().join("data"), &["archive", "--before", TOMORROW]);
    assert!(done, "{error} {answer}");
    assert_clean(&folder.path().join("data"));
}

#[test]
fn what_a_target_was_not_told_is_not_archived_and_who_holds_it_is_named() {
    let folder = tempfile::tempdir().unwrap();
    let down = "[[target]]\nname = \"erp\"\nkind = \"webhook\"\nurl = \"http://127.0.0.1:9/\"\n";
    let served = Served::start(folder.path(), &(config(None) + down));
    work(&served, 1_200);
    let (done, answer, error) = ledger(&served.data, &["archive", "--before", TOMORROW]);
    assert!(done, "{error}");
    assert_eq!((answer["due"].as_u64(), answer["held"]["by"].as_str()), (Some(0), Some("target")), "{answer}");
    assert_eq!(answer["held"]["name"], "erp");
    let data = served.data.clone();
    assert!(served.terminate().success());
    let (_, answer, _) = ledger(&data, &["archive", "--before", TOMORROW]);
    assert_eq!(answer["held"]["name"], "erp", "without the configuration, too: {answer}");
    let (done, _, error) = ledger(&data, &["archive", "--before", "yesterday"]);
    assert!(!done && error.contains("yesterday"), "{error}");
    assert_eq!(archived(&data), 0);
}

fn rounds() -> usize {
    match (std::env::var_os("WAYBIND_LONG"), std::env::var_os("WAYBIND_FULL")) {
        (Some(_), _) => 40,
        (None, Some(_)) => 12,
        (None, None) => 4,
    }
}

#[test]
fn a_kill_in_the_middle_of_archiving_loses_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let mut random = TestRng::from_seed(RngAlgorithm::ChaCha, &[9; 32]);
    let mut known: BTreeSet<String> = BTreeSet::new();
    let mut moved = 0;
    for round in 0..rounds() {
        let mut served = Served::start(folder.path(), &config(None));
        match round {
            0 => work(&served, 3_600),
            _ => fill(&served, &format!("k{round}"), 600),
        }
        known.extend(ids(&feed(&mut served.client(), 0)).into_iter().map(str::to_owned));
        let mut archiving = Command::new(program());
        archiving.args(["ledger", "archive", "--before", TOMORROW, "--data"]).arg(&served.data);
        archiving.current_dir(folder.path()).stdout(Stdio::null()).stderr(Stdio::null());
        let files = archives(&served.data);
        let mut archiving = archiving.spawn().unwrap();
        if round % 2 == 1 {
            // in the middle of deleting, which takes the longest
            eventually("a new archive", || (archives(&served.data) > files).then_some(()));
        }
        std::thread::sleep(Duration::from_millis(rand(&mut random, 300)));
        served.kill();
        archiving.wait().unwrap();
        assert_clean(&served.data);
        moved = moved.max(archived(&served.data));
        println!("round {round}: {moved} records are archived");
    }
    let served = Served::start(folder.path(), &config(None));
    let (done, answer, error) = ledger(&served.data, &["archive", "--before", TOMORROW]);
    assert!(done, "{error} {answer}");
    assert!(archived(&served.data) >= 2_600, "{moved} were moved under kills");
    let mut client = served.client();
    let told: BTreeSet<String> = ids(&feed(&mut client, 0)).into_iter().map(str::to_owned).collect();
    assert!(known.is_subset(&told), "{:?} are lost", known.difference(&told).take(5).collect::<Vec<_>>());
    assert_eq!(client.scan("item", "s0", "ITEM"), "already_recorded");
    assert_eq!(client.get("/api/v1/orders/SO-1")["lines"][0]["packed"], 1);
    assert_clean(&served.data);
    assert!(archives(&served.data) >= 2, "an archive of each run that came so far");
}

#[test]
fn in_recovery_nothing_is_archived_and_a_loss_behind_the_archives_leaves_them_whole() {
    let folder = tempfile::tempdir().unwrap();
    let served = Served::start(folder.path(), &config(None));
    work(&served, 1_500);
    assert!(ledger(&served.data, &["archive", "--before", TOMORROW]).0);
    // the log is moved into the database: what is cut off below came after the archive
    let data = served.data.clone();
    assert!(served.terminate().success());
    let settle = rusqlite::Connection::open(data.join("waybind.db")).unwrap();
    settle.execute_batch("PRAGMA wal_checkpoint(TRUNCATE)").unwrap();
    drop(settle);
    let mut served = Served::start(folder.path(), &config(None));
    fill(&served, "after", 60);
    let before = feed(&mut served.client(), 0);
    served.kill();
    let wal = std::fs::File::options().write(true).open(data.join("waybind.db-wal")).unwrap();
    wal.set_len(wal.metadata().unwrap().len() - 4_200).unwrap();
    let again = Served::start(folder.path(), &config(None));
    let (done, _, error) = ledger(&data, &["archive", "--before", TOMORROW]);
    assert!(!done && error.contains("can't be written now"), "{error}");
    assert_eq!(archives(&data), 1);
    assert!(again.terminate().success());
    let (done, _, error) = ledger(&data, &["accept-loss"]);
    assert!(done, "{error}");
    assert_clean(&data);
    let served = Served::start(folder.path(), &config(None));
    let after = feed(&mut served.client(), 0);
    assert!(after.len() < before.len() && before.starts_with(&after), "only the end is lost");
    assert_eq!(served.client().scan("item", "s0", "ITEM"), "already_recorded");
    fill(&served, "again", 300);
    assert!(ledger(&data, &["archive", "--before", TOMORROW]).0);
    assert_clean(&data);
}

/// Archives that have their name.
fn archives(data: &Path) -> usize {
    let Ok(files) = std::fs::read_dir(data.join("archive")) else { return 0 };
    files.filter(|file| file.as_ref().unwrap().path().extension().is_some_and(|ending| ending == "gz")).count()
}

fn rand(random: &mut TestRng, below: u64) -> u64 {
    use proptest::prelude::Rng;
    random.next_u64() % below
}

#[test]
fn a_backup_says_what_it_has_not_and_a_box_is_made_of_it_and_the_archives() {
    let folder = tempfile::tempdir().unwrap();
    let served = Served::start(folder.path(), &config(None));
    work(&served, 1_300);
    assert!(ledger(&served.data, &["archive", "--before", TOMORROW]).0);
    let before = feed(&mut served.client(), 0);
    let copy = folder.path().join("copy");
    let output = Command::new(program()).arg("backup").arg(&copy).arg("--data").arg(&served.data).output().unwrap();
    let said = String::from_utf8_lossy(&output.stdout).into_owned();
    assert!(output.status.success() && said.contains("are not in it: copy "), "{said}");
    let fresh = folder.path().join("fresh/data");
    std::fs::create_dir_all(folder.path().join("fresh")).unwrap();
    let output = Command::new(program()).arg("restore").arg(&copy).arg("--data").arg(&fresh).output().unwrap();
    let said = String::from_utf8_lossy(&output.stdout).into_owned();
    assert!(output.status.success() && said.contains("NOT CHECKED"), "{said} {output:?}");
    let (clean, report) = verify(&fresh);
    assert!(!clean && report["archived"]["missing"][0].is_string(), "{report}");
    std::fs::create_dir_all(fresh.join("archive")).unwrap();
    for file in std::fs::read_dir(served.data.join("archive")).unwrap().map(Result::unwrap) {
        std::fs::copy(file.path(), fresh.join("archive").join(file.file_name())).unwrap();
    }
    assert_clean(&fresh);
    let again = Served::start(&folder.path().join("fresh"), &config(None));
    let mut client = again.client();
    assert_eq!(feed(&mut client, 0)[..before.len()], before);
    assert_eq!(client.scan("item", "s0", "ITEM"), "already_recorded");
}
