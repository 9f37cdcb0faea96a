//! Masks for personal data. They are applied to the record before anything is set, so that plain data reaches no
//! bitmap, no code and no log.

use serde::Deserialize;

use super::pattern::Path;
use super::record::Value;

/// What of a field may be shown.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct MaskRule {
    /// The field: every field of the record whose way ends so. Entries of lists are no step.
    pub field: Path,
    /// Characters at the start that are kept.
    #[serde(default)]
    pub keep_first: usize,
    /// Characters at the end that are kept.
    #[serde(default)]
    pub keep_last: usize,
    /// Show the field as it is.
    #[serde(default)]
    pub keep_all: bool,
}

/// Most stars of a mask: the length of a name says something too.
const STARS_MAX: usize = 8;

impl MaskRule {
    /// What holds without any rule: one character of the consignee's name, four digits of the telephone number.
    #[must_use]
    pub fn defaults() -> Vec<MaskRule> {
        let rule = |person: &str, field: &str, keep_first, keep_last| MaskRule {
            field: Path::try_from(format!("{person}.{field}")).expect("two names are a path"),
            keep_first,
            keep_last,
            keep_all: false,
        };
        vec![rule("consignee", "name", 1, 0), rule("consignee", "phone", 0, 4)]
    }

    fn masked(&self, text: &str) -> String {
        masked(text, self.keep_first, self.keep_last)
    }
}

/// A text of which so many characters at its start and end are shown, the rest as stars.
#[must_use]
pub fn masked(text: &str, keep_first: usize, keep_last: usize) -> String {
    let shown: Vec<char> = text.chars().filter(|character| !character.is_whitespace()).collect();
    // of a short text no more than half is shown, of a single character nothing
    let half = shown.len() / 2;
    let first = keep_first.min(half);
    let last = keep_last.min(half - first);
    let stars = (shown.len() - first - last).min(STARS_MAX);
    let start = shown.iter().take(first);
    start.chain(std::iter::repeat_n(&'*', stars)).chain(shown.iter().skip(shown.len() - last)).collect()
}

/// The rules that hold where `stronger` say something else about the same field than `rules`.
pub(super) fn merged(rules: &[MaskRule], stronger: &[MaskRule]) -> Vec<MaskRule> {
    let others = rules.iter().filter(|rule| !stronger.iter().any(|other| other.field == rule.field));
    others.chain(stronger).cloned().collect()
}

/// The record with its personal data masked. Of several rules for a field the longest way counts.
pub(super) fn mask(record: &Value, rules: &[MaskRule]) -> Value {
    walk(record, rules, &mut Vec::new())
}

fn walk<'r>(value: &'r Value, rules: &[MaskRule], way: &mut Vec<&'r str>) -> Value {
    match value {
        Value::List(entries) => Value::List(entries.iter().map(|entry| walk(entry, rules, way)).collect()),
        Value::Table(fields) => {
            let mut masked = std::collections::BTreeMap::new();
            for (name, field) in fields {
                way.push(name);
                masked.insert(name.clone(), walk(field, rules, way));
                way.pop();
            }
            Value::Table(masked)
        }
        Value::Null | Value::Flag(_) => value.clone(),
        Value::Whole(_) | Value::Number(_) | Value::Text(_) => {
            let ends = |rule: &&MaskRule| {
                let steps = rule.field.steps();
                way.len() >= steps.len()
                    && way[way.len() - steps.len()..].iter().zip(steps).all(|(one, other)| one == other)
            };
            match rules.iter().filter(ends).max_by_key(|rule| rule.field.steps().len()) {
                Some(rule) if !rule.keep_all => Value::Text(rule.masked(&value.as_text().unwrap_or_default())),
                _ => value.clone(),
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn person(name: &str, phone: Value) -> Value {
        let person = Value::table([("name", name.into()), ("phone", phone)]);
        Value::table([("members", Value::List(vec![Value::table([("consignee", person)])]))])
    }

    #[test]
    fn one_character_of_the_name_and_four_digits_of_the_phone_are_kept() {
        let rules = MaskRule::defaults();
        assert_eq!(mask(&person("张三丰", "138 1234 5678".into()), &rules), person("张**", "*******5678".into()));
        assert_eq!(mask(&person("李", Value::Whole(13_812_345_678)), &rules), person("*", "*******5678".into()));
        assert_eq!(mask(&person("王五", "123".into()), &rules), person("王*", "**3".into()));
        assert_eq!(mask(&person("", Value::Null), &rules), person("", Value::Null));
        assert_eq!(mask(&person(&"长".repeat(500), Value::Null), &rules), person("长********", Value::Null));
    }

    #[test]
    fn a_template_may_say_otherwise() {
        let all = MaskRule {
            field: Path::try_from("members.consignee.name").expect("a path"),
            keep_first: 0,
            keep_last: 0,
            keep_all: true,
        };
        let rules = merged(&MaskRule::defaults(), &[all]);
        assert_eq!(mask(&person("张三丰", "13812345678".into()), &rules), person("张三丰", "*******5678".into()));
        let other = Value::table([("product", Value::table([("name", "滤芯".into())]))]);
        assert_eq!(mask(&other, &rules), other);
    }
}
