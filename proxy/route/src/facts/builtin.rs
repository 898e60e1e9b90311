//! The built-in tables: names of models that lack something, with letters for what, and what models
//! take of a request's members, in words (see `data/README.md`). They are sorted texts that lie in
//! the binary's read-only pages; nothing is parsed or allocated at start.

use std::borrow::Cow;

use dialect::Dialect;

use super::{Endpoints, ModelFacts, Takes};

/// The members of requests that models take.
pub(super) const TAKES: &str = include_str!("../../data/model-takes.txt");
const TABLE: &str = include_str!("../../data/model-facts.txt");

/// Vendors and regions before a model's name: `us.anthropic.claude-3-haiku-20240307-v1:0`.
const VENDORS: [&str; 25] = [
    "ai21",
    "amazon",
    "anthropic",
    "apac",
    "au",
    "ca",
    "cohere",
    "deepseek",
    "eu",
    "global",
    "google",
    "jp",
    "meta",
    "minimax",
    "mistral",
    "moonshot",
    "moonshotai",
    "nvidia",
    "openai",
    "qwen",
    "stability",
    "twelvelabs",
    "us",
    "us-gov",
    "zai",
];
/// Longer names are not looked up.
const LONGEST: usize = 256;

/// Every name of the tables.
pub(super) fn names() -> impl Iterator<Item = &'static str> {
    let lines = TABLE.lines().chain(TAKES.lines());
    lines.filter_map(|line| line.split_once(' ').map(|(name, _)| name))
}

/// The facts of the tables for a model of this name, which may have a vendor before it, and a date
/// after it that the tables do not have.
pub(super) fn find(model: &str) -> ModelFacts {
    if model.len() > LONGEST {
        return ModelFacts::UNKNOWN;
    }
    let name = model.to_ascii_lowercase();
    let name = bare(&name);
    let mut facts = ModelFacts {
        takes: takes(name),
        ..ModelFacts::UNKNOWN
    };
    let (exact, begins) = (exact(TABLE, name), beginning(TABLE, name));
    for letter in (exact.into_iter().chain(begins)).flat_map(str::chars) {
        match letter {
            't' => facts.tools = Some(false),
            'i' => facts.images = Some(false),
            'a' => facts.audio = Some(false),
            'f' => facts.files = Some(false),
            'C' => facts.endpoints = Some(Endpoints::default().with(Dialect::OpenaiCompletions)),
            'R' => facts.endpoints = Some(Endpoints::default().with(Dialect::OpenaiResponses)),
            'E' => {
                let endpoints = Endpoints::default().with(Dialect::OpenaiEmbeddings);
                facts.endpoints = Some(endpoints.with(Dialect::GeminiGenerate));
            }
            _ => {}
        }
    }
    facts
}

/// The words for a name: its own line, else that of the longest name that it begins with. Versions
/// of Claude are written with dots elsewhere.
fn takes(name: &str) -> Takes {
    let name: Cow<'_, str> = match name.starts_with("claude") {
        true => name.replace('.', "-").into(),
        false => name.into(),
    };
    let words = exact(TAKES, &name).or_else(|| beginning(TAKES, &name));
    words.map_or(Takes::UNKNOWN, Takes::of_words)
}

/// The line of this very name, or of it without its date.
fn exact(table: &'static str, name: &str) -> Option<&'static str> {
    row(table, name, false).or_else(|| row(table, undated(name)?, false))
}

/// The line of the longest beginning of this name.
fn beginning(table: &'static str, name: &str) -> Option<&'static str> {
    let mut starts = (1..=name.len()).rev().filter_map(|end| name.get(..end));
    starts.find_map(|start| row(table, start, true))
}

/// The name behind paths, vendors and regions.
fn bare(name: &str) -> &str {
    let mut name = name.rsplit('/').next().unwrap_or(name);
    while let Some((vendor, rest)) = name.split_once('.')
        && VENDORS.contains(&vendor)
    {
        name = rest;
    }
    name
}

/// The name without the date at its end: `-2025-08-07`, `-20251001` or `@20251001`.
fn undated(name: &str) -> Option<&str> {
    let is_date = |text: &str, digits: usize| {
        text.bytes().filter(u8::is_ascii_digit).count() == digits
            && text
                .bytes()
                .all(|byte| byte.is_ascii_digit() || byte == b'-')
    };
    let cut = |length: usize| {
        name.len()
            .checked_sub(length)
            .and_then(|at| name.split_at_checked(at))
    };
    let long = cut(11).filter(|(_, date)| date.starts_with('-') && is_date(date, 8));
    let short = || {
        let sign = |date: &&str| date.starts_with(['-', '@']);
        cut(9).filter(|(_, date)| sign(date) && date.get(1..).is_some_and(|date| is_date(date, 8)))
    };
    long.or_else(short).map(|(name, _)| name)
}

/// The reach of a line: this very name, or all that begin so.
fn row(table: &'static str, name: &str, begins: bool) -> Option<&'static str> {
    let (mut low, mut high) = (0, table.len());
    while low < high {
        let middle = low.midpoint(high);
        let before = table
            .as_bytes()
            .get(..middle)?
            .iter()
            .rposition(|byte| *byte == b'\n');
        let start = before.map_or(0, |at| at + 1);
        let line = table.get(start..)?.lines().next()?;
        let (key, said) = line.split_once(' ')?;
        let wanted = name.bytes().chain(begins.then_some(b'*'));
        match key.bytes().cmp(wanted) {
            std::cmp::Ordering::Equal => return Some(said),
            std::cmp::Ordering::Less => low = start + line.len() + 1,
            std::cmp::Ordering::Greater => high = start,
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_table_is_sorted_small_and_of_known_letters() {
        let keys: Vec<_> = TABLE
            .lines()
            .filter_map(|line| line.split_once(' '))
            .collect();
        assert_eq!(keys.len(), TABLE.lines().count());
        assert!(keys.is_sorted_by(|(one, _), (other, _)| one.as_bytes() < other.as_bytes()));
        assert!(TABLE.len() < 100_000);
        for (name, letters) in &keys {
            assert!(
                letters.chars().all(|letter| "CERtiaf".contains(letter)),
                "{name}"
            );
            assert_eq!(bare(name), *name);
        }
    }

    #[test]
    fn every_line_is_found_by_its_name() {
        for table in [TABLE, TAKES] {
            for line in table.lines() {
                let (key, said) = line.split_once(' ').unwrap_or_default();
                let begins = key.ends_with('*');
                let found = row(table, key.trim_end_matches('*'), begins);
                assert_eq!(found, Some(said), "{key}");
            }
            for name in ["", "zzz", "a", "gpt", "claude-", "~"] {
                assert_eq!(row(table, name, false), None, "{name}");
            }
        }
    }

    #[test]
    fn the_table_of_what_models_take_is_sorted_and_small_and_of_bare_names() {
        let keys = || {
            TAKES
                .lines()
                .map(|line| line.split_once(' ').unwrap_or_default())
        };
        assert!(keys().is_sorted_by(|(one, _), (other, _)| one.as_bytes() < other.as_bytes()));
        assert!(TAKES.len() < 20_000);
        for (name, words) in keys() {
            assert!(!words.is_empty() && bare(name) == name, "{name}");
            assert!(!name.starts_with("claude") || !name.contains('.'), "{name}");
        }
    }

    #[test]
    fn the_most_telling_line_says_what_a_model_takes() {
        use dialect::translate::takes::{ReasoningForm, ReasoningOff};
        let takes = |model: &str| find(model).taken();
        for (model, form, efforts, off) in [
            (
                "gpt-5-mini",
                ReasoningForm::Effort,
                "minimal low medium high",
                ReasoningOff::Refused,
            ),
            (
                "openai/gpt-5.1-2025-11-13",
                ReasoningForm::Effort,
                "none low medium high",
                ReasoningOff::Taken,
            ),
            (
                "gpt-5-pro-2025-10-06",
                ReasoningForm::Effort,
                "high",
                ReasoningOff::Refused,
            ),
            (
                "gpt-4o-mini",
                ReasoningForm::None,
                "",
                ReasoningOff::Unknown,
            ),
            (
                "o3",
                ReasoningForm::Effort,
                "low medium high",
                ReasoningOff::Refused,
            ),
            (
                "claude-sonnet-4-5-20250929",
                ReasoningForm::Budget,
                "",
                ReasoningOff::Taken,
            ),
            (
                "us.anthropic.claude-opus-4-6-v1",
                ReasoningForm::Adaptive,
                "low medium high max",
                ReasoningOff::Taken,
            ),
            (
                "anthropic/claude-opus-4.7",
                ReasoningForm::Adaptive,
                "low medium high xhigh max",
                ReasoningOff::Taken,
            ),
            (
                "claude-sonnet-5-5",
                ReasoningForm::Adaptive,
                "low medium high xhigh max",
                ReasoningOff::BetweenTools,
            ),
            (
                "claude-opus-5-5@20260901",
                ReasoningForm::Adaptive,
                "low medium high xhigh max",
                ReasoningOff::Refused,
            ),
            (
                "models/gemini-2.5-pro",
                ReasoningForm::Budget,
                "",
                ReasoningOff::Refused,
            ),
            (
                "gemini-3-pro-preview",
                ReasoningForm::Effort,
                "low high",
                ReasoningOff::Refused,
            ),
            (
                "llama-3.3-70b-versatile",
                ReasoningForm::Unknown,
                "",
                ReasoningOff::Unknown,
            ),
        ] {
            let takes = takes(model);
            let names = takes.efforts.names().collect::<Vec<_>>().join(" ");
            assert_eq!(
                (takes.reasoning, names.as_str(), takes.reasoning_off),
                (form, efforts, off),
                "{model}"
            );
        }
        assert!(
            takes("gpt-5").refuses_temperature && !takes("gpt-5-chat-latest").refuses_temperature
        );
        assert!(takes("gpt-5.4-mini").tools_with_reasoning_in_responses_only);
        assert!(!takes("gpt-5.2").tools_with_reasoning_in_responses_only);
        assert!(
            takes("claude-opus-4-6").refuses_prefill && !takes("claude-opus-4-5").refuses_prefill
        );
        assert!(takes("claude-fable-5-1").refuses_forced_tools);
        assert!(!takes("claude-fable-5-20260601").refuses_forced_tools);
        assert!(takes("deepseek-v4-pro").wants_reasoning_back);
        assert!(takes("deepseek/deepseek-r1-0528").refuses_reasoning_back);
        assert!(
            takes("gemini-2.0-flash").openapi_schemas && !takes("gemini-2.5-flash").openapi_schemas
        );
        assert_eq!(
            takes("my-own-model"),
            dialect::translate::takes::ModelTakes::default()
        );
    }

    #[test]
    fn a_model_is_found_behind_vendors_and_before_dates_and_what_is_unknown_takes_everything() {
        let takes = |model: &str| {
            let facts = find(model);
            (facts.tools, facts.images, facts.audio)
        };
        let (no, unknown) = (Some(false), None);
        for (model, expected) in [
            ("gpt-3.5-turbo", (unknown, no, no)),
            ("openai/GPT-3.5-Turbo", (unknown, no, no)),
            ("o3-mini-2025-01-31", (unknown, no, no)),
            ("o1-mini@20240912", (unknown, no, no)),
            ("gpt-5-mini", (unknown, unknown, no)),
            ("claude-haiku-4-5-20251001", (unknown, unknown, no)),
            (
                "us.anthropic.claude-haiku-4-5-20251001-v1:0",
                (unknown, unknown, no),
            ),
            ("deepseek/deepseek-chat", (unknown, no, no)),
            ("llama-3.3-70b-versatile", (unknown, no, no)),
            ("codellama", (no, no, no)),
            ("gemini-2.5-flash", (unknown, unknown, unknown)),
            ("my-own-model", (unknown, unknown, unknown)),
            ("é-2025-01-01", (unknown, unknown, unknown)),
            ("", (unknown, unknown, unknown)),
        ] {
            assert_eq!(takes(model), expected, "{model}");
        }
    }

    #[test]
    fn a_model_of_one_endpoint_is_served_there_alone() {
        let serves = |model: &str, dialect| {
            let endpoints = find(model).endpoints;
            endpoints.is_none_or(|some| some.contains(dialect))
        };
        assert!(serves("gpt-5-pro", Dialect::OpenaiResponses));
        assert!(!serves("gpt-5-pro", Dialect::OpenaiChat));
        assert!(!serves("text-embedding-3-small", Dialect::OpenaiChat));
        assert!(serves("text-embedding-3-small", Dialect::OpenaiEmbeddings));
        assert!(serves("gpt-5", Dialect::OpenaiChat));
    }
}
