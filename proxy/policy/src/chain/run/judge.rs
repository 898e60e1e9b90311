//! The step between an attempt's reply and the app: policies that hold it say what becomes of it.

use std::sync::Arc;

use dialect::{Delta, Places};

use super::{
    super::{LoadedPolicy, Stop, Verdict, active::ActivePolicy},
    Run,
};
use crate::{AttemptReply, AttemptVerdict};

/// The word of all policies about a reply that is held.
#[derive(Debug)]
pub enum Judgement {
    /// All of them accept it.
    Accepted,
    /// Some wait for more of it.
    Waiting,
    /// This one rejects it, with this code.
    Rejected(Arc<LoadedPolicy>, String),
}

impl Run {
    /// Reports whether any policy holds this exchange's replies.
    pub fn judges(&self) -> bool {
        let mut active = self.active.iter();
        active.any(|active| active.judges.is_some() && !active.out)
    }

    /// Begins to judge the reply of another attempt. Returns the places that policies are to be
    /// shown of it; `None` where nobody holds it.
    pub fn begin_attempt(&mut self) -> Option<Places> {
        let mut places = None;
        for active in &mut self.active {
            active.is_judging = active.judges.is_some() && !active.out;
            if let (true, Some(own)) = (active.is_judging, active.judges) {
                places = Some(places.unwrap_or(Places::NONE).union(own));
            }
        }
        places
    }

    /// Shows what arrived of a reply that is held to each policy that has not accepted it, from the
    /// last to the first. Once all of it is there, whoever waits accepts it.
    ///
    /// # Errors
    /// The exchange stops here.
    pub async fn on_attempt(
        &mut self,
        reply: &Arc<AttemptReply>,
        deltas: &[Delta],
    ) -> Result<Judgement, Stop> {
        let mut judgement = Judgement::Accepted;
        let judging = |active: &&mut ActivePolicy| active.is_judging;
        for active in self.active.iter_mut().rev().filter(judging) {
            let places = active.judges.unwrap_or(Places::NONE);
            let shown = deltas.iter().filter(|delta| places.contains(delta.place));
            let shown: Vec<Delta> = shown.cloned().collect();
            let texts = u32::try_from(shown.len()).unwrap_or(u32::MAX);
            let bytes = shown.iter().map(|delta| delta.text.len() as u64).sum();
            let begun = (self.clock)();
            let turn = match active.take(begun) {
                Ok(instance) => instance.on_attempt(Arc::clone(reply), shown).await,
                Err(fault) => Err(fault),
            };
            let now = (self.clock)();
            let took = now.duration_since(begun);
            active.activity.reply.call(texts, bytes, took);
            match turn {
                Ok((instance, AttemptVerdict::Reject(code))) => {
                    active.worked(instance, "attempt", Verdict::Rejected, took);
                    return Ok(Judgement::Rejected(Arc::clone(&active.policy), code));
                }
                Ok((instance, verdict)) => {
                    active.worked(instance, "attempt", Verdict::Forwarded, took);
                    active.is_judging = verdict == AttemptVerdict::Wait && !reply.ended;
                    if active.is_judging {
                        judgement = Judgement::Waiting;
                    }
                }
                Err(fault) => {
                    active.is_judging = false;
                    active.failed("attempt", fault, self.caller, now, took)?;
                }
            }
        }
        Ok(judgement)
    }
}
