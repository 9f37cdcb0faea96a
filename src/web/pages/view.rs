//! What a station shows, gathered from the state.

use serde::Serialize;

use crate::domain::bag::{self, Bag, Member, VoidWhy};
use crate::domain::event::list_orders;
use crate::domain::ids::{BagId, OrderId, ParcelId, PrinterId};
use crate::domain::manifest::{Absent, tally, to_unload};
use crate::domain::order::Order;
use crate::domain::rules::Rules;
use crate::domain::station::{Awaited, Mode, StationRules, Work};
use crate::domain::verdict::{Code, Verdict};
use crate::domain::view::View;
use crate::label::masked;

/// What a station shows.
#[derive(Clone, Debug)]
pub(in crate::web) struct StationView {
    pub rules: RulesView,
    pub operator: Option<String>,
    pub work: Option<WorkView>,
    pub lines: Vec<LineView>,
    pub done: usize,
    pub notes: Vec<String>,
    pub latched: Option<Verdict>,
    pub awaiting: Option<&'static str>,
    pub unbound: Vec<UnboundView>,
    pub can_undo: bool,
    pub can_reprint: bool,
    /// The printer that was chosen by its code.
    pub printer: Option<PrinterId>,
    pub manifest: Option<ManifestView>,
    /// The bags that are filled here, and those whose label is void.
    pub bags: Vec<BagView>,
}

/// A bag that is open, or that waits for a new label.
#[derive(Clone, Debug, Serialize)]
pub(in crate::web) struct BagView {
    pub id: BagId,
    pub name: String,
    pub carrier: String,
    pub region: String,
    pub max: usize,
    pub room: usize,
    pub void: bool,
    pub members: Vec<BagMemberView>,
}

/// A parcel in a bag.
#[derive(Clone, Debug, Serialize)]
pub(in crate::web) struct BagMemberView {
    pub number: u32,
    pub order: OrderId,
    pub parcel: ParcelId,
    pub stopped: Option<VoidWhy>,
}

/// Bags that a station lists: what stands around a bench.
const BAGS_MAX: usize = 20;

fn bag_views(view: &dyn View, rules: &StationRules) -> Vec<BagView> {
    let bags = view.unsettled_bags();
    let bags = bags.iter().filter_map(|id| view.bag(id.as_str())).filter(|bag| bag.station == rules.id);
    let member = |bag: &Bag, member: &Member| BagMemberView {
        number: member.number,
        order: member.order.clone(),
        parcel: member.parcel.clone(),
        stopped: bag::objection(view, bag, member),
    };
    let shown = |bag: std::sync::Arc<Bag>| BagView {
        id: bag.id.clone(),
        name: bag.name().to_owned(),
        carrier: bag.carrier.to_string(),
        region: bag.region.clone(),
        max: bag.max,
        room: if bag.is_open { bag.max.saturating_sub(bag.members.len()) } else { 0 },
        void: bag.is_void(),
        members: bag.members.iter().map(|one| member(&bag, one)).collect(),
    };
    bags.take(BAGS_MAX).map(shown).collect()
}

#[derive(Clone, Copy, Debug)]
pub(in crate::web) struct RulesView {
    pub mode: Mode,
}

/// The manifest that is open at a dock.
#[derive(Clone, Debug, Serialize)]
pub(in crate::web) struct ManifestView {
    pub id: String,
    pub carrier: String,
    pub departure: Option<String>,
    pub expected: usize,
    pub loaded: usize,
    /// The first of what is missing; `expected` less `loaded` is how many there are.
    pub missing: Vec<Absent>,
    pub stopped: Vec<StoppedView>,
}

/// What must come off the truck.
#[derive(Clone, Debug, Serialize)]
pub(in crate::web) struct StoppedView {
    pub waybill: String,
    pub order: OrderId,
    pub why: Code,
    /// The recalled goods, where that is why.
    pub sku: Option<String>,
    /// Their lot.
    pub lot: Option<String>,
}

/// Missing waybills, and those that must come off, that a page lists: what a person can look for.
const LISTED_MAX: usize = 50;

fn manifest_view(view: &dyn View, work: &Work, rules: &Rules) -> Option<ManifestView> {
    let Work::Manifest(id) = work else { return None };
    let manifest = view.manifest(id.as_str())?;
    let tally = tally(view, &manifest);
    let stopped = to_unload(view, rules, &manifest, &tally);
    let stopped = stopped.into_iter().take(LISTED_MAX).map(|stopped| StoppedView {
        waybill: stopped.waybill.to_string(),
        order: stopped.order,
        why: stopped.code,
        sku: stopped.recalled.as_ref().map(|goods| goods.sku.to_string()),
        lot: stopped.recalled.and_then(|goods| goods.lot),
    });
    Some(ManifestView {
        id: id.to_string(),
        carrier: manifest.carrier.to_string(),
        departure: manifest.departure.clone(),
        expected: tally.expected(),
        loaded: tally.loaded.len(),
        missing: tally.missing.iter().take(LISTED_MAX).cloned().collect(),
        stopped: stopped.collect(),
    })
}

/// What is open.
#[derive(Clone, Debug, Serialize)]
pub(in crate::web) struct WorkView {
    pub kind: &'static str,
    pub id: String,
    pub orders: Vec<OrderId>,
}

/// A line of the open work.
#[derive(Clone, Debug, Serialize)]
pub(in crate::web) struct LineView {
    pub order: OrderId,
    pub line: u32,
    pub sku: String,
    pub name: String,
    pub location: Option<String>,
    pub slot: Option<String>,
    pub lot: Option<String>,
    pub picked: u32,
    pub packed: u32,
    pub demanded: u32,
    pub open: bool,
    pub to_put_back: bool,
    pub stopped: bool,
}

/// A sealed parcel that waits for its waybill.
#[derive(Clone, Debug, Serialize)]
pub(in crate::web) struct UnboundView {
    pub parcel: String,
    pub order: OrderId,
    /// What is needed to get its number by hand, where no channel gave one.
    pub pending: Option<PendingView>,
}

/// What a person needs to get a waybill number by hand.
#[derive(Clone, Debug, Serialize)]
pub(in crate::web) struct PendingView {
    pub carrier: String,
    pub name: String,
    pub phone: String,
    pub address: String,
    pub goods: Vec<String>,
    pub why: Vec<String>,
}

/// Lines that a form names; a person looks at the order for the others.
const GOODS_MAX: usize = 5;

fn pending_view(order: &Order, in_full: bool) -> Option<PendingView> {
    let pending = order.numbering.pending.as_ref()?;
    let shown = |text: &str, first, last| if in_full { text.to_owned() } else { masked(text, first, last) };
    let to = &order.spec.consignee;
    let goods = order.lines.iter().filter(|line| line.packed() > 0).take(GOODS_MAX);
    Some(PendingView {
        carrier: order.spec.carrier.to_string(),
        name: shown(&to.name, 1, 0),
        phone: shown(&to.phone, 0, 4),
        address: shown(&to.address, 6, 0),
        goods: goods
            .map(|line| format!("{} × {}", line.spec.name.as_deref().unwrap_or(line.spec.sku.as_str()), line.packed()))
            .collect(),
        why: pending.tried.iter().map(|tried| format!("{}: {}", tried.channel, tried.why)).collect(),
    })
}

pub(in crate::web) fn station_view(view: &dyn View, rules: &StationRules, interceptions: &Rules) -> StationView {
    let station = view.station(&rules.id);
    let work = station.work.as_ref().map(|work| work_view(view, work));
    let all = station.work.as_ref().map(|work| lines(view, work, rules.mode, interceptions)).unwrap_or_default();
    let (open, done): (Vec<LineView>, Vec<LineView>) = all.into_iter().partition(|line| line.open || line.to_put_back);
    let orders = work.iter().flat_map(|work| &work.orders).filter_map(|id| view.order(id.as_str()));
    let packs = matches!(rules.mode, Mode::Pack | Mode::Bench);
    let notes = orders.filter(|order| packs && order.awaits_confirmation()).flat_map(|order| {
        order.spec.notes.iter().filter(|note| note.must_confirm).map(|note| note.text.clone()).collect::<Vec<_>>()
    });
    let notes = notes.collect();
    let unbound = station.unbound.iter().filter_map(|id| view.parcel(id.as_str()));
    StationView {
        rules: RulesView { mode: rules.mode },
        operator: station
            .session
            .as_ref()
            .and_then(|session| view.operator(session.operator.as_str()))
            .map(|operator| operator.name.clone()),
        work,
        lines: open,
        done: done.len(),
        notes,
        latched: station.latch.as_deref().filter(|_| rules.latch && !rules.shadow).cloned(),
        awaiting: station.awaits.as_ref().map(|awaits| awaited_name(&awaits.what)),
        unbound: unbound
            .map(|parcel| UnboundView {
                parcel: parcel.id.to_string(),
                order: parcel.order.clone(),
                pending: view.order(parcel.order.as_str()).and_then(|order| pending_view(&order, rules.show_consignee)),
            })
            .collect(),
        can_undo: !station.counts.is_empty(),
        can_reprint: station.last_print.is_some(),
        printer: station.printer.clone(),
        manifest: station.work.as_ref().and_then(|work| manifest_view(view, work, interceptions)),
        bags: if matches!(rules.mode, Mode::Pack | Mode::Bench) { bag_views(view, rules) } else { Vec::new() },
    }
}

/// How it is said that a station waits for a PIN.
pub(in crate::web) const PIN_AWAITED: &str = "pin";

/// How it is said that a station waits for the reason of a reprint.
pub(in crate::web) const REPRINT_AWAITED: &str = "reprint_reason";

fn awaited_name(what: &Awaited) -> &'static str {
    match what {
        Awaited::Trait(_, wanted) => wanted.code().as_str(),
        Awaited::Sku(_) => "awaiting_sku",
        Awaited::Slot(..) => "awaiting_slot",
        Awaited::Short(_) => "short",
        Awaited::Close => "close",
        Awaited::Unload => "unload",
        Awaited::Bag(_) => "bag",
        Awaited::Unbag => "unbag",
        Awaited::SealBag => "seal_bag",
        Awaited::PutBack => "put_back",
        Awaited::OverrideBadge => "override_badge",
        Awaited::TeachCode => "teach_code",
        Awaited::TeachItem(_) => "teach_item",
        Awaited::TeachBadge(..) => "teach_badge",
        Awaited::OverrideReason(_) => "override_reason",
        Awaited::OverrideItem(..) => "override_item",
        Awaited::ReprintReason(_) => REPRINT_AWAITED,
        Awaited::Pin(..) => PIN_AWAITED,
    }
}

fn work_view(view: &dyn View, work: &Work) -> WorkView {
    match work {
        Work::List(id) => WorkView {
            kind: "pick_list",
            id: id.to_string(),
            orders: view.list(id.as_str()).map(|list| list_orders(&list)).unwrap_or_default(),
        },
        Work::Order(id) => WorkView { kind: "order", id: id.to_string(), orders: vec![id.clone()] },
        Work::PutBack(id) => WorkView { kind: "put_back", id: id.to_string(), orders: vec![id.clone()] },
        Work::Manifest(id) => WorkView { kind: "manifest", id: id.to_string(), orders: Vec::new() },
        Work::Waybill(id) => WorkView {
            kind: "waybill",
            id: id.to_string(),
            orders: view.waybill(id.as_str()).map(|waybill| waybill.orders.clone()).unwrap_or_default(),
        },
    }
}

fn lines(view: &dyn View, work: &Work, mode: Mode, rules: &Rules) -> Vec<LineView> {
    match work {
        Work::List(id) => {
            let Some(list) = view.list(id.as_str()) else { return Vec::new() };
            let of_line = |entry: &crate::domain::work::PickLine| {
                let order = view.order(entry.order.as_str())?;
                let mut line = line_view(view, &order, entry.line, mode, rules)?;
                line.location.clone_from(&entry.location);
                line.slot.clone_from(&entry.slot);
                Some(line)
            };
            list.lines.iter().filter_map(of_line).collect()
        }
        _ => {
            let orders = work_view(view, work).orders;
            let of_order = |order: &Order| {
                order
                    .lines
                    .iter()
                    .filter_map(|line| line_view(view, order, line.spec.line, mode, rules))
                    .collect::<Vec<_>>()
            };
            orders.iter().filter_map(|id| view.order(id.as_str())).flat_map(|order| of_order(&order)).collect()
        }
    }
}

fn line_view(view: &dyn View, order: &Order, number: u32, mode: Mode, rules: &Rules) -> Option<LineView> {
    let line = order.line(number)?;
    let name =
        line.spec.name.clone().or_else(|| view.product(line.spec.sku.as_str()).map(|product| product.name.clone()));
    let done = if mode == Mode::Pick { line.is_picked() } else { line.is_packed() };
    Some(LineView {
        order: order.id().clone(),
        line: number,
        sku: line.spec.sku.to_string(),
        name: name.unwrap_or_default(),
        location: None,
        slot: None,
        lot: line.spec.lot.clone(),
        picked: line.picked(),
        packed: line.packed(),
        demanded: line.demanded(),
        open: !done,
        to_put_back: line.has_put_back(),
        stopped: rules.objection(order, mode.steps()).is_some(),
    })
}
