//! The aggregated label of 100 × 180 mm with Chinese text and three QR codes, from record to file, on one core and warm:
//! `cargo bench --bench labels [-- TIMES]`. Each time it is another label. `-- --layout FILE` writes where everything
//! stands, for `benches/labels-compare/run`, which has others draw the same page.

#![allow(missing_docs, clippy::unwrap_used, clippy::print_stdout, reason = "a benchmark")]

use std::hint::black_box;
use std::time::Instant;

use serde_json::json;
use waybind::codec::{
    Compression, Fonts, Proved, Subsets, TsplSettings, ZplSettings, pdf, tspl, tspl_native, zpl, zpl_native,
};
use waybind::config::{Profiles, Templates, find_fonts};
use waybind::label::{Item, Resolution, Settings, Value};
use waybind::message::Language;
use waybind::service::Press;

const TEMPLATE: &str = "aggregated-100x180";
const POINTS_PER_MM: f64 = 72.0 / 25.4;

fn press() -> Press {
    Press::of(Templates::built_in().unwrap(), Fonts::new(find_fonts(&[])).unwrap())
}

/// The sample with another number of the label in its texts and codes.
fn record(sample: &Value, number: usize) -> Value {
    match sample {
        Value::Table(fields) => {
            Value::Table(fields.iter().map(|(name, field)| (name.clone(), record(field, number))).collect())
        }
        Value::List(entries) => Value::List(entries.iter().map(|entry| record(entry, number)).collect()),
        Value::Text(text) => Value::Text(text.replace("1042", &(2_000 + number).to_string())),
        other => other.clone(),
    }
}

fn prove(press: &Press, number: usize, dpi: u32) -> Proved {
    let template = press.template(TEMPLATE).unwrap();
    let settings = Settings { language: Language::Chinese, mask: Vec::new(), today: jiff::civil::date(2026, 11, 21) };
    let record = record(&template.template.sample, number);
    press.prove(template, &record, &settings, Resolution::from_dpi(dpi).unwrap()).unwrap()
}

/// The median of so many times in milliseconds, and the bytes of the last file.
fn measured(times: usize, mut work: impl FnMut(usize) -> usize) -> (f64, usize) {
    black_box(work(0));
    let mut bytes = 0;
    let mut took: Vec<f64> = (1..=times)
        .map(|number| {
            let start = Instant::now();
            bytes = black_box(work(number));
            start.elapsed().as_secs_f64() * 1e3
        })
        .collect();
    took.sort_by(f64::total_cmp);
    (took[took.len() / 2], bytes)
}

fn told(what: &str, (took, bytes): (f64, usize)) {
    println!("ours\t{what}\t{took:.2} ms\t{bytes} bytes");
}

/// Where everything stands, in millimetres from the upper left corner, letters in points.
fn layout(press: &Press) -> serde_json::Value {
    let proved = prove(press, 0, 203);
    let layout = proved.layout();
    let mm = |dots: f64| layout.resolution.mm(dots);
    let items = layout.pages[0].iter().filter_map(|item| match item {
        Item::Fill(area) => Some(json!({"kind": "fill", "x": mm(area.x.into()), "y": mm(area.y.into()),
            "width": mm(area.width.into()), "height": mm(area.height.into())})),
        Item::Text(line) => Some(json!({"kind": "text", "x": mm(line.x.into()), "baseline": mm(line.baseline.into()),
            "points": mm(line.size.into()) * POINTS_PER_MM, "text": line.text, "inverse": line.inverse})),
        Item::Symbol(code) if code.symbology.is_none() => Some(json!({"kind": "qr", "x": mm(code.area.x.into()),
            "y": mm(code.area.y.into()), "width": mm(code.area.width.into()), "text": code.content})),
        _ => None,
    });
    json!({"width": layout.width_mm, "height": layout.height_mm, "items": items.collect::<Vec<_>>()})
}

fn main() {
    let words: Vec<String> = std::env::args().skip(1).collect();
    let press = press();
    if let Some(at) = words.iter().position(|word| word == "--layout") {
        std::fs::write(&words[at + 1], layout(&press).to_string()).unwrap();
        return;
    }
    let times: usize = words.iter().find_map(|word| word.parse().ok()).unwrap_or(50);
    let fonts = press.fonts();
    told(
        "record to PDF, letters cut out anew",
        measured(times, |number| pdf(&prove(&press, number, 203), fonts, &mut Subsets::default()).unwrap().len()),
    );
    let labels: Vec<Proved> = (0..=times).map(|number| prove(&press, number, 203)).collect();
    told(
        "PDF, letters cut out anew",
        measured(times, |number| pdf(&labels[number], fonts, &mut Subsets::default()).unwrap().len()),
    );
    let mut subsets = Subsets::default();
    told("PDF, letters kept", measured(times, |number| pdf(&labels[number], fonts, &mut subsets).unwrap().len()));
    for dpi in [203, 300] {
        let what = format!("record to bitmap, read back, {dpi} dpi");
        told(&what, measured(times, |number| prove(&press, number, dpi).pages()[0].bytes().len()));
    }
    for compression in [Compression::Deflate, Compression::RunLength] {
        let settings = ZplSettings { compression, ..ZplSettings::default() };
        told(&format!("ZPL, {compression:?}"), measured(times, |number| zpl(&labels[number], settings).len()));
    }
    told("TSPL", measured(times, |number| tspl(&labels[number], TsplSettings::default()).len()));
    told(
        "ZPL, native commands",
        measured(times, |number| zpl_native(&labels[number], fonts, ZplSettings::default()).len()),
    );
    let (profiles, _) = Profiles::with_folder(None);
    let letters = &profiles.get("tspl-native-203").unwrap().text_fonts;
    told(
        "TSPL, native commands",
        measured(times, |number| tspl_native(&labels[number], fonts, letters, TsplSettings::default()).len()),
    );
}
