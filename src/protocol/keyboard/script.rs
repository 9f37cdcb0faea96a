//! Keys in writing, for vectors, tests and simulated scanners: `LEFTSHIFT+W B 1 @124 2 ENTER`.

use std::time::Duration;

use serde::{Deserialize, Deserializer};

use super::framer::KeyboardFramer;
use super::keys::{Key, KeyEvent};
use crate::protocol::framer::Item;

/// How long after an event the next one comes, as measured at a scanner.
const STEP: Duration = Duration::from_millis(1);

/// What happens at a keyboard.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum KeyStep {
    /// A key moves.
    Key(KeyEvent),
    /// Nothing happens for this long.
    Wait(Duration),
    /// The kernel says that it lost events.
    Dropped,
}

/// Keys in writing.
///
/// Names as in the kernel without `KEY_`, `#240` for a key by its code, spaces between them. `LEFTSHIFT+W` holds the
/// modifiers while the other keys are pressed one after another (`LEFTALT+KP0+KP2+KP9`). `A:down`, `A:up` and
/// `A:repeat` are single events, `@124` a pause in milliseconds, `DROPPED` lost events.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct KeyScript(pub Vec<KeyStep>);

impl KeyScript {
    /// Reads keys in writing.
    ///
    /// # Errors
    /// The word that is none.
    pub fn parse(text: &str) -> Result<KeyScript, String> {
        let mut steps = Vec::new();
        for word in text.split_whitespace() {
            parse_word(word, &mut steps).ok_or_else(|| format!("\"{word}\" is neither a key nor a pause"))?;
        }
        Ok(KeyScript(steps))
    }

    /// Plays the keys to a framer, an event each millisecond from `start` on, and tells it of each pause that is long
    /// enough, as a device does. Gives what the framer made of them and the time after the last.
    pub fn play(&self, framer: &mut KeyboardFramer, start: Duration) -> (Vec<Item>, Duration) {
        let (mut items, mut at) = (Vec::new(), start);
        for step in &self.0 {
            match step {
                KeyStep::Key(event) => {
                    framer.key(*event, at, &mut items);
                    at += STEP;
                }
                KeyStep::Wait(time) => {
                    at += *time;
                    if framer.is_pending() && *time >= Duration::from_millis(framer.gap_ms()) {
                        framer.pause(&mut items);
                    }
                }
                KeyStep::Dropped => framer.dropped(),
            }
        }
        (items, at)
    }
}

fn parse_word(word: &str, steps: &mut Vec<KeyStep>) -> Option<()> {
    if let Some(time) = word.strip_prefix('@') {
        steps.push(KeyStep::Wait(Duration::from_millis(u64::from(time.parse::<u32>().ok()?))));
    } else if word == "DROPPED" {
        steps.push(KeyStep::Dropped);
    } else if let Some((name, way)) = word.split_once(':') {
        let value = ["up", "down", "repeat"].iter().position(|known| *known == way)?;
        let value = i32::try_from(value).ok()?;
        steps.push(KeyStep::Key(KeyEvent { code: Key::named(name)?.0, value }));
    } else {
        let keys: Vec<Key> = word.split('+').map(Key::named).collect::<Option<_>>()?;
        let alone = keys.len() == 1;
        let held: Vec<u16> = keys.iter().filter(|key| key.is_modifier() && !alone).map(|key| key.0).collect();
        let pressed = keys.iter().filter(|key| alone || !key.is_modifier());
        steps.extend(held.iter().map(|code| KeyStep::Key(KeyEvent::down(*code))));
        steps.extend(pressed.flat_map(|key| [KeyEvent::down(key.0), KeyEvent::up(key.0)]).map(KeyStep::Key));
        steps.extend(held.iter().rev().map(|code| KeyStep::Key(KeyEvent::up(*code))));
    }
    Some(())
}

impl<'de> Deserialize<'de> for KeyScript {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        KeyScript::parse(&String::deserialize(deserializer)?).map_err(serde::de::Error::custom)
    }
}
