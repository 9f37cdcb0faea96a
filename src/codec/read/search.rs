//! The order in which a picture is looked at: what is cheap and likely first, and on only while something is missing.

use super::bars;
use super::decoders::{self, Content};
use super::finder;
use super::geometry::{Point, inside};
use super::gray::Gray;
use super::second;
use super::square::{self, Sampling};
use super::{Limits, Symbol};

/// More codes than this in a picture are a sheet of codes, whose first are enough.
const SYMBOLS_MAX: usize = 64;
/// What a trio of corner squares costs to be found among the others, in hundredths of a unit of work.
const TRIO_FOUND_WORK: u64 = 30;
/// What two corner squares cost to be compared, in units of work.
const PAIR_WORK: u64 = 60;
/// What sampling and decoding a module costs, in units of work.
const MODULE_WORK: u64 = 20;
/// Surroundings by which light is evened out: the longer side's share. Seven modules of a code that fills the picture
/// are a quarter of it, of one on a label a twentieth.
const SURROUNDINGS: usize = 16;
/// A grid of which this share of the timing pattern is right is a code, whether it decodes or not.
const SURE: f32 = 0.85;
/// Pictures with fewer pixels are looked at twice as large, too: their modules may be of a pixel or two.
const SMALL: usize = 300_000;
/// Greys by which a pixel must be darker than its surroundings' mean to be dark, turned round: noise on white paper
/// stays white.
const PAPER: i32 = 4;

/// What was read so far, and what may still be spent.
pub(super) struct Search {
    symbols: Vec<Symbol>,
    work: u64,
}

impl Search {
    /// Takes units of work; false when they are spent.
    pub(super) fn spend(&mut self, units: u64) -> bool {
        let enough = self.work >= units;
        self.work = self.work.saturating_sub(units);
        enough && self.symbols.len() < SYMBOLS_MAX
    }

    /// Notes a code; the same text at the same place is the same code.
    pub(super) fn found(&mut self, content: Content, corners: [Point; 4]) {
        let meet =
            |one: &[Point; 4], other: &[Point; 4]| one.iter().chain([&middle(one)]).any(|place| inside(*place, other));
        let known = self.symbols.iter().any(|symbol| {
            let bounds = symbol.corners();
            symbol.text == content.text && (meet(&corners, &bounds) || meet(&bounds, &corners))
        });
        if !known && self.symbols.len() < SYMBOLS_MAX {
            let bounds = corners.map(|corner| (corner.x, corner.y));
            self.symbols.push(Symbol { aim: content.aim, text: content.text, bounds });
        }
    }

    /// Whether a place lies in a code that is read.
    pub(super) fn covers(&self, place: Point) -> bool {
        self.symbols.iter().any(|symbol| inside(place, &symbol.corners()))
    }
}

impl Symbol {
    fn corners(&self) -> [Point; 4] {
        self.bounds.map(|(x, y)| Point::new(x, y))
    }
}

fn middle(corners: &[Point; 4]) -> Point {
    corners.iter().fold(Point::default(), |sum, corner| sum.plus(*corner)).times(0.25)
}

/// What a pass over the picture left.
#[derive(Clone, Copy, Debug, Default)]
struct Left {
    /// Grids that are codes and did not decode.
    grids: usize,
    /// Whether two corner squares that belong to no code that is read look like those of one.
    pairs: bool,
    /// Whether there is no work left to spend.
    spent: bool,
}

/// Reads the codes of a picture.
pub(super) fn search(picture: &Gray, limits: &Limits) -> Vec<Symbol> {
    let mut search = Search { symbols: Vec::new(), work: limits.work };
    let times = (1..).find(|times| (picture.width / times) * (picture.height / times) <= limits.looked_at).unwrap_or(1);
    let smaller = (times > 1).then(|| picture.shrunk(times));
    let Some(stretched) = smaller.as_ref().unwrap_or(picture).stretched() else { return Vec::new() };
    let radius = stretched.width.max(stretched.height) / SURROUNDINGS;
    let scale = times as f32;
    let left = squares(&stretched, radius, scale, &mut search);
    bars::read(&stretched, scale, &mut search);
    if search.symbols.is_empty() || left.grids > 0 {
        last_resorts(&stretched, radius, scale, &mut search);
    }
    let finer = times / 2;
    if search.symbols.is_empty() && finer >= 1 {
        let finer_picture = if finer > 1 { picture.shrunk(finer).stretched() } else { picture.stretched() };
        if let Some(finer_picture) = finer_picture {
            pass(&finer_picture, radius * 2, finer as f32, &mut search);
        }
    }
    search.symbols
}

/// Looks at a picture for QR codes as it is, smoothed and sharpened, until nothing seems to be missing.
fn squares(picture: &Gray, radius: usize, times: f32, search: &mut Search) -> Left {
    let mut left = Left::default();
    for look in 0..3 {
        left = match look {
            0 => pass(picture, radius, times, search),
            1 => pass(&picture.smoothed(), radius / 2, times, search),
            _ => pass(&picture.sharpened(3, 2.0), radius / 2, times, search),
        };
        if left.spent || (!search.symbols.is_empty() && left.grids == 0 && !left.pairs) {
            break;
        }
    }
    left
}

/// What seldom helps and takes long.
fn last_resorts(picture: &Gray, radius: usize, times: f32, search: &mut Search) {
    let pixels = picture.pixels.len() as u64;
    let enough = search.symbols.len();
    for (content, corners) in second::read(picture, search) {
        search.found(content, corners.map(|corner| corner.times(times)));
    }
    if search.symbols.len() > enough {
        return;
    }
    pass(&picture.map(|grey| 255 - grey), radius, times, search);
    if picture.pixels.len() < SMALL {
        let doubled = picture.doubled();
        pass(&doubled, radius * 2, times / 2.0, search);
        pass(&doubled.sharpened(6, 3.0), radius, times / 2.0, search);
    }
    pass(&picture.sharpened(5, 4.0), radius / 2, times, search);
    pass(&picture.darkened(), radius / 2, times, search);
    pass(&picture.lightened(), radius / 2, times, search);
    if search.symbols.is_empty()
        && search.spend(4 * pixels)
        && let Some((content, corners)) = decoders::data_matrix(picture)
    {
        search.found(content, corners.map(|corner| corner.times(times)));
    }
}

/// Looks for corner squares in a picture and reads what they span.
fn pass(picture: &Gray, radius: usize, times: f32, search: &mut Search) -> Left {
    if !search.spend(picture.pixels.len() as u64) {
        return Left { spent: true, ..Left::default() };
    }
    let relief = picture.relief(radius.max(8), PAPER);
    let mut finders = finder::find(&relief, search);
    finders.retain(|finder| !search.covers(finder.at.times(times)));
    let mut used = vec![false; finders.len()];
    let mut left = Left::default();
    let count = finders.len() as u64;
    if !search.spend(count * count * count / 6 * TRIO_FOUND_WORK / 100 + count * count / 2 * PAIR_WORK) {
        return Left { spent: true, ..left };
    }
    for trio in square::trios(&finders) {
        if trio.members.iter().any(|member| used[*member]) {
            continue;
        }
        if !search.spend(square::TRIO_WORK) {
            left.spent = true;
            return left;
        }
        let three = trio.members.map(|member| finders[member]);
        match square::spans(&relief, &three).map(|spans| decoded(&relief, &spans, times, search)) {
            Some(Outcome::Read) => trio.members.into_iter().for_each(|member| used[member] = true),
            Some(Outcome::Sure) => left.grids += 1,
            Some(Outcome::Nothing) | None => {}
        }
    }
    let mut free = used.iter();
    finders.retain(|finder| !free.next().is_some_and(|used| *used) && !search.covers(finder.at.times(times)));
    left.pairs = square::has_pair(&relief, &finders);
    left
}

/// What three corner squares turned out to be.
enum Outcome {
    Read,
    /// A code that does not decode.
    Sure,
    Nothing,
}

/// Tries to decode what three corner squares span.
fn decoded(relief: &Gray, spans: &square::Spans, times: f32, search: &mut Search) -> Outcome {
    let mut sure = false;
    for (nth, (work, grid)) in spans.grids(relief).enumerate() {
        if !search.spend(work) {
            break;
        }
        let grid = grid();
        if attempt(relief, &grid, times, search) {
            return Outcome::Read;
        }
        sure |= nth == 0 && grid.timing >= SURE;
    }
    if sure { Outcome::Sure } else { Outcome::Nothing }
}

/// Tries to decode a grid with each way of telling dark from light.
fn attempt(relief: &Gray, grid: &square::Grid, times: f32, search: &mut Search) -> bool {
    for sampling in Sampling::ALL {
        if !search.spend(MODULE_WORK * (grid.side * grid.side) as u64) {
            return false;
        }
        let modules = square::modules(relief, grid, sampling);
        if let Some(content) = decoders::qr(&modules, grid.side) {
            search.found(content, grid.corners().map(|corner| corner.times(times)));
            return true;
        }
    }
    false
}
