//! The writer of `gemini.generate` requests, for the Gemini API and for Vertex AI.

use super::{contents, generation, schema::to_openapi};
use crate::translate::{
    form::{Choice, Effort, Extra, ExtraKind, Output, Request},
    format::Written,
    json::Json,
    loss::{Dropped, Loss, Refused},
    target::Target,
};

/// The most texts to stop at, as the API's description has it.
const STOPS: usize = 5;
/// A request under construction.
pub(super) struct Draft<'r, 'a, 't> {
    pub(super) request: &'r Request<'a>,
    pub(super) target: &'r Target<'t>,
    pub(super) dropped: &'r mut Dropped,
    /// The model's generation, where it is one of Google's.
    pub(super) generation: Option<u32>,
}

/// Writes a request.
pub(super) fn write<'a>(
    request: &Request<'a>,
    target: &Target<'_>,
    dropped: &mut Dropped,
) -> Result<Written, Refused> {
    let mut draft = Draft {
        request,
        target,
        dropped,
        generation: generation(target.model),
    };
    let mut out = Json::with_capacity(1024);
    let mut fault = Ok(());
    out.object(|out| fault = draft.members(out));
    fault?;
    Ok(Written {
        path: path(target.model, request.stream),
        body: out.0,
    })
}

/// The path of a model's method.
fn path(model: &str, stream: bool) -> String {
    let method = match stream {
        true => "streamGenerateContent?alt=sse",
        false => "generateContent",
    };
    format!("{}:{method}", model_path(model))
}

/// The path of a model: its name, what no path may hold escaped.
pub(in super::super) fn model_path(model: &str) -> String {
    let mut path = String::from("/v1beta/");
    if !["models/", "tunedModels/", "endpoints/"]
        .iter()
        .any(|collection| model.starts_with(collection))
    {
        path.push_str("models/");
    }
    for byte in model.bytes() {
        match byte {
            b'A'..=b'Z' | b'a'..=b'z' | b'0'..=b'9' | b'-' | b'.' | b'_' | b'~' | b'/' | b'@' => {
                path.push(char::from(byte));
            }
            _ => path.push_str(&format!("%{byte:02X}")),
        }
    }
    path
}

impl Draft<'_, '_, '_> {
    fn members(&mut self, out: &mut Json) -> Result<(), Refused> {
        contents::write(self, out)?;
        self.tools(out)?;
        self.config(out)?;
        self.extras(out)
    }

    fn tools(&mut self, out: &mut Json) -> Result<(), Refused> {
        let tools = &self.request.tools;
        if tools.is_empty() {
            return Ok(());
        }
        out.key("tools").array(|out| {
            out.object(|out| {
                out.key("functionDeclarations").array(|out| {
                    for tool in tools {
                        out.object(|out| {
                            out.key("name").text(&tool.name);
                            if let Some(description) = &tool.description {
                                out.key("description").text(description);
                            }
                            if let Some(schema) = tool.parameters {
                                self.schema("parameters", "parametersJsonSchema", schema, out);
                            }
                        });
                        if tool.strict == Some(true) {
                            self.dropped.add("strict");
                        }
                        if tool.cache.is_some() {
                            self.dropped.add("cache_control");
                        }
                    }
                });
            });
        });
        self.choice(out)
    }

    /// Writes a schema in the dialect that the model takes.
    fn schema(&mut self, subset: &str, full: &str, schema: &[u8], out: &mut Json) {
        if !self.target.takes.openapi_schemas {
            out.key(full).source(schema.trim_ascii());
            return;
        }
        match to_openapi(schema) {
            Some((schema, lossy)) => {
                // the API takes no object without properties
                if !is_empty_object(&schema) {
                    out.key(subset).source(&schema);
                }
                if lossy {
                    self.dropped.add("schema");
                }
            }
            None => self.dropped.add("schema"),
        }
    }

    fn choice(&mut self, out: &mut Json) -> Result<(), Refused> {
        if self.request.parallel == Some(false) {
            self.dropped.add("parallel_tool_calls");
        }
        let Some(choice) = &self.request.choice else {
            return Ok(());
        };
        let is_forced = matches!(
            choice,
            Choice::Required | Choice::Function(_) | Choice::Allowed { required: true, .. }
        );
        if is_forced && self.target.takes.refuses_forced_tools {
            return Err(Refused::new(
                "tool_choice",
                "forces a call, which the model does not take",
            ));
        }
        let (mode, names) = match choice {
            Choice::Auto => ("AUTO", &[][..]),
            Choice::None => ("NONE", &[][..]),
            Choice::Required => ("ANY", &[][..]),
            Choice::Function(name) => ("ANY", std::slice::from_ref(name)),
            Choice::Allowed { names, required } => {
                // names go with these two modes only
                (if *required { "ANY" } else { "VALIDATED" }, &**names)
            }
        };
        out.key("toolConfig").object(|out| {
            out.key("functionCallingConfig").object(|out| {
                out.key("mode").str(mode);
                if !names.is_empty() {
                    out.key("allowedFunctionNames").array(|out| {
                        for name in names {
                            out.text(name);
                        }
                    });
                }
            });
        });
        Ok(())
    }

    fn config(&mut self, out: &mut Json) -> Result<(), Refused> {
        let (request, takes) = (self.request, self.target.takes);
        if request.stop.len() > STOPS || takes.refuses_stop && !request.stop.is_empty() {
            return Err(Refused::new("stop", "has more texts than the model takes"));
        }
        let with_schema = matches!(request.output, Output::Schema { .. });
        if with_schema && takes.refuses_json_schema {
            return Err(Refused::new(
                "response_format",
                "has a schema, which the model does not take",
            ));
        }
        let is_json = !matches!(request.output, Output::Text);
        let before_3 = self.generation.is_some_and(|number| number < 3);
        if is_json && before_3 && !request.tools.is_empty() {
            return Err(Refused::new(
                "response_format",
                "asks for JSON, which the model does not take together with tools",
            ));
        }
        let mut config = Json::default();
        config.object(|out| {
            self.sampling(out);
            if let Some(most) = request.max_output {
                out.key("maxOutputTokens").source(most);
            }
            if !request.stop.is_empty() {
                out.key("stopSequences").array(|out| {
                    for stop in &request.stop {
                        out.text(stop);
                    }
                });
            }
            if is_json {
                out.key("responseMimeType").str("application/json");
            }
            if let Output::Schema { schema, .. } = &request.output {
                self.schema("responseSchema", "responseJsonSchema", schema, out);
            }
            self.thinking(out);
            for extra in &request.extras {
                if let Some(name) = self.config_name(extra) {
                    out.key(name).source(extra.value.trim_ascii());
                }
            }
        });
        if config.0 != b"{}" {
            out.key("generationConfig").source(&config.0);
        }
        Ok(())
    }

    fn sampling(&mut self, out: &mut Json) {
        let (request, takes) = (self.request, self.target.takes);
        let both = request.temperature.is_some() && takes.refuses_temperature_with_top_p;
        let reasoning = &request.reasoning;
        let reasons = match reasoning.effort {
            Some(effort) => effort != Effort::None,
            None => reasoning.budget.is_some() || takes.reasons_by_default,
        };
        let neither = takes.refuses_sampling_with_reasoning && reasons;
        let temperature = (request.temperature, takes.refuses_temperature || neither);
        let top_p = (request.top_p, takes.refuses_top_p || both || neither);
        let top_k = (request.top_k, takes.refuses_top_k);
        for (name, field, (value, refused)) in [
            ("temperature", "temperature", temperature),
            ("topP", "top_p", top_p),
            ("topK", "top_k", top_k),
        ] {
            match value {
                Some(_) if refused => self.dropped.add(field),
                Some(value) => {
                    out.key(name).source(value);
                }
                None => {}
            }
        }
    }

    /// The name that an extra has in `generationConfig`.
    fn config_name(&self, extra: &Extra<'_>) -> Option<&'static str> {
        let penalties = !self.target.takes.refuses_penalties;
        match extra.kind {
            ExtraKind::Choices => Some("candidateCount"),
            ExtraKind::Seed => Some("seed"),
            ExtraKind::FrequencyPenalty if penalties => Some("frequencyPenalty"),
            ExtraKind::PresencePenalty if penalties => Some("presencePenalty"),
            ExtraKind::MediaResolution if extra.field == "mediaResolution" => {
                Some("mediaResolution")
            }
            ExtraKind::FrequencyPenalty
            | ExtraKind::PresencePenalty
            | ExtraKind::MediaResolution
            // replies have no place for what these ask for
            | ExtraKind::Logprobs
            | ExtraKind::TopLogprobs
            | ExtraKind::Modalities
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
            | ExtraKind::State
            | ExtraKind::HostedTool
            | ExtraKind::MaxToolCalls
            | ExtraKind::StreamOptions
            | ExtraKind::Labels
            | ExtraKind::Betas
            | ExtraKind::InferenceGeo => None,
        }
    }

    fn extras(&mut self, out: &mut Json) -> Result<(), Refused> {
        if self.request.user.is_some() {
            self.dropped.add("user");
        }
        for extra in &self.request.extras {
            let takes_labels = self.target.quirks.vertex && extra.field == "labels";
            if self.config_name(extra).is_some() {
                continue;
            }
            match extra.kind.loss() {
                _ if extra.kind == ExtraKind::Labels && takes_labels => {
                    out.key("labels").source(extra.value.trim_ascii());
                }
                _ if extra.field == "safetySettings" => {
                    out.key("safetySettings").source(extra.value.trim_ascii());
                }
                Loss::Drop => self.dropped.add(extra.field),
                Loss::Refuse => {
                    return Err(Refused::new(extra.field, "can't be carried to this target"));
                }
            }
        }
        Ok(())
    }
}

/// Reports whether a schema is an object's that names no properties.
fn is_empty_object(schema: &[u8]) -> bool {
    let mut cursor = crate::json::outlined::Cursor::new(schema);
    let (mut object, mut properties) = (false, false);
    let read = cursor.object(|key, cursor| {
        let value = schema.get(cursor.skip()?).unwrap_or_default();
        object |= key.is("type") && value == b"\"OBJECT\"";
        properties |= key.is("properties") && value != b"{}";
        Ok(())
    });
    read.is_ok() && !properties && (object || schema == b"{}")
}
