//! `bench`.

use super::Failure;

/// How to measure.
#[derive(clap::Args)]
pub(super) struct Settings {}

pub(super) fn bench(_settings: &Settings) -> Result<(), Failure> {
    Ok(())
}
