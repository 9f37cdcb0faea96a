//! HID POS scanners: any text through any layout, scanners beside each other, and nonsense as descriptor and reports.

#![allow(missing_docs, clippy::unwrap_used, reason = "a test")]

use std::ops::Range;
use std::sync::Arc;
use std::time::Duration;

use proptest::prelude::*;
use proptest::sample::Index;
use waybind::config::{Library, read_vectors};
use waybind::protocol::hid_pos::{DESCRIPTOR_MAX, HidPosFramer, PosLayout, REPORT_MAX, parse};
use waybind::protocol::{Definition, FRAME_MAX, Framer, Item};

/// A layout like no documented one: a flag in bit 3 of byte 1, 300 characters from byte 2 on, a length of two bytes, the
/// AIM identifier last. Its report has id 9.
const FREE: &[u8] = &[
    0x05, 0x8C, 0x09, 0x02, 0xA1, 0x01, 0x09, 0x12, 0xA1, 0x02, 0x85, 0x09, 0x15,
    0x00, // scanner, scanned data, id 9
    0x25, 0x01, 0x75, 0x01, 0x95, 0x03, 0x81, 0x03, 0x95, 0x01, 0x09, 0xFF, 0x81, 0x02, 0x95, 0x04, 0x81,
    0x03, // flag
    0x26, 0xFF, 0x00, 0x75, 0x08, 0x96, 0x2C, 0x01, 0x09, 0xFE, 0x82, 0x02, 0x01, // characters
    0x05, 0x01, 0x27, 0xFF, 0xFF, 0, 0, 0x75, 0x10, 0x95, 0x01, 0x09, 0x3B, 0x81, 0x02, // length
    0x05, 0x8C, 0x75, 0x08, 0x95, 0x03, 0x19, 0xFB, 0x29, 0xFD, 0x81, 0x02, 0xC0, 0xC0, // identifier
];

#[derive(Clone, Copy, Debug)]
enum Maker {
    Honeywell,
    Newland,
    Free,
}

impl Maker {
    fn framer(self) -> HidPosFramer {
        HidPosFramer::new(match self {
            Maker::Honeywell => PosLayout::honeywell(),
            Maker::Newland => PosLayout::newland(),
            Maker::Free => PosLayout::from_descriptor(FREE).unwrap(),
        })
    }

    fn capacity(self) -> usize {
        if matches!(self, Maker::Free) { 300 } else { 56 }
    }

    /// One report as such a scanner sends it; what does not count is filled with rubbish.
    fn report(self, aim: &[u8; 3], text: &[u8], goes_on: bool, rubbish: u8) -> Vec<u8> {
        let mut padded = text.to_vec();
        padded.resize(self.capacity(), rubbish);
        let (len, flag) = (text.len() as u16, u8::from(goes_on));
        match self {
            Maker::Honeywell => {
                [&[2, len as u8], &aim[..], &padded, &[rubbish, rubbish, flag | rubbish & 0xFE]].concat()
            }
            Maker::Newland => [&[2, len as u8][..], &padded, &[rubbish; 5], &[flag | rubbish & 0xFE]].concat(),
            Maker::Free => [&[9, flag << 3 | rubbish & 0xF7][..], &padded, &len.to_le_bytes(), aim].concat(),
        }
    }

    /// A scan cut at these lengths, then at the capacity.
    fn reports(self, aim: &[u8; 3], text: &[u8], cuts: &[usize], rubbish: u8) -> Vec<Vec<u8>> {
        let (mut reports, mut rest, mut cuts) = (Vec::new(), text, cuts.iter());
        loop {
            let cut = cuts.next().copied().unwrap_or(usize::MAX).min(self.capacity()).min(rest.len());
            let (piece, behind) = rest.split_at(cut);
            reports.push(self.report(aim, piece, !behind.is_empty(), rubbish));
            rest = behind;
            if rest.is_empty() {
                return reports;
            }
        }
    }

    fn frame(self, aim: &[u8; 3], text: &[u8]) -> Item {
        match self {
            Maker::Newland => Item::Frame(text.to_vec()),
            _ => Item::Frame([aim, text].concat()),
        }
    }
}

fn maker() -> impl Strategy<Value = Maker> {
    prop::sample::select(vec![Maker::Honeywell, Maker::Newland, Maker::Free])
}

fn aim() -> impl Strategy<Value = [u8; 3]> {
    prop::sample::select(vec![*b"]C1", *b"]E0", *b"]Q3", *b"]d2", *b"]zC"])
}

fn text() -> impl Strategy<Value = Vec<u8>> {
    prop::collection::vec(any::<u8>(), 1..700)
}

/// Nonsense of these lengths.
fn reports(len: Range<usize>) -> impl Strategy<Value = Vec<Vec<u8>>> {
    prop::collection::vec(prop::collection::vec(any::<u8>(), len), 0..20)
}

fn definitions() -> Vec<(String, Arc<Definition>)> {
    let library = Library::built_in().unwrap();
    let hid = library.iter().filter(|(name, _)| name.ends_with("/hid-pos"));
    hid.map(|(name, definition)| (name.clone(), definition.clone())).collect()
}

/// Every descriptor of the vectors.
fn descriptors() -> Vec<Vec<u8>> {
    let vectors = definitions().into_iter().flat_map(|(name, _)| read_vectors(&name).unwrap().vector);
    vectors.map(|vector| vector.descriptor.0).chain([FREE.to_vec()]).collect()
}

/// Items that look like those of a descriptor, so that nonsense comes further than its first byte.
fn items() -> impl Strategy<Value = Vec<u8>> {
    let heads = prop::sample::select(vec![
        0x05, 0x06, 0x07, 0x08, 0x09, 0x0A, 0x0B, 0x19, 0x29, 0x75, 0x85, 0x95, 0x96, 0x97, 0x81, 0x82, 0xA1, 0xA4,
        0xA9, 0xB4, 0xC0, 0xFE,
    ]);
    let values = prop::sample::select(vec![0, 1, 2, 3, 8, 0x12, 0x38, 0x3B, 0x8C, 0xFB, 0xFE, 0xFF]);
    let item = (heads, prop::array::uniform4(values)).prop_map(|(head, values): (u8, [u8; 4])| {
        let size = [0, 1, 2, 4][usize::from(head & 3)];
        [&[head], &values[..size]].concat()
    });
    prop::collection::vec(item, 0..120).prop_map(|items| items.concat())
}

/// What no descriptor may break: places within the report, and reports read without harm.
fn bear(descriptor: &[u8], reports: &[Vec<u8>]) {
    if let Ok(found) = parse(descriptor) {
        assert!(found.fields.len() <= descriptor.len() && found.bits.values().all(|bits| *bits <= REPORT_MAX * 8));
    }
    let layout = PosLayout::from_descriptor(descriptor);
    if let Err(error) = &layout {
        assert!(error.offset <= descriptor.len().min(DESCRIPTOR_MAX));
    }
    for layout in layout.into_iter().chain([PosLayout::honeywell(), PosLayout::newland()]) {
        let places = [layout.length, layout.characters].into_iter().chain(layout.continued);
        for place in places.chain(layout.aim.into_iter().flatten()) {
            assert!(place.bits > 0 && place.end() <= layout.report_len * 8, "{layout:?}");
        }
        let id = layout.report_id;
        let mut framer = HidPosFramer::new(layout);
        let mut items = Vec::new();
        for report in reports {
            framer.report(report, &mut items);
            let own: Vec<u8> = id.into_iter().chain(report.iter().copied()).collect();
            framer.report(&own, &mut items);
        }
        framer.pause(&mut items);
        assert!(!framer.is_pending());
        for item in items {
            if let Item::Frame(bytes) | Item::Broken(_, bytes) = item {
                assert!(bytes.len() <= FRAME_MAX + 3);
            }
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 300, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn any_text_in_any_layout_is_read(maker in maker(), scans in prop::collection::vec((aim(), text(), prop::collection::vec(0..301_usize, 0..6)), 1..4), rubbish in any::<u8>()) {
        let (mut framer, mut items) = (maker.framer(), Vec::new());
        for (aim, text, cuts) in &scans {
            for report in maker.reports(aim, text, cuts, rubbish) {
                framer.report(&report, &mut items);
            }
        }
        let wanted: Vec<Item> = scans.iter().map(|(aim, text, _)| maker.frame(aim, text)).collect();
        prop_assert_eq!(items, wanted);
        prop_assert!(!framer.is_pending());
    }

    #[test]
    fn two_scanners_do_not_disturb_each_other(makers in [maker(), maker()], scans in [(aim(), text()), (aim(), text())], order in prop::collection::vec(any::<bool>(), 40)) {
        let mut framers = makers.map(Maker::framer);
        let mut items = [Vec::new(), Vec::new()];
        let mut waiting = [0, 1].map(|side| makers[side].reports(&scans[side].0, &scans[side].1, &[], 0).into_iter());
        let each = order.iter().map(|first| usize::from(*first)).chain([0, 1].into_iter().cycle().take(60));
        for side in each {
            if let Some(report) = waiting[side].next() {
                framers[side].report(&report, &mut items[side]);
            }
        }
        for side in [0, 1] {
            prop_assert_eq!(&items[side], &[makers[side].frame(&scans[side].0, &scans[side].1)]);
        }
    }

    #[test]
    fn nonsense_breaks_nothing(descriptor in prop::collection::vec(any::<u8>(), 0..300), reports in reports(0..80)) {
        bear(&descriptor, &reports);
    }

    #[test]
    fn items_in_any_order_break_nothing(descriptor in items(), reports in reports(0..400)) {
        let scanner = [&[0x05, 0x8C, 0x09, 0x02, 0xA1, 0x01], &descriptor[..], &[0xC0]].concat();
        bear(&descriptor, &reports);
        bear(&scanner, &reports);
    }

    #[test]
    fn a_spoilt_descriptor_breaks_nothing(which in any::<Index>(), spoilt in prop::collection::vec((any::<Index>(), any::<u8>()), 1..6), len in any::<Index>(), reports in reports(60..70)) {
        let descriptors = descriptors();
        let mut descriptor = which.get(&descriptors).clone();
        for (at, byte) in spoilt {
            *at.get_mut(&mut descriptor) = byte;
        }
        bear(&descriptor, &reports);
        bear(&descriptor[..len.index(descriptor.len())], &reports);
    }

    #[test]
    fn after_any_noise_and_a_pause_a_code_is_read(maker in maker(), noise in reports(0..320), aim in aim(), text in text()) {
        let (mut framer, mut items) = (maker.framer(), Vec::new());
        for mut report in noise {
            if let Some(first) = report.first_mut().filter(|first| **first < 0xC0) {
                *first = maker.report(b"]C0", b"", false, 0)[0];
            }
            framer.report(&report, &mut items);
        }
        framer.pause(&mut items);
        items.clear();
        for report in maker.reports(&aim, &text, &[], 0) {
            framer.report(&report, &mut items);
        }
        prop_assert_eq!(items, [maker.frame(&aim, &text)]);
    }
}

#[test]
fn the_longest_descriptor_takes_no_time() {
    // two thousand usages for one field; then a thousand fields of one usage
    let scanner = [0x05, 0x8C, 0x09, 0x02, 0xA1, 0x01, 0x75, 8, 0x96, 0xD0, 0x07];
    let usages = [&scanner[..], &[0x09, 0xFB].repeat(1998), &[0x09, 0xFE, 0x81, 0x02, 0xC0]].concat();
    let fields = [&scanner[..], &[0x95, 1], &[0x09, 0xFE, 0x81, 0x02].repeat(1000), &[0xC0]].concat();
    assert_eq!(parse(&usages).unwrap().fields.len(), 1999);
    assert_eq!(parse(&fields).unwrap().fields.len(), 1000);
    let begun = std::time::Instant::now();
    for _ in 0..100 {
        bear(&usages, &[]);
        bear(&fields, &[]);
    }
    assert!(begun.elapsed() < Duration::from_secs(10), "{:?}", begun.elapsed());
}

#[test]
fn a_scanner_whose_descriptor_nobody_read_gives_no_frames() {
    for (name, definition) in definitions() {
        assert!(Framer::of_device(definition.clone(), None, &[]).is_err(), "{name}");
        let mut framer = Framer::new(definition);
        let items = framer.feed(&Maker::Newland.report(b"]C0", b"A1", false, 0));
        assert!(matches!(items.as_slice(), [Item::Broken(..)]), "{name}");
        assert!(!framer.is_pending() && framer.pause().is_empty());
    }
}

#[test]
fn feedback_fits_its_report() {
    let definitions = definitions();
    let of = |name: &str| definitions.iter().find(|(found, _)| found == name).unwrap().1.clone();
    let honeywell = of("honeywell/hid-pos");
    assert_eq!(honeywell.feedback_report(&honeywell.feedback.refuse.0), [0xFD, 3, 0x16, 0x07, 0x0D]);
    // starting a scan, as the FM30 takes it
    let start = [0x7E, 0x00, 0x08, 0x01, 0x00, 0x02, 0x01, 0x02, 0xDA];
    let report = of("newland/hid-pos").feedback_report(&start);
    assert_eq!((report.len(), &report[..2], &report[2..11]), (64, [4, 9].as_slice(), start.as_slice()));
    assert!(report[11..].iter().all(|byte| *byte == 0));
    assert!(of("generic/hid-pos").feedback_report(&start).is_empty());
    let line = Library::built_in().unwrap().get("honeywell/aim").unwrap().clone();
    assert_eq!(line.feedback_report(&line.feedback.accept.0), line.feedback.accept.0);
}
