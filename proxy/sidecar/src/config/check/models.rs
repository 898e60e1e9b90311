//! `models:`: what is tried behind each alias, and within which bounds.

use std::{collections::BTreeMap, time::Duration};

use policy::tags::is_name;
use route::{Sticky, Strategy};

use super::{Check, conditions::NO_TAG, upstreams::Upstreams};
use crate::config::{
    Alias, Canary, Hedge, Limited, Queue, Retry, Shadow, Target,
    file::{self, Named, Switch, Text, WrittenLimited, WrittenStrategy},
    problems::Path,
    values,
};

/// Most attempts of one exchange.
const MOST_ATTEMPTS: u8 = 10;
/// Most targets of an alias: a policy's list of what it excludes has no more.
const MOST_TARGETS: usize = 64;
/// Largest share of exchanges that may be hedged.
const MOST_HEDGED: f64 = 0.1;
/// Largest share of a canary, whose control is as large.
const MOST_ON_TRIAL: f64 = 0.5;
/// Most retries a second.
const MOST_PER_SECOND: f64 = 100_000.0;

impl Check<'_> {
    pub(super) fn models(
        &mut self,
        written: Option<Named<file::Model>>,
        upstreams: &Upstreams,
    ) -> BTreeMap<String, Alias> {
        let at = Path::default().key("models");
        let written = written.map(|named| named.0).unwrap_or_default();
        let mut models = BTreeMap::new();
        for (name, written) in written {
            let alias = self.alias(&at.key(&name), &written, upstreams);
            models.insert(name, alias);
        }
        self.degrades(&at, &models);
        models
    }

    fn alias(&mut self, at: &Path, written: &file::Model, upstreams: &Upstreams) -> Alias {
        let one = written.targets.len() == 1;
        let strategy = self.strategy(&at.key("strategy"), written.strategy.as_ref(), one);
        let targets_at = at.key("targets");
        let targets = self.targets(&targets_at, &written.targets, strategy, &upstreams.by_name);
        if written.targets.len() > MOST_TARGETS {
            self.problem(
                &targets_at,
                format!("has more than {MOST_TARGETS} targets; remove some, or share them out among several aliases"),
            );
        }
        let all_read = targets.len() == written.targets.len();
        let default = Alias::of(targets);
        let named: Vec<&Target> = default.targets.iter().map(|of| &of.target).collect();

        let deadline_at = at.key("deadline");
        let deadline = self.span(&deadline_at, written.deadline.as_ref(), default.deadline);
        self.reachable(&deadline_at, deadline, &named, upstreams);
        let attempts = self.count(
            &at.key("attempts"),
            written.attempts.as_ref(),
            "attempts",
            default.attempts,
            MOST_ATTEMPTS,
        );
        let retry_at = at.key("retry");
        if written.retry.is_some() && attempts == 1 {
            self.problem(
                &retry_at,
                "has no effect with `attempts: 1`; remove one of them",
            );
        }
        let limited_at = at.key("limited");
        let hedge = written.hedge.as_ref().map(|hedge| {
            let hedge_at = at.key("hedge");
            if all_read {
                self.has_second_account(&hedge_at, &named, upstreams);
            }
            self.hedge(&hedge_at, hedge, deadline)
        });
        let canary = written.canary.as_ref();
        let canary =
            canary.and_then(|canary| self.canary(&at.key("canary"), canary, &named, upstreams));
        let shadow = written.shadow.as_ref();
        let shadow =
            shadow.and_then(|shadow| self.shadow(&at.key("shadow"), shadow, &named, upstreams));
        let for_some = all_read && default.targets.iter().all(|of| !of.conditions.is_empty());
        for (key, is_for_all) in [
            (
                "canary",
                canary.as_ref().map(|canary| canary.conditions.is_empty()),
            ),
            (
                "shadow",
                shadow.as_ref().map(|shadow| shadow.conditions.is_empty()),
            ),
        ] {
            if for_some && is_for_all == Some(true) {
                self.problem(
                    &at.key(key),
                    "goes to exchanges of all tags, and every target of this alias is for some only; add a `where` here, or a target without one",
                );
            }
        }
        let shares = strategy.is_none_or(|strategy| strategy == Strategy::Weighted)
            || written.canary.is_some();
        Alias {
            strategy: strategy.unwrap_or(default.strategy),
            sticky: self.sticky(&at.key("sticky"), written.sticky.as_ref(), shares),
            attempts,
            deadline,
            ends_replies: written.deadline.is_some(),
            max_cost: self.max_cost(&at.key("max_usd"), written.max_usd.as_ref()),
            retry: match written.retry.as_ref() {
                Some(retry) => self.retry(&retry_at, retry, deadline),
                None => default.retry,
            },
            limited: match written.limited.as_ref() {
                Some(limited) => self.limited(&limited_at, limited, deadline),
                None => default.limited,
            },
            hedge,
            canary,
            shadow,
            translate: self.translates(at, written.translate.as_ref(), written.strict.as_ref()),
            strict: written.strict.unwrap_or(default.strict),
            targets: default.targets,
        }
    }

    /// Reads whether requests in other dialects are translated; `strict` is of these alone.
    pub(super) fn translates(
        &mut self,
        at: &Path,
        written: Option<&Switch>,
        strict: Option<&bool>,
    ) -> bool {
        let translates = written.is_none_or(|switch| switch.0);
        if !translates && strict == Some(&true) {
            self.problem(
                &at.key("strict"),
                "has no effect with `translate: off`; remove one of them",
            );
        }
        translates
    }

    /// The strategy; none where what is written is not one.
    fn strategy(
        &mut self,
        at: &Path,
        written: Option<&WrittenStrategy>,
        one: bool,
    ) -> Option<Strategy> {
        let word = match written {
            None => return Some(Strategy::Fallback),
            Some(WrittenStrategy::Word(word)) => word,
            Some(WrittenStrategy::Several) => {
                self.problem(
                    at,
                    "is a list, and an alias has one strategy; keep one, like `strategy: fallback`",
                );
                return None;
            }
        };
        let words = Strategy::ALL.map(|strategy| (strategy.name(), Some(strategy)));
        let strategy = self.word(at, Some(word), None, &words);
        if one && strategy.is_some_and(|strategy| strategy != Strategy::Fallback) {
            self.problem(
                at,
                "has no effect with one target; add another, or remove it",
            );
            return None;
        }
        strategy
    }

    fn sticky(&mut self, at: &Path, written: Option<&Text>, shares: bool) -> Sticky {
        if written.is_some() && !shares {
            self.problem(
                at,
                "has no effect without `strategy: weighted` or a `canary`; add one of them or remove it",
            );
        }
        self.parsed(at, written, Sticky::Conversation, |text| match text {
            "conversation" => Ok(Sticky::Conversation),
            "caller" => Ok(Sticky::Caller),
            tag if is_name(tag) => Ok(Sticky::Tag(tag.into())),
            _ => Err(format!("{NO_TAG}; or `conversation` or `caller`")),
        })
    }

    fn max_cost(&mut self, at: &Path, written: Option<&file::Dollars>) -> Option<u64> {
        let most = self.parsed(at, Some(written?), 1, values::dollars);
        if most == 0 {
            self.problem(
                at,
                "is 0, which would leave no target; write more, or leave the key out",
            );
        }
        Some(u64::from(most) * 1000)
    }

    /// Reports a deadline that ends before a connection's own time.
    fn reachable(
        &mut self,
        at: &Path,
        deadline: Duration,
        targets: &[&Target],
        upstreams: &Upstreams,
    ) {
        if deadline.is_zero() {
            return; // reported already
        }
        let slow = targets.iter().find(|target| {
            upstreams.with_connect_timeout.contains(&target.upstream)
                && upstreams.by_name[&target.upstream].connect_timeout >= deadline
        });
        if let Some(Target { upstream, .. }) = slow {
            self.problem(
                at,
                format!("is not longer than `upstreams.{upstream}.connect_timeout`, one connection's own; write more here or less there"),
            );
        }
    }

    fn retry(&mut self, at: &Path, written: &file::Retry, deadline: Duration) -> Retry {
        let default = Retry::default();
        let wait_at = at.key("wait");
        let wait = self.span_or_zero(&wait_at, written.wait.as_ref(), default.wait);
        self.within(&wait_at, written.wait.as_ref(), wait, deadline);
        Retry {
            share: self.fraction(&at.key("share"), written.share.as_ref(), default.share),
            per_second: self.decimal(
                &at.key("per_second"),
                written.per_second.as_ref(),
                default.per_second,
                MOST_PER_SECOND,
            ),
            maybe_done: self.fraction(
                &at.key("maybe_done"),
                written.maybe_done.as_ref(),
                default.maybe_done,
            ),
            wait,
            content_filter: written.content_filter.unwrap_or(default.content_filter),
        }
    }

    /// Reports a wait that is written and as long as all that it is part of.
    fn within(
        &mut self,
        at: &Path,
        written: Option<&file::Span>,
        wait: Duration,
        deadline: Duration,
    ) {
        if written.is_some() && wait >= deadline && !deadline.is_zero() {
            self.problem(
                at,
                "is not shorter than the alias' `deadline`, in which it ends; write less here or more there",
            );
        }
    }

    fn limited(&mut self, at: &Path, written: &WrittenLimited, deadline: Duration) -> Limited {
        let form = match written {
            WrittenLimited::Word(word) => {
                let refuse = |text: &str| {
                    match text {
                    "refuse" => Ok(()),
                    "queue" => Err("is a map; write `{ queue: {} }` for its defaults".into()),
                    "degrade" => Err("is a map; write `{ degrade: ALIAS }`".into()),
                    _ => Err("is none of `refuse`, `{ queue: {} }` and `{ degrade: ALIAS }`; write one of them".into()),
                }
                };
                self.parsed(at, Some(word), (), refuse);
                return Limited::Refuse;
            }
            WrittenLimited::Form(form) => form,
        };
        match (&*form.queue, &*form.degrade) {
            (Some(_), Some(_)) => {
                self.problem(at, "has both `queue` and `degrade`; keep one");
                Limited::Refuse
            }
            (None, None) => {
                self.problem(
                    at,
                    "is empty; write `{ queue: {} }` or `{ degrade: ALIAS }`, or leave the key out",
                );
                Limited::Refuse
            }
            (Some(queue), None) => Limited::Queue(self.queue(&at.key("queue"), queue, deadline)),
            (None, Some(alias)) => match self.text(&at.key("degrade"), Some(alias)) {
                Some(alias) => Limited::Degrade(alias),
                None => Limited::Refuse,
            },
        }
    }

    fn queue(&mut self, at: &Path, written: &file::Queue, deadline: Duration) -> Queue {
        let default = Queue::default();
        let wait_at = at.key("wait");
        let wait = self.span(&wait_at, written.wait.as_ref(), default.wait);
        self.within(&wait_at, written.wait.as_ref(), wait, deadline);
        Queue {
            exchanges: self.count(
                &at.key("exchanges"),
                written.exchanges.as_ref(),
                "exchanges",
                default.exchanges,
                1_000_000,
            ),
            bytes: self.size(&at.key("bytes"), written.bytes.as_ref(), default.bytes),
            tokens: self.count(
                &at.key("tokens"),
                written.tokens.as_ref(),
                "tokens",
                default.tokens,
                1_000_000_000_000,
            ),
            wait,
            tenant: self.tag_name(&at.key("tenant"), written.tenant.as_ref(), &default.tenant),
            priority: self.tag_name(
                &at.key("priority"),
                written.priority.as_ref(),
                &default.priority,
            ),
        }
    }

    fn hedge(&mut self, at: &Path, written: &file::Hedge, deadline: Duration) -> Hedge {
        let default = Hedge::default();
        let share_at = at.key("share");
        let share = self.some_fraction(&share_at, written.share.as_ref(), default.share);
        if share > MOST_HEDGED {
            self.problem(
                &share_at,
                "is more than the 10% that may be sent twice; write `10%` at most",
            );
        }
        let delay_at = at.key("delay");
        let delay = self.span(&delay_at, written.delay.as_ref(), default.delay);
        self.within(&delay_at, written.delay.as_ref(), delay, deadline);
        Hedge { share, delay }
    }

    /// Reports targets that one account pays for all: its limits, and its provider's bad hour, are
    /// the same for the second attempt.
    fn has_second_account(&mut self, at: &Path, targets: &[&Target], upstreams: &Upstreams) {
        let of_target = |target: &&Target| upstreams.by_name[&target.upstream].accounts();
        let accounts = crate::ordered::set(targets.iter().flat_map(of_target));
        if accounts.len() == 1 {
            self.problem(
                at,
                "needs a second account, and all targets have the same one; add a target or a key of another account, or remove it",
            );
        }
    }

    fn canary(
        &mut self,
        at: &Path,
        written: &file::Canary,
        targets: &[&Target],
        upstreams: &Upstreams,
    ) -> Option<Canary> {
        let share_at = at.key("share");
        let share = self.some_fraction(&share_at, written.share.as_ref(), 0.05);
        if share > MOST_ON_TRIAL {
            self.problem(
                &share_at,
                "leaves less than a control of its size; write `50%` at most",
            );
        }
        let target_at = at.key("target");
        let target = self.target(&target_at, &written.target.0, &upstreams.by_name)?;
        match targets {
            [only] if **only == target => self.problem(
                &target_at,
                "is the alias' only target, which leaves no control; write another one",
            ),
            targets if targets.contains(&&target) => self.problem(
                &target_at,
                "is among `targets` as well, and would be its own control; remove it there",
            ),
            _ => {}
        }
        Some(Canary {
            target,
            share,
            conditions: self.conditions(&at.key("where"), written.conditions.as_ref()),
        })
    }

    fn shadow(
        &mut self,
        at: &Path,
        written: &file::Shadow,
        targets: &[&Target],
        upstreams: &Upstreams,
    ) -> Option<Shadow> {
        let share = self.some_fraction(&at.key("share"), written.share.as_ref(), 0.01);
        let budget_at = at.key("usd_per_day");
        let budget = match written.usd_per_day.as_ref() {
            Some(budget) => self.parsed(&budget_at, Some(budget), 1, values::dollars),
            None => {
                self.problem(
                    at,
                    "has no `usd_per_day`; write what its copies may cost in a day, like `usd_per_day: 5`",
                );
                1
            }
        };
        if budget == 0 {
            self.problem(
                &budget_at,
                "is 0, which would copy nothing; write more, or remove `shadow`",
            );
        }
        let target_at = at.key("target");
        let target = self.target(&target_at, &written.target.0, &upstreams.by_name)?;
        if targets.contains(&&target) {
            self.problem(
                &target_at,
                "is among `targets` as well; write one that the alias does not use",
            );
        }
        Some(Shadow {
            target,
            share,
            usd_per_day: f64::from(budget) / 1_000_000.0,
            conditions: self.conditions(&at.key("where"), written.conditions.as_ref()),
        })
    }
}
