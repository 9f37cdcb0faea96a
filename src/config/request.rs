//! Requests written in the configuration: texts with `{names}` that are filled in, and where in an answer a value stands.

use std::collections::BTreeMap;

use hyper::{Method, Uri};
use serde::Deserialize;
use serde_json::Value;

/// A text with `{names}`; braces around anything but a name stand for themselves, so that JSON is written as it is.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(from = "String")]
pub struct Template {
    parts: Vec<Part>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum Part {
    Text(String),
    Name(String),
}

/// How a value is written into a text.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Escape {
    /// Within a string of JSON.
    Json,
    /// Within an address or a form.
    Percent,
    /// Within a text of XML.
    Xml,
    /// As it is, without control characters.
    Plain,
    /// As it is.
    Verbatim,
}

impl From<String> for Template {
    fn from(text: String) -> Template {
        Template::new(&text)
    }
}

impl Template {
    /// Reads a text.
    #[must_use]
    pub fn new(text: &str) -> Template {
        let mut parts = Vec::new();
        let mut rest = text;
        let mut literal = String::new();
        while let Some(open) = rest.find('{') {
            let inner = &rest[open + 1..];
            let name = inner.find('}').map(|close| &inner[..close]);
            let is_name =
                |name: &&str| !name.is_empty() && name.bytes().all(|byte| byte.is_ascii_lowercase() || byte == b'_');
            literal.push_str(&rest[..open]);
            if let Some(name) = name.filter(is_name) {
                parts.push(Part::Text(std::mem::take(&mut literal)));
                parts.push(Part::Name(name.to_owned()));
                rest = &inner[name.len() + 1..];
            } else {
                literal.push('{');
                rest = inner;
            }
        }
        literal.push_str(rest);
        parts.push(Part::Text(literal));
        parts.retain(|part| !matches!(part, Part::Text(text) if text.is_empty()));
        Template { parts }
    }

    /// The names in it.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.parts.iter().filter_map(|part| match part {
            Part::Name(name) => Some(name.as_str()),
            Part::Text(_) => None,
        })
    }

    /// Whether it begins like this.
    #[must_use]
    pub fn starts_with(&self, beginning: &str) -> bool {
        matches!(self.parts.first(), Some(Part::Text(text)) if text.trim_start().starts_with(beginning))
    }

    /// The text with its names filled in; a name without a value stands for nothing.
    #[must_use]
    pub fn fill(&self, values: &BTreeMap<&'static str, String>, escape: Escape) -> String {
        let mut text = String::new();
        for part in &self.parts {
            match part {
                Part::Text(literal) => text.push_str(literal),
                Part::Name(name) => escape.write(values.get(name.as_str()).map_or("", String::as_str), &mut text),
            }
        }
        text
    }
}

impl Escape {
    /// What a media type asks for.
    #[must_use]
    pub fn of(media_type: &str) -> Escape {
        let essence = media_type.split(';').next().unwrap_or_default().trim();
        match essence {
            "application/x-www-form-urlencoded" => Escape::Percent,
            _ if essence.ends_with("xml") => Escape::Xml,
            _ if essence.ends_with("json") => Escape::Json,
            _ => Escape::Plain,
        }
    }

    fn write(self, value: &str, text: &mut String) {
        match self {
            Escape::Json => {
                let quoted = Value::String(value.to_owned()).to_string();
                text.push_str(&quoted[1..quoted.len() - 1]);
            }
            Escape::Percent => {
                for byte in value.bytes() {
                    if byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'.' | b'_' | b'~') {
                        text.push(char::from(byte));
                    } else {
                        text.push_str(&format!("%{byte:02X}"));
                    }
                }
            }
            Escape::Xml => {
                for character in value.chars().filter(|character| !character.is_control()) {
                    match character {
                        '&' => text.push_str("&amp;"),
                        '<' => text.push_str("&lt;"),
                        '>' => text.push_str("&gt;"),
                        '"' => text.push_str("&quot;"),
                        '\'' => text.push_str("&apos;"),
                        plain => text.push(plain),
                    }
                }
            }
            Escape::Plain => text.extend(value.chars().filter(|character| !character.is_control())),
            Escape::Verbatim => text.push_str(value),
        }
    }
}

/// Where in an answer a value stands: `data.list[*].no`, `data.no`, `[0].no`.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(try_from = "String")]
pub struct AnswerPath {
    steps: Vec<Step>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum Step {
    Field(String),
    Index(usize),
    Each,
}

impl TryFrom<String> for AnswerPath {
    type Error = String;

    fn try_from(text: String) -> Result<AnswerPath, String> {
        let wrong = || format!("\"{text}\" is no way through an answer; write for example data.waybill_no");
        let mut steps = Vec::new();
        for segment in text.split('.') {
            let (field, mut rest) = segment.split_at(segment.find('[').unwrap_or(segment.len()));
            if !field.is_empty() {
                steps.push(Step::Field(field.to_owned()));
            } else if rest.is_empty() {
                return Err(wrong());
            }
            while let Some(inner) = rest.strip_prefix('[') {
                let (index, after) = inner.split_once(']').ok_or_else(wrong)?;
                steps.push(match index {
                    "*" => Step::Each,
                    index => Step::Index(index.parse().map_err(|_| wrong())?),
                });
                rest = after;
            }
            if !rest.is_empty() {
                return Err(wrong());
            }
        }
        Ok(AnswerPath { steps })
    }
}

impl AnswerPath {
    /// The texts and numbers that stand there, in order.
    #[must_use]
    pub fn find(&self, answer: &Value) -> Vec<String> {
        let mut found = vec![answer];
        for step in &self.steps {
            found = match step {
                Step::Field(name) => found.iter().filter_map(|value| value.get(name)).collect(),
                Step::Index(index) => found.iter().filter_map(|value| value.get(index)).collect(),
                Step::Each => found.iter().filter_map(|value| value.as_array()).flatten().collect(),
            };
        }
        let text = |value: &&Value| match value {
            Value::String(text) => Some(text.clone()),
            Value::Number(number) => Some(number.to_string()),
            Value::Bool(truth) => Some(truth.to_string()),
            _ => None,
        };
        found.iter().filter_map(text).collect()
    }
}

/// The address of a template, checked with its names left empty.
///
/// # Errors
/// What is wrong with it.
pub fn check_url(url: &Template) -> Result<(), String> {
    let uri: Uri = url
        .fill(&BTreeMap::new(), Escape::Percent)
        .parse()
        .map_err(|error| format!("its url is no address: {error}"))?;
    match (uri.scheme_str(), uri.host()) {
        (Some("http" | "https"), Some(host)) if !host.is_empty() => {}
        _ => return Err("its url does not begin with http:// or https:// and a host".into()),
    }
    // what an order says must not choose who is called
    let ends = |text: &str| text.split_once("://").is_some_and(|(_, rest)| rest.contains(['/', '?']));
    let has_host = matches!(url.parts.first(), Some(Part::Text(text)) if ends(text));
    if has_host || url.names().next().is_none() {
        Ok(())
    } else {
        Err("its url names something within its host".into())
    }
}

/// A method as the configuration writes it.
///
/// # Errors
/// It is none that is offered.
pub fn method(name: &str) -> Result<Method, String> {
    match name {
        "GET" => Ok(Method::GET),
        "POST" => Ok(Method::POST),
        "PUT" => Ok(Method::PUT),
        other => Err(format!("{other} is none of GET, POST, PUT")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_filled_in_and_braces_of_json_are_left_alone() {
        let template = Template::new(r#"{"order":"{order}","to":{"name":"{name}"},"n":{}}"#);
        assert_eq!(template.names().collect::<Vec<_>>(), ["order", "name"]);
        let values = BTreeMap::from([("order", "SO \"1\"\n".to_owned()), ("name", "张三".to_owned())]);
        let text = template.fill(&values, Escape::Json);
        let filled: Value = serde_json::from_str(&text).expect("JSON");
        assert_eq!(filled["order"], "SO \"1\"\n");
        assert_eq!(Template::new("a={order}&b={nothing}{").fill(&values, Escape::Percent), "a=SO%20%221%22%0A&b={");
        assert_eq!(Template::new("<o>{order}</o>").fill(&values, Escape::Xml), "<o>SO &quot;1&quot;</o>");
    }

    #[test]
    fn nothing_that_is_filled_in_chooses_the_host() {
        let check = |url: &str| check_url(&Template::new(url));
        assert_eq!(check("https://courier.example"), Ok(()));
        assert_eq!(check("https://courier.example/{order}"), Ok(()));
        assert_eq!(check("https://courier.example?order={order}"), Ok(()));
        assert!(check("https://courier{name}.example/").is_err() && check("https://courier.example{name}/").is_err());
        assert!(check("ftp://courier.example/").is_err() && check("{name}").is_err());
    }

    #[test]
    fn a_value_is_found_in_an_answer() {
        let answer = serde_json::json!({"data": {"list": [{"no": "75"}, {"no": 76}, {}]}, "code": 0});
        let find = |path: &str| AnswerPath::try_from(path.to_owned()).map(|path| path.find(&answer));
        assert_eq!(find("data.list[*].no"), Ok(vec!["75".into(), "76".into()]));
        assert_eq!(find("data.list[1].no"), Ok(vec!["76".into()]));
        assert_eq!(find("code"), Ok(vec!["0".into()]));
        assert_eq!(find("data.list"), Ok(Vec::new()));
        assert!(find("data..x").is_err() && find("").is_err() && find("a[x]").is_err() && find("a[0]b").is_err());
    }
}
