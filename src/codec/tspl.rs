//! Labels for TSPL printers: their dots as one bitmap a page. No text of a label stands in the job.

use std::borrow::Cow;

use super::proof::Sheets;

/// How a printer wants its jobs.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct TsplSettings {
    /// Gap between two labels in millimetres; 0 for paper without gaps.
    pub gap_mm: f64,
    /// Whether the printer's own zero is at the other end: 0 or 1.
    pub direction: u8,
    /// How often each page is printed.
    pub copies: u32,
    /// How the dots are laid over what is there: 0 in its place, 1 added to it, which some clones want.
    pub mode: u8,
    /// Whether 1 is black, on printers that have it the other way round.
    pub inverted: bool,
    /// The length of the page in thousandths of what it should be, for a feed that is too short or too long.
    pub feed_permille: u32,
}

impl Default for TsplSettings {
    fn default() -> Self {
        TsplSettings { gap_mm: 2.0, direction: 1, copies: 1, mode: 0, inverted: false, feed_permille: 1_000 }
    }
}

/// The job for a printer.
#[must_use]
pub fn tspl<'p>(label: impl Into<Sheets<'p>>, settings: TsplSettings) -> Vec<u8> {
    let label = label.into();
    let mut job = Vec::new();
    for page in label.pages() {
        let page = match settings.feed_permille {
            1_000 => Cow::Borrowed(page),
            permille => Cow::Owned(page.scaled(permille)),
        };
        head(label.size_mm(), settings, &mut job);
        bitmap((0, 0), page.stride(), page.bytes(), settings, &mut job);
        foot(settings, &mut job);
    }
    job
}

/// What comes before a page.
pub(super) fn head([width_mm, exact_mm]: [f64; 2], settings: TsplSettings, job: &mut Vec<u8>) {
    // a feed that is too short counts its millimetres too long
    let height_mm = match settings.feed_permille {
        1_000 => exact_mm,
        permille => (exact_mm * f64::from(permille) / 1_000.0 * 10.0).round() / 10.0,
    };
    let (gap_mm, direction) = (settings.gap_mm, settings.direction.min(1));
    let head = format!(
        "SIZE {width_mm} mm,{height_mm} mm\r\nGAP {gap_mm} mm,0 mm\r\nDIRECTION {direction}\r\nREFERENCE 0,0\r\nCLS\r\n"
    );
    job.extend_from_slice(head.as_bytes());
}

/// Dots at a place.
pub(super) fn bitmap((x, y): (u32, u32), stride: usize, rows: &[u8], settings: TsplSettings, job: &mut Vec<u8>) {
    let (high, mode) = (rows.len() / stride.max(1), settings.mode.min(2));
    job.extend_from_slice(format!("BITMAP {x},{y},{stride},{high},{mode},").as_bytes());
    // 0 is black here, and what fills up the last byte of a row must be white
    job.extend(rows.iter().map(|byte| if settings.inverted { *byte } else { !byte }));
    job.extend_from_slice(b"\r\n");
}

/// What comes after a page.
pub(super) fn foot(settings: TsplSettings, job: &mut Vec<u8>) {
    job.extend_from_slice(format!("PRINT 1,{}\r\n", settings.copies.max(1)).as_bytes());
}
