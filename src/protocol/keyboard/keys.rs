//! The keys of a keyboard: their codes and names as the Linux kernel has them in `input-event-codes.h`, without `KEY_`.

use serde::{Deserialize, Deserializer};

pub(super) const ESC: u16 = 1;
pub(super) const DIGIT_2: u16 = 3;
pub(super) const DIGIT_6: u16 = 7;
pub(super) const MINUS: u16 = 12;
pub(super) const BACKSPACE: u16 = 14;
pub(super) const TAB: u16 = 15;
pub(super) const LEFTBRACE: u16 = 26;
pub(super) const RIGHTBRACE: u16 = 27;
pub(super) const ENTER: u16 = 28;
pub(super) const LEFTCTRL: u16 = 29;
pub(super) const LEFTSHIFT: u16 = 42;
pub(super) const BACKSLASH: u16 = 43;
pub(super) const RIGHTSHIFT: u16 = 54;
pub(super) const LEFTALT: u16 = 56;
pub(super) const SPACE: u16 = 57;
pub(super) const CAPSLOCK: u16 = 58;
pub(super) const KPENTER: u16 = 96;
pub(super) const RIGHTCTRL: u16 = 97;
pub(super) const RIGHTALT: u16 = 100;
pub(super) const LINEFEED: u16 = 101;

/// What the keys of the numeric keypad type, whether Num Lock is on or not: a scanner that uses them means digits.
pub(super) const KEYPAD: [(u16, char); 17] = [
    (82, '0'),
    (79, '1'),
    (80, '2'),
    (81, '3'),
    (75, '4'),
    (76, '5'),
    (77, '6'),
    (71, '7'),
    (72, '8'),
    (73, '9'),
    (55, '*'),
    (74, '-'),
    (78, '+'),
    (83, '.'),
    (98, '/'),
    (117, '='),
    (121, ','),
];

/// A press, a release or a repetition of a key.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct KeyEvent {
    /// The key: `KEY_*` of the kernel's `input-event-codes.h`.
    pub code: u16,
    /// 0: released, 1: pressed, 2: repeated by the kernel because it is held.
    pub value: i32,
}

impl KeyEvent {
    /// A press.
    #[must_use]
    pub fn down(code: u16) -> Self {
        KeyEvent { code, value: 1 }
    }

    /// A release.
    #[must_use]
    pub fn up(code: u16) -> Self {
        KeyEvent { code, value: 0 }
    }
}

/// What the kernel says of a keyboard, in three bytes: as it goes through traces and a [`Framer`](crate::protocol::Framer).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Keystroke {
    /// A key moved.
    Key(KeyEvent),
    /// Keys moved faster than they were read; some are lost.
    Lost,
}

/// The bytes of [`Keystroke::Lost`]: no key has this number.
const LOST: [u8; 3] = [0xFF; 3];

impl Keystroke {
    /// The key's number, the highest byte first, then what it did.
    #[must_use]
    pub fn to_bytes(self) -> [u8; 3] {
        match self {
            Keystroke::Key(KeyEvent { code, value }) => {
                let [high, low] = code.to_be_bytes();
                [high, low, value.clamp(0, 2) as u8]
            }
            Keystroke::Lost => LOST,
        }
    }

    /// What three bytes say; none if they are no keystroke.
    #[must_use]
    pub fn from_bytes(bytes: &[u8]) -> Option<Keystroke> {
        match *bytes {
            [0xFF, 0xFF, 0xFF] => Some(Keystroke::Lost),
            [high, low, value @ 0..=2] => {
                Some(Keystroke::Key(KeyEvent { code: u16::from_be_bytes([high, low]), value: value.into() }))
            }
            _ => None,
        }
    }
}

/// A key by its name: `kp-enter`, `f8`, `KPENTER` and `F8` are the kernel's `KEY_KPENTER` and `KEY_F8`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Key(pub u16);

impl Key {
    /// The key of a name; `#240` is the key with this code.
    #[must_use]
    pub fn named(name: &str) -> Option<Key> {
        if let Some(code) = name.strip_prefix('#') {
            return code.parse().ok().map(Key);
        }
        let plain = name.replace('-', "").to_ascii_uppercase();
        KEYS.iter().find(|key| key.1 == plain).map(|key| Key(key.0))
    }

    /// Its name in the kernel, without `KEY_`.
    #[must_use]
    pub fn name(self) -> Option<&'static str> {
        self.entry().map(|key| key.1)
    }

    /// Why it can't stand in a code.
    pub(super) fn without_character(self) -> &'static str {
        self.entry().map_or("a key without a name stands for no character", |key| key.2)
    }

    fn entry(self) -> Option<&'static (u16, &'static str, &'static str)> {
        KEYS.iter().find(|key| key.0 == self.0)
    }

    /// Whether it types a digit of the numeric keypad, and which.
    pub(super) fn keypad_digit(self) -> Option<u32> {
        KEYPAD.iter().find(|(code, _)| *code == self.0).and_then(|(_, character)| character.to_digit(10))
    }

    /// Whether it only changes what other keys mean.
    pub(super) fn is_modifier(self) -> bool {
        matches!(self.0, LEFTCTRL | RIGHTCTRL | LEFTSHIFT | RIGHTSHIFT | LEFTALT | RIGHTALT)
    }

    /// Whether it is no part of any code: the Windows and Fn keys, the locks, sound, playing and brightness.
    pub(super) fn is_ignored(self) -> bool {
        matches!(self.0, 125 | 126 | 464 | 58 | 69 | 70 | 113..=115 | 163..=168 | 200 | 201 | 207 | 208 | 224..=226 | 248)
    }
}

impl<'de> Deserialize<'de> for Key {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let name = String::deserialize(deserializer)?;
        Key::named(&name).ok_or_else(|| serde::de::Error::custom(format!("there is no key \"{name}\"")))
    }
}

macro_rules! keys {
    ($($code:literal $name:literal,)*) => {
        &[$(($code, $name, concat!("the key ", $name, " stands for no character"))),*]
    };
}

/// Code, name, and what is wrong with it in a code.
#[rustfmt::skip]
const KEYS: &[(u16, &str, &str)] = keys! {
    1 "ESC", 2 "1", 3 "2", 4 "3", 5 "4", 6 "5", 7 "6", 8 "7", 9 "8", 10 "9", 11 "0", 12 "MINUS", 13 "EQUAL",
    14 "BACKSPACE", 15 "TAB", 16 "Q", 17 "W", 18 "E", 19 "R", 20 "T", 21 "Y", 22 "U", 23 "I", 24 "O", 25 "P",
    26 "LEFTBRACE", 27 "RIGHTBRACE", 28 "ENTER", 29 "LEFTCTRL", 30 "A", 31 "S", 32 "D", 33 "F", 34 "G", 35 "H",
    36 "J", 37 "K", 38 "L", 39 "SEMICOLON", 40 "APOSTROPHE", 41 "GRAVE", 42 "LEFTSHIFT", 43 "BACKSLASH", 44 "Z",
    45 "X", 46 "C", 47 "V", 48 "B", 49 "N", 50 "M", 51 "COMMA", 52 "DOT", 53 "SLASH", 54 "RIGHTSHIFT",
    55 "KPASTERISK", 56 "LEFTALT", 57 "SPACE", 58 "CAPSLOCK", 59 "F1", 60 "F2", 61 "F3", 62 "F4", 63 "F5", 64 "F6",
    65 "F7", 66 "F8", 67 "F9", 68 "F10", 69 "NUMLOCK", 70 "SCROLLLOCK", 71 "KP7", 72 "KP8", 73 "KP9", 74 "KPMINUS",
    75 "KP4", 76 "KP5", 77 "KP6", 78 "KPPLUS", 79 "KP1", 80 "KP2", 81 "KP3", 82 "KP0", 83 "KPDOT",
    85 "ZENKAKUHANKAKU", 86 "102ND", 87 "F11", 88 "F12", 89 "RO", 90 "KATAKANA", 91 "HIRAGANA", 92 "HENKAN",
    93 "KATAKANAHIRAGANA", 94 "MUHENKAN", 95 "KPJPCOMMA", 96 "KPENTER", 97 "RIGHTCTRL", 98 "KPSLASH", 99 "SYSRQ",
    100 "RIGHTALT", 101 "LINEFEED", 102 "HOME", 103 "UP", 104 "PAGEUP", 105 "LEFT", 106 "RIGHT", 107 "END",
    108 "DOWN", 109 "PAGEDOWN", 110 "INSERT", 111 "DELETE", 112 "MACRO", 113 "MUTE", 114 "VOLUMEDOWN",
    115 "VOLUMEUP", 116 "POWER", 117 "KPEQUAL", 118 "KPPLUSMINUS", 119 "PAUSE", 120 "SCALE", 121 "KPCOMMA",
    122 "HANGEUL", 123 "HANJA", 124 "YEN", 125 "LEFTMETA", 126 "RIGHTMETA", 127 "COMPOSE", 128 "STOP", 129 "AGAIN",
    130 "PROPS", 131 "UNDO", 132 "FRONT", 133 "COPY", 134 "OPEN", 135 "PASTE", 136 "FIND", 137 "CUT", 138 "HELP",
    139 "MENU", 140 "CALC", 141 "SETUP", 142 "SLEEP", 143 "WAKEUP", 144 "FILE", 145 "SENDFILE", 146 "DELETEFILE",
    147 "XFER", 148 "PROG1", 149 "PROG2", 150 "WWW", 151 "MSDOS", 152 "COFFEE", 153 "ROTATE_DISPLAY",
    154 "CYCLEWINDOWS", 155 "MAIL", 156 "BOOKMARKS", 157 "COMPUTER", 158 "BACK", 159 "FORWARD", 160 "CLOSECD",
    161 "EJECTCD", 162 "EJECTCLOSECD", 163 "NEXTSONG", 164 "PLAYPAUSE", 165 "PREVIOUSSONG", 166 "STOPCD",
    167 "RECORD", 168 "REWIND", 169 "PHONE", 170 "ISO", 171 "CONFIG", 172 "HOMEPAGE", 173 "REFRESH", 174 "EXIT",
    175 "MOVE", 176 "EDIT", 177 "SCROLLUP", 178 "SCROLLDOWN", 179 "KPLEFTPAREN", 180 "KPRIGHTPAREN", 181 "NEW",
    182 "REDO", 183 "F13", 184 "F14", 185 "F15", 186 "F16", 187 "F17", 188 "F18", 189 "F19", 190 "F20", 191 "F21",
    192 "F22", 193 "F23", 194 "F24", 200 "PLAYCD", 201 "PAUSECD", 202 "PROG3", 203 "PROG4", 204 "ALL_APPLICATIONS",
    205 "SUSPEND", 206 "CLOSE", 207 "PLAY", 208 "FASTFORWARD", 209 "BASSBOOST", 210 "PRINT", 211 "HP", 212 "CAMERA",
    213 "SOUND", 214 "QUESTION", 215 "EMAIL", 216 "CHAT", 217 "SEARCH", 218 "CONNECT", 219 "FINANCE", 220 "SPORT",
    221 "SHOP", 222 "ALTERASE", 223 "CANCEL", 224 "BRIGHTNESSDOWN", 225 "BRIGHTNESSUP", 226 "MEDIA",
    227 "SWITCHVIDEOMODE", 228 "KBDILLUMTOGGLE", 229 "KBDILLUMDOWN", 230 "KBDILLUMUP", 231 "SEND", 232 "REPLY",
    233 "FORWARDMAIL", 234 "SAVE", 235 "DOCUMENTS", 236 "BATTERY", 237 "BLUETOOTH", 238 "WLAN", 239 "UWB",
    240 "UNKNOWN", 241 "VIDEO_NEXT", 242 "VIDEO_PREV", 243 "BRIGHTNESS_CYCLE", 244 "BRIGHTNESS_AUTO",
    245 "DISPLAY_OFF", 246 "WWAN", 247 "RFKILL", 248 "MICMUTE", 464 "FN",
};
