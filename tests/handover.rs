//! Scenarios on a real ledger, each whole in one transaction: what a look-up by a column finds must be what
//! the same transaction changed just before. The warehouse in memory says what is right.

#![allow(missing_docs, clippy::unwrap_used, reason = "a test")]

mod support;

use support::scenario::{Action, expand, files, parse};
use support::served::assert_clean;
use support::warehouse::Warehouse;
use waybind::domain::bag::{BagRules, due};
use waybind::domain::clock::Now;
use waybind::domain::decide::{Decision, Site, answer_pin, decide, fingerprint, pin_question};
use waybind::domain::event::Event;
use waybind::domain::ids::{BagId, OperatorId, OrderId, PrintJobId, PrinterId, ScanId, Sku, StationId, WaybillNo};
use waybind::domain::printing::{JobState, PrintJob, Printable};
use waybind::domain::rules::Rules;
use waybind::domain::scan::Scan;
use waybind::domain::upstream::{
    Outcome, ProductSpec, Thing, give_back_waybill, intake, make_label, order_action, void_label, void_waybill,
};
use waybind::domain::verdict::Verdict;
use waybind::domain::view::Numbered;
use waybind::ledger::{Cause, Folder, Reader, WriteTransaction, Writer};

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
            Action::Void(number) => {
                let outcome = void_waybill(transaction.view(), &WaybillNo::new(&number).unwrap());
                say(transaction, &outcome, now);
                assert_eq!(outcome, warehouse.void(&number), "{}", step.place);
            }
            Action::Label(spec, max, _) => {
                let rules = |_: &StationId| BagRules { max, ..BagRules::default() };
                let outcome = make_label(transaction.view(), &spec, rules, now);
                say(transaction, &outcome, now);
                assert_eq!(outcome, warehouse.label(&spec, max), "{}", step.place);
            }
            Action::VoidLabel(label, _) => {
                let outcome = void_label(transaction.view(), &BagId::new(&label).unwrap());
                say(transaction, &outcome, now);
                assert_eq!(outcome, warehouse.void_label(&label), "{}", step.place);
            }
            Action::Tick => {
                let events = due(transaction.view(), now);
                assert_eq!(events, due(&warehouse.state, now), "{}", step.place);
                if !events.is_empty() {
                    transaction.append(now.at, Cause::Local { what: "test".into() }, None, events);
                }
                warehouse.tick();
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
            Action::Printer(_) | Action::Job(..) | Action::Spool(..) | Action::Resolve(..) | Action::Courier(..) => {
                unreachable!("{}", step.place)
            }
        }
    }
    scans
}

fn product(sku: &str, name: &str) -> Thing {
    Thing::Product(ProductSpec {
        sku: Sku::new(sku).unwrap(),
        version: None,
        name: name.into(),
        barcodes: Vec::new(),
        part_numbers: Vec::new(),
        tracking: Vec::new(),
        revision_pattern: None,
    })
}

#[tokio::test]
async fn a_new_thing_beside_a_known_one_gets_a_number_that_nothing_has() {
    let folder = tempfile::tempdir().unwrap();
    let writer = Writer::start(&Folder::new(folder.path())).unwrap();
    let warehouse = Warehouse::default();
    let (now, terms) = (warehouse.now(), warehouse.terms());
    for things in [[product("A", ""), product("B", "")], [product("A", "changed"), product("C", "")]] {
        let take = move |transaction: &mut WriteTransaction<'_>| {
            for thing in things {
                let outcome = intake(transaction.view(), &terms, thing);
                say(transaction, &outcome, now);
            }
        };
        writer.submit(take).await.unwrap();
    }
    drop(writer);
    let reader = Reader::open(&Folder::new(folder.path())).unwrap();
    let numbers = reader
        .look(|transaction| ["A", "B", "C"].map(|sku| transaction.view().product(sku).map(|product| product.number)));
    assert_eq!(numbers.unwrap(), [Some(1), Some(2), Some(3)]);
    assert_clean(folder.path());
}

#[tokio::test]
async fn print_jobs_and_bags_count_apart() {
    let folder = tempfile::tempdir().unwrap();
    let writer = Writer::start(&Folder::new(folder.path())).unwrap();
    let warehouse = Warehouse::default();
    let now = warehouse.now();
    let numbers = writer.submit(move |transaction| {
        let job = |number| PrintJob {
            id: PrintJobId::new(&format!("J{number}")).unwrap(),
            number,
            what: Printable::Waybill { waybill: WaybillNo::new("W1").unwrap(), parcel: None },
            template: "t".into(),
            printer: PrinterId::new("P").unwrap(),
            station: None,
            order: None,
            copy: 1,
            reason: None,
            by: None,
            at: now.at,
            state: JobState::Queued,
            history: Vec::new(),
        };
        let facts = (1..4).map(|number| Event::PrintRequested { job: Box::new(job(number)) }).collect();
        transaction.append(now.at, Cause::Local { what: "test".into() }, None, facts);
        (transaction.view().next_number(Numbered::PrintJob), transaction.view().next_number(Numbered::Bag))
    });
    assert_eq!(numbers.await.unwrap(), (4, 1));
}

#[tokio::test]
async fn one_transaction_sees_what_it_changed() {
    for (name, least) in [
        ("handover.scn", 80),
        ("interceptions.scn", 150),
        ("teaching.scn", 40),
        ("rules.scn", 30),
        ("shadow.scn", 20),
        ("bags.scn", 100),
        ("bag_tags.scn", 50),
    ] {
        let folder = tempfile::tempdir().unwrap();
        let writer = Writer::start(&Folder::new(folder.path())).unwrap();
        let scans = writer.submit(move |transaction| play(name, transaction)).await.unwrap();
        assert!(scans > least, "only {scans} scans of {name} were played");
        drop(writer);
        assert_clean(folder.path());
    }
}
