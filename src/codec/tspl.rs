//! Labels for TSPL printers: their dots as one bitmap a page. No text of a label stands in the job.

use super::proof::Proved;

/// How a printer wants its jobs.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct TsplSettings {
    /// Gap between two labels in millimetres; 0 for paper without gaps.
    pub gap_mm: f64,
    /// Whether the printer's own zero is at the other end: 0 or 1.
    pub direction: u8,
    /// How often each page is printed.
    pub copies: u32,
}

impl Default for TsplSettings {
    fn default() -> Self {
        TsplSettings { gap_mm: 2.0, direction: 1, copies: 1 }
    }
}

/// The job for a printer.
#[must_use]
pub fn tspl(label: &Proved, settings: TsplSettings) -> Vec<u8> {
    let layout = label.layout();
    let mut job = Vec::new();
    for page in label.pages() {
        let head = format!(
            "SIZE {} mm,{} mm\r\nGAP {} mm,0 mm\r\nDIRECTION {}\r\nREFERENCE 0,0\r\nCLS\r\nBITMAP 0,0,{},{},0,",
            layout.width_mm,
            layout.height_mm,
            settings.gap_mm,
            settings.direction.min(1),
            page.stride(),
            page.height()
        );
        job.extend_from_slice(head.as_bytes());
        // 0 is black here, and what fills up the last byte of a row must be white
        job.extend(page.bytes().iter().map(|byte| !byte));
        job.extend_from_slice(format!("\r\nPRINT 1,{}\r\n", settings.copies.max(1)).as_bytes());
    }
    job
}
