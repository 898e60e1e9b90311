//! The wasm host: a file becomes a component, a component a configured image, an image an instance
//! per exchange.
//!
//! ```text
//! NAME.wasm ─ contract ─► compile (a niced child) ─► cache ─► Policy ─► an instance per exchange
//!             names only  wrap, configure,           .cwasm   mapped    hooks, host functions
//!                         snapshot, compile
//! ```
//!
//! [`Loader::load`] does the steps above and implements [`Program`](policy::Program);
//! [`capabilities`] has what an instance may call. Nothing about a *particular* policy is here, and
//! nothing outside knows wasmtime. The surprising choice is the snapshot: `configure` runs once,
//! and the memory that it left becomes the image that every instance starts from, for the price of
//! mapping it. Code of the functions may come from where an image was built (`functions.rs`).

mod bindings;
mod cache;
pub mod capabilities;
mod child;
mod code;
#[cfg(feature = "compile")]
mod compile;
mod contract;
mod convert;
mod engine;
mod exports;
mod finish;
#[cfg(feature = "compile")]
mod functions;
mod instance;
#[cfg(feature = "compile")]
mod introduce;
mod load_error;
mod pace;
mod package;
mod pools;
#[cfg(feature = "compile")]
mod precompile;
mod processor;
mod program;
mod proposals;
#[cfg(feature = "compile")]
mod renumber;
#[cfg(feature = "compile")]
mod returns;
#[cfg(feature = "compile")]
mod snapshot;
mod store;
mod ticker;
mod v0_2;
mod v0_3;

pub use capabilities::{Grants, Host};
#[cfg(feature = "compile")]
pub use compile::{at_panic, compile_child};
pub use contract::{CONTRACT, Version};
pub use engine::Options;
#[cfg(feature = "compile")]
pub use introduce::introduced;
pub use load_error::LoadError;
pub use package::{Compiler, Instances, Loader, Source};
#[cfg(feature = "compile")]
pub use precompile::precompile;
pub use program::Policy;
