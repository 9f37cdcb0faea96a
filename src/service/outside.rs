//! Labels from outside: their files are kept with the fact that names them, found again to be printed, and drawn for
//! printers that don't speak their language.

use std::sync::Arc;

use data_encoding::BASE64;

use super::spool::{Made, tspl_settings, zpl_settings};
use super::{Core, unreadable};
use crate::codec::outside::{Drawn, Paper};
use crate::codec::{Bitmap, dots_pdf, tspl, zpl};
use crate::config::{PrinterLanguage, PrinterProfile};

use crate::domain::event::Event;
use crate::domain::ids::WaybillNo;
use crate::domain::printing::{PrintJob, PrintTrouble};
use crate::domain::upstream::Outcome;
use crate::domain::work::{LabelFile, WaybillLabel};
use crate::label::Resolution;
use crate::ledger::{LedgerError, Reader, WriteTransaction};
use crate::print::Printer;
use crate::web::backend::{LABEL_DOTS, apart};

/// Keeps a label's file if the waybill that it came with was taken.
pub(super) fn keep(transaction: &mut WriteTransaction<'_>, file: Option<&LabelFile>, outcome: &Outcome) {
    let Some(file) = file else { return };
    for event in outcome.events() {
        if let Event::WaybillPut { waybill } = event
            && let Some(sha256) = waybill.label.as_ref().and_then(|label| label.sha256.as_ref())
        {
            transaction.keep_file(sha256, &file.bytes);
        }
    }
}

/// A label's file; none where it is not kept any more.
///
/// # Errors
/// The ledger can't be read.
pub(super) fn file(reader: &Reader, label: &WaybillLabel) -> Result<Option<Vec<u8>>, LedgerError> {
    match &label.sha256 {
        Some(sha256) => reader.file(sha256),
        None => Ok(label.data_base64.as_ref().and_then(|text| BASE64.decode(text.as_bytes()).ok())),
    }
}

/// How much longer than wide the paper of an office printer is.
const OFFICE_SHAPE: f64 = std::f64::consts::SQRT_2;

/// A label from outside, and how it is drawn.
pub(super) struct Drawing {
    number: WaybillNo,
    format: String,
    bytes: Vec<u8>,
    paper: Paper,
    job: PrintJob,
    profile: Arc<PrinterProfile>,
}

/// What becomes of a label from outside at a printer: as it came where the printer takes that, else it is drawn.
///
/// # Errors
/// It is not kept any more, or the printer can't print it.
pub(super) fn made(
    core: &Core,
    number: WaybillNo,
    label: &WaybillLabel,
    job: &PrintJob,
    printer: &Printer,
) -> Result<Made, PrintTrouble> {
    let profile = &printer.profile;
    let speaks = profile.language.as_str();
    let is_as_it_comes = label.format == speaks;
    if !is_as_it_comes && matches!(label.format.as_str(), "zpl" | "tspl") {
        return Err(PrintTrouble::OtherLanguage { label: label.format.clone(), printer: speaks.to_owned() });
    }
    let file = file(&core.parts.reader, label).map_err(|error| PrintTrouble::Label(unreadable(error).0))?;
    let bytes = file.ok_or_else(|| PrintTrouble::Label("the carrier's label is not kept any more".into()))?;
    if is_as_it_comes {
        return Ok(Made::Job(bytes));
    }
    let paper = paper(core, job, printer).map_err(PrintTrouble::Label)?;
    let (format, job, profile) = (label.format.clone(), job.clone(), profile.clone());
    Ok(Made::Drawing(Box::new(Drawing { number, format, bytes, paper, job, profile })))
}

/// The paper in a printer: what the configuration says; for a label printer else that of the job's template.
fn paper(core: &Core, job: &PrintJob, printer: &Printer) -> Result<Paper, String> {
    let profile = &printer.profile;
    let size_mm = match (printer.paper_mm, profile.language) {
        (Some(size), _) => size,
        (None, PrinterLanguage::Pdf) => [profile.width_mm, profile.width_mm * OFFICE_SHAPE],
        (None, PrinterLanguage::Zpl | PrinterLanguage::Tspl) => {
            let press = core.parts.press.press()?;
            press.template(&job.template).map_err(|error| error.to_string())?.template.size
        }
    };
    Ok(Paper { size_mm, resolution: Resolution::from_dpi(profile.dpi).unwrap_or(Resolution::DPI_203) })
}

impl Drawing {
    /// The job's bytes. A page is drawn in a process of its own, then its number is read back from the very dots.
    ///
    /// # Errors
    /// Why it can't be printed, for people.
    pub(super) fn job(self) -> Result<Vec<u8>, String> {
        let Paper { size_mm: [width, height], resolution } = self.paper;
        let words = [resolution.dpi().to_string(), width.to_string(), height.to_string()];
        let words = [LABEL_DOTS, &self.format, &words[0], &words[1], &words[2]];
        let pages: Vec<(u32, u32, String)> = apart(&words, &self.bytes)?;
        let page = |(width, height, rows): &(u32, u32, String)| {
            Bitmap::from_rows(*width, *height, BASE64.decode(rows.as_bytes()).ok()?)
        };
        let pages: Option<Vec<Bitmap>> = pages.iter().map(page).collect();
        let pages = pages.ok_or("the label's drawer answered something else")?;
        // an office printer's sheet is as large as the label: it lies on whatever paper there is
        let paper = (self.profile.language != PrinterLanguage::Pdf).then_some([width, height]);
        let drawn = Drawn::prove(pages, paper, resolution, self.number.as_str()).map_err(|error| error.to_string())?;
        Ok(match self.profile.language {
            PrinterLanguage::Pdf => dots_pdf(&drawn),
            PrinterLanguage::Zpl => zpl(&drawn, zpl_settings(&self.job, &self.profile)),
            PrinterLanguage::Tspl => tspl(&drawn, tspl_settings(&self.profile)),
        })
    }
}
