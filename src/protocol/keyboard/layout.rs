//! Keyboard layouts: what each key types alone, with Shift and with AltGr, and back from text to keys.

use std::collections::BTreeMap;

use serde::Deserialize;

use super::compose::{Composer, Symbol, pairs};
use super::keys::{
    BACKSLASH, BACKSPACE, DIGIT_2, DIGIT_6, ENTER, ESC, KEYPAD, KPENTER, Key, KeyEvent, LEFTBRACE, LEFTCTRL, LEFTSHIFT,
    LINEFEED, MINUS, RIGHTALT, RIGHTBRACE, SPACE, TAB,
};

/// What a keyboard types: one file of `firmware-protocols/layouts/`.
#[derive(Clone, Debug, Deserialize)]
#[serde(try_from = "LayoutFile")]
pub struct Layout {
    name: String,
    title: String,
    caps_lock: CapsLock,
    keys: BTreeMap<u16, [Option<Symbol>; 3]>,
    has_altgr: bool,
    /// The keys that type a character; the first way is the usual one.
    ways: BTreeMap<char, Vec<Vec<Stroke>>>,
}

/// A layout as it stands in its file.
#[derive(Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
struct LayoutFile {
    name: String,
    title: String,
    /// Where it comes from; for who reads the file.
    #[serde(rename = "source")]
    _source: String,
    #[serde(default)]
    caps_lock: CapsLock,
    keys: BTreeMap<String, Vec<String>>,
}

/// What Caps Lock does.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
enum CapsLock {
    /// It makes letters capitals, and capitals letters.
    #[default]
    Letters,
    /// It acts like a held Shift on all keys.
    Shift,
}

/// A layout that can't be used.
#[derive(Debug, thiserror::Error)]
pub enum LayoutError {
    /// A key that is none.
    #[error("there is no key \"{0}\"")]
    Key(String),
    /// More than the three levels.
    #[error("the key \"{0}\" has more than a plain, a shifted and an AltGr character")]
    Levels(String),
    /// Neither a character nor a dead key.
    #[error("the key \"{0}\" types \"{1}\", which is neither one character nor \"dead\" and an accent")]
    Symbol(String, String),
}

/// A level of the keys.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Level {
    Plain,
    Shift,
    AltGr,
}

/// A key with the level at which it is pressed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Stroke {
    pub(super) code: u16,
    pub(super) level: Level,
}

const LEVELS: [Level; 3] = [Level::Plain, Level::Shift, Level::AltGr];

fn symbol(key: &str, text: &str) -> Result<Option<Symbol>, LayoutError> {
    let one = |text: &str| {
        let mut characters = text.chars();
        characters.next().filter(|character| characters.next().is_none() && !character.is_control())
    };
    let found = match text.strip_prefix("dead ") {
        _ if text.is_empty() => return Ok(None),
        Some(accent) => one(accent).filter(|accent| pairs(*accent).is_some()).map(Symbol::Dead),
        None => one(text).map(Symbol::Char),
    };
    found.map(Some).ok_or_else(|| LayoutError::Symbol(key.to_owned(), text.to_owned()))
}

impl TryFrom<LayoutFile> for Layout {
    type Error = LayoutError;

    fn try_from(file: LayoutFile) -> Result<Self, Self::Error> {
        let same = |character| [Some(Symbol::Char(character)), Some(Symbol::Char(character)), None];
        let mut keys: BTreeMap<u16, [Option<Symbol>; 3]> =
            KEYPAD.iter().map(|(code, character)| (*code, same(*character))).collect();
        keys.insert(SPACE, same(' '));
        for (name, texts) in &file.keys {
            let key = Key::named(name).ok_or_else(|| LayoutError::Key(name.clone()))?;
            let mut levels = [None; 3];
            if texts.len() > levels.len() {
                return Err(LayoutError::Levels(name.clone()));
            }
            for (level, text) in levels.iter_mut().zip(texts) {
                *level = symbol(name, text)?;
            }
            keys.insert(key.0, levels);
        }
        let ways = ways(&keys);
        let has_altgr = keys.values().any(|levels| levels[Level::AltGr as usize].is_some());
        Ok(Layout { name: file.name, title: file.title, caps_lock: file.caps_lock, keys, has_altgr, ways })
    }
}

/// The ways to type each character: by a key, then by an accent and a letter. The keypad is left out.
fn ways(keys: &BTreeMap<u16, [Option<Symbol>; 3]>) -> BTreeMap<char, Vec<Vec<Stroke>>> {
    let mut strokes: Vec<(Symbol, Stroke)> = Vec::new();
    for level in LEVELS {
        let typed = keys.iter().filter(|(code, _)| KEYPAD.iter().all(|(keypad, _)| keypad != *code));
        strokes.extend(
            typed.filter_map(|(code, levels)| {
                levels[level as usize].map(|symbol| (symbol, Stroke { code: *code, level }))
            }),
        );
    }
    let mut ways: BTreeMap<char, Vec<Vec<Stroke>>> = BTreeMap::new();
    for (symbol, stroke) in &strokes {
        // Shift changes nothing at the space bar
        let doubled = stroke.code == SPACE && stroke.level != Level::Plain;
        if let (Symbol::Char(character), false) = (symbol, doubled) {
            ways.entry(*character).or_default().push(vec![*stroke]);
        }
    }
    let direct: BTreeMap<char, Stroke> = ways.iter().map(|(character, ways)| (*character, ways[0][0])).collect();
    for (symbol, dead) in &strokes {
        let Symbol::Dead(accent) = symbol else { continue };
        for (base, whole) in pairs(*accent).into_iter().flatten().chain([(' ', *accent)]) {
            if let Some(base) = direct.get(&base) {
                ways.entry(whole).or_default().push(vec![*dead, *base]);
            }
        }
        // what does not join with the character behind it needs no space
        ways.entry(*accent).or_default().push(vec![*dead]);
    }
    ways
}

impl Layout {
    /// Its name, as definitions call it: `us`, `de`.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// What people call it.
    #[must_use]
    pub fn title(&self) -> &str {
        &self.title
    }

    /// The keys that type a text, each pressed for itself with the Shift, AltGr or Ctrl that it needs. The end key is
    /// not among them. Nothing where the layout has no key for a character, and for DEL.
    #[must_use]
    pub fn type_text(&self, text: &str) -> Option<Vec<KeyEvent>> {
        let mut events = Vec::new();
        for character in text.chars() {
            match character {
                '\t' => press(&[], TAB, &mut events),
                '\0'..='\x1f' => self.press_control(character, &mut events)?,
                _ => {
                    for stroke in self.ways.get(&character)?.first()? {
                        match stroke.level {
                            Level::Plain => press(&[], stroke.code, &mut events),
                            Level::Shift => press(&[LEFTSHIFT], stroke.code, &mut events),
                            Level::AltGr => press(&[RIGHTALT], stroke.code, &mut events),
                        }
                    }
                }
            }
        }
        Some(events)
    }

    fn press_control(&self, character: char, events: &mut Vec<KeyEvent>) -> Option<()> {
        let code = match CONTROLS.iter().find(|(_, control)| *control == character) {
            Some((code, _)) => *code,
            None => {
                let letter = char::from(character as u8 + 0x60);
                self.ways.get(&letter)?.first()?.first()?.code
            }
        };
        press(if character == '\0' { &[LEFTCTRL, LEFTSHIFT] } else { &[LEFTCTRL] }, code, events);
        Some(())
    }

    /// What a key types, with Shift and Caps Lock as they are.
    pub(super) fn typed(&self, code: u16, shift: bool, caps: bool) -> Option<Symbol> {
        let fixed = match code {
            TAB => Some('\t'),
            ENTER | KPENTER => Some('\r'),
            LINEFEED => Some('\n'),
            ESC => Some('\x1b'),
            BACKSPACE => Some('\x08'),
            _ => None,
        };
        if let Some(character) = fixed {
            return Some(Symbol::Char(character));
        }
        let levels = self.keys.get(&code)?;
        let shift = shift != (caps && self.caps_lock == CapsLock::Shift);
        let symbol = levels[usize::from(shift)]?;
        match symbol {
            Symbol::Char(character) if caps && self.caps_lock == CapsLock::Letters => {
                let cased =
                    if shift { is_capital_of(levels).then(|| lower(character)) } else { Some(upper(character)) };
                Some(Symbol::Char(cased.unwrap_or(character)))
            }
            other => Some(other),
        }
    }

    /// What a key types with AltGr.
    pub(super) fn third(&self, code: u16) -> Option<Symbol> {
        self.keys.get(&code)?[Level::AltGr as usize]
    }

    /// What a key types with Ctrl: letters by what the layout prints on the key, the others by their place.
    pub(super) fn control(&self, code: u16, shift: bool) -> Option<char> {
        let plain = match self.keys.get(&code).and_then(|levels| levels[Level::Plain as usize]) {
            Some(Symbol::Char(character)) => character,
            _ => '\0',
        };
        match plain {
            'a'..='z' => Some(char::from(plain as u8 - 0x60)),
            _ if code == DIGIT_2 && !shift => None,
            _ => CONTROLS.iter().find(|(key, _)| *key == code).map(|(_, control)| *control),
        }
    }

    /// Whether its right Alt key is AltGr.
    pub(super) fn has_altgr(&self) -> bool {
        self.has_altgr
    }

    /// The ways to type a character, without control characters.
    pub(super) fn ways(&self, character: char) -> &[Vec<Stroke>] {
        self.ways.get(&character).map(Vec::as_slice).unwrap_or_default()
    }

    /// What keys type; nothing where one of them types nothing.
    pub(super) fn read(&self, strokes: &[Stroke]) -> Option<String> {
        let mut composer = Composer::default();
        let mut text = String::new();
        for stroke in strokes {
            let symbol = self.keys.get(&stroke.code)?[stroke.level as usize]?;
            text.extend(composer.push(symbol).into_iter().flatten());
        }
        text.extend(composer.flush());
        Some(text)
    }
}

/// What Ctrl types with keys that are no letters, by their place on a United States keyboard; the first is with Shift.
const CONTROLS: [(u16, char); 6] = [
    (DIGIT_2, '\0'),
    (LEFTBRACE, '\x1b'),
    (BACKSLASH, '\x1c'),
    (RIGHTBRACE, '\x1d'),
    (DIGIT_6, '\x1e'),
    (MINUS, '\x1f'),
];

fn press(held: &[u16], code: u16, events: &mut Vec<KeyEvent>) {
    events.extend(held.iter().map(|held| KeyEvent::down(*held)));
    events.extend([KeyEvent::down(code), KeyEvent::up(code)]);
    events.extend(held.iter().rev().map(|held| KeyEvent::up(*held)));
}

/// Whether a key's shifted character is the capital of its plain one.
fn is_capital_of(levels: &[Option<Symbol>; 3]) -> bool {
    match (levels[0], levels[1]) {
        (Some(Symbol::Char(plain)), Some(Symbol::Char(shifted))) => plain != shifted && upper(plain) == shifted,
        _ => false,
    }
}

/// The capital of a letter, where that is one character.
fn upper(character: char) -> char {
    let mut capital = character.to_uppercase();
    capital.next().filter(|_| capital.next().is_none()).unwrap_or(character)
}

fn lower(character: char) -> char {
    let mut small = character.to_lowercase();
    small.next().filter(|_| small.next().is_none()).unwrap_or(character)
}
