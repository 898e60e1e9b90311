//! The abilities that a call needs of a model: whether a target can take it at all.
//!
//! Most calls have neither images nor files, so what could be one is looked for first, at the speed
//! of `memchr`: a quotation mark and a few letters. Only where there is something does the index
//! decide.

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

/// The beginnings of members and types in which media stand.
const MEDIA: [&[u8]; 13] = [
    b"image",
    b"audio",
    b"video",
    b"file",
    b"document",
    b"inline",
    b"cached",
    b"media",
    b"mime",
    b"input_image",
    b"input_audio",
    b"input_file",
    b"input_video",
];
/// The members in which tools stand.
const TOOLS: [&[u8]; 2] = [b"tools\"", b"functions\""];
/// An image is counted as 800 tokens and a file as 1,000, and none is written in fewer than 20
/// bytes.
const MOST_PER_BYTE_OF_MEDIA: u64 = 64;
/// Text is counted as at most 1.4 tokens a byte, where every other one is a digit.
const MOST_PER_BYTE: u64 = 2;

/// What there may be in a body.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
struct Hints {
    media: bool,
    tools: bool,
}

impl Hints {
    fn find(bytes: &[u8]) -> Self {
        let mut hints = Self::default();
        for quote in memchr::memchr_iter(b'"', bytes) {
            let rest = bytes.get(quote + 1..).unwrap_or_default();
            match rest.first() {
                Some(b't' | b'f') if !hints.tools => {
                    hints.tools = TOOLS.iter().any(|key| rest.starts_with(key));
                    hints.media |= rest.starts_with(b"file");
                }
                Some(b'a' | b'c' | b'd' | b'f' | b'i' | b'm' | b'v') if !hints.media => {
                    hints.media = MEDIA.iter().any(|start| rest.starts_with(start));
                }
                _ if hints.media && hints.tools => break,
                _ => {}
            }
        }
        hints
    }
}

impl Body {
    /// The abilities that it needs of a model. A body that is no request of its dialect needs none,
    /// as far as anybody can tell. What stands in dropped messages counts.
    pub fn needs(&self) -> Needs {
        let hints = Hints::find(&self.state.bytes);
        if self.dialect.description().is_none() || hints == Hints::default() {
            return Needs::default();
        }
        let is_batch = self.state.facts.batch.is_some();
        if !hints.media && !is_batch && self.known().is_none() {
            return Needs {
                tools: self.has_tools(),
                ..Needs::default()
            };
        }
        match self.known() {
            Some(index) => Needs::of(index),
            None => Index::build(self.dialect, &self.state.bytes, 0)
                .map_or_else(|_| Needs::default(), |index| Needs::of(&index)),
        }
    }

    /// A number that [`Body::input_tokens`] does not exceed, for a fraction of its cost.
    pub fn input_bound(&self) -> u64 {
        if let Some(tokens) = self.state.tokens.get() {
            return *tokens;
        }
        let most = match Hints::find(&self.state.bytes).media {
            true => MOST_PER_BYTE_OF_MEDIA,
            false => MOST_PER_BYTE,
        };
        (self.size() as u64).saturating_mul(most)
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
    fn of(index: &Index) -> Self {
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
    use proptest::prelude::{ProptestConfig, any, prop, proptest};

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
            assert_eq!(body(dialect, json).needs(), needs, "{json}");
            let mut indexed = body(dialect, json);
            if indexed.index().is_ok() {
                assert_eq!(indexed.needs(), needs, "indexed: {json}");
            }
        }
    }

    #[test]
    fn the_calls_of_a_batch_need_what_any_of_them_needs() {
        let json = r#"{"requests":[{"custom_id":"a","params":{"model":"m","messages":[]}},{"custom_id":"b","params":{"model":"m","messages":[],"tools":[{"name":"f"}]}}]}"#;
        assert!(body(Dialect::AnthropicBatches, json).needs().tools);
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(500))]

        #[test]
        fn no_estimate_exceeds_its_bound(
            text in "([0-9][a-z,;.]|[a-zé漢🦀_\\-]| |[0-9]|1a|\\{\\}){0,200}",
            images in prop::collection::vec(any::<bool>(), 0..6),
        ) {
            let parts: Vec<_> = (images.iter()).map(|image| match image {
                true => r#"{"type":"image_url","image_url":{"url":"x"}}"#.to_owned(),
                false => format!(r#"{{"type":"text","text":"{text}"}}"#),
            }).collect();
            let json = format!(
                r#"{{"messages":[{{"role":"user","content":[{}]}},{{}},{{}},{{"content":"{text}"}}]}}"#,
                parts.join(",")
            );
            let body = body(Dialect::OpenaiChat, &json);
            let bound = body.input_bound();
            assert!(body.input_tokens() <= bound, "{} > {bound}: {json}", body.input_tokens());
            assert_eq!(body.input_bound(), body.input_tokens(), "once it is known");
        }
    }
}
