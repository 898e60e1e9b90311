//! Sends each request to one of several tiers of models: the cheapest that its structure lets pass.
//! Needs the grant `values`.
//!
//! A table of rules gives a request a score, and the score a tier. No tier is given what it is not
//! known to take: then the next one up serves it. A conversation stays on its tier, because another
//! model has none of the provider's prompt cache, and moves down only where that costs less than it
//! saves. Texts are hardly looked at: what they say of difficulty is little better than chance.

use outrigger_sdk::{
    AttemptReply, Decision, Delta, Failure, Hooks, Places, Policy, Request, Verdict, export_policy,
    metrics, settings::Globs,
};

mod conversation;
mod demands;
mod file;
mod fit;
mod offer;
#[cfg_attr(not(feature = "judge"), path = "opinion/none.rs")]
mod opinion;
mod rules;
mod signals;

use conversation::{Kept, Sticky, Turn};
use file::Budget;
use fit::{Fit, Judge, Reading, Seen, Why};
use offer::{Needs, Short, Tier};
use opinion::Opinions;
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
    opinions: Opinions,
    /// Percents of a window that the input may take.
    fill: u64,
    budget: Option<Budget>,
    sticky: Option<Sticky>,
    /// Reasons for which a reply is tried again one tier up.
    escalate: Vec<Why>,
    mode: Mode,
    explain: bool,
    /// This exchange's turn of its conversation.
    turn: Option<Turn>,
    /// The tier that is tried where this exchange's own one fails, with its targets.
    next: Option<(usize, Vec<String>)>,
    /// The demands on this exchange's replies, while there is a tier above that may be tried.
    judge: Option<Judge>,
    reading: Reading,
}

/// The effect of a decision.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, serde::Deserialize)]
#[serde(rename_all = "snake_case")]
enum Mode {
    #[default]
    Route,
    /// None: it is counted, and written in the reply's header.
    Shadow,
}

/// The decision on a request.
#[derive(Debug)]
struct Choice {
    tier: usize,
    kept: Option<Kept>,
    score: Score,
    /// The borders are higher, as a budget nears its end.
    raised: bool,
}

impl Policy for TierRouter {
    const HOOKS: Hooks = (Hooks::REQUEST.union(Hooks::ATTEMPT)).union(Hooks::FAILURE);
    const READS: Places = Places::USER;

    fn hooks(&self) -> Hooks {
        match self.mode {
            Mode::Shadow => Hooks::REQUEST,
            Mode::Route if self.escalate.is_empty() => Hooks::REQUEST.union(Hooks::FAILURE),
            Mode::Route => Self::HOOKS,
        }
    }

    fn reads(&self) -> Places {
        let rules = self.rules.iter().any(Rule::reads);
        match self.sticky.is_some() || rules || self.opinions.read() {
            true => Self::READS,
            false => Places::empty(),
        }
    }

    fn on_request(&mut self, request: &mut Request) -> Decision {
        let Some(own) = request.model().filter(|model| self.models.matches(model)) else {
            return Decision::Forward;
        };
        let own = own.to_owned();
        let mut signals = Signals::default();
        let needs = Needs::of(request, &mut signals, self.fill);
        match self.mode {
            Mode::Route => {
                let choice = self.decide(request, &needs, &mut signals);
                self.route(request, &needs, choice);
            }
            Mode::Shadow => {
                let cost = offer::cost_of_its_own(request, &needs);
                let choice = self.decide(request, &needs, &mut signals);
                self.report(request, &needs, choice, cost);
                request.set_model(&own);
            }
        }
        Decision::Forward
    }

    fn on_attempt(&mut self, reply: &AttemptReply, deltas: &[Delta]) -> Verdict {
        let Some(judge) = &self.judge else {
            return Verdict::Accept;
        };
        let seen = Seen {
            ended: reply.ended,
            finish: reply.finish.as_deref(),
        };
        match self.reading.judge(judge, seen, deltas) {
            Fit::Wait => Verdict::Wait,
            Fit::Accept => {
                self.reading = Reading::default();
                Verdict::Accept
            }
            Fit::Reject(why) => Verdict::reject(why.name()),
        }
    }

    fn on_failure(&mut self, failure: &Failure) -> Decision {
        // What is tried instead is the last that is: whatever it says is the app's.
        let judged = self.judge.take().is_some();
        let unfit = failure.class == "unfit";
        // What the request itself or its caller is to blame for fails one tier up, too.
        if matches!(failure.class.as_str(), "request" | "caller" | "own") {
            return Decision::Forward;
        }
        let next = self.next.take_if(|_| judged || !unfit);
        let Some((at, targets)) = next else {
            return Decision::Forward;
        };
        let tier = &self.tiers[at];
        if let Some(turn) = &self.turn {
            turn.keep(tier, unfit);
        }
        let to = ("tier", tier.model.as_str());
        match unfit {
            true => {
                let why = metrics::one_of(&failure.code, &Why::ALL.map(Why::name));
                metrics::count_labelled("escalated", &[to, ("why", why)], 1);
            }
            false => metrics::count_labelled("failed_up", &[to], 1),
        }
        Decision::try_now(targets)
    }
}

impl TierRouter {
    /// Decides which tier serves a request. The request names another model afterwards.
    fn decide(&mut self, request: &mut Request, needs: &Needs, signals: &mut Signals) -> Choice {
        let mut score = Score::of(&self.rules, request, signals);
        let budget = self.budget.as_ref();
        let raise = budget.map_or(0, |budget| budget.raise(request));
        self.turn = (self.sticky.as_ref()).and_then(|sticky| sticky.turn(request));
        let kept = self.turn.as_ref().and_then(|turn| turn.kept(&self.tiers));
        if kept.is_none() {
            self.opinions.add(request, &mut score);
        }
        if raise > 0 {
            score.explain("budget");
        }
        let mut wanted = score.bound(self.tier_from(score.sum.saturating_sub(raise)));
        let before = kept.map(|kept| (score.bound(kept.tier), kept.escalated));
        if let Some((tier, escalated)) = before.filter(|(tier, _)| *tier > wanted) {
            match !escalated && self.pays_to_move(request, needs, tier, wanted) {
                true => score.explain("cheaper"),
                false => {
                    score.explain(if escalated { "escalated" } else { "kept" });
                    wanted = tier;
                }
            }
        }
        Choice {
            tier: self.choose(request, needs, wanted, &mut score),
            kept,
            score,
            raised: raise > 0,
        }
    }

    /// Sends the request to its tier.
    fn route(&mut self, request: &mut Request, needs: &Needs, choice: Choice) {
        self.next = self.above(request, needs, choice.tier);
        self.judge = self.judge(request, &choice);
        if self.judge.is_some() {
            request.hold_reply(Places::ASSISTANT | Places::TOOL_ARGUMENTS | Places::REFUSAL);
        }
        let tier = &self.tiers[choice.tier];
        request.set_model(&tier.model);
        self.remember(&choice);
        metrics::count_labelled("routed", &[("tier", &tier.model)], 1);
        if let Some(moved) = choice.kept.filter(|kept| kept.tier != choice.tier) {
            let direction = if moved.tier < choice.tier {
                "up"
            } else {
                "down"
            };
            metrics::count_labelled("moved", &[("direction", direction)], 1);
        }
        self.explain(request, &choice.score.header(&tier.model));
    }

    /// Returns what the request's replies are judged by; `None` where none would be tried again: no
    /// tier above can take it or is allowed to, or a budget nears its end.
    fn judge(&self, request: &Request, choice: &Choice) -> Option<Judge> {
        let (above, _) = self.next.as_ref()?;
        let is_allowed = choice.score.most().is_none_or(|most| *above <= most);
        if self.escalate.is_empty() || choice.raised || !is_allowed {
            return None;
        }
        Some(demands::judge(request, &self.escalate)).filter(Judge::is_needed)
    }

    /// Says where the request would have gone, and by how much its estimated cost would differ.
    fn report(&self, request: &mut Request, needs: &Needs, choice: Choice, cost: Option<u64>) {
        let tier = &self.tiers[choice.tier];
        let there = tier.offer(request, needs).cost(needs, 100);
        self.remember(&choice);
        let to = [("tier", tier.model.as_str())];
        metrics::count_labelled("shadowed", &to, 1);
        let mut header = choice.score.header(&tier.model);
        header.push_str("; mode=shadow");
        match cost.zip(there) {
            Some((here, there)) if there <= here => {
                metrics::count_labelled("shadow_saved_microusd", &to, here - there);
                header.push_str(&format!("; saved_microusd={}", here - there));
            }
            Some((here, there)) => {
                metrics::count_labelled("shadow_added_microusd", &to, there - here);
                header.push_str(&format!("; added_microusd={}", there - here));
            }
            None => metrics::count_labelled("shadow_unpriced", &to, 1),
        }
        self.explain(request, &header);
    }

    fn remember(&self, choice: &Choice) {
        let before = choice.kept.map(|kept| kept.tier);
        if let Some(turn) = self.turn.as_ref().filter(|_| before != Some(choice.tier)) {
            let escalated = choice.kept.is_some_and(|kept| kept.escalated);
            turn.keep(&self.tiers[choice.tier], escalated);
        }
    }

    fn explain(&self, request: &mut Request, header: &str) {
        if self.explain {
            request.set_reply_header("x-outrigger-tier", header);
        }
    }

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
