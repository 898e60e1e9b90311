//! What a request must be for its reply to be kept, and what its reply depends on: for policies
//! that answer from kept replies.

mod control;
mod exclude;
mod key;
mod members;
mod shape;

pub use control::Control;
pub use exclude::{Exclude, Reason, impure};
pub use key::{IGNORE, check_ignored, check_members, path, pure, vary};
