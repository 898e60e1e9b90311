//! Events that no provider sent: text released late, and the end of a stream that a policy refused.

use super::{
    plan::{Channel, Field, Progress},
    responses,
    state::State,
};
use crate::dialect::{
    Dialect, Place,
    answer::{self, Draft, Refused},
    json::Cursor,
};

/// Writes `text` as one more delta of `channel`. In the Responses API it carries the number of the event that it goes before: two
/// events then share one, which no client minds, while renumbering would change every later event.
pub(super) fn piece(
    dialect: Dialect,
    head: &[u8],
    channel: &Channel,
    text: &str,
    sequence: u64,
    out: &mut Vec<u8>,
) {
    let key = channel.key;
    let draft = Draft(std::mem::take(out));
    let draft = match dialect {
        Dialect::AnthropicMessages => {
            let (kind, member) = match key.field.place() == Place::Assistant {
                true => ("text_delta", "text"),
                false => ("input_json_delta", "partial_json"),
            };
            draft
                .event("content_block_delta")
                .raw(r#"{"type":"content_block_delta","index":"#)
                .number(u64::from(key.outer))
                .raw(r#","delta":{"type":"#)
                .text(kind)
                .raw(",")
                .text(member)
                .raw(":")
                .text(text)
                .raw("}}")
        }
        Dialect::OpenaiResponses if matches!(key.field, Field::Unnamed | Field::UnnamedCall) => {
            let about = String::from_utf8_lossy(&channel.item);
            let (name, members) = about.split_once('\n').unwrap_or_default();
            let name = format!("{name}.delta");
            draft
                .event(&name)
                .raw(r#"{"type":"#)
                .text(&name)
                .raw(members.as_bytes())
                .raw(r#","delta":"#)
                .text(text)
                .raw(r#","sequence_number":"#)
                .number(sequence)
                .raw("}")
        }
        Dialect::OpenaiResponses => {
            let name = responses::event_name(key.field).unwrap_or_default();
            let name = format!("{name}.delta");
            let draft = draft.event(&name).raw(r#"{"type":"#).text(&name);
            let draft = match channel.item.is_empty() {
                true => draft,
                false => draft.raw(r#","item_id":"#).raw(&channel.item),
            };
            let draft = draft
                .raw(r#","output_index":"#)
                .number(u64::from(key.outer));
            let draft = match key.field.index() {
                Some(name) => draft
                    .raw(",")
                    .text(name)
                    .raw(":")
                    .number(u64::from(key.inner)),
                None => draft,
            };
            let draft = draft.raw(r#","delta":"#).text(text);
            let draft = match key.field.place() == Place::Assistant {
                true => draft.raw(r#","logprobs":[]"#),
                false => draft,
            };
            draft
                .raw(r#","sequence_number":"#)
                .number(sequence)
                .raw("}")
        }
        Dialect::GeminiGenerate => candidate(draft, key.outer, |draft| {
            let draft = draft.raw(r#"{"text":"#).text(text);
            match key.field.place() == Place::Reasoning {
                true => draft.raw(r#","thought":true}"#),
                false => draft.raw("}"),
            }
        })
        .raw("}]")
        .raw(head)
        .raw("}"),
        Dialect::OpenaiCompletions => chunk(draft, head, key.outer, |draft| {
            draft
                .raw(r#""text":"#)
                .text(text)
                .raw(r#","logprobs":null,"finish_reason":null"#)
        }),
        Dialect::OpenaiChat
        | Dialect::OpenaiEmbeddings
        | Dialect::AnthropicBatches
        | Dialect::Other => chunk(draft, head, key.outer, |draft| {
            delta(draft, key.field, key.inner, text).raw(r#","finish_reason":null"#)
        }),
    };
    *out = draft.end().0;
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

/// The end of a refused stream, for a client that saw what `sent` tells.
pub(super) fn refusal(state: &State, sent: &Progress, refusal: &Refused<'_>) -> Vec<u8> {
    if !state.parsed.started {
        return answer::error_event(state.dialect, "policy_refused", refusal.message);
    }
    if state.dialect == Dialect::GeminiGenerate {
        return blocked(state, sent);
    }
    // A comment tells whoever looks at the bytes which refusal it was; clients skip it.
    let word = |byte: &u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || *byte == b'_';
    let code: Vec<u8> = refusal.code.bytes().filter(word).take(64).collect();
    let draft = Draft::new().raw(": refused: ").raw(&code).raw("\n");
    let usage = state.usage.unwrap_or_default();
    match state.dialect {
        Dialect::AnthropicMessages => {
            let mut draft = draft;
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
            draft.raw(answer::message_end("refusal", usage.output)).0
        }
        Dialect::OpenaiResponses => {
            let mut draft = draft;
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
                .0
        }
        Dialect::OpenaiChat
        | Dialect::OpenaiCompletions
        | Dialect::OpenaiEmbeddings
        | Dialect::AnthropicBatches
        | Dialect::GeminiGenerate
        | Dialect::Other => {
            let choices: &[u32] = match sent.started {
                true => &sent.open,
                false => &[0],
            };
            let mut draft = draft;
            for choice in choices {
                draft = chunk(draft, &state.head, *choice, |draft| {
                    draft
                        .raw(match state.dialect {
                            Dialect::OpenaiCompletions => r#""text":"","logprobs":null"#,
                            Dialect::OpenaiChat
                            | Dialect::OpenaiResponses
                            | Dialect::OpenaiEmbeddings
                            | Dialect::AnthropicMessages
                            | Dialect::AnthropicBatches
                            | Dialect::GeminiGenerate
                            | Dialect::Other => r#""delta":{}"#,
                        })
                        .raw(r#","finish_reason":"content_filter""#)
                })
                .end();
            }
            if state.parsed.usage_told {
                draft = draft
                    .event("")
                    .raw(&state.head)
                    .raw(r#""choices":[],"usage":"#);
                draft = answer::chat_usage(draft, &usage).raw("}").end();
            }
            draft.raw("data: [DONE]").end().0
        }
    }
}

/// Every candidate that is open ends as if the provider's own filter had ended it. Without a comment: the official SDKs take a line that
/// is no `data:` for a piece of JSON.
fn blocked(state: &State, sent: &Progress) -> Vec<u8> {
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
    draft.0
}

/// The response object with the status of one that a filter ended. Members that change are left out and written anew.
fn incomplete(head: &[u8]) -> Vec<u8> {
    let mut out = b"{".to_vec();
    let walked = Cursor::lenient(head, 0).object(|key, cursor| {
        let changed = key.is("status") || key.is("incomplete_details") || key.is("usage");
        let (name, value) = (key.range(), cursor.skip()?);
        if !changed {
            out.extend_from_slice(head.get(name).unwrap_or_default());
            out.push(b':');
            out.extend_from_slice(head.get(value).unwrap_or_default());
            out.push(b',');
        }
        Ok(())
    });
    debug_assert!(walked.is_ok(), "it was walked before");
    out.extend_from_slice(
        br#""status":"incomplete","incomplete_details":{"reason":"content_filter"},"usage":{"input_tokens":0,"input_tokens_details":{"cached_tokens":0},"output_tokens":0,"output_tokens_details":{"reasoning_tokens":0},"total_tokens":0}}"#,
    );
    out
}
