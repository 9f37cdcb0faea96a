//! Pictures of a template: which file, where it goes, and how its greys become black and white. The dots come from
//! whoever has the files.

use std::sync::Arc;

use serde::Deserialize;

use super::bitmap::Bitmap;
use super::pattern::Path;

/// Longest name of a picture's file, in characters: what file systems take in any script.
const NAME_MAX: usize = 80;
/// The endings of the files that can be unpacked.
const ENDINGS: [&str; 5] = [".png", ".jpg", ".jpeg", ".bmp", ".webp"];
/// Darkest and lightest grey that may divide black from white, as a fraction of white: beyond them a picture is blank or
/// black.
pub(super) const THRESHOLDS: std::ops::RangeInclusive<f64> = 0.05..=0.95;

/// A picture file beside its template. The name leads to no other folder.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Deserialize)]
#[serde(try_from = "String")]
pub struct PictureName(String);

impl PictureName {
    /// The file's name.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl std::fmt::Display for PictureName {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        out.write_str(&self.0)
    }
}

impl TryFrom<String> for PictureName {
    type Error = String;

    fn try_from(name: String) -> Result<Self, Self::Error> {
        let is_plain = |character: char| character.is_alphanumeric() || matches!(character, '-' | '_' | '.');
        let lower = name.to_ascii_lowercase();
        match name.as_str() {
            plain if !plain.chars().all(is_plain) || plain.starts_with('.') => Err(format!(
                "\"{}\" is no picture beside the template; name a file in the same folder, without spaces or slashes",
                name.escape_debug()
            )),
            long if long.chars().count() > NAME_MAX => {
                Err(format!("the name has more than {NAME_MAX} characters; call the file otherwise"))
            }
            _ if !ENDINGS.iter().any(|ending| lower.len() > ending.len() && lower.ends_with(ending)) => {
                Err(format!("\"{name}\" is no picture; save it as .png, .jpg, .bmp or .webp"))
            }
            _ => Ok(PictureName(name)),
        }
    }
}

/// How a picture fills its box.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Fit {
    /// The whole of it, as large as it can be, in the middle.
    #[default]
    Contain,
    /// The whole box; what stands over on two sides is cut off.
    Cover,
    /// The whole of it in the whole box; its proportions are lost.
    Stretch,
}

/// How greys become black and white.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Dither {
    /// What is darker than the threshold is black: for drawings and logos.
    #[default]
    None,
    /// A regular pattern (Bayer's matrix of eight by eight): for areas of grey.
    Ordered,
    /// What a dot is too dark or too light goes to its neighbours (Floyd and Steinberg): for photographs.
    Diffuse,
}

/// By how much a picture is turned, clockwise.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Deserialize)]
#[serde(try_from = "u32")]
pub enum Turn {
    /// Not at all.
    #[default]
    Upright,
    /// By 90°: its upper edge is on the right.
    Right,
    /// By 180°.
    Over,
    /// By 270°: its upper edge is on the left.
    Left,
}

impl TryFrom<u32> for Turn {
    type Error = String;

    fn try_from(degrees: u32) -> Result<Self, Self::Error> {
        Ok(match degrees {
            0 => Turn::Upright,
            90 => Turn::Right,
            180 => Turn::Over,
            270 => Turn::Left,
            other => return Err(format!("a picture is turned by 0, 90, 180 or 270 degrees, not by {other}")),
        })
    }
}

/// A picture in a box.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ImageElement {
    /// Upper left corner.
    pub at: [f64; 2],
    /// Width and height of the box.
    pub size: [f64; 2],
    /// The file, beside the template.
    pub file: PictureName,
    /// How it fills the box.
    #[serde(default)]
    pub fit: Fit,
    /// By how many degrees it is turned, clockwise.
    #[serde(default)]
    pub rotate: Turn,
    /// How its greys become black and white.
    #[serde(default)]
    pub dither: Dither,
    /// Without dithering: what is darker than this fraction of white is black.
    #[serde(default = "half")]
    pub threshold: f64,
    /// Draw it only where this field is there and not blank.
    pub when: Option<Path>,
}

fn half() -> f64 {
    0.5
}

impl ImageElement {
    /// How it is wanted in a box of so many dots.
    #[must_use]
    pub fn wanted(&self, width: u32, height: u32) -> Wanted {
        // the cast saturates, and makes 0 of what is no number
        let threshold = (self.threshold * 255.0).round() as u8;
        Wanted { width, height, fit: self.fit, rotate: self.rotate, dither: self.dither, threshold }
    }
}

/// How a picture is wanted in dots.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Wanted {
    /// Dots across that it may take.
    pub width: u32,
    /// Dots down that it may take.
    pub height: u32,
    /// How it fills them.
    pub fit: Fit,
    /// By how much it is turned first.
    pub rotate: Turn,
    /// How its greys become black and white.
    pub dither: Dither,
    /// Without dithering: the darkest grey that is white, of 255.
    pub threshold: u8,
}

/// Has the pictures of a template as dots.
pub trait Pictures {
    /// A picture, no larger than it is wanted.
    ///
    /// # Errors
    /// Why there is none.
    fn dots(&self, name: &PictureName, wanted: Wanted) -> Result<Arc<Bitmap>, String>;
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_picture_lies_beside_its_template() {
        for right in ["logo.png", "向上.PNG", "a-b_c.1.jpeg", "x.webp"] {
            assert!(PictureName::try_from(right.to_owned()).is_ok(), "{right}");
        }
        let long = format!("{}.png", "x".repeat(80));
        for wrong in [
            "",
            ".png",
            "../logo.png",
            "/etc/logo.png",
            "a/b.png",
            "a\\b.png",
            "logo",
            "logo.gif",
            "a b.png",
            "..",
            &long,
        ] {
            assert!(PictureName::try_from(wrong.to_owned()).is_err(), "{wrong}");
        }
        assert!(Turn::try_from(90).is_ok() && Turn::try_from(45).is_err());
    }
}
