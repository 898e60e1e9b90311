//! Half-delivered policies: a module and its signature are two files, of which one may arrive
//! first.
//!
//! A module whose signature does not fit it yet is left out of a change for a moment (its former
//! version counts), so that a copy of two files is one reload and no alarm. A pair that does not
//! fit after that is reported as it is. Nothing is verified here: that is for whoever loads it.

use std::{collections::BTreeMap, time::Duration};

use tokio::time::Instant;

use super::scan::{PolicyFile, Scan};
use crate::signing::{Beside, Signature};

/// Time that a module waits for its signature.
const GRACE: Duration = Duration::from_secs(2);

/// Modules that wait, and the start of their waits.
#[derive(Debug, Default)]
pub(super) struct Waiting(BTreeMap<String, Instant>);

impl Waiting {
    /// Replaces each module that waits by its entry in `seen`. Returns the time of the next scan,
    /// where something waits.
    pub(super) fn leave_out(
        &mut self,
        scan: &mut Scan,
        seen: &Scan,
        now: Instant,
    ) -> Option<Instant> {
        let halves: Vec<String> = scan
            .policies
            .values()
            .filter(|file| is_half(file))
            .filter(|file| (seen.policies.get(&file.name)).is_none_or(|seen| !seen.is_same(file)))
            .map(|file| file.name.clone())
            .collect();
        self.0.retain(|name, _| halves.contains(name));
        let mut next: Option<Instant> = None;
        for name in halves {
            let until = *self.0.entry(name.clone()).or_insert(now) + GRACE;
            if until <= now {
                continue; // reported as it is; from then on it is what was seen
            }
            next = Some(next.map_or(until, |next| next.min(until)));
            match seen.policies.get(&name) {
                Some(former) => scan.policies.insert(name, former.clone()),
                None => scan.policies.remove(&name),
            };
        }
        next
    }
}

/// Reports whether its signature is not there, or is that of other files.
fn is_half(file: &PolicyFile) -> bool {
    let Ok(hash) = &file.content else {
        return false; // no signature makes a policy of it
    };
    let said = match &file.signature {
        Beside::File(bytes) => match Signature::parse(bytes) {
            Ok(signature) => signature.statement,
            Err(_) => return true,
        },
        Beside::Nothing | Beside::Unusable(_) => return true,
    };
    let other_cases = match &file.cases {
        Some(Ok(cases)) => said.cases.as_ref() != Some(cases),
        Some(Err(_)) | None => false,
    };
    said.sha256 != *hash || other_cases
}
