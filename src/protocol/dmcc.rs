//! Cognex DataMan with `COM.DMCC-RESPONSE` 1: every line has a header, and a read string is base64.
//!
//! `||checksum:id[status]`, then the text. Status 1 is what the reader read of itself; any other answers a command.
//! How the checksum of an answer is counted was not found in a manual; a line that has one is refused.

use super::definition::HexBytes;
use super::framer::Item;
use super::line::LineFramer;

const READ_STRING: u16 = 1;

pub(super) struct DmccFramer {
    lines: LineFramer,
    /// A header stood on a line of its own: the read string is the next line.
    awaited: bool,
}

impl DmccFramer {
    pub(super) fn new() -> Self {
        let terminators = [b"\r\n".as_slice(), b"\r", b"\n"].map(|end| HexBytes(end.to_vec()));
        let lines = LineFramer::new(terminators.to_vec(), HexBytes::default(), HexBytes::default());
        DmccFramer { lines, awaited: false }
    }

    pub(super) fn feed(&mut self, bytes: &[u8], items: &mut Vec<Item>) {
        let mut lines = Vec::new();
        self.lines.feed(bytes, &mut lines);
        for line in lines {
            match line {
                Item::Frame(line) => items.extend(self.line(line)),
                other => items.push(other),
            }
        }
    }

    fn line(&mut self, line: Vec<u8>) -> Option<Item> {
        let Some(header) = Header::of(&line) else {
            let awaited = std::mem::take(&mut self.awaited);
            return Some(if awaited { read_string(&line) } else { Item::Broken("a line without a header", line) });
        };
        self.awaited = false;
        match header {
            Header { checked: true, .. } => Some(Item::Broken("a checksum that can't be verified", line)),
            Header { status: READ_STRING, text: [], .. } => {
                self.awaited = true;
                None
            }
            Header { status: READ_STRING, text, .. } => Some(read_string(text)),
            _ => None,
        }
    }

    /// Gives half a line up, and a header whose read string did not come.
    pub(super) fn pause(&mut self, items: &mut Vec<Item>) {
        let told = items.len();
        self.lines.pause(items);
        if std::mem::take(&mut self.awaited) && items.len() == told {
            items.push(Item::Broken("a header without its read string", Vec::new()));
        }
    }

    pub(super) fn is_pending(&self) -> bool {
        self.awaited || self.lines.is_pending()
    }
}

struct Header<'a> {
    checked: bool,
    status: u16,
    text: &'a [u8],
}

impl Header<'_> {
    fn of(line: &[u8]) -> Option<Header<'_>> {
        let rest = line.strip_prefix(b"||")?;
        let end = rest.iter().position(|byte| *byte == b']')?;
        let (header, text) = (std::str::from_utf8(&rest[..end]).ok()?, &rest[end + 1..]);
        let (ids, status) = header.split_once('[')?;
        let (checksum, _) = ids.split_once(':')?;
        Some(Header { checked: checksum != "0", status: status.parse().ok()?, text })
    }
}

fn read_string(text: &[u8]) -> Item {
    match base64(text) {
        Some(data) if !data.is_empty() => Item::Frame(data),
        _ => Item::Broken("the read string is no base64", text.to_vec()),
    }
}

/// Decodes base64 with padding; `None` if it is none.
fn base64(text: &[u8]) -> Option<Vec<u8>> {
    if !text.len().is_multiple_of(4) {
        return None;
    }
    let padding = text.iter().rev().take_while(|byte| **byte == b'=').count();
    let digits = text[..text.len() - padding].iter().map(|byte| match byte {
        b'A'..=b'Z' => Some(byte - b'A'),
        b'a'..=b'z' => Some(byte - b'a' + 26),
        b'0'..=b'9' => Some(byte - b'0' + 52),
        b'+' => Some(62),
        b'/' => Some(63),
        _ => None,
    });
    let digits: Vec<u8> = digits.collect::<Option<_>>()?;
    let decoded = digits.chunks(4).flat_map(|four| {
        let bits = (0..4).fold(0_u32, |bits, at| bits << 6 | u32::from(four.get(at).copied().unwrap_or(0)));
        bits.to_be_bytes().into_iter().skip(1).take(four.len() * 3 / 4)
    });
    (padding <= 2).then(|| decoded.collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn feed(framer: &mut DmccFramer, bytes: &[u8]) -> Vec<Item> {
        let mut items = Vec::new();
        framer.feed(bytes, &mut items);
        items
    }

    #[test]
    fn read_strings_are_decoded_and_answers_are_no_scans() {
        let mut framer = DmccFramer::new();
        assert_eq!(feed(&mut framer, b"||0:0[1]Njkw\r\n||0:7[0]\r\n||0:8[101]\r\n"), [Item::Frame(b"690".to_vec())]);
        assert_eq!(feed(&mut framer, b"||0:0[1]\r\nNjkwMQ==\r\n"), [Item::Frame(b"6901".to_vec())]);
    }

    #[test]
    fn what_is_no_read_string_is_broken() {
        let mut framer = DmccFramer::new();
        for line in
            [&b"6901\r\n"[..], b"||0:0[1]Njk\r\n", b"||0:0[1]Nj*w\r\n", b"||1:0[1]Njkw\r\n", b"||0:0[1]====\r\n"]
        {
            assert!(matches!(feed(&mut framer, line)[..], [Item::Broken(..)]), "{}", String::from_utf8_lossy(line));
        }
    }

    #[test]
    fn base64_of_every_length() {
        for (text, data) in
            [(&b""[..], &b""[..]), (b"Zg==", b"f"), (b"Zm8=", b"fo"), (b"Zm9v", b"foo"), (b"+/8=", b"\xFB\xFF")]
        {
            assert_eq!(base64(text).as_deref(), Some(data));
        }
        assert_eq!(base64(b"Z==="), None);
    }
}
