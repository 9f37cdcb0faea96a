//! Labels as PNG: one bit a dot, with the resolution in the file.

use super::Bitmap;
use super::proof::Proved;

/// A page as PNG; none where there is no such page.
#[must_use]
pub fn png(label: &Proved, page: usize) -> Option<Vec<u8>> {
    write(label.pages().get(page)?, label.layout().resolution.dots_per_mm()).ok()
}

fn write(page: &Bitmap, dots_per_mm: f64) -> Result<Vec<u8>, png::EncodingError> {
    let mut file = Vec::new();
    let mut encoder = png::Encoder::new(&mut file, page.width(), page.height());
    encoder.set_color(png::ColorType::Grayscale);
    encoder.set_depth(png::BitDepth::One);
    let per_metre = (dots_per_mm * 1000.0).round() as u32;
    encoder.set_pixel_dims(Some(png::PixelDimensions { xppu: per_metre, yppu: per_metre, unit: png::Unit::Meter }));
    let mut writer = encoder.write_header()?;
    // in PNG 0 is black
    let rows: Vec<u8> = page.bytes().iter().map(|byte| !byte).collect();
    writer.write_image_data(&rows)?;
    writer.finish()?;
    Ok(file)
}
