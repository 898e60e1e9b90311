//! The harness of the end-to-end tests: a [`Sidecar`] (the built binary, run as an operator runs
//! it), a scripted [`Upstream`], exact-bytes HTTP in [`wire`], the [`faults`] that real providers
//! show, [`provider`]s that fail as a test wants it, and the real SDKs as [`clients`].
//!
//! Nothing here knows the proxy's code. Everything is blocking and runs on threads, so that a test
//! reads from top to bottom and a byte on the wire is where the test put it. It panics freely: a
//! broken harness is a failed test.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::print_stderr,
    reason = "a harness panics: that is how a test fails"
)]
#![allow(clippy::disallowed_methods, reason = "tests measure real time")]
#![allow(
    clippy::disallowed_types,
    reason = "poison tells of a thread that has failed its test"
)]

pub mod agents;
pub mod app;
pub mod clients;
pub mod embedder;
pub mod failover;
pub mod faults;
pub mod internet;
pub mod kubelet;
pub mod netns;
pub mod provider;
pub mod redis;
pub mod registry;
pub mod replies;
pub mod sidecar;
pub mod signing;
pub mod translation;
pub mod upstream;
pub mod wire;

pub use app::App;
pub use provider::{Act, Fault, Provider};
pub use sidecar::Sidecar;
pub use upstream::{Seen, Step, Upstream};

use std::path::PathBuf;
use std::time::{Duration, Instant};

/// The repository.
pub fn root() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR"))
        .parent()
        .expect("tests/ has a parent")
        .to_owned()
}

/// The directory of builds: `OUTRIGGER_TARGET`, else `target/`.
pub fn target() -> PathBuf {
    std::env::var_os("OUTRIGGER_TARGET").map_or_else(|| root().join("target"), PathBuf::from)
}

/// Waits until `what` holds, looking every 10 ms; panics with `why` after a minute. One bound for
/// all, far beyond what any machine takes: a test is of what happens, never of how fast.
pub fn eventually(why: &str, mut what: impl FnMut() -> bool) {
    let started = Instant::now();
    while !what() {
        assert!(
            started.elapsed() < Duration::from_secs(60),
            "not within a minute: {why}"
        );
        std::thread::sleep(Duration::from_millis(10));
    }
}
