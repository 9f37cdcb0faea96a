//! How long records are kept, in the configuration.

use serde::Deserialize;

use super::Config;
use super::file::Reader;

/// What holds for the ledger.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct LedgerSettings {
    /// Days after which records are moved from the database to an archive; 0: never.
    pub keep_days: u32,
    /// Days after which archives are deleted; 0: never.
    pub keep_archives_days: u32,
}

/// A year and a stock-taking: what customers ask about is nearly always younger.
const KEEP_DAYS: u32 = 400;

/// Fewer days are a mistake: a returned parcel alone takes longer.
const KEEP_DAYS_MIN: u32 = 7;

/// A hundred years.
const KEEP_DAYS_MAX: u32 = 36_500;

impl Default for LedgerSettings {
    fn default() -> Self {
        LedgerSettings { keep_days: KEEP_DAYS, keep_archives_days: 0 }
    }
}

pub(super) fn check(config: &Config, reader: &mut Reader<'_>) {
    let line = reader.table_line("ledger");
    let LedgerSettings { keep_days, keep_archives_days } = config.ledger;
    let hint = format!("{KEEP_DAYS_MIN} to {KEEP_DAYS_MAX} days, or 0 for ever");
    for (key, days) in [("keep_days", keep_days), ("keep_archives_days", keep_archives_days)] {
        if days != 0 && !(KEEP_DAYS_MIN..=KEEP_DAYS_MAX).contains(&days) {
            reader.problem(line, format!("ledger: {key} is {days}"), hint.clone());
        }
    }
    if keep_archives_days != 0 && keep_archives_days <= keep_days {
        let message =
            format!("ledger: archives are deleted after {keep_archives_days} days, and made after {keep_days}");
        reader.problem(line, message, "choose more days for keep_archives_days, or 0 to keep archives for ever");
    }
}
