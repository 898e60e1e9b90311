//! Requests of `anthropic.messages`, written for a target:
//! <https://platform.claude.com/docs/en/api/messages/create>.

use super::super::{
    form::{Cache, Extra, ExtraKind, Output, Request},
    format::Written,
    json::Json,
    loss::{Dropped, Refused},
    target::Target,
    text::Text,
};
use conversation::Conversation;
use thinking::{Plan, Thinking};

mod blocks;
mod conversation;
mod thinking;
mod tools;

/// The most marks for the prompt cache that the API takes.
const MOST_MARKS: u8 = 4;
/// The least `top_p` that the API takes with thinking, and of models that take no other.
const LEAST_TOP_P: (f64, f64) = (0.95, 0.99);

/// Writes a request.
pub(super) fn write(
    request: &Request<'_>,
    target: &Target<'_>,
    dropped: &mut Dropped,
) -> Result<Written, Refused> {
    let conversation = Conversation::of(request, target, dropped)?;
    let plan = Plan::of(request, target, &conversation, dropped)?;
    let mut writer = Writer {
        json: Json::with_capacity(4096),
        request,
        target,
        dropped,
        marks: MOST_MARKS,
    };
    writer.json.0.push(b'{');
    writer.json.key("model").str(target.model);
    writer.json.key("max_tokens").number(plan.max);
    if request.stream {
        writer.json.key("stream").boolean(true);
    }
    writer.tools()?;
    writer.choice(&plan)?;
    writer.system(&conversation);
    writer.messages(&conversation)?;
    writer.sampling(&plan)?;
    plan.write(&mut writer.json);
    writer.output(&plan, &conversation)?;
    if let Some(user) = &request.user {
        writer
            .json
            .key("metadata")
            .object(|json| _ = json.key("user_id").text(user));
    }
    for extra in &request.extras {
        writer.extra(extra)?;
    }
    writer.json.0.push(b'}');
    Ok(Written {
        path: "/v1/messages".to_owned(),
        body: writer.json.0,
    })
}

struct Writer<'w, 'a> {
    json: Json,
    request: &'w Request<'a>,
    target: &'w Target<'w>,
    dropped: &'w mut Dropped,
    /// Marks for the prompt cache that may still be set.
    marks: u8,
}

impl Writer<'_, '_> {
    /// Writes a mark for the prompt cache into the block that is being written.
    fn mark(&mut self, cache: Option<Cache>) {
        let Some(cache) = cache else {
            return;
        };
        match self.marks.checked_sub(1) {
            Some(left) => {
                self.marks = left;
                let ttl = match cache.long {
                    true => r#"{"type":"ephemeral","ttl":"1h"}"#,
                    false => r#"{"type":"ephemeral"}"#,
                };
                self.json.key("cache_control").source(ttl);
            }
            None => self.dropped.add("cache_control"),
        }
    }

    fn sampling(&mut self, plan: &Plan) -> Result<(), Refused> {
        let (request, takes) = (self.request, self.target.takes);
        let thinks = plan.thinks();
        let narrow = thinks || plan.reasons && takes.refuses_sampling_with_reasoning;
        let mut has_temperature = false;
        if let Some(temperature) = request.temperature {
            let degree = value(temperature);
            let is_taken = match takes.refuses_temperature || narrow {
                true => degree == Some(1.0),
                false => degree.is_some_and(|degree| (0.0..=1.0).contains(&degree)),
            };
            match is_taken {
                true => _ = self.json.key("temperature").source(temperature),
                false => self.dropped.add("temperature"),
            }
            has_temperature = is_taken;
        }
        if let Some(top_p) = request.top_p {
            let (with_thinking, at_all) = LEAST_TOP_P;
            let least = match (takes.refuses_top_p, narrow) {
                (true, _) => at_all,
                (false, true) => with_thinking,
                (false, false) => 0.0,
            };
            let is_taken = value(top_p).is_some_and(|top_p| (least..=1.0).contains(&top_p))
                && !(has_temperature && takes.refuses_temperature_with_top_p);
            match is_taken {
                true => _ = self.json.key("top_p").source(top_p),
                false => self.dropped.add("top_p"),
            }
        }
        if let Some(top_k) = request.top_k {
            match takes.refuses_top_k || narrow {
                true => self.dropped.add("top_k"),
                false => _ = self.json.key("top_k").source(top_k),
            }
        }
        self.stop()
    }

    fn stop(&mut self) -> Result<(), Refused> {
        let stop = &self.request.stop;
        if stop.is_empty() {
            return Ok(());
        }
        if self.target.takes.refuses_stop {
            return Err(Refused::new("stop", "is not taken by the target's model"));
        }
        if stop.iter().any(blocks::is_blank) {
            return Err(Refused::new(
                "stop",
                "has a text of nothing but whitespace, which the target's dialect does not take",
            ));
        }
        self.json.key("stop_sequences").array(|json| {
            for stop in stop {
                json.text(stop);
            }
        });
        Ok(())
    }

    /// Writes `output_config`: the form of the text, and the effort.
    fn output(&mut self, plan: &Plan, conversation: &Conversation<'_, '_>) -> Result<(), Refused> {
        let schema = match &self.request.output {
            Output::Text => None,
            Output::JsonObject => {
                return Err(Refused::new(
                    "response_format",
                    "is any JSON object, and the target's dialect takes a schema only",
                ));
            }
            Output::Schema { .. } if self.target.takes.refuses_json_schema => {
                return Err(Refused::new(
                    "response_format",
                    "is a JSON schema, which the target's model does not take",
                ));
            }
            Output::Schema { .. } if conversation.ends_with_assistant() => {
                return Err(Refused::new(
                    "response_format",
                    "can't be had by the target's dialect for a reply that was begun",
                ));
            }
            Output::Schema {
                schema,
                description,
                ..
            } => {
                if description.is_some() {
                    self.dropped.add("response_format.json_schema.description");
                }
                Some(schema)
            }
        };
        if schema.is_none() && plan.effort.is_none() {
            return Ok(());
        }
        self.json.key("output_config").object(|json| {
            if let Some(effort) = plan.effort {
                json.key("effort").str(effort.name());
            }
            if let Some(schema) = schema {
                json.key("format").object(|json| {
                    json.key("type").str("json_schema");
                    json.key("schema").source(schema);
                });
            }
        });
        Ok(())
    }

    fn extra(&mut self, extra: &Extra<'_>) -> Result<(), Refused> {
        match extra.kind {
            ExtraKind::InferenceGeo => {
                self.json.key("inference_geo").source(extra.value);
                return Ok(());
            }
            // OpenAI's names: `default` is never to be served faster for more money
            ExtraKind::ServiceTier if extra.value == b"\"auto\"" => {
                self.json.key("service_tier").str("auto");
                return Ok(());
            }
            ExtraKind::ServiceTier if extra.value == b"\"default\"" => {
                self.json.key("service_tier").str("standard_only");
                return Ok(());
            }
            ExtraKind::ServiceTier
            | ExtraKind::Choices
            | ExtraKind::Logprobs
            | ExtraKind::TopLogprobs
            | ExtraKind::Seed
            | ExtraKind::FrequencyPenalty
            | ExtraKind::PresencePenalty
            | ExtraKind::LogitBias
            | ExtraKind::Store
            | ExtraKind::Metadata
            | ExtraKind::Verbosity
            | ExtraKind::CacheKey
            | ExtraKind::Include
            | ExtraKind::Truncation
            | ExtraKind::Prediction
            | ExtraKind::Safety
            | ExtraKind::Modalities
            | ExtraKind::State
            | ExtraKind::HostedTool
            | ExtraKind::MaxToolCalls
            | ExtraKind::StreamOptions
            | ExtraKind::Labels
            | ExtraKind::MediaResolution
            | ExtraKind::Betas => {}
        }
        extra.lose(self.dropped)
    }
}

/// The value of a number, for comparisons.
fn value(number: &[u8]) -> Option<f64> {
    str::from_utf8(number).ok()?.parse().ok()
}

/// Opens an object whose members are written one by one.
fn open(json: &mut Json) {
    json.source("{");
}

/// Appends a member that is a text.
fn member(json: &mut Json, name: &str, text: &Text<'_>) {
    json.key(name).text(text);
}
