//! A provider whose every answer the test decides, in the words of the API that was called: what it
//! says next, to whom, about which model; and what it was sent, when, and by which key.
//!
//! It is an [`Upstream`] with a vocabulary. The words are the real providers' own, because a
//! proxy tells failures apart by them.

use std::collections::{HashMap, VecDeque};
use std::net::SocketAddr;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use serde_json::{Value, json};

use crate::replies::{self, Api, chunk, last_chunk, stream_head};
use crate::upstream::{Seen, Step, Upstream};

/// A failure that a provider names.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fault {
    /// Too many calls; with the value of `retry-after`, in seconds, where it gives one.
    Rate(Option<&'static str>),
    /// No room at the provider.
    Overload,
    /// Nothing left to pay with.
    Money,
    /// A key that is not accepted.
    Key,
    /// A 500: nobody knows what was done.
    MaybeDone,
    /// A body that is no valid request.
    Invalid,
    /// A model that the provider has not.
    UnknownModel,
    /// More input than the model takes.
    ContextLength,
    /// A signature of reasoning that another account made.
    ForeignSignature,
    /// A prompt that the provider's filter refuses.
    ContentFilter,
}

/// The thing that a provider does with a request.
#[derive(Debug, Clone)]
pub enum Act {
    /// Answers as the request wants it, whole or streamed, with [`Provider::text`]: 10 tokens in, 5
    /// out.
    Answers,
    /// The same with a text of its own, in these pieces.
    Says(Vec<String>),
    /// Answers by the status and the body of a failure.
    Refuses(Fault),
    /// Opens a stream, and has the failure's event where content is expected.
    FailsInside(Fault),
    /// Streams a first piece, then the failure's event.
    FailsAfterContent(Fault),
    /// Opens a stream, and closes it where content is expected.
    BreaksInside,
    /// Streams a first piece, then closes.
    BreaksAfterContent,
    /// Opens a stream, and says no more until the peer leaves.
    HangsInside,
    /// Reads the request, and says nothing until the peer leaves.
    IsSilent,
    /// Closes without an answer.
    Closes,
    /// Resets without an answer.
    Resets,
    /// Streams so many pieces, with a pause before each.
    Trickles(usize, Duration),
    /// Waits, then acts; a peer that leaves meanwhile gets nothing more.
    After(Duration, Box<Self>),
    /// Follows steps.
    Plays(Vec<Step>),
}

impl Act {
    /// The act after a wait.
    pub fn after(wait: Duration, then: Self) -> Self {
        Self::After(wait, Box::new(then))
    }

    /// The steps of the act for a request, `text` being what the provider says.
    pub fn steps(&self, seen: &Seen, text: &str) -> Vec<Step> {
        let api = Api::of(seen.path());
        let whole_text = [text];
        match self {
            Self::Answers => answer(api, seen, &whole_text),
            Self::Says(pieces) => {
                let pieces: Vec<&str> = pieces.iter().map(String::as_str).collect();
                answer(api, seen, &pieces)
            }
            Self::Refuses(fault) => vec![Step::Send(refusal(api, *fault))],
            Self::FailsInside(fault) => {
                let mut steps = opened(api, &whole_text, 0);
                steps.push(Step::Send(chunk(error_event(api, *fault).as_bytes())));
                steps.push(Step::Send(last_chunk()));
                steps
            }
            Self::FailsAfterContent(fault) => {
                let mut steps = opened(api, &whole_text, 1);
                // A piece of its own, so that it is read before what follows.
                steps.push(Step::Pause(Duration::from_millis(50)));
                steps.push(Step::Send(chunk(error_event(api, *fault).as_bytes())));
                steps.push(Step::Send(last_chunk()));
                steps
            }
            Self::BreaksInside => {
                let mut steps = opened(api, &whole_text, 0);
                steps.push(Step::Close);
                steps
            }
            Self::BreaksAfterContent => {
                let mut steps = opened(api, &whole_text, 1);
                steps.push(Step::Pause(Duration::from_millis(50)));
                steps.push(Step::Close);
                steps
            }
            Self::HangsInside => {
                let mut steps = opened(api, &whole_text, 0);
                steps.push(Step::Hold);
                steps
            }
            Self::IsSilent => vec![Step::Hold],
            Self::Closes => vec![Step::Close],
            Self::Resets => vec![Step::Reset],
            Self::Trickles(pieces, pause) => {
                let events = api.events(&vec![text; *pieces]);
                let mut steps = vec![Step::Send(stream_head())];
                for event in events {
                    steps.push(Step::Linger(*pause));
                    steps.push(Step::Send(chunk(event.as_bytes())));
                }
                steps.push(Step::Send(last_chunk()));
                steps
            }
            Self::After(wait, then) => {
                let mut steps = vec![Step::Linger(*wait)];
                steps.extend(then.steps(seen, text));
                steps
            }
            Self::Plays(steps) => steps.clone(),
        }
    }
}

/// The head of a stream, its opening events and so many pieces.
fn opened(api: Api, pieces: &[&str], deltas: usize) -> Vec<Step> {
    let events = api.events(pieces);
    let sent = events.into_iter().take(api.opening_events() + deltas);
    let mut steps = vec![Step::Send(stream_head())];
    steps.extend(sent.map(|event| Step::Send(chunk(event.as_bytes()))));
    steps
}

fn answer(api: Api, seen: &Seen, pieces: &[&str]) -> Vec<Step> {
    if !seen.streams() {
        return vec![Step::Send(replies::json_body(&api.whole(&pieces.concat())))];
    }
    let mut events = api.events(pieces);
    if api == Api::Chat && seen.json()["stream_options"]["include_usage"] == true {
        let usage = json!({"id":"chatcmpl-1","object":"chat.completion.chunk","created":1,"model":"m","choices":[],"usage":{"prompt_tokens":10,"completion_tokens":5,"total_tokens":15}});
        events.insert(events.len() - 1, format!("data: {usage}\n\n"));
    }
    replies::stream(&events)
}

/// One failure: its status line and the members of its error.
struct Words {
    status: &'static str,
    kind: &'static str,
    code: Value,
    message: &'static str,
}

fn words(api: Api, fault: Fault) -> Words {
    let words = |status, kind, code: Option<&str>, message| Words {
        status,
        kind,
        code: code.map_or(Value::Null, Value::from),
        message,
    };
    const RATE: &str = "429 Too Many Requests";
    const BAD: &str = "400 Bad Request";
    match api {
        Api::Chat | Api::Responses => match fault {
            Fault::Rate(_) => words(
                RATE,
                "requests",
                Some("rate_limit_exceeded"),
                "Rate limit reached for m",
            ),
            Fault::Overload => words(
                "503 Service Unavailable",
                "service_unavailable_error",
                Some("server_is_overloaded"),
                "Our servers are currently overloaded.",
            ),
            Fault::Money => words(
                RATE,
                "insufficient_quota",
                Some("insufficient_quota"),
                "You exceeded your current quota, please check your plan and billing details.",
            ),
            Fault::Key => words(
                "401 Unauthorized",
                "invalid_request_error",
                Some("invalid_api_key"),
                "Incorrect API key provided.",
            ),
            Fault::MaybeDone => words(
                "500 Internal Server Error",
                "server_error",
                None,
                "The server had an error while processing your request.",
            ),
            Fault::Invalid => words(
                BAD,
                "invalid_request_error",
                None,
                "Invalid value: 'spoon'.",
            ),
            Fault::UnknownModel => words(
                "404 Not Found",
                "invalid_request_error",
                Some("model_not_found"),
                "The model `m` does not exist or you do not have access to it.",
            ),
            Fault::ContextLength => words(
                BAD,
                "invalid_request_error",
                Some("context_length_exceeded"),
                "This model's maximum context length is 8192 tokens. However, your messages resulted in 9000 tokens.",
            ),
            Fault::ForeignSignature => words(
                BAD,
                "invalid_request_error",
                Some("invalid_encrypted_content"),
                "The encrypted content for item rs_1 could not be verified.",
            ),
            Fault::ContentFilter => words(
                BAD,
                "invalid_request_error",
                Some("content_filter"),
                "The response was filtered due to the prompt triggering content management policy.",
            ),
        },
        Api::Messages => match fault {
            Fault::Rate(_) => words(
                RATE,
                "rate_limit_error",
                None,
                "This request would exceed your rate limit.",
            ),
            Fault::Overload => words("529 Overloaded", "overloaded_error", None, "Overloaded"),
            Fault::Money => words(
                BAD,
                "invalid_request_error",
                None,
                "You have reached your specified API usage limits. You will regain access on 2027-01-01 at 00:00 UTC.",
            ),
            Fault::Key => words(
                "401 Unauthorized",
                "authentication_error",
                None,
                "invalid x-api-key",
            ),
            Fault::MaybeDone => words(
                "500 Internal Server Error",
                "api_error",
                None,
                "Internal server error",
            ),
            Fault::Invalid => words(
                BAD,
                "invalid_request_error",
                None,
                "messages: Field required",
            ),
            Fault::UnknownModel => words("404 Not Found", "not_found_error", None, "model: m"),
            Fault::ContextLength => words(
                BAD,
                "invalid_request_error",
                None,
                "prompt is too long: 210000 tokens > 200000 maximum",
            ),
            Fault::ForeignSignature => words(
                BAD,
                "invalid_request_error",
                None,
                "messages.1.content.0: Invalid `signature` in `thinking` block",
            ),
            Fault::ContentFilter => words(
                BAD,
                "invalid_request_error",
                None,
                "Output blocked by content filtering policy",
            ),
        },
        Api::Gemini => match fault {
            Fault::Rate(_) => words(
                RATE,
                "RESOURCE_EXHAUSTED",
                None,
                "You exceeded your current quota. Please retry later.",
            ),
            Fault::Overload => words(
                "503 Service Unavailable",
                "UNAVAILABLE",
                None,
                "The model is overloaded. Please try again later.",
            ),
            Fault::Money => words(
                RATE,
                "RESOURCE_EXHAUSTED",
                None,
                "You exceeded your current quota, please check your plan and billing details. Quota exceeded for metric: generate_content_free_tier_requests, limit: 0",
            ),
            Fault::Key => words(
                "401 Unauthorized",
                "UNAUTHENTICATED",
                None,
                "Request had invalid authentication credentials.",
            ),
            Fault::MaybeDone => words(
                "500 Internal Server Error",
                "INTERNAL",
                None,
                "An internal error has occurred.",
            ),
            Fault::Invalid => words(
                BAD,
                "INVALID_ARGUMENT",
                None,
                "Invalid JSON payload received.",
            ),
            Fault::UnknownModel => words(
                "404 Not Found",
                "NOT_FOUND",
                None,
                "models/m is not found for API version v1beta.",
            ),
            Fault::ContextLength => words(
                BAD,
                "INVALID_ARGUMENT",
                None,
                "The input token count (1200000) exceeds the maximum number of tokens allowed (1048576).",
            ),
            Fault::ForeignSignature => words(
                BAD,
                "INVALID_ARGUMENT",
                None,
                "Thought signature is not valid.",
            ),
            Fault::ContentFilter => words(
                BAD,
                "INVALID_ARGUMENT",
                None,
                "The prompt was blocked by safety filters.",
            ),
        },
    }
}

/// The body of a failure.
pub fn error_body(api: Api, fault: Fault) -> String {
    let words = words(api, fault);
    let (kind, message) = (words.kind, words.message);
    match api {
        Api::Chat | Api::Responses => {
            json!({"error": {"message": message, "type": kind, "param": null, "code": words.code}})
        }
        Api::Messages => {
            json!({"type": "error", "error": {"type": kind, "message": message}, "request_id": "req_up"})
        }
        Api::Gemini => {
            let code: u16 = words.status[..3].parse().unwrap();
            let mut error = json!({"error": {"code": code, "message": message, "status": kind}});
            let mut details = Vec::new();
            if let Some(quota) = match fault {
                Fault::Rate(_) => Some("GenerateRequestsPerMinutePerProjectPerModel"),
                Fault::Money => Some("GenerateRequestsPerDayPerProjectPerModel-FreeTier"),
                _ => None,
            } {
                details.push(json!({"@type": "type.googleapis.com/google.rpc.QuotaFailure", "violations": [{"quotaId": quota}]}));
            }
            if let Fault::Rate(Some(after)) = fault {
                details.push(json!({"@type": "type.googleapis.com/google.rpc.RetryInfo", "retryDelay": format!("{after}s")}));
            }
            if !details.is_empty() {
                error["error"]["details"] = details.into();
            }
            error
        }
    }
    .to_string()
}

/// The whole reply of a failure.
pub fn refusal(api: Api, fault: Fault) -> Vec<u8> {
    let after = match fault {
        Fault::Rate(Some(after)) if api != Api::Gemini => format!("retry-after: {after}"),
        _ => "x-up: 1".to_owned(),
    };
    let headers = ["content-type: application/json", &after];
    replies::whole(words(api, fault).status, &headers, &error_body(api, fault))
}

/// The event of a failure in a stream.
pub fn error_event(api: Api, fault: Fault) -> String {
    let body = error_body(api, fault);
    match api {
        Api::Chat => format!("data: {body}\n\n"),
        Api::Gemini => format!("data: {body}\r\n\r\n"),
        Api::Messages => format!("event: error\ndata: {body}\n\n"),
        Api::Responses => {
            let words = words(api, fault);
            let error = json!({"type": "error", "sequence_number": 3, "code": words.code, "message": words.message, "param": null});
            format!("event: error\ndata: {error}\n\n")
        }
    }
}

#[derive(Default)]
struct Script {
    next: VecDeque<Act>,
    of_key: HashMap<String, Act>,
    of_model: HashMap<String, Act>,
    otherwise: Option<Act>,
}

/// A provider that acts as the test says.
pub struct Provider {
    upstream: Upstream,
    script: Arc<Mutex<Script>>,
    text: String,
}

impl Provider {
    /// Starts one that answers everything with `text`.
    pub fn start(text: &str) -> Self {
        let script = Arc::<Mutex<Script>>::default();
        let (shared, said) = (Arc::clone(&script), text.to_owned());
        let upstream = Upstream::start(move |seen, _| {
            let act = {
                let mut script = shared.lock().unwrap();
                let next = script.next.pop_front();
                next.or_else(|| script.of_key.get(seen.key()).cloned())
                    .or_else(|| script.of_model.get(&seen.model()).cloned())
                    .or_else(|| script.otherwise.clone())
            };
            act.unwrap_or(Act::Answers).steps(seen, &said)
        });
        let text = text.to_owned();
        Self {
            upstream,
            script,
            text,
        }
    }

    /// Starts one that does the same with everything.
    pub fn always(text: &str, act: Act) -> Self {
        let provider = Self::start(text);
        provider.now(act);
        provider
    }

    /// Does this from now on with whatever has no act of its own.
    pub fn now(&self, act: Act) {
        self.script.lock().unwrap().otherwise = Some(act);
    }

    /// Does these with the next requests, one each, before anything else.
    pub fn next(&self, acts: impl IntoIterator<Item = Act>) {
        self.script.lock().unwrap().next.extend(acts);
    }

    /// Does this with requests of a key.
    pub fn with_key(&self, key: &str, act: Act) {
        let mut script = self.script.lock().unwrap();
        script.of_key.insert(key.to_owned(), act);
    }

    /// Does this with requests for a model.
    pub fn with_model(&self, model: &str, act: Act) {
        let mut script = self.script.lock().unwrap();
        script.of_model.insert(model.to_owned(), act);
    }

    /// The address that it listens on.
    pub const fn address(&self) -> SocketAddr {
        self.upstream.address
    }

    /// The text that it answers with.
    pub fn text(&self) -> &str {
        &self.text
    }

    /// Number of requests that came.
    pub fn count(&self) -> usize {
        self.upstream.count()
    }

    /// All requests, in their order.
    pub fn calls(&self) -> Vec<Seen> {
        self.upstream.seen()
    }

    /// The keys that they came with.
    pub fn keys(&self) -> Vec<String> {
        let calls = self.calls();
        calls.iter().map(|call| call.key().to_owned()).collect()
    }

    /// The time from the earlier to the later of two requests, by their numbers from 0.
    pub fn between(&self, earlier: usize, later: usize) -> Duration {
        let calls = self.calls();
        calls[later].at.saturating_duration_since(calls[earlier].at)
    }

    /// Numbers of the requests, from 0, whose peer closed before their answer was over.
    pub fn left_early(&self) -> Vec<usize> {
        self.upstream.left_early()
    }

    /// An `upstreams:` entry's value of the API's family at this address; `more` are further
    /// members.
    pub fn entry(&self, api: Api, more: &str) -> String {
        let path = if api.family() == "openai" { "/v1" } else { "" };
        let comma = if more.is_empty() { "" } else { ", " };
        format!(
            "{{ dialect: {}, url: \"http://{}{path}\"{comma}{more} }}",
            api.family(),
            self.address()
        )
    }
}
