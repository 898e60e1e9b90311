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
    /// As far as the kernel has it.
    #[default]
    Auto,
    /// No start without it.
    Require,
    /// Not at all.
    Off,
}
