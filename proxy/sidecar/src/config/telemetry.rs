//! `telemetry:`, and OpenTelemetry's variables: names of metrics and spans, and where traces go.

use std::{path::PathBuf, time::Duration};

use super::Secret;

/// Names of metrics and spans, and traces. Taken up at start only.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Telemetry {
    /// The version of the conventions that names them. Default classic.
    pub names: Names,
    /// The place of a caller's span. Default parent.
    pub remote_parent: RemoteParent,
    /// None: nothing is traced.
    pub traces: Option<Traces>,
}

/// Version of OpenTelemetry's GenAI conventions that names metrics and attributes.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Names {
    /// The names before the conventions had a release of their own, which dashboards have.
    #[default]
    Classic,
    /// The names of their release 0.1.
    Genai01,
    /// Either; a measure that was renamed is there twice.
    Both,
}

/// The place of the span of which a caller sends the context.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum RemoteParent {
    /// Parent of the exchange's span.
    #[default]
    Parent,
    /// A link of it: the exchange begins a trace of its own.
    Link,
}

/// Export of traces, as OpenTelemetry's variables have it ([specification][1], [OTLP][2]).
///
/// [1]: https://opentelemetry.io/docs/specs/otel/configuration/sdk-environment-variables/
/// [2]: https://opentelemetry.io/docs/specs/otel/protocol/exporter/
#[derive(Debug, Clone, PartialEq)]
pub struct Traces {
    /// URL that batches are posted to.
    pub endpoint: String,
    /// Headers of each request, such as a key of the collector's.
    pub headers: Vec<(http::HeaderName, Secret)>,
    /// Time of one request. Default 10 s.
    pub timeout: Duration,
    /// PEM file of the roots to trust. None: the built-in ones.
    pub roots: Option<PathBuf>,
    /// Attributes of the process, `service.name` among them.
    pub resource: Vec<(String, String)>,
    /// The exchanges that are traced. Default parentbased_always_on.
    pub sampler: Sampler,
    /// Spans that wait at most. Default 2048.
    pub queue: usize,
    /// Spans of one request, and those of an exchange that has more. Default 512.
    pub batch: usize,
    /// Longest time for which spans wait for others. Default 5 s.
    pub delay: Duration,
    /// Longest time for which a batch is tried again. Default 30 s.
    pub patience: Duration,
}

/// The exchanges that are traced.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Sampler {
    /// True if the caller's decision counts, where it sends one.
    pub parent_based: bool,
    /// The share of the others: 0 to 1.
    pub ratio: f64,
}
