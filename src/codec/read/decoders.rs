//! The crates that decode: rxing's, for the bits of a grid, for rows of bars and for Data Matrix.
//!
//! They get pictures from anywhere, so a panic in one of them is contained here and counts as "not read".

use std::collections::HashSet;
use std::panic::{AssertUnwindSafe, catch_unwind};

use rxing::common::{BitArray, BitMatrix, HybridBinarizer};
use rxing::datamatrix::DataMatrixReader;
use rxing::oned::{MultiFormatOneDReader, OneDReader as _};
use rxing::qrcode::cpp_port::decoder;
use rxing::{
    BarcodeFormat, BinaryBitmap, DecodeHints, Luma8LuminanceSource, RXingResult, RXingResultMetadataType,
    RXingResultMetadataValue, Reader as _,
};

use super::geometry::Point;
use super::gray::Gray;

/// What a code says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Content {
    /// The AIM symbology identifier.
    pub(super) aim: String,
    /// The text, without identifier.
    pub(super) text: Vec<u8>,
}

/// Runs a decoder; a panic in it is an answer of nothing.
pub(super) fn contained<T>(decode: impl FnOnce() -> Option<T>) -> Option<T> {
    catch_unwind(AssertUnwindSafe(decode)).ok().flatten()
}

/// Decodes the modules of a QR code, row by row.
pub(super) fn qr(modules: &[bool], side: usize) -> Option<Content> {
    contained(|| {
        let mut bits = BitMatrix::with_single_dimension(u32::try_from(side).ok()?).ok()?;
        for (y, row) in (0u32..).zip(modules.chunks_exact(side)) {
            for (x, dark) in (0u32..).zip(row) {
                if *dark {
                    bits.set(x, y);
                }
            }
        }
        matrix(&bits)
    })
}

/// Decodes a QR code's bits. Not contained.
pub(super) fn matrix(bits: &BitMatrix) -> Option<Content> {
    let result = decoder::Decode(bits).ok()?;
    if !result.isValid() {
        return None;
    }
    let content = result.content();
    // a text whose encoding the code itself names is turned into UTF-8; any other is handed on as its bytes
    let text = if content.has_eci { result.text().into_bytes() } else { content.bytes().to_vec() };
    let modifier = if matches!(content.symbology.modifier, b'3' | b'5') { content.symbology.modifier } else { b'1' };
    (!text.is_empty()).then(|| Content { aim: format!("]Q{}", char::from(modifier)), text })
}

/// The codes of bars that are read.
const LINEAR: [BarcodeFormat; 7] = [
    BarcodeFormat::EAN_13,
    BarcodeFormat::EAN_8,
    BarcodeFormat::UPC_A,
    BarcodeFormat::UPC_E,
    BarcodeFormat::CODE_128,
    BarcodeFormat::CODE_39,
    BarcodeFormat::ITF,
];

/// Reads rows of bars.
pub(super) struct Bars {
    reader: MultiFormatOneDReader,
    hints: DecodeHints,
}

impl Bars {
    pub(super) fn new() -> Self {
        let hints = DecodeHints {
            PossibleFormats: Some(HashSet::from(LINEAR)),
            AssumeGs1: Some(true),
            ..DecodeHints::default()
        };
        Bars { reader: MultiFormatOneDReader::new(&hints), hints }
    }

    /// Decodes a row, true is dark; also gives where in it the code begins and ends.
    pub(super) fn row(&mut self, row: &[bool]) -> Option<(Content, f32, f32)> {
        contained(|| {
            let mut bits = BitArray::with_size(row.len());
            for (x, _) in row.iter().enumerate().filter(|(_, dark)| **dark) {
                bits.set(x);
            }
            let result = self.reader.decode_row(0, &bits, &self.hints).ok()?;
            let (one, other) = (result.getPoints().first()?.x, result.getPoints().last()?.x);
            let (from, to) = match result.getBarcodeFormat() {
                // rxing halves the place of a Code 39's end
                BarcodeFormat::CODE_39 => (one, 2.0 * other),
                _ => (one.min(other), one.max(other)),
            };
            Some((content(&result)?, from, to))
        })
    }
}

/// Code and identifier from a result.
fn content(result: &RXingResult) -> Option<Content> {
    let aim = match result.getRXingResultMetadata().get(&RXingResultMetadataType::SYMBOLOGY_IDENTIFIER) {
        Some(RXingResultMetadataValue::SymbologyIdentifier(aim)) => aim.clone(),
        _ => return None,
    };
    let text = result.getText();
    let text = text.strip_prefix(aim.as_str()).unwrap_or(text);
    // a first FNC1 is said by the identifier
    let text = text.strip_prefix('\u{1d}').filter(|_| matches!(aim.as_str(), "]C1" | "]d2")).unwrap_or(text);
    (!text.is_empty()).then(|| Content { aim, text: text.as_bytes().to_vec() })
}

pub(super) fn bitmap(gray: &Gray) -> Option<BinaryBitmap<HybridBinarizer<Luma8LuminanceSource>>> {
    let (width, height) = (u32::try_from(gray.width).ok()?, u32::try_from(gray.height).ok()?);
    let source = Luma8LuminanceSource::new(gray.pixels.clone(), width, height).ok()?;
    Some(BinaryBitmap::new(HybridBinarizer::new(source)))
}

pub(super) fn corners(points: impl Iterator<Item = Point>) -> Option<[Point; 4]> {
    let points: Vec<Point> = points.collect();
    match points.as_slice() {
        [one, two, three, four] => Some([*one, *two, *three, *four]),
        // three corner squares' middles: the fourth corner completes them
        [below, corner, right] => Some([*corner, *right, right.plus(below.minus(*corner)), *below]),
        _ => None,
    }
}

/// The Data Matrix code that rxing reads in a whole picture.
pub(super) fn data_matrix(gray: &Gray) -> Option<(Content, [Point; 4])> {
    contained(|| {
        let result = DataMatrixReader.decode(&mut bitmap(gray)?).ok()?;
        let points = corners(result.getPoints().iter().map(|point| Point::new(point.x, point.y)))?;
        Some((content(&result)?, points))
    })
}
