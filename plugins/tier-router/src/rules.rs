//! The table of rules, and the score that it gives a request.

use outrigger_sdk::{
    Request,
    settings::{Match, ModelName},
};
use serde::Deserialize;

use crate::{
    offer::Tier,
    signals::{Signal, Signals},
};

/// A row of the table.
#[derive(Debug)]
pub(crate) struct Rule {
    signal: Option<Signal>,
    /// It applies where the signal is more than this.
    over: u64,
    when: Match,
    effect: Effect,
    /// Its name in the explanation.
    name: String,
}

#[derive(Debug)]
enum Effect {
    Add(i32),
    AtLeast(usize),
    AtMost(usize),
}

/// A row as it is written.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct RuleFile {
    #[serde(rename = "if")]
    signal: Option<Signal>,
    over: Option<u64>,
    #[serde(default, rename = "match")]
    when: Match,
    add: Option<i32>,
    at_least: Option<ModelName>,
    at_most: Option<ModelName>,
}

/// The rows where none are written: signal, bound, and what is added.
const USUAL: [(Signal, u64, i32); 11] = [
    (Signal::Tools, 0, 2),
    (Signal::Tools, 8, 1),
    (Signal::Schema, 0, 1),
    (Signal::Images, 0, 1),
    (Signal::InputTokens, 2_000, 1),
    (Signal::InputTokens, 20_000, 2),
    (Signal::OutputTokens, 4_000, 1),
    (Signal::Messages, 10, 1),
    (Signal::Code, 0, 1),
    (Signal::Effort, 1, 2),
    (Signal::Effort, 2, 3),
];

/// Returns the table that stands where none is written.
pub(crate) fn usual() -> Vec<Rule> {
    let row = |(signal, over, add): (Signal, u64, i32)| Rule {
        signal: Some(signal),
        over,
        when: Match::default(),
        effect: Effect::Add(add),
        name: signal.name().into(),
    };
    USUAL.map(row).into()
}

impl RuleFile {
    /// Reads a row beside these tiers.
    ///
    /// # Errors
    /// A sentence for the operator.
    pub(crate) fn beside(self, tiers: &[Tier]) -> Result<Rule, String> {
        if self.signal.is_none() && self.when.is_empty() {
            return Err("applies to every request: write `if` or `match`".into());
        }
        if self.signal.is_none() && self.over.is_some() {
            return Err("`over` is a bound of a signal: write `if`, too".into());
        }
        let tier = |ModelName(name): ModelName| {
            let at = tiers.iter().position(|tier| tier.model == name);
            at.ok_or_else(|| format!("`{name}` is none of `tiers`"))
        };
        let effect = match (self.add, self.at_least, self.at_most) {
            (Some(0), None, None) => return Err("`add: 0` changes nothing".into()),
            (Some(add), None, None) => Effect::Add(add),
            (None, Some(name), None) => Effect::AtLeast(tier(name)?),
            (None, None, Some(name)) => Effect::AtMost(tier(name)?),
            _ => return Err("write one of `add`, `at_least` and `at_most`".into()),
        };
        let key = || {
            let text = self.when.to_string();
            text.split('=').next().unwrap_or_default().to_owned()
        };
        Ok(Rule {
            signal: self.signal,
            over: self.over.unwrap_or(0),
            name: self.signal.map_or_else(key, |signal| signal.name().into()),
            when: self.when,
            effect,
        })
    }
}

impl Rule {
    /// Reports whether it reads the user's text.
    pub(crate) fn reads(&self) -> bool {
        self.signal == Some(Signal::Code)
    }

    fn applies(&self, request: &Request, signals: &mut Signals) -> bool {
        self.when.holds(request)
            && (self.signal).is_none_or(|signal| signals.of(signal, request) > self.over)
    }
}

/// The score of a request, and what made it.
#[derive(Debug, Default)]
pub(crate) struct Score {
    pub(crate) sum: i32,
    at_least: usize,
    at_most: Option<usize>,
    because: Vec<String>,
}

impl Score {
    pub(crate) fn of(rules: &[Rule], request: &Request, signals: &mut Signals) -> Self {
        let mut score = Self::default();
        for rule in rules {
            if !rule.applies(request, signals) {
                continue;
            }
            match rule.effect {
                Effect::Add(add) => score.sum = score.sum.saturating_add(add),
                Effect::AtLeast(tier) => score.at_least = score.at_least.max(tier),
                Effect::AtMost(tier) => {
                    score.at_most = Some(score.at_most.map_or(tier, |most| most.min(tier)));
                }
            }
            score.explain(&rule.name);
        }
        score
    }

    /// Adds to the sum, and says why.
    #[cfg(feature = "judge")]
    pub(crate) fn add(&mut self, add: i32, reason: &str) {
        self.sum = self.sum.saturating_add(add);
        self.explain(reason);
    }

    /// Returns the highest tier that is allowed, where one is named.
    pub(crate) fn most(&self) -> Option<usize> {
        self.at_most.map(|most| most.max(self.at_least))
    }

    /// Keeps a tier within the bounds of `at_least` and `at_most`; the former wins.
    pub(crate) fn bound(&self, tier: usize) -> usize {
        let most = self.at_most.map_or(tier, |most| tier.min(most));
        most.max(self.at_least)
    }

    /// Adds a reason, once.
    pub(crate) fn explain(&mut self, reason: &str) {
        if !self.because.iter().any(|known| known == reason) {
            self.because.push(reason.into());
        }
    }

    /// Writes the reply's header: `small; score=3; because=tools,code`.
    pub(crate) fn header(&self, tier: &str) -> String {
        let because = match self.because.is_empty() {
            true => "nothing".to_owned(),
            false => self.because.join(","),
        };
        format!("{tier}; score={}; because={because}", self.sum)
    }
}
