//! Tools that are no part of waybind and check it from outside; `tests/run` installs them and names their
//! folder in `WAYBIND_TOOLS`.

use std::path::PathBuf;

fn tool(way: &str) -> Option<PathBuf> {
    let wanted = std::env::var_os("WAYBIND_FULL").is_some();
    let path = std::env::var_os("WAYBIND_TOOLS").map(|tools| PathBuf::from(tools).join(way));
    let there = path.filter(|path| path.exists());
    assert!(there.is_some() || !wanted, "{way} is not in WAYBIND_TOOLS; tests/run installs it");
    there
}

/// A Python with the libraries that verify what waybind sends; none on a machine where nobody ran `tests/run`.
pub fn python() -> Option<PathBuf> {
    tool("venv/bin/python")
}

/// GS1's JSON schema of EPCIS 2.0 documents.
pub fn epcis_schema() -> Option<PathBuf> {
    tool("epcis/package/src/schema/EPCISDocument.schema.json")
}
