//! Outbound orders and their lines: what is demanded, what was picked and packed, and what stands in the way.

use std::sync::Arc;

use serde::{Deserialize, Serialize};

use jiff::civil::Date;

use super::courier::Numbering;
use super::ids::{CarrierCode, OrderId, ParcelId, PickListId, Sku, StationId, WaybillNo};

/// Highest quantity of a line, in base units.
pub const QUANTITY_MAX: u32 = 1_000_000;

/// The seven atomic stages (七个不可逆原子状态), in their order; once reached, never un-reached.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Stage {
    /// Paid.
    Paid,
    /// Passed the risk check.
    RiskPassed,
    /// Stock is locked: released to the warehouse.
    StockLocked,
    /// Packed; triggered here.
    Packed,
    /// Its waybill numbers are known upstream; triggered here.
    WaybillReported,
    /// Signed for by the consignee.
    Signed,
    /// The warranty runs.
    WarrantyActive,
}

impl Stage {
    /// Every stage, in their order.
    pub const ALL: [Stage; 7] = [
        Stage::Paid,
        Stage::RiskPassed,
        Stage::StockLocked,
        Stage::Packed,
        Stage::WaybillReported,
        Stage::Signed,
        Stage::WarrantyActive,
    ];

    /// Its name in JSON.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Stage::Paid => "paid",
            Stage::RiskPassed => "risk_passed",
            Stage::StockLocked => "stock_locked",
            Stage::Packed => "packed",
            Stage::WaybillReported => "waybill_reported",
            Stage::Signed => "signed",
            Stage::WarrantyActive => "warranty_active",
        }
    }
}

/// Why an order is stopped.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum HoldReason {
    /// The address is being changed.
    AddressChange,
    /// Credit, unpaid, unsigned drawing.
    Risk,
    /// A refund is being asked for.
    Refund,
    /// It names a product that is not known yet; lifted when the product comes.
    MasterData,
    /// Anything else.
    Other,
}

/// One reason why an order is stopped.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Hold {
    /// Why.
    pub reason: HoldReason,
    /// What the one who stopped it wrote.
    pub note: Option<String>,
    /// Of a risk: `credit`, `unpaid`, `unsigned_drawing`, or a word of upstream's own.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub kind: Option<String>,
    /// Whether waybind itself stopped it: then upstream's release does not lift it.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub by_rule: bool,
}

impl Hold {
    /// A hold that waybind itself makes.
    #[must_use]
    pub fn by_rule(reason: HoldReason, note: Option<String>) -> Self {
        Hold { reason, note, kind: None, by_rule: true }
    }

    /// Whether only what made it lifts it: missing products when they come, an address when a supervisor confirms it.
    #[must_use]
    pub fn is_by_rule(&self) -> bool {
        self.by_rule || self.reason == HoldReason::MasterData
    }
}

/// A line as upstream wants it now, after other goods were picked for it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Difference {
    /// The line.
    pub line: u32,
    /// What upstream wants.
    pub wanted: LineSpec,
}

/// Whether an order may leave in parts.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ShipPolicy {
    /// Nothing leaves before everything is packed.
    #[default]
    Complete,
    /// Each waybill may leave when its own parcels are sealed.
    MaySplit,
}

/// Who receives the goods.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Consignee {
    /// Name.
    pub name: String,
    /// Telephone number.
    #[serde(default, skip_serializing_if = "super::is_default")]
    pub phone: String,
    /// Full address.
    #[serde(default, skip_serializing_if = "super::is_default")]
    pub address: String,
    /// Upstream's own key for "the same consignee".
    #[serde(default, skip_serializing_if = "super::is_default")]
    pub merge_key: Option<String>,
}

impl Consignee {
    /// Whether name, telephone and address say the same, spaces and punctuation aside.
    #[must_use]
    pub fn reads_like(&self, other: &Consignee) -> bool {
        self.normalised() == other.normalised()
    }

    /// Name, telephone and address without case, spaces and punctuation.
    #[must_use]
    pub fn normalised(&self) -> [String; 3] {
        [&self.name, &self.phone, &self.address].map(|text| normalised(text))
    }

    /// Whether the address alone says the same.
    #[must_use]
    pub fn is_at(&self, other: &Consignee) -> bool {
        normalised(&self.address) == normalised(&other.address)
    }

    /// Whether two orders go to the same person at the same place: equal merge keys, else equal normalised name,
    /// telephone and address.
    #[must_use]
    pub fn same_as(&self, other: &Consignee) -> bool {
        match (&self.merge_key, &other.merge_key) {
            (Some(mine), Some(theirs)) => mine == theirs,
            _ => self.reads_like(other),
        }
    }
}

/// A text without what people write in this way or that.
fn normalised(text: &str) -> String {
    text.chars().filter(|c| c.is_alphanumeric()).flat_map(char::to_lowercase).collect()
}

/// A customer's wish that stands above the lines.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Note {
    /// What the customer wrote.
    pub text: String,
    /// Whether a packer must confirm it before the box is sealed.
    pub must_confirm: bool,
}

/// What upstream says of an order; everything else in [`Order`] happened here.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct OrderSpec {
    /// Upstream's id.
    pub id: OrderId,
    /// Upstream's version of this object.
    #[serde(default, skip_serializing_if = "super::is_default")]
    pub version: Option<i64>,
    /// Order tracking code (订单追踪码).
    #[serde(default, skip_serializing_if = "super::is_default")]
    pub tracking_code: Option<String>,
    /// Where it was sold.
    #[serde(default, skip_serializing_if = "super::is_default")]
    pub channel: Option<String>,
    /// Higher goes first.
    #[serde(default, skip_serializing_if = "super::is_default")]
    pub priority: i32,
    /// Who carries it.
    pub carrier: CarrierCode,
    /// The carrier's branch or route.
    #[serde(default, skip_serializing_if = "super::is_default")]
    pub courier: Option<String>,
    /// Receiving region.
    #[serde(default, skip_serializing_if = "super::is_default")]
    pub region: Option<String>,
    /// Three-segment code (三段码) or the like.
    #[serde(default, skip_serializing_if = "super::is_default")]
    pub sort_code: Option<String>,
    /// When it should leave, RFC 3339.
    #[serde(default, skip_serializing_if = "super::is_default")]
    pub ship_at: Option<String>,
    /// Whether it may leave in parts.
    pub ship_policy: ShipPolicy,
    /// Customer notes.
    #[serde(default, skip_serializing_if = "super::is_default")]
    pub notes: Vec<Note>,
    /// Who receives it.
    pub consignee: Consignee,
    /// The stage that upstream knows of.
    pub stage: Stage,
    /// Its lines.
    #[serde(default, skip_serializing_if = "super::is_default")]
    pub lines: Vec<LineSpec>,
    /// When it was paid; when it was first heard of, where upstream does not say.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub paid_at: Option<jiff::Timestamp>,
    /// Upstream's own data as JSON text, kept and handed back untouched.
    #[serde(default, skip_serializing_if = "super::is_default")]
    pub ext: Option<String>,
}

/// What upstream says of a line.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct LineSpec {
    /// Line number within the order.
    pub line: u32,
    /// What is wanted.
    pub sku: Sku,
    /// What the customer sees.
    #[serde(default, skip_serializing_if = "super::is_default")]
    pub name: Option<String>,
    /// Base units, or sets of a kit.
    pub quantity: u32,
    /// Only this lot.
    #[serde(default, skip_serializing_if = "super::is_default")]
    pub lot: Option<String>,
    /// Nothing that expires earlier.
    #[serde(default, skip_serializing_if = "super::is_default")]
    pub min_expiry: Option<Date>,
    /// Only this product revision.
    #[serde(default, skip_serializing_if = "super::is_default")]
    pub revision: Option<String>,
    /// Only these serials.
    #[serde(default, skip_serializing_if = "super::is_default")]
    pub serials: Vec<String>,
    /// The line that this one is a gift to.
    #[serde(default, skip_serializing_if = "super::is_default")]
    pub gift_of: Option<u32>,
    /// What a set consists of; empty unless the line is a kit (套装).
    #[serde(default, skip_serializing_if = "super::is_default")]
    pub components: Vec<Component>,
    /// What may be taken instead.
    #[serde(default, skip_serializing_if = "super::is_default")]
    pub substitutes: Vec<Sku>,
}

/// A component of a kit.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Component {
    /// What.
    pub sku: Sku,
    /// How many a set.
    pub quantity: u32,
}

/// An order with everything that happened to it here.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Order {
    /// What upstream says; its `lines` live in [`Order::lines`] and are empty here.
    pub spec: Arc<OrderSpec>,
    /// waybind's own short number, for `WB:O:` codes.
    pub number: u32,
    /// The stage reached.
    pub stage: Stage,
    /// Whether it was cancelled as a whole.
    #[serde(default, skip_serializing_if = "super::is_default")]
    pub cancelled: bool,
    /// Whether a return came in.
    #[serde(default, skip_serializing_if = "super::is_default")]
    pub partially_completed: bool,
    /// What stops it.
    #[serde(default, skip_serializing_if = "super::is_default")]
    pub holds: Vec<Hold>,
    /// Whether a packer confirmed the notes that must be.
    #[serde(default, skip_serializing_if = "super::is_default")]
    pub notes_confirmed: bool,
    /// Its lines.
    pub lines: Vec<OrderLine>,
    /// Its boxes, in the order of packing.
    #[serde(default, skip_serializing_if = "super::is_default")]
    pub parcels: Vec<ParcelId>,
    /// Waybills that name it, void ones too.
    #[serde(default, skip_serializing_if = "super::is_default")]
    pub waybills: Vec<WaybillNo>,
    /// Pick lists that name it.
    #[serde(default, skip_serializing_if = "super::is_default")]
    pub lists: Vec<PickListId>,
    /// The station at which it is open by itself, without a list.
    #[serde(default, skip_serializing_if = "super::is_default")]
    pub open_at: Option<StationId>,
    /// Orders that go out in exchange for what came back, in the order in which they were told.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub exchange_orders: Vec<String>,
    /// Whom it went to before, while nobody has confirmed the new address.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub readdressed_from: Option<Box<Consignee>>,
    /// Whether its number was voided and a new one is waited for.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub waybill_pending: bool,
    /// Lines that upstream wants otherwise, after goods were picked for them; what was picked stays true.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub differs: Vec<Difference>,
    /// How its waybill number is coming along.
    #[serde(default, skip_serializing_if = "Numbering::is_silent")]
    pub numbering: Numbering,
}

/// Why a person should look at an order, most pressing first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Attention {
    /// A new address waits for a supervisor.
    Address,
    /// Upstream wants other goods than were picked.
    Differs,
    /// It is held.
    Held,
    /// Goods must go back to the shelf.
    PutBack,
    /// It waits for a decision about what was not found.
    Short,
    /// It waits for a new waybill number.
    WaybillPending,
}

impl Attention {
    /// Its name in tables and JSON.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Attention::Address => "address",
            Attention::Differs => "differs",
            Attention::Held => "held",
            Attention::PutBack => "put_back",
            Attention::Short => "short",
            Attention::WaybillPending => "waybill_pending",
        }
    }
}

/// A line with its progress.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct OrderLine {
    /// What upstream says.
    pub spec: Arc<LineSpec>,
    /// Base units that were cancelled or refunded.
    #[serde(default, skip_serializing_if = "super::is_default")]
    pub cancelled: u32,
    /// Units that it was decided to ship without.
    #[serde(default, skip_serializing_if = "super::is_default")]
    pub shipped_short: u32,
    /// Units that were not found and wait for a decision.
    #[serde(default, skip_serializing_if = "super::is_default")]
    pub short: Option<Short>,
    /// Progress of each thing that a set consists of; one for an ordinary line.
    pub parts: Vec<Part>,
    /// Units whose lot, serial, expiry or revision was captured.
    #[serde(default, skip_serializing_if = "super::is_default")]
    pub units: Vec<Unit>,
}

/// Fewer found than wanted (短拣).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Short {
    /// How many sets or base units are missing.
    pub quantity: u32,
    /// Why.
    pub reason: crate::barcode::codes::ShortReason,
}

/// What becomes of a short line.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ShortDecision {
    /// Ship what there is.
    ShipShort,
    /// Wait for goods: the line is open again.
    Wait,
    /// Take this product instead.
    Substitute(Sku),
    /// Cancel the whole line; what was picked goes back.
    CancelLine,
}

/// Progress of one thing that a line wants.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Part {
    /// What.
    pub sku: Sku,
    /// How many a set: 1 for an ordinary line.
    pub per_set: u32,
    /// Base units taken from the shelf.
    pub picked: u32,
    /// Base units put into the box.
    pub packed: u32,
}

/// Units of one identity on a line.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Unit {
    /// The product really taken: a component or a substitute may differ from the line's.
    pub sku: Sku,
    /// Which one.
    pub identity: Identity,
    /// Base units taken from the shelf.
    pub picked: u32,
    /// Base units put into the box.
    pub packed: u32,
}

/// Which unit of a product it is.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Identity {
    /// Batch or lot number.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub lot: Option<String>,
    /// Serial number.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub serial: Option<String>,
    /// Expiry date.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub expiry: Option<Date>,
    /// Product revision.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub revision: Option<String>,
}

impl Identity {
    /// Whether anything but the product was captured.
    #[must_use]
    pub fn is_captured(&self) -> bool {
        self.lot.is_some() || self.serial.is_some() || self.expiry.is_some() || self.revision.is_some()
    }
}

impl OrderLine {
    /// A line without progress.
    #[must_use]
    pub fn new(spec: LineSpec) -> Self {
        let part = |sku: &Sku, per_set| Part { sku: sku.clone(), per_set, picked: 0, packed: 0 };
        let parts = match spec.components.as_slice() {
            [] => vec![part(&spec.sku, 1)],
            components => components.iter().map(|component| part(&component.sku, component.quantity)).collect(),
        };
        OrderLine { spec: spec.into(), cancelled: 0, shipped_short: 0, short: None, parts, units: Vec::new() }
    }

    /// What is demanded at this instant, in sets or base units.
    #[must_use]
    pub fn demanded(&self) -> u32 {
        self.spec.quantity.saturating_sub(self.cancelled).saturating_sub(self.shipped_short)
    }

    /// Whole sets picked.
    #[must_use]
    pub fn picked(&self) -> u32 {
        self.parts.iter().map(|part| part.picked / part.per_set).min().unwrap_or(0)
    }

    /// Whole sets packed.
    #[must_use]
    pub fn packed(&self) -> u32 {
        self.parts.iter().map(|part| part.packed / part.per_set).min().unwrap_or(0)
    }

    /// Base units of a part that were picked beyond what is demanded now.
    #[must_use]
    pub fn to_put_back(&self, part: usize) -> u32 {
        self.parts.get(part).map_or(0, |part| part.picked.saturating_sub(self.demanded().saturating_mul(part.per_set)))
    }

    /// Whether goods of this line must be put back.
    #[must_use]
    pub fn has_put_back(&self) -> bool {
        (0..self.parts.len()).any(|part| self.to_put_back(part) > 0)
    }

    /// Sets that are still looked for: demanded, less what was not found.
    #[must_use]
    pub fn wanted(&self) -> u32 {
        self.demanded().saturating_sub(self.short.map_or(0, |short| short.quantity))
    }

    /// Whether everything wanted was picked.
    #[must_use]
    pub fn is_picked(&self) -> bool {
        self.parts.iter().all(|part| part.picked >= self.wanted().saturating_mul(part.per_set))
    }

    /// Whether everything wanted was packed.
    #[must_use]
    pub fn is_packed(&self) -> bool {
        self.parts.iter().all(|part| part.packed >= self.wanted().saturating_mul(part.per_set))
    }

    /// Whether exactly what is demanded is in the box.
    #[must_use]
    pub fn is_satisfied(&self) -> bool {
        self.short.is_none()
            && self
                .parts
                .iter()
                .all(|part| part.packed == self.demanded().saturating_mul(part.per_set) && part.picked == part.packed)
    }
}

impl Order {
    /// A new order without progress.
    #[must_use]
    pub fn new(mut spec: OrderSpec, number: u32) -> Self {
        let lines = std::mem::take(&mut spec.lines).into_iter().map(OrderLine::new).collect();
        Order {
            stage: spec.stage,
            spec: spec.into(),
            number,
            cancelled: false,
            partially_completed: false,
            holds: Vec::new(),
            notes_confirmed: false,
            lines,
            parcels: Vec::new(),
            waybills: Vec::new(),
            lists: Vec::new(),
            open_at: None,
            exchange_orders: Vec::new(),
            readdressed_from: None,
            waybill_pending: false,
            differs: Vec::new(),
            numbering: Numbering::default(),
        }
    }

    /// Its id.
    #[must_use]
    pub fn id(&self) -> &OrderId {
        &self.spec.id
    }

    /// A line by its number.
    #[must_use]
    pub fn line(&self, number: u32) -> Option<&OrderLine> {
        self.lines.iter().find(|line| line.spec.line == number)
    }

    /// A line by its number, to change it.
    pub fn line_mut(&mut self, number: u32) -> Option<&mut OrderLine> {
        self.lines.iter_mut().find(|line| line.spec.line == number)
    }

    /// Why a person should look at it; none if it goes its way.
    #[must_use]
    pub fn attention(&self) -> Option<Attention> {
        let put_back = self.has_put_back().then_some(Attention::PutBack);
        if self.cancelled {
            return put_back;
        }
        let first = [
            (self.awaits_address(), Attention::Address),
            (!self.differs.is_empty(), Attention::Differs),
            (!self.holds.is_empty(), Attention::Held),
            (put_back.is_some(), Attention::PutBack),
            (self.lines.iter().any(|line| line.short.is_some()), Attention::Short),
            (self.waybill_pending, Attention::WaybillPending),
        ];
        first.into_iter().find(|(is_so, _)| *is_so).map(|(_, attention)| attention)
    }

    /// Whether a new address waits for a supervisor.
    #[must_use]
    pub fn awaits_address(&self) -> bool {
        self.holds.iter().any(|hold| hold.reason == HoldReason::AddressChange && hold.by_rule)
    }

    /// Whether goods may be counted for it: released, not cancelled, not held.
    #[must_use]
    pub fn is_active(&self) -> bool {
        self.stage >= Stage::StockLocked && !self.cancelled && self.holds.is_empty()
    }

    /// Whether goods of it must be put back.
    #[must_use]
    pub fn has_put_back(&self) -> bool {
        self.lines.iter().any(OrderLine::has_put_back)
    }

    /// Whether notes wait for a packer's word.
    #[must_use]
    pub fn awaits_confirmation(&self) -> bool {
        !self.notes_confirmed && self.spec.notes.iter().any(|note| note.must_confirm)
    }

    /// Whether everything wanted was packed, and something was wanted at all.
    #[must_use]
    pub fn is_packed(&self) -> bool {
        !self.cancelled
            && self.lines.iter().all(OrderLine::is_packed)
            && self.lines.iter().any(|line| line.packed() > 0)
    }

    /// The gift line that is still open, if all others are done.
    #[must_use]
    pub fn missing_gift(&self) -> Option<&OrderLine> {
        let others_done = self.lines.iter().filter(|line| line.spec.gift_of.is_none()).all(OrderLine::is_packed);
        self.lines.iter().find(|line| others_done && line.spec.gift_of.is_some() && !line.is_packed())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn consignee(name: &str, phone: &str, key: Option<&str>) -> Consignee {
        Consignee {
            name: name.into(),
            phone: phone.into(),
            address: "杭州市 西湖区1号".into(),
            merge_key: key.map(Into::into),
        }
    }

    #[test]
    fn consignees_are_compared_by_key_or_by_what_is_written() {
        assert!(consignee("张三", "138 0000 0000", None).same_as(&consignee("张三 ", "13800000000", None)));
        assert!(!consignee("张三", "1", None).same_as(&consignee("李四", "1", None)));
        assert!(consignee("张三", "1", Some("k")).same_as(&consignee("李四", "2", Some("k"))));
        assert!(!consignee("张三", "1", Some("k")).same_as(&consignee("张三", "1", Some("l"))));
    }

    #[test]
    fn stages_are_ordered() {
        assert!(
            Stage::Paid < Stage::StockLocked
                && Stage::StockLocked < Stage::Packed
                && Stage::Packed < Stage::WarrantyActive
        );
    }
}
