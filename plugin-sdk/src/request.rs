//! The request of one exchange.
//!
//! A [`Request`] is a handle: nothing of it is in the policy's memory before it is read, and an
//! edit is made where the request is, in the proxy. Only the model's name is kept here once it was
//! read, so that it can be lent out.

use std::cell::OnceCell;

use serde::{Serialize, de::DeserializeOwned};

use crate::{Dialect, Header, Places, Tools, Unit, host};
pub use passages::{Passage, Passages};

mod passages;

/// A request, as the policies before this one left it.
///
/// ```
/// # use outrigger_sdk::{Dialect, Request, Unit};
/// let mut request = Request::chat("gpt-5").user("hi").user("bye").with_header("x-team", "blue");
///
/// // What it is, and whose.
/// assert_eq!((request.method().as_str(), request.dialect()), ("POST", Dialect::OpenaiChat));
/// assert!(!request.id().is_empty() && request.path().ends_with("completions"));
/// assert_eq!(request.header_values("X-Team"), ["blue"]);
/// assert_eq!(request.headers().len(), 1);
/// request.set_header("x-team", "red");
/// request.set_reply_header("x-policy", "seen");
/// request.set_tag("tenant", "acme");
/// assert_eq!((request.tag("tenant"), request.caller()), (Some("acme".into()), None));
///
/// // Its size.
/// assert!(!request.streaming() && request.images() == 0 && request.depth() == 3);
/// assert_eq!(request.estimate(Unit::InputTokens), Some(request.input_tokens()));
/// request.set_max_output_tokens(500);
/// assert_eq!(request.max_output_tokens(), Some(500));
/// assert_eq!(request.body_size(), request.body().len() as u64);
///
/// // Its text.
/// let shouted = request.edit_passages(|passage| Some(passage.text.to_uppercase()));
/// assert_eq!((shouted, request.messages()), (2, 2));
/// let first = request.passages().next().unwrap();
/// request.set_passage(first.id, "hello");
/// request.drop_message(first.message);
/// assert_eq!(request.last_user().text(), "BYE");
///
/// // All of it, where the operator granted `body`.
/// request.set_body(br#"{"model":"small","messages":[]}"#);
/// assert_eq!(request.model(), Some("small"));
/// ```
#[derive(Debug)]
#[cfg_attr(not(target_arch = "wasm32"), derive(Clone))]
pub struct Request {
    pub(crate) host: host::Request,
    model: OnceCell<Option<String>>,
    /// The places that the policy declares for all of its configurations, and for this one.
    declared: Places,
    reads: Places,
}

impl Request {
    pub(crate) fn from_host(host: host::Request) -> Self {
        Self {
            host,
            model: OnceCell::new(),
            declared: Places::all(),
            reads: Places::all(),
        }
    }

    /// Sets the places that the policy declares for all of its configurations, and for this one.
    pub(crate) fn declare(&mut self, declared: Places, reads: Places) {
        (self.declared, self.reads) = (declared, reads);
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

    /// Adds a text behind the system prompt, where the dialect has it, or makes one. What stands
    /// there already stays as it is, so that a provider's cache of it holds. Where a message has to
    /// be made for it, the indices of all others are one more.
    ///
    /// ```
    /// # use outrigger_sdk::Request;
    /// let mut request = Request::chat("m").message("system", "Be brief.").user("hi");
    /// request.add_system("Answer in French.")?;
    /// assert_eq!(request.system().text(), "Be brief.\n\nAnswer in French.");
    /// # Ok::<(), String>(())
    /// ```
    ///
    /// # Errors
    /// A sentence that says why there is no place for it: not every dialect has a system prompt.
    pub fn add_system(&mut self, text: &str) -> Result<(), String> {
        self.host.add_system(text)
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

    /// The tools that the model may call.
    ///
    /// ```
    /// # use outrigger_sdk::{Dialect, Request};
    /// # use serde_json::json;
    /// let tools = json!([{ "name": "search", "description": "Searches.", "input_schema": {} }]);
    /// let body = json!({ "model": "m", "messages": [], "tools": tools });
    /// let request = Request::from_json(Dialect::AnthropicMessages, body);
    /// assert_eq!(request.tools().len(), 1);
    /// assert!(request.tools().iter().any(|tool| tool.name == "search"));
    /// ```
    #[must_use]
    pub fn tools(&self) -> Tools<'_> {
        Tools::of(self)
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
    ///
    /// ```
    /// # use outrigger_sdk::Request;
    /// #[derive(serde::Serialize, serde::Deserialize)]
    /// struct Thinking { effort: String }
    ///
    /// let mut request = Request::chat("m").user("hi");
    /// request.set_parameter("/reasoning", &Thinking { effort: "low".into() })?;
    /// request.set_parameter_json("/temperature", "0.5")?;
    /// let thinking: Option<Thinking> = request.parameter("/reasoning");
    /// assert_eq!(thinking.unwrap().effort, "low");
    /// assert_eq!(request.parameter::<f64>("/temperature"), Some(0.5));
    /// assert_eq!(request.parameter_json("/temperature").as_deref(), Some("0.5"));
    /// assert!(request.is_set("/reasoning/effort") && !request.is_set("/stream"));
    /// # Ok::<(), String>(())
    /// ```
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

    /// The whole body. Needs the grant `body`: a fault without it. Passages and parameters do nearly
    /// always.
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
