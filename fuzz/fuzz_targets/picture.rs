//! Any bytes as a picture: no panic, and every code has a text. Run: `cargo fuzz run picture`.
#![no_main]

use libfuzzer_sys::fuzz_target;
use waybind::codec::{Limits, read};

fuzz_target!(|bytes: &[u8]| {
    // small limits, so that what is looked for is found often
    let limits = Limits { pixels: 250_000, looked_at: 60_000, work: 3_000_000, ..Limits::default() };
    if let Ok(symbols) = read(bytes, &limits) {
        assert!(symbols.iter().all(|symbol| !symbol.text.is_empty()));
    }
    // the bytes themselves as the greys of a picture, 64 wide
    let height = (bytes.len() / 64).min(64);
    if height > 0 {
        let mut bmp = Vec::with_capacity(1078 + 64 * height);
        bmp.extend(b"BM");
        for word in [0, 0, 1078, 40, 64, height as u32, 1 | 8 << 16, 0, 0, 0, 0, 256, 0] {
            bmp.extend(word.to_le_bytes());
        }
        bmp.extend((0..=255u8).flat_map(|grey| [grey, grey, grey, 0]));
        bmp.extend(&bytes[..64 * height]);
        drop(read(&bmp, &limits));
    }
});
