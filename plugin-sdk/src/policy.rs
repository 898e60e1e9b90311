//! The trait that a policy implements.

use serde::de::DeserializeOwned;

use crate::{
    AttemptReply, Decision, Delta, Failure, Hooks, Outcome, Places, Refusal, ReplyHead, Request,
    Verdict, guest,
};

/// A policy. Its fields are its configuration.
///
/// Only hooks that are declared are called: [`Policy::HOOKS`] is `on_request` alone by default, and
/// a hook that a policy does not declare costs its exchanges nothing. One that it implements and
/// does not declare would never be called, so such a policy is not configured: neither by the bench
/// nor by the proxy (which finds out by calling the hook once, with nothing in it). `on_reply` needs
/// two declarations, the hook and the places that it is to be shown:
///
/// ```
/// # use outrigger_sdk::{Delta, Hooks, Places, Policy, Refusal, ReplyHead};
/// # #[derive(serde::Deserialize)] struct Shout {}
/// impl Policy for Shout {
///     const HOOKS: Hooks = Hooks::REPLY;
///     const REWRITES: Places = Places::ASSISTANT;
///
///     fn on_reply(&mut self, _: &ReplyHead, deltas: &mut [Delta]) -> Result<(), Refusal> {
///         for delta in deltas {
///             delta.replace(delta.text().to_uppercase());
///         }
///         Ok(())
///     }
/// }
/// ```
pub trait Policy: DeserializeOwned + 'static {
    /// The hooks that are worth a call. Default: `on_request`.
    const HOOKS: Hooks = Hooks::REQUEST;
    /// The places of a request that [`Request::passages`] lists. Default: none, and the body is not
    /// indexed. A policy that lists passages and reads no place does not load.
    const READS: Places = Places::empty();
    /// The places of a reply that `on_reply` is shown. Default: none.
    const REWRITES: Places = Places::empty();
    /// A JSON Schema of the configuration, or empty.
    const CONFIG_SCHEMA: &'static str = "";

    /// The hooks that this configuration needs: [`Policy::HOOKS`] or fewer.
    fn hooks(&self) -> Hooks {
        Self::HOOKS
    }

    /// The places that this configuration reads: [`Policy::READS`] or fewer. Others are not indexed
    /// for it.
    fn reads(&self) -> Places {
        Self::READS
    }

    /// The places that this configuration is shown of a reply: [`Policy::REWRITES`] or fewer.
    fn rewrites(&self) -> Places {
        Self::REWRITES
    }

    /// Decides about a request, before it goes on; edits it where needed.
    fn on_request(&mut self, request: &mut Request) -> Decision {
        let _ = request;
        guest::leave_mark();
        Decision::Forward
    }

    /// Receives what arrived of a reply, and may replace it.
    ///
    /// A channel (a choice's text, its reasoning, one tool call's arguments) is one growing string
    /// that arrives in deltas, cut anywhere between two characters; a reply that is not streamed is
    /// one delta. A policy that must see a text whole holds it back with
    /// [`HoldBack`](crate::HoldBack).
    ///
    /// # Errors
    /// A refusal ends the reply, in mid-stream too.
    fn on_reply(&mut self, head: &ReplyHead, deltas: &mut [Delta]) -> Result<(), Refusal> {
        let _ = (head, deltas);
        guest::leave_mark();
        Ok(())
    }

    /// Judges what arrived of a reply that [`Request::hold_reply`] holds, before anything of it is
    /// sent: as it comes from the target, in the places that were named. Needs
    /// [`Hooks::ATTEMPT`](crate::Hooks).
    ///
    /// It is called until it accepts or rejects; a reply that is no stream is one call, and a stream
    /// is held for 15 s and 256 KiB at the most. A rejection is a failure of class `unfit`, which
    /// [`Policy::on_failure`] sees:
    ///
    /// ```
    /// # use outrigger_sdk::{AttemptReply, Decision, Delta, Failure, Hooks, Places, Policy, Request, Verdict};
    /// /// An empty reply is tried again at a larger model.
    /// #[derive(serde::Deserialize)]
    /// struct NeverEmpty { larger: String }
    ///
    /// impl Policy for NeverEmpty {
    ///     const HOOKS: Hooks = Hooks::REQUEST.union(Hooks::ATTEMPT).union(Hooks::FAILURE);
    ///
    ///     fn on_request(&mut self, request: &mut Request) -> Decision {
    ///         request.hold_reply(Places::ASSISTANT | Places::TOOL_ARGUMENTS);
    ///         Decision::Forward
    ///     }
    ///
    ///     fn on_attempt(&mut self, reply: &AttemptReply, deltas: &[Delta]) -> Verdict {
    ///         match deltas.iter().any(|delta| !delta.text().trim().is_empty()) {
    ///             true => Verdict::Accept,
    ///             false if reply.ended => Verdict::reject("empty"),
    ///             false => Verdict::Wait,
    ///         }
    ///     }
    ///
    ///     fn on_failure(&mut self, failure: &Failure) -> Decision {
    ///         match failure.code.as_str() {
    ///             "empty" => Decision::try_now([&self.larger]),
    ///             _ => Decision::Forward,
    ///         }
    ///     }
    /// }
    /// # let mut exchange = outrigger_sdk::bench::Bench::<NeverEmpty>::new(serde_json::json!({ "larger": "a/l" }))
    /// #     .unwrap().request(Request::chat("m").user("hi"));
    /// # assert_eq!(exchange.attempt(vec![Delta::new(0, outrigger_sdk::Place::Assistant, " ", true)]), Verdict::reject("empty"));
    /// ```
    fn on_attempt(&mut self, reply: &AttemptReply, deltas: &[Delta]) -> Verdict {
        let _ = (reply, deltas);
        guest::leave_mark();
        Verdict::Accept
    }

    /// The call failed, and nothing was sent to the app yet: `Forward` lets the failure pass,
    /// `Reply`, `Refuse` and, once, `TryNow` take its place. Needs
    /// [`Hooks::FAILURE`](crate::Hooks).
    fn on_failure(&mut self, failure: &Failure) -> Decision {
        let _ = failure;
        guest::leave_mark();
        Decision::Forward
    }

    /// Receives the exchange's outcome, after the caller has its answer.
    fn on_end(&mut self, outcome: &Outcome) {
        let _ = outcome;
        guest::leave_mark();
    }
}
