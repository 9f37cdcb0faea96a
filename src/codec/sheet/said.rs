//! What is said of one thing in several places: the same, versions of it, or what contradicts itself. The last place
//! does not win: it would take lines away that stand in another one.

use std::collections::BTreeMap;

/// What was said of one thing so far; `C` is a content, or stands for one.
#[derive(Clone, Debug)]
pub struct Said<C> {
    first: C,
    versions: BTreeMap<i64, C>,
    has_unversioned: bool,
    differs: bool,
    clashes: bool,
}

impl<C: Copy + PartialEq> Said<C> {
    /// What is said in the first place.
    #[must_use]
    pub fn first(version: Option<i64>, content: C) -> Said<C> {
        let versions = BTreeMap::from_iter(version.map(|version| (version, content)));
        Said { first: content, versions, has_unversioned: version.is_none(), differs: false, clashes: false }
    }

    /// What is said in another place.
    pub fn add(&mut self, version: Option<i64>, content: C) {
        self.differs |= content != self.first;
        match version {
            None => self.has_unversioned = true,
            Some(version) => self.clashes |= *self.versions.entry(version).or_insert(content) != content,
        }
    }

    /// Whether it differs without saying what is the later.
    #[must_use]
    pub fn contradicts(&self) -> bool {
        self.clashes || (self.differs && self.has_unversioned)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_versions_may_differ() {
        let contradicts = |said: &[(Option<i64>, char)]| {
            let mut all = Said::first(said[0].0, said[0].1);
            said[1..].iter().for_each(|(version, content)| all.add(*version, *content));
            all.contradicts()
        };
        assert!(!contradicts(&[(None, 'a'), (None, 'a'), (Some(1), 'a')]));
        assert!(!contradicts(&[(Some(2), 'b'), (Some(1), 'a'), (Some(2), 'b')]));
        assert!(contradicts(&[(None, 'a'), (None, 'b')]));
        assert!(contradicts(&[(Some(1), 'a'), (Some(1), 'b')]));
        assert!(contradicts(&[(Some(1), 'a'), (None, 'b')]));
    }
}
