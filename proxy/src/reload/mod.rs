//! Reload: when to look at the files again, and what is there then.
//!
//! [`scan`] is what a directory holds at one moment; [`watch`] says when it differs and holds still; [`assemble`] makes a generation of it,
//! after each policy's own cases have passed ([`rehearsal`]); [`reloader`] swaps it in.

pub mod assemble;
pub mod rehearsal;
pub mod reloader;
pub mod scan;
pub mod watch;

pub use reloader::{Reloader, paths};
pub use scan::{Paths, PolicyFile, Scan};
pub use watch::{Change, Watcher};
