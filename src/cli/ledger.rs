//! `ledger`: verify, export, stats, and accepting a loss.

use clap::Subcommand;

use super::client::display;
use super::{Failure, say};
use crate::config::Config;
use crate::ledger::{Accepted, Folder, LedgerError, Reader, accept_damage, verify};

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
    /// After a loss that was understood: go on with what is there. The service must not run.
    AcceptLoss,
}

/// Facts of one read.
const CHUNK: usize = 1_000;

pub(super) fn ledger(action: &Action, config: &Config, json: bool) -> Result<(), Failure> {
    let folder = Folder::new(&config.data);
    let failed = |error: LedgerError| Failure::Failed(format!("{}; {}", display(&error), error.hint()));
    if !folder.database().exists() {
        return Err(Failure::Failed(format!(
            "there is no ledger in {}; name the folder with --data",
            folder.path().display()
        )));
    }
    match action {
        Action::Verify => {
            let report = verify(&folder).map_err(failed)?;
            if json {
                say(&serde_json::to_string(&report).map_err(|error| Failure::failed(&error))?)?;
            } else {
                for finding in &report.findings {
                    let place = finding.seq.map(|seq| format!("record {seq}: ")).unwrap_or_default();
                    say(&format!("{place}{}", finding.what))?;
                }
                let verdict = if report.is_clean() { "clean" } else { "NOT CLEAN" };
                say(&format!("{verdict}: {} records, {} facts, head {}", report.records, report.facts, report.head))?;
            }
            if report.is_clean() {
                Ok(())
            } else {
                Err(Failure::Failed(format!("{} finding(s)", report.findings.len())))
            }
        }
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
