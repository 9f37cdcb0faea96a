//! What facts do to stations: the work that is open there, what they remember, and who works there.

use super::{Done, Fold};
use crate::domain::event::{Event, Memory};
use crate::domain::ids::StationId;
use crate::domain::manifest::ManifestState;
use crate::domain::station::{Session, Work};
use crate::domain::work::{ListState, WrongPins};

impl Fold<'_> {
    pub(super) fn station(&mut self) -> Done {
        match self.event {
            Event::WorkOpened { station, work } => {
                self.set_work(work, Some(station))?;
                let station = self.state.station_mut(station);
                station.work = Some(work.clone());
                station.counts.clear();
                station.location = None;
            }
            Event::WorkTakenOver { station, from, work } => {
                self.leave(from, work);
                self.state.station_mut(from).counts.clear();
                self.set_work(work, Some(station))?;
                let station = self.state.station_mut(station);
                station.work = Some(work.clone());
                station.counts.clear();
                station.location = None;
            }
            Event::WorkParked { station, work } => {
                self.set_work(work, None)?;
                self.leave(station, work);
            }
            Event::WorkClosed { station, work } => {
                self.set_work(work, None)?;
                match work {
                    Work::List(list) => {
                        let lost = self.lost("pick list", list);
                        self.state.list_mut(list).ok_or(lost)?.state = ListState::Done;
                    }
                    Work::Manifest(manifest) => {
                        let lost = self.lost("manifest", manifest);
                        self.state.manifest_mut(manifest).ok_or(lost)?.state = ManifestState::Closed;
                    }
                    _ => {}
                }
                self.leave(station, work);
            }
            Event::Remembered { station, memory } => self.remember(station, memory),
            _ => return self.people(),
        }
        Ok(())
    }

    /// Says at which station work is open.
    fn set_work(&mut self, work: &Work, at: Option<&StationId>) -> Done {
        match work {
            Work::List(list) => {
                let lost = self.lost("pick list", list);
                self.state.list_mut(list).ok_or(lost)?.state =
                    at.map_or(ListState::Parked, |at| ListState::Open(at.clone()));
            }
            Work::Manifest(manifest) => {
                let lost = self.lost("manifest", manifest);
                self.state.manifest_mut(manifest).ok_or(lost)?.state =
                    at.map_or(ManifestState::Parked, |at| ManifestState::Open(at.clone()));
            }
            Work::Order(order) | Work::PutBack(order) => self.order_mut(order)?.open_at = at.cloned(),
            Work::Waybill(waybill) => {
                let lost = self.lost("waybill", waybill);
                let orders = self.state.view().waybill(waybill.as_str()).ok_or(lost)?.orders.clone();
                for order in &orders {
                    self.order_mut(order)?.open_at = at.cloned();
                }
            }
        }
        Ok(())
    }

    fn leave(&mut self, station: &StationId, work: &Work) {
        let station = self.state.station_mut(station);
        if station.work.as_ref() == Some(work) {
            station.work = None;
            station.location = None;
            station.awaits = None;
        }
    }

    fn remember(&mut self, station: &StationId, memory: &Memory) {
        let station = self.state.station_mut(station);
        match memory {
            Memory::Awaits(awaits) => station.awaits = awaits.as_deref().cloned(),
            Memory::Quantity(quantity) => station.quantity = *quantity,
            Memory::Location(location) => station.location.clone_from(location),
            Memory::CountGone => drop(station.counts.pop()),
            Memory::Latch(latch) => station.latch.clone_from(latch),
            Memory::Refusal(refusal) => station.refusal = refusal.as_deref().cloned(),
            Memory::ToldCancelled(order) => station.told_cancelled = Some(order.clone()),
            Memory::TakeOver(wish) => station.take_over.clone_from(wish),
            Memory::Printer(printer) => station.printer.clone_from(printer),
            Memory::Seen(at) => {
                if let Some(session) = &mut station.session {
                    session.last = *at;
                }
            }
        }
    }

    fn people(&mut self) -> Done {
        match self.event {
            Event::SignedIn { station, operator, handed_over_by, left, at } => {
                if let Some(left) = left {
                    self.state.station_mut(left).session = None;
                }
                if let Some(before) = handed_over_by.as_ref().and_then(|before| self.state.operator_mut(before)) {
                    before.station = None;
                }
                let lost = self.lost("operator", operator);
                let person = self.state.operator_mut(operator).ok_or(lost)?;
                person.station = Some(station.clone());
                person.wrong_pins = WrongPins::default();
                let here = self.state.station_mut(station);
                here.session = Some(Session { operator: operator.clone(), since: *at, last: *at });
                here.counts.clear();
                here.awaits = None;
            }
            Event::SignedOut { station, operator, .. } => {
                self.state.station_mut(station).session = None;
                self.state.station_mut(station).counts.clear();
                if let Some(person) = self.state.operator_mut(operator) {
                    person.station = None;
                }
            }
            Event::PinAccepted { operator, .. } => {
                let lost = self.lost("operator", operator);
                self.state.operator_mut(operator).ok_or(lost)?.wrong_pins = WrongPins::default();
            }
            Event::PinRefused { operator, at, .. } => {
                let lost = self.lost("operator", operator);
                let wrong = &mut self.state.operator_mut(operator).ok_or(lost)?.wrong_pins;
                *wrong = WrongPins { count: wrong.count.saturating_add(1), last: Some(*at) };
            }
            _ => {}
        }
        Ok(())
    }
}
