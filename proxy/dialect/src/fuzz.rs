//! Fuzz targets of this crate: JSON bodies and streams of events.
#![expect(clippy::expect_used, reason = "tests")]

use bytes::Bytes;
use fuzz::{Chance, run};

use super::{
    Dialect, Places,
    reply::{Reply, ReplyLimits},
    request::Body,
};

#[test]
fn any_bytes_are_a_request_that_is_read_as_others_read_it_or_refused() {
    let examples: &[&[u8]] = &[
        br#"{"model":"m","stream":true,"messages":[{"role":"user","content":"a\u0040b"},{"role":"assistant","tool_calls":[{"id":"1","function":{"name":"f","arguments":"{}"}}]}],"x":{"y":[1,-2.5e3,null]}}"#,
        br#"{"instructions":"i","input":[{"type":"message","role":"user","content":[{"type":"input_text","text":"t"},{"type":"input_image","image_url":"data:image/png;base64,AAAA"}]},{"type":"reasoning","summary":[],"encrypted_content":"e"}]}"#,
        br#"{"system":[{"type":"text","text":"s"}],"messages":[{"role":"user","content":[{"type":"tool_result","content":"r"},{"type":"document","source":{"type":"text","data":"d"}}]}],"max_tokens":5}"#,
        br#"{"contents":[{"role":"user","parts":[{"text":"t","thought":true},{"functionCall":{"name":"f","args":{"a":1}}}]}],"generation_config":{"max_output_tokens":1}}"#,
        br#"{"agent":"a","system_instruction":"s","input":[{"type":"user_input","content":[{"type":"text","text":"t"},{"type":"image","data":"AAAA","mime_type":"image/png"}]},{"type":"thought","summary":[{"type":"text","text":"h"}],"signature":"c2ln"},{"type":"function_result","result":{"r":1},"call_id":"c"}]}"#,
        br#"{"prompt":["a",[1,2]],"suffix":"s","input":[[1],[2]]}"#,
    ];
    run(examples, |input, chance| {
        let dialect = Dialect::ALL[chance.below(Dialect::ALL.len())];
        let mut body = Body::wire(dialect, Bytes::copy_from_slice(input))
            .at("/v1beta/models/m:generateContent");
        let read = body.index();
        assert_eq!(body.render(), input, "nobody edited it");
        if read.is_err() {
            return read.err().map_or(0, |error| error.what.len() as u64);
        }
        let other = serde_json::from_slice::<serde::de::IgnoredAny>(input);
        assert!(
            other.is_ok(),
            "it is read here and refused elsewhere: {other:?}"
        );
        let passages = body.passages(Places::ALL, 0, u32::MAX);
        if let Some(passage) = passages.get(chance.below(passages.len())) {
            body.set_passage(passage.id, "\"edited \\\\ \\n\"".to_owned())
                .expect("JSON fits everywhere");
            let out = body.render();
            assert!(
                serde_json::from_slice::<serde::de::IgnoredAny>(&out).is_ok(),
                "an edit keeps it JSON"
            );
        }
        let places = passages.iter().fold(1, |sum: u64, p| {
            sum.wrapping_mul(31).wrapping_add(p.place as u64)
        });
        places ^ (dialect as u64) << 60 ^ body.unseen().len() as u64
    });
}

#[test]
fn any_stream_passes_as_it_came_and_however_it_was_cut() {
    let examples: &[&[u8]] = &[
        b"data: {\"id\":\"c\",\"choices\":[{\"index\":0,\"delta\":{\"role\":\"assistant\",\"content\":\"a\\u0040\"}}]}\n\ndata: {\"choices\":[{\"index\":0,\"delta\":{},\"finish_reason\":\"stop\"}],\"usage\":{\"prompt_tokens\":1,\"completion_tokens\":2}}\r\n\r\ndata: [DONE]\n\n",
        b"event: message_start\ndata: {\"type\":\"message_start\",\"message\":{\"content\":[]}}\n\nevent: content_block_start\ndata: {\"type\":\"content_block_start\",\"index\":0,\"content_block\":{\"type\":\"text\",\"text\":\"\"}}\n\n: ping\n\nevent: content_block_delta\ndata: {\"type\":\"content_block_delta\",\"index\":0,\"delta\":{\"type\":\"text_delta\",\"text\":\"hi\"}}\n\nevent: message_stop\ndata: {\"type\":\"message_stop\"}\n\n",
        b"event: response.output_text.delta\ndata: {\"type\":\"response.output_text.delta\",\"item_id\":\"i\",\"output_index\":0,\"content_index\":0,\"delta\":\"x\",\"sequence_number\":3}\n\nevent: response.completed\ndata: {\"type\":\"response.completed\",\"response\":{\"output\":[],\"usage\":{\"input_tokens\":1,\"output_tokens\":1}}}\n\n",
        b"data: {\"candidates\":[{\"content\":{\"parts\":[{\"text\":\"a\"}],\"role\":\"model\"},\"finishReason\":\"STOP\"}],\"usageMetadata\":{\"promptTokenCount\":1}}\r\rdata:x\ndata: y\n\n",
        b"event: interaction.created\ndata: {\"event_type\":\"interaction.created\",\"interaction\":{\"id\":\"v\"}}\n\nevent: step.start\ndata: {\"index\":0,\"step\":{\"type\":\"model_output\"},\"event_type\":\"step.start\"}\n\nevent: step.delta\ndata: {\"index\":0,\"delta\":{\"text\":\"a\",\"type\":\"text\"},\"event_type\":\"step.delta\"}\n\nevent: interaction.completed\ndata: {\"event_type\":\"interaction.completed\",\"interaction\":{\"status\":\"completed\",\"usage\":{\"total_input_tokens\":1}}}\n\n",
    ];
    let limits = ReplyLimits {
        event: 1 << 16,
        body: 1 << 16,
    };
    run(examples, |input, chance: &mut Chance| {
        let dialect = Dialect::ALL[chance.below(Dialect::ALL.len())];
        let mut reply = match chance.one_in(4) {
            true => Reply::whole(dialect, Places::ALL, limits),
            false => Reply::stream(dialect, Places::ALL, limits),
        };
        let (mut out, mut shown, mut rest) = (Vec::new(), 0_u64, input);
        loop {
            let (now, later) = rest.split_at(chance.below(rest.len() + 1).max(1).min(rest.len()));
            let mut taken = reply.push(now);
            rest = later;
            if rest.is_empty() {
                taken = taken.and_then(|()| reply.finish());
            }
            if taken.is_err() {
                return 1;
            }
            for delta in reply.deltas() {
                shown = shown.wrapping_mul(31).wrapping_add(delta.place as u64 + 1);
            }
            match reply.write(&[]) {
                Ok(bytes) => out.extend_from_slice(&bytes),
                Err(_) => return 2,
            }
            if rest.is_empty() {
                break;
            }
        }
        match reply.ended() {
            // what an upstream sends behind its stream's end is dropped
            true => assert!(input.starts_with(&out), "nobody edited it"),
            false => assert_eq!(out, input, "nobody edited it"),
        }
        shown ^ (dialect as u64) << 60 ^ u64::from(reply.ended()) << 59
    });
}
