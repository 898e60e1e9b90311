//! Events that no provider sent: text released late, and the end of a stream that a policy refused.

use super::{
    format,
    interactions::{self, Begun},
    plan::{Channel, Field, Progress, copy_members},
    responses,
    state::State,
};
use crate::{
    Dialect, Place,
    answer::{self, Draft, Refused},
    json::Key,
};

/// Text that was kept back, to be written as one more delta of its channel.
pub(super) struct Late<'a> {
    /// The members that the reply's chunks begin with.
    head: &'a [u8],
    channel: &'a Channel,
    text: &'a str,
    /// The number of the event that it goes before.
    sequence: u64,
}

/// Writes `text` as one more delta of `channel`. In the Responses API it carries the number of the
/// event that it goes before: two events then share one, which no client minds, while renumbering
/// would change every later event.
pub(super) fn piece(
    dialect: Dialect,
    head: &[u8],
    channel: &Channel,
    text: &str,
    sequence: u64,
    out: &mut Vec<u8>,
) {
    let late = Late {
        head,
        channel,
        text,
        sequence,
    };
    let draft = Draft(std::mem::take(out));
    *out = (format::of(dialect).piece)(draft, &late).end().0;
}

pub(super) fn message_piece(draft: Draft, late: &Late<'_>) -> Draft {
    let (kind, member) = match late.channel.key.field.place() == Place::Assistant {
        true => ("text_delta", "text"),
        false => ("input_json_delta", "partial_json"),
    };
    draft
        .event("content_block_delta")
        .raw(r#"{"type":"content_block_delta","index":"#)
        .number(u64::from(late.channel.key.outer))
        .raw(r#","delta":{"type":"#)
        .text(kind)
        .raw(",")
        .text(member)
        .raw(":")
        .text(late.text)
        .raw("}}")
}

pub(super) fn response_piece(draft: Draft, late: &Late<'_>) -> Draft {
    if matches!(late.channel.key.field, Field::Unnamed | Field::UnnamedCall) {
        return unnamed_piece(draft, late);
    }
    let name = responses::event_name(late.channel.key.field).unwrap_or_default();
    let name = format!("{name}.delta");
    let draft = draft.event(&name).raw(r#"{"type":"#).text(&name);
    let draft = match late.channel.item.is_empty() {
        true => draft,
        false => draft.raw(r#","item_id":"#).raw(&late.channel.item),
    };
    let draft = draft
        .raw(r#","output_index":"#)
        .number(u64::from(late.channel.key.outer));
    let draft = match late.channel.key.field.index() {
        Some(name) => draft
            .raw(",")
            .text(name)
            .raw(":")
            .number(u64::from(late.channel.key.inner)),
        None => draft,
    };
    let draft = draft.raw(r#","delta":"#).text(late.text);
    let draft = match late.channel.key.field.place() == Place::Assistant {
        true => draft.raw(r#","logprobs":[]"#),
        false => draft,
    };
    draft
        .raw(r#","sequence_number":"#)
        .number(late.sequence)
        .raw("}")
}

fn unnamed_piece(draft: Draft, late: &Late<'_>) -> Draft {
    let about = String::from_utf8_lossy(&late.channel.item);
    let (name, members) = about.split_once('\n').unwrap_or_default();
    let name = format!("{name}.delta");
    draft
        .event(&name)
        .raw(r#"{"type":"#)
        .text(&name)
        .raw(members.as_bytes())
        .raw(r#","delta":"#)
        .text(late.text)
        .raw(r#","sequence_number":"#)
        .number(late.sequence)
        .raw("}")
}

pub(super) fn candidate_piece(draft: Draft, late: &Late<'_>) -> Draft {
    let key = late.channel.key;
    candidate(draft, key.outer, |draft| {
        let draft = draft.raw(r#"{"text":"#).text(late.text);
        match key.field.place() == Place::Reasoning {
            true => draft.raw(r#","thought":true}"#),
            false => draft.raw("}"),
        }
    })
    .raw("}]")
    .raw(late.head)
    .raw("}")
}

pub(super) fn interaction_piece(draft: Draft, late: &Late<'_>) -> Draft {
    let name = match late.channel.item.as_slice() {
        b"content.delta" => "content.delta",
        _ => "step.delta",
    };
    let draft = draft
        .event(name)
        .raw(r#"{"event_type":"#)
        .text(name)
        .raw(r#","index":"#)
        .number(u64::from(late.channel.key.outer))
        .raw(r#","delta":{"type":"#);
    match late.channel.key.field.place() {
        Place::Reasoning => draft
            .raw(r#""thought_summary","content":{"type":"text","text":"#)
            .text(late.text)
            .raw("}}}"),
        Place::ToolArguments => draft
            .raw(r#""arguments_delta","arguments":"#)
            .text(late.text)
            .raw("}}"),
        Place::System
        | Place::User
        | Place::Assistant
        | Place::ToolResult
        | Place::ToolDefinition
        | Place::Refusal
        | Place::Metadata
        | Place::Other => draft.raw(r#""text","text":"#).text(late.text).raw("}}"),
    }
}

pub(super) fn completion_piece(draft: Draft, late: &Late<'_>) -> Draft {
    chunk(draft, late.head, late.channel.key.outer, |draft| {
        draft
            .raw(r#""text":"#)
            .text(late.text)
            .raw(r#","logprobs":null,"finish_reason":null"#)
    })
}

pub(super) fn chat_piece(draft: Draft, late: &Late<'_>) -> Draft {
    let key = late.channel.key;
    chunk(draft, late.head, key.outer, |draft| {
        delta(draft, key.field, key.inner, late.text).raw(r#","finish_reason":null"#)
    })
}

/// A chunk of Gemini's with one candidate, whose object is left open.
fn candidate(draft: Draft, number: u32, part: impl FnOnce(Draft) -> Draft) -> Draft {
    let draft = draft
        .event("")
        .raw(r#"{"candidates":[{"content":{"parts":["#);
    part(draft)
        .raw(r#"],"role":"model"},"index":"#)
        .number(u64::from(number))
}

/// A chunk of a chat with one choice.
fn chunk(draft: Draft, head: &[u8], choice: u32, rest: impl FnOnce(Draft) -> Draft) -> Draft {
    let draft = draft
        .event("")
        .raw(if head.is_empty() { b"{" } else { head })
        .raw(r#""choices":[{"index":"#)
        .number(u64::from(choice))
        .raw(",");
    rest(draft).raw("}]}")
}

fn delta(draft: Draft, field: Field, tool: u32, text: &str) -> Draft {
    let member = match field {
        Field::Arguments => return tool_call(draft, tool, "function", "arguments", text),
        Field::CustomInput => return tool_call(draft, tool, "custom", "input", text),
        Field::FunctionCall => {
            return draft
                .raw(r#""delta":{"function_call":{"arguments":"#)
                .text(text)
                .raw("}}");
        }
        Field::ThinkingPart => {
            return draft
                .raw(r#""delta":{"content":[{"type":"thinking","thinking":[{"type":"text","text":"#)
                .text(text)
                .raw("}]}]}");
        }
        Field::Transcript => {
            return draft
                .raw(r#""delta":{"audio":{"transcript":"#)
                .text(text)
                .raw("}}");
        }
        Field::Reasoning => "reasoning",
        Field::ReasoningContent => "reasoning_content",
        Field::Refusal => "refusal",
        Field::Content
        | Field::Summary
        | Field::ReasoningText
        | Field::McpArguments
        | Field::Code
        | Field::Unnamed
        | Field::UnnamedCall
        | Field::Input => "content",
    };
    draft
        .raw(r#""delta":{"#)
        .text(member)
        .raw(":")
        .text(text)
        .raw("}")
}

fn tool_call(draft: Draft, tool: u32, outer: &str, inner: &str, text: &str) -> Draft {
    draft
        .raw(r#""delta":{"tool_calls":[{"index":"#)
        .number(u64::from(tool))
        .raw(",")
        .text(outer)
        .raw(":{")
        .text(inner)
        .raw(":")
        .text(text)
        .raw("}}]}")
}

/// The end of a refused stream, for a client that received what `sent` says.
pub(super) fn refusal(state: &State, sent: &Progress, refusal: &Refused<'_>) -> Vec<u8> {
    if !state.parsed.started {
        return answer::error_event(state.dialect, "policy_refused", refusal.message);
    }
    (format::of(state.dialect).refusal)(state, sent, refusal).0
}

/// A comment names the refusal for whoever reads the bytes; clients skip it.
fn comment(refusal: &Refused<'_>) -> Draft {
    let word = |byte: &u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || *byte == b'_';
    let code: Vec<u8> = refusal.code.bytes().filter(word).take(64).collect();
    Draft::new().raw(": refused: ").raw(&code).raw("\n")
}

pub(super) fn message_refusal(state: &State, sent: &Progress, refusal: &Refused<'_>) -> Draft {
    let mut draft = comment(refusal);
    if !sent.started {
        draft = draft.event("message_start").raw(&state.head).end();
    }
    for block in &sent.open {
        draft = draft
            .event("content_block_stop")
            .raw(r#"{"type":"content_block_stop","index":"#)
            .number(u64::from(*block))
            .raw("}")
            .end();
    }
    draft.raw(answer::message_end(
        "refusal",
        state.usage.unwrap_or_default().output,
    ))
}

pub(super) fn response_refusal(state: &State, sent: &Progress, refusal: &Refused<'_>) -> Draft {
    let mut draft = comment(refusal);
    let mut sequence = sent.sequence;
    if !sent.started {
        draft = draft
            .event("response.created")
            .raw(r#"{"type":"response.created","response":"#)
            .raw(&state.head)
            .raw(r#","sequence_number":"#)
            .number(sequence)
            .raw("}")
            .end();
        sequence += 1;
    }
    draft
        .event("response.incomplete")
        .raw(r#"{"type":"response.incomplete","response":"#)
        .raw(incomplete(&state.head))
        .raw(r#","sequence_number":"#)
        .number(sequence)
        .raw("}")
        .end()
}

pub(super) fn interaction_refusal(state: &State, sent: &Progress, refusal: &Refused<'_>) -> Draft {
    let mut draft = comment(refusal);
    let begun = Begun::read(&state.head);
    if !sent.started {
        draft = draft.event(begun.name).raw(&state.head).end();
    }
    let stop = format!("{}.stop", begun.part);
    for step in &sent.open {
        draft = draft
            .event(&stop)
            .raw(r#"{"event_type":"#)
            .text(&stop)
            .raw(r#","index":"#)
            .number(u64::from(*step))
            .raw("}")
            .end();
    }
    let draft = draft
        .event(begun.end)
        .raw(r#"{"event_type":"#)
        .text(begun.end)
        .raw(r#","interaction":{"#)
        .raw(interactions::unfinished(&state.head))
        .raw(r#""status":"incomplete","usage":"#);
    answer::interaction_usage(draft, &state.usage.unwrap_or_default())
        .raw("}}")
        .end()
        .event("done")
        .raw("[DONE]")
        .end()
}

pub(super) fn chat_refusal(state: &State, sent: &Progress, refusal: &Refused<'_>) -> Draft {
    choices_refusal(state, sent, refusal, r#""delta":{}"#)
}

pub(super) fn completion_refusal(state: &State, sent: &Progress, refusal: &Refused<'_>) -> Draft {
    choices_refusal(state, sent, refusal, r#""text":"","logprobs":null"#)
}

/// Ends every open choice without further text: `nothing` is the member that would carry it.
fn choices_refusal(state: &State, sent: &Progress, refusal: &Refused<'_>, nothing: &str) -> Draft {
    let choices: &[u32] = match sent.started {
        true => &sent.open,
        false => &[0],
    };
    let mut draft = comment(refusal);
    for choice in choices {
        draft = chunk(draft, &state.head, *choice, |draft| {
            draft
                .raw(nothing)
                .raw(r#","finish_reason":"content_filter""#)
        })
        .end();
    }
    if state.parsed.mentions_usage {
        draft = draft
            .event("")
            .raw(&state.head)
            .raw(r#""choices":[],"usage":"#);
        draft = answer::chat_usage(draft, &state.usage.unwrap_or_default())
            .raw("}")
            .end();
    }
    draft.raw("data: [DONE]").end()
}

/// Ends every open candidate as the provider's own filter would. Without a comment: the official
/// SDKs take a line that is no `data:` for a piece of JSON.
pub(super) fn candidate_refusal(state: &State, sent: &Progress, _: &Refused<'_>) -> Draft {
    let open: &[u32] = match sent.started {
        true => &sent.open,
        false => &[0],
    };
    let mut draft = Draft::new();
    for number in open {
        draft = candidate(draft, *number, |draft| draft.raw(r#"{"text":""}"#))
            .raw(r#","finishReason":"SAFETY"}]"#);
        if let Some(usage) = &state.usage {
            draft = answer::gemini_usage(draft.raw(r#","usageMetadata":"#), usage);
        }
        draft = draft.raw(&state.head).raw("}").end();
    }
    draft
}

/// The response object with the status of one that a filter ended. Members that change are left out
/// and written anew; where the provider's object is broken, the members before the break are kept.
fn incomplete(head: &[u8]) -> Vec<u8> {
    let mut out = b"{".to_vec();
    // what was copied before a break is whole
    let changed = ["status", "incomplete_details", "usage"];
    let keeps = |key: &Key<'_>| !changed.iter().any(|name| key.is(name));
    let _ = copy_members(head, 0, keeps, &mut out);
    out.extend_from_slice(
        br#""status":"incomplete","incomplete_details":{"reason":"content_filter"},"usage":{"input_tokens":0,"input_tokens_details":{"cached_tokens":0},"output_tokens":0,"output_tokens_details":{"reasoning_tokens":0},"total_tokens":0}}"#,
    );
    out
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "tests")]
mod tests {
    use super::*;

    #[test]
    fn a_broken_response_object_ends_refused_with_what_stood_before_the_break() {
        for head in [
            r#"{"id":"r","x":[1,}"#,
            r#"{"id":"r","#,
            r#"{"id":"r","x" 1}"#,
        ] {
            let refused: serde_json::Value =
                serde_json::from_slice(&incomplete(head.as_bytes())).unwrap();
            assert_eq!(
                (&refused["id"], &refused["status"]),
                (&"r".into(), &"incomplete".into())
            );
        }
    }
}
