//! How large a workbook is once it is unpacked: measured by unpacking it into nothing, as what it says of itself may be a
//! lie.

use std::io::{Cursor, Read};

use zip::ZipArchive;
use zip::result::ZipError;

use super::SheetError;

/// Bytes of all parts unpacked: a sheet with as many rows as there can be has half of it. Sheets are read cell by cell,
/// so this is time and not memory.
pub const UNPACKED_MAX: u64 = 2 * 1024 * 1024 * 1024;

/// Bytes of a part that is held as a whole, above all the texts that cells share: a million orders have a tenth of it.
pub const HELD_MAX: u64 = 128 * 1024 * 1024;

/// Parts of a workbook: far more than any has with its pictures.
const PARTS_MAX: usize = 10_000;

/// Least bytes that a shared text takes: what a workbook says of their number is believed no further.
const TEXT_LEAST: u64 = 8;

/// Bytes at the beginning of the shared texts in which their number stands.
const HEAD: usize = 4 * 1024;

/// Checks that a workbook can be read without more memory than it should have.
pub(super) fn check(bytes: &[u8]) -> Result<(), SheetError> {
    let mut archive = ZipArchive::new(Cursor::new(bytes)).map_err(SheetError::Archive)?;
    if archive.len() > PARTS_MAX {
        return Err(SheetError::TooManyParts);
    }
    let mut all = 0;
    let mut piece = vec![0; 64 * 1024];
    for index in 0..archive.len() {
        let mut part = match archive.by_index(index) {
            Ok(part) => part,
            Err(ZipError::UnsupportedArchive(ZipError::PASSWORD_REQUIRED)) => return Err(SheetError::Password),
            Err(error) => return Err(SheetError::Archive(error)),
        };
        let name = part.name().map_err(SheetError::Archive)?.to_lowercase();
        let mut head = Vec::new();
        let mut size = 0;
        loop {
            let read = part.read(&mut piece).map_err(|error| SheetError::Archive(error.into()))?;
            if read == 0 {
                break;
            }
            size += read as u64;
            all += read as u64;
            head.extend_from_slice(&piece[..read.min(HEAD.saturating_sub(head.len()))]);
            if all > UNPACKED_MAX || (size > HELD_MAX && !name.contains("worksheets/")) {
                return Err(SheetError::Unpacked { part: name });
            }
        }
        if name.ends_with("sharedstrings.xml") && said_texts(&head).is_some_and(|texts| texts > size / TEXT_LEAST) {
            return Err(SheetError::Unpacked { part: name });
        }
    }
    Ok(())
}

/// How many texts the shared ones are by their own word: the reader makes room for so many at once.
fn said_texts(head: &[u8]) -> Option<u64> {
    let text = String::from_utf8_lossy(head);
    let (_, rest) = text.split_once("uniqueCount")?;
    let digits: String = rest.chars().skip_while(|c| !c.is_ascii_digit()).take_while(char::is_ascii_digit).collect();
    // a number that is too long for a number is too large for anything
    Some(digits.parse().unwrap_or(u64::MAX))
}
