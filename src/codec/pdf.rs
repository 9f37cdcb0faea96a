//! Labels as PDF: real text with the letters that it needs, codes as paths, pictures as masks of dots, the page as large
//! as the paper.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use ab_glyph::Font;
use allsorts::binary::read::ReadScope;
use allsorts::font_data::FontData;
use allsorts::subset::{CmapTarget, SubsetProfile, subset};
use data_encoding::HEXLOWER;
use printpdf::{
    Color, DictItem, ExternalStream, ExternalXObject, FontId, Greyscale, LinePoint, Mm, Op, PaintMode, ParsedFont,
    PdfDocument, PdfFont, PdfFontHandle, PdfPage, PdfSaveOptions, Point, Polygon, PolygonRing, Pt, Rect, TextItem,
    TextMatrix, TextRenderingMode, WindingOrder, XObject, XObjectId, XObjectTransform,
};
use sha2::{Digest as _, Sha256};

use super::font::Fonts;
use super::proof::Proved;
use crate::label::{Area, Bitmap, Item, Layout, Symbol, TextLine};

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
    // the same dots on many pages stand in the file once
    let mut pictures: Vec<Arc<Bitmap>> = Vec::new();
    let mut pages = Vec::with_capacity(layout.pages.len());
    for items in &layout.pages {
        let mut ops = vec![Op::SetFillColor { col: grey(0.0) }, Op::SetOutlineColor { col: grey(0.0) }];
        for item in items {
            match item {
                Item::Fill(area) => ops.push(Op::DrawRectangle { rectangle: scale.rectangle(*area) }),
                Item::Text(line) => text(line, fonts, &scale, &mut ops),
                Item::Symbol(code) => ops.push(symbol(code, &scale)),
                Item::Picture(picture) => {
                    let known = pictures.iter().position(|known| Arc::ptr_eq(known, &picture.dots));
                    let at = known.unwrap_or_else(|| {
                        pictures.push(picture.dots.clone());
                        document.resources.xobjects.map.insert(picture_id(pictures.len() - 1), mask(&picture.dots));
                        pictures.len() - 1
                    });
                    ops.push(Op::UseXobject { id: picture_id(at), transform: scale.transform(picture.area) });
                }
            }
        }
        pages.push(PdfPage::new(Mm(layout.width_mm as f32), Mm(layout.height_mm as f32), ops));
    }
    document.with_pages(pages);
    let options = PdfSaveOptions { subset_fonts: false, ..PdfSaveOptions::default() };
    Ok(identified(document.save(&options, &mut Vec::new())))
}

/// The file with a digest of itself for its identifiers, which the writer draws by lot: the same label is the same file.
fn identified(mut file: Vec<u8>) -> Vec<u8> {
    const MARK: &[u8] = b"/ID[(";
    const LENGTH: usize = 32;
    let Some(start) = file.windows(MARK.len()).rposition(|window| window == MARK).map(|at| at + MARK.len()) else {
        return file;
    };
    let second = start + LENGTH + b")(".len();
    let is_pair = file.get(start + LENGTH..second) == Some(b")(") && file.get(second + LENGTH) == Some(&b')');
    if is_pair {
        let digest = HEXLOWER.encode(&Sha256::digest(&file[..start]));
        let identifier = &digest.as_bytes()[..LENGTH];
        file[start..start + LENGTH].copy_from_slice(identifier);
        file[second..second + LENGTH].copy_from_slice(identifier);
    }
    file
}

fn font_id(face: usize) -> FontId {
    FontId(format!("Label{face}"))
}

fn picture_id(at: usize) -> XObjectId {
    XObjectId(format!("Picture{at}"))
}

/// A picture as a stencil: its black dots are painted, what lies under its white ones stays.
fn mask(dots: &Bitmap) -> XObject {
    let name = |text: &str| DictItem::Name(text.as_bytes().to_vec());
    let dict = [
        ("Type", name("XObject")),
        ("Subtype", name("Image")),
        ("Width", DictItem::Int(i64::from(dots.width()))),
        ("Height", DictItem::Int(i64::from(dots.height()))),
        ("ImageMask", DictItem::Bool(true)),
        ("BitsPerComponent", DictItem::Int(1)),
        // 1 is painted
        ("Decode", DictItem::Array(vec![DictItem::Int(1), DictItem::Int(0)])),
    ];
    let dict = dict.into_iter().map(|(key, value)| (key.to_owned(), value)).collect();
    let stream = ExternalStream { dict, content: dots.bytes().to_vec(), compress: true };
    XObject::External(ExternalXObject { stream, width: None, height: None, dpi: None })
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

    /// From the unit square in which a picture is drawn.
    fn transform(&self, area: Area) -> XObjectTransform {
        XObjectTransform {
            translate_x: Some(self.length(f64::from(area.x))),
            translate_y: Some(self.y(f64::from(area.bottom()))),
            scale_x: Some(self.length(f64::from(area.width)).0),
            scale_y: Some(self.length(f64::from(area.height)).0),
            no_auto_scale: true,
            ..XObjectTransform::default()
        }
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
