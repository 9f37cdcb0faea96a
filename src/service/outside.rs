//! Labels from outside: their files are kept with the fact that names them, and found again to be printed.

use data_encoding::BASE64;

use crate::domain::event::Event;
use crate::domain::upstream::Outcome;
use crate::domain::work::{LabelFile, WaybillLabel};
use crate::ledger::{LedgerError, Reader, WriteTransaction};

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
