//! Demands of a request on its reply, as each dialect writes them.
//!
//! Read are only those that a reply can be judged by with certainty. Where the provider itself has
//! tools (search, code, pictures), their use is no call that a policy sees, so that neither an empty
//! reply nor a missing call is known from a good one.

use outrigger_sdk::{
    Dialect, Request,
    json::{self, Walk, decode},
};

use crate::fit::{Form, Judge, Why};

/// Returns what the request's replies are judged by, of these reasons.
pub(crate) fn judge(request: &Request, whys: &[Why]) -> Judge {
    let dialect = request.dialect();
    if !generates(dialect, &request.path()) || later(request) {
        return Judge::default();
    }
    let wanted = |why| whys.contains(&why);
    let plain = || says_text(request) && has_functions_alone(request);
    Judge {
        empty: wanted(Why::Empty) && plain(),
        refusal: wanted(Why::Refusal),
        form: Some(())
            .filter(|()| wanted(Why::Schema))
            .and_then(|()| form(request)),
        tool: wanted(Why::Tool) && forces_tool(request) && plain(),
    }
}

/// Reports whether replies at this path are what a model says: not counts of tokens, not batches.
fn generates(dialect: Dialect, path: &str) -> bool {
    let path = path.split(['?', '#']).next().unwrap_or_default();
    let path = path.trim_end_matches('/');
    let ends: &[&str] = match dialect {
        Dialect::OpenaiChat => &["/chat/completions"],
        Dialect::OpenaiResponses => &["/responses"],
        Dialect::AnthropicMessages => &["/messages", ":rawPredict", ":streamRawPredict"],
        Dialect::GeminiGenerate => &[":generateContent", ":streamGenerateContent"],
        Dialect::GeminiInteractions => &["/interactions"],
        _ => &[],
    };
    ends.iter().any(|end| path.ends_with(end))
}

/// Reports whether the reply is made after the answer.
fn later(request: &Request) -> bool {
    request.is_set("/background")
}

/// Reports whether nothing but text and tool calls is requested: no sound, no picture.
fn says_text(request: &Request) -> bool {
    let lists = [
        "/modalities",
        "/generationConfig/responseModalities",
        "/generation_config/response_modalities",
        "/response_modalities",
    ];
    lists.iter().all(|pointer| {
        let list: Option<Vec<String>> = request.parameter(pointer);
        list.is_none_or(|list| list.iter().all(|word| word.eq_ignore_ascii_case("text")))
    })
}

/// Places that bring tools, or their calls, which the request does not list.
const ELSEWHERE: [&str; 6] = [
    "/prompt",
    "/mcp_servers",
    "/container",
    "/cachedContent",
    "/cached_content",
    "/agent",
];

/// Reports whether all tools are functions of the app's.
fn has_functions_alone(request: &Request) -> bool {
    if ELSEWHERE.iter().any(|pointer| request.is_set(pointer)) {
        return false;
    }
    let Some(list) = request.parameter_json("/tools") else {
        return true;
    };
    if json::first(&list, 0) != b'[' {
        return false;
    }
    let mut walk = Walk::new(&list, &(0..list.len()));
    std::iter::from_fn(|| walk.element())
        .all(|tool| is_function(list.get(tool).unwrap_or_default()))
}

/// Reads one tool: OpenAI's and Anthropic's own are of other types than these, and Google's have no
/// type and are objects by their kind.
fn is_function(tool: &str) -> bool {
    let mut members = Walk::new(tool, &(0..tool.len()));
    let (mut named, mut others) = (false, false);
    while let Some((key, value)) = members.member() {
        match key {
            "type" => {
                let kind = tool.get(value).unwrap_or_default();
                return matches!(&*decode(kind), "function" | "custom");
            }
            "name" => named = true,
            "functionDeclarations" | "function_declarations" => {}
            _ => others = true,
        }
    }
    named || !others
}

fn form(request: &Request) -> Option<Form> {
    let kind = |pointer: &str| request.parameter::<String>(pointer);
    let schema = |pointers: &[&str]| {
        let mut found = pointers
            .iter()
            .filter_map(|pointer| request.parameter_json(pointer));
        found.find(|json| json.starts_with('{')).map(Form::Schema)
    };
    match request.dialect() {
        Dialect::OpenaiChat => match kind("/response_format/type")?.as_str() {
            "json_schema" => schema(&["/response_format/json_schema/schema"]).or(Some(Form::Json)),
            "json_object" => Some(Form::Json),
            _ => None,
        },
        Dialect::OpenaiResponses => match kind("/text/format/type")?.as_str() {
            "json_schema" => schema(&["/text/format/schema"]).or(Some(Form::Json)),
            "json_object" => Some(Form::Json),
            _ => None,
        },
        Dialect::AnthropicMessages => {
            schema(&["/output_config/format/schema", "/output_format/schema"])
        }
        Dialect::GeminiGenerate => {
            let kind = kind("/generationConfig/responseMimeType")?;
            let places = [
                "/generationConfig/responseJsonSchema",
                "/generationConfig/responseSchema",
            ];
            (kind == "application/json").then(|| schema(&places).unwrap_or(Form::Json))
        }
        Dialect::GeminiInteractions => {
            let kind = kind("/response_mime_type")?;
            (kind == "application/json").then_some(Form::Json)
        }
        _ => None,
    }
}

fn forces_tool(request: &Request) -> bool {
    let word = |pointer: &str| request.parameter::<String>(pointer).unwrap_or_default();
    match request.dialect() {
        Dialect::OpenaiChat | Dialect::OpenaiResponses => {
            word("/tool_choice") == "required"
                || matches!(word("/tool_choice/type").as_str(), "function" | "custom")
                || word("/tool_choice/allowed_tools/mode") == "required"
                || word("/tool_choice/mode") == "required"
        }
        Dialect::AnthropicMessages => matches!(word("/tool_choice/type").as_str(), "any" | "tool"),
        Dialect::GeminiGenerate => {
            word("/toolConfig/functionCallingConfig/mode").eq_ignore_ascii_case("any")
        }
        Dialect::GeminiInteractions => {
            word("/generation_config/tool_choice").eq_ignore_ascii_case("any")
        }
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    fn judged(dialect: Dialect, path: &str, body: Value) -> Judge {
        judge(
            &Request::from_json(dialect, body).with_path("POST", path),
            &Why::ALL,
        )
    }

    #[test]
    fn json_and_forced_tools_are_read_in_every_dialect() {
        use Dialect::{AnthropicMessages, GeminiGenerate, OpenaiChat, OpenaiResponses};
        let (chat, responses, messages) =
            ("/v1/chat/completions", "/v1/responses?x=1", "/v1/messages");
        let gemini = "/v1beta/models/auto:streamGenerateContent?alt=sse";
        let schema = || Some(Form::Schema(r#"{"type":"object"}"#.into()));
        let tool = json!([{ "type": "function", "function": { "name": "f" } }]);
        let named = json!([{ "name": "f", "input_schema": {} }]);
        let object = json!({ "type": "object" });
        for (dialect, path, body, form, tool) in [
            (OpenaiChat, chat, json!({}), None, false),
            (
                OpenaiChat,
                chat,
                json!({ "response_format": { "type": "text" } }),
                None,
                false,
            ),
            (
                OpenaiChat,
                chat,
                json!({ "response_format": { "type": "json_object" } }),
                Some(Form::Json),
                false,
            ),
            (
                OpenaiChat,
                chat,
                json!({ "response_format": { "type": "json_schema", "json_schema": { "schema": object } } }),
                schema(),
                false,
            ),
            (
                OpenaiChat,
                chat,
                json!({ "tools": tool, "tool_choice": "required" }),
                None,
                true,
            ),
            (
                OpenaiChat,
                chat,
                json!({ "tools": tool, "tool_choice": "auto" }),
                None,
                false,
            ),
            (
                OpenaiChat,
                chat,
                json!({ "tools": tool, "tool_choice": { "type": "function", "function": { "name": "f" } } }),
                None,
                true,
            ),
            (
                OpenaiChat,
                chat,
                json!({ "tool_choice": { "type": "allowed_tools", "allowed_tools": { "mode": "required" } } }),
                None,
                true,
            ),
            (
                OpenaiResponses,
                responses,
                json!({ "text": { "format": { "type": "json_schema", "schema": object } } }),
                schema(),
                false,
            ),
            (
                OpenaiResponses,
                responses,
                json!({ "tool_choice": { "type": "allowed_tools", "mode": "required" } }),
                None,
                true,
            ),
            (
                AnthropicMessages,
                messages,
                json!({ "output_config": { "format": { "type": "json_schema", "schema": object } } }),
                schema(),
                false,
            ),
            (
                AnthropicMessages,
                messages,
                json!({ "output_format": { "type": "json_schema", "schema": object } }),
                schema(),
                false,
            ),
            (
                AnthropicMessages,
                messages,
                json!({ "tools": named, "tool_choice": { "type": "any" } }),
                None,
                true,
            ),
            (
                AnthropicMessages,
                messages,
                json!({ "tools": named, "tool_choice": { "type": "auto" } }),
                None,
                false,
            ),
            (
                GeminiGenerate,
                gemini,
                json!({ "generationConfig": { "responseMimeType": "application/json", "responseSchema": object } }),
                schema(),
                false,
            ),
            (
                GeminiGenerate,
                gemini,
                json!({ "generationConfig": { "responseMimeType": "text/x.enum", "responseSchema": object } }),
                None,
                false,
            ),
            (
                GeminiGenerate,
                gemini,
                json!({ "tools": [{ "functionDeclarations": [] }], "toolConfig": { "functionCallingConfig": { "mode": "ANY" } } }),
                None,
                true,
            ),
        ] {
            let expected = Judge {
                empty: true,
                refusal: true,
                form,
                tool,
            };
            assert_eq!(judged(dialect, path, body.clone()), expected, "{body}");
        }
    }

    #[test]
    fn what_is_not_known_from_a_good_reply_is_not_judged() {
        let chat = "/v1/chat/completions";
        for body in [
            json!({ "modalities": ["text", "audio"] }),
            json!({ "tools": [{ "type": "web_search" }], "tool_choice": "required" }),
            json!({ "tools": [{ "type": "function", "name": "f" }, { "type": "image_generation" }] }),
            json!({ "tools": [{ "googleSearch": {} }] }),
            json!({ "prompt": { "id": "pmpt_1" } }),
        ] {
            let found = judged(Dialect::OpenaiChat, chat, body.clone());
            assert!(!found.empty && !found.tool && found.refusal, "{body}");
        }
        for (dialect, path, body) in [
            (
                Dialect::AnthropicMessages,
                "/v1/messages/count_tokens",
                json!({}),
            ),
            (Dialect::OpenaiResponses, "/v1/responses/compact", json!({})),
            (
                Dialect::OpenaiResponses,
                "/v1/responses",
                json!({ "background": true }),
            ),
            (Dialect::OpenaiEmbeddings, "/v1/embeddings", json!({})),
        ] {
            assert!(!judged(dialect, path, body).is_needed(), "{path}");
        }
    }

    #[test]
    fn only_the_reasons_that_are_wanted_are_judged() {
        let body =
            json!({ "response_format": { "type": "json_object" }, "tool_choice": "required" });
        let request = Request::from_json(Dialect::OpenaiChat, body);
        assert!(!judge(&request, &[]).is_needed());
        let only = Judge {
            tool: true,
            ..Judge::default()
        };
        assert_eq!(judge(&request, &[Why::Tool]), only);
    }
}
