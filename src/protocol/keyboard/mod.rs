//! Scanners that act as a keyboard: key events to codes, without a keyboard at hand.
//!
//! A [`Layout`] says what the keys type, [`KeyboardSettings`] how the scanner is set, and a [`KeyboardFramer`] made of
//! both takes the kernel's events. A code that is damaged, or has a key without a character, comes out as broken and
//! never shortened. [`retypings`] says what a code would have been, had the scanner been set
//! to another layout.

mod compose;
mod framer;
mod keys;
mod layout;
mod script;
mod settings;
mod wrong;

pub use self::framer::{KEYBOARD_GAP_MS, KeyboardFramer};
pub use self::keys::{Key, KeyEvent, Keystroke};
pub use self::layout::{Layout, LayoutError};
pub use self::script::{KeyScript, KeyStep};
pub use self::settings::{AltCodes, EndKey, GroupSeparator, KeyboardSettings};
pub use self::wrong::retypings;
