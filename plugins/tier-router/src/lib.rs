//! Sends each request to one of several tiers of models: the cheapest that its structure lets pass.
//! Needs the grant `values`.
//!
//! A table of rules gives a request a score, and the score a tier. No tier is given what it is not
//! known to take: then the next one up serves it. A conversation stays on its tier, because another
//! model has none of the provider's prompt cache, and moves down only where that costs less than it
//! saves. Texts are hardly looked at: what they say of difficulty is little better than chance.

use outrigger_sdk::{
    Decision, Failure, Hooks, Places, Policy, Request, export_policy, metrics, settings::Globs,
};

mod conversation;
mod file;
mod offer;
mod rules;
mod signals;

use conversation::{Sticky, Turn};
use file::Budget;
use offer::{Needs, Short, Tier};
use rules::{Rule, Score};
use signals::Signals;

/// The policy's `config:` in `outrigger.yaml`.
#[derive(Debug, serde::Deserialize)]
#[serde(try_from = "file::File")]
pub struct TierRouter {
    models: Globs,
    /// The cheapest first; two at least.
    tiers: Vec<Tier>,
    rules: Vec<Rule>,
    /// Percents of a window that the input may take.
    fill: u64,
    budget: Option<Budget>,
    sticky: Option<Sticky>,
    explain: bool,
    /// This exchange's turn of its conversation.
    turn: Option<Turn>,
    /// The tier that is tried where this exchange's own one fails, with its targets.
    next: Option<(usize, Vec<String>)>,
}

impl Policy for TierRouter {
    const HOOKS: Hooks = Hooks::REQUEST.union(Hooks::FAILURE);
    const READS: Places = Places::USER;

    fn reads(&self) -> Places {
        match self.sticky.is_some() || self.rules.iter().any(Rule::reads) {
            true => Self::READS,
            false => Places::empty(),
        }
    }

    fn on_request(&mut self, request: &mut Request) -> Decision {
        let named = |model| self.models.matches(model);
        if !request.model().is_some_and(named) {
            return Decision::Forward;
        }
        let mut signals = Signals::default();
        let mut score = Score::of(&self.rules, request, &mut signals);
        let raise = self
            .budget
            .as_ref()
            .map_or(0, |budget| budget.raise(request));
        if raise > 0 {
            score.explain("budget");
        }
        let needs = Needs::of(request, &mut signals, self.fill);
        self.turn = (self.sticky.as_ref()).and_then(|sticky| sticky.turn(request));
        let kept = self.turn.as_ref().and_then(|turn| turn.kept(&self.tiers));

        let mut wanted = score.bound(self.tier_from(score.sum - raise));
        if let Some(kept) = kept
            .map(|kept| score.bound(kept))
            .filter(|kept| *kept > wanted)
        {
            match self.pays_to_move(request, &needs, kept, wanted) {
                true => score.explain("cheaper"),
                false => {
                    score.explain("kept");
                    wanted = kept;
                }
            }
        }
        let chosen = self.choose(request, &needs, wanted, &mut score);
        self.next = self.above(request, &needs, chosen);
        let tier = &self.tiers[chosen];
        request.set_model(&tier.model);
        if let Some(turn) = self.turn.as_ref().filter(|_| kept != Some(chosen)) {
            turn.keep(tier);
        }
        metrics::count_labelled("routed", &[("tier", &tier.model)], 1);
        if let Some(moved) = kept.filter(|kept| *kept != chosen) {
            let direction = if moved < chosen { "up" } else { "down" };
            metrics::count_labelled("moved", &[("direction", direction)], 1);
        }
        if self.explain {
            request.set_reply_header("x-outrigger-tier", &score.header(&tier.model));
        }
        Decision::Forward
    }

    fn on_failure(&mut self, failure: &Failure) -> Decision {
        // What the request itself or its caller is to blame for fails one tier up, too.
        if matches!(failure.class.as_str(), "request" | "caller" | "own") {
            return Decision::Forward;
        }
        let Some((at, targets)) = self.next.take() else {
            return Decision::Forward;
        };
        let tier = &self.tiers[at];
        if let Some(turn) = &self.turn {
            turn.keep(tier);
        }
        metrics::count_labelled("failed_up", &[("tier", &tier.model)], 1);
        Decision::try_now(targets)
    }
}

impl TierRouter {
    /// Returns the highest tier that begins at this score or below it.
    fn tier_from(&self, score: i32) -> usize {
        let begun = self.tiers.iter().skip(1).filter(|tier| tier.from <= score);
        begun.count()
    }

    /// Reports whether the exchange costs less one tier down, without the prompt cache, than here
    /// with it. Without prices it does not.
    fn pays_to_move(&self, request: &mut Request, needs: &Needs, from: usize, to: usize) -> bool {
        let Some(sticky) = &self.sticky else {
            return true;
        };
        let cached = self.tiers[from].offer(request, needs);
        let cached = cached.cost(needs, sticky.cached_percent());
        let offer = self.tiers[to].offer(request, needs);
        match (cached, offer.cost(needs, 100)) {
            (Some(stay), Some(go)) => offer.short.is_none() && go < stay,
            _ => false,
        }
    }

    /// Returns the first tier from `wanted` up that can serve the request; where none can, one that
    /// could and is open now, else the highest.
    fn choose(
        &self,
        request: &mut Request,
        needs: &Needs,
        wanted: usize,
        score: &mut Score,
    ) -> usize {
        let mut open = None;
        let highest = self.tiers.len() - 1;
        for (at, tier) in self.tiers.iter().enumerate().skip(wanted) {
            let Some(short) = tier.offer(request, needs).short else {
                return at;
            };
            if short == Short::Open {
                open.get_or_insert(at);
            }
            if at < highest {
                score.explain(&format!("{}:{}", tier.model, short.name()));
                let labels = [("tier", tier.model.as_str()), ("why", short.name())];
                metrics::count_labelled("passed_over", &labels, 1);
            }
        }
        open.unwrap_or(highest)
    }

    /// Returns the next tier up that can serve the request, with its targets.
    fn above(
        &self,
        request: &mut Request,
        needs: &Needs,
        chosen: usize,
    ) -> Option<(usize, Vec<String>)> {
        self.tiers
            .iter()
            .enumerate()
            .skip(chosen + 1)
            .find_map(|(at, tier)| {
                let offer = tier.offer(request, needs);
                let targets: Vec<String> = offer.targets.into_iter().map(|t| t.name).collect();
                (offer.short.is_none() && !targets.is_empty()).then_some((at, targets))
            })
    }
}

export_policy!(TierRouter);

#[cfg(test)]
mod tests;
