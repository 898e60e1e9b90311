//! `outrigger policy precompile`: native code of policies, made where an image is built.

use std::{
    fs,
    path::{Path, PathBuf},
};

/// Writes a file of compiled functions for each policy.
pub(super) fn write(policies: &[PathBuf], into: &Path) -> Result<String, String> {
    for file in policies {
        let at = |error: &dyn std::fmt::Display| format!("{}: {error}", file.display());
        let policy = fs::read(file).map_err(|error| at(&error))?;
        sandbox::precompile(&policy, into).map_err(|error| at(&error))?;
    }
    let count = policies.len();
    Ok(format!(
        "compiled the functions of {count} policies into {}",
        into.display()
    ))
}
