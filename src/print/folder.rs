//! Printing into a folder: each job becomes one file, whole or not at all.

use std::io;
use std::path::Path;

/// Writes a job's file; its name is the job's, so that the same copy twice is one file.
pub(super) async fn write(folder: &Path, name: &str, bytes: Vec<u8>) -> io::Result<()> {
    let (folder, name) = (folder.to_owned(), name.to_owned());
    let written = tokio::task::spawn_blocking(move || -> io::Result<()> {
        std::fs::create_dir_all(&folder)?;
        let (part, whole) = (folder.join(format!(".{name}.part")), folder.join(&name));
        std::fs::write(&part, bytes)?;
        std::fs::File::open(&part)?.sync_all()?;
        std::fs::rename(&part, &whole)?;
        // the file is there; whether its name outlives a power cut is for the folder to say, and some can't
        if let Err(error) = std::fs::File::open(&folder).and_then(|folder| folder.sync_all()) {
            tracing::debug!(%error, folder = %folder.display(), "A folder of print jobs can't be synced.");
        }
        Ok(())
    });
    written.await.map_err(io::Error::other)?
}
