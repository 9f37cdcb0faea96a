//! Any bytes on a scanner's line, in two reads: no panic, and no frame longer than the longest.
#![no_main]

use libfuzzer_sys::fuzz_target;
use waybind::config::Library;
use waybind::protocol::{FRAME_MAX, Framer, Item};

fuzz_target!(|bytes: &[u8]| {
    let library = Library::built_in().expect("the built-in definitions are read by a test");
    for (_, definition) in library.iter() {
        let mut framer = Framer::new(definition.clone());
        let (first, second) = bytes.split_at(bytes.len() / 2);
        let mut items = framer.feed(first);
        items.extend(framer.feed(second));
        items.extend(framer.pause());
        for item in items {
            if let Item::Frame(data) = item {
                assert!(data.len() <= FRAME_MAX + 8);
            }
        }
    }
});
