//! The cost of a translation, between each two wire formats: a request of 50 KB, a whole reply of
//! 1 KB, an event of a stream. `make bench-translation` runs it; figures are µs, the least of many
//! rounds, as other programs only ever add to them.
#![allow(
    clippy::unwrap_used,
    clippy::print_stdout,
    clippy::disallowed_methods,
    missing_docs,
    reason = "a bench stops at the first thing that is not as it should be, and measures real time"
)]

use std::{hint::black_box, time::Instant};

use outrigger_dialect::{
    Dialect,
    translate::{Origin, Quirks, Reply, ReplyContext, Target, Wire, request, takes::ModelTakes},
};

const CALLERS: [Dialect; 4] = [
    Dialect::OpenaiChat,
    Dialect::OpenaiResponses,
    Dialect::AnthropicMessages,
    Dialect::GeminiGenerate,
];
/// Events of a stream's text.
const EVENTS: usize = 1000;
const ROUNDS: usize = 200;

fn main() {
    println!(
        "{:<20}{:<20}{:>14}{:>14}{:>14}",
        "caller", "target", "50 KB request", "1 KB reply", "event"
    );
    for caller in CALLERS {
        for target in CALLERS.into_iter().filter(|target| *target != caller) {
            let wire = Wire::of(target).unwrap();
            let body = conversation(caller);
            let takes = ModelTakes {
                output: Some(8192),
                ..ModelTakes::default()
            };
            let to = Target {
                wire,
                model: "m",
                origin: Origin(1),
                strict: false,
                takes: &takes,
                quirks: &Quirks::NONE,
            };
            let of_request = least(|| {
                black_box(request(caller, body.as_bytes(), false, &to).unwrap());
            });
            let (whole, stream) = replies(target);
            let of_whole = least(|| {
                black_box(read(caller, wire, false, &[whole.as_bytes()]));
            });
            let pieces: Vec<&[u8]> = stream.iter().map(String::as_bytes).collect();
            let of_stream = least(|| {
                black_box(read(caller, wire, true, &pieces));
            });
            let per_event = of_stream / EVENTS as f64;
            println!(
                "{:<20}{:<20}{of_request:>14.1}{of_whole:>14.2}{per_event:>14.3}",
                caller.name(),
                target.name()
            );
        }
    }
}

/// The least time of many rounds, in µs.
fn least(mut step: impl FnMut()) -> f64 {
    let round = |step: &mut dyn FnMut()| {
        let begun = Instant::now();
        step();
        begun.elapsed().as_secs_f64() * 1e6
    };
    (0..ROUNDS)
        .map(|_| round(&mut step))
        .fold(f64::MAX, f64::min)
}

fn read(caller: Dialect, target: Wire, streams: bool, pieces: &[&[u8]]) -> usize {
    let context = ReplyContext {
        id: "0123456789abcdef".into(),
        model: "m".into(),
        created: 1_700_000_000,
        stream: streams,
        listed: false,
        prompt_tokens: 100,
        origin: Origin(1),
    };
    let mut reply = Reply::new(caller, target, streams, context).unwrap();
    let mut bytes = 0;
    for piece in pieces {
        bytes += reply.push(piece).unwrap().len();
    }
    bytes += reply.finish().unwrap().len();
    assert!(reply.is_whole());
    bytes
}

/// A conversation of about 50 KB: 24 turns of 2 KB and a tool.
fn conversation(caller: Dialect) -> String {
    let text = "It rained on \\\"the\\\" old town, and nobody had brought a coat.\\n".repeat(32);
    let turn = |at: usize| (at.is_multiple_of(2), &*text);
    let turns = (0..25).map(turn);
    let schema = r#"{"type":"object","properties":{"city":{"type":"string"}},"required":["city"]}"#;
    match caller {
        Dialect::OpenaiChat => {
            let messages = turns.map(|(user, text)| {
                let role = if user { "user" } else { "assistant" };
                format!(r#"{{"role":"{role}","content":"{text}"}}"#)
            });
            let messages: Vec<_> = messages.collect();
            format!(
                r#"{{"model":"m","messages":[{}],"tools":[{{"type":"function","function":{{"name":"f","parameters":{schema}}}}}]}}"#,
                messages.join(",")
            )
        }
        Dialect::OpenaiResponses => {
            let items = turns.map(|(user, text)| {
                let (role, kind) = if user {
                    ("user", "input_text")
                } else {
                    ("assistant", "output_text")
                };
                format!(r#"{{"role":"{role}","content":[{{"type":"{kind}","text":"{text}"}}]}}"#)
            });
            let items: Vec<_> = items.collect();
            format!(
                r#"{{"model":"m","input":[{}],"tools":[{{"type":"function","name":"f","parameters":{schema}}}]}}"#,
                items.join(",")
            )
        }
        Dialect::AnthropicMessages => {
            let messages = turns.map(|(user, text)| {
                let role = if user { "user" } else { "assistant" };
                format!(r#"{{"role":"{role}","content":[{{"type":"text","text":"{text}"}}]}}"#)
            });
            let messages: Vec<_> = messages.collect();
            format!(
                r#"{{"model":"m","max_tokens":100,"messages":[{}],"tools":[{{"name":"f","input_schema":{schema}}}]}}"#,
                messages.join(",")
            )
        }
        _ => {
            let contents = turns.map(|(user, text)| {
                let role = if user { "user" } else { "model" };
                format!(r#"{{"role":"{role}","parts":[{{"text":"{text}"}}]}}"#)
            });
            let contents: Vec<_> = contents.collect();
            format!(
                r#"{{"contents":[{}],"tools":[{{"functionDeclarations":[{{"name":"f","parametersJsonSchema":{schema}}}]}}]}}"#,
                contents.join(",")
            )
        }
    }
}

/// A whole reply of about 1 KB, and a stream of [`EVENTS`] texts.
fn replies(target: Dialect) -> (String, Vec<String>) {
    let text = "It rained on \\\"the\\\" old town, and nobody had a coat.\\n".repeat(14);
    match target {
        Dialect::OpenaiChat => {
            let whole = format!(
                r#"{{"id":"c","object":"chat.completion","created":1,"model":"m","choices":[{{"index":0,"message":{{"role":"assistant","content":"{text}"}},"finish_reason":"stop"}}],"usage":{{"prompt_tokens":9,"completion_tokens":9,"total_tokens":18}}}}"#
            );
            let event = r#"data: {"id":"chatcmpl-123","object":"chat.completion.chunk","created":1700000000,"model":"gpt-5-mini","choices":[{"index":0,"delta":{"content":" token"},"finish_reason":null}]}"#.to_owned() + "\n\n";
            let end = "data: {\"id\":\"c\",\"choices\":[{\"index\":0,\"delta\":{},\"finish_reason\":\"stop\"}]}\n\ndata: [DONE]\n\n";
            (whole, stream("", &event, end))
        }
        Dialect::OpenaiResponses => {
            let done = format!(
                r#"{{"id":"r","object":"response","created_at":1,"status":"completed","model":"m","output":[{{"type":"message","id":"i","role":"assistant","status":"completed","content":[{{"type":"output_text","text":"{text}","annotations":[]}}]}}],"usage":{{"input_tokens":9,"output_tokens":9,"total_tokens":18}}}}"#
            );
            let event = "event: response.output_text.delta\ndata: {\"type\":\"response.output_text.delta\",\"item_id\":\"i\",\"output_index\":0,\"content_index\":0,\"delta\":\" token\",\"sequence_number\":4}\n\n";
            let end = "event: response.completed\ndata: {\"type\":\"response.completed\",\"response\":{\"id\":\"r\",\"status\":\"completed\",\"output\":[],\"usage\":{\"input_tokens\":9,\"output_tokens\":9}}}\n\n";
            (done, stream("", event, end))
        }
        Dialect::AnthropicMessages => {
            let whole = format!(
                r#"{{"id":"m","type":"message","role":"assistant","model":"m","content":[{{"type":"text","text":"{text}"}}],"stop_reason":"end_turn","stop_sequence":null,"usage":{{"input_tokens":9,"output_tokens":9}}}}"#
            );
            let begin = "event: message_start\ndata: {\"type\":\"message_start\",\"message\":{\"id\":\"m\",\"type\":\"message\",\"role\":\"assistant\",\"model\":\"m\",\"content\":[],\"usage\":{\"input_tokens\":9,\"output_tokens\":1}}}\n\nevent: content_block_start\ndata: {\"type\":\"content_block_start\",\"index\":0,\"content_block\":{\"type\":\"text\",\"text\":\"\"}}\n\n";
            let event = "event: content_block_delta\ndata: {\"type\":\"content_block_delta\",\"index\":0,\"delta\":{\"type\":\"text_delta\",\"text\":\" token\"}}\n\n";
            let end = "event: content_block_stop\ndata: {\"type\":\"content_block_stop\",\"index\":0}\n\nevent: message_delta\ndata: {\"type\":\"message_delta\",\"delta\":{\"stop_reason\":\"end_turn\"},\"usage\":{\"output_tokens\":9}}\n\nevent: message_stop\ndata: {\"type\":\"message_stop\"}\n\n";
            (whole, stream(begin, event, end))
        }
        _ => {
            let whole = format!(
                r#"{{"candidates":[{{"content":{{"role":"model","parts":[{{"text":"{text}"}}]}},"finishReason":"STOP","index":0}}],"usageMetadata":{{"promptTokenCount":9,"candidatesTokenCount":9,"totalTokenCount":18}},"modelVersion":"m"}}"#
            );
            let event = "data: {\"candidates\":[{\"content\":{\"role\":\"model\",\"parts\":[{\"text\":\" token\"}]},\"index\":0}],\"usageMetadata\":{\"promptTokenCount\":9},\"modelVersion\":\"m\"}\n\n";
            let end = "data: {\"candidates\":[{\"content\":{\"role\":\"model\",\"parts\":[]},\"finishReason\":\"STOP\",\"index\":0}],\"usageMetadata\":{\"promptTokenCount\":9,\"candidatesTokenCount\":9}}\n\n";
            (whole, stream("", event, end))
        }
    }
}

fn stream(begin: &str, event: &str, end: &str) -> Vec<String> {
    let mut events = vec![begin.to_owned()];
    events.extend(std::iter::repeat_n(event.to_owned(), EVENTS));
    events.push(end.to_owned());
    events
}
