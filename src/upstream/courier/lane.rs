//! A lane: goes through a carrier's orders without a number, one after the other, and over the channels for each.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::Semaphore;
use tokio::time::Instant;

use super::{Channel, Given, Numbers};
use crate::clock;
use crate::domain::courier::Tried;
use crate::domain::ids::{CarrierCode, OrderId, WaybillNo};
use crate::upstream::Unreadable;

/// Orders of a carrier that are asked for at once: a courier's interface takes some tens a second, and answers in a tenth.
const LANES: u32 = 4;

/// Orders that are listed at once.
const PAGE: usize = 500;

/// How long a lane gathers before it looks again.
const GATHER: Duration = Duration::from_millis(100);

/// How often a lane looks through all orders by itself: holds that were released, numbers that were voided.
const SWEEP: Duration = Duration::from_secs(5);

/// Orders whose next attempt is remembered; beyond that the oldest attempts are made again sooner.
const REMEMBERED_MAX: usize = 100_000;

/// Answers that are still waited for behind the back of an order: each is a connection to a courier.
const LATE_MAX: usize = 32;

/// One of a carrier's lanes.
pub struct Lane<N> {
    carrier: CarrierCode,
    /// Which of them.
    index: u32,
    channels: Arc<[Channel]>,
    poll: Duration,
    numbers: N,
    /// When an order is tried again.
    next: HashMap<OrderId, Instant>,
    late: Arc<Semaphore>,
}

impl<N: Numbers> Lane<N> {
    pub(super) fn all(carrier: &CarrierCode, channels: &Arc<[Channel]>, poll: u64, numbers: &N) -> Vec<Lane<N>> {
        let late = Arc::new(Semaphore::new(LATE_MAX));
        let lane = |index| Lane {
            carrier: carrier.clone(),
            index,
            channels: channels.clone(),
            poll: Duration::from_secs(poll),
            numbers: numbers.clone(),
            next: HashMap::new(),
            late: late.clone(),
        };
        (0..LANES).map(lane).collect()
    }

    /// Runs until waybind stops.
    pub async fn run(mut self) {
        let (mut moved, mut stop) = (self.numbers.orders_moved(), self.numbers.stopped());
        while !*stop.borrow() {
            moved.mark_unchanged();
            let worked = tokio::select! {
                worked = self.round() => worked,
                _ = stop.wait_for(|stop| *stop) => break,
            };
            if let Err(error) = worked {
                tracing::warn!(carrier = %self.carrier, %error, "Orders without a number can't be served now.");
            }
            let rest = async {
                tokio::select! {
                    _ = moved.changed() => tokio::time::sleep(GATHER).await,
                    () = tokio::time::sleep(SWEEP.min(self.poll)) => {}
                }
            };
            tokio::select! {
                () = rest => {}
                _ = stop.wait_for(|stop| *stop) => break,
            }
        }
    }

    async fn round(&mut self) -> Result<(), Unreadable> {
        if self.index == 0 {
            self.refill().await?;
        }
        let now = Instant::now();
        self.next.retain(|_, at| *at > now);
        let mut after = 0;
        loop {
            let page = self.numbers.wanting(&self.carrier, after, PAGE).await?;
            let Some((last, _)) = page.last() else { return Ok(()) };
            after = *last;
            for (number, order) in page {
                if number % LANES == self.index && !self.next.contains_key(&order) {
                    self.serve(order).await?;
                }
            }
        }
    }

    /// Fetches numbers ahead where a store runs low.
    async fn refill(&self) -> Result<(), Unreadable> {
        for channel in self.channels.iter().filter(|channel| channel.ahead() > 0 && !channel.is_resting()) {
            if self.numbers.stored(channel.name()).await? > channel.low() {
                continue;
            }
            let values = [("count", channel.ahead().to_string()), ("carrier", self.carrier.to_string())].into();
            let asked = tokio::time::timeout(channel.patience(), channel.ask(values)).await;
            match asked.unwrap_or_else(|_| Err(slow(channel))) {
                Ok(numbers) => {
                    channel.worked();
                    self.numbers.fill(channel.name(), &self.carrier, numbers).await?;
                }
                Err(why) => channel.failed(&why),
            }
        }
        Ok(())
    }

    /// One order: over the channels until one gives a number; else it is marked, and tried again later.
    async fn serve(&mut self, order: OrderId) -> Result<(), Unreadable> {
        let mut tried = Vec::new();
        for channel in self.channels.clone().iter() {
            match self.try_channel(channel, &order).await? {
                Ok(()) => return Ok(()),
                Err(why) => tried.push(Tried { channel: channel.name().to_owned(), why }),
            }
        }
        self.numbers.give_up(&order, tried).await?;
        if self.next.len() < REMEMBERED_MAX {
            self.next.insert(order, Instant::now() + clock::spread(self.poll, clock::chance()));
        }
        Ok(())
    }

    async fn try_channel(&self, channel: &Channel, order: &OrderId) -> Result<Result<(), String>, Unreadable> {
        if channel.ahead() > 0 {
            return Ok(match self.numbers.take_pooled(order, channel.name()).await? {
                Given::Settled => Ok(()),
                Given::Refused(why) => Err(why),
            });
        }
        if channel.is_resting() {
            let why = channel.state().last_error.unwrap_or_default();
            return Ok(Err(format!("it is left alone for a while: {why}")));
        }
        let Some(wanted) = self.numbers.wanted(order).await? else { return Ok(Ok(())) };
        let asking = channel.clone();
        let mut asked = tokio::spawn(async move { asking.ask(wanted.values).await });
        let answered = match tokio::time::timeout(channel.patience(), &mut asked).await {
            Ok(Ok(answered)) => answered,
            Ok(Err(broken)) => Err(broken.to_string()),
            Err(_) => {
                self.wait_behind(channel, order, asked);
                Err(slow(channel))
            }
        };
        let number = match answered {
            Ok(numbers) => numbers.into_iter().next(),
            Err(why) => {
                channel.failed(&why);
                return Ok(Err(why));
            }
        };
        let Some(number) = number else { return Ok(Err("no number".into())) };
        Ok(match self.numbers.assign(order, &number, channel.name()).await? {
            Given::Settled => {
                channel.worked();
                Ok(())
            }
            Given::Refused(why) => {
                channel.failed(&why);
                Err(why)
            }
        })
    }

    /// What a slow channel answers after all is judged like any number.
    fn wait_behind(
        &self,
        channel: &Channel,
        order: &OrderId,
        asked: tokio::task::JoinHandle<Result<Vec<WaybillNo>, String>>,
    ) {
        let Ok(permit) = self.late.clone().try_acquire_owned() else {
            // too many are waited for: it is asked again with the next poll, under the same request's name
            asked.abort();
            return;
        };
        let (numbers, name, order) = (self.numbers.clone(), channel.name().to_owned(), order.clone());
        let mut stop = self.numbers.stopped();
        tokio::spawn(async move {
            let answered = tokio::select! {
                answered = asked => answered,
                _ = stop.wait_for(|stop| *stop) => return,
            };
            let number = answered.ok().and_then(Result::ok).and_then(|numbers| numbers.into_iter().next());
            if let Some(number) = number
                && let Err(error) = numbers.assign(&order, &number, &name).await
            {
                tracing::warn!(%order, %error, "A late number could not be judged.");
            }
            drop(permit);
        });
    }
}

fn slow(channel: &Channel) -> String {
    format!("no answer within {} s", channel.patience().as_secs())
}
