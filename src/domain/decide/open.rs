//! Opening work: by pick list, tote, order or waybill; and taking it over from another station.

use std::sync::Arc;

use super::Desk;
use super::bind::replacement;
use super::draft::Draft;
use super::meaning::describe;
use crate::domain::clock::Moment;
use crate::domain::event::{Event, Memory, work_list};
use crate::domain::gate;
use crate::domain::ids::StationId;
use crate::domain::order::Order;
use crate::domain::station::{Mode, TakeOver, Work};
use crate::domain::verdict::{Code, Facts, Why};
use crate::domain::work::{ListState, Role};

/// Within this time a second scan takes work over, in milliseconds.
const TAKE_OVER_MS: u64 = 10_000;

impl Desk<'_> {
    /// Opens work, or says why not.
    pub(super) fn open(&self, work: &Work) -> Draft {
        let got = Facts { text: Some(describe(work)), ..Facts::default() };
        let draft = Draft::new(Code::Opened).got(got).pick_list(work_list(work));
        if self.station.work.as_ref() == Some(work) {
            return match self.closed_to(work, &self.orders_of(work)) {
                Some((code, order)) => draft.with_code(code).order(order.id()),
                None => self.opened(draft, work),
            };
        }
        if self.station.work.is_some() && self.has_open_lines() {
            return draft.with_code(Code::WrongStep).why(Why::WorkOpen).expected(self.open_work());
        }
        if let Work::Waybill(number) = work {
            let void = self.view.waybill(number.as_str()).filter(|waybill| waybill.void.is_some());
            if let Some(waybill) = void {
                return draft.with_code(Code::WaybillVoid).expected(replacement(&waybill));
            }
        }
        if let Some(elsewhere) = self.open_elsewhere(work) {
            return self.take_over(draft, work, elsewhere);
        }
        let orders = self.orders_of(work);
        if let Some((code, order)) = self.closed_to(work, &orders) {
            return draft.with_code(code).order(order.id());
        }
        let desk = self.with_work(work.clone());
        let put_back = orders.iter().any(|order| order.has_put_back());
        if !desk.has_open_lines() && !put_back {
            return draft.with_code(Code::WrongStep).why(Why::NothingLeft);
        }
        let draft = match self.station.work.clone() {
            Some(before) => draft.event(Event::WorkParked { station: self.rules.id.clone(), work: before }),
            None => draft,
        };
        let event = Event::WorkOpened { station: self.rules.id.clone(), work: work.clone() };
        self.opened(draft, work).event(event)
    }

    fn opened(&self, draft: Draft, work: &Work) -> Draft {
        match self.orders_of(work).as_slice() {
            [order] => draft.order(order.id()),
            _ => draft,
        }
    }

    pub(super) fn open_work(&self) -> Facts {
        Facts { text: self.station.work.as_ref().map(describe), ..Facts::default() }
    }

    pub(super) fn orders_of(&self, work: &Work) -> Vec<Arc<Order>> {
        let mut orders: Vec<Arc<Order>> = Vec::new();
        for claim in self.claims_of(work) {
            if !orders.iter().any(|known| known.id() == claim.order.id()) {
                orders.push(claim.order);
            }
        }
        orders
    }

    /// Where work, or an order of it, is open already.
    pub(super) fn open_elsewhere(&self, work: &Work) -> Option<StationId> {
        let here = &self.rules.id;
        let list_station = |list: &str| match &self.view.list(list)?.state {
            ListState::Open(station) => Some(station.clone()),
            _ => None,
        };
        let elsewhere = |station: Option<StationId>| station.filter(|station| station != here);
        if let Work::List(list) = work
            && let Some(station) = elsewhere(list_station(list.as_str()))
        {
            return Some(station);
        }
        self.orders_of(work).iter().find_map(|order| {
            // a waybill that lost an order while it was open still says that the order is open there
            let is_so = |station: &StationId| gate::is_worked_on(self.view, order.id(), station);
            let by_itself = elsewhere(order.open_at.clone()).filter(is_so);
            let of_lists = || {
                order
                    .lists
                    .iter()
                    .filter(|_| !matches!(work, Work::List(_)))
                    .find_map(|list| elsewhere(list_station(list.as_str())))
            };
            by_itself.or_else(of_lists)
        })
    }

    /// A lead who scans it again within ten seconds takes it over; the other station loses it.
    pub(super) fn take_over(&self, draft: Draft, work: &Work, from: StationId) -> Draft {
        let asked = self
            .station
            .take_over
            .as_ref()
            .filter(|asked| asked.work == *work && !self.now.at.is_past(&asked.at, TAKE_OVER_MS));
        let may = self.operator.as_ref().is_some_and(|operator| operator.role >= Role::Lead);
        // only the work that is open there under this very name can change hands
        let same_work = self.view.station(&from).work.as_ref() == Some(work);
        if asked.is_some() && may && same_work {
            let parked = self
                .station
                .work
                .clone()
                .map(|before| Event::WorkParked { station: self.rules.id.clone(), work: before });
            let event = Event::WorkTakenOver { station: self.rules.id.clone(), from, work: work.clone() };
            return self
                .opened(draft, work)
                .events(parked)
                .event(event)
                .remember(&self.rules.id, Memory::TakeOver(None));
        }
        let at: Moment = self.now.at;
        let expected = Facts { text: Some(from.to_string()), ..Facts::default() };
        draft
            .with_code(Code::ListInUse)
            .expected(expected)
            .remember(&self.rules.id, Memory::TakeOver(Some(TakeOver { work: work.clone(), at })))
    }

    /// Why none of it may be worked on. A pick list opens if any of its orders is active; an order or a waybill only
    /// if all are.
    fn closed_to<'o>(&self, work: &Work, orders: &'o [Arc<Order>]) -> Option<(Code, &'o Order)> {
        let objections = orders.iter().filter_map(|order| self.objection_to(order).map(|code| (code, &**order)));
        let first = objections.min_by_key(|(code, _)| *code);
        let some_active = orders.iter().any(|order| self.objection_to(order).is_none());
        first.filter(|_| !(matches!(work, Work::List(_)) && some_active))
    }

    /// What an info station says of work.
    pub(super) fn inform_work(&self, draft: Draft, work: &Work) -> Draft {
        let got = Facts { text: Some(describe(work)), ..Facts::default() };
        let draft = self.opened(draft.got(got), work).pick_list(work_list(work));
        match work {
            Work::List(_) => draft.why(Why::AboutList),
            Work::Manifest(_) => draft.why(Why::AboutManifest),
            Work::Order(order) | Work::PutBack(order) => {
                let missing = self
                    .view
                    .order(order.as_str())
                    .map(|order| crate::domain::gate::missing(self.view, &order))
                    .unwrap_or_default();
                draft.why(Why::AboutOrder).missing(missing)
            }
            Work::Waybill(waybill) => {
                let missing = self
                    .view
                    .waybill(waybill.as_str())
                    .map(|waybill| crate::domain::gate::missing_on(self.view, &waybill))
                    .unwrap_or_default();
                draft.why(Why::AboutWaybill).missing(missing)
            }
        }
    }

    /// A shelf or slot of the lines that are open here.
    pub(super) fn place(&self, text: &str) -> Option<Draft> {
        let claims = self.claims();
        if self.rules.mode != Mode::Pack && claims.iter().any(|claim| claim.location() == Some(text)) {
            let got = Facts { location: Some(text.to_owned()), ..Facts::default() };
            let memory = Memory::Location(Some(text.to_owned()));
            return Some(Draft::new(Code::Info).why(Why::AtLocation).got(got).remember(&self.rules.id, memory));
        }
        let is_slot = claims.iter().any(|claim| claim.slot() == Some(text));
        is_slot.then(|| {
            Draft::new(Code::WrongStep)
                .why(Why::SlotFirst)
                .got(Facts { slot: Some(text.to_owned()), ..Facts::default() })
        })
    }
}
