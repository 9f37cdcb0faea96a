//! The scenario language: one step a line, the expected outcome last. `fixtures/scenarios/README.md` explains it.

use std::path::{Path, PathBuf};

use jiff::civil::Date;
use waybind::barcode::codes::{CodeKind, SiteKey};
use waybind::domain::bag::Bagging;
use waybind::domain::ids::{
    CarrierCode, ManifestId, OperatorId, OrderId, ParcelId, PickListId, PrinterId, Sku, StationId, StopListId,
    WaybillNo,
};
use waybind::domain::manifest::Expects;
use waybind::domain::memory::Memory;
use waybind::domain::order::{
    Component, Consignee, HoldReason, LineSpec, Note, OrderSpec, ShipPolicy, ShortDecision, Stage,
};
use waybind::domain::printing::{PrintTrouble, PrinterRules, Resolution, Step as PrintStep};
use waybind::domain::product::{Barcode, RevisionPattern, Tracking};
use waybind::domain::rules::{RuleSetting, Step as RuleStep};
use waybind::domain::station::{Bind, Mode, Seal, SignIn, StationRules};
use waybind::domain::upstream::{
    LabelSpec, ListContent, ListLineSpec, ListSpec, ManifestSpec, OperatorSpec, OrderAction, ProductSpec, StopListSpec,
    Thing, WaybillSpec,
};
use waybind::domain::verdict::Verdict;
use waybind::domain::work::{LabelFile, PinHash, Role};

pub struct Step {
    pub place: String,
    pub action: Action,
}

pub enum Action {
    Station(StationRules),
    Say(Box<Thing>, Option<String>),
    Act(String, OrderAction, Option<String>),
    Void(String),
    GiveBack(String, Option<String>),
    Rule(RuleSetting),
    /// A label for these orders and parcels, at most so many; what becomes of it.
    Label(LabelSpec, usize, Option<String>),
    /// The word that a label no longer holds.
    VoidLabel(String, Option<String>),
    /// The timer looks at the bags.
    Tick,
    /// What a courier's channel brings about.
    Courier(Courier, Option<String>),
    Wait(u64),
    /// Station, whether the PIN that is typed is right, what comes of it.
    Pin(String, bool, Option<String>),
    /// A printer.
    Printer(PrinterRules),
    /// A print job and what must be true of it; none of them where it must not be there.
    Job(String, Option<Vec<(String, String)>>),
    /// A print job, how it goes on, and whether that must be refused.
    Spool(String, PrintStep, bool),
    /// A print job's number, what a person says of it, what must become of it.
    Resolve(u32, Resolution, Option<String>),
    /// Station, data, expected code, expected fields.
    Scan {
        station: String,
        data: String,
        code: String,
        expect: Vec<(String, String)>,
        twist: Vec<(String, String)>,
    },
}

pub enum Courier {
    /// A channel gives an order a number; `before`: it was asked for before the address was changed.
    Gives { order: String, number: String, channel: String, before: bool },
    /// Channel, numbers of ZTO.
    Fills(String, Vec<String>),
    /// Order, channel.
    Hands(String, String),
    /// Order: no channel gave a number.
    Fails(String),
}

pub fn files() -> Vec<PathBuf> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures/scenarios");
    let mut files: Vec<PathBuf> = std::fs::read_dir(folder)
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .filter(|path| path.extension().is_some_and(|e| e == "scn"))
        .collect();
    files.sort();
    files
}

pub fn parse(path: &Path) -> Vec<Step> {
    let text = std::fs::read_to_string(path).unwrap();
    let name = path.file_name().unwrap().to_string_lossy().into_owned();
    let mut steps = Vec::new();
    for (number, line) in text.lines().enumerate() {
        let line = line.split(" # ").next().unwrap().trim();
        if line.is_empty() || line.starts_with('#') {
            continue;
        }
        let place = format!("{name}:{}: {line}", number + 1);
        let action = parse_line(line).unwrap_or_else(|| panic!("{place}: not understood"));
        steps.push(Step { place, action });
    }
    steps
}

/// One line, if it is one.
pub fn parse_line(line: &str) -> Option<Action> {
    if line.contains('|') {
        let cells: Vec<&str> = line.split('|').map(str::trim).collect();
        let (station, twist) = cells[0].split_once(' ').unwrap_or((cells[0], ""));
        return Some(Action::Scan {
            station: station.to_owned(),
            data: cells.get(1)?.replace("{GS}", "\u{1d}"),
            code: (*cells.get(2)?).to_owned(),
            expect: pairs(cells.get(3).copied().unwrap_or_default()),
            twist: pairs(twist),
        });
    }
    let (line, refused) = match line.split_once(" -> ") {
        Some((line, outcome)) => (line, Some(outcome.trim().to_owned())),
        None => (line, None),
    };
    if line == "tick" {
        return Some(Action::Tick);
    }
    let (word, rest) = line.split_once(' ')?;
    Some(match word {
        "label" => label(rest, refused)?,
        "void-label" => Action::VoidLabel(rest.to_owned(), refused),
        "station" => Action::Station(station(rest)?),
        "product" => Action::Say(Box::new(Thing::Product(product(rest)?)), refused),
        "order" => Action::Say(Box::new(Thing::Order(Box::new(order(rest)?))), refused),
        "list" => Action::Say(Box::new(Thing::List(list(rest)?)), refused),
        "waybill" => Action::Say(Box::new(Thing::Waybill(waybill(rest)?)), refused),
        "manifest" => Action::Say(Box::new(Thing::Manifest(manifest(rest)?)), refused),
        "operator" => Action::Say(Box::new(Thing::Operator(operator(rest)?)), refused),
        "wait" => Action::Wait(rest.trim_end_matches('s').parse::<u64>().ok()? * 1_000),
        "pin" => {
            let (station, pin) = rest.split_once(' ')?;
            Action::Pin(station.to_owned(), pin == "right", refused)
        }
        "void" => Action::Void(rest.to_owned()),
        "returned" => Action::GiveBack(rest.to_owned(), refused),
        "rule" => Action::Rule(rule(rest)?),
        "stop" => Action::Say(Box::new(Thing::StopList(stop_list(rest)?)), refused),
        "printer" => Action::Printer(printer(rest)),
        "job" => match rest.split_once(' ') {
            Some((job, expect)) => Action::Job(job.to_owned(), Some(pairs(expect))),
            None => Action::Job(rest.to_owned(), None),
        },
        "spool" => {
            let (job, step) = rest.split_once(' ')?;
            Action::Spool(job.to_owned(), print_step(step)?, refused.is_some())
        }
        "resolve" => {
            let (job, how) = rest.split_once(' ')?;
            let how = match how {
                "printed" => Resolution::Printed,
                "again" => Resolution::Again,
                _ => Resolution::Dropped,
            };
            Action::Resolve(job.parse().ok()?, how, refused)
        }
        "gives" | "fills" | "hands" | "fails" => Action::Courier(courier(word, rest)?, refused),
        _ => act(word, rest, refused)?,
    })
}

fn pairs(text: &str) -> Vec<(String, String)> {
    text.split_whitespace()
        .filter_map(|pair| pair.split_once('='))
        .map(|(key, value)| (key.to_owned(), value.replace('_', " ")))
        .collect()
}

fn value(pairs: &[(String, String)], key: &str) -> Option<String> {
    pairs.iter().find(|(known, _)| known == key).map(|(_, value)| value.clone())
}

fn station(text: &str) -> Option<StationRules> {
    let mut words = text.split_whitespace();
    let id = StationId::new(words.next()?).ok()?;
    let mode = match words.next()? {
        "pick" => Mode::Pick,
        "pack" => Mode::Pack,
        "bench" => Mode::Bench,
        "load" => Mode::Load,
        "info" => Mode::Info,
        _ => return None,
    };
    let mut rules = StationRules { latch: false, ..StationRules::new(id, mode) };
    for word in words {
        match word {
            "latch" => rules.latch = true,
            "shadow" => rules.shadow = true,
            "badge" => rules.sign_in = SignIn::Badge,
            "badge-pin" => rules.sign_in = SignIn::BadgePin,
            "manual-seal" => rules.seal = Seal::Manual,
            "assigned" => rules.bind = Bind::Assigned,
            "confirm-slot" => rules.confirm_slot = true,
            "item-first" => rules.item_first = true,
            "print-waybill" => rules.print_waybill = true,
            other if other.starts_with("printer=") => rules.printer = PrinterId::new(&other[8..]).ok(),
            "bag" => rules.bag.bagging = Bagging::Scan,
            "bag-tag" => rules.bag.bagging = Bagging::Tag,
            "bag-across" => rules.bag.across_stations = true,
            _ if word.starts_with("max=") => rules.bag.max = word[4..].parse().ok()?,
            _ if word.starts_with("timeout=") => rules.bag.timeout_s = word[8..].parse().ok()?,
            _ if word.starts_with("tags=") => rules.bag.tags.push(word[5..].to_owned()),
            other => rules.sign_out_after = other.strip_prefix("sign-out=")?.parse().ok()?,
        }
    }
    Some(rules)
}

fn printer(text: &str) -> PrinterRules {
    let (id, rest) = text.split_once(' ').unwrap_or((text, ""));
    let takes = value(&pairs(rest), "takes");
    let is_listed = takes.is_some();
    let takes = takes.unwrap_or_else(|| "waybill-100x150,printer-selftest".into());
    let takes = takes.split(',').map(str::to_owned).collect();
    let speaks = value(&pairs(rest), "speaks").unwrap_or_else(|| "zpl".into());
    PrinterRules { id: PrinterId::new(id).unwrap(), takes, is_listed, speaks }
}

fn print_step(text: &str) -> Option<PrintStep> {
    let (word, rest) = text.split_once(' ').unwrap_or((text, ""));
    Some(match word {
        "sending" => PrintStep::Sending(PrinterId::new(rest).ok()?),
        "postponed" => PrintStep::Postponed,
        "sent" => PrintStep::Sent,
        "printed" => PrintStep::Printed,
        "failed" => PrintStep::Failed(PrintTrouble::Gone),
        "unknown" => PrintStep::Unknown(PrintTrouble::Interrupted),
        _ => return None,
    })
}

/// Names that begin with B are parcels.
fn label(text: &str, outcome: Option<String>) -> Option<Action> {
    let mut spec = LabelSpec { orders: Vec::new(), parcels: Vec::new(), template: None, station: None };
    let mut max = 3;
    for word in text.split_whitespace() {
        match word.split_once('=') {
            Some(("max", number)) => max = number.parse().ok()?,
            Some(("station", id)) => spec.station = StationId::new(id).ok(),
            _ if word.starts_with('B') => spec.parcels.push(ParcelId::new(word).ok()?),
            _ => spec.orders.push(OrderId::new(word).ok()?),
        }
    }
    Some(Action::Label(spec, max, outcome))
}

fn product(text: &str) -> Option<ProductSpec> {
    let (sku, rest) = text.split_once(' ').unwrap_or((text, ""));
    let fields = pairs(rest);
    let barcodes = fields.iter().filter(|(key, _)| key == "barcode").map(|(_, code)| {
        let (text, quantity) = code.split_once('*').unwrap_or((code, "1"));
        Barcode { text: text.to_owned(), quantity: quantity.parse().unwrap() }
    });
    let tracking = value(&fields, "track").map(|list| {
        list.split(',')
            .map(|word| match word {
                "lot" => Tracking::Lot,
                "serial" => Tracking::Serial,
                _ => Tracking::Expiry,
            })
            .collect()
    });
    Some(ProductSpec {
        sku: Sku::new(sku).ok()?,
        version: None,
        name: value(&fields, "name").unwrap_or_default(),
        barcodes: barcodes.collect(),
        part_numbers: fields.iter().filter(|(key, _)| key == "part").map(|(_, number)| number.clone()).collect(),
        tracking: tracking.unwrap_or_default(),
        revision_pattern: value(&fields, "revision").and_then(|text| {
            let (after, length) = text.split_once(',')?;
            Some(RevisionPattern { after: after.to_owned(), length: length.parse().ok()? })
        }),
    })
}

fn order(text: &str) -> Option<OrderSpec> {
    let (head, lines) = text.split_once(':')?;
    let (id, rest) = head.trim().split_once(' ').unwrap_or((head.trim(), ""));
    let fields = pairs(rest);
    let stage = match value(&fields, "stage").as_deref() {
        Some("paid") => Stage::Paid,
        Some("risk passed") => Stage::RiskPassed,
        _ => Stage::StockLocked,
    };
    Some(OrderSpec {
        id: OrderId::new(id).ok()?,
        version: value(&fields, "version").and_then(|version| version.parse().ok()),
        tracking_code: value(&fields, "tracking"),
        channel: None,
        priority: 0,
        carrier: CarrierCode::new(value(&fields, "carrier").as_deref().unwrap_or("ZTO")).ok()?,
        courier: value(&fields, "courier"),
        region: value(&fields, "region"),
        sort_code: None,
        ship_at: None,
        ship_policy: if value(&fields, "policy").is_some() { ShipPolicy::MaySplit } else { ShipPolicy::Complete },
        notes: value(&fields, "note").map(|text| Note { text, must_confirm: true }).into_iter().collect(),
        consignee: consignee(value(&fields, "to").as_deref().unwrap_or("Zhang")),
        stage,
        paid_at: None,
        lines: lines.split(';').enumerate().map(|(index, line)| order_line(index, line)).collect::<Option<_>>()?,
        ext: None,
    })
}

fn consignee(name: &str) -> Consignee {
    let (name, place) = name.split_once('@').unwrap_or((name, "杭州"));
    Consignee { name: name.to_owned(), phone: "13800000000".into(), address: place.into(), merge_key: None }
}

fn quantity_of(text: &str) -> Option<(&str, u32)> {
    let (what, quantity) = text.split_once('*').unwrap_or((text, "1"));
    Some((what, quantity.parse().ok()?))
}

fn order_line(index: usize, text: &str) -> Option<LineSpec> {
    let (item, rest) = text.trim().split_once(' ').unwrap_or((text.trim(), ""));
    let (sku, quantity) = quantity_of(item)?;
    let fields = pairs(rest);
    let many = |key: &str| {
        value(&fields, key).map(|list| list.split(',').map(str::to_owned).collect::<Vec<_>>()).unwrap_or_default()
    };
    let components = value(&fields, "kit").map(|kit| {
        kit.split('+')
            .map(|part| quantity_of(part).map(|(sku, quantity)| Component { sku: Sku::new(sku).unwrap(), quantity }))
            .collect::<Option<Vec<_>>>()
    });
    Some(LineSpec {
        line: index as u32 + 1,
        sku: Sku::new(sku).ok()?,
        name: None,
        quantity,
        lot: value(&fields, "lot"),
        min_expiry: value(&fields, "exp").and_then(|date| date.parse::<Date>().ok()),
        revision: value(&fields, "rev"),
        serials: many("serials"),
        gift_of: value(&fields, "gift").and_then(|line| line.parse().ok()),
        components: components.unwrap_or(Some(Vec::new()))?,
        substitutes: many("sub").iter().map(|sku| Sku::new(sku).unwrap()).collect(),
    })
}

fn list(text: &str) -> Option<ListSpec> {
    let (head, content) = text.split_once(':')?;
    let (id, rest) = head.trim().split_once(' ').unwrap_or((head.trim(), ""));
    let entries: Vec<&str> = content.split_whitespace().collect();
    let content = if entries.iter().all(|entry| !entry.contains('/')) {
        ListContent::Orders(entries.iter().map(|id| OrderId::new(id).unwrap()).collect())
    } else {
        ListContent::Lines(entries.iter().map(|entry| list_line(entry)).collect::<Option<_>>()?)
    };
    Some(ListSpec { id: PickListId::new(id).ok()?, version: None, tote: value(&pairs(rest), "tote"), content })
}

/// `SO-1/2*3@A-01#S4`: line 2 of SO-1, three pieces, from shelf A-01 into slot S4.
fn list_line(text: &str) -> Option<ListLineSpec> {
    let (text, slot) = text.split_once('#').map_or((text, None), |(text, slot)| (text, Some(slot.to_owned())));
    let (text, location) = text.split_once('@').map_or((text, None), |(text, shelf)| (text, Some(shelf.to_owned())));
    let (what, quantity) = quantity_of(text)?;
    let (order, line) = what.split_once('/')?;
    Some(ListLineSpec { order: OrderId::new(order).ok()?, line: line.parse().ok()?, quantity, location, slot })
}

fn waybill(text: &str) -> Option<WaybillSpec> {
    let (head, orders) = text.split_once(':')?;
    let (number, rest) = head.trim().split_once(' ').unwrap_or((head.trim(), ""));
    let fields = pairs(rest);
    Some(WaybillSpec {
        number: WaybillNo::new(number).ok()?,
        version: None,
        carrier: CarrierCode::new(value(&fields, "carrier").as_deref().unwrap_or("ZTO")).ok()?,
        orders: orders.split_whitespace().map(|id| OrderId::new(id).unwrap()).collect(),
        parent: None,
        replaces: value(&fields, "replaces").map(|number| WaybillNo::new(&number).unwrap()),
        label: value(&fields, "label").map(|format| LabelFile {
            format: format.clone(),
            bytes: format!("{format} of {number}").into_bytes().into(),
            codes: vec![number.to_owned()],
        }),
    })
}

/// Names that begin with SO are orders, others are waybills; without names it takes everything of the carrier.
fn manifest(text: &str) -> Option<ManifestSpec> {
    let (head, names) = text.split_once(':').map_or((text, None), |(head, names)| (head, Some(names)));
    let (id, rest) = head.trim().split_once(' ').unwrap_or((head.trim(), ""));
    let fields = pairs(rest);
    let expects = names.map_or(Expects::Everything, |names| {
        let (orders, waybills): (Vec<&str>, Vec<&str>) =
            names.split_whitespace().partition(|name| name.starts_with("SO"));
        Expects::Listed {
            orders: orders.iter().map(|id| OrderId::new(id).unwrap()).collect(),
            waybills: waybills.iter().map(|number| WaybillNo::new(number).unwrap()).collect(),
        }
    });
    Some(ManifestSpec {
        id: ManifestId::new(id).ok()?,
        version: value(&fields, "version").and_then(|version| version.parse().ok()),
        carrier: CarrierCode::new(value(&fields, "carrier").as_deref().unwrap_or("ZTO")).ok()?,
        departure: value(&fields, "departure"),
        expects,
    })
}

fn operator(text: &str) -> Option<OperatorSpec> {
    let (id, rest) = text.split_once(' ')?;
    let role = match rest.split_whitespace().next()? {
        "lead" => Role::Lead,
        "supervisor" => Role::Supervisor,
        _ => Role::Operator,
    };
    let active = !rest.contains("inactive");
    Some(OperatorSpec {
        id: OperatorId::new(id).ok()?,
        version: None,
        name: id.to_owned(),
        role,
        active,
        fresh_badge: badge(id),
        pin: value(&pairs(rest), "pin").map(PinHash),
    })
}

/// `unpaid warn pick,pack`: a rule, how loud it is, and where.
fn rule(text: &str) -> Option<RuleSetting> {
    let mut words = text.split_whitespace();
    let read = |word: &str| serde_json::Value::String(word.to_owned());
    let rule = serde_json::from_value(read(words.next()?)).ok()?;
    let mode = serde_json::from_value(read(words.next()?)).ok()?;
    let steps =
        words.next().map(|steps| steps.split(',').map(|step| serde_json::from_value(read(step)).ok()).collect());
    Some(RuleSetting { rule, mode, steps: steps.unwrap_or_else(|| Some(RuleStep::ALL.to_vec()))? })
}

/// `R1 A lots=L1,L2 lifted`.
fn stop_list(text: &str) -> Option<StopListSpec> {
    let mut words = text.split_whitespace();
    let (id, sku) = (StopListId::new(words.next()?).ok()?, Sku::new(words.next()?).ok()?);
    let fields = pairs(text);
    let lots = value(&fields, "lots").map(|lots| lots.split(',').map(str::to_owned).collect());
    let active = !text.ends_with(" lifted");
    Some(StopListSpec { id, version: None, sku, lots: lots.unwrap_or_default(), reason: None, active })
}

fn badge(id: &str) -> String {
    format!("{}0000", id.to_ascii_uppercase())
}

/// `gives SO-1 NUMBER by CHANNEL`, `fills CHANNEL NUMBER …`, `hands SO-1 from CHANNEL`, `fails SO-1`.
fn courier(word: &str, rest: &str) -> Option<Courier> {
    let words: Vec<String> = rest.split_whitespace().map(str::to_owned).collect();
    Some(match (word, words.as_slice()) {
        ("gives", [order, number, _, channel, rest @ ..]) => {
            let before = rest.first().is_some_and(|word| word == "before");
            Courier::Gives { order: order.clone(), number: number.clone(), channel: channel.clone(), before }
        }
        ("fills", [channel, numbers @ ..]) => Courier::Fills(channel.clone(), numbers.to_vec()),
        ("hands", [order, _, channel]) => Courier::Hands(order.clone(), channel.clone()),
        ("fails", [order]) => Courier::Fails(order.clone()),
        _ => return None,
    })
}

fn act(word: &str, rest: &str, outcome: Option<String>) -> Option<Action> {
    let (target, more) = rest.split_once(' ').unwrap_or((rest, ""));
    let (order, line) = target.split_once('/').unwrap_or((target, ""));
    let reason = |text: &str| {
        Some(match text {
            "risk" => HoldReason::Risk,
            "refund" => HoldReason::Refund,
            "address_change" => HoldReason::AddressChange,
            "master_data" => HoldReason::MasterData,
            _ => HoldReason::Other,
        })
    };
    let action = match word {
        "hold" => {
            let (why, kind) = more.split_once(' ').map_or((more, None), |(why, kind)| (why, Some(kind.to_owned())));
            OrderAction::Hold { reason: reason(why)?, note: None, kind }
        }
        "confirm" => OrderAction::ConfirmAddress { badge: badge(more) },
        "release" => OrderAction::Release { reason: if more.is_empty() { None } else { reason(more) } },
        "cancel" if line.is_empty() => OrderAction::Cancel { lines: None },
        "cancel" => {
            let (line, quantity) = quantity_of(line)?;
            OrderAction::Cancel { lines: Some(vec![(line.parse().ok()?, quantity)]) }
        }
        "address" => OrderAction::Address(consignee(more)),
        "stage" => OrderAction::Stage(match more {
            "risk_passed" => Stage::RiskPassed,
            "stock_locked" => Stage::StockLocked,
            "packed" => Stage::Packed,
            "waybill_reported" => Stage::WaybillReported,
            "signed" => Stage::Signed,
            _ => Stage::WarrantyActive,
        }),
        "enter" => OrderAction::EnterNumber {
            text: more.trim_end_matches('!').to_owned(),
            by: "wang".into(),
            confirmed: more.ends_with('!'),
        },
        "return" => OrderAction::Return { exchange_order: Some(more.to_owned()).filter(|id| !id.is_empty()) },
        "decide" => OrderAction::ShortDecision {
            line: line.parse().ok()?,
            decision: match more {
                "ship_short" => ShortDecision::ShipShort,
                "wait" => ShortDecision::Wait,
                "cancel_line" => ShortDecision::CancelLine,
                sku => ShortDecision::Substitute(Sku::new(sku).ok()?),
            },
        },
        _ => return None,
    };
    Some(Action::Act(order.to_owned(), action, outcome))
}

/// Puts our own codes in the place of `{order:SO-1}`, `{list:PL-1}`, `{badge:wang}`, `{parcel:B1}`, `{product:X}`.
pub fn expand(data: &str, key: &SiteKey, state: &Memory) -> String {
    let Some((kind, id)) =
        data.strip_prefix('{').and_then(|rest| rest.strip_suffix('}')).and_then(|inner| inner.split_once(':'))
    else {
        return data.to_owned();
    };
    match kind {
        "order" => key.code(CodeKind::Order, &state.orders[id].number.to_string()),
        "list" => key.code(CodeKind::PickList, &state.lists[id].number.to_string()),
        "parcel" => key.code(CodeKind::Parcel, &state.parcels[id].number.to_string()),
        "product" => key.code(CodeKind::Product, &state.products[id].number.to_string()),
        "manifest" => key.code(CodeKind::Manifest, &state.manifests[id].number.to_string()),
        "label" => key.code(CodeKind::LabelMember, id.trim_start_matches('L')),
        "tote" => key.code(CodeKind::Place, id),
        "badge" => key.code(CodeKind::Badge, &badge(id)),
        _ => panic!("{data}: no such code"),
    }
}

/// A verdict's field, by the names that scenarios use.
pub fn field(verdict: &Verdict, name: &str) -> String {
    let counts = verdict.counts;
    let text = |value: Option<String>| value.unwrap_or_else(|| "none".into());
    let facts = |name: &str, facts: &waybind::domain::verdict::Facts| {
        let value = serde_json::to_value(facts).unwrap();
        match value.get(name) {
            Some(serde_json::Value::String(text)) => text.clone(),
            Some(other) => other.to_string(),
            None => "none".into(),
        }
    };
    match name {
        "order" => text(verdict.order.as_ref().map(ToString::to_string)),
        "list" => text(verdict.pick_list.as_ref().map(ToString::to_string)),
        "line" => text(verdict.line.map(|line| line.to_string())),
        "slot" => text(verdict.slot.clone()),
        "picked" => text(counts.map(|counts| counts.picked.to_string())),
        "packed" => text(counts.map(|counts| counts.packed.to_string())),
        "demanded" => text(counts.map(|counts| counts.demanded.to_string())),
        "first" => text(verdict.first_code.map(|code| code.as_str().to_owned())),
        "why" => match serde_json::to_value(&verdict.why).unwrap() {
            // a reason that says more than its name
            serde_json::Value::Object(named) => named.keys().next().unwrap().replace('_', "-"),
            name => name.as_str().unwrap_or("none").replace('_', "-"),
        },
        "missing" => verdict
            .missing
            .iter()
            .map(|missing| serde_json::to_value(missing.why).unwrap().as_str().unwrap().replace('_', "-"))
            .collect::<Vec<_>>()
            .join(","),
        "warnings" => verdict
            .warnings
            .iter()
            .map(|warning| serde_json::to_value(warning.rule).unwrap().as_str().unwrap().replace('_', "-"))
            .collect::<Vec<_>>()
            .join(","),
        "bag" => text(verdict.bag.as_ref().map(|bag| match (&bag.tag, &bag.id) {
            (Some(tag), _) => tag.clone(),
            (None, Some(id)) => id.to_string(),
            (None, None) => "new".into(),
        })),
        "in-bag" => text(verdict.bag.as_ref().map(|bag| bag.members.len().to_string())),
        "candidates" => verdict.candidates.join(","),
        _ => match name.split_once('.') {
            Some(("expected", name)) => facts(name, &verdict.expected),
            Some(("got", name)) => facts(name, &verdict.got),
            _ => panic!("scenarios know no field {name}"),
        },
    }
}
