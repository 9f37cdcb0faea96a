//! `import`: what upstream describes, from JSON files, workbooks and text tables; line by line what was taken and what was
//! refused.

mod calls;
mod report;
mod several;

use std::path::{Path, PathBuf};
use std::sync::Arc;

use jiff::tz::TimeZone;

use self::report::{Origin, Report};
use self::several::Several;
use super::client::Client;
use super::client::display;
use super::{Failure, Target, runtime, say, warn};
use crate::codec::sheet::{self, Document, DocumentError, Progress};
use crate::config::headers;
use crate::intake::{Dictionary, Kind};

/// A file that was looked through, before anything of any file is taken.
pub(super) struct Source {
    pub(super) name: Arc<str>,
    pub(super) document: Document,
}

pub(super) fn import(files: &[PathBuf], mapping: Option<&Path>, target: &Target) -> Result<(), Failure> {
    let config = target.load()?;
    let dictionary = headers(mapping).map_err(|error| Failure::Usage(error.to_string()))?;
    let is_new = !config.data.exists();
    let mut sources = files.iter().map(|file| Source::open(file, &dictionary)).collect::<Result<Vec<_>, Failure>>()?;
    let rows = sources.iter().map(|source| source.document.rows()).sum();
    let zone = config.zone();
    let several = Several::find(&mut sources, &zone)?;
    let (refused, is_empty) = runtime()?.block_on(async {
        let mut report = Report::new(Client::connect(&config).await?, target.json, rows);
        let sent = send(&mut sources, &zone, &several, &mut report).await;
        // what is on its way is told, also where a file turned out to be unreadable
        let settled = report.settle().await;
        report.end();
        sent.and(settled).map(|()| (report.refused(), report.is_empty()))
    })?;
    if is_new {
        warn(&format!("the data folder {} was made", config.data.display()));
    }
    if is_empty {
        warn("the files hold nothing that could be taken");
    }
    if refused > 0 { Err(Failure::Failed(format!("{refused} object(s) were refused"))) } else { Ok(()) }
}

/// Sends what the files say, kind by kind.
async fn send(sources: &mut [Source], zone: &TimeZone, several: &Several, report: &mut Report) -> Result<(), Failure> {
    for source in &*sources {
        for (sheet, note) in source.document.notes() {
            report.note(note, &Origin::rows(&source.name, Some(sheet.clone()), Vec::new()))?;
        }
    }
    for kind in Kind::ALL {
        for source in &mut *sources {
            source.send(kind, zone, several, report).await?;
            report.flush().await?;
        }
    }
    Ok(())
}

/// Writes an empty workbook with a sheet for each kind.
pub(super) fn template(file: &Path) -> Result<(), Failure> {
    let failed = |error: &dyn std::error::Error| Failure::Failed(format!("{}: {}", file.display(), display(error)));
    let dictionary = headers(None).map_err(|error| failed(&error))?;
    let sheets: Vec<_> = Kind::ALL.iter().map(|kind| dictionary.template(*kind)).collect();
    let bytes = sheet::template(&sheets).map_err(|error| failed(&error))?;
    // a file that people have filled in is never replaced
    let mut made =
        std::fs::OpenOptions::new().write(true).create_new(true).open(file).map_err(|error| failed(&error))?;
    std::io::Write::write_all(&mut made, &bytes).map_err(|error| failed(&error))?;
    say(&format!("{} was made; fill in its sheets, and `waybind import` takes it", file.display()))
}

impl Source {
    pub(super) fn open(file: &Path, dictionary: &Dictionary) -> Result<Source, Failure> {
        let failed = |message: String| Failure::Failed(format!("{}: {message}", file.display()));
        let bytes = read(file).map_err(failed)?;
        let name = file.display().to_string();
        let document = Document::open(&name, bytes, dictionary).map_err(|error| failed(error.to_string()))?;
        Ok(Source { name: name.into(), document })
    }

    async fn send(
        &mut self,
        kind: Kind,
        zone: &TimeZone,
        several: &Several,
        report: &mut Report,
    ) -> Result<(), Failure> {
        let failed = |error: DocumentError| Failure::Failed(format!("{}: {error}", self.name));
        for part in 0..self.document.parts(kind) {
            for step in self.document.read(kind, part, zone).map_err(failed)? {
                report.row();
                let Progress::Entry(entry) = step.map_err(failed)? else { continue };
                let origin = Origin::rows(&self.name, entry.sheet, entry.rows);
                match entry.outcome {
                    Ok(object) => {
                        let id = object[kind.fields()[0].path].as_str();
                        match id.and_then(|id| several.refusal(kind, id)) {
                            Some(reason) => report.refuse(kind, id, reason, &origin)?,
                            None => report.add(kind, object, origin).await?,
                        }
                    }
                    Err((id, reason)) => report.refuse(kind, id.as_deref(), &reason, &origin)?,
                }
            }
        }
        Ok(())
    }
}

fn read(file: &Path) -> Result<Vec<u8>, String> {
    let failed = |error: std::io::Error| match error.kind() {
        std::io::ErrorKind::NotFound => "there is no such file".to_owned(),
        _ => format!("can't be read: {error}"),
    };
    if std::fs::metadata(file).map_err(failed)?.len() > sheet::FILE_MAX as u64 {
        return Err(sheet::SheetError::TooLarge.to_string());
    }
    std::fs::read(file).map_err(failed)
}
