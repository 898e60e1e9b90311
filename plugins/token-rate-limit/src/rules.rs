//! Rules as the operator wrote them, and what makes one unfit.

use std::{fmt, ops::Deref};

use outrigger_sdk::{
    Request, Unit, digest,
    limits::{Ask, Window},
    settings::{Count, Keys, Match, Span, Usd},
};
use serde::Deserialize;

/// Rules, all of which apply at once.
#[derive(Debug, Default, Deserialize)]
#[serde(try_from = "Vec<Rule>")]
pub(crate) struct Rules(Vec<Rule>);

impl Deref for Rules {
    type Target = [Rule];
    fn deref(&self) -> &[Rule] {
        &self.0
    }
}

impl TryFrom<Vec<Rule>> for Rules {
    type Error = String;

    /// A message that opens with an index continues the path of the key, `rules`.
    fn try_from(rules: Vec<Rule>) -> Result<Self, String> {
        for (at, rule) in rules.iter().enumerate() {
            let same = |other: &Rule| (&other.bucket, &other.per) == (&rule.bucket, &rule.per);
            let Some(before) = rules[..at].iter().position(same) else {
                continue;
            };
            return Err(if rules[before].limit == rule.limit {
                format!("[{at}]: says what rules[{before}] says: leave one out")
            } else {
                format!(
                    "[{at}]: contradicts rules[{before}], which has another limit for the same exchanges, unit and time: keep one"
                )
            });
        }
        Ok(Self(rules))
    }
}

/// So much of a unit, in a time, for the exchanges that belong together.
#[derive(Debug, Deserialize)]
#[serde(try_from = "File")]
pub(crate) struct Rule {
    per: Keys,
    conditions: Match,
    limit: Limit,
    every: Span,
    window: Window,
    soft: bool,
    cut: bool,
    /// The prefix of its buckets' names: equal for rules that would share them.
    bucket: String,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Limit {
    Of(Unit, u64),
    Usd(Usd),
}

impl Rule {
    pub(crate) fn conditions(&self) -> &Match {
        &self.conditions
    }

    pub(crate) fn holds(&self, request: &Request) -> bool {
        self.conditions.holds(request)
    }

    pub(crate) fn is_soft(&self) -> bool {
        self.soft
    }

    pub(crate) fn unit(&self) -> Unit {
        match self.limit {
            Limit::Of(unit, _) => unit,
            Limit::Usd(_) => Unit::Microusd,
        }
    }

    pub(crate) fn ask(&self, request: &Request) -> Ask {
        let limit = match self.limit {
            Limit::Of(_, limit) => limit,
            Limit::Usd(usd) => usd.micro,
        };
        let bucket = format!("{}{}", self.bucket, self.per.name(request));
        let mut ask = Ask::new(bucket, self.unit(), limit, self.window);
        (ask.soft, ask.cut) = (self.soft, self.cut);
        ask
    }
}

/// `100000 tokens per tenant every 1m`.
impl fmt::Display for Rule {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.limit {
            Limit::Of(unit, limit) => write!(f, "{limit} {}", word(unit).replace('_', " "))?,
            Limit::Usd(usd) => write!(f, "{usd} usd")?,
        }
        let per = if self.per.list().is_empty() {
            "for"
        } else {
            "per"
        };
        write!(f, " {per} {} every {}", self.per, self.every)
    }
}

/// The unit's key.
const fn word(unit: Unit) -> &'static str {
    match unit {
        Unit::Requests => "requests",
        Unit::InputTokens => "input_tokens",
        Unit::OutputTokens => "output_tokens",
        Unit::TotalTokens => "tokens",
        Unit::Microusd => "usd",
    }
}

/// A rule as it is written.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    #[serde(default)]
    per: Keys,
    #[serde(default, rename = "match")]
    conditions: Match,
    requests: Option<Count>,
    tokens: Option<Count>,
    input_tokens: Option<Count>,
    output_tokens: Option<Count>,
    usd: Option<Usd>,
    every: Span,
    #[serde(default)]
    algorithm: Algorithm,
    #[serde(default)]
    mode: Mode,
    #[serde(default)]
    cut: bool,
}

#[derive(Clone, Copy, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
enum Algorithm {
    /// Refills evenly, so that what was saved can be taken at once.
    #[default]
    Bucket,
    /// Never more than the limit in any such time.
    Sliding,
}

#[derive(Clone, Copy, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
enum Mode {
    #[default]
    Hard,
    /// Counts and reports.
    Soft,
}

impl TryFrom<File> for Rule {
    type Error = &'static str;

    fn try_from(file: File) -> Result<Self, Self::Error> {
        let counts = [
            (Unit::Requests, file.requests),
            (Unit::TotalTokens, file.tokens),
            (Unit::InputTokens, file.input_tokens),
            (Unit::OutputTokens, file.output_tokens),
        ];
        let counts = counts
            .into_iter()
            .filter_map(|(unit, count)| Some(Limit::Of(unit, count?.0)));
        let limits: Vec<Limit> = counts.chain(file.usd.map(Limit::Usd)).collect();
        let &[limit] = limits.as_slice() else {
            return Err(
                "a rule has one limit: write one of `requests`, `tokens`, `input_tokens`, `output_tokens`, `usd`, and further ones as rules of their own",
            );
        };
        if file.every.0.is_zero() {
            return Err("`every` is no time: write `1s` or more");
        }
        let soft = file.mode == Mode::Soft;
        if file.cut && soft {
            return Err("`cut` has no effect with `mode: soft`, which only tells: leave one out");
        }
        if file.cut && matches!(limit, Limit::Of(Unit::Requests | Unit::InputTokens, _)) {
            return Err(
                "`cut` has no effect here, because a stream takes no more requests or input tokens as it goes on: leave it out",
            );
        }
        let (window, algorithm) = match file.algorithm {
            Algorithm::Bucket => (Window::bucket(file.every.0), "bucket"),
            Algorithm::Sliding => (Window::sliding(file.every.0), "sliding"),
        };
        let mut rule = Self {
            per: file.per,
            conditions: file.conditions,
            limit,
            every: file.every,
            window,
            soft,
            cut: file.cut,
            bucket: String::new(),
        };
        // The limit is no part of it: one that is changed keeps what was counted.
        rule.bucket = format!("{}/{}/{algorithm}/", word(rule.unit()), rule.every);
        if soft {
            rule.bucket.push_str("soft/");
        }
        if !rule.conditions.is_empty() {
            rule.bucket
                .extend(digest([rule.conditions.to_string()]).chars().take(8));
            rule.bucket.push('/');
        }
        Ok(rule)
    }
}
