//! ZPL II: the fields with codes say what they hold, the graphic fields are put on a page and read.
//!
//! Text, boxes and stored formats are passed over. A field whose data only the printer knows (a serial number that
//! counts, a stored variable) says nothing.

use std::io::Read as _;

use data_encoding::BASE64;
use flate2::read::ZlibDecoder;

use super::{Codes, DOTS_MAX, DOTS_SIDE_MAX, LabelReadError, PAGES_MAX, paste};
use crate::codec::Bitmap;

/// Commands of a job that are looked at; a label has some hundred.
const COMMANDS_MAX: usize = 20_000;
/// The page where the job does not say: 108 mm at 300 dots an inch, and three times as long.
const PAGE: (u32, u32) = (1_280, 3_600);

/// What the next field holds.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Field {
    Text,
    Code128,
    Other,
    Qr,
}

struct Job<'c> {
    codes: &'c mut Codes,
    field: Field,
    /// The character that introduces hexadecimal in the field, if any.
    escape: Option<u8>,
    origin: (u32, u32),
    home: (u32, u32),
    size: (u32, u32),
    page: Option<Bitmap>,
    pages: usize,
}

pub(super) fn codes(bytes: &[u8], codes: &mut Codes) -> Result<(), LabelReadError> {
    if !bytes.windows(3).any(|window| window.eq_ignore_ascii_case(b"^XA")) {
        return Err(LabelReadError::OtherFormat("ZPL"));
    }
    let mut job =
        Job { codes, field: Field::Text, escape: None, origin: (0, 0), home: (0, 0), size: PAGE, page: None, pages: 0 };
    let mut rest = bytes;
    for _ in 0..COMMANDS_MAX {
        let Some(start) = rest.iter().position(|byte| matches!(byte, b'^' | b'~')) else { break };
        rest = &rest[start + 1..];
        let Some((name, after)) = rest.split_at_checked(2) else { break };
        let name = [name[0].to_ascii_uppercase(), name[1].to_ascii_uppercase()];
        // a picture in bytes may hold any of them
        let length = match binary(name, after) {
            Some(length) => length,
            None => after.iter().position(|byte| matches!(byte, b'^' | b'~')).unwrap_or(after.len()),
        };
        job.command(name, &after[..length]);
        rest = &after[length..];
    }
    job.end();
    Ok(())
}

/// The length of a `^GFB` command with its bytes.
fn binary(name: [u8; 2], after: &[u8]) -> Option<usize> {
    if name != *b"GF" || !after.first()?.eq_ignore_ascii_case(&b'B') {
        return None;
    }
    let head = commas(after, 4)?;
    let total = number(after[..head].split(|byte| *byte == b',').nth(1)?)?;
    head.checked_add(total as usize).filter(|length| *length <= after.len())
}

/// Where the parameter after so many commas begins.
fn commas(bytes: &[u8], count: usize) -> Option<usize> {
    bytes.iter().enumerate().filter(|(_, byte)| **byte == b',').nth(count - 1).map(|(at, _)| at + 1)
}

fn number(bytes: &[u8]) -> Option<u32> {
    std::str::from_utf8(bytes).ok()?.trim().parse().ok()
}

impl Job<'_> {
    fn command(&mut self, name: [u8; 2], parameters: &[u8]) {
        let pair = || {
            let mut numbers = parameters.split(|byte| *byte == b',').map(|part| number(part).unwrap_or(0));
            (numbers.next().unwrap_or(0), numbers.next().unwrap_or(0))
        };
        match &name {
            b"PW" => self.size.0 = pair().0.clamp(1, DOTS_SIDE_MAX),
            b"LL" => self.size.1 = pair().0.clamp(1, DOTS_SIDE_MAX),
            b"LH" => self.home = pair(),
            b"FO" | b"FT" => {
                let (x, y) = pair();
                self.origin = (x.saturating_add(self.home.0), y.saturating_add(self.home.1));
            }
            b"BC" => self.field = Field::Code128,
            b"BQ" => self.field = Field::Qr,
            // Code 39, Data Matrix, Interleaved 2 of 5, EAN, Code 93, Codabar, PDF417, Aztec
            b"B3" | b"BX" | b"B2" | b"BE" | b"B8" | b"BU" | b"BA" | b"BK" | b"B7" | b"BO" => self.field = Field::Other,
            b"FH" => self.escape = Some(parameters.first().copied().filter(u8::is_ascii_graphic).unwrap_or(b'_')),
            b"FD" | b"FV" => self.data(parameters),
            b"FS" => (self.field, self.escape) = (Field::Text, None),
            b"GF" => self.graphic(parameters),
            b"XZ" => self.end(),
            _ => {}
        }
    }

    fn data(&mut self, data: &[u8]) {
        let data = match self.escape {
            Some(escape) => unescaped(data, escape),
            None => data.to_vec(),
        };
        let text = String::from_utf8_lossy(&data).replace(['\r', '\n'], "");
        match self.field {
            Field::Text => {}
            Field::Other => self.codes.add(&text),
            Field::Code128 => self.codes.add(&code128(&text)),
            // quality and mode come first: "MA,…"; manual mode names each part's kind
            Field::Qr => {
                let content = text.split_once(',').map_or(text.as_str(), |(_, content)| content);
                let manual = text.as_bytes().get(1).is_some_and(|mode| mode.eq_ignore_ascii_case(&b'M'));
                match content.as_bytes() {
                    [b'B', digits @ ..] if manual && digits.len() > 4 && digits[..4].iter().all(u8::is_ascii_digit) => {
                        self.codes.add(&content[5..]);
                    }
                    [b'N' | b'A' | b'K', ..] if manual => self.codes.add(&content[1..]),
                    _ => self.codes.add(content),
                }
            }
        }
    }

    /// Puts a graphic field on the page.
    fn graphic(&mut self, parameters: &[u8]) {
        let Some(head) = commas(parameters, 4) else { return };
        let mut fields = parameters[..head].split(|byte| *byte == b',');
        let kind = fields.next().and_then(|kind| kind.first()).map(u8::to_ascii_uppercase);
        let _sent = fields.next();
        let (Some(total), Some(stride)) = (fields.next().and_then(number), fields.next().and_then(number)) else {
            return;
        };
        let (total, stride) = (total as usize, stride as usize);
        if stride == 0 || stride > DOTS_SIDE_MAX as usize / 8 || total > DOTS_MAX / 8 {
            return;
        }
        let data = &parameters[head..];
        let rows = match kind {
            Some(b'B') => Some(data.to_vec()),
            Some(b'A') => text_rows(data, total, stride),
            _ => None,
        };
        let Some(rows) = rows else { return };
        let size = (self.size.0.max(1), self.size.1.max(1));
        if size.0 as usize * size.1 as usize > DOTS_MAX {
            return;
        }
        let page = self.page.get_or_insert_with(|| Bitmap::new(size.0, size.1));
        paste(page, self.origin, stride, &rows, true);
    }

    fn end(&mut self) {
        if let Some(page) = self.page.take()
            && self.pages < PAGES_MAX
        {
            self.pages += 1;
            self.codes.dots(&page);
        }
        (self.field, self.escape, self.origin) = (Field::Text, None, (0, 0));
    }
}

/// `_1A` is a byte.
fn unescaped(data: &[u8], escape: u8) -> Vec<u8> {
    let mut out = Vec::with_capacity(data.len());
    let mut rest = data;
    while let Some((first, after)) = rest.split_first() {
        let byte = after.get(..2).and_then(|digits| u8::from_str_radix(std::str::from_utf8(digits).ok()?, 16).ok());
        match byte {
            Some(byte) if *first == escape => {
                out.push(byte);
                rest = &after[2..];
            }
            _ => {
                out.push(*first);
                rest = after;
            }
        }
    }
    out
}

/// What a Code 128 field holds: `>:` and its like choose a set, `>8` is FNC1, `><` and `>0` stand for what they may not
/// be written as.
fn code128(text: &str) -> String {
    let mut content = String::with_capacity(text.len());
    let mut characters = text.chars();
    while let Some(character) = characters.next() {
        if character != '>' {
            content.push(character);
            continue;
        }
        match characters.next() {
            Some('0') => content.push('>'),
            Some('<') => content.push('^'),
            Some('=') => content.push('~'),
            // FNC1 at the beginning is said by the symbology
            Some('8') if !content.is_empty() => content.push('\u{1d}'),
            _ => {}
        }
    }
    content
}

/// The rows of a graphic field in text: hexadecimal with or without runs, or base64, deflated or not.
fn text_rows(data: &[u8], total: usize, stride: usize) -> Option<Vec<u8>> {
    let data: Vec<u8> = data.iter().copied().filter(|byte| !byte.is_ascii_whitespace()).collect();
    let packed = |prefix: &[u8]| {
        let rest = data.strip_prefix(prefix)?;
        let end = rest.iter().position(|byte| *byte == b':').unwrap_or(rest.len());
        BASE64.decode(&rest[..end]).ok()
    };
    if data.starts_with(b":Z64:") {
        let mut rows = Vec::new();
        // what does not unpack any more leaves the rows before it
        let limit = total as u64;
        ZlibDecoder::new(packed(b":Z64:")?.as_slice()).take(limit).read_to_end(&mut rows).ok()?;
        return Some(rows);
    }
    if data.starts_with(b":B64:") {
        return packed(b":B64:");
    }
    Some(hexadecimal(&data, total, stride))
}

/// ZPL's own compression, the reverse of what our jobs are packed with.
fn hexadecimal(data: &[u8], total: usize, stride: usize) -> Vec<u8> {
    let row = stride * 2;
    let mut digits: Vec<u8> = Vec::new();
    let mut times = 0usize;
    for byte in data {
        if digits.len() >= total * 2 {
            break;
        }
        let filled = digits.len() % row;
        match byte {
            b'G'..=b'Y' => times += usize::from(byte - b'F'),
            b'g'..=b'z' => times += 20 * usize::from(byte - b'f'),
            b',' => digits.resize(digits.len() + row - filled, 0),
            b'!' => digits.resize(digits.len() + row - filled, 15),
            b':' if filled == 0 && digits.len() >= row => digits.extend_from_within(digits.len() - row..),
            _ => {
                if let Some(digit) = char::from(*byte).to_digit(16) {
                    let count = times.max(1).min(total * 2 - digits.len());
                    digits.extend(std::iter::repeat_n(digit as u8, count));
                }
                times = 0;
            }
        }
    }
    digits.chunks_exact(2).map(|pair| pair[0] << 4 | pair[1]).collect()
}
