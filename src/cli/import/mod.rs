//! `import`: what upstream describes, from JSON files, workbooks and text tables; line by line what was taken and what was
//! refused.

mod json;
mod report;
mod table;

use std::path::{Path, PathBuf};

use self::json::Objects;
use self::report::Report;
use self::table::Table;
use super::client::Client;
use super::client::display;
use super::{Failure, Target, runtime};
use crate::codec::sheet;
use crate::config::headers;
use crate::intake::{Dictionary, Kind};

/// A file that was looked through, before anything of any file is taken.
enum Source {
    Json(Objects),
    Table(Box<Table>),
}

pub(super) fn import(files: &[PathBuf], mapping: Option<&Path>, target: &Target) -> Result<(), Failure> {
    let config = target.load()?;
    let dictionary = headers(mapping).map_err(|error| Failure::Usage(error.to_string()))?;
    let is_new = !config.data.exists();
    let mut sources = files.iter().map(|file| Source::open(file, &dictionary)).collect::<Result<Vec<_>, Failure>>()?;
    let rows = sources.iter().map(Source::rows).sum();
    let zone = config.zone();
    let refused = runtime()?.block_on(async {
        let mut report = Report::new(Client::connect(&config).await?, target.json, rows);
        for source in &sources {
            if let Source::Table(table) = source {
                table.tell_notes(&mut report)?;
            }
        }
        for kind in Kind::ALL {
            for source in &mut sources {
                match source {
                    Source::Json(objects) => objects.send(kind, &mut report).await?,
                    Source::Table(table) => table.send(kind, &zone, &mut report).await?,
                }
                report.flush().await?;
            }
        }
        report.end();
        Ok::<usize, Failure>(report.refused())
    })?;
    if is_new {
        eprintln!("waybind: the data folder {} was made", config.data.display());
    }
    if refused > 0 { Err(Failure::Failed(format!("{refused} object(s) were refused"))) } else { Ok(()) }
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
    std::io::Write::write_all(&mut made, &bytes).map_err(|error| failed(&error))
}

impl Source {
    fn open(file: &Path, dictionary: &Dictionary) -> Result<Source, Failure> {
        let failed = |message: String| Failure::Failed(format!("{}: {message}", file.display()));
        let extension = file.extension().and_then(|extension| extension.to_str()).unwrap_or_default().to_lowercase();
        match extension.as_str() {
            "xlsx" | "xlsm" | "csv" | "tsv" | "txt" => {
                let bytes = read(file).map_err(failed)?;
                let is_workbook = extension.starts_with("xls");
                Table::open(file, bytes, is_workbook, dictionary).map(|table| Source::Table(Box::new(table)))
            }
            "xls" | "ods" | "xlsb" => Err(failed("this kind of workbook is not read; save it as .xlsx".into())),
            _ => Objects::read(file, read(file).map_err(failed)?).map(Source::Json).map_err(failed),
        }
    }

    fn rows(&self) -> u64 {
        match self {
            Source::Json(_) => 0,
            Source::Table(table) => table.rows(),
        }
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
