//! Zebra's and Symbol's Simple Serial Interface: packets with length, opcode, source, status and a 16-bit checksum.
//!
//! There is no start byte, so the stream is found again by its checksums.

mod message;

use self::message::{Message, Packet};
use super::definition::SsiLayout;
use super::framer::Item;

/// Length, opcode, source, status.
const HEADER: usize = 4;
/// The checksum stands behind what the length counts.
const SUM: usize = 2;
/// The longest packet.
const PACKET_MAX: usize = 255 + SUM;

const DECODE_DATA: u8 = 0xF3;
const SEGMENT: u8 = 0x73;
const SEGMENT_ACK: u8 = 0x74;
const CMD_ACK: u8 = 0xD0;
const CMD_NAK: u8 = 0xD1;
const HOST: u8 = 0x04;
const NAK_RESEND: u8 = 0x01;

const STATUS_RETRANSMIT: u8 = 0x01;
const STATUS_CONTINUED: u8 = 0x02;

/// What scanners send; anything else is noise that happens to look like a packet.
const FROM_SCANNER: &[u8] =
    &[SEGMENT, 0x80, 0x91, 0xA4, 0xB1, 0xB4, 0xC6, CMD_ACK, CMD_NAK, 0xD4, 0xD6, DECODE_DATA, 0xF6];
/// What a host must acknowledge.
const WANTS_ACK: &[u8] = &[0x80, 0xB1, 0xB4, 0xC6, 0xD6, DECODE_DATA, 0xF6];

/// The shortest packet with a code: code type and one character.
const DECODE_DATA_MIN: usize = HEADER + 2 + SUM;

pub(super) struct SsiFramer {
    layout: SsiLayout,
    /// A pause after which a message is given up that does not go on, in milliseconds.
    message_gap_ms: u64,
    buffer: Vec<u8>,
    message: Message,
    /// The packet that was acknowledged last, and with what; empty where something came behind it that was not
    /// understood, so that what is sent again may be that.
    last: Vec<u8>,
    answer: u8,
    /// Bytes behind the last packet that belong to none.
    noise: usize,
}

/// The packet with the checksum that belongs to it.
fn packet(opcode: u8, data: &[u8]) -> Vec<u8> {
    let mut bytes = vec![(HEADER + data.len()) as u8, opcode, HOST, 0];
    bytes.extend(data);
    let sum = checksum(&bytes);
    bytes.extend(sum);
    bytes
}

/// Two's complement of the sum of all bytes, high byte first.
fn checksum(bytes: &[u8]) -> [u8; 2] {
    bytes.iter().fold(0_u16, |sum, byte| sum.wrapping_add(u16::from(*byte))).wrapping_neg().to_be_bytes()
}

enum Candidate {
    /// A whole packet of this many bytes, checksum included.
    Whole(usize),
    /// It could be one, if more came.
    Partial,
    /// It looks like one but for its checksum.
    Spoilt(usize),
    No,
}

impl SsiFramer {
    pub(super) fn new(layout: SsiLayout, message_gap_ms: u64) -> Self {
        SsiFramer {
            layout,
            message_gap_ms,
            buffer: Vec::new(),
            message: Message::None,
            last: Vec::new(),
            answer: CMD_ACK,
            noise: 0,
        }
    }

    pub(super) fn feed(&mut self, bytes: &[u8], items: &mut Vec<Item>) {
        // in pieces, so that the buffer stays small whatever comes in one read
        for piece in bytes.chunks(PACKET_MAX) {
            self.buffer.extend(piece);
            self.scan(items);
        }
    }

    fn scan(&mut self, items: &mut Vec<Item>) {
        loop {
            match candidate(&self.buffer) {
                Candidate::Whole(len) => {
                    let bytes: Vec<u8> = self.buffer.drain(..len).collect();
                    self.noise = 0;
                    self.packet(&bytes, items);
                }
                Candidate::Spoilt(len) if self.whole_behind().is_none_or(|at| at >= len) => {
                    let bytes: Vec<u8> = self.buffer.drain(..len).collect();
                    self.not_understood(&bytes);
                    items.push(Item::Broken("the checksum does not match", bytes[HEADER..].to_vec()));
                    items.push(Item::Reply(packet(CMD_NAK, &[NAK_RESEND])));
                }
                Candidate::Spoilt(_) | Candidate::No if !self.buffer.is_empty() => self.pass_over(1),
                // it may be noise with a whole packet behind it
                Candidate::Partial => match self.whole_behind() {
                    Some(at) => self.pass_over(at),
                    None => return,
                },
                _ => return,
            }
        }
    }

    /// Noise as long as a packet may have been one.
    fn pass_over(&mut self, len: usize) {
        self.buffer.drain(..len);
        self.noise += len;
        if self.noise >= DECODE_DATA_MIN {
            self.last.clear();
        }
    }

    /// What comes next with the retransmit bit is this, and no repetition of the packet before; unless this says itself
    /// that it is one.
    fn not_understood(&mut self, bytes: &[u8]) {
        if bytes.get(3).is_none_or(|status| status & STATUS_RETRANSMIT == 0) {
            self.last.clear();
        }
    }

    /// Where a whole packet stands behind the first byte.
    fn whole_behind(&self) -> Option<usize> {
        (1..self.buffer.len()).find(|at| matches!(candidate(&self.buffer[*at..]), Candidate::Whole(_)))
    }

    fn packet(&mut self, bytes: &[u8], items: &mut Vec<Item>) {
        let (opcode, status) = (bytes[1], bytes[3]);
        if opcode != SEGMENT && !WANTS_ACK.contains(&opcode) {
            return;
        }
        let is_again = status & STATUS_RETRANSMIT != 0;
        // a segment's number tells it too
        let may_be_again = is_again || opcode == SEGMENT && self.message.is_begun();
        // where our acknowledgement was lost, it is sent again and the code counts once
        if !(may_be_again && same_message(bytes, &self.last)) {
            let packet = Packet {
                source: bytes[2],
                is_again,
                goes_on: status & STATUS_CONTINUED != 0,
                is_full: bytes.len() == PACKET_MAX,
                data: &bytes[HEADER..bytes.len() - SUM],
            };
            self.answer = match opcode {
                SEGMENT if !self.message.segment(&packet, items) => SEGMENT_ACK,
                DECODE_DATA => {
                    self.message.packet(&packet, !self.last.is_empty(), self.layout, items);
                    CMD_ACK
                }
                _ => CMD_ACK,
            };
            self.last = bytes.to_vec();
        }
        items.push(Item::Reply(packet(self.answer, &[])));
    }

    /// Half a packet is given up, and its message waits for it to be sent again; half a message is given up later.
    pub(super) fn pause(&mut self, items: &mut Vec<Item>) {
        let half = std::mem::take(&mut self.buffer);
        if half.is_empty() {
            self.message.pause(items);
            // what is sent again of a message that was given up is no repetition of what holds
            self.last.clear();
        } else if half.len() >= HEADER {
            self.not_understood(&half);
            items.push(Item::Broken("half a packet", half));
        }
    }

    pub(super) fn is_pending(&self) -> bool {
        !self.buffer.is_empty() || self.message.is_pending()
    }

    pub(super) fn is_begun(&self) -> bool {
        !self.buffer.is_empty() || self.message.is_begun()
    }

    /// The pause that ends what is pending, where it is not the definition's.
    pub(super) fn gap_ms(&self) -> Option<u64> {
        (self.buffer.is_empty() && self.message.is_pending()).then_some(self.message_gap_ms)
    }
}

/// Whether two packets differ in nothing but the retransmit bit and so the checksum.
fn same_message(one: &[u8], other: &[u8]) -> bool {
    one.len() == other.len()
        && one.len() > HEADER + SUM
        && one[..3] == other[..3]
        && one[3] | STATUS_RETRANSMIT == other[3] | STATUS_RETRANSMIT
        && one[HEADER..one.len() - SUM] == other[HEADER..other.len() - SUM]
}

/// What the start of some bytes is.
fn candidate(bytes: &[u8]) -> Candidate {
    let plausible = |at: usize, fits: &dyn Fn(u8) -> bool| bytes.get(at).is_none_or(|byte| fits(*byte));
    let header = plausible(0, &|length| usize::from(length) >= HEADER)
        && plausible(1, &|opcode| FROM_SCANNER.contains(&opcode))
        && plausible(2, &|source| source != HOST);
    let Some(length) = bytes.first().copied().map(usize::from).filter(|_| header) else { return Candidate::No };
    let Some(whole) = bytes.get(..length + SUM) else { return Candidate::Partial };
    if checksum(&whole[..length]) == whole[length..] {
        return Candidate::Whole(length + SUM);
    }
    // only a bar code is worth asking for again, and only from a scanner that is known to be one
    if whole[1] == DECODE_DATA && whole[2] == 0 { Candidate::Spoilt(length + SUM) } else { Candidate::No }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn packets_of_the_manual() {
        assert_eq!(packet(CMD_ACK, &[]), [0x04, 0xD0, 0x04, 0x00, 0xFF, 0x28]);
        assert_eq!(packet(CMD_NAK, &[NAK_RESEND]), [0x05, 0xD1, 0x04, 0x00, 0x01, 0xFF, 0x25]);
    }

    const LAST: u8 = 0;
    const QR: u8 = 0x1C;

    fn decoded(status: u8, text: &str) -> Vec<u8> {
        let mut bytes = vec![(HEADER + 1 + text.len()) as u8, DECODE_DATA, 0, status, QR];
        bytes.extend(text.bytes());
        let sum = checksum(&bytes);
        bytes.extend(sum);
        bytes
    }

    /// What comes, and what a pause makes of it; replies are left out.
    fn heard(framer: &mut SsiFramer, bytes: &[u8], pauses: usize) -> Vec<Item> {
        let mut items = Vec::new();
        framer.feed(bytes, &mut items);
        (0..pauses).for_each(|_| framer.pause(&mut items));
        items.into_iter().filter(|item| !matches!(item, Item::Reply(_))).collect()
    }

    fn is_broken(items: &[Item]) -> bool {
        matches!(items, [Item::Broken(..)])
    }

    #[test]
    fn a_message_waits_for_a_packet_to_be_sent_again() {
        let mut framer = SsiFramer::new(SsiLayout::Classic, 5_000);
        let begin = decoded(STATUS_CONTINUED, "CARTON-17/");
        assert!(heard(&mut framer, &begin, 0).is_empty());
        assert_eq!(framer.gap_ms(), Some(5_000));
        assert!(heard(&mut framer, &decoded(STATUS_CONTINUED | STATUS_RETRANSMIT, "CARTON-17/"), 0).is_empty());
        // half of the last packet comes, then it is sent again
        assert!(is_broken(&heard(&mut framer, &decoded(LAST, "BOX-3")[..7], 1)));
        let again = decoded(STATUS_RETRANSMIT, "BOX-3");
        assert_eq!(heard(&mut framer, &again, 0), [Item::Frame(b"1CCARTON-17/BOX-3".to_vec())]);
        assert!(heard(&mut framer, &again, 0).is_empty() && !framer.is_pending());
    }

    #[test]
    fn the_rest_of_a_message_that_was_given_up_is_no_code() {
        let (begin, end) = (decoded(STATUS_CONTINUED, "CARTON-17/"), decoded(LAST, "BOX-3"));
        for rest in [end.clone(), [decoded(STATUS_CONTINUED, "ROW-2/"), end.clone()].concat()] {
            let mut framer = SsiFramer::new(SsiLayout::Classic, 5_000);
            assert!(is_broken(&heard(&mut framer, &begin, 1)));
            assert!(is_broken(&heard(&mut framer, &rest, 0)), "the rest comes late");
            assert_eq!(heard(&mut framer, &end, 0), [Item::Frame(b"1CBOX-3".to_vec())], "and this is the next code");
        }
        let mut framer = SsiFramer::new(SsiLayout::Classic, 5_000);
        assert!(is_broken(&heard(&mut framer, &begin, 1)) && framer.is_pending() && !framer.is_begun());
        assert!(heard(&mut framer, &[], 1).is_empty() && !framer.is_pending());
        assert_eq!(heard(&mut framer, &end, 0), [Item::Frame(b"1CBOX-3".to_vec())], "a silence tells a new code");
    }

    #[test]
    fn a_message_that_begins_again_after_it_was_given_up_is_whole() {
        let mut framer = SsiFramer::new(SsiLayout::Classic, 5_000);
        heard(&mut framer, &decoded(STATUS_CONTINUED, "CARTON-17/"), 2);
        let again = decoded(STATUS_CONTINUED | STATUS_RETRANSMIT, "CARTON-17/");
        let stream = [again, decoded(LAST, "BOX-3")].concat();
        assert_eq!(heard(&mut framer, &stream, 0), [Item::Frame(b"1CCARTON-17/BOX-3".to_vec())]);
    }

    #[test]
    fn the_end_of_what_was_too_long_is_no_code() {
        let mut framer = SsiFramer::new(SsiLayout::Classic, 5_000);
        let piece = decoded(STATUS_CONTINUED, &"A".repeat(200));
        let stream = [piece.repeat(super::super::FRAME_MAX / 200 + 2), decoded(LAST, "BOX-3")].concat();
        let items = heard(&mut framer, &stream, 0);
        assert!(items.iter().all(|item| matches!(item, Item::Broken(..))) && !items.is_empty(), "{items:?}");
        assert_eq!(heard(&mut framer, &decoded(LAST, "BOX-4"), 0), [Item::Frame(b"1CBOX-4".to_vec())]);
    }

    #[test]
    fn half_a_packet_between_tells_another_unit() {
        let mut framer = SsiFramer::new(SsiLayout::Classic, 5_000);
        let unit = decoded(LAST, "BOX-3");
        assert_eq!(heard(&mut framer, &unit, 0).len(), 1);
        assert!(is_broken(&heard(&mut framer, &unit[..8], 1)));
        let again = decoded(STATUS_RETRANSMIT, "BOX-3");
        assert_eq!(heard(&mut framer, &again, 0), [Item::Frame(b"1CBOX-3".to_vec())]);
    }
}
