//! Requests of `openai.responses`, written for a target:
//! <https://platform.openai.com/docs/api-reference/responses/create>.
//!
//! Nothing of the conversation is kept at the provider: `store` is `false` unless the caller says
//! otherwise, and reasoning comes back encrypted.

use super::super::{
    form::{Choice, Effort, Extra, ExtraKind, Output, Request, Tool},
    format::Written,
    json::Json,
    loss::{Dropped, Refused},
    takes::{ReasoningForm, ReasoningOff},
    target::Target,
    text::Text,
};

mod ids;
mod items;

/// The fewest tokens of output that the API lets a caller ask for.
const LEAST_OUTPUT: u64 = 16;
/// Bytes of the longest name of an end user that the API takes.
const LONGEST_USER: usize = 64;

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
    writer.instructions();
    writer.items()?;
    writer.tools()?;
    writer.text()?;
    writer.options()?;
    for extra in &request.extras {
        writer.extra(extra)?;
    }
    writer.json.0.push(b'}');
    Ok(Written {
        path: "/v1/responses".to_owned(),
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
    fn tools(&mut self) -> Result<(), Refused> {
        let request = self.request;
        if request.tools.iter().any(|tool| tool.cache.is_some()) {
            self.dropped.add("cache_control");
        }
        if request.tools.is_empty() {
            return match &request.choice {
                Some(Choice::Required | Choice::Function(_)) => Err(Refused::malformed(
                    "tool_choice",
                    "wants a tool, and there is none",
                )),
                Some(Choice::Auto | Choice::None | Choice::Allowed { .. }) | None => Ok(()),
            };
        }
        self.json.key("tools").array(|json| {
            for tool in &request.tools {
                write_tool(json, tool);
            }
        });
        if let Some(choice) = &request.choice {
            let forces = match choice {
                Choice::Required | Choice::Function(_) => true,
                Choice::Allowed { required, .. } => *required,
                Choice::Auto | Choice::None => false,
            };
            if forces && self.target.takes.refuses_forced_tools {
                return Err(Refused::new(
                    "tool_choice",
                    "makes the model call a tool, which it does not take",
                ));
            }
            self.json.key("tool_choice");
            write_choice(&mut self.json, choice);
        }
        match request.parallel {
            Some(_)
                if self.target.takes.refuses_parallel
                    || !self.target.quirks.parallel_tool_calls =>
            {
                self.dropped.add("parallel_tool_calls");
            }
            Some(parallel) => _ = self.json.key("parallel_tool_calls").boolean(parallel),
            None => {}
        }
        Ok(())
    }

    /// The form of the text, and how talkative it is to be.
    fn text(&mut self) -> Result<(), Refused> {
        let (request, target) = (self.request, self.target);
        let is_schema = matches!(request.output, Output::Schema { .. });
        if is_schema && (target.takes.refuses_json_schema || !target.quirks.json_schema) {
            return Err(Refused::new(
                "response_format",
                "is a JSON schema, which the target does not take",
            ));
        }
        let verbosity = request.extra(ExtraKind::Verbosity);
        if matches!(request.output, Output::Text) && verbosity.is_none() {
            return Ok(());
        }
        self.json.key("text").object(|json| {
            write_format(json, &request.output);
            if let Some(verbosity) = verbosity {
                json.key("verbosity").source(verbosity.value);
            }
        });
        Ok(())
    }

    fn options(&mut self) -> Result<(), Refused> {
        let request = self.request;
        if request.stream {
            self.json.key("stream").boolean(true);
        }
        let store = request.extra(ExtraKind::Store);
        self.json
            .key("store")
            .source(store.map_or(b"false".as_slice(), |store| store.value));
        if !request.stop.is_empty() {
            return Err(Refused::new(
                "stop",
                "has no place in the Responses API, which the target speaks",
            ));
        }
        self.max_output();
        let reasons = self.reasoning();
        self.sampling(reasons);
        if let Some(user) = &request.user {
            // Servers that are not OpenAI's know the older name.
            let name = match self.target.quirks.max_completion_tokens {
                true => "safety_identifier",
                false => "user",
            };
            match user.decode().len() > LONGEST_USER {
                true => self.dropped.add("user"),
                false => _ = self.json.key(name).text(user),
            }
        }
        Ok(())
    }

    /// The most tokens of output: no fewer than the API takes, and no more than the model has.
    fn max_output(&mut self) {
        let Some(source) = self.request.max_output else {
            return;
        };
        let key = "max_output_tokens";
        let number = str::from_utf8(source).ok();
        match number.and_then(|number| number.parse::<u64>().ok()) {
            Some(max) if max < LEAST_OUTPUT => {
                self.dropped.add("max_tokens");
                self.json.key(key).number(LEAST_OUTPUT);
            }
            Some(max) => {
                let most = self.target.takes.output.unwrap_or(u64::MAX);
                self.json.key(key).number(max.min(most));
            }
            None => _ = self.json.key(key).source(source),
        }
    }

    /// The effort and the summary of reasoning. Returns whether the model is going to reason.
    fn reasoning(&mut self) -> bool {
        let (wanted, takes) = (&self.request.reasoning, self.target.takes);
        let named = wanted.effort.filter(|effort| *effort != Effort::Adaptive);
        let effort = named.or_else(|| wanted.budget.map(Effort::of_budget));
        let effort = match takes.reasoning {
            ReasoningForm::None => {
                if effort.is_some_and(|effort| effort != Effort::None) {
                    self.dropped.add("reasoning");
                }
                return false;
            }
            // A server that is not known may refuse what it does not know; a name that the caller
            // wrote is worth that, a number of tokens is not.
            ReasoningForm::Unknown if named.is_none() && effort.is_some() => {
                self.dropped.add("reasoning");
                None
            }
            ReasoningForm::Unknown
            | ReasoningForm::Effort
            | ReasoningForm::Budget
            | ReasoningForm::Adaptive => effort.map(|effort| takes.efforts.nearest(effort)),
        };
        let effort = match effort {
            Some(Effort::None) if takes.reasoning_off == ReasoningOff::Refused => Some(Effort::Low),
            effort => effort,
        };
        let is_known = takes.reasoning != ReasoningForm::Unknown;
        let reasons = match effort {
            Some(effort) => effort != Effort::None,
            None => takes.reasons_by_default,
        };
        let auto = Text::plain("auto");
        let summary = match (&wanted.summary, wanted.shown) {
            (Some(summary), _) => Some(summary),
            (None, Some(true)) if is_known => Some(&auto),
            (None, _) => None,
        };
        let summary = summary.filter(|_| effort != Some(Effort::None));
        if effort.is_some() || summary.is_some() {
            self.json.key("reasoning").object(|json| {
                if let Some(effort) = effort {
                    json.key("effort").str(effort.name());
                }
                if let Some(summary) = summary {
                    json.key("summary").text(summary);
                }
            });
        }
        // Models that do not reason answer 400 to this, so one that is not known has to be asked
        // to reason.
        if is_known || reasons {
            self.json
                .key("include")
                .source(r#"["reasoning.encrypted_content"]"#);
        }
        reasons
    }

    fn sampling(&mut self, reasons: bool) {
        let (request, takes) = (self.request, self.target.takes);
        let neither = takes.refuses_sampling_with_reasoning && reasons;
        let both = takes.refuses_temperature_with_top_p && request.temperature.is_some();
        if let Some(temperature) = request.temperature {
            match (takes.refuses_temperature || neither, is_one(temperature)) {
                (true, true) => {}
                (true, false) => self.dropped.add("temperature"),
                (false, _) => _ = self.json.key("temperature").source(temperature),
            }
        }
        if let Some(top_p) = request.top_p {
            match (takes.refuses_top_p || neither || both, is_one(top_p)) {
                (true, true) => {}
                (true, false) => self.dropped.add("top_p"),
                (false, _) => _ = self.json.key("top_p").source(top_p),
            }
        }
        if request.top_k.is_some() {
            self.dropped.add("top_k");
        }
    }

    fn extra(&mut self, extra: &Extra<'_>) -> Result<(), Refused> {
        let name = match extra.kind {
            // written above
            ExtraKind::Store | ExtraKind::Verbosity => return Ok(()),
            // of the caller's own labels, and not of Anthropic's `metadata`
            ExtraKind::Metadata if extra.field == "metadata" => Some("metadata"),
            ExtraKind::ServiceTier if is_tier(extra.value) => Some("service_tier"),
            ExtraKind::CacheKey if extra.field == "prompt_cache_key" => Some("prompt_cache_key"),
            ExtraKind::MaxToolCalls => Some("max_tool_calls"),
            ExtraKind::Truncation => Some("truncation"),
            // Probabilities of tokens are asked for in vain: no reply that is translated has them.
            ExtraKind::Choices
            | ExtraKind::Logprobs
            | ExtraKind::TopLogprobs
            | ExtraKind::Seed
            | ExtraKind::FrequencyPenalty
            | ExtraKind::PresencePenalty
            | ExtraKind::LogitBias
            | ExtraKind::ServiceTier
            | ExtraKind::Metadata
            | ExtraKind::CacheKey
            | ExtraKind::Include
            | ExtraKind::Prediction
            | ExtraKind::Safety
            | ExtraKind::Modalities
            | ExtraKind::State
            | ExtraKind::HostedTool
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
    let tiers = ["auto", "default", "flex", "priority", "scale"];
    value.starts_with(b"\"") && tiers.iter().any(|tier| Text::Literal(value).is(tier))
}

/// Writes a function. Strictness is the API's default, and everywhere else the exception.
fn write_tool(json: &mut Json, tool: &Tool<'_>) {
    json.object(|json| {
        json.key("type").str("function");
        json.key("name").text(&tool.name);
        if let Some(description) = &tool.description {
            json.key("description").text(description);
        }
        json.key("parameters").source(
            tool.parameters
                .unwrap_or(br#"{"type":"object","properties":{}}"#),
        );
        json.key("strict").boolean(tool.strict.unwrap_or(false));
    });
}

fn write_choice(json: &mut Json, choice: &Choice<'_>) {
    let function = |json: &mut Json, name: &Text<'_>| {
        json.object(|json| {
            json.key("type").str("function");
            json.key("name").text(name);
        });
    };
    match choice {
        Choice::Auto => _ = json.str("auto"),
        Choice::None => _ = json.str("none"),
        Choice::Required => _ = json.str("required"),
        Choice::Function(name) => function(json, name),
        Choice::Allowed { names, required } => {
            json.object(|json| {
                json.key("type").str("allowed_tools");
                json.key("mode")
                    .str(if *required { "required" } else { "auto" });
                json.key("tools").array(|json| {
                    for name in names {
                        function(json, name);
                    }
                });
            });
        }
    }
}

fn write_format(json: &mut Json, output: &Output<'_>) {
    match output {
        Output::Text => {}
        Output::JsonObject => _ = json.key("format").source(r#"{"type":"json_object"}"#),
        Output::Schema {
            name,
            description,
            schema,
            strict,
        } => {
            json.key("format").object(|json| {
                let given = Text::plain("response");
                json.key("type").str("json_schema");
                json.key("name").text(name.as_ref().unwrap_or(&given));
                if let Some(description) = description {
                    json.key("description").text(description);
                }
                json.key("schema").source(schema);
                if let Some(strict) = strict {
                    json.key("strict").boolean(*strict);
                }
            });
        }
    }
}
