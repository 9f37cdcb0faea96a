//! The lines that are open at a station, and counting on them: parcels, seals and stages follow by themselves.

use std::sync::Arc;

use super::Desk;
use super::draft::Draft;
use super::takes::{Takes, waiting_units};
use crate::domain::bag::Bagging;
use crate::domain::event::Event;
use crate::domain::gate;
use crate::domain::ids::{OrderId, ParcelId, PickListId};
use crate::domain::order::{Order, OrderLine};
use crate::domain::progress::Sign;
use crate::domain::station::{Bind, Count, Item, Mode, PartCount, Seal, Work};
use crate::domain::verdict::{Code, Why};
use crate::domain::view::Numbered;
use crate::domain::work::{Parcel, ParcelState, PickLine};

/// A line that is open here: of a pick list, or of an order by itself.
pub(super) struct Claim {
    pub order: Arc<Order>,
    pub line: u32,
    pub list: Option<(PickListId, usize)>,
    pub pick_line: Option<PickLine>,
}

impl Claim {
    /// The order's line.
    pub(super) fn order_line(&self) -> Option<&OrderLine> {
        self.order.line(self.line)
    }

    pub(super) fn slot(&self) -> Option<&str> {
        self.pick_line.as_ref().and_then(|line| line.slot.as_deref())
    }

    pub(super) fn location(&self) -> Option<&str> {
        self.pick_line.as_ref().and_then(|line| line.location.as_deref())
    }

    /// Base units of a part that this claim can still take in a mode.
    pub(super) fn remaining(&self, part: usize, mode: Mode) -> u32 {
        let Some(line) = self.order_line() else { return 0 };
        let Some(progress) = line.parts.get(part) else { return 0 };
        let wanted = line.wanted().saturating_mul(progress.per_set);
        let of_order = match mode {
            Mode::Pick => wanted.saturating_sub(progress.picked),
            Mode::Pack => wanted.min(progress.picked).saturating_sub(progress.packed),
            _ => wanted.saturating_sub(progress.packed),
        };
        let Some(pick_line) = &self.pick_line else { return of_order };
        let counted = if mode == Mode::Pick { &pick_line.picked } else { &pick_line.packed };
        let of_list = (pick_line.quantity.saturating_sub(pick_line.short).saturating_mul(progress.per_set))
            .saturating_sub(counted.get(part).copied().unwrap_or(0));
        of_order.min(of_list)
    }

    /// The same line after a count on one of them.
    fn counted(mut self, on: &Claim, after: &Arc<Order>, count: &Count) -> Claim {
        if self.list == on.list
            && let Some(line) = &mut self.pick_line
        {
            line.count(&count.parts, Sign::Plus);
        }
        if self.order.id() == after.id() {
            self.order = after.clone();
        }
        self
    }

    /// Whether anything is still to do on it in a mode; when packing, what is yet to be picked counts too.
    pub(super) fn is_open(&self, mode: Mode) -> bool {
        let mode = if mode == Mode::Pack { Mode::Bench } else { mode };
        self.order_line().is_some_and(|line| (0..line.parts.len()).any(|part| self.remaining(part, mode) > 0))
    }
}

impl Desk<'_> {
    /// The lines of the open work: in slot order, then order and line number.
    pub(super) fn claims(&self) -> Vec<Claim> {
        self.station.work.as_ref().map(|work| self.claims_of(work)).unwrap_or_default()
    }

    pub(super) fn claims_of(&self, work: &Work) -> Vec<Claim> {
        match work {
            Work::List(list) => self.list_claims(list),
            Work::Order(order) | Work::PutBack(order) => self.order_claims(order),
            Work::Waybill(waybill) => {
                let orders =
                    self.view.waybill(waybill.as_str()).map(|waybill| waybill.orders.clone()).unwrap_or_default();
                orders.iter().flat_map(|order| self.order_claims(order)).collect()
            }
            // a manifest is about whole waybills
            Work::Manifest(_) => Vec::new(),
        }
    }

    fn list_claims(&self, id: &PickListId) -> Vec<Claim> {
        let Some(list) = self.view.list(id.as_str()) else { return Vec::new() };
        let claim = |(index, line): (usize, &PickLine)| {
            let order = self.view.order(line.order.as_str())?;
            Some(Claim { order, line: line.line, list: Some((id.clone(), index)), pick_line: Some(line.clone()) })
        };
        list.lines.iter().enumerate().filter_map(claim).collect()
    }

    fn order_claims(&self, id: &OrderId) -> Vec<Claim> {
        let Some(order) = self.view.order(id.as_str()) else { return Vec::new() };
        let claim =
            |line: &OrderLine| Claim { order: order.clone(), line: line.spec.line, list: None, pick_line: None };
        order.lines.iter().map(claim).collect()
    }

    /// What an item adds to the parts of a line that take it.
    pub(super) fn part_counts(&self, line: &OrderLine, takes: &Takes, item: &Item) -> Vec<PartCount> {
        let waiting = waiting_units(line, item);
        let of_part = |part: &usize| {
            let quantity = takes.units(line, *part, item);
            match self.rules.mode {
                Mode::Pick => PartCount { part: *part, picked: quantity, packed: 0 },
                Mode::Pack => PartCount { part: *part, picked: 0, packed: quantity },
                // what was picked before, this very unit where units are told apart, is only packed here
                _ => {
                    let progress = &line.parts[*part];
                    let on_the_bench = progress
                        .picked
                        .saturating_sub(progress.packed)
                        .min(if item.identity.is_captured() { waiting } else { u32::MAX });
                    PartCount { part: *part, picked: quantity.saturating_sub(on_the_bench), packed: quantity }
                }
            }
        };
        takes.parts.iter().map(of_part).collect()
    }

    /// Counts an item on a line that can take it.
    pub(super) fn count(&self, claim: &Claim, takes: &Takes, item: &Item) -> Draft {
        let Some(line) = claim.order_line() else { return Draft::new(Code::NotOnList) };
        let mut events = Vec::new();
        let packs = self.rules.mode != Mode::Pick;
        let mut parcel = packs.then(|| self.open_parcel(&claim.order, &mut events));
        let count = Count {
            order: claim.order.id().clone(),
            line: claim.line,
            list: claim.list.clone(),
            sku: item.sku.clone(),
            quantity: item.quantity,
            identity: item.identity.clone(),
            parts: self.part_counts(line, takes, item),
            parcel: parcel.as_ref().map(|parcel| parcel.id.clone()),
        };
        let mut after = (*claim.order).clone();
        after.count(&count, Sign::Plus);
        let after = Arc::new(after);
        let code = self.reached(claim, &after, &count);
        if let Some(parcel) = &mut parcel {
            parcel.count(count.line, &count.parts, Sign::Plus);
        }
        events.push(Event::Counted { station: self.rules.id.clone(), count });
        if packs {
            events.extend(gate::seal_if_packed(self.view, &after, parcel.as_slice(), Some(self.now.at)));
        }
        let changed = after.line(claim.line).unwrap_or(line);
        let waived = item.waiver.as_ref().map(|waiver| Event::Overridden {
            station: self.rules.id.clone(),
            order: claim.order.id().clone(),
            line: claim.line,
            code: waiver.code,
            by: waiver.by.clone(),
            reason: waiver.reason.clone(),
        });
        let code = if waived.is_some() { Code::Overridden } else { code };
        events.extend(waived);
        let draft = match packs && after.is_packed() && after.awaits_confirmation() {
            true => Draft::new(code).why(Why::NoteFirst),
            false => Draft::new(code),
        };
        draft
            .line(&after, changed)
            .slot(claim.slot())
            .pick_list(claim.list.as_ref().map(|(list, _)| list))
            .got(self.item_facts(item))
            .events(events)
    }

    /// The furthest that a count reached.
    fn reached(&self, claim: &Claim, after: &Arc<Order>, count: &Count) -> Code {
        let done = |line: &OrderLine| if self.rules.mode == Mode::Pick { line.is_picked() } else { line.is_packed() };
        let list_done = claim.list.is_some()
            && self.claims().into_iter().all(|other| !other.counted(claim, after, count).is_open(self.rules.mode));
        match after.line(claim.line).is_some_and(done) {
            _ if list_done => Code::ListComplete,
            false => Code::Accepted,
            true if after.lines.iter().all(done) => Code::OrderComplete,
            true => Code::LineComplete,
        }
    }

    /// The box that is being filled for an order here, one with goods before an emptied one. A box travels with its work:
    /// one that was begun elsewhere is filled on, unless somebody still works on the order there.
    fn box_here(&self, order: &Order) -> Option<Parcel> {
        let is_open = |parcel: &Arc<Parcel>| parcel.state == ParcelState::Open;
        let is_elsewhere = |parcel: &Parcel| {
            parcel.station != self.rules.id && gate::is_worked_on(self.view, order.id(), &parcel.station)
        };
        let parcels = order.parcels.iter().filter_map(|id| self.view.parcel(id.as_str())).filter(is_open);
        let fillable = parcels.filter(|parcel| !is_elsewhere(parcel));
        let first = fillable.min_by_key(|parcel| (parcel.contents.is_empty(), parcel.station != self.rules.id))?;
        Some(self.brought_here((*first).clone()))
    }

    /// A box as it stands at this station, where it is one that boxes are packed at.
    pub(super) fn brought_here(&self, parcel: Parcel) -> Parcel {
        match self.rules.mode {
            Mode::Pack | Mode::Bench => Parcel { station: self.rules.id.clone(), ..parcel },
            Mode::Pick | Mode::Load | Mode::Info => parcel,
        }
    }

    /// The box that an order's goods go into.
    pub(super) fn open_box(&self, order: &Order) -> Option<Parcel> {
        self.box_here(order).filter(|parcel| !parcel.contents.is_empty())
    }

    /// The box that is being filled for an order; a new one where there is none.
    fn open_parcel(&self, order: &Order, events: &mut Vec<Event>) -> Parcel {
        if let Some(parcel) = self.box_here(order) {
            let known = self.view.parcel(parcel.id.as_str());
            if known.is_some_and(|known| known.station != parcel.station) {
                let (parcel, order, station) = (parcel.id.clone(), order.id().clone(), parcel.station.clone());
                events.push(Event::ParcelMoved { parcel, order, station });
            }
            return parcel;
        }
        let number = self.view.next_number(Numbered::Parcel);
        let parcel = Parcel {
            id: ParcelId::new(&format!("B{number}")).expect("a letter and digits are an id"),
            number,
            order: order.id().clone(),
            piece: u32::try_from(order.parcels.len() + 1).unwrap_or(u32::MAX),
            contents: Vec::new(),
            state: ParcelState::Open,
            waybill: None,
            station: self.rules.id.clone(),
            seal_auto: self.rules.seal == Seal::Auto,
            bind_assigned: self.rules.bind == Bind::Assigned,
            to_bag: self.bagging() != Bagging::Off,
            sealed: None,
            bag: None,
        };
        events.push(Event::ParcelOpened { parcel: Box::new(parcel.clone()), station: self.rules.id.clone() });
        parcel
    }

    /// Whether lines of the open work are still open in this station's mode.
    pub(super) fn has_open_lines(&self) -> bool {
        match &self.station.work {
            Some(Work::PutBack(order)) => self.view.order(order.as_str()).is_some_and(|order| order.has_put_back()),
            _ => self.claims().iter().any(|claim| claim.is_open(self.rules.mode)),
        }
    }
}
