//! A verdict in the making, with its facts.

use crate::barcode::codes::without_secret;
use crate::domain::event::{Event, Memory};
use crate::domain::ids::{OrderId, PickListId, ScanId, StationId};
use crate::domain::order::{Order, OrderLine};
use crate::domain::rules::recall::Recalled;
use crate::domain::verdict::{BagNote, Code, Counts, Facts, Missing, Verdict, Why};

/// Longest scanned text that a verdict repeats, in characters.
const TEXT_MAX: usize = 200;

/// A verdict without scan id, and the facts that go with it.
pub(super) struct Draft {
    code: Code,
    why: Option<Why>,
    expected: Facts,
    got: Facts,
    order: Option<OrderId>,
    pick_list: Option<PickListId>,
    line: Option<u32>,
    slot: Option<String>,
    counts: Option<Counts>,
    bag: Option<Box<BagNote>>,
    missing: Vec<Missing>,
    candidates: Vec<String>,
    events: Vec<Event>,
}

impl Draft {
    pub(super) fn new(code: Code) -> Self {
        Draft {
            code,
            why: None,
            expected: Facts::default(),
            got: Facts::default(),
            order: None,
            pick_list: None,
            line: None,
            slot: None,
            counts: None,
            bag: None,
            missing: Vec::new(),
            candidates: Vec::new(),
            events: Vec::new(),
        }
    }

    pub(super) fn code(&self) -> Code {
        self.code
    }

    pub(super) fn with_code(mut self, code: Code) -> Self {
        self.code = code;
        self
    }

    /// What was scanned.
    pub(super) fn facts(&self) -> &Facts {
        &self.got
    }

    /// The order that it is about.
    pub(super) fn about_order(&self) -> Option<&OrderId> {
        self.order.as_ref()
    }

    pub(super) fn why(mut self, why: Why) -> Self {
        self.why = Some(why);
        self
    }

    pub(super) fn expected(mut self, facts: Facts) -> Self {
        self.expected = facts;
        self
    }

    pub(super) fn got(mut self, facts: Facts) -> Self {
        self.got = facts;
        self
    }

    pub(super) fn got_text(mut self, text: &str) -> Self {
        let shown = without_secret(text).chars().take(TEXT_MAX).collect();
        self.got.text = Some(shown);
        self
    }

    /// Goods of an order that are on a stop-list.
    pub(super) fn recalled(mut self, order: &OrderId, recalled: &Recalled) -> Self {
        self.got.sku = Some(recalled.sku.clone());
        self.got.lot.clone_from(&recalled.lot);
        self.got.quantity = Some(recalled.quantity);
        self.line = Some(recalled.line);
        self.order(order)
    }

    pub(super) fn order(mut self, order: &OrderId) -> Self {
        self.order = Some(order.clone());
        self
    }

    pub(super) fn pick_list(mut self, list: Option<&PickListId>) -> Self {
        self.pick_list = list.cloned();
        self
    }

    /// The order that was scanned, unless another one is to blame.
    pub(super) fn own_order(mut self, order: &OrderId) -> Self {
        self.order.get_or_insert_with(|| order.clone());
        self
    }

    pub(super) fn bag(mut self, bag: BagNote) -> Self {
        self.bag = Some(Box::new(bag));
        self
    }

    /// The facts that go with it so far.
    pub(super) fn recorded(&self) -> &[Event] {
        &self.events
    }

    pub(super) fn into_events(self) -> Vec<Event> {
        self.events
    }

    pub(super) fn slot(mut self, slot: Option<&str>) -> Self {
        self.slot = slot.map(str::to_owned);
        self
    }

    /// The order's line as it stands.
    pub(super) fn line(mut self, order: &Order, line: &OrderLine) -> Self {
        self.order = Some(order.id().clone());
        self.line = Some(line.spec.line);
        self.counts = Some(Counts { picked: line.picked(), packed: line.packed(), demanded: line.demanded() });
        self
    }

    /// The same things as an earlier verdict.
    pub(super) fn about(mut self, verdict: &Verdict) -> Self {
        let Verdict { expected, got, order, pick_list, line, slot, counts, missing, .. } = verdict.clone();
        (self.expected, self.got, self.order, self.pick_list) = (expected, got, order, pick_list);
        (self.line, self.slot, self.counts, self.missing) = (line, slot, counts, missing);
        self
    }

    pub(super) fn missing(mut self, missing: Vec<Missing>) -> Self {
        self.missing = missing;
        self
    }

    pub(super) fn candidates(mut self, candidates: impl IntoIterator<Item = String>) -> Self {
        self.candidates = candidates.into_iter().collect();
        self
    }

    pub(super) fn event(mut self, event: Event) -> Self {
        self.events.push(event);
        self
    }

    pub(super) fn events(mut self, events: impl IntoIterator<Item = Event>) -> Self {
        self.events.extend(events);
        self
    }

    /// The draft with a fact that comes before its own.
    pub(super) fn first(event: Event, mut draft: Draft) -> Draft {
        draft.events.insert(0, event);
        draft
    }

    pub(super) fn remember(self, station: &StationId, memory: Memory) -> Self {
        self.event(Event::Remembered { station: station.clone(), memory })
    }

    pub(super) fn finish(self, scan_id: ScanId) -> (Verdict, Vec<Event>) {
        let verdict = Verdict {
            why: self.why,
            expected: self.expected,
            got: self.got,
            order: self.order,
            pick_list: self.pick_list,
            line: self.line,
            slot: self.slot,
            counts: self.counts,
            bag: self.bag,
            missing: self.missing,
            candidates: self.candidates,
            ..Verdict::new(scan_id, self.code)
        };
        (verdict, self.events)
    }
}
