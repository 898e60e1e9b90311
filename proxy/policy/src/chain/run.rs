//! One exchange's pass through the chain.

use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use dialect::Delta;

use super::{
    Activity, Chain, LoadedPolicy, Stop, TracedPolicy, Verdict,
    active::{ActivePolicy, Side, mark},
    hooks::Hooks,
};
use crate::{Call, Coverage, Decision, ReplyHead, call::Mark};

mod ends;
mod judge;

pub use judge::Judgement;

/// One exchange's pass through the chain.
pub struct Run {
    active: Vec<ActivePolicy>,
    /// Index of the policy that is called next.
    next: usize,
    /// Number of policies, from the first, that the reply goes up through: all of them, unless one
    /// served it.
    reply_from: usize,
    /// Position in the call's journal before the policy that served it was called.
    before: Option<Mark>,
    /// Index of the last policy that rewrites replies: from it on, policies see replies as they
    /// came.
    raw_from: usize,
    /// Hash of the caller, for the breakers of policies that fail.
    caller: u64,
    clock: fn() -> Instant,
}

impl Run {
    /// Begins an exchange's pass through `chain`.
    pub fn new(chain: &Chain, clock: fn() -> Instant) -> Self {
        Self {
            active: chain.policies.iter().map(ActivePolicy::new).collect(),
            next: 0,
            reply_from: chain.policies.len(),
            before: None,
            raw_from: chain
                .policies
                .iter()
                .rposition(|policy| policy.rewrites_replies())
                .unwrap_or(0),
            caller: 0,
            clock,
        }
    }

    /// Notes each policy's calls from here on, for [`Run::traced`].
    pub fn trace(&mut self) {
        for active in &mut self.active {
            active.hooks = Some(Hooks::new(self.clock));
        }
    }

    /// Takes what was called of each policy so far; nothing where nobody traces the exchange.
    pub fn traced(&mut self) -> Vec<TracedPolicy> {
        let all = self.active.iter_mut();
        all.filter_map(ActivePolicy::traced).collect()
    }

    /// Calls each policy's request hook in turn. `unread` is the reason why no dialect reads the
    /// request, where so, and how large it is at least: policies that read passages are left out
    /// then. After [`Stop::Served`] it goes on behind the policy that served.
    ///
    /// # Errors
    /// The exchange stops here.
    pub async fn on_request(
        &mut self,
        mut call: Box<Call>,
        unread: Option<(&'static str, u64)>,
    ) -> Result<Box<Call>, Stop> {
        let resumed = self
            .next
            .checked_sub(1)
            .and_then(|at| self.active.get_mut(at));
        if let Some(active) = resumed.filter(|active| active.verdict == Some(Verdict::Served)) {
            active.verdict = Some(Verdict::Forwarded);
            // Its headers described the reply that it served, not the one that will come.
            if let Some(mark) = self.before.take() {
                call.forget_reply_headers(&mark);
            }
        }
        if !self.active.is_empty() {
            self.caller = call.caller_hash();
        }
        for (at, active) in self.active.iter_mut().enumerate().skip(self.next) {
            self.next = at + 1;
            call.claims.recordable = at >= self.raw_from;
            let manifest = active.policy.program.manifest();
            if !manifest.hooks.request {
                continue;
            }
            let reads = !manifest.reads.is_empty();
            if let (true, Some((reason, bytes))) = (reads, unread) {
                active.coverage.miss(reason, bytes);
                continue;
            }
            let (passages, shown) = if reads {
                for (what, bytes) in call.body.unseen() {
                    active.coverage.miss(what, *bytes);
                }
                call.body.passage_figures(manifest.reads)
            } else {
                (0, 0)
            };
            let mark = call.mark();
            let begun = (self.clock)();
            let (back, turn) = match active.take(begun) {
                Ok(instance) => instance.on_request(call).await,
                Err(fault) => (call, Err(fault)),
            };
            call = back;
            let took = (self.clock)().duration_since(begun);
            let holds = call.claims.hold_reply.take();
            active.activity.request.call(passages, shown, took);
            match turn {
                Ok((instance, decision)) => {
                    active.coverage.show(shown);
                    active.judges = holds;
                    let verdict = match &decision {
                        Decision::Refuse(_) => Verdict::Refused,
                        Decision::Reply(_) => Verdict::Replied,
                        Decision::Serve(_) => Verdict::Served,
                        // The sandbox lets no policy try targets before anything failed.
                        Decision::Forward | Decision::TryNow(_) if call.edited_since(&mark) => {
                            call.count_edits(&mark, &mut active.activity.request.edits);
                            Verdict::Edited
                        }
                        Decision::Forward | Decision::TryNow(_) => Verdict::Forwarded,
                    };
                    active.worked(instance, "request", verdict, took);
                    match decision {
                        Decision::Forward | Decision::TryNow(_) => {}
                        Decision::Refuse(denial) => {
                            return Err(Stop::Refused(
                                Some(call),
                                Arc::clone(&active.policy),
                                denial,
                            ));
                        }
                        Decision::Reply(text) => {
                            return Err(Stop::Replied(call, Arc::clone(&active.policy), text));
                        }
                        Decision::Serve(key) => {
                            let claims = &mut call.claims;
                            let found = claims.found.iter().position(|(known, _)| *known == key);
                            // The sandbox lets no policy serve what it did not find.
                            if let Some(found) = found {
                                let (_, found) = claims.found.swap_remove(found);
                                self.before = Some(mark);
                                return Err(Stop::Served(call, found));
                            }
                        }
                    }
                }
                Err(fault) => {
                    call.roll_back(mark);
                    active.coverage.miss(fault.label(), shown);
                    active.failed("request", fault, self.caller, begun + took, took)?;
                }
            }
        }
        Ok(call)
    }

    /// Reports whether a reply has to be shown to any policy.
    pub fn rewrites(&self) -> bool {
        self.active
            .iter()
            .take(self.reply_from)
            .any(ActivePolicy::rewrites)
    }

    /// Starts the reply at the policy that served it: it goes up from there, and that policy is not
    /// shown it.
    pub fn served(&mut self) {
        self.reply_from = self.next.saturating_sub(1);
    }

    /// Shows a batch of deltas to each policy, from the last to the first. Returns an entry per
    /// delta, the text that replaces it; an empty list means that all stay as they are.
    ///
    /// # Errors
    /// The exchange stops here.
    pub async fn on_reply(
        &mut self,
        head: &Arc<ReplyHead>,
        deltas: Vec<Delta>,
    ) -> Result<Vec<Option<String>>, Stop> {
        self.up(head, deltas, self.reply_from).await
    }

    /// Returns the instant at which the text that some policy has withheld longest must be sent.
    pub fn hold_until(&self) -> Option<Instant> {
        self.active
            .iter()
            .filter_map(ActivePolicy::hold_until)
            .min()
    }

    /// Releases, as it is, the text that policies have withheld for as long as they may. It goes up
    /// the rest of the chain and is returned by channel, to be written now. No fault: a pause of
    /// the provider is not the policy's doing.
    ///
    /// # Errors
    /// The exchange stops here: a policy further up refused or failed.
    pub async fn overdue(&mut self, head: &Arc<ReplyHead>) -> Result<Vec<(u32, String)>, Stop> {
        let now = (self.clock)();
        let mut out = Vec::new();
        for at in (0..self.reply_from).rev() {
            let Some(active) = self.active.get_mut(at) else {
                continue;
            };
            let deltas = active.let_go(now);
            if deltas.is_empty() {
                continue;
            }
            let texts = self.up(head, deltas.clone(), at).await?;
            let texts = texts.into_iter().chain(std::iter::repeat(None));
            for (delta, text) in deltas.into_iter().zip(texts) {
                out.push((delta.channel, text.unwrap_or(delta.text)));
            }
        }
        Ok(out)
    }

    /// Shows a batch to the first `active` policies, from the last of them to the first.
    async fn up(
        &mut self,
        head: &Arc<ReplyHead>,
        mut deltas: Vec<Delta>,
        active: usize,
    ) -> Result<Vec<Option<String>>, Stop> {
        let mut changed = vec![];
        for active in self.active.iter_mut().take(active).rev() {
            if !active.rewrites() {
                if active.out && active.policy.rewrites_replies() {
                    let missed = active.bytes_of(&deltas);
                    active.coverage.miss("policy_failed", missed);
                }
                active.give_out(&mut deltas, &mut changed, Side::Before);
                continue;
            }
            let shown: Vec<usize> = (0..deltas.len())
                .filter(|at| {
                    deltas
                        .get(*at)
                        .is_some_and(|delta| active.places.contains(delta.place))
                })
                .collect();
            if shown.is_empty() {
                continue;
            }
            let batch = shown
                .iter()
                .filter_map(|at| deltas.get(*at).cloned())
                .collect();
            let bytes = active.bytes_of(&deltas);
            let begun = (self.clock)();
            let turn = match active.take(begun) {
                Ok(instance) => instance.on_reply(Arc::clone(head), batch).await,
                Err(fault) => Err(fault),
            };
            let now = (self.clock)();
            let took = now.duration_since(begun);
            let texts = u32::try_from(shown.len()).unwrap_or(u32::MAX);
            active.activity.reply.call(texts, bytes, took);
            match turn {
                Ok((instance, Ok(texts))) => {
                    active.coverage.show(bytes);
                    let mut edited = false;
                    let texts = texts.into_iter().chain(std::iter::repeat(None));
                    for (at, text) in shown.into_iter().zip(texts) {
                        let Some(delta) = deltas.get_mut(at) else {
                            continue;
                        };
                        let text = active.hold(delta, text, now);
                        if let Some(text) = text.filter(|text| *text != delta.text) {
                            edited = true;
                            active.activity.reply.edits.add(delta.place.name(), 1);
                            mark(&mut changed, at);
                            delta.text = text;
                        }
                    }
                    let verdict = if edited {
                        Verdict::Edited
                    } else {
                        Verdict::Forwarded
                    };
                    active.worked(instance, "reply", verdict, took);
                    if !head.streaming {
                        active.replied();
                    }
                    if let Some(fault) = active.exceeds_hold() {
                        active.instance = None;
                        active.failed("reply", fault, self.caller, now, Duration::ZERO)?;
                        active.give_out(&mut deltas, &mut changed, Side::After);
                    }
                }
                Ok((instance, Err(denial))) => {
                    active.coverage.show(bytes);
                    active.worked(instance, "reply", Verdict::Refused, took);
                    return Err(Stop::Refused(None, Arc::clone(&active.policy), denial));
                }
                Err(fault) => {
                    active.coverage.miss(fault.label(), bytes);
                    active.failed("reply", fault, self.caller, now, took)?;
                    active.give_out(&mut deltas, &mut changed, Side::Before);
                }
            }
        }
        if changed.is_empty() {
            return Ok(Vec::new());
        }
        let kept = changed.into_iter().chain(std::iter::repeat(false));
        Ok(deltas
            .into_iter()
            .zip(kept)
            .map(|(delta, new)| new.then_some(delta.text))
            .collect())
    }

    /// Records what no policy can be shown of the reply.
    pub fn missed(&mut self, reason: &'static str, bytes: u64) {
        for active in &mut self.active {
            if active.policy.rewrites_replies() {
                active.coverage.miss(reason, bytes);
            }
        }
    }

    /// Reports to each policy's listener what the policy was shown; to be called once.
    pub fn report_coverage(&self) {
        for active in &self.active {
            if active.coverage != Coverage::default() {
                active
                    .policy
                    .listener
                    .covered(&active.policy, &active.coverage);
            }
        }
    }

    /// Iterates over all policies: what each did, if it was called, what it was shown, and what not.
    pub fn activities(
        &self,
    ) -> impl Iterator<Item = (&LoadedPolicy, Option<Verdict>, &Activity, &Coverage)> {
        self.active.iter().map(|active| {
            let ActivePolicy {
                policy,
                verdict,
                activity,
                coverage,
                ..
            } = active;
            (&**policy, *verdict, activity, coverage)
        })
    }

    /// Iterates over the policies that were called: what each did, and how long it took.
    pub fn verdicts(&self) -> impl Iterator<Item = (&LoadedPolicy, Verdict, Duration)> {
        self.active.iter().filter_map(|active| {
            active
                .verdict
                .map(|verdict| (&*active.policy, verdict, active.activity.took))
        })
    }
}
