//! QR codes out of texts.

use fast_qr::{ECL, QRBuilder, Version};

use crate::label::{Correction, Modules};

/// Longest content in bytes. Codes of labels are shorter than a tenth of this; what is longer, no hand scanner reads
/// from a label.
const CONTENT_MAX: usize = 1_000;

/// Modules of version 1. It has no alignment pattern, and readers that have to guess its fourth corner lose it when the
/// print is blurred; version 2 costs four modules.
const SMALLEST: usize = 21;

/// The modules of a QR code, in the smallest version from 2 on that holds the content.
///
/// # Errors
/// The content is longer than a QR code of a label may be.
pub fn encode(content: &str, correction: Correction) -> Result<Modules, String> {
    if content.len() > CONTENT_MAX {
        return Err(format!("a QR code of {} bytes is longer than the {CONTENT_MAX} of a label", content.len()));
    }
    let level = match correction {
        Correction::L => ECL::L,
        Correction::M => ECL::M,
        Correction::Q => ECL::Q,
        Correction::H => ECL::H,
    };
    let made = |builder: &QRBuilder| builder.build().map_err(|error| format!("the content fits no QR code: {error}"));
    let mut builder = QRBuilder::new(content);
    let mut code = made(builder.ecl(level))?;
    if code.size == SMALLEST {
        code = made(builder.version(Version::V02))?;
    }
    let side = code.size;
    let dark = (0..side).flat_map(|row| code[row][..side].iter().map(|module| module.value())).collect();
    Ok(Modules::new(side as u32, dark))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn short_upper_case_codes_take_small_versions() {
        assert_eq!(encode("WB:L:1042.1.2:7K3M", Correction::M).map(|modules| modules.columns()), Ok(25));
        assert!(encode(&"x".repeat(CONTENT_MAX + 1), Correction::L).is_err());
        assert!(encode("张三", Correction::H).is_ok());
    }
}
