//! Scenarios on a real ledger, each whole in one transaction: what a look-up by a column finds must be what
//! the same transaction changed just before. The warehouse in memory says what is right.

#![allow(missing_docs, clippy::unwrap_used, reason = "a test")]

mod support;

use support::scenario::{Action, expand, files, parse};
use support::served::assert_clean;
use support::warehouse::Warehouse;
use waybind::domain::clock::Now;
use waybind::domain::decide::{Decision, Site, answer_pin, decide, fingerprint, pin_question};
use waybind::domain::ids::{OperatorId, OrderId, ScanId, StationId, WaybillNo};
use waybind::domain::rules::Rules;
use waybind::domain::scan::Scan;
use waybind::domain::upstream::{Outcome, give_back_waybill, intake, order_action, void_waybill};
use waybind::domain::verdict::Verdict;
use waybind::ledger::{Cause, Folder, WriteTransaction, Writer};

fn say(transaction: &mut WriteTransaction<'_>, outcome: &Outcome, now: Now) {
    let cause = Cause::Upstream { call: "test".into(), peer: None };
    if !outcome.events().is_empty() {
        transaction.append(now.at, cause, None, outcome.events().to_vec());
    }
}

fn judge(transaction: &mut WriteTransaction<'_>, site: &Site, scan: &Scan, now: Now) -> Verdict {
    let Decision::Decided { verdict, events, .. } = decide(transaction.view(), site, scan, now).unwrap() else {
        unreachable!("every scan of this scenario has an id of its own")
    };
    let mut verdict = *verdict;
    let cause = Cause::Scan {
        scan_id: scan.id.clone(),
        station: scan.station.clone(),
        device: None,
        operator: scan.operator.clone(),
        peer: None,
        raw: data_encoding::BASE64.encode(&scan.data),
        broken: None,
        fingerprint: data_encoding::HEXLOWER.encode(&fingerprint(scan)),
    };
    transaction.append(now.at, cause, Some(&mut verdict), events);
    verdict
}

/// Plays a scenario on both; answers how many scans were compared.
fn play(name: &str, transaction: &mut WriteTransaction<'_>) -> usize {
    let mut warehouse = Warehouse::default();
    let (mut scans, mut rules) = (0, Vec::new());
    let file = files().into_iter().find(|file| file.ends_with(name)).unwrap();
    for step in parse(&file) {
        let (now, terms) = (warehouse.now(), warehouse.terms());
        match step.action {
            Action::Station(rules) => warehouse.add_station(rules),
            Action::Say(thing, _) => {
                let outcome = intake(transaction.view(), &terms, (*thing).clone());
                say(transaction, &outcome, now);
                assert_eq!(outcome, warehouse.say(*thing), "{}", step.place);
            }
            Action::Act(order, action, _) => {
                let outcome = order_action(transaction.view(), &terms, &OrderId::new(&order).unwrap(), action.clone());
                say(transaction, &outcome, now);
                assert_eq!(outcome, warehouse.act(&order, action), "{}", step.place);
            }
            Action::Wait(span) => warehouse.clock_ms += span,
            Action::Scan { station, data, twist, .. } => {
                scans += 1;
                let id = format!("h{scans}");
                let data = expand(&data, &warehouse.site.key, &warehouse.state);
                let operator = twist.iter().find(|(key, _)| key == "operator");
                let operator = operator.and_then(|(_, name)| OperatorId::new(name).ok());
                let right =
                    warehouse.scan_with(&id, &station, &data, |scan| Scan { operator: operator.clone(), ..scan });
                let scan = Scan {
                    id: ScanId::new(&id).unwrap(),
                    station: StationId::new(&station).unwrap(),
                    device: None,
                    operator,
                    data: data.into_bytes(),
                    broken: None,
                    bounced: false,
                    retyped: Vec::new(),
                };
                let verdict = judge(transaction, &warehouse.site.clone(), &scan, warehouse.now());
                assert_eq!(Verdict { seq: None, ..verdict }, right, "{}", step.place);
            }
            Action::GiveBack(number, _) => {
                let outcome = give_back_waybill(transaction.view(), &WaybillNo::new(&number).unwrap());
                say(transaction, &outcome, now);
                assert_eq!(outcome, warehouse.give_back(&number), "{}", step.place);
            }
            Action::Rule(setting) => {
                rules.push(setting);
                warehouse.site.rules = Rules::new(rules.clone());
            }
            Action::Pin(station, is_right, _) => {
                let (station, at) = (StationId::new(&station).unwrap(), now.at);
                if let Some(question) = pin_question(transaction.view(), &station, at) {
                    let (_, events) = answer_pin(transaction.view(), &station, &question, is_right, at);
                    transaction.append(at, Cause::Upstream { call: "pin".into(), peer: None }, None, events);
                }
                warehouse.pin(station.as_str(), is_right);
            }
            Action::Void(number) => {
                let outcome = void_waybill(transaction.view(), &WaybillNo::new(&number).unwrap());
                say(transaction, &outcome, now);
                assert_eq!(outcome, warehouse.void(&number), "{}", step.place);
            }
            Action::Printer(_) | Action::Job(..) | Action::Spool(..) | Action::Resolve(..) => {
                unreachable!("{}", step.place)
            }
        }
    }
    scans
}

#[tokio::test]
async fn one_transaction_sees_what_it_changed() {
    for (name, least) in
        [("handover.scn", 80), ("interceptions.scn", 150), ("teaching.scn", 40), ("rules.scn", 30), ("shadow.scn", 20)]
    {
        let folder = tempfile::tempdir().unwrap();
        let writer = Writer::start(&Folder::new(folder.path())).unwrap();
        let scans = writer.submit(move |transaction| play(name, transaction)).await.unwrap();
        assert!(scans > least, "only {scans} scans of {name} were played");
        drop(writer);
        assert_clean(folder.path());
    }
}
