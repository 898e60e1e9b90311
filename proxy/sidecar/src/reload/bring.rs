//! Loading of one policy file: its cases first, then the policy itself.

use std::{fmt::Display, path::Path, sync::Arc};

use policy::{LoadedPolicy, Program};
use semver::Version;

use super::{rehearsal::rehearse, scan::PolicyFile};
use crate::{
    config::{Use, cases::Cases},
    exchange::report::PolicyReporter,
    signing::Refused,
    telemetry::metrics::PolicyMeter,
};
use sandbox::{Loader, Source};

/// Loads the very bytes whose hash was judged: they are read once, and checked against it.
///
/// # Errors
/// The reason why it does not serve, in a sentence that follows the policy's name.
pub(super) fn bring(
    loader: &Loader,
    wanted: &Use,
    found: &PolicyFile,
    signed: Option<&Version>,
) -> Result<Arc<LoadedPolicy>, String> {
    let at = |path: &Path, why: &dyn Display| format!("{}: {why}", path.display());
    let bytes = found.read().map_err(|error| at(&found.path, &error))?;
    let source = |config: &str| Source {
        name: wanted.name.clone(),
        bytes: bytes.clone(),
        config: config.to_owned(),
        grants: wanted.grants.clone(),
        limits: wanted.limits.clone(),
    };
    let path = found.cases_path();
    if let Some(text) = found.read_cases().map_err(|error| at(&path, &error))? {
        let cases = Cases::parse(&text).map_err(|error| at(&path, &error))?;
        let load = |config: &serde_json::Value, host| -> Result<Arc<dyn Program>, String> {
            let mut source = source(&config.to_string());
            source.grants = cases.answering(source.grants);
            let loaded = loader.load_apart(source, host);
            Ok(loaded.map_err(|error| error.to_string())?)
        };
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_time()
            .build()
            .map_err(|error| format!("no runtime to rehearse in: {error}"))?;
        let misses = runtime.block_on(rehearse(&cases, &wanted.limits, load))?;
        if let Some(miss) = misses.first() {
            let (number, case, what) = (misses.len(), &miss.case, &miss.what);
            let why = format!("{number} of its cases fail, first `{case}`: {what}");
            return Err(at(&path, &why));
        }
    }
    let program: Arc<dyn Program> = loader
        .load(source(&wanted.config))
        .map_err(|error| error.to_string())?;
    let version: Arc<str> = program.manifest().version.as_str().into();
    if let Some(signed) = signed
        && signed.to_string() != *version
    {
        let (signed, own) = (signed.clone(), version.to_string());
        return Err(Refused::Version { signed, own }.to_string());
    }
    let meter = PolicyMeter::new(&wanted.name, &version);
    Ok(Arc::new(LoadedPolicy {
        listener: Arc::new(PolicyReporter::new(meter)),
        name: wanted.name.as_str().into(),
        version,
        program,
        on_error: wanted.on_error,
        on_unseen: wanted.on_unseen.clone(),
        limits: wanted.limits.clone(),
        quarantine: Default::default(),
        calls: Default::default(),
        faults: Default::default(),
    }))
}

/// The same program under other rules.
pub(super) fn with_rules(policy: &LoadedPolicy, wanted: &Use) -> LoadedPolicy {
    LoadedPolicy {
        name: Arc::clone(&policy.name),
        listener: Arc::clone(&policy.listener),
        version: Arc::clone(&policy.version),
        program: Arc::clone(&policy.program),
        on_error: wanted.on_error,
        on_unseen: wanted.on_unseen.clone(),
        limits: wanted.limits.clone(),
        quarantine: Default::default(),
        calls: Default::default(),
        faults: Default::default(),
    }
}
