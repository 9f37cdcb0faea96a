//! What SSI packets say together: a code in one packet or in several.
//!
//! A code that does not fit one DECODE_DATA packet goes on in the next; nothing in a packet tells whether it begins a
//! message. So once a message was given up, all is its rest until a packet that ends one, or until a silence: that may
//! cost a second pull of the trigger, and never makes the rest a code. Segments are numbered, and the first is marked.

use super::super::FRAME_MAX;
use super::super::definition::SsiLayout;
use super::super::framer::{Item, excerpt};

/// A whole packet, its checksum proved.
pub(super) struct Packet<'a> {
    pub source: u8,
    /// Whether it is sent again.
    pub is_again: bool,
    /// Whether its message goes on in the next, by its status.
    pub goes_on: bool,
    /// Whether it is as long as a packet can be.
    pub is_full: bool,
    pub data: &'a [u8],
}

/// The source of a segment that begins a message.
const FIRST_SEGMENT: u8 = 0x02;
/// The opcode of what is sent in segments, a source, a status. What the two bytes of a total behind it count was not
/// found; the length of the characters, which stands behind these, says enough.
const INNER: &[u8] = &[super::DECODE_DATA, 0x00, 0x00];
const TOTAL: usize = 2;
/// Code type, 01, and a length of two bytes stand before the characters.
const CHARACTERS_AT: usize = 4;

/// A message as far as it came.
#[derive(Default)]
pub(super) enum Message {
    #[default]
    None,
    /// Data of packets that go on in the next.
    Packets(Vec<u8>),
    /// Data of segments, and the number of the next.
    Segments(Vec<u8>, u8),
    /// It was given up, and what may be its rest.
    GivenUp { in_segments: bool, rest: Vec<u8> },
}

impl Message {
    pub(super) fn is_begun(&self) -> bool {
        matches!(self, Message::Packets(_) | Message::Segments(..))
    }

    pub(super) fn is_pending(&self) -> bool {
        !matches!(self, Message::None)
    }

    /// Adds a DECODE_DATA packet; the last one makes a frame. `is_certain`: nothing that was not understood came since
    /// the packet before, so that this one is the next.
    pub(super) fn packet(&mut self, packet: &Packet, is_certain: bool, layout: SsiLayout, items: &mut Vec<Item>) {
        if matches!(self, Message::Segments(..) | Message::GivenUp { in_segments: true, .. }) {
            self.break_off("half a message", items);
        }
        let gathered = match std::mem::take(self) {
            Message::GivenUp { rest, .. } => {
                return self.passed_over(rest, packet.data, false, packet.goes_on, items);
            }
            Message::Packets(before) => match continued(&before, packet.data, layout) {
                Some(rest) if is_certain || packet.is_again => [&before, rest].concat(),
                _ => {
                    items.push(Item::Broken("a packet that does not continue its message", excerpt(&before)));
                    return self.give_up(false, packet.goes_on);
                }
            },
            Message::None | Message::Segments(..) => packet.data.to_vec(),
        };
        if gathered.len() > FRAME_MAX {
            items.push(Item::Broken("a message beyond the longest frame", excerpt(&gathered)));
            self.give_up(false, packet.goes_on);
        } else if packet.goes_on {
            *self = Message::Packets(gathered);
        } else {
            items.push(frame(&gathered, layout));
        }
    }

    /// Adds a segment; answers whether it was the last of its message. A shorter one than full is, and the one with which
    /// all characters are there.
    pub(super) fn segment(&mut self, packet: &Packet, items: &mut Vec<Item>) -> bool {
        let Some((number, data)) = packet.data.split_first() else {
            items.push(Item::Broken("a packet without data", Vec::new()));
            return !packet.is_full;
        };
        let is_first = packet.source == FIRST_SEGMENT;
        let gathered = match std::mem::take(self) {
            Message::Segments(before, next) if !is_first && next == *number => Some([&before, data].concat()),
            Message::GivenUp { in_segments: true, rest } if !is_first => {
                self.passed_over(rest, data, true, packet.is_full, items);
                return !packet.is_full;
            }
            mut other => {
                other.break_off("half a message", items);
                let begun = data.strip_prefix(INNER).and_then(|inner| inner.get(TOTAL..));
                begun.filter(|_| is_first && *number == 0).map(<[u8]>::to_vec)
            }
        };
        if let Some(gathered) = gathered {
            return self.gathered(gathered, *number, packet, items);
        }
        self.passed_over(Vec::new(), data, true, packet.is_full, items);
        !packet.is_full
    }

    fn gathered(&mut self, gathered: Vec<u8>, number: u8, packet: &Packet, items: &mut Vec<Item>) -> bool {
        let missing = match gathered.first_chunk() {
            Some([_, 0x01, high, low]) => {
                let promised = usize::from(u16::from_be_bytes([*high, *low]));
                (CHARACTERS_AT + promised).checked_sub(gathered.len()).filter(|_| promised <= FRAME_MAX)
            }
            _ => None,
        };
        match missing {
            Some(0) => {
                items.push(frame(&gathered, SsiLayout::Cordless));
                true
            }
            Some(_) if packet.is_full => {
                *self = Message::Segments(gathered, number.wrapping_add(1));
                false
            }
            _ => {
                items.push(Item::Broken("the length within the segments does not match", excerpt(&gathered)));
                self.give_up(true, packet.is_full);
                !packet.is_full
            }
        }
    }

    /// Adds to the rest of what was given up; its end is told once.
    fn passed_over(&mut self, rest: Vec<u8>, data: &[u8], in_segments: bool, goes_on: bool, items: &mut Vec<Item>) {
        let rest = excerpt(&[&rest, data].concat());
        *self = Message::GivenUp { in_segments, rest };
        if !goes_on {
            self.break_off("half a message", items);
        }
    }

    fn give_up(&mut self, in_segments: bool, goes_on: bool) {
        *self = if goes_on { Message::GivenUp { in_segments, rest: Vec::new() } } else { Message::None };
    }

    /// Ends it, whatever it is; what came of it is told.
    fn break_off(&mut self, why: &'static str, items: &mut Vec<Item>) {
        match std::mem::take(self) {
            Message::None => {}
            Message::Packets(data) | Message::Segments(data, _) => items.push(Item::Broken(why, excerpt(&data))),
            Message::GivenUp { rest, .. } if rest.is_empty() => {}
            Message::GivenUp { rest, .. } => {
                items.push(Item::Broken("the rest of a message that was given up", rest));
            }
        }
    }

    /// A silence: what was begun is given up, and after another one what comes is its rest no longer.
    pub(super) fn pause(&mut self, items: &mut Vec<Item>) {
        let given_up = match self {
            Message::Packets(_) => Some(false),
            Message::Segments(..) => Some(true),
            Message::None | Message::GivenUp { .. } => None,
        };
        self.break_off("half a message", items);
        if let Some(in_segments) = given_up {
            self.give_up(in_segments, true);
        }
    }
}

/// What a packet adds to those before it. The code type stands in every packet of a classic message, and counts once;
/// where it differs, this is another message, or the scanner does not repeat it.
fn continued<'a>(before: &[u8], data: &'a [u8], layout: SsiLayout) -> Option<&'a [u8]> {
    match layout {
        SsiLayout::Classic => data.strip_prefix(before.get(..1)?),
        SsiLayout::Cordless => Some(data),
    }
}

/// Code type as two hexadecimal digits, then the characters.
fn frame(message: &[u8], layout: SsiLayout) -> Item {
    let broken = |why| Item::Broken(why, message.to_vec());
    let Some((code_type, rest)) = message.split_first() else { return broken("a packet without data") };
    let characters = match layout {
        SsiLayout::Classic => rest,
        SsiLayout::Cordless => match rest {
            [0x01, high, low, characters @ ..] if characters.len() == usize::from(*high) * 256 + usize::from(*low) => {
                characters
            }
            _ => return broken("the length within the packet does not match"),
        },
    };
    if characters.is_empty() {
        return broken("a packet without characters");
    }
    let mut frame = format!("{code_type:02X}").into_bytes();
    frame.extend(characters);
    Item::Frame(frame)
}
