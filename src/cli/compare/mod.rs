//! `compare`: an export of another system beside what waybind knows (双轨): what is missing here or there, and what
//! differs, line by line. It changes nothing.

mod difference;

use std::collections::{HashMap, HashSet};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use hyper::Method;
use jiff::tz::TimeZone;
use serde_json::{Value, json};

use self::difference::{Difference, order};
use super::client::{Client, display};
use super::import::Source;
use super::{Failure, Target, existing, runtime, say};
use crate::codec::sheet::{self, BOM, Progress, csv_line};
use crate::config::headers;
use crate::intake::Kind;
use crate::message::{Language, Phrase, phrase};

/// Orders that are fetched at once.
const PAGE: usize = 500;

/// What is compared: files, their headers, where the report goes, and whether what is over counts too.
pub(super) struct Compared<'a> {
    pub(super) files: &'a [PathBuf],
    pub(super) mapping: Option<&'a Path>,
    pub(super) report: Option<&'a Path>,
    pub(super) all: bool,
    pub(super) target: &'a Target,
}

/// A finding of the comparison.
struct Finding {
    kind: Kind,
    id: String,
    what: What,
    difference: Option<Difference>,
    place: Option<Place>,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum What {
    MissingHere,
    MissingThere,
    Differs,
    Unreadable,
}

/// Where something stands in the files.
#[derive(Clone)]
struct Place {
    file: Arc<str>,
    sheet: Option<Arc<str>>,
    rows: Vec<u32>,
}

/// What the files say.
#[derive(Default)]
struct Export {
    orders: HashMap<String, (Value, Place)>,
    /// Orders that stand there and can't be read: they are not missing.
    unreadable: HashSet<String>,
    waybills: Vec<(Value, Place)>,
}

impl What {
    fn code(self) -> &'static str {
        match self {
            What::MissingHere => "missing_here",
            What::MissingThere => "missing_there",
            What::Differs => "differs",
            What::Unreadable => "unreadable",
        }
    }

    fn phrase(self) -> Phrase {
        match self {
            What::MissingHere => Phrase::MissingHere,
            What::MissingThere => Phrase::MissingThere,
            What::Differs => Phrase::Differs,
            What::Unreadable => Phrase::NotReadable,
        }
    }
}

pub(super) fn compare(compared: &Compared<'_>) -> Result<(), Failure> {
    let config = compared.target.load()?;
    existing(&config)?;
    let dictionary = headers(compared.mapping).map_err(|error| Failure::Usage(error.to_string()))?.comparing();
    let format = compared.report.map(format_of).transpose()?;
    let mut findings = Vec::new();
    let mut export = Export::default();
    for file in compared.files {
        let source = Source::open(file, &dictionary)?;
        export.read(source, &config.zone(), &mut findings)?;
    }
    let known = export.orders.len() + export.waybills.len();
    let compared_orders = runtime()?.block_on(async {
        let mut client = Client::connect(&config).await?;
        export.compare_waybills(&mut client, &mut findings).await?;
        export.compare_orders(&mut client, compared.all, &mut findings).await
    })?;
    for finding in &findings {
        say(&if compared.target.json { finding.json().to_string() } else { finding.line(config.language) })?;
    }
    if let (Some(file), Some(format)) = (compared.report, format) {
        let written = std::fs::write(file, report(&findings, format, config.language)?);
        written.map_err(|error| Failure::Failed(format!("{}: {error}", file.display())))?;
    }
    let count = |what: What| findings.iter().filter(|finding| finding.what == what).count();
    let counts = json!({
        "there": known, "here": compared_orders, "missing_here": count(What::MissingHere),
        "missing_there": count(What::MissingThere), "differing_fields": count(What::Differs),
        "unreadable": count(What::Unreadable),
    });
    if compared.target.json {
        say(&json!({ "counts": counts }).to_string())?;
    } else {
        let told = counts.as_object().into_iter().flatten();
        say(&told.map(|(name, count)| format!("{name} {count}")).collect::<Vec<_>>().join(", "))?;
    }
    if findings.is_empty() { Ok(()) } else { Err(Failure::Failed(format!("{} difference(s)", findings.len()))) }
}

impl Export {
    fn read(&mut self, mut source: Source, zone: &TimeZone, findings: &mut Vec<Finding>) -> Result<(), Failure> {
        let name = source.name.clone();
        let failed = |error: sheet::DocumentError| Failure::Failed(format!("{name}: {error}"));
        for kind in [Kind::Orders, Kind::Waybills] {
            for part in 0..source.document.parts(kind) {
                for step in source.document.read(kind, part, zone).map_err(failed)? {
                    let Progress::Entry(entry) = step.map_err(failed)? else { continue };
                    let place = Place { file: name.clone(), sheet: entry.sheet, rows: entry.rows };
                    match entry.outcome {
                        Ok(thing) => self.add(kind, thing, place, findings),
                        Err((id, why)) => {
                            self.unreadable.extend(id.clone());
                            findings.push(unreadable(kind, id.unwrap_or_default(), why, place));
                        }
                    }
                }
            }
        }
        Ok(())
    }

    fn add(&mut self, kind: Kind, thing: Value, place: Place, findings: &mut Vec<Finding>) {
        if kind == Kind::Waybills {
            return self.waybills.push((thing, place));
        }
        let Some(id) = thing["id"].as_str().map(str::to_owned) else {
            return findings.push(unreadable(kind, String::new(), "id is missing".into(), place));
        };
        if self.orders.contains_key(&id) {
            return findings.push(unreadable(kind, id, "it stands in several files or sheets".into(), place));
        }
        self.orders.insert(id, (thing, place));
    }

    /// Waybills of their own sheet: each of their orders must have them here.
    async fn compare_waybills(&mut self, client: &mut Client, findings: &mut Vec<Finding>) -> Result<(), Failure> {
        for (waybill, place) in self.waybills.drain(..) {
            let number = waybill["number"].as_str().unwrap_or_default().to_owned();
            for id in waybill["orders"].as_array().into_iter().flatten().filter_map(Value::as_str) {
                let known = fetch(client, id).await?;
                let holding = known.as_ref().and_then(|order| order["waybills"].as_array()).into_iter().flatten();
                let found =
                    holding.into_iter().find(|known| known["number"] == number.as_str() && known["void"].is_null());
                let here = found.map(|known| known["carrier"].as_str().unwrap_or_default().to_owned());
                let theirs = waybill["carrier"].as_str().unwrap_or_default();
                let finding = |what, difference| Finding {
                    kind: Kind::Waybills,
                    id: number.clone(),
                    what,
                    difference: Some(difference),
                    place: Some(place.clone()),
                };
                match here {
                    None => {
                        let field = "order".to_owned();
                        let difference = Difference { field, here: String::new(), there: id.to_owned() };
                        findings.push(finding(What::MissingHere, difference));
                    }
                    Some(here) if !theirs.is_empty() && here != theirs => {
                        let difference = Difference { field: "carrier".into(), here, there: theirs.to_owned() };
                        findings.push(finding(What::Differs, difference));
                    }
                    Some(_) => {}
                }
            }
        }
        Ok(())
    }

    /// Goes through all orders here; answers how many that were.
    async fn compare_orders(
        &mut self,
        client: &mut Client,
        all: bool,
        findings: &mut Vec<Finding>,
    ) -> Result<usize, Failure> {
        if self.orders.is_empty() {
            return Ok(0);
        }
        let (mut after, mut seen) = (String::new(), 0);
        loop {
            let path = format!("/api/v1/orders?limit={PAGE}&after={}", escaped(&after));
            let (status, page) = client.call(Method::GET, &path, None).await?;
            let orders = page["orders"].as_array().filter(|_| status.is_success());
            let orders =
                orders.ok_or_else(|| Failure::Failed(format!("the orders can't be listed: {status} {page}")))?;
            let Some(last) = orders.last() else { break };
            after = last["id"].as_str().unwrap_or_default().to_owned();
            seen += orders.len();
            for here in orders {
                let id = here["id"].as_str().unwrap_or_default();
                findings.extend(match self.orders.remove(id) {
                    Some((there, place)) => differing(id, here, &there, &place),
                    None if (all || is_open(here)) && !self.unreadable.contains(id) => {
                        vec![missing(id, What::MissingThere, None)]
                    }
                    None => Vec::new(),
                });
            }
        }
        let mut left: Vec<(String, Place)> = self.orders.drain().map(|(id, (_, place))| (id, place)).collect();
        left.sort_by(|(one, _), (other, _)| one.cmp(other));
        findings.extend(left.into_iter().map(|(id, place)| missing(&id, What::MissingHere, Some(place))));
        Ok(seen)
    }
}

/// Whether an order here should be in an export of what there is to do.
fn is_open(order: &Value) -> bool {
    order["disposition"] != "cancelled" && !matches!(order["stage"].as_str(), Some("signed" | "warranty_active"))
}

fn missing(id: &str, what: What, place: Option<Place>) -> Finding {
    Finding { kind: Kind::Orders, id: id.to_owned(), what, difference: None, place }
}

fn unreadable(kind: Kind, id: String, why: String, place: Place) -> Finding {
    let difference = Some(Difference { field: String::new(), here: String::new(), there: why });
    Finding { kind, id, what: What::Unreadable, difference, place: Some(place) }
}

fn differing(id: &str, here: &Value, there: &Value, place: &Place) -> Vec<Finding> {
    let finding = |difference| Finding {
        kind: Kind::Orders,
        id: id.to_owned(),
        what: What::Differs,
        difference: Some(difference),
        place: Some(place.clone()),
    };
    order(here, there).into_iter().map(finding).collect()
}

/// A text as it may stand in an address.
fn escaped(text: &str) -> String {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'.' | b'_' | b'~');
    let escape = |byte: u8| if plain(byte) { char::from(byte).to_string() } else { format!("%{byte:02X}") };
    text.bytes().map(escape).collect()
}

async fn fetch(client: &mut Client, id: &str) -> Result<Option<Value>, Failure> {
    let (status, order) = client.call(Method::GET, &format!("/api/v1/orders/{}", escaped(id)), None).await?;
    match status.as_u16() {
        200 => Ok(Some(order)),
        404 => Ok(None),
        _ => Err(Failure::Failed(format!("order {id} can't be read: {status}"))),
    }
}

impl Finding {
    /// Kind, id, finding, field, here, there, file, sheet, rows.
    fn cells(&self, word: &str) -> Vec<String> {
        let (field, here, there) = self
            .difference
            .as_ref()
            .map_or_else(Default::default, |found| (found.field.clone(), found.here.clone(), found.there.clone()));
        let (file, sheet, rows) = self.place.as_ref().map_or_else(Default::default, |place| {
            let rows: Vec<String> = place.rows.iter().map(u32::to_string).collect();
            let sheet = place.sheet.as_deref().unwrap_or_default().to_owned();
            (place.file.to_string(), sheet, rows.join(" "))
        });
        vec![self.kind.name().to_owned(), self.id.clone(), word.to_owned(), field, here, there, file, sheet, rows]
    }

    fn line(&self, language: Language) -> String {
        let cells = self.cells(phrase(self.what.phrase(), language));
        let head = format!("{} {} {}", cells[0], cells[1], cells[2]);
        let place = match (cells[6].is_empty(), cells[7].is_empty()) {
            (true, _) => String::new(),
            (false, true) => format!(" ({})", cells[6]),
            (false, false) => format!(" ({} {} {})", cells[6], cells[7], cells[8]),
        };
        match self.difference {
            Some(_) => format!("{head} {}: \"{}\" | \"{}\"{place}", cells[3], cells[4], cells[5]),
            None => format!("{head}{place}"),
        }
    }

    fn json(&self) -> Value {
        let cells = self.cells(self.what.code());
        let rows = self.place.as_ref().map(|place| place.rows.clone()).unwrap_or_default();
        json!({"kind": cells[0], "id": cells[1], "finding": cells[2], "field": cells[3], "here": cells[4],
               "there": cells[5], "file": cells[6], "sheet": cells[7], "rows": rows})
    }
}

#[derive(Clone, Copy)]
enum Format {
    Workbook,
    Text,
    Json,
}

fn format_of(file: &Path) -> Result<Format, Failure> {
    match file.extension().and_then(|extension| extension.to_str()).unwrap_or_default() {
        "xlsx" => Ok(Format::Workbook),
        "csv" => Ok(Format::Text),
        "json" => Ok(Format::Json),
        _ => Err(Failure::Usage(format!("{}: the report is .xlsx, .csv or .json", file.display()))),
    }
}

fn report(findings: &[Finding], format: Format, language: Language) -> Result<Vec<u8>, Failure> {
    let say = |name| phrase(name, language).to_owned();
    if let Format::Json = format {
        let findings: Vec<Value> = findings.iter().map(Finding::json).collect();
        return Ok(json!({ "findings": findings }).to_string().into_bytes());
    }
    let titles = [
        Phrase::KindOf,
        Phrase::Number,
        Phrase::Finding,
        Phrase::FieldOf,
        Phrase::HereIs,
        Phrase::ThereIs,
        Phrase::FileOf,
        Phrase::SheetOf,
        Phrase::RowsOf,
    ];
    let mut rows: Vec<Vec<String>> = vec![titles.map(say).to_vec()];
    rows.extend(findings.iter().map(|finding| finding.cells(phrase(finding.what.phrase(), language))));
    match format {
        Format::Text => {
            let lines = rows.iter().map(|row| csv_line(row.iter().map(String::as_str)));
            Ok([BOM, lines.collect::<String>().as_bytes()].concat())
        }
        _ => sheet::workbook(&[(say(Phrase::Differences), rows)]).map_err(|error| Failure::Failed(display(&error))),
    }
}
