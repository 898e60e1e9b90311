//! Results of a batch: several replies in one body, one a line.

use super::*;
use crate::{Details, Tier};

const BATCHES: Dialect = Dialect::AnthropicBatches;

/// A line with a reply that says `text`.
fn succeeded(id: &str, text: &str, input: u64, output: u64) -> String {
    format!(
        r#"{{"custom_id":"{id}","result":{{"type":"succeeded","message":{{"id":"msg_{id}","type":"message","role":"assistant","model":"m","content":[{{"type":"thinking","thinking":"hm","signature":"c2ln"}},{{"type":"text","text":"{text}"}},{{"type":"tool_use","id":"t","name":"f","input":{{"q":"{text}"}}}}],"stop_reason":"end_turn","usage":{{"input_tokens":{input},"cache_read_input_tokens":2,"output_tokens":{output},"service_tier":"batch"}}}}}}}}"#
    )
}

const ERRORED: &str = r#"{"custom_id":"e","result":{"type":"errored","error":{"type":"error","error":{"type":"invalid_request_error","message":"messages: who is Zo?"},"request_id":"req_1"}}}"#;
const EXPIRED: &str = r#"{"custom_id":"x","result":{"type":"expired"}}"#;

fn results() -> String {
    let lines = [
        succeeded("a", "hello Zo", 10, 5),
        ERRORED.to_owned(),
        succeeded("b", "bye Zo", 20, 7),
        EXPIRED.to_owned(),
    ];
    lines.join("\n") + "\n"
}

#[test]
fn every_result_is_read_and_rewritten_in_its_line() {
    let body = results();
    for end in ["\n", "\r\n", "\n\n"] {
        let body = body.replace('\n', end);
        let ran = edited(BATCHES, false, body.as_bytes(), &mut |delta| {
            Some(delta.text.replace("Zo", "Z\u{e9}"))
        });
        let sent = String::from_utf8(ran.bytes).unwrap();
        assert_eq!(sent, body.replace("Zo", "Z\u{e9}"));
        assert_eq!(ran.channels.len(), 5, "{:?}", ran.channels);
        assert_eq!(ran.lasts.len(), 5);
        assert!(ran.reply.ended() && ran.reply.unreadable().is_none());
        let unseen = 2 * "hmc2ln".len() as u64;
        assert_eq!(ran.reply.unseen(), [("signed_reasoning", unseen)]);
    }
}

#[test]
fn their_usage_is_the_sum_with_policies_and_without_and_however_long_they_are() {
    let long = succeeded("l", &"word ".repeat(100_000), 1000, 900);
    let one = Usage {
        input: 34,
        cached: 4,
        output: 12,
        details: Details {
            tier: Tier::Batch,
            ..Details::default()
        },
        ..Usage::default()
    };
    for (body, usage) in [
        (results(), one),
        (
            results() + &long + "\n" + &results(),
            Usage {
                input: 34 + 1002 + 34,
                cached: 10,
                output: 12 + 900 + 12,
                ..one
            },
        ),
    ] {
        let ran = run(reply(BATCHES, false), &[body.as_bytes()], None);
        assert_eq!(ran.reply.usage(), Some(usage));
        assert_eq!(ran.bytes, body.as_bytes());
        for pieces in [body.len(), 9973] {
            let mut tap = crate::tap::Tap::new(BATCHES, false);
            body.as_bytes()
                .chunks(pieces)
                .for_each(|piece| tap.push(piece));
            tap.finish();
            assert_eq!(tap.usage(), Some(usage), "{pieces}");
            assert!(tap.content_seen() && tap.ended());
        }
    }
}

#[test]
fn a_batch_as_it_stands_is_one_document_and_a_line_that_is_none_is_unreadable() {
    let batch = "{\n  \"id\": \"msgbatch_1\",\n  \"type\": \"message_batch\",\n  \"processing_status\": \"in_progress\",\n  \"request_counts\": {\"processing\": 1},\n  \"results_url\": null\n}\n";
    let ran = run(reply(BATCHES, false), &[batch.as_bytes()], None);
    assert!(ran.channels.is_empty() && ran.reply.unreadable().is_none());
    assert_eq!(ran.reply.usage(), None);
    for body in [
        format!("{}{{\"custom_id\":\"c\",\"result\"\n", results()),
        format!("{}no JSON\n", results()),
    ] {
        let ran = run(reply(BATCHES, false), &[body.as_bytes()], None);
        assert_eq!(ran.reply.unreadable(), Some("body"), "{body}");
        assert!(
            ran.channels.is_empty(),
            "nothing is shown of what can't be read"
        );
    }
}
