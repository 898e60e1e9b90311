//! `state:`: what outlives an exchange, and where it is kept.

use std::time::Duration;

use super::Secret;

/// State that outlives an exchange.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct State {
    /// Shared by replicas. None: this process's memory.
    pub redis: Option<Redis>,
    /// Time that an exchange waits for Redis. Default 5 ms.
    pub timeout: Duration,
    /// Effect on limits while Redis can't serve. Default share.
    pub degrade: Degrade,
    /// Number of replicas among which a limit is divided then. Default 1.
    pub replicas: u32,
    /// Time after which a reservation of a replica that died is given back. Default 10 minutes.
    pub reservation_lapse: Duration,
    /// True if the admin address may reset buckets and evict stored replies. Default false.
    pub admin_changes: bool,
    /// Bounds of what is kept in this process.
    pub memory: StateMemory,
}

impl Default for State {
    fn default() -> Self {
        Self {
            redis: None,
            timeout: Duration::from_millis(5),
            degrade: Degrade::Share,
            replicas: 1,
            reservation_lapse: Duration::from_secs(600),
            admin_changes: false,
            memory: StateMemory::default(),
        }
    }
}

/// Effect on limits while the shared store can't serve.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Degrade {
    /// Each replica keeps to its share of each limit.
    Share,
    /// Requests that take from a limit are refused.
    Block,
    /// Limits let everything through; what is used is still counted when the store is back.
    Skip,
}

/// Redis or Valkey.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Redis {
    /// Host and port; one, or some nodes of a cluster, from which the others are discovered.
    pub nodes: Vec<(String, u16)>,
    /// True if they are a cluster.
    pub cluster: bool,
    /// True if TLS is spoken.
    pub tls: bool,
    /// The database's number; 0 in a cluster.
    pub database: i64,
    /// The user to sign in as. None: Redis' default user.
    pub user: Option<String>,
    /// The password to sign in with.
    pub password: Option<Secret>,
    /// Roots to trust instead of the built-in ones, as PEM.
    pub roots: Option<Vec<u8>>,
    /// Prefix of all keys. Default `outrigger`.
    pub prefix: String,
}

/// Bounds of what is kept in this process, in bytes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StateMemory {
    /// Small values of policies. Default 64 MiB.
    pub values: usize,
    /// Kept replies. Default 64 MiB.
    pub replies: usize,
    /// Vectors of kept replies. Default 64 MiB.
    pub vectors: usize,
    /// Buckets of limits. Default 16 MiB.
    pub buckets: usize,
}

impl Default for StateMemory {
    fn default() -> Self {
        Self {
            values: 64 << 20,
            replies: 64 << 20,
            vectors: 64 << 20,
            buckets: 16 << 20,
        }
    }
}
