//! The choice among the targets that a model stands for: which of them may be tried, which come
//! first, and in which order.

use std::cmp::Reverse;

use outrigger_sdk::{
    Request, Target,
    settings::{Globs, Usd},
};
use serde::Deserialize;

/// Targets that one request may name in a list.
const MOST: usize = 64;

/// A rule's part on targets.
#[derive(Debug, Deserialize)]
#[serde(try_from = "File")]
pub(crate) struct Choice {
    only: Option<Conditions>,
    prefer: Option<Conditions>,
    by: Option<By>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    only: Option<Conditions>,
    prefer: Option<Conditions>,
    by: Option<By>,
}

impl TryFrom<File> for Choice {
    type Error = &'static str;
    fn try_from(file: File) -> Result<Self, Self::Error> {
        let File { only, prefer, by } = file;
        match (&only, &prefer, by) {
            (None, None, None) => Err("no target is chosen: add `only`, `prefer` or `by`"),
            _ => Ok(Self { only, prefer, by }),
        }
    }
}

/// The figure in whose order targets are tried, the smallest first.
#[derive(Debug, Clone, Copy, Deserialize)]
#[serde(rename_all = "snake_case")]
enum By {
    /// The cost of the exchange there.
    Price,
    /// Time to the first content.
    FirstToken,
    /// Attempts under way.
    Load,
}

impl By {
    /// A target without the figure comes behind all that have one.
    fn figure(self, target: &Target) -> (bool, u64, u64) {
        let figure = match self {
            Self::Price => {
                let list = |price: &outrigger_sdk::Price| {
                    price.input_microusd.saturating_add(price.output_microusd)
                };
                let cost = target.cost_microusd;
                // What costs less than a millionth of a dollar is compared by its price.
                cost.map(|cost| (cost, target.price.as_ref().map_or(0, list)))
            }
            Self::FirstToken => target.first_token_ms.map(|ms| (ms.into(), 0)),
            Self::Load => Some((target.in_flight.into(), 0)),
        };
        let (first, second) = figure.unwrap_or_default();
        (figure.is_none(), first, second)
    }
}

/// Conditions on a target: all have to hold. What is not known of a target holds for none.
#[derive(Debug, Deserialize)]
#[serde(try_from = "ConditionsFile")]
struct Conditions(ConditionsFile);

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct ConditionsFile {
    target: Option<Globs>,
    region: Option<Globs>,
    window: Option<u64>,
    #[serde(default)]
    takes: Vec<String>,
    max_usd: Option<Usd>,
    healthy: Option<bool>,
}

impl TryFrom<ConditionsFile> for Conditions {
    type Error = &'static str;
    fn try_from(file: ConditionsFile) -> Result<Self, Self::Error> {
        let empty = file.target.is_none()
            && file.region.is_none()
            && file.window.is_none()
            && file.takes.is_empty()
            && file.max_usd.is_none()
            && file.healthy.is_none();
        match empty {
            true => Err("every target would do: add a condition, or leave the key out"),
            false => Ok(Self(file)),
        }
    }
}

impl Conditions {
    fn hold(&self, target: &Target) -> bool {
        let Self(these) = self;
        let matches = |globs: &Option<Globs>, text: Option<&String>| match globs {
            Some(globs) => text.is_some_and(|text| globs.matches(text)),
            None => true,
        };
        let most = these.max_usd.as_ref().map(|usd| usd.micro);
        let named = |globs: &Globs| globs.matches_model(&target.name);
        these.target.as_ref().is_none_or(named)
            && matches(&these.region, target.region.as_ref())
            && these
                .window
                .is_none_or(|least| target.window.is_some_and(|window| window >= least))
            && these
                .takes
                .iter()
                .all(|what| target.can_take(what) == Some(true))
            && most.is_none_or(|most| target.cost_microusd.is_some_and(|cost| cost <= most))
            && these
                .healthy
                .is_none_or(|healthy| healthy == target.is_healthy())
    }
}

impl Choice {
    /// Excludes and prefers targets of the request's model.
    pub(crate) fn apply(&self, request: &mut Request) {
        let targets = request.targets();
        let allowed = |target: &&Target| self.only.as_ref().is_none_or(|only| only.hold(target));
        let (mut left, out): (Vec<&Target>, Vec<&Target>) = targets.iter().partition(allowed);
        request.exclude(&names(&out));
        if let Some(by) = self.by {
            left.sort_by_key(|target| by.figure(target));
        }
        if let Some(prefer) = &self.prefer {
            left.sort_by_key(|target| Reverse(prefer.hold(target)));
            if self.by.is_none() {
                left.retain(|target| prefer.hold(target));
            }
        }
        if self.by.is_some() || self.prefer.is_some() {
            left.truncate(MOST);
            request.prefer(&names(&left));
        }
    }
}

fn names<'a>(targets: &[&'a Target]) -> Vec<&'a str> {
    targets.iter().map(|target| target.name.as_str()).collect()
}
