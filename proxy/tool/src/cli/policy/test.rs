//! `outrigger policy test`: a policy's cases in the real sandbox, without a network.

use std::{
    collections::BTreeSet,
    fs,
    path::{Path, PathBuf},
    sync::Arc,
    time::Duration,
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
    changes::{Rounds, at_each_change},
    inspect::{loader, source},
};

#[derive(Debug, Args)]
pub(in super::super) struct Test {
    /// The policy.
    #[arg(required_unless_present = "schema")]
    wasm: Option<PathBuf>,
    /// The cases. Default: NAME.cases.yaml beside NAME.wasm.
    cases: Option<PathBuf>,
    /// Runs the cases again whenever one of the files changes, until it is interrupted.
    #[arg(long, conflicts_with = "schema")]
    watch: bool,
    /// Prints the JSON Schema of a file of cases, for editors.
    #[arg(long, conflicts_with = "wasm")]
    schema: bool,
}

pub(super) fn test(arguments: &Test) -> Result<String, Stop> {
    let Some(module) = &arguments.wasm else {
        return Ok(cases::schema()); // without a policy there is `--schema`
    };
    let file = (arguments.cases.clone()).unwrap_or_else(|| cases_of(module));
    let loader = loader().map_err(Stop::Mistake)?;
    if arguments.watch {
        let mut changing = Changing {
            loader: &loader,
            module,
            file: &file,
        };
        match at_each_change(&mut changing)? {}
    }
    run_file(&loader, module, &file).map_err(Stop::Mistake)
}

/// The policy and its cases, for as long as they change.
struct Changing<'a> {
    loader: &'a Loader,
    module: &'a Path,
    file: &'a Path,
}

impl Rounds for Changing<'_> {
    fn files(&self) -> BTreeSet<PathBuf> {
        [self.module, self.file].map(Path::to_owned).into()
    }

    fn round(&mut self) -> Result<BTreeSet<PathBuf>, Stop> {
        match run_file(self.loader, self.module, self.file) {
            Ok(passed) => say(&format!("{passed}\n"))?,
            Err(failed) => say(&format!("{failed}\n"))?,
        }
        Ok(BTreeSet::new())
    }
}

/// The file of cases beside a policy: `NAME.cases.yaml` of `NAME.wasm`.
pub(super) fn cases_of(module: &Path) -> PathBuf {
    module.with_extension("cases.yaml")
}

fn run_file(loader: &Loader, module: &Path, file: &Path) -> Result<String, String> {
    let bytes = fs::read(module).map_err(|error| format!("{}: {error}", module.display()))?;
    run_cases(loader, module, &bytes, file)
}

/// Runs a policy's cases in the real host.
pub(super) fn run_cases(
    loader: &Loader,
    module: &Path,
    bytes: &[u8],
    file: &Path,
) -> Result<String, String> {
    let cases = Cases::read(file)?;
    let grants = cases.grants();
    let limits = PolicyLimits {
        wall: Duration::from_secs(5),
        ..PolicyLimits::default()
    };
    let load = |config: &serde_json::Value, host| -> Result<Arc<dyn Program>, String> {
        let source = source(
            module,
            bytes.to_vec(),
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
