//! A plan in words, for operators: the order of its candidates, and the reasons.

use std::{fmt::Write as _, time::Instant};

use super::{Candidate, Excluded, Exclusion, Plan, Rank};

/// One target of a plan, explained.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Explained {
    /// `upstream/model`, or the upstream alone where the model is the app's.
    pub target: String,
    /// Its place among those that are tried, from 1 on; none where it is left out.
    pub place: Option<usize>,
    /// The reason, as the end of a sentence that begins with the target.
    pub reason: String,
}

impl Plan<'_> {
    /// Explains every target: the candidates in their order, then those that are left out.
    pub fn explain(&self, now: Instant) -> Vec<Explained> {
        let tried = (1..)
            .zip(self.candidates())
            .map(|(place, candidate)| Explained {
                target: name_of(candidate),
                place: Some(place),
                reason: candidate.rank.words(),
            });
        let left = self.excluded.iter().map(|left| Explained {
            target: format!("{}/{}", left.upstream.name, left.model),
            place: None,
            reason: self.reason(left, now),
        });
        tried.chain(left).collect()
    }

    fn reason(&self, left: &Excluded<'_>, now: Instant) -> String {
        let mut words = left.reason.words(now);
        let part = left.id.and_then(|id| self.alias?.part_of(id));
        if let (Exclusion::Condition, Some(part)) = (&left.reason, part) {
            words.push(':');
            for (tag, values) in &part.conditions {
                let _ = write!(words, " {tag}={}", values.join("|"));
            }
        }
        words
    }
}

fn name_of(candidate: &Candidate<'_>) -> String {
    let upstream = &candidate.upstream.name;
    match &candidate.model {
        Some(model) => format!("{upstream}/{model}"),
        None => upstream.to_string(),
    }
}

impl Rank {
    /// The reason as the end of a sentence that begins with the target's name.
    pub fn words(self) -> String {
        match self {
            Self::Named => "is the one that the request names".to_owned(),
            Self::Preferred => "is preferred by a policy".to_owned(),
            Self::Order => "is next in the alias's order".to_owned(),
            Self::Weight(0) => "has no weight: it is tried where others fail".to_owned(),
            Self::Weight(weight) => format!("is next by its weight of {weight} for this key"),
            Self::Affinity => "is the conversation's home".to_owned(),
            Self::Probe => "may be back: this would be its probe".to_owned(),
            Self::Explored => "is explored: its latency is unknown".to_owned(),
            Self::Cost(Some(cost)) => format!("would cost about ${:.6}", cost as f64 / 1e9),
            Self::Cost(None) => "has no price".to_owned(),
            Self::Latency(Some(latency), in_flight) => format!(
                "answers in {:.3} s, with {in_flight} in flight",
                latency.as_secs_f64()
            ),
            Self::Latency(None, in_flight) => {
                format!("has no latency yet, and {in_flight} in flight")
            }
            Self::Load(in_flight) => format!("has {in_flight} in flight"),
        }
    }
}
