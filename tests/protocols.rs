//! Every scanner definition against its vectors, and framing against any split of the stream and any noise.

#![allow(missing_docs, clippy::unwrap_used, reason = "a test")]

use std::sync::Arc;

use proptest::prelude::*;
use waybind::config::{Library, read_vectors};
use waybind::protocol::{Definition, FRAME_MAX, Framer, Framing, Item, Vector};

fn play(definition: &Arc<Definition>, bytes: &[u8], cut: impl Fn(usize) -> usize) -> Vec<Item> {
    let mut framer = Framer::new(definition.clone());
    let (mut items, mut at) = (Vec::new(), 0);
    while at < bytes.len() {
        let len = cut(at).clamp(1, bytes.len() - at);
        items.extend(framer.feed(&bytes[at..at + len]));
        at += len;
    }
    items
}

fn is_stream(definition: &Definition) -> bool {
    !matches!(definition.framing, Framing::HidPos(_))
}

/// A vector in several ways of cutting its bytes; reports are never cut.
fn played(definition: &Arc<Definition>, vector: &Vector) -> Vec<Vec<Item>> {
    if is_stream(definition) {
        assert!(!vector.bytes.0.is_empty() && vector.reports.is_empty(), "{}", vector.name);
        return [usize::MAX, 1, 3].map(|cut| play(definition, &vector.bytes.0, |_| cut)).into();
    }
    assert!(vector.bytes.0.is_empty() && !vector.reports.is_empty(), "{}", vector.name);
    let mut framer = Framer::with_descriptor(definition.clone(), &vector.descriptor.0).unwrap();
    vec![vector.reports.iter().flat_map(|report| framer.feed(&report.0)).collect()]
}

#[test]
fn every_definition_plays_its_vectors_whole_and_byte_by_byte() {
    let library = Library::built_in().unwrap();
    let mut seen = 0;
    for (name, definition) in library.iter() {
        for vector in read_vectors(name).unwrap().vector {
            let place = format!("{name}: {}", vector.name);
            for items in played(definition, &vector) {
                let frames: Vec<String> = items
                    .iter()
                    .filter_map(|item| match item {
                        Item::Frame(data) => Some(String::from_utf8_lossy(data).into_owned()),
                        _ => None,
                    })
                    .collect();
                assert_eq!(frames, vector.frames, "{place}");
                assert_eq!(
                    items.iter().filter(|item| matches!(item, Item::Broken(..))).count(),
                    vector.broken,
                    "{place}"
                );
                assert_eq!(items.iter().filter(|item| **item == Item::NoRead).count(), vector.no_reads, "{place}");
                let replies: Vec<u8> = items
                    .iter()
                    .filter_map(|item| match item {
                        Item::Reply(bytes) => Some(bytes.clone()),
                        _ => None,
                    })
                    .flatten()
                    .collect();
                assert_eq!(replies, vector.replies.0, "{place}");
                seen += 1;
            }
        }
    }
    assert!(seen > 75, "{seen}");
}

/// Those whose devices send a stream of bytes; `hid_pos.rs` has the others.
fn definitions() -> Vec<(String, Arc<Definition>)> {
    let library = Library::built_in().unwrap();
    let streams = library.iter().filter(|(_, definition)| is_stream(definition));
    streams.map(|(name, definition)| (name.clone(), definition.clone())).collect()
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 300, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn any_split_into_reads_gives_the_same(pieces in prop::collection::vec((0..9_usize, prop::collection::vec(any::<u8>(), 0..40)), 1..20), cuts in prop::collection::vec(1..50_usize, 1..20)) {
        for (name, definition) in definitions() {
            let vectors = read_vectors(&name).unwrap().vector;
            let mut stream = Vec::new();
            for (kind, noise) in &pieces {
                match vectors.get(*kind) {
                    Some(vector) => stream.extend(&vector.bytes.0),
                    None => stream.extend(noise),
                }
            }
            let whole = play(&definition, &stream, |_| usize::MAX);
            let split = play(&definition, &stream, |at| cuts[at % cuts.len()]);
            // what noise is called may depend on where a read ends; what was scanned may not
            let frames = |items: &[Item]| items.iter().filter(|item| matches!(item, Item::Frame(_))).cloned().collect::<Vec<_>>();
            prop_assert_eq!(frames(&whole), frames(&split), "{}", name);
        }
    }

    #[test]
    fn after_any_noise_and_a_pause_a_code_is_read(noise in prop::collection::vec(any::<u8>(), 0..600)) {
        for (name, definition) in definitions() {
            let vector = read_vectors(&name).unwrap().vector.into_iter().next().unwrap();
            let mut framer = Framer::new(definition);
            framer.feed(&noise);
            framer.pause();
            // a line has no end but its terminator: what came before belongs to the line
            framer.feed(b"\r\n\r\n");
            framer.pause();
            let frames: Vec<String> = framer.feed(&vector.bytes.0).into_iter().filter_map(|item| match item { Item::Frame(data) => Some(String::from_utf8_lossy(&data).into_owned()), _ => None }).collect();
            prop_assert_eq!(frames, vector.frames, "{}", name);
        }
    }

    #[test]
    fn frames_are_bounded(noise in prop::collection::vec(any::<u8>(), 0..30_000)) {
        for (_, definition) in definitions() {
            for item in play(&definition, &noise, |_| 4096) {
                if let Item::Frame(data) | Item::Broken(_, data) = item {
                    prop_assert!(data.len() <= FRAME_MAX + 8);
                }
            }
        }
    }
}
