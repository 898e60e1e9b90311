//! Requests that count a prompt's tokens, and their replies:
//! `/v1/messages/count_tokens` (<https://docs.claude.com/en/api/messages-count-tokens>),
//! `/v1/responses/input_tokens`
//! (<https://platform.openai.com/docs/api-reference/responses/input-tokens>) and Gemini's
//! `:countTokens` (<https://ai.google.dev/api/tokens>).
//!
//! A count goes through the form that any request does, so the same is refused. Chat Completions
//! and Converse count nothing here: their callers are given an estimate.

use super::{
    Dropped, Refused, Target, Wire, Written, form::Request, gemini::model_path, json::Json,
};
use crate::{Dialect, Malformed, json::outlined::Cursor};

/// The members of a count of messages; the API refuses others.
const MESSAGES: &[&str] = &[
    "model",
    "messages",
    "system",
    "tools",
    "tool_choice",
    "thinking",
    "output_config",
    "output_format",
];
/// The members of a count of a response's input.
const RESPONSES: &[&str] = &[
    "model",
    "input",
    "instructions",
    "tools",
    "tool_choice",
    "parallel_tool_calls",
    "reasoning",
    "text",
    "truncation",
];
/// The members of a count at Vertex AI.
const VERTEX: &[&str] = &["contents", "systemInstruction", "tools", "generationConfig"];

/// Translates a request that counts tokens.
///
/// # Errors
/// As [`super::request`]; or the target counts none.
pub fn request(
    caller: Dialect,
    body: &[u8],
    target: &Target<'_>,
) -> Result<(Written, Dropped), Refused> {
    let untranslated = || Refused::new(caller.name(), "is not translated to other dialects");
    let from = Wire::of(caller).ok_or_else(untranslated)?;
    let read = from.format().read_request.ok_or_else(untranslated)?;
    let mut dropped = Dropped::default();
    let body = from.with_json_schemas(body);
    let mut form = read(&body, &mut dropped)?;
    forget_output(&mut form);
    let written = (target.wire.format().write_request)(&form, target, &mut dropped)?;
    let counted = match target.wire {
        Wire::Messages => Written {
            path: "/v1/messages/count_tokens".to_owned(),
            body: only(MESSAGES, &written.body),
        },
        Wire::Responses => Written {
            path: "/v1/responses/input_tokens".to_owned(),
            body: only(RESPONSES, &written.body),
        },
        Wire::Gemini => Written {
            path: format!("{}:countTokens", model_path(target.model)),
            body: match target.quirks.vertex {
                true => only(VERTEX, &written.body),
                false => of_request(target.model, &written.body),
            },
        },
        Wire::Chat | Wire::Converse => {
            return Err(Refused::new(
                "count_tokens",
                "is nothing that the target has",
            ));
        }
    };
    Ok((counted, dropped))
}

/// Forgets what changes no prompt.
fn forget_output(form: &mut Request<'_>) {
    form.stream = false;
    form.max_output = None;
    form.temperature = None;
    form.top_p = None;
    form.top_k = None;
    form.stop.clear();
    form.user = None;
}

/// The object with these members only.
fn only(names: &[&str], body: &[u8]) -> Vec<u8> {
    let mut out = Json::with_capacity(body.len());
    out.object(|out| members(body, |name| names.contains(&name), out));
    out.0
}

/// The request as a member of a count, with its model's name in it.
fn of_request(model: &str, body: &[u8]) -> Vec<u8> {
    let mut out = Json::with_capacity(body.len() + 64);
    out.object(|out| {
        out.key("generateContentRequest").object(|out| {
            let path = model_path(model);
            out.key("model")
                .str(path.strip_prefix("/v1beta/").unwrap_or(&path));
            members(body, |_| true, out);
        });
    });
    out.0
}

/// Copies the members of a document that a writer made.
fn members(body: &[u8], keep: impl Fn(&str) -> bool, out: &mut Json) {
    // it is well-formed: a writer's
    let _ = Cursor::new(body).object(|key, cursor| {
        let (name, value) = (key.decode(), cursor.skip()?);
        if keep(&name) {
            out.key(&name).source(body.get(value).unwrap_or_default());
        }
        Ok(())
    });
}

/// Translates the reply to a count into the caller's.
///
/// # Errors
/// It has no number.
pub fn reply(caller: Dialect, doc: &[u8]) -> Result<Vec<u8>, Malformed> {
    let mut tokens = None;
    let mut cursor = Cursor::new(doc);
    cursor.object(|key, cursor| {
        if key.is("input_tokens") || key.is("totalTokens") {
            tokens = cursor.count()?.or(tokens);
        }
        Ok(())
    })?;
    cursor.end()?;
    tokens
        .and_then(|tokens| of_tokens(caller, tokens))
        .ok_or(Malformed::new("a count has no number", 0))
}

/// The reply to a count, of a number that was counted elsewhere or estimated. `None` where the
/// caller's dialect counts none.
pub fn of_tokens(caller: Dialect, tokens: u64) -> Option<Vec<u8>> {
    let wire = Wire::of(caller)?;
    let mut out = Json::default();
    match wire {
        Wire::Messages => out.object(|out| {
            out.key("input_tokens").number(tokens);
        }),
        Wire::Responses => out.object(|out| {
            out.key("object").str("response.input_tokens");
            out.key("input_tokens").number(tokens);
        }),
        Wire::Gemini => out.object(|out| {
            out.key("totalTokens").number(tokens);
        }),
        Wire::Chat | Wire::Converse => return None,
    };
    Some(out.0)
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "tests")]
mod tests {
    use super::*;
    use crate::translate::{Quirks, opaque::Origin, takes::ModelTakes};

    const CALLERS: [Dialect; 3] = [
        Dialect::AnthropicMessages,
        Dialect::OpenaiResponses,
        Dialect::GeminiGenerate,
    ];

    #[test]
    fn a_count_for_gemini_holds_the_whole_request_and_its_model() {
        let takes = ModelTakes::default();
        let mut target = Target {
            wire: Wire::Gemini,
            model: "gemini-2.5-flash",
            origin: Origin(1),
            strict: false,
            takes: &takes,
            quirks: &Quirks::NONE,
        };
        let body =
            br#"{"contents":[{"parts":[{"text":"q"}]}],"generationConfig":{"temperature":1}}"#;
        let (written, dropped) = request(Dialect::GeminiGenerate, body, &target).unwrap();
        assert_eq!(written.path, "/v1beta/models/gemini-2.5-flash:countTokens");
        assert_eq!(
            String::from_utf8_lossy(&written.body),
            r#"{"generateContentRequest":{"model":"models/gemini-2.5-flash","contents":[{"role":"user","parts":[{"text":"q"}]}]}}"#
        );
        assert!(dropped.is_empty());

        let vertex = Quirks {
            vertex: true,
            ..Quirks::NONE
        };
        target.quirks = &vertex;
        let (written, _) = request(Dialect::GeminiGenerate, body, &target).unwrap();
        assert_eq!(
            String::from_utf8_lossy(&written.body),
            r#"{"contents":[{"role":"user","parts":[{"text":"q"}]}]}"#
        );
        target.wire = Wire::Chat;
        assert!(request(Dialect::GeminiGenerate, body, &target).is_err());
    }

    #[test]
    fn every_count_is_translated_into_every_other() {
        let takes = ModelTakes::default();
        let bodies = [
            r#"{"model":"a","system":"s","messages":[{"role":"user","content":"q"}]}"#,
            r#"{"model":"a","instructions":"s","input":"q"}"#,
            r#"{"systemInstruction":{"parts":[{"text":"s"}]},"contents":[{"parts":[{"text":"q"}]}]}"#,
        ];
        for (wire, path, names) in [
            (Wire::Messages, "/v1/messages/count_tokens", MESSAGES),
            (Wire::Responses, "/v1/responses/input_tokens", RESPONSES),
            (
                Wire::Gemini,
                "/v1beta/models/m:countTokens",
                &["generateContentRequest"],
            ),
        ] {
            for (caller, body) in CALLERS.into_iter().zip(bodies) {
                let target = Target {
                    wire,
                    model: "m",
                    origin: Origin(1),
                    strict: true,
                    takes: &takes,
                    quirks: &Quirks::NONE,
                };
                let (written, dropped) = request(caller, body.as_bytes(), &target).unwrap();
                assert_eq!(written.path, path);
                assert!(dropped.is_empty(), "{caller:?} to {wire:?}: {dropped:?}");
                let document: serde_json::Value = serde_json::from_slice(&written.body).unwrap();
                let members = document.as_object().unwrap();
                assert!(
                    members.keys().all(|name| names.contains(&&**name)),
                    "{members:?}"
                );
                let text = document.to_string();
                assert!(text.contains(r#""s""#) && text.contains(r#""q""#), "{text}");
            }
        }
    }

    #[test]
    fn what_a_count_has_no_place_for_is_left_out() {
        let body = br#"{"model":"m","max_tokens":5,"messages":[{"role":"user","content":"q"}],"stream":false}"#;
        assert_eq!(
            String::from_utf8_lossy(&only(MESSAGES, body)),
            r#"{"model":"m","messages":[{"role":"user","content":"q"}]}"#
        );
    }

    #[test]
    fn every_count_is_written_in_the_callers_form() {
        let replies = [
            r#"{"input_tokens":14}"#,
            r#"{"object":"response.input_tokens","input_tokens":14}"#,
            r#"{"totalTokens":14}"#,
        ];
        for (caller, expected) in CALLERS.into_iter().zip(replies) {
            for doc in replies {
                let reply = reply(caller, doc.as_bytes()).unwrap();
                assert_eq!(String::from_utf8_lossy(&reply), expected);
            }
        }
        assert!(of_tokens(Dialect::OpenaiChat, 1).is_none());
        for doc in [
            "",
            "{}",
            "[]",
            r#"{"totalTokens":"many"}"#,
            r#"{"totalTokens":1} x"#,
        ] {
            assert!(
                reply(Dialect::GeminiGenerate, doc.as_bytes()).is_err(),
                "{doc}"
            );
        }
    }
}
