//! `outrigger policy test`: a policy's cases in the real sandbox, without a network.

use std::{
    fs,
    path::{Path, PathBuf},
    sync::Arc,
    thread,
    time::{Duration, SystemTime},
};

use clap::Args;
use outrigger::{
    config::cases::{self, Cases},
    reload::rehearsal::rehearse,
};
use policy::{PolicyLimits, Program};
use sandbox::Loader;

use super::{
    super::{Stop, say},
    inspect::{loader, source},
};

/// Time between two looks at the files.
const LOOK: Duration = Duration::from_millis(500);

#[derive(Debug, Args)]
pub(in super::super) struct Test {
    /// The policy.
    #[arg(required_unless_present = "schema")]
    wasm: Option<PathBuf>,
    /// The cases.
    #[arg(required_unless_present = "schema")]
    cases: Option<PathBuf>,
    /// Runs the cases again whenever one of the files changes, until it is interrupted.
    #[arg(long, conflicts_with = "schema")]
    watch: bool,
    /// Prints the JSON Schema of a file of cases, for editors.
    #[arg(long)]
    schema: bool,
}

pub(super) fn test(arguments: &Test) -> Result<String, Stop> {
    let Test {
        wasm: Some(module),
        cases: Some(file),
        watch,
        schema: false,
    } = arguments
    else {
        return Ok(cases::schema());
    };
    let loader = loader().map_err(Stop::Mistake)?;
    if *watch {
        return run_at_changes(&loader, module, file);
    }
    run_cases(&loader, module, file).map_err(Stop::Mistake)
}

/// Runs the cases now and at each change of a file. Ends only where nobody can read the result.
fn run_at_changes(loader: &Loader, module: &Path, file: &Path) -> Result<String, Stop> {
    let stamps = || [stamp(module), stamp(file)];
    let mut ran = None;
    let mut before = stamps();
    loop {
        let stamps = stamps();
        // Two looks that see the same: whoever writes the files has finished.
        let quiet = stamps == before && stamps.iter().all(Option::is_some);
        if (quiet || ran.is_none()) && ran != Some(stamps) {
            match run_cases(loader, module, file) {
                Ok(passed) => say(&format!("{passed}\n"))?,
                Err(failed) => say(&format!("{failed}\n"))?,
            }
            ran = Some(stamps);
        }
        before = stamps;
        thread::sleep(LOOK);
    }
}

/// The time and the size by which a change of a file is seen; none where it is not there.
fn stamp(path: &Path) -> Option<(SystemTime, u64)> {
    let found = fs::metadata(path).ok()?;
    Some((found.modified().ok()?, found.len()))
}

/// Runs a policy's cases in the real host.
pub(super) fn run_cases(loader: &Loader, module: &Path, file: &Path) -> Result<String, String> {
    let cases = Cases::read(file)?;
    let bytes = fs::read(module).map_err(|error| format!("{}: {error}", module.display()))?;
    let grants = cases.grants();
    let limits = PolicyLimits {
        wall: Duration::from_secs(5),
        ..PolicyLimits::default()
    };
    let load = |config: &serde_json::Value, host| -> Result<Arc<dyn Program>, String> {
        let source = source(
            module,
            bytes.clone(),
            config,
            grants.clone(),
            limits.clone(),
        );
        let loaded = loader.load_apart(source, host);
        Ok(loaded.map_err(|error| format!("{}: {error}", module.display()))?)
    };
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_time()
        .build()
        .map_err(|error| error.to_string())?;
    let misses = runtime.block_on(rehearse(&cases, &limits, load))?;
    if misses.is_empty() {
        return Ok(format!("{} cases pass", cases.cases.len()));
    }
    let lines: Vec<String> = misses
        .iter()
        .map(|miss| format!("\n  {}: {}", miss.case, miss.what))
        .collect();
    Err(format!(
        "{} of {} cases of {} fail{}",
        misses.len(),
        cases.cases.len(),
        file.display(),
        lines.concat()
    ))
}
