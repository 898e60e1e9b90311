//! Interactions: what is particular about them.

use super::{fixtures::*, *};

const INTERACTIONS: Dialect = Dialect::GeminiInteractions;

#[test]
fn thoughts_count_as_output_and_the_interactions_status_is_the_finish_reason() {
    for (streaming, bytes) in [(true, interactions_stream()), (false, interactions_whole())] {
        let ran = run(reply(INTERACTIONS, streaming), &[&bytes], None);
        let usage = Usage {
            input: 11,
            output: 90 + 245,
            reasoning: 245,
            ..Usage::default()
        };
        assert_eq!(ran.reply.usage(), Some(usage));
        assert_eq!(ran.reply.finish_reason(), Some("requires_action"));
        assert_eq!(ran.reply.unseen(), [("signed_reasoning", 8)]);
    }
}

#[test]
fn usage_beside_a_delta_counts_before_the_end_reports_it() {
    let bytes = interactions_stream();
    let end = memchr::memmem::find(&bytes, b"event: interaction.completed").unwrap();
    let ran = run(reply(INTERACTIONS, true), &[&bytes[..end]], None);
    let usage = ran.reply.usage().unwrap();
    assert_eq!(usage.input, 11);
    assert!(usage.estimated && usage.output > 20, "{usage:?}");
    assert!(!ran.reply.ended(), "a stream without its end is cut");
}

#[test]
fn only_the_event_that_names_the_end_ends_a_stream() {
    for bytes in [interactions_stream(), interactions_stream_of_contents()] {
        let text = String::from_utf8(bytes).unwrap();
        let (mut reply, mut ended) = (reply(INTERACTIONS, true), Vec::new());
        for event in text.split_inclusive("\n\n") {
            reply.push(event.as_bytes()).unwrap();
            reply.deltas();
            reply.write(&[]).unwrap();
            ended.push(reply.ended());
        }
        let first = ended.iter().position(|ended| *ended).unwrap();
        assert_eq!(first, ended.len() - 2, "the mark behind it says nothing");
    }
}

#[test]
fn late_text_is_a_delta_of_its_step_before_the_step_stops() {
    let ran = edited(INTERACTIONS, true, &interactions_stream(), &mut |delta| {
        Some(match (delta.last, delta.place) {
            (false, _) => String::new(),
            (true, Place::ToolArguments) => "{}".to_owned(),
            (true, _) => "late".to_owned(),
        })
    });
    let events = json_events(&ran.bytes);
    let late: Vec<_> = events
        .iter()
        .filter(|event| event["event_type"] == "step.delta")
        .collect();
    let expected = [
        serde_json::json!({"event_type":"step.delta","index":0,"delta":{"signature":"EqQBCgIY","type":"thought_signature"}}),
        serde_json::json!({"event_type":"step.delta","index":0,"delta":{"type":"thought_summary","content":{"type":"text","text":"late"}}}),
        serde_json::json!({"event_type":"step.delta","index":1,"delta":{"type":"text","text":"late"}}),
        serde_json::json!({"event_type":"step.delta","index":2,"delta":{"type":"arguments_delta","arguments":"{}"}}),
    ];
    assert_eq!(late, expected.iter().collect::<Vec<_>>());
    let ran = edited(
        INTERACTIONS,
        true,
        &interactions_stream_of_contents(),
        &mut |delta| Some(if delta.last { "\"late\"" } else { "" }.to_owned()),
    );
    let events = json_events(&ran.bytes);
    assert_eq!(
        events[2],
        serde_json::json!({"event_type":"content.delta","index":0,"delta":{"type":"text","text":"\"late\""}})
    );
}

const REFUSED: Refused<'static> = Refused {
    code: "x",
    message: "not that",
};

/// The events of a stream that is refused when some of its events were written.
fn refused(stream: &[u8], written: usize) -> Vec<serde_json::Value> {
    let text = String::from_utf8(stream.to_vec()).unwrap();
    let mut reply = reply(INTERACTIONS, true);
    let mut events = text.split_inclusive("\n\n");
    for event in events.by_ref().take(written) {
        reply.push(event.as_bytes()).unwrap();
        reply.deltas();
        reply.write(&[]).unwrap();
    }
    for event in events {
        reply.push(event.as_bytes()).unwrap();
    }
    reply.deltas();
    let out = reply.refuse(&REFUSED);
    assert!(out.ends_with(b"event: done\ndata: [DONE]\n\n"));
    json_events(&out)
}

#[test]
fn a_refused_stream_stops_its_open_step_and_is_incomplete() {
    for (stream, names) in [
        (
            interactions_stream(),
            ["interaction.created", "step.stop", "interaction.completed"],
        ),
        (
            interactions_stream_of_contents(),
            ["interaction.start", "content.stop", "interaction.complete"],
        ),
    ] {
        let [begin, stop, end] = names;
        let events = refused(&stream, 0);
        assert_eq!(events[0]["event_type"], begin, "nothing was written yet");
        let last = events.last().unwrap();
        assert_eq!((events.len(), &last["event_type"]), (2, &end.into()));
        assert_eq!(last["interaction"]["status"], "incomplete");
        assert_eq!(last["interaction"]["id"], events[0]["interaction"]["id"]);
        assert!(last["interaction"]["usage"]["total_input_tokens"].is_number());

        let events = refused(&stream, 4);
        assert_eq!((events.len(), &events[0]["event_type"]), (2, &stop.into()));
        assert_eq!(events[0]["index"], 0);
    }
}

#[test]
fn steps_that_stand_in_the_end_are_shown_as_well() {
    let bytes = interactions_stream();
    let text = String::from_utf8(bytes).unwrap();
    let text = text.replace(
        r#""status":"requires_action","#,
        r#""status":"completed","steps":[{"type":"model_output","content":[{"type":"text","text":"again [[NAME]]"}]}],"#,
    );
    let mut policy = HoldBack::default();
    let ran = edited(INTERACTIONS, true, text.as_bytes(), &mut |delta| {
        policy.edit(delta)
    });
    let events = json_events(&ran.bytes);
    let end = &events.last().unwrap()["interaction"]["steps"][0];
    assert_eq!(end["content"][0]["text"], format!("again {VALUE}"));
}

#[test]
fn what_tools_of_the_provider_ask_and_find_is_shown_in_its_place() {
    let bytes = br#"{"status":"completed","steps":[
        {"type":"user_input","content":[{"type":"text","text":"asked"}]},
        {"type":"google_search_call","id":"s","arguments":{"queries":["looked for"]},"signature":"c2ln"},
        {"type":"google_search_result","call_id":"s","result":[{"search_suggestions":"<b>found</b>"}],"signature":"c2ln"},
        {"type":"code_execution_result","call_id":"c","result":"printed"},
        {"type":"mcp_server_tool_result","call_id":"m","result":{"rows":["a row"]}},
        {"type":"tomorrow_result","text":"new words","content":[{"type":"image","data":"QUFB","mime_type":"image/png"}]},
        {"type":"model_output","content":[{"type":"text","text":"said","annotations":[{"type":"url_citation","url":"https://x.test/a","title":"A page"}]}]}]}"#;
    let mut shown = Vec::new();
    let ran = edited(INTERACTIONS, false, bytes, &mut |delta| {
        shown.push((delta.place, delta.text.clone()));
        None
    });
    for (place, text) in [
        (Place::User, "asked"),
        (Place::ToolArguments, r#"{"queries":["looked for"]}"#),
        (Place::ToolResult, "<b>found</b>"),
        (Place::ToolResult, "printed"),
        (Place::ToolResult, r#"{"rows":["a row"]}"#),
        (Place::Assistant, "new words"),
        (Place::Assistant, "said"),
        (Place::Assistant, "https://x.test/a"),
        (Place::Assistant, "A page"),
    ] {
        assert!(
            shown.contains(&(place, text.to_owned())),
            "{text}: {shown:?}"
        );
    }
    let mut unseen = ran.reply.unseen().to_vec();
    unseen.sort_unstable();
    assert_eq!(unseen, [("image", 4), ("signed_reasoning", 8)]);
}
