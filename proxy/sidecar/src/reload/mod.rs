//! Reload: the times at which the files are read again, and the generation that is made of them.
//!
//! [`scan`] reads a directory's contents at one moment; [`observer`] reports when they differ, no
//! longer change and are complete; [`admit`] checks that its files may serve at all; [`assemble`]
//! makes a generation of them, after each policy's own cases have passed ([`rehearsal`]);
//! [`reloader`] swaps it in.

pub mod admit;
pub mod assemble;
mod bring;
mod complete;
pub mod observer;
pub mod rehearsal;
pub mod reloader;
pub mod scan;

pub use observer::{Change, Observer};
pub use reloader::{Reloader, paths};
pub use scan::{Paths, Scan};
