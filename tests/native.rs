//! Labels for printers that set letters and draw codes by themselves: the same codes, no field as a command, and in the
//! service only where the profile says so.

#![allow(missing_docs, clippy::unwrap_used, reason = "a test")]

mod support;

use std::collections::BTreeSet;

use serde_json::json;
use support::served::{Served, eventually};
use waybind::codec::outside::codes;
use waybind::codec::{
    Bitmap, Fonts, PrinterFont, Proved, TsplSettings, ZplSettings, tspl, tspl_native, zpl, zpl_native,
};
use waybind::config::{Profiles, TemplateFile, Templates, find_fonts};
use waybind::label::{Item, Resolution, Settings, Value};
use waybind::message::Language;
use waybind::service::Press;
use waybind::sim::printer::{SimPrinter, Speech};

const CHINESE: &str = "fonts-wqy-microhei";

fn press() -> Option<Press> {
    let files: Vec<_> = find_fonts(&[]).into_iter().filter(|file| file.package == CHINESE).collect();
    if files.is_empty() {
        assert!(std::env::var_os("WAYBIND_FULL").is_none(), "{CHINESE} is not installed");
        return None;
    }
    Some(Press::of(Templates::built_in().unwrap(), Fonts::new(files).unwrap()))
}

fn proved(press: &Press, template: &TemplateFile, record: &Value) -> Proved {
    let settings = Settings { language: Language::Chinese, mask: Vec::new(), today: jiff::civil::date(2026, 11, 21) };
    let proved = press.prove(template, record, &settings, Resolution::DPI_203);
    proved.unwrap_or_else(|error| panic!("{}: {:#?}", template.name, error.lines()))
}

fn letters() -> Vec<PrinterFont> {
    Profiles::with_folder(None).0.get("tspl-native-203").unwrap().text_fonts.clone()
}

fn jobs(press: &Press, label: &Proved) -> [(&'static str, Vec<u8>); 2] {
    let tspl = tspl_native(label, press.fonts(), &letters(), TsplSettings::default());
    [("zpl", zpl_native(label, press.fonts(), ZplSettings::default())), ("tspl", tspl)]
}

#[test]
fn every_code_is_told_or_sent_as_dots() {
    let Some(press) = press() else { return };
    for template in press.templates().iter().filter(|template| template.template.size[0] <= 110.0) {
        let label = proved(&press, template, &template.template.sample);
        let [page] = &label.layout().pages[..] else { panic!("{} has several pages", template.name) };
        let meant = page.iter().filter_map(|item| if let Item::Symbol(code) = item { Some(code) } else { None });
        let [(_, native), (_, native_tspl)] = jobs(&press, &label);
        let found: BTreeSet<String> = codes("zpl", &native).unwrap().into_iter().collect();
        let (text, dots) = (String::from_utf8_lossy(&native_tspl).into_owned(), tspl_dots(&native_tspl, &label));
        for code in meant {
            assert!(found.contains(&code.content), "{}: {} is not in {found:?}", template.name, code.content);
            let quiet = code.quiet;
            let mut places = (quiet.y..quiet.bottom()).flat_map(|y| (quiet.x..quiet.right()).map(move |x| (x, y)));
            let is_told = text.contains(&format!(",\"{}\"\r\n", code.content));
            let is_drawn = places.all(|(x, y)| dots.is_black(x, y) == label.pages()[0].is_black(x, y));
            assert!(is_told || is_drawn, "{}: {} is not in its TSPL", template.name, code.content);
        }
        assert!(native_tspl.len() < tspl(&label, TsplSettings::default()).len(), "{}", template.name);
        let is_slip = template.name.starts_with("aggregated");
        assert!(!is_slip || native.len() < zpl(&label, ZplSettings::default()).len(), "{}", template.name);
    }
}

/// The sample of the order's slip with one field replaced.
fn slip(press: &Press, field: &str, text: &str) -> Proved {
    let template = press.template("order-qr").unwrap();
    let Value::Table(mut record) = template.template.sample.clone() else { panic!("a table") };
    let Some(Value::Table(order)) = record.get_mut("order") else { panic!("a table") };
    order.insert(field.to_owned(), text.into());
    proved(press, template, &Value::Table(record))
}

/// The names of the commands of a ZPL job.
fn zpl_commands(job: &[u8]) -> Vec<String> {
    let text = std::str::from_utf8(job).unwrap();
    assert!(!text.contains('~'), "{text}");
    text.split('^').skip(1).map(|command| command.chars().take(2).collect()).collect()
}

/// The commands of a TSPL job: their names, and the places, widths in bytes and bytes of bitmaps.
type Bitmaps<'j> = Vec<([usize; 3], &'j [u8])>;

fn tspl_parts(job: &[u8]) -> (Vec<String>, Bitmaps<'_>) {
    let (mut names, mut bitmaps, mut rest) = (Vec::new(), Vec::new(), job);
    while !rest.is_empty() {
        let end = rest.windows(2).position(|pair| pair == b"\r\n").unwrap();
        let line = String::from_utf8_lossy(&rest[..end]).into_owned();
        let name = line.split(' ').next().unwrap().to_owned();
        if name == "BITMAP" {
            let numbers: Vec<usize> = line[7..].split(',').take(5).map(|number| number.parse().unwrap()).collect();
            let head = rest.iter().enumerate().filter(|(_, byte)| **byte == b',').nth(4).unwrap().0 + 1;
            assert_eq!(numbers[4], 1, "added to what is there");
            let end = head + numbers[2] * numbers[3];
            bitmaps.push(([numbers[0], numbers[1], numbers[2]], &rest[head..end]));
            rest = &rest[end + 2..];
        } else {
            assert!(matches!(line.matches('"').count(), 0 | 2 | 4), "{line}");
            rest = &rest[end + 2..];
        }
        names.push(name);
    }
    (names, bitmaps)
}

/// What a printer is sent as dots, on a page.
fn tspl_dots(job: &[u8], label: &Proved) -> Bitmap {
    let mut page = Bitmap::new(label.layout().width, label.layout().height);
    for ([left, top, stride], rows) in tspl_parts(job).1 {
        for (at, byte) in rows.iter().enumerate() {
            let (x, y) = (left + at % stride * 8, top + at / stride);
            let black = (0..8).filter(|bit| byte & (0x80 >> bit) == 0);
            black.for_each(|bit| page.set(u32::try_from(x + bit).unwrap(), u32::try_from(y).unwrap(), true));
        }
    }
    page
}

#[test]
fn no_field_reaches_the_printer_as_a_command() {
    let Some(press) = press() else { return };
    let [zpl_known, tspl_known] = [
        &[
            "XA", "PW", "LL", "LH", "PO", "PM", "LR", "FO", "FT", "GB", "A0", "FH", "FD", "FS", "BY", "BQ", "BC", "GF",
            "PQ", "XZ",
        ][..],
        &["SIZE", "GAP", "DIRECTION", "REFERENCE", "CLS", "BAR", "TEXT", "QRCODE", "BARCODE", "BITMAP", "PRINT"],
    ];
    let hostile = ["^XZ^XA^PQ9", "~HS ~JA", "a\"\r\nPRINT 9,9\r\n", "\\[\"]CLS", "_5EXZ", "a>8b>;c", "'; x", "\u{7f}x"];
    for text in hostile {
        for field in ["note", "carrier", "id", "scan_code"] {
            let text = match field {
                // a code takes no line breaks, and no text takes control characters
                "scan_code" => text.replace(['\r', '\n'], " ").replace('\u{7f}', "").trim().to_owned(),
                _ => text.replace('\u{7f}', ""),
            };
            let label = slip(&press, field, &text);
            let [(_, zpl), (_, tspl)] = jobs(&press, &label);
            let (zpl_found, tspl_found) = (zpl_commands(&zpl), tspl_parts(&tspl).0);
            let count = |names: &[String], wanted: &str| names.iter().filter(|name| *name == wanted).count();
            assert!(zpl_found.iter().all(|name| zpl_known.contains(&name.as_str())), "{text:?}: {zpl_found:?}");
            assert!(tspl_found.iter().all(|name| tspl_known.contains(&name.as_str())), "{text:?}: {tspl_found:?}");
            assert_eq!(
                [count(&zpl_found, "XA"), count(&zpl_found, "XZ"), count(&zpl_found, "PQ")],
                [1, 1, 1],
                "{text}"
            );
            assert_eq!([count(&tspl_found, "PRINT"), count(&tspl_found, "CLS")], [1, 1], "{text:?}");
            if field == "scan_code" {
                for (language, job) in jobs(&press, &label) {
                    assert!(codes(language, &job).unwrap().contains(&text), "{language}: {text:?}");
                }
            }
        }
    }
}

#[test]
fn letters_of_the_printer_take_no_more_room_than_ours() {
    let Some(press) = press() else { return };
    let label = slip(&press, "note", "Handle with care 0123456789 WWWW iiii");
    let [_, (_, job)] = jobs(&press, &label);
    let text = String::from_utf8_lossy(&job).into_owned();
    let set: Vec<&str> = text.lines().filter(|line| line.starts_with("TEXT ")).collect();
    assert!(set.iter().any(|line| line.contains("Handle with care")), "{text}");
    let known = letters();
    for line in set {
        let parts: Vec<&str> = line[5..].splitn(7, ',').collect();
        let font = known.iter().find(|font| format!("\"{}\"", font.name) == parts[2]).unwrap();
        let times: u32 = parts[4].parse().unwrap();
        let count = u32::try_from(parts[6].len() - 2).unwrap();
        let right = parts[0].parse::<u32>().unwrap() + count * times * font.width;
        assert!(right <= label.layout().width, "{line}");
    }
    let dots = String::from_utf8_lossy(&tspl_native(&label, press.fonts(), &[], TsplSettings::default())).into_owned();
    assert!(!dots.lines().any(|line| line.starts_with("TEXT ")), "a printer whose letters nobody knows gets dots");
}

#[test]
fn a_printer_is_told_natively_where_its_profile_says_so_and_tried_on_its_own_paper() {
    let (folder, sim) = (tempfile::tempdir().unwrap(), SimPrinter::start("127.0.0.1:0", Speech::Zpl).unwrap());
    let printers = folder.path().join("templates/printers");
    std::fs::create_dir_all(&printers).unwrap();
    let profile =
        "title = \"narrow\"\nlanguage = \"zpl\"\ndpi = 203\nwidth_mm = 76\nstatus = \"zpl\"\ncommands = \"native\"\n";
    std::fs::write(printers.join("narrow.toml"), profile).unwrap();
    let config = format!(
        "language = \"en\"\ntemplates = {:?}\n[[printer]]\nname = \"P1\"\nprofile = \"narrow\"\naddress = \"{}\"\n",
        folder.path().join("templates"),
        sim.address
    );
    let served = Served::start(folder.path(), &config);
    let mut client = served.client();
    client.must("/api/v1/printers/P1/test", &json!({}));
    eventually("the self-test", || (sim.count() == 1).then_some(()));
    let job = String::from_utf8(sim.labels()[0].clone()).unwrap();
    assert!(job.contains("^PW608\n^LL1040\n"), "{job}");
    assert!(job.contains("^BQN,2,4^FH_^FDMA,WB:C:ACK^FS") && job.contains("^FDP1^FS"), "{job}");
    assert!(codes("zpl", job.as_bytes()).unwrap().contains(&"P1".to_owned()));
}
