//! Rows of a sheet become things: which column is what, what a cell says, and which rows make one thing.
//!
//! Nothing is guessed: what can't be read refuses its row, and with it the whole thing that the row belongs to, because
//! an order that lacks a line would be packed as complete.

mod assembly;
mod build;
mod fields;
mod headers;
mod row;
mod value;
mod words;

pub use assembly::{Assembly, Entry, Node, Outcome, PARTS_MAX, Refusal, Survey};
pub use fields::{Field, Kind, Level, Shape};
pub use headers::{Columns, Dictionary, DictionaryError, HEADER_ROWS, KNOWN_LEAST, Unrecognised, nearest};
pub use row::{Cell, Merged, Row};
pub use words::Words;
