//! Reload: the times at which the files are read again, and the generation that is made of them.
//!
//! [`scan`] reads a directory's contents at one moment; [`observer`] reports when they differ, no
//! longer change and are complete; [`admit`] checks that its files may serve at all; [`assemble`]
//! makes a generation of them, after each policy's own cases have passed ([`rehearsal`]);
//! [`reloader`] swaps it in.

pub(crate) mod admit;
pub(crate) mod assemble;
mod bring;
mod complete;
pub(crate) mod observer;
mod offline;
pub mod rehearsal;
pub(crate) mod reloader;
pub(crate) mod scan;

pub use offline::offline;

pub(crate) use observer::{Change, Observer};
pub(crate) use reloader::{Reloader, paths};
pub(crate) use scan::{Paths, Scan};
