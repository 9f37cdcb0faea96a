//! A person's name, where somebody's word is recorded.

use serde::Deserialize;

use super::problem::Problem;

/// Characters of a person's name.
const NAME_MAX: usize = 100;

/// A person's name as it is recorded.
pub(super) fn person(name: &str) -> Result<String, Problem> {
    let name = name.trim();
    let fits = !name.is_empty() && name.chars().count() <= NAME_MAX && !name.chars().any(char::is_control);
    fits.then(|| name.to_owned()).ok_or_else(|| Problem::malformed("by says who: a name of up to 100 characters"))
}

/// A body that only says who.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct By {
    by: String,
}

impl By {
    pub(super) fn person(&self) -> Result<String, Problem> {
        person(&self.by)
    }
}
