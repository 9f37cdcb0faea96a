//! Which characters can be set one after another from left to right, and which can't.

use super::error::Trouble;

/// A text as it can be set: one space for any white space, nothing for characters without ink.
///
/// # Errors
/// A control character, or a script whose letters are joined, stacked or written from the right.
pub(super) fn settable(text: &str) -> Result<String, Trouble> {
    let mut set = String::with_capacity(text.len());
    for character in text.chars() {
        match character {
            white if white.is_whitespace() => {
                if !set.is_empty() && !set.ends_with(' ') {
                    set.push(' ');
                }
            }
            control if control.is_control() => return Err(Trouble::Control { character }),
            inkless if is_inkless(inkless) => {}
            joined if wants_shaping(joined) => return Err(Trouble::Script { character }),
            other => set.push(other),
        }
    }
    set.truncate(set.trim_end().len());
    Ok(set)
}

/// Marks of direction, joiners, variation selectors, the byte order mark: shops' texts are full of them, and from left to
/// right they say nothing.
fn is_inkless(character: char) -> bool {
    matches!(character,
        '\u{00AD}' | '\u{200B}'..='\u{200F}' | '\u{202A}'..='\u{202E}' | '\u{2060}'..='\u{2069}'
        | '\u{FE00}'..='\u{FE0F}' | '\u{FEFF}')
}

/// Scripts that want a shaping engine (Unicode blocks), and combining marks.
fn wants_shaping(character: char) -> bool {
    matches!(character,
        '\u{0300}'..='\u{036F}' // combining marks
        | '\u{0590}'..='\u{08FF}' // Hebrew, Arabic, Syriac, Thaana and their extensions
        | '\u{0900}'..='\u{109F}' // the scripts of India, Thai, Lao, Tibetan, Myanmar
        | '\u{1780}'..='\u{18AF}' // Khmer, Mongolian
        | '\u{1AB0}'..='\u{1AFF}' | '\u{1DC0}'..='\u{1DFF}' | '\u{20D0}'..='\u{20FF}' // more combining marks
        | '\u{A8E0}'..='\u{A8FF}' | '\u{FB1D}'..='\u{FDFF}' | '\u{FE20}'..='\u{FE2F}' | '\u{FE70}'..='\u{FEFE}'
        | '\u{10800}'..='\u{10FFF}' | '\u{11000}'..='\u{11FFF}' | '\u{1E800}'..='\u{1EFFF}')
}

/// Whether a line may break on both sides of the character, as in Chinese and Japanese.
pub(super) fn is_wide(character: char) -> bool {
    matches!(character,
        '\u{2E80}'..='\u{A4CF}' | '\u{AC00}'..='\u{D7A3}' | '\u{F900}'..='\u{FAFF}' | '\u{FE30}'..='\u{FE4F}'
        | '\u{FF00}'..='\u{FFEF}' | '\u{20000}'..='\u{3FFFF}')
}

/// Punctuation that no line begins with.
pub(super) fn closes(character: char) -> bool {
    "!%),.:;?]}¢°’”‰′″℃、。々〉》」』】〕〗〞﹚﹜！＂％＇），．：；？］｝～…—".contains(character)
}

/// Punctuation that no line ends with.
pub(super) fn opens(character: char) -> bool {
    "$(£¥[{‘“〈《「『【〔〖〝（［｛￡￥".contains(character)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn white_space_is_one_space_and_marks_without_ink_go() {
        assert_eq!(settable("  a\r\n\t b\u{200B}\u{202A}c ").as_deref(), Ok("a bc"));
        assert_eq!(settable("全角\u{3000}空格").as_deref(), Ok("全角 空格"));
    }

    #[test]
    fn what_can_not_be_set_is_named() {
        assert_eq!(settable("a\u{1b}"), Err(Trouble::Control { character: '\u{1b}' }));
        assert_eq!(settable("שלום"), Err(Trouble::Script { character: 'ש' }));
        assert_eq!(settable("مرحبا"), Err(Trouble::Script { character: 'م' }));
        assert_eq!(settable("e\u{301}"), Err(Trouble::Script { character: '\u{301}' }));
    }
}
