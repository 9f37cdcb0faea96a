//! Labels for ZPL II printers that set their own letters and draw their own codes: smaller jobs for slow lines.
//!
//! What is proved is the layout as it is drawn here. The printer draws by itself, with its own letters, and in another
//! version of the QR code where one is enough: nobody read that back.
//!
//! Every sign of a field but letters, digits and a few marks is told in hexadecimal (`^FH`), so that none of it can be a
//! command.

use super::code128;
use super::font::Fonts;
use super::native::{is_plain, pieces, split, thickness};
use super::proof::Proved;
use super::zpl::{ZplSettings, foot, graphic, head};
use crate::label::{Correction, Item, Symbol, Symbology, TextLine};

/// Most dots of a module: `^BQ` takes 1 to 10 on all printers, `^BY` too (ZPL II guide).
const MODULE_MAX: u32 = 10;

/// The job for a printer: one format a page.
#[must_use]
pub fn zpl_native(label: &Proved, fonts: &Fonts, settings: ZplSettings) -> Vec<u8> {
    let layout = label.layout();
    let mut job = String::new();
    for items in &layout.pages {
        let page = split(layout, items, fonts, |item| field(item).is_some());
        head(layout.width, layout.height, settings, &mut job);
        page.told.iter().filter_map(|item| field(item)).for_each(|field| job.push_str(&field));
        for piece in pieces(&page.dots) {
            graphic(piece.place, piece.stride, &piece.rows, settings, &mut job);
        }
        foot(settings, &mut job);
    }
    job.into_bytes()
}

/// The field of an item; none where it must be sent as dots.
fn field(item: &Item) -> Option<String> {
    match item {
        Item::Fill(area) => {
            let (thick, x, y, width, height) = (thickness(area), area.x, area.y, area.width, area.height);
            (thick > 0).then(|| format!("^FO{x},{y}^GB{width},{height},{thick},B,0^FS\n"))
        }
        Item::Text(line) => text(line),
        Item::Symbol(symbol) if symbol.module > MODULE_MAX || !is_plain(&symbol.content.replace('\u{1d}', "")) => None,
        Item::Symbol(symbol) => match symbol.symbology {
            None => Some(qr(symbol)),
            Some(Symbology::Code128) => bars(symbol, false),
            Some(Symbology::Gs1Code128) => bars(symbol, true),
            Some(Symbology::Code39) => None,
        },
        Item::Picture(_) => None,
    }
}

/// The printer's scalable font, standing on our baseline.
fn text(line: &TextLine) -> Option<String> {
    let (x, baseline) = (line.x, line.baseline);
    let is_on_page = x >= 0.0 && baseline >= 0.0 && !line.text.is_empty();
    (is_on_page && is_plain(&line.text)).then(|| {
        let (x, baseline, size, text) = (x as u32, baseline as u32, line.size, escaped(&line.text));
        format!("^FT{x},{baseline}^A0N,{size},{size}^FH_^FD{text}^FS\n")
    })
}

/// A code below `^BY`'s height of one dot, by which printers move it down.
fn qr(symbol: &Symbol) -> String {
    let level = match symbol.correction {
        Correction::L => 'L',
        Correction::M => 'M',
        Correction::Q => 'Q',
        Correction::H => 'H',
    };
    let (x, y, module) = (symbol.area.x, symbol.area.y.saturating_sub(1), symbol.module);
    format!("^BY2,3,1^FO{x},{y}^BQN,2,{module}^FH_^FD{level}A,{}^FS\n", escaped(&symbol.content))
}

fn bars(symbol: &Symbol, gs1: bool) -> Option<String> {
    let data = escaped(&code128::told_in_zpl(&symbol.content, gs1)?);
    let (x, y, height, module) = (symbol.area.x, symbol.area.y, symbol.area.height, symbol.module);
    Some(format!("^BY{module},3,{height}^FO{x},{y}^BCN,{height},N,N,N^FH_^FD{data}^FS\n"))
}

/// What stands in a field: signs that may be taken for something else in hexadecimal.
fn escaped(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for byte in text.bytes() {
        match byte {
            b'0'..=b'9' | b'A'..=b'Z' | b'a'..=b'z' | b' ' | b'-' | b'.' | b':' | b'/' => {
                escaped.push(char::from(byte))
            }
            other => escaped.push_str(&format!("_{other:02X}")),
        }
    }
    escaped
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_sign_of_a_command_is_left() {
        assert_eq!(escaped("^XZ~HS_5E,\\&\r\n"), "_5EXZ_7EHS_5F5E_2C_5C_26_0D_0A");
        assert_eq!(escaped("WB:L:7.1.2:K3M2 a-b/c"), "WB:L:7.1.2:K3M2 a-b/c");
        assert_eq!(escaped("张"), "_E5_BC_A0");
    }
}
