//! How scanners talk, without touching a wire: definitions as data, framing, and the bytes that make a scanner beep.
//!
//! A [`Definition`] comes from one TOML file of `firmware-protocols/`. A [`Framer`] made from it takes bytes in
//! whatever pieces they arrive and answers whole frames, broken ones, and bytes to send back at once. Memory is
//! bounded, and after noise or half a frame it finds its way back. A scanner that acts as a keyboard is read keystroke by
//! keystroke, by the [`Layout`] that it is set to; a HID POS scanner report by report, as its descriptor says.

mod bcc;
mod definition;
mod dmcc;
mod draft;
mod framer;
mod glob;
pub mod hid_pos;
mod keyboard;
mod line;
mod matching;
mod packets;
mod replies;
mod ssi;
mod stx;
mod unmarked;

pub use self::definition::{
    Definition, Feedback, Flow, Framing, HexBytes, Lrc, Parity, SerialSettings, Setup, SetupName, SetupSymbology,
    SsiLayout, Symbology, Vector, VectorFile,
};
pub use self::draft::draft;
pub use self::framer::{Framer, Item};
pub use self::glob::Glob;
pub use self::keyboard::{
    AltCodes, EndKey, GroupSeparator, KEYBOARD_GAP_MS, Key, KeyEvent, KeyScript, KeyStep, KeyboardFramer,
    KeyboardSettings, Keystroke, Layout, LayoutError, retypings,
};
pub use self::matching::{Ambiguous, Collision, Fit, Identity, Input, Match, UsbId, choose, collisions};
pub use self::replies::Reply;

/// The longest frame, in bytes: more than a QR code of version 40 holds, with room for prefixes.
pub const FRAME_MAX: usize = crate::barcode::SCAN_MAX + 256;

/// A pause after which half a packet is given up, in milliseconds, unless a definition says otherwise. Scanners send
/// without pauses; radio bases and USB hubs were seen to pause for some 120 ms.
pub const GAP_MS: u64 = 300;
