//! Every QR code of every shipped template, read by a decoder that shares nothing with ours (zxing-cpp), from our PNG and
//! from our ZPL as another renderer draws it (zebrash): the same codes at the same places. In native commands the
//! renderer draws the codes by itself, as a printer would: there Code 128 is looked for too, and a QR code may take the
//! version below ours.
//!
//! `tests/run` installs both beside the system and names their folder in `WAYBIND_TOOLS`; without it nothing is tested.

#![allow(missing_docs, clippy::unwrap_used, reason = "a test")]

use std::path::{Path, PathBuf};
use std::process::Command;

use serde_json::{Value, json};
use waybind::codec::{Fonts, Proved, ZplSettings, zpl, zpl_native};
use waybind::config::{Templates, find_fonts};
use waybind::label::{Item, Resolution, Settings, Symbology};
use waybind::message::Language;
use waybind::service::{Format, Press};

fn tools() -> Option<PathBuf> {
    let tools = std::env::var_os("WAYBIND_TOOLS").map(PathBuf::from);
    assert!(tools.is_some() || std::env::var_os("WAYBIND_FULL").is_none(), "WAYBIND_TOOLS names no folder");
    tools
}

fn run(command: &mut Command, tools: &Path) -> String {
    let done = command.env("WAYBIND_TOOLS", tools).output().unwrap();
    let told = String::from_utf8_lossy(&done.stdout).into_owned();
    assert!(done.status.success(), "{told}{}", String::from_utf8_lossy(&done.stderr));
    told
}

/// The QR codes of a label's first page.
fn codes(label: &Proved) -> Vec<Value> {
    let items = label.layout().pages[0].iter();
    let codes = items.filter_map(|item| match item {
        Item::Symbol(code) if code.symbology.is_none() => Some(json!({
            "text": code.content, "x": code.area.x, "y": code.area.y, "width": code.area.width, "module": code.module,
        })),
        _ => None,
    });
    codes.collect()
}

/// The codes of a label's first page, as a printer may draw them that is told what they hold.
fn told_codes(label: &Proved) -> Vec<Value> {
    // ours begin at version 2, printers at version 1
    const SMALLEST: u32 = 21;
    let codes = label.layout().pages[0].iter().filter_map(|item| match item {
        Item::Symbol(code) if code.symbology != Some(Symbology::Code39) => Some((code.symbology, code)),
        _ => None,
    });
    let told = codes.map(|(symbology, code)| {
        let columns = code.modules.columns();
        let smaller = (columns == SMALLEST + 4).then_some(SMALLEST * code.module);
        let is_bars = symbology.is_some();
        json!({
            "text": code.content, "bars": is_bars, "x": code.area.x, "y": code.area.y, "width": code.area.width,
            "height": code.area.height, "module": code.module,
            "widths": std::iter::once(code.area.width).chain(smaller).collect::<Vec<_>>(),
        })
    });
    told.collect()
}

#[test]
fn another_reader_and_another_renderer_find_the_same_codes() {
    let Some(tools) = tools() else { return };
    let scripts = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/independent");
    let folder = tempfile::tempdir().unwrap();
    let path = |name: String| folder.path().join(name);
    let press = Press::of(Templates::built_in().unwrap(), Fonts::new(find_fonts(&[])).unwrap());
    let settings = Settings { language: Language::Chinese, mask: Vec::new(), today: jiff::civil::date(2026, 11, 21) };
    let (mut pictures, mut jobs) = (Vec::new(), Vec::new());
    for template in press.templates().iter() {
        for dpi in [203, 300] {
            let resolution = Resolution::from_dpi(dpi).unwrap();
            let label = press.prove(template, &template.template.sample, &settings, resolution).unwrap();
            let name = format!("{}-{dpi}", template.name);
            let own = path(format!("{name}.png"));
            std::fs::write(&own, press.write(&label, Format::Png).unwrap().remove(0)).unwrap();
            pictures.push(json!({"file": own, "codes": codes(&label)}));
            let per_mm = resolution.dots_per_mm().round();
            for (kind, job, codes) in [
                ("dots", zpl(&label, ZplSettings::default()), codes(&label)),
                ("native", zpl_native(&label, press.fonts(), ZplSettings::default()), told_codes(&label)),
            ] {
                let (file, drawn) = (path(format!("{name}-{kind}.zpl")), path(format!("{name}-{kind}.png")));
                std::fs::write(&file, job).unwrap();
                pictures.push(json!({"file": drawn, "codes": codes}));
                jobs.push(json!({
                    "zpl": file, "png": drawn, "dpmm": per_mm,
                    "width_mm": f64::from(label.layout().width) / per_mm,
                    "height_mm": f64::from(label.layout().height) / per_mm,
                }));
            }
        }
    }
    let lists = (path("jobs.json".into()), path("pictures.json".into()));
    std::fs::write(&lists.0, Value::from(jobs).to_string()).unwrap();
    std::fs::write(&lists.1, Value::from(pictures).to_string()).unwrap();
    run(Command::new("node").arg(scripts.join("draw.mjs")).arg(&lists.0), &tools);
    let told = run(Command::new(tools.join("venv/bin/python")).arg(scripts.join("read.py")).arg(&lists.1), &tools);
    assert!(told.contains(" codes in "), "{told}");
}
