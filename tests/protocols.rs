//! Every scanner definition against its vectors, and framing against any split of the stream and any noise.

#![allow(missing_docs, clippy::unwrap_used, reason = "a test")]

use std::sync::{Arc, OnceLock};
use std::time::Duration;

use proptest::prelude::*;
use waybind::config::{Library, read_vectors};
use waybind::protocol::{
    Ambiguous, Definition, FRAME_MAX, Framer, Framing, Identity, Input, Item, KeyboardFramer, SetupSymbology,
    Symbology, Vector, choose, collisions,
};

/// What becomes of bytes that come in these pieces, with a pause behind them.
fn play(definition: &Arc<Definition>, bytes: &[u8], cut: impl Fn(usize) -> usize) -> Vec<Item> {
    let mut framer = Framer::new(definition.clone());
    let (mut items, mut at) = (Vec::new(), 0);
    while at < bytes.len() {
        let len = cut(at).clamp(1, bytes.len() - at);
        items.extend(framer.feed(&bytes[at..at + len]));
        at += len;
    }
    items.extend(framer.silence(u64::MAX));
    assert!(!framer.is_pending());
    items
}

/// A vector in several ways of cutting its bytes; keys and reports are never cut.
fn played(definition: &Arc<Definition>, vector: &Vector) -> Vec<Vec<Item>> {
    let given = [vector.bytes.0.is_empty(), vector.keys.0.is_empty(), vector.reports.is_empty()];
    let expected = match definition.input() {
        Input::Serial => [false, true, true],
        Input::Keyboard => [true, false, true],
        Input::HidPos => [true, true, false],
    };
    assert_eq!(given, expected, "{}: bytes, keys or reports", vector.name);
    match &definition.framing {
        Framing::Keyboard(settings) => {
            let layout = Library::built_in().unwrap().layout(&settings.layout).unwrap().clone();
            let mut framer = KeyboardFramer::of(definition, layout).unwrap();
            vec![definition.finish(vector.keys.play(&mut framer, Duration::ZERO).0)]
        }
        Framing::HidPos(_) => {
            let mut framer = Framer::of_device(definition.clone(), None, &vector.descriptor.0).unwrap();
            vec![vector.reports.iter().flat_map(|report| framer.feed(&report.0)).collect()]
        }
        _ => [usize::MAX, 1, 3].map(|cut| play(definition, &vector.bytes.0, |_| cut)).into(),
    }
}

fn frames(items: &[Item]) -> Vec<String> {
    let text = |item: &Item| match item {
        Item::Frame(data) => Some(String::from_utf8_lossy(data).into_owned()),
        _ => None,
    };
    items.iter().filter_map(text).collect()
}

#[test]
fn every_definition_plays_its_vectors_whole_and_byte_by_byte() {
    let mut seen = 0;
    for (name, definition, vectors) in definitions() {
        for vector in vectors {
            let place = format!("{name}: {}", vector.name);
            for items in played(definition, vector) {
                assert_eq!(frames(&items), vector.frames, "{place}");
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
    assert!(seen > 150, "{seen}");
}

/// Half a frame stands before no other: it lapses with its definition's pause, not earlier, and is told.
#[test]
fn half_a_frame_lapses_with_the_pause_of_its_definition() {
    let mut seen = 0;
    let is_lines = |framing: &Framing| {
        matches!(
            framing,
            Framing::Line { .. }
                | Framing::LineBcc { .. }
                | Framing::StxEtx { .. }
                | Framing::Dmcc {}
                | Framing::Fixed { .. }
        )
    };
    for (name, definition, vectors) in streams().filter(|(_, definition, _)| is_lines(&definition.framing)) {
        let (vector, mut framer) = (&vectors[0], Framer::new(definition.clone()));
        // up to the first byte that a frame begins with
        let begun = vector.bytes.0.iter().position(|byte| {
            framer.feed(&[*byte]);
            framer.is_pending()
        });
        assert!(begun.is_some(), "{name}");
        assert_eq!(framer.gap_ms(), definition.gap_ms.unwrap_or(300), "{name}");
        assert!(framer.silence(framer.gap_ms() - 1).is_empty(), "{name}");
        let given_up = framer.silence(framer.gap_ms());
        assert!(
            matches!(given_up[..], [Item::Broken(..)] | [Item::Broken(..), Item::Reply(_)]),
            "{name}: {given_up:?}"
        );
        assert_eq!(frames(&framer.feed(&vector.bytes.0)), vector.frames, "{name}");
        seen += 1;
    }
    assert!(seen > 25, "{seen}");
}

/// A definition's name, itself and its vectors.
type Known = (String, Arc<Definition>, Vec<Vector>);

/// Every definition, read once.
fn definitions() -> &'static [Known] {
    static ALL: OnceLock<Vec<Known>> = OnceLock::new();
    ALL.get_or_init(|| {
        let library = Library::built_in().unwrap();
        let vectors = |name: &str| read_vectors(name).unwrap().vector;
        library.iter().map(|(name, definition)| (name.clone(), definition.clone(), vectors(name))).collect()
    })
}

/// Those whose devices send a stream of bytes; `keyboard.rs` and `hid_pos.rs` have the others.
fn streams() -> impl Iterator<Item = &'static Known> {
    definitions().iter().filter(|(_, definition, _)| definition.input() == Input::Serial)
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 300, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn any_split_into_reads_gives_the_same(pieces in prop::collection::vec((0..9_usize, prop::collection::vec(any::<u8>(), 0..40)), 1..20), cuts in prop::collection::vec(1..50_usize, 1..20)) {
        for (name, definition, vectors) in streams() {
            let mut stream = Vec::new();
            for (kind, noise) in &pieces {
                match vectors.get(*kind) {
                    Some(vector) => stream.extend(&vector.bytes.0),
                    None => stream.extend(noise),
                }
            }
            let whole = play(definition, &stream, |_| usize::MAX);
            let split = play(definition, &stream, |at| cuts[at % cuts.len()]);
            // what noise is called may depend on where a read ends; what was scanned may not
            prop_assert_eq!(frames(&whole), frames(&split), "{}", name);
        }
    }

    #[test]
    fn after_any_noise_and_a_pause_a_code_is_read(noise in prop::collection::vec(any::<u8>(), 0..600)) {
        for (name, definition, vectors) in streams() {
            let (vector, mut framer) = (&vectors[0], Framer::new(definition.clone()));
            framer.feed(&noise);
            framer.silence(u64::MAX);
            let mut items = framer.feed(&vector.bytes.0);
            items.extend(framer.silence(u64::MAX));
            prop_assert_eq!(frames(&items), vector.frames.clone(), "{}", name);
        }
    }

    #[test]
    fn no_frame_is_accepted_unless_its_check_holds(
        pieces in prop::collection::vec((0..9_usize, prop::collection::vec(any::<u8>(), 0..40)), 1..12),
        flips in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 0..6),
    ) {
        for (name, definition, vectors) in streams().filter(|(_, definition, _)| is_checked(&definition.framing)) {
            // the frame as it stood in the stream
            let mut definition = definition.clone();
            Arc::make_mut(&mut definition).symbology = Symbology::Aim;
            let bytes = |(kind, noise): &(usize, Vec<u8>)| vectors.get(*kind).map_or(noise.clone(), |vector| vector.bytes.0.clone());
            let mut stream: Vec<u8> = pieces.iter().flat_map(bytes).collect();
            for (at, byte) in flips.iter().filter(|_| !stream.is_empty()).collect::<Vec<_>>() {
                let at = at.index(stream.len());
                stream[at] = *byte;
            }
            for item in play(&definition, &stream, |_| usize::MAX) {
                if let Item::Frame(data) = item {
                    prop_assert!(holds(&definition.framing, &stream, &data), "{}: {:02X?} in {:02X?}", name, data, stream);
                }
            }
        }
    }
}

proptest! {
    // every byte of every definition is framed: few cases are many bytes
    #![proptest_config(ProptestConfig { cases: 30, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn frames_are_bounded(noise in prop::collection::vec(any::<u8>(), 0..30_000)) {
        for (_, definition, _) in streams() {
            for item in play(definition, &noise, |_| 4096) {
                if let Item::Frame(data) | Item::Broken(_, data) = item {
                    prop_assert!(data.len() <= FRAME_MAX + 8);
                }
            }
        }
    }
}

fn is_checked(framing: &Framing) -> bool {
    match framing {
        Framing::StxEtx { lrc, .. } => lrc.is_some(),
        Framing::LineBcc { .. } | Framing::Ssi { .. } | Framing::HoneywellPacket {} | Framing::Koamtac { .. } => true,
        _ => false,
    }
}

fn exclusive_or(bytes: &[u8]) -> u8 {
    bytes.iter().fold(0, |sum, byte| sum ^ byte)
}

fn sum(bytes: &[u8]) -> u16 {
    bytes.iter().fold(0, |sum: u16, byte| sum.wrapping_add(u16::from(*byte)))
}

/// Whether a frame stands in the stream with a check that holds: the other way round than the framers go.
fn holds(framing: &Framing, stream: &[u8], frame: &[u8]) -> bool {
    let has = |bytes: Vec<u8>| stream.windows(bytes.len()).any(|window| window == bytes);
    match framing {
        Framing::LineBcc { terminator, .. } => {
            let mut line = [frame, &terminator.0].concat();
            line.push(exclusive_or(&line));
            has(line)
        }
        Framing::StxEtx { start, end, lrc, .. } => {
            let lrc = lrc.unwrap_or_default();
            let ends = if lrc.over_start { exclusive_or(&start.0) } else { 0 }
                ^ if lrc.over_end { exclusive_or(&end.0) } else { 0 };
            has([&start.0, frame, &end.0, &[exclusive_or(frame) ^ ends]].concat())
        }
        Framing::HoneywellPacket {} => {
            let data = &frame[3..];
            let (payload, digits) = ((data.len() + 15) as u32, format!("{:04}", data.len() + 1));
            let tail = [&frame[1..3], &[0x1D], data, &[0x0D]].concat();
            (0..=255).any(|own| {
                let head = [&[0x16, 0xFE], &payload.to_le_bytes()[..], b"\rMSGGET", digits.as_bytes(), &[own]].concat();
                has([head, tail.clone()].concat())
            })
        }
        Framing::Koamtac { count_bytes } => {
            let overhead = usize::from(*count_bytes) + 1;
            let total = 3 + overhead + frame.len() + 5;
            stream.windows(1 + total).any(|packet| {
                packet[0] == 3
                    && packet[1..4] == (total as u32).to_be_bytes()[1..]
                    && &packet[4 + overhead..packet.len() - 5] == frame
                    && sum(&packet[1..]) & 0xFF == 0
            })
        }
        // a message may be gathered from several packets: the last of them holds, and ends as the frame does
        Framing::Ssi { .. } => (6..=257).any(|len| {
            stream.windows(len).any(|packet| {
                let (packet, check) = packet.split_at(len - 2);
                // behind the code type, a segment's number, or the length that cordless packets and first segments have
                let ends = [5, 8, 14].map(|at| packet.get(at..).unwrap_or_default());
                usize::from(packet[0]) == packet.len()
                    && sum(packet).wrapping_add(u16::from_be_bytes([check[0], check[1]])) == 0
                    && ends.iter().any(|end| !end.is_empty() && frame.ends_with(end))
            })
        }),
        _ => true,
    }
}

#[test]
fn no_two_definitions_ask_for_the_same_device() {
    let definitions = definitions();
    let by_name = || definitions.iter().map(|(name, definition, _)| (name.as_str(), definition.as_ref()));
    assert!(by_name().map(|(_, definition)| definition.matches.len()).sum::<usize>() > 5);
    let found: Vec<String> = collisions(by_name()).iter().map(ToString::to_string).collect();
    assert!(found.is_empty(), "{}", found.join("\n"));
    let plugged = |vendor, product| Identity {
        input: Input::Serial,
        vendor: Some(vendor),
        product: Some(product),
        name: String::new(),
        serial: String::new(),
        interface: None,
        by_id: String::new(),
    };
    for (vendor, product, name) in
        [(0x05E0, 0x1701, "zebra/plain"), (0x0C2E, 0x0B6A, "honeywell/aim"), (0x1EAB, 0x1D06, "newland/serial")]
    {
        assert_eq!(choose(by_name(), &plugged(vendor, product)), Ok(Some(name)));
    }
    assert_eq!(choose(by_name(), &plugged(0x05E0, 0x1200)), Ok(None));
    let twice = by_name().chain(by_name().map(|(_, definition)| ("own/copy", definition)));
    let names = vec!["zebra/plain".to_owned(), "own/copy".to_owned()];
    assert_eq!(choose(twice, &plugged(0x05E0, 0x1701)), Err(Ambiguous { names }));
}

#[test]
fn set_up_codes_can_be_printed_and_are_named_in_both_languages() {
    let all: Vec<_> = definitions().iter().flat_map(|(_, definition, _)| &definition.setup).collect();
    assert!(!all.is_empty());
    for setup in all {
        assert!(!setup.name.en.is_empty() && !setup.name.zh.is_ascii() && !setup.source.is_empty(), "{setup:?}");
        let fits = match setup.symbology {
            SetupSymbology::Code39 => setup
                .text
                .bytes()
                .all(|byte| byte.is_ascii_uppercase() || byte.is_ascii_digit() || b"-. $/+%".contains(&byte)),
            SetupSymbology::Code128 => setup.text.is_ascii(),
            SetupSymbology::Qr => true,
        };
        assert!(fits && !setup.text.is_empty(), "{setup:?}");
    }
}
