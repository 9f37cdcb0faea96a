//! Labels, pure: a template is filled with a record and laid out in dots. Nothing is clipped: what does not fit, is
//! missing or can't be set is an error that names the element.
//!
//! ```text
//! Template ──(record, words, masks)──▶ Filled ──(resolution, metrics, encoder, pictures)──▶ Layout
//! ```

mod bitmap;
mod check;
mod error;
mod fill;
mod geometry;
mod layout;
mod mask;
mod pattern;
mod picture;
mod record;
mod script;
mod template;
mod wrap;

pub use self::bitmap::Bitmap;
pub use self::check::check;
pub use self::error::{LabelError, Problem, Trouble};
pub use self::fill::{Filled, Settings, fill};
pub use self::geometry::{Area, Resolution};
pub use self::layout::{Encoder, Item, Layout, Metrics, Modules, Picture, Symbol, TextLine, lay_out};
pub use self::mask::{MaskRule, masked};
pub use self::pattern::{Path, Pattern};
pub use self::picture::{Dither, Fit, ImageElement, PictureName, Pictures, Turn, Wanted};
pub use self::record::Value;
pub use self::template::{
    Align, BarcodeElement, BoxElement, Correction, Element, ElementRef, Elements, Kind, LineElement, Overflow,
    QrElement, Repeat, Symbology, Template, TextElement, VerticalAlign, Words,
};
