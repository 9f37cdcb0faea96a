//! Letters that a PDF asks for and does not bring along. Drawing leaves them out without a word, so a page that wants them
//! is not printed from dots.

use hayro_syntax::object::{Array, Dict, Name, Object, Stream};
use hayro_syntax::page::Page;

/// How deep forms within forms are looked into; labels have one or two.
const DEPTH_MAX: usize = 6;
/// Forms and fonts that are looked at; a label has some ten.
const LOOKED_AT: usize = 500;
/// Longest name of a font that is told.
const NAME_MAX: usize = 60;

/// The first font of a page whose letters can't be drawn.
pub(super) fn missing(page: &Page<'_>) -> Option<String> {
    let resources = page.resources();
    let mut left = LOOKED_AT;
    in_fonts(&resources.fonts, &mut left).or_else(|| in_forms(&resources.x_objects, 0, &mut left))
}

fn in_fonts(fonts: &Dict<'_>, left: &mut usize) -> Option<String> {
    fonts.keys().take(*left).find_map(|name| {
        *left = left.saturating_sub(1);
        let font = fonts.get::<Dict<'_>>(name)?;
        let is_composite = font.get::<Name<'_>>(&b"Subtype"[..]).is_some_and(|kind| *kind == *b"Type0");
        (is_composite && !is_whole(&font)).then(|| named(&font))
    })
}

/// Whether a composite font, as Chinese text has it, comes with its letters and says which is which. Fonts of one byte a
/// letter are drawn with a likeness where they are not in the file, as every viewer does.
fn is_whole(font: &Dict<'_>) -> bool {
    let encoding = match font.get::<Object<'_>>(&b"Encoding"[..]) {
        Some(Object::Name(name)) => *name == *b"Identity-H" || *name == *b"Identity-V",
        Some(Object::Stream(_)) => true,
        _ => false,
    };
    let descendants = font.get::<Array<'_>>(&b"DescendantFonts"[..]);
    let descriptor = descendants
        .and_then(|fonts| fonts.iter::<Dict<'_>>().next())
        .and_then(|font| font.get::<Dict<'_>>(&b"FontDescriptor"[..]));
    let has_letters = descriptor.is_some_and(|descriptor| {
        [&b"FontFile2"[..], b"FontFile3"].into_iter().any(|file| descriptor.get::<Stream<'_>>(file).is_some())
    });
    encoding && has_letters
}

fn in_forms(x_objects: &Dict<'_>, depth: usize, left: &mut usize) -> Option<String> {
    if depth >= DEPTH_MAX {
        return None;
    }
    x_objects.keys().take(*left).find_map(|name| {
        *left = left.checked_sub(1)?;
        let form = x_objects.get::<Stream<'_>>(name)?;
        let resources = form.dict().get::<Dict<'_>>(&b"Resources"[..])?;
        let fonts = resources.get::<Dict<'_>>(&b"Font"[..]).unwrap_or_default();
        let inner = resources.get::<Dict<'_>>(&b"XObject"[..]).unwrap_or_default();
        in_fonts(&fonts, left).or_else(|| in_forms(&inner, depth + 1, left))
    })
}

fn named(font: &Dict<'_>) -> String {
    let name = font.get::<Name<'_>>(&b"BaseFont"[..]);
    let name = name.map(|name| String::from_utf8_lossy(&name).chars().take(NAME_MAX).collect());
    name.unwrap_or_else(|| "without a name".to_owned())
}
