//! QR codes: three corner squares become a grid, the grid's modules are read with their greys.

use super::finder::{Finder, crossing};
use super::geometry::{Line, Point, View};
use super::gray::{Gray, MIDDLE};

/// Three corner squares that may belong to one code.
#[derive(Clone, Copy, Debug)]
pub(super) struct Trio {
    /// Their places in the list of finders: the corner between the two others, then clockwise.
    pub(super) members: [usize; 3],
    /// How far they are from a square's corners; 0 is best.
    pub(super) strain: f32,
}

/// A code's grid as it lies in the picture.
#[derive(Clone, Debug)]
pub(super) struct Grid {
    /// Modules along a side.
    pub(super) side: usize,
    /// How it lies.
    pub(super) view: View,
    /// The share of the timing pattern's modules that are as they must be.
    pub(super) timing: f32,
}

impl Grid {
    /// Its corners in the picture, clockwise from the code's upper left.
    pub(super) fn corners(&self) -> [Point; 4] {
        let side = self.side as f32;
        [(0.0, 0.0), (side, 0.0), (side, side), (0.0, side)].map(|(u, v)| self.view.place(u, v))
    }
}

/// Modules along the side of the smallest code.
const SIDE_MIN: usize = 21;
/// Modules along the side of the largest code.
const SIDE_MAX: usize = 177;
/// Trios that are looked at; a label has some tens, texture has thousands.
const TRIOS_MAX: usize = 400;
/// A trio that is strained more than this is no code seen from in front of it.
const STRAIN_MAX: f32 = 1.1;
/// With less of its timing pattern right, a grid does not lie on a code: chance alone gives a half.
const TIMING_MIN: f32 = 0.68;
/// A corner square's corner that lies further from where the code's view has it, in modules, is another thing's.
const MISFIT_MAX: f32 = 0.6;

/// The trios that may be codes, the likeliest first.
pub(super) fn trios(finders: &[Finder]) -> Vec<Trio> {
    let mut found = Vec::new();
    for one in 0..finders.len() {
        for other in one + 1..finders.len() {
            found.extend((other + 1..finders.len()).filter_map(|third| trio(finders, [one, other, third])));
        }
    }
    found.sort_by(|one, other| one.strain.total_cmp(&other.strain));
    found.truncate(TRIOS_MAX);
    found
}

fn trio(finders: &[Finder], members: [usize; 3]) -> Option<Trio> {
    let [a, b, c] = members.map(|index| finders[index]);
    let (smallest, largest) = (a.width.min(b.width).min(c.width), a.width.max(b.width).max(c.width));
    if largest > 2.0 * smallest {
        return None;
    }
    let sides = [b.at.minus(c.at).length(), a.at.minus(c.at).length(), a.at.minus(b.at).length()];
    let corner = (0..3).max_by(|one, other| sides[*one].total_cmp(&sides[*other]))?;
    let (mut left, mut right) = ((corner + 1) % 3, (corner + 2) % 3);
    let middle = finders[members[corner]].at;
    let arm = |index: usize| finders[members[index]].at.minus(middle);
    // clockwise on a screen: the upper right comes after the upper left
    if arm(left).cross(arm(right)) < 0.0 {
        std::mem::swap(&mut left, &mut right);
    }
    let (along, down) = (arm(left), arm(right));
    let (short, long) = (along.length().min(down.length()), along.length().max(down.length()));
    // the middles of neighbouring corner squares are at least 14 modules apart, and at most 170
    let module = smallest / 7.0;
    if short < 8.5 * module || long > 185.0 * module * 2.0 || long > 2.2 * short {
        return None;
    }
    let slant = along.dot(down).abs() / (along.length() * down.length());
    let strain = slant * 1.3 + (long / short - 1.0) * 0.7 + (largest / smallest - 1.0) * 0.8;
    (strain < STRAIN_MAX).then_some(Trio { members: [members[corner], members[left], members[right]], strain })
}

/// What looking at three corner squares costs, in units of work, before any grid is pulled straight.
pub(super) const TRIO_WORK: u64 = 3_000;

/// What three corner squares may span.
pub(super) struct Spans {
    outlines: Vec<Outline>,
    /// The grids that the corner squares alone tell, the likeliest first.
    rough: Vec<Grid>,
}

impl Spans {
    /// The grids pulled straight by their alignment patterns, the likeliest first, each as it is asked for; with what
    /// that costs in units of work.
    pub(super) fn grids<'a>(
        &'a self,
        relief: &'a Gray,
    ) -> impl Iterator<Item = (u64, impl FnOnce() -> Grid + 'a)> + 'a {
        self.rough
            .iter()
            .map(move |rough| (refining_work(rough.side), || refined(relief, &self.outlines, rough.clone())))
    }
}

/// The grids that three corner squares may span.
pub(super) fn spans(relief: &Gray, finders: &[Finder; 3]) -> Option<Spans> {
    let [corner, right, below] = finders;
    let (along, down) = (right.at.minus(corner.at), below.at.minus(corner.at));
    let unit = |arm: Point| arm.times(1.0 / arm.length().max(1e-3));
    let (along_unit, down_unit) = (unit(along), unit(down));
    let mut outlines = Vec::with_capacity(3);
    for finder in finders {
        outlines.push(outline(relief, finder, along_unit, down_unit)?);
    }
    let width = |outline: &Outline, down: bool| if down { outline.height } else { outline.width };
    let modules = |arm: Point, one: &Outline, other: &Outline, down: bool| {
        7.0 * 2.0 * arm.length() / (width(one, down) + width(other, down)).max(1.0)
    };
    let across = (modules(along, &outlines[0], &outlines[1], false) + modules(down, &outlines[0], &outlines[2], true))
        / 2.0
        + 7.0;
    let version = ((across - 17.0) / 4.0).round() as i64;
    let spread: i64 = if version < 6 { 1 } else { 3 };
    let mut rough: Vec<Grid> = (version - spread..=version + spread)
        .filter_map(|version| usize::try_from(17 + 4 * version).ok())
        .filter(|side| (SIDE_MIN..=SIDE_MAX).contains(side))
        .filter_map(|side| rough_grid(relief, &outlines, side))
        .collect();
    rough.sort_by(|one, other| other.timing.total_cmp(&one.timing));
    rough.truncate(GRIDS_MAX);
    Some(Spans { outlines, rough })
}

/// Sizes that are tried for three corner squares: where the timing pattern of two is about as good, one is noise.
const GRIDS_MAX: usize = 2;

/// The outer edge of a corner square.
struct Outline {
    /// Its corners, clockwise from the upper left.
    corners: [Point; 4],
    width: f32,
    height: f32,
}

/// Fits lines to the four outer edges of a corner square; `along` and `down` are the code's directions.
fn outline(relief: &Gray, finder: &Finder, along: Point, down: Point) -> Option<Outline> {
    let reach = finder.width * 1.1;
    let extent = |direction: Point| {
        Some(
            third_edge(relief, finder.at, direction, reach)?
                + third_edge(relief, finder.at, direction.times(-1.0), reach)?,
        )
    };
    let width = extent(along)?;
    let height = extent(down)?;
    if width > 2.5 * height || height > 2.5 * width {
        return None;
    }
    let (step_along, step_down) = (along.times(width / 7.0), down.times(height / 7.0));
    if misses(relief, finder.at, step_along, step_down) > MISSES_MAX {
        return None;
    }
    let side = |outward: Point, sideward: Point| -> Option<Line> {
        let mut points = Vec::with_capacity(11);
        for offset in -5i8..=5 {
            let from = finder.at.plus(sideward.times(f32::from(offset) * 0.5));
            if let Some(point) = outer_edge(relief, from, outward) {
                points.push(point);
            }
        }
        if points.len() < 5 { None } else { Line::through(&points) }
    };
    let top = side(step_down.times(-1.0), step_along)?;
    let bottom = side(step_down, step_along)?;
    let left = side(step_along.times(-1.0), step_down)?;
    let right = side(step_along, step_down)?;
    let corners = [top.meet(&left)?, top.meet(&right)?, bottom.meet(&right)?, bottom.meet(&left)?];
    Some(Outline { corners, width, height })
}

/// Of 24 places in the rings around a corner square's middle, more than this wrong make it another thing.
const MISSES_MAX: usize = 6;
/// The same for a corner square that is taken for one without the two others.
const LONELY_MISSES_MAX: usize = 2;

/// How many of 24 places in the rings around a corner square's middle, which are light, dark and light again, are
/// not; `along` and `down` are a module long.
fn misses(relief: &Gray, middle: Point, along: Point, down: Point) -> usize {
    const PLACES: [(f32, f32); 8] =
        [(1.0, 0.0), (-1.0, 0.0), (0.0, 1.0), (0.0, -1.0), (1.0, 1.0), (-1.0, 1.0), (1.0, -1.0), (-1.0, -1.0)];
    let wrong = |radius: f32, dark: bool| {
        let wrong = PLACES.iter().filter(|(u, v)| {
            let place = middle.plus(along.times(u * radius)).plus(down.times(v * radius));
            (relief.at(place.x, place.y) < f32::from(MIDDLE)) != dark
        });
        wrong.count()
    };
    wrong(2.0, false) + wrong(3.0, true) + wrong(4.1, false)
}

/// Whether two of these corner squares may belong to a code whose third is not to be seen.
pub(super) fn has_pair(relief: &Gray, finders: &[Finder]) -> bool {
    let likely = |one: &Finder, other: &Finder| {
        let away = other.at.minus(one.at);
        let (narrow, wide) = (one.width.min(other.width), one.width.max(other.width));
        let distance = away.length();
        // neighbours' middles are 14 modules apart or more, a square's width is 7
        if wide > 1.4 * narrow || distance < 1.5 * narrow || distance > 12.0 * wide {
            return false;
        }
        let straight = away.times(1.0 / distance);
        let half = std::f32::consts::FRAC_1_SQRT_2;
        let slanted = Point::new((straight.x - straight.y) * half, (straight.x + straight.y) * half);
        [straight, slanted].into_iter().any(|along| {
            // a row cuts a turned square at a slant: its sides are shorter
            let module = |finder: &Finder| finder.width / 7.0 * along.x.abs().max(along.y.abs());
            let fits = |finder: &Finder| {
                let along = along.times(module(finder));
                misses(relief, finder.at, along, Point::new(-along.y, along.x)) <= LONELY_MISSES_MAX
            };
            fits(one) && fits(other)
        })
    };
    finders.iter().enumerate().any(|(nth, one)| finders[nth + 1..].iter().any(|other| likely(one, other)))
}

/// How far the third change, the outer edge of the dark ring, lies from the middle.
fn third_edge(relief: &Gray, from: Point, direction: Point, reach: f32) -> Option<f32> {
    let mut dark = true;
    let mut count = 0;
    let level = f32::from(MIDDLE);
    let mut before = relief.at(from.x, from.y);
    let mut walked = 0.0;
    while walked < reach {
        walked += 0.5;
        let here = relief.at(from.x + direction.x * walked, from.y + direction.y * walked);
        if (here < level) != dark {
            dark = !dark;
            count += 1;
            if count == 3 {
                return Some(walked - 0.5 + 0.5 * crossing(before, here));
            }
        }
        before = here;
    }
    None
}

/// Where the ring's outer edge is, seen from the middle; `outward` is a module long.
fn outer_edge(relief: &Gray, from: Point, outward: Point) -> Option<Point> {
    const STEPS: f32 = 4.0;
    let level = f32::from(MIDDLE);
    let at = |modules: f32| {
        let place = from.plus(outward.times(modules));
        relief.at(place.x, place.y)
    };
    // the middle of the ring is three modules out; a thin or shifted ring is dark somewhere near
    let start = [3.0, 2.75, 3.25, 2.5].into_iter().find(|modules| at(*modules) < level)?;
    let mut before = at(start);
    for step in 1..=8u8 {
        let modules = start + f32::from(step) / STEPS;
        let here = at(modules);
        if here >= level {
            let edge = modules - (1.0 - crossing(before, here)) / STEPS;
            return Some(from.plus(outward.times(edge)));
        }
        before = here;
    }
    None
}

/// The corners of a square's corner squares, clockwise from the upper left, where a code has `side` modules.
fn corners(side: usize) -> [[Point; 4]; 3] {
    let far = side as f32 - 7.0;
    [(0.0, 0.0), (far, 0.0), (0.0, far)]
        .map(|(x, y)| [Point::new(x, y), Point::new(x + 7.0, y), Point::new(x + 7.0, y + 7.0), Point::new(x, y + 7.0)])
}

/// Corners of the squares' outlines, where they are in a code of `side` modules and where in the picture.
fn corner_pairs(outlines: &[Outline], side: usize) -> Vec<(Point, Point, f32)> {
    let mut pairs = Vec::with_capacity(64);
    for (square, outline) in corners(side).iter().zip(outlines) {
        pairs.extend(square.iter().zip(&outline.corners).map(|(from, to)| (*from, *to, 1.0)));
    }
    pairs
}

/// The grid that the corner squares alone tell; nothing where they don't fit a code of this size.
fn rough_grid(relief: &Gray, outlines: &[Outline], side: usize) -> Option<Grid> {
    let pairs = corner_pairs(outlines, side);
    let view = View::fitted(&pairs, side as f32)?;
    let module = (outlines[0].width + outlines[0].height) / 14.0;
    let misfit = pairs.iter().map(|(from, to, _)| view.place(from.x, from.y).minus(*to).length()).sum::<f32>();
    if misfit / pairs.len() as f32 > MISFIT_MAX * module + 0.5 {
        return None;
    }
    let timing = timing(relief, &view, side);
    (timing >= TIMING_MIN).then_some(Grid { side, view, timing })
}

/// How far the alignment pattern opposite of the corner may lie from where the corner squares have it, in modules.
fn opposite_reach(side: usize) -> f32 {
    1.5 + side as f32 / 25.0
}

/// The same for the other alignment patterns, once that one is known.
const INNER_REACH: f32 = 1.25;

/// What pulling a grid straight costs, in units of work: one for each pixel that is looked at.
fn refining_work(side: usize) -> u64 {
    let patterns = alignment_places(side).len() as u64;
    let looks = |reach: f32| {
        let across = (2.0 * reach / ALIGNMENT_STEP / 2.0) as u64 + 1;
        (across * across + 25) * 25
    };
    looks(opposite_reach(side)) + patterns * patterns * looks(INNER_REACH)
}

/// The grid pulled straight by the alignment patterns.
fn refined(relief: &Gray, outlines: &[Outline], rough: Grid) -> Grid {
    let side = rough.side;
    let Some(last) = alignment_places(side).last().copied() else { return rough };
    let mut pairs = corner_pairs(outlines, side);
    let mut view = rough.view;
    let opposite = Point::new(last as f32 + 0.5, last as f32 + 0.5);
    if let Some(place) = alignment(relief, &view, opposite, opposite_reach(side)) {
        pairs.push((opposite, place, 4.0));
        view = View::fitted(&pairs, side as f32).unwrap_or(view);
    }
    let places = alignment_places(side);
    if places.len() > 2 {
        for (nth, row) in places.iter().enumerate() {
            for (mth, column) in places.iter().enumerate() {
                let end = places.len() - 1;
                // three corners hold corner squares, the fourth is known already
                if (nth == 0 || nth == end) && (mth == 0 || mth == end) {
                    continue;
                }
                let from = Point::new(*column as f32 + 0.5, *row as f32 + 0.5);
                if let Some(place) = alignment(relief, &view, from, INNER_REACH) {
                    pairs.push((from, place, 2.0));
                }
            }
        }
        view = View::fitted(&pairs, side as f32).unwrap_or(view);
    }
    Grid { side, view, timing: timing(relief, &view, side).max(rough.timing) }
}

/// Rows and columns in which the alignment patterns of a code have their middles, as ISO/IEC 18004 spaces them: evenly
/// from the last, by an even step, the first gap taking what is left.
fn alignment_places(side: usize) -> Vec<usize> {
    let version = (side - 17) / 4;
    if version < 2 {
        return Vec::new();
    }
    let count = version / 7 + 2;
    let last = side - 7;
    let step = match version {
        32 => 26,
        _ => ((last - 6) as f32 / (count - 1) as f32 / 2.0).ceil() as usize * 2,
    };
    let mut places: Vec<usize> = (0..count - 1).map(|nth| last - nth * step).collect();
    places.push(6);
    places.reverse();
    places
}

/// By how much an alignment pattern is shifted between looks, in modules; every second place is looked at first.
const ALIGNMENT_STEP: f32 = 0.25;

/// The alignment pattern nearest to where it should be: dark ring, light ring, dark middle.
fn alignment(relief: &Gray, view: &View, expected: Point, reach: f32) -> Option<Point> {
    // the least difference between the dark and the light modules' mean greys
    const CONTRAST_MIN: f32 = 14.0;
    let middle = view.place(expected.x, expected.y);
    let along = view.place(expected.x + 1.0, expected.y).minus(middle);
    let down = view.place(expected.x, expected.y + 1.0).minus(middle);
    let score = |u: f32, v: f32| {
        let (mut dark, mut light) = (0.0, 0.0);
        for row in -2i8..=2 {
            for column in -2i8..=2 {
                let place = middle.plus(along.times(u + f32::from(column))).plus(down.times(v + f32::from(row)));
                let grey = relief.at(place.x, place.y);
                match row.abs().max(column.abs()) {
                    1 => light += grey / 8.0,
                    _ => dark += grey / 17.0,
                }
            }
        }
        light - dark
    };
    let steps = (reach / ALIGNMENT_STEP) as i32;
    let mut best = (f32::MIN, 0.0, 0.0);
    let look = |u: f32, v: f32, best: &mut (f32, f32, f32)| {
        // of two that look alike, the nearer one
        let value = score(u, v) - 1.5 * u.hypot(v);
        if value > best.0 {
            *best = (value, u, v);
        }
    };
    for row in (-steps..=steps).step_by(2) {
        for column in (-steps..=steps).step_by(2) {
            look(column as f32 * ALIGNMENT_STEP, row as f32 * ALIGNMENT_STEP, &mut best);
        }
    }
    let (_, u, v) = best;
    for row in -2i8..=2 {
        for column in -2i8..=2 {
            look(u + f32::from(column) * ALIGNMENT_STEP / 2.0, v + f32::from(row) * ALIGNMENT_STEP / 2.0, &mut best);
        }
    }
    (best.0 > CONTRAST_MIN).then(|| middle.plus(along.times(best.1)).plus(down.times(best.2)))
}

/// The share of the timing patterns' modules whose grey is on the right side of their neighbours'.
fn timing(relief: &Gray, view: &View, side: usize) -> f32 {
    let mut right = 0;
    let mut seen = 0;
    for down in [false, true] {
        let grey = |nth: usize| {
            let (u, v) = (nth as f32 + 0.5, 6.5);
            let place = if down { view.place(v, u) } else { view.place(u, v) };
            relief.at(place.x, place.y)
        };
        let mut before = grey(7);
        for nth in 8..side - 7 {
            let here = grey(nth);
            // even modules are dark
            right += usize::from((here < before) == (nth % 2 == 0) && here != before);
            seen += 1;
            before = here;
        }
    }
    right as f32 / seen.max(1) as f32
}

/// How the greys of a grid's modules are told apart.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Sampling {
    /// The mean of a module against the relief's middle.
    Mean,
    /// The mean of a module against the mean of the modules around it.
    Local,
    /// The same after taking off what the neighbours' blur brought in.
    Sharp,
    /// The darkest part of each module: for streaks and thin prints.
    Darkest,
    /// The lightest part of each module: for bloated prints.
    Lightest,
}

impl Sampling {
    /// All of them, the likeliest first.
    pub(super) const ALL: [Sampling; 5] =
        [Sampling::Mean, Sampling::Sharp, Sampling::Local, Sampling::Darkest, Sampling::Lightest];
}

/// The modules of a grid, row by row; true is dark.
pub(super) fn modules(relief: &Gray, grid: &Grid, sampling: Sampling) -> Vec<bool> {
    let greys = greys(relief, grid, sampling);
    let side = grid.side;
    match sampling {
        Sampling::Mean => greys.iter().map(|grey| *grey < f32::from(MIDDLE)).collect(),
        Sampling::Sharp => {
            let sharp = sharpened(&greys, side, 0.35);
            against_surroundings(&sharp, side)
        }
        _ => against_surroundings(&greys, side),
    }
}

fn greys(relief: &Gray, grid: &Grid, sampling: Sampling) -> Vec<f32> {
    const PLACES: [(f32, f32); 9] =
        [(0.5, 0.5), (0.3, 0.5), (0.7, 0.5), (0.5, 0.3), (0.5, 0.7), (0.3, 0.3), (0.7, 0.7), (0.3, 0.7), (0.7, 0.3)];
    let mut out = Vec::with_capacity(grid.side * grid.side);
    for row in 0..grid.side {
        for column in 0..grid.side {
            let mut greys = PLACES.map(|(u, v)| {
                let place = grid.view.place(column as f32 + u, row as f32 + v);
                relief.at(place.x, place.y)
            });
            out.push(match sampling {
                Sampling::Darkest | Sampling::Lightest => {
                    greys.sort_by(f32::total_cmp);
                    let part = if sampling == Sampling::Darkest { &greys[..3] } else { &greys[6..] };
                    part.iter().sum::<f32>() / 3.0
                }
                _ => greys.iter().sum::<f32>() / 9.0,
            });
        }
    }
    out
}

/// Takes a share of the four neighbours' mean off each module.
fn sharpened(greys: &[f32], side: usize, share: f32) -> Vec<f32> {
    let at = |row: usize, column: usize| greys[row.min(side - 1) * side + column.min(side - 1)];
    let mut out = Vec::with_capacity(greys.len());
    for row in 0..side {
        for column in 0..side {
            let around = at(row.saturating_sub(1), column)
                + at(row + 1, column)
                + at(row, column.saturating_sub(1))
                + at(row, column + 1);
            let here = at(row, column);
            out.push(here + share * 4.0 * (here - around / 4.0));
        }
    }
    out
}

/// Dark is what is darker than the mean of the seven by seven modules around.
fn against_surroundings(greys: &[f32], side: usize) -> Vec<bool> {
    const REACH: usize = 3;
    let mut out = Vec::with_capacity(greys.len());
    for row in 0..side {
        for column in 0..side {
            let rows = row.saturating_sub(REACH)..(row + REACH + 1).min(side);
            let columns = column.saturating_sub(REACH)..(column + REACH + 1).min(side);
            let count = (rows.len() * columns.len()) as f32;
            let sum: f32 = rows.map(|row| greys[row * side..][columns.clone()].iter().sum::<f32>()).sum();
            out.push(greys[row * side + column] < sum / count);
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn alignment_patterns_lie_where_the_standard_puts_them() {
        assert_eq!(alignment_places(25), [6, 18]);
        assert_eq!(alignment_places(45), [6, 22, 38]);
        assert_eq!(alignment_places(17 + 4 * 22), [6, 26, 50, 74, 98]);
        assert_eq!(alignment_places(17 + 4 * 32), [6, 34, 60, 86, 112, 138]);
        assert_eq!(alignment_places(177), [6, 30, 58, 86, 114, 142, 170]);
    }
}
