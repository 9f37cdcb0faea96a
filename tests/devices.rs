//! Scanners on real pseudo-terminals and sockets: bytes in, verdict on disk, beep back on the wire.

#![allow(missing_docs, clippy::unwrap_used, reason = "a test")]

mod support;

use std::io::{BufRead, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::path::Path;

use rusqlite::Connection;
use serde_json::{Value, json};
use support::served::{Client, PATIENCE, Served, assert_clean, eventually, free_address, program};
use waybind::sim::Pty;
use waybind::sim::scanner::{Family, SimScanner};

fn serial(name: &str, station: &str, path: &Path, protocol: &str) -> String {
    format!(
        "[[device]]\nname = \"{name}\"\nstation = \"{station}\"\nkind = \"serial\"\npath = \"{}\"\nprotocol = \"{protocol}\"\n",
        path.display()
    )
}

fn station(id: &str) -> String {
    format!("[[station]]\nid = \"{id}\"\nmode = \"bench\"\nlatch = false\n")
}

fn work(client: &mut Client) {
    client.must("/api/v1/products", &json!({"sku": "FLT-204", "barcodes": [{"text": "6901234567892"}]}));
    client.must("/api/v1/orders", &json!({"id": "SO-1", "carrier": "ZTO", "consignee": {}, "lines": [{"line": 1, "sku": "FLT-204", "quantity": 2}]}));
}

fn scanner(pty: &Pty, family: Family) -> SimScanner {
    SimScanner::new(family, pty.scanner.try_clone().unwrap(), pty.scanner.try_clone().unwrap()).unwrap()
}

fn records(data: &Path) -> Vec<Value> {
    let conn = Connection::open(data.join("waybind.db")).unwrap();
    let mut statement = conn.prepare("SELECT body FROM ledger ORDER BY seq").unwrap();
    let rows = statement.query_map([], |row| row.get::<_, Vec<u8>>(0)).unwrap();
    rows.map(|body| serde_json::from_slice(&body.unwrap()).unwrap()).collect()
}

fn wait_connected(client: &mut Client, name: &str, connected: bool) {
    eventually("the scanner's state", || {
        let devices = client.get("/api/v1/devices");
        let device = devices["devices"].as_array()?.iter().find(|device| device["name"] == name)?.clone();
        (device["connected"] == connected).then_some(())
    });
}

#[test]
fn a_scan_over_a_tty_is_acknowledged_recorded_and_beeps() {
    let folder = tempfile::tempdir().unwrap();
    let pty = Pty::open().unwrap();
    let served = Served::start(folder.path(), &(station("b1") + &serial("gun", "b1", &pty.path, "zebra/ssi")));
    let mut client = served.client();
    work(&mut client);
    wait_connected(&mut client, "gun", true);
    let mut gun = scanner(&pty, Family::Ssi);
    let (green, red) = (b"\x05\xE6\x04\x00\x00\xFF\x11", b"\x05\xE6\x04\x00\x12\xFE\xFF");
    gun.scan("SO-1", PATIENCE).unwrap();
    gun.expect(green, PATIENCE).unwrap();
    gun.scan("]E06901234567892", PATIENCE).unwrap();
    gun.expect(green, PATIENCE).unwrap();
    // the beep follows the commit: the record is there by now
    let last = records(&served.data).pop().unwrap();
    assert_eq!(last["verdict"]["code"], "accepted");
    assert_eq!((&last["cause"]["station"], &last["cause"]["device"]), (&json!("b1"), &json!("gun")));
    gun.scan("NOSUCH", PATIENCE).unwrap();
    gun.expect(red, PATIENCE).unwrap();
    // a spoilt packet is asked for again, is recorded as unreadable, and what follows is read
    let mut spoilt = Family::Ssi.frame("]E06901234567892");
    spoilt[7] ^= 1;
    gun.send(&spoilt).unwrap();
    gun.expect(b"\x05\xD1\x04\x00\x01\xFF\x25", PATIENCE).unwrap();
    gun.expect(red, PATIENCE).unwrap();
    gun.scan("]E06901234567892", PATIENCE).unwrap();
    gun.expect(green, PATIENCE).unwrap();
    let codes: Vec<Value> =
        records(&served.data).iter().filter_map(|record| record["verdict"]["code"].as_str().map(Value::from)).collect();
    assert_eq!(codes, ["opened", "accepted", "unknown_code", "unreadable", "order_complete"]);
    drop(client);
    assert!(served.terminate().success(), "SIGTERM ends with 0");
    assert_clean(&folder.path().join("data"));
}

#[test]
fn an_unplugged_scanner_is_told_and_found_again_on_the_same_path() {
    let folder = tempfile::tempdir().unwrap();
    let link = folder.path().join("by-id");
    let pty = Pty::open().unwrap();
    std::os::unix::fs::symlink(&pty.path, &link).unwrap();
    let served = Served::start(folder.path(), &(station("b1") + &serial("gun", "b1", &link, "generic/line")));
    let mut client = served.client();
    work(&mut client);
    wait_connected(&mut client, "gun", true);
    (&pty.scanner).write_all(b"NOSUCH\rhalf a co").unwrap();
    eventually("the code before it", || {
        (!records(&served.data).iter().all(|record| record["verdict"].is_null())).then_some(())
    });
    drop(pty);
    std::fs::remove_file(&link).unwrap();
    wait_connected(&mut client, "gun", false);
    let again = Pty::open().unwrap();
    std::os::unix::fs::symlink(&again.path, &link).unwrap();
    wait_connected(&mut client, "gun", true);
    let mut gun = scanner(&again, Family::Line);
    gun.scan("SO-1", PATIENCE).unwrap();
    gun.expect(b"\x07", PATIENCE).unwrap();
    assert_eq!(client.get("/api/v1/stations/b1")["work"]["id"], "SO-1", "half a code of before is none of this one");
    let broken = |record: &&Value| record["cause"]["broken"] == "the scanner went away amid a code";
    assert_eq!(records(&served.data).iter().filter(broken).count(), 1, "it is recorded as what it was");
}

#[test]
fn a_scanner_that_floods_or_sends_rubbish_harms_nobody_else() {
    let folder = tempfile::tempdir().unwrap();
    let (noisy, good) = (Pty::open().unwrap(), Pty::open().unwrap());
    let config = station("b1")
        + &station("b2")
        + &serial("noisy", "b1", &noisy.path, "zebra/ssi")
        + &serial("good", "b2", &good.path, "generic/line");
    let served = Served::start(folder.path(), &config);
    let mut client = served.client();
    work(&mut client);
    wait_connected(&mut client, "noisy", true);
    wait_connected(&mut client, "good", true);
    let resident = served.resident_kib();
    let mut flood = noisy.scanner.try_clone().unwrap();
    let flooding = std::thread::spawn(move || {
        let mut state = 12_345_u32;
        for _ in 0..250 {
            let bytes: Vec<u8> = (0..4096)
                .map(|_| {
                    state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
                    (state >> 24) as u8
                })
                .collect();
            flood.write_all(&bytes).unwrap();
        }
    });
    let mut gun = scanner(&good, Family::Line);
    gun.scan("SO-1", PATIENCE).unwrap();
    gun.expect(b"\x07", PATIENCE).unwrap();
    gun.scan("6901234567892", PATIENCE).unwrap();
    gun.expect(b"\x07", PATIENCE).unwrap();
    flooding.join().unwrap();
    let grown = served.resident_kib().saturating_sub(resident);
    assert!(grown < 32 * 1024, "a million bytes of noise, more than a minute of it at 115,200 baud, took {grown} KiB");
    let accepted = records(&served.data)
        .iter()
        .filter(|record| record["cause"]["device"] == "noisy" && record["cause"]["broken"].is_null())
        .count();
    assert_eq!(accepted, 0, "a million random bytes give no code");
    assert_eq!(client.get("/api/v1/orders/SO-1")["lines"][0]["packed"], 1);
}

#[test]
fn a_frame_without_an_end_is_given_up_and_the_next_one_read() {
    let folder = tempfile::tempdir().unwrap();
    let pty = Pty::open().unwrap();
    let served = Served::start(folder.path(), &(station("b1") + &serial("gun", "b1", &pty.path, "generic/line")));
    let mut client = served.client();
    work(&mut client);
    wait_connected(&mut client, "gun", true);
    let mut gun = scanner(&pty, Family::Line);
    for _ in 0..256 {
        gun.send(&[b'A'; 4096]).unwrap();
    }
    gun.send(b"\rSO-1\r").unwrap();
    eventually("the order to open", || (client.get("/api/v1/stations/b1")["work"]["id"] == "SO-1").then_some(()));
    let broken = records(&served.data).iter().filter(|record| !record["cause"]["broken"].is_null()).count();
    assert_eq!(broken, 1, "one megabyte without an end is one broken frame");
}

#[test]
fn fixed_mount_readers_come_over_tcp_both_ways() {
    let folder = tempfile::tempdir().unwrap();
    let reader = TcpListener::bind("127.0.0.1:0").unwrap();
    let listen = free_address();
    let tcp = |name: &str, station: &str, key: &str, address: &str| {
        format!(
            "[[device]]\nname = \"{name}\"\nstation = \"{station}\"\nkind = \"tcp\"\n{key} = \"{address}\"\nprotocol = \"cognex/dataman-tcp\"\n"
        )
    };
    let config = station("b1")
        + &station("b2")
        + &tcp("reader", "b1", "address", &reader.local_addr().unwrap().to_string())
        + &tcp("caller", "b2", "listen", &listen.to_string());
    let served = Served::start(folder.path(), &config);
    let mut client = served.client();
    work(&mut client);
    let (mut called, _) = reader.accept().unwrap();
    called.write_all(b"NOREAD\r\nSO-1\r\n").unwrap();
    let mut beep = [0; 5];
    called.read_exact(&mut beep).unwrap();
    assert_eq!(&beep, b"||>BE");
    let mut calling = eventually("the listener", || TcpStream::connect(listen).ok());
    calling.write_all(b"6901234567892\r\n").unwrap();
    calling.read_exact(&mut beep).unwrap();
    let stations: Vec<Value> = records(&served.data)
        .iter()
        .filter(|record| record["verdict"].is_object())
        .map(|record| record["cause"]["station"].clone())
        .collect();
    assert_eq!(stations, ["b1", "b2"], "a frame that says that nothing was read is no scan");
    drop(calling);
    wait_connected(&mut client, "caller", false);
}

#[test]
fn a_scanner_that_waits_for_its_verdict_always_gets_an_answer_and_a_slow_one_gets_it_slowly() {
    let folder = tempfile::tempdir().unwrap();
    let (waits, slow) = (Pty::open().unwrap(), Pty::open().unwrap());
    let config = station("b1")
        + &station("b2")
        + &serial("waits", "b1", &waits.path, "honeywell/metrologic")
        + "bounce_ms = 60000\n"
        + &serial("slow", "b2", &slow.path, "opticon/serial");
    let served = Served::start(folder.path(), &config);
    let mut client = served.client();
    work(&mut client);
    wait_connected(&mut client, "waits", true);
    wait_connected(&mut client, "slow", true);
    let mut gun = scanner(&waits, Family::Line);
    for (code, answer) in [("SO-1", b"\x06"), ("NOSUCH", b"\x07"), ("NOSUCH", b"\x18")] {
        gun.scan(code, PATIENCE).unwrap();
        gun.expect(answer, PATIENCE).unwrap();
    }
    let mut gun = scanner(&slow, Family::Line);
    gun.scan("NOSUCH", PATIENCE).unwrap();
    gun.expect(b"\x1bE\r", PATIENCE).unwrap();
}

#[test]
fn a_node_is_read_once_however_it_is_named() {
    let folder = tempfile::tempdir().unwrap();
    let pty = Pty::open().unwrap();
    let link = folder.path().join("by-id");
    std::os::unix::fs::symlink(&pty.path, &link).unwrap();
    let config = station("b1")
        + &station("b2")
        + &serial("one", "b1", &pty.path, "generic/line")
        + &serial("two", "b2", &link, "generic/line");
    let served = Served::start(folder.path(), &config);
    let mut client = served.client();
    work(&mut client);
    let refused = eventually("one of the two to be refused", || {
        let devices = client.get("/api/v1/devices")["devices"].as_array()?.clone();
        let (there, gone): (Vec<Value>, Vec<Value>) =
            devices.into_iter().partition(|device| device["connected"] == json!(true));
        (there.len() == 1 && gone.len() == 1).then(|| gone[0]["last_error"].as_str().unwrap_or_default().to_owned())
    });
    assert!(refused.contains("is read as device"), "{refused}");
    scanner(&pty, Family::Line).scan("SO-1", PATIENCE).unwrap();
    eventually("the order to open", || {
        let open =
            |station: &str, client: &mut Client| !client.get(&format!("/api/v1/stations/{station}"))["work"].is_null();
        let both = [open("b1", &mut client), open("b2", &mut client)];
        assert_ne!(both, [true, true], "one trigger pull is one scan");
        (both[0] || both[1]).then_some(())
    });
}

#[test]
fn a_probe_shows_bytes_frames_and_meaning_by_every_definition() {
    let pty = Pty::open().unwrap();
    let mut probe = std::process::Command::new(program())
        .args(["devices", "probe"])
        .arg(&pty.path)
        .current_dir(tempfile::tempdir().unwrap().path())
        .stdout(std::process::Stdio::piped())
        .spawn()
        .unwrap();
    let mut lines = std::io::BufReader::new(probe.stdout.take().unwrap()).lines().map(Result::unwrap);
    assert!(lines.next().unwrap().contains("scan something"));
    // what is written before the port is open and raw may be lost: the scan is repeated until it is heard
    let mut gun = scanner(&pty, Family::Line);
    let (heard, listening) = std::sync::mpsc::channel();
    let reading = std::thread::spawn(move || lines.for_each(|line| drop(heard.send(line))));
    let mut told = Vec::new();
    eventually("the probe's answer", || {
        gun.scan("6901234567892", PATIENCE).unwrap();
        told.extend(listening.recv_timeout(std::time::Duration::from_secs(1)));
        told.extend(listening.try_iter());
        let has = |text: &str| told.iter().any(|line| line.contains(text));
        (has("36 39 30 31") && has("generic/line") && has("ean · 06901234567892")).then_some(())
    });
    probe.kill().unwrap();
    probe.wait().unwrap();
    reading.join().unwrap();
}

#[test]
fn a_keyboards_trace_is_played_again() {
    use waybind::config::Library;
    use waybind::protocol::Keystroke;
    let folder = tempfile::tempdir().unwrap();
    let library = Library::built_in().unwrap();
    let enter = [(28, 1), (28, 0)].map(|(code, value)| waybind::protocol::KeyEvent { code, value });
    let typed = library.layout("us").unwrap().type_text("Sku-42/b").unwrap();
    let mut trace =
        vec![json!({"device": "wedge", "station": "http-bench", "protocol": "generic/keyboard"}).to_string()];
    for (index, event) in typed.into_iter().chain(enter).enumerate() {
        let [high, low, value] = Keystroke::Key(event).to_bytes();
        trace.push(json!({"ms": index, "read": format!("{high:02x}{low:02x}{value:02x}")}).to_string());
    }
    let file = folder.path().join("trace.jsonl");
    std::fs::write(&file, trace.join("\n")).unwrap();
    let played = std::process::Command::new(program())
        .arg("replay")
        .arg(&file)
        .arg("--data")
        .arg(folder.path().join("data"))
        .output()
        .unwrap();
    let text = String::from_utf8_lossy(&played.stdout).into_owned();
    assert!(text.contains("Sku-42/b  unknown_code"), "{text} {played:?}");
}

#[test]
fn what_is_configured_is_listed_with_how_it_is() {
    let folder = tempfile::tempdir().unwrap();
    let pty = Pty::open().unwrap();
    let config = station("b1")
        + &serial("gun", "b1", &pty.path, "generic/line")
        + "[[device]]\nname = \"wedge\"\nstation = \"b1\"\nkind = \"hid-keyboard\"\nmatch = { usb = \"ffff:*\", serial = \"none such\" }\n";
    let served = Served::start(folder.path(), &config);
    let mut client = served.client();
    wait_connected(&mut client, "gun", true);
    eventually("the absent one to be told", || {
        let devices = client.get("/api/v1/devices");
        let wedge = devices["devices"].as_array()?.iter().find(|device| device["name"] == "wedge")?.clone();
        (wedge["last_error"] == "it is not plugged in" && wedge["protocol"] == "generic/keyboard").then_some(())
    });
    let listed = std::process::Command::new(program())
        .arg("devices")
        .arg("--config")
        .arg(folder.path().join("waybind.toml"))
        .arg("--data")
        .arg(&served.data)
        .output()
        .unwrap();
    let text = String::from_utf8_lossy(&listed.stdout).into_owned();
    assert!(text.contains("gun  b1  generic/line") && text.contains("connected, 0 codes"), "{text} {listed:?}");
    assert!(text.contains("wedge  b1  generic/keyboard  USB ffff:*, serial number \"none such\"  not there"), "{text}");
}
