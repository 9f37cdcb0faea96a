//! Couriers: started with the service, served from the ledger, shown to people.

use std::collections::BTreeMap;

use jiff::Timestamp;
use tokio::sync::watch;
use tokio::task::JoinSet;
use tokio::time::Instant;

use super::Core;
use super::backend::record_as;
use crate::config::Config;
use crate::domain::courier::{self, Offer, Tried};
use crate::domain::ids::{CarrierCode, OrderId, WaybillNo};
use crate::domain::order::Order;
use crate::domain::upstream::{Outcome, Refusal};
use crate::domain::view::View;
use crate::ledger::Cause;
use crate::upstream::courier::{Channel, Given, Numbers, Wanted, open};
use crate::upstream::{Feed, OpenError, Unreadable};
use crate::web::backend::{ChannelView, Unavailable};

/// Numbers of a store that are counted; a store holds no more.
const COUNTED_MAX: usize = courier::POOL_MAX;

/// Lines of an order that are named to a courier; its form has room for a few.
const GOODS_MAX: usize = 5;

impl Numbers for Core {
    async fn wanting(
        &self,
        carrier: &CarrierCode,
        after: u32,
        limit: usize,
    ) -> Result<Vec<(u32, OrderId)>, Unreadable> {
        let carrier = carrier.clone();
        let read = self.read(move |reader| reader.numberless(carrier.as_str(), after, limit)).await;
        read.map_err(|Unavailable(why)| Unreadable(why))
    }

    async fn wanted(&self, order: &OrderId) -> Result<Option<Wanted>, Unreadable> {
        let id = order.clone();
        let look = move |view: &dyn View| {
            let order = view.order(id.as_str()).filter(|order| courier::wants_number(view, order))?;
            let purpose = courier::purpose(&order);
            Some(Wanted { values: values(view, &order, &purpose), order: id, purpose })
        };
        let read = self.read(move |reader| reader.look(|transaction| look(transaction.view()))).await;
        read.map_err(|Unavailable(why)| Unreadable(why))
    }

    async fn assign(&self, order: &OrderId, offer: Offer) -> Result<Given, Unreadable> {
        let (order, channel) = (order.clone(), offer.channel.clone());
        self.number_judged(&channel, move |view| courier::assign(view, &order, &offer)).await.map(given)
    }

    async fn take_pooled(&self, order: &OrderId, channel: &str) -> Result<Given, Unreadable> {
        let (order, name) = (order.clone(), channel.to_owned());
        self.number_judged(channel, move |view| courier::take_pooled(view, &order, &name)).await.map(given)
    }

    async fn give_up(&self, order: &OrderId, tried: Vec<Tried>) -> Result<(), Unreadable> {
        let (order, at) = (order.clone(), self.parts.clock.now().at);
        // most orders that are tried again are marked already: that costs the writer nothing
        let id = order.clone();
        let is_known =
            move |view: &dyn View| view.order(id.as_str()).is_none_or(|order| order.numbering.pending.is_some());
        let read = self.read(move |reader| reader.look(|transaction| is_known(transaction.view())));
        if read.await.map_err(|Unavailable(why)| Unreadable(why))? {
            return Ok(());
        }
        self.number_judged("no channel", move |view| courier::give_up(view, &order, tried, at)).await.map(|_| ())
    }

    async fn fill(&self, channel: &str, carrier: &CarrierCode, numbers: Vec<WaybillNo>) -> Result<bool, Unreadable> {
        let (name, carrier) = (channel.to_owned(), carrier.clone());
        let filled =
            self.number_judged(channel, move |view| courier::fill_pool(view, &name, &carrier, numbers)).await?;
        Ok(!filled.events().is_empty())
    }

    async fn stored(&self, channel: &str, carrier: &CarrierCode) -> Result<usize, Unreadable> {
        let (channel, carrier) = (channel.to_owned(), carrier.clone());
        let count = move |view: &dyn View| courier::usable(view, &channel, &carrier, COUNTED_MAX).len();
        let read = self.read(move |reader| reader.look(|transaction| count(transaction.view())));
        read.await.map_err(|Unavailable(why)| Unreadable(why))
    }

    fn now(&self) -> Timestamp {
        Feed::now(self)
    }

    fn orders_moved(&self) -> watch::Receiver<u64> {
        self.parts.feed.subscribe()
    }

    fn stopped(&self) -> watch::Receiver<bool> {
        self.parts.stop.subscribe()
    }
}

impl Core {
    /// Judges and records in one transaction what came from a channel.
    async fn number_judged(
        &self,
        channel: &str,
        judge: impl FnOnce(&dyn View) -> Outcome + Send + 'static,
    ) -> Result<Outcome, Unreadable> {
        let (now, site) = (self.parts.clock.now(), self.parts.site.clone());
        let cause = Cause::Local { what: format!("courier {channel}") };
        let submitted = self.parts.writer.submit(move |transaction| {
            let outcome = judge(transaction.view());
            // a box that is sealed already gets its label now
            record_as(transaction, &site, cause, &outcome, now);
            outcome
        });
        let outcome = submitted.await.map_err(|error| Unreadable(error.to_string()))?;
        if !outcome.events().is_empty() {
            self.announce_everywhere();
        }
        Ok(outcome)
    }

    /// Opens the channels and starts the lanes of each carrier.
    pub(super) fn start_couriers(&self, config: &Config, tasks: &mut JoinSet<()>) -> Result<(), OpenError> {
        let (channels, lanes) = open(&config.carrier, &config.channel, self).map_err(|what| OpenError {
            name: "couriers".into(),
            what,
            source: None,
        })?;
        for lane in lanes {
            tasks.spawn(lane.run());
        }
        if self.parts.channels.set(channels).is_err() {
            tracing::error!("The couriers were started twice.");
        }
        Ok(())
    }

    /// How the channels are.
    pub(super) async fn channel_views(&self) -> Result<Vec<ChannelView>, Unavailable> {
        let channels: &[Channel] = self.parts.channels.get().map_or(&[], Vec::as_slice);
        let mut views = Vec::new();
        for channel in channels {
            let state = channel.state();
            let stored = match &state.carrier {
                Some(carrier) => self.stored(channel.name(), carrier).await,
                None => Ok(0),
            };
            let stored = stored.map_err(|Unreadable(why)| Unavailable(why))?;
            views.push(ChannelView {
                name: channel.name().to_owned(),
                carrier: state.carrier.map(|carrier| carrier.to_string()),
                circuit: if channel.rests(Instant::now()).is_some() { "open" } else { "closed" },
                stored: (channel.ahead() > 0).then_some(stored),
                given: state.given,
                failed: state.failed,
                failures: state.failures,
                last_error: state.last_error,
            });
        }
        Ok(views)
    }
}

/// What becomes of a number. One for an order that wants none any more is nobody's fault.
fn given(outcome: Outcome) -> Given {
    match outcome {
        Outcome::Refused(Refusal::Cancelled(_) | Refusal::UnknownOrder(_)) => Given::Settled,
        Outcome::Refused(refusal) => Given::Refused(refusal.to_string()),
        _ => Given::Settled,
    }
}

/// What channels' texts may name of an order. The request's name stays the same until the order's number is void or it goes
/// to somebody else, so that a courier that is asked twice answers with one number.
fn values(view: &dyn View, order: &Order, purpose: &str) -> BTreeMap<&'static str, String> {
    let spec = &order.spec;
    let name = |line: &crate::domain::order::OrderLine| {
        let known = || view.product(line.spec.sku.as_str()).map(|product| product.name.clone());
        let name = line.spec.name.clone().or_else(known).filter(|name| !name.is_empty());
        format!("{} × {}", name.unwrap_or_else(|| line.spec.sku.to_string()), line.demanded())
    };
    let goods: Vec<String> = order.lines.iter().filter(|line| line.demanded() > 0).take(GOODS_MAX).map(name).collect();
    let quantity: u32 = order.lines.iter().map(|line| line.demanded()).fold(0, u32::saturating_add);
    BTreeMap::from([
        ("order", spec.id.to_string()),
        ("request", format!("{}-{}-{purpose}", spec.id, order.waybills.len() + 1)),
        ("carrier", spec.carrier.to_string()),
        ("courier", spec.courier.clone().unwrap_or_default()),
        ("region", spec.region.clone().unwrap_or_default()),
        ("name", spec.consignee.name.clone()),
        ("phone", spec.consignee.phone.clone()),
        ("address", spec.consignee.address.clone()),
        ("goods", goods.join(", ")),
        ("quantity", quantity.to_string()),
    ])
}

/// The couriers in Prometheus' text format.
pub(super) fn exposition(channels: &[ChannelView], pending: u64) -> String {
    let mut text = format!(
        "# HELP waybind_waybills_pending Orders that no channel gave a number.\n# TYPE waybind_waybills_pending gauge\nwaybind_waybills_pending {pending}\n"
    );
    type Sample = fn(&ChannelView) -> u64;
    let samples: [(&str, &str, &str, Sample); 4] = [
        ("waybind_channel_up", "gauge", "Whether a channel is asked.", |channel| {
            u64::from(channel.circuit == "closed")
        }),
        ("waybind_channel_stored", "gauge", "Numbers fetched ahead.", |channel| channel.stored.unwrap_or(0) as u64),
        ("waybind_channel_given_total", "counter", "Numbers that a channel gave.", |channel| channel.given),
        ("waybind_channel_failed_total", "counter", "Requests that failed.", |channel| channel.failed),
    ];
    for (name, kind, help, value) in samples.iter().filter(|_| !channels.is_empty()) {
        text.push_str(&format!("# HELP {name} {help}\n# TYPE {name} {kind}\n"));
        for channel in channels {
            text.push_str(&format!("{name}{{channel={:?}}} {}\n", channel.name, value(channel)));
        }
    }
    text
}
