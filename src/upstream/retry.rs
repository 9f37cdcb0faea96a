//! When a target that failed is tried again.

use std::time::Duration;

use crate::clock::back_off;

/// The first pause.
pub(super) const FIRST: Duration = Duration::from_secs(1);

/// The longest pause.
pub(super) const LAST: Duration = Duration::from_secs(300);

/// Failures in a row after which the circuit counts as open: people are told, and only single attempts are made.
pub(super) const OPEN_AFTER: u32 = 5;

/// The pause after so many failures in a row; `chance` (0 to 255) keeps several boxes from coming back at the same instant.
/// Never shorter than what the target asked for.
pub(super) fn pause(failures: u32, asked: Option<Duration>, chance: u8) -> Duration {
    back_off(FIRST, LAST, failures, chance).max(asked.unwrap_or_default()).min(LAST)
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
