//! The place of a member in a request, for refusals; written out where one is needed only.

use std::fmt;

use super::super::loss::Refused;

/// Bytes of a name that is not known which are shown.
const LONGEST_NAME: usize = 64;

const UNKNOWN: &str = "is not known here, and can't be carried to another dialect";

/// A place.
#[derive(Clone, Copy)]
pub(super) enum Path<'p> {
    /// A member of the request.
    Top(&'p str),
    /// A member of an object.
    Member(&'p Path<'p>, &'p str),
    /// An element of a list.
    Element(&'p Path<'p>, usize),
}

impl<'p> Path<'p> {
    /// The member of this name.
    pub(super) const fn member(&'p self, name: &'p str) -> Self {
        Self::Member(self, name)
    }

    /// The element of this index.
    pub(super) const fn element(&'p self, index: usize) -> Self {
        Self::Element(self, index)
    }

    /// Refuses what this is: its own dialect would.
    pub(super) fn malformed(self, why: &'static str) -> Refused {
        Refused::malformed(self.to_string(), why)
    }

    /// Refuses what this is, as its meaning is not known.
    pub(super) fn unknown(self) -> Refused {
        Refused::new(self.to_string(), UNKNOWN)
    }

    /// Refuses a member that no description names.
    pub(super) fn unknown_member(self, key: &[u8]) -> Refused {
        let key = String::from_utf8_lossy(key);
        let end = key.floor_char_boundary(LONGEST_NAME);
        let key = key.get(..end).unwrap_or_default();
        self.member(key).unknown()
    }

    /// Refuses something of a kind that has a name.
    pub(super) fn refused(self, name: &'static str, why: &'static str) -> Refused {
        Refused::new(format!("{self}: {name}"), why)
    }

    /// The value of a member that has to be there.
    pub(super) fn required<T>(self, value: Option<T>) -> Result<T, Refused> {
        value.ok_or_else(|| self.malformed("is missing"))
    }
}

impl fmt::Display for Path<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Top(name) => f.write_str(name),
            Self::Member(before, name) => write!(f, "{before}.{name}"),
            Self::Element(before, index) => write!(f, "{before}[{index}]"),
        }
    }
}
