//! How scanners talk, without touching a wire: definitions as data, framing, and the bytes that make a scanner beep.
//!
//! A [`Definition`] comes from one TOML file of `firmware-protocols/`. A [`Framer`] made from it takes bytes in
//! whatever pieces they arrive (of a HID scanner, report by report) and answers whole frames, broken ones, and bytes to
//! send back at once. Memory is bounded, and after noise or half a frame it finds its way back.

mod definition;
mod framer;
pub mod hid_pos;
mod line;
mod ssi;
mod stx;

pub use self::definition::{
    Definition, Feedback, Flow, Framing, HexBytes, Lrc, Parity, SerialSettings, SsiLayout, Symbology, Vector,
    VectorFile,
};
pub use self::framer::{Framer, Item};

/// The longest frame, in bytes: more than a QR code of version 40 holds, with room for prefixes.
pub const FRAME_MAX: usize = crate::barcode::SCAN_MAX + 256;

/// A pause after which half a packet is given up, in milliseconds, unless a definition says otherwise. Scanners send
/// without pauses; radio bases and USB hubs were seen to pause for some 120 ms.
pub const GAP_MS: u64 = 300;
