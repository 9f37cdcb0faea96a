//! The service as the web sees it.

use std::sync::Arc;

use jiff::Timestamp;
use jiff::civil::Date;
use tokio::sync::{broadcast, watch};
use tokio::task::spawn_blocking;

use super::printers::printer_exposition;
use super::targets::exposition;
use super::{Core, held, outside, random, unread};
use crate::barcode::codes::SiteKey;
use crate::config::Scope;
use crate::device::{DeviceState, Scanner};
use crate::domain::clock::Now;
use crate::domain::decide::{PinAnswer, Site, UnknownStation};
use crate::domain::ids::{BagId, OperatorId, OrderId, StationId, WaybillNo};
use crate::domain::printing::{PrintJob, PrintTrouble, Resolution, Unresolved, follow};
use crate::domain::rules::Rules;
use crate::domain::rules::recall::StopList;
use crate::domain::scan::Scan;
use crate::domain::station::StationRules;
use crate::domain::upstream::{
    OrderAction, Outcome, Terms, Thing, give_back_waybill, intake, order_action, void_waybill,
};
use crate::domain::verdict::Verdict;
use crate::domain::view::View;
use crate::domain::work::{PinHash, Waybill};
use crate::ledger::{Cause, FeedEvent, Health, LedgerError, OrderHistory, Reader, WriteError, WriteTransaction};
use crate::message::Language;
use crate::web::api::acted_json;
use crate::web::backend::{
    Acted, AlertView, Archiving, Backend, Caller, ChannelView, DeviceView, FeedItem, Idempotency, LabelAction,
    LabelAnswer, LedgerHealth, LetterView, LetterWord, Pictures, PluggedView, PrinterView, Secrets, Shown, SourceView,
    Story, TargetView, Unavailable,
};

/// Things of one transaction: enough to be fast, few enough that no scan waits long behind them.
const INTAKE_CHUNK: usize = 20;

impl From<WriteError> for Unavailable {
    fn from(error: WriteError) -> Self {
        Unavailable(error.to_string())
    }
}

pub(super) fn unreadable(error: LedgerError) -> Unavailable {
    tracing::error!(%error, source = ?std::error::Error::source(&error), "The ledger can't be read.");
    Unavailable(error.to_string())
}

/// Records what was judged of a word from upstream.
pub(super) fn record(
    transaction: &mut WriteTransaction<'_>,
    site: &Site,
    caller: &Caller,
    outcome: &Outcome,
    now: Now,
) {
    let cause = Cause::Upstream { call: caller.call.to_owned(), peer: Some(caller.peer.clone()) };
    record_as(transaction, site, cause, outcome, now);
}

/// Judges a thing that upstream describes, and keeps the file that comes with it.
pub(super) fn take_in(transaction: &mut WriteTransaction<'_>, terms: &Terms, thing: Thing) -> Outcome {
    let file = thing.file();
    let outcome = intake(transaction.view(), terms, thing);
    outside::keep(transaction, file.as_ref(), &outcome);
    outcome
}

/// Records what was judged, and what is printed after it.
pub(super) fn record_as(
    transaction: &mut WriteTransaction<'_>,
    site: &Site,
    cause: Cause,
    outcome: &Outcome,
    now: Now,
) {
    if outcome.events().is_empty() {
        return;
    }
    let mut events = outcome.events().to_vec();
    events.extend(follow(transaction.view(), site, &events, now.at));
    transaction.append(now.at, cause, None, events);
}

impl Core {
    pub(super) async fn read<T: Send + 'static>(
        &self,
        work: impl FnOnce(&Reader) -> Result<T, LedgerError> + Send + 'static,
    ) -> Result<T, Unavailable> {
        let reader = self.parts.reader.clone();
        let read = spawn_blocking(move || work(&reader)).await;
        read.map_err(|error| Unavailable(error.to_string()))?.map_err(unreadable)
    }

    /// What may have changed on any station's page.
    pub(super) fn announce_everywhere(&self) {
        self.prints_moved();
        self.feed_moved();
        for rules in self.parts.stations.iter() {
            self.announce(&rules.id);
        }
    }

    pub(super) fn terms(&self, now: crate::domain::clock::Now) -> Terms {
        Terms { at: now.at.wall, address_window_minutes: self.parts.address_window_minutes }
    }

    fn feed_item(&self, event: FeedEvent) -> FeedItem {
        let time = self.parts.clock.written(event.time);
        FeedItem {
            by: event.by,
            seq: event.seq,
            id: event.id,
            time,
            kind: event.kind,
            order: event.order,
            data: event.data,
        }
    }
}

impl Secrets for Core {
    fn fresh_badge(&self) -> String {
        let mut bytes = [0; 16];
        random(&mut bytes);
        SiteKey::secret(bytes)
    }

    fn pin_hash(&self, operator: &OperatorId, pin: &str) -> PinHash {
        self.hash_of(operator, pin)
    }
}

impl Backend for Core {
    async fn scan(&self, scan: Scan, peer: String) -> Result<Verdict, UnknownStation> {
        self.judge(scan, Some(peer)).await
    }

    async fn intake(&self, caller: Caller, things: Vec<Thing>) -> Result<Vec<Outcome>, Unavailable> {
        let now = self.parts.clock.now();
        let terms = self.terms(now);
        let mut outcomes = Vec::with_capacity(things.len());
        let mut things = things.into_iter().peekable();
        while things.peek().is_some() {
            let chunk: Vec<Thing> = things.by_ref().take(INTAKE_CHUNK).collect();
            let (caller, site) = (caller.clone(), self.parts.site.clone());
            let done = self.parts.writer.submit(move |transaction| {
                let judge = |thing: Thing| {
                    let outcome = take_in(transaction, &terms, thing);
                    record(transaction, &site, &caller, &outcome, now);
                    outcome
                };
                chunk.into_iter().map(judge).collect::<Vec<_>>()
            });
            outcomes.extend(done.await?);
        }
        self.announce_everywhere();
        Ok(outcomes)
    }

    async fn act(
        &self,
        caller: Caller,
        order: OrderId,
        action: OrderAction,
        key: Option<Idempotency>,
    ) -> Result<Acted, Unavailable> {
        let (now, site) = (self.parts.clock.now(), self.parts.site.clone());
        let terms = self.terms(now);
        let acted = self.parts.writer.submit(move |transaction| {
            if let Some((fingerprint, status, body)) = key.as_ref().and_then(|key| transaction.reply(&key.key)) {
                let same = key.as_ref().is_some_and(|key| key.fingerprint == fingerprint);
                return if same { Acted::Before(status, body) } else { Acted::KeyConflict };
            }
            let outcome = order_action(transaction.view(), &terms, &order, action);
            record(transaction, &site, &caller, &outcome, now);
            if let Some(key) = &key {
                let (status, body) = acted_json(order.as_str(), &outcome);
                transaction.keep_reply(&key.key, &key.fingerprint, status.as_u16(), &body.to_string());
            }
            Acted::Now(outcome)
        });
        let acted = acted.await?;
        self.announce_everywhere();
        Ok(acted)
    }

    async fn void(&self, caller: Caller, waybill: WaybillNo) -> Result<Outcome, Unavailable> {
        let (now, site) = (self.parts.clock.now(), self.parts.site.clone());
        let outcome = self.parts.writer.submit(move |transaction| {
            let outcome = void_waybill(transaction.view(), &waybill);
            record(transaction, &site, &caller, &outcome, now);
            outcome
        });
        let outcome = outcome.await?;
        self.announce_everywhere();
        Ok(outcome)
    }

    async fn give_back(&self, caller: Caller, waybill: WaybillNo) -> Result<Outcome, Unavailable> {
        let (now, site) = (self.parts.clock.now(), self.parts.site.clone());
        let outcome = self.parts.writer.submit(move |transaction| {
            let outcome = give_back_waybill(transaction.view(), &waybill);
            record(transaction, &site, &caller, &outcome, now);
            outcome
        });
        let outcome = outcome.await?;
        self.feed_moved();
        Ok(outcome)
    }

    async fn enter_pin(&self, caller: Caller, station: StationId, pin: String) -> Result<PinAnswer, Unavailable> {
        self.answer(caller, station, pin).await
    }

    async fn look<T: Send + 'static>(
        &self,
        work: impl FnOnce(&dyn View) -> T + Send + 'static,
    ) -> Result<T, Unavailable> {
        self.read(move |reader| reader.look(|transaction| work(transaction.view()))).await
    }

    async fn label_file(&self, waybill: WaybillNo) -> Result<Option<(String, Vec<u8>)>, Unavailable> {
        self.read(move |reader| {
            let known = reader.look(|transaction| transaction.view().waybill(waybill.as_str()))?;
            let Some(label) = known.as_ref().and_then(|waybill| waybill.label.as_ref()) else { return Ok(None) };
            Ok(outside::file(reader, label)?.map(|bytes| (label.format.clone(), bytes)))
        })
        .await
    }

    async fn events(&self, after: u64, limit: usize) -> Result<Vec<FeedItem>, Unavailable> {
        let events = self.read(move |reader| reader.events_after(after, limit)).await?;
        Ok(events.into_iter().map(|event| self.feed_item(event)).collect())
    }

    async fn feed_begins(&self) -> Result<u64, Unavailable> {
        self.read(Reader::feed_begins).await
    }

    async fn history(&self, order: OrderId) -> Result<Story, Unavailable> {
        let OrderHistory { events, missing, earlier } =
            self.read(move |reader| reader.order_history(order.as_str())).await?;
        let events = events.into_iter().map(|event| self.feed_item(event)).collect();
        Ok(Story { events, missing, earlier })
    }

    async fn archive(&self, caller: Caller, before: Option<Date>, dry_run: bool) -> Result<Archiving, Unavailable> {
        self.archive_by_hand(caller, before, dry_run).await
    }

    async fn find(&self, text: String) -> Result<Vec<(&'static str, String)>, Unavailable> {
        self.read(move |reader| reader.orders_by(&text, 50)).await
    }

    async fn newest_orders(&self, limit: usize) -> Result<Vec<String>, Unavailable> {
        self.read(move |reader| reader.newest_orders(limit)).await
    }

    async fn orders_wanting_attention(&self, limit: usize) -> Result<Vec<String>, Unavailable> {
        self.read(move |reader| reader.orders_wanting_attention(limit)).await
    }

    async fn waybills_to_return(&self, limit: usize) -> Result<Vec<Waybill>, Unavailable> {
        self.read(move |reader| reader.waybills_to_return(limit)).await
    }

    async fn stop_lists(&self) -> Result<Vec<StopList>, Unavailable> {
        self.read(Reader::stop_lists).await
    }

    async fn orders_with_goods(&self, sku: String, limit: usize) -> Result<Vec<String>, Unavailable> {
        self.read(move |reader| reader.orders_with_goods(&sku, limit)).await
    }

    async fn orders_after(&self, after: String, limit: usize) -> Result<Vec<String>, Unavailable> {
        self.read(move |reader| reader.orders_after(&after, limit)).await
    }

    fn shown(&self, station: &StationId) -> Option<Shown> {
        held(&self.parts.shown).get(station).cloned()
    }

    fn updates(&self) -> broadcast::Receiver<StationId> {
        self.parts.updates.subscribe()
    }

    fn feed(&self) -> watch::Receiver<u64> {
        self.parts.feed.subscribe()
    }

    fn stopping(&self) -> watch::Receiver<bool> {
        self.stopped()
    }

    fn clock_was_moved(&self) -> bool {
        self.parts.clock.was_moved()
    }

    fn devices(&self) -> Vec<DeviceView> {
        let view = |(scanner, state): &(Scanner, DeviceState)| DeviceView {
            name: scanner.id.to_string(),
            station: scanner.station.clone(),
            protocol: scanner.spoken.protocol.clone(),
            place: scanner.connection.to_string(),
            connected: state.connected,
            last_read: state.last_read.map(|at| self.parts.clock.written(at)),
            listening: state.listening,
            last_error: state.last_error.clone(),
            last_error_at: state.last_error_at.map(|at| self.parts.clock.written(at)),
            frames: state.frames,
            broken: state.broken,
        };
        held(&self.parts.devices).values().map(view).collect()
    }

    async fn unread_devices(&self) -> Vec<PluggedView> {
        unread(&self.parts.plugs.look().await, &self.parts.library, &self.parts.plugs)
    }

    fn stations(&self) -> Arc<Vec<StationRules>> {
        self.parts.stations.clone()
    }

    fn interceptions(&self) -> Rules {
        self.parts.site.rules.clone()
    }

    fn health(&self) -> LedgerHealth {
        match &*self.parts.writer.health().borrow() {
            Health::Good => LedgerHealth::Good,
            Health::Stopped(why) => LedgerHealth::Stopped(why.clone()),
            Health::Recovery(damage) => LedgerHealth::Recovery(damage.what.clone()),
        }
    }

    async fn metrics(&self) -> String {
        let mut text = self.parts.metrics.exposition();
        text.push_str(
            "# HELP waybind_device_connected Whether a scanner is there.\n# TYPE waybind_device_connected gauge\n",
        );
        for device in self.devices() {
            text.push_str(&format!(
                "waybind_device_connected{{device={:?}}} {}\n",
                device.name,
                u8::from(device.connected)
            ));
        }
        let recording = u8::from(self.health() == LedgerHealth::Good);
        text.push_str(&format!("# HELP waybind_recording Whether the ledger can be written.\n# TYPE waybind_recording gauge\nwaybind_recording {recording}\n"));
        if let Ok(printers) = self.printer_views().await {
            text.push_str(&printer_exposition(&printers));
        }
        if let Ok(targets) = self.target_views().await {
            text.push_str(&exposition(&targets));
        }
        text.push_str(&super::sources::exposition(&self.source_views()));
        text.push_str(&self.retention_exposition());
        let (open, missed) = (self.alert_views().len(), self.alerts_missed());
        text.push_str(&format!("# HELP waybind_alerts_open Exceptions that nobody has taken.\n# TYPE waybind_alerts_open gauge\nwaybind_alerts_open {open}\n"));
        text.push_str(&format!("# HELP waybind_alerts_missed_total Exceptions that were not escalated.\n# TYPE waybind_alerts_missed_total counter\nwaybind_alerts_missed_total {missed}\n"));
        if let (Ok(channels), Ok((_, pending))) = (self.channel_views().await, self.pending_numbers(0).await) {
            text.push_str(&super::couriers::exposition(&channels, pending));
        }
        text
    }

    async fn printers(&self) -> Result<Vec<PrinterView>, Unavailable> {
        self.printer_views().await
    }

    async fn test_printer(&self, caller: Caller, name: String) -> Result<Option<u32>, Unavailable> {
        self.self_test(caller, name).await
    }

    async fn print_jobs(&self, state: Option<&'static str>, limit: usize) -> Result<Vec<PrintJob>, Unavailable> {
        self.read(move |reader| reader.prints_in(state, limit)).await
    }

    async fn open_print_jobs(&self, station: Option<&StationId>, limit: usize) -> Result<Vec<PrintJob>, Unavailable> {
        // every page asks after every scan
        if self.parts.board.printers().is_empty() {
            return Ok(Vec::new());
        }
        let station = station.map(ToString::to_string);
        self.read(move |reader| reader.prints_open(station.as_deref(), limit)).await
    }

    async fn resolve_print(
        &self,
        caller: Caller,
        number: u32,
        how: Resolution,
        by: Option<OperatorId>,
    ) -> Result<Result<PrintJob, Unresolved>, Unavailable> {
        self.settle_print(caller, number, how, by).await
    }

    async fn manifest_pdf(&self, id: String) -> Result<Option<Result<Vec<u8>, String>>, Unavailable> {
        self.manifest_paper(id).await
    }

    async fn label(
        &self,
        caller: Caller,
        action: LabelAction,
        key: Option<Idempotency>,
    ) -> Result<LabelAnswer, Unavailable> {
        self.word_about_label(caller, action, key).await
    }

    async fn label_paper(
        &self,
        label: BagId,
        format: &'static str,
        dpi: u32,
    ) -> Result<Result<Vec<Vec<u8>>, PrintTrouble>, Unavailable> {
        self.label_files(label, format, dpi).await
    }

    async fn targets(&self) -> Result<Vec<TargetView>, Unavailable> {
        self.target_views().await
    }

    fn send_again(&self, target: &str, ids: Option<Vec<String>>) -> Option<usize> {
        let outlet = self.outlets().iter().find(|outlet| &*outlet.name == target)?;
        Some(outlet.send_again(ids.as_deref()))
    }

    fn sources(&self) -> Vec<SourceView> {
        self.source_views()
    }

    fn look_now(&self, source: &str) -> bool {
        let found = Core::sources(self).iter().find(|known| &*known.name == source);
        found.inspect(|source| source.look_now()).is_some()
    }

    async fn letter(&self, target: &str, id: &str) -> Result<Option<LetterView>, Unavailable> {
        self.letter_view(target, id).await
    }

    async fn settle_letter(
        &self,
        caller: Caller,
        target: String,
        id: String,
        word: LetterWord,
        by: String,
    ) -> Result<bool, Unavailable> {
        self.settle_dead(caller, target, id, word, by).await
    }

    async fn channels(&self) -> Result<Vec<ChannelView>, Unavailable> {
        self.channel_views().await
    }

    async fn pending_numbers(&self, limit: usize) -> Result<(Vec<OrderId>, u64), Unavailable> {
        self.read(move |reader| reader.pending_numbers(limit)).await
    }

    fn alerts(&self) -> Vec<AlertView> {
        self.alert_views()
    }

    async fn take_alert(&self, caller: Caller, id: String, by: String) -> Result<bool, Unavailable> {
        self.take_open_alert(caller, id, by).await
    }

    fn key(&self) -> SiteKey {
        self.parts.site.key.clone()
    }

    fn language(&self) -> Language {
        self.parts.language
    }

    fn written(&self, at: Timestamp) -> String {
        self.parts.clock.written(at)
    }

    fn now(&self) -> Timestamp {
        self.parts.clock.now().at.wall
    }

    fn pictures(&self) -> &Pictures {
        &self.parts.pictures
    }

    fn scopes(&self, sha256: &str) -> Option<&[Scope]> {
        self.parts.tokens.get(sha256).map(Vec::as_slice)
    }
}
