//! Fuzz targets of translation: any request, any reply, between any two wire formats.
#![expect(clippy::expect_used, reason = "tests")]

use fuzz::{Chance, run};

use super::{Origin, Quirks, Reply, ReplyContext, Target, Wire, takes::ModelTakes};
use crate::{
    Dialect,
    json::{Cursor, Kind},
};

const CALLERS: [Dialect; 4] = [
    Dialect::OpenaiChat,
    Dialect::OpenaiResponses,
    Dialect::AnthropicMessages,
    Dialect::GeminiGenerate,
];

#[test]
fn any_request_is_translated_into_json_or_refused() {
    let examples: &[&[u8]] = &[
        br#"{"model":"m","stream":true,"messages":[{"role":"system","content":"s"},{"role":"user","content":[{"type":"text","text":"a\u0040b"},{"type":"image_url","image_url":{"url":"data:image/png;base64,AAAA"}}]},{"role":"assistant","tool_calls":[{"id":"1","function":{"name":"f","arguments":"{\"a\":1.0}"}}]},{"role":"tool","tool_call_id":"1","content":"r"}],"tools":[{"type":"function","function":{"name":"f","parameters":{"type":"object"}}}],"n":1,"temperature":0.5}"#,
        br#"{"instructions":"i","input":[{"role":"user","content":[{"type":"input_text","text":"t"}]},{"type":"reasoning","summary":[{"type":"summary_text","text":"h"}],"encrypted_content":"e"},{"type":"function_call","call_id":"1","name":"f","arguments":"{}"},{"type":"function_call_output","call_id":"1","output":"r"}],"tools":[{"type":"function","name":"f","parameters":{}}],"text":{"format":{"type":"json_object"}}}"#,
        br#"{"system":[{"type":"text","text":"s","cache_control":{"type":"ephemeral"}}],"messages":[{"role":"user","content":"u"},{"role":"assistant","content":[{"type":"thinking","thinking":"h","signature":"c2ln"},{"type":"tool_use","id":"1","name":"f","input":{"a":[1]}}]},{"role":"user","content":[{"type":"tool_result","tool_use_id":"1","content":"r","is_error":true}]}],"max_tokens":5,"thinking":{"type":"enabled","budget_tokens":2048},"tool_choice":{"type":"auto"}}"#,
        br#"{"contents":[{"role":"user","parts":[{"text":"t"}]},{"role":"model","parts":[{"text":"h","thought":true},{"functionCall":{"name":"f","args":{"a":1}},"thoughtSignature":"c2ln"}]},{"role":"user","parts":[{"functionResponse":{"name":"f","response":{"r":1}}}]}],"tools":[{"functionDeclarations":[{"name":"f","parameters":{"type":"OBJECT"}}]}],"generationConfig":{"maxOutputTokens":1,"thinkingConfig":{"thinkingBudget":-1}}}"#,
    ];
    run(examples, |input, chance: &mut Chance| {
        let caller = CALLERS[chance.below(CALLERS.len())];
        let wire = Wire::ALL[chance.below(Wire::ALL.len())];
        let target = Target {
            wire,
            model: "m",
            origin: Origin(1),
            strict: chance.one_in(8),
            takes: &ModelTakes::default(),
            quirks: &Quirks::NONE,
        };
        match super::request(caller, input, chance.one_in(2), &target) {
            Err(refused) => refused.why.len() as u64 ^ u64::from(refused.is_malformed) << 63,
            Ok((written, dropped)) => {
                let mut cursor = Cursor::new(&written.body);
                assert_eq!(cursor.kind().expect("a document"), Kind::Object);
                let end = cursor.skip().and_then(|_| cursor.end());
                end.expect("what is written is JSON");
                written.body.len() as u64
                    ^ (dropped.fields().len() as u64) << 40
                    ^ (wire as u64) << 60
            }
        }
    });
}

#[test]
fn any_reply_is_translated_alike_however_it_was_cut() {
    let examples: &[&[u8]] = &[
        b"data: {\"id\":\"c\",\"choices\":[{\"index\":0,\"delta\":{\"role\":\"assistant\",\"content\":\"a\\u0040\",\"reasoning\":\"r\"}}]}\n\ndata: {\"choices\":[{\"delta\":{\"tool_calls\":[{\"index\":0,\"id\":\"1\",\"function\":{\"name\":\"f\",\"arguments\":\"{}\"}}]}}]}\n\ndata: {\"choices\":[{\"index\":0,\"delta\":{},\"finish_reason\":\"stop\"}],\"usage\":{\"prompt_tokens\":1,\"completion_tokens\":2}}\r\n\r\ndata: [DONE]\n\n",
        b"event: message_start\ndata: {\"type\":\"message_start\",\"message\":{\"id\":\"m\",\"content\":[],\"usage\":{\"input_tokens\":1}}}\n\nevent: content_block_start\ndata: {\"type\":\"content_block_start\",\"index\":0,\"content_block\":{\"type\":\"tool_use\",\"id\":\"1\",\"name\":\"f\",\"input\":{}}}\n\n: ping\n\nevent: content_block_delta\ndata: {\"type\":\"content_block_delta\",\"index\":0,\"delta\":{\"type\":\"input_json_delta\",\"partial_json\":\"{}\"}}\n\nevent: content_block_stop\ndata: {\"type\":\"content_block_stop\",\"index\":0}\n\nevent: message_delta\ndata: {\"type\":\"message_delta\",\"delta\":{\"stop_reason\":\"tool_use\"},\"usage\":{\"output_tokens\":2}}\n\nevent: message_stop\ndata: {\"type\":\"message_stop\"}\n\n",
        b"event: response.created\ndata: {\"type\":\"response.created\",\"response\":{\"id\":\"r\"},\"sequence_number\":0}\n\nevent: response.output_text.delta\ndata: {\"type\":\"response.output_text.delta\",\"item_id\":\"i\",\"output_index\":0,\"content_index\":0,\"delta\":\"x\",\"sequence_number\":3}\n\nevent: response.completed\ndata: {\"type\":\"response.completed\",\"response\":{\"status\":\"completed\",\"output\":[],\"usage\":{\"input_tokens\":1,\"output_tokens\":1}}}\n\n",
        b"data: {\"candidates\":[{\"content\":{\"parts\":[{\"text\":\"a\"},{\"functionCall\":{\"name\":\"f\",\"args\":{}}}],\"role\":\"model\"},\"finishReason\":\"STOP\"}],\"usageMetadata\":{\"promptTokenCount\":1}}\r\rdata:x\ndata: y\n\n",
    ];
    run(examples, |input, chance: &mut Chance| {
        let caller = CALLERS[chance.below(CALLERS.len())];
        let target = Wire::ALL[chance.below(Wire::ALL.len())];
        let streams = !chance.one_in(4);
        let context = context(chance.one_in(2));
        let make = || Reply::new(caller, target, streams, context.clone()).expect("a caller's");
        let at_once = read(&mut make(), [input]);
        let (one, other) = input.split_at(chance.below(input.len() + 1));
        let in_two = read(&mut make(), [one, other]);
        assert_eq!(at_once.0, in_two.0, "whole, or not");
        if at_once.0 != Some(false) {
            assert_eq!(at_once.1, in_two.1, "the same however it was cut");
        }
        at_once.1.len() as u64 ^ (target as u64) << 60 ^ (caller as u64) << 50
    });
}

/// Reads a reply: true if it is whole, `None` where it is malformed; and what was written.
fn read<'i>(
    reply: &mut Reply,
    pieces: impl IntoIterator<Item = &'i [u8]>,
) -> (Option<bool>, Vec<u8>) {
    let mut out = Vec::new();
    for piece in pieces {
        match reply.push(piece) {
            Ok(written) => out.extend_from_slice(&written),
            Err(_) => return (None, Vec::new()),
        }
    }
    match reply.finish() {
        Ok(written) => out.extend_from_slice(&written),
        Err(_) => return (None, Vec::new()),
    }
    (Some(reply.is_whole()), out)
}

fn context(stream: bool) -> ReplyContext {
    ReplyContext {
        id: "x".into(),
        model: "m".into(),
        created: 1,
        stream,
        listed: false,
        prompt_tokens: 1,
        origin: Origin(1),
    }
}
