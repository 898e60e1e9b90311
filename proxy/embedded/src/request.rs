//! A request to the embedded model, independent of its dialect.

use std::time::Duration;

use dialect::{Dialect, address};
use http::StatusCode;
use serde_json::{Map, Value};

use super::{
    audio,
    conversation::{Conversation, several},
    converse,
    endpoint::Shape,
    gemini, interactions,
    tools::{ToolCall, calls, structured},
};

/// The default size of a streamed piece, in characters: a few words.
const CHUNK: usize = 12;
/// The most pieces of a text, unless the model's query sets more: a long prompt comes back in
/// longer pieces.
const PIECES: usize = 1000;
/// Bounds of what a model's query may ask for.
const MOST_EVENTS: usize = 100_000;
const MOST_CHOICES: u64 = 16;
/// The longest text that is made by repetition, in characters.
const LONGEST: usize = 4 * 1024 * 1024;
/// The tokens that one image counts as.
pub(super) const IMAGE_TOKENS: u64 = 85;

/// A request, understood.
#[derive(Debug)]
pub(super) struct Request {
    /// The model's name without its query.
    pub(super) model: String,
    pub(super) stream: bool,
    /// True if a chat stream ends with usage.
    pub(super) include_usage: bool,
    pub(super) choices: u64,
    /// The reply's text.
    pub(super) text: String,
    /// Inputs that are independent of each other: prompts of completions, texts to embed.
    pub(super) inputs: Vec<String>,
    /// The reasoning, present where it was requested.
    pub(super) reasoning: Option<String>,
    /// Tool calls instead of text.
    pub(super) calls: Vec<ToolCall>,
    pub(super) input_tokens: u64,
    pub(super) pace: Pace,
    /// The request itself, for the fields that a reply repeats.
    pub(super) raw: Map<String, Value>,
}

/// A piece of a reply in which thoughts, text and calls follow each other.
pub(super) enum Block<'a> {
    Reasoning(&'a str),
    Text(&'a str),
    Call(&'a ToolCall),
}

/// The timing and size of the answer's pieces.
#[derive(Debug)]
pub(super) struct Pace {
    /// Characters in a piece, where the query says.
    pub(super) chunk: Option<usize>,
    /// Pieces, exactly.
    pub(super) events: Option<usize>,
    /// The wait before each event.
    pub(super) delay: Duration,
    /// The wait before the head.
    pub(super) first: Duration,
    /// The status of the error to answer with.
    pub(super) status: Option<StatusCode>,
}

/// The fault of a request, for the person who sent it.
pub(super) struct Invalid(pub(super) String);

impl Request {
    /// The reply's pieces: reasoning, then text or calls.
    pub(super) fn blocks(&self) -> impl Iterator<Item = Block<'_>> {
        let reasoning = self.reasoning.as_deref().map(Block::Reasoning);
        let text = self.calls.is_empty().then_some(Block::Text(&self.text));
        let calls = self.calls.iter().map(Block::Call);
        reasoning.into_iter().chain(text).chain(calls)
    }

    /// Cuts `text` into what each event of a stream carries.
    pub(super) fn pieces<'a>(&self, text: &'a str) -> Vec<&'a str> {
        let least = |most: usize| text.len().div_ceil(most);
        let chunk = match self.pace.chunk {
            Some(chunk) => chunk.max(least(MOST_EVENTS)),
            None if self.pace.events.is_some() => CHUNK,
            None => CHUNK.max(least(PIECES)),
        };
        let mut pieces = Vec::new();
        let mut rest = text;
        while !rest.is_empty() {
            let end = rest
                .char_indices()
                .nth(chunk)
                .map_or(rest.len(), |(at, _)| at);
            let (piece, after) = rest.split_at(end);
            pieces.push(piece);
            rest = after;
        }
        pieces
    }

    /// Tokens of all choices: text, tool arguments and reasoning.
    pub(super) fn output_tokens(&self) -> u64 {
        let one = if self.calls.is_empty() {
            estimate(self.text.len())
        } else {
            let lengths = self.calls.iter().map(|c| c.name.len() + c.arguments.len());
            lengths.map(estimate).sum()
        };
        (one + self.reasoning_tokens_of_one()) * self.choices
    }

    /// Those of them that are reasoning.
    pub(super) fn reasoning_tokens(&self) -> u64 {
        self.reasoning_tokens_of_one() * self.choices
    }

    fn reasoning_tokens_of_one(&self) -> u64 {
        self.reasoning.as_ref().map_or(0, |r| estimate(r.len()))
    }

    /// The member that all chunks of a stream have where its end reports the usage.
    pub(super) fn usage_slot(&self) -> &'static str {
        match self.include_usage {
            true => r#","usage":null"#,
            false => "",
        }
    }

    /// A field of the request as JSON text, for replies that repeat it.
    pub(super) fn repeat(&self, name: &str, otherwise: &str) -> String {
        match self.raw.get(name) {
            Some(value) if !value.is_null() => value.to_string(),
            _ => otherwise.into(),
        }
    }
}

/// Reads a request.
pub(super) fn read(shape: Shape, body: &[u8], path: &str) -> Result<Request, Invalid> {
    let invalid = |why: &str| Err(Invalid(why.into()));
    let mut raw = match shape {
        Shape::Transcription => audio::as_chat(body),
        _ => object(body)?,
    };
    match shape {
        Shape::Gemini => {
            let Some(address) = address::read(Dialect::GeminiGenerate, path) else {
                return invalid("the path names no model; write `models/MODEL:generateContent`");
            };
            let model = address.model.into_owned();
            raw = gemini::as_chat(raw, model);
            raw.insert("stream".into(), address.streaming.into());
        }
        Shape::Converse => {
            raw = converse::as_chat(raw)?;
            converse::addressed(&mut raw, path)?;
        }
        Shape::Invoke => converse::addressed(&mut raw, path)?,
        Shape::Interactions => raw = interactions::as_chat(raw),
        _ => {}
    }
    let model = match raw.get("model") {
        Some(Value::String(model)) => model.as_str(),
        // the provider has one that is meant
        None if matches!(shape, Shape::Images | Shape::Moderations) => "embedded",
        _ => return invalid("`model` is missing; name a model"),
    };
    let (model, query) = model.split_once('?').unwrap_or((model, ""));
    let pace = pace(query)?;
    let model = model.to_owned();

    let (said_at, is_conversation) = input(shape);
    let said = raw.get(said_at);
    let mut conversation = Conversation::default();
    let mut inputs = Vec::new();
    match said {
        _ if !is_conversation => {
            inputs = several(said);
            if inputs.is_empty() {
                return Err(Invalid(format!(
                    "`{said_at}` is missing; send text or a list of texts"
                )));
            }
            inputs
                .iter()
                .for_each(|text| conversation.message("user", text));
        }
        Some(Value::String(text)) if shape == Shape::Responses => {
            conversation.message("user", text)
        }
        Some(Value::Array(items)) => items.iter().for_each(|item| conversation.item(item)),
        _ if shape == Shape::Responses => {
            return invalid("`input` is missing; send text or a list of items");
        }
        _ => return invalid("`messages` is missing; send a list of messages"),
    }

    if shape == Shape::Rerank && !raw.get("query").is_some_and(Value::is_string) {
        return invalid("`query` is missing; send text");
    }
    let choices = raw.get("n").and_then(Value::as_u64).unwrap_or(1);
    if !(1..=MOST_CHOICES).contains(&choices) {
        return invalid("`n` must be between 1 and 16");
    }
    let calls = calls(&raw, &conversation.text, conversation.from_user);
    let text = match structured(&raw, &conversation.text)? {
        Some(text) => text,
        None => paced(&conversation.text, &pace),
    };
    let reasoning = reasons(shape, &raw).then(|| format!("I was told: {}", conversation.text));
    let images = conversation.images * IMAGE_TOKENS;
    // Everything else that is text in the request counts as well: system prompts, tools, the
    // history.
    let input_tokens = estimate(conversation.bytes + counted(&raw, shape)) + images;
    Ok(Request {
        model,
        stream: raw.get("stream") == Some(&Value::Bool(true)),
        inputs,
        include_usage: raw
            .get("stream_options")
            .and_then(|o| o.get("include_usage"))
            == Some(&Value::Bool(true)),
        choices,
        text,
        reasoning,
        calls,
        input_tokens,
        pace,
        raw,
    })
}

/// The body as JSON.
fn object(body: &[u8]) -> Result<Map<String, Value>, Invalid> {
    match serde_json::from_slice(body) {
        Ok(Value::Object(raw)) => Ok(raw),
        Ok(_) => Err(Invalid("the body is not a JSON object".into())),
        Err(error) => {
            let (line, column) = (error.line(), error.column());
            Err(Invalid(format!(
                "the body is not valid JSON: line {line}, column {column}"
            )))
        }
    }
}

/// The member that holds what is answered, and true if that is a conversation rather than inputs
/// that stand each for itself.
const fn input(shape: Shape) -> (&'static str, bool) {
    match shape {
        Shape::Responses => ("input", true),
        Shape::Embeddings | Shape::Moderations | Shape::Speech => ("input", false),
        Shape::Completions | Shape::Images => ("prompt", false),
        Shape::Rerank => ("documents", false),
        Shape::Chat
        | Shape::Messages
        | Shape::Gemini
        | Shape::Interactions
        | Shape::Converse
        | Shape::Invoke
        | Shape::Transcription => ("messages", true),
    }
}

/// Bytes outside the conversation that a model reads too.
fn counted(raw: &Map<String, Value>, shape: Shape) -> usize {
    let outside: &[&str] = match shape {
        Shape::Completions => &["suffix"],
        Shape::Rerank => &["query"],
        Shape::Speech => &["instructions"],
        Shape::Chat | Shape::Gemini | Shape::Interactions | Shape::Converse => &["tools"],
        Shape::Embeddings | Shape::Images | Shape::Moderations | Shape::Transcription => &[],
        Shape::Responses => &["instructions", "tools"],
        Shape::Messages | Shape::Invoke => &["system", "tools"],
    };
    let present = outside.iter().filter_map(|name| raw.get(*name));
    present.map(|value| value.to_string().len()).sum()
}

fn reasons(shape: Shape, raw: &Map<String, Value>) -> bool {
    let effort = |value: Option<&Value>| value.is_some_and(|e| !e.is_null() && e != "none");
    match shape {
        Shape::Messages | Shape::Invoke => {
            let kind = raw
                .get("thinking")
                .and_then(|thinking| thinking.get("type"));
            kind.is_some_and(|kind| kind == "enabled" || kind == "adaptive")
        }
        Shape::Completions
        | Shape::Embeddings
        | Shape::Images
        | Shape::Moderations
        | Shape::Rerank
        | Shape::Speech
        | Shape::Transcription => false,
        Shape::Chat | Shape::Gemini | Shape::Interactions | Shape::Converse => {
            effort(raw.get("reasoning_effort")) || effort(raw.get("reasoning"))
        }
        Shape::Responses => raw
            .get("reasoning")
            .is_some_and(|r| effort(r.get("effort")) || effort(r.get("summary"))),
    }
}

fn pace(query: &str) -> Result<Pace, Invalid> {
    let mut pace = Pace {
        chunk: None,
        events: None,
        delay: Duration::ZERO,
        first: Duration::ZERO,
        status: None,
    };
    for pair in query.split('&').filter(|pair| !pair.is_empty()) {
        let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
        let number: Option<usize> = value.parse().ok();
        match (name, number) {
            ("chunk", Some(n @ 1..)) => pace.chunk = Some(n),
            ("events", Some(n @ 1..=MOST_EVENTS)) => pace.events = Some(n),
            ("delay_ms", Some(n)) => pace.delay = Duration::from_millis(n as u64),
            ("first_ms", Some(n)) => pace.first = Duration::from_millis(n as u64),
            ("status", Some(n @ 400..=599)) => {
                pace.status = StatusCode::from_u16(n as u16).ok();
            }
            _ => {
                return Err(Invalid(
                    "the model's query is not understood; write `name?chunk=3&events=100&delay_ms=5&first_ms=50&status=529`"
                        .into(),
                ));
            }
        }
    }
    Ok(pace)
}

/// The reply's text: `text` itself, or as much of its repetition as fills the pieces that were
/// requested.
pub(super) fn paced(text: &str, pace: &Pace) -> String {
    match pace.events {
        None => text.to_owned(),
        Some(events) => {
            let text = if text.is_empty() { " " } else { text };
            let wanted = events.saturating_mul(pace.chunk.unwrap_or(CHUNK));
            text.chars().cycle().take(wanted.min(LONGEST)).collect()
        }
    }
}

/// Tokens in so many bytes of text.
fn estimate(bytes: usize) -> u64 {
    bytes.div_ceil(4) as u64
}
