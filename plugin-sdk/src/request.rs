//! The request of one exchange.
//!
//! A [`Request`] is a handle: nothing of it is in the policy's memory before it is read, and an
//! edit is made where the request is, in the proxy. Only the model's name is kept here once it was
//! read, so that it can be lent out.

use std::cell::OnceCell;

use serde::{Serialize, de::DeserializeOwned};

use crate::{Dialect, Header, Place, Unit, host};

/// Passages that are fetched at a time: bounds the memory that a long conversation takes here.
const PAGE: u32 = 64;

/// One editable string of a request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Passage {
    /// Valid until [`Request::set_body`] is called.
    pub id: u32,
    /// Its place in the conversation.
    pub place: Place,
    /// The index of its message; [`NO_MESSAGE`](crate::NO_MESSAGE) where it belongs to none.
    pub message: u32,
    /// Decoded text: JSON escapes are resolved.
    pub text: String,
    /// True if the text is JSON source; what is written back must be JSON then.
    pub json: bool,
}

/// A request, as the policies before this one left it.
#[derive(Debug)]
#[cfg_attr(not(target_arch = "wasm32"), derive(Clone))]
pub struct Request {
    pub(crate) host: host::Request,
    model: OnceCell<Option<String>>,
}

impl Request {
    pub(crate) fn from_host(host: host::Request) -> Self {
        Self {
            host,
            model: OnceCell::new(),
        }
    }

    /// The exchange's id, as logs and the app name it.
    #[must_use]
    pub fn id(&self) -> String {
        self.host.id()
    }

    /// The body's wire format.
    #[must_use]
    pub fn dialect(&self) -> Dialect {
        self.host.dialect()
    }

    /// The HTTP method: `POST`, nearly always.
    #[must_use]
    pub fn method(&self) -> String {
        self.host.method()
    }

    /// Path and query.
    #[must_use]
    pub fn path(&self) -> String {
        self.host.path()
    }

    /// Reports whether the app requests a stream.
    #[must_use]
    pub fn streaming(&self) -> bool {
        self.host.streaming()
    }

    /// The requested model, or `None` where the request names none.
    #[must_use]
    pub fn model(&self) -> Option<&str> {
        self.model.get_or_init(|| self.host.model()).as_deref()
    }

    /// Sends the request to another model: an alias, `upstream/model`, or a name that the dialect's
    /// own upstream takes.
    pub fn set_model(&mut self, model: &str) {
        self.model.take();
        self.host.set_model(model);
    }

    /// The first value of a header, its name in any case. Credentials read as absent unless they
    /// were granted.
    #[must_use]
    pub fn header(&self, name: &str) -> Option<String> {
        self.host.header(name).into_iter().next()
    }

    /// All values of a header, its name in any case.
    #[must_use]
    pub fn header_values(&self, name: &str) -> Vec<String> {
        self.host.header(name)
    }

    /// All headers that the policy may see.
    #[must_use]
    pub fn headers(&self) -> Vec<Header> {
        self.host.headers()
    }

    /// A hash of the credential that the request carries, the same on every replica; of all its
    /// cookies where it carries none, and `None` without either. An operator may name headers and
    /// cookies that identify a caller (`caller:` in the configuration): where a request carries
    /// one, the hash is of it.
    #[must_use]
    pub fn caller(&self) -> Option<String> {
        Some(self.host.caller()).filter(|caller| !caller.is_empty())
    }

    /// Replaces a header; an empty value removes it. A name that frames the message
    /// (`content-length`, `host`, …) is a fault.
    pub fn set_header(&mut self, name: &str, value: &str) {
        self.host.set_header(name, value);
    }

    /// Adds a header to the app's answer, refusals included; the last value set is sent.
    pub fn set_reply_header(&mut self, name: &str, value: &str) {
        self.host.set_reply_header(name, value);
    }

    /// A tag that the proxy or a policy before this one set: `tenant`, `feature`, `plan`, `region`,
    /// …
    #[must_use]
    pub fn tag(&self, name: &str) -> Option<String> {
        self.host.tag(name)
    }

    /// Sets a tag for the policies that follow and for the exchange's log line.
    pub fn set_tag(&mut self, name: &str, value: &str) {
        self.host.set_tag(name, value);
    }

    /// The passages in the places that the policy [`READS`](crate::Policy::READS), in the order of
    /// the conversation.
    ///
    /// They are fetched some at a time, so a policy that stops early pays for what it saw.
    #[must_use]
    pub fn passages(&self) -> Passages<'_> {
        Passages {
            request: self,
            page: Vec::new().into_iter(),
            next: 0,
            ended: false,
        }
    }

    /// Shows each passage to `edit` and puts what it returns in its place; `None` leaves it.
    /// Returns how many were replaced.
    pub fn edit_passages(&mut self, mut edit: impl FnMut(&Passage) -> Option<String>) -> usize {
        let (mut start, mut edited) = (0, 0);
        loop {
            let page = self.host.passages(start, PAGE);
            start += PAGE;
            let edits: Vec<(u32, String)> = page
                .iter()
                .filter_map(|passage| Some((passage.id, edit(passage)?)))
                .collect();
            self.set_passages(&edits);
            edited += edits.len();
            if is_last(&page) {
                return edited;
            }
        }
    }

    /// Replaces the text of one passage. An id that was never listed is a fault.
    pub fn set_passage(&mut self, id: u32, text: &str) {
        self.host.set_passage(id, text);
    }

    /// Replaces the texts of several passages in one call.
    pub fn set_passages(&mut self, edits: &[(u32, String)]) {
        if !edits.is_empty() {
            self.host.set_passages(edits);
        }
    }

    /// Leaves a message out. The indices of the others stay as they are.
    pub fn drop_message(&mut self, message: u32) {
        self.host.drop_message(message);
    }

    /// The number of messages.
    #[must_use]
    pub fn messages(&self) -> u32 {
        self.host.messages()
    }

    /// The number of images. They are counted, never decoded.
    #[must_use]
    pub fn images(&self) -> u32 {
        self.host.images()
    }

    /// The number of tools that the model may call.
    #[must_use]
    pub fn tools(&self) -> u32 {
        self.host.tools()
    }

    /// The proxy's estimate of the request's tokens.
    #[must_use]
    pub fn input_tokens(&self) -> u64 {
        self.host.input_tokens()
    }

    /// The proxy's estimate of what the exchange will take of a unit, as the request stands now.
    /// `None` for money where the model has no price.
    #[must_use]
    pub fn estimate(&self, unit: Unit) -> Option<u64> {
        self.host.estimate(unit)
    }

    /// Levels of nested lists and objects in the body.
    #[must_use]
    pub fn depth(&self) -> u32 {
        self.host.depth()
    }

    /// The SHA-256 of the body as it stands now, the same however its JSON is spaced and its keys
    /// are ordered, without the values at these JSON pointers. `None` where the body is no JSON, or
    /// names a key twice in one object.
    #[must_use]
    pub fn fingerprint(&self, without: &[impl AsRef<str>]) -> Option<Vec<u8>> {
        self.host.fingerprint(&owned(without))
    }

    /// The most tokens that the reply may have, where the request says so.
    #[must_use]
    pub fn max_output_tokens(&self) -> Option<u64> {
        self.host.max_output_tokens()
    }

    /// Bounds the reply's tokens, under the name that the dialect has for it.
    pub fn set_max_output_tokens(&mut self, tokens: u64) {
        self.host.set_max_output_tokens(tokens);
    }

    /// The body's value at a JSON pointer (RFC 6901), or `None` where there is none or it is no
    /// `T`.
    #[must_use]
    pub fn parameter<T: DeserializeOwned>(&self, pointer: &str) -> Option<T> {
        serde_json::from_str(&self.host.parameter(pointer)?).ok()
    }

    /// The same as raw JSON.
    #[must_use]
    pub fn parameter_json(&self, pointer: &str) -> Option<String> {
        self.host.parameter(pointer)
    }

    /// Reports whether the body has a value at a JSON pointer that is neither `null` nor `false`.
    #[must_use]
    pub fn is_set(&self, pointer: &str) -> bool {
        let value = self.host.parameter(pointer);
        value.is_some_and(|json| json != "null" && json != "false")
    }

    /// Sets the body's value at a JSON pointer whose parent exists.
    ///
    /// # Errors
    /// A sentence that says why it could not be set.
    pub fn set_parameter(
        &mut self,
        pointer: &str,
        value: &(impl Serialize + ?Sized),
    ) -> Result<(), String> {
        let json = serde_json::to_string(value).map_err(|error| error.to_string())?;
        self.set_parameter_json(pointer, &json)
    }

    /// Sets the body's value at a JSON pointer from raw JSON.
    ///
    /// # Errors
    /// A sentence that says why it could not be set.
    pub fn set_parameter_json(&mut self, pointer: &str, json: &str) -> Result<(), String> {
        self.model.take();
        self.host.set_parameter(pointer, json)
    }

    /// Bytes of the body.
    #[must_use]
    pub fn body_size(&self) -> u64 {
        self.host.body_size()
    }

    /// The whole body. Needs the grant `body`, and is empty without it; passages and parameters do
    /// nearly always.
    #[must_use]
    pub fn body(&self) -> Vec<u8> {
        self.host.body()
    }

    /// Replaces the whole body. Passages have other ids afterwards.
    pub fn set_body(&mut self, body: &[u8]) {
        self.model.take();
        self.host.set_body(body);
    }
}

pub(crate) fn owned(texts: &[impl AsRef<str>]) -> Vec<String> {
    texts.iter().map(|text| text.as_ref().to_owned()).collect()
}

/// Reports whether no passage is behind a page: none that is not full is followed by another.
fn is_last(page: &[Passage]) -> bool {
    page.len() < PAGE as usize
}

/// See [`Request::passages`].
#[derive(Debug)]
pub struct Passages<'a> {
    request: &'a Request,
    page: std::vec::IntoIter<Passage>,
    next: u32,
    ended: bool,
}

impl Iterator for Passages<'_> {
    type Item = Passage;

    fn next(&mut self) -> Option<Passage> {
        if self.page.len() == 0 && !self.ended {
            let page = self.request.host.passages(self.next, PAGE);
            self.next += PAGE;
            self.ended = is_last(&page);
            self.page = page.into_iter();
        }
        self.page.next()
    }
}
