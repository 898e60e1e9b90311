//! A request between two dialects: what its caller wants, in no dialect's words.
//!
//! Everything is borrowed from the caller's document. What has the same spelling on both sides
//! (texts, arguments, numbers, schemas) is carried as source and never parsed.

use std::borrow::Cow;

use super::{loss::Refused, opaque::Opaque, text::Text};

mod extras;

pub(crate) use extras::{Extra, ExtraKind};

/// A request.
#[derive(Debug, Default)]
pub(crate) struct Request<'a> {
    /// The model that the caller named.
    pub model: Option<Text<'a>>,
    /// The reply is to be a stream.
    pub stream: bool,
    /// A stream of `openai.chat` is to report its usage.
    pub stream_usage: bool,
    /// The instructions before the conversation, a part for each block: [`Part::Text`] only.
    pub system: Vec<Part<'a>>,
    /// The conversation. Neighbours may be of one role: a writer whose dialect does not take that
    /// merges them.
    pub turns: Vec<Turn<'a>>,
    /// Functions that the model may call.
    pub tools: Vec<Tool<'a>>,
    /// Which of them it may or must call; `None`: its own choice.
    pub choice: Option<Choice<'a>>,
    /// True if it may call several at once; `None`: the dialect's default, which is yes.
    pub parallel: Option<bool>,
    /// The form of its text.
    pub output: Output<'a>,
    /// The most tokens that it may generate, reasoning included.
    pub max_output: Option<Number<'a>>,
    /// The sampling temperature.
    pub temperature: Option<Number<'a>>,
    /// Nucleus sampling.
    pub top_p: Option<Number<'a>>,
    /// The number of likeliest tokens to sample from.
    pub top_k: Option<Number<'a>>,
    /// Texts at which it stops.
    pub stop: Vec<Text<'a>>,
    /// The reasoning that it is to do.
    pub reasoning: Reasoning<'a>,
    /// The end user, for the provider's abuse detection.
    pub user: Option<Text<'a>>,
    /// Members that some dialects have and others lack.
    pub extras: Vec<Extra<'a>>,
}

/// A number as its document spells it.
pub(crate) type Number<'a> = &'a [u8];

/// One message of a conversation.
#[derive(Debug)]
pub(crate) struct Turn<'a> {
    /// The speaker. Results of tools are [`Role::User`]'s.
    pub role: Role,
    /// The parts of it, in order.
    pub parts: Vec<Part<'a>>,
}

/// The speaker of a turn.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Role {
    /// The caller's side, results of tools included.
    User,
    /// The model.
    Assistant,
    /// Instructions in the middle of a conversation.
    System,
}

/// A part of a turn.
#[derive(Debug)]
pub(crate) enum Part<'a> {
    /// Text.
    Text {
        /// It.
        text: Text<'a>,
        /// A mark for the provider's prompt cache, after it.
        cache: Option<Cache>,
    },
    /// An image, a document or a sound.
    Media(Media<'a>),
    /// A call of a tool.
    Call(Call<'a>),
    /// A tool's result.
    Result(ToolResult<'a>),
    /// The model's reasoning; it stands before what it led to.
    Reasoning {
        /// The part that can be read.
        text: Option<Text<'a>>,
        /// The part that its provider alone can read: a signature of the text, or all of it encrypted.
        opaque: Option<Opaque<'a>>,
    },
    /// The model's own refusal.
    Refusal(Text<'a>),
}

/// A mark for a provider's prompt cache.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Cache {
    /// It is to be kept for an hour, and not for five minutes.
    pub long: bool,
}

/// An image, a document or a sound.
#[derive(Debug)]
pub(crate) struct Media<'a> {
    /// Its kind.
    pub kind: MediaKind,
    /// Its place.
    pub source: Source<'a>,
    /// The resolution at which an image is to be read: `low`, `high`, `auto`.
    pub detail: Option<Text<'a>>,
    /// A document's name.
    pub title: Option<Text<'a>>,
    /// A mark for the provider's prompt cache, after it.
    pub cache: Option<Cache>,
}

/// The kind of a medium.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[allow(missing_docs, reason = "the names say it")]
pub(crate) enum MediaKind {
    Image,
    Document,
    Audio,
    Video,
}

/// The place of a medium.
#[derive(Debug)]
pub(crate) enum Source<'a> {
    /// Its bytes in base64, a text of letters that no JSON escapes.
    Base64 {
        /// Its media type: `image/png`.
        media_type: Cow<'a, str>,
        /// The bytes.
        data: Cow<'a, str>,
    },
    /// An address at which the provider fetches it.
    Url {
        /// Its media type, where the caller names it.
        media_type: Option<Text<'a>>,
        /// The address.
        url: Text<'a>,
    },
    /// A file that the provider has; it means nothing anywhere else.
    File(Text<'a>),
    /// A document that is plain text.
    Text(Text<'a>),
}

/// A call of a tool.
#[derive(Debug)]
pub(crate) struct Call<'a> {
    /// Its id; some dialects have none.
    pub id: Option<Text<'a>>,
    /// The function's name.
    pub name: Text<'a>,
    /// The arguments.
    pub arguments: Arguments<'a>,
    /// A mark for the provider's prompt cache, after it.
    pub cache: Option<Cache>,
}

/// The arguments of a call.
#[derive(Debug)]
pub(crate) enum Arguments<'a> {
    /// A JSON value in its place.
    Value(&'a [u8]),
    /// A string that holds JSON source; an empty one is `{}`.
    Source(Text<'a>),
}

impl Arguments<'_> {
    /// The arguments as an object's source. Numbers and order stay as they are spelled.
    ///
    /// # Errors
    /// They are no JSON object.
    pub(crate) fn object(&self) -> Result<Cow<'_, [u8]>, Refused> {
        let source: Cow<'_, [u8]> = match self {
            Self::Value(value) => Cow::Borrowed(value.trim_ascii()),
            Self::Source(text) => match text.decode() {
                Cow::Borrowed(text) => Cow::Borrowed(text.as_bytes().trim_ascii()),
                Cow::Owned(text) => Cow::Owned(text.trim().as_bytes().to_vec()),
            },
        };
        if source.is_empty() {
            return Ok(Cow::Borrowed(b"{}"));
        }
        let mut cursor = crate::json::outlined::Cursor::new(&source);
        let read = cursor.object(|_, _| Ok(())).and_then(|()| cursor.end());
        match read {
            // Between members a line may end, which in a stream would end the event's data.
            Ok(()) if memchr::memchr2(b'\n', b'\r', &source).is_some() => {
                let on_one_line = source.iter().map(|byte| match byte {
                    b'\n' | b'\r' => b' ',
                    byte => *byte,
                });
                Ok(Cow::Owned(on_one_line.collect()))
            }
            Ok(()) => Ok(source),
            Err(_) => Err(Refused::new(
                "tool call arguments",
                "are no JSON object, which the target's dialect wants",
            )),
        }
    }

    /// The arguments as a string that holds their source.
    pub(crate) fn source(&self) -> Text<'_> {
        match self {
            Self::Value(value) => Text::Plain(String::from_utf8_lossy(value.trim_ascii())),
            Self::Source(text) if text.is_empty() => Text::plain("{}"),
            Self::Source(text) => text.clone(),
        }
    }
}

/// A tool's result.
#[derive(Debug)]
pub(crate) struct ToolResult<'a> {
    /// The id of the call that it answers; some dialects have none.
    pub id: Option<Text<'a>>,
    /// The function's name, where the dialect says it; see [`Request::name_of`].
    pub name: Option<Text<'a>>,
    /// Its content: texts and media.
    pub content: Vec<Part<'a>>,
    /// JSON in the place of content (Gemini's `response`), as source.
    pub value: Option<&'a [u8]>,
    /// The tool failed.
    pub is_error: bool,
    /// A mark for the provider's prompt cache, after it.
    pub cache: Option<Cache>,
}

/// A function that a model may call.
#[derive(Debug)]
pub(crate) struct Tool<'a> {
    /// Its name.
    pub name: Text<'a>,
    /// Its description.
    pub description: Option<Text<'a>>,
    /// A JSON schema of its parameters, as source; `None`: it takes none.
    pub parameters: Option<&'a [u8]>,
    /// The model is to keep to the schema.
    pub strict: Option<bool>,
    /// A mark for the provider's prompt cache, after it.
    pub cache: Option<Cache>,
}

/// The tools that a model may or must call.
#[derive(Debug)]
pub(crate) enum Choice<'a> {
    /// Its own choice.
    Auto,
    /// None.
    None,
    /// At least one.
    Required,
    /// This one.
    Function(Text<'a>),
    /// Of these only; at least one where `required`.
    Allowed {
        /// Their names.
        names: Vec<Text<'a>>,
        /// At least one must be called.
        required: bool,
    },
}

/// The form of a model's text.
#[derive(Debug, Default)]
pub(crate) enum Output<'a> {
    /// Text.
    #[default]
    Text,
    /// A JSON object of any kind.
    JsonObject,
    /// JSON of this schema.
    Schema {
        /// A name for it; Chat Completions want one.
        name: Option<Text<'a>>,
        /// Its description.
        description: Option<Text<'a>>,
        /// It, as source.
        schema: &'a [u8],
        /// The model is to keep to it.
        strict: Option<bool>,
    },
}

/// The reasoning that a model is to do.
#[derive(Debug, Default)]
pub(crate) struct Reasoning<'a> {
    /// None at all, some by a name or by a budget; `None`: the model's default.
    pub effort: Option<Effort>,
    /// The most tokens of it.
    pub budget: Option<u64>,
    /// True if its readable part is wanted in the reply (`include_thoughts`, `summary`, `display`).
    pub shown: Option<bool>,
    /// The way to sum it up: `auto`, `concise`, `detailed`.
    pub summary: Option<Text<'a>>,
}

/// The effort of reasoning, by the names that dialects have for it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
#[allow(missing_docs, reason = "the names are the dialects'")]
pub(crate) enum Effort {
    None,
    Minimal,
    Low,
    Medium,
    High,
    Xhigh,
    Max,
    /// As much as the model itself finds right (Anthropic's `adaptive`, Gemini's budget of -1).
    Adaptive,
}

impl Effort {
    /// The names, in order.
    pub(crate) const ALL: [(Self, &'static str); 8] = [
        (Self::None, "none"),
        (Self::Minimal, "minimal"),
        (Self::Low, "low"),
        (Self::Medium, "medium"),
        (Self::High, "high"),
        (Self::Xhigh, "xhigh"),
        (Self::Max, "max"),
        (Self::Adaptive, "adaptive"),
    ];

    /// The effort of this name, in any case.
    pub(crate) fn named(name: &str) -> Option<Self> {
        let mut all = Self::ALL.into_iter();
        all.find(|(_, one)| name.eq_ignore_ascii_case(one))
            .map(|(effort, _)| effort)
    }

    /// Its name.
    pub(crate) fn name(self) -> &'static str {
        Self::ALL
            .into_iter()
            .find(|(effort, _)| *effort == self)
            .map_or("medium", |(_, name)| name)
    }

    /// The budget of reasoning tokens that stands for it, as OpenRouter and LiteLLM document
    /// them: 1024, 4096, 8192, 16384, and on. `None`: the model's own choice.
    pub(crate) const fn budget(self) -> Option<u64> {
        match self {
            Self::None => Some(0),
            Self::Minimal => Some(1024),
            Self::Low => Some(4096),
            Self::Medium => Some(8192),
            Self::High => Some(16_384),
            Self::Xhigh => Some(24_576),
            Self::Max => Some(32_768),
            Self::Adaptive => None,
        }
    }

    /// The effort that a budget stands for.
    pub(crate) const fn of_budget(tokens: u64) -> Self {
        match tokens {
            0 => Self::None,
            1..=2048 => Self::Minimal,
            2049..=6144 => Self::Low,
            6145..=12_288 => Self::Medium,
            12_289..=20_480 => Self::High,
            20_481..=28_672 => Self::Xhigh,
            _ => Self::Max,
        }
    }
}

impl<'a> Request<'a> {
    /// The name of the function whose call has this id: dialects whose results name no function
    /// need it.
    pub(crate) fn name_of(&self, id: &Text<'_>) -> Option<&Text<'a>> {
        let wanted = id.decode();
        let parts = self.turns.iter().rev().flat_map(|turn| &turn.parts);
        parts
            .filter_map(|part| match part {
                Part::Call(call) => Some(call),
                Part::Text { .. }
                | Part::Media(_)
                | Part::Result(_)
                | Part::Reasoning { .. }
                | Part::Refusal(_) => None,
            })
            .find(|call| call.id.as_ref().is_some_and(|id| id.decode() == wanted))
            .map(|call| &call.name)
    }

    /// Takes the extra of this kind.
    pub(crate) fn extra(&self, kind: ExtraKind) -> Option<&Extra<'a>> {
        self.extras.iter().find(|extra| extra.kind == kind)
    }

    /// Reports whether the conversation has calls or results of tools.
    pub(crate) fn has_tool_parts(&self) -> bool {
        let mut parts = self.turns.iter().flat_map(|turn| &turn.parts);
        parts.any(|part| matches!(part, Part::Call(_) | Part::Result(_)))
    }
}
