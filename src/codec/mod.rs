//! Bytes in, bytes out; one heavy crate each. No files, sockets or clock.

pub mod sheet;
