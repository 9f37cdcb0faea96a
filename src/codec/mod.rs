//! Pictures and what is in them: bytes in, bytes out.

pub mod read;

pub use self::read::{Limits, ReadError, Symbol, read};
