//! `outrigger policy …`: what a policy's author needs besides cargo.

use std::{
    fs,
    path::{Path, PathBuf},
};

use clap::Subcommand;

use outrigger::cli::finish;
use sandbox::LoadError;

use super::{Stop, say};

mod build;
mod changes;
mod dev;
mod inspect;
mod new;
mod precompile;
mod sign;
mod test;

pub(super) use sign::keys;

/// Work on a policy.
#[derive(Debug, Subcommand)]
pub(super) enum Task {
    /// Writes a crate for a new policy, which builds and passes its own test; a workspace of them
    /// for several.
    New {
        /// The policies' names, and their directories'.
        #[arg(required = true)]
        name: Vec<String>,
        /// Directory of the SDK's sources. Default: those beside this executable, else the
        /// published crate.
        #[arg(long)]
        sdk: Option<PathBuf>,
    },
    /// Builds a policy's crate, or those of a workspace, into NAME.wasm there.
    Build {
        /// The crate's directory.
        #[arg(default_value = ".")]
        path: PathBuf,
        /// Directory to build in. Default: CARGO_TARGET_DIR, else one in the user's cache, which all
        /// policies share; it may be deleted at any time.
        #[arg(long, value_name = "DIR")]
        target_dir: Option<PathBuf>,
    },
    /// Builds a policy at each change of its sources, runs its cases, and puts it where a sidecar
    /// serves it if they pass; until it is interrupted.
    Dev(dev::Dev),
    /// Runs a file of cases against a policy, in the real sandbox.
    Test(test::Test),
    /// Prints a policy's manifest, capabilities, hooks and size.
    Inspect {
        /// The policy.
        wasm: PathBuf,
        /// Its configuration as JSON, where it can't do without. Default: the `config:` of
        /// NAME.cases.yaml beside it.
        #[arg(long, value_name = "JSON")]
        policy_config: Option<String>,
    },
    /// Compiles the functions of policies ahead, into files that spare pods of this processor's kind
    /// the compiling: for DIR/share/outrigger/functions where DIR/bin/outrigger is.
    Precompile {
        /// The policies.
        #[arg(required = true)]
        wasm: Vec<PathBuf>,
        /// Directory of the files, one a policy. Made where it is not there.
        #[arg(long, value_name = "DIR")]
        into: PathBuf,
    },
    /// Makes a pair of keys: NAME.key, which signs and stays with you, and NAME.pub, for
    /// `policies.signers`.
    Keygen(sign::Keygen),
    /// Signs a policy: writes FILE.wasm.sig beside it.
    Sign(sign::Sign),
    /// Tells whether a policy's signature holds.
    Verify(sign::Verify),
}

pub(super) fn run(task: &Task) -> Result<(), Stop> {
    // These compile in this process.
    if matches!(task, Task::Precompile { .. } | Task::Sign(_)) {
        sandbox::at_panic(|why| {
            let said = format!("the policy {}", LoadError::Unsupported(why));
            let _ = finish(Err(Stop::Mistake(said)));
            2
        });
    }
    let answer = match task {
        Task::New { name, sdk } => new::write(Path::new(""), name, sdk.as_deref()),
        Task::Build { path, target_dir } => build::build_crates(path, target_dir.as_deref()),
        Task::Dev(arguments) => match dev::develop(arguments)? {},
        Task::Test(arguments) => return say(&(test::test(arguments)? + "\n")),
        Task::Inspect {
            wasm,
            policy_config,
        } => inspect::describe(wasm, policy_config.as_deref()),
        Task::Precompile { wasm, into } => precompile::write(wasm, into),
        Task::Keygen(arguments) => sign::keygen(arguments),
        Task::Sign(arguments) => sign::sign(arguments),
        Task::Verify(arguments) => sign::verify(arguments),
    };
    say(&format!("{}\n", answer.map_err(Stop::Mistake)?))
}

/// Writes a file whole or not at all: others may be reading it, or its directory.
fn replace(path: &Path, bytes: &[u8]) -> Result<(), String> {
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    let partial = path.with_file_name(format!(".{name}.{}", std::process::id()));
    fs::write(&partial, bytes)
        .and_then(|()| fs::rename(&partial, path))
        .map_err(|error| format!("{}: {error}", path.display()))
}
