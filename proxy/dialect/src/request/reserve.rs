//! The work that a request causes at a provider beyond its text: several choices, prompts of token
//! ids, media.

use super::Body;
use crate::{
    Malformed,
    json::{self, Cursor, Kind},
    tokens,
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

    /// Tokens of the content in `unseen`, which no policy was shown: every token id is one, the
    /// rest is estimated by kind and size.
    pub(super) fn unread_tokens(&self, unseen: &[(&'static str, u64)]) -> u64 {
        let parts = unseen
            .iter()
            .map(|(label, bytes)| tokens::estimate_part(label, *bytes));
        let row = self.dialect.description();
        let ids = row.and_then(|row| row.token_ids);
        let ids = ids.map_or(0, |pointer| self.ids(pointer));
        let vectors = row.and_then(|row| json::pointer(&self.state.bytes, row.vectors?));
        let vectors = vectors.map_or(0, |range| range.len() as u64 / EMBEDDED_TOKEN);
        parts.fold(ids + vectors, u64::saturating_add)
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
    fn a_call_that_counts_is_given_no_limit_on_its_output() {
        let mut count =
            body(Dialect::AnthropicMessages, r#"{"messages":[]}"#).at("/v1/messages/count_tokens");
        assert!(count.set_max_output_tokens(5));
        assert_eq!(count.max_output_tokens(), None);
        count.set_parameter("/tools", "[]").unwrap();
        assert_eq!(count.kind(), Kind::Count, "an edit makes it no other call");
    }
}
