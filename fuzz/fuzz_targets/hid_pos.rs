//! Any bytes as a report descriptor and as reports of the device: no panic, places within the report, no frame longer
//! than the longest. The first two bytes are the length of the descriptor. Run: `cargo fuzz run hid_pos`.
#![no_main]

use libfuzzer_sys::fuzz_target;
use waybind::protocol::hid_pos::{HidPosFramer, PosLayout};
use waybind::protocol::{FRAME_MAX, Item};

fuzz_target!(|bytes: &[u8]| {
    let [low, high, rest @ ..] = bytes else { return };
    let (descriptor, stream) = rest.split_at(usize::from(u16::from_le_bytes([*low, *high])).min(rest.len()));
    let told = PosLayout::from_descriptor(descriptor);
    for layout in told.into_iter().chain([PosLayout::honeywell(), PosLayout::newland()]) {
        let places = [layout.length, layout.characters].into_iter().chain(layout.continued);
        for place in places.chain(layout.aim.into_iter().flatten()) {
            assert!(place.end() <= layout.report_len * 8);
        }
        let len = layout.report_len;
        let mut framer = HidPosFramer::new(layout);
        let mut items = Vec::new();
        stream.chunks(len).for_each(|report| framer.report(report, &mut items));
        framer.pause(&mut items);
        for item in items {
            if let Item::Frame(data) | Item::Broken(_, data) = item {
                assert!(data.len() <= FRAME_MAX + 3);
            }
        }
    }
});
