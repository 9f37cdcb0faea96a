//! What a sheet of each kind may say: its fields, their shapes, and whether a thing or each of its rows has them.

/// What a sheet describes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Kind {
    /// Products; a row a product or one of its barcodes.
    Products,
    /// People who scan; a row a person.
    Operators,
    /// Stop-lists (a recall); a row one, or a lot of it.
    StopLists,
    /// Orders; a row a line.
    Orders,
    /// Pick lists; a row an order or a line.
    PickLists,
    /// Waybills; a row a waybill or one of its orders.
    Waybills,
    /// Manifests; a row a manifest or one of its waybills.
    Manifests,
}

/// How a cell is read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Shape {
    /// A code or number that must not lose a character.
    Code,
    /// Several codes in one cell.
    Codes,
    /// Text that people read.
    Text,
    /// A whole number, smallest and largest.
    Whole(i64, i64),
    /// A day.
    Day,
    /// A day with a time of day.
    Time,
    /// Yes or no.
    Truth,
    /// One of these words.
    Word(&'static [&'static str]),
    /// Several of these words in one cell.
    Words(&'static [&'static str]),
    /// SKUs with quantities: `A*2、B`.
    Components,
}

/// Who has a field.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Level {
    /// The thing: all its rows say the same or nothing.
    Head,
    /// Each row.
    Part,
}

/// A field of a kind.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Field {
    /// Its path in the API's object: `consignee.name`, `lines.sku`.
    pub path: &'static str,
    /// How its cells are read.
    pub shape: Shape,
    /// Who has it.
    pub level: Level,
    /// Whether a sheet must have its column and a thing (or each row) a value.
    pub is_required: bool,
    /// Whether it is only compared: what an export tells of a thing, and nobody describes it by.
    pub is_told: bool,
}

const fn head(path: &'static str, shape: Shape) -> Field {
    Field { path, shape, level: Level::Head, is_required: false, is_told: false }
}

const fn part(path: &'static str, shape: Shape) -> Field {
    Field { path, shape, level: Level::Part, is_required: false, is_told: false }
}

const fn told(field: Field) -> Field {
    Field { is_told: true, ..field }
}

const fn required(field: Field) -> Field {
    Field { is_required: true, ..field }
}

use Shape::{Code, Codes, Components, Day, Text, Time, Truth, Whole, Word, Words};

const VERSION: Field = head("version", Whole(i64::MIN, i64::MAX));
const LINE: Shape = Whole(1, u32::MAX as i64);
const QUANTITY: Shape = Whole(1, crate::domain::order::QUANTITY_MAX as i64);
const STAGES: &[&str] =
    &["paid", "risk_passed", "stock_locked", "packed", "waybill_reported", "signed", "warranty_active"];

const PRODUCTS: &[Field] = &[
    required(head("sku", Code)),
    head("name", Text),
    part("barcodes.text", Codes),
    part("barcodes.quantity", QUANTITY),
    head("part_numbers", Codes),
    head("tracking", Words(&["lot", "serial", "expiry"])),
    head("revision_pattern.after", Code),
    head("revision_pattern.length", Whole(1, 100)),
    VERSION,
];

const OPERATORS: &[Field] = &[
    required(head("id", Code)),
    head("name", Text),
    head("role", Word(&["operator", "lead", "supervisor", "admin"])),
    head("active", Truth),
    head("pin", Code),
    VERSION,
];

const STOP_LISTS: &[Field] = &[
    required(head("id", Code)),
    required(head("sku", Code)),
    part("lots", Codes),
    head("reason", Text),
    head("active", Truth),
    VERSION,
];

const ORDERS: &[Field] = &[
    required(head("id", Code)),
    required(head("carrier", Code)),
    required(head("consignee.name", Text)),
    head("consignee.phone", Code),
    head("consignee.address", Text),
    part("lines.line", LINE),
    required(part("lines.sku", Code)),
    part("lines.name", Text),
    required(part("lines.quantity", QUANTITY)),
    part("lines.lot", Code),
    part("lines.min_expiry", Day),
    part("lines.revision", Code),
    part("lines.serials", Codes),
    part("lines.gift_of", LINE),
    part("lines.components", Components),
    part("lines.substitutes", Codes),
    head("region", Code),
    head("courier", Text),
    head("sort_code", Text),
    head("ship_at", Time),
    head("paid_at", Time),
    head("ship_policy", Word(&["complete", "may_split"])),
    head("priority", Whole(i32::MIN as i64, i32::MAX as i64)),
    head("channel", Text),
    head("stage", Word(STAGES)),
    head("note.text", Text),
    head("note.must_confirm", Truth),
    head("consignee.merge_key", Code),
    head("tracking_code", Code),
    VERSION,
    told(head("waybills", Codes)),
];

const PICK_LISTS: &[Field] = &[
    required(head("id", Code)),
    required(part("lines.order", Code)),
    part("lines.line", LINE),
    part("lines.quantity", QUANTITY),
    part("lines.location", Code),
    part("lines.slot", Code),
    head("tote", Code),
    VERSION,
];

const WAYBILLS: &[Field] = &[
    required(head("number", Code)),
    required(head("carrier", Code)),
    required(part("orders", Codes)),
    head("parent", Code),
    head("replaces", Code),
    VERSION,
];

const MANIFESTS: &[Field] = &[
    required(head("id", Code)),
    required(head("carrier", Code)),
    head("departure", Time),
    part("waybills", Codes),
    head("orders", Codes),
    VERSION,
];

impl Kind {
    /// Every kind, so that what refers to something comes after it, and what may not leave is stopped before orders for
    /// it come.
    pub const ALL: [Kind; 7] = [
        Kind::Products,
        Kind::Operators,
        Kind::StopLists,
        Kind::Orders,
        Kind::PickLists,
        Kind::Waybills,
        Kind::Manifests,
    ];

    /// Its name in files.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Kind::Products => "products",
            Kind::Operators => "operators",
            Kind::StopLists => "stop_lists",
            Kind::Orders => "orders",
            Kind::PickLists => "pick_lists",
            Kind::Waybills => "waybills",
            Kind::Manifests => "manifests",
        }
    }

    /// Its fields, in the order of the template; the first is the id.
    #[must_use]
    pub fn fields(self) -> &'static [Field] {
        match self {
            Kind::Products => PRODUCTS,
            Kind::Operators => OPERATORS,
            Kind::StopLists => STOP_LISTS,
            Kind::Orders => ORDERS,
            Kind::PickLists => PICK_LISTS,
            Kind::Waybills => WAYBILLS,
            Kind::Manifests => MANIFESTS,
        }
    }

    /// Whether several rows may make one thing.
    #[must_use]
    pub fn has_parts(self) -> bool {
        self.fields().iter().any(|field| field.level == Level::Part)
    }
}
