//! A second finder of QR codes, rxing's: it tells dark from light in another way, and follows other edges.
//!
//! Its own reader has no bounds: where thousands of corner squares stand, it looks at all of their trios for minutes. So
//! its steps are taken one by one here, and each is paid for.

use rxing::common::cpp_essentials::ConcentricPattern;
use rxing::common::{BitMatrix, DetectorRXingResult as _};
use rxing::qrcode::cpp_port::detector::{FindFinderPatterns, GenerateFinderPatternSets, SampleQR};

use super::decoders::{self, Content, bitmap, contained, corners};
use super::geometry::Point;
use super::gray::Gray;
use super::search::Search;

/// Places in rows that look like a corner square's; with more, the picture is texture. A label has some hundred.
const HITS_MAX: usize = 3_000;
/// Corner squares; with more, the picture is texture.
const PATTERNS_MAX: usize = 200;
/// Trios that are sampled, the likeliest first.
const SETS_MAX: usize = 60;
/// What telling dark from light and looking along the rows costs for each pixel, in units of work.
const PIXEL_WORK: u64 = 2;
/// What a place in a row costs to be looked at, in units of work.
const HIT_WORK: u64 = 1_000;
/// What sampling and decoding a trio costs, in units of work.
const SET_WORK: u64 = 200_000;

/// Reads the QR codes of a picture.
pub(super) fn read(picture: &Gray, search: &mut Search) -> Vec<(Content, [Point; 4])> {
    if !search.spend(PIXEL_WORK * picture.pixels.len() as u64) {
        return Vec::new();
    }
    let Some(bits) = contained(|| Some(bitmap(picture)?.get_black_matrix().clone())) else { return Vec::new() };
    let hits = hits(&bits);
    if hits > HITS_MAX || !search.spend(HIT_WORK * hits as u64) {
        return Vec::new();
    }
    let sets = contained(|| {
        let mut patterns = FindFinderPatterns(&bits, false, 0);
        (patterns.len() <= PATTERNS_MAX).then(|| GenerateFinderPatternSets(&mut patterns))
    });
    let mut used: Vec<ConcentricPattern> = Vec::new();
    let mut read = Vec::new();
    for set in sets.unwrap_or_default().into_iter().take(SETS_MAX) {
        if [&set.bl, &set.tl, &set.tr].into_iter().any(|pattern| used.contains(pattern)) {
            continue;
        }
        if !search.spend(SET_WORK) {
            break;
        }
        let found = contained(|| {
            let sampled = SampleQR(&bits, &set).ok()?;
            let places = sampled.getPoints().iter().map(|point| Point::new(point.x, point.y));
            // it names the lower left corner before the lower right one
            let [first, second, fourth, third] = corners(places)?;
            Some((decoders::matrix(sampled.getBits())?, [first, second, third, fourth]))
        });
        if let Some(found) = found {
            used.extend([set.bl, set.tl, set.tr]);
            read.push(found);
        }
    }
    read
}

/// How many places in the rows that are looked at may be taken for the middle of a corner square.
fn hits(bits: &BitMatrix) -> usize {
    /// rxing looks at every third row, or at fewer.
    const STEP: usize = 3;
    let mut hits = 0;
    let mut edges: Vec<u32> = Vec::new();
    for y in (STEP as u32 - 1..bits.height()).step_by(STEP) {
        edges.clear();
        edges.push(0);
        let mut dark = false;
        for x in 0..bits.width() {
            if bits.get(x, y) != dark {
                dark = !dark;
                edges.push(x);
            }
        }
        edges.push(bits.width());
        hits += edges.windows(6).skip(1).step_by(2).filter(|window| may_be_finder(window)).count();
    }
    hits
}

/// Whether five runs between six edges may have the ratio of a corner square, more loosely than rxing asks.
fn may_be_finder(edges: &[u32]) -> bool {
    let run = |nth: usize| (edges[nth + 1] - edges[nth]) as f32;
    let module = (edges[5] - edges[0]) as f32 / 7.0;
    let near = |nth: usize, modules: f32| (run(nth) + run(nth + 1) - modules * module).abs() <= 0.9 * module + 0.75;
    run(2) >= 2.0 * run(0).max(run(4)) && near(0, 2.0) && near(1, 4.0) && near(2, 4.0) && near(3, 2.0)
}
