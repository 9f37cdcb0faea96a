//! The shift, step by step: each is played, and what must come of it is awaited.

#![allow(clippy::print_stdout, reason = "the demo tells its story on the terminal")]

use std::collections::BTreeSet;
use std::io::IsTerminal;
use std::path::PathBuf;
use std::time::Duration;

use hyper::StatusCode;
use serde_json::{Value, json};
use tokio::sync::broadcast::Receiver;
use tokio::time::Instant;

use super::{Around, DemoError, Outcome};
use crate::barcode::codes::CodeKind;
use crate::domain::ids::{ScanId, StationId};
use crate::domain::verdict::{Severity, Verdict};
use crate::message::{Language, verdict_text};
use crate::service::Running;
use crate::sim::caller::Caller;
use crate::sim::erp::Trouble;
use crate::sim::receiver::Reply;
use crate::sim::scanner::SimScanner;
use crate::sim::story::{Bad, Change, Step, change, master_data, opening};
use crate::web::backend::Backend;

/// Between two scans, at a human pace.
const PACE: Duration = Duration::from_millis(1_400);

/// For a verdict, a label, a number; a machine that is busy with other things needs a while.
const PATIENCE: Duration = Duration::from_secs(20);

/// For what an ERP told or missed while it was down: who does not work is tried from time to time only.
const OUTAGE: Duration = Duration::from_secs(120);

/// Between two looks for what comes about by itself.
const LOOK: Duration = Duration::from_millis(30);

/// How long the ERP takes when it is slow.
const SLOW: Duration = Duration::from_millis(400);

/// Events of the feed that are read at once.
const PAGE: usize = 1_000;

/// The shift as it goes on.
pub(super) struct Shift {
    running: Running,
    scanners: Vec<(&'static str, SimScanner)>,
    updates: Receiver<StationId>,
    around: Around,
    upstream: Caller,
    /// Where documents are kept.
    pub(super) documents: PathBuf,
    /// The supervisor's badge.
    badge: String,
    fast: bool,
    pub(super) outcome: Outcome,
}

impl Shift {
    /// A shift that begins.
    pub(super) fn new(
        running: Running,
        scanners: Vec<(&'static str, SimScanner)>,
        around: Around,
        upstream: Caller,
        documents: PathBuf,
        fast: bool,
    ) -> Shift {
        let (updates, badge, outcome) = (running.core.updates(), String::new(), Outcome::default());
        Shift { running, scanners, updates, around, upstream, documents, badge, fast, outcome }
    }

    /// Brings goods and people, and gives the ERP its orders.
    pub(super) async fn bring_work(&mut self) -> Result<(), DemoError> {
        for (path, body) in master_data() {
            let answer = self.post(path, &body).await?;
            let results = answer["results"].as_array().map(Vec::as_slice).unwrap_or_default();
            if let Some(refused) = results.iter().find(|result| result["result"] == "refused") {
                return Err(DemoError::Story(refused.to_string()));
            }
            if path.ends_with("operators") {
                self.badge = results[0]["scan_code"].as_str().unwrap_or_default().to_owned();
            }
        }
        // it is asked for the first time once the story has begun
        self.around.erp.set_down(true);
        for wanted in opening() {
            self.change(wanted)?;
        }
        Ok(())
    }

    /// Plays a step.
    pub(super) async fn play(&mut self, step: &Step) -> Result<(), DemoError> {
        match step {
            Step::Say(words) => println!("\n  {words}"),
            Step::Call(path, body) => {
                println!("           upstream  {path}");
                let body = serde_json::from_str(&body.replace("{badge}", &self.badge));
                let body = body.map_err(|error| DemoError::Story(format!("{path}: {error}")))?;
                self.post(path, &body).await?;
            }
            Step::Trouble(all) => self.trouble(all),
            Step::Erp(wanted) => {
                println!("           ERP       {}", in_words(*wanted));
                self.change(*wanted)?;
            }
            Step::Asked => self.asked().await?,
            Step::Outage(is_down) => self.around.erp.set_down(*is_down),
            Step::Courier(channel, mood) => {
                let courier = self.around.couriers.iter().find(|(name, _)| name == channel);
                let (_, courier) = courier.ok_or_else(|| DemoError::Story(format!("there is no channel {channel}")))?;
                courier.turn(*mood);
            }
            Step::Numbered(order, channel) => self.numbered(order, channel).await?,
            Step::Pending(order) => {
                let found = self.order(order, |order| order["numbering"]["pending"].is_object()).await?;
                let tried = found["numbering"]["pending"]["tried"].as_array().map(Vec::as_slice).unwrap_or_default();
                let said = tried.iter().map(|tried| format!("{}: {}", text(&tried["channel"]), text(&tried["why"])));
                println!("           courier   {order}: waybill pending · {}", said.collect::<Vec<_>>().join(" · "));
            }
            Step::Late(order) => {
                let found = self.order(order, |order| order["numbering"]["conflicts"][0].is_object()).await?;
                let conflict = &found["numbering"]["conflicts"][0];
                let (came, from, holds) = (text(&conflict["came"]), text(&conflict["from"]), text(&conflict["holds"]));
                println!("           courier   {order}: {came} of {from} came late, {holds} holds");
            }
            Step::Keep(path, name) => self.keep(path, name).await?,
            Step::Printed(count) => self.printed(*count).await?,
            Step::Scan(station, data, expected) => {
                if !self.fast {
                    tokio::time::sleep(PACE).await;
                }
                let data = self.spelled(data).await?;
                self.scan(station, &data, expected).await?;
            }
        }
        Ok(())
    }

    /// Stops the service.
    pub(super) async fn stop(self) {
        self.running.stop().await;
    }

    /// What was awaited did not come about.
    fn missed(&mut self, what: &str) {
        println!("           expected  {what}");
        self.outcome.unexpected += 1;
    }

    fn change(&self, wanted: Change) -> Result<(), DemoError> {
        let found = change(&self.around.erp, wanted);
        if found { Ok(()) } else { Err(DemoError::Story(format!("the ERP does not know what {wanted:?} is about"))) }
    }

    fn trouble(&self, all: &[Bad]) {
        let troubles = all.iter().map(|bad| match bad {
            Bad::Fails => Trouble::Reply(Reply::Status(500, "{\"msg\":\"busy\"}".into())),
            Bad::Slow => Trouble::Slow(SLOW),
            Bad::Twice => Trouble::Twice,
            Bad::Backwards => Trouble::Backwards,
            Bad::BreaksOff => Trouble::Middle,
        });
        self.around.erp.trouble(troubles);
        self.around.erp.set_down(false);
        println!("           ERP       {all:?}");
    }

    /// Waits until all that the ERP has was asked for and taken.
    async fn asked(&mut self) -> Result<(), DemoError> {
        let last = self.around.erp.last().to_string();
        let until = Instant::now() + OUTAGE;
        loop {
            self.post("/api/v1/sources/erp/retry", &json!({})).await?;
            let sources = self.get("/api/v1/sources").await?;
            let source = &sources["sources"][0];
            let all_taken = source["cursor"] == last.as_str() && source["waiting"] == 0 && source["refused"] == 0;
            if all_taken && source["state"] == "good" {
                println!("           ERP       asked: {last} changes read, each taken once");
                return Ok(());
            }
            if Instant::now() > until {
                self.missed(&format!("change {last} of the ERP; {source}"));
                return Ok(());
            }
            tokio::time::sleep(LOOK).await;
        }
    }

    /// An order once it is as awaited; as it is, if that does not come about.
    async fn order(&mut self, id: &str, is_so: impl Fn(&Value) -> bool) -> Result<Value, DemoError> {
        let until = Instant::now() + PATIENCE;
        loop {
            let order = self.get(&format!("/api/v1/orders/{id}")).await?;
            if is_so(&order) {
                return Ok(order);
            }
            if Instant::now() > until {
                self.missed(&format!("otherwise: {order}"));
                return Ok(order);
            }
            tokio::time::sleep(LOOK).await;
        }
    }

    async fn numbered(&mut self, order: &str, channel: &str) -> Result<(), DemoError> {
        let found = self.order(order, |order| number(order).is_some()).await?;
        let story = self.get(&format!("/api/v1/orders/{order}/timeline")).await?;
        let events = story["events"].as_array().map(Vec::as_slice).unwrap_or_default();
        let assigned = events.iter().rfind(|event| event["type"] == "waybill_assigned");
        let by = assigned.map(|event| text(&event["data"]["channel"])).unwrap_or_default();
        println!("           courier   {order}: {} by {by}", number(&found).unwrap_or_default());
        if by != channel {
            self.missed(&format!("a number by {channel}"));
        }
        Ok(())
    }

    /// A code with its group separators, the site's own check, or the number that an order got.
    async fn spelled(&self, data: &str) -> Result<String, DemoError> {
        let Some((before, named)) = data.strip_suffix('}').and_then(|data| data.split_once('{')) else {
            return Ok(data.replace('␝', "\u{1d}"));
        };
        if let Some(member) = named.strip_prefix('L') {
            return Ok(self.running.core.key().code(CodeKind::LabelMember, member));
        }
        let order = self.get(&format!("/api/v1/orders/{named}")).await?;
        let number = number(&order).ok_or_else(|| DemoError::Story(format!("{named} has no number")))?;
        Ok(format!("{before}{number}"))
    }

    async fn post(&self, path: &str, body: &Value) -> Result<Value, DemoError> {
        let unanswered = |source| DemoError::Unanswered { path: path.to_owned(), source };
        match self.upstream.post(path, body).await.map_err(unanswered)? {
            (StatusCode::OK, answer) => Ok(answer),
            (status, answer) => Err(DemoError::Story(format!("{path}: {status} {answer}"))),
        }
    }

    async fn get(&self, path: &str) -> Result<Value, DemoError> {
        let unanswered = |source| DemoError::Unanswered { path: path.to_owned(), source };
        let (_, bytes) = self.upstream.get(path).await.map_err(unanswered)?;
        Ok(serde_json::from_slice(&bytes).unwrap_or_default())
    }

    /// Keeps a document of the API; one that lacks its font is told, as the demo needs none.
    async fn keep(&self, path: &str, name: &str) -> Result<(), DemoError> {
        let unanswered = |source| DemoError::Unanswered { path: path.to_owned(), source };
        let (status, bytes) = self.upstream.get(path).await.map_err(unanswered)?;
        if status != StatusCode::OK {
            println!("           {name} can't be made: {}", String::from_utf8_lossy(&bytes));
            return Ok(());
        }
        let path = self.documents.join(name);
        println!("           document  {}", path.display());
        std::fs::write(&path, bytes).map_err(|source| DemoError::Folder { path, source })
    }

    /// Waits until the printer has printed so many labels, or says that it can't: without a Chinese font no label is made.
    async fn printed(&mut self, count: usize) -> Result<(), DemoError> {
        let until = Instant::now() + PATIENCE;
        while self.around.printer.count() < count {
            let failed = self.get("/api/v1/print-jobs?state=failed").await?;
            if let Some(job) = failed["jobs"].as_array().and_then(|jobs| jobs.last()) {
                println!("           label-01  not printed: {job}");
                return Ok(());
            }
            if Instant::now() > until {
                self.missed(&format!("{count} label(s), {} printed", self.around.printer.count()));
                return Ok(());
            }
            tokio::time::sleep(LOOK).await;
        }
        println!("           label-01  {count} label(s) printed");
        Ok(())
    }

    /// Waits until the ERP has taken every event, and compares.
    pub(super) async fn settle(&mut self) -> Result<(), DemoError> {
        let wanted = self.feed().await?;
        let until = Instant::now() + OUTAGE;
        let mut missing = wanted.len();
        while missing > 0 && Instant::now() < until {
            tokio::time::sleep(LOOK).await;
            let told = self.around.erp.told();
            let told = told.iter().flat_map(|request| ids(&serde_json::from_slice(&request.body).unwrap_or_default()));
            missing = wanted.difference(&told.collect()).count();
        }
        println!("           ERP       told of {} events, {missing} missing", wanted.len() - missing);
        if missing > 0 {
            self.missed("all of them");
        }
        Ok(())
    }

    /// The ids of all events so far.
    async fn feed(&self) -> Result<BTreeSet<String>, DemoError> {
        let (mut all, mut after) = (BTreeSet::new(), 0);
        loop {
            let page = self.get(&format!("/api/v1/events?after={after}&limit={PAGE}")).await?;
            let Some(last) = page["events"].as_array().and_then(|events| events.last()) else { return Ok(all) };
            after = last["seq"].as_u64().unwrap_or(u64::MAX);
            all.extend(ids(&page["events"]));
        }
    }

    async fn scan(&mut self, station: &'static str, data: &str, expected: &str) -> Result<(), DemoError> {
        let failed = |source| DemoError::Scanner { station, source };
        let scanner = self.scanners.iter_mut().find(|(known, _)| *known == station);
        let (_, scanner) = scanner.ok_or_else(|| DemoError::Story(format!("there is no scanner at {station}")))?;
        while self.updates.try_recv().is_ok() {}
        let before = self.running.core.shown(&id(station)?).map(|shown| shown.verdict.scan_id);
        scanner.scan(data, PATIENCE).map_err(failed)?;
        let verdict = self.verdict(station, data, before.as_ref()).await?;
        self.outcome.scans += 1;
        let right = verdict.code.as_str() == expected;
        self.outcome.unexpected += usize::from(!right);
        print_verdict(station, data, &verdict, if right { None } else { Some(expected) });
        Ok(())
    }

    /// The next verdict that the station shows.
    async fn verdict(
        &mut self,
        station: &'static str,
        data: &str,
        before: Option<&ScanId>,
    ) -> Result<Verdict, DemoError> {
        let wanted = id(station)?;
        let silent = || DemoError::Silent { station, data: data.to_owned() };
        let shown = tokio::time::timeout(PATIENCE, async {
            loop {
                if let Some(shown) =
                    self.running.core.shown(&wanted).filter(|shown| Some(&shown.verdict.scan_id) != before)
                {
                    return Some(shown.verdict);
                }
                if let Err(tokio::sync::broadcast::error::RecvError::Closed) = self.updates.recv().await {
                    return None;
                }
            }
        });
        shown.await.ok().flatten().ok_or_else(silent)
    }
}

/// A change of the ERP as the story tells it.
fn in_words(change: Change) -> String {
    match change {
        Change::Made(order) => format!("makes {order}"),
        Change::Cancelled(order) => format!("cancels {order}"),
        Change::Moved(order, to) => format!("{order} goes to {to}"),
        Change::Numbers(number, order) => format!("assigns {number} to {order}"),
    }
}

/// The waybill number of an order that holds.
fn number(order: &Value) -> Option<String> {
    let waybills = order["waybills"].as_array()?;
    Some(text(&waybills.iter().find(|waybill| waybill["void"].is_null())?["number"]))
}

fn text(value: &Value) -> String {
    value.as_str().unwrap_or_default().to_owned()
}

/// The ids of events.
fn ids(events: &Value) -> BTreeSet<String> {
    let events = events.as_array().map(Vec::as_slice).unwrap_or_default();
    events.iter().filter_map(|event| event["id"].as_str().map(str::to_owned)).collect()
}

fn id(station: &str) -> Result<StationId, DemoError> {
    StationId::new(station).map_err(|error| DemoError::Story(error.to_string()))
}

fn print_verdict(station: &str, data: &str, verdict: &Verdict, expected: Option<&str>) {
    let (colour, shape) = match verdict.code.severity() {
        Severity::Ok => ("32", "✓"),
        Severity::More => ("34", "⋯"),
        Severity::Info => ("90", "i"),
        Severity::Warn => ("33", "!"),
        Severity::Stop => ("31;1", "✕"),
    };
    let text = verdict_text(verdict, Language::English);
    let visible = data.replace('\u{1d}', "␝");
    let counts = verdict
        .counts
        .filter(|_| verdict.code.is_accepted())
        .map(|counts| format!("  {}/{} picked, {} packed", counts.picked, counts.demanded, counts.packed));
    let counts = counts.unwrap_or_default();
    let code = format!("{shape} {:22}", verdict.code.as_str());
    let code = if std::io::stdout().is_terminal() { format!("\x1b[{colour}m{code}\x1b[0m") } else { code };
    println!("  {station:9} {visible:36} {code} {}{counts}", text.detail);
    if let Some(expected) = expected {
        println!("            expected {expected}");
    }
}
