//! Answers to commands that come between the scans, on a line where scans have no start of their own.

use serde::Deserialize;

use super::definition::HexBytes;
use super::framer::Item;

/// The longest answer, in bytes: a register answer has up to 262, a settings query answers a few hundred.
const REPLY_MAX: usize = 1024;

/// An answer that is no scan. It begins with a control character, which no bar code does, and either ends with bytes
/// of its own or counts its data.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct Reply {
    /// What it begins with.
    pub start: HexBytes,
    /// What ends it, where it does not count its data.
    #[serde(default)]
    pub end: HexBytes,
    /// Where the byte stands that counts the data behind it; 0 is the answer's first byte.
    pub length_at: Option<u8>,
    /// How many bytes follow the counted data.
    #[serde(default)]
    pub behind: u8,
}

enum Seen {
    No,
    Partial,
    Whole,
}

impl Reply {
    fn seen(&self, bytes: &[u8]) -> Seen {
        let start = &self.start.0;
        if bytes.len() < start.len() {
            return if start.starts_with(bytes) { Seen::Partial } else { Seen::No };
        }
        if start.is_empty() || !bytes.starts_with(start) {
            return Seen::No;
        }
        let whole = match self.length_at.map(usize::from) {
            Some(at) => {
                bytes.get(at).is_some_and(|length| bytes.len() > at + usize::from(*length) + usize::from(self.behind))
            }
            None => bytes[start.len()..].ends_with(&self.end.0),
        };
        if whole { Seen::Whole } else { Seen::Partial }
    }
}

/// Takes answers out of a stream.
pub(super) struct ReplyFilter {
    replies: Vec<Reply>,
    /// The start of what may become an answer.
    held: Vec<u8>,
}

impl ReplyFilter {
    pub(super) fn new(replies: Vec<Reply>) -> Self {
        ReplyFilter { replies, held: Vec::new() }
    }

    /// What is no part of an answer.
    pub(super) fn feed(&mut self, bytes: &[u8], items: &mut Vec<Item>) -> Vec<u8> {
        if self.replies.is_empty() {
            return bytes.to_vec();
        }
        let mut passed = Vec::with_capacity(bytes.len());
        for byte in bytes {
            self.held.push(*byte);
            self.sort(&mut passed);
            if self.held.len() > REPLY_MAX {
                items.push(Item::Broken("an answer without an end", std::mem::take(&mut self.held)));
            }
        }
        passed
    }

    /// Lets go of what can be no answer, forgets a whole one.
    fn sort(&mut self, passed: &mut Vec<u8>) {
        while !self.held.is_empty() {
            let seen: Vec<Seen> = self.replies.iter().map(|reply| reply.seen(&self.held)).collect();
            if seen.iter().any(|seen| matches!(seen, Seen::Whole)) {
                self.held.clear();
            } else if seen.iter().any(|seen| matches!(seen, Seen::Partial)) {
                return;
            } else {
                passed.push(self.held.remove(0));
            }
        }
    }

    /// Half an answer is given up; what only began like one is passed on.
    pub(super) fn pause(&mut self, items: &mut Vec<Item>) -> Vec<u8> {
        let held = std::mem::take(&mut self.held);
        let begun = self.replies.iter().any(|reply| held.starts_with(&reply.start.0));
        if begun && !held.is_empty() {
            items.push(Item::Broken("half an answer", held));
            return Vec::new();
        }
        held
    }

    pub(super) fn is_pending(&self) -> bool {
        !self.held.is_empty()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn filter() -> ReplyFilter {
        let reply = |start: &[u8], end: &[u8], length_at, behind| Reply {
            start: HexBytes(start.to_vec()),
            end: HexBytes(end.to_vec()),
            length_at,
            behind,
        };
        ReplyFilter::new(vec![reply(b"\x02\x010000", b"\x03", None, 0), reply(b"\x02\x00", b"", Some(3), 2)])
    }

    #[test]
    fn answers_are_taken_out_and_scans_stay() {
        let stream = b"AB\r\x02\x010000@C11ENA1\x06;\x03CD\r\x02\x00\x00\x01\x0D\x33\x31EF\r\x02G\r";
        for step in [1, 2, 5, 100] {
            let (mut filter, mut items) = (filter(), Vec::new());
            let passed: Vec<u8> = stream.chunks(step).flat_map(|piece| filter.feed(piece, &mut items)).collect();
            assert_eq!(passed, b"AB\rCD\rEF\r\x02G\r");
            assert!(items.is_empty());
        }
    }

    #[test]
    fn half_an_answer_ends_with_a_pause_or_the_longest() {
        let (mut filter, mut items) = (filter(), Vec::new());
        assert!(filter.feed(b"\x02\x010000@C11", &mut items).is_empty());
        assert!(filter.pause(&mut items).is_empty());
        assert_eq!(items.len(), 1);
        assert!(filter.feed(b"\x02", &mut items).is_empty());
        assert_eq!(filter.pause(&mut items), b"\x02");
        filter.feed(b"\x02\x010000", &mut items);
        filter.feed(&[b'A'; 3 * REPLY_MAX], &mut items);
        assert!(!filter.is_pending() && items.len() == 2);
    }
}
