//! Places in a document, by which refusals name a member; spelled out only where there is one.

use std::fmt;

use super::super::super::loss::Refused;
use crate::json::{Kind, outlined::Cursor};

/// A place: `messages[3].content[0].type`.
#[derive(Debug, Clone, Copy)]
pub(super) struct Place<'p> {
    parent: Option<&'p Place<'p>>,
    step: Step,
}

#[derive(Debug, Clone, Copy)]
enum Step {
    Member(&'static str),
    Element(usize),
}

impl<'p> Place<'p> {
    /// A member of the document.
    pub(super) const fn root(name: &'static str) -> Self {
        Self {
            parent: None,
            step: Step::Member(name),
        }
    }

    /// A member of it.
    pub(super) const fn member(&'p self, name: &'static str) -> Self {
        Self {
            parent: Some(self),
            step: Step::Member(name),
        }
    }

    /// An element of it.
    pub(super) const fn element(&'p self, index: usize) -> Self {
        Self {
            parent: Some(self),
            step: Step::Element(index),
        }
    }

    /// A refusal of a body that its own dialect would refuse here.
    #[cold]
    #[inline(never)]
    pub(super) fn malformed(&self, why: &'static str) -> Refused {
        Refused::malformed(self.to_string(), why)
    }

    /// A refusal of what can't be carried.
    #[cold]
    #[inline(never)]
    pub(super) fn refused(&self, why: &'static str) -> Refused {
        Refused::new(self.to_string(), why)
    }

    /// A refusal of a member of it that is not known.
    #[cold]
    #[inline(never)]
    pub(super) fn unknown(&self, name: &[u8]) -> Refused {
        let name = String::from_utf8_lossy(name);
        Refused::new(format!("{self}.{name}"), super::UNKNOWN)
    }

    /// Checks the kind of the value at the cursor.
    pub(super) fn expect(
        &self,
        cursor: &mut Cursor<'_>,
        kind: Kind,
        why: &'static str,
    ) -> Result<(), Refused> {
        match cursor.kind()? == kind {
            true => Ok(()),
            false => Err(self.malformed(why)),
        }
    }
}

impl fmt::Display for Place<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(parent) = self.parent {
            parent.fmt(f)?;
        }
        match self.step {
            Step::Member(name) if self.parent.is_none() => f.write_str(name),
            Step::Member(name) => write!(f, ".{name}"),
            Step::Element(index) => write!(f, "[{index}]"),
        }
    }
}
