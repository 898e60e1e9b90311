//! A reply, as a policy sees it.

#[cfg(target_arch = "wasm32")]
use crate::abi::exports::outrigger::policy::policy::Delta as Arrived;
use crate::{Dialect, Place, host};

/// The head of the reply whose deltas are shown.
///
/// ```
/// # use outrigger_sdk::{Delta, Dialect, Hooks, Places, Policy, Refusal, ReplyHead};
/// # #[derive(serde::Deserialize)] struct Guard {}
/// # impl Policy for Guard {
/// # const HOOKS: Hooks = Hooks::REPLY;
/// # const REWRITES: Places = Places::ASSISTANT;
/// fn on_reply(&mut self, head: &ReplyHead, _: &mut [Delta]) -> Result<(), Refusal> {
///     let plain = head.header("content-language").is_empty() && head.status() == 200;
///     match plain && head.dialect() == Dialect::OpenaiChat && !head.streaming() {
///         true => Ok(()),
///         false => Err(Refusal::new(403, "only plain, whole replies")),
///     }
/// }
/// # }
/// ```
#[derive(Debug)]
pub struct ReplyHead(host::ReplyHead);

impl ReplyHead {
    pub(crate) fn from_host(head: host::ReplyHead) -> Self {
        Self(head)
    }

    /// The upstream's HTTP status.
    #[must_use]
    pub fn status(&self) -> u16 {
        self.0.status()
    }

    /// All values of one header, its name in any case.
    #[must_use]
    pub fn header(&self, name: &str) -> Vec<String> {
        self.0.header(name)
    }

    /// Reports whether the reply is a stream of events.
    #[must_use]
    pub fn streaming(&self) -> bool {
        self.0.streaming()
    }

    /// The reply's wire format.
    #[must_use]
    pub fn dialect(&self) -> Dialect {
        self.0.dialect()
    }
}

/// Text that arrived for one channel of a reply.
///
/// A delta that is not replaced leaves as it came, byte for byte.
///
/// ```
/// # use outrigger_sdk::{Delta, Place};
/// let mut delta = Delta::new(0, Place::Assistant, "hi", true);
/// assert_eq!((delta.place(), delta.choice(), delta.last()), (Place::Assistant, 0, true));
/// if !delta.json() {
///     delta.replace("HI");
/// }
/// assert!(delta.is_replaced() && delta.text() == "HI");
/// ```
#[derive(Debug, Clone, PartialEq)]
pub struct Delta {
    channel: u32,
    choice: u32,
    place: Place,
    text: String,
    json: bool,
    last: bool,
    replacement: Option<String>,
}

impl Delta {
    /// A delta as the proxy would show it, for tests: a tool call's arguments are JSON source.
    #[must_use]
    pub fn new(channel: u32, place: Place, text: impl Into<String>, last: bool) -> Self {
        Self {
            channel,
            choice: 0,
            place,
            text: text.into(),
            json: place == Place::ToolArguments,
            last,
            replacement: None,
        }
    }

    /// The number of the string that this is a piece of: the same over all of the reply.
    #[must_use]
    pub fn channel(&self) -> u32 {
        self.channel
    }

    /// The choice that the channel belongs to.
    #[must_use]
    pub fn choice(&self) -> u32 {
        self.choice
    }

    /// The channel's place: the model's text, its reasoning, a tool call's arguments.
    #[must_use]
    pub fn place(&self) -> Place {
        self.place
    }

    /// The text: what arrived, or what it was replaced with. JSON escapes are resolved.
    #[must_use]
    pub fn text(&self) -> &str {
        self.replacement.as_deref().unwrap_or(&self.text)
    }

    /// Reports whether all of the channel's text together is JSON source; what takes its place must
    /// be too.
    #[must_use]
    pub fn json(&self) -> bool {
        self.json
    }

    /// Reports whether nothing more comes for this channel. Text that the policy kept back of it
    /// has to be in this delta's replacement.
    #[must_use]
    pub fn last(&self) -> bool {
        self.last
    }

    /// Puts `text` in the place of what arrived. A shorter text holds the rest back: the policy has
    /// to return it later.
    pub fn replace(&mut self, text: impl Into<String>) {
        self.replacement = Some(text.into());
    }

    /// Reports whether [`Delta::replace`] was called.
    #[must_use]
    pub fn is_replaced(&self) -> bool {
        self.replacement.is_some()
    }

    #[cfg(target_arch = "wasm32")]
    pub(crate) fn into_replacement(self) -> Option<String> {
        self.replacement
    }
}

#[cfg(target_arch = "wasm32")]
impl From<Arrived> for Delta {
    fn from(arrived: Arrived) -> Self {
        Self {
            channel: arrived.channel,
            choice: arrived.choice,
            place: Place::named(&arrived.place),
            text: arrived.text,
            json: arrived.json,
            last: arrived.last,
            replacement: None,
        }
    }
}
