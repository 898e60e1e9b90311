//! Reload: when to look at the files again, and what is there then.
//!
//! [`scan`] is what a directory holds at one moment; [`watch`] says when it differs, holds still and is complete; [`admit`] asks whether its files
//! may serve at all; [`assemble`] makes a generation of them, after each policy's own cases have passed ([`rehearsal`]); [`reloader`] swaps it in.

pub mod admit;
pub mod assemble;
mod bring;
mod complete;
pub mod rehearsal;
pub mod reloader;
pub mod scan;
pub mod watch;

pub use reloader::{Reloader, paths};
pub use scan::{Paths, PolicyFile, Scan};
pub use watch::{Change, Watcher};
