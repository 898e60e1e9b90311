//! Bounds of one policy. The chain enforces those on text that is withheld, the sandbox the others.

use std::time::Duration;

/// Bounds of one policy.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PolicyLimits {
    /// CPU time of a call, whatever its input. Default 10 ms.
    pub cpu: Duration,
    /// CPU time that a call may take besides for each KiB of text in its input. Default 100 µs.
    pub cpu_per_kib: Duration,
    /// Time that a call may wait for imports. Default 50 ms, 5 s where `fetch` is granted.
    pub wall: Duration,
    /// Linear memory of an instance, in bytes. Default 16 MiB.
    pub memory: u64,
    /// Most text of one channel that the policy may withhold, in bytes. Default 4 KiB.
    pub held_bytes: usize,
    /// Longest time that it may withhold text: then the text is sent as it is. Default 10 s.
    pub held_time: Duration,
}

impl Default for PolicyLimits {
    fn default() -> Self {
        Self {
            cpu: Duration::from_millis(10),
            cpu_per_kib: Duration::from_micros(100),
            wall: Duration::from_millis(50),
            memory: 16 << 20,
            held_bytes: 4 << 10,
            held_time: Duration::from_secs(10),
        }
    }
}
