//! Folding: what each fact does to the state. The only code that changes it.

mod bags;
mod stations;

use std::sync::Arc;

use crate::domain::courier::Pool;
use crate::domain::event::{Event, list_orders};
use crate::domain::ids::{ManifestId, OrderId, ParcelId, StationId, WaybillNo};
use crate::domain::manifest::{FOREIGN_MAX, Foreign, Loading};
use crate::domain::order::{Order, ShortDecision, Stage};
use crate::domain::progress::Sign;
use crate::domain::rules;
use crate::domain::station::{Count, UNBOUND_MAX, UNDO_MAX};
use crate::domain::view::State;
use crate::domain::work::{ParcelState, PickList, VoidReason, Waybill};

/// A fact that names something that is not there: the ledger is damaged, or the program wrong.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the event \"{event}\" names {kind} \"{id}\", which is not there")]
pub struct ApplyError {
    event: &'static str,
    kind: &'static str,
    id: String,
}

/// Applies one fact.
///
/// # Errors
/// The fact names something that is not there; nothing of it was applied.
pub fn apply(event: &Event, state: &mut dyn State) -> Result<(), ApplyError> {
    Fold { event, state }.apply()
}

struct Fold<'a> {
    event: &'a Event,
    state: &'a mut dyn State,
}

type Done = Result<(), ApplyError>;

impl Fold<'_> {
    fn apply(&mut self) -> Done {
        match self.event {
            Event::ProductPut { .. }
            | Event::OrderPut { .. }
            | Event::ListPut { .. }
            | Event::WaybillPut { .. }
            | Event::ManifestPut { .. }
            | Event::OperatorPut { .. } => self.put(),
            Event::Counted { .. } | Event::CountUndone { .. } | Event::PutBack { .. } => self.counting(),
            Event::ParcelOpened { .. }
            | Event::ParcelMoved { .. }
            | Event::ParcelSealed { .. }
            | Event::ParcelReopened { .. }
            | Event::WaybillBound { .. }
            | Event::WaybillLoaded { .. }
            | Event::WaybillUnloaded { .. }
            | Event::ManifestForeign { .. }
            | Event::WaybillVoided { .. } => self.boxes(),
            Event::BagOpened { .. }
            | Event::Bagged { .. }
            | Event::Unbagged { .. }
            | Event::LabelMade { .. }
            | Event::LabelVoided { .. }
            | Event::BagDissolved { .. } => self.bags(),
            Event::NumberAssigned { .. }
            | Event::NumberPending { .. }
            | Event::NumberEntered { .. }
            | Event::NumberConflict { .. }
            | Event::NumbersPooled { .. } => self.numbers(),
            // what people did about messages, where records lie, and how a machine is, is told and kept, and is no state of
            // the warehouse
            Event::LetterCorrected { .. }
            | Event::LetterLetGo { .. }
            | Event::AlertTaken { .. }
            | Event::RecordsArchived { .. }
            | Event::ArchiveRemoved { .. }
            | Event::PrinterStopped { .. }
            | Event::PrinterResumed { .. } => Ok(()),
            Event::WorkOpened { .. }
            | Event::WorkTakenOver { .. }
            | Event::WorkParked { .. }
            | Event::WorkClosed { .. }
            | Event::SignedIn { .. }
            | Event::SignedOut { .. }
            | Event::PinAccepted { .. }
            | Event::PinRefused { .. }
            | Event::Remembered { .. } => self.station(),
            Event::AddressConfirmed { .. }
            | Event::WaybillWanted { .. }
            | Event::WaybillGivenBack { .. }
            | Event::OrderDiffers { .. }
            | Event::StopListPut { .. }
            | Event::BarcodeTaught { .. }
            | Event::BarcodeForgotten { .. }
            | Event::Intercepted { .. } => {
                rules::fold::fold(self.event, self.state).map_err(|lost| self.lost(lost.kind, lost.id))
            }
            Event::PrintRequested { .. } | Event::PrintStep { .. } | Event::PrintResolved { .. } => self.printing(),
            _ => self.order(),
        }
    }

    fn lost(&self, kind: &'static str, id: impl ToString) -> ApplyError {
        ApplyError { event: self.event.name(), kind, id: id.to_string() }
    }

    fn order_mut(&mut self, id: &OrderId) -> Result<&mut Order, ApplyError> {
        let lost = self.lost("order", id);
        self.state.order_mut(id).ok_or(lost)
    }

    fn put(&mut self) -> Done {
        match self.event {
            Event::ProductPut { product } => {
                let mut product = (**product).clone();
                if let Some(known) = self.state.view().product(product.sku.as_str()) {
                    product.taught.clone_from(&known.taught);
                    product.keep_taught();
                }
                self.state.put_product(product);
            }
            Event::OrderPut { spec, number } => {
                let merged = match self.state.view().order(spec.id.as_str()) {
                    Some(order) => (*order).clone().merge((**spec).clone()),
                    None => Order::new((**spec).clone(), *number),
                };
                self.state.put_order(merged);
            }
            Event::ListPut { list } => return self.put_list(list),
            Event::WaybillPut { waybill } => return self.put_waybill(waybill),
            Event::ManifestPut { manifest } => self.state.put_manifest((**manifest).clone()),
            Event::OperatorPut { operator } => self.state.put_operator((**operator).clone()),
            _ => {}
        }
        Ok(())
    }

    fn put_list(&mut self, list: &PickList) -> Done {
        if let Some(old) = self.state.view().list(list.id.as_str()) {
            for order in list_orders(&old) {
                self.order_mut(&order)?.lists.retain(|id| *id != list.id);
            }
        }
        for order in list_orders(list) {
            self.order_mut(&order)?.lists.push(list.id.clone());
        }
        self.state.put_list(list.clone());
        Ok(())
    }

    fn put_waybill(&mut self, waybill: &Waybill) -> Done {
        if let Some(old) = self.state.view().waybill(waybill.number.as_str()) {
            for order in &old.orders {
                self.order_mut(order)?.waybills.retain(|number| *number != waybill.number);
            }
        }
        for order in &waybill.orders {
            let order = self.order_mut(order)?;
            order.waybills.push(waybill.number.clone());
            order.waybill_pending = order.waybill_pending && waybill.void.is_some();
            if waybill.void.is_none() {
                order.numbering.pending = None;
            }
        }
        self.state.put_waybill(waybill.clone());
        Ok(())
    }

    fn order(&mut self) -> Done {
        match self.event {
            Event::OrderHeld { order, hold } => {
                let holds = &mut self.order_mut(order)?.holds;
                let mut hold = hold.clone();
                hold.by_rule |= holds.iter().any(|held| held.reason == hold.reason && held.by_rule);
                holds.retain(|held| (held.reason, &held.kind) != (hold.reason, &hold.kind));
                holds.push(hold);
            }
            Event::OrderReleased { order, reasons } => {
                self.order_mut(order)?.holds.retain(|hold| !reasons.contains(&hold.reason));
            }
            Event::OrderCancelled { order } => return self.cancel(order),
            Event::LineCancelled { order, line, quantity } => {
                let lost = self.lost("line", format_args!("{order}/{line}"));
                let line = self.order_mut(order)?.line_mut(*line).ok_or(lost)?;
                line.cancelled = line.cancelled.saturating_add(*quantity).min(line.spec.quantity);
            }
            Event::OrderReaddressed { order, consignee, elsewhere } => {
                let order = self.order_mut(order)?;
                let spec = Arc::make_mut(&mut order.spec);
                if *elsewhere {
                    (spec.region, spec.sort_code) = (None, None);
                }
                let before = std::mem::replace(&mut spec.consignee, (**consignee).clone());
                if order.awaits_address() {
                    order.readdressed_from.get_or_insert(Box::new(before));
                }
            }
            Event::StageReached { order, stage } => {
                let order = self.order_mut(order)?;
                order.stage = order.stage.max(*stage);
            }
            Event::OrderReturned { order, exchange_order } => {
                let order = self.order_mut(order)?;
                order.partially_completed = true;
                order.exchange_orders.extend(exchange_order.clone());
            }
            Event::ShortRecorded { order, line, short, list } => {
                let lost = self.lost("line", format_args!("{order}/{line}"));
                let line = self.order_mut(order)?.line_mut(*line).ok_or(lost)?;
                let before = std::mem::replace(&mut line.short, Some(*short).filter(|short| short.quantity > 0));
                let more = short.quantity.saturating_sub(before.map_or(0, |before| before.quantity));
                if let Some((list, index)) = list {
                    let lost = self.lost("pick list", list);
                    let line = self.state.list_mut(list).and_then(|list| list.lines.get_mut(*index)).ok_or(lost)?;
                    line.short = line.short.saturating_add(more);
                }
            }
            Event::ShortDecided { order, line, decision } => return self.decide_short(order, *line, decision),
            Event::NotesConfirmed { order } => self.order_mut(order)?.notes_confirmed = true,
            _ => {}
        }
        Ok(())
    }

    /// What is looked for again is looked for on its lists, too.
    fn decide_short(&mut self, order: &OrderId, line: u32, decision: &ShortDecision) -> Done {
        let lost = self.lost("line", format_args!("{order}/{line}"));
        let changed = self.order_mut(order)?;
        changed.line_mut(line).ok_or(lost)?.decide_short(decision);
        if !matches!(decision, ShortDecision::Wait | ShortDecision::Substitute(_)) {
            return Ok(());
        }
        for list in changed.lists.clone() {
            let lines = self.state.list_mut(&list).map(|list| list.lines.iter_mut()).into_iter().flatten();
            for entry in lines.filter(|entry| entry.order == *order && entry.line == line) {
                entry.short = 0;
            }
        }
        Ok(())
    }

    fn cancel(&mut self, order: &OrderId) -> Done {
        let order = self.order_mut(order)?;
        order.cancelled = true;
        for line in &mut order.lines {
            line.cancelled = line.spec.quantity.saturating_sub(line.shipped_short);
            line.short = None;
        }
        let parcels = order.parcels.clone();
        for parcel in parcels {
            self.forget_unbound(&parcel);
        }
        Ok(())
    }

    fn wait_for_waybill(&mut self, station: &StationId, parcel: &ParcelId) {
        let waiting = &mut self.state.station_mut(station).unbound;
        if waiting.len() >= UNBOUND_MAX {
            waiting.remove(0);
        }
        waiting.push(parcel.clone());
    }

    /// No station waits for this parcel's waybill any more.
    fn forget_unbound(&mut self, parcel: &ParcelId) {
        if let Some(station) = self.state.view().parcel(parcel.as_str()).map(|parcel| parcel.station.clone()) {
            self.state.station_mut(&station).unbound.retain(|waiting| waiting != parcel);
        }
        self.forget_unbagged(parcel);
    }

    fn counting(&mut self) -> Done {
        match self.event {
            Event::Counted { station, count } => {
                self.count(count, Sign::Plus)?;
                let counts = &mut self.state.station_mut(station).counts;
                if counts.len() == UNDO_MAX {
                    counts.remove(0);
                }
                counts.push(count.clone());
            }
            Event::CountUndone { station, count } => {
                self.count(count, Sign::Minus)?;
                self.state.station_mut(station).counts.pop();
            }
            Event::PutBack { count } => self.count(count, Sign::Minus)?,
            _ => {}
        }
        Ok(())
    }

    fn count(&mut self, count: &Count, sign: Sign) -> Done {
        self.order_mut(&count.order)?.count(count, sign);
        if let Some((list, index)) = &count.list {
            let lost = self.lost("pick list", list);
            let line = self.state.list_mut(list).and_then(|list| list.lines.get_mut(*index)).ok_or(lost)?;
            line.count(&count.parts, sign);
        }
        if let Some(parcel) = &count.parcel {
            let lost = self.lost("parcel", parcel);
            self.state.parcel_mut(parcel).ok_or(lost)?.count(count.line, &count.parts, sign);
        }
        if let Some(serial) = count.identity.serial.as_deref() {
            self.serial(count, serial);
        }
        Ok(())
    }

    /// A serial belongs to the line that has a unit with it, and to none once that is gone.
    fn serial(&mut self, count: &Count, serial: &str) {
        let holder = (count.order.clone(), count.line);
        let order = self.state.view().order(count.order.as_str());
        let units = order
            .as_ref()
            .and_then(|order| order.line(count.line))
            .map(|line| line.units.as_slice())
            .unwrap_or_default();
        let there = units.iter().any(|unit| unit.sku == count.sku && unit.identity.serial.as_deref() == Some(serial));
        drop(order);
        if there {
            self.state.set_serial(&count.sku, serial, Some(holder));
        } else if self.state.view().serial(&count.sku, serial) == Some(holder) {
            self.state.set_serial(&count.sku, serial, None);
        }
    }

    fn boxes(&mut self) -> Done {
        match self.event {
            Event::ParcelOpened { parcel, .. } => {
                self.order_mut(&parcel.order)?.parcels.push(parcel.id.clone());
                self.state.put_parcel((**parcel).clone());
            }
            Event::ParcelMoved { parcel, station, .. } => {
                let lost = self.lost("parcel", parcel);
                self.state.parcel_mut(parcel).ok_or(lost)?.station.clone_from(station);
            }
            Event::ParcelSealed { parcel, station, at, .. } => {
                self.set_parcel(parcel, ParcelState::Sealed)?;
                let lost = self.lost("parcel", parcel);
                let sealed = self.state.parcel_mut(parcel).ok_or(lost)?;
                // work goes on elsewhere with its box: it waits for its waybill where it was closed
                sealed.station.clone_from(station);
                sealed.sealed = *at;
                let bound = self.state.view().parcel(parcel.as_str()).is_some_and(|parcel| parcel.waybill.is_some());
                match bound {
                    true => self.wait_for_bag(parcel),
                    false => self.wait_for_waybill(station, parcel),
                }
            }
            Event::ParcelReopened { parcel, .. } => {
                self.set_parcel(parcel, ParcelState::Open)?;
                self.forget_unbound(parcel);
            }
            Event::WaybillBound { parcel, waybill, .. } => self.bind(parcel, waybill)?,
            Event::WaybillLoaded { waybill, parcels, loading, .. } => {
                self.load(waybill, parcels, true)?;
                self.hand_over(waybill, loading.as_ref())?;
            }
            Event::WaybillUnloaded { waybill, parcels, .. } => {
                self.load(waybill, parcels, false)?;
                self.hand_over(waybill, None)?;
            }
            Event::ManifestForeign { manifest, foreign } => self.foreign(manifest, foreign)?,
            Event::WaybillVoided { waybill, reason, .. } => self.void(waybill, reason)?,
            _ => {}
        }
        Ok(())
    }

    fn numbers(&mut self) -> Done {
        match self.event {
            Event::NumberAssigned { waybill, channel, pooled: true, .. } => {
                let lost = self.lost("store of numbers", channel);
                self.state.pool_mut(channel).ok_or(lost)?.free.retain(|number| number != waybill);
            }
            Event::NumberPending { order, pending } => {
                self.order_mut(order)?.numbering.pending = Some((**pending).clone());
            }
            Event::NumberEntered { order, waybill, .. } => {
                self.order_mut(order)?.numbering.entered = Some(waybill.clone());
            }
            Event::NumberConflict { order, conflict } => {
                self.order_mut(order)?.numbering.conflicts.push(conflict.clone());
            }
            Event::NumbersPooled { channel, carrier, numbers, anew } => {
                if self.state.view().pool(channel).is_none() {
                    let (channel, carrier) = (channel.clone(), carrier.clone());
                    self.state.put_pool(Pool { channel, carrier, free: Vec::new() });
                }
                let lost = self.lost("store of numbers", channel);
                let pool = self.state.pool_mut(channel).ok_or(lost)?;
                pool.carrier = carrier.clone();
                if *anew {
                    pool.free.clear();
                }
                pool.free.extend(numbers.iter().cloned());
            }
            _ => {}
        }
        Ok(())
    }

    fn set_parcel(&mut self, parcel: &ParcelId, state: ParcelState) -> Done {
        let lost = self.lost("parcel", parcel);
        self.state.parcel_mut(parcel).ok_or(lost)?.state = state;
        Ok(())
    }

    fn bind(&mut self, parcel: &ParcelId, waybill: &WaybillNo) -> Done {
        let lost = self.lost("parcel", parcel);
        self.state.parcel_mut(parcel).ok_or(lost)?.waybill = Some(waybill.clone());
        let lost = self.lost("waybill", waybill);
        self.state.waybill_mut(waybill).ok_or(lost)?.parcels.push(parcel.clone());
        self.forget_unbound(parcel);
        self.wait_for_bag(parcel);
        Ok(())
    }

    fn load(&mut self, waybill: &WaybillNo, parcels: &[ParcelId], loaded: bool) -> Done {
        let lost = self.lost("waybill", waybill);
        self.state.waybill_mut(waybill).ok_or(lost)?.loaded = loaded;
        let state = if loaded { ParcelState::Loaded } else { ParcelState::Sealed };
        for parcel in parcels {
            self.set_parcel(parcel, state)?;
            match loaded {
                true => self.forget_unbagged(parcel),
                false => self.wait_for_bag(parcel),
            }
        }
        Ok(())
    }

    /// Says on which manifest a waybill is; what was refused there before is foreign no more.
    fn hand_over(&mut self, waybill: &WaybillNo, loading: Option<&Loading>) -> Done {
        let lost = self.lost("waybill", waybill);
        self.state.waybill_mut(waybill).ok_or(lost)?.loading = loading.cloned();
        let Some(loading) = loading else { return Ok(()) };
        let lost = self.lost("manifest", &loading.manifest);
        let manifest = self.state.view().manifest(loading.manifest.as_str()).ok_or(lost)?;
        if manifest.foreign.iter().any(|foreign| foreign.waybill.as_ref() == Some(waybill))
            && let Some(manifest) = self.state.manifest_mut(&loading.manifest)
        {
            manifest.foreign.retain(|foreign| foreign.waybill.as_ref() != Some(waybill));
        }
        Ok(())
    }

    /// Each foreign waybill or order once, the newest last, the oldest forgotten.
    fn foreign(&mut self, manifest: &ManifestId, foreign: &Foreign) -> Done {
        let lost = self.lost("manifest", manifest);
        let known = &mut self.state.manifest_mut(manifest).ok_or(lost)?.foreign;
        known.retain(|other| (&other.waybill, &other.order) != (&foreign.waybill, &foreign.order));
        if known.len() >= FOREIGN_MAX {
            known.remove(0);
        }
        known.push(foreign.clone());
        Ok(())
    }

    fn void(&mut self, waybill: &WaybillNo, reason: &VoidReason) -> Done {
        let lost = self.lost("waybill", waybill);
        let voided = self.state.waybill_mut(waybill).ok_or(lost)?;
        voided.void = Some(reason.clone());
        let (orders, parcels) = (voided.orders.clone(), std::mem::take(&mut voided.parcels));
        for order in &orders {
            // they may wait for a number again
            self.order_mut(order)?;
        }
        for parcel in parcels {
            let Some(bound) = self.state.parcel_mut(&parcel) else { continue };
            bound.waybill = None;
            let (sealed, station, order) =
                (bound.state != ParcelState::Open, bound.station.clone(), bound.order.clone());
            if sealed && self.state.view().order(order.as_str()).is_some_and(|order| !order.cancelled) {
                self.wait_for_waybill(&station, &parcel);
            }
            self.forget_unbagged(&parcel);
        }
        Ok(())
    }

    fn printing(&mut self) -> Done {
        let (Event::PrintStep { job: id, .. } | Event::PrintResolved { job: id, .. }) = self.event else {
            if let Event::PrintRequested { job } = self.event {
                if let Some(station) = &job.station {
                    self.state.station_mut(station).last_print = Some(job.id.clone());
                }
                self.state.put_print_job((**job).clone());
            }
            return Ok(());
        };
        let lost = self.lost("print job", id);
        let job = self.state.print_job_mut(id).ok_or(lost)?;
        match self.event {
            Event::PrintStep { step, at, .. } => job.take(step, *at),
            Event::PrintResolved { how, by, printer, copy, at, .. } => {
                job.settle(*how, by.as_ref(), (printer.as_ref(), *copy), *at);
            }
            _ => {}
        }
        Ok(())
    }
}

/// The stage that only this box triggers.
#[must_use]
pub fn is_local_stage(stage: Stage) -> bool {
    matches!(stage, Stage::Packed | Stage::WaybillReported)
}
