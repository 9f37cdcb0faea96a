//! Where something is printed, and what prints by itself.

use std::sync::Arc;

use super::steps::step_of;
use super::{
    JobState, MANIFEST_TEMPLATE, PrintJob, PrintTrouble, Printable, PrinterRules, REASON_MAX, Request, Resolution, Step,
};
use crate::domain::bag::{Bag, LabelVersion};
use crate::domain::clock::Moment;
use crate::domain::decide::Site;
use crate::domain::event::Event;
use crate::domain::gate;
use crate::domain::ids::{BagId, OrderId, ParcelId, PrintJobId, PrinterId, StationId, WaybillNo};
use crate::domain::station::{StationRules, Work};
use crate::domain::verdict::Code;
use crate::domain::view::{Numbered, View};
use crate::domain::work::{ParcelState, Waybill};

/// The printer of a template at a station: the one that was chosen there by a scan, the station's own, or the first
/// whose list of templates names it; where a language is wanted, only one that speaks it. None of them, where the template
/// is none of theirs.
#[must_use]
pub fn route(
    view: &dyn View,
    site: &Site,
    station: Option<&StationId>,
    template: &str,
    language: Option<&str>,
) -> Option<PrinterId> {
    let takes = |rules: &&PrinterRules| {
        rules.takes.iter().any(|known| known == template) && language.is_none_or(|language| rules.speaks == language)
    };
    let named = |id: &PrinterId| site.printers.iter().find(|rules| rules.id == *id).filter(takes);
    let chosen = station.and_then(|station| view.station(station).printer.clone());
    let own = station.and_then(|station| site.stations.get(station)?.printer.clone());
    let here = chosen.as_ref().and_then(named).or_else(|| own.as_ref().and_then(named));
    let listed = || site.printers.iter().find(|rules| rules.is_listed && takes(rules));
    here.or_else(listed).map(|rules| rules.id.clone())
}

/// A version of an aggregated label that may be printed, and its bag.
///
/// # Errors
/// There is no such label, or this version of it no longer holds.
pub fn label_that_holds(view: &dyn View, label: u32, version: u32) -> Result<(Arc<Bag>, LabelVersion), PrintTrouble> {
    let bag = view.by_number(Numbered::Bag, label).and_then(|id| view.bag(&id)).ok_or(PrintTrouble::Gone)?;
    let current = bag.current().ok_or(PrintTrouble::Gone)?;
    match () {
        () if version > current.version => Err(PrintTrouble::Gone),
        () if version < current.version || current.void.is_some() => Err(PrintTrouble::Void),
        () => Ok((bag.clone(), current.clone())),
    }
}

/// The wish to print a version of a bag's label where the bag was filled.
#[must_use]
pub fn of_label(bag: &Bag, version: &LabelVersion) -> Request {
    Request {
        what: Printable::Label { label: bag.number, version: version.version },
        template: bag.template.clone(),
        station: Some(bag.station.clone()),
        order: None,
        reason: None,
        by: None,
    }
}

/// The language in which something is printed as it came, where it is a printer's job already: nothing else can print it.
pub(super) fn own_language(view: &dyn View, what: &Printable) -> Option<String> {
    let Printable::Waybill { waybill, .. } = what else { return None };
    let waybill = view.waybill(waybill.as_str())?;
    language_of(&waybill)
}

fn language_of(waybill: &Waybill) -> Option<String> {
    let label = waybill.label.as_ref().filter(|label| matches!(label.format.as_str(), "zpl" | "tspl"))?;
    Some(label.format.clone())
}

/// Where something is printed, and what keeps it from being printed there.
fn place(
    view: &dyn View,
    site: &Site,
    station: Option<&StationId>,
    template: &str,
    language: Option<String>,
) -> Option<(PrinterId, Option<PrintTrouble>)> {
    if let Some(printer) = route(view, site, station, template, language.as_deref()) {
        return Some((printer, None));
    }
    let label = language?;
    let printer = route(view, site, station, template, None)?;
    let speaks = site.printers.iter().find(|rules| rules.id == printer).map(|rules| rules.speaks.clone());
    Some((printer, Some(PrintTrouble::OtherLanguage { label, printer: speaks.unwrap_or_default() })))
}

/// The next number of a copy.
pub(super) fn next_copy(view: &dyn View, what: &Printable) -> u32 {
    let before = view.prints_of(what);
    let before = before.iter().filter_map(|id| view.print_job(id.as_str()));
    before.map(|job| job.copy).max().unwrap_or(0).saturating_add(1)
}

/// A job for a request, which has failed at once where no printer there speaks its language; nothing where no printer takes
/// its template. `ahead` is how many jobs the same record makes before it.
#[must_use]
pub fn request(view: &dyn View, site: &Site, wanted: Request, at: Moment, ahead: u32) -> Vec<Event> {
    let place = match &wanted.what {
        Printable::SelfTest { printer } => Some((printer.clone(), None)),
        what => self::place(view, site, wanted.station.as_ref(), &wanted.template, own_language(view, what)),
    };
    place.map(|place| requested(view, wanted, place, at, ahead)).unwrap_or_default()
}

fn requested(
    view: &dyn View,
    wanted: Request,
    (printer, trouble): (PrinterId, Option<PrintTrouble>),
    at: Moment,
    ahead: u32,
) -> Vec<Event> {
    let copy = next_copy(view, &wanted.what);
    let number = view.next_number(Numbered::PrintJob).saturating_add(ahead);
    let reason = wanted.reason.map(|reason| reason.chars().take(REASON_MAX).collect());
    let job = PrintJob {
        id: PrintJobId::new(&format!("J{number}")).expect("a letter and digits are an id"),
        number,
        what: wanted.what,
        template: wanted.template,
        printer,
        station: wanted.station,
        order: wanted.order,
        copy,
        reason,
        by: wanted.by,
        at,
        state: JobState::Queued,
        history: Vec::new(),
    };
    let failed = trouble.map(|trouble| step_of(&job, Step::Failed(trouble), at));
    let mut events = vec![Event::PrintRequested { job: Box::new(job) }];
    events.extend(failed);
    events
}

/// What prints by itself after these facts: the waybill of a parcel that was sealed, or got its number after that, at a
/// station that prints them; an aggregated label that was made; the list of a manifest that was closed. `view` is the state before the facts.
#[must_use]
pub fn follow(view: &dyn View, site: &Site, events: &[Event], at: Moment) -> Vec<Event> {
    let mut wanted: Vec<Request> = Vec::new();
    let mut notices: Vec<&Waybill> = Vec::new();
    for event in events {
        match event {
            Event::ParcelSealed { parcel, order, station, .. } => {
                let bound = view.parcel(parcel.as_str()).and_then(|parcel| parcel.waybill.clone());
                let assigned = || gate::assigned_waybill(view, &*view.order(order.as_str())?);
                if let Some(waybill) = bound.or_else(assigned) {
                    wanted.extend(waybill_of(site, station, waybill, parcel, order));
                }
            }
            Event::WaybillBound { parcel, order, waybill } => {
                let sealed = view.parcel(parcel.as_str()).filter(|parcel| parcel.bind_assigned);
                if let Some(parcel) = sealed.filter(|parcel| parcel.state == ParcelState::Sealed) {
                    wanted.extend(waybill_of(site, &parcel.station, waybill.clone(), &parcel.id, order));
                }
            }
            Event::WaybillPut { waybill } => {
                wanted.extend(late_waybill(view, site, waybill));
                notices.push(waybill);
            }
            Event::LabelMade { bag, version, .. } => wanted.extend(made_label(view, site, events, bag, version)),
            Event::WorkClosed { station, work: Work::Manifest(manifest) } => wanted.push(Request {
                what: Printable::Manifest { manifest: manifest.clone() },
                template: MANIFEST_TEMPLATE.to_owned(),
                station: Some(station.clone()),
                order: None,
                reason: None,
                by: None,
            }),
            _ => {}
        }
    }
    let mut prints: Vec<Event> = Vec::new();
    let mut seen: Vec<Printable> = Vec::new();
    for request in wanted {
        // what was printed once is printed again only when somebody asks
        let order = request.order.as_ref().and_then(|order| view.order(order.as_str()));
        let is_stopped = order.is_some_and(|order| site.rules.stops_printing(view, &order).is_some());
        if is_stopped || seen.contains(&request.what) || was_asked_for(view, &request.what) {
            continue;
        }
        seen.push(request.what.clone());
        let done = early_notice(view, &request.what).map(|job| dropped(&job, at));
        let new = match events.iter().find_map(|event| put_now(event, &request.what)) {
            // its label comes with it
            Some(waybill) => {
                let language = language_of(waybill);
                let place = place(view, site, request.station.as_ref(), &request.template, language);
                place.map(|place| requested(view, request, place, at, jobs_in(&prints))).unwrap_or_default()
            }
            None => self::request(view, site, request, at, jobs_in(&prints)),
        };
        prints.extend(new);
        prints.extend(done);
    }
    for waybill in notices {
        let is_asked_for =
            |what: &Printable| matches!(what, Printable::Waybill { waybill: number, .. } if *number == waybill.number);
        if !seen.iter().any(is_asked_for) {
            prints.extend(notice(view, site, waybill, at, jobs_in(&prints)));
        }
    }
    prints
}

/// Whether it was asked for before, also ahead of its box.
fn was_asked_for(view: &dyn View, what: &Printable) -> bool {
    let Printable::Waybill { waybill, parcel: Some(_) } = what else { return !view.prints_of(what).is_empty() };
    let ahead = Printable::Waybill { waybill: waybill.clone(), parcel: None };
    let ahead = view.prints_of(&ahead).into_iter().filter_map(|id| view.print_job(id.as_str()));
    let is_wanted = |job: Arc<PrintJob>| !matches!(job.state, JobState::Failed(_) | JobState::Dropped);
    !view.prints_of(what).is_empty() || ahead.into_iter().any(is_wanted)
}

fn jobs_in(events: &[Event]) -> u32 {
    let jobs = events.iter().filter(|event| matches!(event, Event::PrintRequested { .. })).count();
    u32::try_from(jobs).unwrap_or(u32::MAX)
}

/// The waybill that a fact describes, if it is the one that is printed.
fn put_now<'e>(event: &'e Event, what: &Printable) -> Option<&'e Waybill> {
    match (event, what) {
        (Event::WaybillPut { waybill }, Printable::Waybill { waybill: number, .. }) if waybill.number == *number => {
            Some(waybill)
        }
        _ => None,
    }
}

/// A waybill whose own label no station can print is listed as soon as it comes, not only when its box is packed; one whose
/// label can be printed after all is listed no longer.
fn notice(view: &dyn View, site: &Site, waybill: &Waybill, at: Moment, ahead: u32) -> Vec<Event> {
    let mut stations: Vec<_> = site.stations.values().filter(|rules| rules.print_waybill).collect();
    if stations.is_empty() {
        return Vec::new();
    }
    let what = Printable::Waybill { waybill: waybill.number.clone(), parcel: None };
    let known = early_notice(view, &what);
    stations.sort_by(|one, other| one.id.cmp(&other.id));
    let language = language_of(waybill).filter(|_| waybill.void.is_none());
    let places = |rules: &&StationRules| place(view, site, Some(&rules.id), &rules.waybill_template, language.clone());
    let placed: Vec<_> = stations.iter().filter_map(|rules| Some((*rules, places(rules)?))).collect();
    let unprintable = language.is_some() && placed.iter().all(|(_, (_, trouble))| trouble.is_some());
    match (placed.into_iter().next(), known) {
        (Some((rules, place)), None) if unprintable && view.prints_of(&what).is_empty() => {
            let order = waybill.orders.first().cloned();
            let template = rules.waybill_template.clone();
            let wanted = Request { what, template, station: None, order, reason: None, by: None };
            requested(view, wanted, place, at, ahead)
        }
        (_, Some(job)) if !unprintable => vec![dropped(&job, at)],
        _ => Vec::new(),
    }
}

/// The job that only lists a waybill's label as unprintable.
fn early_notice(view: &dyn View, what: &Printable) -> Option<Arc<PrintJob>> {
    let Printable::Waybill { waybill, .. } = what else { return None };
    let listed = Printable::Waybill { waybill: waybill.clone(), parcel: None };
    let mut jobs = view.prints_of(&listed).into_iter().filter_map(|id| view.print_job(id.as_str()));
    jobs.find(|job| job.station.is_none() && matches!(job.state, JobState::Failed(PrintTrouble::OtherLanguage { .. })))
}

fn dropped(job: &PrintJob, at: Moment) -> Event {
    Event::PrintResolved {
        job: job.id.clone(),
        order: job.order.clone(),
        how: Resolution::Dropped,
        by: None,
        printer: None,
        copy: None,
        at: Some(at),
    }
}

fn waybill_of(
    site: &Site,
    station: &StationId,
    waybill: WaybillNo,
    parcel: &ParcelId,
    order: &OrderId,
) -> Option<Request> {
    let rules = site.stations.get(station).filter(|rules| rules.print_waybill)?;
    Some(Request {
        what: Printable::Waybill { waybill, parcel: Some(parcel.clone()) },
        template: rules.waybill_template.clone(),
        station: Some(station.clone()),
        order: Some(order.clone()),
        reason: None,
        by: None,
    })
}

/// A label that was made, unless a rule stops one of its orders. A label that is asked for comes with its bag.
fn made_label(view: &dyn View, site: &Site, events: &[Event], id: &BagId, version: &LabelVersion) -> Option<Request> {
    let new = events.iter().find_map(|event| match event {
        Event::BagOpened { bag } if bag.id == *id => Some((**bag).clone()),
        _ => None,
    });
    let bag = view.bag(id.as_str()).map(|bag| (*bag).clone()).or(new)?;
    stopped_on(view, site, version).is_none().then(|| of_label(&bag, version))
}

/// The first order on a label that a rule keeps from being printed, and its objection.
#[must_use]
pub fn stopped_on(view: &dyn View, site: &Site, version: &LabelVersion) -> Option<(OrderId, Code)> {
    version.members.iter().find_map(|member| {
        let order = view.order(member.order.as_str())?;
        Some((order.id().clone(), site.rules.stops_printing(view, &order)?))
    })
}

/// A waybill that came after its boxes were sealed; one that replaces another is for the boxes that lose theirs.
fn late_waybill(view: &dyn View, site: &Site, waybill: &Waybill) -> Vec<Request> {
    let known = view.waybill(waybill.number.as_str());
    let is_new = |id: &&OrderId| known.as_ref().is_none_or(|known| !known.orders.contains(id));
    let orders = waybill
        .orders
        .iter()
        .filter(|_| waybill.void.is_none())
        .filter(is_new)
        .filter_map(|id| view.order(id.as_str()));
    let mut wanted = Vec::new();
    for order in orders.filter(|order| !order.cancelled) {
        for parcel in order.parcels.iter().filter_map(|id| view.parcel(id.as_str())) {
            let free = parcel.waybill.is_none() || parcel.waybill == waybill.replaces;
            if parcel.state == ParcelState::Sealed && free {
                wanted.extend(waybill_of(site, &parcel.station, waybill.number.clone(), &parcel.id, order.id()));
            }
        }
    }
    wanted
}
