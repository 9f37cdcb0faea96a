//! Text that ends with a terminator: the most common way of scanners.

use super::definition::HexBytes;
use super::framer::Item;
use super::FRAME_MAX;

pub(super) struct LineFramer {
    terminators: Vec<Vec<u8>>,
    prefix: Vec<u8>,
    acknowledge: Vec<u8>,
    buffer: Vec<u8>,
    /// A frame that is too long is passed over to its end.
    skipping: bool,
}

impl LineFramer {
    pub(super) fn new(terminators: Vec<HexBytes>, prefix: HexBytes, acknowledge: HexBytes) -> Self {
        let mut terminators: Vec<Vec<u8>> = terminators.into_iter().map(|bytes| bytes.0).filter(|bytes| !bytes.is_empty()).collect();
        terminators.sort_by_key(|terminator| std::cmp::Reverse(terminator.len()));
        LineFramer { terminators, prefix: prefix.0, acknowledge: acknowledge.0, buffer: Vec::new(), skipping: false }
    }

    pub(super) fn feed(&mut self, bytes: &[u8], items: &mut Vec<Item>) {
        for byte in bytes {
            self.buffer.push(*byte);
            if let Some(len) = self.terminators.iter().find(|end| self.buffer.ends_with(end)).map(Vec::len) {
                self.buffer.truncate(self.buffer.len() - len);
                self.end(items);
            } else if self.buffer.len() > FRAME_MAX {
                if !self.skipping {
                    items.push(Item::Broken("no terminator within the longest frame", self.buffer[..256].to_vec()));
                }
                self.skipping = true;
                // a terminator may straddle what is dropped
                self.buffer.drain(..FRAME_MAX);
            }
        }
    }

    fn end(&mut self, items: &mut Vec<Item>) {
        let data = std::mem::take(&mut self.buffer);
        if std::mem::take(&mut self.skipping) || data.is_empty() {
            // the second character of a terminator like CR LF, or the rest of what was too long
            return;
        }
        match data.strip_prefix(self.prefix.as_slice()) {
            Some([]) => items.push(Item::Broken("nothing behind the prefix", data)),
            Some(rest) => {
                items.push(Item::Frame(rest.to_vec()));
                if !self.acknowledge.is_empty() {
                    items.push(Item::Reply(self.acknowledge.clone()));
                }
            }
            None => items.push(Item::Broken("the prefix is missing", data)),
        }
    }

    /// What has no terminator stays: a slow line is no broken one. Noise is bounded by the longest frame.
    pub(super) fn pause(&mut self, _items: &mut Vec<Item>) {}

    pub(super) fn is_pending(&self) -> bool {
        false
    }
}
