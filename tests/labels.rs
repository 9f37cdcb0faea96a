//! Labels from template to job: every template in every format, hostile fields, goldens, and PDFs as others see them.

#![allow(missing_docs, clippy::unwrap_used, reason = "a test")]

use std::collections::BTreeMap;
use std::io::Read as _;
use std::path::{Path, PathBuf};
use std::process::Command;

use proptest::prelude::*;
use rxing::DecodeHints;
use rxing::common::BitArray;
use rxing::oned::{Code39Reader, Code128Reader, OneDReader};
use sha2::{Digest, Sha256};
use waybind::codec::{Compression, Fonts, Proved, TsplSettings, ZplSettings, tspl, zpl};
use waybind::config::{TemplateFile, Templates, find_fonts};
use waybind::label::{Item, LabelError, MaskRule, Resolution, Settings, Symbology, Trouble, Value};
use waybind::message::Language;
use waybind::service::{Format, Press, PressError};

const CHINESE: &str = "fonts-wqy-microhei";
const LATIN: &str = "fonts-dejavu-core";
/// The most that a PDF of one page may have.
const PDF_MAX: usize = 60 * 1024;
/// The most that a ZPL job of one label may have.
const ZPL_MAX: usize = 40 * 1024;

/// A press with one font; none where it is not installed.
fn press(package: &str) -> Option<Press> {
    let files = find_fonts(&[]).into_iter().filter(|file| file.package == package).collect::<Vec<_>>();
    if files.is_empty() {
        assert!(std::env::var_os("WAYBIND_FULL").is_none(), "{package} is not installed");
        return None;
    }
    Some(Press::of(Templates::built_in().unwrap(), Fonts::new(files).unwrap()))
}

fn settings(language: Language) -> Settings {
    Settings { language, mask: Vec::new(), today: jiff::civil::date(2026, 11, 21) }
}

fn proved(press: &Press, template: &TemplateFile, dpi: u32) -> Proved {
    let resolution = Resolution::from_dpi(dpi).unwrap();
    let record = &template.template.sample;
    press
        .prove(template, record, &settings(Language::Chinese), resolution)
        .unwrap_or_else(|error| panic!("{} at {dpi}: {:#?}", template.name, error.lines()))
}

fn wanted() -> [&'static str; 18] {
    [
        "aggregated-100x150",
        "aggregated-100x180",
        "aggregated-76x130",
        "badge",
        "badges-a4",
        "commands-a4",
        "devices-a4",
        "gs1-logistics",
        "location",
        "manifest-a4",
        "order-qr",
        "pick-task",
        "printer-selftest",
        "printer-selftest-76x130",
        "product",
        "tote",
        "waybill-100x150",
        "waybill-76x130",
    ]
}

#[test]
fn every_template_renders_in_every_format() {
    let Some(press) = press(CHINESE) else { return };
    let names: Vec<&str> = press.templates().iter().map(|template| template.name.as_str()).collect();
    assert_eq!(names, wanted());
    for template in press.templates().iter() {
        for dpi in [203, 300] {
            let label = proved(&press, template, dpi);
            assert!(label.codes() > 0, "{}", template.name);
            let [page] = label.pages() else { panic!("{} has several pages", template.name) };
            let pdf = press.write(&label, Format::Pdf).unwrap().remove(0);
            assert!(pdf.starts_with(b"%PDF-") && pdf.len() <= PDF_MAX, "{}: {} bytes", template.name, pdf.len());
            let png = press.write(&label, Format::Png).unwrap().remove(0);
            assert_eq!(png_dots(&png), page.bytes(), "{}: PNG", template.name);
            assert_eq!(tspl_dots(&tspl(&label, TsplSettings::default())), page.bytes(), "{}: TSPL", template.name);
            for compression in [Compression::Deflate, Compression::RunLength] {
                let job = zpl(&label, ZplSettings { compression, ..ZplSettings::default() });
                assert_eq!(zpl_dots(&job), page.bytes(), "{}: ZPL {compression:?}", template.name);
                let is_label = template.template.size[0] < 200.0 && dpi == 203 && compression == Compression::Deflate;
                assert!(!is_label || job.len() <= ZPL_MAX, "{}: {} bytes", template.name, job.len());
            }
        }
    }
}

#[test]
fn the_same_label_is_the_same_file_whatever_was_printed_before() {
    let Some(press) = press(CHINESE) else { return };
    let file = || {
        let label = proved(&press, press.template("aggregated-100x180").unwrap(), 203);
        press.write_alone(&label, Format::Pdf).unwrap().remove(0)
    };
    let first = file();
    for name in ["order-qr", "pick-task"] {
        press.write(&proved(&press, press.template(name).unwrap(), 203), Format::Pdf).unwrap();
    }
    assert_eq!(file(), first);
}

fn png_dots(file: &[u8]) -> Vec<u8> {
    let mut reader = png::Decoder::new(std::io::Cursor::new(file)).read_info().unwrap();
    let mut dots = vec![0; reader.output_buffer_size().unwrap()];
    reader.next_frame(&mut dots).unwrap();
    dots.into_iter().map(|byte| !byte).collect()
}

/// What a printer makes of the bitmap of a job of one page.
fn tspl_dots(job: &[u8]) -> Vec<u8> {
    let command = b"BITMAP 0,0,";
    let start = job.windows(command.len()).position(|window| window == command).unwrap() + command.len();
    let mut commas = job[start..].iter().enumerate().filter(|(_, byte)| **byte == b',').map(|(at, _)| start + at);
    let (width, height, mode) = (commas.next().unwrap(), commas.next().unwrap(), commas.next().unwrap());
    let number = |from: usize, to: usize| std::str::from_utf8(&job[from..to]).unwrap().parse::<usize>().unwrap();
    let size = number(start, width) * number(width + 1, height);
    assert_eq!(number(height + 1, mode), 0);
    assert_eq!(&job[mode + 1 + size..], b"\r\nPRINT 1,1\r\n");
    job[mode + 1..mode + 1 + size].iter().map(|byte| !byte).collect()
}

/// What a printer makes of the graphic fields of a job of one page.
fn zpl_dots(job: &[u8]) -> Vec<u8> {
    let text = std::str::from_utf8(job).unwrap();
    assert_eq!((text.matches("^XA").count(), text.matches("^XZ").count()), (1, 1));
    let mut dots = Vec::new();
    for field in text.split("^FO0,").skip(1) {
        let (top, field) = field.split_once("^GFA,").unwrap();
        let mut parts = field.split("^FS").next().unwrap().splitn(4, ',');
        let mut number = || parts.next().unwrap().parse::<usize>().unwrap();
        let (total, count, stride) = (number(), number(), number());
        assert!(total == count && total <= 99_999);
        assert_eq!(top.parse::<usize>().unwrap() * stride, dots.len());
        let packed = parts.next().unwrap();
        let band = match packed.strip_prefix(":Z64:") {
            Some(packed) => inflated(packed.split(':').next().unwrap()),
            None => unpacked(packed, stride),
        };
        assert_eq!(band.len(), total);
        dots.extend(band);
    }
    dots
}

fn inflated(text: &str) -> Vec<u8> {
    let packed = data_encoding::BASE64.decode(text.as_bytes()).unwrap();
    let mut bytes = Vec::new();
    flate2::read::ZlibDecoder::new(&packed[..]).read_to_end(&mut bytes).unwrap();
    bytes
}

fn unpacked(text: &str, stride: usize) -> Vec<u8> {
    let mut digits: Vec<u8> = Vec::new();
    let mut count = 0;
    for character in text.bytes() {
        let left = stride * 2 - digits.len() % (stride * 2);
        match character {
            b'G'..=b'Y' => count += usize::from(character - b'F'),
            b'g'..=b'z' => count += usize::from(character - b'f') * 20,
            b',' => digits.extend(vec![0; left]),
            b'!' => digits.extend(vec![15; left]),
            b':' => digits.extend_from_within(digits.len() - stride * 2..),
            digit => {
                let value = char::from(digit).to_digit(16).unwrap() as u8;
                digits.extend(vec![value; count.max(1)]);
                count = 0;
            }
        }
    }
    digits.chunks(2).map(|pair| pair[0] << 4 | pair[1]).collect()
}

#[test]
fn without_a_chinese_font_the_latin_samples_render_and_the_others_name_the_package() {
    let Some(press) = press(LATIN) else { return };
    let mut wrong = Vec::new();
    for template in press.templates().iter() {
        let latin = template.template.sample_latin.as_ref().unwrap();
        match press.prove(template, latin, &settings(Language::English), Resolution::DPI_203) {
            Ok(label) => assert!(press.write(&label, Format::Pdf).unwrap()[0].len() < PDF_MAX),
            Err(error) => wrong.push((&template.name, error.lines())),
        }
        let chinese = &template.template.sample;
        let refused = press.prove(template, chinese, &settings(Language::Chinese), Resolution::DPI_203).unwrap_err();
        assert!(refused.lines().iter().all(|line| line.contains(CHINESE)), "{}: {:#?}", template.name, refused.lines());
    }
    assert!(wrong.is_empty(), "{wrong:#?}");
}

/// The sample of a template with one field of it replaced.
fn with(template: &TemplateFile, way: &[&str], text: &str) -> Value {
    let mut record = template.template.sample.clone();
    let mut place = &mut record;
    for step in way {
        place = match place {
            Value::Table(fields) => fields.entry((*step).to_owned()).or_default(),
            Value::List(entries) => &mut entries[step.parse::<usize>().unwrap()],
            other => panic!("{step} of {other:?}"),
        };
    }
    *place = text.into();
    record
}

fn render(press: &Press, name: &str, way: &[&str], text: &str) -> Result<Proved, PressError> {
    let template = press.template(name).unwrap();
    press.prove(template, &with(template, way, text), &settings(Language::Chinese), Resolution::DPI_203)
}

fn trouble(press: &Press, name: &str, way: &[&str], text: &str) -> Trouble {
    match render(press, name, way, text).map(|_| ()) {
        Err(PressError::Label(errors)) => {
            let (line, LabelError { trouble, .. }) = errors[0].clone();
            assert!(line.is_some(), "{trouble}");
            trouble
        }
        other => panic!("{other:?}"),
    }
}

#[test]
fn what_can_not_be_printed_is_refused_by_name() {
    let Some(press) = press(CHINESE) else { return };
    let note = |text: &str| trouble(&press, "order-qr", &["order", "note"], text);
    assert_eq!(note("😀"), Trouble::NoGlyph { character: '😀', package: None });
    assert_eq!(note("𠮷"), Trouble::NoGlyph { character: '𠮷', package: Some("fonts-noto-cjk") });
    assert_eq!(note("مرحبا"), Trouble::Script { character: 'م' });
    assert_eq!(note("a\u{1b}!?"), Trouble::Control { character: '\u{1b}' });
    assert!(matches!(note(&"木箱".repeat(250)), Trouble::TextOverflow { .. }));
    assert!(matches!(note(&"木箱".repeat(2_000)), Trouble::TooLong { .. }));
    let code = |text: &str| trouble(&press, "order-qr", &["order", "scan_code"], text);
    assert!(matches!(code(""), Trouble::EmptyCode));
    assert!(matches!(code(&"x".repeat(400)), Trouble::TooDense { .. }));
    assert!(matches!(code(&"x".repeat(1_200)), Trouble::NotEncodable(_)));
    for invisible in ["WB:O:7\r", " WB:O:7", "a\u{1d}b"] {
        assert!(matches!(code(invisible), Trouble::NotEncodable(_)), "{invisible:?}");
    }
    let number = |text: &str| trouble(&press, "waybill-100x150", &["waybill", "number"], text);
    assert!(matches!(number("运单"), Trouble::NotEncodable(_)));
    assert!(matches!(number(&"7".repeat(80)), Trouble::TooDense { .. } | Trouble::TextOverflow { .. }));
    let sscc = trouble(&press, "gs1-logistics", &["unit", "sscc"], "069012345000000012");
    assert!(matches!(sscc, Trouble::NotEncodable(what) if what.contains("check_digit")));
    // of a name only its first character is set
    assert!(render(&press, "waybill-100x150", &["consignee", "name"], &"长".repeat(500)).is_ok());
}

#[test]
fn a_missing_field_is_named_and_so_is_one_that_nobody_knows() {
    let Some(press) = press(CHINESE) else { return };
    let template = press.template("order-qr").unwrap();
    let record: Value = serde_json::from_str(r#"{"order": {"id": "SO-1", "scan_cod": "X"}, "ext": {"a": 1}}"#).unwrap();
    let error = press.prove(template, &record, &settings(Language::Chinese), Resolution::DPI_203).unwrap_err();
    assert!(error.lines().iter().any(|line| line.contains("\"order.scan_code\"")), "{:#?}", error.lines());
    let unknown: Vec<String> = template.template.unknown_fields(&record).iter().map(ToString::to_string).collect();
    assert_eq!(unknown, ["the template knows no field \"order.scan_cod\""]);
}

#[test]
fn no_field_reaches_the_printer_as_a_command() {
    let Some(press) = press(CHINESE) else { return };
    let hostile = "^XZ~HS^XA\"\r\nPRINT 9,9\r\n";
    for way in [&["order", "note"][..], &["order", "carrier"], &["order", "scan_code"]] {
        let is_code = way[1] == "scan_code";
        let hostile = if is_code { hostile.replace(['\r', '\n'], " ").trim().to_owned() } else { hostile.to_owned() };
        let label = render(&press, "order-qr", way, &hostile).unwrap();
        let plain = render(&press, "order-qr", way, "x").unwrap();
        let job = zpl(&label, ZplSettings::default());
        let text = std::str::from_utf8(&job).unwrap();
        assert_eq!(
            text.matches('^').count(),
            std::str::from_utf8(&zpl(&plain, ZplSettings::default())).unwrap().matches('^').count()
        );
        assert_eq!(text.matches("~").count(), 0);
        assert_eq!(zpl_dots(&job), label.pages()[0].bytes());
        assert_eq!(tspl_dots(&tspl(&label, TsplSettings::default())), label.pages()[0].bytes());
    }
}

fn lines(label: &Proved) -> Vec<String> {
    let items = label.layout().pages.iter().flatten();
    items.filter_map(|item| if let Item::Text(line) = item { Some(line.text.clone()) } else { None }).collect()
}

#[test]
fn personal_data_are_masked_before_they_are_set() {
    let Some(press) = press(CHINESE) else { return };
    let template = press.template("waybill-100x150").unwrap();
    let label = proved(&press, template, 203);
    let all = lines(&label).join("\n");
    assert!(all.contains("张** *******5678") && !all.contains("三丰") && !all.contains("1381234"), "{all}");
    let open = MaskRule { field: "consignee.name".try_into().unwrap(), keep_first: 0, keep_last: 0, keep_all: true };
    let settings = Settings { mask: vec![open], ..settings(Language::Chinese) };
    let label = press.prove(template, &template.template.sample, &settings, Resolution::DPI_203).unwrap();
    assert!(lines(&label).join("\n").contains("张三丰 *******5678"));
}

#[test]
fn more_members_go_on_to_further_labels() {
    let Some(press) = press(CHINESE) else { return };
    let template = press.template("aggregated-76x130").unwrap();
    let Value::Table(mut fields) = template.template.sample.clone() else { panic!("a table") };
    let Some(Value::List(members)) = fields.get_mut("members") else { panic!("a list") };
    members.extend(members.clone());
    members.truncate(5);
    let record = Value::Table(fields);
    let label = press.prove(template, &record, &settings(Language::Chinese), Resolution::DPI_203).unwrap();
    assert_eq!((label.pages().len(), label.codes()), (2, 5));
    assert!(lines(&label).contains(&"2/2".to_owned()));
    assert_eq!(press.write(&label, Format::Png).unwrap().len(), 2);
    let jobs = press.write(&label, Format::Zpl).unwrap();
    assert_eq!(std::str::from_utf8(&jobs[0]).unwrap().matches("^XZ").count(), 2);
}

fn golden_file() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures/labels/golden.txt")
}

fn digest(bytes: &[u8]) -> String {
    data_encoding::HEXLOWER.encode(&Sha256::digest(bytes))
}

/// `WAYBIND_GOLDEN=write cargo test --test labels` writes them anew, after somebody looked at the pictures.
#[test]
fn the_labels_look_as_they_did() {
    let Some(press) = press(CHINESE) else { return };
    let mut now: BTreeMap<String, String> = BTreeMap::new();
    for template in press.templates().iter() {
        for dpi in [203, 300] {
            let label = proved(&press, template, dpi);
            let pixels: Vec<u8> = label.pages().iter().flat_map(|page| page.bytes().to_vec()).collect();
            for (what, bytes) in [
                ("pixels", pixels),
                ("zpl", zpl(&label, ZplSettings { compression: Compression::RunLength, ..ZplSettings::default() })),
                ("tspl", tspl(&label, TsplSettings::default())),
                ("text", lines(&label).join("\n").into_bytes()),
            ] {
                now.insert(format!("{} {dpi} {what}", template.name), digest(&bytes));
            }
        }
    }
    let written: String = now.iter().map(|(what, digest)| format!("{what} {digest}\n")).collect();
    if std::env::var_os("WAYBIND_GOLDEN").is_some() {
        std::fs::write(golden_file(), written).unwrap();
        return;
    }
    let before = std::fs::read_to_string(golden_file()).unwrap();
    let changed: Vec<&str> = written.lines().filter(|line| !before.lines().any(|known| known == *line)).collect();
    assert!(changed.is_empty() && before.lines().count() == now.len(), "changed: {changed:#?}");
}

/// What poppler makes of the PDFs: the same words, and codes that read at the same places.
#[test]
fn pdfs_have_the_words_and_codes_of_the_layout() {
    let Some(press) = press(CHINESE) else { return };
    if Command::new("pdftotext").arg("-v").output().is_err() {
        assert!(std::env::var_os("WAYBIND_FULL").is_none(), "poppler-utils are not installed");
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    for template in press.templates().iter() {
        let label = proved(&press, template, 203);
        let file = folder.path().join(format!("{}.pdf", template.name));
        std::fs::write(&file, press.write(&label, Format::Pdf).unwrap().remove(0)).unwrap();
        let text = Command::new("pdftotext").args(["-raw", "-enc", "UTF-8"]).arg(&file).arg("-").output().unwrap();
        let dense = |text: &str| text.chars().filter(|character| !character.is_whitespace()).collect::<String>();
        let found = dense(&String::from_utf8_lossy(&text.stdout));
        for line in lines(&label) {
            assert!(found.contains(&dense(&line)), "{}: {line:?} is not in {found}", template.name);
        }
        let drawn = Command::new("pdftoppm").args(["-gray", "-r", "203.2"]).arg(&file).output().unwrap().stdout;
        for item in label.layout().pages.iter().flatten() {
            let Item::Symbol(symbol) = item else { continue };
            let read = match symbol.symbology {
                None => read_qr(&drawn, symbol.quiet),
                Some(symbology) => read_bars(&drawn, symbol.quiet, symbology),
            };
            assert_eq!(read.as_deref(), Some(symbol.content.as_str()), "{}", template.name);
        }
    }
}

/// A part of a PGM picture: brightness, row by row.
fn cut_out(picture: &[u8], area: waybind::label::Area) -> Vec<Vec<u8>> {
    let mut head = picture.splitn(4, |byte| byte.is_ascii_whitespace());
    assert_eq!(head.next(), Some(&b"P5"[..]));
    let mut number = || std::str::from_utf8(head.next().unwrap()).unwrap().parse::<usize>().unwrap();
    let (width, _) = (number(), number());
    let dots = head.next().unwrap().splitn(2, |byte| byte.is_ascii_whitespace()).nth(1).unwrap();
    let row = |y: u32| {
        let from = y as usize * width + area.x as usize;
        dots[from..from + area.width as usize].to_vec()
    };
    (area.y..area.bottom()).map(row).collect()
}

fn read_qr(picture: &[u8], area: waybind::label::Area) -> Option<String> {
    let rows = cut_out(picture, area);
    let mut image = rqrr::PreparedImage::prepare_from_greyscale(rows[0].len(), rows.len(), |x, y| rows[y][x]);
    let grids = image.detect_grids();
    grids.first()?.decode().ok().map(|(_, content)| content)
}

/// Reads the middle row of a bar code.
fn read_bars(picture: &[u8], area: waybind::label::Area, symbology: Symbology) -> Option<String> {
    let rows = cut_out(picture, area);
    let mut row = BitArray::with_size(area.width as usize);
    rows[rows.len() / 2].iter().enumerate().filter(|(_, bright)| **bright < 128).for_each(|(x, _)| row.set(x));
    let is_gs1 = symbology == Symbology::Gs1Code128;
    let hints = DecodeHints { AssumeGs1: Some(is_gs1), ..DecodeHints::default() };
    let read = match symbology {
        Symbology::Code39 => Code39Reader::default().decode_row(0, &row, &hints),
        Symbology::Code128 | Symbology::Gs1Code128 => Code128Reader.decode_row(0, &row, &hints),
    };
    let text = read.ok()?.getText().to_owned();
    if is_gs1 { text.strip_prefix("]C1").map(str::to_owned) } else { Some(text) }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: if std::env::var_os("WAYBIND_LONG").is_some() { 2_000 } else { 48 }, ..ProptestConfig::default() })]

    /// Whatever stands in a field: a proved label or a typed error.
    #[test]
    fn any_text_in_any_field_renders_or_is_refused(text in any::<String>(), field in 0..8_usize) {
        let Some(press) = press(CHINESE) else { return Ok(()) };
        let fields: [(&str, &[&str]); 8] = [
            ("order-qr", &["order", "scan_code"]),
            ("order-qr", &["order", "id"]),
            ("order-qr", &["order", "note"]),
            ("aggregated-76x130", &["members", "1", "consignee", "name"]),
            ("aggregated-76x130", &["members", "0", "scan_code"]),
            ("aggregated-76x130", &["label", "sort_code"]),
            ("waybill-76x130", &["waybill", "number"]),
            ("gs1-logistics", &["unit", "count"]),
        ];
        let (name, way) = fields[field];
        match render(&press, name, way, &text) {
            Ok(label) => prop_assert!(!press.write(&label, Format::Pdf).unwrap().is_empty()),
            Err(error) => prop_assert!(!error.lines().is_empty()),
        }
    }
}
