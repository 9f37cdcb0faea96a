//! When an order that got no number is tried again.

use std::collections::HashMap;
use std::time::Duration;

use tokio::time::Instant;

use crate::clock;
use crate::domain::ids::OrderId;

/// Orders whose next attempt is remembered; beyond that they are tried again sooner.
const REMEMBERED_MAX: usize = 100_000;

/// The next attempts of a lane. It forgets an order that no longer waits, so that one whose number was void is asked for at
/// once when it waits again.
#[derive(Debug)]
pub(super) struct Attempts {
    poll: Duration,
    round: u64,
    next: HashMap<OrderId, Attempt>,
}

#[derive(Debug)]
struct Attempt {
    due: Instant,
    /// The round in which the order was last listed.
    seen: u64,
}

impl Attempts {
    /// None yet; `poll`: how long an order waits that every channel failed for.
    pub(super) fn new(poll: Duration) -> Attempts {
        Attempts { poll, round: 0, next: HashMap::new() }
    }

    /// A round through all that wait begins.
    pub(super) fn begin(&mut self) {
        self.round += 1;
    }

    /// Whether an order that waits is to be tried now.
    pub(super) fn is_due(&mut self, order: &OrderId, now: Instant) -> bool {
        let Some(attempt) = self.next.get_mut(order) else { return true };
        attempt.seen = self.round;
        attempt.due <= now
    }

    /// No channel gave it a number. `rested`: when the first of those that were not asked, as they are left alone, is asked
    /// again.
    pub(super) fn failed(&mut self, order: OrderId, now: Instant, rested: Option<Instant>, chance: u8) {
        let due = now + clock::spread(self.poll, chance);
        let due = rested.map_or(due, |rested| due.min(rested));
        if self.next.len() < REMEMBERED_MAX || self.next.contains_key(&order) {
            self.next.insert(order, Attempt { due, seen: self.round });
        }
    }

    /// It has a number.
    pub(super) fn settled(&mut self, order: &OrderId) {
        self.next.remove(order);
    }

    /// The round ends; all that wait were listed in it.
    pub(super) fn end(&mut self) {
        self.next.retain(|_, attempt| attempt.seen == self.round);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MINUTE: Duration = Duration::from_secs(60);

    #[test]
    fn an_order_is_tried_again_every_quarter_of_an_hour_or_when_a_channel_is_back() {
        let (order, other) = (OrderId::new("SO-1").expect("an id"), OrderId::new("SO-2").expect("an id"));
        let start = Instant::now();
        let mut attempts = Attempts::new(15 * MINUTE);
        attempts.begin();
        assert!(attempts.is_due(&order, start));
        attempts.failed(order.clone(), start, None, 128);
        attempts.failed(other.clone(), start, Some(start + MINUTE), 128);
        attempts.end();
        attempts.begin();
        assert!(!attempts.is_due(&order, start + 14 * MINUTE) && attempts.is_due(&order, start + 16 * MINUTE));
        assert!(attempts.is_due(&other, start + MINUTE), "what was not asked is asked once it is back");
        attempts.end();

        // it had a number for a while: when it waits again, it is new
        attempts.failed(order.clone(), start, None, 128);
        attempts.begin();
        attempts.end();
        attempts.begin();
        assert!(attempts.is_due(&order, start));
        attempts.settled(&order);
        assert!(attempts.next.is_empty());
    }
}
