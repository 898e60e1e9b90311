//! Evidence of an entry: how often a new answer agreed with it, and how often it may be served.
//!
//! As in vCache (arXiv 2502.03771), an entry has to earn being served: while it is not sure that its
//! answer is right for a near question, the question is sent on and the two answers are compared.
//! Here the chance of serving is `error / bound`, where `bound` is what the share of wrong answers
//! is at most, after what was seen: so of all requests `error` are answered wrongly at most. An entry
//! without a disagreement also counts what all entries of its partition's keys have shown.

use std::time::Duration;

use outrigger_sdk::{random, values};

use crate::answer::{self, Signature, Verdict};

/// The value's form.
const FORM: u8 = 1;
/// Comparisons beyond which counts are halved, so that what was true once is forgotten.
const MOST: u32 = 10_000;

/// The share of wrong answers that is allowed.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Bound(f64);

/// An entry's counts.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Counts {
    pub(crate) agreed: u32,
    pub(crate) disagreed: u32,
}

/// Values that are kept of an entry.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Evidence {
    pub(crate) counts: Counts,
    pub(crate) answer: Option<Signature>,
}

impl Bound {
    pub(crate) const fn new(error: f64) -> Self {
        Self(error)
    }

    /// Returns the share of requests that an entry of these counts may serve, 0 to 1.
    pub(crate) fn chance(self, entry: Counts, pool: Counts) -> f64 {
        let most = match entry.disagreed {
            0 => entry.most_wrong().min(pool.most_wrong()),
            _ => entry.most_wrong(),
        };
        (self.0 / most).min(1.0)
    }

    /// Decides by chance whether such an entry is served now.
    pub(crate) fn serves(self, entry: Counts, pool: Counts) -> bool {
        let chance = self.chance(entry, pool);
        // 53 bits: a number in 0..1
        chance >= 1.0 || ((random::number() >> 11) as f64) * f64::EPSILON / 2.0 < chance
    }
}

impl Counts {
    /// The share of wrong answers that is not exceeded in 95 of 100 cases: Poisson's upper limit,
    /// 3 of n where none was seen.
    fn most_wrong(self) -> f64 {
        let (wrong, all) = (
            f64::from(self.disagreed),
            f64::from(self.agreed.saturating_add(self.disagreed)),
        );
        match all > 0.0 {
            true => ((wrong + 1.65 * wrong.sqrt() + 3.0) / all).min(1.0),
            false => 1.0,
        }
    }

    pub(crate) fn count(&mut self, verdict: Verdict) {
        match verdict {
            Verdict::Agreed => self.agreed += 1,
            Verdict::Disagreed => self.disagreed += 1,
            Verdict::Unsure => {}
        }
        if self.agreed.saturating_add(self.disagreed) > MOST {
            self.agreed /= 2;
            self.disagreed /= 2;
        }
    }
}

impl Evidence {
    fn to_bytes(&self) -> Vec<u8> {
        let mut bytes = vec![FORM];
        bytes.extend(self.counts.agreed.to_le_bytes());
        bytes.extend(self.counts.disagreed.to_le_bytes());
        bytes.extend(self.answer.iter().flat_map(Signature::to_bytes));
        bytes
    }

    /// `None` for another form's bytes.
    fn from_bytes(bytes: &[u8]) -> Option<Self> {
        let (form, rest) = bytes.split_first()?;
        let (agreed, rest) = rest.split_first_chunk()?;
        let (disagreed, rest) = rest.split_first_chunk()?;
        let answer = match rest.len() {
            0 => None,
            answer::BYTES => Signature::from_bytes(rest),
            _ => return None,
        };
        let counts = Counts {
            agreed: u32::from_le_bytes(*agreed),
            disagreed: u32::from_le_bytes(*disagreed),
        };
        (*form == FORM).then_some(Self { counts, answer })
    }
}

/// The name of what is known of an entry.
pub(crate) fn of(key: &str) -> String {
    format!("entry:{key}")
}

/// Reads what is known; nothing where the store can't be reached.
pub(crate) fn read(key: &str) -> Option<Evidence> {
    let bytes = values::get(key).ok()??;
    Evidence::from_bytes(&bytes)
}

/// Changes what is known. Where two do so at once one may be lost: it is one comparison of many.
pub(crate) fn change(key: &str, ttl: Duration, change: impl Fn(&mut Evidence)) {
    for _ in 0..2 {
        let Ok(before) = values::get(key) else { return };
        let mut evidence = before
            .as_deref()
            .and_then(Evidence::from_bytes)
            .unwrap_or_default();
        change(&mut evidence);
        let after = evidence.to_bytes();
        if let Ok(true) | Err(_) =
            values::compare_and_set(key, before.as_deref(), &after, Some(ttl))
        {
            return;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn counts(agreed: u32, disagreed: u32) -> Counts {
        Counts { agreed, disagreed }
    }

    #[test]
    fn an_entry_is_served_as_often_as_what_was_seen_of_it_allows() {
        let bound = Bound::new(0.02);
        let none = Counts::default();
        let percent = |entry, pool| (bound.chance(entry, pool) * 100.0).round();
        for (entry, pool, expected) in [
            (none, none, 2.0),
            (counts(30, 0), none, 20.0),
            (counts(150, 0), none, 100.0),
            (none, counts(150, 0), 100.0),
            (counts(5, 1), counts(150, 0), 2.0),
            (counts(0, 9), counts(10_000, 0), 2.0),
            (counts(1_000, 10), none, 100.0),
        ] {
            assert_eq!(percent(entry, pool), expected, "{entry:?} {pool:?}");
        }
    }

    #[test]
    fn what_is_known_is_read_back_and_another_form_is_nothing() {
        for answer in [None, Signature::of("a few words")] {
            let evidence = Evidence {
                counts: counts(7, 1),
                answer,
            };
            let mut bytes = evidence.to_bytes();
            assert_eq!(Evidence::from_bytes(&bytes), Some(evidence));
            bytes[0] = 2;
            assert_eq!(Evidence::from_bytes(&bytes), None);
        }
        assert_eq!(Evidence::from_bytes(&[]), None);
        assert_eq!(Evidence::from_bytes(&[FORM; 12]), None);
    }

    #[test]
    fn counts_stay_small_and_keep_their_share() {
        let mut counts = counts(9_000, 1_000);
        counts.count(Verdict::Disagreed);
        counts.count(Verdict::Unsure);
        assert_eq!((counts.agreed, counts.disagreed), (4_500, 500));
    }
}
