//! A warehouse in memory that checks every invariant after every fact.

use std::collections::HashMap;

use super::scenario::Courier;
use jiff::Timestamp;
use waybind::barcode::codes::SiteKey;
use waybind::domain::bag::{self, BagRules};
use waybind::domain::clock::{Moment, Now};
use waybind::domain::courier::{self, Offer, Tried};
use waybind::domain::decide::{Decision, OVERRIDABLE, PinAnswer, Site, answer_pin, decide, fingerprint, pin_question};
use waybind::domain::event::Event;
use waybind::domain::ids::{BagId, CarrierCode, OrderId, PrintJobId, ScanId, StationId, WaybillNo};
use waybind::domain::memory::Memory;
use waybind::domain::printing::{Resolution, Step, Unresolved, advance, follow, resolve};
use waybind::domain::rules::Rules;
use waybind::domain::scan::Scan;
use waybind::domain::station::StationRules;
use waybind::domain::upstream::{
    ADDRESS_WINDOW_MINUTES, LabelPrint, LabelSpec, OrderAction, Outcome, Terms, Thing, give_back_waybill, intake,
    make_label, order_action, print_label, void_label, void_waybill,
};
use waybind::domain::verdict::{Code, Verdict};
use waybind::domain::view::Recorded;
use waybind::domain::{apply, invariants};

pub struct Warehouse {
    pub state: Memory,
    pub site: Site,
    pub clock_ms: u64,
    pub facts: Vec<Event>,
    scans: u32,
}

impl Default for Warehouse {
    fn default() -> Self {
        let overridable = OVERRIDABLE.iter().copied().filter(|code| *code != Code::WrongSerial).collect();
        let site = Site {
            key: SiteKey::new([1; 32]),
            stations: HashMap::new(),
            ignore: vec!["IGNORE*".into()],
            overridable,
            rules: Rules::default(),
            printers: Vec::new(),
        };
        Warehouse { state: Memory::default(), site, clock_ms: 1_000, facts: Vec::new(), scans: 0 }
    }
}

impl Warehouse {
    pub fn now(&self) -> Now {
        let wall: Timestamp = "2026-11-21T09:00:00+08:00".parse().unwrap();
        let wall = wall + jiff::SignedDuration::from_millis(self.clock_ms as i64);
        Now { at: Moment { wall, boot_ms: self.clock_ms, boot: 1 }, today: jiff::civil::date(2026, 11, 21) }
    }

    pub fn add_station(&mut self, rules: StationRules) {
        self.site.stations.insert(rules.id.clone(), rules);
    }

    pub fn record(&mut self, events: &[Event]) {
        for event in events {
            let before = self.state.clone();
            apply(event, &mut self.state).unwrap_or_else(|error| panic!("{error}\n{event:#?}"));
            let mut broken = invariants::check(&self.state);
            broken.extend(invariants::check_fact(event, &before, &self.state));
            assert!(broken.is_empty(), "{broken:#?}\nafter {event:#?}");
            self.facts.push(event.clone());
        }
    }

    pub fn scan(&mut self, station: &str, data: &str) -> Verdict {
        self.scans += 1;
        let id = format!("scan-{}", self.scans);
        self.scan_with(&id, station, data, |scan| scan)
    }

    pub fn scan_with(&mut self, id: &str, station: &str, data: &str, adjust: impl FnOnce(Scan) -> Scan) -> Verdict {
        self.clock_ms += 500;
        let scan = adjust(Scan {
            id: ScanId::new(id).unwrap(),
            station: StationId::new(station).unwrap(),
            device: None,
            operator: None,
            data: data.as_bytes().to_vec(),
            broken: None,
            bounced: false,
            retyped: Vec::new(),
        });
        match decide(&self.state, &self.site, &scan, self.now()).unwrap() {
            Decision::Repeated(verdict) => *verdict,
            Decision::Decided { verdict, events, .. } => {
                let verdict = *verdict;
                let prints = follow(&self.state, &self.site, &events, self.now().at);
                self.record(&[events, prints].concat());
                if verdict.code != Code::ScanIdConflict {
                    let recorded = Recorded { verdict: verdict.clone(), fingerprint: Some(fingerprint(&scan)) };
                    self.state.scans.insert(scan.id, recorded);
                }
                verdict
            }
        }
    }

    /// Types a PIN that the hash says is right or wrong; answers what comes of it.
    pub fn pin(&mut self, station: &str, is_right: bool) -> String {
        let station = StationId::new(station).unwrap();
        let at = self.now().at;
        let Some(question) = pin_question(&self.state, &station, at) else { return "not_asked".into() };
        let (answer, events) = answer_pin(&self.state, &station, &question, is_right, at);
        self.record(&events);
        match answer {
            PinAnswer::SignedIn(_) => "signed_in".into(),
            PinAnswer::MayOverride(_) => "may_override".into(),
            PinAnswer::Wrong(left) => format!("wrong, {left} left"),
            PinAnswer::Locked => "locked".into(),
            PinAnswer::NotAsked => "not_asked".into(),
        }
    }

    pub fn terms(&self) -> Terms {
        Terms { at: self.now().at.wall, address_window_minutes: ADDRESS_WINDOW_MINUTES }
    }

    pub fn say(&mut self, thing: Thing) -> Outcome {
        let outcome = intake(&self.state, &self.terms(), thing);
        self.follow(&outcome);
        outcome
    }

    pub fn act(&mut self, order: &str, action: OrderAction) -> Outcome {
        let outcome = order_action(&self.state, &self.terms(), &OrderId::new(order).unwrap(), action);
        self.follow(&outcome);
        outcome
    }

    pub fn void(&mut self, number: &str) -> Outcome {
        let outcome = void_waybill(&self.state, &waybind::domain::ids::WaybillNo::new(number).unwrap());
        self.record(outcome.events());
        outcome
    }

    pub fn give_back(&mut self, number: &str) -> Outcome {
        let outcome = give_back_waybill(&self.state, &waybind::domain::ids::WaybillNo::new(number).unwrap());
        self.record(outcome.events());
        outcome
    }

    fn follow(&mut self, outcome: &Outcome) {
        let prints = follow(&self.state, &self.site, outcome.events(), self.now().at);
        self.record(&[outcome.events().to_vec(), prints].concat());
    }

    /// A print job goes on; whether it could.
    pub fn spool(&mut self, job: &str, step: Step) -> bool {
        let wanted = step.name();
        let event = advance(&self.state, &PrintJobId::new(job).unwrap(), step, self.now().at);
        self.record(event.as_slice());
        event.is_some_and(|event| event.name() == wanted)
    }

    /// A person says what becomes of a print job.
    pub fn resolve(&mut self, number: u32, how: Resolution) -> Result<(), Unresolved> {
        let (_, event) = resolve(&self.state, &self.site, number, how, None, self.now().at)?;
        self.record(&[event]);
        Ok(())
    }

    pub fn label(&mut self, spec: &LabelSpec, max: usize) -> Outcome {
        let rules = |_: &StationId| BagRules { max, ..BagRules::default() };
        let outcome = make_label(&self.state, spec, rules, self.now());
        self.follow(&outcome);
        outcome
    }

    pub fn void_label(&mut self, label: &str) -> Outcome {
        let outcome = void_label(&self.state, &BagId::new(label).unwrap());
        self.record(outcome.events());
        outcome
    }

    /// A label is to be printed once more, or for the first time.
    pub fn print_label(&mut self, label: &str, again: bool) {
        let reason = again.then(|| "torn".to_owned());
        let wanted = LabelPrint { label: BagId::new(label).unwrap(), reason, station: None, by: None };
        let outcome = print_label(&self.state, &self.site, wanted, self.now());
        self.record(outcome.events());
    }

    /// What time and releases bring about.
    pub fn tick(&mut self) {
        let events = bag::due(&self.state, self.now());
        let prints = follow(&self.state, &self.site, &events, self.now().at);
        self.record(&[events, prints].concat());
    }

    pub fn courier(&mut self, courier: &Courier) -> Outcome {
        let order = |id: &str| OrderId::new(id).unwrap();
        let number = |number: &str| WaybillNo::new(number).unwrap();
        let outcome = match courier {
            Courier::Gives { order: id, number: given, channel, before } => {
                let known = waybind::domain::view::View::order(&self.state, id).unwrap();
                let carrier = known.spec.carrier.clone();
                let purpose = if *before { "before".to_owned() } else { courier::purpose(&known) };
                let offer = Offer { number: number(given), channel: channel.clone(), carrier, purpose };
                courier::assign(&self.state, &order(id), &offer)
            }
            Courier::Hands(id, channel) => courier::take_pooled(&self.state, &order(id), channel),
            Courier::Fills(channel, numbers) => {
                let numbers = numbers.iter().map(|text| number(text)).collect();
                courier::fill_pool(&self.state, channel, &CarrierCode::new("ZTO").unwrap(), numbers)
            }
            Courier::Fails(id) => {
                let tried = vec![Tried { channel: "direct".into(), why: "no answer".into() }];
                courier::give_up(&self.state, &order(id), tried, self.now().at)
            }
        };
        self.follow(&outcome);
        outcome
    }

    /// Folding the facts from the start gives the same state.
    pub fn check_fold(&self) {
        let mut folded = Memory::default();
        for event in &self.facts {
            apply(event, &mut folded).unwrap();
        }
        folded.scans.clone_from(&self.state.scans);
        assert_eq!(folded, self.state);
    }
}

/// What a station remembers, by its name.
pub trait StationByName {
    fn view_station(&self, id: &str) -> std::sync::Arc<waybind::domain::station::Station>;
}

impl StationByName for Memory {
    fn view_station(&self, id: &str) -> std::sync::Arc<waybind::domain::station::Station> {
        use waybind::domain::view::View;
        self.station(&StationId::new(id).unwrap())
    }
}
