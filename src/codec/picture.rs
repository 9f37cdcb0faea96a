//! Pictures of label templates: a file becomes black and white dots of the size that a label wants.

use std::sync::{Arc, Mutex, PoisonError};

use image::GrayImage;
use image::imageops::{BiLevel, crop_imm, dither, rotate90, rotate180, rotate270};

use super::Bitmap;
use super::read::{Limits, ReadError, unpacked};
use crate::label::{Dither, Fit, Turn, Wanted};

/// What a template's picture may cost: a megabyte, which a hundred templates may have in memory, and two thousand dots
/// in both directions, the paper's width at 600 dots an inch. Only its size limits count, no codes are looked for.
pub const PICTURE_LIMITS: Limits = Limits { bytes: 1024 * 1024, pixels: 4_000_000, side: 8_000, looked_at: 0, work: 0 };
/// Most dots that a picture is made of on paper: a page A4 at 300 dots an inch, nine megabytes while it is made.
const DOTS_MAX: u64 = 9_000_000;
/// In how many sizes a picture's dots are kept: a few elements at two or three resolutions.
const KEPT_MAX: usize = 8;
/// Most bytes of them; the newest is kept in any case.
const KEPT_BYTES: usize = 512 * 1024;

/// A picture that can be unpacked. Its dots are kept, since labels of one template want the same.
#[derive(Debug)]
pub struct Picture {
    bytes: Vec<u8>,
    kept: Mutex<Vec<(Wanted, Arc<Bitmap>)>>,
}

impl Picture {
    /// Takes a file that can be unpacked within [`PICTURE_LIMITS`].
    ///
    /// # Errors
    /// It is no picture, a damaged one, or too large.
    pub fn open(bytes: Vec<u8>) -> Result<Picture, ReadError> {
        unpacked(&bytes, &PICTURE_LIMITS)?;
        Ok(Picture { bytes, kept: Mutex::default() })
    }

    /// Its dots.
    ///
    /// # Errors
    /// It is wanted larger than any page, or can't be unpacked any more.
    pub fn dots(&self, wanted: Wanted) -> Result<Arc<Bitmap>, ReadError> {
        let mut kept = self.kept.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some((_, dots)) = kept.iter().find(|(known, _)| *known == wanted) {
            return Ok(dots.clone());
        }
        let dots = Arc::new(made(&self.bytes, wanted)?);
        let bytes = |kept: &[(Wanted, Arc<Bitmap>)]| kept.iter().map(|(_, dots)| dots.bytes().len()).sum::<usize>();
        while kept.len() >= KEPT_MAX || (!kept.is_empty() && bytes(&kept) + dots.bytes().len() > KEPT_BYTES) {
            kept.remove(0);
        }
        kept.push((wanted, dots.clone()));
        Ok(dots)
    }
}

fn made(bytes: &[u8], wanted: Wanted) -> Result<Bitmap, ReadError> {
    let Wanted { width, height, .. } = wanted;
    if u64::from(width) * u64::from(height) > DOTS_MAX {
        return Err(ReadError::TooLarge { width, height, limit: DOTS_MAX, side: u32::MAX });
    }
    let (across, down, pixels) = unpacked(bytes, &PICTURE_LIMITS)?;
    let broken = || ReadError::Broken("its pixels don't fill it".into());
    let picture = GrayImage::from_raw(across, down, pixels).ok_or_else(broken)?;
    let picture = match wanted.rotate {
        Turn::Upright => picture,
        Turn::Right => rotate90(&picture),
        Turn::Over => rotate180(&picture),
        Turn::Left => rotate270(&picture),
    };
    Ok(screened(fitted(picture, wanted), wanted))
}

/// The picture at its size on paper, still grey.
fn fitted(picture: GrayImage, wanted: Wanted) -> GrayImage {
    let (width, height) = (wanted.width.max(1), wanted.height.max(1));
    let (across, down) = picture.dimensions();
    let is_wider = u64::from(across) * u64::from(height) >= u64::from(width) * u64::from(down);
    match (wanted.fit, is_wider) {
        (Fit::Stretch, _) => scaled(&picture, width, height),
        (Fit::Contain, true) => scaled(&picture, width, share(width, down, across, height)),
        (Fit::Contain, false) => scaled(&picture, share(height, across, down, width), height),
        (Fit::Cover, true) => {
            let kept = share(down, width, height, across);
            scaled(&crop_imm(&picture, (across - kept) / 2, 0, kept, down).to_image(), width, height)
        }
        (Fit::Cover, false) => {
            let kept = share(across, height, width, down);
            scaled(&crop_imm(&picture, 0, (down - kept) / 2, across, kept).to_image(), width, height)
        }
    }
}

/// What stands to `length` as `one` to `other`, from 1 to `most`.
fn share(length: u32, one: u32, other: u32, most: u32) -> u32 {
    let rounded = (u64::from(length) * u64::from(one) + u64::from(other) / 2) / u64::from(other.max(1));
    u32::try_from(rounded).unwrap_or(most).clamp(1, most)
}

fn scaled(picture: &GrayImage, width: u32, height: u32) -> GrayImage {
    rotate270(&scaled_across(&rotate90(&scaled_across(picture, width)), height))
}

/// Each row with so many pixels: each the mean of what it covers. Whole numbers only, so that every machine prints the
/// same dots; `image`'s own scaling takes sixteen bytes a pixel besides.
fn scaled_across(picture: &GrayImage, width: u32) -> GrayImage {
    let (from, down) = picture.dimensions();
    if from == width {
        return picture.clone();
    }
    // in units of which an old pixel has `to` and a new one `of`
    let (to, of) = (u64::from(width), u64::from(from));
    GrayImage::from_fn(width, down, |x, y| {
        let (start, end) = (u64::from(x) * of, (u64::from(x) + 1) * of);
        let covered = start / to..=(end - 1) / to;
        let sum: u64 = covered
            .map(|pixel| {
                let overlap = end.min((pixel + 1) * to) - start.max(pixel * to);
                overlap * u64::from(picture.get_pixel(pixel as u32, y).0[0])
            })
            .sum();
        image::Luma([((sum + of / 2) / of) as u8])
    })
}

/// Black and white.
fn screened(mut picture: GrayImage, wanted: Wanted) -> Bitmap {
    let (width, height) = picture.dimensions();
    let mut dots = Bitmap::new(width, height);
    // the crate's error diffusion wants neighbours on all sides
    let diffuse = wanted.dither == Dither::Diffuse && width > 1 && height > 1;
    if diffuse {
        dither(&mut picture, &BiLevel);
    }
    for (x, y, pixel) in picture.enumerate_pixels() {
        let threshold = match wanted.dither {
            Dither::None => wanted.threshold,
            Dither::Ordered => bayer(x, y),
            Dither::Diffuse => 128,
        };
        if pixel.0[0] < threshold {
            dots.set(x, y, true);
        }
    }
    dots
}

/// Bayer's matrix of eight by eight as thresholds from 2 to 254: the bits of both places, mixed.
fn bayer(x: u32, y: u32) -> u8 {
    let mixed = (0..3).fold(0, |mixed, bit| mixed << 2 | ((x ^ y) >> bit & 1) << 1 | y >> bit & 1);
    (mixed * 4 + 2) as u8
}

#[cfg(test)]
mod tests {
    use super::*;

    fn file(width: u32, height: u32, grey: impl Fn(u32, u32) -> u8) -> Vec<u8> {
        let picture = GrayImage::from_fn(width, height, |x, y| image::Luma([grey(x, y)]));
        let mut bytes = std::io::Cursor::new(Vec::new());
        picture.write_to(&mut bytes, image::ImageFormat::Png).expect("memory takes it");
        bytes.into_inner()
    }

    fn wanted(width: u32, height: u32) -> Wanted {
        let (fit, rotate, dither) = (Fit::Contain, Turn::Upright, Dither::None);
        Wanted { width, height, fit, rotate, dither, threshold: 128 }
    }

    fn rows(dots: &Bitmap) -> Vec<String> {
        let row = |y| (0..dots.width()).map(|x| if dots.is_black(x, y) { '#' } else { '.' }).collect();
        (0..dots.height()).map(row).collect()
    }

    #[test]
    fn a_picture_fills_its_box_as_it_is_told() {
        // black on the left, and a black corner above
        let picture = Picture::open(file(4, 2, |x, y| if x == 0 || (x, y) == (3, 0) { 0 } else { 255 })).expect("PNG");
        let drawn = |wanted: Wanted| rows(&picture.dots(wanted).expect("small"));
        assert_eq!(drawn(wanted(8, 8)), ["##....##", "##....##", "##......", "##......"]);
        assert_eq!(drawn(Wanted { fit: Fit::Stretch, ..wanted(4, 4) }), ["#..#", "#..#", "#...", "#..."]);
        assert_eq!(drawn(Wanted { fit: Fit::Cover, ..wanted(2, 2) }), ["..", ".."]);
        assert_eq!(drawn(Wanted { rotate: Turn::Right, ..wanted(9, 4) }), ["##", "..", "..", ".#"]);
        assert_eq!(drawn(Wanted { rotate: Turn::Over, ..wanted(4, 2) }), ["...#", "#..#"]);
        assert_eq!(drawn(Wanted { rotate: Turn::Left, ..wanted(2, 4) }), ["#.", "..", "..", "##"]);
        assert_eq!(drawn(wanted(0, 0)).len(), 1);
    }

    #[test]
    fn greys_become_as_many_dots_as_they_are_dark() {
        for dark in [0_u8, 32, 96, 160, 255] {
            let picture = Picture::open(file(64, 64, |_, _| dark)).expect("PNG");
            let ink = |dither| {
                let dots = picture.dots(Wanted { dither, ..wanted(64, 64) }).expect("small");
                dots.bytes().iter().map(|byte| byte.count_ones()).sum::<u32>()
            };
            let meant = (255 - u32::from(dark)) * 64 * 64 / 255;
            for dither in [Dither::Ordered, Dither::Diffuse] {
                assert!(ink(dither).abs_diff(meant) < 130, "{dark} {dither:?}: {} for {meant}", ink(dither));
            }
            assert_eq!(ink(Dither::None), if dark < 128 { 4096 } else { 0 });
        }
        let all: std::collections::BTreeSet<u8> = (0..64).map(|at| bayer(at % 8, at / 8)).collect();
        assert_eq!(all.len(), 64);
        let line = Picture::open(file(1, 9, |_, y| if y < 4 { 0 } else { 255 })).expect("PNG");
        assert_eq!(
            line.dots(Wanted { dither: Dither::Diffuse, ..wanted(1, 9) }).expect("small").bytes()[3..5],
            [0x80, 0]
        );
    }

    #[test]
    fn what_costs_too_much_is_refused() {
        assert!(matches!(Picture::open(vec![0; PICTURE_LIMITS.bytes + 1]), Err(ReadError::TooManyBytes { .. })));
        assert_eq!(Picture::open(b"GIF89a".to_vec()).map(|_| ()), Err(ReadError::UnknownFormat));
        let whole = file(40, 40, |x, y| (x * y) as u8);
        assert!(matches!(Picture::open(whole[..whole.len() / 2].to_vec()), Err(ReadError::Broken(_))));
        let large = file(8_001, 3, |_, _| 0);
        assert!(matches!(Picture::open(large), Err(ReadError::TooLarge { .. })));
        let picture = Picture::open(whole).expect("PNG");
        assert!(matches!(picture.dots(wanted(10_000, 10_000)), Err(ReadError::TooLarge { .. })));
        for size in 1..30 {
            assert!(picture.dots(wanted(size, size)).is_ok());
        }
        assert_eq!(picture.kept.lock().expect("nobody broke it").len(), KEPT_MAX);
        for size in 2_100..2_102 {
            assert!(picture.dots(wanted(size, size)).is_ok());
        }
        assert_eq!(picture.kept.lock().expect("nobody broke it").len(), 1, "large ones are not kept");
    }
}
