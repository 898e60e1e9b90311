//! Descriptions: what a dialect's documents hold, as static data, and the one walk that reads a document by them.
//!
//! A description is *total*. [`shape`] has no rule that means "ignore a string": what is text is yielded with its place, what no rule names
//! (an unknown member, a known one in an unknown form, a string that does not look like what it is exempt for) is yielded all the same,
//! under the place that its surroundings give to the rest, and what no policy can be shown is counted under the name of its kind. So a
//! member that a provider invents tomorrow is read the day it is sent, and nobody needs to list it first.

pub(super) mod answer;
pub(super) mod schema;
pub(super) mod shape;
#[cfg(test)]
mod tests;
pub(super) mod walk;

pub(crate) use shape::Exempt;

/// What is particular to one dialect: a row of the table. Adding a dialect is a folder beside this one, whose `DESCRIPTION` it is, and a
/// variant of [`Dialect`](super::Dialect), for which the compiler then asks.
pub(crate) struct Description {
    /// The name in configuration, metrics and logs.
    pub name: &'static str,
    /// A request's body.
    pub request: &'static shape::Shape,
    /// A whole reply.
    pub reply: &'static shape::Rule,
    /// An event of a streamed one.
    pub event: &'static shape::Rule,
    /// What to say of a request without a conversation or an input, where the API needs one.
    pub without_input: Option<&'static str>,
    /// The dialect of the requests that a body of this one is a list of, each in a [`shape::Rule::Document`].
    pub batch_of: Option<super::Dialect>,
    /// JSON pointers to the limit on generated tokens, the newest name first.
    pub limits: &'static [&'static str],
    /// Tokens that the provider puts around each message.
    pub message_tokens: u64,
    /// Whether one reply may hold several, each a text of its own.
    pub has_choices: bool,
    /// Whether `data: [DONE]` ends its streams.
    pub has_done: bool,
}
