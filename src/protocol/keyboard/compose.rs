//! Dead keys: an accent that is typed first and joins the letter behind it.

/// What a key of a layout types.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Symbol {
    /// A character.
    Char(char),
    /// An accent that waits for its letter.
    Dead(char),
}

/// Each accent with its pairs of letter and accented letter, those of Latin-1 and Latin Extended-A.
const PAIRS: [(char, &str); 12] = [
    ('´', "aácćeéiílĺnńoórŕsśuúyýzźAÁCĆEÉIÍLĹNŃOÓRŔSŚUÚYÝZŹ"),
    ('`', "aàeèiìoòuùAÀEÈIÌOÒUÙ"),
    ('^', "aâcĉeêgĝhĥiîjĵoôsŝuûwŵyŷAÂCĈEÊGĜHĤIÎJĴOÔSŜUÛWŴYŶ"),
    ('¨', "aäeëiïoöuüyÿAÄEËIÏOÖUÜYŸ"),
    ('ˇ', "cčdďeělľnňrřsštťzžCČDĎEĚLĽNŇRŘSŠTŤZŽ"),
    ('~', "aãiĩnñoõuũAÃIĨNÑOÕUŨ"),
    ('°', "aåuůAÅUŮ"),
    ('¸', "cçgģkķlļnņrŗsştţCÇGĢKĶLĻNŅRŖSŞTŢ"),
    ('˛', "aąeęiįuųAĄEĘIĮUŲ"),
    ('˘', "aăeĕgğiĭoŏuŭAĂEĔGĞIĬOŎUŬ"),
    ('˙', "cċeėgġzżCĊEĖGĠIİZŻ"),
    ('˝', "oőuűOŐUŰ"),
];

/// The pairs of an accent; none where it is no dead key.
pub(super) fn pairs(accent: char) -> Option<impl Iterator<Item = (char, char)>> {
    let (_, pairs) = PAIRS.iter().find(|(dead, _)| *dead == accent)?;
    Some(pairs.chars().step_by(2).zip(pairs.chars().skip(1).step_by(2)))
}

/// What an accent and the character behind it become, if they join.
fn joined(accent: char, base: char) -> Option<char> {
    pairs(accent)?.find(|(letter, _)| *letter == base).map(|(_, whole)| whole)
}

/// Joins accents with letters. What does not join gives both, as on Windows; a space gives the accent alone.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Composer {
    waiting: Option<char>,
}

impl Composer {
    /// Takes what a key types and gives the characters that it makes: none, one or two.
    pub(super) fn push(&mut self, symbol: Symbol) -> [Option<char>; 2] {
        match (self.waiting.take(), symbol) {
            (None, Symbol::Char(character)) => [Some(character), None],
            (None, Symbol::Dead(accent)) => {
                self.waiting = Some(accent);
                [None, None]
            }
            (Some(accent), Symbol::Char(' ')) => [Some(accent), None],
            (Some(accent), Symbol::Char(base)) => match joined(accent, base) {
                Some(whole) => [Some(whole), None],
                None => [Some(accent), Some(base)],
            },
            (Some(accent), Symbol::Dead(other)) => [Some(accent), Some(other)],
        }
    }

    /// The accent that found no letter.
    pub(super) fn flush(&mut self) -> Option<char> {
        self.waiting.take()
    }

    pub(super) fn is_waiting(self) -> bool {
        self.waiting.is_some()
    }
}
