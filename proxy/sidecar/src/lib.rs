//! Outrigger: a sidecar through which an application's LLM calls go, and in which sandboxed
//! policies read and rewrite them.
//!
//! # One exchange
//!
//! 1. [`intercept`] accepts a connection and checks its framing: what two parsers could read
//!    differently never gets in.
//! 2. [`exchange`] serves it from the first byte to the last. Read [`exchange::Worker::handle`]
//!    first: it accounts for the exchange, and the function that it calls lists the phases.
//! 3. [`dialect`] recognises the call and indexes its passages, in the bytes as they came.
//! 4. [`policy`] leads the request down the chain. A policy edits, refuses or answers; an edit is a
//!    note beside the original bytes, so the edits of a policy that fails are simply forgotten.
//! 5. [`sandbox`] runs a policy's code: an instance per policy and exchange, made from a configured
//!    image.
//! 6. [`::route`] plans which targets may serve it, and [`upstream`] sends each attempt there (or
//!    calls the [`embedded`] model).
//! 7. The reply comes back. It is relayed as it is where nobody has to read it first; where
//!    policies rewrite replies [`dialect`] frames and decodes it, [`policy`] leads it up the chain,
//!    and what changed is spliced into the original events.
//! 8. However it ends, the exchange settles once: [`telemetry`] counts it and writes its line.
//!
//! # Beside it
//!
//! [`config`] is what the operator wrote and what it means. [`reload`] makes the next generation of
//! it and of the policy files, and swaps it in, where [`signing`] says that they are who they claim
//! to be. [`state`] outlives exchanges: limits, values, stored replies, replies in progress.
//! [`admin`] reports health, readiness and figures. [`refusal`] holds every answer that Outrigger
//! gives in its own name. [`overload`] admits new work, or sheds it before there is too much.
//! [`harden`] gives up what the process does not need. [`cost`] has prices, estimates and the tags
//! that usage is counted under. [`ca`] makes the certificates with which an app's TLS ends here.
//! [`cli`] is the command line, and [`tool`] finds the other program, which compiles policies,
//! leads a pod's connections here and puts the sidecar beside other people's pods.
//!
//! # Dependencies between rooms
//!
//! `cli → {admin, intercept, reload} → exchange → {overload, refusal, upstream} → state → telemetry
//! → cost → config → signing`: each may use those behind it, and no other. Beside that line stand
//! [`ca`], which knows `config` and `signing`, and [`harden`], which knows `config`, `telemetry`
//! and `tool`; `cli` and `reload` open them. [`tool`], [`refusal`], `ordered` (few entries in
//! order), `flat_write` (one write for a small message, on both sides' connections), [`allocator`] and `heap` (memory that load left
//! behind is given back) know nobody. `cost` is pure.
//!
//! [`dialect`], [`policy`], [`::route`], [`embedded`] and [`sandbox`] are crates below all rooms,
//! and Cargo keeps their arrows: the first knows nobody, the others know `dialect`, and the sandbox
//! `policy`. What policies may use is behind the sandbox's ports, which `state`, `telemetry` and
//! `upstream` implement.

mod admin;
pub mod allocator;
pub mod ca;
pub mod cli;
pub mod config;
pub mod cost;
pub mod exchange;
mod flat_write;
pub mod harden;
mod heap;
mod intercept;
mod ordered;
pub mod overload;
pub mod refusal;
pub mod reload;
pub mod signing;
pub mod state;
pub mod telemetry;
pub mod tool;
pub mod upstream;

/// Any error that may cross threads.
pub type BoxError = Box<dyn std::error::Error + Send + Sync>;
