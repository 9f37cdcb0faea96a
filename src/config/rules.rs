//! Interceptions in the configuration: how loud each rule is, and at which steps.

use std::collections::HashSet;

use toml::de::DeTable;

use super::Config;
use super::file::{Problem, Reader, Tables, section};
use crate::domain::rules::{BLOCKING_MAX, REVIEWS_MAX, Rule, RuleMode, RuleSetting, Rules, Step, WARNINGS_MAX};

section! {
    /// How an interception is set.
    RuleSettings {
        /// Which: address_change, credit, unpaid, unsigned_drawing, risk, refund, other, recall or gift.
        name: Option<Rule> = None;
        /// How loud it is: observe, warn or block.
        mode: RuleMode = RuleMode::Block;
        /// Where it bites: pick, pack, label, print and load, unless fewer are named.
        steps: Vec<Step> = Step::ALL.to_vec();
    }
}

impl Tables for Vec<RuleSettings> {
    type One = RuleSettings;
    fn read_one(table: &DeTable<'_>, reader: &mut Reader<'_>) -> RuleSettings {
        RuleSettings::read(table, reader)
    }
}

pub(super) fn check(rules: &[RuleSettings], reader: &mut Reader<'_>) {
    let mut seen = HashSet::new();
    let names: Vec<String> = Rule::ALL.iter().map(|rule| name_of(*rule)).collect();
    for rule in rules {
        match rule.name {
            None => reader.problem(rule.line, "a rule without a name", format!("choose from {}", names.join(", "))),
            Some(name) if !seen.insert(name) => {
                let message = format!("rule \"{}\" stands twice", name_of(name));
                reader.problem(rule.line, message, "set each rule once");
            }
            Some(_) => {}
        }
    }
}

fn name_of<T: serde::Serialize>(word: T) -> String {
    serde_json::to_value(word).ok().and_then(|name| name.as_str().map(str::to_owned)).unwrap_or_default()
}

impl Config {
    /// How the interceptions are set.
    #[must_use]
    pub fn interceptions(&self) -> Rules {
        let setting = |settings: &RuleSettings| {
            Some(RuleSetting { rule: settings.name?, mode: settings.mode, steps: settings.steps.clone() })
        };
        Rules::new(self.rule.iter().filter_map(setting).collect())
    }

    /// What may be used and should be thought over: what no printer takes; steps with more rules than people bear, unless
    /// that is wanted.
    #[must_use]
    pub fn warnings(&self) -> Vec<Problem> {
        let mut told = self.route_warnings();
        if self.crowded_rules {
            return told;
        }
        let line = self.rule.first().and_then(|rule| rule.line);
        let crowded = self.interceptions().crowded();
        let tell = |crowded: &crate::domain::rules::Crowded| Problem {
            line,
            message: format!(
                "at {} there are {} blocking rules, {} warnings and {} manual reviews; people bear {BLOCKING_MAX}, {WARNINGS_MAX} and {REVIEWS_MAX}",
                name_of(crowded.step),
                crowded.blocking,
                crowded.warnings,
                crowded.reviews
            ),
            hint: "set some to observe or to fewer steps, or write crowded_rules = true".into(),
        };
        told.extend(crowded.iter().map(tell));
        told
    }
}
