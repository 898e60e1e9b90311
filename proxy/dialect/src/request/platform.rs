//! Bodies as platforms want them that serve another designer's models: Claude on Vertex AI and on
//! Bedrock.
//!
//! They take `anthropic.messages` with a few members of their own. What they want elsewhere is cut
//! out, what they want besides is put in front, and every other byte stays.
//!
//! | platform | `anthropic_version` | `model` | `stream` | betas | cut out |
//! |---|---|---|---|---|---|
//! | Vertex | `vertex-2023-10-16` | in the path, but where tokens are counted | stays | in a header | `output_format`, `scope` of `cache_control` |
//! | Bedrock | `bedrock-2023-05-31` | in the path | in the path | `anthropic_beta` | |
//!
//! Sources: <https://docs.cloud.google.com/vertex-ai/generative-ai/docs/partner-models/claude/use-claude>,
//! <https://docs.aws.amazon.com/bedrock/latest/userguide/model-parameters-anthropic-claude-messages.html>.

use bytes::Bytes;

use super::{
    Body,
    signatures::{Cuts, Read},
};
use crate::{
    Kind, Malformed,
    json::{self, outlined::Cursor},
    splice::{self, Splice},
};

/// A platform that takes Anthropic's bodies with members of its own.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Platform {
    /// Claude on Vertex AI: `rawPredict`, `streamRawPredict`.
    VertexClaude,
    /// Claude on Bedrock: `InvokeModel`, `InvokeModelWithResponseStream`.
    BedrockClaude,
}

impl Platform {
    const fn version(self) -> &'static str {
        match self {
            Self::VertexClaude => "vertex-2023-10-16",
            Self::BedrockClaude => "bedrock-2023-05-31",
        }
    }

    /// Returns whether a member of the body is not taken.
    fn refuses(self, name: &str, kind: Kind) -> bool {
        match (self, name) {
            // the path of a count has no model in it
            (Self::VertexClaude, "model") => kind != Kind::Count,
            (Self::VertexClaude, "output_format") | (Self::BedrockClaude, "model" | "stream") => {
                true
            }
            (Self::VertexClaude | Self::BedrockClaude, _) => false,
        }
    }

    /// Returns whether betas are named in the body, and not in a header.
    const fn takes_betas_in_body(self) -> bool {
        matches!(self, Self::BedrockClaude)
    }

    /// Returns whether the scope of a cache mark is not taken.
    const fn refuses_cache_scope(self) -> bool {
        matches!(self, Self::VertexClaude)
    }
}

impl Body {
    /// The body as [`Self::render`] gives it, with what a platform wants of its own. `betas` are the
    /// names in the request's `anthropic-beta` headers. Members of the app's own that have the names
    /// of those that are added stay as they are, and nothing is added beside them.
    ///
    /// # Errors
    /// The body is no JSON object, or malformed.
    pub fn render_for(&self, platform: Platform, betas: &[&str]) -> Result<Bytes, Malformed> {
        let bytes = self.render();
        let mut splices = splices(platform, self.kind(), betas, &bytes)?;
        Ok(splice::apply(&bytes, 0..bytes.len(), &mut splices).into())
    }
}

fn splices(platform: Platform, kind: Kind, betas: &[&str], bytes: &[u8]) -> Read<Vec<Splice>> {
    let mut cursor = Cursor::new(bytes);
    cursor.kind()?;
    let start = cursor.at() + 1;
    let (mut members, mut scopes) = (Cuts::default(), Vec::new());
    let (mut has_version, mut has_betas, mut count, mut cut) = (false, false, 0, 0);
    cursor.object(|key, value| {
        count += 1;
        has_version |= key.is("anthropic_version");
        has_betas |= key.is("anthropic_beta");
        members.member(&key, value, |value| {
            let name = key.decode();
            let is_refused = platform.refuses(&name, kind);
            cut += usize::from(is_refused);
            if !is_refused && platform.refuses_cache_scope() {
                match &*name {
                    "cache_control" => cut_scope(value, &mut scopes)?,
                    "system" | "messages" | "tools" => blocks(value, &mut scopes, 0)?,
                    _ => {}
                }
            }
            Ok(is_refused)
        })
    })?;
    cursor.end()?;
    let mut added = Vec::new();
    if !has_version {
        added.extend_from_slice(b"\"anthropic_version\":");
        json::quote(platform.version(), &mut added);
        added.push(b',');
    }
    if platform.takes_betas_in_body() && !has_betas && !betas.is_empty() {
        added.extend_from_slice(b"\"anthropic_beta\":[");
        for (at, beta) in betas.iter().enumerate() {
            if at > 0 {
                added.push(b',');
            }
            json::quote(beta, &mut added);
        }
        added.extend_from_slice(b"],");
    }
    if count == cut {
        added.pop(); // no member follows
    }
    let mut splices = members.finish().splices;
    splices.extend(scopes);
    if !added.is_empty() {
        splices.push(Splice {
            range: start..start,
            with: added,
        });
    }
    Ok(splices)
}

/// Lists stand in messages, and in the results of tools that stand there.
const DEEPEST: usize = 6;

/// Looks for cache marks in a list of blocks, messages or tools, and in what stands in these. A
/// tool's input is the app's, whatever is in it.
fn blocks(value: &mut Cursor<'_>, scopes: &mut Vec<Splice>, depth: usize) -> Read {
    if depth == DEEPEST {
        return Ok(());
    }
    value.array_or_skip(|_, block| {
        block.object_or_skip(|key, value| {
            if key.is("cache_control") {
                cut_scope(value, scopes)
            } else if key.is("content") {
                blocks(value, scopes, depth + 1)
            } else {
                Ok(())
            }
        })
    })
}

/// Cuts the member `scope` out of a cache mark.
fn cut_scope(value: &mut Cursor<'_>, scopes: &mut Vec<Splice>) -> Read {
    let mut members = Cuts::default();
    value.object_or_skip(|key, value| members.member(&key, value, |_| Ok(key.is("scope"))))?;
    scopes.extend(members.finish().splices);
    Ok(())
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "tests")]
mod tests {
    use serde_json::{Value, json};

    use super::*;
    use crate::Dialect;

    fn rendered(platform: Platform, betas: &[&str], path: &str, body: &str) -> String {
        let body = Bytes::copy_from_slice(body.as_bytes());
        let body = Body::wire(Dialect::AnthropicMessages, body).at(path);
        let bytes = body.render_for(platform, betas).unwrap();
        String::from_utf8(bytes.to_vec()).unwrap()
    }

    #[test]
    fn each_platform_has_its_version_in_front_and_the_model_in_its_path() {
        const VERTEX: Platform = Platform::VertexClaude;
        const BEDROCK: Platform = Platform::BedrockClaude;
        let plain = r#"{"model":"m","max_tokens":1.0e2, "stream":true,"messages":[]}"#;
        for (platform, betas, body, expected) in [
            (
                VERTEX,
                &["a"][..],
                plain,
                r#"{"anthropic_version":"vertex-2023-10-16","max_tokens":1.0e2, "stream":true,"messages":[]}"#,
            ),
            (
                BEDROCK,
                &["a", "b\""],
                plain,
                r#"{"anthropic_version":"bedrock-2023-05-31","anthropic_beta":["a","b\""],"max_tokens":1.0e2,"messages":[]}"#,
            ),
            (
                BEDROCK,
                &["a"],
                r#"{"anthropic_version":"x","messages":[],"anthropic_beta":[],"stream":false}"#,
                r#"{"anthropic_version":"x","messages":[],"anthropic_beta":[]}"#,
            ),
            (
                BEDROCK,
                &[],
                r#" { "model": "m", "stream": false } "#,
                r#" {"anthropic_version":"bedrock-2023-05-31"  } "#,
            ),
            (
                VERTEX,
                &[],
                "{}",
                r#"{"anthropic_version":"vertex-2023-10-16"}"#,
            ),
            (
                VERTEX,
                &[],
                r#"{"messages":[],"output_format":{"type":"json_schema"},"output_config":{},"model":"m"}"#,
                r#"{"anthropic_version":"vertex-2023-10-16","messages":[],"output_config":{}}"#,
            ),
        ] {
            let bytes = rendered(platform, betas, "/v1/messages", body);
            assert_eq!(bytes, expected, "{body}");
            serde_json::from_str::<Value>(&bytes).unwrap();
        }
    }

    #[test]
    fn a_count_on_vertex_names_its_model_in_the_body() {
        let path = "/v1/messages/count_tokens";
        let body = r#"{"model":"m","messages":[]}"#;
        let bytes = rendered(Platform::VertexClaude, &[], path, body);
        let expected = r#"{"anthropic_version":"vertex-2023-10-16","model":"m","messages":[]}"#;
        assert_eq!(bytes, expected);
    }

    #[test]
    fn the_scope_of_a_cache_mark_goes_and_what_is_the_apps_stays() {
        let mark = json!({"type": "ephemeral", "scope": "global", "ttl": "1h"});
        let without = json!({"type": "ephemeral", "ttl": "1h"});
        let with = |mark: &Value| {
            let block = json!({"type": "text", "text": "cache_control", "cache_control": mark});
            let result = json!({"type": "tool_result", "content": [block], "cache_control": mark});
            json!({
                "anthropic_version": "v",
                "cache_control": mark,
                "system": [block],
                "tools": [{"name": "t", "input_schema": {"scope": {"scope": 1}}, "cache_control": mark}],
                "messages": [
                    {"role": "assistant", "content": [{"type": "tool_use", "input": {"cache_control": {"scope": 1}}}]},
                    {"role": "user", "content": [result, {"type": "text", "cache_control": {"scope": "x"}}]},
                    {"role": "user", "content": "plain"},
                ],
            })
        };
        let bytes = rendered(
            Platform::VertexClaude,
            &[],
            "/v1/messages",
            &with(&mark).to_string(),
        );
        let mut expected = with(&without);
        expected["messages"][1]["content"][1]["cache_control"] = json!({});
        assert_eq!(serde_json::from_str::<Value>(&bytes).unwrap(), expected);

        let body = with(&mark).to_string();
        assert_eq!(
            rendered(Platform::BedrockClaude, &[], "/v1/messages", &body),
            body
        );
    }

    #[test]
    fn edits_of_policies_are_in_it_and_a_broken_body_is_refused() {
        let bytes =
            Bytes::from_static(br#"{"model":"m","messages":[{"role":"user","content":"a"}]}"#);
        let mut body = Body::wire(Dialect::AnthropicMessages, bytes);
        body.index().unwrap();
        body.set_passage(0, "b".into()).unwrap();
        let rendered = body.render_for(Platform::BedrockClaude, &[]).unwrap();
        let expected = r#"{"anthropic_version":"bedrock-2023-05-31","messages":[{"role":"user","content":"b"}]}"#;
        assert_eq!(rendered, expected.as_bytes());
        assert_eq!(body.model(), Some("m"), "the body itself is as it was");

        for broken in ["", "[]", r#"{"model":"m""#, r#"{"a":1} x"#] {
            let body = Body::wire(Dialect::AnthropicMessages, broken.into());
            assert!(
                body.render_for(Platform::VertexClaude, &[]).is_err(),
                "{broken}"
            );
        }
    }
}
