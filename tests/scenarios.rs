//! Plays every scenario of `fixtures/scenarios/` on a warehouse in memory: each line's verdict must be the expected
//! one, every invariant holds after every fact, and folding the facts gives the same state.

#![allow(missing_docs, clippy::unwrap_used, reason = "a test")]

mod support;

use support::scenario::{Action, expand, field, files, parse};
use support::warehouse::Warehouse;
use waybind::domain::ids::OperatorId;
use waybind::domain::rules::Rules;
use waybind::domain::scan::Retyped;
use waybind::domain::upstream::Outcome;

#[test]
fn every_scenario_plays_as_written() {
    let mut scans = 0;
    let mut failures = Vec::new();
    for file in files() {
        let mut warehouse = Warehouse::default();
        let mut rules = Vec::new();
        for step in parse(&file) {
            match step.action {
                Action::Station(rules) => warehouse.add_station(rules),
                Action::Say(thing, expected) => {
                    let outcome = warehouse.say(*thing);
                    check(&step.place, &outcome, expected, &mut failures);
                }
                Action::Act(order, action, expected) => {
                    let outcome = warehouse.act(&order, action);
                    check(&step.place, &outcome, expected, &mut failures);
                }
                Action::Void(number) => drop(warehouse.void(&number)),
                Action::GiveBack(number, expected) => {
                    let outcome = warehouse.give_back(&number);
                    check(&step.place, &outcome, expected, &mut failures);
                }
                Action::Rule(setting) => {
                    rules.push(setting);
                    warehouse.site.rules = Rules::new(rules.clone());
                }
                Action::Pin(station, is_right, expected) => {
                    let got = warehouse.pin(&station, is_right);
                    if Some(&got) != expected.as_ref() {
                        failures.push(format!("{}\n    {got}", step.place));
                    }
                }
                Action::Printer(rules) => warehouse.site.printers.push(rules),
                Action::Job(id, expect) => job(&warehouse, &step.place, &id, expect, &mut failures),
                Action::Spool(id, to, refused) => {
                    if warehouse.spool(&id, to) == refused {
                        failures.push(format!("{}\n    refused is {}", step.place, !refused));
                    }
                }
                Action::Resolve(number, how, expected) => {
                    let got = warehouse.resolve(number, how);
                    if got.is_err() != expected.is_some() {
                        failures.push(format!("{}\n    {got:?}", step.place));
                    }
                }
                Action::Wait(span) => warehouse.clock_ms += span,
                Action::Scan { station, data, code, expect, twist } => {
                    scans += 1;
                    let data = expand(&data, &warehouse.site.key, &warehouse.state);
                    let id = twist
                        .iter()
                        .find(|(key, _)| key == "id")
                        .map_or_else(|| format!("auto-{scans}"), |(_, id)| id.clone());
                    let verdict = warehouse.scan_with(&id, &station, &data, |mut scan| {
                        for (key, value) in &twist {
                            match key.as_str() {
                                "broken" => scan.broken = Some(value.clone()),
                                "bounced" => scan.bounced = true,
                                "de" | "fr" => {
                                    scan.retyped.push(Retyped { layout: key.clone(), text: value.clone() });
                                }
                                "operator" => scan.operator = OperatorId::new(value).ok(),
                                _ => {}
                            }
                        }
                        scan
                    });
                    if verdict.code.as_str() != code {
                        failures.push(format!("{}\n    got {} {verdict:?}", step.place, verdict.code.as_str()));
                    }
                    for (name, expected) in expect {
                        let got = field(&verdict, &name);
                        if got.replace('_', " ") != expected {
                            failures.push(format!("{}\n    {name} is {got}", step.place));
                        }
                    }
                }
            }
        }
        warehouse.check_fold();
    }
    assert!(failures.is_empty(), "{}", failures.join("\n"));
    assert!(scans > 150, "only {scans} scans were played");
}

fn job(
    warehouse: &Warehouse,
    place: &str,
    id: &str,
    expect: Option<Vec<(String, String)>>,
    failures: &mut Vec<String>,
) {
    let found = warehouse.state.print_jobs.get(id);
    let (Some(job), Some(expect)) = (found, &expect) else {
        if found.is_some() != expect.is_some() {
            failures.push(format!("{place}\n    {found:?}"));
        }
        return;
    };
    for (name, expected) in expect {
        let got = match name.as_str() {
            "state" => job.state.name().to_owned(),
            "printer" => job.printer.to_string(),
            "what" => job.what.name(),
            "copy" => job.copy.to_string(),
            "reason" => job.reason.clone().unwrap_or_default(),
            "by" => job.by.as_ref().map(ToString::to_string).unwrap_or_default(),
            _ => panic!("{place}: a job has no {name}"),
        };
        if got != *expected {
            failures.push(format!("{place}\n    {name} is {got}"));
        }
    }
}

fn check(place: &str, outcome: &Outcome, expected: Option<String>, failures: &mut Vec<String>) {
    let got = match outcome {
        Outcome::Created(_) => "created".to_owned(),
        Outcome::Updated(_) => "updated".to_owned(),
        Outcome::Unchanged => "unchanged".to_owned(),
        Outcome::Refused(reason) | Outcome::Disputed(reason, _) => format!("refused: {reason}"),
    };
    let fits = match &expected {
        None => !got.starts_with("refused"),
        Some(expected) => got.starts_with(expected.as_str()),
    };
    if !fits {
        failures.push(format!("{place}\n    {got}"));
    }
}
