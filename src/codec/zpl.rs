//! Labels for ZPL II printers: their dots as graphic fields, in bands. No text of a label stands in the job, so none
//! of it can be a command.

use std::borrow::Cow;
use std::io::Write as _;

use data_encoding::BASE64;
use flate2::Compression as Level;
use flate2::write::ZlibEncoder;

use super::Bitmap;
use super::proof::Sheets;

/// Most bytes of a graphic field: its parameters go to 99,999 (ZPL II guide, `^GF`).
pub const BAND_MAX: usize = 99_999;

/// How the dots are packed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Compression {
    /// Deflate in base64 (`:Z64:`), the smallest.
    #[default]
    Deflate,
    /// Runs of hexadecimal digits, which clones understand too.
    RunLength,
}

/// How a printer wants its jobs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ZplSettings {
    /// How the dots are packed.
    pub compression: Compression,
    /// How often each page is printed.
    pub copies: u32,
    /// Most bytes of a band, at most [`BAND_MAX`].
    pub band: usize,
    /// Whether the page comes out the other way up.
    pub turned: bool,
    /// The length of the page in thousandths of what it should be, for a feed that is too short or too long.
    pub feed_permille: u32,
    /// The number of the print job, as a comment that the printer skips.
    pub job: Option<u32>,
}

impl Default for ZplSettings {
    fn default() -> Self {
        ZplSettings {
            compression: Compression::default(),
            copies: 1,
            band: BAND_MAX,
            turned: false,
            feed_permille: 1_000,
            job: None,
        }
    }
}

/// The job for a printer: one format a page.
#[must_use]
pub fn zpl<'p>(label: impl Into<Sheets<'p>>, settings: ZplSettings) -> Vec<u8> {
    let mut job = String::new();
    for page in label.into().pages() {
        let page = match settings.feed_permille {
            1_000 => Cow::Borrowed(page),
            permille => Cow::Owned(page.scaled(permille)),
        };
        format(&page, settings, &mut job);
    }
    job.into_bytes()
}

fn format(page: &Bitmap, settings: ZplSettings, job: &mut String) {
    head(page.width(), page.height(), settings, job);
    graphic((0, 0), page.stride(), page.bytes(), settings, job);
    foot(settings, job);
}

/// What comes before the fields. What a former job may have left behind is set back: a page upside down, mirrored or
/// white on black (ZPL II guide: they hold until they are changed).
pub(super) fn head(width: u32, height: u32, settings: ZplSettings, job: &mut String) {
    let way = if settings.turned { 'I' } else { 'N' };
    job.push_str(&format!("^XA\n^PW{width}\n^LL{height}\n^LH0,0\n^PO{way}^PMN^LRN\n"));
    if let Some(number) = settings.job {
        job.push_str(&format!("^FXjob {number}^FS\n"));
    }
}

/// Dots at a place, in as many fields as their length wants.
pub(super) fn graphic((x, y): (u32, u32), stride: usize, rows: &[u8], settings: ZplSettings, job: &mut String) {
    let stride = stride.max(1);
    let band = (settings.band.min(BAND_MAX) / stride).max(1);
    for (number, bytes) in rows.chunks(band * stride).enumerate() {
        let deflated = match settings.compression {
            Compression::Deflate => deflated(bytes).ok(),
            Compression::RunLength => None,
        };
        let packed = deflated.unwrap_or_else(|| run_lengths(bytes, stride));
        let (top, size) = (y as usize + number * band, bytes.len());
        job.push_str(&format!("^FO{x},{top}^GFA,{size},{size},{stride},{packed}^FS\n"));
    }
}

/// What comes after the fields.
pub(super) fn foot(settings: ZplSettings, job: &mut String) {
    job.push_str(&format!("^PQ{},0,1,Y\n^XZ\n", settings.copies.max(1)));
}

fn deflated(bytes: &[u8]) -> std::io::Result<String> {
    let mut encoder = ZlibEncoder::new(Vec::new(), Level::best());
    encoder.write_all(bytes)?;
    let text = BASE64.encode(&encoder.finish()?);
    let check = crc16(text.as_bytes());
    Ok(format!(":Z64:{text}:{check:04X}"))
}

/// CRC-16 with the polynomial 0x1021 and the start value 0, over the base64 text.
fn crc16(bytes: &[u8]) -> u16 {
    bytes.iter().fold(0, |crc, byte| {
        (0..8).fold(
            crc ^ (u16::from(*byte) << 8),
            |crc, _| if crc & 0x8000 == 0 { crc << 1 } else { (crc << 1) ^ 0x1021 },
        )
    })
}

/// ZPL's alternative compression: `G` to `Y` stand for 1 to 19 digits, `g` to `z` for 20 to 400 in twenties; `,` fills the
/// row with white, `!` with black, `:` repeats the row above.
fn run_lengths(bytes: &[u8], stride: usize) -> String {
    let mut packed = String::new();
    let mut above: Option<&[u8]> = None;
    for row in bytes.chunks(stride) {
        if above == Some(row) {
            packed.push(':');
        } else {
            pack_row(row, &mut packed);
        }
        above = Some(row);
    }
    packed
}

fn pack_row(row: &[u8], packed: &mut String) {
    let digits: Vec<u8> = row.iter().flat_map(|byte| [byte >> 4, byte & 15]).collect();
    let runs: Vec<&[u8]> = digits.chunk_by(|one, other| one == other).collect();
    for (at, run) in runs.iter().enumerate() {
        match (run[0], at + 1 == runs.len()) {
            (0, true) => packed.push(','),
            (15, true) => packed.push('!'),
            (digit, _) => {
                let mut left = run.len();
                while left > 0 {
                    let twenties = (left / 20).min(20);
                    let ones = if twenties == 20 { 0 } else { left % 20 };
                    if twenties > 0 {
                        packed.push(char::from(b'f' + twenties as u8));
                    }
                    if ones > 0 && (ones > 1 || twenties > 0) {
                        packed.push(char::from(b'F' + ones as u8));
                    }
                    packed.push(char::from_digit(u32::from(digit), 16).unwrap_or('0').to_ascii_uppercase());
                    left -= twenties * 20 + ones;
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn runs_of_digits_are_counted() {
        let mut row = vec![0xAA; 15];
        row.extend([0xF0, 0, 0]);
        assert_eq!(run_lengths(&row, 18), "gPAF,");
        let two = [0x12, 0xFF, 0x12, 0xFF, 0, 0];
        assert_eq!(run_lengths(&two, 2), "12!:,");
        assert_eq!(run_lengths(&[0x11, 0x11, 0x10], 3), "K1,");
    }

    #[test]
    fn the_check_is_the_one_of_xmodem() {
        assert_eq!(crc16(b"123456789"), 0x31C3);
    }
}
