//! Calls that may be made twice at once, or elsewhere beside: those that leave nothing behind at a
//! provider, need nothing that lies there, and have it run no tool.
//!
//! Nearly every call is made only once, so this is found out only where somebody wants it: one pass
//! over the names of the members, and into the tools.

use super::Body;
use crate::{
    Dialect, Kind as Work, Malformed,
    json::{Cursor, Kind},
};

/// Members with which a call reads or writes what a provider keeps, unless they are null or false.
const STATE: [&str; 10] = [
    "previous_response_id",
    "previous_interaction_id",
    "agent",
    "conversation",
    "background",
    "container",
    "mcp_servers",
    "cachedContent",
    "cached_content",
    "web_search_options",
];
/// The types of tools that apps run, or the beginnings of their dated names.
const APPS: [&str; 8] = [
    "function",
    "custom",
    "bash_",
    "text_editor_",
    "computer_",
    "memory_",
    "local_shell",
    "apply_patch",
];
/// The members of a Gemini tool that declare what the app runs.
const DECLARATIONS: [&str; 2] = ["functionDeclarations", "function_declarations"];
/// Members that refer to files that a provider keeps, wherever they stand.
const FILES: [&[u8]; 3] = [b"file_id\"", b"fileUri\"", b"file_uri\""];
/// Those of an interaction.
const URI: &[u8] = b"uri\"";

impl Body {
    /// Reports whether the call may be made a second time while it is under way, or be copied
    /// elsewhere: it has the provider keep nothing, and needs nothing that is kept there (an earlier
    /// response, a file, a cache), and names no tool that the provider runs. A body that is no
    /// request of its dialect may not.
    pub fn is_repeatable(&self) -> bool {
        match self.kind() {
            Work::Count | Work::Embed => return true,
            Work::Batch | Work::Store => return false,
            Work::Generate => {}
        }
        if self.background() || self.dialect().description().is_none() || self.names_files() {
            return false;
        }
        // These two keep what they answer unless they are to keep nothing.
        let mut keeps = matches!(
            self.dialect(),
            Dialect::OpenaiResponses | Dialect::GeminiInteractions
        );
        let mut is_bound = false;
        let read = Cursor::new(&self.state.bytes).object(|key, value| {
            if key.is("store") {
                keeps = value.kind()? != Kind::Null && value.boolean()? != Some(false);
            } else if key.is("tools") {
                is_bound |= has_hosted(self.dialect(), &self.state.bytes, value)?;
            } else if key.is("prompt") {
                // A prompt that the provider keeps; completions have theirs in words.
                is_bound |= value.kind()? == Kind::Object;
            } else if STATE.iter().any(|name| key.is(name)) {
                is_bound |= is_set(value)?;
            }
            Ok(())
        });
        read.is_ok() && !keeps && !is_bound
    }

    fn names_files(&self) -> bool {
        let bytes = &self.state.bytes;
        let by_uri = self.dialect() == Dialect::GeminiInteractions;
        memchr::memchr_iter(b'"', bytes).any(|quote| {
            let rest = bytes.get(quote + 1..).unwrap_or_default();
            match rest.first() {
                Some(b'f') => FILES.iter().any(|name| rest.starts_with(name)),
                Some(b'u') => by_uri && rest.starts_with(URI),
                _ => false,
            }
        })
    }
}

/// Reports whether a member says something.
fn is_set(value: &mut Cursor<'_>) -> Result<bool, Malformed> {
    Ok(match value.kind()? {
        Kind::Null => false,
        Kind::Boolean => value.boolean()? == Some(true),
        Kind::Object | Kind::Array | Kind::String | Kind::Number => true,
    })
}

/// Reports whether there is a tool among these that the provider runs.
fn has_hosted(dialect: Dialect, bytes: &[u8], tools: &mut Cursor<'_>) -> Result<bool, Malformed> {
    let mut is_hosted = false;
    let is_gemini = dialect == Dialect::GeminiGenerate;
    tools.array_or_skip(|_, tool| {
        tool.object_or_skip(|key, value| {
            if is_gemini {
                is_hosted |= !DECLARATIONS.iter().any(|name| key.is(name));
            } else if key.is("type") {
                let text = value.text_or_skip()?;
                let name = text.map(|text| text.decode(bytes));
                let is_apps = |name: &str| APPS.iter().any(|app| name.starts_with(app));
                is_hosted |= name.is_some_and(|name| !is_apps(&name));
            }
            Ok(())
        })
    })?;
    Ok(is_hosted)
}

#[cfg(test)]
mod tests {
    use bytes::Bytes;

    use super::*;

    #[test]
    fn what_a_provider_keeps_or_runs_is_found_in_every_dialect() {
        use Dialect::{
            AnthropicMessages, GeminiGenerate, GeminiInteractions, OpenaiChat, OpenaiCompletions,
            OpenaiResponses, Other,
        };
        for (dialect, json, expected) in [
            (OpenaiChat, r#"{"messages":[]}"#, true),
            (
                OpenaiChat,
                r#"{"messages":[],"store":false,"tools":null}"#,
                true,
            ),
            (OpenaiChat, r#"{"messages":[],"store":true}"#, false),
            (
                OpenaiChat,
                r#"{"messages":[],"web_search_options":{}}"#,
                false,
            ),
            (
                OpenaiChat,
                r#"{"tools":[{"type":"function","function":{"name":"f"}}]}"#,
                true,
            ),
            (
                OpenaiChat,
                r#"{"messages":[{"content":[{"type":"file","file":{"file_id":"f"}}]}]}"#,
                false,
            ),
            (OpenaiCompletions, r#"{"prompt":"words"}"#, true),
            (OpenaiResponses, r#"{"input":"words"}"#, false),
            (OpenaiResponses, r#"{"input":"words","store":false}"#, true),
            (
                OpenaiResponses,
                r#"{"input":"words","store":false,"previous_response_id":null}"#,
                true,
            ),
            (
                OpenaiResponses,
                r#"{"store":false,"previous_response_id":"r"}"#,
                false,
            ),
            (
                OpenaiResponses,
                r#"{"store":false,"prompt":{"id":"p"}}"#,
                false,
            ),
            (
                OpenaiResponses,
                r#"{"store":false,"tools":[{"type":"function","name":"f"},{"type":"web_search"}]}"#,
                false,
            ),
            (AnthropicMessages, r#"{"tools":[{"name":"f"}]}"#, true),
            (
                AnthropicMessages,
                r#"{"tools":[{"type":"bash_20250124","name":"bash"}]}"#,
                true,
            ),
            (
                AnthropicMessages,
                r#"{"tools":[{"type":"web_search_20250305","name":"web_search"}]}"#,
                false,
            ),
            (AnthropicMessages, r#"{"mcp_servers":[{}]}"#, false),
            (
                GeminiGenerate,
                r#"{"contents":[],"tools":[{"functionDeclarations":[]}]}"#,
                true,
            ),
            (GeminiGenerate, r#"{"tools":[{"googleSearch":{}}]}"#, false),
            (GeminiGenerate, r#"{"cachedContent":"c"}"#, false),
            (GeminiInteractions, r#"{"input":"words"}"#, false),
            (
                GeminiInteractions,
                r#"{"input":"words","store":false}"#,
                true,
            ),
            (
                GeminiInteractions,
                r#"{"store":false,"previous_interaction_id":"v1_6"}"#,
                false,
            ),
            (GeminiInteractions, r#"{"store":false,"agent":"a"}"#, false),
            (
                GeminiInteractions,
                r#"{"store":false,"tools":[{"type":"function","name":"f"},{"type":"google_search"}]}"#,
                false,
            ),
            (
                GeminiInteractions,
                r#"{"store":false,"input":{"type":"image","uri":"files/f"}}"#,
                false,
            ),
            (OpenaiChat, r#"{"messages":["#, false),
            (Other, "{}", false),
        ] {
            let path = match dialect {
                GeminiGenerate => "/v1beta/models/m:generateContent",
                _ => "/",
            };
            let body = Body::wire(dialect, Bytes::from_static(json.as_bytes())).at(path);
            assert_eq!(body.is_repeatable(), expected, "{json}");
        }
    }
}
