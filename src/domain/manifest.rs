//! Manifests (交接清单): what one carrier takes at one departure, what of it is on the truck, and what is missing.

use std::collections::BTreeSet;
use std::sync::Arc;

use serde::{Deserialize, Serialize};

use super::clock::Moment;
use super::gate;
use super::ids::{CarrierCode, ManifestId, OperatorId, OrderId, ParcelId, StationId, WaybillNo};
use super::order::Order;
use super::rules::recall::{Recalled, on_order};
use super::rules::{Rule, Rules, Step};
use super::verdict::{Code, Missing};
use super::view::View;
use super::work::{VoidReason, Waybill};

/// Orders and waybills that one manifest may name, and waiting waybills that are looked at for one that names none: a
/// long truck holds some 2,500 parcels.
pub const LISTED_MAX: usize = 5_000;

/// Refused waybills that a manifest remembers; older ones still stand in the ledger.
pub const FOREIGN_MAX: usize = 100;

/// Numbers in a row that may stand in for each other; a label is hardly replaced twice.
const REPLACED_MAX: usize = 20;

/// Where a manifest stands.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ManifestState {
    /// Nobody has opened it.
    Waiting,
    /// Open at this station.
    Open(StationId),
    /// Put aside; any station may open it.
    Parked,
    /// Handed over; it changes no more.
    Closed,
}

/// What is expected on a manifest.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Expects {
    /// Everything of the carrier that has its waybill and is not on a truck.
    Everything,
    /// What is named.
    Listed {
        /// With every waybill of these orders.
        orders: Vec<OrderId>,
        /// These waybills, or the numbers that replaced them.
        waybills: Vec<WaybillNo>,
    },
}

/// What one carrier takes at one departure.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Manifest {
    /// Upstream's id.
    pub id: ManifestId,
    /// waybind's own short number, for `WB:M:` codes.
    pub number: u32,
    /// Upstream's version of this object.
    pub version: Option<i64>,
    /// Who takes it.
    pub carrier: CarrierCode,
    /// When it leaves, as upstream wrote it (RFC 3339).
    pub departure: Option<String>,
    /// What is expected.
    pub expects: Expects,
    /// Where it stands.
    pub state: ManifestState,
    /// What was refused while it was open, newest last, at most [`FOREIGN_MAX`].
    pub foreign: Vec<Foreign>,
}

/// Something that was refused because it is not on the open manifest.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Foreign {
    /// The waybill; none for an order without one.
    pub waybill: Option<WaybillNo>,
    /// The first order on it.
    pub order: Option<OrderId>,
    /// Where it was scanned.
    pub station: StationId,
    /// By whom, where that is known.
    pub by: Option<OperatorId>,
    /// When.
    pub at: Moment,
}

/// How a waybill came onto a manifest.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Loading {
    /// Onto which.
    pub manifest: ManifestId,
    /// Where.
    pub station: StationId,
    /// By whom, where that is known.
    pub by: Option<OperatorId>,
    /// When.
    pub at: Moment,
}

impl Manifest {
    fn names_order(&self, order: &OrderId) -> bool {
        matches!(&self.expects, Expects::Listed { orders, .. } if orders.contains(order))
    }

    fn names_waybill(&self, number: &WaybillNo) -> bool {
        matches!(&self.expects, Expects::Listed { waybills, .. } if waybills.contains(number))
    }

    /// Whether a waybill may be loaded on it: it is the carrier's, and named where anything is named. A number that
    /// replaced a named one, itself or over others, is named too.
    #[must_use]
    pub fn takes(&self, view: &dyn View, waybill: &Waybill) -> bool {
        if waybill.carrier != self.carrier {
            return false;
        }
        if self.expects == Expects::Everything || waybill.orders.iter().any(|order| self.names_order(order)) {
            return true;
        }
        if names_it_or_its_forerunner(self, view, waybill) {
            return true;
        }
        // an order whose named waybill is void without a successor leaves under any that it has
        let named_and_void = |number: &WaybillNo| {
            self.names_waybill(number) && view.waybill(number.as_str()).is_some_and(|named| named.void.is_some())
        };
        waybill
            .orders
            .iter()
            .filter_map(|id| view.order(id.as_str()))
            .any(|order| order.waybills.iter().any(named_and_void))
    }

    /// Whether an order without a valid waybill could get one that may be loaded on it.
    #[must_use]
    pub fn takes_order(&self, order: &Order) -> bool {
        order.spec.carrier == self.carrier
            && (self.expects == Expects::Everything
                || self.names_order(order.id())
                || order.waybills.iter().any(|number| self.names_waybill(number)))
    }
}

/// Whether a waybill, or one that it replaced itself or over others, is named.
fn names_it_or_its_forerunner(manifest: &Manifest, view: &dyn View, waybill: &Waybill) -> bool {
    let mut number = Some(waybill.number.clone());
    for _ in 0..REPLACED_MAX {
        let Some(here) = number else { return false };
        if manifest.names_waybill(&here) {
            return true;
        }
        number = view.waybill(here.as_str()).and_then(|waybill| waybill.replaces.clone());
    }
    false
}

/// How a manifest's hand-over stands.
#[derive(Clone, Debug, Default)]
pub struct Tally {
    /// What is on the truck for it.
    pub loaded: Vec<Arc<Waybill>>,
    /// What is expected and not on the truck for it.
    pub missing: Vec<Absent>,
    /// What is on the truck and may no longer leave by the binding itself.
    pub stopped: Vec<Stopped>,
}

impl Tally {
    /// How many waybills, or orders without one, are expected.
    #[must_use]
    pub fn expected(&self) -> usize {
        self.loaded.len() + self.missing.len()
    }
}

/// Something that is expected and not there.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Absent {
    /// The waybill; none for an order that has no valid one.
    pub waybill: Option<WaybillNo>,
    /// The orders on it.
    pub orders: Vec<OrderId>,
}

/// Something on the truck that must come off again.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Stopped {
    /// What loading it now would answer.
    pub code: Code,
    /// The waybill.
    pub waybill: WaybillNo,
    /// The order that stops it.
    pub order: OrderId,
    /// What is open on it, where it is incomplete.
    pub missing: Vec<Missing>,
    /// The first goods on it that are on a stop-list, where that stops it.
    pub recalled: Option<Recalled>,
}

/// Counts a manifest: what is loaded, missing, and must come off. What is closed has left: nothing stops it.
#[must_use]
pub fn tally(view: &dyn View, manifest: &Manifest) -> Tally {
    let loaded: Vec<Arc<Waybill>> =
        view.waybills_on(&manifest.id).iter().filter_map(|number| view.waybill(number.as_str())).collect();
    let is_closed = manifest.state == ManifestState::Closed;
    let stopped = match is_closed {
        true => Vec::new(),
        false => loaded.iter().filter_map(|waybill| stopped(view, waybill)).collect(),
    };
    let missing = match &manifest.expects {
        Expects::Everything if is_closed => Vec::new(),
        Expects::Everything => {
            let waiting = view.waybills_waiting(&manifest.carrier);
            waiting.iter().filter_map(|number| absent(view, manifest, number)).collect()
        }
        Expects::Listed { orders, waybills } => missing_of(view, manifest, orders, waybills),
    };
    Tally { loaded, missing, stopped }
}

/// What must come off the truck, recalled goods too where that rule stops them at the dock; for each waybill the
/// refusal that comes first.
#[must_use]
pub fn to_unload(view: &dyn View, rules: &Rules, manifest: &Manifest, tally: &Tally) -> Vec<Stopped> {
    let mut all = tally.stopped.clone();
    let blocks = rules.blocks(Rule::Recall, &[Step::Load]) && manifest.state != ManifestState::Closed;
    for waybill in tally.loaded.iter().filter(|_| blocks) {
        let orders = waybill.orders.iter().filter_map(|id| view.order(id.as_str()));
        let recalled =
            orders.filter_map(|order| Some((order.id().clone(), on_order(view, &order).into_iter().next()?)));
        let Some((order, goods)) = recalled.into_iter().next() else { continue };
        let found = Stopped {
            code: Code::Recalled,
            waybill: waybill.number.clone(),
            order,
            missing: Vec::new(),
            recalled: Some(goods),
        };
        match all.iter_mut().find(|known| known.waybill == waybill.number) {
            Some(known) if known.code < Code::Recalled => {}
            Some(known) => *known = found,
            None => all.push(found),
        }
    }
    all
}

/// Whether what is on the truck may still leave: closing asks what loading asked.
fn stopped(view: &dyn View, waybill: &Waybill) -> Option<Stopped> {
    if let Some((code, order)) = gate::stopped(view, waybill) {
        return Some(Stopped { code, waybill: waybill.number.clone(), order, missing: Vec::new(), recalled: None });
    }
    let missing = gate::missing_on(view, waybill);
    let order = missing.first()?.order.clone();
    let (code, waybill) = (Code::WaybillIncomplete, waybill.number.clone());
    Some(Stopped { code, waybill, order, missing, recalled: None })
}

fn missing_of(view: &dyn View, manifest: &Manifest, orders: &[OrderId], waybills: &[WaybillNo]) -> Vec<Absent> {
    let mut missing = Vec::new();
    let mut seen: BTreeSet<WaybillNo> = BTreeSet::new();
    let mut expected: BTreeSet<OrderId> = orders.iter().cloned().collect();
    let mut look = |number: WaybillNo, missing: &mut Vec<Absent>| {
        if seen.insert(number.clone()) {
            missing.extend(absent(view, manifest, &number));
        }
    };
    for number in waybills {
        let number = current(view, number);
        let waybill = view.waybill(number.as_str());
        match waybill.filter(|waybill| waybill.void.is_some()) {
            None => look(number, &mut missing),
            // its orders still leave, under a number that is there or comes
            Some(void) => expected.extend(void.orders.iter().cloned()),
        }
    }
    for order in expected.iter().filter_map(|id| view.order(id.as_str())) {
        if order.cancelled || order.spec.carrier != manifest.carrier {
            continue;
        }
        let is_valid =
            |number: &&WaybillNo| view.waybill(number.as_str()).is_some_and(|waybill| waybill.void.is_none());
        let mut valid = order.waybills.iter().filter(is_valid).peekable();
        if valid.peek().is_none() {
            missing.push(Absent { waybill: None, orders: vec![order.id().clone()] });
        }
        for number in valid {
            look(number.clone(), &mut missing);
        }
    }
    missing
}

/// The number that holds instead of a replaced one.
fn current(view: &dyn View, number: &WaybillNo) -> WaybillNo {
    let mut number = number.clone();
    for _ in 0..REPLACED_MAX {
        match view.waybill(number.as_str()).and_then(|waybill| waybill.void.clone()) {
            Some(VoidReason::ReplacedBy(next)) => number = next,
            _ => break,
        }
    }
    number
}

/// A waybill that is not on the truck for this manifest, unless an order on it was cancelled or its boxes were emptied:
/// that is expected no more.
fn absent(view: &dyn View, manifest: &Manifest, number: &WaybillNo) -> Option<Absent> {
    let waybill = view.waybill(number.as_str())?;
    let is_here = waybill.loading.as_ref().is_some_and(|loading| loading.manifest == manifest.id);
    let is_cancelled =
        || waybill.orders.iter().any(|order| view.order(order.as_str()).is_some_and(|order| order.cancelled));
    // all that travelled under it went back to the shelf
    let holds_goods = |id: &ParcelId| view.parcel(id.as_str()).is_none_or(|parcel| !parcel.contents.is_empty());
    let is_emptied = || !waybill.parcels.is_empty() && !waybill.parcels.iter().any(holds_goods);
    let absent = || Absent { waybill: Some(number.clone()), orders: waybill.orders.clone() };
    (!is_here && !is_cancelled() && !is_emptied()).then(absent)
}
