//! Objects on their way to the service in calls of a limited size, and what came of each.

use std::collections::HashMap;
use std::io::{IsTerminal as _, Write as _};
use std::sync::Arc;
use std::time::{Duration, Instant};

use serde_json::{Value, json};

use super::calls::{Calls, Came, Objects};
use crate::cli::client::Client;
use crate::cli::{Failure, say};
use crate::intake::Kind;

/// Objects of one call.
const CHUNK: usize = 500;
/// Bytes of one call: half of what the API takes, since an object comes whole.
const CHUNK_BYTES: usize = 2 * 1024 * 1024;
/// How often the progress is shown.
const PROGRESS: Duration = Duration::from_millis(500);

/// Where an object comes from.
#[derive(Clone)]
pub(super) struct Origin {
    file: Arc<str>,
    sheet: Option<Arc<str>>,
    rows: Vec<u32>,
}

impl Origin {
    pub(super) fn rows(file: &Arc<str>, sheet: Option<Arc<str>>, rows: Vec<u32>) -> Origin {
        Origin { file: file.clone(), sheet, rows }
    }

    /// `work.xlsx 订单 rows 2-4, 9`, or `work.json line 12`
    pub(super) fn place(&self) -> String {
        let (what, sheet) = match &self.sheet {
            Some(sheet) => ("row", format!(" {sheet}")),
            None => ("line", String::new()),
        };
        match ranges(&self.rows).as_slice() {
            [] => format!("{}{sheet}", self.file),
            [one] if !one.contains('-') => format!("{}{sheet} {what} {one}", self.file),
            more => format!("{}{sheet} {what}s {}", self.file, more.join(", ")),
        }
    }

    fn put(&self, object: &mut Value) {
        object["file"] = json!(&*self.file);
        match &self.sheet {
            Some(sheet) => {
                object["sheet"] = json!(&**sheet);
                object["rows"] = json!(self.rows);
            }
            None => object["line"] = json!(self.rows.first()),
        }
    }
}

/// Row numbers as ranges.
fn ranges(rows: &[u32]) -> Vec<String> {
    let mut ranges: Vec<(u32, u32)> = Vec::new();
    for row in rows {
        match ranges.last_mut() {
            Some((_, last)) if last.checked_add(1) == Some(*row) => *last = *row,
            _ => ranges.push((*row, *row)),
        }
    }
    let text = |(first, last): (u32, u32)| if first == last { first.to_string() } else { format!("{first}-{last}") };
    ranges.into_iter().map(text).collect()
}

/// Sends objects and tells what came of them.
pub(super) struct Report {
    calls: Calls,
    is_json: bool,
    refused: usize,
    waiting: Objects,
    bytes: usize,
    kind: Kind,
    progress: Progress,
}

impl Report {
    /// A report of files with so many rows.
    pub(super) fn new(client: Client, is_json: bool, rows: u64) -> Report {
        let progress = Progress {
            is_on: std::io::stderr().is_terminal(),
            shown: Instant::now(),
            begun: Instant::now(),
            done: 0,
            rows,
        };
        let calls = Calls::new(client);
        Report { calls, is_json, refused: 0, waiting: Vec::new(), bytes: 0, kind: Kind::Products, progress }
    }

    /// Takes an object; sends what waits when it is enough for a call.
    pub(super) async fn add(&mut self, kind: Kind, object: Value, origin: Origin) -> Result<(), Failure> {
        let object = object.to_string();
        if kind != self.kind || self.waiting.len() >= CHUNK || self.bytes + object.len() > CHUNK_BYTES {
            self.flush().await?;
        }
        self.kind = kind;
        self.bytes += object.len();
        self.waiting.push((object, origin));
        Ok(())
    }

    /// Sends what waits, after the answer to what was sent before.
    pub(super) async fn flush(&mut self) -> Result<(), Failure> {
        self.settle().await?;
        self.bytes = 0;
        let waiting = std::mem::take(&mut self.waiting);
        if waiting.is_empty() { Ok(()) } else { self.calls.send(self.kind, waiting) }
    }

    /// Tells what came of all that was sent.
    pub(super) async fn settle(&mut self) -> Result<(), Failure> {
        while let Some(came) = self.calls.answer().await? {
            self.progress.clear();
            let results = came.answer["results"].as_array().filter(|results| results.len() == came.objects.len());
            if let Some(results) = results {
                for (result, (_, origin)) in results.iter().zip(&came.objects) {
                    self.tell(came.kind, result.clone(), origin)?;
                }
            } else {
                let kind = came.kind;
                let left = self.tell_faulty(came)?;
                if !left.is_empty() {
                    self.calls.send(kind, left)?;
                }
            }
        }
        Ok(())
    }

    /// Tells of the objects because of which nothing of a call was taken, and answers the others, to be sent again.
    fn tell_faulty(&mut self, came: Came) -> Result<Objects, Failure> {
        let Came { kind, objects, status, answer } = came;
        let text = |name: &str| answer[name].as_str().unwrap_or_default();
        let place = |object: &Value| object["index"].as_u64().and_then(|index| usize::try_from(index).ok());
        let faulty = answer["objects"].as_array().map(Vec::as_slice).unwrap_or_default();
        let mut reasons: HashMap<usize, Value> = faulty
            .iter()
            .filter_map(|object| Some((place(object)?, json!({"id": object["id"], "reason": object["reason"]}))))
            .collect();
        // one that is too large for a call came alone
        if reasons.is_empty() && status.is_client_error() && objects.len() == 1 {
            reasons.insert(0, json!({"id": null, "reason": format!("{}: {}", text("detail"), text("hint"))}));
        }
        let before = objects.len();
        let mut left = Objects::new();
        for (index, (object, origin)) in objects.into_iter().enumerate() {
            match reasons.remove(&index) {
                Some(mut result) => {
                    result["result"] = json!("refused");
                    self.tell(kind, result, &origin)?;
                }
                None => left.push((object, origin)),
            }
        }
        if left.len() == before {
            let (file, kind) = (left.first().map_or("", |(_, origin)| &origin.file), kind.name());
            return Err(Failure::Failed(format!(
                "{file}: {kind}: {status}: {} {}; what is told above was taken, the rest was not",
                text("detail"),
                text("hint")
            )));
        }
        Ok(left)
    }

    /// Tells that rows were refused before anything was sent of them.
    pub(super) fn refuse(
        &mut self,
        kind: Kind,
        id: Option<&str>,
        reason: &str,
        origin: &Origin,
    ) -> Result<(), Failure> {
        self.progress.clear();
        self.tell(kind, json!({"id": id, "result": "refused", "reason": reason}), origin)
    }

    fn tell(&mut self, kind: Kind, mut result: Value, origin: &Origin) -> Result<(), Failure> {
        self.refused += usize::from(result["result"] == "refused");
        if self.is_json {
            result["kind"] = json!(kind.name());
            origin.put(&mut result);
            return say(&result.to_string());
        }
        let text = |name: &str| result[name].as_str().unwrap_or_default();
        let (kind, place) = (kind.name(), origin.place());
        let words = [kind, text("id"), text("result"), text("reason")].into_iter().filter(|word| !word.is_empty());
        let mut line = words.collect::<Vec<_>>().join(" ");
        let held: Vec<&str> = result["held"].as_array().into_iter().flatten().filter_map(Value::as_str).collect();
        if !held.is_empty() {
            line.push_str(&format!(", held: {}", held.join(", ")));
        }
        say(&format!("{line} ({place})"))
    }

    /// Tells something about a sheet that refuses nothing.
    pub(super) fn note(&mut self, text: &str, origin: &Origin) -> Result<(), Failure> {
        if self.is_json {
            let mut note = json!({ "note": text });
            origin.put(&mut note);
            return say(&note.to_string());
        }
        say(&format!("note: {text} ({})", origin.place()))
    }

    /// Counts a row that was read.
    pub(super) fn row(&mut self) {
        self.progress.row();
    }

    pub(super) fn refused(&self) -> usize {
        self.refused
    }

    /// Whether nothing was found, neither to take nor to refuse.
    pub(super) fn is_empty(&self) -> bool {
        self.progress.done == 0
    }

    pub(super) fn end(&mut self) {
        self.progress.clear();
    }
}

/// How far the rows are, on a terminal.
struct Progress {
    is_on: bool,
    shown: Instant,
    begun: Instant,
    done: u64,
    rows: u64,
}

impl Progress {
    fn row(&mut self) {
        self.done += 1;
        if self.is_on && self.shown.elapsed() >= PROGRESS {
            self.shown = Instant::now();
            self.show(&bar(self.done, self.rows, self.begun.elapsed()));
        }
    }

    /// Makes place for a line of the report.
    fn clear(&mut self) {
        if self.is_on && self.done > 0 {
            self.show("\r\u{1b}[K");
        }
    }

    /// A terminal that went away does not end the import.
    fn show(&mut self, text: &str) {
        let mut terminal = std::io::stderr();
        self.is_on = write!(terminal, "{text}").and_then(|()| terminal.flush()).is_ok();
    }
}

/// `[######........] 43 % of 500000 rows, 12 s left`
fn bar(done: u64, rows: u64, passed: Duration) -> String {
    /// Characters of the bar.
    const WIDTH: u64 = 30;
    let rows = rows.max(done).max(1);
    let full = usize::try_from(done * WIDTH / rows).unwrap_or_default();
    let empty = usize::try_from(WIDTH).unwrap_or_default() - full;
    let left = passed.as_secs_f64() / done.max(1) as f64 * (rows - done) as f64;
    let (full, empty) = ("#".repeat(full), ".".repeat(empty));
    format!("\r\u{1b}[K[{full}{empty}] {} % of {rows} rows, {left:.0} s left", done * 100 / rows)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_bar_is_full_at_the_end() {
        let text = |done| bar(done, 300, Duration::from_secs(10)).replace("\r\u{1b}[K", "");
        assert_eq!(text(100), "[##########....................] 33 % of 300 rows, 20 s left");
        assert_eq!(text(300), "[##############################] 100 % of 300 rows, 0 s left");
        assert!(bar(0, 0, Duration::ZERO).contains(" 0 %"), "an empty file has no rows to divide by");
    }

    #[test]
    fn rows_are_told_as_ranges() {
        assert_eq!(ranges(&[2, 3, 4, 9, 11, 12]), ["2-4", "9", "11-12"]);
        assert!(ranges(&[]).is_empty());
    }
}
