//! Scans without a mark of their end: of one length, or ended by nothing but a pause.

use super::FRAME_MAX;
use super::definition::HexBytes;
use super::framer::Item;

pub(super) enum UnmarkedFramer {
    /// Every scan has this many bytes.
    Fixed { length: usize, buffer: Vec<u8> },
    /// A pause ends a scan; the first of these that stands at its end is taken off.
    Gap { trim: Vec<HexBytes>, buffer: Vec<u8> },
}

impl UnmarkedFramer {
    pub(super) fn feed(&mut self, bytes: &[u8], items: &mut Vec<Item>) {
        for byte in bytes {
            match self {
                UnmarkedFramer::Fixed { length, buffer } => {
                    buffer.push(*byte);
                    if buffer.len() >= *length {
                        items.push(Item::Frame(std::mem::take(buffer)));
                    }
                }
                // one more than the longest frame says that it was too long
                UnmarkedFramer::Gap { buffer, .. } if buffer.len() > FRAME_MAX => {}
                UnmarkedFramer::Gap { buffer, .. } => buffer.push(*byte),
            }
        }
    }

    pub(super) fn pause(&mut self, items: &mut Vec<Item>) {
        match self {
            UnmarkedFramer::Fixed { buffer, .. } if !buffer.is_empty() => {
                items.push(Item::Broken("half a frame", std::mem::take(buffer)));
            }
            UnmarkedFramer::Gap { trim, buffer } if !buffer.is_empty() => {
                let mut data = std::mem::take(buffer);
                if data.len() > FRAME_MAX {
                    items.push(Item::Broken("no pause within the longest frame", data[..256].to_vec()));
                    return;
                }
                if let Some(end) = trim.iter().find(|end| data.ends_with(&end.0)) {
                    data.truncate(data.len() - end.0.len());
                }
                if !data.is_empty() {
                    items.push(Item::Frame(data));
                }
            }
            _ => {}
        }
    }

    pub(super) fn is_pending(&self) -> bool {
        let (UnmarkedFramer::Fixed { buffer, .. } | UnmarkedFramer::Gap { buffer, .. }) = self;
        !buffer.is_empty()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_length_makes_frames_and_a_pause_gives_half_a_one_up() {
        let mut framer = UnmarkedFramer::Fixed { length: 3, buffer: Vec::new() };
        let mut items = Vec::new();
        framer.feed(b"123456789X", &mut items);
        framer.pause(&mut items);
        framer.feed(b"abc", &mut items);
        let frame = |text: &str| Item::Frame(text.as_bytes().to_vec());
        let half = Item::Broken("half a frame", b"X".to_vec());
        assert_eq!(items, [frame("123"), frame("456"), frame("789"), half, frame("abc")]);
    }

    #[test]
    fn a_pause_makes_a_frame_unless_it_is_too_long() {
        let mut framer = UnmarkedFramer::Gap {
            trim: vec![HexBytes(b"\r\n".to_vec()), HexBytes(b"\r".to_vec())],
            buffer: Vec::new(),
        };
        let mut items = Vec::new();
        for read in [b"69".as_slice(), b"01\r\n"] {
            framer.feed(read, &mut items);
        }
        assert!(items.is_empty() && framer.is_pending());
        framer.pause(&mut items);
        framer.feed(b"\r", &mut items);
        framer.pause(&mut items);
        assert_eq!(items, [Item::Frame(b"6901".to_vec())]);
        framer.feed(&vec![b'A'; 3 * FRAME_MAX], &mut items);
        framer.pause(&mut items);
        assert!(matches!(&items[1..], [Item::Broken(_, data)] if data.len() == 256));
    }
}
