//! Admission of a file, before anything of it is compiled or run.

use crate::{
    config::Use,
    reload::scan::PolicyFile,
    signing::{Digest, Refused, Seen, Subject, Trust, Verified},
};

/// Checks a file before anything of it is compiled: its digest against the chain's pin, its
/// signature against the trusted keys, and its version against rollback.
///
/// # Errors
/// The reason why it may not.
pub(crate) fn admitted(
    trust: &Trust,
    seen: &Seen,
    wanted: &Use,
    found: &PolicyFile,
    hash: &Digest,
) -> Result<Option<Verified>, Refused> {
    let signed = trust.judge(&Subject {
        name: &wanted.name,
        sha256: hash,
        cases: found.cases.as_ref().and_then(|cases| cases.as_ref().ok()),
        signature: &found.signature,
        pin: wanted.sha256.as_ref(),
    })?;
    if let Some(signed) = &signed
        && trust.rollback_guard
        && !wanted.allow_rollback
    {
        seen.judge(&wanted.name, signed)?;
    }
    Ok(signed)
}
