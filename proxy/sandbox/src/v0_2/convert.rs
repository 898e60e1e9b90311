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
                attempt: false,
            },
            reads: places(manifest.reads),
            rewrites: places(manifest.rewrites),
            name: manifest.name,
            version: manifest.version,
            config_schema: manifest.config_schema,
        }
    }
}

impl From<types::Unit> for String {
    fn from(unit: types::Unit) -> Self {
        let name = match unit {
            types::Unit::Requests => "requests",
            types::Unit::InputTokens => "input-tokens",
            types::Unit::OutputTokens => "output-tokens",
            types::Unit::TotalTokens => "total-tokens",
            types::Unit::Microusd => "microusd",
        };
        name.to_owned()
    }
}

/// Converts records by the fields that the target has.
macro_rules! records {
    ($($from:ty => $to:ty { $($field:ident),* })*) => {
        $(impl From<$from> for $to {
            fn from(record: $from) -> Self {
                Self { $($field: record.$field.into()),* }
            }
        })*
    };
}

records! {
    Passage => types::Passage { id, place, message, text }
    Delta => types::Delta { channel, choice, place, text, last }
    today::Header => types::Header { name, value }
    types::Header => today::Header { name, value }
    limits::Ask => bindings::limits::Ask { bucket, unit, amount, limit, window, soft, cut }
    bindings::limits::Standing => limits::Standing { granted, limit, used, reset_ms, wait_ms }
    bindings::replies::Entry => replies::Entry { id, age_ms, expires_in_ms }
    replies::Keeping => bindings::replies::Keeping { ttl_ms, tool_calls, max_bytes }
}

/// Converts variants with the same names in both.
macro_rules! variants {
    ($($($from:ident)::+ => $to:ty { $($name:ident $(($value:ident))?),* })*) => {
        $(impl From<$($from)::+> for $to {
            fn from(variant: $($from)::+) -> Self {
                use $($from)::+ as From;
                match variant {
                    $(From::$name $(($value))? => Self::$name $(($value.into()))?,)*
                }
            }
        })*
    };
}

variants! {
    log::Level => bindings::log::Level { Debug, Info, Warn, Error }
    limits::Window => bindings::limits::Window {
        Bucket(ms), Sliding(ms), Day(minutes), Week(minutes), Month(minutes)
    }
    bindings::limits::Error => limits::Error { Unavailable, Unpriced, Invalid(why) }
    bindings::values::Error => values::Error { TooLarge, Full, NotANumber, Unavailable }
    bindings::replies::Error => replies::Error { Unavailable, Invalid(why) }
    bindings::replies::Found => replies::Found { Absent, Kept(entry), UnderWay(entry) }
    bindings::fetch::Error => fetch::Error { Denied(why), Timeout, Failed(why), TooLarge }
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
