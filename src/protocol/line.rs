//! Text that ends with a terminator: the most common way of scanners.

use super::FRAME_MAX;
use super::definition::HexBytes;
use super::framer::Item;

pub(super) struct LineFramer {
    terminators: Vec<Vec<u8>>,
    prefix: Vec<u8>,
    acknowledge: Vec<u8>,
    buffer: Vec<u8>,
    /// A frame that is too long is passed over to its end.
    skipping: bool,
    /// What would make the terminator that ended the last frame a longer one: the LF of CR LF.
    rest: Vec<u8>,
}

impl LineFramer {
    pub(super) fn new(terminators: Vec<HexBytes>, prefix: HexBytes, acknowledge: HexBytes) -> Self {
        let mut terminators: Vec<Vec<u8>> =
            terminators.into_iter().map(|bytes| bytes.0).filter(|bytes| !bytes.is_empty()).collect();
        terminators.sort_by_key(|terminator| std::cmp::Reverse(terminator.len()));
        LineFramer {
            terminators,
            prefix: prefix.0,
            acknowledge: acknowledge.0,
            buffer: Vec::new(),
            skipping: false,
            rest: Vec::new(),
        }
    }

    pub(super) fn feed(&mut self, bytes: &[u8], items: &mut Vec<Item>) {
        for byte in bytes {
            if self.rest.first() == Some(byte) {
                self.rest.remove(0);
                continue;
            }
            self.rest.clear();
            self.buffer.push(*byte);
            if let Some(ended) = self.terminators.iter().find(|end| self.buffer.ends_with(end)) {
                self.buffer.truncate(self.buffer.len() - ended.len());
                let longer = self
                    .terminators
                    .iter()
                    .find_map(|longer| longer.strip_prefix(ended.as_slice()).filter(|rest| !rest.is_empty()));
                self.rest = longer.unwrap_or_default().to_vec();
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

    /// Gives half a line up, so that it stands before no other; of one that was too long that was told.
    pub(super) fn pause(&mut self, items: &mut Vec<Item>) {
        let data = std::mem::take(&mut self.buffer);
        if !std::mem::take(&mut self.skipping) && !data.is_empty() {
            items.push(Item::Broken("half a line", data));
        }
    }

    pub(super) fn is_pending(&self) -> bool {
        !self.buffer.is_empty()
    }

    /// What stands on the line without a terminator.
    pub(super) fn pending(&self) -> &[u8] {
        &self.buffer
    }
}
