//! What the files in a data folder say of those who are told from the feed: how far each has come, and what it refused.
//! They are only read: a target's worker may write them at the same time, and what it wrote later is no smaller.

use std::io;
use std::path::{Path, PathBuf};

use super::{cursor, dead, escalation};
use crate::config::{EscalationSettings, TargetKind, TargetSettings};

/// How far somebody has come in the feed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Told {
    /// The target or ladder.
    pub name: String,
    /// Whether it is a ladder of escalation.
    pub is_ladder: bool,
    /// The last place that it was told of.
    pub place: u64,
    /// The first place that it refused, and that nobody has decided about.
    pub refused: Option<u64>,
}

/// How far the targets and ladders of a configuration have come in the feed of the box `by`. A webhook or file that was
/// never told anything begins with the first event; whoever begins with the next one is left out until it has begun.
/// With `all`, targets that have left files and are not in the configuration count, too.
///
/// # Errors
/// A file can't be read.
pub fn told(
    data: &Path,
    by: &str,
    targets: &[TargetSettings],
    ladders: &[EscalationSettings],
    all: bool,
) -> io::Result<Vec<Told>> {
    let folder = super::folder(data);
    let alone = |target: &&TargetSettings| target.kind != Some(TargetKind::Gateway) && !target.events.is_empty();
    let mut names: Vec<(String, bool)> = Vec::new();
    for target in targets.iter().filter(alone) {
        names.push((target.name.clone(), target.kind != Some(TargetKind::Robot)));
    }
    if all && folder.is_dir() {
        for entry in std::fs::read_dir(&folder)? {
            let name = entry?.file_name().to_string_lossy().into_owned();
            if !names.iter().any(|(known, _)| *known == name) {
                names.push((name, false));
            }
        }
    }
    let mut told = Vec::new();
    for (name, begins_first) in names {
        let place = cursor::read(&folder.join(&name).join(cursor::FILE), by)?;
        let refused = dead::first(&folder.join(&name).join(dead::FILE))?;
        let begins = begins_first.then_some(0);
        told.extend(place.or(begins).map(|place| Told { name, is_ladder: false, place, refused }));
    }
    for ladder in ladders {
        let path: PathBuf = data.join("escalations").join(format!("{}.json", ladder.name));
        let place = escalation::place(&path, by)?;
        told.extend(place.map(|place| Told { name: ladder.name.clone(), is_ladder: true, place, refused: None }));
    }
    Ok(told)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_target_that_was_never_told_anything_waits_for_the_first_event() {
        let folder = tempfile::tempdir().expect("a folder");
        let target = |name: &str, kind| TargetSettings { name: name.into(), kind: Some(kind), ..Default::default() };
        let targets = [
            target("erp", TargetKind::Webhook),
            target("wms", TargetKind::File),
            target("group", TargetKind::Robot),
            target("sms", TargetKind::Gateway),
        ];
        let place = folder.path().join("targets/wms");
        std::fs::create_dir_all(&place).expect("a folder");
        cursor::Cursor::open(&place.join(cursor::FILE), "a").expect("opens").0.keep(7).expect("kept");
        let told = told(folder.path(), "a", &targets, &[], false).expect("readable");
        let places: Vec<(&str, u64)> = told.iter().map(|told| (told.name.as_str(), told.place)).collect();
        assert_eq!(places, [("erp", 0), ("wms", 7)]);
        let left = super::told(folder.path(), "a", &[], &[], true).expect("readable");
        assert_eq!(left.len(), 1, "what was taken out of the configuration");
        let of_another = super::told(folder.path(), "b", &targets[1..2], &[], false).expect("readable");
        assert_eq!(of_another[0].place, 0, "another box's place is none");
    }
}
