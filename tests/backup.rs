//! `backup` beside the working service and `restore` into an empty folder, by the real program: what was recorded is
//! there, what comes after it is not mistaken for what was lost.

#![allow(missing_docs, clippy::unwrap_used, reason = "a test")]

mod support;

use std::collections::BTreeSet;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::Command;

use serde_json::{Value, json};
use support::served::{Client, Served, assert_clean, endless, eventually, program};

/// Prints what the command said, and its exit code.
fn waybind(words: &[&str], data: &Path) -> (String, Option<i32>) {
    let output = Command::new(program()).args(words).arg("--data").arg(data).output().unwrap();
    let text = String::from_utf8_lossy(&output.stdout).into_owned() + &String::from_utf8_lossy(&output.stderr);
    (text, output.status.code())
}

fn config(file: &Path) -> String {
    format!(
        "[[station]]\nid = \"s\"\nmode = \"bench\"\nlatch = false\n[[target]]\nname = \"log\"\nkind = \"file\"\npath = \"{}\"\n",
        file.display()
    )
}

fn scan(client: &mut Client, numbers: std::ops::Range<usize>) {
    for number in numbers {
        assert_eq!(client.scan(&format!("s-{number}"), "s", "ITEM"), "accepted");
    }
}

fn packed(client: &mut Client) -> Value {
    client.get("/api/v1/orders/SO-1")["lines"][0]["packed"].clone()
}

fn told(file: &Path) -> Vec<Value> {
    let text = std::fs::read_to_string(file).unwrap_or_default();
    text.lines().filter_map(|line| serde_json::from_str(line).ok()).collect()
}

fn ids(events: &[Value]) -> Vec<String> {
    events.iter().map(|event| event["id"].as_str().unwrap().to_owned()).collect()
}

#[test]
fn a_box_is_made_of_a_backup_and_goes_on_under_another_id() {
    let folder = tempfile::tempdir().unwrap();
    let (out, copy) = (folder.path().join("events.jsonl"), folder.path().join("monday.waybind"));
    let served = Served::start(folder.path(), &config(&out));
    let mut client = served.client();
    client.must("/api/v1/products", &json!({"sku": "ITEM"}));
    client.must("/api/v1/orders", &endless("SO-1"));
    client.scan("open", "s", "SO-1");
    scan(&mut client, 0..3);
    eventually("the file target", || (!told(&out).is_empty()).then_some(()));
    let (text, code) = waybind(&["backup", copy.to_str().unwrap()], &served.data);
    assert_eq!(code, Some(0), "{text}");
    assert_eq!(copy.metadata().unwrap().permissions().mode() & 0o777, 0o600, "it holds the site's key");
    scan(&mut client, 3..8);
    let key = std::fs::read(served.data.join("site.key")).unwrap();
    eventually("the file target", || (told(&out).len() >= 11).then_some(()));
    assert!(served.terminate().success());

    let fresh = folder.path().join("fresh");
    std::fs::create_dir(&fresh).unwrap();
    let (text, code) = waybind(&["restore", copy.to_str().unwrap()], &fresh.join("data"));
    assert_eq!(code, Some(0), "{text}");
    assert!(text.contains("clean"), "{text}");
    assert_clean(&fresh.join("data"));
    assert_eq!(std::fs::read(fresh.join("data/site.key")).unwrap(), key);
    let served = Served::start(&fresh, &config(&out));
    let mut client = served.client();
    assert_eq!(packed(&mut client), 3);
    assert_eq!(client.scan("s-2", "s", "ITEM"), "already_recorded");
    scan(&mut client, 3..5);
    assert_eq!(packed(&mut client), 5);
    let before: BTreeSet<String> = ids(&told(&out)).into_iter().collect();
    let feed = client.get("/api/v1/events?after=0&limit=1000");
    let new: Vec<String> = ids(feed["events"].as_array().unwrap()).into_iter().rev().take(2).collect();
    eventually("the new facts at the target", || {
        let all = ids(&told(&out));
        new.iter().all(|id| all.contains(id)).then_some(())
    });
    assert!(before.len() >= 11, "{before:?}");
    let lost_place = ids(&told(&out)).iter().filter(|id| **id == ids(feed["events"].as_array().unwrap())[0]).count();
    assert_eq!(lost_place, 1, "the target keeps its place over a restore");
}

/// A backup that somebody changed.
fn with(folder: &Path, whole: &[u8], sql: &str) -> Vec<u8> {
    let file = folder.join("changed");
    std::fs::write(&file, whole).unwrap();
    rusqlite::Connection::open(&file).unwrap().execute_batch(sql).unwrap();
    std::fs::read(&file).unwrap()
}

#[test]
fn a_log_that_a_power_cut_left_behind_is_not_played_into_a_restored_ledger() {
    let folder = tempfile::tempdir().unwrap();
    let mut served = Served::start(folder.path(), "");
    let copy = folder.path().join("copy");
    assert_eq!(waybind(&["backup", copy.to_str().unwrap()], &served.data).1, Some(0));
    served.client().must("/api/v1/products", &json!({"sku": "AFTER"}));
    served.kill();
    let data = served.data.clone();
    std::fs::rename(data.join("waybind.db"), folder.path().join("damaged.db")).unwrap();
    assert!(data.join("waybind.db-wal").exists());
    let (text, code) = waybind(&["restore", copy.to_str().unwrap()], &data);
    assert!(code == Some(1) && text.contains("waybind.db-wal is there already"), "{text}");
    std::fs::rename(&data, folder.path().join("aside")).unwrap();
    assert_eq!(waybind(&["restore", copy.to_str().unwrap()], &data).1, Some(0));
    assert_clean(&data);
}

#[test]
fn a_ledger_that_does_not_prove_itself_is_not_backed_up() {
    let folder = tempfile::tempdir().unwrap();
    let served = Served::start(folder.path(), "");
    for sku in ["A", "B", "C"] {
        served.client().must("/api/v1/products", &json!({"sku": sku}));
    }
    let data = served.data.clone();
    assert!(served.terminate().success());
    let copy = folder.path().join("copy");
    for (sql, why) in [
        ("DELETE FROM ledger WHERE seq = (SELECT max(seq) FROM ledger)", "damaged"),
        ("UPDATE ledger SET body = CAST(replace(CAST(body AS TEXT), 'sku', 'skv') AS BLOB) WHERE seq = 1", "damaged"),
    ] {
        let spoilt = folder.path().join("spoilt");
        std::fs::create_dir(&spoilt).unwrap();
        for name in ["waybind.db", "anchor", "site.key"] {
            std::fs::copy(data.join(name), spoilt.join(name)).unwrap();
        }
        rusqlite::Connection::open(spoilt.join("waybind.db")).unwrap().execute_batch(sql).unwrap();
        let (text, code) = waybind(&["backup", copy.to_str().unwrap()], &spoilt);
        assert!(code == Some(1) && text.contains(why), "{text}");
        assert!(!copy.exists());
        std::fs::remove_dir_all(&spoilt).unwrap();
    }
}

#[test]
fn a_backup_follows_no_link_and_keeps_its_secrets_whatever_rights_its_file_has() {
    let folder = tempfile::tempdir().unwrap();
    let served = Served::start(folder.path(), "");
    let (data, copy) = (served.data.clone(), folder.path().join("copy"));
    let victim = folder.path().join("victim");
    std::fs::write(&victim, "mine").unwrap();
    std::os::unix::fs::symlink(&victim, &copy).unwrap();
    assert_eq!(waybind(&["backup", copy.to_str().unwrap()], &data).1, Some(1));
    assert_eq!(std::fs::read(&victim).unwrap(), b"mine");
    std::fs::remove_file(&copy).unwrap();
    assert_eq!(waybind(&["backup", copy.to_str().unwrap()], &data).1, Some(0));
    std::fs::set_permissions(&copy, std::fs::Permissions::from_mode(0o444)).unwrap();
    let fresh = folder.path().join("fresh");
    assert_eq!(waybind(&["restore", copy.to_str().unwrap()], &fresh).1, Some(0));
    for name in ["waybind.db", "site.key"] {
        assert_eq!(fresh.join(name).metadata().unwrap().permissions().mode() & 0o777, 0o600, "{name}");
    }
}

#[test]
fn what_is_in_the_way_or_no_backup_is_refused_and_nothing_changes() {
    let folder = tempfile::tempdir().unwrap();
    let served = Served::start(folder.path(), "");
    served.client().must("/api/v1/products", &json!({"sku": "ITEM"}));
    let (data, copy) = (served.data.clone(), folder.path().join("copy"));
    let copy_name = copy.to_str().unwrap();
    assert_eq!(waybind(&["backup", copy_name], &data).1, Some(0));
    let whole = std::fs::read(&copy).unwrap();
    let (text, code) = waybind(&["backup", copy_name], &data);
    assert!(code == Some(1) && text.contains("is there already"), "{text}");
    assert_eq!(std::fs::read(&copy).unwrap(), whole);
    let (text, code) = waybind(&["restore", copy_name], &data);
    assert!(code == Some(1) && text.contains("in use"), "{text}");
    assert!(served.terminate().success());
    let (text, code) = waybind(&["restore", copy_name], &data);
    assert!(code == Some(1) && text.contains("is there already"), "{text}");
    assert_clean(&data);

    assert!(
        std::fs::read_dir(folder.path()).unwrap().all(|entry| {
            let name = entry.unwrap().file_name().into_string().unwrap();
            ["waybind.toml", "data", "copy"].contains(&name.as_str())
        }),
        "nothing half is left"
    );

    let empty = folder.path().join("empty");
    let mut spoilt = whole.clone();
    let at = whole.windows(4).position(|bytes| bytes == b"ITEM").unwrap();
    spoilt[at] = b'X';
    for (name, bytes, why) in [
        ("text", b"not a database".to_vec(), "no backup"),
        ("half", whole[..whole.len() / 2].to_vec(), ""),
        ("ledger", std::fs::read(data.join("waybind.db")).unwrap(), "no backup"),
        ("spoilt", spoilt, "damaged"),
        ("cut", with(folder.path(), &whole, "DELETE FROM ledger"), "not the last that was copied"),
        ("foreign", with(folder.path(), &whole, "INSERT INTO backup VALUES ('../x', x'00')"), "none of a data folder"),
        ("lock", with(folder.path(), &whole, "INSERT INTO backup VALUES ('lock', x'00')"), "none of a data folder"),
        (
            "trigger",
            with(folder.path(), &whole, "CREATE TRIGGER t AFTER INSERT ON ledger BEGIN DELETE FROM scans; END"),
            "did not make",
        ),
    ] {
        let file = folder.path().join(name);
        std::fs::write(&file, bytes).unwrap();
        let (text, code) = waybind(&["restore", file.to_str().unwrap()], &empty);
        assert!(code == Some(1) && text.contains(why), "{name}: {text}");
        let left: Vec<_> = std::fs::read_dir(&empty).unwrap().map(|entry| entry.unwrap().file_name()).collect();
        assert_eq!(left, ["lock"], "{name}");
    }
    let (text, code) = waybind(&["restore", "/nowhere"], &empty);
    assert!(code == Some(1) && text.contains("/nowhere"), "{text}");
    assert_eq!(waybind(&["restore", copy_name], &empty).1, Some(0));
    assert_clean(&empty);
}
