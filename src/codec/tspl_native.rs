//! Labels for TSPL printers that set their own letters and draw their own codes: smaller jobs for slow lines.
//!
//! What is proved is the layout as it is drawn here. The printer draws by itself, in another version of the QR code where
//! one is enough and with its own choice of Code 128's sets: nobody read that back.
//!
//! A text or code with a quotation mark, a backslash, a control character or anything beyond ASCII is sent as dots, so
//! that what stands between quotation marks can end neither them nor the line.

use serde::Deserialize;

use super::font::Fonts;
use super::native::{is_plain, pieces, split, thickness};
use super::proof::Proved;
use super::tspl::{TsplSettings, bitmap, foot, head};
use crate::label::{Correction, Item, Symbol, Symbology, TextLine};

/// Most dots of a module of a QR code (TSC's manual, `QRCODE`: 1 to 10).
const MODULE_MAX: u32 = 10;
/// How often a font of the printer may be enlarged (TSC's manual, `TEXT`: 1 to 10).
const TIMES_MAX: u32 = 10;
/// Laid over what is there: dots added, nothing taken away.
const ADDED: u8 = 1;

/// A font of a printer, whose letters are all of one width.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PrinterFont {
    /// What the printer calls it.
    pub name: String,
    /// Dots from one letter to the next.
    pub width: u32,
    /// Dots from one line to the next.
    pub height: u32,
}

/// The job for a printer whose fonts these are.
#[must_use]
pub fn tspl_native(label: &Proved, fonts: &Fonts, letters: &[PrinterFont], settings: TsplSettings) -> Vec<u8> {
    let layout = label.layout();
    let mut job = Vec::new();
    for items in &layout.pages {
        let page = split(layout, items, fonts, |item| command(item, fonts, letters).is_some());
        head([layout.width_mm, layout.height_mm], settings, &mut job);
        for command in page.told.iter().filter_map(|item| command(item, fonts, letters)) {
            job.extend_from_slice(command.as_bytes());
        }
        for piece in pieces(&page.dots) {
            let settings = TsplSettings { mode: ADDED, ..settings };
            bitmap(piece.place, piece.stride, &piece.rows, settings, &mut job);
        }
        foot(settings, &mut job);
    }
    job
}

/// The command of an item; none where it must be sent as dots.
fn command(item: &Item, fonts: &Fonts, letters: &[PrinterFont]) -> Option<String> {
    match item {
        Item::Fill(area) => {
            let (x, y, width, height) = (area.x, area.y, area.width, area.height);
            (thickness(area) > 0).then(|| format!("BAR {x},{y},{width},{height}\r\n"))
        }
        Item::Text(line) => text(line, fonts, letters),
        Item::Symbol(symbol) if symbol.module > MODULE_MAX || !is_quotable(&symbol.content) => None,
        Item::Symbol(symbol) => match symbol.symbology {
            None => Some(qr(symbol)),
            Some(Symbology::Code128) => {
                let (x, y, height, module) = (symbol.area.x, symbol.area.y, symbol.area.height, symbol.module);
                let content = &symbol.content;
                Some(format!("BARCODE {x},{y},\"128\",{height},0,0,{module},{module},\"{content}\"\r\n"))
            }
            Some(Symbology::Gs1Code128 | Symbology::Code39) => None,
        },
        Item::Picture(_) => None,
    }
}

fn qr(symbol: &Symbol) -> String {
    let level = match symbol.correction {
        Correction::L => 'L',
        Correction::M => 'M',
        Correction::Q => 'Q',
        Correction::H => 'H',
    };
    let (x, y, module, content) = (symbol.area.x, symbol.area.y, symbol.module, &symbol.content);
    format!("QRCODE {x},{y},{level},{module},A,0,M2,\"{content}\"\r\n")
}

/// The largest of the printer's letters that take no more room than ours; none where all are too large, or where the
/// text would be less than half as high as it is meant.
fn text(line: &TextLine, fonts: &Fonts, letters: &[PrinterFont]) -> Option<String> {
    let ours: f32 = line
        .text
        .chars()
        .filter_map(|character| fonts.glyph(character))
        .map(|(face, glyph)| fonts.faces()[face].advance(glyph))
        .sum();
    let count = u32::try_from(line.text.len()).ok().filter(|count| *count > 0 && is_quotable(&line.text))?;
    let (width, height) = ((ours * line.size as f32).floor() as u32, line.size);
    let fits = |font: &PrinterFont, times: u32| {
        let wide = count.checked_mul(font.width)?.checked_mul(times)?;
        let high = font.height.checked_mul(times)?;
        (wide <= width && high <= height && high * 2 >= height).then_some(high)
    };
    let sizes = letters.iter().flat_map(|font| (1..=TIMES_MAX).map(move |times| (font, times)));
    let (high, font, times) =
        sizes.filter_map(|(font, times)| Some((fits(font, times)?, font, times))).max_by_key(|(high, ..)| *high)?;
    // standing about where our letters stand: their foot is a fifth of their height above its end
    let top = line.baseline - high as f32 * 0.8;
    let is_on_page = line.x >= 0.0 && top >= 0.0;
    let (x, top, name, text) = (line.x as u32, top as u32, &font.name, &line.text);
    is_on_page.then(|| format!("TEXT {x},{top},\"{name}\",0,{times},{times},\"{text}\"\r\n"))
}

/// Whether a text may stand between quotation marks.
fn is_quotable(text: &str) -> bool {
    is_plain(text) && !text.contains(['"', '\\'])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_could_end_a_line_or_a_text_is_no_text() {
        for wrong in ["a\"b", "a\\[\"]b", "a\r\nPRINT 9", "张", "a\u{1d}"] {
            assert!(!is_quotable(wrong), "{wrong:?}");
        }
        assert!(is_quotable("SO-1001 ~!^@{}"));
    }
}
