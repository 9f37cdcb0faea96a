//! Labels from outside: which codes stand on a carrier's or platform's own label, whatever language it is written in.
//!
//! They are printed as they came, or as dots where the printer takes nothing else ([`Drawn`]).
//!
//! A PNG is read as any picture, a PDF is drawn first. Printers' jobs are not drawn: their commands for codes say what
//! they hold, and the pictures in them are read.

mod dots;
mod letters;
mod pdf;
mod tspl;
mod zpl;

use std::sync::Arc;

use hayro::Pdf;

pub use self::dots::{Drawn, Paper, dots};

use super::Bitmap;
use super::read::{Limits, ReadError, read, read_gray};

/// The most bytes of a label's file. Labels have some ten or a hundred thousand.
pub const LABEL_BYTES_MAX: usize = 2 * 1024 * 1024;
/// The most codes that are told of a label; labels have one to ten.
const CODES_MAX: usize = 64;
/// The longest text of a code, in characters: what a QR code holds at most.
const CODE_MAX: usize = 7_089;
/// What reading a label may cost: all of its dots are looked at, for up to two seconds.
const LIMITS: Limits =
    Limits { bytes: LABEL_BYTES_MAX, pixels: 25_000_000, side: 20_000, looked_at: 9_000_000, work: 200_000_000 };
/// Labels of a job that are looked at; a waybill has one, sometimes two or three.
const PAGES_MAX: usize = 4;
/// The most dots of a picture in a printer's job: 200 × 300 mm at 600 dots an inch.
const DOTS_MAX: usize = 34_000_000;
/// Dots along a side of such a picture.
const DOTS_SIDE_MAX: u32 = 16_000;

/// Why a label can't be read.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum LabelReadError {
    /// The file is too long.
    #[error("the label has more than {LABEL_BYTES_MAX} bytes")]
    TooManyBytes,
    /// The file is not what it is said to be.
    #[error("the label is no {0}")]
    OtherFormat(&'static str),
    /// The picture can't be read.
    #[error(transparent)]
    Picture(#[from] ReadError),
    /// The pages are larger than any label.
    #[error("the label is larger than {0} mm")]
    TooLarge(u32),
    /// It can't be drawn.
    #[error("the label is damaged: {0}")]
    Broken(&'static str),
    /// More pages than are printed.
    #[error("the label has {0} pages, and {PAGES_MAX} are printed at most")]
    TooManyPages(usize),
    /// A page that the paper does not take as it is.
    #[error("page {page} is {size}, the paper {paper}, and nothing is scaled{hint}")]
    LargerThanPaper {
        /// Which, from 1.
        page: usize,
        /// Its size.
        size: String,
        /// The paper's.
        paper: String,
        /// What it seems to be.
        hint: &'static str,
    },
    /// A font whose letters are not in the file.
    #[error("the font {0} is not in the PDF, and its text would be missing")]
    NoLetters(String),
    /// Its number can't be read from the dots.
    #[error("{number} can't be read from the label as it would be printed, at {dpi} dots an inch")]
    Unproved {
        /// The number.
        number: String,
        /// The printer's dots an inch.
        dpi: u32,
    },
}

/// The texts of the codes on a label; `format` is `pdf`, `png`, `zpl` or `tspl`. A code that can't be read is none.
///
/// Memory and time are bounded whatever the label says, but for a PDF: what draws it may take any time and stack, so that
/// it belongs into a process of its own.
///
/// # Errors
/// The file is too long, damaged, or of another format.
pub fn codes(format: &str, bytes: &[u8]) -> Result<Vec<String>, LabelReadError> {
    if bytes.len() > LABEL_BYTES_MAX {
        return Err(LabelReadError::TooManyBytes);
    }
    let mut codes = Codes::default();
    match format {
        "png" => codes.picture(bytes)?,
        "pdf" => pdf::codes(bytes, &mut codes)?,
        "zpl" => zpl::codes(bytes, &mut codes)?,
        "tspl" => tspl::codes(bytes, &mut codes)?,
        _ => return Err(LabelReadError::OtherFormat("PDF, PNG, ZPL or TSPL")),
    }
    Ok(codes.texts)
}

fn opened(bytes: &[u8]) -> Result<Pdf, LabelReadError> {
    if !bytes.starts_with(b"%PDF-") {
        return Err(LabelReadError::OtherFormat("PDF"));
    }
    Pdf::new(Arc::new(bytes.to_vec())).map_err(|_| LabelReadError::Broken("it is no whole PDF, or encrypted"))
}

/// The codes that were found so far.
#[derive(Default)]
struct Codes {
    texts: Vec<String>,
}

impl Codes {
    fn add(&mut self, text: &str) {
        let text = text.trim();
        if !text.is_empty()
            && text.len() <= CODE_MAX
            && self.texts.len() < CODES_MAX
            && !self.texts.iter().any(|known| known == text)
        {
            self.texts.push(text.to_owned());
        }
    }

    fn picture(&mut self, bytes: &[u8]) -> Result<(), ReadError> {
        for symbol in read(bytes, &LIMITS)? {
            self.add(&String::from_utf8_lossy(&symbol.text));
        }
        Ok(())
    }

    fn gray(&mut self, width: usize, height: usize, pixels: Vec<u8>) {
        for symbol in read_gray(width, height, pixels, &LIMITS) {
            self.add(&String::from_utf8_lossy(&symbol.text));
        }
    }

    /// Reads a printer's dots, with white paper around them: codes may stand at their edge.
    fn dots(&mut self, page: &Bitmap) {
        const PAPER: u32 = 24;
        let (width, height) = (page.width() + 2 * PAPER, page.height() + 2 * PAPER);
        let mut pixels = vec![255; width as usize * height as usize];
        for y in 0..page.height() {
            let row = &mut pixels[((y + PAPER) * width + PAPER) as usize..][..page.width() as usize];
            for (x, pixel) in (0..).zip(row) {
                *pixel = if page.is_black(x, y) { 0 } else { 255 };
            }
        }
        self.gray(width as usize, height as usize, pixels);
    }
}

/// A job's picture out of rows of bytes, a bit a dot; none where it is larger than any label.
fn picture(stride: usize, rows: &[u8], black: bool) -> Option<Bitmap> {
    let height = rows.len().checked_div(stride)?;
    let (width, height) = (u32::try_from(stride.checked_mul(8)?).ok()?, u32::try_from(height).ok()?);
    if width > DOTS_SIDE_MAX || height > DOTS_SIDE_MAX || width as usize * height as usize > DOTS_MAX {
        return None;
    }
    let mut page = Bitmap::new(width, height);
    paste(&mut page, (0, 0), stride, rows, black);
    Some(page)
}

/// Puts rows of bytes on a page; `black` is the bit that stands for a black dot.
fn paste(page: &mut Bitmap, (left, top): (u32, u32), stride: usize, rows: &[u8], black: bool) {
    for (y, row) in (top..page.height()).zip(rows.chunks_exact(stride.max(1))) {
        for (x, bit) in (left..page.width()).zip(row.iter().flat_map(|byte| (0..8).map(move |at| byte >> (7 - at) & 1)))
        {
            if (bit == 1) == black {
                page.set(x, y, true);
            }
        }
    }
}
