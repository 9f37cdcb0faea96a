//! Stations: how they are set, and what they remember between two scans.

use serde::{Deserialize, Serialize};

use super::bag::BagRules;
use super::clock::Moment;
use super::ids::{
    ManifestId, OperatorId, OrderId, ParcelId, PickListId, PrintJobId, PrinterId, Sku, StationId, WaybillNo,
};
use super::order::Identity;
use super::verdict::{Code, Verdict};

/// What a station is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Mode {
    /// Counts `picked`.
    Pick,
    /// Counts `packed`, never more than was picked.
    Pack,
    /// One scan counts both.
    Bench,
    /// The dock.
    Load,
    /// Answers what a code is.
    Info,
}

/// How operators sign in.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum SignIn {
    /// Not at all.
    #[default]
    None,
    /// By their badge.
    Badge,
    /// By their badge, then a PIN that is typed and never scanned.
    BadgePin,
}

/// Who seals a parcel.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Seal {
    /// It is sealed by itself when the order's last line completes.
    #[default]
    Auto,
    /// `WB:C:SEAL` seals it.
    Manual,
}

/// How a parcel gets its waybill.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Bind {
    /// The waybill that is stuck on it is scanned.
    #[default]
    Scan,
    /// It takes the one that upstream assigned to its order.
    Assigned,
}

/// How a station is set.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StationRules {
    /// Which station.
    pub id: StationId,
    /// What it is for.
    pub mode: Mode,
    /// How operators sign in.
    pub sign_in: SignIn,
    /// Whether a stop stays until acknowledged.
    pub latch: bool,
    /// Whether it only watches.
    pub shadow: bool,
    /// Who seals.
    pub seal: Seal,
    /// How waybills are bound.
    pub bind: Bind,
    /// Whether the slot must be scanned after the item.
    pub confirm_slot: bool,
    /// Whether an item scanned with nothing open opens the single-line order that waits for it longest.
    pub item_first: bool,
    /// Seconds without a scan after which the operator is signed out; 0: never.
    pub sign_out_after: u64,
    /// Where it prints, unless another printer was chosen by its code.
    pub printer: Option<PrinterId>,
    /// Whether the waybill of a sealed parcel is printed by itself.
    pub print_waybill: bool,
    /// By which template.
    pub waybill_template: String,
    /// How it fills bags.
    pub bag: BagRules,
    /// Whether its page shows consignees in full.
    pub show_consignee: bool,
}

/// The template of a single waybill, where a station has no other.
pub const WAYBILL_TEMPLATE: &str = "waybill-100x150";

impl StationRules {
    /// A station with every option at its default.
    #[must_use]
    pub fn new(id: StationId, mode: Mode) -> Self {
        StationRules {
            id,
            mode,
            sign_in: SignIn::None,
            latch: true,
            shadow: false,
            seal: Seal::Auto,
            bind: Bind::Scan,
            confirm_slot: false,
            item_first: false,
            sign_out_after: 0,
            printer: None,
            print_waybill: false,
            waybill_template: WAYBILL_TEMPLATE.to_owned(),
            bag: BagRules::default(),
            show_consignee: false,
        }
    }
}

/// What is open at a station.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Work {
    /// A pick list.
    List(PickListId),
    /// A single order.
    Order(OrderId),
    /// The orders on a waybill.
    Waybill(WaybillNo),
    /// An order whose goods go back to the shelf.
    PutBack(OrderId),
    /// A manifest, at the dock.
    Manifest(ManifestId),
}

/// What a station remembers between two scans; it survives a restart.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Station {
    /// Which station.
    pub id: StationId,
    /// Who works there.
    #[serde(default, skip_serializing_if = "super::is_default")]
    pub session: Option<Session>,
    /// What is open.
    #[serde(default, skip_serializing_if = "super::is_default")]
    pub work: Option<Work>,
    /// The alarm that waits for its acknowledgement.
    #[serde(default, skip_serializing_if = "super::is_default")]
    pub latch: Option<Box<Verdict>>,
    /// What must be scanned next.
    #[serde(default, skip_serializing_if = "super::is_default")]
    pub awaits: Option<Await>,
    /// How many times the next item counts.
    #[serde(default, skip_serializing_if = "super::is_default")]
    pub quantity: Option<u32>,
    /// The shelf that was scanned last.
    #[serde(default, skip_serializing_if = "super::is_default")]
    pub location: Option<String>,
    /// What undo reverses, last one last.
    #[serde(default, skip_serializing_if = "super::is_default")]
    pub counts: Vec<Count>,
    /// Sealed parcels that wait for their waybill, oldest first, at most [`UNBOUND_MAX`].
    #[serde(default, skip_serializing_if = "super::is_default")]
    pub unbound: Vec<ParcelId>,
    /// Bound parcels that wait for their bag, oldest first, at most [`super::bag::WAITING_MAX`].
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub unbagged: Vec<ParcelId>,
    /// The last refusal, for an override.
    #[serde(default, skip_serializing_if = "super::is_default")]
    pub refusal: Option<Refusal>,
    /// The order whose cancellation was shown here last.
    #[serde(default, skip_serializing_if = "super::is_default")]
    pub told_cancelled: Option<OrderId>,
    /// Work that is open elsewhere and was asked for.
    #[serde(default, skip_serializing_if = "super::is_default")]
    pub take_over: Option<TakeOver>,
    /// The printer that was chosen by its code, in place of the station's own.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub printer: Option<PrinterId>,
    /// What was printed for this station last.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub last_print: Option<PrintJobId>,
}

/// Sealed parcels that a station remembers as waiting for their waybill, a day without any courier; they are written with
/// every scan. Older ones are found by their orders.
pub const UNBOUND_MAX: usize = 1_000;

/// How many counts undo can reverse; they are written with every scan, so they are few.
pub const UNDO_MAX: usize = 10;

impl Station {
    /// A station at which nothing has happened.
    #[must_use]
    pub fn new(id: StationId) -> Self {
        Station {
            id,
            session: None,
            work: None,
            latch: None,
            awaits: None,
            quantity: None,
            location: None,
            counts: Vec::new(),
            unbound: Vec::new(),
            unbagged: Vec::new(),
            refusal: None,
            told_cancelled: None,
            take_over: None,
            printer: None,
            last_print: None,
        }
    }
}

/// An operator at a station (作业会话).
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Session {
    /// Who.
    pub operator: OperatorId,
    /// Since when.
    pub since: Moment,
    /// The last scan.
    pub last: Moment,
}

/// Something that must be scanned before the scan before it has an effect.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Await {
    /// What.
    pub what: Awaited,
    /// Since when; it lapses.
    pub since: Moment,
}

/// What must be scanned.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Awaited {
    /// A trait of the unit that was scanned.
    Trait(Item, Trait),
    /// The product, of several that bear the code.
    Sku(Vec<Item>),
    /// The slot that the unit goes into.
    Slot(Item, String),
    /// The item or line that is short.
    Short(crate::barcode::codes::ShortReason),
    /// The waybill that comes off the truck.
    Unload,
    /// The bag that a parcel goes into.
    Bag(ParcelId),
    /// The parcel that comes out of its bag.
    Unbag,
    /// The bag that is closed.
    SealBag,
    /// What is put back.
    PutBack,
    /// A lead's word that a manifest leaves without what is missing.
    Close,
    /// The badge of somebody who may override.
    OverrideBadge,
    /// Why the refusal may pass.
    OverrideReason(OperatorId),
    /// The product of the unreadable label.
    OverrideItem(OperatorId, String),
    /// The code that is taught.
    TeachCode,
    /// The product that bears this code.
    TeachItem(String),
    /// The badge of a supervisor who vouches that a product bears this code, and how many it stands for.
    TeachBadge(String, Sku, u32),
    /// Why something is printed again.
    ReprintReason(PrintJobId),
    /// The PIN of whoever showed a badge; it never comes as a scan.
    Pin(OperatorId, PinFor),
}

/// What a PIN opens.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum PinFor {
    /// The station.
    SignIn,
    /// An override by a lead.
    Override,
}

/// A trait of a unit that can be awaited.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Trait {
    /// Lot.
    Lot,
    /// Serial.
    Serial,
    /// Expiry date.
    Expiry,
    /// Revision.
    Revision,
}

impl Trait {
    /// The verdict that asks for it.
    #[must_use]
    pub fn code(self) -> Code {
        match self {
            Trait::Lot => Code::AwaitingLot,
            Trait::Serial => Code::AwaitingSerial,
            Trait::Expiry => Code::AwaitingExpiry,
            Trait::Revision => Code::AwaitingRevision,
        }
    }
}

/// What an item scan said.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Item {
    /// The product.
    pub sku: Sku,
    /// Base units that the code stands for, times a quantity command.
    pub quantity: u32,
    /// What is known of the unit.
    pub identity: Identity,
    /// The refusal that somebody lets pass for it.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub waiver: Option<Waiver>,
}

/// A refusal that somebody lets pass.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Waiver {
    /// Which.
    pub code: Code,
    /// Who.
    pub by: OperatorId,
    /// Why.
    pub reason: String,
}

impl Item {
    /// Whether a refusal is let pass for it.
    #[must_use]
    pub fn waives(&self, code: Code) -> bool {
        self.waiver.as_ref().is_some_and(|waiver| waiver.code == code)
    }
}

/// Units that were counted, with all that is needed to reverse it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Count {
    /// For which order.
    pub order: OrderId,
    /// For which of its lines.
    pub line: u32,
    /// Through which line of which pick list.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub list: Option<(PickListId, usize)>,
    /// The product taken.
    pub sku: Sku,
    /// Base units.
    pub quantity: u32,
    /// What was captured of them.
    #[serde(skip_serializing_if = "identity_is_empty", default)]
    pub identity: Identity,
    /// What it adds to each part of the line.
    pub parts: Vec<PartCount>,
    /// The box that they went into.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub parcel: Option<ParcelId>,
}

fn identity_is_empty(identity: &Identity) -> bool {
    *identity == Identity::default()
}

/// What a count adds to one part of a line, in base units.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct PartCount {
    /// Which part.
    pub part: usize,
    /// Taken from the shelf.
    pub picked: u32,
    /// Put into the box.
    pub packed: u32,
}

/// A refusal that could be overridden.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Refusal {
    /// Its code.
    pub code: Code,
    /// What was scanned; none for an unreadable label.
    pub item: Option<Item>,
}

/// Work that is open elsewhere and was asked for once.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct TakeOver {
    /// What.
    pub work: Work,
    /// When.
    pub at: Moment,
}
