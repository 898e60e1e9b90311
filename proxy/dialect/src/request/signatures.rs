//! Reasoning that a model signed, and that no other takes.

use super::Body;

impl Body {
    /// Removes what models have signed or encrypted of their reasoning. Returns whether there was
    /// anything of it.
    pub fn strip_signatures(&mut self) -> bool {
        false
    }
}
