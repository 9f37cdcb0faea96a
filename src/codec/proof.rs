//! The proof that a label can be scanned: every code of it is read back from the dots that will be printed, as they are
//! and blurred by a dot, and the room around it is white.
//!
//! Every dot of a code is compared with what was drawn. The modules are then decoded from the middles of their dots, and
//! a reader has to find and decode the blurred code as a scanner has to on paper.

use std::panic::{AssertUnwindSafe, catch_unwind};

use rqrr::{BitGrid, Grid, PreparedImage, SimpleGrid};
use rxing::common::BitArray;
use rxing::oned::{Code39Reader, Code128Reader, OneDReader};
use rxing::{DecodeHints, RXingResult};

use super::Bitmap;
use super::font::Fonts;
use super::raster::draw;
use crate::label::{Area, ElementRef, Item, Layout, Symbol, Symbology};

/// Most dots of all pages together: the manifest of five thousand parcels, 167 pages A4 at 300 dots an inch, which are 182
/// MB while it is drawn.
const DOTS_MAX: u64 = 1_500_000_000;
/// A Gaussian with a standard deviation of one dot, in thousandths.
const BLUR_WEIGHTS: [u32; 7] = [4, 54, 242, 400, 242, 54, 4];

/// A label whose codes were read back. Only this can be printed or written.
#[derive(Clone, Debug)]
pub struct Proved {
    layout: Layout,
    pages: Vec<Bitmap>,
}

impl Proved {
    /// The layout.
    #[must_use]
    pub fn layout(&self) -> &Layout {
        &self.layout
    }

    /// Its pages in dots.
    #[must_use]
    pub fn pages(&self) -> &[Bitmap] {
        &self.pages
    }

    /// How many codes were read back.
    #[must_use]
    pub fn codes(&self) -> usize {
        symbols(&self.layout).count()
    }
}

/// Pages whose codes were read back, as a printer gets them: of a label that was made here, or of one from outside.
#[derive(Clone, Copy, Debug)]
pub struct Sheets<'p> {
    pages: &'p [Bitmap],
    size_mm: [f64; 2],
}

impl<'p> Sheets<'p> {
    pub(super) fn new(pages: &'p [Bitmap], size_mm: [f64; 2]) -> Sheets<'p> {
        Sheets { pages, size_mm }
    }

    /// The pages in dots.
    #[must_use]
    pub fn pages(&self) -> &'p [Bitmap] {
        self.pages
    }

    /// Width and height of the paper in millimetres.
    #[must_use]
    pub fn size_mm(&self) -> [f64; 2] {
        self.size_mm
    }
}

impl<'p> From<&'p Proved> for Sheets<'p> {
    fn from(label: &'p Proved) -> Sheets<'p> {
        Sheets::new(&label.pages, [label.layout.width_mm, label.layout.height_mm])
    }
}

/// Why a label must not be printed.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
pub enum Unproved {
    /// A code can't be read back.
    #[error("{element} on page {page}: the code can't be read back{}", if *.blurred { " when blurred by a dot" } else { "" })]
    Unreadable {
        /// The element.
        element: ElementRef,
        /// On which page, from 1.
        page: usize,
        /// Whether it was readable before it was blurred.
        blurred: bool,
    },
    /// A code reads as something else.
    #[error("{element} on page {page}: the code reads \"{}\"", .read.escape_default())]
    OtherContent {
        /// The element.
        element: ElementRef,
        /// On which page, from 1.
        page: usize,
        /// What was read.
        read: String,
    },
    /// Something stands in the quiet zone of a code.
    #[error("{element} on page {page}: something stands too near to the code")]
    QuietZone {
        /// The element.
        element: ElementRef,
        /// On which page, from 1.
        page: usize,
    },
    /// Something is printed over a code, which may read all the same where its error correction is strong.
    #[error("{element} on page {page}: something is printed over the code")]
    Spoilt {
        /// The element.
        element: ElementRef,
        /// On which page, from 1.
        page: usize,
    },
    /// More dots than are drawn at once.
    #[error("{pages} pages of {width} × {height} dots are too many at once")]
    TooLarge {
        /// How many pages.
        pages: usize,
        /// Width in dots.
        width: u32,
        /// Height in dots.
        height: u32,
    },
}

impl Unproved {
    /// What to do.
    #[must_use]
    pub fn hint(&self) -> &'static str {
        match self {
            Unproved::Unreadable { .. } | Unproved::OtherContent { .. } => "give the code more room in the template",
            Unproved::Spoilt { .. } => "move what stands on the code",
            Unproved::QuietZone { .. } => "move what stands beside the code; letters may reach beyond their box",
            Unproved::TooLarge { .. } => "take a lower resolution, or split it",
        }
    }
}

fn symbols(layout: &Layout) -> impl Iterator<Item = (usize, &Symbol)> {
    layout.pages.iter().enumerate().flat_map(|(page, items)| {
        items.iter().filter_map(move |item| match item {
            Item::Symbol(symbol) => Some((page, symbol)),
            Item::Fill(_) | Item::Text(_) | Item::Picture(_) => None,
        })
    })
}

/// Draws a label and reads its codes back.
///
/// # Errors
/// A code that does not read as it was meant, or whose quiet zone is not white.
pub fn prove(layout: Layout, fonts: &Fonts) -> Result<Proved, Unproved> {
    let (width, height, pages) = (layout.width, layout.height, layout.pages.len());
    if u64::from(width) * u64::from(height) * pages as u64 > DOTS_MAX {
        return Err(Unproved::TooLarge { pages, width, height });
    }
    let drawn: Vec<Bitmap> = (0..pages).map(|page| draw(&layout, page, fonts)).collect();
    for (page, symbol) in symbols(&layout) {
        check(symbol, page + 1, &drawn[page])?;
    }
    Ok(Proved { layout, pages: drawn })
}

fn check(symbol: &Symbol, page: usize, bitmap: &Bitmap) -> Result<(), Unproved> {
    let element = symbol.element;
    if !ring_is_white(symbol, bitmap) {
        return Err(Unproved::QuietZone { element, page });
    }
    if !is_as_drawn(symbol, bitmap) {
        return Err(Unproved::Spoilt { element, page });
    }
    let crop = Crop { width: symbol.quiet.width, brightness: bitmap.brightness(symbol.quiet) };
    for (read, blurred) in [(crop.decode(symbol), false), (crop.blurred().read(symbol.symbology), true)] {
        match read {
            Some(read) if read == symbol.content => {}
            Some(read) => return Err(Unproved::OtherContent { element, page, read }),
            None => return Err(Unproved::Unreadable { element, page, blurred }),
        }
    }
    Ok(())
}

fn ring_is_white(symbol: &Symbol, bitmap: &Bitmap) -> bool {
    let Symbol { quiet, area, .. } = symbol;
    let parts = [
        Area { height: area.y - quiet.y, ..*quiet },
        Area { y: area.bottom(), height: quiet.bottom() - area.bottom(), ..*quiet },
        Area { width: area.x - quiet.x, ..*quiet },
        Area { x: area.right(), width: quiet.right() - area.right(), ..*quiet },
    ];
    let is_white =
        |part: &Area| (part.y..part.bottom()).all(|y| (part.x..part.right()).all(|x| !bitmap.is_black(x, y)));
    let inside = quiet.right() <= bitmap.width() && quiet.bottom() <= bitmap.height();
    inside && parts.iter().all(is_white)
}

/// Whether every dot of a code is its own.
fn is_as_drawn(symbol: &Symbol, bitmap: &Bitmap) -> bool {
    let Symbol { area, modules, module, .. } = symbol;
    let is_bars = modules.rows() == 1;
    (0..area.height).all(|y| {
        let row = if is_bars { 0 } else { y / module };
        (0..area.width).all(|x| bitmap.is_black(area.x + x, area.y + y) == modules.is_dark(x / module, row))
    })
}

/// A reader that panics has read nothing.
fn contained(read: impl FnOnce() -> Option<String>) -> Option<String> {
    catch_unwind(AssertUnwindSafe(read)).ok().flatten()
}

fn decoded<G: BitGrid>(grid: &Grid<G>) -> Option<String> {
    let mut content = Vec::new();
    grid.decode_to(&mut content).ok()?;
    String::from_utf8(content).ok()
}

/// A code and its quiet zone, cut out.
struct Crop {
    width: u32,
    brightness: Vec<u8>,
}

impl Crop {
    fn height(&self) -> usize {
        self.brightness.len() / self.width.max(1) as usize
    }

    /// What a reader makes of the code whose place is known; none where it reads nothing, or breaks.
    fn decode(&self, symbol: &Symbol) -> Option<String> {
        contained(|| match symbol.symbology {
            None => self.decode_qr(symbol),
            Some(symbology) => self.read_bars(symbology),
        })
    }

    /// What a reader finds; none where it finds nothing, or breaks.
    fn read(&self, symbology: Option<Symbology>) -> Option<String> {
        contained(|| match symbology {
            None => self.read_qr(),
            Some(symbology) => self.read_bars(symbology),
        })
    }

    fn is_dark(&self, x: usize, y: usize) -> bool {
        self.brightness[y * self.width as usize + x] < 128
    }

    /// Decodes the modules at their middles.
    fn decode_qr(&self, symbol: &Symbol) -> Option<String> {
        let Symbol { quiet, area, module, modules, .. } = symbol;
        let middle = |begin: u32, number: usize| (begin + module / 2) as usize + number * *module as usize;
        let (left, top) = (area.x - quiet.x, area.y - quiet.y);
        let grid =
            SimpleGrid::from_func(modules.columns() as usize, |x, y| self.is_dark(middle(left, x), middle(top, y)));
        decoded(&Grid::new(grid))
    }

    fn read_qr(&self) -> Option<String> {
        // it is black and white already; a threshold would only take time
        let mut image =
            PreparedImage::prepare_from_bitmap(self.width as usize, self.height(), |x, y| self.is_dark(x, y));
        decoded(image.detect_grids().first()?)
    }

    /// Reads the middle row; the others must be like it.
    fn read_bars(&self, symbology: Symbology) -> Option<String> {
        let rows: Vec<&[u8]> = self.brightness.chunks(self.width.max(1) as usize).collect();
        let middle = *rows.get(rows.len() / 2)?;
        // a blur changes the rows at the edges
        let reach = (BLUR_WEIGHTS.len() / 2).min(rows.len() / 2);
        let alike = rows[reach..rows.len() - reach].iter().all(|row| *row == middle);
        let mut row = BitArray::with_size(middle.len());
        middle.iter().enumerate().filter(|(_, bright)| **bright < 128).for_each(|(x, _)| row.set(x));
        let is_gs1 = symbology == Symbology::Gs1Code128;
        let hints = DecodeHints { AssumeGs1: Some(is_gs1), ..DecodeHints::default() };
        let result: Option<RXingResult> = match symbology {
            Symbology::Code39 => Code39Reader::default().decode_row(0, &row, &hints).ok(),
            Symbology::Code128 | Symbology::Gs1Code128 => Code128Reader.decode_row(0, &row, &hints).ok(),
        };
        let text = result.filter(|_| alike)?.getText().to_owned();
        if is_gs1 { text.strip_prefix("]C1").map(str::to_owned) } else { Some(text) }
    }

    /// Blurred by a Gaussian of one dot, as a worn head or fast paper does, and seen as black and white again; outside it is
    /// white. The reader's own threshold is too near to the finder patterns of a small code: with it, one in twenty good
    /// codes of four dots a module would be refused by chance.
    fn blurred(&self) -> Crop {
        let width = self.width as usize;
        let pad = BLUR_WEIGHTS.len() / 2;
        let weighted = |source: &[u32], at: usize, step: usize| {
            BLUR_WEIGHTS.iter().enumerate().map(|(tap, weight)| weight * source[at + tap * step]).sum::<u32>()
        };
        // darkness rather than brightness, so that zeros stand for the paper around it
        let mut across = vec![0; (self.height() + 2 * pad) * width];
        let mut row = vec![0; width + 2 * pad];
        for (dots, blurred) in self.brightness.chunks(width.max(1)).zip(across[pad * width..].chunks_mut(width.max(1)))
        {
            row[pad..pad + width].iter_mut().zip(dots).for_each(|(to, from)| *to = u32::from(255 - from));
            blurred.iter_mut().enumerate().for_each(|(x, to)| *to = weighted(&row, x, 1));
        }
        let sum: u32 = BLUR_WEIGHTS.iter().sum();
        let half = 255 * sum * sum / 2;
        let seen = |at: usize| if weighted(&across, at, width) > half { 0 } else { 255 };
        Crop { width: self.width, brightness: (0..self.brightness.len()).map(seen).collect() }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::codec::{code39, code128, qr};
    use crate::label::{Correction, Kind, Modules};

    fn crop(content: &str, module: u32) -> Crop {
        let modules = qr::encode(content, Correction::M).expect("short");
        let side = (modules.columns() + 8) * module;
        let mut page = Bitmap::new(side, side);
        for (column, row, length) in modules.runs() {
            page.fill(Area { x: (column + 4) * module, y: (row + 4) * module, width: length * module, height: module });
        }
        Crop { width: side, brightness: page.brightness(Area { x: 0, y: 0, width: side, height: side }) }
    }

    #[test]
    fn codes_read_plain_and_blurred() {
        let texts = ["HTTPS://WH.CN/O/7KQ2M9XA", "https://wh.example/orders/SO-2026-000123?x=1", "1", "张三"];
        let codes =
            (0..40).map(|n: u32| format!("WB:L:{}.{}.{}:{:04X}", 1000 + n * 37, n % 3 + 1, n % 7, n * 40_503 % 65_536));
        let contents = texts.iter().map(|text| (*text).to_owned()).chain(codes);
        for (at, content) in contents.enumerate() {
            for module in if at < 6 { 3..=12 } else { 4..=5 } {
                let crop = crop(&content, module);
                assert_eq!(crop.read(None).as_deref(), Some(content.as_str()), "{content} {module}");
                assert_eq!(crop.blurred().read(None).as_deref(), Some(content.as_str()), "{content} {module} blurred");
            }
            assert_eq!(crop(&content, 1).blurred().read(None), None, "a dot a module is lost in the blur");
        }
    }
    #[test]
    fn ink_on_a_code_is_seen_though_the_code_still_reads() {
        let content = "WB:L:1001.1.2:7K2M".to_owned();
        let modules = qr::encode(&content, Correction::H).expect("short");
        let (module, side) = (4, modules.columns() * 4);
        let area = Area { x: 16, y: 16, width: side, height: side };
        let quiet = Area { x: 0, y: 0, width: side + 32, height: side + 32 };
        let element = ElementRef { repeat: None, kind: Kind::Qr, index: 0 };
        let correction = Correction::H;
        let symbol =
            Symbol { element, symbology: None, correction, content: content.clone(), modules, module, area, quiet };
        let paint = |ink: Option<Area>| {
            let mut page = Bitmap::new(quiet.width, quiet.height);
            let runs = symbol.modules.runs();
            let of = |(column, row, length): (u32, u32, u32)| Area {
                x: area.x + column * module,
                y: area.y + row * module,
                width: length * module,
                height: module,
            };
            runs.map(of).chain(ink).for_each(|part| page.fill(part));
            page
        };
        assert_eq!(check(&symbol, 1, &paint(None)), Ok(()));
        let meant = Symbol { content: "WB:L:1001.1.3:7K2M".to_owned(), ..symbol.clone() };
        let read = content;
        assert_eq!(check(&meant, 1, &paint(None)), Err(Unproved::OtherContent { element, page: 1, read }));
        let ink = Area { x: area.x + side / 2, y: area.y + side / 2, width: 9, height: 9 };
        let crop = Crop { width: quiet.width, brightness: paint(Some(ink)).brightness(quiet) };
        assert_eq!(crop.read(None).as_deref(), Some("WB:L:1001.1.2:7K2M"), "the ink is to be survivable");
        assert_eq!(check(&symbol, 1, &paint(Some(ink))), Err(Unproved::Spoilt { element, page: 1 }));
    }

    #[test]
    fn bar_codes_read_back_with_every_character() {
        let page = |symbol: &Modules, module: u32| {
            let (width, height) = ((symbol.columns() + 20) * module, 20);
            let mut page = Bitmap::new(width, height);
            for (column, _, length) in symbol.runs() {
                page.fill(Area { x: (column + 10) * module, y: 0, width: length * module, height });
            }
            Crop { width, brightness: page.brightness(Area { x: 0, y: 0, width, height }) }
        };
        let all: Vec<u8> = (0..128).collect();
        let parts = all.chunks(40).map(|part| String::from_utf8_lossy(part).into_owned());
        let others = ["75312345678901", "SF1234567890123", "a1B22c333", "YT0123", "1", "12", "123"].map(str::to_owned);
        for content in parts.chain(others) {
            let crop = page(&code128::encode(&content, false).expect("ASCII"), 2);
            assert_eq!(crop.read(Some(Symbology::Code128)).as_deref(), Some(content.as_str()), "{content:?}");
            assert_eq!(
                crop.blurred().read(Some(Symbology::Code128)).as_deref(),
                Some(content.as_str()),
                "{content:?} blurred"
            );
        }
        let element_string = "0209506000134352375\u{1d}10A1";
        let crop = page(&code128::encode(element_string, true).expect("ASCII"), 3);
        assert_eq!(crop.read(Some(Symbology::Gs1Code128)).as_deref(), Some(element_string));
        for part in ["0123456789ABCDEFGHIJ", "KLMNOPQRSTUVWXYZ-. $/+%"] {
            let crop = page(&code39::encode(part).expect("its characters"), 2);
            assert_eq!(crop.read(Some(Symbology::Code39)).as_deref(), Some(part));
        }
    }
}
