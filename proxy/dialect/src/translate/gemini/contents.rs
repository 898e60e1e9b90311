//! The conversation, as a target is sent it: turns that alternate, results of tools in a turn of
//! their own and in the order of their calls, signatures at the parts that follow them.

use std::borrow::Cow;

use super::{media::write_media, request_write::Draft};
use crate::{
    json::outlined::Cursor,
    translate::{
        form::{Call, Media, Part, Role, ToolResult},
        json::Json,
        loss::Refused,
        opaque::OpaqueKind,
        takes::SystemRole,
        text::Text,
    },
};

/// The signature that Google documents for calls which its model did not make:
/// <https://ai.google.dev/gemini-api/docs/thought-signatures>.
const NO_SIGNATURE: &str = "skip_thought_signature_validator";
/// The role of instructions that stand where the API has none.
const SYSTEM: &str = "role";

/// A part with the role that it has here.
struct Piece<'r, 'a> {
    role: Role,
    part: &'r Part<'a>,
}

/// Writes `systemInstruction` and `contents`.
pub(super) fn write(draft: &mut Draft<'_, '_, '_>, out: &mut Json) -> Result<(), Refused> {
    let request = draft.request;
    let mut system: Vec<&Part<'_>> = request.system.iter().collect();
    let mut pieces = Vec::new();
    for turn in &request.turns {
        for part in turn.parts.iter().filter(|part| !is_empty(part)) {
            match turn.role {
                Role::System if pieces.is_empty() => system.push(part),
                Role::System => {
                    draft.dropped.add(SYSTEM);
                    let role = Role::User;
                    pieces.push(Piece { role, part });
                }
                role @ (Role::User | Role::Assistant) => pieces.push(Piece { role, part }),
            }
        }
    }
    system.retain(|part| !is_empty(part));
    let takes_none = draft.target.takes.system_role == SystemRole::None;
    if (pieces.is_empty() || takes_none) && !system.is_empty() {
        // the API takes no conversation without a turn, and Gemma no instructions before it
        draft.dropped.add(SYSTEM);
        let role = Role::User;
        let first = system.drain(..).map(|part| Piece { role, part });
        pieces.splice(0..0, first);
    }
    let said_last = pieces.last().map(|piece| piece.role);
    if draft.target.takes.refuses_prefill && said_last == Some(Role::Assistant) {
        return Err(Refused::new(
            "messages",
            "ends with the model's own turn, which the model does not take",
        ));
    }
    if !system.is_empty() {
        let mut fault = Ok(());
        out.key("systemInstruction").object(|out| {
            out.key("parts").array(|out| {
                let mut writer = Writer::new(draft);
                fault = system.iter().try_for_each(|part| writer.part(part, out));
            });
        });
        fault?;
    }
    let mut fault = Ok(());
    out.key("contents")
        .array(|out| fault = contents(draft, &pieces, out));
    fault
}

/// Reports whether a part is a text without a letter, which the API refuses.
fn is_empty(part: &Part<'_>) -> bool {
    matches!(part, Part::Text { text, .. } | Part::Refusal(text) if text.is_empty())
}

/// Writes the turns.
fn contents(
    draft: &mut Draft<'_, '_, '_>,
    pieces: &[Piece<'_, '_>],
    out: &mut Json,
) -> Result<(), Refused> {
    let mut calls: Vec<&Text<'_>> = Vec::new();
    for turn in pieces.chunk_by(|one, other| one.role == other.role) {
        let is_model = turn
            .first()
            .is_some_and(|piece| piece.role == Role::Assistant);
        let (mut results, mut others) = (Vec::new(), Vec::new());
        for piece in turn {
            if let (Part::Result(result), false) = (piece.part, is_model) {
                results.push(result);
            } else {
                others.push(piece.part);
            }
        }
        let place = |result: &&ToolResult<'_>| {
            let id = result.id.as_ref().map(Text::decode);
            let mut known = calls.iter();
            known
                .position(|call| Some(call.decode()) == id)
                .unwrap_or(usize::MAX)
        };
        results.sort_by_cached_key(place);
        if !results.is_empty() {
            content("user", out, |out| write_results(draft, &results, out))?;
        }
        if is_model {
            calls = turn
                .iter()
                .filter_map(|piece| call_id(piece.part))
                .collect();
        }
        let role = if is_model { "model" } else { "user" };
        content(role, out, |out| {
            let mut writer = Writer::new(draft);
            writer.is_model = is_model;
            for part in &others {
                writer.part(part, out)?;
            }
            writer.end(out);
            Ok(())
        })?;
    }
    Ok(())
}

fn call_id<'r, 'a>(part: &'r Part<'a>) -> Option<&'r Text<'a>> {
    match part {
        Part::Call(call) => call.id.as_ref(),
        Part::Text { .. }
        | Part::Media(_)
        | Part::Result(_)
        | Part::Reasoning { .. }
        | Part::Refusal(_) => None,
    }
}

/// Writes a turn, unless there is nothing in it.
fn content(
    role: &str,
    out: &mut Json,
    parts: impl FnOnce(&mut Json) -> Result<(), Refused>,
) -> Result<(), Refused> {
    let start = out.0.len();
    let (mut fault, mut empty) = (Ok(()), false);
    out.object(|out| {
        out.key("role").str(role).key("parts");
        let before = out.0.len();
        out.array(|out| fault = parts(out));
        empty = out.0.get(before..) == Some(b"[]");
    });
    if empty {
        out.0.truncate(start);
    }
    fault
}

/// Writes the results of one step, and media that go with none of them behind.
fn write_results(
    draft: &mut Draft<'_, '_, '_>,
    results: &[&ToolResult<'_>],
    out: &mut Json,
) -> Result<(), Refused> {
    let is_multimodal = draft.generation.is_some_and(|number| number >= 3);
    for result in results {
        write_result(draft, result, is_multimodal, out)?;
    }
    if !is_multimodal {
        for media in results.iter().flat_map(|result| media_of(result)) {
            write_media(draft, media, out)?;
        }
    }
    Ok(())
}

fn media_of<'r, 'a>(result: &'r ToolResult<'a>) -> impl Iterator<Item = &'r Media<'a>> {
    result.content.iter().filter_map(|part| match part {
        Part::Media(media) => Some(media),
        Part::Text { .. }
        | Part::Call(_)
        | Part::Result(_)
        | Part::Reasoning { .. }
        | Part::Refusal(_) => None,
    })
}

fn write_result(
    draft: &mut Draft<'_, '_, '_>,
    result: &ToolResult<'_>,
    with_media: bool,
    out: &mut Json,
) -> Result<(), Refused> {
    let by_id = || {
        let id = result.id.as_ref()?;
        draft.request.name_of(id)
    };
    let Some(name) = result.name.as_ref().or_else(by_id) else {
        return Err(Refused::new(
            "tool result",
            "answers no call of this conversation, and the target wants its function's name",
        ));
    };
    if result.cache.is_some() {
        draft.dropped.add("cache_control");
    }
    let mut fault = Ok(());
    out.object(|out| {
        out.key("functionResponse").object(|out| {
            if let Some(id) = result.id.as_ref().filter(|_| !draft.target.quirks.vertex) {
                out.key("id").text(id);
            }
            out.key("name").text(name).key("response");
            write_response(result, out);
            if with_media && media_of(result).next().is_some() {
                out.key("parts").array(|out| {
                    let mut media = media_of(result);
                    fault = media.try_for_each(|media| write_media(draft, media, out));
                });
            }
        });
    });
    fault
}

/// Writes a result as the object that the API wants: itself where it is one, else under `result`,
/// or under `error`.
fn write_response(result: &ToolResult<'_>, out: &mut Json) {
    let name = if result.is_error { "error" } else { "result" };
    let texts: Vec<&Text<'_>> = result
        .content
        .iter()
        .filter_map(|part| match part {
            Part::Text { text, .. } | Part::Refusal(text) => Some(text),
            Part::Media(_) | Part::Call(_) | Part::Result(_) | Part::Reasoning { .. } => None,
        })
        .collect();
    let text = match &*texts {
        [text] => text.decode(),
        _ => Cow::Borrowed(""),
    };
    let json = result.value.unwrap_or(text.as_bytes()).trim_ascii();
    if is_object(json) && !names_references(json) {
        if result.is_error && result.value.is_none() {
            out.object(|out| {
                out.key("error").source(json);
            });
        } else {
            out.source(json);
        }
        return;
    }
    out.object(|out| {
        out.key(name);
        match result.value {
            Some(value) if texts.is_empty() => out.str(&String::from_utf8_lossy(value)),
            _ => out.literal(|out| {
                for (at, text) in texts.iter().enumerate() {
                    if at > 0 {
                        out.extend_from_slice(b"\\n");
                    }
                    text.write_inside(out);
                }
            }),
        };
    });
}

fn is_object(json: &[u8]) -> bool {
    let mut cursor = Cursor::new(json);
    json.first() == Some(&b'{')
        && str::from_utf8(json).is_ok()
        && cursor.skip().is_ok()
        && cursor.end().is_ok()
}

/// Reports whether a value may have a member `$ref`: the API takes it for a reference to a part,
/// and refuses the request.
fn names_references(json: &[u8]) -> bool {
    let has = |word: &[u8]| memchr::memmem::find(json, word).is_some();
    has(b"$ref") || has(b"\\u0024")
}

/// Writes the parts of one turn.
struct Writer<'w, 'r, 'a, 't> {
    draft: &'w mut Draft<'r, 'a, 't>,
    is_model: bool,
    /// A signature that belongs to the next part.
    signature: Option<Text<'r>>,
    /// True once a call was written: the others beside it need no signature.
    called: bool,
}

impl<'w, 'r, 'a, 't> Writer<'w, 'r, 'a, 't> {
    fn new(draft: &'w mut Draft<'r, 'a, 't>) -> Self {
        Self {
            draft,
            is_model: false,
            signature: None,
            called: false,
        }
    }

    fn part(&mut self, part: &Part<'_>, out: &mut Json) -> Result<(), Refused> {
        match part {
            Part::Text { text, cache } => {
                if cache.is_some() {
                    self.draft.dropped.add("cache_control");
                }
                self.text(text, out);
            }
            Part::Refusal(text) => self.text(text, out),
            Part::Media(media) => write_media(self.draft, media, out)?,
            Part::Call(call) => self.call(call, out)?,
            Part::Reasoning { text, opaque } => {
                let home = opaque.as_ref().and_then(|opaque| {
                    opaque.at_home(self.draft.target.origin, OpaqueKind::Thought)
                });
                match home {
                    Some(signature) => {
                        self.end(out);
                        self.signature = Some(signature.clone().into_owned());
                    }
                    None if opaque.is_some() || text.is_some() => {
                        self.draft.dropped.add("reasoning");
                    }
                    None => {}
                }
            }
            // a model says none
            Part::Result(_) => return Err(Refused::new("tool result", "is in the model's turn")),
        }
        Ok(())
    }

    fn text(&mut self, text: &Text<'_>, out: &mut Json) {
        if text.is_empty() && self.signature.is_none() {
            return;
        }
        out.object(|out| {
            out.key("text").text(text);
            self.sign(out);
        });
    }

    fn call(&mut self, call: &Call<'_>, out: &mut Json) -> Result<(), Refused> {
        let arguments = call.arguments.object()?;
        if call.cache.is_some() {
            self.draft.dropped.add("cache_control");
        }
        let wants_signature = self.draft.generation.is_some_and(|number| number >= 3);
        if wants_signature && !self.called && self.signature.is_none() {
            self.signature = Some(Text::plain(NO_SIGNATURE));
        }
        self.called = true;
        out.object(|out| {
            out.key("functionCall").object(|out| {
                if let Some(id) = call
                    .id
                    .as_ref()
                    .filter(|_| !self.draft.target.quirks.vertex)
                {
                    out.key("id").text(id);
                }
                out.key("name").text(&call.name);
                out.key("args").source(&arguments);
            });
            self.sign(out);
        });
        Ok(())
    }

    /// Writes the signature of this part.
    fn sign(&mut self, out: &mut Json) {
        if let Some(signature) = self.signature.take() {
            out.key("thoughtSignature").text(&signature);
        }
    }

    /// Writes a signature that no part follows, at an empty one, as the API itself does.
    fn end(&mut self, out: &mut Json) {
        if self.signature.is_some() {
            self.text(&Text::plain(""), out);
        }
    }
}
