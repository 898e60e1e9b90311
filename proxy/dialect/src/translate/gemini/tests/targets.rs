//! Requests as targets are sent them.

mod reasoning;

use serde_json::{Value, json};

use super::{HOME, google, json, rewritten};
use crate::translate::{
    Quirks, Target,
    form::{
        Arguments, Call, Choice, Effort, Extra, ExtraKind, Media, MediaKind, Output, Part,
        Reasoning, Request, Role, Source, Tool, ToolResult, Turn,
    },
    loss::{Dropped, Refused},
    opaque::{Opaque, OpaqueKind, Origin},
    takes::{Budget, Efforts, ModelTakes, ReasoningForm, ReasoningOff, SystemRole},
    text::Text,
};

fn text(text: &str) -> Part<'_> {
    Part::Text {
        text: Text::plain(text),
        cache: None,
    }
}

fn call<'a>(id: &'a str, name: &'a str) -> Part<'a> {
    Part::Call(Call {
        id: Some(Text::plain(id)),
        name: Text::plain(name),
        arguments: Arguments::Source(Text::plain("{\"n\":1.0}")),
        cache: None,
    })
}

fn result<'a>(id: &'a str, content: &'a str) -> Part<'a> {
    Part::Result(ToolResult {
        id: Some(Text::plain(id)),
        name: None,
        content: vec![text(content)],
        value: None,
        is_error: false,
        cache: None,
    })
}

fn turn<'a>(role: Role, parts: Vec<Part<'a>>) -> Turn<'a> {
    Turn { role, parts }
}

fn said<'a>(turns: Vec<Turn<'a>>) -> Request<'a> {
    Request {
        turns,
        ..Request::default()
    }
}

fn write(request: &Request<'_>, target: &Target<'_>) -> Result<(Value, Dropped), Refused> {
    let mut dropped = Dropped::default();
    let written = super::super::request_write::write(request, target, &mut dropped)?;
    Ok((json(&written.body), dropped))
}

fn contents(request: &Request<'_>, target: &Target<'_>) -> Value {
    write(request, target).unwrap().0["contents"].clone()
}

#[test]
fn model_and_method_stand_in_the_path() {
    for (model, stream, path) in [
        (
            "gemini-2.5-pro",
            false,
            "/v1beta/models/gemini-2.5-pro:generateContent",
        ),
        (
            "models/m",
            true,
            "/v1beta/models/m:streamGenerateContent?alt=sse",
        ),
        (
            "tunedModels/t 1",
            false,
            "/v1beta/tunedModels/t%201:generateContent",
        ),
    ] {
        let request = Request {
            stream,
            ..said(vec![turn(Role::User, vec![text("q")])])
        };
        let written =
            super::super::request_write::write(&request, &google(model), &mut Dropped::default());
        assert_eq!(written.unwrap().path, path);
    }
}

#[test]
fn a_whole_request_keeps_its_meaning_in_its_own_dialect() {
    let body = r#"{"systemInstruction":{"parts":[{"text":"s"}]},"contents":[{"role":"user","parts":[{"text":"q\u0041"},{"inlineData":{"mimeType":"image/png","data":"AA=="}}]},{"role":"model","parts":[{"functionCall":{"id":"c","name":"f","args":{"n":1.50}}}]},{"role":"user","parts":[{"functionResponse":{"id":"c","name":"f","response":{"ok":true}}}]}],"tools":[{"functionDeclarations":[{"name":"f","description":"d","parametersJsonSchema":{"type":"object","properties":{}}}]}],"toolConfig":{"functionCallingConfig":{"mode":"ANY","allowedFunctionNames":["f"]}},"generationConfig":{"temperature":0.10,"topP":0.9,"topK":40,"maxOutputTokens":100,"stopSequences":["x"],"thinkingConfig":{"thinkingBudget":512,"includeThoughts":true},"candidateCount":2,"seed":1,"frequencyPenalty":0.5,"presencePenalty":0.25}}"#;
    let (written, dropped) = rewritten(body, &google("gemini-2.5-flash")).unwrap();
    assert_eq!(json(&written.body), json(body));
    let source = String::from_utf8_lossy(&written.body);
    assert!(
        source.contains("1.50") && source.contains("0.10"),
        "numbers stay"
    );
    assert!(dropped.is_empty(), "{dropped:?}");
}

#[test]
fn results_stand_by_themselves_in_the_order_of_their_calls() {
    let request = said(vec![
        turn(Role::User, vec![text("q")]),
        turn(Role::Assistant, vec![call("a", "f"), call("b", "g")]),
        turn(Role::User, vec![result("b", "two")]),
        turn(Role::User, vec![result("a", "{\"one\":1}"), text("and?")]),
    ]);
    assert_eq!(
        contents(&request, &google("gemini-2.5-flash")),
        json!([
            {"role": "user", "parts": [{"text": "q"}]},
            {"role": "model", "parts": [
                {"functionCall": {"id": "a", "name": "f", "args": {"n": 1.0}}},
                {"functionCall": {"id": "b", "name": "g", "args": {"n": 1.0}}},
            ]},
            {"role": "user", "parts": [
                {"functionResponse": {"id": "a", "name": "f", "response": {"one": 1}}},
                {"functionResponse": {"id": "b", "name": "g", "response": {"result": "two"}}},
            ]},
            {"role": "user", "parts": [{"text": "and?"}]},
        ])
    );
}

#[test]
fn vertex_is_sent_no_ids() {
    let request = said(vec![
        turn(Role::Assistant, vec![call("a", "f")]),
        turn(Role::User, vec![result("a", "r")]),
    ]);
    let vertex = Quirks {
        vertex: true,
        ..Quirks::NONE
    };
    let target = Target {
        quirks: &vertex,
        ..google("gemini-2.5-flash")
    };
    assert!(!contents(&request, &target).to_string().contains("\"id\""));
}

#[test]
fn a_result_is_an_object_and_holds_no_reference() {
    let response = |content: &str, is_error| {
        let mut part = result("a", content);
        if let Part::Result(result) = &mut part {
            result.is_error = is_error;
        }
        let turns = vec![
            turn(Role::Assistant, vec![call("a", "f")]),
            turn(Role::User, vec![part]),
        ];
        contents(&said(turns), &google("gemini-2.5-flash"))[1]["parts"][0]["functionResponse"]
            ["response"]
            .clone()
    };
    for (content, is_error, expected) in [
        ("plain\ntext", false, json!({"result": "plain\ntext"})),
        ("[1]", false, json!({"result": "[1]"})),
        ("", false, json!({"result": ""})),
        ("{\"a\":", false, json!({"result": "{\"a\":"})),
        (
            "{\"$ref\":\"x\"}",
            false,
            json!({"result": "{\"$ref\":\"x\"}"}),
        ),
        ("no", true, json!({"error": "no"})),
        ("{\"code\":7}", true, json!({"error": {"code": 7}})),
    ] {
        assert_eq!(response(content, is_error), expected, "{content}");
    }
}

#[test]
fn a_result_that_answers_no_call_is_refused() {
    let request = said(vec![turn(Role::User, vec![result("x", "r")])]);
    let refused = write(&request, &google("m")).unwrap_err();
    assert_eq!(refused.field, "tool result");
}

#[test]
fn images_of_results_go_where_the_model_takes_them() {
    let image = || {
        Part::Media(Media {
            kind: MediaKind::Image,
            source: Source::Base64 {
                media_type: "image/png".into(),
                data: "AA==".into(),
            },
            detail: None,
            title: None,
            cache: None,
        })
    };
    let request = || {
        let mut part = result("a", "see");
        if let Part::Result(result) = &mut part {
            result.content.push(image());
        }
        said(vec![
            turn(Role::Assistant, vec![call("a", "f")]),
            turn(Role::User, vec![part]),
        ])
    };
    let data = json!({"inlineData": {"mimeType": "image/png", "data": "AA=="}});
    let new = contents(&request(), &google("gemini-3-flash"));
    assert_eq!(
        new[1]["parts"][0]["functionResponse"]["parts"],
        json!([data])
    );
    let old = contents(&request(), &google("gemini-2.5-flash"));
    assert_eq!(old[1]["parts"][1], data);
}

#[test]
fn instructions_go_to_the_user_where_the_model_has_no_role_for_them() {
    let takes = ModelTakes {
        system_role: SystemRole::None,
        refuses_forced_tools: true,
        ..ModelTakes::default()
    };
    let target = Target {
        takes: &takes,
        ..google("gemma-3")
    };
    let mut request = Request {
        system: vec![text("s")],
        ..said(vec![turn(Role::User, vec![text("q")])])
    };
    let (body, _) = write(&request, &target).unwrap();
    let parts = json!([{"text": "s"}, {"text": "q"}]);
    assert_eq!(
        body,
        json!({"contents": [{"role": "user", "parts": parts}]})
    );

    request.choice = Some(Choice::Required);
    request.tools.push(Tool {
        name: Text::plain("f"),
        description: None,
        parameters: None,
        strict: None,
        cache: None,
    });
    assert_eq!(write(&request, &target).unwrap_err().field, "tool_choice");
}

#[test]
fn sampling_that_the_model_refuses_is_left_out_and_counted() {
    let takes = ModelTakes {
        refuses_temperature_with_top_p: true,
        refuses_top_k: true,
        refuses_penalties: true,
        ..ModelTakes::default()
    };
    let target = Target {
        takes: &takes,
        ..google("m")
    };
    let body = r#"{"contents":"q","generationConfig":{"temperature":1,"topP":0.5,"topK":3,"frequencyPenalty":1}}"#;
    let (written, dropped) = rewritten(body, &target).unwrap();
    assert_eq!(
        json(&written.body)["generationConfig"],
        json!({"temperature": 1})
    );
    assert_eq!(dropped.fields(), ["top_p", "top_k", "frequencyPenalty"]);
}

#[test]
fn what_would_change_the_meaning_is_refused() {
    let media = |source| {
        said(vec![turn(
            Role::User,
            vec![Part::Media(Media {
                kind: MediaKind::Image,
                source,
                detail: None,
                title: None,
                cache: None,
            })],
        )])
    };
    let url = |url: &'static str| Source::Url {
        media_type: None,
        url: Text::plain(url),
    };
    let extra = |kind, field| Request {
        extras: vec![Extra {
            kind,
            field,
            value: b"1",
        }],
        ..said(vec![turn(Role::User, vec![text("q")])])
    };
    for (request, field) in [
        (media(url("https://example.com/a.png")), "image_url"),
        (media(url("gs://bucket/no-ending")), "image_url"),
        (media(Source::File(Text::plain("file-abc"))), "file_id"),
        (
            extra(ExtraKind::State, "previous_response_id"),
            "previous_response_id",
        ),
        (extra(ExtraKind::Logprobs, "logprobs"), "logprobs"),
        (
            Request {
                stop: (0..6).map(|_| Text::plain("x")).collect(),
                ..said(vec![turn(Role::User, vec![text("q")])])
            },
            "stop",
        ),
    ] {
        let refused = write(&request, &google("gemini-2.5-flash")).unwrap_err();
        assert_eq!((&*refused.field, refused.is_malformed), (field, false));
    }
    for (source, part) in [
        (
            Source::of_url(Text::plain("data:image/png;base64,AA==")),
            json!({"inlineData": {"mimeType": "image/png", "data": "AA=="}}),
        ),
        (
            url("gs://b/a.png"),
            json!({"fileData": {"mimeType": "image/png", "fileUri": "gs://b/a.png"}}),
        ),
    ] {
        let written = contents(&media(source), &google("m"));
        assert_eq!(written[0]["parts"][0], part);
    }
}

#[test]
fn instructions_stand_in_front_and_those_in_the_middle_become_the_users() {
    let request = Request {
        system: vec![text("one")],
        ..said(vec![
            turn(Role::System, vec![text("two")]),
            turn(Role::User, vec![text("q")]),
            turn(Role::Assistant, vec![text("")]),
            turn(Role::System, vec![text("three")]),
        ])
    };
    let (body, dropped) = write(&request, &google("m")).unwrap();
    assert_eq!(
        body["systemInstruction"],
        json!({"parts": [{"text": "one"}, {"text": "two"}]})
    );
    assert_eq!(
        body["contents"],
        json!([{"role": "user", "parts": [{"text": "q"}, {"text": "three"}]}])
    );
    assert_eq!(dropped.fields(), ["role"]);

    let alone = Request {
        system: vec![text("one")],
        ..Request::default()
    };
    let (body, _) = write(&alone, &google("m")).unwrap();
    assert_eq!(
        body,
        json!({"contents": [{"role": "user", "parts": [{"text": "one"}]}]})
    );
}

#[test]
fn the_form_of_the_text_is_said_with_the_schema_that_the_model_takes() {
    let request = || Request {
        output: Output::Schema {
            name: Some(Text::plain("n")),
            description: None,
            schema: b" {\"type\":\"object\",\"additionalProperties\":false} ",
            strict: Some(true),
        },
        ..said(vec![turn(Role::User, vec![text("q")])])
    };
    let (body, _) = write(&request(), &google("gemini-2.5-flash")).unwrap();
    assert_eq!(
        body["generationConfig"],
        json!({"responseMimeType": "application/json", "responseJsonSchema": {"type": "object", "additionalProperties": false}})
    );
    let old = ModelTakes {
        openapi_schemas: true,
        ..ModelTakes::default()
    };
    let target = Target {
        takes: &old,
        ..google("gemini-2.0-flash")
    };
    let (_, dropped) = write(&request(), &target).unwrap();
    assert_eq!(dropped.fields(), ["schema"]);
    let with_tools = Request {
        tools: vec![Tool {
            name: Text::plain("f"),
            description: None,
            parameters: None,
            strict: None,
            cache: None,
        }],
        ..request()
    };
    let refused = write(&with_tools, &google("gemini-2.5-flash")).unwrap_err();
    assert_eq!(refused.field, "response_format");
    assert!(write(&with_tools, &google("gemini-3-flash")).is_ok());
}
