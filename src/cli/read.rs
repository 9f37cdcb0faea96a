//! `read`: which codes are in these pictures?

use std::fs::File;
use std::io::Read as _;
use std::path::{Path, PathBuf};

use data_encoding::BASE64;
use rustix::process::{Resource, Rlimit, setrlimit};
use serde::Serialize;
use serde_json::{Value, json};

use super::{Failure, say, warn};
use crate::barcode::AimId;
use crate::codec::outside::{self, LABEL_BYTES_MAX, Paper};
use crate::codec::{self, Bitmap, Limits, Symbol};
use crate::label::Resolution;

/// The most bytes of a file: a page scanned in colour at 600 dots an inch as PNG.
const FILE_MAX: usize = 64 * 1024 * 1024;

/// Memory of the process that reads a label, in bytes: an A4 page is drawn in some hundred million.
const LABEL_MEMORY: u64 = 1 << 30;
/// Seconds of a processor that it may take; a label takes a quarter of one.
const LABEL_SECONDS: u64 = 10;

/// Reads the label on standard input. A label that needs more than it may have ends this process.
pub(super) fn label_codes(format: &str) -> Result<(), Failure> {
    let bytes = bounded_input()?;
    answer(&outside::codes(format, &bytes).map_err(|error| error.to_string()))
}

/// Draws the label on standard input in dots, in the same bounds.
pub(super) fn label_dots(format: &str, dpi: u32, size_mm: [f64; 2]) -> Result<(), Failure> {
    let bytes = bounded_input()?;
    let resolution = Resolution::from_dpi(dpi).ok_or_else(|| Failure::Usage(format!("no printer has {dpi} dpi")))?;
    let drawn = outside::dots(format, &bytes, Paper { size_mm, resolution });
    let told = |page: &Bitmap| (page.width(), page.height(), BASE64.encode(page.bytes()));
    let drawn = drawn.map(|pages| pages.iter().map(told).collect::<Vec<_>>());
    answer(&drawn.map_err(|error| error.to_string()))
}

fn answer<T: Serialize>(answer: &Result<T, String>) -> Result<(), Failure> {
    say(&serde_json::to_string(answer).map_err(|error| Failure::Failed(error.to_string()))?)
}

/// Bounds this process, and reads its input.
fn bounded_input() -> Result<Vec<u8>, Failure> {
    for (resource, most) in [(Resource::Cpu, LABEL_SECONDS), (Resource::As, LABEL_MEMORY), (Resource::Core, 0)] {
        let limit = Rlimit { current: Some(most), maximum: Some(most) };
        setrlimit(resource, limit).map_err(|error| Failure::Failed(error.to_string()))?;
    }
    let mut bytes = Vec::new();
    let input = std::io::stdin().take(LABEL_BYTES_MAX as u64 + 1).read_to_end(&mut bytes);
    input.map_err(|error| Failure::Failed(error.to_string()))?;
    Ok(bytes)
}

/// Reads each picture; one that can't be read is told and the others go on.
pub(super) fn read(files: &[PathBuf]) -> Result<(), Failure> {
    let mut failed = 0;
    for file in files {
        match symbols(file) {
            Ok(symbols) if symbols.is_empty() => warn(&format!("{}: no code was found", file.display())),
            Ok(symbols) => {
                for symbol in &symbols {
                    say(&line(file, symbol).to_string())?;
                }
            }
            Err(why) => {
                failed += 1;
                warn(&format!("{}: {why}", file.display()));
            }
        }
    }
    match failed {
        0 => Ok(()),
        1 => Err(Failure::Failed("a picture could not be read".into())),
        _ => Err(Failure::Failed(format!("{failed} pictures could not be read"))),
    }
}

fn symbols(file: &Path) -> Result<Vec<Symbol>, String> {
    let limits = Limits { bytes: FILE_MAX, ..Limits::default() };
    let mut bytes = Vec::new();
    let opened = File::open(file).map_err(|error| error.to_string())?;
    opened.take(FILE_MAX as u64 + 1).read_to_end(&mut bytes).map_err(|error| error.to_string())?;
    codec::read(&bytes, &limits).map_err(|error| format!("{error}; {}", error.hint()))
}

fn line(file: &Path, symbol: &Symbol) -> Value {
    let mut line = json!({
        "file": file.to_string_lossy(),
        "symbology": AimId::split(&symbol.aim).map(|(aim, _)| aim.symbology()),
        "text": String::from_utf8_lossy(&symbol.text),
        "bounds": symbol.rounded_bounds(),
    });
    if std::str::from_utf8(&symbol.text).is_err() {
        line["data_base64"] = data_encoding::BASE64.encode(&symbol.text).into();
    }
    line
}
