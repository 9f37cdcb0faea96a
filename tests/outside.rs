//! Labels from outside: a carrier's own label in each format, read back for its number and kept unchanged.

#![allow(missing_docs, clippy::unwrap_used, reason = "a test")]

mod support;

use std::path::Path;
use std::process::Command;

use data_encoding::BASE64;
use serde_json::{Value, json};
use support::served::{Client, Served, assert_clean, verify};
use waybind::codec::dots_pdf;
use waybind::codec::outside::{Drawn, LABEL_BYTES_MAX, LabelReadError, Paper, codes, dots};
use waybind::label::Resolution;

const NUMBER: &str = "75312345678901";

/// A label as waybind itself prints it for [`NUMBER`].
fn label(folder: &Path, format: &str) -> Vec<u8> {
    let file = folder.join(format!("label.{format}"));
    let done = Command::new(env!("CARGO_BIN_EXE_waybind"))
        .args(["label", "render", "--sample", "--template", "waybill-100x150", "--format", format, "-o"])
        .arg(&file)
        .output()
        .unwrap();
    assert!(done.status.success(), "{}", String::from_utf8_lossy(&done.stderr));
    std::fs::read(file).unwrap()
}

#[test]
fn the_number_is_read_back_in_every_format() {
    let folder = tempfile::tempdir().unwrap();
    for format in ["pdf", "png", "zpl", "tspl"] {
        let read = codes(format, &label(folder.path(), format)).unwrap();
        assert!(read.iter().any(|text| text == NUMBER), "{format}: {read:?}");
        assert!(read.iter().any(|text| text == "WB:O:1042:7K3M"), "{format}: {read:?}");
    }
}

#[test]
fn printers_commands_say_what_their_codes_hold() {
    for (job, expected) in [
        ("^XA^FO20,20^BY2^BCN,100,Y,N,N^FD75312345678901^FS^XZ", vec![NUMBER]),
        ("^XA^FO20,20^BCN,100^FD>;75312345678901^FS^FO9,9^A0N,30^FD75399999999999^FS^XZ", vec![NUMBER]),
        (
            "^xa^fo20,20^bqn,2,6^fdMA,https://zto.cn/w?no=75312345678901^fs^xz",
            vec!["https://zto.cn/w?no=75312345678901"],
        ),
        ("^XA^BQN,2,6^FDMM,B0014A5312345678901^FS^XZ", vec!["A5312345678901"]),
        ("^XA^BQN,2,6^FDHM,NA5312345678901^FS^XZ", vec!["A5312345678901"]),
        ("^XA^B3N,N,100^FH^FDSF_2D12^FS^BXN,6,200^FDX1^FS^XZ", vec!["SF-12", "X1"]),
        ("^XA^BCN,100^FD>;>80012345^FS^BCN,9^FDA>0B^FS^XZ", vec!["0012345", "A>B"]),
        ("^XA^FO1,1^A0N,30,30^FD75312345678901^FS^XZ", vec![]),
    ] {
        assert_eq!(codes("zpl", job.as_bytes()).unwrap(), expected, "{job}");
    }
    for (job, expected) in [
        (
            "SIZE 100 mm,150 mm\r\nCLS\r\nBARCODE 10,10,\"128\",80,1,0,2,4,\"75312345678901\"\r\nPRINT 1,1\r\n",
            vec![NUMBER],
        ),
        ("CLS\nQRCODE 10,10,M,6,A,0,M2,\"A\\[\"]B\"\nTEXT 1,1,\"3\",0,1,1,\"75399999999999\"\nPRINT 1\n", vec!["A\"B"]),
        ("SIZE 3,2\nPRINT 1\n", vec![]),
    ] {
        assert_eq!(codes("tspl", job.as_bytes()).unwrap(), expected, "{job}");
    }
}

#[test]
fn files_that_are_no_labels_are_told_so() {
    for format in ["pdf", "png", "zpl", "tspl"] {
        for bytes in [&b""[..], b"nonsense", b"%PDF-1.7\n%%EOF", &[0xff; 400]] {
            let read = codes(format, bytes);
            assert!(read.is_err(), "{format}: {read:?}");
            assert!(!read.unwrap_err().to_string().is_empty());
        }
        assert_eq!(codes(format, &vec![b' '; LABEL_BYTES_MAX + 1]), Err(LabelReadError::TooManyBytes));
    }
    assert!(matches!(codes("gif", b"GIF89a"), Err(LabelReadError::OtherFormat(_))));
    // pictures in jobs that claim to be larger than they are, or than any label
    for job in [
        "^XA^GFA,99999999,99999999,1,FF^FS^XZ",
        "^XA^PW99999999^LL99999999^GFA,8,8,4,FFFFFFFFFFFFFFFF^FS^XZ",
        "^XA^GFB,50,50,5,12^FS^XZ",
        "^XA^GFA,4000000000,4000000000,1999,:Z64:AAAA:0000^FS^XZ",
        "^XA^GFA,800000,800000,2000,zzzzzzzzzzzzzzzzzzzzzzzzzzzz0^FS^XZ",
        "^XA^FO4294967295,4294967295^GFA,1,1,1,FF^FS^XZ",
    ] {
        assert_eq!(codes("zpl", job.as_bytes()), Ok(Vec::new()), "{job}");
    }
    assert!(codes("tspl", b"CLS\nBITMAP 0,0,99999,99999,0,xx\n").is_err());
    assert!(codes("tspl", b"CLS\nBITMAP 0,0\n").is_err());
}

/// A PDF with a page of these bounds and content; its form `/F` draws itself, twice.
fn pdf(media: &str, content: &str) -> Vec<u8> {
    let mut file = String::from("%PDF-1.4\n");
    let mut places = Vec::new();
    for object in [
        "<</Type/Catalog/Pages 2 0 R>>".to_owned(),
        "<</Type/Pages/Kids[3 0 R]/Count 1>>".to_owned(),
        format!("<</Type/Page/Parent 2 0 R/MediaBox[{media}]/Contents 4 0 R/Resources<</XObject<</F 5 0 R>>>>>>"),
        format!("<</Length {}>>stream\n{content}\nendstream", content.len()),
        "<</Type/XObject/Subtype/Form/BBox[0 0 9 9]/Resources<</XObject<</F 5 0 R>>>>/Length 10>>stream\n/F Do /F Do\nendstream".to_owned(),
    ] {
        places.push(file.len());
        file.push_str(&format!("{} 0 obj\n{object}\nendobj\n", places.len()));
    }
    let start = file.len();
    file.push_str("xref\n0 6\n0000000000 65535 f \n");
    for place in places {
        file.push_str(&format!("{place:010} 00000 n \n"));
    }
    file.push_str(&format!("trailer<</Size 6/Root 1 0 R>>\nstartxref\n{start}\n%%EOF\n"));
    file.into_bytes()
}

#[test]
fn pages_larger_than_any_label_are_not_drawn() {
    assert_eq!(codes("pdf", &pdf("0 0 283 425", "0 0 9 9 re f")), Ok(Vec::new()));
    assert!(matches!(codes("pdf", &pdf("0 0 90000 90000", "0 0 9 9 re f")), Err(LabelReadError::TooLarge(_))));
    assert!(codes("pdf", &pdf("0 0 -5 0", "0 0 9 9 re f")).is_ok_and(|codes| codes.is_empty()));
}

const PAPER: Paper = Paper { size_mm: [100.0, 150.0], resolution: Resolution::DPI_203 };

#[test]
fn pages_are_drawn_at_their_own_size() {
    // 60 × 30 points, of which the left half is black
    let page = dots("pdf", &pdf("0 0 60 30", "0 0 30 30 re f"), PAPER).unwrap().remove(0);
    assert_eq!((page.width(), page.height()), (169, 85), "21.2 by 10.6 mm, 8 dots each");
    assert!(page.is_black(0, 0) && page.is_black(83, 83) && !page.is_black(86, 0));
    let fine = Paper { resolution: Resolution::DPI_600, ..PAPER };
    assert_eq!(dots("pdf", &pdf("0 0 60 30", ""), fine).unwrap()[0].width(), 500);
    let too_large = dots("pdf", &pdf("0 0 298 30", ""), PAPER).unwrap_err().to_string();
    assert!(too_large.contains("105 × 11 mm") && too_large.contains("100 × 150 mm"), "{too_large}");
    assert!(dots("pdf", &pdf("0 0 90000 90000", ""), PAPER).is_err());
    assert!(dots("zpl", b"^XA^XZ", PAPER).is_err() && dots("png", b"%PDF-1.4", PAPER).is_err());
}

/// A PNG of so many dots, black on its left half, with this density.
fn png(width: u32, height: u32, per_metre: Option<u32>) -> Vec<u8> {
    let mut file = Vec::new();
    let mut encoder = png::Encoder::new(&mut file, width, height);
    encoder.set_color(png::ColorType::Grayscale);
    let density = per_metre.map(|dots| png::PixelDimensions { xppu: dots, yppu: dots, unit: png::Unit::Meter });
    encoder.set_pixel_dims(density);
    let rows: Vec<u8> = (0..width * height).map(|at| if at % width < width / 2 { 0 } else { 255 }).collect();
    encoder.write_header().unwrap().write_image_data(&rows).unwrap();
    file
}

#[test]
fn a_pictures_density_is_its_size() {
    let drawn = |width, per_metre| {
        let page = dots("png", &png(width, 40, per_metre), PAPER)?.remove(0);
        Ok::<_, LabelReadError>((
            page.width(),
            page.height(),
            (0..page.width()).filter(|x| page.is_black(*x, 5)).count(),
        ))
    };
    assert_eq!(drawn(80, Some(8_000)), Ok((80, 40, 40)));
    assert_eq!(drawn(80, Some(7_992)), Ok((80, 40, 40)), "203 dots an inch are meant to be 8 a millimetre");
    assert_eq!(drawn(80, None), Ok((80, 40, 40)), "without a density, dots are dots");
    assert_eq!(drawn(120, Some(12_000)), Ok((80, 27, 40)));
    assert_eq!(drawn(40, Some(4_000)), Ok((80, 80, 40)));
    assert!(matches!(drawn(900, Some(8_000)), Err(LabelReadError::LargerThanPaper { .. })));
    assert_eq!(drawn(900, Some(12_000)).map(|found| found.0), Ok(600), "finer dots make it fit");
}

/// A PDF whose text is in this font.
fn in_font(font: &str) -> Vec<u8> {
    let page = pdf("0 0 200 100", "BT /T 40 Tf 10 30 Td <00480069> Tj ET");
    let page = String::from_utf8(page).unwrap();
    let resources = format!("/Resources<</Font<</T {font}>>/XObject");
    page.replacen("/Resources<</XObject", &resources, 1).into_bytes()
}

#[test]
fn text_that_would_be_missing_is_told() {
    let helvetica = dots("pdf", &in_font("<</Type/Font/Subtype/Type1/BaseFont/Helvetica>>"), PAPER).unwrap().remove(0);
    let black = (0..helvetica.height()).flat_map(|y| (0..helvetica.width()).map(move |x| (x, y)));
    assert!(black.filter(|(x, y)| helvetica.is_black(*x, *y)).count() > 100, "the letters of every viewer are drawn");
    let letters = "<</Type/Font/Subtype/CIDFontType0/FontDescriptor<</Type/FontDescriptor/FontName/STSong-Light>>>>";
    let song = "<</Type/Font/Subtype/Type0/BaseFont/STSong-Light/Encoding/UniGB-UCS2-H/DescendantFonts[";
    let missing = dots("pdf", &in_font(&format!("{song}{letters}]>>")), PAPER);
    assert_eq!(missing, Err(LabelReadError::NoLetters("STSong-Light".into())));
}

#[test]
fn what_goes_to_a_printer_shows_its_number() {
    let folder = tempfile::tempdir().unwrap();
    let pages = || dots("pdf", &label(folder.path(), "pdf"), PAPER).unwrap();
    let (size, on) = (Some(PAPER.size_mm), PAPER.resolution);
    assert!(Drawn::prove(pages(), size, on, NUMBER).is_ok());
    let other = Drawn::prove(pages(), size, on, "75312345678902").unwrap_err().to_string();
    assert!(other.contains("75312345678902 can't be read") && other.contains("203"), "{other}");
    assert!(Drawn::prove(pages(), Some([100.0, 140.0]), on, NUMBER).is_err(), "nothing of it is cut off");
    assert!(Drawn::prove(Vec::new(), size, on, NUMBER).is_err());
    let proved = Drawn::prove(pages(), None, on, NUMBER).unwrap();
    assert!(codes("pdf", &dots_pdf(&proved)).unwrap().iter().any(|text| text == NUMBER));
}

fn put(client: &mut Client, number: &str, format: &str, bytes: &[u8]) -> (u16, Value) {
    let label = json!({"format": format, "data_base64": BASE64.encode(bytes)});
    let waybill = json!({"number": number, "carrier": "ZTO", "orders": ["SO-1"], "label": label});
    let (status, answer) = client.post("/api/v1/waybills", &waybill);
    (status, answer["results"][0].clone())
}

#[test]
fn a_label_that_shows_another_number_is_refused_and_the_right_one_is_kept_unchanged() {
    let folder = tempfile::tempdir().unwrap();
    let served = Served::start(folder.path(), "");
    let mut client = served.client();
    client.must("/api/v1/products", &json!({"sku": "FLT-204"}));
    client.must(
        "/api/v1/orders",
        &json!({"id": "SO-1", "carrier": "ZTO", "consignee": {"name": "张三"}, "lines": [{"line": 1, "sku": "FLT-204", "quantity": 2}]}),
    );
    for format in ["pdf", "png", "zpl", "tspl"] {
        let file = label(folder.path(), format);
        let (status, refused) = put(&mut client, "75399999999999", format, &file);
        assert_eq!((status, &refused["result"]), (422, &json!("refused")), "{format}");
        let reason = refused["reason"].as_str().unwrap();
        assert!(reason.contains("does not show 75399999999999") && reason.contains(NUMBER), "{reason}");
        let (status, taken) = put(&mut client, NUMBER, format, &file);
        assert_eq!(status, 200, "{format}: {taken}");
        let path = format!("/api/v1/waybills/{NUMBER}/label");
        let (status, kept) = client.text("GET", &path, "", "");
        assert_eq!((status, kept), (200, String::from_utf8_lossy(&file).into_owned()), "{format}");
        let (_, again) = put(&mut client, NUMBER, format, &file);
        assert_eq!(again["result"], "unchanged", "{format}");
    }
    for (job, why) in [
        ("^XA^FO1,1^A0N,30,30^FD75312345678901^FS^XZ", "no code can be read"),
        ("^XA^BCN,9^FD753123456789012^FS^XZ", "does not show"),
        ("no job at all", "the label is no ZPL"),
    ] {
        let (status, refused) = put(&mut client, "75312345678902", "zpl", job.as_bytes());
        assert_eq!(status, 422);
        assert!(refused["reason"].as_str().unwrap().contains(why), "{refused}");
    }
    // its drawing would never end, and takes the drawer with it
    let (status, refused) = put(&mut client, "75312345678902", "pdf", &pdf("0 0 283 425", "/F Do"));
    assert_eq!((status, refused["reason"].as_str()), (422, Some("label: the label is damaged: its drawer gave up")));
    let both = format!("^XA^BCN,9^FD75312345678902^FS^BCN,9^FD{NUMBER}^FS^XZ");
    let (_, refused) = put(&mut client, "75312345678902", "zpl", both.as_bytes());
    assert!(refused["reason"].as_str().unwrap().contains("shows the number of waybill 75312345678901"), "{refused}");
    let (status, _) = client.text("GET", "/api/v1/waybills/75312345678902/label", "", "");
    assert_eq!(status, 404);
    drop(client);
    assert!(served.terminate().success());
    let data = folder.path().join("data");
    assert_clean(&data);
    tamper(&data);
    let (clean, report) = verify(&data);
    assert!(!clean && report.to_string().contains("was changed"), "{report}");
}

/// Changes a kept label behind waybind's back.
fn tamper(data: &Path) {
    let conn = rusqlite::Connection::open(data.join("waybind.db")).unwrap();
    let changed = conn.execute("UPDATE files SET bytes = x'00' WHERE sha256 = (SELECT min(sha256) FROM files)", []);
    assert_eq!(changed, Ok(1));
}
