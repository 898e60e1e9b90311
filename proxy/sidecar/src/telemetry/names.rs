//! The names of OpenTelemetry's GenAI conventions that Outrigger emits, by their version: the one
//! table for metrics, as Prometheus spells them, and for the attributes of spans.
//!
//! Classic names are those of core's conventions 1.37 to 1.41, which dashboards have; release 0.1 of
//! the conventions' own repository
//! [renamed some](https://github.com/open-telemetry/semantic-conventions-genai/blob/v0.1.0/CHANGELOG.md).
//! The `gen_ai_server_*` metrics have the same names in both, and are not in the table.

use std::sync::OnceLock;

use super::table;
use crate::config::Names;

/// The names of one measure; none where a version has no such measure.
#[derive(Debug, Clone, Copy)]
pub(super) struct Name {
    classic: Option<&'static str>,
    genai_01: Option<&'static str>,
}

impl Name {
    /// Iterates over its names under a choice: none, one or two.
    pub(super) fn under(self, names: Names) -> impl Iterator<Item = &'static str> {
        let (classic, genai_01) = match names {
            Names::Classic => (self.classic, None),
            Names::Genai01 => (None, self.genai_01),
            Names::Both if self.classic == self.genai_01 => (self.classic, None),
            Names::Both => (self.classic, self.genai_01),
        };
        classic.into_iter().chain(genai_01)
    }

    /// Reports whether a metric is counted under a choice.
    pub(super) fn is_in(self, names: Names) -> bool {
        self.under(names).next().is_some()
    }
}

macro_rules! names {
    ($($constant:ident = $classic:expr, $genai_01:expr;)*) => {
        $(pub(super) const $constant: Name = Name { classic: $classic, genai_01: $genai_01 };)*
    };
}

/// The same in both.
macro_rules! same {
    ($($constant:ident = $name:literal;)*) => { names! { $($constant = Some($name), Some($name);)* } };
}

// Attributes of spans.
same! {
    OPERATION = "gen_ai.operation.name";
    PROVIDER = "gen_ai.provider.name";
    REQUEST_MODEL = "gen_ai.request.model";
    REQUEST_STREAM = "gen_ai.request.stream";
    RESPONSE_ID = "gen_ai.response.id";
    RESPONSE_MODEL = "gen_ai.response.model";
    FINISH_REASONS = "gen_ai.response.finish_reasons";
    FIRST_CHUNK = "gen_ai.response.time_to_first_chunk";
    INPUT_TOKENS = "gen_ai.usage.input_tokens";
    OUTPUT_TOKENS = "gen_ai.usage.output_tokens";
    CACHE_READ = "gen_ai.usage.cache_read.input_tokens";
    REASONING = "gen_ai.usage.reasoning.output_tokens";
}
names! {
    CACHE_WRITE = Some("gen_ai.usage.cache_creation.input_tokens"), Some("gen_ai.usage.cache_write.input_tokens");
}

// Metrics. What was one histogram by kind of token is a counter per kind, and two histograms.
names! {
    TOKEN_USAGE = Some(table::TOKEN_USAGE), None;
    TOKEN_COUNTERS = None, Some(table::USED_INPUT);
    INFERENCE_DURATION = None, Some(table::INFERENCE_DURATION);
}

static NAMES: OnceLock<Names> = OnceLock::new();

/// Names metrics by this version, from the first exchange on; a second call changes nothing.
pub fn choose(names: Names) {
    // The first word counts: handles are kept by the name that they were made with.
    let _ = NAMES.set(names);
}

/// The version by which metrics are named.
pub(super) fn chosen() -> Names {
    NAMES.get().copied().unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_measure_has_the_chosen_versions_name_and_both_only_where_they_differ() {
        let of = |name: Name, names| name.under(names).collect::<Vec<_>>();
        let (old, new) = (
            "gen_ai.usage.cache_creation.input_tokens",
            "gen_ai.usage.cache_write.input_tokens",
        );
        assert_eq!(of(CACHE_WRITE, Names::Classic), [old]);
        assert_eq!(of(CACHE_WRITE, Names::Genai01), [new]);
        assert_eq!(of(CACHE_WRITE, Names::Both), [old, new]);
        assert_eq!(of(OPERATION, Names::Both), ["gen_ai.operation.name"]);
        assert!(!TOKEN_USAGE.is_in(Names::Genai01) && TOKEN_USAGE.is_in(Names::Both));
        assert!(!TOKEN_COUNTERS.is_in(Names::default()));
    }
}
