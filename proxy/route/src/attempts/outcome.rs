//! The meaning of a failure for the cells that its attempt was in.

use std::time::Instant;

use crate::{Failure, Outcome, Scope, class::Class};

impl Failure {
    /// Returns what it says of the cell of `scope` that its attempt was in: of its own scope by its
    /// class, of all others nothing.
    pub fn outcome_in(&self, scope: Scope, now: Instant) -> Outcome {
        if scope != self.scope {
            return Outcome::Nothing;
        }
        let ends = self.cools_for().filter(|time| !time.is_zero());
        let opens = ends.and_then(|time| now.checked_add(time));
        let opens = opens.map(|until| Outcome::Opens {
            until,
            cause: self.class,
        });
        match self.class {
            Class::Refused | Class::MaybeDone => Outcome::Failure,
            Class::Rate => opens.unwrap_or(Outcome::Limited),
            Class::Overload | Class::Money | Class::Key => opens.unwrap_or(Outcome::Failure),
            Class::Credentials | Class::Unfit | Class::Request | Class::Caller | Class::Own => {
                Outcome::Nothing
            }
        }
    }
}
