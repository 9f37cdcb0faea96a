//! Code 39 out of texts (ISO/IEC 16388), without check character, for the set-up codes of scanners that want it.

use crate::label::Modules;

const CHARACTERS: &[u8; 44] = b"0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ-. $/+%*";

/// Bars and spaces of each character, bar first; 1 is wide.
const ELEMENTS: [&str; 44] = [
    "000110100",
    "100100001",
    "001100001",
    "101100000",
    "000110001",
    "100110000",
    "001110000",
    "000100101",
    "100100100",
    "001100100",
    "100001001",
    "001001001",
    "101001000",
    "000011001",
    "100011000",
    "001011000",
    "000001101",
    "100001100",
    "001001100",
    "000011100",
    "100000011",
    "001000011",
    "101000010",
    "000010011",
    "100010010",
    "001010010",
    "000000111",
    "100000110",
    "001000110",
    "000010110",
    "110000001",
    "011000001",
    "111000000",
    "010010001",
    "110010000",
    "011010000",
    "010000101",
    "110000100",
    "011000100",
    "010101000",
    "010100010",
    "010001010",
    "000101010",
    "010010100",
];

/// Longest content in characters; set-up codes are shorter.
const CONTENT_MAX: usize = 40;
/// Modules of a wide bar or space.
const WIDE: usize = 3;

/// The modules of a Code 39 symbol.
///
/// # Errors
/// A character that Code 39 does not have, or too many, or none.
pub fn encode(content: &str) -> Result<Modules, String> {
    if content.is_empty() || content.len() > CONTENT_MAX {
        return Err(format!("a Code 39 has 1 to {CONTENT_MAX} characters"));
    }
    let mut dark = Vec::new();
    for byte in [b'*'].into_iter().chain(content.bytes()).chain([b'*']) {
        let is_content_star = byte == b'*' && content.contains('*');
        let at = CHARACTERS.iter().position(|known| *known == byte).filter(|_| !is_content_star);
        let at = at.ok_or_else(|| format!("Code 39 can't hold \"{content}\""))?;
        if !dark.is_empty() {
            dark.push(false);
        }
        for (index, element) in ELEMENTS[at].bytes().enumerate() {
            dark.extend(std::iter::repeat_n(index % 2 == 0, if element == b'1' { WIDE } else { 1 }));
        }
    }
    Ok(Modules::new(dark.len() as u32, dark))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_character_has_three_wide_elements_and_its_own_pattern() {
        let unique: std::collections::BTreeSet<&str> = ELEMENTS.into_iter().collect();
        assert_eq!(unique.len(), ELEMENTS.len());
        assert!(ELEMENTS.iter().all(|elements| elements.bytes().filter(|element| *element == b'1').count() == 3));
        assert_eq!(encode("A").map(|modules| modules.columns()), Ok(3 * 15 + 2));
        assert!(encode("a").is_err() && encode("A*").is_err() && encode("").is_err());
    }
}
