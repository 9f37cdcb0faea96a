//! Templates as they stand in `label-templates/`: millimetres from the upper left corner.

use std::collections::BTreeMap;

use serde::Deserialize;

use super::mask::MaskRule;
use super::pattern::{Path, Pattern};
use super::picture::ImageElement;
use super::record::Value;
use crate::message::Language;

/// A template.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Template {
    /// What it is for.
    pub title: Words,
    /// Width and height of the paper.
    pub size: [f64; 2],
    /// Fixed texts that depend on the language: `{words.name}` in a pattern.
    #[serde(default)]
    pub words: BTreeMap<String, Words>,
    /// What of personal data may be shown, where not as [`MaskRule::defaults`] says.
    #[serde(default)]
    pub mask: Vec<MaskRule>,
    /// Texts.
    #[serde(default)]
    pub text: Vec<TextElement>,
    /// QR codes.
    #[serde(default)]
    pub qr: Vec<QrElement>,
    /// Bar codes.
    #[serde(default)]
    pub barcode: Vec<BarcodeElement>,
    /// Boxes.
    #[serde(default)]
    pub r#box: Vec<BoxElement>,
    /// Lines.
    #[serde(default)]
    pub line: Vec<LineElement>,
    /// Pictures.
    #[serde(default)]
    pub image: Vec<ImageElement>,
    /// What is drawn for each entry of a list.
    #[serde(default)]
    pub repeat: Vec<Repeat>,
    /// A record as it might be.
    pub sample: Value,
    /// A record in Latin letters, for machines without a Chinese font.
    #[serde(default)]
    pub sample_latin: Option<Value>,
}

/// A text in both languages.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Words {
    /// Chinese.
    pub zh: String,
    /// English.
    pub en: String,
}

impl Words {
    /// The text in a language.
    #[must_use]
    pub fn get(&self, language: Language) -> &str {
        language.pick(&self.zh, &self.en)
    }
}

/// Where a line of text stands in its box.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Align {
    /// At the left edge.
    #[default]
    Left,
    /// In the middle.
    Center,
    /// At the right edge.
    Right,
}

/// Where the lines of a text stand in their box.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum VerticalAlign {
    /// At the upper edge.
    #[default]
    Top,
    /// In the middle.
    Middle,
    /// At the lower edge.
    Bottom,
}

/// A text in a box.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TextElement {
    /// Upper left corner.
    pub at: [f64; 2],
    /// Width and height of the box.
    pub size: [f64; 2],
    /// What it says.
    pub text: Pattern,
    /// Height of the letters (the em), at most.
    pub height: f64,
    /// Height of the letters to which a long text may shrink; without it, the text does not shrink.
    pub min_height: Option<f64>,
    /// Most lines.
    #[serde(default = "one")]
    pub lines: usize,
    /// Where the lines stand.
    #[serde(default)]
    pub align: Align,
    /// Where the block of lines stands.
    #[serde(default)]
    pub valign: VerticalAlign,
    /// Thicker strokes.
    #[serde(default)]
    pub bold: bool,
    /// White on a black box.
    #[serde(default)]
    pub inverse: bool,
    /// Draw it only where this field is there and not blank.
    pub when: Option<Path>,
}

/// How much of a damaged QR code can be restored.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Deserialize)]
pub enum Correction {
    /// 7 %.
    L,
    /// 15 %.
    #[default]
    M,
    /// 25 %.
    Q,
    /// 30 %.
    H,
}

/// A QR code with its quiet zone of four modules.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct QrElement {
    /// Upper left corner.
    pub at: [f64; 2],
    /// Width and height, quiet zone included. The modules are as large as fit.
    pub size: f64,
    /// What it holds.
    pub data: Pattern,
    /// How much damage it stands.
    #[serde(default)]
    pub correction: Correction,
    /// Least width of a module; half a millimetre unless said otherwise.
    #[serde(default = "qr_module_min")]
    pub min_module: f64,
    /// Modules of exactly so many dots, for a printer's test.
    pub module_dots: Option<u32>,
    /// Whether it may hold control characters and outer spaces, as set-up codes of scanners do.
    #[serde(default)]
    pub controls: bool,
    /// Draw it only where this field is there and not blank.
    pub when: Option<Path>,
}

/// The symbology of a bar code.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Symbology {
    /// Code 128.
    #[default]
    Code128,
    /// GS1-128; the content is written with brackets, as `(00)069012345678901234`.
    #[serde(rename = "gs1-128")]
    Gs1Code128,
    /// Code 39.
    Code39,
}

/// A bar code with its quiet zones of ten modules on both sides.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct BarcodeElement {
    /// Upper left corner.
    pub at: [f64; 2],
    /// Width, quiet zones included, and height of the bars.
    pub size: [f64; 2],
    /// What it holds.
    pub data: Pattern,
    /// Its symbology.
    #[serde(default)]
    pub symbology: Symbology,
    /// Least width of a module; a quarter of a millimetre unless said otherwise.
    #[serde(default = "bar_module_min")]
    pub min_module: f64,
    /// Whether it may hold control characters and outer spaces, as set-up codes of scanners do.
    #[serde(default)]
    pub controls: bool,
    /// Draw it only where this field is there and not blank.
    pub when: Option<Path>,
}

/// A frame, or a filled box.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct BoxElement {
    /// Upper left corner.
    pub at: [f64; 2],
    /// Width and height, outside.
    pub size: [f64; 2],
    /// Thickness of the frame.
    #[serde(default = "thin")]
    pub thickness: f64,
    /// Fill it.
    #[serde(default)]
    pub fill: bool,
    /// Draw it only where this field is there and not blank.
    pub when: Option<Path>,
}

/// A horizontal or vertical line; its thickness lies below or to the right of its two points.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct LineElement {
    /// One end.
    pub from: [f64; 2],
    /// The other.
    pub to: [f64; 2],
    /// Thickness.
    #[serde(default = "thin")]
    pub thickness: f64,
    /// Draw it only where this field is there and not blank.
    pub when: Option<Path>,
}

/// What happens with entries for which there is no room.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Overflow {
    /// The label is refused.
    #[default]
    Error,
    /// They go to further pages, on which everything else stands again.
    Page,
}

/// Elements that are drawn for each entry of a list. Their places count from the corner of their cell.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Repeat {
    /// The list.
    pub over: Path,
    /// What patterns call an entry.
    pub r#as: String,
    /// Upper left corner of the first cell.
    pub at: [f64; 2],
    /// From one cell to the next, across and down.
    pub pitch: [f64; 2],
    /// Cells beside each other.
    #[serde(default = "one")]
    pub columns: usize,
    /// Most entries of a page.
    pub max: usize,
    /// What happens with more of them.
    #[serde(default)]
    pub overflow: Overflow,
    /// Texts.
    #[serde(default)]
    pub text: Vec<TextElement>,
    /// QR codes.
    #[serde(default)]
    pub qr: Vec<QrElement>,
    /// Bar codes.
    #[serde(default)]
    pub barcode: Vec<BarcodeElement>,
    /// Boxes.
    #[serde(default)]
    pub r#box: Vec<BoxElement>,
    /// Lines.
    #[serde(default)]
    pub line: Vec<LineElement>,
    /// Pictures.
    #[serde(default)]
    pub image: Vec<ImageElement>,
}

fn one() -> usize {
    1
}

fn qr_module_min() -> f64 {
    0.5
}

fn bar_module_min() -> f64 {
    0.25
}

fn thin() -> f64 {
    0.25
}

/// What an element is, as its table is called in the file.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Kind {
    /// `[[box]]`.
    Box,
    /// `[[line]]`.
    Line,
    /// `[[image]]`.
    Image,
    /// `[[text]]`.
    Text,
    /// `[[qr]]`.
    Qr,
    /// `[[barcode]]`.
    Barcode,
    /// `[[repeat]]` itself.
    Repeat,
}

impl Kind {
    /// The name of its table.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Kind::Box => "box",
            Kind::Line => "line",
            Kind::Image => "image",
            Kind::Text => "text",
            Kind::Qr => "qr",
            Kind::Barcode => "barcode",
            Kind::Repeat => "repeat",
        }
    }
}

/// Which element of a template; counted from 0.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct ElementRef {
    /// In which `[[repeat]]`.
    pub repeat: Option<usize>,
    /// What it is.
    pub kind: Kind,
    /// The how manieth of its kind.
    pub index: usize,
}

impl std::fmt::Display for ElementRef {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let (kind, number) = (self.kind.as_str(), self.index + 1);
        match self.repeat {
            Some(repeat) => write!(out, "[[repeat.{kind}]] {number} of [[repeat]] {}", repeat + 1),
            None => write!(out, "[[{kind}]] {number}"),
        }
    }
}

/// One of the elements.
#[derive(Clone, Copy, Debug)]
pub enum Element<'t> {
    /// A text.
    Text(&'t TextElement),
    /// A QR code.
    Qr(&'t QrElement),
    /// A bar code.
    Barcode(&'t BarcodeElement),
    /// A box.
    Box(&'t BoxElement),
    /// A line.
    Line(&'t LineElement),
    /// A picture.
    Image(&'t ImageElement),
}

impl<'t> Element<'t> {
    /// The field on which it depends.
    #[must_use]
    pub fn when(self) -> Option<&'t Path> {
        match self {
            Element::Text(element) => element.when.as_ref(),
            Element::Qr(element) => element.when.as_ref(),
            Element::Barcode(element) => element.when.as_ref(),
            Element::Box(element) => element.when.as_ref(),
            Element::Line(element) => element.when.as_ref(),
            Element::Image(element) => element.when.as_ref(),
        }
    }

    /// What it says or holds.
    #[must_use]
    pub fn pattern(self) -> Option<&'t Pattern> {
        match self {
            Element::Text(element) => Some(&element.text),
            Element::Qr(element) => Some(&element.data),
            Element::Barcode(element) => Some(&element.data),
            Element::Box(_) | Element::Line(_) | Element::Image(_) => None,
        }
    }
}

/// The elements of a template or of a repetition, in the order in which they are drawn.
#[derive(Clone, Copy, Debug)]
pub struct Elements<'t> {
    repeat: Option<usize>,
    text: &'t [TextElement],
    qr: &'t [QrElement],
    barcode: &'t [BarcodeElement],
    r#box: &'t [BoxElement],
    line: &'t [LineElement],
    image: &'t [ImageElement],
}

impl<'t> Elements<'t> {
    /// Those that stand on every page.
    #[must_use]
    pub fn of(template: &'t Template) -> Elements<'t> {
        let Template { text, qr, barcode, r#box, line, image, .. } = template;
        Elements { repeat: None, text, qr, barcode, r#box, line, image }
    }

    /// Those of a repetition, which is the `index`th.
    #[must_use]
    pub fn of_repeat(repeat: &'t Repeat, index: usize) -> Elements<'t> {
        let Repeat { text, qr, barcode, r#box, line, image, .. } = repeat;
        Elements { repeat: Some(index), text, qr, barcode, r#box, line, image }
    }

    /// Each with its name.
    pub fn iter(self) -> impl Iterator<Item = (ElementRef, Element<'t>)> {
        let named = move |kind, index| ElementRef { repeat: self.repeat, kind, index };
        let boxes =
            self.r#box.iter().enumerate().map(move |(at, element)| (named(Kind::Box, at), Element::Box(element)));
        let lines =
            self.line.iter().enumerate().map(move |(at, element)| (named(Kind::Line, at), Element::Line(element)));
        let images =
            self.image.iter().enumerate().map(move |(at, element)| (named(Kind::Image, at), Element::Image(element)));
        let texts =
            self.text.iter().enumerate().map(move |(at, element)| (named(Kind::Text, at), Element::Text(element)));
        let qrs = self.qr.iter().enumerate().map(move |(at, element)| (named(Kind::Qr, at), Element::Qr(element)));
        let bars = self
            .barcode
            .iter()
            .enumerate()
            .map(move |(at, element)| (named(Kind::Barcode, at), Element::Barcode(element)));
        boxes.chain(lines).chain(images).chain(texts).chain(qrs).chain(bars)
    }
}
