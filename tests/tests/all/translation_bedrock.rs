//! Amazon Bedrock's Converse behind callers of each dialect, whole and in its binary frames, by a
//! provider that speaks as Bedrock does.

use std::time::Duration;

use outrigger_tests::clients::Job;
use outrigger_tests::failover::{ask_for, exchange};
use outrigger_tests::replies::{self, Api, chunk, last_chunk};
use outrigger_tests::translation as between;
use outrigger_tests::{Provider, Seen, Sidecar, Step, Upstream};
use serde_json::{Value, json};

/// The checksum of frames (CRC-32 of ISO 3309, reflected).
fn crc32(bytes: &[u8]) -> u32 {
    let step = |crc: u32, _| match crc & 1 {
        1 => (crc >> 1) ^ 0xedb8_8320,
        _ => crc >> 1,
    };
    !bytes
        .iter()
        .fold(!0, |crc, byte| (0..8).fold(crc ^ u32::from(*byte), step))
}

/// A frame whose headers are strings:
/// <https://smithy.io/2.0/aws/amazon-eventstream.html>.
fn frame(headers: &[(&str, &str)], payload: &Value) -> Vec<u8> {
    let mut written = Vec::new();
    for (name, value) in headers {
        written.push(u8::try_from(name.len()).unwrap());
        written.extend(name.bytes());
        written.push(7);
        written.extend(u16::try_from(value.len()).unwrap().to_be_bytes());
        written.extend(value.bytes());
    }
    let payload = payload.to_string();
    let lengths = [16 + written.len() + payload.len(), written.len()];
    let mut frame: Vec<u8> = (lengths.iter())
        .flat_map(|length| u32::try_from(*length).unwrap().to_be_bytes())
        .collect();
    frame.extend(crc32(&frame).to_be_bytes());
    frame.extend(written);
    frame.extend(payload.bytes());
    frame.extend(crc32(&frame).to_be_bytes());
    frame
}

fn event(kind: &str, payload: &Value) -> Vec<u8> {
    let headers = [
        (":event-type", kind),
        (":content-type", "application/json"),
        (":message-type", "event"),
    ];
    frame(&headers, payload)
}

fn exception(kind: &str) -> Vec<u8> {
    let headers = [
        (":exception-type", kind),
        (":content-type", "application/json"),
        (":message-type", "exception"),
    ];
    frame(
        &headers,
        &json!({"message": "Too many requests, please wait."}),
    )
}

/// A stream of frames, each a chunk of its own and cut in two where it is long.
fn stream(frames: &[Vec<u8>]) -> Vec<Step> {
    let head = b"HTTP/1.1 200 OK\r\ncontent-type: application/vnd.amazon.eventstream\r\nx-amzn-requestid: r1\r\ntransfer-encoding: chunked\r\n\r\n";
    let mut steps = vec![Step::Send(head.to_vec())];
    for frame in frames {
        let (first, second) = frame.split_at(frame.len() / 2);
        steps.push(Step::Send(chunk(first)));
        steps.push(Step::Send(chunk(second)));
    }
    steps.push(Step::Pause(Duration::from_millis(50)));
    steps.push(Step::Send(last_chunk()));
    steps
}

fn begun() -> Vec<Vec<u8>> {
    let delta = json!({"contentBlockIndex": 0, "delta": {"text": "from "}});
    vec![
        event("messageStart", &json!({"role": "assistant"})),
        event("contentBlockDelta", &delta),
    ]
}

fn text() -> Vec<Vec<u8>> {
    let mut frames = begun();
    let delta = json!({"contentBlockIndex": 0, "delta": {"text": "bedrock"}});
    let usage = json!({"usage": {"inputTokens": 10, "outputTokens": 5, "totalTokens": 15}, "metrics": {"latencyMs": 1}});
    frames.extend([
        event("contentBlockDelta", &delta),
        event("contentBlockStop", &json!({"contentBlockIndex": 0})),
        event("messageStop", &json!({"stopReason": "end_turn"})),
        event("metadata", &usage),
    ]);
    frames
}

fn tool() -> Vec<Vec<u8>> {
    let start = json!({"contentBlockIndex": 0, "start": {"toolUse": {"toolUseId": "tooluse_1", "name": "get_weather"}}});
    let delta = |text: &str| json!({"contentBlockIndex": 0, "delta": {"toolUse": {"input": text}}});
    let usage = json!({"usage": {"inputTokens": 10, "outputTokens": 5, "totalTokens": 15}, "metrics": {"latencyMs": 1}});
    vec![
        event("messageStart", &json!({"role": "assistant"})),
        event("contentBlockStart", &start),
        event("contentBlockDelta", &delta("{\"city\": \"Ro")),
        event("contentBlockDelta", &delta("me\"}")),
        event("contentBlockStop", &json!({"contentBlockIndex": 0})),
        event("messageStop", &json!({"stopReason": "tool_use"})),
        event("metadata", &usage),
    ]
}

fn answer(seen: &Seen) -> Vec<Step> {
    let calls = seen.json()["toolConfig"].is_object();
    if seen.path().ends_with("/converse-stream") {
        return stream(&if calls { tool() } else { text() });
    }
    let (content, reason) = match calls {
        true => {
            let used =
                json!({"toolUseId": "tooluse_1", "name": "get_weather", "input": {"city": "Rome"}});
            (json!({"toolUse": used}), "tool_use")
        }
        false => (json!({"text": "from bedrock"}), "end_turn"),
    };
    let body = json!({"output": {"message": {"role": "assistant", "content": [content]}}, "stopReason": reason,
        "usage": {"inputTokens": 10, "outputTokens": 5, "totalTokens": 15}, "metrics": {"latencyMs": 1}});
    vec![Step::Send(replies::json_body(&body.to_string()))]
}

/// A model that Converse alone serves, and another provider's behind it.
fn sidecar(bedrock: &Upstream, other: &Provider) -> Sidecar {
    let (at, then) = (bedrock.address, other.address());
    Sidecar::start(&format!(
        "workers: 2\nupstreams:\n  b: {{ provider: bedrock, url: \"http://{at}\", region: eu-west-1, key: key-of-b }}\n  c: {{ dialect: anthropic, url: \"http://{then}\", key: key-of-c }}\nmodels:\n  nova: {{ targets: [\"b/amazon.nova-lite-v1:0\"] }}\n  both: {{ targets: [\"b/amazon.nova-lite-v1:0\", c/claude-haiku-4-5], retry: {{ share: 100%, maybe_done: 100% }} }}\n"
    ))
}

#[test]
fn every_sdk_reads_what_converse_says() {
    let bedrock = Upstream::start(|seen, _| answer(seen));
    let other = Provider::start("never");
    let sidecar = sidecar(&bedrock, &other);
    let mut jobs = Vec::new();
    for caller in Api::EVERY {
        for stream in [true, false] {
            for tools in [false, true] {
                // google-genai's job has no tools
                if !tools || caller != Api::Gemini {
                    jobs.push(Job {
                        stream,
                        tools,
                        retries: Some(0),
                        ..Job::new(caller, sidecar.base, "nova", "hi")
                    });
                }
            }
        }
    }
    let mut wrong = Vec::new();
    for (job, outcome) in jobs.iter().zip(between::run(&jobs)) {
        let arguments = outcome.tools.first().map(|(_, text)| text.as_str());
        let arguments = arguments.and_then(|text| serde_json::from_str::<Value>(text).ok());
        let said = match job.tools {
            true => arguments == Some(json!({"city": "Rome"})),
            false => outcome.text == "from bedrock",
        };
        if !said || outcome.error.is_some() {
            let (api, stream, tools) = (job.api, job.stream, job.tools);
            wrong.push(format!(
                "{api:?}, stream {stream}, tools {tools}: {outcome:?}"
            ));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    for seen in bedrock.seen() {
        let model = "/model/amazon.nova-lite-v1%3A0/converse";
        assert!(seen.path().starts_with(model), "{}", seen.path());
    }
    let line = exchange(&sidecar, 0);
    assert_eq!(line["translated_to"], "bedrock.converse", "{line}");
    assert_eq!(
        (&line["input_tokens"], &line["output_tokens"]),
        (&json!(10), &json!(5)),
        "{line}"
    );
}

#[test]
fn an_exception_inside_a_200_before_content_is_failed_over_and_after_it_is_an_error() {
    for kind in [
        "throttlingException",
        "serviceUnavailableException",
        "modelStreamErrorException",
    ] {
        for content in [false, true] {
            let bedrock = Upstream::start(move |_, _| {
                let mut frames = match content {
                    true => begun(),
                    false => vec![event("messageStart", &json!({"role": "assistant"}))],
                };
                frames.push(exception(kind));
                stream(&frames)
            });
            let other = Provider::start("from another");
            let sidecar = sidecar(&bedrock, &other);
            let mut jobs = Vec::new();
            for caller in Api::EVERY {
                if !content {
                    let reply = ask_for(&sidecar, caller, "both", "hi", true);
                    let text = reply.text();
                    assert!(text.contains("from another"), "{kind} {caller:?}: {text}");
                }
                jobs.push(Job {
                    retries: Some(0),
                    ..Job::new(
                        caller,
                        sidecar.base,
                        if content { "both" } else { "nova" },
                        "hi",
                    )
                });
            }
            for (job, outcome) in jobs.iter().zip(between::run(&jobs)) {
                let what = format!("{kind} {:?}, content {content}: {outcome:?}", job.api);
                assert!(outcome.error.is_some(), "{what}");
            }
            let expected = if content { 0 } else { Api::EVERY.len() };
            assert_eq!(other.count(), expected, "{kind}");
        }
    }
}

#[test]
fn broken_frames_never_look_whole() {
    type Script = fn() -> Vec<Step>;
    let broken: [(&str, Script); 3] = [
        ("cut", || {
            let mut steps = stream(&begun());
            steps.pop();
            steps.push(Step::Close);
            steps
        }),
        ("without an end", || stream(&begun())),
        ("a sum that does not fit", || {
            let mut frames = text();
            *frames[2].last_mut().unwrap() ^= 1;
            stream(&frames)
        }),
    ];
    for (name, steps) in broken {
        let bedrock = Upstream::start(move |_, _| steps());
        let other = Provider::start("never");
        let sidecar = sidecar(&bedrock, &other);
        let job = |caller| Job {
            retries: Some(0),
            ..Job::new(caller, sidecar.base, "both", "hi")
        };
        let jobs: Vec<Job> = Api::EVERY.into_iter().map(job).collect();
        for (job, outcome) in jobs.iter().zip(between::run(&jobs)) {
            assert!(
                outcome.error.is_some(),
                "{name}, {:?}: {outcome:?}",
                job.api
            );
        }
    }
}
