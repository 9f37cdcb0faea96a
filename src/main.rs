//! The `waybind` program; everything is in the library.

use std::process::ExitCode;

fn main() -> ExitCode {
    waybind::cli::run()
}
