//! Bags and aggregated labels in the configuration.

use serde::Deserialize;

use super::Config;
use super::file::Reader;
use crate::domain::bag::{TEMPLATE_DEFAULT, TIMEOUT_S};
use crate::domain::consolidate::{PARCELS_DEFAULT, PARCELS_MAX};
use crate::label::MaskRule;

/// What holds for every aggregated label.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct LabelSettings {
    /// The template.
    pub template: String,
    /// Most parcels on a label.
    pub max: usize,
    /// Seconds after which an open bag closes.
    pub timeout: u64,
    /// Whether parcels of several stations may share a bag.
    pub across_stations: bool,
    /// Plain texts that are tags of bags: `*` stands for any characters, `?` for one.
    pub tags: Vec<String>,
    /// What of personal data is shown, beside what every template hides.
    pub mask: Vec<MaskRule>,
}

impl Default for LabelSettings {
    fn default() -> Self {
        LabelSettings {
            template: TEMPLATE_DEFAULT.to_owned(),
            max: PARCELS_DEFAULT,
            timeout: TIMEOUT_S,
            across_stations: false,
            tags: Vec::new(),
            mask: Vec::new(),
        }
    }
}

pub(super) fn check(config: &Config, reader: &mut Reader<'_>) {
    let line = reader.table_line("labels");
    let LabelSettings { max, timeout, .. } = config.labels;
    if !(1..=PARCELS_MAX).contains(&max) {
        reader.problem(line, format!("labels: max is {max}"), format!("a label has room for 1 to {PARCELS_MAX}"));
    }
    if !(1..=TIMEOUT_S).contains(&timeout) {
        let hint = format!("1 to {TIMEOUT_S} seconds: after that nothing can join a bag");
        reader.problem(line, format!("labels: timeout is {timeout}"), hint);
    }
}
