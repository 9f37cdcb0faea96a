//! Things that stand in several files of one import: taken where the files agree, refused in all of them where one
//! would take away what another says.

use std::collections::{HashMap, HashSet};

use jiff::tz::TimeZone;
use sha2::{Digest, Sha256};

use super::Source;
use super::report::Origin;
use crate::cli::Failure;
use crate::codec::sheet::{DocumentError, Progress, Said};
use crate::intake::Kind;

/// Places of one thing that are told; a person looks at these first.
const PLACES_TOLD: usize = 5;

/// What stands for a content.
type Hash = [u8; 32];

/// Why things are refused that stand in several files.
#[derive(Default)]
pub(super) struct Several {
    refused: HashMap<(Kind, String), String>,
}

/// What the files say of one id.
struct Sayings {
    said: Said<Hash>,
    places: Vec<String>,
    count: usize,
}

impl Several {
    /// Looks through files that share ids; any others are not read for it.
    pub(super) fn find(sources: &mut [Source], zone: &TimeZone) -> Result<Several, Failure> {
        let mut several = Several::default();
        for kind in Kind::ALL {
            let shared = shared(kind, sources);
            if shared.is_empty() {
                continue;
            }
            let mut all: HashMap<String, Sayings> = HashMap::new();
            for source in &mut *sources {
                source.hear(kind, zone, &shared, &mut all)?;
            }
            for (id, sayings) in all.into_iter().filter(|(_, sayings)| sayings.said.contradicts()) {
                several.refused.insert((kind, id), sayings.reason());
            }
        }
        Ok(several)
    }

    /// Why an object is refused though nothing is wrong with it.
    pub(super) fn refusal(&self, kind: Kind, id: &str) -> Option<&str> {
        if self.refused.is_empty() {
            return None;
        }
        self.refused.get(&(kind, id.to_owned())).map(String::as_str)
    }
}

/// The ids of a kind that stand in more than one file.
fn shared(kind: Kind, sources: &[Source]) -> HashSet<String> {
    let mut file_of: HashMap<&str, usize> = HashMap::new();
    let mut shared = HashSet::new();
    for (number, source) in sources.iter().enumerate() {
        for (id, _) in source.document.ids(kind) {
            if *file_of.entry(id).or_insert(number) != number {
                shared.insert(id.to_owned());
            }
        }
    }
    shared
}

impl Source {
    /// Notes what this file says of some things.
    fn hear(
        &mut self,
        kind: Kind,
        zone: &TimeZone,
        shared: &HashSet<String>,
        all: &mut HashMap<String, Sayings>,
    ) -> Result<(), Failure> {
        let failed = |error: DocumentError| Failure::Failed(format!("{}: {error}", self.name));
        let id_of = kind.fields()[0].path;
        for part in 0..self.document.parts(kind) {
            for step in self.document.read(kind, part, zone).map_err(failed)? {
                let Progress::Entry(entry) = step.map_err(failed)? else { continue };
                let (id, version, text) = match &entry.outcome {
                    Ok(object) => (object[id_of].as_str(), object["version"].as_i64(), object.to_string()),
                    // what can't be read in one file is no reason to take a part of it from another
                    Err((id, why)) => (id.as_deref(), None, why.clone()),
                };
                let Some(id) = id.filter(|id| shared.contains(*id)).map(str::to_owned) else { continue };
                let hash = Hash::from(Sha256::digest(text.as_bytes()));
                let place = Origin::rows(&self.name, entry.sheet, entry.rows).place();
                match all.get_mut(&id) {
                    Some(sayings) => sayings.add(version, hash, place),
                    None => drop(all.insert(id, Sayings::first(version, hash, place))),
                }
            }
        }
        Ok(())
    }
}

impl Sayings {
    fn first(version: Option<i64>, hash: Hash, place: String) -> Sayings {
        Sayings { said: Said::first(version, hash), places: vec![place], count: 1 }
    }

    fn add(&mut self, version: Option<i64>, hash: Hash, place: String) {
        self.said.add(version, hash);
        self.count += 1;
        if self.places.len() < PLACES_TOLD {
            self.places.push(place);
        }
    }

    fn reason(&self) -> String {
        let more = if self.count > self.places.len() { ", …" } else { "" };
        let places = self.places.join(", ");
        format!(
            "it stands in several files and differs: {places}{more}; put all of it into one, or give each its version"
        )
    }
}
