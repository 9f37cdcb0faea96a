//! Time as the domain sees it: handed in, and never compared by the wall clock.

use jiff::Timestamp;
use jiff::civil::Date;
use serde::{Deserialize, Serialize};

/// When something happened. Order comes from the ledger's sequence; spans come from the boot clock, which no one
/// sets back.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Moment {
    /// What the clock on the wall said.
    pub wall: Timestamp,
    /// Milliseconds since the machine was started.
    pub boot_ms: u64,
    /// Which start of the machine that was.
    pub boot: u64,
}

impl Moment {
    /// Milliseconds from an earlier moment to this one, if the machine was not restarted between them.
    #[must_use]
    pub fn millis_since(&self, earlier: &Moment) -> Option<u64> {
        (self.boot == earlier.boot).then(|| self.boot_ms.saturating_sub(earlier.boot_ms))
    }

    /// When it was, on the wall clock as it is now: steps of that clock since then don't count.
    #[must_use]
    pub fn on_line(&self, now: &Moment) -> Timestamp {
        let passed = now.millis_since(self).and_then(|passed| i64::try_from(passed).ok());
        let then = passed.and_then(|passed| now.wall.checked_sub(jiff::SignedDuration::from_millis(passed)).ok());
        then.unwrap_or(self.wall)
    }

    /// Whether more than a span has passed since an earlier moment; unknown, after a restart of the machine, is no.
    #[must_use]
    pub fn is_past(&self, earlier: &Moment, span_ms: u64) -> bool {
        self.millis_since(earlier).is_some_and(|passed| passed > span_ms)
    }
}

/// A moment and the day that it falls on where the warehouse is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Now {
    /// The moment.
    pub at: Moment,
    /// The day in the site's time zone.
    pub today: Date,
}
