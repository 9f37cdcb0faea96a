//! Patterns with `*` and `?`, as people write them for names.

use serde::Deserialize;

/// A pattern for a whole text: `*` is any text, `?` one character, `\` takes the next character as it stands. Upper
/// and lower case of ASCII letters are the same, as devices are not constant in it.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
pub struct Glob(String);

enum Token {
    Any,
    One,
    Char(char),
}

impl Glob {
    /// A pattern.
    #[must_use]
    pub fn new(pattern: impl Into<String>) -> Glob {
        Glob(pattern.into())
    }

    /// The pattern as it was written.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Whether the whole text fits.
    #[must_use]
    pub fn fits(&self, text: &str) -> bool {
        let (pattern, text) = (self.tokens(), text.chars().collect::<Vec<_>>());
        let (mut at, mut read) = (0, 0);
        // where to go on when what followed the last `*` did not fit: the `*` takes one character more
        let mut retry: Option<(usize, usize)> = None;
        while read < text.len() {
            match pattern.get(at) {
                Some(Token::Any) => {
                    retry = Some((at, read));
                    at += 1;
                    continue;
                }
                Some(Token::One) => {}
                Some(Token::Char(wanted)) if wanted.eq_ignore_ascii_case(&text[read]) => {}
                _ => match &mut retry {
                    Some((star, from)) => {
                        *from += 1;
                        (at, read) = (*star + 1, *from);
                        continue;
                    }
                    None => return false,
                },
            }
            at += 1;
            read += 1;
        }
        pattern[at..].iter().all(|token| matches!(token, Token::Any))
    }

    /// Whether there is a text that fits both.
    pub(super) fn overlaps(&self, other: &Glob) -> bool {
        let (one, two) = (self.tokens(), other.tokens());
        // from the ends backwards: whether what follows these two places can be one text
        let mut after = vec![false; two.len() + 1];
        for at in (0..=one.len()).rev() {
            let mut here = vec![false; two.len() + 1];
            for with in (0..=two.len()).rev() {
                here[with] = match (one.get(at), two.get(with)) {
                    (None, None) => true,
                    (Some(Token::Any), _) => after[with] || (with < two.len() && here[with + 1]),
                    (_, Some(Token::Any)) => here[with + 1] || (at < one.len() && after[with]),
                    (None, _) | (_, None) => false,
                    (Some(Token::Char(one)), Some(Token::Char(two))) => {
                        one.eq_ignore_ascii_case(two) && after[with + 1]
                    }
                    _ => after[with + 1],
                };
            }
            after = here;
        }
        after[0]
    }

    /// How many characters it fixes: a measure of how much it says.
    pub(super) fn weight(&self) -> usize {
        self.tokens().iter().filter(|token| matches!(token, Token::Char(_))).count()
    }

    fn tokens(&self) -> Vec<Token> {
        let mut tokens = Vec::new();
        let mut rest = self.0.chars();
        while let Some(character) = rest.next() {
            tokens.push(match character {
                '*' => Token::Any,
                '?' => Token::One,
                '\\' => Token::Char(rest.next().unwrap_or('\\')),
                other => Token::Char(other),
            });
        }
        tokens
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn stars_question_marks_and_letters() {
        for (pattern, text, fits) in [
            ("*", "", true),
            ("", "", true),
            ("", "a", false),
            ("Zebra*", "zebra DS2208", true),
            ("*DS*08*", "Zebra DS2208-SR", true),
            ("*DS*08", "Zebra DS2208-SR", false),
            ("a?c", "abc", true),
            ("a?c", "ac", false),
            ("*a*a*", "xaxa", true),
            ("*aab", "aaaab", true),
            (r"\?9*;", "?99;", true),
            (r"\?9*;", "!99;", false),
            ("扫描枪?", "扫描枪一", true),
        ] {
            assert_eq!(Glob::new(pattern).fits(text), fits, "{pattern} on {text}");
        }
    }

    #[test]
    fn two_patterns_overlap_where_one_text_fits_both() {
        for (one, two, overlap) in [
            ("", "", true),
            ("", "*", true),
            ("*", "x", true),
            ("a*", "*b", true),
            ("a*", "b*", false),
            ("?", "**", true),
            ("?", "", false),
            ("Zebra DS*", "zebra*08", true),
            ("Zebra DS*", "Zebra LS*", false),
            ("*a?", "b*a", true),
            (r"\*", "?", true),
            (r"\*", "x", false),
            ("a*b*c", "a*c*b", false),
        ] {
            assert_eq!(Glob::new(one).overlaps(&Glob::new(two)), overlap, "{one} and {two}");
            assert_eq!(Glob::new(two).overlaps(&Glob::new(one)), overlap, "{two} and {one}");
        }
    }

    #[test]
    fn weight_counts_what_is_fixed() {
        assert_eq!(Glob::new(r"a*\?b?").weight(), 3);
    }
}
