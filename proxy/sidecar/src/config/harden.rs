//! `harden:`: what the process gives up at its start.

/// Rights that the process gives up. Taken up at start only.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Harden {
    /// Landlock: files and ports that the configuration does not name are given up. Default auto.
    pub landlock: Landlock,
}

/// Use of Landlock.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Landlock {
    /// Enforces as much as the kernel has.
    #[default]
    Auto,
    /// Refuses to start without it.
    Require,
    /// Enforces nothing.
    Off,
}
