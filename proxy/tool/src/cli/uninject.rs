//! `outrigger uninject`: a filter that takes away what `inject` added.

use std::path::PathBuf;

use super::{
    Stop,
    inject::{manifest, print},
};
use crate::inject;

#[derive(Debug, clap::Args)]
pub(super) struct Arguments {
    /// The manifest; `-` or left out: standard input.
    #[arg(short, long, value_name = "FILE")]
    file: Option<PathBuf>,
}

pub(super) fn uninject(arguments: &Arguments) -> Result<(), Stop> {
    let outcome = inject::uninject(&manifest(arguments.file.as_deref())?);
    print(outcome, "no pod is in the manifest: nothing was taken away")
}
