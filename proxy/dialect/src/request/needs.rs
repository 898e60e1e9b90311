//! The abilities that a call needs of a model: whether a target can take it at all.
//!
//! Most calls have neither images nor files. So a word is looked for first, at the speed of
//! `memchr`; then the word at the beginning of a string, where prose does not have it; and only
//! where there is that does the index decide.

use memchr::memmem;

use super::{Body, index::Index};
use crate::json::{self, Kind};

/// The abilities that a call needs of a model.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Needs {
    /// It defines tools.
    pub tools: bool,
    /// There are images in it.
    pub images: bool,
    /// There is sound in it.
    pub audio: bool,
    /// There are other files in it: documents, above all.
    pub files: bool,
}

impl Needs {
    /// Each of them.
    pub const ALL: Self = Self {
        tools: true,
        images: true,
        audio: true,
        files: true,
    };

    /// Those of either.
    #[must_use]
    pub const fn or(self, other: Self) -> Self {
        Self {
            tools: self.tools || other.tools,
            images: self.images || other.images,
            audio: self.audio || other.audio,
            files: self.files || other.files,
        }
    }

    /// Those of both.
    #[must_use]
    pub const fn and(self, other: Self) -> Self {
        Self {
            tools: self.tools && other.tools,
            images: self.images && other.images,
            audio: self.audio && other.audio,
            files: self.files && other.files,
        }
    }

    /// Returns whether there are none.
    pub fn is_empty(self) -> bool {
        self == Self::default()
    }

    /// Returns whether a body has a word without which it can't have any of these.
    fn may_be_in(self, bytes: &[u8]) -> bool {
        let has = |word: &[u8]| memmem::find(bytes, word).is_some();
        (self.tools && (has(b"tools\"") || has(b"functions\"")))
            || (self.images && has(b"image"))
            || (self.audio && has(b"audio"))
            || (self.files && (has(b"file") || has(b"document") || has(b"inline") || has(b"video")))
    }
}

/// Text is counted as at most 1.3 tokens a byte, where letters beyond ASCII stand between digits.
const MOST_PER_BYTE: u64 = 2;

/// Contents that a body may have.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
struct Hints {
    media: bool,
    tools: bool,
}

impl Hints {
    /// Looks at the beginnings of strings: of members and types in which media stand, and of the
    /// members in which tools do.
    fn find(bytes: &[u8]) -> Self {
        let mut hints = Self::default();
        for quote in memchr::memchr_iter(b'"', bytes) {
            let rest = bytes.get(quote + 1..).unwrap_or_default();
            let begins = |starts: &[&[u8]]| starts.iter().any(|start| rest.starts_with(start));
            match rest.first() {
                Some(b't') => hints.tools |= begins(&[b"tools\""]),
                Some(b'f') => {
                    hints.tools |= begins(&[b"functions\""]);
                    hints.media |= begins(&[b"file"]);
                }
                Some(b'i') => {
                    hints.media |= begins(&[
                        b"image",
                        b"inline",
                        b"input_image",
                        b"input_audio",
                        b"input_file",
                        b"input_video",
                    ]);
                }
                Some(b'a') => hints.media |= begins(&[b"audio"]),
                Some(b'c') => hints.media |= begins(&[b"cached"]),
                Some(b'd') => hints.media |= begins(&[b"document"]),
                Some(b'm') => hints.media |= begins(&[b"media", b"mime"]),
                Some(b'v') => hints.media |= begins(&[b"video"]),
                _ => {}
            }
        }
        hints
    }
}

impl Body {
    /// The abilities among `of` that it needs of a model. A body that is no request of its dialect
    /// needs none, as far as anybody can tell. What stands in dropped messages counts.
    pub fn needs(&self, of: Needs) -> Needs {
        if let Some(index) = self.known() {
            return Needs::found(index).and(of);
        }
        let bytes = &self.state.bytes;
        if self.dialect.description().is_none() || !of.may_be_in(bytes) {
            return Needs::default();
        }
        let hints = Hints::find(bytes);
        if !hints.media && self.state.facts.batch.is_none() {
            return Needs {
                tools: of.tools && hints.tools && self.has_tools(),
                ..Needs::default()
            };
        }
        let index = Index::build(self.dialect, bytes, 0);
        index.map_or_else(|_| Needs::default(), |index| Needs::found(&index).and(of))
    }

    /// Returns whether [`Body::input_tokens`] is no more than `tokens`, where the size tells: the
    /// estimate takes ten times as long as all else that a plan needs. Links count as their text
    /// here, and more in the estimate; what they weigh only the provider knows.
    pub fn surely_fits(&self, tokens: u64) -> bool {
        match self.state.tokens.get() {
            Some(input) => input.total() <= tokens,
            None => (self.size() as u64).saturating_mul(MOST_PER_BYTE) <= tokens,
        }
    }

    fn has_tools(&self) -> bool {
        ["/tools", "/functions"].iter().any(|pointer| {
            let Some(mut list) = json::find(&self.state.bytes, pointer) else {
                return false;
            };
            match list.kind() {
                Ok(Kind::Array) => {
                    let mut any = false;
                    // malformed further on: what was found counts
                    let _ = list.array(|_, value| {
                        any = true;
                        value.pass()
                    });
                    any
                }
                Ok(Kind::Object) => true,
                Ok(Kind::String | Kind::Number | Kind::Boolean | Kind::Null) | Err(_) => false,
            }
        })
    }
}

impl Needs {
    fn found(index: &Index) -> Self {
        let has = |kind: &str| index.unseen.iter().any(|(label, _)| *label == kind);
        Self {
            tools: index.tools > 0,
            images: index.images > 0 || has("image"),
            audio: has("audio"),
            files: has("file"),
        }
    }
}

#[cfg(test)]
mod tests {
    use bytes::Bytes;
    use proptest::prelude::{ProptestConfig, proptest};

    use super::*;
    use crate::Dialect;

    fn body(dialect: Dialect, json: &str) -> Body {
        Body::wire(dialect, Bytes::copy_from_slice(json.as_bytes()))
    }

    #[test]
    fn tools_images_sound_and_files_are_found_in_every_dialect() {
        let tools = |tools| Needs {
            tools,
            ..Needs::default()
        };
        let images = Needs {
            images: true,
            ..Needs::default()
        };
        let audio = Needs {
            audio: true,
            ..Needs::default()
        };
        let files = Needs {
            files: true,
            ..Needs::default()
        };
        for (dialect, json, needs) in [
            (
                Dialect::OpenaiChat,
                r#"{"messages":[{"role":"user","content":"an image of a file"}]}"#,
                tools(false),
            ),
            (
                Dialect::OpenaiChat,
                r#"{"messages":[{"role":"user","content":"the \"image\" \"tools\""}]}"#,
                tools(false),
            ),
            (
                Dialect::OpenaiChat,
                r#"{"messages":[],"tools":[{"type":"function","function":{"name":"f"}}]}"#,
                tools(true),
            ),
            (
                Dialect::OpenaiChat,
                r#"{"messages":[],"functions":[{"name":"f"}]}"#,
                tools(true),
            ),
            (
                Dialect::OpenaiChat,
                r#"{"messages":[],"tools":[]}"#,
                tools(false),
            ),
            (
                Dialect::OpenaiChat,
                r#"{"messages":[],"tools":null}"#,
                tools(false),
            ),
            (
                Dialect::OpenaiChat,
                r#"{"messages":[{"role":"user","content":[{"type":"image_url","image_url":{"url":"https://a/b.png"}}]}]}"#,
                images,
            ),
            (
                Dialect::OpenaiChat,
                r#"{"messages":[{"role":"user","content":[{"type":"input_audio","input_audio":{"data":"AAAA","format":"wav"}}]}]}"#,
                audio,
            ),
            (
                Dialect::OpenaiChat,
                r#"{"messages":[{"role":"user","content":[{"type":"file","file":{"file_id":"file-1"}}]}]}"#,
                files,
            ),
            (
                Dialect::OpenaiResponses,
                r#"{"input":[{"role":"user","content":[{"type":"input_image","image_url":"https://a/b.png"}]}]}"#,
                images,
            ),
            (
                Dialect::AnthropicMessages,
                r#"{"messages":[{"role":"user","content":[{"type":"image","source":{"type":"base64","media_type":"image/png","data":"AAAA"}}]}]}"#,
                images,
            ),
            (
                Dialect::AnthropicMessages,
                r#"{"messages":[{"role":"user","content":[{"type":"document","source":{"type":"base64","media_type":"application/pdf","data":"AAAA"}}]}]}"#,
                files,
            ),
            (
                Dialect::AnthropicMessages,
                r#"{"messages":[{"role":"user","content":[{"type":"document","source":{"type":"text","media_type":"text/plain","data":"words"}}]}]}"#,
                tools(false),
            ),
            (
                Dialect::GeminiGenerate,
                r#"{"contents":[{"parts":[{"inlineData":{"mimeType":"image/png","data":"AAAA"}}]}]}"#,
                images,
            ),
            (
                Dialect::GeminiGenerate,
                r#"{"contents":[{"parts":[{"inline_data":{"mime_type":"audio/mp3","data":"AAAA"}}]}]}"#,
                audio,
            ),
            (
                Dialect::GeminiGenerate,
                r#"{"contents":[],"tools":[{"functionDeclarations":[{"name":"f"}]}]}"#,
                tools(true),
            ),
            (Dialect::OpenaiChat, r#"{"tools":[{"image"#, tools(false)),
            (Dialect::Other, r#"{"tools":[{}]}"#, tools(false)),
        ] {
            assert_eq!(body(dialect, json).needs(Needs::ALL), needs, "{json}");
            let mut indexed = body(dialect, json);
            let none = body(dialect, json).needs(Needs::default());
            assert!(none.is_empty(), "nobody asked: {json}");
            if indexed.index().is_ok() {
                assert_eq!(indexed.needs(Needs::ALL), needs, "indexed: {json}");
            }
        }
    }

    #[test]
    fn the_calls_of_a_batch_need_what_any_of_them_needs() {
        let json = r#"{"requests":[{"custom_id":"a","params":{"model":"m","messages":[]}},{"custom_id":"b","params":{"model":"m","messages":[],"tools":[{"name":"f"}]}}]}"#;
        assert!(
            body(Dialect::AnthropicBatches, json)
                .needs(Needs::ALL)
                .tools
        );
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(500))]

        #[test]
        fn no_call_fits_surely_whose_estimate_does_not(
            text in "([0-9][a-z,;.]|[a-zé漢🦀_\\-]| |[0-9]|1a|\\{\\}){0,200}",
        ) {
            let json = format!(
                r#"{{"messages":[{{"role":"user","content":[{{"type":"text","text":"{text}"}}]}},{{}},{{}},{{"content":"{text}"}}]}}"#
            );
            let body = body(Dialect::OpenaiChat, &json);
            let estimated = Body::wire(Dialect::OpenaiChat, body.render()).input_tokens();
            for tokens in [0, estimated.saturating_sub(1), estimated / 2] {
                assert!(!body.surely_fits(tokens) || estimated <= tokens, "{tokens}: {json}");
            }
            assert!(body.surely_fits(estimated * 20 + 1000), "{json}");
            assert_eq!(body.input_tokens(), estimated);
            assert!(body.surely_fits(estimated) && !body.surely_fits(estimated - 1));
        }
    }
}
