//! Codes in pictures: the shares that are read of worn labels and photographs, and pictures that are no good.

#![allow(missing_docs, clippy::unwrap_used, reason = "a test")]

#[path = "support/adversarial.rs"]
mod adversarial;
#[path = "support/pictures.rs"]
mod pictures;
mod support;

use std::process::Command;
use std::sync::mpsc;
use std::time::Duration;

use pictures::{Picture, Scene};
use serde_json::{Value, json};
use support::served::{Client, Served, assert_clean};
use waybind::codec::{Limits, ReadError, read};

fn texts(picture: &Picture) -> Vec<String> {
    let symbols = read(&picture.bmp(), &Limits::default()).unwrap();
    symbols.into_iter().map(|symbol| String::from_utf8(symbol.text).unwrap()).collect()
}

/// Codes that are read, of how many; a text that nobody wrote fails the test.
fn share(pictures: impl Iterator<Item = Picture>) -> (usize, usize) {
    pictures.fold((0, 0), |(read, all), picture| {
        let texts = texts(&picture);
        assert!(texts.iter().all(|text| picture.texts.contains(text)), "{texts:?} of {:?}", picture.texts);
        (read + picture.texts.iter().filter(|text| texts.contains(text)).count(), all + picture.texts.len())
    })
}

/// Pictures of each case or scene: few by day, many where everything is tested.
fn times(few: u64) -> u64 {
    if std::env::var_os("WAYBIND_FULL").is_some() { few * 4 } else { few }
}

#[test]
fn most_codes_on_worn_labels_are_read() {
    // one size of module a case, the two in turn
    let cases = pictures::cases().into_iter().zip(0..).filter(|(_, nth)| nth % 4 == 0 || nth % 4 == 3);
    let (read, all) =
        share(cases.flat_map(|((_, wear), nth)| (0..times(1)).map(move |more| pictures::label(nth * 8 + more, &wear))));
    assert!(all >= 40 && read * 100 >= all * 92, "{read} of {all}");
}

#[test]
fn most_codes_in_photographs_are_read() {
    let scenes = [Scene::Usual, Scene::Near, Scene::Far, Scene::Dense];
    let (read, all) =
        share(scenes.into_iter().flat_map(|scene| (0..times(2)).map(move |seed| pictures::photo(seed, scene))));
    assert!(read * 100 >= all * 87, "{read} of {all}");
}

#[test]
fn codes_of_bars_and_data_matrix_are_read_any_way_round() {
    let wear = |turn: f32, blur: f32| pictures::Wear { turn, blur, contrast: 0.6, noise: 6.0, ..pictures::GOOD };
    for nth in 0..pictures::OTHERS.len() {
        for (turn, blur) in [(0.0, 0.5), (90.0, 0.5), (17.0, 0.7), (180.0, 0.7)] {
            let picture = pictures::other(nth as u64 + 3, nth, &wear(turn, blur));
            let texts = texts(&picture);
            assert_eq!(texts, picture.texts, "{nth} turned by {turn}");
        }
    }
}

#[test]
fn a_codes_place_and_symbology_are_told() {
    let picture = pictures::other(1, 2, &pictures::GOOD);
    let symbols = read(&picture.bmp(), &Limits::default()).unwrap();
    assert_eq!(symbols[0].aim, "]E0");
    let inside = |(x, y): (f32, f32)| (0.0..640.0).contains(&x) && (100.0..420.0).contains(&y);
    assert!(symbols[0].bounds.into_iter().all(inside), "{:?}", symbols[0].bounds);
    let label = pictures::label(5, &pictures::GOOD);
    for symbol in read(&label.bmp(), &Limits::default()).unwrap() {
        assert_eq!(symbol.aim, "]Q1");
        let [(left, top), (right, upper), (_, bottom), (lower, _)] = symbol.bounds;
        let side = right - left;
        assert!((90.0..200.0).contains(&side) && (bottom - top - side).abs() < 4.0, "{:?}", symbol.bounds);
        assert!((top - upper).abs() < 3.0 && (left - lower).abs() < 3.0, "{:?}", symbol.bounds);
    }
}

#[test]
fn a_code_that_fills_its_picture_has_its_corners_in_order() {
    let picture = pictures::filling("TEST");
    let symbols = read(&picture.bmp(), &Limits::default()).unwrap();
    let far = picture.width as f32 - 8.0;
    let corners = [(8.0, 8.0), (far, 8.0), (far, far), (8.0, far)];
    assert_eq!(symbols.len(), 1);
    for ((x, y), (u, v)) in symbols[0].bounds.into_iter().zip(corners) {
        assert!((x - u).abs() < 4.0 && (y - v).abs() < 4.0, "{:?}", symbols[0].bounds);
    }
}

#[test]
fn each_code_of_a_sheet_is_read_where_it_stands_though_no_paper_is_beside_it() {
    let sheet = pictures::sheet(&["LOC-A1-01", "LOC-A1-02", "LOC-A1-03", "LOC-A1-04", "LOC-A1-05"]);
    let symbols = read(&sheet.bmp(), &Limits::default()).unwrap();
    let texts: Vec<_> = symbols.iter().map(|symbol| String::from_utf8_lossy(&symbol.text).into_owned()).collect();
    assert_eq!(texts, sheet.texts, "{symbols:?}");
    for (nth, symbol) in symbols.iter().enumerate() {
        let [(left, top), (right, _), (_, bottom), _] = symbol.bounds;
        let upper = nth as f32 * 54.0;
        assert!(left < 30.0 && right > sheet.width as f32 - 30.0, "{:?}", symbol.bounds);
        assert!((upper - 8.0..upper + 15.0).contains(&top) && bottom < upper + 60.0, "{nth}: {:?}", symbol.bounds);
    }
}

/// A PNG that says to have this many pixels and has none.
fn png_of(width: u32, height: u32) -> Vec<u8> {
    let chunk = |kind: &[u8; 4], body: &[u8]| {
        let mut chunk = u32::try_from(body.len()).unwrap().to_be_bytes().to_vec();
        let named = [kind.as_slice(), body].concat();
        chunk.extend(&named);
        chunk.extend(crc(&named).to_be_bytes());
        chunk
    };
    let mut header = width.to_be_bytes().to_vec();
    header.extend(height.to_be_bytes());
    header.extend([8, 0, 0, 0, 0]);
    let data = [0x78, 0x9c, 0x03, 0x00, 0x00, 0x00, 0x00, 0x01];
    [b"\x89PNG\r\n\x1a\n".to_vec(), chunk(b"IHDR", &header), chunk(b"IDAT", &data), chunk(b"IEND", &[])].concat()
}

fn crc(bytes: &[u8]) -> u32 {
    let step = |crc: u32, byte: &u8| {
        (0..8).fold(crc ^ u32::from(*byte), |crc, _| if crc & 1 == 1 { crc >> 1 ^ 0xedb8_8320 } else { crc >> 1 })
    };
    !bytes.iter().fold(!0, step)
}

#[test]
fn what_a_picture_claims_costs_nothing() {
    let limits = Limits::default();
    let huge = read(&png_of(100_000, 100_000), &limits);
    assert!(matches!(huge, Err(ReadError::TooLarge { width: 100_000, height: 100_000, .. })), "{huge:?}");
    assert!(huge.unwrap_err().to_string().contains("100000 x 100000"));
    // a ribbon of few pixels is one, too
    assert!(matches!(read(&png_of(1_000_000, 1), &limits), Err(ReadError::TooLarge { .. })));
    assert!(matches!(read(&png_of(4_000, 4_000), &limits), Err(ReadError::Broken(_))));
    assert!(matches!(read(&png_of(0, 10), &limits), Err(ReadError::Broken(_))));
    assert_eq!(read(b"", &limits), Err(ReadError::UnknownFormat));
    assert_eq!(read(b"GIF89a\x01\x00\x01\x00", &limits), Err(ReadError::UnknownFormat));
    assert_eq!(read(&[0xff, 0xd8, 0xff, 0xe0], &limits).map_err(|error| error.hint()), Err("take the picture again"));
    let few = Limits { bytes: 100, ..limits };
    assert_eq!(read(&[0; 101], &few), Err(ReadError::TooManyBytes { limit: 100 }));
}

#[test]
fn a_picture_without_a_code_is_read_as_none() {
    let limits = Limits::default();
    for (width, height) in [(1, 1), (1, 300), (300, 1), (17, 16), (200, 200)] {
        let blank = Picture { width, height, pixels: vec![200; width * height], texts: Vec::new() };
        assert_eq!(read(&blank.bmp(), &limits), Ok(Vec::new()));
        let mut chance = pictures::Chance::new(7);
        let noise = (0..width * height).map(|_| chance.next() as u8).collect();
        let noise = Picture { width, height, pixels: noise, texts: Vec::new() };
        assert_eq!(read(&noise.bmp(), &limits), Ok(Vec::new()));
    }
}

#[test]
fn pictures_made_to_keep_a_reader_busy_do_not() {
    // far more than they take; a search that explodes takes minutes for one of them
    const DEADLINE: Duration = Duration::from_secs(600);
    let (done, over) = mpsc::channel();
    std::thread::spawn(move || {
        for (name, picture) in adversarial::all(240, 180) {
            let read = read(&picture.bmp(), &Limits::default());
            done.send((name, read)).unwrap();
        }
    });
    let start = std::time::Instant::now();
    let mut last = String::from("none");
    loop {
        match over.recv_timeout(DEADLINE.saturating_sub(start.elapsed())) {
            Ok((name, read)) => {
                // of spoiled codes some can be mended
                let read = read.unwrap();
                let mended = |text: &[u8]| name.starts_with("spoiled") && text.iter().all(|byte| *byte == b'X');
                assert!(read.iter().all(|symbol| mended(&symbol.text)), "{name}: {read:?}");
                last = name;
            }
            Err(mpsc::RecvTimeoutError::Disconnected) => break,
            Err(mpsc::RecvTimeoutError::Timeout) => panic!("not done in time; the last that was: {last}"),
        }
    }
}

#[test]
fn work_that_is_spent_ends_the_search() {
    let label = pictures::label(2, &pictures::GOOD);
    let none = Limits { work: 1_000, ..Limits::default() };
    assert_eq!(read(&label.bmp(), &none), Ok(Vec::new()));
    assert!(!read(&label.bmp(), &Limits::default()).unwrap().is_empty());
}

#[test]
fn a_large_picture_is_looked_at_smaller_and_its_places_are_its_own() {
    let label = pictures::label(2, &pictures::Wear { module: 6, ..pictures::GOOD });
    let limits = Limits { looked_at: 300_000, ..Limits::default() };
    let (small, full) = (read(&label.bmp(), &limits).unwrap(), read(&label.bmp(), &Limits::default()).unwrap());
    assert_eq!(small.len(), label.texts.len());
    for symbol in &small {
        let same = full.iter().find(|other| other.text == symbol.text).unwrap();
        for ((x, y), (u, v)) in symbol.bounds.iter().zip(&same.bounds) {
            assert!((x - u).abs() < 6.0 && (y - v).abs() < 6.0, "{symbol:?} {same:?}");
        }
    }
}

#[test]
fn the_command_reads_on_after_a_file_that_is_no_picture() {
    let folder = tempfile::tempdir().unwrap();
    let path = |name: &str| folder.path().join(name);
    let label = pictures::label(4, &pictures::GOOD);
    std::fs::write(path("label.bmp"), label.bmp()).unwrap();
    std::fs::write(path("nonsense.png"), "nonsense").unwrap();
    let blank = Picture { width: 40, height: 40, pixels: vec![255; 1600], texts: Vec::new() };
    std::fs::write(path("blank.bmp"), blank.bmp()).unwrap();
    let run = |names: &[&str]| {
        let output = Command::new(env!("CARGO_BIN_EXE_waybind"))
            .arg("read")
            .args(names.iter().map(|name| path(name)))
            .output()
            .unwrap();
        let text = |bytes: Vec<u8>| String::from_utf8(bytes).unwrap();
        (output.status.code(), text(output.stdout), text(output.stderr))
    };
    let (code, out, err) = run(&["nonsense.png", "label.bmp", "missing.png"]);
    assert_eq!((code, out.lines().count()), (Some(1), label.texts.len()), "{err}");
    assert!(err.contains("nonsense.png: this is no PNG") && err.contains("missing.png: No such file"), "{err}");
    for line in out.lines() {
        let line: Value = serde_json::from_str(line).unwrap();
        assert!(line["file"].as_str().unwrap().ends_with("label.bmp"));
        assert_eq!(line["symbology"], "qr");
        assert!(label.texts.iter().any(|text| *text == line["text"]), "{line}");
        assert_eq!(line["bounds"].as_array().unwrap().len(), 4);
    }
    let (code, out, err) = run(&["blank.bmp"]);
    assert_eq!((code, out.as_str()), (Some(0), ""));
    assert!(err.contains("blank.bmp: no code was found"), "{err}");
}

fn scan(client: &mut Client, query: &str, picture: &[u8]) -> (u16, Value) {
    let path = format!("/api/v1/scans/image?{query}");
    let (status, body) = client.try_bytes("POST", &path, "content-type: image/bmp\r\n", picture).unwrap();
    (status, serde_json::from_str(&body).unwrap_or(Value::String(body)))
}

#[test]
fn the_one_code_of_a_picture_is_judged_like_a_scan() {
    let folder = tempfile::tempdir().unwrap();
    let served = Served::start(folder.path(), "");
    let mut client = served.client();
    client.must("/api/v1/products", &json!({"sku": "FLT-204", "barcodes": [{"text": "6901234567892"}]}));
    client.must(
        "/api/v1/orders",
        &json!({"id": "SO-1", "carrier": "ZTO", "consignee": {"name": "张三"}, "lines": [{"line": 1, "sku": "FLT-204", "quantity": 2}]}),
    );
    assert_eq!(client.scan("1", "http-pick", "SO-1"), "opened");
    let article = pictures::other(1, 2, &pictures::GOOD).bmp();
    let (status, verdict) = scan(&mut client, "station=http-pick&id=2", &article);
    assert_eq!((status, &verdict["code"]), (200, &json!("accepted")), "{verdict}");
    assert_eq!(verdict["symbol"]["data"], "]E06901234567892");
    assert_eq!(verdict["symbol"]["symbology"], "ean-13");
    // sent again, it counts nothing
    let (_, again) = scan(&mut client, "station=http-pick&id=2", &article);
    assert_eq!((&again["code"], &again["first_code"]), (&json!("already_recorded"), &json!("accepted")));

    let blank = Picture { width: 60, height: 60, pixels: vec![255; 3600], texts: Vec::new() }.bmp();
    let several =
        (0..).map(|seed| pictures::label(seed, &pictures::GOOD)).find(|label| label.texts.len() == 3).unwrap();
    for (query, picture, status, kind) in [
        ("station=http-pick&id=3", &blank, 422, "no_code"),
        ("station=http-pick&id=3", &several.bmp(), 409, "several_codes"),
        ("station=nowhere&id=3", &article, 404, "not_found"),
        ("station=http-pick", &article, 400, "malformed"),
        ("station=http-pick&id=3&colour=red", &article, 400, "malformed"),
        ("station=http-pick&id=3", &b"{}".to_vec(), 415, "no_picture"),
        ("station=http-pick&id=3", &png_of(100_000, 100_000), 413, "too_large"),
        ("station=http-pick&id=3", &png_of(100, 100), 422, "damaged_picture"),
    ] {
        let (answered, problem) = scan(&mut client, query, picture);
        assert_eq!(answered, status, "{kind}: {problem}");
        assert_eq!(problem["type"], format!("urn:waybind:problem:{kind}"));
        assert_eq!(
            problem["candidates"].as_array().map_or(0, Vec::len),
            if status == 409 { 3 } else { 0 },
            "{problem}"
        );
    }
    let events = client.get("/api/v1/events?after=0&limit=100").to_string();
    assert!(!events.contains("\"3\""), "nothing was recorded of what was refused: {events}");
    drop(client);
    assert!(served.terminate().success());
    assert_clean(&folder.path().join("data"));
}
