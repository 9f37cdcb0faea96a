//! The service as the web sees it.

use std::sync::Arc;

use jiff::Timestamp;
use tokio::sync::{broadcast, watch};
use tokio::task::spawn_blocking;

use super::targets::exposition;
use super::{Core, held, random, unread};
use crate::barcode::codes::SiteKey;
use crate::device::{DeviceState, Scanner};
use crate::domain::decide::{PinAnswer, UnknownStation};
use crate::domain::ids::{OperatorId, OrderId, StationId, WaybillNo};
use crate::domain::scan::Scan;
use crate::domain::station::StationRules;
use crate::domain::upstream::{OrderAction, Outcome, Thing, intake, order_action, void_waybill};
use crate::domain::verdict::Verdict;
use crate::domain::view::View;
use crate::domain::work::PinHash;
use crate::ledger::{Cause, FeedEvent, Health, LedgerError, Reader, WriteError, WriteTransaction};
use crate::message::Language;
use crate::web::api::acted_json;
use crate::web::backend::{
    Acted, AlertView, Backend, Caller, ChannelView, DeviceView, FeedItem, Idempotency, LedgerHealth, LetterView,
    PluggedView, Secrets, Shown, TargetView, Unavailable,
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
fn record(transaction: &mut WriteTransaction<'_>, caller: &Caller, outcome: &Outcome, now: crate::domain::clock::Now) {
    if outcome.events().is_empty() {
        return;
    }
    let cause = Cause::Upstream { call: caller.call.to_owned(), peer: Some(caller.peer.clone()) };
    transaction.append(now.at, cause, None, outcome.events().to_vec());
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
        self.feed_moved();
        for rules in self.parts.stations.iter() {
            self.announce(&rules.id);
        }
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
        let mut outcomes = Vec::with_capacity(things.len());
        let mut things = things.into_iter().peekable();
        while things.peek().is_some() {
            let chunk: Vec<Thing> = things.by_ref().take(INTAKE_CHUNK).collect();
            let caller = caller.clone();
            let done = self.parts.writer.submit(move |transaction| {
                let judge = |thing| {
                    let outcome = intake(transaction.view(), thing);
                    record(transaction, &caller, &outcome, now);
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
        let now = self.parts.clock.now();
        let acted = self.parts.writer.submit(move |transaction| {
            if let Some((fingerprint, status, body)) = key.as_ref().and_then(|key| transaction.reply(&key.key)) {
                let same = key.as_ref().is_some_and(|key| key.fingerprint == fingerprint);
                return if same { Acted::Before(status, body) } else { Acted::KeyConflict };
            }
            let outcome = order_action(transaction.view(), &order, action);
            record(transaction, &caller, &outcome, now);
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
        let now = self.parts.clock.now();
        let outcome = self.parts.writer.submit(move |transaction| {
            let outcome = void_waybill(transaction.view(), &waybill);
            record(transaction, &caller, &outcome, now);
            outcome
        });
        let outcome = outcome.await?;
        self.announce_everywhere();
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

    async fn events(&self, after: u64, limit: usize) -> Result<Vec<FeedItem>, Unavailable> {
        let events = self.read(move |reader| reader.events_after(after, limit)).await?;
        Ok(events.into_iter().map(|event| self.feed_item(event)).collect())
    }

    async fn history(&self, order: OrderId) -> Result<Vec<FeedItem>, Unavailable> {
        let events = self.read(move |reader| reader.order_history(order.as_str())).await?;
        Ok(events.into_iter().map(|event| self.feed_item(event)).collect())
    }

    async fn find(&self, text: String) -> Result<Vec<(&'static str, String)>, Unavailable> {
        self.read(move |reader| reader.orders_by(&text, 50)).await
    }

    async fn newest_orders(&self, limit: usize) -> Result<Vec<String>, Unavailable> {
        self.read(move |reader| reader.newest_orders(limit)).await
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

    fn devices(&self) -> Vec<DeviceView> {
        let view = |(scanner, state): &(Scanner, DeviceState)| DeviceView {
            name: scanner.id.to_string(),
            station: scanner.station.clone(),
            protocol: scanner.spoken.protocol.clone(),
            place: scanner.connection.to_string(),
            connected: state.connected,
            last_read: state.last_read.map(|at| self.parts.clock.written(at)),
            last_error: state.last_error.clone(),
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
        if let Ok(targets) = self.target_views().await {
            text.push_str(&exposition(&targets));
        }
        let (open, missed) = (self.alert_views().len(), self.alerts_missed());
        text.push_str(&format!("# HELP waybind_alerts_open Exceptions that nobody has taken.\n# TYPE waybind_alerts_open gauge\nwaybind_alerts_open {open}\n"));
        text.push_str(&format!("# HELP waybind_alerts_missed_total Exceptions that were not escalated.\n# TYPE waybind_alerts_missed_total counter\nwaybind_alerts_missed_total {missed}\n"));
        if let (Ok(channels), Ok((_, pending))) = (self.channel_views().await, self.pending_numbers(0).await) {
            text.push_str(&super::couriers::exposition(&channels, pending));
        }
        text
    }

    async fn targets(&self) -> Result<Vec<TargetView>, Unavailable> {
        self.target_views().await
    }

    fn send_again(&self, target: &str, ids: Option<Vec<String>>) -> Option<usize> {
        let outlet = self.outlets().iter().find(|outlet| &*outlet.name == target)?;
        Some(outlet.send_again(ids.as_deref()))
    }

    async fn letter(&self, target: &str, id: &str) -> Result<Option<LetterView>, Unavailable> {
        self.letter_view(target, id).await
    }

    async fn correct_letter(
        &self,
        caller: Caller,
        target: String,
        id: String,
        data: serde_json::Value,
        by: String,
    ) -> Result<bool, Unavailable> {
        self.correct_dead(caller, target, id, data, by).await
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

    fn knows_token(&self, sha256: &str) -> bool {
        self.parts.tokens.iter().any(|known| known == sha256)
    }
}
