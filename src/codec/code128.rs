//! Code 128 and GS1-128 out of texts (ISO/IEC 15417), with as few symbol characters as possible.

use crate::label::Modules;

/// Widths of bars and spaces of each symbol character, bar first; the last one is the stop character.
const WIDTHS: [&str; 107] = [
    "212222", "222122", "222221", "121223", "121322", "131222", "122213", "122312", "132212", "221213", "221312",
    "231212", "112232", "122132", "122231", "113222", "123122", "123221", "223211", "221132", "221231", "213212",
    "223112", "312131", "311222", "321122", "321221", "312212", "322112", "322211", "212123", "212321", "232121",
    "111323", "131123", "131321", "112313", "132113", "132311", "211313", "231113", "231311", "112133", "112331",
    "132131", "113123", "113321", "133121", "313121", "211331", "231131", "213113", "213311", "213131", "311123",
    "311321", "331121", "312113", "312311", "332111", "314111", "221411", "431111", "111224", "111422", "121124",
    "121421", "141122", "141221", "112214", "112412", "122114", "122411", "142112", "142211", "241211", "221114",
    "413111", "241112", "134111", "111242", "121142", "121241", "114212", "124112", "124211", "411212", "421112",
    "421211", "212141", "214121", "412121", "111143", "111341", "131141", "114113", "114311", "411113", "411311",
    "113141", "114131", "311141", "411131", "211412", "211214", "211232", "2331112",
];

/// Longest content in characters: as GS1-128 allows, and more than any label has room for.
const CONTENT_MAX: usize = 80;
const FNC1: u8 = 102;
const STOP: u8 = 106;
/// In GS1 content, what separates elements; FNC1 in the symbol.
const GS: u8 = 0x1D;

/// The three ways to read a symbol character.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Set {
    A,
    B,
    C,
}

impl Set {
    const ALL: [Set; 3] = [Set::A, Set::B, Set::C];

    fn start(self) -> u8 {
        103 + self as u8
    }

    /// The character that changes to this set, from any other.
    fn switch(self) -> u8 {
        101 - self as u8
    }

    /// The symbol character for the next bytes, and how many it takes.
    fn take(self, rest: &[u8], gs1: bool) -> Option<(u8, usize)> {
        match (self, rest) {
            (_, [GS, ..]) if gs1 => Some((FNC1, 1)),
            (Set::A, [byte @ 0x20..=0x5F, ..]) => Some((byte - 0x20, 1)),
            (Set::A, [byte @ 0..=0x1F, ..]) => Some((byte + 0x40, 1)),
            (Set::B, [byte @ 0x20..=0x7F, ..]) => Some((byte - 0x20, 1)),
            (Set::C, [ten @ b'0'..=b'9', one @ b'0'..=b'9', ..]) => Some(((ten - b'0') * 10 + (one - b'0'), 2)),
            _ => None,
        }
    }
}

/// The modules of a Code 128 symbol; with `gs1` it begins with FNC1, and U+001D becomes FNC1.
///
/// # Errors
/// A character beyond ASCII, or too many.
pub fn encode(content: &str, gs1: bool) -> Result<Modules, String> {
    if let Some(character) = content.chars().find(|character| !character.is_ascii()) {
        return Err(format!("Code 128 has no character \"{character}\""));
    }
    if content.len() > CONTENT_MAX {
        return Err(format!("a Code 128 of {} characters is longer than {CONTENT_MAX}", content.len()));
    }
    let symbols = symbols(content.as_bytes(), gs1, &Set::ALL).ok_or("an empty Code 128")?;
    let weighted = symbols.iter().enumerate().map(|(at, symbol)| at.max(1) * usize::from(*symbol));
    let check = (weighted.sum::<usize>() % 103) as u8;
    let widths = symbols.iter().chain([&check, &STOP]).flat_map(|symbol| WIDTHS[usize::from(*symbol)].bytes());
    let mut dark = Vec::new();
    for (at, width) in widths.enumerate() {
        dark.extend(std::iter::repeat_n(at % 2 == 0, usize::from(width - b'0')));
    }
    Ok(Modules::new(dark.len() as u32, dark))
}

/// The cheapest way from a place to the end in a set: how many characters, the first one, where it leads, in which set.
#[derive(Clone, Copy)]
struct Step {
    cost: usize,
    symbol: u8,
    next: usize,
    set: Set,
}

/// The data of ZPL's `^BC` that makes a symbol as wide as that of [`encode`]: `>;` starts in set C, `>:` in set B, `>8` is
/// FNC1 (ZPL II guide, `^BC`). None where the sets change on the way, or where a sign must be written as two: printers
/// that are not the maker's, and drawing programs, get those wrong.
pub(super) fn told_in_zpl(content: &str, gs1: bool) -> Option<String> {
    let fewest = symbols(content.as_bytes(), gs1, &Set::ALL)?.len();
    let (set, symbols) = [Set::C, Set::B].into_iter().find_map(|set| {
        let symbols = symbols(content.as_bytes(), gs1, &[set])?;
        (symbols.len() == fewest).then_some((set, symbols))
    })?;
    let mut told = String::from(if set == Set::C { ">;" } else { ">:" });
    for symbol in symbols.into_iter().skip(1) {
        match (set, symbol) {
            (_, FNC1) => told.push_str(">8"),
            (Set::C, pair) => told.push_str(&format!("{pair:02}")),
            (_, character @ 0..=94) => match char::from(character + 0x20) {
                '>' | '^' | '~' => return None,
                plain => told.push(plain),
            },
            _ => return None,
        }
    }
    Some(told)
}

/// Start character and content in some sets, as few as possible: the best way is found from the end.
fn symbols(content: &[u8], gs1: bool, sets: &[Set]) -> Option<Vec<u8>> {
    let mut best: Vec<[Option<Step>; 3]> = vec![[None; 3]; content.len()];
    let cost_at = |best: &[[Option<Step>; 3]], at: usize, set: Set| {
        if at == content.len() { Some(0) } else { best.get(at)?[set as usize].map(|step| step.cost) }
    };
    for at in (0..content.len()).rev() {
        for set in sets.iter().copied() {
            best[at][set as usize] = set.take(&content[at..], gs1).and_then(|(symbol, taken)| {
                let next = at + taken;
                Some(Step { cost: cost_at(&best, next, set)? + 1, symbol, next, set })
            });
        }
        let stay = best[at];
        for set in sets.iter().copied() {
            let others = sets.iter().copied().filter(|other| *other != set);
            let change = others.filter_map(|other| {
                let cost = stay[other as usize]?.cost + 1;
                Some(Step { cost, symbol: other.switch(), next: at, set: other })
            });
            best[at][set as usize] = change.chain(stay[set as usize]).min_by_key(|step| step.cost);
        }
    }
    let mut set = sets
        .iter()
        .copied()
        .filter(|set| cost_at(&best, 0, *set).is_some())
        .min_by_key(|set| cost_at(&best, 0, *set))?;
    let mut symbols = vec![set.start()];
    symbols.extend(gs1.then_some(FNC1));
    let mut at = 0;
    while at < content.len() {
        let step = best[at][set as usize]?;
        symbols.push(step.symbol);
        (at, set) = (step.next, step.set);
    }
    (symbols.len() > 1).then_some(symbols)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn encoded(content: &str, gs1: bool) -> Vec<u8> {
        symbols(content.as_bytes(), gs1, &Set::ALL).expect("it can be encoded")
    }

    #[test]
    fn every_character_is_eleven_modules_wide_and_its_own() {
        let unique: std::collections::BTreeSet<&str> = WIDTHS.into_iter().collect();
        assert_eq!(unique.len(), WIDTHS.len());
        for (value, widths) in WIDTHS.iter().enumerate() {
            let sum: u8 = widths.bytes().map(|width| width - b'0').sum();
            assert_eq!(sum, if value == 106 { 13 } else { 11 }, "{value}");
        }
    }

    #[test]
    fn digits_go_in_pairs() {
        assert_eq!(encoded("1234", false), [105, 12, 34]);
        assert_eq!(encoded("A1234", false).len(), 5);
        assert_eq!(encoded("A12345", false).len(), 6);
        assert_eq!(encoded("00069012345678901234", true), [105, 102, 0, 6, 90, 12, 34, 56, 78, 90, 12, 34]);
        assert_eq!(encoded("a\u{1}", false), [104, 65, 101, 65]);
        assert_eq!(encoded("10A\u{1d}21B", true).iter().filter(|symbol| **symbol == FNC1).count(), 2);
    }

    #[test]
    fn zpl_is_told_what_stays_in_one_set() {
        let told = |content: &str| told_in_zpl(content, false);
        assert_eq!(told("75312345678901").as_deref(), Some(">;75312345678901"));
        assert_eq!(told("PACK-01").as_deref(), Some(">:PACK-01"));
        let gs1 = told_in_zpl("00069012345000000011", true);
        assert_eq!(gs1.as_deref(), Some(">;>800069012345000000011"));
        for other in ["SF123456", "6901234567892", "a>b", "a^b", "a~b", "A\u{1}", "a\u{7f}"] {
            assert_eq!(told(other), None, "{other}");
        }
    }

    #[test]
    fn what_code_128_does_not_have_is_refused() {
        assert!(encode("张", false).is_err() && encode("", false).is_err() && encode(&"1".repeat(81), false).is_err());
    }
}
