//! Outrigger: a sidecar through which an application's LLM calls go, and in which sandboxed policies read and rewrite them.
//!
//! # The way of an exchange
//!
//! 1. [`intercept`] accepts a connection and checks its framing: what two parsers could read differently never gets in.
//! 2. [`exchange`] is the way itself: read [`exchange::Worker::handle`] first. It keeps the books and lists the phases.
//! 3. [`dialect`] recognises what is asked and notes where its passages are, in the bytes as they came.
//! 4. [`policy`] leads the request down the chain. A policy edits, refuses or answers; each edit is a note beside the original bytes, so the
//!    edits of a policy that fails are simply forgotten.
//! 5. [`sandbox`] is where a policy's code runs: an instance per policy and exchange, made from a configured image.
//! 6. [`route`] chooses the target, [`upstream`] sends the request there (or asks the [`embedded`] model).
//! 7. The reply comes back: relayed as it is where no policy rewrites replies; otherwise [`dialect`] frames and decodes it,
//!    [`policy`] leads it up the chain, and what changed is spliced into the original events.
//! 8. Whatever way it ends, the exchange settles once: [`telemetry`] counts it and writes its line.
//!
//! # Beside it
//!
//! [`config`] is what the operator wrote and what it means; [`reload`] makes the next generation of it and of the policy files, and swaps it
//! in, where [`signing`] says that they are who they claim to be; [`state`] outlives exchanges: limits, values, kept replies, replies under
//! way; [`admin`] tells how things are; [`refusal`] holds every answer that Outrigger gives in its own name; [`overload`] turns new work away before there is too much of it, [`harden`] gives up what the process does
//! not need; [`cost`] knows what tokens cost, what an exchange will take and whom it is booked to; [`cli`] is the command line, and [`tool`]
//! the way to the other program's.
//!
//! [`ca`] makes the certificates with which an app's TLS ends here. What leads a pod's connections here and puts the sidecar beside other
//! people's pods is the other program's.
//!
//! # Who may know whom
//!
//! `cli → {intercept, admin, reload} → exchange → {policy, sandbox, route, upstream} → {dialect, state, telemetry} → cost → config`.
//! What policies are lent is behind [`sandbox`]'s ports: `state`, `telemetry` and `upstream` implement them, and the sandbox knows none of
//! the three. `config` knows `signing`'s keys, the sandbox's table of capabilities, and nobody else. [`ca`] knows `config` alone; `cli` opens it
//! and hands `intercept` its resolver. [`dialect`] is a crate and knows nobody; [`embedded`] is one and knows `dialect`. `policy`, `route` and
//! `cost` are pure (`cost` knows `dialect` for its words), only `sandbox` knows wasmtime, and a test keeps it so.

pub mod admin;
pub mod ca;
pub mod cli;
pub mod config;
pub mod cost;
pub mod exchange;
mod flat_write;
pub mod harden;
pub mod intercept;
pub mod overload;
pub mod policy;
pub mod refusal;
pub mod reload;
pub mod route;
pub mod sandbox;
pub mod signing;
pub mod state;
pub mod telemetry;
pub mod tool;
pub mod upstream;

/// Any error that may cross threads.
pub type BoxError = Box<dyn std::error::Error + Send + Sync>;
