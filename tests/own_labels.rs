//! A carrier's own label at printers of any language: at its own size, with its number read back from the dots, or refused
//! with the reason before anybody waits for it.

#![allow(missing_docs, clippy::unwrap_used, reason = "a test")]

mod support;

use std::path::Path;
use std::process::Command;

use data_encoding::BASE64;
use serde_json::{Value, json};
use support::paper::Dots;
use support::served::{Client, Served, assert_clean, eventually, program};
use waybind::codec::dots_pdf;
use waybind::codec::outside::{Drawn, Paper, codes, dots};
use waybind::label::Resolution;
use waybind::sim::printer::{Fault, SimPrinter, Speech};

const NUMBER: &str = "75312345678901";

/// A label as waybind itself prints it for [`NUMBER`].
fn label(folder: &Path, format: &str, dpi: &str) -> Vec<u8> {
    let file = folder.join(format!("label.{format}"));
    let words =
        ["label", "render", "--sample", "--template", "waybill-100x150", "--format", format, "--dpi", dpi, "-o"];
    let done = Command::new(program()).args(words).arg(&file).output().unwrap();
    assert!(done.status.success(), "{}", String::from_utf8_lossy(&done.stderr));
    std::fs::read(file).unwrap()
}

/// The label in the corner of a larger page.
fn on_page(folder: &Path, size_mm: [f64; 2]) -> Vec<u8> {
    let (size, resolution) = ([100.0, 150.0], Resolution::DPI_203);
    let pages = dots("png", &label(folder, "png", "203"), Paper { size_mm: size, resolution }).unwrap();
    dots_pdf(&Drawn::prove(pages, Some(size_mm), resolution, NUMBER).unwrap())
}

fn printer(name: &str, profile: &str, place: &str) -> String {
    format!("[[printer]]\nname = \"{name}\"\nprofile = \"{profile}\"\n{place}\n")
}

fn bench(printer: &str) -> String {
    format!(
        "language = \"en\"\n[[station]]\nid = \"bench\"\nmode = \"bench\"\nlatch = false\nprint_waybill = true\nprinter = \"{printer}\"\n"
    )
}

fn at(sim: &SimPrinter) -> String {
    format!("address = \"{}\"", sim.address)
}

/// An order with its waybill and the label of it, packed.
fn pack(client: &mut Client, format: &str, bytes: &[u8]) -> Value {
    client.must("/api/v1/products", &json!({"sku": "FLT-204"}));
    client.must(
        "/api/v1/orders",
        &json!({"id": "SO-1", "carrier": "ZTO", "consignee": {"name": "Li"}, "lines": [{"line": 1, "sku": "FLT-204", "quantity": 1}]}),
    );
    let label = json!({"format": format, "data_base64": BASE64.encode(bytes)});
    let waybill = json!({"number": NUMBER, "carrier": "ZTO", "orders": ["SO-1"], "label": label});
    let taken = client.must("/api/v1/waybills", &waybill)["results"][0].clone();
    for (id, data, code) in [("open", "SO-1", "opened"), ("item", "FLT-204", "order_complete")] {
        assert_eq!(client.scan(id, "bench", data), code);
    }
    taken
}

fn reprint(client: &mut Client, on: &str) {
    for (id, data) in [("choose", on), ("again", "WB:C:REPRINT"), ("why", "torn off")] {
        assert_eq!(client.scan(&format!("{id}-{on}"), "bench", data), "info", "{on} {data}");
    }
}

fn jobs(client: &mut Client, state: &str) -> Vec<Value> {
    client.get(&format!("/api/v1/print-jobs?state={state}"))["jobs"].as_array().unwrap().clone()
}

fn job_in(client: &mut Client, state: &str) -> Value {
    eventually(&format!("a job that is {state}"), || jobs(client, state).into_iter().next())
}

#[test]
fn a_pdf_and_a_png_come_out_of_any_printer_at_their_own_size() {
    for (format, dpi) in [("pdf", "203"), ("png", "203"), ("png", "300")] {
        let folder = tempfile::tempdir().unwrap();
        let zebra = SimPrinter::start("127.0.0.1:0", Speech::Zpl).unwrap();
        let tsc = SimPrinter::start("127.0.0.1:0", Speech::Tspl).unwrap();
        let tray = folder.path().join("tray");
        let office = printer("A4", "office-a4", &format!("folder = \"{}\"", tray.display()));
        let printers = [printer("Z", "zpl-203", &at(&zebra)), printer("T", "tspl-203", &at(&tsc)), office].concat();
        let served = Served::start(folder.path(), &format!("{}{printers}", bench("Z")));
        let bytes = label(folder.path(), format, dpi);
        pack(&mut served.client(), format, &bytes);

        eventually("the label of the Zebra", || (zebra.count() == 1).then_some(()));
        let job = zebra.labels().remove(0);
        let page = Dots::of_zpl(&job);
        assert_eq!((page.width, page.height), (800, 1_200), "{format} at {dpi}");
        assert!(page.codes().contains(&"WB:O:1042:7K3M".to_owned()), "{format} at {dpi}: {:?}", page.codes());
        assert!(codes("zpl", &job).unwrap().contains(&NUMBER.to_owned()), "{format} at {dpi}");
        // the service closes a connection that was silent for long
        reprint(&mut served.client(), "T");
        eventually("the label of the TSC", || (tsc.count() == 1).then_some(()));
        let job = tsc.labels().remove(0);
        assert!(job.starts_with(b"SIZE 100 mm,150 mm\r\n"));
        assert!(codes("tspl", &job).unwrap().contains(&NUMBER.to_owned()), "{format} at {dpi}");
        reprint(&mut served.client(), "A4");
        let file = eventually("the file of the office", || {
            let mut entries = std::fs::read_dir(&tray).ok()?.flatten().map(|entry| entry.path());
            entries.find(|path| path.extension().is_some_and(|extension| extension == "pdf"))
        });
        let sheet = std::fs::read(file).unwrap();
        assert!(codes("pdf", &sheet).unwrap().contains(&NUMBER.to_owned()), "{format} at {dpi}");
        assert_eq!(sheet == bytes, format == "pdf", "a PDF is printed unchanged where it is wanted");
        let data = served.data.clone();
        assert!(served.terminate().success());
        assert_clean(&data);
    }
}

#[test]
fn a_page_larger_than_the_paper_is_refused_with_both_sizes() {
    let folder = tempfile::tempdir().unwrap();
    let sim = SimPrinter::start("127.0.0.1:0", Speech::Zpl).unwrap();
    for (size, paper, told) in [
        (
            [210.0, 297.0],
            "",
            Some("page 1 is 210 × 297 mm, the paper 100 × 150 mm, and nothing is scaled; it is an A4 page"),
        ),
        ([100.0, 180.0], "", Some("page 1 is 100 × 180 mm, the paper 100 × 150 mm")),
        ([100.0, 180.0], "\npaper_mm = [100, 180]", None),
    ] {
        let work = tempfile::tempdir_in(folder.path()).unwrap();
        let place = format!("{}{paper}", at(&sim));
        let served = Served::start(work.path(), &format!("{}{}", bench("P1"), printer("P1", "zpl-203", &place)));
        let page = on_page(work.path(), size);
        let mut client = served.client();
        pack(&mut client, "pdf", &page);
        match told {
            Some(told) => {
                let why = job_in(&mut client, "failed")["why"].as_str().unwrap().to_owned();
                assert!(why.contains(told), "{why}");
                assert_eq!(sim.count(), 0);
            }
            None => {
                eventually("the label", || (sim.count() == 1).then_some(()));
                let page = Dots::of_zpl(&sim.labels()[0]);
                assert_eq!((page.width, page.height), (800, 1_440));
            }
        }
    }
}

#[test]
fn a_job_in_another_language_is_listed_when_it_comes_and_printed_where_it_can_be() {
    let folder = tempfile::tempdir().unwrap();
    let (zebra, tsc) = (
        SimPrinter::start("127.0.0.1:0", Speech::Zpl).unwrap(),
        SimPrinter::start("127.0.0.1:0", Speech::Tspl).unwrap(),
    );
    let printers = [printer("T", "tspl-203", &at(&tsc)), printer("Z", "zpl-203", &at(&zebra))].concat();
    let served = Served::start(folder.path(), &format!("{}{printers}", bench("T")));
    let bytes = label(folder.path(), "zpl", "203");
    let mut client = served.client();
    let taken = pack(&mut client, "zpl", &bytes);
    let why = taken["label_waits"].as_str().unwrap();
    assert!(why.contains("the label is ZPL, the printer takes TSPL"), "{taken}");
    let failed = job_in(&mut client, "failed");
    assert_eq!((&failed["number"], &failed["station"], &failed["printer"]), (&json!(2), &json!("bench"), &json!("T")));
    let page = client.text("GET", "/station/bench", "accept-language: en\r\n", "").1;
    assert!(
        page.contains(NUMBER) && page.contains("it can&#39;t be translated") || page.contains("it can't be translated")
    );
    let resolve = "/api/v1/print-jobs/2/resolve";
    let (status, answer) = client.post(resolve, &json!({"how": "again"}));
    assert_eq!((status, &answer["type"]), (409, &json!("urn:waybind:problem:no_printer")), "{answer}");
    assert_eq!(client.scan("choose", "bench", "Z"), "info");
    let again = client.must(resolve, &json!({"how": "again", "operator": "wang"}));
    assert_eq!((&again["job"]["printer"], &again["job"]["copy"]), (&json!("Z"), &json!(2)), "{again}");
    eventually("the label", || (zebra.count() == 1).then_some(()));
    let mut client = served.client();
    assert_eq!(zebra.labels()[0], bytes.trim_ascii_end(), "it is printed unchanged");
    assert_eq!(tsc.count(), 0);

    // its story says all of it
    let story = eventually("the end of the story", || {
        let prints = client.get("/api/v1/orders/SO-1/timeline")["prints"].clone();
        (prints[1]["state"] == "printed").then_some(prints)
    });
    assert_eq!(story[0]["state"], "dropped", "what only listed it is over: {story}");
    let places: Vec<&str> =
        story[1]["history"].as_array().unwrap().iter().map(|mark| mark["state"].as_str().unwrap()).collect();
    assert_eq!(places, ["failed", "queued", "sending", "sent", "printed"], "{story}");
    let answered = &story[1]["history"][1];
    assert_eq!((&answered["how"], &answered["operator"]), (&json!("again"), &json!("wang")));
    let page = client.text("GET", "/order/SO-1", "accept-language: en\r\n", "").1;
    assert!(page.contains("somebody wants it again") && page.contains("wang"), "{page}");
    drop(client);
    let data = served.data.clone();
    assert!(served.terminate().success());
    assert_clean(&data);
}

#[test]
fn what_does_not_hold_any_more_when_the_paper_comes_is_not_printed() {
    let (folder, sim) = (tempfile::tempdir().unwrap(), SimPrinter::start("127.0.0.1:0", Speech::Zpl).unwrap());
    sim.set_fault(Fault { paper_out: true, ..Fault::default() });
    let served = Served::start(folder.path(), &format!("{}{}", bench("P1"), printer("P1", "zpl-203", &at(&sim))));
    let own = label(folder.path(), "zpl", "203");
    let mut client = served.client();
    let tested = client.must("/api/v1/printers/P1/test", &json!({}))["job"].clone();
    assert_eq!(client.must("/api/v1/printers/P1/test", &json!({}))["job"], tested, "pressed twice, it comes out once");
    pack(&mut client, "zpl", &own);
    eventually("the printer to be out of paper", || {
        (client.get("/api/v1/printers")["printers"][0]["condition"] == "paper_out").then_some(())
    });
    // long enough for the label to be ready
    eventually("the label to wait", || (jobs(&mut client, "queued").len() == 2).then_some(()));
    client.must("/api/v1/orders/SO-1/cancel", &json!({}));
    sim.set_fault(Fault::default());
    let failed = job_in(&mut client, "failed");
    assert_eq!((&failed["what"], &failed["why"]), (&json!(NUMBER), &json!("it no longer holds")), "{failed}");
    assert_eq!(job_in(&mut client, "printed")["number"], tested);
    assert_eq!(sim.count(), 1, "only the self-test");
}
