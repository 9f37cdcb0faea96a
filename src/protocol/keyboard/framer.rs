//! Keys in, codes out.
//!
//! A keyboard tells no length and has no checksum, so what can't be a whole code must never look like one: keys that
//! the kernel lost, a key without a character, a pause within a code break it up to its end, and say why.

use std::sync::Arc;
use std::time::Duration;

use super::compose::{Composer, Symbol};
use super::keys::{CAPSLOCK, Key, KeyEvent, LEFTALT, LEFTCTRL, LEFTSHIFT, RIGHTALT, RIGHTCTRL, RIGHTSHIFT};
use super::layout::Layout;
use super::settings::{GroupSeparator, KeyboardSettings};
use crate::protocol::framer::Item;
use crate::protocol::{Definition, FRAME_MAX, Framing};

/// The pause after which half a code is given up or a code without end key ends, in milliseconds, unless a definition
/// says otherwise. Within one code of a scanner 124 ms were measured, so less than 150 would cut codes.
pub const KEYBOARD_GAP_MS: u64 = 200;

/// What begins this soon after half a code was given up may be its rest, which must not pass for a code, and what begins
/// this soon after Shift went down was shifted. A person needs longer to scan again.
const REST: Duration = Duration::from_secs(1);

/// What is kept of a code that is too long, in characters: enough to know it again.
const EXCERPT: usize = 256;

/// The group separator.
const GS: char = '\u{1d}';

/// The keys that are held.
#[derive(Clone, Copy, Debug, Default)]
struct Held(u8);

impl Held {
    const KEYS: [u16; 6] = [LEFTSHIFT, RIGHTSHIFT, LEFTCTRL, RIGHTCTRL, LEFTALT, RIGHTALT];

    fn set(&mut self, code: u16, down: bool) {
        if let Some(bit) = Held::KEYS.iter().position(|key| *key == code) {
            self.0 = if down { self.0 | 1 << bit } else { self.0 & !(1 << bit) };
        }
    }

    fn any(self, codes: &[u16]) -> bool {
        Held::KEYS.iter().enumerate().any(|(bit, key)| self.0 & 1 << bit != 0 && codes.contains(key))
    }
}

/// Makes codes of one keyboard's events.
pub struct KeyboardFramer {
    settings: KeyboardSettings,
    layout: Arc<Layout>,
    gap: Duration,
    held: Held,
    caps: bool,
    /// The number that is being typed with Alt.
    number: Option<u32>,
    composer: Composer,
    text: String,
    /// Why the code that is being typed is none.
    fault: Option<&'static str>,
    /// When the last key moved; unknown after keys were lost.
    last: Option<Duration>,
    /// Until when a new code may be the rest of one that was given up.
    rest: Option<Duration>,
    /// When Shift, Ctrl or Alt went down before a code, if that was the last event: they are part of what comes soon.
    prelude: Option<Duration>,
    /// An end key was the last key: a carriage return or line feed belongs to it.
    ended: bool,
}

impl KeyboardFramer {
    /// A framer for a device that is set to a layout, with the usual pause.
    #[must_use]
    pub fn new(settings: &KeyboardSettings, layout: Arc<Layout>) -> Self {
        KeyboardFramer {
            settings: settings.clone(),
            layout,
            gap: Duration::from_millis(KEYBOARD_GAP_MS),
            held: Held::default(),
            caps: false,
            number: None,
            composer: Composer::default(),
            text: String::new(),
            fault: None,
            last: None,
            rest: None,
            prelude: None,
            ended: false,
        }
    }

    /// A framer for a device family, with its pause; nothing where it is no keyboard. `layout` is the one that its
    /// settings name.
    #[must_use]
    pub fn of(definition: &Definition, layout: Arc<Layout>) -> Option<Self> {
        let Framing::Keyboard(settings) = &definition.framing else { return None };
        let gap = Duration::from_millis(definition.gap_ms.unwrap_or(KEYBOARD_GAP_MS).max(1));
        Some(KeyboardFramer { gap, ..KeyboardFramer::new(settings, layout) })
    }

    /// The pause, in milliseconds.
    #[must_use]
    pub fn gap_ms(&self) -> u64 {
        u64::try_from(self.gap.as_millis()).unwrap_or(u64::MAX)
    }

    /// Whether something was begun that a pause would end.
    #[must_use]
    pub fn is_pending(&self) -> bool {
        !self.text.is_empty() || self.fault.is_some() || self.number.is_some() || self.composer.is_waiting()
    }

    /// Takes an event; `at` is its own time on any clock. A pause before it counts as if it had been told.
    pub fn key(&mut self, event: KeyEvent, at: Duration, items: &mut Vec<Item>) {
        if self.last.is_some_and(|last| at.saturating_sub(last) >= self.gap) {
            self.pause(items);
        }
        if self.prelude.is_some_and(|pressed| at.saturating_sub(pressed) > REST) {
            self.prelude = None;
            self.held = Held::default();
        }
        let key = Key(event.code);
        match event.value {
            0 | 1 => self.last = Some(at),
            _ => return,
        }
        if key.is_modifier() {
            self.modifier(event);
        } else if event.value == 1 && event.code == CAPSLOCK {
            self.caps = !self.caps;
        } else if event.value == 1 && !key.is_ignored() {
            self.down(key, at, items);
        }
    }

    /// Says that the kernel lost events (`SYN_DROPPED`): the code that is being typed is damaged up to its end key or to
    /// the next pause that is told. The lost keys may have been its first, so that holds where none was seen too.
    pub fn dropped(&mut self) {
        self.break_off("the kernel lost keys of this code");
        self.held = Held::default();
        self.prelude = None;
        self.number = None;
        self.last = None;
    }

    /// Says that no event came for [`KeyboardFramer::gap_ms`]: that ends a code where the definition says so, else half
    /// a code is given up. Keys that are still held, and Caps Lock, are forgotten: a scanner that did not say that it let
    /// go of Shift must not garble its next code. What it pressed last, before any character, it goes on holding for a
    /// second.
    pub fn pause(&mut self, items: &mut Vec<Item>) {
        if self.is_pending() {
            if self.number.is_some() {
                self.break_off("an Alt number without its end");
            } else if !self.settings.gap_ends {
                self.break_off("half a code, then a pause");
            }
            // a code that begins with its prefix can't be the rest of another
            let may_go_on = !self.settings.gap_ends && self.settings.prefix.is_empty();
            self.rest = self.last.filter(|_| may_go_on).map(|last| last.saturating_add(self.gap + REST));
            self.finish(items);
        }
        if self.prelude.is_none() {
            self.held = Held::default();
        }
        self.caps = false;
        self.ended = false;
        self.last = None;
    }

    fn break_off(&mut self, why: &'static str) {
        self.fault.get_or_insert(why);
    }

    fn modifier(&mut self, event: KeyEvent) {
        let had_alt = self.alt();
        if event.value == 1 && had_alt && self.number.is_some() {
            self.break_off("an Alt number without its end");
            self.number = None;
        }
        self.held.set(event.code, event.value == 1);
        self.prelude = self.last.filter(|_| event.value == 1 && !self.is_pending());
        if had_alt
            && !self.alt()
            && let Some(number) = self.number.take()
        {
            self.alt_number(number);
        }
    }

    /// Whether Alt is held; the right one is AltGr where the layout has that.
    fn alt(&self) -> bool {
        self.held.any(&[LEFTALT]) || (self.held.any(&[RIGHTALT]) && !self.layout.has_altgr())
    }

    /// Whether AltGr is held, or Ctrl and Alt, which is the same.
    fn altgr(&self) -> bool {
        let both = self.held.any(&[LEFTALT]) && self.held.any(&[LEFTCTRL, RIGHTCTRL]);
        self.layout.has_altgr() && (both || self.held.any(&[RIGHTALT]))
    }

    fn down(&mut self, key: Key, at: Duration, items: &mut Vec<Item>) {
        self.prelude = None;
        let ctrl = self.held.any(&[LEFTCTRL, RIGHTCTRL]);
        if self.settings.end.iter().any(|end| end.key == key && (ctrl || !end.ctrl)) {
            if self.number.is_some() {
                self.break_off("an Alt number without its end");
            }
            self.finish(items);
            self.rest = None;
            self.ended = true;
            return;
        }
        if !self.is_pending() && self.rest.take().is_some_and(|until| at <= until) {
            self.break_off("the rest of a code that had paused, or a code too soon after it");
        }
        if let Some(digit) = key.keypad_digit().filter(|_| self.alt() && !self.altgr()) {
            self.number = Some(self.number.unwrap_or(0).saturating_mul(10).saturating_add(digit));
            return;
        }
        if self.number.take().is_some() {
            self.break_off("an Alt number without its end");
        }
        if self.settings.group_separator.contains(&GroupSeparator::Key(key)) {
            self.push(Symbol::Char(GS));
            return;
        }
        match self.meaning(key, ctrl) {
            Ok(symbol) => self.push(symbol),
            Err(why) => {
                self.break_off(why);
                if key.name().is_none() {
                    self.append(&format!("<#{}>", key.0));
                }
            }
        }
    }

    fn meaning(&self, key: Key, ctrl: bool) -> Result<Symbol, &'static str> {
        let shift = self.held.any(&[LEFTSHIFT, RIGHTSHIFT]);
        if self.altgr() {
            let third = self.layout.third(key.0).filter(|_| !shift);
            return third.ok_or("AltGr with a key that has no third character; is the layout the scanner's?");
        }
        if self.alt() {
            return Err("Alt with a key that is not on the keypad; is the layout the scanner's?");
        }
        if ctrl {
            let control = self.layout.control(key.0, shift).ok_or("Ctrl with a key that has no control character")?;
            let expected = control != GS || self.settings.group_separator.contains(&GroupSeparator::CtrlBracket);
            return if expected {
                Ok(Symbol::Char(control))
            } else {
                Err("GS as ctrl-bracket, which the definition does not name")
            };
        }
        self.layout.typed(key.0, shift, self.caps).ok_or_else(|| key.without_character())
    }

    fn alt_number(&mut self, number: u32) {
        match self.settings.alt_codes.character(number) {
            Some(GS) if !self.settings.group_separator.contains(&GroupSeparator::Alt029) => {
                self.break_off("GS as alt-029, which the definition does not name");
            }
            Some(character) => self.push(Symbol::Char(character)),
            None => self.break_off("an Alt number without a character"),
        }
    }

    /// Takes what a key types.
    fn push(&mut self, symbol: Symbol) {
        let of_the_end = self.ended && matches!(symbol, Symbol::Char('\r' | '\n'));
        if of_the_end && !self.is_pending() {
            return;
        }
        self.ended = false;
        for character in self.composer.push(symbol).into_iter().flatten() {
            self.append(character.encode_utf8(&mut [0; 4]));
        }
    }

    /// Adds to the text, group separators put in; beyond the longest frame nothing more.
    fn append(&mut self, text: &str) {
        let replaced = |character| self.settings.group_separator.contains(&GroupSeparator::Char(character));
        if self.text.len() + text.len() <= FRAME_MAX {
            let text: String = text.chars().map(|character| if replaced(character) { GS } else { character }).collect();
            self.text.push_str(&text);
        } else {
            self.break_off("no end key within the longest frame");
        }
    }

    /// Ends the code: a frame, what is broken, or nothing where nothing was typed.
    fn finish(&mut self, items: &mut Vec<Item>) {
        if let Some(accent) = self.composer.flush() {
            self.append(accent.encode_utf8(&mut [0; 4]));
        }
        self.number = None;
        let text = std::mem::take(&mut self.text);
        let excerpt = |text: &str| text.chars().take(EXCERPT).collect::<String>().into_bytes();
        match (self.fault.take(), text.strip_prefix(self.settings.prefix.as_str())) {
            (Some(why), _) => items.push(Item::Broken(why, excerpt(&text))),
            (None, _) if text.is_empty() => {}
            (None, None) => items.push(Item::Broken("the prefix is missing", excerpt(&text))),
            (None, Some("")) => items.push(Item::Broken("nothing behind the prefix", excerpt(&text))),
            (None, Some(code)) => items.push(Item::Frame(code.as_bytes().to_vec())),
        }
    }
}
