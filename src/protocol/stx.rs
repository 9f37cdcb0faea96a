//! A start byte, data, an end byte, perhaps a check byte behind it.

use super::FRAME_MAX;
use super::definition::{HexBytes, Lrc};
use super::framer::Item;

pub(super) struct StxFramer {
    start: u8,
    end: u8,
    lrc: Option<Lrc>,
    acknowledge: Vec<u8>,
    reject: Vec<u8>,
    state: State,
}

enum State {
    /// Before a start byte: whatever comes is noise.
    Outside,
    Inside(Vec<u8>),
    /// Behind the end byte: the check byte comes next.
    Check(Vec<u8>),
}

impl StxFramer {
    pub(super) fn new(
        start: &HexBytes,
        end: &HexBytes,
        lrc: Option<Lrc>,
        acknowledge: HexBytes,
        reject: HexBytes,
    ) -> Self {
        let first = |bytes: &HexBytes, default| bytes.0.first().copied().unwrap_or(default);
        let (start, end) = (first(start, 0x02), first(end, 0x03));
        StxFramer { start, end, lrc, acknowledge: acknowledge.0, reject: reject.0, state: State::Outside }
    }

    pub(super) fn feed(&mut self, bytes: &[u8], items: &mut Vec<Item>) {
        for byte in bytes {
            self.byte(*byte, items);
        }
    }

    fn byte(&mut self, byte: u8, items: &mut Vec<Item>) {
        self.state = match std::mem::replace(&mut self.state, State::Outside) {
            State::Outside if byte == self.start => State::Inside(Vec::new()),
            State::Outside => State::Outside,
            State::Inside(data) if byte == self.start => {
                self.broken("a frame began within a frame", data, items);
                State::Inside(Vec::new())
            }
            State::Inside(data) if byte == self.end && self.lrc.is_some() => State::Check(data),
            State::Inside(data) if byte == self.end => {
                self.whole(data, items);
                State::Outside
            }
            State::Inside(data) if data.len() == FRAME_MAX => {
                self.broken("no end within the longest frame", data[..256].to_vec(), items);
                State::Outside
            }
            State::Inside(mut data) => {
                data.push(byte);
                State::Inside(data)
            }
            State::Check(data) if byte == self.sum(&data) => {
                self.whole(data, items);
                State::Outside
            }
            State::Check(data) => {
                self.broken("the check byte does not match", data, items);
                State::Outside
            }
        };
    }

    fn sum(&self, data: &[u8]) -> u8 {
        let lrc = self.lrc.unwrap_or_default();
        let ends = if lrc.over_start { self.start } else { 0 } ^ if lrc.over_end { self.end } else { 0 };
        data.iter().fold(ends, |sum, byte| sum ^ byte)
    }

    fn whole(&self, data: Vec<u8>, items: &mut Vec<Item>) {
        if data.is_empty() {
            self.broken("an empty frame", data, items);
            return;
        }
        items.push(Item::Frame(data));
        reply(&self.acknowledge, items);
    }

    fn broken(&self, why: &'static str, data: Vec<u8>, items: &mut Vec<Item>) {
        items.push(Item::Broken(why, data));
        reply(&self.reject, items);
    }

    pub(super) fn pause(&mut self, items: &mut Vec<Item>) {
        match std::mem::replace(&mut self.state, State::Outside) {
            State::Outside => {}
            State::Inside(data) | State::Check(data) => self.broken("half a frame", data, items),
        }
    }

    pub(super) fn is_pending(&self) -> bool {
        !matches!(self.state, State::Outside)
    }
}

fn reply(bytes: &[u8], items: &mut Vec<Item>) {
    if !bytes.is_empty() {
        items.push(Item::Reply(bytes.to_vec()));
    }
}
