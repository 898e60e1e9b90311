//! The beginning of a conversation, by which its turns are known as one.
//!
//! Apps send the whole conversation with every turn, so its instructions and its first words are the
//! same each time. Only texts count: the same turn comes as a string and as a list of one part, and
//! marks of what to cache move on as the conversation grows.

use super::Body;
use crate::{
    Dialect, Malformed, hash,
    json::{Cursor, Key, Kind},
};

/// So many bytes of a text tell it from others, with its length.
const ENOUGH: usize = 4096;
/// A line that Claude Code puts before its instructions, with a number of its own in each request.
const BILLING: &[u8] = b"x-anthropic-billing-header";

impl Body {
    /// A hash of the conversation's beginning: the same for all of its turns and on every replica.
    ///
    /// The name that the app gives to the conversation (`conversation`) or to what it shares with
    /// others in the provider's cache (`prompt_cache_key`) decides; without one, its instructions
    /// and the first words of the user do. None of what is no conversation. One pass over the bytes
    /// that came, as policies have not edited them.
    pub fn opening(&self) -> Option<u64> {
        let keys = Keys::of(self.dialect)?;
        let mut found = Found::default();
        // malformed further on: what was found counts
        let _ = Cursor::new(&self.state.bytes)
            .object(|key, value| found.member(keys, &self.state.bytes, key, value));
        found.hash()
    }
}

/// The members of a dialect in which a conversation begins.
struct Keys {
    conversation: &'static str,
    instructions: &'static [&'static str],
    /// Names of what the conversation is, the surest first.
    names: &'static [&'static str],
}

impl Keys {
    const fn of(dialect: Dialect) -> Option<&'static Self> {
        match dialect {
            Dialect::OpenaiChat => Some(&Self {
                conversation: "messages",
                instructions: &[],
                names: &["prompt_cache_key"],
            }),
            Dialect::OpenaiResponses => Some(&Self {
                conversation: "input",
                instructions: &["instructions"],
                names: &["conversation", "prompt_cache_key"],
            }),
            Dialect::AnthropicMessages => Some(&Self {
                conversation: "messages",
                instructions: &["system"],
                names: &[],
            }),
            Dialect::GeminiGenerate => Some(&Self {
                conversation: "contents",
                instructions: &["systemInstruction", "system_instruction"],
                names: &[],
            }),
            // what was said before is the provider's to know
            Dialect::GeminiInteractions => Some(&Self {
                conversation: "input",
                instructions: &["system_instruction"],
                names: &[],
            }),
            Dialect::OpenaiCompletions
            | Dialect::OpenaiEmbeddings
            | Dialect::AnthropicBatches
            | Dialect::OpenaiImages
            | Dialect::OpenaiModerations
            | Dialect::OpenaiConversations
            | Dialect::Rerank
            | Dialect::Other => None,
        }
    }
}

#[derive(Default)]
struct Found {
    /// The place of the name among [`Keys::names`], and its hash.
    name: Option<(usize, u64)>,
    instructions: Option<u64>,
    words: Option<u64>,
}

type Read = Result<(), Malformed>;

impl Found {
    fn hash(&self) -> Option<u64> {
        match (self.name, self.instructions, self.words) {
            (Some((_, name)), ..) => Some(name),
            (None, None, None) => None,
            (None, instructions, words) => Some(hash::join(
                instructions.unwrap_or_default(),
                words.unwrap_or_default(),
            )),
        }
    }

    fn member(&mut self, keys: &Keys, bytes: &[u8], key: Key<'_>, value: &mut Cursor<'_>) -> Read {
        if let Some(at) = keys.names.iter().position(|name| key.is(name)) {
            let mut name = None;
            hash_texts(value, bytes, &mut name)?;
            if let Some(name) = name
                && self.name.is_none_or(|(known, _)| at < known)
            {
                self.name = Some((at, name));
            }
            Ok(())
        } else if keys.instructions.iter().any(|name| key.is(name)) {
            hash_texts(value, bytes, &mut self.instructions)
        } else if key.is(keys.conversation) {
            self.conversation(bytes, value)
        } else {
            value.pass()
        }
    }

    fn conversation(&mut self, bytes: &[u8], value: &mut Cursor<'_>) -> Read {
        match value.kind()? {
            Kind::Array => value.array(|_, item| match (item.kind()?, self.words) {
                (_, Some(_)) => item.pass(),
                (Kind::Object, None) => self.message(bytes, item),
                (_, None) => hash_texts(item, bytes, &mut self.words),
            }),
            Kind::Object => self.message(bytes, value),
            Kind::String => hash_texts(value, bytes, &mut self.words),
            Kind::Number | Kind::Boolean | Kind::Null => value.pass(),
        }
    }

    /// A message: the user's first words, or more instructions before them.
    fn message(&mut self, bytes: &[u8], message: &mut Cursor<'_>) -> Read {
        let mut role = Role::User;
        let mut texts = None;
        message.object(|key, value| {
            if key.is("role") {
                let text = value.text_or_skip()?;
                let name = text.map(|text| text.decode(bytes));
                role = name.map_or(Role::User, |name| Role::of(&name));
                Ok(())
            } else if key.is("content") || key.is("parts") {
                hash_texts(value, bytes, &mut texts)
            } else {
                value.pass()
            }
        })?;
        match role {
            Role::User => self.words = texts.or(self.words),
            Role::System => {
                if let Some(texts) = texts {
                    let before = self.instructions.unwrap_or_default();
                    self.instructions = Some(hash::join(before, texts));
                }
            }
            Role::Other => {}
        }
        Ok(())
    }
}

#[derive(Clone, Copy)]
enum Role {
    User,
    System,
    Other,
}

impl Role {
    /// A message without a role is the user's.
    fn of(name: &str) -> Self {
        match name {
            "user" => Self::User,
            "system" | "developer" => Self::System,
            _ => Self::Other,
        }
    }
}

/// Adds the texts in a value to a hash: a string, parts in a list, the contents of a part. The types
/// of parts and marks of what to cache are none.
fn hash_texts(value: &mut Cursor<'_>, bytes: &[u8], sum: &mut Option<u64>) -> Read {
    match value.kind()? {
        Kind::String => {
            let start = value.at();
            value.pass()?;
            let inside = bytes.get(start + 1..value.at().saturating_sub(1));
            let text = inside.unwrap_or_default();
            if !text.starts_with(BILLING) {
                let start = hash::of(text.get(..ENOUGH).unwrap_or(text));
                let text = hash::join(start, text.len() as u64);
                *sum = Some(hash::join(sum.unwrap_or_default(), text));
            }
            Ok(())
        }
        Kind::Array => value.array(|_, item| hash_texts(item, bytes, sum)),
        Kind::Object => value.object(|key, member| {
            match key.is("type") || key.is("cache_control") || key.is("role") {
                true => member.pass(),
                false => hash_texts(member, bytes, sum),
            }
        }),
        Kind::Number | Kind::Boolean | Kind::Null => value.pass(),
    }
}

#[cfg(test)]
mod tests {
    use bytes::Bytes;

    use super::*;

    fn opening(dialect: Dialect, json: &str) -> Option<u64> {
        Body::wire(dialect, Bytes::copy_from_slice(json.as_bytes())).opening()
    }

    /// Of each dialect a first turn, a later one of the same conversation, and one of another.
    const TURNS: [(Dialect, &str, &str, &str); 5] = [
        (
            Dialect::OpenaiChat,
            r#"{"model":"m","messages":[{"role":"system","content":"Be brief."},{"role":"user","content":"Hi"}]}"#,
            r#"{"messages":[{"role":"system","content":"Be brief."},{"role":"user","content":[{"type":"text","text":"Hi"}]},{"role":"assistant","content":"Hello"},{"role":"user","content":"And?"}],"model":"other","stream":true}"#,
            r#"{"model":"m","messages":[{"role":"system","content":"Be brief."},{"role":"user","content":"Hi!"}]}"#,
        ),
        (
            Dialect::OpenaiResponses,
            r#"{"instructions":"Be brief.","input":"Hi"}"#,
            r#"{"input":[{"role":"user","content":[{"type":"input_text","text":"Hi"}]},{"type":"reasoning","summary":[]},{"role":"assistant","content":"x"}],"instructions":"Be brief."}"#,
            r#"{"instructions":"Be long.","input":"Hi"}"#,
        ),
        (
            Dialect::OpenaiResponses,
            r#"{"conversation":"conv_1","prompt_cache_key":"k","input":"Hi"}"#,
            r#"{"input":"And?","prompt_cache_key":"l","conversation":{"id":"conv_1"}}"#,
            r#"{"conversation":"conv_2","prompt_cache_key":"k","input":"Hi"}"#,
        ),
        (
            Dialect::AnthropicMessages,
            r#"{"system":[{"type":"text","text":"x-anthropic-billing-header: cch=1;"},{"type":"text","text":"Be brief."}],"messages":[{"role":"user","content":[{"type":"text","text":"Hi","cache_control":{"type":"ephemeral","ttl":"5m"}}]}]}"#,
            r#"{"messages":[{"role":"user","content":"Hi"},{"role":"assistant","content":[{"type":"text","text":"x"}]},{"role":"user","content":[{"type":"text","text":"And?","cache_control":{"type":"ephemeral"}}]}],"system":[{"type":"text","text":"x-anthropic-billing-header: cch=2;"},{"type":"text","text":"Be brief.","cache_control":{"type":"ephemeral"}}]}"#,
            r#"{"system":"Be brief.","messages":[{"role":"user","content":"Ho"}]}"#,
        ),
        (
            Dialect::GeminiGenerate,
            r#"{"contents":[{"parts":[{"text":"Hi"}]}],"systemInstruction":{"parts":[{"text":"Be brief."}]}}"#,
            r#"{"system_instruction":{"parts":[{"text":"Be brief."}]},"contents":[{"role":"user","parts":[{"text":"Hi"}]},{"role":"model","parts":[{"text":"x"}]},{"role":"user","parts":[{"text":"And?"}]}]}"#,
            r#"{"contents":[{"parts":[{"text":"Hi"}]}]}"#,
        ),
    ];

    #[test]
    fn all_turns_of_a_conversation_have_one_opening_and_another_has_another() {
        for (dialect, first, later, other) in TURNS {
            let one = opening(dialect, first);
            assert!(one.is_some(), "{first}");
            assert_eq!(opening(dialect, later), one, "{later}");
            assert_ne!(opening(dialect, other), one, "{other}");
        }
    }

    #[test]
    fn an_image_in_the_first_words_counts() {
        let with = |url: &str| {
            let json = format!(
                r#"{{"messages":[{{"role":"user","content":[{{"type":"text","text":"?"}},{{"type":"image_url","image_url":{{"url":"{url}"}}}}]}}]}}"#
            );
            opening(Dialect::OpenaiChat, &json)
        };
        assert_eq!(with("a"), with("a"));
        assert_ne!(with("a"), with("b"));
    }

    #[test]
    fn what_the_app_names_for_the_cache_decides() {
        let named = |words: &str, key: &str| {
            let json = format!(
                r#"{{"messages":[{{"role":"user","content":"{words}"}}],"prompt_cache_key":{key}}}"#
            );
            opening(Dialect::OpenaiChat, &json)
        };
        assert_eq!(named("a", "\"k\""), named("b", "\"k\""));
        assert_ne!(named("a", "\"k\""), named("a", "\"l\""));
        assert_ne!(named("a", "null"), named("b", "null"));
    }

    #[test]
    fn what_is_no_conversation_has_no_opening() {
        for (dialect, json) in [
            (Dialect::OpenaiEmbeddings, r#"{"input":"a"}"#),
            (Dialect::OpenaiCompletions, r#"{"prompt":"a"}"#),
            (Dialect::AnthropicBatches, r#"{"requests":[]}"#),
            (Dialect::Other, r#"{"messages":[{"content":"a"}]}"#),
            (Dialect::OpenaiChat, ""),
            (Dialect::OpenaiChat, "[]"),
            (Dialect::OpenaiChat, r#"{"messages":[]}"#),
            (Dialect::OpenaiChat, r#"{"messages":7}"#),
            (
                Dialect::OpenaiChat,
                r#"{"messages":[{"role":"assistant","content":"a"}]}"#,
            ),
        ] {
            assert_eq!(opening(dialect, json), None, "{json}");
        }
    }
}
