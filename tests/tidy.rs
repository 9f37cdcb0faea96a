//! The house's rules, checked: which floor may use what, headers, lengths, markers, texts, scenarios, vectors. Each
//! check counts what it saw and fails on nothing.

#![allow(missing_docs, clippy::unwrap_used, reason = "a test")]

use std::path::{Path, PathBuf};

use waybind::config::{Library, read_vectors};
use waybind::domain::verdict::Code;
use waybind::message::FACTS;

const LINE_MAX: usize = 220;
const FUNCTION_MAX: usize = 70;
const FILE_MAX: usize = 800;

struct Source {
    path: PathBuf,
    name: String,
    text: String,
}

fn files(folder: &str, extension: &str) -> Vec<Source> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let mut found = Vec::new();
    let mut open = vec![root.join(folder)];
    while let Some(folder) = open.pop() {
        for entry in std::fs::read_dir(&folder).unwrap().map(|entry| entry.unwrap().path()) {
            if entry.is_dir() {
                open.push(entry);
            } else if entry.extension().is_some_and(|found| found == extension) {
                let name = entry.strip_prefix(root).unwrap().to_string_lossy().into_owned();
                let text = std::fs::read_to_string(&entry).unwrap();
                found.push(Source { path: entry, name, text });
            }
        }
    }
    found.sort_by(|one, other| one.path.cmp(&other.path));
    assert!(!found.is_empty(), "there is no .{extension} file in {folder}");
    found
}

fn sources() -> Vec<Source> {
    files("src", "rs")
}

/// The code above a file's tests.
fn production(text: &str) -> &str {
    text.split("#[cfg(test)]").next().unwrap()
}

/// The floor of a folder or file of `src/`.
fn floor(room: &str) -> u8 {
    match room {
        "barcode" | "domain" | "intake" | "label" | "protocol" | "message" => 0,
        "codec" => 1,
        "device" | "ledger" | "print" | "upstream" | "web" | "config" | "clock" | "telemetry" => 2,
        "service" | "sim" | "cli" | "main" | "lib" => 3,
        other => panic!("{other} stands on no floor"),
    }
}

fn room(name: &str) -> String {
    name.strip_prefix("src/").unwrap().split('/').next().unwrap().trim_end_matches(".rs").to_owned()
}

fn report(what: &str, seen: usize, broken: &[String]) {
    assert!(seen > 0, "{what}: nothing was checked");
    assert!(broken.is_empty(), "{what}:\n{}", broken.join("\n"));
}

#[test]
fn arrows_point_down() {
    let mut seen = 0;
    let mut broken = Vec::new();
    for source in sources() {
        let here = room(&source.name);
        for (number, line) in production(&source.text).lines().enumerate() {
            for target in line.split("crate::").skip(1) {
                let there: String =
                    target.chars().take_while(|character| character.is_alphanumeric() || *character == '_').collect();
                if there.is_empty() || there == here {
                    continue;
                }
                seen += 1;
                let (from, to) = (floor(&here), floor(&there));
                let shared = matches!(there.as_str(), "config" | "clock" | "telemetry");
                let allowed = match from {
                    3 => true,
                    2 => to < 2 || shared,
                    _ => to < from || (from == 0 && to == 0),
                };
                if !allowed {
                    broken.push(format!(
                        "{}:{}: {here} (floor {from}) uses {there} (floor {to})",
                        source.name,
                        number + 1
                    ));
                }
            }
        }
    }
    report("imports by floor", seen, &broken);
    assert!(seen > 100);
}

#[test]
fn the_pure_floor_is_pure() {
    let forbidden = [
        "tokio",
        "rusqlite",
        "tracing",
        "SystemTime",
        "Instant::now",
        "Timestamp::now",
        "Zoned::now",
        "std::fs",
        "std::net",
        "std::env",
        "std::process",
        "std::thread",
        "getrandom",
        "toml::",
        "serde_json",
    ];
    let codecs = ["toml::", "serde_json", "std::thread"];
    let mut seen = 0;
    let mut broken = Vec::new();
    for source in sources().iter().filter(|source| floor(&room(&source.name)) < 2) {
        seen += 1;
        let may = if floor(&room(&source.name)) == 1 { &codecs[..] } else { &[] };
        for (number, line) in
            production(&source.text).lines().enumerate().filter(|(_, line)| !line.trim_start().starts_with("//"))
        {
            for word in forbidden.iter().filter(|word| line.contains(**word) && !may.contains(*word)) {
                broken.push(format!("{}:{}: {word}", source.name, number + 1));
            }
        }
    }
    report("forbidden names on floors 0 and 1", seen, &broken);
}

#[test]
fn each_heavy_thing_has_one_room() {
    let rooms: [(&str, &[&str]); 18] = [
        ("rusqlite::", &["ledger"]),
        ("Timestamp::now", &["clock"]),
        ("clock_gettime", &["clock"]),
        ("std::env::var", &["cli", "main"]),
        ("axum::", &["web", "cli"]),
        ("tokio_serial::", &["device"]),
        ("calamine::", &["codec"]),
        ("rust_xlsxwriter::", &["codec"]),
        ("encoding_rs::", &["codec"]),
        ("csv::", &["codec"]),
        ("zip::", &["codec"]),
        ("printpdf::", &["codec"]),
        ("allsorts::", &["codec"]),
        ("ab_glyph::", &["codec"]),
        ("fast_qr::", &["codec"]),
        ("image::", &["codec"]),
        ("rqrr::", &["codec"]),
        ("rxing::", &["codec"]),
    ];
    let mut seen = 0;
    let mut broken = Vec::new();
    for source in sources() {
        let here = room(&source.name);
        for (word, allowed) in rooms {
            let hits = production(&source.text)
                .lines()
                .filter(|line| !line.trim_start().starts_with("//") && line.contains(word))
                .count();
            seen += hits;
            if hits > 0 && !allowed.contains(&here.as_str()) {
                broken.push(format!("{}: {word} belongs to {allowed:?}", source.name));
            }
        }
    }
    report("names with a room of their own", seen, &broken);
}

#[test]
fn every_file_says_what_it_is_for_and_fits() {
    let mut all = sources();
    all.extend(files("tests", "rs"));
    all.extend(files("benches", "rs"));
    let mut broken = Vec::new();
    for source in &all {
        if !source.text.starts_with("//! ") {
            broken.push(format!("{}: no //! header", source.name));
        }
        let lines = source.text.lines().count();
        if lines > FILE_MAX {
            broken.push(format!("{}: {lines} lines", source.name));
        }
        for (number, line) in source.text.lines().enumerate() {
            // the table of identifiers has one identifier a line
            if line.chars().count() > LINE_MAX && !source.name.ends_with("gs1/table.rs") {
                broken.push(format!("{}:{}: {} characters", source.name, number + 1, line.chars().count()));
            }
        }
    }
    report("headers and lengths", all.len(), &broken);
}

#[test]
fn functions_fit_a_screen() {
    let mut seen = 0;
    let mut broken = Vec::new();
    for source in sources() {
        let lines: Vec<&str> = source.text.lines().collect();
        for (start, line) in lines.iter().enumerate() {
            let code = line.trim_start();
            let is_function =
                !code.starts_with("//") && (code.starts_with("fn ") || code.contains(" fn ")) && code.contains('(');
            if !is_function {
                continue;
            }
            // a trait's method without a body ends before any brace opens
            let ends = |line: &&&str| line.ends_with(';') || line.ends_with('{') || line.ends_with('}');
            if lines[start..].iter().find(ends).is_some_and(|line| line.ends_with(';')) {
                continue;
            }
            // a trait's function may have no body
            let head = lines[start..].iter().find(|line| line.ends_with(';') || line.ends_with('{'));
            if head.is_some_and(|line| line.ends_with(';')) {
                continue;
            }
            let indent = line.len() - code.len();
            let closing = format!("{}}}", " ".repeat(indent));
            let Some(length) = lines[start..].iter().position(|line| *line == closing) else { continue };
            seen += 1;
            // the rows of a table that names things are as many as there are things
            let is_row = |line: &&&str| line.contains(" => \"") && line.ends_with("\",");
            let length = length + 1 - lines[start..start + length].iter().filter(is_row).count();
            if length > FUNCTION_MAX {
                broken.push(format!("{}:{}: {length} lines", source.name, start + 1));
            }
        }
    }
    report("function lengths", seen, &broken);
    assert!(seen > 500);
}

#[test]
fn nothing_is_left_over() {
    let marks: Vec<String> =
        ["TO", "FIX", "XX"].iter().zip(["DO", "ME", "X"]).map(|(one, other)| format!("{one}{other}")).collect();
    let mut seen = 0;
    let mut broken = Vec::new();
    for source in sources().into_iter().chain(files("tests", "rs")).chain(files("src", "js")) {
        seen += 1;
        let ignored = format!("#[{}", "ignore");
        for (number, line) in source.text.lines().enumerate() {
            if marks.iter().any(|mark| line.contains(mark.as_str())) || line.contains(&ignored) {
                broken.push(format!("{}:{}: {line}", source.name, number + 1));
            }
        }
    }
    report("left-over markers and ignored tests", seen, &broken);
}

#[test]
fn every_verdict_code_has_a_scenario() {
    let scenarios: String = files("fixtures/scenarios", "scn").iter().map(|source| source.text.as_str()).collect();
    let faults = std::fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/faults.rs")).unwrap();
    let mut broken = Vec::new();
    for code in Code::ALL {
        let expected =
            scenarios.lines().any(|line| line.split('|').nth(2).is_some_and(|cell| cell.trim() == code.as_str()));
        // the two that a disk brings about are played on a real ledger with a faulty disk
        let on_disk = matches!(code, Code::NotConfirmed | Code::NotRecorded) && faults.contains(code.as_str());
        if !expected && !on_disk {
            broken.push(code.as_str().to_owned());
        }
    }
    report("verdict codes without a scenario", Code::ALL.len(), &broken);
}

#[test]
fn every_fact_has_a_title_and_can_be_chosen_by_a_target() {
    let events = std::fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("src/domain/event.rs")).unwrap();
    let names: Vec<&str> = events.split("=> \"").skip(1).map(|rest| rest.split('"').next().unwrap()).collect();
    let untold = |name: &&&str| !FACTS.iter().any(|(known, ..)| known == *name);
    let broken: Vec<String> = names.iter().filter(untold).map(ToString::to_string).collect();
    report("facts without a title", names.len(), &broken);
}

#[test]
fn every_definition_has_vectors() {
    let library = Library::built_in().unwrap();
    let mut vectors = 0;
    for (name, _) in library.iter() {
        vectors += read_vectors(name).unwrap_or_else(|error| panic!("{error}")).vector.len();
    }
    assert!(library.iter().count() >= 7 && vectors >= 20, "{vectors} vectors");
}

#[test]
fn every_path_of_the_api_is_described() {
    // read so that a key that stands twice is a mistake
    let described = waybind::codec::json::strict(include_bytes!("../src/web/assets/openapi.json")).unwrap();
    let described = described["paths"].as_object().unwrap();
    let routes = std::fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("src/web/api/mod.rs")).unwrap();
    let mut seen = 0;
    for path in routes.split(".route(\"").skip(1).map(|rest| rest.split('"').next().unwrap()) {
        seen += 1;
        let by_action = path.ends_with("/{action}");
        assert!(by_action || described.contains_key(path), "{path} is not in openapi.json");
    }
    assert!(seen > 10);
}

#[test]
fn every_document_is_in_the_public_docs() {
    let documents = files("src/docs", "md");
    let lib = std::fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("src/lib.rs")).unwrap();
    let is_told = |file: &&Source| lib.contains(&format!("include_str!(\"{}\")", file.name.trim_start_matches("src/")));
    let missing: Vec<String> = documents.iter().filter(|file| !is_told(file)).map(|file| file.name.clone()).collect();
    report("documents are compiled into the documentation", documents.len(), &missing);
}
