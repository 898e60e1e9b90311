//! `telemetry:`: names of metrics and spans, and the place of callers' traces.

use schemars::JsonSchema;
use serde::Deserialize;

use crate::scalars::{Optional, Text};

/// Names of metrics and spans, and the place of callers' traces. Where traces go is in
/// OpenTelemetry's own variables: `OTEL_EXPORTER_OTLP_ENDPOINT`, `OTEL_TRACES_SAMPLER` and others.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Telemetry {
    /// Version of OpenTelemetry's GenAI conventions that names `gen_ai` metrics and attributes:
    /// `classic` (the default: the names before that version, which most dashboards have),
    /// `genai-0.1`, or `both`.
    pub names: Optional<Text>,
    /// Place of a caller's span: `parent` (the default) of the exchange's span, or `link`, so that
    /// the exchange begins a trace of its own, and tokens that the app reports, too, count once in
    /// each trace.
    pub remote_parent: Optional<Text>,
}
