//! What came out of a printer, read by other means than it was made with.

use std::io::Read;

use flate2::read::ZlibDecoder;

/// A label's dots, from the graphic fields of its ZPL.
pub struct Dots {
    pub width: usize,
    pub height: usize,
    bits: Vec<u8>,
}

fn number(text: &str, command: &str) -> usize {
    let rest = text.split(command).nth(1).unwrap_or_else(|| panic!("no {command} in the job"));
    rest.split(|character: char| !character.is_ascii_digit()).next().unwrap().parse().unwrap()
}

impl Dots {
    pub fn of_zpl(job: &[u8]) -> Dots {
        let text = std::str::from_utf8(job).unwrap();
        let (width, height) = (number(text, "^PW"), number(text, "^LL"));
        let mut bits = Vec::new();
        for field in text.split(":Z64:").skip(1) {
            let packed = data_encoding::BASE64.decode(field.split(':').next().unwrap().as_bytes()).unwrap();
            ZlibDecoder::new(packed.as_slice()).read_to_end(&mut bits).unwrap();
        }
        assert_eq!(bits.len(), width.div_ceil(8) * height);
        Dots { width, height, bits }
    }

    /// The QR codes that can be read.
    pub fn codes(&self) -> Vec<String> {
        let stride = self.width.div_ceil(8);
        let black = |x: usize, y: usize| self.bits[y * stride + x / 8] & (0x80 >> (x % 8)) != 0;
        let mut image =
            rqrr::PreparedImage::prepare_from_greyscale(
                self.width,
                self.height,
                |x, y| {
                    if black(x, y) { 0 } else { 255 }
                },
            );
        image.detect_grids().iter().filter_map(|grid| grid.decode().ok()).map(|(_, text)| text).collect()
    }
}

/// The job's number, which stands in its ZPL as a comment.
pub fn job_number(job: &[u8]) -> u32 {
    number(&String::from_utf8_lossy(job), "^FXjob ") as u32
}
