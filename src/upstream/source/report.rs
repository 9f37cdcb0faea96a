//! What became of a file, line by line, beside it.

use std::fs::File;
use std::io::{self, BufWriter, Write};
use std::path::{Path, PathBuf};

use super::Taken;
use crate::codec::sheet::{BOM, csv_line};

/// The report while the file is read: hidden, so that it is not taken for a file itself.
const PART: &str = ".waybind-report.part";

/// A report that is being written.
pub(super) struct Report {
    part: PathBuf,
    out: BufWriter<File>,
    /// Things that were refused, or the file itself.
    pub(super) refused: u64,
}

/// A line of the report.
#[derive(Default)]
pub(super) struct ReportLine<'l> {
    pub(super) sheet: &'l str,
    pub(super) rows: &'l [u32],
    pub(super) kind: &'l str,
    pub(super) id: &'l str,
}

impl Report {
    pub(super) fn begin(folder: &Path) -> io::Result<Report> {
        let part = folder.join(PART);
        // many may write into the folder: what stands under this name is never written through, a link least of all
        match std::fs::remove_file(&part) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
            _ => {}
        }
        let mut out = BufWriter::new(File::create_new(&part)?);
        out.write_all(BOM)?;
        out.write_all(csv_line(["sheet", "rows", "kind", "id", "result", "reason"]).as_bytes())?;
        Ok(Report { part, out, refused: 0 })
    }

    /// Tells what became of a thing.
    pub(super) fn tell(&mut self, line: &ReportLine<'_>, taken: &Taken) -> io::Result<()> {
        let (result, reason) = match taken {
            Taken::Created => ("created", ""),
            Taken::Updated => ("updated", ""),
            Taken::Unchanged => ("unchanged", ""),
            Taken::Waits(_, reason) => ("waiting", reason.as_str()),
            Taken::Refused(reason) | Taken::Heard(reason) => ("refused", reason.as_str()),
        };
        self.refused += u64::from(result == "refused");
        let rows: Vec<String> = line.rows.iter().map(u32::to_string).collect();
        let text = csv_line([line.sheet, &rows.join(" "), line.kind, line.id, result, reason]);
        self.out.write_all(text.as_bytes())
    }

    /// Tells something about the file.
    pub(super) fn note(&mut self, sheet: &str, result: &str, text: &str) -> io::Result<()> {
        self.refused += u64::from(result == "refused");
        self.out.write_all(csv_line([sheet, "", "", "", result, text]).as_bytes())
    }

    /// Puts the report under its name.
    pub(super) fn end(mut self, path: &Path) -> io::Result<()> {
        self.out.flush()?;
        self.out.get_ref().sync_all()?;
        std::fs::rename(&self.part, path)
    }
}
