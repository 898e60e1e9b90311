//! Text added to a request's system prompt, where each dialect has it.
//!
//! It comes last: what stands there already stays as it is, byte for byte, so that a provider finds
//! the prefix that it cached, and a block that has to be the first one is. A text is continued after
//! an empty line, a list gets one part more, and a prompt that is missing is made.
//!
//! | dialect | where |
//! |---|---|
//! | `openai.chat` | the last of the system or developer messages that the conversation begins with; a new first message where there is none |
//! | `openai.responses` | `instructions` |
//! | `anthropic.messages`, each request of `anthropic.batches` | `system` |
//! | `gemini.generate` | the parts of `systemInstruction`, in either spelling |
//! | `gemini.interactions` | `system_instruction` |
//!
//! The others have no system prompt.

use std::{collections::BTreeSet, sync::Arc};

use super::Body;
use crate::{
    Dialect, Malformed,
    json::{self, Kind},
    splice::Splice,
};

/// A system prompt's place in a request.
enum Prompt {
    /// Messages at the conversation's beginning.
    Messages,
    /// A member of the request.
    Member(Member),
}

/// A member that is the system prompt. What is written around a quoted text is a pair.
struct Member {
    /// Its names; the first is that of a new one.
    names: &'static [&'static str],
    /// A new value.
    new: [&'static str; 2],
    /// One part more, where the value is a list.
    part: [&'static str; 2],
    /// The member that is the list, where the value is an object.
    list: Option<&'static str>,
}

const STRING: [&str; 2] = ["", ""];
const TYPED: [&str; 2] = [r#"{"type":"text","text":"#, "}"];

const CHAT: Member = Member {
    names: &["content"],
    new: STRING,
    part: TYPED,
    list: None,
};
const RESPONSES: Member = Member {
    names: &["instructions"],
    new: STRING,
    part: [r#"{"role":"developer","content":"#, "}"],
    list: None,
};
const ANTHROPIC: Member = Member {
    names: &["system"],
    new: STRING,
    part: TYPED,
    list: None,
};
const GEMINI: Member = Member {
    names: &["systemInstruction", "system_instruction"],
    new: [r#"{"parts":[{"text":"#, "}]}"],
    part: [r#"{"text":"#, "}"],
    list: Some("parts"),
};
const INTERACTIONS: Member = Member {
    names: &["system_instruction"],
    new: STRING,
    part: TYPED,
    list: None,
};

const fn prompt(dialect: Dialect) -> Option<Prompt> {
    match dialect {
        Dialect::OpenaiChat => Some(Prompt::Messages),
        Dialect::OpenaiResponses => Some(Prompt::Member(RESPONSES)),
        Dialect::AnthropicMessages | Dialect::AnthropicBatches => Some(Prompt::Member(ANTHROPIC)),
        Dialect::GeminiGenerate => Some(Prompt::Member(GEMINI)),
        Dialect::GeminiInteractions => Some(Prompt::Member(INTERACTIONS)),
        Dialect::OpenaiCompletions
        | Dialect::OpenaiEmbeddings
        | Dialect::OpenaiImages
        | Dialect::OpenaiModerations
        | Dialect::OpenaiConversations
        | Dialect::Rerank
        | Dialect::Other => None,
    }
}

impl Body {
    /// Adds a text behind the system prompt, or makes one. An empty text changes nothing. Where a
    /// message is made for it, the numbers of all others are one more.
    ///
    /// # Errors
    /// One sentence: the dialect has no system prompt, or the request's has a form that none is
    /// known to have. Nothing is changed then.
    pub fn add_system(&mut self, text: &str) -> Result<(), String> {
        if text.is_empty() {
            return Ok(());
        }
        let Some(prompt) = prompt(self.dialect) else {
            let dialect = self.dialect.name();
            return Err(format!("a request of `{dialect}` has no system prompt"));
        };
        let before = self.mark();
        let added = match prompt {
            Prompt::Messages => self.add_to_messages(text),
            Prompt::Member(member) => (self.requests())
                .and_then(|all| all.iter().try_for_each(|at| self.append(at, &member, text))),
        };
        if added.is_err() {
            self.roll_back(before);
        }
        added
    }

    /// Returns the pointers to the objects that have a system prompt of their own: the body, the
    /// request whose tokens Gemini counts, or those of a batch.
    fn requests(&self) -> Result<Vec<String>, String> {
        let bytes = &self.state.bytes;
        if self.dialect == Dialect::AnthropicBatches {
            let mut requests = json::find(bytes, "/requests").ok_or("`requests` is missing")?;
            let mut count = 0;
            let counted = requests.array(|_, _| {
                count += 1;
                Ok(())
            });
            counted.map_err(malformed)?;
            return Ok((0..count)
                .map(|n| format!("/requests/{n}/params"))
                .collect());
        }
        let counted = ["/generateContentRequest", "/generate_content_request"];
        let counted = counted
            .into_iter()
            .find(|at| json::find(bytes, at).is_some());
        let at = counted.filter(|_| self.dialect == Dialect::GeminiGenerate);
        Ok(vec![at.unwrap_or_default().to_owned()])
    }

    fn append(&mut self, at: &str, member: &Member, text: &str) -> Result<(), String> {
        let bytes = self.state.bytes.clone();
        let mut names = member.names.iter().map(|name| format!("{at}/{name}"));
        let present = names.find(|pointer| json::find(&bytes, pointer).is_some());
        let first = member.names.first().copied().unwrap_or_default();
        let pointer = present.unwrap_or_else(|| format!("{at}/{first}"));
        let Some(mut value) = json::find(&bytes, &pointer) else {
            return self.set_raw(&pointer, &around(member.new, text));
        };
        match (value.kind().map_err(malformed)?, member.list) {
            (Kind::Null, _) => self.set_raw(&pointer, &around(member.new, text)),
            (Kind::String, _) => {
                let literal = value.skip().map_err(malformed)?;
                self.continue_text(literal, text)
            }
            (Kind::Array, _) => self.set_raw(&format!("{pointer}/-"), &around(member.part, text)),
            (Kind::Object, Some(list)) => {
                let list = format!("{pointer}/{list}");
                let part = around(member.part, text);
                match json::find(&bytes, &list) {
                    Some(_) => self.set_raw(&format!("{list}/-"), &part),
                    None => self.set_raw(&list, &[b"[", &*part, b"]"].concat()),
                }
            }
            (Kind::Object | Kind::Number | Kind::Boolean, _) => Err(format!(
                "`{pointer}` is neither text nor a list: nothing can be added to it"
            )),
        }
    }

    /// Puts a text behind that of a literal. A passage keeps its id.
    fn continue_text(&mut self, literal: std::ops::Range<usize>, text: &str) -> Result<(), String> {
        let spots = self.known().map_or(&[][..], |index| &index.spots);
        if let Some(spot) = spots.iter().find(|spot| spot.span.range() == literal) {
            let before = self.text(spot);
            let gap = if before.is_empty() { "" } else { "\n\n" };
            let (id, whole) = (spot.id, format!("{before}{gap}{text}"));
            return self.set_passage(id, whole).map_err(|e| e.to_string());
        }
        let gap = if literal.len() > 2 { "\n\n" } else { "" };
        let quoted = around(STRING, &format!("{gap}{text}"));
        let inside = quoted.get(1..quoted.len() - 1).unwrap_or_default();
        let end = literal.end - 1;
        let splice = Splice {
            range: end..end,
            with: inside.to_vec(),
        };
        self.splice_in(splice, true, None).map_err(malformed)
    }

    fn add_to_messages(&mut self, text: &str) -> Result<(), String> {
        let bytes = self.state.bytes.clone();
        let mut messages = json::find(&bytes, "/messages").ok_or("`messages` is missing")?;
        messages.kind().map_err(malformed)?;
        let start = messages.at() + 1;
        let (mut last, mut leading, mut count) = (None, true, 0);
        let walked = messages.array(|index, message| {
            count += 1;
            if !leading || self.is_dropped(index as u32) {
                return Ok(());
            }
            let mut is_system = false;
            message.object_or_skip(|key, value| {
                if key.is("role") {
                    let role = value.text_or_skip()?;
                    is_system = role.is_some_and(|role| {
                        matches!(&*role.decode(&bytes), "system" | "developer")
                    });
                }
                Ok(())
            })?;
            leading = is_system;
            if is_system {
                last = Some(index);
            }
            Ok(())
        });
        walked.map_err(malformed)?;
        if let Some(last) = last {
            return self.append(&format!("/messages/{last}"), &CHAT, text);
        }
        let end = if count > 0 { "}," } else { "}" };
        let splice = Splice {
            range: start..start,
            with: around([r#"{"role":"system","content":"#, end], text),
        };
        self.splice_in(splice, true, None).map_err(malformed)?;
        if let Some(overlay) = &mut self.state.overlay {
            let overlay = Arc::make_mut(overlay);
            let dropped = overlay.dropped.iter().map(|message| message + 1);
            overlay.dropped = dropped.collect::<BTreeSet<u32>>();
        }
        Ok(())
    }
}

/// Writes a text as a string with something on both sides.
fn around([before, after]: [&str; 2], text: &str) -> Vec<u8> {
    let mut out = before.as_bytes().to_vec();
    json::quote(text, &mut out);
    out.extend_from_slice(after.as_bytes());
    out
}

fn malformed(error: Malformed) -> String {
    format!("the body is malformed: {error}")
}
