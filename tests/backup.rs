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

    let empty = folder.path().join("empty");
    let mut spoilt = whole.clone();
    let at = whole.windows(4).position(|bytes| bytes == b"ITEM").unwrap();
    spoilt[at] = b'X';
    for (name, bytes, why) in [
        ("text", b"not a database".to_vec(), "no backup"),
        ("half", whole[..whole.len() / 2].to_vec(), ""),
        ("ledger", std::fs::read(data.join("waybind.db")).unwrap(), "no backup"),
        ("spoilt", spoilt, "damaged"),
    ] {
        let file = folder.path().join(name);
        std::fs::write(&file, bytes).unwrap();
        let (text, code) = waybind(&["restore", file.to_str().unwrap()], &empty);
        assert!(code == Some(1) && text.contains(why), "{name}: {text}");
        assert!(!empty.join("waybind.db").exists(), "{name}");
    }
    let (text, code) = waybind(&["restore", "/nowhere"], &empty);
    assert!(code == Some(1) && text.contains("/nowhere"), "{text}");
    assert_eq!(waybind(&["restore", copy_name], &empty).1, Some(0));
    assert_clean(&empty);
}
