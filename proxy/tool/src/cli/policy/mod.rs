//! `outrigger policy …`: what a policy's author needs besides cargo.

use std::path::PathBuf;

use clap::Subcommand;

use super::{Stop, say};

mod build;
mod inspect;
mod new;
mod precompile;
mod sign;
mod test;

pub(super) use sign::keys;

/// Work on a policy.
#[derive(Debug, Subcommand)]
pub(super) enum Task {
    /// Writes a crate for a new policy, which builds and passes its own test.
    New {
        /// The policy's name, and the directory's.
        name: String,
        /// Directory of the SDK's sources. Default: those beside this executable, else the
        /// published crate.
        #[arg(long)]
        sdk: Option<PathBuf>,
    },
    /// Builds a policy's crate into a `.wasm` file.
    Build {
        /// The crate's directory.
        #[arg(default_value = ".")]
        path: PathBuf,
    },
    /// Runs a file of cases against a policy, in the real sandbox.
    Test(test::Test),
    /// Prints a policy's manifest, capabilities, hooks and size.
    Inspect {
        /// The policy.
        wasm: PathBuf,
        /// Its configuration as JSON, where it can't do without.
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
    let answer = match task {
        Task::New { name, sdk } => new::write_crate(name, sdk.as_deref()),
        Task::Build { path } => build::build_crate(path),
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
