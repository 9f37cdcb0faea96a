//! TSPL: the commands for codes say what they hold, the bitmaps are read.
//!
//! Lines end with CR or LF, but a bitmap's bytes may hold both: they are counted.

use super::{Codes, DOTS_MAX, LabelReadError, PAGES_MAX, picture};

/// Lines of a job that are looked at; a label has some hundred.
const LINES_MAX: usize = 20_000;

pub(super) fn codes(bytes: &[u8], codes: &mut Codes) -> Result<(), LabelReadError> {
    let mut rest = bytes;
    let mut known = false;
    let mut pictures = 0;
    for _ in 0..LINES_MAX {
        let start = rest.iter().position(|byte| !byte.is_ascii_whitespace()).unwrap_or(rest.len());
        rest = &rest[start..];
        if rest.is_empty() {
            break;
        }
        let name_end = rest.iter().position(|byte| !byte.is_ascii_alphanumeric()).unwrap_or(rest.len());
        let name = rest[..name_end].to_ascii_uppercase();
        if name == b"BITMAP" {
            known = true;
            let Some((after, stride, rows)) = bitmap(&rest[name_end..]) else {
                return Err(LabelReadError::Broken("a bitmap ends early"));
            };
            // a white dot is 1
            if pictures < PAGES_MAX
                && let Some(page) = picture(stride, rows, false)
            {
                pictures += 1;
                codes.dots(&page);
            }
            rest = after;
            continue;
        }
        let end = line_end(rest);
        let line = &rest[name_end.min(end)..end];
        known |= matches!(name.as_slice(), b"SIZE" | b"CLS" | b"PRINT" | b"GAP" | b"DIRECTION");
        if matches!(name.as_slice(), b"BARCODE" | b"QRCODE" | b"DMATRIX" | b"PDF417" | b"AZTEC")
            && let Some(content) = last_quoted(line)
        {
            codes.add(&content.replace("\\[\"]", "\""));
        }
        rest = &rest[end..];
    }
    if known { Ok(()) } else { Err(LabelReadError::OtherFormat("TSPL")) }
}

fn line_end(rest: &[u8]) -> usize {
    rest.iter().position(|byte| matches!(byte, b'\r' | b'\n')).unwrap_or(rest.len())
}

/// The last text in quotation marks; `\["]` is a quotation mark within.
fn last_quoted(line: &[u8]) -> Option<String> {
    let text = String::from_utf8_lossy(line);
    let marks: Vec<usize> =
        text.match_indices('"').map(|(at, _)| at).filter(|at| !text[..*at].ends_with("\\[")).collect();
    let [.., from, to] = marks.as_slice() else { return None };
    Some(text[from + 1..*to].to_owned())
}

/// What follows `BITMAP`: x, y, bytes a row, rows, mode and the bytes.
fn bitmap(after: &[u8]) -> Option<(&[u8], usize, &[u8])> {
    let mut commas = after.iter().enumerate().filter(|(_, byte)| **byte == b',').map(|(at, _)| at);
    let places: Vec<usize> = commas.by_ref().take(5).collect();
    let [_, second, third, fourth, fifth] = places.try_into().ok()?;
    let number = |from: usize, to: usize| -> Option<usize> {
        std::str::from_utf8(&after[from + 1..to]).ok()?.trim().parse().ok()
    };
    let (stride, height) = (number(second, third)?, number(third, fourth)?);
    let total = stride.checked_mul(height).filter(|total| *total <= DOTS_MAX / 8)?;
    let rows = after.get(fifth + 1..)?.get(..total)?;
    Some((&after[fifth + 1 + total..], stride, rows))
}
