//! `harden:` and `overload:` as written.

use schemars::JsonSchema;
use serde::Deserialize;

use super::{Count, Optional, Size, Span, Text};

/// Rights that the process gives up at its start.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Harden {
    /// `auto` (the default): files and ports that the configuration does not name are given up, as
    /// far as the kernel has Landlock; `require`: no start without it; `off`.
    pub landlock: Optional<Text>,
}

/// Limits beyond which new work is refused, so that work in progress goes on.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Overload {
    /// Connections of apps at once; beyond it idle ones are closed, and then new ones refused.
    /// Default 10000.
    pub connections: Optional<Count>,
    /// Exchanges at once. Default: one for each 128KiB of `memory.limit`, 10000 where there is
    /// none.
    pub exchanges: Optional<Count>,
    /// Request bodies in memory, all together. Default: a quarter of `memory.limit`, `256MiB` where
    /// there is none.
    pub bodies: Optional<Size>,
    /// Time that a worker's tasks may wait for their turn; the shortest wait of an interval counts.
    /// Default `250ms`.
    pub delay: Optional<Span>,
    /// Memory.
    pub memory: Option<OverloadMemory>,
}

/// Limits on memory.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct OverloadMemory {
    /// `auto` (the default): the container's; or what this process may have in memory.
    pub limit: Optional<Text>,
    /// Share of the limit from which on new exchanges are answered 503. Default `80%`.
    pub shed_at: Optional<Text>,
    /// Share of the limit from which on new connections are refused, too. Default `92%`.
    pub refuse_at: Optional<Text>,
}
