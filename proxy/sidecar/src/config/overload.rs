//! `overload:`: limits beyond which new work is refused.

use std::time::Duration;

/// Limits beyond which new work is refused. Taken up at start only.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Overload {
    /// Connections at once. Default 10000.
    pub connections: usize,
    /// Exchanges at once. None: by the memory that there is.
    pub exchanges: Option<usize>,
    /// Bytes of request bodies at once. None: by the memory that there is.
    pub bodies: Option<usize>,
    /// Time that a worker's tasks may wait for their turn. Default 250 ms: next to a model's
    /// seconds that is little, and a throttled container or a busy node is late by 100 ms without
    /// being overloaded.
    pub delay: Duration,
    /// Limits on memory.
    pub memory: OverloadMemory,
}

impl Default for Overload {
    fn default() -> Self {
        Self {
            connections: 10_000,
            exchanges: None,
            bodies: None,
            delay: Duration::from_millis(250),
            memory: OverloadMemory::default(),
        }
    }
}

/// Limits on memory.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OverloadMemory {
    /// Bytes that this process may have in memory; pages that instances of a policy share count
    /// once. None: the container's limit, where there is one.
    pub limit: Option<u64>,
    /// Per cent of the limit from which on new exchanges are shed. Default 80.
    pub shed_at: u8,
    /// Per cent of the limit from which on new connections are refused. Default 92.
    pub refuse_at: u8,
}

impl Default for OverloadMemory {
    fn default() -> Self {
        Self {
            limit: None,
            shed_at: 80,
            refuse_at: 92,
        }
    }
}
