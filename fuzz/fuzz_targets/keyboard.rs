//! Any key events, with lost ones and pauses between, in every layout: no panic, and no code longer than the longest.
#![no_main]

use std::sync::LazyLock;
use std::time::Duration;

use libfuzzer_sys::fuzz_target;
use waybind::config::Library;
use waybind::protocol::{FRAME_MAX, Framing, Item, KeyEvent, KeyboardFramer, KeyboardSettings, retypings};

static LIBRARY: LazyLock<Library> =
    LazyLock::new(|| Library::built_in().expect("the built-in definitions are read by a test"));

/// The end of the values that stand for a key event; above: a pause, or keys that were lost.
const KEYS: u8 = 0xF0;

/// Plays bytes in threes: value and pause, then the key.
fn play(mut framer: KeyboardFramer, bytes: &[u8]) -> Vec<Item> {
    let (mut items, mut at) = (Vec::new(), Duration::ZERO);
    for step in bytes.chunks_exact(3) {
        let event = KeyEvent { code: u16::from_le_bytes([step[1], step[2]]), value: i32::from(step[0] % 4) };
        match step[0] {
            0xFF => framer.dropped(),
            KEYS.. => framer.pause(&mut items),
            value => {
                at += Duration::from_millis(u64::from(value));
                framer.key(event, at, &mut items);
            }
        }
    }
    framer.pause(&mut items);
    assert!(!framer.is_pending());
    items
}

fuzz_target!(|bytes: &[u8]| {
    let others: Vec<_> = LIBRARY.layouts().cloned().collect();
    for layout in &others {
        let plain = KeyboardFramer::new(&KeyboardSettings::default(), layout.clone());
        let defined = LIBRARY
            .iter()
            .filter(|(_, definition)| matches!(definition.framing, Framing::Keyboard(_)))
            .filter_map(|(_, definition)| KeyboardFramer::of(definition, layout.clone()));
        for item in defined.chain([plain]).flat_map(|framer| play(framer, bytes)) {
            if let Item::Frame(data) | Item::Broken(_, data) = item {
                assert!(data.len() <= FRAME_MAX);
                let text = String::from_utf8(data).expect("codes are text");
                for (name, reading) in retypings(&text, layout, &others) {
                    assert!(name != layout.name() && reading != text);
                }
            }
        }
    }
});
