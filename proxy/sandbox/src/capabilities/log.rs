//! The operator's log: short lines with the policy's name, and not too many of them.

use std::time::Duration;

use parking_lot::Mutex;
use tokio::time::Instant;

use super::{super::bindings::interfaces::log as wit, Access, Capability, Nothing, State};

pub use wit::Level;

/// The capability `log`.
pub static LOG: Capability = Capability {
    name: "log",
    about: "writes short lines to the operator's log",
    access: Access::Free,
    waits: false,
    linked: linked!(log since V0_2),
};

/// A log that policies' lines go to.
pub trait Log: Send + Sync {
    /// Takes a line of the policy of this name in the chain, 1 KiB at most. `dropped` lines before
    /// it were too many for one second.
    fn write(&self, policy: &str, level: Level, dropped: u64, text: &str);
}

/// The log of this process, which the operator reads.
pub struct OperatorLog;

impl Log for OperatorLog {
    fn write(&self, policy: &str, level: Level, dropped: u64, text: &str) {
        match level {
            Level::Debug => tracing::debug!(policy, dropped, text, "policy"),
            Level::Info => tracing::info!(policy, dropped, text, "policy"),
            Level::Warn => tracing::warn!(policy, dropped, text, "policy"),
            // `error!` means that a person must act; a policy does not decide that.
            Level::Error => tracing::warn!(policy, dropped, text, "policy error"),
        }
    }
}

impl Log for Nothing {
    fn write(&self, _: &str, _: Level, _: u64, _: &str) {}
}

/// Lines of one policy per second; further ones are counted, and the next line gives their number.
const LINES: u32 = 20;
/// Bytes of a line.
const LINE: usize = 1 << 10;

impl wit::Host for State {
    fn write(&mut self, level: wit::Level, message: String) -> wasmtime::Result<()> {
        self.live()?;
        let Some(dropped) = self.shared.lines.pass(Instant::now()) else {
            return Ok(());
        };
        let shared = &self.shared;
        (shared.host.log).write(&shared.name, level, dropped, cut(&message));
        Ok(())
    }
}

fn cut(message: &str) -> &str {
    &message[..message.floor_char_boundary(LINE)]
}

/// Counter of the lines that one policy wrote in this second.
#[derive(Debug, Default)]
pub(in super::super) struct Lines(Mutex<Window>);

#[derive(Debug, Default)]
struct Window {
    opened: Option<Instant>,
    written: u32,
    dropped: u64,
}

impl Lines {
    /// Lets a line pass, with the number of those that did not before it; or drops it.
    fn pass(&self, now: Instant) -> Option<u64> {
        let mut window = self.0.lock();
        if window
            .opened
            .is_none_or(|opened| now.duration_since(opened) >= Duration::from_secs(1))
        {
            (window.opened, window.written) = (Some(now), 0);
        }
        if window.written == LINES {
            window.dropped += 1;
            return None;
        }
        window.written += 1;
        Some(std::mem::take(&mut window.dropped))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_flood_of_lines_is_cut_to_twenty_a_second_and_counted() {
        let (lines, now) = (Lines::default(), Instant::now());
        let passed = (0..100).filter(|_| lines.pass(now).is_some()).count();
        assert_eq!(passed, LINES as usize);
        assert_eq!(lines.pass(now + Duration::from_secs(1)), Some(80));
        assert_eq!(lines.pass(now + Duration::from_secs(1)), Some(0));
    }

    #[test]
    fn a_long_line_is_cut_between_characters() {
        assert_eq!(cut("short"), "short");
        let long = "é".repeat(LINE);
        assert!(cut(&long).len() <= LINE && long.starts_with(cut(&long)));
        assert_eq!(cut(&format!("a{long}")).len(), LINE - 1);
    }
}
