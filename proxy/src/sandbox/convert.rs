//! Between the contract's types and the proxy's, and the check of what a policy returned.

use super::bindings::types as wit;
use crate::{
    dialect::{Delta, Dialect, Passage, Place, Places},
    policy::{Decision, Denial, Fault, Hooks, Manifest, Outcome},
};

impl From<Dialect> for wit::Dialect {
    fn from(dialect: Dialect) -> Self {
        match dialect {
            Dialect::OpenaiChat => Self::OpenaiChat,
            Dialect::OpenaiResponses => Self::OpenaiResponses,
            Dialect::OpenaiCompletions => Self::OpenaiCompletions,
            Dialect::OpenaiEmbeddings => Self::OpenaiEmbeddings,
            Dialect::AnthropicMessages => Self::AnthropicMessages,
            Dialect::GeminiGenerate => Self::GeminiGenerate,
            Dialect::Other => Self::Other,
        }
    }
}

impl From<Place> for wit::Place {
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
            // the contract's enumeration can't grow without breaking every deployed policy
            Place::Metadata | Place::Other => Self::Metadata,
        }
    }
}

impl From<Passage> for wit::Passage {
    fn from(passage: Passage) -> Self {
        Self {
            id: passage.id,
            place: passage.place.into(),
            message: passage.message,
            text: passage.text,
        }
    }
}

impl From<Delta> for wit::Delta {
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

impl From<&Outcome> for wit::Outcome {
    fn from(outcome: &Outcome) -> Self {
        Self {
            status: outcome.status,
            target: outcome.target.clone(),
            finish: outcome.finish.clone(),
            usage: wit::Usage {
                input_tokens: outcome.usage.input,
                cached_input_tokens: outcome.usage.cached,
                written_input_tokens: outcome.usage.written,
                output_tokens: outcome.usage.output,
                reasoning_tokens: outcome.usage.reasoning,
                estimated: outcome.usage.estimated,
            },
            cost_microusd: outcome.cost_microusd,
            from_store: outcome.from_store,
            first_token_ms: outcome.first_token_ms,
            total_ms: outcome.total_ms,
            error: outcome.error.clone(),
        }
    }
}

fn places(flags: wit::Places) -> Places {
    [
        (wit::Places::SYSTEM, Place::System),
        (wit::Places::USER, Place::User),
        (wit::Places::ASSISTANT, Place::Assistant),
        (wit::Places::TOOL_RESULT, Place::ToolResult),
        (wit::Places::TOOL_ARGUMENTS, Place::ToolArguments),
        (wit::Places::TOOL_DEFINITION, Place::ToolDefinition),
        (wit::Places::REASONING, Place::Reasoning),
        (wit::Places::REFUSAL, Place::Refusal),
        (wit::Places::METADATA, Place::Metadata),
        (wit::Places::METADATA, Place::Other),
    ]
    .into_iter()
    .filter(|(flag, _)| flags.contains(*flag))
    .fold(Places::NONE, |set, (_, place)| set.with(place))
}

impl From<wit::Manifest> for Manifest {
    fn from(manifest: wit::Manifest) -> Self {
        let hook = |flag| manifest.hooks.contains(flag);
        Self {
            hooks: Hooks {
                request: hook(wit::Hooks::REQUEST),
                reply: hook(wit::Hooks::REPLY),
                end: hook(wit::Hooks::END),
                failure: hook(wit::Hooks::FAILURE),
            },
            reads: places(manifest.reads),
            rewrites: places(manifest.rewrites),
            name: manifest.name,
            version: manifest.version,
            config_schema: manifest.config_schema,
        }
    }
}

/// Checks a decision.
pub(super) fn decision(decision: wit::Decision) -> Result<Decision, Fault> {
    Ok(match decision {
        wit::Decision::Forward => Decision::Forward,
        wit::Decision::Refuse(refusal) => Decision::Refuse(denial(refusal)?),
        wit::Decision::Reply(reply) => Decision::Reply(reply.text),
        wit::Decision::Serve(key) => Decision::Serve(key),
    })
}

/// Checks a refusal.
pub(super) fn denial(refusal: wit::Refusal) -> Result<Denial, Fault> {
    let bad = |what: String| Err(Fault::BadReturn(what));
    if !(400..=599).contains(&refusal.status) {
        return bad(format!("status {} is not in 400 to 599", refusal.status));
    }
    let word = |c: u8| matches!(c, b'a'..=b'z' | b'0'..=b'9' | b'_');
    if !(1..=64).contains(&refusal.code.len()) || !refusal.code.bytes().all(word) {
        return bad("a refusal's code must be 1 to 64 of a-z, 0-9 and _".into());
    }
    if refusal.message.len() > MESSAGE {
        return bad(format!("a refusal's message may have {MESSAGE} bytes"));
    }
    Ok(Denial {
        status: refusal.status,
        code: refusal.code,
        message: refusal.message,
        retry_after_ms: refusal.retry_after_ms,
    })
}

/// Bytes of a refusal's message.
const MESSAGE: usize = 16 << 10;

/// Checks what takes the place of `shown` deltas.
pub(super) fn rewritten(
    shown: usize,
    texts: Vec<Option<String>>,
) -> Result<Vec<Option<String>>, Fault> {
    match texts.len() {
        0 => Ok(texts),
        n if n == shown => Ok(texts),
        n => Err(Fault::BadReturn(format!("{n} texts for {shown} deltas"))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refusal(status: u16, code: &str) -> wit::Refusal {
        wit::Refusal {
            status,
            code: code.into(),
            message: "no".into(),
            retry_after_ms: None,
        }
    }

    #[test]
    fn a_refusal_is_an_error_status_and_a_plain_word_or_it_is_a_fault() {
        assert!(denial(refusal(403, "not_listed_2")).is_ok());
        for (status, code) in [
            (200, "ok"),
            (399, "ok"),
            (600, "ok"),
            (403, ""),
            (403, "Not Listed"),
            (403, "a\nb"),
            (403, &"a".repeat(65)),
        ] {
            let fault = denial(refusal(status, code)).err();
            assert!(
                matches!(fault, Some(Fault::BadReturn(_))),
                "{status} {code}"
            );
        }
    }

    #[test]
    fn there_is_a_text_for_each_delta_or_none_at_all() {
        assert!(rewritten(2, vec![]).is_ok());
        assert!(rewritten(2, vec![None, Some("x".into())]).is_ok());
        assert!(rewritten(2, vec![None]).is_err() && rewritten(0, vec![None]).is_err());
    }

    #[test]
    fn every_place_has_its_flag() {
        assert_eq!(places(wit::Places::all()), Places::ALL);
        assert!(places(wit::Places::empty()).is_empty());
        let some = places(wit::Places::USER | wit::Places::METADATA);
        assert!(some.contains(Place::User) && some.contains(Place::Metadata));
        assert!(!some.contains(Place::System));
    }
}
