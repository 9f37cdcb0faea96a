//! Places in a picture, and the view of a flat square in it.

/// A place; the middle of the first pixel is (0.5, 0.5).
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(super) struct Point {
    pub(super) x: f32,
    pub(super) y: f32,
}

impl Point {
    pub(super) fn new(x: f32, y: f32) -> Self {
        Point { x, y }
    }

    pub(super) fn plus(self, other: Point) -> Point {
        Point::new(self.x + other.x, self.y + other.y)
    }

    pub(super) fn minus(self, other: Point) -> Point {
        Point::new(self.x - other.x, self.y - other.y)
    }

    pub(super) fn times(self, factor: f32) -> Point {
        Point::new(self.x * factor, self.y * factor)
    }

    pub(super) fn length(self) -> f32 {
        self.x.hypot(self.y)
    }

    /// The z part of the cross product: positive where `other` lies clockwise of this on a screen.
    pub(super) fn cross(self, other: Point) -> f32 {
        self.x * other.y - self.y * other.x
    }

    pub(super) fn dot(self, other: Point) -> f32 {
        self.x * other.x + self.y * other.y
    }
}

/// Whether a place lies in a convex shape of four corners.
pub(super) fn inside(place: Point, corners: &[Point; 4]) -> bool {
    let sides = [0, 1, 2, 3].map(|nth| corners[(nth + 1) % 4].minus(corners[nth]).cross(place.minus(corners[nth])));
    sides.iter().all(|side| *side >= 0.0) || sides.iter().all(|side| *side <= 0.0)
}

/// A straight line: `normal · p = offset`.
#[derive(Clone, Copy, Debug)]
pub(super) struct Line {
    normal: Point,
    offset: f32,
}

impl Line {
    /// The line that fits points best; the worst fitting quarter is left out the second time. Nothing for fewer than
    /// three points or points on one spot.
    pub(super) fn through(points: &[Point]) -> Option<Line> {
        let first = Line::fitted(points)?;
        let mut sorted = points.to_vec();
        sorted.sort_by(|one, other| first.distance(*one).total_cmp(&first.distance(*other)));
        sorted.truncate((points.len() * 3).div_ceil(4).max(3));
        Line::fitted(&sorted)
    }

    fn fitted(points: &[Point]) -> Option<Line> {
        if points.len() < 3 {
            return None;
        }
        let count = points.len() as f32;
        let middle = points.iter().fold(Point::default(), |sum, point| sum.plus(*point)).times(1.0 / count);
        let (mut xx, mut xy, mut yy) = (0.0, 0.0, 0.0);
        for point in points {
            let away = point.minus(middle);
            xx += away.x * away.x;
            xy += away.x * away.y;
            yy += away.y * away.y;
        }
        if xx + yy < 1e-3 {
            return None;
        }
        // the direction of the greatest spread
        let angle = 0.5 * (2.0 * xy).atan2(xx - yy);
        let normal = Point::new(-angle.sin(), angle.cos());
        Some(Line { normal, offset: normal.dot(middle) })
    }

    fn distance(&self, point: Point) -> f32 {
        (self.normal.dot(point) - self.offset).abs()
    }

    /// Where two lines meet; nothing for lines that are nearly parallel.
    pub(super) fn meet(&self, other: &Line) -> Option<Point> {
        let across = self.normal.cross(other.normal);
        if across.abs() < 0.2 {
            return None;
        }
        let x = (self.offset * other.normal.y - other.offset * self.normal.y) / across;
        let y = (self.normal.x * other.offset - other.normal.x * self.offset) / across;
        Some(Point::new(x, y))
    }
}

/// How a flat square lies in the picture: a projective map from its coordinates to the picture's.
#[derive(Clone, Copy, Debug)]
pub(super) struct View {
    map: [f64; 8],
    /// The middle of the square's side, which the map counts from.
    middle: f64,
    /// Half the square's side, the unit of the map.
    unit: f64,
}

impl View {
    /// The map that takes each first point nearest to its second, by least squares; `side` is the length of the
    /// square's side. Nothing for fewer than four points or points on a line.
    pub(super) fn fitted(pairs: &[(Point, Point, f32)], side: f32) -> Option<View> {
        if pairs.len() < 4 {
            return None;
        }
        let middle = f64::from(side) / 2.0;
        let unit = middle.max(1.0);
        let mut normal = [[0.0f64; 9]; 8];
        for (from, to, weight) in pairs {
            let (u, v) = ((f64::from(from.x) - middle) / unit, (f64::from(from.y) - middle) / unit);
            let (x, y, weight) = (f64::from(to.x), f64::from(to.y), f64::from(*weight));
            for row in [[u, v, 1.0, 0.0, 0.0, 0.0, -u * x, -v * x, x], [0.0, 0.0, 0.0, u, v, 1.0, -u * y, -v * y, y]] {
                for i in 0..8 {
                    for j in 0..9 {
                        normal[i][j] += weight * row[i] * row[j];
                    }
                }
            }
        }
        Some(View { map: solved(normal)?, middle, unit })
    }

    /// Where a place of the square lies in the picture.
    pub(super) fn place(&self, u: f32, v: f32) -> Point {
        let (u, v) = ((f64::from(u) - self.middle) / self.unit, (f64::from(v) - self.middle) / self.unit);
        let [a, b, c, d, e, f, g, h] = self.map;
        let depth = g * u + h * v + 1.0;
        let depth = if depth.abs() < 1e-6 { 1e-6 } else { depth };
        Point::new(((a * u + b * v + c) / depth) as f32, ((d * u + e * v + f) / depth) as f32)
    }
}

/// Solves eight equations by elimination; nothing where they don't determine the answer.
fn solved(mut rows: [[f64; 9]; 8]) -> Option<[f64; 8]> {
    for column in 0..8 {
        let pivot = (column..8).max_by(|one, other| rows[*one][column].abs().total_cmp(&rows[*other][column].abs()))?;
        rows.swap(column, pivot);
        if rows[column][column].abs() < 1e-9 {
            return None;
        }
        let lead = rows[column];
        for (index, row) in rows.iter_mut().enumerate() {
            if index != column {
                let factor = row[column] / lead[column];
                for (cell, above) in row.iter_mut().zip(&lead).skip(column) {
                    *cell -= factor * above;
                }
            }
        }
    }
    let mut answer = [0.0; 8];
    for (index, cell) in answer.iter_mut().enumerate() {
        *cell = rows[index][8] / rows[index][index];
        if !cell.is_finite() {
            return None;
        }
    }
    Some(answer)
}
