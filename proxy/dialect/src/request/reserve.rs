//! The work that a request causes at a provider beyond its text: several choices, prompts of token
//! ids, media.

use std::ops::Range;

use super::{Body, index::Index};
use crate::{
    Malformed,
    describe::shape::Exempt,
    json::{self, Cursor, Kind},
    tokens::media,
};

/// Base64 of `prompt_embeds` that stands for one token: 1,536 numbers of two bytes.
const EMBEDDED_TOKEN: u64 = 4096;

impl Body {
    /// The number of replies that are generated, each up to the limit on output: `n`, `best_of`,
    /// `candidateCount`, times the prompts of `openai.completions`. 1 where nobody says.
    pub fn choices(&self) -> u64 {
        let Some(row) = self.dialect.description() else {
            return 1;
        };
        let counts = row.choices.iter().filter_map(|at| self.count_at(at));
        let choices = counts.max().unwrap_or(1).max(1);
        let prompts = row.prompts.map_or(1, |pointer| self.prompts(pointer));
        choices.saturating_mul(prompts.max(1))
    }

    pub(super) fn count_at(&self, pointer: &str) -> Option<u64> {
        let range = json::pointer(&self.state.bytes, pointer)?;
        let mut cursor = Cursor::starting(&self.state.bytes, range.start);
        cursor.count().ok()?
    }

    /// The number of prompts in a value, each of which is answered on its own.
    fn prompts(&self, pointer: &str) -> u64 {
        let mut prompts = 0;
        let mut ids = false;
        // malformed further on: what was found counts
        let _ = self.walk(pointer, |cursor| {
            cursor.array_or_skip(|_, value| {
                ids |= value.kind()? == Kind::Number;
                prompts += 1;
                Ok(())
            })
        });
        // the ids of one prompt
        if ids { 1 } else { prompts }
    }

    /// Tokens of the content that no policy was shown: every token id is one, media are counted by
    /// the rule of the provider and model, the rest is estimated by kind and size.
    pub(super) fn unread_tokens(&self, index: &Index) -> u64 {
        let (mut images, mut tokens) = (0_u32, 0_u64);
        let mut rest: Vec<_> = (index.unseen.iter())
            .map(|(label, bytes)| (*label, *bytes, false))
            .collect();
        let provider = self.dialect.provider();
        let model = self.model().unwrap_or_default();
        for (kind, span) in &index.media {
            let source = self.state.bytes.get(span.range()).unwrap_or_default();
            let source = match source {
                [b'"', inside @ .., b'"'] => inside,
                source => source,
            };
            let is_image = *kind == Exempt::Image;
            let low = is_image && self.low_detail(&span.range());
            let Some(found) = media::estimate(source, is_image, low, provider, model) else {
                continue;
            };
            images += u32::from(is_image);
            tokens = tokens.saturating_add(found);
            if let Some((_, bytes, counted)) =
                (rest.iter_mut()).find(|(label, ..)| *label == kind.name())
            {
                *bytes = bytes.saturating_sub(source.len() as u64);
                *counted = true;
            }
        }
        let others = u64::from(index.images.saturating_sub(images));
        let others = others.saturating_mul(media::unknown_image(provider, model));
        let parts = (rest
            .iter()
            .filter(|(_, bytes, counted)| !counted || *bytes > 0))
        .map(|(label, bytes, _)| media::estimate_part(label, *bytes));
        let row = self.dialect.description();
        let ids = row.and_then(|row| row.token_ids);
        let ids = ids.map_or(0, |pointer| self.ids(pointer));
        let vectors = row.and_then(|row| json::pointer(&self.state.bytes, row.vectors?));
        let vectors = vectors.map_or(0, |range| range.len() as u64 / EMBEDDED_TOKEN);
        let known = [tokens, others, ids, vectors];
        parts.chain(known).fold(0, u64::saturating_add)
    }

    /// Reports whether `detail: low` stands in the same object as this image, before it or behind.
    fn low_detail(&self, image: &Range<usize>) -> bool {
        const NEAR: usize = 64;
        let bytes = &self.state.bytes;
        let before = bytes.get(image.start.saturating_sub(NEAR)..image.start);
        let before = before.and_then(|near| near.rsplit(|byte| *byte == b'{').next());
        let behind = bytes.get(image.end..bytes.len().min(image.end + NEAR));
        let behind = behind.and_then(|near| near.split(|byte| *byte == b'}').next());
        [before, behind].into_iter().flatten().any(|near| {
            let key = memchr::memmem::find(near, b"\"detail\"");
            let value = key.and_then(|at| near.get(at + 8..)).unwrap_or_default();
            let value = value
                .trim_ascii_start()
                .strip_prefix(b":")
                .unwrap_or_default();
            value.trim_ascii_start().starts_with(b"\"low\"")
        })
    }

    /// Token ids in a value, at any depth.
    fn ids(&self, pointer: &str) -> u64 {
        let mut ids = 0;
        // malformed further on: what was found counts
        let _ = self.walk(pointer, |cursor| count_numbers(cursor, &mut ids));
        ids
    }

    fn walk(
        &self,
        pointer: &str,
        read: impl FnOnce(&mut Cursor<'_>) -> Result<(), Malformed>,
    ) -> Result<(), Malformed> {
        match json::pointer(&self.state.bytes, pointer) {
            Some(range) => read(&mut Cursor::starting(&self.state.bytes, range.start)),
            None => Ok(()),
        }
    }
}

fn count_numbers(cursor: &mut Cursor<'_>, count: &mut u64) -> Result<(), Malformed> {
    match cursor.kind()? {
        Kind::Array => cursor.array(|_, value| count_numbers(value, count)),
        kind @ (Kind::Object | Kind::String | Kind::Number | Kind::Boolean | Kind::Null) => {
            *count += u64::from(kind == Kind::Number);
            cursor.skip().map(drop)
        }
    }
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "tests")]
mod tests {
    use super::*;
    use crate::{Dialect, Kind};

    fn body(dialect: Dialect, json: &'static str) -> Body {
        Body::wire(dialect, bytes::Bytes::from_static(json.as_bytes()))
    }

    #[test]
    fn every_choice_that_is_generated_is_counted() {
        for (dialect, json, choices) in [
            (Dialect::OpenaiChat, r#"{"n":4}"#, 4),
            (Dialect::OpenaiChat, r#"{"n":4.0}"#, 4),
            (Dialect::OpenaiChat, r#"{"n":null}"#, 1),
            (Dialect::OpenaiChat, r#"{"n":0}"#, 1),
            (Dialect::OpenaiChat, r#"{"best_of":4}"#, 1),
            (
                Dialect::OpenaiCompletions,
                r#"{"n":2,"best_of":5,"prompt":"a"}"#,
                5,
            ),
            (
                Dialect::OpenaiCompletions,
                r#"{"n":2,"prompt":["a","b","c"]}"#,
                6,
            ),
            (Dialect::OpenaiCompletions, r#"{"prompt":[1,2,3]}"#, 1),
            (Dialect::OpenaiCompletions, r#"{"prompt":[[1,2],[3]]}"#, 2),
            (Dialect::OpenaiCompletions, r#"{"prompt":[]}"#, 1),
            (
                Dialect::GeminiGenerate,
                r#"{"generationConfig":{"candidateCount":3}}"#,
                3,
            ),
            (
                Dialect::GeminiGenerate,
                r#"{"generation_config":{"candidate_count":3}}"#,
                3,
            ),
            (Dialect::AnthropicMessages, r#"{"n":4}"#, 1),
        ] {
            assert_eq!(body(dialect, json).choices(), choices, "{json}");
        }
    }

    #[test]
    fn a_prompt_of_token_ids_has_as_many_tokens_as_ids() {
        for (dialect, json, tokens) in [
            (
                Dialect::OpenaiEmbeddings,
                r#"{"input":[15496,11,995,0]}"#,
                4,
            ),
            (
                Dialect::OpenaiEmbeddings,
                r#"{"input":[[15496,11],[995]]}"#,
                3,
            ),
            (Dialect::OpenaiCompletions, r#"{"prompt":[1,2,3]}"#, 3),
            (Dialect::OpenaiCompletions, r#"{"prompt":[[1,2],[3]]}"#, 3),
        ] {
            assert_eq!(body(dialect, json).input_tokens(), tokens, "{json}");
        }
    }

    #[test]
    fn sound_and_files_of_a_prompt_are_in_its_estimate() {
        let json = r#"{"messages":[{"role":"user","content":[{"type":"input_audio","input_audio":{"data":"AAAA","format":"wav"}},{"type":"file","file":{"file_id":"file-1"}}]}]}"#;
        let tokens = body(Dialect::OpenaiChat, json).input_tokens();
        assert!(tokens > 1000, "{tokens}");
    }

    #[test]
    fn media_are_counted_by_their_own_bytes_and_the_rule_of_the_model() {
        // 1,000 × 1,000 pixels, two pages, ten seconds
        const PNG: &str = "iVBORw0KGgoAAAANSUhEUgAAA+gAAAPoCA==";
        const PDF: &str = "JVBERi0xLjcgPDwvVHlwZS9QYWdlcy9Db3VudCAyPj4gMSAwIG9iaiA8PC9UeXBlL1BhZ2U+PiBlbmRvYmogMiAwIG9iaiA8PC9UeXBlL1BhZ2U+PiBlbmRvYmo=";
        const WAV: &str = "UklGRgAAAABXQVZFZm10IBAAAAABAAEAgD4AAEAAAAACABAAZGF0YQAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA==";
        let chat = |part: &str| {
            (
                Dialect::OpenaiChat,
                format!(
                    r#"{{"model":"gpt-4o","messages":[{{"role":"user","content":[{part}]}}]}}"#
                ),
            )
        };
        let messages = |part: &str| {
            (
                Dialect::AnthropicMessages,
                format!(
                    r#"{{"model":"claude-sonnet-4-5","messages":[{{"role":"user","content":[{part}]}}]}}"#
                ),
            )
        };
        let gemini = |kind: &str, data: &str| {
            (
                Dialect::GeminiGenerate,
                format!(
                    r#"{{"contents":[{{"parts":[{{"inlineData":{{"mimeType":"{kind}","data":"{data}"}}}}]}}]}}"#
                ),
            )
        };
        let url = format!("data:image/png;base64,{PNG}");
        let source = |kind: &str, media: &str, data: &str| {
            format!(
                r#"{{"type":"{kind}","source":{{"type":"base64","media_type":"{media}","data":"{data}"}}}}"#
            )
        };
        for ((dialect, json), tokens) in [
            (
                chat(&format!(
                    r#"{{"type":"image_url","image_url":{{"url":"{url}"}}}}"#
                )),
                765,
            ),
            (
                chat(&format!(
                    r#"{{"type":"image_url","image_url":{{"url":"{url}","detail":"low"}}}}"#
                )),
                85,
            ),
            (
                chat(&format!(
                    r#"{{"type":"image_url","image_url":{{"detail" : "low","url":"{url}"}}}}"#
                )),
                85,
            ),
            (
                chat(&format!(
                    r#"{{"type":"input_audio","input_audio":{{"data":"{WAV}","format":"wav"}}}}"#
                )),
                100,
            ),
            (messages(&source("image", "image/png", PNG)), 1334),
            (
                messages(&source("document", "application/pdf", PDF)),
                2 * 3850,
            ),
            (gemini("image/png", PNG), 4 * 258),
            (gemini("audio/wav", WAV), 320),
            (gemini("application/pdf", PDF), 2 * 258),
        ] {
            let body = Body::wire(dialect, bytes::Bytes::from(json.clone()));
            let counts = body.input_counts();
            let by_rule = counts.each()[crate::tokens::Kind::Rule as usize];
            // four for the message
            assert!(
                by_rule.abs_diff(tokens + 4) <= 1,
                "{by_rule} {tokens}: {json}"
            );
            assert_eq!(counts.total(), by_rule, "{json}");
        }
    }

    #[test]
    fn a_call_that_counts_is_given_no_limit_on_its_output() {
        let mut count =
            body(Dialect::AnthropicMessages, r#"{"messages":[]}"#).at("/v1/messages/count_tokens");
        assert!(count.set_max_output_tokens(5));
        assert_eq!(count.max_output_tokens(), None);
        count.set_parameter("/tools", "[]").unwrap();
        assert_eq!(count.kind(), Kind::Count, "an edit makes it no other call");
    }
}
