//! What a definition says about a keyboard scanner: layout, end, prefix, group separator, Alt numbers.

use serde::{Deserialize, Deserializer};

use super::keys::{ENTER, KPENTER, Key};

/// How a scanner that acts as a keyboard is set.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(default, deny_unknown_fields, rename_all = "kebab-case")]
pub struct KeyboardSettings {
    /// The layout that the scanner is set to: a file of `firmware-protocols/layouts/`.
    pub layout: String,
    /// What ends a code.
    pub end: Vec<EndKey>,
    /// Whether a pause ends a code too; else it gives the half code up.
    pub gap_ends: bool,
    /// What must stand before each code.
    pub prefix: String,
    /// What stands for the group separator (GS, 1D). A way to send it that is not named here breaks the code.
    pub group_separator: Vec<GroupSeparator>,
    /// What Alt and a number above 127 mean.
    pub alt_codes: AltCodes,
}

impl Default for KeyboardSettings {
    fn default() -> Self {
        KeyboardSettings {
            layout: "us".to_owned(),
            end: vec![EndKey { key: Key(ENTER), ctrl: false }, EndKey { key: Key(KPENTER), ctrl: false }],
            gap_ends: false,
            prefix: String::new(),
            group_separator: vec![GroupSeparator::CtrlBracket, GroupSeparator::Alt029],
            alt_codes: AltCodes::Windows1252,
        }
    }
}

/// A key that ends a code: `enter`, `kp-enter`, `tab`, or with Ctrl held `ctrl-m`, `ctrl-j` (the key's place on a
/// United States keyboard).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct EndKey {
    /// The key.
    pub key: Key,
    /// Whether Ctrl is held with it.
    pub ctrl: bool,
}

impl<'de> Deserialize<'de> for EndKey {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let name = String::deserialize(deserializer)?;
        let (plain, ctrl) = name.strip_prefix("ctrl-").map_or((name.as_str(), false), |plain| (plain, true));
        match Key::named(plain) {
            Some(key) if !key.is_modifier() && !key.is_ignored() => Ok(EndKey { key, ctrl }),
            Some(_) => Err(serde::de::Error::custom(format!("the key \"{name}\" can't end a code"))),
            None => Err(serde::de::Error::custom(format!("there is no key \"{name}\""))),
        }
    }
}

/// A way to send the group separator, for which no keyboard has a key.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum GroupSeparator {
    /// `ctrl-bracket`: Ctrl and the key that is `]` on a United States keyboard.
    CtrlBracket,
    /// `alt-029`: Alt and 29 on the keypad.
    Alt029,
    /// A function or cursor key: `f8`, `f12`, `down`, `home`.
    Key(Key),
    /// A character that the scanner sends instead: `|`, `~`, `^`.
    Char(char),
}

impl<'de> Deserialize<'de> for GroupSeparator {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        let mut characters = text.chars();
        match (text.as_str(), characters.next(), characters.next()) {
            ("ctrl-bracket", ..) => Ok(GroupSeparator::CtrlBracket),
            ("alt-029", ..) => Ok(GroupSeparator::Alt029),
            (_, Some(character), None)
                if !character.is_alphanumeric() && !character.is_control() && !character.is_whitespace() =>
            {
                Ok(GroupSeparator::Char(character))
            }
            _ => Key::named(&text).filter(|key| is_spare(*key)).map(GroupSeparator::Key).ok_or_else(|| {
                serde::de::Error::custom(format!(
                    "\"{text}\" is no group separator: write ctrl-bracket, alt-029, a function or cursor key, or one \
                     character that is neither letter nor digit"
                ))
            }),
        }
    }
}

/// Function keys 1 to 24, and the cursor block from Home to Delete.
fn is_spare(key: Key) -> bool {
    matches!(key.0, 59..=68 | 87 | 88 | 183..=194 | 102..=111)
}

/// What Alt and a number above 127 on the keypad mean. Up to 127 it is ASCII in any case.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
pub enum AltCodes {
    /// `windows-1252`: the code page of western Windows, 128 to 255.
    #[default]
    #[serde(rename = "windows-1252")]
    Windows1252,
    /// `unicode`: the code point.
    #[serde(rename = "unicode")]
    Unicode,
}

/// What stands at 80 to 9F in code page 1252; five places are empty.
#[rustfmt::skip]
const WINDOWS_1252: [Option<char>; 32] = [
    Some('€'), None, Some('‚'), Some('ƒ'), Some('„'), Some('…'), Some('†'), Some('‡'),
    Some('ˆ'), Some('‰'), Some('Š'), Some('‹'), Some('Œ'), None, Some('Ž'), None,
    None, Some('‘'), Some('’'), Some('“'), Some('”'), Some('•'), Some('–'), Some('—'),
    Some('˜'), Some('™'), Some('š'), Some('›'), Some('œ'), None, Some('ž'), Some('Ÿ'),
];

impl AltCodes {
    /// The character of a number.
    pub(super) fn character(self, number: u32) -> Option<char> {
        match (self, number) {
            (AltCodes::Windows1252, 0x80..=0x9F) => WINDOWS_1252[number as usize - 0x80],
            (AltCodes::Windows1252, 0x100..) => None,
            _ => char::from_u32(number),
        }
    }
}
