//! The built-in table: names of models that lack something, with letters for what (see
//! `data/README.md`). It is one sorted text that lies in the binary's read-only pages; nothing is
//! parsed or allocated at start.

use dialect::Dialect;

use super::{Endpoints, ModelFacts};

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

/// The facts of the table for a model of this name, which may have a vendor before it, and a date
/// after it that the table does not have.
pub(super) fn find(model: &str) -> ModelFacts {
    if model.len() > LONGEST {
        return ModelFacts::UNKNOWN;
    }
    let name = model.to_ascii_lowercase();
    let name = bare(&name);
    let exact = row(name, false).or_else(|| row(undated(name)?, false));
    let begins = (1..=name.len())
        .rev()
        .filter_map(|end| name.get(..end))
        .find_map(|start| row(start, true));
    let mut facts = ModelFacts::UNKNOWN;
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

/// The letters of a line: of this very name, or of all that begin so.
fn row(name: &str, begins: bool) -> Option<&'static str> {
    let (mut low, mut high) = (0, TABLE.len());
    while low < high {
        let middle = low.midpoint(high);
        let bytes = TABLE.as_bytes();
        let before = bytes.get(..middle)?.iter().rposition(|byte| *byte == b'\n');
        let start = before.map_or(0, |at| at + 1);
        let line = TABLE.get(start..)?.lines().next()?;
        let (key, letters) = line.split_once(' ')?;
        let wanted = name.bytes().chain(begins.then_some(b'*'));
        match key.bytes().cmp(wanted) {
            std::cmp::Ordering::Equal => return Some(letters),
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
        for line in TABLE.lines() {
            let (key, letters) = line.split_once(' ').unwrap_or_default();
            let begins = key.ends_with('*');
            assert_eq!(
                row(key.trim_end_matches('*'), begins),
                Some(letters),
                "{key}"
            );
        }
        for name in ["", "zzz", "a", "gpt", "claude-", "~"] {
            assert_eq!(row(name, false), None, "{name}");
        }
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
