//! A request in memory.

use std::{
    cell::RefCell,
    collections::{BTreeMap, BTreeSet},
    rc::Rc,
};

use serde_json::{Value, json};

use super::super::passages::{self, Spot};
use crate::{Dialect, Header, Passage, Place, Places, Unit, json::depth, settings::CREDENTIALS};
use head::Head;
pub(crate) use head::ReplyHead;
use targets::Targets;

mod head;
mod size;
mod system;
mod targets;

/// Headers that are the proxy's own.
const RESERVED: [&str; 6] = [
    "host",
    "connection",
    "content-length",
    "transfer-encoding",
    "te",
    "upgrade",
];

/// The exchange's request, as the proxy would keep it. A clone is another one.
#[derive(Debug)]
pub(crate) struct Request(Rc<RefCell<State>>);

impl Clone for Request {
    fn clone(&self) -> Self {
        Self(Rc::new(RefCell::new(self.0.borrow().clone())))
    }
}

#[derive(Debug, Clone)]
struct State {
    dialect: Dialect,
    headers: Vec<Header>,
    tags: Vec<(String, String)>,
    body: Value,
    /// Ids are indices of this list.
    spots: Vec<Spot>,
    shown: Places,
    dropped: BTreeSet<u32>,
    /// Estimates that the test sets.
    estimates: BTreeMap<u8, u64>,
    caller: String,
    path: Option<String>,
    method: String,
    reply_headers: Vec<Header>,
    /// The head of the reply that it gets.
    head: Head,
    targets: Targets,
    /// The body as the test spelt it, and as it is parsed.
    spelt: Option<(String, Value)>,
}

impl State {
    fn index(&mut self) {
        self.spots = passages::find(self.dialect, &self.body);
    }

    fn text(&self, spot: &Spot) -> String {
        match self.body.pointer(&spot.pointer) {
            Some(Value::String(text)) => text.clone(),
            Some(source) => source.to_string(),
            None => String::new(),
        }
    }

    fn limit_name(&self) -> &'static str {
        match self.dialect {
            Dialect::OpenaiResponses => "max_output_tokens",
            Dialect::OpenaiChat if self.body.get("max_tokens").is_none() => "max_completion_tokens",
            _ => "max_tokens",
        }
    }

    /// The requests of a batch; `None` where this is none.
    fn batched(&self) -> Option<impl Iterator<Item = &Value>> {
        let requests = match self.dialect {
            Dialect::AnthropicBatches => self.body["requests"].as_array()?,
            _ => return None,
        };
        Some(requests.iter().map(|request| &request["params"]))
    }

    fn body_json(&self) -> Value {
        self.without_dropped(self.body.clone())
    }

    fn without_dropped(&self, mut body: Value) -> Value {
        let list = body.get_mut(passages::messages_key(self.dialect));
        if let Some(messages) = list.and_then(Value::as_array_mut) {
            let mut index = 0;
            messages.retain(|_| {
                index += 1;
                !self.dropped.contains(&(index - 1))
            });
        }
        body
    }
}

impl Request {
    pub(crate) fn new(dialect: Dialect, body: Value) -> Self {
        let mut state = State {
            dialect,
            headers: Vec::new(),
            tags: Vec::new(),
            body,
            spots: Vec::new(),
            shown: Places::all(),
            dropped: BTreeSet::new(),
            estimates: BTreeMap::new(),
            caller: String::new(),
            path: None,
            method: "POST".into(),
            reply_headers: Vec::new(),
            head: Head::default(),
            targets: Targets::default(),
            spelt: None,
        };
        state.index();
        Self(Rc::new(RefCell::new(state)))
    }

    /// A request that is lent to nobody: whatever is called of it panics.
    pub(crate) fn none() -> Self {
        let none = Self::new(Dialect::Other, Value::Null);
        std::mem::forget(none.0.borrow_mut());
        none
    }

    /// The very same request, for the bench to keep.
    pub(super) fn same(&self) -> Self {
        Self(Rc::clone(&self.0))
    }

    // What tests set.

    pub(crate) fn show(&self, places: Places) {
        self.0.borrow_mut().shown = places;
    }
    pub(crate) fn add_message(&self, message: Value) {
        let state = &mut *self.0.borrow_mut();
        let key = passages::messages_key(state.dialect);
        match state.body.get_mut(key) {
            Some(Value::Array(messages)) => messages.push(message),
            _ => panic!("the body has no list `{key}` to add a message to"),
        }
        state.index();
    }
    pub(crate) fn add_header(&self, header: Header) {
        self.0.borrow_mut().headers.push(header);
    }
    pub(crate) fn expect(&self, unit: Unit, amount: u64) {
        self.0.borrow_mut().estimates.insert(unit as u8, amount);
    }
    pub(crate) fn set_caller(&self, caller: &str) {
        self.0.borrow_mut().caller = caller.into();
    }
    pub(crate) fn send_to(&self, method: &str, path: &str) {
        let state = &mut *self.0.borrow_mut();
        (state.method, state.path) = (method.into(), Some(path.into()));
    }
    pub(crate) fn spell(&self, text: &str) {
        let state = &mut *self.0.borrow_mut();
        state.spelt = Some((text.into(), state.body.clone()));
    }
    pub(crate) fn reply_headers(&self) -> Vec<Header> {
        self.0.borrow().reply_headers.clone()
    }
    pub(crate) fn body_json(&self) -> Value {
        self.0.borrow().body_json()
    }

    // What policies call.

    #[expect(clippy::unused_self, reason = "the contract's signature")]
    pub(crate) fn id(&self) -> String {
        "bench".into()
    }
    pub(crate) fn dialect(&self) -> Dialect {
        self.0.borrow().dialect
    }
    pub(crate) fn method(&self) -> String {
        self.0.borrow().method.clone()
    }
    pub(crate) fn path(&self) -> String {
        if let Some(path) = &self.0.borrow().path {
            return path.clone();
        }
        match self.dialect() {
            Dialect::OpenaiResponses => "/v1/responses",
            Dialect::OpenaiCompletions => "/v1/completions",
            Dialect::OpenaiEmbeddings => "/v1/embeddings",
            Dialect::AnthropicMessages => "/v1/messages",
            Dialect::AnthropicBatches => "/v1/messages/batches",
            Dialect::GeminiGenerate => "/v1beta/models/gemini:generateContent",
            Dialect::GeminiInteractions => "/v1beta/interactions",
            Dialect::OpenaiConversations => "/v1/conversations",
            _ => "/v1/chat/completions",
        }
        .into()
    }
    pub(crate) fn streaming(&self) -> bool {
        self.0.borrow().body["stream"] == true
    }
    pub(crate) fn model(&self) -> Option<String> {
        let state = self.0.borrow();
        let Some(requests) = state.batched() else {
            return state.body["model"].as_str().map(str::to_owned);
        };
        let mut models = requests.map(|params| params["model"].as_str());
        let first = models.next()??;
        let same = models.all(|model| model == Some(first));
        same.then(|| first.to_owned())
    }
    pub(crate) fn set_model(&self, model: &str) {
        self.0.borrow_mut().body["model"] = json!(model);
    }
    pub(crate) fn header(&self, name: &str) -> Vec<String> {
        let mut headers = self.headers();
        headers.retain(|header| header.name.eq_ignore_ascii_case(name));
        headers.into_iter().map(|header| header.value).collect()
    }
    pub(crate) fn headers(&self) -> Vec<Header> {
        let named = |header: &Header, name: &str| header.name.eq_ignore_ascii_case(name);
        let mut headers = self.0.borrow().headers.clone();
        headers.retain(|header| !CREDENTIALS.iter().any(|name| named(header, name)));
        headers
    }
    pub(crate) fn caller(&self) -> String {
        self.0.borrow().caller.clone()
    }
    pub(crate) fn set_reply_header(&self, name: &str, value: &str) {
        assert!(
            value.bytes().all(|byte| (b' '..=b'~').contains(&byte)),
            "no header can have this value: {value:?}"
        );
        put(&mut self.0.borrow_mut().reply_headers, name, Some(value));
    }
    pub(crate) fn set_header(&self, name: &str, value: &str) {
        let value = Some(value).filter(|value| !value.is_empty());
        put(&mut self.0.borrow_mut().headers, name, value);
    }
    pub(crate) fn tag(&self, name: &str) -> Option<String> {
        let state = self.0.borrow();
        let (_, value) = state.tags.iter().find(|(tag, _)| tag == name)?;
        Some(value.clone())
    }
    pub(crate) fn set_tag(&self, name: &str, value: &str) {
        let tags = &mut self.0.borrow_mut().tags;
        tags.retain(|(tag, _)| tag != name);
        tags.push((name.into(), value.into()));
    }
    pub(crate) fn passages(&self, start: u32, max: u32) -> Vec<Passage> {
        let shown = self.0.borrow().shown;
        assert!(
            !shown.is_empty(),
            "the policy reads passages and declares no READS: name the places in `const READS`"
        );
        self.listed(shown, |_| true, start, max)
    }
    pub(crate) fn passages_of(
        &self,
        place: Place,
        last: bool,
        start: u32,
        max: u32,
    ) -> Vec<Passage> {
        let only = place.alone();
        assert!(
            self.0.borrow().shown.contains(only),
            "the policy reads `{}` and does not declare it: name it in `const READS`",
            place.name()
        );
        let all = self.listed(only, |_| true, 0, u32::MAX);
        let message = all.last().map(|passage| passage.message);
        let shown = |of: u32| !last || Some(of) == message;
        self.listed(only, shown, start, max)
    }
    fn listed(
        &self,
        places: Places,
        of: impl Fn(u32) -> bool,
        start: u32,
        max: u32,
    ) -> Vec<Passage> {
        let state = self.0.borrow();
        (0..)
            .zip(&state.spots)
            .filter(|(_, spot)| places.contains(spot.place.alone()) && of(spot.message))
            .filter(|(_, spot)| !state.dropped.contains(&spot.message))
            .skip(start as usize)
            .take(max as usize)
            .map(|(id, spot)| Passage {
                id,
                place: spot.place,
                message: spot.message,
                text: state.text(spot),
                json: spot.place == Place::ToolArguments,
            })
            .collect()
    }
    pub(crate) fn set_passage(&self, id: u32, text: &str) {
        let state = &mut *self.0.borrow_mut();
        let Some(spot) = state.spots.get(id as usize) else {
            panic!("there is no passage {id}")
        };
        match state.body.pointer_mut(&spot.pointer) {
            Some(Value::String(old)) => text.clone_into(old),
            Some(source) => match serde_json::from_str(text) {
                Ok(new) => *source = new,
                Err(error) => panic!("passage {id} must be JSON source text: {error}"),
            },
            None => panic!("passage {id} is gone"),
        }
    }
    pub(crate) fn set_passages(&self, edits: &[(u32, String)]) {
        for (id, text) in edits {
            self.set_passage(*id, text);
        }
    }
    pub(crate) fn drop_message(&self, message: u32) {
        assert!(message < self.messages(), "there is no message {message}");
        self.0.borrow_mut().dropped.insert(message);
    }
    pub(crate) fn messages(&self) -> u32 {
        let state = self.0.borrow();
        match &state.body[passages::messages_key(state.dialect)] {
            Value::Array(messages) => u32::try_from(messages.len()).unwrap_or(u32::MAX),
            Value::String(_) => 1,
            _ => 0,
        }
    }
    pub(crate) fn depth(&self) -> u32 {
        u32::try_from(depth(&self.body_json().to_string())).unwrap_or(u32::MAX)
    }
    pub(crate) fn fingerprint(&self, without: &[String]) -> Option<Vec<u8>> {
        let body = self.body_json();
        match &self.0.borrow().spelt {
            Some((text, read)) if *read == body => super::fingerprint::fingerprint(text, without),
            _ => super::fingerprint::fingerprint(&body.to_string(), without),
        }
    }
    /// The same without the texts of these passages.
    pub(crate) fn fingerprint_without(
        &self,
        question: &[u32],
        without: &[String],
    ) -> Option<Vec<u8>> {
        let state = self.0.borrow();
        assert!(
            !state.shown.is_empty(),
            "the policy names passages and declares no READS: name the places in `const READS`"
        );
        let pointers = question
            .iter()
            .map(|id| match state.spots.get(*id as usize) {
                Some(spot) if state.dropped.contains(&spot.message) => {
                    panic!("passage {id} is gone")
                }
                Some(spot) => spot.pointer.clone(),
                None => panic!("there is no passage {id}"),
            });
        let pointers: Vec<String> = pointers.collect();
        if let Some((text, read)) = &state.spelt
            && *read == state.body_json()
        {
            let without: Vec<String> = [without, &pointers].concat();
            return super::fingerprint::fingerprint(text, &without);
        }
        let mut body = state.body.clone();
        for pointer in &pointers {
            remove(&mut body, pointer);
        }
        super::fingerprint::fingerprint(&state.without_dropped(body).to_string(), without)
    }
    pub(crate) fn parameter(&self, pointer: &str) -> Option<String> {
        self.0.borrow().body.pointer(pointer).map(Value::to_string)
    }
    pub(crate) fn set_parameter(&self, pointer: &str, json: &str) -> Result<(), String> {
        let value: Value =
            serde_json::from_str(json).map_err(|error| format!("no JSON: {error}"))?;
        let (parent, key) = pointer.rsplit_once('/').ok_or("the pointer names no key")?;
        let state = &mut *self.0.borrow_mut();
        match state.body.pointer_mut(parent) {
            Some(Value::Object(map)) => {
                map.insert(key.replace("~1", "/").replace("~0", "~"), value);
            }
            Some(Value::Array(list)) => match key.parse::<usize>() {
                Ok(index) if index < list.len() => list[index] = value,
                Ok(index) if index == list.len() => list.push(value),
                _ if key == "-" => list.push(value),
                _ => return Err(format!("`{key}` is no index of the list")),
            },
            _ => return Err(format!("nothing is at `{parent}`")),
        }
        state.index();
        Ok(())
    }
    pub(crate) fn body_size(&self) -> u64 {
        self.body().len() as u64
    }
    pub(crate) fn body(&self) -> Vec<u8> {
        self.body_json().to_string().into_bytes()
    }
    pub(crate) fn set_body(&self, body: &[u8]) {
        let state = &mut *self.0.borrow_mut();
        match serde_json::from_slice(body) {
            Ok(body) => state.body = body,
            Err(error) => panic!("the bench's bodies are JSON: {error}"),
        }
        state.dropped.clear();
        state.index();
    }
}

/// Removes a member of an object.
fn remove(body: &mut Value, pointer: &str) {
    let Some((parent, key)) = pointer.rsplit_once('/') else {
        return;
    };
    if let Some(Value::Object(map)) = body.pointer_mut(parent) {
        map.remove(&key.replace("~1", "/").replace("~0", "~"));
    }
}

/// Puts one value in the place of all that a header has; `None` removes it.
fn put(headers: &mut Vec<Header>, name: &str, value: Option<&str>) {
    let named = |of: &str| name.eq_ignore_ascii_case(of);
    assert!(
        !RESERVED.iter().any(|reserved| named(reserved)),
        "`{name}` is the proxy's own header"
    );
    headers.retain(|header| !named(&header.name));
    headers.extend(value.map(|value| Header {
        name: name.into(),
        value: value.into(),
    }));
}
