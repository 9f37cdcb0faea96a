//! Millimetres and dots.

use std::num::NonZeroU32;

/// How fine a printer prints.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Resolution(NonZeroU32);

impl Resolution {
    /// 8 dots a millimetre, as most label printers have.
    pub const DPI_203: Resolution = Resolution(NonZeroU32::new(203).expect("not zero"));
    /// 300 dots an inch.
    pub const DPI_300: Resolution = Resolution(NonZeroU32::new(300).expect("not zero"));
    /// 600 dots an inch.
    pub const DPI_600: Resolution = Resolution(NonZeroU32::new(600).expect("not zero"));
    /// Those that label printers have.
    pub const ALL: [Resolution; 3] = [Self::DPI_203, Self::DPI_300, Self::DPI_600];

    /// The resolution of a number of dots an inch: 203, 300 or 600.
    #[must_use]
    pub fn from_dpi(dpi: u32) -> Option<Resolution> {
        Self::ALL.into_iter().find(|resolution| resolution.dpi() == dpi)
    }

    /// Dots an inch, as it is called.
    #[must_use]
    pub fn dpi(self) -> u32 {
        self.0.get()
    }

    /// Dots a millimetre. What is sold as 203 dots an inch has 8 dots a millimetre.
    #[must_use]
    pub fn dots_per_mm(self) -> f64 {
        match self.dpi() {
            203 => 8.0,
            dpi => f64::from(dpi) / 25.4,
        }
    }

    /// The dot nearest to a distance in millimetres; 0 for what is no distance.
    #[must_use]
    pub fn dots(self, mm: f64) -> u32 {
        // the cast saturates, and makes 0 of what is no number
        (mm * self.dots_per_mm()).round() as u32
    }

    /// Millimetres of a number of dots.
    #[must_use]
    pub fn mm(self, dots: f64) -> f64 {
        dots / self.dots_per_mm()
    }

    /// Fewest dots of a QR module: half a millimetre, 4 dots at 203 dots an inch.
    #[must_use]
    pub fn module_min(self, mm: f64) -> u32 {
        ((mm * self.dots_per_mm()).floor() as u32).max(1)
    }
}

/// A rectangle in dots, from the upper left corner of the page.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Area {
    /// Dots from the left edge.
    pub x: u32,
    /// Dots from the upper edge.
    pub y: u32,
    /// Width in dots.
    pub width: u32,
    /// Height in dots.
    pub height: u32,
}

impl Area {
    /// The dots of a rectangle in millimetres; its edges are rounded, so that neighbours stay neighbours.
    pub(super) fn of(frame: Frame, resolution: Resolution) -> Area {
        let (x, y) = (resolution.dots(frame.x), resolution.dots(frame.y));
        let right = resolution.dots(frame.x + frame.width).max(x);
        let bottom = resolution.dots(frame.y + frame.height).max(y);
        Area { x, y, width: right - x, height: bottom - y }
    }

    /// The column behind its last.
    #[must_use]
    pub fn right(&self) -> u32 {
        self.x.saturating_add(self.width)
    }

    /// The row behind its last.
    #[must_use]
    pub fn bottom(&self) -> u32 {
        self.y.saturating_add(self.height)
    }
}

/// A rectangle in millimetres.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Frame {
    pub x: f64,
    pub y: f64,
    pub width: f64,
    pub height: f64,
}

/// What is lost to rounding between a template's decimal numbers, in millimetres.
const ROUNDING: f64 = 0.01;

impl Frame {
    pub(super) fn new(at: [f64; 2], size: [f64; 2]) -> Frame {
        Frame { x: at[0], y: at[1], width: size[0], height: size[1] }
    }

    pub(super) fn moved(self, by: [f64; 2]) -> Frame {
        Frame { x: self.x + by[0], y: self.y + by[1], ..self }
    }

    pub(super) fn is_within(&self, size: [f64; 2]) -> bool {
        let fits = |start: f64, length: f64, whole: f64| start >= -ROUNDING && start + length <= whole + ROUNDING;
        fits(self.x, self.width, size[0]) && fits(self.y, self.height, size[1])
    }

    pub(super) fn overlaps(&self, other: &Frame) -> bool {
        let apart = |start: f64, length: f64, other: f64, other_length: f64| {
            start + length <= other + ROUNDING || other + other_length <= start + ROUNDING
        };
        !apart(self.x, self.width, other.x, other.width) && !apart(self.y, self.height, other.y, other.height)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_are_what_printers_have() {
        assert_eq!(Resolution::DPI_203.dots(76.0), 608);
        assert_eq!(Resolution::DPI_203.dots(100.0), 800);
        assert_eq!(Resolution::DPI_300.dots(25.4), 300);
        assert_eq!(Resolution::from_dpi(204), None);
        assert_eq!(Resolution::DPI_203.module_min(0.5), 4);
        assert_eq!((Resolution::DPI_203.dots(-1.0), Resolution::DPI_203.dots(f64::NAN)), (0, 0));
    }

    #[test]
    fn neighbours_do_not_overlap() {
        let one = Frame::new([0.0, 0.0], [10.1, 5.0]);
        assert!(!one.overlaps(&Frame::new([10.1, 0.0], [5.0, 5.0])));
        assert!(one.overlaps(&Frame::new([10.0, 4.0], [5.0, 5.0])));
    }
}
