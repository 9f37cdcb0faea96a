//! Random commands against a small reference model: what the warehouse counts must be what the model counts, every
//! invariant holds after every fact, and folding the facts gives the same state.
//!
//! `WAYBIND_LONG=1` plays 100,000 sequences, `tests/run` 2,000, plain `cargo test` 200.

#![allow(missing_docs, clippy::unwrap_used, reason = "a test")]

mod command;
#[path = "../support/mod.rs"]
mod support;

use std::collections::BTreeMap;

use command::{Command, DOCKS, ORDERS, SKUS, STATIONS, STEPS, command};
use proptest::prelude::*;
use proptest::test_runner::{Config, RngAlgorithm, TestRng, TestRunner};
use support::facts::DRAWN;
use support::scenario::{Action, Courier, expand, parse_line};
use support::warehouse::{StationByName, Warehouse};
use waybind::barcode::codes::CodeKind;
use waybind::domain::event::Event;
use waybind::domain::ids::{OperatorId, PrinterId};
use waybind::domain::memory::Memory;
use waybind::domain::order::HoldReason;
use waybind::domain::printing::{JobState, PrintTrouble, Resolution, Step as PrintStep};
use waybind::domain::rules::recall::{on_order, stop_of};
use waybind::domain::rules::{Rule, RuleMode, RuleSetting, Rules, Step};
use waybind::domain::scan::Scan;
use waybind::domain::upstream::OrderAction;
use waybind::domain::verdict::{Code, Verdict};
use waybind::domain::view::View;

/// The reference: units in hand by order and product, counted from the verdicts alone.
#[derive(Default)]
struct Model {
    picked: BTreeMap<(String, String), i64>,
    packed: BTreeMap<(String, String), i64>,
    loaded: BTreeMap<String, bool>,
    /// How often each print job went out, and how often it may have.
    sent: BTreeMap<String, (i32, i32)>,
}

struct World {
    warehouse: Warehouse,
    model: Model,
    /// Scan id, station, data, operator and code of what was scanned.
    scans: Vec<(String, String, String, String, Code)>,
    waybills: usize,
    manifests: usize,
}

impl World {
    fn new() -> World {
        let mut warehouse = Warehouse::default();
        let setup = [
            "station pick pick",
            "printer P1 takes=waybill-100x150,manifest-a4,aggregated-100x150",
            "printer P2 speaks=tspl",
            "station pack pack assigned print-waybill",
            "station bench bench print-waybill printer=P1 bag max=2",
            "station bench2 bench sign-out=600",
            "station door bench badge-pin",
            "station dock load",
            "station dock2 load",
            "operator lead lead pin=x",
            "operator boss supervisor",
            "product A barcode=6901234567892",
            "product B",
            "product C track=lot",
            "order SO-0 to=Li region=330106 : A*3; B*2",
            "order SO-1 to=Wang note=wooden_box : A*1; C*2 lot=L1",
            "order SO-2 to=Li region=330106 : B*1; A*2 sub=C",
            "waybill W0 : SO-0",
            "waybill W1 : SO-1",
            "waybill W2 : SO-2",
        ];
        for line in setup {
            match parse_line(line).unwrap() {
                Action::Station(rules) => warehouse.add_station(rules),
                Action::Printer(rules) => warehouse.site.printers.push(rules),
                Action::Say(thing, _) => drop(warehouse.say(*thing)),
                _ => unreachable!("only set-up stands here"),
            }
        }
        World { warehouse, model: Model::default(), scans: Vec::new(), waybills: ORDERS, manifests: 0 }
    }

    fn scan(&mut self, station: &str, data: &str) -> Code {
        self.scan_by("", station, data)
    }

    fn scan_by(&mut self, operator: &str, station: &str, data: &str) -> Code {
        let id = format!("m{}", self.scans.len());
        let undone = self.warehouse.state.view_station(station).counts.last().cloned();
        let (before, seen) = (self.warehouse.state.clone(), self.warehouse.facts.len());
        let verdict = self
            .warehouse
            .scan_with(&id, station, data, |scan| Scan { operator: OperatorId::new(operator).ok(), ..scan });
        self.refused_changes_nothing(&verdict, &before, seen);
        self.rules_bite(&verdict, &before, seen);
        self.scans.push((id, station.to_owned(), data.to_owned(), operator.to_owned(), verdict.code));
        let order = verdict.order.as_ref().map(ToString::to_string).unwrap_or_default();
        let sku = verdict.got.sku.as_ref().map(ToString::to_string).unwrap_or_default();
        let quantity = i64::from(verdict.got.quantity.unwrap_or(1));
        match verdict.code {
            Code::Accepted | Code::LineComplete | Code::OrderComplete | Code::ListComplete | Code::Overridden => {
                self.count(station, order.clone(), sku.clone(), quantity);
                // of a lot that was not picked a bench takes from the shelf, whatever else was picked: the verdict says so
                if sku == "C" && !matches!(station, "pick" | "pack") {
                    let counts = verdict.counts.expect("a count has counts");
                    self.model.picked.insert((order, sku), i64::from(counts.picked));
                }
            }
            Code::Undone => {
                let count = undone.expect("something was counted here");
                for part in count.parts {
                    *self.model.picked.entry((order.clone(), sku.clone())).or_default() -= i64::from(part.picked);
                    *self.model.packed.entry((order.clone(), sku.clone())).or_default() -= i64::from(part.packed);
                }
            }
            Code::PutBack => {
                let key = (order, sku);
                let picked = self.model.picked.entry(key.clone()).or_default();
                *picked -= quantity;
                let picked = *picked;
                let packed = self.model.packed.entry(key).or_default();
                *packed = (*packed).min(picked);
            }
            Code::WaybillLoaded => {
                // a label's code names its members, a waybill's itself
                let members =
                    verdict.bag.iter().flat_map(|bag| &bag.members).filter_map(|member| member.waybill.clone());
                for waybill in members.chain(verdict.got.waybill) {
                    self.model.loaded.insert(waybill.to_string(), true);
                }
            }
            Code::Unloaded if station.starts_with("dock") => {
                self.model.loaded.insert(verdict.got.waybill.unwrap().to_string(), false);
            }
            _ => {}
        }
        verdict.code
    }

    /// What is refused changes nothing but what its station and its manifest remember of it; in shadow not even that a
    /// cancellation was told.
    fn refused_changes_nothing(&self, verdict: &Verdict, before: &Memory, seen: usize) {
        if !verdict.code.is_refusal() {
            return;
        }
        let mut after = self.warehouse.state.clone();
        after.scans.clone_from(&before.scans);
        after.stations.clone_from(&before.stations);
        // whoever was away too long left before the scan
        if self.warehouse.facts[seen..].iter().any(|fact| matches!(fact, Event::SignedOut { idle: true, .. })) {
            after.operators.clone_from(&before.operators);
        }
        if !verdict.shadow {
            after.manifests.clone_from(&before.manifests);
        }
        assert!(after == *before, "{verdict:?} changed the warehouse");
        if verdict.shadow {
            for (id, station) in &before.stations {
                let after = self.warehouse.state.station(id);
                assert_eq!((&after.told_cancelled, &after.latch), (&station.told_cancelled, &station.latch));
            }
        }
    }

    /// Nothing is counted for a held order, or of stopped goods, where the rule blocks; nothing held or stopped leaves.
    fn rules_bite(&self, verdict: &Verdict, before: &Memory, seen: usize) {
        let rules = &self.warehouse.site.rules;
        for fact in &self.warehouse.facts[seen..] {
            match fact {
                Event::Counted { count, .. } => {
                    let order = before.order(count.order.as_str()).unwrap();
                    let steps = if count.parts.iter().all(|part| part.packed == 0) { Step::Pick } else { Step::Pack };
                    let held = order.holds.iter().any(|hold| rules.hold_blocks(hold, &[steps]));
                    assert!(!held, "{verdict:?} counts for a held order");
                    let stopped = stop_of(before, &count.sku, count.identity.lot.as_deref()).is_some();
                    assert!(!stopped || !rules.blocks(Rule::Recall, &[steps]), "{verdict:?} counts recalled goods");
                }
                Event::WaybillLoaded { waybill, .. } => {
                    let orders = before.waybill(waybill.as_str()).unwrap().orders.clone();
                    for order in orders.iter().map(|id| before.order(id.as_str()).unwrap()) {
                        assert!(order.holds.is_empty() && !order.cancelled && !order.awaits_address());
                        let clean = on_order(before, &order).is_empty();
                        assert!(clean || !rules.blocks(Rule::Recall, &[Step::Load]), "recalled goods leave");
                    }
                }
                _ => {}
            }
        }
    }

    fn count(&mut self, station: &str, order: String, sku: String, quantity: i64) {
        let key = (order, sku);
        let picked = self.model.picked.entry(key.clone()).or_default();
        let packed = self.model.packed.entry(key).or_default();
        match station {
            "pick" => *picked += quantity,
            "pack" => *packed += quantity,
            _ => {
                *packed += quantity;
                *picked = (*picked).max(*packed);
            }
        }
    }

    fn run(&mut self, command: &Command) {
        let order_id = |order: &usize| format!("SO-{order}");
        match command {
            Command::Open { station, order } => drop(self.scan(STATIONS[*station], &order_id(order))),
            Command::Item { station, sku } => self.item(STATIONS[*station], SKUS[*sku]),
            Command::Twice { station } => {
                self.scan(STATIONS[*station], "WB:C:QTY-2");
                self.scan(STATIONS[*station], "A");
            }
            Command::Undo { station } => drop(self.scan(STATIONS[*station], "WB:C:UNDO")),
            Command::Done { station } => drop(self.scan(STATIONS[*station], "WB:C:DONE")),
            Command::Pause { station } => drop(self.scan(STATIONS[*station], "WB:C:PAUSE")),
            Command::Seal { station } => drop(self.scan(STATIONS[*station], "WB:C:SEAL")),
            Command::Waybill { station, order } => drop(self.scan(STATIONS[*station], &format!("W{order}"))),
            Command::Load { order } => drop(self.scan("dock", &order_id(order))),
            Command::Unload { order } => {
                self.scan("dock", "WB:C:UNLOAD");
                self.scan("dock", &order_id(order));
            }
            Command::Short { station, sku } => {
                self.scan(STATIONS[*station], "WB:C:SHORT");
                self.scan(STATIONS[*station], SKUS[*sku]);
            }
            Command::Hold { order } => drop(
                self.warehouse
                    .act(&order_id(order), OrderAction::Hold { reason: HoldReason::Risk, note: None, kind: None }),
            ),
            Command::Release { order } => {
                drop(self.warehouse.act(&order_id(order), OrderAction::Release { reason: None }))
            }
            Command::Cancel { order } => {
                drop(self.warehouse.act(&order_id(order), OrderAction::Cancel { lines: None }))
            }
            Command::CancelOne { order, line } => {
                drop(self.warehouse.act(&order_id(order), OrderAction::Cancel { lines: Some(vec![(*line, 1)]) }))
            }
            Command::Readdress { order, name } => {
                let mut consignee = self.warehouse.state.order(&order_id(order)).unwrap().spec.consignee.clone();
                consignee.name = format!("N{name}");
                self.warehouse.act(&order_id(order), OrderAction::Address(consignee));
            }
            Command::Confirm { order } => {
                let badge = "BOSS0000".to_owned();
                drop(self.warehouse.act(&order_id(order), OrderAction::ConfirmAddress { badge }));
            }
            Command::Stop { sku, lot, lifted } => {
                let lots = if *lot { " lots=L1" } else { "" };
                let lifted = if *lifted { " lifted" } else { "" };
                self.say(&format!("stop R{sku} {}{lots}{lifted}", SKUS[*sku]));
            }
            Command::Take { station, order } => {
                self.scan(STATIONS[*station], "WB:C:PAUSE");
                self.scan(STATIONS[*station], "WB:C:PUTBACK");
                self.scan(STATIONS[*station], &order_id(order));
                for sku in SKUS {
                    self.item(STATIONS[*station], sku);
                }
            }
            Command::Respecify { order, quantity, other } => {
                // not a product of another line: the model counts by product
                let first = if *other { ["C", "B", "C"][*order] } else { ["A", "A", "B"][*order] };
                let rest = ["B*2", "C*2 lot=L1", "A*2 sub=C"][*order];
                let to = &self.warehouse.state.order(&order_id(order)).unwrap().spec.consignee.name.clone();
                self.say(&format!("order SO-{order} to={to} : {first}*{quantity}; {rest}"));
            }
            Command::Refund { order } => {
                let action = OrderAction::Hold { reason: HoldReason::Refund, note: None, kind: None };
                drop(self.warehouse.act(&order_id(order), action));
            }
            Command::Teach { station, sku } => {
                let code = format!("NEW-{sku}");
                for data in ["WB:C:TEACH", &code, SKUS[*sku], "{badge:boss}"] {
                    let data = expand(data, &self.warehouse.site.key, &self.warehouse.state);
                    self.scan(STATIONS[*station], &data);
                }
                // a badge signs in as well: whoever scans next here is not named
                self.scan(STATIONS[*station], "WB:C:SIGNOUT");
                self.item(STATIONS[*station], &code);
            }
            Command::Shadow { on } => {
                for rules in self.warehouse.site.stations.values_mut() {
                    rules.shadow = *on;
                }
            }
            Command::Rule { quiet } => {
                let mode = if *quiet { RuleMode::Warn } else { RuleMode::Block };
                let set = |rule, steps: &[Step]| RuleSetting { rule, mode, steps: steps.to_vec() };
                self.warehouse.site.rules =
                    Rules::new(vec![set(Rule::Risk, &[Step::Pick, Step::Pack]), set(Rule::Recall, &[Step::Pick])]);
            }
            Command::Rebind { order } => {
                self.waybills += 1;
                let line = format!("waybill V{} : SO-{order}", self.waybills);
                if let Some(Action::Say(thing, _)) = parse_line(&line) {
                    self.warehouse.say(*thing);
                }
            }
            Command::Manifest { dock } => {
                // the first is named, the others take what there is; a closed one is followed by the next
                let named = if self.manifests == 0 { " : SO-0 W1" } else { "" };
                let line = format!("manifest M{}{named}", self.manifests);
                if let Some(Action::Say(thing, _)) = parse_line(&line) {
                    self.warehouse.say(*thing);
                }
                self.scan(DOCKS[*dock], &format!("M{}", self.manifests));
            }
            Command::Leave { dock, lead } => {
                for _ in 0..2 {
                    let by = if *lead { "lead" } else { "" };
                    if self.scan_by(by, DOCKS[*dock], "WB:C:DONE") == Code::Closed {
                        self.manifests += 1;
                    }
                }
            }
            Command::PutAside { dock } => drop(self.scan(DOCKS[*dock], "WB:C:PAUSE")),
            Command::LoadAt { dock, order } => drop(self.scan(DOCKS[*dock], &order_id(order))),
            Command::Ship { dock, order } => self.pack(&order_id(order), Some(DOCKS[*dock])),
            Command::Retry { back } => self.retry(*back),
            Command::VoidLabel { label } => drop(self.warehouse.void_label(&format!("L{label}"))),
            Command::PrintLabel { label, again } => self.warehouse.print_label(&format!("L{label}"), *again),
            Command::Choose { station, other } => {
                self.scan(STATIONS[*station], if *other { "P2" } else { "P1" });
            }
            Command::OwnLabel { order, zpl } => {
                self.waybills += 1;
                let format = if *zpl { "zpl" } else { "pdf" };
                self.say(&format!("waybill V{} label={format} : SO-{order}", self.waybills));
            }
            Command::Spool { pick, step } => self.spool(*pick, *step),
            Command::PrintOut { pick, end } => {
                for step in [[0, 1, 2], [0, 3, 0], [0, 5, 5]][*end] {
                    self.spool(*pick, step);
                }
            }
            Command::Resolve { pick, how } => self.resolve(*pick, *how),
            Command::Reprint { station } => {
                self.scan(STATIONS[*station], "WB:C:REPRINT");
                self.scan(STATIONS[*station], "torn off");
            }
            Command::Unbag { order } => {
                self.scan("bench", "WB:C:UNLOAD");
                self.scan("bench", &order_id(order));
            }
            Command::BagUp { order, seal } => {
                self.pack(&order_id(order), None);
                if *seal {
                    self.scan("bench", "WB:C:SEAL");
                }
            }
            Command::CloseBag => {
                self.scan("bench", "WB:C:PAUSE");
                self.scan("bench", "WB:C:SEAL");
            }
            Command::Tick { late } => {
                self.warehouse.clock_ms += if *late { 900_000 } else { 0 };
                self.warehouse.tick();
            }
            Command::LoadLabel { label, version, member } => {
                let code = format!("{label}.{version}.{member}");
                let code = self.warehouse.site.key.code(CodeKind::LabelMember, &code);
                self.scan("dock", &code);
            }
            _ => self.upstream(command),
        }
    }

    /// Words of upstream and of supervisors.
    fn upstream(&mut self, command: &Command) {
        let order_id = |order: &usize| format!("SO-{order}");
        match command {
            Command::Decide { order, how } => {
                let how = ["ship_short", "wait", "cancel_line", "C"][*how];
                for line in 1..3 {
                    self.act(&format!("decide SO-{order}/{line} {how}"));
                }
            }
            Command::Advance { order, exchange } => {
                self.act(&format!("stage SO-{order} signed"));
                let exchange = if *exchange { " SO-X" } else { "" };
                self.act(&format!("return SO-{order}{exchange}"));
            }
            Command::GiveBack { order } => {
                self.act(&format!("address SO-{order} Moved"));
                for number in self.warehouse.state.order(&order_id(order)).unwrap().waybills.clone() {
                    self.warehouse.give_back(number.as_str());
                }
            }
            Command::Describe { sku } => {
                self.run(&Command::Teach { station: 2, sku: 0 });
                let code = if *sku == 0 { "6901234567892" } else { "NEW-0" };
                let lot = if *sku == 2 { " track=lot" } else { "" };
                self.say(&format!("product {} barcode={code}{lot}", SKUS[*sku]));
                self.say("operator lead lead pin=y");
            }
            Command::MakeLabel { order } => {
                if let Some(Action::Label(spec, max, _)) = parse_line(&format!("label {}", order_id(order))) {
                    self.warehouse.label(&spec, max);
                }
            }
            Command::EndLabel { label } => drop(self.warehouse.void_label(&format!("L{label}"))),
            _ => self.people(command),
        }
    }

    fn act(&mut self, line: &str) {
        match parse_line(line) {
            Some(Action::Act(order, action, _)) => drop(self.warehouse.act(&order, action)),
            _ => panic!("{line}: not understood"),
        }
    }

    /// Who works where, and what they let pass.
    fn people(&mut self, command: &Command) {
        let order_id = |order: &usize| format!("SO-{order}");
        let badge = |world: &World, who: &str| {
            expand(&format!("{{badge:{who}}}"), &world.warehouse.site.key, &world.warehouse.state)
        };
        match command {
            Command::Acknowledge { station } => drop(self.scan(STATIONS[*station], "WB:C:ACK")),
            Command::List { station, order, half } => {
                let (name, lines) = match half {
                    true => (format!("PL-{order}a"), format!("SO-{order}/1*1")),
                    false => (format!("PL-{order}"), order_id(order)),
                };
                self.say(&format!("list {name} : {lines}"));
                self.scan(STATIONS[*station], &name);
            }
            Command::TakeOver { station, order } => {
                for _ in 0..2 {
                    self.scan_by("lead", STATIONS[*station], &order_id(order));
                }
            }
            Command::Badge { station, out } => {
                let data = if *out { "WB:C:SIGNOUT".to_owned() } else { badge(self, "lead") };
                self.scan(STATIONS[*station], &data);
            }
            Command::Pin { right, wanted } => {
                let data = badge(self, "lead");
                self.scan("door", &data);
                self.warehouse.pin("door", *right);
                if *wanted {
                    // a wrong lot, let pass by badge and PIN
                    self.let_pass("door");
                }
            }
            Command::LetPass { station } => self.let_pass(STATIONS[*station]),
            Command::Idle => {
                self.warehouse.clock_ms += 700_000;
                self.scan("bench2", "NOTHING");
            }
            _ => self.number(command),
        }
    }

    /// A lot that its line does not want, let pass by a lead.
    fn let_pass(&mut self, station: &str) {
        let lead = expand("{badge:lead}", &self.warehouse.site.key, &self.warehouse.state);
        self.scan(station, "SO-1");
        self.scan(station, "C");
        self.scan(station, "L9");
        self.scan(station, "WB:C:OVERRIDE");
        self.scan(station, &lead);
        self.warehouse.pin(station, true);
        self.scan(station, "customer agreed");
        self.scan(station, "WB:C:PAUSE");
        self.scan(station, "WB:C:SIGNOUT");
    }

    fn say(&mut self, line: &str) {
        match parse_line(line) {
            Some(Action::Say(thing, _)) => drop(self.warehouse.say(*thing)),
            _ => panic!("{line}: not understood"),
        }
    }

    /// Waybill numbers: from channels, from the store, by hand.
    fn number(&mut self, command: &Command) {
        let order_id = |order: &usize| format!("SO-{order}");
        self.waybills += 1;
        let fresh = format!("75{:012}", self.waybills);
        match command {
            Command::Gives { order, before } => {
                let (order, channel, before) = (order_id(order), "direct".to_owned(), *before);
                self.warehouse.courier(&Courier::Gives { order, number: fresh, channel, before });
            }
            Command::Fails { order } => drop(self.warehouse.courier(&Courier::Fails(order_id(order)))),
            Command::Fills => drop(self.warehouse.courier(&Courier::Fills("store".into(), vec![fresh]))),
            Command::Hands { order } => {
                drop(self.warehouse.courier(&Courier::Hands(order_id(order), "store".into())));
            }
            Command::ByHand { station } => {
                self.scan(STATIONS[*station], &fresh);
            }
            Command::NoNumber { order } => {
                self.run(&Command::VoidAll { order: *order });
                self.run(&Command::Fails { order: *order });
                self.pack(&order_id(order), None);
                self.scan("bench", &fresh);
            }
            Command::VoidAll { order } => {
                for number in self.warehouse.state.order(&order_id(order)).unwrap().waybills.clone() {
                    self.warehouse.void(number.as_str());
                }
            }
            other => unreachable!("{other:?} is no word about numbers"),
        }
    }

    fn item(&mut self, station: &str, sku: &str) {
        if self.scan(station, sku) == Code::AwaitingLot {
            self.scan(station, "L1");
        }
    }

    /// All of an order at once, so that something gets far: packed, bound, in its bag, and loaded where it may be.
    fn pack(&mut self, order: &str, dock: Option<&str>) {
        self.scan("bench", "WB:C:PAUSE");
        self.scan("bench", order);
        for sku in SKUS.iter().flat_map(|sku| [sku; 3]) {
            self.item("bench", sku);
        }
        for waybill in self.warehouse.state.order(order).unwrap().waybills.clone() {
            self.scan("bench", waybill.as_str());
            self.scan("bench", waybill.as_str());
            if let Some(dock) = dock {
                self.scan(dock, waybill.as_str());
            }
        }
    }

    /// A print job takes any step; what comes out of the printer is counted by the sendings.
    fn spool(&mut self, pick: usize, step: usize) {
        let jobs: Vec<String> = self.warehouse.state.print_jobs.keys().map(ToString::to_string).collect();
        let Some(job) = jobs.get(pick % jobs.len().max(1)) else { return };
        let printer = PrinterId::new("P1").unwrap();
        let trouble = PrintTrouble::Interrupted;
        let steps: [PrintStep; STEPS] = [
            PrintStep::Sending(printer),
            PrintStep::Sent,
            PrintStep::Printed,
            PrintStep::Postponed,
            PrintStep::Failed(trouble.clone()),
            PrintStep::Unknown(trouble),
        ];
        let step = match self.warehouse.state.print_job(job).unwrap().state {
            _ if step < STEPS => step,
            // as it goes where nothing goes wrong
            JobState::Queued => 0,
            JobState::Sending => 1,
            _ => 2,
        };
        let counted = self.model.sent.entry(job.clone()).or_insert((0, 1));
        if self.warehouse.spool(job, steps[step].clone()) {
            match step {
                0 => counted.0 += 1,
                3 => counted.0 -= 1,
                _ => {}
            }
        }
    }

    /// A person says something of a job; saying "again" is one more that may come out.
    fn resolve(&mut self, pick: usize, how: usize) {
        let jobs: Vec<(u32, String)> =
            self.warehouse.state.print_jobs.values().map(|job| (job.number, job.id.to_string())).collect();
        let Some((number, job)) = jobs.get(pick % jobs.len().max(1)) else { return };
        let how = [Resolution::Again, Resolution::Printed, Resolution::Dropped][how];
        if self.warehouse.resolve(*number, how).is_ok() && how == Resolution::Again {
            self.model.sent.entry(job.clone()).or_insert((0, 1)).1 += 1;
        }
    }

    /// The same scan again: the first code, and nothing else.
    fn retry(&mut self, back: usize) {
        let Some((id, station, data, operator, code)) = self.scans.iter().rev().nth(back).cloned() else { return };
        let facts = self.warehouse.facts.len();
        let verdict = self
            .warehouse
            .scan_with(&id, &station, &data, |scan| Scan { operator: OperatorId::new(&operator).ok(), ..scan });
        assert_eq!((verdict.code, verdict.first_code), (Code::AlreadyRecorded, Some(code)));
        assert_eq!(self.warehouse.facts.len(), facts, "a retry records nothing");
    }

    /// The warehouse counts what the model counted from the verdicts.
    fn compare(&self) {
        for (id, order) in &self.warehouse.state.orders {
            for sku in SKUS {
                let wanted = |part: &&waybind::domain::order::Part, line: &waybind::domain::order::OrderLine| {
                    part.sku.as_str() == sku || line.spec.substitutes.iter().any(|other| other.as_str() == sku)
                };
                let picked: i64 = order
                    .lines
                    .iter()
                    .flat_map(|line| line.parts.iter().filter(|part| wanted(part, line)))
                    .map(|part| i64::from(part.picked))
                    .sum();
                // a substitute is counted on the line of what it stands in for: the sums over both must agree
                if order.lines.iter().all(|line| line.spec.substitutes.is_empty()) {
                    let key = (id.to_string(), sku.to_owned());
                    assert_eq!(picked, self.model.picked.get(&key).copied().unwrap_or(0), "{id} {sku}");
                }
            }
        }
        for (number, waybill) in &self.warehouse.state.waybills {
            assert_eq!(waybill.loaded, self.model.loaded.get(number.as_str()).copied().unwrap_or(false), "{number}");
        }
        for (job, (went, may)) in &self.model.sent {
            assert!(went <= may, "{job} went out {went} times and was asked for {may} times");
        }
        self.warehouse.check_fold();
    }
}

#[test]
fn the_warehouse_counts_what_the_model_counts() {
    let cases = match (std::env::var_os("WAYBIND_LONG"), std::env::var_os("WAYBIND_FULL")) {
        (Some(_), _) => 100_000,
        (None, Some(_)) => 2_000,
        (None, None) => 200,
    };
    let config = Config { cases, failure_persistence: None, ..Config::default() };
    let mut runner = TestRunner::new_with_rng(config, TestRng::from_seed(RngAlgorithm::ChaCha, &[42; 32]));
    let mut commands = 0_usize;
    let (counter, sent) = (std::cell::Cell::new(0_usize), std::cell::Cell::new(0_usize));
    let drawn = std::cell::RefCell::new(std::collections::BTreeSet::new());
    let kinds = std::cell::RefCell::new(std::collections::BTreeSet::new());
    runner
        .run(&prop::collection::vec(command(), 5..60), |sequence| {
            let mut world = World::new();
            for command in &sequence {
                world.run(command);
                counter.set(counter.get() + 1);
            }
            world.compare();
            sent.set(sent.get() + world.model.sent.len());
            drawn.borrow_mut().extend(world.warehouse.facts.iter().map(Event::name));
            for job in world.warehouse.state.print_jobs.values() {
                let reprint = if job.reason.is_some() { " again" } else { "" };
                kinds.borrow_mut().insert(format!("{} {}{reprint}", job.what.kind(), job.state.name()));
            }
            Ok(())
        })
        .unwrap_or_else(|error| panic!("{error}"));
    commands += counter.get();
    assert!(commands > 200 * 5, "only {commands} commands were played");
    assert!(sent.get() > 20, "only {} print jobs were moved", sent.get());
    let never: Vec<&str> = DRAWN.iter().copied().filter(|name| !drawn.borrow().contains(name)).collect();
    assert!(never.is_empty(), "never drawn: {never:?}");
    let kinds = kinds.into_inner();
    for kind in
        ["label queued", "label sent", "label failed", "label queued again", "waybill printed", "waybill unknown"]
    {
        assert!(kinds.contains(kind), "no {kind} among {kinds:?}");
    }
}
