//! Waybill numbers from couriers, over an ordered list of channels for each carrier, with a store that is filled ahead.
//!
//! A channel that fails or is too slow is followed by the next one; what it answers late is still judged. When none gives
//! a number the order is marked, people are told, and it is tried again from time to time. What a number means for an order
//! is decided elsewhere, within the ledger's transaction; here it is only asked for.

mod attempts;
mod channel;
mod lane;
mod sign;

use std::collections::BTreeMap;
use std::future::Future;
use std::sync::Arc;

use jiff::Timestamp;
use tokio::sync::watch;

use super::Unreadable;
use crate::config::{CarrierSettings, ChannelSettings};
use crate::domain::courier::{Offer, Tried};
use crate::domain::ids::{CarrierCode, OrderId, WaybillNo};

pub use self::channel::{Channel, ChannelState};
pub use self::lane::Lane;

/// An order that wants a number.
#[derive(Clone, Debug)]
pub struct Wanted {
    /// Which.
    pub order: OrderId,
    /// For whom: a number that is judged is judged by this.
    pub purpose: String,
    /// What the channels' texts may name.
    pub values: BTreeMap<&'static str, String>,
}

/// What became of a number that a channel gave.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Given {
    /// The order has a number now, this one or another, or wants none any more.
    Settled,
    /// It can't be this order's number, in words.
    Refused(String),
}

/// What the channels need of the service.
pub trait Numbers: Clone + Send + Sync + 'static {
    /// Orders of a carrier without a number, oldest first, after the one with this short number.
    fn wanting(
        &self,
        carrier: &CarrierCode,
        after: u32,
        limit: usize,
    ) -> impl Future<Output = Result<Vec<(u32, OrderId)>, Unreadable>> + Send;
    /// What is to be asked for an order; none if it wants no number any more.
    fn wanted(&self, order: &OrderId) -> impl Future<Output = Result<Option<Wanted>, Unreadable>> + Send;
    /// Gives an order a number.
    fn assign(&self, order: &OrderId, offer: Offer) -> impl Future<Output = Result<Given, Unreadable>> + Send;
    /// Gives an order a number of a channel's store.
    fn take_pooled(&self, order: &OrderId, channel: &str) -> impl Future<Output = Result<Given, Unreadable>> + Send;
    /// Marks an order that no channel gave a number.
    fn give_up(&self, order: &OrderId, tried: Vec<Tried>) -> impl Future<Output = Result<(), Unreadable>> + Send;
    /// Stores numbers that were fetched ahead; answers whether any of them is new.
    fn fill(
        &self,
        channel: &str,
        carrier: &CarrierCode,
        numbers: Vec<WaybillNo>,
    ) -> impl Future<Output = Result<bool, Unreadable>> + Send;
    /// How many numbers of a carrier a channel's store can hand out.
    fn stored(&self, channel: &str, carrier: &CarrierCode) -> impl Future<Output = Result<usize, Unreadable>> + Send;
    /// Now.
    fn now(&self) -> Timestamp;
    /// Changes when there may be orders that want a number.
    fn orders_moved(&self) -> watch::Receiver<u64>;
    /// Becomes true when waybind stops.
    fn stopped(&self) -> watch::Receiver<bool>;
}

/// Opens the channels of a configuration, and lanes for each carrier.
///
/// # Errors
/// A channel can't be used, in words.
pub fn open<N: Numbers>(
    carriers: &[CarrierSettings],
    channels: &[ChannelSettings],
    numbers: &N,
) -> Result<(Vec<Channel>, Vec<Lane<N>>), String> {
    let opened: Result<Vec<Channel>, String> = channels.iter().map(Channel::open).collect();
    let opened = opened?;
    let mut lanes = Vec::new();
    for settings in carriers {
        let carrier = CarrierCode::new(&settings.code).map_err(|error| format!("a carrier's code {error}"))?;
        let of = |name: &String| opened.iter().find(|channel| channel.name() == name).cloned();
        let own: Arc<[Channel]> = settings.channels.iter().filter_map(of).collect();
        for channel in own.iter() {
            channel.serve(&carrier);
        }
        lanes.extend(Lane::all(&carrier, &own, settings.poll_seconds, numbers));
    }
    Ok((opened, lanes))
}
