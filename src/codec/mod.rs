//! Bytes in, bytes out: workbooks and text tables, fonts and codes as dots, labels as PDF, PNG, ZPL and TSPL, codes in
//! pictures. One heavy crate each.
//!
//! Only a label whose codes were read back from its own dots ([`Proved`]) can be written, and what a printer gets are
//! those dots, unless its profile says that it draws codes and letters by itself (`native`).

pub mod code128;
pub mod code39;
pub mod dots_pdf;
pub mod font;
pub mod json;
mod native;
pub mod outside;
pub mod pdf;
pub mod picture;
pub mod png;
pub mod proof;
pub mod qr;
pub mod raster;
pub mod read;
pub mod shape;
pub mod sheet;
pub mod tspl;
pub mod tspl_native;
pub mod zpl;
pub mod zpl_native;

pub use self::dots_pdf::dots_pdf;
pub use self::font::{FontError, FontFile, Fonts};
pub use self::pdf::{PdfError, Subsets, pdf};
pub use self::picture::{PICTURE_LIMITS, Picture};
pub use self::png::png;
pub use self::proof::{Proved, Sheets, Unproved, prove};
pub use self::read::{Limits, ReadError, Symbol, read};
pub use self::tspl::{TsplSettings, tspl};
pub use self::tspl_native::{PrinterFont, tspl_native};
pub use self::zpl::{Compression, ZplSettings, zpl};
pub use self::zpl_native::zpl_native;

pub use crate::label::Bitmap;

use crate::label::{Correction, Encoder, Modules, Symbology};

/// The encoders of this program.
#[derive(Clone, Copy, Debug, Default)]
pub struct Encoders;

impl Encoder for Encoders {
    fn qr(&self, content: &str, correction: Correction) -> Result<Modules, String> {
        qr::encode(content, correction)
    }

    fn barcode(&self, content: &str, symbology: Symbology) -> Result<Modules, String> {
        match symbology {
            Symbology::Code128 => code128::encode(content, false),
            Symbology::Gs1Code128 => code128::encode(content, true),
            Symbology::Code39 => code39::encode(content),
        }
    }
}
