//! Why a scanned string can't be read: a code for programs, and the place of the offending character.

use serde::{Deserialize, Serialize};

/// What is wrong with a scanned string.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum DecodeErrorCode {
    /// Nothing was scanned.
    Empty,
    /// The bytes are no UTF-8 text.
    InvalidUtf8,
    /// Longer than any barcode.
    TooLarge,
    /// `]` that no symbology identifier follows.
    InvalidAim,
    /// An application identifier that GS1 has not assigned.
    UnknownAi,
    /// The value is shorter than its identifier demands.
    TooShort,
    /// The value is longer than its identifier allows.
    TooLong,
    /// A character outside the character set.
    InvalidCharacter,
    /// The check digit does not match.
    CheckDigit,
    /// The pair of check characters does not match.
    CheckPair,
    /// No such day.
    InvalidDate,
    /// Characters are fine, the content is not: an unassigned country, a piece beyond the total.
    InvalidContent,
    /// The same identifier twice with different values.
    RepeatedAi,
    /// More identifiers than any symbol holds.
    TooManyElements,
    /// A separator where a value or identifier should be.
    MisplacedSeparator,
    /// The Digital Link URI is malformed.
    InvalidUri,
    /// A Digital Link key, qualifier or attribute stands where it must not.
    MisplacedKey,
}

impl DecodeErrorCode {
    /// The name as it stands in JSON.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Empty => "empty",
            Self::InvalidUtf8 => "invalid_utf8",
            Self::TooLarge => "too_large",
            Self::InvalidAim => "invalid_aim",
            Self::UnknownAi => "unknown_ai",
            Self::TooShort => "too_short",
            Self::TooLong => "too_long",
            Self::InvalidCharacter => "invalid_character",
            Self::CheckDigit => "check_digit",
            Self::CheckPair => "check_pair",
            Self::InvalidDate => "invalid_date",
            Self::InvalidContent => "invalid_content",
            Self::RepeatedAi => "repeated_ai",
            Self::TooManyElements => "too_many_elements",
            Self::MisplacedSeparator => "misplaced_separator",
            Self::InvalidUri => "invalid_uri",
            Self::MisplacedKey => "misplaced_key",
        }
    }

    fn explanation(self) -> &'static str {
        match self {
            Self::Empty => "nothing was scanned",
            Self::InvalidUtf8 => "the bytes are no UTF-8 text",
            Self::TooLarge => "longer than any barcode",
            Self::InvalidAim => "no symbology identifier follows the bracket",
            Self::UnknownAi => "no such GS1 application identifier",
            Self::TooShort => "the value is too short",
            Self::TooLong => "the value is too long",
            Self::InvalidCharacter => "a character that may not stand here",
            Self::CheckDigit => "the check digit does not match",
            Self::CheckPair => "the check characters do not match",
            Self::InvalidDate => "no such date",
            Self::InvalidContent => "the content is not valid",
            Self::RepeatedAi => "the same identifier with two different values",
            Self::TooManyElements => "too many elements",
            Self::MisplacedSeparator => "a separator with nothing before it",
            Self::InvalidUri => "the Digital Link is malformed",
            Self::MisplacedKey => "this key may not stand here in a Digital Link",
        }
    }
}

/// A code and an offset, cheap enough for the parser's inner loop.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Fault {
    /// What is wrong.
    pub code: DecodeErrorCode,
    /// Where, in bytes from the start of what was checked.
    pub offset: usize,
}

impl Fault {
    pub(super) const fn new(code: DecodeErrorCode, offset: usize) -> Self {
        Fault { code, offset }
    }

    /// The same fault seen from a text that starts `earlier` bytes before.
    pub(super) const fn after(self, earlier: usize) -> Self {
        Fault { code: self.code, offset: self.offset + earlier }
    }
}

/// Why a scanned string can't be read.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, thiserror::Error)]
#[error("{message} (at character {offset})")]
pub struct DecodeError {
    /// For programs.
    pub code: DecodeErrorCode,
    /// For people.
    pub message: String,
    /// The offending character, in bytes from the start of the scanned string, symbology identifier included.
    pub offset: usize,
}

impl From<Fault> for DecodeError {
    fn from(fault: Fault) -> Self {
        DecodeError { code: fault.code, message: fault.code.explanation().to_owned(), offset: fault.offset }
    }
}
