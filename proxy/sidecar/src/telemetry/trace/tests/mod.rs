//! Which exchanges are traced, what their spans say, and what becomes of batches.
#![expect(clippy::unwrap_used, reason = "tests")]

use std::collections::BTreeMap;

use http::HeaderValue;

use super::{
    protobuf::{Field, read},
    spans::Encoder,
    *,
};
use crate::config::{Names, telemetry::Sampler};

mod exported;
mod sampled;

/// A span as a collector reads it.
#[derive(Debug, Clone, Default, PartialEq)]
pub(crate) struct Seen {
    pub(crate) name: String,
    pub(crate) trace: String,
    pub(crate) id: String,
    pub(crate) parent: String,
    /// The trace and the span of its link.
    pub(crate) link: Option<(String, String)>,
    pub(crate) state: String,
    pub(crate) kind: u64,
    /// From its beginning to its end, in nanoseconds.
    pub(crate) took: u64,
    pub(crate) begun: u64,
    pub(crate) failed: bool,
    pub(crate) attributes: BTreeMap<String, String>,
}

impl Seen {
    /// An attribute; empty where there is none.
    pub(crate) fn get(&self, key: &str) -> &str {
        self.attributes.get(key).map_or("", String::as_str)
    }
}

impl Tracer {
    /// A tracer of which nothing is exported.
    pub(crate) fn of(remote_parent: RemoteParent, parent_based: bool, ratio: f64) -> Self {
        let telemetry = Telemetry {
            remote_parent,
            ..Telemetry::default()
        };
        let sampler = Sampler {
            parent_based,
            ratio,
        };
        Self::new(&telemetry, sampler, Arc::new(Queue::new(usize::MAX, 512)))
    }

    /// The spans of all exchanges that ended, as a collector reads them.
    pub(crate) fn seen(&self) -> Vec<Seen> {
        let encoder = Encoder::new(Names::Classic, &[]);
        self.queue.look(|waiting| {
            let count: usize = waiting.iter().map(Finished::spans).sum();
            let seen = decode(&encoder.encode(waiting));
            assert_eq!(seen.len(), count, "as many as were counted: {seen:#?}");
            seen
        })
    }
}

fn fields(mut message: &[u8]) -> Vec<(u64, Field<'_>)> {
    std::iter::from_fn(|| read(&mut message)).collect()
}

fn inner(message: &[u8], wanted: u64) -> Vec<&[u8]> {
    let fields = fields(message).into_iter();
    let bytes = fields.filter_map(|(number, field)| match field {
        Field::Bytes(bytes) if number == wanted => Some(bytes),
        Field::Bytes(_) | Field::Number(_) => None,
    });
    bytes.collect()
}

/// The spans of a request.
pub(super) fn decode(request: &[u8]) -> Vec<Seen> {
    let resources = inner(request, 1).into_iter();
    let scopes = resources.flat_map(|resource| inner(resource, 2));
    let spans = scopes.flat_map(|scope| inner(scope, 2));
    spans.map(span).collect()
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

fn text(bytes: &[u8]) -> String {
    str::from_utf8(bytes).unwrap().to_owned()
}

fn span(message: &[u8]) -> Seen {
    let mut seen = Seen::default();
    let time = |bytes: &[u8]| u64::from_le_bytes(bytes.try_into().unwrap());
    for (number, field) in fields(message) {
        match (number, field) {
            (1, Field::Bytes(id)) => seen.trace = hex(id),
            (2, Field::Bytes(id)) => seen.id = hex(id),
            (3, Field::Bytes(state)) => seen.state = text(state),
            (4, Field::Bytes(id)) => seen.parent = hex(id),
            (5, Field::Bytes(name)) => seen.name = text(name),
            (6, Field::Number(kind)) => seen.kind = kind,
            (7, Field::Bytes(bytes)) => seen.begun = time(bytes),
            (8, Field::Bytes(bytes)) => seen.took = time(bytes) - seen.begun,
            (9, Field::Bytes(pair)) => {
                let (key, value) = (inner(pair, 1)[0], inner(pair, 2)[0]);
                let known = seen.attributes.insert(text(key), any(value));
                assert_eq!(known, None, "{} is there twice", text(key));
            }
            (13, Field::Bytes(link)) => {
                seen.link = Some((hex(inner(link, 1)[0]), hex(inner(link, 2)[0])));
            }
            (15, Field::Bytes(_)) => seen.failed = true,
            (16, Field::Bytes(_)) => {}
            (other, _) => panic!("field {other}"),
        }
    }
    seen
}

/// An `AnyValue`.
fn any(value: &[u8]) -> String {
    match fields(value).remove(0) {
        (1, Field::Bytes(bytes)) => text(bytes),
        (4, Field::Bytes(bytes)) => f64::from_le_bytes(bytes.try_into().unwrap()).to_string(),
        (5, Field::Bytes(array)) => {
            let all: Vec<_> = inner(array, 1).into_iter().map(any).collect();
            all.join(",")
        }
        (_, Field::Number(number)) => number.to_string(),
        (other, Field::Bytes(_)) => panic!("field {other}"),
    }
}

/// The headers of a caller that traces.
pub(super) fn headers(traceparent: &str) -> HeaderMap {
    let pairs = [(TRACEPARENT, traceparent), (TRACESTATE, "a=b")];
    HeaderMap::from_iter(pairs.map(|(name, value)| (name, HeaderValue::from_str(value).unwrap())))
}
