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

fn device(client: &mut Client, name: &str) -> Option<Value> {
    let devices = client.get("/api/v1/devices");
    devices["devices"].as_array()?.iter().find(|device| device["name"] == name).cloned()
}

fn wait_connected(client: &mut Client, name: &str, connected: bool) {
    eventually("the scanner's state", || (device(client, name)?["connected"] == connected).then_some(()));
}

/// What of a device's records was broken, and why.
fn broken(data: &Path) -> Vec<String> {
    records(data).iter().filter_map(|record| record["cause"]["broken"].as_str().map(str::to_owned)).collect()
}

fn tcp(name: &str, station: &str, key: &str, address: &str) -> String {
    format!(
        "[[device]]\nname = \"{name}\"\nstation = \"{station}\"\nkind = \"tcp\"\n{key} = \"{address}\"\nprotocol = \"cognex/dataman-tcp\"\n"
    )
}

/// `waybind devices` as people read it.
fn listed(folder: &Path, served: &Served) -> String {
    let listed = std::process::Command::new(program())
        .arg("devices")
        .arg("--config")
        .arg(folder.join("waybind.toml"))
        .arg("--data")
        .arg(&served.data)
        .output()
        .unwrap();
    assert!(listed.status.success(), "{listed:?}");
    String::from_utf8(listed.stdout).unwrap()
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
fn a_second_unit_that_was_refused_and_sent_again_counts() {
    let folder = tempfile::tempdir().unwrap();
    let pty = Pty::open().unwrap();
    let served = Served::start(folder.path(), &(station("b1") + &serial("gun", "b1", &pty.path, "zebra/ssi")));
    let mut client = served.client();
    work(&mut client);
    wait_connected(&mut client, "gun", true);
    let mut gun = scanner(&pty, Family::Ssi);
    let green = b"\x05\xE6\x04\x00\x00\xFF\x11";
    for code in ["SO-1", "]E06901234567892"] {
        gun.scan(code, PATIENCE).unwrap();
        gun.expect(green, PATIENCE).unwrap();
    }
    let unit = Family::Ssi.frame("]E06901234567892");
    let mut spoilt = unit.clone();
    spoilt[7] ^= 1;
    gun.send(&spoilt).unwrap();
    gun.expect(b"\x05\xD1\x04\x00\x01\xFF\x25", PATIENCE).unwrap();
    // the same unit again, with the retransmit bit and the sum that belongs to it
    let mut again = unit;
    again[3] = 1;
    *again.last_mut().unwrap() -= 1;
    gun.send(&again).unwrap();
    gun.expect(green, PATIENCE).unwrap();
    assert_eq!(client.get("/api/v1/orders/SO-1")["lines"][0]["packed"], 2);
}

#[test]
fn half_a_line_is_given_up_and_the_next_code_is_whole() {
    let folder = tempfile::tempdir().unwrap();
    let pty = Pty::open().unwrap();
    let served = Served::start(folder.path(), &(station("b1") + &serial("gun", "b1", &pty.path, "generic/line")));
    let mut client = served.client();
    work(&mut client);
    wait_connected(&mut client, "gun", true);
    let mut gun = scanner(&pty, Family::Line);
    gun.scan("SO-1", PATIENCE).unwrap();
    gun.expect(b"\x07", PATIENCE).unwrap();
    gun.send(b"69012").unwrap();
    // three beeps: it was not read
    gun.expect(b"\x07\x07\x07", PATIENCE).unwrap();
    assert_eq!(broken(&served.data), ["half a line"]);
    gun.send(b"6901234567892\r\n").unwrap();
    eventually("the item", || (client.get("/api/v1/orders/SO-1")["lines"][0]["packed"] == 1).then_some(()));
    let gun = device(&mut client, "gun").unwrap();
    assert_eq!((&gun["last_error"], &gun["broken"]), (&json!("half a line"), &json!(1)));
    let text = listed(folder.path(), &served);
    assert!(
        text.contains("connected, 2 codes, 1 broken; last error at 20") && text.contains(": half a line"),
        "{text}"
    );
}

#[test]
fn an_unplugged_scanner_is_told_and_found_again_on_the_same_path() {
    let folder = tempfile::tempdir().unwrap();
    let link = folder.path().join("by-id");
    let pty = Pty::open().unwrap();
    std::os::unix::fs::symlink(&pty.path, &link).unwrap();
    // one that waits for the rest of a code, so that only the unplug ends it
    let own = folder.path().join("own");
    std::fs::create_dir_all(own.join("ours")).unwrap();
    let patient = "name = \"x\"\nsource = \"x\"\ngap-ms = 600000\n[framing]\nkind = \"line\"\nterminators = [\"0D\"]\n[feedback]\naccept = \"07\"\n";
    std::fs::write(own.join("ours/patient.toml"), patient).unwrap();
    let config = format!("protocols = {own:?}\n") + &station("b1") + &serial("gun", "b1", &link, "ours/patient");
    let served = Served::start(folder.path(), &config);
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
    let state = device(&mut client, "gun").unwrap();
    assert!(state["last_error"].is_string() && state["last_error_at"].is_string(), "it still tells what was: {state}");
    let mut gun = scanner(&again, Family::Line);
    gun.scan("SO-1", PATIENCE).unwrap();
    gun.expect(b"\x07", PATIENCE).unwrap();
    assert_eq!(client.get("/api/v1/stations/b1")["work"]["id"], "SO-1", "half a code of before is none of this one");
    assert_eq!(broken(&served.data), ["the scanner went away amid a code"], "it is recorded as what it was");
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
    for (ours, which) in
        [(called.peer_addr().unwrap(), "a sign of life from whom we called"), (listen, "and from who called us")]
    {
        eventually(which, || is_kept_alive(ours).then_some(()));
    }
    drop(calling);
    wait_connected(&mut client, "caller", false);
}

/// Whether a connection with this local address has a keep-alive timer that fires within some seconds.
fn is_kept_alive(local: std::net::SocketAddr) -> bool {
    let table = std::fs::read_to_string("/proc/net/tcp").unwrap();
    let (port, established) = (format!(":{:04X}", local.port()), "01");
    table.lines().skip(1).any(|line| {
        let columns: Vec<&str> = line.split_whitespace().collect();
        let (kind, ticks) = columns[5].split_once(':').unwrap();
        let fires_soon = i64::from_str_radix(ticks, 16).is_ok_and(|ticks| ticks <= 15 * 100);
        columns[1].ends_with(&port) && columns[3] == established && kind == "02" && fires_soon
    })
}

#[test]
fn a_new_connection_takes_the_place_of_one_that_says_nothing_any_more() {
    let folder = tempfile::tempdir().unwrap();
    let listen = free_address();
    let config = station("b1") + &tcp("reader", "b1", "listen", &listen.to_string());
    let served = Served::start(folder.path(), &config);
    let mut client = served.client();
    work(&mut client);
    eventually("the listener", || (device(&mut client, "reader")?["listening"] == true).then_some(()));
    let text = listed(folder.path(), &served);
    assert!(text.contains(&format!("waits for a connection at {listen}\n")), "{text}");
    let mut beep = [0; 5];
    // each of these stays open, as if its cable had been pulled amid a code
    let mut silent: Vec<TcpStream> = Vec::new();
    for code in ["SO-1\r\n69", "6901234567892\r\n69", "6901234567892\r\n"] {
        let mut living = TcpStream::connect(listen).unwrap();
        living.set_read_timeout(Some(PATIENCE)).unwrap();
        living.write_all(code.as_bytes()).unwrap();
        living.read_exact(&mut beep).unwrap();
        assert_eq!(&beep, b"||>BE", "{code}");
        silent.push(living);
    }
    assert_eq!(client.get("/api/v1/orders/SO-1")["lines"][0]["packed"], 2);
    assert_eq!(broken(&served.data).len(), 2, "their halves are none of each other");
    let state = device(&mut client, "reader").unwrap();
    let why = state["last_error"].as_str().unwrap();
    assert!(
        state["connected"] == true && why.starts_with("another connection took its place, from 127.0.0.1:"),
        "{state}"
    );
    for mut gone in silent.drain(..2) {
        gone.read_to_end(&mut Vec::new()).unwrap();
    }
    // what the last one sends just before it is replaced is its own scan, and none is counted later
    silent[0].write_all(b"NOSUCH\r\n").unwrap();
    let last = TcpStream::connect(listen).unwrap();
    silent[0].read_to_end(&mut Vec::new()).unwrap();
    let codes = || -> Vec<Value> {
        records(&served.data).iter().filter_map(|record| record["verdict"]["code"].as_str().map(Value::from)).collect()
    };
    eventually("the verdict", || codes().contains(&json!("unknown_code")).then_some(()));
    drop(last);
    wait_connected(&mut client, "reader", false);
    let text = listed(folder.path(), &served);
    assert!(text.contains(&format!("waits for a connection at {listen}; last error at 20")), "{text}");
    assert_eq!(codes().iter().filter(|code| **code != "unreadable").count(), 4, "{:?}", codes());
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
    let text = listed(folder.path(), &served);
    assert!(text.contains("gun  b1  generic/line") && text.contains("connected, 0 codes, 0 broken\n"), "{text}");
    assert!(text.contains("wedge  b1  generic/keyboard  USB ffff:*, serial number \"none such\"  not there"), "{text}");
}
