//! Work lists and boxes: pick lists, parcels, waybills, places and operators.

use std::sync::Arc;

use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use super::clock::Moment;
use super::event::Event;
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
    #[serde(default, skip_serializing_if = "super::is_default")]
    pub version: Option<i64>,
    /// The tote that travels with it.
    #[serde(default, skip_serializing_if = "super::is_default")]
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
    #[serde(default, skip_serializing_if = "super::is_default")]
    pub location: Option<String>,
    /// The put-wall slot (播种格) of the order.
    #[serde(default, skip_serializing_if = "super::is_default")]
    pub slot: Option<String>,
    /// Sets or base units of it that were not found.
    #[serde(default)]
    pub short: u32,
    /// Base units picked through this list, for each part of the order line.
    #[serde(default, skip_serializing_if = "super::is_default")]
    pub picked: Vec<u32>,
    /// Base units packed through this list, for each part of the order line.
    #[serde(default, skip_serializing_if = "super::is_default")]
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
    #[serde(default, skip_serializing_if = "super::is_default")]
    pub contents: Vec<Content>,
    /// Where it stands.
    pub state: ParcelState,
    /// The waybill that is stuck on it.
    #[serde(default, skip_serializing_if = "super::is_default")]
    pub waybill: Option<WaybillNo>,
    /// Where it is packed.
    pub station: StationId,
    /// Whether it is sealed by itself when the order is packed.
    #[serde(default, skip_serializing_if = "super::is_default")]
    pub seal_auto: bool,
    /// Whether it takes its order's waybill without a scan as soon as there is one.
    #[serde(default, skip_serializing_if = "super::is_default")]
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
    /// Whether it was void and went back to the carrier.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub given_back: bool,
    /// The parcels bound to it.
    pub parcels: Vec<ParcelId>,
    /// The carrier's or platform's own label, printed unchanged.
    pub label: Option<WaybillLabel>,
}

impl Waybill {
    /// The order that it covers, where it is a single one: what happens to it happens to that order.
    #[must_use]
    pub fn only_order(&self) -> Option<&OrderId> {
        match self.orders.as_slice() {
            [order] => Some(order),
            _ => None,
        }
    }

    /// Whether it holds, has parcels, and they are not on a truck.
    #[must_use]
    pub fn waits_for_truck(&self) -> bool {
        self.void.is_none() && !self.loaded && !self.parcels.is_empty()
    }

    /// The fact that it no longer holds.
    #[must_use]
    pub fn voided(&self, reason: VoidReason) -> Event {
        Event::WaybillVoided { waybill: self.number.clone(), reason, order: self.only_order().cloned() }
    }

    /// Whether the carrier must get the number back: it was issued for an address that no longer holds.
    #[must_use]
    pub fn is_to_return(&self) -> bool {
        self.void == Some(VoidReason::Readdressed) && !self.given_back
    }
}

/// A label from outside (电子面单). Its file lies beside the documents, under its hash.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct WaybillLabel {
    /// `pdf`, `png`, `zpl` or `tspl`.
    pub format: String,
    /// The file's SHA-256, hexadecimal. Ledgers from before files lay beside the documents have none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sha256: Option<String>,
    /// The file's length in bytes; 0 in those ledgers.
    #[serde(default)]
    pub length: u64,
    /// The file itself in base64, in those ledgers only.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub data_base64: Option<String>,
}

/// The file of a label from outside, as it came.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LabelFile {
    /// `pdf`, `png`, `zpl` or `tspl`.
    pub format: String,
    /// The file.
    pub bytes: Arc<[u8]>,
    /// What the codes on it say, as they were read back.
    pub codes: Vec<String>,
}

impl LabelFile {
    /// What a waybill keeps of it.
    #[must_use]
    pub fn label(&self) -> WaybillLabel {
        WaybillLabel {
            format: self.format.clone(),
            sha256: Some(sha256(&self.bytes)),
            length: self.bytes.len() as u64,
            data_base64: None,
        }
    }

    /// Whether a code on it shows a number: alone, or as a part between other signs, like in an address (`?no=…`).
    #[must_use]
    pub fn shows(&self, number: &str) -> bool {
        shows(&self.codes, number)
    }
}

/// Whether one of these codes shows a number: alone, or as a part between other signs.
#[must_use]
pub fn shows(codes: &[String], number: &str) -> bool {
    let bare = |text: &str| text.replace(' ', "").to_ascii_uppercase();
    let number = bare(number);
    codes.iter().any(|code| {
        let code = bare(code);
        let inside = |other: char| other.is_alphanumeric();
        code.match_indices(&number)
            .any(|(at, _)| !code[..at].ends_with(inside) && !code[at + number.len()..].starts_with(inside))
    })
}

/// The hash under which a file is kept, hexadecimal.
#[must_use]
pub fn sha256(bytes: &[u8]) -> String {
    Sha256::digest(bytes).iter().map(|byte| format!("{byte:02x}")).collect()
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
