//! The time of day, and a clock that never goes back.

use std::{
    sync::OnceLock,
    time::{SystemTime, UNIX_EPOCH},
};

use tokio::time::Instant;

use super::{super::bindings::interfaces::clock as wit, Access, Capability, State};

/// The capability `clock`.
pub static CLOCK: Capability = Capability {
    name: "clock",
    about: "reads the time of day and a clock that never goes back",
    access: Access::Free,
    waits: false,
    linked: linked!(clock since V0_2),
};

static START: OnceLock<Instant> = OnceLock::new();

impl wit::Host for State {
    fn now_ms(&mut self) -> wasmtime::Result<u64> {
        self.live()?;
        let since = SystemTime::now().duration_since(UNIX_EPOCH);
        Ok(since.map_or(0, |d| u64::try_from(d.as_millis()).unwrap_or(u64::MAX)))
    }

    fn monotonic_ns(&mut self) -> wasmtime::Result<u64> {
        self.live()?;
        let gone = START.get_or_init(Instant::now).elapsed();
        Ok(u64::try_from(gone.as_nanos()).unwrap_or(u64::MAX))
    }
}
