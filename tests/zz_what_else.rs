//! The last thing that plain `cargo test` says: what it did not cover.

#![allow(missing_docs, clippy::print_stdout, reason = "it is there to print")]

fn main() {
    if std::env::var_os("WAYBIND_FULL").is_none() {
        println!(
            "\nNot covered here, but by tests/run: the pages in a browser, scanners on the kernel's own drivers with a power cut,"
        );
        println!(
            "jumping clocks, 100 kills instead of 5, 2,000 random sequences instead of 200, 10,000 rubbish requests instead of\n600; formatting and lints.\n"
        );
    }
}
