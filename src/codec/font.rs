//! Fonts: which one has a character, how wide it is, how it looks in dots, and what to install where none has it.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use ab_glyph::{Font, FontVec, GlyphId, PxScale, point};

use super::Bitmap;
use crate::label::Metrics;

/// How much of a dot a letter must cover to blacken it.
const THRESHOLD: f32 = 0.5;
/// Most bytes of letters that are kept in dots: labels of a warehouse share some thousand of some hundred bytes, and the
/// letters of a poster are not kept. When they are full, they are made anew.
const LETTERS_MAX: usize = 2 * 1024 * 1024;
/// Bytes that a kept letter takes besides its dots.
const LETTER_BYTES: usize = 128;

/// A font file's bytes, and where they come from.
#[derive(Clone)]
pub struct FontFile {
    /// What it is called in messages.
    pub name: String,
    /// The Debian package that it belongs to; empty where nobody knows.
    pub package: String,
    /// Which face of a collection.
    pub index: u32,
    /// The file.
    pub bytes: Vec<u8>,
}

/// Why a font can't be used.
#[derive(Debug, thiserror::Error)]
#[error("the font {name} can't be read: {cause}")]
pub struct FontError {
    /// Its name.
    pub name: String,
    /// What is wrong.
    pub cause: String,
}

/// A font that has some of the characters.
pub(super) struct Face {
    pub font: FontVec,
    pub index: u32,
    package: String,
    em: f32,
}

/// A letter in dots.
pub(super) struct Letter {
    /// Its ink.
    pub dots: Bitmap,
    /// Dots from the caret to its leftmost column.
    pub left: i64,
    /// Dots from the baseline down to its uppermost row.
    pub top: i64,
}

/// Letters that were drawn before, by face, glyph and size; none for a blank.
#[derive(Default)]
struct Letters {
    drawn: HashMap<(usize, u16, u32), Option<Arc<Letter>>>,
    bytes: usize,
}

/// The fonts of a label, the preferred one first.
pub struct Fonts {
    faces: Vec<Face>,
    letters: Mutex<Letters>,
}

impl std::fmt::Debug for Fonts {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        out.debug_list().entries(self.faces.iter().map(|face| &face.package)).finish()
    }
}

/// The small Chinese font.
const SMALL: &str = "fonts-wqy-microhei";
/// The complete one.
const COMPLETE: &str = "fonts-noto-cjk";
/// The one for Latin letters.
const LATIN: &str = "fonts-dejavu-core";

impl Fonts {
    /// Opens fonts.
    ///
    /// # Errors
    /// One of them is no font.
    pub fn new(files: Vec<FontFile>) -> Result<Fonts, FontError> {
        let face = |file: FontFile| {
            let failed = |cause: String| FontError { name: file.name.clone(), cause };
            let font =
                FontVec::try_from_vec_and_index(file.bytes, file.index).map_err(|error| failed(error.to_string()))?;
            let em = font.units_per_em().filter(|em| *em > 0.0).ok_or_else(|| failed("it has no em".into()))?;
            Ok(Face { font, index: file.index, package: file.package, em })
        };
        Ok(Fonts { faces: files.into_iter().map(face).collect::<Result<_, _>>()?, letters: Mutex::default() })
    }

    /// Whether a character can be set.
    #[must_use]
    pub fn has(&self, character: char) -> bool {
        self.glyph(character).is_some()
    }

    /// The packages of the fonts.
    pub fn packages(&self) -> impl Iterator<Item = &str> {
        self.faces.iter().map(|face| face.package.as_str())
    }

    pub(super) fn faces(&self) -> &[Face] {
        &self.faces
    }

    /// The first font that has the character, and its glyph in it.
    pub(super) fn glyph(&self, character: char) -> Option<(usize, GlyphId)> {
        self.faces.iter().enumerate().find_map(|(at, face)| {
            let glyph = face.font.glyph_id(character);
            (glyph.0 != 0).then_some((at, glyph))
        })
    }

    /// A letter in dots; none where it has no ink.
    pub(super) fn letter(&self, face: usize, glyph: GlyphId, size: u32) -> Option<Arc<Letter>> {
        let key = (face, glyph.0, size);
        let mut letters = self.letters.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(letter) = letters.drawn.get(&key) {
            return letter.clone();
        }
        let letter = self.faces.get(face).and_then(|face| face.drawn(glyph, size)).map(Arc::new);
        let bytes = LETTER_BYTES + letter.as_ref().map_or(0, |letter| letter.dots.bytes().len());
        if letters.bytes + bytes > LETTERS_MAX {
            *letters = Letters::default();
        }
        if bytes <= LETTERS_MAX / 16 {
            letters.bytes += bytes;
            letters.drawn.insert(key, letter.clone());
        }
        letter
    }
}

impl Face {
    /// A glyph in dots, with its caret and baseline at zero.
    fn drawn(&self, glyph: GlyphId, size: u32) -> Option<Letter> {
        let placed = glyph.with_scale_and_position(PxScale::from(self.scale(size)), point(0.0, 0.0));
        let outline = self.font.outline_glyph(placed)?;
        let bounds = outline.px_bounds();
        let mut dots = Bitmap::new(bounds.width().ceil() as u32, bounds.height().ceil() as u32);
        outline.draw(|x, y, coverage| dots.set(x, y, coverage >= THRESHOLD));
        Some(Letter { dots, left: bounds.min.x as i64, top: bounds.min.y as i64 })
    }

    /// Width of a glyph as a fraction of the em.
    pub(super) fn advance(&self, glyph: GlyphId) -> f32 {
        self.font.h_advance_unscaled(glyph) / self.em
    }

    /// What `ab_glyph` calls the scale of letters of this height: it measures from ascender to descender.
    pub(super) fn scale(&self, size: u32) -> f32 {
        size as f32 * self.font.height_unscaled() / self.em
    }
}

impl Metrics for Fonts {
    fn advance(&self, character: char) -> Option<f32> {
        self.glyph(character).map(|(face, glyph)| self.faces[face].advance(glyph))
    }

    fn package_with(&self, character: char) -> Option<&'static str> {
        let installed = |package: &str| self.packages().any(|known| known == package);
        match u32::from(character) {
            // Chinese, Japanese and Korean beyond the first plane
            0x20000..=0x3FFFF => Some(COMPLETE),
            0x2E80..=0xA4CF | 0xAC00..=0xD7A3 | 0xF900..=0xFAFF | 0xFE30..=0xFE4F | 0xFF00..=0xFFEF => {
                Some(if installed(SMALL) { COMPLETE } else { SMALL })
            }
            0..=0x24FF => Some(LATIN),
            _ => None,
        }
        .filter(|package| !installed(package))
    }
}
