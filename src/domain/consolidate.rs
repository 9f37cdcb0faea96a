//! Consolidation (聚合面单): which packed parcels share a bag and the one label on it, and why.
//!
//! Parcels share a bag if they go with the same courier to the same receiving region from the same station, their ship
//! times lie less than [`SPAN`] apart, and the label has room. [`OpenGroup`] is that rule, for parcels as they come;
//! [`plan`] asks it for parcels that wait. Consignees are not compared: every parcel of a bag keeps its own carrier
//! waybill, and that a waybill covers one consignee only is judged where waybills come in.

use std::borrow::Borrow;
use std::cmp::Ordering;

use jiff::{SignedDuration, Timestamp};

use super::ids::{CarrierCode, OrderId, ParcelId, StationId};

/// Parcels on one label unless configured otherwise.
pub const PARCELS_DEFAULT: usize = 3;

/// Most parcels on one label. A code of 33 modules with its quiet zone is 20.5 mm wide at four dots a module and
/// 203 dpi: twelve of them in two columns leave a label of 100 × 180 mm just enough room for its text.
pub const PARCELS_MAX: usize = 12;

/// Ship times of one group lie less than this apart, latest minus earliest.
pub const SPAN: SignedDuration = SignedDuration::from_mins(15);

/// A number of parcels that no label can bear.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("max is {0}; it must be 1 to {PARCELS_MAX}: more codes than that do not fit on a label of 100 × 180 mm")]
pub struct MaxError(
    /// The number asked for.
    pub i64,
);

/// How parcels are grouped.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Rules {
    max: usize,
    span: SignedDuration,
    across_stations: bool,
}

impl Default for Rules {
    fn default() -> Self {
        Rules { max: PARCELS_DEFAULT, span: SPAN, across_stations: false }
    }
}

impl Rules {
    /// Rules for up to `max` parcels on a label, the rest as usual.
    ///
    /// # Errors
    /// `max` is not 1 to [`PARCELS_MAX`].
    pub fn new(max: i64) -> Result<Self, MaxError> {
        let fitting = usize::try_from(max).ok().filter(|max| (1..=PARCELS_MAX).contains(max));
        Ok(Rules { max: fitting.ok_or(MaxError(max))?, ..Rules::default() })
    }

    /// Lets parcels of different stations share a bag.
    #[must_use]
    pub fn across_stations(self) -> Self {
        Rules { across_stations: true, ..self }
    }

    /// Most parcels on one label.
    #[must_use]
    pub fn max(&self) -> usize {
        self.max
    }

    /// The candidate's station, where stations matter.
    fn station<'c>(&self, candidate: &'c Candidate) -> Option<&'c StationId> {
        candidate.station.as_ref().filter(|_| !self.across_stations)
    }

    /// By courier, region and station, then by ship time; what lacks something comes last. Only equal parcels are
    /// equal, so that the order of the input never shows.
    fn compare(&self, one: &Candidate, other: &Candidate) -> Ordering {
        let lacking = |candidate: &Candidate| candidate.ready().is_err();
        lacking(one)
            .cmp(&lacking(other))
            .then_with(|| one.carrier.cmp(&other.carrier))
            .then_with(|| one.courier.cmp(&other.courier))
            .then_with(|| one.region.cmp(&other.region))
            .then_with(|| self.station(one).cmp(&self.station(other)))
            .then_with(|| one.ship_time.cmp(&other.ship_time))
            .then_with(|| one.order.cmp(&other.order))
            .then_with(|| one.parcel.cmp(&other.parcel))
            .then_with(|| one.station.cmp(&other.station))
    }
}

/// A packed parcel that waits for its bag.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Candidate {
    /// Its order; an order of several parcels stands there once for each.
    pub order: OrderId,
    /// The parcel, where it is known here.
    pub parcel: Option<ParcelId>,
    /// Who carries it.
    pub carrier: CarrierCode,
    /// The carrier's branch or route; named within the carrier.
    pub courier: Option<String>,
    /// Receiving region.
    pub region: Option<String>,
    /// When it was packed.
    pub ship_time: Option<Timestamp>,
    /// Where it was packed.
    pub station: Option<StationId>,
}

impl Candidate {
    /// Its ship time, if it may share a bag at all.
    ///
    /// # Errors
    /// What it would need for that.
    pub fn ready(&self) -> Result<Timestamp, Lack> {
        match (&self.region, self.ship_time) {
            (None, _) => Err(Lack::Region),
            (_, None) => Err(Lack::ShipTime),
            (_, Some(at)) => Ok(at),
        }
    }
}

/// What a parcel needs to share a bag.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Lack {
    /// Its receiving region.
    Region,
    /// Its ship time.
    ShipTime,
}

/// Why a parcel can't join a group.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reason {
    /// Something isn't known of it.
    Lacks(Lack),
    /// Another carrier.
    OtherCarrier,
    /// Another courier of the same carrier, or one with a courier and one without.
    OtherCourier,
    /// It goes to another region.
    OtherRegion,
    /// It was packed at another station.
    OtherStation,
    /// Its ship time would spread the group too far.
    TooFar {
        /// Latest minus earliest, with it.
        apart: SignedDuration,
        /// What it must stay below.
        limit: SignedDuration,
    },
    /// The label has no room.
    Full {
        /// Parcels on it.
        max: usize,
    },
}

/// A group that may still take parcels. Parcels may come in any order of their ship times; after one was taken out,
/// fold those that stay into a new group.
#[derive(Clone, Debug)]
pub struct OpenGroup<C = Candidate> {
    rules: Rules,
    first: C,
    earliest: Timestamp,
    latest: Timestamp,
    count: usize,
}

impl<C: Borrow<Candidate>> OpenGroup<C> {
    /// Opens a group with its first parcel.
    ///
    /// # Errors
    /// The parcel lacks what decides who may join it: it goes alone.
    pub fn open(first: C, rules: Rules) -> Result<Self, Lack> {
        let at = first.borrow().ready()?;
        Ok(OpenGroup { rules, first, earliest: at, latest: at, count: 1 })
    }

    /// Whether a parcel may join.
    ///
    /// # Errors
    /// Why not; the ship time before the room, since time is what no emptier label mends.
    pub fn accepts(&self, candidate: &Candidate) -> Result<(), Reason> {
        let at = candidate.ready().map_err(Reason::Lacks)?;
        let first = self.first.borrow();
        let (apart, limit) = (self.latest.max(at).duration_since(self.earliest.min(at)), self.rules.span);
        match () {
            () if candidate.carrier != first.carrier => Err(Reason::OtherCarrier),
            () if candidate.courier != first.courier => Err(Reason::OtherCourier),
            () if candidate.region != first.region => Err(Reason::OtherRegion),
            () if self.rules.station(candidate) != self.rules.station(first) => Err(Reason::OtherStation),
            () if apart >= limit => Err(Reason::TooFar { apart, limit }),
            () if self.is_full() => Err(Reason::Full { max: self.rules.max }),
            () => Ok(()),
        }
    }

    /// Takes a parcel.
    ///
    /// # Errors
    /// It may not join; the group is as before.
    pub fn add(&mut self, candidate: &Candidate) -> Result<(), Reason> {
        self.accepts(candidate)?;
        let at = candidate.ready().map_err(Reason::Lacks)?;
        self.earliest = self.earliest.min(at);
        self.latest = self.latest.max(at);
        self.count += 1;
        Ok(())
    }

    /// Its first parcel.
    pub fn first(&self) -> &C {
        &self.first
    }

    /// How many parcels it has.
    #[must_use]
    pub fn count(&self) -> usize {
        self.count
    }

    /// Whether the label has no more room.
    #[must_use]
    pub fn is_full(&self) -> bool {
        self.count >= self.rules.max
    }

    /// The first ship time that comes too late for it.
    #[must_use]
    pub fn closes_at(&self) -> Timestamp {
        self.earliest.checked_add(self.rules.span).unwrap_or(Timestamp::MAX)
    }
}

/// What the parcels of a group have in common.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Common<'c> {
    /// Who carries them.
    pub carrier: &'c CarrierCode,
    /// The carrier's branch or route, where it was given.
    pub courier: Option<&'c str>,
    /// Receiving region.
    pub region: &'c str,
    /// Where they were packed, unless stations don't matter or are not known.
    pub station: Option<&'c StationId>,
}

/// The group before or after another one of the same courier, region and station.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Neighbour<'c> {
    /// Its first parcel.
    pub first: &'c Candidate,
    /// Why the two are not one.
    pub reason: Reason,
}

/// Why a parcel is alone.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Alone<'c> {
    /// Something isn't known of it.
    Lacks(Lack),
    /// There is no other parcel of its courier for its region at its station.
    NoOther(Common<'c>),
    /// A label takes one parcel.
    OnePerLabel,
    /// Those before it and after it can't be joined.
    Between {
        /// The group before it.
        before: Option<Neighbour<'c>>,
        /// The group after it.
        after: Option<Neighbour<'c>>,
    },
}

/// What ended a group.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ended<'c> {
    /// The label is full.
    Full,
    /// There is no further parcel.
    NoOther,
    /// The next one comes too late.
    Later(Neighbour<'c>),
}

/// Why a group is what it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum GroupWhy<'c> {
    /// It is one parcel.
    Alone(Alone<'c>),
    /// Its parcels fit together.
    Shared {
        /// What makes them fit, beside the time.
        common: Common<'c>,
        /// How many they are.
        count: usize,
        /// Latest ship time minus earliest.
        spread: SignedDuration,
        /// Why there are no more of them.
        ended: Ended<'c>,
    },
}

/// Why a parcel is in its group.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ParcelWhy<'c> {
    /// It is alone.
    Alone(Alone<'c>),
    /// It is the earliest; why the group before did not take it.
    First {
        /// The group before, if there is one.
        before: Option<Neighbour<'c>>,
    },
    /// It fits the first.
    Joined {
        /// The first parcel of the group.
        first: &'c Candidate,
        /// How much later it was packed.
        after: SignedDuration,
    },
}

/// Parcels that share a bag, or one that is alone.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Group<'c> {
    first: &'c Candidate,
    more: Vec<&'c Candidate>,
    station: Option<&'c StationId>,
    full: bool,
    lack: Option<Lack>,
    before: Option<Neighbour<'c>>,
    after: Option<Neighbour<'c>>,
}

impl<'c> Group<'c> {
    /// The earliest parcel.
    #[must_use]
    pub fn first(&self) -> &'c Candidate {
        self.first
    }

    /// Its parcels, by ship time.
    pub fn members(&self) -> impl Iterator<Item = &'c Candidate> {
        std::iter::once(self.first).chain(self.more.iter().copied())
    }

    /// Why it is what it is.
    #[must_use]
    pub fn why(&self) -> GroupWhy<'c> {
        let Some(last) = self.more.last() else { return GroupWhy::Alone(self.alone()) };
        let ended = match self.after {
            _ if self.full => Ended::Full,
            Some(next) => Ended::Later(next),
            None => Ended::NoOther,
        };
        GroupWhy::Shared { common: self.common(), count: 1 + self.more.len(), spread: self.until(last), ended }
    }

    /// Its parcels, by ship time, each with why it is here.
    pub fn parcels(&self) -> impl Iterator<Item = (&'c Candidate, ParcelWhy<'c>)> {
        let why = if self.more.is_empty() {
            ParcelWhy::Alone(self.alone())
        } else {
            ParcelWhy::First { before: self.before }
        };
        let joined = |next: &&'c Candidate| (*next, ParcelWhy::Joined { first: self.first, after: self.until(next) });
        std::iter::once((self.first, why)).chain(self.more.iter().map(joined))
    }

    fn alone(&self) -> Alone<'c> {
        match (self.lack, self.before, self.after) {
            (Some(lack), ..) => Alone::Lacks(lack),
            (None, None, None) => Alone::NoOther(self.common()),
            _ if self.full => Alone::OnePerLabel,
            (None, before, after) => Alone::Between { before, after },
        }
    }

    fn common(&self) -> Common<'c> {
        Common {
            carrier: &self.first.carrier,
            courier: self.first.courier.as_deref(),
            region: self.first.region.as_deref().unwrap_or_default(),
            station: self.station,
        }
    }

    fn until(&self, later: &Candidate) -> SignedDuration {
        let times = later.ship_time.zip(self.first.ship_time);
        times.map_or(SignedDuration::ZERO, |(later, first)| later.duration_since(first))
    }
}

/// Groups waiting parcels: within each courier, region and station the earliest opens a group, and the next ones join
/// until the label is full or one comes too late. No other grouping needs fewer labels. The answer stands in the order
/// of carrier, courier, region, station and time, whatever the order of the input.
#[must_use]
pub fn plan<'c>(candidates: &'c [Candidate], rules: &Rules) -> Vec<Group<'c>> {
    let mut sorted: Vec<&Candidate> = candidates.iter().collect();
    sorted.sort_unstable_by(|one, other| rules.compare(one, other));
    let mut groups: Vec<Group<'c>> = Vec::new();
    let mut open: Option<OpenGroup<&'c Candidate>> = None;
    for candidate in sorted {
        let mut before = None;
        if let (Some(open), Some(group)) = (&mut open, groups.last_mut()) {
            match open.add(candidate) {
                Ok(()) => {
                    group.more.push(candidate);
                    group.full = open.is_full();
                    continue;
                }
                Err(reason @ (Reason::TooFar { .. } | Reason::Full { .. })) => {
                    before = Some(Neighbour { first: group.first, reason });
                    group.after = Some(Neighbour { first: candidate, reason });
                }
                Err(_) => {}
            }
        }
        let opened = OpenGroup::open(candidate, *rules);
        let full = opened.as_ref().is_ok_and(OpenGroup::is_full);
        let lack = opened.as_ref().err().copied();
        let station = rules.station(candidate);
        groups.push(Group { first: candidate, more: Vec::new(), station, full, lack, before, after: None });
        open = opened.ok();
    }
    groups
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parcel(order: &str, minute: i64) -> Candidate {
        Candidate {
            order: OrderId::new(order).expect("an id"),
            parcel: None,
            carrier: CarrierCode::new("ZTO").expect("an id"),
            courier: Some("HZ-3".into()),
            region: Some("330106".into()),
            ship_time: Timestamp::from_second(minute * 60).ok(),
            station: StationId::new("pack-01").ok(),
        }
    }

    fn second_later(candidate: &Candidate, seconds: i64) -> Candidate {
        let at = candidate.ship_time.map(|at| at + SignedDuration::from_secs(seconds));
        Candidate { ship_time: at, ..candidate.clone() }
    }

    #[test]
    fn a_group_is_open_for_less_than_fifteen_minutes_in_either_direction() {
        let first = parcel("A", 60);
        let mut group = OpenGroup::open(first.clone(), Rules::default()).expect("nothing is lacking");
        let limit = SPAN;
        assert_eq!(group.accepts(&second_later(&first, 899)), Ok(()));
        assert_eq!(group.accepts(&second_later(&first, -899)), Ok(()));
        assert_eq!(group.accepts(&parcel("B", 75)), Err(Reason::TooFar { apart: SPAN, limit }));
        assert_eq!(Some(group.closes_at()), parcel("B", 75).ship_time);
        assert_eq!(group.add(&parcel("C", 50)), Ok(()));
        assert_eq!(Some(group.closes_at()), parcel("B", 65).ship_time, "an earlier one closes it earlier");
        let too_far = Reason::TooFar { apart: SignedDuration::from_mins(20), limit };
        assert_eq!(group.add(&parcel("D", 70)), Err(too_far));
        assert_eq!(group.count(), 2, "a refusal adds nothing");
    }

    #[test]
    fn a_full_group_says_so_and_time_speaks_first() {
        let mut group = OpenGroup::open(parcel("A", 0), Rules::new(2).expect("room for two")).expect("complete");
        assert!(!group.is_full());
        group.add(&parcel("B", 1)).expect("room");
        assert!(group.is_full());
        assert_eq!(group.accepts(&parcel("C", 2)), Err(Reason::Full { max: 2 }));
        assert!(matches!(group.accepts(&parcel("C", 30)), Err(Reason::TooFar { .. })));
    }

    #[test]
    fn what_differs_is_named() {
        let group = OpenGroup::open(parcel("A", 0), Rules::default()).expect("complete");
        let with = |change: fn(&mut Candidate)| {
            let mut other = parcel("B", 1);
            change(&mut other);
            group.accepts(&other)
        };
        assert_eq!(with(|_| {}), Ok(()));
        assert_eq!(with(|it| it.carrier = CarrierCode::new("YTO").expect("an id")), Err(Reason::OtherCarrier));
        assert_eq!(with(|it| it.courier = None), Err(Reason::OtherCourier));
        assert_eq!(with(|it| it.region = Some("310115".into())), Err(Reason::OtherRegion));
        assert_eq!(with(|it| it.station = StationId::new("pack-02").ok()), Err(Reason::OtherStation));
        assert_eq!(with(|it| it.region = None), Err(Reason::Lacks(Lack::Region)));
        assert_eq!(with(|it| it.ship_time = None), Err(Reason::Lacks(Lack::ShipTime)));
    }

    #[test]
    fn stations_may_be_joined_by_configuration() {
        let mut candidates = [parcel("A", 0), parcel("B", 1)];
        candidates[1].station = StationId::new("pack-02").ok();
        assert_eq!(plan(&candidates, &Rules::default()).len(), 2);
        assert_eq!(plan(&candidates, &Rules::default().across_stations()).len(), 1);
    }

    #[test]
    fn an_open_group_is_refused_to_what_lacks_something_and_the_end_of_time_is_no_panic() {
        let nowhere = Candidate { region: None, ship_time: None, ..parcel("A", 0) };
        assert_eq!(OpenGroup::open(&nowhere, Rules::default()).err(), Some(Lack::Region));
        let late = Candidate { ship_time: Some(Timestamp::MAX), ..parcel("A", 0) };
        let group = OpenGroup::open(&late, Rules::default()).expect("complete");
        assert_eq!(group.closes_at(), Timestamp::MAX);
        let early = Candidate { ship_time: Some(Timestamp::MIN), ..parcel("B", 0) };
        assert!(matches!(group.accepts(&early), Err(Reason::TooFar { .. })));
        assert_eq!(plan(&[late, early], &Rules::default()).len(), 2);
    }

    #[test]
    fn a_label_bears_one_to_twelve() {
        for max in [i64::MIN, -1, 0, 13, i64::MAX] {
            let refused = Rules::new(max).expect_err("no label");
            assert!(refused.to_string().starts_with(&format!("max is {max}; it must be 1 to 12: ")), "{refused}");
        }
        assert_eq!(Rules::new(12).map(|rules| rules.max()), Ok(12));
        assert_eq!(Rules::new(3), Ok(Rules::default()));
    }
}
