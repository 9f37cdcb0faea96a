//! `ledger`: verify, export, stats, moving old records to archives, and accepting a loss.

use clap::Subcommand;
use hyper::{Method, StatusCode};
use serde_json::{Value, json};

use super::client::{Client, display};
use super::{Failure, existing, runtime, say};
use crate::config::Config;
use crate::ledger::{Accepted, HINT_OF_DAMAGE, LedgerError, Reader, Report, accept_damage, verify};

/// What to do with the ledger.
#[derive(Subcommand)]
pub(super) enum Action {
    /// Check the chain, its anchor, every fact and every table; exit code 1 if anything is wrong.
    Verify,
    /// Write the feed as JSON lines to standard output.
    Export {
        /// Begin after this place.
        #[arg(long, default_value_t = 0)]
        after: u64,
    },
    /// Say how much there is.
    Stats,
    /// Move old records to archives in the data folder, through the service where it runs.
    Archive {
        /// Those from before this day (YYYY-MM-DD); from before `keep_days` of the configuration, if it is not named.
        #[arg(long)]
        before: Option<jiff::civil::Date>,
        /// Only say what would be moved, and what stays and why.
        #[arg(long)]
        dry_run: bool,
    },
    /// After a loss that was understood: go on with what is there. The service must not run.
    AcceptLoss,
}

/// Facts of one read.
const CHUNK: usize = 1_000;

pub(super) fn ledger(action: &Action, config: &Config, json: bool) -> Result<(), Failure> {
    let folder = existing(config)?;
    let failed = |error: LedgerError| Failure::Failed(format!("{}; {}", display(&error), error.hint()));
    match action {
        Action::Verify => say_verified(&verify(&folder).map_err(failed)?, json),
        Action::Archive { before, dry_run } => archive(config, *before, *dry_run, json),
        Action::Export { after } => {
            let reader = Reader::open(&folder).map_err(failed)?;
            let mut cursor = *after;
            loop {
                let events = reader.events_after(cursor, CHUNK).map_err(failed)?;
                let Some(last) = events.last() else { return Ok(()) };
                cursor = last.seq;
                for event in &events {
                    say(&serde_json::to_string(event).map_err(|error| Failure::failed(&error))?)?;
                }
            }
        }
        Action::Stats => {
            let stats = Reader::open(&folder).and_then(|reader| reader.stats()).map_err(failed)?;
            let value = serde_json::to_value(stats).map_err(|error| Failure::failed(&error))?;
            if json {
                return say(&value.to_string());
            }
            value.as_object().into_iter().flatten().try_for_each(|(name, count)| say(&format!("{name:12} {count}")))
        }
        Action::AcceptLoss => {
            let _lock = folder.lock().map_err(failed)?;
            match accept_damage(&folder).map_err(failed)? {
                Some(Accepted { damage, by, last }) => {
                    super::backup::follow(&folder, &by, last)?;
                    say(&format!("accepted: {}; the box goes on as {by}", damage.what))
                }
                None => say("nothing is lost"),
            }
        }
    }
}

fn say_verified(report: &Report, json: bool) -> Result<(), Failure> {
    if json {
        say(&serde_json::to_string(report).map_err(|error| Failure::failed(&error))?)?;
    } else {
        for finding in &report.findings {
            let place = finding.seq.map(|seq| format!("record {seq}: ")).unwrap_or_default();
            say(&format!("{place}{}", finding.what))?;
        }
        let verdict = if report.is_clean() { "clean" } else { "NOT CLEAN" };
        say(&format!("{verdict}: {} records, {} facts, head {}", report.records, report.facts, report.head))?;
        say_archived(report)?;
    }
    match report.findings.len() {
        0 => Ok(()),
        findings => Err(Failure::Failed(format!("{findings} finding(s); {HINT_OF_DAMAGE}"))),
    }
}

/// Says what of a ledger was checked that left the database, and what was not.
pub(super) fn say_archived(report: &Report) -> Result<(), Failure> {
    let Some(part) = &report.archived else { return Ok(()) };
    let checked = part.checked.len();
    if part.folded {
        let through = part.through;
        return say(&format!(
            "Records 1 to {through} are in {checked} archive(s), which were read; the tables are what all facts since the first make."
        ));
    }
    let unread: Vec<&str> = part.removed.iter().chain(&part.missing).map(String::as_str).collect();
    let damaged = if part.damaged.is_empty() { "" } else { " Archives are damaged." };
    say(&format!(
        "NOT CHECKED: the tables against all facts. Of records 1 to {}, {checked} archive(s) were read, and these are not here: {}.{damaged} Checked from record {} on: the chain, the scan ids, the feed.",
        part.through,
        unread.join(", "),
        part.through + 1
    ))
}

/// Archives file after file until nothing more is due.
fn archive(config: &Config, before: Option<jiff::civil::Date>, dry_run: bool, json: bool) -> Result<(), Failure> {
    let wish = json!({"before": before, "dry_run": dry_run});
    let mut done: Vec<Value> = Vec::new();
    let last = runtime()?.block_on(async {
        let mut client = Client::connect(config).await?;
        loop {
            let (status, answer) = client.call(Method::POST, "/api/v1/ledger/archive", Some(&wish)).await?;
            if status != StatusCode::OK {
                let text = |name: &str| answer[name].as_str().unwrap_or_default().to_owned();
                return Err(Failure::Failed(format!("{}; {}", text("detail"), text("hint"))));
            }
            if answer["archive"].is_null() {
                return Ok(answer);
            }
            if !json {
                let made = &answer["archive"];
                let file = made["file"].as_str().unwrap_or_default();
                say(&format!("{file}: records {} to {}, {} bytes", made["first"], made["last"], made["bytes"]))?;
            }
            done.push(answer["archive"].clone());
            // that an archive was made is a record, too: only what one file had no room for is worth another one
            if answer["held"]["by"] != "size" {
                return Ok(answer);
            }
        }
    })?;
    if json {
        let told = json!({"archives": done, "due": last["due"], "first": last["first"], "last": last["last"], "held": last["held"], "dry_run": dry_run});
        return say(&told.to_string());
    }
    if dry_run {
        say(&match last["due"].as_u64() {
            Some(0) | None => "nothing would be archived now".to_owned(),
            Some(due) => format!("{due} records would be archived now, {} to {}", last["first"], last["last"]),
        })?;
    }
    let held = &last["held"];
    let since = held["since"].as_str().map(|since| format!(" of {since}")).unwrap_or_default();
    say(&format!("record {}{since} stays: {}", held["seq"], why(held)))
}

/// What keeps a record, in words.
fn why(held: &Value) -> String {
    let text = |name: &str| held[name].as_str().unwrap_or_default();
    match text("by") {
        "age" => "it is not old enough".into(),
        "newest" => format!("the newest {} records and the end of the feed always do", crate::ledger::KEPT_RECORDS),
        "size" => "one archive takes no more; the next one will have it".into(),
        "target" => format!("target {} was not told of it", text("name")),
        "dead_letter" => format!("target {} refused it, and the dead letter waits for a decision", text("name")),
        "escalation" => format!("ladder {} has not come to it", text("name")),
        "open" => format!("{} {} is still open", text("kind"), text("id")),
        _ => "it can't be read; run `waybind ledger verify`".into(),
    }
}
