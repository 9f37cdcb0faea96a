//! What is wrong with a JSON text and where, in words for its writer: no types of this program, and the field's path.

use serde::de::DeserializeOwned;
use serde_json::error::Category;

use super::objects::Named;

/// A mistake in a JSON text, with its place: `lines[0].quantity: the text "two" stands where a whole number belongs`.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct Mistake(String);

/// Reads a text as what it should be.
///
/// # Errors
/// It is no JSON, or something else.
pub fn typed<T: DeserializeOwned>(text: &[u8]) -> Result<T, Mistake> {
    let mut reader = serde_json::Deserializer::from_slice(text);
    let read = serde_path_to_error::deserialize(Named(&mut reader)).map_err(Mistake::at)?;
    reader.end().map_err(Mistake::from)?;
    Ok(read)
}

impl Mistake {
    fn at(error: serde_path_to_error::Error<serde_json::Error>) -> Mistake {
        let whole = error.path().to_string();
        let Mistake(what) = error.into_inner().into();
        let unknown = what.strip_prefix("unknown field `").and_then(|rest| rest.split('`').next());
        // what says its name need not be named by its path too, and a part that has no name says nothing
        let path = unknown.and_then(|name| whole.strip_suffix(name)).unwrap_or(&whole).trim_end_matches(['.', '?']);
        if path.is_empty() { Mistake(what) } else { Mistake(format!("{path}: {what}")) }
    }
}

impl From<serde_json::Error> for Mistake {
    fn from(error: serde_json::Error) -> Mistake {
        let text = error.to_string();
        match error.classify() {
            Category::Data => {
                let place = format!(" at line {} column {}", error.line(), error.column());
                Mistake(in_words(text.strip_suffix(&place).unwrap_or(&text)))
            }
            _ => Mistake(format!("it is no JSON: {text}")),
        }
    }
}

/// A message of the reader, without the names of our types.
fn in_words(message: &str) -> String {
    let kinds = ["invalid type: ", "invalid value: "];
    let told = kinds.iter().find_map(|kind| message.strip_prefix(kind)?.rsplit_once(", expected "));
    match told {
        Some((got, expected)) => format!("{} stands where {} belongs", found(got), wanted(expected)),
        None => match message.strip_prefix("duplicate field ") {
            Some(name) => format!("field {name} stands twice"),
            None => message.replace("unknown variant", "unknown value"),
        },
    }
}

fn found(got: &str) -> String {
    let number = got.strip_prefix("integer ").or_else(|| got.strip_prefix("floating point "));
    if let Some(number) = number {
        return format!("the number {}", number.trim_matches('`'));
    }
    match got.split_once(' ') {
        Some(("string", text)) => format!("the text {text}"),
        Some(("boolean", truth)) => truth.trim_matches('`').to_owned(),
        _ => match got {
            "map" => "an object".to_owned(),
            "sequence" => "an array".to_owned(),
            other => other.to_owned(),
        },
    }
}

fn wanted(expected: &str) -> &str {
    match expected {
        "i8" | "i16" | "i32" | "i64" | "isize" => "a whole number",
        "u8" | "u16" | "u32" | "u64" | "usize" => "a whole number from 0",
        "f32" | "f64" => "a number",
        "a string" => "a text",
        "a boolean" => "true or false",
        "a sequence" => "an array",
        "a map" => "an object",
        text if text.starts_with("struct ") => "an object",
        text => text,
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a test")]
mod tests {
    use serde::Deserialize;

    use super::*;

    #[derive(Debug, Deserialize)]
    #[serde(deny_unknown_fields)]
    #[allow(dead_code, reason = "only read")]
    struct Order {
        id: String,
        paid: Option<bool>,
        policy: Option<Policy>,
        lines: Vec<Line>,
    }

    #[derive(Debug, Deserialize)]
    #[serde(rename_all = "snake_case")]
    enum Policy {
        Complete,
        MaySplit,
    }

    #[derive(Debug, Deserialize)]
    #[serde(deny_unknown_fields)]
    #[allow(dead_code, reason = "only read")]
    struct Line {
        line: u32,
        weight: Option<f64>,
    }

    #[test]
    fn a_mistake_names_its_place_and_what_belongs_there() {
        for (text, told) in [
            (
                r#"{"id":"A","lines":[{"line":1},{"line":"two"}]}"#,
                "lines[1].line: the text \"two\" stands where a whole number from 0 belongs",
            ),
            (
                r#"{"id":"A","lines":[{"line":-1}]}"#,
                "lines[0].line: the number -1 stands where a whole number from 0 belongs",
            ),
            (
                r#"{"id":"A","lines":[{"line":1.5}]}"#,
                "lines[0].line: the number 1.5 stands where a whole number from 0 belongs",
            ),
            (
                r#"{"id":"A","lines":[{"line":1,"weight":[]}]}"#,
                "lines[0].weight: an array stands where a number belongs",
            ),
            (r#"{"id":7,"lines":[]}"#, "id: the number 7 stands where a text belongs"),
            (r#"{"id":null,"lines":[]}"#, "id: null stands where a text belongs"),
            (
                r#"{"id":"A","paid":"no, thanks","lines":[]}"#,
                "paid: the text \"no, thanks\" stands where true or false belongs",
            ),
            (r#"{"id":"A","paid":true,"lines":{}}"#, "lines: an object stands where an array belongs"),
            (
                r#"{"id":"A","policy":"some","lines":[]}"#,
                "policy: unknown value `some`, expected `complete` or `may_split`",
            ),
            (r#"{"id":"A"}"#, "missing field `lines`"),
            (r#"{"id":"A","lines":[{}]}"#, "lines[0]: missing field `line`"),
            (
                r#"{"id":"A","lines":[{"line":1,"lin":2}]}"#,
                "lines[0]: unknown field `lin`, expected `line` or `weight`",
            ),
            (
                r#"{"id":"A","lines":[],"extra":1}"#,
                "unknown field `extra`, expected one of `id`, `paid`, `policy`, `lines`",
            ),
            ("7", "the number 7 stands where an object belongs"),
            (r#"["A",true,"complete",[]]"#, "an array stands where an object belongs"),
            (r#"{"id":"A","lines":[[1,2.5]]}"#, "lines[0]: an array stands where an object belongs"),
            (r#"{"id":"A","lines":[{"line":1,"line":2}]}"#, "lines[0]: field `line` stands twice"),
        ] {
            assert_eq!(typed::<Order>(text.as_bytes()).unwrap_err().to_string(), told, "{text}");
        }
        for (text, told) in [
            (r#"{"id":"A""#, "it is no JSON: EOF while parsing an object at line 1 column 9"),
            ("", "it is no JSON: EOF while parsing a value at line 1 column 0"),
            (r#"{"id":"A","lines":[]} x"#, "it is no JSON: trailing characters at line 1 column 23"),
        ] {
            assert_eq!(typed::<Order>(text.as_bytes()).unwrap_err().to_string(), told, "{text}");
        }
    }
}
