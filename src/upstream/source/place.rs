//! Where a source was read up to, in a file that is replaced whole.

use std::fs::File;
use std::io::{self, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

/// What is kept between two looks.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Place {
    /// The cursor of the next call.
    pub(super) cursor: Option<String>,
    /// What was asked last, and what the answer's version is called.
    #[serde(default)]
    pub(super) etag: Option<(String, String)>,
    /// The hash of the mapping that the last answer was read with: another one wants to see it again.
    #[serde(default)]
    pub(super) mapping: String,
    /// A page that was taken and whose taking was not told yet.
    #[serde(default)]
    pub(super) unacknowledged: Option<String>,
    /// A file that was taken as a whole and not put away yet: its name, and what tells it from another of that name.
    #[serde(default)]
    pub(super) taken: Option<(String, String)>,
}

/// The file with it.
#[derive(Debug)]
pub(super) struct PlaceFile {
    path: PathBuf,
    place: Place,
}

impl PlaceFile {
    /// Opens it; a place that can't be understood is none, aloud: what is asked again changes nothing.
    pub(super) fn open(home: &Path) -> io::Result<PlaceFile> {
        let path = home.join("place");
        let place = match std::fs::read(&path) {
            Ok(bytes) => serde_json::from_slice(&bytes).unwrap_or_else(|error| {
                tracing::warn!(%error, path = %path.display(), "A source begins anew: its place can't be read.");
                Place::default()
            }),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Place::default(),
            Err(error) => return Err(error),
        };
        Ok(PlaceFile { path, place })
    }

    pub(super) fn get(&self) -> &Place {
        &self.place
    }

    /// Keeps another place; it is on disk afterwards.
    pub(super) fn keep(&mut self, place: Place) -> io::Result<()> {
        if place == self.place {
            return Ok(());
        }
        replace(&self.path, serde_json::to_string(&place)?.as_bytes())?;
        self.place = place;
        Ok(())
    }
}

/// Writes a file whole: it has either its old bytes or the new ones. Only its owner may read it, because what a source
/// says of people stands in it.
pub(super) fn replace(path: &Path, bytes: &[u8]) -> io::Result<()> {
    let part = path.with_extension("part");
    let mut file = File::options().write(true).create(true).truncate(true).mode(0o600).open(&part)?;
    file.write_all(bytes)?;
    file.sync_all()?;
    std::fs::rename(&part, path)?;
    sync_folder_of(path)
}

/// Makes sure that a name is on disk.
pub(super) fn sync_folder_of(path: &Path) -> io::Result<()> {
    path.parent().map_or(Ok(()), |folder| File::open(folder)?.sync_all())
}
