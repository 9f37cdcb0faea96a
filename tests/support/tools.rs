//! Tools that are no part of waybind and check it from outside; `tests/run` installs them.

use std::path::PathBuf;

fn tool(way: &str) -> Option<PathBuf> {
    let home = std::env::var_os("HOME")?;
    let path = PathBuf::from(home).join(".cache/waybind-tools").join(way);
    let wanted = std::env::var_os("WAYBIND_FULL").is_some();
    assert!(path.exists() || !wanted, "{} is not there; tests/run installs it", path.display());
    path.exists().then_some(path)
}

/// A Python with the libraries that verify what waybind sends; none on a machine where nobody ran `tests/run`.
pub fn python() -> Option<PathBuf> {
    tool("venv/bin/python")
}

/// GS1's JSON schema of EPCIS 2.0 documents.
pub fn epcis_schema() -> Option<PathBuf> {
    tool("epcis/package/src/schema/EPCISDocument.schema.json")
}
