//! Any bytes as a scan: no panic, and an offset within what was scanned. Run: `cargo fuzz run barcode`.
#![no_main]

use jiff::civil::date;
use libfuzzer_sys::fuzz_target;
use waybind::barcode::{self, Hint};

fuzz_target!(|bytes: &[u8]| {
    for hint in [Hint::None, Hint::Gs1] {
        if let Err(error) = barcode::read_bytes(bytes, hint, None, date(2026, 11, 21)) {
            assert!(error.offset <= bytes.len());
        }
    }
});
