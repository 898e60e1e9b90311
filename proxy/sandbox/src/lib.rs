//! The wasm host: a file becomes a component, a component a configured image, an image an instance per exchange.
//!
//! ```text
//! NAME.wasm ─ contract ─► compile (in a niced child: wrap, configure, snapshot, compile) ─► cache ─► Policy ─► an instance per exchange
//!             names only                                                                   .cwasm   mapped     hooks, host functions
//! ```
//!
//! [`Loader::load`] does the first line and implements [`Program`](policy::Program); what an instance may ask for is in [`capabilities`].
//! Nothing about a *particular* policy is here, and nothing outside knows wasmtime. The surprise is the snapshot: `configure` runs
//! once, and what it left in memory becomes the image that every instance starts from, for the price of mapping it.

mod bindings;
mod cache;
pub mod capabilities;
mod child;
#[cfg(feature = "compile")]
mod compile;
mod contract;
mod convert;
mod engine;
mod finish;
mod instance;
#[cfg(feature = "compile")]
mod introduce;
mod pace;
mod package;
mod proposals;
#[cfg(feature = "compile")]
mod snapshot;
mod store;
mod ticker;
mod v0_2;

pub use capabilities::{Grants, Host};
#[cfg(feature = "compile")]
pub use compile::compile_child;
pub use contract::{CONTRACT, Version};
pub use engine::{MEMORY_RESERVATION, Options};
pub use instance::{Info, Policy};
#[cfg(feature = "compile")]
pub use introduce::introduced;
pub use package::{Compiler, LoadError, Loader, Source};
