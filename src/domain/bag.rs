//! Bags (集包袋): packed parcels of one aggregated label, moved as one; and the versions of that label.
//!
//! A bag and its label share one number. Parcels are scanned into a bag while it is open; closing it makes version 1 of
//! its label. When a member is stopped or taken out, the version is void, and once all that is left may leave, the next
//! version is made. [`before`] finds what a fact does to bags, [`due`] what time or a release brings about. Whoever
//! prints looks for [`Event::LabelMade`].

use serde::{Deserialize, Serialize};

use super::clock::{Moment, Now};
use super::consolidate::{self, Candidate, OpenGroup, PARCELS_DEFAULT, SPAN};
use super::event::Event;
use super::ids::{BagId, CarrierCode, OrderId, ParcelId, StationId};
use super::order::Order;
use super::verdict::Code;
use super::view::{Numbered, View};
use super::work::{Parcel, ParcelState};

/// Versions of a label that a bag remembers; older ones are void and still stand in the ledger.
pub const VERSIONS_MAX: usize = 20;

/// Open or unsettled bags that are looked at: some thirty a station, on a box with its 32 stations.
pub const UNSETTLED_MAX: usize = 1_000;

/// Bound parcels that a station remembers as waiting for their bag; older ones are found by their own codes.
pub const WAITING_MAX: usize = 50;

/// The template of a label unless configured otherwise.
pub const TEMPLATE_DEFAULT: &str = "aggregated-100x150";

/// Seconds after which an open bag closes, at most and unless configured otherwise: after that nothing can join it.
pub const TIMEOUT_S: u64 = SPAN.as_secs().unsigned_abs();

/// Whether parcels are scanned into bags at a station, and by what.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Bagging {
    /// There are no bags.
    #[default]
    Off,
    /// The parcel's waybill is scanned once more; where several bags are open, a parcel in the bag or the bag's tag.
    Scan,
    /// The tag of the bag is scanned.
    Tag,
}

/// How a station fills bags.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BagRules {
    /// Whether it does, and by what.
    pub bagging: Bagging,
    /// Plain texts that are tags of bags (`*` any characters, `?` one); our own place codes always are.
    pub tags: Vec<String>,
    /// Whether parcels of other stations may share a bag.
    pub across_stations: bool,
    /// Most parcels on a label.
    pub max: usize,
    /// Seconds after which an open bag closes.
    pub timeout_s: u64,
    /// The label's template.
    pub template: String,
}

impl Default for BagRules {
    fn default() -> Self {
        BagRules {
            bagging: Bagging::Off,
            tags: Vec::new(),
            across_stations: false,
            max: PARCELS_DEFAULT,
            timeout_s: TIMEOUT_S,
            template: TEMPLATE_DEFAULT.to_owned(),
        }
    }
}

/// A parcel in a bag.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Member {
    /// Its number in the bag, from 1; never given twice.
    pub number: u32,
    /// The parcel.
    pub parcel: ParcelId,
    /// Its order.
    pub order: OrderId,
    /// When it was packed.
    pub packed: Moment,
    /// When it was scanned into the bag.
    pub at: Moment,
}

/// Why a version of a label was made.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Made {
    /// The bag was full.
    Full,
    /// Nothing more could join the bag.
    Timeout,
    /// Somebody closed the bag.
    Sealed,
    /// It was asked for through the API.
    Requested,
    /// The version before was void, and all that is in the bag may leave.
    Corrected,
}

/// Why a version of a label no longer holds, or a parcel may not travel in its bag.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum VoidWhy {
    /// The order was cancelled.
    Cancelled,
    /// The order is held.
    Held,
    /// The parcel has no waybill that holds: voided, replaced, or re-addressed.
    WaybillVoid,
    /// What is in the parcel, or where it goes, is no longer what was packed.
    Changed,
    /// The parcel was taken out.
    TakenOut,
    /// Somebody voided the label.
    Requested,
}

impl VoidWhy {
    /// The code under which a scan is refused for it.
    #[must_use]
    pub fn code(self) -> Code {
        match self {
            VoidWhy::Cancelled => Code::OrderCancelled,
            VoidWhy::Held => Code::OrderHeld,
            VoidWhy::WaybillVoid => Code::WaybillVoid,
            VoidWhy::Changed => Code::WaybillIncomplete,
            VoidWhy::TakenOut | VoidWhy::Requested => Code::LabelVoid,
        }
    }
}

/// That a version of a label no longer holds.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct LabelVoid {
    /// Why.
    pub why: VoidWhy,
    /// The order for whose sake, if there is one.
    pub order: Option<OrderId>,
}

/// What one print of a label says.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct LabelVersion {
    /// Its number, from 1.
    pub version: u32,
    /// Who is on it.
    pub members: Vec<Member>,
    /// Why it was made.
    pub made: Made,
    /// When it was made.
    pub at: Moment,
    /// Why it no longer holds, if it doesn't.
    pub void: Option<LabelVoid>,
}

/// Parcels of one aggregated label, moved as one.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Bag {
    /// Its id, made here; the label's too.
    pub id: BagId,
    /// waybind's own short number, for `WB:L:` codes.
    pub number: u32,
    /// Where it was opened; its labels are printed there.
    pub station: StationId,
    /// Whether parcels of other stations may join.
    pub across_stations: bool,
    /// What hangs on it, where bags have tags.
    pub tag: Option<String>,
    /// The label's template.
    pub template: String,
    /// Most parcels in it.
    pub max: usize,
    /// Seconds after which it closes.
    pub timeout_s: u64,
    /// Who carries its parcels.
    pub carrier: CarrierCode,
    /// The carrier's branch or route.
    pub courier: Option<String>,
    /// Receiving region.
    pub region: String,
    /// When it was opened.
    pub opened: Moment,
    /// Whether parcels may still join.
    pub is_open: bool,
    /// The highest member number that was given.
    pub numbered: u32,
    /// What is in it.
    pub members: Vec<Member>,
    /// The label's versions, oldest first, at most [`VERSIONS_MAX`].
    pub versions: Vec<LabelVersion>,
}

impl Bag {
    /// The last version of its label; none while it is open.
    #[must_use]
    pub fn current(&self) -> Option<&LabelVersion> {
        self.versions.last()
    }

    /// Whether its label was made and no longer holds.
    #[must_use]
    pub fn is_void(&self) -> bool {
        self.current().is_some_and(|version| version.void.is_some())
    }

    /// Whether something is still to become of it: it is open, or a new version is due once that is possible.
    #[must_use]
    pub fn is_unsettled(&self) -> bool {
        self.is_open || (self.is_void() && !self.members.is_empty())
    }

    /// What people call it: its tag where it has one, else its id.
    #[must_use]
    pub fn name(&self) -> &str {
        self.tag.as_deref().unwrap_or(self.id.as_str())
    }

    /// What a member's code on a version of its label names, without its check: `<label>.<version>.<member>`.
    #[must_use]
    pub fn code_of(&self, version: u32, member: u32) -> String {
        format!("{}.{version}.{member}", self.number)
    }

    /// The group that decides who may join; none once it is empty.
    fn group(&self, now: Now) -> Option<OpenGroup> {
        let mut group: Option<OpenGroup> = None;
        for member in &self.members {
            let candidate = Candidate {
                order: member.order.clone(),
                parcel: Some(member.parcel.clone()),
                carrier: self.carrier.clone(),
                courier: self.courier.clone(),
                region: Some(self.region.clone()),
                ship_time: Some(member.packed.on_line(&now.at)),
                station: Some(self.station.clone()),
            };
            match &mut group {
                Some(group) => drop(group.add(&candidate)),
                None => group = OpenGroup::open(candidate, self.rules()).ok(),
            }
        }
        group
    }

    fn rules(&self) -> consolidate::Rules {
        let rules = consolidate::Rules::new(i64::try_from(self.max).unwrap_or(i64::MAX)).unwrap_or_default();
        if self.across_stations { rules.across_stations() } else { rules }
    }

    /// Whether a parcel may join.
    ///
    /// # Errors
    /// Why not.
    pub fn accepts(&self, candidate: &Candidate, now: Now) -> Result<(), consolidate::Reason> {
        self.group(now).map_or(Ok(()), |group| group.accepts(candidate))
    }

    /// The next version of its label, of the members that it has.
    #[must_use]
    pub fn made(&self, made: Made, members: Vec<Member>, at: Moment) -> Event {
        let version = self.current().map_or(1, |version| version.version.saturating_add(1));
        let version = LabelVersion { version, members, made, at, void: None };
        Event::LabelMade {
            bag: self.id.clone(),
            station: self.station.clone(),
            template: self.template.clone(),
            version: Box::new(version),
        }
    }
}

fn given(text: Option<&String>) -> Option<String> {
    text.map(|text| text.trim()).filter(|text| !text.is_empty()).map(str::to_owned)
}

/// A packed parcel as consolidation sees it.
#[must_use]
pub fn candidate(order: &Order, parcel: &Parcel, now: Now) -> Candidate {
    Candidate {
        order: order.id().clone(),
        parcel: Some(parcel.id.clone()),
        carrier: order.spec.carrier.clone(),
        courier: given(order.spec.courier.as_ref()),
        region: given(order.spec.region.as_ref()),
        ship_time: Some(parcel.sealed.unwrap_or(now.at).on_line(&now.at)),
        station: Some(parcel.station.clone()),
    }
}

/// A new bag for its first parcel; none if the parcel lacks what decides who may join it.
#[must_use]
pub fn opened(
    view: &dyn View,
    candidate: &Candidate,
    rules: &BagRules,
    station: &StationId,
    at: Moment,
) -> Option<Bag> {
    let number = view.next_number(Numbered::Bag);
    Some(Bag {
        id: BagId::new(&format!("L{number}")).expect("a letter and digits are an id"),
        number,
        station: station.clone(),
        across_stations: rules.across_stations,
        tag: None,
        template: rules.template.clone(),
        max: rules.max,
        timeout_s: rules.timeout_s,
        carrier: candidate.carrier.clone(),
        courier: candidate.courier.clone(),
        region: candidate.region.clone()?,
        opened: at,
        is_open: true,
        numbered: 0,
        members: Vec::new(),
        versions: Vec::new(),
    })
}

/// The open bags into which parcels of a station go, oldest first.
#[must_use]
pub fn open_at(view: &dyn View, station: &StationId, across_stations: bool) -> Vec<std::sync::Arc<Bag>> {
    let bags = view.unsettled_bags();
    let bags = bags.iter().filter_map(|id| view.bag(id.as_str())).filter(|bag| bag.is_open);
    bags.filter(|bag| bag.station == *station || (across_stations && bag.across_stations)).collect()
}

/// Why an order's parcels may not travel in a bag.
fn stop_of(order: &Order, bag: &Bag) -> Option<VoidWhy> {
    let elsewhere = order.spec.carrier != bag.carrier
        || given(order.spec.courier.as_ref()) != bag.courier
        || given(order.spec.region.as_ref()).as_deref() != Some(&bag.region);
    match () {
        () if order.cancelled => Some(VoidWhy::Cancelled),
        () if !order.holds.is_empty() => Some(VoidWhy::Held),
        () if order.has_put_back() || elsewhere => Some(VoidWhy::Changed),
        () => None,
    }
}

/// Why a member may not travel in its bag.
#[must_use]
pub fn objection(view: &dyn View, bag: &Bag, member: &Member) -> Option<VoidWhy> {
    let (order, parcel) = (view.order(member.order.as_str())?, view.parcel(member.parcel.as_str())?);
    stop_of(&order, bag).or_else(|| parcel.waybill.is_none().then_some(VoidWhy::WaybillVoid))
}

/// The first member that may not travel.
#[must_use]
pub fn stopped<'b>(view: &dyn View, bag: &'b Bag) -> Option<(&'b Member, VoidWhy)> {
    let stopped = bag.members.iter().filter_map(|member| Some((member, objection(view, bag, member)?)));
    stopped.min_by_key(|(_, why)| why.code())
}

fn is_loaded(view: &dyn View, member: &Member) -> bool {
    view.parcel(member.parcel.as_str()).is_some_and(|parcel| parcel.state == ParcelState::Loaded)
}

/// Takes parcels out of their bag: the label's version is void, and an emptied bag is no more.
#[must_use]
pub fn taken_out(bag: &Bag, parcels: &[ParcelId], station: &StationId) -> Vec<Event> {
    let out = |member: &&Member| parcels.contains(&member.parcel);
    let mut events = Vec::new();
    if let (Some(version), Some(first)) = (bag.current(), bag.members.iter().find(out))
        && version.void.is_none()
    {
        events.push(voided(bag, VoidWhy::TakenOut, Some(first.order.clone())));
    }
    events.extend(bag.members.iter().filter(out).map(|member| Event::Unbagged {
        bag: bag.id.clone(),
        parcel: member.parcel.clone(),
        order: member.order.clone(),
        station: station.clone(),
    }));
    if bag.members.iter().all(|member| parcels.contains(&member.parcel)) {
        events.push(Event::BagDissolved { bag: bag.id.clone(), station: bag.station.clone() });
    }
    events
}

/// The label's current version no longer holds.
fn voided(bag: &Bag, why: VoidWhy, order: Option<OrderId>) -> Event {
    let version = bag.current().map_or(0, |version| version.version);
    Event::LabelVoided { bag: bag.id.clone(), version, void: LabelVoid { why, order } }
}

/// The next version for what stays after parcels were taken out, if all of that may leave.
#[must_use]
pub fn corrected(view: &dyn View, bag: &Bag, without: &[ParcelId], at: Moment) -> Option<Event> {
    let left: Vec<Member> = bag.members.iter().filter(|member| !without.contains(&member.parcel)).cloned().collect();
    let fine = left.iter().all(|member| objection(view, bag, member).is_none() && !is_loaded(view, member));
    (!bag.is_open && !left.is_empty() && fine).then(|| bag.made(Made::Corrected, left, at))
}

/// What time, a release or a new waybill brings about: bags that close, and labels that are made anew.
#[must_use]
pub fn due(view: &dyn View, now: Now) -> Vec<Event> {
    let mut events = Vec::new();
    for bag in view.unsettled_bags().iter().filter_map(|id| view.bag(id.as_str())) {
        if stopped(view, &bag).is_some() {
            continue;
        }
        let Some(group) = bag.group(now) else { continue };
        if !bag.is_open {
            events.extend(corrected(view, &bag, &[], now.at));
        } else if group.is_full() {
            events.push(bag.made(Made::Full, bag.members.clone(), now.at));
        } else {
            let limit_ms = bag.timeout_s.saturating_mul(1_000);
            // after a restart of the machine nobody knows how long it was open: it is closed, and the next one opened
            let lapsed = now.at.millis_since(&bag.opened).is_none_or(|open_ms| open_ms >= limit_ms);
            if lapsed || group.closes_at() <= now.at.wall {
                events.push(bag.made(Made::Timeout, bag.members.clone(), now.at));
            }
        }
    }
    events
}

/// The facts with what each of them does to bags before it: labels are void before what is on them changes, and a parcel
/// leaves its bag before it is opened, or leaves alone.
#[must_use]
pub fn before(view: &dyn View, events: Vec<Event>) -> Vec<Event> {
    let mut after: std::collections::BTreeMap<OrderId, Order> = std::collections::BTreeMap::new();
    let mut seen = Seen::of(&events);
    let mut all = Vec::with_capacity(events.len());
    for event in events {
        match &event {
            Event::ParcelReopened { parcel, station, .. } => all.extend(seen.leaves(view, parcel, station)),
            Event::WaybillLoaded { parcels, .. } => {
                for parcel in parcels.iter().filter_map(|id| view.parcel(id.as_str())) {
                    let open = parcel.bag.as_ref().and_then(|id| view.bag(id.as_str())).is_some_and(|bag| bag.is_open);
                    if open {
                        all.extend(seen.leaves(view, &parcel.id, &parcel.station));
                    }
                }
            }
            Event::WaybillVoided { waybill, .. } => {
                let parcels = view.waybill(waybill.as_str()).map(|waybill| waybill.parcels.clone()).unwrap_or_default();
                for parcel in &parcels {
                    all.extend(seen.voids(view, parcel, |_| Some(VoidWhy::WaybillVoid)));
                }
            }
            _ => {
                let known = event.order().and_then(|id| view.order(id.as_str()));
                if let Some(known) = known.filter(|known| !known.parcels.is_empty()) {
                    let order = after.entry(known.id().clone()).or_insert_with(|| (*known).clone());
                    if order.foresee(&event) {
                        for parcel in &known.parcels {
                            all.extend(seen.voids(view, parcel, |bag| stop_of(order, bag)));
                        }
                    }
                }
            }
        }
        all.push(event);
    }
    all
}

/// Bags that these facts touched already.
struct Seen {
    voided: Vec<BagId>,
    out: Vec<ParcelId>,
}

impl Seen {
    fn of(events: &[Event]) -> Self {
        let voided = events.iter().filter_map(|event| match event {
            Event::LabelVoided { bag, .. } => Some(bag.clone()),
            _ => None,
        });
        let out = events.iter().filter_map(|event| match event {
            Event::Unbagged { parcel, .. } => Some(parcel.clone()),
            _ => None,
        });
        Seen { voided: voided.collect(), out: out.collect() }
    }

    fn bag_of(&self, view: &dyn View, parcel: &ParcelId) -> Option<std::sync::Arc<Bag>> {
        let parcel = view.parcel(parcel.as_str()).filter(|parcel| !self.out.contains(&parcel.id))?;
        view.bag(parcel.bag.as_ref()?.as_str())
    }

    fn voids(
        &mut self,
        view: &dyn View,
        parcel: &ParcelId,
        why: impl FnOnce(&Bag) -> Option<VoidWhy>,
    ) -> Option<Event> {
        let bag = self.bag_of(view, parcel)?;
        let valid = bag.current().is_some_and(|version| version.void.is_none()) && !self.voided.contains(&bag.id);
        let why = why(&bag).filter(|_| valid)?;
        self.voided.push(bag.id.clone());
        let order = bag.members.iter().find(|member| member.parcel == *parcel).map(|member| member.order.clone());
        Some(voided(&bag, why, order))
    }

    fn leaves(&mut self, view: &dyn View, parcel: &ParcelId, station: &StationId) -> Vec<Event> {
        let Some(bag) = self.bag_of(view, parcel) else { return Vec::new() };
        let mut events: Vec<Event> = self.voids(view, parcel, |_| Some(VoidWhy::TakenOut)).into_iter().collect();
        self.out.push(parcel.clone());
        let gone: Vec<ParcelId> = self.out.clone();
        let left = taken_out(&bag, &gone, station);
        events.extend(left.into_iter().filter(|event| match event {
            Event::Unbagged { parcel: other, .. } => other == parcel,
            Event::BagDissolved { .. } => true,
            _ => false,
        }));
        events
    }
}
