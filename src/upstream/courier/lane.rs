//! A lane: goes through a carrier's orders without a number, one after the other, and over the channels for each.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::Semaphore;
use tokio::time::Instant;

use super::attempts::Attempts;
use super::{Channel, Given, Numbers};
use crate::clock;
use crate::domain::courier::{Offer, Tried};
use crate::domain::ids::{CarrierCode, OrderId, WaybillNo};
use crate::upstream::Unreadable;

/// Orders of a carrier that are asked for at once: a courier's interface takes some tens a second, and answers in a tenth.
const LANES: u32 = 4;

/// Orders that are listed at once.
const PAGE: usize = 500;

/// How long a lane gathers before it looks again.
const GATHER: Duration = Duration::from_millis(100);

/// How much longer than listing the orders took, at least: with a day's orders waiting, listing them again at each fact of
/// the feed would keep a processor busy.
const LISTING_REST: u32 = 20;

/// How often a lane looks through all orders by itself: holds that were released, numbers that were voided. And how often
/// it looks how full its stores are.
const SWEEP: Duration = Duration::from_secs(5);

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
    attempts: Attempts,
    /// When the stores were last looked at.
    looked: Option<Instant>,
    late: Arc<Semaphore>,
    /// The time.
    now: Arc<dyn Fn() -> Instant + Send + Sync>,
}

/// What came of a channel for an order.
enum Came {
    /// The order has a number, or wants none any more.
    Settled,
    /// None, and why.
    Nothing(String),
    /// It was not asked, as it is left alone until then.
    Rests(Instant, String),
}

impl<N: Numbers> Lane<N> {
    pub(super) fn all(carrier: &CarrierCode, channels: &Arc<[Channel]>, poll: u64, numbers: &N) -> Vec<Lane<N>> {
        let late = Arc::new(Semaphore::new(LATE_MAX));
        let poll = Duration::from_secs(poll);
        let lane = |index| Lane {
            carrier: carrier.clone(),
            index,
            channels: channels.clone(),
            poll,
            numbers: numbers.clone(),
            attempts: Attempts::new(poll),
            looked: None,
            late: late.clone(),
            now: Arc::new(Instant::now),
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
            let listing = worked.unwrap_or_else(|error| {
                tracing::warn!(carrier = %self.carrier, %error, "Orders without a number can't be served now.");
                Duration::ZERO
            });
            let sweep = SWEEP.min(self.poll);
            let gather = GATHER.max(listing * LISTING_REST);
            let rest = async {
                tokio::select! {
                    _ = moved.changed() => tokio::time::sleep(gather).await,
                    () = tokio::time::sleep(sweep.max(gather)) => {}
                }
            };
            tokio::select! {
                () = rest => {}
                _ = stop.wait_for(|stop| *stop) => break,
            }
        }
    }

    /// Goes through all orders that wait; answers how long it took to list them.
    async fn round(&mut self) -> Result<Duration, Unreadable> {
        let now = (self.now)();
        if self.index == 0 && self.looked.is_none_or(|looked| now.duration_since(looked) >= SWEEP) {
            self.looked = Some(now);
            for channel in self.channels.iter().filter(|channel| channel.ahead() > 0) {
                self.fetch(channel, channel.least()).await?;
            }
        }
        self.attempts.begin();
        let (mut after, mut listing) = (0, Duration::ZERO);
        loop {
            let begun = Instant::now();
            let page = self.numbers.wanting(&self.carrier, after, PAGE).await?;
            listing += begun.elapsed();
            let Some((last, _)) = page.last() else { break };
            after = *last;
            for (number, order) in page {
                if number % LANES == self.index && self.attempts.is_due(&order, (self.now)()) {
                    self.serve(order).await?;
                }
            }
        }
        self.attempts.end();
        Ok(listing)
    }

    /// Fetches numbers ahead where a store holds no more than so many.
    async fn fetch(&self, channel: &Channel, least: usize) -> Result<(), Unreadable> {
        let _turn = channel.fills().await;
        let stored = self.numbers.stored(channel.name(), &self.carrier).await?;
        if stored > least || channel.rests((self.now)()).is_some() {
            return Ok(());
        }
        let count = channel.ahead().saturating_sub(stored).max(1);
        let values = [("count", count.to_string()), ("carrier", self.carrier.to_string())].into();
        let asked = tokio::time::timeout(channel.patience(), channel.ask(values, self.numbers.now())).await;
        let why = match asked.unwrap_or_else(|_| Err(slow(channel))) {
            Ok(numbers) => {
                if self.numbers.fill(channel.name(), &self.carrier, numbers).await? {
                    channel.worked();
                    return Ok(());
                }
                "it gave no number that is new".to_owned()
            }
            Err(why) => why,
        };
        channel.failed(&why, (self.now)());
        Ok(())
    }

    /// One order: over the channels until one gives a number; else it is marked, and tried again later.
    async fn serve(&mut self, order: OrderId) -> Result<(), Unreadable> {
        let mut tried = Vec::new();
        let mut rested: Option<Instant> = None;
        for channel in self.channels.clone().iter() {
            let why = match self.try_channel(channel, &order).await? {
                Came::Settled => {
                    self.attempts.settled(&order);
                    return Ok(());
                }
                Came::Nothing(why) => why,
                Came::Rests(until, why) => {
                    rested = Some(rested.map_or(until, |earlier| earlier.min(until)));
                    why
                }
            };
            tried.push(Tried { channel: channel.name().to_owned(), why });
        }
        self.numbers.give_up(&order, tried).await?;
        self.attempts.failed(order, (self.now)(), rested, clock::chance());
        Ok(())
    }

    async fn try_channel(&self, channel: &Channel, order: &OrderId) -> Result<Came, Unreadable> {
        if channel.ahead() > 0 {
            return self.try_store(channel, order).await;
        }
        if let Some(until) = channel.rests((self.now)()) {
            let why = channel.state().last_error.unwrap_or_default();
            return Ok(Came::Rests(until, format!("it is left alone for a while: {why}")));
        }
        let Some(wanted) = self.numbers.wanted(order).await? else { return Ok(Came::Settled) };
        let (asking, now, purpose) = (channel.clone(), self.numbers.now(), wanted.purpose);
        let mut asked = tokio::spawn(async move { asking.ask(wanted.values, now).await });
        let answered = match tokio::time::timeout(channel.patience(), &mut asked).await {
            Ok(Ok(answered)) => answered,
            Ok(Err(broken)) => Err(broken.to_string()),
            Err(_) => {
                self.wait_behind(channel, order, purpose.clone(), asked);
                Err(slow(channel))
            }
        };
        let number = answered.and_then(|numbers| numbers.into_iter().next().ok_or_else(|| "no number".to_owned()));
        let given = match number {
            Ok(number) => {
                let (channel, carrier) = (channel.name().to_owned(), self.carrier.clone());
                self.numbers.assign(order, Offer { number, channel, carrier, purpose }).await?
            }
            Err(why) => Given::Refused(why),
        };
        Ok(match given {
            Given::Settled => {
                channel.worked();
                Came::Settled
            }
            Given::Refused(why) => {
                channel.failed(&why, (self.now)());
                Came::Nothing(why)
            }
        })
    }

    /// A number of a store; where it is empty, its channel is asked for more at once.
    async fn try_store(&self, channel: &Channel, order: &OrderId) -> Result<Came, Unreadable> {
        let Given::Refused(empty) = self.numbers.take_pooled(order, channel.name()).await? else {
            return Ok(Came::Settled);
        };
        if channel.rests((self.now)()).is_none() {
            self.fetch(channel, 0).await?;
            if self.numbers.take_pooled(order, channel.name()).await? == Given::Settled {
                return Ok(Came::Settled);
            }
        }
        let why = channel.state().last_error.map_or_else(|| empty.clone(), |error| format!("{empty}: {error}"));
        Ok(match channel.rests((self.now)()) {
            Some(until) => Came::Rests(until, why),
            None => Came::Nothing(why),
        })
    }

    /// What a slow channel answers after all is judged like any number.
    fn wait_behind(
        &self,
        channel: &Channel,
        order: &OrderId,
        purpose: String,
        asked: tokio::task::JoinHandle<Result<Vec<WaybillNo>, String>>,
    ) {
        let Ok(permit) = self.late.clone().try_acquire_owned() else {
            // too many are waited for: it is asked again with the next poll, under the same request's name
            asked.abort();
            return;
        };
        let (numbers, order, carrier) = (self.numbers.clone(), order.clone(), self.carrier.clone());
        let channel = channel.name().to_owned();
        let mut stop = self.numbers.stopped();
        tokio::spawn(async move {
            let answered = tokio::select! {
                answered = asked => answered,
                _ = stop.wait_for(|stop| *stop) => return,
            };
            if let Some(number) = answered.ok().and_then(Result::ok).and_then(|numbers| numbers.into_iter().next()) {
                match numbers.assign(&order, Offer { number, channel, carrier, purpose }).await {
                    Ok(Given::Settled) => {}
                    Ok(Given::Refused(why)) => tracing::warn!(%order, why, "A late number was refused."),
                    Err(error) => tracing::warn!(%order, %error, "A late number could not be judged."),
                }
            }
            drop(permit);
        });
    }
}

fn slow(channel: &Channel) -> String {
    format!("no answer within {} s", channel.patience().as_secs())
}

#[cfg(test)]
mod tests {
    use std::sync::{Mutex, MutexGuard};

    use jiff::Timestamp;
    use serde_json::json;
    use tokio::sync::watch;

    use super::super::Wanted;
    use super::*;
    use crate::config::ChannelSettings;
    use crate::config::request::{AnswerPath, Template};
    use crate::domain::apply;
    use crate::domain::clock::Moment;
    use crate::domain::courier;
    use crate::domain::memory::Memory;
    use crate::domain::order::{Order, OrderSpec};
    use crate::domain::upstream::Outcome;
    use crate::domain::view::{State, View};
    use crate::sim::courier::{Courier, Mood};
    use crate::sim::receiver::{Receiver, Reply};

    const MINUTE: Duration = Duration::from_secs(60);
    const POLL: u64 = 900;

    /// What the service does, over a warehouse in memory; and a clock that is set by hand.
    #[derive(Clone)]
    struct Desk {
        state: Arc<Mutex<Memory>>,
        told: Arc<Mutex<Vec<OrderId>>>,
        time: Arc<Mutex<Instant>>,
        moved: watch::Sender<u64>,
        stop: watch::Sender<bool>,
    }

    fn held<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
        mutex.lock().expect("no test panics while it holds it")
    }

    impl Desk {
        /// With so many orders, all of the first lane.
        fn with(orders: u32) -> Desk {
            let mut state = Memory::default();
            for order in 1..=orders {
                let spec = json!({"id": format!("SO-{order}"), "priority": 0, "carrier": "ZTO", "ship_policy": "complete", "notes": [],
                    "consignee": {"name": "Li", "phone": "138", "address": "1 Road"}, "stage": "stock_locked", "lines": []});
                let spec: OrderSpec = serde_json::from_value(spec).expect("an order");
                state.put_order(Order::new(spec, order * LANES));
            }
            Desk {
                state: Arc::new(Mutex::new(state)),
                told: Arc::default(),
                time: Arc::new(Mutex::new(Instant::now())),
                moved: watch::Sender::new(0),
                stop: watch::Sender::new(false),
            }
        }

        fn judge(&self, outcome: impl FnOnce(&Memory) -> Outcome) -> Outcome {
            let mut state = held(&self.state);
            let outcome = outcome(&state);
            for event in outcome.events() {
                apply(event, &mut *state).expect("it folds");
            }
            outcome
        }

        fn given(&self, outcome: impl FnOnce(&Memory) -> Outcome) -> Given {
            match self.judge(outcome) {
                Outcome::Refused(refusal) => Given::Refused(refusal.to_string()),
                _ => Given::Settled,
            }
        }

        fn wait(&self, span: Duration) {
            *held(&self.time) += span;
        }

        fn numbers(&self) -> Vec<String> {
            held(&self.state).waybills.keys().map(ToString::to_string).collect()
        }

        fn told(&self) -> usize {
            held(&self.told).len()
        }

        fn first_lane(&self, settings: &[ChannelSettings]) -> Lane<Desk> {
            let carrier = CarrierCode::new("ZTO").expect("a code");
            let channels: Arc<[Channel]> =
                settings.iter().map(|settings| Channel::open(settings).expect("opens")).collect();
            let lane = Lane::all(&carrier, &channels, POLL, self).into_iter().next().expect("there are some");
            let time = self.time.clone();
            Lane { now: Arc::new(move || *held(&time)), ..lane }
        }
    }

    impl Numbers for Desk {
        async fn wanting(&self, _: &CarrierCode, after: u32, limit: usize) -> Result<Vec<(u32, OrderId)>, Unreadable> {
            let state = held(&self.state);
            let waits = |order: &&Arc<Order>| order.number > after && courier::wants_number(&*state, order);
            let mut waiting: Vec<(u32, OrderId)> =
                state.orders.values().filter(waits).map(|order| (order.number, order.id().clone())).collect();
            waiting.sort();
            waiting.truncate(limit);
            Ok(waiting)
        }

        async fn wanted(&self, order: &OrderId) -> Result<Option<Wanted>, Unreadable> {
            let state = held(&self.state);
            let found = state.order(order.as_str()).filter(|order| courier::wants_number(&*state, order));
            Ok(found.map(|found| Wanted {
                order: order.clone(),
                purpose: courier::purpose(&found),
                values: [("request", order.to_string())].into(),
            }))
        }

        async fn assign(&self, order: &OrderId, offer: Offer) -> Result<Given, Unreadable> {
            Ok(self.given(|state| courier::assign(state, order, &offer)))
        }

        async fn take_pooled(&self, order: &OrderId, channel: &str) -> Result<Given, Unreadable> {
            Ok(self.given(|state| courier::take_pooled(state, order, channel)))
        }

        async fn give_up(&self, order: &OrderId, tried: Vec<Tried>) -> Result<(), Unreadable> {
            let at = Moment { wall: Timestamp::UNIX_EPOCH, boot_ms: 0, boot: 0 };
            if !self.judge(|state| courier::give_up(state, order, tried, at)).events().is_empty() {
                held(&self.told).push(order.clone());
            }
            Ok(())
        }

        async fn fill(
            &self,
            channel: &str,
            carrier: &CarrierCode,
            numbers: Vec<WaybillNo>,
        ) -> Result<bool, Unreadable> {
            Ok(!self.judge(|state| courier::fill_pool(state, channel, carrier, numbers)).events().is_empty())
        }

        async fn stored(&self, channel: &str, carrier: &CarrierCode) -> Result<usize, Unreadable> {
            Ok(courier::usable(&*held(&self.state), channel, carrier, courier::POOL_MAX).len())
        }

        fn now(&self) -> Timestamp {
            Timestamp::UNIX_EPOCH
        }

        fn orders_moved(&self) -> watch::Receiver<u64> {
            self.moved.subscribe()
        }

        fn stopped(&self) -> watch::Receiver<bool> {
            self.stop.subscribe()
        }
    }

    fn path(text: &str) -> Option<AnswerPath> {
        AnswerPath::try_from(text.to_owned()).ok()
    }

    fn direct(courier: &Courier) -> ChannelSettings {
        ChannelSettings {
            name: "direct".into(),
            url: Template::new(&format!("http://{}/number", courier.address)),
            body: Template::new(r#"{"request":"{request}"}"#),
            number: path("data.no"),
            ..ChannelSettings::default()
        }
    }

    fn store(address: std::net::SocketAddr, ahead: usize) -> ChannelSettings {
        ChannelSettings {
            name: "store".into(),
            url: Template::new(&format!("http://{address}/numbers")),
            body: Template::new(r#"{"count":"{count}"}"#),
            number: path("data.list[*].no"),
            ahead,
            ..ChannelSettings::default()
        }
    }

    #[tokio::test]
    async fn an_order_is_polled_every_quarter_of_an_hour_until_it_has_a_number() {
        let (desk, courier) = (Desk::with(1), Courier::start(0).expect("a port"));
        courier.turn(Mood::Fails);
        let mut lane = desk.first_lane(&[direct(&courier)]);
        for asked in 1..=5 {
            lane.round().await.expect("a round");
            assert_eq!((courier.requests().len(), desk.told()), (asked, 1), "asked again and again, told once");
            desk.wait(11 * MINUTE);
            lane.round().await.expect("a round");
            assert_eq!(courier.requests().len(), asked, "not yet");
            desk.wait(7 * MINUTE);
        }
        courier.turn(Mood::Works);
        lane.round().await.expect("a round");
        assert_eq!(desk.numbers().len(), 1);
        desk.wait(60 * MINUTE);
        lane.round().await.expect("a round");
        assert_eq!(courier.requests().len(), 6, "never asked again");
    }

    #[tokio::test]
    async fn what_was_not_asked_while_a_channel_was_left_alone_is_asked_when_it_is_back() {
        let (desk, courier) = (Desk::with(8), Courier::start(0).expect("a port"));
        courier.turn(Mood::Fails);
        let mut lane = desk.first_lane(&[direct(&courier)]);
        lane.round().await.expect("a round");
        assert_eq!((courier.requests().len(), desk.told()), (3, 8));
        courier.turn(Mood::Works);
        desk.wait(Duration::from_secs(6));
        lane.round().await.expect("a round");
        assert_eq!(desk.numbers().len(), 5, "the three that it refused wait for their turn");
        desk.wait(18 * MINUTE);
        lane.round().await.expect("a round");
        assert_eq!(desk.numbers().len(), 8);
    }

    #[tokio::test]
    async fn a_store_that_runs_empty_is_filled_before_anybody_goes_without() {
        let (desk, courier) = (Desk::with(12), Courier::start(0).expect("a port"));
        let mut lane = desk.first_lane(&[store(courier.address, 5)]);
        lane.round().await.expect("a round");
        assert_eq!((desk.numbers().len(), desk.told()), (12, 0));
        let asked = |nth: usize| String::from_utf8(courier.requests()[nth].body.clone()).expect("a text");
        assert_eq!([asked(0), asked(1), asked(2)], [r#"{"count":"5"}"#; 3]);
        // three are left: more than half of five is not what is asked for
        desk.wait(SWEEP);
        lane.round().await.expect("a round");
        assert_eq!(courier.requests().len(), 3);
    }

    #[tokio::test]
    async fn offline_the_store_goes_on_until_it_is_empty() {
        let (desk, courier) = (Desk::with(0), Courier::start(0).expect("a port"));
        let mut lane = desk.first_lane(&[direct(&courier), store(courier.address, 5)]);
        lane.round().await.expect("a round");
        courier.turn(Mood::Closes);
        let (pools, orders) = (held(&desk.state).pools.clone(), held(&Desk::with(6).state).orders.clone());
        *held(&desk.state) = Memory { pools, orders, ..Memory::default() };
        lane.round().await.expect("a round");
        assert_eq!((desk.numbers().len(), desk.told()), (5, 1));
        let pending = held(&desk.state).orders.values().find_map(|order| order.numbering.pending.clone());
        let why = pending.expect("one goes without").tried[1].why.clone();
        assert!(why.starts_with("no number of store is left: "), "{why}");
    }

    #[tokio::test]
    async fn a_courier_that_has_only_known_numbers_is_not_asked_without_end() {
        let (desk, courier) = (Desk::with(2), Receiver::start("127.0.0.1:0", true).expect("a port"));
        courier.answer(|_| Reply::Status(200, r#"{"data":{"list":[{"no":"75000000000001"}]}}"#.into()));
        let mut lane = desk.first_lane(&[store(courier.address, 1)]);
        for _ in 0..20 {
            lane.round().await.expect("a round");
            desk.wait(Duration::from_millis(200));
        }
        assert_eq!((desk.numbers().len(), desk.told()), (1, 1));
        assert!(courier.requests().len() <= 3, "{} requests in four seconds", courier.requests().len());
    }

    #[tokio::test]
    async fn an_order_that_lost_its_number_is_asked_for_at_once() {
        let (desk, courier) = (Desk::with(1), Courier::start(0).expect("a port"));
        courier.turn(Mood::Fails);
        let mut lane = desk.first_lane(&[direct(&courier)]);
        lane.round().await.expect("a round");
        let by_hand = "75312345678901";
        desk.judge(|state| {
            let order = state.order("SO-1").expect("it is there");
            courier::enter(state, &order, by_hand, "li", false).expect("it is one")
        });
        lane.round().await.expect("a round");
        assert_eq!(courier.requests().len(), 1);
        let number = WaybillNo::new(by_hand).expect("a number");
        desk.judge(|state| crate::domain::upstream::void_waybill(state, &number));
        courier.turn(Mood::Works);
        lane.round().await.expect("a round");
        assert_eq!((courier.requests().len(), desk.numbers().len()), (2, 2));
    }
}
