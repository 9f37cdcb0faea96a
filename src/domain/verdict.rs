//! What we decided about a scan: one code out of a closed list, ordered by precedence.

use serde::{Deserialize, Serialize};

use jiff::civil::Date;

use super::ids::{BagId, CarrierCode, OrderId, ParcelId, PickListId, ScanId, Sku, WaybillNo};
use super::rules::Rule;

/// How a verdict looks, sounds and whether it latches.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Severity {
    /// Green: it counted, or was done.
    Ok,
    /// Blue: something more must be scanned.
    More,
    /// Grey: for information.
    Info,
    /// Amber: not now.
    Warn,
    /// Red: an alarm, and where the station is set so it stays until acknowledged.
    Stop,
}

macro_rules! codes {
    ($($(#[$doc:meta])* $variant:ident $name:literal $severity:ident;)*) => {
        /// A verdict code. The refusals stand in the order in which they are checked: of several that apply, the
        /// first is the verdict.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
        pub enum Code {
            $($(#[$doc])* #[serde(rename = $name)] $variant,)*
        }

        impl Code {
            /// Every code, in precedence.
            pub const ALL: &'static [Code] = &[$(Code::$variant,)*];

            /// The name as it stands in JSON, the ledger and metrics.
            #[must_use]
            pub fn as_str(self) -> &'static str {
                match self { $(Code::$variant => $name,)* }
            }

            /// How it looks and sounds.
            #[must_use]
            pub fn severity(self) -> Severity {
                match self { $(Code::$variant => Severity::$severity,)* }
            }
        }
    };
}

codes! {
    /// This scan id was used before with other content.
    ScanIdConflict "scan_id_conflict" Warn;
    /// A commit whose outcome is not known.
    NotConfirmed "not_confirmed" Stop;
    /// The record could not be made durable.
    NotRecorded "not_recorded" Stop;
    /// An earlier stop waits for its acknowledgement.
    AlarmLatched "alarm_latched" Stop;
    /// Broken frame, bad check digit, malformed GS1.
    Unreadable "unreadable" Warn;
    /// The same code twice in one frame.
    DoubledCode "doubled_code" Warn;
    /// The station wants an operator.
    NotSignedIn "not_signed_in" Warn;
    /// The operator's role does not reach.
    NotAllowed "not_allowed" Warn;
    /// Nothing here bears this code.
    UnknownCode "unknown_code" Warn;
    /// A right code at the wrong moment.
    WrongStep "wrong_step" Warn;
    /// Open at another station.
    ListInUse "list_in_use" Warn;
    /// Several things bear it and nothing says which is meant.
    AmbiguousCode "ambiguous_code" Warn;
    /// The item is on no line of what is open.
    NotOnList "not_on_list" Stop;
    /// The order is below `stock_locked`.
    OrderNotReleased "order_not_released" Stop;
    /// The order was cancelled.
    OrderCancelled "order_cancelled" Stop;
    /// The order is held.
    OrderHeld "order_held" Stop;
    /// The product or lot is on a stop-list.
    Recalled "recalled" Stop;
    /// This serial was picked before and not undone.
    SerialAlreadyUsed "serial_already_used" Stop;
    /// The line names another shelf.
    WrongLocation "wrong_location" Stop;
    /// The line's order collects in another slot.
    WrongSlot "wrong_slot" Stop;
    /// The line pins another revision.
    WrongRevision "wrong_revision" Stop;
    /// The line pins another lot, or another lot was picked.
    WrongLot "wrong_lot" Stop;
    /// The line pins other serials, or this one was not picked for it.
    WrongSerial "wrong_serial" Stop;
    /// Expired, or earlier than the line accepts.
    Expired "expired" Stop;
    /// More than all lines that could take it still need.
    OverQuantity "over_quantity" Stop;
    /// This waybill is not the parcel's.
    WrongWaybill "wrong_waybill" Stop;
    /// This bag is not the parcel's.
    WrongBag "wrong_bag" Stop;
    /// The gift is not in the box.
    GiftMissing "gift_missing" Stop;
    /// A waybill number that no longer holds.
    WaybillVoid "waybill_void" Stop;
    /// A label version that no longer holds.
    LabelVoid "label_void" Stop;
    /// Not on the open manifest.
    WrongCarrier "wrong_carrier" Stop;
    /// Its parcels are on the truck.
    WaybillAlreadyLoaded "waybill_already_loaded" Warn;
    /// An order on it is not complete.
    WaybillIncomplete "waybill_incomplete" Stop;

    /// This scan was recorded before; nothing was counted again.
    AlreadyRecorded "already_recorded" Info;
    /// Matches an ignore pattern.
    Ignored "ignored" Info;
    /// An identical frame within the device's bounce time.
    Bounced "bounced" Info;
    /// The lot is still to be scanned.
    AwaitingLot "awaiting_lot" More;
    /// The serial is still to be scanned.
    AwaitingSerial "awaiting_serial" More;
    /// The expiry date is still to be scanned.
    AwaitingExpiry "awaiting_expiry" More;
    /// The revision is still to be scanned.
    AwaitingRevision "awaiting_revision" More;
    /// Several products bear the code: the shelf or product label is still to be scanned.
    AwaitingSku "awaiting_sku" More;
    /// The put-wall slot is still to be scanned.
    AwaitingSlot "awaiting_slot" More;
    /// For information.
    Info "info" Info;

    /// Counted.
    Accepted "accepted" Ok;
    /// Counted, and the line is complete.
    LineComplete "line_complete" Ok;
    /// Counted, and the order is complete.
    OrderComplete "order_complete" Ok;
    /// Counted, and the list is complete.
    ListComplete "list_complete" Ok;
    /// The parcel is sealed.
    ParcelSealed "parcel_sealed" Ok;
    /// The parcel travels under this waybill.
    WaybillBound "waybill_bound" Ok;
    /// The parcel is in its bag.
    Bagged "bagged" Ok;
    /// The waybill's parcels are on the truck.
    WaybillLoaded "waybill_loaded" Ok;
    /// The waybill's parcels are off the truck.
    Unloaded "unloaded" Ok;
    /// Put back.
    PutBack "put_back" Ok;
    /// Work is open.
    Opened "opened" Ok;
    /// Work is parked.
    Paused "paused" Ok;
    /// Work is closed.
    Closed "closed" Ok;
    /// The operator is signed in.
    SignedIn "signed_in" Ok;
    /// The operator is signed out.
    SignedOut "signed_out" Ok;
    /// The last count is reversed.
    Undone "undone" Ok;
    /// The alarm is acknowledged.
    Acknowledged "acknowledged" Ok;
    /// The shortage is recorded.
    ShortRecorded "short_recorded" Ok;
    /// The refusal was let pass.
    Overridden "overridden" Ok;
    /// The station learned a barcode.
    BarcodeTaught "barcode_taught" Ok;
    /// The customer's note is confirmed.
    NoteConfirmed "note_confirmed" Ok;
}

impl Code {
    /// Whether it counted or did something.
    #[must_use]
    pub fn is_accepted(self) -> bool {
        self.severity() == Severity::Ok
    }

    /// Whether it is a refusal.
    #[must_use]
    pub fn is_refusal(self) -> bool {
        matches!(self.severity(), Severity::Warn | Severity::Stop)
    }
}

/// What was expected, or what was scanned; only what matters is there.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Facts {
    /// Product.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub sku: Option<Sku>,
    /// What people call it.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub name: Option<String>,
    /// Batch or lot number.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub lot: Option<String>,
    /// Serial number, or the numbers that would do.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub serial: Option<String>,
    /// Expiry date; expected: the earliest that would do.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub expiry: Option<Date>,
    /// Product revision.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub revision: Option<String>,
    /// Base units.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub quantity: Option<u32>,
    /// Shelf.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub location: Option<String>,
    /// Put-wall slot.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub slot: Option<String>,
    /// Waybill.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub waybill: Option<WaybillNo>,
    /// Bag, by its tag or id, with the label's version where that matters.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub bag: Option<String>,
    /// Carrier.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub carrier: Option<CarrierCode>,
    /// The text as scanned.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub text: Option<String>,
}

impl Facts {
    /// Whether there is nothing to show.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        *self == Facts::default()
    }
}

/// Something that is still open on an order.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Missing {
    /// The order.
    pub order: OrderId,
    /// Its line, where it is a line that is open.
    pub line: Option<u32>,
    /// How many sets or base units, where a number says more.
    pub quantity: Option<u32>,
    /// What.
    pub why: MissingWhy,
}

/// What is still open on an order.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum MissingWhy {
    /// Not picked.
    NotPicked,
    /// Picked, not packed.
    NotPacked,
    /// Not found; waits for a decision.
    ShortUndecided,
    /// Must be put back.
    ToPutBack,
    /// A parcel is still open.
    NotSealed,
    /// A parcel has no waybill.
    NotBound,
    /// There is no parcel under this waybill.
    NoParcel,
    /// Not on the truck.
    NotLoaded,
}

/// Why a code came at the wrong moment, or what a word of information is about; a person reads it as a sentence.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Why {
    /// Nothing is open here.
    NothingOpen,
    /// Other work is open here.
    WorkOpen,
    /// Lines are still open.
    LinesOpen,
    /// Everything on it is done.
    NothingLeft,
    /// No manifest is open here.
    NoManifest,
    /// Another manifest is open here.
    ManifestOpen,
    /// The manifest was handed over.
    ManifestClosed,
    /// The carrier is right, and the open manifest does not name it.
    NotOnManifest,
    /// So many expected on the manifest are not on the truck.
    StillMissing(u32),
    /// It is on the truck and may no longer leave.
    TakeOff,
    /// There is nothing to undo.
    NothingToUndo,
    /// The parcel is on the truck.
    AlreadyLoaded,
    /// There is nothing to seal.
    NothingToSeal,
    /// A customer note must be confirmed first.
    NoteFirst,
    /// The last refusal may not be overridden, or there is none.
    NothingToOverride,
    /// Serial-tracked items are scanned one by one.
    OneByOne,
    /// This is no place for it.
    NotHere,
    /// The waybill is not on the truck.
    NotLoaded,
    /// It goes into this bag.
    BagWhat,
    /// It goes into a new bag.
    NewBag,
    /// Several parcels wait for their bags.
    ParcelFirst,
    /// Its order has no receiving region: it shares no bag.
    NoRegion,
    /// Scan the parcel that comes out of its bag.
    UnbagWhat,
    /// It is in no bag.
    NotInBag,
    /// It is out of its bag.
    OutOfBag,
    /// It is out of its bag, and the bag gets a new label.
    NewLabel,
    /// A label's code does not say which parcel is in hand.
    NotTheParcel,
    /// Scan the bag that is to be closed.
    SealBagWhat,
    /// The bag is closed, and its label is printed.
    BagClosed,
    /// A parcel in the bag must come out first.
    TakeOut,
    /// A newer version of the label holds.
    Superseded,
    /// The label was voided as a whole.
    LabelGone,
    /// This is an aggregated label.
    AboutLabel,
    /// Nothing of this is to be put back.
    NothingToPutBack,
    /// Nothing was printed here.
    NothingPrinted,
    /// No printer takes it.
    NoPrinter,
    /// Scan or type why it is printed again.
    ReprintReason,
    /// It is printed again, as this copy.
    Reprinting(u32),
    /// What this station prints comes out of this printer from now on.
    PrinterChosen,
    /// The next item counts this many times.
    QuantitySet(u32),
    /// At this shelf now.
    AtLocation,
    /// The scanner types in this keyboard layout, and is read in another.
    WrongLayout(String),
    /// Scan the item or line that is short.
    ShortWhat,
    /// Scan the waybill to take off.
    UnloadWhat,
    /// Scan what is put back.
    PutBackWhat,
    /// Scan a lead's or supervisor's badge.
    OverrideBadge,
    /// Scan or type the reason.
    OverrideReason,
    /// Scan or type the product that the unreadable label belongs to.
    OverrideItem,
    /// Scan the code that nothing bears yet.
    TeachCode,
    /// Scan the product that bears it, by its own label.
    TeachItem,
    /// A supervisor scans their badge.
    TeachBadge,
    /// A code of ours, a number known here, or no code that a product could bear.
    NotTeachable,
    /// A product bears this code already.
    CodeTaken,
    /// Type the PIN.
    PinWanted,
    /// A PIN is wanted and this person has none.
    NoPin,
    /// The PIN was wrong.
    PinWrong,
    /// The question for the PIN has lapsed.
    PinLate,
    /// Too many wrong PINs: none is taken for some minutes.
    PinLocked,
    /// The operator no longer works here.
    Inactive,
    /// Nobody of that id is known.
    Nobody,
    /// The role does not reach.
    RoleTooLow,
    /// A slot was scanned, and no item waits for one.
    SlotFirst,
    /// This is an order.
    AboutOrder,
    /// This is a pick list.
    AboutList,
    /// This is a waybill.
    AboutWaybill,
    /// This is a manifest.
    AboutManifest,
    /// This is a parcel.
    AboutParcel,
    /// This is a product.
    AboutProduct,
    /// This is a place.
    AboutPlace,
    /// This is an operator's badge.
    AboutOperator,
    /// Its waybill is bound already.
    Labelled,
    /// What is packed is picked first.
    PickFirst,
    /// Its quantity is 0.
    CountsNothing,
    /// What the barcode parser said.
    Decode(crate::barcode::DecodeErrorCode, usize),
    /// What the scanner's protocol said.
    Frame(String),
    /// What keeps the ledger from being written.
    Storage(String),
    /// After a commit of unknown outcome: the scan was recorded.
    WasRecorded,
    /// After a commit of unknown outcome: the scan was not recorded.
    WasNotRecorded,
    /// It was recorded; how it went stands in an archive that is not here.
    WasArchived,
}

/// What we decided about a scan.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Verdict {
    /// The scan.
    pub scan_id: ScanId,
    /// Its ledger record; none where nothing was recorded.
    pub seq: Option<u64>,
    /// The code.
    pub code: Code,
    /// For a repeated scan: the code that it had first.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub first_code: Option<Code>,
    /// Whether the station only watches: no alarm is raised.
    #[serde(skip_serializing_if = "std::ops::Not::not", default)]
    pub shadow: bool,
    /// Why, where the code leaves it open.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub why: Option<Why>,
    /// What was expected.
    #[serde(skip_serializing_if = "Facts::is_empty", default)]
    pub expected: Facts,
    /// What was scanned.
    #[serde(skip_serializing_if = "Facts::is_empty", default)]
    pub got: Facts,
    /// The order.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub order: Option<OrderId>,
    /// The pick list.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub pick_list: Option<PickListId>,
    /// The order's line.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub line: Option<u32>,
    /// The put-wall slot.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub slot: Option<String>,
    /// The line after this scan.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub counts: Option<Counts>,
    /// The bag, where it is about one.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub bag: Option<Box<BagNote>>,
    /// What is still open.
    #[serde(skip_serializing_if = "Vec::is_empty", default)]
    pub missing: Vec<Missing>,
    /// What it could be.
    #[serde(skip_serializing_if = "Vec::is_empty", default)]
    pub candidates: Vec<String>,
    /// Rules that would have refused and only warn.
    #[serde(skip_serializing_if = "Vec::is_empty", default)]
    pub warnings: Vec<Warning>,
}

/// A rule that would have refused and only warns.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Warning {
    /// Which rule.
    pub rule: Rule,
    /// The refusal that it would have given.
    pub code: Code,
    /// The order that it is about.
    pub order: OrderId,
}

/// A bag as a verdict tells of it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct BagNote {
    /// The bag; none for one that is yet to be opened.
    pub id: Option<BagId>,
    /// What hangs on it.
    pub tag: Option<String>,
    /// The current version of its label.
    pub version: Option<u32>,
    /// Most parcels in it.
    pub max: usize,
    /// What is in it, or on the version that was scanned.
    pub members: Vec<BagMemberNote>,
}

/// A parcel in a bag as a verdict tells of it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct BagMemberNote {
    /// Its number in the bag.
    pub number: u32,
    /// The parcel.
    pub parcel: ParcelId,
    /// Its order.
    pub order: OrderId,
    /// Its waybill.
    pub waybill: Option<WaybillNo>,
    /// Why it may not travel in the bag.
    pub stopped: Option<Code>,
    /// What is in it.
    #[serde(skip_serializing_if = "Vec::is_empty", default)]
    pub lines: Vec<BagLineNote>,
}

/// Goods in a parcel as a verdict tells of them.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct BagLineNote {
    /// The order's line.
    pub line: u32,
    /// The product.
    pub sku: Sku,
    /// What people call it.
    pub name: Option<String>,
    /// Base units.
    pub quantity: u32,
}

/// A line's progress in sets or base units.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Counts {
    /// Taken from the shelf.
    pub picked: u32,
    /// Put into the box.
    pub packed: u32,
    /// Demanded now.
    pub demanded: u32,
}

impl Verdict {
    /// A bare verdict.
    #[must_use]
    pub fn new(scan_id: ScanId, code: Code) -> Self {
        Verdict {
            scan_id,
            seq: None,
            code,
            first_code: None,
            shadow: false,
            why: None,
            expected: Facts::default(),
            got: Facts::default(),
            order: None,
            pick_list: None,
            line: None,
            slot: None,
            counts: None,
            bag: None,
            missing: Vec::new(),
            candidates: Vec::new(),
            warnings: Vec::new(),
        }
    }

    /// The code that says how it went: for a repeated scan the first one.
    #[must_use]
    pub fn outcome(&self) -> Code {
        self.first_code.unwrap_or(self.code)
    }
}
