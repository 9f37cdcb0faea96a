//! When a target that failed is tried again.

use std::time::Duration;

/// The first pause.
pub(super) const FIRST: Duration = Duration::from_secs(1);

/// The longest pause.
pub(super) const LAST: Duration = Duration::from_secs(300);

/// Failures in a row after which the circuit counts as open: people are told, and only single attempts are made.
pub(super) const OPEN_AFTER: u32 = 5;

/// The pause after so many failures in a row: doubled each time, a fifth more or less by chance (`chance` of 0 to 255),
/// so that several boxes don't come back at the same instant; never shorter than what the target asked for.
pub(super) fn pause(failures: u32, asked: Option<Duration>, chance: u8) -> Duration {
    let doubled = FIRST.saturating_mul(1 << failures.saturating_sub(1).min(16)).min(LAST);
    let spread = doubled.mul_f64(0.8 + 0.4 * f64::from(chance) / 255.0);
    spread.max(asked.unwrap_or_default()).min(LAST)
}

/// A chance of 0 to 255.
pub(super) fn chance() -> u8 {
    let mut byte = [128];
    match getrandom::fill(&mut byte) {
        Ok(()) => byte[0],
        Err(_) => 128,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_ladder_doubles_and_ends() {
        let middle = |failures| pause(failures, None, 128).as_secs_f64().round();
        assert_eq!([1, 2, 3, 8, 9, 10, 60].map(middle), [1.0, 2.0, 4.0, 128.0, 256.0, 300.0, 300.0]);
        assert!(pause(3, None, 0) >= Duration::from_millis(3_199));
        assert!(pause(3, None, 255) <= Duration::from_millis(4_801));
        assert_eq!(pause(1, Some(Duration::from_secs(30)), 128), Duration::from_secs(30));
        assert_eq!(pause(1, Some(Duration::from_secs(86_400)), 128), LAST);
    }
}
