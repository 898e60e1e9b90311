//! The beginning of a conversation, by which its turns are known as one.

use super::Body;

impl Body {
    /// A hash of the conversation's beginning.
    pub fn opening(&self) -> Option<u64> {
        None
    }
}
