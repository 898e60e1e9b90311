//! Rights that the process gives up at its start: core dumps, new privileges, and (where the kernel
//! has Landlock) every file and port that its configuration does not name.
//!
//! Landlock binds the thread that requests it and those that it starts afterwards (all threads at
//! once only from ABI 8 on), so [`start`] is called while there is one thread: after the
//! configuration is read, before the log's own thread. What was given up can't be had back: a
//! reload that needs more is refused by [`admits`] as a whole, with what to do, rather than failing
//! in its exchanges.
//!
//! It is no sandbox for policies (that is wasm's), and no defence against a kernel's mistakes.

use std::{path::Path, sync::OnceLock};

use rustix::process::{DumpableBehavior, Resource, Rlimit};

use crate::{
    config::{Config, Landlock},
    telemetry::metrics,
};

mod needs;
mod ruleset;

use needs::Needs;
use ruleset::{Enforced, Restriction};

/// The needs that the kernel grants this process, for its whole life; empty where nothing is
/// enforced.
static GRANTED: OnceLock<Needs> = OnceLock::new();

/// Gives up what `config`, read from `file`, does not need. To be called while the process has one
/// thread.
///
/// # Errors
/// A sentence: `harden.landlock: require`, and the kernel can't.
pub(crate) fn start(config: &Config, file: &Path) -> Result<Restriction, String> {
    no_dumps();
    if config.harden.landlock == Landlock::Off {
        return Ok(Restriction::none());
    }
    // The code cache is made at its first use: too late, once only what is there can be granted.
    let _ = private_directory(&config.policies.cache);
    if config.listen.intercepts() {
        // The CA itself reports what is wrong with them.
        let _ = private_directory(&config.ca.directory);
        let _ = std::fs::create_dir_all(&config.ca.bundle);
    }
    let needs = Needs::of(config, file).resolved();
    let restriction = ruleset::restrict_thread(&needs);
    if config.harden.landlock == Landlock::Require && restriction.abi < ruleset::NETWORK {
        return Err(format!(
            "`harden.landlock` is `require`, and this kernel has {}; run on Linux 6.7 or later with Landlock on, or write `landlock: auto`",
            match restriction.abi {
                0 => "no Landlock".to_owned(),
                abi => format!("Landlock's ABI {abi}, which knows no ports"),
            }
        ));
    }
    if restriction.enforced != Enforced::None {
        let _ = GRANTED.set(needs);
    }
    Ok(restriction)
}

/// Logs and counts the enforced restriction. Apart from [`start`], which comes before the log.
pub(crate) fn report(restriction: &Restriction) {
    metrics::landlock(restriction.abi);
    let enforced = restriction.enforced.name();
    tracing::info!(abi = restriction.abi, enforced, "landlock");
}

/// Gives up, in the process that compiles a policy, what it has besides its inherited restriction:
/// every port, and starting programs.
pub fn child() {
    no_dumps();
    ruleset::child();
}

/// Checks that this process still has what `next` needs.
///
/// # Errors
/// A sentence for each thing that it gave up at its start.
pub(crate) fn admits(next: &Config, file: &Path) -> Result<(), Vec<String>> {
    let Some(granted) = GRANTED.get() else {
        return Ok(());
    };
    let beyond = Needs::of(next, file).resolved().beyond(granted);
    if beyond.is_empty() {
        Ok(())
    } else {
        Err(beyond)
    }
}

/// A sentence to add to a complaint about a file that can't be read: Landlock looks like missing
/// permissions. None where it is not enforced.
pub(crate) fn hint() -> Option<&'static str> {
    GRANTED.get().map(|_| {
        "landlock leaves this process the directories that its configuration named at its start; restart to have others"
    })
}

/// Memory holds keys and prompts: it is in no core dump, and another process of the same user can't
/// attach (prctl(2), `PR_SET_DUMPABLE`).
fn no_dumps() {
    let none = Rlimit {
        current: Some(0),
        maximum: Some(0),
    };
    // None of the three can fail for a process that lowers its own; an old kernel without them is
    // as safe as it was.
    let _ = rustix::process::setrlimit(Resource::Core, none);
    let _ = rustix::process::set_dumpable_behavior(DumpableBehavior::NotDumpable);
    let _ = rustix::thread::set_no_new_privs(true);
}

fn private_directory(path: &Path) -> std::io::Result<()> {
    use std::os::unix::fs::DirBuilderExt;
    std::fs::DirBuilder::new()
        .recursive(true)
        .mode(0o700)
        .create(path)
}
