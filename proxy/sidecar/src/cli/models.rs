//! `outrigger check --models`: what models take, and who says so.
//!
//! For the targets of aliases, or for whatever models a name or a pattern names: what of it is the
//! operator's word, what comes with prices, and what the tables that ship say.

use std::{collections::BTreeSet, fmt::Write as _, sync::Arc};

use dialect::{
    Dialect,
    translate::takes::{MaxField, ReasoningForm, ReasoningOff, SystemRole},
};
use route::{ModelFacts, Reasoning};

use super::Stop;
use crate::{
    config::{Config, pattern::Pattern},
    cost::Prices,
    exchange::places::{FactLayers, routing_table},
};

/// The source of a fact about a model.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Source {
    Configuration,
    Prices,
    BuiltIn,
}

impl Source {
    const fn name(self) -> &'static str {
        match self {
            Self::Configuration => "configuration",
            Self::Prices => "prices",
            Self::BuiltIn => "built-in",
        }
    }
}

/// Describes the targets of all aliases, or the models of a name or a pattern.
///
/// # Errors
/// There are none. The sentence says what to write.
pub(super) fn models(config: &Config, wanted: &str) -> Result<String, Stop> {
    let prices = Arc::new(Prices::of(config));
    let names = match wanted {
        "" => targets(config, &prices),
        wanted if wanted.contains('*') => {
            let pattern = Pattern::of(wanted);
            let all = targets(config, &prices).into_iter();
            let all = all.chain(ModelFacts::names().map(str::to_owned));
            all.filter(|name| pattern.matches(&name.to_lowercase()))
                .collect()
        }
        wanted => BTreeSet::from([wanted.to_owned()]),
    };
    if names.is_empty() {
        return Err(Stop::Mistake(match wanted {
            "" => "no alias names a target; name a model, like `--models gpt-5-mini`".to_owned(),
            wanted => format!("no alias's target and no model of the tables is `{wanted}`"),
        }));
    }
    let mut text = String::new();
    for name in names {
        if !text.is_empty() {
            text.push('\n');
        }
        describe(&mut text, config, &prices, &name);
    }
    Ok(text)
}

/// The targets of all aliases, as `upstream/model`.
fn targets(config: &Config, prices: &Arc<Prices>) -> BTreeSet<String> {
    let table = routing_table(config, prices);
    let targets = table.targets().iter();
    targets.map(|row| row.target.to_string()).collect()
}

fn describe(text: &mut String, config: &Config, prices: &Prices, name: &str) {
    // a name of the tables may stand for all that begin so
    let plain = name.trim_end_matches('*');
    let (upstream, model) = match plain.split_once('/') {
        Some((upstream, model)) if config.upstreams.contains_key(upstream) => (upstream, model),
        _ => ("", plain),
    };
    let known = {
        let at = config.upstreams.get(upstream);
        let at = at.filter(|at| at.is_served_by_model());
        let offered = at.map(|at| at.offers_for(model));
        FactLayers::of(prices, &config.model_facts, upstream, model, offered)
    };
    let _ = writeln!(text, "{name}");
    if let Some(own) = known.own {
        let like = own.like.as_deref();
        let like = like.map_or_else(String::new, |like| {
            format!(", known to the tables as `{like}`")
        });
        let _ = writeln!(text, "  model_facts: `{}`{like}", own.written);
    }
    for (label, value, source) in lines(&known) {
        let source = source.map_or_else(String::new, |source| format!(" ({})", source.name()));
        let _ = writeln!(text, "  {label}: {value}{source}");
    }
}

type Line = (&'static str, String, Option<Source>);

/// All that is known, each with who says it. Where nobody says anything, an unknown model's.
fn lines(known: &FactLayers<'_>) -> Vec<Line> {
    let own = known.own.map_or(ModelFacts::UNKNOWN, |own| own.facts);
    let (limits, built_in) = (&known.limits, &known.built_in);
    let layers = [
        (Source::Configuration, &own),
        (Source::Prices, limits),
        (Source::BuiltIn, built_in),
    ];
    let mut lines = Vec::new();
    let mut add = |label, said: Option<(String, Source)>, unsaid: &str| {
        lines.push(match said {
            Some((value, source)) => (label, value, Some(source)),
            None => (label, unsaid.to_owned(), None),
        });
    };
    let tokens = |of: fn(&ModelFacts) -> Option<u64>| {
        first(layers, of).map(|(tokens, source)| (format!("{tokens} tokens"), source))
    };
    add("window", tokens(|facts| facts.window), "not known");
    add("output", tokens(|facts| facts.output), "not known");
    let endpoints = first(layers, |facts| facts.endpoints).map(|(endpoints, source)| {
        let all = Dialect::ALL
            .into_iter()
            .filter(|one| endpoints.contains(*one));
        (
            all.map(Dialect::name).collect::<Vec<_>>().join(", "),
            source,
        )
    });
    add("endpoints", endpoints, "all of its upstream");
    for (label, ability) in [
        (
            "tools",
            (|facts| facts.tools) as fn(&ModelFacts) -> Option<bool>,
        ),
        ("images", |facts| facts.images),
        ("audio", |facts| facts.audio),
        ("files", |facts| facts.files),
    ] {
        let said = first(layers, ability).map(|(has, source)| (yes_or_no(has), source));
        add(label, said, "yes, as far as is known");
    }
    let refuses = first(layers, |facts| facts.takes.refuses).map(|(refuses, source)| {
        let names = refuses.names().collect::<Vec<_>>().join(", ");
        (
            if names.is_empty() {
                "nothing".to_owned()
            } else {
                names
            },
            source,
        )
    });
    add("refuses", refuses, "nothing that is known");
    let reasoning = first(layers, |facts| facts.takes.reasoning);
    let reasoning = reasoning.map(|(reasoning, source)| (steering(&reasoning), source));
    add("reasoning", reasoning, "as its dialect says it");
    let back = first(layers, |facts| facts.takes.wants_reasoning_back);
    let back = back.map(|(back, source)| (yes_or_no(back), source));
    add("wants its reasoning back", back, "no");
    let role = first(layers, |facts| facts.takes.system_role).map(|(role, source)| {
        let word = match role {
            SystemRole::Unknown => "as its server has it",
            SystemRole::System => "system",
            SystemRole::Developer => "developer",
            SystemRole::None => "none; they stand in the user's first text",
        };
        (word.to_owned(), source)
    });
    add("role of instructions", role, "as its server has it");
    let max = first(layers, |facts| facts.takes.max_field).map(|(max, source)| {
        let word = match max {
            MaxField::Unknown => "as its server has it",
            MaxField::MaxTokens => "max_tokens",
            MaxField::MaxCompletionTokens => "max_completion_tokens",
        };
        (word.to_owned(), source)
    });
    add(
        "limit of output in openai.chat",
        max,
        "as its server has it",
    );
    let schemas = first(layers, |facts| facts.takes.openapi_schemas).map(|(is, source)| {
        let word = if is {
            "OpenAPI's subset"
        } else {
            "JSON Schema"
        };
        (word.to_owned(), source)
    });
    add("schemas of tools", schemas, "JSON Schema");
    lines
}

/// The first who says something.
fn first<T>(
    layers: [(Source, &ModelFacts); 3],
    of: impl Fn(&ModelFacts) -> Option<T>,
) -> Option<(T, Source)> {
    let mut said = layers
        .into_iter()
        .filter_map(|(source, facts)| Some((of(facts)?, source)));
    said.next()
}

fn yes_or_no(is: bool) -> String {
    if is { "yes" } else { "no" }.to_owned()
}

/// The means by which a model is given how much to reason.
fn steering(reasoning: &Reasoning) -> String {
    let form = match reasoning.form {
        ReasoningForm::Unknown => "as its dialect says it",
        ReasoningForm::None => "can't be steered",
        ReasoningForm::Effort => "by effort",
        ReasoningForm::Budget => "by budget",
        ReasoningForm::Adaptive => "adaptive",
    };
    let mut text = form.to_owned();
    let efforts = reasoning.efforts.names().collect::<Vec<_>>().join(", ");
    if !efforts.is_empty() {
        let _ = write!(text, ": {efforts}");
    }
    if let Some(budget) = reasoning.budget {
        let _ = write!(text, "; {} to {} tokens", budget.least, budget.most);
    }
    text.push_str(match reasoning.off {
        ReasoningOff::Unknown => "",
        ReasoningOff::Taken => "; can be off",
        ReasoningOff::BetweenTools => "; `between_tools` is the least",
        ReasoningOff::Refused => "; can't be off",
    });
    if reasoning.by_default {
        text.push_str("; on where nothing is said");
    }
    text
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "tests")]
mod tests {
    use super::*;

    const YAML: &str = "upstreams: { o: { dialect: openai, url: https://api.openai.com/v1 }, az: { dialect: openai, url: 'http://azure.test/openai/v1' } }\n\
        models: { fast: { targets: [o/gpt-5-mini, az/prod] } }\n\
        model_facts: { az/prod: { like: gpt-5.4, window: 9000, refuses: [] } }\n";

    fn printed(wanted: &str) -> Result<String, String> {
        let config = crate::config::tests::read(YAML);
        models(&config, wanted).map_err(|stop| match stop {
            Stop::Mistake(sentence) => sentence,
            _ => String::new(),
        })
    }

    #[test]
    fn the_targets_of_aliases_are_described_with_who_says_what() {
        let text = printed("").unwrap();
        let (prod, mini) = text.split_once("\n\n").unwrap();
        assert!(
            prod.starts_with("az/prod\n") && mini.starts_with("o/gpt-5-mini\n"),
            "{text}"
        );
        for (part, words) in [
            (
                prod,
                "model_facts: `az/prod`, known to the tables as `gpt-5.4`",
            ),
            (prod, "window: 9000 tokens (configuration)"),
            (prod, "refuses: nothing (configuration)"),
            (
                prod,
                "reasoning: by effort: none, low, medium, high, xhigh; can be off (built-in)",
            ),
            (mini, "window: 400000 tokens (prices)"),
            (mini, "output: 128000 tokens (prices)"),
            (mini, "endpoints: all of its upstream\n"),
            (mini, "audio: no (built-in)"),
            (mini, "images: yes, as far as is known\n"),
            (
                mini,
                "refuses: temperature, top_p, penalties, stop (built-in)",
            ),
            (
                mini,
                "reasoning: by effort: minimal, low, medium, high; can't be off; on where nothing is said (built-in)",
            ),
            (mini, "role of instructions: developer (built-in)"),
            (
                mini,
                "limit of output in openai.chat: max_completion_tokens (built-in)",
            ),
        ] {
            assert!(part.contains(words), "no `{words}` in:\n{part}");
        }
    }

    #[test]
    fn a_name_and_a_pattern_describe_models_that_no_alias_names() {
        let text = printed("claude-sonnet-5-5").unwrap();
        assert!(
            text.contains("adaptive: low, medium, high, xhigh, max; `between_tools` is the least")
        );
        assert!(text.contains("schemas of tools: JSON Schema\n"));
        let text = printed("o/my-own").unwrap();
        assert!(text.contains("window: not known\n") && text.contains("as its dialect says it"));
        let text = printed("*gemini-2.*").unwrap();
        assert!(text.contains("gemini-2.5-pro*\n") && text.contains("128 to 32768 tokens"));
        assert!(text.contains("OpenAPI's subset (built-in)") && !text.contains("gpt"));
        assert!(
            printed("*gpt-5-mini")
                .unwrap()
                .starts_with("o/gpt-5-mini\n")
        );
        assert!(printed("no-such*").unwrap_err().contains("`no-such*`"));
    }
}
