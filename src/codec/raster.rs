//! Drawing laid out items in dots.

use ab_glyph::GlyphId;

use super::Bitmap;
use super::font::Fonts;
use crate::label::{Area, Item, Layout, Symbol, TextLine};

/// Draws the page with this number.
#[must_use]
pub fn draw(layout: &Layout, page: usize, fonts: &Fonts) -> Bitmap {
    draw_items(layout, layout.pages.get(page).into_iter().flatten(), fonts)
}

/// Draws some of a layout's items on a white page.
pub(super) fn draw_items<'l>(layout: &Layout, items: impl Iterator<Item = &'l Item>, fonts: &Fonts) -> Bitmap {
    let mut bitmap = Bitmap::new(layout.width, layout.height);
    for item in items {
        match item {
            Item::Fill(area) => bitmap.fill(*area),
            Item::Text(line) => text(&mut bitmap, line, fonts),
            Item::Symbol(code) => symbol(&mut bitmap, code),
            Item::Picture(picture) => {
                bitmap.stamp(&picture.dots, i64::from(picture.area.x), i64::from(picture.area.y), true);
            }
        }
    }
    bitmap
}

fn symbol(bitmap: &mut Bitmap, symbol: &Symbol) {
    let high = symbol.area.height / symbol.modules.rows().max(1);
    for (column, row, length) in symbol.modules.runs() {
        bitmap.fill(Area {
            x: symbol.area.x + column * symbol.module,
            y: symbol.area.y + row * high,
            width: length * symbol.module,
            height: high,
        });
    }
}

fn text(bitmap: &mut Bitmap, line: &TextLine, fonts: &Fonts) {
    let mut caret = line.x;
    for character in line.text.chars() {
        let Some((face, glyph)) = fonts.glyph(character) else { continue };
        // letters begin on whole dots, so that the same letter always looks the same
        letter(bitmap, line, fonts, (face, glyph), caret.round() as i64);
        caret += fonts.faces()[face].advance(glyph) * line.size as f32;
    }
}

fn letter(bitmap: &mut Bitmap, line: &TextLine, fonts: &Fonts, (face, glyph): (usize, GlyphId), caret: i64) {
    let Some(letter) = fonts.letter(face, glyph, line.size) else { return };
    let (left, top) = (caret + letter.left, line.baseline.round() as i64 + letter.top);
    for wider in 0..=i64::from(line.bold) {
        bitmap.stamp(&letter.dots, left + wider, top, !line.inverse);
    }
}
