//! A label from outside in a printer's dots: at its own size, black and white, and with its number read back from them.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use hayro::{InterpreterSettings, RenderSettings, render};

use super::{Codes, DOTS_MAX, LABEL_BYTES_MAX, LIMITS, LabelReadError, PAGES_MAX, letters, opened};
use crate::codec::Bitmap;
use crate::codec::proof::Sheets;
use crate::codec::read::greys;
use crate::domain::work::shows;
use crate::label::Resolution;

/// How much larger than the paper a page may say that it is, in millimetres: sides are rounded in points and inches. What
/// stands there must be white.
const SLACK_MM: f64 = 1.0;
/// Brightness below which a dot is black.
const THRESHOLD: u8 = 128;
/// How far a picture's density may be from the printer's to be taken as the same, in thousandths: 203 dots an inch are 8
/// a millimetre, or 203.2 an inch.
const SAME_DENSITY: f64 = 0.01;
/// Points of a millimetre.
const POINTS_PER_MM: f64 = 72.0 / 25.4;
/// Width and height of an A4 page in millimetres.
const A4_MM: [f64; 2] = [210.0, 297.0];

/// Paper in a printer.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Paper {
    /// Width and height in millimetres.
    pub size_mm: [f64; 2],
    /// How fine the printer prints.
    pub resolution: Resolution,
}

impl Paper {
    /// Whether a page fits, as it is.
    fn takes(&self, size_mm: [f64; 2]) -> bool {
        size_mm.iter().zip(self.size_mm).all(|(side, paper)| *side <= paper + SLACK_MM)
    }

    fn refuses(&self, page: usize, size_mm: [f64; 2]) -> LabelReadError {
        let is_a4 = |sides: [f64; 2]| sides.iter().zip(A4_MM).all(|(side, a4)| (side - a4).abs() <= 2.0);
        let [width, height] = size_mm;
        let hint = if is_a4(size_mm) || is_a4([height, width]) {
            "; it is an A4 page with the label on a part of it: the label alone is wanted"
        } else {
            ""
        };
        let sides = |[width, height]: [f64; 2]| format!("{width:.0} × {height:.0} mm");
        LabelReadError::LargerThanPaper { page, size: sides(size_mm), paper: sides(self.size_mm), hint }
    }
}

/// The pages of a PDF or PNG in dots, each as large as it is: nothing is scaled to fit. A PDF is drawn, which may take any
/// time and stack, so that this belongs into a process of its own.
///
/// # Errors
/// The file is damaged or of another format, has more pages than are printed, or one that is larger than the paper.
pub fn dots(format: &str, bytes: &[u8], paper: Paper) -> Result<Vec<Bitmap>, LabelReadError> {
    if bytes.len() > LABEL_BYTES_MAX {
        return Err(LabelReadError::TooManyBytes);
    }
    match format {
        "png" => Ok(vec![picture(bytes, paper)?]),
        "pdf" => {
            // the drawer is given files from anywhere
            let drawn = catch_unwind(AssertUnwindSafe(|| drawn(bytes, paper)));
            drawn.unwrap_or(Err(LabelReadError::Broken("its drawer gave up")))
        }
        _ => Err(LabelReadError::OtherFormat("PDF or PNG")),
    }
}

fn drawn(bytes: &[u8], paper: Paper) -> Result<Vec<Bitmap>, LabelReadError> {
    let pdf = opened(bytes)?;
    let count = pdf.pages().len();
    if count > PAGES_MAX {
        return Err(LabelReadError::TooManyPages(count));
    }
    let per_point = paper.resolution.dots_per_mm() / POINTS_PER_MM;
    let mut pages = Vec::with_capacity(count);
    for (number, page) in (1..).zip(pdf.pages().iter()) {
        let (width, height) = page.render_dimensions();
        let size_mm = [width, height].map(|side| f64::from(side) / POINTS_PER_MM);
        // a side may also be no number
        if !size_mm.iter().all(|side| *side > 0.0) || !paper.takes(size_mm) {
            return Err(paper.refuses(number, size_mm));
        }
        if let Some(font) = letters::missing(page) {
            return Err(LabelReadError::NoLetters(font));
        }
        let lost = Arc::new(AtomicBool::new(false));
        let sink = lost.clone();
        let settings = InterpreterSettings {
            warning_sink: Arc::new(move |_| sink.store(true, Ordering::Relaxed)),
            ..InterpreterSettings::default()
        };
        let across = |side: f32| u16::try_from((f64::from(side) * per_point).round() as u64).unwrap_or(u16::MAX);
        let (columns, rows) = (across(width), across(height));
        if usize::from(columns) * usize::from(rows) > DOTS_MAX {
            return Err(paper.refuses(number, size_mm));
        }
        let scale = per_point as f32;
        let (x_scale, y_scale) = (scale, scale);
        let drawn =
            render(page, &settings, &RenderSettings { x_scale, y_scale, width: Some(columns), height: Some(rows) });
        if lost.load(Ordering::Relaxed) {
            return Err(LabelReadError::Broken("a picture or a font in it can't be drawn"));
        }
        let greys: Vec<u8> =
            drawn.data_as_u8_slice().chunks_exact(4).map(|dot| grey([dot[0], dot[1], dot[2]])).collect();
        pages.push(blackened(usize::from(drawn.width()), &greys));
    }
    Ok(pages)
}

/// The brightness of a colour.
pub(super) fn grey([red, green, blue]: [u8; 3]) -> u8 {
    ((u32::from(red) * 77 + u32::from(green) * 151 + u32::from(blue) * 28) >> 8) as u8
}

fn blackened(width: usize, greys: &[u8]) -> Bitmap {
    let height = greys.len() / width.max(1);
    let mut page = Bitmap::new(width as u32, height as u32);
    for (y, row) in (0..).zip(greys.chunks_exact(width.max(1))) {
        for (x, _) in (0..).zip(row).filter(|(_, grey)| **grey < THRESHOLD) {
            page.set(x, y, true);
        }
    }
    page
}

/// A picture at its own size: by the density that stands in the file, else a dot for each of its own.
fn picture(bytes: &[u8], paper: Paper) -> Result<Bitmap, LabelReadError> {
    if !bytes.starts_with(b"\x89PNG") {
        return Err(LabelReadError::OtherFormat("PNG"));
    }
    let (width, height, greys) = greys(bytes, &LIMITS)?;
    let per_mm = paper.resolution.dots_per_mm();
    let scales = density(bytes).unwrap_or([per_mm; 2]).map(|dots| match per_mm / dots {
        scale if (scale - 1.0).abs() <= SAME_DENSITY => 1.0,
        scale => scale,
    });
    let size = [width as f64 * scales[0], height as f64 * scales[1]];
    let size_mm = size.map(|dots| dots / per_mm);
    if !paper.takes(size_mm) {
        return Err(paper.refuses(1, size_mm));
    }
    let [columns, rows] = size.map(|dots| (dots.round() as usize).max(1));
    if (columns, rows) == (width, height) {
        return Ok(blackened(width, &greys));
    }
    Ok(blackened(columns, &resampled((width, height), &greys, (columns, rows))))
}

/// Dots a millimetre, across and down, where the file says it.
fn density(bytes: &[u8]) -> Option<[f64; 2]> {
    let info = png::Decoder::new(std::io::Cursor::new(bytes)).read_info();
    let dims = info.ok()?.info().pixel_dims.filter(|dims| dims.unit == png::Unit::Meter)?;
    (dims.xppu > 0 && dims.yppu > 0).then(|| [dims.xppu, dims.yppu].map(|dots| f64::from(dots) / 1_000.0))
}

/// A picture in more or fewer dots: each is the mean of those that it stands for.
fn resampled((width, height): (usize, usize), greys: &[u8], (columns, rows): (usize, usize)) -> Vec<u8> {
    let span = |at: usize, of: usize, from: usize| {
        let start = (at * from / of).min(from - 1);
        start..((at + 1) * from).div_ceil(of).clamp(start + 1, from)
    };
    let mut out = Vec::with_capacity(columns * rows);
    for y in 0..rows {
        let down = span(y, rows, height);
        for x in 0..columns {
            let along = span(x, columns, width);
            let count = (down.len() * along.len()) as u64;
            let sum: u64 = down
                .clone()
                .map(|row| greys[row * width..][along.clone()].iter().map(|grey| u64::from(*grey)).sum::<u64>())
                .sum();
            out.push((sum / count) as u8);
        }
    }
    out
}

/// A label from outside whose number was read back from the dots that are printed. Only this goes to a printer.
#[derive(Clone, Debug)]
pub struct Drawn {
    pages: Vec<Bitmap>,
    size_mm: [f64; 2],
}

impl<'p> From<&'p Drawn> for Sheets<'p> {
    fn from(label: &'p Drawn) -> Sheets<'p> {
        Sheets::new(&label.pages, label.size_mm)
    }
}

impl Drawn {
    /// Lays pages on paper, their upper left corners together, and reads the number back. Without paper each page is a
    /// sheet of its own size, for printers that cut or centre by themselves.
    ///
    /// # Errors
    /// Something stands beside the paper, or the number can't be read.
    pub fn prove(
        pages: Vec<Bitmap>,
        paper: Option<[f64; 2]>,
        on: Resolution,
        number: &str,
    ) -> Result<Drawn, LabelReadError> {
        let own = || {
            pages.iter().fold([0.0, 0.0], |size: [f64; 2], page| {
                [size[0].max(on.mm(f64::from(page.width()))), size[1].max(on.mm(f64::from(page.height())))]
            })
        };
        let size_mm = paper.unwrap_or_else(own);
        let (width, height) = (on.dots(size_mm[0]), on.dots(size_mm[1]));
        if pages.is_empty() || width as usize * height as usize > DOTS_MAX {
            return Err(LabelReadError::Broken("it has no page that can be printed"));
        }
        let pages: Option<Vec<Bitmap>> = pages.iter().map(|page| laid_on(page, width, height)).collect();
        let pages = pages.ok_or(LabelReadError::Broken("something stands at the edge, beside the paper"))?;
        let mut codes = Codes::default();
        pages.iter().for_each(|page| codes.dots(page));
        if !shows(&codes.texts, number) {
            return Err(LabelReadError::Unproved { number: number.to_owned(), dpi: on.dpi() });
        }
        Ok(Drawn { pages, size_mm })
    }

    /// Its pages in dots.
    #[must_use]
    pub fn pages(&self) -> &[Bitmap] {
        &self.pages
    }
}

/// A page on paper; none where anything of it lies beside.
fn laid_on(page: &Bitmap, width: u32, height: u32) -> Option<Bitmap> {
    let mut paper = Bitmap::new(width, height);
    for y in 0..page.height() {
        for x in (0..page.width()).filter(|x| page.is_black(*x, y)) {
            if x >= width || y >= height {
                return None;
            }
            paper.set(x, y, true);
        }
    }
    Some(paper)
}
