//! A watched folder: whole files are taken once and put away with a report, whatever they are and whenever the service
//! dies.

#![allow(missing_docs, clippy::unwrap_used, reason = "a test")]

mod support;

use std::fs::{self, File};
use std::path::{Path, PathBuf};

use encoding_rs::GB18030;
use rust_xlsxwriter::Workbook;
use serde_json::{Value, json};
use support::served::{Client, Served, assert_clean, eventually};

const CSV: &str = "订单号,承运商,收货人,SKU,数量\nSO-1,ZTO,张三,ITEM,2\nSO-2,ZTO,李四,ITEM,1\n";

struct Watched {
    folder: tempfile::TempDir,
    served: Served,
}

impl Watched {
    fn start() -> Watched {
        let folder = tempfile::tempdir().unwrap();
        fs::create_dir(folder.path().join("inbox")).unwrap();
        let served = serve(folder.path());
        Watched { folder, served }
    }

    fn inbox(&self) -> PathBuf {
        self.folder.path().join("inbox")
    }

    fn put(&self, name: &str, bytes: &[u8]) {
        fs::write(self.inbox().join(name), bytes).unwrap();
    }

    /// The report of a file, once it was put away.
    fn report(&self, to: &str) -> String {
        let path = self.inbox().join(format!("{to}.report.csv"));
        let file = self.inbox().join(to);
        eventually(to, || file.exists().then(|| fs::read_to_string(&path).unwrap()))
    }
}

fn serve(folder: &Path) -> Served {
    let inbox = folder.join("inbox");
    let config = format!(
        "time_zone = \"Asia/Shanghai\"\n[[source]]\nname = \"files\"\nkind = \"folder\"\npath = {inbox:?}\nevery = 1\n"
    );
    Served::start(folder, &config)
}

fn known(client: &mut Client, id: &str) -> Option<Value> {
    let (status, order) = client.try_call("GET", &format!("/api/v1/orders/{id}"), None).unwrap();
    (status == 200).then_some(order)
}

fn source(client: &mut Client) -> Value {
    client.get("/api/v1/sources")["sources"][0].clone()
}

#[test]
fn files_of_every_form_are_taken_and_put_away() {
    let watched = Watched::start();
    let mut client = watched.served.client();
    watched.put("utf8.csv", CSV.as_bytes());
    watched.put("gb.csv", &GB18030.encode(&CSV.replace("SO-", "GB-")).0);
    watched.put(
        "orders.json",
        json!({"orders": [{"id": "J-1", "carrier": "ZTO", "consignee": {"name": "x"},
        "lines": [{"line": 1, "sku": "ITEM", "quantity": 1}]}]})
        .to_string()
        .as_bytes(),
    );
    let mut workbook = Workbook::new();
    let sheet = workbook.add_worksheet();
    sheet.write_row(0, 0, ["订单号", "承运商", "收货人", "SKU", "数量"]).unwrap();
    sheet.write_row(1, 0, ["X-1", "ZTO", "=1+1", "ITEM", "3"]).unwrap();
    watched.put("orders.xlsx", &workbook.save_to_buffer().unwrap());
    for name in ["utf8.csv", "gb.csv", "orders.json", "orders.xlsx"] {
        let report = watched.report(&format!("done/{name}"));
        assert!(report.contains(",created,"), "{name}: {report}");
        assert!(!watched.inbox().join(name).exists());
    }
    for id in ["SO-1", "SO-2", "GB-1", "GB-2", "J-1", "X-1"] {
        assert!(known(&mut client, id).is_some(), "{id}");
    }
    // the same file again says nothing new, and is put beside the first
    watched.put("utf8.csv", CSV.as_bytes());
    let report = watched.report("done/utf8-2.csv");
    assert_eq!(report.matches(",unchanged,").count(), 2, "{report}");
    assert_eq!(source(&mut client)["pages"], 5);
    assert!(watched.served.terminate().success());
}

#[test]
fn what_can_not_be_taken_is_refused_with_its_reason() {
    let watched = Watched::start();
    let mut client = watched.served.client();
    let huge = File::create(watched.inbox().join("huge.csv")).unwrap();
    huge.set_len(10 * 1024 * 1024 * 1024).unwrap();
    watched.put("half.xlsx", b"PK\x03\x04 and then the line went dead");
    watched.put("half.json", b"{\"orders\": [{\"id\": \"SO-9\", ");
    watched.put("half.csv", "订单号,承运商,收货人,SKU,数量\nSO-8,ZTO,\"张三,ITEM,2\n".as_bytes());
    watched.put("picture.png", b"\x89PNG");
    watched.put("no-headers.csv", b"a,b\n1,2\n");
    watched.put("twice.json", json!({"orders": [
        {"id": "D-1", "carrier": "ZTO", "consignee": {"name": "x"}, "lines": [{"line": 1, "sku": "ITEM", "quantity": 1}]},
        {"id": "D-1", "carrier": "ZTO", "consignee": {"name": "x"}, "lines": [{"line": 1, "sku": "ITEM", "quantity": 2}]},
        {"id": "D-2", "carrier": "ZTO", "consignee": {"name": "x"}, "lines": [{"line": 1, "sku": "ITEM", "quantity": 1}], "colour": 1},
    ]}).to_string().as_bytes());
    watched.put("mixed.csv", CSV.replace("ITEM,1", "ITEM,one").as_bytes());
    std::os::unix::fs::symlink("/etc/passwd", watched.inbox().join("link.csv")).unwrap();
    watched.put("export.csv.part", CSV.as_bytes());
    watched.put("~$open.xlsx", b"lock");
    for (name, words) in [
        ("huge.csv", &["more than 256 MiB"][..]),
        ("half.xlsx", &["damaged or cut off"]),
        ("half.json", &["EOF", "cut off"]),
        ("half.csv", &["is not closed"]),
        ("picture.png", &["refused"]),
        ("no-headers.csv", &["no row of known headers"]),
        ("twice.json", &["1,orders,D-1,refused,\"it stands twice", "unknown field `colour`"]),
        ("mixed.csv", &["SO-1,created", "3,orders,SO-2,refused", "one"]),
    ] {
        let report = watched.report(&format!("refused/{name}"));
        for word in words {
            assert!(report.contains(word), "{name}: {word} is not in {report}");
        }
    }
    for id in ["SO-8", "SO-9", "D-1", "D-2", "SO-2"] {
        assert!(known(&mut client, id).is_none(), "{id} was taken");
    }
    for name in ["link.csv", "export.csv.part", "~$open.xlsx"] {
        assert!(watched.inbox().join(name).symlink_metadata().is_ok(), "{name} was touched");
    }
    assert_eq!(source(&mut client)["state"], "good");
}

#[test]
fn rows_wait_for_what_comes_with_a_later_file() {
    let watched = Watched::start();
    let mut client = watched.served.client();
    watched.put("waybills.csv", "运单号,承运商,订单号\n75312345678901,ZTO,SO-1\n".as_bytes());
    let report = watched.report("done/waybills.csv");
    assert!(report.contains("waiting,there is no order SO-1"), "{report}");
    assert_eq!(source(&mut client)["waiting"], 1);
    watched.put("orders.csv", CSV.as_bytes());
    watched.report("done/orders.csv");
    eventually("the waybill", || {
        (known(&mut client, "SO-1")?["waybills"][0]["number"] == "75312345678901").then_some(())
    });
    assert_eq!(eventually("nothing waiting", || Some(source(&mut client)).filter(|s| s["waiting"] == 0))["refused"], 0);
}

#[test]
fn a_crash_in_between_takes_nothing_twice_and_loses_nothing() {
    let mut watched = Watched::start();
    let orders = 2_000;
    let mut text = String::from("订单号,承运商,收货人,SKU,数量\n");
    for number in 1..=orders {
        text += &format!("SO-{number},ZTO,张三,ITEM,{}\n", number % 9 + 1);
    }
    watched.put("orders.csv", text.as_bytes());
    let long = std::env::var_os("WAYBIND_LONG").is_some();
    for round in 1..=if long { 30 } else { 4 } {
        let mut client = watched.served.client();
        // each round dies a little later than the one before
        eventually("some orders", || {
            let wanted = (round * 400).min(orders);
            let is_done = watched.inbox().join("done/orders.csv").exists();
            (is_done || known(&mut client, &format!("SO-{wanted}")).is_some()).then_some(())
        });
        watched.served.kill();
        watched.served = serve(watched.folder.path());
    }
    watched.report("done/orders.csv");
    let mut client = watched.served.client();
    assert!(known(&mut client, &format!("SO-{orders}")).is_some());
    let (mut after, mut put) = (0, 0);
    loop {
        let page = client.get(&format!("/api/v1/events?after={after}&limit=1000"));
        let events = page["events"].as_array().unwrap();
        let Some(last) = events.last() else { break };
        after = last["seq"].as_u64().unwrap();
        put += events.iter().filter(|event| event["type"] == "order_put").count();
    }
    assert_eq!(put, orders, "each order was recorded once");
    assert!(!watched.inbox().join("orders.csv").exists());
    let data = watched.served.data.clone();
    watched.served.kill();
    assert_clean(&data);
}

#[test]
fn a_file_with_a_name_that_can_t_be_read_is_told_and_lets_the_others_pass() {
    use std::os::unix::ffi::OsStrExt;
    let watched = Watched::start();
    let mut client = watched.served.client();
    // as a machine in GBK writes 订单.csv
    let name = std::ffi::OsStr::from_bytes(b"\xb6\xa9\xb5\xa5.csv");
    fs::write(watched.inbox().join(name), CSV).unwrap();
    let told = eventually("the name", || source(&mut client)["last_error"].as_str().map(str::to_owned));
    assert!(told.contains("1 file(s) have a name that is not UTF-8"), "{told}");
    // a link in the place of the report leads nowhere
    let victim = watched.folder.path().join("victim");
    fs::write(&victim, "untouched").unwrap();
    std::os::unix::fs::symlink(&victim, watched.inbox().join(".waybind-report.part")).unwrap();
    for number in 1..=3 {
        watched.put(&format!("{number}.csv"), CSV.replace("SO-", &format!("N{number}-")).as_bytes());
        watched.report(&format!("done/{number}.csv"));
    }
    assert_eq!(fs::read_to_string(&victim).unwrap(), "untouched");
    fs::remove_file(watched.inbox().join(name)).unwrap();
    let mut client = watched.served.client();
    eventually("health", || (source(&mut client)["state"] == "good").then_some(()));
    assert!(watched.served.terminate().success());
}

#[test]
fn stop_lists_of_a_watched_folder_hold_at_the_next_scan() {
    let watched = Watched::start();
    let mut client = watched.served.client();
    client.must("/api/v1/products", &json!({"sku": "ITEM"}));
    watched.put("orders.csv", CSV.as_bytes());
    watched.report("done/orders.csv");
    assert_eq!(client.scan("1", "http-bench", "SO-1"), "opened");
    assert_eq!(client.scan("2", "http-bench", "ITEM"), "accepted");
    watched.put("召回.csv", "停发单号,SKU,原因\nRC-1,ITEM,漏液\n".as_bytes());
    watched.report("done/召回.csv");
    assert_eq!(client.scan("3", "http-bench", "ITEM"), "recalled");
    assert!(watched.served.terminate().success());
}

#[test]
fn a_folder_with_files_of_waybind_s_own_is_not_watched() {
    let folder = tempfile::tempdir().unwrap();
    let data = folder.path().join("data");
    fs::create_dir(&data).unwrap();
    let config = folder.path().join("own.toml");
    let text = format!("data = {data:?}\n[[source]]\nname = \"files\"\nkind = \"folder\"\npath = {data:?}\n");
    fs::write(&config, text).unwrap();
    let output = std::process::Command::new(support::served::program())
        .args(["serve", "--listen", "127.0.0.1:0", "--config"])
        .arg(&config)
        .output()
        .unwrap();
    assert!(!output.status.success());
    assert!(String::from_utf8_lossy(&output.stderr).contains("a folder of its own"), "{output:?}");
}
