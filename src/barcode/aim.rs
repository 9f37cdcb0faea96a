//! AIM symbology identifiers, ISO/IEC 15424: `]`, a letter for the symbology, a modifier for its options.

/// A symbology identifier as a scanner sends it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct AimId {
    /// The code letter.
    pub letter: u8,
    /// The modifier, 0-9 or A-Z.
    pub modifier: u8,
}

/// What the reader did with a symbol's own check character.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CheckCharacter {
    /// The modifier says nothing of it.
    Unsaid,
    /// Verified and transmitted.
    Verified,
    /// Verified and taken off.
    Stripped,
}

impl AimId {
    /// Splits an identifier off the front of a scan; `]Y<n>` is followed by n more characters that belong to it.
    #[must_use]
    pub fn split(text: &str) -> Option<(AimId, &str)> {
        let [b']', letter, modifier, ..] = *text.as_bytes() else { return None };
        let known = symbology(letter, modifier).is_some();
        let modifier_known = modifier.is_ascii_digit() || modifier.is_ascii_uppercase();
        let extra = if letter == b'Y' { usize::from(modifier.wrapping_sub(b'0')) } else { 0 };
        let rest = text.get(3 + extra..)?;
        (known && modifier_known).then_some((AimId { letter, modifier }, rest))
    }

    /// The symbology's name, lower case with hyphens; a GS1 variant where the modifier says so.
    #[must_use]
    pub fn symbology(self) -> &'static str {
        symbology(self.letter, self.modifier).unwrap_or("other")
    }

    /// Whether the symbol carries a GS1 element string.
    #[must_use]
    pub fn is_gs1(self) -> bool {
        matches!(
            (self.letter, self.modifier),
            (b'C' | b'J' | b'z', b'1') | (b'e', _) | (b'd', b'2' | b'5' | b'8') | (b'Q', b'3' | b'4') | (b'h', b'2')
        )
    }

    /// Whether the symbol carries an EAN, UPC or, for ITF, a checked number.
    #[must_use]
    pub fn is_article_number(self) -> bool {
        matches!((self.letter, self.modifier), (b'E', b'0' | b'3' | b'4') | (b'X', b'0'))
    }

    /// What became of the check character. ISO counts options, vendors add them up (`]A3` is Zebra's way of writing
    /// ISO's `]A2`): both readings are known.
    #[must_use]
    pub fn check_character(self) -> CheckCharacter {
        match (self.letter, self.modifier) {
            (b'A', b'1' | b'5') | (b'I' | b'R' | b'S', b'1') | (b'F', b'2') | (b'H', b'0' | b'1') | (b'M', b'0') => {
                CheckCharacter::Verified
            }
            (b'A', b'2' | b'3' | b'6' | b'7')
            | (b'I' | b'R' | b'S', b'2' | b'3')
            | (b'F', b'3' | b'4')
            | (b'H', b'3')
            | (b'M', b'1') => CheckCharacter::Stripped,
            _ => CheckCharacter::Unsaid,
        }
    }
}

impl std::fmt::Display for AimId {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(out, "]{}{}", char::from(self.letter), char::from(self.modifier))
    }
}

fn symbology(letter: u8, modifier: u8) -> Option<&'static str> {
    Some(match (letter, modifier) {
        (b'A', _) => "code-39",
        (b'B', _) => "telepen",
        (b'C', b'1') => "gs1-128",
        (b'C', _) => "code-128",
        (b'D', _) => "code-one",
        (b'E', b'4') => "ean-8",
        (b'E', b'1') => "ean-addon-2",
        (b'E', b'2') => "ean-addon-5",
        (b'E', _) => "ean-13",
        (b'F', _) => "codabar",
        (b'G', _) => "code-93",
        (b'H', _) => "code-11",
        (b'I', _) => "itf",
        (b'J', b'1') => "gs1-dotcode",
        (b'J', _) => "dotcode",
        (b'K', _) => "code-16k",
        (b'L', b'3'..=b'5') => "micro-pdf417",
        (b'L', _) => "pdf417",
        (b'M', _) => "msi",
        (b'N', _) => "anker",
        (b'O', _) => "codablock",
        (b'P', _) => "plessey",
        (b'Q', b'3' | b'4') => "gs1-qr",
        (b'Q', _) => "qr",
        (b'R', _) => "2of5-two-bar",
        (b'S', _) => "2of5",
        (b'T', _) => "code-49",
        (b'U', _) => "maxicode",
        (b'X' | b'Y', _) => "other",
        (b'Z', _) => "no-barcode",
        (b'c', _) => "channel",
        (b'd', b'2' | b'5' | b'8') => "gs1-datamatrix",
        (b'd', _) => "datamatrix",
        (b'e', b'0') => "gs1-databar",
        (b'e', _) => "gs1-composite",
        (b'h', _) => "han-xin",
        (b'o', _) => "ocr",
        (b'p', _) => "posicode",
        (b's', _) => "supercode",
        (b'z', b'1') => "gs1-aztec",
        (b'z', _) => "aztec",
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn identifiers_are_split_off_and_named() {
        let (id, rest) = AimId::split("]C10109506000134352").expect("an identifier");
        assert_eq!(
            (id.to_string().as_str(), id.symbology(), id.is_gs1(), rest),
            ("]C1", "gs1-128", true, "0109506000134352")
        );
        assert_eq!(AimId::split("]Y2ab123").map(|(_, rest)| rest), Some("123"));
        for foreign in ["]", "]C", "]?0", "]C-", "X", "]Y9a"] {
            assert_eq!(AimId::split(foreign), None, "{foreign}");
        }
    }

    #[test]
    fn both_ways_of_counting_options_are_read() {
        let of = |text| AimId::split(text).map(|(id, _)| id.check_character());
        assert_eq!(of("]A2"), Some(CheckCharacter::Stripped));
        assert_eq!(of("]A3"), Some(CheckCharacter::Stripped));
        assert_eq!(of("]A1"), Some(CheckCharacter::Verified));
        assert_eq!(of("]A0"), Some(CheckCharacter::Unsaid));
    }
}
