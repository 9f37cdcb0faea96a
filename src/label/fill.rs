//! A template with a record in it: pages of elements whose texts are known.

use super::error::{LabelError, Trouble};
use super::geometry::Frame;
use super::mask::{self, MaskRule};
use super::pattern::{Path, Pattern, Piece};
use super::record::Value;
use super::template::{Element, ElementRef, Elements, Kind, Overflow, Repeat, Template};
use crate::message::Language;

/// Most pages of one label: a manifest of nine thousand parcels still fits, and a request can't ask for a book.
pub const PAGES_MAX: usize = 300;
/// Longest text of an element, in characters; no label has room for more.
pub const TEXT_MAX: usize = 2_000;

/// What a label is filled with besides its record.
#[derive(Clone, Debug)]
pub struct Settings {
    /// The language of the fixed texts.
    pub language: Language,
    /// What of personal data may be shown, stronger than what the template says.
    pub mask: Vec<MaskRule>,
    /// The day, for the century of two-digit years in GS1 element strings.
    pub today: jiff::civil::Date,
}

/// A filled template.
#[derive(Clone, Debug)]
pub struct Filled<'t> {
    pub(super) title: String,
    pub(super) size: [f64; 2],
    pub(super) today: jiff::civil::Date,
    pub(super) pages: Vec<Vec<Placed<'t>>>,
}

/// An element with its text, at its place on the page.
#[derive(Clone, Debug)]
pub(super) struct Placed<'t> {
    pub name: ElementRef,
    pub element: Element<'t>,
    pub content: String,
    pub moved: [f64; 2],
}

impl Placed<'_> {
    /// The rectangle that it takes up.
    pub(super) fn frame(&self) -> Frame {
        frame(self.element).moved(self.moved)
    }
}

/// The rectangle that an element takes up.
pub(super) fn frame(element: Element<'_>) -> Frame {
    match element {
        Element::Text(element) => Frame::new(element.at, element.size),
        Element::Qr(element) => Frame::new(element.at, [element.size, element.size]),
        Element::Barcode(element) => Frame::new(element.at, element.size),
        Element::Box(element) => Frame::new(element.at, element.size),
        Element::Image(element) => Frame::new(element.at, element.size),
        Element::Line(line) => {
            let (left, top) = (line.from[0].min(line.to[0]), line.from[1].min(line.to[1]));
            let (right, bottom) = (line.from[0].max(line.to[0]), line.from[1].max(line.to[1]));
            Frame::new([left, top], [(right - left).max(line.thickness), (bottom - top).max(line.thickness)])
        }
    }
}

/// Fills a template. Personal data are masked first.
///
/// # Errors
/// Every field that is missing or no text, every list that is too long.
pub fn fill<'t>(template: &'t Template, record: &Value, settings: &Settings) -> Result<Filled<'t>, Vec<LabelError>> {
    let rules = mask::merged(&mask::merged(&MaskRule::defaults(), &template.mask), &settings.mask);
    let record = mask::mask(record, &rules);
    let lists = lists(template, &record)?;
    let pages = page_count(template, &lists)?;
    let mut errors = Vec::new();
    let mut filled = Vec::with_capacity(pages);
    for page in 0..pages {
        let scope = Scope { template, record: &record, language: settings.language, page, pages, entry: None };
        let mut placed = Vec::new();
        place(Elements::of(template), &scope, [0.0, 0.0], &mut placed, &mut errors);
        for (index, repeat) in template.repeat.iter().enumerate() {
            let first = if repeat.overflow == Overflow::Page { page * repeat.max } else { 0 };
            for (cell, entry) in lists[index].iter().skip(first).take(repeat.max).enumerate() {
                let scope = Scope { entry: Some((repeat, entry, first + cell)), ..scope };
                let moved = corner(repeat, cell);
                place(Elements::of_repeat(repeat, index), &scope, moved, &mut placed, &mut errors);
            }
        }
        filled.push(placed);
    }
    if errors.is_empty() {
        let title = template.title.get(settings.language).to_owned();
        Ok(Filled { title, size: template.size, today: settings.today, pages: filled })
    } else {
        Err(errors)
    }
}

/// The corner of the `cell`th cell.
pub(super) fn corner(repeat: &Repeat, cell: usize) -> [f64; 2] {
    let columns = repeat.columns.max(1);
    let (column, row) = (cell % columns, cell / columns);
    [repeat.at[0] + column as f64 * repeat.pitch[0], repeat.at[1] + row as f64 * repeat.pitch[1]]
}

fn repeat_name(index: usize) -> ElementRef {
    ElementRef { repeat: None, kind: Kind::Repeat, index }
}

/// The entries of each repetition; none where the list is null.
fn lists<'r>(template: &Template, record: &'r Value) -> Result<Vec<&'r [Value]>, Vec<LabelError>> {
    let mut lists = Vec::new();
    let mut errors = Vec::new();
    for (index, repeat) in template.repeat.iter().enumerate() {
        let field = repeat.over.to_string();
        let found = repeat.over.steps().iter().try_fold(record, |value, step| value.field(step));
        let trouble = match found {
            Some(Value::List(entries)) if entries.len() > repeat.max && repeat.overflow == Overflow::Error => {
                Trouble::TooManyEntries { field, entries: entries.len(), max: repeat.max }
            }
            Some(Value::List(entries)) => {
                lists.push(entries.as_slice());
                continue;
            }
            Some(Value::Null) => {
                lists.push(&[]);
                continue;
            }
            Some(_) => Trouble::NotList { field },
            None => Trouble::MissingField { field },
        };
        errors.push(LabelError { element: Some(repeat_name(index)), trouble });
    }
    if errors.is_empty() { Ok(lists) } else { Err(errors) }
}

fn page_count(template: &Template, lists: &[&[Value]]) -> Result<usize, Vec<LabelError>> {
    let wanted = template.repeat.iter().zip(lists).map(|(repeat, entries)| match repeat.overflow {
        Overflow::Page => entries.len().div_ceil(repeat.max.max(1)),
        Overflow::Error => 1,
    });
    let pages = wanted.max().unwrap_or(1).max(1);
    let trouble = Trouble::TooManyPages { pages, max: PAGES_MAX };
    if pages > PAGES_MAX { Err(vec![LabelError { element: None, trouble }]) } else { Ok(pages) }
}

fn place<'t>(
    elements: Elements<'t>,
    scope: &Scope<'_>,
    moved: [f64; 2],
    placed: &mut Vec<Placed<'t>>,
    errors: &mut Vec<LabelError>,
) {
    for (name, element) in elements.iter() {
        let is_wanted = element.when().is_none_or(|field| scope.find(field).is_some_and(|value| !value.is_blank()));
        if !is_wanted {
            continue;
        }
        let is_code = matches!(element, Element::Qr(_) | Element::Barcode(_));
        let content = |pattern| scope.text(pattern, if is_code { Value::as_code } else { Value::as_text });
        match element.pattern().map_or(Ok(String::new()), content) {
            Ok(content) => placed.push(Placed { name, element, content, moved }),
            Err(trouble) => errors.push(LabelError { element: Some(name), trouble }),
        }
    }
}

/// Where the fields of a pattern are looked up.
#[derive(Clone, Copy)]
struct Scope<'r> {
    template: &'r Template,
    record: &'r Value,
    language: Language,
    page: usize,
    pages: usize,
    entry: Option<(&'r Repeat, &'r Value, usize)>,
}

impl Scope<'_> {
    fn find(&self, path: &Path) -> Option<Value> {
        let (first, rest) = path.steps().split_first()?;
        let words = |name: &String| self.template.words.get(name).map(|words| words.get(self.language).into());
        let number = |number: usize| Some(Value::Text((number + 1).to_string()));
        match (first.as_str(), rest, self.entry) {
            ("words", [name], _) => words(name),
            ("page", [], _) => number(self.page),
            ("pages", [], _) => Some(Value::Text(self.pages.to_string())),
            ("number", [], Some((_, _, at))) => number(at),
            (name, rest, Some((repeat, entry, _))) if name == repeat.r#as => {
                rest.iter().try_fold(entry, |value, step| value.field(step)).cloned()
            }
            _ => path.steps().iter().try_fold(self.record, |value, step| value.field(step)).cloned(),
        }
    }

    fn text(&self, pattern: &Pattern, read: fn(&Value) -> Option<String>) -> Result<String, Trouble> {
        let mut text = String::new();
        for piece in &pattern.pieces {
            match piece {
                Piece::Literal(literal) => text.push_str(literal),
                Piece::Field { path, optional } => match self.find(path) {
                    Some(value) => {
                        let found = read(&value).ok_or_else(|| Trouble::NotText { field: path.to_string() })?;
                        text.push_str(&found);
                    }
                    None if *optional => {}
                    None => return Err(Trouble::MissingField { field: path.to_string() }),
                },
            }
        }
        let characters = text.chars().count();
        if characters > TEXT_MAX { Err(Trouble::TooLong { characters }) } else { Ok(text) }
    }
}

impl Template {
    /// The fields of a record that neither the samples nor the elements of the template know; what stands under `ext`
    /// is the sender's own.
    #[must_use]
    pub fn unknown_fields(&self, record: &Value) -> Vec<LabelError> {
        let mut unknown = Vec::new();
        self.walk_unknown(record, &mut Vec::new(), &mut unknown);
        unknown.sort();
        unknown.dedup();
        let error = |field| LabelError { element: None, trouble: Trouble::UnknownField { field } };
        unknown.into_iter().map(error).collect()
    }

    fn walk_unknown<'r>(&self, value: &'r Value, way: &mut Vec<&'r str>, unknown: &mut Vec<String>) {
        match value {
            Value::List(entries) => entries.iter().for_each(|entry| self.walk_unknown(entry, way, unknown)),
            Value::Table(fields) => {
                for (name, field) in fields {
                    if way.is_empty() && name == "ext" {
                        continue;
                    }
                    way.push(name);
                    if self.knows(way) {
                        self.walk_unknown(field, way, unknown);
                    } else {
                        unknown.push(way.join("."));
                    }
                    way.pop();
                }
            }
            _ => {}
        }
    }

    fn knows(&self, way: &[&str]) -> bool {
        let in_sample = |sample: &Value| has(sample, way);
        let starts = |steps: Vec<&str>| steps.len() >= way.len() && steps[..way.len()] == *way;
        let plain = |path: &Path| starts(path.steps().iter().map(String::as_str).collect());
        let fields = |elements: Elements<'_>| {
            elements.iter().any(|(_, element)| {
                element.when().is_some_and(plain)
                    || element.pattern().is_some_and(|pattern| pattern.fields().any(plain))
            })
        };
        let in_entries = |(index, repeat): (usize, &Repeat)| {
            let of_entry = |path: &Path| {
                path.steps().split_first().is_some_and(|(first, rest)| {
                    let whole = repeat.over.steps().iter().chain(rest).map(String::as_str).collect();
                    *first == repeat.r#as && starts(whole)
                })
            };
            Elements::of_repeat(repeat, index).iter().any(|(_, element)| {
                element.when().is_some_and(of_entry)
                    || element.pattern().is_some_and(|pattern| pattern.fields().any(of_entry))
            })
        };
        in_sample(&self.sample)
            || self.sample_latin.as_ref().is_some_and(in_sample)
            || fields(Elements::of(self))
            || self.repeat.iter().enumerate().any(in_entries)
    }
}

/// Whether a record has this field, in any entry of the lists on the way.
fn has(value: &Value, way: &[&str]) -> bool {
    match (value, way.split_first()) {
        (_, None) => true,
        (Value::List(entries), _) => entries.iter().any(|entry| has(entry, way)),
        (_, Some((first, rest))) => value.field(first).is_some_and(|field| has(field, rest)),
    }
}
