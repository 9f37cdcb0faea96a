//! Printing, with real sockets, a pseudo-terminal and the real program: what prints by itself, what waits and goes on, what
//! asks, and whom a bad printer harms.

#![allow(missing_docs, clippy::unwrap_used, reason = "a test")]

mod support;

use std::io::Read;
use std::path::Path;
use std::time::Duration;

use serde_json::{Value, json};
use sha2::{Digest, Sha256};
use support::paper::Dots;
use support::served::{Client, Served, alone, assert_clean, eventually, free_address, program};
use waybind::sim::Pty;
use waybind::sim::office::{Mood, SimOffice};
use waybind::sim::printer::{Fault, Manner, SimPrinter, Speech};

const BENCH: &str =
    "[[station]]\nid = \"bench\"\nmode = \"bench\"\nlatch = false\nprint_waybill = true\nprinter = \"P1\"\n";
const DOCK: &str = "[[station]]\nid = \"dock\"\nmode = \"load\"\nlatch = false\n";

fn printer(name: &str, profile: &str, place: &str) -> String {
    format!("[[printer]]\nname = \"{name}\"\nprofile = \"{profile}\"\n{place}\n")
}

fn at(sim: &SimPrinter) -> String {
    format!("address = \"{}\"", sim.address)
}

fn serve(folder: &Path, rest: &str) -> Served {
    Served::start(folder, &format!("language = \"en\"\nsender = {{ name = \"Parts Ltd\" }}\n{rest}"))
}

/// A shop with `count` orders of one piece, each with its waybill.
fn shop(client: &mut Client, count: usize) {
    client.must("/api/v1/products", &json!({"sku": "FLT-204", "name": "Oil filter"}));
    for number in 1..=count {
        let consignee = json!({"name": "Li Lei", "phone": "13800001234", "address": "1 Wensan Road, Hangzhou"});
        client.must(
            "/api/v1/orders",
            &json!({"id": format!("SO-{number}"), "carrier": "ZTO", "region": "330106", "sort_code": "571-A12",
            "consignee": consignee, "lines": [{"line": 1, "sku": "FLT-204", "quantity": 1}]}),
        );
        client.must(
            "/api/v1/waybills",
            &json!({"number": format!("W{number}"), "carrier": "ZTO", "orders": [format!("SO-{number}")]}),
        );
    }
}

fn pack(client: &mut Client, number: usize) {
    assert_eq!(client.scan(&format!("open-{number}"), "bench", &format!("SO-{number}")), "opened");
    assert_eq!(client.scan(&format!("item-{number}"), "bench", "FLT-204"), "order_complete");
    assert_eq!(client.scan(&format!("done-{number}"), "bench", "WB:C:DONE"), "closed");
}

fn bind(client: &mut Client, number: usize) {
    assert_eq!(client.scan(&format!("bind-{number}"), "bench", &format!("W{number}")), "waybill_bound");
}

fn jobs(client: &mut Client, state: &str) -> Vec<Value> {
    client.get(&format!("/api/v1/print-jobs?state={state}"))["jobs"].as_array().unwrap().clone()
}

fn job_in(client: &mut Client, state: &str) -> Value {
    eventually(&format!("a job that is {state}"), || jobs(client, state).into_iter().next())
}

fn condition(client: &mut Client, name: &str) -> String {
    let printers = client.get("/api/v1/printers")["printers"].as_array().unwrap().clone();
    printers.iter().find(|printer| printer["name"] == name).unwrap()["condition"].as_str().unwrap().to_owned()
}

#[test]
fn the_waybill_of_a_sealed_parcel_prints_by_itself_once() {
    let (folder, sim) = (tempfile::tempdir().unwrap(), SimPrinter::start("127.0.0.1:0", Speech::Zpl).unwrap());
    let served = serve(folder.path(), &format!("{BENCH}{}", printer("P1", "zpl-203", &at(&sim))));
    let mut client = served.client();
    shop(&mut client, 2);
    pack(&mut client, 1);
    let job = job_in(&mut client, "printed");
    assert_eq!((&job["waybill"], &job["order"], &job["copy"]), (&json!("W1"), &json!("SO-1"), &json!(1)), "{job}");
    let labels = sim.labels();
    let order = client.must("/api/v1/orders", &json!({"id": "SO-1", "carrier": "ZTO", "consignee": {"name": "Li Lei", "phone": "13800001234", "address": "1 Wensan Road, Hangzhou"},
        "region": "330106", "sort_code": "571-A12", "lines": [{"line": 1, "sku": "FLT-204", "quantity": 1}]}));
    let scan_code = order["results"][0]["scan_code"].as_str().unwrap().to_owned();
    assert_eq!(Dots::of_zpl(&labels[0]).codes(), [scan_code]);

    bind(&mut client, 1);
    pack(&mut client, 2);
    eventually("the second label", || (sim.count() == 2).then_some(()));
    let story = client.get("/api/v1/orders/SO-1/timeline").to_string();
    assert!(story.contains("print_requested") && story.contains("\"printed\""), "{story}");
    eventually("both to be settled", || (jobs(&mut client, "printed").len() == 2).then_some(()));
    assert_eq!(sim.count(), 2, "the bound waybill is not printed again");
    drop(client);
    let data = served.data.clone();
    assert!(served.terminate().success());
    assert_clean(&data);
}

#[test]
fn without_paper_packing_goes_on_and_labels_wait() {
    let (folder, sim) = (tempfile::tempdir().unwrap(), SimPrinter::start("127.0.0.1:0", Speech::Zpl).unwrap());
    sim.set_fault(Fault { paper_out: true, ..Fault::default() });
    let served = serve(folder.path(), &format!("{BENCH}{}", printer("P1", "zpl-203", &at(&sim))));
    let mut client = served.client();
    shop(&mut client, 3);
    pack(&mut client, 1);
    bind(&mut client, 1);
    eventually("the printer to be out of paper", || (condition(&mut client, "P1") == "paper_out").then_some(()));
    pack(&mut client, 2);
    bind(&mut client, 2);
    let station = client.get("/api/v1/stations/bench");
    let waiting: Vec<&Value> = station["prints"].as_array().unwrap().iter().map(|job| &job["what"]).collect();
    assert_eq!(waiting, ["W2", "W1"], "{station}");
    assert_eq!(station["printer"]["condition"], "paper_out");
    let (_, page) = client.text("GET", "/station/bench", "accept-language: en\r\n", "");
    assert!(page.contains("packed, label waiting") && page.contains("out of paper"), "{page}");
    let (_, page) = client.text("GET", "/", "accept-language: en\r\n", "");
    assert!(page.contains("packed, label waiting") && page.contains("out of paper"), "{page}");
    let (_, metrics) = client.text("GET", "/metrics", "", "");
    assert!(metrics.contains("waybind_printer_queue{printer=\"P1\"} 2"), "{metrics}");
    assert_eq!(sim.count(), 0);

    sim.set_fault(Fault::default());
    eventually("the labels", || (sim.count() == 2).then_some(()));
    for (fault, name) in [
        (Fault { head_open: true, ..Fault::default() }, "head_open"),
        (Fault { ribbon_out: true, ..Fault::default() }, "ribbon_out"),
        (Fault { paused: true, ..Fault::default() }, "paused"),
    ] {
        sim.set_fault(fault);
        let job = client.must("/api/v1/printers/P1/test", &json!({}))["job"].clone();
        eventually(name, || (condition(&mut client, "P1") == name).then_some(()));
        sim.set_fault(Fault::default());
        eventually("its self-test", || {
            jobs(&mut client, "printed").iter().any(|done| done["number"] == job).then_some(())
        });
    }
}

#[test]
fn a_second_printer_takes_over_while_the_first_is_gone() {
    let (folder, sim) = (tempfile::tempdir().unwrap(), SimPrinter::start("127.0.0.1:0", Speech::Tspl).unwrap());
    let gone = format!("address = \"{}\"\nfallback = \"P2\"", free_address());
    let config = format!("{BENCH}{}{}", printer("P1", "zpl-203", &gone), printer("P2", "tspl-203", &at(&sim)));
    let served = serve(folder.path(), &config);
    let mut client = served.client();
    shop(&mut client, 1);
    pack(&mut client, 1);
    let job = job_in(&mut client, "printed");
    assert_eq!(job["printer"], "P2", "{job}");
    assert_eq!(sim.count(), 1);
    assert!(sim.labels()[0].starts_with(b"SIZE 100 mm,150 mm"));
    assert_eq!(condition(&mut client, "P1"), "unreachable");
}

#[test]
fn a_second_printer_takes_over_while_the_first_has_no_paper() {
    let folder = tempfile::tempdir().unwrap();
    let start = || SimPrinter::start("127.0.0.1:0", Speech::Zpl).unwrap();
    let (one, two) = (start(), start());
    one.set_fault(Fault { paper_out: true, ..Fault::default() });
    let first = format!("{}\nfallback = \"P2\"", at(&one));
    let config = format!("{BENCH}{}{}", printer("P1", "zpl-203", &first), printer("P2", "zpl-203", &at(&two)));
    let served = serve(folder.path(), &config);
    let mut client = served.client();
    shop(&mut client, 3);
    for number in 1..=2 {
        pack(&mut client, number);
        bind(&mut client, number);
    }
    eventually("both labels at the second printer", || (two.count() == 2).then_some(()));
    client.must("/api/v1/printers/P1/test", &json!({}));
    one.set_fault(Fault::default());
    eventually("the self-test at the first", || (one.count() == 1).then_some(()));
    eventually("the first to be ready", || (condition(&mut client, "P1") == "ready").then_some(()));
    pack(&mut client, 3);
    eventually("the third label at the first", || (one.count() == 2).then_some(()));
    eventually("all to be settled", || (jobs(&mut client, "printed").len() == 4).then_some(()));
    assert_eq!(two.count(), 2);
}

#[test]
fn what_broke_off_asks_and_is_not_printed_again_by_itself() {
    let (folder, sim) = (tempfile::tempdir().unwrap(), SimPrinter::start("127.0.0.1:0", Speech::Silent).unwrap());
    sim.behave(Manner::HangUp(2_000));
    let served = serve(folder.path(), &format!("{BENCH}{}", printer("P1", "zpl-clone-203", &at(&sim))));
    let mut client = served.client();
    shop(&mut client, 1);
    pack(&mut client, 1);
    let asked = job_in(&mut client, "unknown");
    assert!(asked["why"].as_str().unwrap().contains("look at the printer"), "{asked}");
    let number = asked["number"].as_u64().unwrap();
    sim.behave(Manner::Prompt);
    client.must("/api/v1/printers/P1/test", &json!({}));
    assert_eq!(job_in(&mut client, "sent")["kind"], "self_test");
    assert_eq!(sim.count(), 1, "only the self-test was printed");

    let resolve = format!("/api/v1/print-jobs/{number}/resolve");
    let (status, _) = client.post(&resolve, &json!({"how": "burn"}));
    assert_eq!(status, 400);
    let again = client.must(&resolve, &json!({"how": "again", "operator": "wang"}));
    assert_eq!(again["job"]["copy"], 2);
    eventually("the label", || (sim.count() == 2).then_some(()));
    eventually("both to be sent", || (jobs(&mut client, "sent").len() == 2).then_some(()));
    let (status, answer) = client.post(&resolve, &json!({"how": "printed"}));
    assert_eq!(status, 409, "{answer}");
    let (status, _) = client.post("/api/v1/print-jobs/99/resolve", &json!({"how": "printed"}));
    assert_eq!(status, 404);
}

#[test]
fn a_bad_printer_harms_nobody_else() {
    let folder = tempfile::tempdir().unwrap();
    let start = |speech| SimPrinter::start("127.0.0.1:0", speech).unwrap();
    let (good, slow, odd) = (start(Speech::Zpl), start(Speech::Zpl), start(Speech::Nonsense));
    slow.behave(Manner::Slow(1, Duration::from_secs(1)));
    let printers =
        [("P1", &good), ("SLOW", &slow), ("ODD", &odd)].map(|(name, sim)| printer(name, "zpl-203", &at(sim)));
    let served = serve(folder.path(), &format!("{BENCH}{}", printers.concat()));
    let mut client = served.client();
    shop(&mut client, 3);
    client.must("/api/v1/printers/SLOW/test", &json!({}));
    client.must("/api/v1/printers/ODD/test", &json!({}));
    for number in 1..=3 {
        pack(&mut client, number);
        bind(&mut client, number);
    }
    eventually("the labels of the good printer", || (good.count() == 3).then_some(()));
    eventually("the label of the one that talks nonsense", || (odd.count() == 1).then_some(()));
    assert_eq!(slow.count(), 0);
    // the service closes a connection that was silent for long
    let mut client = served.client();
    assert_eq!(condition(&mut client, "ODD"), "unknown");
    let (status, _) = client.post("/api/v1/printers/NONE/test", &json!({}));
    assert_eq!(status, 404);
}

#[test]
fn a_reprint_has_its_reason_and_its_number() {
    let folder = tempfile::tempdir().unwrap();
    let start = || SimPrinter::start("127.0.0.1:0", Speech::Zpl).unwrap();
    let (one, two) = (start(), start());
    let config = format!("{BENCH}{}{}", printer("P1", "zpl-203", &at(&one)), printer("P2", "zpl-203", &at(&two)));
    let served = serve(folder.path(), &config);
    let mut client = served.client();
    shop(&mut client, 1);
    assert_eq!(client.scan("early", "bench", "WB:C:REPRINT"), "wrong_step");
    pack(&mut client, 1);
    eventually("the label", || (one.count() == 1).then_some(()));
    assert_eq!(client.scan("choose", "bench", "p2"), "info");
    assert_eq!(client.get("/api/v1/stations/bench")["printer"]["name"], "P2");
    assert_eq!(client.scan("again", "bench", "WB:C:REPRINT"), "info");
    let (_, page) = client.text("GET", "/station/bench", "accept-language: en\r\n", "");
    assert!(page.contains("data-scan=\"label damaged\""), "{page}");
    assert_eq!(client.scan("why", "bench", "label damaged"), "info");
    eventually("the copy", || (two.count() == 1).then_some(()));
    let job =
        eventually("the copy to be settled", || jobs(&mut client, "printed").into_iter().find(|job| job["copy"] == 2));
    assert_eq!((&job["reason"], &job["printer"]), (&json!("label damaged"), &json!("P2")), "{job}");
    client.must("/api/v1/waybills/W1/void", &json!({}));
    assert_eq!(client.scan("void", "bench", "WB:C:REPRINT"), "waybill_void");
    drop(client);
    let data = served.data.clone();
    assert!(served.terminate().success());
    assert_clean(&data);
}

#[test]
fn a_node_gets_the_bytes_as_they_are() {
    let folder = tempfile::tempdir().unwrap();
    let pty = Pty::open().unwrap();
    let path = format!("path = \"{}\"", pty.path.display());
    let served = serve(folder.path(), &format!("{BENCH}{}", printer("P1", "tspl-clone-203", &path)));
    let mut master = pty.scanner.try_clone().unwrap();
    let reading = std::thread::spawn(move || {
        let (mut read, mut buffer) = (Vec::new(), [0; 4_096]);
        while !read.ends_with(b"PRINT 1,1\r\n") {
            let length = master.read(&mut buffer).unwrap();
            read.extend_from_slice(&buffer[..length]);
        }
        read
    });
    let mut client = served.client();
    shop(&mut client, 1);
    pack(&mut client, 1);
    let read = reading.join().unwrap();
    assert!(read.starts_with(b"SIZE 100 mm,150 mm\r\n"));
    assert!(read.len() > 100 * 1_199, "all rows came");
    assert_eq!(job_in(&mut client, "sent")["printer"], "P1");
}

#[test]
fn a_closed_manifest_lies_in_the_office() {
    let folder = tempfile::tempdir().unwrap();
    let sim = SimPrinter::start("127.0.0.1:0", Speech::Zpl).unwrap();
    let tray = folder.path().join("tray");
    let place = format!("folder = \"{}\"\ntemplates = [\"manifest-*\"]", tray.display());
    let config =
        format!("{BENCH}{DOCK}{}{}", printer("P1", "zpl-203", &at(&sim)), printer("OFFICE", "office-a4", &place));
    let served = serve(folder.path(), &config);
    let mut client = served.client();
    shop(&mut client, 1);
    pack(&mut client, 1);
    bind(&mut client, 1);
    client.must("/api/v1/manifests", &json!({"id": "M1", "carrier": "ZTO", "departure": "2026-11-21T18:00:00+08:00"}));
    for (id, data, code) in [("m", "M1", "opened"), ("w", "W1", "waybill_loaded"), ("d", "WB:C:DONE", "closed")] {
        assert_eq!(client.scan(id, "dock", data), code);
    }
    let job = job_in(&mut client, "sent");
    assert_eq!((&job["kind"], &job["printer"]), (&json!("manifest"), &json!("OFFICE")), "{job}");
    let files: Vec<_> = std::fs::read_dir(&tray).unwrap().map(|entry| entry.unwrap().path()).collect();
    assert_eq!(files.len(), 1);
    assert!(std::fs::read(&files[0]).unwrap().starts_with(b"%PDF"));
    let (status, pdf) = client.text("GET", "/api/v1/manifests/M1.pdf", "", "");
    assert!(status == 200 && pdf.starts_with("%PDF"));
    assert_eq!(client.try_call("GET", "/api/v1/manifests/M2.pdf", None).unwrap().0, 404);
    assert_eq!(client.scan("again", "dock", "WB:C:REPRINT"), "info");
    assert_eq!(client.scan("why", "dock", "signed on the wrong line"), "info");
    eventually("the second copy", || (std::fs::read_dir(&tray).unwrap().count() == 2).then_some(()));
}

#[test]
fn an_office_printer_is_spoken_to_in_ipp() {
    let (folder, office) = (tempfile::tempdir().unwrap(), SimOffice::start("127.0.0.1:0").unwrap());
    office.behave(Mood::PaperOut);
    let place = format!("url = \"ipp://{}/ipp/print\"", office.address);
    let served = serve(folder.path(), &printer("OFFICE", "office-a4", &place));
    let mut client = served.client();
    let mut test = || client.must("/api/v1/printers/OFFICE/test", &json!({}))["job"].as_u64().unwrap();
    let first = test();
    eventually("the printer to be out of paper", || (condition(&mut client, "OFFICE") == "paper_out").then_some(()));
    assert!(office.printed().is_empty());
    office.behave(Mood::Good);
    assert_eq!(job_in(&mut client, "printed")["number"], first);
    assert!(office.printed()[0].starts_with(b"%PDF"));

    office.behave(Mood::Picky);
    client.must("/api/v1/printers/OFFICE/test", &json!({}));
    let failed = job_in(&mut client, "failed");
    assert!(failed["why"].as_str().unwrap().contains("refused"), "{failed}");

    office.behave(Mood::Mute);
    client.must("/api/v1/printers/OFFICE/test", &json!({}));
    job_in(&mut client, "unknown");
    assert_eq!(office.printed().len(), 2, "the one that got no answer is not sent again");

    office.behave(Mood::Failing);
    client.must("/api/v1/printers/OFFICE/test", &json!({}));
    eventually("the one of the breakdown", || (jobs(&mut client, "unknown").len() == 2).then_some(()));
    assert_eq!(office.printed().len(), 3, "nor is one that was taken before the breakdown");
}

#[test]
fn the_command_lists_and_tries_printers() {
    let (folder, sim) = (tempfile::tempdir().unwrap(), SimPrinter::start("127.0.0.1:0", Speech::Tspl).unwrap());
    let served = serve(folder.path(), &printer("P1", "tspl-203", &at(&sim)));
    let run = |words: &[&str]| {
        let mut command = std::process::Command::new(program());
        command.arg("printers").args(words).arg("--config").arg(folder.path().join("waybind.toml"));
        let output = command.arg("--data").arg(&served.data).output().unwrap();
        (output.status.code().unwrap(), String::from_utf8(output.stdout).unwrap())
    };
    let (code, told) = run(&["--test", "P1"]);
    assert!(code == 0 && told.contains("job 1"), "{told}");
    eventually("the self-test", || (sim.count() == 1).then_some(()));
    assert_eq!(run(&["--test", "P9"]).0, 1);
    let listed = eventually("the printer to be ready", || {
        let (_, told) = run(&[]);
        told.contains("ready").then_some(told)
    });
    assert!(listed.starts_with("P1  tspl-203  127.0.0.1:"), "{listed}");
    let listed: Value = serde_json::from_str(&run(&["--json"]).1).unwrap();
    assert_eq!(listed["printers"][0]["sent"], 1);
}

/// A bench that fills bags of two.
fn bag_shop(folder: &Path, sim: &SimPrinter) -> (Served, Client) {
    let bench = format!("[labels]\nmax = 2\n{}bag = \"scan\"\n", BENCH.replace("print_waybill = true\n", ""));
    let served = serve(folder, &format!("{bench}{DOCK}{}", printer("P1", "zpl-203", &at(sim))));
    let mut client = served.client();
    shop(&mut client, 4);
    (served, client)
}

fn bag(client: &mut Client, number: usize) {
    pack(client, number);
    bind(client, number);
    assert_eq!(client.scan(&format!("bag-{number}"), "bench", &format!("W{number}")), "bagged");
}

#[test]
fn a_closed_bag_prints_its_label_and_a_void_one_never_again() {
    let folder = tempfile::tempdir().unwrap();
    let sim = SimPrinter::start("127.0.0.1:0", Speech::Zpl).unwrap();
    let (served, mut client) = bag_shop(folder.path(), &sim);
    bag(&mut client, 1);
    let open = client.get("/api/v1/stations/bench")["bags"][0].clone();
    assert_eq!((&open["id"], &open["room"], &open["members"][0]["order"]), (&json!("L1"), &json!(1), &json!("SO-1")));
    assert!(client.text("GET", "/station/bench", "", "").1.contains("/labels/L1"), "the page shows the open bag");
    assert_eq!(client.try_call("GET", "/api/v1/labels/L1.pdf", None).unwrap().0, 404, "an open bag has no label yet");
    bag(&mut client, 2);
    let printed = eventually("the label", || {
        let label = client.get("/api/v1/labels/L1");
        let job = label["versions"][0]["prints"][0].clone();
        (job["state"] == "printed" || job["state"] == "sent").then_some((label, job))
    });
    assert_eq!(
        (&printed.1["label"], &printed.1["copy"], &printed.1["printer"]),
        (&json!("L1"), &json!(1), &json!("P1"))
    );
    let (label, _) = printed;
    assert_eq!((&label["state"], &label["version"]), (&json!("valid"), &json!(1)));
    let code = label["members"][1]["scan_code"].as_str().unwrap().to_owned();
    assert!(code.starts_with("WB:L:1.1.2:"), "{code}");
    let found = Dots::of_zpl(&sim.labels()[0]).codes();
    assert!(found.contains(&code), "{code} is on the paper: {found:?}");

    for (format, start) in [("pdf", "%PDF"), ("png", "\u{fffd}PNG"), ("zpl", "^XA"), ("tspl", "")] {
        let (status, text) = client.text("GET", &format!("/api/v1/labels/L1.{format}?dpi=300"), "", "");
        assert!(status == 200 && text.contains(start), "{format}: {status} {}", &text[..text.len().min(80)]);
    }
    let path = "/api/v1/labels/L1.zpl";
    let etag = data_encoding::HEXLOWER.encode(&Sha256::digest(client.text("GET", path, "", "").1));
    let known = format!("if-none-match: \"{etag}\"\r\n");
    assert_eq!(client.text("GET", path, &known, ""), (304, String::new()), "it is the same each time");
    assert_eq!(client.try_call("GET", "/api/v1/labels/L1.pdf?dpi=17", None).unwrap().0, 400);
    assert_eq!(client.try_call("GET", "/api/v1/labels/L1.png?page=2", None).unwrap().0, 404);
    assert_eq!(client.try_call("GET", "/api/v1/labels/L9.pdf", None).unwrap().0, 404);
    let hits = client.get(&format!("/api/v1/search?q={code}"))["hits"].clone();
    assert_eq!((&hits[0]["kind"], &hits[0]["id"], &hits[0]["order"]), (&json!("label"), &json!("L1"), &json!("SO-2")));

    assert_eq!(client.post("/api/v1/labels/L1/print", &json!({})).0, 422, "a copy needs a reason");
    let copy = client.must("/api/v1/labels/L1/print", &json!({"reason": "torn"}));
    assert_eq!((&copy["copy"], &copy["version"]), (&json!(2), &json!(1)), "{copy}");
    eventually("the copy", || (sim.count() == 2).then_some(()));

    client.must("/api/v1/orders/SO-2/cancel", &json!({}));
    let (status, answer) = client.post("/api/v1/labels/L1/print", &json!({"reason": "torn"}));
    assert!(status == 409 && answer["type"] == "urn:waybind:problem:label_void", "{answer}");
    let (status, answer) = client.try_call("GET", "/api/v1/labels/L1.png", None).unwrap();
    assert!(status == 409 && answer["type"] == "urn:waybind:problem:label_void", "{answer}");
    assert_eq!(client.scan("again", "bench", "WB:C:REPRINT"), "label_void");
    assert_eq!(client.scan("out", "bench", "WB:C:UNLOAD"), "info");
    assert_eq!(client.scan("out-2", "bench", "W2"), "unloaded");
    eventually("the next version", || (sim.count() == 3).then_some(()));
    let page = client.text("GET", "/labels/L1", "", "").1;
    for told in ["v2", "v1", "SO-1", "/api/v1/labels/L1.png", "torn"] {
        assert!(page.contains(told), "{told}: {page}");
    }
    drop(client);
    assert!(served.terminate().success());
    assert_clean(&folder.path().join("data"));
}

#[test]
fn a_label_is_asked_for_printed_and_voided_over_http() {
    let folder = tempfile::tempdir().unwrap();
    let sim = SimPrinter::start("127.0.0.1:0", Speech::Zpl).unwrap();
    let (served, mut client) = bag_shop(folder.path(), &sim);
    for number in 1..=3 {
        pack(&mut client, number);
        bind(&mut client, number);
    }
    let two = json!({"orders": ["SO-1", "SO-2"]});
    for (wrong, status) in [
        (json!({"orders": ["SO-4"]}), 422),
        (json!({"orders": ["SO-9"]}), 422),
        (json!({"parcels": ["B99"]}), 422),
        (json!({}), 422),
        (json!({"orders": ["SO-1", "SO-2", "SO-3"]}), 422),
        (json!({"orders": ["SO-1"], "station": "nowhere"}), 422),
        (json!({"orders": ["SO-1"], "template": "agregated-100x150"}), 422),
        (json!({"orders": ["SO-1"], "max": 13}), 400),
        (json!({"order": "SO-1"}), 400),
    ] {
        let (got, answer) = client.post("/api/v1/labels", &wrong);
        assert_eq!(got, status, "{wrong}: {answer}");
    }
    let make = |client: &mut Client, body: &Value| {
        client.text("POST", "/api/v1/labels", "Idempotency-Key: k1\r\n", &body.to_string())
    };
    let first = make(&mut client, &two);
    assert_eq!(first.0, 200, "{}", first.1);
    assert_eq!(make(&mut client, &two), first, "the same call makes no second label");
    assert_eq!(make(&mut client, &json!({"orders": ["SO-3"]})).0, 409);
    let made: Value = serde_json::from_str(&first.1).unwrap();
    assert_eq!((&made["id"], &made["version"]), (&json!("L1"), &json!(1)));
    assert_eq!(made["members"].as_array().unwrap().len(), 2);
    assert_eq!((&made["members"][0]["order"], &made["members"][0]["waybill"]), (&json!("SO-1"), &json!("W1")));
    eventually("the label", || (sim.count() == 1).then_some(()));
    assert_eq!(client.get("/api/v1/orders/SO-1")["parcels"][0]["label"], "L1");
    let (status, again) = client.post("/api/v1/labels", &two);
    assert!(status == 422 && again.to_string().contains("is in bag L1"), "{again}");
    let (status, page) = client.text("POST", "/labels/L1/print", "", "reason=1");
    assert!(status == 303, "{status} {page}");
    eventually("the copy", || (sim.count() == 2).then_some(()));
    assert_eq!(client.must("/api/v1/labels/L1/void", &json!({}))["result"], "updated");
    assert_eq!(client.must("/api/v1/labels/L1/void", &json!({}))["result"], "unchanged");
    assert_eq!(client.post("/api/v1/labels/L9/void", &json!({})).0, 404);
    assert_eq!(client.get("/api/v1/labels/L1")["state"], "void");
    let code = made["members"][0]["scan_code"].as_str().unwrap();
    assert_eq!(client.scan("void", "dock", code), "label_void");
    let (status, page) = client.text("POST", "/labels/L1/print", "", "reason=1");
    assert!(status == 409 && page.contains("is void"), "{status} {page}");
    drop(client);
    assert!(served.terminate().success());
    assert_clean(&folder.path().join("data"));
}

#[test]
fn check_config_says_what_no_printer_can_print() {
    let folder = tempfile::tempdir().unwrap();
    let templates = folder.path().join("templates");
    std::fs::create_dir(&templates).unwrap();
    let number = "75312345678901".repeat(5);
    let tiny = format!(
        "title = {{ zh = \"小\", en = \"Small\" }}\nsize = [100, 150]\n[[qr]]\nat = [2, 2]\nsize = 12\ndata = \"{{waybill.number}}\"\ncorrection = \"H\"\nmin_module = 0.1\n[sample.waybill]\nnumber = \"{number}\"\n"
    );
    std::fs::write(templates.join("waybill-tiny.toml"), tiny).unwrap();
    let file = folder.path().join("waybind.toml");
    let place = "address = \"127.0.0.1:9100\"\npaper_mm = [76, 130]";
    let config = [
        format!("templates = \"{}\"\n[labels]\ntemplate = \"aggregated-100x180\"\n", templates.display()),
        format!("{BENCH}waybill_template = \"waybill-tiny\"\nbag = \"scan\"\n").replace("P1", "P2"),
        format!("{DOCK}{}", printer("P1", "zpl-203", place)),
        printer("P2", "zpl-203", "address = \"127.0.0.1:9101\"\ntemplates = [\"waybill-*\"]"),
    ]
    .concat();
    std::fs::write(&file, config).unwrap();
    let output = alone().args(["check-config", "--json"]).arg(&file).output().unwrap();
    assert_eq!(output.status.code(), Some(0), "{}", String::from_utf8_lossy(&output.stderr));
    let answer: Value = serde_json::from_slice(&output.stdout).unwrap();
    let told: Vec<String> = answer["warnings"].as_array().unwrap().iter().map(ToString::to_string).collect();
    assert_eq!(told.len(), 3, "{told:#?}");
    assert!(told[0].contains("fills bags, and no printer takes aggregated-100x180 (100 × 180 mm)"), "{}", told[0]);
    assert!(
        told[0].contains("P1: its paper is 76 × 130 mm") && told[0].contains("take the template aggregated-76x130")
    );
    assert!(told[1].contains("closes manifests, and no printer takes manifest-a4"), "{}", told[1]);
    assert!(told[2].contains("waybill-tiny can't be printed on P2 at 203 dots an inch"), "{}", told[2]);
}
