//! A filled template in dots: what goes where on each page. Everything that is drawn, printed or written to a file is
//! drawn from this.

use std::sync::Arc;

use super::bitmap::Bitmap;
use super::error::{LabelError, Trouble};
use super::fill::{Filled, Placed};
use super::geometry::{Area, Resolution};
use super::picture::{ImageElement, Pictures};
use super::script::{is_wide, settable};
use super::template::{
    Align, BarcodeElement, BoxElement, Correction, Element, ElementRef, LineElement, QrElement, Symbology, TextElement,
    VerticalAlign,
};
use super::wrap::{Broken, Wide, wrap};
use crate::barcode::gs1::{GS, parse_bracketed};

/// How wide letters are; implemented by whoever has the fonts.
pub trait Metrics {
    /// Width of a character as a fraction of the letters' height; none where no font has it.
    fn advance(&self, character: char) -> Option<f32>;

    /// The Debian package whose font has a character that is missing, where one is known.
    fn package_with(&self, character: char) -> Option<&'static str>;
}

/// Makes the modules of codes; implemented by whoever has the encoders.
pub trait Encoder {
    /// The modules of a QR code.
    ///
    /// # Errors
    /// What is wrong with the content.
    fn qr(&self, content: &str, correction: Correction) -> Result<Modules, String>;

    /// The modules of a bar code, one row. GS1 content has U+001D between its elements.
    ///
    /// # Errors
    /// What is wrong with the content.
    fn barcode(&self, content: &str, symbology: Symbology) -> Result<Modules, String>;
}

/// The modules of a code, without quiet zones.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Modules {
    columns: u32,
    dark: Vec<bool>,
}

impl Modules {
    /// Modules row by row; an unfinished last row is dropped.
    #[must_use]
    pub fn new(columns: u32, mut dark: Vec<bool>) -> Modules {
        let columns = columns.max(1);
        dark.truncate(dark.len() / columns as usize * columns as usize);
        Modules { columns, dark }
    }

    /// Modules beside each other.
    #[must_use]
    pub fn columns(&self) -> u32 {
        self.columns
    }

    /// Modules above each other; 1 for a bar code.
    #[must_use]
    pub fn rows(&self) -> u32 {
        self.dark.len() as u32 / self.columns
    }

    /// Whether a module is dark; outside of the code none is.
    #[must_use]
    pub fn is_dark(&self, column: u32, row: u32) -> bool {
        let at = u64::from(row) * u64::from(self.columns) + u64::from(column);
        let at = usize::try_from(at).ok().filter(|_| column < self.columns);
        at.and_then(|at| self.dark.get(at)).copied().unwrap_or(false)
    }

    /// Runs of dark modules: column, row, length.
    pub fn runs(&self) -> impl Iterator<Item = (u32, u32, u32)> {
        self.dark.chunks(self.columns as usize).enumerate().flat_map(|(row, modules)| {
            let mut at = 0;
            modules.chunk_by(|one, other| one == other).filter_map(move |run| {
                let start = at;
                at += run.len();
                run[0].then_some((start as u32, row as u32, run.len() as u32))
            })
        })
    }
}

/// A laid out label.
#[derive(Clone, Debug, PartialEq)]
pub struct Layout {
    /// What it is for.
    pub title: String,
    /// How fine it is.
    pub resolution: Resolution,
    /// Width of the paper in millimetres.
    pub width_mm: f64,
    /// Height of the paper in millimetres.
    pub height_mm: f64,
    /// Width in dots.
    pub width: u32,
    /// Height in dots.
    pub height: u32,
    /// What stands on each page, in the order of drawing.
    pub pages: Vec<Vec<Item>>,
}

/// Something that is drawn.
#[derive(Clone, Debug, PartialEq)]
pub enum Item {
    /// A black rectangle.
    Fill(Area),
    /// A line of text.
    Text(TextLine),
    /// A code.
    Symbol(Symbol),
    /// A picture.
    Picture(Picture),
}

/// A line of text.
#[derive(Clone, Debug, PartialEq)]
pub struct TextLine {
    /// Where its first letter begins, in dots.
    pub x: f32,
    /// Where its letters stand, in dots.
    pub baseline: f32,
    /// Height of its letters (the em), in dots.
    pub size: u32,
    /// By how many dots its strokes are thickened.
    pub bold: u32,
    /// White on black.
    pub inverse: bool,
    /// What it says.
    pub text: String,
}

/// A code.
#[derive(Clone, Debug, PartialEq)]
pub struct Symbol {
    /// The element that it comes from.
    pub element: ElementRef,
    /// None for a QR code.
    pub symbology: Option<Symbology>,
    /// How much damage a QR code stands.
    pub correction: Correction,
    /// What a scanner must read.
    pub content: String,
    /// Its modules.
    pub modules: Modules,
    /// Dots of a module.
    pub module: u32,
    /// Where the modules stand, quiet zone excluded.
    pub area: Area,
    /// The white ring (QR) or the white stripes (bar codes) around it, quiet zone included.
    pub quiet: Area,
}

/// A picture. Its black dots are ink, its white ones are paper: what lies under them stays.
#[derive(Clone, Debug, PartialEq)]
pub struct Picture {
    /// Where it stands.
    pub area: Area,
    /// Its dots, as many as its area has.
    pub dots: Arc<Bitmap>,
}

/// Widest and highest paper, in millimetres: A3, so that a template can't ask for gigabytes.
pub(super) const PAPER_MAX_MM: f64 = 420.0;
/// Smallest paper, in millimetres.
pub(super) const PAPER_MIN_MM: f64 = 10.0;
/// Quiet zone of a QR code in modules (ISO/IEC 18004).
pub const QR_QUIET: u32 = 4;
/// Quiet zone of a bar code on each side in modules (GS1 General Specifications, ISO/IEC 15417).
pub const BAR_QUIET: u32 = 10;
/// Widest module of a bar code in millimetres (GS1 General Specifications, logistic units).
const BAR_MODULE_MAX_MM: f64 = 1.016;
/// Below this the strokes of Chinese characters run together, in dots.
const CHINESE_MIN_DOTS: u32 = 20;
/// Below this Latin letters can't be read, in dots.
const LATIN_MIN_DOTS: u32 = 12;
/// How far letters reach above their baseline, as a fraction of their height.
const ASCENT: f32 = 0.88;
/// How far letters reach below it.
const DESCENT: f32 = 0.22;
/// From one baseline to the next.
const LINE_PITCH: f32 = 1.2;
/// Bold strokes are thicker by this part of the letters' height.
const BOLD_PART: u32 = 24;
/// How much of a text that does not fit is told, in characters.
const TOLD_MAX: usize = 30;

/// Lays out a filled template.
///
/// # Errors
/// Every text that does not fit or can't be set, every code that can't be made or scanned, every picture that is not there.
pub fn lay_out(
    filled: &Filled<'_>,
    resolution: Resolution,
    metrics: &dyn Metrics,
    encoder: &dyn Encoder,
    pictures: &dyn Pictures,
) -> Result<Layout, Vec<LabelError>> {
    let [width_mm, height_mm] = filled.size;
    if !filled.size.iter().all(|side| (PAPER_MIN_MM..=PAPER_MAX_MM).contains(side)) {
        return Err(vec![LabelError { element: None, trouble: Trouble::PaperSize { width_mm, height_mm } }]);
    }
    let bench = Bench { resolution, metrics, encoder, pictures, today: filled.today };
    let (width, height) = (resolution.dots(width_mm), resolution.dots(height_mm));
    let mut errors = Vec::new();
    let mut pages = Vec::with_capacity(filled.pages.len());
    for placed in &filled.pages {
        let mut items = Vec::new();
        for one in placed {
            let frame = one.frame();
            let result = match frame.is_within(filled.size) {
                true => bench.draw(one, Area::of(frame, resolution), &mut items),
                false => Err(Trouble::OffPaper),
            };
            if let Err(trouble) = result {
                errors.push(LabelError { element: Some(one.name), trouble });
            }
        }
        pages.push(items);
    }
    if !errors.is_empty() {
        return Err(errors);
    }
    Ok(Layout { title: filled.title.clone(), resolution, width_mm, height_mm, width, height, pages })
}

/// What is needed to lay out an element.
struct Bench<'a> {
    resolution: Resolution,
    metrics: &'a dyn Metrics,
    encoder: &'a dyn Encoder,
    pictures: &'a dyn Pictures,
    today: jiff::civil::Date,
}

impl Bench<'_> {
    fn draw(&self, placed: &Placed<'_>, area: Area, items: &mut Vec<Item>) -> Result<(), Trouble> {
        match placed.element {
            Element::Text(element) => self.text(element, &placed.content, area, items)?,
            Element::Qr(element) => items.push(Item::Symbol(self.qr(element, placed, area)?)),
            Element::Barcode(element) => items.push(Item::Symbol(self.barcode(element, placed, area)?)),
            Element::Box(element) => self.frame(element, area, items),
            Element::Line(element) => self.line(element, area, items),
            Element::Image(element) => items.push(Item::Picture(self.picture(element, area)?)),
        }
        Ok(())
    }

    fn thickness(&self, mm: f64) -> u32 {
        self.resolution.dots(mm).max(1)
    }

    fn frame(&self, element: &BoxElement, area: Area, items: &mut Vec<Item>) {
        let thick = self.thickness(element.thickness).min(area.width).min(area.height);
        if element.fill {
            items.push(Item::Fill(area));
            return;
        }
        let (right, bottom) = (area.right() - thick, area.bottom() - thick);
        items.extend([
            Item::Fill(Area { height: thick, ..area }),
            Item::Fill(Area { y: bottom, height: thick, ..area }),
            Item::Fill(Area { width: thick, ..area }),
            Item::Fill(Area { x: right, width: thick, ..area }),
        ]);
    }

    fn line(&self, element: &LineElement, area: Area, items: &mut Vec<Item>) {
        let thick = self.thickness(element.thickness);
        let is_level = area.width >= area.height;
        let (width, height) = if is_level { (area.width, thick) } else { (thick, area.height) };
        items.push(Item::Fill(Area { width, height, ..area }));
    }

    fn picture(&self, element: &ImageElement, area: Area) -> Result<Picture, Trouble> {
        let wanted = element.wanted(area.width, area.height);
        let failed = |cause| Trouble::Picture { file: element.file.to_string(), cause };
        let dots = self.pictures.dots(&element.file, wanted).map_err(failed)?;
        let (width, height) = (dots.width(), dots.height());
        if width > area.width || height > area.height {
            return Err(failed(format!("it has {width} × {height} dots, more than its box")));
        }
        let (x, y) = (area.x + (area.width - width) / 2, area.y + (area.height - height) / 2);
        Ok(Picture { area: Area { x, y, width, height }, dots })
    }

    fn text(&self, element: &TextElement, text: &str, area: Area, items: &mut Vec<Item>) -> Result<(), Trouble> {
        if element.inverse {
            items.push(Item::Fill(area));
        }
        let text = settable(text)?;
        let measured = text.chars().map(|character| match self.metrics.advance(character) {
            Some(width) => Ok(Wide { character, width }),
            None => Err(Trouble::NoGlyph { character, package: self.metrics.package_with(character) }),
        });
        let measured: Vec<Wide> = measured.collect::<Result<_, _>>()?;
        let readable = readable(&measured);
        if self.resolution.dots(element.height) < readable {
            let needed_mm = (self.resolution.mm(f64::from(readable)) * 10.0).ceil() / 10.0;
            return Err(Trouble::TooSmall { height_mm: element.height, needed_mm });
        }
        let (lines, size) = self.fit(element, &measured, readable, area).ok_or_else(|| {
            let told: String = text.chars().take(TOLD_MAX).collect();
            let more = if told.len() < text.len() { "…" } else { "" };
            Trouble::TextOverflow {
                text: format!("{told}{more}"),
                width_mm: element.size[0],
                height_mm: element.size[1],
            }
        })?;
        let bold = if element.bold { (size / BOLD_PART).max(1) } else { 0 };
        let high = size as f32;
        let free = area.height as f32 - block_height(size, lines.len());
        let top = area.y as f32
            + match element.valign {
                VerticalAlign::Top => 0.0,
                VerticalAlign::Middle => free / 2.0,
                VerticalAlign::Bottom => free,
            };
        for (index, line) in lines.into_iter().enumerate() {
            let free = area.width as f32 - line.width * high - bold as f32;
            let indent = match element.align {
                Align::Left => 0.0,
                Align::Center => free / 2.0,
                Align::Right => free,
            };
            items.push(Item::Text(TextLine {
                x: (area.x as f32 + indent).round(),
                baseline: (top + high * (ASCENT + index as f32 * LINE_PITCH)).round(),
                size,
                bold,
                inverse: element.inverse,
                text: line.text,
            }));
        }
        Ok(())
    }

    /// The largest size at which the text fits, and its lines.
    fn fit(&self, element: &TextElement, text: &[Wide], readable: u32, area: Area) -> Option<(Vec<Broken>, u32)> {
        let largest = self.resolution.dots(element.height);
        let smallest = self.resolution.dots(element.min_height.unwrap_or(element.height)).max(readable);
        (smallest..=largest).rev().find_map(|size| {
            let bold = if element.bold { 1.0 / BOLD_PART as f32 } else { 0.0 };
            let lines = wrap(text, area.width as f32 / size as f32 - bold, element.lines)?;
            let fits = block_height(size, lines.len()) <= area.height as f32 + 1.0;
            fits.then_some((lines, size))
        })
    }

    fn qr(&self, element: &QrElement, placed: &Placed<'_>, area: Area) -> Result<Symbol, Trouble> {
        if placed.content.is_empty() {
            return Err(Trouble::EmptyCode);
        }
        typeable(&placed.content, element.controls)?;
        let modules = self.encoder.qr(&placed.content, element.correction).map_err(Trouble::NotEncodable)?;
        let side = area.width.min(area.height);
        let whole = modules.columns() + 2 * QR_QUIET;
        let least = self.resolution.module_min(element.min_module);
        let module = element.module_dots.unwrap_or(side / whole);
        if module < element.module_dots.unwrap_or(least) || module == 0 || module.saturating_mul(whole) > side {
            return Err(self.too_dense(whole, element.module_dots.unwrap_or(least), side));
        }
        let quiet_side = module * whole;
        let quiet = Area {
            x: area.x + (area.width - quiet_side) / 2,
            y: area.y + (area.height - quiet_side) / 2,
            width: quiet_side,
            height: quiet_side,
        };
        let margin = module * QR_QUIET;
        let inner = module * modules.columns();
        let inside = Area { x: quiet.x + margin, y: quiet.y + margin, width: inner, height: inner };
        let content = placed.content.clone();
        Ok(Symbol {
            element: placed.name,
            symbology: None,
            correction: element.correction,
            content,
            modules,
            module,
            area: inside,
            quiet,
        })
    }

    fn barcode(&self, element: &BarcodeElement, placed: &Placed<'_>, area: Area) -> Result<Symbol, Trouble> {
        typeable(&placed.content, element.controls)?;
        let content = match element.symbology {
            _ if placed.content.is_empty() => return Err(Trouble::EmptyCode),
            Symbology::Gs1Code128 => self.element_string(&placed.content)?,
            Symbology::Code128 | Symbology::Code39 => placed.content.clone(),
        };
        let modules = self.encoder.barcode(&content, element.symbology).map_err(Trouble::NotEncodable)?;
        let whole = modules.columns() + 2 * BAR_QUIET;
        let least = self.resolution.dots(element.min_module).max(1);
        let widest = (BAR_MODULE_MAX_MM * self.resolution.dots_per_mm()).floor() as u32;
        let module = (area.width / whole).min(widest.max(least));
        if module < least {
            return Err(self.too_dense(whole, least, area.width));
        }
        let width = module * modules.columns();
        let x = area.x + (area.width - module * whole) / 2 + module * BAR_QUIET;
        let inside = Area { x, width, ..area };
        let quiet = Area { x: x - module * BAR_QUIET, width: module * whole, ..area };
        Ok(Symbol {
            element: placed.name,
            symbology: Some(element.symbology),
            correction: Correction::default(),
            content,
            modules,
            module,
            area: inside,
            quiet,
        })
    }

    fn too_dense(&self, modules: u32, least: u32, there: u32) -> Trouble {
        let round = |dots: f64| (self.resolution.mm(dots) * 10.0).ceil() / 10.0;
        Trouble::TooDense {
            needed_mm: round(f64::from(modules) * f64::from(least)),
            there_mm: (self.resolution.mm(f64::from(there)) * 10.0).floor() / 10.0,
        }
    }

    /// What stands in brackets as the symbol holds it: a separator behind each element whose length is not fixed.
    fn element_string(&self, text: &str) -> Result<String, Trouble> {
        let parsed = parse_bracketed(text, self.today).map_err(|fault| {
            Trouble::NotEncodable(format!("GS1: {} at character {}", fault.code.as_str(), fault.offset + 1))
        })?;
        let mut content = String::new();
        let mut open = false;
        for element in parsed.elements() {
            if open {
                content.push(GS);
            }
            content.push_str(element.ai);
            content.push_str(element.value);
            open = !element.definition().fixed;
        }
        Ok(content)
    }
}

/// Fewest dots of the letters' height at which a text can be read.
fn readable(text: &[Wide]) -> u32 {
    match text.iter().any(|wide| is_wide(wide.character)) {
        _ if text.is_empty() => 0,
        true => CHINESE_MIN_DOTS,
        false => LATIN_MIN_DOTS,
    }
}

/// Refuses what a scanner that acts as a keyboard would send as Enter or the like, and what people can't see.
fn typeable(content: &str, controls: bool) -> Result<(), Trouble> {
    let control = content.chars().position(char::is_control).filter(|_| !controls);
    if let Some(at) = control {
        return Err(Trouble::NotEncodable(format!("character {} is a control character", at + 1)));
    }
    match content.trim() == content || controls {
        true => Ok(()),
        false => Err(Trouble::NotEncodable("it begins or ends with a space".to_owned())),
    }
}

fn block_height(size: u32, lines: usize) -> f32 {
    size as f32 * (ASCENT + DESCENT + lines.saturating_sub(1) as f32 * LINE_PITCH)
}
