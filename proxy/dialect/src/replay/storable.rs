//! The replies that may be stored: whole, finished by the model itself, no refusals, and without a
//! lookup by the provider.
//!
//! A reply that can't be judged is not stored: a wrong hit costs more than a call.

use super::{
    ERROR, INCOMPLETE, Replay, UNKNOWN,
    chat::Form,
    checked,
    members::{Members, elements},
};
use crate::Malformed;

/// The reason why a reply is not stored, in a word for metrics.
pub(super) struct Unstorable(pub(super) &'static str);

/// The reason for what was found elsewhere at that time: another exchange may find something else.
const LOOKUP: Unstorable = Unstorable("lookup");
const TRUNCATED: Unstorable = Unstorable("truncated");
const REFUSED: Unstorable = Unstorable("refused");
const UNFINISHED: Unstorable = Unstorable("incomplete");
const FAILED: Unstorable = Unstorable("error");
const UNRECOGNISED: Unstorable = Unstorable("unknown");
const NOT_TEXT: Unstorable = Unstorable("media");

pub(super) type Verdict = Result<(), Unstorable>;

pub(super) fn storable(
    replay: &Replay,
    body: &[u8],
    streaming: bool,
    allow_tool_calls: bool,
) -> Verdict {
    let found = match streaming {
        true => read(replay, &replay.whole_of(body)?),
        false => read(replay, body),
    };
    match found? {
        Found { said: false, .. } => Err(Unstorable("empty")),
        Found { called: true, .. } if !allow_tool_calls => Err(Unstorable("tool_calls")),
        Found { .. } => Ok(()),
    }
}

impl From<Malformed> for Unstorable {
    fn from(why: Malformed) -> Self {
        Self(match why.what {
            INCOMPLETE => "incomplete",
            ERROR => "error",
            UNKNOWN => "unknown",
            super::MEDIA => "media",
            _ => "malformed",
        })
    }
}

/// The content of a reply that was finished.
#[derive(Default)]
pub(super) struct Found {
    /// True if there is any content in it: an empty reply is more often a fault than an answer.
    said: bool,
    called: bool,
}

impl Found {
    fn called(&mut self) {
        self.said = true;
        self.called = true;
    }
}

fn read(replay: &Replay, whole: &[u8]) -> Result<Found, Unstorable> {
    checked(whole)?;
    let whole = Members::read(whole)?;
    if whole.said("error").is_some() {
        return Err(FAILED);
    }
    // Of several providers with the chat dialect; no other dialect has such members.
    looked_up(&whole, &["citations", "search_results", "executed_tools"])?;
    let mut found = Found::default();
    (replay.judge)(&whole, &mut found)?;
    Ok(found)
}

/// Refuses an object with any of these members, which name what was found elsewhere.
fn looked_up(object: &Members<'_>, sources: &[&str]) -> Verdict {
    match sources.iter().any(|name| object.said(name).is_some()) {
        true => Err(LOOKUP),
        false => Ok(()),
    }
}

pub(super) fn chunks(form: Form, whole: &Members<'_>, found: &mut Found) -> Verdict {
    for choice in elements(whole.get("choices"))? {
        let choice = Members::read(choice)?;
        if choice.said("error").is_some() {
            return Err(FAILED);
        }
        match choice.text("finish_reason") {
            Some(b"stop" | b"tool_calls" | b"function_call") => Ok(()),
            Some(b"length") => Err(TRUNCATED),
            Some(b"content_filter") => Err(REFUSED),
            None | Some(b"") => Err(UNFINISHED),
            Some(_) => Err(UNRECOGNISED),
        }?;
        if form == Form::Text {
            found.said |= choice.said("text").is_some();
            continue;
        }
        let message = Members::read_or_empty(choice.get("message"))?;
        if message.said("refusal").is_some() {
            return Err(REFUSED);
        }
        if message.said("audio").is_some() || message.said("images").is_some() {
            return Err(NOT_TEXT);
        }
        looked_up(&message, &["annotations", "citations", "executed_tools"])?;
        for part in elements(message.get("content"))? {
            let kind = Members::read_or_empty(Some(part))?;
            if kind.text("type") == Some(b"reference") {
                return Err(LOOKUP);
            }
            let text = matches!(kind.text("type"), None | Some(b"text" | b"thinking"));
            if !text {
                return Err(NOT_TEXT);
            }
        }
        found.said |= message.said("content").is_some();
        if message.said("tool_calls").is_some() || message.said("function_call").is_some() {
            found.called();
        }
    }
    Ok(())
}

pub(super) fn vectors(whole: &Members<'_>, found: &mut Found) -> Verdict {
    found.said = whole.said("data").is_some();
    Ok(())
}

pub(super) fn messages(whole: &Members<'_>, found: &mut Found) -> Verdict {
    if whole.text("type") != Some(b"message") {
        return Err(UNRECOGNISED);
    }
    match whole.text("stop_reason") {
        Some(b"end_turn" | b"stop_sequence" | b"tool_use") => Ok(()),
        Some(b"max_tokens" | b"model_context_window_exceeded") => Err(TRUNCATED),
        Some(b"refusal") => Err(REFUSED),
        None | Some(b"pause_turn") => Err(UNFINISHED),
        Some(_) => Err(UNRECOGNISED),
    }?;
    for block in elements(whole.get("content"))? {
        let block = Members::read(block)?;
        match block.text("type").unwrap_or_default() {
            b"text" => found.said |= block.said("text").is_some(),
            b"thinking" | b"redacted_thinking" => {}
            b"tool_use" => found.called(),
            kind if kind.ends_with(b"tool_use") || kind.ends_with(b"tool_result") => {
                return Err(LOOKUP);
            }
            b"image" | b"document" | b"container_upload" => return Err(NOT_TEXT),
            _ => return Err(UNRECOGNISED),
        }
    }
    Ok(())
}

pub(super) fn responses(whole: &Members<'_>, found: &mut Found) -> Verdict {
    let details = Members::read_or_empty(whole.get("incomplete_details"))?;
    match (whole.text("status"), details.text("reason")) {
        (Some(b"completed"), _) => Ok(()),
        (Some(b"incomplete"), Some(b"max_output_tokens")) => Err(TRUNCATED),
        (Some(b"incomplete"), Some(b"content_filter")) => Err(REFUSED),
        (Some(b"failed"), _) => Err(FAILED),
        _ => Err(UNFINISHED),
    }?;
    for item in elements(whole.get("output"))? {
        let item = Members::read(item)?;
        match item.text("status") {
            Some(b"failed") => return Err(FAILED),
            Some(b"incomplete" | b"in_progress" | b"searching" | b"interpreting") => {
                return Err(UNFINISHED);
            }
            _ => {}
        }
        match item.text("type").unwrap_or_default() {
            b"message" => {
                for part in elements(item.get("content"))? {
                    let part = Members::read(part)?;
                    if part.said("annotations").is_some() {
                        return Err(LOOKUP);
                    }
                    match part.text("type").unwrap_or_default() {
                        b"output_text" => found.said |= part.said("text").is_some(),
                        b"refusal" => return Err(REFUSED),
                        _ => return Err(NOT_TEXT),
                    }
                }
            }
            b"reasoning" => {}
            b"image_generation_call" => return Err(NOT_TEXT),
            // The app answers these. Every other call was the provider's to make.
            b"function_call" | b"custom_tool_call" | b"local_shell_call" | b"shell_call"
            | b"apply_patch_call" | b"computer_call" => found.called(),
            kind if kind.ends_with(b"_call")
                || kind.ends_with(b"_call_output")
                || kind.starts_with(b"mcp_") =>
            {
                return Err(LOOKUP);
            }
            _ => return Err(UNRECOGNISED),
        }
    }
    Ok(())
}

pub(super) fn gemini(whole: &Members<'_>, found: &mut Found) -> Verdict {
    let feedback = Members::read_or_empty(whole.get("promptFeedback"))?;
    if feedback.said("blockReason").is_some() {
        return Err(REFUSED);
    }
    for candidate in elements(whole.get("candidates"))? {
        let candidate = Members::read(candidate)?;
        match candidate.text("finishReason") {
            Some(b"STOP") => Ok(()),
            Some(b"MAX_TOKENS") => Err(TRUNCATED),
            Some(
                b"SAFETY"
                | b"RECITATION"
                | b"BLOCKLIST"
                | b"PROHIBITED_CONTENT"
                | b"SPII"
                | b"LANGUAGE"
                | b"IMAGE_SAFETY",
            ) => Err(REFUSED),
            None => Err(UNFINISHED),
            Some(_) => Err(UNRECOGNISED),
        }?;
        let sources = [
            "groundingMetadata",
            "urlContextMetadata",
            "groundingAttributions",
        ];
        looked_up(&candidate, &sources)?;
        let content = Members::read_or_empty(candidate.get("content"))?;
        for part in elements(content.get("parts"))? {
            for (name, _) in Members::read(part)?.iter() {
                match name {
                    "text" => found.said = true,
                    "thought" | "thoughtSignature" | "partMetadata" => {}
                    "functionCall" => found.called(),
                    "executableCode" | "codeExecutionResult" => return Err(LOOKUP),
                    "inlineData" | "fileData" | "videoMetadata" => return Err(NOT_TEXT),
                    _ => return Err(UNRECOGNISED),
                }
            }
        }
    }
    Ok(())
}
