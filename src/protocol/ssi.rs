//! Zebra's and Symbol's Simple Serial Interface: packets with length, opcode, source, status and a 16-bit checksum.
//!
//! There is no start byte, so the stream is found again by its checksums.

use super::FRAME_MAX;
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

pub(super) struct SsiFramer {
    layout: SsiLayout,
    buffer: Vec<u8>,
    /// Data of a message that goes on in the next packet.
    message: Vec<u8>,
    /// The last bar-code packet, to know it again when it is sent again.
    last: Vec<u8>,
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
    pub(super) fn new(layout: SsiLayout) -> Self {
        SsiFramer { layout, buffer: Vec::new(), message: Vec::new(), last: Vec::new() }
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
                    self.packet(&bytes, items);
                }
                Candidate::Spoilt(len) if self.whole_behind().is_none_or(|at| at >= len) => {
                    let bytes: Vec<u8> = self.buffer.drain(..len).collect();
                    items.push(Item::Broken("the checksum does not match", bytes[HEADER..].to_vec()));
                    items.push(Item::Reply(packet(CMD_NAK, &[NAK_RESEND])));
                }
                Candidate::Spoilt(_) | Candidate::No if !self.buffer.is_empty() => drop(self.buffer.remove(0)),
                // it may be noise with a whole packet behind it
                Candidate::Partial => match self.whole_behind() {
                    Some(at) => drop(self.buffer.drain(..at)),
                    None => return,
                },
                _ => return,
            }
        }
    }

    /// Where a whole packet stands behind the first byte.
    fn whole_behind(&self) -> Option<usize> {
        (1..self.buffer.len()).find(|at| matches!(candidate(&self.buffer[*at..]), Candidate::Whole(_)))
    }

    fn packet(&mut self, bytes: &[u8], items: &mut Vec<Item>) {
        let (opcode, status) = (bytes[1], bytes[3]);
        let data = &bytes[HEADER..bytes.len() - SUM];
        let again = status & STATUS_RETRANSMIT != 0 && same_message(bytes, &self.last);
        match opcode {
            // our acknowledgement was lost: it is sent again, the code counts once
            DECODE_DATA if again => {}
            DECODE_DATA => {
                self.last = bytes.to_vec();
                self.gather(data, status & STATUS_CONTINUED != 0, items);
            }
            SEGMENT => {
                self.gather(data.get(1..).unwrap_or_default(), status & STATUS_CONTINUED != 0, items);
                items.push(Item::Reply(packet(SEGMENT_ACK, &[])));
                return;
            }
            _ => {}
        }
        if WANTS_ACK.contains(&opcode) {
            items.push(Item::Reply(packet(CMD_ACK, &[])));
        }
    }

    /// Adds a packet's data to the message; the last one makes it a frame.
    fn gather(&mut self, data: &[u8], goes_on: bool, items: &mut Vec<Item>) {
        // the code type stands in every packet of a classic message, and counts once
        let rest = if self.message.is_empty() || self.layout == SsiLayout::Cordless {
            data
        } else {
            data.get(1..).unwrap_or_default()
        };
        self.message.extend(rest);
        if self.message.len() > FRAME_MAX {
            let data = std::mem::take(&mut self.message);
            items.push(Item::Broken("a message beyond the longest frame", data[..256].to_vec()));
        } else if !goes_on {
            let message = std::mem::take(&mut self.message);
            items.push(self.frame(&message));
        }
    }

    /// Code type as two hexadecimal digits, then the characters.
    fn frame(&self, message: &[u8]) -> Item {
        let broken = |why| Item::Broken(why, message.to_vec());
        let Some((code_type, rest)) = message.split_first() else { return broken("a packet without data") };
        let characters = match self.layout {
            SsiLayout::Classic => rest,
            SsiLayout::Cordless => match rest {
                [0x01, high, low, characters @ ..]
                    if characters.len() == usize::from(*high) * 256 + usize::from(*low) =>
                {
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

    pub(super) fn pause(&mut self, items: &mut Vec<Item>) {
        let (buffer, message) = (std::mem::take(&mut self.buffer), std::mem::take(&mut self.message));
        if !message.is_empty() || buffer.len() >= HEADER {
            items.push(Item::Broken("half a packet", if message.is_empty() { buffer } else { message }));
        }
    }

    pub(super) fn is_pending(&self) -> bool {
        !self.buffer.is_empty() || !self.message.is_empty()
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
}
