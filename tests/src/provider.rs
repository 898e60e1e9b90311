//! A provider whose every answer the test decides, in the words of the API that was called: what it
//! says next, to whom, about which model; and what it was sent, when, and by which key.
//!
//! It is an [`Upstream`] with a vocabulary. The words are the real providers' own, because a
//! proxy tells failures apart by them.

use std::collections::{HashMap, VecDeque};
use std::net::SocketAddr;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use serde_json::json;

use crate::replies::{self, Api, chunk, last_chunk, stream_head};
use crate::upstream::{Seen, Step, Upstream};

mod words;

pub use words::{Fault, error_body, error_event, refusal};

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

#[derive(Default)]
struct Script {
    next: VecDeque<Act>,
    of_key: HashMap<String, Act>,
    of_model: HashMap<String, Act>,
    otherwise: Option<Act>,
}

/// A provider that acts as the test says: from now on, for a key, for a model, for the next
/// requests; or by a script alone.
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

    /// Starts one that decides by the request, and by how many came before it.
    pub fn scripted(
        text: &str,
        script: impl Fn(&Seen, usize) -> Act + Send + Sync + 'static,
    ) -> Self {
        let said = text.to_owned();
        let upstream = Upstream::start(move |seen, number| script(seen, number).steps(seen, &said));
        Self {
            upstream,
            script: Arc::default(),
            text: text.to_owned(),
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
