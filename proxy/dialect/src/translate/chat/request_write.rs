//! Requests of `openai.chat`, written for a target.

use super::super::{
    form::{Choice, Effort, Extra, ExtraKind, Output, Request, Tool},
    format::Written,
    json::Json,
    loss::{Dropped, Refused},
    takes::{MaxField, ReasoningForm, ReasoningOff},
    target::Target,
    text::Text,
};

mod messages;

/// The most texts to stop at that the API takes.
const MOST_STOPS: usize = 4;

/// Writes a request.
pub(super) fn write(
    request: &Request<'_>,
    target: &Target<'_>,
    dropped: &mut Dropped,
) -> Result<Written, Refused> {
    let mut writer = Writer {
        json: Json::with_capacity(4096),
        request,
        target,
        dropped,
    };
    writer.json.0.push(b'{');
    writer.json.key("model").str(target.model);
    writer.messages()?;
    writer.tools()?;
    writer.options()?;
    for extra in &request.extras {
        writer.extra(extra)?;
    }
    writer.json.0.push(b'}');
    Ok(Written {
        path: "/v1/chat/completions".to_owned(),
        body: writer.json.0,
    })
}

struct Writer<'w, 'a> {
    json: Json,
    request: &'w Request<'a>,
    target: &'w Target<'w>,
    dropped: &'w mut Dropped,
}

impl Writer<'_, '_> {
    fn options(&mut self) -> Result<(), Refused> {
        let (request, target) = (self.request, self.target);
        if request.stream {
            self.json.key("stream").boolean(true);
            if target.quirks.stream_options {
                self.json
                    .key("stream_options")
                    .source(r#"{"include_usage":true}"#);
            }
        }
        if let Some(max) = request.max_output {
            let name = match (target.takes.max_field, target.quirks.max_completion_tokens) {
                (MaxField::MaxCompletionTokens, _) | (MaxField::Unknown, true) => {
                    "max_completion_tokens"
                }
                (MaxField::MaxTokens, _) | (MaxField::Unknown, false) => "max_tokens",
            };
            self.json.key(name).source(max);
        }
        self.sampling()?;
        self.reasoning()?;
        self.output()?;
        if let Some(user) = &request.user {
            self.json.key("user").text(user);
        }
        Ok(())
    }

    fn sampling(&mut self) -> Result<(), Refused> {
        let (request, takes) = (self.request, self.target.takes);
        let reasons = match self.effort() {
            Some(effort) => effort != Effort::None,
            None => takes.reasons_by_default,
        };
        let refused = takes.refuses_sampling_with_reasoning && reasons;
        let both = takes.refuses_temperature_with_top_p && request.temperature.is_some();
        for (name, value, is_refused) in [
            (
                "temperature",
                request.temperature,
                takes.refuses_temperature || refused,
            ),
            (
                "top_p",
                request.top_p,
                takes.refuses_top_p || both || refused,
            ),
        ] {
            match value {
                Some(value) if is_refused && !is_one(value) => self.dropped.add(name),
                Some(value) => _ = self.json.key(name).source(value),
                None => {}
            }
        }
        if request.top_k.is_some() {
            self.dropped.add("top_k");
        }
        if request.stop.is_empty() {
            return Ok(());
        }
        if takes.refuses_stop {
            return Err(Refused::new("stop", "is not taken by the target's model"));
        }
        if request.stop.len() > MOST_STOPS {
            return Err(Refused::new(
                "stop",
                "has more texts than the four that the target's dialect takes",
            ));
        }
        self.json.key("stop").array(|json| {
            for stop in &request.stop {
                json.text(stop);
            }
        });
        Ok(())
    }

    /// The effort that the caller names, or that its budget stands for.
    fn effort(&self) -> Option<Effort> {
        let reasoning = &self.request.reasoning;
        let named = reasoning
            .effort
            .filter(|effort| *effort != Effort::Adaptive);
        named.or_else(|| reasoning.budget.map(Effort::of_budget))
    }

    fn reasoning(&mut self) -> Result<(), Refused> {
        let takes = self.target.takes;
        let effort = self.effort();
        let is_off = effort == Some(Effort::None);
        if takes.tools_with_reasoning_in_responses_only && !self.request.tools.is_empty() && !is_off
        {
            return Err(Refused::new(
                "tools",
                "are taken by this model with reasoning in the Responses API only",
            ));
        }
        let Some(effort) = effort else {
            return Ok(());
        };
        let is_named = self.request.reasoning.effort == Some(effort);
        let written = match takes.reasoning {
            ReasoningForm::None => None,
            // A server that is not known may refuse what it does not know; a name that the caller
            // wrote is worth that, a number of tokens is not.
            ReasoningForm::Unknown => Some(effort).filter(|_| is_named && !is_off),
            ReasoningForm::Effort | ReasoningForm::Budget | ReasoningForm::Adaptive => {
                Some(takes.efforts.nearest(effort)).filter(|effort| {
                    *effort != Effort::None || takes.reasoning_off != ReasoningOff::Refused
                })
            }
        };
        match written {
            Some(effort) => _ = self.json.key("reasoning_effort").str(effort.name()),
            None if is_off && takes.reasoning == ReasoningForm::None => {}
            None => self.dropped.add("reasoning"),
        }
        Ok(())
    }

    fn output(&mut self) -> Result<(), Refused> {
        match &self.request.output {
            Output::Text => {}
            Output::JsonObject => {
                self.json
                    .key("response_format")
                    .source(r#"{"type":"json_object"}"#);
            }
            Output::Schema { .. }
                if !self.target.quirks.json_schema || self.target.takes.refuses_json_schema =>
            {
                return Err(Refused::new(
                    "response_format",
                    "is a JSON schema, which the target does not take",
                ));
            }
            Output::Schema {
                name,
                description,
                schema,
                strict,
            } => {
                self.json.key("response_format").object(|json| {
                    json.key("type").str("json_schema");
                    json.key("json_schema").object(|json| {
                        let given = Text::plain("response");
                        json.key("name").text(name.as_ref().unwrap_or(&given));
                        if let Some(description) = description {
                            json.key("description").text(description);
                        }
                        json.key("schema").source(schema);
                        if let Some(strict) = strict {
                            json.key("strict").boolean(*strict);
                        }
                    });
                });
            }
        }
        Ok(())
    }

    fn tools(&mut self) -> Result<(), Refused> {
        let request = self.request;
        let allowed = match &request.choice {
            Some(Choice::Allowed { names, .. }) => Some(names),
            Some(Choice::Auto | Choice::None | Choice::Required | Choice::Function(_)) | None => {
                None
            }
        };
        // A list of those that may be called says the same to every server.
        let is_allowed = |tool: &&Tool<'_>| {
            allowed.is_none_or(|names| names.iter().any(|name| name.decode() == tool.name.decode()))
        };
        if request.tools.iter().any(|tool| tool.cache.is_some()) {
            self.dropped.add("cache_control");
        }
        if !request.tools.iter().any(|tool| is_allowed(&tool)) {
            return match &request.choice {
                Some(Choice::Required | Choice::Function(_)) => Err(Refused::malformed(
                    "tool_choice",
                    "wants a tool, and there is none",
                )),
                Some(Choice::Auto | Choice::None | Choice::Allowed { .. }) | None => Ok(()),
            };
        }
        self.json.key("tools").array(|json| {
            for tool in request.tools.iter().filter(is_allowed) {
                write_tool(json, tool);
            }
        });
        match &request.choice {
            None => {}
            Some(
                Choice::Auto
                | Choice::Allowed {
                    required: false, ..
                },
            ) => {
                self.json.key("tool_choice").str("auto");
            }
            Some(Choice::None) => _ = self.json.key("tool_choice").str("none"),
            Some(Choice::Required | Choice::Allowed { required: true, .. }) => {
                let any = self.target.quirks.any_tool;
                self.json.key("tool_choice").str(any);
            }
            Some(Choice::Function(name)) => {
                self.json.key("tool_choice").object(|json| {
                    json.key("type").str("function");
                    json.key("function")
                        .object(|json| _ = json.key("name").text(name));
                });
            }
        }
        let says = !self.target.takes.refuses_parallel && self.target.quirks.parallel_tool_calls;
        match request.parallel {
            Some(parallel) if says => _ = self.json.key("parallel_tool_calls").boolean(parallel),
            Some(false) => self.dropped.add("parallel_tool_calls"),
            Some(true) | None => {}
        }
        Ok(())
    }

    fn extra(&mut self, extra: &Extra<'_>) -> Result<(), Refused> {
        let takes = self.target.takes;
        let name = match extra.kind {
            ExtraKind::Choices => Some("n"),
            ExtraKind::Seed => self.target.quirks.seed_field,
            ExtraKind::FrequencyPenalty if !takes.refuses_penalties => Some("frequency_penalty"),
            ExtraKind::PresencePenalty if !takes.refuses_penalties => Some("presence_penalty"),
            ExtraKind::ServiceTier if is_tier(extra.value) => Some("service_tier"),
            ExtraKind::Store if self.target.quirks.max_completion_tokens => Some("store"),
            ExtraKind::Verbosity if self.target.quirks.max_completion_tokens => Some("verbosity"),
            ExtraKind::CacheKey if self.target.quirks.max_completion_tokens => {
                Some("prompt_cache_key")
            }
            ExtraKind::Logprobs
            | ExtraKind::TopLogprobs
            | ExtraKind::FrequencyPenalty
            | ExtraKind::PresencePenalty
            | ExtraKind::LogitBias
            | ExtraKind::ServiceTier
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
            | ExtraKind::Betas
            | ExtraKind::InferenceGeo => None,
        };
        match name {
            Some(name) => _ = self.json.key(name).source(extra.value),
            None => extra.lose(self.dropped)?,
        }
        Ok(())
    }
}

/// Reports whether a number is 1, as the default of most sampling parameters is.
fn is_one(number: &[u8]) -> bool {
    str::from_utf8(number).is_ok_and(|number| number.parse() == Ok(1.0_f64))
}

/// Reports whether a class of service is one that OpenAI has.
fn is_tier(value: &[u8]) -> bool {
    let tiers: [&[u8]; 4] = [b"\"auto\"", b"\"default\"", b"\"flex\"", b"\"priority\""];
    tiers.contains(&value)
}

fn write_tool(json: &mut Json, tool: &Tool<'_>) {
    json.object(|json| {
        json.key("type").str("function");
        json.key("function").object(|json| {
            json.key("name").text(&tool.name);
            if let Some(description) = &tool.description {
                json.key("description").text(description);
            }
            if let Some(parameters) = tool.parameters {
                json.key("parameters").source(parameters);
            }
            if let Some(strict) = tool.strict {
                json.key("strict").boolean(strict);
            }
        });
    });
}
