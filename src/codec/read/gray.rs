//! Grey pictures and the filters that make a worn or badly lit code legible.

use super::geometry::Point;

/// A picture in 256 greys, row by row from the top.
#[derive(Clone, Debug)]
pub(super) struct Gray {
    pub(super) width: usize,
    pub(super) height: usize,
    pub(super) pixels: Vec<u8>,
}

/// Pixels this far into either end of the histogram are taken for black and white; what lies beyond is glare and dirt.
const STRETCH_TAIL: f32 = 0.01;
/// A picture with fewer greys between black and white than this is blank.
const STRETCH_MIN: usize = 6;

impl Gray {
    /// A picture of `width` × `height` pixels; `pixels` holds exactly that many.
    pub(super) fn new(width: usize, height: usize, pixels: Vec<u8>) -> Self {
        debug_assert_eq!(pixels.len(), width * height, "a row-major picture");
        Gray { width, height, pixels }
    }

    /// The row with this number.
    pub(super) fn row(&self, y: usize) -> &[u8] {
        &self.pixels[y * self.width..(y + 1) * self.width]
    }

    /// The grey between the four pixels around a place; the middle of the first pixel is (0.5, 0.5). Places outside
    /// have the grey of the nearest edge.
    pub(super) fn at(&self, x: f32, y: f32) -> f32 {
        let x = (x - 0.5).clamp(0.0, (self.width - 1) as f32);
        let y = (y - 0.5).clamp(0.0, (self.height - 1) as f32);
        let (left, top) = (x as usize, y as usize);
        let (right, bottom) = ((left + 1).min(self.width - 1), (top + 1).min(self.height - 1));
        let (along, down) = (x - left as f32, y - top as f32);
        let pixel = |x: usize, y: usize| f32::from(self.pixels[y * self.width + x]);
        let above = pixel(left, top) * (1.0 - along) + pixel(right, top) * along;
        let below = pixel(left, bottom) * (1.0 - along) + pixel(right, bottom) * along;
        above * (1.0 - down) + below * down
    }

    /// Whether a place lies in the picture.
    pub(super) fn has(&self, place: Point) -> bool {
        (0.0..self.width as f32).contains(&place.x) && (0.0..self.height as f32).contains(&place.y)
    }

    /// The picture made smaller: each pixel is the mean of `times` × `times`.
    pub(super) fn shrunk(&self, times: usize) -> Gray {
        let (width, height) = ((self.width / times).max(1), (self.height / times).max(1));
        let mut pixels = Vec::with_capacity(width * height);
        let mut sums = vec![0u32; width];
        for y in 0..height {
            sums.fill(0);
            let rows = (y * times..(y + 1) * times).filter(|row| *row < self.height);
            let mut count = 0;
            for row in rows {
                count += 1;
                for (sum, group) in sums.iter_mut().zip(self.row(row).chunks(times)) {
                    *sum += group.iter().map(|pixel| u32::from(*pixel)).sum::<u32>();
                }
            }
            let across = times.min(self.width);
            let area = (count * across).max(1) as u32;
            pixels.extend(sums.iter().map(|sum| (sum / area).min(255) as u8));
        }
        Gray::new(width, height, pixels)
    }

    /// The picture twice as large, with greys between.
    pub(super) fn doubled(&self) -> Gray {
        let (width, height) = (self.width * 2, self.height * 2);
        let mut pixels = Vec::with_capacity(width * height);
        for y in 0..height {
            let row = (y as f32 + 0.5) / 2.0;
            pixels.extend((0..width).map(|x| self.at((x as f32 + 0.5) / 2.0, row) as u8));
        }
        Gray::new(width, height, pixels)
    }

    /// The same with black and white where the picture's darkest and lightest parts are; nothing for a blank picture.
    pub(super) fn stretched(&self) -> Option<Gray> {
        let mut histogram = [0usize; 256];
        for pixel in &self.pixels {
            histogram[usize::from(*pixel)] += 1;
        }
        let tail = (self.pixels.len() as f32 * STRETCH_TAIL) as usize;
        let mut below = 0;
        let low = histogram.iter().position(|count| {
            below += count;
            below > tail
        })?;
        let mut above = 0;
        let high = histogram.iter().rposition(|count| {
            above += count;
            above > tail
        })?;
        if high < low + STRETCH_MIN {
            return None;
        }
        let table: Vec<u8> = (0..256usize)
            .map(|grey| (grey.clamp(low, high) - low) * 255 / (high - low))
            .map(|grey| grey as u8)
            .collect();
        Some(self.map(|pixel| table[usize::from(pixel)]))
    }

    /// The same with each pixel changed on its own.
    pub(super) fn map(&self, change: impl Fn(u8) -> u8) -> Gray {
        Gray::new(self.width, self.height, self.pixels.iter().map(|pixel| change(*pixel)).collect())
    }

    /// The same with each pixel replaced by what `fold` makes of its row of three and then its column of three.
    fn by_threes(&self, fold: impl Fn(u8, u8, u8) -> u8) -> Gray {
        let (width, height) = (self.width, self.height);
        let mut across = vec![0; self.pixels.len()];
        for y in 0..height {
            let row = self.row(y);
            let out = &mut across[y * width..(y + 1) * width];
            for (x, pixel) in out.iter_mut().enumerate() {
                *pixel = fold(row[x.saturating_sub(1)], row[x], row[(x + 1).min(width - 1)]);
            }
        }
        let mut pixels = Vec::with_capacity(across.len());
        for y in 0..height {
            let above = &across[y.saturating_sub(1) * width..][..width];
            let here = &across[y * width..][..width];
            let below = &across[(y + 1).min(height - 1) * width..][..width];
            pixels.extend(above.iter().zip(here).zip(below).map(|((above, here), below)| fold(*above, *here, *below)));
        }
        Gray::new(width, height, pixels)
    }

    /// Dark parts grown by a pixel all round: bridges white streaks, thickens a thin print.
    pub(super) fn darkened(&self) -> Gray {
        self.by_threes(|one, two, three| one.min(two).min(three))
    }

    /// Light parts grown by a pixel all round: thins a bloated print, drops dark specks.
    pub(super) fn lightened(&self) -> Gray {
        self.by_threes(|one, two, three| one.max(two).max(three))
    }

    /// Noise of single pixels averaged away.
    pub(super) fn smoothed(&self) -> Gray {
        self.by_threes(|one, two, three| ((u16::from(one) + 2 * u16::from(two) + u16::from(three) + 2) / 4) as u8)
    }

    /// Blurred edges made steep again: the difference to the mean over a radius, added `strength` times.
    pub(super) fn sharpened(&self, radius: usize, strength: f32) -> Gray {
        let soft = self.means(radius).means(radius.div_ceil(2));
        let sharp = |(pixel, mean): (&u8, &u8)| {
            let pixel = f32::from(*pixel);
            (pixel + strength * (pixel - f32::from(*mean))) as u8
        };
        Gray::new(self.width, self.height, self.pixels.iter().zip(&soft.pixels).map(sharp).collect())
    }

    /// The mean of the square of `2 × radius + 1` pixels around each pixel, as far as it lies in the picture.
    pub(super) fn means(&self, radius: usize) -> Gray {
        self.against_means(radius, |_, mean| mean as u8)
    }

    /// The relief: each pixel's difference to its surroundings' mean, [`MIDDLE`] and more where it is lighter than
    /// `bias` below the mean.
    pub(super) fn relief(&self, radius: usize, bias: i32) -> Gray {
        self.against_means(radius, |pixel, mean| {
            (i32::from(MIDDLE) + bias + i32::from(pixel) - mean as i32).clamp(0, 255) as u8
        })
    }

    /// The same with each pixel changed by the mean of its surroundings.
    fn against_means(&self, radius: usize, change: impl Fn(u8, f32) -> u8) -> Gray {
        let (width, height) = (self.width, self.height);
        let radius = radius.min(width.max(height)).min(RADIUS_MAX);
        let mut columns = vec![0u32; width];
        for y in 0..radius.min(height) {
            for (column, pixel) in columns.iter_mut().zip(self.row(y)) {
                *column += u32::from(*pixel);
            }
        }
        let mut pixels = Vec::with_capacity(width * height);
        let mut sums = Vec::with_capacity(width + 1);
        for y in 0..height {
            if y + radius < height {
                for (column, pixel) in columns.iter_mut().zip(self.row(y + radius)) {
                    *column += u32::from(*pixel);
                }
            }
            if y > radius {
                for (column, pixel) in columns.iter_mut().zip(self.row(y - radius - 1)) {
                    *column -= u32::from(*pixel);
                }
            }
            let rows = (y + radius).min(height - 1) + 1 - y.saturating_sub(radius);
            // sums from the left edge up to each column; a window's sum is the difference of two
            let mut sum = 0u32;
            sums.clear();
            sums.push(0);
            sums.extend(columns.iter().map(|column| {
                sum = sum.wrapping_add(*column);
                sum
            }));
            let row = self.row(y);
            let edge = |x: usize| {
                let (from, to) = (x.saturating_sub(radius), (x + radius + 1).min(width));
                change(row[x], sums[to].wrapping_sub(sums[from]) as f32 / (rows * (to - from)) as f32)
            };
            let (first, last) = if width > 2 * radius { (radius, width - radius) } else { (width, width) };
            pixels.extend((0..first).map(edge));
            let share = 1.0 / (rows * (2 * radius + 1)) as f32;
            if first < last {
                let (left, right) = (&sums[..width - 2 * radius], &sums[2 * radius + 1..]);
                let inner = row[first..last].iter().zip(left.iter().zip(right));
                pixels.extend(inner.map(|(pixel, (from, to))| change(*pixel, to.wrapping_sub(*from) as f32 * share)));
            }
            pixels.extend((last..width).map(edge));
        }
        Gray::new(width, height, pixels)
    }
}

/// The largest surroundings: their sum of greys still fits 32 bits.
const RADIUS_MAX: usize = 2000;

/// A pixel of a relief below this is dark.
pub(super) const MIDDLE: u8 = 128;
