//! What printers answer when they are asked how they are. Many never answer; what is no answer counts as none.

use crate::config::StatusDialect;
use crate::domain::printing::Condition;

/// Bytes of an answer that are read; the longest has some eighty.
pub(super) const ANSWER_MAX: usize = 512;

/// What a printer said.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Answer {
    pub(super) condition: Condition,
    /// Whether it still has something to print.
    pub(super) is_busy: bool,
}

/// The question.
pub(super) fn question(dialect: StatusDialect) -> Option<&'static [u8]> {
    match dialect {
        StatusDialect::None => None,
        StatusDialect::Zpl => Some(b"~HS"),
        StatusDialect::Tspl => Some(b"\x1b!?"),
    }
}

/// Whether more of an answer must come.
pub(super) fn is_short(dialect: StatusDialect, read: &[u8]) -> bool {
    match dialect {
        StatusDialect::None => false,
        StatusDialect::Zpl => read.iter().filter(|byte| **byte == ETX).count() < 3,
        StatusDialect::Tspl => read.is_empty(),
    }
}

/// What an answer says; none where it is none.
pub(super) fn read(dialect: StatusDialect, answer: &[u8]) -> Option<Answer> {
    match dialect {
        StatusDialect::None => None,
        StatusDialect::Zpl => zpl(answer),
        StatusDialect::Tspl => match answer {
            [byte] => Some(tspl(*byte)),
            _ => None,
        },
    }
}

const STX: u8 = 2;
const ETX: u8 = 3;

/// The three lines of `~HS` (ZPL II guide), of which the first two say how the printer is.
fn zpl(answer: &[u8]) -> Option<Answer> {
    let mut lines = answer.split(|byte| *byte == STX).skip(1).map(|line| {
        let line = line.split(|byte| *byte == ETX).next().unwrap_or_default();
        std::str::from_utf8(line).ok().map(|line| line.split(',').map(str::trim).collect::<Vec<_>>())
    });
    let (first, second) = (lines.next()??, lines.next()??);
    if first.len() < 12 || second.len() < 9 {
        return None;
    }
    let number = |text: &str| text.parse::<u32>().ok();
    let is_set = |field: &str| field == "1";
    let waiting = number(first[4])?.max(number(second[8])?);
    let condition = match () {
        () if is_set(second[2]) => Condition::HeadOpen,
        () if is_set(first[1]) => Condition::PaperOut,
        () if is_set(second[3]) => Condition::RibbonOut,
        () if [first[9], first[10], first[11]].into_iter().any(is_set) => Condition::Fault,
        () if is_set(first[2]) => Condition::Paused,
        () => Condition::Ready,
    };
    Some(Answer { condition, is_busy: waiting > 0 || is_set(first[5]) || is_set(first[7]) })
}

/// The byte of `<ESC>!?`. Some printers number their states instead of adding bits, so whole values come first.
fn tspl(byte: u8) -> Answer {
    let condition = match byte {
        0x00 | 0x20 => Condition::Ready,
        0x01 | 0x03 | 0x05 | 0x07 | 0x09 | 0x41 => Condition::HeadOpen,
        0x02 => Condition::Jammed,
        0x04 | 0x06 => Condition::PaperOut,
        0x08 | 0x0A | 0x0C => Condition::RibbonOut,
        0x10 | 0x30 => Condition::Paused,
        bits if bits & 0x41 != 0 => Condition::HeadOpen,
        bits if bits & 0x04 != 0 => Condition::PaperOut,
        bits if bits & 0x08 != 0 => Condition::RibbonOut,
        bits if bits & 0x02 != 0 => Condition::Jammed,
        bits if bits & 0x10 != 0 => Condition::Paused,
        _ => Condition::Fault,
    };
    Answer { condition, is_busy: byte == 0x20 }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn hs(first: &str, second: &str) -> Vec<u8> {
        format!("\u{2}{first}\u{3}\r\n\u{2}{second}\u{3}\r\n\u{2}1234,0\u{3}\r\n").into_bytes()
    }

    #[test]
    fn a_zebra_tells_how_it_is() {
        let good = "030,0,0,1245,000,0,0,0,000,0,0,0";
        let idle = "000,0,0,0,0,2,4,0,00000000,1,000";
        let said = |first: &str, second: &str| zpl(&hs(first, second)).map(|answer| (answer.condition, answer.is_busy));
        assert_eq!(said(good, idle), Some((Condition::Ready, false)));
        assert_eq!(said(&good.replacen(",000,0,0", ",002,0,0", 1), idle), Some((Condition::Ready, true)));
        assert_eq!(said(&good.replacen("030,0", "030,1", 1), idle), Some((Condition::PaperOut, false)));
        assert_eq!(said(&good.replacen("030,0,0", "030,0,1", 1), idle), Some((Condition::Paused, false)));
        assert_eq!(said(good, &idle.replacen("000,0,0", "000,0,1", 1)), Some((Condition::HeadOpen, false)));
        assert_eq!(said(good, &idle.replacen("000,0,0,0", "000,0,0,1", 1)), Some((Condition::RibbonOut, false)));
        assert_eq!(said(good, "oops"), None);
        assert_eq!(zpl(b"HTTP/1.1 400 Bad Request"), None);
        assert!(is_short(StatusDialect::Zpl, b"\x02030,0\x03"));
    }

    #[test]
    fn a_byte_is_read_as_a_whole_first() {
        for (byte, condition) in [
            (0x00, Condition::Ready),
            (0x04, Condition::PaperOut),
            (0x07, Condition::HeadOpen),
            (0x20, Condition::Ready),
            (0x14, Condition::PaperOut),
            (0x80, Condition::Fault),
        ] {
            assert_eq!(tspl(byte).condition, condition, "{byte:02x}");
        }
        assert_eq!(read(StatusDialect::Tspl, b"hello"), None);
    }
}
