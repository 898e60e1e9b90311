//! The particulars of interactions: who speaks, and what is no text.

use super::*;

const INTERACTIONS: Dialect = Dialect::GeminiInteractions;

fn shown(json: &str) -> (Body, Vec<(Place, u32, String)>) {
    let body = indexed(INTERACTIONS, json);
    let found = all(&body);
    (body, found)
}

#[test]
fn an_interaction_shows_every_passage_in_its_place() {
    let (body, found) = shown(
        r#"{"model":"g","system_instruction":"be kind","input":[
          {"type":"user_input","content":[{"type":"text","text":"a\u0040b"},{"data":"AAAA","type":"image","mime_type":"image/png"},
             {"type":"document","uri":"https://x.test/d","mime_type":"application/pdf"},{"type":"audio","data":"zz"},{"type":"video","data":"vv"}]},
          {"type":"thought","summary":[{"type":"text","text":"hm"}],"signature":"c2ln"},
          {"content":[{"type":"text","text":"said","annotations":[{"type":"url_citation","title":"page"}]}],"type":"model_output"},
          {"type":"function_call","id":"1","name":"f","arguments":{"q":"x","n":1}},
          {"type":"function_result","call_id":"1","name":"f","result":"42"},
          {"type":"function_result","call_id":"1","result":[{"type":"text","text":"parts"},{"type":"image","data":"AAAA","mime_type":"image/png"}]},
          {"type":"url_context_result","call_id":"2","result":[{"url":"https://x.test/","status":"success"}]},
          {"role":"model","content":"older"},{"role":"user","content":[{"type":"text","text":"turn"}]},
          {"type":"text","text":"bare"},{"mystery":"?"}],
        "tools":[{"type":"function","name":"f","description":"does f","parameters":{"properties":{"q":{"description":"deep"}}}},
                 {"type":"google_search"},{"type":"mcp_server","name":"m","url":"https://m.test"}],
        "generation_config":{"max_output_tokens":9,"thinking_level":"low"},"response_format":{"type":"text","schema":{"description":"shape"}},
        "labels":{"team":"a"},"background":true,"stream":true,"previous_interaction_id":"v1_6"}"#,
    );
    let no = NO_MESSAGE;
    let found: Vec<_> = found.iter().map(|(p, m, t)| (*p, *m, t.as_str())).collect();
    assert_eq!(
        found,
        [
            (System, no, "be kind"),
            (User, 0, "a@b"),
            (Other, 0, "https://x.test/d"),
            (Reasoning, 1, "hm"),
            (Assistant, 2, "said"),
            (Assistant, 2, "page"),
            (ToolArguments, 3, r#"{"q":"x","n":1}"#),
            (ToolResult, 4, "42"),
            (ToolResult, 5, "parts"),
            (ToolResult, 6, "https://x.test/"),
            (Assistant, 7, "older"),
            (User, 8, "turn"),
            (User, 9, "bare"),
            (Other, 10, "mystery"),
            (Other, 10, "?"),
            (ToolDefinition, no, "does f"),
            (ToolDefinition, no, "deep"),
            (ToolDefinition, no, "https://m.test"),
            (ToolDefinition, no, "shape"),
            (Metadata, no, r#"{"team":"a"}"#),
        ]
    );
    assert_eq!((body.messages(), body.images(), body.tools()), (11, 2, 3));
    assert_eq!(body.max_output_tokens(), Some(9));
    assert!(body.streaming() && body.background());
    let labels: Vec<_> = body.unseen().iter().map(|(label, _)| *label).collect();
    assert_eq!(labels, ["image", "file", "audio", "signed_reasoning"]);
}

#[test]
fn an_input_is_a_string_a_content_or_a_list() {
    for (input, texts) in [
        (r#""a""#, vec!["a"]),
        (r#"{"type":"text","text":"a"}"#, vec!["a"]),
        (r#"["a",{"text":"b","type":"text"}]"#, vec!["a", "b"]),
    ] {
        let (body, found) = shown(&format!(r#"{{"agent":"deep-research","input":{input}}}"#));
        assert!(found.iter().all(|(place, ..)| *place == User), "{found:?}");
        let found: Vec<_> = found.iter().map(|(.., text)| text.as_str()).collect();
        assert_eq!(found, texts);
        assert_eq!(
            (body.model(), body.messages() as usize),
            (None, texts.len())
        );
    }
}

#[test]
fn an_agents_own_material_is_shown() {
    let (_, found) = shown(
        r#"{"input":"a","agent":"code-mender","agent_config":{"type":"code-mender","find_request":{"source_files":[{"path":"a b.c","content":"int main"}]}},
        "environment":{"type":"remote","sources":[{"type":"inline","content":"secret words"}]}}"#,
    );
    for text in ["a b.c", "int main", "secret words"] {
        assert!(
            found.iter().any(|(.., found)| found.contains(text)),
            "{text}"
        );
    }
}
