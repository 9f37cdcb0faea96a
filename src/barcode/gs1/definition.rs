//! What an application identifier is: its shape, its companions, and finding it by its digits.

use std::sync::LazyLock;

use super::rules::Rule;
use super::table::TABLE;

/// The characters that a component may hold.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CharacterSet {
    /// Digits only.
    Numeric,
    /// GS1 AI encodable character set 82.
    Set82,
    /// GS1 AI encodable character set 39.
    Set39,
    /// File-safe base64 (character set 64).
    Base64Url,
}

/// One part of an identifier's value.
#[derive(Clone, Copy, Debug)]
pub struct Component {
    /// What characters it may hold.
    pub characters: CharacterSet,
    /// Fewest characters.
    pub min: usize,
    /// Most characters.
    pub max: usize,
    /// Whether it may be left out.
    pub optional: bool,
    pub(super) rules: &'static [Rule],
}

impl Component {
    pub(super) const fn optional(mut self) -> Self {
        self.optional = true;
        self
    }

    pub(super) const fn checked(mut self, rules: &'static [Rule]) -> Self {
        self.rules = rules;
        self
    }
}

/// An application identifier, or a family of them that differ in their last digit only.
#[derive(Debug)]
pub struct Ai {
    /// The digits, without the last one for a family.
    pub digits: &'static str,
    /// How many members the family has, last digit 0 and up; 1 for a single identifier.
    pub members: u8,
    /// Whether the last digit is the number of implied decimal places.
    pub decimals: bool,
    /// GS1's data title.
    pub title: &'static str,
    /// Whether the length is pre-defined, so that no FNC1 need follow.
    pub fixed: bool,
    /// Whether it may stand in the query of a Digital Link URI.
    pub attribute: bool,
    /// The parts of the value, in order.
    pub components: &'static [Component],
    /// For a Digital Link primary key its alternative qualifier sequences.
    pub qualifiers: Option<&'static str>,
    required: &'static str,
    excluded: &'static str,
    max_len: usize,
}

pub(super) const FIXED: bool = true;
pub(super) const ENDED: bool = false;
pub(super) const ATTRIBUTE: bool = true;
pub(super) const NO_ATTRIBUTE: bool = false;

const fn part(characters: CharacterSet, min: usize, max: usize) -> Component {
    Component { characters, min, max, optional: false, rules: &[] }
}

pub(super) const fn n(len: usize) -> Component {
    part(CharacterSet::Numeric, len, len)
}

pub(super) const fn n_to(max: usize) -> Component {
    part(CharacterSet::Numeric, 1, max)
}

pub(super) const fn x(len: usize) -> Component {
    part(CharacterSet::Set82, len, len)
}

pub(super) const fn x_to(max: usize) -> Component {
    part(CharacterSet::Set82, 1, max)
}

pub(super) const fn y_to(max: usize) -> Component {
    part(CharacterSet::Set39, 1, max)
}

pub(super) const fn z_to(max: usize) -> Component {
    part(CharacterSet::Base64Url, 1, max)
}

const fn total(components: &[Component]) -> usize {
    let (mut sum, mut at) = (0, 0);
    while at < components.len() {
        sum += components[at].max;
        at += 1;
    }
    sum
}

#[allow(clippy::too_many_arguments, reason = "one argument a column of the table")]
pub(super) const fn ai(
    digits: &'static str,
    title: &'static str,
    fixed: bool,
    attribute: bool,
    components: &'static [Component],
    required: &'static str,
    excluded: &'static str,
    qualifiers: Option<&'static str>,
) -> Ai {
    let max_len = total(components);
    Ai {
        digits,
        members: 1,
        decimals: false,
        title,
        fixed,
        attribute,
        components,
        qualifiers,
        required,
        excluded,
        max_len,
    }
}

#[allow(clippy::too_many_arguments, reason = "one argument a column of the table")]
pub(super) const fn family(
    digits: &'static str,
    members: u8,
    decimals: bool,
    title: &'static str,
    fixed: bool,
    attribute: bool,
    components: &'static [Component],
    required: &'static str,
    excluded: &'static str,
) -> Ai {
    let max_len = total(components);
    Ai { digits, members, decimals, title, fixed, attribute, components, qualifiers: None, required, excluded, max_len }
}

impl Ai {
    /// Most characters that a value may have.
    #[must_use]
    pub fn max_len(&self) -> usize {
        self.max_len
    }

    /// Whether a pattern of the table (`310n`, `01`) covers this line.
    fn matches(&self, pattern: &str) -> bool {
        match pattern.trim_end_matches('n') {
            exact if exact.len() == pattern.len() => self.digits == exact,
            prefix => self.digits.starts_with(prefix),
        }
    }
}

/// A set of table lines.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Lines([u64; 4]);

impl Lines {
    pub(super) fn insert(&mut self, line: u8) {
        self.0[usize::from(line >> 6)] |= 1 << (line & 63);
    }

    pub(super) fn contains(&self, line: u8) -> bool {
        self.0[usize::from(line >> 6)] & (1 << (line & 63)) != 0
    }

    pub(super) fn intersects(&self, other: &Lines) -> bool {
        (0..4).any(|word| self.0[word] & other.0[word] != 0)
    }

    fn matching(pattern: &str) -> Lines {
        let mut lines = Lines::default();
        for (line, _) in TABLE.iter().enumerate().filter(|(_, ai)| ai.matches(pattern)) {
            lines.insert(line_number(line));
        }
        lines
    }
}

fn line_number(index: usize) -> u8 {
    u8::try_from(index).expect("the table has fewer than 255 lines")
}

/// What one line asks of its companions.
#[derive(Default)]
pub(super) struct Companions {
    /// Every one of these must hold: any alternative is covered completely.
    pub(super) required: Vec<Vec<Alternative>>,
    pub(super) excluded: Lines,
}

/// Lines that satisfy a requirement together; each entry is satisfied by any line of its pattern.
pub(super) struct Alternative(Vec<Lines>);

impl Alternative {
    pub(super) fn holds(&self, present: &Lines) -> bool {
        self.0.iter().all(|one| present.intersects(one))
    }
}

/// The table with what finding needs.
pub(super) struct Dictionary {
    by_number: [Vec<u8>; 3],
    companions: Vec<Companions>,
}

const NONE: u8 = u8::MAX;

static DICTIONARY: LazyLock<Dictionary> = LazyLock::new(Dictionary::build);

impl Dictionary {
    pub(super) fn get() -> &'static Dictionary {
        &DICTIONARY
    }

    fn build() -> Dictionary {
        let mut by_number = [vec![NONE; 100], vec![NONE; 1_000], vec![NONE; 10_000]];
        for (line, ai) in TABLE.iter().enumerate() {
            for member in 0..ai.members {
                let text = if ai.members == 1 { ai.digits.to_owned() } else { format!("{}{member}", ai.digits) };
                let number: usize = text.parse().expect("identifiers of the table are digits");
                by_number[text.len() - 2][number] = line_number(line);
            }
        }
        Dictionary { by_number, companions: TABLE.iter().map(companions).collect() }
    }

    /// The line of an identifier given as its digits.
    pub(super) fn find(&self, digits: &[u8]) -> Option<u8> {
        if !(2..=4).contains(&digits.len()) {
            return None;
        }
        let mut number = 0;
        for digit in digits {
            if !digit.is_ascii_digit() {
                return None;
            }
            number = number * 10 + usize::from(digit - b'0');
        }
        Some(self.by_number[digits.len() - 2][number]).filter(|line| *line != NONE)
    }

    pub(super) fn companions(&self, line: u8) -> &Companions {
        &self.companions[usize::from(line)]
    }
}

fn companions(ai: &Ai) -> Companions {
    let mut result = Companions::default();
    for requirement in ai.required.split(';').filter(|text| !text.is_empty()) {
        let alternatives = requirement.split(',').map(|one| Alternative(one.split('+').map(Lines::matching).collect()));
        result.required.push(alternatives.collect());
    }
    for pattern in ai.excluded.split(',').filter(|text| !text.is_empty()) {
        for (line, _) in TABLE.iter().enumerate().filter(|(_, other)| other.matches(pattern)) {
            result.excluded.insert(line_number(line));
        }
    }
    result
}

/// How many digits an identifier has, by its first two (GS1 General Specifications, figure "AI lengths").
pub(super) fn identifier_len(first_two: u8) -> usize {
    match first_two {
        0..=3 | 10..=13 | 15..=17 | 20..=22 | 30 | 37 | 90..=99 => 2,
        23..=25 | 40..=42 | 71 => 3,
        31..=36 | 39 | 43 | 70 | 72 | 80..=82 => 4,
        _ => 0,
    }
}

pub(super) fn definition(line: u8) -> &'static Ai {
    &TABLE[usize::from(line)]
}

/// The identifier with these digits, if GS1 has assigned it.
#[must_use]
pub fn lookup(digits: &str) -> Option<&'static Ai> {
    Dictionary::get().find(digits.as_bytes()).map(definition)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_table_holds_every_assigned_identifier() {
        assert_eq!(TABLE.iter().map(|ai| u32::from(ai.members)).sum::<u32>(), 541);
        assert_eq!(TABLE.iter().filter(|ai| ai.fixed).map(|ai| u32::from(ai.members)).sum::<u32>(), 337);
    }

    #[test]
    fn every_identifier_is_found_under_the_length_that_its_first_digits_announce() {
        for ai in TABLE {
            let first_two: u8 = ai.digits[..2].parse().expect("digits");
            let length = ai.digits.len() + usize::from(ai.members > 1);
            assert_eq!(identifier_len(first_two), length, "{}", ai.digits);
        }
    }

    #[test]
    fn every_pattern_of_the_table_names_something() {
        let mut seen = 0;
        for ai in TABLE {
            for pattern in
                ai.required.split([';', ',', '+']).chain(ai.excluded.split(',')).filter(|text| !text.is_empty())
            {
                seen += 1;
                assert!(TABLE.iter().any(|other| other.matches(pattern)), "{pattern} in {}", ai.digits);
            }
        }
        assert!(seen > 100);
    }
}
