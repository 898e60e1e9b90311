//! The time of day, and a clock that never goes back.

use std::{
    sync::OnceLock,
    time::{SystemTime, UNIX_EPOCH},
};

use tokio::time::Instant;

use super::{super::bindings::interfaces::clock as wit, Access, Capability, Nothing, State};

/// The capability `clock`.
pub static CLOCK: Capability = Capability {
    name: "clock",
    about: "reads the time of day and a clock that never goes back",
    access: Access::Free,
    waits: false,
    linked: linked!(clock since V0_2),
};

/// The clocks that policies read.
pub trait Clock: Send + Sync {
    /// Returns the milliseconds since 1970-01-01T00:00:00Z.
    fn now_ms(&self) -> u64;
    /// Returns the nanoseconds of a clock that never goes back.
    fn monotonic_ns(&self) -> u64;
}

impl wit::Host for State {
    fn now_ms(&mut self) -> wasmtime::Result<u64> {
        self.live()?;
        Ok(self.shared.host.clock.now_ms())
    }

    fn monotonic_ns(&mut self) -> wasmtime::Result<u64> {
        self.live()?;
        Ok(self.shared.host.clock.monotonic_ns())
    }
}

static START: OnceLock<Instant> = OnceLock::new();

/// The system's clocks: reading them leaves no trace.
impl Clock for Nothing {
    fn now_ms(&self) -> u64 {
        let since = SystemTime::now().duration_since(UNIX_EPOCH);
        since.map_or(0, |d| u64::try_from(d.as_millis()).unwrap_or(u64::MAX))
    }

    fn monotonic_ns(&self) -> u64 {
        let gone = START.get_or_init(Instant::now).elapsed();
        u64::try_from(gone.as_nanos()).unwrap_or(u64::MAX)
    }
}
