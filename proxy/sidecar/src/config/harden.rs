//! `harden:`: what the process gives up at its start.

/// What the process gives up. Taken up at start only.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Harden {
    /// Whether files and ports are given up that the configuration does not name. Default auto.
    pub landlock: Landlock,
}

/// Whether Landlock is used.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Landlock {
    /// As far as the kernel has it.
    #[default]
    Auto,
    /// No start without it.
    Require,
    /// Not at all.
    Off,
}
