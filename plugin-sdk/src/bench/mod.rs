//! A stand-in for the proxy, so that a policy runs under `cargo test`, natively.
//!
//! A [`Bench`] holds a policy's configuration and gives each exchange a policy of its own, as the
//! proxy does. Replies are checked for what streams do to policies: the text is cut at every
//! position, and whatever the cut, the same must come out.
//!
//! ```
//! use outrigger_sdk::{Decision, Policy, Request, bench::Bench};
//! use serde_json::json;
//!
//! #[derive(serde::Deserialize)]
//! struct Downgrade { to: String }
//! impl Policy for Downgrade {
//!     fn on_request(&mut self, request: &mut Request) -> Decision {
//!         request.set_model(&self.to);
//!         Decision::Forward
//!     }
//! }
//!
//! let bench = Bench::<Downgrade>::new(json!({ "to": "small" })).expect("a valid configuration");
//! let exchange = bench.request(Request::chat("large").user("hi"));
//! assert_eq!(exchange.decision, Decision::Forward);
//! assert_eq!(exchange.request.body_json()["model"], "small");
//! ```
//!
//! Configurations that the policy must refuse, each with the message that the operator reads, are a
//! table in [`assert_config_errors!`](crate::assert_config_errors).
//!
//! The stores of a test are its own: `limits` keeps real buckets on the test's clock
//! ([`set_clock`], [`advance`]) and settles an exchange's reservations at its [`Exchange::end`];
//! `replies` knows which keys are kept and which are under way, and whose questions are near; texts
//! get [`vectors`] that the test sets, or such as have shared words close together. Calls get
//! [`canned`] answers.
//!
//! The words are those of a file of cases, which `outrigger policy test` runs in the real host: what
//! a case has as `advance`, `fetch`, `vectors`, `tags`, `reply_head`, `outcome` or `expect_log` is
//! [`advance`], [`canned`], [`vectors`], [`Request::with_tag`], [`Request::with_reply_head`],
//! [`outcome_with`] and [`log_lines`] here. `CASES.md` beside this crate has them all.
//!
//! It is no second proxy: it reads three JSON dialects in plain words and knows no stream formats,
//! no grants, and of the other dialects only the names. `outrigger policy test` runs the built
//! policy in the real host.

use std::{cell::RefCell, fmt, marker::PhantomData};

use serde::Serialize;

use crate::{
    AttemptReply, Decision, Delta, Failure, Hooks, Outcome, Place, Policy, Refusal, ReplyHead,
    Request, Usage, Verdict, guest,
};

mod canned;
mod config;
mod cuts;
mod failures;
pub(crate) mod host;
mod passages;
mod requests;

pub use canned::{Canned, canned, fetched};
pub use config::{assert_config_error, merged};
pub use failures::{attempt, attempt_reply, failure, rejected, target};
pub use host::{
    advance, buckets, counter, counter_labelled, embedded, embedder_fails, gauge, kept, log_lines,
    observations, on_fetch, reservations, set_clock, set_price, stores_fail, used, vectors,
};
#[doc(hidden)]
pub use serde_json::json;

/// A configured policy, ready to be given exchanges.
pub struct Bench<P> {
    config: String,
    policy: PhantomData<P>,
}

impl<P> fmt::Debug for Bench<P> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Bench")
            .field("config", &self.config)
            .finish()
    }
}

impl<P: Policy> Bench<P> {
    /// Configures the policy as the proxy would.
    ///
    /// # Errors
    /// The message that the operator would read: the policy's sentence with the path of the key, or
    /// the hook that the policy implements and does not declare.
    pub fn new(config: impl Serialize) -> Result<Self, String> {
        let config = serde_json::to_string(&config).map_err(|error| error.to_string())?;
        guest::undeclared(&mut guest::configured::<P>(&config)?)?;
        Ok(Self {
            config,
            policy: PhantomData,
        })
    }

    /// A policy as an exchange gets it.
    #[must_use]
    pub fn policy(&self) -> P {
        match guest::configured(&self.config) {
            Ok(policy) => policy,
            Err(error) => panic!("configured before, but not twice: {error}"),
        }
    }

    /// Begins an exchange: the request goes through `on_request`, where the policy has that hook.
    /// It sees the passages it reads.
    #[must_use]
    pub fn request(&self, mut request: Request) -> Exchange<P> {
        let mut policy = self.policy();
        request.host.show(policy.reads());
        request.declare(P::READS, policy.reads());
        let number = host::begin(&request.host);
        let decision = if policy.hooks().contains(Hooks::REQUEST) {
            policy.on_request(&mut request)
        } else {
            Decision::Forward
        };
        assert!(
            !matches!(decision, Decision::TryNow(_)),
            "`Decision::try_now` answers a failure; a request goes on with `Request::prefer`"
        );
        Exchange {
            policy,
            request,
            decision,
            number,
        }
    }

    /// Returns the text that the app reads where the model says `text`, after `request` went up.
    ///
    /// The exchange is run again for each cut that a stream may make in the text (whole; at every
    /// position; character by character; at random, in batches), with a policy of its own and the
    /// same randomness.
    ///
    /// # Errors
    /// The policy's refusal.
    ///
    /// # Panics
    /// If the cut makes a difference, or the policy does not declare that it rewrites `place`.
    #[track_caller]
    pub fn reply(&self, request: &Request, place: Place, text: &str) -> Result<String, Refusal> {
        let world = host::World::now();
        let run = |batches: Vec<Vec<Delta>>| {
            world.restore();
            let mut exchange = self.request(request.clone());
            exchange.require(place);
            exchange.stream(batches)
        };
        let whole = run(vec![vec![Delta::new(0, place, text, true)]]);
        for cut in cuts::every(text) {
            let reply = run(cut.deltas(place));
            assert!(
                reply == whole,
                "cut as {cut}, the reply is {reply:?}, and whole it is {whole:?}"
            );
        }
        whole
    }

    /// The same for several choices that arrive in turns, character by character: each must come
    /// out as it does alone.
    ///
    /// # Errors
    /// The policy's refusal.
    ///
    /// # Panics
    /// If one choice changes another.
    #[track_caller]
    pub fn choices(
        &self,
        request: &Request,
        place: Place,
        texts: &[&str],
    ) -> Result<Vec<String>, Refusal> {
        let alone: Vec<String> = texts
            .iter()
            .map(|text| self.reply(request, place, text))
            .collect::<Result<_, _>>()?;
        let mut exchange = self.request(request.clone());
        let mut together = vec![String::new(); texts.len()];
        for deltas in cuts::in_turns(texts, place) {
            let shown = deltas.clone();
            let kept = exchange.reply(deltas)?;
            for (delta, text) in shown.iter().zip(kept) {
                together[delta.channel() as usize].push_str(&text);
            }
        }
        assert!(
            together == alone,
            "arriving in turns the choices are {together:?}, and alone {alone:?}"
        );
        Ok(alone)
    }
}

/// One exchange: its policy, its request as the policy left it, and what the policy decided.
#[derive(Debug)]
pub struct Exchange<P> {
    /// The exchange's own policy.
    pub policy: P,
    /// The request that goes up, if the decision is to forward it.
    pub request: Request,
    /// The policy's decision.
    pub decision: Decision,
    number: u64,
}

impl<P: Policy> Exchange<P> {
    /// Reports whether the policy let the request go on.
    #[must_use]
    pub fn is_forwarded(&self) -> bool {
        self.decision == Decision::Forward
    }

    /// The policy's refusal.
    ///
    /// # Panics
    /// If the policy decided something else.
    #[must_use]
    #[track_caller]
    pub fn refusal(&self) -> &Refusal {
        match &self.decision {
            Decision::Refuse(refusal) => refusal,
            other => panic!("expected a refusal, not {other:?}"),
        }
    }

    /// Shows one batch of deltas; returns the text that leaves in the place of each.
    ///
    /// # Errors
    /// The policy's refusal.
    pub fn reply(&mut self, mut deltas: Vec<Delta>) -> Result<Vec<String>, Refusal> {
        host::enter(self.number, &self.request.host, false);
        if self.policy.hooks().contains(Hooks::REPLY) {
            let head = ReplyHead::from_host(self.request.host.reply_head());
            self.policy.on_reply(&head, &mut deltas)?;
        }
        Ok(deltas.iter().map(|delta| delta.text().to_owned()).collect())
    }

    /// Has the policy judge a whole reply before it is sent; returns its verdict, `Accept` where it
    /// holds none. A rejection goes to [`Exchange::fail_with`], of a [`rejected`] reply.
    pub fn attempt(&mut self, deltas: Vec<Delta>) -> Verdict {
        self.attempt_with(&attempt_reply(), deltas)
    }

    /// The same of a reply of which so much is there.
    ///
    /// # Panics
    /// If the policy holds replies and does not declare [`Hooks::ATTEMPT`], or its code is no word.
    #[track_caller]
    pub fn attempt_with(&mut self, reply: &AttemptReply, mut deltas: Vec<Delta>) -> Verdict {
        host::enter(self.number, &self.request.host, false);
        let Some(places) = self.request.host.holds_reply() else {
            return Verdict::Accept;
        };
        assert!(
            self.policy.hooks().contains(Hooks::ATTEMPT),
            "the policy holds replies and does not declare the hook: add `Hooks::ATTEMPT` to HOOKS"
        );
        let is_shown = |place: &str| places.iter().any(|name| name == place || name == "*");
        deltas.retain(|delta| is_shown(delta.place().name()));
        let verdict = self.policy.on_attempt(reply, &deltas);
        if let Verdict::Reject(code) = &verdict {
            let plain = |c: u8| matches!(c, b'a'..=b'z' | b'0'..=b'9' | b'_');
            let is_code = (1..=64).contains(&code.len()) && code.bytes().all(plain);
            assert!(is_code, "a rejection's code is no word: {code:?}");
        }
        verdict
    }

    /// Fails the call, after one attempt of the class that is usual for the status; returns the
    /// policy's decision, `Forward` where it has no such hook.
    pub fn fail(&mut self, status: u16, code: &str) -> Decision {
        let class = failures::usual_class(status);
        self.fail_with(&Failure {
            status,
            code: code.into(),
            class: class.into(),
            attempts: vec![attempt("openai/gpt-5", class, status)],
        })
    }

    /// Fails the call with this very [`failure`].
    ///
    /// # Panics
    /// If the policy names no target, or serves a kept reply: neither can answer a failure.
    #[track_caller]
    pub fn fail_with(&mut self, failure: &Failure) -> Decision {
        host::enter(self.number, &self.request.host, false);
        if !self.policy.hooks().contains(Hooks::FAILURE) {
            return Decision::Forward;
        }
        let decision = self.policy.on_failure(failure);
        let can = match &decision {
            Decision::TryNow(targets) => (1..=64).contains(&targets.len()),
            Decision::Serve(_) => false,
            _ => true,
        };
        assert!(can, "no failure can be answered with {decision:?}");
        decision
    }

    /// Ends the exchange: its reservations are settled, its reply is kept where the exchange wants
    /// it, and the policy's `on_end` is called, where it declares that hook. An exchange that is
    /// not ended is still under way.
    pub fn end(&mut self, outcome: &Outcome) {
        host::settle(self.number, outcome);
        host::enter(self.number, &self.request.host, false);
        if self.policy.hooks().contains(Hooks::END) {
            self.policy.on_end(outcome);
        }
    }

    fn stream(&mut self, batches: Vec<Vec<Delta>>) -> Result<String, Refusal> {
        let mut text = String::new();
        for deltas in batches {
            text.extend(self.reply(deltas)?);
        }
        Ok(text)
    }

    #[track_caller]
    fn require(&self, place: Place) {
        assert!(
            self.policy.hooks().contains(Hooks::REPLY)
                && self.policy.rewrites().contains(place.alone()),
            "`on_reply` is not shown {place:?}: declare `Hooks::REPLY` in HOOKS and the place in REWRITES",
        );
    }
}

/// An outcome of a whole reply: the usual starting point for a test of `on_end`.
#[must_use]
pub fn outcome() -> Outcome {
    Outcome {
        status: 200,
        target: "openai/gpt-5".into(),
        finish: "stop".into(),
        usage: Usage {
            input_tokens: 10,
            cached_input_tokens: 0,
            written_input_tokens: 0,
            output_tokens: 5,
            reasoning_tokens: 0,
            estimated: false,
        },
        cost_microusd: None,
        from_store: false,
        first_token_ms: Some(20),
        total_ms: 100,
        error: None,
        attempts: Vec::new(),
    }
}

/// The same, with what `change` sets in it.
///
/// ```
/// # use outrigger_sdk::bench::outcome_with;
/// assert_eq!(outcome_with(|outcome| outcome.finish = "length".into()).finish, "length");
/// ```
#[must_use]
pub fn outcome_with(change: impl FnOnce(&mut Outcome)) -> Outcome {
    let mut outcome = outcome();
    change(&mut outcome);
    outcome
}

thread_local! {
    /// The proxy's part: the stores, the clock, the log. Each test has a thread and so a world of
    /// its own.
    static WORLD: RefCell<host::World> = RefCell::new(host::World::default());
}

#[cfg(test)]
mod tests;
