//! Plays every scenario of `fixtures/scenarios/` on a warehouse in memory: each line's verdict must be the expected
//! one, every invariant holds after every fact, and folding the facts gives the same state.

#![allow(missing_docs, clippy::unwrap_used, reason = "a test")]

mod support;

use support::scenario::{Action, expand, field, files, parse};
use support::warehouse::Warehouse;
use waybind::domain::ids::OperatorId;
use waybind::domain::scan::Retyped;
use waybind::domain::upstream::Outcome;

#[test]
fn every_scenario_plays_as_written() {
    let mut scans = 0;
    let mut failures = Vec::new();
    for file in files() {
        let mut warehouse = Warehouse::default();
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
                Action::Courier(courier, expected) => {
                    let outcome = warehouse.courier(&courier);
                    check(&step.place, &outcome, expected, &mut failures);
                }
                Action::Pin(station, is_right, expected) => {
                    let got = warehouse.pin(&station, is_right);
                    if Some(&got) != expected.as_ref() {
                        failures.push(format!("{}\n    {got}", step.place));
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

fn check(place: &str, outcome: &Outcome, expected: Option<String>, failures: &mut Vec<String>) {
    let got = match outcome {
        Outcome::Created(_) => "created".to_owned(),
        Outcome::Updated(_) => "updated".to_owned(),
        Outcome::Unchanged => "unchanged".to_owned(),
        Outcome::Refused(reason) => format!("refused: {reason}"),
    };
    let fits = match &expected {
        None => !got.starts_with("refused"),
        Some(expected) => got.starts_with(expected.as_str()),
    };
    if !fits {
        failures.push(format!("{place}\n    {got}"));
    }
}
