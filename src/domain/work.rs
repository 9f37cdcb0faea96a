//! Work lists and boxes: pick lists, parcels, waybills, places and operators.

use serde::{Deserialize, Serialize};

use super::clock::Moment;
use super::ids::{BagId, CarrierCode, OperatorId, OrderId, ParcelId, PickListId, StationId, WaybillNo};
use super::manifest::Loading;

/// Where a pick list stands.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ListState {
    /// Nobody has opened it.
    Waiting,
    /// Open at this station.
    Open(StationId),
    /// Put aside; any station may open it.
    Parked,
    /// Closed.
    Done,
}

/// A pick list (拣货单).
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct PickList {
    /// Upstream's id.
    pub id: PickListId,
    /// waybind's own short number, for `WB:P:` codes.
    pub number: u32,
    /// Upstream's version of this object.
    pub version: Option<i64>,
    /// The tote that travels with it.
    pub tote: Option<String>,
    /// Where it stands.
    pub state: ListState,
    /// What is picked for whom, in the order of slot, order and line.
    pub lines: Vec<PickLine>,
}

/// One line of a pick list.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct PickLine {
    /// For which order.
    pub order: OrderId,
    /// For which of its lines.
    pub line: u32,
    /// How many sets or base units of it.
    pub quantity: u32,
    /// The shelf.
    pub location: Option<String>,
    /// The put-wall slot (播种格) of the order.
    pub slot: Option<String>,
    /// Sets or base units of it that were not found.
    #[serde(default)]
    pub short: u32,
    /// Base units picked through this list, for each part of the order line.
    pub picked: Vec<u32>,
    /// Base units packed through this list, for each part of the order line.
    pub packed: Vec<u32>,
}

/// Where a parcel stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ParcelState {
    /// Being filled.
    Open,
    /// Closed.
    Sealed,
    /// On the truck.
    Loaded,
}

/// One physical box of one order (包裹).
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Parcel {
    /// Its id, made here.
    pub id: ParcelId,
    /// waybind's own short number, for `WB:B:` codes.
    pub number: u32,
    /// Whose goods.
    pub order: OrderId,
    /// Which box of the order, from 1.
    pub piece: u32,
    /// What is in it.
    pub contents: Vec<Content>,
    /// Where it stands.
    pub state: ParcelState,
    /// The waybill that is stuck on it.
    pub waybill: Option<WaybillNo>,
    /// Where it is packed.
    pub station: StationId,
    /// Whether it is sealed by itself when the order is packed.
    pub seal_auto: bool,
    /// Whether it takes its order's waybill without a scan as soon as there is one.
    pub bind_assigned: bool,
    /// Whether it is scanned into a bag once it has its waybill.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub to_bag: bool,
    /// When it was closed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sealed: Option<Moment>,
    /// The bag that it is in.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub bag: Option<BagId>,
}

/// Goods of one order line in a parcel.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Content {
    /// The order line.
    pub line: u32,
    /// The part of a kit, 0 for an ordinary line.
    pub part: usize,
    /// Base units.
    pub quantity: u32,
}

/// A carrier's contract for parcels (运单).
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Waybill {
    /// The carrier's number.
    pub number: WaybillNo,
    /// Upstream's version of this object.
    pub version: Option<i64>,
    /// Who carries it.
    pub carrier: CarrierCode,
    /// Whose parcels may travel under it.
    pub orders: Vec<OrderId>,
    /// The main number of a multi-piece shipment (母单).
    pub parent: Option<WaybillNo>,
    /// The number that this one stands in for.
    pub replaces: Option<WaybillNo>,
    /// Why it no longer holds, if it doesn't.
    pub void: Option<VoidReason>,
    /// Whether its parcels are on the truck.
    pub loaded: bool,
    /// The manifest that they were loaded on, if there was one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub loading: Option<Loading>,
    /// The parcels bound to it.
    pub parcels: Vec<ParcelId>,
    /// The carrier's or platform's own label, printed unchanged.
    pub label: Option<WaybillLabel>,
}

impl Waybill {
    /// Whether it holds, has parcels, and they are not on a truck.
    #[must_use]
    pub fn waits_for_truck(&self) -> bool {
        self.void.is_none() && !self.loaded && !self.parcels.is_empty()
    }
}

/// A label from outside (电子面单).
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct WaybillLabel {
    /// `pdf`, `png`, `zpl` or `tspl`.
    pub format: String,
    /// The file, base64.
    pub data_base64: String,
}

/// Why a waybill number no longer holds.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum VoidReason {
    /// Upstream said so.
    Requested,
    /// Another number took its place.
    ReplacedBy(WaybillNo),
    /// The consignee was changed after the number was issued.
    Readdressed,
}

/// What a person may do; each role may do what those before it may.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Role {
    /// Scans.
    #[default]
    Operator,
    /// Also overrides and takes lists over.
    Lead,
    /// Also decides and releases.
    Supervisor,
    /// Also configures.
    Admin,
}

/// A person who scans.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Operator {
    /// Id.
    pub id: OperatorId,
    /// Upstream's version of this object.
    pub version: Option<i64>,
    /// What colleagues call them.
    pub name: String,
    /// What they may do.
    pub role: Role,
    /// The secret on their badge.
    pub badge: String,
    /// Whether they still work here.
    pub active: bool,
    /// Where they are signed in.
    pub station: Option<StationId>,
    /// The PIN, if they have one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub pin: Option<PinHash>,
    /// Wrong PINs since the last right one.
    #[serde(default, skip_serializing_if = "WrongPins::is_none")]
    pub wrong_pins: WrongPins,
}

/// A PIN behind a slow hash, in a form that only its maker reads.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct PinHash(pub String);

impl std::fmt::Debug for PinHash {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.write_str("PinHash(…)")
    }
}

/// Wrong PINs in a row, and when the last one was.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct WrongPins {
    /// How many.
    pub count: u32,
    /// The last one.
    pub last: Option<Moment>,
}

impl WrongPins {
    fn is_none(&self) -> bool {
        self.count == 0
    }
}
