//! The particulars of Gemini's requests: places, spellings, and what stands in the path.

use super::*;

const GEMINI: Dialect = Dialect::GeminiGenerate;

fn gemini(json: &str) -> Body {
    indexed(GEMINI, json)
}

#[test]
fn a_gemini_request_shows_every_passage_in_its_place() {
    let body = gemini(
        r#"{"systemInstruction":{"role":"user","parts":[{"text":"be kind"}]},
        "contents":[
          {"role":"user","parts":[{"text":"a\u0040b"},{"inlineData":{"data":"AAAA","mimeType":"image/png"}},
             {"fileData":{"fileUri":"gs://x","mimeType":"application/pdf"}},{"inline_data":{"mime_type":"audio/wav","data":"zz"}}]},
          {"role":"model","parts":[{"text":"hm","thought":true},{"thought":false,"text":"said","thoughtSignature":"c2ln"},
             {"functionCall":{"name":"f","args":{"q":"x","n":1,"l":["y"]}}}]},
          {"role":"user","parts":[{"functionResponse":{"name":"f","response":{"r":"42"},"parts":[{"text":"more"}]}}]},
          {"role":"function","parts":[{"text":"old style"}]},
          {"role":"model","parts":[{"executableCode":{"language":"PYTHON","code":"print(1)"}},
             {"codeExecutionResult":{"outcome":"OUTCOME_OK","output":"1"}}]},
          {"parts":[{"mystery":"?"}]}],
        "tools":[{"functionDeclarations":[{"name":"f","description":"does f","parameters":{"properties":{"q":{"description":"deep"}}}},{"name":"g"}]},
                 {"googleSearch":{}}],
        "generationConfig":{"responseSchema":{"description":"shape"},"maxOutputTokens":9},
        "labels":{"team":"a"}}"#,
    );
    let no = NO_MESSAGE;
    let found = all(&body);
    let found: Vec<_> = found.iter().map(|(p, m, t)| (*p, *m, t.as_str())).collect();
    assert_eq!(
        found,
        [
            (System, no, "be kind"),
            (User, 0, "a@b"),
            (Other, 0, "gs://x"),
            (Reasoning, 1, "hm"),
            (Assistant, 1, "said"),
            (ToolArguments, 1, r#"{"q":"x","n":1,"l":["y"]}"#),
            (ToolResult, 2, r#"{"r":"42"}"#),
            (ToolResult, 2, "more"),
            (ToolResult, 3, "old style"),
            (ToolArguments, 4, "print(1)"),
            (ToolResult, 4, "1"),
            (Other, 5, "mystery"),
            (Other, 5, "?"),
            (ToolDefinition, no, "does f"),
            (ToolDefinition, no, "deep"),
            (ToolDefinition, no, "shape"),
            (Metadata, no, r#"{"team":"a"}"#),
        ]
    );
    assert_eq!((body.messages(), body.images(), body.tools()), (6, 1, 3));
    assert_eq!(body.max_output_tokens(), Some(9));
    let labels: Vec<_> = body.unseen().iter().map(|(label, _)| *label).collect();
    assert_eq!(labels, ["image", "file", "audio", "signed_reasoning"]);
}

#[test]
fn both_spellings_of_a_key_are_read_and_both_at_once_are_refused() {
    let body = gemini(
        r#"{"contents":{"parts":[{"function_call":{"args":{"a":"x"}}}]},"system_instruction":{"parts":{"text":"s"}},
        "tools":[{"function_declarations":[{"description":"d"}]}],"generation_config":{"max_output_tokens":7}}"#,
    );
    let texts: Vec<_> = all(&body).into_iter().map(|(p, _, t)| (p, t)).collect();
    assert_eq!(
        texts,
        [
            (ToolArguments, r#"{"a":"x"}"#.to_owned()),
            (System, "s".to_owned()),
            (ToolDefinition, "d".to_owned())
        ]
    );
    assert_eq!((body.messages(), body.max_output_tokens()), (1, Some(7)));
    for twice in [
        r#"{"contents":[],"systemInstruction":{},"system_instruction":{}}"#,
        r#"{"contents":[],"contents":[]}"#,
        r#"{"contents":[{"parts":[{"functionCall":{},"function_call":{}}]}]}"#,
        r#"{"contents":[],"generationConfig":{"maxOutputTokens":1,"max_output_tokens":2}}"#,
        r#"{"contents":[],"generateContentRequest":{"contents":[]}}"#,
        r#"{"generationConfig":{}}"#,
        r#"[]"#,
    ] {
        assert!(wire(GEMINI, twice).index().is_err(), "{twice}");
    }
}

#[test]
fn a_count_of_tokens_shows_the_request_that_it_counts() {
    let body = gemini(
        r#"{"generateContentRequest":{"model":"models/m","contents":[{"parts":[{"text":"a"}]}],"systemInstruction":{"parts":[{"text":"b"}]}}}"#,
    );
    let texts: Vec<_> = all(&body).into_iter().map(|(p, _, t)| (p, t)).collect();
    assert_eq!(texts, [(User, "a".to_owned()), (System, "b".to_owned())]);
    assert_eq!(body.messages(), 1);
}

#[test]
fn model_and_streaming_come_from_the_path_and_the_model_goes_back_there() {
    let json = r#"{"contents":[],"model":"other","stream":true}"#;
    let path = "/v1beta/models/fast:streamGenerateContent?alt=sse&key=k";
    let mut body = Body::wire(GEMINI, json.into()).at(path);
    assert_eq!((body.model(), body.streaming()), (Some("fast"), true));
    assert!(!body.listed() && !body.ambiguous());
    assert_eq!(body.path(path), path);
    let mark = body.mark();
    assert!(body.set_model("fast") && body.unchanged_since(&mark));
    assert!(body.set_model("gemini/pro"));
    assert!(!body.unchanged_since(&mark) && !body.edited());
    assert_eq!(
        body.path(path),
        "/v1beta/models/gemini/pro:streamGenerateContent?alt=sse&key=k"
    );
    assert_eq!(rendered(&body), json, "the body says nothing of it");
    // what is edited besides does not bring the old one back
    body.set_parameter("/generationConfig", "{}").unwrap();
    body.replace(r#"{"contents":[]}"#.into()).unwrap();
    assert_eq!((body.model(), body.streaming()), (Some("gemini/pro"), true));
    assert!(!body.set_model("../files"), "that is no model");
    assert_eq!(body.model(), Some("gemini/pro"));
    body.roll_back(mark);
    assert_eq!((body.model(), &*body.path(path)), (Some("fast"), path));

    let listed = Body::wire(GEMINI, json.into()).at("/models/m:streamGenerateContent");
    assert!(!listed.streaming() && listed.listed());
    let mut nowhere = Body::wire(GEMINI, json.into());
    assert!(!nowhere.set_model("m") && nowhere.model().is_none());
}

#[test]
fn a_limit_goes_where_the_caller_has_its_configuration() {
    for (before, after) in [
        (
            r#"{"contents":[]}"#,
            r#"{"generationConfig":{"maxOutputTokens":5},"contents":[]}"#,
        ),
        (
            r#"{"generationConfig":null}"#,
            r#"{"generationConfig":{"maxOutputTokens":5}}"#,
        ),
        (
            r#"{"generationConfig":{"topK":1}}"#,
            r#"{"generationConfig":{"maxOutputTokens":5,"topK":1}}"#,
        ),
        (
            r#"{"generation_config":{}}"#,
            r#"{"generation_config":{"maxOutputTokens":5}}"#,
        ),
        (
            r#"{"generation_config":{"max_output_tokens":9}}"#,
            r#"{"generation_config":{"max_output_tokens":5}}"#,
        ),
        (
            r#"{"generationConfig":{"max_output_tokens":null}}"#,
            r#"{"generationConfig":{"max_output_tokens":5}}"#,
        ),
    ] {
        let mut body = wire(GEMINI, before);
        assert!(body.set_max_output_tokens(5));
        assert_eq!(rendered(&body), after);
        assert_eq!(body.max_output_tokens(), Some(5));
    }
    assert!(!wire(GEMINI, "[]").set_max_output_tokens(5));
}
