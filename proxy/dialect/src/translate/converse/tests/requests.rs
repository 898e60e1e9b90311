use serde_json::json;

use super::{
    CLAUDE, LLAMA, NOVA, carried,
    forms::{asking, body, call, field, marked, result, say, tool, turn},
    target, written,
};
use crate::translate::{
    Dropped,
    converse::FORMAT,
    form::{Choice, Part, Request, Role, ToolResult},
    takes::{ModelTakes, SystemRole},
    text::Text,
};

#[test]
fn a_request_of_chat_is_carried_with_its_tools_and_options() {
    let (body, dropped) = carried(
        r#"{"model":"m","messages":[
            {"role":"system","content":"be brief"},
            {"role":"user","content":[{"type":"text","text":"what is it?"},
                {"type":"image_url","image_url":{"url":"data:image/jpg;base64,AAAA"}}]},
            {"role":"assistant","content":null,"tool_calls":[
                {"id":"call_1","type":"function","function":{"name":"f","arguments":"{\"a\": 1.50}"}},
                {"id":"call_2","type":"function","function":{"name":"g","arguments":""}}]},
            {"role":"tool","tool_call_id":"call_1","content":"one"},
            {"role":"tool","tool_call_id":"call_2","content":""},
            {"role":"user","content":"and now?"}],
          "tools":[{"type":"function","function":{"name":"f","description":"d","parameters":{"type":"object"},"strict":true}},
                   {"type":"function","function":{"name":"g"}}],
          "tool_choice":"required","max_completion_tokens":100,"temperature":0.5,"top_p":0.9,
          "stop":["END"],"seed":5,"user":"u"}"#,
        CLAUDE,
        &ModelTakes::default(),
    )
    .unwrap();
    assert_eq!(
        body,
        json!({
            "system": [{"text": "be brief"}],
            "messages": [
                {"role": "user", "content": [
                    {"text": "what is it?"},
                    {"image": {"format": "jpeg", "source": {"bytes": "AAAA"}}}]},
                {"role": "assistant", "content": [
                    {"toolUse": {"toolUseId": "call_1", "name": "f", "input": {"a": 1.5}}},
                    {"toolUse": {"toolUseId": "call_2", "name": "g", "input": {}}}]},
                {"role": "user", "content": [
                    {"toolResult": {"toolUseId": "call_1", "content": [{"text": "one"}]}},
                    {"toolResult": {"toolUseId": "call_2", "content": [{"json": {}}]}},
                    {"text": "and now?"}]}],
            "toolConfig": {
                "tools": [
                    {"toolSpec": {"name": "f", "description": "d", "inputSchema": {"json": {"type": "object"}}}},
                    {"toolSpec": {"name": "g", "inputSchema": {"json": {"type": "object", "properties": {}}}}}],
                "toolChoice": {"any": {}}},
            "inferenceConfig": {"maxTokens": 100, "temperature": 0.5, "topP": 0.9, "stopSequences": ["END"]},
            "additionalModelResponseFieldPaths": ["/stop_sequence", "/delta/stop_sequence"]
        })
    );
    assert_eq!(dropped, ["strict", "user", "seed"]);
}

#[test]
fn the_model_is_one_segment_of_the_path() {
    let takes = ModelTakes::default();
    for (model, stream, path) in [
        (
            "us.amazon.nova-2-lite-v1:0",
            false,
            "/model/us.amazon.nova-2-lite-v1%3A0/converse",
        ),
        (
            "arn:aws:bedrock:us-east-1:1:inference-profile/x y",
            true,
            "/model/arn%3Aaws%3Abedrock%3Aus-east-1%3A1%3Ainference-profile%2Fx%20y/converse-stream",
        ),
    ] {
        let form = Request { stream, ..asking() };
        let written =
            (FORMAT.write_request)(&form, &target(model, &takes), &mut Dropped::default());
        assert_eq!(written.unwrap().path, path);
    }
}

#[test]
fn turns_alternate_and_nothing_empty_is_sent() {
    let form = Request {
        system: vec![say(" "), marked("s", false)],
        turns: vec![
            turn(Role::User, vec![say("a"), say("")]),
            turn(Role::User, vec![say("b")]),
            turn(Role::Assistant, vec![say("\n")]),
            turn(Role::System, vec![say("mind")]),
            turn(Role::Assistant, vec![Part::Refusal(Text::plain("no "))]),
        ],
        ..Request::default()
    };
    let (body, dropped) = written(&form, CLAUDE, &ModelTakes::default()).unwrap();
    assert_eq!(
        body,
        json!({
            "system": [{"text": "s"}, {"cachePoint": {"type": "default"}}],
            "messages": [
                {"role": "user", "content": [{"text": "a"}, {"text": "b"}, {"text": "mind"}]},
                {"role": "assistant", "content": [{"text": "no"}]}]
        })
    );
    assert_eq!(dropped, ["role"]);
}

#[test]
fn instructions_are_the_user_s_where_there_is_no_other_place_for_them() {
    let alone = Request {
        system: vec![say("s")],
        ..Request::default()
    };
    let (body, dropped) = written(&alone, CLAUDE, &ModelTakes::default()).unwrap();
    assert_eq!(
        body,
        json!({"messages": [{"role": "user", "content": [{"text": "s"}]}]})
    );
    assert_eq!(dropped, ["role"]);
    let takes = ModelTakes {
        system_role: SystemRole::None,
        ..ModelTakes::default()
    };
    let form = Request {
        system: vec![say("s")],
        ..asking()
    };
    let (body, dropped) = written(&form, "mistral.mistral-7b-instruct-v0:2", &takes).unwrap();
    assert_eq!(
        body,
        json!({"messages": [{"role": "user", "content": [{"text": "s"}, {"text": "hi"}]}]})
    );
    assert!(dropped.is_empty());
    assert!(
        written(&Request::default(), CLAUDE, &takes)
            .unwrap_err()
            .is_malformed
    );
}

#[test]
fn what_the_model_can_t_go_on_from_is_refused() {
    let starts = Request {
        turns: vec![turn(Role::Assistant, vec![say("a")])],
        ..Request::default()
    };
    assert_eq!(
        field(written(&starts, CLAUDE, &ModelTakes::default())),
        "messages"
    );
    let mut ends = asking();
    ends.turns.push(turn(Role::Assistant, vec![say("{ ")]));
    assert_eq!(body(&ends)["messages"][1]["content"][0]["text"], "{");
    let takes = ModelTakes {
        refuses_prefill: true,
        ..ModelTakes::default()
    };
    assert_eq!(field(written(&ends, CLAUDE, &takes)), "messages");
}

#[test]
fn calls_without_ids_are_matched_with_their_results_by_name() {
    let form = Request {
        turns: vec![
            turn(Role::User, vec![say("a")]),
            turn(
                Role::Assistant,
                vec![
                    call(None, "f", "{}"),
                    call(None, "g", "{}"),
                    call(None, "f", "{}"),
                ],
            ),
            turn(
                Role::User,
                vec![
                    Part::Result(ToolResult {
                        value: Some(b" {\"x\": [1]} "),
                        ..result(None, Some("g"), Vec::new())
                    }),
                    Part::Result(ToolResult {
                        value: Some(b"[1]"),
                        is_error: true,
                        ..result(None, Some("f"), Vec::new())
                    }),
                ],
            ),
        ],
        tools: vec![tool("f")],
        ..Request::default()
    };
    let messages = &body(&form)["messages"];
    let ids: Vec<_> = (0..3)
        .map(|at| {
            messages[1]["content"][at]["toolUse"]["toolUseId"]
                .as_str()
                .unwrap()
        })
        .collect();
    assert_eq!(ids, ["call_1", "call_2", "call_3"]);
    assert_eq!(
        messages[2]["content"],
        json!([
            {"toolResult": {"toolUseId": "call_2", "content": [{"json": {"x": [1]}}]}},
            {"toolResult": {"toolUseId": "call_1", "content": [{"text": "[1]"}], "status": "error"}}])
    );
    let (_, dropped) = written(&form, LLAMA, &ModelTakes::default()).unwrap();
    assert_eq!(dropped, ["is_error"]);
    let mut stray = asking();
    stray.turns.push(turn(
        Role::User,
        vec![Part::Result(result(None, Some("f"), Vec::new()))],
    ));
    assert_eq!(
        field(written(&stray, CLAUDE, &ModelTakes::default())),
        "tool result"
    );
}

#[test]
fn an_id_that_is_not_taken_becomes_the_same_other_one_everywhere() {
    let long = "functions.get_weather:0";
    let form = Request {
        turns: vec![
            turn(Role::User, vec![say("a")]),
            turn(Role::Assistant, vec![call(Some(long), "f", "{}")]),
            turn(
                Role::User,
                vec![Part::Result(result(Some(long), None, vec![say("r")]))],
            ),
        ],
        ..Request::default()
    };
    let messages = &body(&form)["messages"];
    let id = messages[1]["content"][0]["toolUse"]["toolUseId"]
        .as_str()
        .unwrap();
    assert!(id.len() <= 64 && id.starts_with("call_"), "{id}");
    assert_eq!(messages[2]["content"][0]["toolResult"]["toolUseId"], id);
}

#[test]
fn a_conversation_with_calls_has_tools_even_where_none_may_be_called() {
    let mut form = asking();
    form.turns
        .push(turn(Role::Assistant, vec![call(Some("1"), "f", "{}")]));
    let answer = result(Some("1"), None, vec![say("r")]);
    form.turns
        .push(turn(Role::User, vec![Part::Result(answer)]));
    assert_eq!(
        body(&form)["toolConfig"]["tools"][0]["toolSpec"]["name"],
        "unavailable"
    );
    form.tools = vec![tool("f")];
    assert_eq!(
        body(&form)["toolConfig"]["tools"][0]["toolSpec"]["name"],
        "f"
    );
    form.choice = Some(Choice::None);
    let tools = &body(&form)["toolConfig"]["tools"];
    assert_eq!(tools[0]["toolSpec"]["name"], "unavailable");
    assert_eq!(tools.as_array().unwrap().len(), 1);
    form.turns.truncate(1);
    assert_eq!(body(&form).get("toolConfig"), None);
    form.tools.clear();
    form.choice = Some(Choice::Required);
    let refused = written(&form, CLAUDE, &ModelTakes::default()).unwrap_err();
    assert!(refused.is_malformed);
}

#[test]
fn every_choice_of_tools_is_said_or_made_by_leaving_tools_out() {
    let names = || vec![Text::plain("g")];
    for (choice, expected, offered) in [
        (Choice::Auto, json!(null), 2),
        (Choice::Required, json!({"any": {}}), 2),
        (
            Choice::Function(Text::plain("g")),
            json!({"tool": {"name": "g"}}),
            2,
        ),
        (
            Choice::Allowed {
                names: names(),
                required: false,
            },
            json!(null),
            1,
        ),
        (
            Choice::Allowed {
                names: names(),
                required: true,
            },
            json!({"any": {}}),
            1,
        ),
    ] {
        let form = Request {
            tools: vec![tool("f"), tool("g")],
            choice: Some(choice),
            ..asking()
        };
        let config = &body(&form)["toolConfig"];
        assert_eq!(config["toolChoice"], expected);
        assert_eq!(config["tools"].as_array().unwrap().len(), offered);
    }
}

#[test]
fn one_call_at_a_time_is_claude_s_own_choice_and_dropped_elsewhere() {
    let form = Request {
        tools: vec![tool("f")],
        parallel: Some(false),
        choice: Some(Choice::Function(Text::plain("f"))),
        ..asking()
    };
    let (body, dropped) = written(&form, CLAUDE, &ModelTakes::default()).unwrap();
    assert_eq!(
        body["additionalModelRequestFields"],
        json!({"tool_choice": {"type": "tool", "name": "f", "disable_parallel_tool_use": true}})
    );
    assert_eq!(body["toolConfig"].get("toolChoice"), None);
    assert!(dropped.is_empty());
    let (body, dropped) = written(&form, NOVA, &ModelTakes::default()).unwrap();
    assert_eq!(
        body["toolConfig"]["toolChoice"],
        json!({"tool": {"name": "f"}})
    );
    assert_eq!(dropped, ["parallel_tool_calls"]);
}

#[test]
fn names_that_bedrock_refuses_are_refused_before_anything_is_sent() {
    let form = Request {
        tools: vec![tool("my.tool")],
        ..asking()
    };
    assert_eq!(
        field(written(&form, CLAUDE, &ModelTakes::default())),
        "tools"
    );
    let form = Request {
        turns: vec![
            turn(Role::User, vec![say("a")]),
            turn(Role::Assistant, vec![call(None, "f", "[1]")]),
        ],
        ..Request::default()
    };
    assert_eq!(
        field(written(&form, CLAUDE, &ModelTakes::default())),
        "tool call arguments"
    );
}
