//! Facts. Whatever changes the state of the warehouse is one of these; folding them gives the state.

use serde::{Deserialize, Serialize};

use super::bag::{Bag, LabelVersion, LabelVoid, Member};
use super::clock::Moment;
use super::courier::{Conflict, Pending};
use super::ids::{
    BagId, CarrierCode, ManifestId, OperatorId, OrderId, ParcelId, PickListId, PrintJobId, PrinterId, Sku, StationId,
    WaybillNo,
};
use super::manifest::{Foreign, Loading, Manifest};
use super::order::{Consignee, Difference, Hold, HoldReason, OrderSpec, Short, ShortDecision, Stage};
use super::printing::{Condition, PrintJob, Resolution, Step as JobStep};
use super::product::{Barcode, Product};
use super::rules::recall::StopList;
use super::rules::{Rule, RuleMode, Step};
use super::station::{Await, Count, Refusal, TakeOver, Work};
use super::verdict::{Code, Verdict};
use super::work::{Operator, Parcel, PickList, VoidReason, Waybill};

/// A fact.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "type", rename_all = "snake_case")]
#[allow(missing_docs, reason = "the fields' names and types say what they are; the variants are documented")]
pub enum Event {
    /// Upstream described a product.
    ProductPut { product: Box<Product> },
    /// Upstream described an order, new or changed.
    OrderPut { spec: Box<OrderSpec>, number: u32 },
    /// Upstream made a pick list, or changed one that nobody works on.
    ListPut { list: Box<PickList> },
    /// Upstream assigned a waybill.
    WaybillPut { waybill: Box<Waybill> },
    /// Upstream announced a hand-over, or changed one that is not closed.
    ManifestPut { manifest: Box<Manifest> },
    /// An operator was described.
    OperatorPut { operator: Box<Operator> },
    /// A waybill number no longer holds; of the order that it covered, where it is a single one.
    WaybillVoided {
        waybill: WaybillNo,
        reason: VoidReason,
        #[serde(default, skip_serializing_if = "Option::is_none")]
        order: Option<OrderId>,
    },
    /// A channel of a courier, or the store that was filled from it, gave an order its number.
    NumberAssigned { order: OrderId, waybill: WaybillNo, channel: String, pooled: bool },
    /// No channel gave an order a number.
    NumberPending { order: OrderId, pending: Box<Pending> },
    /// A person entered an order's number.
    NumberEntered { order: OrderId, waybill: WaybillNo, by: String },
    /// A number came for an order that has one; it counts for nothing.
    NumberConflict { order: OrderId, conflict: Conflict },
    /// Numbers were fetched ahead; `anew`: what the store still held was another carrier's, and is thrown away.
    NumbersPooled {
        channel: String,
        carrier: CarrierCode,
        numbers: Vec<WaybillNo>,
        #[serde(default, skip_serializing_if = "std::ops::Not::not")]
        anew: bool,
    },
    /// A person corrected what a target is sent for an event that it refused; `data` is JSON.
    LetterCorrected { target: String, letter: String, data: String, by: String },
    /// A person let a target do without an event that it would not take.
    LetterLetGo { target: String, letter: String, by: String },
    /// A person takes care of an alert, by the id of the event that raised it.
    AlertTaken { alert: String, by: String },
    /// Records were written to an archive and leave the database; `hash` is the last one's, `sha256` the file's.
    RecordsArchived { first: u64, last: u64, hash: String, file: String, sha256: String },
    /// An archive was deleted because of its age.
    ArchiveRemoved { first: u64, last: u64, file: String },
    /// An order is stopped.
    OrderHeld { order: OrderId, hold: Hold },
    /// Reasons to stop an order are gone.
    OrderReleased { order: OrderId, reasons: Vec<HoldReason> },
    /// An order was cancelled as a whole.
    OrderCancelled { order: OrderId },
    /// Part of a line was cancelled or refunded.
    LineCancelled { order: OrderId, line: u32, quantity: u32 },
    /// The consignee changed.
    /// With another address and no word of the way there, its region and sort code are not known any more.
    OrderReaddressed {
        order: OrderId,
        consignee: Box<Consignee>,
        #[serde(default, skip_serializing_if = "std::ops::Not::not")]
        elsewhere: bool,
    },
    /// A stage was reached.
    StageReached { order: OrderId, stage: Stage },
    /// A return came in.
    OrderReturned { order: OrderId, exchange_order: Option<String> },
    /// It was decided what becomes of a short line.
    ShortDecided { order: OrderId, line: u32, decision: ShortDecision },

    /// A supervisor confirmed a new address.
    AddressConfirmed { order: OrderId, by: OperatorId },
    /// A new number is asked for, in place of those that no longer hold.
    WaybillWanted { order: OrderId, instead_of: Vec<WaybillNo> },
    /// A void number went back to its carrier.
    WaybillGivenBack { waybill: WaybillNo },
    /// Upstream wants other goods than were picked; none: it no longer does.
    OrderDiffers { order: OrderId, differences: Vec<Difference> },
    /// A product or lots of it were stopped, or let go.
    StopListPut { stop: Box<StopList> },
    /// A station learned a barcode: a proposal for upstream, in force at once.
    BarcodeTaught { sku: Sku, barcode: Barcode, station: StationId, by: OperatorId },
    /// A code that was taught is no longer the product's: upstream gave it to one.
    BarcodeForgotten { sku: Sku, text: String },
    /// A rule that does not block would have refused.
    Intercepted { station: StationId, order: OrderId, rule: Rule, mode: RuleMode, code: Code, steps: Vec<Step> },

    /// Units were counted at a station.
    Counted { station: StationId, count: Count },
    /// The last count at a station was reversed.
    CountUndone { station: StationId, count: Count },
    /// Goods went back to the shelf.
    PutBack { count: Count },
    /// A line is short.
    ShortRecorded { order: OrderId, line: u32, short: Short, list: Option<(PickListId, usize)> },
    /// A box was begun.
    ParcelOpened { parcel: Box<Parcel>, station: StationId },
    /// A box that was begun elsewhere is filled on here: it travels with its work.
    ParcelMoved { parcel: ParcelId, order: OrderId, station: StationId },
    /// A box was closed.
    ParcelSealed {
        parcel: ParcelId,
        order: OrderId,
        station: StationId,
        #[serde(default, skip_serializing_if = "Option::is_none")]
        at: Option<Moment>,
    },
    /// A box was opened again.
    ParcelReopened { parcel: ParcelId, order: OrderId, station: StationId },
    /// A box travels under a waybill.
    WaybillBound { parcel: ParcelId, order: OrderId, waybill: WaybillNo },
    /// A waybill's boxes are on the truck, for the manifest that is open; of its order, where it is a single one.
    WaybillLoaded {
        waybill: WaybillNo,
        parcels: Vec<ParcelId>,
        #[serde(default, skip_serializing_if = "Option::is_none")]
        order: Option<OrderId>,
        #[serde(flatten)]
        loading: Option<Loading>,
    },
    /// They are off again.
    WaybillUnloaded {
        waybill: WaybillNo,
        parcels: Vec<ParcelId>,
        #[serde(default, skip_serializing_if = "Option::is_none")]
        order: Option<OrderId>,
        #[serde(default, skip_serializing_if = "Option::is_none")]
        manifest: Option<ManifestId>,
    },
    /// A bag was opened.
    BagOpened { bag: Box<Bag> },
    /// A box is in a bag.
    Bagged { bag: BagId, order: OrderId, station: StationId, member: Box<Member> },
    /// It is out of the bag again.
    Unbagged { bag: BagId, parcel: ParcelId, order: OrderId, station: StationId },
    /// A version of a bag's label is to be printed; the first one closes the bag.
    LabelMade { bag: BagId, station: StationId, template: String, version: Box<LabelVersion> },
    /// A version of a label no longer holds.
    LabelVoided {
        bag: BagId,
        version: u32,
        #[serde(flatten)]
        void: LabelVoid,
    },
    /// Nothing is in a bag any more: it has no label.
    BagDissolved { bag: BagId, station: StationId },
    /// Something was refused that is not on the open manifest.
    ManifestForeign { manifest: ManifestId, foreign: Box<Foreign> },
    /// A packer confirmed a customer's notes.
    NotesConfirmed { order: OrderId },
    /// A refusal was let pass.
    Overridden { station: StationId, order: OrderId, line: u32, code: Code, by: OperatorId, reason: String },

    /// Work was opened at a station.
    WorkOpened { station: StationId, work: Work },
    /// It was taken over from another station.
    WorkTakenOver { station: StationId, from: StationId, work: Work },
    /// It was put aside.
    WorkParked { station: StationId, work: Work },
    /// It was closed.
    WorkClosed { station: StationId, work: Work },
    /// An operator signed in, perhaps in place of another, perhaps coming from another station.
    SignedIn {
        station: StationId,
        operator: OperatorId,
        handed_over_by: Option<OperatorId>,
        left: Option<StationId>,
        at: Moment,
    },
    /// An operator signed out, or was for want of scans.
    SignedOut { station: StationId, operator: OperatorId, idle: bool },
    /// A PIN was right, for an override.
    PinAccepted { station: StationId, operator: OperatorId },
    /// A PIN was wrong.
    PinRefused { station: StationId, operator: OperatorId, at: Moment },
    /// Something is to be printed.
    PrintRequested { job: Box<PrintJob> },
    /// A print job went on.
    PrintStep {
        job: PrintJobId,
        #[serde(default, skip_serializing_if = "Option::is_none")]
        order: Option<OrderId>,
        step: JobStep,
        #[serde(default, skip_serializing_if = "Option::is_none")]
        what: Option<String>,
        #[serde(default, skip_serializing_if = "Option::is_none")]
        station: Option<StationId>,
        #[serde(default, skip_serializing_if = "Option::is_none")]
        printer: Option<PrinterId>,
        #[serde(default, skip_serializing_if = "Option::is_none")]
        at: Option<Moment>,
    },
    /// A person said what becomes of a print job.
    PrintResolved {
        job: PrintJobId,
        #[serde(default, skip_serializing_if = "Option::is_none")]
        order: Option<OrderId>,
        how: Resolution,
        by: Option<OperatorId>,
        #[serde(default, skip_serializing_if = "Option::is_none")]
        printer: Option<PrinterId>,
        #[serde(default, skip_serializing_if = "Option::is_none")]
        copy: Option<u32>,
        #[serde(default, skip_serializing_if = "Option::is_none")]
        at: Option<Moment>,
    },
    /// A printer that jobs wait for could not print for longer than people are to wait.
    PrinterStopped { printer: PrinterId, condition: Condition, waiting: u64, station: Option<StationId> },
    /// It prints again.
    PrinterResumed { printer: PrinterId },
    /// A station remembers something for its next scan.
    Remembered { station: StationId, memory: Memory },
}

/// What a station remembers or forgets.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Memory {
    /// Something must be scanned next, or nothing any more.
    Awaits(Option<Box<Await>>),
    /// The next item counts this many times, or once.
    Quantity(Option<u32>),
    /// The shelf.
    Location(Option<String>),
    /// What the last count counted is no longer there: there is nothing to undo about it.
    CountGone,
    /// The alarm, or its acknowledgement.
    Latch(Option<Box<Verdict>>),
    /// A refusal that could be overridden.
    Refusal(Option<Box<Refusal>>),
    /// An order whose cancellation was shown here: its goods go back now.
    ToldCancelled(OrderId),
    /// Work that was asked for.
    TakeOver(Option<TakeOver>),
    /// The printer that was chosen by its code.
    Printer(Option<PrinterId>),
    /// The last scan of the session.
    Seen(Moment),
}

impl Event {
    /// The event's name in the feed.
    #[must_use]
    pub fn name(&self) -> &'static str {
        match self {
            Event::ProductPut { .. } => "product_put",
            Event::OrderPut { .. } => "order_put",
            Event::ListPut { .. } => "pick_list_put",
            Event::WaybillPut { .. } => "waybill_put",
            Event::ManifestPut { .. } => "manifest_put",
            Event::OperatorPut { .. } => "operator_put",
            Event::WaybillVoided { .. } => "waybill_voided",
            Event::NumberAssigned { .. } => "waybill_assigned",
            Event::NumberPending { .. } => "waybill_pending",
            Event::NumberEntered { .. } => "waybill_entered",
            Event::NumberConflict { .. } => "waybill_conflict",
            Event::NumbersPooled { .. } => "waybills_pooled",
            Event::LetterCorrected { .. } => "letter_corrected",
            Event::LetterLetGo { .. } => "letter_let_go",
            Event::AlertTaken { .. } => "alert_taken",
            Event::RecordsArchived { .. } => "records_archived",
            Event::ArchiveRemoved { .. } => "archive_removed",
            Event::OrderHeld { .. } => "order_held",
            Event::OrderReleased { .. } => "order_released",
            Event::OrderCancelled { .. } => "order_cancelled",
            Event::LineCancelled { .. } => "line_cancelled",
            Event::OrderReaddressed { .. } => "order_readdressed",
            Event::StageReached { .. } => "stage_reached",
            Event::OrderReturned { .. } => "order_returned",
            Event::ShortDecided { .. } => "short_decided",
            Event::AddressConfirmed { .. } => "address_confirmed",
            Event::WaybillWanted { .. } => "waybill_wanted",
            Event::WaybillGivenBack { .. } => "waybill_given_back",
            Event::OrderDiffers { .. } => "order_differs",
            Event::StopListPut { .. } => "stop_list_put",
            Event::BarcodeTaught { .. } => "barcode_taught",
            Event::BarcodeForgotten { .. } => "barcode_forgotten",
            Event::Intercepted { .. } => "intercepted",
            Event::Counted { count, .. } => count.name(),
            Event::CountUndone { .. } => "undone",
            Event::PutBack { .. } => "put_back",
            Event::ShortRecorded { .. } => "short_recorded",
            Event::ParcelOpened { .. } => "parcel_opened",
            Event::ParcelMoved { .. } => "parcel_moved",
            Event::ParcelSealed { .. } => "parcel_sealed",
            Event::ParcelReopened { .. } => "parcel_reopened",
            Event::WaybillBound { .. } => "waybill_bound",
            Event::WaybillLoaded { .. } => "waybill_loaded",
            Event::WaybillUnloaded { .. } => "waybill_unloaded",
            Event::BagOpened { .. } => "bag_opened",
            Event::Bagged { .. } => "bagged",
            Event::Unbagged { .. } => "unbagged",
            Event::LabelMade { .. } => "label_made",
            Event::LabelVoided { .. } => "label_voided",
            Event::BagDissolved { .. } => "bag_dissolved",
            Event::ManifestForeign { .. } => "manifest_foreign",
            Event::NotesConfirmed { .. } => "notes_confirmed",
            Event::Overridden { .. } => "overridden",
            Event::WorkOpened { work: Work::Manifest(_), .. } => "manifest_opened",
            Event::WorkClosed { work: Work::Manifest(_), .. } => "manifest_closed",
            Event::WorkOpened { .. } => "work_opened",
            Event::WorkTakenOver { .. } => "work_taken_over",
            Event::WorkParked { .. } => "work_parked",
            Event::WorkClosed { .. } => "work_closed",
            Event::SignedIn { .. } => "signed_in",
            Event::SignedOut { .. } => "signed_out",
            Event::PinAccepted { .. } => "pin_accepted",
            Event::PinRefused { .. } => "pin_refused",
            Event::PrintRequested { .. } => "print_requested",
            Event::PrintStep { step, .. } => step.name(),
            Event::PrintResolved { .. } => "print_resolved",
            Event::PrinterStopped { .. } => "printer_stopped",
            Event::PrinterResumed { .. } => "printer_resumed",
            Event::Remembered { .. } => "remembered",
        }
    }

    /// Whether the world outside is told; what a station, a manifest or the spool only remembers is not.
    #[must_use]
    pub fn is_public(&self) -> bool {
        !matches!(
            self,
            Event::Remembered { .. }
                | Event::ManifestForeign { .. }
                | Event::NumbersPooled { .. }
                | Event::PrintStep { step: JobStep::Sending(_) | JobStep::Postponed, .. }
        )
    }

    /// A station that it changes besides the one where it came about: its page shows something else now.
    #[must_use]
    pub fn elsewhere(&self) -> Option<&StationId> {
        match self {
            Event::WorkTakenOver { from, .. } => Some(from),
            Event::SignedIn { left, .. } => left.as_ref(),
            Event::ParcelSealed { station, .. } => Some(station),
            _ => None,
        }
    }

    /// The order that it is about, if it is about one.
    #[must_use]
    pub fn order(&self) -> Option<&OrderId> {
        match self {
            Event::OrderPut { spec, .. } => Some(&spec.id),
            Event::OrderHeld { order, .. }
            | Event::NumberAssigned { order, .. }
            | Event::NumberPending { order, .. }
            | Event::NumberEntered { order, .. }
            | Event::NumberConflict { order, .. }
            | Event::OrderReleased { order, .. }
            | Event::OrderCancelled { order }
            | Event::LineCancelled { order, .. }
            | Event::OrderReaddressed { order, .. }
            | Event::StageReached { order, .. }
            | Event::OrderReturned { order, .. }
            | Event::ShortDecided { order, .. }
            | Event::AddressConfirmed { order, .. }
            | Event::WaybillWanted { order, .. }
            | Event::OrderDiffers { order, .. }
            | Event::Intercepted { order, .. }
            | Event::ShortRecorded { order, .. }
            | Event::ParcelMoved { order, .. }
            | Event::ParcelSealed { order, .. }
            | Event::ParcelReopened { order, .. }
            | Event::WaybillBound { order, .. }
            | Event::Bagged { order, .. }
            | Event::Unbagged { order, .. }
            | Event::NotesConfirmed { order }
            | Event::Overridden { order, .. } => Some(order),
            Event::Counted { count, .. } | Event::CountUndone { count, .. } | Event::PutBack { count } => {
                Some(&count.order)
            }
            Event::ParcelOpened { parcel, .. } => Some(&parcel.order),
            Event::PrintRequested { job } => job.order.as_ref(),
            Event::PrintStep { order, .. }
            | Event::PrintResolved { order, .. }
            | Event::WaybillVoided { order, .. }
            | Event::WaybillLoaded { order, .. }
            | Event::WaybillUnloaded { order, .. } => order.as_ref(),
            Event::WaybillPut { waybill } => waybill.only_order(),
            Event::LabelVoided { void, .. } => void.order.as_ref(),
            Event::WorkOpened { work, .. }
            | Event::WorkTakenOver { work, .. }
            | Event::WorkParked { work, .. }
            | Event::WorkClosed { work, .. } => match work {
                Work::Order(order) | Work::PutBack(order) => Some(order),
                Work::List(_) | Work::Waybill(_) | Work::Manifest(_) => None,
            },
            _ => None,
        }
    }
}

impl Count {
    /// `picked`, `packed`, or `verified` where one scan did both.
    #[must_use]
    pub fn name(&self) -> &'static str {
        let picked = self.parts.iter().any(|part| part.picked > 0);
        let packed = self.parts.iter().any(|part| part.packed > 0);
        match (picked, packed) {
            (true, true) => "verified",
            (false, true) => "packed",
            _ => "picked",
        }
    }
}

/// Ids that a pick list's lines name, each once.
#[must_use]
pub fn list_orders(list: &PickList) -> Vec<OrderId> {
    let mut orders: Vec<OrderId> = Vec::new();
    for line in &list.lines {
        if !orders.contains(&line.order) {
            orders.push(line.order.clone());
        }
    }
    orders
}

/// The id of a list in work, for verdicts.
#[must_use]
pub fn work_list(work: &Work) -> Option<&PickListId> {
    match work {
        Work::List(list) => Some(list),
        _ => None,
    }
}
