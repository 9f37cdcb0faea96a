//! Texts with fields in braces: `{consignee.name}`, `{courier?}` for one that may be missing, `{{` for a brace.

use serde::Deserialize;

/// The way to a field: `consignee.name`.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Deserialize)]
#[serde(try_from = "String")]
pub struct Path(Vec<String>);

impl Path {
    /// Its steps, at least one.
    #[must_use]
    pub fn steps(&self) -> &[String] {
        &self.0
    }
}

impl std::fmt::Display for Path {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        out.write_str(&self.0.join("."))
    }
}

impl TryFrom<String> for Path {
    type Error = String;

    fn try_from(text: String) -> Result<Self, Self::Error> {
        let is_name =
            |step: &str| !step.is_empty() && step.chars().all(|c| c.is_alphanumeric() || c == '_' || c == '-');
        match text.split('.').all(is_name) {
            true => Ok(Path(text.split('.').map(str::to_owned).collect())),
            false => Err(format!("\"{text}\" is no field; write names with points between them, as consignee.name")),
        }
    }
}

impl TryFrom<&str> for Path {
    type Error = String;

    fn try_from(text: &str) -> Result<Self, Self::Error> {
        Path::try_from(text.to_owned())
    }
}

/// A part of a pattern.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Piece {
    Literal(String),
    Field { path: Path, optional: bool },
}

/// A text with fields in it.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(try_from = "String")]
pub struct Pattern {
    pub(super) pieces: Vec<Piece>,
}

impl Pattern {
    /// The fields that it names.
    pub fn fields(&self) -> impl Iterator<Item = &Path> {
        self.pieces.iter().filter_map(|piece| match piece {
            Piece::Literal(_) => None,
            Piece::Field { path, .. } => Some(path),
        })
    }
}

impl TryFrom<String> for Pattern {
    type Error = String;

    fn try_from(text: String) -> Result<Self, Self::Error> {
        let mut pieces = Vec::new();
        let mut literal = String::new();
        let mut rest = text.as_str();
        while let Some(at) = rest.find(['{', '}']) {
            let (before, brace) = rest.split_at(at);
            literal.push_str(before);
            if let Some(after) = brace.strip_prefix("{{").or_else(|| brace.strip_prefix("}}")) {
                literal.push_str(&brace[..1]);
                rest = after;
                continue;
            }
            let inner = brace.strip_prefix('{').and_then(|inner| inner.split_once('}'));
            let Some((field, after)) = inner else {
                return Err(format!("\"{text}\" has a brace without its partner; write {{{{ or }}}} for a brace"));
            };
            let (name, optional) = field.strip_suffix('?').map_or((field, false), |name| (name, true));
            if !literal.is_empty() {
                pieces.push(Piece::Literal(std::mem::take(&mut literal)));
            }
            pieces.push(Piece::Field { path: Path::try_from(name)?, optional });
            rest = after;
        }
        literal.push_str(rest);
        if !literal.is_empty() {
            pieces.push(Piece::Literal(literal));
        }
        Ok(Pattern { pieces })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pattern(text: &str) -> Result<Pattern, String> {
        Pattern::try_from(text.to_owned())
    }

    #[test]
    fn fields_stand_in_braces() {
        let read = pattern("共 {bag.pieces} 件{{x}}{note?}").expect("right");
        let names: Vec<String> = read.fields().map(ToString::to_string).collect();
        assert_eq!(names, ["bag.pieces", "note"]);
        assert_eq!(read.pieces[2], Piece::Literal(" 件{x}".into()));
        assert!(matches!(read.pieces[3], Piece::Field { optional: true, .. }));
    }

    #[test]
    fn a_wrong_pattern_is_refused() {
        for wrong in ["{", "a}", "{a", "{}", "{a..b}", "{a b}", "{?}", "{{}"] {
            assert!(pattern(wrong).is_err(), "{wrong}");
        }
    }
}
