//! Drawing a laid out page in dots.

use ab_glyph::{Font, GlyphId, PxScale, point};

use super::bitmap::Bitmap;
use super::font::Fonts;
use crate::label::{Area, Item, Layout, Symbol, TextLine};

/// How much of a dot a letter must cover to blacken it.
const THRESHOLD: f32 = 0.5;

/// Draws the page with this number.
#[must_use]
pub fn draw(layout: &Layout, page: usize, fonts: &Fonts) -> Bitmap {
    let mut bitmap = Bitmap::new(layout.width, layout.height);
    for item in layout.pages.get(page).into_iter().flatten() {
        match item {
            Item::Fill(area) => bitmap.fill(*area),
            Item::Text(line) => text(&mut bitmap, line, fonts),
            Item::Symbol(code) => symbol(&mut bitmap, code),
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
        letter(bitmap, line, fonts, (face, glyph), caret.round());
        caret += fonts.faces()[face].advance(glyph) * line.size as f32;
    }
}

fn letter(bitmap: &mut Bitmap, line: &TextLine, fonts: &Fonts, (face, glyph): (usize, GlyphId), caret: f32) {
    let face = &fonts.faces()[face];
    let scale = PxScale::from(face.scale(line.size));
    let placed = glyph.with_scale_and_position(scale, point(caret, line.baseline));
    let Some(outline) = face.font.outline_glyph(placed) else { return };
    let bounds = outline.px_bounds();
    outline.draw(|x, y, coverage| {
        let (left, top) = (bounds.min.x + x as f32, bounds.min.y + y as f32);
        if coverage >= THRESHOLD && left >= 0.0 && top >= 0.0 {
            for wider in 0..=line.bold {
                bitmap.set(left as u32 + wider, top as u32, !line.inverse);
            }
        }
    });
}
