//! The readers that ours is measured against, each on its own and on the whole picture. Nothing else uses them: their
//! time has no bounds.

use std::collections::HashSet;

use rxing::multi::MultipleBarcodeReader as _;
use rxing::qrcode::cpp_port::QrReader;
use rxing::{BarcodeFormat, DecodeHints};

use super::decoders::{bitmap, contained};
use super::{Limits, ReadError, picture};

/// What rqrr reads of a picture as it is.
///
/// # Errors
///
/// As [`read`](super::read).
pub fn rqrr(bytes: &[u8], limits: &Limits) -> Result<Vec<Vec<u8>>, ReadError> {
    let gray = picture::unpacked(bytes, limits)?;
    let read = contained(|| {
        let mut picture = rqrr::PreparedImage::prepare_from_greyscale(gray.width, gray.height, |x, y| gray.row(y)[x]);
        let mut read = Vec::new();
        for grid in picture.detect_grids() {
            let mut text = Vec::new();
            if contained(|| grid.decode_to(&mut text).ok()).is_some() && !text.is_empty() {
                read.push(text);
            }
        }
        Some(read)
    });
    Ok(read.unwrap_or_default())
}

/// What rxing reads of QR codes in a picture as it is.
///
/// # Errors
///
/// As [`read`](super::read).
pub fn rxing(bytes: &[u8], limits: &Limits) -> Result<Vec<Vec<u8>>, ReadError> {
    let gray = picture::unpacked(bytes, limits)?;
    let read = contained(|| {
        let hints =
            DecodeHints { PossibleFormats: Some(HashSet::from([BarcodeFormat::QR_CODE])), ..DecodeHints::default() };
        let results = QrReader.decode_multiple_with_hints(&mut bitmap(&gray)?, &hints).ok()?;
        Some(results.iter().map(|result| result.getText().as_bytes().to_vec()).collect())
    });
    Ok(read.unwrap_or_default())
}
