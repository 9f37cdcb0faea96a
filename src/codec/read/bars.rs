//! Codes of bars: patches of the picture whose edges all run one way, read across.

use super::decoders::{Bars, Content};
use super::geometry::Point;
use super::gray::Gray;
use super::search::Search;

/// The side of the blocks in which the direction of edges is taken, in pixels.
const BLOCK: usize = 16;
/// The share of a block's edges that must run one way.
const ONE_WAY: f32 = 0.6;
/// The mean squared step from pixel to pixel in a block of bars, in greys of the stretched picture.
const STEEP: f32 = 120.0;
/// Neighbouring blocks belong together if their directions differ by less than this (cosine of twice the angle).
const ALIKE: f32 = 0.86;
/// The fewest blocks of a code of bars.
const BLOCKS_MIN: usize = 3;
/// Patches that are looked at, the largest first: a form full of text lines has hundreds.
const PATCHES_MAX: usize = 24;
/// Rows that are read of each patch.
const ROWS: usize = 9;
/// Rows that must say the same: a single row of text now and then passes for a code.
const AGREE: usize = 2;
/// Pixels from row to row where a patch has several codes above each other, and the most such rows.
const CLOSE: f32 = 6.0;
const CLOSE_ROWS_MAX: f32 = 160.0;
/// Close rows, one after the other, that must say the same.
const CLOSE_AGREE: usize = 3;
/// Close rows between them that may say nothing.
const CLOSE_GAP: usize = 2;
/// What lies beyond the edge of a picture is paper: a code may be cut out without its quiet zones.
const PAPER: f32 = 255.0;
/// Samples of a row at most, some four for each bar of the longest Code 128.
const SAMPLES_MAX: usize = 4096;
/// What reading a row costs, in units of work.
const ROW_WORK: u64 = 20_000;

/// The edges of a block.
#[derive(Clone, Copy, Default)]
struct Edges {
    /// The direction across them, as twice its angle: a unit vector, or 0 for none.
    across: Point,
}

/// A patch of bars.
struct Patch {
    /// Its blocks' middles.
    blocks: Vec<Point>,
    /// The direction across the bars.
    across: Point,
}

/// Patches that are looked at in a picture made smaller: only wide bars are left to be found there.
const COARSE_PATCHES_MAX: usize = 6;

/// Reads the codes of bars in a picture, then in the same made smaller: a bar as wide as a block leaves it without edges.
pub(super) fn read(picture: &Gray, times: f32, search: &mut Search) {
    look(picture, times, PATCHES_MAX, search);
    for coarser in [2, 4] {
        look(&picture.shrunk(coarser), times * coarser as f32, COARSE_PATCHES_MAX, search);
    }
}

fn look(picture: &Gray, times: f32, most: usize, search: &mut Search) {
    if !search.spend(picture.pixels.len() as u64) {
        return;
    }
    let mut bars = Bars::new();
    for patch in patches(picture, times, search).into_iter().take(most) {
        if !search.spend(ROW_WORK * ROWS as u64) {
            return;
        }
        for (content, corners) in patch.read(picture, &mut bars, search) {
            search.found(content, corners.map(|corner| corner.times(times)));
        }
    }
}

fn edges(picture: &Gray) -> (usize, usize, Vec<Edges>) {
    let (columns, rows) = (picture.width / BLOCK, picture.height / BLOCK);
    let mut found = Vec::with_capacity(columns * rows);
    for row in 0..rows {
        for column in 0..columns {
            found.push(block(picture, column * BLOCK, row * BLOCK));
        }
    }
    (columns, rows, found)
}

fn block(picture: &Gray, left: usize, top: usize) -> Edges {
    let (mut xx, mut xy, mut yy) = (0i64, 0i64, 0i64);
    for y in top..(top + BLOCK).min(picture.height - 1) {
        let row = &picture.row(y)[left..];
        let below = &picture.row(y + 1)[left..];
        for x in 0..BLOCK.min(row.len() - 1) {
            // steps along both diagonals, turned back to the axes below
            let down = i64::from(below[x + 1]) - i64::from(row[x]);
            let up = i64::from(row[x + 1]) - i64::from(below[x]);
            xx += (down + up) * (down + up);
            yy += (down - up) * (down - up);
            xy += (down + up) * (down - up);
        }
    }
    let (xx, xy, yy) = (xx as f32 / 4.0, xy as f32 / 4.0, yy as f32 / 4.0);
    let all = xx + yy;
    let one_way = (xx - yy).hypot(2.0 * xy);
    if all < STEEP * (BLOCK * BLOCK) as f32 || one_way < ONE_WAY * all {
        return Edges::default();
    }
    Edges { across: Point::new((xx - yy) / one_way, 2.0 * xy / one_way) }
}

fn patches(picture: &Gray, times: f32, search: &Search) -> Vec<Patch> {
    let (columns, rows, edges) = edges(picture);
    let place = |index: usize| {
        let at = |nth: usize| (nth * BLOCK) as f32 + BLOCK as f32 / 2.0;
        Point::new(at(index % columns), at(index / columns))
    };
    let mut seen: Vec<bool> = (0..edges.len())
        .map(|index| edges[index].across == Point::default() || search.covers(place(index).times(times)))
        .collect();
    let mut found = Vec::new();
    for start in 0..edges.len() {
        if seen[start] {
            continue;
        }
        seen[start] = true;
        let mut members = vec![start];
        let mut next = 0;
        let mut sum = edges[start].across;
        while let Some(index) = members.get(next).copied() {
            next += 1;
            let (column, row) = (index % columns, index / columns);
            for near_row in row.saturating_sub(1)..=(row + 1).min(rows - 1) {
                for near_column in column.saturating_sub(1)..=(column + 1).min(columns - 1) {
                    let near = near_row * columns + near_column;
                    let alike = edges[near].across.dot(sum) > ALIKE * sum.length();
                    if !seen[near] && alike {
                        seen[near] = true;
                        sum = sum.plus(edges[near].across);
                        members.push(near);
                    }
                }
            }
        }
        if members.len() >= BLOCKS_MIN {
            let angle = sum.y.atan2(sum.x) / 2.0;
            let across = Point::new(angle.cos(), angle.sin());
            found.push(Patch { blocks: members.into_iter().map(place).collect(), across });
        }
    }
    found.sort_by_key(|patch| std::cmp::Reverse(patch.blocks.len()));
    found.truncate(PATCHES_MAX);
    found
}

impl Patch {
    /// How far the blocks' middles reach along a direction.
    fn reach(&self, direction: Point) -> (f32, f32) {
        let places = self.blocks.iter().map(|block| block.dot(direction));
        places.fold((f32::MAX, f32::MIN), |(from, to), at| (from.min(at), to.max(at)))
    }

    /// What the patch reaches, with the quiet zones and what the blocks cut off.
    fn frame(&self) -> Frame {
        let along = Point::new(-self.across.y, self.across.x);
        let (left, right) = self.reach(self.across);
        let (top, bottom) = self.reach(along);
        let margin = BLOCK as f32 * 1.5 + (right - left) * 0.12;
        let (left, right) = (left - margin, right + margin);
        let (top, bottom) = (top - BLOCK as f32 * 0.4, bottom + BLOCK as f32 * 0.4);
        Frame { across: self.across, along, left, right, top, bottom }
    }

    /// Reads rows of the patch until enough of them say the same, or several codes stand above each other.
    fn read(&self, picture: &Gray, bars: &mut Bars, search: &mut Search) -> Vec<(Content, [Point; 4])> {
        let frame = self.frame();
        let rows = frame.rows(picture, ROWS);
        let mut read: Vec<(RowRead, usize)> = Vec::new();
        for sharp in [0.0, 2.0, 6.0] {
            for row in rows.iter().filter_map(|row| row.read(bars, sharp)) {
                match read.iter_mut().find(|(known, _)| known.content == row.content) {
                    Some((_, count)) => *count += 1,
                    None => read.push((row, 1)),
                }
            }
            if read.len() > 1 {
                let codes = frame.codes(picture, bars, sharp, search);
                if codes.len() > 1 {
                    return codes;
                }
            }
            if let Some(nth) = read.iter().position(|(_, count)| *count >= AGREE) {
                let (row, _) = read.swap_remove(nth);
                let corners = frame.corners((row.from, row.to), (frame.top, frame.bottom));
                return vec![(row.content, corners)];
            }
        }
        Vec::new()
    }
}

/// A part of the picture along and across bars, in pixels in their directions.
struct Frame {
    across: Point,
    along: Point,
    left: f32,
    right: f32,
    top: f32,
    bottom: f32,
}

impl Frame {
    /// So many rows across the bars, from the top down.
    fn rows(&self, picture: &Gray, count: usize) -> Vec<Row> {
        let band = (self.bottom - self.top) / count as f32;
        let at = |row: usize| self.top + band * (row as f32 + 0.5);
        (0..count).map(|row| profile(picture, self, at(row), band)).collect()
    }

    fn corners(&self, (from, to): (f32, f32), (top, bottom): (f32, f32)) -> [Point; 4] {
        let place = |across: f32, down: f32| self.across.times(across).plus(self.along.times(down));
        [place(from, top), place(to, top), place(to, bottom), place(from, bottom)]
    }

    /// Codes above each other, from the top down.
    fn codes(&self, picture: &Gray, bars: &mut Bars, sharp: f32, search: &mut Search) -> Vec<(Content, [Point; 4])> {
        let count = ((self.bottom - self.top) / CLOSE).clamp(1.0, CLOSE_ROWS_MAX) as usize;
        if !search.spend(ROW_WORK * count as u64) {
            return Vec::new();
        }
        // what each code's first row said, and the numbers of its first and last one
        let mut codes: Vec<(RowRead, usize, usize, usize)> = Vec::new();
        for (nth, row) in self.rows(picture, count).iter().enumerate() {
            let Some(read) = row.read(bars, sharp) else { continue };
            match codes.last_mut().filter(|(known, ..)| known.content == read.content) {
                Some((_, _, last, rows)) if nth - *last <= CLOSE_GAP + 1 => (*last, *rows) = (nth, *rows + 1),
                _ => codes.push((read, nth, nth, 1)),
            }
        }
        let band = (self.bottom - self.top) / count as f32;
        let whole = codes.into_iter().filter(|(.., rows)| *rows >= CLOSE_AGREE);
        let placed = whole.map(|(read, first, last, _)| {
            let (top, bottom) = (self.top + band * first as f32, self.top + band * (last + 1) as f32);
            (read.content, self.corners((read.from, read.to), (top, bottom)))
        });
        placed.collect()
    }
}

/// A row across bars: its greys, where it begins, and the pixels from one to the next.
struct Row {
    samples: Vec<f32>,
    left: f32,
    step: f32,
}

/// What a row says, and from where to where.
struct RowRead {
    content: Content,
    from: f32,
    to: f32,
}

impl Row {
    fn read(&self, bars: &mut Bars, sharp: f32) -> Option<RowRead> {
        let dark = dark(&self.samples, sharp);
        let (content, from, to) = either_way(bars, &dark)
            .or_else(|| either_way(bars, &regrown(&dark)?))
            .or_else(|| either_way(bars, &bridged(&dark)?))?;
        Some(RowRead { content, from: self.left + from * self.step, to: self.left + to * self.step })
    }
}

/// The greys along a line across the bars, each the mean over a band.
fn profile(picture: &Gray, frame: &Frame, at: f32, band: f32) -> Row {
    const LINES: usize = 8;
    let Frame { across, along, left, right, .. } = frame;
    // two samples for each pixel keep bars of a pixel and a half apart
    let count = (((right - left) * 2.0) as usize).clamp(2, SAMPLES_MAX);
    let step = (right - left) / count as f32;
    let band = band.min(10.0);
    let samples = (0..count).map(|nth| {
        let middle = across.times(left + (nth as f32 + 0.5) * step).plus(along.times(at));
        if !picture.has(middle) {
            return PAPER;
        }
        let lines = (0..LINES).map(|line| {
            let place = middle.plus(along.times(band * ((line as f32 + 0.5) / LINES as f32 - 0.5)));
            picture.at(place.x, place.y)
        });
        lines.sum::<f32>() / LINES as f32
    });
    Row { samples: samples.collect(), left: *left, step }
}

/// Tells dark from light along a row, by the middle between the darkest and the lightest nearby; blurred edges are made
/// steep first where `sharp` is above 0.
fn dark(samples: &[f32], sharp: f32) -> Vec<bool> {
    const NEAR: usize = 24;
    // the least contrast of bars as a share of the row's
    const CONTRAST_MIN: f32 = 0.3;
    let sharpened: Vec<f32> = if sharp > 0.0 {
        let mean = |at: usize| {
            let near = &samples[at.saturating_sub(4)..(at + 5).min(samples.len())];
            near.iter().sum::<f32>() / near.len() as f32
        };
        (0..samples.len()).map(|at| samples[at] + sharp * (samples[at] - mean(at))).collect()
    } else {
        samples.to_vec()
    };
    let span =
        |greys: &[f32]| greys.iter().fold((f32::MAX, f32::MIN), |(low, high), grey| (low.min(*grey), high.max(*grey)));
    let (low, high) = span(&sharpened);
    let contrast = (high - low) * CONTRAST_MIN;
    (0..sharpened.len())
        .map(|at| {
            let (low, high) = span(&sharpened[at.saturating_sub(NEAR)..(at + NEAR + 1).min(sharpened.len())]);
            high - low > contrast && sharpened[at] < (low + high) / 2.0
        })
        .collect()
}

/// Runs of a row: dark or light, and how long.
fn runs(row: &[bool]) -> Vec<(bool, f32)> {
    row.chunk_by(|one, other| one == other).map(|run| (run[0], run.len() as f32)).collect()
}

/// The length of a row's narrow runs, dark or light or both: in any code of bars three tenths of the runs are as narrow.
/// Nothing for a row with too few runs to tell.
fn narrow(runs: &[(bool, f32)], which: Option<bool>) -> Option<f32> {
    const RUNS_MIN: usize = 10;
    let of_kind = runs.iter().filter(|(dark, _)| which.is_none_or(|which| which == *dark));
    let mut lengths: Vec<f32> = of_kind.map(|(_, length)| *length).collect();
    lengths.sort_by(f32::total_cmp);
    lengths.get(lengths.len() * 3 / 10).copied().filter(|_| lengths.len() >= RUNS_MIN)
}

/// The row as it would be had the print not grown or thinned; nothing if it has not.
fn regrown(row: &[bool]) -> Option<Vec<bool>> {
    let runs = runs(row);
    let grown = (narrow(&runs, Some(true))? - narrow(&runs, Some(false))?) / 2.0;
    if grown.abs() < 1.0 {
        return None;
    }
    let mut mended = Vec::with_capacity(row.len());
    for (nth, (is_dark, length)) in runs.iter().enumerate() {
        // both ends of a run give or take half of what is too much, the row's own ends nothing
        let ends = if nth == 0 || nth + 1 == runs.len() { 0.5 } else { 1.0 };
        let change = if *is_dark { -grown } else { grown };
        mended.extend(std::iter::repeat_n(*is_dark, (length + change * ends).round().max(1.0) as usize));
    }
    Some(mended)
}

/// The row without the light lines that streaks leave in bars; nothing if there are none.
fn bridged(row: &[bool]) -> Option<Vec<bool>> {
    let runs = runs(row);
    let streak = narrow(&runs, None)? * 0.55;
    let mended: Vec<bool> = runs
        .iter()
        .flat_map(|(is_dark, length)| std::iter::repeat_n(*is_dark || *length < streak, *length as usize))
        .collect();
    (mended != row).then_some(mended)
}

/// Reads a row from either end.
fn either_way(bars: &mut Bars, dark: &[bool]) -> Option<(Content, f32, f32)> {
    if let Some(read) = bars.row(dark) {
        return Some(read);
    }
    let turned: Vec<bool> = dark.iter().rev().copied().collect();
    let (content, from, to) = bars.row(&turned)?;
    let length = dark.len() as f32;
    Some((content, length - to, length - from))
}
