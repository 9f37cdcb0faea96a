//! Labels by word: one for named parcels that are packed, and the word that a label no longer holds.

use std::sync::Arc;

use super::{Outcome, Refusal};
use crate::domain::bag::{self, Bag, BagRules, LabelVoid, Made, Member, VoidWhy};
use crate::domain::clock::Now;
use crate::domain::consolidate::{Candidate, OpenGroup, Rules};
use crate::domain::decide::Site;
use crate::domain::event::Event;
use crate::domain::ids::{BagId, OperatorId, OrderId, ParcelId, StationId};
use crate::domain::printing;
use crate::domain::view::View;
use crate::domain::work::{Parcel, ParcelState};

/// A label that is asked for.
#[derive(Clone, Debug)]
pub struct LabelSpec {
    /// With all parcels of these orders.
    pub orders: Vec<OrderId>,
    /// And with these parcels.
    pub parcels: Vec<ParcelId>,
    /// The template, if not the station's.
    pub template: Option<String>,
    /// Where it is printed, if not where the first parcel was packed.
    pub station: Option<StationId>,
}

/// The wish to print a label that was made.
#[derive(Clone, Debug)]
pub struct LabelPrint {
    /// Which.
    pub label: BagId,
    /// Why it is printed again; the first print needs none.
    pub reason: Option<String>,
    /// Where, if not where its bag was filled.
    pub station: Option<StationId>,
    /// Who asks.
    pub by: Option<OperatorId>,
}

/// Judges the wish to print a label: only the version that holds is printed, and a copy has a reason.
#[must_use]
pub fn print_label(view: &dyn View, site: &Site, wanted: LabelPrint, now: Now) -> Outcome {
    match printed(view, site, wanted, now) {
        Ok(Some(event)) => Outcome::Created(vec![event]),
        Ok(None) => Outcome::Unchanged,
        Err(refusal) => Outcome::Refused(refusal),
    }
}

/// How soon after the same wish it is the same press of a button, in milliseconds.
const PRESSED_TWICE_MS: u64 = 2_000;

/// Whether the same thing was asked for a moment ago, for the same reason.
fn is_pressed_twice(view: &dyn View, request: &printing::Request, now: Now) -> bool {
    let jobs = view.prints_of(&request.what).into_iter().filter_map(|id| view.print_job(id.as_str()));
    let mut same = jobs.filter(|job| job.reason == request.reason && job.by == request.by);
    same.any(|job| job.at.boot == now.at.boot && now.at.boot_ms.saturating_sub(job.at.boot_ms) < PRESSED_TWICE_MS)
}

fn printed(view: &dyn View, site: &Site, wanted: LabelPrint, now: Now) -> Result<Option<Event>, Refusal> {
    let LabelPrint { label, reason, station, by } = wanted;
    let bag = view.bag(label.as_str()).ok_or_else(|| Refusal::UnknownLabel(label.clone()))?;
    let version = match bag.current() {
        Some(version) if version.void.is_none() => version,
        None if bag.is_open => return Err(Refusal::LabelNotMade(label)),
        _ => return Err(Refusal::LabelVoid(label)),
    };
    if let Some((order, code)) = printing::stopped_on(view, site, version) {
        return Err(Refusal::NotPrintable(order, code));
    }
    let reason = reason.map(|reason| reason.trim().to_owned()).filter(|reason| !reason.is_empty());
    let mut request = printing::of_label(&bag, version);
    if reason.is_none() && !view.prints_of(&request.what).is_empty() {
        return Err(Refusal::NoReason(label));
    }
    request.station = station.or(request.station);
    request.reason = reason;
    request.by = by;
    if is_pressed_twice(view, &request, now) {
        return Ok(None);
    }
    let template = request.template.clone();
    let made = printing::request(view, site, request, now.at, 0).into_iter().next();
    made.map(Some).ok_or(Refusal::NoPrinter(template))
}

/// Judges the wish for a label of parcels that are packed and bound; `rules` are those of the station where it is
/// printed.
#[must_use]
pub fn make_label(view: &dyn View, spec: &LabelSpec, rules: impl Fn(&StationId) -> BagRules, now: Now) -> Outcome {
    made(view, spec, rules, now).unwrap_or_else(Outcome::Refused)
}

fn made(
    view: &dyn View,
    spec: &LabelSpec,
    rules: impl Fn(&StationId) -> BagRules,
    now: Now,
) -> Result<Outcome, Refusal> {
    let parcels = named(view, spec)?;
    let first = parcels.first().ok_or(Refusal::NothingToLabel)?;
    let station = spec.station.clone().unwrap_or_else(|| first.station.clone());
    let mut rules = rules(&station);
    if let Some(template) = &spec.template {
        rules.template.clone_from(template);
    }
    let mut candidates = Vec::with_capacity(parcels.len());
    for parcel in &parcels {
        candidates.push(checked(view, parcel, now)?);
    }
    together(&candidates, &rules)?;
    let lacks = || Refusal::Lacking(candidates[0].order.clone());
    let bag = bag::opened(view, &candidates[0], &rules, &station, now.at).ok_or_else(lacks)?;
    let members: Vec<Member> = parcels
        .iter()
        .zip(1..)
        .map(|(parcel, number)| Member {
            number,
            parcel: parcel.id.clone(),
            order: parcel.order.clone(),
            packed: parcel.sealed.unwrap_or(now.at),
            at: now.at,
        })
        .collect();
    let mut events = vec![Event::BagOpened { bag: Box::new(bag.clone()) }];
    events.extend(members.iter().map(|member| Event::Bagged {
        bag: bag.id.clone(),
        order: member.order.clone(),
        station: station.clone(),
        member: Box::new(member.clone()),
    }));
    events.push(bag.made(Made::Requested, members, now.at));
    Ok(Outcome::Created(events))
}

/// The parcels that are named, each once.
fn named(view: &dyn View, spec: &LabelSpec) -> Result<Vec<Arc<Parcel>>, Refusal> {
    let mut ids: Vec<ParcelId> = Vec::new();
    for id in &spec.orders {
        let order = view.order(id.as_str()).ok_or_else(|| Refusal::UnknownOrder(id.clone()))?;
        if order.parcels.is_empty() {
            return Err(Refusal::NotPacked(id.clone()));
        }
        ids.extend(order.parcels.iter().cloned());
    }
    ids.extend(spec.parcels.iter().cloned());
    let mut parcels: Vec<Arc<Parcel>> = Vec::new();
    for id in &ids {
        let parcel = view.parcel(id.as_str()).ok_or_else(|| Refusal::UnknownParcel(id.clone()))?;
        if !parcels.iter().any(|known| known.id == parcel.id) {
            parcels.push(parcel);
        }
    }
    Ok(parcels)
}

/// A parcel that may be on a label: sealed, bound, of an order that nothing stops, and in no bag.
fn checked(view: &dyn View, parcel: &Parcel, now: Now) -> Result<Candidate, Refusal> {
    let order = view.order(parcel.order.as_str()).ok_or_else(|| Refusal::UnknownOrder(parcel.order.clone()))?;
    let id = || parcel.id.clone();
    match parcel.state {
        ParcelState::Open => return Err(Refusal::NotPacked(parcel.order.clone())),
        ParcelState::Loaded => return Err(Refusal::ParcelLoaded(id())),
        ParcelState::Sealed => {}
    }
    match () {
        () if order.cancelled => Err(Refusal::Cancelled(order.id().clone())),
        () if !order.holds.is_empty() => Err(Refusal::Held(order.id().clone())),
        () if order.has_put_back() => Err(Refusal::NotPacked(order.id().clone())),
        () if parcel.waybill.is_none() => Err(Refusal::NotBound(id())),
        () => match &parcel.bag {
            Some(bag) => Err(Refusal::InBag(id(), bag.clone())),
            None => Ok(bag::candidate(&order, parcel, now)),
        },
    }
}

/// Whether the parcels may share a bag.
fn together(candidates: &[Candidate], rules: &BagRules) -> Result<(), Refusal> {
    let limits = Rules::new(i64::try_from(rules.max).unwrap_or(i64::MAX)).unwrap_or_default();
    let limits = if rules.across_stations { limits.across_stations() } else { limits };
    let mut group: Option<OpenGroup<&Candidate>> = None;
    for candidate in candidates {
        match &mut group {
            None => {
                let opened = OpenGroup::open(candidate, limits);
                group = Some(opened.map_err(|_| Refusal::Lacking(candidate.order.clone()))?);
            }
            Some(group) => group.add(candidate).map_err(|reason| Refusal::NotTogether {
                first: group.first().order.clone(),
                other: candidate.order.clone(),
                reason,
            })?,
        }
    }
    Ok(())
}

/// Judges the word that a label no longer holds: its codes alarm, and its parcels are in no bag any more.
#[must_use]
pub fn void_label(view: &dyn View, id: &BagId) -> Outcome {
    let Some(bag) = view.bag(id.as_str()) else { return Outcome::Refused(Refusal::UnknownLabel(id.clone())) };
    let loaded = bag
        .members
        .iter()
        .find(|member| view.parcel(member.parcel.as_str()).is_some_and(|parcel| parcel.state == ParcelState::Loaded));
    if let Some(member) = loaded {
        return Outcome::Refused(Refusal::ParcelLoaded(member.parcel.clone()));
    }
    if !bag.is_open && bag.members.is_empty() {
        return Outcome::Unchanged;
    }
    Outcome::Updated(voided(&bag))
}

fn voided(bag: &Bag) -> Vec<Event> {
    let void = LabelVoid { why: VoidWhy::Requested, order: None };
    let valid = bag.current().filter(|current| current.void.is_none());
    let voided =
        valid.map(|current| Event::LabelVoided { bag: bag.id.clone(), version: current.version, void: void.clone() });
    let dissolved = Event::BagDissolved { bag: bag.id.clone(), station: bag.station.clone() };
    voided.into_iter().chain([dissolved]).collect()
}
