//! What a fact is about, and whether that is still open: records of open things stay where they are looked up first.

use super::event::Event;
use super::gate;
use super::ids::{BagId, ManifestId, OrderId, ParcelId, PickListId, PrintJobId, WaybillNo};
use super::manifest::ManifestState;
use super::order::{Order, Stage};
use super::printing::{JobState, PrintJob};
use super::station::Work;
use super::view::View;
use super::work::{ListState, ParcelState, Waybill};

/// Something that a fact is about.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Subject {
    /// An order.
    Order(OrderId),
    /// A pick list.
    List(PickListId),
    /// A waybill.
    Waybill(WaybillNo),
    /// A box.
    Parcel(ParcelId),
    /// A bag with its label.
    Bag(BagId),
    /// A print job.
    PrintJob(PrintJobId),
    /// A manifest.
    Manifest(ManifestId),
}

impl Subject {
    /// What it is, in a word of ours.
    #[must_use]
    pub fn kind(&self) -> &'static str {
        match self {
            Subject::Order(_) => "order",
            Subject::List(_) => "pick list",
            Subject::Waybill(_) => "waybill",
            Subject::Parcel(_) => "parcel",
            Subject::Bag(_) => "label",
            Subject::PrintJob(_) => "print job",
            Subject::Manifest(_) => "manifest",
        }
    }

    /// Its id.
    #[must_use]
    pub fn id(&self) -> &str {
        match self {
            Subject::Order(id) => id.as_str(),
            Subject::List(id) => id.as_str(),
            Subject::Waybill(id) => id.as_str(),
            Subject::Parcel(id) => id.as_str(),
            Subject::Bag(id) => id.as_str(),
            Subject::PrintJob(id) => id.as_str(),
            Subject::Manifest(id) => id.as_str(),
        }
    }
}

/// What a fact is about.
#[must_use]
pub fn subjects(event: &Event) -> Vec<Subject> {
    let mut subjects: Vec<Subject> = event.order().cloned().map(Subject::Order).into_iter().collect();
    let rest = match event {
        Event::ListPut { list } => vec![Subject::List(list.id.clone())],
        Event::WaybillPut { waybill } => vec![Subject::Waybill(waybill.number.clone())],
        Event::ManifestPut { manifest } => vec![Subject::Manifest(manifest.id.clone())],
        Event::WaybillVoided { waybill, .. }
        | Event::NumberAssigned { waybill, .. }
        | Event::NumberEntered { waybill, .. }
        | Event::WaybillGivenBack { waybill }
        | Event::WaybillLoaded { waybill, .. }
        | Event::WaybillUnloaded { waybill, .. } => vec![Subject::Waybill(waybill.clone())],
        Event::WaybillBound { parcel, waybill, .. } => {
            vec![Subject::Parcel(parcel.clone()), Subject::Waybill(waybill.clone())]
        }
        Event::ParcelOpened { parcel, .. } => vec![Subject::Parcel(parcel.id.clone())],
        Event::ParcelSealed { parcel, .. } | Event::ParcelReopened { parcel, .. } => {
            vec![Subject::Parcel(parcel.clone())]
        }
        Event::BagOpened { bag } => vec![Subject::Bag(bag.id.clone())],
        Event::Bagged { bag, .. }
        | Event::Unbagged { bag, .. }
        | Event::LabelMade { bag, .. }
        | Event::LabelVoided { bag, .. }
        | Event::BagDissolved { bag, .. } => vec![Subject::Bag(bag.clone())],
        Event::ManifestForeign { manifest, .. } => vec![Subject::Manifest(manifest.clone())],
        Event::PrintRequested { job } => vec![Subject::PrintJob(job.id.clone())],
        Event::PrintStep { job, .. } | Event::PrintResolved { job, .. } => vec![Subject::PrintJob(job.clone())],
        Event::ShortRecorded { list: Some((list, _)), .. } => vec![Subject::List(list.clone())],
        Event::WorkOpened { work, .. }
        | Event::WorkTakenOver { work, .. }
        | Event::WorkParked { work, .. }
        | Event::WorkClosed { work, .. } => of_work(work),
        _ => Vec::new(),
    };
    subjects.extend(rest);
    subjects
}

fn of_work(work: &Work) -> Vec<Subject> {
    match work {
        Work::List(list) => vec![Subject::List(list.clone())],
        Work::Manifest(manifest) => vec![Subject::Manifest(manifest.clone())],
        Work::Waybill(waybill) => vec![Subject::Waybill(waybill.clone())],
        Work::Order(order) | Work::PutBack(order) => vec![Subject::Order(order.clone())],
    }
}

/// Whether something is still to become of a thing.
#[must_use]
pub fn is_open(view: &dyn View, subject: &Subject) -> bool {
    match subject {
        Subject::Order(id) => view.order(id.as_str()).is_some_and(|order| is_order_open(view, &order)),
        Subject::List(id) => view.list(id.as_str()).is_some_and(|list| list.state != ListState::Done),
        Subject::Waybill(id) => view.waybill(id.as_str()).is_some_and(|waybill| is_waybill_open(view, &waybill)),
        Subject::Parcel(id) => view.parcel(id.as_str()).is_some_and(|parcel| {
            parcel.state == ParcelState::Open
                || view.order(parcel.order.as_str()).is_some_and(|order| is_order_open(view, &order))
        }),
        Subject::Bag(id) => view.bag(id.as_str()).is_some_and(|bag| bag.is_unsettled()),
        Subject::PrintJob(id) => view.print_job(id.as_str()).is_some_and(|job| is_job_open(&job)),
        Subject::Manifest(id) => {
            view.manifest(id.as_str()).is_some_and(|manifest| manifest.state != ManifestState::Closed)
        }
    }
}

/// An order is done with once it is cancelled and its goods are back, or all of it is packed and on a truck; where a
/// warehouse does not scan at the dock, once its number was reported and nothing of it is missing.
fn is_order_open(view: &dyn View, order: &Order) -> bool {
    if order.attention().is_some() || order.open_at.is_some() {
        return true;
    }
    if order.cancelled || order.stage >= Stage::Signed {
        return false;
    }
    let mut parcels = order.parcels.iter().filter_map(|id| view.parcel(id.as_str())).peekable();
    let has_left = parcels.peek().is_some() && parcels.all(|parcel| parcel.state == ParcelState::Loaded);
    let is_reported = order.stage >= Stage::WaybillReported;
    !((has_left || is_reported) && gate::missing(view, order).is_empty())
}

/// A waybill is done with once it is void and need not go back to its carrier, or its orders are done with.
fn is_waybill_open(view: &dyn View, waybill: &Waybill) -> bool {
    if waybill.void.is_some() {
        return waybill.is_to_return();
    }
    let mut orders = waybill.orders.iter().filter_map(|id| view.order(id.as_str()));
    orders.any(|order| is_order_open(view, &order))
}

/// A print job is done with once nothing goes out any more and nobody must look at it.
fn is_job_open(job: &PrintJob) -> bool {
    matches!(job.state, JobState::Queued | JobState::Sending | JobState::Failed(_) | JobState::Unknown(_))
}
