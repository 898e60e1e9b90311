//! Requests as callers send them.

use super::{json, read};
use crate::translate::{
    form::{Choice, Effort, ExtraKind, MediaKind, Output, Part, Source},
    loss::Refused,
    text::Text,
};

fn refused(body: &str) -> Refused {
    match read(body, |_, _| ()) {
        Ok(()) => panic!("{body} is taken"),
        Err(refused) => refused,
    }
}

fn decoded(text: &Text<'_>) -> String {
    text.decode().into_owned()
}

#[test]
fn both_spellings_of_every_key_are_read_alike() {
    let camel = r#"{"systemInstruction":{"parts":[{"text":"s"}]},"contents":[{"role":"user","parts":[{"inlineData":{"mimeType":"image/png","data":"AA=="}}]}],"generationConfig":{"maxOutputTokens":5,"topP":0.5,"topK":3,"stopSequences":["x"],"thinkingConfig":{"includeThoughts":true,"thinkingBudget":99}},"toolConfig":{"functionCallingConfig":{"mode":"ANY","allowedFunctionNames":["f"]}},"tools":[{"functionDeclarations":[{"name":"f","parametersJsonSchema":{"type":"object"}}]}]}"#;
    let snake = r#"{"system_instruction":{"parts":[{"text":"s"}]},"contents":[{"role":"user","parts":[{"inline_data":{"mime_type":"image/png","data":"AA=="}}]}],"generation_config":{"max_output_tokens":5,"top_p":0.5,"top_k":3,"stop_sequences":["x"],"thinking_config":{"include_thoughts":true,"thinking_budget":99}},"tool_config":{"function_calling_config":{"mode":"ANY","allowed_function_names":["f"]}},"tools":[{"function_declarations":[{"name":"f","parameters_json_schema":{"type":"object"}}]}]}"#;
    let shown = |body| read(body, |request, _| format!("{request:?}")).unwrap();
    assert_eq!(shown(camel), shown(snake));
    read(camel, |request, dropped| {
        assert!(dropped.is_empty());
        assert_eq!(request.max_output, Some(&b"5"[..]));
        assert_eq!(request.reasoning.budget, Some(99));
        assert_eq!(request.reasoning.shown, Some(true));
        assert!(matches!(&request.choice, Some(Choice::Function(name)) if name.is("f")));
        assert!(matches!(&*request.system, [Part::Text { text, .. }] if text.is("s")));
        assert!(request.model.is_none(), "the path names it");
    })
    .unwrap();
}

#[test]
fn calls_without_ids_are_matched_with_their_results_by_name_and_order() {
    let body = r#"{"contents":[{"parts":[{"text":"q"}]},
        {"role":"model","parts":[{"functionCall":{"name":"f","args":{"a":1}}},{"functionCall":{"name":"g"}},{"functionCall":{"name":"f","args":{"a":2}}}]},
        {"role":"function","parts":[{"functionResponse":{"name":"g","response":{"r":"g"}}},{"functionResponse":{"name":"f","response":{"r":1}}},{"functionResponse":{"name":"f","response":{"error":"no"}}}]}]}"#;
    read(body, |request, _| {
        let [_, calls, results] = &*request.turns else {
            panic!("three turns");
        };
        let mut ids = Vec::new();
        for part in calls.parts.iter().chain(&results.parts) {
            match part {
                Part::Call(call) => ids.push(decoded(call.id.as_ref().unwrap())),
                Part::Result(result) => ids.push(decoded(result.id.as_ref().unwrap())),
                _ => panic!("calls and results"),
            }
        }
        let expected = ["call_1_0", "call_1_1", "call_1_2"];
        assert_eq!(ids[..3], expected);
        assert_eq!(ids[3..], ["call_1_1", "call_1_0", "call_1_2"]);
        let last = results.parts.last().unwrap();
        assert!(matches!(last, Part::Result(result) if result.is_error));
        let Some(Part::Call(call)) = calls.parts.get(1) else {
            panic!("a call");
        };
        assert_eq!(&*call.arguments.object().unwrap(), b"{}");
    })
    .unwrap();
}

#[test]
fn ids_that_an_app_sends_are_kept() {
    let body = r#"{"contents":[{"role":"model","parts":[{"functionCall":{"id":"p","name":"f"}},{"functionCall":{"id":"q","name":"f"}}]},
        {"role":"user","parts":[{"functionResponse":{"id":"q","name":"f","response":{}}},{"functionResponse":{"id":"p","name":"f","response":{}}}]}]}"#;
    let shown = read(body, |request, _| format!("{:?}", request.turns)).unwrap();
    assert!(!shown.contains("call_"), "{shown}");
}

#[test]
fn thoughts_that_came_in_chunks_are_one_and_what_seals_them_belongs_to_them() {
    let tag = crate::translate::opaque::Opaque::of(
        super::HOME,
        crate::translate::opaque::OpaqueKind::Signature,
        Text::plain("sig/+="),
    )
    .tagged_in_base64();
    let tag = tag.decode();
    let body = format!(
        r#"{{"contents":[{{"parts":[{{"text":"q"}}]}},{{"role":"model","parts":[{{"text":"I th","thought":true}}]}},{{"role":"model","parts":[{{"text":"ink","thought":true}}]}},{{"role":"model","parts":[{{"functionCall":{{"name":"f"}},"thoughtSignature":"{tag}"}}]}}]}}"#
    );
    read(&body, |request, _| {
        let [_, model] = &*request.turns else {
            panic!("two turns");
        };
        let [Part::Reasoning { text, opaque }, Part::Call(_)] = &*model.parts else {
            panic!("a thought and a call");
        };
        assert_eq!(text.as_ref().unwrap().decode(), "I think");
        let opaque = opaque.as_ref().unwrap();
        assert_eq!(opaque.origin, Some(super::HOME));
        assert_eq!(opaque.data.decode(), "sig/+=");
    })
    .unwrap();
}

#[test]
fn contents_may_be_one_and_parts_may_be_bare() {
    for body in [
        r#"{"contents":"hi"}"#,
        r#"{"contents":{"parts":"hi"}}"#,
        r#"{"contents":[{"parts":{"text":"hi"}}]}"#,
        r#"{"contents":["hi"]}"#,
        r#"{"contents":[{"parts":["hi"]}],"tools":null,"generationConfig":{"topK":null}}"#,
        r#"{"contents":"no","contents":"hi"}"#,
        r#"{"generateContentRequest":{"model":"models/m","contents":[{"parts":[{"text":"hi"}]}]}}"#,
    ] {
        let shown = read(body, |request, _| format!("{:?}", request.turns)).unwrap();
        let expected = read(r#"{"contents":"hi"}"#, |r, _| format!("{:?}", r.turns)).unwrap();
        assert_eq!(shown, expected, "{body}");
    }
}

#[test]
fn settings_are_carried_or_named() {
    let body = r#"{"contents":"q","safetySettings":[{"category":"HARM_CATEGORY_HARASSMENT","threshold":"BLOCK_LOW_AND_ABOVE"}],"cachedContent":"cachedContents/1","labels":{"a":"b"},
        "generationConfig":{"candidateCount":2,"seed":7,"presencePenalty":0.1,"frequencyPenalty":-0.1,"responseLogprobs":true,"logprobs":3,"responseModalities":["AUDIO"],"speechConfig":{},"mediaResolution":"MEDIA_RESOLUTION_LOW","responseMimeType":"application/json","thinkingConfig":{"thinkingLevel":"LOW"}}}"#;
    read(body, |request, _| {
        use ExtraKind::*;
        let kinds: Vec<_> = request.extras.iter().map(|extra| extra.kind).collect();
        assert_eq!(
            kinds,
            [
                Safety,
                State,
                Labels,
                Choices,
                Seed,
                PresencePenalty,
                FrequencyPenalty,
                Logprobs,
                TopLogprobs,
                Modalities,
                Modalities,
                MediaResolution
            ]
        );
        assert!(matches!(request.output, Output::JsonObject));
        assert_eq!(request.reasoning.effort, Some(Effort::Low));
    })
    .unwrap();
}

#[test]
fn settings_that_ask_for_nothing_are_not_carried() {
    let body = r#"{"contents":"q","safetySettings":[{"category":"c","threshold":"BLOCK_NONE"},{"category":"d","threshold":"OFF"}],
        "generationConfig":{"candidateCount":1,"responseLogprobs":false,"responseModalities":["TEXT"],"responseMimeType":"text/plain"}}"#;
    read(body, |request, dropped| {
        assert!(request.extras.is_empty(), "{:?}", request.extras);
        assert_eq!(dropped.fields(), ["safetySettings"]);
    })
    .unwrap();
    for (budget, effort) in [("0", Effort::None), ("-1", Effort::Adaptive)] {
        let body = format!(
            r#"{{"contents":"q","generationConfig":{{"thinkingConfig":{{"thinkingBudget":{budget}}}}}}}"#
        );
        let read = read(&body, |request, _| request.reasoning.effort).unwrap();
        assert_eq!(read, Some(effort));
    }
}

#[test]
fn the_choice_among_tools_is_read_from_mode_and_names() {
    let choice = |config: &str| {
        let body =
            format!(r#"{{"contents":"q","toolConfig":{{"functionCallingConfig":{config}}}}}"#);
        read(&body, |request, _| format!("{:?}", request.choice)).unwrap()
    };
    assert_eq!(choice(r#"{"mode":"NONE"}"#), "Some(None)");
    assert_eq!(choice(r#"{"mode":"AUTO"}"#), "Some(Auto)");
    assert_eq!(choice(r#"{"mode":"ANY"}"#), "Some(Required)");
    assert_eq!(choice("{}"), "None");
    let some = choice(r#"{"mode":"VALIDATED","allowedFunctionNames":["f","g"]}"#);
    assert!(some.contains("required: false"), "{some}");
    let any = choice(r#"{"mode":"ANY","allowedFunctionNames":["f","g"]}"#);
    assert!(any.contains("required: true"), "{any}");
}

#[test]
fn what_can_not_be_carried_is_refused_by_its_path() {
    for (body, field) in [
        (
            r#"{"contents":"q","tools":[{"googleSearch":{}}]}"#,
            "tools[0].googleSearch",
        ),
        (
            r#"{"contents":"q","tools":[{"code_execution":{}}]}"#,
            "tools[0].code_execution",
        ),
        (
            r#"{"contents":"q","tools":[{"urlContext":{}}]}"#,
            "tools[0].urlContext",
        ),
        (
            r#"{"contents":"q","tools":[{"novel":{}}]}"#,
            "tools[0].novel",
        ),
        (
            r#"{"contents":[{"parts":[{"text":"a"},{"executableCode":{}}]}]}"#,
            "contents[0].parts[1].executableCode",
        ),
        (
            r#"{"contents":[{"parts":[{"novel":1}]}]}"#,
            "contents[0].parts[0].novel",
        ),
        (
            r#"{"contents":[{"role":"narrator","parts":[{"text":"a"}]}]}"#,
            "contents[0].role",
        ),
        (
            r#"{"contents":"q","generationConfig":{"novel":1}}"#,
            "generationConfig.novel",
        ),
        (
            r#"{"contents":"q","generationConfig":{"responseMimeType":"text/x.enum"}}"#,
            "generationConfig.responseMimeType",
        ),
        (r#"{"contents":"q","novel":1}"#, "novel"),
    ] {
        let refused = refused(body);
        assert_eq!(
            (&*refused.field, refused.is_malformed),
            (field, false),
            "{body}"
        );
    }
}

#[test]
fn what_the_api_itself_would_refuse_is_malformed_by_its_path() {
    for (body, field) in [
        ("", "body"),
        ("[]", "body"),
        (r#"{"contents":"q"} x"#, "body"),
        (r#"{"contents":"q""#, "body"),
        ("{}", "contents"),
        (r#"{"contents":[]}"#, "contents"),
        (r#"{"contents":7}"#, "contents"),
        (
            r#"{"contents":[{"parts":[{"text":7}]}]}"#,
            "contents[0].parts[0].text",
        ),
        (
            r#"{"contents":[{"parts":[{"functionCall":{"args":{}}}]}]}"#,
            "contents[0].parts[0].functionCall.name",
        ),
        (
            r#"{"contents":[{"parts":[{"functionCall":{"name":"f","args":"{}"}}]}]}"#,
            "contents[0].parts[0].functionCall.args",
        ),
        (
            r#"{"contents":[{"parts":[{"inlineData":{"data":"AA"}}]}]}"#,
            "contents[0].parts[0].inlineData.mimeType",
        ),
        (
            r#"{"contents":[{"parts":[{"text":"a","functionCall":{"name":"f"}}]}]}"#,
            "contents[0].parts[0]",
        ),
        (
            r#"{"contents":"q","generationConfig":{"temperature":"warm"}}"#,
            "generationConfig.temperature",
        ),
        (
            r#"{"contents":"q","generationConfig":{"stopSequences":"x"}}"#,
            "generationConfig.stopSequences",
        ),
        (r#"{"contents":"q","tools":"f"}"#, "tools"),
        (
            r#"{"contents":"q","tools":[{"functionDeclarations":[{}]}]}"#,
            "tools[0].functionDeclarations[0].name",
        ),
    ] {
        let refused = refused(body);
        assert_eq!(
            (&*refused.field, refused.is_malformed),
            (field, true),
            "{body}"
        );
    }
}

#[test]
fn media_are_read_by_their_place() {
    let body = r#"{"contents":[{"parts":[{"inlineData":{"mimeType":"audio/wav","data":"-_8="}},{"fileData":{"mimeType":"application/pdf","fileUri":"gs://b/f.pdf"}},{"fileData":{"mimeType":"video/mp4","fileUri":"https://youtu.be/x"}}]}]}"#;
    read(body, |request, _| {
        let media: Vec<_> = request.turns[0]
            .parts
            .iter()
            .map(|part| match part {
                Part::Media(media) => media,
                _ => panic!("media"),
            })
            .collect();
        assert!(matches!(&media[0].source, Source::Base64 { data, .. } if data == "+/8="));
        assert_eq!(media[0].kind, MediaKind::Audio);
        assert!(matches!(&media[1].source, Source::File(uri) if uri.is("gs://b/f.pdf")));
        assert!(matches!(&media[2].source, Source::Url { .. }));
        assert_eq!(media[2].kind, MediaKind::Video);
    })
    .unwrap();
}

#[test]
fn schemas_reach_other_dialects_as_json_schemas() {
    let body = r#"{"contents":"q","tools":[{"functionDeclarations":[{"name":"f","parameters":{"type":"OBJECT","properties":{"type":{"type":"STRING","nullable":true,"enum":["a"]},"n":{"type":"ARRAY","items":{"type":"INTEGER"},"minItems":"1"}},"required":["n"],"propertyOrdering":["n","type"]}}]}]}"#;
    read(body, |request, _| {
        assert_eq!(
            json(request.tools[0].parameters.unwrap()),
            serde_json::json!({"type": "object", "properties": {
                "type": {"type": ["string", "null"], "enum": ["a", null]},
                "n": {"type": "array", "items": {"type": "integer"}, "minItems": 1},
            }, "required": ["n"]})
        );
    })
    .unwrap();
}
