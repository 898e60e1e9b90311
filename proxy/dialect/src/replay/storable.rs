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

/// The verdict for what was found elsewhere at that time: another exchange may find something else.
const LOOKUP: &str = "lookup";

pub(super) type Verdict = Result<(), &'static str>;

pub(super) fn storable(
    replay: &Replay,
    body: &[u8],
    streaming: bool,
    allow_tool_calls: bool,
) -> Verdict {
    let put_together;
    let whole = match streaming {
        true => {
            put_together = replay.whole_of(body).map_err(|why| word(&why))?;
            put_together.as_slice()
        }
        false => body,
    };
    let found = read(replay, whole).map_err(|why| word(&why))??;
    match found {
        Found { said: false, .. } => Err("empty"),
        Found { called: true, .. } if !allow_tool_calls => Err("tool_calls"),
        Found { .. } => Ok(()),
    }
}

fn word(why: &Malformed) -> &'static str {
    match why.what {
        INCOMPLETE => "incomplete",
        ERROR => "error",
        UNKNOWN => "unknown",
        super::MEDIA => "media",
        _ => "malformed",
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

fn read(replay: &Replay, whole: &[u8]) -> Result<Result<Found, &'static str>, Malformed> {
    checked(whole)?;
    let whole = Members::read(whole)?;
    if whole.said("error").is_some() {
        return Ok(Err("error"));
    }
    // Of several providers with the chat dialect; no other dialect has such members.
    let sources = ["citations", "search_results", "executed_tools"];
    if sources.iter().any(|name| whole.said(name).is_some()) {
        return Ok(Err(LOOKUP));
    }
    let mut found = Found::default();
    let verdict = (replay.judge)(&whole, &mut found);
    Ok(verdict?.map(|()| found))
}

pub(super) fn chunks(
    form: Form,
    whole: &Members<'_>,
    found: &mut Found,
) -> Result<Verdict, Malformed> {
    for choice in elements(whole.get("choices"))? {
        let choice = Members::read(choice)?;
        if choice.said("error").is_some() {
            return Ok(Err("error"));
        }
        let finish = match choice.text("finish_reason") {
            Some(b"stop" | b"tool_calls" | b"function_call") => Ok(()),
            Some(b"length") => Err("truncated"),
            Some(b"content_filter") => Err("refused"),
            None | Some(b"") => Err("incomplete"),
            Some(_) => Err("unknown"),
        };
        if finish.is_err() {
            return Ok(finish);
        }
        if form == Form::Text {
            found.said |= choice.said("text").is_some();
            continue;
        }
        let message = Members::read_or_empty(choice.get("message"))?;
        if message.said("refusal").is_some() {
            return Ok(Err("refused"));
        }
        if message.said("audio").is_some() || message.said("images").is_some() {
            return Ok(Err("media"));
        }
        let sources = ["annotations", "citations", "executed_tools"];
        if sources.iter().any(|name| message.said(name).is_some()) {
            return Ok(Err(LOOKUP));
        }
        for part in elements(message.get("content"))? {
            let kind = Members::read_or_empty(Some(part))?;
            if kind.text("type") == Some(b"reference") {
                return Ok(Err(LOOKUP));
            }
            let text = matches!(kind.text("type"), None | Some(b"text" | b"thinking"));
            if !text {
                return Ok(Err("media"));
            }
        }
        found.said |= message.said("content").is_some();
        if message.said("tool_calls").is_some() || message.said("function_call").is_some() {
            found.called();
        }
    }
    Ok(Ok(()))
}

pub(super) fn vectors(whole: &Members<'_>, found: &mut Found) -> Result<Verdict, Malformed> {
    found.said = whole.said("data").is_some();
    Ok(Ok(()))
}

pub(super) fn messages(whole: &Members<'_>, found: &mut Found) -> Result<Verdict, Malformed> {
    if whole.text("type") != Some(b"message") {
        return Ok(Err("unknown"));
    }
    let stop = match whole.text("stop_reason") {
        Some(b"end_turn" | b"stop_sequence" | b"tool_use") => Ok(()),
        Some(b"max_tokens" | b"model_context_window_exceeded") => Err("truncated"),
        Some(b"refusal") => Err("refused"),
        None | Some(b"pause_turn") => Err("incomplete"),
        Some(_) => Err("unknown"),
    };
    if stop.is_err() {
        return Ok(stop);
    }
    for block in elements(whole.get("content"))? {
        let block = Members::read(block)?;
        match block.text("type").unwrap_or_default() {
            b"text" => found.said |= block.said("text").is_some(),
            b"thinking" | b"redacted_thinking" => {}
            b"tool_use" => found.called(),
            kind if kind.ends_with(b"tool_use") || kind.ends_with(b"tool_result") => {
                return Ok(Err(LOOKUP));
            }
            b"image" | b"document" | b"container_upload" => return Ok(Err("media")),
            _ => return Ok(Err("unknown")),
        }
    }
    Ok(Ok(()))
}

pub(super) fn responses(whole: &Members<'_>, found: &mut Found) -> Result<Verdict, Malformed> {
    let details = Members::read_or_empty(whole.get("incomplete_details"))?;
    let status = match (whole.text("status"), details.text("reason")) {
        (Some(b"completed"), _) => Ok(()),
        (Some(b"incomplete"), Some(b"max_output_tokens")) => Err("truncated"),
        (Some(b"incomplete"), Some(b"content_filter")) => Err("refused"),
        (Some(b"failed"), _) => Err("error"),
        _ => Err("incomplete"),
    };
    if status.is_err() {
        return Ok(status);
    }
    for item in elements(whole.get("output"))? {
        let item = Members::read(item)?;
        match item.text("status") {
            Some(b"failed") => return Ok(Err("error")),
            Some(b"incomplete" | b"in_progress" | b"searching" | b"interpreting") => {
                return Ok(Err("incomplete"));
            }
            _ => {}
        }
        match item.text("type").unwrap_or_default() {
            b"message" => {
                for part in elements(item.get("content"))? {
                    let part = Members::read(part)?;
                    if part.said("annotations").is_some() {
                        return Ok(Err(LOOKUP));
                    }
                    match part.text("type").unwrap_or_default() {
                        b"output_text" => found.said |= part.said("text").is_some(),
                        b"refusal" => return Ok(Err("refused")),
                        _ => return Ok(Err("media")),
                    }
                }
            }
            b"reasoning" => {}
            b"image_generation_call" => return Ok(Err("media")),
            // The app answers these. Every other call was the provider's to make.
            b"function_call" | b"custom_tool_call" | b"local_shell_call" | b"shell_call"
            | b"apply_patch_call" | b"computer_call" => found.called(),
            kind if kind.ends_with(b"_call")
                || kind.ends_with(b"_call_output")
                || kind.starts_with(b"mcp_") =>
            {
                return Ok(Err(LOOKUP));
            }
            _ => return Ok(Err("unknown")),
        }
    }
    Ok(Ok(()))
}

pub(super) fn gemini(whole: &Members<'_>, found: &mut Found) -> Result<Verdict, Malformed> {
    let feedback = Members::read_or_empty(whole.get("promptFeedback"))?;
    if feedback.said("blockReason").is_some() {
        return Ok(Err("refused"));
    }
    for candidate in elements(whole.get("candidates"))? {
        let candidate = Members::read(candidate)?;
        let finish = match candidate.text("finishReason") {
            Some(b"STOP") => Ok(()),
            Some(b"MAX_TOKENS") => Err("truncated"),
            Some(
                b"SAFETY"
                | b"RECITATION"
                | b"BLOCKLIST"
                | b"PROHIBITED_CONTENT"
                | b"SPII"
                | b"LANGUAGE"
                | b"IMAGE_SAFETY",
            ) => Err("refused"),
            None => Err("incomplete"),
            Some(_) => Err("unknown"),
        };
        if finish.is_err() {
            return Ok(finish);
        }
        let sources = [
            "groundingMetadata",
            "urlContextMetadata",
            "groundingAttributions",
        ];
        if sources.iter().any(|name| candidate.said(name).is_some()) {
            return Ok(Err(LOOKUP));
        }
        let content = Members::read_or_empty(candidate.get("content"))?;
        for part in elements(content.get("parts"))? {
            for (name, _) in Members::read(part)?.iter() {
                match name {
                    "text" => found.said = true,
                    "thought" | "thoughtSignature" | "partMetadata" => {}
                    "functionCall" => found.called(),
                    "executableCode" | "codeExecutionResult" => return Ok(Err(LOOKUP)),
                    "inlineData" | "fileData" | "videoMetadata" => return Ok(Err("media")),
                    _ => return Ok(Err("unknown")),
                }
            }
        }
    }
    Ok(Ok(()))
}
