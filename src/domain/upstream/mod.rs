//! What the systems above say: products, orders, pick lists, waybills, manifests, operators, and words about an order.
//!
//! Each is judged like a scan: facts to record, or a reason why not.

mod action;
mod address;
mod intake;
mod label;
mod manifest;
mod stop_list;

use super::bag;
use super::consolidate::Reason;
use super::event::Event;
use super::ids::{
    BagId, CarrierCode, ManifestId, OperatorId, OrderId, ParcelId, PickListId, Sku, StopListId, WaybillNo,
};
use super::manifest::Expects;
use super::order::{Consignee, HoldReason, OrderSpec, ShortDecision, Stage};
use super::product::{Barcode, RevisionPattern, Tracking};
use super::view::View;
use super::work::{LabelFile, PinHash, Role};

pub use self::action::{give_back_waybill, order_action, void_waybill};
pub use self::intake::intake;
pub(in crate::domain) use self::intake::waybill_put;
pub use self::label::{LabelPrint, LabelSpec, make_label, print_label, void_label};

/// What upstream's words are judged by, besides the warehouse.
#[derive(Clone, Copy, Debug)]
pub struct Terms {
    /// When they came. A window after the payment is a span of the wall clock, as the payment was elsewhere.
    pub at: jiff::Timestamp,
    /// Minutes after the payment in which the address may change.
    pub address_window_minutes: u32,
}

/// Minutes after the payment in which the address may change, unless configured: the platforms' own two hours.
pub const ADDRESS_WINDOW_MINUTES: u32 = 120;

/// A thing that upstream describes.
#[derive(Clone, Debug)]
pub enum Thing {
    /// A product.
    Product(ProductSpec),
    /// An order.
    Order(Box<OrderSpec>),
    /// A pick list.
    List(ListSpec),
    /// A waybill.
    Waybill(WaybillSpec),
    /// A manifest.
    Manifest(ManifestSpec),
    /// An operator.
    Operator(OperatorSpec),
    /// A stop-list.
    StopList(StopListSpec),
}

/// A stop-list as upstream describes it.
#[derive(Clone, Debug)]
pub struct StopListSpec {
    /// Its id.
    pub id: StopListId,
    /// Upstream's version of this object.
    pub version: Option<i64>,
    /// The product.
    pub sku: Sku,
    /// Its lots; none: all of it.
    pub lots: Vec<String>,
    /// Why.
    pub reason: Option<String>,
    /// Whether it holds; false lifts it.
    pub active: bool,
}

impl Thing {
    /// The file that is kept beside it, if it has one.
    #[must_use]
    pub fn file(&self) -> Option<LabelFile> {
        match self {
            Thing::Waybill(spec) => spec.label.clone(),
            _ => None,
        }
    }
}

/// A product as upstream describes it.
#[derive(Clone, Debug)]
pub struct ProductSpec {
    /// Its stock-keeping unit.
    pub sku: Sku,
    /// Upstream's version of this object.
    pub version: Option<i64>,
    /// What people call it.
    pub name: String,
    /// Codes on it.
    pub barcodes: Vec<Barcode>,
    /// Part numbers.
    pub part_numbers: Vec<String>,
    /// What must be captured with each unit.
    pub tracking: Vec<Tracking>,
    /// Where its revision stands in a lot or serial.
    pub revision_pattern: Option<RevisionPattern>,
}

/// A pick list as upstream describes it.
#[derive(Clone, Debug)]
pub struct ListSpec {
    /// Its id.
    pub id: PickListId,
    /// Upstream's version of this object.
    pub version: Option<i64>,
    /// The tote that travels with it.
    pub tote: Option<String>,
    /// What is on it.
    pub content: ListContent,
}

/// What is on a pick list.
#[derive(Clone, Debug)]
pub enum ListContent {
    /// Everything that these orders still want.
    Orders(Vec<OrderId>),
    /// These lines.
    Lines(Vec<ListLineSpec>),
}

/// A pick line as upstream describes it.
#[derive(Clone, Debug)]
pub struct ListLineSpec {
    /// For which order.
    pub order: OrderId,
    /// For which of its lines.
    pub line: u32,
    /// How many sets or base units.
    pub quantity: u32,
    /// The shelf.
    pub location: Option<String>,
    /// The put-wall slot.
    pub slot: Option<String>,
}

/// A waybill as upstream describes it.
#[derive(Clone, Debug)]
pub struct WaybillSpec {
    /// The carrier's number.
    pub number: WaybillNo,
    /// Upstream's version of this object.
    pub version: Option<i64>,
    /// Who carries it.
    pub carrier: CarrierCode,
    /// Whose parcels may travel under it.
    pub orders: Vec<OrderId>,
    /// The main number of a multi-piece shipment.
    pub parent: Option<WaybillNo>,
    /// The number that it stands in for.
    pub replaces: Option<WaybillNo>,
    /// The carrier's or platform's own label.
    pub label: Option<LabelFile>,
}

/// A manifest as upstream describes it.
#[derive(Clone, Debug)]
pub struct ManifestSpec {
    /// Its id.
    pub id: ManifestId,
    /// Upstream's version of this object.
    pub version: Option<i64>,
    /// Who takes it.
    pub carrier: CarrierCode,
    /// When it leaves (RFC 3339).
    pub departure: Option<String>,
    /// What is expected.
    pub expects: Expects,
}

/// An operator as upstream describes them.
#[derive(Clone, Debug)]
pub struct OperatorSpec {
    /// Id.
    pub id: OperatorId,
    /// Upstream's version of this object.
    pub version: Option<i64>,
    /// What colleagues call them.
    pub name: String,
    /// What they may do.
    pub role: Role,
    /// Whether they still work here.
    pub active: bool,
    /// A fresh badge secret; one who has a badge keeps it.
    pub fresh_badge: String,
    /// A new PIN; without one the old one stays.
    pub pin: Option<PinHash>,
}

/// A word about an order.
#[derive(Clone, Debug)]
pub enum OrderAction {
    /// Stop it.
    Hold {
        /// Why.
        reason: HoldReason,
        /// In their words.
        note: Option<String>,
        /// Of a risk: `credit`, `unpaid`, `unsigned_drawing`, or a word of their own.
        kind: Option<String>,
    },
    /// Let it go on.
    Release {
        /// For which reason it was stopped; none: all that were given through the API.
        reason: Option<HoldReason>,
    },
    /// Cancel it, or these quantities of its lines.
    Cancel {
        /// Line and quantity; none: the whole order.
        lines: Option<Vec<(u32, u32)>>,
    },
    /// Somebody or somewhere else receives it.
    Address(Consignee),
    /// A supervisor confirms the new address.
    ConfirmAddress {
        /// The secret on the badge.
        badge: String,
    },
    /// It reached a stage.
    Stage(Stage),
    /// A return came in.
    Return {
        /// The order that goes out in exchange.
        exchange_order: Option<String>,
    },
    /// What becomes of a short line.
    ShortDecision {
        /// Which line.
        line: u32,
        /// What becomes of it.
        decision: ShortDecision,
    },
    /// A person enters its waybill number.
    EnterNumber {
        /// As typed.
        text: String,
        /// Who.
        by: String,
        /// It is right although it looks like none of this carrier.
        confirmed: bool,
    },
}

/// What became of what upstream said.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// It is new.
    Created(Vec<Event>),
    /// It changed something.
    Updated(Vec<Event>),
    /// It says nothing new.
    Unchanged,
    /// It can't be.
    Refused(Refusal),
    /// It can't be, and people must see that upstream says so.
    Disputed(Refusal, Vec<Event>),
}

impl Outcome {
    /// The facts to record.
    #[must_use]
    pub fn events(&self) -> &[Event] {
        match self {
            Outcome::Created(events) | Outcome::Updated(events) | Outcome::Disputed(_, events) => events,
            Outcome::Unchanged | Outcome::Refused(_) => &[],
        }
    }

    /// Why it can't be.
    #[must_use]
    pub fn refusal(&self) -> Option<&Refusal> {
        match self {
            Outcome::Refused(refusal) | Outcome::Disputed(refusal, _) => Some(refusal),
            _ => None,
        }
    }

    /// The outcome with what its facts do to bags.
    fn with_bags(self, view: &dyn View) -> Self {
        match self {
            Outcome::Created(events) => Outcome::Created(bag::before(view, events)),
            Outcome::Updated(events) => Outcome::Updated(bag::before(view, events)),
            other => other,
        }
    }

    fn updated(events: Vec<Event>) -> Self {
        if events.is_empty() { Outcome::Unchanged } else { Outcome::Updated(events) }
    }
}

/// Why something that upstream said can't be.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    /// No such order.
    #[error("there is no order {0}")]
    UnknownOrder(OrderId),
    /// No such line.
    #[error("order {0} has no line {1}")]
    UnknownLine(OrderId, u32),
    /// No such waybill.
    #[error("there is no waybill {0}")]
    UnknownWaybill(WaybillNo),
    /// Two orders can't have one tracking code: it says which order a scan opens.
    #[error("the tracking code {0} is that of order {1}")]
    TrackingTaken(String, OrderId),
    /// A waybill that would void itself.
    #[error("waybill {0} can't replace itself")]
    ReplacesItself(WaybillNo),
    /// A list names more than the order wants.
    #[error(
        "order {order} line {line}: {wanted} asked for, but only {free} are not yet on another unfinished pick list"
    )]
    AlreadyListed {
        /// The order.
        order: OrderId,
        /// Its line.
        line: u32,
        /// Asked for.
        wanted: u32,
        /// Not yet on another list.
        free: u32,
    },
    /// A list with nothing on it.
    #[error("nothing on it is left to pick")]
    NothingToPick,
    /// The list is being worked on.
    #[error("pick list {0} is being worked on and can't be changed")]
    ListInWork(PickListId),
    /// An order without lines.
    #[error("an order needs at least one line")]
    NoLines,
    /// The same line number twice.
    #[error("line {0} stands twice")]
    LineTwice(u32),
    /// More units of a component than any line may demand.
    #[error("line {0}: its sets hold more than 1,000,000 units of a component")]
    KitTooLarge(u32),
    /// A gift to a line that isn't there.
    #[error("line {0} is a gift to line {1}, which is not another line of this order")]
    GiftToNothing(u32, u32),
    /// What is wanted changed after it was picked.
    #[error("line {0} was begun: what was picked for it is not what is wanted now; the station's page tells of it")]
    LineBegun(u32),
    /// Another carrier while waybills hold.
    #[error("waybill {0} was issued by {1}; void it before the carrier changes")]
    CarrierFixed(WaybillNo, CarrierCode),
    /// The waybill's carrier is not the order's.
    #[error("order {order} goes with {wanted}, this waybill is from {got}")]
    WrongCarrier {
        /// The order.
        order: OrderId,
        /// The order's carrier.
        wanted: CarrierCode,
        /// The waybill's.
        got: CarrierCode,
    },
    /// One waybill for two consignees.
    #[error("orders {0} and {1} go to different consignees and can't share a waybill")]
    TwoConsignees(OrderId, OrderId),
    /// A waybill without orders.
    #[error("a waybill needs at least one order")]
    NoOrders,
    /// The order is cancelled.
    #[error("order {0} is cancelled")]
    Cancelled(OrderId),
    /// The waybill no longer holds.
    #[error("waybill {0} is void")]
    Void(WaybillNo),
    /// Parcels are bound to it.
    #[error("parcels are bound to waybill {0}; its orders can't be changed")]
    Bound(WaybillNo),
    /// A label on which no code can be read.
    #[error("no code can be read on the label of waybill {0}")]
    LabelUnread(WaybillNo),
    /// A label without the waybill's number.
    #[error("the label does not show {number}; its codes say {read}")]
    LabelOfAnother {
        /// The waybill.
        number: WaybillNo,
        /// What was read instead.
        read: String,
    },
    /// A label that shows another waybill's number beside its own.
    #[error("the label of waybill {0} shows the number of waybill {1}, too")]
    LabelOfTwo(WaybillNo, WaybillNo),
    /// It is on the truck.
    #[error("waybill {0} is loaded; unload it first")]
    Loaded(WaybillNo),
    /// A manifest that names something of another carrier.
    #[error("{what} goes with {theirs}, this manifest is for {wanted}")]
    OtherCarrier {
        /// What it names.
        what: String,
        /// Who carries that.
        theirs: CarrierCode,
        /// Whom the manifest is for.
        wanted: CarrierCode,
    },
    /// A manifest with empty lists.
    #[error("a manifest names at least one order or waybill, or has no lists and takes everything of its carrier")]
    NothingListed,
    /// The manifest was handed over.
    #[error("manifest {0} is closed and can't be changed")]
    ManifestClosed(ManifestId),
    /// A stage that this box triggers itself, or one that is not next.
    #[error("{}", out_of_turn(*now, *wanted))]
    StageOutOfTurn {
        /// The stage reached.
        now: Stage,
        /// The stage asked for.
        wanted: Stage,
    },
    /// Nothing of a line is cancelled.
    #[error("line {0}: quantity is 0; it must be 1 to 1,000,000")]
    CancelNothing(u32),
    /// A version that was used for something else.
    #[error("version {version} of {what} is known and says something else; send what changed as a newer version")]
    VersionReused {
        /// What was described.
        what: String,
        /// Its version.
        version: i64,
    },
    /// More cancelled than demanded.
    #[error("line {line}: {wanted} can't be cancelled, {demanded} are demanded")]
    CancelTooMuch {
        /// The line.
        line: u32,
        /// Asked for.
        wanted: u32,
        /// Demanded now.
        demanded: u32,
    },
    /// The line is not short.
    #[error("line {0} is not short")]
    NotShort(u32),
    /// No such parcel.
    #[error("there is no parcel {0}")]
    UnknownParcel(ParcelId),
    /// No such label.
    #[error("there is no label {0}")]
    UnknownLabel(BagId),
    /// A label of nothing.
    #[error("a label needs at least one order or parcel")]
    NothingToLabel,
    /// Something of the order is not in a sealed box, or must be put back.
    #[error("order {0} is not packed and sealed")]
    NotPacked(OrderId),
    /// The parcel has no waybill.
    #[error("parcel {0} has no waybill; bind one first")]
    NotBound(ParcelId),
    /// The order is held.
    #[error("order {0} is held")]
    Held(OrderId),
    /// The parcel is on the truck.
    #[error("parcel {0} is loaded; unload it first")]
    ParcelLoaded(ParcelId),
    /// The parcel is in a bag already.
    #[error("parcel {0} is in bag {1}; take it out, or void that label")]
    InBag(ParcelId, BagId),
    /// The order lacks what decides who may share a bag.
    #[error("order {0} has no receiving region: it shares no bag")]
    Lacking(OrderId),
    /// Two parcels may not share a bag.
    #[error(
        "orders {first} and {other} can't share a bag: {}",
        crate::message::reason_text(reason, crate::message::Language::English)
    )]
    NotTogether {
        /// The first one.
        first: OrderId,
        /// The one that may not join it.
        other: OrderId,
        /// Why.
        reason: Reason,
    },
    /// An order that has a number.
    #[error("order {0} has the number {1}; void it first")]
    HasNumber(OrderId, WaybillNo),
    /// A number that covers something else.
    #[error("the number {0} was given before")]
    NumberInUse(WaybillNo),
    /// A text that looks like no number of this carrier.
    #[error("\"{text}\" looks like no number of {carrier}; check it, and confirm it if it is right")]
    NotItsNumber {
        /// The order's carrier.
        carrier: CarrierCode,
        /// What was entered.
        text: String,
    },
    /// No number is left that was fetched ahead.
    #[error("no number of {0} is left")]
    PoolEmpty(String),
    /// A label without parcels that were put on it yet.
    #[error("bag {0} is open: its label is made when it closes")]
    LabelNotMade(BagId),
    /// No version of the label holds.
    #[error("label {0} is void; its codes alarm, and it is not printed again")]
    LabelVoid(BagId),
    /// A rule keeps an order on it from being printed.
    #[error("order {0} may not be printed now: {code}", code = .1.as_str())]
    NotPrintable(OrderId, super::verdict::Code),
    /// A copy without a reason.
    #[error("label {0} was printed before; a copy needs a reason")]
    NoReason(BagId),
    /// No printer takes the template.
    #[error("no printer takes the template \"{0}\" there")]
    NoPrinter(String),
    /// No such template.
    #[error("{0}")]
    NoTemplate(String),
    /// No such station.
    #[error("there is no station {0}")]
    UnknownStation(super::ids::StationId),
    /// A hold that a rule made.
    #[error(
        "waybind holds it by itself: for missing products until they come, for a new address until a supervisor confirms it"
    )]
    HeldByRule,
    /// The window for changes of address is over.
    #[error("order {order}: its address could be changed until {until}; cancel it, or talk to the warehouse")]
    AddressTooLate {
        /// The order.
        order: OrderId,
        /// The end of the window.
        until: jiff::Timestamp,
    },
    /// No new address waits for a word.
    #[error("no new address of order {0} waits to be confirmed")]
    NothingToConfirm(OrderId),
    /// The badge is nobody's who may.
    #[error("a supervisor's badge is wanted")]
    NoSupervisor,
    /// The number still holds, or does not go back.
    #[error("waybill {0} does not wait to be returned to its carrier")]
    NotToReturn(WaybillNo),
    /// More lots than a stop-list names.
    #[error("{0} lots; a stop-list names up to {max}, or the whole product", max = super::rules::recall::LOTS_MAX)]
    TooManyLots(usize),
}

/// Why a stage can't be reached now.
fn out_of_turn(now: Stage, wanted: Stage) -> String {
    if super::apply::is_local_stage(wanted) {
        return format!("the stage {} is reached by packing and binding here, never by a call", wanted.as_str());
    }
    let next = Stage::ALL.get(now as usize + 1).map_or("none", |next| next.as_str());
    format!("the stage is {}; {} can't follow it, the next one is {next}", now.as_str(), wanted.as_str())
}
