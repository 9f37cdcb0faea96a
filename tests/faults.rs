//! Disks that are full, fail, are slow or lie; files that are torn, garbled or flipped; a clock that jumps; a second
//! process. Nothing green is ever lost, nothing is silently repaired.

#![allow(missing_docs, clippy::unwrap_used, clippy::print_stdout, reason = "a test")]

mod support;

use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::OnceLock;
use std::time::{Duration, Instant};

use rusqlite::Connection;
use serde_json::{Value, json};
use support::served::{Client, Served, assert_clean, endless, eventually, program, verify};

const CONFIG: &str = "[[station]]\nid = \"b1\"\nmode = \"bench\"\nlatch = false\n";

/// The shim, compiled once with the C compiler that the Rust toolchain links with.
fn shim() -> &'static Path {
    static SHIM: OnceLock<PathBuf> = OnceLock::new();
    SHIM.get_or_init(|| {
        let path = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join(format!("shim-{}.so", std::process::id()));
        let source = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/shim.c");
        let built = Command::new("cc")
            .args(["-shared", "-fPIC", "-O1", "-o"])
            .arg(&path)
            .arg(source)
            .arg("-ldl")
            .status()
            .unwrap();
        assert!(built.success());
        path
    })
}

struct Faulty {
    served: Served,
    control: PathBuf,
}

impl Faulty {
    fn start(folder: &Path) -> Faulty {
        let control = folder.join("shim");
        std::fs::write(&control, "").unwrap();
        let environment = [("LD_PRELOAD", shim().to_str().unwrap()), ("WAYBIND_SHIM", control.to_str().unwrap())];
        Faulty { served: Served::start_with(folder, CONFIG, &environment), control }
    }

    fn fault(&self, what: &str) {
        // replaced as a whole: the shim never reads half an order
        let next = self.control.with_extension("next");
        std::fs::write(&next, what).unwrap();
        std::fs::rename(next, &self.control).unwrap();
    }
}

fn work(client: &mut Client) {
    client.must("/api/v1/products", &json!({"sku": "ITEM"}));
    client.must("/api/v1/orders", &endless("SO-1"));
    assert_eq!(client.scan("open", "b1", "SO-1"), "opened");
}

fn packed(client: &mut Client) -> u64 {
    client.get("/api/v1/orders/SO-1")["lines"][0]["packed"].as_u64().unwrap()
}

fn outcome(client: &mut Client, id: &str) -> (u16, String) {
    let (status, answer) = client.try_scan(id, "b1", "ITEM").unwrap();
    (status, answer["code"].as_str().unwrap().to_owned())
}

#[test]
fn a_data_folder_that_is_taken_away_makes_nothing_green_until_it_is_back() {
    let folder = tempfile::tempdir().unwrap();
    let served = Served::start(folder.path(), CONFIG);
    let mut client = served.client();
    work(&mut client);
    assert_eq!(outcome(&mut client, "a"), (200, "accepted".into()));
    let (data, away) = (folder.path().join("data"), folder.path().join("away"));
    std::fs::rename(&data, &away).unwrap();
    let (status, code) = outcome(&mut client, "b");
    assert!(status != 200 && code == "not_recorded", "{status} {code}");
    let why = client.text("GET", "/readyz", "", "").1;
    assert!(why.contains("was moved, deleted or replaced"), "{why}");
    // another ledger in its place is not written either
    std::fs::create_dir(&data).unwrap();
    std::fs::write(data.join("waybind.db"), "").unwrap();
    assert_eq!(outcome(&mut client, "c").1, "not_recorded");
    assert_eq!(std::fs::metadata(data.join("waybind.db")).unwrap().len(), 0);
    std::fs::remove_dir_all(&data).unwrap();
    std::fs::rename(&away, &data).unwrap();
    eventually("a green scan", || (outcome(&mut client, "d").1 == "accepted").then_some(()));
    assert_eq!(packed(&mut client), 2);
    drop(client);
    assert!(served.terminate().success());
    assert_clean(&data);
}

#[test]
fn a_full_disk_refuses_everything_and_green_comes_back_with_space() {
    let folder = tempfile::tempdir().unwrap();
    let faulty = Faulty::start(folder.path());
    let mut client = faulty.served.client();
    work(&mut client);
    assert_eq!(outcome(&mut client, "a"), (200, "accepted".into()));
    faulty.fault("full");
    for number in 0..20 {
        let (status, code) = outcome(&mut client, &format!("full-{number}"));
        assert_eq!(status, 503, "{code}");
        assert!(matches!(code.as_str(), "not_confirmed" | "not_recorded"), "{code}");
    }
    assert_eq!(packed(&mut client), 1, "reading goes on");
    assert_eq!(client.text("GET", "/readyz", "", "").0, 503);
    faulty.fault("");
    let freed = Instant::now();
    eventually("a green scan", || {
        (outcome(&mut client, &format!("again-{:?}", freed.elapsed())).1 == "accepted").then_some(())
    });
    assert!(freed.elapsed() < Duration::from_secs(25), "five times the five seconds that are promised");
    assert_eq!(packed(&mut client), 2);
    drop(client);
    assert!(faulty.served.terminate().success());
    assert_clean(&folder.path().join("data"));
}

#[test]
fn a_failed_sync_is_never_green_and_each_unknown_outcome_is_found_out_by_its_id() {
    let folder = tempfile::tempdir().unwrap();
    let faulty = Faulty::start(folder.path());
    let mut client = faulty.served.client();
    work(&mut client);
    let mut counted = 0;
    for round in 0..20 {
        faulty.fault("sync-once");
        let id = format!("unknown-{round}");
        let (status, code) = outcome(&mut client, &id);
        assert_eq!((status, code.as_str()), (503, "not_confirmed"), "round {round}");
        // the same scan again, as its sender does: it counts once, whether the first one is on disk or not
        eventually("an answer that is certain", || (outcome(&mut client, &id).0 == 200).then_some(()));
        counted += 1;
        assert_eq!(packed(&mut client), counted, "round {round}");
    }
    let shown = client.get("/api/v1/stations/b1");
    assert!(shown["recording"].as_bool().unwrap());
    drop(client);
    assert!(faulty.served.terminate().success());
    assert_clean(&folder.path().join("data"));
}

#[test]
fn a_device_error_that_stays_turns_every_verdict_into_a_refusal_until_it_goes() {
    let folder = tempfile::tempdir().unwrap();
    let faulty = Faulty::start(folder.path());
    let mut client = faulty.served.client();
    work(&mut client);
    faulty.fault("io");
    for number in 0..10 {
        assert_eq!(outcome(&mut client, &format!("io-{number}")).0, 503);
    }
    let page = client.text("GET", "/station/b1", "", "").1;
    assert!(page.contains("无法记录"), "the station says that nothing can be recorded");
    faulty.fault("");
    eventually("a green scan", || (outcome(&mut client, "again").0 == 200).then_some(()));
    drop(client);
    assert!(faulty.served.terminate().success());
    assert_clean(&folder.path().join("data"));
}

#[test]
fn a_slow_disk_is_shared_by_all_who_wait() {
    let folder = tempfile::tempdir().unwrap();
    let faulty = Faulty::start(folder.path());
    work(&mut faulty.served.client());
    faulty.fault("slow 200");
    let began = Instant::now();
    let clients: Vec<_> = (0..8)
        .map(|station| {
            let mut client = faulty.served.client();
            std::thread::spawn(move || {
                (0..5)
                    .all(|number| outcome(&mut client, &format!("slow-{station}-{number}")) == (200, "accepted".into()))
            })
        })
        .collect();
    assert!(clients.into_iter().all(|client| client.join().unwrap()));
    // 40 scans in groups: alone each takes two syncs of 200 ms, 16 s together
    assert!(began.elapsed() < Duration::from_secs(12), "{:?}", began.elapsed());
    faulty.fault("");
}

/// A ledger whose process was killed, so that its WAL is still there; answers how many records there are.
fn killed(folder: &Path, scans: usize) -> u64 {
    let mut served = Served::start(folder, CONFIG);
    let mut client = served.client();
    work(&mut client);
    for number in 0..scans {
        assert_eq!(client.scan(&format!("k{number}"), "b1", "ITEM"), "accepted");
    }
    served.kill();
    scans as u64 + 3
}

/// Starts on a damaged ledger: nothing may be green; answers what readyz says.
fn refuses(folder: &Path) -> String {
    let served = Served::start(folder, CONFIG);
    let mut client = served.client();
    let (status, _) = outcome(&mut client, "after");
    assert_eq!(status, 503, "no green in recovery mode");
    let (status, ready) = client.text("GET", "/readyz", "", "");
    assert_eq!(status, 503);
    ready
}

#[test]
fn a_torn_or_garbled_write_ahead_log_is_told_with_the_missing_range() {
    type Spoil = fn(&Path);
    let cases: [(&str, Spoil); 4] = [
        ("truncated", |wal| {
            let file = std::fs::File::options().write(true).open(wal).unwrap();
            file.set_len(file.metadata().unwrap().len() - 4_200).unwrap();
        }),
        ("flipped", |wal| damage(wal, 3_000, 1)),
        ("zeroed page", |wal| damage(wal, 4_100, 4_000)),
        ("garbled in the middle", |wal| {
            let middle = std::fs::metadata(wal).unwrap().len() / 2;
            std::fs::File::options().write(true).open(wal).unwrap().write_all_at(&[0xA7; 64], middle).unwrap();
        }),
    ];
    for (name, spoil) in cases {
        let folder = tempfile::tempdir().unwrap();
        let last = killed(folder.path(), 40);
        spoil(&folder.path().join("data/waybind.db-wal"));
        let told = refuses(folder.path());
        assert!(told.contains("missing") && told.contains(&last.to_string()), "{name}: {told}");
        let (clean, report) = verify(&folder.path().join("data"));
        assert!(!clean && report.to_string().contains("missing"), "{name}: {report}");
        // a person accepts the loss: from there on it works again
        let accepted = Command::new(program())
            .args(["ledger", "accept-loss", "--data"])
            .arg(folder.path().join("data"))
            .output()
            .unwrap();
        assert!(accepted.status.success(), "{accepted:?}");
        let served = Served::start(folder.path(), CONFIG);
        assert_eq!(outcome(&mut served.client(), "after").0, 200, "{name}");
    }
}

/// Overwrites some bytes, counted from the end.
fn damage(path: &Path, from_end: u64, len: usize) {
    let file = std::fs::File::options().read(true).write(true).open(path).unwrap();
    let at = file.metadata().unwrap().len() - from_end;
    let mut bytes = vec![0; len];
    file.read_exact_at(&mut bytes, at).unwrap();
    let spoilt: Vec<u8> = bytes.iter().map(|byte| if len > 1 { 0 } else { byte ^ 0x10 }).collect();
    file.write_all_at(&spoilt, at).unwrap();
}

#[test]
fn a_flipped_bit_anywhere_in_the_ledgers_records_is_found() {
    let folder = tempfile::tempdir().unwrap();
    let served = Served::start(folder.path(), CONFIG);
    let mut client = served.client();
    work(&mut client);
    for number in 0..20 {
        client.scan(&format!("k{number}"), "b1", "ITEM");
    }
    drop(client);
    assert!(served.terminate().success());
    let database = folder.path().join("data/waybind.db");
    Connection::open(&database).unwrap().execute_batch("PRAGMA wal_checkpoint(TRUNCATE)").unwrap();
    assert_clean(&folder.path().join("data"));
    let bytes = std::fs::read(&database).unwrap();
    let file = std::fs::File::options().write(true).open(&database).unwrap();
    let conn = Connection::open(&database).unwrap();
    let mut statement = conn.prepare("SELECT body FROM ledger").unwrap();
    let bodies: Vec<Vec<u8>> = statement.query_map([], |row| row.get(0)).unwrap().map(Result::unwrap).collect();
    let mut tried = 0;
    for body in &bodies {
        // pages hold stale copies of moved rows too: a flip in the one that counts must be found
        let start = &body[..body.len().min(120)];
        let copies: Vec<usize> =
            bytes.windows(start.len()).enumerate().filter(|(_, window)| *window == start).map(|(at, _)| at).collect();
        for offset in [0, 11, 33, 62, 90] {
            let found = copies.iter().any(|copy| {
                let at = copy + offset;
                file.write_all_at(&[bytes[at] ^ 0x04], at as u64).unwrap();
                let (clean, _) = verify(&folder.path().join("data"));
                file.write_all_at(&[bytes[at]], at as u64).unwrap();
                !clean
            });
            assert!(found, "a flip at {offset} of {} was not found", String::from_utf8_lossy(body));
            tried += 1;
        }
    }
    assert!(tried >= 100);
    assert_clean(&folder.path().join("data"));
}

#[test]
fn a_ledger_that_was_edited_is_found_out() {
    let edits = [
        ("a record edited", "UPDATE ledger SET body = replace(body, 'accepted', 'acceptee') WHERE seq = 5"),
        ("a record deleted", "DELETE FROM ledger WHERE seq = 5"),
        ("the tail deleted", "DELETE FROM ledger WHERE seq > 6"),
        ("a state table edited", "UPDATE orders SET doc = replace(CAST(doc AS TEXT), '\"packed\":5', '\"packed\":6')"),
        ("a scan forgotten", "DELETE FROM scans WHERE scan_id = 'k2'"),
        ("a fact kept from upstream", "DELETE FROM outbox WHERE seq = 6"),
    ];
    for (name, sql) in edits {
        let folder = tempfile::tempdir().unwrap();
        let served = Served::start(folder.path(), CONFIG);
        let mut client = served.client();
        work(&mut client);
        for number in 0..5 {
            client.scan(&format!("k{number}"), "b1", "ITEM");
        }
        drop(client);
        assert!(served.terminate().success());
        let changed = Connection::open(folder.path().join("data/waybind.db")).unwrap().execute(
            &sql.replace("doc = replace(CAST(doc AS TEXT)", "doc = CAST(replace(CAST(doc AS TEXT)")
                .replace("\"packed\":6')", "\"packed\":6') AS BLOB)")
                .replace("body = replace(body", "body = CAST(replace(CAST(body AS TEXT)")
                .replace("'acceptee')", "'acceptee') AS BLOB)"),
            [],
        );
        assert!(changed.unwrap() >= 1, "{name}");
        let (clean, report) = verify(&folder.path().join("data"));
        assert!(!clean, "{name} was not found: {report}");
    }
}

/// A box that stopped, with a thing of each kind in its tables, or nearly so.
fn stopped_with_goods(folder: &Path) -> PathBuf {
    let served = Served::start(folder, CONFIG);
    let mut client = served.client();
    let goods = |id: &str, tracking: &str, priority: i64| {
        json!({"id": id, "carrier": "ZTO", "tracking_code": tracking, "priority": priority,
            "consignee": {"name": "x", "phone": format!("138-{priority}")},
            "lines": [{"line": 1, "sku": "A", "quantity": 3}]})
    };
    client.must(
        "/api/v1/products",
        &json!({"sku": "A", "barcodes": [{"text": "4006381333931"}], "part_numbers": ["P-1"]}),
    );
    client.must("/api/v1/products", &json!({"sku": "BAD", "barcodes": [{"text": "4006381333948"}]}));
    client.must("/api/v1/operators", &json!([{"id": "wang"}, {"id": "li"}]));
    client.must("/api/v1/orders", &json!([goods("SO-1", "T-1", 1), goods("SO-2", "T-2", 2), endless("SO-3")]));
    client.must("/api/v1/pick-lists", &json!({"id": "L-1", "orders": ["SO-1"], "tote": "TOTE-1"}));
    client.must("/api/v1/waybills", &json!({"number": "W-1", "carrier": "ZTO", "orders": ["SO-1"]}));
    let mut more = goods("SO-4", "T-4", 4);
    client.must("/api/v1/orders", &more);
    more["lines"].as_array_mut().unwrap().push(json!({"line": 2, "sku": "BAD", "quantity": 1}));
    client.must("/api/v1/orders", &more);
    assert_eq!(client.scan("open", "b1", "SO-1"), "opened");
    assert_eq!(client.scan("one", "b1", "4006381333931"), "accepted");
    assert_eq!(client.scan("wrong", "b1", "4006381333948"), "not_on_list");
    drop(client);
    assert!(served.terminate().success());
    let data = folder.join("data");
    assert_clean(&data);
    data
}

#[test]
fn a_column_that_was_changed_a_row_that_was_added_and_one_that_went_are_named() {
    let folder = tempfile::tempdir().unwrap();
    let data = stopped_with_goods(folder.path());
    let edits = [
        ("UPDATE product_codes SET sku = 'A' WHERE sku = 'BAD'", "product_codes"),
        ("UPDATE product_codes SET quantity = 7 WHERE sku = 'A'", "quantity"),
        (
            "UPDATE orders SET id = '' WHERE id = 'SO-1'; UPDATE orders SET id = 'SO-1' WHERE id = 'SO-2'; UPDATE orders SET id = 'SO-2' WHERE id = ''",
            "orders: the row with number 1: id differs",
        ),
        ("UPDATE orders SET number = 77 WHERE id = 'SO-2'", "number 77"),
        ("UPDATE orders SET tracking = 'T-9' WHERE id = 'SO-2'", "tracking"),
        ("UPDATE orders SET phone = NULL WHERE id = 'SO-2'", "phone"),
        ("UPDATE orders SET attention = 'held' WHERE id = 'SO-2'", "attention"),
        ("UPDATE products SET id = 'C' WHERE id = 'BAD'", "id"),
        ("UPDATE operators SET badge = 'mine' WHERE id = 'wang'", "badge"),
        ("UPDATE operators SET id = 'zhao' WHERE id = 'wang'", "id zhao"),
        ("UPDATE lists SET tote = 'TOTE-2'", "tote"),
        ("UPDATE stations SET id = 'b2'", "id b2"),
        ("UPDATE waybills SET waits_for = 'SF'", "waits_for"),
        ("UPDATE waybills SET manifest = 'M-1'", "manifest"),
        ("UPDATE waybills SET to_return = 1", "to_return"),
        ("UPDATE single_lines SET sku = 'BAD' WHERE order_id = 'SO-2'", "single_lines"),
        ("DELETE FROM single_lines WHERE order_id = 'SO-2'", "single_lines"),
        ("INSERT INTO waiting (sku, order_id) VALUES ('A', 'SO-2')", "waiting"),
        ("DELETE FROM numberless WHERE order_id = 'SO-2'", "numberless"),
        ("INSERT INTO serials (sku, serial, order_id, line) VALUES ('A', 'S1', 'SO-2', 1)", "serials"),
        ("INSERT INTO pools (id, doc) VALUES ('x', x'7b7d')", "pools"),
        ("UPDATE outbox SET order_id = 'SO-2' WHERE order_id = 'SO-1'", "feed"),
        ("UPDATE outbox SET type = 'order_held' WHERE seq = 2", "feed"),
        ("UPDATE outbox SET part = 3 WHERE seq = 2", "feed"),
        ("UPDATE outbox SET record = 2 WHERE seq = 1", "feed"),
    ];
    let (database, spare) = (data.join("waybind.db"), folder.path().join("spare"));
    Connection::open(&database).unwrap().execute_batch("PRAGMA wal_checkpoint(TRUNCATE)").unwrap();
    std::fs::copy(&database, &spare).unwrap();
    for (sql, named) in edits {
        let conn = Connection::open(&database).unwrap();
        conn.execute_batch(sql).unwrap();
        assert!(conn.changes() >= 1, "{sql}");
        drop(conn);
        let (clean, report) = verify(&data);
        assert!(!clean && report["findings"].to_string().contains(named), "{sql}: {report}");
        std::fs::copy(&spare, &database).unwrap();
    }
    assert_clean(&data);
}

/// Runs a command on a data folder; answers its code and what it says.
fn told(words: &[&str], data: &Path) -> (i32, String) {
    let output = Command::new(program()).args(words).arg("--data").arg(data).output().unwrap();
    let both = [output.stdout, output.stderr].concat();
    (output.status.code().unwrap(), String::from_utf8_lossy(&both).into_owned())
}

const SERVE: [&str; 3] = ["serve", "--listen", "127.0.0.1:0"];

/// The page of the file on which a record stands, by its number there.
fn page_of(database: &Path, seq: u64) -> u64 {
    let sql = "SELECT body FROM ledger WHERE seq = ?1";
    let body: Vec<u8> = Connection::open(database).unwrap().query_row(sql, [seq as i64], |row| row.get(0)).unwrap();
    let bytes = std::fs::read(database).unwrap();
    bytes.windows(body.len()).position(|window| *window == body).unwrap() as u64 / 4_096
}

#[test]
fn a_page_of_the_ledger_that_is_zeroed_is_named_by_its_records_and_nothing_is_green() {
    let folder = tempfile::tempdir().unwrap();
    killed(folder.path(), 40);
    let (data, database) = (folder.path().join("data"), folder.path().join("data/waybind.db"));
    Connection::open(&database).unwrap().execute_batch("PRAGMA wal_checkpoint(TRUNCATE)").unwrap();
    let file = std::fs::File::options().write(true).open(&database).unwrap();
    file.write_all_at(&[0; 4_096], page_of(&database, 20) * 4_096).unwrap();
    let (code, said) = told(&["ledger", "verify"], &data);
    assert_eq!(code, 1);
    let line = said.lines().find(|line| line.contains("can't be read, so")).unwrap_or_else(|| panic!("{said}"));
    let numbers: Vec<u64> = line.split([' ', ':']).filter_map(|word| word.parse().ok()).collect();
    assert!(numbers[1] > 3 && numbers[1] <= 20 && numbers[2] >= 20 && numbers[2] < 43, "{line}");
    assert!(said.contains("waybind restore") && said.contains("keep a copy"), "{said}");
    assert!(!said.contains("run `waybind ledger verify`"), "{said}");
    assert!(said.contains("NOT CLEAN: 4") || said.contains("NOT CLEAN: 3"), "the other records are read: {said}");
    let ready = refuses(folder.path());
    assert!(ready.contains(&format!("records {} to {} can't be read", numbers[1], numbers[2])), "{ready}");
    // a person accepts it: work goes on behind what is there
    assert_eq!(told(&["ledger", "accept-loss"], &data).0, 0);
    let served = Served::start(folder.path(), CONFIG);
    assert_eq!(outcome(&mut served.client(), "after").0, 200);
}

#[test]
fn the_newest_records_that_are_zeroed_can_not_be_accepted_as_lost() {
    let folder = tempfile::tempdir().unwrap();
    let last = killed(folder.path(), 40);
    let (data, database) = (folder.path().join("data"), folder.path().join("data/waybind.db"));
    Connection::open(&database).unwrap().execute_batch("PRAGMA wal_checkpoint(TRUNCATE)").unwrap();
    let file = std::fs::File::options().write(true).open(&database).unwrap();
    file.write_all_at(&[0; 4_096], page_of(&database, last) * 4_096).unwrap();
    let ready = refuses(folder.path());
    assert!(ready.contains(&format!("to {last} can't be read")), "{ready}");
    let (code, said) = told(&["ledger", "accept-loss"], &data);
    assert!(code == 1 && said.contains("waybind restore"), "{said}");
    let (_, said) = told(&["ledger", "verify"], &data);
    assert!(said.contains(&format!("to {last} can't be read, so")), "{said}");
}

#[test]
fn a_database_that_is_no_whole_file_is_told_with_what_is_wrong_and_what_to_do() {
    let folder = tempfile::tempdir().unwrap();
    let last = killed(folder.path(), 20);
    let (data, database) = (folder.path().join("data"), folder.path().join("data/waybind.db"));
    Connection::open(&database).unwrap().execute_batch("PRAGMA wal_checkpoint(TRUNCATE)").unwrap();
    let whole = std::fs::read(&database).unwrap();
    let headless = [&[0; 100], &whole[100..]].concat();
    for (bytes, why) in [(&headless[..], "does not begin as a database"), (&whole[..whole.len() / 2], "was cut off")] {
        std::fs::write(&database, bytes).unwrap();
        let (code, said) = told(&SERVE, &data);
        assert_eq!(code, 1, "{said}");
        for part in [why, "waybind.db", "waybind restore"] {
            assert!(said.contains(part), "{part}: {said}");
        }
        assert!(!said.contains("run `waybind ledger verify`"), "{said}");
        let (code, said) = told(&["ledger", "verify"], &data);
        assert!(code == 1 && said.contains(why) && said.contains(&format!("records 1 to {last}")), "{said}");
    }
    std::fs::write(&database, "").unwrap();
    let (code, said) = told(&["ledger", "verify"], &data);
    assert!(code == 1 && said.contains(&format!("records 1 to {last} are missing")), "{said}");
    assert!(refuses(folder.path()).contains(&format!("records 1 to {last} are missing")));
}

#[test]
fn a_page_that_breaks_under_the_service_ends_all_recording() {
    let folder = tempfile::tempdir().unwrap();
    killed(folder.path(), 1);
    let database = folder.path().join("data/waybind.db");
    let page: u32 = {
        let conn = Connection::open(&database).unwrap();
        conn.execute_batch("PRAGMA wal_checkpoint(TRUNCATE)").unwrap();
        conn.query_row("SELECT rootpage - 1 FROM sqlite_schema WHERE name = 'products'", [], |row| row.get(0)).unwrap()
    };
    let served = Served::start(folder.path(), CONFIG);
    std::fs::File::options()
        .write(true)
        .open(&database)
        .unwrap()
        .write_all_at(&[0; 4_096], u64::from(page) * 4_096)
        .unwrap();
    let mut client = served.client();
    let (status, answer) = client.post("/api/v1/products", &json!({"sku": "NEW"}));
    assert_eq!(status, 503, "{answer}");
    // a station that needs none of what is broken is refused, too
    for number in 0..3 {
        assert_eq!(outcome(&mut client, &format!("after-{number}")).0, 503);
        std::thread::sleep(Duration::from_millis(400));
    }
    let (status, ready) = client.text("GET", "/readyz", "", "");
    assert!(status == 503 && ready.contains("the database is damaged"), "{ready}");
}

#[test]
fn a_key_that_was_lost_is_not_made_anew_without_being_asked_for() {
    let folder = tempfile::tempdir().unwrap();
    let data = stopped_with_goods(folder.path());
    let key = data.join("site.key");
    let before = std::fs::read(&key).unwrap();
    std::fs::remove_file(&key).unwrap();
    let sheet = folder.path().join("badges.pdf");
    for words in [&SERVE[..], &["sheet", "badges", "-o", sheet.to_str().unwrap()]] {
        let (code, said) = told(words, &data);
        assert!(code == 1 && said.contains("site.key is missing") && said.contains("waybind new-key"), "{said}");
        assert!(!key.exists(), "{words:?}");
    }
    let (code, said) = told(&["new-key"], &data);
    assert!(code == 0 && said.contains("badges"), "{said}");
    assert_ne!(std::fs::read(&key).unwrap(), before);
    assert_eq!(told(&["new-key"], &data).0, 1, "one that is there stays");
    let served = Served::start(folder.path(), CONFIG);
    assert_eq!(outcome(&mut served.client(), "after").0, 200);
}

#[test]
fn a_second_process_on_the_same_folder_ends_with_a_clear_word() {
    let folder = tempfile::tempdir().unwrap();
    let served = Served::start(folder.path(), CONFIG);
    let output = Command::new(program())
        .args(["serve", "--listen", "127.0.0.1:0", "--data"])
        .arg(&served.data)
        .output()
        .unwrap();
    assert_eq!(output.status.code(), Some(1));
    assert!(String::from_utf8_lossy(&output.stderr).contains("in use by another waybind"), "{output:?}");
    work(&mut served.client());
}

#[test]
fn a_newer_schema_is_refused_and_nothing_changed() {
    let folder = tempfile::tempdir().unwrap();
    killed(folder.path(), 1);
    let database = folder.path().join("data/waybind.db");
    Connection::open(&database).unwrap().pragma_update(None, "user_version", 99).unwrap();
    let before = std::fs::read(&database).unwrap();
    let output = Command::new(program())
        .args(["serve", "--listen", "127.0.0.1:0", "--data"])
        .arg(folder.path().join("data"))
        .output()
        .unwrap();
    assert_eq!(output.status.code(), Some(1));
    assert!(String::from_utf8_lossy(&output.stderr).contains("newer"), "{output:?}");
    assert_eq!(std::fs::read(&database).unwrap(), before);
}

#[test]
fn a_clock_that_jumps_loses_and_reorders_nothing() {
    let Some(faketime) =
        ["/usr/lib/x86_64-linux-gnu/faketime/libfaketime.so.1", "/usr/lib/aarch64-linux-gnu/faketime/libfaketime.so.1"]
            .iter()
            .find(|path| Path::new(path).exists())
    else {
        println!("libfaketime is not installed: tests/run installs it");
        return;
    };
    let folder = tempfile::tempdir().unwrap();
    let config = format!("{CONFIG}sign_in = \"badge\"\nsign_out_after = 3600\n");
    let control = folder.path().join("clock");
    let mut backsteps = 0;
    for (round, jump) in ["+0d", "-2d", "+400d", "-1h"].iter().enumerate() {
        std::fs::write(&control, jump).unwrap();
        let environment = [("LD_PRELOAD", *faketime), ("FAKETIME", *jump), ("FAKETIME_DONT_FAKE_MONOTONIC", "1")];
        let served = Served::start_with(folder.path(), &config, &environment);
        let mut client = served.client();
        if round == 0 {
            client.must("/api/v1/products", &json!({"sku": "ITEM"}));
            client.must("/api/v1/orders", &endless("SO-1"));
            let badge = client.must("/api/v1/operators", &json!({"id": "wang"}))["results"][0]["scan_code"]
                .as_str()
                .unwrap()
                .to_owned();
            assert_eq!(client.scan("badge", "b1", &badge), "signed_in");
            assert_eq!(client.scan("open", "b1", "SO-1"), "opened");
        } else {
            backsteps += u64::from(jump.starts_with('-'));
        }
        assert_eq!(client.scan(&format!("r{round}"), "b1", "ITEM"), "accepted", "no session ends by a jump to {jump}");
        assert_eq!(packed(&mut client), round as u64 + 1);
        drop(client);
        assert!(served.terminate().success());
    }
    let (clean, report) = verify(&folder.path().join("data"));
    assert!(clean, "{report}");
    assert_eq!(report["clock_backsteps"], Value::from(backsteps), "every step back is flagged");
}
