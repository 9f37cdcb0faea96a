//! Text that ends with a terminator and one check byte behind it: the exclusive or of everything before.

use super::FRAME_MAX;
use super::definition::HexBytes;
use super::framer::Item;

pub(super) struct BccFramer {
    terminator: Vec<u8>,
    acknowledge: Vec<u8>,
    reject: Vec<u8>,
    buffer: Vec<u8>,
    /// The terminator came: the check byte is next.
    ended: bool,
    /// A frame that is too long is passed over to its end.
    skipping: bool,
}

impl BccFramer {
    pub(super) fn new(terminator: HexBytes, acknowledge: HexBytes, reject: HexBytes) -> Self {
        BccFramer {
            terminator: terminator.0,
            acknowledge: acknowledge.0,
            reject: reject.0,
            buffer: Vec::new(),
            ended: false,
            skipping: false,
        }
    }

    pub(super) fn feed(&mut self, bytes: &[u8], items: &mut Vec<Item>) {
        for byte in bytes {
            if std::mem::take(&mut self.ended) {
                self.check(*byte, items);
                continue;
            }
            self.buffer.push(*byte);
            self.ended = self.buffer.ends_with(&self.terminator);
            if !self.ended && self.buffer.len() > FRAME_MAX {
                if !self.skipping {
                    items.push(Item::Broken("no terminator within the longest frame", self.buffer[..256].to_vec()));
                }
                self.skipping = true;
                // a terminator may straddle what is dropped
                self.buffer.drain(..FRAME_MAX.saturating_sub(self.terminator.len()));
            }
        }
    }

    fn check(&mut self, byte: u8, items: &mut Vec<Item>) {
        let mut data = std::mem::take(&mut self.buffer);
        let sum = data.iter().fold(0, |sum, byte| sum ^ byte);
        data.truncate(data.len() - self.terminator.len());
        if std::mem::take(&mut self.skipping) {
            return;
        }
        let (item, answer) = match sum == byte {
            true if data.is_empty() => (Item::Broken("nothing before the terminator", data), &self.reject),
            true => (Item::Frame(data), &self.acknowledge),
            false => (Item::Broken("the check byte does not match", data), &self.reject),
        };
        items.push(item);
        if !answer.is_empty() {
            items.push(Item::Reply(answer.clone()));
        }
    }

    /// Gives half a line up: what follows a pause would never pass its check.
    pub(super) fn pause(&mut self, items: &mut Vec<Item>) {
        let data = std::mem::take(&mut self.buffer);
        let (ended, skipping) = (std::mem::take(&mut self.ended), std::mem::take(&mut self.skipping));
        if !data.is_empty() && !skipping {
            items.push(Item::Broken(if ended { "the check byte is missing" } else { "half a frame" }, data));
        }
    }

    pub(super) fn is_pending(&self) -> bool {
        !self.buffer.is_empty()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn framer() -> BccFramer {
        BccFramer::new(HexBytes(b"\r\n".to_vec()), HexBytes::default(), HexBytes::default())
    }

    fn feed(framer: &mut BccFramer, bytes: &[u8]) -> Vec<Item> {
        let mut items = Vec::new();
        framer.feed(bytes, &mut items);
        items
    }

    #[test]
    fn the_check_byte_counts_the_terminator() {
        assert_eq!(feed(&mut framer(), b"TEST\r\n\x11"), [Item::Frame(b"TEST".to_vec())]);
        assert!(matches!(feed(&mut framer(), b"TEST\r\n\x12")[..], [Item::Broken(..)]));
    }

    #[test]
    fn what_is_too_long_or_stops_is_given_up_and_the_next_is_read() {
        let mut framer = framer();
        let mut long = vec![b'A'; 3 * FRAME_MAX];
        long.extend(b"\r\n\x00TEST\r\n\x11");
        let mut items = feed(&mut framer, &long[..2 * FRAME_MAX]);
        assert!(framer.buffer.len() <= FRAME_MAX);
        items.extend(feed(&mut framer, &long[2 * FRAME_MAX..]));
        assert!(matches!(&items[..], [Item::Broken(..), Item::Frame(data)] if data == b"TEST"));
        feed(&mut framer, b"TES");
        let mut items = Vec::new();
        framer.pause(&mut items);
        assert_eq!(items, [Item::Broken("half a frame", b"TES".to_vec())]);
        assert_eq!(feed(&mut framer, b"TEST\r\n\x11"), [Item::Frame(b"TEST".to_vec())]);
    }
}
