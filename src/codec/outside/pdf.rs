//! PDF: its first pages are drawn and read.

use std::panic::{AssertUnwindSafe, catch_unwind};

use hayro::{InterpreterSettings, RenderSettings, render};

use super::dots::grey;
use super::{Codes, LabelReadError, PAGES_MAX, opened};

/// Points of a page's longer side: A4 and a little.
const SIDE_MAX: f32 = 900.0;
/// Dots for each point: some 216 an inch, and twice as many where nothing was read.
const SCALES: [f32; 2] = [3.0, 5.0];
/// Dots of a page at the larger scale that are drawn: A4 at 300 an inch.
const DOTS_MAX: f32 = 9_000_000.0;
/// Millimetres of a point's multiple that people understand.
const MM_PER_POINT: f32 = 25.4 / 72.0;

pub(super) fn codes(bytes: &[u8], codes: &mut Codes) -> Result<(), LabelReadError> {
    // the drawer is given files from anywhere
    let drawn = catch_unwind(AssertUnwindSafe(|| pages(bytes, codes)));
    drawn.unwrap_or(Err(LabelReadError::Broken("its drawer gave up")))
}

fn pages(bytes: &[u8], codes: &mut Codes) -> Result<(), LabelReadError> {
    let pdf = opened(bytes)?;
    for page in pdf.pages().iter().take(PAGES_MAX) {
        let (width, height) = page.render_dimensions();
        // a side may also be no number
        if ![width, height].into_iter().all(|side| (0.0..=SIDE_MAX).contains(&side)) {
            return Err(LabelReadError::TooLarge((SIDE_MAX * MM_PER_POINT) as u32));
        }
        let found = codes.texts.len();
        for scale in SCALES {
            if width * height * scale * scale > DOTS_MAX || codes.texts.len() > found {
                break;
            }
            let settings = RenderSettings { x_scale: scale, y_scale: scale, ..RenderSettings::default() };
            let drawn = render(page, &InterpreterSettings::default(), &settings);
            let (across, down) = (usize::from(drawn.width()), usize::from(drawn.height()));
            let pixels = drawn.data_as_u8_slice().chunks_exact(4).map(|dot| grey([dot[0], dot[1], dot[2]])).collect();
            if across > 0 && down > 0 {
                codes.gray(across, down, pixels);
            }
        }
    }
    Ok(())
}
