//! Print jobs: what is printed on which printer, how far each job came, and what a person must say about it.
//!
//! A job goes `queued` → `sending` → `sent` → `printed`, and the fact `sending` is durable before the first byte goes
//! out. So a job that is found as `sending` after a crash may or may not lie in the printer's tray: it becomes
//! `unknown`, and only a person says what becomes of it. `printed` is reached only where the printer said so.

use std::sync::Arc;

use serde::{Deserialize, Serialize};

use super::bag::{Bag, LabelVersion};
use super::clock::Moment;
use super::decide::Site;
use super::event::Event;
use super::gate;
use super::ids::{BagId, ManifestId, OperatorId, OrderId, ParcelId, PrintJobId, PrinterId, StationId, WaybillNo};
use super::station::Work;
use super::verdict::Code;
use super::view::{Numbered, View};
use super::work::{ParcelState, Waybill};

/// The template of a manifest that is closed.
pub const MANIFEST_TEMPLATE: &str = "manifest-a4";

/// The templates that a printer is tried with, the widest first: that which its paper is wide enough for.
pub const SELF_TEST_TEMPLATES: [&str; 2] = ["printer-selftest", "printer-selftest-76x130"];

/// Longest reason for a reprint that is kept, in characters.
const REASON_MAX: usize = 200;

/// What is printed.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Printable {
    /// An aggregated label, in one of its versions.
    Label {
        /// waybind's own number of the label.
        label: u32,
        /// Which version of it.
        version: u32,
    },
    /// The waybill of a single parcel.
    Waybill {
        /// The carrier's number.
        waybill: WaybillNo,
        /// The box that it is stuck on, where it is known.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        parcel: Option<ParcelId>,
    },
    /// The list that is signed at the hand-over.
    Manifest {
        /// Which.
        manifest: ManifestId,
    },
    /// What a printer is tried with.
    SelfTest {
        /// Which printer.
        printer: PrinterId,
    },
}

impl Printable {
    /// What kind of thing it is: `label`, `waybill`, `manifest` or `self_test`.
    #[must_use]
    pub fn kind(&self) -> &'static str {
        match self {
            Printable::Label { .. } => "label",
            Printable::Waybill { .. } => "waybill",
            Printable::Manifest { .. } => "manifest",
            Printable::SelfTest { .. } => "self_test",
        }
    }

    /// What it is called.
    #[must_use]
    pub fn name(&self) -> String {
        match self {
            Printable::Label { label, version } => format!("L{label}.{version}"),
            Printable::Waybill { waybill, .. } => waybill.to_string(),
            Printable::Manifest { manifest } => manifest.to_string(),
            Printable::SelfTest { printer } => printer.to_string(),
        }
    }

    /// What its jobs are found by: the same thing has the same key.
    #[must_use]
    pub fn key(&self) -> String {
        let box_of = match self {
            Printable::Waybill { parcel: Some(parcel), .. } => parcel.as_str(),
            _ => "",
        };
        format!("{}\u{1f}{}\u{1f}{box_of}", self.kind(), self.name())
    }
}

/// Where a job stands.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum JobState {
    /// It waits for its printer.
    Queued,
    /// Its bytes are going out.
    Sending,
    /// The printer took all of its bytes.
    Sent,
    /// The printer said that it was printed.
    Printed,
    /// It can't be printed.
    Failed(PrintTrouble),
    /// Nobody knows whether it was printed: a person must look.
    Unknown(PrintTrouble),
    /// A person gave it up.
    Dropped,
}

impl JobState {
    /// The names of all states, as the API writes them.
    pub const NAMES: [&str; 7] = ["queued", "sending", "sent", "printed", "failed", "unknown", "dropped"];

    /// Its name.
    #[must_use]
    pub fn name(&self) -> &'static str {
        match self {
            JobState::Queued => Self::NAMES[0],
            JobState::Sending => Self::NAMES[1],
            JobState::Sent => Self::NAMES[2],
            JobState::Printed => Self::NAMES[3],
            JobState::Failed(_) => Self::NAMES[4],
            JobState::Unknown(_) => Self::NAMES[5],
            JobState::Dropped => Self::NAMES[6],
        }
    }

    /// What went wrong, where something did.
    #[must_use]
    pub fn trouble(&self) -> Option<&PrintTrouble> {
        match self {
            JobState::Failed(trouble) | JobState::Unknown(trouble) => Some(trouble),
            _ => None,
        }
    }

    /// Whether nothing more happens to it by itself, and nobody is asked about it.
    #[must_use]
    pub fn is_settled(&self) -> bool {
        matches!(self, JobState::Sent | JobState::Printed | JobState::Dropped)
    }
}

/// What keeps a job from being printed, or from being known to be.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum PrintTrouble {
    /// The label can't be made: a field is missing, a text does not fit, a code can't be read back.
    Label(String),
    /// What it is about no longer holds.
    Void,
    /// What it is about is not there.
    Gone,
    /// The configuration has no such printer any more.
    NoPrinter,
    /// The printer refused it.
    Refused(String),
    /// waybind stopped while its bytes were going out.
    Interrupted,
    /// The connection broke while its bytes were going out.
    Broken(String),
}

/// One thing to print, once.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct PrintJob {
    /// Its id: a `J` and its number.
    pub id: PrintJobId,
    /// Its number.
    pub number: u32,
    /// What is printed.
    pub what: Printable,
    /// By which template.
    pub template: String,
    /// On which printer.
    pub printer: PrinterId,
    /// For which station.
    pub station: Option<StationId>,
    /// The order that it is about, where it is about one.
    pub order: Option<OrderId>,
    /// How often the thing was asked for, this time included: the first has 1.
    pub copy: u32,
    /// Why it is printed again.
    pub reason: Option<String>,
    /// Who asked for it, where a person did.
    pub by: Option<OperatorId>,
    /// When it was asked for.
    pub at: Moment,
    /// Where it stands.
    pub state: JobState,
}

/// How a job goes on.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Step {
    /// Its bytes go out to this printer from now on.
    Sending(PrinterId),
    /// None of its bytes went out: it waits again.
    Postponed,
    /// The printer took all of its bytes.
    Sent,
    /// The printer said that it was printed.
    Printed,
    /// It can't be printed.
    Failed(PrintTrouble),
    /// Nobody knows whether it was printed.
    Unknown(PrintTrouble),
}

impl Step {
    /// Its name in the feed.
    #[must_use]
    pub fn name(&self) -> &'static str {
        match self {
            Step::Sending(_) => "print_sending",
            Step::Postponed => "print_postponed",
            Step::Sent => "print_sent",
            Step::Printed => "printed",
            Step::Failed(_) => "print_failed",
            Step::Unknown(_) => "print_unknown",
        }
    }
}

/// What a person says of a job whose fate is unknown, or that failed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Resolution {
    /// It lies there, printed.
    Printed,
    /// Print it again.
    Again,
    /// It is not wanted any more.
    Dropped,
}

/// How a printer is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Condition {
    /// It said that it is ready.
    Ready,
    /// It does not tell: many printers never answer, and print all the same.
    #[default]
    Unknown,
    /// No paper.
    PaperOut,
    /// The head or the cover is open.
    HeadOpen,
    /// No ribbon.
    RibbonOut,
    /// The paper is jammed.
    Jammed,
    /// Somebody paused it.
    Paused,
    /// Its head is too hot or too cold, its memory is broken, or it says only that something is wrong.
    Fault,
    /// It can't be reached.
    Unreachable,
}

impl Condition {
    /// Whether nothing is sent to it now.
    #[must_use]
    pub fn blocks(self) -> bool {
        !matches!(self, Condition::Ready | Condition::Unknown)
    }

    /// Its name, as the API writes it.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Condition::Ready => "ready",
            Condition::Unknown => "unknown",
            Condition::PaperOut => "paper_out",
            Condition::HeadOpen => "head_open",
            Condition::RibbonOut => "ribbon_out",
            Condition::Jammed => "jammed",
            Condition::Paused => "paused",
            Condition::Fault => "fault",
            Condition::Unreachable => "unreachable",
        }
    }
}

/// Why a person's word about a job can't be taken.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Unresolved {
    /// There is no such job.
    #[error("there is no print job {0}")]
    NoJob(u32),
    /// Nobody asks about it.
    #[error("print job {number} is {state}: there is nothing to decide")]
    NotAsked {
        /// Which.
        number: u32,
        /// Where it stands.
        state: &'static str,
    },
}

/// A printer as routing sees it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PrinterRules {
    /// Which.
    pub id: PrinterId,
    /// The templates that it can print.
    pub takes: Vec<String>,
    /// Whether the configuration lists its templates: then it prints them for stations without a printer too.
    pub is_listed: bool,
}

/// What is asked of the spool.
#[derive(Clone, Debug)]
pub struct Request {
    /// What.
    pub what: Printable,
    /// By which template.
    pub template: String,
    /// For which station.
    pub station: Option<StationId>,
    /// The order that it is about.
    pub order: Option<OrderId>,
    /// Why it is printed again.
    pub reason: Option<String>,
    /// Who asks.
    pub by: Option<OperatorId>,
}

/// The printer of a template at a station: the one that was chosen there by a scan, the station's own, or the first
/// whose list of templates names it. None of them, where the template is none of theirs.
#[must_use]
pub fn route(view: &dyn View, site: &Site, station: Option<&StationId>, template: &str) -> Option<PrinterId> {
    let takes = |rules: &&PrinterRules| rules.takes.iter().any(|known| known == template);
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

/// A job for a request; none where no printer takes its template. `ahead` is how many jobs the same record makes
/// before it.
#[must_use]
pub fn request(view: &dyn View, site: &Site, wanted: Request, at: Moment, ahead: u32) -> Option<Event> {
    let printer = match &wanted.what {
        Printable::SelfTest { printer } => printer.clone(),
        _ => route(view, site, wanted.station.as_ref(), &wanted.template)?,
    };
    let before = view.prints_of(&wanted.what);
    let before = before.iter().filter_map(|id| view.print_job(id.as_str()));
    let copy = before.map(|job| job.copy).max().unwrap_or(0).saturating_add(1);
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
    };
    Some(Event::PrintRequested { job: Box::new(job) })
}

/// What prints by itself after these facts: the waybill of a parcel that was sealed, or got its number after that, at a
/// station that prints them; an aggregated label that was made; the list of a manifest that was closed. `view` is the state before the facts.
#[must_use]
pub fn follow(view: &dyn View, site: &Site, events: &[Event], at: Moment) -> Vec<Event> {
    let mut wanted: Vec<Request> = Vec::new();
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
            Event::WaybillPut { waybill } => wanted.extend(late_waybill(view, site, waybill)),
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
        if is_stopped || seen.contains(&request.what) || !view.prints_of(&request.what).is_empty() {
            continue;
        }
        seen.push(request.what.clone());
        let ahead = u32::try_from(prints.len()).unwrap_or(u32::MAX);
        prints.extend(self::request(view, site, request, at, ahead));
    }
    prints
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
    let known = view.waybill(waybill.number.as_str()).is_some() || waybill.void.is_some();
    let orders = waybill.orders.iter().filter(|_| !known).filter_map(|id| view.order(id.as_str()));
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

/// How a job goes on; none where it does not stand where that could follow.
#[must_use]
pub fn advance(view: &dyn View, id: &PrintJobId, step: Step) -> Option<Event> {
    let job = view.print_job(id.as_str())?;
    let fits = match (&job.state, &step) {
        (JobState::Queued, Step::Sending(_) | Step::Failed(_)) => true,
        (JobState::Sending, step) => !matches!(step, Step::Sending(_)),
        (JobState::Sent, Step::Printed | Step::Failed(_)) => true,
        _ => false,
    };
    fits.then(|| Event::PrintStep { job: id.clone(), order: job.order.clone(), step })
}

/// What a person says of a job.
///
/// # Errors
/// There is no such job, or nobody asks about it.
pub fn resolve(
    view: &dyn View,
    number: u32,
    how: Resolution,
    by: Option<OperatorId>,
) -> Result<(PrintJobId, Event), Unresolved> {
    let id = view.by_number(Numbered::PrintJob, number).ok_or(Unresolved::NoJob(number))?;
    let job = view.print_job(&id).ok_or(Unresolved::NoJob(number))?;
    let asked = match job.state {
        JobState::Unknown(_) => true,
        JobState::Failed(_) => how != Resolution::Printed,
        JobState::Queued => how == Resolution::Dropped,
        _ => false,
    };
    if !asked {
        return Err(Unresolved::NotAsked { number, state: job.state.name() });
    }
    let event = Event::PrintResolved { job: job.id.clone(), order: job.order.clone(), how, by };
    Ok((job.id.clone(), event))
}

impl PrintJob {
    /// Takes a step.
    pub(super) fn take(&mut self, step: &Step) {
        self.state = match step {
            Step::Sending(printer) => {
                self.printer = printer.clone();
                JobState::Sending
            }
            Step::Postponed => JobState::Queued,
            Step::Sent => JobState::Sent,
            Step::Printed => JobState::Printed,
            Step::Failed(trouble) => JobState::Failed(trouble.clone()),
            Step::Unknown(trouble) => JobState::Unknown(trouble.clone()),
        };
    }

    /// Takes a person's word.
    pub(super) fn settle(&mut self, how: Resolution) {
        self.state = match how {
            Resolution::Printed => JobState::Printed,
            Resolution::Dropped => JobState::Dropped,
            Resolution::Again => {
                // the first may lie there too: the paper says that it is another one
                self.copy = self.copy.saturating_add(1);
                JobState::Queued
            }
        };
    }
}
