//! The three corner squares of a QR code: dark and light in the ratio 1 : 1 : 3 : 1 : 1 along any line through the
//! middle.

use super::geometry::Point;
use super::gray::{Gray, MIDDLE};
use super::search::Search;

/// A corner square, or what looks like one.
#[derive(Clone, Copy, Debug)]
pub(super) struct Finder {
    /// Its middle.
    pub(super) at: Point,
    /// Its width along the picture's row, in pixels: seven modules.
    pub(super) width: f32,
    /// How many rows showed it.
    pub(super) rows: u32,
}

/// More corner squares than this are texture; those that the fewest rows showed are left out.
pub(super) const FINDERS_MAX: usize = 90;
/// Corner squares that are kept while rows are looked at: with more, a picture is texture, and each place that a row
/// proposes is compared with all of them.
const KEPT_MAX: usize = 1_500;
/// What a proposed place costs, in units of work, beside what it is compared with and the pixels that are walked along.
const PROPOSAL_WORK: u64 = 50;
/// A corner square smaller than this has modules of less than a pixel and a half.
const WIDTH_MIN: f32 = 9.0;

/// Whether five runs have the ratio, whatever a print has grown or thinned by: dark runs may be longer by up to most
/// of a module if the light ones are shorter by as much.
fn is_finder(runs: [f32; 5]) -> bool {
    let total: f32 = runs.iter().sum();
    if total < WIDTH_MIN {
        return false;
    }
    let module = total / 7.0;
    let slack = 0.55 * module + 0.5;
    let dark = (runs[0] + runs[4]) / 2.0;
    let light = (runs[1] + runs[3]) / 2.0;
    let grown = dark - light;
    (runs[0] - runs[4]).abs() < 1.2 * slack
        && (runs[1] - runs[3]).abs() < slack
        && runs[1].min(runs[3]) > 0.2 * module
        && runs[0].min(runs[4]) > 0.2 * module
        && ((dark + light) / 2.0 - module).abs() < 0.8 * slack
        && (runs[2] - (3.0 * module + grown / 2.0)).abs() < 1.5 * slack
        && grown.abs() < 1.7 * module
}

/// Finds corner squares in a relief.
pub(super) fn find(relief: &Gray, search: &mut Search) -> Vec<Finder> {
    let mut found: Vec<Finder> = Vec::new();
    // every row of a small picture, and enough rows of a large one for a square of a hundredth of its height
    let step = (relief.height / 1000).clamp(1, 3);
    let mut edges: Vec<usize> = Vec::with_capacity(relief.width);
    for y in (0..relief.height).step_by(step) {
        edges.clear();
        edges.push(0);
        let row = relief.row(y);
        let mut dark = false;
        for (x, pixel) in row.iter().enumerate() {
            if (*pixel < MIDDLE) != dark {
                dark = !dark;
                edges.push(x);
            }
        }
        edges.push(relief.width);
        // edges[odd] .. edges[even] are dark
        for window in edges.windows(6).skip(1).step_by(2) {
            let run = |index: usize| (window[index + 1] - window[index]) as f32;
            let runs = [run(0), run(1), run(2), run(3), run(4)];
            if !is_finder(runs) {
                continue;
            }
            let width: f32 = runs.iter().sum();
            let compared = found.len() as u64 / 4;
            if found.len() >= KEPT_MAX || !search.spend(PROPOSAL_WORK + compared + 2 * width as u64) {
                return strongest(found);
            }
            let middle = (window[2] + window[3]) as f32 / 2.0;
            propose(relief, Point::new(middle, y as f32 + 0.5), width, &mut found);
        }
    }
    strongest(found)
}

fn strongest(mut found: Vec<Finder>) -> Vec<Finder> {
    found.sort_by_key(|finder| std::cmp::Reverse(finder.rows));
    found.truncate(FINDERS_MAX);
    found
}

/// Looks along the other directions through a proposed middle, and takes it if they agree.
fn propose(relief: &Gray, at: Point, width: f32, found: &mut Vec<Finder>) {
    let near = |finder: &&mut Finder| {
        let away = finder.at.minus(at);
        away.x.abs().max(away.y.abs()) < finder.width * 0.25 && finder.width < width * 1.6 && width < finder.width * 1.6
    };
    if let Some(known) = found.iter_mut().find(near) {
        known.rows += 1;
        return;
    }
    let Some((height, down)) = across(relief, at, Point::new(0.0, 1.0), width) else { return };
    if height > 2.2 * width || width > 2.2 * height {
        return;
    }
    let at = Point::new(at.x, at.y + down);
    let Some((width, right)) = across(relief, at, Point::new(1.0, 0.0), width) else { return };
    let at = Point::new(at.x + right, at.y);
    // along one of the diagonals at least: letters have crosses, too
    let half = std::f32::consts::FRAC_1_SQRT_2;
    let diagonal = (width + height) / 2.0 * 1.2;
    let slanted = [Point::new(half, half), Point::new(half, -half)]
        .into_iter()
        .filter(|direction| across(relief, at, *direction, diagonal).is_some())
        .count();
    if slanted == 0 {
        return;
    }
    let near = |finder: &&mut Finder| {
        let away = finder.at.minus(at);
        away.x.abs().max(away.y.abs()) < finder.width * 0.25 && finder.width < width * 1.6 && width < finder.width * 1.6
    };
    match found.iter_mut().find(near) {
        Some(known) => known.rows += 1,
        None => found.push(Finder { at, width, rows: 1 }),
    }
}

/// The length of the five runs along a line through a middle, and how far the middle is from `at` along it; nothing
/// if they don't have the ratio.
fn across(relief: &Gray, at: Point, direction: Point, width: f32) -> Option<(f32, f32)> {
    let reach = width * 1.6;
    let ahead = edges(relief, at, direction, reach)?;
    let behind = edges(relief, at, direction.times(-1.0), reach)?;
    let runs =
        [behind[2] - behind[1], behind[1] - behind[0], behind[0] + ahead[0], ahead[1] - ahead[0], ahead[2] - ahead[1]];
    is_finder(runs).then(|| (runs.iter().sum(), (ahead[0] - behind[0]) / 2.0))
}

/// How far the first three changes between dark and light lie from a dark place.
fn edges(relief: &Gray, from: Point, direction: Point, reach: f32) -> Option<[f32; 3]> {
    let mut edges = [0.0; 3];
    let mut count = 0;
    let mut dark = true;
    let mut walked = 0.0;
    let level = f32::from(MIDDLE);
    let mut before = relief.at(from.x, from.y);
    if before >= level {
        return None;
    }
    while walked < reach {
        walked += 1.0;
        let (x, y) = (from.x + direction.x * walked, from.y + direction.y * walked);
        if x < 0.0 || y < 0.0 || x > relief.width as f32 || y > relief.height as f32 {
            // a square at the picture's edge ends there
            if count == 2 {
                edges[2] = walked - 0.5;
                return Some(edges);
            }
            return None;
        }
        let here = relief.at(x, y);
        if (here < level) != dark {
            dark = !dark;
            edges[count] = walked - 1.0 + crossing(before, here);
            count += 1;
            if count == 3 {
                return Some(edges);
            }
        }
        before = here;
    }
    None
}

/// Where between two greys a pixel apart the middle is crossed.
pub(super) fn crossing(before: f32, after: f32) -> f32 {
    let level = f32::from(MIDDLE);
    let rise = after - before;
    if rise.abs() < 1e-3 { 0.5 } else { ((level - before) / rise).clamp(0.0, 1.0) }
}
