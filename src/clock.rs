//! The only place that reads the time, and how long those wait who try again.

use std::hash::{DefaultHasher, Hash, Hasher};
use std::time::Duration;

use jiff::tz::TimeZone;
use jiff::{SignedDuration, Timestamp};
use rustix::time::{ClockId, clock_gettime};

use crate::domain::clock::{Moment, Now};

/// Tells the time at the site.
#[derive(Clone, Debug)]
pub struct Clock {
    zone: TimeZone,
    boot: u64,
    /// When it was made, by both clocks.
    made: (Timestamp, u64),
}

/// By how much the wall clock may leave the boot clock before people are told: more than a time service corrects at once.
const STEP: SignedDuration = SignedDuration::from_secs(60);

impl Clock {
    /// A clock for a site's time zone.
    #[must_use]
    pub fn new(zone: TimeZone) -> Self {
        let mut hash = DefaultHasher::new();
        // without it (no /proc) every start of the process counts as one of the machine, and nothing lapses over it
        match std::fs::read_to_string("/proc/sys/kernel/random/boot_id") {
            Ok(id) => id.trim().hash(&mut hash),
            Err(_) => std::process::id().hash(&mut hash),
        }
        Clock { zone, boot: hash.finish(), made: (Timestamp::now(), boot_ms()) }
    }

    /// Whether the wall clock was moved by more than a minute since the start: what times say is to be checked.
    #[must_use]
    pub fn was_moved(&self) -> bool {
        let (wall, boot) = self.made;
        let by_boot = SignedDuration::from_millis(i64::try_from(boot_ms().saturating_sub(boot)).unwrap_or(i64::MAX));
        let by_wall = Timestamp::now().duration_since(wall);
        by_wall.saturating_sub(by_boot).abs() > STEP
    }

    /// Now.
    #[must_use]
    pub fn now(&self) -> Now {
        let wall = Timestamp::now();
        Now { at: Moment { wall, boot_ms: boot_ms(), boot: self.boot }, today: wall.to_zoned(self.zone.clone()).date() }
    }

    /// The first moment of a day at the site; none for a day that no clock shows.
    #[must_use]
    pub fn begin_of(&self, date: jiff::civil::Date) -> Option<Timestamp> {
        date.to_zoned(self.zone.clone()).ok().map(|day| day.timestamp())
    }

    /// A moment as the site writes it, with its offset.
    #[must_use]
    pub fn written(&self, at: Timestamp) -> String {
        at.to_zoned(self.zone.clone()).strftime("%Y-%m-%dT%H:%M:%S%.3f%:z").to_string()
    }
}

/// Milliseconds since the machine started.
fn boot_ms() -> u64 {
    let since_boot = clock_gettime(ClockId::Boottime);
    since_boot.tv_sec.cast_unsigned() * 1_000 + since_boot.tv_nsec.cast_unsigned() / 1_000_000
}

/// The pause after so many failures in a row: doubled each time up to the longest, then spread by chance.
#[must_use]
pub fn back_off(first: Duration, longest: Duration, failures: u32, chance: u8) -> Duration {
    spread(first.saturating_mul(1 << failures.saturating_sub(1).min(16)).min(longest), chance)
}

/// A pause a fifth longer or shorter by chance (0 to 255), so that those who failed together don't come back together.
#[must_use]
pub fn spread(pause: Duration, chance: u8) -> Duration {
    pause.mul_f64(0.8 + 0.4 * f64::from(chance) / 255.0)
}

/// A chance of 0 to 255.
#[must_use]
pub fn chance() -> u8 {
    let mut byte = [128];
    match getrandom::fill(&mut byte) {
        Ok(()) => byte[0],
        Err(_) => 128,
    }
}
