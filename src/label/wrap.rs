//! Breaking a text into lines.

use super::script::{closes, is_wide, opens};

/// A character with its width, as a fraction of the letters' height.
#[derive(Clone, Copy, Debug)]
pub(super) struct Wide {
    pub character: char,
    pub width: f32,
}

/// A line of a broken text.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Broken {
    pub text: String,
    /// As a fraction of the letters' height.
    pub width: f32,
}

/// Breaks a text into lines no wider than `limit`; none where a word is wider, or there are more than `most` lines.
pub(super) fn wrap(text: &[Wide], limit: f32, most: usize) -> Option<Vec<Broken>> {
    let mut lines = Vec::new();
    let mut rest = text;
    while !rest.is_empty() {
        if lines.len() == most {
            return None;
        }
        let end = line_end(rest, limit)?;
        lines.push(line(&rest[..end]));
        rest = &rest[end..];
        let spaces = rest.iter().take_while(|wide| wide.character == ' ').count();
        rest = &rest[spaces..];
    }
    Some(lines)
}

/// How many characters go on the line: up to the last place where it may break before it is full.
fn line_end(text: &[Wide], limit: f32) -> Option<usize> {
    let mut width = 0.0;
    let mut end = None;
    for (at, wide) in text.iter().enumerate() {
        width += wide.width;
        if wide.character != ' ' && width > limit {
            return end;
        }
        let next = text.get(at + 1);
        if next.is_none_or(|next| may_break(wide.character, next.character)) {
            end = Some(at + 1);
        }
    }
    end
}

fn may_break(before: char, after: char) -> bool {
    if after == ' ' || closes(after) || opens(before) {
        return false;
    }
    before == ' ' || is_wide(before) || is_wide(after) || matches!(before, '-' | '/' | '·' | '|')
}

fn line(characters: &[Wide]) -> Broken {
    let spaces = characters.iter().rev().take_while(|wide| wide.character == ' ').count();
    let shown = &characters[..characters.len() - spaces];
    Broken { text: shown.iter().map(|wide| wide.character).collect(), width: shown.iter().map(|wide| wide.width).sum() }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn broken(text: &str, limit: f32, most: usize) -> Option<Vec<String>> {
        let width = |character| if is_wide(character) { 1.0 } else { 0.5 };
        let wide: Vec<Wide> = text.chars().map(|character| Wide { character, width: width(character) }).collect();
        wrap(&wide, limit, most).map(|lines| lines.into_iter().map(|line| line.text).collect())
    }

    fn lines(expected: &[&str]) -> Option<Vec<String>> {
        Some(expected.iter().map(|line| (*line).to_owned()).collect())
    }

    #[test]
    fn chinese_breaks_anywhere_but_before_closing_punctuation() {
        assert_eq!(broken("浙江省杭州市", 4.0, 2), lines(&["浙江省杭", "州市"]));
        assert_eq!(broken("浙江省，杭州市", 3.0, 4), lines(&["浙江", "省，杭", "州市"]));
        assert_eq!(broken("到（西湖）区", 2.0, 4), lines(&["到", "（西", "湖）", "区"]));
        assert_eq!(broken("（西）湖", 2.0, 4), None);
    }

    #[test]
    fn latin_breaks_at_spaces_and_hyphens() {
        assert_eq!(broken("Oil filter for trucks", 5.0, 3), lines(&["Oil filter", "for trucks"]));
        assert_eq!(broken("SO-1001 A", 2.0, 9), lines(&["SO-", "1001", "A"]));
        assert_eq!(broken("unbreakable", 3.0, 9), None);
    }

    #[test]
    fn too_many_lines_do_not_fit() {
        assert_eq!(broken("浙江省杭州市", 2.0, 2), None);
        assert_eq!(broken("", 2.0, 1), lines(&[]));
    }
}
