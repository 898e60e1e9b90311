//! Responses: what is particular about them.

use super::{fixtures::*, *};

const RESPONSES: Dialect = Dialect::OpenaiResponses;

#[test]
fn usage_and_status_are_read() {
    for (streaming, bytes) in [(true, responses_stream()), (false, responses_whole())] {
        let ran = run(reply(RESPONSES, streaming), &[&bytes], None);
        let usage = Usage {
            input: 36,
            cached: 4,
            output: 87,
            reasoning: 11,
            ..Usage::default()
        };
        assert_eq!(ran.reply.usage(), Some(usage));
        assert_eq!(ran.reply.finish_reason(), Some("completed"));
        // `encrypted_content`, counted once
        assert!(ran.reply.unseen().contains(&("signed_reasoning", 6)));
    }
}

#[test]
fn every_repeat_tells_what_was_sent() {
    let mut number = 0;
    let ran = edited(RESPONSES, true, &responses_stream(), &mut |delta| {
        number += 1;
        Some(if delta.last {
            "!".to_owned()
        } else {
            format!("<{number}>")
        })
    });
    let texts = client(RESPONSES, true, &ran.bytes);
    let all = |prefix: &str| -> Vec<String> {
        let found = texts.iter().filter(|(name, _)| name.starts_with(prefix));
        found.map(|(_, text)| text.clone()).collect()
    };
    let sorted = |mut texts: Vec<String>| {
        texts.sort();
        texts
    };
    let sent = sorted(all("delta"));
    assert_eq!(sent.len(), 3);
    assert!(
        sent.iter()
            .all(|text| text.starts_with('<') && text.ends_with(">!"))
    );
    for prefix in ["done", "item", "final"] {
        assert_eq!(sorted(all(prefix)), sent, "{prefix}");
    }
}

#[test]
fn a_repeat_is_left_alone_where_its_channel_was_not_edited() {
    let bytes = responses_stream();
    let ran = edited(RESPONSES, true, &bytes, &mut |delta| {
        (delta.place == Place::Reasoning && delta.last).then(|| "!".to_owned())
    });
    let before = client(RESPONSES, true, &bytes);
    for (name, text) in client(RESPONSES, true, &ran.bytes) {
        match name.contains("summary") {
            true => assert_eq!(text, before[&name].clone() + "!", "{name}"),
            false => assert_eq!(text, before[&name], "{name}"),
        }
    }
    let events = json_events(&ran.bytes);
    assert_eq!(
        events[13]["logprobs"][0]["token"], "[[NA",
        "stay where the text does"
    );
}

#[test]
fn log_probabilities_of_an_edited_channel_become_empty() {
    let mut policy = HoldBack::default();
    let ran = edited(RESPONSES, true, &responses_stream(), &mut |delta| {
        policy.edit(delta)
    });
    for event in json_events(&ran.bytes) {
        if let Some(probabilities) = event.get("logprobs") {
            assert_eq!(probabilities, &serde_json::json!([]));
        }
    }
    let ran = edited(RESPONSES, false, &responses_whole(), &mut |delta| {
        Some(delta.text.to_uppercase())
    });
    let body: serde_json::Value = serde_json::from_slice(&ran.bytes).unwrap();
    let part = &body["output"][1]["content"][0];
    assert_eq!(part["text"], "DEAR [[NAME]] [[NA");
    assert_eq!(part["logprobs"], serde_json::json!([]));
}

#[test]
fn late_text_is_a_delta_before_the_text_is_done() {
    let ran = edited(RESPONSES, true, &responses_stream(), &mut |delta| {
        Some(if delta.last { "{}" } else { "" }.to_owned())
    });
    let events = json_events(&ran.bytes);
    let at = |kind: &str| {
        let found = events.iter().position(|event| event["type"] == kind);
        found.unwrap_or_else(|| panic!("{kind}"))
    };
    for (name, id, output, inner) in [
        ("response.output_text", "msg_1", 1, "content_index"),
        (
            "response.reasoning_summary_text",
            "rs_1",
            0,
            "summary_index",
        ),
        ("response.function_call_arguments", "fc_1", 2, ""),
    ] {
        let place = at(&format!("{name}.delta"));
        let event = &events[place];
        assert_eq!(place + 1, at(&format!("{name}.done")));
        assert_eq!(event["delta"], "{}");
        assert_eq!(event["item_id"], id);
        assert_eq!(event["output_index"], output);
        assert_eq!(event.get(inner).is_some(), !inner.is_empty());
        assert_eq!(
            event["sequence_number"],
            events[place + 1]["sequence_number"]
        );
    }
}

#[test]
fn a_server_that_sends_no_deltas_is_read_where_its_texts_are() {
    let text = String::from_utf8(responses_stream()).unwrap();
    let without = |kinds: &[&str]| -> Vec<u8> {
        let events = text.split_inclusive("\n\n");
        let kept = events.filter(|event| !kinds.iter().any(|kind| event.contains(kind)));
        kept.collect::<String>().into_bytes()
    };
    for kinds in [
        &["_text.delta", "arguments.delta"][..],
        &[
            "_text.delta",
            "arguments.delta",
            "_text.done",
            "arguments.done",
        ],
        &["_text.delta", "arguments.delta", ".done"],
        &[".done"],
    ] {
        let bytes = without(kinds);
        assert!(run(reply(RESPONSES, true), &[&bytes], None).bytes == bytes);
        let mut policy = HoldBack::default();
        let ran = edited(RESPONSES, true, &bytes, &mut |delta| policy.edit(delta));
        assert_eq!(ran.channels.len(), 4, "instructions, and: {kinds:?}");
        let before = client(RESPONSES, true, &bytes);
        let after = client(RESPONSES, true, &ran.bytes);
        assert_eq!(before.len(), after.len());
        for (name, text) in after {
            assert_eq!(text, before[&name].replace(MARKER, VALUE), "{name}");
        }
    }
}

#[test]
fn a_repeat_that_differs_from_what_was_shown_is_shown() {
    let bytes = named(&[
        r#"{"type":"response.output_text.delta","output_index":0,"content_index":0,"delta":"the end"}"#,
        r#"{"type":"response.output_text.done","output_index":0,"content_index":0,"text":"from the beginning to the end"}"#,
    ]);
    let ran = edited(RESPONSES, true, &bytes, &mut |delta| {
        Some(delta.text.replace("beginning", "start"))
    });
    let shown: Vec<_> = ran.channels.values().collect();
    assert_eq!(shown, ["the end", "from the beginning to the end"]);
    assert_eq!(
        json_events(&ran.bytes)[1]["text"],
        "from the start to the end"
    );
}

#[test]
fn texts_that_are_kept_for_repeats_are_bounded() {
    let event = named(&[
        r#"{"type":"response.output_text.delta","output_index":0,"content_index":0,"delta":"0123456789"}"#,
    ]);
    let limits = ReplyLimits {
        event: 1000,
        body: 100,
    };
    let mut reply = Reply::stream(RESPONSES, Places::ALL, limits);
    let pushed = (0..20).take_while(|_| reply.push(&event).is_ok()).count();
    assert_eq!(pushed, 10);
}

#[test]
fn events_that_nobody_knows_are_shown_and_media_is_counted() {
    let bytes = named(&[
        r#"{"type":"response.web_search_call.searching","item_id":"ws_1"}"#,
        r#"{"type":"response.audio.delta","delta":"AAAA"}"#,
        r#"{"type":"response.image_generation_call.partial_image","partial_image_b64":"AAAA"}"#,
        r#"{"type":"response.output_text.annotation.added","annotation":{"title":"x"}}"#,
        r#"{"type":"response.something_new.delta","delta":"y"}"#,
    ]);
    let ran = run(reply(RESPONSES, true), &[&bytes], None);
    let labels: Vec<_> = ran.reply.unseen().iter().map(|(label, _)| *label).collect();
    assert_eq!(labels, ["audio", "image"]);
    let mut shown: Vec<_> = ran.channels.values().collect();
    shown.sort();
    assert_eq!(shown, ["x", "y"]);
}

#[test]
fn calls_that_the_app_runs_are_shown_once_and_their_repeats_filled() {
    let items = [
        (r#""action":{"commands":["cat [[NAME]]"]}"#, "shell_call"),
        (
            r#""action":{"command":["cat","[[NAME]]"],"env":{"A":"b c"}}"#,
            "local_shell_call",
        ),
        (
            r#""operation":{"type":"update_file","diff":"[[NAME]]"}"#,
            "apply_patch_call",
        ),
        (
            r#""action":{"type":"type","text":"[[NAME]]"}"#,
            "computer_call",
        ),
        (
            r#""action":{"type":"search","query":"[[NAME]]"}"#,
            "web_search_call",
        ),
        (r#""new_member":"[[NAME]]""#, "call_of_tomorrow"),
    ];
    for (member, kind) in items {
        let item = format!(
            r#"{{"type":"{kind}","id":"i_1","call_id":"c_1","status":"completed",{member}}}"#
        );
        let events = [
            format!(r#"{{"type":"response.output_item.added","output_index":0,"item":{item}}}"#),
            format!(r#"{{"type":"response.output_item.done","output_index":0,"item":{item}}}"#),
            format!(
                r#"{{"type":"response.completed","response":{{"id":"r_1","status":"completed","output":[{item}]}}}}"#
            ),
        ];
        let stream = named(&events);
        let whole = format!(r#"{{"id":"r_1","status":"completed","output":[{item}]}}"#);
        for (streaming, bytes) in [(true, &stream[..]), (false, whole.as_bytes())] {
            let mut calls = 0;
            let ran = edited(RESPONSES, streaming, bytes, &mut |delta| {
                calls += u32::from(delta.text.contains(MARKER));
                Some(delta.text.replace(MARKER, "Zo\u{eb}"))
            });
            assert_eq!(calls, 1, "{kind}");
            let text = String::from_utf8(ran.bytes).unwrap();
            assert!(!text.contains(MARKER), "{text}");
            assert_eq!(
                text.matches("Zo\u{eb}").count(),
                if streaming { 3 } else { 1 }
            );
        }
    }
}

#[test]
fn what_quotes_the_request_is_restored_wherever_it_stands() {
    let response = r#"{"id":"r_1","status":"S","instructions":"for [[NAME]]","metadata":{"who":"[[NAME]]"},"user":"[[NAME]]","output":[]}"#;
    let events = [("created", "in_progress"), ("completed", "completed")].map(|(kind, status)| {
        let response = response.replace("\"S\"", &format!("\"{status}\""));
        format!(r#"{{"type":"response.{kind}","response":{response}}}"#)
    });
    let ran = edited(RESPONSES, true, &named(&events), &mut |delta| {
        Some(delta.text.replace(MARKER, "Zo\u{eb}"))
    });
    assert_eq!(ran.channels.len(), 3, "each once");
    for event in json_events(&ran.bytes) {
        assert_eq!(event["response"]["instructions"], "for Zo\u{eb}");
        assert_eq!(event["response"]["metadata"]["who"], "Zo\u{eb}");
        assert_eq!(event["response"]["user"], "Zo\u{eb}");
    }
}

#[test]
fn deltas_of_events_that_nobody_has_listed_grow_by_name_item_and_numbers() {
    let delta = |kind: &str, command: u32, text: &str| {
        format!(
            r#"{{"type":"response.{kind}.delta","item_id":"i_1","output_index":0,"command_index":{command},"delta":"{text}","sequence_number":{command}}}"#
        )
    };
    for (kind, place) in [
        ("shell_call_command", Place::ToolArguments),
        ("apply_patch_call_operation_diff", Place::ToolArguments),
        ("audio.transcript", Place::Assistant),
        ("something_new", Place::Assistant),
    ] {
        let events = [
            delta(kind, 0, "cat [[NA"),
            delta(kind, 1, "ls [["),
            delta(kind, 0, "ME]] [["),
            delta(kind, 1, "NAME]]"),
            format!(
                r#"{{"type":"response.{kind}.done","item_id":"i_1","output_index":0,"sequence_number":9}}"#
            ),
        ];
        let mut policy = HoldBack::default();
        let mut places = Vec::new();
        let ran = edited(RESPONSES, true, &named(&events), &mut |delta| {
            places.push(delta.place);
            policy.edit(delta)
        });
        assert!(
            places.iter().all(|found| *found == place),
            "{kind}: {places:?}"
        );
        let mut said = [String::new(), String::new()];
        let mut kinds = Vec::new();
        for event in json_events(&ran.bytes) {
            kinds.push(event["type"].as_str().unwrap().to_owned());
            if let Some(delta) = event["delta"].as_str() {
                assert_eq!(event["item_id"], "i_1");
                said[event["command_index"].as_u64().unwrap() as usize].push_str(delta);
            }
        }
        assert_eq!(
            said,
            ["cat Zo\u{eb} O'Neil [[", "ls Zo\u{eb} O'Neil"],
            "{kind}"
        );
        assert_eq!(kinds.pop(), Some(format!("response.{kind}.done")));
        assert!(
            kinds
                .iter()
                .all(|name| *name == format!("response.{kind}.delta"))
        );
    }
}
