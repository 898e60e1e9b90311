//! `telemetry:`, and OpenTelemetry's variables.
//!
//! The specification has an SDK warn of a bad value and go on with the default. Here it is a
//! problem, as with every other setting: a sampler that is not the one that was meant costs money
//! or traces, and nobody reads a warning of the start. Without an exporter none of the variables
//! counts, so that those of a pod's other containers do no harm.

use std::{path::PathBuf, time::Duration};

use http::{HeaderName, HeaderValue, Uri};

use super::Check;
use crate::config::{
    Names, Problem, RemoteParent, Secret, Telemetry, Traces, file, io_words, problems::Path,
    scalars::listed, telemetry::Sampler, values::unescaped,
};

/// Address of a collector beside the process, of `OTEL_TRACES_EXPORTER=otlp` alone.
const LOCAL: &str = "http://localhost:4318";
/// Path of traces below `OTEL_EXPORTER_OTLP_ENDPOINT`.
const PATH: &str = "v1/traces";

/// Samplers by name: the caller's decision counts, and the share of the others; none where the
/// share is `OTEL_TRACES_SAMPLER_ARG`.
const SAMPLERS: [(&str, bool, Option<f64>); 6] = [
    ("always_on", false, Some(1.0)),
    ("always_off", false, Some(0.0)),
    ("traceidratio", false, None),
    ("parentbased_always_on", true, Some(1.0)),
    ("parentbased_always_off", true, Some(0.0)),
    ("parentbased_traceidratio", true, None),
];

/// Variables that say how a collector wants its batches, a trace's own before the general one; the
/// one value that is done here, and what to write for another.
const FIXED: [([&str; 2], &str, &str); 3] = [
    (
        [
            "OTEL_EXPORTER_OTLP_TRACES_PROTOCOL",
            "OTEL_EXPORTER_OTLP_PROTOCOL",
        ],
        "http/protobuf",
        "traces are sent as `http/protobuf` alone, at a collector's port 4318; write that, or leave it out",
    ),
    (
        [
            "OTEL_EXPORTER_OTLP_TRACES_COMPRESSION",
            "OTEL_EXPORTER_OTLP_COMPRESSION",
        ],
        "none",
        "traces are sent without compression; write `none`, or leave it out",
    ),
    (
        [
            "OTEL_EXPORTER_OTLP_TRACES_CLIENT_KEY",
            "OTEL_EXPORTER_OTLP_CLIENT_KEY",
        ],
        "",
        "no certificate of a client's is sent; give the collector a key in `OTEL_EXPORTER_OTLP_HEADERS`",
    ),
];

impl Check<'_> {
    /// The section, and what the environment says of traces.
    pub(super) fn telemetry(&mut self, written: file::Telemetry) -> Telemetry {
        let at = Path::default().key("telemetry");
        let names = [
            ("classic", Names::Classic),
            ("genai-0.1", Names::Genai01),
            ("both", Names::Both),
        ];
        let parents = [
            ("parent", RemoteParent::Parent),
            ("link", RemoteParent::Link),
        ];
        let default = Telemetry::default();
        let (name_at, parent_at) = (at.key("names"), at.key("remote_parent"));
        let (name, parent) = (written.names.as_ref(), written.remote_parent.as_ref());
        Telemetry {
            names: self.word(&name_at, name, default.names, &names),
            remote_parent: self.word(&parent_at, parent, default.remote_parent, &parents),
            traces: self.traces(),
        }
    }

    fn traces(&mut self) -> Option<Traces> {
        let disabled = "OTEL_SDK_DISABLED";
        match self.environment(disabled).to_ascii_lowercase().as_str() {
            "true" => return None,
            "" | "false" => {}
            _ => self.wrong(disabled, "is neither `true` nor `false`; write one of them"),
        }
        let exporter = "OTEL_TRACES_EXPORTER";
        let exporters = self.environment(exporter);
        let names: Vec<_> = exporters.split(',').map(str::trim).collect();
        if names.contains(&"none") {
            return None;
        }
        if !exporters.is_empty() && names.iter().any(|name| *name != "otlp") {
            let message = "names an exporter other than `otlp`, which is the one there is; write that, or `none`";
            self.wrong(exporter, message);
        }
        let endpoint = match (
            self.first(&["OTEL_EXPORTER_OTLP_TRACES_ENDPOINT"]),
            self.first(&["OTEL_EXPORTER_OTLP_ENDPOINT"]),
        ) {
            (Some((name, url)), _) => self.collectors_endpoint(name, url)?,
            (None, Some((name, url))) => below(&self.collectors_endpoint(name, url)?),
            (None, None) if exporters.is_empty() => return None,
            (None, None) => below(LOCAL),
        };
        for (names, value, message) in FIXED {
            let other = self.first(&names).filter(|(_, found)| found != value);
            if let Some((name, _)) = other {
                self.wrong(name, message);
            }
        }
        let milliseconds = |check: &mut Self, names: &[&'static str], default| {
            let number = check.environments_number(names, default, u64::from(u32::MAX));
            Duration::from_millis(number)
        };
        let timeout = [
            "OTEL_EXPORTER_OTLP_TRACES_TIMEOUT",
            "OTEL_EXPORTER_OTLP_TIMEOUT",
        ];
        let mut spans = |name, default| {
            usize::try_from(self.environments_number(&[name], default, 1 << 20))
                .unwrap_or(usize::MAX)
        };
        let queue = spans("OTEL_BSP_MAX_QUEUE_SIZE", 2048);
        let batch = spans("OTEL_BSP_MAX_EXPORT_BATCH_SIZE", 512.min(queue as u64));
        if batch > queue {
            let message = "is more than `OTEL_BSP_MAX_QUEUE_SIZE`, so that no batch is ever full; write less here or more there";
            self.wrong("OTEL_BSP_MAX_EXPORT_BATCH_SIZE", message);
        }
        Some(Traces {
            endpoint,
            headers: self.collectors_headers(),
            timeout: milliseconds(self, &timeout, 10_000),
            roots: self.collectors_roots(),
            resource: self.resource(),
            sampler: self.sampler(),
            queue,
            batch,
            delay: milliseconds(self, &["OTEL_BSP_SCHEDULE_DELAY"], 5000),
            patience: milliseconds(self, &["OTEL_BSP_EXPORT_TIMEOUT"], 30_000),
        })
    }

    /// A variable's value without white space around it; nothing where it is not set, which is the
    /// same by the specification.
    fn environment(&self, name: &str) -> String {
        let value = (self.env)(name).unwrap_or_default();
        value.trim().to_owned()
    }

    /// The first of these variables that has a value.
    fn first(&self, names: &[&'static str]) -> Option<(&'static str, String)> {
        let mut values = names.iter().map(|name| (*name, self.environment(name)));
        values.find(|(_, value)| !value.is_empty())
    }

    /// Notes that a variable's value is none. It is not quoted: it may hold a key.
    #[cold]
    fn wrong(&mut self, name: &str, message: impl Into<String>) {
        self.problems.push(Problem {
            file: "environment".into(),
            at: None,
            key: name.into(),
            message: message.into(),
        });
    }

    fn environments_number(&mut self, names: &[&'static str], default: u64, most: u64) -> u64 {
        let Some((name, value)) = self.first(names) else {
            return default;
        };
        let number = value.parse().ok().filter(|n| (1..=most).contains(n));
        number.unwrap_or_else(|| {
            self.wrong(
                name,
                format!("is no whole number; write one from 1 to {most}"),
            );
            default
        })
    }

    fn collectors_endpoint(&mut self, name: &str, url: String) -> Option<String> {
        let parsed: Option<Uri> = url.parse().ok();
        let is_url = parsed.is_some_and(|url| {
            let authority = url.authority().filter(|at| !at.as_str().contains('@'));
            matches!(url.scheme_str(), Some("http" | "https")) && authority.is_some()
        });
        if !is_url {
            let message = "is no URL of a collector; write `http://HOST:4318`, or `https://`, without a user or a password in it";
            self.wrong(name, message);
            return None;
        }
        Some(url)
    }

    fn collectors_headers(&mut self) -> Vec<(HeaderName, Secret)> {
        let written = self.first(&[
            "OTEL_EXPORTER_OTLP_TRACES_HEADERS",
            "OTEL_EXPORTER_OTLP_HEADERS",
        ]);
        let Some((name, text)) = written else {
            return Vec::new();
        };
        let header = |(key, value): (String, String)| {
            let is_value = HeaderValue::from_str(&value).is_ok();
            let key: HeaderName = key.parse().ok()?;
            is_value.then(|| (key, Secret::new(value)))
        };
        let headers = pairs(&text).and_then(|pairs| pairs.into_iter().map(header).collect());
        headers.unwrap_or_else(|| {
            let message =
                "is no list of headers; write `name=value,name=value`, values percent-encoded";
            self.wrong(name, message);
            Vec::new()
        })
    }

    fn collectors_roots(&mut self) -> Option<PathBuf> {
        let (name, file) = self.first(&[
            "OTEL_EXPORTER_OTLP_TRACES_CERTIFICATE",
            "OTEL_EXPORTER_OTLP_CERTIFICATE",
        ])?;
        let file = PathBuf::from(file);
        match std::fs::read(&file) {
            Ok(bytes) if memchr::memmem::find(&bytes, b"-----BEGIN CERTIFICATE-----").is_some() => {
                self.read.push(file.clone());
                return Some(file);
            }
            Ok(_) => self.wrong(
                name,
                "names a file without a PEM certificate; name that of the collector's authority",
            ),
            Err(error) => self.wrong(
                name,
                format!("names a file that can't be read: {}", io_words(&error)),
            ),
        }
        None
    }

    fn resource(&mut self) -> Vec<(String, String)> {
        let name = "OTEL_RESOURCE_ATTRIBUTES";
        let text = self.first(&[name]).map(|(_, text)| text);
        let mut all = pairs(&text.unwrap_or_default()).unwrap_or_else(|| {
            let message =
                "is no list of attributes; write `name=value,name=value`, values percent-encoded";
            self.wrong(name, message);
            Vec::new()
        });
        let service = self.first(&["OTEL_SERVICE_NAME"]).map(|(_, name)| name);
        let has = |all: &[(String, String)], key: &str| all.iter().any(|(name, _)| name == key);
        if let Some(service) = service {
            all.retain(|(name, _)| name != "service.name");
            all.push(("service.name".into(), service));
        }
        for (key, value) in [
            ("service.name", "outrigger"),
            ("service.version", env!("CARGO_PKG_VERSION")),
        ] {
            if !has(&all, key) {
                all.push((key.into(), value.into()));
            }
        }
        all
    }

    fn sampler(&mut self) -> Sampler {
        let written = self.first(&["OTEL_TRACES_SAMPLER"]);
        let name = written.map_or("parentbased_always_on".into(), |(_, name)| name);
        let known = SAMPLERS.iter().find(|(known, ..)| *known == name);
        let Some((_, parent_based, share)) = known else {
            let all = SAMPLERS.map(|(name, ..)| format!("`{name}`"));
            let message = format!("is none of {}; write one of them", listed(&all, "and"));
            self.wrong("OTEL_TRACES_SAMPLER", message);
            return Sampler {
                parent_based: true,
                ratio: 1.0,
            };
        };
        Sampler {
            parent_based: *parent_based,
            ratio: share.unwrap_or_else(|| self.ratio()),
        }
    }

    fn ratio(&mut self) -> f64 {
        let name = "OTEL_TRACES_SAMPLER_ARG";
        let Some((_, text)) = self.first(&[name]) else {
            return 1.0;
        };
        let ratio = text
            .parse()
            .ok()
            .filter(|share| (0.0..=1.0).contains(share));
        ratio.unwrap_or_else(|| {
            self.wrong(name, "is no share; write a number from 0 to 1");
            1.0
        })
    }
}

/// The address of traces below a collector's.
fn below(endpoint: &str) -> String {
    [endpoint.trim_end_matches('/'), "/", PATH].concat()
}

/// `name=value,name=value` with percent-encoded values; none where one is no pair.
fn pairs(text: &str) -> Option<Vec<(String, String)>> {
    let written = text
        .split(',')
        .map(str::trim)
        .filter(|pair| !pair.is_empty());
    let pair = |pair: &str| {
        let (name, value) = pair.split_once('=')?;
        let (name, value) = (name.trim(), unescaped(value.trim())?);
        (!name.is_empty()).then(|| (name.to_owned(), value))
    };
    written.map(pair).collect()
}
