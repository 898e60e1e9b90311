//! Conversions between the types of 0.2 and those of the current contract.

use dialect::{Delta, Dialect, Passage, Place, Places};
use policy::{Hooks, Manifest};

use super::{
    super::bindings::{interfaces as bindings, types as today},
    bindings::outrigger::policy::{fetch, limits, log, replies, types, values},
};

impl From<Dialect> for types::Dialect {
    fn from(dialect: Dialect) -> Self {
        match dialect {
            Dialect::OpenaiChat => Self::OpenaiChat,
            Dialect::OpenaiResponses => Self::OpenaiResponses,
            Dialect::OpenaiCompletions => Self::OpenaiCompletions,
            Dialect::OpenaiEmbeddings => Self::OpenaiEmbeddings,
            Dialect::AnthropicMessages => Self::AnthropicMessages,
            Dialect::GeminiGenerate => Self::GeminiGenerate,
            // 0.2 is closed and has no word for what came later: its policies read the passages
            _ => Self::Other,
        }
    }
}

impl From<Place> for types::Place {
    fn from(place: Place) -> Self {
        match place {
            Place::System => Self::System,
            Place::User => Self::User,
            Place::Assistant => Self::Assistant,
            Place::ToolResult => Self::ToolResult,
            Place::ToolArguments => Self::ToolArguments,
            Place::ToolDefinition => Self::ToolDefinition,
            Place::Reasoning => Self::Reasoning,
            Place::Refusal => Self::Refusal,
            Place::Metadata | Place::Other => Self::Metadata,
        }
    }
}

impl From<Passage> for types::Passage {
    fn from(passage: Passage) -> Self {
        Self {
            id: passage.id,
            place: passage.place.into(),
            message: passage.message,
            text: passage.text,
        }
    }
}

impl From<Delta> for types::Delta {
    fn from(delta: Delta) -> Self {
        Self {
            channel: delta.channel,
            choice: delta.choice,
            place: delta.place.into(),
            text: delta.text,
            last: delta.last,
        }
    }
}

/// Converts a set of places.
fn places(flags: types::Places) -> Places {
    let flag = |place| match types::Place::from(place) {
        types::Place::System => types::Places::SYSTEM,
        types::Place::User => types::Places::USER,
        types::Place::Assistant => types::Places::ASSISTANT,
        types::Place::ToolResult => types::Places::TOOL_RESULT,
        types::Place::ToolArguments => types::Places::TOOL_ARGUMENTS,
        types::Place::ToolDefinition => types::Places::TOOL_DEFINITION,
        types::Place::Reasoning => types::Places::REASONING,
        types::Place::Refusal => types::Places::REFUSAL,
        types::Place::Metadata => types::Places::METADATA,
    };
    Place::ALL
        .into_iter()
        .filter(|place| flags.contains(flag(*place)))
        .fold(Places::NONE, Places::with)
}

impl From<types::Manifest> for Manifest {
    fn from(manifest: types::Manifest) -> Self {
        let hook = |flag| manifest.hooks.contains(flag);
        Self {
            hooks: Hooks {
                request: hook(types::Hooks::REQUEST),
                reply: hook(types::Hooks::REPLY),
                end: hook(types::Hooks::END),
                failure: hook(types::Hooks::FAILURE),
            },
            reads: places(manifest.reads),
            rewrites: places(manifest.rewrites),
            name: manifest.name,
            version: manifest.version,
            config_schema: manifest.config_schema,
        }
    }
}

/// Returns the unit's name in the current contract.
pub(super) const fn unit(unit: types::Unit) -> &'static str {
    match unit {
        types::Unit::Requests => "requests",
        types::Unit::InputTokens => "input-tokens",
        types::Unit::OutputTokens => "output-tokens",
        types::Unit::TotalTokens => "total-tokens",
        types::Unit::Microusd => "microusd",
    }
}

impl From<limits::Window> for bindings::limits::Window {
    fn from(window: limits::Window) -> Self {
        match window {
            limits::Window::Bucket(ms) => Self::Bucket(ms),
            limits::Window::Sliding(ms) => Self::Sliding(ms),
            limits::Window::Day(minutes) => Self::Day(minutes),
            limits::Window::Week(minutes) => Self::Week(minutes),
            limits::Window::Month(minutes) => Self::Month(minutes),
        }
    }
}

impl From<limits::Ask> for bindings::limits::Ask {
    fn from(ask: limits::Ask) -> Self {
        Self {
            bucket: ask.bucket,
            unit: unit(ask.unit).to_owned(),
            amount: ask.amount,
            limit: ask.limit,
            window: ask.window.into(),
            soft: ask.soft,
            cut: ask.cut,
        }
    }
}

impl From<bindings::limits::Error> for limits::Error {
    fn from(error: bindings::limits::Error) -> Self {
        use bindings::limits::Error;
        match error {
            Error::Unavailable => Self::Unavailable,
            Error::Unpriced => Self::Unpriced,
            Error::Invalid(why) => Self::Invalid(why),
        }
    }
}

impl From<bindings::values::Error> for values::Error {
    fn from(error: bindings::values::Error) -> Self {
        use bindings::values::Error;
        match error {
            Error::TooLarge => Self::TooLarge,
            Error::Full => Self::Full,
            Error::NotANumber => Self::NotANumber,
            Error::Unavailable => Self::Unavailable,
        }
    }
}

impl From<bindings::replies::Error> for replies::Error {
    fn from(error: bindings::replies::Error) -> Self {
        use bindings::replies::Error;
        match error {
            Error::Unavailable => Self::Unavailable,
            Error::Invalid(why) => Self::Invalid(why),
        }
    }
}

impl From<bindings::replies::Found> for replies::Found {
    fn from(found: bindings::replies::Found) -> Self {
        use bindings::replies::Found;
        match found {
            Found::Absent => Self::Absent,
            Found::Kept(entry) => Self::Kept(entry.into()),
            Found::UnderWay(entry) => Self::UnderWay(entry.into()),
        }
    }
}

impl From<bindings::fetch::Error> for fetch::Error {
    fn from(error: bindings::fetch::Error) -> Self {
        use bindings::fetch::Error;
        match error {
            Error::Denied(why) => Self::Denied(why),
            Error::Timeout => Self::Timeout,
            Error::Failed(why) => Self::Failed(why),
            Error::TooLarge => Self::TooLarge,
        }
    }
}

impl From<log::Level> for bindings::log::Level {
    fn from(level: log::Level) -> Self {
        match level {
            log::Level::Debug => Self::Debug,
            log::Level::Info => Self::Info,
            log::Level::Warn => Self::Warn,
            log::Level::Error => Self::Error,
        }
    }
}

/// Converts records with the same fields in both.
macro_rules! same {
    ($($from:ty => $to:ty { $($field:ident),* })*) => {
        $(impl From<$from> for $to {
            fn from(record: $from) -> Self {
                Self { $($field: record.$field),* }
            }
        })*
    };
}

same! {
    today::Header => types::Header { name, value }
    types::Header => today::Header { name, value }
    bindings::limits::Standing => limits::Standing { granted, limit, used, reset_ms, wait_ms }
    bindings::replies::Entry => replies::Entry { id, age_ms, expires_in_ms }
    replies::Keeping => bindings::replies::Keeping { ttl_ms, tool_calls, max_bytes }
}

impl From<fetch::Call> for bindings::fetch::Call {
    fn from(call: fetch::Call) -> Self {
        Self {
            method: call.method,
            url: call.url,
            headers: call.headers.into_iter().map(Into::into).collect(),
            body: call.body,
            timeout_ms: call.timeout_ms,
        }
    }
}

impl From<bindings::fetch::Answer> for fetch::Answer {
    fn from(answer: bindings::fetch::Answer) -> Self {
        Self {
            status: answer.status,
            headers: answer.headers.into_iter().map(Into::into).collect(),
            body: answer.body,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_flag_is_a_place_and_metadata_is_also_what_nobody_named() {
        assert_eq!(places(types::Places::all()), Places::ALL);
        assert!(places(types::Places::empty()).is_empty());
        let some = places(types::Places::USER | types::Places::METADATA);
        assert!(some.contains(Place::Metadata) && some.contains(Place::Other));
        assert!(some.contains(Place::User) && !some.contains(Place::System));
    }

    #[test]
    fn text_that_nobody_named_reaches_a_policy_of_0_2_as_metadata() {
        let passage = Passage {
            id: 7,
            place: Place::Other,
            message: 1,
            json: false,
            text: "x".into(),
        };
        let shown = types::Passage::from(passage);
        assert_eq!((shown.id, shown.message), (7, 1));
        assert!(matches!(shown.place, types::Place::Metadata));
    }
}
