//! What is wrong with a template, before anything is filled in: geometry, and fields that the sample does not have.

use std::collections::BTreeSet;

use super::error::Problem;
use super::fill::{corner, frame};
use super::geometry::{Frame, Resolution};
use super::layout::{PAPER_MAX_MM, PAPER_MIN_MM};
use super::pattern::{Path, Piece};
use super::picture::THRESHOLDS;
use super::record::Value;
use super::template::{Element, ElementRef, Elements, Kind, Overflow, Repeat, Template};

/// Lowest bars, in millimetres: below it a hand misses them.
const BARS_MIN_MM: f64 = 5.0;
/// Narrowest bar, in millimetres: one dot at 203 dots an inch.
const BAR_MODULE_MIN_MM: f64 = 0.125;

/// Most elements; a full page of print has fewer.
const ELEMENTS_MAX: usize = 500;
/// Most entries of a page; more cells than this no paper has.
const CELLS_MAX: usize = 1_000;
/// Most elements in the cells of lists that are all held against each other, which takes a few hundredths of a second;
/// the fullest page of ours has some hundreds.
const SOLIDS_MAX: usize = 2_000;
/// Names that a pattern knows by itself.
const OWN_NAMES: [&str; 4] = ["words", "page", "pages", "number"];
/// Highest letters, in millimetres.
const HEIGHT_MAX_MM: f64 = 100.0;
/// Lowest letters, in millimetres.
const HEIGHT_MIN_MM: f64 = 1.5;
/// Modules of the smallest QR code (version 2) with its quiet zone.
const QR_LEAST_MODULES: f64 = 33.0;

/// Tells every mistake of a template.
#[must_use]
pub fn check(template: &Template) -> Vec<Problem> {
    let mut checker = Checker { template, problems: Vec::new() };
    checker.paper();
    checker.names();
    for (name, element) in Elements::of(template).iter() {
        checker.element(name, element, template.size);
        checker.fields(name, element, None);
    }
    for (index, repeat) in template.repeat.iter().enumerate() {
        checker.repeat(index, repeat);
    }
    let elements = Elements::of(template).iter().count()
        + template
            .repeat
            .iter()
            .enumerate()
            .map(|(at, repeat)| Elements::of_repeat(repeat, at).iter().count())
            .sum::<usize>();
    match elements <= ELEMENTS_MAX {
        true => checker.overlaps(),
        false => checker.problem(None, format!("{elements} elements are too many"), "repeat one over a list instead"),
    }
    checker.problems
}

struct Checker<'t> {
    template: &'t Template,
    problems: Vec<Problem>,
}

impl<'t> Checker<'t> {
    fn problem(&mut self, element: Option<ElementRef>, message: impl Into<String>, hint: impl Into<String>) {
        self.problems.push(Problem { element, message: message.into(), hint: hint.into() });
    }

    fn paper(&mut self) {
        let [width, height] = self.template.size;
        if !self.template.size.iter().all(|side| (PAPER_MIN_MM..=PAPER_MAX_MM).contains(side)) {
            self.problem(
                None,
                format!("paper of {width} × {height} mm can't be printed"),
                format!("both sides must have {PAPER_MIN_MM} to {PAPER_MAX_MM} mm"),
            );
        }
        if self.template.repeat.iter().filter(|repeat| repeat.overflow == Overflow::Page).count() > 1 {
            self.problem(
                None,
                "two lists can't both go on to further pages",
                "leave overflow = \"page\" at one of them",
            );
        }
    }

    /// Names of the record that a pattern could not reach.
    fn names(&mut self) {
        let template = self.template;
        let samples = [Some(&template.sample), template.sample_latin.as_ref()];
        for sample in samples.into_iter().flatten() {
            if !matches!(sample, Value::Table(_)) {
                self.problem(None, "the sample is no record", "write it as a table: [sample]");
            }
            for name in OWN_NAMES.into_iter().filter(|name| sample.field(name).is_some()) {
                self.problem(None, format!("the record's field \"{name}\" has a name of our own"), "call it otherwise");
            }
        }
    }

    fn element(&mut self, name: ElementRef, element: Element<'_>, within: [f64; 2]) {
        let place = frame(element);
        let numbers = [place.x, place.y, place.width, place.height];
        if !numbers.iter().all(|number| number.is_finite()) || place.width <= 0.0 || place.height <= 0.0 {
            return self.problem(Some(name), "the element has no size", "give millimetres above 0");
        }
        if !place.is_within(within) {
            self.problem(
                Some(name),
                format!("the element leaves the {} × {} mm that it may use", within[0], within[1]),
                format!(
                    "it reaches from {}, {} to {:.1}, {:.1}",
                    place.x,
                    place.y,
                    place.x + place.width,
                    place.y + place.height
                ),
            );
        }
        self.measures(name, element);
    }

    fn measures(&mut self, name: ElementRef, element: Element<'_>) {
        match element {
            Element::Text(text) => {
                let least = text.min_height.unwrap_or(text.height);
                if !(HEIGHT_MIN_MM..=HEIGHT_MAX_MM).contains(&least) || !(least..=HEIGHT_MAX_MM).contains(&text.height)
                {
                    let hint = format!(
                        "between {HEIGHT_MIN_MM} and {HEIGHT_MAX_MM} mm, min_height below height; Chinese wants 2.5"
                    );
                    self.problem(Some(name), format!("letters of {} to {least} mm can't be set", text.height), hint);
                }
                if text.lines == 0 {
                    self.problem(Some(name), "a text needs a line", "lines = 1");
                }
                if text.size[1] < least * 1.1 - 0.13 {
                    let hint = format!("make the box {:.1} mm high", least * 1.1);
                    self.problem(Some(name), "the box is lower than one line of its text", hint);
                }
            }
            Element::Qr(qr) => {
                let least = Resolution::DPI_203.module_min(qr.min_module);
                let module = Resolution::DPI_203.mm(f64::from(qr.module_dots.unwrap_or(least)));
                if qr.size < module * QR_LEAST_MODULES - 0.01 {
                    let needed = module * QR_LEAST_MODULES;
                    let hint = format!("the smallest with its quiet zone needs {needed:.1} mm");
                    self.problem(Some(name), format!("no QR code fits into {} mm", qr.size), hint);
                }
            }
            Element::Line(line) if line.from[0] != line.to[0] && line.from[1] != line.to[1] => {
                self.problem(
                    Some(name),
                    "the line is neither level nor upright",
                    "make one coordinate of its ends equal",
                );
            }
            Element::Barcode(bars) => {
                if bars.size[1] < BARS_MIN_MM {
                    let hint = format!("at least {BARS_MIN_MM} mm, or a scanner must be aimed too well");
                    self.problem(Some(name), format!("bars of {} mm are too low", bars.size[1]), hint);
                }
                if bars.min_module.is_nan() || bars.min_module < BAR_MODULE_MIN_MM {
                    let hint = format!("min_module = {BAR_MODULE_MIN_MM} or more, which is a dot at 203 dpi");
                    self.problem(Some(name), format!("no bar is {} mm wide", bars.min_module), hint);
                }
            }
            Element::Image(image) if !THRESHOLDS.contains(&image.threshold) => {
                let hint = format!("threshold from {} to {}", THRESHOLDS.start(), THRESHOLDS.end());
                self.problem(Some(name), format!("nothing or all of a picture is below {}", image.threshold), hint);
            }
            Element::Line(_) | Element::Box(_) | Element::Image(_) => {}
        }
    }

    /// Fields that the sample does not have.
    fn fields(&mut self, name: ElementRef, element: Element<'_>, entries: Option<(&Repeat, &[Value])>) {
        let pieces = element.pattern().map_or(&[][..], |pattern| &pattern.pieces);
        let wanted = pieces.iter().filter_map(|piece| match piece {
            Piece::Field { path, .. } => Some(path),
            Piece::Literal(_) => None,
        });
        let missing: Vec<&Path> = wanted.chain(element.when()).filter(|path| !self.is_known(path, entries)).collect();
        for path in missing {
            let hint = match path.steps().first().is_some_and(|first| first == "words") {
                true => "add it to [words]",
                false => "correct its name, or add it to [sample]",
            };
            self.problem(Some(name), format!("neither the sample nor the words have \"{path}\""), hint);
        }
    }

    fn is_known(&self, path: &Path, entries: Option<(&Repeat, &[Value])>) -> bool {
        let Some((first, rest)) = path.steps().split_first() else { return false };
        let reaches =
            |start: &Value, steps: &[String]| steps.iter().try_fold(start, |value, step| value.field(step)).is_some();
        match (first.as_str(), entries) {
            ("words", _) => rest.len() == 1 && self.template.words.contains_key(&rest[0]),
            ("page" | "pages", _) => rest.is_empty(),
            ("number", Some(_)) => rest.is_empty(),
            (name, Some((repeat, entries))) if name == repeat.r#as => entries.iter().any(|entry| reaches(entry, rest)),
            _ => reaches(&self.template.sample, path.steps()),
        }
    }

    fn repeat(&mut self, index: usize, repeat: &'t Repeat) {
        let name = ElementRef { repeat: None, kind: Kind::Repeat, index };
        if repeat.max == 0 || repeat.max > CELLS_MAX || repeat.columns == 0 || repeat.columns > CELLS_MAX {
            let hint = format!("max and columns from 1 to {CELLS_MAX}");
            return self.problem(Some(name), "a list without room, or with too much", hint);
        }
        if OWN_NAMES.contains(&repeat.r#as.as_str()) || Path::try_from(repeat.r#as.as_str()).is_err() {
            self.problem(Some(name), format!("an entry can't be called \"{}\"", repeat.r#as), "take another name");
        }
        let list = repeat.over.steps().iter().try_fold(&self.template.sample, |value, step| value.field(step));
        let entries = match list {
            Some(Value::List(entries)) if !entries.is_empty() => entries.as_slice(),
            _ => {
                let message = format!("the sample has no list \"{}\" with an entry", repeat.over);
                return self.problem(Some(name), message, "add one to [sample]");
            }
        };
        let last = corner(repeat, repeat.max - 1);
        let row_end = corner(repeat, repeat.columns.min(repeat.max) - 1);
        for (name, element) in Elements::of_repeat(repeat, index).iter() {
            for cell in [repeat.at, row_end, last] {
                let before = self.problems.len();
                self.element(name, element, [self.template.size[0] - cell[0], self.template.size[1] - cell[1]]);
                if self.problems.len() > before {
                    break;
                }
            }
            self.fields(name, element, Some((repeat, entries)));
        }
    }

    /// Texts, codes and pictures that lie on each other, lines and frames that cut a code. Where both depend on a field, they may
    /// be meant in turn.
    fn overlaps(&mut self) {
        let solids = self.solids();
        for (at, one) in solids.iter().enumerate() {
            for other in &solids[at + 1..] {
                let in_turn = one.conditional && other.conditional;
                let touches = one.is_content && other.is_content || one.is_code || other.is_code;
                if !in_turn && touches && one.cuts(other) && other.cuts(one) {
                    let message = format!("the element and {} lie on each other", one.name);
                    let is_told =
                        self.problems.iter().any(|told| told.element == Some(other.name) && told.message == message);
                    if !is_told {
                        self.problem(Some(other.name), message, "move one of them");
                    }
                }
            }
        }
    }

    fn solids(&self) -> Vec<Solid> {
        let of_repeat = |(index, repeat): (usize, &Repeat)| {
            Elements::of_repeat(repeat, index).iter().count().saturating_mul(repeat.max)
        };
        let solids_of_all = self.template.repeat.iter().enumerate().map(of_repeat).fold(0, usize::saturating_add);
        let mut solids = Vec::new();
        let mut add = |elements: Elements<'_>, moved: [f64; 2]| {
            for (name, element) in elements.iter() {
                let whole = frame(element).moved(moved);
                let hollow = match element {
                    Element::Box(element) if !element.fill => Some(element.thickness),
                    _ => None,
                };
                solids.push(Solid {
                    name,
                    whole,
                    hollow,
                    is_code: matches!(element, Element::Qr(_) | Element::Barcode(_)),
                    is_content: element.pattern().is_some() || matches!(element, Element::Image(_)),
                    conditional: element.when().is_some(),
                });
            }
        };
        add(Elements::of(self.template), [0.0, 0.0]);
        for (index, repeat) in self.template.repeat.iter().enumerate() {
            let cells: BTreeSet<usize> = match solids_of_all <= SOLIDS_MAX && repeat.max <= CELLS_MAX {
                true => (0..repeat.max).collect(),
                // the first cell and its neighbours to the right and below stand for all
                false => [0, 1, repeat.columns].into_iter().filter(|cell| *cell < repeat.max).collect(),
            };
            cells.into_iter().for_each(|cell| add(Elements::of_repeat(repeat, index), corner(repeat, cell)));
        }
        solids
    }
}

/// An element as something that takes up room.
struct Solid {
    name: ElementRef,
    whole: Frame,
    /// Thickness of a frame that is empty inside.
    hollow: Option<f64>,
    is_code: bool,
    is_content: bool,
    conditional: bool,
}

impl Solid {
    /// Whether its ink would lie on the other's room.
    fn cuts(&self, other: &Solid) -> bool {
        let Frame { x, y, width, height } = self.whole;
        let Some(thick) = self.hollow else { return self.whole.overlaps(&other.whole) };
        let sides = [
            Frame { height: thick, ..self.whole },
            Frame { y: y + height - thick, height: thick, ..self.whole },
            Frame { width: thick, ..self.whole },
            Frame { x: x + width - thick, width: thick, ..self.whole },
        ];
        sides.iter().any(|side| side.overlaps(&other.whole))
    }
}
