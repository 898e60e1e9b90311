//! `generationConfig`, as a caller sends it.

use super::{
    request_read::Reader,
    walk::{At, array, boolean, decoded, number, object, skip, source, text},
};
use crate::{
    json::outlined::Cursor,
    translate::{
        form::{Effort, ExtraKind, Output, Reasoning},
        loss::Refused,
    },
};

/// The members that say together which form the text has.
#[derive(Default)]
struct Form<'a> {
    schema: Option<&'a [u8]>,
    is_json: bool,
}

/// Reads `generationConfig`.
pub(super) fn read<'a>(
    reader: &mut Reader<'a, '_>,
    cursor: &mut Cursor<'a>,
    at: &At<'_>,
) -> Result<(), Refused> {
    let mut form = Form::default();
    object(cursor, at, |key, cursor, at| {
        member(reader, &mut form, key, cursor, at)
    })?;
    reader.request.output = match (form.schema, form.is_json) {
        (Some(schema), _) => Output::Schema {
            name: None,
            description: None,
            schema,
            strict: None,
        },
        (None, true) => Output::JsonObject,
        (None, false) => Output::Text,
    };
    Ok(())
}

fn member<'a>(
    reader: &mut Reader<'a, '_>,
    form: &mut Form<'a>,
    key: &str,
    cursor: &mut Cursor<'a>,
    at: &At<'_>,
) -> Result<(), Refused> {
    let doc = reader.doc;
    let request = &mut reader.request;
    match key {
        "temperature" => request.temperature = Some(number(cursor, doc, at)?),
        "topP" => request.top_p = Some(number(cursor, doc, at)?),
        "topK" => request.top_k = Some(number(cursor, doc, at)?),
        "maxOutputTokens" => request.max_output = Some(number(cursor, doc, at)?),
        "stopSequences" => {
            request.stop.clear();
            array(cursor, at, |cursor, at| {
                request.stop.push(text(cursor, doc, at)?);
                Ok(())
            })?;
        }
        "candidateCount" => {
            let is_one = number(&mut { *cursor }, doc, at)? == b"1";
            return unless(is_one, reader, ExtraKind::Choices, CANDIDATES, cursor, at);
        }
        "responseMimeType" => match &*decoded(cursor, doc, at)? {
            "application/json" => form.is_json = true,
            "text/plain" | "" => form.is_json = false,
            _ => return Err(at.refused("names a form of text that no other target has")),
        },
        "responseSchema" | "responseJsonSchema" | "_responseJsonSchema" => {
            form.schema = Some(reader.schema(cursor, at)?);
        }
        "thinkingConfig" => return thinking(reader, cursor, at),
        "seed" => {
            number(&mut { *cursor }, doc, at)?;
            return reader.extra(ExtraKind::Seed, "seed", cursor, at);
        }
        "presencePenalty" => {
            number(&mut { *cursor }, doc, at)?;
            return reader.extra(ExtraKind::PresencePenalty, "presencePenalty", cursor, at);
        }
        "frequencyPenalty" => {
            number(&mut { *cursor }, doc, at)?;
            return reader.extra(ExtraKind::FrequencyPenalty, "frequencyPenalty", cursor, at);
        }
        "responseLogprobs" => {
            let is_off = !boolean(&mut { *cursor }, at)?;
            let kind = ExtraKind::Logprobs;
            return unless(is_off, reader, kind, "responseLogprobs", cursor, at);
        }
        "logprobs" => {
            number(&mut { *cursor }, doc, at)?;
            return reader.extra(ExtraKind::TopLogprobs, "logprobs", cursor, at);
        }
        "responseModalities" => {
            let mut is_text = true;
            array(&mut { *cursor }, at, |cursor, at| {
                is_text &= decoded(cursor, doc, at)?.eq_ignore_ascii_case("TEXT");
                Ok(())
            })?;
            let kind = ExtraKind::Modalities;
            return unless(is_text, reader, kind, "responseModalities", cursor, at);
        }
        "speechConfig" => {
            return reader.extra(ExtraKind::Modalities, "speechConfig", cursor, at);
        }
        "imageConfig" => return reader.extra(ExtraKind::Modalities, "imageConfig", cursor, at),
        "mediaResolution" => {
            let kind = ExtraKind::MediaResolution;
            return reader.extra(kind, "mediaResolution", cursor, at);
        }
        "audioTimestamp" => return reader.drop_member("audioTimestamp", cursor, at),
        "enableEnhancedCivicAnswers" => {
            return reader.drop_member("enableEnhancedCivicAnswers", cursor, at);
        }
        _ => return Err(at.unknown()),
    }
    Ok(())
}

const CANDIDATES: &str = "candidateCount";

/// Takes a member, unless its value is what every target does.
fn unless<'a>(
    is_default: bool,
    reader: &mut Reader<'a, '_>,
    kind: ExtraKind,
    field: &'static str,
    cursor: &mut Cursor<'a>,
    at: &At<'_>,
) -> Result<(), Refused> {
    reader.request.extras.retain(|extra| extra.field != field);
    match is_default {
        true => skip(cursor, at),
        false => reader.extra(kind, field, cursor, at),
    }
}

fn thinking<'a>(
    reader: &mut Reader<'a, '_>,
    cursor: &mut Cursor<'a>,
    at: &At<'_>,
) -> Result<(), Refused> {
    let mut reasoning = Reasoning::default();
    object(cursor, at, |key, cursor, at| {
        match key {
            "includeThoughts" => reasoning.shown = Some(boolean(cursor, at)?),
            "thinkingBudget" => match number(&mut { *cursor }, reader.doc, at)? {
                b"0" => {
                    reasoning.effort = Some(Effort::None);
                    skip(cursor, at)?;
                }
                [b'-', ..] => {
                    reasoning.effort = Some(Effort::Adaptive);
                    skip(cursor, at)?;
                }
                _ => reasoning.budget = cursor.count().ok().flatten(),
            },
            "thinkingLevel" => {
                let name = decoded(cursor, reader.doc, at)?;
                if !name.eq_ignore_ascii_case("THINKING_LEVEL_UNSPECIFIED") {
                    let effort = Effort::named(&name)
                        .filter(|effort| (Effort::Minimal..=Effort::High).contains(effort));
                    reasoning.effort = Some(effort.ok_or_else(|| at.unknown())?);
                }
            }
            _ => {
                source(cursor, reader.doc, at)?;
                return Err(at.unknown());
            }
        }
        Ok(())
    })?;
    reader.request.reasoning = reasoning;
    Ok(())
}
