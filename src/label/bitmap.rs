//! A page in dots: one bit each, black is 1, the leftmost dot of a byte is its highest bit.

use super::geometry::Area;

/// A page in dots.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Bitmap {
    width: u32,
    height: u32,
    stride: usize,
    bits: Vec<u8>,
}

impl Bitmap {
    /// A white page.
    #[must_use]
    pub fn new(width: u32, height: u32) -> Bitmap {
        let stride = width.div_ceil(8) as usize;
        Bitmap { width, height, stride, bits: vec![0; stride * height as usize] }
    }

    /// A page out of its rows, as [`Bitmap::bytes`] tells them; none where they are not as many as it has.
    #[must_use]
    pub fn from_rows(width: u32, height: u32, mut bits: Vec<u8>) -> Option<Bitmap> {
        let stride = width.div_ceil(8) as usize;
        if stride.checked_mul(height as usize)? != bits.len() {
            return None;
        }
        if !width.is_multiple_of(8) {
            let kept = 0xff << (8 - width % 8);
            bits.chunks_exact_mut(stride).filter_map(|row| row.last_mut()).for_each(|last| *last &= kept as u8);
        }
        Some(Bitmap { width, height, stride, bits })
    }

    /// Dots beside each other.
    #[must_use]
    pub fn width(&self) -> u32 {
        self.width
    }

    /// Dots above each other.
    #[must_use]
    pub fn height(&self) -> u32 {
        self.height
    }

    /// Bytes of a row. The dots behind the last one are white.
    #[must_use]
    pub fn stride(&self) -> usize {
        self.stride
    }

    /// All rows, one after another.
    #[must_use]
    pub fn bytes(&self) -> &[u8] {
        &self.bits
    }

    /// Each row's bytes.
    pub fn rows(&self) -> impl Iterator<Item = &[u8]> {
        self.bits.chunks(self.stride.max(1))
    }

    /// Whether a dot is black; outside of the page it is not.
    #[must_use]
    pub fn is_black(&self, x: u32, y: u32) -> bool {
        x < self.width && y < self.height && self.bits[self.at(x, y)] & (0x80 >> (x & 7)) != 0
    }

    /// Makes a dot black or white; outside of the page nothing happens.
    pub fn set(&mut self, x: u32, y: u32, black: bool) {
        if x >= self.width || y >= self.height {
            return;
        }
        let (at, bit) = (self.at(x, y), 0x80 >> (x & 7));
        if black {
            self.bits[at] |= bit;
        } else {
            self.bits[at] &= !bit;
        }
    }

    /// The same page longer or shorter, in thousandths of its height: rows are repeated or left out evenly. For printers
    /// whose feed is not what they say; on paper the page then has its right length.
    #[must_use]
    pub fn scaled(&self, permille: u32) -> Bitmap {
        let scaled = u64::from(self.height) * u64::from(permille) / 1_000;
        let height = u32::try_from(scaled).unwrap_or(self.height);
        let mut bits = Vec::with_capacity(self.stride * height as usize);
        for row in 0..height {
            let from = u64::from(row) * u64::from(self.height) / u64::from(height.max(1));
            let at = usize::try_from(from).unwrap_or(0) * self.stride;
            bits.extend_from_slice(&self.bits[at..at + self.stride]);
        }
        Bitmap { width: self.width, height, stride: self.stride, bits }
    }

    /// Blackens a rectangle.
    pub fn fill(&mut self, area: Area) {
        let (left, right) = (area.x, area.right().min(self.width));
        if left >= right {
            return;
        }
        let (first, last) = ((left / 8) as usize, ((right - 1) / 8) as usize);
        let (head, tail) = (0xFF_u8 >> (left & 7), 0xFF_u8 << (7 - ((right - 1) & 7)));
        for y in area.y..area.bottom().min(self.height) {
            let row = &mut self.bits[y as usize * self.stride..][..self.stride];
            if first == last {
                row[first] |= head & tail;
            } else {
                row[first] |= head;
                row[first + 1..last].fill(0xFF);
                row[last] |= tail;
            }
        }
    }

    /// Lays another picture on this one: where it is black, the dots become `black` or white; its white is not laid. Its
    /// upper left dot comes to `x`, `y`, which may lie outside of the page; what leaves the page is left out.
    pub fn stamp(&mut self, picture: &Bitmap, x: i64, y: i64, black: bool) {
        let (shift, column) = (x.rem_euclid(8) as u32, x.div_euclid(8));
        // dots behind the page's last column stay white
        let rest = 0xFF_u8 << (7 - (self.width.wrapping_sub(1) & 7));
        for (number, from) in picture.rows().enumerate() {
            let Ok(row) = u32::try_from(y.saturating_add(number as i64)) else { continue };
            if row >= self.height || self.stride == 0 {
                continue;
            }
            let to = &mut self.bits[row as usize * self.stride..][..self.stride];
            let last = to.len() - 1;
            let mut lay = |at: i64, ink: u8| {
                let Some(at) = usize::try_from(at).ok().filter(|at| *at <= last) else { return };
                let ink = if at == last { ink & rest } else { ink };
                if black {
                    to[at] |= ink;
                } else {
                    to[at] &= !ink;
                }
            };
            for (at, byte) in from.iter().enumerate().filter(|(_, byte)| **byte != 0) {
                let wide = u16::from(*byte) << (8 - shift);
                lay(column.saturating_add(at as i64), (wide >> 8) as u8);
                lay(column.saturating_add(at as i64 + 1), wide as u8);
            }
        }
    }

    /// Whether no dot is black.
    #[must_use]
    pub fn is_blank(&self) -> bool {
        self.bits.iter().all(|byte| *byte == 0)
    }

    /// The brightness of a part of the page, row by row: 0 is black, 255 white.
    #[must_use]
    pub fn brightness(&self, area: Area) -> Vec<u8> {
        let row = |y| (area.x..area.right()).map(move |x| if self.is_black(x, y) { 0 } else { 255 });
        (area.y..area.bottom()).flat_map(row).collect()
    }

    fn at(&self, x: u32, y: u32) -> usize {
        y as usize * self.stride + (x / 8) as usize
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_page_is_made_longer_evenly() {
        let mut page = Bitmap::new(8, 4);
        page.set(0, 1, true);
        page.set(1, 3, true);
        assert_eq!(page.scaled(1_500).bytes(), [0, 0, 0x80, 0, 0, 0x40]);
        assert_eq!(page.scaled(500).bytes(), [0, 0]);
        assert_eq!(page.scaled(1_000), page);
        assert_eq!(Bitmap::new(100, 1_199).scaled(1_019).height(), 1_221);
    }

    #[test]
    fn a_picture_lies_where_it_is_put_and_never_beside_the_page() {
        let mut picture = Bitmap::new(11, 3);
        for (x, y) in [(0, 0), (10, 0), (4, 1), (7, 2), (8, 2)] {
            picture.set(x, y, true);
        }
        for (x, y) in [(0, 0), (3, 1), (8, 2), (13, 3), (-3, -1), (-9, 0), (30, 30), (i64::MAX, i64::MIN)] {
            let mut stamped = Bitmap::new(19, 5);
            stamped.stamp(&picture, x, y, true);
            let mut expected = Bitmap::new(19, 5);
            for (dot, line) in (0..11_i64).flat_map(|dot| (0..3_i64).map(move |line| (dot, line))) {
                let place = (u32::try_from(x.saturating_add(dot)), u32::try_from(y.saturating_add(line)));
                if let (true, (Ok(to), Ok(down))) = (picture.is_black(dot as u32, line as u32), place) {
                    expected.set(to, down, true);
                }
            }
            assert_eq!(stamped, expected, "{x} {y}");
            let mut cleared = Bitmap::new(19, 5);
            cleared.fill(Area { x: 0, y: 0, width: 19, height: 5 });
            cleared.stamp(&picture, x, y, false);
            let ink = |page: &Bitmap| page.bytes().iter().map(|byte| byte.count_ones()).sum::<u32>();
            assert_eq!(ink(&cleared) + ink(&expected), 19 * 5);
        }
    }

    #[test]
    fn a_rectangle_is_filled_to_its_edges() {
        for (x, width) in [(0, 1), (7, 1), (7, 2), (3, 4), (0, 8), (5, 30), (16, 90), (39, 1), (40, 5), (60, 0)] {
            let mut page = Bitmap::new(40, 2);
            page.fill(Area { x, y: 1, width, height: 9 });
            let is_in = |dot: u32, row: u32| row == 1 && dot >= x && dot < x + width;
            let right = (0..2).all(|row| (0..48).all(|dot| page.is_black(dot, row) == (is_in(dot, row) && dot < 40)));
            assert!(right, "{x} {width}");
        }
        Bitmap::new(0, 0).fill(Area { x: 0, y: 0, width: 9, height: 9 });
        Bitmap::new(0, 3).stamp(&Bitmap::new(8, 8), 0, 0, true);
    }

    #[test]
    fn a_page_is_its_rows_again() {
        let mut page = Bitmap::new(10, 2);
        page.fill(Area { x: 3, y: 0, width: 7, height: 2 });
        assert_eq!(Bitmap::from_rows(10, 2, page.bytes().to_vec()), Some(page));
        assert_eq!(Bitmap::from_rows(10, 2, vec![0; 3]), None);
        let filled = Bitmap::from_rows(10, 1, vec![0xff; 2]).expect("a row");
        assert_eq!(filled.bytes(), [0xff, 0b1100_0000], "nothing stands behind the last dot");
    }

    #[test]
    fn dots_are_bits_from_the_left() {
        let mut page = Bitmap::new(10, 2);
        page.fill(Area { x: 7, y: 0, width: 9, height: 1 });
        page.set(0, 1, true);
        page.set(10, 1, true);
        assert_eq!(page.bytes(), [0b0000_0001, 0b1100_0000, 0b1000_0000, 0]);
        page.set(0, 1, false);
        assert!(!page.is_black(0, 1) && page.is_black(9, 0) && !page.is_black(10, 0) && !page.is_black(0, 2));
    }
}
