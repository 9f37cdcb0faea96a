//! Pictures as files: what they claim to be is looked at before anything is unpacked.

use std::io::Cursor;
use std::panic::catch_unwind;

use image::{ImageDecoder as _, ImageFormat, ImageReader};

use super::gray::Gray;
use super::{Limits, ReadError};

/// Unpacks a picture to grey. A panic in a decoder is a damaged picture.
pub(super) fn unpacked(bytes: &[u8], limits: &Limits) -> Result<Gray, ReadError> {
    let gave_up = |_| Err(ReadError::Broken("its decoder gave up".into()));
    catch_unwind(|| decoded(bytes, limits)).unwrap_or_else(gave_up)
}

fn decoded(bytes: &[u8], limits: &Limits) -> Result<Gray, ReadError> {
    if bytes.len() > limits.bytes {
        return Err(ReadError::TooManyBytes { limit: limits.bytes });
    }
    let format = image::guess_format(bytes).map_err(|_| ReadError::UnknownFormat)?;
    if !matches!(format, ImageFormat::Png | ImageFormat::Jpeg | ImageFormat::WebP | ImageFormat::Bmp) {
        return Err(ReadError::UnknownFormat);
    }
    let broken = |error: image::ImageError| ReadError::Broken(error.to_string());
    let mut reader = ImageReader::with_format(Cursor::new(bytes), format);
    let mut bounds = image::Limits::default();
    bounds.max_alloc = Some(limits.pixels.saturating_mul(BYTES_PER_PIXEL));
    reader.limits(bounds);
    let decoder = reader.into_decoder().map_err(broken)?;
    let (width, height) = decoder.dimensions();
    let pixels = u64::from(width) * u64::from(height);
    if pixels > limits.pixels || width > limits.side || height > limits.side {
        return Err(ReadError::TooLarge { width, height, limit: limits.pixels, side: limits.side });
    }
    if width == 0 || height == 0 {
        return Err(ReadError::Broken("the picture has no pixels".into()));
    }
    image::DynamicImage::from_decoder(decoder).map(on_white).map_err(broken)
}

/// What a decoder may allocate for each pixel: four channels of two bytes, twice, since some convert as they go.
const BYTES_PER_PIXEL: u64 = 16;

/// Grey on white paper: what is transparent is paper.
fn on_white(picture: image::DynamicImage) -> Gray {
    let (width, height) = (picture.width() as usize, picture.height() as usize);
    if picture.color().has_alpha() {
        let greys = picture.into_luma_alpha8();
        let over_white = |[grey, alpha]: [u16; 2]| ((grey * alpha + 255 * (255 - alpha)) / 255) as u8;
        let pixels = greys.pixels().map(|pixel| over_white(pixel.0.map(u16::from))).collect();
        return Gray::new(width, height, pixels);
    }
    Gray::new(width, height, picture.into_luma8().into_raw())
}
