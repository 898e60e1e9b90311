//! Requests as tests write them.

use std::time::Duration;

use serde_json::{Value, json};

use super::host;
use crate::{Dialect, Header, Request, Target, Unit};

/// Requests for tests.
impl Request {
    /// A chat-completions request for `model`, without messages.
    #[must_use]
    pub fn chat(model: &str) -> Self {
        Self::from_json(
            Dialect::OpenaiChat,
            json!({ "model": model, "messages": [] }),
        )
    }

    /// A request of a dialect with this body.
    #[must_use]
    pub fn from_json(dialect: Dialect, body: Value) -> Self {
        Self::from_host(host::Request::new(dialect, body))
    }

    /// Adds a user's message.
    #[must_use]
    pub fn user(self, text: &str) -> Self {
        self.message("user", text)
    }

    /// Adds a message of any role.
    #[must_use]
    pub fn message(self, role: &str, text: &str) -> Self {
        self.host
            .add_message(json!({ "role": role, "content": text }));
        self
    }

    /// Adds a header as the app would have sent it.
    #[must_use]
    pub fn with_header(self, name: &str, value: &str) -> Self {
        self.host.add_header(Header {
            name: name.into(),
            value: value.into(),
        });
        self
    }

    /// Sets a tag as a policy before this one would have.
    #[must_use]
    pub fn with_tag(self, name: &str, value: &str) -> Self {
        self.host.set_tag(name, value);
        self
    }

    /// A request of a dialect with this very body. What reads the body as JSON sees the last of
    /// several equal keys.
    ///
    /// # Panics
    /// If it is no JSON.
    #[must_use]
    pub fn from_text(dialect: Dialect, body: &str) -> Self {
        match serde_json::from_str(body) {
            Ok(value) => {
                let request = Self::from_json(dialect, value);
                request.host.spell(body);
                request
            }
            Err(error) => panic!("the bench's bodies are JSON: {error}"),
        }
    }

    /// Sends it with another method and path than the dialect's usual ones.
    #[must_use]
    pub fn with_path(self, method: &str, path: &str) -> Self {
        self.host.send_to(method, path);
        self
    }

    /// Sets the hash that identifies the caller. Default: the request has none.
    #[must_use]
    pub fn with_caller(self, caller: &str) -> Self {
        self.host.set_caller(caller);
        self
    }

    /// Sets the proxy's estimate of the request's tokens. Default: a quarter of the body's bytes.
    #[must_use]
    pub fn with_input_tokens(self, tokens: u64) -> Self {
        self.with_estimate(Unit::InputTokens, tokens)
    }

    /// Sets the proxy's estimate of what the exchange will take. Default: one request; the
    /// request's tokens; its bound for the reply's, or 256; both; and those at the model's price
    /// ([`set_price`](super::set_price)).
    #[must_use]
    pub fn with_estimate(self, unit: Unit, amount: u64) -> Self {
        self.host.expect(unit, amount);
        self
    }

    /// Sets the targets that its model stands for, whichever a policy makes it, in the proxy's order.
    /// Default: none.
    #[must_use]
    pub fn with_targets(self, targets: impl IntoIterator<Item = Target>) -> Self {
        self.host.lead_to(targets.into_iter().collect());
        self
    }

    /// Sets the head of the reply that it gets. Default: status 200, no headers.
    #[must_use]
    pub fn with_reply_head(self, status: u16, headers: &[(&str, &str)]) -> Self {
        self.host.answer_with(status, headers);
        self
    }

    /// Sets the time that the exchange may take. Default: it has no end.
    #[must_use]
    pub fn with_deadline(mut self, time: Duration) -> Self {
        self.set_deadline(time);
        self
    }

    /// The targets that policies preferred, in their order.
    #[must_use]
    pub fn preferred(&self) -> Vec<String> {
        self.host.preferred()
    }

    /// The targets that policies excluded.
    #[must_use]
    pub fn excluded(&self) -> Vec<String> {
        self.host.excluded()
    }

    /// The target that gets a copy.
    #[must_use]
    pub fn mirrored(&self) -> Option<String> {
        self.host.mirrored()
    }

    /// Reports whether a policy has replies held, to judge them.
    #[must_use]
    pub fn holds_reply(&self) -> bool {
        self.host.holds_reply().is_some()
    }

    /// The headers that policies added to the answer.
    #[must_use]
    pub fn reply_headers(&self) -> Vec<Header> {
        self.host.reply_headers()
    }

    /// One of them, by its name in any case.
    #[must_use]
    pub fn reply_header(&self, name: &str) -> Option<String> {
        let named = |header: &Header| header.name.eq_ignore_ascii_case(name);
        let header = self.host.reply_headers().into_iter().find(named)?;
        Some(header.value)
    }

    /// The body that goes up.
    #[must_use]
    pub fn body_json(&self) -> Value {
        self.host.body_json()
    }
}
