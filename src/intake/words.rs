//! The words of another system for ours, field by field. What stands in no dictionary is told, never guessed.

use super::fields::Shape;
use super::headers::normalised;

/// In a dictionary: any word that is not in it. Only a person can decide that there is one meaning for all of them.
const ANY: &str = "*";

/// What one field's words mean.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Words {
    /// Theirs, normalised, and ours; an empty word says nothing.
    pairs: Vec<(String, String)>,
    /// Ours.
    known: Vec<String>,
    any: Option<String>,
}

impl Words {
    /// The words that a field of this shape has by itself; none where any text will do.
    #[must_use]
    pub fn of(shape: Shape) -> Option<Words> {
        let known: &[&str] = match shape {
            Shape::Word(known) => known,
            Shape::Truth => &["true", "false"],
            _ => return None,
        };
        Some(Words::ours(known))
    }

    /// Words of ours.
    #[must_use]
    pub fn ours(known: &[&str]) -> Words {
        Words { known: known.iter().map(|word| (*word).to_owned()).collect(), ..Words::default() }
    }

    /// Adds a word of theirs; `*` stands for any other.
    ///
    /// # Errors
    /// The field has words of its own, and this is none of them; the text names them.
    pub fn add(&mut self, theirs: &str, ours: &str) -> Result<(), String> {
        if !self.known.is_empty() && !ours.is_empty() && !self.known.iter().any(|known| known == ours) {
            return Err(format!("\"{ours}\" is none of {}", self.known.join(", ")));
        }
        if theirs == ANY {
            self.any = Some(ours.to_owned());
        } else {
            let plain = normalised(theirs);
            self.pairs.retain(|(known, _)| *known != plain);
            self.pairs.push((plain, ours.to_owned()));
        }
        Ok(())
    }

    /// Our word for theirs: what the dictionary says, else a word that is ours already, else what stands for any.
    #[must_use]
    pub fn translate(&self, text: &str) -> Option<&str> {
        let plain = normalised(text);
        let by_name = self.pairs.iter().find(|(theirs, _)| *theirs == plain).map(|(_, ours)| ours);
        let is_ours = |word: &&String| !word.is_empty() && normalised(word) == plain;
        let as_ours = || self.known.iter().chain(self.pairs.iter().map(|(_, ours)| ours)).find(is_ours);
        by_name.or_else(as_ours).or(self.any.as_ref()).map(String::as_str)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_in_no_dictionary_has_no_translation() {
        let mut carriers = Words::default();
        carriers.add("中通快递", "ZTO").expect("any word is a carrier's");
        assert_eq!(
            [" 中通 快递", "zto", "天天"].map(|word| carriers.translate(word)),
            [Some("ZTO"), Some("ZTO"), None]
        );
        carriers.add("*", "SF").expect("any word is a carrier's");
        assert_eq!(carriers.translate("天天"), Some("SF"));

        let mut stages = Words::of(Shape::Word(&["paid", "packed"])).expect("a word");
        stages.add("待发货", "paid").expect("a stage");
        stages.add("已关闭", "").expect("says nothing");
        assert!(stages.add("已发货", "shipped").is_err());
        let said = ["待发货", "PAID", "已关闭", "shipped"].map(|word| stages.translate(word));
        assert_eq!(said, [Some("paid"), Some("paid"), Some(""), None]);
        assert_eq!(Words::of(Shape::Code), None);
    }
}
