//! The terminal: the one place where commands write to it. What comes from outside may hold characters by which a
//! terminal is steered; they are shown, never sent.

use std::borrow::Cow;
use std::io::Write as _;

use super::Failure;

/// Whether a terminal acts on a character: controls of both tables, and what turns the direction of writing.
fn steers(character: char) -> bool {
    character.is_control()
        || matches!(character, '\u{200e}' | '\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
}

/// A text as one line that does nothing but show it. Written as JSON does, so that JSON stays what it is.
fn shown(text: &str) -> Cow<'_, str> {
    if !text.contains(steers) {
        return text.into();
    }
    let mut plain = String::with_capacity(text.len());
    for character in text.chars() {
        if steers(character) {
            plain.push_str(&format!("\\u{:04x}", u32::from(character)));
        } else {
            plain.push(character);
        }
    }
    plain.into()
}

/// Writes a line to standard output; a reader that went away ends the command quietly.
pub(super) fn say(line: &str) -> Result<(), Failure> {
    writeln!(std::io::stdout(), "{}", shown(line)).map_err(|error| Failure::failed(&error))
}

/// Writes a text of several lines to standard output.
pub(super) fn say_lines(text: &str) -> Result<(), Failure> {
    text.split('\n').try_for_each(say)
}

/// Writes a text, of one line or several, to standard error; nothing can be done if nobody reads it.
pub(super) fn warn(text: &str) {
    let lines: Vec<Cow<'_, str>> = text.split('\n').map(shown).collect();
    drop(writeln!(std::io::stderr(), "waybind: {}", lines.join("\n")));
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_steers_a_terminal_is_shown() {
        let told = "订单 SO-1\u{1b}[2J\u{9b}A\nSO-2\u{202e}\u{7f}\tx 😀";
        assert_eq!(shown(told), "订单 SO-1\\u001b[2J\\u009bA\\u000aSO-2\\u202e\\u007f\\u0009x 😀");
        assert!(matches!(shown("订单 SO-1 created"), Cow::Borrowed(_)));
        let json = serde_json::json!({"id": "a\u{9b}\u{1b}"});
        let back: Result<serde_json::Value, _> = serde_json::from_str(&shown(&json.to_string()));
        assert_eq!(back.ok(), Some(json));
    }
}
