//! When a printer that could not print is tried again.

use std::time::Duration;

use crate::clock::back_off;

/// The first pause.
const FIRST: Duration = Duration::from_millis(500);

/// The longest pause where somebody stands at the printer and puts paper in: it goes on by itself soon after.
const ATTENDED: Duration = Duration::from_secs(3);

/// The longest pause of one that can't be reached.
const ABSENT: Duration = Duration::from_secs(30);

/// The pause after so many failures in a row; `chance` (0 to 255) keeps printers behind one switch from being tried all at
/// the same instant.
pub(super) fn pause(failures: u32, is_there: bool, chance: u8) -> Duration {
    back_off(FIRST, if is_there { ATTENDED } else { ABSENT }, failures, chance)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_ladder_ends_sooner_where_the_printer_is_there() {
        let middle = |failures, is_there| pause(failures, is_there, 128).as_millis() / 500;
        assert_eq!([1, 2, 3, 4, 20].map(|failures| middle(failures, true)), [1, 2, 4, 6, 6]);
        assert_eq!([1, 3, 6, 7, 20].map(|failures| middle(failures, false)), [1, 4, 32, 60, 60]);
        assert!(pause(1, true, 0) < pause(1, true, 255));
    }
}
