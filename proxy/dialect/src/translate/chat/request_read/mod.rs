//! Requests of `openai.chat`, read:
//! <https://platform.openai.com/docs/api-reference/chat/create>.

use super::super::{
    form::{Effort, Extra, ExtraKind, Request, Tool},
    loss::{Dropped, Refused},
    read::{boolean, elements, members, number, source, text},
    text::Text,
};
use crate::json::{Key, Kind, outlined::Cursor};
use options::{choice, function, function_choice, output};
use parts::cache_mark;

mod calls;
mod messages;
mod options;
mod parts;
mod reasoning;

const UNKNOWN: &str = "is not known here, and can't be carried to another dialect";
const HOSTED: &str = "is a tool that its provider runs, and can't be carried to another";

/// Members that are carried as they are where the target has them.
const EXTRAS: [(&str, ExtraKind); 15] = [
    ("seed", ExtraKind::Seed),
    ("frequency_penalty", ExtraKind::FrequencyPenalty),
    ("presence_penalty", ExtraKind::PresencePenalty),
    ("logit_bias", ExtraKind::LogitBias),
    ("top_logprobs", ExtraKind::TopLogprobs),
    ("service_tier", ExtraKind::ServiceTier),
    ("metadata", ExtraKind::Metadata),
    ("verbosity", ExtraKind::Verbosity),
    ("prompt_cache_key", ExtraKind::CacheKey),
    ("prompt_cache_retention", ExtraKind::CacheKey),
    ("prediction", ExtraKind::Prediction),
    ("audio", ExtraKind::Modalities),
    ("web_search_options", ExtraKind::HostedTool),
    ("moderation", ExtraKind::Safety),
    ("safety_settings", ExtraKind::Safety),
];

/// Members that servers of this dialect add and no other has.
const SERVERS_OWN: [&str; 3] = ["min_p", "repetition_penalty", "mock_response"];

/// Reads a request.
pub(super) fn read<'a>(doc: &'a [u8], dropped: &mut Dropped) -> Result<Request<'a>, Refused> {
    let mut reader = Reader {
        doc,
        dropped,
        request: Request::default(),
        has_messages: false,
    };
    let mut cursor = Cursor::new(doc);
    members(&mut cursor, |key, cursor| reader.member(key, cursor))?;
    cursor.end()?;
    let reasoning = &mut reader.request.reasoning;
    let reasons = reasoning
        .effort
        .is_some_and(|effort| effort != Effort::None);
    if reasons || reasoning.budget.is_some() {
        // Servers of this dialect show what they have of it, unless they are kept from that.
        reasoning.shown.get_or_insert(true);
    }
    match reader.has_messages {
        true => Ok(reader.request),
        false => Err(Refused::malformed("messages", "is missing")),
    }
}

struct Reader<'a, 'd> {
    doc: &'a [u8],
    dropped: &'d mut Dropped,
    request: Request<'a>,
    has_messages: bool,
}

impl<'a> Reader<'a, '_> {
    fn member(&mut self, key: Key<'a>, cursor: &mut Cursor<'a>) -> Result<(), Refused> {
        let (doc, request) = (self.doc, &mut self.request);
        match &*key.bytes() {
            b"model" => request.model = Some(text(cursor, doc, "model")?),
            b"messages" => {
                self.has_messages = true;
                if cursor.kind()? != Kind::Array {
                    return Err(Refused::malformed("messages", "is no list"));
                }
                elements(cursor, |index, cursor| self.message(index, cursor))?;
            }
            b"stream" => request.stream = boolean(cursor, "stream")?,
            b"stream_options" => members(cursor, |key, cursor| {
                if key.is("include_usage") {
                    request.stream_usage = boolean(cursor, "stream_options.include_usage")?;
                }
                Ok(())
            })?,
            b"max_completion_tokens" => {
                request.max_output = Some(number(cursor, doc, "max_completion_tokens")?);
            }
            b"max_tokens" => {
                let max = number(cursor, doc, "max_tokens")?;
                request.max_output.get_or_insert(max);
            }
            b"temperature" => request.temperature = Some(number(cursor, doc, "temperature")?),
            b"top_p" => request.top_p = Some(number(cursor, doc, "top_p")?),
            b"top_k" => request.top_k = Some(number(cursor, doc, "top_k")?),
            b"stop" => self.stop(cursor)?,
            b"n" => {
                let n = number(cursor, doc, "n")?;
                if n != b"1" {
                    self.extra(ExtraKind::Choices, "n", n);
                }
            }
            b"logprobs" => {
                if boolean(cursor, "logprobs")? {
                    self.extra(ExtraKind::Logprobs, "logprobs", b"true");
                }
            }
            b"store" => {
                if boolean(cursor, "store")? {
                    self.extra(ExtraKind::Store, "store", b"true");
                }
            }
            b"modalities" => {
                let value = source(cursor, doc)?;
                if !is_text_only(value) {
                    self.extra(ExtraKind::Modalities, "modalities", value);
                }
            }
            b"user" => {
                let user = text(cursor, doc, "user")?;
                request.user.get_or_insert(user);
            }
            b"safety_identifier" => request.user = Some(text(cursor, doc, "safety_identifier")?),
            b"reasoning_effort" => {
                let effort = text(cursor, doc, "reasoning_effort")?;
                request.reasoning.effort = Some(effort_of(&effort, "reasoning_effort")?);
            }
            b"reasoning" => self.reasoning(cursor)?,
            b"thinking" => self.thinking(cursor)?,
            b"tools" => elements(cursor, |index, cursor| self.tool(index, cursor))?,
            b"functions" => elements(cursor, |index, cursor| {
                let at = || format!("functions[{index}]");
                let tool = function(cursor, doc, &at)?;
                self.request.tools.push(tool);
                Ok(())
            })?,
            b"tool_choice" => request.choice = Some(choice(cursor, doc)?),
            b"function_call" => request.choice = Some(function_choice(cursor, doc)?),
            b"parallel_tool_calls" => {
                request.parallel = Some(boolean(cursor, "parallel_tool_calls")?);
            }
            b"response_format" => request.output = output(cursor, doc)?,
            name => {
                if let Some((field, kind)) = EXTRAS.into_iter().find(|(field, _)| key.is(field)) {
                    let value = source(cursor, doc)?;
                    self.extra(kind, field, value);
                } else if let Some(field) = SERVERS_OWN.into_iter().find(|field| key.is(field)) {
                    self.dropped.add(field);
                } else {
                    return Err(Refused::new(String::from_utf8_lossy(name), UNKNOWN));
                }
            }
        }
        Ok(())
    }

    fn extra(&mut self, kind: ExtraKind, field: &'static str, value: &'a [u8]) {
        self.request.extras.push(Extra { kind, field, value });
    }

    fn stop(&mut self, cursor: &mut Cursor<'a>) -> Result<(), Refused> {
        let stop = &mut self.request.stop;
        stop.clear();
        match cursor.kind()? {
            Kind::Array => elements(cursor, |index, cursor| {
                stop.push(text(cursor, self.doc, format_args!("stop[{index}]"))?);
                Ok(())
            }),
            Kind::Object | Kind::String | Kind::Number | Kind::Boolean | Kind::Null => {
                stop.push(text(cursor, self.doc, "stop")?);
                Ok(())
            }
        }
    }

    /// OpenRouter's form of it.
    fn reasoning(&mut self, cursor: &mut Cursor<'a>) -> Result<(), Refused> {
        let (doc, reasoning) = (self.doc, &mut self.request.reasoning);
        members(cursor, |key, cursor| {
            match &*key.bytes() {
                b"effort" => {
                    let effort = text(cursor, doc, "reasoning.effort")?;
                    reasoning.effort = Some(effort_of(&effort, "reasoning.effort")?);
                }
                b"max_tokens" => reasoning.budget = cursor.count()?,
                b"exclude" => reasoning.shown = Some(!boolean(cursor, "reasoning.exclude")?),
                b"enabled" => {
                    if !boolean(cursor, "reasoning.enabled")? {
                        reasoning.effort = Some(Effort::None);
                    }
                }
                b"summary" => reasoning.summary = Some(text(cursor, doc, "reasoning.summary")?),
                name => return Err(unknown("reasoning", name)),
            }
            Ok(())
        })
    }

    /// The form of DeepSeek and Zhipu.
    fn thinking(&mut self, cursor: &mut Cursor<'a>) -> Result<(), Refused> {
        let (doc, reasoning) = (self.doc, &mut self.request.reasoning);
        members(cursor, |key, cursor| {
            match &*key.bytes() {
                b"type" => {
                    let kind = text(cursor, doc, "thinking.type")?;
                    if kind.is("disabled") {
                        reasoning.effort = Some(Effort::None);
                    } else if reasoning.effort.is_none() {
                        reasoning.effort = Some(Effort::Adaptive);
                    }
                }
                b"budget_tokens" => reasoning.budget = cursor.count()?,
                name => return Err(unknown("thinking", name)),
            }
            Ok(())
        })
    }

    fn tool(&mut self, index: usize, cursor: &mut Cursor<'a>) -> Result<(), Refused> {
        let (mut kind, mut found, mut cache) = (None, None, None);
        members(cursor, |key, cursor| {
            let at = || format!("tools[{index}].function");
            match &*key.bytes() {
                b"type" => {
                    kind = Some(text(cursor, self.doc, format_args!("tools[{index}].type"))?)
                }
                b"function" => found = Some(function(cursor, self.doc, &at)?),
                b"cache_control" => cache = Some(cache_mark(cursor, self.doc)?),
                _ => {}
            }
            Ok(())
        })?;
        let at = || format!("tools[{index}].type");
        match (kind, found) {
            (Some(kind), _) if !kind.is("function") => Err(Refused::new(at(), HOSTED)),
            (_, None) => Err(Refused::malformed(
                format!("tools[{index}].function"),
                "is missing",
            )),
            (_, Some(tool)) => {
                self.request.tools.push(Tool { cache, ..tool });
                Ok(())
            }
        }
    }
}

fn unknown(at: &str, name: &[u8]) -> Refused {
    let name = String::from_utf8_lossy(name);
    Refused::new(format!("{at}.{name}"), UNKNOWN)
}

fn is_text_only(modalities: &[u8]) -> bool {
    let mut cursor = Cursor::new(modalities);
    let mut only = true;
    let read = cursor.array(|_, cursor| {
        let text = cursor.text_or_skip()?;
        only &= text.is_some_and(|text| text.decode(modalities) == "text");
        Ok(())
    });
    read.is_ok() && only
}

fn effort_of(text: &Text<'_>, field: &'static str) -> Result<Effort, Refused> {
    Effort::named(&text.decode())
        .ok_or_else(|| Refused::malformed(field, "is no effort that is known"))
}
