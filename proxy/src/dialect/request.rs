//! (under way)
/// A request's body.
#[derive(Debug)]
pub struct Body;
