//! `harden:` and `overload:` as written.

use schemars::JsonSchema;
use serde::Deserialize;

use super::{Count, Size, Span, Text};

/// Rights that the process gives up at its start.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Harden {
    /// `auto` (the default): files and ports that the configuration does not name are given up, as
    /// far as the kernel has Landlock; `require`: no start without it; `off`.
    #[serde(default, deserialize_with = "super::given")]
    pub landlock: Option<Text>,
}

/// Limits beyond which new work is refused, so that work in progress goes on.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Overload {
    /// Connections of apps at once; beyond it idle ones are closed, and then new ones refused.
    /// Default 10000.
    #[serde(default, deserialize_with = "super::given")]
    pub connections: Option<Count>,
    /// Exchanges at once. Default: one for each 128KiB of `memory.limit`, 10000 where there is
    /// none.
    #[serde(default, deserialize_with = "super::given")]
    pub exchanges: Option<Count>,
    /// Request bodies in memory, all together. Default: a quarter of `memory.limit`, `256MiB` where
    /// there is none.
    #[serde(default, deserialize_with = "super::given")]
    pub bodies: Option<Size>,
    /// Time that a worker's tasks may wait for their turn; the shortest wait of an interval counts.
    /// Default `250ms`.
    #[serde(default, deserialize_with = "super::given")]
    pub delay: Option<Span>,
    /// Memory.
    #[serde(default)]
    pub memory: Option<OverloadMemory>,
}

/// Limits on memory.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct OverloadMemory {
    /// `auto` (the default): the container's; or what this process may have in memory.
    #[serde(default, deserialize_with = "super::given")]
    pub limit: Option<Text>,
    /// Share of the limit from which on new exchanges are answered 503. Default `80%`.
    #[serde(default, deserialize_with = "super::given")]
    pub shed_at: Option<Text>,
    /// Share of the limit from which on new connections are refused, too. Default `92%`.
    #[serde(default, deserialize_with = "super::given")]
    pub refuse_at: Option<Text>,
}
