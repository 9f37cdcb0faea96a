//! Packets that say their own length: Honeywell's with the data header, KOAMTAC's.
//!
//! A packet is believed when everything that it says of itself agrees. What only looks like the start of one costs one
//! byte, and the search goes on behind it.

use super::FRAME_MAX;
use super::framer::Item;

/// Bytes that are looked at between two searches, so that the buffer stays near the longest packet.
const PIECE: usize = 256;

/// How packets are laid out.
#[derive(Clone, Copy)]
pub(super) enum Layout {
    /// `16 FE`, the length of the rest after the CR in four bytes low first, CR, `MSGGET`, the length of the data in
    /// four digits with its CR, Honeywell's letter, AIM's letter and modifier, GS, data, CR.
    Honeywell,
    /// `03`, the length of all behind it in three bytes high first, a count of one or two bytes, the type, data, four
    /// bytes of time, a byte that makes the sum of all behind the start zero.
    Koamtac {
        /// How many bytes the count has.
        count: usize,
    },
}

const HONEYWELL_START: &[u8] = &[0x16, 0xFE];
const HONEYWELL_TYPE: &[u8] = b"\rMSGGET";
/// From the start to the data.
const HONEYWELL_HEADER: usize = 21;
/// From the CR that ends the header to the data.
const HONEYWELL_PAYLOAD_HEADER: usize = 14;

const KOAMTAC_START: u8 = 0x03;
/// Start and total.
const KOAMTAC_HEADER: usize = 4;
/// Time and sum.
const KOAMTAC_TRAILER: usize = 5;

enum Candidate {
    No,
    Partial,
    /// A packet of this many bytes, and what was scanned.
    Whole(usize, Vec<u8>),
    /// Nothing but a packet begins so, yet something in it does not agree.
    Spoilt(&'static str),
}

pub(super) struct PacketFramer {
    layout: Layout,
    buffer: Vec<u8>,
}

impl PacketFramer {
    pub(super) fn new(layout: Layout) -> Self {
        PacketFramer { layout, buffer: Vec::new() }
    }

    pub(super) fn feed(&mut self, bytes: &[u8], items: &mut Vec<Item>) {
        for piece in bytes.chunks(PIECE) {
            self.buffer.extend(piece);
            self.search(items);
        }
    }

    fn search(&mut self, items: &mut Vec<Item>) {
        while !self.buffer.is_empty() {
            match self.layout.candidate(&self.buffer) {
                Candidate::Partial => return,
                Candidate::Whole(len, data) => {
                    self.buffer.drain(..len);
                    items.push(Item::Frame(data));
                }
                Candidate::Spoilt(why) => {
                    let end = self.buffer.len().min(PIECE);
                    items.push(Item::Broken(why, self.buffer[..end].to_vec()));
                    self.skip();
                }
                Candidate::No => self.skip(),
            }
        }
    }

    /// On to the next byte with which a packet may start.
    fn skip(&mut self) {
        let start = self.layout.start();
        let next = self.buffer.iter().skip(1).position(|byte| *byte == start).map_or(self.buffer.len(), |at| at + 1);
        self.buffer.drain(..next);
    }

    /// Half a packet is given up; a whole one may stand in what only looked like a longer one.
    pub(super) fn pause(&mut self, items: &mut Vec<Item>) {
        let seen = items.len();
        let half = self.buffer.clone();
        while !self.buffer.is_empty() {
            self.skip();
            self.search(items);
        }
        if !half.is_empty() && items.len() == seen {
            items.push(Item::Broken("half a packet", half[..half.len().min(PIECE)].to_vec()));
        }
    }

    pub(super) fn is_pending(&self) -> bool {
        !self.buffer.is_empty()
    }
}

impl Layout {
    fn start(self) -> u8 {
        match self {
            Layout::Honeywell => HONEYWELL_START[0],
            Layout::Koamtac { .. } => KOAMTAC_START,
        }
    }

    /// What the start of some bytes is.
    fn candidate(self, bytes: &[u8]) -> Candidate {
        match self {
            Layout::Honeywell => honeywell(bytes),
            Layout::Koamtac { count } => koamtac(bytes, count),
        }
    }
}

/// Whether bytes begin with a text, as far as they go.
fn begins(bytes: &[u8], text: &[u8]) -> bool {
    bytes.iter().zip(text).all(|(one, other)| one == other)
}

fn honeywell(bytes: &[u8]) -> Candidate {
    let typed = bytes.get(6..).is_none_or(|rest| begins(rest, HONEYWELL_TYPE));
    if !begins(bytes, HONEYWELL_START) || !typed {
        return Candidate::No;
    }
    let Some(header) = bytes.get(..HONEYWELL_HEADER) else { return Candidate::Partial };
    let payload = u32::from_le_bytes([header[2], header[3], header[4], header[5]]) as usize;
    let digits =
        std::str::from_utf8(&header[13..17]).ok().filter(|digits| digits.bytes().all(|byte| byte.is_ascii_digit()));
    let length = digits.and_then(|digits| digits.parse::<usize>().ok()).unwrap_or(0);
    // a length counts the CR, so that 1 is an empty code
    if !(2..=FRAME_MAX).contains(&length) || payload != HONEYWELL_PAYLOAD_HEADER + length || header[20] != 0x1D {
        return Candidate::Spoilt("the header does not agree with itself");
    }
    let Some(data) = bytes.get(HONEYWELL_HEADER..HONEYWELL_HEADER + length) else { return Candidate::Partial };
    match data.split_last() {
        Some((0x0D, data)) => {
            let frame = [b"]", &header[18..20], data].concat();
            Candidate::Whole(HONEYWELL_HEADER + length, frame)
        }
        _ => Candidate::Spoilt("the packet does not end where it says"),
    }
}

fn koamtac(bytes: &[u8], count: usize) -> Candidate {
    if bytes.first() != Some(&KOAMTAC_START) {
        return Candidate::No;
    }
    let Some([_, high, middle, low]) = bytes.first_chunk() else {
        let plausible = bytes.get(1).is_none_or(|high| *high == 0);
        return if plausible { Candidate::Partial } else { Candidate::No };
    };
    let total = u32::from_be_bytes([0, *high, *middle, *low]) as usize;
    let overhead = KOAMTAC_HEADER + count + 1 + KOAMTAC_TRAILER;
    let len = 1 + total;
    if len <= overhead || len > overhead + FRAME_MAX - 3 {
        return Candidate::No;
    }
    let Some(packet) = bytes.get(..len) else { return Candidate::Partial };
    let sum = packet[1..].iter().fold(0_u8, |sum, byte| sum.wrapping_add(*byte));
    match sum {
        0 => Candidate::Whole(len, packet[KOAMTAC_HEADER + count + 1..len - KOAMTAC_TRAILER].to_vec()),
        _ => Candidate::Spoilt("the sum does not match"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn honeywell_packet(data: &[u8]) -> Vec<u8> {
        let length = data.len() + 1;
        let mut packet = vec![0x16, 0xFE];
        packet.extend(((length + 14) as u32).to_le_bytes());
        packet.extend(format!("\rMSGGET{length:04}dE0\u{1d}").bytes());
        packet.extend(data);
        packet.push(0x0D);
        packet
    }

    fn koamtac_packet(data: &[u8]) -> Vec<u8> {
        let mut packet = vec![0, 0, (data.len() + 10) as u8, (data.len() + 5) as u8, 0x02];
        packet.extend(data);
        packet.extend([1, 2, 3, 4]);
        packet.push(packet.iter().fold(0_u8, |sum, byte| sum.wrapping_sub(*byte)));
        packet.insert(0, 0x03);
        packet
    }

    fn frames(layout: Layout, reads: &[&[u8]]) -> (Vec<Vec<u8>>, usize) {
        let mut framer = PacketFramer::new(layout);
        let mut items = Vec::new();
        for read in reads {
            framer.feed(read, &mut items);
        }
        framer.pause(&mut items);
        assert!(!framer.is_pending());
        let broken = items.iter().filter(|item| matches!(item, Item::Broken(..))).count();
        let frames = items.into_iter().filter_map(|item| match item {
            Item::Frame(data) => Some(data),
            _ => None,
        });
        (frames.collect(), broken)
    }

    #[test]
    fn packets_are_found_in_noise_and_in_pieces() {
        let packet = honeywell_packet(b"6901234567892");
        let stream = [b"xx\x16".as_slice(), &packet, b"\x16\x06.", &packet].concat();
        let expected = (vec![b"]E06901234567892".to_vec(); 2], 0);
        assert_eq!(frames(Layout::Honeywell, &[&stream]), expected);
        let pieces: Vec<&[u8]> = stream.chunks(1).collect();
        assert_eq!(frames(Layout::Honeywell, &pieces), expected);
        let packet = koamtac_packet(b"6901234567892");
        let stream = [b"\x03xx".as_slice(), &packet, b"@", &packet].concat();
        let (found, _) = frames(Layout::Koamtac { count: 1 }, &[&stream]);
        assert_eq!(found, vec![b"6901234567892".to_vec(); 2]);
    }

    #[test]
    fn a_carriage_return_in_the_code_is_counted() {
        let packet = honeywell_packet(b"AB\rCD");
        assert_eq!(frames(Layout::Honeywell, &[&packet]).0, [b"]E0AB\rCD".to_vec()]);
    }

    #[test]
    fn what_does_not_agree_is_broken_and_hides_nothing() {
        let mut spoilt = honeywell_packet(b"6901");
        spoilt[2] += 1;
        let stream = [spoilt, honeywell_packet(b"6902")].concat();
        assert_eq!(frames(Layout::Honeywell, &[&stream]), (vec![b"]E06902".to_vec()], 1));
        let mut spoilt = koamtac_packet(b"6901");
        spoilt[7] ^= 1;
        let stream = [spoilt, koamtac_packet(b"6902")].concat();
        let (found, broken) = frames(Layout::Koamtac { count: 1 }, &[&stream]);
        assert_eq!((found, broken > 0), (vec![b"6902".to_vec()], true));
        // a start that promises more than comes
        let stream = [&[0x03, 0x00, 0x10, 0x00][..], &koamtac_packet(b"6903")].concat();
        assert_eq!(frames(Layout::Koamtac { count: 1 }, &[&stream]).0, [b"6903".to_vec()]);
    }

    #[test]
    fn the_buffer_stays_near_the_longest_packet() {
        let starts = [0x03, 0x00, 0x21, 0x00].repeat(FRAME_MAX);
        for layout in [Layout::Honeywell, Layout::Koamtac { count: 2 }] {
            let mut framer = PacketFramer::new(layout);
            let mut items = Vec::new();
            for piece in starts.chunks(1000).take(12) {
                framer.feed(piece, &mut items);
                assert!(framer.buffer.len() <= FRAME_MAX + HONEYWELL_HEADER + PIECE);
            }
        }
    }
}
