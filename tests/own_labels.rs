//! A carrier's own label on printers of other languages.
