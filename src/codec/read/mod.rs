//! Reads codes in pictures: photographs from a PDA, scanned documents, drawn labels.
//!
//! QR codes are found by their corner squares in a picture whose light is evened out, and their modules are read with
//! their greys, as the picture is, smoothed and sharpened; what is still missing after that is left to a second finder, rxing's.
//! Every step is paid for in units of work before it is taken, so that no picture costs more than another.
//! Codes of bars are found as patches whose edges all run one way, and read along them.

pub mod alone;
mod bars;
mod decoders;
mod finder;
mod geometry;
mod gray;
mod picture;
mod search;
mod second;
mod square;

/// The most bytes of a picture: a photograph of 24 million pixels takes some five million as JPEG.
pub const PICTURE_BYTES_MAX: usize = 8 * 1024 * 1024;

/// What a picture may cost.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// The most bytes of the file.
    pub bytes: usize,
    /// The most pixels that are unpacked. Each takes four bytes while the picture is unpacked, ten where it is a
    /// progressive JPEG.
    pub pixels: u64,
    /// The most pixels along a side.
    pub side: u32,
    /// Larger pictures are scaled down to this many pixels before they are looked at.
    pub looked_at: usize,
    /// Units of work, of about ten nanoseconds each: a pixel looked at once is one, an attempt at a code some
    /// thousands. When they are spent, what is read by then is the answer.
    pub work: u64,
}

impl Default for Limits {
    /// What fits a PDA's photographs: 25 million pixels, looked at as two million, for up to half a second.
    fn default() -> Self {
        Limits { bytes: PICTURE_BYTES_MAX, pixels: 25_000_000, side: 20_000, looked_at: 2_000_000, work: 50_000_000 }
    }
}

/// A code in a picture.
#[derive(Clone, Debug, PartialEq)]
pub struct Symbol {
    /// Its AIM symbology identifier, ISO/IEC 15424: `]Q1`, `]C1`.
    pub aim: String,
    /// What it says, without the identifier: UTF-8 where the code names its encoding or is in UTF-8 anyway, else the
    /// bytes as they stand in the code. The group separator is U+001D.
    pub text: Vec<u8>,
    /// Its corners in pixels from the upper left, in its own order: upper left, upper right, lower right, lower left
    /// where the code is upright.
    pub bounds: [(f32, f32); 4],
}

impl Symbol {
    /// Its corners to a tenth of a pixel.
    #[must_use]
    pub fn rounded_bounds(&self) -> [[f64; 2]; 4] {
        let rounded = |part: f32| (f64::from(part) * 10.0).round() / 10.0;
        self.bounds.map(|(x, y)| [rounded(x), rounded(y)])
    }

    /// What a scanner would send of it: the identifier, then the text.
    #[must_use]
    pub fn scanned(&self) -> Vec<u8> {
        [self.aim.as_bytes(), &self.text].concat()
    }
}

/// Why a picture can't be read.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ReadError {
    /// The file is too long.
    #[error("the picture has more than {limit} bytes")]
    TooManyBytes {
        /// The most bytes.
        limit: usize,
    },
    /// The bytes are no picture of a kind that is read.
    #[error("this is no PNG, JPEG, WebP or BMP picture")]
    UnknownFormat,
    /// The picture's header claims too many pixels.
    #[error("the picture has {width} x {height} pixels, more than {limit} in all or {side} along a side")]
    TooLarge {
        /// Pixels across.
        width: u32,
        /// Pixels down.
        height: u32,
        /// The most pixels in all.
        limit: u64,
        /// The most pixels along a side.
        side: u32,
    },
    /// The picture can't be unpacked.
    #[error("the picture is damaged: {0}")]
    Broken(String),
}

impl ReadError {
    /// What the person can do.
    #[must_use]
    pub fn hint(&self) -> &'static str {
        match self {
            ReadError::TooManyBytes { .. } | ReadError::TooLarge { .. } => {
                "take the picture with a lower resolution, or cut out the part with the codes"
            }
            ReadError::UnknownFormat => "save the picture as PNG or JPEG",
            ReadError::Broken(_) => "take the picture again",
        }
    }
}

/// A picture unpacked to greys on white paper: pixels across, pixels down, and a byte each, row by row, 0 is black.
pub(super) fn unpacked(bytes: &[u8], limits: &Limits) -> Result<(u32, u32, Vec<u8>), ReadError> {
    let gray = picture::unpacked(bytes, limits)?;
    // the limits of a side fit
    let side = |pixels: usize| u32::try_from(pixels).unwrap_or(u32::MAX);
    Ok((side(gray.width), side(gray.height), gray.pixels))
}

/// Reads the codes of a picture that is unpacked already: a byte a pixel, row by row from the top, 0 is black.
pub(super) fn read_gray(width: usize, height: usize, pixels: Vec<u8>, limits: &Limits) -> Vec<Symbol> {
    search::search(&gray::Gray::new(width, height, pixels), limits)
}

/// A picture's greys: width, height, and a byte a pixel, row by row from the top, 0 is black.
///
/// # Errors
/// The bytes are no picture, or one beyond the limits.
pub(super) fn greys(bytes: &[u8], limits: &Limits) -> Result<(usize, usize, Vec<u8>), ReadError> {
    let picture = picture::unpacked(bytes, limits)?;
    Ok((picture.width, picture.height, picture.pixels))
}

/// Reads the codes of a picture: PNG, JPEG, WebP or BMP. No code is no error.
///
/// Memory and time are bounded by `limits`, whatever the picture claims to be.
///
/// # Errors
///
/// [`ReadError`] if the bytes are no picture, or one beyond the limits.
pub fn read(bytes: &[u8], limits: &Limits) -> Result<Vec<Symbol>, ReadError> {
    let picture = picture::unpacked(bytes, limits)?;
    Ok(search::search(&picture, limits))
}
