//! Labels as PDF: real text with the letters that it needs, codes as paths, the page as large as the paper.

use std::collections::{BTreeMap, BTreeSet};

use ab_glyph::Font;
use allsorts::binary::read::ReadScope;
use allsorts::font_data::FontData;
use allsorts::subset::{CmapTarget, SubsetProfile, subset};
use printpdf::{
    Color, FontId, Greyscale, LinePoint, Mm, Op, PaintMode, ParsedFont, PdfDocument, PdfFont, PdfFontHandle, PdfPage,
    PdfSaveOptions, Point, Polygon, PolygonRing, Pt, Rect, TextItem, TextMatrix, TextRenderingMode, WindingOrder,
};

use super::font::Fonts;
use super::proof::Proved;
use crate::label::{Area, Item, Layout, Symbol, TextLine};

/// Why a PDF can't be made.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the font {font} can't be embedded: {cause}")]
pub struct PdfError {
    /// Which of the fonts, from 1.
    pub font: usize,
    /// What is wrong.
    pub cause: String,
}

/// Points of a millimetre.
const POINTS_PER_MM: f64 = 72.0 / 25.4;
/// Most letters that a kept part of a font has; a Chinese letter takes some 150 bytes in the file.
const KEPT_MAX: usize = 300;

/// The parts of fonts that former labels needed. Labels of one template share most letters, and cutting a part out of a
/// font takes longer than all the rest.
#[derive(Default)]
pub struct Subsets {
    kept: BTreeMap<usize, (BTreeSet<char>, PdfFont)>,
}

impl std::fmt::Debug for Subsets {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        out.debug_map().entries(self.kept.iter().map(|(face, (letters, _))| (face, letters.len()))).finish()
    }
}

impl Subsets {
    /// The part of a font with these letters, and perhaps others.
    fn with(&mut self, fonts: &Fonts, face: usize, letters: &BTreeSet<char>) -> Result<&PdfFont, PdfError> {
        let has_all = self.kept.get(&face).is_some_and(|(kept, _)| letters.is_subset(kept));
        if !has_all {
            let former = self.kept.get(&face).map(|(kept, _)| kept.clone()).unwrap_or_default();
            let together: BTreeSet<char> = former.union(letters).copied().collect();
            let wanted = if together.len() > KEPT_MAX { letters.clone() } else { together };
            let font = cut(fonts, face, &wanted).map_err(|cause| PdfError { font: face + 1, cause })?;
            self.kept.insert(face, (wanted, font));
        }
        let missing = || PdfError { font: face + 1, cause: "its part was not kept".into() };
        self.kept.get(&face).map(|(_, font)| font).ok_or_else(missing)
    }
}

/// Cuts some letters out of a font. The writer would embed the whole of it.
fn cut(fonts: &Fonts, face: usize, letters: &BTreeSet<char>) -> Result<PdfFont, String> {
    let face = fonts.faces().get(face).ok_or("there is no such font")?;
    let glyphs: BTreeSet<u16> = letters.iter().map(|letter| face.font.glyph_id(*letter).0).chain([0]).collect();
    let glyphs: Vec<u16> = glyphs.into_iter().collect();
    let data = ReadScope::new(face.font.font_data()).read::<FontData<'_>>().map_err(|error| error.to_string())?;
    let provider = data.table_provider(face.index as usize).map_err(|error| error.to_string())?;
    let part =
        subset(&provider, &glyphs, &SubsetProfile::Pdf, CmapTarget::Unicode).map_err(|error| error.to_string())?;
    let parsed = ParsedFont::from_bytes(&part, 0, &mut Vec::new()).ok_or("its part can't be read")?;
    match letters.iter().find(|letter| parsed.lookup_glyph_index(u32::from(**letter)).is_none()) {
        Some(letter) => Err(format!("its part lacks U+{:04X}", u32::from(*letter))),
        None => Ok(PdfFont::new(parsed)),
    }
}

/// The file.
///
/// # Errors
/// A font can't be embedded.
pub fn pdf(label: &Proved, fonts: &Fonts, subsets: &mut Subsets) -> Result<Vec<u8>, PdfError> {
    let layout = label.layout();
    let mut document = PdfDocument::new(&layout.title);
    "waybind".clone_into(&mut document.metadata.info.creator);
    "waybind".clone_into(&mut document.metadata.info.producer);
    for (face, letters) in letters(layout, fonts) {
        let font = subsets.with(fonts, face, &letters)?.clone();
        document.resources.fonts.map.insert(font_id(face), font);
    }
    let scale = Scale { points_per_dot: POINTS_PER_MM / layout.resolution.dots_per_mm(), height: layout.height };
    let mut pages = Vec::with_capacity(layout.pages.len());
    for items in &layout.pages {
        let mut ops = vec![Op::SetFillColor { col: grey(0.0) }, Op::SetOutlineColor { col: grey(0.0) }];
        for item in items {
            match item {
                Item::Fill(area) => ops.push(Op::DrawRectangle { rectangle: scale.rectangle(*area) }),
                Item::Text(line) => text(line, fonts, &scale, &mut ops),
                Item::Symbol(code) => ops.push(symbol(code, &scale)),
            }
        }
        pages.push(PdfPage::new(Mm(layout.width_mm as f32), Mm(layout.height_mm as f32), ops));
    }
    document.with_pages(pages);
    let options = PdfSaveOptions { subset_fonts: false, ..PdfSaveOptions::default() };
    Ok(document.save(&options, &mut Vec::new()))
}

fn font_id(face: usize) -> FontId {
    FontId(format!("Label{face}"))
}

fn grey(percent: f32) -> Color {
    Color::Greyscale(Greyscale { percent, icc_profile: None })
}

/// The letters of each font.
fn letters(layout: &Layout, fonts: &Fonts) -> BTreeMap<usize, BTreeSet<char>> {
    let mut letters: BTreeMap<usize, BTreeSet<char>> = BTreeMap::new();
    for item in layout.pages.iter().flatten() {
        let Item::Text(line) = item else { continue };
        for character in line.text.chars() {
            if let Some((face, _)) = fonts.glyph(character) {
                letters.entry(face).or_default().insert(character);
            }
        }
    }
    letters
}

/// Dots from the upper left corner as points from the lower left one.
struct Scale {
    points_per_dot: f64,
    height: u32,
}

impl Scale {
    fn length(&self, dots: f64) -> Pt {
        Pt((dots * self.points_per_dot) as f32)
    }

    fn y(&self, dots: f64) -> Pt {
        self.length(f64::from(self.height) - dots)
    }

    fn rectangle(&self, area: Area) -> Rect {
        Rect {
            x: self.length(f64::from(area.x)),
            y: self.y(f64::from(area.bottom())),
            width: self.length(f64::from(area.width)),
            height: self.length(f64::from(area.height)),
            mode: Some(PaintMode::Fill),
            winding_order: None,
        }
    }
}

fn text(line: &TextLine, fonts: &Fonts, scale: &Scale, ops: &mut Vec<Op>) {
    let size = f64::from(line.size);
    let mut caret = f64::from(line.x);
    let placed: Vec<(char, usize, f64)> = line
        .text
        .chars()
        .filter_map(|character| {
            let (face, glyph) = fonts.glyph(character)?;
            let at = caret;
            caret += f64::from(fonts.faces()[face].advance(glyph)) * size;
            Some((character, face, at))
        })
        .collect();
    let shade = if line.inverse { 1.0 } else { 0.0 };
    ops.extend([Op::StartTextSection, Op::SetFillColor { col: grey(shade) }, Op::SetOutlineColor { col: grey(shade) }]);
    if line.bold > 0 {
        ops.push(Op::SetTextRenderingMode { mode: TextRenderingMode::FillStroke });
        ops.push(Op::SetOutlineThickness { pt: scale.length(f64::from(line.bold)) });
    }
    for run in placed.chunk_by(|one, other| one.1 == other.1) {
        let (_, face, at) = run[0];
        let font = PdfFontHandle::External(font_id(face));
        ops.push(Op::SetFont { font, size: scale.length(size) });
        let x = scale.length(at + f64::from(line.bold) / 2.0);
        ops.push(Op::SetTextMatrix { matrix: TextMatrix::Translate(x, scale.y(f64::from(line.baseline))) });
        ops.push(Op::ShowText { items: vec![TextItem::Text(run.iter().map(|(character, ..)| character).collect())] });
    }
    if line.bold > 0 {
        ops.push(Op::SetTextRenderingMode { mode: TextRenderingMode::Fill });
    }
    ops.extend([Op::EndTextSection, Op::SetFillColor { col: grey(0.0) }, Op::SetOutlineColor { col: grey(0.0) }]);
}

/// A code as one path: between rectangles of their own, viewers draw hairlines.
fn symbol(symbol: &Symbol, scale: &Scale) -> Op {
    let high = f64::from(symbol.area.height / symbol.modules.rows().max(1));
    let module = f64::from(symbol.module);
    let ring = |(column, row, length): (u32, u32, u32)| {
        let left = f64::from(symbol.area.x) + f64::from(column) * module;
        let top = f64::from(symbol.area.y) + f64::from(row) * high;
        let (right, bottom) = (left + f64::from(length) * module, top + high);
        let corners = [(left, top), (right, top), (right, bottom), (left, bottom)];
        let point = |(x, y)| LinePoint { p: Point { x: scale.length(x), y: scale.y(y) }, bezier: false };
        PolygonRing { points: corners.into_iter().map(point).collect() }
    };
    let rings = symbol.modules.runs().map(ring).collect();
    Op::DrawPolygon { polygon: Polygon { rings, mode: PaintMode::Fill, winding_order: WindingOrder::NonZero } }
}
