//! A page for printers that set letters and draw codes by themselves: what they are told, and what they are sent as dots
//! all the same.
//!
//! Told is what can't be mistaken: black rectangles, letters of ASCII, QR codes and Code 128 of printable ASCII. All
//! else is drawn here and sent as dots.

use super::Bitmap;
use super::font::Fonts;
use super::raster::draw_items;
use crate::label::{Area, Item, Layout};

/// White rows between two pieces of a page that are sent apart; a field's head is longer than so many empty rows.
const APART: usize = 16;

/// A page in two parts.
pub(super) struct Split<'l> {
    /// What the printer is told, in the order of drawing.
    pub told: Vec<&'l Item>,
    /// What it is sent as dots.
    pub dots: Bitmap,
}

/// Divides a page. `is_told` says which texts and codes a printer is told; rectangles always are, pictures never.
pub(super) fn split<'l>(
    layout: &'l Layout,
    items: &'l [Item],
    fonts: &Fonts,
    is_told: impl Fn(&Item) -> bool,
) -> Split<'l> {
    let is_inverse = |item: Option<&Item>| matches!(item, Some(Item::Text(line)) if line.inverse);
    let is_told = |(at, item): (usize, &Item)| match item {
        // white letters are cut out of their box
        Item::Fill(_) => !is_inverse(items.get(at + 1)),
        Item::Text(line) => !line.inverse && is_told(item),
        Item::Symbol(_) => is_told(item),
        Item::Picture(_) => false,
    };
    let (told, drawn): (Vec<_>, Vec<_>) = items.iter().enumerate().partition(|(at, item)| is_told((*at, item)));
    Split {
        told: told.into_iter().map(|(_, item)| item).collect(),
        dots: draw_items(layout, drawn.into_iter().map(|(_, item)| item), fonts),
    }
}

/// Part of a page in dots; it begins at a whole byte of a row.
pub(super) struct Piece {
    /// Its upper left corner.
    pub place: (u32, u32),
    /// Bytes of a row.
    pub stride: usize,
    /// Its rows.
    pub rows: Vec<u8>,
}

/// The parts of a page that have ink, from the top.
pub(super) fn pieces(dots: &Bitmap) -> Vec<Piece> {
    let rows: Vec<&[u8]> = dots.rows().collect();
    let inked: Vec<usize> = (0..rows.len()).filter(|row| rows[*row].iter().any(|byte| *byte != 0)).collect();
    let piece = |run: &[usize]| {
        let (first, last) = (*run.first()?, *run.last()?);
        let has_ink = |column: &usize| rows[first..=last].iter().any(|row| row[*column] != 0);
        let (left, right) = ((0..dots.stride()).find(has_ink)?, (0..dots.stride()).rfind(has_ink)?);
        let place = (u32::try_from(left * 8).ok()?, u32::try_from(first).ok()?);
        let cut = rows[first..=last].iter().flat_map(|row| &row[left..=right]);
        Some(Piece { place, stride: right - left + 1, rows: cut.copied().collect() })
    };
    inked.chunk_by(|one, next| next - one <= APART).filter_map(piece).collect()
}

/// Whether a text has printable ASCII alone.
pub(super) fn is_plain(text: &str) -> bool {
    text.chars().all(|character| matches!(character, ' '..='~'))
}

/// The thickness of a line that fills a rectangle.
pub(super) fn thickness(area: &Area) -> u32 {
    area.width.min(area.height)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_has_ink_is_cut_out_and_nothing_is_lost() {
        let mut page = Bitmap::new(100, 200);
        for (x, y) in [(9, 3), (30, 5), (99, 100), (0, 199)] {
            page.fill(Area { x, y, width: 3, height: 4 });
        }
        let pieces = pieces(&page);
        let places: Vec<_> = pieces.iter().map(|piece| (piece.place, piece.stride)).collect();
        assert_eq!(places, [((8, 3), 4), ((96, 100), 1), ((0, 199), 1)]);
        let mut again = Bitmap::new(100, 200);
        for Piece { place: (left, top), stride, rows } in &pieces {
            for (at, byte) in rows.iter().enumerate() {
                let (column, row) = ((at % stride) as u32 * 8 + left, (at / stride) as u32 + top);
                (0..8).filter(|bit| byte & (0x80 >> bit) != 0).for_each(|bit| again.set(column + bit, row, true));
            }
        }
        assert_eq!(again, page);
        assert!(super::pieces(&Bitmap::new(8, 8)).is_empty());
    }
}
