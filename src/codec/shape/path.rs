//! Where something stands in JSON: `data.items[*].order_no`, `[0].id`.

use serde_json::Value;

/// Steps of a path: far more than any system nests.
const STEPS_MAX: usize = 32;

/// A step of a path.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Step {
    Key(String),
    Place(usize),
    Each,
}

/// A place in JSON.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Path(Vec<Step>);

impl Path {
    pub(super) fn parse(text: &str) -> Result<Path, String> {
        let wrong = |why: &str| format!("\"{text}\" is no path: {why}; write it like data.items[*].order_no");
        let mut steps = Vec::new();
        for (number, piece) in text.split('.').enumerate() {
            let (key, mut brackets) = piece.split_at(piece.find('[').unwrap_or(piece.len()));
            if key.contains(']') {
                return Err(wrong("a bracket is left over"));
            }
            match (key.is_empty(), number == 0 && !brackets.is_empty()) {
                (false, _) => steps.push(Step::Key(key.to_owned())),
                (true, true) => {}
                (true, false) => return Err(wrong("a name is empty")),
            }
            while let Some((inner, rest)) = brackets.strip_prefix('[').and_then(|rest| rest.split_once(']')) {
                steps.push(match inner {
                    "*" => Step::Each,
                    place => Step::Place(place.parse().map_err(|_| wrong("in brackets stands * or a number"))?),
                });
                brackets = rest;
            }
            if !brackets.is_empty() {
                return Err(wrong("a bracket is left over"));
            }
        }
        if steps.len() > STEPS_MAX {
            return Err(wrong("it is too long"));
        }
        Ok(Path(steps))
    }

    /// How many arrays it goes through.
    pub(super) fn depth(&self) -> usize {
        self.0.iter().filter(|step| **step == Step::Each).count()
    }

    /// The part up to its so-manieth array, and what stands after that.
    pub(super) fn split(&self, depth: usize) -> (Path, Path) {
        let mut seen = 0;
        let end = self.0.iter().position(|step| {
            seen += usize::from(*step == Step::Each);
            seen == depth && *step == Step::Each
        });
        let (before, after) = self.0.split_at(end.map_or(self.0.len(), |end| end + 1));
        (Path(before.to_vec()), Path(after.to_vec()))
    }

    /// What stands after another path, if this one begins with it.
    pub(super) fn after(&self, start: &Path) -> Option<Path> {
        self.0.strip_prefix(start.0.as_slice()).map(|rest| Path(rest.to_vec()))
    }

    /// The one value there.
    pub(super) fn one<'v>(&self, value: &'v Value) -> Option<&'v Value> {
        self.0.iter().try_fold(value, |value, step| match step {
            Step::Key(key) => value.get(key),
            Step::Place(place) => value.get(place),
            Step::Each => None,
        })
    }

    /// The values there, through all arrays on the way; none if one of these is missing or no array. What is null holds
    /// nothing.
    pub(super) fn all<'v>(&self, value: &'v Value) -> Option<Vec<&'v Value>> {
        let Some(place) = self.0.iter().position(|step| *step == Step::Each) else {
            return Some(self.one(value).into_iter().collect());
        };
        let (before, after) = (Path(self.0[..place].to_vec()), Path(self.0[place + 1..].to_vec()));
        match before.one(value)? {
            Value::Array(items) if after.0.is_empty() => Some(items.iter().collect()),
            Value::Array(items) => {
                let found: Option<Vec<Vec<&Value>>> = items.iter().map(|item| after.all(item)).collect();
                Some(found?.into_iter().flatten().collect())
            }
            Value::Null => Some(Vec::new()),
            _ => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn path(text: &str) -> Path {
        Path::parse(text).expect("a path")
    }

    #[test]
    fn paths_go_through_arrays() {
        let value = json!({"data": {"items": [{"no": 1, "lines": [{"n": 2}, {"n": 3}]}, {"no": 4, "lines": null}]}});
        assert_eq!(path("data.items[*].no").all(&value), Some(vec![&json!(1), &json!(4)]));
        assert_eq!(path("data.items[*].lines[*].n").all(&value), Some(vec![&json!(2), &json!(3)]));
        assert_eq!(path("data.items[1].no").one(&value), Some(&json!(4)));
        assert_eq!(path("data.rows[*].no").all(&value), None);
        assert_eq!(path("[*]").all(&json!([1])), Some(vec![&json!(1)]));
        let lines = path("data.items[*].lines[*].n");
        assert_eq!((lines.depth(), lines.split(1)), (2, (path("data.items[*]"), path("lines[*].n"))));
        assert_eq!(lines.split(2).0, path("data.items[*].lines[*]"));
        assert_eq!(lines.after(&path("data.items[*]")), Some(path("lines[*].n")));
        assert_eq!(path("a.b").split(1), (path("a.b"), Path::default()));
    }

    #[test]
    fn what_is_no_path_is_told() {
        for text in ["", "a..b", "a[x]", "a[*", "a]", ".a", "a.[0]", "a[*]b"] {
            assert!(Path::parse(text).is_err(), "{text:?}");
        }
    }
}
