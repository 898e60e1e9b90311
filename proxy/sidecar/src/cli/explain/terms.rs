//! The terms of an alias, and the facts of its targets, in words.

use std::fmt::Write as _;

use dialect::Dialect;
use route::{ModelFacts, Sticky, Strategy};

use crate::config::{self, Alias, Upstream};

pub(super) fn strategy(strategy: Strategy, sticky: &Sticky) -> String {
    let key = match sticky {
        Sticky::Conversation => "the conversation".to_owned(),
        Sticky::Caller => "the caller".to_owned(),
        Sticky::Tag(tag) => format!("the tag `{tag}`"),
    };
    match strategy {
        Strategy::Fallback => "as they stand, the next where one fails".to_owned(),
        Strategy::Weighted => format!("by weight, the same for as long as {key} is"),
        Strategy::Cheapest => "by the estimated cost of the exchange".to_owned(),
        Strategy::Fastest => {
            "by the time to the first content, as it is learnt; a conversation keeps its target"
                .to_owned()
        }
        Strategy::LeastBusy => "by what is in flight; a conversation keeps its target".to_owned(),
    }
}

pub(super) fn model_facts(facts: &ModelFacts) -> Vec<String> {
    let abilities = [
        ("tools", facts.tools),
        ("images", facts.images),
        ("audio", facts.audio),
        ("files", facts.files),
    ];
    let which = |wanted: bool| {
        let some = abilities.iter().filter(|(_, has)| *has == Some(wanted));
        some.map(|(name, _)| *name).collect::<Vec<_>>().join(", ")
    };
    let listed = |what: &str, names: String| (!names.is_empty()).then(|| format!("{what} {names}"));
    let endpoints = facts.endpoints.map(|endpoints| {
        let all = Dialect::ALL
            .into_iter()
            .filter(|one| endpoints.contains(*one));
        all.map(Dialect::name).collect::<Vec<_>>().join(", ")
    });
    let window = match facts.window {
        Some(window) => format!("window {window}"),
        None => "window unknown".to_owned(),
    };
    [
        Some(window),
        facts
            .output
            .map(|output| format!("output {output} at most")),
        listed("takes", which(true)),
        listed("takes no", which(false)),
        endpoints.and_then(|names| listed("served as", names)),
    ]
    .into_iter()
    .flatten()
    .collect()
}

pub(super) fn keys(upstream: &Upstream) -> String {
    let accounts = crate::ordered::set(upstream.keys.iter().map(|key| &*key.account));
    let accounts = accounts.into_iter().collect::<Vec<_>>().join(", ");
    if let Some(identity) = &upstream.identity {
        return format!("the pod's identity, from `{}`", identity.name());
    }
    match (upstream.keys.len(), &upstream.kind) {
        (0, config::Kind::Embedded) => "the embedded model".to_owned(),
        (0, config::Kind::Http { .. }) if upstream.has_credentials() => "no key".to_owned(),
        (0, config::Kind::Http { .. }) => "callers' own keys".to_owned(),
        (1, _) => format!("a key of the account {accounts}"),
        (n, _) => format!("{n} keys of {accounts}"),
    }
}

pub(super) fn after_a_failure(text: &mut String, terms: &Alias) {
    let config::Retry {
        share,
        per_second,
        maybe_done,
        wait,
        content_filter,
    } = &terms.retry;
    text.push_str("\nAfter a failure that another attempt may mend, before the first content:\n");
    let deadline = terms.deadline;
    line(
        text,
        &format!(
            "attempts: {} in all, within {deadline:?}: the next target, or the same with another key",
            terms.attempts
        ),
    );
    line(
        text,
        &format!(
            "retries: {} of exchanges, and {} a second besides",
            percent(*share),
            number(*per_second)
        ),
    );
    line(
        text,
        &match *maybe_done > 0.0 {
            true => format!(
                "where the provider may have done the work: {} of exchanges",
                percent(*maybe_done)
            ),
            false => "where the provider may have done the work: none".to_owned(),
        },
    );
    line(
        text,
        &format!("wait: {wait:?} at the longest for the same target"),
    );
    line(
        text,
        match content_filter {
            true => "what a provider's content filter refuses is tried at another",
            false => "what a provider's content filter refuses is the app's answer",
        },
    );
}

pub(super) fn besides(text: &mut String, terms: &Alias) {
    let mut lines = Vec::new();
    if let Some(hedge) = &terms.hedge {
        lines.push(format!(
            "hedge: a second attempt where the first is slower than its target's p95, {:?} at the least; {} of exchanges and of money",
            hedge.delay,
            percent(hedge.share)
        ));
    }
    if let Some(canary) = &terms.canary {
        let only: String = canary.conditions.iter().map(in_passing).collect();
        lines.push(format!(
            "canary: {} gets {} of exchanges{only}, and a control of the same size is compared with it",
            name_of(&canary.target),
            percent(canary.share)
        ));
    }
    if let Some(shadow) = &terms.shadow {
        let only: String = shadow.conditions.iter().map(in_passing).collect();
        lines.push(format!(
            "shadow: {} gets copies of {} of exchanges{only}, for ${} a day at the most",
            name_of(&shadow.target),
            percent(shadow.share),
            number(shadow.usd_per_day)
        ));
    }
    if !lines.is_empty() {
        text.push_str("\nBesides:\n");
        lines.iter().for_each(|one| line(text, one));
    }
}

/// A condition on a tag.
pub(super) fn only_where((tag, values): &(String, Vec<String>)) -> String {
    format!("only where {tag} is {}", values.join(" or "))
}

/// The same in the middle of a sentence.
fn in_passing(condition: &(String, Vec<String>)) -> String {
    format!(", {}", only_where(condition))
}

pub(super) fn name_of(target: &config::Target) -> String {
    format!("{}/{}", target.upstream, target.model)
}

pub(super) fn line(text: &mut String, words: &str) {
    let _ = writeln!(text, "  {words}");
}

fn percent(share: f64) -> String {
    number(share * 100.0) + " %"
}

/// Writes six decimals at the most.
pub(super) fn number(number: f64) -> String {
    let text = format!("{number:.6}");
    text.trim_end_matches('0').trim_end_matches('.').to_owned()
}
